/* crew.h - the threads of training and the loops they run. */
#ifndef GN_TRAIN_CREW_H
#define GN_TRAIN_CREW_H

#include "core/base/pool.h"
#include "core/train/kernel.h"

typedef struct gn_crew {
    gn_pool *pool;
    const gn_train_kernels *k;
} gn_crew;

static inline void gn_crew_run(const gn_crew *c, gn_piece *piece, size_t parts, void *job) {
    gn_pool_run(c->pool, (int)parts, piece, job);
}

/* Products with a weight w [O, I] over T rows, through OpenBLAS, one thread a piece:
 *   forward   y [T, O] = or += a x wᵀ
 *   back      dx [T, I] = or += a dy w
 *   weight    dw [O, I] = or += a dyᵀ x */
typedef struct gn_product_job {
    gn_grid y, x;
    const float *w;
    float *dw;
    int T, O, I;
    float a;
    bool add;
    int rows; /* of a part */
} gn_product_job;

/* gn_sgemm_ready() comes before all of these. */
void gn_blas_forward(const gn_crew *c, gn_grid y, gn_grid x, const float *w, int T, int O, int I,
                     float a, bool add);
void gn_blas_back(const gn_crew *c, gn_grid dx, gn_grid dy, const float *w, int T, int O, int I,
                  float a, bool add);
void gn_blas_weight(const gn_crew *c, float *dw, gn_grid dy, gn_grid x, int T, int O, int I,
                    float a, bool add);

/* The same on the calling thread, for who is a piece already: y = x wᵀ; dx = or += dy w;
 * dw += dyᵀ x. */
void gn_blas_alone_forward(gn_grid y, gn_grid x, const float *w, int T, int O, int I);
void gn_blas_alone_back(gn_grid dx, gn_grid dy, const float *w, int T, int O, int I, bool add);
void gn_blas_alone_weight(float *dw, gn_grid dy, gn_grid x, int T, int O, int I);

#endif
