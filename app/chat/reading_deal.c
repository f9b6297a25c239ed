/* reading_deal.c - which tokens of a conversation are whose. */
#include "app/chat/reading_internal.h"

/* Where what stands in front, the first n, ends: two turns said once and said twice tell how long
 * they are. Of a template that does not simply go on, where the first message begins to matter. */
static size_t end_of_leads(gn_reading *r, const gn_ask *a, size_t n, gn_slice text) {
    gn_error e = {0};
    gn_str once = {0}, twice = {0};
    size_t end = 0;
    if (gn_reading_render(r, a, n, 2, false, &once, &e) &&
        gn_reading_render(r, a, n, 4, false, &twice, &e) && 2 * once.len >= twice.len &&
        twice.len >= once.len) {
        const gn_slice both = gn_str_slice(&twice);
        end = 2 * once.len - twice.len;
        const gn_slice turns = gn_slice_from(gn_str_slice(&once), end);
        if (!gn_slice_starts(both, gn_str_slice(&once)) ||
            !gn_slice_equal(gn_slice_from(both, once.len), turns) ||
            !gn_slice_starts(text, (gn_slice){both.data, end}))
            end = 0;
    }
    gn_str_cut(&once, 0);
    if (end == 0 && (n > 1 || a->said[0].text.len > 0) &&
        gn_reading_render(r, a, n, 1, false, &once, &e))
        while (end < once.len && end < text.len && once.data[end] == text.data[end])
            end++;
    gn_str_release(&once);
    gn_str_release(&twice);
    return end;
}

/* Where a person's turn i, which begins at `begin`, ends and the model's begins. *mark: what
 * stands between the two; found once by rendering, then known. */
static size_t end_of_question(gn_reading *r, const gn_ask *a, size_t i, gn_slice text, size_t begin,
                              gn_slice *mark) {
    const gn_slice said = gn_str_slice(&a->said[i].text), rest = gn_slice_from(text, begin);
    const ptrdiff_t at = gn_slice_find(rest, said);
    const size_t after = at < 0 ? rest.len : (size_t)at + said.len;
    if (mark->len && gn_slice_starts(gn_slice_from(rest, after), *mark))
        return begin + after + mark->len;
    gn_error e = {0};
    gn_str some = {0};
    size_t end = begin;
    if (gn_reading_render(r, a, i + 1, 0, a->said[i + 1].role == GN_ROLE_MODEL, &some, &e) &&
        some.len >= begin && gn_slice_starts(text, gn_str_slice(&some))) {
        end = some.len;
        if (begin + after < end)
            *mark = (gn_slice){rest.data + after, end - begin - after};
    }
    gn_str_release(&some);
    return end;
}

/* Where in `text` turn i, which begins at `begin`, ends; `begin` when nobody can say. */
static size_t end_of(gn_reading *r, const gn_ask *a, size_t i, gn_slice text, size_t begin,
                     gn_slice *mark) {
    const gn_said *said = &a->said[i];
    if (i + 1 == a->n_said)
        return text.len;
    if (gn_role_leads(said->role))
        return begin == 0 && !gn_role_leads(a->said[i + 1].role) ? end_of_leads(r, a, i + 1, text)
                                                                 : begin;
    if (gn_role_asks(said->role))
        return end_of_question(r, a, i, text, begin, mark);
    return gn_slice_starts(gn_slice_from(text, begin), gn_str_slice(&said->text))
               ? begin + said->text.len
               : begin;
}

static bool no_memory(gn_error *e) {
    return gn_fail(e, GN_NO_MEMORY, "conversation: out of memory");
}

static gn_step_kind kind_of(const gn_said *said) {
    return said->role == GN_ROLE_MODEL && !said->typed ? GN_WRITE : GN_READ;
}

static bool set_ids(gn_ids *ids, const int32_t *id, size_t n) {
    ids->count = 0;
    return gn_ids_append(ids, id, n);
}

