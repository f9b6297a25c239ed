/* plot.c - see plot.h. */
#include "eval/plot.h"

#include <math.h>

/* What is to be seen: the smallest and largest of all there is to draw. */
typedef struct frame {
    double x0, x1, y0, y1;
    int n; /* points */
} frame;

static void stretch(frame *f, double y) {
    if (!isfinite(y))
        return;
    f->y0 = y < f->y0 ? y : f->y0;
    f->y1 = y > f->y1 ? y : f->y1;
}

static frame frame_of(const gn_plot *p) {
    frame f = {INFINITY, -INFINITY, INFINITY, -INFINITY, 0};
    for (int i = 0; i < p->n; i++) {
        const gn_point *o = &p->point[i];
        if (!isfinite(o->y))
            continue;
        f.n++;
        f.x0 = o->x < f.x0 ? o->x : f.x0;
        f.x1 = o->x > f.x1 ? o->x : f.x1;
        stretch(&f, o->y);
        stretch(&f, o->lo);
        stretch(&f, o->hi);
    }
    if (f.n && f.y1 - f.y0 < 1e-12 * (1 + fabs(f.y0))) {       /* all the same: a band around it */
        const double half = f.y0 == 0 ? 0.5 : fabs(f.y0) / 10; /* NOLINT: exactly 0 */
        f.y0 -= half;
        f.y1 += half;
    }
    return f;
}

/* 0..1 along an axis; the middle of one that has no length. */
static double along(double v, double from, double to) {
    return to > from ? (v - from) / (to - from) : 0.5;
}

/* ---- text -------------------------------------------------------------------------- */

static void put(gn_str *grid, int width, int row, int col, char c) {
    char *cell = &grid->data[row * width + col];
    if (*cell != 'o')
        *cell = c;
}

static void draw_points(gn_str *grid, const gn_plot *p, const frame *f, int width, int height) {
    for (int i = 0; i < p->n; i++) {
        const gn_point *o = &p->point[i];
        if (!isfinite(o->y))
            continue;
        const int col = (int)lround(along(o->x, f->x0, f->x1) * (width - 1));
        if (isfinite(o->lo) && isfinite(o->hi)) {
            const int top = (int)lround((1 - along(o->hi, f->y0, f->y1)) * (height - 1)),
                      end = (int)lround((1 - along(o->lo, f->y0, f->y1)) * (height - 1));
            for (int row = top; row <= end; row++)
                put(grid, width, row, col, '|');
        }
        put(grid, width, (int)lround((1 - along(o->y, f->y0, f->y1)) * (height - 1)), col, 'o');
    }
}

/* The first and last x below the axis; steps as numbers, else labels. */
static void scale(gn_str *out, const gn_plot *p, const frame *f, int width) {
    gn_str a = {0}, b = {0};
    if (p->steps) {
        gn_str_fmt(&a, "step %.0f", f->x0);
        gn_str_fmt(&b, "%.0f", f->x1);
    } else {
        const gn_point *first = NULL, *last = NULL;
        for (int i = 0; i < p->n; i++)
            if (isfinite(p->point[i].y)) {
                first = first ? first : &p->point[i];
                last = &p->point[i];
            }
        gn_str_fmt(&a, "%.*s", (int)first->label.len, first->label.data);
        gn_str_fmt(&b, "%.*s", (int)last->label.len, last->label.data);
    }
    const int space = width - (int)a.len - (int)b.len;
    gn_str_fmt(out, "%12s%s", "", gn_str_text(&a));
    if (f->n > 1)
        gn_str_fmt(out, "%*s%s", space > 1 ? space : 1, "", gn_str_text(&b));
    gn_str_putc(out, '\n');
    gn_str_release(&a);
    gn_str_release(&b);
}

void gn_plot_text(gn_str *out, const gn_plot *p, int width, int height) {
    const frame f = frame_of(p);
    gn_str grid = {0};
    char *cells = f.n ? gn_str_room(&grid, (size_t)(width * height)) : NULL;
    if (!cells)
        return;
    memset(cells, ' ', (size_t)(width * height));
    grid.len = (size_t)(width * height);
    draw_points(&grid, p, &f, width, height);
    for (int row = 0; row < height; row++) {
        int end = width;
        const char *line = grid.data + row * width;
        while (end > 0 && line[end - 1] == ' ')
            end--;
        if (row == 0 || row == height - 1 || row == height / 2)
            gn_str_fmt(out, "%10.4g |", f.y1 - (f.y1 - f.y0) * row / (height - 1));
        else
            gn_str_fmt(out, "%10s |", "");
        gn_str_add(out, (gn_slice){line, (size_t)end});
        gn_str_putc(out, '\n');
    }
    gn_str_fmt(out, "%10s +", "");
    for (int i = 0; i < width; i++)
        gn_str_putc(out, '-');
    gn_str_putc(out, '\n');
    scale(out, p, &f, width);
    gn_str_release(&grid);
}

