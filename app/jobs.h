/* jobs.h - run --jobs: many prompts, packed into the same steps. */
#ifndef GN_APP_JOBS_H
#define GN_APP_JOBS_H

#include "app/command.h"

/* Returns an exit code: GN_EXIT_PARTLY when a line was bad or a job failed. */
int gn_jobs_run(const gn_args *a, gn_engine *g, const char *path, gn_error *e);

/* --stop, as often as it was given; *stop is malloc'ed, its texts borrowed from a. */
bool gn_stop_strings(const gn_args *a, gn_slice **stop, int *n, gn_error *e);
/* -n of flags and settings, where 0 means no limit: -1 then. */
int64_t gn_args_limit(const gn_args *a);

#endif
