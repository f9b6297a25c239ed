/* report.h - tables of stored runs, made from the database alone. */
#ifndef GN_EVAL_REPORT_H
#define GN_EVAL_REPORT_H

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

typedef enum gn_report_by { GN_BY_ALL, GN_BY_TASK, GN_BY_GROUP } gn_report_by;

/* Each is appended to out. Of one run a row a number; of several a row a task, a column a run. */
void gn_report_text(gn_str *out, const gn_report *r, gn_report_by by); /* for a terminal */
void gn_report_markdown(gn_str *out, const gn_report *r, gn_report_by by);
void gn_report_csv(gn_str *out, const gn_report *r);
void gn_report_json(gn_str *out, const gn_report *r);
void gn_report_tex(gn_str *out, const gn_report *r, gn_report_by by);

/* "0.4915 ± 0.0146", three significant digits of the error, as a person reads it. */
void gn_report_value(gn_str *out, double value, double error, bool ascii);

#endif
