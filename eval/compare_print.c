/* compare_print.c - a comparison as JSON and as text. */
#include "eval/compare.h"

#include "eval/grid.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* ---- JSON ---------------------------------------------------------------------------------- */

static void number(gn_str *out, const char *key, double v) {
    gn_str_fmt(out, ",\"%s\":", key);
    if (isfinite(v))
        gn_json_write_f64(out, v);
    else
        gn_str_puts(out, "null");
}

static void text(gn_str *out, const char *key, gn_slice s) {
    gn_str_fmt(out, ",\"%s\":", key);
    if (s.data)
        gn_json_write_string(out, s);
    else
        gn_str_puts(out, "null");
}

static void side_json(gn_str *out, const char *key, const gn_side *s) {
    gn_str_fmt(out, ",\"%s\":{\"run\":\"%s\"", key, s->run.id);
    text(out, "model", gn_str_slice(&s->run.model));
    text(out, "sha", gn_str_slice(&s->run.sha));
    gn_str_fmt(out,
               ",\"n\":%" PRId64 ",\"truncated\":%" PRId64 ",\"empty\":%" PRId64
               ",\"invalid\":%" PRId64 ",\"errors\":%" PRId64,
               s->n, s->truncated, s->empty, s->invalid, s->errors);
    number(out, "length", s->length);
    gn_str_putc(out, '}');
}

static void pairing_json(gn_str *out, const gn_pairing *l) {
    gn_str_puts(out, "{\"task\":");
    gn_json_write_string(out, l->task);
    text(out, "metric", l->metric);
    text(out, "filter", l->filter);
    gn_str_fmt(out, ",\"n\":%" PRId64, l->n);
    number(out, "a", l->a);
    number(out, "b", l->b);
    number(out, "diff", l->diff);
    number(out, "se", l->error);
    gn_str_puts(out, ",\"ci\":[");
    if (isfinite(l->lo)) {
        gn_json_write_f64(out, l->lo);
        gn_str_putc(out, ',');
        gn_json_write_f64(out, l->hi);
    } else {
        gn_str_puts(out, "null,null");
    }
    gn_str_putc(out, ']');
    number(out, "p", l->p);
    number(out, "p_holm", l->p_holm);
    gn_str_fmt(out,
               ",\"test\":\"%s\",\"wins\":%" PRId64 ",\"losses\":%" PRId64 ",\"ties\":%" PRId64,
               l->test, l->wins, l->losses, l->ties);
    number(out, "smallest_visible", l->smallest);
    gn_str_fmt(out, ",\"clusters\":%" PRId64 ",\"diff_of\":\"%s\"}", l->clusters,
               l->likelihood ? "log_likelihood" : "value");
}

static void flip_json(gn_str *out, const gn_flip *f) {
    gn_str_puts(out, "{\"task\":");
    gn_json_write_string(out, f->task);
    gn_str_fmt(out, ",\"doc\":%" PRId64, f->doc);
    number(out, "a", f->a);
    number(out, "b", f->b);
    text(out, "a_said", f->a_said);
    text(out, "b_said", f->b_said);
    text(out, "gold", f->gold);
    if (f->a_text.data) {
        text(out, "a_text", f->a_text);
        text(out, "b_text", f->b_text);
    }
    gn_str_putc(out, '}');
}

void gn_comparison_json(gn_str *out, const gn_comparison *c) {
    gn_str_puts(out, "{\"schema\":\"gneiss.compare/1\"");
    side_json(out, "a", &c->a);
    side_json(out, "b", &c->b);
    gn_str_puts(out, ",\"tasks\":[");
    for (int i = 0; i < c->n; i++) {
        gn_str_puts(out, i ? "," : "");
        pairing_json(out, &c->pairing[i]);
    }
    gn_str_puts(out, "],\"flips\":[");
    for (size_t i = 0; i < c->n_flip; i++) {
        gn_str_puts(out, i ? "," : "");
        flip_json(out, &c->flip[i]);
    }
    gn_str_fmt(out, "],\"unlike\":%" PRId64 "}", c->unlike);
}

/* ---- text ------------------------------------------------------------------------------------- */

static void side_text(gn_str *out, char name, const gn_side *s) {
    gn_str_fmt(out,
               "%c  %s  run %.10s (sha %.8s)  %" PRId64 " documents, truncated %" PRId64
               ", empty %" PRId64 ", invalid %" PRId64 ", failed %" PRId64,
               name, gn_str_text(&s->run.model), s->run.id, gn_str_text(&s->run.sha), s->n,
               s->truncated, s->empty, s->invalid, s->errors);
    if (isfinite(s->length))
        gn_str_fmt(out, ", %.1f tokens an answer", s->length);
    gn_str_putc(out, '\n');
}

static void p_text(char *out, size_t size, double p) {
    if (isnan(p))
        snprintf(out, size, "-");
    else if (p < 1e-4)
        snprintf(out, size, "%.0e", p);
    else
        snprintf(out, size, "%.3f", p);
}

