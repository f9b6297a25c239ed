/* flow.c - see flow.h: keeping rows, and drawing them. */
#include "app/term/flow.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- forming ------------------------------------------------------------ */

static void forget(gn_flow *f) {
    f->count = f->n_piece = f->stable_rows = f->stable_pieces = f->stable_extra = 0;
    f->len = 0;
    f->finished = f->all_in = false;
    f->stable = (gn_markdown){0};
    gn_str_cut(&f->extra, 0);
    gn_wrap_reset(&f->wrap);
}

void gn_flow_release(gn_flow *f) {
    gn_wrap_release(&f->wrap);
    gn_str_release(&f->extra);
    free(f->row);
    free(f->piece);
    free(f->mark);
    *f = (gn_flow){0};
}

bool gn_flow_row_begin(gn_flow *f, size_t first, size_t end) {
    if (!gn_vec_reserve(&f->row, &f->room, f->count + 1, sizeof *f->row))
        return false;
    f->row[f->count++] = (gn_flow_row){first, end, (uint32_t)f->n_piece, 0};
    return true;
}

bool gn_flow_piece(gn_flow *f, gn_piece_kind kind, int col, size_t first, size_t end,
                   gn_style style) {
    if (!gn_vec_reserve(&f->piece, &f->piece_room, f->n_piece + 1, sizeof *f->piece))
        return false;
    f->piece[f->n_piece++] = (gn_piece){first, end, (uint16_t)(col < 65535 ? col : 65535),
                                        (uint16_t)kind, (uint8_t)style};
    f->row[f->count - 1].n_piece++;
    return true;
}

bool gn_flow_extra(gn_flow *f, int col, const char *text, gn_style style) {
    const size_t first = f->extra.len;
    gn_str_puts(&f->extra, text);
    return !f->extra.failed && gn_flow_piece(f, GN_PIECE_EXTRA, col, first, f->extra.len, style);
}

/* A block that is folded away leaves one row; *hidden counts its lines. */
static bool fold_row(gn_flow *f, size_t first, size_t end, int lines) {
    char text[64];
    snprintf(text, sizeof text, "[%d line%s folded%s]", lines, lines == 1 ? "" : "s",
             f->width < 32 ? "" : ", z shows");
    return gn_flow_row_begin(f, first, end) && gn_flow_extra(f, 0, text, GN_STYLE_NOTE);
}

static int lines_of(gn_slice text, size_t first, size_t end) {
    int n = 1;
    for (size_t i = first; i < end && i < text.len; i++)
        n += text.data[i] == '\n';
    return n;
}

/* What folds as one: the inside of a marked span, or of a long block of code. Its end, or b->end. */
static size_t fold_end(gn_slice text, const gn_block *b, gn_markdown *m) {
    gn_markdown ahead = *m;
    gn_block next;
    size_t end = b->end;
    const bool span = b->kind == GN_BLOCK_SPAN;
    gn_markdown before = ahead;
    while (gn_markdown_next(&ahead, text, false, &next)) {
        if (span ? next.kind == GN_BLOCK_SPAN : next.kind != GN_BLOCK_CODE)
            break;
        end = next.end;
        before = ahead;
    }
    if (!span && lines_of(text, b->end + 1, end) < GN_FOLD_CODE)
        return b->end;
    *m = before;
    return end;
}

static void form(gn_flow *f, gn_slice text, bool open) {
    gn_markdown m = f->stable;
    gn_block b;
    bool stable = true;
    f->count = f->stable_rows;
    f->n_piece = f->stable_pieces;
    gn_str_cut(&f->extra, f->stable_extra);
    while (gn_markdown_next(&m, text, open, &b)) {
        if (!gn_flow_block(f, text, &b, open))
            return; /* the rest is not shown; the text itself is whole */
        if (f->fold & GN_FOLD_SPANS && b.opens && !open) {
            const size_t end = fold_end(text, &b, &m);
            if (end > b.end && !fold_row(f, b.end + 1, end, lines_of(text, b.end + 1, end)))
                return;
        }
        stable = stable && b.complete;
        if (stable) {
            f->stable = m;
            f->stable_rows = f->count;
            f->stable_pieces = f->n_piece;
            f->stable_extra = f->extra.len;
        }
    }
    if (f->fold & GN_FOLD_ALL && f->count > GN_FOLD_ROWS) {
        const size_t first = f->row[GN_FOLD_ROWS].first;
        f->count = GN_FOLD_ROWS;
        f->all_in = fold_row(f, first, text.len, lines_of(text, first, text.len));
    }
}

