/* eval_screen.h - an evaluation on the whole screen. */
#ifndef GN_APP_EVAL_SCREEN_H
#define GN_APP_EVAL_SCREEN_H

#include "app/commands/eval_models.h"

/* Are standard input and output a terminal that can be drawn on? why (may be NULL): what is
 * missing. */
bool gn_has_screen(const char **why);
/* Letters and lines beyond ASCII: as the flag or the locale says. */
bool gn_args_unicode(const gn_args *a);

/* gn_evaluate_models() on a thread, its run on the screen; what there is to say comes after. */
int gn_evaluate_on_screen(gn_evaluating *v, gn_error *e);
/* A run of any process, NULL for the newest, until the reader leaves. */
bool gn_watch_on_screen(const gn_args *a, const char *run, const char *baseline, gn_error *e);

#endif
