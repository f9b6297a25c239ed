/* vec_plain.h - four floats at a time in plain C (the compiler's own vectors),
 * for the formulas of formula_plain.c. The names are explained in vec_avx2.h.
 * There is no fused multiply-add here: vec_fma rounds twice. */
#ifndef GN_CPU_VEC_PLAIN_H
#define GN_CPU_VEC_PLAIN_H

#include "core/num/half.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { VEC = 4, VEC_REGISTERS = 16 };
typedef float vec __attribute__((vector_size(16)));
typedef int32_t vec_bits __attribute__((vector_size(16)));
typedef struct vecd {
    double lane[4];
} vecd;

static inline vec vec_all(float v) { return (vec){v, v, v, v}; }
static inline vec vec_load(const float *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void vec_store(float *p, vec v) { memcpy(p, &v, sizeof v); }
static inline vec vec_load_n(const float *p, int n) {
    vec v = {0};
    memcpy(&v, p, (size_t)(n < VEC ? n : VEC) * sizeof *p);
    return v;
}
static inline void vec_store_n(float *p, vec v, int n) {
    memcpy(p, &v, (size_t)(n < VEC ? n : VEC) * sizeof *p);
}
static inline vec vec_choose(vec_bits which, vec yes, vec no) {
    return (vec)(((vec_bits)yes & which) | ((vec_bits)no & ~which));
}
static inline vec vec_keep(vec v, int n, vec rest) {
    return vec_choose((vec_bits){0, 1, 2, 3} < (vec_bits){n, n, n, n}, v, rest);
}

static inline vec vec_add(vec a, vec b) { return a + b; }
static inline vec vec_sub(vec a, vec b) { return a - b; }
static inline vec vec_mul(vec a, vec b) { return a * b; }
static inline vec vec_div(vec a, vec b) { return a / b; }
static inline vec vec_fma(vec a, vec b, vec c) { return a * b + c; }
static inline vec vec_max(vec a, vec b) { return vec_choose((vec_bits)(a > b), a, b); }
static inline vec vec_min(vec a, vec b) { return vec_choose((vec_bits)(a < b), a, b); }
/* |v| < 2^22: in 1.5 2^23 the last place is one. */
static inline vec vec_round(vec v) {
    const vec big = vec_all(12582912.0f);
    return (v + big) - big;
}
static inline vec vec_power(vec v, vec n) {
    const vec_bits whole = __builtin_convertvector(n, vec_bits), half = whole >> 1;
    return v * (vec)((half + 127) << 23) * (vec)((whole - half + 127) << 23);
}

static inline float vec_sum(vec v) { return (v[0] + v[2]) + (v[1] + v[3]); }
static inline float vec_most(vec v) {
    float most = v[0];
    for (int i = 1; i < VEC; i++)
        most = v[i] > most ? v[i] : most;
    return most;
}
static inline unsigned vec_above(vec a, vec b) {
    unsigned bits = 0;
    for (int i = 0; i < VEC; i++)
        bits |= (unsigned)(a[i] > b[i]) << i;
    return bits;
}
static inline unsigned vec_at_least(vec a, vec b) {
    unsigned bits = 0;
    for (int i = 0; i < VEC; i++)
        bits |= (unsigned)(a[i] >= b[i]) << i;
    return bits;
}

static inline vec vec_widen(const uint16_t *p) {
    vec v;
    for (int i = 0; i < VEC; i++)
        v[i] = gn_f16_to_f32(p[i]);
    return v;
}
static inline void vec_narrow(uint16_t *p, vec v) {
    for (int i = 0; i < VEC; i++)
        p[i] = gn_f32_to_f16(v[i]);
}

static inline vecd vecd_zero(void) { return (vecd){{0}}; }
static inline vecd vecd_add(vecd sum, vec v) {
    for (int i = 0; i < VEC; i++)
        sum.lane[i] += (double)v[i];
    return sum;
}
static inline double vecd_sum(vecd v) { return (v.lane[0] + v.lane[2]) + (v.lane[1] + v.lane[3]); }

static inline __attribute__((always_inline)) void vec_turn(vec a[VEC]) {
    const vec b[] = {a[0], a[1], a[2], a[3]};
    for (int i = 0; i < VEC; i++)
        a[i] = (vec){b[0][i], b[1][i], b[2][i], b[3][i]};
}

static inline void vec_columns4(vec out[4], const float *p) {
    for (int k = 0; k < 4; k++)
        out[k] = (vec){p[k], p[4 + k], p[8 + k], p[12 + k]};
}

#endif
