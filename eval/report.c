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

static bool is_listed(gn_slice list, gn_slice name) {
    while (list.len) {
        const ptrdiff_t comma = gn_slice_find(list, GN_S(","));
        const gn_slice word = {list.data, comma < 0 ? list.len : (size_t)comma};
        if (gn_slice_equal(word, name))
            return true;
        list = gn_slice_from(list, word.len + 1);
    }
    return false;
}

static bool has_task(const gn_report *r, gn_slice name) {
    for (int run = 0; run < r->n; run++)
        for (int i = 0; i < r->results[run].n_tally; i++)
            if (gn_slice_equal(r->results[run].tally[i].name, name))
                return true;
    return false;
}

bool gn_report_only(gn_report *r, gn_slice tasks, gn_error *e) {
    for (gn_slice rest = tasks; rest.len;) {
        const ptrdiff_t comma = gn_slice_find(rest, GN_S(","));
        const gn_slice word = {rest.data, comma < 0 ? rest.len : (size_t)comma};
        if (!has_task(r, word)) {
            gn_fail(e, GN_INVALID, "no run has a task or group '%.*s'", (int)word.len, word.data);
            return gn_where(e, "-t");
        }
        rest = gn_slice_from(rest, word.len + 1);
    }
    for (int run = 0; run < r->n; run++) {
        gn_results *x = &r->results[run];
        int n = 0, n_task = 0;
        for (int i = 0; i < x->n_tally; i++)
            if (is_listed(tasks, x->tally[i].name)) {
                n_task += i < x->n_task;
                x->tally[n++] = x->tally[i];
            }
        x->n_tally = n;
        x->n_task = n_task;
    }
    return true;
}

static bool all_tell_steps(const gn_report *r) {
    for (int i = 0; i < r->n; i++)
        if (r->run[i].step < 0)
            return false;
    return true;
}

void gn_report_order(gn_report *r) {
    const bool steps = all_tell_steps(r);
    for (int i = 1; i < r->n; i++) /* by insertion: there are few */
        for (int k = i; k > 0; k--) {
            const gn_run_row a = r->run[k - 1], b = r->run[k];
            const bool later = steps && a.step != b.step ? a.step > b.step : strcmp(a.id, b.id) > 0;
            if (!later)
                break;
            const gn_results x = r->results[k];
            r->run[k - 1] = b;
            r->run[k] = a;
            r->results[k] = r->results[k - 1];
            r->results[k - 1] = x;
        }
}

/* ---- cells -------------------------------------------------------------------------------- */

