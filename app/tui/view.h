/* view.h - what a view is, and what all of them share.
 *
 * A view draws on the canvas and answers requests; it knows neither terminal nor
 * thread. loop.c turns keys into requests, worker events into calls of the views on
 * the stack, and has the top one draw when something changed. A new screen is a new
 * gn_view_ops and a request that pushes it.
 */
#ifndef GN_TUI_VIEW_H
#define GN_TUI_VIEW_H

#include "app/chat/history.h"
#include "app/chat/worker.h"
#include "app/cli/settings.h"
#include "app/term/canvas.h"
#include "app/term/keymap.h"

typedef struct gn_tui gn_tui;

typedef struct gn_view_ops {
    const char *name; /* as a keys file says it */
    void (*draw)(void *self, gn_tui *t);
    /* True: it was for this view. argument: the text of a slash command; may be NULL. */
    bool (*request)(void *self, gn_tui *t, gn_request r, const char *argument);
    void (*scroll)(void *self, gn_tui *t, int rows); /* down is positive */
    void (*event)(void *self, gn_tui *t, const gn_event *ev);
    void (*search)(void *self, gn_tui *t, gn_slice pattern); /* "" is never given */
    void (*close)(void *self);
    /* Only of views that are written to; else NULL. What is pasted over another view is pasted into
     * the chat, and that view goes, unless it has a paste() of its own. */
    void (*said)(void *self, gn_tui *t, gn_slice line);
    void (*paste)(void *self, gn_tui *t, gn_slice text);
    /* A key and what it asks for (GN_REQUEST_NONE: nothing), before that is done. True: it was for
     * this view, and nothing else is done with it. NULL: none is. */
    bool (*key)(void *self, gn_tui *t, const gn_input_event *ev, gn_request r);
} gn_view_ops;

typedef struct gn_view {
    const gn_view_ops *op;
    void *self;
} gn_view;

typedef enum gn_mode {
    GN_MODE_WRITE, /* the input has the keys */
    GN_MODE_READ,  /* the view has them */
    GN_MODE_ASK,   /* a line at the bottom: a search, a command */
} gn_mode;

struct gn_tui {
    gn_canvas canvas;
    gn_keymap keymap;
    gn_settings *settings; /* borrowed */
    gn_worker *worker;     /* borrowed */
    gn_view view[8];       /* the last is on top */
    int n_view;
    gn_mode mode, before; /* before: the mode that ASK interrupted */
    char asking;          /* of GN_MODE_ASK: '/' or ':' */
    gn_str draft;         /* what was being written when ASK began */
    gn_key first;         /* of a key sequence that is not complete; code 0: none */
    gn_str note;          /* what the program has to say, until the next key */
    gn_style note_style;
    double now;    /* seconds, of this turn of the loop */
    double keyed;  /* when the key before this one came */
    double wake;   /* when the views want a GN_EVENT_TOLD of the clock; 0: never */
    int64_t clock; /* seconds since 1970, for "today"; 0: the system's */
    bool dirty;    /* something changed: draw */
    bool quit;
    bool color;       /* wanted */
    gn_error failure; /* why it quit, if not because it was asked to */
    /* What only a terminal can do; NULL elsewhere. */
    void (*suspend)(gn_tui *t);
    /* SIGTERM, SIGHUP, SIGQUIT: true when something has to be saved before the screen goes. */
    bool (*end)(gn_tui *t, int number);
    void (*redraw)(gn_tui *t);
    /* To the clipboard; how: what took it, for people. */
    bool (*copy)(gn_tui *t, gn_slice text, gn_str *how, gn_error *e);
    bool (*edit)(gn_tui *t, gn_str *text, gn_error *e);
    /* Run a command of the user's in a shell, on the terminal; what it wrote to its standard output. */
    bool (*shell)(gn_tui *t, const char *command, gn_str *out, int *status, gn_error *e);
    void *user;
};

/* ---- loop.c ------------------------------------------------------------- */

