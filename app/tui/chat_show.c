/* chat_show.c - what a chat tells of itself: speed and reuse, the context, the prompt, tokens,
 * settings, the model, states. */
#include "app/tui/chat.h"

#include <math.h>
#include <stdio.h>

static void show(gn_tui *t, const char *title, gn_str *text) {
    gn_view view;
    gn_error e = {0};
    if (!gn_text_view(&view, title, gn_str_slice(text), &e))
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
    else
        gn_tui_push(t, view);
    gn_str_release(text);
}

static void put_bytes(gn_str *out, size_t n) {
    gn_str_fmt(out, n < (size_t)1 << 20 ? "%.0f KiB" : "%.1f MiB",
               (double)n / (n < (size_t)1 << 20 ? 1024 : 1048576));
}

/* The first line of a message, cut. */
static void put_beginning(gn_str *out, gn_slice text, int most) {
    size_t n = 0;
    for (int col = 0; n < text.len && text.data[n] != '\n' && col < most; col++)
        n += gn_cluster_after(text, n);
    gn_str_add(out, (gn_slice){text.data, n});
    if (n < text.len)
        gn_str_puts(out, " ...");
}

static const char *who(const gn_turn *turn) {
    return turn->imported                ? "imported"
           : turn->edited                ? "edited"
           : turn->fragment              ? "fragment"
           : turn->role == GN_ROLE_MODEL ? "model"
           : turn->role == GN_ROLE_USER  ? "you"
                                         : gn_role_name(turn->role);
}

int64_t gn_chat_tokens_of(const gn_turn *turn, bool *exact) {
    if (turn->ids.count > 0)
        return (int64_t)turn->ids.count;
    if (turn->role == GN_ROLE_MODEL && turn->made.count > 0)
        return turn->made.count;
    if (turn->text.len > 0)
        *exact = false;
    if (turn->likely > 0)
        return turn->likely;
    return turn->text.len > 0 ? (int64_t)(turn->text.len / 3) + 4 : 0;
}

/* ---- /stats ------------------------------------------------------------- */

static double rate(int64_t tokens, double seconds) {
    return seconds > 0 ? (double)tokens / seconds : 0;
}

void gn_chat_stats(gn_chat *c, gn_tui *t) {
    gn_str text = {0};
    int64_t reused = 0, read = 0, wrote = 0, timed = 0;
    double reading = 0, writing = 0;
    int replies = 0;
    gn_str_fmt(&text, "%4s%8s%8s%9s%11s%8s%9s%8s\n", "", "reused", "read", "t/s", "first", "wrote",
               "t/s", "ppl");
    for (size_t i = 0; i < c->path.count; i++) {
        const gn_turn *turn = c->turns.turn[c->path.id[i]];
        double sum;
        if (turn->role != GN_ROLE_MODEL || !turn->complete || turn->tokens == 0)
            continue;
        if (turn->prompt_s <= 0 && turn->generate_s <= 0) { /* a copy of one, in another branch */
            gn_str_fmt(&text, "%4d%42s%8lld  not timed\n", c->message[turn->id].number, "",
                       (long long)turn->tokens);
            continue;
        }
        replies++;
        reused += turn->reused;
        read += turn->read;
        wrote += turn->tokens;
        timed += turn->generate_s > 0 ? turn->tokens : 0;
        reading += turn->prompt_s;
        writing += turn->generate_s;
        gn_str_fmt(&text, "%4d%8lld%8lld%9.1f%9.3f s%8lld%9.1f", c->message[turn->id].number,
                   (long long)turn->reused, (long long)turn->read, rate(turn->read, turn->prompt_s),
                   turn->first_s, (long long)turn->tokens, rate(turn->tokens, turn->generate_s));
        const int n = gn_tokens_sum(&turn->made, &sum);
        if (n > 0)
            gn_str_fmt(&text, " %7.2f", exp(-sum / n));
        gn_str_putc(&text, '\n');
    }
    if (replies == 0)
        gn_str_cut(&text, 0);
    if (replies > 1)
        gn_str_fmt(&text, " all%8lld%8lld%9.1f%11s%8lld%9.1f\n", (long long)reused, (long long)read,
                   rate(read, reading), "", (long long)wrote, rate(timed, writing));
    if (reused + read > 0)
        gn_str_fmt(&text, "\nOf %lld prompt tokens %.0f %% needed no reading.\n",
                   (long long)(reused + read), 100.0 * (double)reused / (double)(reused + read));
    else
        gn_str_puts(&text, "No replies yet.\n");
    show(t, "stats", &text);
}

/* ---- /context ----------------------------------------------------------- */

