/* chunks.cu - the Mamba-2 recurrence of a text that is read, sixty-four tokens at a time.
 *
 * Within a chunk, with a the running sum of the steps' s A and x' = s x,
 *   y[t] = exp(a[t]) Sᵀ C[t] + sum_{u <= t} (C[t]·B[u]) exp(a[t] - a[u]) x'[u] + D x[t]
 *   S    = exp(a[last]) S + sum_u exp(a[last] - a[u]) B[u] x'[u]ᵀ
 * which are products of matrices (Dao & Gu 2024, arXiv:2405.21060, section 6). C·B, common to all
 * heads of a group, is made for every chunk first; then a block for some columns of one head of one
 * lane walks the lane's chunks with S in its registers. A chunk never crosses a lane. Products are
 * of three TF32 each, which leaves them as good as f32: S is to last.
 */
#include "core/cuda/ssd.cuh"

enum {
    CHUNK = GN_CHUNK,
    WARPS = CHUNK / 16, /* one for every sixteen tokens, or rows of S */
    THREADS = 32 * WARPS,
    ENOUGH = 128, /* blocks that fill a GPU */
};

/* d += a b with a of 16 x 8 and b of 8 x 8, each number in two TF32 parts. */
GN_FN void product(float d[4], const float a[4], const float b[2]) {
    uint32_t high_a[4], high_b[2], low_a[4], low_b[2];
    for (int i = 0; i < 4; i++) {
        high_a[i] = gn_bits(a[i]) & 0xffffe000u;
        low_a[i] = gn_bits(a[i] - gn_float(high_a[i]));
    }
    for (int i = 0; i < 2; i++) {
        high_b[i] = gn_bits(b[i]) & 0xffffe000u;
        low_b[i] = gn_bits(b[i] - gn_float(high_b[i]));
    }
    GN_MMA_TF32(d, low_a, high_b);
    GN_MMA_TF32(d, high_a, low_b);
    GN_MMA_TF32(d, high_a, high_b);
}

/* Number n of row t of m where there is one, else 0. from: of the group. */
GN_FN float number(const gn_m &m, int row, int t, int tokens, int from, int n, int N) {
    return t < tokens && n < N ? gn_row(m, row + t)[from + n] : 0.0f;
}

/* C·B of a chunk: a warp makes sixteen tokens' rows up to the diagonal. */
GN_KERNEL(THREADS)
couple(ssd_in in) {
    GN_WAIT();
    const gn_device_lane lane = in.table.lane[blockIdx.z];
    const int first = (int)blockIdx.x * CHUNK, group = (int)blockIdx.y, from = group * in.N;
    if (first >= lane.count)
        return;
    const int tokens = lane.count - first < CHUNK ? lane.count - first : (int)CHUNK;
    const int row = lane.first + first, warp = (int)threadIdx.x / 32;
    const int g = (int)threadIdx.x % 32 / 4, t = (int)threadIdx.x % 4, m = 16 * warp;
    float sum[CHUNK / 8][4];
#pragma unroll
    for (int i = 0; i < CHUNK / 8; i++)
        for (int k = 0; k < 4; k++)
            sum[i][k] = 0.0f;
    for (int n = 0; n < in.N; n += 8) {
        float a[4];
        for (int k = 0; k < 4; k++)
            a[k] = number(in.C, row, m + g + 8 * (k % 2), tokens, from, n + t + 4 * (k / 2), in.N);
#pragma unroll
        for (int i = 0; i < CHUNK / 8; i++) {
            if (8 * i > m + 15)
                continue;
            float b[2];
            for (int k = 0; k < 2; k++)
                b[k] = number(in.B, row, 8 * i + g, tokens, from, n + t + 4 * k, in.N);
            product(sum[i], a, b);
        }
    }
    float *G = in.G + ((size_t)(lane.chunk + (int)blockIdx.x) * (size_t)in.groups + (size_t)group) *
                          CHUNK * CHUNK;
#pragma unroll
    for (int i = 0; i < CHUNK / 8; i++)
        for (int k = 0; k < 4; k++)
            if (8 * i <= m + 15)
                G[(m + g + 8 * (k / 2)) * CHUNK + 8 * i + 2 * t + k % 2] = sum[i][k];
}

