/* vec_avx2.h - eight floats at a time, for the formulas of formula_avx2.c.
 *
 * Every vec_*.h offers the same names. What happens in a lane depends on that
 * lane alone, but for vec_sum, vec_most and vec_above; n counts lanes from the
 * first, and lanes past it are neither read from memory nor written to it.
 */
#ifndef GN_CPU_VEC_AVX2_H
#define GN_CPU_VEC_AVX2_H

#include <immintrin.h>
#include <stdint.h>

enum { VEC = 8, VEC_REGISTERS = 16 };
typedef __m256 vec;
typedef struct vecd {
    __m256d low, high;
} vecd;

static inline vec vec_all(float v) { return _mm256_set1_ps(v); }
static inline vec vec_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void vec_store(float *p, vec v) { _mm256_storeu_ps(p, v); }

static inline __m256i vec_first(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vec vec_load_n(const float *p, int n) {
    return n >= VEC ? vec_load(p) : _mm256_maskload_ps(p, vec_first(n));
}
static inline void vec_store_n(float *p, vec v, int n) {
    if (n >= VEC)
        vec_store(p, v);
    else
        _mm256_maskstore_ps(p, vec_first(n), v);
}
/* The first n lanes of v, the others of rest. */
static inline vec vec_keep(vec v, int n, vec rest) {
    return _mm256_blendv_ps(rest, v, _mm256_castsi256_ps(vec_first(n)));
}

static inline vec vec_add(vec a, vec b) { return _mm256_add_ps(a, b); }
static inline vec vec_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
static inline vec vec_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
static inline vec vec_div(vec a, vec b) { return _mm256_div_ps(a, b); }
static inline vec vec_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
/* The larger and the smaller; b if one of them is no number. */
static inline vec vec_max(vec a, vec b) { return _mm256_max_ps(a, b); }
static inline vec vec_min(vec a, vec b) { return _mm256_min_ps(a, b); }
static inline vec vec_round(vec v) {
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* v 2^n, n whole, |n| <= 150: in two steps, so that neither factor is out of range. */
static inline vec vec_power(vec v, vec n) {
    const __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    const __m256i rest = _mm256_sub_epi32(whole, half), one = _mm256_set1_epi32(127);
    const vec a = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, one), 23));
    const vec b = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, one), 23));
    return vec_mul(vec_mul(v, a), b);
}

/* Lanes summed in halves. */
static inline float vec_sum(vec v) {
    __m128 a = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)));
}
static inline float vec_most(vec v) {
    __m128 a = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)));
}
/* A bit for each lane in which a > b, a >= b. */
static inline unsigned vec_above(vec a, vec b) {
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
static inline unsigned vec_at_least(vec a, vec b) {
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GE_OQ));
}

static inline vec vec_widen(const uint16_t *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
static inline void vec_narrow(uint16_t *p, vec v) {
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

static inline vecd vecd_zero(void) { return (vecd){_mm256_setzero_pd(), _mm256_setzero_pd()}; }
static inline vecd vecd_add(vecd sum, vec v) {
    sum.low = _mm256_add_pd(sum.low, _mm256_cvtps_pd(_mm256_castps256_ps128(v)));
    sum.high = _mm256_add_pd(sum.high, _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)));
    return sum;
}
static inline double vecd_sum(vecd v) {
    const __m256d a = _mm256_add_pd(v.low, v.high);
    const __m128d b = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_add_sd(b, _mm_unpackhi_pd(b, b)));
}

/* Eight rows of eight become eight columns. */
static inline __attribute__((always_inline)) void vec_turn(vec a[VEC]) {
    vec b[8], c[8];
    for (int i = 0; i < 4; i++) {
        b[2 * i] = _mm256_unpacklo_ps(a[2 * i], a[2 * i + 1]);
        b[2 * i + 1] = _mm256_unpackhi_ps(a[2 * i], a[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        c[4 * i] = _mm256_shuffle_ps(b[4 * i], b[4 * i + 2], 0x44);
        c[4 * i + 1] = _mm256_shuffle_ps(b[4 * i], b[4 * i + 2], 0xee);
        c[4 * i + 2] = _mm256_shuffle_ps(b[4 * i + 1], b[4 * i + 3], 0x44);
        c[4 * i + 3] = _mm256_shuffle_ps(b[4 * i + 1], b[4 * i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        a[i] = _mm256_permute2f128_ps(c[i], c[i + 4], 0x20);
        a[i + 4] = _mm256_permute2f128_ps(c[i], c[i + 4], 0x31);
    }
}

/* out[k] lane i = p[4 i + k]: the four columns of eight rows. */
static inline void vec_columns4(vec out[4], const float *p) {
    const vec a = vec_load(p), b = vec_load(p + 8), c = vec_load(p + 16), d = vec_load(p + 24);
    const vec e = _mm256_permute2f128_ps(a, c, 0x20), f = _mm256_permute2f128_ps(a, c, 0x31);
    const vec g = _mm256_permute2f128_ps(b, d, 0x20), h = _mm256_permute2f128_ps(b, d, 0x31);
    const vec ef = _mm256_unpacklo_ps(e, f), fe = _mm256_unpackhi_ps(e, f);
    const vec gh = _mm256_unpacklo_ps(g, h), hg = _mm256_unpackhi_ps(g, h);
    out[0] = _mm256_shuffle_ps(ef, gh, 0x44);
    out[1] = _mm256_shuffle_ps(ef, gh, 0xee);
    out[2] = _mm256_shuffle_ps(fe, hg, 0x44);
    out[3] = _mm256_shuffle_ps(fe, hg, 0xee);
}

#endif
