/* chat_insert.c - what comes into a message without being typed: pastes, files, output of commands.
 *
 * In the input it is a mark that tells its size in tokens, which is what it will cost; when the
 * message is sent the text stands in the mark's place.
 */
#include "app/tui/chat.h"

#include "app/term/line.h"

#include <stdlib.h>

static const char *const kind_name[] = {"paste", "file", "output"};

static int lines_of(gn_slice text) {
    int lines = text.len > 0 && text.data[text.len - 1] != '\n';
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    return lines;
}

static void put_mark(const gn_insert *p, int number, gn_str *out) {
    char tokens[32];
    const int lines = lines_of(gn_str_slice(&p->text));
    gn_str_fmt(out, "[%s %d: ", kind_name[p->kind], number);
    if (p->name.len)
        gn_str_fmt(out, "%s, ", gn_str_text(&p->name));
    gn_str_fmt(out, "%d line%s", lines, lines == 1 ? "" : "s");
    if (p->tokens >= 0)
        gn_str_fmt(out, ", %s token%s", gn_grouped(p->tokens, tokens), p->tokens == 1 ? "" : "s");
    gn_str_puts(out, "]");
}

/* The mark that begins at s, whatever it says behind its number: its length; 0: none. */
static size_t mark_at(const gn_chat *c, gn_slice s, int *which) {
    for (int kind = 0; kind < 3; kind++) {
        const size_t n = strlen(kind_name[kind]);
        int64_t number = 0;
        if (s.len < n + 4 || s.data[0] != '[' || memcmp(s.data + 1, kind_name[kind], n) != 0 ||
            s.data[n + 1] != ' ')
            continue;
        size_t i = n + 2;
        while (i < s.len && s.data[i] >= '0' && s.data[i] <= '9' && number < 1000000)
            number = number * 10 + (s.data[i++] - '0');
        const char *end = memchr(s.data + i, ']', s.len - i);
        if (i == s.len || s.data[i] != ':' || !end || number < 1 || number > c->n_insert ||
            c->insert[number - 1].kind != (gn_insert_kind)kind)
            return 0;
        *which = (int)number - 1;
        return (size_t)(end - s.data) + 1;
    }
    return 0;
}

size_t gn_chat_marks(const gn_chat *c, gn_slice line) {
    size_t end = 0;
    int which;
    for (size_t n; (n = mark_at(c, gn_slice_from(line, end), &which)) > 0;) {
        end += n;
        while (end < line.len && strchr(" \n", line.data[end]))
            end++;
    }
    return end;
}

void gn_chat_unfold(const gn_chat *c, gn_slice line, gn_str *out) {
    for (size_t i = 0; i < line.len;) {
        int which;
        const size_t mark = mark_at(c, gn_slice_from(line, i), &which);
        if (mark) {
            gn_str_add(out, gn_str_slice(&c->insert[which].text));
            i += mark;
        } else
            gn_str_putc(out, line.data[i++]);
    }
}

/* Takes name and text. */
static bool insert(gn_chat *c, gn_tui *t, gn_insert p) {
    gn_str mark = {0};
    gn_insert *list = NULL;
    p.tokens = -1;
    for (size_t i = 0; i < p.name.len; i++) /* a mark ends at its first bracket */
        if (strchr("[]\n", p.name.data[i]))
            p.name.data[i] = '_';
    if (!p.text.failed && !p.name.failed)
        list = realloc(c->insert, (size_t)(c->n_insert + 1) * sizeof *list);
    if (!list) {
        gn_str_release(&p.name);
        gn_str_release(&p.text);
        return gn_chat_no_memory(t);
    }
    c->insert = list;
    c->insert[c->n_insert++] = p;
    put_mark(&p, c->n_insert, &mark);
    gn_line_insert(gn_str_slice(&mark));
    gn_str_release(&mark);
    if (c->opened)
        t->worker->count(t->worker, c->n_insert, gn_str_slice(&c->insert[c->n_insert - 1].text));
    return true;
}

void gn_chat_count_all(gn_chat *c, gn_tui *t) {
    for (int i = 0; i < c->n_insert; i++)
        if (c->insert[i].tokens < 0)
            t->worker->count(t->worker, i + 1, gn_str_slice(&c->insert[i].text));
}

