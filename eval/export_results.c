/* export_results.c - the results file of lm-evaluation-harness, and where the files lie. */
#include "eval/export.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

typedef struct folder {
    gn_store *store;
    const gn_run_row *run;
    const gn_results *results;
    gn_str base; /* folder/MODEL */
    char time[32];
    gn_str hashes; /* "task":"hash",... */
} folder;

/* A name as lm-evaluation-harness makes folders of it: each run of ["<>:/|\?*[]] is "__". */
static void sanitized(gn_str *out, gn_slice name) {
    bool before = false;
    for (size_t i = 0; i < name.len; i++) {
        const bool bad = name.data[i] && strchr("\"<>:/|\\?*[]", name.data[i]);
        if (bad && !before)
            gn_str_puts(out, "__");
        else if (!bad)
            gn_str_putc(out, name.data[i]);
        before = bad;
    }
}

/* 2026-11-24T09:30:00.000Z to 2026-11-24T09-30-00.000000 */
static void time_of(const gn_run_row *run, char out[32]) {
    snprintf(out, 32, "%.23s000", run->started_at);
    for (char *p = out; *p; p++)
        *p = *p == ':' ? '-' : *p;
}

/* ---- samples ---------------------------------------------------------------------------- */

static bool to_file(void *user, gn_slice line, gn_error *e) {
    return gn_writer_add(user, line.data, line.len, e) && gn_writer_add(user, "\n", 1, e);
}

static bool write_samples(folder *f, const gn_tally *t, gn_error *e) {
    gn_str path = {0};
    char hash[GN_SHA256_HEX];
    /* a task's name holds no slash */
    gn_str_fmt(&path, "%s/samples_%.*s_%s.jsonl", gn_str_text(&f->base), (int)t->name.len,
               t->name.data, f->time);
    gn_writer *w = gn_str_ok(&path, e) ? gn_writer_open(gn_str_text(&path), e) : NULL;
    bool ok = w && gn_export_samples(f->store, f->run, t, false, to_file, w, hash, e);
    if (ok)
        ok = gn_writer_commit(w, e);
    else
        gn_writer_abort(w);
    if (ok) {
        gn_str_puts(&f->hashes, f->hashes.len ? "," : "");
        gn_json_write_string(&f->hashes, t->name);
        gn_str_fmt(&f->hashes, ":\"%s\"", hash);
    }
    gn_str_release(&path);
    return ok;
}

/* ---- results ------------------------------------------------------------------------------- */

static void key(gn_str *out, gn_slice name, bool first) {
    gn_str_puts(out, first ? "" : ",");
    gn_json_write_string(out, name);
    gn_str_putc(out, ':');
}

