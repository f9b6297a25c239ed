/* view_full.c - what is asked when the context is full, and which turns may go. */
#include "app/tui/chat_full.h"

#include "app/term/line.h"

#include <stdio.h>
#include <stdlib.h>

static void ignore_scroll(void *self, gn_tui *t, int rows) { (void)self, (void)t, (void)rows; }
static void ignore_event(void *self, gn_tui *t, const gn_event *ev) {
    (void)self, (void)t, (void)ev;
}
static void ignore_search(void *self, gn_tui *t, gn_slice pattern) {
    (void)self, (void)t, (void)pattern;
}

/* "131,072" */
static void grouped(int64_t n, gn_str *out) {
    if (n >= 1000) {
        grouped(n / 1000, out);
        gn_str_fmt(out, ",%03d", (int)(n % 1000));
    } else
        gn_str_fmt(out, "%d", (int)n);
}

/* ---- the question ------------------------------------------------------- */

static void draw_box(gn_canvas *c, int top, gn_slice title, const char *const *line, int n) {
    const int edge = c->cols > 2 ? c->cols - 1 : 0, left = c->cols >= 40 ? 1 : 0;
    gn_str rule = {0};
    gn_str_putc(&rule, '+');
    for (int i = left + 1; i < edge - left; i++)
        gn_str_putc(&rule, '-');
    gn_str_putc(&rule, '+');
    for (int i = 0; i < n + 2; i++) {
        const int y = top + i;
        gn_canvas_paint(c, y, 0, c->cols, GN_STYLE_PLAIN);
        for (int col = 0; col < c->cols; col++)
            gn_canvas_put(c, y, col, c->cols, GN_S(" "), GN_STYLE_PLAIN);
        if (i == 0 || i == n + 1)
            gn_canvas_put(c, y, left, c->cols, gn_str_slice(&rule), GN_STYLE_NOTE);
        else {
            gn_canvas_put(c, y, left, c->cols, GN_S("|"), GN_STYLE_NOTE);
            gn_canvas_put(c, y, left + 2, edge - 1 - left, gn_slice_of(line[i - 1]),
                          GN_STYLE_PLAIN);
            gn_canvas_put(c, y, edge - left, c->cols, GN_S("|"), GN_STYLE_NOTE);
        }
    }
    const int col = gn_canvas_put(c, top, left + 2, edge - left, GN_S(" "), GN_STYLE_NOTE);
    const int end = gn_canvas_put(c, top, col, edge - left, title, GN_STYLE_ERROR);
    gn_canvas_put(c, top, end, edge - left, GN_S(" "), GN_STYLE_NOTE);
    gn_str_release(&rule);
}

static void draw_question(void *self, gn_tui *t) {
    static const char *const soon[] = {
        "[s] summarise the older half into a new branch",
        "[d] choose turns to drop (new branch, re-read)",
        "[c] continue until full",
        "[Esc] back",
    };
    static const char *const small[] = {"s summarise", "d drop turns", "c go on  Esc"};
    static const char *const over[] = {
        "[s] summarise the older half into a new branch",
        "[d] choose turns to drop (new branch, re-read)",
        "[Esc] back",
    };
    static const char *const small_over[] = {"s summarise", "d drop turns", "Esc back"};
    static const char *const title[] = {
        [GN_FULL_SOON] = "The next reply may not fit",
        [GN_FULL_NOW] = "The context is full",
        [GN_FULL_OVER] = "This does not fit",
    };
    gn_chat *c = self;
    gn_canvas *v = &t->canvas;
    gn_str text = {0};
    const bool can_go_on = c->full.why == GN_FULL_SOON, narrow = v->cols < 50 || v->rows < 8;
    const char *const *line = narrow ? can_go_on ? small : small_over : can_go_on ? soon : over;
    const int n = narrow ? 3 : can_go_on ? 4 : 3;
    gn_chat_draw(c, t);
    v->cursor = false;
    if (!narrow)
        gn_str_fmt(&text, "%s: %s", title[c->full.why], c->full.exact ? "" : "about ");
    grouped(c->full.used, &text);
    gn_str_puts(&text, " of ");
    grouped(c->context, &text);
    gn_str_puts(&text, narrow ? "" : " tokens");
    /* Over the messages; what is being written and said stays in sight where there is room. */
    const gn_shape s = gn_chat_lay_out(c, t);
    const int end = s.height >= n + 2 ? s.first + s.height : v->rows - (v->rows >= 10 ? 4 : 0);
    const int top = end - n - 2;
    draw_box(v, top > 0 ? top : 0, gn_str_slice(&text), line, n);
    gn_str_release(&text);
}

/* What was being typed when it came up is no answer, nor what is typed on without a pause. */
static bool is_early(const gn_chat *c, const gn_tui *t) {
    return t->now - c->full.since < 0.5 || t->now - t->keyed < 0.5;
}

static void say_what_answers(const gn_chat *c, gn_tui *t) {
    gn_tui_note(t, GN_STYLE_NOTE, "the question comes first: s, d%s or Esc",
                c->full.why == GN_FULL_SOON ? ", c" : "");
}

