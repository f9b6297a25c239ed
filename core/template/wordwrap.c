/* wordwrap.c - the filter wordwrap: Python's textwrap on each line of a text.
 *
 * A line is cut into chunks: runs of blanks, words, parts of words that end in a
 * hyphen between letters, and runs of dashes between words. Chunks fill lines
 * greedily; blanks at either end of a wrapped line are dropped (but for those that
 * begin the paragraph).
 */
#include "core/base/unicode.h"
#include "core/template/filters.h"

typedef struct piece {
    gn_slice text;
    int64_t width;
} piece;

typedef struct wrapper {
    gn_render *r;
    int64_t width;
    bool break_words, at_hyphens;
    gn_slice newline;
    piece *chunk;
    size_t count, capacity;
    gn_str *out;
    bool any; /* was a line written? */
} wrapper;

static int32_t at(gn_slice s, size_t i) {
    int32_t cp = -1;
    return gn_utf8_next(s, i, &cp) ? cp : -1;
}

static int32_t before(gn_slice s, size_t i) {
    if (i == 0 || i > s.len)
        return -1;
    do
        i--;
    while (i > 0 && ((unsigned char)s.data[i] & 0xC0) == 0x80);
    return at(s, i);
}

static size_t back(gn_slice s, size_t i) {
    if (i == 0)
        return 0;
    do
        i--;
    while (i > 0 && ((unsigned char)s.data[i] & 0xC0) == 0x80);
    return i;
}

static bool is_blank(int32_t cp) { return (cp >= '\t' && cp <= '\r') || cp == ' '; }
static bool is_word(int32_t cp) {
    return cp >= 0 && (cp == '_' || gn_is_letter(cp) || gn_is_number(cp));
}
/* \w without digits; Python's digits are decimals. */
static bool is_letter(int32_t cp) { return is_word(cp) && strcmp(gn_category(cp), "Nd") != 0; }
static bool is_word_or_mark(int32_t cp) {
    return is_word(cp) || (cp > 0 && cp < 0x80 && strchr("!\"'&.,?", cp));
}

/* Two dashes or more at i with a word behind them. */
static bool dashes_then_word(gn_slice s, size_t i) {
    const size_t begin = i;
    while (i < s.len && s.data[i] == '-')
        i++;
    return i - begin >= 2 && is_word(at(s, i));
}

/* May a word be cut behind the hyphen that ends at i? Two letters before it (or
 * letter, hyphen, letter) and a letter, perhaps hyphen, letter after it. */
static bool hyphen_between_letters(gn_slice s, size_t i) {
    const size_t h = i - 1, one = back(s, h), two = back(s, one), three = back(s, two);
    const bool letters =
        h > 0 && is_letter(at(s, one)) && one > 0 &&
        (is_letter(at(s, two)) || (s.data[two] == '-' && two > 0 && is_letter(at(s, three))));
    if (!letters || !is_letter(at(s, i)))
        return false;
    int32_t cp;
    size_t next = i + gn_utf8_next(s, i, &cp);
    if (next < s.len && s.data[next] == '-')
        next++;
    return is_letter(at(s, next));
}

static size_t chunk_end(const wrapper *w, gn_slice s, size_t i) {
    int32_t cp;
    if (is_blank(at(s, i))) {
        while (is_blank(at(s, i)))
            i++;
        return i;
    }
    if (w->at_hyphens && is_word_or_mark(before(s, i)) && dashes_then_word(s, i)) {
        while (i < s.len && s.data[i] == '-')
            i++;
        return i;
    }
    while (i < s.len) {
        const bool hyphen = s.data[i] == '-';
        i += gn_utf8_next(s, i, &cp);
        if (w->at_hyphens && hyphen && hyphen_between_letters(s, i))
            return i;
        if (i >= s.len || is_blank(at(s, i)))
            return i;
        if (w->at_hyphens && is_word_or_mark(before(s, i)) && dashes_then_word(s, i))
            return i;
    }
    return i;
}

static bool add_chunk(wrapper *w, gn_slice text) {
    if (w->count == w->capacity) {
        const size_t room = w->capacity ? 2 * w->capacity : 32;
        piece *more = gn_render_alloc(w->r, room * sizeof *more);
        if (!more)
            return false;
        if (w->count)
            memcpy(more, w->chunk, w->count * sizeof *more);
        w->chunk = more;
        w->capacity = room;
    }
    w->chunk[w->count++] = (piece){text, (int64_t)gn_utf8_count(text)};
    return true;
}

