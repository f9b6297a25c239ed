/* request.h - a document becomes what is asked of the model.
 *
 * An asker is a task with its data and the decisions of a run. It gives each document
 * its shots, drawn by Python's generator document by document from one seed: asked out of
 * order it draws for those in between, so a document's prompt depends on its
 * number alone.
 */
#ifndef GN_EVAL_REQUEST_H
#define GN_EVAL_REQUEST_H

#include "eval/dataset.h"

typedef enum gn_request_kind {
    GN_REQUEST_SCORE,    /* log p(continuation | context) */
    GN_REQUEST_ROLLING,  /* log p(continuation), in windows after the prefix token */
    GN_REQUEST_GENERATE, /* answer to context, `repeats` times */
} gn_request_kind;

typedef struct gn_asked {
    gn_request_kind kind;
    int64_t doc;           /* ix */
    int choice;            /* its place among the document's requests; of a choice, which one */
    bool alone;            /* acc_mutual_info: the choice without its context */
    gn_slice context;      /* what is read; "" for rolling. Of a generate request the prompt */
    gn_slice continuation; /* what is scored */
    const gn_generation *generation; /* of a generate request, the task's */
} gn_asked;

typedef struct gn_document {
    gn_arena arena; /* what the slices below point into */
    int64_t ix;
    const gn_value *doc;
    gn_str json;       /* in the order of its keys (doc.json) */
    uint8_t hash[32];  /* sha256 of it with its keys sorted */
    gn_asked *request; /* [n_request] */
    int n_request;

    gn_slice *choice; /* [n_choice], without delimiter; none unless there is doc_to_choice */
    int n_choice;
    int *gold; /* [n_gold] indices of right choices; one out of range is kept as it is */
    int n_gold;
    bool many;             /* gold is a list */
    const gn_value *marks; /* mc2: the list of 0 and 1 */
    gn_slice *gold_text;   /* generate: [n_gold_text] right answers, any of them */
    int n_gold_text;
    gn_slice target; /* doc.target: index, JSON array, gold text; data NULL for rolling */
    const gn_value *target_value; /* doc_to_target as it came out, for sample logs */
    int64_t words, bytes;         /* rolling: of the counted text */
    gn_slice cluster;             /* data NULL: none */
    gn_slice warning;             /* a gold that is no choice; "" */
} gn_document;

typedef struct gn_asker gn_asker;

/* Borrows all three. Looks at the first document to learn whether contexts are choices
 * and golds lists. NULL and e for a pool smaller than the shots. */
gn_asker *gn_asker_new(const gn_task *t, const gn_dataset *d, const gn_prompting *p, gn_error *e);
void gn_asker_free(gn_asker *a);
int64_t gn_asker_count(const gn_asker *a); /* documents */

/* Fill *out for document ix; release with gn_document_release(). An error names the document. */
bool gn_asker_ask(gn_asker *a, int64_t ix, gn_document *out, gn_error *e);
/* json and hash of it. */
bool gn_document_describe(gn_document *d, const gn_value *doc, gn_error *e);
void gn_document_release(gn_document *d);

/* Does an expression (--where) hold of document ix? */
bool gn_asker_where(const gn_asker *a, int64_t ix, const gn_template *where, bool *holds,
                    gn_error *e);

#endif
