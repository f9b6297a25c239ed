/* shell.h - a command of the user's, run by the shell; only ever one that was typed. */
#ifndef GN_APP_SHELL_H
#define GN_APP_SHELL_H

#include "core/gneiss.h"

/* Runs it to its end with the standard input and error there are. What it writes to its standard
 * output is appended to out, 16 MiB at most (past which GN_INVALID). *status: what it exited
 * with, 128 + the signal that ended it. */
bool gn_shell_run(const char *command, gn_str *out, int *status, gn_error *e);

#endif
