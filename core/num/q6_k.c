/* q6_k.c - Q6_K: 256 elements of 6 bits in 16 groups of 16, each with a scale of 8 bits.
 *
 *   byte  0 ql[128]  128 qh[64]  192 scales i8[16]  208 d  210
 *
 *   ql[64 h + 32 (j mod 2) + l]   7 6 5 4   3 2 1 0     i = 128 h + 32 j + l
 *                                 j = 2, 3  j = 0, 1    the lower four bits
 *   qh[32 h + l]   7 6  5 4  3 2  1 0                   the upper two
 *                  j=3  j=2  j=1  j=0
 *
 * value = (d scale) (q - 32), d f16
 */
#include "core/num/fit.h"

enum { BYTES = 210 };

GN_UNPACK(q6_k) {
    const uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SUPER; b++, p += BYTES, out += GN_SUPER) {
        const float d = gn_half_at(p + 208);
        for (int s = 0; s < 16; s++) {
            const int h = s / 8, j = s / 2 % 4;
            const uint8_t *ql = p + 64 * h + 32 * (j % 2) + 16 * (s % 2);
            const uint8_t *qh = p + 128 + 32 * h + 16 * (s % 2);
            const float scale = d * (float)(int8_t)p[192 + s];
            for (int l = 0; l < 16; l++) {
                const int q = (ql[l] >> (4 * (j / 2)) & 15) | (qh[l] >> (2 * j) & 3) << 4;
                out[16 * s + l] = scale * (float)(q - 32);
            }
        }
    }
}

GN_PACK(q6_k) {
    static const gn_ladder ladder = {.low = -32, .high = 31};
    uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SUPER; b++, p += BYTES, in += GN_SUPER) {
        gn_scaled f;
        gn_fit_scaled(in, 16, &ladder, -128, 127, &f);
        memset(p, 0, BYTES);
        gn_put_half(p + 208, f.d);
        for (int s = 0; s < 16; s++) {
            const int h = s / 8, j = s / 2 % 4;
            uint8_t *ql = p + 64 * h + 32 * (j % 2) + 16 * (s % 2);
            uint8_t *qh = p + 128 + 32 * h + 16 * (s % 2);
            const float scale = f.d * (float)f.scale[s];
            const float inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
            p[192 + s] = (uint8_t)f.scale[s];
            for (int l = 0; l < 16; l++) {
                const int code = gn_nearest(in[16 * s + l] * inverse, -32, 31) + 32;
                ql[l] = (uint8_t)(ql[l] | (code & 15) << (4 * (j / 2)));
                qh[l] = (uint8_t)(qh[l] | (code >> 4) << (2 * j));
            }
        }
    }
}
