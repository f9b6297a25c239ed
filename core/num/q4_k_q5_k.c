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
#include "core/num/fit.h"

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

static void put_scales(uint8_t *s, const gn_lined *f) {
    memset(s, 0, 12);
    for (int k = 0; k < 4; k++) {
        s[k] = (uint8_t)(f->scale[k] | (f->scale[k + 4] >> 4) << 6);
        s[k + 4] = (uint8_t)(f->min[k] | (f->min[k + 4] >> 4) << 6);
        s[k + 8] = (uint8_t)((f->scale[k + 4] & 15) | (f->min[k + 4] & 15) << 4);
    }
}

/* Codes of group g: four bits into qs, the fifth into qh, if there is one. */
static void put_codes(const float *x, const gn_lined *f, int g, int top, uint8_t *qs, uint8_t *qh) {
    const float scale = f->d * (float)f->scale[g], min = f->dmin * (float)f->min[g];
    const float inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
    for (int l = 0; l < 32; l++) {
        const int code = gn_nearest((x[l] + min) * inverse, 0, (float)top);
        qs[l] = (uint8_t)(qs[l] | (code & 15) << (4 * (g % 2)));
        if (qh)
            qh[l] = (uint8_t)(qh[l] | (code >> 4) << g);
    }
}

GN_PACK(q4_k) {
    uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SUPER; b++, p += 144, in += GN_SUPER) {
        gn_lined f;
        gn_fit_lined(in, 32, 15, 63, &f);
        gn_put_half(p, f.d);
        gn_put_half(p + 2, f.dmin);
        put_scales(p + 4, &f);
        memset(p + 16, 0, 128);
        for (int g = 0; g < 8; g++)
            put_codes(in + 32 * g, &f, g, 15, p + 16 + 32 * (g / 2), NULL);
    }
}

GN_PACK(q5_k) {
    uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SUPER; b++, p += 176, in += GN_SUPER) {
        gn_lined f;
        gn_fit_lined(in, 32, 31, 63, &f);
        gn_put_half(p, f.d);
        gn_put_half(p + 2, f.dmin);
        put_scales(p + 4, &f);
        memset(p + 16, 0, 32 + 128);
        for (int g = 0; g < 8; g++)
            put_codes(in + 32 * g, &f, g, 31, p + 48 + 32 * (g / 2), p + 16);
    }
}
