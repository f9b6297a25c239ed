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
               ",\"n\":%" PRId64 ",\"planned\":%" PRId64 ",\"truncated\":%" PRId64
               ",\"empty\":%" PRId64 ",\"invalid\":%" PRId64 ",\"errors\":%" PRId64,
               s->n, s->planned, s->truncated, s->empty, s->invalid, s->errors);
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

static void lists_json(gn_str *out, const gn_comparison *c) {
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
    gn_str_fmt(out, "],\"unlike\":%" PRId64, c->unlike);
}

void gn_comparisons_json(gn_str *out, const gn_comparison *c, int n) {
    gn_str_puts(out, "{\"schema\":\"gneiss.compare/1\"");
    side_json(out, "a", &c->a);
    if (n == 1) {
        side_json(out, "b", &c->b);
        lists_json(out, c);
    } else {
        gn_str_puts(out, ",\"against\":[");
        for (int i = 0; i < n; i++) {
            gn_str_fmt(out, "%s{\"step\":", i ? "," : "");
            if (c[i].b.run.step >= 0)
                gn_str_fmt(out, "%" PRId64, c[i].b.run.step);
            else
                gn_str_puts(out, "null");
            side_json(out, "b", &c[i].b);
            lists_json(out, &c[i]);
            gn_str_putc(out, '}');
        }
        gn_str_putc(out, ']');
    }
    gn_str_putc(out, '}');
}

/* ---- text ------------------------------------------------------------------------------------- */

static void side_text(gn_str *out, char name, const gn_side *s) {
    const double all = s->n ? (double)s->n / 100 : 1;
    gn_str_fmt(out,
               "%c  %s  run %.10s (sha %.8s)  %" PRId64
               " documents, truncated %.1f %%, empty %.1f %%, invalid %.1f %%, failed %" PRId64,
               name, gn_str_text(&s->run.model), s->run.id, gn_str_text(&s->run.sha), s->n,
               (double)s->truncated / all, (double)s->empty / all, (double)s->invalid / all,
               s->errors);
    if (isfinite(s->length))
        gn_str_fmt(out, ", %.1f tokens an answer", s->length);
    if (s->n < s->planned)
        gn_str_fmt(out, "; interim: %" PRId64 " documents are to come", s->planned - s->n);
    gn_str_putc(out, '\n');
}

void gn_pairing_p(gn_str *out, double p) {
    if (isnan(p))
        gn_str_putc(out, '-');
    else
        gn_str_fmt(out, p < 1e-4 ? "%.0e" : "%.3f", p);
}

void gn_pairing_difference(gn_str *out, const gn_pairing *l) {
    const double scale = l->share ? 100 : 1;
    const char *unit = l->share ? " pp" : l->likelihood ? " nats" : "";
    if (isnan(l->diff))
        gn_str_putc(out, '-');
    else if (isnan(l->error))
        gn_str_fmt(out, "%+.4g%s", l->diff * scale, unit);
    else
        gn_str_fmt(out, l->share ? "%+.2f +- %.2f%s" : "%+.4g +- %.2g%s", l->diff * scale,
                   l->error * scale, unit);
}

void gn_pairing_value(gn_str *out, double v) {
    if (!isfinite(v))
        gn_str_putc(out, '-');
    else
        gn_str_fmt(out, fabs(v) < 1e5 ? "%.4f" : "%.4g", v);
}

static void pairing_text(gn_grid *g, const gn_pairing *l) {
    gn_grid_put(g, l->task);
    gn_grid_put(g, l->metric);
    gn_grid_put(g, l->filter);
    gn_str_fmt(gn_grid_cell(g), "%" PRId64, l->n);
    gn_pairing_value(gn_grid_cell(g), l->a);
    gn_pairing_value(gn_grid_cell(g), l->b);
    gn_pairing_difference(gn_grid_cell(g), l);
    gn_pairing_p(gn_grid_cell(g), l->p);
    gn_pairing_p(gn_grid_cell(g), l->p_holm);
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
