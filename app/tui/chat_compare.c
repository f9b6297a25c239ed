/* chat_compare.c - answers of a conversation beside one another. */
#include "app/contrast.h"
#include "app/tui/chat.h"

#include <stdlib.h>

/* B, and what it is compared with: one turn, or every other answer to its question. */
typedef struct pairs {
    const gn_chat *chat; /* it outlives the view */
    int64_t b;
    gn_ids a;
} pairs;

static bool side(const gn_chat *c, const gn_turn *turn, gn_answer_side *out) {
    int of = 0;
    const int at = gn_transcript_sibling(&c->turns, turn->id, &of);
    gn_str_add(&out->text, gn_str_slice(&turn->text));
    out->made.k = turn->made.k;
    if (of > 1)
        gn_str_fmt(&out->verdict, "answer %d/%d", at + 1, of);
    else
        gn_str_puts(&out->verdict, gn_role_name(turn->role));
    out->placed = turn->made.count > 0;
    return gn_tokens_append(&out->made, &turn->made) && !out->text.failed;
}

static bool load(void *user, size_t i, gn_contrast *out, gn_error *e) {
    const pairs *p = user;
    const gn_turn *a = gn_transcript_turn(&p->chat->turns, p->a.id[i]),
                  *b = gn_transcript_turn(&p->chat->turns, p->b),
                  *asked = b ? gn_transcript_turn(&p->chat->turns, b->parent) : NULL;
    if (!a || !b)
        return gn_fail(e, GN_INVALID, "that turn is gone");
    if (asked) {
        const gn_slice text = gn_str_slice(&asked->text);
        const char *end = memchr(text.data, '\n', text.len);
        gn_str_add(&out->title, (gn_slice){text.data, end ? (size_t)(end - text.data) : text.len});
    }
    if (!side(p->chat, a, &out->a) || !side(p->chat, b, &out->b))
        return gn_fail(e, GN_NO_MEMORY, "compare: out of memory");
    gn_contrast_set(out);
    return gn_str_ok(&out->title, e);
}

static void close_pairs(void *user) {
    pairs *p = user;
    gn_ids_release(&p->a);
    free(p);
}

/* Every other child of the turn's parent. */
static bool find_others(const gn_chat *c, const gn_turn *turn, gn_ids *out) {
    for (size_t i = 0; i < c->turns.count; i++) {
        const gn_turn *other = c->turns.turn[i];
        if (other->parent == turn->parent && other->id != turn->id && other->role == turn->role &&
            !gn_ids_add(out, (int32_t)other->id))
            return false;
    }
    return true;
}

static void show(gn_chat *c, gn_tui *t, pairs *p) {
    const gn_contrasts all = {.n = p->a.count, .load = load, .close = close_pairs, .user = p};
    const char *name = c->name.len ? gn_str_text(&c->name) : "the model";
    const gn_compare_screen o = {
        .name_a = name, .name_b = name, .all = &all, .vocabulary = c->vocabulary};
    gn_view view;
    gn_error e = {0};
    if (gn_compare_view(&view, &o, &e))
        gn_tui_push(t, view);
    else
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
}

void gn_chat_compare(gn_chat *c, gn_tui *t, int64_t a, int64_t b) {
    const gn_turn *turn = gn_transcript_turn(&c->turns, b);
    pairs *p = calloc(1, sizeof *p);
    if (!p) {
        gn_chat_no_memory(t);
        return;
    }
    *p = (pairs){.chat = c, .b = b};
    const bool ok = !turn || (a >= 0 ? gn_ids_add(&p->a, (int32_t)a) : find_others(c, turn, &p->a));
    if (!ok || p->a.count == 0) {
        if (!ok)
            gn_chat_no_memory(t);
        else
            gn_tui_note(t, GN_STYLE_NOTE,
                        "there is one answer: r asks for another to compare with");
        close_pairs(p);
        return;
    }
    show(c, t, p);
}
