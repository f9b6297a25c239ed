/* jobs.h - run --jobs: many prompts, packed into the same steps. */
#ifndef GN_APP_JOBS_H
#define GN_APP_JOBS_H

#include "app/cli/command.h"

/* One line of a file of jobs (gneiss-json(5)). */
typedef struct gn_line_job {
    gn_job job; /* its user is this line */
    gn_ids prompt;
    gn_str id;   /* as JSON */
    gn_str said; /* the first line of what is asked, for people; "" of ids */
    gn_slice *stop;
    gn_bias *bias;
    gn_arena arena;
    gn_error bad; /* code GN_OK, or what is wrong with the line */
} gn_line_job;

typedef struct gn_job_list {
    const gn_args *args; /* borrowed, as is the engine */
    gn_engine *engine;
    gn_sampling sampling; /* of the command line */
    gn_slice *stop;
    int n_stop;
    gn_line_job *line; /* [n] */
    int n;
    size_t capacity;
} gn_job_list;
/* path "-" is standard input; top: likeliest ids told with each token. False when the file
 * cannot be read; a bad line is no failure. Release always. */
bool gn_job_list_read(gn_job_list *l, const gn_args *a, gn_engine *g, const char *path, int top,
                      gn_error *e);
void gn_job_list_release(gn_job_list *l);

/* Returns an exit code: GN_EXIT_PARTLY when a line was bad or a job failed. */
int gn_jobs_run(const gn_args *a, gn_engine *g, const char *path, gn_error *e);

/* --stop, as often as it was given; *stop is malloc'ed, its texts borrowed from a. */
bool gn_stop_strings(const gn_args *a, gn_slice **stop, int *n, gn_error *e);
/* -n of flags and settings, where 0 means no limit: -1 then. */
int64_t gn_args_limit(const gn_args *a);

#endif
