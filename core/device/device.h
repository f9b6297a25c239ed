/* device.h - what the model asks of a machine.
 *
 * A device is a memory and a table of operations at the grain of the paper's
 * formulas. core/cpu and core/cuda each fill in one table; core/model calls
 * nothing else. There is no graph: an op is enqueued when it is called, and
 * ops take effect in call order. Only gn_read() waits.
 *
 * Ops do not fail. Shapes are the model's business and are asserted here, in
 * one place for every device; memory is planned before the first op; a device
 * fault is remembered and comes back from the next gn_read(). So the forward
 * pass has no error path.
 *
 * Shape letters are those of core/README.md. Matrices are row-major.
 */
#ifndef GN_DEVICE_DEVICE_H
#define GN_DEVICE_DEVICE_H

#include "core/base/error.h"
#include "core/base/token.h"
#include "core/num/format.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gn_device gn_device;

/* A rectangle of activations in device memory. Borrowed; passed by value. */
typedef struct gn_mat {
    float *data;
    int rows, cols;
    int stride; /* elements from one row to the next */
} gn_mat;

/* A weight: n matrices [rows, cols] in one number format. From a file, data is
 * the file's own bytes, row after row; matrix i begins `step` bytes after
 * matrix i-1. Placed on a device, data and place are the device's business. */
typedef struct gn_weight {
    const void *data; /* NULL: there is none (an optional bias) */
    int format;       /* gn_format */
    int n, rows, cols;
    size_t step;
    int layout; /* how the device keeps it; 0 in a file */
} gn_weight;

/* A sequence's memory (core/model/state.h). An op is told where in the two
 * blocks its layer's part begins, so one table of lanes serves a whole step. */
typedef struct gn_memory {
    float *recurrent;
    void *kv;         /* f32 or f16, gn_device.kv_format */
    int64_t capacity; /* tokens kv has room for */
} gn_memory;

/* One sequence's share of a packed step: rows [first, first + count) of the
 * batch carry on a sequence that has consumed `past` tokens. What it remembers
 * is read from one memory and left in another: the same one to go on, a second
 * to fork on the way, none (NULL blocks) to keep nothing. `from` is NULL when
 * past is 0. Only `to` is written, and no two lanes share one. */
typedef struct gn_lane {
    int first, count;
    int64_t past; /* tokens */
    gn_memory from, to;
} gn_lane;

typedef struct gn_lanes {
    int n;
    const gn_lane *lane; /* [n] */
} gn_lanes;

/* One product that shares its input with others: y = x Wᵀ (+ bias). */
typedef struct gn_product {
    gn_mat y;              /* [T, O] */
    const gn_weight *w;    /* [O, I] */
    const gn_weight *bias; /* [O] f32; NULL or data NULL: none */
} gn_product;

typedef struct gn_ssd_in {
    gn_mat x;    /* [T, Hm*P] */
    gn_mat dt;   /* [T, Hm]   */
    gn_mat B, C; /* [T, G*N]  */
} gn_ssd_in;

typedef struct gn_ssd_params {
    gn_weight A, D, dt_bias; /* [Hm] each, f32; A = -exp(A_log) */
    int groups;              /* G */
    float dt_min, dt_max;    /* clamp of the step, after softplus */
} gn_ssd_params;

typedef struct gn_experts_weights {
    gn_weight gate, up; /* [E] of [F, D] */
    gn_weight down;     /* [E] of [D, F] */
} gn_experts_weights;

