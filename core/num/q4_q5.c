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
