/* diverge.c - how far one model's distributions lie from another's, over a text.
 *
 * Both read the same windows in lockstep; a block of logits of each is all that is ever
 * held of them. KL(a || b) = sum over the vocabulary of p_a (log p_a - log p_b), in f64.
 */
#include "core/engine.h"

#include <math.h>
#include <stdlib.h>

/* One block of rows, compared by all threads. */
typedef struct rows {
    const float *a, *b; /* [n, V] */
    const int32_t *want;
    int vocab;
    float *kl;             /* [n] */
    double *log_a, *log_b; /* [n] of what came next */
    bool *same;
} rows;

typedef struct diverging {
    gn_engine *a, *b;
    gn_state *state_a, *state_b;
    gn_pool *pool;
    float *logits_a, *logits_b; /* [block, V] */
    int block;
    float *kl; /* [tokens] */
    double *log_a, *log_b;
    bool *same;
    int64_t done, all;
} diverging;

static int64_t likeliest(const float *x, int n) {
    int best = 0;
    for (int i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

/* log of the sum of exp */
static double log_sum(const float *x, int n, float most) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)expf(x[i] - most);
    return (double)most + log(sum);
}

static void compare(void *arg, int part, int thread) {
    rows *r = arg;
    const int V = r->vocab;
    const float *a = r->a + (size_t)part * (size_t)V, *b = r->b + (size_t)part * (size_t)V;
    const int64_t top_a = likeliest(a, V), top_b = likeliest(b, V);
    const double all_a = log_sum(a, V, a[top_a]), all_b = log_sum(b, V, b[top_b]);
    double kl = 0;
    (void)thread;
    for (int i = 0; i < V; i++) {
        const double log_a = (double)a[i] - all_a, log_b = (double)b[i] - all_b;
        kl += (double)expf((float)log_a) * (log_a - log_b);
    }
    r->kl[part] = kl > 0 ? (float)kl : 0.0f; /* rounding may leave it below */
    r->log_a[part] = (double)a[r->want[part]] - all_a;
    r->log_b[part] = (double)b[r->want[part]] - all_b;
    r->same[part] = top_a == top_b;
}

static bool read_logits(gn_engine *g, float *to, int first, int n, gn_error *e) {
    const gn_mat m = gn_logits(&g->model, g->plan, first, n);
    return gn_read(g->device, to, m.data, (size_t)n * (size_t)m.cols * sizeof *to, e);
}

/* Rows [0, n) of the last step; want [n] came after each. */
static bool compare_rows(diverging *d, int n, const int32_t *want, gn_error *e) {
    for (int at = 0; at < n; at += d->block) {
        const int count = n - at < d->block ? n - at : d->block;
        if (!read_logits(d->a, d->logits_a, at, count, e) ||
            !read_logits(d->b, d->logits_b, at, count, e))
            return false;
        rows r = {.a = d->logits_a,
                  .b = d->logits_b,
                  .want = want + at,
                  .vocab = d->a->config.vocab,
                  .kl = d->kl + d->done,
                  .log_a = d->log_a + d->done,
                  .log_b = d->log_b + d->done,
                  .same = d->same + d->done};
        gn_pool_run(d->pool, count, compare, &r);
        d->done += count;
    }
    return true;
}

static void step(gn_engine *g, gn_state *s, const int32_t *id, int n, const int32_t *want) {
    const gn_feed feed = {.from = s, .to = s, .token = id, .count = n};
    gn_forward(&g->model, g->plan, GN_READ, &feed, 1, want, n);
}

/* id [n]: a prefix, and what is scored after it. */
static bool window(diverging *d, const int32_t *id, int64_t n, gn_go_on go_on, void *user,
                   gn_error *e) {
    enum { MOST = 4096 };
    int32_t want[MOST];
    int most = d->a->batch_tokens < d->b->batch_tokens ? d->a->batch_tokens : d->b->batch_tokens;
    most = most < MOST ? most : MOST;
    for (int i = 0; i < most; i++)
        want[i] = i;
    d->state_a->tokens = d->state_b->tokens = 0;
    for (int64_t at = 0; at < n - 1; at += most) {
        const int count = (int)(n - 1 - at < most ? n - 1 - at : most);
        step(d->a, d->state_a, id + at, count, want);
        step(d->b, d->state_b, id + at, count, want);
        if (!compare_rows(d, count, id + at + 1, e))
            return false;
        if (go_on && !go_on(user, d->done, d->all))
            return gn_fail(e, GN_CANCELLED, "comparing was stopped");
    }
    return true;
}

