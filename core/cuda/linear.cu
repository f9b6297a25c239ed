/* linear.cu - y = x Wᵀ + b for every format, and all else that reads weights.
 *
 * A few rows: a warp for each row of W reads it where it lies, widens it to f32 and multiplies it
 * with up to eight rows of x. A number's terms are summed in an order that only the length of the
 * row decides, so it does not matter who shares the step. Exact numerics do everything this way.
 * More rows than that of what is written are batch.cu's.
 *
 * Many rows: W is widened to f16, a block of rows at a time, x is rounded to f16, and cuBLAS
 * multiplies them with f32 sums. A row of x that would leave f16's range is scaled by a power of
 * two on its way in, and its results on their way out. Where f16 is too coarse each row is three
 * times as long, both factors being a rounded number and a rest, and the product as good as f32.
 */
#include "core/cuda/internal.h"
#include "core/cuda/unpack.cuh"

#include <assert.h>
#include <string.h>

enum {
    WARPS = 4,           /* of a block: rows of W */
    PRODUCTS = 3,        /* of one x in a launch */
    TOKENS = 8,          /* most rows of x a warp multiplies a row of W with */
    MOST_ROWS = 1 << 16, /* of W in one launch */
    FEW = 8,             /* rows of a step that cuBLAS is not worth */
    TILE = 32 << 20,     /* weights widened at a time */
    STAGING = 64 << 20,  /* bytes of a file that wait on the device to be laid out */
};

/* ---- placing ------------------------------------------------------------------ */

/* Rows of the file's blocks as rows of the device: the odd half of each block goes to the end. */
GN_KERNEL(256)
lay_out(uint8_t *to, const uint8_t *from, size_t row, int rows, int blocks, int bytes, int odd) {
    const size_t in_row = (size_t)blocks * (size_t)bytes;
    for (int r = blockIdx.y; r < rows; r += gridDim.y) {
        const uint8_t *f = from + (size_t)r * in_row;
        uint8_t *t = to + (size_t)r * row;
        const size_t all = (size_t)blocks * (size_t)bytes;
        for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < row;
             i += (size_t)gridDim.x * blockDim.x) {
            if (i >= all) {
                t[i] = 0;
                continue;
            }
            const int b = (int)(i / (size_t)bytes), k = (int)(i % (size_t)bytes);
            if (odd < 0)
                t[i] = f[i];
            else if (k >= odd && k < odd + 2)
                t[(size_t)blocks * (size_t)(bytes - 2) + (size_t)b * 2 + (size_t)(k - odd)] = f[i];
            else
                t[(size_t)b * (size_t)(bytes - 2) + (size_t)(k > odd ? k - 2 : k)] = f[i];
        }
    }
}

bool gn_cuda_place(gn_device *d, gn_weight *w, bool keep, gn_error *e) {
    gn_cuda *c = gn_cuda_of(d);
    const gn_shape s = gn_shapes[w->format];
    const int blocks = w->cols / s.block;
    const size_t in_row = (size_t)blocks * (size_t)s.bytes, row = gn_device_row(w->format, w->cols);
    const size_t rows = (size_t)w->n * (size_t)w->rows, step = row * (size_t)w->rows;
    (void)keep; /* the file's bytes are of no use to a GPU */
    if (w->step == 0)
        w->step = in_row * (size_t)w->rows;
    if (row > INT32_MAX)
        return gn_fail(e, GN_UNSUPPORTED, "rows of %d numbers are too long for the GPU", w->cols);

    uint8_t *to = static_cast<uint8_t *>(d->op->alloc(d, rows * row));
    const size_t most = in_row > STAGING ? 1 : STAGING / in_row;
    const size_t some = most < (size_t)w->rows ? most : (size_t)w->rows;
    uint8_t *aside = to ? static_cast<uint8_t *>(d->op->alloc(d, some * in_row)) : NULL;
    if (!to || !aside) {
        d->op->free(d, to);
        if (c->fault != cudaSuccess)
            return gn_cuda_wait(c, e);
        return gn_fail(e, GN_NO_MEMORY, "no room for %zu bytes of weights on the GPU", rows * row);
    }
    c->placed.push_back(to);
    c->weight_bytes += rows * row;
    for (int i = 0; i < w->n; i++)
        for (size_t r = 0; r < (size_t)w->rows; r += some) {
            const size_t n = (size_t)w->rows - r < some ? (size_t)w->rows - r : some;
            const uint8_t *from =
                static_cast<const uint8_t *>(w->data) + (size_t)i * w->step + r * in_row;
            d->op->write(d, aside, from, n * in_row);
            const dim3 grid((unsigned)gn_blocks(row, 1024), (unsigned)(n < 4096 ? n : 4096));
            GN_LAUNCH(lay_out, grid, 256, c->stream, to + (size_t)i * step + r * row, aside, row,
                      (int)n, blocks, s.bytes, s.odd);
        }
    d->op->free(d, aside);
    gn_cuda_check(c, cudaGetLastError(), "laying out weights");
    w->data = to;
    w->step = step;
    w->layout = (int)row;
    return gn_cuda_wait(c, e);
}

