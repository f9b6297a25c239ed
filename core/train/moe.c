/* moe.c - the router and its experts, there and back.
 *
 * Rows are sorted by expert, a row once for each of the experts it goes to; each expert then
 * takes its slots in one product. The router learns through the weights of the chosen, and
 * from the load-balancing loss of Switch (Fedus et al. 2021, arXiv:2101.03961, 2.2) as
 * transformers takes it over all layers and rows: E sum_e picked_e share_e.
 */
#include "core/train/tape.h"

#include <math.h>
#include <string.h>

typedef struct routing {
    gn_trainer *t;
    const gn_learn_layer *w;
    const gn_tape *k;
    gn_grid out, db;
    int T, E, U, F, D;
} routing;

static routing routing_of(gn_trainer *t, int l, const gn_tape *k) {
    return (routing){.t = t,
                     .w = &t->l->layer[l],
                     .k = k,
                     .T = t->batch->rows,
                     .E = t->c->experts,
                     .U = t->c->experts_used,
                     .F = t->c->expert_ff,
                     .D = t->c->hidden};
}

static void run(const routing *r, gn_piece *piece, size_t parts) {
    gn_crew_run(&r->t->crew, piece, parts, (void *)r);
}

/* ---- choosing ------------------------------------------------------------------ */

/* The U largest, ties to the lower expert; gate = softmax over them; chosen into slot_of. */
static void choose(const routing *r, int t) {
    const float *logit = r->k->router + (size_t)t * (size_t)r->E;
    float *gate = r->k->gate + (size_t)t * (size_t)r->U, sum = 0.0f;
    int32_t *chosen = r->k->slot_of + (size_t)t * (size_t)r->U;
    for (int u = 0; u < r->U; u++) {
        int best = -1;
        for (int e = 0; e < r->E; e++) {
            bool taken = false;
            for (int q = 0; q < u; q++)
                taken = taken || chosen[q] == e;
            if (!taken && (best < 0 || logit[e] > logit[best]))
                best = e;
        }
        chosen[u] = best;
        gate[u] = expf(logit[best] - logit[chosen[0]]);
        sum += gate[u];
    }
    for (int u = 0; u < r->U; u++)
        gate[u] /= sum;
}

static void choose_rows(void *arg, int part, int thread) {
    const routing *r = arg;
    (void)thread;
    for (int t = part * GN_ROWS; t < (part + 1) * GN_ROWS && t < r->T; t++)
        choose(r, t);
}

/* Give every choice a slot, by expert and then by row. */
static void sort(const routing *r) {
    int32_t *begin = r->k->begin, *of = r->k->slot_of;
    const size_t n = (size_t)r->T * (size_t)r->U;
    memset(begin, 0, (size_t)(r->E + 1) * sizeof *begin);
    for (size_t i = 0; i < n; i++)
        begin[of[i] + 1]++;
    for (int e = 0; e < r->E; e++)
        begin[e + 1] += begin[e];
    for (size_t i = 0; i < n; i++) {
        const int32_t slot = begin[of[i]]++;
        r->k->slot_row[slot] = (int32_t)(i / (size_t)r->U);
        of[i] = slot;
    }
    for (int e = r->E; e > 0; e--)
        begin[e] = begin[e - 1];
    begin[0] = 0;
}

static void softmax(const float *logit, double *p, int E) {
    double most = (double)logit[0], sum = 0.0;
    for (int e = 1; e < E; e++)
        most = (double)logit[e] > most ? (double)logit[e] : most;
    for (int e = 0; e < E; e++)
        sum += p[e] = exp((double)logit[e] - most);
    for (int e = 0; e < E; e++)
        p[e] /= sum;
}

/* What the load-balancing loss is made of. */
static void count(const routing *r) {
    double p[1 << 12];
    for (int e = 0; e < r->E; e++)
        r->t->picked[e] += r->k->begin[e + 1] - r->k->begin[e];
    for (int t = 0; t < r->T; t++) {
        softmax(r->k->router + (size_t)t * (size_t)r->E, p, r->E);
        for (int e = 0; e < r->E; e++)
            r->t->share[e] += p[e];
    }
}

/* ---- the experts ------------------------------------------------------------------ */

static void gather(const routing *r, float *to, const float *from, int slot) {
    memcpy(to + (size_t)slot * (size_t)r->D, from + (size_t)r->k->slot_row[slot] * (size_t)r->D,
           (size_t)r->D * sizeof *to);
}