void gn_flow_update(gn_flow *f, gn_slice text, int width, bool markdown, bool open, unsigned fold) {
    width = width < 1 ? 1 : width;
    const bool same = f->width == width && f->markdown == markdown && f->fold == fold;
    if (same && f->finished && !open && text.len == f->len)
        return;
    if (!same || f->finished || f->all_in || text.len < f->len)
        forget(f);
    f->width = width;
    f->markdown = markdown;
    f->fold = fold;
    f->len = text.len;
    f->finished = !open;
    if (!markdown && fold == 0) {
        gn_wrap_update(&f->wrap, text, width);
        return;
    }
    if (gn_vec_reserve(&f->mark, &f->mark_room, text.len + 1, 1))
        form(f, text, open);
}

static bool as_is(const gn_flow *f) { return !f->markdown && f->fold == 0; }

size_t gn_flow_count(const gn_flow *f) { return as_is(f) ? f->wrap.count : f->count; }

gn_row gn_flow_row_at(const gn_flow *f, size_t i) {
    return as_is(f) ? f->wrap.row[i] : (gn_row){f->row[i].first, f->row[i].end};
}

size_t gn_flow_find(const gn_flow *f, size_t i) {
    size_t low = 0, high = f->count;
    if (as_is(f))
        return gn_wrap_find(&f->wrap, i);
    while (low + 1 < high) {
        const size_t middle = (low + high) / 2;
        if (f->row[middle].first <= i)
            low = middle;
        else
            high = middle;
    }
    return low;
}

bool gn_flow_has_spans(gn_slice text, bool markdown) {
    gn_markdown m = {0};
    gn_block b;
    int code = 0;
    while (markdown && gn_markdown_next(&m, text, false, &b)) {
        code = b.kind == GN_BLOCK_CODE ? code + 1 : 0;
        if (b.kind == GN_BLOCK_SPAN || code >= GN_FOLD_CODE)
            return true;
    }
    return false;
}

/* ---- drawing ------------------------------------------------------------ */

typedef struct pen {
    gn_canvas *canvas;
    int y, col, end;
    const gn_run *over;
    size_t n_over;
    size_t from, to; /* paint this instead of drawing; to 0: draw */
    gn_style style;
} pen;

static gn_style style_of(uint8_t mark, gn_style otherwise) {
    if (mark & GN_MARK_CODE)
        return GN_STYLE_CODE;
    if (mark & GN_MARK_STRONG)
        return mark & GN_MARK_EMPHASIS ? GN_STYLE_STRONG : GN_STYLE_BOLD;
    if (mark & GN_MARK_LINK || mark & GN_MARK_EMPHASIS)
        return GN_STYLE_EMPHASIS;
    return mark & (GN_MARK_DIM | GN_MARK_STRIKE) ? GN_STYLE_DIM : otherwise;
}

