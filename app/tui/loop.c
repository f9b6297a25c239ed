/* loop.c - keys to requests, events to views; the part that needs no terminal. */
#include "app/tui/view.h"

#include "app/term/line.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>

bool gn_tui_init(gn_tui *t, gn_settings *settings, gn_worker *worker, bool unicode, gn_error *e) {
    *t = (gn_tui){.settings = settings, .worker = worker, .dirty = true};
    t->canvas.unicode = unicode;
    return gn_keymap_init(&t->keymap, e) && gn_keymap_load(&t->keymap, settings, e);
}

void gn_tui_release(gn_tui *t) {
    while (t->n_view > 0)
        gn_tui_pop(t);
    gn_canvas_release(&t->canvas);
    gn_keymap_release(&t->keymap);
    gn_str_release(&t->draft);
    gn_str_release(&t->note);
}

void gn_tui_note(gn_tui *t, gn_style style, const char *fmt, ...) {
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    gn_str_cut(&t->note, 0);
    gn_str_puts(&t->note, text);
    t->note_style = style;
    t->dirty = true;
}

void gn_tui_note_more(gn_tui *t, const char *text) {
    if (t->note.len == 0)
        t->note_style = GN_STYLE_NOTE;
    gn_str_fmt(&t->note, "%s%s", t->note.len ? "\n" : "", text);
    t->dirty = true;
}

bool gn_tui_push(gn_tui *t, gn_view view) {
    t->dirty = true;
    if (t->n_view == (int)(sizeof t->view / sizeof t->view[0])) {
        view.op->close(view.self);
        return false;
    }
    t->view[t->n_view++] = view;
    return true;
}

void gn_tui_pop(gn_tui *t) {
    if (t->n_view > 0) {
        t->n_view--;
        t->view[t->n_view].op->close(t->view[t->n_view].self);
    }
    t->dirty = true;
}

static gn_view *top(gn_tui *t) { return &t->view[t->n_view - 1]; }
static bool is_writable(gn_tui *t) { return top(t)->op->said != NULL; }

/* ---- a line at the bottom: search, command ------------------------------ */

void gn_tui_ask(gn_tui *t, char what) {
    gn_str_cut(&t->draft, 0);
    gn_str_add(&t->draft, gn_line_text());
    gn_line_set((gn_slice){"", 0});
    t->before = t->mode;
    t->mode = GN_MODE_ASK;
    t->asking = what;
}

static void end_ask(gn_tui *t) {
    gn_line_set(gn_str_slice(&t->draft));
    t->mode = t->before;
}

static void answered(gn_tui *t, gn_slice text) {
    const char what = t->asking;
    gn_str copy = {0};
    gn_str_add(&copy, text);
    end_ask(t);
    if (copy.len == 0)
        ;
    else if (what == '/')
        top(t)->op->search(top(t)->self, t, gn_str_slice(&copy));
    else {
        const gn_request r = gn_request_find(gn_str_slice(&copy));
        if (r)
            gn_tui_request(t, r, NULL);
        else {
            gn_str slash = {0};
            gn_str_fmt(&slash, "%s%s", copy.data[0] == '/' ? "" : "/", copy.data);
            gn_tui_request(t, GN_REQUEST_SLASH, gn_str_text(&slash));
            gn_str_release(&slash);
        }
    }
    gn_str_release(&copy);
}

/* ---- requests ----------------------------------------------------------- */

static void toggle_help(gn_tui *t) {
    gn_view help;
    gn_error e = {0};
    if (strcmp(top(t)->op->name, "help") == 0)
        gn_tui_pop(t);
    else if (gn_help_view(&help, t, &e))
        gn_tui_push(t, help);
}

void gn_tui_help(gn_tui *t, gn_slice on) {
    gn_str command = {0};
    if (strcmp(top(t)->op->name, "help") != 0)
        toggle_help(t);
    if (on.len == 0 || strcmp(top(t)->op->name, "help") != 0)
        return;
    gn_str_fmt(&command, "%s%.*s", on.data[0] == '/' ? "" : "/", (int)on.len, on.data);
    gn_view *help = top(t);
    help->op->search(help->self, t, gn_str_slice(&command));
    if (t->note.len && on.data[0] != '/') { /* no command: a key, a word */
        gn_str_cut(&t->note, 0);
        help->op->search(help->self, t, on);
    }
    gn_str_release(&command);
}

static void open_eval(gn_tui *t) {
    gn_view view;
    gn_error e = {0};
    if (gn_eval_view(&view, t, &(gn_eval_screen){0}, &e))
        gn_tui_push(t, view);
    else
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
}

