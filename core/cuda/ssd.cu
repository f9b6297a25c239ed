/* ssd.cu - the Mamba-2 recurrence token by token, a block for eight columns of one head of one lane:
 * for what is written, for short texts, and for exact numbers. chunks.cu reads the long ones.
 *
 * S stays in registers from the lane's first token to its last: each thread has one column and
 * every sixteenth row of it. Tokens come in tiles, whose x, B, C and steps wait in shared memory;
 * a column's sums over its rows are joined once a tile. A lane of one token reads its S once and
 * writes it once. The order of every sum is the same whatever the step, so a text may be cut
 * anywhere, and what is generated is what would have been read.
 */
#include "core/cuda/ssd.cuh"

enum {
    COLUMNS = 8,
    SLICES = 16,
    THREADS = COLUMNS * SLICES,
    WARPS = THREADS / 32,
    TILE = 16, /* tokens */
};

/* ROWS: of S a thread has. */
template <int ROWS> GN_KERNEL_ROOMY(THREADS) scan(ssd_in in) {
    GN_SHARED(float, B, TILE *ROWS *SLICES);
    GN_SHARED(float, C, TILE *ROWS *SLICES);
    GN_SHARED(float, X, TILE *COLUMNS);
    GN_SHARED(float, step, TILE);
    GN_SHARED(float, keep, TILE);
    GN_SHARED(float, part, TILE *WARPS *COLUMNS);
    GN_WAIT();
    const gn_device_lane lane = in.table.lane[blockIdx.z];
    const int heads = in.heads, h = (int)blockIdx.y, tid = (int)threadIdx.x;
    const int p = tid % COLUMNS, slice = tid / COLUMNS, warp = tid / 32;
    const int col = (int)blockIdx.x * COLUMNS + p, group = h * in.groups / heads;
    const size_t at = in.at + (size_t)h * (size_t)in.N * (size_t)in.P + (size_t)col;
    const bool mine = col < in.P;

    float S[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        const int n = slice + r * SLICES;
        S[r] = mine && lane.from && n < in.N ? lane.from[at + (size_t)n * (size_t)in.P] : 0.0f;
    }
    for (int first = 0; first < lane.count; first += TILE) {
        const int tokens = lane.count - first < TILE ? lane.count - first : TILE;
        const int row = lane.first + first;
        GN_SYNC(); /* the tile before is done with */
        for (int i = tid; i < tokens * ROWS * SLICES; i += THREADS) {
            const int t = i / (ROWS * SLICES), n = i % (ROWS * SLICES);
            const bool some = n < in.N;
            B[i] = some ? gn_row(in.B, row + t)[group * in.N + n] : 0.0f;
            C[i] = some ? gn_row(in.C, row + t)[group * in.N + n] : 0.0f;
        }
        for (int i = tid; i < tokens * COLUMNS; i += THREADS) {
            const int t = i / COLUMNS, c = (int)blockIdx.x * COLUMNS + i % COLUMNS;
            X[i] = c < in.P ? gn_row(in.x, row + t)[h * in.P + c] : 0.0f;
        }
        if (tid < tokens) {
            const float s = ssd_step(in, row + tid, h);
            step[tid] = s;
            keep[tid] = expf(s * in.A[h]);
        }
        GN_SYNC();
        for (int t = 0; t < tokens; t++) {
            const float by = keep[t], x = X[t * COLUMNS + p] * step[t];
            float sum = 0.0f;
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                const int n = t * ROWS * SLICES + slice + r * SLICES;
                S[r] = fmaf(B[n], x, by * S[r]);
                sum = fmaf(C[n], S[r], sum);
            }
            sum += GN_SHFL_XOR(sum, 8); /* the warp's four slices of this column */
            sum += GN_SHFL_XOR(sum, 16);
            if (tid % 32 < COLUMNS)
                part[(t * WARPS + warp) * COLUMNS + p] = sum;
        }
        GN_SYNC();
        for (int i = tid; i < tokens * COLUMNS; i += THREADS) {
            const int t = i / COLUMNS, c = i % COLUMNS, out = (int)blockIdx.x * COLUMNS + c;
            float sum = 0.0f;
            for (int w = 0; w < WARPS; w++)
                sum += part[(t * WARPS + w) * COLUMNS + c];
            if (out < in.P)
                gn_row(in.y, row + t)[h * in.P + out] = fmaf(in.D[h], X[i], sum);
        }
    }
    if (!mine || !lane.to)
        return;
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        const int n = slice + r * SLICES;
        if (n < in.N)
            lane.to[at + (size_t)n * (size_t)in.P] = S[r];
    }
}

void gn_cuda_do_ssd(gn_cuda *c, const gn_command &k, const gn_table &t) {
    if (t.n == 0)
        return;
    if (gn_cuda_chunked(c, t)) {
        gn_cuda_do_chunks(c, k, t);
        return;
    }
    const ssd_in in = gn_cuda_ssd_in(c, k, t);
    const int N = in.N;
    const dim3 grid((unsigned)gn_blocks((size_t)in.P, COLUMNS), (unsigned)in.heads, (unsigned)t.n);
    if (N <= 16)
        GN_LAUNCH(scan<1>, grid, THREADS, c->stream, in);
    else if (N <= 32)
        GN_LAUNCH(scan<2>, grid, THREADS, c->stream, in);
    else if (N <= 64)
        GN_LAUNCH(scan<4>, grid, THREADS, c->stream, in);
    else if (N <= 128)
        GN_LAUNCH(scan<8>, grid, THREADS, c->stream, in);
    else
        GN_LAUNCH(scan<16>, grid, THREADS, c->stream, in);
}
