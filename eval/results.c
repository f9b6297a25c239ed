/* results.c - see results.h. */
#include "eval/results.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { HEARTBEAT_LIMIT = 30 };

void gn_run_row_release(gn_run_row *r) {
    gn_str_release(&r->name);
    gn_str_release(&r->model);
    gn_str_release(&r->path);
    gn_str_release(&r->sha);
    gn_str_release(&r->options);
    gn_str_release(&r->argv);
    gn_str_release(&r->resume_key);
}

static void copy(char *out, size_t size, gn_slice text) {
    const size_t n = text.len < size - 1 ? text.len : size - 1;
    memcpy(out, text.data, n);
    out[n] = '\0';
}

/* ---- runs ------------------------------------------------------------------------ */

#define RUN_COLUMNS                                                                                \
    "SELECT r.id, r.status, r.checkpoint_id, r.build_id, r.started_at, r.ended_at, "               \
    "r.heartbeat_at, r.boot_id, r.pid, r.name, c.name, c.path, c.sha, r.options_json, r.argv, "    \
    "r.resume_key, r.blessed_at, json_extract(c.config_json, '$.training.step') FROM run r JOIN "  \
    "checkpoint c ON c.id = r.checkpoint_id "

/* step-600, checkpoint-600: the number; -1 for other names. */
static int64_t step_of(gn_slice name) {
    static const char *const before[] = {"step-", "step_", "step", "checkpoint-"};
    int64_t step;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        const gn_slice word = gn_slice_of(before[i]);
        if (gn_slice_starts(name, word) && gn_parse_integer(gn_slice_from(name, word.len), &step) &&
            step >= 0)
            return step;
    }
    return -1;
}

static bool read_run(gn_statement *q, gn_run_row *out, gn_error *e) {
    *out = (gn_run_row){0};
    copy(out->id, sizeof out->id, gn_column_text(q, 0));
    copy(out->status, sizeof out->status, gn_column_text(q, 1));
    out->checkpoint = gn_column_int(q, 2);
    out->build = gn_column_int(q, 3);
    copy(out->started_at, sizeof out->started_at, gn_column_text(q, 4));
    copy(out->ended_at, sizeof out->ended_at, gn_column_text(q, 5));
    copy(out->heartbeat_at, sizeof out->heartbeat_at, gn_column_text(q, 6));
    copy(out->boot_id, sizeof out->boot_id, gn_column_text(q, 7));
    out->pid = gn_column_int(q, 8);
    gn_str_add(&out->name, gn_column_text(q, 9));
    gn_str_add(&out->model, gn_column_text(q, 10));
    gn_str_add(&out->path, gn_column_text(q, 11));
    gn_str_add(&out->sha, gn_column_text(q, 12));
    gn_str_add(&out->options, gn_column_text(q, 13));
    gn_str_add(&out->argv, gn_column_text(q, 14));
    gn_str_add(&out->resume_key, gn_column_text(q, 15));
    out->blessed = !gn_column_is_null(q, 16);
    out->step = gn_column_is_null(q, 17) ? step_of(gn_column_text(q, 10)) : gn_column_int(q, 17);
    return gn_str_ok(&out->options, e) && gn_str_ok(&out->argv, e) && gn_str_ok(&out->path, e) &&
           gn_str_ok(&out->resume_key, e);
}

/* The first row of a bound statement, as a run. */
static bool first_run(gn_statement *q, gn_run_row *out, bool *found, gn_error *e) {
    *found = false;
    if (!q || !gn_sql_step(q, found, e))
        return false;
    const bool ok = !*found || read_run(q, out, e);
    gn_sql_reset(q);
    if (!ok)
        gn_run_row_release(out);
    return ok;
}

/* "-2": the second newest. */
static bool is_backward(const char *name, int64_t *n) {
    if (strcmp(name, "last") == 0) {
        *n = 1;
        return true;
    }
    if (name[0] != '-' || !gn_parse_integer(gn_slice_of(name + 1), n))
        return false;
    return *n >= 1;
}

