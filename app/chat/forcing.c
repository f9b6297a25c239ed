/* forcing.c - see forcing.h. */
#include "app/chat/forcing.h"

#include "app/cli/queue.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

/* What is to be read: values of a contrast. */
typedef struct question {
    int64_t tag;
    gn_str asked;
    gn_ids prompt, answer;
    int64_t parts_at;
} question;

typedef struct forcing {
    gn_forcing face;
    char *path_a, *path_b;
    gn_engine_options options;
    gn_engine *a, *b;
    gn_queue *questions, *events;
    pthread_t thread;
    atomic_bool closing;
    double told;
    pthread_mutex_t lock; /* of what follows */
    gn_forced done;
    int64_t done_tag; /* -1: nothing is done */
} forcing;

static void free_question(void *item) {
    question *q = item;
    if (q) {
        gn_str_release(&q->asked);
        gn_ids_release(&q->prompt);
        gn_ids_release(&q->answer);
    }
    free(q);
}

/* ---- on the engines' thread ------------------------------------------------------- */

static gn_event *event_of(gn_event_kind kind, int64_t tag) {
    gn_event *ev = calloc(1, sizeof *ev);
    if (!ev)
        return NULL;
    ev->kind = kind;
    ev->answer = tag;
    return ev;
}

static void put(forcing *f, gn_event *ev) {
    if (ev && !gn_queue_put(f->events, ev))
        gn_event_free(ev);
}

static void fail(forcing *f, int64_t tag, const gn_error *e) {
    gn_event *ev = event_of(GN_EVENT_FAILED, tag);
    if (ev)
        ev->error = *e;
    put(f, ev);
}

/* At most twenty times a second; false when nobody waits any more. */
static bool progress(forcing *f, gn_event_kind kind, int64_t done, int64_t all) {
    const double now = gn_seconds();
    if (now - f->told >= 0.05) {
        f->told = now;
        gn_event *ev = event_of(kind, -1);
        if (ev) {
            ev->done = done;
            ev->all = all;
        }
        put(f, ev);
    }
    return !atomic_load(&f->closing);
}

static bool loading(void *user, size_t done, size_t all) {
    return progress(user, GN_EVENT_LOADING, (int64_t)done, (int64_t)all);
}

static bool reading(void *user, int64_t done, int64_t all) {
    return progress(user, GN_EVENT_READING, done, all);
}

/* The tokens alone: the weights stay in their file. */
static void tell_vocabulary(forcing *f) {
    gn_engine_options o = f->options;
    gn_error e = {0};
    o.mapped = true;
    o.progress = loading;
    o.user = f;
    gn_engine *g = gn_engine_open(f->path_a, &o, &e);
    gn_event *ev = g ? event_of(GN_EVENT_OPENED, -1) : NULL;
    if (ev && (ev->vocabulary = gn_vocabulary_of(g, &e)))
        put(f, ev);
    else
        gn_event_free(ev);
    gn_engine_close(g);
    if (e.code)
        fail(f, -1, &e);
}

static bool open_engines(forcing *f, gn_error *e) {
    gn_engine_options o = f->options;
    o.progress = loading;
    o.user = f;
    f->a = f->a ? f->a : gn_engine_open(f->path_a, &o, e);
    f->b = f->b || !f->a ? f->b : gn_engine_open(f->path_b, &o, e);
    return f->a && f->b;
}

/* The prompt's ids, as an evaluation reads it: never with a second BOS. */
static bool encode(forcing *f, question *q, gn_error *e) {
    gn_tokenizer *t = gn_engine_tokenizer(f->a);
    if (q->prompt.count || !q->asked.len)
        return true;
    if (!t)
        return gn_fail(e, GN_UNSUPPORTED, "'%s' has no tokenizer", f->path_a);
    const int32_t bos = gn_tokenizer_named(t, "bos");
    const gn_slice piece = bos >= 0 ? gn_token_piece(t, bos) : GN_S("");
    const bool has = piece.len > 0 && gn_slice_starts(gn_str_slice(&q->asked), piece);
    return gn_encode(t, gn_str_slice(&q->asked), has ? 0 : GN_ADD_SPECIAL, &q->prompt, e);
}

/* Of the last token scored, the likeliest in its place. */
typedef struct last_top {
    gn_top *to;
    int n;
} last_top;

static bool keep_top(void *user, int i, const gn_score_answer *a) {
    const last_top *t = user;
    (void)i;
    memcpy(t->to, a->top + (size_t)(t->n - 1) * GN_CONTRAST_TOP, GN_CONTRAST_TOP * sizeof *t->to);
    return true;
}

static bool alternatives(gn_engine *g, const question *q, gn_top *to, gn_error *e) {
    const int64_t n = q->parts_at + 1;
    last_top t = {to, (int)n};
    const gn_score_request r = {.context = q->prompt.id,
                                .n_context = (int64_t)q->prompt.count,
                                .token = q->answer.id,
                                .n_token = n,
                                .top = GN_CONTRAST_TOP};
    const gn_score_hooks h = {.answer = keep_top, .user = &t};
    return gn_score(g, &r, 1, true, &h, NULL, e);
}

