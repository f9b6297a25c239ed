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
 *
 * Two products that are gated have eight of the sixteen rows each. The experts of a mixture are products
 * of the same kind: a block has the pairs of one expert for its rows of x, and which expert that is the
 * device says, so the grid is the same whatever was routed where.
 */
#include "core/cuda/epilogue.cuh"
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
};

struct batch_in {
    gn_m y; /* data NULL: not wanted, only what is gated */
    gn_halves x;
    gn_w w;
    const float *bias;
    gn_second second; /* of what is gated */
    gn_pairs pairs;   /* tile NULL: tokens as they come */
    gn_epilogue then;
};

GN_FN uint32_t halves(float a, float b) { return gn_to_half(a) | (uint32_t)gn_to_half(b) << 16; }

/* Row r of the block's sixteen, in its product. */
GN_FN int row_of(const batch_in &in, int r) {
    return in.then.gated.data ? (int)blockIdx.y * (ROWS / 2) + r % (ROWS / 2)
                              : (int)blockIdx.y * ROWS + r;
}
GN_FN const uint8_t *product_of(const batch_in &in, int r) {
    return in.then.gated.data && r >= ROWS / 2 ? in.second.w : in.w.data;
}

template <int F> GN_KERNEL_ROOMY(THREADS) batch(batch_in in) {
    static_assert((int)TOKENS == (int)GN_PAIRS, "a tile of pairs is what a block has of x");
    GN_SHARED(float, part, WARPS *ROWS *PITCH);
    GN_SHARED(int, who, TOKENS); /* rows of y */
    const int tid = (int)threadIdx.x, warp = tid / 32, g = tid % 32 / 4, t = tid % 4;
    const bool gated = in.then.gated.data != NULL, mixed = in.pairs.tile != NULL;
    const int share = mixed ? in.pairs.share : 1;
    for (int r = warp; !mixed && r < ROWS; r += WARPS)
        for (size_t i = (size_t)(tid % 32) * GN_LINE; i < in.w.row; i += 32 * GN_LINE)
            if (row_of(in, r) < in.w.rows && blockIdx.x == 0)
                GN_PREFETCH(product_of(in, r) + (size_t)row_of(in, r) * in.w.row + i);
    GN_WAIT();

    int tokens = in.y.rows - (int)blockIdx.x * TOKENS, begin = (int)blockIdx.x * TOKENS;
    size_t matrix = 0;
    if (mixed) {
        const int e = in.pairs.tile[2 * blockIdx.x];
        if (e < 0) /* the grid has room for the worst routing */
            return;
        begin = in.pairs.tile[2 * blockIdx.x + 1];
        tokens = in.pairs.first[e + 1] - begin;
        matrix = (size_t)e * in.w.step;
    }
    tokens = tokens < TOKENS ? tokens : (int)TOKENS;
    if (tid < tokens)
        who[tid] = mixed ? in.pairs.pair[begin + tid] : begin + tid;
    GN_SYNC();
    int from[TOKENS / 8]; /* the row of x that is this thread's, of every eight */
#pragma unroll
    for (int n = 0; n < TOKENS / 8; n++)
        from[n] = 8 * n + g < tokens ? who[8 * n + g] / share : -1;
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
            const int row = row_of(in, g + 8 * half);
            float v[8];
            if (row < in.w.rows && at < in.w.cols)
                gn_unpack8<F>(product_of(in, g + 8 * half) + matrix + (size_t)row * in.w.row,
                              in.w.cols, at / 8, v);
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
            if (from[n] >= 0 && at < in.x.wide)
                b = *reinterpret_cast<const uint4 *>(in.x.to + (size_t)from[n] * (size_t)in.x.wide +
                                                     at);
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
    const auto number = [&](int r, int token, const float *bias) {
        float all = 0.0f;
        for (int w = 0; w < WARPS; w++)
            all += part[(w * ROWS + r) * PITCH + token];
        all *= in.x.scale[who[token] / share];
        return bias ? all + bias[row_of(in, r)] : all;
    };
    const int rows = gated ? ROWS / 2 : (int)ROWS;
    for (int i = tid; i < rows * tokens; i += THREADS) {
        const int r = i % rows, token = i / rows, to = who[token], row = row_of(in, r);
        if (row >= in.w.rows)
            continue;
        const float v = number(r, token, in.bias);
        if (!gated) {
            gn_leave(in.then, in.y, to, row, v);
            continue;
        }
        const float up = number(r + ROWS / 2, token, in.second.bias);
        if (in.y.data)
            gn_row(in.y, to)[row] = v;
        if (in.second.y)
            in.second.y[(size_t)to * (size_t)in.y.stride + (size_t)row] = up;
        gn_row(in.then.gated, to)[row] = gn_silu(v) * up;
    }
}

void gn_cuda_batch(gn_cuda *c, gn_m y, const gn_halves &x, const gn_w &w, const float *bias,
                   const gn_second *second, const gn_pairs *pairs, const gn_epilogue &then) {
    batch_in in;
    memset(static_cast<void *>(&in), 0, sizeof in);
    in.x = x;
    in.w = w;
    in.then = then;
    if (second)
        in.second = *second;
    if (pairs)
        in.pairs = *pairs;
    const unsigned tiles =
        pairs ? (unsigned)pairs->tiles : (unsigned)gn_blocks((size_t)y.rows, TOKENS);
    for (int row = 0; row < w.rows; row += GN_BATCH_ROWS) {
        in.w.rows = w.rows - row < GN_BATCH_ROWS ? w.rows - row : GN_BATCH_ROWS;
        in.w.data = w.data + (size_t)row * w.row;
        in.y = y;
        in.y.data = y.data + row;
        in.bias = bias ? bias + row : NULL;
        const dim3 grid(tiles, (unsigned)gn_blocks((size_t)in.w.rows, second ? ROWS / 2 : ROWS));
        GN_BY_FORMAT(w.format, GN_LAUNCH(batch<F>, grid, THREADS, c->stream, in))
    }
}
