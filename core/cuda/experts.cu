/* experts.cu - the mixture: routing and the experts, all on the device.
 *
 * A pair is a token and one of its U experts. Which expert it is, a kernel reads from device
 * memory, so the host never waits to know. A few pairs are multiplied one by one; those of a batch of
 * answers by expert, so that its weights are read once (batch.cu), and those of a text, where an
 * expert has many, from shared memory (grouped.cu).
 */
#include "core/cuda/epilogue.cuh"
#include "core/cuda/internal.h"

#include <assert.h>
#include <string.h>

enum { THREADS = 128, MOST_ROWS = 32768 };

/* A warp for each token: U times the largest that was not taken, the lower expert on a tie. */
GN_KERNEL(THREADS)
route(gn_m gate, int32_t *expert, gn_m logits) {
    GN_WAIT();
    const int t = (int)(blockIdx.x * (THREADS / 32) + threadIdx.x / 32);
    const int lane = (int)threadIdx.x % 32, U = gate.cols, E = logits.cols;
    if (t >= gate.rows)
        return;
    const float *x = gn_row(logits, t);
    uint32_t taken = 0; /* bit j: expert lane + 32 j */
    float first = 0.0f, sum = 0.0f;
    for (int u = 0; u < U; u++) {
        float best = -INFINITY;
        int who = E;
        for (int j = 0; lane + 32 * j < E; j++)
            if (!(taken >> j & 1u) && (who == E || x[lane + 32 * j] > best)) {
                best = x[lane + 32 * j];
                who = lane + 32 * j;
            }
        for (int k = 16; k > 0; k /= 2) {
            const float other = GN_SHFL_XOR(best, k);
            const int his = GN_SHFL_XOR(who, k);
            if (his < E && (who == E || other > best || (other == best && his < who))) {
                best = other;
                who = his;
            }
        }
        if (who % 32 == lane)
            taken |= 1u << (who / 32);
        if (u == 0)
            first = best;
        const float weight = expf(best - first);
        sum += weight;
        if (lane == 0) {
            expert[(size_t)t * (size_t)U + (size_t)u] = who;
            gn_row(gate, t)[u] = weight;
        }
    }
    if (lane == 0)
        for (int u = 0; u < U; u++)
            gn_row(gate, t)[u] /= sum;
}

/* y[t] = sum over u of gate[t, u] out[t U + u], and what is added of that to other rows. */
GN_KERNEL(THREADS)
mix(gn_m y, gn_m out, gn_m gate, gn_epilogue then) {
    GN_WAIT();
    for (int t = (int)blockIdx.y; t < y.rows; t += (int)gridDim.y)
        for (int i = (int)(blockIdx.x * THREADS + threadIdx.x); i < y.cols;
             i += (int)(gridDim.x * THREADS)) {
            float sum = 0.0f;
            for (int u = 0; u < gate.cols; u++)
                sum = fmaf(gn_row(gate, t)[u], gn_row(out, t * gate.cols + u)[i], sum);
            gn_leave(then, y, t, i, sum);
        }
}

void gn_cuda_do_route(gn_cuda *c, const gn_command &k) {
    const gn_m gate = k.m[0], logits = k.m[1];
    int32_t *expert = k.expert;
    assert(logits.cols <= GN_CUDA_MOST_EXPERTS);
    if (gate.rows)
        GN_LAUNCH(route, dim3((unsigned)gn_blocks((size_t)gate.rows, THREADS / 32)), THREADS,
                  c->stream, gate, expert, logits);
}

/* Whether gate and up can be read side by side. */
static bool alike(const gn_command &k) {
    return k.w[0].format == k.w[1].format && k.w[0].step == k.w[1].step;
}

/* The call's scratch; without a base it is only measured. */
struct room {
    uint8_t *base;
    size_t used;
};

static void *take(room *r, size_t bytes) {
    void *at = r->base ? r->base + r->used : NULL;
    r->used += gn_align(bytes);
    return at;
}

static gn_m take_rows(room *r, int rows, int cols) {
    const size_t bytes = (size_t)rows * (size_t)cols * sizeof(float);
    gn_m m = {static_cast<float *>(take(r, bytes)), rows, cols, cols, 0};
    return m;
}

static gn_halves take_halves(room *r, int rows, int cols) {
    gn_halves h;
    h.wide = gn_wide(cols);
    h.parts = 1;
    h.to = static_cast<uint16_t *>(take(r, (size_t)rows * (size_t)h.wide * 2));
    h.scale = take_rows(r, rows, 1).data;
    return h;
}

struct places {
    gn_m a, b;           /* [pairs, F] */
    gn_m out;            /* [pairs, D]; of a text or batch only, as what follows */
    gn_halves x, hidden; /* rounded */
    gn_pairs pairs;
};

