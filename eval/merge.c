/* merge.c - see merge.h.
 *
 * Rows know one another by numbers that are a database's own, so each is copied with the
 * keys of those it points to, and finds their numbers anew on the other side.
 */
#include "eval/merge.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct merging {
    gn_store *to, *from;
    gn_merged *out;
} merging;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

static void bind_column(gn_statement *to, int i, const gn_statement *from, int column) {
    switch (gn_column_type(from, column)) {
    case 'i':
        gn_bind_int(to, i, gn_column_int(from, column));
        break;
    case 'd':
        gn_bind_double(to, i, gn_column_double(from, column));
        break;
    case 't':
        gn_bind_text(to, i, gn_column_text(from, column));
        break;
    case 'b': {
        const gn_slice blob = gn_column_blob(from, column);
        gn_bind_blob(to, i, blob.data, blob.len);
        break;
    }
    default:
        gn_bind_null(to, i);
    }
}

/* Every row of a bound query into a statement whose parameters are its columns. last: one more
 * parameter, 0 for none. */
static bool copy_rows(merging *m, gn_statement *from, const char *insert, int64_t last,
                      gn_error *e) {
    bool row = false, ok = from != NULL;
    while (ok && (ok = gn_sql_step(from, &row, e)) && row) {
        gn_statement *to = gn_sql_prepare(gn_store_sql(m->to), insert, e);
        const int columns = gn_column_count(from);
        ok = to != NULL;
        for (int i = 0; ok && i < columns; i++)
            bind_column(to, i + 1, from, i);
        if (ok && last)
            gn_bind_int(to, columns + 1, last);
        ok = ok && gn_sql_run(to, e);
    }
    if (from)
        gn_sql_reset(from);
    return ok;
}

static bool copy_table(merging *m, const char *select, const char *insert, gn_error *e) {
    return copy_rows(m, gn_sql_prepare(gn_store_sql(m->from), select, e), insert, 0, e);
}

/* ---- what has keys --------------------------------------------------------------------------- */

#define RESPONSE_COLUMNS                                                                           \
    "r.cache_key, r.request_hash, c.sha, b.sha, r.kind, r.prompt_hash, r.continuation, "           \
    "r.logprob, r.greedy, r.output, r.stop, r.n_prompt, r.n_out, r.n_reused, r.prompt_ms, "        \
    "r.gen_ms, r.truncated, r.boundary, r.created_at FROM response r "                             \
    "JOIN checkpoint c ON c.id = r.checkpoint_id JOIN build b ON b.id = r.build_id "
#define RESPONSE_INSERT                                                                            \
    "INSERT OR IGNORE INTO response(cache_key, request_hash, checkpoint_id, build_id, kind, "      \
    "prompt_hash, continuation, logprob, greedy, output, stop, n_prompt, n_out, n_reused, "        \
    "prompt_ms, gen_ms, truncated, boundary, created_at) VALUES(?1, ?2, "                          \
    "(SELECT id FROM checkpoint WHERE sha = ?3), (SELECT id FROM build WHERE sha = ?4), ?5, ?6, "  \
    "?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)"
#define TOKEN_COLUMNS "pos, t.id, t.logprob, rank, entropy, top_id, top_logprob, alts "

