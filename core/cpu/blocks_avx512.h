/* blocks_avx512.h - 32 columns of a panel, from any format to bytes and scales.
 *
 * Vector j of a block holds columns 4j to 4j+3 of sixteen rows. Codes that
 * count up and down from zero come with 128 added, because the multiply takes
 * one factor without sign: gn_quants.offset takes it away again.
 */
#ifndef GN_CPU_BLOCKS_AVX512_H
#define GN_CPU_BLOCKS_AVX512_H

#include "core/cpu/kernel_int.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* How a block's integers become a number (d scale, x activations with scale s):
 *   SCALED   d s (q·x)
 *   LINED    d s (q·x) + m s sum(x)
 *   GROUPED  d s (a q·x of the first sixteen + b q·x of the others)
 *   MINIMUM  the same + m s (na sum(x) of the first sixteen + nb ...) */
typedef enum kind { SCALED, LINED, GROUPED, MINIMUM } kind;

/* What multiplies the integers of 32 columns. */
typedef struct block {
    __m512 d, m;
    __m512i a, b; /* i32 */
    __m512i n;    /* na and nb, i16 side by side */
} block;

INLINE kind kind_of(const int format) {
    switch (format) {
    case GN_Q4_1:
    case GN_Q5_1:
    case GN_Q4_K:
    case GN_Q5_K:
        return LINED;
    case GN_Q6_K:
    case GN_Q3_K:
        return GROUPED;
    case GN_Q2_K:
        return MINIMUM;
    default:
        return SCALED;
    }
}

INLINE __m512i word(const uint8_t *at, int i) { return _mm512_load_si512(at + 64 * (size_t)i); }
INLINE __m512i bytes(int v) { return _mm512_set1_epi8((char)v); }
INLINE __m512i ints(int v) { return _mm512_set1_epi32(v); }
INLINE __m512i masked(__m512i v, int shift, int mask) {
    return _mm512_and_si512(_mm512_srli_epi16(v, (unsigned)shift), bytes(mask));
}
INLINE __m512i bits(__m512i v, int shift, int mask) {
    return _mm512_and_si512(_mm512_srli_epi32(v, (unsigned)shift), ints(mask));
}
INLINE __m512 halves(const uint8_t *at) {
    return _mm512_cvtph_ps(_mm256_load_si256((const void *)at));
}
/* The lower and the upper f16 of each word. */
INLINE __m512 lower(__m512i v) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(v)); }
INLINE __m512 upper(__m512i v) { return lower(_mm512_srli_epi32(v, 16)); }
INLINE __m512 minus(__m512 v) { return _mm512_sub_ps(_mm512_setzero_ps(), v); }
INLINE __m512 times(__m512 v, __m512i n) { return _mm512_mul_ps(v, _mm512_cvtepi32_ps(n)); }
/* Byte i of each word with its sign. */
INLINE __m512i signed_byte(__m512i v, int i) {
    return _mm512_srai_epi32(_mm512_slli_epi32(v, (unsigned)(24 - 8 * i)), 24);
}

/* Vector j, nibbles whose columns k and k + 16 share a byte. */
INLINE __m512i nibble(const uint8_t *at, int first, const int j) {
    return masked(word(at, first + j % 4), j / 4 * 4, 15);
}

/* Bits 4j to 4j+3 of each word of high, as bit 4 of the four bytes of vector j. */
INLINE __m512i fifth_bits(__m512i high, const int j) {
    const __m512i spread =
        _mm512_set_epi32(0x10101010, 0x10101000, 0x10100010, 0x10100000, 0x10001010, 0x10001000,
                         0x10000010, 0x10000000, 0x00101010, 0x00101000, 0x00100010, 0x00100000,
                         0x00001010, 0x00001000, 0x00000010, 0x00000000);
    return _mm512_permutexvar_epi32(_mm512_srli_epi32(high, (unsigned)(4 * j)), spread);
}

INLINE __m512i plus(__m512i codes, int v) { return _mm512_add_epi8(codes, bytes(v)); }

/* The sixteen values of IQ4, and 128. */
INLINE __m512i look_up(__m512i codes) {
    const __m512i value = _mm512_broadcast_i32x4(
        _mm_setr_epi8(1, 24, 45, 63, 79, 93, 106, 118, (char)129, (char)141, (char)153, (char)166,
                      (char)181, (char)197, (char)217, (char)241));
    return _mm512_shuffle_epi8(value, codes);
}

/* Scale and minimum of group g out of Q4_K's and Q5_K's twelve bytes, words 1 to 3. */
INLINE void lined_scales(block *b, const uint8_t *at, const int g) {
    const __m512i w = word(at, 0), s = word(at, 1), m = word(at, 2), r = word(at, 3);
    const int h = g % 4 * 8;
    const __m512i scale =
        g < 4 ? bits(s, h, 63)
              : _mm512_or_si512(bits(r, h, 15), _mm512_slli_epi32(bits(s, h + 6, 3), 4));
    const __m512i min =
        g < 4 ? bits(m, h, 63)
              : _mm512_or_si512(bits(r, h + 4, 15), _mm512_slli_epi32(bits(m, h + 6, 3), 4));
    b->d = times(lower(w), scale);
    b->m = times(minus(upper(w)), min);
}

