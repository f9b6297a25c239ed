/* internal.h - what the files of the CPU device share. Nobody else includes it.
 *
 * cpu.c owns the device, its memory and its pool; place.c and linear.c own what
 * a placed weight looks like (gn_weight.layout) and every op that reads one;
 * the other files are one family of formulas each. Every op cuts its work into
 * parts whose results do not depend on which thread takes them.
 */
#ifndef GN_CPU_INTERNAL_H
#define GN_CPU_INTERNAL_H

#include "core/base/pool.h"
#include "core/cpu/cpu.h"

/* Each has what those before it have. avx512: F, BW, DQ, VL and VNNI; fewer of them is avx2. */
typedef enum gn_isa { GN_ISA_PLAIN, GN_ISA_AVX2, GN_ISA_AVX512, GN_ISA_AVX512BF16 } gn_isa;

enum { GN_CPU_KEPT = 2 };

typedef struct gn_cpu {
    gn_device base; /* first, so that a gn_device * is a gn_cpu * */
    gn_pool *pool;
    int threads;
    bool exact, mapped;
    bool may_wait; /* weights may stay in their file for the first step */
    int64_t steps; /* begun */
    gn_isa isa;
    const struct gn_formulas *formula; /* of this isa: formula.h */
    gn_step_kind kind;                 /* of the step under way */
    struct gn_placed *placed; /* place.c: memory of placed weights, freed by gn_cpu_unplace() */
    gn_weight *late; /* [lates] as they are now; those from next_late on are still in the file */
    int lates, next_late;
    struct gn_placing *placing;        /* place.c: the one of them that is being placed */
    _Atomic(void *) kept[GN_CPU_KEPT]; /* blocks given back, the last first */
    void *scratch[256];                /* by thread, grown on demand by gn_cpu_scratch() */
    size_t scratch_bytes[256];
    void *shared; /* scratch all threads read: quantised activations */
    size_t shared_bytes;
} gn_cpu;

enum { GN_CPU_MAX_HEAD_DIM = 256, GN_CPU_MAX_CONV = 16, GN_CPU_ALIGN = 64 };

static inline gn_cpu *gn_cpu_of(gn_device *d) { return (gn_cpu *)d; }
static inline float *gn_row(gn_mat m, int r) { return m.data + (size_t)r * (size_t)m.stride; }
static inline const float *gn_f32(const gn_weight *w) { return w->data; }

/* At least `bytes` of 64-byte aligned memory of this thread's own (shared: everyone's,
 * to be asked for outside gn_pool_run), good until it is asked for again. Running out
 * of memory here ends the program with a message: sizes are bounded by the plan's. */
void *gn_cpu_scratch(gn_cpu *c, int thread, size_t bytes);
void *gn_cpu_shared(gn_cpu *c, size_t bytes);

/* cpu.c: gn_ops.copy, on all threads where it is long. */
void gn_cpu_copy(gn_device *d, void *to, const void *from, size_t bytes);

/* cpu.c's table takes these from the other files. */
bool gn_cpu_place(gn_device *d, gn_weight *w, bool keep, gn_error *e); /* place.c */
void gn_cpu_unplace(gn_cpu *c);
/* Before a step of so many tokens: place some of the weights that wait. */
void gn_cpu_place_late(gn_cpu *c, int tokens);
/* While nobody waits: a piece of them. False: none wait any more. */
bool gn_cpu_settle(gn_device *d);
/* w, or where it is now. */
const gn_weight *gn_cpu_weight(const gn_cpu *c, const gn_weight *w);
void gn_cpu_embed(gn_device *d, gn_mat x, const gn_weight *table, const int32_t *token,
                  float scale);                                         /* linear.c */
void gn_cpu_linear(gn_device *d, gn_mat x, const gn_product *p, int n); /* linear.c */
void gn_cpu_experts(gn_device *d, gn_mat y, gn_mat x, const gn_experts_weights *w, gn_mat gate,
                    const int32_t *expert); /* experts.c */
void gn_cpu_route(gn_device *d, gn_mat gate, int32_t *expert, gn_mat logits);
void gn_cpu_rmsnorm(gn_device *d, gn_mat y, gn_mat x, const gn_weight *gain, float eps);
void gn_cpu_gated_rmsnorm(gn_device *d, gn_mat y, gn_mat x, gn_mat z, const gn_weight *gain,
                          int groups, float eps);            /* norm.c */
void gn_cpu_axpy(gn_device *d, gn_mat y, float a, gn_mat x); /* rows.c */
void gn_cpu_scale(gn_device *d, gn_mat y, float a);
void gn_cpu_swiglu(gn_device *d, gn_mat y, gn_mat gate, gn_mat up);
void gn_cpu_rope(gn_device *d, gn_mat x, int head_dim, const gn_weight *frequency,
                 const gn_lanes *lanes);
void gn_cpu_gather(gn_device *d, gn_mat y, gn_mat x, const int32_t *row);
bool gn_cpu_logprobs(gn_device *d, gn_logprob *out, gn_top *top, int k, gn_mat logits,
                     const int32_t *want, gn_error *e);
void gn_cpu_conv(gn_device *d, gn_mat y, gn_mat x, const gn_weight *w, const gn_weight *bias,
                 const gn_lanes *lanes, size_t at); /* conv.c */
void gn_cpu_ssd(gn_device *d, gn_mat y, const gn_ssd_in *in, const gn_ssd_params *p,
                const gn_lanes *lanes, size_t at); /* ssd.c */
void gn_cpu_attend(gn_device *d, gn_mat y, gn_mat q, gn_mat k, gn_mat v, int head_dim, float scale,
                   const gn_lanes *lanes, int nth); /* attend.c */

#endif
