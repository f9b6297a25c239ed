/* kernel.h - the inner loops of products with a weight, one table an instruction set.
 *
 * Two families. The f32 family sums a row in `lanes` partial sums, lane l
 * taking k = l, l + lanes, ... in order, joined in halves: the same for one
 * token and for a tile of many. The integer family reads panels: GN_PANEL rows
 * of a quantised weight with their blocks side by side, so that a vector lane
 * is a row. Its activations are integers in blocks of 32, of 8 bits or, for
 * weights of 8 bits, of 16, beside whose error that of 8 would be seen. The dot
 * product of a block is an exact integer, and one chain of fused multiply-adds
 * per output joins the blocks in order. How tokens and rows are tiled can
 * therefore change no bit, nor can the instruction set.
 */
#ifndef GN_CPU_KERNEL_H
#define GN_CPU_KERNEL_H

#include "core/cpu/internal.h"

enum {
    GN_PANEL = 16,      /* rows of a panel */
    GN_QUANT = 32,      /* activations of a block */
    GN_SHIFT = 4,       /* most that a block of wide codes is shifted by: 31 bits hold no more */
    GN_WIDTHS = 2,      /* bytes of their codes: one, or two */
    GN_F32_STEP = 16,   /* columns of the f32 kernels are a multiple of this */
    GN_PAIR_TOKENS = 96 /* rounded to bf16 at once */
};

/* gn_weight.layout */
enum { GN_LAYOUT_ROWS, GN_LAYOUT_PANELS, GN_LAYOUT_LATE /* + its place in gn_cpu.late */ };

/* Activations as integers, block after block, tokens side by side: token t of block b is at
 * [b * stride + t]. Narrow codes have a scale for each block, x = scale * code. Wide ones have a
 * scale for each token, as that costs a product nothing, and a shift for each block: x = scale *
 * (code << shift), of which the blocks without large values keep the lowest bits. How the bytes of
 * a block of wide codes lie is a matter of the instruction set (kernel_int.h). */
typedef struct gn_quants {
    int width; /* bytes of a code: 1, narrow, or 2, wide */
    int blocks, tokens, stride;
    int8_t *code;    /* [blocks, stride, 32 * width] */
    float *scale;    /* [blocks, stride], wide: [stride] */
    int32_t *offset; /* -128 times the sum of the codes, wide: of their upper bytes */
    int32_t *shift;  /* wide: 0 to GN_SHIFT */
    float *sum;      /* the rest is for narrow codes: scale times the sum of the codes */
    int32_t *half;   /* [blocks, stride, 2]: offset of each 16 codes */
    int32_t *pair;   /* the sums of each 16 codes as two i16, the first below */
} gn_quants;

/* How many matrices side by side, and which rows of them, an f32 kernel takes. */
typedef struct gn_rows_of {
    const void *data;
    size_t step; /* bytes from one row to the next */
    int format;  /* GN_F32, GN_F16 or GN_BF16 */
} gn_rows_of;

typedef struct gn_kernels {
    /* y[t * stride + r] = sum_k w[r][k] x[t][k] for r < rows, every token of x;
     * x.cols is a multiple of GN_F32_STEP. */
    void (*rows)(float *y, size_t stride, gn_rows_of w, int rows, gn_mat x);
    /* The same for bf16 rows, with x rounded to bf16. aside: GN_PAIR_TOKENS tokens of x. NULL: the
     * processor has no such products. */
    void (*pairs)(float *y, size_t stride, gn_rows_of w, int rows, gn_mat x, uint16_t *aside);
    /* Rows [first, first + count) of x into tokens of the same number of q, by its width. NULL:
     * no integers. */
    void (*quantise[GN_WIDTHS])(const gn_quants *q, gn_mat x, int first, int count);
    /* y[t * stride + r] for the GN_PANEL rows of each of `panels` panels that lie one after
     * another, r going on from panel to panel; every token of x. */
    void (*panels[GN_FORMATS])(float *y, size_t stride, const void *panel, int panels,
                               const gn_quants *x);
} gn_kernels;

extern const gn_kernels gn_kernels_plain, gn_kernels_avx2, gn_kernels_avx512, gn_kernels_avx512bf16;
const gn_kernels *gn_kernels_of(const gn_cpu *c);

/* What a product reads: rows as f32, and as integers of a width where a weight of the list wants
 * that. */
typedef struct gn_input {
    gn_mat x;
    gn_quants q[GN_WIDTHS]; /* by width - 1 */
} gn_input;

/* The width of the integers that products with w take their input as; 0: they take f32. */
int gn_reads_quants(const gn_cpu *c, const gn_weight *w);
/* Bytes of gn_quants for so many tokens of so many columns; laying one out in memory. */
size_t gn_quants_bytes(int width, int cols, int tokens);
gn_quants gn_quants_in(void *memory, int width, int cols, int tokens);
/* Tokens [first, first + count) of q. */
gn_quants gn_quants_part(const gn_quants *q, int first, int count);
/* Blocks [first, first + count) of q, which is narrow. */
gn_quants gn_quants_blocks(const gn_quants *q, int first, int count);
void gn_quantise(gn_cpu *c, const gn_quants *q, gn_mat x);

/* Columns an f32 product reads: cols and zeros up to a multiple of GN_F32_STEP. */
static inline int gn_padded(int cols) {
    return (cols + GN_F32_STEP - 1) / GN_F32_STEP * GN_F32_STEP;
}
/* x itself, or a copy with zeros behind each row where its columns need padding. */
size_t gn_pad_bytes(gn_mat x);
gn_mat gn_pad(void *memory, gn_mat x);

/* y[t * stride + r - first] = rows [first, first + count) of matrix i of w times every row of
 * the input (padded, quantised). first is a multiple of GN_PANEL. By one thread. */
void gn_product_part(gn_cpu *c, int thread, float *y, size_t stride, const gn_weight *w, int i,
                     int first, int count, const gn_input *in);

/* Bytes of a panel of a format with cols columns. */
size_t gn_panel_bytes(int format, int cols);
/* GN_PANEL rows of a weight's blocks, rows from `rows` on as zeros, to a panel; and row r back. */
void gn_panel_pack(void *panel, const void *data, int format, int cols, int rows);
void gn_panel_row(void *row, const void *panel, int format, int cols, int r);

#endif
