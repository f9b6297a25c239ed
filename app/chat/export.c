/* export.c - see export.h: what people read. JSON is export_rows.c's. */
#include "app/chat/export.h"

#include "app/chat/conversations.h"
#include "app/chat/tree.h"
#include "app/cli/out.h"
#include "app/cli/when.h"

#include <stdlib.h>

static const char *const forms[] = {"md", "json", "txt", "html"};

bool gn_export_form_of(gn_slice name, gn_export_form *out, gn_error *e) {
    for (int i = 0; i < 4; i++)
        if (gn_slice_is(name, forms[i])) {
            *out = (gn_export_form)i;
            return true;
        }
    return gn_fail(e, GN_INVALID, "want md, json, txt or html, not '%.*s'",
                   name.len > 40 ? 40 : (int)name.len, name.data);
}

bool gn_export_form_of_file(gn_slice path, gn_export_form *out) {
    gn_slice name = gn_path_name(path);
    gn_error none = {0};
    while (name.len && memchr(name.data, '.', name.len))
        name = gn_slice_from(name, 1);
    if (gn_slice_is(name, "htm"))
        name = GN_S("html");
    if (gn_slice_is(name, "markdown"))
        name = GN_S("md");
    if (gn_slice_is(name, "text"))
        name = GN_S("txt");
    return gn_export_form_of(name, out, &none);
}

/* ---- what is said of a turn ------------------------------------------------ */

void gn_export_remarks(const gn_turn *turn, bool imported, gn_str *out) {
    const struct {
        bool holds;
        const char *says;
    } remark[] = {
        {turn->stop == GN_STOP_INTERRUPTED, "stopped"},
        {turn->stop == GN_STOP_LENGTH, "cut at the limit"},
        {turn->stop == GN_STOP_CONTEXT, "context full"},
        {turn->edited && !imported, "edited"},
        {turn->edited && imported, "imported"},
        {turn->rating > 0, "rated +1"},
        {turn->rating < 0, "rated -1"},
    };
    for (size_t i = 0; i < sizeof remark / sizeof *remark; i++)
        if (remark[i].holds)
            gn_str_fmt(out, "%s%s", out->len ? ", " : "", remark[i].says);
}

/* ---- Markdown, text -------------------------------------------------------- */

static void text_head(const gn_exported *x, bool md, gn_str *out) {
    char when[32] = "";
    if (x->when)
        gn_when_exact(x->when, when);
    gn_str_puts(out, md ? "# " : "");
    gn_out_visible(out, x->title);
    gn_str_puts(out, md ? "\n\n*" : "\n");
    gn_out_visible(out, x->model);
    gn_str_fmt(out, "%s%s%s\n", when[0] ? ", " : "", when, md ? "*" : "");
}

static void text_turn(const gn_exported *x, const gn_tree_row *row, bool md, gn_str *out) {
    const gn_turn *turn = x->turns->turn[row->id];
    char label[16];
    gn_str remark = {0};
    gn_tree_label(row, label);
    gn_export_remarks(turn, x->imported, &remark);
    gn_str_fmt(out, "\n%s%s %s", md ? "## " : "--- ", label, gn_tree_who(turn->role));
    if (x->tree && row->of > 1)
        gn_str_fmt(out, " (%d of %d)", row->sibling + 1, row->of);
    if (x->tree && row->id == x->turns->head)
        gn_str_puts(out, " HEAD");
    gn_str_fmt(out, "%s%s%s\n%s", remark.len ? " [" : "", gn_str_text(&remark),
               remark.len ? "]" : "", md ? "\n" : "");
    gn_out_visible(out, gn_str_slice(&turn->text));
    gn_str_putc(out, '\n');
    gn_str_release(&remark);
}

/* ---- HTML ------------------------------------------------------------------ */

static void escape(gn_str *out, gn_slice text) {
    gn_str shown = {0};
    gn_out_visible(&shown, text);
    for (size_t i = 0; i < shown.len; i++)
        switch (shown.data[i]) {
        case '&':
            gn_str_puts(out, "&amp;");
            break;
        case '<':
            gn_str_puts(out, "&lt;");
            break;
        case '>':
            gn_str_puts(out, "&gt;");
            break;
        case '"':
            gn_str_puts(out, "&quot;");
            break;
        default:
            gn_str_putc(out, shown.data[i]);
        }
    out->failed |= shown.failed;
    gn_str_release(&shown);
}

