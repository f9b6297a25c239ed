/* chat_tree.c - a conversation as a tree that is kept: going somewhere, branches, sessions. */
#include "app/tui/chat.h"

#include "app/chat/tree.h"
#include "app/term/line.h"

#include <stdlib.h>

static void say_error(gn_tui *t, const gn_error *e) {
    gn_tui_note(t, e->code == GN_CANCELLED ? GN_STYLE_NOTE : GN_STYLE_ERROR, "%s", e->message);
}

/* ---- what it costs ------------------------------------------------------ */

gn_going gn_chat_cost(const gn_chat *c, int64_t id) { return gn_transcript_cost(&c->turns, id); }

/* Said when one has come somewhere, before anything is read there. */
static void say_cost(const gn_chat *c, gn_tui *t, const char *what) {
    gn_str text = {0};
    const gn_going g = gn_chat_cost(c, c->turns.head);
    gn_str_puts(&text, what);
    if (c->turns.head >= 0 && g.tokens >= 0) {
        gn_str_puts(&text, what[0] ? ": " : "");
        gn_going_text(g, &text);
    }
    if (text.len)
        gn_tui_note(t, GN_STYLE_NOTE, "%s", gn_str_text(&text));
    gn_str_release(&text);
}

/* ---- going -------------------------------------------------------------- */

/* Tokens from the root to the end of a turn; 0 when they are not all known. */
static int64_t tokens_to(const gn_chat *c, int64_t id) {
    int64_t all = 0;
    for (const gn_turn *turn; (turn = gn_transcript_turn(&c->turns, id)); id = turn->parent) {
        if (turn->ids.count == 0 && turn->text.len > 0 && !gn_role_leads(turn->role))
            return 0;
        all += (int64_t)turn->ids.count;
    }
    return all;
}

void gn_chat_go(gn_chat *c, gn_tui *t, int64_t id) {
    if (gn_chat_is_busy(c, t))
        return;
    c->turns.head = id;
    const int64_t used = tokens_to(c, id);
    if (used > 0)
        c->last.used = used;
    gn_chat_moved(c);
    say_cost(c, t, "");
    gn_chat_expect(c, t);
}

/* A branch by its name; -1. */
static int64_t branch_named(const gn_chat *c, gn_slice name) {
    for (int i = 0; i < c->keep.n_branch; i++)
        if (gn_slice_is(name, c->keep.branch[i].name))
            return gn_history_turn(&c->turns, c->keep.branch[i].tip);
    return -1;
}

/* A turn as the tree calls it: 4, or 4' for the second answer. Those in view go first. */
static int64_t turn_labelled(const gn_chat *c, gn_slice label) {
    gn_tree tree = {0};
    gn_error e = {0};
    int64_t found = -1;
    for (int all = 0; all < 2 && found < 0; all++) {
        char name[16];
        if (!gn_tree_build(&tree, &c->turns, all ? -1 : c->turns.head, &e))
            break;
        for (size_t i = 0; i < tree.count && found < 0; i++) {
            gn_tree_label(&tree.row[i], name);
            int64_t number;
            if (gn_slice_is(label, name) || (!all && gn_parse_integer(label, &number) &&
                                             number > 0 && tree.row[i].number == number))
                found = tree.row[i].id;
        }
    }
    gn_tree_release(&tree);
    return found;
}

int64_t gn_chat_stand_at(const gn_chat *c, int64_t id) {
    const gn_turn *turn = gn_transcript_turn(&c->turns, id);
    return turn && gn_role_asks(turn->role) ? turn->parent : id;
}

void gn_chat_goto(gn_chat *c, gn_tui *t, gn_slice where) {
    if (where.len == 0) {
        gn_str text = {0};
        gn_str_puts(&text, "/goto NAME or N");
        for (int i = 0; i < c->keep.n_branch; i++) {
            gn_str_fmt(&text, "\n%s: ", c->keep.branch[i].name);
            gn_going_text(gn_chat_cost(c, gn_history_turn(&c->turns, c->keep.branch[i].tip)),
                          &text);
        }
        gn_tui_note(t, GN_STYLE_NOTE, "%s", gn_str_text(&text));
        gn_str_release(&text);
        return;
    }
    int64_t id = branch_named(c, where);
    const bool by_name = id >= 0;
    if (id < 0)
        id = turn_labelled(c, where);
    if (id < 0)
        gn_tui_note(t, GN_STYLE_ERROR, "there is no branch and no message %.*s here",
                    where.len > 40 ? 40 : (int)where.len, where.data);
    else
        gn_chat_go(c, t, by_name ? id : gn_chat_stand_at(c, id));
}

