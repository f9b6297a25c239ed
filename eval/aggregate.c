/* aggregate.c - from the scores of documents to one number and its standard error.
 *
 * Bootstrap as lm-evaluation-harness does it: chunk i of a thousand replicates is
 * drawn from Random(i), so the digits come out the same, on any number of threads.
 */
#include "eval/metric.h"

#include "eval/corpus.h"
#include "eval/draw.h"

#include <math.h>
#include <stdlib.h>

enum { CHUNKS = 100, REPLICATES = 1000, CORPUS_REPLICATES = 100 };

/* Items made ready: rows [n, width] of numbers that add up, or, for a median, that sort. */
typedef struct sample {
    gn_aggregation kind;
    int64_t n;
    int width;
    double *row;
    gn_corpus corpus;
    int classes;  /* f1, mcc: a row has one number, gold * classes + predicted */
    bool has_one; /* f1: class 1 is among them */
    int positive;
} sample;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

/* ---- sums --------------------------------------------------------------- */

static double mean_of(const double *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

/* Square root of the unbiased variance. */
static double deviation_of(const double *x, int64_t n) {
    const double m = mean_of(x, n);
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (x[i] - m) * (x[i] - m);
    return sqrt(sum / (double)(n - 1));
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* ---- a statistic of some rows ------------------------------------------- */

/* precision and recall of the positive class: 2 tp / (2 tp + fp + fn). */
static double f1_of(const sample *s, const double *cell) {
    const int c = s->classes, p = s->positive;
    double tp = s->has_one ? cell[p * c + p] : 0, miss = 0;
    for (int i = 0; s->has_one && i < c; i++)
        if (i != p)
            miss += cell[p * c + i] + cell[i * c + p];
    return tp > 0 ? 2 * tp / (2 * tp + miss) : 0;
}

/* The correlation of Gorodkin 2004 for any number of classes. */
static double mcc_of(const sample *s, const double *cell) {
    const int c = s->classes;
    double right = 0, all = 0, both = 0, golds = 0, preds = 0;
    for (int i = 0; i < c; i++) {
        double gold = 0, pred = 0;
        for (int j = 0; j < c; j++) {
            gold += cell[i * c + j];
            pred += cell[j * c + i];
        }
        right += cell[i * c + i];
        all += gold;
        both += gold * pred;
        golds += gold * gold;
        preds += pred * pred;
    }
    const double under = (all * all - preds) * (all * all - golds);
    return under == 0 ? 0 : (right * all - both) / sqrt(under);
}

/* Room for what the statistic needs while it is taken. */
static size_t scratch_size(const sample *s) {
    if (s->kind == GN_AGGREGATE_MEDIAN)
        return (size_t)s->n;
    if (s->kind == GN_AGGREGATE_F1 || s->kind == GN_AGGREGATE_MCC)
        return (size_t)s->classes * (size_t)s->classes;
    return (size_t)s->width + 1;
}

/* Rows pick [n] (NULL: all, in order) put together. */
static double statistic(const sample *s, const uint32_t *pick, double *scratch) {
    const int w = s->width;
    const size_t size = scratch_size(s);
    double counted = 0;

    for (size_t i = 0; i < size; i++)
        scratch[i] = 0;
    for (int64_t i = 0; i < s->n; i++) {
        const double *row = s->row + (pick ? (int64_t)pick[i] : i) * w;
        if (s->kind == GN_AGGREGATE_MEDIAN) {
            scratch[i] = row[0];
        } else if (s->kind == GN_AGGREGATE_F1 || s->kind == GN_AGGREGATE_MCC) {
            scratch[(int)row[0]] += 1;
        } else if (s->kind == GN_AGGREGATE_NANMEAN) {
            if (!isnan(row[0])) {
                scratch[0] += row[0];
                counted += 1;
            }
        } else {
            for (int k = 0; k < w; k++)
                scratch[k] += row[k];
        }
    }

    switch (s->kind) {
    case GN_AGGREGATE_MEDIAN:
        qsort(scratch, (size_t)s->n, sizeof *scratch, ascending);
        return scratch[s->n / 2];
    case GN_AGGREGATE_F1:
        return f1_of(s, scratch);
    case GN_AGGREGATE_MCC:
        return mcc_of(s, scratch);
    case GN_AGGREGATE_NANMEAN:
        return counted > 0 ? scratch[0] / counted : NAN;
    case GN_AGGREGATE_PERPLEXITY:
        return exp(-(scratch[0] / (double)s->n));
    case GN_AGGREGATE_WEIGHTED_PERPLEXITY:
    case GN_AGGREGATE_TOKEN_PERPLEXITY:
        return exp(-(scratch[0] / scratch[1]));
    case GN_AGGREGATE_BITS_PER_BYTE:
        return -(scratch[0] / scratch[1]) / log(2.0);
    case GN_AGGREGATE_WEIGHTED_MEAN:
        return scratch[0] / scratch[1];
    case GN_AGGREGATE_BLEU:
    case GN_AGGREGATE_CHRF:
    case GN_AGGREGATE_CHRF_WORDS:
        return gn_corpus_score(&s->corpus, scratch);
    default:
        return scratch[0] / (double)s->n;
    }
}

/* ---- making ready ------------------------------------------------------- */

static int class_at(int64_t *label, int *n, int64_t v) {
    for (int i = 0; i < *n; i++)
        if (label[i] == v)
            return i;
    label[*n] = v;
    return (*n)++;
}

static bool ready_classes(sample *s, const gn_item *item, gn_error *e) {
    enum { MOST = 256 };
    int64_t label[MOST + 2];
    int n = 0;
    int *pair = malloc((size_t)s->n * 2 * sizeof *pair);
    if (!pair)
        return no_memory(e);
    bool ok = true;
    for (int64_t i = 0; ok && i < s->n; i++) {
        int64_t gold;
        if (!gn_parse_integer(item[i].target, &gold))
            ok = gn_fail(e, GN_INVALID, "document %lld has no index as its answer", (long long)i);
        else if (n > MOST)
            ok = gn_fail(e, GN_UNSUPPORTED, "more than %d classes", MOST);
        else {
            pair[2 * i] = class_at(label, &n, gold);
            pair[2 * i + 1] = class_at(label, &n, (int64_t)item[i].value);
        }
    }
    s->classes = n;
    s->positive = 0;
    for (int i = 0; i < n; i++)
        if (label[i] == 1) {
            s->has_one = true;
            s->positive = i;
        }
    if (ok && s->kind == GN_AGGREGATE_F1 && (n > 2 || (n == 2 && !s->has_one)))
        ok = gn_fail(e, GN_INVALID, "f1 is of two classes, one of them 1; there are %d", n);
    for (int64_t i = 0; ok && i < s->n; i++)
        s->row[i] = pair[2 * i] * n + pair[2 * i + 1];
    free(pair);
    return ok;
}

static bool ready_corpus(sample *s, const gn_item *item, gn_error *e) {
    for (int64_t i = 0; i < s->n; i++)
        if (!gn_corpus_counts(&s->corpus, item[i].extracted, item[i].target, s->row + i * s->width,
                              e))
            return false;
    return true;
}

static bool ready_numbers(sample *s, const gn_item *item, gn_error *e) {
    double weights = 0;
    for (int64_t i = 0; i < s->n; i++) {
        s->row[i * s->width] = item[i].value;
        if (s->kind == GN_AGGREGATE_WEIGHTED_MEAN)
            s->row[i * 2] = item[i].value * item[i].weight;
        if (s->width == 2)
            s->row[i * 2 + 1] = item[i].weight;
        weights += item[i].weight;
        if (s->kind == GN_AGGREGATE_BRIER && item[i].weight != item[0].weight)
            return gn_fail(e, GN_INVALID,
                           "brier_score wants the same number of choices everywhere; "
                           "document %lld has another",
                           (long long)i);
    }
    return s->width == 1 || weights > 0 ||
           gn_fail(e, GN_INVALID, "nothing was counted: the weights add up to 0");
}

static bool ready(sample *s, const gn_item *item, gn_error *e) {
    const bool corpus = s->kind == GN_AGGREGATE_BLEU || s->kind == GN_AGGREGATE_CHRF ||
                        s->kind == GN_AGGREGATE_CHRF_WORDS;
    const bool weighted =
        s->kind == GN_AGGREGATE_WEIGHTED_PERPLEXITY || s->kind == GN_AGGREGATE_TOKEN_PERPLEXITY ||
        s->kind == GN_AGGREGATE_BITS_PER_BYTE || s->kind == GN_AGGREGATE_WEIGHTED_MEAN;
    s->width = weighted ? 2 : 1;
    if (corpus) {
        const gn_corpus_kind kind = s->kind == GN_AGGREGATE_BLEU   ? GN_CORPUS_BLEU
                                    : s->kind == GN_AGGREGATE_CHRF ? GN_CORPUS_CHRF
                                                                   : GN_CORPUS_CHRF_WORDS;
        if (!gn_corpus_init(&s->corpus, kind, e))
            return false;
        s->width = s->corpus.width;
    }
    s->row = malloc((size_t)s->n * (size_t)s->width * sizeof *s->row);
    if (!s->row)
        return no_memory(e);
    if (s->kind == GN_AGGREGATE_F1 || s->kind == GN_AGGREGATE_MCC)
        return ready_classes(s, item, e);
    return corpus ? ready_corpus(s, item, e) : ready_numbers(s, item, e);
}

/* ---- bootstrap ---------------------------------------------------------- */

typedef struct bootstrap {
    const sample *s;
    int replicates;  /* a chunk */
    double *value;   /* [chunks, replicates] */
    uint32_t *pick;  /* [threads, n] */
    double *scratch; /* [threads, scratch_size] */
    size_t scratch_size;
} bootstrap;

static void chunk(void *arg, int part, int thread) {
    const bootstrap *b = arg;
    uint32_t *pick = b->pick + (size_t)thread * (size_t)b->s->n;
    double *scratch = b->scratch + (size_t)thread * b->scratch_size;
    gn_draw draw;
    gn_draw_seed(&draw, part);
    for (int i = 0; i < b->replicates; i++) {
        gn_draw_choices(&draw, (uint32_t)b->s->n, (uint32_t)b->s->n, pick);
        b->value[(size_t)part * (size_t)b->replicates + (size_t)i] = statistic(b->s, pick, scratch);
    }
}

static bool run_bootstrap(const sample *s, gn_pool *pool, double *error, gn_error *e) {
    const bool corpus = s->corpus.width > 0;
    const int chunks = corpus ? 1 : CHUNKS, threads = pool ? gn_pool_threads(pool) : 1;
    bootstrap b = {.s = s,
                   .replicates = corpus ? CORPUS_REPLICATES : REPLICATES,
                   .scratch_size = scratch_size(s)};
    const size_t all = (size_t)chunks * (size_t)b.replicates;

    b.value = malloc(all * sizeof *b.value);
    b.pick = malloc((size_t)threads * (size_t)s->n * sizeof *b.pick);
    b.scratch = malloc((size_t)threads * b.scratch_size * sizeof *b.scratch);
    const bool ok = (b.value && b.pick && b.scratch) || no_memory(e);
    if (ok) {
        if (pool)
            gn_pool_run(pool, chunks, chunk, &b);
        else
            for (int i = 0; i < chunks; i++)
                chunk(&b, i, 0);
        *error = deviation_of(b.value, (int64_t)all);
    }
    free(b.value);
    free(b.pick);
    free(b.scratch);
    return ok;
}

/* ---- the estimate ------------------------------------------------------- */

/* exp(-R) of a ratio R = sum l / sum w: its error to first order. */
static double delta_error(const sample *s, double value) {
    double l = 0, w = 0, sum = 0;
    for (int64_t i = 0; i < s->n; i++) {
        l += s->row[2 * i];
        w += s->row[2 * i + 1];
    }
    for (int64_t i = 0; i < s->n; i++) {
        const double d = s->row[2 * i] - l / w * s->row[2 * i + 1];
        sum += d * d;
    }
    return value * sqrt(sum * (double)s->n / (double)(s->n - 1)) / w;
}

static bool error_of(const sample *s, gn_pool *pool, gn_estimate *out, gn_error *e) {
    switch (s->kind) {
    case GN_AGGREGATE_MEAN:
        out->method = "mean";
        out->error = deviation_of(s->row, s->n) / sqrt((double)s->n);
        return true;
    case GN_AGGREGATE_TOKEN_PERPLEXITY:
        out->method = "delta";
        out->error = delta_error(s, out->value);
        return true;
    case GN_AGGREGATE_WEIGHTED_PERPLEXITY:
    case GN_AGGREGATE_BITS_PER_BYTE:
    case GN_AGGREGATE_WEIGHTED_MEAN:
    case GN_AGGREGATE_BRIER:
        return true;
    default:
        out->method = "bootstrap";
        return run_bootstrap(s, pool, &out->error, e);
    }
}

bool gn_aggregate(gn_aggregation a, const gn_item *item, int64_t n, gn_pool *pool, bool errors,
                  gn_estimate *out, gn_error *e) {
    sample s = {.kind = a, .n = n};
    *out = (gn_estimate){.value = NAN, .error = NAN, .n = n, .method = "none"};
    if (n == 0)
        return true;
    if (n > INT32_MAX)
        return gn_fail(e, GN_UNSUPPORTED, "more than 2^31 scores");
    bool ok = ready(&s, item, e);
    double *scratch = ok ? malloc(scratch_size(&s) * sizeof *scratch) : NULL;
    if (ok && !scratch)
        ok = no_memory(e);
    if (ok) {
        out->value = statistic(&s, NULL, scratch);
        ok = n == 1 || !errors || error_of(&s, pool, out, e);
    }
    free(scratch);
    free(s.row);
    gn_corpus_release(&s.corpus);
    return ok || gn_context(e, "%s", gn_aggregation_name(a));
}

gn_estimate gn_aggregate_group(const gn_estimate *leaf, int n, bool by_size) {
    gn_estimate out = {.value = NAN, .error = NAN, .method = "none"};
    double sum = 0, sizes = 0, pooled = 0, squares = 0;
    bool all = true;
    for (int i = 0; i < n; i++) {
        const double size = (double)leaf[i].n;
        out.n += leaf[i].n;
        sum += by_size ? leaf[i].value * size : leaf[i].value;
        sizes += size;
        pooled += (size - 1) * leaf[i].error * leaf[i].error * size;
        squares += leaf[i].error * leaf[i].error;
        all &= !isnan(leaf[i].error);
    }
    if (n == 0)
        return out;
    out.value = sum / (by_size ? sizes : n);
    if (all) {
        out.method = by_size ? "pooled" : "mean";
        out.error = by_size ? sqrt(pooled / (sizes - n) / sizes) : sqrt(squares) / n;
    }
    return out;
}