static void expert_forward(void *arg, int part, int thread) {
    const routing *r = arg;
    const int first = r->k->begin[part], n = r->k->begin[part + 1] - first, F = r->F, D = r->D;
    const gn_learn *up = &r->w->experts_up, *gate = &r->w->experts_gate;
    const gn_learn *down = &r->w->experts_down;
    float *in = r->t->slots + (size_t)first * (size_t)D;
    float *pair = r->k->slot_pair + (size_t)first * 2 * (size_t)F;
    float *hidden = r->k->slot_hidden + (size_t)first * (size_t)F;
    (void)thread;
    if (!n)
        return;
    for (int s = first; s < first + n; s++)
        gather(r, r->t->slots, r->k->b, s);
    gn_blas_alone_forward(gn_rows_of(pair, 2 * F), gn_rows_of(in, D),
                          gate->w + (size_t)part * gate->step, n, F, D);
    gn_blas_alone_forward(gn_rows_at(pair, 2 * F, F), gn_rows_of(in, D),
                          up->w + (size_t)part * up->step, n, F, D);
    gn_swiglu_job j = {.gate = gn_rows_of(pair, 2 * F),
                       .up = gn_rows_at(pair, 2 * F, F),
                       .y = gn_rows_of(hidden, F),
                       .rows = n,
                       .cols = F};
    for (int i = 0; i < gn_parts((size_t)n, GN_ROWS); i++)
        r->t->crew.k->swiglu(&j, i, thread);
    gn_blas_alone_forward(gn_rows_of(r->t->dslots + (size_t)first * (size_t)D, D),
                          gn_rows_of(hidden, F), down->w + (size_t)part * down->step, n, D, F);
}

static void mix_rows(void *arg, int part, int thread) {
    const routing *r = arg;
    const float residual = r->t->c->residual_multiplier;
    (void)thread;
    for (int t = part * GN_ROWS; t < (part + 1) * GN_ROWS && t < r->T; t++)
        for (int u = 0; u < r->U; u++) {
            const size_t i = (size_t)t * (size_t)r->U + (size_t)u;
            const float a = residual * r->k->gate[i];
            const float *y = r->t->dslots + (size_t)r->k->slot_of[i] * (size_t)r->D;
            float *out = gn_at(r->out, t);
            for (int d = 0; d < r->D; d++)
                out[d] += a * y[d];
        }
}

void gn_experts_forward(gn_trainer *t, int l, gn_tape *k, gn_grid out, bool first) {
    routing r = routing_of(t, l, k);
    r.out = out;
    const size_t parts = (size_t)gn_parts((size_t)r.T, GN_ROWS);
    gn_linear_forward(t, gn_rows_of(k->router, r.E), gn_rows_of(k->b, r.D), &r.w->router, NULL,
                      1.0f, false);
    run(&r, choose_rows, parts);
    sort(&r);
    if (first && t->c->aux_loss > 0.0f)
        count(&r);
    run(&r, expert_forward, (size_t)r.E);
    run(&r, mix_rows, parts);
}

/* ---- the way back -------------------------------------------------------------------- */

