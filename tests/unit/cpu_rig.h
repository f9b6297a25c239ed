/* cpu_rig.h - what the tests of the CPU device's formulas share: devices of every
 * instruction set this processor has, and matrices of numbers that repeat. */
#ifndef GN_TESTS_CPU_RIG_H
#define GN_TESTS_CPU_RIG_H

#include "core/cpu/cpu.h"
#include "tests/check.h"

static const char *const isas[] = {"plain", "avx2", "avx512", "avx512bf16"};
enum { ISAS = 4 };

/* NULL where the processor lacks it. */
static inline gn_device *open_isa(int isa, int threads, bool exact) {
    gn_error e = {0};
    const gn_cpu_options o = {.threads = threads, .exact = exact, .isa = isas[isa]};
    gn_device *d = gn_cpu_open(&o, &e);
    if (!d)
        CHECK(e.code == GN_UNSUPPORTED);
    return d;
}

/* In [-1, 1), the same for the same seed. */
static inline void fill(float *v, size_t n, unsigned seed) {
    unsigned s = seed * 2654435761u + 1;
    for (size_t i = 0; i < n; i++) {
        s = s * 1664525u + 1013904223u;
        v[i] = (float)(s >> 8) / 8388608.0f - 1.0f;
    }
}

static inline float *numbers(size_t n, unsigned seed) {
    float *v = n < 1u << 28 ? calloc(n + 1, sizeof *v) : NULL;
    fill(v, n, seed);
    return v;
}

static inline float *zeros(size_t n) { return calloc(n + 1, sizeof(float)); }

/* [rows, cols] whose rows are further apart than cols. */
static inline gn_mat matrix(int rows, int cols, unsigned seed) {
    const int stride = cols + 3;
    return (gn_mat){numbers((size_t)rows * (size_t)stride, seed), rows, cols, stride};
}

static inline float *at(gn_mat m, int row, int col) {
    return m.data + (size_t)row * (size_t)m.stride + col;
}

static inline gn_mat rows_of(gn_mat m, int first, int count) {
    return (gn_mat){at(m, first, 0), count, m.cols, m.stride};
}

/* An f32 weight over an array. */
static inline gn_weight weight(const float *data, int rows, int cols) {
    return (gn_weight){.data = data, .format = GN_F32, .n = 1, .rows = rows, .cols = cols};
}

/* Same bits, padding between rows included: nobody writes there. */
static inline bool same(gn_mat a, gn_mat b) {
    return memcmp(a.data, b.data, (size_t)a.rows * (size_t)a.stride * sizeof(float)) == 0;
}

/* The largest |a - b| / (1 + |b|). */
static inline double apart(gn_mat a, gn_mat b) {
    double most = 0;
    for (int t = 0; t < a.rows; t++)
        for (int i = 0; i < a.cols; i++) {
            const double u = (double)*at(a, t, i), v = (double)*at(b, t, i);
            const double off = fabs(u - v) / (1 + fabs(v));
            most = off <= most ? most : off; /* NaN stays */
        }
    return most;
}

#endif
