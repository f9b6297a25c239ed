/* chat_fragment.c - /fragment: a text with a name and a state of its own.
 *
 * It is a message without an answer. It is read at once, and the state after it stays on disk:
 * every conversation that begins with it goes on from there.
 */
#include "app/tui/chat.h"

#include "app/chat/history.h"

/* Have the turn read; its state is kept. */
static void read_it(gn_chat *c, gn_tui *t, gn_turn *turn) {
    gn_ask *a = gn_ask_new();
    if (!gn_chat_tell(c, a, turn->id) || !gn_transcript_keep(&c->turns, &a->keep)) {
        gn_ask_free(a);
        gn_chat_no_memory(t);
        return;
    }
    a->only_read = true;
    a->answer = c->answer = turn->id;
    a->conversation = c->keep.conversation;
    a->off_disk = !gn_keep_is_on(&c->keep);
    a->budget = gn_settings_size(t->settings, "state-mem", (size_t)512 << 20);
    c->stopping = false;
    c->done = c->all = 0;
    c->rate = 0;
    if (!t->worker->ask(t->worker, a)) {
        c->answer = -1;
        gn_tui_note(t, GN_STYLE_ERROR,
                    "the engine is busy; the fragment is read with the next "
                    "message");
    }
}

/* /fragment NAME [FILE] */
void gn_chat_fragment(gn_chat *c, gn_tui *t, gn_slice argument) {
    gn_error e = {0};
    gn_str body = {0};
    gn_slice name = {argument.data, 0};
    while (name.len < argument.len && argument.data[name.len] != ' ')
        name.len++;
    const gn_slice file = gn_text_strip(gn_slice_from(argument, name.len), true, true);
    bool ok = true;
    if (gn_chat_is_busy(c, t))
        return;
    if (name.len == 0)
        ok = gn_fail(&e, GN_INVALID,
                     "/fragment NAME puts a text with a name in front of what is asked; /fragment "
                     "NAME FILE makes one of a file");
    else if (!c->keep.history)
        ok = gn_fail(&e, GN_INVALID, "nothing is kept here, fragments neither");
    else if (file.len > 0 && !gn_keep_is_on(&c->keep))
        ok = gn_fail(&e, GN_INVALID,
                     "nothing is kept now, a new fragment neither; /private again, or /read %.*s",
                     file.len > 60 ? 60 : (int)file.len, file.data);
    else if (file.len > 0)
        ok = gn_chat_file(file, &body, &e) &&
             gn_history_define(c->keep.history, name, file, gn_str_slice(&body), &e);
    else
        ok = gn_history_fragment(c->keep.history, name, &body, &e);
    if (ok && gn_chat_root(c, t)) {
        gn_turn *turn =
            gn_transcript_say(&c->turns, c->turns.head, GN_ROLE_USER, gn_str_slice(&body));
        gn_chat_moved(c);
        if (turn) {
            turn->fragment = true;
            gn_tui_note(t, GN_STYLE_NOTE, "fragment %.*s is read; go on with a question",
                        name.len > 60 ? 60 : (int)name.len, name.data);
            read_it(c, t, turn);
        } else
            gn_chat_no_memory(t);
    } else if (!ok)
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
    gn_str_release(&body);
}

/* It was read, or was not: with the next message it will be. */
void gn_chat_fragment_read(gn_chat *c, gn_tui *t, const gn_event *ev) {
    char reused[32], read[32];
    const gn_turn *turn = gn_transcript_turn(&c->turns, ev->answer);
    c->answer = -1;
    c->stopping = false;
    if (ev->kind == GN_EVENT_READ) {
        c->last = ev->answered;
        gn_keep_held(&ev->held, &c->turns);
        gn_tui_note(t, GN_STYLE_NOTE, "the fragment: reused %s tokens, read %s",
                    gn_grouped(ev->answered.reused, reused), gn_grouped(ev->answered.read, read));
    } else if (ev->error.code == GN_CANCELLED)
        gn_tui_note(t, GN_STYLE_NOTE, "stopped; the fragment is read with the next message");
    else {
        if (turn && ev->answered.full) { /* nothing could be said after it */
            c->turns.head = turn->parent;
            gn_chat_moved(c);
        }
        gn_tui_note(t, GN_STYLE_ERROR, "%s", ev->error.message);
    }
}
