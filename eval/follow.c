/* follow.c - see follow.h. */
#include "eval/follow.h"

#include <math.h>
#include <stdlib.h>

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

static gn_statement *prepare(gn_store *s, const char *text, const char *run, gn_error *e) {
    gn_statement *q = gn_sql_prepare(gn_store_sql(s), text, e);
    if (q)
        gn_bind_text(q, 1, gn_slice_of(run));
    return q;
}

/* ---- tasks ---------------------------------------------------------------------------- */

static bool set_measure(gn_follow *f, gn_followed_task *t, gn_slice json, gn_error *e) {
    gn_arena a = {0};
    gn_task *task = gn_results_task_again(&a, json, e);
    if (task && task->n_measure) {
        const gn_measure *m = &task->measure[0];
        t->metric = gn_arena_copy(&f->arena, m->metric);
        t->filter = gn_arena_copy(&f->arena, m->filter);
        t->binary = m->binary;
        t->aggregation = m->aggregation;
    }
    t->generates = task && task->kind == GN_TASK_GENERATE;
    gn_task_free(task);
    gn_arena_release(&a);
    return task != NULL;
}

static size_t place_of(const gn_value *tasks, gn_slice name) {
    size_t i = 0;
    while (i < gn_value_count(tasks) && !gn_slice_equal(gn_value_text(gn_value_at(tasks, i)), name))
        i++;
    return i;
}

static bool add_task(gn_follow *f, gn_statement *q, const gn_value *order, gn_error *e) {
    gn_followed_task *grown = realloc(f->task, ((size_t)f->n_task + 1) * sizeof *grown);
    gn_followed_task t = {.id = gn_column_int(q, 0),
                          .name = gn_arena_copy(&f->arena, gn_column_text(q, 1)),
                          .planned = gn_column_int(q, 2)};
    if (!grown || !t.name.data)
        return no_memory(e);
    f->task = grown;
    if (!set_measure(f, &t, gn_column_text(q, 3), e))
        return false;
    int at = f->n_task++;
    for (; at > 0 && place_of(order, f->task[at - 1].name) > place_of(order, t.name); at--)
        f->task[at] = f->task[at - 1];
    f->task[at] = t;
    f->planned += t.planned;
    return true;
}

static bool list_tasks(gn_follow *f, gn_error *e) {
    const gn_value *options = gn_json_parse(&f->arena, gn_str_slice(&f->run.options), e);
    gn_statement *q = options ? prepare(f->store,
                                        "SELECT t.id, t.name, x.n_planned, t.json FROM run_task x "
                                        "JOIN task t ON t.id = x.task_id WHERE x.run_id = ?1 "
                                        "ORDER BY t.name",
                                        f->run.id, e)
                              : NULL;
    bool row = false, ok = q != NULL;
    f->numerics = gn_value_text(gn_value_get(options, GN_S("numerics")));
    while (ok && (ok = gn_sql_step(q, &row, e)) && row)
        ok = add_task(f, q, gn_value_get(options, GN_S("tasks")), e);
    if (q)
        gn_sql_reset(q);
    return ok;
}

/* ---- the baseline ------------------------------------------------------------------------ */

static bool set_base(gn_followed_task *t, int64_t doc, double value, gn_error *e) {
    if (doc < 0)
        return true;
    if (doc >= t->n_base) {
        const int64_t n = doc + 64 + t->n_base;
        double *grown = realloc(t->base, (size_t)n * sizeof *grown);
        if (!grown)
            return no_memory(e);
        for (int64_t i = t->n_base; i < n; i++)
            grown[i] = NAN;
        t->base = grown;
        t->n_base = n;
    }
    t->base[doc] = value;
    return true;
}

static bool read_base(gn_follow *f, gn_followed_task *t, const char *baseline, gn_error *e) {
    bool row = false, ok;
    gn_statement *q = prepare(f->store,
                              "SELECT s.doc_ix, avg(c.value) FROM sample s JOIN score c ON "
                              "c.sample_id = s.id JOIN task t ON t.id = s.task_id WHERE s.run_id = "
                              "?1 AND t.name = ?2 AND c.metric = ?3 AND c.filter = ?4 GROUP BY 1",
                              baseline, e);
    if (!q)
        return false;
    gn_bind_text(q, 2, t->name);
    gn_bind_text(q, 3, t->metric);
    gn_bind_text(q, 4, t->filter);
    while ((ok = gn_sql_step(q, &row, e)) && row && ok)
        ok = set_base(t, gn_column_int(q, 0), gn_column_double(q, 1), e);
    gn_sql_reset(q);
    return ok;
}

