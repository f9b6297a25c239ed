/* chat_compare.c - turns of a conversation beside one another. */
#include "app/chat/contrast.h"
#include "app/tui/chat.h"

#include <stdlib.h>

/* Made when the view is, so that the conversation may go on below it. */
typedef struct pairs {
    gn_contrast *item; /* [n] */
    size_t n;
} pairs;

static bool load(void *user, size_t i, gn_contrast *out, gn_error *e) {
    return gn_contrast_copy(&((pairs *)user)->item[i], out, e);
}

static void close_pairs(void *user) {
    pairs *p = user;
    for (size_t i = 0; i < p->n; i++)
        gn_contrast_release(&p->item[i]);
    free(p->item);
    free(p);
}

static bool side(const gn_transcript *t, const gn_turn *turn, gn_answer_side *out) {
    int of = 0;
    const int at = gn_transcript_sibling(t, turn->id, &of);
    gn_str_add(&out->text, gn_str_slice(&turn->text));
    out->made.k = turn->made.k;
    if (of > 1)
        gn_str_fmt(&out->verdict, "answer %d/%d", at + 1, of);
    else
        gn_str_puts(&out->verdict, gn_role_name(turn->role));
    out->placed = turn->made.count > 0;
    return gn_tokens_append(&out->made, &turn->made) && !out->text.failed && !out->verdict.failed;
}

/* The first line of what both answer, if they do. */
static void title(const gn_transcript *t, const gn_turn *a, const gn_turn *b, gn_str *out) {
    const gn_turn *asked = a->parent == b->parent ? gn_transcript_turn(t, b->parent) : NULL;
    if (!asked)
        return;
    const gn_slice text = gn_str_slice(&asked->text);
    const char *end = memchr(text.data, '\n', text.len);
    gn_str_add(out, (gn_slice){text.data, end ? (size_t)(end - text.data) : text.len});
}

static bool add(pairs *p, const gn_transcript *t, const gn_turn *a, const gn_turn *b) {
    gn_contrast *grown = realloc(p->item, (p->n + 1) * sizeof *grown);
    if (!grown)
        return false;
    p->item = grown;
    gn_contrast *c = &p->item[p->n++];
    *c = (gn_contrast){0};
    title(t, a, b, &c->title);
    if (!side(t, a, &c->a) || !side(t, b, &c->b) || c->title.failed)
        return false;
    /* Tokens of one side alone say nothing of where the two part. */
    if (!c->a.made.count || !c->b.made.count)
        c->a.placed = c->b.placed = false;
    gn_contrast_set(c);
    return true;
}

bool gn_turns_view(gn_view *out, const gn_transcript *t, int64_t a, int64_t b, const char *name_a,
                   const char *name_b, const gn_vocabulary *v, gn_error *e) {
    const gn_turn *turn = gn_transcript_turn(t, b), *other = gn_transcript_turn(t, a);
    pairs *p = calloc(1, sizeof *p);
    bool ok = p && turn && (!other || add(p, t, other, turn));
    for (size_t i = 0; ok && !other && i < t->count; i++) {
        const gn_turn *beside = t->turn[i];
        if (beside->parent == turn->parent && beside != turn && beside->role == turn->role)
            ok = add(p, t, beside, turn);
    }
    if (!ok || p->n == 0) {
        if (p)
            close_pairs(p);
        return gn_fail(e, ok ? GN_INVALID : GN_NO_MEMORY,
                       ok ? "there is one answer: /regen asks for another to compare with"
                          : "compare: out of memory");
    }
    const gn_contrasts all = {.n = p->n, .load = load, .close = close_pairs, .user = p};
    return gn_compare_view(
        out, &(gn_compare_screen){.name_a = name_a, .name_b = name_b, .all = &all, .vocabulary = v},
        e);
}

void gn_chat_compare(gn_chat *c, gn_tui *t, const gn_turn *turn) {
    const char *name = c->name.len ? gn_str_text(&c->name) : "the model";
    gn_view view;
    gn_error e = {0};
    if (gn_turns_view(&view, &c->turns, -1, turn->id, name, name, c->vocabulary, &e))
        gn_tui_push(t, view);
    else
        gn_tui_note(t, e.code == GN_INVALID ? GN_STYLE_NOTE : GN_STYLE_ERROR, "%s", e.message);
}
