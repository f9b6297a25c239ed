/* blocks_avx2.h - 32 columns of half a panel, from any format to bytes and scales.
 *
 * Vector j of a block holds columns 4j to 4j+3 of eight rows. Codes are as the
 * format has them, without sign but for those of 8 bits and IQ4's; what is to
 * be subtracted from a code is a matter of the sums of activations.
 */
#ifndef GN_CPU_BLOCKS_AVX2_H
#define GN_CPU_BLOCKS_AVX2_H

#include "core/cpu/kernel_int.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* How a block's integers become a number: see blocks_avx512.h. */
typedef enum kind { SCALED, LINED, GROUPED, MINIMUM } kind;

/* The product of a code's byte and an activation's fits 16 bits so many times:
 * SIGNED none (through |code| and the activation with the code's sign). */
typedef enum width { SIGNED, FOUR_BITS, FIVE_BITS, SIX_BITS } width;

typedef struct block {
    __m256i code[8];
    __m256 d, m;
    __m256i a, b; /* each scale twice, i16 side by side */
    __m256i n;    /* minimums of both groups, i16 side by side */
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

INLINE width width_of(const int format) {
    switch (format) {
    case GN_Q4_0:
    case GN_Q4_1:
    case GN_Q4_K:
        return FOUR_BITS;
    case GN_Q5_0:
    case GN_Q5_1:
    case GN_Q5_K:
        return FIVE_BITS;
    case GN_Q6_K:
    case GN_Q3_K:
    case GN_Q2_K:
        return SIX_BITS;
    default:
        return SIGNED;
    }
}

/* What is subtracted from a code: 2 to this power; 0: nothing. */
INLINE int middle_of(const int format) {
    return format == GN_Q4_0   ? 3
           : format == GN_Q5_0 ? 4
           : format == GN_Q6_K ? 5
           : format == GN_Q3_K ? 2
                               : 0;
}

INLINE __m256i word(const uint8_t *at, int i) {
    return _mm256_load_si256((const void *)(at + 64 * (size_t)i));
}
INLINE __m256i bytes(int v) { return _mm256_set1_epi8((char)v); }
INLINE __m256i ints(int v) { return _mm256_set1_epi32(v); }
INLINE __m256i masked(__m256i v, int shift, int mask) {
    return _mm256_and_si256(shift ? _mm256_srli_epi16(v, shift) : v, bytes(mask));
}
INLINE __m256i bits(__m256i v, int shift, int mask) {
    return _mm256_and_si256(_mm256_srli_epi32(v, shift), ints(mask));
}
INLINE __m256 halves(const uint8_t *at) {
    return _mm256_cvtph_ps(_mm_load_si128((const void *)at));
}
/* The upper and the lower f16 of each word. */
INLINE __m256 upper(__m256i v) {
    const __m256i low = _mm256_srli_epi32(v, 16);
    const __m128i a = _mm256_castsi256_si128(low), b = _mm256_extracti128_si256(low, 1);
    return _mm256_cvtph_ps(_mm_packus_epi32(a, b));
}
INLINE __m256 lower(__m256i v) { return upper(_mm256_slli_epi32(v, 16)); }
INLINE __m256 minus(__m256 v) { return _mm256_sub_ps(_mm256_setzero_ps(), v); }
INLINE __m256 times(__m256 v, __m256i n) { return _mm256_mul_ps(v, _mm256_cvtepi32_ps(n)); }
/* A small number in each word, with its sign, in both halves of the word. */
INLINE __m256i twice(__m256i v) {
    return _mm256_or_si256(_mm256_and_si256(v, ints(0xffff)), _mm256_slli_epi32(v, 16));
}
/* Byte i of each word with its sign, in both halves. */
INLINE __m256i signed_byte(__m256i v, int i) {
    return twice(_mm256_srai_epi32(_mm256_slli_epi32(v, 24 - 8 * i), 24));
}

/* Nibbles: columns k and k + 16 share a byte. */
INLINE void nibbles(block *b, const uint8_t *at, int first) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        const __m256i v = word(at, first + j);
        b->code[j] = masked(v, 0, 15);
        b->code[j + 4] = masked(v, 4, 15);
    }
}

