/* kernel_f32.h - the f32 family of each instruction set (kernel.h, gn_kernels.rows). */
#ifndef GN_CPU_KERNEL_F32_H
#define GN_CPU_KERNEL_F32_H

#include "core/cpu/kernel.h"

void gn_rows_avx2(float *y, size_t stride, gn_rows_of w, int rows, gn_mat x);
void gn_rows_avx512(float *y, size_t stride, gn_rows_of w, int rows, gn_mat x);

#endif
