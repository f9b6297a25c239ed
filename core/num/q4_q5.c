/* q4_q5.c - Q4_0, Q4_1, Q5_0, Q5_1: 32 elements of 4 or 5 bits, a scale, for _1 a minimum.
 *
 *   Q4_0   0 d  2 qs[16]                18     value = (q - 8) d
 *   Q4_1   0 d  2 m  4 qs[16]           20     value = q d + m
 *   Q5_0   0 d  2 qh[4]  6 qs[16]       22     value = (q - 16) d
 *   Q5_1   0 d  2 m  4 qh[4]  8 qs[16]  24     value = q d + m
 *
 *   qs[k]   7 6 5 4  3 2 1 0        k = 0..15
 *           q[k+16]    q[k]         the lower four bits of q
 *   qh      bit i is the fifth bit of q[i], i = 0..31
 *
 * d and m are f16.
 */
#include "core/num/block.h"

#include <math.h>

static inline int low(const uint8_t *qs, int k) { return qs[k] & 15; }
static inline int high(const uint8_t *qs, int k) { return qs[k] >> 4; }
static inline int fifth(uint32_t qh, int i) { return (int)(qh >> i & 1u) << 4; }

GN_UNPACK(q4_0) {
    const uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SMALL; b++, p += 18, out += GN_SMALL) {
        const float d = gn_half_at(p);
        for (int k = 0; k < 16; k++) {
            out[k] = (float)(low(p + 2, k) - 8) * d;
            out[k + 16] = (float)(high(p + 2, k) - 8) * d;
        }
    }
}

GN_UNPACK(q4_1) {
    const uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SMALL; b++, p += 20, out += GN_SMALL) {
        const float d = gn_half_at(p), m = gn_half_at(p + 2);
        for (int k = 0; k < 16; k++) {
            out[k] = (float)low(p + 4, k) * d + m;
            out[k + 16] = (float)high(p + 4, k) * d + m;
        }
    }
}

GN_UNPACK(q5_0) {
    const uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SMALL; b++, p += 22, out += GN_SMALL) {
        const float d = gn_half_at(p);
        const uint32_t qh = gn_le32(p + 2);
        for (int k = 0; k < 16; k++) {
            out[k] = (float)((low(p + 6, k) | fifth(qh, k)) - 16) * d;
            out[k + 16] = (float)((high(p + 6, k) | fifth(qh, k + 16)) - 16) * d;
        }
    }
}

GN_UNPACK(q5_1) {
    const uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SMALL; b++, p += 24, out += GN_SMALL) {
        const float d = gn_half_at(p), m = gn_half_at(p + 2);
        const uint32_t qh = gn_le32(p + 4);
        for (int k = 0; k < 16; k++) {
            out[k] = (float)(low(p + 8, k) | fifth(qh, k)) * d + m;
            out[k + 16] = (float)(high(p + 8, k) | fifth(qh, k + 16)) * d + m;
        }
    }
}

/* v without its fraction, in [0, top]; 0 for what is no number. */
static inline uint32_t code(float v, int top) {
    return v > 0.0f ? v < (float)top ? (uint32_t)v : (uint32_t)top : 0u;
}

/* Codes (x + add) inverse + half, cut off: four bits into qs, the fifth into the word returned. */
static uint32_t put_codes(const float *x, float add, float inverse, float half, int top,
                          uint8_t *qs) {
    uint32_t qh = 0;
    for (int k = 0; k < 16; k++) {
        const uint32_t a = code((x[k] + add) * inverse + half, top);
        const uint32_t b = code((x[k + 16] + add) * inverse + half, top);
        qs[k] = (uint8_t)((a & 15) | (b & 15) << 4);
        qh |= (a >> 4) << k | (b >> 4) << (k + 16);
    }
    return qh;
}

/* d that puts the number farthest from zero on code 0, which stands for -middle. */
static float scale_centred(const float *x, float middle) {
    float far = 0.0f;
    for (int i = 0; i < GN_SMALL; i++)
        if (fabsf(x[i]) > fabsf(far))
            far = x[i];
    return far / -middle;
}

/* d that spreads the codes from the least number to the largest. */
static float scale_spread(const float *x, int top, float *low) {
    float high = *low = x[0];
    for (int i = 1; i < GN_SMALL; i++) {
        *low = x[i] < *low ? x[i] : *low;
        high = x[i] > high ? x[i] : high;
    }
    return (high - *low) / (float)top;
}

static float inverse_of(float d) { return d != 0.0f ? 1.0f / d : 0.0f; }

GN_PACK(q4_0) {
    uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SMALL; b++, p += 18, in += GN_SMALL) {
        const float d = scale_centred(in, 8);
        gn_put_half(p, d);
        put_codes(in, 0.0f, inverse_of(d), 8.5f, 15, p + 2);
    }
}

GN_PACK(q4_1) {
    uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SMALL; b++, p += 20, in += GN_SMALL) {
        float low;
        const float d = scale_spread(in, 15, &low);
        gn_put_half(p, d);
        gn_put_half(p + 2, low);
        put_codes(in, -low, inverse_of(d), 0.5f, 15, p + 4);
    }
}

GN_PACK(q5_0) {
    uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SMALL; b++, p += 22, in += GN_SMALL) {
        const float d = scale_centred(in, 16);
        gn_put_half(p, d);
        gn_put32(p + 2, put_codes(in, 0.0f, inverse_of(d), 16.5f, 31, p + 6));
    }
}

GN_PACK(q5_1) {
    uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SMALL; b++, p += 24, in += GN_SMALL) {
        float low;
        const float d = scale_spread(in, 31, &low);
        gn_put_half(p, d);
        gn_put_half(p + 2, low);
        gn_put32(p + 4, put_codes(in, -low, inverse_of(d), 0.5f, 31, p + 8));
    }
}