static places lay_out(const gn_cuda *c, const gn_command &k, room *r) {
    const int T = k.m[1].rows, U = k.m[2].cols, pairs = T * U, F = k.w[0].rows, E = k.w[0].n;
    places p;
    memset(static_cast<void *>(&p), 0, sizeof p);
    p.a = take_rows(r, pairs, F);
    if (gn_cuda_many(c, T) || !alike(k))
        p.b = take_rows(r, pairs, F);
    if (!gn_cuda_many(c, T) && !gn_cuda_batched(c, T))
        return p;
    p.out = take_rows(r, pairs, k.w[2].rows);
    p.x = take_halves(r, T, k.m[1].cols);
    p.hidden = take_halves(r, pairs, F);
    p.pairs.tiles = pairs / GN_PAIRS + (pairs < E ? pairs : E);
    p.pairs.share = U;
    p.pairs.first = static_cast<int *>(take(r, (size_t)(E + 1) * sizeof(int)));
    p.pairs.pair = static_cast<int *>(take(r, (size_t)pairs * sizeof(int)));
    p.pairs.tile = static_cast<int *>(take(r, (size_t)p.pairs.tiles * 2 * sizeof(int)));
    return p;
}

size_t gn_cuda_experts_room(const gn_cuda *c, const gn_command &k) {
    room r = {NULL, 0};
    lay_out(c, k, &r);
    return r.used;
}

/* Without out: what the pairs of a token make is mixed as it is made. */
static void few_pairs(gn_cuda *c, const gn_command &k, const places &p, const gn_epilogue &then) {
    const gn_m x = k.m[1];
    const int U = k.m[2].cols;
    if (alike(k)) {
        gn_cuda_few_experts(c, p.a, x, k.w[0], &k.w[1], k.expert, U);
    } else {
        gn_cuda_few_experts(c, p.a, x, k.w[0], NULL, k.expert, U);
        gn_cuda_few_experts(c, p.b, x, k.w[1], NULL, k.expert, U);
        gn_cuda_swiglu_rows(c, p.a, p.a, p.b);
    }
    gn_cuda_few_mixed(c, k.m[0], p.a, k.m[2], k.w[2], k.expert, then);
}

/* out = down swiglu(gate x, up x) of every pair. */
static void batch_of_pairs(gn_cuda *c, const gn_command &k, const places &p) {
    const gn_m none = {NULL, p.a.rows, p.a.cols, p.a.stride, 0};
    const gn_second up = {k.w[1].data, NULL, NULL};
    gn_pairs down = p.pairs;
    gn_epilogue then;
    gn_cuda_sort_pairs(c, p.pairs, k.expert, p.a.rows, k.w[0].n);
    gn_cuda_round(c, p.x, k.m[1]);
    if (alike(k)) {
        gn_cuda_nothing_follows(&then);
        then.gated = p.a;
        gn_cuda_batch(c, none, p.x, k.w[0], NULL, &up, &p.pairs, then);
        gn_cuda_nothing_follows(&then);
    } else {
        gn_cuda_nothing_follows(&then);
        gn_cuda_batch(c, p.a, p.x, k.w[0], NULL, NULL, &p.pairs, then);
        gn_cuda_batch(c, p.b, p.x, k.w[1], NULL, NULL, &p.pairs, then);
        gn_cuda_swiglu_rows(c, p.a, p.a, p.b);
    }
    gn_cuda_round(c, p.hidden, p.a);
    down.share = 1;
    gn_cuda_batch(c, p.out, p.hidden, k.w[2], NULL, NULL, &down, then);
}

static void many_pairs(gn_cuda *c, const gn_command &k, const places &p) {
    gn_pairs down = p.pairs;
    gn_cuda_sort_pairs(c, p.pairs, k.expert, p.a.rows, k.w[0].n);
    gn_cuda_round(c, p.x, k.m[1]);
    gn_cuda_grouped(c, p.a, p.x, k.w[0], p.pairs);
    gn_cuda_grouped(c, p.b, p.x, k.w[1], p.pairs);
    gn_cuda_swiglu_rows(c, p.a, p.a, p.b);
    gn_cuda_round(c, p.hidden, p.a);
    down.share = 1;
    gn_cuda_grouped(c, p.out, p.hidden, k.w[2], down);
}

size_t gn_cuda_do_experts(gn_cuda *c, const gn_command *k, size_t n) {
    const gn_m y = k->m[0], x = k->m[1], gate = k->m[2], read[] = {gate, gate};
    room r = {c->scratch, 0};
    const places p = lay_out(c, *k, &r);
    const gn_m out = p.out;
    gn_epilogue then;
    if (y.rows == 0)
        return 1;
    const size_t taken = 1 + gn_cuda_sums(&then, y, read, k + 1, n - 1);
    if (gn_cuda_many(c, x.rows)) {
        many_pairs(c, *k, p);
    } else if (gn_cuda_batched(c, x.rows)) {
        batch_of_pairs(c, *k, p);
    } else {
        few_pairs(c, *k, p, then);
        return taken;
    }
    GN_LAUNCH(mix,
              dim3((unsigned)gn_blocks((size_t)y.cols, THREADS),
                   (unsigned)(y.rows < MOST_ROWS ? y.rows : MOST_ROWS)),
              THREADS, c->stream, y, out, gate, then);
    return taken;
}
