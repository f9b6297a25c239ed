/* kernel_int.h - what the integer families of the instruction sets share. */
#ifndef GN_CPU_KERNEL_INT_H
#define GN_CPU_KERNEL_INT_H

#include "core/cpu/kernel.h"

#include "core/num/half.h"

/* The formats that have panels: those whose activations are narrow, and all. */
#define GN_NARROW_FORMATS(each)                                                                    \
    each(q4_0, GN_Q4_0) each(q4_1, GN_Q4_1) each(q5_0, GN_Q5_0) each(q5_1, GN_Q5_1)                \
        each(q2_k, GN_Q2_K) each(q3_k, GN_Q3_K) each(q4_k, GN_Q4_K) each(q5_k, GN_Q5_K)            \
            each(q6_k, GN_Q6_K) each(iq4_nl, GN_IQ4_NL) each(iq4_xs, GN_IQ4_XS)
#define GN_PANEL_FORMATS(each) each(q8_0, GN_Q8_0) GN_NARROW_FORMATS(each)

#define GN_PANEL_KERNEL(name, format)                                                              \
    void gn_panels_##name##_avx2(float *, size_t, const void *, int, const gn_quants *);           \
    void gn_panels_##name##_avx512(float *, size_t, const void *, int, const gn_quants *);
GN_PANEL_FORMATS(GN_PANEL_KERNEL)

/* Vectors of words in a block of sixteen rows; whether the block has two odd bytes a row; groups
 * of 32 columns in it. Constants when format is one. */
static inline __attribute__((always_inline)) int gn_panel_words(const int format) {
    static const uint8_t words[GN_FORMATS] = {
        [GN_Q8_0] = 8,  [GN_Q4_0] = 4,  [GN_Q4_1] = 5,   [GN_Q5_0] = 5,
        [GN_Q5_1] = 6,  [GN_Q2_K] = 21, [GN_Q3_K] = 27,  [GN_Q4_K] = 36,
        [GN_Q5_K] = 44, [GN_Q6_K] = 52, [GN_IQ4_NL] = 4, [GN_IQ4_XS] = 34};
    return words[format];
}
static inline __attribute__((always_inline)) bool gn_panel_odd(const int format) {
    return format == GN_Q8_0 || format == GN_Q4_0 || format == GN_Q5_0 || format == GN_IQ4_NL ||
           format == GN_Q3_K || format == GN_Q6_K;
}
static inline __attribute__((always_inline)) int gn_panel_groups(const int format) {
    return format == GN_Q2_K || format == GN_Q3_K || format == GN_Q4_K || format == GN_Q5_K ||
                   format == GN_Q6_K || format == GN_IQ4_XS
               ? 8
               : 1;
}

/* Where in a panel the words of block b begin, and its halves. Two blocks share a line of halves. */
static inline __attribute__((always_inline)) size_t gn_panel_word(size_t b, const int format) {
    const size_t step = (size_t)gn_panel_words(format) * 64;
    return b * step + (gn_panel_odd(format) ? (b / 2 + 1) * 64 : 0);
}
static inline __attribute__((always_inline)) size_t gn_panel_half(size_t b, const int format) {
    const size_t step = (size_t)gn_panel_words(format) * 64;
    return b / 2 * (2 * step + 64) + b % 2 * 32;
}

/* Bytes of 32 columns of a panel. */
static inline __attribute__((always_inline)) int gn_panel_step(const int format) {
    return (64 * gn_panel_words(format) + (gn_panel_odd(format) ? 32 : 0)) /
           gn_panel_groups(format);
}

/* Where word i of a block lies among those of the panel: in the order in which they are read, which
 * in the file's blocks is another for one format. Fours of words stay together. */
static inline __attribute__((always_inline)) int gn_panel_place(const int i, const int format) {
    static const uint8_t four[13] = {1, 3, 5, 6, 7, 9, 11, 12, 2, 4, 8, 10, 0};
    return format == GN_Q6_K ? 4 * four[i / 4] + i % 4 : i;
}

/* How many bytes before it reads them a product that reads a panel once, or for the first time,
 * asks memory for a block's words, all at once. Of blocks with groups, whose lines are not read one
 * after another, other distances were up to twice as slow. */
static inline __attribute__((always_inline)) int gn_panel_soon(const int format) {
    return gn_panel_groups(format) > 1 ? 64 * (gn_panel_words(format) - 4) : 8192;
}

/* gn_kernels.quantise: code = x / scale to the nearest, scale = max |x| / largest code. Plain C
 * without a branch, made into vectors for each instruction set. */
static inline __attribute__((always_inline)) float gn_most_of(const float *x, const int n) {
    uint32_t bits = 0; /* magnitudes are ordered as their bits are, and NaN comes last */
    for (int k = 0; k < n; k++) {
        const uint32_t magnitude = gn_f32_bits(x[k]) & 0x7fffffffu;
        bits = magnitude > bits ? magnitude : bits;
    }
    return gn_f32_from_bits(bits);
}

