/* view_eval.c - a run as it grows (interface: 5.4.3): what the keys do.
 *
 * All that is done is read from the database, by a connection of the view's own, so the
 * screen of this process's run and of another's are one. The board adds what is under way.
 */
#include "app/tui/eval_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Seconds between two looks at the database. */
#define PERIOD 0.5

const char *gn_sample_filter_name(gn_sample_filter f) {
    static const char *const name[] = {"all", "wrong", "flips", "invalid", "failed"};
    return name[f];
}

/* ---- what is in view ---------------------------------------------------------------- */

gn_followed_task *gn_eval_task(gn_eval_state *v) {
    const int i = v->task >= 0 ? v->task : v->follow.current;
    return i < v->follow.n_task ? &v->follow.task[i] : NULL;
}

bool gn_eval_shows(const gn_eval_state *v, const gn_followed_task *t, const gn_followed_sample *s) {
    switch (v->filter) {
    case GN_SAMPLES_WRONG:
        return s->failed || (t->binary && !isnan(s->value) && s->value < 0.5);
    case GN_SAMPLES_FLIPS:
        return gn_followed_flip(t, s);
    case GN_SAMPLES_INVALID:
        return s->invalid;
    case GN_SAMPLES_FAILED:
        return s->failed;
    default:
        return true;
    }
}

static const gn_followed_sample *find(gn_eval_state *v, int64_t id) {
    const gn_followed_task *t = gn_eval_task(v);
    for (size_t i = t ? t->n : 0; i-- > 0;)
        if (t->sample[i].id == id)
            return &t->sample[i];
    return NULL;
}

const gn_followed_sample *gn_eval_sample(gn_eval_state *v) {
    const gn_followed_task *t = gn_eval_task(v);
    if (v->chosen)
        return find(v, v->chosen);
    for (size_t i = t ? t->n : 0; i-- > 0;)
        if (gn_eval_shows(v, t, &t->sample[i]))
            return &t->sample[i];
    return NULL;
}

bool gn_eval_paused(const gn_eval_state *v) {
    return v->look.paused || (v->follow.alive && strcmp(v->control, "pause") == 0);
}

/* By so many samples that the filter shows, up or down; past the newest: follow it again. */
static void step(gn_eval_state *v, int by) {
    const gn_followed_task *t = gn_eval_task(v);
    const gn_followed_sample *s = gn_eval_sample(v);
    if (!t || !s)
        return;
    ptrdiff_t i = s - t->sample;
    for (const int one = by < 0 ? -1 : 1; by != 0; by -= one) {
        ptrdiff_t next = i + one;
        while (next >= 0 && next < (ptrdiff_t)t->n && !gn_eval_shows(v, t, &t->sample[next]))
            next += one;
        if (next >= (ptrdiff_t)t->n) {
            v->chosen = 0;
            return;
        }
        if (next < 0)
            break;
        i = next;
    }
    v->chosen = t->sample[i].id;
}

static void step_task(gn_eval_state *v, int by) {
    const int n = v->follow.n_task;
    if (n == 0)
        return;
    int i = (v->task >= 0 ? v->task : v->follow.current) + by;
    i = i < 0 ? 0 : i >= n ? n - 1 : i;
    v->task = i;
    v->chosen = 0;
}

static void first_shown(gn_eval_state *v) {
    const gn_followed_task *t = gn_eval_task(v);
    for (size_t i = 0; t && i < t->n; i++)
        if (gn_eval_shows(v, t, &t->sample[i])) {
            v->chosen = t->sample[i].id;
            return;
        }
}

/* ---- reading ---------------------------------------------------------------------------- */

static void forget(gn_eval_state *v) {
    gn_follow_release(&v->follow);
    gn_store_close(v->store);
    v->store = NULL;
    v->told = 0;
    v->task = -1;
    v->chosen = 0;
}