/* Scale k of Q3_K's twelve bytes, words 24 to 26. */
INLINE __m512i q3_k_scale(const uint8_t *at, const int k) {
    const __m512i low = bits(word(at, 24 + k / 4 % 2), 8 * (k % 4) + (k < 8 ? 0 : 4), 15);
    const __m512i high = bits(word(at, 26), 8 * (k % 4) + 2 * (k / 4), 3);
    return _mm512_sub_epi32(_mm512_or_si512(low, _mm512_slli_epi32(high, 4)), ints(32));
}

INLINE __m512i q6_k_word(const uint8_t *at, const int i) {
    return word(at, gn_panel_place(i, GN_Q6_K));
}

/* Vector j of the codes of group g of a block whose words begin at `at`. */
INLINE __m512i code_of(const int format, const uint8_t *at, const int g, const int j) {
    switch (format) {
    case GN_Q4_0:
        return plus(nibble(at, 0, j), 128 - 8);
    case GN_Q5_0:
        return plus(_mm512_or_si512(nibble(at, 1, j), fifth_bits(word(at, 0), j)), 128 - 16);
    case GN_Q4_1:
        return nibble(at, 1, j);
    case GN_Q5_1:
        return _mm512_or_si512(nibble(at, 2, j), fifth_bits(word(at, 1), j));
    case GN_IQ4_NL:
        return look_up(nibble(at, 0, j));
    case GN_IQ4_XS:
        return look_up(nibble(at, 2 + 4 * g, j));
    case GN_Q4_K:
        return masked(word(at, 4 + 8 * (g / 2) + j), 4 * (g % 2), 15);
    case GN_Q5_K:
        return _mm512_or_si512(masked(word(at, 12 + 8 * (g / 2) + j), 4 * (g % 2), 15),
                               _mm512_slli_epi16(masked(word(at, 4 + j), g, 1), 4));
    case GN_Q6_K: {
        const int i = g % 4;
        const __m512i q = q6_k_word(at, 32 + 8 * (g / 4) + j);
        const __m512i two = i < 2 ? _mm512_slli_epi16(q, (unsigned)(4 - 2 * i))
                                  : _mm512_srli_epi16(q, (unsigned)(2 * i - 4));
        const __m512i four = masked(q6_k_word(at, 16 * (g / 4) + 8 * (i % 2) + j), 4 * (i / 2), 15);
        return plus(_mm512_ternarylogic_epi32(two, bytes(0x30), four, 0xea), 128 - 32);
    }
    case GN_Q3_K: {
        const __m512i two = masked(word(at, 8 + 8 * (g / 4) + j), 2 * (g % 4), 3);
        const __m512i third = masked(word(at, j), g, 1);
        return plus(_mm512_or_si512(two, _mm512_slli_epi16(third, 2)), 128 - 4);
    }
    default:
        return plus(masked(word(at, 4 + 8 * (g / 4) + j), 2 * (g % 4), 3), 128);
    }
}

/* What multiplies the integers of group g. The two odd bytes of sixteen rows are at half. */
INLINE block scales_of(const int format, const uint8_t *at, const uint8_t *half, const int g) {
    block b = {.d = _mm512_setzero_ps()};
    switch (format) {
    case GN_IQ4_XS: {
        const __m512i w = word(at, 0);
        const __m512i scale = _mm512_or_si512(bits(word(at, 1), 4 * g, 15),
                                              _mm512_slli_epi32(bits(w, 16 + 2 * g, 3), 4));
        b.d = times(lower(w), _mm512_sub_epi32(scale, ints(32)));
        break;
    }
    case GN_Q4_1:
    case GN_Q5_1:
        b.d = lower(word(at, 0));
        b.m = upper(word(at, 0));
        break;
    case GN_Q4_K:
    case GN_Q5_K:
        lined_scales(&b, at, g);
        break;
    case GN_Q6_K: {
        const __m512i scales = q6_k_word(at, 48 + g / 2);
        b.a = signed_byte(scales, 2 * (g % 2));
        b.b = signed_byte(scales, 2 * (g % 2) + 1);
        b.d = halves(half);
        break;
    }
    case GN_Q3_K:
        b.a = q3_k_scale(at, 2 * g);
        b.b = q3_k_scale(at, 2 * g + 1);
        b.d = halves(half);
        break;
    case GN_Q2_K: {
        const __m512i w = word(at, 20),
                      s = _mm512_srli_epi32(word(at, g / 2), (unsigned)(16 * (g % 2)));
        b.a = bits(s, 0, 15);
        b.b = bits(s, 8, 15);
        b.n = _mm512_or_si512(bits(s, 4, 15), _mm512_slli_epi32(bits(s, 12, 15), 16));
        b.d = lower(w);
        b.m = minus(upper(w));
        break;
    }
    default:
        b.d = halves(half);
        break;
    }
    return b;
}

/* Asks for the words of a block, those at `at` or what follows them, for N tokens. Of one token and
 * two formats the processor foresees all better alone. */
INLINE void ask_soon(const uint8_t *at, const int N, const int format) {
    const bool alone = N == 1 && (format == GN_Q8_0 || format == GN_Q6_K);
    for (int line = 0; !alone && line < gn_panel_words(format); line++)
        _mm_prefetch((const char *)at + gn_panel_soon(format) + 64 * line, _MM_HINT_T0);
}

#endif
