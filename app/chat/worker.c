/* worker.c - see worker.h. */
#include "app/chat/worker.h"

#include "app/chat/lead.h"
#include "app/cli/queue.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { EVENTS = 256, QUESTIONS = 4, COUNTS = 64, NOTHING = -2 };

typedef struct engine_worker {
    gn_worker worker;
    char *path, *states; /* states NULL: nothing goes to disk */
    gn_engine_options options;
    gn_queue *asks, *events, *counts;
    atomic_bool woken; /* a question without words waits, so that counts are seen */
    gn_engine *engine; /* the engine's thread alone */
    pthread_t thread;
    atomic_bool closing;
    atomic_llong stopped; /* the answer that shall end; NOTHING: none */
    atomic_bool chosen;   /* how is new */
    pthread_mutex_t lock;
    gn_sampling how;
    /* the engine's thread alone */
    int64_t answer;
    double told; /* when progress was told last */
    gn_statecache *cache;
    int64_t unsaved; /* the turn whose state is to be saved yet; -1: none */
    int64_t unready; /* the turn that the next answer may begin at a copy of; -1: none */
    gn_reading *reading;
    bool unsettled; /* opening left something to be done while nobody waits */
    bool offered;   /* the processor, to whoever asked for the GPU and lost it */
    gn_ids made;    /* tokens told of the answer under way */
    size_t said;    /* bytes told of it */
    size_t skip;    /* tokens that were told before the GPU was left */
} engine_worker;

void gn_event_free(void *event) {
    gn_event *ev = event;
    if (!ev)
        return;
    gn_str_release(&ev->text);
    gn_str_release(&ev->note);
    gn_str_release(&ev->preset);
    gn_str_release(&ev->about);
    gn_vocabulary_free(ev->vocabulary);
    gn_tokens_release(&ev->made);
    gn_origin_free(ev->origin);
    for (size_t i = 0; i < ev->n_heard; i++)
        gn_ids_release(&ev->heard[i].ids);
    free(ev->heard);
    gn_ids_release(&ev->ids);
    gn_ids_release(&ev->held);
    free(ev);
}

static void free_ask(void *ask) { gn_ask_free(ask); }

/* A text whose tokens somebody wants counted. */
typedef struct count {
    int64_t tag;
    gn_str text;
} count;

static void free_count(void *item) {
    count *c = item;
    if (c)
        gn_str_release(&c->text);
    free(c);
}

/* ---- on the engine's thread --------------------------------------------- */

static gn_event *event_of(engine_worker *w, gn_event_kind kind) {
    gn_event *ev = calloc(1, sizeof *ev);
    if (ev) {
        ev->kind = kind;
        ev->answer = w->answer;
    }
    return ev;
}

/* False when nobody listens any more, or no memory is left. */
static bool tell(engine_worker *w, gn_event *ev) {
    if (ev && gn_queue_put(w->events, ev))
        return true;
    gn_event_free(ev);
    return false;
}

static bool wanted(engine_worker *w) {
    return !atomic_load(&w->closing) && atomic_load(&w->stopped) != w->answer;
}

/* What waits to be counted. */
static void count_all(engine_worker *w) {
    for (count *c; (c = gn_queue_poll(w->counts)); free_count(c)) {
        gn_ids ids = {0};
        gn_error e = {0};
        if (w->engine &&
            gn_encode(gn_engine_tokenizer(w->engine), gn_str_slice(&c->text), 0, &ids, &e)) {
            gn_event *ev = event_of(w, GN_EVENT_COUNTED);
            if (ev) {
                ev->answer = c->tag;
                ev->done = (int64_t)ids.count;
            }
            tell(w, ev);
        }
        gn_ids_release(&ids);
    }
}

/* Progress, at most twenty times a second. */
static bool progress(engine_worker *w, gn_event_kind kind, int64_t done, int64_t all) {
    const double now = gn_seconds();
    if (now - w->told >= 0.05) {
        w->told = now;
        gn_event *ev = event_of(w, kind);
        if (ev) {
            ev->done = done;
            ev->all = all;
        }
        if (!tell(w, ev))
            return false;
    }
    return wanted(w);
}