/* Bits 4j to 4j+3 of each word of high, as bit 4 of the four bytes of code j. */
INLINE void fifth_bits(block *b, __m256i high) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) {
        const int byte = j / 2 * 0x01010101;
        const __m256i spread = _mm256_shuffle_epi8(
            high,
            _mm256_add_epi8(ints(byte), _mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c, 0,
                                                          0x04040404, 0x08080808, 0x0c0c0c0c)));
        const __m256i bit = ints(j % 2 ? (int)0x80402010 : 0x08040201);
        const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
        b->code[j] = _mm256_or_si256(b->code[j], _mm256_and_si256(set, bytes(16)));
    }
}

/* The sixteen values of IQ4. */
INLINE void look_up(block *b) {
    const __m256i value = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113));
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++)
        b->code[j] = _mm256_shuffle_epi8(value, b->code[j]);
}

/* Scale and minimum of group g out of Q4_K's and Q5_K's twelve bytes, words 1 to 3. */
INLINE void lined_scales(block *b, const uint8_t *at, const int g) {
    const __m256i w = word(at, 0), s = word(at, 1), m = word(at, 2), r = word(at, 3);
    const int h = g % 4 * 8;
    const __m256i scale =
        g < 4 ? bits(s, h, 63)
              : _mm256_or_si256(bits(r, h, 15), _mm256_slli_epi32(bits(s, h + 6, 3), 4));
    const __m256i min =
        g < 4 ? bits(m, h, 63)
              : _mm256_or_si256(bits(r, h + 4, 15), _mm256_slli_epi32(bits(m, h + 6, 3), 4));
    b->d = times(lower(w), scale);
    b->m = times(minus(upper(w)), min);
}

/* Nibble g % 2 of words first + 8 (g / 2) on. */
INLINE void group_nibbles(block *b, const uint8_t *at, int first, const int g) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++)
        b->code[j] = masked(word(at, first + 8 * (g / 2) + j), 4 * (g % 2), 15);
}

INLINE __m256i q6_k_word(const uint8_t *at, const int i) {
    return word(at, gn_panel_place(i, GN_Q6_K));
}

INLINE void fetch_q6_k(block *b, const uint8_t *at, const int g) {
    const int h = g / 4, i = g % 4;
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) {
        const __m256i q = q6_k_word(at, 32 + 8 * h + j);
        const __m256i two =
            i < 2 ? _mm256_slli_epi16(q, 4 - 2 * i) : _mm256_srli_epi16(q, 2 * i - 4);
        const __m256i four = masked(q6_k_word(at, 16 * h + 8 * (i % 2) + j), 4 * (i / 2), 15);
        b->code[j] = _mm256_or_si256(_mm256_and_si256(two, bytes(0x30)), four);
    }
    const __m256i scales = q6_k_word(at, 48 + g / 2);
    b->a = signed_byte(scales, 2 * (g % 2));
    b->b = signed_byte(scales, 2 * (g % 2) + 1);
}

/* Scale k of Q3_K's twelve bytes, words 24 to 26. */
INLINE __m256i q3_k_scale(const uint8_t *at, const int k) {
    const __m256i low = bits(word(at, 24 + k / 4 % 2), 8 * (k % 4) + (k < 8 ? 0 : 4), 15);
    const __m256i high = bits(word(at, 26), 8 * (k % 4) + 2 * (k / 4), 3);
    return twice(_mm256_sub_epi32(_mm256_or_si256(low, _mm256_slli_epi32(high, 4)), ints(32)));
}

INLINE void fetch_q3_k(block *b, const uint8_t *at, const int g) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) {
        const __m256i two = masked(word(at, 8 + 8 * (g / 4) + j), 2 * (g % 4), 3);
        const __m256i third = masked(word(at, j), g, 1);
        b->code[j] = _mm256_or_si256(two, _mm256_slli_epi16(third, 2));
    }
    b->a = q3_k_scale(at, 2 * g);
    b->b = q3_k_scale(at, 2 * g + 1);
}

