/* kernel_avx512bf16.c - the table of AVX-512 with VNNI and BF16.
 *
 * bf16 rows meet tokens rounded to bf16, two products to a lane and an
 * instruction: twice the arithmetic of f32, and what a bf16 checkpoint was
 * trained with. Tokens are rounded some at a time, so that those under way and
 * the rows of a part lie in the second cache together. All else is AVX-512's.
 */
#include "core/cpu/kernel_int.h"
#define GN_ROWS_IN_PAIRS
#include "core/cpu/rows_avx512.h"

static void narrow(uint16_t *to, gn_mat x, int first, int count) {
    for (int t = first; t < first + count; t++)
        for (int k = 0; k < x.cols; k += 16, to += 16)
            _mm256_storeu_si256((void *)to,
                                (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(gn_row(x, t) + k)));
}

static void pairs(float *y, size_t stride, gn_rows_of w, int rows, gn_mat x, uint16_t *aside) {
    for (int t = 0; t < x.rows; t += GN_PAIR_TOKENS) {
        const int count = x.rows - t < GN_PAIR_TOKENS ? x.rows - t : GN_PAIR_TOKENS;
        narrow(aside, x, t, count);
        const reading in = {(const uint8_t *)aside, (size_t)x.cols * sizeof *aside, count, x.cols};
        columns(y + (size_t)t * stride, stride, w, rows, in, BF16_PAIRS);
    }
}

static void quantise(const gn_quants *q, gn_mat x, int first, int count) {
    gn_quantise_rows(q, x, first, count);
}

static void quantise_wide(const gn_quants *q, gn_mat x, int first, int count) {
    gn_quantise_wide(q, x, first, count, gn_put_bytes);
}

#define ENTRY(name, format) [format] = gn_panels_##name##_avx512,

const gn_kernels gn_kernels_avx512bf16 = {.rows = gn_rows_avx512,
                                          .pairs = pairs,
                                          .quantise = {quantise, quantise_wide},
                                          .panels = {GN_PANEL_FORMATS(ENTRY)}};