static bool copy_keyed(merging *m, gn_error *e) {
    return copy_table(m,
                      "SELECT sha, name, path, format, dtype, n_params, n_bytes, tokenizer_sha, "
                      "template_sha, config_json, first_seen FROM checkpoint",
                      "INSERT OR IGNORE INTO checkpoint(sha, name, path, format, dtype, n_params, "
                      "n_bytes, tokenizer_sha, template_sha, config_json, first_seen) "
                      "VALUES(?,?,?,?,?,?,?,?,?,?,?)",
                      e) &&
           copy_table(m,
                      "SELECT sha, version, commit_id, dirty, compiler, flags, backend, numerics, "
                      "cpu, gpu, os, threads FROM build",
                      "INSERT OR IGNORE INTO build(sha, version, commit_id, dirty, compiler, "
                      "flags, backend, numerics, cpu, gpu, os, threads) "
                      "VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
                      e) &&
           copy_table(m, "SELECT hash, body FROM text", "INSERT OR IGNORE INTO text VALUES(?,?)",
                      e) &&
           copy_table(
               m, "SELECT sha, name, version, kind, n_shot, dataset_sha, n_docs, json FROM task",
               "INSERT OR IGNORE INTO task(sha, name, version, kind, n_shot, dataset_sha, "
               "n_docs, json) VALUES(?,?,?,?,?,?,?,?)",
               e) &&
           copy_table(m,
                      "SELECT t.sha, d.ix, d.hash, d.json, d.target, d.cluster FROM doc d "
                      "JOIN task t ON t.id = d.task_id",
                      "INSERT OR IGNORE INTO doc VALUES((SELECT id FROM task WHERE sha = ?1), ?2, "
                      "?3, ?4, ?5, ?6)",
                      e) &&
           copy_table(m, "SELECT " RESPONSE_COLUMNS "WHERE r.cache_key IS NOT NULL",
                      RESPONSE_INSERT, e) &&
           copy_table(m,
                      "SELECT r.cache_key, " TOKEN_COLUMNS
                      "FROM token t JOIN response r ON r.id = t.response_id WHERE r.cache_key IS "
                      "NOT NULL",
                      "INSERT OR IGNORE INTO token VALUES((SELECT id FROM response WHERE cache_key "
                      "= ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                      e);
}

/* ---- runs ------------------------------------------------------------------------------------- */

static bool exec_text(gn_store *s, const char *text, const char *const *value, int n, gn_error *e) {
    gn_statement *q = gn_sql_prepare(gn_store_sql(s), text, e);
    for (int i = 0; q && i < n; i++)
        gn_bind_text(q, i + 1, gn_slice_of(value[i]));
    return q && gn_sql_run(q, e);
}

/* The row of a run as it is, under another id and key, with other options and command. */
static bool insert_run(merging *m, const gn_run_row *run, const char *key, gn_slice options,
                       gn_slice argv, bool whole, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(m->from),
        "SELECT r.id, r.name, CASE r.status WHEN 'running' THEN 'stopped' ELSE r.status END, "
        "c.sha, b.sha, r.seed, r.fewshot_seed, r.limit_n, r.chat_template, r.note, r.started_at, "
        "r.ended_at, r.blessed_at, r.heartbeat_at FROM run r JOIN checkpoint c ON c.id = "
        "r.checkpoint_id JOIN build b ON b.id = r.build_id WHERE r.id = ?",
        e);
    bool row = false;
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(run->id));
    bool ok = gn_sql_step(q, &row, e) && row;
    gn_statement *to =
        ok ? gn_sql_prepare(
                 gn_store_sql(m->to),
                 "INSERT OR IGNORE INTO run(id, name, status, checkpoint_id, build_id, seed, "
                 "fewshot_seed, limit_n, chat_template, note, started_at, ended_at, blessed_at, "
                 "heartbeat_at, resume_key, options_json, argv) VALUES(?1, ?2, ?3, (SELECT id FROM "
                 "checkpoint WHERE sha = ?4), (SELECT id FROM build WHERE sha = ?5), ?6, ?7, ?8, "
                 "?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
                 e)
           : NULL;
    ok = to != NULL;
    for (int i = 0; ok && i < 14; i++)
        bind_column(to, i + 1, q, i);
    if (ok) {
        if (whole)
            gn_bind_text(to, 3, GN_S("stopped"));
        gn_bind_text(to, 15, gn_slice_of(key));
        gn_bind_text(to, 16, options);
        gn_bind_text(to, 17, argv);
        ok = gn_sql_run(to, e);
        m->out->runs += ok && gn_sql_changes(gn_store_sql(m->to)) > 0;
    }
    gn_sql_reset(q);
    return ok;
}

