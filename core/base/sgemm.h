/* sgemm.h - products of f32 matrices by OpenBLAS, which is loaded when first needed.
 *
 * A process that has kernels of its own never needs it, and its threads would
 * spin beside ours for the first 30 ms of every process.
 */
#ifndef GN_BASE_SGEMM_H
#define GN_BASE_SGEMM_H

#include "core/base/error.h"

/* Before the first product; GN_UNSUPPORTED where there is no OpenBLAS. Any thread, any number of
 * times. */
bool gn_sgemm_ready(gn_error *e);

typedef enum gn_turned { GN_AS_IS, GN_TURNED } gn_turned;

/* c [m, n] = alpha a b + beta c, rows ld floats apart, on the calling thread alone; a [m, k] or,
 * turned, [k, m], b [k, n] or [n, k]. */
void gn_sgemm(gn_turned turn_a, gn_turned turn_b, int m, int n, int k, float alpha, const float *a,
              int lda, const float *b, int ldb, float beta, float *c, int ldc);

#endif
