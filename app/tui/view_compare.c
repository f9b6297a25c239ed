/* view_compare.c - two answers side by side (interface: 5.4.4): what the keys do. */
#include "app/tui/compare_view.h"

#include <stdlib.h>

/* ---- which contrast ---------------------------------------------------------------- */

/* Ends of tokens that came from a database, once there is a vocabulary. */
static void place(gn_compare_state *v) {
    gn_answer_side *const side[] = {&v->now.a, &v->now.b};
    for (int i = 0; i < 2; i++)
        if (v->vocabulary && !side[i]->placed && side[i]->made.count) {
            gn_tokens_place(&side[i]->made, v->vocabulary, gn_str_slice(&side[i]->text));
            side[i]->placed = true;
            v->fresh = false;
        }
}

static void show(gn_compare_state *v, size_t at) {
    gn_contrast_release(&v->now);
    v->at = at;
    v->top = 0;
    v->found = SIZE_MAX;
    v->fresh = false;
    v->asked = false;
    v->error = (gn_error){0};
    if (at < v->all.n && !v->all.load(v->all.user, at, &v->now, &v->error))
        gn_contrast_release(&v->now);
    place(v);
}

static void step(gn_compare_state *v, gn_tui *t, int by) {
    const int64_t to = (int64_t)v->at + by;
    if (to < 0 || to >= (int64_t)v->all.n)
        gn_tui_note(t, GN_STYLE_NOTE, by > 0 ? "this is the last" : "this is the first");
    else
        show(v, (size_t)to);
}

void gn_compare_rows(gn_compare_state *v, int cols) {
    if (v->fresh && v->rows.cols == cols)
        return;
    gn_error e = {0};
    if (!gn_contrast_lay_out(&v->rows, &v->now, v->words, v->only, cols, &e) && !v->error.code)
        v->error = e;
    v->fresh = true;
}

/* ---- rows --------------------------------------------------------------------------- */

static void clamp(gn_compare_state *v) {
    const size_t n = v->rows.n, height = v->height > 0 ? (size_t)v->height : 1;
    const size_t most = n > height ? n - height : 0;
    v->top = v->top > most ? most : v->top;
}

static void scroll(void *self, gn_tui *t, int rows) {
    gn_compare_state *v = self;
    (void)t;
    v->top = rows < 0 && (size_t)-rows > v->top ? 0 : v->top + (size_t)rows;
    clamp(v);
}

/* To the first row of a stretch that differs: the first of all, or the next below the one that
 * was found last, if that is in view. */
static void difference(gn_compare_state *v, gn_tui *t, bool next) {
    const gn_contrast_rows *r = &v->rows;
    const bool seen = v->found >= v->top && v->found < v->top + (size_t)v->height;
    size_t i = !next ? 0 : seen ? v->found + 1 : v->top;
    while (i < r->n && !(r->row[i].differs && (i == 0 || !r->row[i - 1].differs)))
        i++;
    if (i == r->n) {
        gn_tui_note(t, GN_STYLE_NOTE, next ? "no difference further down" : "there is none");
        return;
    }
    v->found = i;
    v->top = i > 0 && v->height > 2 ? i - 1 : i; /* a row of what was the same before it */
    clamp(v);
}

static void search(void *self, gn_tui *t, gn_slice pattern) {
    gn_compare_state *v = self;
    const gn_contrast_rows *r = &v->rows;
    for (size_t k = 1; k <= r->n; k++) {
        const size_t i = (v->top + k) % r->n;
        const gn_contrast_row *row = &r->row[i];
        const gn_slice a = {gn_str_text(&r->a.text) + row->a.first, row->a.end - row->a.first},
                       b = {gn_str_text(&r->b.text) + row->b.first, row->b.end - row->b.first};
        if ((row->has_a && gn_slice_find(a, pattern) >= 0) ||
            (row->has_b && gn_slice_find(b, pattern) >= 0)) {
            v->top = i;
            clamp(v);
            return;
        }
    }
    gn_tui_note(t, GN_STYLE_NOTE, "'%.*s' is not in these answers",
                pattern.len > 60 ? 60 : (int)pattern.len, pattern.data);
}

/* ---- B on A's text ---------------------------------------------------------------------- */

static void force(gn_compare_state *v, gn_tui *t) {
    if (!v->forcing)
        gn_tui_note(t, GN_STYLE_NOTE,
                    "only two checkpoints can read each other: gneiss compare A B");
    else if (v->now.a.made.count == 0)
        gn_tui_note(t, GN_STYLE_NOTE, "this is no generated answer, or its tokens were not kept");
    else if (v->now.forced.n)
        gn_tui_note(t, GN_STYLE_NOTE, "B has read A's text: the strip shows where it disagreed");
    else if (v->asked || !v->forcing->ask(v->forcing, (int64_t)v->at, &v->now))
        gn_tui_note(t, GN_STYLE_NOTE, "B is reading");
    else
        v->asked = true;
}

