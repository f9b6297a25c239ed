/* attend.cuh - what attend.cu and flash.cu share: where queries, keys and values lie. */
#ifndef GN_CUDA_ATTEND_CUH
#define GN_CUDA_ATTEND_CUH

#include "core/cuda/internal.h"

struct attend_in {
    gn_m y, q, k, v;
    int dims, share, heads; /* head_dim; query heads to a kv head; kv heads */
    int per, tokens;        /* query heads and tokens of a block */
    float scale;
    int half; /* whether the cache holds f16 */
    size_t nth;
    gn_table table;
    float *part; /* [T, Hq, splits, dims + 2] */
    int splits;
};

GN_FN float rounded(float v, int half) { return half ? gn_half(gn_to_half(v)) : v; }

GN_FN size_t cache_at(const attend_in &in, int64_t capacity, int which, int64_t row) {
    const size_t width = (size_t)in.heads * (size_t)in.dims;
    return ((2 * in.nth + (size_t)which) * (size_t)capacity + (size_t)row) * width;
}

/* Tokens [first, first + tokens) of the lane into the cache it keeps, by the first of the blocks that
 * have them and share a kv head. Nobody reads them there in this step. */
GN_FN void keep(const attend_in &in, const gn_device_lane &lane, int first, int tokens) {
    const int leader = (int)blockIdx.y * in.per, head = leader / in.share;
    if (!lane.to_kv || leader % in.share)
        return;
    for (int i = (int)threadIdx.x; i < 2 * tokens * in.dims; i += (int)blockDim.x) {
        const int which = i / (tokens * in.dims), t = i / in.dims % tokens;
        const int col = head * in.dims + i % in.dims;
        const float v = gn_row(which ? in.v : in.k, lane.first + first + t)[col];
        const size_t to =
            cache_at(in, lane.to_capacity, which, lane.past + first + t) + (size_t)col;
        if (in.half)
            reinterpret_cast<uint16_t *>(lane.to_kv)[to] = gn_to_half(v);
        else
            reinterpret_cast<float *>(lane.to_kv)[to] = v;
    }
}

/* A block has `rows` queries: as many of the heads that share a kv head as go in evenly, and as many
 * tokens as there is room for. */
static inline void gn_cuda_pack(attend_in *in, int rows) {
    in->per = in->share < rows ? in->share : rows;
    while (in->share % in->per)
        in->per--;
    in->tokens = rows / in->per;
}

/* Attention of a text that is read. */
void gn_cuda_flash(gn_cuda *c, attend_in in);

#endif
