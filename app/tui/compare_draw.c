/* compare_draw.c - how two answers look: statistics above, the answers, where they part below.
 *
 * What does not fit goes, in this order: rules, the head of the table, the strip, all rows of
 * the table but the question's own, the alternatives, the title.
 */
#include "app/tui/compare_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

typedef struct layout {
    bool rules, wide;
    int title, table, n_table; /* table: its head, if has_head; -1: not shown */
    bool has_head;
    int head, n_head;       /* of the question */
    int text, height;       /* rows of the answers */
    int parting, n_parting; /* alternatives: one row, or one a side */
    int strip, status;
} layout;

static int lines_of(const gn_compare_state *v) { return v->comparison ? v->comparison->n : 0; }

static layout lay_out(const gn_compare_state *v, const gn_canvas *c) {
    const int rows = c->rows, lines = lines_of(v);
    layout l = {.rules = rows >= 20,
                .wide = c->cols >= GN_CONTRAST_WIDE,
                .title = rows >= 4 ? 0 : -1,
                .table = -1,
                .strip = -1,
                .parting = -1,
                .status = rows - 1};
    int top = rows >= 4 ? 1 : 0, bottom = rows - 1;
    if (lines && rows >= 7) {
        top += l.rules;
        l.has_head = rows >= 12;
        l.table = top;
        l.n_table = lines < rows / 6 ? lines : rows / 6 > 1 ? rows / 6 : 1;
        top += l.n_table + l.has_head;
    }
    top += l.rules;
    l.head = top;
    l.n_head = rows >= 12 ? 2 : 1;
    top += l.n_head;
    bottom -= l.rules;
    if (rows >= 10)
        l.strip = --bottom;
    if (rows >= 6) {
        l.n_parting = !l.wide && rows >= 12 ? 2 : 1;
        bottom -= l.n_parting;
        l.parting = bottom;
        bottom -= l.rules;
    }
    l.text = top;
    l.height = bottom > top ? bottom - top : 0;
    return l;
}

/* ---- the table ---------------------------------------------------------------------- */

static const char *p_text(double p, char out[16]) {
    if (isnan(p))
        snprintf(out, 16, "-");
    else if (p < 1e-4)
        snprintf(out, 16, "%.0e", p);
    else
        snprintf(out, 16, "%.3f", p);
    return out;
}

static const char *value_text(double v, char out[16]) {
    if (!isfinite(v))
        snprintf(out, 16, "-");
    else
        snprintf(out, 16, fabs(v) < 1000 ? "%.4f" : "%.3g", v);
    return out;
}

static int name_width(const gn_canvas *c) {
    const int wide = c->cols - 82 < 44 ? c->cols - 82 : 44;
    return wide > 24 ? wide : c->cols >= 80 ? 24 : 18;
}

/* Columns from the left; those that do not fit are not begun. */
static void put_columns(gn_canvas *c, int y, gn_style style, const char *const *text, int n) {
    const int width[] = {name_width(c), 9, 9, 22, 15, 8, 8, 9};
    int x = 1;
    for (int i = 0; i < n && x + width[i] <= c->cols; i++) {
        const int used = gn_columns(gn_slice_of(text[i])), space = width[i] - used - 1;
        gn_canvas_put(c, y, i && space > 0 ? x + space : x, x + width[i] - (i == 0),
                      gn_slice_of(text[i]), style);
        x += width[i];
    }
}

/* named: with its task. */
static void put_name(const gn_pairing *l, bool named, gn_str *out) {
    if (named)
        gn_str_fmt(out, "%.*s ", (int)l->task.len, l->task.data);
    gn_str_add(out, l->metric);
    if (!gn_slice_is(l->filter, "none"))
        gn_str_fmt(out, ",%.*s", (int)l->filter.len, l->filter.data);
}

static bool is_within(gn_slice s, size_t at) {
    return at < s.len && ((unsigned char)s.data[at] & 0xC0) == 0x80;
}

/* The name of line i in so many columns: of two that begin alike, like two filters of a task, what
 * is left out stands before where they part ("gsm8k..strict-ma"). */
