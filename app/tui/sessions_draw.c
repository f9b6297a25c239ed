/* sessions_draw.c - how the sessions view looks (interface: 5.4.2).
 *
 * Conversations on the left, the tree of one on the right; below 60 columns or 12 rows one
 * of them alone. Every mark is a character, colour only says it again.
 */
#include "app/tui/sessions.h"

#include "app/cli/when.h"
#include "app/term/line.h"
#include "app/term/wrap.h"

#include <stdio.h>

/* Where the panes are. */
typedef struct layout {
    bool rules, both; /* lines above and below; both panes */
    int first, height;
    int list, list_end; /* columns [list, list_end), of the tree likewise; empty: not shown */
    int tree, tree_end;
} layout;

static layout lay_out(const gn_sessions *v, const gn_canvas *c) {
    layout l = {.rules = c->rows >= 10 && c->cols >= 40};
    l.both = c->cols >= 60 && c->rows >= 12 && !v->maximised;
    l.first = l.rules ? 2 : c->rows > 2;
    l.height = c->rows - 1 - l.rules - l.first;
    l.height = l.height > 0 ? l.height : 0;
    l.list_end = l.both ? c->cols * 45 / 100 : v->pane == GN_PANE_LIST ? c->cols : 0;
    l.tree = l.both ? l.list_end + 1 : l.list_end;
    l.tree_end = c->cols;
    return l;
}

/* ---- numbers -------------------------------------------------------------- */

static void put_right(gn_canvas *c, int y, int end, gn_slice text, gn_style style) {
    const int col = end - gn_columns(text);
    gn_canvas_put(c, y, col > 0 ? col : 0, end, text, style);
}

/* Text in [col, end): what does not fit ends in an ellipsis. */
static int put_cut(gn_canvas *c, int y, int col, int end, gn_slice text, gn_style style) {
    const char *stop = memchr(text.data, '\n', text.len);
    if (stop)
        text.len = (size_t)(stop - text.data);
    const bool fits = gn_columns(text) + (stop != NULL) <= end - col;
    const int at = gn_canvas_put(c, y, col, fits ? end : end - 1, text, style);
    return fits && !stop ? at : gn_canvas_put(c, y, at, end, GN_S("\xe2\x80\xa6"), style);
}

/* ---- the list --------------------------------------------------------------- */

static void draw_own(const gn_sessions *v, gn_canvas *c, int y, int end, gn_style style) {
    const char *name = v->host.is_private ? "~ private ~" : "~ not kept yet ~";
    char branches[24];
    snprintf(branches, sizeof branches, "%d br", gn_transcript_branches(v->host.turns));
    put_cut(c, y, 2, end - 7, gn_slice_of(name), style);
    put_right(c, y, end - 1, gn_slice_of(branches), style);
}

static void draw_stored(const gn_sessions *v, gn_tui *t, const gn_conversations_row *r, int y,
                        int end, gn_style style) {
    gn_canvas *c = &t->canvas;
    char when[32], branches[24];
    int right = end - 1;
    gn_when_text(r->used_at, (time_t)t->clock, when);
    snprintf(branches, sizeof branches, "%lld br", (long long)r->branches);
    put_right(c, y, right, gn_slice_of(branches), style);
    right -= 6;
    if (end >= 30) {
        put_right(c, y, right, gn_slice_of(when), style);
        right -= 12;
    }
    if (end >= 54) {
        put_cut(c, y, right - 10, right, gn_str_slice(&r->model), style);
        right -= 11;
    }
    int col = 2;
    if (r->archived)
        col = gn_canvas_put(c, y, col, right, GN_S("(archived) "), GN_STYLE_DIM);
    if (strcmp(r->id, v->host.session) == 0)
        col = gn_canvas_put(c, y, col, right, GN_S("@ "), style);
    put_cut(c, y, col, right, r->title.len ? gn_str_slice(&r->title) : GN_S("(empty)"), style);
}

