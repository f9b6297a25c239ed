/* task.h - one benchmark as its file says it (gneiss-task(5)), checked and complete.
 *
 * A task is made from the value tree that index.c has put together from a file, what
 * it includes and what a group overrides. Every key is known or refused, every
 * template parsed, every pattern compiled, every default filled in. A task holds
 * compiled patterns and belongs to one thread at a time.
 */
#ifndef GN_EVAL_TASK_H
#define GN_EVAL_TASK_H

#include "core/gneiss.h"

typedef enum gn_task_kind {
    GN_TASK_CHOICE,   /* multiple_choice */
    GN_TASK_TARGET,   /* loglikelihood */
    GN_TASK_ROLLING,  /* loglikelihood_rolling */
    GN_TASK_GENERATE, /* generate_until */
} gn_task_kind;
const char *gn_task_kind_name(gn_task_kind k); /* lm-evaluation-harness's word */

/* A template, the name of a column, or a value as it is. */
typedef struct gn_field {
    bool set;
    gn_slice source;       /* of a template or column; data NULL for a plain value */
    gn_template *template; /* NULL for a plain value */
    const gn_value *value; /* an integer, a list or a map; NULL for a template */
} gn_field;

typedef enum gn_aggregation {
    GN_AGGREGATE_MEAN,
    GN_AGGREGATE_NANMEAN,
    GN_AGGREGATE_MEDIAN,
    GN_AGGREGATE_PERPLEXITY,          /* exp(-mean value) */
    GN_AGGREGATE_WEIGHTED_PERPLEXITY, /* exp(-sum value / sum weight) */
    GN_AGGREGATE_BITS_PER_BYTE,
    GN_AGGREGATE_TOKEN_PERPLEXITY, /* as weighted, with a standard error over documents */
    GN_AGGREGATE_F1,
    GN_AGGREGATE_MCC,
    GN_AGGREGATE_BRIER,
    GN_AGGREGATE_BLEU,
    GN_AGGREGATE_CHRF,
    GN_AGGREGATE_CHRF_WORDS,    /* chrf++ */
    GN_AGGREGATE_WEIGHTED_MEAN, /* sum weight value / sum weight: ifeval's instructions */
    GN_AGGREGATIONS
} gn_aggregation;
const char *gn_aggregation_name(gn_aggregation a);

typedef enum gn_metric_kind {
    GN_METRIC_ACC,
    GN_METRIC_ACC_NORM,
    GN_METRIC_ACC_BYTES,
    GN_METRIC_ACC_MUTUAL_INFO,
    GN_METRIC_EXACT_MATCH,
    GN_METRIC_F1,
    GN_METRIC_MCC,
    GN_METRIC_BRIER,
    GN_METRIC_MC2,
    GN_METRIC_PERPLEXITY,
    GN_METRIC_WORD_PERPLEXITY,
    GN_METRIC_BYTE_PERPLEXITY,
    GN_METRIC_BITS_PER_BYTE,
    GN_METRIC_TOKEN_PERPLEXITY,
    GN_METRIC_BLEU,
    GN_METRIC_CHRF,
    GN_METRIC_CHRF_WORDS,
    GN_METRIC_IFEVAL,
    GN_METRIC_PASS,
    GN_METRICS
} gn_metric_kind;

/* An entry of metric_list. */
typedef struct gn_metric {
    gn_metric_kind kind;
    gn_slice name;
    gn_aggregation aggregation;
    bool higher; /* is better */
    bool ignore_case, ignore_punctuation, ignore_numbers;
    gn_regex **ignore; /* [n_ignore] */
    int n_ignore;
} gn_metric;

/* A number that is reported: of each document, and of all. */
typedef struct gn_measure {
    gn_slice metric; /* as it is printed: mc2 is "acc", ifeval four (and four more) of them */
    gn_slice filter; /* the pipeline, "none" */
    gn_aggregation aggregation;
    bool higher;
    bool binary; /* each document's value is 0 or 1 */
} gn_measure;

typedef struct gn_generation {
    gn_slice
        *until; /* [n_until] as the file says; the text of end of text is the engine's to add */
    int n_until;
    int64_t max_tokens;
    bool sample;       /* else greedy */
    float temperature; /* as said, 1 unless; of no effect when greedy */
    float top_p;       /* 0: not said */
    int top_k;         /* 0: not said */
} gn_generation;

/* What says how a document becomes text; the shots have their own, which fall back to the task's. */
typedef struct gn_form {
    gn_field text, target, choice, prefix;
    gn_slice target_delimiter, fewshot_delimiter;
} gn_form;

