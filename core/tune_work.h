/* tune_work.h - what the files of a training run share. Nobody above includes it. */
#ifndef GN_TUNE_WORK_H
#define GN_TUNE_WORK_H

#include "core/engine.h"
#include "core/train/trainer.h"
#include "core/tune.h"

/* Examples end to end. */
typedef struct gn_examples {
    gn_ids id, label;
    size_t *first; /* [count + 1] */
    int count, longest;
    size_t capacity;
} gn_examples;

struct gn_tune {
    gn_tune_options o;
    gn_engine texts; /* config, tokenizer and template; no device, no weights */
    const gn_value *config_json;
    char config_folder[4096], data_sha[GN_SHA256_HEX], fingerprint[GN_SHA256_HEX];
    gn_examples examples;
    gn_tensors *tensors;
    gn_learner *learner;
    gn_trainer *trainer;
    float *loss; /* [steps] */
    int64_t step, steps, tokens;
    double seconds; /* before this sitting */
    gn_str evals;   /* JSON objects with commas between, as training.json has them */

    /* the order of the current epoch, and where in it the next batch begins */
    int32_t *order;
    int64_t epoch;
    int at;
    int32_t *token, *row_label;
    gn_segment *segment;
};

/* tune_data.c: lines of the file as examples; data_sha. */
bool gn_examples_read(gn_tune *t, gn_error *e);
void gn_examples_release(gn_examples *x);

/* tune_save.c */
bool gn_tune_save_state(gn_tune *t, gn_error *e);
/* What an earlier sitting left, if anything. */
bool gn_tune_load_state(gn_tune *t, gn_error *e);
/* A Hugging Face folder. */
bool gn_tune_export(gn_tune *t, const char *folder, gn_error *e);

#endif