static int by_size(const void *va, const void *vb) {
    const float a = *(const float *)va, b = *(const float *)vb;
    return a < b ? -1 : a > b;
}

static void sum_up(const diverging *d, gn_divergence *out) {
    double kl = 0, log_a = 0, log_b = 0;
    int64_t same = 0;
    const int64_t n = d->done;
    for (int64_t i = 0; i < n; i++) {
        kl += (double)d->kl[i];
        log_a += d->log_a[i];
        log_b += d->log_b[i];
        same += d->same[i];
    }
    qsort(d->kl, (size_t)n, sizeof *d->kl, by_size);
    *out = (gn_divergence){.tokens = n};
    if (n == 0)
        return;
    out->kl_mean = kl / (double)n;
    out->kl_p99 = (double)d->kl[(n * 99 + 99) / 100 - 1];
    out->same_top = (double)same / (double)n;
    out->ppl_a = exp(-log_a / (double)n);
    out->ppl_b = exp(-log_b / (double)n);
}

static bool prepare(diverging *d, int64_t n, int64_t length, gn_error *e) {
    const size_t V = (size_t)d->a->config.vocab;
    d->all = n;
    d->block = d->a->plan->max_logits < d->b->plan->max_logits ? d->a->plan->max_logits
                                                               : d->b->plan->max_logits;
    d->pool = gn_pool_new(gn_processors(), e);
    d->state_a = gn_state_new(d->a->device, &d->a->model.layout, length, e);
    d->state_b = gn_state_new(d->b->device, &d->b->model.layout, length, e);
    if (!d->pool || !d->state_a || !d->state_b)
        return false;
    d->logits_a = malloc((size_t)d->block * V * sizeof(float));
    d->logits_b = malloc((size_t)d->block * V * sizeof(float));
    d->kl = malloc((size_t)n * sizeof *d->kl + 1);
    d->log_a = malloc((size_t)n * sizeof *d->log_a + 1);
    d->log_b = malloc((size_t)n * sizeof *d->log_b + 1);
    d->same = malloc((size_t)n * sizeof *d->same + 1);
    return (d->logits_a && d->logits_b && d->kl && d->log_a && d->log_b && d->same) ||
           gn_fail(e, GN_NO_MEMORY, "compare: out of memory");
}

static bool check(const gn_engine *a, const gn_engine *b, const int32_t *id, int64_t n,
                  gn_error *e) {
    if (a->config.vocab != b->config.vocab)
        return gn_fail(e, GN_UNSUPPORTED, "'%s' has %d tokens and '%s' %d: there is no comparing",
                       a->name, a->config.vocab, b->name, b->config.vocab);
    for (int64_t i = 0; i < n; i++)
        if (id[i] < 0 || id[i] >= a->config.vocab)
            return gn_fail(e, GN_INVALID, "token id %d is not in [0, %d)", id[i], a->config.vocab);
    return true;
}

bool gn_diverge(gn_engine *a, gn_engine *b, const int32_t *id, int64_t n, int64_t length,
                gn_go_on go_on, void *user, gn_divergence *out, gn_error *e) {
    diverging d = {.a = a, .b = b};
    const int32_t prefix = gn_engine_prefix(a);
    gn_ids one = {0};
    bool ok = check(a, b, id, n, e) && prepare(&d, n, length + 1, e);
    for (int64_t at = 0; ok && at < n; at += length) {
        const int64_t count = n - at < length ? n - at : length;
        one.count = 0;
        ok =
            (prefix < 0 || gn_ids_add(&one, prefix)) && gn_ids_append(&one, id + at, (size_t)count);
        if (!ok)
            gn_fail(e, GN_NO_MEMORY, "compare: out of memory");
        ok = ok && window(&d, one.id, (int64_t)one.count, go_on, user, e);
    }
    if (ok)
        sum_up(&d, out);
    gn_ids_release(&one);
    gn_state_free(d.state_a);
    gn_state_free(d.state_b);
    gn_pool_free(d.pool);
    free(d.logits_a);
    free(d.logits_b);
    free(d.kl);
    free(d.log_a);
    free(d.log_b);
    free(d.same);
    return ok;
}
