/* formula.h - the inner loops of the formulas without weights in panels: one
 * table an instruction set, all made from the same text.
 *
 * formula_avx2.c and its like include a vec_*.h, which says what a vector is,
 * and then formula_body.h, which says what is done with it. The order in which
 * a function sums depends on the length of what it sums alone, never on how
 * often it is called, by whom, or what lies beside.
 */
#ifndef GN_CPU_FORMULA_H
#define GN_CPU_FORMULA_H

#include "core/cpu/internal.h"

enum {
    GN_TILE = 256,        /* rows of a kv cache whose softmax is one part */
    GN_TILE_ROW = 272,    /* floats from one row of scores to the next */
    GN_TILE_QUERIES = 12, /* query rows that are taken through a tile together */
    GN_FEW = 6,           /* query rows for which a tile is not laid out first */
    GN_AHEAD = 16,        /* rows that are asked for before they are needed */
    GN_SCAN_COLUMNS = 64, /* most columns of S that are walked together */
    GN_PAD = 16           /* the widest vector: padded rows are a multiple of it */
};

static inline int gn_pad_to(int n) { return (n + GN_PAD - 1) / GN_PAD * GN_PAD; }

/* Some columns of one head's S down one lane. Rows are those of the lane. */
typedef struct gn_scan {
    gn_mat y, x;       /* [tokens, cols] */
    gn_mat B, C;       /* [tokens, N] */
    gn_mat step, keep; /* [tokens, 1]: s and exp(s A) */
    float D;
    const float *from; /* [N, cols], `row` floats apart; NULL: all zero */
    float *to;         /* the same, may be `from`; NULL: not kept */
    size_t row;
    float *between; /* [N, gn_pad_to(cols)], where S is between the first token and the last */
} gn_scan;

/* Some channels of a convolution down one lane. */
typedef struct gn_taps {
    gn_mat y, x;       /* [tokens, channels] */
    const float *w;    /* [channels, W] */
    const float *bias; /* [channels]; NULL: none */
    const float *from; /* [W-1, channels], `row` floats apart; NULL: all zero */
    size_t row;
    int W;
} gn_taps;

/* Cached rows [0, rows) of a tile for one kv head, as f32. */
typedef struct gn_tile {
    const float *K; /* [dims, GN_TILE_ROW]: the keys lie in columns */
    const float *V; /* [rows, gn_pad_to(dims)] */
    int dims;
} gn_tile;

/* The same rows where they are in the cache, one head of each. */
typedef struct gn_strip {
    const void *K[GN_TILE + 2 * GN_AHEAD], *V[GN_TILE + 2 * GN_AHEAD]; /* past the tile: any */
    bool half;                                                         /* f16, or f32 */
    int dims;                                                          /* a multiple of GN_PAD */
    size_t ahead; /* bytes of each row to ask for beforehand; 0: they have been */
} gn_strip;

/* A softmax-weighted mean under way: sum of exp(s - most) v in o, of exp(s - most) in sum. */
typedef struct gn_mean {
    float *o;    /* [queries, gn_pad_to(dims)] */
    float *most; /* [queries]; -INFINITY: nothing seen yet */
    float *sum;
} gn_mean;

/* What a tile of a row of logits says of the whole. */
typedef struct gn_tally {
    float most;
    double sum, weighted; /* of exp(x - most), of exp(x - most) (x - most) */
} gn_tally;

typedef struct gn_formulas {
    void (*exp)(float *y, const float *x, int n);
    void (*softplus)(float *y, const float *x, int n);
    /* y = gain x / sqrt(mean(x²) + eps) */
    void (*rmsnorm)(float *y, const float *x, const float *gain, int n, float eps);
    /* the same of x silu(z) */
    void (*gated_rmsnorm)(float *y, const float *x, const float *z, const float *gain, int n,
                          float eps);
    void (*axpy)(float *y, float a, const float *x, int n);
    void (*scale)(float *y, float a, int n);
    void (*swiglu)(float *y, const float *gate, const float *up, int n);
    /* x[i], x[i + half] turned by the angle whose cosine and sine are given, i < half */
    void (*rotate)(float *x, const float *cosine, const float *sine, int half);
    void (*convolve)(const gn_taps *t);
    /* step = clamp(softplus(dt + dt_bias)), keep = exp(step A), heads side by side */
    void (*steps)(float *step, float *keep, const float *dt, const gn_ssd_params *p, int heads);
    void (*scan)(const gn_scan *s);
    void (*widen)(float *y, const uint16_t *x, int n);
    void (*narrow)(uint16_t *y, const float *x, int n);
    /* to[j, i] = from[i, j] in blocks of GN_PAD; rows, cols multiples of it */
    void (*transpose)(float *to, size_t to_row, const float *from, size_t from_row, int rows,
                      int cols);
    /* The mean of one tile for n <= GN_TILE_QUERIES queries q [n, dims], GN_TILE_ROW floats
     * apart; query i sees the first limit[i] rows of it. */
    void (*attend)(const gn_mean *mean, const gn_tile *tile, const float *q, const int *limit,
                   int n);
    /* The same for n <= GN_FEW of them. */
    void (*attend_few)(const gn_mean *mean, const gn_strip *strip, const float *q, const int *limit,
                       int n);
    /* whole += part, the next tile's; both of n queries */
    void (*join)(const gn_mean *whole, const gn_mean *part, int dims, int n);
    gn_tally (*tally)(const float *x, int n);
    /* how many of x are > mark, or >= mark */
    int (*count)(const float *x, int n, float mark, bool equal_too);
    /* the first i in [first, n) with x[i] > mark; n if there is none */
    int (*find_above)(const float *x, int first, int n, float mark);
} gn_formulas;

extern const gn_formulas gn_formulas_plain, gn_formulas_avx2, gn_formulas_avx512;

static inline const gn_formulas *gn_formulas_of(gn_isa isa) {
    return isa >= GN_ISA_AVX512 ? &gn_formulas_avx512
           : isa == GN_ISA_AVX2 ? &gn_formulas_avx2
                                : &gn_formulas_plain;
}

#endif
