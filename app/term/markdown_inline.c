/* markdown_inline.c - emphasis, code, links: what one byte of a paragraph is (markdown.h).
 *
 * CommonMark's rules of flanking runs and of matching them with a stack, less what
 * answers do not have: HTML, reference links, entities.
 */
#include "app/term/markdown.h"

typedef struct run {
    size_t at, len; /* bytes that are not matched yet */
    char kind;      /* '*' '_' '~' */
    bool opens, closes;
} run;

enum { MOST = 256 };

typedef struct parse {
    gn_slice text; /* up to the end */
    size_t first;
    uint8_t *mark;
    bool open;
    run stack[MOST];
    int n;
} parse;

static void add(parse *p, size_t from, size_t to, uint8_t mark) {
    for (size_t i = from; i < to; i++)
        p->mark[i] |= mark;
}

/* The code point before i; a blank at the beginning. */
static int32_t before(const parse *p, size_t i) {
    int32_t cp = ' ';
    if (i == p->first)
        return cp;
    size_t k = i - 1;
    while (k > p->first && i - k < 4 && ((unsigned char)p->text.data[k] & 0xC0) == 0x80)
        k--;
    gn_utf8_next(p->text, k, &cp);
    return cp;
}

static int32_t after(const parse *p, size_t i) {
    int32_t cp = ' ';
    return gn_utf8_next(p->text, i, &cp) > 0 ? cp : ' ';
}

static bool space(int32_t cp) { return cp >= 0 && gn_is_space(cp); }
static bool punctuation(int32_t cp) {
    return cp >= 0 && (gn_is_punctuation(cp) || (cp < 0x80 && strchr("$+<=>^`|~", (int)cp)));
}

static run run_at(const parse *p, size_t i) {
    run r = {.at = i, .kind = p->text.data[i]};
    while (i + r.len < p->text.len && p->text.data[i + r.len] == r.kind)
        r.len++;
    const int32_t left = before(p, i), right = after(p, i + r.len);
    const bool left_flanking =
        !space(right) && (!punctuation(right) || space(left) || punctuation(left));
    const bool right_flanking =
        !space(left) && (!punctuation(left) || space(right) || punctuation(right));
    r.opens = left_flanking;
    r.closes = right_flanking;
    if (r.kind == '_') {
        r.opens = left_flanking && (!right_flanking || punctuation(left));
        r.closes = right_flanking && (!left_flanking || punctuation(right));
    }
    return r;
}

/* So many marks of an opening run were matched by what stands at `end`. */
static void emphasise(parse *p, run *opener, size_t end, size_t n, bool close) {
    opener->len -= n;
    const size_t from = opener->at + opener->len;
    add(p, from, from + n, GN_MARK_HIDDEN);
    add(p, from + n, end,
        opener->kind == '~' ? GN_MARK_STRIKE
        : n == 2            ? GN_MARK_STRONG
                            : GN_MARK_EMPHASIS);
    if (close)
        add(p, end, end + n, GN_MARK_HIDDEN);
}

/* Match a closing run with what is on the stack. */
static void close_with(parse *p, run *r) {
    while (r->len > 0) {
        int i = p->n;
        while (i > 0 && p->stack[i - 1].kind != r->kind)
            i--;
        run *o = i > 0 ? &p->stack[i - 1] : NULL;
        if (!o || (r->kind == '~' && (o->len < 2 || r->len < 2)))
            return;
        /* Rule of three: "**a*b*" and its like do not pair across. */
        if ((o->closes || r->opens) && (o->len + r->len) % 3 == 0 && o->len % 3 != 0)
            return;
        const size_t n = o->len >= 2 && r->len >= 2 ? 2 : 1;
        emphasise(p, o, r->at, n, true);
        r->at += n;
        r->len -= n;
        p->n = o->len > 0 ? i : i - 1; /* what stood between was no mark */
    }
}

/* A code span from i; the byte behind it, or i: it is none. */
static size_t code_span(parse *p, size_t i) {
    size_t n = 0;
    while (i + n < p->text.len && p->text.data[i + n] == '`')
        n++;
    for (size_t k = i + n; k < p->text.len; k++) {
        size_t m = 0;
        while (k + m < p->text.len && p->text.data[k + m] == '`')
            m++;
        if (m == n) {
            add(p, i, i + n, GN_MARK_DIM);
            add(p, i + n, k, GN_MARK_CODE);
            add(p, k, k + n, GN_MARK_DIM);
            return k + n;
        }
        k += m ? m - 1 : 0;
    }
    if (!p->open || i + n == p->text.len)
        return i;
    add(p, i, i + n, GN_MARK_DIM); /* it is being written */
    add(p, i + n, p->text.len, GN_MARK_CODE);
    return p->text.len;
}

/* "[text](address)": the brackets are hidden, the address stays in sight. */
static size_t link_at(parse *p, size_t i) {
    const gn_slice s = p->text;
    size_t k = i + 1;
    while (k < s.len && s.data[k] != ']' && s.data[k] != '[' && s.data[k] != '\n')
        k += 1 + (s.data[k] == '\\');
    if (k + 1 >= s.len || s.data[k] != ']' || s.data[k + 1] != '(')
        return i;
    size_t end = k + 2;
    while (end < s.len && s.data[end] != ')' && s.data[end] != ' ' && s.data[end] != '\n')
        end++;
    if (end >= s.len ? !p->open : s.data[end] != ')')
        return i;
    add(p, i, i + 1, GN_MARK_HIDDEN);
    add(p, i + 1, k, GN_MARK_LINK);
    add(p, k, k + 1, GN_MARK_BLANK);
    add(p, k + 1, end < s.len ? end + 1 : end, GN_MARK_DIM);
    return end < s.len ? end + 1 : end;
}

/* What is being written when the text ends in the middle of it. */
static void close_all(parse *p) {
    const size_t end = p->text.len;
    while (p->n > 0) {
        run *r = &p->stack[--p->n];
        while (r->len > (r->kind == '~'))
            emphasise(p, r, end, r->len >= 2 ? 2 : 1, false);
    }
}

void gn_markdown_inline(gn_slice text, size_t first, size_t end, bool open, uint8_t *mark) {
    parse p = {.text = {text.data, end}, .first = first, .mark = mark, .open = open};
    memset(mark + first, 0, end - first);
    for (size_t i = first; i < end;) {
        const char c = text.data[i];
        size_t next = i + 1;
        if (c == '\\' && i + 1 < end && strchr("\\`*_{}[]()#+-.!|~<>", text.data[i + 1])) {
            mark[i] |= GN_MARK_HIDDEN;
            next = i + 2;
        } else if (c == '`') {
            const size_t behind = code_span(&p, i);
            while (next < end && text.data[next] == '`')
                next++;
            next = behind > i ? behind : next;
        } else if (c == '[') {
            const size_t behind = link_at(&p, i);
            next = behind > i ? behind : next;
        } else if (c == '*' || c == '_' || c == '~') {
            run r = run_at(&p, i);
            next = i + r.len;
            if (open && next == end) { /* it may become anything */
                add(&p, i, end, GN_MARK_HIDDEN);
                break;
            }
            if (r.closes)
                close_with(&p, &r);
            if (r.len > 0 && r.opens && p.n < MOST)
                p.stack[p.n++] = r;
        }
        i = next;
    }
    if (open)
        close_all(&p);
}