static bool is_done(merging *m, const char *id, bool *done, gn_error *e) {
    gn_statement *q = gn_sql_prepare(gn_store_sql(m->to),
                                     "SELECT 1 FROM run WHERE id = ? AND status = 'done'", e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(id));
    const bool ok = gn_sql_step(q, done, e);
    gn_sql_reset(q);
    return ok;
}

/* run_task, with the documents of this part added to those of the others. */
static bool plan(merging *m, const char *from, const char *to, bool add, gn_error *e) {
    gn_statement *q = gn_sql_prepare(gn_store_sql(m->from),
                                     "SELECT t.sha, x.n_planned FROM run_task x JOIN task t ON "
                                     "t.id = x.task_id WHERE x.run_id = ?",
                                     e);
    bool row = false, ok = q != NULL;
    if (ok)
        gn_bind_text(q, 1, gn_slice_of(from));
    while (ok && (ok = gn_sql_step(q, &row, e)) && row) {
        gn_statement *x = gn_sql_prepare(
            gn_store_sql(m->to),
            add ? "INSERT INTO run_task VALUES(?1, (SELECT id FROM task WHERE sha = ?2), ?3) "
                  "ON CONFLICT DO UPDATE SET n_planned = n_planned + excluded.n_planned"
                : "INSERT OR IGNORE INTO run_task VALUES(?1, (SELECT id FROM task WHERE sha = ?2), "
                  "?3)",
            e);
        ok = x != NULL;
        if (ok) {
            gn_bind_text(x, 1, gn_slice_of(to));
            bind_column(x, 2, q, 0);
            bind_column(x, 3, q, 1);
            ok = gn_sql_run(x, e);
        }
    }
    if (q)
        gn_sql_reset(q);
    return ok;
}

/* The command without --shard. */
static bool whole_argv(gn_slice argv, gn_str *out, gn_error *e) {
    gn_arena a = {0};
    const gn_value *list = gn_json_parse(&a, argv, e);
    bool first = true;
    gn_str_putc(out, '[');
    for (size_t i = 0; i < gn_value_count(list); i++) {
        const gn_slice word = gn_value_text(gn_value_at(list, i));
        if (gn_slice_starts(word, GN_S("--shard=")))
            continue;
        gn_str_puts(out, first ? "" : ",");
        gn_json_write_string(out, word);
        first = false;
    }
    gn_str_putc(out, ']');
    gn_arena_release(&a);
    return list && gn_str_ok(out, e);
}

static int64_t integer_of(const gn_value *map, gn_slice key) {
    int64_t n = 0;
    gn_value_to_integer(gn_value_get(map, key), &n);
    return n;
}

/* The list at key, made if it is not there; NULL: no memory. */
static gn_value *list_at(gn_arena *a, gn_value *map, gn_slice key) {
    gn_value *list = gn_value_get(map, key);
    if (list || !(list = gn_value_list(a)))
        return list;
    return gn_value_set(a, map, key, list) ? list : NULL;
}

/* Note in the whole run's options that the part `run` has come, as "merged" its number and as
 * "parts" its id; *add: no part of that number had. A whole run of an older gneiss has no ids. */