/* TILES: sixteens of rows of S a warp has; COLUMNS: of P a block has. */
template <int TILES, int COLUMNS> GN_KERNEL_ROOMY(THREADS) walk(ssd_in in) {
    constexpr int PITCH = COLUMNS + 8, EIGHTS = COLUMNS / 8, ROWS = 16 * TILES * WARPS;
    GN_SHARED(float, state, ROWS *PITCH);
    GN_SHARED(float, X, CHUNK *PITCH); /* x' */
    GN_SHARED(float, sum_of, CHUNK);   /* a */
    GN_SHARED(float, step, CHUNK);
    GN_SHARED(float, left, CHUNK); /* exp(a[last] - a) */
    GN_WAIT();
    const gn_device_lane lane = in.table.lane[blockIdx.z];
    const int heads = in.heads, h = (int)blockIdx.y, tid = (int)threadIdx.x;
    const int warp = tid / 32, g = tid % 32 / 4, t = tid % 4, m = 16 * warp;
    const int col0 = (int)blockIdx.x * COLUMNS, group = h * in.groups / heads, from = group * in.N;
    const size_t at = in.at + (size_t)h * (size_t)in.N * (size_t)in.P;

    /* S: its row r of thread and number k is 16 (warp + r WARPS) + g + 8 (k / 2). */
    float S[TILES][EIGHTS][4];
#pragma unroll
    for (int r = 0; r < TILES; r++)
#pragma unroll
        for (int i = 0; i < EIGHTS; i++)
#pragma unroll
            for (int k = 0; k < 4; k++) {
                const int n = m + r * CHUNK + g + 8 * (k / 2), p = col0 + 8 * i + 2 * t + k % 2;
                S[r][i][k] = lane.from && n < in.N && p < in.P
                                 ? lane.from[at + (size_t)n * (size_t)in.P + (size_t)p]
                                 : 0.0f;
            }

    for (int first = 0; first < lane.count; first += CHUNK) {
        const int tokens = lane.count - first < CHUNK ? lane.count - first : (int)CHUNK;
        const int row = lane.first + first;
        const float *G =
            in.G + ((size_t)(lane.chunk + first / CHUNK) * (size_t)in.groups + (size_t)group) *
                       CHUNK * CHUNK;
        GN_SYNC(); /* the chunk before is done with */
        if (warp == 0) {
            float s[2], sum = 0.0f;
            for (int k = 0; k < 2; k++) {
                const int u = 2 * tid + k;
                s[k] = 0.0f;
                if (u < tokens)
                    s[k] = ssd_step(in, row + u, h);
                step[u] = s[k];
                sum = fmaf(s[k], in.A[h], sum);
            }
            float before = sum;
            for (int d = 1; d < 32; d *= 2) {
                const float other = GN_SHFL(before, tid >= d ? tid - d : tid);
                before += tid >= d ? other : 0.0f;
            }
            const float all = GN_SHFL(before, 31);
            const float here = before - s[1] * in.A[h];
            sum_of[2 * tid] = here;
            sum_of[2 * tid + 1] = before;
            left[2 * tid] = expf(all - here);
            left[2 * tid + 1] = expf(all - before);
        }
#pragma unroll
        for (int r = 0; r < TILES; r++)
#pragma unroll
            for (int i = 0; i < EIGHTS; i++)
#pragma unroll
                for (int k = 0; k < 4; k++)
                    state[(m + r * CHUNK + g + 8 * (k / 2)) * PITCH + 8 * i + 2 * t + k % 2] =
                        S[r][i][k];
        GN_SYNC();
        for (int i = tid; i < CHUNK * COLUMNS; i += THREADS) {
            const int u = i / COLUMNS, p = i % COLUMNS;
            const float x = number(in.x, row, u, tokens, h * in.P, col0 + p, in.P);
            X[u * PITCH + p] = step[u] * x;
        }
        GN_SYNC();

        float y[EIGHTS][4];
#pragma unroll
        for (int i = 0; i < EIGHTS; i++)
            for (int k = 0; k < 4; k++)
                y[i][k] = 0.0f;
        const float a_high = sum_of[m + g], a_low = sum_of[m + g + 8],
                    decay = expf(sum_of[CHUNK - 1]);
        if (m < tokens) {
            for (int n = 0; n < in.N; n += 8) { /* Sᵀ C */
                float a[4];
                for (int k = 0; k < 4; k++)
                    a[k] = number(in.C, row, m + g + 8 * (k % 2), tokens, from, n + t + 4 * (k / 2),
                                  in.N);
#pragma unroll
                for (int i = 0; i < EIGHTS; i++) {
                    const float b[2] = {state[(n + t) * PITCH + 8 * i + g],
                                        state[(n + t + 4) * PITCH + 8 * i + g]};
                    product(y[i], a, b);
                }
            }
            const float high = expf(a_high), low = expf(a_low);
#pragma unroll
            for (int i = 0; i < EIGHTS; i++)
                for (int k = 0; k < 4; k++)
                    y[i][k] *= k < 2 ? high : low;
            for (int u0 = 0; u0 < m + 16; u0 += 8) { /* the chunk's own tokens */
                float a[4];
                for (int k = 0; k < 4; k++) {
                    const int u = u0 + t + 4 * (k / 2), mine = m + g + 8 * (k % 2);
                    a[k] = u <= mine
                               ? G[mine * CHUNK + u] * expf((k % 2 ? a_low : a_high) - sum_of[u])
                               : 0.0f;
                }
#pragma unroll
                for (int i = 0; i < EIGHTS; i++) {
                    const float b[2] = {X[(u0 + t) * PITCH + 8 * i + g],
                                        X[(u0 + t + 4) * PITCH + 8 * i + g]};
                    product(y[i], a, b);
                }
            }
#pragma unroll
            for (int i = 0; i < EIGHTS; i++)
                for (int k = 0; k < 4; k++) {
                    const int mine = m + g + 8 * (k / 2), p = col0 + 8 * i + 2 * t + k % 2;
                    if (mine < tokens && p < in.P)
                        gn_row(in.y, row + mine)[h * in.P + p] =
                            fmaf(in.D[h], gn_row(in.x, row + mine)[h * in.P + p], y[i][k]);
                }
        }
        if (first + CHUNK >= lane.count && !lane.to)
            break;
#pragma unroll
        for (int r = 0; r < TILES; r++) {
#pragma unroll
            for (int i = 0; i < EIGHTS; i++)
                for (int k = 0; k < 4; k++)
                    S[r][i][k] *= decay;
            if (m + r * CHUNK >= in.N)
                continue;
            for (int u0 = 0; u0 < tokens; u0 += 8) {
                float a[4];
                for (int k = 0; k < 4; k++) {
                    const int u = u0 + t + 4 * (k / 2), n = m + r * CHUNK + g + 8 * (k % 2);
                    a[k] = number(in.B, row, u, tokens, from, n, in.N) * left[u];
                }
#pragma unroll
                for (int i = 0; i < EIGHTS; i++) {
                    const float b[2] = {X[(u0 + t) * PITCH + 8 * i + g],
                                        X[(u0 + t + 4) * PITCH + 8 * i + g]};
                    product(S[r][i], a, b);
                }
            }
        }
    }
    if (!lane.to)
        return;
#pragma unroll
    for (int r = 0; r < TILES; r++)
#pragma unroll
        for (int i = 0; i < EIGHTS; i++)
#pragma unroll
            for (int k = 0; k < 4; k++) {
                const int n = m + r * CHUNK + g + 8 * (k / 2), p = col0 + 8 * i + 2 * t + k % 2;
                if (n < in.N && p < in.P)
                    lane.to[at + (size_t)n * (size_t)in.P + (size_t)p] = S[r][i][k];
            }
}

