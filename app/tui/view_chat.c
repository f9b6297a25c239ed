/* view_chat.c - a conversation: what is said, asked, waited for. Drawn by chat_draw.c, commanded by
 * chat_commands.c; where things stand is chat_rows.c. */
#include "app/tui/chat.h"

#include "app/cli/command.h"
#include "app/term/line.h"
#include "app/tui/slash.h"

#include <stdlib.h>

static const gn_turn *turn_of(const gn_chat *c, int64_t id) {
    return gn_transcript_turn(&c->turns, id);
}

/* ---- asking the engine -------------------------------------------------- */

bool gn_chat_no_memory(gn_tui *t) {
    gn_tui_note(t, GN_STYLE_ERROR, "out of memory");
    return false;
}

bool gn_chat_tell(const gn_chat *c, gn_ask *a, int64_t upto) {
    gn_ids path = {0};
    bool ok = a && gn_transcript_path(&c->turns, upto, &path);
    for (size_t i = 0; ok && i < path.count; i++) {
        const gn_turn *turn = c->turns.turn[path.id[i]];
        ok = gn_ask_say(a, turn->id, turn->role, gn_str_slice(&turn->text)) &&
             gn_ask_known(a, &turn->ids, turn->edited);
    }
    gn_ids_release(&path);
    return ok;
}

void gn_chat_expect(const gn_chat *c, gn_tui *t) {
    const gn_turn *head = turn_of(c, c->turns.head);
    if (!t->worker->expect || !c->opened || c->answer >= 0 || !head || head->held != GN_HELD_DISK)
        return;
    gn_ask *a = gn_ask_new();
    if (gn_chat_tell(c, a, head->id)) {
        a->conversation = c->keep.conversation;
        t->worker->expect(t->worker, a);
    } else
        gn_ask_free(a);
}

/* Ask for an answer below `question`, a turn of the user's. */
void gn_chat_ask(gn_chat *c, gn_tui *t, int64_t question) {
    if (gn_chat_is_full(c, t, question))
        return;
    gn_ask *a = gn_ask_new();
    c->before = c->turns.head;
    const bool ok = gn_chat_tell(c, a, question);
    gn_turn *answer =
        ok ? gn_transcript_add(&c->turns, question, GN_ROLE_MODEL, (gn_slice){"", 0}) : NULL;
    if (!answer || !gn_transcript_keep(&c->turns, &a->keep) || !gn_chat_begin(c, a, answer)) {
        gn_ask_free(a);
        gn_chat_no_memory(t);
        return;
    }
    a->answer = answer->id;
    a->conversation = c->keep.conversation;
    a->off_disk = !gn_keep_is_on(&c->keep);
    a->budget = gn_settings_size(t->settings, "state-mem", (size_t)512 << 20);
    a->limit = c->full.limit ? c->full.limit : gn_settings_integer(t->settings, "n", 0);
    a->sampling = gn_chat_sampling(c, t);
    a->stop = c->options.stop;
    a->n_stop = c->options.n_stop;
    a->top = (int)gn_settings_integer(t->settings, "logprobs", 8);
    /* The next reply of the same conversation shall draw anew, and yet be repeatable. */
    const int64_t seed = gn_settings_integer(t->settings, "seed", -1);
    a->sampling.seed = (seed < 0 ? c->options.seed : (uint64_t)seed) + (uint64_t)answer->id;
    answer->how = a->sampling;
    answer->chosen = true;
    c->answer = answer->id;
    c->stopping = false;
    c->done = c->all = 0;
    c->rate = 0;
    c->follow = true;
    if (!t->worker->ask(t->worker, a)) {
        c->answer = -1;
        gn_tui_note(t, GN_STYLE_ERROR, "the engine is busy");
    }
}

static void say(gn_chat *c, gn_tui *t, gn_slice text) {
    if (!gn_chat_root(c, t))
        return;
    const gn_turn *turn = gn_transcript_say(&c->turns, c->turns.head, GN_ROLE_USER, text);
    c->selected = -1;
    if (turn)
        gn_chat_ask(c, t, turn->id);
    else
        gn_chat_no_memory(t);
}

