/* sessions_list.c - gneiss sessions, and what `show` prints: lists and trees for people. */
#include "app/commands/cmd_sessions.h"

#include "app/chat/conversations.h"
#include "app/chat/export.h"
#include "app/chat/tree.h"
#include "app/cli/out.h"
#include "app/cli/when.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

static void text_key(gn_str *out, const char *name, gn_slice text) {
    gn_str_fmt(out, "\"%s\":", name);
    gn_json_write_string(out, text);
}

static void hash_key(gn_str *out, const char *name, const uint8_t *hash) {
    char hex[GN_SHA256_HEX];
    if (hash)
        gn_hex(hash, GN_SHA256_BYTES, hex);
    gn_str_fmt(out, hash ? ",\"%s\":\"%s\"" : ",\"%s\":null", name, hex);
}

static int print(gn_str *out, bool any, gn_error *e) {
    const bool ok =
        gn_str_ok(out, e) && gn_out_plain(gn_str_slice(out), false, e); /* visible already */
    gn_str_release(out);
    return !ok ? GN_FAILED : any ? GN_EXIT_YES : GN_EXIT_NO;
}

/* ---- the list ------------------------------------------------------------------ */

/* A text on one line, with what was found in brackets, or bold. */
static void one_line(gn_str *out, gn_slice text, const char *begin, const char *end) {
    gn_str line = {0};
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.data[i];
        if (c != GN_MATCH_BEGIN && c != GN_MATCH_END) {
            gn_str_putc(&line, c == '\n' || c == '\r' || c == '\t' ? ' ' : c);
            continue;
        }
        gn_out_visible(out, gn_str_slice(&line));
        gn_str_cut(&line, 0);
        gn_str_puts(out, c == GN_MATCH_BEGIN ? begin : end);
    }
    gn_out_visible(out, gn_str_slice(&line));
    out->failed |= line.failed;
    gn_str_release(&line);
}

static void row_json(gn_str *out, const gn_conversations_row *r, bool first) {
    gn_str_puts(out, first ? "{\"schema\":\"gneiss.sessions/1\"," : "{");
    text_key(out, "id", gn_slice_of(r->id));
    gn_str_putc(out, ',');
    text_key(out, "name", gn_str_slice(&r->title));
    gn_str_putc(out, ',');
    text_key(out, "checkpoint", gn_str_slice(&r->model));
    gn_str_fmt(out, ",\"turns\":%" PRId64 ",\"branches\":%" PRId64 ",\"tokens\":%" PRId64, r->turns,
               r->branches, r->tokens);
    hash_key(out, "head", r->has_head ? r->head : NULL);
    gn_str_fmt(out, ",\"created_at\":\"%s\",\"used_at\":\"%s\",\"archived\":%s", r->created_at,
               r->used_at, r->archived ? "true" : "false");
    if (r->snippet.len) {
        gn_str snippet = {0};
        one_line(&snippet, gn_str_slice(&r->snippet), "[", "]");
        hash_key(out, "message", r->hit);
        gn_str_putc(out, ',');
        text_key(out, "role", gn_str_slice(&r->role));
        gn_str_putc(out, ',');
        text_key(out, "snippet", gn_str_slice(&snippet));
        gn_str_release(&snippet);
    }
    gn_str_puts(out, "}\n");
}