static inline float gn_inverse_of(float most, float largest) {
    return most > 1e-32f ? largest / most : 0.0f;
}

static inline __attribute__((always_inline)) void gn_codes_of(int32_t *code, const float *x,
                                                              float inverse) {
    const float round = 12582912.0f; /* 1.5 2^23: adding it leaves no fraction */
    for (int k = 0; k < GN_QUANT; k++) {
        const float v = x[k] * inverse + round;
        memcpy(&code[k], &v, 4);
        code[k] = (int32_t)((uint32_t)code[k] - 0x4b400000u);
    }
}

static inline __attribute__((always_inline)) void gn_quantise_block(const gn_quants *q, size_t i,
                                                                    const float *x) {
    const float most = gn_most_of(x, GN_QUANT);
    int32_t code[GN_QUANT];
    uint32_t sum[2] = {0, 0}; /* unsigned: inf and NaN have any code, their scale carries them */
    gn_codes_of(code, x, gn_inverse_of(most, 127.0f));
    for (int k = 0; k < GN_QUANT; k++)
        q->code[i * GN_QUANT + (size_t)k] = (int8_t)code[k];
    for (int k = 0; k < GN_QUANT / 2; k++) {
        sum[0] += (uint32_t)code[k];
        sum[1] += (uint32_t)code[k + GN_QUANT / 2];
    }
    q->scale[i] = most / 127.0f;
    q->sum[i] = q->scale[i] * (float)(int32_t)(sum[0] + sum[1]);
    q->offset[i] = (int32_t)(0u - 128u * (sum[0] + sum[1]));
    q->half[2 * i] = (int32_t)(0u - 128u * sum[0]);
    q->half[2 * i + 1] = (int32_t)(0u - 128u * sum[1]);
    q->pair[i] = (int32_t)(sum[1] << 16 | (sum[0] & 0xffffu));
}

static inline __attribute__((always_inline)) void gn_quantise_rows(const gn_quants *q, gn_mat x,
                                                                   int first, int count) {
    for (int t = first; t < first + count; t++)
        for (int b = 0; b < q->blocks; b++)
            gn_quantise_block(q, (size_t)b * (size_t)q->stride + (size_t)t,
                              gn_row(x, t) + b * GN_QUANT);
}

/* Wide codes as pairs of 16 bits: of four neighbours the first and the third, then the others. */
static inline __attribute__((always_inline)) void gn_put_pairs(const gn_quants *q, size_t i,
                                                               const int32_t *code) {
    int16_t to[GN_QUANT];
    for (int k = 0; k < GN_QUANT; k += 4)
        for (int l = 0; l < 4; l++)
            to[k + l] = (int16_t)code[k + l % 2 * 2 + l / 2];
    memcpy(q->code + i * sizeof to, to, sizeof to);
}

/* Wide codes as bytes: 32 upper ones, which carry the sign, then 32 lower ones. */
static inline __attribute__((always_inline)) void gn_put_bytes(const gn_quants *q, size_t i,
                                                               const int32_t *code) {
    int8_t *to = q->code + i * 2 * GN_QUANT;
    uint32_t sum = 0;
    for (int k = 0; k < GN_QUANT; k++) {
        to[k] = (int8_t)(code[k] >> 8);
        to[k + GN_QUANT] = (int8_t)code[k];
        sum += (uint32_t)(code[k] >> 8);
    }
    q->offset[i] = (int32_t)(0u - 128u * sum);
}

/* How far a block whose largest magnitude is `most` of a row's is shifted. */
static inline int gn_shift_of(float most, float row) {
    int shift = GN_SHIFT;
    for (float part = 0.5f * row; shift > 0 && most <= part; part *= 0.5f)
        shift--;
    return shift;
}

static inline __attribute__((always_inline)) void
gn_quantise_wide(const gn_quants *q, gn_mat x, int first, int count,
                 void (*const put)(const gn_quants *, size_t, const int32_t *)) {
    for (int t = first; t < first + count; t++) {
        const float *in = gn_row(x, t);
        const float most = gn_most_of(in, q->blocks * GN_QUANT);
        const float inverse = gn_inverse_of(most, 32767.0f);
        size_t i = (size_t)t;
        q->scale[t] = most / (float)(32767 << GN_SHIFT);
        for (int b = 0; b < q->blocks; b++, in += GN_QUANT, i += (size_t)q->stride) {
            const int shift = gn_shift_of(gn_most_of(in, GN_QUANT), most);
            int32_t code[GN_QUANT];
            gn_codes_of(code, in, inverse * (float)(1 << (GN_SHIFT - shift)));
            put(q, i, code);
            q->shift[i] = shift;
        }
    }
}

#endif
