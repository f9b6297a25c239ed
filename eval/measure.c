/* measure.c - the scores of a run to its numbers, and those to rows and JSON.
 *
 * Tasks are made again from what the database kept of them, so a report needs neither
 * the task files nor the data.
 */
#include "eval/results.h"
#include "eval/statistics.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

typedef struct measuring {
    gn_store *store;
    const gn_run_row *run;
    gn_pool *pool;
    bool errors;
    gn_results *out;
} measuring;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

static gn_statement *prepare(measuring *m, const char *text, gn_error *e) {
    gn_statement *q = gn_sql_prepare(gn_store_sql(m->store), text, e);
    if (q)
        gn_bind_text(q, 1, gn_slice_of(m->run->id));
    return q;
}

/* ---- one number --------------------------------------------------------------------- */

/* Documents of one measure, repeats averaged. */
typedef struct items {
    gn_item *item;
    int64_t *cluster; /* [n] which cluster; all one another's when there are none */
    double *value;    /* [n] */
    size_t n, capacity, cluster_capacity;
    int64_t clusters;
    bool clustered;
    gn_map names;
    gn_arena arena;
} items;

static void items_release(items *x) {
    free(x->item);
    free(x->cluster);
    free(x->value);
    gn_map_release(&x->names);
    gn_arena_release(&x->arena);
}

/* Corpus statistics take every answer; the rest is of documents. */
static bool of_documents(gn_aggregation a) {
    return a != GN_AGGREGATE_F1 && a != GN_AGGREGATE_MCC && a != GN_AGGREGATE_BLEU &&
           a != GN_AGGREGATE_CHRF && a != GN_AGGREGATE_CHRF_WORDS;
}

static bool note_cluster(items *x, gn_statement *q, gn_error *e) {
    int64_t number = x->clusters;
    if (gn_column_is_null(q, 5)) {
        x->clusters++;
    } else {
        x->clustered = true;
        if (!gn_map_get(&x->names, gn_column_text(q, 5), &number)) {
            const gn_slice name = gn_arena_copy(&x->arena, gn_column_text(q, 5));
            if (!name.data || !gn_map_set(&x->names, name, number))
                return no_memory(e);
            x->clusters++;
        }
    }
    x->cluster[x->n] = number;
    return true;
}

static bool add_item(items *x, gn_statement *q, gn_error *e) {
    if (!gn_vec_reserve(&x->item, &x->capacity, x->n + 1, sizeof *x->item) ||
        !gn_vec_reserve(&x->cluster, &x->cluster_capacity, x->n + 1, sizeof *x->cluster) ||
        !note_cluster(x, q, e))
        return e->code || no_memory(e);
    gn_item *item = &x->item[x->n++];
    *item = (gn_item){.value = gn_column_double(q, 1), .weight = gn_column_double(q, 2)};
    if (!gn_column_is_null(q, 3))
        item->extracted = gn_arena_copy(&x->arena, gn_column_text(q, 3));
    if (!gn_column_is_null(q, 4))
        item->target = gn_arena_copy(&x->arena, gn_column_text(q, 4));
    return true;
}

static bool read_items(measuring *m, const gn_tally *t, const gn_number *number, items *x,
                       gn_error *e) {
    gn_statement *q = prepare(m,
                              "SELECT s.doc_ix, c.value, c.weight, c.extracted, d.target, "
                              "d.cluster FROM sample s JOIN score c ON c.sample_id = s.id "
                              "JOIN doc d ON d.task_id = s.task_id AND d.ix = s.doc_ix "
                              "WHERE s.run_id = ?1 AND s.task_id = ?2 AND c.filter = ?3 AND "
                              "c.metric = ?4 ORDER BY s.doc_ix, s.rep",
                              e);
    int64_t doc = -1, repeats = 0;
    bool row = false, ok = q != NULL;
    if (!ok)
        return false;
    gn_bind_int(q, 2, t->id);
    gn_bind_text(q, 3, number->filter);
    gn_bind_text(q, 4, number->metric);
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        const int64_t ix = gn_column_int(q, 0);
        if (ix == doc && of_documents(number->aggregation)) {
            gn_item *item = &x->item[x->n - 1];
            repeats++;
            item->value += (gn_column_double(q, 1) - item->value) / (double)repeats;
            item->weight += (gn_column_double(q, 2) - item->weight) / (double)repeats;
            continue;
        }
        if (!(ok = add_item(x, q, e)))
            break;
        doc = ix;
        repeats = 1;
    }
    gn_sql_reset(q);
    return ok;
}

