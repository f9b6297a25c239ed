/* epilogue.cuh - what becomes of a product's numbers in the launch that makes them: the ops that follow.
 *
 * A step of few rows is as long as its chain of kernels. An op that takes a product number by number
 * therefore needs no kernel of its own. Each number is treated as that op's kernel would, and every
 * matrix is left as the ops one by one would leave it, the product too: nobody who looks at memory
 * when the step is done can tell which way it went.
 */
#ifndef GN_CUDA_EPILOGUE_CUH
#define GN_CUDA_EPILOGUE_CUH

#include "core/cuda/internal.h"

/* The convolution of lanes that are one row each. */
struct gn_convolution {
    gn_m y;         /* [T, C]; data NULL: there is none */
    const float *w; /* [C, W] */
    const float *bias;
    int row, W; /* numbers from channel to channel of w; taps */
    size_t at;
    gn_table table;
};

enum { GN_ADDS = 2 };
struct gn_epilogue {
    float scale;         /* y = scale x Wᵀ: of logits; otherwise 1 */
    float *sum[GN_ADDS]; /* sum[0] += by[0] y, then sum[1] += by[1] sum[0]: residuals; NULL: none */
    int sum_stride[GN_ADDS];
    float by[GN_ADDS];
    gn_m gated;          /* = silu(first product) * second; data NULL: none */
    gn_convolution conv; /* of columns [conv_first, conv_first + conv.y.cols) of y */
    int conv_first;
};

/* Channel c of row t, where x stands. The window moves on as it is read, should `to` be `from`. */
GN_FN void gn_convolve(const gn_convolution &v, int t, int c, float x) {
    const int owner = v.table.lane_of[t];
    if (owner < 0)
        return;
    const gn_device_lane &lane = v.table.lane[owner];
    const size_t C = (size_t)v.y.cols;
    const float *tap = v.w + (size_t)c * (size_t)v.row;
    const float *from = lane.from ? lane.from + v.at + c : NULL;
    float *to = lane.to ? lane.to + v.at + c : NULL;
    float sum = v.bias ? v.bias[c] : 0.0f;
    for (int k = 0; k < v.W; k++) {
        const float now = k == v.W - 1 ? x : from ? from[(size_t)k * C] : 0.0f;
        sum = fmaf(tap[k], now, sum);
        if (to && k > 0)
            to[(size_t)(k - 1) * C] = now;
    }
    gn_row(v.y, t)[c] = gn_silu(sum);
}

/* Number [t, row] of the product is v, biased. */
GN_FN void gn_leave(const gn_epilogue &e, const gn_m &y, int t, int row, float v) {
    v *= e.scale;
    gn_row(y, t)[row] = v;
    if (e.conv.y.data && row >= e.conv_first && row < e.conv_first + e.conv.y.cols)
        gn_convolve(e.conv, t, row - e.conv_first, v);
#pragma unroll
    for (int k = 0; k < GN_ADDS; k++)
        if (e.sum[k]) {
            float *sum = e.sum[k] + (size_t)t * (size_t)e.sum_stride[k] + row;
            v = fmaf(e.by[k], v, *sum);
            *sum = v;
        }
}

void gn_cuda_nothing_follows(gn_epilogue *e);
/* Of n commands after a product of y, or after one of y and one of second: those that go into its
 * epilogue, and how many they are. read: what other blocks may still read when one leaves a number. */
size_t gn_cuda_epilogue(gn_epilogue *e, const gn_m &y, const gn_m *second, const gn_m read[2],
                        const gn_command *k, size_t n, const gn_table &t);
/* The sums alone, for what is no product. */
size_t gn_cuda_sums(gn_epilogue *e, const gn_m &y, const gn_m read[2], const gn_command *k,
                    size_t n);
gn_convolution gn_cuda_conv_of(const gn_command &k, const gn_table &t);
/* Whether every lane is one row. */
static inline bool gn_single(const gn_table &t) { return t.longest == 1 && t.shortest == 1; }
/* Whether no number of one lies between the first and the last of the other. */
bool gn_cuda_apart(const gn_m &a, const gn_m &b);

#endif