static bool find_backward(gn_store *s, const char *name, int64_t n, gn_run_row *out, gn_error *e) {
    bool found;
    gn_statement *q =
        gn_sql_prepare(gn_store_sql(s), RUN_COLUMNS "ORDER BY r.id DESC LIMIT 1 OFFSET ?", e);
    if (!q)
        return false;
    gn_bind_int(q, 1, n - 1);
    return first_run(q, out, &found, e) &&
           (found || gn_fail(e, GN_INVALID, "there is no run '%s': the database '%s' has fewer",
                             name, gn_store_file(s)));
}

bool gn_run_find(gn_store *s, const char *name, gn_run_row *out, gn_error *e) {
    int64_t back;
    *out = (gn_run_row){0};
    if (is_backward(name, &back))
        return find_backward(s, name, back, out, e);
    gn_statement *q =
        gn_sql_prepare(gn_store_sql(s),
                       RUN_COLUMNS "WHERE r.name = ?1 OR substr(r.id, 1, length(?1)) = upper(?1) "
                                   "ORDER BY r.name = ?1 DESC, r.id DESC LIMIT 9",
                       e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(name));
    gn_str all = {0};
    bool row = false, ok = true, named = false;
    int n = 0;
    while (ok && (ok = gn_sql_step(q, &row, e)) && row && !named) {
        gn_str_fmt(&all, "%s%s", n ? ", " : "", gn_column_text(q, 0).data);
        if (n++ == 0) {
            ok = read_run(q, out, e);
            named = ok && out->name.len && strcmp(gn_str_text(&out->name), name) == 0;
        }
    }
    gn_sql_reset(q);
    if (ok && n == 0)
        ok = gn_fail(e, GN_INVALID, "there is no run '%.60s' in '%s'", name, gn_store_file(s));
    if (ok && n > 1)
        ok = gn_fail(e, GN_INVALID, "'%.60s' begins %d runs: %s", name, n, gn_str_text(&all));
    gn_str_release(&all);
    if (!ok) {
        gn_where(e, "%.60s", name);
        gn_run_row_release(out);
    }
    return ok;
}

bool gn_run_by_key(gn_store *s, const char *key, gn_run_row *out, bool *found, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(s),
        RUN_COLUMNS "WHERE r.resume_key = ? AND r.status <> 'failed' "
                    "ORDER BY r.status IN ('running', 'stopped') DESC, r.id DESC LIMIT 1",
        e);
    *out = (gn_run_row){0};
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(key));
    return first_run(q, out, found, e);
}

bool gn_run_newest(gn_store *s, int64_t checkpoint, gn_slice task, bool blessed, gn_run_row *out,
                   bool *found, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(s),
        RUN_COLUMNS "WHERE r.status = 'done' AND (?1 = 0 OR r.checkpoint_id = ?1) AND (?2 = '' OR "
                    "EXISTS (SELECT 1 FROM run_task x JOIN task t ON t.id = x.task_id WHERE "
                    "x.run_id = r.id AND t.name = ?2)) AND (?3 = 0 OR r.blessed_at IS NOT NULL) "
                    "ORDER BY CASE WHEN ?3 THEN r.blessed_at END DESC, r.id DESC LIMIT 1",
        e);
    *out = (gn_run_row){0};
    if (!q)
        return false;
    gn_bind_int(q, 1, checkpoint);
    gn_bind_text(q, 2, task);
    gn_bind_int(q, 3, blessed);
    return first_run(q, out, found, e);
}

bool gn_run_baseline(gn_store *s, const char *baseline, gn_slice task, char id[27], gn_error *e) {
    gn_run_row run;
    bool found = false;
    id[0] = '\0';
    if (strcmp(baseline, GN_BLESSED) != 0) {
        snprintf(id, 27, "%s", baseline);
        return true;
    }
    if (!gn_run_newest(s, 0, task, true, &run, &found, e))
        return false;
    if (found)
        memcpy(id, run.id, 27);
    gn_run_row_release(&run);
    return true;
}

void gn_boot_id(char out[48]) {
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    out[0] = '\0';
    if (f && fgets(out, 48, f))
        out[strcspn(out, "\n")] = '\0';
    if (f)
        fclose(f);
}

