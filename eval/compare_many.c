/* compare_many.c - several checkpoints against one baseline, as tables and plots in text. */
#include "eval/compare.h"

#include "eval/grid.h"
#include "eval/plot.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* The same number of another comparison; NULL. */
static const gn_pairing *find(const gn_comparison *c, const gn_pairing *like) {
    for (int i = 0; i < c->n; i++)
        if (gn_slice_equal(c->pairing[i].task, like->task) &&
            gn_slice_equal(c->pairing[i].metric, like->metric) &&
            gn_slice_equal(c->pairing[i].filter, like->filter))
            return &c->pairing[i];
    return NULL;
}

static bool told(const gn_comparison *c, int before, const gn_pairing *l) {
    for (int i = 0; i < before; i++)
        if (find(&c[i], l))
            return true;
    return false;
}

static bool all_tell_steps(const gn_comparison *c, int n) {
    for (int i = 0; i < n; i++)
        if (c[i].b.run.step < 0)
            return false;
    return true;
}

static void add_step(gn_grid *g, bool steps, int64_t step) {
    if (!steps)
        return;
    gn_str *cell = gn_grid_cell(g);
    if (step >= 0)
        gn_str_fmt(cell, "%" PRId64, step);
}

/* Of each comparison its own documents count; the baseline's value is of those of the first. */
static void baseline_row(gn_grid *g, const gn_comparison *c, bool steps, const gn_pairing *l) {
    add_step(g, steps, c->a.run.step);
    gn_grid_put(g, gn_str_slice(&c->a.run.model));
    gn_str_fmt(gn_grid_cell(g), "%" PRId64, l->n);
    gn_pairing_value(gn_grid_cell(g), l->a);
    gn_grid_put(g, GN_S("baseline"));
    for (int i = 0; i < 5; i++)
        gn_grid_put(g, GN_S(""));
}

static void row(gn_grid *g, const gn_side *b, bool steps, const gn_pairing *l) {
    add_step(g, steps, b->run.step);
    gn_grid_put(g, gn_str_slice(&b->run.model));
    gn_str_fmt(gn_grid_cell(g), "%" PRId64, l->n);
    gn_pairing_value(gn_grid_cell(g), l->b);
    gn_pairing_difference(gn_grid_cell(g), l);
    gn_pairing_p(gn_grid_cell(g), l->p);
    gn_pairing_p(gn_grid_cell(g), l->p_holm);
    gn_str_fmt(gn_grid_cell(g), "%" PRId64, l->losses);
    gn_str_fmt(gn_grid_cell(g), "%" PRId64, l->wins);
    gn_str *visible = gn_grid_cell(g);
    if (!isnan(l->smallest))
        gn_str_fmt(visible, l->share ? "%.2f pp" : "%.3g", l->smallest * (l->share ? 100 : 1));
}

static void table(gn_str *out, const gn_comparison *c, int n, const gn_pairing *like,
                  gn_markup form) {
    static const char *const name[] = {"checkpoint",    "n",      "value",
                                       "difference",    "p",      "p holm",
                                       "baseline only", "B only", "visible"};
    const bool steps = all_tell_steps(c, n);
    gn_grid g = {0};
    if (steps)
        gn_grid_column(&g, GN_S("step"), true);
    for (int i = 0; i < 9; i++)
        gn_grid_column(&g, gn_slice_of(name[i]), i > 0);
    baseline_row(&g, c, steps, like);
    for (int i = 0; i < n; i++) {
        const gn_pairing *l = find(&c[i], like);
        if (l)
            row(&g, &c[i].b, steps, l);
    }
    gn_grid_draw(out, &g, form);
    gn_grid_release(&g);
}

/* Differences to the baseline, which is 0 where it stands among them. */
static void plot(gn_str *out, const gn_comparison *c, int n, const gn_pairing *like, gn_slice title,
                 gn_markup form) {
    const bool steps = all_tell_steps(c, n);
    gn_point *p = calloc((size_t)n + 1, sizeof *p);
    int count = 0;
    if (!p) {
        out->failed = true;
        return;
    }
    if (steps && c->a.run.step >= 0)
        p[count++] = (gn_point){.x = (double)c->a.run.step,
                                .lo = NAN,
                                .hi = NAN,
                                .label = gn_str_slice(&c->a.run.model)};
    for (int i = 0; i < n; i++) {
        const gn_pairing *l = find(&c[i], like);
        const double scale = l && l->share ? 100 : 1;
        if (l)
            p[count++] = (gn_point){.x = steps ? (double)c[i].b.run.step : i,
                                    .y = l->diff * scale,
                                    .lo = l->lo * scale,
                                    .hi = l->hi * scale,
                                    .label = gn_str_slice(&c[i].b.run.model)};
    }
    const gn_plot x = {.title = title, .point = p, .n = count, .steps = steps};
    if (form == GN_MARKUP_HTML)
        gn_plot_svg(out, &x);
    else
        gn_plot_text(out, &x, 60, 9);
    free(p);
}

static void one_number(gn_str *out, const gn_comparison *c, int n, const gn_pairing *l,
                       gn_markup form) {
    gn_str title = {0};
    gn_str_fmt(&title, "%.*s %.*s", (int)l->task.len, l->task.data, (int)l->metric.len,
               l->metric.data);
    if (!gn_slice_is(l->filter, "none"))
        gn_str_fmt(&title, ",%.*s", (int)l->filter.len, l->filter.data);
    gn_str_puts(out, form == GN_MARKUP_HTML ? "<h3>" : "\n");
    gn_markup_text(out, gn_str_slice(&title), form);
    gn_str_puts(out, form == GN_MARKUP_HTML ? "</h3>\n" : "\n");
    if (form == GN_MARKUP_HTML)
        plot(out, c, n, l, gn_str_slice(&title), form);
    table(out, c, n, l, form);
    if (form != GN_MARKUP_HTML)
        plot(out, c, n, l, gn_str_slice(&title), form);
    gn_str_release(&title);
}

static void each(gn_str *out, const gn_comparison *c, int n, gn_markup form) {
    gn_str line = {0};
    int tests = 0;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < c[i].n; k++)
            tests += !isnan(c[i].pairing[k].p);
    gn_str_fmt(&line,
               "baseline %s, run %.10s; paired over documents; p holm: adjusted for %d lines; the "
               "plots: difference to the baseline, | its 95 %% interval\n",
               gn_str_text(&c->a.run.model), c->a.run.id, tests);
    gn_str_puts(out, form == GN_MARKUP_HTML ? "<p>" : "");
    gn_markup_text(out, gn_str_slice(&line), form);
    gn_str_puts(out, form == GN_MARKUP_HTML ? "</p>\n" : "");
    gn_str_release(&line);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < c[i].n; k++)
            if (c[i].pairing[k].n > 0 && !told(c, i, &c[i].pairing[k]))
                one_number(out, c, n, &c[i].pairing[k], form);
}

void gn_comparisons_text(gn_str *out, const gn_comparison *c, int n) {
    each(out, c, n, GN_MARKUP_TEXT);
}

void gn_comparisons_html(gn_str *out, const gn_comparison *c, int n) {
    each(out, c, n, GN_MARKUP_HTML);
}