static void set_interval(const items *x, gn_number *number) {
    gn_interval i = {NAN, NAN};
    const bool mean = number->aggregation == GN_AGGREGATE_MEAN;
    if (mean && x->clustered)
        i = gn_interval_student(
            number->value, gn_error_clustered(x->value, x->cluster, (int64_t)x->n, x->clusters),
            (double)x->clusters - 1);
    else if (mean && number->binary)
        i = gn_interval_wilson(number->value, number->n);
    else
        i = gn_interval_student(number->value, number->error, (double)number->n - 1);
    number->lo = i.lo;
    number->hi = i.hi;
}

static bool measure(measuring *m, const gn_tally *t, gn_number *number, gn_error *e) {
    items x = {0};
    gn_estimate estimate;
    bool ok = read_items(m, t, number, &x, e);
    if (ok) {
        x.value = malloc(x.n * sizeof *x.value + 1);
        ok = x.value || no_memory(e);
    }
    for (size_t i = 0; ok && i < x.n; i++)
        x.value[i] = x.item[i].value;
    ok = ok &&
         gn_aggregate(number->aggregation, x.item, (int64_t)x.n, m->pool, m->errors, &estimate, e);
    if (ok) {
        number->value = estimate.value;
        number->error = estimate.error;
        number->n = (int64_t)x.n;
        number->method = estimate.method;
        number->failed = t->errors;
        number->lo = number->hi = NAN;
        if (m->errors && x.n > 1)
            set_interval(&x, number);
    }
    items_release(&x);
    return ok || gn_context(e, "%.*s", (int)t->name.len, t->name.data);
}

/* ---- one task ----------------------------------------------------------------------- */

static bool count(measuring *m, gn_tally *t, const char *text, int64_t *out, gn_error *e) {
    bool row = false;
    gn_statement *q = prepare(m, text, e);
    if (!q)
        return false;
    gn_bind_int(q, 2, t->id);
    const bool ok = gn_sql_step(q, &row, e);
    *out = ok && row ? gn_column_int(q, 0) : 0;
    gn_sql_reset(q);
    return ok;
}

#define SAMPLES     "SELECT count(*) FROM sample s WHERE s.run_id = ?1 AND s.task_id = ?2 "
#define ANSWERS     "FROM sample_response x JOIN response r ON r.id = x.response_id "
#define ITS_ANSWERS ANSWERS "WHERE x.sample_id = s.id"

static bool count_all(measuring *m, gn_tally *t, gn_error *e) {
    return count(m, t, SAMPLES, &t->done, e) &&
           count(m, t, SAMPLES "AND s.status = 'error'", &t->errors, e) &&
           count(m, t, SAMPLES "AND (SELECT min(x.cached) " ITS_ANSWERS ") = 1", &t->cached, e) &&
           count(m, t, SAMPLES "AND EXISTS (SELECT 1 " ITS_ANSWERS " AND r.truncated)",
                 &t->truncated, e) &&
           count(m, t, SAMPLES "AND EXISTS (SELECT 1 " ITS_ANSWERS " AND r.output = '')", &t->empty,
                 e) &&
           count(m, t,
                 SAMPLES "AND EXISTS (SELECT 1 FROM score c WHERE c.sample_id = s.id AND "
                         "c.extracted = '[invalid]')",
                 &t->invalid, e);
}

gn_task *gn_results_task_again(gn_arena *a, gn_slice json, gn_error *e) {
    gn_refusals refusals = {0};
    const gn_value *identity = gn_json_parse(a, json, e);
    const gn_task_source source = {.tree = gn_value_get(identity, GN_S("task")),
                                   .file = GN_S("database"),
                                   .folder = GN_S(""),
                                   .processed = true};
    gn_task *t = source.tree ? gn_task_new(&source, &refusals, e) : NULL;
    if (!t && !e->code)
        gn_fail(e, GN_FORMAT, "a task of the database cannot be read: %.*s",
                refusals.count ? (int)refusals.item[0].why.len : 12,
                refusals.count ? refusals.item[0].why.data : "it is no map");
    gn_refusals_release(&refusals);
    return t;
}

