/* kernel_int_avx2.c - products of panels on AVX2.
 *
 * A tile is one panel, in halves, and up to TILE tokens. For one or two tokens
 * blocks are widened to bytes on their way from memory; for more, CHUNK blocks
 * are widened at a time and meet all tokens, whose sums wait in y.
 *
 * vpmaddubsw adds products of two columns in 16 bits: codes of 4 and 5 bits
 * leave room to add more there before they are widened, those of 6 bits are
 * multiplied by their scale on the way, and codes of 8 bits have none. All of it
 * is exact, so an output is the same chain as on every instruction set.
 */
#include "core/cpu/blocks_avx2.h"

#include <string.h>

/* A block widened. */
typedef struct wide {
    _Alignas(64) uint8_t code[8][64];
    float d[16], m[16];
    int32_t a[16], b[16], n[16];
} wide;

/* Both halves of a block: in registers, or widened. */
typedef struct source {
    const block *half;
    const wide *w;
} source;

INLINE __m256i code_of(const source *s, int h, int j) {
    return s->w ? _mm256_load_si256((const void *)(s->w->code[j] + 32 * h)) : s->half[h].code[j];
}
INLINE __m256i load_ints(const int32_t *at) { return _mm256_load_si256((const void *)at); }
INLINE __m256i first_scale(const source *s, int h) {
    return s->w ? load_ints(s->w->a + 8 * h) : s->half[h].a;
}
INLINE __m256i second_scale(const source *s, int h) {
    return s->w ? load_ints(s->w->b + 8 * h) : s->half[h].b;
}

/* Keeps the compiler from turning a chain of additions into a tree, which would not fit the
 * registers. */
#define CHAIN(v) __asm__("" : "+x"(v))

/* Four codes of one token for every row. */
INLINE __m256i all4(const int8_t *code) {
    int32_t v;
    memcpy(&v, code, 4);
    return _mm256_set1_epi32(v);
}

/* Products of vectors [first, first + count) of both halves, in pairs of columns. */
INLINE void pairs(__m256i sum[2][TILE], const source *b, const int8_t *x, const int N,
                  const int first, const int count) {
#pragma GCC unroll 8
    for (int j = first; j < first + count; j++)
#pragma GCC unroll 8
        for (int n = 0; n < N; n++) {
            const __m256i in = all4(x + GN_QUANT * n + 4 * j);
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                const __m256i two = _mm256_maddubs_epi16(code_of(b, h, j), in);
                sum[h][n] = j == first ? two : _mm256_add_epi16(sum[h][n], two);
                CHAIN(sum[h][n]);
            }
        }
}

/* dot += the products of vectors [first, first + count), times 1 or one of the block's scales. */
INLINE void gather(__m256i dot[2][TILE], const source *b, const int8_t *x, const int N,
                   const int first, const int count, const int scale) {
    __m256i sum[2][TILE];
    pairs(sum, b, x, N, first, count);
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        const __m256i factor = scale == 0   ? _mm256_set1_epi16(1)
                               : scale == 1 ? first_scale(b, h)
                                            : second_scale(b, h);
#pragma GCC unroll 8
        for (int n = 0; n < N; n++)
            dot[h][n] = _mm256_add_epi32(dot[h][n], _mm256_madd_epi16(sum[h][n], factor));
    }
}

/* dot += the products of signed codes. */
INLINE void signed_dots(__m256i dot[2][TILE], const source *b, const int8_t *x, const int N) {
    const __m256i one = _mm256_set1_epi16(1);
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) {
        const __m256i size[2] = {_mm256_abs_epi8(code_of(b, 0, j)),
                                 _mm256_abs_epi8(code_of(b, 1, j))};
#pragma GCC unroll 8
        for (int n = 0; n < N; n++) {
            const __m256i in = all4(x + GN_QUANT * n + 4 * j);
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                const __m256i turned = _mm256_sign_epi8(in, code_of(b, h, j));
                const __m256i two = _mm256_maddubs_epi16(size[h], turned);
                dot[h][n] = _mm256_add_epi32(dot[h][n], _mm256_madd_epi16(two, one));
                CHAIN(dot[h][n]);
            }
        }
    }
}

