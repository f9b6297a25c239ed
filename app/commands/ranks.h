/* ranks.h - one evaluation over several processes that srun or mpirun started.
 *
 * Each takes its share of the documents into a database of its own beside the one named,
 * FILE.shard-I-of-N. The first then waits for the others, merges them all into FILE by key,
 * and tells the result. They speak with one another through those files alone.
 */
#ifndef GN_APP_RANKS_H
#define GN_APP_RANKS_H

#include "eval/eval.h"

typedef struct gn_ranks {
    int rank, size;       /* size 1: alone */
    const char *launcher; /* who said so; NULL: nobody */
} gn_ranks;

/* From the environment of Slurm's steps, Open MPI or MPICH. */
gn_ranks gn_ranks_here(void);

/* FILE of this rank: "evals.db.shard-2-of-4". */
void gn_ranks_file(gn_str *out, const char *file, int rank, int size);

/* What the first one waits for. */
typedef struct gn_ranks_wait {
    const char *file;        /* the database all go into */
    const char *whole;       /* key of the run that the shards are parts of */
    const char *began;       /* when this process did */
    gn_store *anew;          /* what was merged into it before does not count; NULL: all counts */
    int (*interrupts)(void); /* may be NULL */
    void (*note)(void *user, const char *text);
    void *user;
} gn_ranks_wait;

/* Wait until the part of `rank` is done. One that has stopped or died is GN_IO, after a
 * while in which it may come back; interrupted GN_CANCELLED. */
bool gn_ranks_await(const gn_ranks_wait *w, int rank, int size, gn_error *e);
/* All parts into the database. */
bool gn_ranks_merge(gn_store *to, const char *file, int size, gn_error *e);

#endif
