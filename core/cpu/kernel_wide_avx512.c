/* kernel_wide_avx512.c - products of Q8_0 panels with activations of 16 bits, AVX-512 with VNNI.
 *
 * VNNI multiplies bytes without sign by bytes with one. The upper bytes of the
 * activations have a sign and meet weights with 128 added; their lower bytes
 * have none and meet the weights as they are. So a block is two integer
 * products, 256 times the first and the second, read from memory as it lies.
 */
#include "core/cpu/blocks_avx512.h"

#include <string.h>

enum { TILE = 12 };

/* Four bytes of one token for every row. */
INLINE __m512i all4(const int8_t *code) {
    int32_t v;
    memcpy(&v, code, 4);
    return _mm512_set1_epi32(v);
}

/* dot[n] += the weights' bytes times the lower bytes of N tokens side by side. */
INLINE void lower_dots(__m512i *dot, const uint8_t *at, const int8_t *x, const int N) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) {
        const __m512i w = word(at, j);
#pragma GCC unroll 12
        for (int n = 0; n < N; n++)
            dot[n] = _mm512_dpbusd_epi32(dot[n], all4(x + 2 * GN_QUANT * n + GN_QUANT + 4 * j), w);
    }
}

/* dot[n] = the weights' bytes times the upper bytes. */
INLINE void upper_dots(__m512i *dot, const uint8_t *at, const int8_t *x, const int32_t *offset,
                       const int N) {
#pragma GCC unroll 12
    for (int n = 0; n < N; n++)
        dot[n] = ints(offset[n]);
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) {
        const __m512i w = _mm512_xor_si512(word(at, j), bytes(128));
#pragma GCC unroll 12
        for (int n = 0; n < N; n++)
            dot[n] = _mm512_dpbusd_epi32(dot[n], w, all4(x + 2 * GN_QUANT * n + 4 * j));
    }
}

/* The integers of a block with tokens [i, i + N). */
INLINE void multiply(__m512i *dot, const uint8_t *at, const gn_quants *x, size_t i, const int N) {
    const int8_t *code = x->code + i * 2 * GN_QUANT;
    upper_dots(dot, at, code, x->offset + i, N);
    if (N <= 2) { /* two short chains rather than a long one */
        __m512i rest[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
        lower_dots(rest, at, code, N);
        for (int n = 0; n < N; n++)
            dot[n] = _mm512_add_epi32(_mm512_slli_epi32(dot[n], 8), rest[n]);
        return;
    }
#pragma GCC unroll 12
    for (int n = 0; n < N; n++)
        dot[n] = _mm512_slli_epi32(dot[n], 8);
    lower_dots(dot, at, code, N);
}

/* Tokens [t, t + N) with one panel, of which they are tile `turn`. */
INLINE void tile(float *y, size_t stride, const uint8_t *panel, const gn_quants *x, int t,
                 const int N, int turn) {
    __m512 s[TILE];
#pragma GCC unroll 12
    for (int n = 0; n < N; n++)
        s[n] = _mm512_setzero_ps();
    size_t i = (size_t)t;
    for (int b = 0; b < x->blocks; b++, i += (size_t)x->stride) {
        const uint8_t *at = panel + gn_panel_word((size_t)b, GN_Q8_0);
        const __m512 d = halves(panel + gn_panel_half((size_t)b, GN_Q8_0));
        __m512i dot[TILE];
        multiply(dot, at, x, i, N);
#pragma GCC unroll 12
        for (int n = 0; n < N; n++) {
            dot[n] = _mm512_sllv_epi32(dot[n], ints(x->shift[i + (size_t)n]));
            s[n] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot[n]), d, s[n]);
        }
        if (turn == 0)
            ask_soon(at, N, GN_Q8_0);
    }
#pragma GCC unroll 12
    for (int n = 0; n < N; n++)
        _mm512_storeu_ps(y + (size_t)(t + n) * stride,
                         _mm512_mul_ps(s[n], _mm512_set1_ps(x->scale[t + n])));
}

/* Every token with one panel. */
INLINE void tiles(float *y, size_t stride, const uint8_t *panel, const gn_quants *x) {
    int t = 0, turn = 0;
    for (; x->tokens - t >= TILE && x->tokens - t != 16; t += TILE)
        tile(y, stride, panel, x, t, TILE, turn++);
    for (; t + 8 <= x->tokens; t += 8)
        tile(y, stride, panel, x, t, 8, turn++);
    for (; t + 4 <= x->tokens; t += 4)
        tile(y, stride, panel, x, t, 4, turn++);
    for (; t + 2 <= x->tokens; t += 2)
        tile(y, stride, panel, x, t, 2, turn++);
    if (t < x->tokens)
        tile(y, stride, panel, x, t, 1, turn);
}

void gn_panels_q8_0_avx512(float *y, size_t stride, const void *panel, int panels,
                           const gn_quants *x) {
    const size_t size = gn_panel_bytes(GN_Q8_0, x->blocks * GN_QUANT);
    for (int p = 0; p < panels; p++)
        tiles(y + GN_PANEL * p, stride, (const uint8_t *)panel + (size_t)p * size, x);
}
