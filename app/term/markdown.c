/* markdown.c - see markdown.h. */
#include "app/term/markdown.h"

/* ---- lines -------------------------------------------------------------- */

static size_t line_end(gn_slice text, size_t first) {
    const char *end = first < text.len ? memchr(text.data + first, '\n', text.len - first) : NULL;
    return end ? (size_t)(end - text.data) : text.len;
}

static gn_slice cut(gn_slice text, size_t first, size_t end) {
    return (gn_slice){text.data + first, end - first};
}

static size_t skip_blanks(gn_slice s, size_t i) {
    while (i < s.len && (s.data[i] == ' ' || s.data[i] == '\t'))
        i++;
    return i;
}

static bool is_blank(gn_slice line) { return skip_blanks(line, 0) == line.len; }

static size_t run_of(gn_slice s, size_t i, char c) {
    size_t n = 0;
    while (i + n < s.len && s.data[i + n] == c)
        n++;
    return n;
}

/* "```c": how many marks of which kind; 0: no fence. */
static size_t fence_of(gn_slice line, char *which) {
    const size_t i = skip_blanks(line, 0);
    if (i == line.len || (line.data[i] != '`' && line.data[i] != '~'))
        return 0;
    *which = line.data[i];
    const size_t n = run_of(line, i, *which);
    const gn_slice info = gn_slice_from(line, i + n);
    return n < 3 || (*which == '`' && memchr(info.data, '`', info.len)) ? 0 : n;
}

static bool is_heading(gn_slice line, bool last) {
    const size_t i = skip_blanks(line, 0), n = run_of(line, i, '#');
    return i < 4 && n >= 1 && n <= 6 &&
           (i + n == line.len ? last || n > 1 : line.data[i + n] == ' ');
}

static bool is_rule(gn_slice line) {
    const size_t i = skip_blanks(line, 0);
    int n = 0;
    if (i == line.len || !strchr("-*_", line.data[i]))
        return false;
    for (size_t k = i; k < line.len; k++) {
        if (line.data[k] != line.data[i] && line.data[k] != ' ')
            return false;
        n += line.data[k] == line.data[i];
    }
    return n >= 3;
}

/* Where an item's text begins; 0: no item. */
static size_t item_body(gn_slice line) {
    size_t i = skip_blanks(line, 0), digits = 0;
    while (i + digits < line.len && line.data[i + digits] >= '0' && line.data[i + digits] <= '9')
        digits++;
    if (digits > 9 || i == line.len)
        return 0;
    if (digits == 0 && !strchr("-*+", line.data[i]))
        return 0;
    i += digits ? digits : 1;
    if (digits && (i == line.len || (line.data[i] != '.' && line.data[i] != ')')))
        return 0;
    i += digits > 0;
    if (i == line.len || line.data[i] != ' ')
        return 0;
    const size_t body = skip_blanks(line, i);
    return body < line.len ? body : i + 1;
}

/* "<think>" and its like alone on a line: the name. */
static bool span_of(gn_slice line, bool *opens, char name[16]) {
    static const char *const known[] = {"think", "thinking", "thought", "reasoning", "scratchpad"};
    const gn_slice s = gn_text_strip(line, true, true);
    if (s.len < 4 || s.data[0] != '<' || s.data[s.len - 1] != '>')
        return false;
    *opens = s.data[1] != '/';
    const gn_slice word = cut(s, *opens ? 1 : 2, s.len - 1);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (gn_slice_is(word, known[i])) {
            strcpy(name, known[i]);
            return true;
        }
    return false;
}

/* ---- tables ------------------------------------------------------------- */

