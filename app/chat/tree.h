/* tree.h - a conversation's turns as rows of a drawn tree, oldest branch first.
 *
 *   S  system          A row goes deeper where a turn has several answers, and only
 *   1  you             there, so a long conversation stays at the left edge.
 *   |-2  model
 *   | 3  you
 *   | 4  model
 *   `-2' model
 */
#ifndef GN_APP_TREE_H
#define GN_APP_TREE_H

#include "app/chat/transcript.h"

typedef struct gn_tree_row {
    int64_t id;    /* of the turn */
    int number;    /* as the chat counts: messages from 1 on each way; 0: it stands in front */
    char lead;     /* what stands in front: S a system prompt, T tools, D a document */
    int sibling;   /* which of its parent's children, from 0 */
    int of;        /* and of how many */
    size_t prefix; /* where its graph begins in gn_tree.graph, NUL-terminated */
} gn_tree_row;

/* Zeroed it is empty. */
typedef struct gn_tree {
    gn_tree_row *row; /* [count] */
    size_t count, room;
    gn_str graph;
} gn_tree;

/* Replaces what t held. only >= 0: the way from the root to that turn alone. */
bool gn_tree_build(gn_tree *t, const gn_transcript *turns, int64_t only, gn_error *e);
void gn_tree_release(gn_tree *t);
const char *gn_tree_graph(const gn_tree *t, const gn_tree_row *r);
/* "S", "2", "2'" (the second answer), "2\"", "2'4" (the fourth): how a row is called. */
void gn_tree_label(const gn_tree_row *r, char out[16]);
/* Where a turn is; -1. */
ptrdiff_t gn_tree_find(const gn_tree *t, int64_t id);
/* "you", "model"; others as templates say it. */
const char *gn_tree_who(gn_role role);

#endif
