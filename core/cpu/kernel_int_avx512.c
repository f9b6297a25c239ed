/* kernel_int_avx512.c - products of panels on AVX-512 with VNNI.
 *
 * For a few tokens a panel's blocks are widened on their way from memory. For
 * many, two panels are widened once into scratch and then meet the tokens in
 * tiles of 32 rows and TILE tokens. Either way an output is the same chain:
 * exact integers of a block, one multiply-add, block after block.
 */
#include "core/cpu/blocks_avx512.h"
#include "core/cpu/kernel_int.h"

enum { FEW = 4, TILE = 6, GROUPED_TILE = 4, AHEAD = 2048 };

/* A block widened. */
typedef struct wide {
    uint8_t code[8][64];
    float d[16], m[16];
    int32_t a[16], b[16], n[16];
} wide;

INLINE __m512i all4(const int8_t *code) {
    int32_t v;
    memcpy(&v, code, 4);
    return _mm512_set1_epi32(v);
}

INLINE __m512i dots(__m512i sum, const __m512i *code, const int8_t *x, const int first,
                    const int count) {
#pragma GCC unroll 8
    for (int j = first; j < first + count; j++)
        sum = _mm512_dpbusd_epi32(sum, code[j], all4(x + 4 * j));
    return sum;
}

/* y + what block b, already multiplied out (dot), gives with token i of x. */
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

INLINE __m512i dot_of(const block *b, const gn_quants *x, size_t i, const kind k) {
    const int8_t *code = x->code + i * GN_QUANT;
    if (k == LINED)
        return dots(_mm512_setzero_si512(), b->code, code, 0, 8);
    if (k == SCALED)
        return _mm512_add_epi32(dots(ints(x->offset[i]), b->code, code, 0, 4),
                                dots(_mm512_setzero_si512(), b->code, code, 4, 4));
    return _mm512_add_epi32(
        _mm512_mullo_epi32(b->a, dots(ints(x->half[2 * i]), b->code, code, 0, 4)),
        _mm512_mullo_epi32(b->b, dots(ints(x->half[2 * i + 1]), b->code, code, 4, 4)));
}

/* Tokens [t, t + N) with one panel straight from memory. */
INLINE void few(float *y, size_t stride, const uint8_t *panel, const gn_quants *x, int t,
                const int N, const int format) {
    const kind k = kind_of(format);
    const int groups = gn_panel_groups(format);
    const size_t step = gn_panel_step(format);
    const uint8_t *at = panel, *half = panel + (size_t)(x->blocks / groups) * step;
    __m512 s[FEW];
#pragma GCC unroll 4
    for (int n = 0; n < N; n++)
        s[n] = _mm512_setzero_ps();
    size_t i = (size_t)t;
    for (int b = 0; b < x->blocks; b += groups, at += step, half += 32) {
#pragma GCC unroll 8
        for (int g = 0; g < groups; g++, i += (size_t)x->stride) {
            const block w = fetch(format, at, half, g);
#pragma GCC unroll 4
            for (int n = 0; n < N; n++)
                s[n] = join(s[n], dot_of(&w, x, i + (size_t)n, k), &w, x, i + (size_t)n, k);
        }
        for (size_t line = 0; line < step; line += 64)
            _mm_prefetch((const char *)at + AHEAD + line, _MM_HINT_T0);
    }
#pragma GCC unroll 4
    for (int n = 0; n < N; n++)
        _mm512_storeu_ps(y + (size_t)(t + n) * stride, s[n]);
}

INLINE void widen(wide *to, const uint8_t *panel, int blocks, const int format) {
    const kind k = kind_of(format);
    const int groups = gn_panel_groups(format);
    const size_t step = gn_panel_step(format);
    const uint8_t *half = panel + (size_t)(blocks / groups) * step;
    for (int b = 0; b < blocks; b += groups, panel += step, half += 32)
#pragma GCC unroll 8
        for (int g = 0; g < groups; g++, to++) {
            const block w = fetch(format, panel, half, g);
#pragma GCC unroll 8
            for (int j = 0; j < 8; j++)
                _mm512_store_si512(to->code[j], w.code[j]);
            _mm512_store_ps(to->d, w.d);
            if (k == LINED || k == MINIMUM)
                _mm512_store_ps(to->m, w.m);
            if (k == GROUPED || k == MINIMUM) {
                _mm512_store_si512(to->a, w.a);
                _mm512_store_si512(to->b, w.b);
            }
            if (k == MINIMUM)
                _mm512_store_si512(to->n, w.n);
        }
}

/* The scales of a widened block, as block has them; its codes stay in memory. */
INLINE block scales(const wide *w, const kind k) {
    block b;
    b.d = _mm512_load_ps(w->d);
    if (k == LINED || k == MINIMUM)
        b.m = _mm512_load_ps(w->m);
    if (k == GROUPED || k == MINIMUM) {
        b.a = _mm512_load_si512(w->a);
        b.b = _mm512_load_si512(w->b);
    }
    if (k == MINIMUM)
        b.n = _mm512_load_si512(w->n);
    return b;
}

/* Sums of four-column steps [first, first + count) of P panels and N tokens. */
INLINE void tile_dots(__m512i s[2][TILE], const wide *const *w, int b, const int8_t *code,
                      const int P, const int N, const int first, const int count) {
#pragma GCC unroll 8
    for (int j = first; j < first + count; j++) {
        __m512i q[2];
#pragma GCC unroll 2
        for (int p = 0; p < P; p++)
            q[p] = _mm512_load_si512(w[p][b].code[j]);
#pragma GCC unroll 6
        for (int n = 0; n < N; n++) {
            const __m512i x = all4(code + GN_QUANT * n + 4 * j);
#pragma GCC unroll 2
            for (int p = 0; p < P; p++)
                s[p][n] = _mm512_dpbusd_epi32(s[p][n], q[p], x);
        }
    }
}

