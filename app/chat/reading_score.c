/* reading_score.c - how likely was what was said: a turn's tokens, scored after all before it. */
#include "app/chat/reading_internal.h"

#include <math.h>

typedef struct scoring {
    const gn_reading *reading;
    const gn_reading_hooks *hooks;
    const gn_ids *ids; /* of the turn */
    gn_slice text;
    int k;
    size_t skipped; /* first tokens that nothing stands before */
    gn_tokens *out;
} scoring;

/* Where in what the ids spell the text stands: they may have marks around it. */
static size_t place_of(const scoring *s) {
    gn_str all = {0};
    gn_error e = {0};
    size_t at = 0;
    if (gn_decode(gn_engine_tokenizer(s->reading->engine), s->ids->id, s->ids->count, false, &all,
                  &e)) {
        const ptrdiff_t found = gn_slice_find(gn_str_slice(&all), s->text);
        at = found > 0 ? (size_t)found : 0;
    }
    gn_str_release(&all);
    return at;
}

static bool take(void *user, int i, const gn_score_answer *a) {
    scoring *s = user;
    const gn_tokenizer *t = gn_engine_tokenizer(s->reading->engine);
    const size_t before = place_of(s);
    gn_text_stream stream = {0};
    gn_str made = {0};
    bool ok = true;
    (void)i;
    s->out->k = s->k;
    for (size_t n = 0; ok && n < s->ids->count; n++) {
        gn_text_stream_add(&stream, gn_token_bytes(t, s->ids->id[n]), &made);
        const size_t end = made.len > before ? made.len - before : 0;
        gn_token_row row = {.id = s->ids->id[n],
                            .end = end < s->text.len ? end : s->text.len,
                            .score = {NAN, 0, NAN}};
        if (n >= s->skipped) {
            row.score = a->token[n - s->skipped];
            row.top = a->top + (n - s->skipped) * (size_t)s->k;
            row.n_top = s->k;
        }
        ok = gn_tokens_add(s->out, &row);
    }
    gn_str_release(&made);
    return ok;
}

static bool go_on(void *user, int64_t done, int64_t all) {
    const scoring *s = user;
    return s->hooks->reading(s->hooks->user, done, all);
}

/* A turn's tokens as they were read; none where that is not known. */
static const gn_ids *ids_of(const gn_reading *r, const gn_said *said) {
    const passage *p = gn_passage_find(r, said->id);
    return said->ids.count == 0 && p ? &p->ids : &said->ids;
}

/* Ids of the turns before the last. */
static bool before(const gn_reading *r, const gn_ask *a, gn_ids *out, gn_error *e) {
    for (size_t i = 0; i + 1 < a->n_said; i++) {
        const gn_said *said = &a->said[i];
        const gn_ids *ids = ids_of(r, said);
        if (ids->count == 0 && said->text.len > 0)
            return gn_fail(e, GN_INVALID,
                           "what stands before it was never read; answer it (/regen) first");
        if (!gn_ids_append(out, ids->id, ids->count))
            return gn_fail(e, GN_NO_MEMORY, "conversation: out of memory");
    }
    return true;
}

bool gn_reading_score(gn_reading *r, const gn_ask *a, const gn_reading_hooks *h, gn_tokens *out,
                      gn_error *e) {
    const gn_said *last = &a->said[a->n_said - 1];
    const int V = gn_engine_vocab(r->engine);
    gn_ids context = {0}, ids = {0};
    scoring s = {.reading = r,
                 .hooks = h,
                 .ids = &ids,
                 .text = gn_str_slice(&last->text),
                 .k = a->top < V ? a->top : V,
                 .out = out};
    gn_reading_enter(r, a);
    const gn_ids *own = ids_of(r, last);
    bool ok = before(r, a, &context, e);
    if (ok && own->count > 0)
        ok = gn_ids_append(&ids, own->id, own->count) ||
             gn_fail(e, GN_NO_MEMORY, "conversation: out of memory");
    else if (ok)
        ok = gn_encode(gn_engine_tokenizer(r->engine), s.text, 0, &ids, e);
    if (ok && ids.count == 0)
        ok = gn_fail(e, GN_INVALID, "it has no tokens");
    if (ok && context.count == 0) {
        ok = gn_ids_add(&context, ids.id[0]);
        s.skipped = 1;
    }
    if (ok) {
        const gn_score_request request = {.context = context.id,
                                          .n_context = (int64_t)context.count,
                                          .token = ids.id + s.skipped,
                                          .n_token = (int64_t)(ids.count - s.skipped),
                                          .top = s.k};
        const gn_score_hooks hooks = {.answer = take, .go_on = go_on, .user = &s};
        ok = gn_score(r->engine, &request, 1, false, &hooks, NULL, e);
    }
    if (ok && out->count == 0)
        ok = gn_fail(e, GN_CANCELLED, "stopped while reading");
    gn_ids_release(&context);
    gn_ids_release(&ids);
    return ok;
}
