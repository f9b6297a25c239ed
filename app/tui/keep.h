/* keep.h - a conversation on the screen and its session in the database.
 *
 * A message is shown as complete when it is in the database, and not before. Where it cannot
 * be written that is said until it was; nothing else stops.
 */
#ifndef GN_TUI_KEEP_H
#define GN_TUI_KEEP_H

#include "app/chat/history.h"
#include "app/chat/worker.h"

typedef struct gn_keep {
    gn_history *history; /* borrowed; NULL: nothing is kept */
    bool off;            /* from here on nothing goes to disk (/private) */
    bool known;          /* the rows of checkpoint and build are there */
    int64_t checkpoint;  /* of the model that is open */
    gn_record record;
    gn_str name;       /* of the session */
    gn_str origin;     /* of an imported one: "llm:01jk... gpt-4o" */
    gn_branch *branch; /* [n_branch] */
    int n_branch;
    const char *on; /* the branch of that head, of so many turns; NULL: to be looked for */
    int64_t on_head;
    size_t on_count;
    gn_str folder, numerics; /* of states */
    size_t room;             /* bytes of states */
    gn_error trouble;        /* why the last message is not kept; code GN_OK: it is */
    bool refused;            /* states cannot be written: said once */
    int conversation;        /* counts those that were opened */
} gn_keep;

/* folder: the setting; room: bytes of states on disk. */
bool gn_keep_init(gn_keep *k, gn_history *h, const char *folder, size_t room, gn_error *e);
void gn_keep_release(gn_keep *k);
bool gn_keep_is_on(const gn_keep *k);
/* Is something of it in the database? */
bool gn_keep_has_session(const gn_keep *k);

/* Another session, with its lock and its whole tree; what was open is closed. id "": a new one,
 * and t is empty. On failure everything is as it was; GN_CANCELLED: another process writes to it,
 * and the message says what one can do. note: what is to be told of a session of another model,
 * appended. */
bool gn_keep_open(gn_keep *k, const char *id, gn_transcript *t, gn_str *note, gn_error *e);

/* The engine is there. note: as above. */
bool gn_keep_opened(gn_keep *k, const gn_origin *o, gn_transcript *t, gn_str *note, gn_error *e);
/* The tokens of what was said: the path to the question is kept. */
void gn_keep_heard(gn_keep *k, const gn_event *ev, gn_transcript *t);
/* A reply has ended: its turn has everything but `complete`. */
void gn_keep_answered(gn_keep *k, const gn_event *ev, gn_transcript *t, int64_t limit);
/* Something that was written instead of being asked: an edited reply. */
void gn_keep_typed(gn_keep *k, gn_transcript *t, int64_t id);
/* The head has moved. */
void gn_keep_head(gn_keep *k, const gn_transcript *t);
/* What became of a state on disk. note: what is to be told, appended. */
void gn_keep_state(gn_keep *k, const gn_state_told *told, gn_transcript *t, gn_str *note);
/* Which states are in memory. */
void gn_keep_held(const gn_ids *held, gn_transcript *t);

/* The row of the state at a turn's end. False: its tokens are not known. */
bool gn_keep_row(const gn_keep *k, const gn_transcript *t, int64_t id, gn_state_row *row);
/* The branch that the head is on; "": none has a name. */
const char *gn_keep_branch(gn_keep *k, const gn_transcript *t);
/* Read the names of branches and session anew. */
void gn_keep_names(gn_keep *k);

#endif
