/* canvas.c - see canvas.h. */
#include "app/term/canvas.h"

#include "app/term/wrap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const gn_cell blank = {.text = " ", .len = 1, .columns = 1, .style = GN_STYLE_PLAIN};

bool gn_canvas_resize(gn_canvas *c, int rows, int cols) {
    if (rows < 1 || cols < 1)
        rows = cols = 0;
    gn_cell *cell = calloc((size_t)rows * (size_t)cols + 1, sizeof *cell);
    free(c->cell);
    c->cell = cell;
    c->rows = cell ? rows : 0;
    c->cols = cell ? cols : 0;
    gn_canvas_clear(c);
    return cell != NULL;
}

void gn_canvas_clear(gn_canvas *c) {
    for (int i = 0; i < c->rows * c->cols; i++)
        c->cell[i] = blank;
    c->cursor = false;
    c->cursor_row = c->cursor_col = 0;
}

void gn_canvas_release(gn_canvas *c) {
    free(c->cell);
    *c = (gn_canvas){0};
}

static gn_cell *cell_at(gn_canvas *c, int row, int col) { return &c->cell[row * c->cols + col]; }

/* Overwriting half of a wide cell leaves a blank for the other half. */
static void vacate(gn_canvas *c, int row, int col) {
    gn_cell *cell = cell_at(c, row, col);
    if (cell->columns == 0 && col > 0)
        *cell_at(c, row, col - 1) = blank;
    if (cell->columns == 2 && col + 1 < c->cols)
        *cell_at(c, row, col + 1) = blank;
    *cell = blank;
}

/* What stands for a letter where only ASCII can be shown. */
static const char *ascii(int32_t cp, int columns) {
    static const struct {
        int32_t cp;
        const char *text;
    } like[] = {
        {0x00A0, " "},  {0x00AB, "\""}, {0x00B7, "."}, {0x00BB, "\""}, {0x00D7, "x"}, {0x2010, "-"},
        {0x2011, "-"},  {0x2012, "-"},  {0x2013, "-"}, {0x2014, "-"},  {0x2018, "'"}, {0x2019, "'"},
        {0x201C, "\""}, {0x201D, "\""}, {0x2022, "*"}, {0x2026, "~"},  {0x2190, "<"}, {0x2192, ">"},
        {0x2212, "-"},  {0x2500, "-"},  {0x2502, "|"}, {0x253C, "+"},
    };
    for (size_t i = 0; i < sizeof like / sizeof like[0]; i++)
        if (like[i].cp == cp)
            return like[i].text;
    return columns == 2 ? "??" : "?";
}

static void set_cell(gn_canvas *c, int row, int col, const char *text, size_t len, int columns,
                     gn_style style) {
    gn_cell *cell = cell_at(c, row, col);
    for (int i = 0; i < columns; i++)
        vacate(c, row, col + i);
    if (len > sizeof cell->text) { /* a cluster of very many marks: whole characters that fit */
        len = sizeof cell->text;
        len -= gn_utf8_partial((gn_slice){text, len});
    }
    memcpy(cell->text, text, len);
    cell->len = (uint8_t)len;
    cell->columns = (uint8_t)columns;
    cell->style = (uint8_t)style;
    if (columns == 2)
        *cell_at(c, row, col + 1) = (gn_cell){.style = (uint8_t)style};
}

/* One shown cluster, which may be several cells ("^["). */
static void put_shown(gn_canvas *c, int row, int col, const gn_shown *s, gn_style style) {
    int32_t cp = -1;
    gn_utf8_next((gn_slice){s->text, s->len}, 0, &cp);
    if (cp < 0x80 && s->len == (size_t)s->columns) {
        for (int i = 0; i < s->columns; i++)
            set_cell(c, row, col + i, s->text + i, 1, 1, style);
    } else if (!c->unicode && s->columns > 0) {
        const char *text = cp < 0x80 ? "?" : ascii(cp, s->columns);
        for (int i = 0; i < s->columns; i++)
            set_cell(c, row, col + i, cp < 0x80 && i == 0 ? s->text : text + (text[1] ? i : 0), 1,
                     1, style);
    } else if (s->columns > 0)
        set_cell(c, row, col, s->text, s->len, s->columns > 2 ? 2 : s->columns, style);
}

int gn_canvas_put(gn_canvas *c, int row, int col, int end, gn_slice text, gn_style style) {
    if (end > c->cols)
        end = c->cols;
    if (row < 0 || row >= c->rows || col < 0)
        return col;
    for (size_t i = 0; i < text.len && text.data[i] != '\n';) {
        const gn_shown s = gn_show(text, i, col);
        if (col + s.columns > end)
            break;
        put_shown(c, row, col, &s, style);
        col += s.columns;
        i += s.bytes;
    }
    return col;
}

int gn_canvas_fmt(gn_canvas *c, int row, int col, int end, gn_style style, const char *fmt, ...) {
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return gn_canvas_put(c, row, col, end, gn_slice_of(text), style);
}

void gn_canvas_rule(gn_canvas *c, int row, gn_style style) {
    for (int col = 0; col < c->cols; col++)
        gn_canvas_put(c, row, col, c->cols, GN_S("\xe2\x94\x80"), style);
}

void gn_canvas_paint(gn_canvas *c, int row, int col, int end, gn_style style) {
    if (row < 0 || row >= c->rows)
        return;
    for (int i = col < 0 ? 0 : col; i < end && i < c->cols; i++)
        cell_at(c, row, i)->style = (uint8_t)style;
}

void gn_canvas_row(const gn_canvas *c, int row, gn_str *out) {
    size_t end = out->len;
    for (int col = 0; col < c->cols; col++) {
        const gn_cell *cell = &c->cell[row * c->cols + col];
        gn_str_add(out, (gn_slice){cell->text, cell->len});
        if (cell->len > 1 || (cell->len == 1 && cell->text[0] != ' '))
            end = out->len;
    }
    gn_str_cut(out, end);
}