int gn_markdown_cells(gn_slice text, size_t first, size_t end, gn_table_cell *out, int most) {
    const gn_slice s = {text.data, end};
    size_t i = skip_blanks(s, first);
    int n = 0;
    while (end > i && strchr(" \t\r", s.data[end - 1]))
        end--;
    if (i < end && s.data[i] == '|')
        i++;
    while (i < end && n < most) {
        size_t k = i, code = 0;
        for (; k < end; k++) {
            if (s.data[k] == '`') { /* a bar within code is none; nor is an escaped one */
                const size_t run = run_of((gn_slice){s.data, end}, k, '`');
                code = code == 0 ? run : code == run ? 0 : code;
                k += run - 1;
            } else if (s.data[k] == '\\')
                k++;
            else if (s.data[k] == '|' && code == 0)
                break;
        }
        k = k < end ? k : end;
        size_t from = skip_blanks((gn_slice){s.data, k}, i), to = k;
        while (to > from && (s.data[to - 1] == ' ' || s.data[to - 1] == '\t'))
            to--;
        out[n++] = (gn_table_cell){from, to};
        i = k + 1;
    }
    return n;
}

bool gn_markdown_is_delimiter(gn_slice text, size_t first, size_t end, char *align, int most) {
    gn_table_cell cell[64];
    const int n = gn_markdown_cells(text, first, end, cell, 64);
    if (n == 0 || !memchr(text.data + first, '|', end - first))
        return false;
    for (int i = 0; i < n; i++) {
        const gn_slice s = cut(text, cell[i].first, cell[i].end);
        const bool left = s.len > 0 && s.data[0] == ':',
                   right = s.len > 1 && s.data[s.len - 1] == ':';
        const size_t from = left, to = s.len - right;
        if (to <= from || run_of((gn_slice){s.data, to}, from, '-') != to - from)
            return false;
        if (i < most)
            align[i] = right ? (left ? 'c' : 'r') : 'l';
    }
    return true;
}

/* Could this beginning of a line become the one below a table's head? */
static bool may_delimit(gn_slice line) {
    for (size_t i = 0; i < line.len; i++)
        if (!strchr("|:- ", line.data[i]))
            return false;
    return true;
}

static bool has_bar(gn_slice line) { return memchr(line.data, '|', line.len) != NULL; }

/* Does a table begin with the line at first? */
static bool begins_table(gn_slice text, size_t first, bool open) {
    char align[1];
    const size_t end = line_end(text, first);
    const gn_slice head = cut(text, first, end);
    if (!has_bar(head))
        return false;
    const bool led = head.data[skip_blanks(head, 0)] == '|';
    if (end == text.len) /* the first row, being written */
        return open && led;
    const size_t after = line_end(text, end + 1);
    if (after == text.len && open && led && may_delimit(cut(text, end + 1, after)))
        return true;
    return gn_markdown_is_delimiter(text, end + 1, after, align, 1);
}

/* ---- blocks ------------------------------------------------------------- */

static bool begins_other(gn_slice text, size_t first, bool open) {
    char which, name[16];
    bool opens;
    const size_t end = line_end(text, first);
    const gn_slice line = cut(text, first, end);
    const size_t i = skip_blanks(line, 0);
    return fence_of(line, &which) || is_heading(line, end == text.len && open) || is_rule(line) ||
           item_body(line) || (i < line.len && line.data[i] == '>') ||
           span_of(line, &opens, name) ||
           gn_slice_starts(gn_slice_from(line, i), GN_S("<tool_call>")) ||
           begins_table(text, first, open);
}

/* Lines from b->first on for as long as they belong to it. */
static void take_table(gn_slice text, gn_block *b) {
    while (b->end < text.len) {
        const size_t end = line_end(text, b->end + 1);
        const gn_slice line = cut(text, b->end + 1, end);
        if (is_blank(line) || !has_bar(line))
            break;
        b->end = end;
    }
}

static void take_text(gn_slice text, bool open, gn_block *b) {
    while (b->end < text.len && !begins_other(text, b->end + 1, open)) {
        const size_t end = line_end(text, b->end + 1);
        /* A blank line ends what emphasis may span. */
        if (is_blank(cut(text, b->end + 1, end)))
            break;
        b->end = end;
    }
}

