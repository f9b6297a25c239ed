/* compare.c - see compare.h. */
#include "eval/compare.h"

#include "eval/statistics.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { DRAWS = 100000, SEED = 1234 };

typedef struct comparing {
    gn_store *store;
    gn_comparison *out;
    const gn_tally *a, *b; /* the task at hand */
} comparing;

/* The documents of one line. */
typedef struct pairs {
    int64_t *doc, *cluster;
    double *a, *b, *weight_a, *weight_b, *d;
    size_t n, room;
    int64_t clusters;
    bool clustered;
    gn_map names;
    gn_arena arena;
} pairs;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

static void pairs_release(pairs *p) {
    free(p->doc);
    free(p->cluster);
    free(p->a);
    free(p->b);
    free(p->weight_a);
    free(p->weight_b);
    free(p->d);
    gn_map_release(&p->names);
    gn_arena_release(&p->arena);
}

static bool grow(pairs *p) {
    size_t room[7];
    for (int i = 0; i < 7; i++)
        room[i] = p->room;
    const bool ok = gn_vec_reserve(&p->doc, &room[0], p->n + 1, sizeof *p->doc) &&
                    gn_vec_reserve(&p->cluster, &room[1], p->n + 1, sizeof *p->cluster) &&
                    gn_vec_reserve(&p->a, &room[2], p->n + 1, sizeof *p->a) &&
                    gn_vec_reserve(&p->b, &room[3], p->n + 1, sizeof *p->b) &&
                    gn_vec_reserve(&p->weight_a, &room[4], p->n + 1, sizeof *p->weight_a) &&
                    gn_vec_reserve(&p->weight_b, &room[5], p->n + 1, sizeof *p->weight_b) &&
                    gn_vec_reserve(&p->d, &room[6], p->n + 1, sizeof *p->d);
    p->room = ok ? room[0] : p->room;
    return ok;
}

/* ---- reading ------------------------------------------------------------------------------ */

#define BOTH                                                                                       \
    "FROM sample x JOIN doc d ON d.task_id = x.task_id AND d.ix = x.doc_ix "                       \
    "JOIN sample y ON y.run_id = ?2 AND y.task_id = ?4 AND y.doc_ix = x.doc_ix "                   \
    "JOIN doc o ON o.task_id = y.task_id AND o.ix = y.doc_ix "

static gn_statement *prepare(comparing *c, const char *text, gn_error *e) {
    gn_statement *q = gn_sql_prepare(gn_store_sql(c->store), text, e);
    if (q) {
        gn_bind_text(q, 1, gn_slice_of(c->out->a.run.id));
        gn_bind_text(q, 2, gn_slice_of(c->out->b.run.id));
        gn_bind_int(q, 3, c->a->id);
        gn_bind_int(q, 4, c->b->id);
    }
    return q;
}

static bool add_pair(pairs *p, gn_statement *q, gn_error *e) {
    int64_t number = p->clusters;
    if (!grow(p))
        return no_memory(e);
    if (!gn_column_is_null(q, 5)) {
        p->clustered = true;
        if (!gn_map_get(&p->names, gn_column_text(q, 5), &number)) {
            const gn_slice name = gn_arena_copy(&p->arena, gn_column_text(q, 5));
            if (!name.data || !gn_map_set(&p->names, name, p->clusters++))
                return no_memory(e);
        }
    } else {
        p->clusters++;
    }
    p->doc[p->n] = gn_column_int(q, 0);
    p->a[p->n] = gn_column_double(q, 1);
    p->weight_a[p->n] = gn_column_double(q, 2);
    p->b[p->n] = gn_column_double(q, 3);
    p->weight_b[p->n] = gn_column_double(q, 4);
    p->cluster[p->n++] = number;
    return true;
}

/* Means over repeats first: those of all pairs of them are the same. */
static bool read_pairs(comparing *c, const gn_number *x, pairs *p, gn_error *e) {
    bool row = false, ok;
    gn_statement *q = prepare(
        c,
        "SELECT x.doc_ix, avg(f.value), avg(f.weight), avg(g.value), avg(g.weight), d.cluster " BOTH
        "JOIN score f ON f.sample_id = x.id AND f.metric = ?5 AND f.filter = ?6 "
        "JOIN score g ON g.sample_id = y.id AND g.metric = ?5 AND g.filter = ?6 "
        "WHERE x.run_id = ?1 AND x.task_id = ?3 AND o.hash = d.hash "
        "GROUP BY x.doc_ix ORDER BY x.doc_ix",
        e);
    if (!q)
        return false;
    gn_bind_text(q, 5, x->metric);
    gn_bind_text(q, 6, x->filter);
    while ((ok = gn_sql_step(q, &row, e)) && row && (ok = add_pair(p, q, e)))
        ;
    gn_sql_reset(q);
    return ok;
}

