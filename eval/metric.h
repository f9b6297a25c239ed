/* metric.h - answers to scores of a document, scores to one number with its error.
 *
 * Two steps, so that scores can lie in a database in between: gn_document_score() makes
 * rows, gn_aggregate() takes the rows of one measure back. A row's `extracted` and the
 * document's target are part of it, for measures of the whole (f1, mcc, bleu, chrf).
 */
#ifndef GN_EVAL_METRIC_H
#define GN_EVAL_METRIC_H

#include "eval/filter.h"

/* What came back for one request: of a score or rolling request the first three, of a
 * generate request its text, cut (gn_answer_cut), once a repeat. */
typedef struct gn_answer {
    double logprob;
    bool greedy;
    int64_t tokens; /* scored */
    gn_slice text;
} gn_answer;

/* pass_at_1: run a program; GN_CANCELLED and faults through e, its failing by *passed. */
typedef struct gn_judge {
    bool (*run)(void *user, gn_slice program, bool *passed, gn_error *e);
    void *user;
} gn_judge;

typedef struct gn_score_row {
    gn_slice metric, filter;
    double value;
    double weight;      /* 1, or words, bytes, tokens, instructions */
    gn_slice extracted; /* the filtered answer, or the chosen index as text; data NULL: none */
    bool invalid;       /* the filter found nothing */
    int measure;        /* index into the task's measures */
} gn_score_row;

/* All rows of a document, at most n_measure of them, in a. Without judge (NULL) pass_at_1
 * is an error that says so. answer: one a request; for generate one a repeat. */
bool gn_document_score(const gn_task *t, const gn_document *doc, const gn_answer *answer, int n,
                       const gn_judge *judge, gn_arena *a, gn_score_row **row, int *n_row,
                       gn_error *e);

/* A row read back. */
typedef struct gn_item {
    double value, weight;
    gn_slice extracted, target;
} gn_item;

typedef struct gn_estimate {
    double value;
    double error; /* standard error; NaN: none */
    int64_t n;
    const char *method; /* how the error was found: "mean", "bootstrap", "delta", "none" */
} gn_estimate;

/* Items in the order of documents. pool (NULL: one thread) shares the bootstrap out; the
 * result does not depend on it. errors: with false no standard error is computed.
 * GN_INVALID for items that cannot be aggregated so. n = 0: value NaN. */
bool gn_aggregate(gn_aggregation a, const gn_item *item, int64_t n, gn_pool *pool, bool errors,
                  gn_estimate *out, gn_error *e);

/* A group's score from those of its leaf tasks [n]. */
gn_estimate gn_aggregate_group(const gn_estimate *leaf, int n, bool by_size);

struct gn_reader;
/* task.c's: read the key metric_list (without it the kind's own) and make the measures. */
bool gn_metrics_read(struct gn_reader *r);
void gn_metrics_release(gn_task *t);

#endif