/* Seconds since a time of the database, very many when it is none. */
static double seconds_since(const char *utc) {
    struct tm t = {0};
    if (sscanf(utc, "%d-%d-%dT%d:%d:%d", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min,
               &t.tm_sec) != 6)
        return 1e9;
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    return difftime(time(NULL), timegm(&t));
}

bool gn_run_alive(const gn_run_row *r) {
    char boot[48];
    if (strcmp(r->status, "running") != 0 || seconds_since(r->heartbeat_at) > HEARTBEAT_LIMIT)
        return false;
    gn_boot_id(boot);
    return strcmp(boot, r->boot_id) != 0 || (r->pid > 0 && kill((pid_t)r->pid, 0) == 0);
}

/* ---- tasks and documents ------------------------------------------------------------ */

int64_t gn_results_task(gn_store *s, const gn_task *t, int shots, const char *sha, gn_slice json,
                        const char *dataset_sha, int64_t n_docs, gn_error *e) {
    bool row = false;
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(s),
        "INSERT OR IGNORE INTO task(sha, name, version, kind, n_shot, dataset_sha, n_docs, json) "
        "VALUES(?,?,?,?,?,?,?,?)",
        e);
    if (!q)
        return 0;
    gn_bind_text(q, 1, gn_slice_of(sha));
    gn_bind_text(q, 2, t->name);
    gn_bind_text(q, 3, t->version);
    gn_bind_text(q, 4, gn_slice_of(gn_task_kind_name(t->kind)));
    gn_bind_int(q, 5, shots);
    gn_bind_text(q, 6, gn_slice_of(dataset_sha));
    gn_bind_int(q, 7, n_docs);
    gn_bind_text(q, 8, json);
    if (!gn_sql_run(q, e) ||
        !(q = gn_sql_prepare(gn_store_sql(s), "SELECT id FROM task WHERE sha = ?", e)))
        return 0;
    gn_bind_text(q, 1, gn_slice_of(sha));
    const int64_t id = gn_sql_step(q, &row, e) && row ? gn_column_int(q, 0) : 0;
    gn_sql_reset(q);
    return id;
}

static void bind_optional(gn_statement *q, int i, gn_slice text) {
    if (text.data)
        gn_bind_text(q, i, text);
    else
        gn_bind_null(q, i);
}

bool gn_results_doc(gn_store *s, int64_t task, const gn_document *d, gn_error *e) {
    gn_statement *q = gn_sql_prepare(gn_store_sql(s),
                                     "INSERT OR IGNORE INTO doc(task_id, ix, hash, json, target, "
                                     "cluster) VALUES(?,?,?,?,?,?)",
                                     e);
    if (!q)
        return false;
    gn_bind_int(q, 1, task);
    gn_bind_int(q, 2, d->ix);
    gn_bind_blob(q, 3, d->hash, sizeof d->hash);
    gn_bind_text(q, 4, gn_str_slice(&d->json));
    bind_optional(q, 5, d->target);
    bind_optional(q, 6, d->cluster);
    return gn_sql_run(q, e);
}

/* ---- answers -------------------------------------------------------------------------- */

bool gn_results_find(gn_store *s, const uint8_t key[32], gn_known *out, bool *found, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(s),
        "SELECT r.id, r.logprob, r.greedy, r.truncated, r.n_out, r.output, "
        "EXISTS (SELECT 1 FROM token t WHERE t.response_id = r.id), "
        "EXISTS (SELECT 1 FROM token t WHERE t.response_id = r.id AND t.alts IS NOT NULL) "
        "FROM response r WHERE r.cache_key = ?",
        e);
    *out = (gn_known){0};
    *found = false;
    if (!q)
        return false;
    gn_bind_blob(q, 1, key, 32);
    if (!gn_sql_step(q, found, e))
        return false;
    if (*found) {
        out->id = gn_column_int(q, 0);
        out->logprob = gn_column_double(q, 1);
        out->greedy = gn_column_int(q, 2) != 0;
        out->truncated = gn_column_int(q, 3) != 0;
        out->n_out = gn_column_int(q, 4);
        gn_str_add(&out->output, gn_column_text(q, 5));
        out->tokens = gn_column_int(q, 6) != 0;
        out->alternatives = gn_column_int(q, 7) != 0;
    }
    gn_sql_reset(q);
    return gn_str_ok(&out->output, e);
}