static bool fill_task(measuring *m, gn_tally *t, gn_slice json, gn_error *e) {
    gn_arena a = {0};
    gn_arena *keep = &m->out->arena;
    gn_task *task = gn_results_task_again(&a, json, e);
    bool ok = task && count_all(m, t, e);
    if (ok) {
        t->alias = gn_arena_copy(keep, task->alias);
        t->number = gn_arena_alloc(keep, (size_t)task->n_measure * sizeof *t->number + 1);
        t->n_number = task->n_measure;
        ok = (t->alias.data && t->number) || no_memory(e);
    }
    for (int i = 0; ok && i < t->n_number; i++) {
        const gn_measure *of = &task->measure[i];
        t->number[i] = (gn_number){.task = t->name,
                                   .metric = gn_arena_copy(keep, of->metric),
                                   .filter = gn_arena_copy(keep, of->filter),
                                   .higher = of->higher,
                                   .binary = of->binary,
                                   .aggregation = of->aggregation};
        ok = measure(m, t, &t->number[i], e);
    }
    gn_task_free(task);
    gn_arena_release(&a);
    return ok;
}

/* ---- groups -------------------------------------------------------------------------- */

static const gn_tally *find_task(const gn_results *r, gn_slice name) {
    for (int i = 0; i < r->n_task; i++)
        if (gn_slice_equal(r->tally[i].name, name))
            return &r->tally[i];
    return NULL;
}

static const gn_number *find_number(const gn_tally *t, gn_slice metric, gn_slice filter) {
    for (int i = 0; t && i < t->n_number; i++)
        if (gn_slice_equal(t->number[i].metric, metric) &&
            gn_slice_equal(t->number[i].filter, filter))
            return &t->number[i];
    return NULL;
}

static bool wanted(const gn_value *filters, gn_slice name) {
    for (size_t i = 0; i < gn_value_count(filters); i++)
        if (gn_slice_equal(gn_value_text(gn_value_at(filters, i)), name))
            return true;
    return gn_value_count(filters) == 0;
}

/* The group's number for (metric, filter), of the leaves that have it. */
static bool combine(measuring *m, gn_tally *t, const gn_value *leaves, gn_slice metric,
                    gn_slice filter, bool by_size, gn_error *e) {
    const size_t n = gn_value_count(leaves);
    gn_estimate *leaf = malloc(n * sizeof *leaf + 1);
    const gn_number *first = NULL;
    int have = 0;
    if (!leaf)
        return no_memory(e);
    for (size_t i = 0; i < n; i++) {
        const gn_number *x =
            find_number(find_task(m->out, gn_value_text(gn_value_at(leaves, i))), metric, filter);
        if (!x || x->n == 0)
            continue;
        first = first ? first : x;
        leaf[have++] = (gn_estimate){x->value, x->error, x->n, x->method};
    }
    if (have > 0) {
        const gn_estimate g = gn_aggregate_group(leaf, have, by_size);
        const gn_interval i = gn_interval_student(g.value, g.error, (double)g.n - 1);
        t->number[t->n_number++] = (gn_number){.task = t->name,
                                               .metric = metric,
                                               .filter = filter,
                                               .group = true,
                                               .value = g.value,
                                               .error = g.error,
                                               .lo = i.lo,
                                               .hi = i.hi,
                                               .n = g.n,
                                               .higher = first->higher,
                                               .aggregation = first->aggregation,
                                               .method = by_size ? "weighted" : "plain"};
    }
    free(leaf);
    return true;
}

static bool has_number(const gn_tally *t, gn_slice metric, gn_slice filter) {
    return find_number(t, metric, filter) != NULL;
}

static bool fill_group(measuring *m, gn_tally *t, const gn_value *group, gn_error *e) {
    const gn_value *leaves = gn_value_get(group, GN_S("leaves")),
                   *metrics = gn_value_get(group, GN_S("metrics"));
    size_t most = 0;
    for (size_t i = 0; i < gn_value_count(leaves); i++) {
        const gn_tally *leaf = find_task(m->out, gn_value_text(gn_value_at(leaves, i)));
        if (!leaf)
            continue;
        most += (size_t)leaf->n_number;
        t->planned += leaf->planned;
        t->done += leaf->done;
        t->cached += leaf->cached;
        t->truncated += leaf->truncated;
        t->empty += leaf->empty;
        t->invalid += leaf->invalid;
        t->errors += leaf->errors;
    }
    t->number = gn_arena_alloc(&m->out->arena, most * sizeof *t->number + 1);
    if (!t->number)
        return no_memory(e);
    for (size_t k = 0; k < gn_value_count(metrics); k++) {
        const gn_value *metric = gn_value_at(metrics, k);
        const gn_slice name = gn_value_text(gn_value_get(metric, GN_S("metric")));
        for (size_t i = 0; i < gn_value_count(leaves); i++) {
            const gn_tally *leaf = find_task(m->out, gn_value_text(gn_value_at(leaves, i)));
            for (int j = 0; leaf && j < leaf->n_number; j++)
                if (gn_slice_equal(leaf->number[j].metric, name) &&
                    wanted(gn_value_get(metric, GN_S("filters")), leaf->number[j].filter) &&
                    !has_number(t, name, leaf->number[j].filter) &&
                    !combine(m, t, leaves, name, leaf->number[j].filter,
                             gn_value_true(gn_value_get(metric, GN_S("by_size"))), e))
                    return false;
        }
    }
    return true;
}