static bool note_shard(merging *m, const gn_run_row *whole, const char *run, int64_t shard,
                       bool *add, gn_error *e) {
    gn_arena a = {0};
    gn_str text = {0};
    gn_value *options = gn_json_parse(&a, gn_str_slice(&whole->options), e);
    const bool older =
        gn_value_get(options, GN_S("merged")) && !gn_value_get(options, GN_S("parts"));
    gn_value *merged = options ? list_at(&a, options, GN_S("merged")) : NULL,
             *parts = options && !older ? list_at(&a, options, GN_S("parts")) : NULL;
    bool noted = older;
    int64_t n;
    *add = true;
    for (size_t i = 0; i < gn_value_count(merged); i++)
        if (gn_value_to_integer(gn_value_at(merged, i), &n) && n == shard)
            *add = false;
    for (size_t i = 0; i < gn_value_count(parts); i++)
        noted = noted || gn_slice_is(gn_value_text(gn_value_at(parts, i)), run);
    bool ok =
        options && ((merged && (older || parts)) || no_memory(e)) &&
        (!*add || gn_value_add(&a, merged, gn_value_integer(&a, shard)) || no_memory(e)) &&
        (noted || gn_value_add(&a, parts, gn_value_string(&a, gn_slice_of(run))) || no_memory(e)) &&
        ((gn_value_set(&a, options, GN_S("shard"), gn_value_integer(&a, 1)) &&
          gn_value_set(&a, options, GN_S("shards"), gn_value_integer(&a, 1))) ||
         no_memory(e));
    if (ok) {
        gn_json_write(&text, options);
        ok = gn_str_ok(&text, e) &&
             exec_text(m->to, "UPDATE run SET options_json = ?1 WHERE id = ?2",
                       (const char *const[]){gn_str_text(&text), whole->id}, 2, e);
    }
    gn_str_release(&text);
    gn_arena_release(&a);
    return ok;
}

/* The run of the whole command that a part belongs to: the one that has it, else one that waits
 * for parts. A part that was made anew (--again) belongs to none that is done without it. */
static bool find_whole(merging *m, const gn_run_row *run, const char *key, gn_run_row *out,
                       bool *found, gn_error *e) {
    gn_str id = {0};
    *found = false;
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(m->to),
        "SELECT id FROM run WHERE resume_key = ?1 AND status <> 'failed' AND (instr(options_json, "
        "?2) OR status IN ('running', 'stopped') OR NOT instr(options_json, '\"parts\":')) ORDER "
        "BY instr(options_json, ?2) > 0 DESC, status IN ('running', 'stopped') DESC, id DESC LIMIT "
        "1",
        e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(key));
    gn_bind_text(q, 2, gn_slice_of(run->id));
    bool ok = gn_sql_step(q, found, e);
    if (ok && *found)
        gn_str_add(&id, gn_column_text(q, 0));
    gn_sql_reset(q);
    ok = ok && (!*found || (gn_str_ok(&id, e) && gn_run_find(m->to, gn_str_text(&id), out, e)));
    gn_str_release(&id);
    return ok;
}

bool gn_merge_has(gn_store *to, const char *key, const char *part, bool *has, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(to),
        "SELECT 1 FROM run WHERE resume_key = ?1 AND instr(options_json, ?2) LIMIT 1", e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(key));
    gn_bind_text(q, 2, gn_slice_of(part));
    const bool ok = gn_sql_step(q, has, e);
    gn_sql_reset(q);
    return ok;
}

/* A shard's run becomes part of the run of the whole command, whose id goes to id. */
static bool join_shard(merging *m, const gn_run_row *run, const char *key, int64_t shard,
                       char id[27], gn_error *e) {
    gn_run_row whole = {0};
    gn_str argv = {0};
    bool found, add = false;
    bool ok = find_whole(m, run, key, &whole, &found, e);
    if (ok && !found)
        ok = whole_argv(gn_str_slice(&run->argv), &argv, e) &&
             insert_run(m, run, key, gn_str_slice(&run->options), gn_str_slice(&argv), true, e) &&
             gn_run_by_key(m->to, key, &whole, &found, e) &&
             (found || gn_fail(e, GN_FORMAT, "run %s is there under another key", run->id));
    if (ok) {
        memcpy(id, whole.id, sizeof whole.id);
        ok = note_shard(m, &whole, run->id, shard, &add, e) &&
             (strcmp(whole.status, "done") == 0 || plan(m, run->id, id, add, e));
    }
    gn_run_row_release(&whole);
    gn_str_release(&argv);
    return ok;
}

