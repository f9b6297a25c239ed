/* linear.c - y = x Wᵀ + b for every format.
 *
 * Where the instruction set has an integer kernel for the format and the
 * device is not exact, activations are rounded to integers once and shared by
 * all products of the call: of 16 bits for Q8_0, of 8 for the others. Elsewhere weights are widened to f32, a few rows at a
 * time in a thread's scratch, and go through the f32 kernels: one arithmetic
 * for one token and for many. Where there are products of bf16, and the device
 * is not exact, bf16 weights take activations rounded to bf16.
 *
 * A processor without kernels of ours reads long texts through OpenBLAS, on
 * blocks of BLAS_TOKENS rows filled up with zeros, so that a row's result does
 * not depend on what is read beside it; what it writes, and all it does in
 * exact, takes the plain kernel.
 */
#include "core/base/sgemm.h"
#include "core/cpu/kernel.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { PART_BYTES = 1 << 16, BLAS_TOKENS = 64, BLAS_ROWS = 64, STRETCHES = 256, LINE = 64 };

/* Parts [next, end) that nobody has taken. */
typedef struct stretch {
    _Alignas(LINE) _Atomic int next;
    int end;
} stretch;

const gn_kernels *gn_kernels_of(const gn_cpu *c) {
    static const gn_kernels *const of[] = {[GN_ISA_PLAIN] = &gn_kernels_plain,
                                           [GN_ISA_AVX2] = &gn_kernels_avx2,
                                           [GN_ISA_AVX512] = &gn_kernels_avx512,
                                           [GN_ISA_AVX512BF16] = &gn_kernels_avx512bf16};
    return of[c->isa];
}

int gn_reads_quants(const gn_cpu *c, const gn_weight *w) {
    if (c->exact || !gn_kernels_of(c)->panels[w->format])
        return 0;
    return w->format == GN_Q8_0 ? 2 : 1;
}

/* Whether products of this step go through OpenBLAS. */
static bool blas(const gn_cpu *c) {
    return c->isa == GN_ISA_PLAIN && !c->exact && c->kind == GN_READ;
}

static size_t align(size_t bytes) { return (bytes + 63) / 64 * 64; }

size_t gn_quants_bytes(int width, int cols, int tokens) {
    const size_t n = (size_t)(cols / GN_QUANT) * (size_t)tokens;
    if (width > 1)
        return align(n * GN_QUANT * (size_t)width) + 2 * align(n * 4) + align((size_t)tokens * 4);
    return align(n * GN_QUANT) + 4 * align(n * 4) + align(n * 8);
}

gn_quants gn_quants_in(void *memory, int width, int cols, int tokens) {
    const size_t n = (size_t)(cols / GN_QUANT) * (size_t)tokens;
    uint8_t *at = memory;
    gn_quants q = {.width = width, .blocks = cols / GN_QUANT, .tokens = tokens, .stride = tokens};
    q.code = (void *)at;
    at += align(n * GN_QUANT * (size_t)width);
    q.offset = (void *)at;
    at += align(n * 4);
    if (width > 1) {
        q.shift = (void *)at;
        q.scale = (void *)(at + align(n * 4));
        return q;
    }
    q.scale = (void *)at;
    at += align(n * 4);
    q.sum = (void *)at;
    at += align(n * 4);
    q.half = (void *)at;
    at += align(n * 8);
    q.pair = (void *)at;
    return q;
}

gn_quants gn_quants_part(const gn_quants *q, int first, int count) {
    gn_quants part = *q;
    part.tokens = count;
    part.code += (size_t)first * GN_QUANT * (size_t)q->width;
    part.scale += first;
    part.offset += first;
    if (q->width > 1) {
        part.shift += first;
        return part;
    }
    part.sum += first;
    part.half += 2 * (size_t)first;
    part.pair += first;
    return part;
}

gn_quants gn_quants_blocks(const gn_quants *q, int first, int count) {
    const size_t at = (size_t)first * (size_t)q->stride;
    return (gn_quants){.width = q->width,
                       .blocks = count,
                       .tokens = q->tokens,
                       .stride = q->stride,
                       .code = q->code + at * GN_QUANT,
                       .scale = q->scale + at,
                       .sum = q->sum + at,
                       .offset = q->offset + at,
                       .half = q->half + 2 * at,
                       .pair = q->pair + at};
}