static void take_call(gn_slice text, gn_block *b) {
    const ptrdiff_t close = gn_slice_find(gn_slice_from(text, b->first), GN_S("</tool_call>"));
    b->end = close < 0 ? text.len : line_end(text, b->first + (size_t)close);
    b->complete = close >= 0;
}

static gn_block code_line(gn_markdown *m, gn_slice line, gn_block b) {
    char which;
    const size_t n = fence_of(line, &which);
    b.number = m->blocks;
    if (n >= m->fence_len && which == m->fence &&
        is_blank(gn_slice_from(line, skip_blanks(line, 0) + n))) {
        b.kind = GN_BLOCK_FENCE;
        m->fence = 0;
    } else
        b.kind = GN_BLOCK_CODE;
    return b;
}

bool gn_markdown_next(gn_markdown *m, gn_slice text, bool open, gn_block *out) {
    if (m->at > text.len || (m->at == text.len && text.len > 0))
        return false;
    gn_block b = {.first = m->at, .end = line_end(text, m->at), .in_span = m->in_span};
    const gn_slice line = cut(text, b.first, b.end);
    const size_t i = skip_blanks(line, 0);
    const bool ended = b.end < text.len;
    char name[16] = "";
    b.body = b.first;
    b.complete = ended || !open;
    if (m->fence)
        b = code_line(m, line, b);
    else if ((m->fence_len = fence_of(line, &m->fence)) > 0) {
        b.kind = GN_BLOCK_FENCE;
        b.opens = true;
        b.body = b.first + i + m->fence_len;
        b.number = ++m->blocks;
    } else if (m->fence = 0, span_of(line, &b.opens, name) && b.opens != m->in_span &&
                                 (b.opens || strcmp(name, m->span) == 0)) {
        b.kind = GN_BLOCK_SPAN;
        m->in_span = b.opens;
        strcpy(m->span, name);
    } else if (is_rule(line))
        b.kind = GN_BLOCK_RULE;
    else if (is_heading(line, !ended && open))
        b.kind = GN_BLOCK_HEADING;
    else if (item_body(line)) {
        b.kind = GN_BLOCK_ITEM;
        b.body = b.first + item_body(line);
    } else if (i < line.len && line.data[i] == '>') {
        b.kind = GN_BLOCK_QUOTE;
        b.body = b.first + i + 1 + (i + 1 < line.len && line.data[i + 1] == ' ');
    } else if (gn_slice_starts(gn_slice_from(line, i), GN_S("<tool_call>"))) {
        b.kind = GN_BLOCK_CALL;
        take_call(text, &b);
        b.complete |= !open;
    } else if (begins_table(text, b.first, open)) {
        b.kind = GN_BLOCK_TABLE;
        take_table(text, &b);
        /* A line after it must be whole before it surely is none of its rows. */
        b.complete = !open || (b.end < text.len && line_end(text, b.end + 1) < text.len);
    } else if (!is_blank(line)) {
        take_text(text, open, &b);
        b.complete = !open || (b.end < text.len && line_end(text, b.end + 1) < text.len);
    }
    m->at = b.end + 1;
    *out = b;
    return true;
}

/* ---- code blocks -------------------------------------------------------- */

bool gn_markdown_code(gn_slice text, int number, gn_slice *out) {
    gn_markdown m = {0};
    gn_block b;
    bool found = false;
    *out = (gn_slice){"", 0};
    while (gn_markdown_next(&m, text, false, &b)) {
        if (b.number != number)
            continue;
        if (b.kind == GN_BLOCK_FENCE && b.opens) {
            found = true;
            out->data = text.data + (b.end < text.len ? b.end + 1 : b.end);
        } else if (b.kind == GN_BLOCK_CODE)
            out->len = (size_t)(text.data + b.end - out->data) + (b.end < text.len);
    }
    return found;
}

int gn_markdown_count(gn_slice text) {
    gn_markdown m = {0};
    gn_block b;
    while (gn_markdown_next(&m, text, false, &b))
        ;
    return m.blocks;
}
