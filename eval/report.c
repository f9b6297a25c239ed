/* report.c - see report.h. */
#include "eval/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

bool gn_report_add(gn_report *r, gn_store *s, gn_run_row *run, gn_pool *pool, gn_error *e) {
    const size_t n = (size_t)r->n;
    gn_run_row *rows = realloc(r->run, (n + 1) * sizeof *rows);
    r->run = rows ? rows : r->run;
    gn_results *results = realloc(r->results, (n + 1) * sizeof *results);
    r->results = results ? results : r->results;
    if (!rows || !results) {
        gn_run_row_release(run);
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    }
    r->run[n] = *run;
    *run = (gn_run_row){0};
    r->results[n] = (gn_results){0};
    r->n++;
    return gn_results_measure(s, &r->run[n], pool, true, &r->results[n], e);
}

void gn_report_release(gn_report *r) {
    for (int i = 0; i < r->n; i++) {
        gn_run_row_release(&r->run[i]);
        gn_results_release(&r->results[i]);
    }
    free(r->run);
    free(r->results);
    *r = (gn_report){0};
}

/* ---- cells -------------------------------------------------------------------------------- */

static void value_text(gn_str *out, double v) {
    if (!isfinite(v))
        gn_str_puts(out, isnan(v) ? "-" : v > 0 ? "inf" : "-inf");
    else if (fabs(v) >= 100)
        gn_str_fmt(out, "%.2f", v);
    else
        gn_str_fmt(out, "%.4f", v);
}

void gn_report_value(gn_str *out, double value, double error, bool ascii) {
    value_text(out, value);
    if (isnan(error) || isnan(value))
        return;
    gn_str_puts(out, ascii ? " +- " : " ± ");
    value_text(out, error);
}

/* A table of text: cells in rows, the first the header. */
typedef struct table {
    gn_str *cell; /* [rows * columns] */
    size_t n, capacity;
    int columns;
    bool right[64]; /* a column of numbers */
    gn_str lost;    /* where a cell goes when memory is out: the caller's own string tells that */
} table;

static gn_str *next_cell(table *t) {
    if (!gn_vec_reserve(&t->cell, &t->capacity, t->n + 1, sizeof *t->cell)) {
        gn_str_release(&t->lost);
        return &t->lost;
    }
    t->cell[t->n] = (gn_str){0};
    return &t->cell[t->n++];
}

static void put(table *t, gn_slice text) { gn_str_add(next_cell(t), text); }

static void table_release(table *t) {
    for (size_t i = 0; i < t->n; i++)
        gn_str_release(&t->cell[i]);
    free(t->cell);
    gn_str_release(&t->lost);
}

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

/* How a table is drawn. */
typedef struct style {
    const char *before, *between, *after; /* of a row */
    bool rule;                            /* a line of dashes below the header */
    void (*escape)(gn_str *out, gn_slice text);
} style;

static void draw(gn_str *out, const table *t, const style *s) {
    const int columns = t->columns, rows = (int)t->n / columns;
    int width[64] = {0};
    for (int i = 0; i < rows * columns; i++) {
        const int w = width_of(gn_str_slice(&t->cell[i]));
        width[i % columns] = w > width[i % columns] ? w : width[i % columns];
    }
    for (int row = 0; row < rows; row++) {
        gn_str_puts(out, s->before);
        for (int k = 0; k < columns; k++) {
            const gn_slice text = gn_str_slice(&t->cell[row * columns + k]);
            const int space = width[k] - width_of(text);
            gn_str_puts(out, k ? s->between : "");
            if (t->right[k])
                pad(out, space, ' ');
            s->escape(out, text);
            if (!t->right[k] && (k < columns - 1 || s->after[0] != '\n'))
                pad(out, space, ' ');
        }
        gn_str_puts(out, s->after);
        if (row > 0 || !s->rule)
            continue;
        gn_str_puts(out, s->before);
        for (int k = 0; k < columns; k++) {
            gn_str_puts(out, k ? s->between : "");
            pad(out, width[k] - t->right[k] > 2 ? width[k] - t->right[k] : 3 - t->right[k], '-');
            if (t->right[k])
                gn_str_putc(out, ':');
        }
        gn_str_puts(out, s->after);
    }
}

static void plain(gn_str *out, gn_slice text) { gn_str_add(out, text); }