static bool request_question(void *self, gn_tui *t, gn_request r, const char *argument) {
    gn_chat *c = self;
    gn_view view;
    gn_error e = {0};
    (void)argument;
    switch (r) {
    case GN_REQUEST_SUMMARISE:
    case GN_REQUEST_DROP:
        if (is_early(c, t))
            return true;
        gn_tui_pop(t);
        if (r == GN_REQUEST_SUMMARISE)
            gn_chat_summarise(c, t);
        else if (gn_drop_view(&view, c, &e))
            gn_tui_push(t, view);
        else
            gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
        return true;
    case GN_REQUEST_GO_ON:
        if (c->full.why == GN_FULL_SOON && !is_early(c, t)) {
            gn_tui_pop(t);
            gn_chat_fill(c, t);
        }
        return true;
    case GN_REQUEST_ESCAPE:
    case GN_REQUEST_BACK:
    case GN_REQUEST_CANCEL:
        gn_tui_pop(t);
        gn_chat_take_back(c, t);
        return true;
    case GN_REQUEST_QUIT:
    case GN_REQUEST_REDRAW:
    case GN_REQUEST_SUSPEND:
        return false;
    default:
        say_what_answers(c, t);
        return true;
    }
}

/* What is typed on when the question comes up belongs to the next message, as while a reply comes. */
static bool key_question(void *self, gn_tui *t, const gn_input_event *ev, gn_request r) {
    gn_chat *c = self;
    const gn_key k = ev->key;
    const bool written =
        !(k.mods & ~(unsigned)GN_SHIFT) && k.code < GN_KEY_UP && k.code != GN_KEY_ESC;
    if (!written || t->mode != GN_MODE_WRITE || t->n_view > 2 || !is_early(c, t)) {
        if (r == GN_REQUEST_NONE)
            say_what_answers(c, t);
        return r == GN_REQUEST_NONE;
    }
    if (k.code == GN_KEY_TAB)
        return true;
    if (k.code != GN_KEY_ENTER)
        gn_line_type(ev->bytes);
    else if (ev->burst)
        gn_line_insert(GN_S("\n"));
    else if (gn_line_text().len > 0 && gn_line_text().data[0] != '/') {
        gn_str text = {0};
        gn_line_remember(gn_line_text());
        gn_chat_unfold(c, gn_line_text(), &text);
        gn_line_set((gn_slice){"", 0});
        gn_chat_enqueue(c, t, gn_str_slice(&text));
        gn_str_release(&text);
    }
    return true;
}

static void paste_question(void *self, gn_tui *t, gn_slice text) { gn_chat_paste(self, t, text); }

static void close_question(void *self) { (void)self; }

bool gn_full_view(gn_view *out, gn_chat *c, gn_error *e) {
    static const gn_view_ops ops = {.name = "full",
                                    .draw = draw_question,
                                    .request = request_question,
                                    .scroll = ignore_scroll,
                                    .event = ignore_event,
                                    .search = ignore_search,
                                    .close = close_question,
                                    .paste = paste_question,
                                    .key = key_question};
    (void)e;
    *out = (gn_view){&ops, c};
    return true;
}

/* ---- which turns -------------------------------------------------------- */

/* A question and its answer, or what stands alone. */
typedef struct exchange {
    size_t first, end; /* of the path */
    int64_t tokens;
    bool drop;
} exchange;

typedef struct dropping {
    gn_chat *chat;
    gn_ids path;
    exchange *row;
    int n, at;
    int64_t all; /* tokens of everything */
} dropping;

static int64_t left(const dropping *d) {
    int64_t sum = d->all;
    for (int i = 0; i < d->n; i++)
        sum -= d->row[i].drop ? d->row[i].tokens : 0;
    return sum;
}

static void draw_drop(void *self, gn_tui *t) {
    const dropping *d = self;
    const gn_chat *chat = d->chat;
    gn_canvas *c = &t->canvas;
    const int height = c->rows - 2;
    gn_str text = {0};
    int top = d->at - height / 2;
    top = top > d->n - height ? d->n - height : top;
    top = top < 0 ? 0 : top;
    gn_canvas_paint(c, 0, 0, c->cols, GN_STYLE_TITLE);
    gn_str_puts(&text, "drop | ");
    grouped(left(d), &text);
    gn_str_puts(&text, " of ");
    grouped(chat->context, &text);
    gn_str_puts(&text, " tokens would be left");
    gn_canvas_put(c, 0, 1, c->cols, gn_str_slice(&text), GN_STYLE_TITLE);
    for (int i = top; i < d->n && i - top < height; i++) {
        const exchange *x = &d->row[i];
        const gn_turn *turn = chat->turns.turn[d->path.id[x->first]];
        const gn_style style = i == d->at ? GN_STYLE_SELECTED
                               : x->drop  ? GN_STYLE_DIM
                                          : GN_STYLE_PLAIN;
        const int y = 1 + i - top;
        gn_canvas_paint(c, y, 0, c->cols, style);
        const int col = gn_canvas_fmt(c, y, 0, c->cols, style, "%c[%c] %3d%8lld  ",
                                      i == d->at ? '>' : ' ', x->drop ? 'x' : ' ',
                                      chat->message[turn->id].number, (long long)x->tokens);
        gn_canvas_put(c, y, col, c->cols, gn_str_slice(&turn->text), style);
    }
    gn_canvas_paint(c, c->rows - 1, 0, c->cols, GN_STYLE_STATUS);
    gn_canvas_put(c, c->rows - 1, 0, c->cols,
                  t->note.len ? gn_str_slice(&t->note)
                              : GN_S(" Space drop | Enter go on without | j k | q back"),
                  t->note.len ? t->note_style : GN_STYLE_STATUS);
    gn_str_release(&text);
}

