/* reading_rig.h - an engine of the small chat model, and asking it below a transcript's head. */
#ifndef GN_TESTS_READING_RIG_H
#define GN_TESTS_READING_RIG_H

#include "app/chat/worker.h"
#include "tests/check.h"
#include "tests/unit/temporary.h"

#include "tests/unit/chat_model.h"

static inline gn_engine *open_engine(const char *content) {
    gn_error e = {0};
    const gn_engine_options o = {.threads = 1, .ctx = 700};
    gn_engine *g = gn_engine_open(put_chat_model(content), &o, &e);
    if (!CHECK(g != NULL)) {
        printf("  %s\n", e.message);
        exit(1);
    }
    return g;
}

/* ---- asking ------------------------------------------------------------- */

typedef struct heard {
    gn_str text;
    gn_tokens made;
    int64_t stop_at;   /* tokens; 0: never */
    int64_t cancel_at; /* tokens read; -1: never */
    int warm_from;     /* tokens: from there on not the likeliest alone; 0: never */
} heard;

static inline bool reading(void *user, int64_t done, int64_t all) {
    const heard *h = user;
    CHECK(done <= all);
    return h->cancel_at < 0 || done < h->cancel_at;
}

static inline bool said(void *user, const gn_spoken *s) {
    heard *h = user;
    gn_str_add(&h->text, s->text);
    CHECK(gn_tokens_add(&h->made, &s->token));
    return h->stop_at == 0 || s->tokens < h->stop_at;
}

static inline bool warm(void *user, gn_sampling *how) {
    const heard *h = user;
    if (h->warm_from == 0 || h->made.count != h->warm_from)
        return false;
    how->temp = 1.0f;
    return true;
}

static gn_error e;
static size_t budget = (size_t)1 << 30;

/* What the next answer begins with: ids (of the answer `like`, perhaps), then a text. */
static struct {
    const int32_t *id;
    size_t n;
    const char *prefix;
    int64_t like;
} beginning = {.like = -1};

/* Answer the question at t's head; the answer becomes head, unless it fails. */
static inline bool answer(gn_reading *r, gn_transcript *t, heard *h, gn_answered *out) {
    const gn_reading_hooks hooks = {.reading = reading, .spoken = said, .choose = warm, .user = h};
    const int64_t question = t->head;
    gn_ids path = {0};
    gn_ask *a = gn_ask_new();
    CHECK(gn_transcript_path(t, question, &path));
    for (size_t i = 0; i < path.count; i++)
        CHECK(gn_ask_say(a, path.id[i], t->turn[path.id[i]]->role,
                         gn_str_slice(&t->turn[path.id[i]]->text)));
    gn_turn *turn = gn_transcript_add(t, question, GN_ROLE_MODEL, (gn_slice){"", 0});
    CHECK(gn_transcript_keep(t, &a->keep));
    a->answer = turn->id;
    a->budget = budget;
    a->limit = 12;
    a->top = 4;
    a->like = beginning.like;
    CHECK(gn_ids_append(&a->begin, beginning.id, beginning.n));
    gn_str_puts(&a->prefix, beginning.prefix ? beginning.prefix : "");
    gn_str_cut(&h->text, 0);
    gn_tokens_release(&h->made);
    e = (gn_error){0};
    const bool ok = gn_reading_answer(r, a, &hooks, out, &e);
    if (ok)
        gn_str_add(&turn->text, gn_str_slice(&h->text));
    else
        t->head = question;
    gn_ids_release(&path);
    gn_ask_free(a);
    return ok;
}

static inline void ask(gn_transcript *t, const char *text) {
    if (t->head < 0)
        gn_transcript_add(t, -1, GN_ROLE_SYSTEM, (gn_slice){"", 0});
    gn_transcript_add(t, t->head, GN_ROLE_USER, gn_slice_of(text));
}

/* What a reading that knows nothing yet answers to the question that `id` answered. */
static inline void check_anew(gn_engine *g, gn_transcript *t, int64_t id) {
    gn_reading *fresh = gn_reading_new(g, &e);
    heard h = {.cancel_at = -1};
    gn_answered out;
    const int64_t head = t->head;
    t->head = t->turn[id]->parent;
    CHECK(answer(fresh, t, &h, &out) && out.reused == 0);
    CHECK_TEXT(gn_str_text(&h.text), gn_str_text(&t->turn[id]->text));
    t->head = head;
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_reading_free(fresh);
}

static const char *const question[] = {"the sea", "then why is that so?", "and the hills", "why",
                                       "tell me more of the other thing, the first one"};
enum { QUESTIONS = sizeof question / sizeof question[0] };

#endif
