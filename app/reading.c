/* reading.c - see reading.h. */
#include "app/reading.h"

#include <stdlib.h>

typedef struct passage {
    int64_t id, from; /* from: the turn whose passage it follows; -1: the beginning */
    gn_str text;
    size_t end; /* bytes of all text up to its end */
    gn_ids ids;
    gn_step_kind kind;
    gn_session *state; /* at its end; NULL: not kept */
} passage;

struct gn_reading {
    gn_engine *engine;
    passage *passage;
    size_t count, room;
};

gn_ask *gn_ask_new(void) { return calloc(1, sizeof(gn_ask)); }

bool gn_ask_say(gn_ask *a, int64_t id, gn_role role, gn_slice text) {
    gn_said *said = realloc(a->said, (a->n_said + 1) * sizeof *said);
    if (!said)
        return false;
    a->said = said;
    a->said[a->n_said] = (gn_said){.id = id, .role = role};
    gn_str_add(&a->said[a->n_said].text, text);
    return !a->said[a->n_said++].text.failed;
}

void gn_ask_free(gn_ask *a) {
    if (!a)
        return;
    for (size_t i = 0; i < a->n_said; i++)
        gn_str_release(&a->said[i].text);
    free(a->said);
    gn_ids_release(&a->keep);
    free(a);
}

gn_reading *gn_reading_new(gn_engine *g, gn_error *e) {
    gn_reading *r = calloc(1, sizeof *r);
    if (!r)
        gn_fail(e, GN_NO_MEMORY, "conversation: out of memory");
    else
        r->engine = g;
    return r;
}

static void release(passage *p) {
    gn_str_release(&p->text);
    gn_ids_release(&p->ids);
    gn_session_free(p->state);
    *p = (passage){0};
}

void gn_reading_free(gn_reading *r) {
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        release(&r->passage[i]);
    free(r->passage);
    free(r);
}

static passage *find(const gn_reading *r, int64_t id) {
    for (size_t i = 0; i < r->count; i++)
        if (r->passage[i].id == id)
            return &r->passage[i];
    return NULL;
}

/* Takes what p holds, also when it fails. An older passage of that turn gives way. */
static bool keep_passage(gn_reading *r, passage p, gn_error *e) {
    passage *old = find(r, p.id);
    if (old) {
        release(old);
        *old = p;
        return true;
    }
    if (!gn_vec_reserve(&r->passage, &r->room, r->count + 1, sizeof *r->passage)) {
        release(&p);
        return gn_fail(e, GN_NO_MEMORY, "conversation: out of memory");
    }
    r->passage[r->count++] = p;
    return true;
}

static bool render(gn_reading *r, const gn_ask *a, gn_str *out, gn_error *e) {
    gn_arena arena = {0};
    gn_value *vars = gn_value_map(&arena), *messages = gn_value_list(&arena);
    bool ok = gn_value_set(&arena, vars, GN_S("messages"), messages);
    for (size_t i = 0; ok && i < a->n_said; i++) {
        if (a->said[i].role == GN_ROLE_SYSTEM && a->said[i].text.len == 0)
            continue; /* the template's own */
        gn_value *m = gn_value_map(&arena);
        ok = gn_value_set(&arena, m, GN_S("role"),
                          gn_value_borrow(&arena, gn_slice_of(gn_role_name(a->said[i].role)))) &&
             gn_value_set(&arena, m, GN_S("content"),
                          gn_value_borrow(&arena, gn_str_slice(&a->said[i].text))) &&
             gn_value_add(&arena, messages, m);
    }
    if (!ok)
        gn_fail(e, GN_NO_MEMORY, "conversation: out of memory");
    ok = ok && gn_chat_render(r->engine, vars, true, out, e) && gn_str_ok(out, e);
    gn_arena_release(&arena);
    return ok;
}

/* Does all text up to p's end begin `text`? */
static bool begins(const gn_reading *r, const passage *p, gn_slice text) {
    size_t end = p->end;
    for (; p; p = find(r, p->from)) {
        const size_t first = p->end - p->text.len;
        if (p->end != end || p->end > text.len ||
            !gn_slice_equal((gn_slice){text.data + first, p->text.len}, gn_str_slice(&p->text)))
            return false;
        if (p->from < 0)
            return true;
        end = first;
    }
    return false; /* what it follows was replaced */
}

/* The last passage of the conversation from which one can go on; *rest: ids after it. */
static bool find_seam(gn_reading *r, const gn_ask *a, gn_slice text, passage **seam, gn_ids *rest,
                      gn_error *e) {
    gn_tokenizer *t = gn_engine_tokenizer(r->engine);
    for (size_t i = a->n_said; i-- > 0;) {
        passage *p = find(r, a->said[i].id);
        if (!p || !begins(r, p, text))
            continue;
        rest->count = 0;
        if (!gn_encode(t, gn_slice_from(text, p->end), 0, rest, e))
            return false;
        if (rest->count == 0 || gn_token_is_added(t, rest->id[0])) {
            *seam = p;
            return true;
        }
    }
    *seam = NULL;
    rest->count = 0;
    return gn_encode(t, text, 0, rest, e);
}

