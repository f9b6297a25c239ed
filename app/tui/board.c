/* board.c - see board.h. */
#include "app/tui/board.h"

#include "app/cli/queue.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { ANEW = 64 };

struct gn_board {
    gn_worker worker; /* first: its functions get the board */
    gn_queue *queue;  /* at most one event: that something is new */
    pthread_mutex_t lock;
    gn_board_look look;
    bool skip; /* the watched answer is given up */
    struct {
        int64_t task, doc;
        int rep;
    } anew[ANEW];
    int n_anew;
};

/* ---- the loop's side ------------------------------------------------------------------ */

static bool no_questions(gn_worker *w, gn_ask *ask) {
    (void)w;
    gn_ask_free(ask);
    return false;
}

static gn_event *next(gn_worker *w) { return gn_queue_poll(((gn_board *)w)->queue); }
static void no_stop(gn_worker *w, int64_t answer) { (void)w, (void)answer; }
static void no_choice(gn_worker *w, const gn_sampling *how) { (void)w, (void)how; }
static int fd(gn_worker *w) { return gn_queue_fd(((gn_board *)w)->queue); }
static void no_close(gn_worker *w) { (void)w; }

gn_worker *gn_board_worker(gn_board *b) { return &b->worker; }

gn_board *gn_board_new(gn_error *e) {
    gn_board *b = calloc(1, sizeof *b);
    if (!b) {
        gn_fail(e, GN_NO_MEMORY, "out of memory");
        return NULL;
    }
    b->worker = (gn_worker){.ask = no_questions,
                            .next = next,
                            .stop = no_stop,
                            .choose = no_choice,
                            .fd = fd,
                            .close = no_close};
    b->look.left_s = NAN;
    pthread_mutex_init(&b->lock, NULL);
    if (!(b->queue = gn_queue_new(1, e))) {
        gn_board_free(b);
        return NULL;
    }
    return b;
}

void gn_board_free(gn_board *b) {
    if (!b)
        return;
    gn_queue_free(b->queue, gn_event_free);
    pthread_mutex_destroy(&b->lock);
    gn_board_look_release(&b->look);
    free(b);
}

/* ---- the evaluating thread --------------------------------------------------------------- */

/* Unlock, and wake whoever draws; one event that waits is enough. */
static void publish(gn_board *b) {
    pthread_mutex_unlock(&b->lock);
    gn_event *ev = calloc(1, sizeof *ev);
    if (!ev)
        return;
    ev->kind = GN_EVENT_TOLD;
    ev->answer = -1;
    if (!gn_queue_offer(b->queue, ev))
        gn_event_free(ev);
}

static void set_text(gn_str *to, gn_slice text) {
    gn_str_cut(to, 0);
    gn_str_add(to, text);
}

void gn_board_started(gn_board *b, const gn_eval_start *s) {
    pthread_mutex_lock(&b->lock);
    b->look.started = true;
    b->look.writing = false;
    memcpy(b->look.run, s->run, sizeof b->look.run);
    memset(b->look.baseline, 0, sizeof b->look.baseline);
    if (s->baseline)
        snprintf(b->look.baseline, sizeof b->look.baseline, "%s", s->baseline);
    publish(b);
}

void gn_board_progress(gn_board *b, const gn_eval_progress *p) {
    pthread_mutex_lock(&b->lock);
    b->look.read_tps = p->read_tps;
    b->look.write_tps = p->write_tps;
    b->look.left_s = p->left_s;
    publish(b);
}

/* What was watched is done: watch another. */
void gn_board_sample(gn_board *b, int64_t task, int64_t doc, int rep) {
    pthread_mutex_lock(&b->lock);
    if (b->look.task == task && b->look.doc == doc && b->look.rep == rep)
        b->look.writing = false;
    pthread_mutex_unlock(&b->lock);
}

static bool is_watched(const gn_board *b, const gn_eval_text *t) {
    return b->look.writing && b->look.task == t->task && b->look.doc == t->doc &&
           b->look.rep == t->rep;
}

