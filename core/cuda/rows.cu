/* rows.cu - what is done number by number, and rows picked out of others. */
#include "core/cuda/internal.h"

enum { THREADS = 256, MOST_ROWS = 32768 };

/* Threads (x: column, y: row) over a matrix, whatever its size. */
#define EACH(m, t, i)                                                                              \
    for (int t = (int)blockIdx.y; t < (m).rows; t += (int)gridDim.y)                               \
        for (int i = (int)(blockIdx.x * blockDim.x + threadIdx.x); i < (m).cols;                   \
             i += (int)(gridDim.x * blockDim.x))

static dim3 grid_of(const gn_m &m) {
    return dim3((unsigned)gn_blocks((size_t)m.cols, THREADS),
                (unsigned)(m.rows < MOST_ROWS ? m.rows : MOST_ROWS));
}

static bool empty(const gn_m &m) { return m.rows == 0 || m.cols == 0; }

GN_KERNEL(THREADS) axpy(gn_m y, float a, gn_m x) {
    GN_WAIT();
    EACH(y, t, i)
    gn_row(y, t)[i] = fmaf(a, gn_row(x, t)[i], gn_row(y, t)[i]);
}

GN_KERNEL(THREADS) scale(gn_m y, float a) {
    GN_WAIT();
    EACH(y, t, i)
    gn_row(y, t)[i] *= a;
}

GN_KERNEL(THREADS) swiglu(gn_m y, gn_m gate, gn_m up) {
    GN_WAIT();
    EACH(y, t, i)
    gn_row(y, t)[i] = gn_silu(gn_row(gate, t)[i]) * gn_row(up, t)[i];
}

GN_KERNEL(THREADS) gather(gn_m y, gn_m x, const int32_t *row) {
    GN_WAIT();
    EACH(y, t, i)
    gn_row(y, t)[i] = gn_row(x, row[t])[i];
}

/* A thread turns one pair of one head. */
GN_KERNEL(THREADS)
rope(gn_m x, int head_dim, const float *frequency, int half, gn_table table) {
    GN_WAIT();
    const int pairs = x.cols / head_dim * half;
    for (int t = (int)blockIdx.y; t < x.rows; t += (int)gridDim.y) {
        const int owner = table.lane_of[t];
        if (owner < 0)
            continue;
        const gn_device_lane &lane = table.lane[owner];
        const float position = (float)(lane.past + t - lane.first);
        for (int p = (int)(blockIdx.x * blockDim.x + threadIdx.x); p < pairs;
             p += (int)(gridDim.x * blockDim.x)) {
            const int i = p % half;
            float *v = gn_row(x, t) + p / half * head_dim + i;
            const float angle = position * frequency[i], c = cosf(angle), s = sinf(angle);
            const float a = v[0], b = v[half];
            v[0] = a * c - b * s;
            v[half] = b * c + a * s;
        }
    }
}

void gn_cuda_do_axpy(gn_cuda *c, const gn_command &k) {
    const gn_m y = k.m[0], x = k.m[1];
    const float a = k.a;
    if (!empty(y))
        GN_LAUNCH(axpy, grid_of(y), THREADS, c->stream, y, a, x);
}

void gn_cuda_do_scale(gn_cuda *c, const gn_command &k) {
    const gn_m y = k.m[0];
    const float a = k.a;
    if (!empty(y))
        GN_LAUNCH(scale, grid_of(y), THREADS, c->stream, y, a);
}

void gn_cuda_swiglu_rows(gn_cuda *c, gn_m y, gn_m gate, gn_m up) {
    if (!empty(y))
        GN_LAUNCH(swiglu, grid_of(y), THREADS, c->stream, y, gate, up);
}

void gn_cuda_do_swiglu(gn_cuda *c, const gn_command &k) {
    gn_cuda_swiglu_rows(c, k.m[0], k.m[1], k.m[2]);
}

void gn_cuda_do_gather(gn_cuda *c, const gn_command &k, const int32_t *row) {
    const gn_m y = k.m[0], x = k.m[1];
    if (!empty(y))
        GN_LAUNCH(gather, grid_of(y), THREADS, c->stream, y, x, row);
}

void gn_cuda_do_rope(gn_cuda *c, const gn_command &k, const gn_table &t) {
    const gn_m x = k.m[0];
    const float *frequency = gn_floats(k.w[0]);
    const int head_dim = k.n, half = k.w[0].cols;
    const gn_table table = t;
    const int pairs = x.cols / head_dim * half;
    const dim3 grid((unsigned)gn_blocks((size_t)pairs, THREADS),
                    (unsigned)(x.rows < MOST_ROWS ? x.rows : MOST_ROWS));
    if (!empty(x) && pairs)
        GN_LAUNCH(rope, grid, THREADS, c->stream, x, head_dim, frequency, half, table);
}
