/* history.c - a task over checkpoints: table, plot in text, SVG, JSON. */
#include "eval/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* One number of all runs that have it. */
typedef struct series {
    const gn_number *like;
    int *run; /* [n] */
    const gn_number **number;
    gn_point *point;
    gn_str *label;
    int n;
    bool steps;
} series;

static bool shown(const gn_number *x, gn_report_by by) {
    return by == GN_BY_ALL || by == GN_BY_CHECKPOINT || (by == GN_BY_GROUP) == x->group;
}

/* Has a run before this one that number? */
static bool known(const gn_report *r, int run, const gn_number *x) {
    for (int i = 0; i < run; i++)
        if (gn_report_find(&r->results[i], x))
            return true;
    return false;
}

static void release(series *s) {
    for (int i = 0; s->label && i < s->n; i++)
        gn_str_release(&s->label[i]);
    free(s->run);
    free(s->number);
    free(s->point);
    free(s->label);
}

static bool collect(const gn_report *r, const gn_number *like, series *s) {
    const size_t room = (size_t)r->n + 1;
    *s = (series){.like = like,
                  .run = calloc(room, sizeof *s->run),
                  .number = calloc(room, sizeof(*s->number)),
                  .point = calloc(room, sizeof *s->point),
                  .label = calloc(room, sizeof *s->label),
                  .steps = true};
    if (!s->run || !s->number || !s->point || !s->label)
        return false;
    for (int i = 0; i < r->n; i++) {
        const gn_number *x = gn_report_find(&r->results[i], like);
        if (!x || x->n == 0)
            continue;
        gn_report_run_name(&s->label[s->n], r, i);
        s->run[s->n] = i;
        s->number[s->n] = x;
        s->point[s->n] = (gn_point){
            .y = x->value, .lo = x->lo, .hi = x->hi, .label = gn_str_slice(&s->label[s->n])};
        s->steps = s->steps && r->run[i].step >= 0;
        s->n++;
    }
    for (int i = 0; i < s->n; i++)
        s->point[i].x = s->steps ? (double)r->run[s->run[i]].step : i;
    return true;
}

typedef void told(gn_str *out, const gn_report *r, const series *s, gn_markup form);

static void each(gn_str *out, const gn_report *r, gn_report_by by, gn_markup form, told *it) {
    for (int run = 0; run < r->n; run++)
        for (int i = 0; i < r->results[run].n_tally; i++) {
            const gn_tally *t = &r->results[run].tally[i];
            for (int k = 0; k < t->n_number; k++) {
                const gn_number *x = &t->number[k];
                series s;
                if (!shown(x, by) || known(r, run, x))
                    continue;
                if (collect(r, x, &s))
                    it(out, r, &s, form);
                else
                    out->failed = true;
                release(&s);
            }
        }
}

static void title_of(gn_str *out, const gn_number *x) {
    gn_str_fmt(out, "%.*s %.*s", (int)x->task.len, x->task.data, (int)x->metric.len,
               x->metric.data);
    if (!gn_slice_is(x->filter, "none"))
        gn_str_fmt(out, ",%.*s", (int)x->filter.len, x->filter.data);
}

/* ---- tables and plots ------------------------------------------------------------------ */

static void fill(gn_grid *t, const gn_report *r, const series *s) {
    if (s->steps)
        gn_grid_column(t, GN_S("step"), true);
    gn_grid_column(t, GN_S("checkpoint"), false);
    gn_grid_column(t, GN_S("value"), true);
    gn_grid_column(t, GN_S("n"), true);
    gn_grid_column(t, GN_S("run"), false);
    for (int i = 0; i < s->n; i++) {
        const gn_run_row *run = &r->run[s->run[i]];
        if (s->steps)
            gn_str_fmt(gn_grid_cell(t), "%" PRId64, run->step);
        gn_grid_put(t, gn_str_slice(&run->model));
        gn_report_value(gn_grid_cell(t), s->number[i]->value, s->number[i]->error, false);
        gn_str_fmt(gn_grid_cell(t), "%" PRId64, s->number[i]->n);
        gn_grid_put(t, gn_slice_of(run->id));
    }
}

