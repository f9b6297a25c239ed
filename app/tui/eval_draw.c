/* eval_draw.c - how a run looks: tasks and samples left, one sample right.
 *
 * Below 60 columns or 12 rows there is one pane at a time. What does not fit goes, in this
 * order: the difference to the baseline, rules, errors of scores.
 */
#include "app/tui/eval_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

typedef struct layout {
    bool one;              /* pane at a time */
    int left, right, cols; /* columns [0, left), [right, cols) */
    int top, bottom;       /* rows of the panes: [top, bottom) */
    int tasks, n_tasks;    /* first row, rows */
    int head, samples, n_samples;
    int status;
} layout;

static layout lay_out(const gn_eval_state *v, const gn_canvas *c) {
    layout l = {.one = c->cols < 60 || c->rows < 12, .cols = c->cols, .status = c->rows - 1};
    const bool rules = c->rows >= 10;
    l.left = l.one ? c->cols : c->cols >= 96 ? c->cols * 63 / 100 : c->cols - 29;
    l.right = l.one ? 0 : l.left + 2;
    l.top = c->rows >= 4 ? 1 + rules : 0;
    l.bottom = c->rows - 1 - rules;
    l.bottom = l.bottom > l.top ? l.bottom : l.top;
    const int room = l.bottom - l.top;
    l.tasks = l.top;
    l.n_tasks = v->follow.n_task + rules; /* with its head */
    if (l.n_tasks > room / 2)
        l.n_tasks = room / 2;
    l.head = l.tasks + l.n_tasks + rules;
    l.samples = l.head + (rules ? 1 : 0);
    l.n_samples = l.bottom > l.samples ? l.bottom - l.samples : 0;
    return l;
}

/* ---- words for numbers ------------------------------------------------------------------ */

static void clock_text(double s, gn_str *out) {
    const int64_t n = s > 0 ? (int64_t)s : 0;
    if (n >= 3600)
        gn_str_fmt(out, "%" PRId64 ":%02d:%02d", n / 3600, (int)(n / 60 % 60), (int)(n % 60));
    else
        gn_str_fmt(out, "%d:%02d", (int)(n / 60), (int)(n % 60));
}

static double seconds_of(const char *utc) {
    struct tm t = {0};
    if (sscanf(utc, "%d-%d-%dT%d:%d:%d", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min,
               &t.tm_sec) != 6)
        return 0;
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    return (double)timegm(&t);
}

static void state_text(const gn_eval_state *v, gn_str *out) {
    const gn_run_row *r = &v->follow.run;
    const double began = seconds_of(r->started_at);
    const bool runs = v->follow.alive;
    const double until = !runs && r->ended_at[0] ? seconds_of(r->ended_at)
                         : v->now > 0            ? v->now
                                                 : (double)time(NULL);
    const char *what = runs && gn_eval_paused(v)           ? "paused"
                       : runs && v->look.interrupts > 0    ? "stopping"
                       : runs                              ? "running"
                       : strcmp(r->status, "running") == 0 ? "its process has ended"
                                                           : r->status;
    gn_str_puts(out, what);
    if (runs || r->ended_at[0]) {
        gn_str_putc(out, ' ');
        clock_text(until - began, out);
    }
    if (runs && isfinite(v->look.left_s) && v->follow.done < v->follow.planned) {
        gn_str_puts(out, ", ");
        clock_text(v->look.left_s, out);
        gn_str_puts(out, " left");
    }
}

static void draw_title(gn_eval_state *v, gn_canvas *c) {
    gn_str left = {0}, right = {0};
    gn_canvas_paint(c, 0, 0, c->cols, GN_STYLE_TITLE);
    if (!v->store) {
        gn_canvas_fmt(c, 0, 0, c->cols, GN_STYLE_TITLE, " eval | %s",
                      v->error.code ? v->error.message : "loading the model");
        return;
    }
    gn_str_fmt(&left, " eval %.10s | %s", v->run, gn_str_text(&v->follow.run.model));
    if (c->cols >= 100)
        gn_str_fmt(&left, " %.*s", (int)v->follow.numerics.len, v->follow.numerics.data);
    if (v->follow.baseline.len)
        gn_str_fmt(&left, " | base: %s", gn_str_text(&v->follow.baseline));
    state_text(v, &right);
    const int at = c->cols - (int)right.len - 1;
    gn_canvas_put(c, 0, 0, at > 20 ? at - 1 : c->cols, gn_str_slice(&left), GN_STYLE_TITLE);
    if (at > 20)
        gn_canvas_put(c, 0, at, c->cols, gn_str_slice(&right), GN_STYLE_TITLE);
    gn_str_release(&left);
    gn_str_release(&right);
}

