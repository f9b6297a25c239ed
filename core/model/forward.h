/* forward.h - one step of the model over any number of sequences. */
#ifndef GN_MODEL_FORWARD_H
#define GN_MODEL_FORWARD_H

#include "core/model/plan.h"
#include "core/model/state.h"
#include "core/model/weights.h"

typedef struct gn_model {
    gn_device *device;
    const gn_config *config;
    const gn_weights *weights;
    gn_layout layout; /* of the states it runs on */
} gn_model;

/* What one sequence is fed in this step. The three uses of the two states:
 *   to = from    go on
 *   to != from   fork and go on, in one walk over the memory
 *   to = NULL    read only: the hidden rows are wanted, the state is not */
typedef struct gn_feed {
    const gn_state *from; /* NULL: nothing consumed yet */
    gn_state *to;
    const int32_t *token; /* [count], count >= 1, each in [0, V) */
    int count;
} gn_feed;

/* Run one packed step of one kind. Prefill, decode and scoring are the same
 * call: a prompt is one long feed, decoding is a feed of one, an eval batch is
 * many. No state may be the `to` of two feeds, or of one and the `from` of
 * another; each `to` has room for its tokens.
 *
 * Leaves the final-normed hidden rows of the packed rows listed in want [R],
 * R <= max_rows, in p->hidden [R, D], good until the plan's next use. */
void gn_forward(const gn_model *m, gn_plan *p, gn_step_kind kind, const gn_feed *feed, int n_feed,
                const int32_t *want, int n_want);

/* Logits of hidden rows [first, first + count), count <= max_logits, of the
 * last step: head h / logits_scaling. [count, V] in p->logits, device memory,
 * good until the next call. */
gn_mat gn_logits(const gn_model *m, gn_plan *p, int first, int count);

#endif
