/* plain.c - F32, F16 and BF16: one element a block, as C would keep an array. */
#include "core/num/block.h"

GN_UNPACK(f32) { memcpy(out, packed, n * sizeof *out); }

GN_UNPACK(f16) {
    const uint8_t *p = packed;
    for (size_t i = 0; i < n; i++)
        out[i] = gn_half_at(p + 2 * i);
}

GN_UNPACK(bf16) {
    const uint8_t *p = packed;
    for (size_t i = 0; i < n; i++)
        out[i] = gn_bf16_to_f32((uint16_t)gn_le16(p + 2 * i));
}

GN_PACK(f32) { memcpy(packed, in, n * sizeof *in); }

GN_PACK(f16) {
    uint8_t *p = packed;
    for (size_t i = 0; i < n; i++)
        gn_put_half(p + 2 * i, in[i]);
}

GN_PACK(bf16) {
    uint8_t *p = packed;
    for (size_t i = 0; i < n; i++)
        gn_put16(p + 2 * i, gn_f32_to_bf16(in[i]));
}
