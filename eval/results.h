/* results.h - rows of runs, tasks, documents, samples, scores and metrics.
 *
 * What a sample is made of is written in one transaction by whoever runs the
 * evaluation: gn_sql_begin(), the functions below, gn_sql_commit(). Metrics are only a
 * cache of what the scores say; gn_results_measure() makes them anew from the rows.
 */
#ifndef GN_EVAL_RESULTS_H
#define GN_EVAL_RESULTS_H

#include "eval/metric.h"

/* ---- runs ----------------------------------------------------------------------- */

typedef struct gn_run_row {
    char id[27];
    char status[8]; /* running, done, stopped, failed */
    int64_t checkpoint, build;
    char started_at[25], ended_at[25], heartbeat_at[25], boot_id[48];
    int64_t pid;
    gn_str name;    /* "" for none */
    gn_str model;   /* the checkpoint's name */
    gn_str path;    /* where the checkpoint was last seen */
    gn_str sha;     /* of the checkpoint */
    gn_str options; /* JSON */
    gn_str argv;    /* JSON */
    gn_str resume_key;
    bool blessed;
    int64_t step; /* of its training, as the checkpoint says it (training.json, step-N); -1 */
} gn_run_row;
void gn_run_row_release(gn_run_row *r);

/* A RUN as people name it: the beginning of its id, its name, "-1" for the last, "-2" the
 * one before, "last". GN_INVALID when there is none, or for a beginning that fits two,
 * which are listed. */
bool gn_run_find(gn_store *s, const char *name, gn_run_row *out, gn_error *e);
/* The newest run with this key; *found tells. */
bool gn_run_by_key(gn_store *s, const char *key, gn_run_row *out, bool *found, gn_error *e);
/* The newest done run of a checkpoint (0: any) that holds the task ("": any). blessed: only such. */
bool gn_run_newest(gn_store *s, int64_t checkpoint, gn_slice task, bool blessed, gn_run_row *out,
                   bool *found, gn_error *e);
/* A baseline is a run's id, or this: of each task the newest run that was blessed. */
#define GN_BLESSED "*"
/* The run that a task has for its baseline; id "" for none. */
bool gn_run_baseline(gn_store *s, const char *baseline, gn_slice task, char id[27], gn_error *e);

/* Is somebody at work on it: a fresh heartbeat, and, of this boot, a process that lives? */
bool gn_run_alive(const gn_run_row *r);
/* The id of this boot of the machine, "" where the system has none. */
void gn_boot_id(char out[48]);

/* ---- tasks, documents, answers ------------------------------------------------------ */

int64_t gn_results_task(gn_store *s, const gn_task *t, int shots, const char *sha, gn_slice json,
                        const char *dataset_sha, int64_t n_docs, gn_error *e);
/* The task once more, from its row's JSON; what it is made of lives in a. gn_task_free(). */
gn_task *gn_results_task_again(gn_arena *a, gn_slice json, gn_error *e);
bool gn_results_doc(gn_store *s, int64_t task, const gn_document *d, gn_error *e);

/* A response that is there already. */
typedef struct gn_known {
    int64_t id;
    double logprob;
    bool greedy, truncated;
    int64_t n_out;
    gn_str output;
    bool tokens, alternatives; /* rows of `token`, and with alts */
} gn_known;
bool gn_results_find(gn_store *s, const uint8_t key[32], gn_known *out, bool *found, gn_error *e);

/* One answer to be stored; of generation the tokens always, of scores when asked for. */
typedef struct gn_stored_answer {
    gn_response row;
    const int32_t *id; /* [n] its tokens; NULL: no rows of them */
    const gn_logprob *score;
    const gn_top *top; /* [n, k] */
    int n, k;
} gn_stored_answer;
/* Store it and return its id; where the key is there already, the row that has it (made
 * complete with tokens it lacks). fresh: the key goes over to a new row. 0 on failure. */
int64_t gn_results_said(gn_store *s, const gn_stored_answer *said, bool fresh, gn_error *e);

/* A sample and what belongs to it: response[i] is answer i. */
typedef struct gn_sample {
    const char *run;
    int64_t task, doc;
    int rep;
    const int64_t *response; /* [n] */
    const bool *cached;      /* [n] */
    int n;
    const gn_score_row *row; /* [n_row] */
    int n_row;
    const char *error; /* NULL: done */
} gn_sample;
bool gn_results_sample(gn_store *s, const gn_sample *sample, gn_error *e);

/* ---- metrics -------------------------------------------------------------------------- */

typedef struct gn_number {
    gn_slice task, metric, filter;
    bool group;
    double value, error, lo, hi; /* NaN: none */
    int64_t n;                   /* documents */
    int64_t failed;              /* samples without scores */
    bool higher, binary;
    gn_aggregation aggregation;
    const char *method;
} gn_number;

/* What a run has of one task. */
typedef struct gn_tally {
    int64_t id; /* of the task; 0: a group */
    gn_slice name, alias, version, kind;
    int shots;
    int64_t planned, done, cached, truncated, empty, invalid, errors;
    gn_number *number; /* [n_number] */
    int n_number;
} gn_tally;

typedef struct gn_results {
    gn_tally *tally; /* [n_tally] tasks, then groups */
    int n_tally, n_task;
    int64_t planned, done, errors;
    gn_arena arena;
} gn_results;

/* Everything a run says, from its scores. pool may be NULL; errors: standard errors and
 * intervals too. Release always. */
bool gn_results_measure(gn_store *s, const gn_run_row *run, gn_pool *pool, bool errors,
                        gn_results *out, gn_error *e);
void gn_results_release(gn_results *r);
/* Keep them as rows of `metric`. */
bool gn_results_keep(gn_store *s, const char *run, const gn_results *r, gn_error *e);

/* "tasks":[...] of gneiss-json(5), appended. */
void gn_results_json(gn_str *out, const gn_results *r);

#endif