static void name_of(const gn_comparison *x, int i, bool named, size_t room, gn_str *out) {
    gn_str name = {0}, other = {0};
    size_t parts = 0;
    put_name(&x->pairing[i], named, &name);
    const gn_slice all = gn_str_slice(&name);
    for (int k = 0; k < x->n; k++) {
        gn_str_cut(&other, 0);
        put_name(&x->pairing[k], named, &other);
        size_t n = 0;
        while (n < all.len && n < other.len && all.data[n] == other.data[n])
            n++;
        if (n < all.len && n > parts)
            parts = n;
    }
    while (is_within(all, parts))
        parts--;
    if (all.len <= room || parts + 4 <= room || room < 8)
        gn_str_add(out, all);
    else {
        const size_t tail = all.len - parts < room * 2 / 3 ? all.len - parts : room * 2 / 3;
        size_t head = room - 2 - tail;
        while (is_within(all, head))
            head--;
        gn_str_fmt(out, "%.*s..", (int)head, all.data);
        gn_str_add(out, gn_slice_from(all, parts));
    }
    gn_str_release(&name);
    gn_str_release(&other);
}

static void draw_line(const gn_pairing *l, const char *name, gn_canvas *c, int y, gn_style style) {
    char a[16], b[16], diff[40], p[16], holm[16], both[40], only_a[16], only_b[16], least[24];
    const double scale = l->share ? 100 : 1;
    if (isnan(l->diff))
        snprintf(diff, sizeof diff, "-");
    else if (isnan(l->error))
        snprintf(diff, sizeof diff, l->share ? "%+.2f pp" : "%+.3g", l->diff * scale);
    else
        snprintf(diff, sizeof diff, l->share ? "%+.2f +- %.2f pp" : "%+.3g +- %.2g",
                 l->diff * scale, l->error * scale);
    snprintf(both, sizeof both, "%s / %s", p_text(l->p, p), p_text(l->p_holm, holm));
    snprintf(only_a, sizeof only_a, "%" PRId64, l->losses);
    snprintf(only_b, sizeof only_b, "%" PRId64, l->wins);
    if (isnan(l->smallest))
        snprintf(least, sizeof least, "-");
    else
        snprintf(least, sizeof least, l->share ? "%.1f pp" : "%.2g", l->smallest * scale);
    const char *const text[] = {
        name, value_text(l->a, a), value_text(l->b, b), diff, both, only_a, only_b, least};
    put_columns(c, y, style, text, 8);
}

/* The first line in view: so that the question's own task is seen. */
static int first_line(const gn_compare_state *v, int shown) {
    const gn_comparison *x = v->comparison;
    int first = 0;
    if (v->at < x->n_flip)
        while (first < x->n && !gn_slice_equal(x->pairing[first].task, x->flip[v->at].task))
            first++;
    first = first == x->n ? 0 : first;
    return first + shown > x->n ? x->n - shown : first;
}

static void draw_table(const gn_compare_state *v, gn_canvas *c, const layout *l) {
    static const char *const head[] = {"",           "A",      "B",      "B - A +- SE",
                                       "p / Holm's", "A only", "B only", "visible"};
    if (l->has_head)
        put_columns(c, l->table, GN_STYLE_DIM, head, 8);
    const int first = first_line(v, l->n_table), last = v->comparison->n - 1;
    const bool several =
        !gn_slice_equal(v->comparison->pairing[0].task, v->comparison->pairing[last].task);
    for (int i = 0; i < l->n_table; i++) {
        const gn_pairing *x = &v->comparison->pairing[first + i];
        const bool own = v->at < v->comparison->n_flip &&
                         gn_slice_equal(x->task, v->comparison->flip[v->at].task);
        gn_str name = {0};
        name_of(v->comparison, first + i, several, (size_t)name_width(c) - 1, &name);
        draw_line(x, gn_str_text(&name), c, l->table + l->has_head + i,
                  own ? GN_STYLE_BOLD : GN_STYLE_PLAIN);
        gn_str_release(&name);
    }
}

/* ---- the question ---------------------------------------------------------------------- */

static void verdict(gn_str *out, char letter, const gn_answer_side *s) {
    gn_str_fmt(out, "%c %s", letter, gn_str_text(&s->verdict));
    if (s->made.count)
        gn_str_fmt(out, " (%d tok)", s->made.count);
}

