/* comparing.h - what the files of `gneiss compare` share. */
#ifndef GN_APP_COMPARING_H
#define GN_APP_COMPARING_H

#include "app/commands/evaluate.h"
#include "app/commands/jobs.h"

/* Two checkpoints, both open. */
typedef struct gn_two {
    gn_engine *a, *b;
} gn_two;
/* Opens the models of two paths. GN_UNSUPPORTED when their tokens differ. Close always. */
bool gn_two_open(const gn_args *args, const char *a, const char *b, gn_two *out, gn_error *e);
void gn_two_close(gn_two *two);
/* {"model","path","sha"} of one. */
bool gn_two_json(gn_str *out, gn_engine *g, gn_error *e);

/* Ask both what the list, of A's, holds, and tell what they answered. The exit code. */
int gn_compare_jobs(const gn_args *a, gn_two *two, gn_job_list *list, gn_error *e);

/* Each returns an exit code. */
int gn_compare_kl(const gn_args *a, const char *corpus, gn_error *e);
int gn_compare_generate(const gn_args *a, const char *prompts, gn_error *e);
int gn_compare_turn(const gn_args *a, const char *turn, gn_error *e);

#endif
