/* grid.c - see grid.h. */
#include "eval/grid.h"

#include "eval/plot.h"

#include <stdlib.h>

gn_str *gn_grid_cell(gn_grid *g) {
    if (g->failed || !gn_vec_reserve(&g->cell, &g->room, g->n + 1, sizeof *g->cell)) {
        g->failed = true;
        gn_str_release(&g->lost);
        return &g->lost;
    }
    g->cell[g->n] = (gn_str){0};
    return &g->cell[g->n++];
}

void gn_grid_put(gn_grid *g, gn_slice text) { gn_str_add(gn_grid_cell(g), text); }

void gn_grid_column(gn_grid *g, gn_slice name, bool right) {
    if (!gn_vec_reserve(&g->right, &g->right_room, g->columns + 1, sizeof *g->right)) {
        g->failed = true;
        return;
    }
    g->right[g->columns++] = right;
    gn_grid_put(g, name);
}

void gn_grid_release(gn_grid *g) {
    for (size_t i = 0; i < g->n; i++)
        gn_str_release(&g->cell[i]);
    free(g->cell);
    free(g->right);
    gn_str_release(&g->lost);
    *g = (gn_grid){0};
}

/* ---- escapes ------------------------------------------------------------------- */

static void markdown_text(gn_str *out, gn_slice text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] && strchr("|\\`*_<", text.data[i]))
            gn_str_putc(out, '\\');
        gn_str_putc(out, text.data[i]);
    }
}

static void tex_text(gn_str *out, gn_slice text) {
    for (size_t i = 0; i < text.len; i++) {
        if (gn_slice_starts(gn_slice_from(text, i), GN_S("±"))) {
            gn_str_puts(out, "$\\pm$");
            i++;
        } else if (text.data[i] == '\\') {
            gn_str_puts(out, "\\textbackslash{}");
        } else if (text.data[i] == '^' || text.data[i] == '~') {
            gn_str_fmt(out, "\\%c{}", text.data[i]);
        } else {
            if (text.data[i] && strchr("&%$#_{}", text.data[i]))
                gn_str_putc(out, '\\');
            gn_str_putc(out, text.data[i]);
        }
    }
}

void gn_markup_text(gn_str *out, gn_slice text, gn_markup form) {
    switch (form) {
    case GN_MARKUP_MARKDOWN:
        markdown_text(out, text);
        break;
    case GN_MARKUP_TEX:
        tex_text(out, text);
        break;
    case GN_MARKUP_HTML:
        gn_html_text(out, text);
        break;
    default:
        gn_str_add(out, text);
    }
}

/* ---- drawing -------------------------------------------------------------------- */

static int width_of(gn_slice s) {
    int all = 0, one;
    for (size_t i = 0; i < s.len; all += one)
        i += gn_grapheme_next(s, i, &one);
    return all;
}

static void pad(gn_str *out, int n, char c) {
    for (int i = 0; i < n; i++)
        gn_str_putc(out, c);
}

static gn_slice cell_at(const gn_grid *g, size_t row, size_t column) {
    return gn_str_slice(&g->cell[row * g->columns + column]);
}

static void draw_html(gn_str *out, const gn_grid *g) {
    gn_str_puts(out, "<table>\n");
    for (size_t row = 0; row < g->n / g->columns; row++) {
        const char *tag = row ? "td" : "th";
        gn_str_puts(out, "<tr>");
        for (size_t k = 0; k < g->columns; k++) {
            gn_str_fmt(out, "<%s%s>", tag, g->right[k] ? " class=\"n\"" : "");
            gn_html_text(out, cell_at(g, row, k));
            gn_str_fmt(out, "</%s>", tag);
        }
        gn_str_puts(out, "</tr>\n");
    }
    gn_str_puts(out, "</table>\n");
}

static const struct {
    const char *before, *between, *after;
} style[] = {[GN_MARKUP_TEXT] = {"", "  ", "\n"},
             [GN_MARKUP_MARKDOWN] = {"| ", " | ", " |\n"},
             [GN_MARKUP_TEX] = {"  ", " & ", " \\\\\n"}};

/* Markdown's line below the header. */
static void draw_rule(gn_str *out, const gn_grid *g, const int *width) {
    for (size_t k = 0; k < g->columns; k++) {
        const int n = width[k] - g->right[k];
        gn_str_puts(out, k ? style[GN_MARKUP_MARKDOWN].between : style[GN_MARKUP_MARKDOWN].before);
        pad(out, n > 2 ? n : 3 - g->right[k], '-');
        if (g->right[k])
            gn_str_putc(out, ':');
    }
    gn_str_puts(out, style[GN_MARKUP_MARKDOWN].after);
}

static void draw_row(gn_str *out, const gn_grid *g, size_t row, const int *width, gn_markup form) {
    gn_str_puts(out, style[form].before);
    for (size_t k = 0; k < g->columns; k++) {
        const gn_slice text = cell_at(g, row, k);
        const int space = width[k] - width_of(text);
        gn_str_puts(out, k ? style[form].between : "");
        if (g->right[k])
            pad(out, space, ' ');
        gn_markup_text(out, text, form);
        if (!g->right[k] && (k + 1 < g->columns || form != GN_MARKUP_TEXT))
            pad(out, space, ' ');
    }
    gn_str_puts(out, style[form].after);
}

static void draw_lines(gn_str *out, const gn_grid *g, gn_markup form) {
    int *width = calloc(g->columns, sizeof *width);
    if (!width) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < g->n; i++) {
        const int w = width_of(gn_str_slice(&g->cell[i]));
        width[i % g->columns] = w > width[i % g->columns] ? w : width[i % g->columns];
    }
    for (size_t row = 0; row < g->n / g->columns; row++) {
        draw_row(out, g, row, width, form);
        if (row == 0 && form == GN_MARKUP_MARKDOWN)
            draw_rule(out, g, width);
        if (row == 0 && form == GN_MARKUP_TEX)
            gn_str_puts(out, "  \\hline\n");
    }
    free(width);
}

void gn_grid_draw(gn_str *out, const gn_grid *g, gn_markup form) {
    if (g->failed || !g->columns) {
        out->failed = out->failed || g->failed;
        return;
    }
    if (form == GN_MARKUP_HTML) {
        draw_html(out, g);
        return;
    }
    if (form == GN_MARKUP_TEX) {
        gn_str_puts(out, "\\begin{tabular}{");
        for (size_t k = 0; k < g->columns; k++)
            gn_str_putc(out, g->right[k] ? 'r' : 'l');
        gn_str_puts(out, "}\n  \\hline\n");
    }
    draw_lines(out, g, form);
    if (form == GN_MARKUP_TEX)
        gn_str_puts(out, "  \\hline\n\\end{tabular}\n");
}
