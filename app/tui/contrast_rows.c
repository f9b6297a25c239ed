/* contrast_rows.c - see contrast_rows.h. */
#include "app/tui/contrast_rows.h"

#include <inttypes.h>

void gn_contrast_rows_release(gn_contrast_rows *r) {
    gn_marked_release(&r->a);
    gn_marked_release(&r->b);
    free(r->row);
    *r = (gn_contrast_rows){0};
}

/* ---- layout ------------------------------------------------------------------------- */

static bool add(gn_contrast_rows *r, gn_contrast_row row) {
    if (!gn_vec_reserve(&r->row, &r->room, r->n + 1, sizeof *r->row))
        return false;
    if (row.differs && r->first == r->n)
        r->first = r->n;
    else if (r->first == r->n)
        r->first++;
    r->row[r->n++] = row;
    return true;
}

/* Bytes [first, end) of a marked text in rows, without the line break at their end. */
static void wrap(gn_wrap *w, const gn_marked *m, size_t first, size_t end, int width) {
    gn_slice text = {gn_str_text(&m->text) + first, end - first};
    if (text.len && text.data[text.len - 1] == '\n')
        text.len--;
    gn_wrap_reset(w);
    gn_wrap_update(w, text, width);
    for (size_t i = 0; i < w->count; i++) {
        w->row[i].first += first;
        w->row[i].end += first;
    }
}

static bool beside(gn_contrast_rows *r, const gn_wrap *a, const gn_wrap *b, bool differs) {
    const size_t n = a->count > b->count ? a->count : b->count;
    for (size_t i = 0; i < n; i++) {
        gn_contrast_row row = {.has_a = i < a->count, .has_b = i < b->count, .differs = differs};
        row.a = row.has_a ? a->row[i] : row.a;
        row.b = row.has_b ? b->row[i] : row.b;
        if (!add(r, row))
            return false;
    }
    return true;
}

static bool below(gn_contrast_rows *r, const gn_wrap *a, const gn_wrap *b, bool differs) {
    for (size_t i = 0; i < a->count; i++)
        if (!add(r, (gn_contrast_row){.a = a->row[i], .has_a = true, .differs = differs}))
            return false;
    for (size_t i = 0; differs && i < b->count; i++)
        if (!add(r, (gn_contrast_row){.b = b->row[i], .has_b = true, .differs = true}))
            return false;
    return true;
}

bool gn_contrast_lay_out(gn_contrast_rows *r, const gn_contrast *c, bool words, bool only, int cols,
                         gn_error *e) {
    gn_wrap a = {0}, b = {0};
    size_t at_a = 0, at_b = 0;
    int64_t folded = 0;
    gn_contrast_rows_release(r);
    r->cols = cols;
    r->wide = cols >= GN_CONTRAST_WIDE;
    bool ok = gn_contrast_mark(c, words, &r->a, &r->b, e);
    const int width = r->wide ? (cols - 5) / 2 : cols - 3;
    for (size_t i = 0; ok && i < r->a.n_level; i++) {
        const bool differs = r->a.differs[i],
                   empty = i > 0 && r->a.level[i] == at_a && r->b.level[i] == at_b && !differs;
        wrap(&a, &r->a, at_a, r->a.level[i], width);
        wrap(&b, &r->b, at_b, r->b.level[i], width);
        at_a = r->a.level[i];
        at_b = r->b.level[i];
        if (empty) /* behind the last line break */
            continue;
        if (only && !differs) {
            folded += (int64_t)a.count;
            continue;
        }
        ok = (folded == 0 || add(r, (gn_contrast_row){.folded = folded})) &&
             (r->wide ? beside(r, &a, &b, differs) : below(r, &a, &b, differs));
        folded = 0;
    }
    ok = ok && (folded == 0 || add(r, (gn_contrast_row){.folded = folded}));
    gn_wrap_release(&a);
    gn_wrap_release(&b);
    return ok || e->code || gn_fail(e, GN_NO_MEMORY, "compare: out of memory");
}

/* ---- drawing -------------------------------------------------------------------------- */

static void draw_side(const gn_marked *m, gn_row row, gn_canvas *c, int y, int col, int end) {
    gn_wrap_draw(c, y, col, end, gn_str_slice(&m->text), row, m->run, m->n_run, GN_STYLE_PLAIN);
}

