/* view_tokens.c - the token inspector (interface: 5.4.5): a text as the model chose it.
 *
 * From the top: title, the text with the chosen token marked, what was sampled, the
 * alternatives before and after the filters, a strip of surprises, status. Where there is
 * little room rules, legend and strip go first; text, one alternative and status stay.
 */
#include "app/tui/chat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct tokens {
    gn_chat *chat;
    int64_t turn;
    int at, alternative;
    gn_str shown;      /* the text, with the token marked */
    gn_odds odds;      /* of shown */
    size_t mark, past; /* bytes of shown: the marked token, and behind it */
    gn_wrap wrap;
} tokens;

/* Rows of the parts; 0: not shown. */
typedef struct layout {
    int title, rule, text, n_text, legend, chosen, head, table, n_table, strip, status;
} layout;

static gn_turn *turn_of(const tokens *v) { return gn_transcript_turn(&v->chat->turns, v->turn); }
static const gn_tokens *made_of(const tokens *v) { return &turn_of(v)->made; }

static layout lay_out(int rows, int cols, int wanted) {
    const bool big = rows >= 18 && cols >= 40, middle = rows >= 8 && cols >= 30;
    layout l = {.status = rows - 1};
    int top = 0, bottom = rows - 1; /* what is left: [top, bottom) */
    l.title = top++;
    if (big)
        l.rule = top++;
    if (middle && bottom - top > 5)
        l.strip = --bottom;
    const int fixed = (big ? 3 : rows > 6) + 1; /* legend, what was sampled, head; a row of text */
    l.n_table = wanted < bottom - top - fixed ? wanted : bottom - top - fixed;
    if (l.n_table > (bottom - top) * 2 / 3 && !big)
        l.n_table = (bottom - top) * 2 / 3;
    l.n_table = l.n_table > 0 ? l.n_table : 0;
    l.table = bottom -= l.n_table;
    if (big)
        l.head = --bottom;
    if (rows > 6)
        l.chosen = --bottom;
    if (big)
        l.legend = --bottom;
    l.text = top;
    l.n_text = bottom - top > 0 ? bottom - top : 0;
    return l;
}

/* ---- the text ----------------------------------------------------------- */

static bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

/* What a token says in the text; "" for a mark, or half a character. */
static gn_slice text_of(const gn_turn *turn, int i) {
    const size_t all = turn->text.len, first = i > 0 ? turn->made.end[i - 1] : 0;
    const size_t from = first < all ? first : all,
                 end = turn->made.end[i] < all ? turn->made.end[i] : all;
    return (gn_slice){gn_str_text(&turn->text) + from, end > from ? end - from : 0};
}

/* The text with brackets around token `at`; what cannot be seen is spelt between them. */
static void mark(tokens *v) {
    const gn_turn *turn = turn_of(v);
    const gn_tokens *made = &turn->made;
    gn_str_cut(&v->shown, 0);
    v->odds.count = 0;
    for (int i = 0; i < made->count; i++) {
        gn_slice s = text_of(turn, i);
        const gn_style style = gn_odds_style(made->score[i].logprob);
        if (i == v->at) {
            size_t lead = 0;
            while (lead < s.len && is_blank(s.data[lead]))
                lead++;
            const bool seen = lead < s.len;
            gn_str spelt = {0};
            if (seen)
                gn_str_add(&v->shown, (gn_slice){s.data, lead});
            else
                gn_odds_quote(gn_vocabulary_bytes(v->chat->vocabulary, made->id[i]), &spelt);
            v->mark = v->shown.len;
            gn_str_putc(&v->shown, '[');
            gn_str_add(&v->shown, seen ? gn_slice_from(s, lead) : gn_str_slice(&spelt));
            gn_str_putc(&v->shown, ']');
            v->past = v->shown.len;
            if (!seen)
                gn_str_add(&v->shown, s);
            gn_str_release(&spelt);
        } else
            gn_str_add(&v->shown, s);
        if (gn_vec_reserve(&v->odds.run, &v->odds.room, v->odds.count + 1, sizeof *v->odds.run))
            v->odds.run[v->odds.count++] = (gn_run){v->shown.len, style};
    }
    const size_t told = made->count ? made->end[made->count - 1] : 0;
    if (told < turn->text.len) /* nothing is known of the rest */
        gn_str_add(&v->shown, gn_slice_from(gn_str_slice(&turn->text), told));
}

