/* sessions.h - the sessions view's own parts: what it knows (view_sessions.c), how it looks
 * (sessions_draw.c). */
#ifndef GN_TUI_SESSIONS_H
#define GN_TUI_SESSIONS_H

#include "app/chat/conversations.h"
#include "app/chat/tree.h"
#include "app/tui/view.h"

typedef enum gn_pane { GN_PANE_LIST, GN_PANE_TREE } gn_pane;

/* A list of which some rows are seen. */
typedef struct gn_cursor {
    size_t at, top;
    int height; /* rows, when it was drawn last */
} gn_cursor;

typedef struct gn_sessions {
    gn_sessions_host host;
    gn_pane pane;
    bool maximised;

    /* Left: stored conversations, and before them the one in the chat if it is not stored. */
    gn_conversations list;
    gn_str words;  /* they hold these; "": all */
    bool archived; /* those that were put away, too */
    bool own;      /* row 0 is the chat's conversation */
    gn_cursor row;

    /* Right: the tree of the row the cursor is on. */
    const gn_transcript *turns; /* the chat's, or: */
    gn_transcript other;
    char shown[GN_ULID]; /* whose tree it is; "": of no stored one */
    bool current;        /* it is the chat's conversation */
    bool imported;
    gn_tree tree;
    size_t made_of; /* turns there were when the tree was made, and turns that were merged */
    gn_cursor node;
    int64_t mark[2]; /* turns marked with Space; -1: none */
    gn_str pattern;  /* looked for in it */
    bool backwards;
} gn_sessions;

/* Rows of the left pane. */
size_t gn_sessions_count(const gn_sessions *v);
/* The stored conversation of row i; NULL: it is the chat's own, not stored. */
gn_conversations_row *gn_sessions_row(const gn_sessions *v, size_t i);
/* The turn under the cursor; NULL. */
const gn_turn *gn_sessions_turn(const gn_sessions *v);

void gn_sessions_draw(void *self, gn_tui *t);

#endif
