/* kernel_wide_avx2.c - products of Q8_0 panels with activations of 16 bits, AVX2.
 *
 * A word of a panel holds four neighbouring weights of a row. Shifts make two
 * vectors of 16-bit pairs of it, the first and third, the second and fourth, as
 * the activations lie too, so that a lane stays a row. For one or two tokens
 * that happens on the way from memory; for more, CHUNK blocks are widened at a
 * time and meet all tokens, whose sums wait in y.
 */
#include "core/cpu/blocks_avx2.h"

#include <string.h>

/* A block widened, in halves of eight rows. */
typedef struct wide {
    _Alignas(64) int16_t code[2][16][16];
    float d[2][8];
} wide;

/* Keeps the compiler from turning a chain of additions into a tree, which would not fit the
 * registers. */
#define CHAIN(v) __asm__("" : "+x"(v))

/* A pair of one token for every row. */
INLINE __m256i pair(const int16_t *code) {
    int32_t v;
    memcpy(&v, code, 4);
    return _mm256_set1_epi32(v);
}

/* Bytes 0 and 2 of each word, or 1 and 3. */
INLINE __m256i spread(__m256i w, const int odd) {
    return _mm256_srai_epi16(odd ? w : _mm256_slli_epi16(w, 8), 8);
}

/* Pairs of half h of a block: widened (w), or where the panel keeps them. */
INLINE __m256i code_of(const wide *w, const uint8_t *at, int h, int j) {
    return w ? _mm256_load_si256((const void *)w->code[h][j])
             : spread(word(at + 32 * h, j / 2), j % 2);
}

/* s += what a block gives with tokens [i, i + N). */
INLINE void add_block(__m256 s[2][TILE], const wide *w, const uint8_t *at, const uint8_t *half,
                      const gn_quants *x, size_t i, const int N) {
    const int16_t *code = (const int16_t *)(const void *)x->code + i * GN_QUANT;
    __m256i dot[2][TILE];
#pragma GCC unroll 16
    for (int j = 0; j < 16; j++) {
        const __m256i c[2] = {code_of(w, at, 0, j), code_of(w, at, 1, j)};
#pragma GCC unroll 4
        for (int n = 0; n < N; n++) {
            const __m256i in = pair(code + GN_QUANT * n + 2 * j);
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                const __m256i two = _mm256_madd_epi16(c[h], in);
                dot[h][n] = j == 0 ? two : _mm256_add_epi32(dot[h][n], two);
                CHAIN(dot[h][n]);
            }
        }
    }
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        const __m256 d = w ? _mm256_load_ps(w->d[h]) : halves(half + 16 * h);
#pragma GCC unroll 4
        for (int n = 0; n < N; n++) {
            const __m256i shifted = _mm256_sllv_epi32(dot[h][n], ints(x->shift[i + (size_t)n]));
            s[h][n] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(shifted), d, s[h][n]);
        }
    }
}

/* Sums that are whole, times the scales of tokens [t, t + N). */
INLINE void scale_all(__m256 s[2][TILE], const gn_quants *x, int t, const int N) {
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++)
#pragma GCC unroll 4
        for (int n = 0; n < N; n++)
            s[h][n] = _mm256_mul_ps(s[h][n], _mm256_broadcast_ss(&x->scale[t + n]));
}

/* All of a panel with N tokens. */
INLINE void few(float *y, size_t stride, const uint8_t *panel, const gn_quants *x, const int N) {
    __m256 s[2][TILE];
    take_up(s, y, stride, N, false);
    for (int b = 0; b < x->blocks; b++) {
        const uint8_t *at = panel + gn_panel_word((size_t)b, GN_Q8_0);
        add_block(s, NULL, at, panel + gn_panel_half((size_t)b, GN_Q8_0), x,
                  (size_t)b * (size_t)x->stride, N);
        ask_soon(at, GN_Q8_0);
    }
    scale_all(s, x, 0, N);
    put_down(y, stride, s, N);
}

/* Blocks [first, first + count) of a panel. */
INLINE void widen(wide *to, const uint8_t *panel, int first, int count) {
    for (int b = first; b < first + count; b++, to++) {
        const uint8_t *at = panel + gn_panel_word((size_t)b, GN_Q8_0);
        const uint8_t *half = panel + gn_panel_half((size_t)b, GN_Q8_0);
        for (int h = 0; h < 2; h++) {
#pragma GCC unroll 16
            for (int j = 0; j < 16; j++)
                _mm256_store_si256((void *)to->code[h][j], code_of(NULL, at, h, j));
            _mm256_store_ps(to->d[h], halves(half + 16 * h));
        }
    }
}

/* Widened blocks [first, first + count) with tokens [t, t + N). The first tokens ask for the
 * columns at `next`, so many. */
INLINE void tile(float *y, size_t stride, const wide *w, int first, int count, const gn_quants *x,
                 int t, const int N, const uint8_t *next) {
    __m256 s[2][TILE];
    y += (size_t)t * stride;
    take_up(s, y, stride, N, first > 0);
    for (int b = 0; b < count; b++) {
        add_block(s, w + b, NULL, NULL, x, (size_t)(first + b) * (size_t)x->stride + (size_t)t, N);
        if (t == 0)
            next = ask_next(next, GN_Q8_0);
    }
    if (first + count == x->blocks)
        scale_all(s, x, t, N);
    put_down(y, stride, s, N);
}

INLINE void many(float *y, size_t stride, const uint8_t *panel, const gn_quants *x) {
    wide w[CHUNK];
    for (int first = 0; first < x->blocks; first += CHUNK) {
        const int count = x->blocks - first < CHUNK ? x->blocks - first : CHUNK;
        const uint8_t *next = panel + (size_t)(first + count) * (size_t)gn_panel_step(GN_Q8_0);
        int t = 0;
        widen(w, panel, first, count);
        for (; t + TILE <= x->tokens; t += TILE)
            tile(y, stride, w, first, count, x, t, TILE, next);
        for (; t + 2 <= x->tokens; t += 2)
            tile(y, stride, w, first, count, x, t, 2, next);
        if (t < x->tokens)
            tile(y, stride, w, first, count, x, t, 1, next);
    }
}

void gn_panels_q8_0_avx2(float *y, size_t stride, const void *panel, int panels,
                         const gn_quants *x) {
    const size_t size = gn_panel_bytes(GN_Q8_0, x->blocks * GN_QUANT);
    for (int p = 0; p < panels; p++) {
        const uint8_t *from = (const uint8_t *)panel + (size_t)p * size;
        float *to = y + GN_PANEL * p;
        if (x->tokens == 1)
            few(to, stride, from, x, 1);
        else if (x->tokens == 2)
            few(to, stride, from, x, 2);
        else
            many(to, stride, from, x);
    }
}