/* The integers of both halves of a block with tokens [i, i + N). */
INLINE void multiply(__m256i dot[2][TILE], const source *b, const gn_quants *x, size_t i,
                     const int N, const int format) {
    const int8_t *code = x->code + i * GN_QUANT;
    const int middle = middle_of(format);
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++)
#pragma GCC unroll 8
        for (int n = 0; n < N; n++) {
            dot[h][n] = _mm256_setzero_si256();
            if (width_of(format) == SIX_BITS && middle) {
                const __m256i scales =
                    _mm256_blend_epi16(first_scale(b, h), second_scale(b, h), 0xaa);
                const __m256i sums = _mm256_madd_epi16(scales, ints(x->pair[i + (size_t)n]));
                dot[h][n] = _mm256_sub_epi32(dot[h][n], _mm256_slli_epi32(sums, middle));
            } else if (middle) {
                dot[h][n] = _mm256_srai_epi32(ints(x->offset[i + (size_t)n]), 7 - middle);
            }
        }
    switch (width_of(format)) {
    case SIGNED:
        signed_dots(dot, b, code, N);
        break;
    case FOUR_BITS:
        gather(dot, b, code, N, 0, 8, 0);
        break;
    case FIVE_BITS:
        gather(dot, b, code, N, 0, 4, 0);
        gather(dot, b, code, N, 4, 4, 0);
        break;
    default:
        gather(dot, b, code, N, 0, 2, 1);
        gather(dot, b, code, N, 2, 2, 1);
        gather(dot, b, code, N, 4, 2, 2);
        gather(dot, b, code, N, 6, 2, 2);
    }
}

/* y + what half a block, multiplied out, gives with token i. */
INLINE __m256 join(__m256 y, __m256i dot, const source *b, int h, const gn_quants *x, size_t i,
                   const kind k) {
    const __m256 scale = _mm256_broadcast_ss(&x->scale[i]);
    const __m256 d = b->w ? _mm256_load_ps(b->w->d + 8 * h) : b->half[h].d;
    y = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_mul_ps(d, scale), y);
    if (k == LINED || k == MINIMUM) {
        const __m256 m = b->w ? _mm256_load_ps(b->w->m + 8 * h) : b->half[h].m;
        if (k == LINED)
            return _mm256_fmadd_ps(m, _mm256_broadcast_ss(&x->sum[i]), y);
        const __m256i n = b->w ? load_ints(b->w->n + 8 * h) : b->half[h].n;
        const __m256i sums = _mm256_madd_epi16(n, ints(x->pair[i]));
        y = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums), _mm256_mul_ps(m, scale), y);
    }
    return y;
}

/* s += what a block gives with tokens [i, i + N). */
INLINE void add_block(__m256 s[2][TILE], const source *b, const gn_quants *x, size_t i, const int N,
                      const int format) {
    __m256i dot[2][TILE];
    multiply(dot, b, x, i, N, format);
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++)
#pragma GCC unroll 8
        for (int n = 0; n < N; n++)
            s[h][n] = join(s[h][n], dot[h][n], b, h, x, i + (size_t)n, kind_of(format));
}

/* All of a panel with N tokens. */
INLINE void few(float *y, size_t stride, const uint8_t *panel, const gn_quants *x, const int N,
                const int format) {
    const int groups = gn_panel_groups(format);
    __m256 s[2][TILE];
    take_up(s, y, stride, N, false);
    size_t i = 0;
    for (int b = 0; b < x->blocks / groups; b++) {
        const uint8_t *at = panel + gn_panel_word((size_t)b, format);
        const uint8_t *half = panel + gn_panel_half((size_t)b, format);
#pragma GCC unroll 8
        for (int g = 0; g < groups; g++, i += (size_t)x->stride) {
            const block w[2] = {fetch(format, at, half, g), fetch(format, at + 32, half + 16, g)};
            const source from = {w, NULL};
            add_block(s, &from, x, i, N, format);
        }
        ask_soon(at, format);
    }
    put_down(y, stride, s, N);
}