/* What the baseline is called: a run, or more than one of them. */
static bool name_baseline(gn_follow *f, const char *id, bool several, gn_error *e) {
    gn_run_row run;
    if (several) {
        gn_str_puts(&f->baseline, "the newest blessed of each task");
        return gn_str_ok(&f->baseline, e);
    }
    if (!gn_run_find(f->store, id, &run, e))
        return false;
    gn_str_fmt(&f->baseline, "%s %.10s", gn_str_text(&run.model), run.id);
    gn_run_row_release(&run);
    return gn_str_ok(&f->baseline, e);
}

static bool read_baseline(gn_follow *f, const char *baseline, gn_error *e) {
    char id[27], one[27] = "";
    bool ok = true, several = false;
    for (int i = 0; ok && i < f->n_task; i++) {
        if (!(ok = gn_run_baseline(f->store, baseline, f->task[i].name, id, e)) || !id[0])
            continue;
        several = several || (one[0] && strcmp(one, id) != 0);
        memcpy(one, id, sizeof one);
        ok = read_base(f, &f->task[i], id, e);
    }
    return ok && (!one[0] || name_baseline(f, one, several, e));
}

/* ---- samples -------------------------------------------------------------------------------- */

static void count(gn_followed_task *t, const gn_followed_sample *s, double weight) {
    t->cached += s->cached;
    t->failed += s->failed;
    t->truncated += s->truncated;
    t->empty += s->empty;
    t->invalid += s->invalid;
    if (isnan(s->value))
        return;
    t->count++;
    t->sum += s->value;
    t->square += s->value * s->value;
    t->weight += weight;
    if (!isnan(s->base)) {
        const double d = s->value - s->base;
        t->d_count++;
        t->d_sum += d;
        t->d_square += d * d;
    }
}

static double number_or_nan(const gn_statement *q, int i) {
    return gn_column_is_null(q, i) ? NAN : gn_column_double(q, i);
}

static bool add_sample(gn_follow *f, gn_followed_task *t, gn_statement *q, gn_error *e) {
    if (!gn_vec_reserve(&t->sample, &t->room, t->n + 1, sizeof *t->sample))
        return no_memory(e);
    gn_followed_sample *s = &t->sample[t->n++];
    const gn_slice stop = gn_column_text(q, 10);
    *s = (gn_followed_sample){.id = gn_column_int(q, 0),
                              .doc = gn_column_int(q, 1),
                              .rep = (int)gn_column_int(q, 2),
                              .failed = gn_column_int(q, 3) != 0,
                              .value = number_or_nan(q, 4),
                              .cached = gn_column_int(q, 6) != 0,
                              .truncated = gn_column_int(q, 7) != 0,
                              .empty = gn_column_int(q, 8) != 0,
                              .tokens = gn_column_int(q, 9),
                              .invalid = gn_column_int(q, 11) != 0,
                              .base = NAN};
    memcpy(s->stop, stop.data, stop.len < sizeof s->stop ? stop.len : sizeof s->stop - 1);
    if (s->doc >= 0 && s->doc < t->n_base)
        s->base = t->base[s->doc];
    count(t, s, gn_column_double(q, 5));
    if (s->id > f->newest) {
        f->newest = s->id;
        f->current = (int)(t - f->task);
    }
    f->done++;
    return true;
}

static bool read_samples(gn_follow *f, gn_followed_task *t, int64_t after, gn_error *e) {
    bool row = false, ok;
    gn_statement *q = prepare(
        f->store,
        "SELECT s.id, s.doc_ix, s.rep, s.status = 'error', c.value, c.weight, "
        "(SELECT min(x.cached) FROM sample_response x WHERE x.sample_id = s.id), "
        "(SELECT max(r.truncated) FROM sample_response x JOIN response r ON r.id = x.response_id "
        "WHERE x.sample_id = s.id), "
        "(SELECT max(r.output = '') FROM sample_response x JOIN response r ON r.id = "
        "x.response_id WHERE x.sample_id = s.id), "
        "(SELECT sum(r.n_out) FROM sample_response x JOIN response r ON r.id = x.response_id "
        "WHERE x.sample_id = s.id), "
        "(SELECT r.stop FROM sample_response x JOIN response r ON r.id = x.response_id WHERE "
        "x.sample_id = s.id ORDER BY x.ix LIMIT 1), "
        "EXISTS (SELECT 1 FROM score i WHERE i.sample_id = s.id AND i.extracted = '[invalid]') "
        "FROM sample s LEFT JOIN score c ON c.sample_id = s.id AND c.filter = ?3 AND c.metric = ?4 "
        "WHERE s.run_id = ?1 AND s.task_id = ?2 AND s.id > ?5 ORDER BY s.id",
        f->run.id, e);
    if (!q)
        return false;
    gn_bind_int(q, 2, t->id);
    gn_bind_text(q, 3, t->filter);
    gn_bind_text(q, 4, t->metric);
    gn_bind_int(q, 5, after);
    while ((ok = gn_sql_step(q, &row, e)) && row && ok)
        ok = add_sample(f, t, q, e);
    gn_sql_reset(q);
    return ok;
}