static gn_plot plot_of(const series *s, gn_slice title) {
    return (gn_plot){.title = title, .point = s->point, .n = s->n, .steps = s->steps};
}

static void tell(gn_str *out, const gn_report *r, const series *s, gn_markup form) {
    static const char *const before[] = {[GN_MARKUP_TEXT] = "",
                                         [GN_MARKUP_MARKDOWN] = "### ",
                                         [GN_MARKUP_TEX] = "\\subsection*{",
                                         [GN_MARKUP_HTML] = "<h3>"};
    static const char *const after[] = {[GN_MARKUP_TEXT] = "\n",
                                        [GN_MARKUP_MARKDOWN] = "\n\n",
                                        [GN_MARKUP_TEX] = "}\n",
                                        [GN_MARKUP_HTML] = "</h3>\n"};
    gn_str title = {0};
    gn_grid t = {0};
    title_of(&title, s->like);
    gn_str_puts(out, before[form]);
    gn_markup_text(out, gn_str_slice(&title), form);
    gn_str_puts(out, after[form]);
    const gn_plot plot = plot_of(s, gn_str_slice(&title));
    if (form == GN_MARKUP_HTML)
        gn_plot_svg(out, &plot);
    fill(&t, r, s);
    gn_grid_draw(out, &t, form);
    if (form == GN_MARKUP_MARKDOWN)
        gn_str_puts(out, "\n```\n");
    if (form == GN_MARKUP_TEXT || form == GN_MARKUP_MARKDOWN)
        gn_plot_text(out, &plot, 60, 9);
    gn_str_puts(out, form == GN_MARKUP_MARKDOWN ? "```\n\n" : "\n");
    gn_grid_release(&t);
    gn_str_release(&title);
}

void gn_report_history(gn_str *out, const gn_report *r, gn_report_by by, gn_markup form) {
    each(out, r, by, form, tell);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void number(gn_str *out, const char *key, double v) {
    gn_str_fmt(out, ",\"%s\":", key);
    if (isfinite(v))
        gn_json_write_f64(out, v);
    else
        gn_str_puts(out, "null");
}

static void point_json(gn_str *out, const gn_report *r, const series *s, int i) {
    const gn_run_row *run = &r->run[s->run[i]];
    const gn_number *x = s->number[i];
    gn_str_fmt(out, "%s{\"run\":\"%s\",\"model\":", i ? "," : "", run->id);
    gn_json_write_string(out, gn_str_slice(&run->model));
    if (run->step >= 0)
        gn_str_fmt(out, ",\"step\":%" PRId64, run->step);
    else
        gn_str_puts(out, ",\"step\":null");
    number(out, "value", x->value);
    number(out, "stderr", x->error);
    gn_str_puts(out, ",\"ci\":");
    if (isfinite(x->lo)) {
        gn_str_putc(out, '[');
        gn_json_write_f64(out, x->lo);
        gn_str_putc(out, ',');
        gn_json_write_f64(out, x->hi);
        gn_str_putc(out, ']');
    } else {
        gn_str_puts(out, "[null,null]");
    }
    gn_str_fmt(out, ",\"n\":%" PRId64 "}", x->n);
}

static void json(gn_str *out, const gn_report *r, const series *s, gn_markup form) {
    (void)form;
    gn_str_puts(out, out->data[out->len - 1] == '[' ? "{\"task\":" : ",{\"task\":");
    gn_json_write_string(out, s->like->task);
    gn_str_puts(out, ",\"metric\":");
    gn_json_write_string(out, s->like->metric);
    gn_str_puts(out, ",\"filter\":");
    gn_json_write_string(out, s->like->filter);
    gn_str_puts(out, ",\"points\":[");
    for (int i = 0; i < s->n; i++)
        point_json(out, r, s, i);
    gn_str_puts(out, "]}");
}

void gn_report_history_json(gn_str *out, const gn_report *r) {
    gn_str_puts(out, "\"history\":[");
    if (!out->failed)
        each(out, r, GN_BY_ALL, GN_MARKUP_TEXT, json);
    gn_str_putc(out, ']');
}