static bool read_control(gn_eval_state *v, gn_error *e) {
    bool row = false;
    gn_statement *q =
        gn_sql_prepare(gn_store_sql(v->store), "SELECT control FROM run WHERE id = ?", e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(v->run));
    const bool ok = gn_sql_step(q, &row, e);
    const gn_slice text = ok && row ? gn_column_text(q, 0) : GN_S("");
    memset(v->control, 0, sizeof v->control);
    memcpy(v->control, text.data, text.len < 7 ? text.len : 7);
    gn_sql_reset(q);
    return ok;
}

static bool open_run(gn_eval_state *v, gn_error *e) {
    if (v->board && !v->look.started)
        return true;
    if (!(v->store = gn_store_open(gn_str_text(&v->file), true, e)))
        return false;
    if (!gn_follow_open(&v->follow, v->store, v->run[0] ? v->run : "-1", v->baseline, e)) {
        forget(v);
        return false;
    }
    memcpy(v->run, v->follow.run.id, sizeof v->run);
    return true;
}

/* What is new in the database and on the board. */
static void refresh(gn_eval_state *v, gn_tui *t) {
    bool changed = false, ok = true;
    v->error = (gn_error){0};
    if (v->board) {
        gn_board_see(v->board, &v->look);
        if (v->store && v->look.started && strcmp(v->look.run, v->run) != 0)
            forget(v);
        if (!v->store && v->look.started) {
            memcpy(v->run, v->look.run, sizeof v->run);
            memcpy(v->baseline, v->look.baseline, sizeof v->baseline);
        }
        if (v->look.ended)
            t->quit = true;
    }
    if (!v->store)
        ok = open_run(v, &v->error);
    else
        ok = gn_follow_more(&v->follow, &changed, &v->error);
    if (ok && v->store)
        read_control(v, &v->error);
    t->dirty = true;
}

/* A tick comes when it is time to look again; what a board says comes by itself. */
static void event(void *self, gn_tui *t, const gn_event *ev) {
    gn_eval_state *v = self;
    if (ev->kind != GN_EVENT_TOLD)
        return;
    if (v->board)
        gn_board_see(v->board, &v->look);
    if (t->now >= t->wake || v->look.ended || (v->board && !v->store)) {
        refresh(v, t);
        t->wake = t->now + PERIOD;
    }
    t->dirty = true;
}

/* ---- asking of the run --------------------------------------------------------------------- */

/* Of a run elsewhere: as `gneiss eval pause` does it. */
static bool set_control(gn_eval_state *v, const char *what, gn_error *e) {
    gn_store *s = gn_store_open(gn_str_text(&v->file), false, e);
    gn_statement *q =
        s ? gn_sql_prepare(gn_store_sql(s), "UPDATE run SET control = ?1 WHERE id = ?2", e) : NULL;
    if (q) {
        gn_bind_text(q, 1, gn_slice_of(what));
        gn_bind_text(q, 2, gn_slice_of(v->run));
    }
    const bool ok = q && gn_sql_run(q, e);
    gn_store_close(s);
    return ok;
}

static void pause_or_go_on(gn_eval_state *v, gn_tui *t) {
    gn_error e = {0};
    const bool on = !gn_eval_paused(v);
    if (v->board && !v->look.ended) {
        gn_board_pause(v->board, on);
        gn_board_see(v->board, &v->look);
        gn_tui_note(t, GN_STYLE_NOTE, on ? "paused; p goes on" : "going on");
    } else if (!v->follow.alive)
        gn_tui_note(t, GN_STYLE_NOTE, "the run is not at work");
    else if (gn_settings_flag(t->settings, "readonly"))
        gn_tui_note(t, GN_STYLE_ERROR, "readonly: the database is not written");
    else if (set_control(v, on ? "pause" : "run", &e)) {
        gn_tui_note(t, GN_STYLE_NOTE, "%s within 5 seconds", on ? "it pauses" : "it goes on");
        read_control(v, &e);
    } else
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
}

static void skip(gn_eval_state *v, gn_tui *t) {
    if (v->board && v->look.writing) {
        gn_board_skip(v->board);
        gn_tui_note(t, GN_STYLE_NOTE, "document %" PRId64 " is given up", v->look.doc);
    } else
        gn_tui_note(t, GN_STYLE_NOTE, "no answer is being written here");
}

