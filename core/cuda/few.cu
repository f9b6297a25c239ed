/* few.cu - y = x Wᵀ + b for a few rows, in f32 and every format.
 *
 * A warp for each row of W reads it where it lies, widens it to f32 and multiplies it with up to eight
 * rows of x. A number's terms are summed in an order that only the length of the row decides, so
 * it does not matter who shares the step. Exact numerics do everything this way.
 *
 * What is written alone is as long as its chain of kernels: the norm before a product and what takes
 * its numbers one by one are part of it, and a row of W is asked for before x is there.
 */
#include "core/cuda/epilogue.cuh"
#include "core/cuda/internal.h"
#include "core/cuda/norm.cuh"
#include "core/cuda/unpack.cuh"

#include <assert.h>
#include <string.h>

enum {
    WARPS = 4,                         /* of a block: rows of W */
    PRODUCTS = 3,                      /* of one x in a launch */
    TOKENS = 8,                        /* most rows of x a warp multiplies a row of W with */
    MOST_ROWS = 1 << 17,               /* of W in one launch */
    MIXED_WARPS = 8,                   /* most of a block that mixes experts, */
    MOST_MIXED = GN_CUDA_MOST_EXPERTS, /* and most experts it mixes */
};

struct few_in {
    gn_m y, x;
    gn_w w;
    const float *bias;
    const int32_t *expert; /* of each row of y; NULL: matrix 0 */
    int share;             /* rows of y to a row of x */
    int aligned;           /* rows of x may be read in fours */
    int rows;              /* of all products */
    struct {               /* those beside the first: format, cols, step and y.stride are its */
        int begin;         /* rows before it; INT32_MAX: there is none */
        const uint8_t *w;
        float *y; /* of one that is gated, NULL: not wanted */
        const float *bias;
    } more[PRODUCTS - 1];
    const float *gain; /* x is one row, to be normed first; NULL: it is not */
    float eps;
    float *normed; /* where the norm's own kernel would leave it */
    gn_epilogue then;
};

GN_FN void load8(float v[8], const float *x, int left, bool aligned) {
    if (aligned && left >= 8) {
        const float4 a = *reinterpret_cast<const float4 *>(x),
                     b = *reinterpret_cast<const float4 *>(x + 4);
        v[0] = a.x;
        v[1] = a.y;
        v[2] = a.z;
        v[3] = a.w;
        v[4] = b.x;
        v[5] = b.y;
        v[6] = b.z;
        v[7] = b.w;
        return;
    }
    for (int k = 0; k < 8; k++)
        v[k] = k < left ? x[k] : 0.0f;
}

/* What a lane has of the sums of a row of W with T rows of x, of which `left` there are; x is normed
 * by gain and by, if there is gain. */
template <int F, int T, class X>
GN_FN void dots(float sum[T], const uint8_t *w, int cols, int left, bool aligned, X x,
                const float *gain, float by) {
    for (int t = 0; t < T; t++)
        sum[t] = 0.0f;
    for (int i = (int)threadIdx.x % 32; 8 * i < cols; i += 32) {
        float a[8], g[8];
        gn_unpack8<F>(w, cols, i, a);
        if (gain)
            load8(g, gain + 8 * i, cols - 8 * i, aligned);
#pragma unroll
        for (int t = 0; t < T; t++) {
            float b[8];
            if (t < left)
                load8(b, x(t) + 8 * i, cols - 8 * i, aligned);
            if (gain)
                for (int k = 0; k < 8; k++)
                    b[k] = g[k] * (b[k] * by);
            if (t < left)
                for (int k = 0; k < 8; k++)
                    sum[t] = fmaf(a[k], b[k], sum[t]);
        }
    }
}

/* Every block norms the row for itself: that is less than a kernel between. The first leaves it. */
GN_FN float norm_row(float *part, const few_in &in) {
    gn_norm_begin(part, gn_squares(in.x.data, in.x.cols));
    GN_SYNC();
    const float by = gn_norm_by(part, in.x.cols, in.eps);
    if (blockIdx.y == 0)
        for (int i = (int)threadIdx.x; i < in.x.cols; i += GN_NORM_THREADS)
            in.normed[i] = in.gain[i] * (in.x.data[i] * by);
    return by;
}

