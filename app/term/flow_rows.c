/* flow_rows.c - a block of markdown to rows (flow.h). */
#include "app/term/flow.h"

/* ---- breaking ----------------------------------------------------------- */

int gn_flow_columns(const gn_flow *f, gn_slice text, size_t first, size_t end) {
    int columns = 0;
    for (size_t i = first; i < end;) {
        if (f->mark[i] & GN_MARK_HIDDEN) {
            i++;
            continue;
        }
        const gn_shown s = gn_show((gn_slice){text.data, end}, i, columns);
        columns += s.columns;
        i += s.bytes;
    }
    return columns;
}

size_t gn_flow_break(const gn_flow *f, gn_slice text, size_t first, size_t end, int width,
                     bool hard, size_t *next) {
    size_t i = first, rest = first; /* rest: where the next row may begin; first: nowhere yet */
    int column = 0;
    bool wide = false, hyphen = false;
    while (i < end) {
        if (f->mark[i] & GN_MARK_HIDDEN) {
            i++;
            continue;
        }
        const gn_shown s = gn_show((gn_slice){text.data, end}, i, column);
        const bool space = text.data[i] == ' ' || text.data[i] == '\t',
                   is_wide = s.columns == 2 && (unsigned char)text.data[i] >= 0x80;
        if (!space && i > first && (wide || is_wide || hyphen))
            rest = i;
        if (column + s.columns > width && column > 0 && (hard || !space)) {
            *next = rest > first && !hard ? rest : i;
            return *next;
        }
        hyphen =
            text.data[i] == '-' && column > 0 && text.data[i - 1] != ' ' && text.data[i - 1] != '-';
        column += s.columns;
        i += s.bytes;
        if (space)
            rest = i;
        wide = is_wide;
    }
    *next = end + 1;
    return end;
}

/* Bytes [first, end), which have no line break, to rows; those after the first are indented.
 * bead: the column of a bullet over the first; -1: none. */
static bool rows_of(gn_flow *f, gn_slice text, size_t first, size_t end, int indent, bool hard,
                    gn_style style, int bead) {
    const int most = f->width > 8 ? f->width / 2 : 0; /* of an indent */
    size_t at = first, next = first;
    indent = indent > most ? most : indent;
    for (bool begun = false; next <= end; begun = true) {
        const int col = begun ? indent : 0;
        const size_t stop = gn_flow_break(f, text, at, end, f->width - col, hard, &next);
        if (!gn_flow_row_begin(f, at, stop) ||
            !gn_flow_piece(f, GN_PIECE_TEXT, col, at, stop, style) ||
            (!begun && bead >= 0 && !gn_flow_extra(f, bead, "\xe2\x80\xa2", style)))
            return false;
        at = next;
    }
    return true;
}

static bool lines_of(gn_flow *f, gn_slice text, size_t first, size_t end, bool hard,
                     gn_style style) {
    for (size_t at = first; at <= end;) {
        const char *stop = at < end ? memchr(text.data + at, '\n', end - at) : NULL;
        const size_t line = stop ? (size_t)(stop - text.data) : end;
        size_t blanks = 0; /* a line that is indented goes on indented */
        while (at + blanks < line && text.data[at + blanks] == ' ')
            blanks++;
        if (!rows_of(f, text, at, line, hard ? 0 : (int)blanks, hard, style, -1))
            return false;
        at = line + 1;
    }
    return true;
}

/* ---- blocks ------------------------------------------------------------- */

/* "- text": a bullet where there are letters for it, and rows that hang below the text. */
static bool item(gn_flow *f, gn_slice text, const gn_block *b) {
    size_t mark = b->first;
    while (text.data[mark] == ' ' || text.data[mark] == '\t')
        mark++;
    const int left = gn_flow_columns(f, text, b->first, mark),
              indent = gn_flow_columns(f, text, b->first, b->body < b->end ? b->body : b->end);
    return rows_of(f, text, b->first, b->end, indent, false, GN_STYLE_PLAIN,
                   strchr("-*+", text.data[mark]) ? left : -1);
}

static bool quote(gn_flow *f, gn_slice text, const gn_block *b) {
    const int col = f->width > 8 ? 2 : 0;
    size_t at = b->body < b->end ? b->body : b->end, next = at, first = b->first;
    while (next <= b->end) {
        const size_t stop = gn_flow_break(f, text, at, b->end, f->width - col, false, &next);
        if (!gn_flow_row_begin(f, first, stop) ||
            (col && !gn_flow_extra(f, 0, "\xe2\x94\x82", GN_STYLE_DIM)) ||
            !gn_flow_piece(f, GN_PIECE_TEXT, col, at, stop, GN_STYLE_DIM))
            return false;
        first = at = next;
    }
    return true;
}

static bool fence(gn_flow *f, gn_slice text, const gn_block *b) {
    const gn_slice info =
        gn_text_strip((gn_slice){text.data + b->body, b->end - b->body}, true, true);
    if (!gn_flow_row_begin(f, b->first, b->end))
        return false;
    if (!b->opens)
        return gn_flow_piece(f, GN_PIECE_LINE, 0, 0, 0, GN_STYLE_DIM);
    const size_t first = (size_t)(info.data - text.data);
    return gn_flow_piece(f, GN_PIECE_CODE, b->number, first, first + info.len, GN_STYLE_NOTE);
}