static bool loading(void *user, size_t done, size_t all) {
    return progress(user, GN_EVENT_LOADING, (int64_t)done, (int64_t)all);
}

static bool reading(void *user, int64_t done, int64_t all) {
    count_all(user);
    return progress(user, GN_EVENT_READING, done, all);
}

static bool spoken(void *user, const gn_spoken *s) {
    engine_worker *w = user;
    count_all(w);
    if (w->skip > 0) {
        w->skip--;
        return wanted(w);
    }
    w->said += s->text.len;
    if (!gn_ids_add(&w->made, s->token.id))
        return false;
    gn_event *ev = event_of(w, GN_EVENT_TEXT);
    if (ev) {
        ev->done = s->tokens;
        ev->seconds = s->seconds;
        gn_str_add(&ev->text, s->text);
        gn_tokens_add(&ev->made, &s->token);
    }
    return tell(w, ev) && wanted(w);
}

/* done: how far it came; NULL: nowhere. */
static void fail(engine_worker *w, const gn_error *e, const gn_answered *done) {
    gn_event *ev = event_of(w, GN_EVENT_FAILED);
    if (ev) {
        ev->error = *e;
        if (done)
            ev->answered = *done;
    }
    tell(w, ev);
}

static void heard(void *user, const gn_ask *a) {
    engine_worker *w = user;
    gn_event *ev = event_of(w, GN_EVENT_HEARD);
    if (ev && (ev->heard = calloc(a->n_said, sizeof *ev->heard)))
        for (; ev->n_heard < a->n_said; ev->n_heard++) {
            gn_heard *one = &ev->heard[ev->n_heard];
            one->id = a->said[ev->n_heard].id;
            /* Without its tokens a message is not kept, and said not to be. */
            gn_ids_append(&one->ids, a->said[ev->n_heard].ids.id, a->said[ev->n_heard].ids.count);
        }
    tell(w, ev);
}

/* Does the next question come at once? It waits perhaps for what was just told. */
static bool is_asked(const engine_worker *w) { return gn_queue_soon(w->asks, 50); }

/* What is done when nobody waits for the next answer, or at the end: the state after the last one goes
 * to disk, and memory is made ready for a copy of it. */
static void settle(engine_worker *w, bool last) {
    if ((w->unsaved < 0 && w->unready < 0) || (!last && is_asked(w)))
        return;
    if (w->unsaved >= 0 && gn_reading_save(w->reading, w->unsaved, false, last))
        w->unsaved = -1;
    if (w->unready >= 0 && !last)
        gn_reading_ready(w->reading, w->unready);
    w->unready = -1;
}

/* False: as it was. */
static bool choose_anew(void *user, gn_sampling *how) {
    engine_worker *w = user;
    if (!atomic_exchange(&w->chosen, false))
        return false;
    pthread_mutex_lock(&w->lock);
    *how = w->how;
    pthread_mutex_unlock(&w->lock);
    return true;
}

static void on_state(void *user, const gn_state_told *t) {
    engine_worker *w = user;
    gn_event *ev = calloc(1, sizeof *ev);
    if (ev) {
        ev->kind = GN_EVENT_STATE;
        ev->answer = -1;
        ev->state = *t;
    }
    tell(w, ev);
}

static gn_engine *open_engine(engine_worker *w, gn_error *e) {
    gn_engine *g = gn_engine_open(w->path, &w->options, e);
    if (!g)
        return NULL;
    if (!gn_engine_tokenizer(g))
        gn_fail(e, GN_UNSUPPORTED, "'%s' has no tokenizer, so nobody can talk to it", w->path);
    else if (gn_engine_template(g).len == 0)
        gn_fail(e, GN_UNSUPPORTED,
                "'%s' has no chat template: name one with --template, or use gneiss run --raw",
                w->path);
    if (e->code == GN_OK)
        return g;
    gn_engine_close(g);
    return NULL;
}