static void clamp(gn_cursor *k, size_t count, int height) {
    k->height = height;
    k->at = count == 0 ? 0 : k->at < count ? k->at : count - 1;
    if (k->at < k->top)
        k->top = k->at;
    if (height > 0 && k->at >= k->top + (size_t)height)
        k->top = k->at - (size_t)height + 1;
    if (count <= (size_t)(height > 0 ? height : 0))
        k->top = 0;
    else if (k->top + (size_t)height > count)
        k->top = count - (size_t)height;
}

static void draw_list(gn_sessions *v, gn_tui *t, const layout *l) {
    gn_canvas *c = &t->canvas;
    gn_error e = {0};
    clamp(&v->row, gn_sessions_count(v), l->height);
    if (v->host.history &&
        !gn_conversations_fill(&v->list, v->row.top > v->own ? v->row.top - v->own : 0,
                               (size_t)l->height, gn_history_store(v->host.history), &e))
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
    for (int y = 0; y < l->height && v->row.top + (size_t)y < gn_sessions_count(v); y++) {
        const size_t i = v->row.top + (size_t)y;
        const bool here = i == v->row.at;
        const gn_style style = here && v->pane == GN_PANE_LIST ? GN_STYLE_SELECTED : GN_STYLE_PLAIN;
        const gn_conversations_row *r = gn_sessions_row(v, i);
        if (style == GN_STYLE_SELECTED)
            gn_canvas_paint(c, l->first + y, l->list, l->list_end, style);
        if (here)
            gn_canvas_put(c, l->first + y, l->list, l->list_end, GN_S(">"), style);
        if (r)
            draw_stored(v, t, r, l->first + y, l->list_end, style);
        else
            draw_own(v, c, l->first + y, l->list_end, style);
    }
    if (gn_sessions_count(v) == 0)
        gn_canvas_put(c, l->first, 2, l->list_end,
                      v->words.len ? GN_S("none holds these words") : GN_S("none yet"),
                      GN_STYLE_DIM);
}

/* ---- the tree ------------------------------------------------------------------ */

static const char *mark_of(const gn_turn *turn) {
    return turn->held == GN_HELD_MEMORY ? "*" : turn->held == GN_HELD_DISK ? "o" : ".";
}

static void remarks(const gn_sessions *v, const gn_turn *turn, gn_str *out) {
    if (turn->id == v->turns->head)
        gn_str_puts(out, "HEAD");
    if (turn->rating)
        gn_str_fmt(out, "%s%+d", out->len ? " " : "", turn->rating);
    if (turn->pinned)
        gn_str_fmt(out, "%spin", out->len ? " " : "");
    if (turn->edited)
        gn_str_fmt(out, "%s%s", out->len ? " " : "", v->imported ? "imp" : "edited");
}

static bool is_marked(const gn_sessions *v, int64_t id) {
    return v->mark[0] == id || v->mark[1] == id;
}