static bool count_unlike(comparing *c, gn_error *e) {
    bool row = false;
    gn_statement *q = prepare(c,
                              "SELECT count(DISTINCT x.doc_ix) " BOTH
                              "WHERE x.run_id = ?1 AND x.task_id = ?3 AND o.hash <> d.hash",
                              e);
    if (!q || !gn_sql_step(q, &row, e))
        return false;
    c->out->unlike += row ? gn_column_int(q, 0) : 0;
    gn_sql_reset(q);
    return true;
}

/* ---- one line ---------------------------------------------------------------------------------- */

static double sum_of(const double *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

/* The number of one side over the documents both have, or over its own where it is no sum. */
static double side_value(gn_aggregation a, const double *x, const double *weight, size_t n,
                         double own) {
    const double count = (double)n;
    switch (a) {
    case GN_AGGREGATE_MEAN:
    case GN_AGGREGATE_NANMEAN:
    case GN_AGGREGATE_BRIER:
        return sum_of(x, n) / count;
    case GN_AGGREGATE_PERPLEXITY:
        return exp(-sum_of(x, n) / count);
    case GN_AGGREGATE_WEIGHTED_PERPLEXITY:
    case GN_AGGREGATE_TOKEN_PERPLEXITY:
        return exp(-sum_of(x, n) / sum_of(weight, n));
    case GN_AGGREGATE_BITS_PER_BYTE:
        return -sum_of(x, n) / sum_of(weight, n) / M_LN2;
    case GN_AGGREGATE_WEIGHTED_MEAN: {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += x[i] * weight[i];
        return sum / sum_of(weight, n);
    }
    default:
        return own;
    }
}

/* Per document: how much more b has. False where a number is none of documents. */
static bool differences(gn_aggregation a, pairs *p) {
    const bool per_weight = a == GN_AGGREGATE_WEIGHTED_PERPLEXITY ||
                            a == GN_AGGREGATE_TOKEN_PERPLEXITY || a == GN_AGGREGATE_BITS_PER_BYTE;
    for (size_t i = 0; i < p->n; i++) {
        const double wa = per_weight && p->weight_a[i] > 0 ? p->weight_a[i] : 1,
                     wb = per_weight && p->weight_b[i] > 0 ? p->weight_b[i] : 1;
        p->d[i] = p->b[i] / wb - p->a[i] / wa;
    }
    return per_weight || a == GN_AGGREGATE_MEAN || a == GN_AGGREGATE_NANMEAN ||
           a == GN_AGGREGATE_PERPLEXITY || a == GN_AGGREGATE_BRIER ||
           a == GN_AGGREGATE_WEIGHTED_MEAN;
}

static bool is_likelihood(gn_aggregation a) {
    return a == GN_AGGREGATE_PERPLEXITY || a == GN_AGGREGATE_WEIGHTED_PERPLEXITY ||
           a == GN_AGGREGATE_TOKEN_PERPLEXITY || a == GN_AGGREGATE_BITS_PER_BYTE;
}

static bool is_binary(const pairs *p) {
    for (size_t i = 0; i < p->n; i++)
        if ((p->a[i] != 0 && p->a[i] != 1) || (p->b[i] != 0 && p->b[i] != 1)) /* NOLINT */
            return false;
    return true;
}

static bool run_test(gn_pairing *l, const gn_number *x, pairs *p, gn_error *e) {
    if (x->binary && !p->clustered && is_binary(p)) {
        l->test = "mcnemar";
        l->p = gn_test_mcnemar(l->wins, l->losses);
        return true;
    }
    double *d = p->d, *sums = NULL;
    int64_t n = (int64_t)p->n;
    if (p->clustered) { /* documents of a cluster change sign together */
        sums = calloc((size_t)p->clusters + 1, sizeof *sums);
        if (!sums)
            return no_memory(e);
        for (size_t i = 0; i < p->n; i++)
            sums[p->cluster[i]] += d[i];
        d = sums;
        n = p->clusters;
    }
    l->test = "signflip";
    l->p = gn_test_signflip(d, n, DRAWS, SEED);
    free(sums);
    return true;
}

static bool compare_number(comparing *c, const gn_number *x, const gn_number *y, gn_pairing *l,
                           gn_error *e) {
    pairs p = {0};
    if (!read_pairs(c, x, &p, e)) {
        pairs_release(&p);
        return false;
    }
    const gn_aggregation how = x->aggregation;
    *l = (gn_pairing){.task = c->a->name,
                      .metric = x->metric,
                      .filter = x->filter,
                      .n = (int64_t)p.n,
                      .clusters = p.clustered ? p.clusters : 0,
                      .higher = x->higher,
                      .likelihood = is_likelihood(how),
                      .diff = NAN,
                      .error = NAN,
                      .lo = NAN,
                      .hi = NAN,
                      .p = NAN,
                      .p_holm = NAN,
                      .smallest = NAN,
                      .test = "none"};
    bool ok = true;
    if (p.n > 0) {
        l->a = side_value(how, p.a, p.weight_a, p.n, x->value);
        l->b = side_value(how, p.b, p.weight_b, p.n, y->value);
        l->share = !l->likelihood && how != GN_AGGREGATE_MEDIAN && l->a >= 0 && l->a <= 1 &&
                   l->b >= 0 && l->b <= 1;
        l->diff = l->b - l->a;
        if (differences(how, &p)) {
            const bool better_up = l->likelihood || x->higher;
            for (size_t i = 0; i < p.n; i++) {
                l->wins += better_up ? p.d[i] > 0 : p.d[i] < 0;
                l->losses += better_up ? p.d[i] < 0 : p.d[i] > 0;
            }
            l->ties = l->n - l->wins - l->losses;
            if (l->likelihood)
                l->diff = sum_of(p.d, p.n) / (double)p.n;
            l->error = p.clustered ? gn_error_clustered(p.d, p.cluster, l->n, p.clusters)
                                   : gn_error_mean(p.d, l->n);
            const gn_interval i = gn_interval_student(
                l->diff, l->error, (double)(p.clustered ? p.clusters : l->n) - 1);
            l->lo = i.lo;
            l->hi = i.hi;
            l->smallest = GN_VISIBLE * l->error;
            ok = run_test(l, x, &p, e);
        }
    }
    pairs_release(&p);
    return ok;
}

/* ---- flips ------------------------------------------------------------------------------------ */

static gn_slice keep(gn_comparison *c, gn_statement *q, int i) {
    return gn_column_is_null(q, i) ? (gn_slice){NULL, 0}
                                   : gn_arena_copy(&c->arena, gn_column_text(q, i));
}

#define ITS_TEXT(s)                                                                                \
    "(SELECT r.output FROM sample_response z JOIN response r ON r.id = z.response_id "             \
    "WHERE z.sample_id = " s ".id ORDER BY z.ix LIMIT 1)"

static bool read_flips(comparing *c, const gn_number *x, int64_t *count, gn_error *e) {
    gn_comparison *out = c->out;
    bool row = false, ok;
    gn_statement *q = prepare(
        c,
        "SELECT x.doc_ix, avg(f.value) av, avg(g.value) bv, min(f.extracted), min(g.extracted), "
        "d.target, " ITS_TEXT("x") ", " ITS_TEXT(
            "y") " " BOTH "JOIN score f ON f.sample_id = x.id AND f.metric = ?5 AND f.filter = ?6 "
                 "JOIN score g ON g.sample_id = y.id AND g.metric = ?5 AND g.filter = ?6 "
                 "WHERE x.run_id = ?1 AND x.task_id = ?3 AND o.hash = d.hash "
                 "GROUP BY x.doc_ix HAVING av <> bv ORDER BY x.doc_ix",
        e);
    if (!q)
        return false;
    gn_bind_text(q, 5, x->metric);
    gn_bind_text(q, 6, x->filter);
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        if (!gn_vec_reserve(&out->flip, &out->flip_room, out->n_flip + 1, sizeof *out->flip)) {
            ok = no_memory(e);
            break;
        }
        out->flip[out->n_flip++] = (gn_flip){.task = c->a->name,
                                             .doc = gn_column_int(q, 0),
                                             .a = gn_column_double(q, 1),
                                             .b = gn_column_double(q, 2),
                                             .a_said = keep(out, q, 3),
                                             .b_said = keep(out, q, 4),
                                             .gold = keep(out, q, 5),
                                             .a_text = keep(out, q, 6),
                                             .b_text = keep(out, q, 7)};
        ++*count;
    }
    gn_sql_reset(q);
    return ok;
}