/* ---- embedding ----------------------------------------------------------------- */

template <int F> GN_KERNEL(256) embed_rows(gn_m x, gn_w table, const int32_t *token, float by) {
    const uint8_t *row = table.data + (size_t)token[blockIdx.x] * table.row;
    float *to = gn_row(x, (int)blockIdx.x);
    for (int i = (int)threadIdx.x; 8 * i < x.cols; i += (int)blockDim.x) {
        float v[8];
        gn_unpack8<F>(row, x.cols, i, v);
        for (int k = 0; k < 8 && 8 * i + k < x.cols; k++)
            to[8 * i + k] = v[k] * by;
    }
}

void gn_cuda_do_embed(gn_cuda *c, const gn_command &k, const int32_t *token) {
    const gn_m x = k.m[0];
    const gn_w table = k.w[0];
    const float by = k.a;
    if (x.rows == 0)
        return;
    GN_BY_FORMAT(table.format, GN_LAUNCH(embed_rows<F>, dim3((unsigned)x.rows), 256, c->stream, x,
                                         table, token, by))
}

/* ---- a few rows ------------------------------------------------------------------ */

struct few_in {
    gn_m y, x;
    gn_w w;
    const float *bias;
    const int32_t *expert; /* of each row of y; NULL: matrix 0 */
    int share;             /* rows of y to a row of x */
    int aligned;           /* rows of x may be read in fours */
    int rows;              /* of all products */
    struct {               /* those beside the first: format, cols and y.stride are its */
        int begin;         /* rows before it; INT32_MAX: there is none */
        const uint8_t *w;
        float *y;
        const float *bias;
    } more[PRODUCTS - 1];
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

template <int F, int T> GN_KERNEL(128) few_rows(few_in in) {
    const int lane = (int)threadIdx.x & 31, warp = (int)threadIdx.x / 32;
    int row = (int)blockIdx.y * WARPS + warp;
    const int first = (int)blockIdx.x * T, cols = in.w.cols, left = in.y.rows - first;
    if (row >= in.rows)
        return;
    gn_m y = in.y;
    const uint8_t *w = in.w.data;
    const float *bias = in.bias;
    int before = 0;
#pragma unroll
    for (int k = 0; k < PRODUCTS - 1; k++)
        if (row >= in.more[k].begin) {
            before = in.more[k].begin;
            w = in.more[k].w;
            y.data = in.more[k].y;
            bias = in.more[k].bias;
        }
    row -= before;
    w += (size_t)row * in.w.row;
    if (in.expert)
        w += (size_t)in.expert[first] * in.w.step;
    float sum[T];
    for (int t = 0; t < T; t++)
        sum[t] = 0.0f;
    for (int i = lane; 8 * i < cols; i += 32) {
        float a[8];
        gn_unpack8<F>(w, cols, i, a);
#pragma unroll
        for (int t = 0; t < T; t++) {
            float b[8];
            if (t < left)
                load8(b, gn_row(in.x, (first + t) / in.share) + 8 * i, cols - 8 * i,
                      in.aligned != 0);
            if (t < left)
                for (int k = 0; k < 8; k++)
                    sum[t] = fmaf(a[k], b[k], sum[t]);
        }
    }
#pragma unroll
    for (int t = 0; t < T; t++) {
        const float all = gn_warp_sum(sum[t]);
        if (lane == 0 && t < left)
            gn_row(y, first + t)[row] = bias ? all + bias[row] : all;
    }
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

static few_in few_of_one(gn_m y, gn_m x, const gn_w &w, const float *bias, const int32_t *expert,
                         int share) {
    few_in in;
    memset(static_cast<void *>(&in), 0, sizeof in);
    in.y = y;
    in.x = x;
    in.w = w;
    in.bias = bias;
    in.expert = expert;
    in.share = share;
    in.aligned = x.stride % 4 == 0 && reinterpret_cast<uintptr_t>(x.data) % 16 == 0;
    in.rows = w.rows;
    for (auto &m : in.more)
        m.begin = INT32_MAX;
    return in;
}

void gn_cuda_few(gn_cuda *c, gn_m y, gn_m x, const gn_w &w, const float *bias,
                 const int32_t *expert, int share) {
    few_in in = few_of_one(y, x, w, bias, expert, share);
    /* A grid's second dimension has an end, and vocabularies go beyond it. */
    for (int row = 0; row < w.rows && y.rows; row += MOST_ROWS) {
        in.rows = w.rows - row < MOST_ROWS ? w.rows - row : MOST_ROWS;
        in.w.data = w.data + (size_t)row * w.row;
        in.y.data = y.data + row;
        in.bias = bias ? bias + row : NULL;
        GN_BY_FORMAT(w.format, few_of<F>(c, in))
    }
}

/* ---- many rows --------------------------------------------------------------------- */

/* Rows of W as f16, filled up with zeros to `wide`. */
template <int F> GN_KERNEL(256) widen(uint16_t *to, int wide, gn_w w, int first, int parts) {
    const uint8_t *row = w.data + (size_t)(first + (int)blockIdx.y) * w.row;
    uint16_t *out = to + (size_t)blockIdx.y * (size_t)(wide * parts);
    const int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    float v[8];
    if (8 * i >= wide)
        return;
    if (8 * i < w.cols)
        gn_unpack8<F>(row, w.cols, i, v);
    for (int k = 0; k < 8; k++) {
        const float all = 8 * i < w.cols ? v[k] : 0.0f;
        const uint16_t high = gn_to_half(all);
        out[8 * i + k] = high;
        if (parts == 1)
            continue;
        out[wide + 8 * i + k] = high;
        out[2 * wide + 8 * i + k] = gn_to_half(all - gn_half(high));
    }
}

/* A row of x as f16, and the power of two it was divided by. */
GN_KERNEL(256)
round_rows(uint16_t *to, float *scale, int wide, gn_m x, int parts) {
    GN_SHARED(float, part, 8);
    const float *row = gn_row(x, (int)blockIdx.x);
    uint16_t *out = to + (size_t)blockIdx.x * (size_t)(wide * parts);
    float most = 0.0f;
    for (int i = (int)threadIdx.x; i < x.cols; i += 256)
        most = fmaxf(most, fabsf(row[i]));
    most = gn_warp_most(most);
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = most;
    GN_SYNC();
    for (int k = 0; k < 8; k++)
        most = fmaxf(most, part[k]);
    /* Between 2^-2 and 2^14 f16 is as good as it gets; nothing and no number stay what they are. */
    float by = 1.0f;
    if (most > 0.0f && most < INFINITY && (most < 0.25f || most >= 16384.0f)) {
        const int up = ilogbf(most);
        by = ldexpf(1.0f, up < -120 ? -120 : up);
    }
    for (int i = (int)threadIdx.x; i < wide; i += 256) {
        const float all = i < x.cols ? row[i] / by : 0.0f;
        const uint16_t high = gn_to_half(all);
        out[i] = high;
        if (parts == 1)
            continue;
        out[wide + i] = gn_to_half(all - gn_half(high));
        out[2 * wide + i] = high;
    }
    if (threadIdx.x == 0)
        scale[blockIdx.x] = by;
}

/* y = scale y + bias, for rows where that is anything. */
GN_KERNEL(256)
finish(gn_m y, const float *scale, const float *bias) {
    const float by = scale[blockIdx.y];
    const int i = (int)(blockIdx.x * 256 + threadIdx.x);
    if ((by == 1.0f && !bias) || i >= y.cols)
        return;
    float *row = gn_row(y, (int)blockIdx.y);
    row[i] = bias ? row[i] * by + bias[i] : row[i] * by;
}

/* Rows of W that are widened at a time. */
static int rows_at_once(const gn_w &w, int parts) {
    const int rows = TILE / (gn_wide(w.cols) * parts) / 64 * 64;
    return rows < 64 ? 64 : rows < w.rows ? rows : w.rows;
}

bool gn_cuda_many(const gn_cuda *c, int rows) {
    return !c->exact && c->kind == GN_READ && rows > FEW;
}

void gn_cuda_round(gn_cuda *c, uint16_t *to, float *scale, gn_m x, int parts) {
    const int wide = gn_wide(x.cols);
    GN_LAUNCH(round_rows, dim3((unsigned)x.rows), 256, c->stream, to, scale, wide, x, parts);
}

static int parts_of(const gn_command &k) { return k.n & GN_LINEAR_FINE ? 3 : 1; }

static bool many(const gn_cuda *c, const gn_command &k) {
    return gn_cuda_many(c, k.m[1].rows) && !(k.n & GN_LINEAR_F32);
}

/* A batch of answers, where neither f32 nor something near it is asked for. */
static bool batched(const gn_cuda *c, const gn_command &k) {
    return !c->exact && c->kind == GN_WRITE && k.m[1].rows > FEW &&
           !(k.n & (GN_LINEAR_F32 | GN_LINEAR_FINE));
}

size_t gn_cuda_linear_room(const gn_cuda *c, const gn_command &k) {
    if (!many(c, k) && !batched(c, k))
        return 0;
    const int parts = parts_of(k);
    const size_t wide = (size_t)(gn_wide(k.w[0].cols) * parts), T = (size_t)k.m[1].rows;
    return gn_align(T * wide * 2) + gn_align(T * sizeof(float)) +
           (many(c, k) ? gn_align((size_t)rows_at_once(k.w[0], parts) * wide * 2) : 0);
}

static void product(gn_cuda *c, gn_m y, const uint16_t *w, const uint16_t *x, int rows, int wide) {
    const float one = 1.0f, none = 0.0f;
    gn_cuda_check_blas(c,
                       cublasGemmEx(c->blas, CUBLAS_OP_T, CUBLAS_OP_N, rows, y.rows, wide, &one, w,
                                    CUDA_R_16F, wide, x, CUDA_R_16F, wide, &none, y.data,
                                    CUDA_R_32F, y.stride, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
}

void gn_cuda_do_linear(gn_cuda *c, const gn_command &k) {
    const gn_m y = k.m[0], x = k.m[1];
    const gn_w w = k.w[0];
    const float *bias = reinterpret_cast<const float *>(k.w[1].data);
    if (!many(c, k) && !batched(c, k)) {
        gn_cuda_few(c, y, x, w, bias, NULL, 1);
        return;
    }
    const int wide = gn_wide(w.cols), parts = parts_of(k), some = rows_at_once(w, parts);
    const size_t of_x = gn_align((size_t)x.rows * (size_t)(wide * parts) * 2);
    uint16_t *x16 = reinterpret_cast<uint16_t *>(c->scratch);
    float *scale = reinterpret_cast<float *>(c->scratch + of_x);
    uint16_t *w16 =
        reinterpret_cast<uint16_t *>(c->scratch + of_x + gn_align((size_t)x.rows * sizeof(float)));
    if (!(k.n & GN_LINEAR_SAME) || c->rounded != x.data || c->rounded_parts != parts)
        gn_cuda_round(c, x16, scale, x, parts);
    c->rounded = x.data;
    c->rounded_parts = parts;
    if (batched(c, k)) {
        gn_cuda_batch(c, y, x16, scale, w, bias);
        return;
    }
    for (int first = 0; first < w.rows; first += some) {
        const int rows = w.rows - first < some ? w.rows - first : some;
        gn_m part = y;
        part.data += first;
        for (int r = 0; r < rows; r += 32768) {
            const int n = rows - r < 32768 ? rows - r : 32768;
            const dim3 grid((unsigned)gn_blocks((size_t)wide, 2048), (unsigned)n);
            uint16_t *to = w16 + (size_t)r * (size_t)(wide * parts);
            const int from = first + r;
            GN_BY_FORMAT(w.format,
                         GN_LAUNCH(widen<F>, grid, 256, c->stream, to, wide, w, from, parts))
        }
        product(c, part, w16, x16, rows, wide * parts);
    }
    for (int t = 0; t < y.rows; t += 32768) {
        gn_m part = y;
        part.data += (size_t)t * (size_t)y.stride;
        const int n = y.rows - t < 32768 ? y.rows - t : 32768;
        const float *of = scale + t;
        GN_LAUNCH(finish, dim3((unsigned)gn_blocks((size_t)y.cols, 256), (unsigned)n), 256,
                  c->stream, part, of, bias);
    }
}

/* Whether a product of few rows may share the launch of one before it. */
static bool joins(const gn_cuda *c, const gn_command &k, const gn_command &next) {
    return next.code == GN_OP_LINEAR && next.n & GN_LINEAR_SAME && !many(c, next) &&
           !batched(c, next) && next.w[0].format == k.w[0].format &&
           next.w[0].cols == k.w[0].cols && next.m[0].stride == k.m[0].stride &&
           memcmp(&next.m[1], &k.m[1], sizeof k.m[1]) == 0;
}

int gn_cuda_do_linears(gn_cuda *c, const gn_command *k, size_t n) {
    int all = k->w[0].rows, taken = 1;
    if (many(c, *k) || batched(c, *k)) {
        gn_cuda_do_linear(c, *k);
        return 1;
    }
    few_in in = few_of_one(k->m[0], k->m[1], k->w[0], reinterpret_cast<const float *>(k->w[1].data),
                           NULL, 1);
    while (taken < PRODUCTS && (size_t)taken < n && joins(c, *k, k[taken]) &&
           k[taken].w[0].rows <= MOST_ROWS - all) {
        in.more[taken - 1] = {all, k[taken].w[0].data, k[taken].m[0].data,
                              reinterpret_cast<const float *>(k[taken].w[1].data)};
        all += k[taken++].w[0].rows;
    }
    if (taken == 1) {
        gn_cuda_do_linear(c, *k);
        return 1;
    }
    in.rows = all;
    GN_BY_FORMAT(k->w[0].format, few_of<F>(c, in))
    return taken;
}
