/* limits.h - how large a model's numbers may be.
 *
 * Far above any model of the family, and small enough that sums and products
 * of two of them fit an int and that no device meets a size it has no room for.
 */
#ifndef GN_MODEL_LIMITS_H
#define GN_MODEL_LIMITS_H

#include <stdint.h>

enum {
    GN_MAX_VOCAB = 1 << 24,
    GN_MAX_WIDTH = 1 << 20, /* hidden_size and feed-forwards */
    GN_MAX_HEADS = 1 << 12,
    GN_MAX_HEAD_DIM = 256, /* the widest head that core/cpu has scratch for */
    GN_MAX_SSM_STATE = 1 << 12,
    GN_MAX_CONV = 16, /* as for heads */
    GN_MAX_EXPERTS = 1 << 12,
};
#define GN_MAX_CONTEXT ((int64_t)1 << 40)

#endif