typedef struct quantising {
    const gn_kernels *k;
    const gn_quants *q;
    gn_mat x;
    int rows; /* of a part */
} quantising;

static void quantise_part(void *arg, int part, int thread) {
    const quantising *j = arg;
    const int first = part * j->rows, left = j->x.rows - first;
    (void)thread;
    j->k->quantise[j->q->width - 1](j->q, j->x, first, left < j->rows ? left : j->rows);
}

void gn_quantise(gn_cpu *c, const gn_quants *q, gn_mat x) {
    quantising j = {gn_kernels_of(c), q, x, 8};
    if ((size_t)x.rows * (size_t)x.cols <= 16384)
        j.k->quantise[q->width - 1](q, x, 0, x.rows);
    else
        gn_pool_run(c->pool, (x.rows + j.rows - 1) / j.rows, quantise_part, &j);
}

size_t gn_pad_bytes(gn_mat x) {
    return x.cols % GN_F32_STEP ? align((size_t)x.rows * (size_t)gn_padded(x.cols) * 4) : 0;
}

gn_mat gn_pad(void *memory, gn_mat x) {
    if (x.cols % GN_F32_STEP == 0)
        return x;
    gn_mat to = {memory, x.rows, gn_padded(x.cols), gn_padded(x.cols)};
    memset(memory, 0, gn_pad_bytes(x));
    for (int t = 0; t < x.rows; t++)
        memcpy(gn_row(to, t), gn_row(x, t), (size_t)x.cols * sizeof(float));
    return to;
}

/* Rows that lie in the file's own blocks, widened to f32 with zeros up to a kernel's step. */
static void widen(float *to, const gn_weight *w, const uint8_t *from, int count) {
    const size_t row_bytes = gn_row_bytes(w->format, w->cols);
    const int padded = gn_padded(w->cols);
    for (int r = 0; r < count; r++, to += padded, from += row_bytes) {
        gn_format_of(w->format)->unpack(from, to, (size_t)w->cols);
        memset(to + w->cols, 0, (size_t)(padded - w->cols) * sizeof(float));
    }
}

/* gn_sgemm on BLAS_TOKENS tokens and BLAS_ROWS rows, whatever is asked. */
static void blas_part(float *y, size_t stride, const float *w, int rows, gn_mat x, float *block) {
    float *in = block, *out = block + (size_t)BLAS_TOKENS * (size_t)x.cols;
    for (int t = 0; t < x.rows; t += BLAS_TOKENS) {
        const int count = x.rows - t < BLAS_TOKENS ? x.rows - t : BLAS_TOKENS;
        memset(in, 0, (size_t)BLAS_TOKENS * (size_t)x.cols * sizeof(float));
        for (int i = 0; i < count; i++)
            memcpy(in + (size_t)i * (size_t)x.cols, gn_row(x, t + i),
                   (size_t)x.cols * sizeof(float));
        gn_sgemm(GN_AS_IS, GN_TURNED, BLAS_TOKENS, BLAS_ROWS, x.cols, 1.0f, in, x.cols, w, x.cols,
                 0.0f, out, BLAS_ROWS);
        for (int i = 0; i < count; i++)
            memcpy(y + (size_t)(t + i) * stride, out + (size_t)i * BLAS_ROWS,
                   (size_t)rows * sizeof(float));
    }
}

