/* filter.h - from what a model said to its answer: the pipelines a task names. */
#ifndef GN_EVAL_FILTER_H
#define GN_EVAL_FILTER_H

#include "eval/request.h"

typedef enum gn_filter_kind {
    GN_FILTER_REGEX,
    GN_FILTER_CHOICE_REGEX, /* multi_choice_regex */
    GN_FILTER_TAKE_FIRST,
    GN_FILTER_TAKE_FIRST_K,
    GN_FILTER_MAJORITY,
    GN_FILTER_STRIP, /* remove_whitespace */
    GN_FILTER_LOWER,
    GN_FILTER_UPPER,
    GN_FILTER_MAP,
    GN_FILTERS
} gn_filter_kind;

typedef struct gn_filter {
    gn_filter_kind kind;
    gn_regex *regex;
    int select; /* group_select */
    gn_slice fallback;
    bool ignore_case, ignore_punctuation;
    gn_regex **ignore; /* [n_ignore], regexes_to_ignore */
    int n_ignore;
    int k;
    const gn_value *map;
    const gn_value *otherwise; /* default_value; NULL: null */
} gn_filter;

typedef struct gn_pipeline {
    gn_slice name;
    gn_filter *filter; /* [n_filter] */
    int n_filter;
} gn_pipeline;

/* An answer on its way: null (a map's default), or text. */
typedef struct gn_filtered {
    gn_slice text; /* data NULL: null */
    bool invalid;  /* a fallback was taken */
} gn_filtered;

/* Several answers (repeats) down a pipeline; *out [*n_out] in a. taken: one answer was taken
 * of them (take_first), so *n_out is 1 and it is no list. doc: for choices. */
bool gn_pipeline_run(const gn_pipeline *p, const gn_document *doc, const gn_slice *answer, int n,
                     gn_arena *a, gn_filtered **out, int *n_out, bool *taken, gn_error *e);

/* From a generated text: drop all up to the last think_end ("" for none) and what
 * space then leads, then cut at the first of each stop string, in order. A slice of text. */
gn_slice gn_answer_cut(gn_slice text, gn_slice think_end, const gn_slice *stop, int n_stop);

struct gn_reader;
/* task.c's: read the key filter_list. */
bool gn_pipelines_read(struct gn_reader *r);
void gn_pipelines_release(gn_task *t);

#endif