static void requeue(gn_eval_state *v, gn_tui *t) {
    const gn_followed_task *task = gn_eval_task(v);
    const gn_followed_sample *s = gn_eval_sample(v);
    if (!task || !s)
        return;
    if (v->board && !v->look.ended) {
        gn_board_ask_anew(v->board, task->id, s->doc, s->rep);
        gn_tui_note(t, GN_STYLE_NOTE, "document %" PRId64 " is asked again at its task's end",
                    s->doc);
    } else
        gn_tui_note(t, GN_STYLE_NOTE, "gneiss eval retry %.10s asks failed samples again", v->run);
}

/* Leave: a run of this process first asks whether to stop it. */
static bool leave(gn_eval_state *v, gn_tui *t, bool at_once) {
    if (!v->board) {
        if (t->n_view > 1)
            return false;
        t->quit = true;
        return true;
    }
    v->asked++;
    if (v->asked > 1 || at_once)
        gn_board_interrupt(v->board);
    gn_board_see(v->board, &v->look);
    gn_tui_note(t, GN_STYLE_NOTE, "%s",
                v->look.interrupts > 1   ? "stopping at once"
                : v->look.interrupts > 0 ? "finishing what is begun, then it stops; q: at once"
                                         : "q again: stop and save. Any other key: go on");
    return true;
}

/* ---- a sample in full ------------------------------------------------------------------------ */

static void show(gn_eval_state *v, gn_tui *t, const char *what,
                 bool (*tell)(gn_store *s, int64_t sample, gn_str *out, gn_error *e)) {
    const gn_followed_task *task = gn_eval_task(v);
    const gn_followed_sample *s = gn_eval_sample(v);
    gn_str text = {0}, title = {0};
    gn_error e = {0};
    gn_view view;
    if (!task || !s)
        return;
    gn_str_fmt(&title, "%.*s #%" PRId64 "%s", (int)task->name.len, task->name.data, s->doc, what);
    if (!tell(v->store, s->id, &text, &e))
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
    else if (text.len == 0)
        gn_tui_note(t, GN_STYLE_NOTE, "no tokens were kept: --logprobs 0 keeps them");
    else if (gn_text_view(&view, gn_str_text(&title), gn_str_slice(&text), &e))
        gn_tui_push(t, view);
    gn_str_release(&text);
    gn_str_release(&title);
}

static bool tell_full(gn_store *s, int64_t sample, gn_str *out, gn_error *e) {
    return gn_follow_tell(s, sample, true, out, e);
}

/* ---- requests ---------------------------------------------------------------------------------- */

static void move(gn_eval_state *v, int by) {
    if (v->on_tasks)
        step_task(v, by > 0 ? 1 : -1);
    else
        step(v, by);
}

static bool request(void *self, gn_tui *t, gn_request r, const char *argument) {
    gn_eval_state *v = self;
    (void)argument;
    if (r != GN_REQUEST_BACK && r != GN_REQUEST_CANCEL && r != GN_REQUEST_QUIT)
        v->asked = 0;
    switch (r) {
    case GN_REQUEST_NEXT:
    case GN_REQUEST_DOWN:
        move(v, 1);
        return true;
    case GN_REQUEST_PREVIOUS:
    case GN_REQUEST_UP:
        move(v, -1);
        return true;
    case GN_REQUEST_PAGE_DOWN:
        move(v, v->height > 1 ? v->height : 1);
        return true;
    case GN_REQUEST_PAGE_UP:
        move(v, v->height > 1 ? -v->height : -1);
        return true;
    case GN_REQUEST_TOP:
        first_shown(v);
        return true;
    case GN_REQUEST_BOTTOM:
        v->chosen = 0;
        v->task = v->on_tasks ? -1 : v->task;
        return true;
    case GN_REQUEST_PANE:
        v->sample_pane = !v->sample_pane;
        v->on_tasks = !v->on_tasks;
        return true;
    case GN_REQUEST_FILTER:
        v->filter = (v->filter + 1) % GN_SAMPLE_FILTERS;
        v->chosen = 0;
        return true;
    case GN_REQUEST_PAUSE:
        pause_or_go_on(v, t);
        return true;
    case GN_REQUEST_SKIP:
        skip(v, t);
        return true;
    case GN_REQUEST_REQUEUE:
        requeue(v, t);
        return true;
    case GN_REQUEST_OPEN:
        if (v->on_tasks)
            v->on_tasks = false;
        else
            show(v, t, "", tell_full);
        return true;
    case GN_REQUEST_TOKENS:
        show(v, t, " tokens", gn_follow_tokens);
        return true;
    case GN_REQUEST_REQUEST_JSON:
        show(v, t, " raw", gn_follow_json);
        return true;
    case GN_REQUEST_EVAL:
        return true;
    case GN_REQUEST_BACK:
        return leave(v, t, false);
    case GN_REQUEST_QUIT:
    case GN_REQUEST_CANCEL: /* Ctrl+C stops it; Q, where it is elsewhere, quits */
        return v->board ? leave(v, t, true) : r == GN_REQUEST_CANCEL && leave(v, t, false);
    default:
        return false;
    }
}

