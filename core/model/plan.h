/* plan.h - the working memory of one step, laid out once.
 *
 * A plan answers "how much, and where": one device block big enough for a
 * packed step of at most max_tokens tokens in max_lanes sequences, of which
 * max_rows are wanted, and the place of each activation inside it. Buffers whose
 * lives do not overlap share bytes. Logits are made max_logits rows at a time.
 * Making a plan is the last thing in an engine that allocates for a step.
 */
#ifndef GN_MODEL_PLAN_H
#define GN_MODEL_PLAN_H

#include "core/device/device.h"
#include "core/model/config.h"

typedef struct gn_plan {
    gn_device *device;
    int max_tokens, max_lanes, max_rows, max_logits;
    gn_step_kind kind; /* of the last step: its logits are made with the same arithmetic */
    float *block;

    float *x;        /* [T, D]  residual stream */
    float *norm;     /* [T, D]  input of the current mixer or feed-forward */
    float *out;      /* [T, D]  output of the same, before it joins x */
    float *wide;     /* [T, widest]  projections */
    float *inner;    /* [T, widest]  what the mixer makes of them */
    float *gate;     /* [T, U] */
    float *router;   /* [T, E] */
    int32_t *expert; /* [T, U] */
    float *hidden;   /* [R, D]  wanted rows, after the final norm */
    float *logits;   /* [max_logits, V] */
    int32_t *token;  /* [T], host memory */
    gn_lane *lane;   /* [lanes], host memory */
} gn_plan;

/* Bytes of device memory such a plan takes. */
size_t gn_plan_bytes(const gn_config *c, int max_tokens, int max_rows, int max_logits);
gn_plan *gn_plan_new(gn_device *d, const gn_config *c, int max_tokens, int max_lanes, int max_rows,
                     int max_logits, gn_error *e);
void gn_plan_free(gn_plan *p);

#endif
