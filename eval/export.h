/* export.h - a run in the layout of lm-evaluation-harness: its results file and sample logs. */
#ifndef GN_EVAL_EXPORT_H
#define GN_EVAL_EXPORT_H

#include "eval/results.h"

/* Where lines go; false, with e set, stops. */
typedef bool (*gn_export_line)(void *user, gn_slice line, gn_error *e);

/* A line a document and filter of one task, as lm-evaluation-harness logs samples, without
 * line ends: documents that failed are left out, of several repeats the first is told. named:
 * with "task". hash, which may be NULL, becomes what lm-eval calls the task's hash. */
bool gn_export_samples(gn_store *s, const gn_run_row *run, const gn_tally *t, bool named,
                       gn_export_line line, void *user, char hash[GN_SHA256_HEX], gn_error *e);

/* folder/MODEL/results_TIME.json and samples_TASK_TIME.jsonl, TIME being the run's start; each
 * file appears whole. The results file's path is appended to path. */
bool gn_export_run(gn_store *s, const gn_run_row *run, const gn_results *r, const char *folder,
                   gn_str *path, gn_error *e);

#endif
