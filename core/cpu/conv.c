/* conv.c - the causal depthwise convolution, on threads by lane and channels.
 *
 * Who convolves some channels of a lane also moves their window on, after the
 * last read of it, so that `to` may be `from`. */
#include "core/cpu/formula.h"

#include <string.h>

enum { CHANNELS = 128 }; /* of a part */

typedef struct job {
    const gn_formulas *f;
    gn_mat y, x;
    const float *w, *bias;
    const gn_lanes *lanes;
    size_t at;
    int W, blocks; /* of channels */
} job;

/* The last W-1 rows of x, or of the window before it, as the window after it. */
static void remember(float *to, const gn_taps *t) {
    const size_t bytes = (size_t)t->x.cols * sizeof *to;
    for (int k = 0; k < t->W - 1; k++) { /* ascending: row k is read as k - tokens before */
        const int token = t->x.rows - (t->W - 1) + k;
        float *row = to + (size_t)k * t->row;
        if (token >= 0)
            memcpy(row, gn_row(t->x, token), bytes);
        else if (t->from)
            memmove(row, t->from + (size_t)(token + t->W - 1) * t->row, bytes);
        else
            memset(row, 0, bytes);
    }
}

static gn_mat part_of(gn_mat m, const gn_lane *lane, int first, int cols) {
    return (gn_mat){gn_row(m, lane->first) + first, lane->count, cols, m.stride};
}

static void conv_part(void *arg, int part, int thread) {
    const job *j = arg;
    const gn_lane *lane = &j->lanes->lane[part / j->blocks];
    const int first = part % j->blocks * CHANNELS, left = j->x.cols - first;
    const int cols = left < CHANNELS ? left : CHANNELS;
    const float *from = lane->from.recurrent;
    float *to = lane->to.recurrent;
    (void)thread;
    const gn_taps taps = {.y = part_of(j->y, lane, first, cols),
                          .x = part_of(j->x, lane, first, cols),
                          .w = j->w + (size_t)first * (size_t)j->W,
                          .bias = j->bias ? j->bias + first : NULL,
                          .from = from ? from + j->at + first : NULL,
                          .row = (size_t)j->x.cols,
                          .W = j->W};
    j->f->convolve(&taps);
    if (to)
        remember(to + j->at + first, &taps);
}

void gn_cpu_conv(gn_device *d, gn_mat y, gn_mat x, const gn_weight *w, const gn_weight *bias,
                 const gn_lanes *lanes, size_t at) {
    gn_cpu *c = gn_cpu_of(d);
    assert(w->cols >= 1 && w->cols <= GN_CPU_MAX_CONV);
    job j = {.f = c->formula,
             .y = y,
             .x = x,
             .w = gn_f32(w),
             .bias = gn_f32(bias),
             .lanes = lanes,
             .at = at,
             .W = w->cols,
             .blocks = (x.cols + CHANNELS - 1) / CHANNELS};
    gn_pool_run(c->pool, lanes->n * j.blocks, conv_part, &j);
}
