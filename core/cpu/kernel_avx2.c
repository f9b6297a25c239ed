/* kernel_avx2.c - the table of AVX2 with FMA and F16C. */
#include "core/cpu/kernel_f32.h"
#include "core/cpu/kernel_int.h"

static void quantise(const gn_quants *q, gn_mat x, int first, int count) {
    gn_quantise_rows(q, x, first, count);
}

static void quantise_wide(const gn_quants *q, gn_mat x, int first, int count) {
    gn_quantise_wide(q, x, first, count, gn_put_pairs);
}

#define ENTRY(name, format) [format] = gn_panels_##name##_avx2,

const gn_kernels gn_kernels_avx2 = {.rows = gn_rows_avx2,
                                    .quantise = {quantise, quantise_wide},
                                    .panels = {GN_PANEL_FORMATS(ENTRY)}};