static void draw_text(tokens *v, gn_canvas *c, const layout *l) {
    const gn_slice text = gn_str_slice(&v->shown);
    gn_wrap_reset(&v->wrap);
    gn_wrap_update(&v->wrap, text, c->cols - 2);
    const int all = (int)v->wrap.count, row = (int)gn_wrap_find(&v->wrap, v->mark);
    int top = row - l->n_text / 2;
    top = top > all - l->n_text ? all - l->n_text : top;
    top = top < 0 ? 0 : top;
    for (int i = 0; i < l->n_text && top + i < all; i++) {
        const gn_row r = v->wrap.row[top + i];
        gn_wrap_draw(c, l->text + i, 1, c->cols, text, r, v->odds.run, v->odds.count,
                     GN_STYLE_PLAIN);
        const size_t from = v->mark > r.first ? v->mark : r.first,
                     end = v->past < r.end ? v->past : r.end;
        if (from < end) {
            const int left = 1 + gn_columns((gn_slice){text.data + r.first, from - r.first});
            const int wide = gn_columns((gn_slice){text.data + from, end - from});
            gn_canvas_paint(c, l->text + i, left, left + wide, GN_STYLE_SELECTED);
        }
    }
}

static void draw_legend(gn_canvas *c, int y) {
    static const struct {
        const char *text;
        float p;
    } part[] = {{".9+ plain", 1}, {".5-.9 dim", .7f}, {".1-.5 under", .2f}, {"<.1 BOLD", .01f}};
    gn_canvas_rule(c, y, GN_STYLE_DIM);
    int col = c->cols - 51;
    col = gn_canvas_put(c, y, col < 0 ? 0 : col, c->cols, GN_S(" p "), GN_STYLE_DIM);
    for (int i = 0; i < 4; i++) {
        col = gn_canvas_put(c, y, col, c->cols, GN_S(" "), GN_STYLE_PLAIN);
        col = gn_canvas_put(c, y, col, c->cols, gn_slice_of(part[i].text),
                            gn_odds_style(logf(part[i].p)));
        col = gn_canvas_put(c, y, col, c->cols, GN_S(" "), GN_STYLE_PLAIN);
    }
}

/* ---- the table ---------------------------------------------------------- */

/* A token's text for the table: as it stands in the reply, or as the vocabulary has it. */
static void quote(const tokens *v, int32_t id, gn_str *out) {
    const gn_slice bytes = gn_vocabulary_bytes(v->chat->vocabulary, id);
    if (bytes.len)
        gn_odds_quote(bytes, out);
    else
        gn_str_fmt(out, "#%d", (int)id);
}

static int alternatives(const gn_token_row *row) {
    int n = 0;
    while (n < row->n_top && row->top[n].id >= 0)
        n++;
    return n;
}

static void draw_number(gn_canvas *c, int y, int *col, int width, const char *fmt, double x,
                        gn_style style) {
    char text[32] = "";
    if (!isnan(x))
        snprintf(text, sizeof text, fmt, x);
    const int pad = width - (int)strlen(text);
    *col += pad > 0 ? pad : 0;
    *col = gn_canvas_put(c, y, *col, c->cols, gn_slice_of(text), style);
}

/* "   38021  " tram"        -0.89   0.411   0.519  ####": what fits, the token first. */
static void draw_candidate(const tokens *v, gn_canvas *c, int y, const gn_sampling *how, int32_t id,
                           float logprob, gn_fate fate, bool exact, bool here, bool chosen) {
    const gn_style style = here ? GN_STYLE_SELECTED : chosen ? GN_STYLE_BOLD : GN_STYLE_PLAIN;
    gn_str text = {0};
    char cut[48] = "";
    int col = 1;
    quote(v, id, &text);
    if (here)
        gn_canvas_paint(c, y, 0, c->cols, style);
    gn_canvas_put(c, y, 0, 1, chosen ? GN_S("*") : here ? GN_S(">") : GN_S(" "), style);
    if (c->cols >= 60)
        col = gn_canvas_fmt(c, y, col, c->cols, style, " %-8d", (int)id);
    const int word = c->cols >= 60 ? 16 : c->cols >= 30 ? c->cols - 24 : c->cols - 8;
    gn_canvas_put(c, y, col, col + word, gn_str_slice(&text), style);
    col += word;
    if (c->cols >= 30)
        draw_number(c, y, &col, 8, "%.2f", (double)logprob, style);
    draw_number(c, y, &col, 7, "%.3f", exp((double)logprob), style);
    if (c->cols >= 30 && fate.cut) {
        gn_odds_cut(fate.cut, how, cut, sizeof cut);
        gn_canvas_fmt(c, y, col + 1, c->cols, here ? style : GN_STYLE_DIM,
                      c->cols >= 60 ? " cut by %s" : " %s", cut);
    } else if (c->cols >= 30 && !isnan(fate.p)) {
        draw_number(c, y, &col, 8, exact ? "%.3f" : "~%.3f", (double)fate.p, style);
        const int most = c->cols - col - 4;
        const int bar = (int)lround((double)fate.p * (most > 40 ? 40 : most));
        for (int i = 0; i < bar; i++)
            gn_canvas_put(c, y, col + 2 + i, c->cols, GN_S("#"), style);
    }
    gn_str_release(&text);
}

