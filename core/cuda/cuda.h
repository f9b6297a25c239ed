/* cuda.h - the NVIDIA device.
 *
 * The device itself lies in a module of its own, libgneiss-cuda.so, built where CMake finds
 * CUDA and loaded when a GPU is asked for: the program and its libraries know nothing of CUDA.
 * The module is looked for in $LIBGNEISS_CUDA (a file), beside the program, in ../lib/gneiss
 * from there, and where the system looks for libraries.
 */
#ifndef GN_CUDA_CUDA_H
#define GN_CUDA_CUDA_H

#include "core/device/device.h"

typedef struct gn_cuda_options {
    bool exact;  /* f32 everywhere and one order of every sum, whatever the step */
    size_t work; /* bytes to work in, of gn_cuda_work_bytes(): taken at once */
} gn_cuda_options;

/* What the first visible GPU has: CUDA counts the fastest first. */
typedef struct gn_cuda_card {
    char name[128];
    int major, minor;    /* of its instruction set: 9, 0 for sm_90 */
    int count;           /* GPUs that are visible */
    size_t free, total;  /* bytes of memory */
    int driver, toolkit; /* 12040 for 12.4 */
} gn_cuda_card;

/* What the GPU is, without taking it. GN_DEVICE, and why, when there is none that can be used:
 * no module, no driver, one that is older than the toolkit, no device, an old device, or one that
 * the module was not built for. */
bool gn_cuda_find(gn_cuda_card *out, gn_error *e);

/* GN_DEVICE as above. Closing it ends every use of the GPU. */
gn_device *gn_cuda_open(const gn_cuda_options *o, gn_error *e);

enum {
    GN_CUDA_WORKSPACE = 32 << 20, /* of those bytes: for cuBLAS */
    GN_CUDA_MOST_STATE = 256,     /* most N of a model it takes, */
    GN_CUDA_MOST_EXPERTS = 1024,  /* and E */
};

/* Bytes the device needs to work in, beside weights, plan and states, for steps of so many tokens:
 * the longest row of a weight, and of a mixture the pairs a token has and its two widths. It grows
 * where steps ask for more. */
size_t gn_cuda_work_bytes(int tokens, int longest_row, int pairs, int expert_ff, int hidden);

/* ---- between open.c and the module --------------------------------------- */

/* One table, found under this name; `shape` must be GN_CUDA_SHAPE or the two do not fit. */
#define GN_CUDA_MODULE "gn_cuda_module_table"
typedef struct gn_cuda_module {
    unsigned long shape;
    bool (*find)(gn_cuda_card *out, gn_error *e);
    gn_device *(*open)(const gn_cuda_options *o, gn_error *e);
} gn_cuda_module;
#define GN_CUDA_SHAPE                                                                              \
    (sizeof(gn_ops) * 1000003ul + sizeof(gn_device) * 10007ul + sizeof(gn_weight) * 1009ul +       \
     sizeof(gn_lane) * 101ul + sizeof(gn_cuda_card) + 1)

#endif
