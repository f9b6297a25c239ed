/* unpack.cuh - the number formats of weights (core/num), as a GPU reads them.
 *
 * On the device a row is the blocks of the file, but for two odd bytes: a format whose block is
 * not a multiple of 4 bytes has its one f16 scale taken out, and those of a row follow its
 * blocks. So every word is aligned, and two or four of them where a block's bytes allow it are read
 * at once. A row is filled up to 16 bytes.
 *
 * gn_unpack8<F>() gives eight neighbours of a row, with the arithmetic of core/num to the bit.
 */
#ifndef GN_CUDA_UNPACK_CUH
#define GN_CUDA_UNPACK_CUH

#include "core/cuda/gpu.h"
#include "core/num/format.h"

/* A format as it lies in a file and on the device. */
struct gn_shape {
    int block, bytes; /* elements and bytes of a block in the file */
    int odd;          /* where its odd half lies in it; -1: it has none */
};

static constexpr gn_shape gn_shapes[GN_FORMATS] = {
    {1, 4, -1},     {1, 2, -1},     {1, 2, -1},      {32, 34, 0},   {32, 18, 0},
    {32, 20, -1},   {32, 22, 0},    {32, 24, -1},    {256, 84, -1}, {256, 110, 108},
    {256, 144, -1}, {256, 176, -1}, {256, 210, 208}, {32, 18, 0},   {256, 136, -1},
};

/* Bytes of a row. */
static inline size_t gn_device_row(int format, int cols) {
    const size_t blocks = (size_t)(cols / gn_shapes[format].block);
    return (blocks * (size_t)gn_shapes[format].bytes + 15) / 16 * 16;
}

GN_FN uint32_t gn_word(const uint8_t *p) { return gn_load(reinterpret_cast<const uint32_t *>(p)); }
GN_FN uint16_t gn_word16(const uint8_t *p) {
    return gn_load(reinterpret_cast<const uint16_t *>(p));
}
GN_FN uint4 gn_words4(const uint8_t *p) { return gn_load(reinterpret_cast<const uint4 *>(p)); }
/* Two words; at once where a format's blocks keep them at multiples of 8 bytes. */
template <int BYTES> GN_FN void gn_words2(const uint8_t *p, uint32_t w[2]) {
    if (BYTES % 8 == 0) {
        const uint2 both = gn_load(reinterpret_cast<const uint2 *>(p));
        w[0] = both.x;
        w[1] = both.y;
    } else {
        w[0] = gn_word(p);
        w[1] = gn_word(p + 4);
    }
}
GN_FN int gn_byte(uint32_t w, int k) { return (int)(w >> (8 * k) & 255u); }

/* The sixteen values of the IQ4 formats, four to a word. */
GN_FN int gn_iq4(int code) {
    const uint32_t w = code < 8    ? code < 4 ? 0xbfad9881u : 0xf6eaddcfu
                       : code < 12 ? 0x26190d01u
                                   : 0x71594535u;
    return (int)(int8_t)gn_byte(w, code & 3);
}

/* Six bits of scale and minimum of group g of Q4_K and Q5_K: the 12 bytes after its two halves. */
GN_FN void gn_scale_min(uint4 head, int g, int *scale, int *min) {
    const uint32_t a = head.y, b = head.z, c = head.w;
    const int k = g & 3;
    if (g < 4) {
        *scale = gn_byte(a, k) & 63;
        *min = gn_byte(b, k) & 63;
    } else {
        *scale = (gn_byte(c, k) & 15) | (gn_byte(a, k) >> 6) << 4;
        *min = gn_byte(c, k) >> 4 | (gn_byte(b, k) >> 6) << 4;
    }
}

GN_FN int gn_q3_scale(const uint8_t *s, int k) {
    const int j = k & 7, byte = gn_byte(gn_word(s + (j & 4)), j & 3);
    const int lower = k < 8 ? byte & 15 : byte >> 4;
    const int upper = gn_byte(gn_word(s + 8), k & 3) >> (2 * (k / 4)) & 3;
    return (lower | upper << 4) - 32;
}