bool gn_reading_deal(gn_reading *r, gn_ask *a, gn_slice text, int64_t seam, const gn_ids *rest,
                     gn_error *e) {
    const gn_tokenizer *t = gn_engine_tokenizer(r->engine);
    size_t at = 0, used = 0, i = 0;
    int64_t from = -1;
    gn_slice mark = {0};
    for (; from != seam; i++) {
        const passage *p = gn_passage_find(r, a->said[i].id);
        if (p && !set_ids(&a->said[i].ids, p->ids.id, p->ids.count))
            return no_memory(e);
        from = a->said[i].id;
        at = p ? p->end : at;
    }
    for (; i < a->n_said; i++) {
        passage p = {.id = a->said[i].id, .from = from, .kind = kind_of(&a->said[i])};
        const bool last = i + 1 == a->n_said;
        const size_t begin = at, end = end_of(r, a, i, text, at, &mark), before = used;
        while (used < rest->count && (last || at < end))
            at += gn_token_bytes(t, rest->id[used++]).len;
        p.end = at = last || at > text.len ? text.len : at;
        gn_str_add(&p.text, (gn_slice){text.data + begin, at - begin});
        if (!set_ids(&p.ids, rest->id + before, used - before) ||
            !set_ids(&a->said[i].ids, rest->id + before, used - before) || p.text.failed) {
            gn_passage_release(&p);
            return no_memory(e);
        }
        from = p.id;
        if (!gn_passage_keep(r, p, e))
            return false;
    }
    return true;
}

bool gn_reading_remember(gn_reading *r, const gn_ask *a, gn_error *e) {
    size_t end = 0;
    int64_t from = -1;
    for (size_t i = 0; i < a->n_said; i++) {
        const gn_said *said = &a->said[i];
        const passage *known = gn_passage_find(r, said->id);
        if (!known) {
            passage p = {.id = said->id, .from = from, .kind = kind_of(said)};
            /* No tokens: nothing to read, if what follows was read (of what stands in front the
             * last has them all); else new from here on. */
            const gn_said *next = i + 1 < a->n_said ? said + 1 : NULL;
            const bool leads = next && gn_role_leads(next->role);
            if (said->ids.count == 0 && !leads &&
                (said->text.len > 0 || !next || next->ids.count == 0))
                return true;
            gn_error foreign = {0}; /* tokens of another vocabulary: read anew */
            if (!gn_ids_append(&p.ids, said->ids.id, said->ids.count) ||
                !gn_decode(gn_engine_tokenizer(r->engine), p.ids.id, p.ids.count, false, &p.text,
                           &foreign) ||
                p.text.failed) {
                gn_passage_release(&p);
                return true;
            }
            p.end = end + p.text.len;
            if (!gn_passage_keep(r, p, e))
                return false;
            known = gn_passage_find(r, said->id);
        }
        end = known->end;
        from = known->id;
    }
    return true;
}

bool gn_reading_spell(gn_reading *r, passage *p, gn_slice shown, bool *elsewhere, gn_error *e) {
    gn_tokenizer *t = gn_engine_tokenizer(r->engine);
    size_t same = 0, count = 0;
    bool ok = gn_decode(t, p->ids.id, p->ids.count, false, &p->text, e) && gn_str_ok(&p->text, e);
    *elsewhere = ok && !gn_slice_equal(gn_str_slice(&p->text), shown);
    if (!*elsewhere)
        return ok;
    for (; count < p->ids.count; count++) {
        const gn_slice bytes = gn_token_bytes(t, p->ids.id[count]);
        if (!gn_slice_starts(gn_slice_from(shown, same), bytes))
            break;
        same += bytes.len;
    }
    p->ids.count = count;
    gn_str_cut(&p->text, 0);
    return gn_encode(t, gn_slice_from(shown, same), GN_LITERAL, &p->ids, e) &&
           gn_decode(t, p->ids.id, p->ids.count, false, &p->text, e) && gn_str_ok(&p->text, e);
}