void gn_board_text(gn_board *b, const gn_eval_text *t) {
    pthread_mutex_lock(&b->lock);
    if (!b->look.writing) {
        b->look.writing = true;
        b->look.task = t->task;
        b->look.doc = t->doc;
        b->look.rep = t->rep;
        b->skip = false;
        set_text(&b->look.prompt, t->prompt);
        gn_str_cut(&b->look.text, 0);
    } else if (!is_watched(b, t)) {
        pthread_mutex_unlock(&b->lock);
        return;
    }
    gn_str_add(&b->look.text, t->text);
    publish(b);
}

void gn_board_note(gn_board *b, const char *text) {
    pthread_mutex_lock(&b->lock);
    set_text(&b->look.note, gn_slice_of(text));
    publish(b);
}

void gn_board_ended(gn_board *b) {
    pthread_mutex_lock(&b->lock);
    b->look.ended = true;
    b->look.writing = false;
    publish(b);
}

int gn_board_interrupts(gn_board *b) {
    pthread_mutex_lock(&b->lock);
    const int n = b->look.interrupts;
    pthread_mutex_unlock(&b->lock);
    return n;
}

bool gn_board_paused(gn_board *b) {
    pthread_mutex_lock(&b->lock);
    const bool paused = b->look.paused;
    pthread_mutex_unlock(&b->lock);
    return paused;
}

bool gn_board_skips(gn_board *b, const gn_eval_text *t) {
    pthread_mutex_lock(&b->lock);
    const bool skips = b->skip && is_watched(b, t);
    if (skips)
        b->skip = b->look.writing = false;
    pthread_mutex_unlock(&b->lock);
    return skips;
}

bool gn_board_anew(gn_board *b, int64_t task, int64_t *doc, int *rep) {
    bool found = false;
    pthread_mutex_lock(&b->lock);
    for (int i = 0; i < b->n_anew && !found; i++)
        if (b->anew[i].task == task) {
            found = true;
            *doc = b->anew[i].doc;
            *rep = b->anew[i].rep;
            b->anew[i] = b->anew[--b->n_anew];
        }
    pthread_mutex_unlock(&b->lock);
    return found;
}

/* ---- the drawing thread --------------------------------------------------------------------- */

void gn_board_see(gn_board *b, gn_board_look *out) {
    gn_str note = out->note, prompt = out->prompt, text = out->text;
    pthread_mutex_lock(&b->lock);
    *out = b->look;
    set_text(&note, gn_str_slice(&b->look.note));
    set_text(&prompt, gn_str_slice(&b->look.prompt));
    set_text(&text, gn_str_slice(&b->look.text));
    pthread_mutex_unlock(&b->lock);
    out->note = note;
    out->prompt = prompt;
    out->text = text;
}

void gn_board_look_release(gn_board_look *l) {
    gn_str_release(&l->note);
    gn_str_release(&l->prompt);
    gn_str_release(&l->text);
}

void gn_board_pause(gn_board *b, bool on) {
    pthread_mutex_lock(&b->lock);
    b->look.paused = on;
    pthread_mutex_unlock(&b->lock);
}

void gn_board_interrupt(gn_board *b) {
    pthread_mutex_lock(&b->lock);
    if (b->look.interrupts < 2)
        b->look.interrupts++;
    b->look.paused = false;
    pthread_mutex_unlock(&b->lock);
}

void gn_board_skip(gn_board *b) {
    pthread_mutex_lock(&b->lock);
    b->skip = b->look.writing;
    pthread_mutex_unlock(&b->lock);
}

void gn_board_ask_anew(gn_board *b, int64_t task, int64_t doc, int rep) {
    pthread_mutex_lock(&b->lock);
    if (b->n_anew < ANEW) {
        b->anew[b->n_anew].task = task;
        b->anew[b->n_anew].doc = doc;
        b->anew[b->n_anew++].rep = rep;
    }
    pthread_mutex_unlock(&b->lock);
}