/* ---- samples ----------------------------------------------------------------------------------- */

/* One answer of a sample: by its key, or, where it has none, copied. */
static int64_t copy_answer(merging *m, int64_t from, gn_error *e) {
    bool row = false;
    int64_t id = 0;
    gn_statement *q =
        gn_sql_prepare(gn_store_sql(m->from), "SELECT cache_key FROM response WHERE id = ?", e);
    if (!q)
        return 0;
    gn_bind_int(q, 1, from);
    if (!gn_sql_step(q, &row, e))
        return 0;
    if (row && !gn_column_is_null(q, 0)) {
        gn_statement *x =
            gn_sql_prepare(gn_store_sql(m->to), "SELECT id FROM response WHERE cache_key = ?", e);
        if (x) {
            bind_column(x, 1, q, 0);
            id = gn_sql_step(x, &row, e) && row ? gn_column_int(x, 0) : 0;
            gn_sql_reset(x);
        }
        gn_sql_reset(q);
        return id;
    }
    gn_sql_reset(q);
    q = gn_sql_prepare(gn_store_sql(m->from), "SELECT " RESPONSE_COLUMNS "WHERE r.id = ?", e);
    if (!q)
        return 0;
    gn_bind_int(q, 1, from);
    if (!copy_rows(m, q, RESPONSE_INSERT, 0, e))
        return 0;
    id = gn_sql_last_id(gn_store_sql(m->to));
    q = gn_sql_prepare(gn_store_sql(m->from),
                       "SELECT " TOKEN_COLUMNS "FROM token t WHERE t.response_id = ?", e);
    if (!q)
        return 0;
    gn_bind_int(q, 1, from);
    return copy_rows(m, q,
                     "INSERT INTO token(response_id, pos, id, logprob, rank, entropy, top_id, "
                     "top_logprob, alts) VALUES(?9, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                     id, e)
               ? id
               : 0;
}

static bool copy_answers(merging *m, int64_t from, int64_t to, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(m->from),
        "SELECT ix, cached, response_id FROM sample_response WHERE sample_id = ? ORDER BY ix", e);
    bool row = false, ok = q != NULL;
    if (ok)
        gn_bind_int(q, 1, from);
    while (ok && (ok = gn_sql_step(q, &row, e)) && row) {
        const int64_t id = copy_answer(m, gn_column_int(q, 2), e);
        gn_statement *x = id ? gn_sql_prepare(gn_store_sql(m->to),
                                              "INSERT INTO sample_response VALUES(?,?,?,?)", e)
                             : NULL;
        ok = x != NULL;
        if (ok) {
            gn_bind_int(x, 1, to);
            bind_column(x, 2, q, 0);
            gn_bind_int(x, 3, id);
            bind_column(x, 4, q, 1);
            ok = gn_sql_run(x, e);
        }
    }
    if (q)
        gn_sql_reset(q);
    return ok;
}

static bool copy_scores(merging *m, int64_t from, int64_t to, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(m->from),
        "SELECT filter, metric, value, weight, extracted FROM score WHERE sample_id = ?", e);
    if (!q)
        return false;
    gn_bind_int(q, 1, from);
    return copy_rows(m, q,
                     "INSERT INTO score(filter, metric, value, weight, extracted, sample_id) "
                     "VALUES(?,?,?,?,?,?)",
                     to, e);
}