typedef struct gn_task {
    gn_arena arena;       /* what the slices point into, but for config's */
    gn_slice name, alias; /* alias: the name unless said */
    gn_slice version;     /* text; "" when the file has none */
    gn_slice file;        /* where it stands; embedded ones as "tasks/NAME.yaml" */
    gn_slice folder;      /* data files are looked for beside it; "" if embedded */
    gn_slice parity;      /* metadata.gneiss.parity, or "" */
    gn_task_kind kind;

    gn_slice dataset_path, dataset_name;                   /* name: "" when null */
    const gn_value *dataset_kwargs;                        /* a map, or NULL */
    gn_slice split;                                        /* the evaluated one */
    gn_slice test_split, validation_split, training_split; /* data NULL when null */
    gn_slice pool_split;       /* of the shots; data NULL when `samples` are the pool */
    const gn_value *samples;   /* a list of documents, or NULL */
    bool drops_itself;         /* the n + 1 rule: the document is taken out of its shots */
    bool first_n;              /* sampler first_n, else default */
    int shots;                 /* num_fewshot */
    bool shots_fixed;          /* the file says 0: --shots does not override it */
    const gn_value *split_sha; /* metadata.gneiss.sha256: split -> hex, or NULL */

    gn_field description;
    gn_form form, shot;
    gn_generation generation;
    int repeats;
    gn_field count, cluster, program; /* metadata.gneiss */

    gn_metric *metric; /* [n_metric] */
    int n_metric;
    struct gn_pipeline *pipeline; /* [n_pipeline], filter.h */
    int n_pipeline;
    gn_measure *measure; /* [n_measure], pipelines outermost, in the order of metric_list */
    int n_measure;

    gn_value *config; /* the resolved keys, defaults filled in: for canonical JSON and show */
    gn_str notes;     /* lines: stray keys that are ignored */
} gn_task;

/* One reason why a task does not run. where: "tasks/foo/foo.yaml:7: process_docs". */
typedef struct gn_refusal {
    gn_slice task, where, why;
    bool code; /* Python, which no edit of a value mends; else a fault in the file */
} gn_refusal;
typedef struct gn_refusals {
    gn_arena arena;
    gn_refusal *item;
    size_t count, capacity;
} gn_refusals;
bool gn_refuse(gn_refusals *r, gn_slice task, gn_slice file, int line, const char *key, bool code,
               const char *fmt, ...) __attribute__((format(printf, 7, 8)));
void gn_refusals_release(gn_refusals *r);

/* What a task is made from. */
typedef struct gn_task_source {
    const gn_value *tree; /* a map, kept as long as the task (with the arena it lives in) */
    const gn_value
        *origin;     /* NULL, or a map from those keys that stand in another file to its name */
    gn_slice file;   /* for messages */
    gn_slice folder; /* where data files are relative to */
    bool processed;  /* --processed: the data are what process_docs would make of them */
} gn_task_source;

/* NULL when anything is wrong: every fault is then in refusals, each with file, line, key
 * and what is allowed; e is set only when memory ran out. Free with gn_task_free(). */
gn_task *gn_task_new(const gn_task_source *source, gn_refusals *refusals, gn_error *e);
void gn_task_free(gn_task *t);

/* What a run decides about a task; together with it and its data this is its identity. */
typedef struct gn_prompting {
    int shots;             /* -1: the task's own */
    int64_t fewshot_seed;  /* 1234 unless the user says */
    bool chat;             /* --chat-template */
    bool one_turn;         /* shots in one user message (fewshot_as_multiturn: false) */
    gn_slice system;       /* "" for none */
    gn_slice template_sha; /* hex of the template's source when chat; goes into the task's sha */
    /* With chat: messages ({"role", "content"}) to text. A template that refuses the
     * system role fails with GN_INVALID or GN_UNSUPPORTED and is asked again without it. */
    bool (*render)(void *user, const gn_value *messages, bool add_generation_prompt, gn_str *out,
                   gn_error *e);
    void *user;
} gn_prompting;

/* Shots as they will be: the override unless the file fixes 0. */
int gn_task_shots(const gn_task *t, const gn_prompting *p);
/* Canonical JSON of the resolved task, shots, seed, template and data (task.json), and
 * its sha256 (task.sha). */
bool gn_task_identity(const gn_task *t, const gn_prompting *p, const char *dataset_sha,
                      gn_str *json, char sha[GN_SHA256_HEX], gn_error *e);

#endif