/* What is kept needs to know of which checkpoint it is; without that nothing is. */
static gn_origin *origin(engine_worker *w, gn_str *note) {
    gn_error e = {0};
    gn_engine *g = w->engine;
    gn_origin *o = w->states ? gn_origin_of(g, loading, w, &e) : NULL;
    if (o && !(w->cache = gn_statecache_open(g, w->states, on_state, w, &e)))
        gn_str_fmt(note, "states are not saved: %s\n", e.message);
    else if (w->states && !o)
        gn_str_fmt(note, "%s\n", e.message);
    gn_reading_use(w->reading, w->cache);
    return o;
}

static void describe(const gn_engine *g, gn_str *out) {
    const int64_t context = gn_engine_context(g);
    gn_str_fmt(out, "path        %s\ndevice      %s\nnumerics    %s\n", gn_engine_path(g),
               gn_engine_device(g), gn_engine_numerics(g));
    gn_str_fmt(out, "vocabulary  %d tokens\ncontext     %lld tokens\n", gn_engine_vocab(g),
               (long long)context);
    for (int64_t n = 1; n <= context; n = n < 1000 ? 1000 : n < context ? context : context + 1)
        gn_str_fmt(out, "state       %.1f MiB at %lld token%s\n",
                   (double)gn_engine_state_bytes(g, n) / 1048576, (long long)n, n == 1 ? "" : "s");
}

/* ---- leaving the GPU ---------------------------------------------------- */

/* What happened, and what becomes of the conversation. */
static void say_left(const gn_error *why, const char *then, gn_str *out) {
    const gn_slice all = gn_slice_of(why->message);
    const ptrdiff_t end = gn_slice_find(all, GN_S(";")); /* what follows is for other commands */
    const gn_slice what = {all.data, end >= 0 ? (size_t)end : all.len};
    const bool told = gn_slice_find(what, GN_S("GPU")) >= 0;
    gn_str_fmt(out, "%s%.*s%s; %s", told ? "" : "the GPU is out of memory (", (int)what.len,
               what.data, told ? "" : ")", then);
}

/* The GPU is lost or full. Whoever left the choice goes on with the processor, from the tokens;
 * whoever asked for the GPU is told, and goes on so with the next message. False: e is to be told. */
static bool leaves_gpu(engine_worker *w, gn_error *e) {
    gn_str said = {0};
    gn_error why = *e, failed = {0};
    if (!gn_engine_lost(w->engine, e))
        return false;
    if (!w->offered && w->options.backend && strcmp(w->options.backend, "cuda") == 0) {
        say_left(&why, "nothing is lost: the next message is answered by the processor", &said);
        snprintf(e->message, sizeof e->message, "%s", gn_str_text(&said));
        gn_str_release(&said);
        w->offered = true;
        return false;
    }
    gn_reading *fresh = gn_reading_new(w->engine, &failed);
    if (fresh) {
        gn_statecache_close(w->cache);
        gn_reading_free(w->reading);
        w->cache = NULL;
        w->reading = fresh;
        w->unsettled = true;
    }
    if (!fresh || !gn_engine_leave_gpu(w->engine, &why, loading, w, &failed)) {
        say_left(&why, failed.message, &said);
        snprintf(e->message, sizeof e->message, "%s", gn_str_text(&said));
        gn_str_release(&said);
        return false;
    }
    gn_event *ev = event_of(w, GN_EVENT_LEFT);
    gn_origin *o = origin(w, &said);
    if (ev) {
        say_left(&why, "the conversation goes on with the processor", &ev->note);
        if (said.len)
            gn_str_fmt(&ev->note, "\n%s", gn_str_text(&said));
        ev->origin = o;
        describe(w->engine, &ev->about);
    } else
        gn_origin_free(o);
    tell(w, ev);
    gn_str_release(&said);
    *e = (gn_error){0};
    return true;
}

