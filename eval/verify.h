/* verify.h - a stored run against lm-evaluation-harness's own logs, number by number. */
#ifndef GN_EVAL_VERIFY_H
#define GN_EVAL_VERIFY_H

#include "eval/results.h"

typedef struct gn_verified {
    gn_str text;    /* a line a log, then the first differences */
    gn_str json;    /* a line an object */
    int64_t differ; /* documents, metrics or files that differ */
} gn_verified;

/* Compare with one file: samples_TASK*.jsonl, or a results file. tolerance: of a
 * log-likelihood. Adds to out; false for a file that is no log. */
bool gn_verify_file(gn_store *s, const gn_run_row *run, const char *path, double tolerance,
                    gn_verified *out, gn_error *e);
/* Compare with another run of the same documents: prompts, log-likelihoods, tokens, texts. */
bool gn_verify_run(gn_store *s, const gn_run_row *run, const gn_run_row *other, double tolerance,
                   gn_verified *out, gn_error *e);
void gn_verified_release(gn_verified *v);

#endif