static void draw_head(const gn_compare_state *v, gn_canvas *c, const layout *l) {
    const gn_contrast *x = &v->now;
    gn_str sides = {0}, part = {0};
    verdict(&sides, 'A', &x->a);
    gn_str_puts(&sides, "  |  ");
    verdict(&sides, 'B', &x->b);
    if (x->equal)
        gn_str_puts(&part, "the same");
    else if (x->parts_at >= 0 && c->cols >= 40)
        gn_str_fmt(&part, "part at token %" PRId64, x->parts_at);
    const int end = c->cols - (int)part.len - 2;
    gn_canvas_put(c, l->head, 1, end, gn_str_slice(&x->title), GN_STYLE_BOLD);
    gn_canvas_put(c, l->head, end + 1, c->cols, gn_str_slice(&part), GN_STYLE_NOTE);
    if (l->n_head == 2 && !l->wide) {
        gn_canvas_put(c, l->head + 1, 1, c->cols, gn_str_slice(&sides), GN_STYLE_DIM);
    } else if (l->n_head == 2) { /* over the two columns */
        const int middle = 1 + (c->cols - 5) / 2;
        gn_str a = {0}, b = {0};
        verdict(&a, 'A', &x->a);
        verdict(&b, 'B', &x->b);
        gn_canvas_put(c, l->head + 1, 1, middle, gn_str_slice(&a), GN_STYLE_USER);
        gn_canvas_put(c, l->head + 1, middle + 1, c->cols, GN_S("|"), GN_STYLE_DIM);
        gn_canvas_put(c, l->head + 1, middle + 3, c->cols, gn_str_slice(&b), GN_STYLE_MODEL);
        gn_str_release(&a);
        gn_str_release(&b);
    }
    gn_str_release(&sides);
    gn_str_release(&part);
}

/* ---- where they part --------------------------------------------------------------------- */

static void draw_parting(const gn_compare_state *v, gn_canvas *c, const layout *l) {
    const gn_contrast *x = &v->now;
    gn_str a = {0}, b = {0}, tail = {0};
    gn_contrast_alternatives(x, v->vocabulary, 'A', 3, &a);
    gn_contrast_alternatives(x, v->vocabulary, 'B', 3, &b);
    if (x->parts_at >= 0 && x->forced.n > x->parts_at)
        gn_str_fmt(&tail, "KL %.2f", x->forced.token[x->parts_at].kl);
    if (x->parts_at >= 0 && x->parts_at < x->a.made.count &&
        x->a.made.score[x->parts_at].entropy > 0)
        gn_str_fmt(&tail, "%sH %.2f", tail.len ? "  " : "",
                   (double)x->a.made.score[x->parts_at].entropy);
    const int end = c->cols - (int)tail.len - 2;
    int col = 1;
    if (x->parts_at >= 0)
        col =
            gn_canvas_fmt(c, l->parting, 1, end, GN_STYLE_DIM, "token %" PRId64 "  ", x->parts_at);
    const int first = col;
    if (a.len || b.len) {
        col = gn_canvas_fmt(c, l->parting, col, end, GN_STYLE_USER, "A ");
        col = gn_canvas_put(c, l->parting, col, end, gn_str_slice(&a), GN_STYLE_PLAIN);
        const int y = l->parting + l->n_parting - 1;
        if (l->n_parting == 1)
            col = gn_canvas_put(c, y, col + 1, end, GN_S("| "), GN_STYLE_DIM);
        else
            col = first;
        col = gn_canvas_put(c, y, col, end, GN_S("B "), GN_STYLE_MODEL);
        gn_canvas_put(c, y, col, end, gn_str_slice(&b), GN_STYLE_PLAIN);
    }
    gn_canvas_put(c, l->parting, end + 1, c->cols, gn_str_slice(&tail), GN_STYLE_NOTE);
    gn_str_release(&a);
    gn_str_release(&b);
    gn_str_release(&tail);
}

static void draw_strip(const gn_compare_state *v, gn_canvas *c, const layout *l) {
    const gn_contrast *x = &v->now;
    gn_str strip = {0}, agree = {0};
    if (x->forced.n) {
        int64_t same = 0;
        const int64_t before = x->parts_at >= 0 ? x->parts_at : x->forced.n;
        for (int64_t i = 0; i < before && i < x->forced.n; i++)
            same += x->forced.token[i].top_a == x->forced.token[i].top_b;
        gn_str_fmt(&agree, "agreement before %" PRId64 ": %" PRId64 "/%" PRId64, before, same,
                   before);
        const int room = c->cols - 8 - (int)agree.len;
        gn_contrast_strip(x, room > 8 ? room : c->cols - 5, &strip);
        const int col = gn_canvas_fmt(c, l->strip, 1, c->cols, GN_STYLE_DIM, "KL ");
        gn_canvas_put(c, l->strip, col, c->cols, gn_str_slice(&strip), GN_STYLE_PLAIN);
        if (room > 8)
            gn_canvas_put(c, l->strip, c->cols - (int)agree.len - 1, c->cols, gn_str_slice(&agree),
                          GN_STYLE_DIM);
    } else if (v->asked && v->all_tokens > 0) {
        gn_canvas_fmt(c, l->strip, 1, c->cols, GN_STYLE_NOTE, "%s %d %%",
                      v->loading ? "opening a checkpoint" : "B reads A's answer",
                      (int)(100 * v->done / v->all_tokens));
    } else if (v->asked) {
        gn_canvas_put(c, l->strip, 1, c->cols, GN_S("B reads A's answer"), GN_STYLE_NOTE);
    }
    gn_str_release(&strip);
    gn_str_release(&agree);
}

