/* view_text.c - a text to page through, on top of whatever view made it. */
#include "app/term/wrap.h"
#include "app/tui/view.h"

#include <stdlib.h>

typedef struct pager {
    gn_str title, text;
    gn_wrap wrap;
    int top;    /* first row shown */
    int height; /* rows shown, when it was drawn last */
} pager;

static void clamp(pager *p) {
    const int most = (int)p->wrap.count - p->height;
    p->top = p->top > most ? most : p->top;
    p->top = p->top < 0 ? 0 : p->top;
}

static void draw(void *self, gn_tui *t) {
    pager *p = self;
    gn_canvas *c = &t->canvas;
    const int last = c->rows - 1;
    p->height = c->rows > 1 ? c->rows - 1 : 0;
    gn_wrap_update(&p->wrap, gn_str_slice(&p->text), c->cols);
    clamp(p);
    for (int y = 0; y < p->height && (size_t)(p->top + y) < p->wrap.count; y++)
        gn_wrap_draw(c, y, 0, c->cols, gn_str_slice(&p->text), p->wrap.row[p->top + y], NULL, 0,
                     GN_STYLE_PLAIN);
    const int shown = p->top + p->height;
    gn_canvas_paint(c, last, 0, c->cols, GN_STYLE_STATUS);
    gn_canvas_fmt(c, last, 0, c->cols, GN_STYLE_STATUS, " %s | %d-%d of %d | q leaves",
                  gn_str_text(&p->title), p->top + 1,
                  shown < (int)p->wrap.count ? shown : (int)p->wrap.count, (int)p->wrap.count);
}

static void scroll(void *self, gn_tui *t, int rows) {
    (void)t;
    pager *p = self;
    p->top += rows;
    clamp(p);
}

static bool request(void *self, gn_tui *t, gn_request r, const char *argument) {
    pager *p = self;
    (void)argument;
    switch (r) {
    case GN_REQUEST_NEXT:
    case GN_REQUEST_DOWN:
        scroll(p, t, 1);
        return true;
    case GN_REQUEST_PREVIOUS:
    case GN_REQUEST_UP:
        scroll(p, t, -1);
        return true;
    case GN_REQUEST_PAGE_DOWN:
        scroll(p, t, p->height);
        return true;
    case GN_REQUEST_PAGE_UP:
        scroll(p, t, -p->height);
        return true;
    case GN_REQUEST_TOP:
        p->top = 0;
        return true;
    case GN_REQUEST_BOTTOM:
        scroll(p, t, (int)p->wrap.count);
        return true;
    default:
        return false;
    }
}

static void search(void *self, gn_tui *t, gn_slice pattern) {
    pager *p = self;
    const gn_slice text = gn_str_slice(&p->text);
    const size_t next = (size_t)p->top + 1;
    const size_t from = next < p->wrap.count ? p->wrap.row[next].first : 0;
    ptrdiff_t at = gn_slice_find(gn_slice_from(text, from), pattern);
    at = at >= 0 ? at + (ptrdiff_t)from : gn_slice_find(text, pattern);
    if (at >= 0)
        p->top = (int)gn_wrap_find(&p->wrap, (size_t)at);
    else
        gn_tui_note(t, GN_STYLE_NOTE, "not found");
    clamp(p);
}

static void event(void *self, gn_tui *t, const gn_event *ev) { (void)self, (void)t, (void)ev; }

static void close_text(void *self) {
    pager *p = self;
    gn_str_release(&p->title);
    gn_str_release(&p->text);
    gn_wrap_release(&p->wrap);
    free(p);
}

static const gn_view_ops ops = {.name = "text",
                                .draw = draw,
                                .request = request,
                                .scroll = scroll,
                                .event = event,
                                .search = search,
                                .close = close_text};

bool gn_text_view(gn_view *out, const char *title, gn_slice text, gn_error *e) {
    pager *p = calloc(1, sizeof *p);
    if (!p)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    gn_str_puts(&p->title, title);
    gn_str_add(&p->text, text);
    if (!gn_str_ok(&p->title, e) || !gn_str_ok(&p->text, e)) {
        close_text(p);
        return false;
    }
    *out = (gn_view){&ops, p};
    return true;
}
