/* kernel_f32_avx512.c - products of f32, f16 and bf16 rows, sixteen lanes along k.
 *
 * A tile of R rows and N tokens keeps R N vectors of partial sums; each is the
 * chain of multiply-adds that a tile of one row and one token would form, so
 * the tile is a matter of speed alone.
 */
#include "core/cpu/kernel_f32.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16, ROWS = 4, TOKENS = 6 };

INLINE __m512 load(const uint8_t *row, int k, const int format) {
    if (format == GN_F32)
        return _mm512_loadu_ps((const float *)(const void *)row + k);
    const __m256i v = _mm256_loadu_si256((const void *)(row + 2 * (size_t)k));
    if (format == GN_F16)
        return _mm512_cvtph_ps(v);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16));
}

/* Halves onto halves, down to one. */
INLINE float join(__m512 v) {
    const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_shuffle_ps(b, b, 1)));
}

INLINE void tile(float *y, size_t stride, gn_rows_of w, int r, gn_mat x, int t, const int R,
                 const int N, const int format) {
    const int size = format == GN_F32 ? 4 : 2;
    const uint8_t *row[ROWS];
    const float *in[TOKENS];
    __m512 s[ROWS][TOKENS];
    for (int i = 0; i < R; i++)
        row[i] = (const uint8_t *)w.data + (size_t)(r + i) * w.step;
    for (int n = 0; n < N; n++)
        in[n] = gn_row(x, t + n);
#pragma GCC unroll 4
    for (int i = 0; i < R; i++)
#pragma GCC unroll 6
        for (int n = 0; n < N; n++)
            s[i][n] = _mm512_setzero_ps();
    for (int k = 0; k < x.cols; k += LANES) {
        __m512 v[ROWS];
        if (R > 1 && t == 0) /* the next band, one line after another */
            for (int at = 0; at < R * LANES * size; at += 64)
                _mm_prefetch((const char *)row[0] + R * w.step + (size_t)(k * R * size + at),
                             _MM_HINT_T0);
#pragma GCC unroll 4
        for (int i = 0; i < R; i++)
            v[i] = load(row[i], k, format);
#pragma GCC unroll 6
        for (int n = 0; n < N; n++) {
            const __m512 a = _mm512_loadu_ps(in[n] + k);
#pragma GCC unroll 4
            for (int i = 0; i < R; i++)
                s[i][n] = _mm512_fmadd_ps(v[i], a, s[i][n]);
        }
    }
#pragma GCC unroll 6
    for (int n = 0; n < N; n++)
#pragma GCC unroll 4
        for (int i = 0; i < R; i++)
            y[(size_t)(t + n) * stride + (size_t)(r + i)] = join(s[i][n]);
}

/* R rows and every token. */
INLINE void band(float *y, size_t stride, gn_rows_of w, int r, gn_mat x, const int R,
                 const int format) {
    int t = 0, left = x.rows;
    for (; left >= 6 && left != 8; left -= 6, t += 6)
        tile(y, stride, w, r, x, t, R, 6, format);
    for (; left >= 4; left -= 4, t += 4)
        tile(y, stride, w, r, x, t, R, 4, format);
    for (; left >= 2; left -= 2, t += 2)
        tile(y, stride, w, r, x, t, R, 2, format);
    if (left)
        tile(y, stride, w, r, x, t, R, 1, format);
}

INLINE void bands(float *y, size_t stride, gn_rows_of w, int rows, gn_mat x, const int format) {
    int r = 0; /* a few tokens are a matter of memory, which likes to be read row by row */
    for (; x.rows <= 3 && r < rows; r++)
        band(y, stride, w, r, x, 1, format);
    for (; r + ROWS <= rows; r += ROWS)
        band(y, stride, w, r, x, ROWS, format);
    for (; r < rows; r++)
        band(y, stride, w, r, x, 1, format);
}

void gn_rows_avx512(float *y, size_t stride, gn_rows_of w, int rows, gn_mat x) {
    if (w.format == GN_F32)
        bands(y, stride, w, rows, x, GN_F32);
    else if (w.format == GN_F16)
        bands(y, stride, w, rows, x, GN_F16);
    else
        bands(y, stride, w, rows, x, GN_BF16);
}