static void draw_node(const gn_sessions *v, gn_canvas *c, const layout *l, int y,
                      const gn_tree_row *row, bool here) {
    const gn_turn *turn = v->turns->turn[row->id];
    const gn_style style = here && v->pane == GN_PANE_TREE ? GN_STYLE_SELECTED
                           : turn->role == GN_ROLE_USER    ? GN_STYLE_USER
                           : turn->role == GN_ROLE_MODEL   ? GN_STYLE_PLAIN
                                                           : GN_STYLE_DIM;
    const int width = l->tree_end - l->tree, space = width >= 34 ? 9 : width >= 24 ? 5 : 0;
    int end = l->tree_end, col = l->tree;
    char label[16], tokens[24];
    gn_str remark = {0};
    if (style == GN_STYLE_SELECTED)
        gn_canvas_paint(c, y, l->tree, l->tree_end, style);
    gn_canvas_put(c, y, col++, end, here ? GN_S(">") : GN_S(" "), style);
    gn_canvas_put(c, y, col, end, is_marked(v, row->id) ? GN_S("+") : GN_S(" "), style);
    remarks(v, turn, &remark);
    if (space)
        gn_canvas_put(c, y, end - space + 1, end, gn_str_slice(&remark), style);
    end -= space;
    gn_canvas_put(c, y, end - 2, end, gn_slice_of(mark_of(turn)), style);
    end -= 3;
    if (width >= 24) {
        snprintf(tokens, sizeof tokens, "%zu", turn->ids.count);
        put_right(c, y, end, gn_slice_of(turn->ids.count || turn->text.len == 0 ? tokens : "?"),
                  style);
        end -= 6;
    }
    gn_tree_label(row, label);
    const char *graph = gn_tree_graph(&v->tree, row);
    const size_t deep = strlen(graph), most = (size_t)(width > 40 ? width / 3 : 8);
    if (deep > most) /* the end of it says where this hangs */
        col = gn_canvas_fmt(c, y, col + 1, end, GN_STYLE_DIM, "~%s", graph + deep - most);
    else
        col = gn_canvas_put(c, y, col + 1, end, gn_slice_of(graph), GN_STYLE_DIM);
    col = gn_canvas_fmt(c, y, col, end, style, width >= 34 ? "%-2s %-5s " : "%s ", label,
                        gn_tree_who(turn->role));
    if (turn->stop == GN_STOP_INTERRUPTED)
        col = gn_canvas_put(c, y, col, end, GN_S("(stopped) "), style);
    const gn_slice text = gn_text_strip(gn_str_slice(&turn->text), true, false);
    const bool preset = turn->role == GN_ROLE_SYSTEM && text.len == 0;
    put_cut(c, y, col, end, preset ? GN_S("(default)") : text, style);
    gn_str_release(&remark);
}

static void draw_tree(gn_sessions *v, gn_tui *t, const layout *l) {
    gn_canvas *c = &t->canvas;
    clamp(&v->node, v->tree.count, l->height);
    for (int y = 0; y < l->height && v->node.top + (size_t)y < v->tree.count; y++) {
        const size_t i = v->node.top + (size_t)y;
        draw_node(v, c, l, l->first + y, &v->tree.row[i], i == v->node.at);
    }
    if (v->tree.count == 0)
        gn_canvas_put(c, l->first, l->tree + 1, l->tree_end, GN_S("nothing was said"),
                      GN_STYLE_DIM);
}

/* ---- title and status ------------------------------------------------------------ */

static int64_t tokens_to_head(const gn_sessions *v) {
    int64_t sum = 0;
    for (const gn_turn *turn = gn_transcript_turn(v->turns, v->turns->head); turn;
         turn = gn_transcript_turn(v->turns, turn->parent))
        sum += (int64_t)turn->ids.count;
    return sum;
}

static void draw_title(const gn_sessions *v, gn_canvas *c, const layout *l) {
    char right[48];
    gn_canvas_paint(c, 0, 0, c->cols, GN_STYLE_TITLE);
    if (l->list_end > l->list) {
        int col = gn_canvas_fmt(c, 0, 1, l->list_end, GN_STYLE_TITLE, "sessions %zu%s",
                                gn_sessions_count(v), v->list.more ? "+" : "");
        if (v->archived)
            col = gn_canvas_put(c, 0, col, l->list_end, GN_S(" | archived, too"), GN_STYLE_TITLE);
        if (v->words.len) {
            col = gn_canvas_put(c, 0, col, l->list_end, GN_S(" | /"), GN_STYLE_TITLE);
            put_cut(c, 0, col, l->list_end - 1, gn_str_slice(&v->words), GN_STYLE_TITLE);
        }
    }
    if (l->tree_end <= l->tree || gn_sessions_count(v) == 0)
        return;
    const gn_conversations_row *r = gn_sessions_row(v, v->row.at);
    const gn_slice name = r                    ? gn_str_slice(r->title.len ? &r->title : &r->name)
                          : v->host.is_private ? GN_S("~ private ~")
                                               : gn_slice_of(v->host.name);
    const int64_t tokens = tokens_to_head(v);
    snprintf(right, sizeof right, "%lld token%s", (long long)tokens, tokens == 1 ? "" : "s");
    put_cut(c, 0, l->tree + 1, l->tree_end - (int)strlen(right) - 2, name, GN_STYLE_TITLE);
    put_right(c, 0, l->tree_end - 1, gn_slice_of(right), GN_STYLE_TITLE);
}

