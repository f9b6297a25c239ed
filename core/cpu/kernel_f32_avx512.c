/* kernel_f32_avx512.c - products of rows with f32 tokens, on AVX-512 (rows_avx512.h). */
#include "core/cpu/rows_avx512.h"

void gn_rows_avx512(float *y, size_t stride, gn_rows_of w, int rows, gn_mat x) {
    const reading in = {(const uint8_t *)x.data, (size_t)x.stride * sizeof(float), x.rows, x.cols};
    if (w.format == GN_F32)
        columns(y, stride, w, rows, in, F32_F32);
    else if (w.format == GN_F16)
        columns(y, stride, w, rows, in, F16_F32);
    else
        columns(y, stride, w, rows, in, BF16_F32);
}