static void f32_product(gn_cpu *c, int thread, float *y, size_t stride, const gn_weight *w,
                        const uint8_t *from, int count, gn_mat x) {
    const gn_kernels *k = gn_kernels_of(c);
    const size_t row_bytes = gn_row_bytes(w->format, w->cols), wide = (size_t)x.cols;
    if (blas(c)) {
        const size_t floats = (BLAS_ROWS + BLAS_TOKENS) * wide + BLAS_ROWS * BLAS_TOKENS;
        float *rows = gn_cpu_scratch(c, thread, floats * sizeof(float));
        for (int r = 0; r < count; r += BLAS_ROWS) {
            const int some = count - r < BLAS_ROWS ? count - r : BLAS_ROWS;
            memset(rows + (size_t)some * wide, 0, (size_t)(BLAS_ROWS - some) * wide * 4);
            widen(rows, w, from + (size_t)r * row_bytes, some);
            blas_part(y + r, stride, rows, some, x, rows + BLAS_ROWS * wide);
        }
        return;
    }
    if (w->format == GN_BF16 && k->pairs && !c->exact && w->cols == x.cols) {
        uint16_t *aside = gn_cpu_scratch(c, thread, GN_PAIR_TOKENS * wide * sizeof *aside);
        k->pairs(y, stride, (gn_rows_of){from, row_bytes, w->format}, count, x, aside);
        return;
    }
    if (gn_format_of(w->format)->block == 1 && w->cols == x.cols) {
        k->rows(y, stride, (gn_rows_of){from, row_bytes, w->format}, count, x);
        return;
    }
    float *rows = gn_cpu_scratch(c, thread, GN_PANEL * wide * sizeof(float));
    for (int r = 0; r < count; r += GN_PANEL) {
        const int some = count - r < GN_PANEL ? count - r : GN_PANEL;
        widen(rows, w, from + (size_t)r * row_bytes, some);
        k->rows(y + r, stride, (gn_rows_of){rows, wide * sizeof(float), GN_F32}, some, x);
    }
}

/* Panels write GN_PANEL columns, so a last one that is not full goes through memory of ours. */
static void panel_product(gn_cpu *c, int thread, float *y, size_t stride, const gn_weight *w,
                          const uint8_t *from, int count, const gn_quants *q) {
    const bool packed = w->layout == GN_LAYOUT_PANELS;
    const size_t row_bytes = gn_row_bytes(w->format, w->cols);
    const size_t panel = gn_panel_bytes(w->format, w->cols);
    const size_t aside_bytes = align((size_t)q->tokens * GN_PANEL * sizeof(float));
    float *aside = gn_cpu_scratch(c, thread, aside_bytes + panel);
    uint8_t *repacked = (uint8_t *)aside + aside_bytes;
    void (*kernel)(float *, size_t, const void *, int, const gn_quants *) =
        gn_kernels_of(c)->panels[w->format];

    const int full = count / GN_PANEL;
    if (packed && full)
        kernel(y, stride, from, full, q);
    for (int p = packed ? full : 0; p * GN_PANEL < count; p++) {
        const int rows = count - p * GN_PANEL < GN_PANEL ? count - p * GN_PANEL : GN_PANEL;
        const void *at = from + (size_t)p * panel;
        if (!packed) {
            at = repacked;
            gn_panel_pack(repacked, from + (size_t)(p * GN_PANEL) * row_bytes, w->format, w->cols,
                          rows);
        }
        if (rows == GN_PANEL) {
            kernel(y + p * GN_PANEL, stride, at, 1, q);
            continue;
        }
        kernel(aside, GN_PANEL, at, 1, q);
        for (int t = 0; t < q->tokens; t++)
            memcpy(y + (size_t)t * stride + p * GN_PANEL, aside + (size_t)t * GN_PANEL,
                   (size_t)rows * sizeof(float));
    }
}

void gn_product_part(gn_cpu *c, int thread, float *y, size_t stride, const gn_weight *w, int i,
                     int first, int count, const gn_input *in) {
    w = gn_cpu_weight(c, w);
    const uint8_t *from = (const uint8_t *)w->data + (size_t)i * w->step;
    if (w->layout == GN_LAYOUT_PANELS)
        from += (size_t)(first / GN_PANEL) * gn_panel_bytes(w->format, w->cols);
    else
        from += (size_t)first * gn_row_bytes(w->format, w->cols);
    const int width = gn_reads_quants(c, w);
    if (width)
        panel_product(c, thread, y, stride, w, from, count, &in->q[width - 1]);
    else
        f32_product(c, thread, y, stride, w, from, count, in->x);
}

/* The products of one call, cut into parts of about PART_BYTES of weights. Memory likes to be
 * read on and on, so each thread begins with a stretch of neighbouring parts of its own; who has
 * done with his takes parts off the others', so that a thread that is not let run delays nobody. */
typedef struct job {
    gn_cpu *c;
    gn_input in;
    const gn_product *product;
    int n, parts, stretches;
    stretch *stretch;
} job;

/* Rows of a part: whole panels, whole blocks for OpenBLAS. */
static int part_rows(const gn_weight *w) {
    const size_t rows = PART_BYTES / gn_row_bytes(w->format, w->cols) / BLAS_ROWS * BLAS_ROWS;
    return rows < BLAS_ROWS ? BLAS_ROWS : (int)rows;
}

