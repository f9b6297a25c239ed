/* conv.cu - the causal depthwise convolution: a thread for each channel of a row, and then, when
 * nobody reads the old windows any more, one for each channel of a lane that moves them on. Where
 * every lane is one row they are the same thread, as a rule of the product before (epilogue.cuh). */
#include "core/cuda/epilogue.cuh"
#include "core/cuda/internal.h"

#include <assert.h>

enum { THREADS = 128, MOST_ROWS = 32768, MOST_TAPS = 16 };

GN_KERNEL(THREADS)
convolve(gn_convolution v, gn_m x, int single) {
    GN_WAIT();
    const int c = (int)(blockIdx.x * THREADS + threadIdx.x), W = v.W;
    if (c >= x.cols)
        return;
    const float *tap = v.w + (size_t)c * (size_t)v.row;
    for (int t = (int)blockIdx.y; t < x.rows; t += (int)gridDim.y) {
        const int owner = v.table.lane_of[t];
        if (single)
            gn_convolve(v, t, c, gn_row(x, t)[c]);
        if (single || owner < 0)
            continue;
        const gn_device_lane &lane = v.table.lane[owner];
        const int in = t - lane.first; /* rows of the lane before this one */
        const float *window = lane.from ? lane.from + v.at + c : NULL;
        float sum = v.bias ? v.bias[c] : 0.0f;
        for (int k = 0; k < W; k++) {
            const int back = W - 1 - k;
            float now = 0.0f;
            if (back <= in)
                now = gn_row(x, t - back)[c];
            else if (window)
                now = window[(size_t)(in + k) * (size_t)x.cols];
            sum = fmaf(tap[k], now, sum);
        }
        gn_row(v.y, t)[c] = gn_silu(sum);
    }
}

/* Rows ascending: where `to` is `from`, a row is read before it is written. */
GN_KERNEL(THREADS)
remember(gn_m x, int W, size_t at, gn_table table) {
    GN_WAIT();
    const int c = (int)(blockIdx.x * THREADS + threadIdx.x);
    const gn_device_lane &lane = table.lane[blockIdx.y];
    if (c >= x.cols || !lane.to)
        return;
    const float *from = lane.from ? lane.from + at + c : NULL;
    float *to = lane.to + at + c;
    for (int k = 0; k < W - 1; k++) {
        const int row = lane.count - (W - 1) + k;
        float v = 0.0f;
        if (row >= 0)
            v = gn_row(x, lane.first + row)[c];
        else if (from)
            v = from[(size_t)(row + W - 1) * (size_t)x.cols];
        to[(size_t)k * (size_t)x.cols] = v;
    }
}

void gn_cuda_do_conv(gn_cuda *c, const gn_command &k, const gn_table &t) {
    const gn_m x = k.m[1];
    const gn_convolution v = gn_cuda_conv_of(k, t);
    const int single = gn_single(t);
    const unsigned across = (unsigned)gn_blocks((size_t)x.cols, THREADS);
    assert(v.W >= 1 && v.W <= MOST_TAPS && t.n <= MOST_ROWS);
    if (x.rows)
        GN_LAUNCH(convolve, dim3(across, (unsigned)(x.rows < MOST_ROWS ? x.rows : MOST_ROWS)),
                  THREADS, c->stream, v, x, single);
    if (t.n && !single)
        GN_LAUNCH(remember, dim3(across, (unsigned)t.n), THREADS, c->stream, x, v.W, v.at, v.table);
}
