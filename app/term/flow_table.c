/* flow_table.c - a table of markdown to rows: columns as wide as they need or as there is room. */
#include "app/term/flow.h"

enum { COLUMNS = 32, BETWEEN = 3, LEAST = 4 };

typedef struct table {
    int n;
    int width[COLUMNS];
    char align[COLUMNS];
    bool head; /* its line and the one below it are there */
} table;

static size_t line_end(gn_slice text, size_t first, size_t end) {
    const char *stop = first < end ? memchr(text.data + first, '\n', end - first) : NULL;
    return stop ? (size_t)(stop - text.data) : end;
}

/* How wide each column would like to be. */
static void measure(gn_flow *f, gn_slice text, const gn_block *b, bool open, table *t) {
    gn_table_cell cell[COLUMNS];
    int line = 0;
    for (size_t at = b->first; at <= b->end; line++) {
        const size_t end = line_end(text, at, b->end);
        if (line != 1 || !t->head) {
            const int n = gn_markdown_cells(text, at, end, cell, COLUMNS);
            t->n = n > t->n ? n : t->n;
            memset(f->mark + at, 0, end - at);
            for (int i = 0; i < n; i++) {
                gn_markdown_inline(text, cell[i].first, cell[i].end,
                                   open && end == b->end && i == n - 1, f->mark);
                const int width = gn_flow_columns(f, text, cell[i].first, cell[i].end);
                t->width[i] = width > t->width[i] ? width : t->width[i];
            }
        }
        at = end + 1;
    }
}

/* Take from the widest until all fit. False: they cannot. */
static bool squeeze(table *t, int room) {
    int sum = (t->n - 1) * BETWEEN, least = sum;
    for (int i = 0; i < t->n; i++) {
        sum += t->width[i];
        least += t->width[i] < LEAST ? t->width[i] : LEAST;
    }
    if (least > room)
        return false;
    while (sum > room) {
        int widest = 0;
        for (int i = 1; i < t->n; i++)
            widest = t->width[i] > t->width[widest] ? i : widest;
        t->width[widest]--;
        sum--;
    }
    return true;
}

/* One line of the source: as many rows as its tallest cell has. */
static bool table_row(gn_flow *f, gn_slice text, const table *t, size_t first, size_t end,
                      bool head) {
    gn_table_cell cell[COLUMNS];
    size_t at[COLUMNS];
    const int n = gn_markdown_cells(text, first, end, cell, COLUMNS);
    bool more = true;
    for (int i = 0; i < n; i++)
        at[i] = cell[i].first;
    for (size_t row = 0; more; row++) {
        const size_t from = first + row < end ? first + row : end;
        int col = 0;
        more = false;
        if (!gn_flow_row_begin(f, from, end))
            return false;
        for (int i = 0; i < t->n; i++) {
            if (i > 0 && !gn_flow_extra(f, col - 2, "\xe2\x94\x82", GN_STYLE_DIM))
                return false;
            if (i < n && at[i] < cell[i].end) {
                size_t next;
                const size_t stop =
                    gn_flow_break(f, text, at[i], cell[i].end, t->width[i], false, &next);
                size_t shown = stop;
                while (shown > at[i] && text.data[shown - 1] == ' ')
                    shown--;
                const int left = t->width[i] - gn_flow_columns(f, text, at[i], shown),
                          shift = left <= 0            ? 0
                                  : t->align[i] == 'r' ? left
                                  : t->align[i] == 'c' ? left / 2
                                                       : 0;
                if (!gn_flow_piece(f, GN_PIECE_TEXT, col + shift, at[i], shown,
                                   head ? GN_STYLE_BOLD : GN_STYLE_PLAIN))
                    return false;
                at[i] = next;
                more |= at[i] < cell[i].end;
            }
            col += t->width[i] + BETWEEN;
        }
    }
    return true;
}

static bool rule(gn_flow *f, const table *t, size_t first, size_t end) {
    gn_str line = {0};
    for (int i = 0; i < t->n; i++) {
        for (int k = 0; k < t->width[i]; k++)
            gn_str_puts(&line, "\xe2\x94\x80");
        if (i + 1 < t->n)
            gn_str_puts(&line, "\xe2\x94\x80\xe2\x94\xbc\xe2\x94\x80");
    }
    const bool ok = !line.failed && gn_flow_row_begin(f, first, end) &&
                    gn_flow_extra(f, 0, gn_str_text(&line), GN_STYLE_DIM);
    gn_str_release(&line);
    return ok;
}

/* As it was written, where there is no room for columns. */
static bool as_lines(gn_flow *f, gn_slice text, const gn_block *b) {
    memset(f->mark + b->first, 0, b->end - b->first);
    for (size_t at = b->first; at <= b->end;) {
        const size_t end = line_end(text, at, b->end);
        for (size_t from = at, next = at; next <= end; from = next) {
            const size_t stop = gn_flow_break(f, text, from, end, f->width, false, &next);
            if (!gn_flow_row_begin(f, from, stop) ||
                !gn_flow_piece(f, GN_PIECE_TEXT, 0, from, stop, GN_STYLE_PLAIN))
                return false;
        }
        at = end + 1;
    }
    return true;
}

bool gn_flow_table(gn_flow *f, gn_slice text, const gn_block *b, bool open) {
    table t = {0};
    const size_t head = line_end(text, b->first, b->end);
    memset(t.align, 'l', sizeof t.align);
    /* While it is written the line below the head may be only begun. */
    t.head = head < b->end;
    if (t.head)
        gn_markdown_is_delimiter(text, head + 1, line_end(text, head + 1, b->end), t.align,
                                 COLUMNS);
    measure(f, text, b, open, &t);
    if (t.n == 0 || !squeeze(&t, f->width))
        return as_lines(f, text, b);
    int line = 0;
    for (size_t at = b->first; at <= b->end; line++) {
        const size_t end = line_end(text, at, b->end);
        if (line == 1 ? !rule(f, &t, at, end) : !table_row(f, text, &t, at, end, line == 0))
            return false;
        at = end + 1;
    }
    return true;
}
