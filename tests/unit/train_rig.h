/* train_rig.h - a checkpoint of tests/oracle/models ready to be trained, and batches from fixtures. */
#ifndef GN_TESTS_TRAIN_RIG_H
#define GN_TESTS_TRAIN_RIG_H

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/train/trainer.h"
#include "tests/check.h"

enum { RIG_ROWS = 512, RIG_SEGMENTS = 16 };

typedef struct rig {
    gn_arena arena;
    gn_tensors *tensors;
    gn_config config;
    gn_learner *learner;
    gn_trainer *trainer;
} rig;

typedef struct rig_batch {
    int32_t token[RIG_ROWS], label[RIG_ROWS];
    gn_segment segment[RIG_SEGMENTS];
    gn_batch batch;
} rig_batch;

static inline bool rig_open(rig *r, const char *name, int rank, const gn_trainer_options *o) {
    gn_error e = {0};
    gn_str text = {0}, path = {0};
    *r = (rig){0};
    gn_str_fmt(&path, "tests/oracle/models/%s/config.json", name);
    const gn_value *json = NULL;
    bool ok = gn_file_read(&text, path.data, 0, &e) &&
              (json = gn_json_parse(&r->arena, gn_str_slice(&text), &e)) &&
              gn_config_from_json(&r->config, json, NULL, &e);
    gn_str_cut(&path, path.len - strlen("/config.json"));
    ok = ok && (r->tensors = gn_tensors_open(path.data, &e));
    const gn_learn_options with = {
        .tensors = r->tensors, .rank = rank, .alpha = (float)rank, .optimizer = true};
    ok = ok && (r->learner = gn_learner_new(&r->config, &with, &e)) &&
         (r->trainer = gn_trainer_new(r->learner, o, &e));
    if (!ok)
        printf("  %s: %s\n", name, e.message);
    gn_str_release(&text);
    gn_str_release(&path);
    return CHECK(ok);
}

static inline void rig_close(rig *r) {
    gn_trainer_free(r->trainer);
    gn_learner_free(r->learner);
    gn_tensors_close(r->tensors);
    gn_arena_release(&r->arena);
}

/* One more sequence; labels as transformers' (the token itself or -100), or NULL. */
static inline void rig_add(rig_batch *b, const int *token, const int *label, int n) {
    const int first = b->batch.rows;
    b->segment[b->batch.segments++] = (gn_segment){first, n};
    for (int i = 0; i < n; i++) {
        b->token[first + i] = token[i];
        b->label[first + i] = i + 1 == n ? -1 : (label ? label : token)[i + 1];
        if (b->label[first + i] < 0)
            b->label[first + i] = -1;
    }
    b->batch.rows += n;
    b->batch.token = b->token;
    b->batch.label = b->label;
    b->batch.segment = b->segment;
}

/* tokens.PREFIX0, tokens.PREFIX1, ... of a fixture. */
static inline void rig_batch_of(rig_batch *b, const check_fixture *f, const char *prefix) {
    *b = (rig_batch){0};
    for (int s = 0; s < RIG_SEGMENTS; s++) {
        char name[32];
        const check_vec *token = NULL;
        snprintf(name, sizeof name, "tokens.%s%d", prefix, s);
        for (int i = 0; i < f->count; i++)
            if (strcmp(f->vec[i].name, name) == 0)
                token = &f->vec[i];
        if (!token)
            return;
        snprintf(name, sizeof name, "labels.%s%d", prefix, s);
        rig_add(b, token->i, check_find(f, name)->i, (int)token->n);
    }
}

#endif