static void score(engine_worker *w, const gn_ask *ask) {
    const gn_reading_hooks hooks = {.reading = reading, .user = w};
    gn_error e = {0};
    gn_tokens made = {0};
    w->answer = ask->answer;
    w->told = 0;
    bool ok = gn_reading_score(w->reading, ask, &hooks, &made, &e);
    if (!ok && leaves_gpu(w, &e))
        ok = gn_reading_score(w->reading, ask, &hooks, &made, &e);
    if (ok) {
        gn_event *ev = event_of(w, GN_EVENT_SCORED);
        if (ev) {
            ev->made = made;
            made = (gn_tokens){0};
        }
        tell(w, ev);
    } else
        fail(w, &e, NULL);
    gn_tokens_release(&made);
    w->answer = -1;
}

static void only_read(engine_worker *w, gn_ask *ask) {
    const gn_reading_hooks hooks = {.heard = heard, .reading = reading, .user = w};
    gn_error e = {0};
    gn_answered done;
    w->answer = ask->answer;
    w->told = 0;
    bool ok = gn_reading_only(w->reading, ask, &hooks, &done, &e);
    if (!ok && leaves_gpu(w, &e))
        ok = gn_reading_only(w->reading, ask, &hooks, &done, &e);
    if (ok) {
        gn_event *ev = event_of(w, GN_EVENT_READ);
        if (ev) {
            ev->answered = done;
            gn_ids_append(&ev->held, ask->held.id, ask->held.count);
        }
        tell(w, ev);
    } else
        fail(w, &e, &done);
    w->answer = -1;
}

/* What was answered before the GPU was left is the beginning of the same answer. */
static bool take_up(engine_worker *w, gn_ask *ask, bool *ended, gn_error *e) {
    gn_tokenizer *t = gn_engine_tokenizer(w->engine);
    gn_ids prefix = {0};
    gn_str told = {0};
    gn_text_stream stream = {0};
    size_t n = w->made.count;
    int n_eos = 0;
    const int32_t *eos = gn_engine_eos(w->engine, &n_eos);
    bool ok = gn_encode(t, gn_str_slice(&ask->prefix), 0, &prefix, e);
    if (ok && n < prefix.count) { /* it is given once more, and told from there on */
        w->skip = n;
        n = 0;
    } else if (ok) {
        gn_str_cut(&ask->prefix, 0);
        if (ask->limit > 0 && (int64_t)(n - prefix.count) >= ask->limit)
            ask->limit = -1;
        else if (ask->limit > 0)
            ask->limit -= (int64_t)(n - prefix.count);
        for (int i = 0; n > prefix.count && i < n_eos; i++)
            *ended = *ended || w->made.id[n - 1] == eos[i];
        if (*ended) {
            ask->limit = -1;
            n--;
        }
        for (size_t i = 0; i < ask->begin.count; i++)
            gn_text_stream_add(&stream, gn_token_bytes(t, ask->begin.id[i]), &told);
        const size_t before = told.len;
        for (size_t i = 0; i < n; i++)
            gn_text_stream_add(&stream, gn_token_bytes(t, w->made.id[i]), &told);
        gn_event *ev = NULL; /* words that might have become a stop string */
        if (told.len > before + w->said && (ev = event_of(w, GN_EVENT_TEXT))) {
            ev->done = (int64_t)w->made.count;
            gn_str_add(&ev->text, gn_slice_from(gn_str_slice(&told), before + w->said));
            tell(w, ev);
        }
        ok = gn_str_ok(&told, e) && (gn_ids_append(&ask->begin, w->made.id, n) ||
                                     gn_fail(e, GN_NO_MEMORY, "conversation: out of memory"));
    }
    gn_ids_release(&prefix);
    gn_str_release(&told);
    return ok;
}

