/* plot.h - one number over checkpoints: as lines of text, or as SVG. */
#ifndef GN_EVAL_PLOT_H
#define GN_EVAL_PLOT_H

#include "core/gneiss.h"

typedef struct gn_point {
    double x;       /* a training step, or a place in a row */
    double y;       /* NaN: no point */
    double lo, hi;  /* an interval; NaN: none */
    gn_slice label; /* of the point: a checkpoint's name */
} gn_point;

typedef struct gn_plot {
    gn_slice title;
    const gn_point *point; /* [n], by x */
    int n;
    bool steps; /* x is training steps; else places, told by labels */
    bool share; /* y lies between 0 and 1 */
} gn_plot;

/* width columns and height rows of points, ASCII, without a title: "o" a point, "|" its
 * interval, and a scale at the left and below. Nothing for no point. */
void gn_plot_text(gn_str *out, const gn_plot *p, int width, int height);
/* An <svg> element, with a <title> for each point; colours are the page's (currentColor). */
void gn_plot_svg(gn_str *out, const gn_plot *p);

/* Text for HTML or XML: & < > " and ' escaped; control characters shown. */
void gn_html_text(gn_str *out, gn_slice text);

#endif