/* Commas between thousands. */
static void put_grouped(gn_str *out, int64_t n) {
    if (n >= 1000)
        put_grouped(out, n / 1000);
    gn_str_fmt(out, n >= 1000 ? ",%03d" : "%d", (int)(n % 1000));
}

static void draw_rest(const tokens *v, gn_canvas *c, int y, const gn_token_row *row, int n) {
    double known = 0;
    gn_str text = {0};
    for (int i = 0; i < n; i++)
        known += exp((double)row->top[i].logprob);
    const int all = v->chat->vocabulary ? v->chat->vocabulary->count : 0;
    gn_str_puts(&text, "... ");
    put_grouped(&text, all > n ? all - n : 0);
    gn_str_puts(&text, " more");
    int col = c->cols >= 60 ? 25 + 8 : c->cols >= 30 ? c->cols - 24 + 9 : c->cols - 7;
    gn_canvas_put(c, y, 2, col, gn_str_slice(&text), GN_STYLE_DIM);
    draw_number(c, y, &col, 7, "%.3f", known < 1 ? 1 - known : 0, GN_STYLE_DIM);
    gn_str_release(&text);
}

/* The alternatives with the marked one in view; then the sampled one, if it is not among
 * them; then the rest. */
static void draw_table(const tokens *v, gn_canvas *c, const layout *l, const gn_token_row *row) {
    const gn_sampling *how = &turn_of(v)->how;
    const int n = alternatives(row);
    const bool other = !isnan(row->score.logprob) && row->score.rank >= n;
    const bool scored = turn_of(v)->role != GN_ROLE_MODEL || turn_of(v)->edited;
    gn_fate fate[64];
    bool exact = true;
    for (int i = 0; i < 64; i++)
        fate[i] = (gn_fate){NAN, 0};
    if (n <= 64 && !scored && turn_of(v)->chosen) /* nobody chose what was written */
        exact = gn_odds_fates(row, how, fate);
    const int after = other + (n > 0), room = l->n_table > after ? l->n_table - after : l->n_table;
    int top = v->alternative - room + 1;
    top = top < 0 ? 0 : top;
    int y = l->table;
    for (int i = top; i < n && i < top + room; i++, y++)
        draw_candidate(v, c, y, how, row->top[i].id, row->top[i].logprob,
                       i < 64 ? fate[i] : (gn_fate){NAN, 0}, exact, i == v->alternative,
                       row->top[i].id == row->id);
    const int end = l->table + l->n_table;
    if (other && y < end)
        draw_candidate(v, c, y++, how, row->id, row->score.logprob, (gn_fate){NAN, 0}, true, false,
                       true);
    if (n > 0 && y < end)
        draw_rest(v, c, y, row, n);
}

static void draw_head(gn_canvas *c, int y) {
    if (c->cols >= 60)
        gn_canvas_put(c, y, 2, c->cols,
                      GN_S("id      token            logprob      p    after filters"),
                      GN_STYLE_BOLD);
    else
        gn_canvas_fmt(c, y, 1, c->cols, GN_STYLE_BOLD, "%-*s%8s%7s   after", c->cols - 24, "token",
                      "logprob", "p");
}

/* "- sampled " tram"  rank 1  H 1.47 -----" */
static void draw_chosen(const tokens *v, gn_canvas *c, int y, const gn_token_row *row) {
    gn_str text = {0};
    const gn_turn *turn = turn_of(v);
    const bool begun = v->at < turn->begun || turn->role != GN_ROLE_MODEL || turn->edited;
    gn_canvas_rule(c, y, GN_STYLE_DIM);
    gn_str_puts(&text, begun ? " given " : " sampled ");
    quote(v, row->id, &text);
    if (!isnan(row->score.logprob))
        gn_str_fmt(&text, "  rank %d  p %.3f  H %.2f ", row->score.rank + 1,
                   exp((double)row->score.logprob), (double)row->score.entropy);
    else
        gn_str_puts(&text, "  not scored ");
    gn_canvas_put(c, y, 2, c->cols - 1, gn_str_slice(&text), GN_STYLE_NOTE);
    gn_str_release(&text);
}

