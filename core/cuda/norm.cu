/* norm.cu - root mean square norms, a block for each row or part of one that has its own. */
#include "core/cuda/internal.h"

enum { THREADS = 256 };

/* The sum over a block, to every thread. */
GN_FN float block_sum(float v, float *part) {
    v = gn_warp_sum(v);
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = v;
    GN_SYNC();
    float all = 0.0f;
    for (int k = 0; k < THREADS / 32; k++)
        all += part[k];
    return all;
}

GN_KERNEL(THREADS)
rmsnorm(gn_m y, gn_m x, const float *gain, float eps) {
    GN_SHARED(float, part, THREADS / 32);
    const float *in = gn_row(x, (int)blockIdx.x);
    float *out = gn_row(y, (int)blockIdx.x);
    float sum = 0.0f;
    for (int i = (int)threadIdx.x; i < x.cols; i += THREADS)
        sum = fmaf(in[i], in[i], sum);
    const float by = 1.0f / sqrtf(block_sum(sum, part) / (float)x.cols + eps);
    for (int i = (int)threadIdx.x; i < x.cols; i += THREADS)
        out[i] = gain[i] * (in[i] * by);
}

/* x += a out; y is x's norm. A thread reads again what it alone wrote. */
GN_KERNEL(THREADS)
axpy_rmsnorm(gn_m y, gn_m x, float a, gn_m out, const float *gain, float eps) {
    GN_SHARED(float, part, THREADS / 32);
    const float *more = gn_row(out, (int)blockIdx.x);
    float *to = gn_row(y, (int)blockIdx.x), *in = gn_row(x, (int)blockIdx.x);
    float sum = 0.0f;
    for (int i = (int)threadIdx.x; i < x.cols; i += THREADS) {
        const float v = fmaf(a, more[i], in[i]);
        in[i] = v;
        sum = fmaf(v, v, sum);
    }
    const float by = 1.0f / sqrtf(block_sum(sum, part) / (float)x.cols + eps);
    for (int i = (int)threadIdx.x; i < x.cols; i += THREADS)
        to[i] = gain[i] * (in[i] * by);
}

/* y may be x: a thread reads again what it alone wrote. */
GN_KERNEL(THREADS)
gated(gn_m y, gn_m x, gn_m z, const float *gain, int width, float eps) {
    GN_SHARED(float, part, THREADS / 32);
    const int first = (int)blockIdx.y * width;
    const float *in = gn_row(x, (int)blockIdx.x) + first,
                *gate = gn_row(z, (int)blockIdx.x) + first;
    float *out = gn_row(y, (int)blockIdx.x) + first;
    float sum = 0.0f;
    for (int i = (int)threadIdx.x; i < width; i += THREADS) {
        const float v = in[i] * gn_silu(gate[i]);
        out[i] = v;
        sum = fmaf(v, v, sum);
    }
    const float by = 1.0f / sqrtf(block_sum(sum, part) / (float)width + eps);
    for (int i = (int)threadIdx.x; i < width; i += THREADS)
        out[i] = gain[first + i] * (out[i] * by);
}

void gn_cuda_do_rmsnorm(gn_cuda *c, const gn_command &k) {
    const gn_m y = k.m[0], x = k.m[1];
    const float *gain = reinterpret_cast<const float *>(k.w[0].data);
    const float eps = k.a;
    if (x.rows)
        GN_LAUNCH(rmsnorm, dim3((unsigned)x.rows), THREADS, c->stream, y, x, gain, eps);
}

void gn_cuda_do_axpy_rmsnorm(gn_cuda *c, const gn_command &axpy, const gn_command &norm) {
    const gn_m y = norm.m[0], x = norm.m[1], out = axpy.m[1];
    const float *gain = reinterpret_cast<const float *>(norm.w[0].data);
    const float a = axpy.a, eps = norm.a;
    GN_LAUNCH(axpy_rmsnorm, dim3((unsigned)x.rows), THREADS, c->stream, y, x, a, out, gain, eps);
}

void gn_cuda_do_gated(gn_cuda *c, const gn_command &k) {
    const gn_m y = k.m[0], x = k.m[1], z = k.m[2];
    const float *gain = reinterpret_cast<const float *>(k.w[0].data);
    const float eps = k.a;
    const int width = x.cols / k.n;
    if (x.rows)
        GN_LAUNCH(gated, dim3((unsigned)x.rows, (unsigned)k.n), THREADS, c->stream, y, x, z, gain,
                  width, eps);
}
