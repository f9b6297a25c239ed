/* kernel_avx2.c - the loops of training for AVX2 and FMA. */
#define GN_LANES 8
#include "core/train/body.h"

const gn_train_kernels gn_train_avx2 = GN_TRAIN_TABLE("avx2");
