/* chat_rows.c - where things stand: the parts of the screen, the rows of a conversation,
 * and what scrolling, selecting and searching do to them. */
#include "app/tui/chat.h"

#include "app/term/line.h"

enum { GUTTER = 11 };

/* ---- rows of messages --------------------------------------------------- */

gn_slice gn_chat_text(const gn_turn *turn) {
    gn_slice s = gn_str_slice(&turn->text);
    while (s.len > 0 && s.data[s.len - 1] == '\n')
        s.len--;
    return s;
}

static bool has_foot(const gn_message *m, const gn_turn *turn) {
    return (turn->role == GN_ROLE_MODEL && turn->complete && turn->tokens > 0) || turn->edited ||
           (m->siblings > 1 && turn->complete && !gn_role_leads(turn->role));
}

static bool is_shown(const gn_message *m, const gn_turn *turn) {
    return turn->role != GN_ROLE_SYSTEM || turn->text.len > 0 || m->preset;
}

/* Label (where it has a row of its own), text, foot. */
int gn_chat_rows_of(const gn_message *m, const gn_turn *turn, const gn_shape *s) {
    return is_shown(m, turn) ? (s->gutter == 0) + (int)gn_flow_count(&m->flow) + has_foot(m, turn)
                             : 0;
}

void gn_chat_wrap(gn_chat *c, const gn_tui *t, const gn_shape *s) {
    int number = 0, code = 1;
    const bool markdown = gn_settings_flag(t->settings, "markdown") && !c->raw;
    const bool probs = gn_settings_flag(t->settings, "probs");
    c->path.count = 0;
    if (!gn_transcript_path(&c->turns, c->turns.head, &c->path))
        c->path.count = 0;
    if (!gn_vec_reserve(&c->message, &c->message_room, c->turns.count, sizeof *c->message)) {
        c->path.count = 0;
        return;
    }
    for (; c->n_message < c->turns.count; c->n_message++)
        c->message[c->n_message] = (gn_message){0};
    for (size_t i = 0; i < c->path.count; i++) {
        const gn_turn *turn = gn_transcript_turn(&c->turns, c->path.id[i]);
        gn_message *m = &c->message[turn->id];
        m->number = gn_role_leads(turn->role) ? 0 : ++number;
        m->code = code;
        if (m->counted != c->turns.count + c->turns.merged) {
            gn_transcript_sibling(&c->turns, turn->id, &m->siblings);
            m->counted = c->turns.count + c->turns.merged;
        }
        /* With tools or documents a template has other words than its own. */
        m->preset =
            turn->role == GN_ROLE_SYSTEM && turn->text.len == 0 && c->preset.len > 0 &&
            (i + 1 == c->path.count || !gn_role_leads(c->turns.turn[c->path.id[i + 1]]->role));
        if (!m->known && (turn->role == GN_ROLE_TOOLS || turn->role == GN_ROLE_DOCUMENT))
            m->fold = GN_FOLD_ALL;
        m->known = true;
        gn_flow_update(&m->flow, m->preset ? gn_str_slice(&c->preset) : gn_chat_text(turn),
                       s->width, markdown && turn->role == GN_ROLE_MODEL, !turn->complete, m->fold);
        code += m->flow.stable.blocks;
        if (!probs || turn->made.count == 0)
            m->odds.count = 0;
        else if (m->odds_of != turn->made.count)
            gn_odds_of(&m->odds, &turn->made);
        m->odds_of = probs ? turn->made.count : 0;
    }
}

int gn_chat_total(const gn_chat *c, const gn_shape *s) {
    int rows = 0;
    for (size_t i = 0; i < c->path.count; i++)
        rows += gn_chat_rows_of(&c->message[c->path.id[i]], c->turns.turn[c->path.id[i]], s);
    return rows;
}

/* The row that a turn's byte is in, counted from the conversation's first. */
int gn_chat_row_at(const gn_chat *c, const gn_shape *s, int64_t id, size_t byte) {
    int row = 0;
    for (size_t i = 0; i < c->path.count; i++) {
        const gn_message *m = &c->message[c->path.id[i]];
        const gn_turn *turn = c->turns.turn[c->path.id[i]];
        if (turn->id == id) {
            if (byte == GN_BYTE_LABEL)
                return row;
            if (byte == GN_BYTE_FOOT)
                return row + gn_chat_rows_of(m, turn, s) - 1;
            return row + (s->gutter == 0) + (int)gn_flow_find(&m->flow, byte);
        }
        row += gn_chat_rows_of(m, turn, s);
    }
    return 0;
}

/* And back: which turn and byte begin a row. */
void gn_chat_at_row(gn_chat *c, const gn_shape *s, int row) {
    for (size_t i = 0; i < c->path.count; i++) {
        const gn_message *m = &c->message[c->path.id[i]];
        const gn_turn *turn = c->turns.turn[c->path.id[i]];
        const int rows = gn_chat_rows_of(m, turn, s);
        if (row < rows) {
            const int text = row - (s->gutter == 0);
            c->top_turn = turn->id;
            c->top_byte = text < 0 ? GN_BYTE_LABEL : GN_BYTE_FOOT;
            if (text >= 0 && text < (int)gn_flow_count(&m->flow))
                c->top_byte = gn_flow_row_at(&m->flow, (size_t)text).first;
            return;
        }
        row -= rows;
    }
}

/* ---- layout ------------------------------------------------------------- */