void gn_chat_context(gn_chat *c, gn_tui *t) {
    gn_str text = {0};
    int64_t all = 0;
    bool exact = true;
    for (size_t i = 0; i < c->path.count; i++) {
        const gn_turn *turn = c->turns.turn[c->path.id[i]];
        bool known = true;
        const int64_t n = gn_chat_tokens_of(turn, &known);
        all += n;
        exact = exact && known;
        if (n == 0)
            continue;
        char count[32];
        snprintf(count, sizeof count, "%s%lld", known ? "" : "about ", (long long)n);
        gn_str_fmt(&text, "%5d  %-9s%13s  ", c->message[turn->id].number, who(turn), count);
        put_beginning(&text, gn_str_slice(&turn->text), 48);
        gn_str_putc(&text, '\n');
    }
    gn_str_fmt(&text, "\n%s%lld of %lld tokens, %lld are left.\n", exact ? "" : "About ",
               (long long)all, (long long)c->context, (long long)(c->context - all));
    gn_str_puts(&text,
                "When the next reply may not fit, you are asked; nothing is dropped unasked.\n");
    show(t, "context", &text);
}

/* ---- /show -------------------------------------------------------------- */

static void prompt(const gn_chat *c, gn_str *out) {
    for (size_t i = 0; i < c->path.count; i++) {
        const gn_turn *turn = c->turns.turn[c->path.id[i]];
        const bool made = turn->ids.count == 0 && turn->made.count > 0;
        const int32_t *id = made ? turn->made.id : turn->ids.id;
        const size_t n = made ? (size_t)turn->made.count : turn->ids.count;
        for (size_t k = 0; k < n; k++)
            gn_str_add(out, gn_vocabulary_bytes(c->vocabulary, id[k]));
        if (n == 0 && turn->text.len > 0) {
            gn_str_fmt(out, "[%s, not read yet] ", who(turn));
            gn_str_add(out, gn_str_slice(&turn->text));
            gn_str_putc(out, '\n');
        }
    }
}

static void tokens(const gn_chat *c, gn_str *out) {
    for (size_t i = 0; i < c->path.count; i++) {
        const gn_turn *turn = c->turns.turn[c->path.id[i]];
        const bool made = turn->ids.count == 0;
        const int32_t *id = made ? turn->made.id : turn->ids.id;
        const size_t n = made ? (size_t)turn->made.count : turn->ids.count;
        if (n == 0 && turn->text.len == 0)
            continue;
        gn_str_fmt(out, "%s%d %s, %s%zu tokens\n", out->len ? "\n" : "",
                   c->message[turn->id].number, who(turn), n ? "" : "not read yet: ", n);
        for (size_t k = 0; k < n; k++) {
            gn_str_fmt(out, "%s%d ", k ? "  " : "", (int)id[k]);
            gn_odds_quote(gn_vocabulary_bytes(c->vocabulary, id[k]), out);
        }
        gn_str_putc(out, '\n');
    }
}

static void settings(const gn_tui *t, gn_str *out) {
    int n;
    const gn_setting *row = gn_setting_table(&n);
    for (int i = 0; i < n; i++) {
        const char *name = row[i].option.name, *value = gn_settings_text(t->settings, name);
        gn_str one = {0};
        gn_str_fmt(&one, "%s = %s", name, value ? value : row[i].unset);
        gn_str_fmt(out, "%-36s %-8s %s\n", gn_str_text(&one),
                   gn_source_name(gn_settings_source(t->settings, name)), row[i].option.help);
        gn_str_release(&one);
    }
}

static void state(const gn_chat *c, gn_str *out) {
    gn_str_fmt(out, "%d states are kept in memory, ", c->last.states);
    put_bytes(out, c->last.kept_bytes);
    gn_str_puts(out, " in all; one takes ");
    put_bytes(out, c->last.state_bytes);
    gn_str_puts(out, " now.\nGoing on from a message without one reads again what is after the "
                     "nearest one before it.\n\n");
    for (size_t i = 0; i < c->path.count; i++) {
        const gn_turn *turn = c->turns.turn[c->path.id[i]];
        gn_str cost = {0};
        if (turn->text.len == 0)
            continue;
        gn_going_text(gn_transcript_cost(&c->turns, turn->id), &cost);
        gn_str_fmt(out, "%3d  %-9s%-7s%-34s ", c->message[turn->id].number, who(turn),
                   turn->pinned ? "pinned" : "", gn_str_text(&cost));
        put_beginning(out, gn_str_slice(&turn->text), 20);
        gn_str_putc(out, '\n');
        gn_str_release(&cost);
    }
}

void gn_chat_show_what(gn_chat *c, gn_tui *t, gn_slice what) {
    gn_str text = {0};
    if (gn_slice_is(what, "prompt"))
        prompt(c, &text);
    else if (gn_slice_is(what, "tokens"))
        tokens(c, &text);
    else if (gn_slice_is(what, "settings"))
        settings(t, &text);
    else if (gn_slice_is(what, "model")) {
        gn_str_fmt(&text, "model       %s\n", gn_str_text(&c->name));
        gn_str_add(&text, gn_str_slice(&c->about));
    } else if (gn_slice_is(what, "state"))
        state(c, &text);
    else {
        gn_tui_note(t, what.len ? GN_STYLE_ERROR : GN_STYLE_NOTE,
                    "/show prompt, tokens, settings, model or state%s%.*s",
                    what.len ? "; not " : "", what.len > 40 ? 40 : (int)what.len, what.data);
        return;
    }
    char title[48];
    snprintf(title, sizeof title, "%.*s", (int)what.len, what.data);
    show(t, title, &text);
}
