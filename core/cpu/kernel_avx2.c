/* kernel_avx2.c - the table of AVX2 with FMA and F16C. */
#include "core/cpu/kernel_f32.h"

const gn_kernels gn_kernels_avx2 = {.rows = gn_rows_avx2};
