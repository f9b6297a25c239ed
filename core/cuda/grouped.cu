/* grouped.cu - the experts of a long text: their products on the tensor cores, with no word to the host.
 *
 * Pairs of token and expert are sorted by expert on the device. A block takes up to 64 pairs of one
 * expert and 64 rows of its matrix; which expert that is the sort has left for it, so the grid is the
 * same whatever was routed where. Weights are widened to f16 on their way into
 * shared memory, x comes as rounded rows. A pair's sums have one order wherever it lands in a
 * block, so the sort need not be stable.
 */
#include "core/cuda/internal.h"
#include "core/cuda/unpack.cuh"

#include <assert.h>
#include <string.h>

enum {
    THREADS = 128,
    PAIRS = GN_PAIRS, /* of a block */
    ROWS = 64,        /* of W */
    STEP = 32,        /* numbers of a row at a time */
    PITCH = 5, /* quads of 8 halves from row to row: one more than a step, against bank conflicts */
    SORTERS = 256,
};

/* One block. Tiles are told apart here, once, or every block of every product would count for itself. */
GN_KERNEL(SORTERS)
sort_pairs(gn_pairs p, const int32_t *expert, int pairs, int E) {
    GN_SHARED(int, count, GN_CUDA_MOST_EXPERTS);
    GN_WAIT();
    const int tid = (int)threadIdx.x;
    for (int e = tid; e < E; e += SORTERS)
        count[e] = 0;
    GN_SYNC();
    for (int i = tid; i < pairs; i += SORTERS)
        GN_ATOMIC_ADD(&count[expert[i]], 1);
    GN_SYNC();
    if (tid == 0) {
        int sum = 0, tile = 0;
        for (int e = 0; e < E; e++) {
            const int n = count[e];
            p.first[e] = count[e] = sum;
            for (int i = 0; i < n; i += GN_PAIRS, tile++) {
                p.tile[2 * tile] = e;
                p.tile[2 * tile + 1] = sum + i;
            }
            sum += n;
        }
        p.first[E] = sum;
        for (; tile < p.tiles; tile++)
            p.tile[2 * tile] = -1;
    }
    GN_SYNC();
    for (int i = tid; i < pairs; i += SORTERS)
        p.pair[GN_ATOMIC_ADD(&count[expert[i]], 1)] = i;
}

struct grouped_in {
    gn_m y; /* [pairs, O] */
    gn_halves x;
    gn_w w;
    gn_pairs p;
};

template <int F> GN_KERNEL(THREADS) grouped(grouped_in in) {
    GN_SHARED(uint4, A4, PAIRS * PITCH);
    GN_SHARED(uint4, B4, ROWS * PITCH);
    GN_SHARED(int, who, PAIRS);
    const int tid = (int)threadIdx.x, lane = tid % 32, g = lane / 4, t = lane % 4;
    const int m = tid / 32 * 16, row0 = (int)blockIdx.y * ROWS;
    GN_WAIT();
    const int e = in.p.tile[2 * blockIdx.x], begin = in.p.tile[2 * blockIdx.x + 1];
    if (e < 0) /* the grid has room for the worst routing */
        return;
    const int left = in.p.first[e + 1] - begin, pairs = left < PAIRS ? left : (int)PAIRS;
    if (tid < PAIRS)
        who[tid] = tid < pairs ? in.p.pair[begin + tid] : -1;
    GN_SYNC();

    const uint8_t *w = in.w.data + (size_t)e * in.w.step;
    const uint32_t *A = reinterpret_cast<const uint32_t *>(A4);
    const uint32_t *B = reinterpret_cast<const uint32_t *>(B4);
    float sum[ROWS / 8][4];
#pragma unroll
    for (int n = 0; n < ROWS / 8; n++)
        for (int k = 0; k < 4; k++)
            sum[n][k] = 0.0f;
    for (int k0 = 0; k0 < in.x.wide; k0 += STEP) {
        for (int i = tid; i < PAIRS * (STEP / 8); i += THREADS) {
            const int r = i / (STEP / 8), u = i % (STEP / 8), at = k0 + 8 * u;
            uint4 v = {0, 0, 0, 0};
            if (who[r] >= 0 && at < in.x.wide)
                v = *reinterpret_cast<const uint4 *>(
                    in.x.to + (size_t)(who[r] / in.p.share) * (size_t)in.x.wide + at);
            A4[r * PITCH + u] = v;
            float f[8];
            uint4 h = {0, 0, 0, 0};
            if (row0 + r < in.w.rows && at < in.w.cols) {
                gn_unpack8<F>(w + (size_t)(row0 + r) * in.w.row, in.w.cols, at / 8, f);
                h.x = gn_to_half(f[0]) | (uint32_t)gn_to_half(f[1]) << 16;
                h.y = gn_to_half(f[2]) | (uint32_t)gn_to_half(f[3]) << 16;
                h.z = gn_to_half(f[4]) | (uint32_t)gn_to_half(f[5]) << 16;
                h.w = gn_to_half(f[6]) | (uint32_t)gn_to_half(f[7]) << 16;
            }
            B4[r * PITCH + u] = h;
        }
        GN_SYNC();
#pragma unroll
        for (int k = 0; k < STEP / 2; k += 8) { /* words of two halves */
            const int at = (m + g) * PITCH * 4 + k + t, below = at + 8 * PITCH * 4;
            const uint32_t a[4] = {A[at], A[below], A[at + 4], A[below + 4]};
#pragma unroll
            for (int n = 0; n < ROWS / 8; n++) {
                const int from = (8 * n + g) * PITCH * 4 + k + t;
                const uint32_t b[2] = {B[from], B[from + 4]};
                GN_MMA(sum[n], a, b);
            }
        }
        GN_SYNC();
    }
#pragma unroll
    for (int n = 0; n < ROWS / 8; n++)
#pragma unroll
        for (int k = 0; k < 4; k++) {
            const int p = who[m + g + 8 * (k / 2)], col = row0 + 8 * n + 2 * t + k % 2;
            if (p >= 0 && col < in.w.rows)
                gn_row(in.y, p)[col] = sum[n][k] * in.x.scale[p / in.p.share];
        }
}

void gn_cuda_sort_pairs(gn_cuda *c, const gn_pairs &p, const int32_t *expert, int pairs, int E) {
    assert(E <= GN_CUDA_MOST_EXPERTS);
    GN_LAUNCH(sort_pairs, dim3(1), SORTERS, c->stream, p, expert, pairs, E);
}

void gn_cuda_grouped(gn_cuda *c, gn_m y, const gn_halves &x, const gn_w &w, const gn_pairs &p) {
    grouped_in in;
    in.y = y;
    in.x = x;
    in.w = w;
    in.p = p;
    const dim3 grid((unsigned)p.tiles, (unsigned)gn_blocks((size_t)w.rows, ROWS));
    GN_BY_FORMAT(w.format, GN_LAUNCH(grouped<F>, grid, THREADS, c->stream, in))
}