static bool run_with_id(gn_store *s, const char *text, int64_t id, gn_error *e) {
    gn_statement *q = gn_sql_prepare(gn_store_sql(s), text, e);
    if (!q)
        return false;
    gn_bind_int(q, 1, id);
    return gn_sql_run(q, e);
}

int64_t gn_results_said(gn_store *s, const gn_stored_answer *said, bool fresh, gn_error *e) {
    gn_known known = {0};
    bool found = false;
    if (said->row.cache_key && !gn_results_find(s, said->row.cache_key, &known, &found, e))
        return 0;
    gn_str_release(&known.output);
    if (found && fresh) {
        if (!run_with_id(s, "UPDATE response SET cache_key = NULL WHERE id = ?", known.id, e))
            return 0;
        found = false;
    }
    const int64_t id = found ? known.id : gn_store_response(s, &said->row, e);
    if (!id || !said->id || (found && (said->k ? known.alternatives : known.tokens)))
        return id;
    if (found && !run_with_id(s, "DELETE FROM token WHERE response_id = ?", id, e))
        return 0;
    return gn_store_tokens(s, id, said->id, said->score, said->top, said->n, said->k, e) ? id : 0;
}

static bool add_response(gn_store *s, int64_t sample, const gn_sample *x, int i, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(s),
        "INSERT INTO sample_response(sample_id, ix, response_id, cached) VALUES(?,?,?,?)", e);
    if (!q)
        return false;
    gn_bind_int(q, 1, sample);
    gn_bind_int(q, 2, i);
    gn_bind_int(q, 3, x->response[i]);
    gn_bind_int(q, 4, x->cached[i]);
    return gn_sql_run(q, e);
}

/* SQLite has no NaN: such a score is one that is not there. */
static bool add_score(gn_store *s, int64_t sample, const gn_score_row *r, gn_error *e) {
    if (isnan(r->value))
        return true;
    gn_statement *q = gn_sql_prepare(gn_store_sql(s),
                                     "INSERT INTO score(sample_id, filter, metric, value, weight, "
                                     "extracted) VALUES(?,?,?,?,?,?)",
                                     e);
    if (!q)
        return false;
    gn_bind_int(q, 1, sample);
    gn_bind_text(q, 2, r->filter);
    gn_bind_text(q, 3, r->metric);
    gn_bind_double(q, 4, r->value);
    gn_bind_double(q, 5, r->weight);
    bind_optional(q, 6, r->extracted);
    return gn_sql_run(q, e);
}

bool gn_results_sample(gn_store *s, const gn_sample *x, gn_error *e) {
    char now[25];
    gn_statement *q = gn_sql_prepare(gn_store_sql(s),
                                     "INSERT INTO sample(run_id, task_id, doc_ix, rep, status, "
                                     "error, done_at) VALUES(?,?,?,?,?,?,?)",
                                     e);
    if (!q)
        return false;
    gn_utc(now);
    gn_bind_text(q, 1, gn_slice_of(x->run));
    gn_bind_int(q, 2, x->task);
    gn_bind_int(q, 3, x->doc);
    gn_bind_int(q, 4, x->rep);
    gn_bind_text(q, 5, gn_slice_of(x->error ? "error" : "done"));
    bind_optional(q, 6, x->error ? gn_slice_of(x->error) : (gn_slice){NULL, 0});
    gn_bind_text(q, 7, gn_slice_of(now));
    if (!gn_sql_run(q, e))
        return false;
    const int64_t id = gn_sql_last_id(gn_store_sql(s));
    for (int i = 0; i < x->n; i++)
        if (!add_response(s, id, x, i, e))
            return false;
    for (int i = 0; i < x->n_row; i++)
        if (!add_score(s, id, &x->row[i], e))
            return false;
    return true;
}
