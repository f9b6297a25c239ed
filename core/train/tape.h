/* tape.h - what the files of the two passes share. Nobody else includes it. */
#ifndef GN_TRAIN_TAPE_H
#define GN_TRAIN_TAPE_H

#include "core/train/trainer.h"

/* What the way back needs of one layer. A mamba layer's wide is [z | xBC | dt], an attention
 * layer's [q | k | v] after rotation. Experts' rows are sorted by expert: slot s. */
typedef struct gn_tape {
    float *a;                       /* [T, D]  rmsnorm of the layer's input */
    float *wide;                    /* [T, width] */
    float *conv;                    /* [T, C] */
    float *y;                       /* [T, I] or [T, Hq*Dh] */
    float *gated;                   /* [T, I] */
    float *lse;                     /* [T, Hq] */
    float *mid;                     /* [T, D]  residual stream between mixer and feed-forward */
    float *b;                       /* [T, D]  rmsnorm of it */
    float *pair, *hidden;           /* [T, 2 Fs], [T, Fs] */
    float *router, *gate;           /* [T, E], [T, U] */
    float *slot_pair, *slot_hidden; /* [T*U, 2 F], [T*U, F] */
    int32_t *slot_row, *slot_of;    /* [T*U] row of a slot; [T, U] slot of a choice */
    int32_t *begin;                 /* [E + 1] first slot of an expert */
} gn_tape;

struct gn_trainer {
    gn_learner *l;
    const gn_config *c;
    gn_crew crew;
    int max_rows, taped, layers_with_experts;
    size_t bytes;

    float **x;     /* [L + 1] of [T, D]: the residual stream before each layer */
    gn_tape *tape; /* [L] */
    float **block; /* every allocation, to be freed */
    int blocks;

    /* the batch */
    const gn_batch *batch;
    gn_segment *chunk;
    int *first_chunk, *position, chunks, chunk_rows, longest;
    float *cosine, *sine; /* [max_rows, rotary/2] */

    /* shared by all layers */
    float *dx, *dnorm, *dwide, *dconv, *dy, *dinner, *dpair, *dhidden;
    float *step, *sum, *CB, *dBC, *dCB, *vector_part, *gain_part;
    float *slots, *dslots, *dslot_pair, *dslot_hidden, *drouter, *dgate;
    float *scratch;
    size_t scratch_size;
    float *normed, *logits; /* [T, D], [head_rows, V] */
    float *head_in, *dhead; /* [head_rows, D] */
    int head_rows;
    double *row_loss;
    int32_t *want, *want_row;
    double *picked, *share; /* [E]: picks over all layers, and sums of the softmax */
};

static inline gn_grid gn_rows_of(float *at, int cols) { return (gn_grid){at, (size_t)cols}; }
static inline gn_grid gn_rows_at(float *at, int cols, int first) {
    return (gn_grid){at + first, (size_t)cols};
}

/* y = or += a (x wᵀ + bias); the way back: dx = or += a dy w, and the weight's and bias's own. */
void gn_linear_forward(gn_trainer *t, gn_grid y, gn_grid x, const gn_learn *w, const gn_learn *bias,
                       float a, bool add);
void gn_linear_back(gn_trainer *t, gn_grid dx, gn_grid dy, gn_grid x, const gn_learn *w,
                    const gn_learn *bias, float a, bool add);
void gn_norm_forward(gn_trainer *t, gn_norm_job *j);
void gn_norm_back(gn_trainer *t, gn_norm_job *j, const gn_learn *gain);

/* x[l] -> x[l + 1], filling tape k; `first`: not a repetition. */
void gn_layer_forward(gn_trainer *t, int l, gn_tape *k, bool first);
/* dx: from after the layer to before it. */
void gn_layer_back(gn_trainer *t, int l, const gn_tape *k);

/* out += r experts(b). */
void gn_experts_forward(gn_trainer *t, int l, gn_tape *k, gn_grid out, bool first);
/* db += what the experts and the router give. */
void gn_experts_back(gn_trainer *t, int l, const gn_tape *k, gn_grid db);

/* The loss of x[L]; with back, dx. */
double gn_head_run(gn_trainer *t, bool back);

#endif