typedef struct gn_ops {
    void (*close)(gn_device *d);
    void *(*alloc)(gn_device *d, size_t bytes); /* zeroed; NULL if there is none */
    void (*free)(gn_device *d, void *memory);
    void (*write)(gn_device *d, void *to, const void *from, size_t bytes); /* host to device */
    void (*copy)(gn_device *d, void *to, const void *from, size_t bytes);  /* within it */
    bool (*read)(gn_device *d, void *to, const void *from, size_t bytes, gn_error *e);
    bool (*place)(gn_device *d, gn_weight *w, bool keep, gn_error *e);
    bool (*settle)(gn_device *d);                                               /* may be NULL */
    void (*step_begin)(gn_device *d, gn_step_kind kind, const gn_lanes *lanes); /* may be NULL */
    void (*step_end)(gn_device *d);                                             /* may be NULL */

    void (*embed)(gn_device *d, gn_mat x, const gn_weight *table, const int32_t *token,
                  float scale);
    void (*linear)(gn_device *d, gn_mat x, const gn_product *p, int n);
    void (*rmsnorm)(gn_device *d, gn_mat y, gn_mat x, const gn_weight *gain, float eps);
    void (*gated_rmsnorm)(gn_device *d, gn_mat y, gn_mat x, gn_mat z, const gn_weight *gain,
                          int groups, float eps);
    void (*axpy)(gn_device *d, gn_mat y, float a, gn_mat x);
    void (*scale)(gn_device *d, gn_mat y, float a);
    void (*swiglu)(gn_device *d, gn_mat y, gn_mat gate, gn_mat up);
    void (*rope)(gn_device *d, gn_mat x, int head_dim, const gn_weight *frequency,
                 const gn_lanes *lanes);
    void (*conv)(gn_device *d, gn_mat y, gn_mat x, const gn_weight *w, const gn_weight *bias,
                 const gn_lanes *lanes, size_t at);
    void (*ssd)(gn_device *d, gn_mat y, const gn_ssd_in *in, const gn_ssd_params *p,
                const gn_lanes *lanes, size_t at);
    void (*attend)(gn_device *d, gn_mat y, gn_mat q, gn_mat k, gn_mat v, int head_dim, float scale,
                   const gn_lanes *lanes, int nth);
    void (*route)(gn_device *d, gn_mat gate, int32_t *expert, gn_mat logits);
    void (*experts)(gn_device *d, gn_mat y, gn_mat x, const gn_experts_weights *w, gn_mat gate,
                    const int32_t *expert);
    void (*gather)(gn_device *d, gn_mat y, gn_mat x, const int32_t *row);
    bool (*logprobs)(gn_device *d, gn_logprob *out, gn_top *top, int k, gn_mat logits,
                     const int32_t *want, gn_error *e);
} gn_ops;

struct gn_device {
    const gn_ops *op;
    const char *name;   /* "cpu", "cuda" */
    bool host;          /* its memory is the host's and may be read in place between steps */
    int kv_format;      /* GN_F32 or GN_F16: elements of gn_memory.kv */
    char numerics[64];  /* what can change a logit: "fast/cpu/avx2/2/f32/f16" */
    char describe[128]; /* for people: "AMD EPYC, 2 threads, avx2" */
};

static inline void gn_device_close(gn_device *d) {
    if (d)
        d->op->close(d);
}

static inline gn_mat gn_cols(gn_mat m, int first, int cols) {
    assert(first >= 0 && cols >= 0 && first + cols <= m.cols);
    return (gn_mat){m.data + first, m.rows, cols, m.stride};
}

/* Take a weight that lies in a file's bytes and keep it as this device's
 * kernels like it; *w is changed to name what is kept. keep: the file's bytes
 * stay mapped and readable as long as the device, so it may go on using them;
 * otherwise it copies. What is placed is freed when the device is closed. False
 * when there is no memory. */
static inline bool gn_place(gn_device *d, gn_weight *w, bool keep, gn_error *e) {
    assert(w->data && w->rows > 0 && w->cols > 0 && w->n > 0);
    return d->op->place(d, w, keep, e);
}

/* A piece, of some milliseconds, of the work that placing left for the first steps; changes no bit.
 * Not within a step. False: nothing is left. */
static inline bool gn_settle(gn_device *d) { return d->op->settle && d->op->settle(d); }

/* Every op between the two belongs to one step of one kind. */
static inline void gn_step_begin(gn_device *d, gn_step_kind kind, const gn_lanes *lanes) {
    if (d->op->step_begin)
        d->op->step_begin(d, kind, lanes);
}
static inline void gn_step_end(gn_device *d) {
    if (d->op->step_end)
        d->op->step_end(d);
}

