/* transcript.h - a conversation: turns as a tree, the head, and which states to keep.
 *
 * A turn is what one side said. Its id never changes; its parent is the turn it
 * answers. Roots hold the system prompt (which may be empty). Nothing is ever
 * removed: undo moves the head, another answer is a sibling.
 */
#ifndef GN_APP_TRANSCRIPT_H
#define GN_APP_TRANSCRIPT_H

#include "app/chat/tokens.h"

typedef enum gn_role {
    GN_ROLE_SYSTEM,
    GN_ROLE_USER,
    GN_ROLE_MODEL,
    GN_ROLE_TOOL, /* what a tool answered, given by the user */
    /* Directly below the root, and no messages to the template but its variables: */
    GN_ROLE_TOOLS,    /* `tools` (lead.h) */
    GN_ROLE_DOCUMENT, /* one of `documents` */
} gn_role;
/* "system", "user", "assistant", "tool": as templates say it; "tools", "document". */
const char *gn_role_name(gn_role r);
/* Is it something the model answers? */
static inline bool gn_role_asks(gn_role r) { return r == GN_ROLE_USER || r == GN_ROLE_TOOL; }
/* Does it stand in front of the conversation, without a number? */
static inline bool gn_role_leads(gn_role r) {
    return r == GN_ROLE_SYSTEM || r == GN_ROLE_TOOLS || r == GN_ROLE_DOCUMENT;
}

/* Where the model's state at a turn's end is, nearest first. */
typedef enum gn_held { GN_HELD_NOT, GN_HELD_DISK, GN_HELD_MEMORY } gn_held;

/* How tokens were chosen where that changed in the middle of a reply: [0] from its first on. */
enum { GN_CHANGES = 8 };

typedef struct gn_changes {
    int n; /* 0: it did not; more than GN_CHANGES: too often to be known */
    struct {
        int64_t at; /* drawn tokens before it */
        gn_sampling how;
    } of[GN_CHANGES];
} gn_changes;

/* From here on chosen so. */
void gn_changes_add(gn_changes *c, int64_t at, const gn_sampling *how);

typedef struct gn_turn {
    int64_t id, parent; /* parent -1: a root; -2: nowhere, it was merged into its twin */
    int64_t twin;       /* then: which that is */
    gn_role role;
    gn_str text;
    bool complete; /* of a reply: no more is coming */
    gn_stop stop;
    int64_t reused, read, tokens;         /* tokens found and read; generated */
    int64_t begun;                        /* tokens the reply was begun with, not generated */
    double prompt_s, generate_s, first_s; /* first_s: from the question to the first token */
    gn_sampling how; /* of a reply: how its tokens were chosen (at last); its bias is borrowed */
    bool chosen;     /* how is known */
    gn_changes changes;
    bool recalled;  /* made was looked for in the database */
    gn_tokens made; /* of a reply: what it was made of; empty: not kept, or not known */
    int64_t likely; /* tokens it may have, while ids are not known; 0: nobody knows */
    gn_ids ids;     /* as the model read it; empty: not known yet */
    uint8_t hash[GN_SHA256_BYTES]; /* of its row in chats.db (history.h) */
    bool stored;                   /* it has that row */
    bool fragment;                 /* of the user's: a text with a state of its own */
    bool edited;                   /* of a reply: a person wrote it */
    bool imported;                 /* of an edited one: another program had it */
    gn_held held;
    bool on_disk; /* its state is (also) there */
    bool pinned;  /* its state is kept whatever the budget */
    int rating;   /* -1, 0, 1 */
} gn_turn;

typedef struct gn_transcript {
    gn_turn **turn; /* [count], by id */
    size_t count, room;
    size_t merged; /* turns that are nowhere */
    int64_t head;  /* the last turn of the branch in view; -1: none */
    gn_ids undone; /* heads left by undo, for redo */
} gn_transcript;

void gn_transcript_release(gn_transcript *t);
gn_turn *gn_transcript_turn(const gn_transcript *t, int64_t id); /* NULL for -1 */
/* The same, but what was merged is its twin. */
gn_turn *gn_transcript_placed(const gn_transcript *t, int64_t id);
/* The child of parent with this role and text, the oldest; NULL. */
gn_turn *gn_transcript_child(const gn_transcript *t, int64_t parent, gn_role role, gn_slice text);
/* A new turn below parent, and head. NULL when out of memory. */
gn_turn *gn_transcript_add(gn_transcript *t, int64_t parent, gn_role role, gn_slice text);
/* The same, but what was said there before is said again: then that is the head. */
gn_turn *gn_transcript_say(gn_transcript *t, int64_t parent, gn_role role, gn_slice text);
/* Ids from the root to `id`, appended to out. */
bool gn_transcript_path(const gn_transcript *t, int64_t id, gn_ids *out);
/* All token ids from the root to `id`, appended. */
bool gn_transcript_ids(const gn_transcript *t, int64_t id, gn_ids *out);
/* A reply of the same tokens and text to the same question, older than it. NULL: there is none. */
gn_turn *gn_transcript_twin(const gn_transcript *t, int64_t id);
/* Take a turn that has a twin, and no children, out of the tree; the head on it goes to the twin,
 * and how it came to be is how the twin did last, which is what the database tells another day. */
void gn_transcript_merge(gn_transcript *t, int64_t id, gn_turn *twin);
/* Of how many children of its parent this is which (from 0). */
int gn_transcript_sibling(const gn_transcript *t, int64_t id, int *of);
/* The sibling `by` to the right (or left), and then down its newest children; -1: none. */
int64_t gn_transcript_step(const gn_transcript *t, int64_t id, int by);
/* Below id, down the newest children. */
int64_t gn_transcript_leaf(const gn_transcript *t, int64_t id);
int gn_transcript_branches(const gn_transcript *t); /* leaves */

/* Head to before the last user's message; false: there is none. */
bool gn_transcript_undo(gn_transcript *t);
bool gn_transcript_redo(gn_transcript *t);
/* The branch in view below a new root with this system prompt. False when out of memory. */
bool gn_transcript_reroot(gn_transcript *t, gn_slice system);
/* The branch that ends at `tip`, below such a root, without the turns drop[i] of its path (the
 * root is never one of them). Its end is the head. */
bool gn_transcript_part(gn_transcript *t, int64_t tip, gn_slice system, const bool *drop);
/* The branch in view below a new root with one more thing in front: a document, or tools instead
 * of those it had (text "": none). False when out of memory, or there is no root. */
bool gn_transcript_lead(gn_transcript *t, gn_role role, gn_slice text);

/* What it takes to go on from the end of a turn: from where the nearest state is (GN_HELD_NOT:
 * there is none, all is read), and how many tokens are to be read after it. tokens is -1 when
 * that is not known. */
typedef struct gn_going {
    gn_held from;
    int64_t tokens;
} gn_going;
gn_going gn_transcript_cost(const gn_transcript *t, int64_t id);
/* "state in memory", "state on disk, 12 tokens to read", "212 tokens to read": appended. */
void gn_going_text(gn_going g, gn_str *out);

/* Turns whose states are worth keeping, the most useful first: the head, the start of the last
 * answer, those that are pinned, then ends of answers 1, 2, 4, 8, ... back, then what stands in
 * front, then where other branches end, the newest first. Appended to out. */
bool gn_transcript_keep(const gn_transcript *t, gn_ids *out);

/* Drop what old replies were made of, until all of it takes at most `budget` bytes; that
 * of the turn `but` stays. */
void gn_transcript_forget(gn_transcript *t, size_t budget, int64_t but);

#endif
