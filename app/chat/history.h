/* history.h - conversations that are kept: sessions, messages and states in chats.db.
 *
 * A message's name is a hash over its parent's, its role and its token ids, so equal
 * beginnings are equal rows, whoever wrote them. A session is a head and branches in that
 * tree; nothing in it is ever overwritten. Every function that writes is one transaction:
 * it happened, or it did not. One writer a process: the thread of the screen.
 */
#ifndef GN_APP_HISTORY_H
#define GN_APP_HISTORY_H

#include "app/chat/transcript.h"

enum { GN_ULID = 27, GN_TIME = 25, GN_BRANCH_NAME = 64 }; /* bytes, each with its NUL */

typedef struct gn_history gn_history;

/* path NULL: chats.db in its folder. Errors as gn_store_open(). */
gn_history *gn_history_open(const char *path, bool read_only, gn_error *e);
void gn_history_close(gn_history *h); /* NULL is fine; gives back its locks */
gn_store *gn_history_store(gn_history *h);
gn_sql *gn_history_sql(gn_history *h);

/* ---- sessions ----------------------------------------------------------- */

typedef struct gn_session_info {
    char id[GN_ULID];
    gn_str name; /* "": none yet */
    int64_t checkpoint;
    gn_str model, path; /* of the checkpoint, as last seen */
    uint8_t head[GN_SHA256_BYTES];
    bool has_head, archived;
    char forked_from[GN_ULID]; /* "": from none */
    char created[GN_TIME], used[GN_TIME];
    int branches;
} gn_session_info;
void gn_session_info_release(gn_session_info *s);
/* GN_IO when there is no such session. Release out, whatever happens. */
bool gn_history_info(gn_history *h, const char *id, gn_session_info *out, gn_error *e);

/* What people call a session, to its id: a name, the beginning of an id, or -1 (used last), -2
 * ... of those not archived. GN_IO if there is none, GN_INVALID (and which) if it fits two. */
bool gn_history_find(gn_history *h, gn_slice what, char id[GN_ULID], gn_error *e);
bool gn_history_rename(gn_history *h, const char *id, gn_slice name, gn_error *e);
/* A session of its own that begins where `head` [32], a message of `from`, ends. */
bool gn_history_fork(gn_history *h, const char *from, const uint8_t *head, char id[GN_ULID],
                     gn_error *e);

/* A session of which nothing was written: its row goes, its messages are others'. */
void gn_history_forget(gn_history *h, const char *id);

/* Only one process writes to a session. False, without an error: another has it, and *pid is
 * its number (0 if the system does not say). A lock ends with gn_history_unlock(),
 * gn_history_close(), or the process, however that ends. */
bool gn_history_lock(gn_history *h, const char *id, long *pid, gn_error *e);
void gn_history_unlock(gn_history *h, const char *id);

/* ---- messages ----------------------------------------------------------- */

/* A session that is written to. Zeroed but for the rows of its checkpoint it is a new one. */
typedef struct gn_record {
    char id[GN_ULID]; /* "": it has no row yet; the first gn_history_keep() makes one */
    int64_t checkpoint, build;
    uint8_t tokenizer[GN_SHA256_BYTES]; /* its sha: what roots hang from */
    char branch[GN_BRANCH_NAME];        /* that was written to last */
} gn_record;

/* How a reply came to be, beyond what its turn says (how, made, ...). */
typedef struct gn_reply {
    int64_t limit; /* most tokens it might have had; 0: any number */
} gn_reply;

/* The hash of a message below parent [32] (of a root: the tokenizer's sha). */
bool gn_message_hash(const uint8_t *parent, gn_role role, const gn_ids *ids, gn_slice text,
                     uint8_t hash[GN_SHA256_BYTES], gn_error *e);

/* Store what is not yet stored of the path from the root to turn `id`, which becomes the head. A
 * turn that was stored before its tokens were known gets another row in place of that. The branch that ended on the path goes on to `id`; if none did,
 * a new one is made. reply: of the turn `id`; NULL for a message that a person wrote. On
 * success turns and r are filled in; on failure nothing changed. */
bool gn_history_keep(gn_history *h, gn_record *r, gn_transcript *t, int64_t id,
                     const gn_reply *reply, gn_error *e);
/* The head moves to a stored turn, or (-1) to before the first. */
bool gn_history_head(gn_history *h, const gn_record *r, const gn_transcript *t, int64_t id,
                     gn_error *e);
/* The token rows of a reply, appended to out, without places in the text (gn_tokens_place());
 * none if none were kept. */
