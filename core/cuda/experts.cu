/* experts.cu - the mixture: routing and the experts, all on the device.
 *
 * A pair is a token and one of its U experts. Which expert it is, a kernel reads from device
 * memory, so the host never waits to know.
 */
#include "core/cuda/internal.h"

#include <assert.h>

enum { THREADS = 128, MOST_EXPERTS = 1024, MOST_ROWS = 32768 };

/* A warp for each token: U times the largest that was not taken, the lower expert on a tie. */
GN_KERNEL(THREADS)
route(gn_m gate, int32_t *expert, gn_m logits) {
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

/* y[t] = sum over u of gate[t, u] out[t U + u] */
GN_KERNEL(THREADS)
mix(gn_m y, gn_m out, gn_m gate) {
    for (int t = (int)blockIdx.y; t < y.rows; t += (int)gridDim.y)
        for (int i = (int)(blockIdx.x * THREADS + threadIdx.x); i < y.cols;
             i += (int)(gridDim.x * THREADS)) {
            float sum = 0.0f;
            for (int u = 0; u < gate.cols; u++)
                sum = fmaf(gn_row(gate, t)[u], gn_row(out, t * gate.cols + u)[i], sum);
            gn_row(y, t)[i] = sum;
        }
}

void gn_cuda_do_route(gn_cuda *c, const gn_command &k) {
    const gn_m gate = k.m[0], logits = k.m[1];
    int32_t *expert = k.expert;
    assert(logits.cols <= MOST_EXPERTS);
    if (gate.rows)
        GN_LAUNCH(route, dim3((unsigned)gn_blocks((size_t)gate.rows, THREADS / 32)), THREADS,
                  c->stream, gate, expert, logits);
}

/* [pairs, F] twice, [pairs, D] */
size_t gn_cuda_experts_room(const gn_cuda *c, const gn_command &k) {
    const size_t pairs = (size_t)k.m[2].rows * (size_t)k.m[2].cols;
    (void)c;
    return 2 * gn_align(pairs * (size_t)k.w[0].rows * sizeof(float)) +
           gn_align(pairs * (size_t)k.w[2].rows * sizeof(float));
}

static gn_m take(uint8_t **at, int rows, int cols) {
    gn_m m = {reinterpret_cast<float *>(*at), rows, cols, cols, 0};
    *at += gn_align((size_t)rows * (size_t)cols * sizeof(float));
    return m;
}

void gn_cuda_do_experts(gn_cuda *c, const gn_command &k) {
    const gn_m y = k.m[0], x = k.m[1], gate = k.m[2];
    const int pairs = gate.rows * gate.cols, F = k.w[0].rows, D = k.w[2].rows;
    uint8_t *at = c->scratch;
    const gn_m a = take(&at, pairs, F), b = take(&at, pairs, F), out = take(&at, pairs, D);
    if (y.rows == 0)
        return;
    gn_cuda_few(c, a, x, k.w[0], NULL, k.expert, gate.cols);
    gn_cuda_few(c, b, x, k.w[1], NULL, k.expert, gate.cols);
    gn_cuda_swiglu_rows(c, a, a, b);
    gn_cuda_few(c, out, a, k.w[2], NULL, k.expert, 1);
    GN_LAUNCH(mix,
              dim3((unsigned)gn_blocks((size_t)y.cols, THREADS),
                   (unsigned)(y.rows < MOST_ROWS ? y.rows : MOST_ROWS)),
              THREADS, c->stream, y, out, gate);
}