/* A mark in a text of ours that is not the line: what was written before a search began. */
static void replace(gn_str *in, size_t at, size_t bytes, gn_slice text) {
    gn_str out = {0};
    gn_str_add(&out, (gn_slice){in->data, at});
    gn_str_add(&out, text);
    gn_str_add(&out, (gn_slice){in->data + at + bytes, in->len - at - bytes});
    if (!out.failed) {
        gn_str_release(in);
        *in = out;
    } else
        gn_str_release(&out);
}

void gn_chat_counted(gn_chat *c, gn_tui *t, int64_t tag, int64_t tokens) {
    if (tag < 1 || tag > c->n_insert)
        return;
    gn_insert *p = &c->insert[tag - 1];
    gn_str mark = {0};
    p->tokens = tokens;
    put_mark(p, (int)tag, &mark);
    for (int in_draft = 0; in_draft < 2; in_draft++) {
        const gn_slice line = in_draft ? gn_str_slice(&t->draft) : gn_line_text();
        for (size_t i = 0; i < line.len; i++) {
            int which;
            const size_t n = mark_at(c, gn_slice_from(line, i), &which);
            if (n == 0 || which + 1 != tag)
                continue;
            if (in_draft)
                replace(&t->draft, i, n, gn_str_slice(&mark));
            else
                gn_line_replace(i, n, gn_str_slice(&mark));
            break;
        }
    }
    t->dirty = true;
    gn_str_release(&mark);
}

void gn_chat_paste(void *self, gn_tui *t, gn_slice text) {
    gn_insert p = {.kind = GN_INSERT_PASTE};
    if (lines_of(text) <= GN_FOLD_LINES) {
        gn_line_insert(text);
        return;
    }
    gn_str_add(&p.text, text);
    insert(self, t, p);
}

void gn_chat_put_back(gn_chat *c, gn_tui *t, gn_slice text) {
    gn_line_set((gn_slice){"", 0});
    if (text.len > 0 && text.data[0] == '/' && lines_of(text) <= GN_FOLD_LINES)
        gn_line_insert(GN_S("/")); /* it was typed as "//": a message, no command */
    gn_chat_paste(c, t, text);
}

void gn_chat_give_back(gn_chat *c, gn_tui *t, gn_slice text) {
    if (gn_line_text().len == 0) {
        gn_chat_put_back(c, t, text);
        return;
    }
    gn_tui_note_more(t, "what was not answered is in the history (Up)");
}

/* ---- files -------------------------------------------------------------- */

bool gn_chat_file(gn_slice name, gn_str *out, gn_error *e) {
    gn_str path = {0};
    const char *home = getenv("HOME");
    if (gn_slice_starts(name, GN_S("~/")) && home) {
        gn_str_puts(&path, home);
        name = gn_slice_from(name, 1);
    }
    gn_str_add(&path, name);
    bool ok = gn_str_ok(&path, e) && gn_file_read(out, gn_str_text(&path), 16 << 20, e);
    if (ok && out->len > 0 && memchr(out->data, '\0', out->len))
        ok = gn_fail(e, GN_INVALID, "'%.200s' is no text", gn_str_text(&path));
    if (ok && gn_text_strip(gn_str_slice(out), true, true).len == 0)
        ok = gn_fail(e, GN_INVALID, "'%.200s' is empty", gn_str_text(&path));
    gn_str_release(&path);
    return ok;
}

static bool exists(gn_slice name) {
    gn_str path = {0};
    const char *home = getenv("HOME");
    if (gn_slice_starts(name, GN_S("~/")) && home) {
        gn_str_puts(&path, home);
        name = gn_slice_from(name, 1);
    }
    gn_str_add(&path, name);
    const bool there = gn_path_exists(gn_str_text(&path));
    gn_str_release(&path);
    return there;
}

