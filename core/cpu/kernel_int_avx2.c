/* kernel_int_avx2.c - products of panels on AVX2.
 *
 * A tile is half a panel, eight rows, and up to TILE tokens; blocks are widened
 * to bytes on their way from memory. vpmaddubsw adds products of two columns in
 * 16 bits: codes of 4 and 5 bits leave room to add more there before they are
 * widened, those of 6 bits are multiplied by their scale on the way, and codes
 * of 8 bits have none. All of it is exact, so an output is the same chain as
 * on every instruction set.
 */
#include "core/cpu/blocks_avx2.h"
#include "core/cpu/kernel_int.h"

#include <string.h>

enum { TILE = 4, AHEAD = 2048 };

/* Keeps the compiler from turning a chain of additions into a tree, which would not fit the
 * registers. */
#define CHAIN(v) __asm__("" : "+x"(v))

/* Four codes of one token for every row. */
INLINE __m256i all4(const int8_t *code) {
    int32_t v;
    memcpy(&v, code, 4);
    return _mm256_set1_epi32(v);
}

/* Products of vectors [first, first + count), in pairs of columns. */
INLINE void pairs(__m256i *sum, const __m256i *code, const int8_t *x, const int N, const int first,
                  const int count) {
#pragma GCC unroll 8
    for (int j = first; j < first + count; j++)
#pragma GCC unroll 8
        for (int n = 0; n < N; n++) {
            const __m256i two = _mm256_maddubs_epi16(code[j], all4(x + GN_QUANT * n + 4 * j));
            sum[n] = j == first ? two : _mm256_add_epi16(sum[n], two);
            CHAIN(sum[n]);
        }
}

/* dot[n] += scale times the products of vectors [first, first + count). */
INLINE void gather(__m256i *dot, __m256i scale, const __m256i *code, const int8_t *x, const int N,
                   const int first, const int count) {
    __m256i sum[TILE];
    pairs(sum, code, x, N, first, count);
#pragma GCC unroll 8
    for (int n = 0; n < N; n++)
        dot[n] = _mm256_add_epi32(dot[n], _mm256_madd_epi16(sum[n], scale));
}

/* dot[n] += the products of signed codes. */
INLINE void signed_dots(__m256i *dot, const __m256i *code, const int8_t *x, const int N) {
    const __m256i one = _mm256_set1_epi16(1);
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) {
        const __m256i size = _mm256_abs_epi8(code[j]);
#pragma GCC unroll 8
        for (int n = 0; n < N; n++) {
            const __m256i in = _mm256_sign_epi8(all4(x + GN_QUANT * n + 4 * j), code[j]);
            dot[n] =
                _mm256_add_epi32(dot[n], _mm256_madd_epi16(_mm256_maddubs_epi16(size, in), one));
            CHAIN(dot[n]);
        }
    }
}

/* The integers of a block with tokens [i, i + N). */
INLINE void multiply(__m256i *dot, const block *b, const gn_quants *x, size_t i, const int N,
                     const int format) {
    const int8_t *code = x->code + i * GN_QUANT;
    const __m256i one = _mm256_set1_epi16(1);
    const int middle = middle_of(format);
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) {
        dot[n] = _mm256_setzero_si256();
        if (width_of(format) == SIX_BITS && middle) {
            const __m256i scales = _mm256_blend_epi16(b->a, b->b, 0xaa);
            const __m256i sums = _mm256_madd_epi16(scales, ints(x->pair[i + (size_t)n]));
            dot[n] = _mm256_sub_epi32(dot[n], _mm256_slli_epi32(sums, middle));
        } else if (middle) {
            dot[n] = _mm256_srai_epi32(ints(x->offset[i + (size_t)n]), 7 - middle);
        }
    }
    switch (width_of(format)) {
    case SIGNED:
        signed_dots(dot, b->code, code, N);
        break;
    case FOUR_BITS:
        gather(dot, one, b->code, code, N, 0, 8);
        break;
    case FIVE_BITS:
        gather(dot, one, b->code, code, N, 0, 4);
        gather(dot, one, b->code, code, N, 4, 4);
        break;
    default:
        gather(dot, b->a, b->code, code, N, 0, 2);
        gather(dot, b->a, b->code, code, N, 2, 2);
        gather(dot, b->b, b->code, code, N, 4, 2);
        gather(dot, b->b, b->code, code, N, 6, 2);
    }
}

