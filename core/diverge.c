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
    int vocab;
    gn_divergence_token *token; /* [n], with the ids that came after each row */
} rows;

typedef struct diverging {
    gn_engine *a, *b;
    gn_state *state_a, *state_b;
    gn_pool *pool;
    float *logits_a, *logits_b; /* [block, V] */
    int block;
    gn_divergence_token *token; /* [all] */
    int64_t done, all;
    gn_go_on go_on;
    void *user;
} diverging;

static int32_t likeliest(const float *x, int n) {
    int32_t best = 0;
    for (int32_t i = 1; i < n; i++)
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
    gn_divergence_token *t = &r->token[part];
    const int V = r->vocab;
    const float *a = r->a + (size_t)part * (size_t)V, *b = r->b + (size_t)part * (size_t)V;
    t->top_a = likeliest(a, V);
    t->top_b = likeliest(b, V);
    const double all_a = log_sum(a, V, a[t->top_a]), all_b = log_sum(b, V, b[t->top_b]);
    double kl = 0;
    (void)thread;
    for (int i = 0; i < V; i++) {
        const double log_a = (double)a[i] - all_a, log_b = (double)b[i] - all_b;
        kl += (double)expf((float)log_a) * (log_a - log_b);
    }
    t->kl = kl > 0 ? kl : 0; /* rounding may leave it below */
    t->lp_a = (double)a[t->id] - all_a;
    t->lp_b = (double)b[t->id] - all_b;
}

static bool read_logits(gn_engine *g, float *to, int first, int n, gn_error *e) {
    const gn_mat m = gn_logits(&g->model, g->plan, first, n);
    return gn_read(g->device, to, m.data, (size_t)n * (size_t)m.cols * sizeof *to, e);
}

/* Rows [0, n) of the last step; what came after each is in the tokens to be filled. */
static bool compare_rows(diverging *d, int n, gn_error *e) {
    for (int at = 0; at < n; at += d->block) {
        const int count = n - at < d->block ? n - at : d->block;
        if (!read_logits(d->a, d->logits_a, at, count, e) ||
            !read_logits(d->b, d->logits_b, at, count, e))
            return false;
        rows r = {.a = d->logits_a,
                  .b = d->logits_b,
                  .vocab = d->a->config.vocab,
                  .token = d->token + d->done};
        gn_pool_run(d->pool, count, compare, &r);
        d->done += count;
    }
    return true;
}

static void step(gn_engine *g, gn_state *s, const int32_t *id, int n, const int32_t *want,
                 int n_want) {
    const gn_feed feed = {.from = s, .to = s, .token = id, .count = n};
    gn_forward(&g->model, g->plan, GN_READ, &feed, 1, want, n_want);
}

/* id [n], of which those from `first` on are compared; the first of them is at `pos` of its text. */
static bool window(diverging *d, const int32_t *id, int64_t n, int64_t first, int64_t pos,
                   gn_error *e) {
    enum { MOST = 4096 };
    int32_t want[MOST];
    int most = d->a->batch_tokens < d->b->batch_tokens ? d->a->batch_tokens : d->b->batch_tokens;
    most = most < MOST ? most : MOST;
    for (int64_t i = first; i < n; i++)
        d->token[d->done + i - first] = (gn_divergence_token){.pos = pos + i - first, .id = id[i]};
    d->state_a->tokens = d->state_b->tokens = 0;
    for (int64_t at = 0; at < n - 1; at += most) {
        const int count = (int)(n - 1 - at < most ? n - 1 - at : most);
        int n_want = 0;
        for (int i = 0; i < count; i++)
            if (at + i + 1 >= first)
                want[n_want++] = i;
        step(d->a, d->state_a, id + at, count, want, n_want);
        step(d->b, d->state_b, id + at, count, want, n_want);
        if (!compare_rows(d, n_want, e))
            return false;
        if (d->go_on && !d->go_on(d->user, d->done, d->all))
            return gn_fail(e, GN_CANCELLED, "comparing was stopped");
    }
    return true;
}

/* ---- what it says ------------------------------------------------------------ */

static int by_size(const void *va, const void *vb) {
    const double a = *(const double *)va, b = *(const double *)vb;
    return a < b ? -1 : a > b;
}

/* The smallest value that a share of all [n], ascending, does not exceed. */
static double quantile(const double *x, int64_t n, int64_t thousandths) {
    return x[(n * thousandths + 999) / 1000 - 1];
}

typedef struct moments {
    double sum, squares;
} moments;

static void add(moments *m, double x) {
    m->sum += x;
    m->squares += x * x;
}
static double mean(const moments *m, int64_t n) { return m->sum / (double)n; }
/* Of the mean, the tokens taken as independent. */
static double error_of(const moments *m, int64_t n) {
    const double variance = (m->squares - m->sum * m->sum / (double)n) / (double)(n - 1);
    return n < 2 ? NAN : sqrt(variance > 0 ? variance / (double)n : 0);
}

