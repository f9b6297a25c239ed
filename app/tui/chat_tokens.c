/* chat_tokens.c - what a chat does with tokens: probabilities shown, inspected, forked at; replies
 * that are begun, carried on, edited. */
#include "app/tui/chat.h"

#include "app/cli/command.h"

/* ---- which message ------------------------------------------------------ */

gn_turn *gn_chat_numbered(gn_chat *c, gn_tui *t, gn_slice number) {
    int64_t wanted;
    if (number.len == 0) {
        gn_turn *last = gn_transcript_turn(&c->turns, c->turns.head);
        if (!last || gn_role_leads(last->role)) {
            gn_tui_note(t, GN_STYLE_ERROR, "there is no message yet");
            return NULL;
        }
        return last;
    }
    if (gn_parse_integer(number, &wanted))
        for (size_t i = 0; i < c->path.count; i++)
            if (wanted > 0 && c->message[c->path.id[i]].number == wanted)
                return c->turns.turn[c->path.id[i]];
    gn_tui_note(t, GN_STYLE_ERROR, "there is no message %.*s",
                number.len > 40 ? 40 : (int)number.len, number.data);
    return NULL;
}

gn_turn *gn_chat_chosen(gn_chat *c) {
    gn_turn *turn = gn_transcript_turn(&c->turns, c->selected >= 0 ? c->selected : c->turns.head);
    return turn && !gn_role_leads(turn->role) ? turn : NULL;
}

/* ---- probabilities ------------------------------------------------------ */

void gn_chat_probs(gn_chat *c, gn_tui *t) {
    gn_error e = {0};
    const bool now = !gn_settings_flag(t->settings, "probs");
    (void)c;
    if (!gn_settings_set(t->settings, GN_S("probs"), now ? GN_S("on") : GN_S("off"), GN_SOURCE_SET,
                         NULL, &e))
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
    else if (now)
        gn_tui_note(t, GN_STYLE_NOTE,
                    "how likely each token was: plain .9 or more, dim .5, "
                    "underlined .1, bold less; F4 shows the numbers");
    else
        gn_tui_note(t, GN_STYLE_NOTE, "probabilities are not shown");
}

/* What a reply of another day was made of is in the database. */
void gn_chat_recall(gn_chat *c, gn_turn *turn) {
    gn_error e = {0};
    if (turn->made.count > 0 || turn->recalled || !turn->stored || !turn->complete ||
        turn->role != GN_ROLE_MODEL || turn->edited || !c->keep.history || !c->vocabulary)
        return;
    turn->recalled = true;
    if (!gn_history_tokens(c->keep.history, turn, &turn->made, &e))
        gn_tokens_release(&turn->made); /* then it can be scored */
    gn_tokens_place(&turn->made, c->vocabulary, gn_str_slice(&turn->text));
    gn_transcript_forget(&c->turns, GN_CHAT_TOKENS, turn->id);
}

void gn_chat_inspect(gn_chat *c, gn_tui *t, gn_turn *turn) {
    turn->recalled = false;
    gn_chat_recall(c, turn);
    gn_view view;
    gn_error e = {0};
    if (!gn_tokens_view(&view, c, turn->id, &e))
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
    else
        gn_tui_push(t, view);
}

void gn_chat_score(gn_chat *c, gn_tui *t, const gn_turn *turn) {
    if (gn_chat_is_busy(c, t))
        return;
    gn_ask *a = gn_ask_new();
    if (!gn_chat_tell(c, a, turn->id)) {
        gn_ask_free(a);
        gn_chat_no_memory(t);
        return;
    }
    a->score = true;
    a->conversation = c->keep.conversation;
    a->answer = turn->id;
    a->top = (int)gn_settings_integer(t->settings, "logprobs", 8);
    c->scoring = turn->id;
    c->done = c->all = 0;
    c->rate = 0;
    c->stopping = false;
    if (!t->worker->ask(t->worker, a)) {
        c->scoring = -1;
        gn_tui_note(t, GN_STYLE_ERROR, "the engine is busy");
    }
}

