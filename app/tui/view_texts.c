/* view_texts.c - two texts side by side, with the place where they part marked.
 *
 * Both are wrapped to half the screen and scroll together; from the first difference on
 * what follows is not compared (two answers that part seldom meet again). On a narrow screen
 * one is shown at a time.
 */
#include "app/tui/view.h"

#include "app/tui/wrap.h"

#include <stdlib.h>

typedef struct texts {
    gn_str title[2], text[2];
    gn_wrap wrap[2];
    size_t parts; /* bytes that are equal at their beginnings */
    bool equal;
    int top, height, rows;
    int alone; /* which one is shown where there is room for one */
} texts;

/* Where they part: at a character's beginning. */
static size_t common(gn_slice a, gn_slice b) {
    size_t n = 0;
    while (n < a.len && n < b.len && a.data[n] == b.data[n])
        n++;
    while (n > 0 && n < a.len && ((unsigned char)a.data[n] & 0xC0) == 0x80)
        n--;
    return n;
}

static void clamp(texts *v) {
    const int most = v->rows - v->height;
    v->top = v->top > most ? most : v->top;
    v->top = v->top < 0 ? 0 : v->top;
}

static void draw_one(texts *v, gn_canvas *c, int i, int first, int left, int end) {
    const gn_slice text = gn_str_slice(&v->text[i]);
    for (int y = 0; y < v->height && (size_t)(v->top + y) < v->wrap[i].count; y++) {
        const gn_row r = v->wrap[i].row[v->top + y];
        const gn_run run[] = {{v->parts, GN_STYLE_DIM}, {text.len, GN_STYLE_PLAIN}};
        gn_wrap_draw(c, first + y, left, end, text, r, run, 2, GN_STYLE_PLAIN);
        if (v->equal || v->parts < r.first || (v->parts >= r.end && v->parts < text.len))
            continue;
        /* The first character that differs, or the end of the shorter one. */
        const int at = left + gn_columns((gn_slice){text.data + r.first, v->parts - r.first});
        if (v->parts >= text.len) {
            if ((size_t)(v->top + y) + 1 == v->wrap[i].count)
                gn_canvas_put(c, first + y, at, end + 1, GN_S("]"), GN_STYLE_MATCH);
        } else
            gn_canvas_paint(c, first + y, at, at + 1, GN_STYLE_MATCH);
    }
}

static void draw_gutter(const texts *v, gn_canvas *c, int first, int col) {
    const size_t row[2] = {gn_wrap_find(&v->wrap[0], v->parts),
                           gn_wrap_find(&v->wrap[1], v->parts)};
    for (int y = 0; y < v->height; y++) {
        const size_t at = (size_t)(v->top + y);
        const bool here = !v->equal && (at == row[0] || at == row[1]);
        gn_canvas_put(c, first + y, col, c->cols, here ? GN_S("!") : GN_S("\xe2\x94\x82"),
                      here ? GN_STYLE_MATCH : GN_STYLE_DIM);
    }
}

static void draw_status(const texts *v, gn_tui *t) {
    gn_canvas *c = &t->canvas;
    const int y = c->rows - 1;
    size_t line = 1;
    gn_canvas_paint(c, y, 0, c->cols, GN_STYLE_STATUS);
    if (t->note.len) {
        gn_canvas_put(c, y, 1, c->cols, gn_str_slice(&t->note), t->note_style);
        return;
    }
    for (size_t i = 0; i < v->parts && i < v->text[0].len; i++)
        line += v->text[0].data[i] == '\n';
    if (v->equal)
        gn_canvas_put(c, y, 1, c->cols, GN_S("the same text | q back"), GN_STYLE_STATUS);
    else
        gn_canvas_fmt(c, y, 1, c->cols, GN_STYLE_STATUS,
                      "they part at character %zu, line %zu (!) | n goes there | j k | q back",
                      gn_utf8_count((gn_slice){gn_str_text(&v->text[0]), v->parts}) + 1, line);
}