static void say_next(gn_chat *c, gn_tui *t) {
    if (t->quit || c->answer >= 0 || c->scoring >= 0 || !c->opened)
        return;
    gn_str next;
    if (!gn_chat_dequeue(c, &next))
        return;
    say(c, t, gn_str_slice(&next));
    gn_str_release(&next);
}

static void stop(gn_chat *c, gn_tui *t) {
    c->stopping = true;
    t->worker->stop(t->worker, c->answer >= 0 ? c->answer : c->scoring);
}

/* ---- what was written --------------------------------------------------- */

static void said(void *self, gn_tui *t, gn_slice line) {
    gn_chat *c = self;
    if (gn_text_strip(line, true, true).len == 0)
        return;
    gn_line_remember(line);
    const size_t marks = gn_chat_marks(c, line);
    if (marks > 0 && marks + 1 < line.len && line.data[marks] == '/' &&
        line.data[marks + 1] != '/') {
        gn_line_set((gn_slice){line.data, marks}); /* a command behind marks leaves them */
        gn_chat_slash(c, t, gn_slice_from(line, marks));
        return;
    }
    if (line.data[0] == '/' && !(line.len > 1 && line.data[1] == '/')) {
        gn_chat_slash(c, t, line);
        return;
    }
    gn_str text = {0};
    gn_chat_unfold(c, line.data[0] == '/' ? gn_slice_from(line, 1) : line, &text);
    if (text.failed)
        gn_chat_no_memory(t);
    else if (c->answer >= 0 || c->scoring >= 0 || !c->opened)
        gn_chat_enqueue(c, t, gn_str_slice(&text));
    else
        say(c, t, gn_str_slice(&text));
    c->follow = true;
    gn_str_release(&text);
}

/* ---- requests ----------------------------------------------------------- */

/* The message before or after the selected one; the first time, the last in view. */
static void select_by(gn_chat *c, gn_tui *t, int by) {
    int at = -1;
    for (size_t i = 0; i < c->path.count; i++)
        if (c->path.id[i] == c->selected)
            at = (int)i;
    at = at < 0 ? (int)c->path.count - 1 : at + by;
    if (at < 0 || at >= (int)c->path.count || turn_of(c, c->path.id[at])->text.len == 0)
        return;
    c->selected = c->path.id[at];
    gn_chat_show(c, t, c->selected, GN_BYTE_LABEL);
}

static void cancel(gn_chat *c, gn_tui *t) {
    if (c->answer >= 0 || c->scoring >= 0)
        stop(c, t);
    else if (gn_line_text().len > 0) {
        gn_line_remember(gn_line_text());
        gn_line_set((gn_slice){"", 0});
    } else
        gn_tui_note(t, GN_STYLE_NOTE, "Ctrl+D or /quit quits");
}

