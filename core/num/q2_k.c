/* q2_k.c - Q2_K: 256 elements of 2 bits in 16 groups of 16, each with a scale and a minimum.
 *
 *   byte  0 scales[16]  16 qs[64]  80 d  82 dmin  84
 *
 *   scales[s]     7 6 5 4  3 2 1 0      s = i / 16
 *                 minimum    scale      in units of dmin and d (f16)
 *   qs[32 h + l]  7 6  5 4  3 2  1 0    i = 128 h + 32 j + l: four runs of 32 in 32 bytes
 *                 j=3  j=2  j=1  j=0
 *
 * value = (d scale) q - dmin minimum
 */
#include "core/num/fit.h"

enum { BYTES = 84 };

GN_UNPACK(q2_k) {
    const uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SUPER; b++, p += BYTES, out += GN_SUPER) {
        const float d = gn_half_at(p + 80), dmin = gn_half_at(p + 82);
        for (int s = 0; s < 16; s++) {
            const uint8_t *q = p + 16 + 32 * (s / 8) + 16 * (s % 2);
            const int shift = 2 * (s / 2 % 4);
            const float scale = d * (float)(p[s] & 15), min = dmin * (float)(p[s] >> 4);
            for (int l = 0; l < 16; l++)
                out[16 * s + l] = scale * (float)(q[l] >> shift & 3) - min;
        }
    }
}

GN_PACK(q2_k) {
    uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SUPER; b++, p += BYTES, in += GN_SUPER) {
        gn_lined f;
        gn_fit_lined(in, 16, 3, 15, &f);
        memset(p, 0, BYTES);
        gn_put_half(p + 80, f.d);
        gn_put_half(p + 82, f.dmin);
        for (int s = 0; s < 16; s++) {
            uint8_t *q = p + 16 + 32 * (s / 8) + 16 * (s % 2);
            const float scale = f.d * (float)f.scale[s], min = f.dmin * (float)f.min[s];
            const float inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
            p[s] = (uint8_t)(f.scale[s] | f.min[s] << 4);
            for (int l = 0; l < 16; l++) {
                const int code = gn_nearest((in[16 * s + l] + min) * inverse, 0, 3);
                q[l] = (uint8_t)(q[l] | code << (2 * (s / 2 % 4)));
            }
        }
    }
}
