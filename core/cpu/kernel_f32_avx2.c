/* kernel_f32_avx2.c - products of f32, f16 and bf16 rows, eight lanes along k.
 *
 * A tile of R rows and N tokens keeps R N vectors of partial sums; each is the
 * chain of multiply-adds that a tile of one row and one token would form, so
 * the tile is a matter of speed alone.
 */
#include "core/cpu/kernel_f32.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 8, ROWS = 3, TOKENS = 4 };

INLINE __m256 load(const uint8_t *row, int k, const int format) {
    if (format == GN_F32)
        return _mm256_loadu_ps((const float *)(const void *)row + k);
    const __m128i v = _mm_loadu_si128((const void *)(row + 2 * (size_t)k));
    if (format == GN_F16)
        return _mm256_cvtph_ps(v);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16));
}

/* Halves onto halves, down to one. */
INLINE float join(__m256 v) {
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_shuffle_ps(b, b, 1)));
}

INLINE void tile(float *y, size_t stride, gn_rows_of w, int r, gn_mat x, int t, const int R,
                 const int N, const int format) {
    const int size = format == GN_F32 ? 4 : 2;
    const uint8_t *row[ROWS];
    const float *in[TOKENS];
    __m256 s[ROWS][TOKENS];
    for (int i = 0; i < R; i++)
        row[i] = (const uint8_t *)w.data + (size_t)(r + i) * w.step;
    for (int n = 0; n < N; n++)
        in[n] = gn_row(x, t + n);
#pragma GCC unroll 4
    for (int i = 0; i < R; i++)
#pragma GCC unroll 4
        for (int n = 0; n < N; n++)
            s[i][n] = _mm256_setzero_ps();
    for (int k = 0; k < x.cols; k += LANES) {
        __m256 v[ROWS];
        if (R > 1 && t == 0) /* the next band, one line after another */
            for (int at = 0; at < R * LANES * size; at += 64)
                _mm_prefetch((const char *)row[0] + R * w.step + (size_t)(k * R * size + at),
                             _MM_HINT_T0);
#pragma GCC unroll 4
        for (int i = 0; i < R; i++)
            v[i] = load(row[i], k, format);
#pragma GCC unroll 4
        for (int n = 0; n < N; n++) {
            const __m256 a = _mm256_loadu_ps(in[n] + k);
#pragma GCC unroll 4
            for (int i = 0; i < R; i++)
                s[i][n] = _mm256_fmadd_ps(v[i], a, s[i][n]);
        }
    }
#pragma GCC unroll 4
    for (int n = 0; n < N; n++)
#pragma GCC unroll 4
        for (int i = 0; i < R; i++)
            y[(size_t)(t + n) * stride + (size_t)(r + i)] = join(s[i][n]);
}

/* R rows and every token. */
INLINE void band(float *y, size_t stride, gn_rows_of w, int r, gn_mat x, const int R,
                 const int format) {
    int t = 0;
    for (; t + TOKENS <= x.rows; t += TOKENS)
        tile(y, stride, w, r, x, t, R, TOKENS, format);
    for (; t + 2 <= x.rows; t += 2)
        tile(y, stride, w, r, x, t, R, 2, format);
    if (t < x.rows)
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

void gn_rows_avx2(float *y, size_t stride, gn_rows_of w, int rows, gn_mat x) {
    if (w.format == GN_F32)
        bands(y, stride, w, rows, x, GN_F32);
    else if (w.format == GN_F16)
        bands(y, stride, w, rows, x, GN_F16);
    else
        bands(y, stride, w, rows, x, GN_BF16);
}
