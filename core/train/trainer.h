/* trainer.h - a packed batch through the model and back.
 *
 * A batch is whole examples end to end, each a segment; nothing is padded and no op looks past
 * its segment. The forward pass keeps of each layer what its way back needs, on a tape; layers
 * that the memory given has no tape for are run once more on the way back, from their input,
 * on a tape they share. Logits are made a block of rows at a time, used, and forgotten.
 */
#ifndef GN_TRAIN_TRAINER_H
#define GN_TRAIN_TRAINER_H

#include "core/train/learn.h"

typedef struct gn_batch {
    const int32_t *token;      /* [rows] */
    const int32_t *label;      /* [rows]: the token after it, or -1: not counted */
    const gn_segment *segment; /* [segments], end to end over all rows */
    int rows, segments;
} gn_batch;

typedef struct gn_trainer gn_trainer;

typedef struct gn_trainer_options {
    int threads;   /* 0: every processor this process may use */
    int rows;      /* most in a batch */
    size_t memory; /* bytes for tapes; one is always had. 0: 2 GiB */
    bool plain;    /* the loops for any processor, for tests */
} gn_trainer_options;

/* Keeps l. Free with gn_trainer_free(). */
gn_trainer *gn_trainer_new(gn_learner *l, const gn_trainer_options *o, gn_error *e);
void gn_trainer_free(gn_trainer *t);
const gn_crew *gn_trainer_crew(const gn_trainer *t);
int gn_trainer_taped(const gn_trainer *t); /* layers that need not be run again */
size_t gn_trainer_bytes(const gn_trainer *t);

/* The mean loss of the counted rows, as transformers': cross entropy, plus the router's where
 * the config asks for it. With `back` its gradient is added to the learner's. */
double gn_trainer_run(gn_trainer *t, const gn_batch *b, bool back);

/* ---- AdamW ---------------------------------------------------------------- */

typedef struct gn_adamw {
    float lr, beta1, beta2, eps, decay, clip; /* clip 0: none */
    int step;                                 /* from 1 */
} gn_adamw;

/* Change what is trained by its gradient, which is then zeroed. Returns the gradient's norm
 * before clipping. */
double gn_trainer_update(gn_trainer *t, const gn_adamw *a);

#endif