/* Tokens read in a second, as far as this conversation tells; 0: it does not. */
static double read_rate(const gn_transcript *t) {
    double tokens = 0, seconds = 0;
    for (size_t i = 0; i < t->count; i++)
        if (t->turn[i]->prompt_s > 0) {
            tokens += (double)t->turn[i]->read;
            seconds += t->turn[i]->prompt_s;
        }
    return seconds > 0 ? tokens / seconds : 0;
}

/* What it takes to go to the turn under the cursor. */
static void cost(const gn_sessions *v, gn_str *out) {
    const gn_turn *turn = gn_sessions_turn(v);
    if (!turn)
        return;
    const gn_going g = gn_transcript_cost(v->turns, turn->id);
    const double rate = read_rate(v->turns);
    gn_str_fmt(out, "%s ", mark_of(turn));
    gn_going_text(g, out);
    if (g.tokens > 0 && rate > 0)
        gn_str_fmt(out, ", ~%.1f s", (double)g.tokens / rate);
}

/* A search or a command is being typed. */
static void draw_asking(gn_tui *t, int y) {
    gn_canvas *c = &t->canvas;
    const char sign[2] = {t->asking, '\0'};
    const gn_slice text = gn_line_text();
    const int left = gn_canvas_put(c, y, 0, c->cols, gn_slice_of(sign), GN_STYLE_STATUS);
    gn_canvas_put(c, y, left, c->cols, text, GN_STYLE_STATUS);
    const int col = left + gn_columns((gn_slice){text.data, gn_line_point()});
    c->cursor = true;
    c->cursor_row = y;
    c->cursor_col = col < c->cols ? col : c->cols - 1;
}

static void draw_status(const gn_sessions *v, gn_tui *t) {
    gn_canvas *c = &t->canvas;
    const int y = c->rows - 1;
    gn_canvas_paint(c, y, 0, c->cols, GN_STYLE_STATUS);
    if (t->mode == GN_MODE_ASK) {
        draw_asking(t, y);
        return;
    }
    if (t->note.len) {
        gn_canvas_put(c, y, 1, c->cols, gn_str_slice(&t->note), t->note_style);
        return;
    }
    gn_str first = {0};
    const bool tree = v->pane == GN_PANE_TREE;
    if (tree)
        cost(v, &first);
    const char *const list_parts[] = {"Enter opens", "q back",     "/ finds words",
                                      "f forks",     "d archives", "Tab tree"};
    const char *const tree_parts[] = {"Enter goes there", "q back", "* memory o disk",
                                      "f forks",          "P pins", "Space c compare"};
    const char *const *part = tree ? tree_parts : list_parts;
    int col = gn_canvas_put(c, y, 1, c->cols, tree ? gn_str_slice(&first) : GN_S("read"),
                            GN_STYLE_STATUS);
    for (int i = 0; i < 6; i++)
        if (col + (int)strlen(part[i]) + 3 <= c->cols) {
            col = gn_canvas_put(c, y, col, c->cols, GN_S(" | "), GN_STYLE_STATUS);
            col = gn_canvas_put(c, y, col, c->cols, gn_slice_of(part[i]), GN_STYLE_STATUS);
        }
    gn_str_release(&first);
}

void gn_sessions_draw(void *self, gn_tui *t) {
    gn_sessions *v = self;
    gn_canvas *c = &t->canvas;
    const layout l = lay_out(v, c);
    if (l.list_end > l.list)
        draw_list(v, t, &l);
    if (l.tree_end > l.tree)
        draw_tree(v, t, &l);
    for (int y = 0; l.both && y < l.height; y++)
        gn_canvas_put(c, l.first + y, l.list_end, c->cols, GN_S("\xe2\x94\x82"), GN_STYLE_DIM);
    if (c->rows > 2)
        draw_title(v, c, &l);
    if (l.rules) {
        gn_canvas_rule(c, 1, GN_STYLE_DIM);
        gn_canvas_rule(c, c->rows - 2, GN_STYLE_DIM);
    }
    draw_status(v, t);
}
