/* report.h - tables of stored runs, made from the database alone. */
#ifndef GN_EVAL_REPORT_H
#define GN_EVAL_REPORT_H

#include "eval/grid.h"
#include "eval/plot.h"
#include "eval/results.h"

/* Runs side by side, the oldest first. */
typedef struct gn_report {
    gn_run_row *run;     /* [n] */
    gn_results *results; /* [n] */
    int n, capacity;
} gn_report;

/* Add a run (its row is taken over) with its numbers. */
bool gn_report_add(gn_report *r, gn_store *s, gn_run_row *run, gn_pool *pool, gn_error *e);
void gn_report_release(gn_report *r);

/* Keep numbers of these tasks and groups (comma-separated) only; GN_INVALID for a name that no
 * run has. */
bool gn_report_only(gn_report *r, gn_slice tasks, gn_error *e);

/* In the order of their training where every run tells a step, else of their time. */
void gn_report_order(gn_report *r);

/* Which numbers; GN_BY_CHECKPOINT: all, a row a run and a column a number. */
typedef enum gn_report_by { GN_BY_ALL, GN_BY_TASK, GN_BY_GROUP, GN_BY_CHECKPOINT } gn_report_by;

/* Each is appended to out. Of one run a row a number; of several a row a task, a column a run. */
void gn_report_text(gn_str *out, const gn_report *r, gn_report_by by); /* for a terminal */
void gn_report_markdown(gn_str *out, const gn_report *r, gn_report_by by);
void gn_report_csv(gn_str *out, const gn_report *r);
void gn_report_json(gn_str *out, const gn_report *r);
void gn_report_tex(gn_str *out, const gn_report *r, gn_report_by by);

/* The table alone, and a line about one run, without its end. */
void gn_report_table(gn_str *out, const gn_report *r, gn_report_by by, gn_markup form);
void gn_report_facts(gn_str *out, const gn_report *r, int run);
void gn_report_run_name(gn_str *out, const gn_report *r, int run);
/* The run's number of the same task, metric and filter; NULL. */
const gn_number *gn_report_find(const gn_results *r, const gn_number *like);

/* Each number over the runs: a table with a plot in text below (of TeX and HTML: without, with
 * SVG). Of GN_BY_GROUP and GN_BY_TASK only such. */
void gn_report_history(gn_str *out, const gn_report *r, gn_report_by by, gn_markup form);
/* "history":[{"task","metric","filter","points":[{"step","run","model","value",...}]}...] */
void gn_report_history_json(gn_str *out, const gn_report *r);

/* One page without script: tables, and where there are several runs every number over them.
 * c [n]: comparisons of the others with a baseline; NULL: none. */
struct gn_comparison;
void gn_report_html(gn_str *out, const gn_report *r, gn_report_by by, const struct gn_comparison *c,
                    int n);

/* "0.4915 ± 0.0146", three significant digits of the error, as a person reads it. */
void gn_report_value(gn_str *out, double value, double error, bool ascii);

#endif