static void number(gn_str *out, double v) {
    if (isfinite(v))
        gn_json_write_f64(out, v);
    else
        gn_str_puts(out, isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
}

static void result(gn_str *out, const gn_tally *t) {
    gn_str_puts(out, "{\"name\":");
    gn_json_write_string(out, t->name);
    gn_str_puts(out, ",\"alias\":");
    gn_json_write_string(out, t->alias.len ? t->alias : t->name);
    gn_str_fmt(out, ",\"sample_len\":%" PRId64, t->done);
    for (int i = 0; i < t->n_number; i++) {
        const gn_number *x = &t->number[i];
        gn_str name = {0};
        gn_str_fmt(&name, "%.*s,%.*s", (int)x->metric.len, x->metric.data, (int)x->filter.len,
                   x->filter.data);
        key(out, gn_str_slice(&name), false);
        number(out, x->value);
        gn_str_cut(&name, 0);
        gn_str_fmt(&name, "%.*s_stderr,%.*s", (int)x->metric.len, x->metric.data,
                   (int)x->filter.len, x->filter.data);
        key(out, gn_str_slice(&name), false);
        if (isnan(x->error))
            gn_str_puts(out, "\"N/A\"");
        else
            number(out, x->error);
        gn_str_release(&name);
    }
    gn_str_putc(out, '}');
}

static void higher(gn_str *out, const gn_tally *t) {
    gn_str_putc(out, '{');
    for (int i = 0; i < t->n_number; i++) {
        bool before = false;
        for (int k = 0; k < i; k++)
            before = before || gn_slice_equal(t->number[k].metric, t->number[i].metric);
        if (before)
            continue;
        key(out, t->number[i].metric, i == 0);
        gn_str_puts(out, t->number[i].higher ? "true" : "false");
    }
    gn_str_putc(out, '}');
}

/* A task's version: a number where it is one. */
static void version(gn_str *out, const gn_tally *t) {
    double v;
    if (gn_parse_number(t->version, &v))
        gn_str_add(out, t->version);
    else
        gn_json_write_string(out, t->version);
}

typedef enum part { RESULTS, GROUPS, VERSIONS, SHOTS, HIGHER, SAMPLES, PARTS } part;

static bool has(const gn_tally *t, part p) {
    return p == RESULTS || p == VERSIONS || p == HIGHER || (p == GROUPS) == (t->id == 0);
}

static bool documents_of(folder *f, const gn_tally *t, int64_t *n, gn_error *e) {
    bool row = false;
    gn_statement *q =
        gn_sql_prepare(gn_store_sql(f->store), "SELECT n_docs FROM task WHERE id = ?", e);
    if (!q)
        return false;
    gn_bind_int(q, 1, t->id);
    const bool ok = gn_sql_step(q, &row, e);
    *n = ok && row ? gn_column_int(q, 0) : 0;
    gn_sql_reset(q);
    return ok;
}

static bool write_part(folder *f, gn_str *out, part p, gn_error *e) {
    static const char *const name[] = {"results", "groups",           "versions",
                                       "n-shot",  "higher_is_better", "n-samples"};
    bool first = true;
    int64_t n;
    gn_str_fmt(out, "%s\"%s\":{", p == RESULTS ? "" : ",\n", name[p]);
    for (int i = 0; i < f->results->n_tally; i++) {
        const gn_tally *t = &f->results->tally[i];
        if (!has(t, p))
            continue;
        key(out, t->name, first);
        first = false;
        switch (p) {
        case VERSIONS:
            version(out, t);
            break;
        case SHOTS:
            gn_str_fmt(out, "%d", t->shots);
            break;
        case HIGHER:
            higher(out, t);
            break;
        case SAMPLES:
            if (!documents_of(f, t, &n, e))
                return false;
            gn_str_fmt(out, "{\"original\":%" PRId64 ",\"effective\":%" PRId64 "}", n, t->done);
            break;
        default:
            result(out, t);
        }
    }
    gn_str_putc(out, '}');
    return true;
}

/* Groups and their leaves; a task stands for itself, without any. */
static void write_subtasks(const gn_value *options, const gn_results *r, gn_str *out) {
    const gn_value *groups = gn_value_get(options, GN_S("groups"));
    bool first = true;
    gn_str_puts(out, ",\n\"group_subtasks\":{");
    for (size_t i = 0; i < gn_value_count(groups); i++, first = false) {
        const gn_value *g = gn_value_at(groups, i);
        key(out, gn_value_text(gn_value_get(g, GN_S("name"))), first);
        gn_json_write(out, gn_value_get(g, GN_S("leaves")));
    }
    for (int i = 0; i < r->n_task; i++, first = false) {
        key(out, r->tally[i].name, first);
        gn_str_puts(out, "[]");
    }
    gn_str_putc(out, '}');
}

static bool write_configs(folder *f, gn_str *out, gn_error *e) {
    gn_str_puts(out, ",\n\"configs\":{");
    for (int i = 0; i < f->results->n_task; i++) {
        const gn_tally *t = &f->results->tally[i];
        gn_arena a = {0};
        bool row = false;
        gn_statement *q =
            gn_sql_prepare(gn_store_sql(f->store), "SELECT json FROM task WHERE id = ?", e);
        if (!q)
            return false;
        gn_bind_int(q, 1, t->id);
        const bool ok = gn_sql_step(q, &row, e);
        const gn_value *task =
            ok && row ? gn_value_get(gn_json_parse(&a, gn_column_text(q, 0), e), GN_S("task"))
                      : NULL;
        gn_sql_reset(q);
        key(out, t->name, i == 0);
        if (task)
            gn_json_write(out, task);
        else
            gn_str_puts(out, "{}");
        gn_arena_release(&a);
        if (!ok || e->code)
            return false;
    }
    gn_str_putc(out, '}');
    return true;
}

static void text(gn_str *out, const char *name, gn_slice value) {
    gn_str_fmt(out, ",\n\"%s\":", name);
    gn_json_write_string(out, value);
}

static void write_about(folder *f, const gn_value *options, gn_str *out) {
    const gn_run_row *run = f->run;
    const gn_value *limit = gn_value_get(options, GN_S("limit")),
                   *numerics = gn_value_get(options, GN_S("numerics"));
    double n = 0;
    gn_str name = {0};
    sanitized(&name, gn_str_slice(&run->model));
    gn_str_puts(out, ",\n\"config\":{\"model\":\"gneiss\",\"model_args\":{\"pretrained\":");
    gn_json_write_string(out, gn_str_slice(&run->path));
    gn_str_puts(out, ",\"sha\":");
    gn_json_write_string(out, gn_str_slice(&run->sha));
    gn_str_puts(out, ",\"numerics\":");
    gn_json_write_string(out, gn_value_text(numerics));
    gn_str_puts(out, "},\"batch_size\":null,\"limit\":");
    if (gn_value_to_number(limit, &n) && n > 0)
        gn_json_write_f64(out, n);
    else
        gn_str_puts(out, "null");
    gn_str_puts(out, ",\"gen_kwargs\":null}");
    text(out, "system_instruction", gn_value_text(gn_value_get(options, GN_S("system"))));
    text(out, "model_source", GN_S("gneiss"));
    text(out, "model_name", gn_str_slice(&run->model));
    text(out, "model_name_sanitized", gn_str_slice(&name));
    text(out, "gneiss_version", GN_S(GNEISS_VERSION));
    text(out, "gneiss_run", gn_slice_of(run->id));
    text(out, "started_at", gn_slice_of(run->started_at));
    gn_str_fmt(out, ",\n\"task_hashes\":{%s}", gn_str_text(&f->hashes));
    gn_str_release(&name);
}

static bool write_results(folder *f, gn_str *path, gn_error *e) {
    gn_arena a = {0};
    gn_str out = {0};
    const gn_value *options = gn_json_parse(&a, gn_str_slice(&f->run->options), e);
    bool ok = options != NULL;
    gn_str_putc(&out, '{');
    for (part p = RESULTS; ok && p < PARTS; p++)
        ok = write_part(f, &out, p, e);
    if (ok) {
        write_subtasks(options, f->results, &out);
        ok = write_configs(f, &out, e);
    }
    if (ok) {
        write_about(f, options, &out);
        gn_str_puts(&out, "}\n");
    }
    const size_t before = path->len;
    gn_str_fmt(path, "%s/results_%s.json", gn_str_text(&f->base), f->time);
    ok = ok && gn_str_ok(&out, e) && gn_str_ok(path, e) &&
         gn_file_write(path->data + before, gn_str_slice(&out), e);
    gn_str_release(&out);
    gn_arena_release(&a);
    return ok;
}

bool gn_export_run(gn_store *s, const gn_run_row *run, const gn_results *r, const char *to,
                   gn_str *path, gn_error *e) {
    folder f = {.store = s, .run = run, .results = r};
    time_of(run, f.time);
    gn_str_fmt(&f.base, "%s/", to);
    sanitized(&f.base, gn_str_slice(&run->model));
    bool ok = gn_str_ok(&f.base, e) && gn_path_make_folder(gn_str_text(&f.base), e);
    for (int i = 0; ok && i < r->n_task; i++)
        ok = write_samples(&f, &r->tally[i], e);
    ok = ok && write_results(&f, path, e);
    gn_str_release(&f.base);
    gn_str_release(&f.hashes);
    return ok;
}
