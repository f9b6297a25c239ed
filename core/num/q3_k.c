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
#include "core/num/block.h"

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