static void do_drop(dropping *d, gn_tui *t) {
    gn_chat *chat = d->chat;
    bool *drop = calloc(d->path.count + 1, sizeof *drop), any = false;
    for (int i = 0; drop && i < d->n; i++)
        for (size_t k = d->row[i].first; d->row[i].drop && k < d->row[i].end; k++)
            any = drop[k] = true;
    if (!drop)
        gn_chat_no_memory(t);
    else if (!any)
        gn_tui_note(t, GN_STYLE_NOTE, "Space marks what is to go");
    else {
        gn_tui_pop(t); /* d is gone */
        gn_chat_drop(chat, t, drop);
    }
    free(drop);
}

static void move_to(dropping *d, int at) {
    d->at = at >= d->n ? d->n - 1 : at;
    d->at = d->at < 0 ? 0 : d->at;
}

static bool request_drop(void *self, gn_tui *t, gn_request r, const char *argument) {
    dropping *d = self;
    gn_chat *chat = d->chat;
    (void)argument;
    switch (r) {
    case GN_REQUEST_NEXT:
        move_to(d, d->at + 1);
        return true;
    case GN_REQUEST_PREVIOUS:
        move_to(d, d->at - 1);
        return true;
    case GN_REQUEST_PAGE_DOWN:
        move_to(d, d->at + 10);
        return true;
    case GN_REQUEST_PAGE_UP:
        move_to(d, d->at - 10);
        return true;
    case GN_REQUEST_TOP:
        move_to(d, 0);
        return true;
    case GN_REQUEST_BOTTOM:
        move_to(d, d->n);
        return true;
    case GN_REQUEST_MARK:
        d->row[d->at].drop = !d->row[d->at].drop;
        move_to(d, d->at + 1);
        return true;
    case GN_REQUEST_OPEN:
        do_drop(d, t);
        return true;
    case GN_REQUEST_WRITE:
        t->mode = GN_MODE_WRITE;
        gn_tui_pop(t);
        gn_chat_take_back(chat, t);
        return true;
    case GN_REQUEST_ESCAPE:
    case GN_REQUEST_BACK:
    case GN_REQUEST_CANCEL:
        gn_tui_pop(t);
        gn_chat_take_back(chat, t);
        return true;
    default:
        return false;
    }
}

static void scroll_drop(void *self, gn_tui *t, int rows) {
    dropping *d = self;
    (void)t;
    move_to(d, d->at + rows);
}

static void paste_drop(void *self, gn_tui *t, gn_slice text) {
    gn_chat_paste(((dropping *)self)->chat, t, text);
}

static void close_drop(void *self) {
    dropping *d = self;
    gn_ids_release(&d->path);
    free(d->row);
    free(d);
}

/* The exchanges of the path: each begins with what asks. */
static bool find_exchanges(dropping *d) {
    const gn_chat *c = d->chat;
    bool exact = true;
    d->row = calloc(d->path.count + 1, sizeof *d->row);
    for (size_t i = 0; d->row && i < d->path.count; i++) {
        const gn_turn *turn = c->turns.turn[d->path.id[i]];
        const int64_t tokens = gn_chat_tokens_of(turn, &exact);
        d->all += tokens;
        if (gn_role_leads(turn->role))
            continue;
        if (turn->role == GN_ROLE_USER || d->n == 0)
            d->row[d->n++].first = i;
        d->row[d->n - 1].end = i + 1;
        d->row[d->n - 1].tokens += tokens;
    }
    return d->row != NULL;
}

bool gn_drop_view(gn_view *out, gn_chat *c, gn_error *e) {
    static const gn_view_ops ops = {.name = "drop",
                                    .draw = draw_drop,
                                    .request = request_drop,
                                    .scroll = scroll_drop,
                                    .event = ignore_event,
                                    .search = ignore_search,
                                    .close = close_drop,
                                    .paste = paste_drop};
    dropping *d = calloc(1, sizeof *d);
    const gn_turn *question = gn_transcript_turn(&c->turns, c->full.question);
    if (d) {
        d->chat = c;
        bool exact = true;
        d->all = question ? gn_chat_tokens_of(question, &exact) : 0;
    }
    if (!d ||
        !gn_transcript_path(&c->turns, question ? question->parent : c->turns.head, &d->path) ||
        !find_exchanges(d)) {
        if (d)
            close_drop(d);
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    }
    if (d->n == 0) {
        close_drop(d);
        return gn_fail(e, GN_INVALID, "there is nothing that could be dropped");
    }
    *out = (gn_view){&ops, d};
    return true;
}
