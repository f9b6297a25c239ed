/* q3_k.c - Q3_K: 256 elements of 3 bits in 16 groups of 16, each with a scale.
 *
 *   byte  0 hmask[32]  32 qs[64]  96 scales[12]  108 d  110
 *
 *   qs[32 h + l]  7 6  5 4  3 2  1 0    i = 128 h + 32 j + l; the lower two bits
 *                 j=3  j=2  j=1  j=0
 *   hmask[l]      bit 4 h + j: clear subtracts 4
 *   scales        sixteen of 6 bits, less 32: k = 0..15
 *                 lower 4 bits: the lower (k < 8) or upper nibble of scales[k mod 8]
 *                 upper 2 bits: of scales[8 + k mod 4], shifted by 2 (k / 4)
 *
 * value = (d scale) q, d f16
 */
#include "core/num/fit.h"

enum { BYTES = 110 };

static int scale_at(const uint8_t *scales, int k) {
    const int lower = k < 8 ? scales[k] & 15 : scales[k - 8] >> 4;
    const int upper = scales[8 + k % 4] >> (2 * (k / 4)) & 3;
    return (lower | upper << 4) - 32;
}

GN_UNPACK(q3_k) {
    const uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SUPER; b++, p += BYTES, out += GN_SUPER) {
        const float d = gn_half_at(p + 108);
        for (int s = 0; s < 16; s++) {
            const uint8_t *mask = p + 16 * (s % 2), *q = p + 32 + 32 * (s / 8) + 16 * (s % 2);
            const int shift = 2 * (s / 2 % 4), bit = s / 2;
            const float scale = d * (float)scale_at(p + 96, s);
            for (int l = 0; l < 16; l++)
                out[16 * s + l] =
                    scale * (float)((q[l] >> shift & 3) - (mask[l] >> bit & 1 ? 0 : 4));
        }
    }
}

static void put_scale(uint8_t *scales, int k, int scale) {
    const int code = scale + 32;
    scales[k % 8] = (uint8_t)(scales[k % 8] | (code & 15) << (k < 8 ? 0 : 4));
    scales[8 + k % 4] = (uint8_t)(scales[8 + k % 4] | (code >> 4) << (2 * (k / 4)));
}

GN_PACK(q3_k) {
    static const gn_ladder ladder = {.low = -4, .high = 3};
    uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SUPER; b++, p += BYTES, in += GN_SUPER) {
        gn_scaled f;
        gn_fit_scaled(in, 16, &ladder, -32, 31, &f);
        memset(p, 0, BYTES);
        gn_put_half(p + 108, f.d);
        for (int s = 0; s < 16; s++) {
            uint8_t *mask = p + 16 * (s % 2), *q = p + 32 + 32 * (s / 8) + 16 * (s % 2);
            const float scale = f.d * (float)f.scale[s];
            const float inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
            put_scale(p + 96, s, f.scale[s]);
            for (int l = 0; l < 16; l++) {
                const int code = gn_nearest(in[16 * s + l] * inverse, -4, 3) + 4;
                q[l] = (uint8_t)(q[l] | (code & 3) << (2 * (s / 2 % 4)));
                mask[l] = (uint8_t)(mask[l] | (code >> 2) << (s / 2));
            }
        }
    }
}