/* ---- all of it --------------------------------------------------------------------------- */

static void draw_title(const gn_compare_state *v, gn_canvas *c) {
    gn_str right = {0};
    gn_str_add(&right, gn_str_slice(&v->what));
    if (v->comparison)
        gn_str_fmt(&right, "%sflips %zu", right.len ? " | " : "", v->comparison->n_flip);
    gn_canvas_paint(c, 0, 0, c->cols, GN_STYLE_TITLE);
    const int end = gn_canvas_fmt(c, 0, 0, c->cols, GN_STYLE_TITLE, " compare  A %s  |  B %s",
                                  gn_str_text(&v->name_a), gn_str_text(&v->name_b));
    const int from = c->cols - gn_columns(gn_str_slice(&right)) - 1;
    if (from > end + 1)
        gn_canvas_put(c, 0, from, c->cols, gn_str_slice(&right), GN_STYLE_TITLE);
    gn_str_release(&right);
}

static void draw_status(const gn_compare_state *v, gn_tui *t, const layout *l) {
    gn_canvas *c = &t->canvas;
    const gn_style style = t->note.len ? t->note_style : GN_STYLE_STATUS;
    gn_canvas_paint(c, l->status, 0, c->cols, style);
    if (t->note.len) {
        gn_canvas_put(c, l->status, 1, c->cols, gn_str_slice(&t->note), style);
        return;
    }
    gn_canvas_fmt(c, l->status, 0, c->cols, style,
                  " %zu/%zu | @ ! %s  [ ] differences  w %s  = %s%s  q leave",
                  v->all.n ? v->at + 1 : 0, v->all.n, v->comparison ? "flips" : "others",
                  v->words ? "tokens" : "words", v->only ? "all" : "only different",
                  v->forcing ? "  K force B" : "");
}

static void draw_answers(gn_compare_state *v, gn_canvas *c, const layout *l) {
    if (v->error.code) {
        gn_canvas_put(c, l->text, 1, c->cols, gn_slice_of(v->error.message), GN_STYLE_ERROR);
        return;
    }
    gn_compare_rows(v, c->cols);
    const size_t n = v->rows.n, most = n > (size_t)l->height ? n - (size_t)l->height : 0;
    v->top = v->top > most ? most : v->top;
    for (int y = 0; y < l->height && v->top + (size_t)y < n; y++)
        gn_contrast_draw_row(&v->rows, v->top + (size_t)y, c, l->text + y);
}

void gn_compare_draw(void *self, gn_tui *t) {
    gn_compare_state *v = self;
    gn_canvas *c = &t->canvas;
    const layout l = lay_out(v, c);
    c->cursor = false;
    v->height = l.height;
    if (l.title >= 0)
        draw_title(v, c);
    if (l.rules && l.table >= 0)
        gn_canvas_rule(c, l.table - 1, GN_STYLE_DIM);
    if (l.table >= 0)
        draw_table(v, c, &l);
    if (l.rules)
        gn_canvas_rule(c, l.head - 1, GN_STYLE_DIM);
    draw_status(v, t, &l);
    if (v->all.n == 0) {
        gn_canvas_put(c, l.head, 1, c->cols,
                      GN_S("no question was answered right by one and wrong by the other"),
                      GN_STYLE_NOTE);
        return;
    }
    if (!v->error.code)
        draw_head(v, c, &l);
    draw_answers(v, c, &l);
    if (v->error.code)
        return;
    if (l.rules && l.parting >= 0)
        gn_canvas_rule(c, l.parting - 1, GN_STYLE_DIM);
    if (l.parting >= 0)
        draw_parting(v, c, &l);
    if (l.strip >= 0)
        draw_strip(v, c, &l);
    if (l.rules)
        gn_canvas_rule(c, l.status - 1, GN_STYLE_DIM);
}
