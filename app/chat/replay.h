/* replay.h - run --replay TURN: does the model say again what it said in the chat? */
#ifndef GN_APP_REPLAY_H
#define GN_APP_REPLAY_H

#include "app/cli/command.h"

/* The turn of chats.db with that id (its beginning; -1: the newest, -2 ...) is read and drawn
 * again, token by token. An exit code: GN_EXIT_NO where a token differs. */
int gn_replay(const gn_args *a, gn_engine *g, const char *turn, gn_error *e);

#endif
