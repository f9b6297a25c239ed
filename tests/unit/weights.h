/* weights.h - random weights of any format, and devices to place them on, for tests.
 *
 * Every code of a format occurs, the extreme ones too; scales are of a size
 * that makes a weight about 0.05.
 */
#ifndef GN_TESTS_WEIGHTS_H
#define GN_TESTS_WEIGHTS_H

#include "core/cpu/cpu.h"
#include "core/num/half.h"
#include "tests/check.h"

static const char *const isas[] = {"plain", "avx2", "avx512", "avx512bf16"};
enum { ISAS = 4 };

static uint64_t dice = 1;

static inline uint32_t roll(void) {
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice >> 32);
}

/* About normal, mean 0 and variance 1. */
static inline float normal(void) {
    float sum = 0.0f;
    for (int i = 0; i < 12; i++)
        sum += (float)(roll() >> 8) / 16777216.0f;
    return sum - 6.0f;
}

static inline float *random_rows(int rows, int cols) {
    float *x = malloc((size_t)rows * (size_t)cols * sizeof *x);
    for (int i = 0; i < rows * cols; i++)
        x[i] = normal() * (roll() % 64 == 0 ? 8.0f : 1.0f);
    return x;
}

static inline void put_half(uint8_t *at, float v) {
    const uint16_t half = gn_f32_to_f16(v);
    memcpy(at, &half, 2);
}

/* Scales of one block: where they are, and what makes its weights about 0.05. */
static inline void put_scales(int format, uint8_t *block) {
    static const struct {
        int d, m;
        float size;
    } at[GN_FORMATS] = {
        [GN_Q8_0] = {0, -1, 7e-4f},   [GN_Q4_0] = {0, -1, 1e-2f},   [GN_Q4_1] = {0, 2, 5e-3f},
        [GN_Q5_0] = {0, -1, 5e-3f},   [GN_Q5_1] = {0, 2, 3e-3f},    [GN_Q2_K] = {80, 82, 2e-3f},
        [GN_Q3_K] = {108, -1, 1e-3f}, [GN_Q4_K] = {0, 2, 2e-4f},    [GN_Q5_K] = {0, 2, 1e-4f},
        [GN_Q6_K] = {208, -1, 4e-5f}, [GN_IQ4_NL] = {0, -1, 8e-4f}, [GN_IQ4_XS] = {0, -1, 5e-5f},
    };
    put_half(block + at[format].d, at[format].size * normal());
    if (at[format].m >= 0)
        put_half(block + at[format].m, at[format].size * 4.0f * normal());
}

/* n matrices; free data. */
static inline gn_weight random_weight(int format, int n, int rows, int cols) {
    const gn_format_info *f = gn_format_of(format);
    const size_t step = (size_t)rows * gn_row_bytes(format, cols), bytes = (size_t)n * step;
    uint8_t *data = malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)roll();
    for (size_t i = 0; i < bytes; i += (size_t)f->bytes) {
        const float v = 0.05f * normal();
        const uint16_t f16 = gn_f32_to_f16(v), bf16 = gn_f32_to_bf16(v);
        if (format == GN_F32)
            memcpy(data + i, &v, 4);
        else if (f->block == 1)
            memcpy(data + i, format == GN_F16 ? &f16 : &bf16, 2);
        else
            put_scales(format, data + i);
    }
    return (gn_weight){
        .data = data, .format = format, .n = n, .rows = rows, .cols = cols, .step = step};
}

/* Matrix i of w as f32. */
static inline float *unpacked(const gn_weight *w, int i) {
    float *out = malloc((size_t)w->rows * (size_t)w->cols * sizeof *out);
    gn_format_of(w->format)->unpack((const uint8_t *)w->data + (size_t)i * w->step, out,
                                    (size_t)w->rows * (size_t)w->cols);
    return out;
}

static inline gn_device *device(const char *isa, bool exact, bool mapped, int threads) {
    gn_error e = {0};
    return gn_cpu_open(
        &(gn_cpu_options){.threads = threads, .exact = exact, .mapped = mapped, .isa = isa}, &e);
}

static inline gn_weight placed(gn_device *d, gn_weight w) {
    gn_error e = {0};
    CHECK(gn_place(d, &w, true, &e));
    return w;
}

#endif
