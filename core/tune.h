/* tune.h - training as a whole: data, batches, steps, what is kept and what comes out.
 *
 * A run is a function of its options, its data and the checkpoint it begins with. What it has
 * reached lies in one file of its folder, written whole or not at all; opening the same run
 * again goes on from there, bit for bit as if it had never stopped.
 */
#ifndef GN_TUNE_H
#define GN_TUNE_H

#include "core/base/value.h"

typedef enum gn_schedule { GN_CONSTANT, GN_LINEAR, GN_COSINE } gn_schedule;

/* Zero it and fill in; where 0 is no sense of its own it means the default. */
typedef struct gn_tune_options {
    const char *model;         /* a folder; NULL: made anew, */
    const char *init;          /* from this config.json */
    const char *tokenizer;     /* folder of the tokenizer's files; NULL: the model's own */
    const char *data;          /* JSON lines */
    const char *out;           /* folder; made if need be */
    int64_t steps;             /* 0: by epochs */
    double epochs;             /* 1 */
    double lr;                 /* 1e-4 */
    double weight_decay, clip; /* as they are; clip 0: none */
    gn_schedule schedule;
    int64_t warmup;
    int batch_tokens; /* 4096 */
    uint64_t seed;
    int lora;          /* rank; 0: every number is trained */
    double lora_alpha; /* 2 * rank */
    int64_t save_every;
    const int64_t *snapshot; /* [snapshots] steps after which a copy is put in out/step-N */
    int snapshots;
    bool bf16;       /* of model.safetensors; else f32 */
    int threads;     /* changes no bit */
    size_t tape_mem; /* bytes of activations kept, 2 GiB; changes no bit */
} gn_tune_options;

typedef struct gn_tune_progress {
    int64_t step, steps; /* of which `step` are done */
    double loss, lr, grad_norm;
    int64_t tokens;               /* read since the very beginning */
    double seconds, tokens_per_s; /* of this sitting */
} gn_tune_progress;

typedef struct gn_tune_hooks {
    bool (*step)(void *user, const gn_tune_progress *p); /* after each; false: save and stop */
    bool (*saved)(void *user, int64_t step, const char *path, gn_error *e); /* may be NULL */
    void *user;
} gn_tune_hooks;

typedef struct gn_tune gn_tune;

/* Reads data, checkpoint and what an earlier sitting left. The options are kept. */
gn_tune *gn_tune_open(const gn_tune_options *o, gn_error *e);
/* Data alone, for a look at it: examples, no weights. */
gn_tune *gn_tune_open_data(const gn_tune_options *o, gn_error *e);
void gn_tune_close(gn_tune *t);

int gn_tune_examples(const gn_tune *t);
/* Example i: ids [n], and labels as transformers': the id where counted, else -100. */
int gn_tune_example(const gn_tune *t, int i, const int32_t **id, const int32_t **label);
/* The text of one id, if there is a tokenizer. */
gn_slice gn_tune_token(const gn_tune *t, int32_t id);
int64_t gn_tune_tokens(const gn_tune *t); /* of all examples */
size_t gn_tune_parameters(const gn_tune *t, size_t *trained);
size_t gn_tune_bytes(const gn_tune *t); /* of activations and scratch */
int64_t gn_tune_steps(const gn_tune *t);
int64_t gn_tune_step(const gn_tune *t);        /* where it goes on */
int64_t gn_tune_read(const gn_tune *t);        /* tokens read since the very beginning */
const float *gn_tune_losses(const gn_tune *t); /* [gn_tune_step] */

/* Go on to the last step, or until a hook says no; *done then tells. The folder then holds
 * what has been reached: config.json, model.safetensors, tokenizer, training.json. */
bool gn_tune_run(gn_tune *t, const gn_tune_hooks *h, bool *done, gn_error *e);

/* Note in training.json what the model of the step reached was found to be worth: a JSON
 * object with a key "step", opaque here. Kept from sitting to sitting. */
bool gn_tune_note_eval(gn_tune *t, gn_slice object, gn_error *e);
/* Is there such a note of this step? */
bool gn_tune_has_eval(const gn_tune *t, int64_t step);

/* Of all examples in one batch: the mean loss, and every trained tensor's gradient in a
 * safetensors file of F32. */
bool gn_tune_gradients(gn_tune *t, const char *path, double *loss, gn_error *e);

/* A text plot of losses, `width` columns by `height` lines; each column is a mean. */
void gn_tune_plot(gn_str *out, const float *loss, int64_t n, int width, int height);

#endif