static void markdown_text(gn_str *out, gn_slice text) {
    for (size_t i = 0; i < text.len; i++) {
        if (strchr("|\\`*_", text.data[i]))
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
        } else if (strchr("^~", text.data[i])) {
            gn_str_fmt(out, "\\%c{}", text.data[i]);
        } else {
            if (strchr("&%$#_{}", text.data[i]))
                gn_str_putc(out, '\\');
            gn_str_putc(out, text.data[i]);
        }
    }
}

/* ---- one run: a row a number ----------------------------------------------------------------- */

static bool shown(const gn_tally *t, gn_report_by by) {
    return by == GN_BY_ALL || (by == GN_BY_GROUP) == (t->id == 0);
}

static void header(table *t, const char *const *name, int n) {
    t->columns = n;
    for (int i = 0; i < n; i++)
        put(t, gn_slice_of(name[i]));
}

static void put_interval(table *t, const gn_number *x) {
    gn_str *cell = next_cell(t);
    if (isnan(x->lo))
        return;
    value_text(cell, x->lo);
    gn_str_puts(cell, " to ");
    value_text(cell, x->hi);
}

static void fill_one(table *t, const gn_results *r, gn_report_by by) {
    static const char *const name[] = {"task",   "version", "shots",        "metric",
                                       "filter", "value",   "95% interval", "n"};
    header(t, name, 8);
    t->right[2] = t->right[5] = t->right[6] = t->right[7] = true;
    for (int i = 0; i < r->n_tally; i++)
        for (int k = 0; k < r->tally[i].n_number && shown(&r->tally[i], by); k++) {
            const gn_number *x = &r->tally[i].number[k];
            put(t, r->tally[i].alias.len ? r->tally[i].alias : r->tally[i].name);
            put(t, r->tally[i].version);
            gn_str *shots = next_cell(t);
            if (r->tally[i].id)
                gn_str_fmt(shots, "%d", r->tally[i].shots);
            put(t, x->metric);
            put(t, x->filter);
            gn_report_value(next_cell(t), x->value, x->error, false);
            put_interval(t, x);
            gn_str_fmt(next_cell(t), "%" PRId64, x->n);
        }
}

/* ---- several: a column a run -------------------------------------------------------------------- */

static const gn_number *find(const gn_results *r, const gn_number *like) {
    for (int i = 0; i < r->n_tally; i++)
        for (int k = 0; k < r->tally[i].n_number; k++) {
            const gn_number *x = &r->tally[i].number[k];
            if (gn_slice_equal(x->task, like->task) && gn_slice_equal(x->metric, like->metric) &&
                gn_slice_equal(x->filter, like->filter))
                return x;
        }
    return NULL;
}

static bool in_earlier(const gn_report *r, int run, const gn_number *x) {
    for (int i = 0; i < run; i++)
        if (find(&r->results[i], x))
            return true;
    return false;
}

static void fill_many(table *t, const gn_report *r, gn_report_by by) {
    static const char *const name[] = {"task", "metric", "filter"};
    const int runs = r->n < 60 ? r->n : 60;
    header(t, name, 3);
    t->columns += runs;
    for (int i = 0; i < runs; i++) {
        t->right[3 + i] = true;
        put(t, gn_str_slice(r->run[i].name.len ? &r->run[i].name : &r->run[i].model));
    }
    for (int run = 0; run < runs; run++)
        for (int i = 0; i < r->results[run].n_tally; i++) {
            const gn_tally *tally = &r->results[run].tally[i];
            for (int k = 0; k < tally->n_number && shown(tally, by); k++) {
                const gn_number *x = &tally->number[k];
                if (in_earlier(r, run, x))
                    continue;
                put(t, x->task);
                put(t, x->metric);
                put(t, x->filter);
                for (int j = 0; j < runs; j++) {
                    const gn_number *y = find(&r->results[j], x);
                    gn_str *cell = next_cell(t);
                    if (y)
                        gn_report_value(cell, y->value, y->error, false);
                }
            }
        }
}

static void table_of(gn_str *out, const gn_report *r, gn_report_by by, const style *s) {
    table t = {0};
    if (r->n == 1)
        fill_one(&t, &r->results[0], by);
    else
        fill_many(&t, r, by);
    draw(out, &t, s);
    table_release(&t);
}

