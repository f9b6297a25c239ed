/* board.h - what a running evaluation tells the screen, and what the screen asks of it.
 *
 * One thread evaluates, another draws. The first writes on the board and never waits for
 * the second; the second looks when its pipe says that something is new. Everything that
 * is done lies in the database and is read from there: here is only what is under way.
 */
#ifndef GN_APP_BOARD_H
#define GN_APP_BOARD_H

#include "app/chat/worker.h"
#include "eval/eval.h"

typedef struct gn_board gn_board;

gn_board *gn_board_new(gn_error *e);
void gn_board_free(gn_board *b); /* NULL is fine */

/* ---- the evaluating thread ------------------------------------------------------- */

void gn_board_started(gn_board *b, const gn_eval_start *s);
void gn_board_progress(gn_board *b, const gn_eval_progress *p);
void gn_board_text(gn_board *b, const gn_eval_text *t);
void gn_board_sample(gn_board *b, int64_t task, int64_t doc, int rep); /* it is done */
void gn_board_note(gn_board *b, const char *text);
void gn_board_ended(gn_board *b); /* no model is left */
int gn_board_interrupts(gn_board *b);
bool gn_board_paused(gn_board *b);
bool gn_board_skips(gn_board *b, const gn_eval_text *t);
bool gn_board_anew(gn_board *b, int64_t task, int64_t *doc, int *rep);

/* ---- the drawing thread ----------------------------------------------------------- */

/* What is written on it. Strings are copies: gn_board_look_release(). */
typedef struct gn_board_look {
    bool started, ended, paused;
    char run[27], baseline[27];
    int interrupts;
    double read_tps, write_tps, left_s; /* left_s NaN: unknown */
    gn_str note;                        /* the newest; "" */
    /* The answer that is watched, while it is written. */
    bool writing;
    int64_t task, doc;
    int rep;
    gn_str prompt, text;
} gn_board_look;
void gn_board_see(gn_board *b, gn_board_look *out);
void gn_board_look_release(gn_board_look *l);

void gn_board_pause(gn_board *b, bool on);
void gn_board_interrupt(gn_board *b); /* once: finish what is begun; twice: drop it */
void gn_board_skip(gn_board *b);      /* the answer that is watched */
void gn_board_ask_anew(gn_board *b, int64_t task, int64_t doc, int rep);
/* For a screen's loop: readable while something is new, GN_EVENT_TOLD. Borrowed. */
gn_worker *gn_board_worker(gn_board *b);

#endif