static void value_text(gn_str *out, double v) {
    if (!isfinite(v))
        gn_str_puts(out, isnan(v) ? "-" : v > 0 ? "inf" : "-inf");
    else if (fabs(v) >= 1e6)
        gn_str_fmt(out, "%.4g", v);
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

/* ---- one run: a row a number ----------------------------------------------------------------- */

static bool shown(const gn_tally *t, gn_report_by by) {
    return by == GN_BY_ALL || by == GN_BY_CHECKPOINT || (by == GN_BY_GROUP) == (t->id == 0);
}

static void put_interval(gn_grid *t, const gn_number *x) {
    gn_str *cell = gn_grid_cell(t);
    if (isnan(x->lo))
        return;
    value_text(cell, x->lo);
    gn_str_puts(cell, " to ");
    value_text(cell, x->hi);
}

static void fill_one(gn_grid *t, const gn_results *r, gn_report_by by) {
    static const char *const name[] = {"task",   "version", "shots",        "metric",
                                       "filter", "value",   "95% interval", "n"};
    for (int i = 0; i < 8; i++)
        gn_grid_column(t, gn_slice_of(name[i]), i == 2 || i > 4);
    for (int i = 0; i < r->n_tally; i++)
        for (int k = 0; k < r->tally[i].n_number && shown(&r->tally[i], by); k++) {
            const gn_number *x = &r->tally[i].number[k];
            gn_grid_put(t, r->tally[i].alias.len ? r->tally[i].alias : r->tally[i].name);
            gn_grid_put(t, r->tally[i].version);
            gn_str *shots = gn_grid_cell(t);
            if (r->tally[i].id)
                gn_str_fmt(shots, "%d", r->tally[i].shots);
            gn_grid_put(t, x->metric);
            gn_grid_put(t, x->filter);
            gn_report_value(gn_grid_cell(t), x->value, x->error, false);
            put_interval(t, x);
            gn_str_fmt(gn_grid_cell(t), "%" PRId64, x->n);
        }
}

/* ---- several: a column a run -------------------------------------------------------------------- */

const gn_number *gn_report_find(const gn_results *r, const gn_number *like) {
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
        if (gn_report_find(&r->results[i], x))
            return true;
    return false;
}

/* What a run is called: by its name, else its checkpoint's; the beginning of its id where
 * another run has that too. */
void gn_report_run_name(gn_str *out, const gn_report *r, int run) {
    const gn_run_row *x = &r->run[run];
    const gn_slice name = gn_str_slice(x->name.len ? &x->name : &x->model);
    bool twice = false;
    for (int i = 0; i < r->n && !twice; i++)
        twice = i != run &&
                gn_slice_equal(
                    name, gn_str_slice(r->run[i].name.len ? &r->run[i].name : &r->run[i].model));
    gn_str_add(out, name);
    if (twice) /* the time it began */
        gn_str_fmt(out, " %.10s", x->id);
}

typedef void each_number(gn_grid *t, const gn_report *r, const gn_number *x, int number);

/* Every number that some run has, once, in the order of the first run that has it. */
static void each(gn_grid *t, const gn_report *r, gn_report_by by, each_number *it) {
    int number = 0;
    for (int run = 0; run < r->n; run++)
        for (int i = 0; i < r->results[run].n_tally; i++) {
            const gn_tally *tally = &r->results[run].tally[i];
            for (int k = 0; k < tally->n_number && shown(tally, by); k++)
                if (!in_earlier(r, run, &tally->number[k]))
                    it(t, r, &tally->number[k], number++);
        }
}

static void add_row(gn_grid *t, const gn_report *r, const gn_number *x, int number) {
    (void)number;
    gn_grid_put(t, x->task);
    gn_grid_put(t, x->metric);
    gn_grid_put(t, x->filter);
    for (int j = 0; j < r->n; j++) {
        const gn_number *y = gn_report_find(&r->results[j], x);
        gn_str *cell = gn_grid_cell(t);
        if (y)
            gn_report_value(cell, y->value, y->error, false);
    }
}

static void fill_many(gn_grid *t, const gn_report *r, gn_report_by by) {
    gn_str name = {0};
    gn_grid_column(t, GN_S("task"), false);
    gn_grid_column(t, GN_S("metric"), false);
    gn_grid_column(t, GN_S("filter"), false);
    for (int i = 0; i < r->n; i++) {
        gn_str_cut(&name, 0);
        gn_report_run_name(&name, r, i);
        gn_grid_column(t, gn_str_slice(&name), true);
    }
    each(t, r, by, add_row);
    gn_str_release(&name);
}

/* ---- by checkpoint: a row a run, a column a number ---------------------------------------------- */

static void add_column(gn_grid *t, const gn_report *r, const gn_number *x, int number) {
    gn_str name = {0};
    (void)r, (void)number;
    gn_str_fmt(&name, "%.*s %.*s", (int)x->task.len, x->task.data, (int)x->metric.len,
               x->metric.data);
    if (!gn_slice_is(x->filter, "none"))
        gn_str_fmt(&name, ",%.*s", (int)x->filter.len, x->filter.data);
    gn_grid_column(t, gn_str_slice(&name), true);
    gn_str_release(&name);
}

/* The run's row is the one being filled: cells so far tell which. */
static void add_cell(gn_grid *t, const gn_report *r, const gn_number *x, int number) {
    const int run = (int)(t->n / t->columns) - 1;
    (void)number;
    const gn_number *y = gn_report_find(&r->results[run], x);
    gn_str *cell = gn_grid_cell(t);
    if (y)
        gn_report_value(cell, y->value, y->error, false);
}

static void fill_checkpoints(gn_grid *t, const gn_report *r) {
    gn_grid_column(t, GN_S("checkpoint"), false);
    gn_grid_column(t, GN_S("step"), true);
    each(t, r, GN_BY_ALL, add_column);
    for (int i = 0; i < r->n && !t->failed; i++) {
        gn_report_run_name(gn_grid_cell(t), r, i);
        gn_str *step = gn_grid_cell(t);
        if (r->run[i].step >= 0)
            gn_str_fmt(step, "%" PRId64, r->run[i].step);
        each(t, r, GN_BY_ALL, add_cell);
    }
}

/* ---- forms ---------------------------------------------------------------------------------------- */

/* Without a name of its own a run's checkpoint may have several runs. */
void gn_report_table(gn_str *out, const gn_report *r, gn_report_by by, gn_markup form) {
    gn_grid t = {0};
    if (by == GN_BY_CHECKPOINT)
        fill_checkpoints(&t, r);
    else if (r->n == 1)
        fill_one(&t, &r->results[0], by);
    else
        fill_many(&t, r, by);
    gn_grid_draw(out, &t, form);
    gn_grid_release(&t);
}

void gn_report_facts(gn_str *out, const gn_report *r, int run) {
    const gn_run_row *row = &r->run[run];
    const gn_results *x = &r->results[run];
    int64_t truncated = 0, empty = 0, invalid = 0, cached = 0;
    for (int k = 0; k < x->n_task; k++) {
        truncated += x->tally[k].truncated;
        empty += x->tally[k].empty;
        invalid += x->tally[k].invalid;
        cached += x->tally[k].cached;
    }
    gn_str_fmt(out,
               "run %s: %s, sha %.8s, %s, %" PRId64 " of %" PRId64 " documents, %" PRId64
               " cached, %" PRId64 " truncated, %" PRId64 " empty, %" PRId64 " invalid, %" PRId64
               " failed",
               row->id, gn_str_text(&row->model), gn_str_text(&row->sha), row->status, x->done,
               x->planned, cached, truncated, empty, invalid, x->errors);
}

void gn_report_text(gn_str *out, const gn_report *r, gn_report_by by) {
    gn_report_table(out, r, by, GN_MARKUP_TEXT);
    for (int i = 0; i < r->n; i++) {
        gn_report_facts(out, r, i);
        gn_str_putc(out, '\n');
    }
}

void gn_report_markdown(gn_str *out, const gn_report *r, gn_report_by by) {
    gn_report_table(out, r, by, GN_MARKUP_MARKDOWN);
    gn_str_putc(out, '\n');
    for (int i = 0; i < r->n; i++) {
        gn_str facts = {0};
        gn_report_facts(&facts, r, i);
        gn_str_puts(out, "- ");
        gn_markup_text(out, gn_str_slice(&facts), GN_MARKUP_MARKDOWN);
        gn_str_putc(out, '\n');
        gn_str_release(&facts);
    }
}

void gn_report_tex(gn_str *out, const gn_report *r, gn_report_by by) {
    gn_report_table(out, r, by, GN_MARKUP_TEX);
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
    gn_str_puts(out, "run,model,sha,step,task,version,shots,metric,filter,value,stderr,ci_lo,ci_hi,"
                     "n\n");
    for (int run = 0; run < r->n; run++)
        for (int i = 0; i < r->results[run].n_tally; i++) {
            const gn_tally *t = &r->results[run].tally[i];
            for (int k = 0; k < t->n_number; k++) {
                const gn_number *x = &t->number[k];
                gn_str_fmt(out, "%s,", r->run[run].id);
                csv_text(out, gn_str_slice(&r->run[run].model));
                gn_str_fmt(out, ",%s,", gn_str_text(&r->run[run].sha));
                if (r->run[run].step >= 0)
                    gn_str_fmt(out, "%" PRId64, r->run[run].step);
                gn_str_putc(out, ',');
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
        gn_str_fmt(out, ",\"sha\":\"%s\",\"status\":\"%s\",\"started_at\":\"%s\",\"step\":",
                   gn_str_text(&r->run[i].sha), r->run[i].status, r->run[i].started_at);
        if (r->run[i].step >= 0)
            gn_str_fmt(out, "%" PRId64 ",", r->run[i].step);
        else
            gn_str_puts(out, "null,");
        gn_results_json(out, &r->results[i]);
        gn_str_putc(out, '}');
    }
    gn_str_puts(out, "]}\n");
}