static void scroll(void *self, gn_tui *t, int rows) {
    (void)t;
    step(self, rows);
}

/* The next sample, after the one in view, of which a number or the text says the pattern. */
static void search(void *self, gn_tui *t, gn_slice pattern) {
    gn_eval_state *v = self;
    const gn_followed_task *task = gn_eval_task(v);
    const gn_followed_sample *s = gn_eval_sample(v);
    int64_t number = -1;
    gn_parse_integer(pattern, &number);
    for (size_t k = 1; task && s && k <= task->n; k++) {
        const gn_followed_sample *x = &task->sample[((size_t)(s - task->sample) + k) % task->n];
        gn_str text = {0};
        gn_error e = {0};
        bool found = x->doc == number;
        if (!found && number < 0 && gn_follow_tell(v->store, x->id, true, &text, &e))
            found = gn_slice_find(gn_str_slice(&text), pattern) >= 0;
        gn_str_release(&text);
        if (found) {
            v->chosen = x->id;
            return;
        }
    }
    gn_tui_note(t, GN_STYLE_NOTE, "not found");
}

/* ---- life ------------------------------------------------------------------------------------------ */

static void close_eval(void *self) {
    gn_eval_state *v = self;
    forget(v);
    gn_board_look_release(&v->look);
    gn_str_release(&v->file);
    gn_str_release(&v->model);
    gn_str_release(&v->text);
    gn_wrap_release(&v->wrap);
    gn_wrap_release(&v->live);
    free(v);
}

static const gn_view_ops ops = {.name = "eval",
                                .draw = gn_eval_draw,
                                .request = request,
                                .scroll = scroll,
                                .event = event,
                                .search = search,
                                .close = close_eval};

static bool set_file(gn_eval_state *v, const gn_eval_screen *o, gn_error *e) {
    if (!o->file || !o->file[0])
        return gn_store_path(&v->file, GN_STORE_EVALS, e) && gn_str_ok(&v->file, e);
    gn_str_puts(&v->file, o->file);
    return gn_str_ok(&v->file, e);
}

bool gn_eval_view(gn_view *out, gn_tui *t, const gn_eval_screen *o, gn_error *e) {
    gn_eval_state *v = calloc(1, sizeof *v);
    if (!v)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    v->board = o->board;
    v->task = -1;
    v->now = o->now;
    v->look.left_s = NAN;
    if (o->run)
        snprintf(v->run, sizeof v->run, "%s", o->run);
    if (o->baseline)
        snprintf(v->baseline, sizeof v->baseline, "%s", o->baseline);
    if (!set_file(v, o, e)) {
        close_eval(v);
        return false;
    }
    refresh(v, t);
    if (v->error.code && !v->board) { /* nothing to be watched */
        *e = v->error;
        close_eval(v);
        return false;
    }
    t->wake = t->now + PERIOD;
    *out = (gn_view){&ops, v};
    return true;
}