/* What a reader has to know beside the numbers. */
static void facts(gn_str *out, const gn_report *r, const char *before) {
    for (int i = 0; i < r->n; i++) {
        const gn_run_row *run = &r->run[i];
        const gn_results *x = &r->results[i];
        int64_t truncated = 0, empty = 0, invalid = 0, cached = 0;
        for (int k = 0; k < x->n_task; k++) {
            truncated += x->tally[k].truncated;
            empty += x->tally[k].empty;
            invalid += x->tally[k].invalid;
            cached += x->tally[k].cached;
        }
        gn_str_fmt(out,
                   "%srun %s: %s, sha %.8s, %s, %" PRId64 " of %" PRId64 " documents, %" PRId64
                   " cached, %" PRId64 " truncated, %" PRId64 " empty, %" PRId64
                   " invalid, %" PRId64 " failed\n",
                   before, run->id, gn_str_text(&run->model), gn_str_text(&run->sha), run->status,
                   x->done, x->planned, cached, truncated, empty, invalid, x->errors);
    }
}

void gn_report_text(gn_str *out, const gn_report *r, gn_report_by by) {
    static const style text = {"", "  ", "\n", false, plain};
    table_of(out, r, by, &text);
    facts(out, r, "");
}

void gn_report_markdown(gn_str *out, const gn_report *r, gn_report_by by) {
    static const style markdown = {"| ", " | ", " |\n", true, markdown_text};
    table_of(out, r, by, &markdown);
    gn_str_putc(out, '\n');
    facts(out, r, "- ");
}

void gn_report_tex(gn_str *out, const gn_report *r, gn_report_by by) {
    static const style tex = {"  ", " & ", " \\\\\n", false, tex_text};
    const int columns = r->n == 1 ? 8 : 3 + r->n;
    gn_str_puts(out, "\\begin{tabular}{");
    for (int i = 0; i < columns; i++)
        gn_str_putc(out, i < (r->n == 1 ? 5 : 3) && i != (r->n == 1 ? 2 : -1) ? 'l' : 'r');
    gn_str_puts(out, "}\n  \\hline\n");
    table_of(out, r, by, &tex);
    gn_str_puts(out, "  \\hline\n\\end{tabular}\n");
}

static void csv_text(gn_str *out, gn_slice text) {
    bool quote = false;
    for (size_t i = 0; i < text.len; i++)
        quote = quote || strchr(",\"\r\n", text.data[i]);
    if (quote)
        gn_str_putc(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"')
            gn_str_putc(out, '"');
        gn_str_putc(out, text.data[i]);
    }
    if (quote)
        gn_str_putc(out, '"');
}

static void csv_number(gn_str *out, double v) {
    gn_str_putc(out, ',');
    if (isfinite(v))
        gn_str_number(out, v);
}

void gn_report_csv(gn_str *out, const gn_report *r) {
    gn_str_puts(out, "run,model,sha,task,version,shots,metric,filter,value,stderr,ci_lo,ci_hi,n\n");
    for (int run = 0; run < r->n; run++)
        for (int i = 0; i < r->results[run].n_tally; i++) {
            const gn_tally *t = &r->results[run].tally[i];
            for (int k = 0; k < t->n_number; k++) {
                const gn_number *x = &t->number[k];
                gn_str_fmt(out, "%s,", r->run[run].id);
                csv_text(out, gn_str_slice(&r->run[run].model));
                gn_str_fmt(out, ",%s,", gn_str_text(&r->run[run].sha));
                csv_text(out, t->name);
                gn_str_putc(out, ',');
                csv_text(out, t->version);
                gn_str_fmt(out, t->id ? ",%d," : ",,", t->shots);
                csv_text(out, x->metric);
                gn_str_putc(out, ',');
                csv_text(out, x->filter);
                csv_number(out, x->value);
                csv_number(out, x->error);
                csv_number(out, x->lo);
                csv_number(out, x->hi);
                gn_str_fmt(out, ",%" PRId64 "\n", x->n);
            }
        }
}

void gn_report_json(gn_str *out, const gn_report *r) {
    gn_str_puts(out, "{\"schema\":\"gneiss.report/1\",\"runs\":[");
    for (int i = 0; i < r->n; i++) {
        gn_str_fmt(out, "%s{\"run\":\"%s\",\"model\":", i ? "," : "", r->run[i].id);
        gn_json_write_string(out, gn_str_slice(&r->run[i].model));
        gn_str_fmt(out, ",\"sha\":\"%s\",\"status\":\"%s\",\"started_at\":\"%s\",",
                   gn_str_text(&r->run[i].sha), r->run[i].status, r->run[i].started_at);
        gn_results_json(out, &r->results[i]);
        gn_str_putc(out, '}');
    }
    gn_str_puts(out, "]}\n");
}
