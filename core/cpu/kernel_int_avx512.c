/* kernel_int_avx512.c - products of panels on AVX-512 with VNNI.
 *
 * A tile is one panel and up to TILE tokens. Blocks are widened to bytes on
 * their way from memory, for every tile anew: that costs less than writing them
 * down. An output is always the same chain: exact integers of a block, one
 * multiply-add, block after block.
 */
#include "core/cpu/blocks_avx512.h"

#include <string.h>

enum { TILE = 8 };

/* Four codes of one token for every row. */
INLINE __m512i all4(const int8_t *code) {
    int32_t v;
    memcpy(&v, code, 4);
    return _mm512_set1_epi32(v);
}

/* sum[n] += code·x over vectors [first, first + count) of a group, for N tokens side by side. */
INLINE void dots(__m512i *sum, const uint8_t *at, const int8_t *x, const int N, const int first,
                 const int count, const int format, const int g) {
#pragma GCC unroll 8
    for (int j = first; j < first + count; j++) {
        const __m512i code = code_of(format, at, g, j);
#pragma GCC unroll 8
        for (int n = 0; n < N; n++)
            sum[n] = _mm512_dpbusd_epi32(sum[n], code, all4(x + GN_QUANT * n + 4 * j));
    }
}

/* The integers of a group with tokens [i, i + N). */
INLINE void multiply(__m512i *dot, const uint8_t *at, const block *b, const gn_quants *x, size_t i,
                     const int N, const kind k, const int format, const int g) {
    const int8_t *code = x->code + i * GN_QUANT;
    const bool grouped = k == GROUPED || k == MINIMUM;
    __m512i rest[TILE];
#pragma GCC unroll 8
    for (int n = 0; n < N; n++)
        dot[n] = k == SCALED  ? ints(x->offset[i + (size_t)n])
                 : k == LINED ? _mm512_setzero_si512()
                              : ints(x->half[2 * (i + (size_t)n)]);
    if (!grouped && N > 2) { /* enough chains side by side */
        dots(dot, at, code, N, 0, 8, format, g);
        return;
    }
    dots(dot, at, code, N, 0, 4, format, g);
#pragma GCC unroll 8
    for (int n = 0; n < N; n++)
        dot[n] = grouped ? _mm512_mullo_epi32(b->a, dot[n]) : dot[n];
#pragma GCC unroll 8
    for (int n = 0; n < N; n++)
        rest[n] = grouped ? ints(x->half[2 * (i + (size_t)n) + 1]) : _mm512_setzero_si512();
    dots(rest, at, code, N, 4, 4, format, g);
#pragma GCC unroll 8
    for (int n = 0; n < N; n++)
        dot[n] = _mm512_add_epi32(dot[n], grouped ? _mm512_mullo_epi32(b->b, rest[n]) : rest[n]);
}

/* y + what a block, multiplied out, gives with token i. */
INLINE __m512 join(__m512 y, __m512i dot, const block *b, const gn_quants *x, size_t i,
                   const kind k) {
    const __m512 scale = _mm512_set1_ps(x->scale[i]);
    y = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), _mm512_mul_ps(b->d, scale), y);
    if (k == LINED)
        y = _mm512_fmadd_ps(b->m, _mm512_set1_ps(x->sum[i]), y);
    if (k == MINIMUM) {
        const __m512i sums = _mm512_madd_epi16(b->n, ints(x->pair[i]));
        y = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums), _mm512_mul_ps(b->m, scale), y);
    }
    return y;
}

/* How far behind what a tile reads the lines lie that it asks of memory meanwhile, of a block with
 * groups those of even numbers and the others. Of several tiles, which read the same panel, the
 * first two ask for the next one, a half each. The others, and an only one, ask for what is there,
 * which costs less than a branch. */
typedef struct ahead {
    size_t even, odd;
} ahead;

/* turn: which tile of the panel it is, from 0; only: there is no other. */
INLINE ahead ahead_of(bool only, int turn, size_t panel_bytes) {
    return (ahead){!only && turn == 0 ? panel_bytes : 0, !only && turn == 1 ? panel_bytes : 0};
}

/* Tokens [t, t + N) with one panel of `size` bytes, of which they are tile `turn`. */
INLINE void tile(float *y, size_t stride, const uint8_t *panel, const gn_quants *x, int t,
                 const int N, int turn, const int format, size_t size) {
    const kind k = kind_of(format);
    const int groups = gn_panel_groups(format), lines = gn_panel_words(format);
    const ahead far = ahead_of(N == x->tokens, turn, size);
    __m512 s[TILE];
#pragma GCC unroll 8
    for (int n = 0; n < N; n++)
        s[n] = _mm512_setzero_ps();
    size_t i = (size_t)t;
    for (int b = 0; b < x->blocks / groups; b++) {
        const uint8_t *at = panel + gn_panel_word((size_t)b, format);
        const uint8_t *half = panel + gn_panel_half((size_t)b, format);
#pragma GCC unroll 8
        for (int g = 0; g < groups; g++, i += (size_t)x->stride) {
            const block w = scales_of(format, at, half, g);
            __m512i dot[TILE];
            multiply(dot, at, &w, x, i, N, k, format, g);
#pragma GCC unroll 8
            for (int n = 0; n < N; n++)
                s[n] = join(s[n], dot[n], &w, x, i + (size_t)n, k);
            for (int line = g * lines / groups; groups > 1 && line < (g + 1) * lines / groups;
                 line++)
                _mm_prefetch((const char *)at + (line % 2 ? far.odd : far.even) + 64 * line,
                             _MM_HINT_T0);
        }
        if (groups > 1 ? N == x->tokens : turn == 0)
            ask_soon(at, N, format);
    }
#pragma GCC unroll 8
    for (int n = 0; n < N; n++)
        _mm512_storeu_ps(y + (size_t)(t + n) * stride, s[n]);
}

/* Every token with one panel. */
INLINE void tiles(float *y, size_t stride, const uint8_t *panel, const gn_quants *x,
                  const int format, size_t size) {
    int t = 0, turn = 0;
    for (; t + TILE <= x->tokens; t += TILE)
        tile(y, stride, panel, x, t, TILE, turn++, format, size);
    for (; t + 4 <= x->tokens; t += 4)
        tile(y, stride, panel, x, t, 4, turn++, format, size);
    for (; t + 2 <= x->tokens; t += 2)
        tile(y, stride, panel, x, t, 2, turn++, format, size);
    if (t < x->tokens)
        tile(y, stride, panel, x, t, 1, turn, format, size);
}

#define PANELS(name, format)                                                                       \
    void gn_panels_##name##_avx512(float *y, size_t stride, const void *panel, int panels,         \
                                   const gn_quants *x) {                                           \
        const size_t size = gn_panel_bytes(format, x->blocks * GN_QUANT);                          \
        for (int p = 0; p < panels; p++)                                                           \
            tiles(y + GN_PANEL * p, stride, (const uint8_t *)panel + (size_t)p * size, x, format,  \
                  size);                                                                           \
    }
GN_NARROW_FORMATS(PANELS)
