/* conv.cu - the causal depthwise convolution: a thread for each channel of a row, and then, when
 * nobody reads the old windows any more, one for each channel of a lane that moves them on. Where
 * every lane is one row they are the same thread. */
#include "core/cuda/internal.h"

#include <assert.h>

enum { THREADS = 128, MOST_ROWS = 32768, MOST_TAPS = 16 };

GN_KERNEL(THREADS)
convolve(gn_m y, gn_m x, gn_w w, const float *bias, size_t at, gn_table table, int single) {
    const int c = (int)(blockIdx.x * THREADS + threadIdx.x);
    if (c >= x.cols)
        return;
    const int W = w.cols;
    const float *tap = reinterpret_cast<const float *>(w.data + (size_t)c * w.row);
    for (int t = (int)blockIdx.y; t < x.rows; t += (int)gridDim.y) {
        const int owner = table.lane_of[t];
        if (owner < 0)
            continue;
        const gn_device_lane &lane = table.lane[owner];
        const int in = t - lane.first; /* rows of the lane before this one */
        const float *window = lane.from ? lane.from + at + c : NULL;
        float *left = single && lane.to ? lane.to + at + c : NULL;
        float sum = bias ? bias[c] : 0.0f;
        for (int k = 0; k < W; k++) {
            const int back = W - 1 - k;
            float v = 0.0f;
            if (back <= in)
                v = gn_row(x, t - back)[c];
            else if (window)
                v = window[(size_t)(in + k) * (size_t)x.cols];
            sum = fmaf(tap[k], v, sum);
            if (left && k > 0) /* row k - 1 was read before, should `to` be `from` */
                left[(size_t)(k - 1) * (size_t)x.cols] = v;
        }
        gn_row(y, t)[c] = gn_silu(sum);
    }
}

/* Rows ascending: where `to` is `from`, a row is read before it is written. */
GN_KERNEL(THREADS)
remember(gn_m x, int W, size_t at, gn_table table) {
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
    const gn_m y = k.m[0], x = k.m[1];
    const gn_w w = k.w[0];
    const float *bias = reinterpret_cast<const float *>(k.w[1].data);
    const int W = w.cols;
    const size_t at = k.at;
    const gn_table table = t;
    const int single = t.longest == 1 && t.shortest == 1;
    const unsigned across = (unsigned)gn_blocks((size_t)x.cols, THREADS);
    assert(W >= 1 && W <= MOST_TAPS && table.n <= MOST_ROWS);
    if (x.rows)
        GN_LAUNCH(convolve, dim3(across, (unsigned)(x.rows < MOST_ROWS ? x.rows : MOST_ROWS)),
                  THREADS, c->stream, y, x, w, bias, at, table, single);
    if (table.n && !single)
        GN_LAUNCH(remember, dim3(across, (unsigned)table.n), THREADS, c->stream, x, W, at, table);
}
