/* kernel_avx512.c - the table of AVX-512 F, BW, DQ, VL with VNNI. */
#include "core/cpu/kernel_f32.h"

const gn_kernels gn_kernels_avx512 = {.rows = gn_rows_avx512};
