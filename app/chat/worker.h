/* worker.h - the engine on a thread of its own: questions in, events out.
 *
 * The screen never waits for it: posting refuses rather than blocks, events are
 * fetched when the descriptor is readable, and to stop is to set a flag that is
 * read between steps. Values cross; nothing of the engine's does. A table of
 * functions, so that a script can answer in the engine's place.
 */
#ifndef GN_APP_WORKER_H
#define GN_APP_WORKER_H

#include "app/chat/reading.h"

typedef enum gn_event_kind {
    GN_EVENT_LOADING, /* done of all bytes */
    GN_EVENT_OPENED,  /* the engine is there: name, device, context, sampling, vocabulary */
    GN_EVENT_READING, /* done of all tokens of a question */
    GN_EVENT_TEXT,    /* more of an answer; done: tokens so far, seconds since the first */
    GN_EVENT_HEARD,   /* the tokens of what was said; none is read yet */
    GN_EVENT_DONE,    /* answered */
    GN_EVENT_READ,    /* what was only to be read has been */
    GN_EVENT_SCORED,  /* made: the tokens of a turn that was to be scored */
    GN_EVENT_COUNTED, /* answer: the tag it was asked with; done: tokens of that text */
    GN_EVENT_FAILED, /* error; answered.full: it does not fit; with answer -1 the engine could not be opened */
    GN_EVENT_LEFT,   /* the GPU was left: note says why; about, origin */
    GN_EVENT_TOLD,   /* something is new on a board (board.h) */
    GN_EVENT_STATE,  /* of a state on disk */
    GN_EVENT_CLOSED, /* after finish(): the last there is */
} gn_event_kind;

/* A turn and its tokens. */
typedef struct gn_heard {
    int64_t id;
    gn_ids ids;
} gn_heard;

typedef struct gn_event {
    gn_event_kind kind;
    int64_t answer; /* id of the turn it belongs to; -1: none */
    int64_t done, all;
    double seconds;
    gn_str text;     /* TEXT; OPENED: the checkpoint's name */
    gn_str note;     /* OPENED: what the engine warns of */
    gn_str preset;   /* OPENED: the system prompt of the template itself; "": none */
    gn_str about;    /* OPENED, LEFT: lines for people: what and where it is, what a state takes */
    int64_t context; /* OPENED: most tokens of a conversation */
    int vocab;       /* OPENED */
    gn_sampling sampling;
    gn_vocabulary *vocabulary; /* OPENED; NULL: no memory for it */
    gn_tokens made;            /* TEXT: the tokens it came of; SCORED */
    gn_origin *origin;         /* OPENED, LEFT, if states are kept: of checkpoint and build */
    gn_heard *heard;           /* HEARD: [n_heard] */
    size_t n_heard;
    gn_ids ids, held;    /* DONE: tokens of the answer; turns whose states are in memory */
    gn_state_told state; /* STATE */
    gn_answered answered;
    gn_error error;
} gn_event;
void gn_event_free(void *event);

typedef struct gn_worker gn_worker;
struct gn_worker {
    /* Takes the question; false (and it is freed) when it is busy. */
    bool (*ask)(gn_worker *w, gn_ask *ask);
    /* Count the tokens of a text, between steps too; false when too many wait. */
    bool (*count)(gn_worker *w, int64_t tag, gn_slice text);
    gn_event *(*next)(gn_worker *w); /* NULL: none. Free with gn_event_free() */
    void (*stop)(gn_worker *w, int64_t answer);
    /* How tokens are chosen from the next one on, in the answer that is coming. */
    void (*choose)(gn_worker *w, const gn_sampling *how);
    int (*fd)(gn_worker *w);
    /* One will probably go on from the end of what is said: its state from the disk, and memory for
     * a copy, before anybody waits. Takes it, and may do nothing. NULL: nothing can be done. */
    void (*expect)(gn_worker *w, gn_ask *ask);
    /* The state at a turn's end shall be on disk, and stay there. False: it is busy. */
    bool (*pin)(gn_worker *w, int64_t turn);
    /* Stop, save what is to be saved, and tell the rest: fetch events up to GN_EVENT_CLOSED.
     * NULL: there is nothing to wait for. */
    void (*finish)(gn_worker *w);
    void (*close)(gn_worker *w); /* stops what it does, and frees it */
};

/* Opens the engine in the background. The option's strings must outlive it. states: the folder
 * for states ("": the user's own); NULL: nothing goes to disk. */
gn_worker *gn_worker_open(const char *path, const gn_engine_options *o, const char *states,
                          gn_error *e);

#endif
