/* eval_retry.c - gneiss eval retry: the samples of a run that failed, asked again. */
#include "app/commands/evaluate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

/* The run's command, as it was typed. */
typedef struct retrying {
    gn_arena arena;
    const char **word; /* [n] */
    int n;
    gn_str db;
} retrying;

static bool starts(gn_slice word, const char *with) {
    return gn_slice_starts(word, gn_slice_of(with));
}

static bool add(retrying *t, gn_slice word, gn_error *e) {
    char *copy = gn_arena_alloc(&t->arena, word.len + 1);
    if (!copy)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    memcpy(copy, word.data, word.len);
    copy[word.len] = '\0';
    t->word[t->n++] = copy;
    return true;
}

/* Its options, but for those that would make another run of it, and the run's own model. */
static bool make_command(retrying *t, const gn_args *a, const gn_run_row *run, gn_error *e) {
    static const char *const not [] = {
        "--again", "--fresh", "--model=", "--db=", "--detach", "--json", "--quiet"};
    static const char *const own[] = {"json", "quiet"};
    const gn_value *list = gn_json_parse(&t->arena, gn_str_slice(&run->argv), e);
    const size_t n = gn_value_count(list);
    t->word = gn_arena_alloc(&t->arena, (n + 8) * sizeof *t->word);
    bool ok = list && (t->word || gn_fail(e, GN_NO_MEMORY, "out of memory")) &&
              add(t, GN_S("eval"), e) && add(t, gn_str_slice(&run->path), e) &&
              add(t, gn_str_slice(&t->db), e);
    for (size_t i = 0; ok && i < n; i++) {
        const gn_slice word = gn_value_text(gn_value_at(list, i));
        bool wanted = starts(word, "--");
        for (size_t k = 0; k < sizeof not / sizeof *not ; k++)
            wanted = wanted && !starts(word, not [k]);
        ok = !wanted || add(t, word, e);
    }
    for (size_t i = 0; ok && i < sizeof own / sizeof *own; i++)
        if (gn_args_flag(a, own[i]))
            ok = add(t, i ? GN_S("--quiet") : GN_S("--json"), e);
    return ok;
}

/* Forget the failed samples; the run is then one that has stopped. */
static bool forget(gn_store *s, const gn_run_row *run, int64_t *n, gn_error *e) {
    gn_sql *sql = gn_store_sql(s);
    gn_statement *q = NULL;
    *n = 0;
    if (!gn_sql_begin(sql, e))
        return false;
    bool ok = (q = gn_sql_prepare(sql, "DELETE FROM sample WHERE run_id = ? AND status = 'error'",
                                  e)) != NULL;
    if (ok) {
        gn_bind_text(q, 1, gn_slice_of(run->id));
        ok = gn_sql_run(q, e);
        *n = gn_sql_changes(sql);
    }
    if (ok && *n > 0) {
        ok = (q = gn_sql_prepare(sql,
                                 "UPDATE run SET status = 'stopped', ended_at = NULL WHERE id = ?",
                                 e)) != NULL;
        if (ok) {
            gn_bind_text(q, 1, gn_slice_of(run->id));
            ok = gn_sql_run(q, e) ||
                 gn_context(e, "run %s has an open one of the same command", run->id);
        }
    }
    if (ok && gn_sql_commit(sql, e))
        return true;
    gn_sql_rollback(sql);
    return false;
}

/* Relative paths of the command mean what they meant. */
static bool enter_folder(retrying *t, const gn_run_row *run, gn_error *e) {
    const gn_value *options = gn_json_parse(&t->arena, gn_str_slice(&run->options), e);
    const gn_slice folder = gn_value_text(gn_value_get(options, GN_S("folder")));
    gn_str path = {0};
    gn_str_add(&path, folder);
    const bool ok =
        options && gn_str_ok(&path, e) &&
        (folder.len == 0 || chdir(path.data) == 0 ||
         gn_fail(e, GN_IO, "the folder '%s' of the run: %s", path.data, strerror(errno)));
    gn_str_release(&path);
    return ok;
}

/* --db=FILE, absolute: the folder will be another. */
static bool name_database(retrying *t, const gn_args *a, gn_error *e) {
    gn_str file = {0};
    bool ok = gn_args_store_file(a, &file, e) && gn_str_ok(&file, e);
    char *real = ok ? realpath(file.data, NULL) : NULL;
    if (ok && !real)
        ok = gn_fail(e, GN_IO, "database '%s': %s", file.data, strerror(errno));
    gn_str_fmt(&t->db, "--db=%s", real ? real : "");
    free(real);
    gn_str_release(&file);
    return ok && gn_str_ok(&t->db, e);
}

int gn_eval_retry(const gn_args *a, gn_error *e) {
    retrying t = {0};
    gn_run_row run = {0};
    int64_t n = 0;
    int code = GN_FAILED;
    const char *name = gn_args_at(a, 1);
    if (!name) {
        gn_fail(e, GN_INVALID, "eval retry wants a RUN");
        return GN_FAILED;
    }
    gn_store *s = gn_args_store(a, false, e);
    bool ok = s && gn_run_find(s, name, &run, e);
    if (ok && gn_run_alive(&run))
        ok = gn_fail(e, GN_IO, "run %s is running; gneiss eval watch %.10s shows it", run.id,
                     run.id);
    if (ok && run.path.len == 0)
        ok = gn_fail(e, GN_IO, "run %s was imported: there is no model to ask", run.id);
    ok = ok && name_database(&t, a, e) && make_command(&t, a, &run, e) && forget(s, &run, &n, e);
    gn_store_close(s);
    gn_args *again = NULL;
    if (ok && n == 0) {
        if (!gn_args_flag(a, "quiet"))
            fprintf(stderr, "run %s has no failed sample\n", run.id);
        code = GN_EXIT_NO;
    } else if (ok && enter_folder(&t, &run, e) &&
               (again = gn_args_parse(gn_args_command(a), t.n, (char **)t.word, gn_args_settings(a),
                                      e)))
        code = gn_eval_again(again, e);
    gn_args_free(again);
    gn_run_row_release(&run);
    gn_str_release(&t.db);
    gn_arena_release(&t.arena);
    return code;
}