/* ---- a task ------------------------------------------------------------------------------------- */

static const gn_number *find_number(const gn_tally *t, const gn_number *like) {
    for (int i = 0; i < t->n_number; i++)
        if (gn_slice_equal(t->number[i].metric, like->metric) &&
            gn_slice_equal(t->number[i].filter, like->filter))
            return &t->number[i];
    return NULL;
}

static bool compare_task(comparing *c, gn_error *e) {
    gn_comparison *out = c->out;
    const int first = out->n;
    int64_t flips = 0;
    bool flipped = false;
    gn_pairing *grown =
        realloc(out->pairing, (size_t)(out->n + c->a->n_number + 1) * sizeof *grown);
    if (!grown)
        return no_memory(e);
    out->pairing = grown;
    if (!count_unlike(c, e))
        return false;
    for (int i = 0; i < c->a->n_number; i++) {
        const gn_number *x = &c->a->number[i], *y = find_number(c->b, x);
        if (!y)
            continue;
        if (!compare_number(c, x, y, &out->pairing[out->n], e))
            return false;
        out->n++;
        if (x->binary && !flipped) {
            flipped = true;
            if (!read_flips(c, x, &flips, e))
                return false;
        }
    }
    for (int i = first; i < out->n; i++) {
        out->pairing[i].task = gn_arena_copy(&out->arena, out->pairing[i].task);
        out->pairing[i].metric = gn_arena_copy(&out->arena, out->pairing[i].metric);
        out->pairing[i].filter = gn_arena_copy(&out->arena, out->pairing[i].filter);
        out->pairing[i].flips = flips;
        if (!out->pairing[i].filter.data)
            return no_memory(e);
    }
    for (size_t i = out->n_flip - (size_t)flips; i < out->n_flip; i++)
        out->flip[i].task = out->n > first ? out->pairing[first].task : GN_S("");
    return true;
}