/* ---- tasks -------------------------------------------------------------------------------- */

static void score_text(const gn_followed_task *t, bool narrow, gn_str *out) {
    double value, error;
    gn_followed_value(t, &value, &error);
    if (isnan(value))
        return;
    if (narrow || isnan(error))
        gn_str_fmt(out, value < 1000 ? "%.4f" : "%.4g", value);
    else
        gn_str_fmt(out, "%.4f +-%.4f", value, error);
}

static void delta_text(const gn_followed_task *t, gn_str *out) {
    double delta, error;
    gn_followed_delta(t, &delta, &error);
    if (isnan(delta))
        return;
    gn_str_fmt(out, "%+.1f +- %.1f pp", delta * 100, isnan(error) ? 0 : error * 100);
}

static int name_width(const layout *l) {
    return l->left >= 70 ? 20 : l->left >= 60 ? 14 : l->left >= 40 ? 16 : 9;
}

static bool has_delta(const gn_eval_state *v, const layout *l) {
    return v->follow.baseline.len > 0 && l->left >= name_width(l) + 49;
}

static void draw_task(gn_eval_state *v, gn_canvas *c, const layout *l, int row, int i) {
    const gn_followed_task *t = &v->follow.task[i];
    const bool chosen = t == gn_eval_task(v), narrow = l->left < 48;
    const int name = name_width(l);
    const bool delta = has_delta(v, l);
    gn_str text = {0};
    const gn_style style = chosen && v->on_tasks ? GN_STYLE_SELECTED : GN_STYLE_PLAIN;
    gn_canvas_paint(c, row, 0, l->left, style);
    gn_canvas_put(c, row, 0, 1, chosen ? GN_S(">") : GN_S(" "), style);
    gn_canvas_put(c, row, 1, 1 + name, t->name, style);
    gn_canvas_fmt(c, row, name + 2, l->left, style, "%6zu/%" PRId64, t->n, t->planned);
    score_text(t, narrow, &text);
    gn_canvas_put(c, row, name + 15, l->left, gn_str_slice(&text), style);
    gn_str_cut(&text, 0);
    delta_text(t, &text);
    if (delta)
        gn_canvas_put(c, row, name + 32, l->left, gn_str_slice(&text), style);
    gn_str_release(&text);
}

static void draw_tasks(gn_eval_state *v, gn_canvas *c, const layout *l) {
    const int name = name_width(l);
    const bool rules = c->rows >= 10;
    int row = l->tasks, n = l->n_tasks;
    const gn_followed_task *t = gn_eval_task(v);
    if (rules && n > 0) {
        gn_canvas_put(c, row, 1, l->left, GN_S("task"), GN_STYLE_DIM);
        gn_canvas_put(c, row, name + 4, l->left, GN_S("done"), GN_STYLE_DIM);
        gn_canvas_put(c, row, name + 15, l->left, GN_S("score"), GN_STYLE_DIM);
        if (has_delta(v, l))
            gn_canvas_put(c, row, name + 32, l->left, GN_S("vs base (interim)"), GN_STYLE_DIM);
        row++;
        n--;
    }
    int first = t ? (int)(t - v->follow.task) - n + 1 : 0;
    first = first > 0 ? first : 0;
    for (int i = 0; i < n && first + i < v->follow.n_task; i++)
        draw_task(v, c, l, row + i, first + i);
}

/* ---- samples ----------------------------------------------------------------------------------- */

static const char *result_text(const gn_followed_task *t, double value, char number[16]) {
    if (isnan(value))
        return "";
    if (t->binary)
        return value > 0.5 ? "ok" : "WRONG";
    snprintf(number, 16, "%.4g", value);
    return number;
}

static void draw_sample(gn_eval_state *v, gn_canvas *c, const layout *l, int row,
                        const gn_followed_task *t, const gn_followed_sample *s, bool chosen) {
    char a[16], b[16], doc[32];
    const gn_style style = chosen && !v->on_tasks ? GN_STYLE_SELECTED
                           : s->failed            ? GN_STYLE_ERROR
                                                  : GN_STYLE_PLAIN;
    const bool base = v->follow.baseline.len > 0;
    int at = l->left >= 40 ? 9 : 7;
    gn_canvas_paint(c, row, 0, l->left, style);
    if (s->rep)
        snprintf(doc, sizeof doc, "%" PRId64 ".%d", s->doc, s->rep);
    else
        snprintf(doc, sizeof doc, "%" PRId64, s->doc);
    gn_canvas_fmt(c, row, 0, l->left, style, "%s%s", chosen ? ">" : " ", doc);
    at = gn_canvas_fmt(c, row, at, l->left, style, "%-8s",
                       s->failed ? "FAILED" : result_text(t, s->value, a));
    if (base)
        at = gn_canvas_fmt(c, row, at, l->left, style, "%-7s", result_text(t, s->base, b));
    if (t->generates)
        at = gn_canvas_fmt(c, row, at, l->left, style, "%-8s", s->stop);
    at = gn_canvas_fmt(c, row, at, l->left, style, "%5" PRId64, s->tokens);
    gn_canvas_fmt(c, row, at, l->left, style, "%s%s%s%s", gn_followed_flip(t, s) ? "  <- flip" : "",
                  s->invalid ? "  invalid" : "", s->empty ? "  empty" : "",
                  s->truncated ? "  cut" : "");
}

