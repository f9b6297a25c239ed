/* sampler.h - logits -> token. The order of the filters is part of the contract
 * (interface: 5.2, Sampling); a token depends on the seed and its place alone. */
#ifndef GN_SAMPLER_H
#define GN_SAMPLER_H

#include "core/gneiss.h"

typedef struct gn_sampler {
    gn_sampling how; /* bias borrowed */
    int vocab;
    float *logit;   /* [V] adjusted, then probabilities */
    int32_t *order; /* [V] heap of ids */
    int32_t *keep;  /* [V] what the filters keep */
    uint8_t *seen;  /* [V] ids of the sequence */
    int32_t *among; /* [V] ids the last draw was among, rising: number i of the rest is its */
    /* of the last draw */
    int n_among;    /* 0: all of them */
    int n_keep;     /* of keep; -1: nothing was cut but by top-k */
    float kept;     /* the sum of what was kept */
    float least;    /* what min-p asks for */
    int32_t chosen; /* drawn */
} gn_sampler;

bool gn_sampler_init(gn_sampler *s, const gn_sampling *how, int vocab, gn_error *e);
void gn_sampler_release(gn_sampler *s);
/* Ids that are now part of the sequence. */
void gn_sampler_see(gn_sampler *s, const int32_t *id, int64_t n);
/* The token at place i (0: the first generated) after logits [V]. */
int32_t gn_sampler_draw(gn_sampler *s, const float *logits, uint64_t i);
/* Of how many likeliest ids the draw wants to know, where no more than `most` are enough for it; 0:
 * it wants all logits. */
int gn_sampler_wants(const gn_sampler *s, int most);
/* The same token from those ids of the model's own distribution, k as many as it wants or more. */
int32_t gn_sampler_draw_top(gn_sampler *s, const gn_top *top, int k, uint64_t i);
/* What the last draw's filters made of an id. */
gn_fate gn_sampler_tell(const gn_sampler *s, int32_t id);

#endif