bool gn_chat_branch_at(gn_chat *c, gn_tui *t, int64_t id, gn_slice name) {
    gn_error e = {0};
    const gn_turn *turn = gn_transcript_turn(&c->turns, gn_chat_stand_at(c, id));
    if (gn_chat_is_busy(c, t))
        return false;
    if (!turn || gn_role_leads(turn->role)) {
        gn_tui_note(t, GN_STYLE_ERROR, "there is no reply to fork at");
        return false;
    }
    if (gn_keep_is_on(&c->keep) && turn->stored &&
        !gn_history_branch(c->keep.history, &c->keep.record, turn, name, &e)) {
        say_error(t, &e);
        return false;
    }
    gn_keep_names(&c->keep);
    gn_chat_go(c, t, turn->id);
    if (gn_keep_is_on(&c->keep) && turn->stored) {
        gn_str text = {0};
        gn_str_fmt(&text, "branch %s begins here", c->keep.record.branch);
        say_cost(c, t, gn_str_text(&text));
        gn_str_release(&text);
    } else if (name.len)
        gn_tui_note(t, GN_STYLE_NOTE, "off the disk a branch has no name");
    return true;
}

void gn_chat_fork(gn_chat *c, gn_tui *t, gn_slice name) {
    const gn_turn *turn = gn_chat_chosen(c);
    gn_chat_branch_at(c, t, turn ? turn->id : -1, name);
}

/* /search: the newest message before the last one found that holds the words, on any branch. */
void gn_chat_search_tree(gn_chat *c, gn_tui *t, gn_slice words) {
    const bool again = gn_slice_equal(words, gn_str_slice(&c->pattern));
    int64_t id = again && c->found_turn >= 0 ? c->found_turn : (int64_t)c->turns.count;
    if (words.len == 0) {
        gn_tui_note(t, GN_STYLE_ERROR, "/search WORDS");
        return;
    }
    if (!again) {
        gn_str_cut(&c->pattern, 0);
        gn_str_add(&c->pattern, words);
    }
    while (--id >= 0) {
        const gn_turn *turn = c->turns.turn[id];
        const ptrdiff_t at = gn_slice_find(gn_chat_text(turn), words);
        if (at < 0 || turn->parent < -1)
            continue;
        bool in_view = false;
        for (size_t i = 0; i < c->path.count; i++)
            in_view |= c->path.id[i] == id;
        if (!in_view && gn_chat_is_busy(c, t))
            return;
        if (!in_view)
            gn_chat_go(c, t, gn_transcript_leaf(&c->turns, id));
        c->found_turn = id;
        c->found_byte = (size_t)at;
        c->selected = id;
        gn_chat_show(c, t, id, (size_t)at);
        return;
    }
    gn_tui_note(t, GN_STYLE_NOTE,
                again && c->found_turn >= 0 ? "'%.*s' is in no older message"
                                            : "'%.*s' is in no message of this conversation",
                words.len > 60 ? 60 : (int)words.len, words.data);
    c->found_turn = -1;
}

/* ---- sessions ----------------------------------------------------------- */

void gn_chat_say_unanswered(const gn_chat *c, gn_tui *t) {
    const gn_turn *turn = gn_transcript_turn(&c->turns, c->turns.head);
    if (!turn || !gn_role_asks(turn->role) || turn->fragment || c->answer >= 0)
        return;
    gn_tui_note_more(t, "the last message was not answered: /regen answers it");
}

bool gn_chat_open(gn_chat *c, gn_tui *t, const char *id) {
    gn_error e = {0};
    gn_str note = {0};
    const char *was = c->keep.record.id;
    if (gn_chat_is_busy(c, t))
        return false;
    if (!c->keep.history) {
        gn_tui_note(t, GN_STYLE_ERROR,
                    "this chat is private; begin another to open a conversation");
        return false;
    }
    const bool same = id[0] && strcmp(was, id) == 0;
    bool ok = same || gn_keep_open(&c->keep, id, &c->turns, &note, &e);
    if (!same && (ok || c->turns.count == 0 || e.code != GN_CANCELLED))
        gn_chat_reset(c);
    if (!ok)
        say_error(t, &e);
    else if (id[0]) {
        gn_chat_go(c, t, c->turns.head);
        if (note.len)
            gn_tui_note(t, GN_STYLE_NOTE, "%s", gn_str_text(&note));
        gn_chat_say_unanswered(c, t);
    }
    gn_str_release(&note);
    return ok;
}

void gn_chat_open_named(gn_chat *c, gn_tui *t, gn_slice what) {
    gn_error e = {0};
    char id[GN_ULID];
    if (what.len == 0)
        gn_tui_note(t, GN_STYLE_NOTE, "/open NAME, the beginning of an id, or -1 for the last one");
    else if (!c->keep.history)
        gn_chat_open(c, t, "");
    else if (!gn_history_find(c->keep.history, what, id, &e))
        say_error(t, &e);
    else
        gn_chat_open(c, t, id);
}

void gn_chat_new(gn_chat *c, gn_tui *t) {
    if (gn_chat_is_busy(c, t))
        return;
    if (gn_keep_is_on(&c->keep) && gn_keep_has_session(&c->keep))
        gn_chat_open(c, t, "");
    else {
        c->turns.head = -1;
        gn_chat_moved(c);
    }
    c->last = (gn_answered){0};
}