static void answer(engine_worker *w, gn_ask *ask) {
    const gn_reading_hooks hooks = {
        .heard = heard, .reading = reading, .spoken = spoken, .choose = choose_anew, .user = w};
    gn_error e = {0};
    gn_answered done;
    const int64_t begun = (int64_t)ask->begin.count;
    bool ended = false;
    w->answer = ask->answer;
    w->told = 0;
    w->made.count = w->said = w->skip = 0;
    atomic_store(&w->chosen, false);
    bool ok = gn_reading_answer(w->reading, ask, &hooks, &done, &e);
    if (!ok && leaves_gpu(w, &e)) {
        const int64_t made = (int64_t)w->made.count;
        ask->held.count = 0;
        ok = take_up(w, ask, &ended, &e) && gn_reading_answer(w->reading, ask, &hooks, &done, &e);
        if (ok && (int64_t)ask->begin.count > begun) {
            done.tokens += made;
            done.begun -= (int64_t)ask->begin.count - begun;
        }
        if (ok && ended)
            done.stop = GN_STOP_EOS;
    }
    if (ok) {
        gn_event *ev = event_of(w, GN_EVENT_DONE);
        if (ev) {
            ev->answered = done;
            ev->ids = ask->answered;
            ev->held = ask->held;
            ask->answered = ask->held = (gn_ids){0};
        }
        tell(w, ev);
        w->unsaved = ask->off_disk ? -1 : ask->answer;
        w->unready = ask->answer;
    } else
        fail(w, &e, &done);
    w->answer = -1;
    settle(w, false);
}

/* What opening left to be done, while nobody waits: piece by piece, with a pause in which others have
 * the processors. Whatever is asked comes between two. */
static void get_ready(engine_worker *w) {
    for (int pause = 50; w->unsettled && !gn_queue_soon(w->asks, pause); pause = 1) {
        if (atomic_load(&w->closing))
            return;
        w->unsettled = gn_engine_settle(w->engine);
    }
}

static void *work(void *user) {
    engine_worker *w = user;
    gn_error e = {0};
    gn_thread_works();
    gn_engine *g = open_engine(w, &e);
    w->reading = g ? gn_reading_new(g, &e) : NULL;
    const bool open = w->reading != NULL;
    w->engine = open ? g : NULL;
    if (open) {
        gn_str note = {0};
        gn_origin *o = origin(w, &note);
        gn_event *ev = event_of(w, GN_EVENT_OPENED);
        if (ev) {
            gn_str_puts(&ev->text, gn_engine_name(g));
            gn_str_puts(&ev->note, gn_engine_warnings(g));
            gn_preset(g, &ev->preset);
            gn_str_add(&ev->note, gn_str_slice(&note));
            ev->origin = o;
            describe(g, &ev->about);
            ev->context = gn_engine_context(g);
            ev->vocab = gn_engine_vocab(g);
            ev->sampling = gn_engine_sampling(g);
            ev->vocabulary = gn_vocabulary_of(g, &e); /* without it tokens have no text */
        } else
            gn_origin_free(o);
        gn_str_release(&note);
        tell(w, ev);
    } else
        fail(w, &e, NULL);
    w->unsettled = open;
    for (gn_ask *ask; get_ready(w), (ask = gn_queue_take(w->asks)); gn_ask_free(ask)) {
        if (open && ask->expected)
            gn_reading_expect(w->reading, ask);
        else if (open && ask->pin)
            gn_reading_save(w->reading, ask->answer, true, true);
        else if (ask->n_said == 0)
            atomic_store(&w->woken, false);
        else if (open && !atomic_load(&w->closing))
            ask->score ? score(w, ask) : ask->only_read ? only_read(w, ask) : answer(w, ask);
        count_all(w);
    }
    if (open)
        settle(w, true);
    gn_statecache_close(w->cache);
    gn_reading_free(w->reading);
    gn_engine_close(g);
    tell(w, event_of(w, GN_EVENT_CLOSED));
    return NULL;
}

/* ---- on the screen's ---------------------------------------------------- */

static bool ask(gn_worker *worker, gn_ask *a) {
    engine_worker *w = (engine_worker *)worker;
    atomic_store(&w->stopped, NOTHING);
    if (gn_queue_offer(w->asks, a))
        return true;
    gn_ask_free(a);
    return false;
}

static bool count_text(gn_worker *worker, int64_t tag, gn_slice text) {
    engine_worker *w = (engine_worker *)worker;
    count *c = calloc(1, sizeof *c);
    if (!c)
        return false;
    c->tag = tag;
    gn_str_add(&c->text, text);
    if (c->text.failed || !gn_queue_offer(w->counts, c)) {
        free_count(c);
        return false;
    }
    /* Who waits for a question is woken by one without words; where there is no room for it the
     * engine is awake. */
    gn_ask *wake = atomic_exchange(&w->woken, true) ? NULL : gn_ask_new();
    if (wake && !gn_queue_offer(w->asks, wake)) {
        gn_ask_free(wake);
        atomic_store(&w->woken, false);
    }
    return true;
}

