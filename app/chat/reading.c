/* reading.c - see reading.h. */
#include "app/chat/reading_internal.h"

#include "app/chat/lead.h"

#include <stdlib.h>

gn_ask *gn_ask_new(void) {
    gn_ask *a = calloc(1, sizeof *a);
    if (a)
        a->like = -1;
    return a;
}

bool gn_ask_say(gn_ask *a, int64_t id, gn_role role, gn_slice text) {
    gn_said *said = realloc(a->said, (a->n_said + 1) * sizeof *said);
    if (!said)
        return false;
    a->said = said;
    a->said[a->n_said] = (gn_said){.id = id, .role = role};
    gn_str_add(&a->said[a->n_said].text, text);
    return !a->said[a->n_said++].text.failed;
}

bool gn_ask_known(gn_ask *a, const gn_ids *ids, bool typed) {
    gn_said *said = &a->said[a->n_said - 1];
    said->typed = typed;
    said->ids.count = 0;
    return gn_ids_append(&said->ids, ids->id, ids->count);
}

void gn_ask_free(gn_ask *a) {
    if (!a)
        return;
    for (size_t i = 0; i < a->n_said; i++)
        gn_str_release(&a->said[i].text), gn_ids_release(&a->said[i].ids);
    free(a->said);
    gn_ids_release(&a->keep);
    gn_ids_release(&a->answered);
    gn_ids_release(&a->held);
    gn_ids_release(&a->begin);
    gn_str_release(&a->prefix);
    free(a);
}

gn_reading *gn_reading_new(gn_engine *g, gn_error *e) {
    gn_reading *r = calloc(1, sizeof *r);
    if (!r)
        gn_fail(e, GN_NO_MEMORY, "conversation: out of memory");
    else
        *r = (gn_reading){.engine = g, .expected = -1};
    return r;
}

void gn_passage_release(passage *p) {
    gn_str_release(&p->text);
    gn_ids_release(&p->ids);
    gn_session_free(p->state);
    *p = (passage){0};
}

static void forget(gn_reading *r) {
    for (size_t i = 0; i < r->count; i++)
        gn_passage_release(&r->passage[i]);
    r->count = r->places = 0;
    r->expected = -1;
}

void gn_reading_enter(gn_reading *r, const gn_ask *a) {
    if (r->conversation != a->conversation)
        forget(r);
    r->conversation = a->conversation;
}

void gn_reading_free(gn_reading *r) {
    if (!r)
        return;
    forget(r);
    free(r->passage);
    free(r->place);
    free(r);
}

passage *gn_passage_find(const gn_reading *r, int64_t id) {
    return id >= 0 && (size_t)id < r->places && r->place[id] ? &r->passage[r->place[id] - 1] : NULL;
}

static bool make_place(gn_reading *r, int64_t id) {
    if (!gn_vec_reserve(&r->place, &r->place_room, (size_t)id + 1, sizeof *r->place))
        return false;
    while (r->places <= (size_t)id)
        r->place[r->places++] = 0;
    return true;
}

bool gn_passage_keep(gn_reading *r, passage p, gn_error *e) {
    passage *old = gn_passage_find(r, p.id);
    if (old) {
        gn_passage_release(old);
        *old = p;
        return true;
    }
    if (!make_place(r, p.id) ||
        !gn_vec_reserve(&r->passage, &r->room, r->count + 1, sizeof *r->passage)) {
        gn_passage_release(&p);
        return gn_fail(e, GN_NO_MEMORY, "conversation: out of memory");
    }
    r->passage[r->count++] = p;
    r->place[p.id] = (uint32_t)r->count;
    return true;
}

static bool add_message(gn_arena *arena, gn_value *messages, gn_role role, gn_slice text) {
    gn_value *m = gn_value_map(arena);
    return gn_value_set(arena, m, GN_S("role"),
                        gn_value_borrow(arena, gn_slice_of(gn_role_name(role)))) &&
           gn_value_set(arena, m, GN_S("content"), gn_value_borrow(arena, text)) &&
           gn_value_add(arena, messages, m);
}

