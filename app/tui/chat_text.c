/* chat_text.c - how the text of a conversation is shown and taken out: raw, folded, copied. */
#include "app/tui/chat.h"

void gn_chat_raw(gn_chat *c, gn_tui *t) {
    if (!gn_settings_flag(t->settings, "markdown")) {
        gn_tui_note(t, GN_STYLE_NOTE, "the setting markdown is off; /set markdown on");
        return;
    }
    c->raw = !c->raw;
    gn_tui_note(t, GN_STYLE_NOTE,
                c->raw ? "markdown as it was written" : "markdown as it is meant");
}

/* The turn that a key is about: the selected one, else the last of the branch. */
static const gn_turn *turn_meant(const gn_chat *c) {
    return gn_transcript_turn(&c->turns, c->selected >= 0 ? c->selected : c->turns.head);
}

void gn_chat_fold(gn_chat *c, gn_tui *t) {
    const gn_turn *turn = turn_meant(c);
    if (!turn || (size_t)turn->id >= c->n_message)
        return;
    gn_message *m = &c->message[turn->id];
    const bool markdown =
        gn_settings_flag(t->settings, "markdown") && !c->raw && turn->role == GN_ROLE_MODEL;
    if (m->fold)
        m->fold = 0;
    else if (!turn->complete)
        gn_tui_note(t, GN_STYLE_NOTE, "this reply is still being written");
    else if (gn_flow_has_spans(gn_chat_text(turn), markdown))
        m->fold = GN_FOLD_SPANS;
    else if (gn_flow_count(&m->flow) > GN_FOLD_ROWS + 1)
        m->fold = GN_FOLD_ALL;
    else
        gn_tui_note(t, GN_STYLE_NOTE, "there is nothing long enough to fold in this message");
    gn_chat_show(c, t, turn->id, GN_BYTE_LABEL);
}

/* The text of block `number`; the message and which of its blocks. */
static bool find_block(const gn_chat *c, int64_t number, gn_slice *out) {
    for (size_t i = 0; i < c->path.count; i++) {
        const gn_turn *turn = c->turns.turn[c->path.id[i]];
        const gn_message *m = &c->message[turn->id];
        if (turn->role == GN_ROLE_MODEL && number >= m->code &&
            gn_markdown_code(gn_chat_text(turn), (int)(number - m->code + 1), out))
            return true;
    }
    return false;
}

/* The first block of the selected message, else the last there is; 0: none. */
static int64_t block_meant(const gn_chat *c) {
    int64_t last = 0;
    for (size_t i = 0; i < c->path.count; i++) {
        const gn_turn *turn = c->turns.turn[c->path.id[i]];
        const int n = turn->role == GN_ROLE_MODEL ? gn_markdown_count(gn_chat_text(turn)) : 0;
        const int first = c->message[turn->id].code;
        if (c->selected == turn->id)
            return n > 0 ? first : 0;
        if (n > 0)
            last = first + n - 1;
    }
    return last;
}

void gn_chat_copy(gn_chat *c, gn_tui *t, int64_t number) {
    const gn_turn *turn = c->selected >= 0 ? turn_meant(c) : NULL;
    gn_slice text;
    gn_str how = {0};
    gn_error e = {0};
    const gn_shape s = gn_chat_lay_out(c, t);
    gn_chat_wrap(c, t, &s); /* which is what numbers the blocks */
    const int64_t which = number > 0 ? number : block_meant(c);
    bool found = which > 0 && find_block(c, which, &text);
    if (!found && number == 0 && turn) { /* a message without code: all of it */
        text = gn_chat_text(turn);
        found = true;
    }
    if (!found)
        gn_tui_note(t, GN_STYLE_ERROR,
                    number > 0 ? "there is no block %lld of code" : "there is no block of code",
                    (long long)number);
    else if (!t->copy || !t->copy(t, text, &how, &e))
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.code ? e.message : "this screen has no clipboard");
    else {
        int lines = text.len > 0 && text.data[text.len - 1] != '\n';
        for (size_t i = 0; i < text.len; i++)
            lines += text.data[i] == '\n';
        gn_str what = {0};
        gn_str_fmt(&what, which > 0 ? "block %lld of code" : "the message", (long long)which);
        gn_tui_note(t, GN_STYLE_NOTE, "copied %s, %d line%s, to %s", gn_str_text(&what), lines,
                    lines == 1 ? "" : "s", gn_str_text(&how));
        gn_str_release(&what);
    }
    gn_str_release(&how);
}