/* ---- all of it ------------------------------------------------------------------------------------ */

static bool wanted(gn_slice list, gn_slice name) {
    if (list.len == 0)
        return true;
    while (list.len) {
        const ptrdiff_t comma = gn_slice_find(list, GN_S(","));
        const gn_slice word = {list.data, comma < 0 ? list.len : (size_t)comma};
        if (gn_slice_equal(word, name))
            return true;
        list = gn_slice_from(list, word.len + 1);
    }
    return false;
}

static bool describe(gn_store *s, gn_side *side, const gn_results *r, gn_error *e) {
    bool row = false;
    side->planned = r->planned;
    for (int i = 0; i < r->n_task; i++) {
        side->n += r->tally[i].done;
        side->truncated += r->tally[i].truncated;
        side->empty += r->tally[i].empty;
        side->invalid += r->tally[i].invalid;
        side->errors += r->tally[i].errors;
    }
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(s),
        "SELECT avg(r.n_out) FROM sample s JOIN sample_response z ON z.sample_id = s.id JOIN "
        "response r ON r.id = z.response_id WHERE s.run_id = ? AND r.kind = 'generate'",
        e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(side->run.id));
    if (!gn_sql_step(q, &row, e))
        return false;
    side->length = row && !gn_column_is_null(q, 0) ? gn_column_double(q, 0) : NAN;
    gn_sql_reset(q);
    return true;
}

/* Holm over every line of [n] comparisons that has a p. */
static bool adjust(gn_comparison *c, int n, gn_error *e) {
    size_t all = 0, at = 0;
    for (int i = 0; i < n; i++)
        all += (size_t)c[i].n;
    double *p = calloc(all + 1, sizeof *p), *holm = calloc(all + 1, sizeof *holm);
    bool ok = (p && holm) || no_memory(e);
    for (int i = 0; ok && i < n; i++)
        for (int k = 0; k < c[i].n; k++)
            p[at++] = c[i].pairing[k].p;
    ok = ok && (gn_adjust_holm(p, holm, (int)all) || no_memory(e));
    at = 0;
    for (int i = 0; ok && i < n; i++)
        for (int k = 0; k < c[i].n; k++)
            c[i].pairing[k].p_holm = holm[at++];
    free(p);
    free(holm);
    return ok;
}

bool gn_comparisons_join(gn_comparison *c, int n, gn_error *e) {
    bool steps = true;
    for (int i = 0; i < n; i++)
        steps = steps && c[i].b.run.step >= 0;
    for (int i = 1; steps && i < n; i++)
        for (int k = i; k > 0 && c[k - 1].b.run.step > c[k].b.run.step; k--) {
            const gn_comparison x = c[k];
            c[k] = c[k - 1];
            c[k - 1] = x;
        }
    return adjust(c, n, e);
}