bool gn_reading_render(gn_reading *r, const gn_ask *a, size_t n, int more, bool prompt, gn_str *out,
                       gn_error *e) {
    gn_arena arena = {0};
    gn_value *vars = gn_value_map(&arena), *messages = gn_value_list(&arena);
    bool ok = gn_value_set(&arena, vars, GN_S("messages"), messages);
    for (size_t i = 0; ok && i < n; i++) {
        const gn_said *said = &a->said[i];
        const gn_slice text = gn_str_slice(&said->text);
        if (said->role == GN_ROLE_TOOLS || said->role == GN_ROLE_DOCUMENT)
            ok = gn_lead_apply(&arena, vars, said->role, text, e);
        else if (said->role != GN_ROLE_SYSTEM || text.len > 0) /* "": the template's own */
            ok = add_message(&arena, messages, said->role, text);
    }
    for (int i = 0; ok && i < more; i++)
        ok = add_message(&arena, messages, i % 2 ? GN_ROLE_MODEL : GN_ROLE_USER, GN_S("a"));
    if (!ok && e->code == GN_OK)
        gn_fail(e, GN_NO_MEMORY, "conversation: out of memory");
    ok = ok && gn_chat_render(r->engine, vars, prompt, out, e) && gn_str_ok(out, e);
    gn_arena_release(&arena);
    return ok;
}