void gn_contrast_draw_row(const gn_contrast_rows *r, size_t i, gn_canvas *c, int y) {
    const gn_contrast_row *row = &r->row[i];
    if (row->folded) {
        gn_canvas_fmt(c, y, 3, r->cols, GN_STYLE_DIM, "... %" PRId64 " line%s the same",
                      row->folded, row->folded == 1 ? "" : "s");
        return;
    }
    if (r->wide) {
        const int middle = 1 + (r->cols - 5) / 2;
        if (row->has_a)
            draw_side(&r->a, row->a, c, y, 1, middle);
        gn_canvas_put(c, y, middle + 1, r->cols, GN_S("|"), GN_STYLE_DIM);
        if (row->has_b)
            draw_side(&r->b, row->b, c, y, middle + 3, r->cols);
        return;
    }
    if (row->differs)
        gn_canvas_put(c, y, 1, r->cols, row->has_a ? GN_S("A") : GN_S("B"),
                      row->has_a ? GN_STYLE_USER : GN_STYLE_MODEL);
    draw_side(row->has_a ? &r->a : &r->b, row->has_a ? row->a : row->b, c, y, 3, r->cols);
}

/* ---- as text ----------------------------------------------------------------------------- */

static void side_head(gn_str *out, char letter, const char *name, const gn_answer_side *s) {
    gn_str_fmt(out, "%c %s", letter, name);
    if (s->verdict.len)
        gn_str_fmt(out, " %s", gn_str_text(&s->verdict));
    if (s->made.count)
        gn_str_fmt(out, " (%d tok)", s->made.count);
}

static void heads(gn_str *out, const gn_contrast *c, const char *name_a, const char *name_b,
                  const gn_contrast_rows *r) {
    gn_str a = {0}, b = {0};
    side_head(&a, 'A', name_a, &c->a);
    side_head(&b, 'B', name_b, &c->b);
    const int space = r->wide ? (r->cols - 5) / 2 - gn_columns(gn_str_slice(&a)) : 0;
    gn_str_fmt(out, " %s%*s | %s", gn_str_text(&a), space > 0 ? space : 0, "", gn_str_text(&b));
    gn_str_release(&a);
    gn_str_release(&b);
}

static void parting(gn_str *out, const gn_contrast *c, const gn_vocabulary *v, int cols) {
    if (c->parts_at < 0)
        return;
    gn_str_fmt(out, " token %" PRId64 "   A  ", c->parts_at);
    gn_contrast_alternatives(c, v, 'A', 3, out);
    gn_str_puts(out, "   |  B  ");
    gn_contrast_alternatives(c, v, 'B', 3, out);
    if (c->forced.n > c->parts_at)
        gn_str_fmt(out, "   KL %.2f", c->forced.token[c->parts_at].kl);
    gn_str_putc(out, '\n');
    if (c->forced.n) {
        gn_str_puts(out, " KL ");
        gn_contrast_strip(c, cols - 5, out);
        gn_str_putc(out, '\n');
    }
}

bool gn_contrast_text(gn_str *out, const gn_contrast *c, const char *name_a, const char *name_b,
                      const gn_vocabulary *v, int cols, bool unicode, gn_error *e) {
    gn_contrast_rows r = {0};
    gn_canvas canvas = {.unicode = unicode};
    bool ok = gn_contrast_lay_out(&r, c, false, false, cols, e);
    if (ok && !gn_canvas_resize(&canvas, 1, cols))
        ok = gn_fail(e, GN_NO_MEMORY, "compare: out of memory");
    if (ok) {
        gn_str_fmt(out, " %s", gn_str_text(&c->title));
        if (c->equal)
            gn_str_puts(out, "  the same");
        else if (c->parts_at >= 0)
            gn_str_fmt(out, "  part at token %" PRId64, c->parts_at);
        gn_str_putc(out, '\n');
        heads(out, c, name_a, name_b, &r);
        gn_str_putc(out, '\n');
    }
    for (size_t i = 0; ok && i < r.n; i++) {
        gn_canvas_clear(&canvas);
        gn_contrast_draw_row(&r, i, &canvas, 0);
        gn_canvas_row(&canvas, 0, out);
        gn_str_putc(out, '\n');
    }
    if (ok)
        parting(out, c, v, cols);
    gn_canvas_release(&canvas);
    gn_contrast_rows_release(&r);
    return ok && gn_str_ok(out, e);
}
