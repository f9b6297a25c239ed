/* chat_commands.c - what a chat is asked to do: regenerate, undo, settings, slash commands. */
#include "app/tui/chat.h"

#include "app/tui/slash.h"

bool gn_chat_is_busy(const gn_chat *c, gn_tui *t) {
    if (c->answer < 0 && c->scoring < 0 && c->opened)
        return false;
    gn_tui_note(t, GN_STYLE_ERROR, "%s",
                !c->opened       ? "the model is loading"
                : c->answer >= 0 ? "a reply is being written; Esc stops it"
                                 : "tokens are being scored; Esc stops that");
    return true;
}

static const gn_turn *turn_of(const gn_chat *c, int64_t id) {
    return gn_transcript_turn(&c->turns, id);
}

/* Another answer, to the question that `id` is or answers. */
void gn_chat_regenerate(gn_chat *c, gn_tui *t, int64_t id) {
    const gn_turn *turn = turn_of(c, id);
    while (turn && turn->role == GN_ROLE_MODEL)
        turn = turn_of(c, turn->parent);
    if (gn_chat_is_busy(c, t))
        return;
    c->selected = -1;
    if (turn && gn_role_asks(turn->role))
        gn_chat_ask(c, t, turn->id);
    else
        gn_tui_note(t, GN_STYLE_ERROR, "there is nothing to answer again");
}

void gn_chat_moved(gn_chat *c) {
    c->selected = -1;
    c->follow = true;
    gn_keep_head(&c->keep, &c->turns);
}

void gn_chat_undo(gn_chat *c, gn_tui *t) {
    if (gn_chat_is_busy(c, t))
        return;
    if (gn_transcript_undo(&c->turns))
        gn_chat_go(c, t, c->turns.head);
    else
        gn_tui_note(t, GN_STYLE_ERROR, "there is nothing to undo");
}

void gn_chat_redo(gn_chat *c, gn_tui *t) {
    if (gn_chat_is_busy(c, t))
        return;
    if (gn_transcript_redo(&c->turns))
        gn_chat_go(c, t, c->turns.head);
    else
        gn_tui_note(t, GN_STYLE_ERROR, "there is nothing to redo");
}

/* To the answer beside the one in view, or the selected one. */
void gn_chat_step(gn_chat *c, gn_tui *t, int by) {
    int64_t id = c->selected >= 0 ? c->selected : c->turns.head;
    if (gn_chat_is_busy(c, t))
        return;
    const gn_turn *turn = turn_of(c, id);
    if (turn && gn_role_asks(turn->role) && c->selected < 0)
        turn = turn_of(c, turn->parent);
    const int64_t to = turn ? gn_transcript_step(&c->turns, turn->id, by) : -1;
    if (to < 0) {
        gn_tui_note(t, GN_STYLE_NOTE, "there is no other answer on that side");
        return;
    }
    gn_chat_go(c, t, to);
}

static void set(gn_chat *c, gn_tui *t, gn_slice argument) {
    gn_error e = {0};
    gn_slice name = {argument.data, 0};
    while (name.len < argument.len && argument.data[name.len] != ' ')
        name.len++;
    const gn_slice value = gn_text_strip(gn_slice_from(argument, name.len), true, true);
    const gn_setting *row = gn_setting_find(name);
    if (argument.len == 0)
        gn_chat_show_what(c, t, GN_S("settings"));
    else if (row && value.len == 0) {
        const char *now = gn_settings_text(t->settings, row->option.name);
        gn_tui_note(t, GN_STYLE_NOTE, "%s = %s (%s): %s", row->option.name, now ? now : row->unset,
                    gn_source_name(gn_settings_source(t->settings, row->option.name)),
                    row->option.help);
    } else if (row && row->takes & (GN_TAKES_MODEL | GN_TAKES_ALWAYS) &&
               strcmp(row->option.name, "state-mem") != 0)
        gn_tui_note(t, GN_STYLE_ERROR, "%s is fixed while the model is open; start with --%s %.*s",
                    row->option.name, row->option.name, (int)value.len, value.data);
    else if (row && strcmp(row->option.name, "system") == 0)
        gn_tui_note(t, GN_STYLE_ERROR, "/system TEXT changes the system prompt");
    else if (!gn_settings_set(t->settings, name, value, GN_SOURCE_SET, NULL, &e))
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
    else {
        /* What chooses a token is heard while a reply comes. */
        const bool now = c->answer >= 0 && row->takes & GN_TAKES_SAMPLING &&
                         strcmp(row->option.name, "seed") != 0;
        const gn_sampling how = gn_chat_sampling(c, t);
        if (now) {
            t->worker->choose(t->worker, &how);
            gn_turn *turn = gn_transcript_turn(&c->turns, c->answer);
            const uint64_t seed = turn->how.seed;
            turn->how = how;
            turn->how.seed = seed;
        }
        gn_tui_note(t, GN_STYLE_NOTE, "%s = %.*s, from the next %s on", row->option.name,
                    (int)value.len, value.data, now ? "token" : "reply");
    }
}

