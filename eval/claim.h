/* claim.h - the row of a run: which run a command is, whose it is, its heartbeat. Internal. */
#ifndef GN_EVAL_CLAIM_H
#define GN_EVAL_CLAIM_H

#include "eval/run.h"

typedef struct gn_claim {
    gn_store *store;
    gn_suite *suite;
    char run[27], boot[48];
    gn_eval_end end; /* why nothing is to be done, unless claimed */
    int64_t pid;     /* of who is at work, when busy */
    int64_t checkpoint, build;
    bool claimed, fresh;
    bool stop_asked, paused; /* what others ask of it, as of the last heartbeat */
} gn_claim;

/* Which run this command is: a new one, one to go on with, one that is done, one that is at work
 * elsewhere; in one transaction. */
bool gn_claim_begin(gn_claim *c, gn_eval_start *start, gn_error *e);
/* Write the heartbeat and read what others ask. A run that is no longer ours fails. */
bool gn_claim_beat(gn_claim *c, gn_error *e);
bool gn_claim_status(gn_claim *c, const char *status, gn_error *e);

#endif
