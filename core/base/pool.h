/* pool.h - threads that wait for one piece of work after another.
 *
 * The pool spins briefly between pieces and then sleeps, so that a step's few
 * hundred short operations cost no system call and an idle program no time.
 * Work is cut by the caller into `parts`; which thread takes which part is
 * not defined, so a result may not depend on it (architecture, Equal bits).
 */
#ifndef GN_BASE_POOL_H
#define GN_BASE_POOL_H

#include "core/base/error.h"

typedef struct gn_pool gn_pool;

/* threads >= 1 counts the caller's own. */
gn_pool *gn_pool_new(int threads, gn_error *e);
void gn_pool_free(gn_pool *p);
int gn_pool_threads(const gn_pool *p);

/* Run work(arg, part, thread) for every part in [0, parts), on all threads, the
 * caller's too; returns when all are done. thread in [0, threads) names who
 * does it, for scratch memory. */
void gn_pool_run(gn_pool *p, int parts, void (*work)(void *arg, int part, int thread), void *arg);

/* Processors this process may use (affinity and cgroup quota), at least 1. */
int gn_processors(void);

#endif