/* Samples of the run in the database; one that was asked again is there no more. */
static bool count_there(gn_follow *f, int64_t *n, gn_error *e) {
    bool row = false;
    gn_statement *q =
        prepare(f->store, "SELECT count(*) FROM sample WHERE run_id = ?1", f->run.id, e);
    if (!q)
        return false;
    const bool ok = gn_sql_step(q, &row, e);
    *n = ok && row ? gn_column_int(q, 0) : 0;
    gn_sql_reset(q);
    return ok;
}

static void forget_samples(gn_follow *f) {
    for (int i = 0; i < f->n_task; i++) {
        gn_followed_task *t = &f->task[i];
        t->n = 0;
        t->cached = t->failed = t->truncated = t->empty = t->invalid = 0;
        t->count = t->sum = t->square = t->weight = t->d_count = t->d_sum = t->d_square = 0;
    }
    f->newest = f->done = 0;
}

static bool read_new(gn_follow *f, gn_error *e) {
    const int64_t after = f->newest;
    bool ok = true;
    for (int i = 0; ok && i < f->n_task; i++)
        ok = read_samples(f, &f->task[i], after, e);
    return ok;
}

bool gn_follow_more(gn_follow *f, bool *changed, gn_error *e) {
    gn_run_row run;
    const int64_t before = f->done;
    int64_t there;
    if (!gn_run_find(f->store, f->run.id, &run, e))
        return false;
    const bool alive = gn_run_alive(&run);
    *changed = alive != f->alive || strcmp(run.status, f->run.status) != 0;
    gn_run_row_release(&f->run);
    f->run = run;
    f->alive = alive;
    if (!count_there(f, &there, e))
        return false;
    bool ok = there == f->done || read_new(f, e);
    if (ok && f->done > there) { /* some went away */
        forget_samples(f);
        ok = read_new(f, e);
        *changed = true;
    }
    *changed = *changed || f->done != before;
    return ok;
}

bool gn_follow_open(gn_follow *f, gn_store *s, const char *run, const char *baseline, gn_error *e) {
    bool changed;
    *f = (gn_follow){.store = s};
    return gn_run_find(s, run, &f->run, e) && list_tasks(f, e) &&
           (!baseline || !baseline[0] || read_baseline(f, baseline, e)) &&
           gn_follow_more(f, &changed, e);
}

void gn_follow_release(gn_follow *f) {
    for (int i = 0; i < f->n_task; i++) {
        free(f->task[i].sample);
        free(f->task[i].base);
    }
    free(f->task);
    gn_run_row_release(&f->run);
    gn_str_release(&f->baseline);
    gn_arena_release(&f->arena);
    *f = (gn_follow){0};
}

/* ---- numbers --------------------------------------------------------------------------------- */

static double mean_error(double n, double sum, double square) {
    const double mean = sum / n, spread = square / n - mean * mean;
    return n > 1 ? sqrt((spread > 0 ? spread : 0) / (n - 1)) : NAN;
}

void gn_followed_value(const gn_followed_task *t, double *value, double *error) {
    *value = *error = NAN;
    if (t->count < 1)
        return;
    switch (t->aggregation) {
    case GN_AGGREGATE_MEAN:
        *value = t->sum / t->count;
        *error = mean_error(t->count, t->sum, t->square);
        break;
    case GN_AGGREGATE_PERPLEXITY:
        *value = exp(-t->sum / t->count);
        break;
    case GN_AGGREGATE_WEIGHTED_PERPLEXITY:
    case GN_AGGREGATE_TOKEN_PERPLEXITY:
        *value = exp(-t->sum / t->weight);
        break;
    default:
        break;
    }
}

void gn_followed_delta(const gn_followed_task *t, double *delta, double *error) {
    *delta = *error = NAN;
    if (t->d_count < 1 || t->aggregation != GN_AGGREGATE_MEAN)
        return;
    *delta = t->d_sum / t->d_count;
    *error = mean_error(t->d_count, t->d_sum, t->d_square);
}

bool gn_followed_flip(const gn_followed_task *t, const gn_followed_sample *s) {
    return t->binary && !isnan(s->value) && !isnan(s->base) && (s->value > 0.5) != (s->base > 0.5);
}
