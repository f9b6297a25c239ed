/* tune_eval.h - what a model is worth while it is trained: gneiss tune --eval. */
#ifndef GN_APP_TUNE_EVAL_H
#define GN_APP_TUNE_EVAL_H

#include "app/cli/command.h"

/* Evaluate the model in the folder on the tasks of --eval, into the database. out: a JSON
 * object, {"step","run","tasks":[as in gneiss-json(5)]}; "" when it was interrupted. line: for
 * people. Both are appended. */
bool gn_tune_evaluate(const gn_args *a, const char *folder, int64_t step, gn_str *out, gn_str *line,
                      gn_error *e);
/* Are the tasks there? Before anything is trained. */
bool gn_tune_check_tasks(const gn_args *a, gn_error *e);

#endif
