/* batch.cu - y = x Wᵀ + b for the tokens of many answers at once, on the tensor cores.
 *
 * Eight rows of x are as many as few_rows() in linear.cu takes before reading them, again for every
 * row of W, is what it waits for; and cuBLAS wants W widened, which moves five times its bytes. Here
 * a warp has sixteen rows of W and up to sixty-four of x, rounded to f16, and unpacks each weight once.
 * Which number of a row stands for which of a product's is all the same to their sum, if both
 * factors agree: so a thread has eight neighbours of W, as they unpack, and the same eight of x in one
 * load, and none goes through shared memory. The warps of a block share the length of the rows
 * between them, and what they have is added up in order: a token's sums do not depend on how many
 * others there are.
 */
#include "core/cuda/internal.h"
#include "core/cuda/unpack.cuh"

#include <string.h>

enum {
    WARPS = 8,
    THREADS = 32 * WARPS,
    ROWS = 16,   /* of W a block has, */
    TOKENS = 64, /* and of x */
    STEP = 32,   /* numbers of a row that a warp takes at a time */
    PITCH = TOKENS + 1,
    MOST_ROWS = 1 << 19, /* of W in one launch */
};

struct batch_in {
    gn_m y;
    const uint16_t *x; /* rows `wide` apart */
    const float *scale;
    gn_w w;
    const float *bias;
    int wide;
};

GN_FN uint32_t halves(float a, float b) { return gn_to_half(a) | (uint32_t)gn_to_half(b) << 16; }

template <int F> GN_KERNEL_ROOMY(THREADS) batch(batch_in in) {
    GN_SHARED(float, part, WARPS *ROWS *PITCH);
    const int tid = (int)threadIdx.x, warp = tid / 32, g = tid % 32 / 4, t = tid % 4;
    const int row0 = (int)blockIdx.y * ROWS, token0 = (int)blockIdx.x * TOKENS;
    const int left = in.y.rows - token0, tokens = left < TOKENS ? left : (int)TOKENS;
    const uint16_t *x = in.x + (size_t)token0 * (size_t)in.wide;
    float sum[TOKENS / 8][4];
#pragma unroll
    for (int n = 0; n < TOKENS / 8; n++)
        for (int k = 0; k < 4; k++)
            sum[n][k] = 0.0f;
    for (int k0 = warp * STEP; k0 < in.w.cols; k0 += WARPS * STEP) {
        const int at = k0 + 8 * t;
        uint32_t a[2][4]; /* of two products, each of four of the eight */
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int row = row0 + g + 8 * half;
            float v[8];
            if (row < in.w.rows && at < in.w.cols)
                gn_unpack8<F>(in.w.data + (size_t)row * in.w.row, in.w.cols, at / 8, v);
            else
                for (int k = 0; k < 8; k++)
                    v[k] = 0.0f;
#pragma unroll
            for (int k = 0; k < 4; k++)
                a[k / 2][half + 2 * (k % 2)] = halves(v[2 * k], v[2 * k + 1]);
        }
#pragma unroll
        for (int n = 0; n < TOKENS / 8; n++) {
            if (8 * n >= tokens)
                continue;
            uint4 b = {0, 0, 0, 0};
            if (8 * n + g < tokens && at < in.wide)
                b = gn_load(reinterpret_cast<const uint4 *>(
                    x + (size_t)(8 * n + g) * (size_t)in.wide + at));
            const uint32_t one[2] = {b.x, b.y}, two[2] = {b.z, b.w};
            GN_MMA(sum[n], a[0], one);
            GN_MMA(sum[n], a[1], two);
        }
    }
#pragma unroll
    for (int n = 0; n < TOKENS / 8; n++)
#pragma unroll
        for (int k = 0; k < 4; k++)
            part[(warp * ROWS + g + 8 * (k / 2)) * PITCH + 8 * n + 2 * t + k % 2] = sum[n][k];
    GN_SYNC();
    for (int i = tid; i < ROWS * tokens; i += THREADS) {
        const int r = i % ROWS, token = i / ROWS, row = row0 + r;
        float all = 0.0f;
        for (int w = 0; w < WARPS; w++)
            all += part[(w * ROWS + r) * PITCH + token];
        if (row < in.w.rows) {
            all *= in.scale[token0 + token];
            gn_row(in.y, token0 + token)[row] = in.bias ? all + in.bias[row] : all;
        }
    }
}

void gn_cuda_batch(gn_cuda *c, gn_m y, const uint16_t *x, const float *scale, const gn_w &w,
                   const float *bias) {
    batch_in in;
    memset(static_cast<void *>(&in), 0, sizeof in);
    in.x = x;
    in.scale = scale;
    in.w = w;
    in.wide = gn_wide(w.cols);
    for (int row = 0; row < w.rows; row += MOST_ROWS) {
        in.w.rows = w.rows - row < MOST_ROWS ? w.rows - row : MOST_ROWS;
        in.w.data = w.data + (size_t)row * w.row;
        in.y = y;
        in.y.data = y.data + row;
        in.bias = bias ? bias + row : NULL;
        const dim3 grid((unsigned)gn_blocks((size_t)y.rows, TOKENS),
                        (unsigned)gn_blocks((size_t)in.w.rows, ROWS));
        GN_BY_FORMAT(w.format, GN_LAUNCH(batch<F>, grid, THREADS, c->stream, in))
    }
}
