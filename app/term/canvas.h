/* canvas.h - a rectangle of character cells that views draw on.
 *
 * Views never see a terminal: screen.c copies a canvas to one, tests print it as
 * text. A cell holds a grapheme cluster; a wide one covers the cell to its right.
 * Whatever is put here is made harmless first (wrap.h, gn_show()).
 */
#ifndef GN_TUI_CANVAS_H
#define GN_TUI_CANVAS_H

#include "core/gneiss.h"

typedef enum gn_style {
    GN_STYLE_PLAIN,
    GN_STYLE_DIM,
    GN_STYLE_BOLD,
    GN_STYLE_TITLE,
    GN_STYLE_STATUS,
    GN_STYLE_USER,  /* who speaks */
    GN_STYLE_MODEL, /* who answers */
    GN_STYLE_NOTE,  /* what the program says */
    GN_STYLE_ERROR,
    GN_STYLE_SELECTED,
    GN_STYLE_MATCH,    /* found by a search */
    GN_STYLE_LIKELY,   /* a token of .5 to .9 */
    GN_STYLE_UNLIKELY, /* of .1 to .5 */
    GN_STYLE_WILD,     /* of less */
    /* of markdown */
    GN_STYLE_STRONG, /* a heading */
    GN_STYLE_EMPHASIS,
    GN_STYLE_CODE,
    GN_STYLES
} gn_style;

typedef struct gn_cell {
    char text[28];   /* UTF-8, no terminator promised */
    uint8_t len;     /* 0: covered by the wide cell to its left */
    uint8_t columns; /* 0, 1, 2 */
    uint8_t style;
} gn_cell;

/* Zeroed it is empty. */
typedef struct gn_canvas {
    int rows, cols;
    gn_cell *cell; /* [rows, cols] */
    bool unicode;  /* else letters beyond ASCII are replaced by their like, or "?" */
    bool cursor;   /* is it shown */
    int cursor_row, cursor_col;
} gn_canvas;

/* Blank, of that size. False when out of memory (it is then empty). */
bool gn_canvas_resize(gn_canvas *c, int rows, int cols);
void gn_canvas_clear(gn_canvas *c);
void gn_canvas_release(gn_canvas *c);

/* Put text from column col on, not past column end; returns the column behind it.
 * Rows and columns outside are ignored. A line break ends it. */
int gn_canvas_put(gn_canvas *c, int row, int col, int end, gn_slice text, gn_style style);
/* The same, formatted. */
int gn_canvas_fmt(gn_canvas *c, int row, int col, int end, gn_style style, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
/* A horizontal line over the whole row. */
void gn_canvas_rule(gn_canvas *c, int row, gn_style style);
/* Give cells [col, end) a style. */
void gn_canvas_paint(gn_canvas *c, int row, int col, int end, gn_style style);
/* The text of a row without what is blank at its end, appended. */
void gn_canvas_row(const gn_canvas *c, int row, gn_str *out);

#endif
