/* cuda_rig.h - what the tests of the CUDA device's formulas share: the emulated device beside the
 * exact processor, and numbers on both. */
#ifndef GN_TESTS_CUDA_RIG_H
#define GN_TESTS_CUDA_RIG_H

#include "tests/emu/rig.h"
#include "tests/unit/cpu_rig.h"

/* A device and a processor that are given the same numbers. */
typedef struct pair {
    gn_device *cpu, *gpu;
} pair;

static inline pair open_pair(bool exact) {
    gn_error e = {0};
    return (pair){gn_cpu_open(&(gn_cpu_options){.threads = 1, .exact = true}, &e),
                  open_cuda(exact)};
}

static inline void close_pair(pair p) {
    gn_device_close(p.cpu);
    gn_device_close(p.gpu);
}

static inline void *on_gpu(pair p, const void *from, size_t bytes) {
    void *to = p.gpu->op->alloc(p.gpu, bytes);
    p.gpu->op->write(p.gpu, to, from, bytes);
    return to;
}

static inline size_t bytes_of(gn_mat m) {
    return (size_t)m.rows * (size_t)m.stride * sizeof(float);
}

static inline gn_mat mat_on_gpu(pair p, gn_mat m) {
    gn_mat out = m;
    out.data = on_gpu(p, m.data, bytes_of(m) + 1);
    return out;
}

static inline gn_mat back(pair p, gn_mat m) {
    gn_error e = {0};
    gn_mat out = m;
    out.data = zeros((size_t)m.rows * (size_t)m.stride);
    if (!CHECK(gn_read(p.gpu, out.data, m.data, bytes_of(m), &e)))
        printf("  %s\n", e.message);
    return out;
}

static inline gn_weight placed(gn_device *d, gn_weight w) {
    gn_error e = {0};
    CHECK(gn_place(d, &w, true, &e));
    return w;
}

/* Whether the GPU's matrix is the CPU's; padding between rows too must be untouched. */
static inline bool near(pair p, gn_mat gpu, gn_mat cpu, double tol) {
    gn_mat got = back(p, gpu);
    const double off = apart(got, cpu);
    bool ok = off <= tol;
    for (int t = 0; t < cpu.rows; t++)
        ok = ok && memcmp(at(got, t, cpu.cols), at(cpu, t, cpu.cols),
                          (size_t)(cpu.stride - cpu.cols) * sizeof(float)) == 0;
    if (!ok)
        printf("  apart by %.2e\n", off);
    free(got.data);
    return ok;
}

static inline void drop(pair p, gn_mat cpu, gn_mat gpu) {
    free(cpu.data);
    p.gpu->op->free(p.gpu, gpu.data);
}

/* Random blocks whose scales are numbers: [n, rows, cols]. */
static inline gn_weight random_weight(int format, int n, int rows, int cols, unsigned seed) {
    const gn_format_info *f = gn_format_of(format);
    const size_t row = gn_row_bytes(format, cols), all = (size_t)n * (size_t)rows * row;
    uint8_t *data = malloc(all + 1);
    float *v = numbers((size_t)cols, seed);
    for (size_t r = 0; r < (size_t)n * (size_t)rows; r++) {
        fill(v, (size_t)cols, seed + (unsigned)r);
        f->pack(v, data + r * row, (size_t)cols);
        if (f->block > 1) /* codes of every kind, also those that packing never makes */
            for (size_t i = 0; i < row; i++) {
                seed = seed * 1664525u + 1013904223u;
                const size_t in = i % (size_t)f->bytes;
                const bool head = in < 4, tail = in + 4 >= (size_t)f->bytes;
                if (!head && !tail)
                    data[r * row + i] = (uint8_t)(seed >> 24);
            }
    }
    free(v);
    return (gn_weight){.data = data,
                       .format = format,
                       .n = n,
                       .rows = rows,
                       .cols = cols,
                       .step = (size_t)rows * row};
}

static inline int columns_of(int format) { return gn_format_of(format)->block == 256 ? 512 : 96; }

#endif
