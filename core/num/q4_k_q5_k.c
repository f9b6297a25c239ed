/* q4_k_q5_k.c - Q4_K and Q5_K: 256 elements of 4 or 5 bits in 8 groups of 32, each with a
 * scale and a minimum of 6 bits.
 *
 *   Q4_K   0 d  2 dmin  4 scales[12]  16 qs[128]             144
 *   Q5_K   0 d  2 dmin  4 scales[12]  16 qh[32]  48 qs[128]  176
 *
 *   scales[k]             7 6           5 4 3 2 1 0         k = 0..3, group g = 0..3 and up
 *     k = 0..3    upper of scale[k+4]   scale[k]
 *     k = 4..7    upper of min[k]       min[k-4]
 *                         7 6 5 4       3 2 1 0
 *     k = 8..11   lower of min[k-4]     lower of scale[k-4]
 *   qs[32 (g/2) + l]      group g odd   group g even        i = 32 g + l
 *   qh[l]                 bit g is the fifth bit of q
 *
 * value = (d scale) q - dmin minimum; d and dmin are f16.
 */
#include "core/num/block.h"

static int scale_of(const uint8_t *s, int g) {
    return g < 4 ? s[g] & 63 : (s[g + 4] & 15) | (s[g - 4] >> 6) << 4;
}
static int min_of(const uint8_t *s, int g) {
    return g < 4 ? s[g + 4] & 63 : s[g + 4] >> 4 | (s[g] >> 6) << 4;
}

GN_UNPACK(q4_k) {
    const uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SUPER; b++, p += 144, out += GN_SUPER) {
        const float d = gn_half_at(p), dmin = gn_half_at(p + 2);
        for (int g = 0; g < 8; g++) {
            const uint8_t *q = p + 16 + 32 * (g / 2);
            const float scale = d * (float)scale_of(p + 4, g), min = dmin * (float)min_of(p + 4, g);
            for (int l = 0; l < 32; l++)
                out[32 * g + l] = scale * (float)(q[l] >> (4 * (g % 2)) & 15) - min;
        }
    }
}

GN_UNPACK(q5_k) {
    const uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SUPER; b++, p += 176, out += GN_SUPER) {
        const float d = gn_half_at(p), dmin = gn_half_at(p + 2);
        const uint8_t *qh = p + 16;
        for (int g = 0; g < 8; g++) {
            const uint8_t *q = p + 48 + 32 * (g / 2);
            const float scale = d * (float)scale_of(p + 4, g), min = dmin * (float)min_of(p + 4, g);
            for (int l = 0; l < 32; l++)
                out[32 * g + l] =
                    scale * (float)((q[l] >> (4 * (g % 2)) & 15) + (qh[l] >> g & 1) * 16) - min;
        }
    }
}