static void html_head(const gn_exported *x, gn_str *out) {
    char when[32] = "";
    if (x->when)
        gn_when_exact(x->when, when);
    /* The policy is for viewers that believe in one: no script, no picture, no network. */
    gn_str_puts(out, "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                     "style-src 'unsafe-inline'\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    escape(out, x->title);
    gn_str_puts(out, "</title>\n<style>\n"
                     ":root { color-scheme: light dark }\n"
                     "body { max-width: 46em; margin: 2em auto; padding: 0 1em; font: 16px/1.5 "
                     "sans-serif }\n"
                     "article { margin: 1em 0; padding: .2em 1em; border-left: .25em solid #888 }\n"
                     "article.you { border-color: #36c } article.model { border-color: #393 }\n"
                     "header { color: #777; font-size: .85em } header b { font-weight: 600 }\n"
                     "pre { font: inherit; margin: .2em 0; white-space: pre-wrap; overflow-wrap: "
                     "anywhere; unicode-bidi: plaintext }\n"
                     "</style>\n</head>\n<body>\n<h1>");
    escape(out, x->title);
    gn_str_puts(out, "</h1>\n<p>");
    escape(out, x->model);
    gn_str_fmt(out, "%s%s</p>\n", when[0] ? ", " : "", when);
}

static void html_turn(const gn_exported *x, const gn_tree_row *row, gn_str *out) {
    const gn_turn *turn = x->turns->turn[row->id];
    char label[16];
    gn_str remark = {0};
    gn_tree_label(row, label);
    gn_export_remarks(turn, x->imported, &remark);
    gn_str_fmt(out, "<article class=\"%s\" id=\"m%lld\">\n<header><b>", gn_tree_who(turn->role),
               (long long)turn->id);
    escape(out, gn_slice_of(label));
    gn_str_fmt(out, " %s</b>", gn_tree_who(turn->role));
    if (x->tree && turn->parent >= 0 && row->of > 1)
        gn_str_fmt(out, " (%d of %d after <a href=\"#m%lld\">%d</a>)", row->sibling + 1, row->of,
                   (long long)turn->parent, row->number - 1);
    if (x->tree && row->id == x->turns->head)
        gn_str_puts(out, " HEAD");
    gn_str_fmt(out, "%s%s</header>\n<pre>\n", remark.len ? " &middot; " : "", gn_str_text(&remark));
    escape(out, gn_str_slice(&turn->text));
    gn_str_puts(out, "</pre>\n</article>\n");
    gn_str_release(&remark);
}

/* ---- all of it --------------------------------------------------------------- */

/* Only the texts of one branch, as other programs write it. */
static void messages_json(const gn_exported *x, const gn_tree *tree, gn_str *out) {
    bool first = true;
    gn_str_puts(out, "{\"messages\":[");
    for (size_t i = 0; i < tree->count; i++) {
        const gn_turn *turn = x->turns->turn[tree->row[i].id];
        if (turn->role == GN_ROLE_SYSTEM && turn->text.len == 0)
            continue;
        gn_str_fmt(out, "%s{\"role\":\"%s\",\"content\":", first ? "" : ",",
                   gn_role_name(turn->role));
        gn_json_write_string(out, gn_str_slice(&turn->text));
        gn_str_putc(out, '}');
        first = false;
    }
    gn_str_puts(out, "]}\n");
}

static void write_rows(const gn_exported *x, const gn_tree *tree, gn_export_form form,
                       gn_str *out) {
    if (form == GN_EXPORT_HTML)
        html_head(x, out);
    else
        text_head(x, form == GN_EXPORT_MD, out);
    for (size_t i = 0; i < tree->count; i++) {
        const gn_turn *turn = x->turns->turn[tree->row[i].id];
        if (turn->role == GN_ROLE_SYSTEM && turn->text.len == 0)
            continue; /* the template's own */
        if (form == GN_EXPORT_HTML)
            html_turn(x, &tree->row[i], out);
        else
            text_turn(x, &tree->row[i], form == GN_EXPORT_MD, out);
    }
    if (form == GN_EXPORT_HTML)
        gn_str_puts(out, "</body>\n</html>\n");
}

bool gn_export(const gn_exported *x, gn_export_form form, gn_str *out, gn_error *e) {
    gn_tree tree = {0};
    if (form == GN_EXPORT_JSON && x->from)
        return gn_export_rows(x->from, x->id, out, e);
    const bool nothing = x->head < 0 && !x->tree;
    bool ok = nothing || gn_tree_build(&tree, x->turns, x->tree ? -1 : x->head, e);
    if (ok && form == GN_EXPORT_JSON)
        messages_json(x, &tree, out);
    else if (ok)
        write_rows(x, &tree, form, out);
    gn_tree_release(&tree);
    return ok && gn_str_ok(out, e);
}

bool gn_export_session(gn_history *h, const char *id, gn_export_form form, bool tree, gn_str *out,
                       gn_error *e) {
    gn_transcript turns = {.head = -1};
    gn_session_info info = {0};
    gn_record record = {0};
    gn_str origin = {0};
    if (form == GN_EXPORT_JSON)
        return gn_export_rows(h, id, out, e);
    bool ok = gn_history_info(h, id, &info, e) &&
              gn_conversations_origin(gn_history_store(h), id, &origin, e) &&
              gn_history_load(h, id, &turns, &record, e);
    const gn_exported x = {.title = gn_str_slice(&info.name),
                           .model = gn_str_slice(&info.model),
                           .when = info.used,
                           .turns = &turns,
                           .head = turns.head,
                           .tree = tree,
                           .imported = origin.len > 0};
    ok = ok && gn_export(&x, form, out, e);
    gn_transcript_release(&turns);
    gn_session_info_release(&info);
    gn_str_release(&origin);
    return ok;
}