static int parts_of(const gn_weight *w) {
    const int rows = part_rows(w);
    return (w->rows + rows - 1) / rows;
}

static void linear_part(const job *j, int part, int thread) {
    const gn_product *p = j->product;
    while (part >= parts_of(p->w))
        part -= parts_of(p++->w);

    const int rows = part_rows(p->w), first = part * rows;
    const int count = p->w->rows - first < rows ? p->w->rows - first : rows;
    float *y = p->y.data + first;
    gn_product_part(j->c, thread, y, (size_t)p->y.stride, p->w, 0, first, count, &j->in);
    if (p->bias && p->bias->data) {
        const float *bias = gn_f32(p->bias) + first;
        for (int t = 0; t < p->y.rows; t++)
            for (int r = 0; r < count; r++)
                y[(size_t)t * (size_t)p->y.stride + (size_t)r] += bias[r];
    }
}

static void linear_stretch(void *arg, int first, int thread) {
    const job *j = arg;
    for (int i = 0; i < j->stretches; i++) {
        stretch *s = &j->stretch[(first + i) % j->stretches];
        for (int part;
             (part = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed)) < s->end;)
            linear_part(j, part, thread);
    }
}

static void cut_stretches(job *j) {
    for (int i = 0; i < j->stretches; i++) {
        atomic_init(&j->stretch[i].next, (int)((int64_t)j->parts * i / j->stretches));
        j->stretch[i].end = (int)((int64_t)j->parts * (i + 1) / j->stretches);
    }
}

void gn_cpu_linear(gn_device *d, gn_mat x, const gn_product *p, int n) {
    gn_cpu *c = gn_cpu_of(d);
    bool wanted[GN_WIDTHS + 1] = {false}; /* by width, f32 first */
    int parts = 0;
    for (int i = 0; i < n; i++) {
        parts += parts_of(p[i].w);
        wanted[gn_reads_quants(c, p[i].w)] = true;
    }
    if (!x.rows || !parts)
        return;

    size_t bytes[GN_WIDTHS + 1] = {wanted[0] ? gn_pad_bytes(x) : 0}, all = bytes[0];
    for (int width = 1; width <= GN_WIDTHS; width++) {
        bytes[width] = wanted[width] ? gn_quants_bytes(width, x.cols, x.rows) : 0;
        all += bytes[width];
    }
    uint8_t *shared = gn_cpu_shared(c, all);
    stretch stretches[STRETCHES];
    job j = {.c = c,
             .product = p,
             .n = n,
             .parts = parts,
             .stretches = c->threads < STRETCHES ? c->threads : STRETCHES,
             .stretch = stretches};
    if (j.stretches > parts)
        j.stretches = parts;
    if (wanted[0])
        j.in.x = gn_pad(shared, x);
    shared += bytes[0];
    for (int width = 1; width <= GN_WIDTHS; shared += bytes[width++]) {
        gn_quants *q = &j.in.q[width - 1];
        if (!wanted[width])
            continue;
        *q = gn_quants_in(shared, width, x.cols, x.rows);
        gn_quantise(c, q, x);
    }
    cut_stretches(&j);
    gn_pool_run(c->pool, j.stretches, linear_stretch, &j);
}

void gn_cpu_embed(gn_device *d, gn_mat x, const gn_weight *table, const int32_t *token,
                  float scale) {
    gn_cpu *c = gn_cpu_of(d);
    table = gn_cpu_weight(c, table);
    const size_t row_bytes = gn_row_bytes(table->format, table->cols);
    uint8_t *row = gn_cpu_scratch(c, 0, row_bytes);
    for (int t = 0; t < x.rows; t++) {
        const uint8_t *from = table->data;
        if (table->layout == GN_LAYOUT_PANELS) {
            from += (size_t)(token[t] / GN_PANEL) * gn_panel_bytes(table->format, table->cols);
            gn_panel_row(row, from, table->format, table->cols, token[t] % GN_PANEL);
            from = row;
        } else {
            from += (size_t)token[t] * row_bytes;
        }
        float *to = gn_row(x, t);
        gn_format_of(table->format)->unpack(from, to, (size_t)x.cols);
        for (int i = 0; i < x.cols; i++)
            to[i] *= scale;
    }
}
