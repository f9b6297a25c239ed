/* sessions_import.c - gneiss sessions import: from a file into chats.db, and what came of it. */
#include "app/commands/cmd_sessions.h"

#include "app/chat/import.h"
#include "app/cli/out.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct job {
    const gn_args *a;
    gn_importing to;
    int64_t is_new, more, known, failed;
} job;

/* -m, the setting, or the checkpoint that was talked with last. */
static bool find_model(const gn_args *a, gn_history *h, gn_str *out, gn_error *e) {
    bool row = false;
    gn_str_puts(out, gn_args_text(a, "model", ""));
    if (out->len)
        return gn_str_ok(out, e);
    gn_statement *q = gn_sql_prepare(gn_history_sql(h),
                                     "SELECT c.path FROM session s JOIN checkpoint c ON c.id = "
                                     "s.checkpoint_id ORDER BY s.used_at DESC LIMIT 1",
                                     e);
    if (!q)
        return false;
    const bool ok = gn_sql_step(q, &row, e);
    if (ok && row)
        gn_str_add(out, gn_column_text(q, 0));
    gn_sql_reset(q);
    if (ok && out->len == 0)
        gn_fail(e, GN_INVALID,
                "a conversation from elsewhere needs a model whose tokenizer and template make its "
                "tokens: -m MODEL, or put model = PATH into the settings");
    return ok && out->len > 0 && gn_str_ok(out, e);
}

static bool open_model(job *j, gn_error *e) {
    gn_str model = {0};
    bool ok = find_model(j->a, j->to.to, &model, e);
    ok = ok && (j->to.engine = gn_args_engine(j->a, model.data, e)) != NULL;
    if (ok && !gn_engine_tokenizer(j->to.engine))
        ok = gn_fail(e, GN_UNSUPPORTED, "'%.200s' has no tokenizer", model.data);
    if (ok && gn_engine_template(j->to.engine).len == 0)
        ok = gn_fail(e, GN_UNSUPPORTED,
                     "'%.200s' has no chat template; --template FILE gives it one", model.data);
    gn_str_release(&model);
    return ok && (j->to.checkpoint =
                      gn_store_checkpoint(gn_history_store(j->to.to), j->to.engine, e)) != 0;
}

static void tell_kept(job *j, gn_kept how) {
    j->is_new += how == GN_KEPT_NEW;
    j->more += how == GN_KEPT_MORE;
    j->known += how == GN_KEPT_KNOWN;
}

/* One that cannot be had is told and left; the others are kept. */
static void keep_all(job *j, gn_hads *had, gn_error *e) {
    for (size_t i = 0; i < had->count && e->code == GN_OK; i++) {
        gn_had *h = &had->item[i];
        gn_error why = {0};
        gn_kept how;
        if (gn_import_keep(&j->to, had->from, h, &how, &why)) {
            tell_kept(j, how);
            continue;
        }
        if (why.code == GN_IO || why.code == GN_NO_MEMORY || had->count == 1) {
            *e = why;
            return;
        }
        j->failed++;
        fprintf(stderr, "conversation %zu%s%.60s: %s\n", i + 1, h->name.len ? ", " : "",
                gn_str_text(&h->name), why.message);
    }
}

static bool is_database(const char *path) {
    char head[16] = "";
    FILE *f = strcmp(path, "-") == 0 ? NULL : fopen(path, "rbe");
    const size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f)
        fclose(f);
    return n == sizeof head && memcmp(head, "SQLite format 3", sizeof head) == 0;
}

static bool import_file(job *j, const char *path, gn_error *e) {
    gn_hads had = {0};
    gn_str text = {0};
    char id[GN_ULID];
    gn_kept how;
    bool own = false, ok;
    if (is_database(path))
        ok = gn_import_llm(path, &had, e);
    else {
        ok = gn_file_read(&text, path, (size_t)1 << 30, e);
        if (ok && gn_slice_starts(gn_str_slice(&text), GN_S("PK\x03\x04")))
            ok = gn_fail(e, GN_UNSUPPORTED, "a zip archive: unpack it and import what is in it");
        ok = ok && gn_import_json(gn_str_slice(&text), &had, &own, e);
    }
    if (ok && own) {
        ok = gn_import_rows(j->to.to, gn_str_slice(&text), j->to.again, id, &how, e);
        if (ok)
            tell_kept(j, how);
    } else if (ok && had.count) {
        ok = open_model(j, e);
        if (ok)
            keep_all(j, &had, e);
        ok = e->code == GN_OK;
    }
    gn_str_release(&text);
    gn_hads_release(&had);
    if (ok)
        return true;
    gn_where(e, "%.150s", path);
    return gn_context(e, "import '%.200s'", path);
}

static void say(const job *j) {
    if (gn_args_flag(j->a, "json")) {
        printf("{\"schema\":\"gneiss.import/1\",\"new\":%" PRId64 ",\"more\":%" PRId64
               ",\"known\":%" PRId64 ",\"failed\":%" PRId64 ",\"messages\":%" PRId64
               ",\"tokens\":%" PRId64 ",\"left_out\":%" PRId64 ",\"moved\":%" PRId64 "}\n",
               j->is_new, j->more, j->known, j->failed, j->to.messages, j->to.tokens,
               j->to.left_out, j->to.moved);
        return;
    }
    if (gn_args_flag(j->a, "quiet"))
        return;
    fprintf(stderr, "%" PRId64 " new, %" PRId64 " had grown, %" PRId64 " known already", j->is_new,
            j->more, j->known);
    if (j->failed)
        fprintf(stderr, ", %" PRId64 " failed", j->failed);
    fputc('\n', stderr);
    if (j->to.messages)
        fprintf(stderr, "%" PRId64 " messages, %" PRId64 " tokens by the template of %s\n",
                j->to.messages, j->to.tokens, gn_engine_name(j->to.engine));
    if (j->to.left_out)
        fprintf(stderr, "left out: %" PRId64 " parts that are no text (pictures, thoughts)\n",
                j->to.left_out);
    if (j->to.moved)
        fprintf(stderr, "%" PRId64 " system messages in the middle are messages of yours now\n",
                j->to.moved);
}

int gn_sessions_import(const gn_args *a, gn_error *e) {
    job j = {.a = a};
    const char *path = gn_args_at(a, 1);
    if (!path) {
        gn_fail(e, GN_INVALID, "sessions import: which file? logs.db of llm, or JSON");
        return GN_FAILED;
    }
    j.to.to = gn_sessions_open(a, true, e);
    j.to.again = gn_args_flag(a, "again");
    const bool ok = j.to.to && import_file(&j, path, e);
    if (ok)
        say(&j);
    gn_engine_close(j.to.engine);
    gn_history_close(j.to.to);
    return !ok ? GN_FAILED : j.failed ? GN_EXIT_PARTLY : GN_EXIT_YES;
}
