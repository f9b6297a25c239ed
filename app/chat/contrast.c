/* contrast.c - see contrast.h. */
#include "app/chat/contrast.h"

#include <math.h>

/* Longest common subsequences are sought in at most this many pairs of units. */
enum { MOST_PAIRS = 1 << 24 };

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "compare: out of memory"); }

static void side_release(gn_answer_side *s) {
    gn_str_release(&s->text);
    gn_tokens_release(&s->made);
    gn_str_release(&s->verdict);
    gn_str_release(&s->note);
}

void gn_forced_release(gn_forced *f) {
    free(f->token);
    *f = (gn_forced){0};
}

void gn_contrast_release(gn_contrast *c) {
    gn_str_release(&c->id);
    gn_str_release(&c->title);
    gn_str_release(&c->asked);
    gn_ids_release(&c->prompt);
    side_release(&c->a);
    side_release(&c->b);
    gn_forced_release(&c->forced);
    *c = (gn_contrast){0};
}

static bool side_copy(const gn_answer_side *s, gn_answer_side *out) {
    gn_str_add(&out->text, gn_str_slice(&s->text));
    gn_str_add(&out->verdict, gn_str_slice(&s->verdict));
    gn_str_add(&out->note, gn_str_slice(&s->note));
    out->placed = s->placed;
    out->made.k = s->made.k;
    return gn_tokens_append(&out->made, &s->made) && !out->text.failed && !out->verdict.failed &&
           !out->note.failed;
}

bool gn_contrast_copy(const gn_contrast *c, gn_contrast *out, gn_error *e) {
    *out = (gn_contrast){.equal = c->equal, .parts_at = c->parts_at, .forced = c->forced};
    out->forced.token = NULL;
    gn_str_add(&out->id, gn_str_slice(&c->id));
    gn_str_add(&out->title, gn_str_slice(&c->title));
    gn_str_add(&out->asked, gn_str_slice(&c->asked));
    if (c->forced.n) {
        out->forced.token = malloc((size_t)c->forced.n * sizeof *c->forced.token);
        if (!out->forced.token) {
            out->forced.n = 0;
            return no_memory(e);
        }
        memcpy(out->forced.token, c->forced.token, (size_t)c->forced.n * sizeof *c->forced.token);
    }
    if (!gn_ids_append(&out->prompt, c->prompt.id, c->prompt.count) || !side_copy(&c->a, &out->a) ||
        !side_copy(&c->b, &out->b))
        return no_memory(e);
    return gn_str_ok(&out->title, e) && gn_str_ok(&out->asked, e);
}

void gn_marked_release(gn_marked *m) {
    gn_str_release(&m->text);
    free(m->run);
    free(m->level);
    free(m->differs);
    *m = (gn_marked){0};
}

void gn_contrast_set(gn_contrast *c) {
    const int na = c->a.made.count, nb = c->b.made.count, n = na < nb ? na : nb;
    int i = 0;
    c->parts_at = -1;
    if (na == 0 || nb == 0) {
        c->equal = gn_slice_equal(gn_str_slice(&c->a.text), gn_str_slice(&c->b.text));
        return;
    }
    while (i < n && c->a.made.id[i] == c->b.made.id[i])
        i++;
    c->equal = i == na && i == nb;
    if (!c->equal)
        c->parts_at = i;
}

bool gn_answer_side_ids(gn_answer_side *s, const gn_vocabulary *v, const int32_t *id,
                        const gn_logprob *score, const gn_top *top, int k, size_t n, gn_error *e) {
    s->made.k = top ? k : 0;
    for (size_t i = 0; i < n; i++) {
        gn_str_add(&s->text, gn_vocabulary_bytes(v, id[i]));
        const gn_token_row row = {.id = id[i],
                                  .end = s->text.len,
                                  .score = score ? score[i] : (gn_logprob){.logprob = NAN},
                                  .top = top ? top + i * (size_t)k : NULL,
                                  .n_top = top ? k : 0};
        if (!gn_tokens_add(&s->made, &row))
            return no_memory(e);
    }
    s->placed = true;
    return gn_str_ok(&s->text, e);
}