bool gn_divergence_of(const gn_divergence_token *t, int64_t n, gn_divergence *out, gn_error *e) {
    moments kl = {0}, ratio = {0}, same = {0}, dp = {0}, a = {0}, b = {0};
    double *sorted = malloc((size_t)n * sizeof *sorted + 1);
    if (!sorted)
        return gn_fail(e, GN_NO_MEMORY, "compare: out of memory");
    for (int64_t i = 0; i < n; i++) {
        const double moved = exp(t[i].lp_b) - exp(t[i].lp_a);
        sorted[i] = t[i].kl;
        add(&kl, t[i].kl);
        add(&a, t[i].lp_a);
        add(&b, t[i].lp_b);
        add(&ratio, t[i].lp_a - t[i].lp_b);
        add(&same, t[i].top_a == t[i].top_b);
        add(&dp, moved * moved);
    }
    *out = (gn_divergence){.tokens = n};
    if (n > 0) {
        qsort(sorted, (size_t)n, sizeof *sorted, by_size);
        out->kl_mean = mean(&kl, n);
        out->kl_error = error_of(&kl, n);
        out->kl_median = quantile(sorted, n, 500);
        out->kl_p90 = quantile(sorted, n, 900);
        out->kl_p99 = quantile(sorted, n, 990);
        out->kl_p999 = quantile(sorted, n, 999);
        out->kl_max = sorted[n - 1];
        out->same_top = mean(&same, n);
        out->same_top_error = error_of(&same, n);
        out->rms_dp = sqrt(mean(&dp, n));
        out->ppl_a = exp(-mean(&a, n));
        out->ppl_b = exp(-mean(&b, n));
        out->ratio = exp(mean(&ratio, n));
        out->ratio_error = out->ratio * error_of(&ratio, n);
    }
    free(sorted);
    return true;
}

/* ---- two engines ------------------------------------------------------------- */

static bool prepare(diverging *d, int64_t length, gn_error *e) {
    const size_t V = (size_t)d->a->config.vocab;
    d->block = d->a->plan->max_logits < d->b->plan->max_logits ? d->a->plan->max_logits
                                                               : d->b->plan->max_logits;
    d->pool = gn_pool_new(gn_processors(), e);
    d->state_a = gn_state_new(d->a->device, &d->a->model.layout, length, e);
    d->state_b = gn_state_new(d->b->device, &d->b->model.layout, length, e);
    if (!d->pool || !d->state_a || !d->state_b)
        return false;
    d->logits_a = malloc((size_t)d->block * V * sizeof(float));
    d->logits_b = malloc((size_t)d->block * V * sizeof(float));
    return (d->logits_a && d->logits_b) || gn_fail(e, GN_NO_MEMORY, "compare: out of memory");
}

static void release(diverging *d) {
    gn_state_free(d->state_a);
    gn_state_free(d->state_b);
    gn_pool_free(d->pool);
    free(d->logits_a);
    free(d->logits_b);
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

int64_t gn_diverge(gn_engine *a, gn_engine *b, const int32_t *id, int64_t n, int64_t length,
                   gn_go_on go_on, void *user, gn_divergence_token *out, gn_error *e) {
    diverging d = {.a = a, .b = b, .token = out, .all = n, .go_on = go_on, .user = user};
    const int32_t prefix = gn_engine_prefix(a);
    gn_ids one = {0};
    bool ok = check(a, b, id, n, e) && prepare(&d, length + 1, e);
    for (int64_t at = 0; ok && at < n; at += length) {
        const int64_t count = n - at < length ? n - at : length;
        one.count = 0;
        ok =
            (prefix < 0 || gn_ids_add(&one, prefix)) && gn_ids_append(&one, id + at, (size_t)count);
        if (!ok)
            gn_fail(e, GN_NO_MEMORY, "compare: out of memory");
        ok = ok && window(&d, one.id, (int64_t)one.count, 1, prefix < 0 ? at + 1 : at, e);
    }
    gn_ids_release(&one);
    release(&d);
    return ok ? d.done : -1;
}

bool gn_diverge_answer(gn_engine *a, gn_engine *b, const int32_t *context, int64_t n_context,
                       const int32_t *id, int64_t n, gn_go_on go_on, void *user,
                       gn_divergence_token *out, gn_error *e) {
    diverging d = {.a = a, .b = b, .token = out, .all = n, .go_on = go_on, .user = user};
    gn_ids whole = {0};
    if (n_context < 1)
        return gn_fail(e, GN_INVALID, "compare: an answer wants something before it");
    bool ok = check(a, b, context, n_context, e) && check(a, b, id, n, e) &&
              prepare(&d, n_context + n, e);
    if (ok && (!gn_ids_append(&whole, context, (size_t)n_context) ||
               !gn_ids_append(&whole, id, (size_t)n)))
        ok = gn_fail(e, GN_NO_MEMORY, "compare: out of memory");
    ok = ok && window(&d, whole.id, (int64_t)whole.count, n_context, 0, e);
    gn_ids_release(&whole);
    release(&d);
    return ok;
}