/* x[t] = scale * table[token[t]]                                x [T, D], table [V, D] */
static inline void gn_embed(gn_device *d, gn_mat x, const gn_weight *table, const int32_t *token,
                            float scale) {
    assert(x.cols == table->cols);
    d->op->embed(d, x, table, token, scale);
}

/* For each product, y = x Wᵀ + bias                           y [T, O], x [T, I], w [O, I] */
static inline void gn_linear(gn_device *d, gn_mat x, const gn_product *p, int n) {
    for (int i = 0; i < n; i++)
        assert(p[i].y.rows == x.rows && p[i].y.cols == p[i].w->rows && x.cols == p[i].w->cols);
    d->op->linear(d, x, p, n);
}

/* y = gain * x / sqrt(mean(x²) + eps), row by row               x, y [T, D], gain [D] */
static inline void gn_rmsnorm(gn_device *d, gn_mat y, gn_mat x, const gn_weight *gain, float eps) {
    assert(y.rows == x.rows && y.cols == x.cols && gain->cols == x.cols);
    d->op->rmsnorm(d, y, x, gain, eps);
}

/* y = rmsnorm(x * silu(z)), each of the `groups` equal parts of a row on its own
 *                                                               x, y, z [T, I], gain [I] */
static inline void gn_gated_rmsnorm(gn_device *d, gn_mat y, gn_mat x, gn_mat z,
                                    const gn_weight *gain, int groups, float eps) {
    assert(x.cols == z.cols && y.cols == x.cols && gain->cols == x.cols && x.cols % groups == 0);
    d->op->gated_rmsnorm(d, y, x, z, gain, groups, eps);
}

/* y += a x                                                      x, y [T, D] */
static inline void gn_axpy(gn_device *d, gn_mat y, float a, gn_mat x) {
    assert(y.rows == x.rows && y.cols == x.cols);
    d->op->axpy(d, y, a, x);
}

/* y = a y */
static inline void gn_scale(gn_device *d, gn_mat y, float a) { d->op->scale(d, y, a); }

/* y = silu(gate) * up                                           y, gate, up [T, F] */
static inline void gn_swiglu(gn_device *d, gn_mat y, gn_mat gate, gn_mat up) {
    assert(gate.cols == y.cols && up.cols == y.cols && gate.rows == y.rows && up.rows == y.rows);
    d->op->swiglu(d, y, gate, up);
}

/* Rotary embedding in place, half-split ("NeoX") layout, on the first 2*Rh dims of
 * each head, Rh = frequency.cols: with angle = position * frequency[i] (f32),
 *   x'[i] = x[i] cos - x[i+Rh] sin,   x'[i+Rh] = x[i+Rh] cos + x[i] sin
 * position = lane.past + t - lane.first.              x [T, H*Dh], frequency [Rh] f32 */
static inline void gn_rope(gn_device *d, gn_mat x, int head_dim, const gn_weight *frequency,
                           const gn_lanes *lanes) {
    assert(x.cols % head_dim == 0 && 2 * frequency->cols <= head_dim);
    d->op->rope(d, x, head_dim, frequency, lanes);
}

/* Causal depthwise convolution down each lane, then silu:
 *   y[t,c] = silu(bias[c] + sum_k w[c,k] x[t-W+1+k, c])
 * recurrent + at holds the sequence's last W-1 rows of x, [W-1, C]: read in
 * lane.from for the rows before the lane, the lane's own last ones left in lane.to.
 *                                         x, y [T, C] apart from one another, w [C, W] f32 */
static inline void gn_conv(gn_device *d, gn_mat y, gn_mat x, const gn_weight *w,
                           const gn_weight *bias, const gn_lanes *lanes, size_t at) {
    assert(y.cols == x.cols && w->rows == x.cols && (!bias->data || bias->cols == x.cols));
    d->op->conv(d, y, x, w, bias, lanes, at);
}