gn_slice gn_chat_prompt(const gn_tui *t) {
    if (gn_line_prompt()) {
        const gn_slice all = gn_slice_of(gn_line_prompt());
        const ptrdiff_t sought = gn_slice_find(all, GN_S("`"));
        return sought > 0 && t->canvas.cols < 40 ? gn_slice_from(all, (size_t)sought) : all;
    }
    if (t->mode == GN_MODE_ASK)
        return t->asking == '/' ? GN_S("/") : GN_S(":");
    return GN_S("> ");
}

int gn_chat_input_width(const gn_tui *t) {
    const int width = t->canvas.cols - gn_columns(gn_chat_prompt(t)) - 1;
    return width < 4 ? 4 : width;
}

gn_shape gn_chat_lay_out(gn_chat *c, gn_tui *t) {
    const int rows = t->canvas.rows, cols = t->canvas.cols;
    gn_shape s = {.small = rows < 10 || cols < 40};
    gn_wrap input = {0}, note = {0};
    s.gutter = s.small ? 0 : GUTTER;
    s.width = cols - (s.gutter ? s.gutter + 1 : 2);
    s.status = rows - 1;

    gn_wrap_update(&input, gn_line_text(), gn_chat_input_width(t));
    const int most = rows / 3 > 1 ? rows / 3 : 1;
    s.n_input = (int)input.count < most ? (int)input.count : most;
    s.n_input = s.n_input > 0 ? s.n_input : 1;
    const int cursor = (int)gn_wrap_find(&input, gn_line_point());
    s.skip_input = cursor >= s.n_input ? cursor - s.n_input + 1 : 0;
    gn_wrap_release(&input);

    const int lines = s.small ? 0 : 1;
    s.input = s.status - lines - s.n_input;
    int above = s.input - lines;
    s.first = s.small ? 0 : 2;
    int room = above - s.first - 1; /* one row of messages at least */
    if (t->note.len) {
        gn_wrap_update(&note, gn_str_slice(&t->note), cols - 2 > 1 ? cols - 2 : 1);
        s.n_note = (int)note.count < room ? (int)note.count : room;
        s.n_note = s.n_note < 0 ? 0 : s.n_note;
    }
    gn_wrap_release(&note);
    room -= s.n_note;
    s.n_queue = c->n_queue < 3 ? c->n_queue : 3;
    s.n_queue = s.n_queue < room ? s.n_queue : room;
    s.n_queue = s.n_queue < 0 ? 0 : s.n_queue;
    s.note = above - s.n_note;
    s.queue = s.note - s.n_queue;
    s.height = s.queue - s.first;
    return s;
}

/* ---- moving ------------------------------------------------------------- */

void gn_chat_scroll(void *self, gn_tui *t, int rows) {
    gn_chat *c = self;
    const gn_shape s = gn_chat_lay_out(c, t);
    gn_chat_wrap(c, t, &s);
    const int all = gn_chat_total(c, &s);
    int top = c->follow ? all - c->height : gn_chat_row_at(c, &s, c->top_turn, c->top_byte);
    top = rows > all ? all : rows < -all ? 0 : top + rows;
    c->follow = top >= all - c->height;
    gn_chat_at_row(c, &s, top < 0 ? 0 : top);
}

void gn_chat_show(gn_chat *c, gn_tui *t, int64_t id, size_t byte) {
    const gn_shape s = gn_chat_lay_out(c, t);
    gn_chat_wrap(c, t, &s);
    const int all = gn_chat_total(c, &s), row = gn_chat_row_at(c, &s, id, byte),
              top = c->follow ? all - c->height : gn_chat_row_at(c, &s, c->top_turn, c->top_byte);
    if (row >= top && row < top + c->height)
        return;
    const int now =
        row < top ? row : row - c->height + 1 + (byte < GN_BYTE_LABEL ? c->height / 2 : 0);
    c->follow = now >= all - c->height;
    gn_chat_at_row(c, &s, now < 0 ? 0 : now);
}

/* ---- search ------------------------------------------------------------- */

/* Where the pattern stands before or after a place, in the branch in view. */
void gn_chat_search(gn_chat *c, gn_tui *t, int direction) {
    const gn_slice pattern = gn_str_slice(&c->pattern);
    const int n = (int)c->path.count;
    int at = n - 1;
    size_t byte = SIZE_MAX;
    if (pattern.len == 0 || n == 0)
        return;
    for (int i = 0; i < n; i++)
        if (c->path.id[i] == c->found_turn) {
            at = i;
            byte = c->found_byte;
        }
    for (int looked = 0; looked <= n; looked++, at = (at + direction + n) % n) {
        const gn_slice text = gn_chat_text(c->turns.turn[c->path.id[at]]);
        ptrdiff_t found = -1;
        for (size_t i = 0; i < text.len;) {
            const ptrdiff_t next = gn_slice_find(gn_slice_from(text, i), pattern);
            if (next < 0)
                break;
            const size_t place = i + (size_t)next;
            if (direction < 0 ? place < byte : byte == SIZE_MAX || place > byte) {
                found = (ptrdiff_t)place;
                if (direction > 0)
                    break;
            }
            i = place + 1;
        }
        if (found >= 0) {
            c->found_turn = c->path.id[at];
            c->found_byte = (size_t)found;
            gn_chat_show(c, t, c->found_turn, c->found_byte);
            return;
        }
        byte = SIZE_MAX;
    }
    gn_tui_note(t, GN_STYLE_NOTE, "'%s' is not in this conversation", gn_str_text(&c->pattern));
}
