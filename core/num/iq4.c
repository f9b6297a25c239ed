/* iq4.c - IQ4_NL and IQ4_XS: 4 bits name one of sixteen values, dense near zero.
 *
 *   IQ4_NL  32 elements    0 d  2 qs[16]                                18
 *   IQ4_XS  256 in 8 x 32  0 d  2 scales_h[2]  4 scales_l[4]  8 qs[128]  136
 *
 *   qs[16 g + k]    7 6 5 4  3 2 1 0       i = 32 g + k: lower nibble; k + 16: upper
 *   scales_l[g/2]   nibble g mod 2: the lower four bits of group g's scale
 *   scales_h        bits 2 g and 2 g + 1 (of 16): the upper two; less 32
 *
 * value = (d scale) T[q], for IQ4_NL d T[q]; d f16
 */
#include "core/num/fit.h"

const int8_t gn_iq4_value[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                 1,    13,   25,  38,  53,  69,  89,  113};

static void values(const uint8_t *qs, float d, float *out) {
    for (int k = 0; k < 16; k++) {
        out[k] = d * (float)gn_iq4_value[qs[k] & 15];
        out[k + 16] = d * (float)gn_iq4_value[qs[k] >> 4];
    }
}

GN_UNPACK(iq4_nl) {
    const uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SMALL; b++, p += 18, out += GN_SMALL)
        values(p + 2, gn_half_at(p), out);
}

GN_UNPACK(iq4_xs) {
    const uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SUPER; b++, p += 136, out += GN_SUPER) {
        const float d = gn_half_at(p);
        const uint32_t upper = gn_le16(p + 2);
        for (int g = 0; g < 8; g++) {
            const int scale = (p[4 + g / 2] >> (4 * (g % 2)) & 15) | (int)(upper >> (2 * g) & 3)
                                                                         << 4;
            values(p + 8 + 16 * g, d * (float)(scale - 32), out + 32 * g);
        }
    }
}

static const float middle[15] = {-115.5f, -93.5f, -74,   -57,   -42, -28.5f, -16, -4.5f,
                                 7,       19,     31.5f, 45.5f, 61,  79,     101};
static const float step[15] = {23, 21, 18, 16, 14, 13, 12, 11, 12, 12, 13, 15, 16, 20, 24};
static const gn_ladder ladder = {-127, 113, middle, step};

static void put_values(const float *x, float d, uint8_t *qs) {
    const float inverse = d != 0.0f ? 1.0f / d : 0.0f;
    for (int k = 0; k < 16; k++)
        qs[k] = (uint8_t)(gn_nearest_rung(x[k] * inverse, middle) |
                          gn_nearest_rung(x[k + 16] * inverse, middle) << 4);
}

GN_PACK(iq4_nl) {
    uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SMALL; b++, p += 18, in += GN_SMALL) {
        const float d = gn_half_of(gn_fit_scale(in, 32, &ladder));
        gn_put_half(p, d);
        put_values(in, d, p + 2);
    }
}

GN_PACK(iq4_xs) {
    uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SUPER; b++, p += 136, in += GN_SUPER) {
        gn_scaled f;
        uint32_t upper = 0;
        gn_fit_scaled(in, 32, &ladder, -32, 31, &f);
        memset(p, 0, 8);
        gn_put_half(p, f.d);
        for (int g = 0; g < 8; g++) {
            const int code = f.scale[g] + 32;
            p[4 + g / 2] = (uint8_t)(p[4 + g / 2] | (code & 15) << (4 * (g % 2)));
            upper |= (uint32_t)(code >> 4) << (2 * g);
            put_values(in + 32 * g, f.d * (float)f.scale[g], p + 8 + 16 * g);
        }
        gn_put16(p + 2, upper);
    }
}
