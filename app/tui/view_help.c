/* view_help.c - the keys and commands, as a text to page through. */
#include "app/term/wrap.h"
#include "app/tui/slash.h"
#include "app/tui/view.h"

#include <stdlib.h>

typedef struct help {
    gn_str text;
    gn_wrap wrap;
    int top;    /* first row shown */
    int height; /* rows shown, when it was drawn last */
} help;

void gn_keymap_text(const gn_keymap *m, gn_str *out) {
    gn_str_fmt(out, "%-16s%-23s%-16s%s\n", "request", "write", "read", "");
    for (gn_request r = 1; r < GN_REQUEST_SLASH; r++) {
        gn_str write = {0}, read = {0};
        gn_keymap_keys(m, "write", r, &write);
        gn_keymap_keys(m, "read", r, &read);
        gn_str_fmt(out, "%-16s%-23s%-16s%s\n", gn_request_name(r), gn_str_text(&write),
                   gn_str_text(&read), gn_request_help(r));
        gn_str_release(&write);
        gn_str_release(&read);
    }
}

static void clamp(help *h) {
    const int most = (int)h->wrap.count - h->height;
    h->top = h->top > most ? most : h->top;
    h->top = h->top < 0 ? 0 : h->top;
}

static void draw(void *self, gn_tui *t) {
    help *h = self;
    gn_canvas *c = &t->canvas;
    h->height = c->rows - 1;
    gn_wrap_update(&h->wrap, gn_str_slice(&h->text), c->cols);
    clamp(h);
    for (int y = 0; y < h->height && (size_t)(h->top + y) < h->wrap.count; y++)
        gn_wrap_draw(c, y, 0, c->cols, gn_str_slice(&h->text), h->wrap.row[h->top + y], NULL, 0,
                     GN_STYLE_PLAIN);
    gn_canvas_paint(c, c->rows - 1, 0, c->cols, GN_STYLE_STATUS);
    if (t->note.len) {
        gn_canvas_put(c, c->rows - 1, 1, c->cols, gn_str_slice(&t->note), t->note_style);
        return;
    }
    gn_canvas_fmt(c, c->rows - 1, 0, c->cols, GN_STYLE_STATUS, " help | %d-%d of %d | q leaves",
                  h->top + 1,
                  h->top + h->height < (int)h->wrap.count ? h->top + h->height : (int)h->wrap.count,
                  (int)h->wrap.count);
}

static void scroll(void *self, gn_tui *t, int rows) {
    (void)t;
    help *h = self;
    h->top += rows;
    clamp(h);
}

static bool request(void *self, gn_tui *t, gn_request r, const char *argument) {
    help *h = self;
    (void)argument;
    switch (r) {
    case GN_REQUEST_NEXT:
    case GN_REQUEST_DOWN:
        scroll(h, t, 1);
        return true;
    case GN_REQUEST_PREVIOUS:
    case GN_REQUEST_UP:
        scroll(h, t, -1);
        return true;
    case GN_REQUEST_PAGE_DOWN:
        scroll(h, t, h->height);
        return true;
    case GN_REQUEST_PAGE_UP:
        scroll(h, t, -h->height);
        return true;
    case GN_REQUEST_TOP:
        h->top = 0;
        return true;
    case GN_REQUEST_BOTTOM:
        scroll(h, t, (int)h->wrap.count);
        return true;
    default:
        return false;
    }
}

static void search(void *self, gn_tui *t, gn_slice pattern) {
    help *h = self;
    const gn_slice text = gn_str_slice(&h->text);
    h->height = t->canvas.rows - 1;
    gn_wrap_update(&h->wrap, text, t->canvas.cols); /* it may not be drawn yet */
    const size_t from = (size_t)h->top + 1 < h->wrap.count ? h->wrap.row[h->top + 1].first : 0;
    ptrdiff_t at = gn_slice_find(gn_slice_from(text, from), pattern);
    at = at >= 0 ? at + (ptrdiff_t)from : gn_slice_find(text, pattern);
    if (at >= 0)
        h->top = (int)gn_wrap_find(&h->wrap, (size_t)at);
    else
        gn_tui_note(t, GN_STYLE_NOTE, "nothing is said of '%.*s' here",
                    pattern.len > 60 ? 60 : (int)pattern.len, pattern.data);
    clamp(h);
}

static void event(void *self, gn_tui *t, const gn_event *ev) { (void)self, (void)t, (void)ev; }

static void close_help(void *self) {
    help *h = self;
    gn_str_release(&h->text);
    gn_wrap_release(&h->wrap);
    free(h);
}

static const gn_view_ops ops = {.name = "help",
                                .draw = draw,
                                .request = request,
                                .scroll = scroll,
                                .event = event,
                                .search = search,
                                .close = close_help};

static void list_keys(const gn_keymap *m, const char *view, const char *title, gn_str *out) {
    gn_str_fmt(out, "%s\n", title);
    for (gn_request r = 1; r < GN_REQUEST_SLASH; r++) {
        gn_str keys = {0};
        gn_keymap_keys(m, view, r, &keys);
        if (keys.len)
            gn_str_fmt(out, "  %-18s %s\n", gn_str_text(&keys), gn_request_help(r));
        gn_str_release(&keys);
    }
}

bool gn_help_view(gn_view *out, const gn_tui *t, gn_error *e) {
    help *h = calloc(1, sizeof *h);
    if (!h)
        return gn_fail(e, GN_NO_MEMORY, "help: out of memory");
    gn_str_puts(&h->text, "Esc reads the conversation, i writes. A message that begins with / is a "
                          "command; // begins one that is not.\n\n");
    list_keys(&t->keymap, "write", "keys while writing", &h->text);
    list_keys(&t->keymap, "read", "\nkeys while reading", &h->text);
    gn_str_puts(&h->text, "\ncommands\n");
    gn_slash_text(&h->text);
    if (!gn_str_ok(&h->text, e)) {
        close_help(h);
        return false;
    }
    *out = (gn_view){&ops, h};
    return true;
}
