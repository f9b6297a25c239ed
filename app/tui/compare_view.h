/* compare_view.h - the compare view's own parts: what it knows (view_compare.c), how it looks
 * (compare_draw.c). */
#ifndef GN_TUI_COMPARE_VIEW_H
#define GN_TUI_COMPARE_VIEW_H

#include "app/chat/forcing.h"
#include "app/tui/contrast_rows.h"
#include "app/tui/view.h"
#include "eval/eval.h"

typedef struct gn_compare_state {
    gn_str name_a, name_b, what;
    const gn_comparison *comparison; /* borrowed; NULL: there are no statistics */
    gn_contrasts all;
    gn_forcing *forcing; /* borrowed; NULL: K is refused */
    gn_vocabulary *vocabulary;

    size_t at; /* which contrast */
    gn_contrast now;
    gn_contrast_rows rows; /* of now, as wide as the canvas was */
    bool fresh;            /* rows belong to now and to the settings below */
    bool words, only;
    size_t top;   /* first row in view */
    size_t found; /* the row of a difference that was gone to; SIZE_MAX: none */
    int height;   /* rows in view, when it was drawn last */
    bool asked;   /* K: B is reading */
    int64_t done, all_tokens;
    bool loading; /* done and all_tokens are bytes of a checkpoint */
    gn_error error;
} gn_compare_state;

/* Rows of the contrast in view, made when they are not there. */
void gn_compare_rows(gn_compare_state *v, int cols);
void gn_compare_draw(void *self, gn_tui *t);

#endif
