/* contrast.c - see contrast.h. */
#include "app/contrast.h"

#include <math.h>

/* Longest common subsequences are sought in at most this many pairs of units. */
enum { MOST_PAIRS = 1 << 24 };

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "compare: out of memory"); }

static void side_release(gn_answer_side *s) {
    gn_str_release(&s->text);
    gn_ids_release(&s->id);
    free(s->end);
    free(s->top);
    gn_str_release(&s->verdict);
}

void gn_contrast_release(gn_contrast *c) {
    gn_str_release(&c->id);
    gn_str_release(&c->title);
    gn_ids_release(&c->prompt);
    side_release(&c->a);
    side_release(&c->b);
    free(c->forced);
    *c = (gn_contrast){0};
}

void gn_marked_release(gn_marked *m) {
    gn_str_release(&m->text);
    free(m->run);
    free(m->level);
    free(m->differs);
    *m = (gn_marked){0};
}

void gn_contrast_set(gn_contrast *c) {
    const size_t n = c->a.id.count < c->b.id.count ? c->a.id.count : c->b.id.count;
    size_t i = 0;
    c->parts_at = -1;
    if (c->a.id.count == 0 && c->b.id.count == 0) {
        c->equal = gn_slice_equal(gn_str_slice(&c->a.text), gn_str_slice(&c->b.text));
        return;
    }
    while (i < n && c->a.id.id[i] == c->b.id.id[i])
        i++;
    c->equal = i == c->a.id.count && i == c->b.id.count;
    if (!c->equal)
        c->parts_at = (int64_t)i;
}

bool gn_answer_side_ids(gn_answer_side *s, const gn_tokenizer *t, const int32_t *id, size_t n,
                        gn_error *e) {
    s->end = malloc(n * sizeof *s->end + 1);
    if (!s->end || !gn_ids_append(&s->id, id, n))
        return no_memory(e);
    for (size_t i = 0; i < n; i++) {
        gn_str_add(&s->text, gn_token_bytes(t, id[i]));
        s->end[i] = s->text.len;
    }
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
    for (size_t i = 0; i < s->id.count; i++)
        if (!add_unit(u, (unit){i ? s->end[i - 1] : 0, s->end[i], s->id.id[i], false}))
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
        const gn_slice text = text_of(&c->a, &ua->item[i++]);
        gn_str_add(&a->text, text);
        gn_str_add(&b->text, text_of(&c->b, &ub->item[j++]));
        if (!style_to(a, GN_STYLE_PLAIN) || !style_to(b, GN_STYLE_PLAIN))
            return false;
        if (text.len && text.data[text.len - 1] == '\n') {
            if (!level(a, differs) || !level(b, differs))
                return false;
            differs = false;
        }
    }
    return level(a, differs) && level(b, differs);
}

bool gn_contrast_mark(const gn_contrast *c, bool words, gn_marked *a, gn_marked *b, gn_error *e) {
    units ua = {0}, ub = {0};
    const bool tokens = !words && c->a.end && c->b.end && c->a.id.count + c->b.id.count > 0;
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

void gn_contrast_alternatives(const gn_contrast *c, const gn_tokenizer *t, char side, int n,
                              gn_str *out) {
    const gn_answer_side *s = side == 'A' ? &c->a : &c->b;
    if (c->parts_at < 0 || !s->top || (size_t)c->parts_at >= s->id.count)
        return;
    const gn_top *top = s->top + c->parts_at * s->k;
    for (int i = 0; i < n && i < s->k; i++) {
        gn_str_puts(out, i ? "  " : "");
        if (t)
            gn_json_write_string(out, gn_token_bytes(t, top[i].id));
        else
            gn_str_fmt(out, "%d", top[i].id);
        gn_str_fmt(out, " %.2f", (double)top[i].logprob);
    }
}

void gn_contrast_strip(const gn_contrast *c, int n, gn_str *out) {
    const int64_t all = c->n_forced;
    const int64_t cells = all < n ? all : n;
    for (int64_t i = 0; i < cells; i++) {
        double most = 0;
        for (int64_t k = i * all / cells; k < (i + 1) * all / cells; k++)
            most = c->forced[k].kl > most ? c->forced[k].kl : most;
        gn_str_putc(out, most < 0.01 ? '.' : most < 0.1 ? ':' : most < 1 ? '*' : '#');
    }
}