/* Bytes of the text from a column on. mark may be NULL. */
static void put_text(const pen *p, int col, gn_slice text, size_t first, size_t end,
                     const uint8_t *mark, gn_style style) {
    size_t k = 0, low = 0, high = p->n_over;
    const int left = col;
    while (low < high) { /* the first run that ends behind first */
        const size_t middle = (low + high) / 2;
        if (p->over[middle].end <= first)
            low = middle + 1;
        else
            high = middle;
    }
    k = low;
    for (size_t i = first; i < end;) {
        if (mark && mark[i] & GN_MARK_HIDDEN) {
            i++;
            continue;
        }
        while (k < p->n_over && p->over[k].end <= i)
            k++;
        const gn_shown s = gn_show((gn_slice){text.data, end}, i, col - left);
        if (col + s.columns > p->end)
            return;
        const gn_style above = k < p->n_over ? p->over[k].style : GN_STYLE_PLAIN;
        const gn_style now = above != GN_STYLE_PLAIN ? above
                             : mark                  ? style_of(mark[i], style)
                                                     : style;
        if (p->to > 0) {
            if (i >= p->from && i < p->to)
                gn_canvas_paint(p->canvas, p->y, col, col + s.columns, p->style);
        } else if (text.data[i] == '\t' || (mark && mark[i] & GN_MARK_BLANK))
            for (int n = 0; n < s.columns; n++)
                gn_canvas_put(p->canvas, p->y, col + n, p->end, GN_S(" "), now);
        else
            gn_canvas_put(p->canvas, p->y, col, p->end, (gn_slice){text.data + i, s.bytes}, now);
        col += s.columns;
        i += s.bytes;
    }
}

static void put_line(const pen *p, int col, int end) {
    for (; col < end; col++)
        gn_canvas_put(p->canvas, p->y, col, p->end, GN_S("\xe2\x94\x80"), GN_STYLE_DIM);
}

/* "-- code 2: python -----" */
static void put_label(const pen *p, int edge, gn_slice text, int number, const gn_piece *a) {
    put_line(p, p->col, p->col + 2 < edge ? p->col + 2 : edge);
    int at = gn_canvas_fmt(p->canvas, p->y, p->col + 2, edge, GN_STYLE_NOTE, " code %d%s", number,
                           a->end > a->first ? ": " : " ");
    if (a->end > a->first) {
        at = gn_canvas_put(p->canvas, p->y, at, edge,
                           (gn_slice){text.data + a->first, a->end - a->first}, GN_STYLE_NOTE);
        at = gn_canvas_put(p->canvas, p->y, at, edge, GN_S(" "), GN_STYLE_NOTE);
    }
    put_line(p, at, edge);
}

static void draw_piece(const pen *p, const gn_flow *f, const gn_piece *a, gn_slice text, int code) {
    const int col = p->col + a->col, edge = p->col + f->width < p->end ? p->col + f->width : p->end;
    const gn_style style = a->style == GN_STYLE_PLAIN ? p->style : (gn_style)a->style;
    if (a->kind == GN_PIECE_TEXT)
        put_text(p, col, text, a->first, a->end, f->mark, p->to > 0 ? p->style : style);
    else if (p->to > 0)
        return;
    else if (a->kind == GN_PIECE_EXTRA)
        gn_canvas_put(p->canvas, p->y, col, edge,
                      (gn_slice){f->extra.data + a->first, a->end - a->first}, style);
    else if (a->kind == GN_PIECE_LINE)
        put_line(p, col, edge);
    else
        put_label(p, edge, text, code + a->col - 1, a);
}

static void walk(const gn_flow *f, size_t i, const pen *p, gn_slice text, int code) {
    if (as_is(f)) {
        put_text(p, p->col, text, f->wrap.row[i].first, f->wrap.row[i].end, NULL, p->style);
        return;
    }
    for (uint32_t k = 0; k < f->row[i].n_piece; k++)
        draw_piece(p, f, &f->piece[f->row[i].piece + k], text, code);
}

void gn_flow_draw(const gn_flow *f, size_t i, gn_canvas *c, int y, int col, int end, gn_slice text,
                  int code, const gn_run *over, size_t n_over, gn_style style) {
    const pen p = {c, y, col, end, over, over ? n_over : 0, 0, 0, style};
    walk(f, i, &p, text, code);
}

void gn_flow_paint(const gn_flow *f, size_t i, gn_canvas *c, int y, int col, int end, gn_slice text,
                   size_t from, size_t to, gn_style style) {
    const pen p = {c, y, col, end, NULL, 0, from, to, style};
    walk(f, i, &p, text, 1);
}
