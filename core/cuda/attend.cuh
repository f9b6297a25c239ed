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

/* A block has `rows` queries: as many of the heads that share a kv head as go in evenly, and as many
 * tokens as there is room for. */
static inline void gn_cuda_pack(attend_in *in, int rows) {
    in->per = in->share < rows ? in->share : rows;
    while (in->share % in->per)
        in->per--;
    in->tokens = rows / in->per;
}

/* Attention of a text that is read, without leaving kv in the cache. */
void gn_cuda_flash(gn_cuda *c, attend_in in);

#endif