/* Two products that are gated have a warp each, side by side. */
template <int F, int T> GN_KERNEL_ROOMY(32 * WARPS) few_rows(few_in in) {
    static_assert(32 * WARPS == GN_NORM_THREADS, "a norm's sum has one order");
    GN_SHARED(float, norm_part, GN_NORM_WARPS);
    GN_SHARED(float, gates, T *WARPS);
    const int lane = (int)threadIdx.x & 31, warp = (int)threadIdx.x / 32;
    const int first = (int)blockIdx.x * T, cols = in.w.cols, left = in.y.rows - first;
    const bool gated = in.then.gated.data != NULL;
    int row = gated ? (int)blockIdx.y * (WARPS / 2) + warp / 2 : (int)blockIdx.y * WARPS + warp;
    const bool mine = row < (gated ? in.w.rows : in.rows);
    const uint8_t *w = in.w.data;
    int which = 0, before = 0;
    if (gated && warp % 2)
        row += in.w.rows;
#pragma unroll
    for (int k = 0; k < PRODUCTS - 1; k++)
        if (row >= in.more[k].begin) {
            which = k + 1;
            before = in.more[k].begin;
            w = in.more[k].w;
        }
    row -= before;
    w += (size_t)row * in.w.row;
    if (mine && !in.expert && first == 0)
        for (size_t i = (size_t)lane * GN_LINE; i < in.w.row; i += 32 * GN_LINE)
            GN_PREFETCH(w + i);
    GN_WAIT();
    if (in.expert)
        w += (size_t)in.expert[first] * in.w.step;
    const float *gain = T == 1 ? in.gain : NULL;
    const float by = gain ? norm_row(norm_part, in) : 1.0f;
    float sum[T];
    if (mine)
        dots<F, T>(
            sum, w, cols, left, in.aligned != 0,
            [&](int t) { return gn_row(in.x, (first + t) / in.share); }, gain, by);
    float v = 0.0f; /* of a lane's own token */
#pragma unroll
    for (int t = 0; t < T; t++) {
        const float all = mine ? gn_warp_sum(sum[t]) : 0.0f;
        v = lane == t ? all : v;
    }
    gn_m y = in.y;
    const float *bias = in.bias;
#pragma unroll
    for (int k = 0; k < PRODUCTS - 1; k++)
        if (which == k + 1) {
            y.data = in.more[k].y;
            bias = in.more[k].bias;
        }
    if (mine && bias)
        v += bias[row];
    const bool leaves = mine && lane < T && lane < left;
    if (!gated) {
        if (leaves)
            gn_leave(in.then, y, first + lane, row, v);
        return;
    }
    if (leaves && y.data)
        gn_row(y, first + lane)[row] = v;
    if (leaves)
        gates[warp * T + lane] = v;
    GN_SYNC();
    if (leaves && warp % 2 == 0)
        gn_row(in.then.gated, first + lane)[row] = gn_silu(v) * gates[(warp + 1) * T + lane];
}

template <int F> static void few_of(gn_cuda *c, const few_in &in) {
    const int T = in.y.rows;
    const unsigned down = (unsigned)gn_blocks((size_t)in.rows, WARPS);
    if (T == 1 || in.expert)
        GN_LAUNCH((few_rows<F, 1>), dim3((unsigned)T, down), 32 * WARPS, c->stream, in);
    else if (T <= 4)
        GN_LAUNCH((few_rows<F, 4>), dim3(1, down), 32 * WARPS, c->stream, in);
    else
        GN_LAUNCH((few_rows<F, TOKENS>), dim3((unsigned)gn_blocks((size_t)T, TOKENS), down),
                  32 * WARPS, c->stream, in);
}

static bool in_fours(const gn_m &x) {
    return x.stride % 4 == 0 && reinterpret_cast<uintptr_t>(x.data) % 16 == 0;
}

static few_in few_of_one(gn_m y, gn_m x, const gn_w &w, const float *bias) {
    few_in in;
    memset(static_cast<void *>(&in), 0, sizeof in);
    in.y = y;
    in.x = x;
    in.w = w;
    in.bias = bias;
    in.share = 1;
    in.aligned = in_fours(x);
    in.rows = w.rows;
    in.then.scale = 1.0f;
    for (auto &m : in.more)
        m.begin = INT32_MAX;
    return in;
}

static void one_more(few_in *in, int k, const gn_w &w, float *y, const float *bias) {
    in->more[k] = {in->rows, w.data, y, bias};
    in->rows += w.rows;
}

void gn_cuda_few_experts(gn_cuda *c, gn_m y, gn_m x, const gn_w &w, const gn_w *up,
                         const int32_t *expert, int share) {
    few_in in = few_of_one(y, x, w, NULL);
    in.expert = expert;
    in.share = share;
    if (up) { /* y is what is gated; the products themselves nobody wants */
        in.then.gated = y;
        in.y.data = NULL;
        one_more(&in, 0, *up, NULL, NULL);
    }
    assert(in.rows <= MOST_ROWS);
    if (y.rows)
        GN_BY_FORMAT(w.format, few_of<F>(c, in))
}

struct mixed_in {
    gn_m y, x; /* [T, O], [T U, I] */
    gn_m gate; /* [T, U] */
    gn_w w;
    const int32_t *expert; /* [T, U] */
    int aligned;
    gn_epilogue then;
};

