/* chat_complete.c - Tab: what the word at the cursor may become, with help beside it. */
#include "app/tui/chat.h"

#include "app/cli/saved.h"
#include "app/term/choices.h"
#include "app/term/line.h"
#include "app/tui/slash.h"

#include <ctype.h>
#include <stdio.h>

/* What the argument of a command is. */
typedef void (*source)(gn_chat *c, gn_tui *t, gn_choices *out);

static void settings(gn_chat *c, gn_tui *t, gn_choices *out) {
    int n;
    const gn_setting *row = gn_setting_table(&n);
    (void)c, (void)t;
    for (int i = 0; i < n; i++)
        gn_choices_add(out, gn_slice_of(row[i].option.name), gn_slice_of(row[i].option.help),
                       false);
}

/* The words of "a|b|c". */
static void words(gn_choices *out, const char *choice, const char *help) {
    for (const char *p = choice; p && *p;) {
        const size_t len = strcspn(p, "|");
        gn_choices_add(out, (gn_slice){p, len}, gn_slice_of(help), false);
        p += len + (p[len] == '|');
    }
}

static void values(gn_choices *out, gn_slice name) {
    const gn_setting *row = gn_setting_find(name);
    if (!row)
        return;
    const gn_option *o = &row->option;
    if (o->type == GN_TYPE_FLAG || o->type == GN_TYPE_CHOICE)
        words(out, o->choice ? o->choice : "on|off", "");
}

static void paths(gn_chat *c, gn_tui *t, gn_choices *out) {
    (void)c, (void)t;
    if (out->word.len == 0 || out->word.data[0] != '!')
        gn_choices_paths(out);
}

static bool add_saved(void *user, const char *name, gn_slice text) {
    gn_choices_add(user, gn_slice_of(name), text, false);
    return true;
}

static void prompts(gn_chat *c, gn_tui *t, gn_choices *out) {
    (void)c, (void)t;
    gn_saved_prompts(add_saved, out);
    gn_choices_sort(out);
}

static void numbers(gn_chat *c, gn_tui *t, gn_choices *out) {
    (void)t;
    for (size_t i = 0; i < c->path.count; i++) {
        const gn_turn *turn = c->turns.turn[c->path.id[i]];
        char number[16];
        snprintf(number, sizeof number, "%d", c->message[turn->id].number);
        if (!gn_role_leads(turn->role))
            gn_choices_add(out, gn_slice_of(number), gn_chat_text(turn), false);
    }
}

static void blocks(gn_chat *c, gn_tui *t, gn_choices *out) {
    (void)t;
    for (size_t i = 0; i < c->path.count; i++) {
        const gn_turn *turn = c->turns.turn[c->path.id[i]];
        gn_slice code;
        for (int k = 1;
             turn->role == GN_ROLE_MODEL && gn_markdown_code(gn_chat_text(turn), k, &code); k++) {
            char number[16];
            snprintf(number, sizeof number, "%d", c->message[turn->id].code + k - 1);
            gn_choices_add(out, gn_slice_of(number), code, false);
        }
    }
}

static void waiting(gn_chat *c, gn_tui *t, gn_choices *out) {
    (void)t;
    for (int i = 0; i < c->n_queue; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", i + 1);
        gn_choices_add(out, gn_slice_of(number), gn_str_slice(&c->queue[i]), false);
    }
}

static void export(gn_chat *c, gn_tui *t, gn_choices *out) {
    words(out, "md|json|txt|html", "to a file named after the conversation");
    paths(c, t, out);
}

/* Their names; after one, files. */
static void fragments(gn_chat *c, gn_tui *t, gn_choices *out) {
    gn_error e = {0};
    gn_statement *q = c->keep.history
                          ? gn_sql_prepare(gn_history_sql(c->keep.history),
                                           "SELECT name, body FROM fragment WHERE name IS NOT NULL "
                                           "ORDER BY name",
                                           &e)
                          : NULL;
    (void)t;
    for (bool row; q && gn_sql_step(q, &row, &e) && row;)
        gn_choices_add(out, gn_column_text(q, 0), gn_column_text(q, 1), false);
    if (q)
        gn_sql_reset(q);
}

static void places(gn_chat *c, gn_tui *t, gn_choices *out) {
    for (int i = 0; i < c->keep.n_branch; i++)
        gn_choices_add(out, gn_slice_of(c->keep.branch[i].name), GN_S("branch"), false);
    numbers(c, t, out);
}

static void sessions(gn_chat *c, gn_tui *t, gn_choices *out) {
    gn_error e = {0};
    gn_statement *q =
        c->keep.history
            ? gn_sql_prepare(gn_history_sql(c->keep.history),
                             "SELECT COALESCE(NULLIF(name, ''), id), used_at FROM "
                             "session WHERE archived = 0 ORDER BY used_at DESC LIMIT 30",
                             &e)
            : NULL;
    (void)t;
    for (bool row; q && gn_sql_step(q, &row, &e) && row;)
        gn_choices_add(out, gn_column_text(q, 0), gn_column_text(q, 1), false);
    if (q)
        gn_sql_reset(q);
}

