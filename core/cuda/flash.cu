/* flash.cu - attention of a text that is read, on the tensor cores.
 *
 * A block takes sixty-four queries, tokens with all query heads of a kv head, and walks the rows they
 * see in tiles; a warp has sixteen of them with their scores, weights and means in registers. Keys
 * and values are f16, which TF32 holds whole; queries and weights go in two TF32 parts, so that
 * nothing is lost to the tensor cores. Numbers of a product of 16 x 8 x 8 as in chunks.cu.
 */
#include "core/cuda/attend.cuh"

enum {
    WARPS = 4,
    THREADS = 32 * WARPS,
    ROWS = 16 * WARPS,
};

/* `rows` rows from `row` on of K or V of a kv head, `pitch` apart; past the last seen row zeros. */
GN_FN void load_tile(float *to, int rows, int dims, int pitch, const attend_in &in,
                     const gn_device_lane &lane, int which, int64_t row, int seen, int head) {
    const gn_m own = which ? in.v : in.k;
    for (int i = (int)threadIdx.x; i < rows * dims; i += THREADS) {
        const int r = i / dims, d = i % dims;
        const int64_t at = row + r;
        float v = 0.0f;
        if (r < seen && d < in.dims) {
            const int col = head * in.dims + d;
            if (at < lane.past)
                v = gn_half(reinterpret_cast<const uint16_t *>(
                    lane.from_kv)[cache_at(in, lane.from_capacity, which, at) + (size_t)col]);
            else
                v = rounded(gn_row(own, lane.first + (int)(at - lane.past))[col], 1);
        }
        to[r * pitch + d] = v;
    }
}

/* A number in two TF32 parts. */
struct parts {
    uint32_t high[4], low[4];
};
GN_FN parts parts_of(const float a[4]) {
    parts p;
    for (int i = 0; i < 4; i++) {
        p.high[i] = gn_bits(a[i]) & 0xffffe000u;
        p.low[i] = gn_bits(a[i] - gn_float(p.high[i]));
    }
    return p;
}

/* d += a b, b being whole as TF32. */
GN_FN void product(float d[4], const parts &a, float b0, float b1) {
    const uint32_t b[2] = {gn_bits(b0), gn_bits(b1)};
    GN_MMA_TF32(d, a.low, b);
    GN_MMA_TF32(d, a.high, b);
}

/* Over the four lanes that have a row. */
GN_FN float row_most(float v) {
    v = fmaxf(v, GN_SHFL_XOR(v, 1));
    return fmaxf(v, GN_SHFL_XOR(v, 2));
}
GN_FN float row_sum(float v) {
    v += GN_SHFL_XOR(v, 1);
    return v + GN_SHFL_XOR(v, 2);
}

GN_FN float query(const attend_in &in, const float *from, int d) {
    return d < in.dims ? in.scale * from[d] : 0.0f;
}