/* The Mamba-2 state-space recurrence down each lane, head by head:
 *   s = clamp(softplus(dt + dt_bias), dt_min, dt_max)
 *   S = exp(s A) S + s B xᵀ                  S [N, P], x [P], B [N]
 *   y = Sᵀ C + D x                           y [P], C [N]
 * Head h reads group h*G/Hm of B and C. recurrent + at holds S for every head,
 * [Hm, N, P], f32 on every device: begun from lane.from's, left in lane.to.
 * Dao & Gu 2024, arXiv:2405.21060; steps as selective_state_update_ref() in state-spaces/mamba. */
static inline void gn_ssd(gn_device *d, gn_mat y, const gn_ssd_in *in, const gn_ssd_params *p,
                          const gn_lanes *lanes, size_t at) {
    assert(y.cols == in->x.cols && in->x.cols % in->dt.cols == 0);
    assert(in->B.cols == in->C.cols && in->B.cols % p->groups == 0 && p->A.cols == in->dt.cols);
    d->op->ssd(d, y, in, p, lanes, at);
}

/* Per query head, over the rows lane.from holds and then the lane's own,
 *   y[t] = softmax_u(scale q[t]·k[u], u <= t) v[u]
 * and lane.to left holding them all. The nth cache of kv is [2, capacity, Hk*Dh]
 * in kv_format. A row is rounded to kv_format before anyone reads it, the lane
 * itself too, so that where a text is cut changes nothing.
 *                                                   q, y [T, Hq*Dh]; k, v [T, Hk*Dh] */
static inline void gn_attend(gn_device *d, gn_mat y, gn_mat q, gn_mat k, gn_mat v, int head_dim,
                             float scale, const gn_lanes *lanes, int nth) {
    assert(y.cols == q.cols && k.cols == v.cols && q.cols % k.cols == 0 && k.cols % head_dim == 0);
    d->op->attend(d, y, q, k, v, head_dim, scale, lanes, nth);
}

/* The U best experts of each token, best first, and the softmax over just those U.
 * Ties go to the lower expert.            logits [T, E]; gate, expert [T, U] */
static inline void gn_route(gn_device *d, gn_mat gate, int32_t *expert, gn_mat logits) {
    assert(gate.rows == logits.rows && gate.cols <= logits.cols);
    d->op->route(d, gate, expert, logits);
}

/* y[t] = sum_u gate[t,u] down_e swiglu(gate_e x[t], up_e x[t]),  e = expert[t,u]
 *                                         x, y [T, D]; gate, expert [T, U] */
static inline void gn_experts(gn_device *d, gn_mat y, gn_mat x, const gn_experts_weights *w,
                              gn_mat gate, const int32_t *expert) {
    assert(w->gate.cols == x.cols && w->up.cols == x.cols && w->down.rows == y.cols);
    assert(w->gate.rows == w->down.cols && w->up.rows == w->down.cols && w->gate.n == w->down.n);
    d->op->experts(d, y, x, w, gate, expert);
}

/* y[i] = x[row[i]]                                              y [R, D], x [T, D] */
static inline void gn_gather(gn_device *d, gn_mat y, gn_mat x, const int32_t *row) {
    assert(y.cols == x.cols);
    d->op->gather(d, y, x, row);
}

/* Waits, as gn_read() does. Of each row of logits: what log softmax says of
 * want[i] (-1: only entropy and top), and, for k > 0, its k likeliest ids,
 * likeliest first, lower id first on a tie. out [R] and top [R, k] are the
 * host's; sums are f64, by tiles of the vocabulary in order.      logits [R, V] */
static inline bool gn_logprobs(gn_device *d, gn_logprob *out, gn_top *top, int k, gn_mat logits,
                               const int32_t *want, gn_error *e) {
    assert(k <= logits.cols);
    return d->op->logprobs(d, out, top, k, logits, want, e);
}

/* Wait for everything before, then copy to the host. False, and e set, if any
 * op since the last gn_read() faulted. */
static inline bool gn_read(gn_device *d, void *to, const void *from, size_t bytes, gn_error *e) {
    return d->op->read(d, to, from, bytes, e);
}

#endif
