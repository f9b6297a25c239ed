/* wrap.c - see wrap.h. */
#include "app/term/wrap.h"

#include "app/cli/out.h"

#include <stdio.h>
#include <stdlib.h>

gn_shown gn_show(gn_slice text, size_t i, int column) {
    gn_shown s = {.bytes = 1};
    int32_t cp;
    const size_t n = gn_utf8_next(text, i, &cp);
    if (n == 0)
        return s;
    if (cp == '\t') {
        s.columns = 8 - column % 8;
        s.len = (size_t)s.columns;
        memset(s.text, ' ', s.len);
    } else if (cp >= 0 && (cp < 0x20 || cp == 0x7F)) {
        s.len = (size_t)snprintf(s.text, sizeof s.text, "^%c", (char)(cp ^ 0x40));
        s.columns = (int)s.len;
    } else if (cp < 0) {
        s.bytes = n;
        for (size_t k = 0; k < n; k++)
            s.len += (size_t)snprintf(s.text + s.len, sizeof s.text - s.len, "\\x%02X",
                                      (unsigned char)text.data[i + k]);
        s.columns = (int)s.len;
    } else if (gn_out_steers(cp)) {
        s.bytes = n;
        s.len = (size_t)snprintf(s.text, sizeof s.text, "\\u%04X", (unsigned)cp);
        s.columns = (int)s.len;
    } else {
        /* The cluster may not swallow what has to be shown in another way. */
        size_t end = i + gn_grapheme_next(text, i, &s.columns), at = i + n, m;
        for (; at < end && (m = gn_utf8_next(text, at, &cp)) > 0; at += m)
            if (cp < 0x20 || gn_out_steers(cp))
                break;
        s.bytes = (at < end ? at : end) - i;
        if (s.bytes == 0)
            s.bytes = n;
        s.len = s.bytes < sizeof s.text ? s.bytes : sizeof s.text;
        memcpy(s.text, text.data + i, s.len);
        s.len -= s.len < s.bytes ? gn_utf8_partial((gn_slice){s.text, s.len}) : 0;
        if (s.columns == 0) { /* a mark with nothing to stand on */
            memmove(s.text + 1, s.text, s.len < sizeof s.text ? s.len : sizeof s.text - 1);
            s.text[0] = ' ';
            s.len += s.len < sizeof s.text;
            s.columns = 1;
        } else if (s.columns > 2)
            s.columns = 2;
    }
    return s;
}

size_t gn_cluster_after(gn_slice text, size_t i) {
    return i >= text.len ? 0 : text.data[i] == '\n' ? 1 : gn_show(text, i, 0).bytes;
}

size_t gn_cluster_before(gn_slice text, size_t i) {
    if (i == 0 || i > text.len)
        return 0;
    /* Clusters are found forwards, from a place where one surely begins: 64 code
     * points back at most, or a line's beginning. */
    size_t from = i - 1, steps = 0;
    if (text.data[from] == '\n')
        return 1;
    while (from > 0 && text.data[from - 1] != '\n' &&
           (((unsigned char)text.data[from] & 0xC0) == 0x80 || steps++ < 64))
        from--;
    size_t last = from;
    while (from < i) {
        last = from;
        from += gn_cluster_after(text, from);
    }
    return i - last;
}

int gn_columns(gn_slice text) {
    int column = 0;
    for (size_t i = 0; i < text.len && text.data[i] != '\n';) {
        const gn_shown s = gn_show(text, i, column);
        column += s.columns;
        i += s.bytes;
    }
    return column;
}

/* The row that begins at first; *next is where the one after begins, text.len + 1 for none. */
static gn_row form_row(gn_slice text, size_t first, int width, size_t *next) {
    size_t i = first, rest = first; /* rest: where the next row may begin; first: nowhere yet */
    int column = 0;
    bool wide = false, hyphen = false;
    while (i < text.len && text.data[i] != '\n') {
        const gn_shown s = gn_show(text, i, column);
        const bool space = text.data[i] == ' ' || text.data[i] == '\t';
        const bool is_wide = s.columns == 2 && (unsigned char)text.data[i] >= 0x80;
        if (!space && i > first && (wide || is_wide || hyphen))
            rest = i;
        if (column + s.columns > width && !space && i > first) {
            *next = rest > first ? rest : i;
            return (gn_row){first, *next};
        }
        column += s.columns;
        i += s.bytes;
        if (space)
            rest = i;
        wide = is_wide;
        hyphen = text.data[i - 1] == '-' && i - 1 > first && text.data[i - 2] != ' ' &&
                 text.data[i - 2] != '-';
    }
    *next = i + 1;
    return (gn_row){first, i};
}

void gn_wrap_reset(gn_wrap *w) { w->count = 0; }

void gn_wrap_release(gn_wrap *w) {
    free(w->row);
    *w = (gn_wrap){0};
}

void gn_wrap_update(gn_wrap *w, gn_slice text, int width) {
    if (width < 1)
        width = 1;
    if (w->width != width)
        w->count = 0;
    w->width = width;
    /* The last letter may become a narrower one, so that its word fits where it did not:
     * the row before the word, the word's, and the letter's own. */
    w->count -= w->count > 2 ? 3 : w->count;
    size_t next = w->count ? w->row[w->count].first : 0;
    while (next <= text.len) {
        if (!gn_vec_reserve(&w->row, &w->room, w->count + 1, sizeof *w->row))
            return; /* the rest is not shown; the text itself is whole */
        w->row[w->count] = form_row(text, next, width, &next);
        w->count++;
    }
}

size_t gn_wrap_find(const gn_wrap *w, size_t i) {
    size_t low = 0, high = w->count;
    while (low + 1 < high) {
        const size_t middle = (low + high) / 2;
        if (w->row[middle].first <= i)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int gn_wrap_draw(gn_canvas *c, int row, int col, int end, gn_slice text, gn_row r,
                 const gn_run *run, size_t n_run, gn_style style) {
    const int left = col;
    size_t k = 0;
    for (size_t i = r.first; i < r.end;) {
        while (k < n_run && run[k].end <= i)
            k++;
        const gn_shown s = gn_show((gn_slice){text.data, r.end}, i, col - left);
        if (col + s.columns > end)
            break;
        const gn_style now = k < n_run ? run[k].style : style;
        if (text.data[i] == '\t') {
            for (int n = 0; n < s.columns; n++)
                gn_canvas_put(c, row, col + n, end, GN_S(" "), now);
        } else
            gn_canvas_put(c, row, col, end, (gn_slice){text.data + i, s.bytes}, now);
        col += s.columns;
        i += s.bytes;
    }
    return col;
}