/* "-0.91 +- 0.43 pp" of a share; else plain. */
static void diff_text(char *out, size_t size, const gn_pairing *l) {
    const double scale = l->share ? 100 : 1;
    const char *unit = l->share ? " pp" : l->likelihood ? " nats" : "";
    if (isnan(l->diff))
        snprintf(out, size, "-");
    else if (isnan(l->error))
        snprintf(out, size, "%+.4g%s", l->diff * scale, unit);
    else
        snprintf(out, size, l->share ? "%+.2f +- %.2f%s" : "%+.4g +- %.2g%s", l->diff * scale,
                 l->error * scale, unit);
}

static void value_cell(gn_grid *g, double v) {
    if (!isfinite(v))
        gn_grid_put(g, GN_S("-"));
    else
        gn_str_fmt(gn_grid_cell(g), fabs(v) < 1e5 ? "%.4f" : "%.4g", v);
}

static void pairing_text(gn_grid *g, const gn_pairing *l) {
    char diff[64], p[24], holm[24];
    diff_text(diff, sizeof diff, l);
    p_text(p, sizeof p, l->p);
    p_text(holm, sizeof holm, l->p_holm);
    gn_grid_put(g, l->task);
    gn_grid_put(g, l->metric);
    gn_grid_put(g, l->filter);
    gn_str_fmt(gn_grid_cell(g), "%" PRId64, l->n);
    value_cell(g, l->a);
    value_cell(g, l->b);
    gn_grid_put(g, gn_slice_of(diff));
    gn_grid_put(g, gn_slice_of(p));
    gn_grid_put(g, gn_slice_of(holm));
    gn_grid_put(g, gn_slice_of(l->test));
    gn_str_fmt(gn_grid_cell(g), "%" PRId64, l->losses);
    gn_str_fmt(gn_grid_cell(g), "%" PRId64, l->wins);
    gn_str *visible = gn_grid_cell(g);
    if (!isnan(l->smallest))
        gn_str_fmt(visible, l->share ? "%.2f pp" : "%.3g", l->smallest * (l->share ? 100 : 1));
}

static void table_text(gn_str *out, const gn_comparison *c) {
    static const char *const name[] = {"task",   "metric", "filter", "n",      "A",
                                       "B",      "B - A",  "p",      "p holm", "test",
                                       "A only", "B only", "visible"};
    gn_grid g = {0};
    for (int i = 0; i < 13; i++)
        gn_grid_column(&g, gn_slice_of(name[i]), i > 2 && i != 9);
    for (int i = 0; i < c->n; i++)
        pairing_text(&g, &c->pairing[i]);
    gn_grid_draw(out, &g, GN_MARKUP_TEXT);
    gn_grid_release(&g);
}

static void said_text(gn_str *out, const char *who, double right, gn_slice said, gn_slice answer) {
    gn_str_fmt(out, "  %s %s: ", who, right > 0.5 ? "ok   " : "wrong");
    gn_str_add(out, said.data ? said : GN_S("-"));
    gn_str_putc(out, '\n');
    if (!answer.data || gn_slice_equal(answer, said))
        return;
    while (answer.len) {
        const char *end = memchr(answer.data, '\n', answer.len);
        const size_t n = end ? (size_t)(end - answer.data) : answer.len;
        gn_str_puts(out, "      | ");
        gn_str_add(out, (gn_slice){answer.data, n});
        gn_str_putc(out, '\n');
        answer = gn_slice_from(answer, n + 1);
    }
}

void gn_comparison_text(gn_str *out, const gn_comparison *c, bool flips) {
    int tests = 0;
    side_text(out, 'A', &c->a);
    side_text(out, 'B', &c->b);
    for (int i = 0; i < c->n; i++)
        tests += !isnan(c->pairing[i].p);
    if (c->unlike)
        gn_str_fmt(out, "%" PRId64 " documents have other contents in B and are left out\n",
                   c->unlike);
    gn_str_fmt(out,
               "paired over documents; p holm: adjusted for %d line%s; visible: the smallest "
               "difference these documents can show (80 %% power, 5 %%)\n",
               tests, tests == 1 ? "" : "s");
    table_text(out, c);
    gn_str_fmt(out, "%zu flips\n", c->n_flip);
    for (size_t i = 0; flips && i < c->n_flip; i++) {
        const gn_flip *f = &c->flip[i];
        gn_str_fmt(out, "\n%.*s #%" PRId64 "  gold ", (int)f->task.len, f->task.data, f->doc);
        gn_str_add(out, f->gold.data ? f->gold : GN_S("-"));
        gn_str_putc(out, '\n');
        said_text(out, "A", f->a, f->a_said, f->a_text);
        said_text(out, "B", f->b, f->b_said, f->b_text);
    }
}
