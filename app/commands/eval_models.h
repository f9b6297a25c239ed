/* eval_models.h - one `gneiss eval`: its models one after the other, into one database. */
#ifndef GN_APP_EVAL_MODELS_H
#define GN_APP_EVAL_MODELS_H

#include "app/cli/detach.h"
#include "app/commands/evaluate.h"
#include "app/commands/ranks.h"

struct gn_board;

/* The key of a model's run as a whole, which ranks merge into. */
typedef struct gn_evaluated {
    char whole[GN_SHA256_HEX];
} gn_evaluated;

typedef struct gn_evaluating {
    const gn_args *a;
    gn_eval_options o;
    const char **include;
    gn_store *store;
    gn_str file; /* of the database the result goes to */
    gn_teller teller;
    gn_str argv, again; /* the command, as JSON and for a shell */
    bool json, quiet;
    gn_ranks ranks;
    gn_detached *detached;  /* NULL: in the foreground */
    struct gn_board *board; /* the live screen's, which has the terminal; NULL */
    gn_str out, err;        /* what is said when the screen is gone */
    gn_evaluated *done;     /* [n_done] */
    size_t n_done, done_room;
    char began[25]; /* UTC */
} gn_evaluating;

/* Evaluate every model named. An exit code; GN_FAILED with e set. */
int gn_evaluate_models(gn_evaluating *v, gn_error *e);
/* Print on stdout, or keep it while the screen has the terminal. */
bool gn_evaluating_out(gn_evaluating *v, gn_slice text, gn_error *e);
/* A line on stderr, likewise; nothing with --quiet. */
void gn_evaluating_say(gn_evaluating *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
