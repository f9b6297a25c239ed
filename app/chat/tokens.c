/* tokens.c - see tokens.h. */
#include "app/chat/tokens.h"

#include <math.h>

/* ---- tokens ------------------------------------------------------------- */

static bool reserve(gn_tokens *t, size_t count) {
    size_t ids = t->room, ends = t->room, scores = t->room;
    const size_t k = (size_t)t->k;
    if (!gn_vec_reserve(&t->id, &ids, count, sizeof *t->id) ||
        !gn_vec_reserve(&t->end, &ends, count, sizeof *t->end) ||
        !gn_vec_reserve(&t->score, &scores, count, sizeof *t->score))
        return false;
    t->room = scores;
    return gn_vec_reserve(&t->top, &t->top_room, count * k, sizeof *t->top) &&
           gn_vec_reserve(&t->after, &t->after_room, count * k, sizeof *t->after);
}

bool gn_tokens_add(gn_tokens *t, const gn_token_row *row) {
    if (t->count == 0 && t->k == 0)
        t->k = row->n_top;
    if (!reserve(t, (size_t)t->count + 1))
        return false;
    const size_t at = (size_t)t->count * (size_t)t->k;
    t->id[t->count] = row->id;
    t->end[t->count] = row->end;
    t->score[t->count] = row->score;
    for (int i = 0; i < t->k; i++) {
        const bool known = i < row->n_top;
        t->top[at + (size_t)i] = known ? row->top[i] : (gn_top){-1, -INFINITY};
        t->after[at + (size_t)i] = known && row->after ? row->after[i] : (gn_fate){NAN, 0};
    }
    t->count++;
    return true;
}

gn_token_row gn_tokens_at(const gn_tokens *t, int i) {
    const size_t at = (size_t)i * (size_t)t->k;
    return (gn_token_row){.id = t->id[i],
                          .end = t->end[i],
                          .score = t->score[i],
                          .top = t->k ? t->top + at : NULL,
                          .after = t->k ? t->after + at : NULL,
                          .n_top = t->k};
}

bool gn_tokens_append(gn_tokens *t, const gn_tokens *more) {
    for (int i = 0; i < more->count; i++) {
        const gn_token_row row = gn_tokens_at(more, i);
        if (!gn_tokens_add(t, &row))
            return false;
    }
    return true;
}

void gn_tokens_cut(gn_tokens *t, int count) {
    if (count < t->count)
        t->count = count;
}

void gn_tokens_release(gn_tokens *t) {
    free(t->id);
    free(t->end);
    free(t->score);
    free(t->top);
    free(t->after);
    *t = (gn_tokens){0};
}

size_t gn_tokens_bytes(const gn_tokens *t) {
    return t->room * (sizeof *t->id + sizeof *t->end + sizeof *t->score) +
           t->top_room * sizeof *t->top + t->after_room * sizeof *t->after;
}

int gn_tokens_find(const gn_tokens *t, size_t i) {
    int low = 0, high = t->count;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (t->end[middle] <= i)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int gn_tokens_sum(const gn_tokens *t, double *sum) {
    int n = 0;
    *sum = 0;
    for (int i = 0; i < t->count; i++)
        if (!isnan(t->score[i].logprob)) {
            *sum += (double)t->score[i].logprob;
            n++;
        }
    return n;
}

/* ---- vocabulary --------------------------------------------------------- */

gn_vocabulary *gn_vocabulary_new(void) { return calloc(1, sizeof(gn_vocabulary)); }

void gn_vocabulary_free(gn_vocabulary *v) {
    if (!v)
        return;
    free(v->end);
    free(v->mark);
    gn_str_release(&v->bytes);
    free(v);
}

bool gn_vocabulary_add(gn_vocabulary *v, gn_slice bytes, bool mark) {
    const size_t need = (size_t)v->count + 1;
    if (!gn_vec_reserve(&v->end, &v->end_room, need, sizeof *v->end) ||
        !gn_vec_reserve(&v->mark, &v->mark_room, need, sizeof *v->mark))
        return false;
    gn_str_add(&v->bytes, bytes);
    if (v->bytes.failed || v->bytes.len > UINT32_MAX)
        return false;
    v->end[v->count] = (uint32_t)v->bytes.len;
    v->mark[v->count++] = mark;
    return true;
}

gn_vocabulary *gn_vocabulary_of(gn_engine *g, gn_error *e) {
    const gn_tokenizer *t = gn_engine_tokenizer(g);
    gn_vocabulary *v = gn_vocabulary_new();
    bool ok = v != NULL;
    for (int id = 0; ok && t && id < gn_engine_vocab(g); id++)
        ok = gn_vocabulary_add(v, gn_token_bytes(t, id), gn_token_is_added(t, id));
    if (ok)
        return v;
    gn_vocabulary_free(v);
    gn_fail(e, GN_NO_MEMORY, "vocabulary: out of memory");
    return NULL;
}

gn_vocabulary *gn_vocabulary_copy(const gn_vocabulary *v) {
    gn_vocabulary *copy = v ? gn_vocabulary_new() : NULL;
    for (int id = 0; copy && id < v->count; id++)
        if (!gn_vocabulary_add(copy, gn_vocabulary_bytes(v, id), gn_vocabulary_mark(v, id))) {
            gn_vocabulary_free(copy);
            return NULL;
        }
    return copy;
}

gn_slice gn_vocabulary_bytes(const gn_vocabulary *v, int32_t id) {
    if (!v || id < 0 || id >= v->count)
        return (gn_slice){"", 0};
    const uint32_t first = id ? v->end[id - 1] : 0;
    return (gn_slice){gn_str_text(&v->bytes) + first, v->end[id] - first};
}

bool gn_vocabulary_mark(const gn_vocabulary *v, int32_t id) {
    return v && id >= 0 && id < v->count && v->mark[id];
}

void gn_tokens_place(gn_tokens *t, const gn_vocabulary *v, gn_slice text) {
    gn_text_stream stream = {0};
    gn_str made = {0};
    for (int i = 0; i < t->count; i++) {
        gn_text_stream_add(&stream, gn_vocabulary_bytes(v, t->id[i]), &made);
        t->end[i] = made.len < text.len ? made.len : text.len;
    }
    gn_str_release(&made);
}
