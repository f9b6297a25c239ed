/* cmd_sessions.c - gneiss sessions: conversations found, shown, exported, renamed, put away. */
#include "app/commands/cmd_sessions.h"

#include "app/chat/conversations.h"
#include "app/chat/export.h"
#include "app/chat/statecache.h"
#include "app/cli/out.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

static const gn_option options[] = {
    {'q', "query", "WORDS", "those that hold all of these words", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "limit", "N", "list at most so many; 0: all (100)", GN_TYPE_INTEGER, 0, 1e9, NULL},
    {0, "archived", NULL, "list archived ones, too", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "tree", NULL, "of show and export: every branch", GN_TYPE_FLAG, 0, 0, NULL},
    {'o', "output", "FORM", "of export: md, json, txt or html", GN_TYPE_CHOICE, 0, 0,
     "md|json|txt|html"},
    {0, "undo", NULL, "of archive: back into the list", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "again", NULL, "of import: what was imported before, once more", GN_TYPE_FLAG, 0, 0, NULL},
    {0},
};

gn_history *gn_sessions_open(const gn_args *a, bool write, gn_error *e) {
    gn_history *h = NULL;
    const char *path = gn_args_given(a, "db") ? gn_args_text(a, "db", NULL) : NULL;
    if (write && gn_args_flag(a, "readonly"))
        gn_fail(e, GN_INVALID, "readonly: the database is not written");
    else
        h = gn_history_open(path, !write, e);
    return h;
}

bool gn_sessions_named(const gn_args *a, int i, gn_history *h, char id[GN_ULID], gn_error *e) {
    const char *name = gn_args_at(a, i);
    if (!name)
        return gn_fail(e, GN_INVALID, "sessions %s: which one? A name, the beginning of an id, -1",
                       gn_args_at(a, 0));
    return gn_history_find(h, gn_slice_of(name), id, e) || (gn_where(e, "%.60s", name), false);
}

bool gn_sessions_states(const gn_args *a, gn_str *out, gn_error *e) {
    return gn_statecache_folder(out, gn_args_text(a, "state-dir", ""), e);
}

/* ---- export ------------------------------------------------------------------ */

static int export(const gn_args *a, gn_error *e) {
    const char *name = gn_args_text(a, "output", gn_args_flag(a, "json") ? "json" : "md");
    gn_export_form form;
    gn_str out = {0};
    char id[GN_ULID];
    gn_history *h =
        gn_export_form_of(gn_slice_of(name), &form, e) ? gn_sessions_open(a, false, e) : NULL;
    bool ok = h && gn_sessions_named(a, 1, h, id, e) &&
              gn_export_session(h, id, form, gn_args_flag(a, "tree"), &out, e);
    ok = ok && gn_out_plain(gn_str_slice(&out), isatty(STDOUT_FILENO), e);
    gn_str_release(&out);
    gn_history_close(h);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

/* ---- rename, archive, rm ------------------------------------------------------- */

/* The words from argument i on, joined by spaces: a name needs no quotes. */
static void words_from(const gn_args *a, int i, gn_str *out) {
    for (; gn_args_at(a, i); i++)
        gn_str_fmt(out, "%s%s", out->len ? " " : "", gn_args_at(a, i));
}

static bool is_name(gn_slice name, gn_error *e) {
    int64_t number;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.data[i] < 0x20 || name.data[i] == 0x7F)
            return gn_fail(e, GN_INVALID, "a name is one line without control characters");
    if (!gn_utf8_valid(name))
        return gn_fail(e, GN_INVALID, "the name is no UTF-8");
    if (gn_parse_integer(name, &number) && number < 0)
        return gn_fail(e, GN_INVALID,
                       "'%.*s' names the last session but %lld, and cannot be a name",
                       (int)name.len, name.data, (long long)-number - 1);
    return true;
}