static bool request(void *self, gn_tui *t, gn_request r, const char *argument) {
    gn_chat *c = self;
    gn_turn *chosen;
    const int page = c->height > 2 ? c->height - 1 : 1;
    switch (r) {
    case GN_REQUEST_ESCAPE:
        if (c->answer < 0 && c->scoring < 0)
            return false;
        stop(c, t);
        return true;
    case GN_REQUEST_CANCEL:
        cancel(c, t);
        return true;
    case GN_REQUEST_END:
        if (gn_line_text().len == 0)
            t->quit = true;
        else
            gn_line_type(GN_S("\x1b[3~"));
        return true;
    case GN_REQUEST_COMPLETE:
        gn_chat_complete(c, t);
        return true;
    case GN_REQUEST_POP:
        gn_chat_pop(c, t);
        return true;
    case GN_REQUEST_NEXT:
        select_by(c, t, 1);
        return true;
    case GN_REQUEST_PREVIOUS:
        select_by(c, t, -1);
        return true;
    case GN_REQUEST_PAGE_UP:
        gn_chat_scroll(c, t, -page);
        return true;
    case GN_REQUEST_PAGE_DOWN:
        gn_chat_scroll(c, t, page);
        return true;
    case GN_REQUEST_TOP:
        gn_chat_scroll(c, t, -INT32_MAX / 2);
        return true;
    case GN_REQUEST_BOTTOM:
        c->follow = true;
        return true;
    case GN_REQUEST_SEARCH_NEXT:
    case GN_REQUEST_SEARCH_BACK:
        gn_chat_search(c, t, r == GN_REQUEST_SEARCH_NEXT ? 1 : -1);
        return true;
    case GN_REQUEST_SESSIONS:
        gn_chat_sessions(c, t, false);
        return true;
    case GN_REQUEST_COMPARE:
        if ((chosen = gn_chat_chosen(c)))
            gn_chat_compare(c, t, chosen);
        else
            gn_tui_note(t, GN_STYLE_NOTE, "there is no message yet");
        return true;
    case GN_REQUEST_TOKENS: {
        gn_turn *turn = gn_chat_chosen(c);
        if (turn)
            gn_chat_inspect(c, t, turn);
        else
            gn_tui_note(t, GN_STYLE_NOTE, "there is no message yet");
        return true;
    }
    case GN_REQUEST_PROBS:
        gn_chat_probs(c, t);
        return true;
    case GN_REQUEST_EDIT: {
        gn_turn *turn = gn_chat_chosen(c);
        if (turn)
            gn_chat_edit(c, t, turn);
        return true;
    }
    case GN_REQUEST_REGENERATE:
        gn_chat_regenerate(c, t, c->selected >= 0 ? c->selected : c->turns.head);
        return true;
    case GN_REQUEST_UNDO:
        gn_chat_undo(c, t);
        return true;
    case GN_REQUEST_REDO:
        gn_chat_redo(c, t);
        return true;
    case GN_REQUEST_SIBLING_LEFT:
        gn_chat_step(c, t, -1);
        return true;
    case GN_REQUEST_SIBLING_RIGHT:
        gn_chat_step(c, t, 1);
        return true;
    case GN_REQUEST_FORK:
        gn_chat_fork(c, t, (gn_slice){"", 0});
        return true;
    case GN_REQUEST_PIN:
        if ((chosen = gn_chat_chosen(c)))
            gn_chat_pin(c, t, chosen);
        return true;
    case GN_REQUEST_BETTER:
    case GN_REQUEST_WORSE:
        if ((chosen = gn_chat_chosen(c)))
            gn_chat_rate(c, t, chosen, r == GN_REQUEST_BETTER ? 1 : -1);
        return true;
    case GN_REQUEST_RAW:
        gn_chat_raw(c, t);
        return true;
    case GN_REQUEST_FOLD:
        gn_chat_fold(c, t);
        return true;
    case GN_REQUEST_COPY:
        gn_chat_copy(c, t, 0);
        return true;
    case GN_REQUEST_WRITE:
        c->selected = -1;
        return false;
    case GN_REQUEST_SLASH:
        gn_chat_slash(c, t, gn_slice_of(argument));
        return true;
    default:
        return false;
    }
}

static void search(void *self, gn_tui *t, gn_slice pattern) {
    gn_chat *c = self;
    gn_str_cut(&c->pattern, 0);
    gn_str_add(&c->pattern, pattern);
    c->found_turn = -1;
    gn_chat_search(c, t, -1);
}

/* ---- what the engine says ----------------------------------------------- */

/* An answer like an older one is the same message: it has one place in the tree. */
static void say_same(gn_chat *c, gn_tui *t, const gn_turn *turn) {
    int of;
    gn_turn *twin = gn_transcript_twin(&c->turns, turn->id);
    if (!twin || turn->id == c->full.summary)
        return;
    gn_transcript_merge(&c->turns, turn->id, twin);
    gn_chat_moved(c);
    const int which = gn_transcript_sibling(&c->turns, twin->id, &of) + 1;
    const char *why = turn->how.temp > 0 ? "" : "; temp 0 gives no other: /set temp 0.7";
    if (of > 1)
        gn_tui_note(t, GN_STYLE_NOTE, "the same answer, word for word, as %d of %d%s", which, of,
                    why);
    else
        gn_tui_note(t, GN_STYLE_NOTE, "the same answer again, word for word%s", why);
}