static bool copy_samples(merging *m, const char *from, const char *to, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(m->from),
        "SELECT s.id, t.sha, s.doc_ix, s.rep, s.status, s.error, s.done_at FROM sample s JOIN task "
        "t ON t.id = s.task_id WHERE s.run_id = ?",
        e);
    bool row = false, ok = q != NULL;
    if (ok)
        gn_bind_text(q, 1, gn_slice_of(from));
    while (ok && (ok = gn_sql_step(q, &row, e)) && row) {
        gn_statement *x = gn_sql_prepare(
            gn_store_sql(m->to),
            "INSERT OR IGNORE INTO sample(run_id, task_id, doc_ix, rep, status, error, done_at) "
            "VALUES(?1, (SELECT id FROM task WHERE sha = ?2), ?3, ?4, ?5, ?6, ?7)",
            e);
        if (!(ok = x != NULL))
            break;
        gn_bind_text(x, 1, gn_slice_of(to));
        for (int i = 1; i < 7; i++)
            bind_column(x, i + 1, q, i);
        ok = gn_sql_run(x, e);
        if (!ok || gn_sql_changes(gn_store_sql(m->to)) == 0)
            continue;
        const int64_t id = gn_sql_last_id(gn_store_sql(m->to));
        m->out->samples++;
        ok = copy_answers(m, gn_column_int(q, 0), id, e) &&
             copy_scores(m, gn_column_int(q, 0), id, e);
    }
    if (q)
        gn_sql_reset(q);
    return ok;
}

/* ---- all of it ----------------------------------------------------------------------------------- */

/* A whole run whose parts are all there is done; metrics are made where they were not copied. */
static bool finish(merging *m, const char *id, int64_t shards, gn_error *e) {
    gn_run_row run = {0};
    gn_results r = {0};
    gn_arena a = {0};
    char now[25];
    if (!gn_run_find(m->to, id, &run, e))
        return false;
    gn_pool *pool = gn_pool_new(gn_processors(), e);
    const gn_value *options = gn_json_parse(&a, gn_str_slice(&run.options), e);
    const bool all =
        shards == 1 || (int64_t)gn_value_count(gn_value_get(options, GN_S("merged"))) == shards;
    bool ok = pool && options && gn_results_measure(m->to, &run, pool, true, &r, e);
    if (ok && all && r.done == r.planned && strcmp(run.status, "stopped") == 0) {
        gn_utc(now);
        ok = exec_text(m->to, "UPDATE run SET status = 'done', ended_at = ?1 WHERE id = ?2",
                       (const char *const[]){now, id}, 2, e);
        run.status[0] = ok ? 'd' : run.status[0];
    }
    if (ok && run.status[0] == 'd')
        ok = gn_results_keep(m->to, id, &r, e);
    gn_pool_free(pool);
    gn_results_release(&r);
    gn_arena_release(&a);
    gn_run_row_release(&run);
    return ok;
}

/* A run that is open on both sides, begun apart, is one: the id it has there. */
static bool same_run(merging *m, const gn_run_row *run, char id[27], gn_error *e) {
    gn_run_row there;
    gn_error none = {0};
    bool found;
    if (gn_run_find(m->to, run->id, &there, &none)) {
        gn_run_row_release(&there);
        return true;
    }
    if (!gn_run_by_key(m->to, gn_str_text(&run->resume_key), &there, &found, e))
        return false;
    if (found) {
        memcpy(id, there.id, sizeof there.id);
        gn_run_row_release(&there);
    }
    return true;
}

static bool merge_run(merging *m, const gn_run_row *run, gn_error *e) {
    gn_arena a = {0};
    const gn_value *options = gn_json_parse(&a, gn_str_slice(&run->options), e);
    const int64_t shards = integer_of(options, GN_S("shards"));
    char id[27];
    bool ok = options != NULL, done = false;
    memcpy(id, run->id, sizeof id);
    if (ok && shards > 1) {
        gn_str key = {0};
        gn_str_add(&key, gn_value_text(gn_value_get(options, GN_S("whole"))));
        ok = gn_str_ok(&key, e) &&
             join_shard(m, run, gn_str_text(&key), integer_of(options, GN_S("shard")), id, e);
        gn_str_release(&key);
    } else if (ok) {
        ok = insert_run(m, run, gn_str_text(&run->resume_key), gn_str_slice(&run->options),
                        gn_str_slice(&run->argv), false, e) &&
             same_run(m, run, id, e) && plan(m, run->id, id, false, e);
    }
    ok = ok && is_done(m, id, &done, e) && copy_samples(m, run->id, id, e) &&
         (done && shards > 1 ? true : finish(m, id, shards > 1 ? shards : 1, e));
    gn_arena_release(&a);
    return ok || gn_context(e, "run %s", run->id);
}