void gn_chat_scored(gn_chat *c, gn_tui *t, const gn_event *ev) {
    gn_turn *turn = gn_transcript_turn(&c->turns, c->scoring);
    c->scoring = -1;
    c->stopping = false;
    if (ev->kind == GN_EVENT_FAILED && ev->error.code == GN_CANCELLED)
        gn_tui_note(t, GN_STYLE_NOTE, "stopped; nothing was scored");
    else if (ev->kind == GN_EVENT_FAILED)
        gn_tui_note(t, GN_STYLE_ERROR, "%s", ev->error.message);
    else if (turn) {
        gn_tokens_release(&turn->made);
        if (!gn_tokens_append(&turn->made, &ev->made))
            gn_chat_no_memory(t);
        gn_transcript_forget(&c->turns, GN_CHAT_TOKENS, turn->id);
    }
}

gn_sampling gn_chat_sampling(const gn_chat *c, const gn_tui *t) {
    gn_sampling how = c->sampling;
    gn_sampling_set(t->settings, &how);
    how.bias = c->options.bias;
    how.n_bias = c->options.n_bias;
    return how;
}

/* ---- beginnings --------------------------------------------------------- */

void gn_beginning_release(gn_beginning *b) {
    gn_tokens_release(&b->made);
    gn_str_release(&b->text);
    gn_str_release(&b->prefix);
    *b = (gn_beginning){.like = -1};
}

bool gn_chat_begin(gn_chat *c, gn_ask *a, gn_turn *reply) {
    gn_beginning *b = &c->beginning;
    bool ok = gn_ids_append(&a->begin, b->made.id, (size_t)b->made.count);
    gn_str_add(&a->prefix, gn_str_slice(&b->prefix));
    gn_str_add(&reply->text, gn_str_slice(&b->text));
    a->like = b->like;
    ok = ok && !a->prefix.failed && !reply->text.failed;
    reply->begun = b->made.count;
    reply->made = b->made;
    b->made = (gn_tokens){0};
    c->begun = reply->text.len;
    gn_beginning_release(b);
    return ok;
}

/* The first n tokens of a reply as the beginning of another. */
static bool begin_as(gn_chat *c, const gn_turn *turn, int n) {
    gn_beginning *b = &c->beginning;
    gn_beginning_release(b);
    if (!gn_tokens_append(&b->made, &turn->made))
        return false;
    gn_tokens_cut(&b->made, n);
    const size_t end = n > 0 ? turn->made.end[n - 1] : 0;
    gn_str_add(&b->text, (gn_slice){gn_str_text(&turn->text), end});
    b->like = turn->id;
    return !b->text.failed;
}

/* The question that a reply answers, where it may be answered anew; -1, and said. */
static int64_t question_of(const gn_chat *c, gn_tui *t, const gn_turn *turn) {
    if (gn_chat_is_busy(c, t))
        return -1;
    const gn_turn *question = gn_transcript_turn(&c->turns, turn->parent);
    if (turn->role == GN_ROLE_MODEL && question && gn_role_asks(question->role))
        return question->id;
    gn_tui_note(t, GN_STYLE_ERROR, "that is no reply of the model");
    return -1;
}

void gn_chat_fork_at(gn_chat *c, gn_tui *t, const gn_turn *turn, int i, int k) {
    const int64_t question = question_of(c, t, turn);
    if (question < 0 || i >= turn->made.count || k >= turn->made.k)
        return;
    gn_token_row row = gn_tokens_at(&turn->made, i);
    gn_beginning *b = &c->beginning;
    bool ok = begin_as(c, turn, i);
    /* The text up to there, whole characters: what the token leaves incomplete is to come. */
    gn_text_stream stream = {0};
    gn_str_cut(&b->text, 0);
    row.id = row.top[k].id;
    for (int n = 0; n <= i; n++) {
        const int32_t id = n < i ? turn->made.id[n] : row.id;
        gn_text_stream_add(&stream, gn_vocabulary_bytes(c->vocabulary, id), &b->text);
    }
    row.end = b->text.len;
    row.score.logprob = row.top[k].logprob;
    row.score.rank = k;
    if (!ok || b->text.failed || !gn_tokens_add(&b->made, &row)) {
        gn_beginning_release(b);
        gn_chat_no_memory(t);
        return;
    }
    c->selected = -1;
    gn_chat_ask(c, t, question);
}

