/* chat_export.c - /export: the branch in view as a file. */
#include "app/tui/chat.h"

#include "app/chat/export.h"

#include <stdio.h>
#include <sys/stat.h>

static gn_slice word_of(gn_slice *s) {
    gn_slice word = {s->data, 0};
    while (word.len < s->len && s->data[word.len] != ' ')
        word.len++;
    *s = gn_text_strip(gn_slice_from(*s, word.len), true, true);
    return word;
}

/* What a conversation is called: its name, else what was said first. */
static gn_slice title_of(const gn_chat *c) {
    if (c->keep.name.len)
        return gn_str_slice(&c->keep.name);
    for (size_t i = 0; i < c->path.count; i++) {
        const gn_turn *turn = c->turns.turn[c->path.id[i]];
        const gn_slice text = gn_text_strip(gn_str_slice(&turn->text), true, true);
        const char *end = memchr(text.data, '\n', text.len);
        if (turn->role == GN_ROLE_USER)
            return (gn_slice){text.data, end ? (size_t)(end - text.data) : text.len};
    }
    return GN_S("conversation");
}

/* "Trip to Oslo?" as "trip-to-oslo.md", and "-2" before the dot where that is taken. */
static void name_file(gn_slice title, const char *suffix, gn_str *out) {
    gn_str base = {0};
    for (size_t i = 0; i < title.len && base.len < 60; i++) {
        const char c = title.data[i];
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80)
            gn_str_putc(&base, c);
        else if (c >= 'A' && c <= 'Z')
            gn_str_putc(&base, (char)(c - 'A' + 'a'));
        else if (base.len > 0 && base.data[base.len - 1] != '-')
            gn_str_putc(&base, '-');
    }
    gn_str_cut(&base, base.len - gn_utf8_partial(gn_str_slice(&base)));
    while (base.len > 0 && base.data[base.len - 1] == '-')
        gn_str_cut(&base, base.len - 1);
    if (base.len == 0)
        gn_str_puts(&base, "conversation");
    gn_str_fmt(out, "%s.%s", gn_str_text(&base), suffix);
    for (int n = 2; gn_path_exists(gn_str_text(out)) && n < 1000; n++) {
        gn_str_cut(out, 0);
        gn_str_fmt(out, "%s-%d.%s", gn_str_text(&base), n, suffix);
    }
    gn_str_release(&base);
}

/* /export [md|json|txt|html] [FILE] */
void gn_chat_export(gn_chat *c, gn_tui *t, gn_slice argument) {
    static const char *const suffix[] = {"md", "json", "txt", "html"};
    gn_error e = {0}, none = {0};
    gn_str out = {0}, path = {0};
    gn_export_form form = GN_EXPORT_MD;
    gn_slice rest = argument;
    const gn_slice first = word_of(&rest);
    const bool named = first.len > 0 && gn_export_form_of(first, &form, &none);
    const gn_slice file = named ? rest : argument;
    if (!named && file.len > 0)
        gn_export_form_of_file(file, &form);
    const gn_exported what = {.title = title_of(c),
                              .model = gn_str_slice(&c->name),
                              .turns = &c->turns,
                              .head = c->turns.head,
                              .from = gn_keep_has_session(&c->keep) ? c->keep.history : NULL,
                              .id = c->keep.record.id};
    struct stat st;
    bool ok = c->turns.head >= 0 ||
              gn_fail(&e, GN_INVALID, "there is nothing to export yet: no message was sent");
    gn_str_add(&path, file);
    if (ok && file.len == 0)
        name_file(what.title, suffix[form], &path);
    ok = ok && gn_str_ok(&path, &e);
    if (ok && stat(gn_str_text(&path), &st) == 0)
        ok = gn_fail(&e, GN_INVALID, "'%.200s' is there already; name another file",
                     gn_str_text(&path));
    ok = ok && gn_export(&what, form, &out, &e) &&
         gn_file_write(gn_str_text(&path), gn_str_slice(&out), &e);
    if (ok)
        gn_tui_note(t, GN_STYLE_NOTE, "this branch as %s: %s, %zu bytes", suffix[form],
                    gn_str_text(&path), out.len);
    else
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
    gn_str_release(&out);
    gn_str_release(&path);
}