bool gn_tui_init(gn_tui *t, gn_settings *settings, gn_worker *worker, bool unicode, gn_error *e);
void gn_tui_release(gn_tui *t);
/* Say something, until the next key. */
void gn_tui_note(gn_tui *t, gn_style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, below what is said already. */
void gn_tui_note_more(gn_tui *t, const char *text);
bool gn_tui_push(gn_tui *t, gn_view view); /* false, and closed, when the stack is full */
void gn_tui_pop(gn_tui *t);
/* Ask for a line at the bottom: '/' a search, ':' a command. */
void gn_tui_ask(gn_tui *t, char what);
void gn_tui_request(gn_tui *t, gn_request r, const char *argument);
/* Keys and commands, where something is said of `on`; "": from the beginning. */
void gn_tui_help(gn_tui *t, gn_slice on);
void gn_tui_input(gn_tui *t, const gn_input_event *ev);
void gn_tui_events(gn_tui *t); /* whatever the worker has to tell */
void gn_tui_tick(gn_tui *t);   /* it is time to wake */
void gn_tui_draw(gn_tui *t);   /* on the canvas */
/* Let the worker end, and hear what it still has to tell. */
void gn_tui_finish(gn_tui *t);
/* On the terminal, until it quits. */
bool gn_tui_run(gn_tui *t, gn_error *e);

/* ---- views -------------------------------------------------------------- */

/* What a chat is started with beyond the settings; all of it is borrowed. */
typedef struct gn_chat_options {
    const gn_bias *bias;
    int n_bias;
    const gn_slice *stop;
    int n_stop;
    uint64_t seed;          /* of the first reply, where the settings name none */
    const char *const *var; /* [n_var] NAME=VALUE, for saved prompts */
    int n_var;
    struct gn_history *history; /* NULL: nothing is kept */
    const char *session;        /* to go on with; NULL: a new one */
    bool off_disk;              /* what is said from here on is not kept */
    const char *state_dir;      /* the setting; NULL: the user's own */
    size_t state_disk;          /* bytes */
    const char *model;          /* its path */
    /* Opens a worker of another checkpoint and closes the one there is; NULL: it is still there. */
    gn_worker *(*reopen)(void *opener, const char *path, gn_error *e);
    void *opener;
} gn_chat_options;
bool gn_chat_view(gn_view *out, const gn_chat_options *o, gn_error *e);
/* The tokens of a turn of the chat `chat` (a gn_chat, which must outlive it). */
bool gn_tokens_view(gn_view *out, void *chat, int64_t turn, gn_error *e);
/* A run of an evaluation, live. */
struct gn_board;
typedef struct gn_eval_screen {
    struct gn_board *board;     /* of a run of this process; NULL: it is elsewhere. Borrowed */
    const char *file;           /* the database; NULL: evals.db */
    const char *run, *baseline; /* ids; NULL: the newest, none */
    double now;                 /* tests: seconds since 1970; 0: the clock's */
} gn_eval_screen;
bool gn_eval_view(gn_view *out, gn_tui *t, const gn_eval_screen *o, gn_error *e);
/* Answers side by side. All of it is borrowed; names, vocabulary and `all` itself are copied, and
 * all->close() is called when the view goes, or could not be made. */
struct gn_comparison;
struct gn_contrasts;
struct gn_forcing;
typedef struct gn_compare_screen {
    const char *name_a, *name_b, *what;
    const struct gn_comparison *comparison; /* statistics of two runs; NULL: none */
    const struct gn_contrasts *all;
    struct gn_forcing *forcing; /* two checkpoints that can read; NULL: none */
    const gn_vocabulary *vocabulary;
} gn_compare_screen;
bool gn_compare_view(gn_view *out, const gn_compare_screen *o, gn_error *e);
/* A text to page through; the title stands in its status line. */
bool gn_text_view(gn_view *out, const char *title, gn_slice text, gn_error *e);

/* What the sessions view knows of the chat, and asks of it. Each that acts says in a note why it
 * does not, and returns false then. hash: a message [32]; NULL: where the session stood. */
typedef struct gn_sessions_host {
    void *user;
    gn_history *history;        /* NULL: nothing is kept */
    const char *folder;         /* of the state files; NULL: none */
    const gn_transcript *turns; /* the conversation in the chat; what is held is told in it */
    const char *session;        /* its id; "": it is not kept (yet) */
    bool is_private;
    bool in_tree;         /* begin in its tree, not in the list */
    const char *name;     /* of the conversation */
    const char *numerics; /* whose states count; NULL: any */
    bool (*open)(void *user, gn_tui *t, const char *session, const uint8_t *hash);
    bool (*go)(void *user, gn_tui *t, int64_t turn); /* in the chat's own conversation */
    /* A branch of the chat's own conversation; of another one a session of its own. */
    bool (*branch)(void *user, gn_tui *t, int64_t turn);
    bool (*fork)(void *user, gn_tui *t, const char *session, const uint8_t *hash);
    bool (*pin)(void *user, gn_tui *t, int64_t turn);
} gn_sessions_host;
bool gn_sessions_view(gn_view *out, gn_tui *t, const gn_sessions_host *host, gn_error *e);
/* Turn b of a conversation beside turn a; a -1: beside every other answer to its question, and
 * GN_INVALID where there is none. What is shown is copied. */
bool gn_turns_view(gn_view *out, const gn_transcript *t, int64_t a, int64_t b, const char *name_a,
                   const char *name_b, const gn_vocabulary *v, gn_error *e);
bool gn_help_view(gn_view *out, const gn_tui *t, gn_error *e);
/* The key table as text, for the help view and `gneiss keys`. */
void gn_keymap_text(const gn_keymap *m, gn_str *out);

#endif
