/* judge.h - a program of the user's that says whether what a model wrote is right.
 *
 * It is started with the first question and kept: a line {"id":N,"program":TEXT} goes to its standard input,
 * a line {"id":N,"passed":true or false} must come back before the next one goes.
 */
#ifndef GN_APP_JUDGE_H
#define GN_APP_JUDGE_H

#include "eval/eval.h"

enum { GN_JUDGE_PATIENCE_S = 20 }; /* for one program */

typedef struct gn_judging gn_judging;

/* `sh -c command`, in a process group of its own, so that Ctrl-C does not end it. */
gn_judging *gn_judging_open(const char *command, gn_error *e);
void gn_judging_close(gn_judging *j); /* ends it; NULL is fine */
const gn_judge *gn_judging_judge(gn_judging *j);

#endif
