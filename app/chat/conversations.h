/* conversations.h - the conversations of a database: list, find by words, archive, remove.
 *
 * A conversation (a row of `session`) is the set of messages above its head, its branches
 * and the replies that were asked for in it. Messages are rows by hash, so conversations
 * that begin alike share them. What one conversation holds is history.h's.
 */
#ifndef GN_APP_CONVERSATIONS_H
#define GN_APP_CONVERSATIONS_H

#include "core/gneiss.h"

enum { GN_MATCH_BEGIN = 2, GN_MATCH_END = 3 }; /* bytes around what was found, in a snippet */

typedef struct gn_conversations_row {
    char id[27];
    gn_str name;  /* as it was given; "" if it was not */
    gn_str model; /* name of its checkpoint */
    char created_at[25], used_at[25];
    bool archived;
    bool has_head;
    uint8_t head[GN_SHA256_BYTES];
    /* Of a search: the newest message of it that holds the words. */
    gn_str snippet, role;
    uint8_t hit[GN_SHA256_BYTES];
    /* Of gn_conversations_fill(). */
    bool filled;
    gn_str title;          /* its name, else the first line of the first message that was written */
    int64_t turns, tokens; /* from the root to the head; turns without the system prompt */
    int64_t branches;      /* ways to end it */
} gn_conversations_row;

typedef struct gn_conversations_query {
    gn_slice words; /* as a person typed them; "" for all */
    bool archived;  /* archived ones, too */
    int64_t limit;  /* most rows; 0: all */
} gn_conversations_query;

/* Zeroed it is empty. */
typedef struct gn_conversations {
    gn_conversations_row *row; /* [count], the one used last first */
    size_t count, room;
    bool more; /* the limit cut it */
} gn_conversations;

/* Replaces what c held. GN_INVALID when words hold no word. */
bool gn_conversations_load(gn_conversations *c, gn_store *s, const gn_conversations_query *q,
                           gn_error *e);
void gn_conversations_release(gn_conversations *c);
/* Count what must be counted, of rows [first, first + n) as far as they are there: those shown. */
bool gn_conversations_fill(gn_conversations *c, size_t first, size_t n, gn_store *s, gn_error *e);

/* Typed words to a question for FTS5: each a term that must be there, "two words" one after
 * the other, wor* a beginning; nothing else means anything. False: there is no word in it. */
bool gn_conversations_words(gn_slice typed, gn_str *out);

/* Archived ones are kept, but left out of lists. GN_IO when there is none of that id. */
bool gn_conversations_archive(gn_store *s, const char *id, bool archived, gn_error *e);

/* Where an imported one came from; "" for others. Appended. */
bool gn_conversations_origin(gn_store *s, const char *id, gn_str *out, gn_error *e);

typedef struct gn_removed {
    int64_t messages, kept; /* rows deleted; rows that others share */
    gn_str states;          /* files that held what was deleted, a line each: to be deleted, too */
} gn_removed;
/* Deletes the conversation and the messages that are in no other, in one transaction.
 * Release out->states. */
bool gn_conversations_remove(gn_store *s, const char *id, gn_removed *out, gn_error *e);

#endif
