/* rows_avx512.h - products of f32, f16 and bf16 rows, sixteen lanes along k.
 *
 * A tile of R rows and N tokens keeps R N vectors of partial sums; each is the
 * chain of multiply-adds that a tile of one row and one token would form, so
 * the tile is a matter of speed alone. Tokens go outside and rows inside: the
 * tokens of a tile stay in the first cache while the rows of a part, which the
 * second holds, go by.
 */
#ifndef GN_CPU_ROWS_AVX512_H
#define GN_CPU_ROWS_AVX512_H

#include "core/cpu/kernel_f32.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

enum { ROWS = 4, TOKENS = 6 };

/* What is multiplied: rows widened to f32 with f32 tokens, or bf16 as it is with tokens rounded
 * to bf16, two columns a lane. */
typedef enum terms { F32_F32, F16_F32, BF16_F32, BF16_PAIRS } terms;

INLINE int columns_of(const terms kind) { return kind == BF16_PAIRS ? 32 : 16; }
INLINE int bytes_of(const terms kind) { return kind == F32_F32 ? 4 : 2; }

/* Columns of a row from k on; all of a step unless some = 16 of a step of pairs. */
INLINE __m512 load_row(const uint8_t *row, int k, const int some, const terms kind) {
    const uint8_t *at = row + (size_t)k * (size_t)bytes_of(kind);
    if (kind == F32_F32)
        return _mm512_loadu_ps((const float *)(const void *)at);
    if (kind == BF16_PAIRS && some == 32)
        return _mm512_castsi512_ps(_mm512_loadu_si512(at));
    const __m256i v = _mm256_loadu_si256((const void *)at);
    if (kind == BF16_PAIRS)
        return _mm512_castsi512_ps(_mm512_inserti64x4(_mm512_setzero_si512(), v, 0));
    if (kind == F16_F32)
        return _mm512_cvtph_ps(v);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16));
}

INLINE __m512 add_product(__m512 sum, __m512 w, __m512 x, const terms kind) {
#ifdef GN_ROWS_IN_PAIRS
    if (kind == BF16_PAIRS)
        return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)w);
#endif
    (void)kind;
    return _mm512_fmadd_ps(w, x, sum);
}

/* Halves onto halves, down to one. */
INLINE float join(__m512 v) {
    const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_shuffle_ps(b, b, 1)));
}

/* The same of four at once: the same additions, side by side. */
INLINE __m128 join4(__m512 a, __m512 b, __m512 c, __m512 d) {
    const __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), /* halves of both */
                                    _mm512_shuffle_f32x4(a, b, 0xee));
    const __m512 cd =
        _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
    __m512 v = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), /* quarters of the four */
                             _mm512_shuffle_f32x4(ab, cd, 0xdd));
    v = _mm512_add_ps(v, _mm512_shuffle_ps(v, v, 0xee));
    v = _mm512_add_ps(v, _mm512_shuffle_ps(v, v, 1));
    const __m512i firsts = _mm512_castsi128_si512(_mm_setr_epi32(0, 4, 8, 12));
    return _mm512_castps512_ps128(_mm512_permutexvar_ps(firsts, v));
}

/* Rows and tokens of a tile, from column k on. */
INLINE void multiply_step(__m512 s[ROWS][TOKENS], const uint8_t *const *row,
                          const uint8_t *const *in, int k, const int some, const int R, const int N,
                          const terms kind) {
    const terms of_token = kind == BF16_PAIRS ? BF16_PAIRS : F32_F32;
    __m512 v[ROWS];
#pragma GCC unroll 4
    for (int i = 0; i < R; i++)
        v[i] = load_row(row[i], k, some, kind);
#pragma GCC unroll 6
    for (int n = 0; n < N; n++) {
        const __m512 a = load_row(in[n], k, some, of_token);
#pragma GCC unroll 4
        for (int i = 0; i < R; i++)
            s[i][n] = add_product(s[i][n], v[i], a, kind);
    }
}

/* The tokens of a tile as the products read them. */
typedef struct reading {
    const uint8_t *data;
    size_t step; /* bytes from one token to the next */
    int tokens, cols;
} reading;

INLINE void tile(float *y, size_t stride, gn_rows_of w, int r, reading x, int t, const int R,
                 const int N, const terms kind) {
    const int step = columns_of(kind), size = bytes_of(kind);
    const uint8_t *row[ROWS], *in[TOKENS];
    __m512 s[ROWS][TOKENS];
    for (int i = 0; i < R; i++)
        row[i] = (const uint8_t *)w.data + (size_t)(r + i) * w.step;
    for (int n = 0; n < N; n++)
        in[n] = x.data + (size_t)(t + n) * x.step;
#pragma GCC unroll 4
    for (int i = 0; i < R; i++)
#pragma GCC unroll 6
        for (int n = 0; n < N; n++)
            s[i][n] = _mm512_setzero_ps();
    int k = 0;
    for (; k + step <= x.cols; k += step) {
        if (R > 1 && t == 0) /* the next band, one line after another */
            for (int at = 0; at < R * step * size; at += 64)
                _mm_prefetch((const char *)row[0] + R * w.step + (size_t)(k * R * size + at),
                             _MM_HINT_T0);
        multiply_step(s, row, in, k, step, R, N, kind);
    }
    if (kind == BF16_PAIRS && k < x.cols)
        multiply_step(s, row, in, k, 16, R, N, kind);
#pragma GCC unroll 6
    for (int n = 0; n < N; n++) {
        float *to = y + (size_t)(t + n) * stride + (size_t)r;
        if (R == ROWS)
            _mm_storeu_ps(to, join4(s[0][n], s[1][n], s[2][n], s[3][n]));
        else
            *to = join(s[0][n]);
    }
}

/* N tokens and every row. */
INLINE void column(float *y, size_t stride, gn_rows_of w, int rows, reading x, int t, const int N,
                   const terms kind) {
    int r = 0; /* a few tokens are a matter of memory, which likes to be read row by row */
    for (; x.tokens > 3 && r + ROWS <= rows; r += ROWS)
        tile(y, stride, w, r, x, t, ROWS, N, kind);
    for (; r < rows; r++)
        tile(y, stride, w, r, x, t, 1, N, kind);
}

INLINE void columns(float *y, size_t stride, gn_rows_of w, int rows, reading x, const terms kind) {
    int t = 0, left = x.tokens;
    for (; left >= 6 && left != 8; left -= 6, t += 6)
        column(y, stride, w, rows, x, t, 6, kind);
    for (; left >= 4; left -= 4, t += 4)
        column(y, stride, w, rows, x, t, 4, kind);
    for (; left >= 2; left -= 2, t += 2)
        column(y, stride, w, rows, x, t, 2, kind);
    if (left)
        column(y, stride, w, rows, x, t, 1, kind);
}

#endif