static void draw_samples_head(gn_eval_state *v, gn_canvas *c, const layout *l,
                              const gn_followed_task *t) {
    gn_str text = {0};
    gn_str_fmt(&text, " #       result  %s%s  tok", v->follow.baseline.len ? "base   " : "",
               t->generates ? "stop    " : "");
    if (l->left < 40)
        gn_str_cut(&text, 16);
    int at = gn_canvas_put(c, l->head, 0, l->left, gn_str_slice(&text), GN_STYLE_DIM);
    gn_canvas_fmt(c, l->head, at, l->left, GN_STYLE_DIM, "  %.*s%s%s", (int)t->name.len,
                  t->name.data, v->filter ? ", " : "",
                  v->filter ? gn_sample_filter_name(v->filter) : "");
    gn_str_release(&text);
}

static void draw_samples(gn_eval_state *v, gn_canvas *c, const layout *l) {
    const gn_followed_task *t = gn_eval_task(v);
    const gn_followed_sample *chosen = gn_eval_sample(v);
    const int64_t n = l->n_samples;
    if (!t)
        return;
    if (l->head < l->samples)
        draw_samples_head(v, c, l, t);
    v->height = l->n_samples;
    /* The chosen one, and those before it that fit; then what comes after. */
    ptrdiff_t first = chosen ? chosen - t->sample : (ptrdiff_t)t->n - 1, shown = 0;
    for (ptrdiff_t i = first; i >= 0 && shown < n; i--)
        if (gn_eval_shows(v, t, &t->sample[i])) {
            first = i;
            shown++;
        }
    int row = l->samples;
    for (ptrdiff_t i = first; i >= 0 && i < (ptrdiff_t)t->n && row < l->samples + n; i++)
        if (gn_eval_shows(v, t, &t->sample[i]))
            draw_sample(v, c, l, row++, t, &t->sample[i], &t->sample[i] == chosen);
    if (v->look.writing && v->look.task == t->id && row < l->samples + n)
        gn_canvas_fmt(c, row, 0, l->left, GN_STYLE_DIM, " %-8" PRId64 "...", v->look.doc);
}

/* ---- one sample -------------------------------------------------------------------------------- */

/* The last rows of a text that fit. */
static void draw_tail(gn_canvas *c, gn_wrap *w, gn_slice text, int top, int bottom, int col,
                      int end) {
    gn_wrap_update(w, text, end - col);
    const int n = bottom - top, count = (int)w->count;
    const int first = count > n ? count - n : 0;
    for (int i = 0; i < n && first + i < count; i++)
        gn_wrap_draw(c, top + i, col, end, text, w->row[first + i], NULL, 0, GN_STYLE_PLAIN);
}

/* The answer that is being written, under its prompt. */
static void draw_live(gn_eval_state *v, gn_canvas *c, const layout *l) {
    gn_canvas_fmt(c, l->top, l->right, l->cols, GN_STYLE_BOLD, "#%" PRId64 "  writing",
                  v->look.doc);
    gn_str text = {0};
    gn_str_add(&text, gn_str_slice(&v->look.prompt));
    gn_str_add(&text, gn_str_slice(&v->look.text));
    gn_str_putc(&text, '_');
    gn_wrap_reset(&v->live);
    draw_tail(c, &v->live, gn_str_slice(&text), l->top + 1, l->bottom, l->right, l->cols);
    gn_str_release(&text);
}

static void draw_told(gn_eval_state *v, gn_canvas *c, const layout *l, const gn_followed_task *t,
                      const gn_followed_sample *s) {
    gn_error e = {0};
    if (v->told != s->id) {
        gn_str_cut(&v->text, 0);
        gn_wrap_reset(&v->wrap);
        if (!gn_follow_tell(v->store, s->id, false, &v->text, &e)) {
            gn_str_cut(&v->text, 0);
            gn_str_puts(&v->text, e.message);
        }
        v->told = s->id;
    }
    int at = gn_canvas_fmt(c, l->top, l->right, l->cols, GN_STYLE_BOLD, "%.*s #%" PRId64,
                           (int)t->name.len, t->name.data, s->doc);
    gn_canvas_fmt(c, l->top, at, l->cols, GN_STYLE_DIM, "  %s",
                  s->cached ? "cached" : "not cached");
    draw_tail(c, &v->wrap, gn_str_slice(&v->text), l->top + 1, l->bottom, l->right, l->cols);
}

