/* chat_model.c - /model: the conversation goes on with another checkpoint. */
#include "app/tui/chat.h"

#include "app/cli/command.h"

static int64_t tokens_of(const gn_chat *c) {
    gn_ids ids = {0};
    gn_transcript_ids(&c->turns, c->turns.head, &ids);
    const int64_t n = (int64_t)ids.count > c->last.used ? (int64_t)ids.count : c->last.used;
    gn_ids_release(&ids);
    return n;
}

/* Its states are the other model's. */
void gn_chat_forget_states(gn_chat *c) {
    for (size_t i = 0; i < c->turns.count; i++) {
        gn_turn *turn = c->turns.turn[i];
        turn->held = GN_HELD_NOT;
        turn->on_disk = turn->pinned = false;
    }
}

static bool reopen(gn_chat *c, gn_tui *t, const char *path, gn_error *e) {
    const bool quit = t->quit;
    gn_tui_finish(t); /* what is to be saved is saved first */
    t->quit = quit;
    gn_worker *w = c->options.reopen(c->options.opener, path, e);
    if (!w)
        return false;
    t->worker = w;
    c->opened = false;
    c->done = c->all = 0;
    gn_chat_forget_states(c);
    return true;
}

void gn_chat_model(gn_chat *c, gn_tui *t, gn_slice name) {
    gn_error e = {0};
    gn_str word = {0}, path = {0};
    gn_str_add(&word, name);
    if (name.len == 0)
        gn_tui_note(t, GN_STYLE_NOTE, "the model is %s; /model NAME goes on with another",
                    gn_str_text(&c->name));
    else if (!c->options.reopen)
        gn_tui_note(t, GN_STYLE_ERROR, "another model cannot be opened here");
    else if (gn_chat_is_busy(c, t))
        ;
    else if (!gn_model_path(gn_str_text(&word), &path, &e))
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
    else if (gn_slice_equal(gn_str_slice(&path), gn_str_slice(&c->model)))
        gn_tui_note(t, GN_STYLE_NOTE, "that is the model that is open");
    else if (!reopen(c, t, gn_str_text(&path), &e))
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
    else {
        gn_str_release(&c->former);
        c->former = c->model;
        c->model = path;
        path = (gn_str){0};
        gn_tui_note(t, GN_STYLE_NOTE, "opening %s", gn_str_text(&c->model));
    }
    gn_str_release(&word);
    gn_str_release(&path);
}

bool gn_chat_model_failed(gn_chat *c, gn_tui *t, const gn_error *why) {
    gn_error e = {0};
    if (c->former.len == 0)
        return false;
    if (!reopen(c, t, gn_str_text(&c->former), &e))
        return false;
    gn_str_release(&c->model);
    c->model = c->former;
    c->former = (gn_str){0};
    gn_tui_note(t, GN_STYLE_ERROR, "%s; the former model is opened again", why->message);
    return true;
}

static bool same_vocabulary(const gn_vocabulary *a, const gn_vocabulary *b) {
    return a && b && a->count == b->count &&
           gn_slice_equal(gn_str_slice(&a->bytes), gn_str_slice(&b->bytes)) &&
           memcmp(a->end, b->end, (size_t)a->count * sizeof *a->end) == 0;
}

gn_switched gn_chat_model_opened(gn_chat *c, const gn_vocabulary *now, gn_str *note) {
    if (c->former.len == 0)
        return GN_SWITCHED_NOT;
    gn_str_release(&c->former);
    const bool same = same_vocabulary(c->vocabulary, now), kept = gn_keep_has_session(&c->keep);
    const int64_t tokens = c->turns.head >= 0 ? tokens_of(c) : 0;
    char text[32];
    gn_str_fmt(note, "now %s\n", gn_str_text(&c->name));
    if (!kept && tokens > 0 && same) /* of what is kept gn_keep_opened() tells */
        gn_str_fmt(note,
                   "the same vocabulary; the %s tokens are read again with the next message\n",
                   gn_grouped(tokens, text));
    else if (!kept && tokens > 0)
        gn_str_fmt(note,
                   "another vocabulary; what was said (%s tokens before) is rendered and read anew "
                   "with the next message\n",
                   gn_grouped(tokens, text));
    c->last = (gn_answered){0};
    for (size_t i = 0; !same && i < c->turns.count; i++) {
        gn_tokens_release(&c->turns.turn[i]->made); /* ids of the other vocabulary */
        if (!kept)
            c->turns.turn[i]->ids.count = 0;
    }
    return !kept || tokens == 0 ? GN_SWITCHED_NOT : same ? GN_SWITCHED_SAME : GN_SWITCHED_OTHER;
}

void gn_chat_model_settled(gn_chat *c, gn_switched how, gn_str *note) {
    if (how == GN_SWITCHED_SAME)
        gn_str_puts(note, "the same checkpoint by another name: its states hold");
    if (how != GN_SWITCHED_OTHER)
        return;
    gn_str_puts(note, "the same weights with another vocabulary: what was said is read anew");
    for (size_t i = 0; i < c->turns.count; i++) {
        gn_turn *turn = c->turns.turn[i];
        turn->ids.count = 0;
        turn->stored = false;
        memset(turn->hash, 0, sizeof turn->hash);
    }
}