/* Half h of a block, widened. */
INLINE void widen_half(wide *to, int h, const uint8_t *at, const uint8_t *half, const int g,
                       const int format) {
    const block w = fetch(format, at + 32 * h, half + 16 * h, g);
    const kind k = kind_of(format);
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++)
        _mm256_store_si256((void *)(to->code[j] + 32 * h), w.code[j]);
    _mm256_store_ps(to->d + 8 * h, w.d);
    if (k == LINED || k == MINIMUM)
        _mm256_store_ps(to->m + 8 * h, w.m);
    if (k == GROUPED || k == MINIMUM) {
        _mm256_store_si256((void *)(to->a + 8 * h), w.a);
        _mm256_store_si256((void *)(to->b + 8 * h), w.b);
    }
    if (k == MINIMUM)
        _mm256_store_si256((void *)(to->n + 8 * h), w.n);
}

/* Blocks [first, first + count) of a panel, each of its groups a block of 32. */
INLINE void widen(wide *to, const uint8_t *panel, int first, int count, const int format) {
    const int groups = gn_panel_groups(format);
    for (int b = first / groups; b < (first + count) / groups; b++) {
        const uint8_t *at = panel + gn_panel_word((size_t)b, format);
        const uint8_t *half = panel + gn_panel_half((size_t)b, format);
#pragma GCC unroll 8
        for (int g = 0; g < groups; g++, to++) {
            widen_half(to, 0, at, half, g, format);
            widen_half(to, 1, at, half, g, format);
        }
    }
}

/* Widened blocks [first, first + count) with tokens [t, t + N). The first tokens ask for the
 * columns at `next`, so many. */
INLINE void tile(float *y, size_t stride, const wide *w, int first, int count, const gn_quants *x,
                 int t, const int N, const int format, const uint8_t *next) {
    __m256 s[2][TILE];
    y += (size_t)t * stride;
    take_up(s, y, stride, N, first > 0);
    for (int b = 0; b < count; b++) {
        const source from = {NULL, w + b};
        const size_t i = (size_t)(first + b) * (size_t)x->stride + (size_t)t;
        add_block(s, &from, x, i, N, format);
        if (t == 0)
            next = ask_next(next, format);
    }
    put_down(y, stride, s, N);
}

INLINE void many(float *y, size_t stride, const uint8_t *panel, const gn_quants *x,
                 const int format) {
    wide w[CHUNK];
    for (int first = 0; first < x->blocks; first += CHUNK) {
        const int count = x->blocks - first < CHUNK ? x->blocks - first : CHUNK;
        const uint8_t *next = panel + (size_t)(first + count) * (size_t)gn_panel_step(format);
        int t = 0;
        widen(w, panel, first, count, format);
        for (; t + TILE <= x->tokens; t += TILE)
            tile(y, stride, w, first, count, x, t, TILE, format, next);
        for (; t + 2 <= x->tokens; t += 2)
            tile(y, stride, w, first, count, x, t, 2, format, next);
        if (t < x->tokens)
            tile(y, stride, w, first, count, x, t, 1, format, next);
    }
}

/* One format is widened in so few steps that it never needs writing down. */
INLINE bool light(const int format) { return format == GN_Q4_0; }

/* Every token with one panel. */
INLINE void product(float *y, size_t stride, const uint8_t *panel, const gn_quants *x,
                    const int format) {
    if (x->tokens > 2 && !light(format)) {
        many(y, stride, panel, x, format);
        return;
    }
    int t = 0;
    for (; light(format) && t + TILE <= x->tokens; t += TILE) {
        const gn_quants some = gn_quants_part(x, t, TILE);
        few(y + (size_t)t * stride, stride, panel, &some, TILE, format);
    }
    for (; t + 2 <= x->tokens; t += 2) {
        const gn_quants some = gn_quants_part(x, t, 2);
        few(y + (size_t)t * stride, stride, panel, &some, 2, format);
    }
    if (t < x->tokens) {
        const gn_quants some = gn_quants_part(x, t, 1);
        few(y + (size_t)t * stride, stride, panel, &some, 1, format);
    }
}

#define PANELS(name, format)                                                                       \
    void gn_panels_##name##_avx2(float *y, size_t stride, const void *panel, int panels,           \
                                 const gn_quants *x) {                                             \
        const size_t size = gn_panel_bytes(format, x->blocks * GN_QUANT);                          \
        for (int p = 0; p < panels; p++)                                                           \
            product(y + GN_PANEL * p, stride, (const uint8_t *)panel + (size_t)p * size, x,        \
                    format);                                                                       \
    }
GN_NARROW_FORMATS(PANELS)
