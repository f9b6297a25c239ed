/* import.h - conversations that were had elsewhere, into chats.db.
 *
 * A file is read into trees of turns, whoever wrote it; keeping one means to find the
 * tokens a checkpoint's template and tokenizer make of it, because tokens are what a
 * conversation is here. What gneiss exported itself brings its tokens along, and is rows.
 */
#ifndef GN_APP_IMPORT_H
#define GN_APP_IMPORT_H

#include "app/chat/history.h"

/* One conversation that was had elsewhere. Zeroed but for turns.head = -1 it is empty. */
typedef struct gn_had {
    gn_transcript turns;    /* head: where it stood */
    int64_t plain;          /* its root without a system prompt; -1: not made yet */
    char (*when)[GN_TIME];  /* [turns.count] UTC; "": not known */
    size_t room;            /* of when */
    gn_str id, name, model; /* as its program has them; may be "" */
    int left_out;           /* parts that are no text: pictures, sounds, thoughts */
    int moved;              /* system messages in the middle, which the user says here */
} gn_had;

typedef struct gn_hads {
    gn_had *item; /* [count] */
    size_t count, room;
    const char *from; /* "llm", "llama.cpp", "chat" */
} gn_hads;
void gn_hads_release(gn_hads *h);

/* Another, empty one; NULL when out of memory. */
gn_had *gn_hads_add(gn_hads *h, gn_error *e);
void gn_hads_drop(gn_hads *h); /* the last one */
/* A turn below parent; -1: at the beginning, where an empty system prompt is put before what
 * is none. when may be NULL. *id: the turn. The last one said is the head. */
bool gn_had_say(gn_had *h, int64_t parent, gn_role role, gn_slice text, const char *when,
                int64_t *id, gn_error *e);
/* The calls of tools in a reply, as templates write them: a JSON list, of OpenAI's or of plain
 * {name, arguments}. Appended to text. */
void gn_had_calls(const gn_value *list, gn_str *text);

/* ---- files ------------------------------------------------------------------ */

/* A logs.db of the program `llm`, old layout or new. */
bool gn_import_llm(const char *path, gn_hads *out, gn_error *e);

/* JSON or JSON Lines: {"messages": ...}, lists of messages, lists of conversations, what
 * llama.cpp's web interface exports. *own: it is an export of gneiss's, for
 * gn_import_rows(); nothing is in out then. */
bool gn_import_json(gn_slice text, gn_hads *out, bool *own, gn_error *e);

/* ---- into the database -------------------------------------------------------- */

typedef enum gn_kept {
    GN_KEPT_NEW,   /* a session of its own */
    GN_KEPT_MORE,  /* it was imported before, and has grown */
    GN_KEPT_KNOWN, /* it is there already */
} gn_kept;

typedef struct gn_importing {
    gn_history *to;
    gn_engine *engine;                         /* its tokenizer and template make the tokens */
    int64_t checkpoint;                        /* its row */
    bool again;                                /* what is there already, once more */
    int64_t messages, tokens, left_out, moved; /* sums of what was kept */
} gn_importing;
bool gn_import_keep(gn_importing *to, const char *from, gn_had *h, gn_kept *how, gn_error *e);

/* The rows of an export, into a session of its own (its old id, if that is free). */
bool gn_import_rows(gn_history *to, gn_slice json, bool again, char id[GN_ULID], gn_kept *how,
                    gn_error *e);

#endif
