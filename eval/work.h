/* work.h - documents on their way through the model: what is wanted of it, and what came back.
 * Internal to the files that run an evaluation.
 *
 * Every answer wanted has a key (store: 4.3). What the database has under it is taken from
 * there; what two documents of a bundle want alike is asked once.
 */
#ifndef GN_EVAL_WORK_H
#define GN_EVAL_WORK_H

#include "eval/run.h"

/* One answer wanted of the model. */
typedef struct gn_want {
    const gn_asked *request;
    uint64_t seed;         /* generate, sampling */
    gn_ids context, token; /* as the model reads them; rolling: token is the prefix and the text */
    uint8_t key[32], hash[32];
    bool boundary, truncated;
    struct gn_want *twin; /* asks the same and is asked instead */

    bool there, cached, failed;
    int64_t response; /* of a cached one */
    double logprob;
    bool greedy;
    int64_t n_out, n_reused;
    int64_t left; /* requests to the engine not answered yet */
    double prompt_ms, gen_ms;
    gn_str output;
    const char *stop;
    gn_ids said; /* tokens with scores, when rows of them are kept */
    gn_logprob *score;
    gn_top *top;
    size_t score_room, top_room;
} gn_want;

/* One document, once. */
typedef struct gn_work {
    const gn_suite_task *task;
    gn_document doc;
    int rep;
    gn_want *want; /* [n_want], a request's repeats next to one another */
    int n_want, repeats;
    gn_str error; /* why it has no scores; "" */
} gn_work;

/* Ask a document: *w is filled in, with keys and what is cached. fresh: look for nothing. What is
 * wrong with the document goes into w->error; false only for faults of the program's
 * surroundings. Release with gn_work_release(), also then. */
bool gn_work_make(gn_work *w, gn_suite *s, const gn_suite_task *task, int64_t ix, int rep,
                  gn_store *store, bool fresh, gn_error *e);
void gn_work_release(gn_work *w);
bool gn_work_complete(const gn_work *w); /* every answer is there, or it failed */

/* A bundle goes through the model together. */
typedef struct gn_bundle {
    gn_work **work; /* [n] */
    size_t n, capacity;
    int64_t tokens; /* the model is to read, of requests not cached */
} gn_bundle;

typedef struct gn_bundle_hooks {
    bool (*go_on)(void *user); /* between steps; false: stop */
    bool (*begin)(void *user); /* before an answer is begun; false: none any more */
    bool (*complete)(void *user, gn_work *w, gn_error *e); /* all its answers are there */
    /* More text of an answer, for whoever watches; false: give it up. May be NULL. */
    bool (*text)(void *user, const gn_work *w, const gn_want *want, gn_slice text);
    void *user;
} gn_bundle_hooks;

/* Answer what is not cached. complete() is called once for each work that becomes so, also for
 * those that were from the start. Stopped by a hook: true, with works left incomplete. */
bool gn_bundle_run(gn_bundle *b, gn_suite *s, const gn_bundle_hooks *h, gn_eval_work_stats *stats,
                   gn_error *e);

#endif
