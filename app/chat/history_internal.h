/* history_internal.h - what the files of the history share. */
#ifndef GN_APP_HISTORY_INTERNAL_H
#define GN_APP_HISTORY_INTERNAL_H

#include "app/chat/history.h"

/* The moment, as the schema writes it. */
#define GN_NOW "strftime('%Y-%m-%dT%H:%M:%fZ','now')"

struct gn_history {
    gn_store *store;
    gn_sql *sql;
    int locks;     /* the file of locks; -1: not opened yet */
    char *lock_at; /* its path */
};

/* A statement with its parameters: 't' slice*, 's' const char *, 'i' int64_t, 'h' 32 bytes or NULL.
 * NULL with e set. */
gn_statement *gn_history_query(gn_history *h, gn_error *e, const char *text, const char *types,
                               ...);
/* The same, and run: of a statement that returns nothing. */
bool gn_history_run(gn_history *h, gn_error *e, const char *text, const char *types, ...);
/* Text of a column into a field of so many bytes. */
void gn_history_copy(char *to, size_t size, gn_slice from);
/* options_json of a turn: how it was chosen, begun; limit and bias (malloc'ed) may be NULL. */
void gn_history_options(gn_slice json, gn_turn *turn, int64_t *limit, const gn_bias **bias,
                        int *n_bias);
gn_stop gn_history_stop(gn_slice name);
/* turn->fragment of all turns: is it the text of one? */
bool gn_history_mark_fragments(gn_history *h, gn_transcript *t, gn_error *e);

#endif