static int by_id(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Letters of an id that tell the rows apart: the first ten are a time. */
static int letters_of(const gn_conversations *c) {
    const char **id = calloc(c->count + 1, sizeof *id);
    int letters = 10;
    for (size_t i = 0; id && i < c->count; i++)
        id[i] = c->row[i].id;
    if (id)
        qsort(id, c->count, sizeof *id, by_id);
    for (size_t i = 1; id && i < c->count; i++) {
        int same = 0;
        while (id[i][same] && id[i][same] == id[i - 1][same])
            same++;
        letters = same >= letters ? same + 1 : letters;
    }
    free(id);
    return letters;
}

static void row_text(gn_str *out, const gn_conversations_row *r, int letters, bool color) {
    char when[32];
    gn_str title = {0};
    gn_when_exact(r->used_at, when);
    one_line(&title, gn_str_slice(&r->title), "", "");
    gn_str_fmt(out,
               "%.*s  %s  %-20.20s %3" PRId64 " turns %2" PRId64 " br %6" PRId64 " tok  %s%s\n",
               letters, r->id, when, gn_str_text(&r->model), r->turns, r->branches, r->tokens,
               r->archived ? "(archived) " : "", title.len ? gn_str_text(&title) : "(empty)");
    if (r->snippet.len) {
        gn_str_fmt(out, "%*s  %s: ", letters, "",
                   gn_slice_is(gn_str_slice(&r->role), "assistant") ? "model"
                   : gn_slice_is(gn_str_slice(&r->role), "user")    ? "you"
                                                                    : gn_str_text(&r->role));
        one_line(out, gn_str_slice(&r->snippet), color ? "\x1b[1m" : "[", color ? "\x1b[0m" : "]");
        gn_str_putc(out, '\n');
    }
    out->failed |= title.failed;
    gn_str_release(&title);
}

/* Nothing was ever kept: an empty list, not an error. */
static bool is_there(const gn_args *a) {
    gn_str path = {0};
    gn_error none = {0};
    const bool there = gn_args_given(a, "db") || !gn_store_path(&path, GN_STORE_CHATS, &none) ||
                       gn_path_exists(gn_str_text(&path));
    gn_str_release(&path);
    return there;
}

int gn_sessions_list(const gn_args *a, gn_error *e) {
    gn_conversations c = {0};
    gn_str out = {0};
    const gn_conversations_query q = {.words = gn_slice_of(gn_args_text(a, "query", "")),
                                      .archived = gn_args_flag(a, "archived"),
                                      .limit = gn_args_integer(a, "limit", 100)};
    const bool json = gn_args_flag(a, "json"), color = gn_args_color(a, STDOUT_FILENO);
    if (gn_args_given(a, "query") && q.words.len == 0) {
        gn_fail(e, GN_INVALID, "-q wants words to look for");
        return GN_FAILED;
    }
    if (!is_there(a)) {
        if (!gn_args_flag(a, "quiet"))
            fputs("there are no conversations yet\n", stderr);
        return GN_EXIT_NO;
    }
    gn_history *h = gn_sessions_open(a, false, e);
    const bool ok = h && gn_conversations_load(&c, gn_history_store(h), &q, e) &&
                    gn_conversations_fill(&c, 0, c.count, gn_history_store(h), e);
    const int letters = letters_of(&c);
    for (size_t i = 0; ok && i < c.count; i++)
        if (json)
            row_json(&out, &c.row[i], i == 0);
        else
            row_text(&out, &c.row[i], letters, color);
    if (ok && c.more && !gn_args_flag(a, "quiet"))
        fprintf(stderr, "the newest %zu; --limit 0 lists all\n", c.count);
    gn_history_close(h);
    const int code = ok ? print(&out, c.count > 0, e) : GN_FAILED;
    gn_conversations_release(&c);
    gn_str_release(&out);
    return code;
}

/* ---- one conversation ------------------------------------------------------------- */

typedef struct shown {
    gn_session_info info;
    gn_transcript turns;
    gn_record record;
    gn_tree tree;
    gn_str origin;
} shown;

static bool find_states(const gn_args *a, gn_history *h, const char *id, gn_transcript *t,
                        gn_error *e) {
    gn_str folder = {0};
    const bool ok =
        gn_sessions_states(a, &folder, e) && gn_history_states(h, id, 0, NULL, folder.data, t, e);
    gn_str_release(&folder);
    return ok;
}

static void tree_json(const shown *s, gn_str *out) {
    const gn_turn *head = gn_transcript_turn(&s->turns, s->turns.head);
    gn_str_puts(out, "{\"schema\":\"gneiss.sessions/1\",");
    text_key(out, "id", gn_slice_of(s->info.id));
    gn_str_putc(out, ',');
    text_key(out, "name", gn_str_slice(&s->info.name));
    gn_str_putc(out, ',');
    text_key(out, "checkpoint", gn_str_slice(&s->info.model));
    gn_str_puts(out, ",\"nodes\":[");
    for (size_t i = 0; i < s->turns.count; i++) {
        const gn_turn *turn = s->turns.turn[i],
                      *parent = gn_transcript_turn(&s->turns, turn->parent);
        gn_str_puts(out, i ? ",\n {" : "{");
        text_key(out, "role", gn_slice_of(gn_role_name(turn->role)));
        hash_key(out, "hash", turn->hash);
        hash_key(out, "parent", parent ? parent->hash : NULL);
        gn_str_putc(out, ',');
        text_key(out, "content", gn_str_slice(&turn->text));
        gn_str_fmt(out,
                   ",\"tokens\":%zu,\"state\":\"%s\",\"rating\":%d,\"stopped\":%s,\"edited\":%s}",
                   turn->ids.count, turn->held == GN_HELD_NOT ? "none" : "disk", turn->rating,
                   turn->stop == GN_STOP_INTERRUPTED ? "true" : "false",
                   turn->edited && s->origin.len == 0 ? "true" : "false");
    }
    gn_str_putc(out, ']');
    hash_key(out, "head", head ? head->hash : NULL);
    if (s->origin.len) {
        gn_str_putc(out, ',');
        text_key(out, "origin", gn_str_slice(&s->origin));
    }
    gn_str_puts(out, "}\n");
}

static void tree_text(const shown *s, gn_str *out) {
    for (size_t i = 0; i < s->tree.count; i++) {
        const gn_tree_row *row = &s->tree.row[i];
        const gn_turn *turn = s->turns.turn[row->id];
        const gn_slice text = gn_text_strip(gn_str_slice(&turn->text), true, true);
        const char *end = memchr(text.data, '\n', text.len);
        char label[16];
        gn_str mark = {0};
        gn_tree_label(row, label);
        gn_export_remarks(turn, s->origin.len > 0, &mark);
        gn_str_fmt(out, "%6zu %c  %s%-3s %-6s ", turn->ids.count,
                   turn->held == GN_HELD_NOT ? '.' : 'o', gn_tree_graph(&s->tree, row), label,
                   gn_tree_who(turn->role));
        if (turn->role == GN_ROLE_SYSTEM && text.len == 0)
            gn_str_puts(out, "(the template's own)");
        one_line(out, (gn_slice){text.data, end ? (size_t)(end - text.data) : text.len}, "", "");
        if (row->id == s->turns.head)
            gn_str_puts(out, "  [HEAD]");
        if (mark.len)
            gn_str_fmt(out, "  [%s]", gn_str_text(&mark));
        gn_str_putc(out, '\n');
        gn_str_release(&mark);
    }
}

int gn_sessions_show(const gn_args *a, gn_error *e) {
    shown s = {.turns.head = -1};
    gn_str out = {0};
    char id[GN_ULID];
    gn_history *h = gn_sessions_open(a, false, e);
    bool ok = h && gn_sessions_named(a, 1, h, id, e);
    if (ok && !gn_args_flag(a, "json") && !gn_args_flag(a, "tree"))
        ok = gn_export_session(h, id, GN_EXPORT_TXT, false, &out, e);
    else if (ok) {
        ok = gn_history_info(h, id, &s.info, e) &&
             gn_conversations_origin(gn_history_store(h), id, &s.origin, e) &&
             gn_history_load(h, id, &s.turns, &s.record, e) && find_states(a, h, id, &s.turns, e) &&
             gn_tree_build(&s.tree, &s.turns, -1, e);
        if (ok && gn_args_flag(a, "json"))
            tree_json(&s, &out);
        else if (ok)
            tree_text(&s, &out);
    }
    gn_history_close(h);
    const int code = ok ? print(&out, true, e) : GN_FAILED;
    gn_str_release(&out);
    gn_str_release(&s.origin);
    gn_tree_release(&s.tree);
    gn_transcript_release(&s.turns);
    gn_session_info_release(&s.info);
    return code;
}