/* ---- units ------------------------------------------------------------------------- */

/* A stretch of text that is the same or not as a whole. */
typedef struct unit {
    size_t first, end;
    int32_t id; /* of a token; -1: a word */
    bool same;
} unit;

typedef struct units {
    unit *item;
    size_t n, room;
} units;

static bool add_unit(units *u, unit x) {
    if (!gn_vec_reserve(&u->item, &u->room, u->n + 1, sizeof *u->item))
        return false;
    u->item[u->n++] = x;
    return true;
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* A word with the blanks before it; a line break alone. */
static bool cut_words(const gn_answer_side *s, units *u) {
    const gn_slice text = gn_str_slice(&s->text);
    for (size_t i = 0; i < text.len;) {
        size_t end = i;
        while (end < text.len && is_space(text.data[end]))
            end++;
        if (end < text.len && text.data[end] == '\n')
            end += end == i;
        else
            while (end < text.len && !is_space(text.data[end]) && text.data[end] != '\n')
                end++;
        if (!add_unit(u, (unit){i, end, -1, false}))
            return false;
        i = end;
    }
    return true;
}

static bool cut_tokens(const gn_answer_side *s, units *u) {
    for (int i = 0; i < s->made.count; i++)
        if (!add_unit(u, (unit){i ? s->made.end[i - 1] : 0, s->made.end[i], s->made.id[i], false}))
            return false;
    return true;
}

static bool equal(const gn_contrast *c, const unit *x, const unit *y) {
    if (x->id >= 0 || y->id >= 0)
        return x->id == y->id;
    return gn_slice_equal((gn_slice){gn_str_text(&c->a.text) + x->first, x->end - x->first},
                          (gn_slice){gn_str_text(&c->b.text) + y->first, y->end - y->first});
}

/* Marks the longest common subsequence of x[0, n) and y[0, m). went [n + 1, m + 1]: lengths
 * from there to the end. */
static void follow(const gn_contrast *c, unit *x, size_t n, unit *y, size_t m,
                   const uint16_t *went) {
    for (size_t i = 0, j = 0; i < n && j < m;) {
        if (equal(c, &x[i], &y[j])) {
            x[i++].same = y[j++].same = true;
        } else if (went[(i + 1) * (m + 1) + j] >= went[i * (m + 1) + j + 1]) {
            i++;
        } else {
            j++;
        }
    }
}

static bool align(const gn_contrast *c, units *ua, units *ub, gn_error *e) {
    unit *x = ua->item, *y = ub->item;
    size_t n = ua->n, m = ub->n;
    for (; n && m && equal(c, x, y); n--, m--)
        (x++)->same = (y++)->same = true;
    for (; n && m && equal(c, &x[n - 1], &y[m - 1]); n--, m--)
        x[n - 1].same = y[m - 1].same = true;
    if (!n || !m || (n + 1) * (m + 1) > MOST_PAIRS || n > UINT16_MAX || m > UINT16_MAX)
        return true;
    uint16_t *went = calloc((n + 1) * (m + 1), sizeof *went);
    if (!went)
        return no_memory(e);
    for (size_t i = n; i-- > 0;)
        for (size_t j = m; j-- > 0;) {
            const uint16_t down = went[(i + 1) * (m + 1) + j], right = went[i * (m + 1) + j + 1];
            went[i * (m + 1) + j] = equal(c, &x[i], &y[j])
                                        ? (uint16_t)(went[(i + 1) * (m + 1) + j + 1] + 1)
                                    : down > right ? down
                                                   : right;
        }
    follow(c, x, n, y, m, went);
    free(went);
    return true;
}

/* ---- marking ------------------------------------------------------------------------- */

static bool style_to(gn_marked *m, gn_style style) {
    const size_t end = m->text.len, before = m->n_run ? m->run[m->n_run - 1].end : 0;
    if (end == before)
        return true;
    if (!gn_vec_reserve(&m->run, &m->run_room, m->n_run + 1, sizeof *m->run))
        return false;
    m->run[m->n_run++] = (gn_run){end, style};
    return true;
}

static bool level(gn_marked *m, bool differs) {
    if (!gn_vec_reserve(&m->level, &m->level_room, m->n_level + 1, sizeof *m->level) ||
        !gn_vec_reserve(&m->differs, &m->differs_room, m->n_level + 1, sizeof *m->differs))
        return false;
    m->level[m->n_level] = m->text.len;
    m->differs[m->n_level++] = differs;
    return true;
}

static gn_slice text_of(const gn_answer_side *s, const unit *u) {
    return (gn_slice){gn_str_text(&s->text) + u->first, u->end - u->first};
}

/* The stretch of units from *i on that are not the same, in brackets that stand inside its
 * blanks and line breaks, so that rows break as they would. */
static bool mark_stretch(const gn_answer_side *s, const units *u, size_t *i, bool other,
                         gn_marked *m) {
    const size_t first = *i;
    while (*i < u->n && !u->item[*i].same)
        ++*i;
    if (first == *i && !other)
        return true;
    gn_slice all = {"", 0};
    if (*i > first)
        all = (gn_slice){gn_str_text(&s->text) + u->item[first].first,
                         u->item[*i - 1].end - u->item[first].first};
    size_t lead = 0, tail = all.len;
    while (lead < all.len && (is_space(all.data[lead]) || all.data[lead] == '\n'))
        lead++;
    while (tail > lead && (is_space(all.data[tail - 1]) || all.data[tail - 1] == '\n'))
        tail--;
    gn_str_add(&m->text, (gn_slice){all.data, lead});
    if (!style_to(m, GN_STYLE_PLAIN))
        return false;
    gn_str_putc(&m->text, '[');
    gn_str_add(&m->text, (gn_slice){all.data + lead, tail - lead});
    gn_str_putc(&m->text, ']');
    if (!style_to(m, GN_STYLE_MATCH))
        return false;
    gn_str_add(&m->text, gn_slice_from(all, tail));
    return style_to(m, GN_STYLE_PLAIN);
}

static bool add_same(gn_marked *m, gn_slice text) {
    gn_str_add(&m->text, text);
    return style_to(m, GN_STYLE_PLAIN);
}

static bool mark(const gn_contrast *c, const units *ua, const units *ub, gn_marked *a,
                 gn_marked *b) {
    bool differs = false;
    size_t i = 0, j = 0;
    while (i < ua->n || j < ub->n) {
        const bool ahead_a = i < ua->n && !ua->item[i].same,
                   ahead_b = j < ub->n && !ub->item[j].same;
        if (ahead_a || ahead_b) {
            differs = true;
            if (!mark_stretch(&c->a, ua, &i, true, a) || !mark_stretch(&c->b, ub, &j, true, b))
                return false;
            continue;
        }
        gn_slice text = text_of(&c->a, &ua->item[i++]);
        j++;
        for (const char *end; (end = memchr(text.data, '\n', text.len)); differs = false) {
            const size_t n = (size_t)(end - text.data) + 1;
            if (!add_same(a, (gn_slice){text.data, n}) || !add_same(b, (gn_slice){text.data, n}) ||
                !level(a, differs) || !level(b, differs))
                return false;
            text = gn_slice_from(text, n);
        }
        if (!add_same(a, text) || !add_same(b, text))
            return false;
    }
    return level(a, differs) && level(b, differs);
}

/* Choices, a line each: the mark of the one that was taken tells enough. */
static bool mark_choices(const gn_contrast *c, gn_marked *a, gn_marked *b) {
    gn_slice x = gn_str_slice(&c->a.text), y = gn_str_slice(&c->b.text);
    while (x.len || y.len) {
        const char *end_x = memchr(x.data, '\n', x.len), *end_y = memchr(y.data, '\n', y.len);
        const gn_slice one = {x.data, end_x ? (size_t)(end_x - x.data) + 1 : x.len},
                       other = {y.data, end_y ? (size_t)(end_y - y.data) + 1 : y.len};
        gn_str_add(&a->text, one);
        gn_str_add(&b->text, other);
        if (!style_to(a, one.len && one.data[0] == '>' ? GN_STYLE_BOLD : GN_STYLE_PLAIN) ||
            !style_to(b, other.len && other.data[0] == '>' ? GN_STYLE_BOLD : GN_STYLE_PLAIN) ||
            !level(a, !gn_slice_equal(one, other)) || !level(b, !gn_slice_equal(one, other)))
            return false;
        x = gn_slice_from(x, one.len);
        y = gn_slice_from(y, other.len);
    }
    return true;
}

bool gn_contrast_mark(const gn_contrast *c, bool words, gn_marked *a, gn_marked *b, gn_error *e) {
    units ua = {0}, ub = {0};
    if (c->a.note.len && c->b.note.len)
        return (mark_choices(c, a, b) || no_memory(e)) && gn_str_ok(&a->text, e) &&
               gn_str_ok(&b->text, e);
    const bool tokens =
        !words && c->a.placed && c->b.placed && c->a.made.count + c->b.made.count > 0;
    bool ok = (tokens ? cut_tokens(&c->a, &ua) && cut_tokens(&c->b, &ub)
                      : cut_words(&c->a, &ua) && cut_words(&c->b, &ub)) ||
              no_memory(e);
    ok = ok && align(c, &ua, &ub, e) && (mark(c, &ua, &ub, a, b) || no_memory(e)) &&
         gn_str_ok(&a->text, e) && gn_str_ok(&b->text, e);
    free(ua.item);
    free(ub.item);
    return ok;
}

/* ---- where they part --------------------------------------------------------------------- */

static void candidates(const gn_top *top, int n, const gn_vocabulary *v, gn_str *out) {
    for (int i = 0; i < n && top[i].id >= 0; i++) {
        gn_str_puts(out, i ? "  " : "");
        if (v)
            gn_json_write_string(out, gn_vocabulary_bytes(v, top[i].id));
        else
            gn_str_fmt(out, "%d", top[i].id);
        gn_str_fmt(out, " %.2f", (double)top[i].logprob);
    }
}

void gn_contrast_alternatives(const gn_contrast *c, const gn_vocabulary *v, char side, int n,
                              gn_str *out) {
    const gn_answer_side *s = side == 'A' ? &c->a : &c->b;
    const gn_top *forced = side == 'A' ? c->forced.a : c->forced.b;
    const gn_tokens *m = &s->made;
    if (s->note.len) {
        gn_str_add(out, gn_str_slice(&s->note));
        return;
    }
    if (c->parts_at < 0)
        return;
    if (c->forced.n_top)
        candidates(forced, n < c->forced.n_top ? n : c->forced.n_top, v, out);
    else if (c->parts_at < m->count && m->k > 0)
        candidates(m->top + c->parts_at * m->k, n < m->k ? n : m->k, v, out);
    else if (c->parts_at < m->count && !isnan(m->score[c->parts_at].logprob))
        candidates(&(gn_top){m->id[c->parts_at], m->score[c->parts_at].logprob}, 1, v, out);
}

void gn_contrast_strip(const gn_contrast *c, int n, gn_str *out) {
    const int64_t all = c->forced.n, cells = all < n ? all : n;
    for (int64_t i = 0; i < cells; i++) {
        double most = 0;
        for (int64_t k = i * all / cells; k < (i + 1) * all / cells; k++)
            most = c->forced.token[k].kl > most ? c->forced.token[k].kl : most;
        gn_str_putc(out, most < 0.01 ? '.' : most < 0.1 ? ':' : most < 1 ? '*' : '#');
    }
}
