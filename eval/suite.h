/* suite.h - what one `gneiss eval` asks of one checkpoint: tasks, data, documents, and its identity. */
#ifndef GN_EVAL_SUITE_H
#define GN_EVAL_SUITE_H

#include "eval/index.h"
#include "eval/metric.h"

typedef struct gn_eval_options {
    const char *tasks;          /* as -t has them */
    const char *const *include; /* [n_include] folders */
    int n_include;
    const char *data; /* NULL: the user's data folder */
    bool processed;
    double limit;             /* 0: all; below 1: that share, rounded up; else the first so many */
    int64_t sample;           /* 0: all; else so many, drawn with fewshot_seed */
    const char *docs, *where; /* NULL: all */
    int shots;                /* -1: the tasks' own */
    int64_t fewshot_seed, seed;
    bool chat, share;
    const char *system; /* "" for none */
    int64_t max_length; /* 0: the engine's context */
    int repeat;         /* at least 1 */
    int shard, shards;  /* documents with ix mod shards = shard - 1 */
    int logprobs;       /* -1: tokens of generated text alone; else those of scores too, with so
                           many alternatives */
    const gn_judge *judge;
    const char *judge_name; /* NULL: none */
    bool again, fresh;
    const char *argv; /* JSON list: the command, to run it again */
} gn_eval_options;

typedef struct gn_suite_task {
    const gn_task *task;
    gn_dataset data;
    gn_asker *asker;
    int64_t *doc; /* [n_doc] the documents asked, in order */
    int64_t n_doc;
    int shots;
    char sha[GN_SHA256_HEX];
    gn_str json;
    int64_t id; /* its row; 0 before the run has begun */
} gn_suite_task;

typedef struct gn_suite {
    gn_engine *g;
    const gn_eval_options *o;
    gn_index *index;
    gn_selection selection;
    gn_prompting prompting;
    char template_sha[GN_SHA256_HEX], checkpoint_sha[GN_SHA256_HEX];
    uint8_t tokenizer_sha[GN_SHA256_BYTES];
    gn_suite_task *task; /* [n] */
    int n;
    int64_t planned; /* documents times repeats */
    int64_t max_length;
    char key[GN_SHA256_HEX];   /* run.resume_key */
    char whole[GN_SHA256_HEX]; /* the key of the run that shards are parts of */
    gn_str options;            /* run.options_json */
} gn_suite;

/* Borrows g and o. Refused tasks are GN_UNSUPPORTED, the first reason told; all are then in
 * selection.refusals. Release always. */
bool gn_suite_open(gn_suite *s, gn_engine *g, const gn_eval_options *o, gn_error *e);
void gn_suite_release(gn_suite *s);

/* gn_prompting.render by the chat template of an engine: a gn_engine *, as its `user`. */
bool gn_suite_render(void *engine, const gn_value *messages, bool generation, gn_str *out,
                     gn_error *e);

#endif