static bool cut(wrapper *w, gn_slice line) {
    w->count = 0;
    for (size_t i = 0; i < line.len;) {
        const size_t end = chunk_end(w, line, i);
        if (!add_chunk(w, (gn_slice){line.data + i, end - i}))
            return false;
        i = end;
    }
    return true;
}

/* How much of a chunk too long for any line goes onto this one: up to the last
 * hyphen that fits, if it may be cut there, else as much as there is room for. */
static size_t part_that_fits(const wrapper *w, const piece *p, int64_t room) {
    if (!w->break_words)
        return 0;
    const size_t end = gn_text_byte(p->text, room);
    if (w->at_hyphens && p->width > room) {
        for (size_t i = end; i-- > 0;)
            if (p->text.data[i] == '-') {
                bool other = false;
                for (size_t k = 0; k < i; k++)
                    other = other || p->text.data[k] != '-';
                return i > 0 && other ? i + 1 : end;
            }
    }
    return end;
}

static void put_line(wrapper *w, const piece *p, size_t n, gn_slice tail) {
    if (w->any)
        gn_str_add(w->out, w->newline);
    w->any = true;
    for (size_t i = 0; i < n; i++)
        gn_str_add(w->out, p[i].text);
    gn_str_add(w->out, tail);
}

static bool blank(const piece *p) { return gn_text_strip(p->text, true, true).len == 0; }

static bool fill(wrapper *w) {
    bool first = true;
    for (size_t i = 0; i < w->count;) {
        size_t begin = i;
        int64_t used = 0;
        gn_slice tail = {"", 0};
        if (!first && blank(&w->chunk[i]))
            begin = ++i;
        while (i < w->count && used + w->chunk[i].width <= w->width)
            used += w->chunk[i++].width;
        bool broken = false;
        if (i < w->count && w->chunk[i].width > w->width) {
            piece *p = &w->chunk[i];
            size_t part = part_that_fits(w, p, w->width - used);
            broken = w->break_words || i == begin;
            if (!w->break_words && i == begin)
                part = p->text.len;
            tail = (gn_slice){p->text.data, part};
            p->text = gn_slice_from(p->text, part);
            p->width = (int64_t)gn_utf8_count(p->text);
        }
        size_t end = i;
        if (i < w->count && w->chunk[i].text.len == 0)
            i++;
        /* textwrap drops the last piece if it is blank, be it an empty part of a word. */
        if (!broken && end > begin && blank(&w->chunk[end - 1]))
            end--;
        if (end > begin || tail.len) {
            put_line(w, w->chunk + begin, end - begin, tail);
            first = false;
        }
        if (!gn_render_tick(w->r, 1 + end - begin))
            return false;
    }
    return true;
}

gn_value *gn_filter_wordwrap(gn_render *r, gn_value *self, gn_value **arg, const gn_given *given) {
    gn_str out = {0};
    wrapper w = {.r = r, .out = &out};
    gn_value **line;
    size_t n;
    bool ok = true;
    (void)given;
    if (self->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, self);
    if (!gn_is_text(self))
        return gn_render_fail(r, GN_INVALID, "wordwrap needs a str, not a %s", gn_type_name(self));
    const bool plain = !arg[2] || arg[2]->kind == GN_NULL;
    if (!gn_arg_integer(r, arg[0], 79, &w.width) || !gn_arg_true(r, arg[1], true, &w.break_words) ||
        !gn_arg_text(r, plain ? NULL : arg[2], GN_S("\n"), &w.newline) ||
        !gn_arg_true(r, arg[3], true, &w.at_hyphens) ||
        !gn_python_lines(r, self->string, false, &line, &n))
        return NULL;
    if (w.width <= 0)
        return gn_render_fail(r, GN_INVALID, "wordwrap needs a width above zero");
    for (size_t i = 0; ok && i < n; i++) {
        if (i)
            gn_str_add(&out, w.newline);
        w.any = false;
        ok = cut(&w, line[i]->string) && fill(&w);
        if (ok && out.len > GN_MAX_OUTPUT)
            ok = gn_render_fail(r, GN_INVALID, "a text of more than %d MiB", GN_MAX_OUTPUT >> 20);
    }
    if (ok)
        return gn_make_take(r, &out, NULL);
    gn_str_release(&out);
    return NULL;
}