static void copy(gn_chat *c, gn_tui *t, gn_slice argument) {
    int64_t number = 0;
    if (argument.len > 0 && (!gn_parse_integer(argument, &number) || number < 1))
        gn_tui_note(t, GN_STYLE_ERROR, "want the number of a block, not '%.*s'",
                    argument.len > 40 ? 40 : (int)argument.len, argument.data);
    else
        gn_chat_copy(c, t, number);
}

void gn_chat_slash(gn_chat *c, gn_tui *t, gn_slice line) {
    gn_error e = {0};
    gn_slice argument;
    gn_turn *turn;
    switch (gn_slash_parse(line, &argument, &e)) {
    case GN_SLASH_REGEN:
        if ((turn = gn_chat_numbered(c, t, argument)))
            gn_chat_regenerate(c, t, turn->id);
        break;
    case GN_SLASH_CONTINUE:
        gn_chat_continue(c, t);
        break;
    case GN_SLASH_EDIT:
        if ((turn = gn_chat_numbered(c, t, argument)))
            gn_chat_edit(c, t, turn);
        break;
    case GN_SLASH_PREFIX:
        gn_chat_prefix(c, t, argument);
        break;
    case GN_SLASH_INSPECT:
        if ((turn = gn_chat_numbered(c, t, argument)))
            gn_chat_inspect(c, t, turn);
        break;
    case GN_SLASH_PROBS:
        gn_chat_probs(c, t);
        break;
    case GN_SLASH_UNDO:
        gn_chat_undo(c, t);
        break;
    case GN_SLASH_REDO:
        gn_chat_redo(c, t);
        break;
    case GN_SLASH_NEW:
        gn_chat_new(c, t);
        break;
    case GN_SLASH_FORK:
        gn_chat_fork(c, t, argument);
        break;
    case GN_SLASH_GOTO:
        gn_chat_goto(c, t, argument);
        break;
    case GN_SLASH_TREE:
        gn_chat_sessions(c, t, true);
        break;
    case GN_SLASH_SEARCH:
        gn_chat_search_tree(c, t, argument);
        break;
    case GN_SLASH_OPEN:
        gn_chat_open_named(c, t, argument);
        break;
    case GN_SLASH_NAME:
        gn_chat_name(c, t, argument);
        break;
    case GN_SLASH_PRIVATE:
        gn_chat_private(c, t);
        break;
    case GN_SLASH_PIN:
        if ((turn = gn_chat_numbered(c, t, argument)))
            gn_chat_pin(c, t, turn);
        break;
    case GN_SLASH_RATE:
        gn_chat_rate_as(c, t, argument);
        break;
    case GN_SLASH_SYSTEM:
        gn_chat_system(c, t, argument);
        break;
    case GN_SLASH_PROMPT:
        gn_chat_prompt_named(c, t, argument);
        break;
    case GN_SLASH_DOC:
        gn_chat_document(c, t, argument);
        break;
    case GN_SLASH_TOOLS:
        gn_chat_tools(c, t, argument);
        break;
    case GN_SLASH_TOOL:
        gn_chat_tool(c, t, argument);
        break;
    case GN_SLASH_SET:
        set(c, t, argument);
        break;
    case GN_SLASH_QUEUE:
        gn_chat_queue(c, t, argument);
        break;
    case GN_SLASH_EXPORT:
        gn_chat_export(c, t, argument);
        break;
    case GN_SLASH_MODEL:
        gn_chat_model(c, t, argument);
        break;
    case GN_SLASH_FRAGMENT:
        gn_chat_fragment(c, t, argument);
        break;
    case GN_SLASH_READ:
        gn_chat_read(c, t, argument);
        break;
    case GN_SLASH_COPY:
        copy(c, t, argument);
        break;
    case GN_SLASH_STATS:
        gn_chat_stats(c, t);
        break;
    case GN_SLASH_CONTEXT:
        gn_chat_context(c, t);
        break;
    case GN_SLASH_SHOW:
        gn_chat_show_what(c, t, argument);
        break;
    case GN_SLASH_COMPARE:
        if ((turn = gn_chat_numbered(c, t, argument)))
            gn_chat_compare(c, t, turn);
        break;
    case GN_SLASH_HELP:
        gn_tui_help(t, argument);
        break;
    case GN_SLASH_QUIT:
        t->quit = true;
        break;
    default:
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
    }
}