static void on_done(gn_chat *c, gn_tui *t, const gn_event *ev) {
    gn_turn *turn = gn_transcript_turn(&c->turns, ev->answer);
    if (turn) {
        turn->stop = ev->answered.stop;
        turn->reused = ev->answered.reused;
        turn->read = ev->answered.read;
        turn->tokens = ev->answered.tokens;
        turn->begun = ev->answered.begun;
        turn->prompt_s = ev->answered.prompt_s;
        turn->generate_s = ev->answered.generate_s;
        turn->first_s = ev->answered.first_s;
        turn->changes = ev->answered.changes;
        gn_keep_answered(&c->keep, ev, &c->turns, gn_settings_integer(t->settings, "n", 0));
        turn->complete = true; /* it is in the database */
        say_same(c, t, turn);
    }
    gn_transcript_forget(&c->turns, GN_CHAT_TOKENS, ev->answer);
    c->last = ev->answered;
    c->answer = -1;
    if (gn_chat_summarised(c, t, ev->answer))
        ;
    else if (ev->answered.stop == GN_STOP_CONTEXT)
        gn_chat_was_full(c, t, GN_FULL_NOW, ev->answered.used);
    else
        say_next(c, t);
}

/* It was not answered: the question goes back to where it was written, if that is free. */
static void on_failed(gn_chat *c, gn_tui *t, const gn_event *ev) {
    gn_turn *answer = gn_transcript_turn(&c->turns, ev->answer);
    if (answer && answer->fragment) {
        gn_chat_fragment_read(c, t, ev);
        return;
    }
    const gn_turn *question = answer ? turn_of(c, answer->parent) : NULL;
    bool unsaid = false;
    c->answer = -1;
    if (!question && !t->quit && gn_chat_model_failed(c, t, &ev->error))
        return;
    if (!question) {
        if (!t->quit)
            t->failure = ev->error;
        t->quit = true;
        return;
    }
    if (answer->text.len > c->begun) {
        answer->stop = GN_STOP_INTERRUPTED; /* what came stays */
        gn_keep_typed(&c->keep, &c->turns, answer->id);
    } else if (c->before != question->id)
        c->turns.head = c->before; /* it was to be another reply */
    else {
        c->turns.head = question->parent;
        unsaid = true;
    }
    answer->complete = true;
    gn_chat_moved(c);
    if (gn_chat_summarised(c, t, ev->answer))
        return;
    if (ev->answered.full)
        gn_chat_was_full(c, t, GN_FULL_OVER, ev->answered.used);
    else if (ev->error.code == GN_CANCELLED)
        gn_tui_note(t, GN_STYLE_NOTE, "stopped before the first word");
    else
        gn_tui_note(t, GN_STYLE_ERROR, "%s", ev->error.message);
    if (unsaid)
        gn_chat_give_back(c, t, gn_str_slice(&question->text));
}

static void tell(gn_tui *t, gn_str *note) {
    if (note->len)
        gn_tui_note_more(t, gn_str_text(note));
    gn_str_release(note);
}

/* The engine is there: from now on messages can be kept. */
static void on_origin(gn_chat *c, gn_tui *t, const gn_event *ev) {
    gn_error e = {0};
    gn_str note = {0};
    gn_str_add(&note, gn_str_slice(&ev->note));
    const gn_switched how = gn_chat_model_opened(c, ev->vocabulary, &note);
    const size_t told = note.len;
    if (!gn_keep_opened(&c->keep, ev->origin, &c->turns, &note, &e)) {
        c->keep.trouble = e;
        gn_str_fmt(&note, "%s", e.message);
    }
    if (note.len == told)
        gn_chat_model_settled(c, how, &note);
    tell(t, &note);
}