/* Tokens of a reply that say its text: not the end mark, nothing behind a stop text. 0: the
 * text alone tells. */
static int sayable(const gn_chat *c, const gn_turn *turn) {
    int n = turn->made.count;
    if (turn->edited || turn->stop == GN_STOP_STRING || n == 0)
        return 0;
    if (turn->stop == GN_STOP_EOS && gn_vocabulary_mark(c->vocabulary, turn->made.id[n - 1]))
        n--;
    return n > 0 && turn->made.end[n - 1] <= turn->text.len ? n : 0;
}

void gn_chat_continue(gn_chat *c, gn_tui *t) {
    const gn_turn *turn = gn_transcript_turn(&c->turns, c->turns.head);
    if (gn_chat_is_busy(c, t))
        return;
    if (!turn || turn->role != GN_ROLE_MODEL) {
        gn_tui_note(t, GN_STYLE_ERROR, "there is no reply to go on with");
        return;
    }
    if (turn->stop == GN_STOP_EOS && !turn->edited) {
        gn_tui_note(t, GN_STYLE_ERROR,
                    "the reply is complete; /regen answers again, and after "
                    "/edit it can be carried on");
        return;
    }
    const int64_t question = question_of(c, t, turn);
    if (question < 0)
        return;
    const int n = sayable(c, turn);
    bool ok = true;
    if (n > 0)
        ok = begin_as(c, turn, n);
    else {
        gn_beginning_release(&c->beginning);
        gn_str_add(&c->beginning.prefix, gn_str_slice(&turn->text));
        ok = !c->beginning.prefix.failed;
    }
    c->selected = -1;
    if (ok)
        gn_chat_ask(c, t, question);
    else
        gn_chat_no_memory(t);
}

void gn_chat_prefix(gn_chat *c, gn_tui *t, gn_slice text) {
    if (gn_chat_is_busy(c, t))
        return;
    gn_beginning_release(&c->beginning);
    gn_str_add(&c->beginning.prefix, text);
    if (text.len)
        gn_tui_note(t, GN_STYLE_NOTE, "the next reply begins with: %.*s",
                    text.len > 200 ? 200 : (int)text.len, text.data);
    else
        gn_tui_note(t, GN_STYLE_NOTE, "the next reply begins as it will");
}

/* ---- editing ------------------------------------------------------------ */

void gn_chat_edit(gn_chat *c, gn_tui *t, gn_turn *turn) {
    gn_str text = {0};
    gn_error e = {0};
    if (gn_chat_is_busy(c, t))
        return;
    gn_str_add(&text, gn_str_slice(&turn->text));
    if (!t->edit)
        gn_tui_note(t, GN_STYLE_ERROR, "there is no editor here");
    else if (!t->edit(t, &text, &e))
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
    else if (gn_slice_equal(gn_str_slice(&text), gn_str_slice(&turn->text)))
        gn_tui_note(t, GN_STYLE_NOTE, "nothing was changed");
    else if (gn_text_strip(gn_str_slice(&text), true, true).len == 0)
        gn_tui_note(t, GN_STYLE_NOTE, "an empty message is none; nothing was changed");
    else {
        const bool known =
            gn_transcript_child(&c->turns, turn->parent, turn->role, gn_str_slice(&text)) != NULL;
        gn_turn *edited =
            gn_transcript_say(&c->turns, turn->parent, turn->role, gn_str_slice(&text));
        c->selected = -1;
        if (!edited)
            gn_chat_no_memory(t);
        else if (gn_role_asks(edited->role))
            gn_chat_ask(c, t, edited->id);
        else if (known) {
            gn_chat_moved(c);
            gn_tui_note(t, GN_STYLE_NOTE, "there is a reply of these words already: this one");
        } else {
            edited->edited = true;
            gn_keep_typed(&c->keep, &c->turns, edited->id);
            edited->complete = true;
            gn_chat_moved(c);
            gn_tui_note(t, GN_STYLE_NOTE,
                        "beside what the model said ([ and ] go there); /continue goes on from it");
        }
    }
    gn_str_release(&text);
}