static void draw(void *self, gn_tui *t) {
    texts *v = self;
    gn_canvas *c = &t->canvas;
    const bool both = c->cols >= 40;
    const int half = both ? (c->cols - 3) / 2 : c->cols - 1, first = c->rows > 3 ? 2 : 0;
    v->height = c->rows - 1 - first > 0 ? c->rows - 1 - first : 0;
    v->rows = 0;
    for (int i = 0; i < 2; i++) {
        if (v->wrap[i].width != half)
            gn_wrap_reset(&v->wrap[i]);
        gn_wrap_update(&v->wrap[i], gn_str_slice(&v->text[i]), half > 1 ? half : 1);
        v->rows = (int)v->wrap[i].count > v->rows ? (int)v->wrap[i].count : v->rows;
    }
    clamp(v);
    if (first) {
        gn_canvas_paint(c, 0, 0, c->cols, GN_STYLE_TITLE);
        gn_canvas_rule(c, 1, GN_STYLE_DIM);
    }
    for (int i = 0; i < 2; i++) {
        const int left = both && i == 1 ? half + 2 : 0;
        if (!both && i != v->alone)
            continue;
        if (first)
            gn_canvas_put(c, 0, left + 1, left + half, gn_str_slice(&v->title[i]), GN_STYLE_TITLE);
        draw_one(v, c, i, first, left, left + half);
    }
    if (both)
        draw_gutter(v, c, first, half);
    draw_status(v, t);
}

static void scroll(void *self, gn_tui *t, int rows) {
    texts *v = self;
    (void)t;
    v->top += rows;
    clamp(v);
}

static bool request(void *self, gn_tui *t, gn_request r, const char *argument) {
    texts *v = self;
    (void)argument;
    switch (r) {
    case GN_REQUEST_NEXT:
    case GN_REQUEST_DOWN:
        scroll(v, t, 1);
        return true;
    case GN_REQUEST_PREVIOUS:
    case GN_REQUEST_UP:
        scroll(v, t, -1);
        return true;
    case GN_REQUEST_PAGE_DOWN:
        scroll(v, t, v->height);
        return true;
    case GN_REQUEST_PAGE_UP:
        scroll(v, t, -v->height);
        return true;
    case GN_REQUEST_TOP:
        v->top = 0;
        return true;
    case GN_REQUEST_BOTTOM:
        scroll(v, t, v->rows);
        return true;
    case GN_REQUEST_SEARCH_NEXT:
    case GN_REQUEST_SEARCH_BACK:
        v->top = (int)gn_wrap_find(&v->wrap[v->alone], v->parts) - v->height / 3;
        clamp(v);
        return true;
    case GN_REQUEST_PANE:
    case GN_REQUEST_COMPLETE:
    case GN_REQUEST_LEFT:
    case GN_REQUEST_RIGHT:
        v->alone = !v->alone;
        return true;
    case GN_REQUEST_SEARCH:
        gn_tui_note(t, GN_STYLE_NOTE, "n goes to where the two part");
        return true;
    default:
        return false;
    }
}

static void event(void *self, gn_tui *t, const gn_event *ev) { (void)self, (void)t, (void)ev; }
static void search(void *self, gn_tui *t, gn_slice pattern) { (void)self, (void)t, (void)pattern; }

static void close_texts(void *self) {
    texts *v = self;
    for (int i = 0; i < 2; i++) {
        gn_str_release(&v->title[i]);
        gn_str_release(&v->text[i]);
        gn_wrap_release(&v->wrap[i]);
    }
    free(v);
}

static const gn_view_ops ops = {"texts", draw,        request, scroll, event,
                                search,  close_texts, NULL,    NULL};

bool gn_texts_view(gn_view *out, const char *const title[2], const gn_slice text[2], gn_error *e) {
    texts *v = calloc(1, sizeof *v);
    bool ok = v != NULL;
    for (int i = 0; ok && i < 2; i++) {
        gn_str_puts(&v->title[i], title[i]);
        gn_str_add(&v->text[i], text[i]);
        ok = !v->title[i].failed && !v->text[i].failed;
    }
    if (!ok) {
        if (v)
            close_texts(v);
        return gn_fail(e, GN_NO_MEMORY, "two texts: out of memory");
    }
    v->parts = common(text[0], text[1]);
    v->equal = gn_slice_equal(text[0], text[1]);
    *out = (gn_view){&ops, v};
    return true;
}
