/* chat_prompt.c - what stands in front of a conversation and what answers a tool call: /system,
 * /prompt, /doc, /tools, /tool. Nothing here is ever executed. */
#include "app/tui/chat.h"

#include "app/chat/lead.h"
#include "app/cli/saved.h"

#include <stdlib.h>

static void failed(gn_tui *t, const gn_error *e) {
    gn_tui_note(t, GN_STYLE_ERROR, "%s", e->message);
}

bool gn_chat_root(gn_chat *c, gn_tui *t) {
    const char *system = gn_settings_text(t->settings, "system");
    return c->turns.head >= 0 ||
           gn_transcript_add(&c->turns, -1, GN_ROLE_SYSTEM, gn_slice_of(system)) != NULL ||
           gn_chat_no_memory(t);
}

/* Does the conversation have more than what stands in front of it? */
static bool has_messages(const gn_chat *c) {
    const gn_turn *head = gn_transcript_turn(&c->turns, c->turns.head);
    return head && !gn_role_leads(head->role);
}

/* What changing the beginning costs. */
static void add_cost(const gn_chat *c, gn_str *out) {
    char used[32];
    if (has_messages(c) && c->last.used > 0)
        gn_str_fmt(out, "; with the next message the conversation (%s tokens) is read again",
                   gn_grouped(c->last.used, used));
}

/* ---- the system prompt --------------------------------------------------- */

static void change_system(gn_chat *c, gn_tui *t, gn_slice text, const char *what) {
    gn_error e = {0};
    gn_str note = {0};
    if (gn_chat_is_busy(c, t))
        return;
    gn_str_fmt(&note, "%s", what);
    add_cost(c, &note);
    if (!gn_settings_set(t->settings, GN_S("system"), text, GN_SOURCE_SET, NULL, &e))
        failed(t, &e);
    else if (c->turns.head >= 0 && !gn_transcript_reroot(&c->turns, text))
        gn_chat_no_memory(t);
    else {
        gn_chat_moved(c);
        gn_tui_note(t, GN_STYLE_NOTE, "%s", gn_str_text(&note));
    }
    gn_str_release(&note);
}

void gn_chat_system(gn_chat *c, gn_tui *t, gn_slice text) {
    const char *now = gn_settings_text(t->settings, "system");
    if (text.len == 0 && now && now[0])
        gn_tui_note(t, GN_STYLE_NOTE, "system prompt: %s", now);
    else if (text.len == 0 && c->preset.len)
        gn_tui_note(t, GN_STYLE_NOTE, "system prompt, the template's own: %s",
                    gn_str_text(&c->preset));
    else if (text.len == 0)
        gn_tui_note(t, GN_STYLE_NOTE, "there is no system prompt, and the template has none");
    else if (gn_slice_is(text, "\"\"") || gn_slice_is(text, "default"))
        change_system(c, t, (gn_slice){"", 0}, "the system prompt is the template's own");
    else
        change_system(c, t, text, "system prompt changed");
}

/* The next word of a line; "" at its end. */
static gn_slice word_of(gn_slice *s) {
    *s = gn_text_strip(*s, true, false);
    gn_slice word = {s->data, 0};
    while (word.len < s->len && !strchr(" \t\n", s->data[word.len]))
        word.len++;
    *s = gn_slice_from(*s, word.len);
    return word;
}

/* /prompt NAME [VARIABLE=VALUE...]; those of --var go before. */
void gn_chat_prompt_named(gn_chat *c, gn_tui *t, gn_slice line) {
    enum { MOST = 16 };
    const char *var[MOST * 2];
    char *mine[MOST + 1] = {0};
    int n = 0, own = 0;
    gn_error e = {0};
    gn_str text = {0}, what = {0};
    mine[own++] = gn_strdup_slice(word_of(&line));
    for (int i = 0; i < c->options.n_var && n < MOST; i++)
        var[n++] = c->options.var[i];
    for (gn_slice word; own <= MOST && (word = word_of(&line)).len;)
        if ((mine[own] = gn_strdup_slice(word)))
            var[n++] = mine[own++];
    if (!mine[0] || !mine[0][0])
        gn_tui_note(t, GN_STYLE_ERROR, "/prompt NAME [VARIABLE=VALUE...]; Tab shows the names");
    else if (!gn_saved_prompt(mine[0], gn_str_text(&c->name), var, n, &text, &e))
        failed(t, &e);
    else {
        gn_str_fmt(&what, "system prompt '%s'", mine[0]);
        change_system(c, t, gn_str_slice(&text), gn_str_text(&what));
    }
    for (int i = 0; i < own; i++)
        free(mine[i]);
    gn_str_release(&text);
    gn_str_release(&what);
}

/* ---- documents and tools ------------------------------------------------- */

/* In front of the branch in view; its tokens are counted, and then told. */
static void put_lead(gn_chat *c, gn_tui *t, gn_role role, gn_slice text, const char *what) {
    if (!gn_chat_root(c, t))
        return;
    const gn_turn *head = gn_transcript_turn(&c->turns, c->turns.head);
    const bool fresh = head && head->parent < 0 && text.len > 0; /* a root alone: nothing to copy */
    if (fresh ? !gn_transcript_add(&c->turns, head->id, role, text)
              : !gn_transcript_lead(&c->turns, role, text)) {
        gn_chat_no_memory(t);
        return;
    }
    gn_chat_moved(c);
    gn_str_cut(&c->counting, 0);
    gn_str_puts(&c->counting, what);
    if (text.len == 0 || !c->opened || !t->worker->count(t->worker, GN_COUNT_LEAD, text)) {
        gn_str note = {0};
        gn_str_puts(&note, what);
        add_cost(c, &note);
        gn_tui_note(t, GN_STYLE_NOTE, "%s", gn_str_text(&note));
        gn_str_release(&note);
    }
}

