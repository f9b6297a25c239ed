/* kernel.h - the inner loops of training: one table an instruction set, all made from one text.
 *
 * kernel_avx2.c and its like say how wide a vector is and include the body_*.h files. Each
 * entry is a piece of work for gn_pool_run(): it does part `part` of a job. Where the parts of
 * a job begin and end depends on shapes alone, never on the number of threads, and a sum that
 * crosses parts is taken in their order; so training gives equal bits for any --threads.
 *
 * Rows of a matrix are `stride` floats apart. Letters are those of core/README.md.
 */
#ifndef GN_TRAIN_KERNEL_H
#define GN_TRAIN_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GN_ROWS = 64,         /* rows of a part, where a job is cut by rows */
    GN_CHANNELS = 32,     /* channels of a part of a convolution */
    GN_CHUNK = 64,        /* the longest chunk of the scan */
    GN_HEAD_BLOCKS = 4,   /* most parts that the heads of one scan are cut into, on the way back */
    GN_QUERIES = 16,      /* query rows that are taken through attention together */
    GN_TAPS = 16,         /* most taps of a convolution */
    GN_ELEMENTS = 1 << 14 /* of a part, where a job is cut by elements */
};

/* A rectangle: rows `stride` floats apart. */
typedef struct gn_grid {
    float *at;
    size_t stride;
} gn_grid;

/* Rows [first, first + count) are one sequence, or a chunk of one. */
typedef struct gn_segment {
    int first, count;
} gn_segment;

/* y = gain * v / sqrt(mean(v²) + eps), v = x or x silu(z), each of `groups` parts of a row alone.
 * Back: dx += or =, dz =, and in gain_part [parts, cols] the sums of dgain over a part's rows. */
typedef struct gn_norm_job {
    gn_grid x, z, y; /* z.at NULL: not gated */
    const float *gain;
    int rows, cols, groups;
    float eps;
    gn_grid dy, dx, dz;
    bool add; /* dx += */
    float *gain_part;
} gn_norm_job;

/* y = silu(gate) up. Back: dgate and dup, which may lie where gate and up do. */
typedef struct gn_swiglu_job {
    gn_grid gate, up, y;
    int rows, cols;
    gn_grid dy, dgate, dup;
} gn_swiglu_job;

/* y[t] = silu(bias + sum_k w[:, k] x[t-W+1+k]) down each segment. Back: dy is overwritten. */
typedef struct gn_conv_job {
    gn_grid x, y;
    const float *w, *bias; /* [C, W], [C]? */
    const gn_segment *segment;
    int segments, channels, width;
    gn_grid dy, dx;
    float *dw, *dbias; /* +=; NULL: not wanted */
} gn_conv_job;

/* The scan. Chunks are pieces of segments; a segment's chunks lie side by side. */
typedef struct gn_scan_job {
    gn_grid x, B, C, dt, y; /* [T, Hm*P], [T, G*N] twice, [T, Hm], [T, Hm*P] */
    const float *A_log, *D, *dt_bias;
    int heads, P, N, groups;
    float dt_min, dt_max;
    const gn_segment *segment, *chunk;
    const int *first_chunk; /* [segments + 1] */
    int segments, chunks, chunk_rows, rows;
    float *step, *sum; /* [T, Hm] steps, and s A summed from the chunk's first token */
    float *CB;         /* [T, G, GN_CHUNK]: C_t . B_j of the same chunk, j <= t */
    float *scratch;    /* [threads, scratch_size] */
    size_t scratch_size;

    gn_grid dy, dx, dB, dC, ddt; /* all written, not added to */
    int blocks;                  /* the heads are cut into so many */
    float *dBC;                  /* [blocks, T, 2, G*N] */
    float *dCB;                  /* [blocks, T, G, GN_CHUNK] */
    float *vector_part;          /* [segments, 3, Hm]: of A_log, D, dt_bias */
} gn_scan_job;

/* Attention within each segment. Back: the softmax is made again from `lse`. */
typedef struct gn_attend_job {
    gn_grid q, k, v, y; /* [T, Hq*Dh], [T, Hk*Dh] twice, [T, Hq*Dh] */
    int q_heads, kv_heads, head_dim;
    float scale;
    const gn_segment *segment;
    int segments;
    float *lse; /* [T, Hq] */
    float *scratch;
    size_t scratch_size;
    gn_grid dy, dq, dk, dv; /* written; dq may not lie where q does */
} gn_attend_job;

/* Rotation of the first 2*half numbers of each head; sign -1 turns back. */
typedef struct gn_rope_job {
    gn_grid x;
    int rows, heads, head_dim, half;
    const int *position;        /* [rows] */
    const float *cosine, *sine; /* [longest, half] */
    float sign;
} gn_rope_job;

/* Cross entropy of rows of logits, which become their gradient times `scale`. */
typedef struct gn_entropy_job {
    gn_grid logits; /* [rows, cols] */
    const int32_t *want;
    int rows, cols;
    float divide; /* logits_scaling */
    float scale;  /* 1 / counted */
    double *loss; /* [rows] */
    bool back;
} gn_entropy_job;

typedef struct gn_adam_job {
    float *value, *m, *v;
    const float *grad;
    size_t count;
    float clip, keep, beta1, beta2, rate, root, eps; /* keep = 1 - lr*decay; rate = lr/(1-b1^t) */
    double *square;                                  /* [parts] sums of grad² */
} gn_adam_job;

/* y += a x, rows of cols; y = x where `copy`; y += bias for every row where bias is set. */
typedef struct gn_add_job {
    gn_grid y, x;
    const float *bias;
    float a;
    int rows, cols;
} gn_add_job;

/* out[c] += scale * sum over rows of x[., c]. */
typedef struct gn_columns_job {
    gn_grid x;
    float *out;
    float scale;
    int rows, cols;
} gn_columns_job;

typedef void gn_piece(void *job, int part, int thread);

typedef struct gn_train_kernels {
    const char *name;
    gn_piece *norm, *norm_back;     /* parts of GN_ROWS rows */
    gn_piece *swiglu, *swiglu_back; /* parts of GN_ROWS rows */
    gn_piece *conv, *conv_back;     /* parts of GN_CHANNELS channels */
    gn_piece *scan_prepare;         /* a chunk */
    gn_piece *scan;                 /* a segment and head */
    gn_piece *scan_back;            /* a segment and block of heads */
    gn_piece *scan_join;            /* a chunk */
    gn_piece *attend, *attend_back; /* a segment and kv head */
    gn_piece *rope;                 /* parts of GN_ROWS rows */
    gn_piece *entropy;              /* a row */
    gn_piece *adam, *square;        /* parts of GN_ELEMENTS elements */
    gn_piece *add, *add_bias;       /* parts of GN_ROWS rows */
    gn_piece *columns;              /* parts of GN_CHANNELS columns */
} gn_train_kernels;

extern const gn_train_kernels gn_train_plain, gn_train_avx2;

/* The best this processor runs. */
const gn_train_kernels *gn_train_kernels_best(void);

static inline int gn_parts(size_t n, size_t each) { return (int)((n + each - 1) / each); }
static inline float *gn_at(gn_grid g, int row) { return g.at + (size_t)row * g.stride; }
static inline gn_grid gn_from_col(gn_grid g, int col) {
    return (gn_grid){g.at ? g.at + col : NULL, g.stride};
}

#endif