/* dh = dy W_down before the gate; then dgate = dh . h, and the gate on the way down. */
static void expert_back(void *arg, int part, int thread) {
    const routing *r = arg;
    gn_trainer *t = r->t;
    const int first = r->k->begin[part], n = r->k->begin[part + 1] - first, F = r->F, D = r->D;
    const gn_learn *up = &r->w->experts_up, *gate = &r->w->experts_gate;
    const gn_learn *down = &r->w->experts_down;
    float *in = t->slots + (size_t)first * (size_t)D, *dy = t->dslots + (size_t)first * (size_t)D;
    float *hidden = r->k->slot_hidden + (size_t)first * (size_t)F;
    float *pair = r->k->slot_pair + (size_t)first * 2 * (size_t)F;
    float *dhidden = t->dslot_hidden + (size_t)first * (size_t)F;
    float *dpair = t->dslot_pair + (size_t)first * 2 * (size_t)F;
    if (!n)
        return;
    for (int s = first; s < first + n; s++) {
        gather(r, t->slots, r->k->b, s);
        gather(r, t->dslots, t->dx, s);
    }
    const float *W = down->w + (size_t)part * down->step;
    gn_blas_alone_back(gn_rows_of(dhidden, F), gn_rows_of(dy, D), W, n, D, F, false);
    for (int i = 0; i < n; i++) {
        const int slot = first + i, row = r->k->slot_row[slot];
        int u = 0;
        while (r->k->slot_of[(size_t)row * (size_t)r->U + (size_t)u] != slot)
            u++;
        const size_t at = (size_t)row * (size_t)r->U + (size_t)u;
        const float g = t->c->residual_multiplier * r->k->gate[at];
        float *dh = dhidden + (size_t)i * (size_t)F, *h = hidden + (size_t)i * (size_t)F;
        float *d = dy + (size_t)i * (size_t)D;
        double dot = 0.0;
        for (int f = 0; f < F; f++)
            dot += (double)(dh[f] * h[f]);
        t->dgate[at] = t->c->residual_multiplier * (float)dot;
        for (int f = 0; f < F; f++)
            dh[f] *= g;
        for (int c = 0; c < D; c++)
            d[c] *= g;
    }
    gn_swiglu_job j = {.gate = gn_rows_of(pair, 2 * F),
                       .up = gn_rows_at(pair, 2 * F, F),
                       .rows = n,
                       .cols = F,
                       .dy = gn_rows_of(dhidden, F),
                       .dgate = gn_rows_of(dpair, 2 * F),
                       .dup = gn_rows_at(dpair, 2 * F, F)};
    for (int i = 0; i < gn_parts((size_t)n, GN_ROWS); i++)
        t->crew.k->swiglu_back(&j, i, thread);
    if (down->g) {
        gn_blas_alone_weight(down->g + (size_t)part * down->step, gn_rows_of(dy, D),
                             gn_rows_of(hidden, F), n, D, F);
        gn_blas_alone_weight(gate->g + (size_t)part * gate->step, j.dgate, gn_rows_of(in, D), n, F,
                             D);
        gn_blas_alone_weight(up->g + (size_t)part * up->step, j.dup, gn_rows_of(in, D), n, F, D);
    }
    gn_blas_alone_back(gn_rows_of(dy, D), j.dgate, gate->w + (size_t)part * gate->step, n, F, D,
                       false);
    gn_blas_alone_back(gn_rows_of(dy, D), j.dup, up->w + (size_t)part * up->step, n, F, D, true);
}

/* d logit of one row: through the gates, and through the load-balancing loss. */
static void router_row(const routing *r, int t, const int32_t *expert_of) {
    const gn_trainer *k = r->t;
    float *d = k->drouter + (size_t)t * (size_t)r->E;
    const size_t at = (size_t)t * (size_t)r->U;
    float mean = 0.0f;
    memset(d, 0, (size_t)r->E * sizeof *d);
    for (int u = 0; u < r->U; u++)
        mean += r->k->gate[at + (size_t)u] * k->dgate[at + (size_t)u];
    for (int u = 0; u < r->U; u++)
        d[expert_of[u]] = r->k->gate[at + (size_t)u] * (k->dgate[at + (size_t)u] - mean);
    if (k->c->aux_loss > 0.0f) {
        double p[1 << 12], sum = 0.0;
        const double rows = (double)k->layers_with_experts * r->T;
        softmax(r->k->router + (size_t)t * (size_t)r->E, p, r->E);
        for (int e = 0; e < r->E; e++)
            sum += k->picked[e] / rows * p[e];
        const double f = (double)k->c->aux_loss * r->E / rows;
        for (int e = 0; e < r->E; e++)
            d[e] += (float)(f * p[e] * (k->picked[e] / rows - sum));
    }
}

static int expert_at(const routing *r, int32_t slot) {
    int low = 0, high = r->E; /* begin[low] <= slot < begin[high] */
    while (high - low > 1) {
        const int mid = (low + high) / 2;
        *(slot >= r->k->begin[mid] ? &low : &high) = mid;
    }
    return low;
}

static void router_rows(void *arg, int part, int thread) {
    const routing *r = arg;
    int32_t expert[1 << 12];
    (void)thread;
    for (int t = part * GN_ROWS; t < (part + 1) * GN_ROWS && t < r->T; t++) {
        for (int u = 0; u < r->U; u++) {
            const int32_t slot = r->k->slot_of[(size_t)t * (size_t)r->U + (size_t)u];
            const float *dx = r->t->dslots + (size_t)slot * (size_t)r->D;
            float *db = gn_at(r->db, t);
            expert[u] = expert_at(r, slot);
            for (int d = 0; d < r->D; d++)
                db[d] += dx[d];
        }
        router_row(r, t, expert);
    }
}

void gn_experts_back(gn_trainer *t, int l, const gn_tape *k, gn_grid db) {
    routing r = routing_of(t, l, k);
    r.db = db;
    run(&r, expert_back, (size_t)r.E);
    run(&r, router_rows, (size_t)gn_parts((size_t)r.T, GN_ROWS));
    gn_linear_back(t, db, gn_rows_of(t->drouter, r.E), gn_rows_of(k->b, r.D), &r.w->router, NULL,
                   1.0f, true);
}