static void event(void *self, gn_tui *t, const gn_event *ev) {
    gn_compare_state *v = self;
    if (!v->forcing)
        return;
    switch (ev->kind) {
    case GN_EVENT_OPENED:
        gn_vocabulary_free(v->vocabulary);
        v->vocabulary = gn_vocabulary_copy(ev->vocabulary);
        place(v);
        break;
    case GN_EVENT_LOADING:
    case GN_EVENT_READING:
        v->done = ev->done;
        v->all_tokens = ev->all;
        v->loading = ev->kind == GN_EVENT_LOADING;
        break;
    case GN_EVENT_TOLD:
        if (ev->answer == (int64_t)v->at && v->asked)
            v->forcing->take(v->forcing, ev->answer, &v->now.forced);
        v->asked = false;
        break;
    case GN_EVENT_FAILED:
        v->asked = false;
        gn_tui_note(t, GN_STYLE_ERROR, "%s", ev->error.message);
        break;
    default:
        break;
    }
}

/* ---- requests ----------------------------------------------------------------------------- */

static bool change(gn_compare_state *v, bool *what) {
    *what = !*what;
    v->fresh = false;
    v->top = 0;
    v->found = SIZE_MAX;
    return true;
}

static bool request(void *self, gn_tui *t, gn_request r, const char *argument) {
    gn_compare_state *v = self;
    (void)argument;
    switch (r) {
    case GN_REQUEST_NEXT:
    case GN_REQUEST_DOWN:
        scroll(v, t, 1);
        return true;
    case GN_REQUEST_PREVIOUS:
    case GN_REQUEST_UP:
        scroll(v, t, -1);
        return true;
    case GN_REQUEST_PAGE_DOWN:
        scroll(v, t, v->height);
        return true;
    case GN_REQUEST_PAGE_UP:
        scroll(v, t, -v->height);
        return true;
    case GN_REQUEST_TOP:
        v->top = 0;
        return true;
    case GN_REQUEST_BOTTOM:
        v->top = v->rows.n;
        clamp(v);
        return true;
    case GN_REQUEST_FLIP_NEXT:
        step(v, t, 1);
        return true;
    case GN_REQUEST_FLIP_BACK:
        step(v, t, -1);
        return true;
    case GN_REQUEST_DIFFERENCE:
    case GN_REQUEST_DIFFERENCE_NEXT:
        difference(v, t, r == GN_REQUEST_DIFFERENCE_NEXT);
        return true;
    case GN_REQUEST_WORDS:
        return change(v, &v->words);
    case GN_REQUEST_ONLY:
        return change(v, &v->only);
    case GN_REQUEST_FORCE:
        force(v, t);
        return true;
    case GN_REQUEST_BACK: /* alone on the screen there is nothing to go back to */
        if (t->n_view > 1)
            return false;
        t->quit = true;
        return true;
    default:
        return false;
    }
}

static void close_view(void *self) {
    gn_compare_state *v = self;
    if (v->all.close)
        v->all.close(v->all.user);
    gn_contrast_release(&v->now);
    gn_contrast_rows_release(&v->rows);
    gn_str_release(&v->name_a);
    gn_str_release(&v->name_b);
    gn_str_release(&v->what);
    gn_vocabulary_free(v->vocabulary);
    free(v);
}

static const gn_view_ops ops = {.name = "compare",
                                .draw = gn_compare_draw,
                                .request = request,
                                .scroll = scroll,
                                .event = event,
                                .search = search,
                                .close = close_view};

bool gn_compare_view(gn_view *out, const gn_compare_screen *o, gn_error *e) {
    gn_compare_state *v = calloc(1, sizeof *v);
    if (!v) {
        if (o->all->close)
            o->all->close(o->all->user);
        return gn_fail(e, GN_NO_MEMORY, "compare: out of memory");
    }
    v->all = *o->all;
    gn_str_puts(&v->name_a, o->name_a);
    gn_str_puts(&v->name_b, o->name_b);
    gn_str_puts(&v->what, o->what ? o->what : "");
    v->comparison = o->comparison;
    v->forcing = o->forcing;
    v->vocabulary = gn_vocabulary_copy(o->vocabulary);
    if (!gn_str_ok(&v->name_a, e) || !gn_str_ok(&v->name_b, e)) {
        close_view(v);
        return false;
    }
    show(v, 0);
    *out = (gn_view){&ops, v};
    return true;
}
