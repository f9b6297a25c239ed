/* cmd_sessions.h - the parts of `gneiss sessions`, one subcommand each. */
#ifndef GN_APP_CMD_SESSIONS_H
#define GN_APP_CMD_SESSIONS_H

#include "app/chat/history.h"
#include "app/cli/command.h"

/* chats.db, or --db FILE. NULL with e set. */
gn_history *gn_sessions_open(const gn_args *a, bool write, gn_error *e);
/* The session that argument i names. GN_INVALID when there is no such argument. */
bool gn_sessions_named(const gn_args *a, int i, gn_history *h, char id[GN_ULID], gn_error *e);
/* Where state files are: --state-dir, or its folder in the cache. */
bool gn_sessions_states(const gn_args *a, gn_str *out, gn_error *e);

int gn_sessions_list(const gn_args *a, gn_error *e);
int gn_sessions_show(const gn_args *a, gn_error *e);
int gn_sessions_import(const gn_args *a, gn_error *e);

#endif
