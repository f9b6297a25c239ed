/* immintrin.h - every vector instruction the CPU device uses, in plain C by SIMDe.
 *
 * The files of core/cpu that need AVX2, AVX-512, VNNI or BF16 are compiled a second time with
 * this folder before the compiler's own headers, so that their tests run on any processor. What
 * SIMDe 0.7.4 lacks is at the end: each said by lanes, as the maker's manual says it.
 */
#ifndef GN_TESTS_EMULATE_IMMINTRIN_H
#define GN_TESTS_EMULATE_IMMINTRIN_H

#define SIMDE_ENABLE_NATIVE_ALIASES
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wextra"
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>
#include <simde/x86/sse4.2.h>
#pragma GCC diagnostic pop

#include "core/num/half.h"

#include <math.h>
#include <string.h>

typedef simde__mmask16 __mmask16;

#define EMULATED static inline __attribute__((unused))

#define LANES(type, name, v)                                                                       \
    type name[sizeof(v) / sizeof(type)];                                                           \
    memcpy(name, &(v), sizeof name)
#define RETURN(kind, lanes)                                                                        \
    kind result;                                                                                   \
    memcpy(&result, lanes, sizeof result);                                                         \
    return result

EMULATED __m256i emulated_cvtepi32_epi16(__m512i v) {
    LANES(int32_t, from, v);
    int16_t to[16];
    for (int i = 0; i < 16; i++)
        to[i] = (int16_t)(uint16_t)(uint32_t)from[i];
    RETURN(__m256i, to);
}

EMULATED __m512 emulated_cvtepi32_ps(__m512i v) {
    LANES(int32_t, from, v);
    float to[16];
    for (int i = 0; i < 16; i++)
        to[i] = (float)from[i];
    RETURN(__m512, to);
}

EMULATED __m512i emulated_cvtepu16_epi32(__m256i v) {
    LANES(uint16_t, from, v);
    uint32_t to[16];
    for (int i = 0; i < 16; i++)
        to[i] = from[i];
    RETURN(__m512i, to);
}

EMULATED __m512 emulated_cvtph_ps(__m256i v) {
    LANES(uint16_t, from, v);
    float to[16];
    for (int i = 0; i < 16; i++)
        to[i] = gn_f16_to_f32(from[i]);
    RETURN(__m512, to);
}

EMULATED __m256i emulated_cvtps_ph(__m512 v) {
    LANES(float, from, v);
    uint16_t to[16];
    for (int i = 0; i < 16; i++)
        to[i] = gn_f32_to_f16(from[i]);
    RETURN(__m256i, to);
}

EMULATED __m256bh emulated_cvtneps_pbh(__m512 v) {
    LANES(float, from, v);
    uint16_t to[16];
    for (int i = 0; i < 16; i++)
        to[i] = gn_f32_to_bf16(from[i]);
    RETURN(__m256bh, to);
}

EMULATED __m512d emulated_cvtps_pd(__m256 v) {
    LANES(float, from, v);
    double to[8];
    for (int i = 0; i < 8; i++)
        to[i] = (double)from[i];
    RETURN(__m512d, to);
}

EMULATED __m256 emulated_extractf32x8_ps(__m512 v, int half) {
    LANES(float, from, v);
    RETURN(__m256, from + 8 * half);
}

EMULATED __m512i emulated_srai_epi32(__m512i v, unsigned n) {
    LANES(int32_t, from, v);
    for (int i = 0; i < 16; i++)
        from[i] >>= n > 31 ? 31 : n;
    RETURN(__m512i, from);
}

/* SIMDe's rounds twice. */
EMULATED __m512 emulated_fmadd_ps(__m512 a, __m512 b, __m512 c) {
    LANES(float, x, a);
    LANES(float, y, b);
    LANES(float, z, c);
    for (int i = 0; i < 16; i++)
        z[i] = fmaf(x[i], y[i], z[i]);
    RETURN(__m512, z);
}

/* SIMDe's makes the power of two first, which may be more than a float holds. */
EMULATED __m512 emulated_scalef_ps(__m512 a, __m512 b) {
    LANES(float, x, a);
    LANES(float, n, b);
    for (int i = 0; i < 16; i++)
        x[i] = n[i] > 1000.0f    ? x[i] * INFINITY
               : n[i] < -1000.0f ? x[i] * 0.0f
                                 : ldexpf(x[i], (int)floorf(n[i]));
    RETURN(__m512, x);
}

EMULATED __m512 emulated_maskz_loadu_ps(__mmask16 mask, const void *p) {
    float to[16] = {0};
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1)
            memcpy(&to[i], (const char *)p + 4 * i, 4);
    RETURN(__m512, to);
}

EMULATED void emulated_mask_storeu_ps(void *p, __mmask16 mask, __m512 v) {
    LANES(float, from, v);
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1)
            memcpy((char *)p + 4 * i, &from[i], 4);
}

#undef LANES
#undef RETURN

/* A kernel unrolled whole out of such functions takes a compiler minutes. */
#define always_inline unused

/* Names that SIMDe forgets or spoils. */
#undef _mm512_fmadd_ps
#undef _mm512_scalef_ps
#define _mm512_fmadd_ps  emulated_fmadd_ps
#define _mm512_scalef_ps emulated_scalef_ps
#undef _mm512_madd_epi16
#define _mm512_madd_epi16    simde_mm512_madd_epi16
#define _mm512_shuffle_f32x4 simde_mm512_shuffle_f32x4
#ifndef _MM_FROUND_NO_EXC
#define _MM_FROUND_NO_EXC SIMDE_MM_FROUND_NO_EXC
#endif
#ifndef _MM_FROUND_TO_NEAREST_INT
#define _MM_FROUND_TO_NEAREST_INT SIMDE_MM_FROUND_TO_NEAREST_INT
#endif

#define _mm512_cvtepi32_epi16        emulated_cvtepi32_epi16
#define _mm512_cvtepi32_ps           emulated_cvtepi32_ps
#define _mm512_cvtepu16_epi32        emulated_cvtepu16_epi32
#define _mm512_cvtph_ps              emulated_cvtph_ps
#define _mm512_cvtps_ph(v, rounding) emulated_cvtps_ph(v) /* to the nearest, as everywhere here */
#define _mm512_cvtneps_pbh           emulated_cvtneps_pbh
#define _mm512_cvtps_pd              emulated_cvtps_pd
#define _mm512_extractf32x8_ps       emulated_extractf32x8_ps
#define _mm512_srai_epi32            emulated_srai_epi32
#define _mm512_maskz_loadu_ps        emulated_maskz_loadu_ps
#define _mm512_mask_storeu_ps        emulated_mask_storeu_ps

#endif