/* Elements [8 i, 8 i + 8) of a row of cols elements. Past a row's end of a plain format: zeros. */
template <int F> GN_FN void gn_unpack8(const uint8_t *row, int cols, int i, float v[8]) {
    constexpr gn_shape s = gn_shapes[F];
    const bool whole = 8 * i + 8 <= cols;
    if (F == GN_F32) {
        for (int k = 0; whole && k < 8; k += 4) {
            const uint4 w = gn_words4(row + 4 * (8 * i + k));
            v[k] = gn_float(w.x);
            v[k + 1] = gn_float(w.y);
            v[k + 2] = gn_float(w.z);
            v[k + 3] = gn_float(w.w);
        }
        for (int k = 0; !whole && k < 8; k++)
            v[k] = 8 * i + k < cols ? gn_load(reinterpret_cast<const float *>(row) + 8 * i + k) : 0;
        return;
    }
    if (F == GN_F16 || F == GN_BF16) {
        uint32_t w[4] = {0, 0, 0, 0};
        if (whole) {
            const uint4 all = gn_words4(row + 16 * i);
            w[0] = all.x;
            w[1] = all.y;
            w[2] = all.z;
            w[3] = all.w;
        }
        for (int k = 0; !whole && 8 * i + k < cols; k++)
            w[k / 2] |= (uint32_t)gn_word16(row + 2 * (8 * i + k)) << (16 * (k & 1));
        for (int k = 0; k < 8; k++) {
            const uint32_t h = k & 1 ? w[k / 2] >> 16 : w[k / 2] & 0xffffu;
            v[k] = F == GN_F16 ? gn_half((uint16_t)h) : gn_float(h << 16);
        }
        return;
    }
    constexpr int per = s.block / 8 > 0 ? s.block / 8 : 1, bytes = s.bytes - (s.odd >= 0 ? 2 : 0);
    const int b = i / per, r = i % per, blocks = cols / s.block;
    const uint8_t *p = row + (size_t)b * bytes;
    const uint8_t *halves = row + (size_t)blocks * bytes;
    const float d = s.odd >= 0 ? gn_half(gn_word16(halves + 2 * b)) : 0.0f;

    if (F == GN_Q8_0) {
        uint32_t w[2];
        gn_words2<bytes>(p + 8 * r, w);
        for (int k = 0; k < 8; k++)
            v[k] = (float)(int8_t)gn_byte(w[k / 4], k & 3) * d;
    } else if (s.block == 32) { /* two nibbles a byte: elements 0..15 and 16..31 */
        constexpr bool min = F == GN_Q4_1 || F == GN_Q5_1, five = F == GN_Q5_0 || F == GN_Q5_1;
        constexpr int head = min ? 4 : 0, at = head + (five ? 4 : 0);
        const int j = r & 1, shift = 4 * (r >> 1);
        uint32_t w[2];
        gn_words2<min || five ? 4 : bytes>(p + at + 8 * j, w); /* of 16 bytes */
        const uint32_t qh = five ? gn_word(p + head) >> (8 * r) : 0;
        const uint32_t dm = min ? gn_word(p) : 0;
        const float scale = min ? gn_half((uint16_t)dm) : d;
        const float add = min ? gn_half((uint16_t)(dm >> 16)) : 0.0f;
        for (int k = 0; k < 8; k++) {
            const int q = (gn_byte(w[k / 4], k & 3) >> shift & 15) | (int)(qh >> k & 1u) << 4;
            v[k] = F == GN_IQ4_NL ? scale * (float)gn_iq4(q)
                   : min          ? (float)q * scale + add
                                  : (float)(q - (five ? 16 : 8)) * scale;
        }
    } else if (F == GN_Q2_K) {
        const int g = r / 2, at = 16 + 32 * (g / 8) + 16 * (g & 1) + 8 * (r & 1);
        const int shift = 2 * (g / 2 & 3), sm = gn_byte(gn_word(p + (g & 12)), g & 3);
        const uint32_t w[2] = {gn_word(p + at), gn_word(p + at + 4)}, dm = gn_word(p + 80);
        const float scale = gn_half((uint16_t)dm) * (float)(sm & 15);
        const float min_of = gn_half((uint16_t)(dm >> 16)) * (float)(sm >> 4);
        for (int k = 0; k < 8; k++)
            v[k] = scale * (float)(gn_byte(w[k / 4], k & 3) >> shift & 3) - min_of;
    } else if (F == GN_Q3_K) {
        const int g = r / 2, in = 16 * (g & 1) + 8 * (r & 1), at = 32 + 32 * (g / 8) + in;
        const int shift = 2 * (g / 2 & 3), bit = g / 2;
        const uint32_t w[2] = {gn_word(p + at), gn_word(p + at + 4)};
        const uint32_t m[2] = {gn_word(p + in), gn_word(p + in + 4)};
        const float scale = d * (float)gn_q3_scale(p + 96, g);
        for (int k = 0; k < 8; k++) {
            const int q = gn_byte(w[k / 4], k & 3) >> shift & 3;
            v[k] = scale * (float)(q - (gn_byte(m[k / 4], k & 3) >> bit & 1 ? 0 : 4));
        }
    } else if (F == GN_Q4_K || F == GN_Q5_K) {
        const int g = r / 4, in = 8 * (r & 3), at = (F == GN_Q4_K ? 16 : 48) + 32 * (g / 2) + in;
        const uint4 head = gn_words4(p); /* of 144 or 176 bytes, so at a multiple of 16 */
        const uint32_t dm = head.x;
        uint32_t w[2], h[2] = {0, 0};
        int sc, mn;
        gn_words2<bytes>(p + at, w);
        if (F == GN_Q5_K)
            gn_words2<bytes>(p + 16 + in, h);
        gn_scale_min(head, g, &sc, &mn);
        const float scale = gn_half((uint16_t)dm) * (float)sc;
        const float min_of = gn_half((uint16_t)(dm >> 16)) * (float)mn;
        for (int k = 0; k < 8; k++) {
            const int q = (gn_byte(w[k / 4], k & 3) >> (4 * (g & 1)) & 15) +
                          (gn_byte(h[k / 4], k & 3) >> g & 1) * 16;
            v[k] = scale * (float)q - min_of;
        }
    } else if (F == GN_Q6_K) {
        const int g = r / 2, half = g / 8, j = g / 2 & 3, in = 16 * (g & 1) + 8 * (r & 1);
        const int l = 64 * half + 32 * (j & 1) + in, u = 128 + 32 * half + in;
        uint32_t ql[2], qh[2];
        gn_words2<bytes>(p + l, ql);
        gn_words2<bytes>(p + u, qh);
        const float scale = d * (float)(int8_t)gn_byte(gn_word(p + 192 + (g & 12)), g & 3);
        for (int k = 0; k < 8; k++) {
            const int q = (gn_byte(ql[k / 4], k & 3) >> (4 * (j / 2)) & 15) |
                          (gn_byte(qh[k / 4], k & 3) >> (2 * j) & 3) << 4;
            v[k] = scale * (float)(q - 32);
        }
    } else { /* GN_IQ4_XS */
        const int g = r / 4, j = r & 1, shift = 4 * (r >> 1 & 1), at = 8 + 16 * g + 8 * j;
        uint32_t w[2], both[2];
        gn_words2<bytes>(p + at, w);
        gn_words2<bytes>(p, both);
        const uint32_t head = both[0];
        const int low = gn_byte(both[1], g / 2) >> (4 * (g & 1)) & 15;
        const int sc = (low | (int)(head >> (16 + 2 * g) & 3u) << 4) - 32;
        const float scale = gn_half((uint16_t)head) * (float)sc;
        for (int k = 0; k < 8; k++)
            v[k] = scale * (float)gn_iq4(gn_byte(w[k / 4], k & 3) >> shift & 15);
    }
}

