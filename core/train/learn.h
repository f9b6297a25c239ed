/* learn.h - the numbers that training changes: every tensor of a checkpoint as f32.
 *
 * A parameter keeps the checkpoint's name and shape. A layer sees it through gn_learn views,
 * which may be parts of one (gate and up of a fused tensor). Where a parameter is not trained
 * its gradient is NULL and no one computes it.
 *
 * With adapters (LoRA, Hu et al. 2021, arXiv:2106.09685) the linear weights of the layers are
 * W = W0 + s B A with A [rank, I] and B [O, rank] trained and all else at rest; dB = s dW Aᵀ and
 * dA = s Bᵀ dW, taken as soon as dW of a view is known, in one scratch that all share.
 */
#ifndef GN_TRAIN_LEARN_H
#define GN_TRAIN_LEARN_H

#include "core/file/tensors.h"
#include "core/model/config.h"
#include "core/train/crew.h"

typedef struct gn_parameter {
    char name[128];
    int dims;
    int64_t dim[4];
    size_t count;
    bool decays; /* weight decay: matrices, no norms, biases or vectors */
    bool trained;
    float *value, *grad, *m, *v; /* grad, m and v NULL where not trained */
    const gn_tensor *origin;     /* in the checkpoint; NULL: made here */
    struct gn_parameter *A, *B;  /* its adapter, or NULL */
} gn_parameter;

/* n matrices [rows, cols], `step` floats from one to the next. */
typedef struct gn_learn {
    float *w, *g; /* g NULL: not trained, or through an adapter */
    int n, rows, cols;
    size_t step;
    gn_parameter *of;
    int first_row; /* in the parameter's matrix */
} gn_learn;

typedef struct gn_learn_layer {
    gn_learn input_norm, post_norm;
    gn_learn in_proj, in_bias, conv, conv_bias, A_log, D, dt_bias, norm, out_proj, out_bias;
    gn_learn q, k, v, o, q_bias, k_bias, v_bias, o_bias;
    gn_learn router, experts_gate, experts_up, experts_down;
    gn_learn gate, up, down, gate_bias, up_bias, down_bias;
} gn_learn_layer;

typedef struct gn_learner {
    const gn_config *config;
    gn_parameter *parameter; /* [count], in the checkpoint's order of roles; adapters after them */
    int count, capacity, tensors; /* of which `tensors` are the checkpoint's */
    gn_learn embedding, head, final_norm;
    gn_learn_layer *layer;
    bool tied;
    float adapter_scale;
    int rank;
    float *scratch; /* [largest adapted weight] */
} gn_learner;

typedef struct gn_learn_options {
    const gn_tensors *tensors; /* NULL: made anew */
    uint64_t seed;
    float range;           /* initializer_range */
    float dt_low, dt_high; /* time_step_min, time_step_max */
    int rank;              /* of adapters; 0: everything is trained */
    float alpha;           /* s = alpha / rank */
    bool optimizer;        /* with m and v */
} gn_learn_options;

/* The tensors must outlive it while there are adapters. Free with gn_learner_free(). */
gn_learner *gn_learner_new(const gn_config *c, const gn_learn_options *o, gn_error *e);
void gn_learner_free(gn_learner *l);

void gn_learner_zero(gn_learner *l);
/* Where there are adapters: W = W0 + s B A again, after A and B have changed. */
void gn_learner_merge(gn_learner *l, const gn_crew *c);
/* Numbers trained. */
size_t gn_learner_trained(const gn_learner *l);

/* dw += a dyᵀ x for matrix i of a view, into its gradient or its adapter's. */
void gn_learn_weight(gn_learner *l, const gn_crew *c, const gn_learn *v, int i, gn_grid dy,
                     gn_grid x, int T, float a);

#endif