INLINE void tile(float *y, size_t stride, const wide *const *w, const gn_quants *x, int t,
                 const int P, const int N, const kind k) {
    __m512 f[2][TILE];
#pragma GCC unroll 2
    for (int p = 0; p < P; p++)
#pragma GCC unroll 6
        for (int n = 0; n < N; n++)
            f[p][n] = _mm512_setzero_ps();
    size_t i = (size_t)t;
    for (int b = 0; b < x->blocks; b++, i += (size_t)x->stride) {
        const int8_t *code = x->code + i * GN_QUANT;
        const bool grouped = k == GROUPED || k == MINIMUM;
        __m512i s[2][TILE], first[2][TILE];
#pragma GCC unroll 6
        for (int n = 0; n < N; n++)
#pragma GCC unroll 2
            for (int p = 0; p < P; p++)
                s[p][n] = k == SCALED  ? ints(x->offset[i + (size_t)n])
                          : k == LINED ? _mm512_setzero_si512()
                                       : ints(x->half[2 * (i + (size_t)n)]);
        tile_dots(s, w, b, code, P, N, 0, grouped ? 4 : 8);
        if (grouped) {
#pragma GCC unroll 2
            for (int p = 0; p < P; p++)
#pragma GCC unroll 6
                for (int n = 0; n < N; n++) {
                    first[p][n] = _mm512_mullo_epi32(s[p][n], _mm512_load_si512(w[p][b].a));
                    s[p][n] = ints(x->half[2 * (i + (size_t)n) + 1]);
                }
            tile_dots(s, w, b, code, P, N, 4, 4);
#pragma GCC unroll 2
            for (int p = 0; p < P; p++)
#pragma GCC unroll 6
                for (int n = 0; n < N; n++)
                    s[p][n] = _mm512_add_epi32(
                        first[p][n], _mm512_mullo_epi32(s[p][n], _mm512_load_si512(w[p][b].b)));
        }
#pragma GCC unroll 2
        for (int p = 0; p < P; p++) {
            const block c = scales(&w[p][b], k);
#pragma GCC unroll 6
            for (int n = 0; n < N; n++)
                f[p][n] = join(f[p][n], s[p][n], &c, x, i + (size_t)n, k);
        }
    }
#pragma GCC unroll 2
    for (int p = 0; p < P; p++)
#pragma GCC unroll 6
        for (int n = 0; n < N; n++)
            _mm512_storeu_ps(y + (size_t)(t + n) * stride + GN_PANEL * p, f[p][n]);
}

INLINE void tiles(float *y, size_t stride, const wide *const *w, const gn_quants *x, const int P,
                  const kind k) {
    const int most = k == GROUPED || k == MINIMUM ? GROUPED_TILE : TILE;
    int t = 0;
    for (; t + most <= x->tokens; t += most)
        tile(y, stride, w, x, t, P, most, k);
    for (; t + 2 <= x->tokens; t += 2)
        tile(y, stride, w, x, t, P, 2, k);
    if (t < x->tokens)
        tile(y, stride, w, x, t, P, 1, k);
}

#define TILES(name, kind)                                                                          \
    static void name(float *y, size_t stride, const wide *w, int panels, const gn_quants *x) {     \
        const wide *const both[2] = {w, w + x->blocks};                                            \
        if (panels == 2)                                                                           \
            tiles(y, stride, both, x, 2, kind);                                                    \
        else                                                                                       \
            tiles(y, stride, both, x, 1, kind);                                                    \
    }
TILES(tiles_scaled, SCALED)
TILES(tiles_lined, LINED)
TILES(tiles_grouped, GROUPED)
TILES(tiles_minimum, MINIMUM)

INLINE void product(float *y, size_t stride, const void *panel, int panels, const gn_quants *x,
                    void *scratch, const int format) {
    const size_t size = gn_panel_bytes(format, x->blocks * GN_QUANT);
    const uint8_t *at = panel;
    const kind k = kind_of(format);
    if (x->tokens <= FEW) {
        for (int p = 0; p < panels; p++, at += size, y += GN_PANEL) {
            if (x->tokens == 4)
                few(y, stride, at, x, 0, 4, format);
            else if (x->tokens == 1)
                few(y, stride, at, x, 0, 1, format);
            else
                few(y, stride, at, x, 0, 2, format);
            if (x->tokens == 3)
                few(y, stride, at, x, 2, 1, format);
        }
        return;
    }
    wide *w = scratch;
    for (int p = 0; p < panels; p += 2, at += 2 * size, y += 2 * GN_PANEL) {
        const int count = panels - p < 2 ? 1 : 2;
        for (int i = 0; i < count; i++)
            widen(w + i * x->blocks, at + (size_t)i * size, x->blocks, format);
        if (k == SCALED)
            tiles_scaled(y, stride, w, count, x);
        else if (k == LINED)
            tiles_lined(y, stride, w, count, x);
        else if (k == GROUPED)
            tiles_grouped(y, stride, w, count, x);
        else
            tiles_minimum(y, stride, w, count, x);
    }
}

#define PANELS(name, format)                                                                       \
    void gn_panels_##name##_avx512(float *y, size_t stride, const void *panel, int panels,         \
                                   const gn_quants *x, void *scratch) {                            \
        product(y, stride, panel, panels, x, scratch, format);                                     \
    }
GN_PANEL_FORMATS(PANELS)
