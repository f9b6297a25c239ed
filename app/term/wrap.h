/* wrap.h - text to rows of at most so many columns.
 *
 * Rows are broken between words, else between grapheme clusters; wide characters
 * may part anywhere. White space at a row's end hangs over the edge rather than
 * begin the next one; white space at its beginning (code) stays.
 */
#ifndef GN_TUI_WRAP_H
#define GN_TUI_WRAP_H

#include "app/term/canvas.h"

/* How the cluster at a byte looks on a screen. Controls are "^[", bytes that are no
 * UTF-8 "\xNN", code points that steer a terminal or turn a line around
 * "\uNNNN": nothing here does more than stand in its columns. */
typedef struct gn_shown {
    char text[64];
    size_t len;
    int columns;
    size_t bytes; /* of the text it stands for, at least 1 */
} gn_shown;
gn_shown gn_show(gn_slice text, size_t i, int column); /* column: for tabs */

/* Bytes of the cluster at i, and of the one that ends at i: what a cursor steps over. */
size_t gn_cluster_after(gn_slice text, size_t i);
size_t gn_cluster_before(gn_slice text, size_t i);
int gn_columns(gn_slice text); /* of one line */

typedef struct gn_row {
    size_t first, end; /* bytes; without the line break */
} gn_row;

/* Zeroed it is empty. */
typedef struct gn_wrap {
    gn_row *row;
    size_t count, room;
    int width;
} gn_wrap;

/* Wrap text. What was wrapped before at the same width must be its beginning: only
 * the last three rows are formed again, so a reply that grows costs what is added. */
void gn_wrap_update(gn_wrap *w, gn_slice text, int width);
void gn_wrap_reset(gn_wrap *w); /* before text that is not an extension */
void gn_wrap_release(gn_wrap *w);
/* The row that byte i is in; a byte between two rows belongs to the later one. */
size_t gn_wrap_find(const gn_wrap *w, size_t i);

/* Styles of a text: run k holds from the end of run k-1 up to its own. */
typedef struct gn_run {
    size_t end;
    gn_style style;
} gn_run;
/* Draw a row of text; runs may be NULL (all of it is `style`). Returns the column behind. */
int gn_wrap_draw(gn_canvas *c, int row, int col, int end, gn_slice text, gn_row r,
                 const gn_run *run, size_t n_run, gn_style style);

#endif