/* What Esc does when the view has nothing to stop. */
static void escape(gn_tui *t) {
    if (t->mode == GN_MODE_ASK)
        end_ask(t);
    else if (t->n_view > 1)
        gn_tui_pop(t);
    else
        t->mode = GN_MODE_READ;
}

static void send(gn_tui *t) {
    gn_str text = {0};
    gn_line_accept();
    if (gn_line_taken(&text)) {
        if (t->mode == GN_MODE_ASK)
            answered(t, gn_str_slice(&text));
        else if (is_writable(t))
            top(t)->op->said(top(t)->self, t, gn_str_slice(&text));
    }
    gn_str_release(&text);
}

static void edit(gn_tui *t) {
    gn_str text = {0};
    gn_error e = {0};
    gn_str_add(&text, gn_line_text());
    if (t->edit && t->edit(t, &text, &e))
        gn_line_set(gn_str_slice(&text));
    else if (e.code)
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
    gn_str_release(&text);
}

/* Requests of the line; false: not one. */
static bool line_request(gn_tui *t, gn_request r) {
    switch (r) {
    case GN_REQUEST_SEND:
        send(t);
        return true;
    case GN_REQUEST_NEWLINE:
        gn_line_insert(GN_S("\n"));
        return true;
    case GN_REQUEST_UP:
        gn_line_up();
        return true;
    case GN_REQUEST_DOWN:
        gn_line_down();
        return true;
    case GN_REQUEST_EDITOR:
        edit(t);
        return true;
    default:
        return false;
    }
}

void gn_tui_request(gn_tui *t, gn_request r, const char *argument) {
    t->dirty = true;
    if (t->mode == GN_MODE_ASK && (r == GN_REQUEST_ESCAPE || r == GN_REQUEST_CANCEL)) {
        end_ask(t);
        return;
    }
    if (top(t)->op->request(top(t)->self, t, r, argument))
        return;
    if ((t->mode != GN_MODE_READ || r == GN_REQUEST_EDITOR) && line_request(t, r))
        return;
    switch (r) {
    case GN_REQUEST_ESCAPE:
        escape(t);
        break;
    case GN_REQUEST_WRITE:
        while (t->n_view > 1 && !is_writable(t))
            gn_tui_pop(t);
        t->mode = GN_MODE_WRITE;
        break;
    case GN_REQUEST_SEARCH:
        gn_tui_ask(t, '/');
        break;
    case GN_REQUEST_COMMAND:
        gn_tui_ask(t, ':');
        break;
    case GN_REQUEST_HELP:
        toggle_help(t);
        break;
    case GN_REQUEST_EVAL:
        open_eval(t);
        break;
    case GN_REQUEST_BACK:
    case GN_REQUEST_CANCEL:
        if (t->n_view > 1)
            gn_tui_pop(t);
        break;
    case GN_REQUEST_REDRAW:
        if (t->redraw)
            t->redraw(t);
        break;
    case GN_REQUEST_SUSPEND:
        if (t->suspend)
            t->suspend(t);
        break;
    case GN_REQUEST_QUIT:
        t->quit = true;
        break;
    default:
        break;
    }
}

/* ---- input -------------------------------------------------------------- */

/* A key that could also be written: it belongs to the line unless "write" binds it. */
static bool is_letter(gn_key k) { return !(k.mods & ~GN_SHIFT) && k.code < GN_KEY_UP; }

static const gn_binding *binding_of(gn_tui *t, const gn_key *key, int n, bool *more) {
    const char *mode = t->mode == GN_MODE_READ || !is_writable(t) ? "read" : "write";
    const gn_binding *found = NULL;
    bool general;
    *more = false;
    if (t->mode == GN_MODE_ASK)
        mode = "write";
    else if (t->mode == GN_MODE_READ || !is_writable(t) || !is_letter(key[0]))
        found = gn_keymap_find(&t->keymap, top(t)->op->name, key, n, more);
    if (!found && !*more) {
        found = gn_keymap_find(&t->keymap, mode, key, n, &general);
        *more = general;
    }
    return found;
}

/* While a search or command is asked for, few requests mean anything. */
static bool fits_ask(gn_request r) {
    return r == GN_REQUEST_SEND || r == GN_REQUEST_ESCAPE || r == GN_REQUEST_CANCEL ||
           r == GN_REQUEST_REDRAW || r == GN_REQUEST_COMPLETE || r == GN_REQUEST_SUSPEND ||
           r == GN_REQUEST_UP || r == GN_REQUEST_DOWN;
}

/* Bytes to the line; Enter may have been among them, or what readline makes one. */
static void type(gn_tui *t, gn_slice bytes) {
    gn_str text = {0};
    gn_line_type(bytes);
    if (gn_line_taken(&text)) {
        gn_line_set(gn_str_slice(&text));
        send(t);
    }
    gn_str_release(&text);
}

