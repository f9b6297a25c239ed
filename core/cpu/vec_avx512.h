/* vec_avx512.h - sixteen floats at a time, for the formulas of formula_avx512.c.
 * The names are explained in vec_avx2.h. */
#ifndef GN_CPU_VEC_AVX512_H
#define GN_CPU_VEC_AVX512_H

#include <immintrin.h>
#include <stdint.h>

enum { VEC = 16, VEC_REGISTERS = 32 };
typedef __m512 vec;
typedef struct vecd {
    __m512d low, high;
} vecd;

static inline vec vec_all(float v) { return _mm512_set1_ps(v); }
static inline vec vec_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vec_store(float *p, vec v) { _mm512_storeu_ps(p, v); }

static inline __mmask16 vec_first(int n) {
    return (__mmask16)(n >= VEC ? 0xffffu : (1u << n) - 1u);
}
static inline vec vec_load_n(const float *p, int n) {
    return _mm512_maskz_loadu_ps(vec_first(n), p);
}
static inline void vec_store_n(float *p, vec v, int n) {
    _mm512_mask_storeu_ps(p, vec_first(n), v);
}
static inline vec vec_keep(vec v, int n, vec rest) {
    return _mm512_mask_blend_ps(vec_first(n), rest, v);
}

static inline vec vec_add(vec a, vec b) { return _mm512_add_ps(a, b); }
static inline vec vec_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
static inline vec vec_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
static inline vec vec_div(vec a, vec b) { return _mm512_div_ps(a, b); }
static inline vec vec_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec vec_max(vec a, vec b) { return _mm512_max_ps(a, b); }
static inline vec vec_min(vec a, vec b) { return _mm512_min_ps(a, b); }
static inline vec vec_round(vec v) {
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vec vec_power(vec v, vec n) { return _mm512_scalef_ps(v, n); }

static inline __m256 vec_low(vec v) { return _mm512_castps512_ps256(v); }
static inline __m256 vec_high(vec v) { return _mm512_extractf32x8_ps(v, 1); }
static inline float vec_sum(vec v) {
    const __m256 half = _mm256_add_ps(vec_low(v), vec_high(v));
    __m128 a = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)));
}
static inline float vec_most(vec v) {
    const __m256 half = _mm256_max_ps(vec_low(v), vec_high(v));
    __m128 a = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)));
}
static inline unsigned vec_above(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
static inline unsigned vec_at_least(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }

static inline vec vec_widen(const uint16_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
static inline void vec_narrow(uint16_t *p, vec v) {
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

static inline vecd vecd_zero(void) { return (vecd){_mm512_setzero_pd(), _mm512_setzero_pd()}; }
static inline vecd vecd_add(vecd sum, vec v) {
    sum.low = _mm512_add_pd(sum.low, _mm512_cvtps_pd(vec_low(v)));
    sum.high = _mm512_add_pd(sum.high, _mm512_cvtps_pd(vec_high(v)));
    return sum;
}
static inline double vecd_sum(vecd v) {
    const __m512d a = _mm512_add_pd(v.low, v.high);
    const __m256d b = _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1));
    const __m128d c = _mm_add_pd(_mm256_castpd256_pd128(b), _mm256_extractf128_pd(b, 1));
    return _mm_cvtsd_f64(_mm_add_sd(c, _mm_unpackhi_pd(c, c)));
}

/* Sixteen rows of sixteen: pairs of rows, pairs of pairs, then quarters of the vectors. */
static inline __attribute__((always_inline)) void vec_turn(vec a[VEC]) {
    vec b[16];
    for (int i = 0; i < 8; i++) {
        b[2 * i] = _mm512_unpacklo_ps(a[2 * i], a[2 * i + 1]);
        b[2 * i + 1] = _mm512_unpackhi_ps(a[2 * i], a[2 * i + 1]);
    }
    for (int i = 0; i < 4; i++) { /* a[4 i + k]: column k of each quarter, rows 4 i.. */
        a[4 * i] = _mm512_shuffle_ps(b[4 * i], b[4 * i + 2], 0x44);
        a[4 * i + 1] = _mm512_shuffle_ps(b[4 * i], b[4 * i + 2], 0xee);
        a[4 * i + 2] = _mm512_shuffle_ps(b[4 * i + 1], b[4 * i + 3], 0x44);
        a[4 * i + 3] = _mm512_shuffle_ps(b[4 * i + 1], b[4 * i + 3], 0xee);
    }
    for (int k = 0; k < 4; k++) { /* column 4 q + k is quarter q of a[k], a[4 + k], ... */
        b[k] = _mm512_shuffle_f32x4(a[k], a[4 + k], 0x88);
        b[4 + k] = _mm512_shuffle_f32x4(a[k], a[4 + k], 0xdd);
        b[8 + k] = _mm512_shuffle_f32x4(a[8 + k], a[12 + k], 0x88);
        b[12 + k] = _mm512_shuffle_f32x4(a[8 + k], a[12 + k], 0xdd);
    }
    for (int k = 0; k < 4; k++) {
        a[k] = _mm512_shuffle_f32x4(b[k], b[8 + k], 0x88);
        a[4 + k] = _mm512_shuffle_f32x4(b[4 + k], b[12 + k], 0x88);
        a[8 + k] = _mm512_shuffle_f32x4(b[k], b[8 + k], 0xdd);
        a[12 + k] = _mm512_shuffle_f32x4(b[4 + k], b[12 + k], 0xdd);
    }
}

static inline void vec_columns4(vec out[4], const float *p) {
    const __m512i even =
        _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
    const __m512i odd =
        _mm512_setr_epi32(2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
    const vec a = vec_load(p), b = vec_load(p + 16), c = vec_load(p + 32), d = vec_load(p + 48);
    const vec low = _mm512_permutex2var_ps(a, even, b), high = _mm512_permutex2var_ps(c, even, d);
    const vec low2 = _mm512_permutex2var_ps(a, odd, b), high2 = _mm512_permutex2var_ps(c, odd, d);
    out[0] = _mm512_shuffle_f32x4(low, high, 0x44);
    out[1] = _mm512_shuffle_f32x4(low, high, 0xee);
    out[2] = _mm512_shuffle_f32x4(low2, high2, 0x44);
    out[3] = _mm512_shuffle_f32x4(low2, high2, 0xee);
}

#endif