bool gn_compare_runs(gn_store *s, gn_run_row *a, gn_run_row *b, gn_slice tasks, gn_pool *pool,
                     gn_comparison *out, gn_error *e) {
    gn_results ra = {0}, rb = {0};
    *out = (gn_comparison){.a = {.run = *a}, .b = {.run = *b}};
    *a = *b = (gn_run_row){0};
    comparing c = {.store = s, .out = out};
    bool ok = gn_results_measure(s, &out->a.run, pool, false, &ra, e) &&
              gn_results_measure(s, &out->b.run, pool, false, &rb, e) &&
              describe(s, &out->a, &ra, e) && describe(s, &out->b, &rb, e);
    for (int i = 0; ok && i < ra.n_task; i++)
        for (int k = 0; ok && k < rb.n_task; k++)
            if (gn_slice_equal(ra.tally[i].name, rb.tally[k].name) &&
                wanted(tasks, ra.tally[i].name)) {
                c.a = &ra.tally[i];
                c.b = &rb.tally[k];
                ok = compare_task(&c, e);
            }
    int64_t n = 0;
    for (int i = 0; ok && i < out->n; i++)
        n += out->pairing[i].n;
    if (ok && n == 0)
        ok = gn_fail(e, GN_INVALID, "runs %s and %s have no answered document of %s in common",
                     out->a.run.id, out->b.run.id, tasks.len ? tasks.data : "any task");
    ok = ok && adjust(out, 1, e);
    gn_results_release(&ra);
    gn_results_release(&rb);
    return ok;
}

void gn_comparison_release(gn_comparison *c) {
    gn_run_row_release(&c->a.run);
    gn_run_row_release(&c->b.run);
    free(c->pairing);
    free(c->flip);
    gn_arena_release(&c->arena);
    *c = (gn_comparison){0};
}

/* ---- rules ------------------------------------------------------------------------------------------ */

static bool bad_rule(const char *rule, gn_error *e) {
    gn_fail(e, GN_INVALID,
            "--fail-on: want conditions like regress>1pp, regress>2%%, p<.05, flips>10, separated "
            "by commas, not '%.60s'",
            rule);
    return gn_where(e, "--fail-on");
}

/* A number, also one that begins with its point. */
static bool read_number(gn_slice text, double *out) {
    gn_str s = {0};
    if (text.len && text.data[0] == '.')
        gn_str_putc(&s, '0');
    gn_str_add(&s, text);
    const bool ok = gn_parse_number(gn_str_slice(&s), out);
    gn_str_release(&s);
    return ok;
}

/* By how much b is worse. */
static double regress(const gn_pairing *l) { return l->higher ? l->a - l->b : l->b - l->a; }

static bool holds(const gn_pairing *l, gn_slice word, bool *yes) {
    double x;
    gn_slice number;
    if (gn_slice_starts(word, GN_S("regress>"))) {
        number = gn_slice_from(word, 8);
        if (gn_slice_ends(number, GN_S("pp"))) {
            number.len -= 2;
            *yes = read_number(number, &x) && l->share && regress(l) * 100 > x;
        } else if (gn_slice_ends(number, GN_S("%"))) {
            number.len -= 1;
            *yes = read_number(number, &x) && regress(l) > fabs(l->a) * x / 100;
        } else {
            return false;
        }
        return read_number(number, &x);
    }
    if (gn_slice_starts(word, GN_S("p<"))) {
        const bool ok = read_number(gn_slice_from(word, 2), &x);
        *yes = ok && l->p_holm < x;
        return ok;
    }
    if (gn_slice_starts(word, GN_S("flips>"))) {
        const bool ok = read_number(gn_slice_from(word, 6), &x);
        *yes = ok && (double)l->flips > x;
        return ok;
    }
    return false;
}

bool gn_compare_rule(const gn_comparison *c, const char *rule, int *which, gn_error *e) {
    *which = -1;
    if (!rule[0])
        return bad_rule(rule, e);
    for (int i = 0; i < c->n; i++) {
        gn_slice rest = gn_slice_of(rule);
        bool all = true;
        while (rest.len) {
            const ptrdiff_t comma = gn_slice_find(rest, GN_S(","));
            const gn_slice word = {rest.data, comma < 0 ? rest.len : (size_t)comma};
            bool yes = false;
            if (!holds(&c->pairing[i], gn_text_strip(word, true, true), &yes))
                return bad_rule(rule, e);
            all = all && yes;
            rest = gn_slice_from(rest, word.len + 1);
        }
        if (all && *which < 0)
            *which = i;
    }
    return true;
}