/* ---- feeding ------------------------------------------------------------ */

typedef struct feeding {
    const gn_reading_hooks *hooks;
    int64_t done, all; /* tokens */
    int64_t chunk;     /* fed at a time, so that a person who cancels waits 0.25 s at most */
} feeding;

static bool go_on(void *user, int64_t done, int64_t all) {
    const feeding *f = user;
    (void)all;
    return f->hooks->reading(f->hooks->user, f->done + done, f->all);
}

static bool feed(gn_session *s, const gn_ids *ids, gn_step_kind kind, feeding *f, gn_error *e) {
    for (size_t i = 0; i < ids->count;) {
        size_t n = ids->count - i;
        n = n > (size_t)f->chunk ? (size_t)f->chunk : n;
        const double start = gn_seconds();
        if (!gn_session_feed(s, ids->id + i, (int64_t)n, kind, go_on, f, e))
            return false;
        const double took = gn_seconds() - start;
        if (took > 0.25 && f->chunk > 16)
            f->chunk /= 2;
        else if (took < 0.1 && f->chunk < 1024)
            f->chunk *= 2;
        f->done += (int64_t)n;
        i += n;
        if (!f->hooks->reading(f->hooks->user, f->done, f->all))
            return gn_fail(e, GN_CANCELLED, "stopped while reading");
    }
    return true;
}

/* A session that has read everything up to the end of `seam` (NULL: nothing). */
static gn_session *session_at(gn_reading *r, passage *seam, feeding *f, gn_error *e) {
    passage *chain[4096];
    int n = 0;
    const passage *stop = seam;
    while (stop && !stop->state && n < 4096) {
        chain[n++] = find(r, stop->id);
        stop = find(r, stop->from);
    }
    if (stop && !stop->state) {
        gn_fail(e, GN_UNSUPPORTED, "conversation: more than 4096 turns without a kept state");
        return NULL;
    }
    for (int i = 0; i < n; i++)
        f->all += (int64_t)chain[i]->ids.count;
    const int64_t known = stop ? gn_session_count(stop->state) : 0;
    if (known + f->all >= gn_engine_context(r->engine)) {
        gn_fail(e, GN_INVALID,
                "the conversation would have %lld tokens, which do not fit the context of %lld",
                (long long)(known + f->all), (long long)gn_engine_context(r->engine));
        return NULL;
    }
    gn_session *s = stop ? gn_session_fork(stop->state, e) : gn_session_new(r->engine, e);
    for (int i = n; s && i-- > 0;)
        if (!feed(s, &chain[i]->ids, chain[i]->kind, f, e)) {
            gn_session_free(s);
            s = NULL;
        }
    return s;
}

/* ---- keeping ------------------------------------------------------------ */

/* Drop states that are not asked for, and the least useful past the budget. */
static void trim(gn_reading *r, const gn_ask *a, gn_answered *out) {
    size_t sum = 0;
    for (size_t i = 0; i < r->count; i++) {
        passage *p = &r->passage[i];
        bool wanted = false;
        for (size_t k = 0; k < a->keep.count; k++)
            wanted |= a->keep.id[k] == p->id;
        if (!wanted) {
            gn_session_free(p->state);
            p->state = NULL;
        }
    }
    for (size_t k = 0; k < a->keep.count; k++) {
        passage *p = find(r, a->keep.id[k]);
        if (!p || !p->state)
            continue;
        const size_t bytes = gn_session_bytes(p->state);
        if (out->states > 0 && sum + bytes > a->budget) {
            gn_session_free(p->state);
            p->state = NULL;
            continue;
        }
        if (p->id == a->answer)
            out->state_bytes = bytes;
        sum += bytes;
        out->states++;
    }
    out->kept_bytes = sum;
}

static bool is_wanted(const gn_ask *a, int64_t id) {
    for (size_t k = 0; k < a->keep.count; k++)
        if (a->keep.id[k] == id)
            return true;
    return false;
}

/* ---- answering ---------------------------------------------------------- */

typedef struct speaking {
    const gn_reading_hooks *hooks;
    int64_t tokens;
    double start, first; /* seconds */
    size_t before;       /* bytes of the answer that were there */
} speaking;

