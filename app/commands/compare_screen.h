/* compare_screen.h - a comparison on the whole screen. */
#ifndef GN_APP_COMPARE_SCREEN_H
#define GN_APP_COMPARE_SCREEN_H

#include "app/commands/comparing.h"
#include "app/tui/view.h"

/* Is it wanted: a terminal to draw on, and nothing asked for that is read by a program? */
bool gn_compare_wants_screen(const gn_args *a);
/* Until the reader leaves. */
bool gn_compare_on_screen(const gn_args *a, const gn_compare_screen *o, gn_error *e);
/* The flips of two runs, with their checkpoints at hand where they still are. */
bool gn_compare_runs_on_screen(const gn_args *a, gn_store *s, const gn_comparison *c, gn_error *e);

#endif