/* " logprob ..:#.!_..   sum -21.4  ppl 1.40" */
static void draw_strip(const tokens *v, gn_canvas *c, int y) {
    const gn_tokens *made = made_of(v);
    double sum;
    char text[64];
    const int n = gn_tokens_sum(made, &sum);
    const int right =
        snprintf(text, sizeof text, "sum %.1f  ppl %.2f ", sum, n > 0 ? exp(-sum / n) : 1.0);
    const int left =
        gn_canvas_put(c, y, 1, c->cols, c->cols >= 60 ? GN_S("surprise ") : GN_S(""), GN_STYLE_DIM);
    const int width = c->cols - left - right - 2;
    int first = v->at - width / 2;
    first = first > made->count - width ? made->count - width : first;
    first = first < 0 ? 0 : first;
    for (int i = 0; i < width && first + i < made->count; i++) {
        const float p = made->score[first + i].logprob;
        const char one[2] = {first + i == v->at ? '!' : gn_odds_mark(p), 0};
        gn_canvas_put(c, y, left + i, c->cols, gn_slice_of(one),
                      first + i == v->at ? GN_STYLE_SELECTED : gn_odds_style(p));
    }
    gn_canvas_put(c, y, c->cols - right, c->cols, gn_slice_of(text), GN_STYLE_PLAIN);
}

static void draw_title(const tokens *v, gn_canvas *c) {
    const gn_chat *chat = v->chat;
    const gn_turn *turn = turn_of(v);
    char right[96] = "";
    const int n = turn->made.count;
    if (n > 0 && turn->role == GN_ROLE_MODEL && c->cols >= 60)
        snprintf(right, sizeof right, "token %d of %d | temp %.3g ", v->at + 1, n,
                 (double)turn->how.temp);
    else if (n > 0)
        snprintf(right, sizeof right, "%d of %d ", v->at + 1, n);
    gn_canvas_paint(c, 0, 0, c->cols, GN_STYLE_TITLE);
    const int end = c->cols - (int)strlen(right);
    const int number = (size_t)v->turn < chat->n_message ? chat->message[v->turn].number : 0;
    gn_canvas_fmt(c, 0, 1, end, GN_STYLE_TITLE, c->cols >= 40 ? "tokens | message %d, %s" : "%d %s",
                  number, turn->role == GN_ROLE_MODEL ? "model" : "you");
    gn_canvas_put(c, 0, end, c->cols, gn_slice_of(right), GN_STYLE_TITLE);
}

static void draw_status(const gn_tui *t, gn_canvas *c, int y) {
    static const char *const part[] = {" tokens", "h l token", "j k alternative", "Enter fork here",
                                       "q back",  "w wildest", "s S surprise",    "y copy"};
    gn_canvas_paint(c, y, 0, c->cols, GN_STYLE_STATUS);
    if (t->note.len) {
        gn_canvas_put(c, y, 1, c->cols, gn_str_slice(&t->note), t->note_style);
        return;
    }
    int col = 0;
    for (int i = 0; i < 8; i++) {
        if (col + (int)strlen(part[i]) + 3 > c->cols)
            break;
        if (i > 0)
            col = gn_canvas_put(c, y, col, c->cols, GN_S(" | "), GN_STYLE_STATUS);
        col = gn_canvas_put(c, y, col, c->cols, gn_slice_of(part[i]), GN_STYLE_STATUS);
    }
}

static void clamp(tokens *v) {
    const gn_tokens *made = made_of(v);
    v->at = v->at >= made->count ? made->count - 1 : v->at;
    v->at = v->at < 0 ? 0 : v->at;
    const int n =
        made->count
            ? alternatives(&(gn_token_row){.top = made->top + v->at * made->k, .n_top = made->k})
            : 0;
    v->alternative = v->alternative >= n ? n - 1 : v->alternative;
    v->alternative = v->alternative < 0 ? 0 : v->alternative;
}

