/* kernel_plain.c - the loops of training for any processor. */
#define GN_LANES 4
#include "core/train/body.h"

const gn_train_kernels gn_train_plain = GN_TRAIN_TABLE("plain");

const gn_train_kernels *gn_train_kernels_best(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &gn_train_avx2;
#endif
    return &gn_train_plain;
}
