/* contrast_rows.h - two aligned answers as rows: side by side where there is room, else
 * one below the other, each different stretch of lines with its side's letter before it. */
#ifndef GN_TUI_CONTRAST_ROWS_H
#define GN_TUI_CONTRAST_ROWS_H

#include "app/chat/contrast.h"

enum { GN_CONTRAST_WIDE = 100 }; /* columns from which the sides stand side by side */

typedef struct gn_contrast_row {
    gn_row a, b;
    bool has_a, has_b;
    bool differs;   /* of a stretch that is not the same */
    int64_t folded; /* rows that are the same and left out; then the rest is empty */
} gn_contrast_row;

/* Zeroed it is empty. */
typedef struct gn_contrast_rows {
    gn_marked a, b;
    gn_contrast_row *row; /* [n] */
    size_t n, room;
    size_t first; /* the first row with a difference; n: none */
    int cols;
    bool wide;
} gn_contrast_rows;

/* words: units are words. only: stretches that are the same are folded. */
bool gn_contrast_lay_out(gn_contrast_rows *r, const gn_contrast *c, bool words, bool only, int cols,
                         gn_error *e);
void gn_contrast_rows_release(gn_contrast_rows *r);
/* Row i at row y of the canvas. */
void gn_contrast_draw_row(const gn_contrast_rows *r, size_t i, gn_canvas *c, int y);

/* For a place without a screen: title, rows, where they part, the strip; cols columns wide.
 * name_a, name_b: the checkpoints'. v: to spell tokens with; may be NULL. */
bool gn_contrast_text(gn_str *out, const gn_contrast *c, const char *name_a, const char *name_b,
                      const gn_vocabulary *v, int cols, bool unicode, gn_error *e);

#endif
