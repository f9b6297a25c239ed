/* norm.cu - root mean square norms, a block for each row or part of one that has its own. */
#include "core/cuda/internal.h"
#include "core/cuda/norm.cuh"

#include <string.h>

struct norm_in {
    gn_m y, x;
    gn_m out; /* x += by out first; data NULL: as it is */
    gn_m z;   /* the norm is of x silu(z); data NULL: of x */
    float by;
    const float *gain;
    int width; /* of a part of a row */
    float eps;
    gn_halves halves; /* and y rounded, where rows have one part */
};

/* y may be x. A thread reads again what it alone wrote. */
GN_KERNEL(GN_NORM_THREADS)
rmsnorm(norm_in in) {
    GN_SHARED(float, part, GN_NORM_WARPS);
    GN_SHARED(float, most, GN_NORM_WARPS);
    GN_WAIT();
    const int t = (int)blockIdx.x, first = (int)blockIdx.y * in.width;
    float *x = gn_row(in.x, t) + first, *y = gn_row(in.y, t) + first;
    float sum = 0.0f;
    if (in.out.data || in.z.data) {
        const float *more = gn_row(in.out.data ? in.out : in.z, t) + first;
        float *to = in.out.data ? x : y;
        for (int i = (int)threadIdx.x; i < in.width; i += GN_NORM_THREADS) {
            const float v = in.out.data ? fmaf(in.by, more[i], x[i]) : x[i] * gn_silu(more[i]);
            to[i] = v;
            sum = fmaf(v, v, sum);
        }
        x = to;
    } else {
        sum = gn_squares(x, in.width);
    }
    gn_norm_begin(part, sum);
    GN_SYNC();
    const float by = gn_norm_by(part, in.width, in.eps);
    for (int i = (int)threadIdx.x; i < in.width; i += GN_NORM_THREADS)
        y[i] = in.gain[first + i] * (x[i] * by);
    if (in.halves.to)
        gn_round_row(in.halves, t, y, in.width, most);
}

void gn_cuda_do_norm(gn_cuda *c, const gn_lead &lead, const gn_halves *halves) {
    const gn_command &k = *lead.norm;
    norm_in in;
    memset(static_cast<void *>(&in), 0, sizeof in);
    in.y = k.m[0];
    in.x = k.m[1];
    in.gain = gn_floats(k.w[0]);
    in.eps = k.a;
    in.width = in.x.cols / k.n;
    if (k.code == GN_OP_GATED)
        in.z = k.m[2];
    if (lead.sum) {
        in.out = lead.sum->m[1];
        in.by = lead.sum->a;
    }
    if (halves)
        in.halves = *halves;
    if (in.x.rows)
        GN_LAUNCH(rmsnorm, dim3((unsigned)in.x.rows, (unsigned)k.n), GN_NORM_THREADS, c->stream,
                  in);
}