static void draw_nothing(const tokens *v, gn_canvas *c) {
    const gn_chat *chat = v->chat;
    const int y = c->rows / 2;
    if (c->rows < 3)
        return;
    if (chat->scoring == v->turn && chat->all > 0)
        gn_canvas_fmt(c, y, 1, c->cols, GN_STYLE_NOTE, "reading %lld of %lld  Esc stops",
                      (long long)chat->done, (long long)chat->all);
    else if (chat->scoring == v->turn)
        gn_canvas_put(c, y, 1, c->cols, GN_S("reading  Esc stops"), GN_STYLE_NOTE);
    else if (!turn_of(v)->complete)
        gn_canvas_put(c, y, 1, c->cols, GN_S("no token has come yet"), GN_STYLE_NOTE);
    else
        gn_canvas_put(c, y, 1, c->cols,
                      GN_S("its tokens are not scored; Enter reads all up to here and does it"),
                      GN_STYLE_NOTE);
}

static void draw(void *self, gn_tui *t) {
    tokens *v = self;
    gn_canvas *c = &t->canvas;
    const gn_tokens *made = made_of(v);
    clamp(v);
    draw_title(v, c);
    if (made->count == 0) {
        draw_nothing(v, c);
        draw_status(t, c, c->rows - 1);
        return;
    }
    const gn_token_row row = gn_tokens_at(made, v->at);
    const int n = alternatives(&row);
    const layout l = lay_out(c->rows, c->cols, n + 1 + (row.score.rank >= n));
    mark(v);
    if (l.rule)
        gn_canvas_rule(c, l.rule, GN_STYLE_DIM);
    draw_text(v, c, &l);
    if (l.legend)
        draw_legend(c, l.legend);
    if (l.chosen)
        draw_chosen(v, c, l.chosen, &row);
    if (l.head)
        draw_head(c, l.head);
    draw_table(v, c, &l, &row);
    if (l.strip)
        draw_strip(v, c, l.strip);
    draw_status(t, c, l.status);
}

/* ---- requests ----------------------------------------------------------- */

/* The alternative that was taken, where it is among those known. */
static void go(tokens *v, int at) {
    const gn_tokens *made = made_of(v);
    v->at = at;
    clamp(v);
    v->alternative = 0;
    for (int i = 0; i < made->k && made->count; i++)
        if (made->top[v->at * made->k + i].id == made->id[v->at])
            v->alternative = i;
}

static void wildest(tokens *v) {
    const gn_tokens *made = made_of(v);
    int best = -1;
    for (int i = 0; i < made->count; i++)
        if (!isnan(made->score[i].logprob) &&
            (best < 0 || made->score[i].logprob < made->score[best].logprob))
            best = i;
    if (best >= 0)
        go(v, best);
}

static void surprise(tokens *v, gn_tui *t, int by) {
    const gn_tokens *made = made_of(v);
    for (int i = v->at + by; i >= 0 && i < made->count; i += by)
        if (gn_odds_surprises(made->score[i])) {
            go(v, i);
            return;
        }
    gn_tui_note(t, GN_STYLE_NOTE, "no surprise %s", by > 0 ? "after this" : "before this");
}

/* The table of this token, as text. */
static void copy(const tokens *v, gn_tui *t) {
    const gn_tokens *made = made_of(v);
    gn_str text = {0}, how = {0};
    gn_error e = {0};
    if (made->count == 0)
        return;
    const gn_token_row row = gn_tokens_at(made, v->at);
    gn_str_fmt(&text, "id\ttoken\tlogprob\n%d\t", (int)row.id);
    quote(v, row.id, &text);
    gn_str_fmt(&text, "\t%.4f\n", (double)row.score.logprob);
    for (int i = 0; i < alternatives(&row); i++) {
        gn_str_fmt(&text, "%d\t", (int)row.top[i].id);
        quote(v, row.top[i].id, &text);
        gn_str_fmt(&text, "\t%.4f\n", (double)row.top[i].logprob);
    }
    if (!t->copy)
        gn_tui_note(t, GN_STYLE_ERROR, "there is no clipboard here");
    else if (t->copy(t, gn_str_slice(&text), &how, &e))
        gn_tui_note(t, GN_STYLE_NOTE, "copied this token's table to %s", gn_str_text(&how));
    else
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
    gn_str_release(&text);
    gn_str_release(&how);
}