/* The GPU was left in the middle of something: states in memory and on disk were another's. */
static void on_left(gn_chat *c, gn_tui *t, const gn_event *ev) {
    gn_error e = {0};
    gn_str note = {0};
    gn_str_add(&note, gn_str_slice(&ev->note));
    gn_str_cut(&c->about, 0);
    gn_str_add(&c->about, gn_str_slice(&ev->about));
    gn_chat_forget_states(c);
    c->done = c->all = 0;
    if (!gn_keep_opened(&c->keep, ev->origin, &c->turns, &note, &e)) {
        c->keep.trouble = e;
        gn_str_fmt(&note, "\n%s", e.message);
    }
    tell(t, &note);
}

static void on_state(gn_chat *c, gn_tui *t, const gn_state_told *told) {
    gn_str note = {0};
    gn_keep_state(&c->keep, told, &c->turns, &note);
    tell(t, &note);
}

/* Once: after that the status line says it. */
static void say_trouble(gn_chat *c, gn_tui *t) {
    const bool trouble = c->keep.trouble.code != GN_OK;
    gn_str note = {0};
    if (trouble && !c->troubled) {
        if (gn_slice_find(gn_str_slice(&t->note), gn_slice_of(c->keep.trouble.message)) < 0)
            gn_str_fmt(
                &note,
                "this is not saved, and tried again with each message: %s; /export writes it "
                "elsewhere",
                c->keep.trouble.message);
        tell(t, &note);
        t->note_style = GN_STYLE_ERROR;
    } else if (!trouble && c->troubled) {
        gn_str_puts(&note, "all of it is saved now");
        tell(t, &note);
    }
    c->troubled = trouble;
}

/* The last thing there is: what could not be saved may be by now, or is told on the terminal. */
static void leave(gn_chat *c, gn_tui *t) {
    if (c->keep.trouble.code != GN_OK)
        gn_keep_typed(&c->keep, &c->turns, c->turns.head);
    if (c->keep.trouble.code == GN_OK || t->failure.code != GN_OK)
        return;
    t->failure = c->keep.trouble;
    gn_context(&t->failure, "what was said last is not saved");
}

static void event(void *self, gn_tui *t, const gn_event *ev) {
    gn_chat *c = self;
    gn_turn *turn = gn_transcript_turn(&c->turns, ev->answer);
    switch (ev->kind) {
    case GN_EVENT_LOADING:
    case GN_EVENT_READING:
        c->done = ev->done;
        c->all = ev->all;
        break;
    case GN_EVENT_OPENED:
        for (int i = 0; i < c->options.n_bias && t->failure.code == GN_OK; i++)
            if (c->options.bias[i].id >= ev->vocab) {
                gn_fail(&t->failure, GN_INVALID, "--bias: id %d is not in the vocabulary of %d",
                        (int)c->options.bias[i].id, ev->vocab);
                t->quit = true;
            }
        c->opened = true;
        c->done = c->all = 0;
        gn_chat_count_all(c, t);
        gn_str_cut(&c->preset, 0);
        gn_str_add(&c->preset, gn_str_slice(&ev->preset));
        gn_str_cut(&c->name, 0);
        gn_str_add(&c->name, gn_str_slice(&ev->text));
        gn_str_cut(&c->about, 0);
        gn_str_add(&c->about, gn_str_slice(&ev->about));
        c->context = ev->context;
        c->sampling = ev->sampling;
        on_origin(c, t, ev);
        gn_vocabulary_free(c->vocabulary);
        c->vocabulary = gn_vocabulary_copy(ev->vocabulary);
        say_next(c, t);
        gn_chat_say_unanswered(c, t);
        gn_chat_expect(c, t);
        break;
    case GN_EVENT_LEFT:
        on_left(c, t, ev);
        break;
    case GN_EVENT_HEARD:
        gn_keep_heard(&c->keep, ev, &c->turns);
        break;
    case GN_EVENT_STATE:
        on_state(c, t, &ev->state);
        break;
    case GN_EVENT_TEXT:
        if (turn) {
            gn_str_add(&turn->text, gn_str_slice(&ev->text));
            turn->tokens = ev->done;
            gn_tokens_append(&turn->made, &ev->made);
        }
        c->rate = ev->seconds > 0 ? (double)ev->done / ev->seconds : 0;
        break;
    case GN_EVENT_COUNTED:
        if (ev->answer == GN_COUNT_LEAD)
            gn_chat_lead_counted(c, t, ev->done);
        else
            gn_chat_counted(c, t, ev->answer, ev->done);
        break;
    case GN_EVENT_DONE:
        on_done(c, t, ev);
        break;
    case GN_EVENT_READ:
        gn_chat_fragment_read(c, t, ev);
        say_next(c, t);
        break;
    case GN_EVENT_SCORED:
        gn_chat_scored(c, t, ev);
        say_next(c, t);
        break;
    case GN_EVENT_FAILED:
        if (ev->answer >= 0 && ev->answer == c->scoring) {
            gn_chat_scored(c, t, ev);
            say_next(c, t);
        } else
            on_failed(c, t, ev);
        break;
    case GN_EVENT_CLOSED:
        leave(c, t);
        break;
    case GN_EVENT_TOLD: /* of a board: not here */
        break;
    }
    say_trouble(c, t);
}