static int rename_one(const gn_args *a, gn_error *e) {
    gn_str name = {0};
    char id[GN_ULID];
    words_from(a, 2, &name);
    bool ok = gn_str_ok(&name, e);
    if (ok && name.len == 0)
        ok = gn_fail(e, GN_INVALID, "sessions rename: want S and a NAME");
    ok = ok && is_name(gn_str_slice(&name), e);
    gn_history *h = ok ? gn_sessions_open(a, true, e) : NULL;
    ok = h && gn_sessions_named(a, 1, h, id, e) && gn_history_rename(h, id, gn_str_slice(&name), e);
    gn_history_close(h);
    gn_str_release(&name);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

/* Every S is looked up before anything is changed: -1 and -2 mean what they meant when typed. */
static bool ids_of(const gn_args *a, gn_history *h, gn_str *out, gn_error *e) {
    char id[GN_ULID];
    bool ok = true;
    for (int i = 1; ok && (i == 1 || gn_args_at(a, i)); i++) {
        ok = gn_sessions_named(a, i, h, id, e);
        if (ok)
            gn_str_add(out, (gn_slice){id, sizeof id});
    }
    return ok && gn_str_ok(out, e);
}

static int archive(const gn_args *a, gn_error *e) {
    gn_str ids = {0};
    gn_history *h = gn_sessions_open(a, true, e);
    bool ok = h && ids_of(a, h, &ids, e);
    for (size_t i = 0; ok && i < ids.len; i += GN_ULID)
        ok = gn_conversations_archive(gn_history_store(h), ids.data + i, !gn_args_flag(a, "undo"),
                                      e);
    gn_history_close(h);
    gn_str_release(&ids);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

/* Files that cannot be deleted are told: they hold what was said. */
static bool delete_states(const gn_args *a, gn_slice list, gn_error *e) {
    gn_str folder = {0}, path = {0};
    bool ok = list.len == 0 || gn_sessions_states(a, &folder, e);
    while (ok && list.len) {
        const char *end = memchr(list.data, '\n', list.len);
        const gn_slice name = {list.data, end ? (size_t)(end - list.data) : list.len};
        list = gn_slice_from(list, name.len + 1);
        gn_str_cut(&path, 0);
        gn_path_join(&path, gn_str_slice(&folder), name);
        ok = gn_str_ok(&path, e);
        if (ok && unlink(path.data) != 0 && errno != ENOENT)
            ok = gn_fail(e, GN_IO, "state file '%s' stays behind: %s", path.data, strerror(errno));
    }
    gn_str_release(&folder);
    gn_str_release(&path);
    return ok;
}

static bool remove_one(const gn_args *a, gn_history *h, const char *id, gn_error *e) {
    gn_removed gone = {0};
    long pid = 0;
    if (!gn_history_lock(h, id, &pid, e))
        return e->code == GN_OK ? gn_fail(e, GN_IO,
                                          "session %s is open in process %ld; leave it "
                                          "there first",
                                          id, pid)
                                : false;
    bool ok = gn_conversations_remove(gn_history_store(h), id, &gone, e) &&
              delete_states(a, gn_str_slice(&gone.states), e);
    gn_history_unlock(h, id);
    if (ok && !gn_args_flag(a, "quiet"))
        fprintf(stderr, "removed %s: %" PRId64 " message%s; %" PRId64 " shared with others stay\n",
                id, gone.messages, gone.messages == 1 ? "" : "s", gone.kept);
    gn_str_release(&gone.states);
    return ok;
}

static int remove_all(const gn_args *a, gn_error *e) {
    gn_str ids = {0};
    gn_history *h = gn_sessions_open(a, true, e);
    bool ok = h && ids_of(a, h, &ids, e);
    for (size_t i = 0; ok && i < ids.len; i += GN_ULID)
        ok = remove_one(a, h, ids.data + i, e);
    gn_history_close(h);
    gn_str_release(&ids);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

/* ---- the command ---------------------------------------------------------------- */

static int run(const gn_args *a, gn_error *e) {
    static const struct {
        const char *word;
        int (*run)(const gn_args *a, gn_error *e);
        int most; /* arguments */
    } word[] = {{"list", gn_sessions_list, 1},
                {"show", gn_sessions_show, 2},
                {"export", export, 2},
                {"rename", rename_one, 1 << 20},
                {"archive", archive, 1 << 20},
                {"rm", remove_all, 1 << 20},
                {"import", gn_sessions_import, 2}};
    const char *first = gn_args_at(a, 0);
    char hint[80];
    gn_near near = {.word = gn_slice_of(first)};
    if (!first)
        return gn_sessions_list(a, e);
    for (size_t i = 0; i < sizeof word / sizeof *word; i++) {
        gn_near_try(&near, word[i].word);
        if (strcmp(first, word[i].word) != 0)
            continue;
        if (gn_args_count(a) <= word[i].most)
            return word[i].run(a, e);
        gn_fail(e, GN_INVALID, "sessions %s: '%.60s' is left over", first,
                gn_args_at(a, word[i].most));
        return GN_FAILED;
    }
    gn_fail(e, GN_INVALID, "sessions: '%.40s': want show, export, rename, archive, rm or import%s",
            first, gn_near_hint(&near, hint, sizeof hint));
    gn_where(e, "%.40s", first);
    return GN_FAILED;
}

const gn_command gn_cmd_sessions = {
    .name = "sessions",
    .usage = "[-q WORDS] [--limit N] [--archived]\n"
             "show S [--tree]\n"
             "export S [-o md|json|txt|html] [--tree]\n"
             "rename S NAME\n"
             "archive S... [--undo]\n"
             "rm S...\n"
             "import FILE [-m MODEL] [--again]",
    .summary = "conversations: find, show, export, import",
    .about = "S is a session's name, the first letters of its id, or -1 for the one used\n"
             "last, -2 for the one before. rm deletes what no other session shares;\n"
             "archive only leaves it out of the list.\n"
             "  gneiss sessions -q 'ferry oslo'\n"
             "  gneiss sessions export -1 -o html > oslo.html\n"
             "  gneiss sessions import ~/.config/io.datasette.llm/logs.db -m MODEL",
    .words = "list|show|export|rename|archive|rm|import",
    .of_session = "show|export|rename|archive|rm",
    .takes = GN_TAKES_MODEL,
    .option = options,
    .run = run,
};