/* Enter: the reply again, with the marked alternative here. */
static void fork_here(tokens *v, gn_tui *t) {
    const gn_turn *turn = turn_of(v);
    gn_chat *chat = v->chat;
    const int at = v->at, k = v->alternative;
    if (turn->made.count == 0) {
        if (turn->complete)
            gn_chat_score(chat, t, turn);
        return;
    }
    if (turn->role != GN_ROLE_MODEL) {
        gn_tui_note(t, GN_STYLE_NOTE, "the model did not choose this; /edit changes it");
        return;
    }
    const gn_token_row row = gn_tokens_at(&turn->made, at);
    if (k >= alternatives(&row))
        return;
    if (row.top[k].id == row.id) {
        gn_tui_note(t, GN_STYLE_NOTE, "that is what was sampled; j and k mark another");
        return;
    }
    if (gn_vocabulary_mark(chat->vocabulary, row.top[k].id)) {
        gn_tui_note(t, GN_STYLE_NOTE, "there the reply would end, or change its part");
        return;
    }
    if (gn_chat_is_busy(chat, t))
        return;
    gn_tui_pop(t); /* v is gone */
    gn_chat_fork_at(chat, t, turn, at, k);
}

static bool request(void *self, gn_tui *t, gn_request r, const char *argument) {
    tokens *v = self;
    (void)argument;
    switch (r) {
    case GN_REQUEST_LEFT:
        go(v, v->at - 1);
        return true;
    case GN_REQUEST_RIGHT:
        go(v, v->at + 1);
        return true;
    case GN_REQUEST_NEXT:
    case GN_REQUEST_DOWN:
        v->alternative++;
        clamp(v);
        return true;
    case GN_REQUEST_PREVIOUS:
    case GN_REQUEST_UP:
        v->alternative--;
        clamp(v);
        return true;
    case GN_REQUEST_PAGE_DOWN:
        go(v, v->at + 20);
        return true;
    case GN_REQUEST_PAGE_UP:
        go(v, v->at - 20);
        return true;
    case GN_REQUEST_TOP:
        go(v, 0);
        return true;
    case GN_REQUEST_BOTTOM:
        go(v, made_of(v)->count - 1);
        return true;
    case GN_REQUEST_WILDEST:
        wildest(v);
        return true;
    case GN_REQUEST_SURPRISE_NEXT:
        surprise(v, t, 1);
        return true;
    case GN_REQUEST_SURPRISE_BACK:
        surprise(v, t, -1);
        return true;
    case GN_REQUEST_ESCAPE:
    case GN_REQUEST_CANCEL:
        if (v->chat->scoring < 0)
            return false;
        v->chat->stopping = true;
        t->worker->stop(t->worker, v->chat->scoring);
        return true;
    case GN_REQUEST_OPEN:
        fork_here(v, t);
        return true;
    case GN_REQUEST_COPY:
        copy(v, t);
        return true;
    case GN_REQUEST_TOKENS:
        gn_tui_pop(t);
        return true;
    default:
        return false;
    }
}

static void scroll(void *self, gn_tui *t, int rows) {
    tokens *v = self;
    (void)t;
    go(v, v->at + rows);
}

/* The token in which the pattern begins, after the one that is marked. */
static void search(void *self, gn_tui *t, gn_slice pattern) {
    tokens *v = self;
    const gn_turn *turn = turn_of(v);
    const gn_slice text = gn_str_slice(&turn->text);
    const size_t from = turn->made.count ? turn->made.end[v->at] : 0;
    ptrdiff_t at = gn_slice_find(gn_slice_from(text, from < text.len ? from : text.len), pattern);
    at = at >= 0 ? at + (ptrdiff_t)from : gn_slice_find(text, pattern);
    if (at >= 0)
        go(v, gn_tokens_find(&turn->made, (size_t)at));
    else
        gn_tui_note(t, GN_STYLE_NOTE, "that is not in this message");
}

/* The reply that is looked at may be one there was: then it is looked at there. */
static void event(void *self, gn_tui *t, const gn_event *ev) {
    tokens *v = self;
    (void)t, (void)ev;
    v->turn = gn_transcript_placed(&v->chat->turns, v->turn)->id;
}

static void close_view(void *self) {
    tokens *v = self;
    gn_str_release(&v->shown);
    gn_odds_release(&v->odds);
    gn_wrap_release(&v->wrap);
    free(v);
}

static const gn_view_ops ops = {.name = "tokens",
                                .draw = draw,
                                .request = request,
                                .scroll = scroll,
                                .event = event,
                                .search = search,
                                .close = close_view};

bool gn_tokens_view(gn_view *out, void *chat, int64_t turn, gn_error *e) {
    tokens *v = calloc(1, sizeof *v);
    if (!v)
        return gn_fail(e, GN_NO_MEMORY, "tokens: out of memory");
    v->chat = chat;
    v->turn = turn;
    go(v, 0);
    *out = (gn_view){&ops, v};
    return true;
}
