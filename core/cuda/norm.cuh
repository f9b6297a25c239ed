/* norm.cuh - what a block does with a whole row before others multiply it: its norm, its f16 numbers. */
#ifndef GN_CUDA_NORM_CUH
#define GN_CUDA_NORM_CUH

#include "core/cuda/internal.h"

enum { GN_NORM_WARPS = 4, GN_NORM_THREADS = 32 * GN_NORM_WARPS };

/* A norm is taken by a kernel of its own or by the product that reads it, and is the same to the bit:
 * both are blocks of GN_NORM_THREADS, and this is the order of the sum. Warps leave theirs in
 * part [GN_NORM_WARPS]; when all have, everybody may ask for the factor. */
GN_FN void gn_norm_begin(float *part, float squares) {
    squares = gn_warp_sum(squares);
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = squares;
}
GN_FN float gn_norm_by(const float *part, int cols, float eps) {
    float all = 0.0f;
    for (int k = 0; k < GN_NORM_WARPS; k++)
        all += part[k];
    return 1.0f / sqrtf(all / (float)cols + eps);
}
GN_FN float gn_squares(const float *x, int cols) {
    float sum = 0.0f;
    for (int i = (int)threadIdx.x; i < cols; i += GN_NORM_THREADS)
        sum = fmaf(x[i], x[i], sum);
    return sum;
}

/* Row r of halves. A thread reads every blockDim.x'th number from its own, so it may be the one that
 * wrote them. part: a float for each warp. */
GN_FN void gn_round_row(const gn_halves &h, int r, const float *row, int cols, float *part) {
    const int tid = (int)threadIdx.x, threads = (int)blockDim.x;
    uint16_t *out = h.to + (size_t)r * (size_t)(h.wide * h.parts);
    float most = 0.0f;
    for (int i = tid; i < cols; i += threads)
        most = fmaxf(most, fabsf(row[i]));
    most = gn_warp_most(most);
    if (tid % 32 == 0)
        part[tid / 32] = most;
    GN_SYNC();
    for (int k = 0; k < threads / 32; k++)
        most = fmaxf(most, part[k]);
    /* Between 2^-2 and 2^14 f16 is as good as it gets; nothing and no number stay what they are. */
    float by = 1.0f;
    if (most > 0.0f && most < INFINITY && (most < 0.25f || most >= 16384.0f)) {
        const int up = ilogbf(most);
        by = ldexpf(1.0f, up < -120 ? -120 : up);
    }
    for (int i = tid; i < h.wide; i += threads) {
        const float all = i < cols ? row[i] / by : 0.0f;
        const uint16_t high = gn_to_half(all);
        out[i] = high;
        if (h.parts == 1)
            continue;
        out[h.wide + i] = gn_to_half(all - gn_half(high));
        out[2 * h.wide + i] = high;
    }
    if (tid == 0)
        h.scale[r] = by;
}

#endif