static bool on_token(void *user, gn_job *j, const gn_token *t) {
    speaking *s = user;
    const gn_spoken now = {
        .text = t->text,
        .tokens = ++s->tokens,
        .seconds = gn_seconds() - s->start,
        .token = {t->id, s->before + j->text.len, t->score, t->top, t->after, t->n_top}};
    if (s->tokens == 1)
        s->first = gn_seconds();
    return s->hooks->spoken(s->hooks->user, &now);
}

/* Generate from s, and keep what was said as the answer's passage. Takes s. */
static bool speak(gn_reading *r, const gn_ask *a, gn_session *s, size_t end,
                  const gn_reading_hooks *h, gn_answered *out, gn_error *e) {
    const int64_t before = gn_session_count(s);
    speaking told = {.hooks = h, .start = gn_seconds()};
    const gn_generate_hooks hooks = {.token = on_token, .user = &told};
    gn_job job = {.session = s,
                  .limit = a->limit > 0 ? a->limit : -1,
                  .sampling = a->sampling,
                  .stop = a->stop,
                  .n_stop = a->n_stop,
                  .top = a->top < gn_engine_vocab(r->engine) ? a->top : gn_engine_vocab(r->engine)};
    gn_job *jobs[] = {&job};
    bool ok = gn_generate(r->engine, jobs, 1, &hooks, e);
    if (ok && job.error.code != GN_OK) {
        *e = job.error;
        ok = false;
    }
    out->stop = job.stopped;
    out->tokens = (int64_t)job.ids.count;
    out->generate_s = gn_seconds() - told.start;
    out->first_s = told.tokens ? out->prompt_s + told.first - told.start : 0;

    /* What was sampled and shown, but for the end mark, is in the session. */
    passage p = {.id = a->answer, .from = a->said[a->n_said - 1].id, .kind = GN_WRITE, .state = s};
    size_t said = job.ids.count;
    if (ok && job.stopped == GN_STOP_EOS && said > 0)
        said--;
    const int64_t fed = gn_session_count(s) - before;
    const bool room = gn_session_count(s) + (int64_t)said - fed <= gn_engine_context(r->engine);
    if (ok && fed < (int64_t)said && room)
        ok = gn_session_feed(s, job.ids.id + fed, (int64_t)said - fed, GN_WRITE, NULL, NULL, e);
    if (ok && (!gn_ids_append(&p.ids, gn_session_ids(s) + before,
                              (size_t)(gn_session_count(s) - before))))
        ok = gn_fail(e, GN_NO_MEMORY, "conversation: out of memory");
    /* What these ids say, which after a stop string or half a character is not what
     * was shown: then the next question finds no passage to go on from, and reads. */
    ok = ok &&
         gn_decode(gn_engine_tokenizer(r->engine), p.ids.id, p.ids.count, false, &p.text, e) &&
         gn_str_ok(&p.text, e);
    p.end = end + p.text.len;
    out->used = gn_session_count(s);
    gn_job_release(&job);
    if (!ok) {
        release(&p);
        return false;
    }
    return keep_passage(r, p, e);
}

bool gn_reading_answer(gn_reading *r, const gn_ask *a, const gn_reading_hooks *h, gn_answered *out,
                       gn_error *e) {
    const double start = gn_seconds();
    const int64_t question = a->said[a->n_said - 1].id;
    feeding f = {.hooks = h, .chunk = 256};
    passage *seam = NULL, p = {.id = question, .from = -1};
    gn_str text = {0};
    gn_session *s = NULL;
    *out = (gn_answered){0};
    bool ok = render(r, a, &text, e) && find_seam(r, a, gn_str_slice(&text), &seam, &p.ids, e);
    if (ok) {
        f.all = (int64_t)p.ids.count;
        s = session_at(r, seam, &f, e);
        ok = s && feed(s, &p.ids, GN_READ, &f, e);
    }
    if (ok) {
        out->read = f.done;
        out->reused = gn_session_count(s) - f.done;
        out->prompt_s = gn_seconds() - start;
        p.end = text.len;
    }
    /* The question's own passage, unless it is read already (another answer to it). */
    if (ok && !(seam && seam->id == question)) {
        const gn_slice rest = gn_slice_from(gn_str_slice(&text), seam ? seam->end : 0);
        p.from = seam ? seam->id : -1;
        gn_str_add(&p.text, rest);
        ok = gn_str_ok(&p.text, e);
        if (ok) {
            ok = keep_passage(r, p, e);
            p = (passage){0};
        }
    }
    release(&p);
    passage *mine = ok ? find(r, question) : NULL;
    if (mine && !mine->state && is_wanted(a, question))
        ok = (mine->state = gn_session_fork(s, e)) != NULL;
    if (ok)
        ok = speak(r, a, s, text.len, h, out, e);
    else
        gn_session_free(s);
    trim(r, a, out);
    gn_str_release(&text);
    return ok;
}
