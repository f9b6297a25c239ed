/* follow.h - a run as it grows in its database: read again, only what is new comes.
 *
 * For screens. What is told here has been committed; a run of this process and one of
 * another machine look the same.
 */
#ifndef GN_EVAL_FOLLOW_H
#define GN_EVAL_FOLLOW_H

#include "eval/results.h"

typedef struct gn_followed_sample {
    int64_t id, doc;
    int rep;
    bool failed, cached, truncated, empty, invalid;
    double value; /* of the task's first measure; NaN: none */
    double base;  /* the baseline's of this document; NaN: it has none */
    int64_t tokens;
    char stop[12]; /* of a generated answer; "" */
} gn_followed_sample;

typedef struct gn_followed_task {
    int64_t id;
    gn_slice name, metric, filter; /* of the first measure */
    bool generates, binary;
    gn_aggregation aggregation;
    int64_t planned, cached, failed, truncated, empty, invalid;
    gn_followed_sample *sample; /* [n] in the order they were done */
    size_t n, room;
    double *base; /* [n_base] by document; NaN: none */
    int64_t n_base;
    /* Sums over the first measure, and over its difference to the baseline. */
    double count, sum, square, weight, d_count, d_sum, d_square;
} gn_followed_task;

typedef struct gn_follow {
    gn_store *store;        /* borrowed */
    gn_run_row run;         /* as it was read last */
    gn_slice numerics;      /* of the run */
    gn_str baseline;        /* the baseline's model and id; "" */
    gn_followed_task *task; /* [n_task] in the order of the command */
    int n_task, current;    /* current: the one of the newest sample */
    int64_t newest;         /* id of the newest sample */
    int64_t done, planned;
    bool alive;
    gn_arena arena;
} gn_follow;

/* baseline: a run's id, GN_BLESSED, or NULL. Reads what there is. Release always. */
bool gn_follow_open(gn_follow *f, gn_store *s, const char *run, const char *baseline, gn_error *e);
/* Read what is new; *changed tells. */
bool gn_follow_more(gn_follow *f, bool *changed, gn_error *e);
void gn_follow_release(gn_follow *f);

/* The score so far and its standard error, the difference to the baseline and its; NaN: none. */
void gn_followed_value(const gn_followed_task *t, double *value, double *error);
void gn_followed_delta(const gn_followed_task *t, double *delta, double *error);
/* Right here and wrong there, or the other way round. */
bool gn_followed_flip(const gn_followed_task *t, const gn_followed_sample *s);

/* A sample in words: what was asked and said, what was made of it. full: all of the prompt
 * and every request; else for a narrow pane. */
bool gn_follow_tell(gn_store *s, int64_t sample, bool full, gn_str *out, gn_error *e);
/* Its answers' tokens as a table; "" when none were kept. */
bool gn_follow_tokens(gn_store *s, int64_t sample, gn_str *out, gn_error *e);
/* Its requests and answers as they lie in the database, JSON. */
bool gn_follow_json(gn_store *s, int64_t sample, gn_str *out, gn_error *e);

#endif
