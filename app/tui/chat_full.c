/* chat_full.c - when the context is full (interface: 5.4.1): nothing is dropped unasked.
 *
 * Asked before a reply that may not fit, and when one has filled the context. What was said
 * stays: a summary or a choice of turns is the beginning of another branch.
 */
#include "app/tui/chat_full.h"

#include "app/term/line.h"

#include <stdio.h>
#include <stdlib.h>

enum { SUMMARY = 512 }; /* tokens at most */

static const char instruction[] =
    "Summarise our conversation so far in at most 200 words, so that it can be carried on from "
    "your summary alone: names, numbers, decisions, open questions. Write only the summary.";

/* Tokens that a reply should find room for. */
static int64_t reserve(const gn_chat *c, const gn_tui *t) {
    const int64_t n = gn_settings_integer(t->settings, "n", 0), most = c->context / 8;
    const int64_t wanted = n > 0 && n < 1024 ? n : n > 0 ? 1024 : 256;
    return wanted < most ? wanted : most;
}

int64_t gn_chat_used(const gn_chat *c, int64_t id, bool *exact) {
    int64_t all = 0;
    for (const gn_turn *turn; (turn = gn_transcript_turn(&c->turns, id)); id = turn->parent)
        all += gn_chat_tokens_of(turn, exact);
    return all;
}

static void open(gn_chat *c, gn_tui *t, gn_full_why why, int64_t used, bool exact) {
    gn_view view;
    gn_error e = {0};
    c->full.why = why;
    c->full.used = used;
    c->full.exact = exact;
    c->full.since = t->now;
    if (gn_full_view(&view, c, &e))
        gn_tui_push(t, view);
    else
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
}

bool gn_chat_is_full(gn_chat *c, gn_tui *t, int64_t question) {
    bool exact = true;
    const int64_t used = gn_chat_used(c, question, &exact);
    if (c->full.filling || c->context <= 0 || used + reserve(c, t) < c->context)
        return false;
    c->full.question = question;
    open(c, t, GN_FULL_SOON, used, exact);
    return true;
}

void gn_chat_was_full(gn_chat *c, gn_tui *t, gn_full_why why, int64_t used) {
    c->full.question = -1;
    c->full.filling = false;
    open(c, t, why, used, true);
}

/* ---- what one may do ---------------------------------------------------- */

/* The question that waits for a reply, to where it was written. */
void gn_chat_take_back(gn_chat *c, gn_tui *t) {
    const gn_turn *question = gn_transcript_turn(&c->turns, c->full.question);
    c->full.question = -1;
    gn_beginning_release(&c->beginning);
    if (!question)
        return;
    c->turns.head = question->parent;
    gn_chat_give_back(c, t, gn_str_slice(&question->text));
    gn_chat_moved(c);
}

void gn_chat_fill(gn_chat *c, gn_tui *t) {
    const int64_t question = c->full.question;
    c->full.question = -1;
    c->full.filling = true;
    if (question >= 0)
        gn_chat_ask(c, t, question);
}

/* Where the conversation ends that is to be shortened. */
static int64_t tip_of(const gn_chat *c) {
    const gn_turn *question = gn_transcript_turn(&c->turns, c->full.question);
    return question ? question->parent : c->turns.head;
}

/* The question again, now that there is room. */
static void ask_again(gn_chat *c, gn_tui *t, gn_slice question) {
    gn_chat_moved(c);
    if (question.len == 0)
        return;
    const gn_turn *turn = gn_transcript_add(&c->turns, c->turns.head, GN_ROLE_USER, question);
    if (turn)
        gn_chat_ask(c, t, turn->id);
    else
        gn_chat_no_memory(t);
}

/* Its text, malloc'ed with out; it stays in the tree where it was asked first. */
static void take_question(gn_chat *c, gn_str *out) {
    const gn_turn *question = gn_transcript_turn(&c->turns, c->full.question);
    gn_str_cut(out, 0);
    if (question)
        gn_str_add(out, gn_str_slice(&question->text));
    c->full.question = -1;
}

void gn_chat_drop(gn_chat *c, gn_tui *t, const bool *drop) {
    const int64_t tip = tip_of(c);
    gn_str question = {0};
    gn_ids path = {0};
    bool ok = gn_transcript_path(&c->turns, tip, &path) && path.count > 0;
    take_question(c, &question);
    c->full.filling = false;
    ok = ok &&
         gn_transcript_part(&c->turns, tip, gn_str_slice(&c->turns.turn[path.id[0]]->text), drop);
    if (ok) {
        ask_again(c, t, gn_str_slice(&question));
        gn_tui_note(t, GN_STYLE_NOTE,
                    "a new branch without them; the whole conversation is another one");
    } else
        gn_chat_no_memory(t);
    gn_str_release(&question);
    gn_ids_release(&path);
}