static gn_event *next(gn_worker *worker) {
    return gn_queue_poll(((engine_worker *)worker)->events);
}

static void stop(gn_worker *worker, int64_t id) {
    atomic_store(&((engine_worker *)worker)->stopped, id);
}

static void choose(gn_worker *worker, const gn_sampling *how) {
    engine_worker *w = (engine_worker *)worker;
    pthread_mutex_lock(&w->lock);
    w->how = *how;
    pthread_mutex_unlock(&w->lock);
    atomic_store(&w->chosen, true);
}

static int fd(gn_worker *worker) { return gn_queue_fd(((engine_worker *)worker)->events); }

static bool pin(gn_worker *worker, int64_t turn) {
    gn_ask *a = gn_ask_new();
    if (a) {
        a->answer = turn;
        a->pin = true;
    }
    if (a && gn_queue_offer(((engine_worker *)worker)->asks, a))
        return true;
    gn_ask_free(a);
    return false;
}

static void expect(gn_worker *worker, gn_ask *a) {
    a->expected = true;
    if (!gn_queue_offer(((engine_worker *)worker)->asks, a))
        gn_ask_free(a);
}

static void finish(gn_worker *worker) {
    engine_worker *w = (engine_worker *)worker;
    atomic_store(&w->closing, true);
    gn_queue_close(w->asks);
}

static void release(engine_worker *w) {
    gn_queue_free(w->asks, free_ask);
    gn_queue_free(w->events, gn_event_free);
    gn_queue_free(w->counts, free_count);
    pthread_mutex_destroy(&w->lock);
    gn_ids_release(&w->made);
    free(w->path);
    free(w->states);
    free(w);
}

static void close_worker(gn_worker *worker) {
    engine_worker *w = (engine_worker *)worker;
    atomic_store(&w->closing, true);
    gn_queue_close(w->asks);
    gn_queue_close(w->events);
    pthread_join(w->thread, NULL);
    release(w);
}

gn_worker *gn_worker_open(const char *path, const gn_engine_options *o, const char *states,
                          gn_error *e) {
    /* States are large, come and go, and each is a little larger than the last: in the heap they
     * leave holes that nothing fits. Blocks of their own go back to the system. */
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
    engine_worker *w = calloc(1, sizeof *w);
    if (!w) {
        gn_fail(e, GN_NO_MEMORY, "engine thread: out of memory");
        return NULL;
    }
    w->worker = (gn_worker){.ask = ask,
                            .count = count_text,
                            .next = next,
                            .stop = stop,
                            .choose = choose,
                            .fd = fd,
                            .expect = expect,
                            .pin = pin,
                            .finish = finish,
                            .close = close_worker};
    w->path = strdup(path);
    w->options = *o;
    w->options.progress = loading;
    w->options.user = w;
    w->answer = w->unsaved = w->unready = -1;
    w->states = states ? strdup(states) : NULL;
    atomic_store(&w->stopped, NOTHING);
    pthread_mutex_init(&w->lock, NULL);
    w->asks = gn_queue_new(QUESTIONS, e);
    w->events = gn_queue_new(EVENTS, e);
    w->counts = gn_queue_new(COUNTS, e);
    /* Signals are the screen's, but for those of a fault. */
    sigset_t all, before;
    sigfillset(&all);
    static const int fault[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof fault / sizeof fault[0]; i++)
        sigdelset(&all, fault[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool ok = w->path && (w->states || !states) && w->asks && w->events && w->counts &&
                    pthread_create(&w->thread, NULL, work, w) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ok)
        return &w->worker;
    if (e->code == GN_OK)
        gn_fail(e, GN_IO, "engine thread: the system gives none");
    release(w);
    return NULL;
}
