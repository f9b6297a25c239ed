/* block.h - what the files of the number formats share. Nobody else includes it.
 *
 * A packed row has no alignment, so its fields are read byte by byte (the
 * compiler makes one load of it). Everything in a block is little-endian.
 */
#ifndef GN_NUM_BLOCK_H
#define GN_NUM_BLOCK_H

#include "core/num/format.h"
#include "core/num/half.h"

enum { GN_SMALL = 32, GN_SUPER = 256 }; /* elements of the two kinds of block */

/* The sixteen values of the IQ4 formats. */
extern const int8_t gn_iq4_value[16];

static inline uint32_t gn_le16(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8; }
static inline uint32_t gn_le32(const uint8_t *p) { return gn_le16(p) | gn_le16(p + 2) << 16; }
static inline float gn_half_at(const uint8_t *p) { return gn_f16_to_f32((uint16_t)gn_le16(p)); }

static inline void gn_put16(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}
static inline void gn_put32(uint8_t *p, uint32_t v) {
    gn_put16(p, v);
    gn_put16(p + 2, v >> 16);
}
static inline void gn_put_half(uint8_t *p, float v) { gn_put16(p, gn_f32_to_f16(v)); }

#define GN_UNPACK(name) void gn_##name##_unpack(const void *packed, float *out, size_t n)
#define GN_PACK(name)   void gn_##name##_pack(const float *in, void *packed, size_t n)

GN_UNPACK(f32);
GN_UNPACK(f16);
GN_UNPACK(bf16);
GN_UNPACK(q8_0);
GN_UNPACK(q4_0);
GN_UNPACK(q4_1);
GN_UNPACK(q5_0);
GN_UNPACK(q5_1);
GN_UNPACK(q2_k);
GN_UNPACK(q3_k);
GN_UNPACK(q4_k);
GN_UNPACK(q5_k);
GN_UNPACK(q6_k);
GN_UNPACK(iq4_nl);
GN_UNPACK(iq4_xs);
GN_PACK(f32);
GN_PACK(f16);
GN_PACK(bf16);
GN_PACK(q8_0);
GN_PACK(q4_0);
GN_PACK(q4_1);
GN_PACK(q5_0);
GN_PACK(q5_1);
GN_PACK(q2_k);
GN_PACK(q3_k);
GN_PACK(q4_k);
GN_PACK(q5_k);
GN_PACK(q6_k);
GN_PACK(iq4_nl);
GN_PACK(iq4_xs);

#endif
