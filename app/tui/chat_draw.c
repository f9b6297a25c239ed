/* chat_draw.c - how a chat looks (interface: 5.4.1).
 *
 * From the top: title, rule, messages, what waits, rule, input, rule, status. Below 10
 * rows or 40 columns title and rules are left out; the input always has a row.
 */
#include "app/tui/chat.h"

#include "app/term/line.h"

#include <stdio.h>

/* ---- numbers ------------------------------------------------------------ */

/* "131,072" */
const char *gn_grouped(int64_t v, char out[32]) {
    char digits[24];
    const int n = snprintf(digits, sizeof digits, "%lld", (long long)v);
    char *to = out;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

static const char *bytes_text(size_t v, char out[32]) {
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double x = (double)v;
    int u = 0;
    for (; x >= 1024 && u < 4; u++)
        x /= 1024;
    snprintf(out, 32, x < 10 && u > 0 ? "%.1f %s" : "%.0f %s", x, unit[u]);
    return out;
}

/* Three digits: "31.2", "312", "3.12". */
static const char *speed(double v, char out[32]) {
    snprintf(out, 32, v >= 100 ? "%.0f" : v >= 10 ? "%.1f" : "%.2f", v);
    return out;
}

static double rate_of(int64_t tokens, double seconds) {
    return seconds > 0 ? (double)tokens / seconds : 0;
}

/* ---- parts -------------------------------------------------------------- */

static void draw_title(gn_chat *c, gn_tui *t) {
    gn_canvas *v = &t->canvas;
    gn_str right = {0};
    const int branches = gn_transcript_branches(&c->turns);
    const double temp = gn_settings_number(t->settings, "temp", (double)c->sampling.temp);
    if (branches > 1)
        gn_str_fmt(&right, "%d branches | ", branches);
    if (c->keep.off || c->options.off_disk)
        gn_str_puts(&right, "private | ");
    if (c->opened) {
        gn_str_puts(&right, "temp ");
        gn_str_number(&right, (double)(int)(temp * 1000 + 0.5) / 1000);
    }
    gn_canvas_paint(v, 0, 0, v->cols, GN_STYLE_TITLE);
    const int end = v->cols - gn_columns(gn_str_slice(&right)) - 2;
    int col = gn_canvas_put(v, 0, 1, end, gn_str_slice(&c->name), GN_STYLE_TITLE);
    const char *branch = gn_keep_branch(&c->keep, &c->turns);
    if (c->keep.name.len) {
        col = gn_canvas_put(v, 0, col, end, GN_S(" | "), GN_STYLE_TITLE);
        col = gn_canvas_put(v, 0, col, end, gn_str_slice(&c->keep.name), GN_STYLE_TITLE);
        if (branch[0])
            gn_canvas_fmt(v, 0, col, end, GN_STYLE_TITLE, " / %s", branch);
    }
    for (size_t i = 0; !c->keep.name.len && i < c->turns.count; i++)
        if (c->turns.turn[i]->role == GN_ROLE_USER) {
            col = gn_canvas_put(v, 0, col, end, GN_S(" | "), GN_STYLE_TITLE);
            gn_canvas_put(v, 0, col, end, gn_str_slice(&c->turns.turn[i]->text), GN_STYLE_TITLE);
            break;
        }
    gn_canvas_put(v, 0, end + 1, v->cols, gn_str_slice(&right), GN_STYLE_TITLE);
    gn_str_release(&right);
}

static void draw_label(const gn_chat *c, gn_canvas *v, int y, const gn_turn *turn, int number) {
    static const char *const who[] = {"system", "you", "model", "tool", "tools", "doc"};
    static const char lead[] = {'S', 0, 0, 0, 'T', 'D'};
    /* What is not in the database yet is not said yet. */
    const bool pending = gn_keep_is_on(&c->keep) && gn_role_asks(turn->role) && !turn->stored;
    const gn_style style = turn->id == c->selected    ? GN_STYLE_SELECTED
                           : pending                  ? GN_STYLE_DIM
                           : gn_role_asks(turn->role) ? GN_STYLE_USER
                                                      : GN_STYLE_MODEL;
    if (gn_role_leads(turn->role))
        gn_canvas_fmt(v, y, 0, v->cols, style, " %c %-7s", lead[turn->role],
                      c->message[turn->id].preset ? "default" : who[turn->role]);
    else
        gn_canvas_fmt(v, y, 0, v->cols, style, "%2d %-7s", number,
                      turn->edited && !turn->imported ? "edited" : who[turn->role]);
}

static int siblings(const gn_chat *c, const gn_turn *turn, int *which) {
    int of;
    *which = gn_transcript_sibling(&c->turns, turn->id, &of) + 1;
    return of;
}

/* "[imported from llm, gpt-4o]" */
static void draw_origin(gn_slice origin, gn_canvas *v, int y, int col, int end) {
    const char *name = memchr(origin.data, ':', origin.len),
               *model = memchr(origin.data, ' ', origin.len);
    const size_t program = name ? (size_t)(name - origin.data) : origin.len;
    col = gn_canvas_fmt(v, y, col, end, GN_STYLE_DIM, "[imported from %.*s", (int)program,
                        origin.data);
    if (model) {
        col = gn_canvas_put(v, y, col, end - 1, GN_S(", "), GN_STYLE_DIM);
        col = gn_canvas_put(v, y, col, end - 1,
                            gn_slice_from(origin, (size_t)(model + 1 - origin.data)), GN_STYLE_DIM);
    }
    gn_canvas_put(v, y, col, end, GN_S("]"), GN_STYLE_DIM);
}

static void draw_foot(const gn_chat *c, gn_canvas *v, int y, int col, const gn_turn *turn) {
    char rate[32];
    int which;
    const int of = siblings(c, turn, &which);
    int end = v->cols;
    if (of > 1) {
        char text[48];
        const int n = snprintf(text, sizeof text, "%d/%d < >", which, of);
        end = v->cols - n - 1;
        gn_canvas_put(v, y, end--, v->cols, gn_slice_of(text), GN_STYLE_NOTE);
    }
    const char *cut = turn->stop == GN_STOP_INTERRUPTED ? "stopped, "
                      : turn->stop == GN_STOP_LENGTH    ? "cut at the limit, "
                      : turn->stop == GN_STOP_CONTEXT   ? "context full, "
                                                        : "";
    if (turn->imported) {
        draw_origin(gn_str_slice(&c->keep.origin), v, y, col, end);
        return;
    }
    if (turn->role != GN_ROLE_MODEL || turn->edited) {
        gn_canvas_put(v, y, col, end, turn->edited ? GN_S("[edited]") : (gn_slice){"", 0},
                      GN_STYLE_DIM);
        return;
    }
    /* What there is no room for is left out, the rate first. */
    char begun[48] = "", tokens[48], how[48] = "", from[64] = "";
    if (turn->begun > 0)
        snprintf(begun, sizeof begun, "%lld given, ", (long long)turn->begun);
    snprintf(tokens, sizeof tokens, "%lld token%s", (long long)turn->tokens,
             turn->tokens == 1 ? "" : "s");
    if (turn->generate_s > 0)
        snprintf(how, sizeof how, ", %s t/s", speed(rate_of(turn->tokens, turn->generate_s), rate));
    if (turn->reused + turn->read > 0) /* else it was copied to another branch, not made here */
        snprintf(from, sizeof from, ", reused %lld, read %lld", (long long)turn->reused,
                 (long long)turn->read);
    const int room = end - col - 2;
    const int needed = (int)(strlen(cut) + strlen(begun) + strlen(tokens) + strlen(from));
    if (needed + (int)strlen(how) > room)
        how[0] = '\0';
    if (needed > room)
        from[0] = '\0';
    gn_canvas_fmt(v, y, col, end, GN_STYLE_DIM, "[%s%s%s%s%s]", cut, begun, tokens, how, from);
}

/* Mark every place of a row where the pattern stands. */
static void draw_matches(const gn_chat *c, gn_canvas *v, int y, int col, const gn_turn *turn,
                         size_t i) {
    const gn_slice pattern = gn_str_slice(&c->pattern), text = gn_chat_text(turn);
    const gn_flow *f = &c->message[turn->id].flow;
    const gn_row row = gn_flow_row_at(f, i);
    /* One that began in the row before may end here. */
    size_t at = row.first > pattern.len ? row.first - pattern.len : 0;
    while (pattern.len && at < row.end) {
        const ptrdiff_t found = gn_slice_find(
            (gn_slice){text.data + at,
                       (row.end + pattern.len < text.len ? row.end + pattern.len : text.len) - at},
            pattern);
        if (found < 0)
            return;
        at += (size_t)found;
        gn_flow_paint(f, i, v, y, col, v->cols, text, at, at + pattern.len, GN_STYLE_MATCH);
        at += pattern.len;
    }
}

/* Row `row` of a message, at line y of the screen. */
static void draw_row(const gn_chat *c, gn_canvas *v, const gn_shape *s, const gn_turn *turn,
                     int row, int y) {
    const gn_message *m = &c->message[turn->id];
    const int label = s->gutter == 0, col = s->gutter ? s->gutter : 1;
    if (row == 0)
        draw_label(c, v, y, turn, m->number);
    row -= label;
    if (row >= (int)gn_flow_count(&m->flow))
        draw_foot(c, v, y, col, turn);
    else if (row >= 0) {
        gn_flow_draw(&m->flow, (size_t)row, v, y, col, v->cols,
                     m->preset ? gn_str_slice(&c->preset) : gn_chat_text(turn), m->code,
                     m->odds.run, m->odds.count,
                     gn_role_leads(turn->role) ? GN_STYLE_DIM : GN_STYLE_PLAIN);
        if (!m->preset)
            draw_matches(c, v, y, col, turn, (size_t)row);
    }
}

/* "answering  31.4 t/s  Esc stops", at the right of a row. */
static void draw_progress(const gn_chat *c, gn_canvas *v, int y) {
    char text[96] = "", rate[32];
    if (!c->opened)
        snprintf(text, sizeof text, c->all > 0 ? "loading %.0f %%" : "loading",
                 c->all > 0 ? 100.0 * (double)c->done / (double)c->all : 0.0);
    else if (c->stopping)
        snprintf(text, sizeof text, "stopping");
    else if (c->rate > 0)
        snprintf(text, sizeof text, "answering  %s t/s  Esc stops", speed(c->rate, rate));
    else if (c->all > 0)
        snprintf(text, sizeof text, "reading %lld of %lld  Esc stops", (long long)c->done,
                 (long long)c->all);
    else
        snprintf(text, sizeof text, "reading  Esc stops");
    const int left = v->cols - (int)strlen(text) - 1;
    gn_canvas_put(v, y, left > 0 ? left : 0, v->cols, gn_slice_of(text), GN_STYLE_NOTE);
}

static bool is_busy(const gn_chat *c) { return !c->opened || c->answer >= 0 || c->scoring >= 0; }

static void draw_messages(gn_chat *c, gn_tui *t, const gn_shape *s) {
    gn_canvas *v = &t->canvas;
    const int height = s->height - (is_busy(c) && s->height > 1), all = gn_chat_total(c, s);
    int top = c->follow ? all - height : gn_chat_row_at(c, s, c->top_turn, c->top_byte);
    if (top >= all - height) {
        top = all - height;
        c->follow = true;
    }
    top = top < 0 ? 0 : top;
    gn_chat_at_row(c, s, top);
    const bool probs = gn_settings_flag(t->settings, "probs");
    int row = 0;
    for (size_t i = 0; i < c->path.count && row < top + height; i++) {
        gn_turn *turn = c->turns.turn[c->path.id[i]];
        const int rows = gn_chat_rows_of(&c->message[turn->id], turn, s);
        if (probs && row + rows > top && turn->made.count == 0) {
            gn_message *m = &c->message[turn->id];
            gn_chat_recall(c, turn);
            gn_odds_of(&m->odds, &turn->made);
            m->odds_of = turn->made.count;
        }
        for (int k = top > row ? top - row : 0; k < rows && row + k < top + height; k++)
            draw_row(c, v, s, turn, k, s->first + row + k - top);
        row += rows;
    }
    if (all == 0 && c->opened && !s->small)
        gn_canvas_put(v, s->first, 1, v->cols,
                      v->cols > 61
                          ? GN_S("Write a message and press Enter. F1 shows keys and commands.")
                          : GN_S("Write a message and press Enter. F1: help."),
                      GN_STYLE_DIM);
    if (is_busy(c) && s->height > 1)
        draw_progress(c, v, s->first + height);
    c->height = height;
}

static void draw_waiting(const gn_chat *c, gn_tui *t, const gn_shape *s) {
    gn_canvas *v = &t->canvas;
    for (int i = 0; i < s->n_queue; i++) {
        const int k = c->n_queue - s->n_queue + i;
        int col = gn_canvas_fmt(v, s->queue + i, 1, v->cols, GN_STYLE_NOTE, "queued %d: ", k + 1);
        gn_canvas_put(v, s->queue + i, col, v->cols, gn_str_slice(&c->queue[k]), GN_STYLE_NOTE);
    }
    gn_wrap note = {0};
    gn_wrap_update(&note, gn_str_slice(&t->note), v->cols - 2 > 1 ? v->cols - 2 : 1);
    for (int i = 0; i < s->n_note; i++)
        gn_wrap_draw(v, s->note + i, 1, v->cols, gn_str_slice(&t->note), note.row[i], NULL, 0,
                     t->note_style);
    gn_wrap_release(&note);
}

static void draw_input(gn_tui *t, const gn_shape *s) {
    gn_canvas *v = &t->canvas;
    gn_wrap w = {0};
    const gn_slice text = gn_line_text();
    const int left = gn_canvas_put(v, s->input, 0, v->cols - 1, gn_chat_prompt(t), GN_STYLE_BOLD);
    gn_wrap_update(&w, text, gn_chat_input_width(t));
    const size_t cursor = gn_wrap_find(&w, gn_line_point());
    for (int i = 0; i < s->n_input && (size_t)(s->skip_input + i) < w.count; i++)
        gn_wrap_draw(v, s->input + i, left, v->cols, text, w.row[s->skip_input + i], NULL, 0,
                     GN_STYLE_PLAIN);
    if (t->mode != GN_MODE_READ && w.count > 0) {
        const size_t from = w.row[cursor].first;
        const int col = left + gn_columns((gn_slice){text.data + from, gn_line_point() - from});
        v->cursor = true;
        v->cursor_row = s->input + (int)cursor - s->skip_input;
        v->cursor_col = col < v->cols ? col : v->cols - 1;
    }
    gn_wrap_release(&w);
}

/* Parts in the order they are shown; the lowest ranks get room first. */
static void draw_status(const gn_chat *c, gn_tui *t, const gn_shape *s) {
    enum { PARTS = 8, UNSAVED = 7 };
    static const int rank[PARTS] = {0, 4, 5, 2, 7, 3, 6, 1};
    static const char *const mode[] = {"write", "read", "ask"};
    char part[PARTS][96] = {{0}}, a[32], b[32];
    gn_canvas *v = &t->canvas;
    const bool full = c->context > 0 && c->last.used * 10 >= c->context * 9;
    snprintf(part[0], 96, "%s", mode[t->mode]);
    if (c->last.read + c->last.reused > 0) {
        snprintf(part[1], 96, "reused %lld read %lld", (long long)c->last.reused,
                 (long long)c->last.read);
        if (c->last.tokens > 0)
            snprintf(part[2], 96, "%s t/s", speed(rate_of(c->last.tokens, c->last.generate_s), a));
        snprintf(part[4], 96, "state %s, %d kept %s", bytes_text(c->last.state_bytes, a),
                 c->last.states, bytes_text(c->last.kept_bytes, b));
    }
    if (c->context > 0)
        snprintf(part[3], 96, "%s/%s", gn_grouped(c->last.used, a), gn_grouped(c->context, b));
    if (!c->follow)
        snprintf(part[5], 96, "more below");
    if (c->keep.trouble.code != GN_OK) {
        /* Why was told; that it is so stands there whatever the width. */
        const int room = v->cols - (int)strlen(part[0]) - 5;
        const int n = snprintf(part[UNSAVED], 96, "NOT SAVED: %.80s", c->keep.trouble.message);
        if (n > room)
            snprintf(part[UNSAVED], 96, "NOT SAVED");
    }
    snprintf(part[6], 96, "F1 help");
    bool shown[PARTS] = {false};
    for (int r = 0, width = -1; r < PARTS; r++)
        for (int i = 0; i < PARTS; i++)
            if (rank[i] == r && part[i][0] && width + (int)strlen(part[i]) + 3 <= v->cols) {
                shown[i] = true;
                width += (int)strlen(part[i]) + 3;
            }
    gn_canvas_paint(v, s->status, 0, v->cols, GN_STYLE_STATUS);
    int col = 1;
    for (int i = 0; i < PARTS; i++) {
        if (!shown[i])
            continue;
        if (col > 1)
            col = gn_canvas_put(v, s->status, col, v->cols, GN_S(" | "), GN_STYLE_STATUS);
        col = gn_canvas_put(v, s->status, col, v->cols, gn_slice_of(part[i]),
                            (i == 3 && full) || i == UNSAVED ? GN_STYLE_ERROR : GN_STYLE_STATUS);
    }
}

void gn_chat_draw(void *self, gn_tui *t) {
    gn_chat *c = self;
    gn_canvas *v = &t->canvas;
    const gn_shape s = gn_chat_lay_out(c, t);
    gn_chat_wrap(c, t, &s);
    if (!s.small) {
        draw_title(c, t);
        gn_canvas_rule(v, 1, GN_STYLE_DIM);
        gn_canvas_rule(v, s.input - 1, GN_STYLE_DIM);
        gn_canvas_rule(v, s.status - 1, GN_STYLE_DIM);
    }
    if (s.height > 0)
        draw_messages(c, t, &s);
    draw_waiting(c, t, &s);
    draw_input(t, &s);
    draw_status(c, t, &s);
}
