/* diverge.c - how far one model's distributions lie from another's, over a text.
 *
 * Both read the same windows in lockstep; a block of logits of each is all that is ever
 * held of them. KL(a || b) = sum over the vocabulary of p_a (log p_a - log p_b), in f64.
 *
 * Where memory holds one alone, they read one after the other: of each of a's distributions
 * the likeliest tokens are spooled, and all others count as one. Putting outcomes together
 * can only lessen a divergence, so that is a lower bound.
 */
#include "core/engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What is left of either may be rounding alone. */
#define LEAST_REST 1e-7

struct gn_spool {
    FILE *file; /* [tokens][GN_SPOOL_TOP] of gn_top, likeliest first; the system removes it */
    int vocab;
    int32_t prefix;
};

/* One block of rows, compared by all threads. */
typedef struct rows {
    const float *a, *b; /* [n, V]; NULL of one that is not here */
    int vocab;
    gn_top *top;                /* [n, GN_SPOOL_TOP] of a, when one is not here */
    gn_divergence_token *token; /* [n], with the ids that came after each row */
} rows;

typedef struct diverging {
    gn_engine *a, *b; /* one of them NULL: a spool is in its place */
    gn_spool *spool;
    gn_top *top; /* [block, GN_SPOOL_TOP] */
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

/* The likeliest of a, id -1 where the vocabulary is smaller. */
static void keep(void *arg, int part, int thread) {
    rows *r = arg;
    gn_divergence_token *t = &r->token[part];
    const float *a = r->a + (size_t)part * (size_t)r->vocab;
    gn_top *top = r->top + (size_t)part * GN_SPOOL_TOP;
    int n = 0;
    (void)thread;
    t->top_a = likeliest(a, r->vocab);
    const double all = log_sum(a, r->vocab, a[t->top_a]);
    t->lp_a = (double)a[t->id] - all;
    for (int32_t i = 0; i < r->vocab; i++) {
        if (n == GN_SPOOL_TOP && a[i] <= a[top[n - 1].id])
            continue;
        int at = n < GN_SPOOL_TOP ? n++ : n - 1;
        for (; at > 0 && a[i] > a[top[at - 1].id]; at--)
            top[at] = top[at - 1];
        top[at].id = i;
    }
    for (int i = 0; i < n; i++)
        top[i].logprob = (float)((double)a[top[i].id] - all);
    for (; n < GN_SPOOL_TOP; n++)
        top[n] = (gn_top){.id = -1};
}

/* b against what was kept of a. */
static void compare_kept(void *arg, int part, int thread) {
    rows *r = arg;
    gn_divergence_token *t = &r->token[part];
    const float *b = r->b + (size_t)part * (size_t)r->vocab;
    const gn_top *top = r->top + (size_t)part * GN_SPOOL_TOP;
    double kl = 0, rest_a = 1, rest_b = 1;
    (void)thread;
    t->top_b = likeliest(b, r->vocab);
    const double all = log_sum(b, r->vocab, b[t->top_b]);
    t->lp_b = (double)b[t->id] - all;
    for (int i = 0; i < GN_SPOOL_TOP && top[i].id >= 0; i++) {
        const double log_a = (double)top[i].logprob, log_b = (double)b[top[i].id] - all;
        kl += exp(log_a) * (log_a - log_b);
        rest_a -= exp(log_a);
        rest_b -= exp(log_b);
    }
    if (rest_a > LEAST_REST && r->vocab > GN_SPOOL_TOP)
        kl += rest_a * log(rest_a / fmax(rest_b, LEAST_REST));
    t->kl = kl > 0 ? kl : 0;
}

static bool spool(diverging *d, int n, gn_error *e) {
    const size_t count = (size_t)n * GN_SPOOL_TOP;
    if (d->a ? fwrite(d->top, sizeof *d->top, count, d->spool->file) == count
             : fread(d->top, sizeof *d->top, count, d->spool->file) == count)
        return true;
    return gn_fail(e, GN_IO, "compare: %s what the first model said failed; is the disk full?",
                   d->a ? "keeping" : "reading again");
}

static bool read_logits(gn_engine *g, float *to, int first, int n, gn_error *e) {
    const gn_mat m = gn_logits(&g->model, g->plan, first, n);
    return gn_read(g->device, to, m.data, (size_t)n * (size_t)m.cols * sizeof *to, e);
}

/* Rows [0, n) of the last step; what came after each is in the tokens to be filled. */
static bool compare_rows(diverging *d, int n, gn_error *e) {
    for (int at = 0; at < n; at += d->block) {
        const int count = n - at < d->block ? n - at : d->block;
        rows r = {.a = d->logits_a,
                  .b = d->logits_b,
                  .vocab = (d->a ? d->a : d->b)->config.vocab,
                  .top = d->top,
                  .token = d->token + d->done};
        if ((d->a && !read_logits(d->a, d->logits_a, at, count, e)) ||
            (d->b && !read_logits(d->b, d->logits_b, at, count, e)) ||
            (!d->a && !spool(d, count, e)))
            return false;
        gn_pool_run(d->pool, count, !d->b ? keep : !d->a ? compare_kept : compare, &r);
        if (!d->b && !spool(d, count, e))
            return false;
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
    int most = MOST;
    if (d->a && d->a->batch_tokens < most)
        most = d->a->batch_tokens;
    if (d->b && d->b->batch_tokens < most)
        most = d->b->batch_tokens;
    for (int64_t i = first; i < n; i++) {
        d->token[d->done + i - first].pos = pos + i - first;
        d->token[d->done + i - first].id = id[i];
    }
    if (d->a)
        d->state_a->tokens = 0;
    if (d->b)
        d->state_b->tokens = 0;
    for (int64_t at = 0; at < n - 1; at += most) {
        const int count = (int)(n - 1 - at < most ? n - 1 - at : most);
        int n_want = 0;
        for (int i = 0; i < count; i++)
            if (at + i + 1 >= first)
                want[n_want++] = i;
        if (d->a)
            step(d->a, d->state_a, id + at, count, want, n_want);
        if (d->b)
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

static bool prepare_one(gn_engine *g, gn_state **state, float **logits, int block, int64_t length,
                        gn_error *e) {
    if (!g)
        return true;
    *state = gn_state_new(g->device, &g->model.layout, length, e);
    if (!*state)
        return false;
    *logits = malloc((size_t)block * (size_t)g->config.vocab * sizeof(float));
    return *logits || gn_fail(e, GN_NO_MEMORY, "compare: out of memory");
}

static bool prepare(diverging *d, int64_t length, gn_error *e) {
    d->block = (d->a ? d->a : d->b)->plan->max_logits;
    if (d->b && d->b->plan->max_logits < d->block)
        d->block = d->b->plan->max_logits;
    d->pool = gn_pool_new(gn_processors(), e);
    if (d->spool && !(d->top = malloc((size_t)d->block * GN_SPOOL_TOP * sizeof *d->top)))
        return gn_fail(e, GN_NO_MEMORY, "compare: out of memory");
    return d->pool && prepare_one(d->a, &d->state_a, &d->logits_a, d->block, length, e) &&
           prepare_one(d->b, &d->state_b, &d->logits_b, d->block, length, e);
}

static void release(diverging *d) {
    gn_state_free(d->state_a);
    gn_state_free(d->state_b);
    gn_pool_free(d->pool);
    free(d->logits_a);
    free(d->logits_b);
    free(d->top);
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

/* The windows of a text. */
static bool text(diverging *d, const int32_t *id, int64_t n, int64_t length, int32_t prefix,
                 gn_error *e) {
    gn_ids one = {0};
    bool ok = prepare(d, length + 1, e);
    for (int64_t at = 0; ok && at < n; at += length) {
        const int64_t count = n - at < length ? n - at : length;
        one.count = 0;
        ok =
            (prefix < 0 || gn_ids_add(&one, prefix)) && gn_ids_append(&one, id + at, (size_t)count);
        if (!ok)
            gn_fail(e, GN_NO_MEMORY, "compare: out of memory");
        ok = ok && window(d, one.id, (int64_t)one.count, 1, prefix < 0 ? at + 1 : at, e);
    }
    gn_ids_release(&one);
    release(d);
    return ok;
}

int64_t gn_diverge(gn_engine *a, gn_engine *b, const int32_t *id, int64_t n, int64_t length,
                   gn_go_on go_on, void *user, gn_divergence_token *out, gn_error *e) {
    diverging d = {.a = a, .b = b, .token = out, .all = n, .go_on = go_on, .user = user};
    return check(a, b, id, n, e) && text(&d, id, n, length, gn_engine_prefix(a), e) ? d.done : -1;
}

gn_spool *gn_diverge_spool(gn_engine *a, const int32_t *id, int64_t n, int64_t length,
                           gn_go_on go_on, void *user, gn_divergence_token *out, gn_error *e) {
    gn_spool *s = calloc(1, sizeof *s);
    if (!s) {
        gn_fail(e, GN_NO_MEMORY, "compare: out of memory");
        return NULL;
    }
    diverging d = {.a = a, .spool = s, .token = out, .all = n, .go_on = go_on, .user = user};
    s->vocab = a->config.vocab;
    s->prefix = gn_engine_prefix(a);
    if (!(s->file = tmpfile()))
        gn_fail(e, GN_IO, "compare: there is no place for a temporary file");
    if (s->file && check(a, a, id, n, e) && text(&d, id, n, length, s->prefix, e)) {
        rewind(s->file);
        return s;
    }
    gn_spool_free(s);
    return NULL;
}

int64_t gn_diverge_spooled(gn_spool *s, gn_engine *b, const int32_t *id, int64_t n, int64_t length,
                           gn_go_on go_on, void *user, gn_divergence_token *out, gn_error *e) {
    diverging d = {.b = b, .spool = s, .token = out, .all = n, .go_on = go_on, .user = user};
    if (b->config.vocab != s->vocab) {
        gn_fail(e, GN_UNSUPPORTED,
                "'%s' has %d tokens and the first model %d: there is no comparing", b->name,
                b->config.vocab, s->vocab);
        return -1;
    }
    return check(b, b, id, n, e) && text(&d, id, n, length, s->prefix, e) ? d.done : -1;
}

void gn_spool_free(gn_spool *s) {
    if (s && s->file)
        fclose(s->file);
    free(s);
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
