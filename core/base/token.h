/* token.h - what is said of one token; shared by device, engine and whoever asks them. */
#ifndef GN_BASE_TOKEN_H
#define GN_BASE_TOKEN_H

#include <stdint.h>

/* What the tokens of a step are: given (prompts, documents, continuations) or
 * sampled. With fast numerics the two may use different arithmetic; the kind
 * belongs to the token, so an answer read again is read as GN_WRITE. */
typedef enum gn_step_kind { GN_READ, GN_WRITE } gn_step_kind;

/* What gn_logprobs() says of one row of logits. */
typedef struct gn_logprob {
    float logprob; /* log softmax at the wanted id */
    int32_t rank;  /* ids with a larger logit, or an equal one and a lower id */
    float entropy; /* of the whole distribution, in nats */
} gn_logprob;

typedef struct gn_top {
    int32_t id;
    float logprob;
} gn_top;

#endif
