/* linear.cu - y = x Wᵀ + b for every format, and all else that reads weights.
 *
 * A few rows are few.cu's, more than that of what is written batch.cu's.
 *
 * Many rows: W is widened to f16, a block of rows at a time, x is rounded to f16, and cuBLAS
 * multiplies them with f32 sums. A row of x that would leave f16's range is scaled by a power of
 * two on its way in, and its results on their way out. Where f16 is too coarse each row is three
 * times as long, both factors being a rounded number and a rest, and the product as good as f32.
 */
#include "core/cuda/epilogue.cuh"
#include "core/cuda/internal.h"
#include "core/cuda/norm.cuh"
#include "core/cuda/unpack.cuh"

enum {
    FEW = 8,         /* rows of a step that cuBLAS is not worth */
    TILE = 32 << 20, /* weights widened at a time */
    ROUND_THREADS = 256,
    STAGING = 64 << 20, /* bytes of a file that wait on the device to be laid out */
};

/* ---- placing ------------------------------------------------------------------ */

/* Rows of the file's blocks as rows of the device: the odd half of each block goes to the end. */
GN_KERNEL(256)
lay_out(uint8_t *to, const uint8_t *from, size_t row, int rows, int blocks, int bytes, int odd) {
    GN_WAIT();
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
    GN_WAIT();
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

/* ---- many rows --------------------------------------------------------------------- */

/* Rows of W as f16, filled up with zeros to `wide`. */
template <int F> GN_KERNEL(256) widen(uint16_t *to, int wide, gn_w w, int first, int parts) {
    GN_WAIT();
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

GN_KERNEL(ROUND_THREADS)
round_rows(gn_halves to, gn_m x) {
    GN_SHARED(float, part, ROUND_THREADS / 32);
    GN_WAIT();
    gn_round_row(to, (int)blockIdx.x, gn_row(x, (int)blockIdx.x), x.cols, part);
}

/* y = scale y + bias, for rows where that is anything. */
GN_KERNEL(256)
finish(gn_m y, const float *scale, const float *bias) {
    GN_WAIT();
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

void gn_cuda_round(gn_cuda *c, const gn_halves &to, gn_m x) {
    GN_LAUNCH(round_rows, dim3((unsigned)x.rows), ROUND_THREADS, c->stream, to, x);
}

static int parts_of(const gn_command &k) { return k.n & GN_LINEAR_FINE ? 3 : 1; }

static bool many(const gn_cuda *c, const gn_command &k) {
    return gn_cuda_many(c, k.m[1].rows) && !(k.n & GN_LINEAR_F32);
}

bool gn_cuda_batched(const gn_cuda *c, int rows) {
    return !c->exact && c->kind == GN_WRITE && rows > FEW;
}

/* Where neither f32 nor something near it is asked for. */
static bool batched(const gn_cuda *c, const gn_command &k) {
    return gn_cuda_batched(c, k.m[1].rows) && !(k.n & (GN_LINEAR_F32 | GN_LINEAR_FINE));
}

static bool rounds(const gn_cuda *c, const gn_command &k) { return many(c, k) || batched(c, k); }

size_t gn_cuda_linear_room(const gn_cuda *c, const gn_command &k) {
    if (!rounds(c, k))
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

/* Where the rounded rows of a product's x lie in scratch. */
static gn_halves halves_of(const gn_cuda *c, const gn_command &k) {
    gn_halves h;
    h.wide = gn_wide(k.m[1].cols);
    h.parts = parts_of(k);
    h.to = reinterpret_cast<uint16_t *>(c->scratch);
    h.scale = reinterpret_cast<float *>(
        c->scratch + gn_align((size_t)k.m[1].rows * (size_t)(h.wide * h.parts) * 2));
    return h;
}

static void do_many(gn_cuda *c, const gn_command &k, const gn_halves &h) {
    const gn_m y = k.m[0], x = k.m[1];
    const gn_w w = k.w[0];
    const float *bias = gn_floats(k.w[1]);
    const int wide = h.wide, parts = h.parts, some = rows_at_once(w, parts);
    uint16_t *w16 = reinterpret_cast<uint16_t *>(reinterpret_cast<uint8_t *>(h.scale) +
                                                 gn_align((size_t)x.rows * sizeof(float)));
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
        product(c, part, w16, h.to, rows, wide * parts);
    }
    for (int t = 0; t < y.rows; t += 32768) {
        gn_m part = y;
        part.data += (size_t)t * (size_t)y.stride;
        const int n = y.rows - t < 32768 ? y.rows - t : 32768;
        const float *of = h.scale + t;
        GN_LAUNCH(finish, dim3((unsigned)gn_blocks((size_t)y.cols, 256), (unsigned)n), 256,
                  c->stream, part, of, bias);
    }
}

bool gn_cuda_joins(const gn_cuda *c, const gn_command &k, const gn_command &next) {
    return next.code == GN_OP_LINEAR && next.n & GN_LINEAR_SAME &&
           rounds(c, next) == rounds(c, k) && next.w[0].format == k.w[0].format &&
           next.w[0].cols == k.w[0].cols && next.m[0].stride == k.m[0].stride &&
           gn_same(next.m[1], k.m[1]);
}

/* Of rows that are rounded first. */
static size_t do_rounded(gn_cuda *c, const gn_lead &lead, const gn_command *k, size_t n) {
    const gn_m read[] = {k->m[1], k->m[1]};
    const gn_halves h = halves_of(c, *k);
    gn_epilogue then;
    if (lead.norm)
        gn_cuda_do_norm(c, lead, &h);
    else if (!(k->n & GN_LINEAR_SAME) || c->rounded != k->m[1].data || c->rounded_parts != h.parts)
        gn_cuda_round(c, h, k->m[1]);
    c->rounded = k->m[1].data;
    c->rounded_parts = h.parts;
    if (many(c, *k)) {
        do_many(c, *k, h);
        return 1;
    }
    if (n > 2 && gn_cuda_joins(c, *k, k[1]) && k[0].w[0].rows == k[1].w[0].rows &&
        gn_cuda_epilogue(&then, k[0].m[0], &k[1].m[0], read, k + 2, n - 2, c->table)) {
        const gn_second up = {k[1].w[0].data, k[1].m[0].data, gn_floats(k[1].w[1])};
        gn_cuda_batch(c, k->m[0], h, k->w[0], gn_floats(k->w[1]), &up, NULL, then);
        return 3;
    }
    const size_t more = gn_cuda_epilogue(&then, k->m[0], NULL, read, k + 1,
                                         k->w[0].rows <= GN_BATCH_ROWS ? n - 1 : 0, c->table);
    gn_cuda_batch(c, k->m[0], h, k->w[0], gn_floats(k->w[1]), NULL, NULL, then);
    return 1 + more;
}

size_t gn_cuda_do_linears(gn_cuda *c, const gn_lead &lead, const gn_command *k, size_t n) {
    return rounds(c, *k) ? do_rounded(c, lead, k, n) : gn_cuda_do_few(c, lead, k, n);
}
