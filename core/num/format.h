/* format.h - number formats of weights: one row a format.
 *
 * A format stores weights in blocks of `block` elements along a row; a row is
 * a whole number of blocks. Bit layouts are drawn at the top of each format's
 * file. Unpacking equals ggml's reference bit for bit (no contraction to FMA).
 */
#ifndef GN_NUM_FORMAT_H
#define GN_NUM_FORMAT_H

#include "core/base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef enum gn_format {
    GN_F32,
    GN_F16,
    GN_BF16,
    GN_Q8_0,
    GN_Q4_0,
    GN_Q4_1,
    GN_Q5_0,
    GN_Q5_1,
    GN_Q2_K,
    GN_Q3_K,
    GN_Q4_K,
    GN_Q5_K,
    GN_Q6_K,
    GN_IQ4_NL,
    GN_IQ4_XS,
    GN_FORMATS
} gn_format;

typedef struct gn_format_info {
    const char *name; /* "q4_k" */
    int ggml;         /* type number in a GGUF */
    int block;        /* elements in a block */
    int bytes;        /* bytes of a block */
    /* n elements (a multiple of block) from packed to out. */
    void (*unpack)(const void *packed, float *out, size_t n);
    /* The other way, as llama-quantize writes it; NULL where we do not write it. */
    void (*pack)(const float *in, void *packed, size_t n);
} gn_format_info;

const gn_format_info *gn_format_of(int format); /* gn_format; never NULL for a valid one */
/* The format of a ggml type number; -1 if it is none of ours. */
int gn_format_of_ggml(uint32_t type);
/* The ggml name of any type number ("IQ2_XXS"), for messages; NULL if unknown. */
const char *gn_ggml_name(uint32_t type);
/* "F32, F16, BF16, Q8_0, ...", for messages. */
const char *gn_format_list(void);
/* gn_format by lower-case name, -1. */
int gn_format_by_name(const char *name);

/* Bytes of a row of cols elements; cols must be a multiple of the block. */
static inline size_t gn_row_bytes(int format, int64_t cols) {
    const gn_format_info *f = gn_format_of(format);
    return (size_t)(cols / f->block) * (size_t)f->bytes;
}

#endif