/* KEYS: rows of a tile. */
template <int DIMS, int KEYS> GN_KERNEL_ROOMY(THREADS) flash(attend_in in) {
    constexpr int PITCH = DIMS + 4;
    constexpr bool KEEP = DIMS <= 64; /* queries in registers; or they are read for each tile */
    GN_SHARED(float, K, KEYS *PITCH);
    GN_SHARED(float, V, KEYS *PITCH);
    GN_WAIT();
    const int tid = (int)threadIdx.x, g = tid % 32 / 4, t = tid % 4, m = tid / 32 * 16;
    const int groups = in.share / in.per, head = (int)blockIdx.y / groups;
    const int leader = (int)blockIdx.y * in.per; /* the block's first query head */
    const gn_device_lane lane = in.table.lane[blockIdx.z];
    const int first = (int)blockIdx.x * in.tokens; /* token of the lane */
    if (first >= lane.count)
        return;
    const int tokens = lane.count - first < in.tokens ? lane.count - first : in.tokens;
    const int rows = tokens * in.per;
    const int64_t end = lane.past + first + tokens; /* rows the last token sees */
    const int last = (m + 15 < rows ? m + 15 : rows - 1) / in.per;
    const int64_t warp_end = m < rows ? lane.past + first + last + 1 : 0;

    keep(in, lane, first, tokens);
    float q[KEEP ? DIMS / 8 : 1][4], mean[DIMS / 8][4], most[2], sum[2];
    int64_t limit[2];     /* the last row that rows g and g + 8 see */
    const float *from[2]; /* and where their queries are */
    for (int half = 0; half < 2; half++) {
        const int r = m + g + 8 * half, at = r < rows ? r : 0;
        limit[half] = r < rows ? lane.past + first + r / in.per : -1;
        from[half] =
            gn_row(in.q, lane.first + first + at / in.per) + (leader + at % in.per) * in.dims;
        most[half] = -INFINITY;
        sum[half] = 0.0f;
    }
#pragma unroll
    for (int i = 0; i < DIMS / 8; i++)
#pragma unroll
        for (int k = 0; k < 4; k++) {
            mean[i][k] = 0.0f;
            if (KEEP)
                q[KEEP ? i : 0][k] = query(in, from[k % 2], 8 * i + t + 4 * (k / 2));
        }

    for (int64_t key = 0; key < end; key += KEYS) {
        const int seen = end - key < KEYS ? (int)(end - key) : (int)KEYS;
        GN_SYNC();
        load_tile(K, KEYS, DIMS, PITCH, in, lane, 0, key, seen, head);
        load_tile(V, KEYS, DIMS, PITCH, in, lane, 1, key, seen, head);
        GN_SYNC();
        if (key >= warp_end)
            continue;
        float s[KEYS / 8][4];
#pragma unroll
        for (int j = 0; j < KEYS / 8; j++)
            for (int k = 0; k < 4; k++)
                s[j][k] = 0.0f;
#pragma unroll KEEP ? DIMS / 8 : 2
        for (int i = 0; i < DIMS / 8; i++) {
            if (!KEEP)
                for (int k = 0; k < 4; k++)
                    q[0][k] = query(in, from[k % 2], 8 * i + t + 4 * (k / 2));
            const parts a = parts_of(q[KEEP ? i : 0]);
#pragma unroll
            for (int j = 0; j < KEYS / 8; j++) {
                const float *at = K + (8 * j + g) * PITCH + 8 * i + t;
                product(s[j], a, at[0], at[4]);
            }
        }
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float top = -INFINITY, total = 0.0f;
#pragma unroll
            for (int j = 0; j < KEYS / 8; j++)
                for (int k = 2 * half; k < 2 * half + 2; k++) {
                    if (key + 8 * j + 2 * t + k % 2 > limit[half])
                        s[j][k] = -INFINITY;
                    top = fmaxf(top, s[j][k]);
                }
            top = row_most(top);
            const float both = fmaxf(most[half], top);
            const float by = most[half] == -INFINITY ? 0.0f : expf(most[half] - both);
#pragma unroll
            for (int j = 0; j < KEYS / 8; j++)
                for (int k = 2 * half; k < 2 * half + 2; k++) {
                    s[j][k] = s[j][k] == -INFINITY ? 0.0f : expf(s[j][k] - both);
                    total += s[j][k];
                }
            most[half] = both;
            sum[half] = fmaf(by, sum[half], row_sum(total));
#pragma unroll
            for (int i = 0; i < DIMS / 8; i++)
                for (int k = 2 * half; k < 2 * half + 2; k++)
                    mean[i][k] *= by;
        }
        /* What is summed over has no order: numbers 2 t and 2 t + 1, which this thread has of its
         * scores, stand for t and t + 4. */
#pragma unroll
        for (int j = 0; j < KEYS / 8; j++) {
            const float weight[4] = {s[j][0], s[j][2], s[j][1], s[j][3]};
            const parts a = parts_of(weight);
#pragma unroll
            for (int i = 0; i < DIMS / 8; i++) {
                const float *at = V + (8 * j + 2 * t) * PITCH + 8 * i + g;
                product(mean[i], a, at[0], at[PITCH]);
            }
        }
    }
#pragma unroll
    for (int i = 0; i < DIMS / 8; i++)
#pragma unroll
        for (int k = 0; k < 4; k++) {
            const int r = m + g + 8 * (k / 2), d = 8 * i + 2 * t + k % 2;
            if (r < rows && d < in.dims)
                gn_row(in.y, lane.first + first + r / in.per)[(leader + r % in.per) * in.dims + d] =
                    mean[i][k] / sum[k / 2];
        }
}

void gn_cuda_flash(gn_cuda *c, attend_in in) {
    gn_cuda_pack(&in, ROWS);
    const dim3 grid((unsigned)gn_blocks((size_t)in.table.longest, in.tokens),
                    (unsigned)(in.heads * in.share / in.per), (unsigned)in.table.n);
    if (in.dims <= 64)
        GN_LAUNCH((flash<64, 32>), grid, THREADS, c->stream, in);
    else if (in.dims <= 128)
        GN_LAUNCH((flash<128, 32>), grid, THREADS, c->stream, in);
    else
        GN_LAUNCH((flash<256, 16>), grid, THREADS, c->stream, in);
}