static const struct {
    gn_slash command;
    source from;
} arguments[] = {
    {GN_SLASH_MODEL, paths},   {GN_SLASH_EXPORT, export},   {GN_SLASH_FRAGMENT, fragments},
    {GN_SLASH_GOTO, places},   {GN_SLASH_OPEN, sessions},   {GN_SLASH_PIN, numbers},
    {GN_SLASH_SET, settings},  {GN_SLASH_READ, paths},      {GN_SLASH_DOC, paths},
    {GN_SLASH_TOOLS, paths},   {GN_SLASH_PROMPT, prompts},  {GN_SLASH_REGEN, numbers},
    {GN_SLASH_EDIT, numbers},  {GN_SLASH_INSPECT, numbers}, {GN_SLASH_COPY, blocks},
    {GN_SLASH_QUEUE, waiting},
};

static void commands(const gn_tui *t, gn_choices *out, bool colon) {
    for (int i = 1; gn_slash_name(i); i++) {
        gn_str help = {0};
        const char *argument = gn_slash_argument(i);
        gn_str_fmt(&help, "%s%s%s", argument, argument[0] ? "  " : "", gn_slash_help(i));
        gn_choices_add(out, gn_slice_of(gn_slash_name(i) + colon), gn_str_slice(&help), false);
        gn_str_release(&help);
    }
    for (gn_request r = 1; colon && r < GN_REQUEST_SLASH; r++)
        gn_choices_add(out, gn_slice_of(gn_request_name(r)), gn_slice_of(gn_request_help(r)),
                       false);
    (void)t;
}

/* Fills in what the text up to the cursor may become; its word begins at the byte returned. */
static size_t gather(gn_chat *c, gn_tui *t, gn_slice text, bool colon, gn_choices *out) {
    const size_t from = colon ? 0 : gn_chat_marks(c, text);
    const gn_slice line = gn_slice_from(text, from);
    size_t end = 0, at;
    const bool slash = line.len > 0 && line.data[0] == '/';
    while (end < line.len && line.data[end] != ' ')
        end++;
    if ((!slash && !colon) || memchr(line.data, '\n', line.len))
        return text.len;
    if (end == line.len) {
        out->word = line;
        commands(t, out, colon && !slash);
        gn_choices_sort(out);
        return from;
    }
    gn_slice name = {line.data, end}, argument;
    gn_error e = {0};
    gn_str whole = {0};
    gn_str_fmt(&whole, "%s%.*s", slash ? "" : "/", (int)name.len, name.data);
    const gn_slash command = gn_slash_parse(gn_str_slice(&whole), &argument, &e);
    gn_str_release(&whole);
    for (at = end; at < line.len && line.data[at] == ' ';)
        at++;
    out->word = gn_slice_from(line, at);
    const ptrdiff_t second = gn_slice_find(out->word, GN_S(" "));
    if (command == GN_SLASH_SET && second > 0) {
        const gn_slice setting = {out->word.data, (size_t)second};
        at += (size_t)second + 1;
        out->word = gn_slice_from(line, at);
        values(out, setting);
        return from + at;
    }
    if (command == GN_SLASH_TOOL && out->word.len > 0 && out->word.data[0] == '@') {
        at++;
        out->word = gn_slice_from(line, at);
        gn_choices_paths(out);
        return from + at;
    }
    for (size_t i = 0; i < sizeof arguments / sizeof arguments[0]; i++)
        if (arguments[i].command == command) {
            arguments[i].from(c, t, out);
            return from + at;
        }
    /* The words that stand in its help, "a|b". */
    if (islower((unsigned char)gn_slash_argument((int)command)[0]))
        words(out, gn_slash_argument((int)command), "");
    return from + at;
}

void gn_chat_complete(gn_chat *c, gn_tui *t) {
    gn_choices all = {0};
    gn_str text = {0}, put = {0}, list = {0};
    const bool colon = t->mode == GN_MODE_ASK && t->asking == ':';
    if (t->mode == GN_MODE_ASK && !colon)
        return;
    gn_str_add(&text, (gn_slice){gn_line_text().data, gn_line_point()});
    const size_t first = gather(c, t, gn_str_slice(&text), colon, &all);
    if (all.count == 1) {
        gn_str_fmt(&put, "%s%s", all.choice[0].text, all.choice[0].open ? "" : " ");
        gn_str_puts(&list, all.choice[0].help);
    } else if (all.count > 1) {
        gn_str_add(&put, (gn_slice){all.choice[0].text, gn_choices_common(&all)});
        gn_choices_text(&all, t->canvas.rows - 9, t->canvas.cols - 2, &list);
    }
    if (all.count > 0 && put.len >= all.word.len) {
        /* What stands at the cursor already is not written twice. */
        const gn_slice behind = gn_slice_from(gn_line_text(), gn_line_point());
        if (all.count == 1 && behind.len > 0 && behind.data[0] == ' ' && put.len > 0 &&
            put.data[put.len - 1] == ' ')
            gn_str_cut(&put, put.len - 1);
        gn_line_replace(first, text.len - first, gn_str_slice(&put));
    }
    if (list.len > 0) {
        gn_str_cut(&t->note, 0);
        gn_str_add(&t->note, gn_str_slice(&list));
        t->note_style = GN_STYLE_NOTE;
        t->dirty = true;
    }
    gn_str_release(&text);
    gn_str_release(&put);
    gn_str_release(&list);
    gn_choices_release(&all);
}
