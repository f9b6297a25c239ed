/* half.h - the two 16-bit floats and f32.
 *
 *   f16   s eeeee mmmmmmmmmm         IEEE binary16: bias 15, subnormals, infinities
 *   bf16  s eeeeeeee mmmmmmm         the upper half of an f32
 *
 * Widening is exact. Narrowing rounds to nearest, ties to even; a NaN stays a
 * NaN and becomes quiet. No branch: loops over these become vector code.
 */
#ifndef GN_NUM_HALF_H
#define GN_NUM_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t gn_f32_bits(float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static inline float gn_f32_from_bits(uint32_t bits) {
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline float gn_bf16_to_f32(uint16_t h) { return gn_f32_from_bits((uint32_t)h << 16); }

static inline uint16_t gn_f32_to_bf16(float v) {
    const uint32_t bits = gn_f32_bits(v), nan = bits >> 16 | 0x40u;
    const uint32_t even = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? nan : even);
}

/* A subnormal is m 2^-24, and m in the last places of 0.5 weighs just that. */
static inline float gn_f16_to_f32(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, rest = h & 0x7fffu;
    const uint32_t small = gn_f32_bits(gn_f32_from_bits(0x3f000000u | rest) - 0.5f);
    const uint32_t normal = (rest << 13) + 0x38000000u;  /* the bias: 127 - 15 = 112 */
    const uint32_t special = (rest << 13) | 0x7f800000u; /* infinity, NaN */
    const uint32_t bits = rest < 0x400u ? small : rest < 0x7c00u ? normal : special;
    return gn_f32_from_bits(sign | bits);
}

/* Adding 0.5 rounds a small number to a multiple of 2^-24, as a subnormal has it. */
static inline uint16_t gn_f32_to_f16(float v) {
    const uint32_t bits = gn_f32_bits(v), sign = bits >> 16 & 0x8000u, rest = bits & 0x7fffffffu;
    const uint32_t small = gn_f32_bits(gn_f32_from_bits(rest) + 0.5f) - 0x3f000000u;
    const uint32_t normal = ((rest + 0xfffu + (rest >> 13 & 1u)) >> 13) - (112u << 10);
    const uint32_t nan = 0x7e00u | (rest >> 13 & 0x3ffu);
    const uint32_t half = rest < 0x38800000u    ? small
                          : rest < 0x47800000u  ? normal /* 65520 and more carry into infinity */
                          : rest <= 0x7f800000u ? 0x7c00u
                                                : nan;
    return (uint16_t)(sign | half);
}

#endif