bool gn_history_tokens(gn_history *h, const gn_turn *turn, gn_tokens *out, gn_error *e);
/* -1, 0 or 1 for a reply; GN_INVALID for what the model did not write here. */
bool gn_history_rate(gn_history *h, const gn_record *r, const gn_turn *turn, int rating,
                     gn_error *e);

/* The whole tree of a session into t (which was empty), with its head; r goes on with it.
 * r's tokenizer is left as it is: whoever writes says which it is. */
bool gn_history_load(gn_history *h, const char *id, gn_transcript *t, gn_record *r, gn_error *e);
/* The turn with this hash; -1. */
int64_t gn_history_turn(const gn_transcript *t, const uint8_t *hash);

/* ---- branches ----------------------------------------------------------- */

typedef struct gn_branch {
    char name[GN_BRANCH_NAME];
    uint8_t tip[GN_SHA256_BYTES];
} gn_branch;
/* By name; *out is malloc'ed. */
bool gn_history_branches(gn_history *h, const char *id, gn_branch **out, int *n, gn_error *e);
/* A branch that ends at a stored turn, and is written to from now on. GN_INVALID when the
 * session has one of that name. name "": one is made up. */
bool gn_history_branch(gn_history *h, gn_record *r, const gn_turn *tip, gn_slice name, gn_error *e);

/* ---- what was asked ------------------------------------------------------ */

/* Messages of people in all sessions that hold this text, the newest first, each text once;
 * "" fits all, and then a text may come twice. False from it ends. */
bool gn_history_asked(gn_history *h, gn_slice text, int limit,
                      bool (*it)(void *user, gn_slice content), void *user, gn_error *e);

/* ---- fragments ------------------------------------------------------------ */

/* A text by name, from where. The one that had the name before has none any more. */
bool gn_history_define(gn_history *h, gn_slice name, gn_slice source, gn_slice body, gn_error *e);
/* Appended to body; GN_INVALID when there is none of that name. */
bool gn_history_fragment(gn_history *h, gn_slice name, gn_str *body, gn_error *e);

/* ---- one reply, to draw it again ----------------------------------------- */

typedef struct gn_past_said {
    gn_ids ids;
    bool written; /* by the model: read as what is drawn is */
} gn_past_said;

typedef struct gn_past {
    char id[GN_ULID];
    uint8_t message[GN_SHA256_BYTES];
    int64_t response;
    gn_past_said *said; /* [n_said] from the root to the reply itself */
    size_t n_said;
    gn_sampling how; /* from its first token on; its bias is owned */
    gn_changes changes;
    int64_t limit, begun;
    gn_stop stop;
    gn_ids ids; /* what was drawn */
    gn_str model;
    char sha[GN_SHA256_HEX], numerics[64];
} gn_past;
/* A kept reply by (the beginning of) its id, or -1 for the newest, -2 ... GN_IO when there is
 * none. Release out, whatever happens. */
bool gn_history_past(gn_history *h, gn_slice turn, gn_past *out, gn_error *e);
void gn_past_release(gn_past *p);

/* ---- states on disk ----------------------------------------------------- */

typedef struct gn_state_row {
    uint8_t prefix[GN_SHA256_BYTES]; /* sha256 of all token ids */
    int64_t checkpoint, n_tokens, n_bytes;
    const char *numerics;
    const uint8_t *message; /* [32] of the turn it is the end of; NULL: none */
    const char *path;       /* below the state folder */
    const char *reason;     /* turn, pin, fragment, user */
    bool pinned;
} gn_state_row;
/* A file was written: it has a row, and is the one used last. */
bool gn_history_state(gn_history *h, const gn_state_row *row, gn_error *e);
bool gn_history_state_used(gn_history *h, const gn_state_row *row, gn_error *e);
bool gn_history_state_gone(gn_history *h, const gn_state_row *row, gn_error *e);
bool gn_history_state_pin(gn_history *h, const gn_state_row *row, bool pinned, gn_error *e);
/* Say of each turn of t, the tree of session id, whether its state is on disk: turn->on_disk,
 * held, pinned. folder: where the files are; a row whose file is gone is no state. checkpoint 0:
 * the session's; numerics NULL: any. */
bool gn_history_states(gn_history *h, const char *id, int64_t checkpoint, const char *numerics,
                       const char *folder, gn_transcript *t, gn_error *e);
/* Files of checkpoints of this database that have no row (who wrote them was killed before it was
 * told) get one, so that they count and can go. */
bool gn_history_states_adopt(gn_history *h, const char *folder, gn_error *e);
/* Delete files in folder, the one used longest ago first, until those of `budget` bytes are
 * left. Pinned ones stay. *freed: bytes. */
bool gn_history_states_trim(gn_history *h, const char *folder, size_t budget, size_t *freed,
                            gn_error *e);

#endif
