/* ssd.cuh - what ssd.cu and chunks.cu share: the recurrence's numbers, and how long a step is. */
#ifndef GN_CUDA_SSD_CUH
#define GN_CUDA_SSD_CUH

#include "core/cuda/internal.h"

#include <assert.h>

struct ssd_in {
    gn_m y, x, dt, B, C;
    const float *A, *D, *dt_bias;
    int groups, heads, P, N;
    float least, most;
    size_t at;
    gn_table table;
    float *G; /* of chunks.cu: [chunks of the step, groups, CHUNK, CHUNK]: C·B; where u > t unset */
};

static inline ssd_in gn_cuda_ssd_in(const gn_cuda *c, const gn_command &k, const gn_table &t) {
    ssd_in in;
    in.y = k.m[0];
    in.x = k.m[1];
    in.dt = k.m[2];
    in.B = k.m[3];
    in.C = k.m[4];
    in.A = reinterpret_cast<const float *>(k.w[0].data);
    in.D = reinterpret_cast<const float *>(k.w[1].data);
    in.dt_bias = reinterpret_cast<const float *>(k.w[2].data);
    in.groups = k.n;
    in.heads = in.dt.cols;
    in.P = in.x.cols / in.heads;
    in.N = in.B.cols / in.groups;
    in.least = k.a;
    in.most = k.b;
    in.at = k.at;
    in.table = t;
    in.G = reinterpret_cast<float *>(c->scratch);
    assert(in.N <= GN_CUDA_MOST_STATE && t.n <= 65535);
    return in;
}

/* s = clamp(softplus(dt + dt_bias)) of a row and head. */
GN_FN float ssd_step(const ssd_in &in, int row, int h) {
    const float v = gn_row(in.dt, row)[h] + in.dt_bias[h];
    return fmaxf(in.least, fminf(in.most, v > 20.0f ? v : log1pf(expf(v))));
}

#endif