/* Call body with F the compile-time format. */
#define GN_FORMAT_CASE(f, ...)                                                                     \
    case f: {                                                                                      \
        constexpr int F = f;                                                                       \
        __VA_ARGS__;                                                                               \
        break;                                                                                     \
    }
#define GN_BY_FORMAT(format, ...)                                                                  \
    switch (format) {                                                                              \
        GN_FORMAT_CASE(GN_F32, __VA_ARGS__)                                                        \
        GN_FORMAT_CASE(GN_F16, __VA_ARGS__)                                                        \
        GN_FORMAT_CASE(GN_BF16, __VA_ARGS__)                                                       \
        GN_FORMAT_CASE(GN_Q8_0, __VA_ARGS__)                                                       \
        GN_FORMAT_CASE(GN_Q4_0, __VA_ARGS__)                                                       \
        GN_FORMAT_CASE(GN_Q4_1, __VA_ARGS__)                                                       \
        GN_FORMAT_CASE(GN_Q5_0, __VA_ARGS__)                                                       \
        GN_FORMAT_CASE(GN_Q5_1, __VA_ARGS__)                                                       \
        GN_FORMAT_CASE(GN_Q2_K, __VA_ARGS__)                                                       \
        GN_FORMAT_CASE(GN_Q3_K, __VA_ARGS__)                                                       \
        GN_FORMAT_CASE(GN_Q4_K, __VA_ARGS__)                                                       \
        GN_FORMAT_CASE(GN_Q5_K, __VA_ARGS__)                                                       \
        GN_FORMAT_CASE(GN_Q6_K, __VA_ARGS__)                                                       \
        GN_FORMAT_CASE(GN_IQ4_NL, __VA_ARGS__)                                                     \
        GN_FORMAT_CASE(GN_IQ4_XS, __VA_ARGS__)                                                     \
    }

#endif