void gn_chat_name(gn_chat *c, gn_tui *t, gn_slice name) {
    gn_error e = {0};
    const char *end = memchr(name.data, '\n', name.len);
    if (end) /* a name is one line */
        name.len = (size_t)(end - name.data);
    if (name.len == 0)
        gn_tui_note(t, GN_STYLE_NOTE, "name: %s",
                    c->keep.name.len ? gn_str_text(&c->keep.name) : "none yet");
    else if (!gn_keep_has_session(&c->keep))
        gn_tui_note(t, GN_STYLE_ERROR, "%s",
                    c->keep.history ? "a conversation has a name from its first message on"
                                    : "a private conversation has no name");
    else if (!gn_history_rename(c->keep.history, c->keep.record.id, name, &e))
        say_error(t, &e);
    else
        gn_keep_names(&c->keep);
}

void gn_chat_private(gn_chat *c, gn_tui *t) {
    if (!c->keep.history) {
        gn_tui_note(t, GN_STYLE_NOTE, "this chat is private: nothing of it is on the disk");
        return;
    }
    c->keep.off = !c->keep.off;
    if (!c->keep.off)
        gn_tui_note(t, GN_STYLE_NOTE, "kept again; what was said meanwhile, with the next message");
    else if (gn_keep_has_session(&c->keep))
        gn_tui_note(t, GN_STYLE_NOTE,
                    "private from here on; what was said before is in session %s, which "
                    "gneiss sessions rm removes",
                    c->keep.record.id);
    else
        gn_tui_note(t, GN_STYLE_NOTE, "private: nothing of this conversation goes to the disk");
}

/* ---- pins and ratings --------------------------------------------------- */

bool gn_chat_pin(gn_chat *c, gn_tui *t, gn_turn *turn) {
    gn_error e = {0};
    gn_state_row row;
    const bool pinned = !turn->pinned, kept = gn_keep_is_on(&c->keep);
    bool ok = true;
    if (kept && turn->on_disk)
        ok = gn_keep_row(&c->keep, &c->turns, turn->id, &row) &&
             gn_history_state_pin(c->keep.history, &row, pinned, &e);
    else if (pinned)
        ok = turn->held == GN_HELD_MEMORY &&
             (!kept || (t->worker->pin && t->worker->pin(t->worker, turn->id)));
    if (!ok) {
        gn_tui_note(t, GN_STYLE_ERROR, "%s",
                    e.code ? e.message
                           : "there is no state at the end of that message; go there and go on "
                             "from it first");
        return false;
    }
    turn->pinned = pinned;
    gn_tui_note(t, GN_STYLE_NOTE,
                pinned ? "its state stays, whatever the budget"
                       : "its state goes when its turn comes");
    return true;
}

void gn_chat_rate(gn_chat *c, gn_tui *t, gn_turn *turn, int rating) {
    gn_error e = {0};
    if (!gn_keep_is_on(&c->keep))
        gn_tui_note(t, GN_STYLE_ERROR,
                    "a rating is kept with the conversation, and this one is not");
    else if (!gn_history_rate(c->keep.history, &c->keep.record, turn, rating, &e))
        say_error(t, &e);
    else {
        turn->rating = rating;
        gn_tui_note(t, GN_STYLE_NOTE, "%s",
                    rating > 0   ? "rated +"
                    : rating < 0 ? "rated -"
                                 : "no rating");
    }
}

void gn_chat_rate_as(gn_chat *c, gn_tui *t, gn_slice how) {
    gn_turn *turn = gn_chat_chosen(c);
    const int rating = gn_slice_starts(how, GN_S("+"))   ? 1
                       : gn_slice_starts(how, GN_S("-")) ? -1
                                                         : 0;
    if (!turn || (rating == 0 && !gn_slice_is(how, "0")))
        gn_tui_note(t, GN_STYLE_ERROR, turn ? "/rate +, - or 0 (none)" : "there is no message yet");
    else
        gn_chat_rate(c, t, turn, rating);
}

/* ---- the beginning ------------------------------------------------------ */

static bool remember(void *user, gn_slice content) {
    gn_str **next = user;
    gn_str_add(*next, content);
    ++*next;
    return true;
}

/* What was asked in all conversations is what Ctrl+R and Up go through. */
void gn_chat_remember(gn_chat *c) {
    enum { MOST = 1000 };
    gn_error e = {0};
    gn_str *list = calloc(MOST + 1, sizeof *list), *end = list;
    if (list && c->keep.history)
        gn_history_asked(c->keep.history, (gn_slice){"", 0}, MOST, remember, &end, &e);
    while (list && end-- > list) {
        gn_line_remember(gn_str_slice(end));
        gn_str_release(end);
    }
    free(list);
}