static bool merge_runs(merging *m, gn_error *e) {
    gn_statement *q = gn_sql_prepare(gn_store_sql(m->from),
                                     "SELECT id FROM run WHERE status <> 'failed' ORDER BY id", e);
    char(*id)[27] = NULL;
    size_t n = 0, room = 0;
    bool row = false, ok = q != NULL;
    while (ok && (ok = gn_sql_step(q, &row, e)) && row) {
        if (!gn_vec_reserve(&id, &room, n + 1, sizeof *id)) {
            ok = no_memory(e);
            break;
        }
        const gn_slice text = gn_column_text(q, 0);
        memset(id[n], 0, sizeof *id);
        memcpy(id[n++], text.data, text.len < 26 ? text.len : 26);
    }
    if (q)
        gn_sql_reset(q);
    for (size_t i = 0; ok && i < n; i++) {
        gn_run_row run;
        ok = gn_run_find(m->from, id[i], &run, e);
        if (ok) {
            ok = merge_run(m, &run, e);
            gn_run_row_release(&run);
        }
    }
    free(id);
    return ok;
}

bool gn_merge(gn_store *to, gn_store *from, gn_merged *out, gn_error *e) {
    merging m = {.to = to, .from = from, .out = out};
    *out = (gn_merged){0};
    if (!gn_sql_begin(gn_store_sql(to), e))
        return false;
    if (copy_keyed(&m, e) && merge_runs(&m, e) && gn_sql_commit(gn_store_sql(to), e))
        return true;
    gn_sql_rollback(gn_store_sql(to));
    return gn_context(e, "merge '%s'", gn_store_file(from));
}

/* ---- sweeping --------------------------------------------------------------------------------------- */

static bool delete_rows(gn_store *s, const char *text, int64_t *n, gn_error *e) {
    const bool ok = gn_sql_exec(gn_store_sql(s), text, e);
    *n = ok ? gn_sql_changes(gn_store_sql(s)) : 0;
    return ok;
}

bool gn_sweep(gn_store *s, gn_swept *out, gn_error *e) {
    int64_t n;
    *out = (gn_swept){0};
    if (!gn_sql_begin(gn_store_sql(s), e))
        return false;
    const bool ok =
        delete_rows(s, "DELETE FROM run WHERE status = 'failed'", &out->runs, e) &&
        delete_rows(s,
                    "DELETE FROM response WHERE id NOT IN (SELECT response_id FROM "
                    "sample_response) AND id NOT IN (SELECT response_id FROM turn)",
                    &out->responses, e) &&
        delete_rows(s,
                    "DELETE FROM text WHERE hash NOT IN (SELECT prompt_hash FROM response WHERE "
                    "prompt_hash IS NOT NULL)",
                    &out->texts, e) &&
        delete_rows(s,
                    "DELETE FROM doc WHERE task_id NOT IN (SELECT task_id FROM run_task) AND "
                    "task_id NOT IN (SELECT task_id FROM sample)",
                    &n, e) &&
        delete_rows(s,
                    "DELETE FROM task WHERE id NOT IN (SELECT task_id FROM run_task) AND id NOT IN "
                    "(SELECT task_id FROM doc)",
                    &n, e) &&
        gn_sql_commit(gn_store_sql(s), e);
    if (!ok)
        gn_sql_rollback(gn_store_sql(s));
    return ok && gn_sql_exec(gn_store_sql(s), "VACUUM", e);
}