/* ---- life --------------------------------------------------------------- */

static void release_messages(gn_chat *c) {
    for (size_t i = 0; i < c->n_message; i++) {
        gn_flow_release(&c->message[i].flow);
        gn_odds_release(&c->message[i].odds);
    }
    c->n_message = 0;
}

void gn_chat_reset(gn_chat *c) {
    release_messages(c);
    c->path.count = 0;
    c->top_turn = c->selected = c->found_turn = c->before = -1;
    c->follow = true;
    gn_beginning_release(&c->beginning);
    c->beginning.like = -1;
    c->full.question = c->full.summary = -1;
    c->full.filling = false;
    c->last = (gn_answered){0};
}

static void close_chat(void *self) {
    gn_chat *c = self;
    gn_keep_release(&c->keep);
    gn_transcript_release(&c->turns);
    release_messages(c);
    free(c->message);
    gn_ids_release(&c->path);
    for (int i = 0; i < c->n_queue; i++)
        gn_str_release(&c->queue[i]);
    gn_chat_insert_release(c);
    gn_str_release(&c->name);
    gn_str_release(&c->about);
    gn_str_release(&c->model);
    gn_str_release(&c->former);
    gn_str_release(&c->preset);
    gn_str_release(&c->counting);
    gn_vocabulary_free(c->vocabulary);
    gn_beginning_release(&c->beginning);
    gn_str_release(&c->full.waiting);
    gn_str_release(&c->pattern);
    free(c);
}

static const gn_view_ops ops = {.name = "chat",
                                .draw = gn_chat_draw,
                                .request = request,
                                .scroll = gn_chat_scroll,
                                .event = event,
                                .search = search,
                                .close = close_chat,
                                .said = said,
                                .paste = gn_chat_paste};

bool gn_chat_view(gn_view *out, const gn_chat_options *o, gn_error *e) {
    gn_chat *c = calloc(1, sizeof *c);
    if (!c)
        return gn_fail(e, GN_NO_MEMORY, "chat: out of memory");
    c->slot = -1;
    c->turns.head = c->answer = c->top_turn = c->selected = c->found_turn = -1;
    c->before = c->beginning.like = c->scoring = c->full.question = c->full.summary = -1;
    c->follow = true;
    gn_str_puts(&c->model, o->model ? o->model : "");
    c->options = *o;
    *out = (gn_view){&ops, c};
    gn_ids ids = {0};
    gn_str note = {0}; /* of another model: told when the engine is there */
    const bool ok = gn_keep_init(&c->keep, o->history, o->state_dir, o->state_disk, e) &&
                    (!o->session || gn_keep_open(&c->keep, o->session, &c->turns, &note, e));
    if (e->code == GN_CANCELLED)
        e->code = GN_IO; /* another process has it: nobody cancelled anything */
    c->keep.off = o->off_disk;
    if (ok && gn_transcript_ids(&c->turns, c->turns.head, &ids))
        c->last.used = (int64_t)ids.count;
    gn_chat_remember(c);
    gn_ids_release(&ids);
    gn_str_release(&note);
    if (!ok)
        close_chat(c);
    return ok;
}
