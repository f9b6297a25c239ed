/* grid.h - a table of text, for a terminal, Markdown, TeX or HTML. */
#ifndef GN_EVAL_GRID_H
#define GN_EVAL_GRID_H

#include "core/gneiss.h"

/* Columns first, then cells, row by row. Zeroed it is empty. */
typedef struct gn_grid {
    gn_str *cell; /* [rows, columns], the first row the header */
    bool *right;  /* [columns]: of numbers */
    size_t n, room, columns, right_room;
    bool failed; /* memory ran out: drawing it fails the string it is drawn to */
    gn_str lost; /* where a cell goes then */
} gn_grid;

void gn_grid_column(gn_grid *g, gn_slice name, bool right);
gn_str *gn_grid_cell(gn_grid *g); /* the next one, empty; never NULL */
void gn_grid_put(gn_grid *g, gn_slice text);
void gn_grid_release(gn_grid *g);

typedef enum gn_markup {
    GN_MARKUP_TEXT,
    GN_MARKUP_MARKDOWN,
    GN_MARKUP_TEX,
    GN_MARKUP_HTML
} gn_markup;
void gn_grid_draw(gn_str *out, const gn_grid *g, gn_markup form);

/* One line of text, escaped for the form. */
void gn_markup_text(gn_str *out, gn_slice text, gn_markup form);

#endif