/* Does all text up to p's end begin `text`? */
static bool begins(const gn_reading *r, const passage *p, gn_slice text) {
    size_t end = p->end;
    for (; p; p = gn_passage_find(r, p->from)) {
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

/* Bytes of p's text from its last special token on; 0: there is none. *n: tokens there. */
static size_t tail_of(const gn_reading *r, const passage *p, size_t *n) {
    const gn_tokenizer *t = gn_engine_tokenizer(r->engine);
    size_t bytes = 0;
    for (size_t i = p->ids.count; p->kind == GN_READ && i-- > 0;) {
        bytes += gn_token_bytes(t, p->ids.id[i]).len;
        *n = p->ids.count - i;
        if (gn_token_is_added(t, p->ids.id[i]))
            return bytes <= p->text.len ? bytes : 0;
    }
    return 0;
}

/* Ids of what follows p, if they can be told apart from p's own. */
static bool seam_holds(gn_reading *r, const passage *p, gn_slice text, gn_ids *rest, bool *holds,
                       gn_error *e) {
    gn_tokenizer *t = gn_engine_tokenizer(r->engine);
    size_t n = 0;
    rest->count = 0;
    if (!gn_encode(t, gn_slice_from(text, p->end), 0, rest, e))
        return false;
    *holds = rest->count == 0 || gn_token_is_added(t, rest->id[0]);
    const size_t tail = *holds ? 0 : tail_of(r, p, &n);
    if (tail == 0)
        return true;
    rest->count = 0;
    if (!gn_encode(t, gn_slice_from(text, p->end - tail), 0, rest, e))
        return false;
    const int32_t *own = p->ids.id + p->ids.count - n;
    *holds = rest->count > n && memcmp(rest->id, own, n * sizeof *own) == 0;
    if (*holds) {
        rest->count -= n;
        memmove(rest->id, rest->id + n, rest->count * sizeof *rest->id);
    }
    return true;
}

/* The last passage of the conversation from which one can go on; *rest: ids after it. */
static bool find_seam(gn_reading *r, const gn_ask *a, gn_slice text, passage **seam, gn_ids *rest,
                      gn_error *e) {
    for (size_t i = a->n_said; i-- > 0;) {
        passage *p = gn_passage_find(r, a->said[i].id);
        bool holds;
        if (!p || !begins(r, p, text))
            continue;
        if (!seam_holds(r, p, text, rest, &holds, e))
            return false;
        if (holds) {
            *seam = p;
            return true;
        }
    }
    *seam = NULL;
    rest->count = 0;
    return gn_encode(gn_engine_tokenizer(r->engine), text, 0, rest, e);
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

/* And one to be generated. */
static bool fits(const gn_reading *r, int64_t tokens, gn_answered *out, gn_error *e) {
    out->full = tokens >= gn_engine_context(r->engine);
    out->used = tokens;
    return tokens < gn_engine_context(r->engine) ||
           gn_fail(e, GN_INVALID,
                   "the conversation would have %lld tokens, which do not fit the context of %lld",
                   (long long)tokens, (long long)gn_engine_context(r->engine));
}

/* Most turns back for which a state is looked for on disk. */
enum { LOOK_BACK = 256 };

static int64_t name_of(const gn_reading *r, int64_t turn) {
    return (int64_t)r->conversation << GN_TURN_BITS | turn;
}

/* The state at the end of p, from disk. */
static gn_session *from_disk(gn_reading *r, const passage *p) {
    gn_ids ids = {0};
    gn_session *s = NULL;
    const passage *chain[4096];
    int n = 0;
    for (const passage *q = p; q && n < 4096; q = gn_passage_find(r, q->from))
        chain[n++] = q;
    bool ok = n < 4096;
    while (ok && n-- > 0)
        ok = gn_ids_append(&ids, chain[n]->ids.id, chain[n]->ids.count);
    if (ok)
        s = gn_statecache_load(r->cache, ids.id, ids.count, name_of(r, p->id));
    gn_ids_release(&ids);
    return s;
}

/* The state at the end of p. An answer that repeats another is that one's turn, and the state it left
 * under its own name is here. NULL: there is none in memory. */
static const gn_session *state_at(gn_reading *r, passage *p) {
    for (size_t i = 0; !p->state && i < r->count; i++) {
        passage *q = &r->passage[i];
        if (q->state && q->from == p->from && q->kind == p->kind && q->ids.count == p->ids.count &&
            memcmp(q->ids.id, p->ids.id, p->ids.count * sizeof *p->ids.id) == 0) {
            p->state = q->state;
            q->state = NULL;
        }
    }
    return p->state;
}

/* A session that has read everything up to the end of `seam` (NULL: nothing). */
static gn_session *session_at(gn_reading *r, passage *seam, feeding *f, gn_error *e) {
    passage *chain[4096];
    int n = 0;
    passage *stop = seam;
    gn_session *s = NULL;
    while (stop && !state_at(r, stop) && n < 4096) {
        if (r->cache && n < LOOK_BACK && (s = from_disk(r, stop)))
            break; /* not kept here, too: it is there to be had again */
        chain[n++] = stop;
        stop = gn_passage_find(r, stop->from);
    }
    if (stop && !stop->state && !s) {
        gn_fail(e, GN_UNSUPPORTED, "conversation: more than 4096 turns without a kept state");
        return NULL;
    }
    for (int i = 0; i < n; i++)
        f->all += (int64_t)chain[i]->ids.count;
    if (!s)
        s = stop ? gn_session_fork(stop->state, e) : gn_session_new(r->engine, e);
    for (int i = n; s && i-- > 0;)
        if (!feed(s, &chain[i]->ids, chain[i]->kind, f, e)) {
            gn_session_free(s);
            s = NULL;
        }
    return s;
}

void gn_reading_use(gn_reading *r, gn_statecache *cache) { r->cache = cache; }

bool gn_reading_save(gn_reading *r, int64_t turn, bool pinned, bool wait) {
    passage *p = gn_passage_find(r, turn);
    if (p && !state_at(r, p) &&
        !pinned) /* cut in the middle of a character: its question's, then */
        p = gn_passage_find(r, p->from);
    return !r->cache || !p || !p->state ||
           gn_statecache_save(r->cache, p->state, name_of(r, p->id), pinned, wait);
}

void gn_reading_ready(gn_reading *r, int64_t turn) {
    passage *p = gn_passage_find(r, turn);
    gn_error e = {0}; /* what comes next is told */
    if (p && state_at(r, p))
        gn_session_free(
            gn_session_fork(p->state, &e)); /* the device keeps what was last given back */
}

void gn_reading_expect(gn_reading *r, const gn_ask *a) {
    const int64_t last = a->said[a->n_said - 1].id;
    gn_error e = {0}; /* what comes next is told */
    gn_reading_enter(r, a);
    passage *p = gn_reading_remember(r, a, &e) ? gn_passage_find(r, last) : NULL;
    passage *before = r->expected != last ? gn_passage_find(r, r->expected) : NULL;
    if (before) { /* one who looks around fills no memory */
        gn_session_free(before->state);
        before->state = NULL;
    }
    if (p && r->cache && !state_at(r, p)) {
        p->state = from_disk(r, p);
        r->expected = last;
    }
    gn_reading_ready(r, last);
}

/* ---- keeping ------------------------------------------------------------ */

/* Drop states that are not asked for, and the least useful past the budget. */
static void trim(gn_reading *r, gn_ask *a, gn_answered *out) {
    size_t sum = 0;
    r->expected = -1;
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
        passage *p = gn_passage_find(r, a->keep.id[k]);
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
        gn_ids_add(&a->held, (int32_t)p->id); /* without room for it, it is told to be elsewhere */
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
    const gn_tokenizer *tokenizer;
    int64_t tokens;
    double start, first;   /* seconds */
    size_t before;         /* bytes of the answer that the job does not know of */
    gn_text_stream stream; /* what the beginning says; holds a character it left incomplete */
    gn_str whole;          /* that character, and what came with it */
    gn_str shown;          /* all that was told of the answer, and what it began with */
    gn_reading *reading;
    gn_changes *changes;
    const gn_ask *ask; /* whose question's state is still to be kept; NULL: none */
} speaking;

static void keep_later(speaking *s, const gn_session *at);

/* A character that the beginning left incomplete is put together here, not by the job. */
static gn_slice completed(speaking *s, const gn_job *j, const gn_token *t) {
    if (s->stream.n == 0)
        return t->text;
    gn_str_cut(&s->whole, 0);
    if (j->stopped == GN_STOP_EOS)
        gn_text_stream_end(&s->stream, &s->whole);
    else
        gn_text_stream_add(&s->stream, gn_token_bytes(s->tokenizer, t->id), &s->whole);
    s->before += s->whole.len - t->text.len;
    return gn_str_slice(&s->whole);
}

static bool on_token(void *user, gn_job *j, const gn_token *t) {
    speaking *s = user;
    const gn_slice text = completed(s, j, t);
    const gn_spoken now = {
        .text = text,
        .tokens = ++s->tokens,
        .seconds = gn_seconds() - s->start,
        .token = {t->id, s->before + j->text.len, t->score, t->top, t->after, t->n_top}};
    if (s->tokens == 1)
        s->first = gn_seconds();
    gn_str_add(&s->shown, text);
    const bool on = s->hooks->spoken(s->hooks->user, &now);
    keep_later(s, j->session);
    gn_sampling how = j->sampling;
    if (s->hooks->choose && s->hooks->choose(s->hooks->user, &how)) {
        how.seed = j->sampling.seed;
        if (s->changes->n == 0)
            gn_changes_add(s->changes, 0, &j->sampling);
        gn_changes_add(s->changes, s->tokens, &how);
        j->sampling = how;
    }
    return on;
}

/* Tell a token of the prefix, as if it had been drawn after what s has read. */
static bool tell_given(const gn_reading *r, const gn_ask *a, const gn_session *s, int32_t id,
                       speaking *told, gn_error *e) {
    const int V = gn_engine_vocab(r->engine), k = a->top < V ? a->top : V;
    gn_top *top = malloc((size_t)k * sizeof *top + 1);
    gn_fate *after = malloc((size_t)k * sizeof *after + 1);
    gn_spoken now = {.token = {.id = id, .top = top, .after = after, .n_top = k}};
    bool ok = top && after
                  ? gn_sampling_score(&a->sampling, gn_session_logits(s), V, gn_session_ids(s),
                                      gn_session_count(s), id, &now.token.score, top, after, k, e)
                  : gn_fail(e, GN_NO_MEMORY, "conversation: out of memory");
    if (ok) {
        gn_str_cut(&told->whole, 0);
        gn_text_stream_add(&told->stream, gn_token_bytes(told->tokenizer, id), &told->whole);
        now.text = gn_str_slice(&told->whole);
        gn_str_add(&told->shown, now.text);
        now.token.end = told->before += now.text.len;
        ok = told->hooks->spoken(told->hooks->user, &now) ||
             gn_fail(e, GN_CANCELLED, "stopped while reading");
    }
    free(top);
    free(after);
    return ok;
}

/* Read what the answer begins with, but for the first `known` of a->begin. */
static bool begin(gn_reading *r, const gn_ask *a, gn_session *s, size_t known, const gn_ids *prefix,
                  feeding *f, speaking *told, gn_error *e) {
    const gn_ids rest = {.id = a->begin.id + known, .count = a->begin.count - known};
    for (size_t i = 0; i < a->begin.count; i++)
        gn_text_stream_add(&told->stream, gn_token_bytes(told->tokenizer, a->begin.id[i]),
                           &told->whole);
    told->before = told->whole.len;
    gn_str_add(&told->shown, gn_str_slice(&told->whole));
    if (!feed(s, &rest, GN_WRITE, f, e))
        return false;
    for (size_t i = 0; i < prefix->count; i++) {
        const gn_ids one = {.id = prefix->id + i, .count = 1};
        if (!tell_given(r, a, s, prefix->id[i], told, e) || !feed(s, &one, GN_WRITE, f, e))
            return false;
    }
    return gn_str_ok(&told->whole, e);
}

/* Generate from s, and keep what was said from `from` on as the answer's passage. Takes s. */
static bool speak(gn_reading *r, gn_ask *a, gn_session *s, int64_t from, size_t end, speaking *told,
                  gn_answered *out, gn_error *e) {
    const int64_t before = gn_session_count(s);
    const gn_generate_hooks hooks = {.token = on_token, .user = told};
    gn_job job = {.session = s,
                  .limit = a->limit > 0   ? a->limit
                           : a->limit < 0 ? 0
                                          : -1,
                  .sampling = a->sampling,
                  .stop = a->stop,
                  .n_stop = a->n_stop,
                  .top = a->top < gn_engine_vocab(r->engine) ? a->top : gn_engine_vocab(r->engine)};
    gn_job *jobs[] = {&job};
    told->start = gn_seconds();
    bool ok = gn_generate(r->engine, jobs, 1, &hooks, e);
    if (job.ids.count == 0)
        keep_later(told, s);
    if (ok && job.error.code != GN_OK) {
        *e = job.error;
        ok = false;
    }
    out->stop = job.stopped;
    out->tokens = (int64_t)job.ids.count;
    out->generate_s = gn_seconds() - told->start;
    out->first_s = told->tokens ? out->prompt_s + told->first - told->start : 0;

    /* What was sampled and shown, but for the end mark, is in the session. */
    passage p = {.id = a->answer, .from = a->said[a->n_said - 1].id, .kind = GN_WRITE, .state = s};
    size_t said = job.ids.count;
    if (ok && job.stopped == GN_STOP_EOS && said > 0)
        said--;
    const int64_t fed = gn_session_count(s) - before;
    const bool room = gn_session_count(s) + (int64_t)said - fed <= gn_engine_context(r->engine);
    if (ok && fed < (int64_t)said && room)
        ok = gn_session_feed(s, job.ids.id + fed, (int64_t)said - fed, GN_WRITE, NULL, NULL, e);
    if (ok &&
        (!gn_ids_append(&p.ids, gn_session_ids(s) + from, (size_t)(gn_session_count(s) - from))))
        ok = gn_fail(e, GN_NO_MEMORY, "conversation: out of memory");
    bool elsewhere = false;
    ok = ok && gn_str_ok(&told->shown, e) &&
         gn_reading_spell(r, &p, gn_str_slice(&told->shown), &elsewhere, e) &&
         (gn_ids_append(&a->answered, p.ids.id, p.ids.count) ||
          gn_fail(e, GN_NO_MEMORY, "conversation: out of memory"));
    p.end = end + p.text.len;
    out->used = from + (int64_t)p.ids.count;
    if (elsewhere) {
        gn_session_free(p.state);
        p.state = NULL;
    }
    gn_job_release(&job);
    if (!ok) {
        gn_passage_release(&p);
        return false;
    }
    return gn_passage_keep(r, p, e);
}

/* The passage of the answer that this one begins as, if the model's state is kept there. */
static const passage *alike(gn_reading *r, const gn_ask *a, const passage *seam) {
    passage *p = gn_passage_find(r, a->like);
    const bool same = p && state_at(r, p) && seam && seam->id == a->said[a->n_said - 1].id &&
                      p->from == seam->id && p->ids.count <= a->begin.count &&
                      memcmp(p->ids.id, a->begin.id, p->ids.count * sizeof *p->ids.id) == 0;
    return same ? p : NULL;
}

/* Tokens of all passages up to the end of p. */
static int64_t tokens_up_to(const gn_reading *r, const passage *p) {
    int64_t all = 0;
    for (; p; p = gn_passage_find(r, p->from))
        all += (int64_t)p->ids.count;
    return all;
}

/* The state s at the question's end, if it is wanted. */
static bool keep_question(gn_reading *r, const gn_ask *a, const gn_session *s, gn_error *e) {
    passage *mine = gn_passage_find(r, a->said[a->n_said - 1].id);
    return !mine || mine->state || !is_wanted(a, mine->id) ||
           (mine->state = gn_session_fork(s, e)) != NULL;
}

/* The same once the first word is told, which comes before it is read: a copy takes as long as a
 * person notices. Without memory for it, it is not kept. */
static void keep_later(speaking *s, const gn_session *at) {
    gn_error e = {0};
    if (s->ask)
        keep_question(s->reading, s->ask, at, &e);
    s->ask = NULL;
}

/* What was dealt to the turns after `seam`, with the states at the ends of those that are wanted:
 * what stands in front, above all, which other conversations begin with. */
static bool read_rest(gn_reading *r, const gn_ask *a, int64_t seam, gn_session *s, feeding *f,
                      gn_error *e) {
    bool after = seam < 0;
    for (size_t i = 0; i < a->n_said; i++) {
        passage *p = gn_passage_find(r, a->said[i].id);
        if (after && p) {
            if (!feed(s, &p->ids, GN_READ, f, e))
                return false;
            if (p->ids.count > 0 && i + 1 < a->n_said && !p->state && is_wanted(a, p->id) &&
                !(p->state = gn_session_fork(s, e)))
                return false;
        }
        after = after || a->said[i].id == seam;
    }
    return true;
}

/* A conversation that is new may begin as another did: the last state on disk of its turns. *at: the
 * turn it is at the end of. */
static gn_session *begun_elsewhere(gn_reading *r, const gn_ask *a, const gn_ids *all, int64_t *at) {
    for (size_t i = a->n_said; r->cache && i-- > 0;) {
        const passage *p = gn_passage_find(r, a->said[i].id);
        gn_session *s = p && a->n_said - i < LOOK_BACK && p->ids.count > 0 ? from_disk(r, p) : NULL;
        if (!s)
            continue;
        const size_t n = (size_t)gn_session_count(s);
        if (n > all->count || memcmp(gn_session_ids(s), all->id, n * sizeof *all->id) != 0) {
            gn_session_free(s);
            continue;
        }
        *at = p->id;
        return s;
    }
    return NULL;
}

bool gn_reading_only(gn_reading *r, gn_ask *a, const gn_reading_hooks *h, gn_answered *out,
                     gn_error *e) {
    const double start = gn_seconds();
    const int64_t last = a->said[a->n_said - 1].id;
    feeding f = {.hooks = h, .chunk = 256};
    passage *seam = NULL;
    gn_str text = {0};
    gn_ids rest = {0};
    gn_session *s = NULL;
    *out = (gn_answered){0};
    gn_reading_enter(r, a);
    bool ok = gn_reading_remember(r, a, e) &&
              gn_reading_render(r, a, a->n_said, 0, false, &text, e) &&
              find_seam(r, a, gn_str_slice(&text), &seam, &rest, e) &&
              fits(r, tokens_up_to(r, seam) + (int64_t)rest.count, out, e);
    int64_t at = seam ? seam->id : -1;
    ok = ok && gn_reading_deal(r, a, gn_str_slice(&text), at, &rest, e);
    if (ok && h->heard)
        h->heard(h->user, a);
    seam = gn_passage_find(r, at);
    if (ok) {
        s = seam ? NULL : begun_elsewhere(r, a, &rest, &at);
        f.all = (int64_t)rest.count - (s ? gn_session_count(s) : 0);
        s = s ? s : session_at(r, seam, &f, e);
        ok = s && read_rest(r, a, at, s, &f, e);
    }
    passage *mine = ok ? gn_passage_find(r, last) : NULL;
    if (mine) {
        out->read = f.done;
        out->reused = gn_session_count(s) - f.done;
        out->used = gn_session_count(s);
        out->prompt_s = gn_seconds() - start;
        gn_session_free(mine->state);
        mine->state = s;
        s = NULL;
        if (!a->off_disk)
            gn_reading_save(r, last, true, true);
    }
    gn_session_free(s);
    trim(r, a, out);
    gn_str_release(&text);
    gn_ids_release(&rest);
    return ok;
}

bool gn_reading_answer(gn_reading *r, gn_ask *a, const gn_reading_hooks *h, gn_answered *out,
                       gn_error *e) {
    const double start = gn_seconds();
    feeding f = {.hooks = h, .chunk = 256};
    speaking told = {.hooks = h,
                     .tokenizer = gn_engine_tokenizer(r->engine),
                     .reading = r,
                     .changes = &out->changes};
    passage *seam = NULL;
    gn_str text = {0};
    gn_ids prefix = {0}, rest = {0};
    gn_session *s = NULL;
    size_t known = 0; /* tokens of the beginning that s has read */
    int64_t from = 0; /* where in s the answer begins */
    *out = (gn_answered){0};
    gn_reading_enter(r, a);
    bool ok = gn_reading_remember(r, a, e) &&
              gn_reading_render(r, a, a->n_said, 0, true, &text, e) &&
              find_seam(r, a, gn_str_slice(&text), &seam, &rest, e) &&
              gn_encode(gn_engine_tokenizer(r->engine), gn_str_slice(&a->prefix), 0, &prefix, e);
    out->begun = (int64_t)(a->begin.count + prefix.count);
    ok = ok && fits(r, tokens_up_to(r, seam) + (int64_t)rest.count + out->begun, out, e);
    int64_t at = seam ? seam->id : -1;
    ok = ok && gn_reading_deal(r, a, gn_str_slice(&text), at, &rest, e);
    if (ok && h->heard)
        h->heard(h->user, a);
    seam = gn_passage_find(r, at);
    const passage *as = ok ? alike(r, a, seam) : NULL;
    if (as) {
        known = as->ids.count;
        f.all = out->begun - (int64_t)known;
        s = gn_session_fork(as->state, e);
        from = s ? gn_session_count(s) - (int64_t)known : 0;
        ok = s != NULL;
    } else if (ok) {
        s = seam ? NULL : begun_elsewhere(r, a, &rest, &at);
        f.all = (int64_t)rest.count + out->begun - (s ? gn_session_count(s) : 0);
        s = s ? s : session_at(r, seam, &f, e);
        ok = s && read_rest(r, a, at, s, &f, e);
        if (ok)
            from = gn_session_count(s);
        const bool later = a->begin.count == 0 && prefix.count == 0;
        told.ask = later ? a : NULL;
        ok = ok && (later || keep_question(r, a, s, e));
    }
    ok = ok && begin(r, a, s, known, &prefix, &f, &told, e);
    if (ok) {
        out->read = f.done;
        out->reused = gn_session_count(s) - f.done;
        out->prompt_s = gn_seconds() - start;
        ok = speak(r, a, s, from, text.len, &told, out, e);
    } else
        gn_session_free(s);
    trim(r, a, out);
    gn_str_release(&told.whole);
    gn_str_release(&told.shown);
    gn_str_release(&text);
    gn_ids_release(&prefix);
    gn_ids_release(&rest);
    return ok;
}