/* The last turn (of the path) that a summary takes in: a reply; about half of all tokens, the
 * last exchange not among them where there are several. 0: there is nothing to summarise. */
static size_t half_of(const gn_chat *c, const gn_ids *path) {
    int64_t sum = 0;
    size_t found = 0, replies = 0;
    bool exact = true;
    for (size_t i = 0; i < path->count; i++) {
        const gn_turn *turn = c->turns.turn[path->id[i]];
        sum += gn_chat_tokens_of(turn, &exact);
        if (turn->role != GN_ROLE_MODEL)
            continue;
        if (replies++ == 0 || (sum <= c->context * 6 / 10 && i + 1 < path->count))
            found = i;
    }
    return found;
}

void gn_chat_summarise(gn_chat *c, gn_tui *t) {
    gn_ids path = {0};
    gn_full *f = &c->full;
    f->tip = tip_of(c);
    const bool ok = gn_transcript_path(&c->turns, f->tip, &path);
    const size_t last = ok ? half_of(c, &path) : 0;
    take_question(c, &f->waiting);
    f->filling = false;
    if (last == 0) {
        gn_tui_note(t, GN_STYLE_ERROR, "there is no reply yet that could be summarised");
        c->turns.head = f->tip;
        gn_chat_give_back(c, t, gn_str_slice(&f->waiting));
    } else {
        f->upto = path.id[last];
        const gn_turn *turn =
            gn_transcript_add(&c->turns, f->upto, GN_ROLE_USER, gn_slice_of(instruction));
        gn_chat_moved(c);
        f->limit = SUMMARY;
        f->filling = true; /* it fits: it is about half of what there was */
        if (turn)
            gn_chat_ask(c, t, turn->id);
        f->filling = false;
        f->limit = 0;
        f->summary = c->answer;
        gn_tui_note(t, GN_STYLE_NOTE, "summarising messages 1 to %d into a new branch; Esc stops",
                    c->message[f->upto].number);
    }
    gn_ids_release(&path);
}

/* The system prompt, and below it the summary. */
static void new_system(const gn_chat *c, const gn_turn *root, const gn_turn *summary, gn_str *out) {
    gn_str_add(out, root->text.len ? gn_str_slice(&root->text) : gn_str_slice(&c->preset));
    gn_str_puts(out, out->len ? "\n\nWhat was said before, in short:\n"
                              : "What was said before, in short:\n");
    gn_str_add(out, gn_text_strip(gn_str_slice(&summary->text), true, true));
}

bool gn_chat_summarised(gn_chat *c, gn_tui *t, int64_t answer) {
    gn_full *f = &c->full;
    if (f->summary < 0 || answer != f->summary)
        return false;
    f->summary = -1;
    const gn_turn *summary = gn_transcript_turn(&c->turns, answer);
    gn_ids path = {0};
    gn_str system = {0};
    bool *drop = NULL;
    bool ok = gn_transcript_path(&c->turns, f->tip, &path) &&
              (drop = calloc(path.count + 1, sizeof *drop)) != NULL;
    if (ok && (summary->text.len == 0 || summary->stop == GN_STOP_INTERRUPTED)) {
        c->turns.head = f->tip;
        gn_chat_moved(c);
        gn_tui_note(t, GN_STYLE_NOTE, "stopped; the conversation is as it was");
        gn_chat_give_back(c, t, gn_str_slice(&f->waiting));
    } else if (ok) {
        for (size_t i = 1; i < path.count; i++) {
            drop[i] = !gn_role_leads(c->turns.turn[path.id[i]]->role);
            if (path.id[i] == f->upto)
                break;
        }
        new_system(c, c->turns.turn[path.id[0]], summary, &system);
        ok = !system.failed && gn_transcript_part(&c->turns, f->tip, gn_str_slice(&system), drop);
        if (ok) {
            ask_again(c, t, gn_str_slice(&f->waiting));
            gn_tui_note(t, GN_STYLE_NOTE,
                        "a summary stands for them in the system prompt; the whole conversation "
                        "is another branch");
        }
    }
    if (!ok)
        gn_chat_no_memory(t);
    gn_str_cut(&f->waiting, 0);
    gn_str_release(&system);
    gn_ids_release(&path);
    free(drop);
    return true;
}