INLINE void fetch_q2_k(block *b, const uint8_t *at, const int g) {
    const __m256i w = word(at, 20), s = _mm256_srli_epi32(word(at, g / 2), 16 * (g % 2));
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++)
        b->code[j] = masked(word(at, 4 + 8 * (g / 4) + j), 2 * (g % 4), 3);
    b->a = twice(bits(s, 0, 15));
    b->b = twice(bits(s, 8, 15));
    b->n = _mm256_or_si256(bits(s, 4, 15), _mm256_slli_epi32(bits(s, 12, 15), 16));
    b->d = lower(w);
    b->m = minus(upper(w));
}

/* Group g of the block whose words begin at `at` and whose two odd bytes, of eight rows, are at
 * half. (A block of 32 has one group.) */
INLINE block fetch(const int format, const uint8_t *at, const uint8_t *half, const int g) {
    block b;
    switch (format) {
    case GN_Q4_0:
        nibbles(&b, at, 0);
        b.d = halves(half);
        break;
    case GN_Q5_0:
        nibbles(&b, at, 1);
        fifth_bits(&b, word(at, 0));
        b.d = halves(half);
        break;
    case GN_IQ4_NL:
        nibbles(&b, at, 0);
        look_up(&b);
        b.d = halves(half);
        break;
    case GN_IQ4_XS: {
        const __m256i w = word(at, 0);
        const __m256i scale = _mm256_or_si256(bits(word(at, 1), 4 * g, 15),
                                              _mm256_slli_epi32(bits(w, 16 + 2 * g, 3), 4));
        nibbles(&b, at, 2 + 4 * g);
        look_up(&b);
        b.d = times(lower(w), _mm256_sub_epi32(scale, ints(32)));
        break;
    }
    case GN_Q4_1:
    case GN_Q5_1:
        nibbles(&b, at, format == GN_Q4_1 ? 1 : 2);
        if (format == GN_Q5_1)
            fifth_bits(&b, word(at, 1));
        b.d = lower(word(at, 0));
        b.m = upper(word(at, 0));
        break;
    case GN_Q4_K:
        group_nibbles(&b, at, 4, g);
        lined_scales(&b, at, g);
        break;
    case GN_Q5_K:
        group_nibbles(&b, at, 12, g);
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++)
            b.code[j] =
                _mm256_or_si256(b.code[j], _mm256_slli_epi16(masked(word(at, 4 + j), g, 1), 4));
        lined_scales(&b, at, g);
        break;
    case GN_Q6_K:
        fetch_q6_k(&b, at, g);
        b.d = halves(half);
        break;
    case GN_Q3_K:
        fetch_q3_k(&b, at, g);
        b.d = halves(half);
        break;
    default:
        fetch_q2_k(&b, at, g);
    }
    return b;
}

/* ---- what is read from memory meanwhile ----------------------------------- */

/* Asks for the words of a block, those at `at` or what follows them (gn_panel_soon). */
INLINE void ask_soon(const uint8_t *at, const int format) {
    for (int line = 0; line < gn_panel_words(format); line++)
        _mm_prefetch((const char *)at + gn_panel_soon(format) + 64 * line, _MM_HINT_T0);
}

/* Asks for 32 columns; gives what follows them. */
INLINE const uint8_t *ask_next(const uint8_t *at, const int format) {
    for (int byte = 0; byte < gn_panel_step(format); byte += 64)
        _mm_prefetch((const char *)at + byte, _MM_HINT_T0);
    return at + gn_panel_step(format);
}

/* ---- a tile's sums: a panel in halves, and up to TILE tokens ------------- */

enum { TILE = 4, CHUNK = 8 };

/* y, as far as it goes (from zero if not at all), to and from registers. */
INLINE void take_up(__m256 s[2][TILE], const float *y, size_t stride, const int N, bool begun) {
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++)
#pragma GCC unroll 4
        for (int n = 0; n < N; n++)
            s[h][n] = begun ? _mm256_loadu_ps(y + (size_t)n * stride + 8 * h) : _mm256_setzero_ps();
}
INLINE void put_down(float *y, size_t stride, __m256 s[2][TILE], const int N) {
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++)
#pragma GCC unroll 4
        for (int n = 0; n < N; n++)
            _mm256_storeu_ps(y + (size_t)n * stride + 8 * h, s[h][n]);
}

#endif