static bool force(forcing *f, question *q, gn_forced *out, gn_error *e) {
    const int64_t n = (int64_t)q->answer.count;
    if (!open_engines(f, e) || !encode(f, q, e))
        return false;
    if (n == 0 || q->prompt.count == 0)
        return gn_fail(e, GN_UNSUPPORTED, "the tokens of this answer were not kept");
    out->token = calloc((size_t)n, sizeof *out->token);
    if (!out->token)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    out->n = n;
    if (!gn_diverge_answer(f->a, f->b, q->prompt.id, (int64_t)q->prompt.count, q->answer.id, n,
                           reading, f, out->token, e))
        return false;
    if (q->parts_at < 0 || q->parts_at >= n || gn_engine_vocab(f->a) < GN_CONTRAST_TOP)
        return true;
    out->n_top = GN_CONTRAST_TOP;
    return alternatives(f->a, q, out->a, e) && alternatives(f->b, q, out->b, e);
}

static void answer(forcing *f, question *q) {
    gn_forced done = {0};
    gn_error e = {0};
    if (!force(f, q, &done, &e)) {
        gn_forced_release(&done);
        if (!atomic_load(&f->closing))
            fail(f, q->tag, &e);
        return;
    }
    pthread_mutex_lock(&f->lock);
    gn_forced_release(&f->done);
    f->done = done;
    f->done_tag = q->tag;
    pthread_mutex_unlock(&f->lock);
    put(f, event_of(GN_EVENT_TOLD, q->tag));
}

static void *work(void *user) {
    forcing *f = user;
    gn_thread_works();
    tell_vocabulary(f);
    for (question *q; (q = gn_queue_take(f->questions)); free_question(q))
        if (!atomic_load(&f->closing))
            answer(f, q);
    gn_engine_close(f->a);
    gn_engine_close(f->b);
    return NULL;
}

/* ---- on the screen's ------------------------------------------------------------------ */

static bool ask(gn_forcing *face, int64_t tag, const gn_contrast *c) {
    forcing *f = (forcing *)face;
    question *q = calloc(1, sizeof *q);
    if (!q)
        return false;
    q->tag = tag;
    q->parts_at = c->parts_at;
    gn_str_add(&q->asked, gn_str_slice(&c->asked));
    if (gn_ids_append(&q->prompt, c->prompt.id, c->prompt.count) &&
        gn_ids_append(&q->answer, c->a.made.id, (size_t)c->a.made.count) &&
        gn_queue_offer(f->questions, q))
        return true;
    free_question(q);
    return false;
}

static bool take(gn_forcing *face, int64_t tag, gn_forced *out) {
    forcing *f = (forcing *)face;
    pthread_mutex_lock(&f->lock);
    const bool there = f->done_tag == tag;
    if (there) {
        gn_forced_release(out);
        *out = f->done;
        f->done = (gn_forced){0};
        f->done_tag = -1;
    }
    pthread_mutex_unlock(&f->lock);
    return there;
}

static gn_event *next(gn_worker *w) { return gn_queue_poll(((forcing *)w)->events); }
static int fd(gn_worker *w) { return gn_queue_fd(((forcing *)w)->events); }
static void stop(gn_worker *w, int64_t id) { (void)w, (void)id; }

static bool no_ask(gn_worker *w, gn_ask *a) {
    (void)w;
    gn_ask_free(a);
    return false;
}

static void release(forcing *f) {
    gn_queue_free(f->questions, free_question);
    gn_queue_free(f->events, gn_event_free);
    gn_forced_release(&f->done);
    pthread_mutex_destroy(&f->lock);
    free(f->path_a);
    free(f->path_b);
    free(f);
}

static void close_forcing(gn_worker *w) {
    forcing *f = (forcing *)w;
    atomic_store(&f->closing, true);
    gn_queue_close(f->questions);
    gn_queue_close(f->events);
    pthread_join(f->thread, NULL);
    release(f);
}

gn_forcing *gn_forcing_open(const char *a, const char *b, const gn_engine_options *o, gn_error *e) {
    forcing *f = calloc(1, sizeof *f);
    if (!f) {
        gn_fail(e, GN_NO_MEMORY, "engine thread: out of memory");
        return NULL;
    }
    f->face = (gn_forcing){
        .worker = {.ask = no_ask, .next = next, .stop = stop, .fd = fd, .close = close_forcing},
        .ask = ask,
        .take = take};
    pthread_mutex_init(&f->lock, NULL);
    f->path_a = strdup(a);
    f->path_b = strdup(b);
    f->options = *o;
    f->done_tag = -1;
    f->questions = gn_queue_new(1, e);
    f->events = gn_queue_new(64, e);
    sigset_t all, before;
    sigfillset(&all); /* signals are the screen's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool ok = f->path_a && f->path_b && f->questions && f->events &&
                    pthread_create(&f->thread, NULL, work, f) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ok)
        return &f->face;
    if (e->code == GN_OK)
        gn_fail(e, GN_IO, "engine thread: the system gives none");
    release(f);
    return NULL;
}