/* A text that is read, and long enough that a chunk is not mostly empty. */
bool gn_cuda_chunked(const gn_cuda *c, const gn_table &t) {
    return !c->exact && c->kind == GN_READ && t.longest >= CHUNK / 4;
}

size_t gn_cuda_ssd_room(const gn_cuda *c, const gn_command &k, const gn_table &t) {
    return gn_cuda_chunked(c, t) ? (size_t)t.chunks * (size_t)k.n * CHUNK * CHUNK * sizeof(float)
                                 : 0;
}

template <int TILES, int COLUMNS>
static void by_columns(gn_cuda *c, const ssd_in &in, int heads, int blocks) {
    GN_LAUNCH((walk<TILES, COLUMNS>), dim3((unsigned)blocks, (unsigned)heads, (unsigned)in.table.n),
              THREADS, c->stream, in);
}

void gn_cuda_do_chunks(gn_cuda *c, const gn_command &k, const gn_table &t) {
    const ssd_in in = gn_cuda_ssd_in(c, k, t);
    const int heads = in.heads;
    GN_LAUNCH(
        couple,
        dim3((unsigned)gn_blocks((size_t)t.longest, CHUNK), (unsigned)in.groups, (unsigned)t.n),
        THREADS, c->stream, in);
    /* Twice the columns are half the reads of B and C, where the blocks are still enough. */
    const int wide = gn_blocks((size_t)in.P, 32), narrow = gn_blocks((size_t)in.P, 16);
    const bool enough = (size_t)wide * (size_t)heads * (size_t)t.n >= ENOUGH;
    if (in.N > 128)
        by_columns<4, 16>(c, in, heads, narrow);
    else if (in.N > 64)
        enough ? by_columns<2, 32>(c, in, heads, wide) : by_columns<2, 16>(c, in, heads, narrow);
    else
        enough ? by_columns<1, 32>(c, in, heads, wide) : by_columns<1, 16>(c, in, heads, narrow);
}
