/* dataset.h - the documents of a task: JSON Lines or JSON, read once, in order.
 *
 * Columns are those of the whole split, as a table would have them: a key that a
 * document lacks is null, a column of integers and fractions is all fractions, one of
 * ISO times prints as times.
 */
#ifndef GN_EVAL_DATASET_H
#define GN_EVAL_DATASET_H

#include "eval/task.h"

typedef struct gn_split {
    gn_slice name;
    gn_value **doc; /* [count] maps, every column in each */
    int64_t count;
    gn_value *column;        /* a map whose keys are the columns */
    char sha[GN_SHA256_HEX]; /* of the files' bytes, one after another */
    gn_str path;             /* the files, separated by ", " */
    gn_arena arena;
} gn_split;

typedef struct gn_dataset {
    gn_split eval;        /* evaluated */
    gn_split own_pool;    /* of the shots, when it is not eval */
    const gn_split *pool; /* eval, own_pool, or NULL when no shots are asked for */
    char sha[GN_SHA256_HEX];
} gn_dataset;

/* data: --data, or NULL for the user's data folder. The error of a file that is not
 * there says where it was looked for and which command makes it; of another sha256 than
 * the task's both. Release with gn_dataset_release(). */
bool gn_dataset_open(gn_dataset *d, const gn_task *t, const gn_prompting *p, const char *data,
                     gn_error *e);
void gn_dataset_release(gn_dataset *d);

/* One file's objects: a line each (.jsonl), or .json: an array, objects one after
 * another, or with field (NULL: none) the array under that key. Appended to list. */
bool gn_documents_parse(gn_arena *a, gn_slice text, bool lines, const char *field, gn_value *list,
                        gn_error *e);
/* Make documents rows of one table, in place (see above); returns the columns. */
gn_value *gn_documents_unify(gn_arena *a, gn_value *list, gn_error *e);

/* Python's json.dumps(doc, indent=2, ensure_ascii=False): lm-evaluation-harness hashes it. */
void gn_document_dump(gn_str *out, const gn_value *doc);

#endif
