/* import.h - what lm-evaluation-harness wrote (results_*.json, samples_*.jsonl) as runs of the database. */
#ifndef GN_EVAL_IMPORT_H
#define GN_EVAL_IMPORT_H

#include "eval/results.h"

typedef struct gn_imported {
    int64_t runs, tasks, samples; /* that were not there before */
    int64_t known;                /* results files that had been imported already */
    gn_str notes;                 /* lines: what was left out, and why */
} gn_imported;

/* Every results file in the folder and those in it, each with its sample logs, in a transaction
 * of its own. Documents and answers are theirs, so `compare` pairs such a run with one of ours
 * wherever tasks of one name have the same documents. Release always. */
bool gn_import_lm_eval(gn_store *s, const char *folder, gn_imported *out, gn_error *e);
void gn_imported_release(gn_imported *m);

#endif
