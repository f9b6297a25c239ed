/* run.h - one evaluation of one checkpoint, from the first document to the last row.
 *
 * Documents go through the model in bundles; what has its answers is scored and written, one
 * transaction for those of a quarter of a second, and only then told. So a run may die at any
 * moment: what was told is there, and the same command goes on after it.
 */
#ifndef GN_EVAL_RUN_H
#define GN_EVAL_RUN_H

#include "eval/results.h"
#include "eval/suite.h"

typedef struct gn_eval_work_stats {
    int64_t asked, read, written; /* tokens of all requests; read; generated */
    double read_s, write_s;
} gn_eval_work_stats;

typedef struct gn_eval_start {
    const char *run, *model, *sha, *numerics, *device, *db;
    const gn_suite *suite;
    const char *baseline; /* NULL: none */
    int64_t n, done;      /* samples planned; there from before */
    bool resumed, took_over;
} gn_eval_start;

typedef struct gn_eval_progress {
    const char *run;
    gn_slice task;
    int64_t done, n, cached, errors; /* samples of the task */
    int64_t all_done, all;           /* of the run */
    int64_t truncated, empty, invalid;
    gn_slice metric;
    double value, error;       /* of the task's first measure so far; NaN: unknown */
    double delta, delta_error; /* against the baseline, of the documents both have; NaN */
    double read_tps, write_tps;
    double left_s; /* NaN: unknown */
    bool paused;
} gn_eval_progress;

/* More of an answer that is being written. */
typedef struct gn_eval_text {
    int64_t task, doc; /* the task's row, the document's number */
    int rep;
    gn_slice name, prompt, text; /* text: what is new */
} gn_eval_text;

typedef struct gn_eval_hooks {
    int (*interrupts)(void *user); /* 0; 1: finish what is begun; 2: drop it */
    /* The following may be NULL. */
    bool (*paused)(void *user); /* beside what the database says */
    void (*text)(void *user, const gn_eval_text *t);
    bool (*skip)(void *user, const gn_eval_text *t); /* give this answer up; asked at each token */
    /* A sample of the task that is to be asked anew, without the cache; false: none. */
    bool (*anew)(void *user, int64_t task, int64_t *doc, int *rep);
    void (*started)(void *user, const gn_eval_start *s);
    void (*sample)(void *user, int64_t task, int64_t doc, int rep); /* committed; may be NULL */
    void (*progress)(void *user, const gn_eval_progress *p);        /* after each commit */
    void (*note)(void *user, const char *text);                     /* something worth a line */
    void *user;
} gn_eval_hooks;

typedef enum gn_eval_end {
    GN_EVAL_DONE,    /* all samples are there */
    GN_EVAL_STORED,  /* they were before */
    GN_EVAL_STOPPED, /* by an interrupt or `eval stop` */
    GN_EVAL_BUSY,    /* another process is at it */
} gn_eval_end;

typedef struct gn_eval_outcome {
    char run[27];
    gn_eval_end end;
    int64_t pid; /* of the process at work, when busy */
    gn_eval_work_stats stats;
    double seconds;
    int64_t done, n;
} gn_eval_outcome;

/* baseline: a run's id for the progress' delta, GN_BLESSED, or NULL. out is filled in also on failure, as far
 * as the run came. A failure leaves the run stopped, to be gone on with. */
bool gn_eval_run(gn_store *store, gn_suite *suite, const char *baseline, const gn_eval_hooks *h,
                 gn_eval_outcome *out, gn_error *e);

#endif