/* ---- tool calls --------------------------------------------------------- */

/* Text that is not the conversation's own to rows of their own; row k of the block they stand
 * for. Line breaks within are blanks. */
static bool extra_rows(gn_flow *f, const gn_block *b, int *k, gn_slice line, gn_style style) {
    for (size_t i = 0; i < line.len;) {
        const int left = i ? 4 : 0;
        int col = left;
        const size_t first = f->extra.len, at = b->first + (size_t)*k;
        while (i < line.len) {
            const gn_shown s = gn_show(line, i, col);
            if (col > left && col + s.columns > f->width)
                break;
            gn_str_add(&f->extra,
                       line.data[i] == '\n' ? GN_S(" ") : (gn_slice){line.data + i, s.bytes});
            col += line.data[i] == '\n' ? 1 : s.columns;
            i += s.bytes;
        }
        if (f->extra.failed || !gn_flow_row_begin(f, at < b->end ? at : b->end, b->end) ||
            !gn_flow_piece(f, GN_PIECE_EXTRA, left < f->width ? left : 0, first, f->extra.len,
                           style))
            return false;
        ++*k;
    }
    return true;
}

/* "  name: value" */
static bool argument(gn_flow *f, const gn_block *b, int *k, const gn_entry *arg) {
    gn_str row = {0};
    gn_str_fmt(&row, "  %.*s: ", (int)arg->key.len, arg->key.data);
    if (gn_value_is(arg->value, GN_STRING))
        gn_str_add(&row, arg->value->string);
    else
        gn_json_write(&row, arg->value);
    const bool ok = !row.failed && extra_rows(f, b, k, gn_str_slice(&row), GN_STYLE_CODE);
    gn_str_release(&row);
    return ok;
}

/* The JSON between the marks of a call; false: it is none (yet). */
static bool call(gn_flow *f, gn_slice text, const gn_block *b) {
    const gn_slice open = GN_S("<tool_call>"), close = GN_S("</tool_call>");
    const gn_slice all = {text.data + b->first, b->end - b->first};
    const ptrdiff_t from = gn_slice_find(all, open) + (ptrdiff_t)open.len,
                    to = gn_slice_find(all, close);
    if (to < from)
        return false;
    gn_arena arena = {0};
    gn_error e = {0};
    gn_str label = {0};
    bool shown = false;
    const gn_value *v = gn_json_parse(&arena, (gn_slice){all.data + from, (size_t)(to - from)}, &e);
    const gn_slice name = gn_value_text(v ? gn_value_get(v, GN_S("name")) : NULL);
    const gn_value *arguments = v ? gn_value_get(v, GN_S("arguments")) : NULL;
    if (name.len > 0 && (!arguments || gn_value_is(arguments, GN_MAP))) {
        gn_str_fmt(&label, "[tool call] %.*s", (int)name.len, name.data);
        int k = 0;
        shown = extra_rows(f, b, &k, gn_str_slice(&label), GN_STYLE_NOTE);
        for (size_t i = 0; shown && i < gn_value_count(arguments); i++)
            shown = argument(f, b, &k, &arguments->map.entry[i]);
    }
    gn_str_release(&label);
    gn_arena_release(&arena);
    return shown;
}

static bool verbatim(gn_flow *f, gn_slice text, const gn_block *b, bool hard, gn_style style) {
    memset(f->mark + b->first, 0, b->end - b->first);
    return lines_of(f, text, b->first, b->end, hard, style);
}

bool gn_flow_block(gn_flow *f, gn_slice text, const gn_block *b, bool open) {
    const gn_style style = b->in_span ? GN_STYLE_DIM : GN_STYLE_PLAIN;
    const bool writing = open && !b->complete;
    if (!f->markdown)
        return verbatim(f, text, b, false, GN_STYLE_PLAIN);
    gn_markdown_inline(text, b->first, b->end, writing, f->mark);
    switch (b->kind) {
    case GN_BLOCK_HEADING:
        return lines_of(f, text, b->first, b->end, false, GN_STYLE_STRONG);
    case GN_BLOCK_ITEM:
        memset(f->mark + b->first, 0, b->body - b->first);
        gn_markdown_inline(text, b->body, b->end, writing, f->mark);
        return item(f, text, b);
    case GN_BLOCK_QUOTE:
        return quote(f, text, b);
    case GN_BLOCK_RULE:
        return gn_flow_row_begin(f, b->first, b->end) &&
               gn_flow_piece(f, GN_PIECE_LINE, 0, 0, 0, GN_STYLE_DIM);
    case GN_BLOCK_FENCE:
        return fence(f, text, b);
    case GN_BLOCK_CODE:
        return verbatim(f, text, b, true, GN_STYLE_CODE);
    case GN_BLOCK_TABLE:
        return gn_flow_table(f, text, b, writing);
    case GN_BLOCK_CALL:
        return call(f, text, b) || verbatim(f, text, b, false, GN_STYLE_NOTE);
    case GN_BLOCK_SPAN:
        return verbatim(f, text, b, false, GN_STYLE_DIM);
    case GN_BLOCK_TEXT:
        break;
    }
    return lines_of(f, text, b->first, b->end, false, style);
}