static void draw_detail(gn_eval_state *v, gn_canvas *c, const layout *l) {
    const gn_followed_task *t = gn_eval_task(v);
    const gn_followed_sample *s = gn_eval_sample(v);
    if (!v->chosen && v->look.writing && t && v->look.task == t->id)
        draw_live(v, c, l);
    else if (s)
        draw_told(v, c, l, t, s);
}

/* ---- the status line ------------------------------------------------------------------------------ */

static void draw_status(gn_eval_state *v, gn_tui *t, const layout *l) {
    gn_canvas *c = &t->canvas;
    gn_str s = {0}, keys = {0};
    int64_t cached = 0, truncated = 0, empty = 0, invalid = 0, failed = 0;
    gn_canvas_paint(c, l->status, 0, c->cols, GN_STYLE_STATUS);
    if (t->note.len) {
        gn_canvas_fmt(c, l->status, 0, c->cols, t->note_style, " %s", gn_str_text(&t->note));
        return;
    }
    for (int i = 0; i < v->follow.n_task; i++) {
        const gn_followed_task *x = &v->follow.task[i];
        cached += x->cached;
        truncated += x->truncated;
        empty += x->empty;
        invalid += x->invalid;
        failed += x->failed;
    }
    gn_str_putc(&s, ' ');
    /* Where the table has no column for it. */
    if (v->follow.baseline.len && !has_delta(v, l) && c->cols >= 60 && gn_eval_task(v)) {
        delta_text(gn_eval_task(v), &s);
        gn_str_puts(&s, s.len > 1 ? " vs base (interim) | " : "");
    }
    if (v->look.read_tps > 0 && c->cols >= 76)
        gn_str_fmt(&s, "%.0f t/s prompt | ", v->look.read_tps);
    if (v->look.write_tps > 0 && c->cols >= 76) {
        if (v->look.read_tps > 0)
            gn_str_cut(&s, s.len - 3);
        gn_str_fmt(&s, "%s%.0f t/s gen | ", v->look.read_tps > 0 ? ", " : "", v->look.write_tps);
    }
    if (v->follow.done > 0 && c->cols >= 90)
        gn_str_fmt(&s, "cache %d %% | ", (int)(100 * cached / v->follow.done));
    if (c->cols >= 76)
        gn_str_fmt(&s, "truncated %" PRId64 "  empty %" PRId64 "  invalid %" PRId64, truncated,
                   empty, invalid);
    else
        gn_str_fmt(&s, "cut %" PRId64 " empty %" PRId64 " inv %" PRId64, truncated, empty, invalid);
    if (failed)
        gn_str_fmt(&s, "  failed %" PRId64, failed);
    gn_str_fmt(&keys, " | p %s  x skip  o filter  q leave", gn_eval_paused(v) ? "go on" : "pause");
    if ((int)(s.len + keys.len) <= c->cols)
        gn_str_add(&s, gn_str_slice(&keys));
    gn_str_release(&keys);
    gn_canvas_put(c, l->status, 0, c->cols, gn_str_slice(&s), GN_STYLE_STATUS);
    gn_str_release(&s);
}

void gn_eval_draw(void *self, gn_tui *t) {
    gn_eval_state *v = self;
    gn_canvas *c = &t->canvas;
    const layout l = lay_out(v, c);
    if (c->rows >= 4)
        draw_title(v, c);
    if (c->rows >= 10) {
        gn_canvas_rule(c, 1, GN_STYLE_DIM);
        gn_canvas_rule(c, l.bottom, GN_STYLE_DIM);
    }
    if (v->store && !(l.one && v->sample_pane)) {
        draw_tasks(v, c, &l);
        if (c->rows >= 10)
            for (int x = 0; x < l.left; x++)
                gn_canvas_put(c, l.head - 1, x, l.left, GN_S("\xe2\x94\x80"), GN_STYLE_DIM);
        draw_samples(v, c, &l);
    }
    if (v->store && (!l.one || v->sample_pane)) {
        for (int y = l.top; !l.one && y < l.bottom; y++)
            gn_canvas_put(c, y, l.left, l.right, GN_S("\xe2\x94\x82"), GN_STYLE_DIM);
        draw_detail(v, c, &l);
    }
    draw_status(v, t, &l);
}