/* ---- the run -------------------------------------------------------------------------- */

/* Where a task stands in the order the user gave; past the end if it does not. */
static size_t place_of(const gn_value *tasks, gn_slice name) {
    size_t i = 0;
    while (i < gn_value_count(tasks) && !gn_slice_equal(gn_value_text(gn_value_at(tasks, i)), name))
        i++;
    return i;
}

static bool list_tasks(measuring *m, const gn_value *order, gn_slice **json, gn_error *e) {
    gn_results *r = m->out;
    size_t n = 0;
    bool row = false, ok = true;
    gn_statement *q =
        prepare(m,
                "SELECT t.id, t.name, t.version, t.kind, t.n_shot, x.n_planned, t.json "
                "FROM run_task x JOIN task t ON t.id = x.task_id WHERE x.run_id = ?1 "
                "ORDER BY t.name",
                e);
    if (!q)
        return false;
    while (ok && (ok = gn_sql_step(q, &row, e)) && row) {
        gn_tally *grown = realloc(r->tally, (n + 1) * sizeof *grown);
        r->tally = grown ? grown : r->tally;
        gn_slice *more = realloc(*json, (n + 1) * sizeof *more);
        *json = more ? more : *json;
        if (!grown || !more) {
            ok = no_memory(e);
            break;
        }
        const gn_tally t = {.id = gn_column_int(q, 0),
                            .name = gn_arena_copy(&r->arena, gn_column_text(q, 1)),
                            .version = gn_arena_copy(&r->arena, gn_column_text(q, 2)),
                            .kind = gn_arena_copy(&r->arena, gn_column_text(q, 3)),
                            .shots = (int)gn_column_int(q, 4),
                            .planned = gn_column_int(q, 5)};
        const gn_slice text = gn_arena_copy(&r->arena, gn_column_text(q, 6));
        if (!t.name.data || !text.data) {
            ok = no_memory(e);
            break;
        }
        size_t at = n++;
        for (; at > 0 && place_of(order, r->tally[at - 1].name) > place_of(order, t.name); at--) {
            r->tally[at] = r->tally[at - 1];
            (*json)[at] = (*json)[at - 1];
        }
        r->tally[at] = t;
        (*json)[at] = text;
        r->n_tally = r->n_task = (int)n;
    }
    gn_sql_reset(q);
    return ok;
}

static bool add_groups(measuring *m, const gn_value *groups, gn_error *e) {
    gn_results *r = m->out;
    const size_t n = gn_value_count(groups);
    gn_tally *grown = realloc(r->tally, ((size_t)r->n_tally + n + 1) * sizeof *grown);
    if (!grown)
        return no_memory(e);
    r->tally = grown;
    for (size_t i = 0; i < n; i++) {
        const gn_value *g = gn_value_at(groups, i);
        gn_tally *t = &r->tally[r->n_tally];
        *t = (gn_tally){.name = gn_value_text(gn_value_get(g, GN_S("name"))),
                        .alias = gn_value_text(gn_value_get(g, GN_S("alias"))),
                        .version = gn_value_text(gn_value_get(g, GN_S("version"))),
                        .kind = GN_S("group")};
        if (!fill_group(m, t, g, e))
            return false;
        r->n_tally += t->n_number > 0;
    }
    return true;
}

