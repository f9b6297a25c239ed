/* q8_0.c - Q8_0: 32 signed bytes and their scale.
 *
 *   byte   0   2                          34
 *          d   q0 q1 q2 ... q31                value i = qi d
 *          f16 i8
 */
#include "core/num/block.h"

#include <math.h>

enum { BYTES = 34 };

GN_UNPACK(q8_0) {
    const uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SMALL; b++, p += BYTES, out += GN_SMALL) {
        const float d = gn_half_at(p);
        const int8_t *q = (const int8_t *)p + 2;
        for (int i = 0; i < GN_SMALL; i++)
            out[i] = (float)q[i] * d;
    }
}

/* The largest becomes 127; halves go away from zero, as ggml rounds here. */
GN_PACK(q8_0) {
    uint8_t *p = packed;
    for (size_t b = 0; b < n / GN_SMALL; b++, p += BYTES, in += GN_SMALL) {
        float most = 0.0f;
        for (int i = 0; i < GN_SMALL; i++)
            most = fabsf(in[i]) > most ? fabsf(in[i]) : most;
        const float d = most / 127, inverse = d != 0.0f ? 1.0f / d : 0.0f;
        gn_put_half(p, d);
        for (int i = 0; i < GN_SMALL; i++) {
            const float q = roundf(in[i] * inverse);
            p[2 + i] = (uint8_t)(int8_t)(q > -127 ? q < 127 ? q : 127 : -127);
        }
    }
}
