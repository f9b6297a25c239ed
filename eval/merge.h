/* merge.h - the rows of one database into another, by key; and the runs of shards into one. */
#ifndef GN_EVAL_MERGE_H
#define GN_EVAL_MERGE_H

#include "eval/results.h"

typedef struct gn_merged {
    int64_t runs, samples; /* that were not there before */
} gn_merged;

/* All evaluations of `from`, in one transaction; what is there already stays. A run that is a
 * shard goes into the run of the whole command, which is done when all its parts are. */
bool gn_merge(gn_store *to, gn_store *from, gn_merged *out, gn_error *e);

/* Was the run of a shard merged into a run of the whole command with this key? */
bool gn_merge_has(gn_store *to, const char *key, const char *part, bool *has, gn_error *e);

/* Delete what no run needs: given up runs, answers, texts, tasks; then shrink the file. */
typedef struct gn_swept {
    int64_t runs, responses, texts;
} gn_swept;
bool gn_sweep(gn_store *s, gn_swept *out, gn_error *e);

#endif