/* ---- SVG --------------------------------------------------------------------------- */

void gn_html_text(gn_str *out, gn_slice text) {
    for (size_t i = 0, n; i < text.len; i += n) {
        int32_t cp;
        n = gn_utf8_next(text, i, &cp);
        const char c = text.data[i];
        if (cp < 0)
            gn_str_puts(out, "\xef\xbf\xbd");
        else if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'')
            gn_str_puts(out, c == '&'   ? "&amp;"
                             : c == '<' ? "&lt;"
                             : c == '>' ? "&gt;"
                             : c == '"' ? "&quot;"
                                        : "&#39;");
        else if (cp < 0x20 && c != '\n' && c != '\t')
            gn_str_fmt(out, "^%c", c ^ 0x40);
        else
            gn_str_add(out, (gn_slice){text.data + i, n});
    }
}

enum { WIDTH = 640, HEIGHT = 220, LEFT = 70, RIGHT = 20, TOP = 14, BOTTOM = 34 };

static double px(const frame *f, double x) {
    return LEFT + along(x, f->x0, f->x1) * (WIDTH - LEFT - RIGHT);
}
static double py(const frame *f, double y) {
    return TOP + (1 - along(y, f->y0, f->y1)) * (HEIGHT - TOP - BOTTOM);
}

static void axes(gn_str *out, const gn_plot *p, const frame *f) {
    gn_str_fmt(out,
               "<g stroke=\"currentColor\" stroke-opacity=\".35\"><path fill=\"none\" "
               "d=\"M%d %dV%dH%d\"/></g>\n",
               LEFT, TOP, HEIGHT - BOTTOM, WIDTH - RIGHT);
    gn_str_puts(out, "<g fill=\"currentColor\" font-size=\"11\" font-family=\"sans-serif\">\n");
    for (int i = 0; i <= 4; i++) {
        const double y = f->y0 + (f->y1 - f->y0) * i / 4;
        gn_str_fmt(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n", LEFT - 6,
                   py(f, y) + 4, y);
    }
    double last = -1e9;
    for (int i = 0; i < p->n; i++) {
        const gn_point *o = &p->point[i];
        const double x = px(f, o->x);
        if (!isfinite(o->y) || x - last < 64)
            continue;
        last = x;
        gn_str_fmt(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", x,
                   HEIGHT - BOTTOM + 16);
        if (p->steps)
            gn_str_fmt(out, "%.0f", o->x);
        else
            gn_html_text(out, (gn_slice){o->label.data, o->label.len > 14 ? 14 : o->label.len});
        gn_str_puts(out, "</text>\n");
    }
    gn_str_puts(out, "</g>\n");
}

static void line(gn_str *out, const gn_plot *p, const frame *f) {
    bool begun = false;
    gn_str_puts(out, "<path fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\" d=\"");
    for (int i = 0; i < p->n; i++)
        if (isfinite(p->point[i].y)) {
            gn_str_fmt(out, "%c%.1f %.1f", begun ? 'L' : 'M', px(f, p->point[i].x),
                       py(f, p->point[i].y));
            begun = true;
        }
    gn_str_puts(out, "\"/>\n");
}

void gn_plot_svg(gn_str *out, const gn_plot *p) {
    const frame f = frame_of(p);
    if (f.n == 0)
        return;
    gn_str_fmt(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
               "height=\"%d\" role=\"img\">\n<title>",
               WIDTH, HEIGHT, WIDTH, HEIGHT);
    gn_html_text(out, p->title);
    gn_str_puts(out, "</title>\n");
    axes(out, p, &f);
    if (p->steps)
        line(out, p, &f);
    for (int i = 0; i < p->n; i++) {
        const gn_point *o = &p->point[i];
        if (!isfinite(o->y))
            continue;
        const double x = px(&f, o->x), y = py(&f, o->y);
        if (isfinite(o->lo) && isfinite(o->hi))
            gn_str_fmt(
                out,
                "<path stroke=\"currentColor\" stroke-opacity=\".5\" d=\"M%.1f %.1fV%.1f\"/>\n", x,
                py(&f, o->hi), py(&f, o->lo));
        gn_str_fmt(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"currentColor\"><title>",
                   x, y);
        gn_html_text(out, o->label);
        gn_str_fmt(out, ": %.4g</title></circle>\n", o->y);
    }
    gn_str_puts(out, "</svg>\n");
}