bool gn_results_measure(gn_store *s, const gn_run_row *run, gn_pool *pool, bool errors,
                        gn_results *out, gn_error *e) {
    *out = (gn_results){0};
    measuring m = {.store = s, .run = run, .pool = pool, .errors = errors, .out = out};
    gn_slice *json = NULL;
    const gn_value *options = gn_json_parse(&out->arena, gn_str_slice(&run->options), e);
    bool ok = options && list_tasks(&m, gn_value_get(options, GN_S("tasks")), &json, e);
    for (int i = 0; ok && i < out->n_task; i++) {
        ok = fill_task(&m, &out->tally[i], json[i], e);
        out->planned += out->tally[i].planned;
        out->done += out->tally[i].done;
        out->errors += out->tally[i].errors;
    }
    ok = ok && add_groups(&m, gn_value_get(options, GN_S("groups")), e);
    free(json);
    return ok || gn_context(e, "run %s", run->id);
}

void gn_results_release(gn_results *r) {
    free(r->tally);
    gn_arena_release(&r->arena);
    *r = (gn_results){0};
}

/* ---- out ------------------------------------------------------------------------------- */

static void bind_number(gn_statement *q, int i, double v) {
    if (isnan(v))
        gn_bind_null(q, i);
    else
        gn_bind_double(q, i, v);
}

static bool keep_number(gn_store *s, const char *run, const gn_number *x, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(s),
        "INSERT OR REPLACE INTO metric(run_id, task, filter, metric, value, stderr, ci_lo, ci_hi, "
        "n, n_failed, higher_is_better, method) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
        e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(run));
    gn_bind_text(q, 2, x->task);
    gn_bind_text(q, 3, x->filter);
    gn_bind_text(q, 4, x->metric);
    bind_number(q, 5, x->value);
    bind_number(q, 6, x->error);
    bind_number(q, 7, x->lo);
    bind_number(q, 8, x->hi);
    gn_bind_int(q, 9, x->n);
    gn_bind_int(q, 10, x->failed);
    gn_bind_int(q, 11, x->higher);
    gn_bind_text(q, 12, gn_slice_of(x->method));
    return gn_sql_run(q, e);
}

bool gn_results_keep(gn_store *s, const char *run, const gn_results *r, gn_error *e) {
    gn_statement *q = gn_sql_prepare(gn_store_sql(s), "DELETE FROM metric WHERE run_id = ?", e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(run));
    bool ok = gn_sql_run(q, e);
    for (int i = 0; ok && i < r->n_tally; i++)
        for (int k = 0; ok && k < r->tally[i].n_number; k++)
            ok = keep_number(s, run, &r->tally[i].number[k], e);
    return ok;
}

static void json_number(gn_str *out, double v) {
    if (isfinite(v))
        gn_json_write_f64(out, v);
    else
        gn_str_puts(out, "null");
}

static void number_json(gn_str *out, const gn_number *x) {
    gn_str_puts(out, "{\"metric\":");
    gn_json_write_string(out, x->metric);
    gn_str_puts(out, ",\"filter\":");
    gn_json_write_string(out, x->filter);
    gn_str_puts(out, ",\"value\":");
    json_number(out, x->value);
    gn_str_puts(out, ",\"stderr\":");
    json_number(out, x->error);
    gn_str_puts(out, ",\"ci\":[");
    json_number(out, x->lo);
    gn_str_putc(out, ',');
    json_number(out, x->hi);
    gn_str_fmt(out, "],\"n\":%" PRId64 ",\"higher_is_better\":%s}", x->n,
               x->higher ? "true" : "false");
}

void gn_results_json(gn_str *out, const gn_results *r) {
    gn_str_puts(out, "\"tasks\":[");
    for (int i = 0; i < r->n_tally; i++) {
        const gn_tally *t = &r->tally[i];
        gn_str_puts(out, i ? ",{\"task\":" : "{\"task\":");
        gn_json_write_string(out, t->name);
        gn_str_puts(out, ",\"version\":");
        gn_json_write_string(out, t->version);
        gn_str_fmt(out, ",\"n\":%" PRId64 ",\"n_shot\":%d,\"metrics\":[", t->done, t->shots);
        for (int k = 0; k < t->n_number; k++) {
            gn_str_puts(out, k ? "," : "");
            number_json(out, &t->number[k]);
        }
        gn_str_fmt(out,
                   "],\"cached\":%" PRId64 ",\"truncated\":%" PRId64 ",\"empty\":%" PRId64
                   ",\"invalid\":%" PRId64 ",\"errors\":%" PRId64 "}",
                   t->cached, t->truncated, t->empty, t->invalid, t->errors);
    }
    gn_str_putc(out, ']');
}
