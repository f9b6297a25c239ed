/* compare.h - two runs, document by document.
 *
 * Two checkpoints that answer the same documents are compared by the differences of each
 * document, which vary far less than the scores: a paired standard error sees what two
 * separate ones do not. Documents are the same when task, number and contents are.
 */
#ifndef GN_EVAL_COMPARE_H
#define GN_EVAL_COMPARE_H

#include "eval/results.h"

/* One number of a task, on both sides. */
typedef struct gn_pairing {
    gn_slice task, metric, filter;
    int64_t n, clusters; /* documents both have; clusters: 0 when there are none */
    double a, b;         /* of those documents */
    double diff, error;  /* b - a; of perplexities of mean log-likelihoods; NaN: none */
    double lo, hi;
    double p, p_holm;
    const char *test;           /* "mcnemar", "signflip", "none" */
    int64_t wins, losses, ties; /* documents on which b is better, worse, equal */
    double smallest;            /* the smallest effect that this many documents can show */
    bool higher;                /* is better */
    bool share;                 /* a number from 0 to 1, told in percentage points */
    bool likelihood;            /* diff is of log-likelihoods */
    int64_t flips;              /* of the task */
} gn_pairing;

/* A document that one has right and the other wrong. */
typedef struct gn_flip {
    gn_slice task;
    int64_t doc;
    double a, b;
    gn_slice a_said, b_said, gold; /* data NULL: null */
    gn_slice a_text, b_text;       /* the generated answers; data NULL where nothing is */
} gn_flip;

/* How a side answered, over all tasks. */
typedef struct gn_side {
    gn_run_row run;
    int64_t n, planned, truncated, empty, invalid, errors;
    double length; /* mean tokens of generated answers; NaN: none */
} gn_side;

typedef struct gn_comparison {
    gn_side a, b;
    gn_pairing *pairing; /* [n] */
    int n;
    gn_flip *flip; /* [n_flip], by task and document */
    size_t n_flip, flip_room;
    int64_t unlike; /* documents of the same number but other contents, left out */
    gn_arena arena;
} gn_comparison;

/* Takes both rows over. tasks: comma-separated names, "" for all they have in common; none in
 * common is GN_INVALID. pool may be NULL. Release always. */
bool gn_compare_runs(gn_store *s, gn_run_row *a, gn_run_row *b, gn_slice tasks, gn_pool *pool,
                     gn_comparison *out, gn_error *e);
void gn_comparison_release(gn_comparison *c);

/* Do all conditions of a rule ("regress>1pp,p<.05,flips>10") hold for some line? *which: that
 * line, or -1. GN_INVALID for what is no rule. regress is by how much b is worse: pp of numbers
 * from 0 to 1, % of a's value; p is Holm's. */
bool gn_compare_rule(const gn_comparison *c, const char *rule, int *which, gn_error *e);

/* Several comparisons [n] with one baseline, a of all: Holm over all their lines, and in the
 * order of training where every b tells its step. */
bool gn_comparisons_join(gn_comparison *c, int n, gn_error *e);

/* Of one an object with a and b; of several with a and "against", a list of the rest. */
void gn_comparisons_json(gn_str *out, const gn_comparison *c, int n);
void gn_comparison_text(gn_str *out, const gn_comparison *c, bool flips);
/* A table a number: the baseline, and each of the others against it; below, the differences
 * over training steps, or over the checkpoints as they come. */
void gn_comparisons_text(gn_str *out, const gn_comparison *c, int n);
/* The same as headings, tables and SVG. */
void gn_comparisons_html(gn_str *out, const gn_comparison *c, int n);

/* A cell of a table: "-0.91 +- 0.43 pp", a p-value, a value. */
void gn_pairing_difference(gn_str *out, const gn_pairing *l);
void gn_pairing_p(gn_str *out, double p);
void gn_pairing_value(gn_str *out, double v);

#endif