/* y + what a block, multiplied out, gives with token i. */
INLINE __m256 join(__m256 y, __m256i dot, const block *b, const gn_quants *x, size_t i,
                   const kind k) {
    const __m256 scale = _mm256_broadcast_ss(&x->scale[i]);
    y = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_mul_ps(b->d, scale), y);
    if (k == LINED)
        y = _mm256_fmadd_ps(b->m, _mm256_broadcast_ss(&x->sum[i]), y);
    if (k == MINIMUM) {
        const __m256i sums = _mm256_madd_epi16(b->n, ints(x->pair[i]));
        y = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums), _mm256_mul_ps(b->m, scale), y);
    }
    return y;
}

/* Tokens [t, t + N) with H halves of a panel. */
INLINE void tile(float *y, size_t stride, const uint8_t *panel, const gn_quants *x, int t,
                 const int H, const int N, const int format) {
    const kind k = kind_of(format);
    const int groups = gn_panel_groups(format), lines = gn_panel_words(format);
    __m256 s[2][TILE];
#pragma GCC unroll 2
    for (int h = 0; h < H; h++)
#pragma GCC unroll 8
        for (int n = 0; n < N; n++)
            s[h][n] = _mm256_setzero_ps();
    size_t i = (size_t)t;
    for (int b = 0; b < x->blocks / groups; b++) {
        const uint8_t *at = panel + gn_panel_word((size_t)b, format);
        const uint8_t *half = panel + gn_panel_half((size_t)b, format);
#pragma GCC unroll 8
        for (int g = 0; g < groups; g++, i += (size_t)x->stride)
#pragma GCC unroll 2
            for (int h = 0; h < H; h++) {
                const block w = fetch(format, at + 32 * h, half + 16 * h, g);
                __m256i dot[TILE];
                multiply(dot, &w, x, i, N, format);
#pragma GCC unroll 8
                for (int n = 0; n < N; n++)
                    s[h][n] = join(s[h][n], dot[n], &w, x, i + (size_t)n, k);
            }
        for (int line = 0; t == 0 && line < lines; line++)
            _mm_prefetch((const char *)at + AHEAD + 64 * line, _MM_HINT_T0);
    }
#pragma GCC unroll 2
    for (int h = 0; h < H; h++)
#pragma GCC unroll 8
        for (int n = 0; n < N; n++)
            _mm256_storeu_ps(y + (size_t)(t + n) * stride + 8 * h, s[h][n]);
}

/* Every token with one panel. Few tokens take both halves at once, so that memory is read in
 * order. */
INLINE void tiles(float *y, size_t stride, const uint8_t *panel, const gn_quants *x,
                  const int format) {
    int t = 0;
    for (; t + TILE <= x->tokens; t += TILE)
        tile(y, stride, panel, x, t, 2, TILE, format);
    for (; t + 2 <= x->tokens; t += 2)
        tile(y, stride, panel, x, t, 2, 2, format);
    if (t < x->tokens)
        tile(y, stride, panel, x, t, 2, 1, format);
}

#define PANELS(name, format)                                                                       \
    void gn_panels_##name##_avx2(float *y, size_t stride, const void *panel, int panels,           \
                                 const gn_quants *x) {                                             \
        const size_t size = gn_panel_bytes(format, x->blocks * GN_QUANT);                          \
        for (int p = 0; p < panels; p++)                                                           \
            tiles(y + GN_PANEL * p, stride, (const uint8_t *)panel + (size_t)p * size, x, format); \
    }
GN_PANEL_FORMATS(PANELS)