/* "notes.md:3-40", ":3-", ":3" to the file's name and lines, from 1; false: no lines are named. */
static bool split_lines(gn_slice what, gn_slice *name, int64_t *first, int64_t *last) {
    size_t colon = what.len;
    while (colon > 0 && what.data[colon - 1] != ':')
        colon--;
    if (colon < 2 || exists(what))
        return false;
    const gn_slice range = gn_slice_from(what, colon);
    const ptrdiff_t dash = gn_slice_find(range, GN_S("-"));
    const gn_slice from = {range.data, dash < 0 ? range.len : (size_t)dash},
                   to = dash < 0 ? from : gn_slice_from(range, (size_t)dash + 1);
    *last = INT64_MAX;
    if (!gn_parse_integer(from, first) || *first < 1 ||
        (to.len > 0 && (!gn_parse_integer(to, last) || *last < *first)))
        return false;
    *name = (gn_slice){what.data, colon - 1};
    return true;
}

static gn_slice lines(gn_slice text, int64_t first, int64_t last) {
    size_t from = 0, to = 0;
    for (int64_t line = 1; to < text.len && line <= last; line++) {
        const char *end = memchr(text.data + to, '\n', text.len - to);
        if (line == first)
            from = to;
        to = end ? (size_t)(end - text.data) + 1 : text.len;
        if (line < first)
            from = to;
    }
    return (gn_slice){text.data + from, to - from};
}

static bool read_file(gn_chat *c, gn_tui *t, gn_slice what, gn_error *e) {
    gn_insert p = {.kind = GN_INSERT_FILE};
    gn_str text = {0};
    gn_slice name = what;
    int64_t first = 1, last = INT64_MAX;
    split_lines(what, &name, &first, &last);
    bool ok = gn_chat_file(name, &text, e);
    const gn_slice part = ok ? lines(gn_str_slice(&text), first, last) : (gn_slice){"", 0};
    if (ok && part.len == 0)
        ok = gn_fail(e, GN_INVALID, first > 1 ? "'%.*s' has no line %lld" : "'%.*s' is empty",
                     name.len > 200 ? 200 : (int)name.len, name.data, (long long)first);
    if (ok) {
        gn_str_add(&p.name, what);
        gn_str_add(&p.text, part);
        ok = insert(c, t, p);
    }
    gn_str_release(&text);
    return ok;
}

/* ---- commands ----------------------------------------------------------- */

static bool read_output(gn_chat *c, gn_tui *t, gn_slice command, gn_error *e) {
    gn_insert p = {.kind = GN_INSERT_OUTPUT};
    gn_str line = {0};
    int status = 0;
    command = gn_text_strip(command, true, true);
    gn_str_add(&line, command);
    bool ok = gn_str_ok(&line, e);
    if (ok && command.len == 0)
        ok = gn_fail(e, GN_INVALID, "want a command after /read !");
    if (ok && gn_settings_flag(t->settings, "readonly"))
        ok = gn_fail(e, GN_INVALID, "readonly: no program is run");
    if (ok && !t->shell)
        ok = gn_fail(e, GN_INVALID, "there is no terminal to run a command on");
    ok = ok && t->shell(t, gn_str_text(&line), &p.text, &status, e);
    if (ok && p.text.len == 0)
        ok = gn_fail(e, GN_INVALID, "'%.80s' wrote nothing (exit %d)", gn_str_text(&line), status);
    if (ok) {
        gn_str_add(&p.name, (gn_slice){command.data, command.len > 40 ? 40 : command.len});
        ok = insert(c, t, p);
        if (ok && status != 0)
            gn_tui_note(t, GN_STYLE_NOTE, "'%.80s' exited with %d; its output stands in the input",
                        gn_str_text(&line), status);
    } else
        gn_str_release(&p.text);
    gn_str_release(&line);
    return ok;
}

void gn_chat_read(gn_chat *c, gn_tui *t, gn_slice what) {
    gn_error e = {0};
    bool ok;
    if (what.len == 0)
        ok = gn_fail(&e, GN_INVALID, "/read FILE, /read FILE:10-20 or /read !COMMAND");
    else if (what.data[0] == '!')
        ok = read_output(c, t, gn_slice_from(what, 1), &e);
    else
        ok = read_file(c, t, what, &e);
    if (ok)
        t->mode = GN_MODE_WRITE;
    else if (e.code)
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
}

void gn_chat_insert_release(gn_chat *c) {
    for (int i = 0; i < c->n_insert; i++) {
        gn_str_release(&c->insert[i].name);
        gn_str_release(&c->insert[i].text);
    }
    free(c->insert);
}