static void on_key(gn_tui *t, const gn_input_event *ev) {
    const bool writes = t->mode == GN_MODE_ASK || (t->mode == GN_MODE_WRITE && is_writable(t));
    if (writes && gn_line_prompt()) { /* readline asks: the answer is its own */
        const bool cancel = ev->key.code == 'c' && ev->key.mods == GN_CTRL;
        type(t, cancel ? GN_S("\x07") : ev->bytes);
        return;
    }
    gn_key key[2] = {t->first.code ? t->first : ev->key, ev->key};
    bool more;
    const gn_binding *b = binding_of(t, key, t->first.code ? 2 : 1, &more);
    const bool second = t->first.code != 0;
    t->first = !second && more ? ev->key : (gn_key){0};
    if (t->first.code)
        return;
    gn_request r = b ? b->request : GN_REQUEST_NONE;
    if (t->mode == GN_MODE_ASK && !fits_ask(r))
        r = GN_REQUEST_NONE;
    if (t->mode != GN_MODE_ASK && top(t)->op->key && top(t)->op->key(top(t)->self, t, ev, r))
        return;
    if (ev->burst && writes && t->mode == GN_MODE_WRITE && r == GN_REQUEST_SEND)
        r = GN_REQUEST_NEWLINE;
    if (ev->burst && writes && r == GN_REQUEST_COMPLETE)
        gn_line_insert(GN_S("\t"));
    else if (r != GN_REQUEST_NONE)
        gn_tui_request(t, r, b->argument);
    else if (writes && !second)
        type(t, ev->bytes);
}

/* Terminals send a carriage return for a line's end. */
static void on_paste(gn_tui *t, gn_slice bytes) {
    gn_str text = {0};
    for (size_t i = 0; i < bytes.len; i++) {
        const char c = bytes.data[i];
        if (c == '\r' && i + 1 < bytes.len && bytes.data[i + 1] == '\n')
            continue;
        gn_str_putc(&text, c == '\r' ? '\n' : c);
    }
    if (t->mode == GN_MODE_ASK) {
        gn_slice first = gn_str_slice(&text);
        const char *end = memchr(first.data, '\n', first.len);
        gn_line_insert((gn_slice){first.data, end ? (size_t)(end - first.data) : first.len});
    } else {
        while (t->n_view > 1 && !top(t)->op->paste)
            gn_tui_pop(t);
        if (top(t)->op->paste)
            t->mode = GN_MODE_WRITE;
        if (top(t)->op->paste)
            top(t)->op->paste(top(t)->self, t, gn_str_slice(&text));
    }
    gn_str_release(&text);
}

void gn_tui_input(gn_tui *t, const gn_input_event *ev) {
    t->dirty = true;
    if (ev->kind == GN_INPUT_WHEEL)
        top(t)->op->scroll(top(t)->self, t, ev->wheel);
    else if (ev->kind == GN_INPUT_PASTE)
        on_paste(t, ev->bytes);
    else {
        gn_str_cut(&t->note, 0);
        on_key(t, ev);
        t->keyed = t->now;
    }
}

void gn_tui_events(gn_tui *t) {
    for (gn_event *ev; (ev = t->worker->next(t->worker)); gn_event_free(ev)) {
        t->dirty = true;
        for (int i = 0; i < t->n_view; i++)
            t->view[i].op->event(t->view[i].self, t, ev);
    }
}

void gn_tui_tick(gn_tui *t) {
    const gn_event tick = {.kind = GN_EVENT_TOLD, .answer = -1};
    const double due = t->wake;
    for (int i = 0; i < t->n_view; i++)
        t->view[i].op->event(t->view[i].self, t, &tick);
    if (t->wake == due) /* nobody wants another */
        t->wake = 0;
}

void gn_tui_finish(gn_tui *t) {
    bool closed = !t->worker->finish;
    t->quit = true;
    if (!closed)
        t->worker->finish(t->worker);
    while (!closed) {
        struct pollfd fd = {t->worker->fd(t->worker), POLLIN, 0};
        gn_event *ev = poll(&fd, 1, -1) < 0 ? NULL : t->worker->next(t->worker);
        for (int i = 0; ev && i < t->n_view; i++)
            t->view[i].op->event(t->view[i].self, t, ev);
        closed = ev && ev->kind == GN_EVENT_CLOSED;
        gn_event_free(ev);
    }
}

void gn_tui_draw(gn_tui *t) {
    gn_canvas_clear(&t->canvas);
    if (t->canvas.rows > 0 && t->n_view > 0)
        top(t)->op->draw(top(t)->self, t);
    t->dirty = false;
}