/* A block has a row of W of each of a token's experts, a warp for one or a few of them. */
template <int F> GN_KERNEL_ROOMY(32 * MIXED_WARPS) mixed_rows(mixed_in in) {
    GN_SHARED(float, part, MOST_MIXED);
    GN_WAIT();
    const int t = (int)(blockIdx.x / (unsigned)in.w.rows), U = in.gate.cols;
    const int row = (int)(blockIdx.x % (unsigned)in.w.rows);
    for (int u = (int)threadIdx.x / 32; u < U; u += (int)blockDim.x / 32) {
        const int pair = t * U + u;
        float sum[1];
        dots<F, 1>(
            sum, in.w.data + (size_t)in.expert[pair] * in.w.step + (size_t)row * in.w.row,
            in.w.cols, 1, in.aligned != 0, [&](int) { return gn_row(in.x, pair); }, NULL, 1.0f);
        const float all = gn_warp_sum(sum[0]);
        if (threadIdx.x % 32 == 0)
            part[u] = all;
    }
    GN_SYNC();
    if (threadIdx.x > 0)
        return;
    float sum = 0.0f;
    for (int u = 0; u < U; u++)
        sum = fmaf(gn_row(in.gate, t)[u], part[u], sum);
    gn_leave(in.then, in.y, t, row, sum);
}

void gn_cuda_few_mixed(gn_cuda *c, gn_m y, gn_m x, gn_m gate, const gn_w &w, const int32_t *expert,
                       const gn_epilogue &then) {
    mixed_in in;
    in.y = y;
    in.x = x;
    in.gate = gate;
    in.w = w;
    in.expert = expert;
    in.aligned = in_fours(x);
    in.then = then;
    assert(gate.cols <= MOST_MIXED);
    const int warps = gate.cols < MIXED_WARPS ? gate.cols : (int)MIXED_WARPS;
    const unsigned blocks = (unsigned)y.rows * (unsigned)w.rows;
    GN_BY_FORMAT(w.format,
                 GN_LAUNCH(mixed_rows<F>, dim3(blocks), dim3(32 * (unsigned)warps), c->stream, in))
}

/* Products that have a launch to themselves. */
static void few_launch(gn_cuda *c, few_in in) {
    const gn_w w = in.w;
    const float *bias = in.bias;
    const gn_m y = in.y;
    if (in.rows <= MOST_ROWS) {
        GN_BY_FORMAT(w.format, few_of<F>(c, in))
        return;
    }
    /* A grid's second dimension has an end. */
    for (int row = 0; row < w.rows; row += MOST_ROWS) {
        in.rows = w.rows - row < MOST_ROWS ? w.rows - row : MOST_ROWS;
        in.w.data = w.data + (size_t)row * w.row;
        in.y.data = y.data + row;
        in.bias = bias ? bias + row : NULL;
        GN_BY_FORMAT(w.format, few_of<F>(c, in))
    }
}

size_t gn_cuda_do_few(gn_cuda *c, const gn_lead &lead, const gn_command *k, size_t n) {
    const gn_m read[] = {k->m[1], lead.norm ? lead.norm->m[1] : k->m[1]};
    size_t taken = 1;
    if (!(k->n & GN_LINEAR_SAME))
        c->rounded = NULL;
    few_in in = few_of_one(k->m[0], k->m[1], k->w[0], gn_floats(k->w[1]));
    for (; taken < PRODUCTS && taken < n && gn_cuda_joins(c, *k, k[taken]) &&
           in.rows + k[taken].w[0].rows <= MOST_ROWS;
         taken++)
        one_more(&in, (int)taken - 1, k[taken].w[0], k[taken].m[0].data, gn_floats(k[taken].w[1]));
    const size_t products = taken;
    if (products == 1 && in.rows <= MOST_ROWS)
        taken += gn_cuda_epilogue(&in.then, k[0].m[0], NULL, read, k + 1, n - 1, c->table);
    else if (products == 2 && k[0].w[0].rows == k[1].w[0].rows)
        taken += gn_cuda_epilogue(&in.then, k[0].m[0], &k[1].m[0], read, k + 2, n - 2, c->table);
    /* Other blocks still read what is to be normed when the first leaves a number. */
    bool norms = lead.norm && !lead.sum && lead.norm->code == GN_OP_RMSNORM && k->m[1].rows == 1 &&
                 gn_cuda_apart(lead.norm->m[0], lead.norm->m[1]);
    for (size_t i = 0; i < products; i++)
        norms = norms && gn_cuda_apart(k[i].m[0], lead.norm->m[1]);
    if (norms) {
        in.normed = lead.norm->m[0].data;
        in.x = lead.norm->m[1];
        in.gain = gn_floats(lead.norm->w[0]);
        in.eps = lead.norm->a;
        in.aligned = in.aligned && in_fours(in.x) && reinterpret_cast<uintptr_t>(in.gain) % 16 == 0;
    } else if (lead.norm) {
        gn_cuda_do_norm(c, lead, NULL);
    }
    few_launch(c, in);
    return taken;
}