void gn_chat_lead_counted(gn_chat *c, gn_tui *t, int64_t tokens) {
    char text[32];
    gn_str note = {0};
    gn_str_fmt(&note, "%s: %s tokens", gn_str_text(&c->counting), gn_grouped(tokens, text));
    add_cost(c, &note);
    gn_tui_note(t, GN_STYLE_NOTE, "%s", gn_str_text(&note));
    gn_str_release(&note);
}

void gn_chat_document(gn_chat *c, gn_tui *t, gn_slice file) {
    gn_error e = {0};
    gn_str text = {0}, turn = {0}, what = {0};
    if (gn_chat_is_busy(c, t))
        return;
    if (file.len == 0)
        gn_tui_note(t, GN_STYLE_ERROR, "/doc FILE gives the template a document");
    else if (!gn_chat_file(file, &text, &e))
        failed(t, &e);
    else {
        const gn_slice name = gn_path_name(file);
        gn_lead_document(name, gn_str_slice(&text), &turn);
        gn_str_fmt(&what, "document %.*s", name.len > 80 ? 80 : (int)name.len, name.data);
        put_lead(c, t, GN_ROLE_DOCUMENT, gn_str_slice(&turn), gn_str_text(&what));
    }
    gn_str_release(&text);
    gn_str_release(&turn);
    gn_str_release(&what);
}

/* The definitions of the branch in view; NULL: none. */
static const gn_turn *tools_now(const gn_chat *c) {
    for (size_t i = 0; i < c->path.count; i++)
        if (c->turns.turn[c->path.id[i]]->role == GN_ROLE_TOOLS)
            return c->turns.turn[c->path.id[i]];
    return NULL;
}

void gn_chat_tools(gn_chat *c, gn_tui *t, gn_slice file) {
    gn_error e = {0};
    gn_str json = {0}, turn = {0}, what = {0};
    const gn_turn *now = tools_now(c);
    int n;
    if (file.len == 0) {
        if (now)
            gn_lead_tool_names(gn_str_slice(&now->text), &what);
        gn_tui_note(t, GN_STYLE_NOTE, now ? "tools: %s" : "there are no tools; /tools FILE%s",
                    gn_str_text(&what));
    } else if (gn_chat_is_busy(c, t))
        ;
    else if (gn_slice_is(file, "none") && now)
        put_lead(c, t, GN_ROLE_TOOLS, (gn_slice){"", 0}, "no tools");
    else if (gn_slice_is(file, "none"))
        gn_tui_note(t, GN_STYLE_NOTE, "there are no tools");
    else if (!gn_chat_file(file, &json, &e))
        failed(t, &e);
    else if (!gn_lead_tools(gn_str_slice(&json), &turn, &n, &e))
        gn_tui_note(t, GN_STYLE_ERROR, "%.*s: %s", file.len > 200 ? 200 : (int)file.len, file.data,
                    e.message);
    else {
        gn_str_fmt(&what, "%d tool%s (", n, n == 1 ? "" : "s");
        gn_lead_tool_names(gn_str_slice(&turn), &what);
        gn_str_puts(&what, ")");
        put_lead(c, t, GN_ROLE_TOOLS, gn_str_slice(&turn), gn_str_text(&what));
    }
    gn_str_release(&json);
    gn_str_release(&turn);
    gn_str_release(&what);
}

/* ---- answers to tool calls ------------------------------------------------ */

static int calls_in(gn_slice text) {
    int n = 0;
    for (ptrdiff_t at; (at = gn_slice_find(text, GN_S("<tool_call>"))) >= 0; n++)
        text = gn_slice_from(text, (size_t)at + 1);
    return n;
}

/* Calls of the last reply, and how many turns answer it already. */
static int calls_open(const gn_chat *c, int *answered) {
    const gn_turn *turn = gn_transcript_turn(&c->turns, c->turns.head);
    for (*answered = 0; turn && turn->role == GN_ROLE_TOOL; ++*answered)
        turn = gn_transcript_turn(&c->turns, turn->parent);
    return turn && turn->role == GN_ROLE_MODEL ? calls_in(gn_str_slice(&turn->text)) : 0;
}

/* /tool TEXT, or /tool @FILE. When every call has its answer the model goes on. */
void gn_chat_tool(gn_chat *c, gn_tui *t, gn_slice what) {
    gn_error e = {0};
    gn_str file = {0};
    int answered;
    if (gn_chat_is_busy(c, t))
        return;
    const int calls = calls_open(c, &answered);
    if (what.len == 0)
        gn_tui_note(t, GN_STYLE_ERROR, "/tool TEXT or /tool @FILE answers a call of the model");
    else if (calls <= answered)
        gn_tui_note(t, GN_STYLE_ERROR, "the last reply calls no tool%s",
                    calls ? " that is not answered" : "");
    else if (what.data[0] == '@' && !gn_chat_file(gn_slice_from(what, 1), &file, &e))
        failed(t, &e);
    else {
        const gn_slice text =
            what.data[0] == '@' ? gn_text_strip(gn_str_slice(&file), false, true) : what;
        const gn_turn *turn = gn_transcript_say(&c->turns, c->turns.head, GN_ROLE_TOOL, text);
        gn_chat_moved(c);
        if (!turn)
            gn_chat_no_memory(t);
        else if (answered + 1 < calls)
            gn_tui_note(t, GN_STYLE_NOTE, "%d of %d calls are answered", answered + 1, calls);
        else
            gn_chat_ask(c, t, turn->id);
    }
    gn_str_release(&file);
}
