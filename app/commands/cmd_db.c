/* cmd_db.c - gneiss db: the database of evaluations (or chats), to ask and to look after. */
#include "app/cli/out.h"
#include "app/commands/evaluate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const gn_option options[] = {
    {0, "chats", NULL, "chats.db instead of evals.db", GN_TYPE_FLAG, 0, 0, NULL},
    {0},
};

static gn_store *open_store(const gn_args *a, bool read_only, gn_error *e) {
    gn_str path = {0};
    gn_store *s = NULL;
    if (!gn_args_flag(a, "chats") || (gn_args_text(a, "db", "")[0] != '\0'))
        return gn_args_store(a, read_only, e);
    if (gn_store_path(&path, GN_STORE_CHATS, e))
        s = gn_store_open(path.data, read_only || gn_args_flag(a, "readonly"), e);
    gn_str_release(&path);
    return s;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void hex_of(gn_str *out, gn_slice blob) {
    for (size_t i = 0; i < blob.len; i++)
        gn_str_fmt(out, "%02x", (unsigned)(unsigned char)blob.data[i]);
}

static void cell_text(gn_str *out, const gn_statement *q, int i) {
    switch (gn_column_type(q, i)) {
    case 'n':
        return;
    case 'b':
        hex_of(out, gn_column_blob(q, i));
        return;
    case 'd':
        gn_str_fmt(out, "%.6g", gn_column_double(q, i));
        return;
    default: {
        const gn_slice text = gn_column_text(q, i);
        for (size_t k = 0; k < text.len; k++) /* a row is a line */
            if (text.data[k] == '\n')
                gn_str_puts(out, "\\n");
            else if (text.data[k] == '\t')
                gn_str_puts(out, "\\t");
            else
                gn_str_putc(out, text.data[k]);
    }
    }
}

static void cell_json(gn_str *out, const gn_statement *q, int i) {
    gn_json_write_string(out, gn_slice_of(gn_column_name(q, i)));
    gn_str_putc(out, ':');
    switch (gn_column_type(q, i)) {
    case 'n':
        gn_str_puts(out, "null");
        return;
    case 'i':
        gn_str_fmt(out, "%" PRId64, gn_column_int(q, i));
        return;
    case 'd':
        gn_json_write_f64(out, gn_column_double(q, i));
        return;
    case 'b':
        gn_str_putc(out, '"');
        hex_of(out, gn_column_blob(q, i));
        gn_str_putc(out, '"');
        return;
    default:
        gn_json_write_string(out, gn_column_text(q, i));
    }
}

static void row_out(gn_str *out, const gn_statement *q, bool json) {
    gn_str_puts(out, json ? "{" : "");
    for (int i = 0; i < gn_column_count(q); i++) {
        gn_str_puts(out, i ? json ? "," : "\t" : "");
        (json ? cell_json : cell_text)(out, q, i);
    }
    gn_str_puts(out, json ? "}\n" : "\n");
}

/* All rows of a statement, to stdout; its header first when they are for people. */
static int print_rows(const gn_args *a, gn_statement *q, gn_error *e) {
    const bool json = gn_args_flag(a, "json");
    gn_str out = {0};
    bool row = false, ok = true;
    int64_t n = 0;
    if (!json && gn_column_count(q) > 0 && !gn_args_flag(a, "quiet")) {
        for (int i = 0; i < gn_column_count(q); i++)
            gn_str_fmt(&out, "%s%s", i ? "\t" : "", gn_column_name(q, i));
        gn_str_putc(&out, '\n');
    }
    while (ok && (ok = gn_sql_step(q, &row, e)) && row) {
        n++;
        row_out(&out, q, json);
        if (out.len > 1 << 16) {
            ok = gn_str_ok(&out, e) &&
                 gn_out_plain(gn_str_slice(&out), !json && isatty(STDOUT_FILENO), e);
            gn_str_cut(&out, 0);
        }
    }
    gn_sql_reset(q);
    ok = ok && gn_str_ok(&out, e) &&
         gn_out_plain(gn_str_slice(&out), !json && isatty(STDOUT_FILENO), e);
    gn_str_release(&out);
    return !ok ? GN_FAILED : n ? GN_EXIT_YES : GN_EXIT_NO;
}

static int ask(const gn_args *a, gn_error *e) {
    gn_str text = {0};
    int code = GN_FAILED;
    for (int i = 0; i < gn_args_count(a); i++)
        gn_str_fmt(&text, "%s%s", i ? " " : "", gn_args_at(a, i));
    gn_store *s = open_store(a, true, e);
    gn_statement *q = s ? gn_sql_prepare(gn_store_sql(s), gn_str_text(&text), e) : NULL;
    if (q)
        code = print_rows(a, q, e);
    gn_store_close(s);
    gn_str_release(&text);
    return code;
}

/* ---- saved queries ------------------------------------------------------------------------------ */

/* A user's own, or one that is built in. */
static bool find_query(const char *name, gn_str *out, gn_error *e) {
    gn_str dir = {0}, path = {0}, file = {0};
    gn_error none = {0};
    bool ok = false;
    if (strchr(name, '/') == NULL && gn_path_user(&dir, GN_DIR_CONFIG, &none)) {
        gn_str_fmt(&file, "queries/%s.sql", name);
        gn_path_join(&path, gn_str_slice(&dir), gn_str_slice(&file));
        ok = gn_path_exists(gn_str_text(&path));
    }
    if (ok) {
        ok = gn_file_read(out, path.data, 1 << 20, e);
    } else {
        gn_str_cut(&file, 0);
        gn_str_fmt(&file, "%s.sql", name);
        const gn_slice text = gn_embedded_find(gn_queries, gn_str_text(&file));
        ok = text.data != NULL;
        gn_str_add(out, text);
    }
    if (!ok && !e->code) {
        gn_str all = {0};
        for (const gn_embedded *q = gn_queries; q->name; q++)
            gn_str_fmt(&all, "%s%.*s", all.len ? ", " : "", (int)strlen(q->name) - 4, q->name);
        gn_fail(e, GN_INVALID, "there is no query '%.40s'; there are %s", name, gn_str_text(&all));
        gn_str_release(&all);
        gn_where(e, "%.40s", name);
    }
    gn_str_release(&dir);
    gn_str_release(&path);
    gn_str_release(&file);
    return ok;
}

/* ca, cb: the number of a checkpoint by path, name or the beginning of its sha. */
static bool bind_model(gn_store *s, gn_statement *q, int i, const char *value, gn_error *e) {
    char *real = realpath(value, NULL);
    bool row = false;
    gn_statement *find = gn_sql_prepare(
        gn_store_sql(s),
        "SELECT id FROM checkpoint WHERE path = ?1 OR name = ?2 OR (length(?2) >= 6 AND "
        "substr(sha, 1, length(?2)) = ?2) ORDER BY path = ?1 DESC, id DESC LIMIT 1",
        e);
    bool ok = find != NULL;
    if (ok) {
        gn_bind_text(find, 1, gn_slice_of(real ? real : value));
        gn_bind_text(find, 2, gn_slice_of(value));
        ok = gn_sql_step(find, &row, e);
        if (ok && row)
            gn_bind_int(q, i, gn_column_int(find, 0));
        else if (ok)
            ok = gn_fail(e, GN_INVALID, "the database knows no model '%.60s'", value);
        gn_sql_reset(find);
    }
    free(real);
    return ok;
}

static bool bind_run(gn_store *s, gn_statement *q, int i, const char *value, gn_error *e) {
    gn_run_row run;
    if (!gn_run_find(s, value, &run, e))
        return false;
    gn_bind_text(q, i, gn_slice_of(run.id));
    gn_run_row_release(&run);
    return true;
}

static bool bind_value(gn_store *s, gn_statement *q, gn_slice name, const char *value,
                       gn_error *e) {
    gn_str parameter = {0};
    int64_t number;
    gn_str_fmt(&parameter, ":%.*s", (int)name.len, name.data);
    const int i = gn_bind_index(q, gn_str_text(&parameter));
    gn_str_release(&parameter);
    if (i == 0)
        return gn_fail(e, GN_FORMAT,
                       "the query's first line names %.*s, which stands nowhere in it",
                       (int)name.len, name.data);
    if (gn_slice_is(name, "a") || gn_slice_is(name, "b"))
        return bind_run(s, q, i, value, e);
    if (gn_slice_is(name, "ca") || gn_slice_is(name, "cb"))
        return bind_model(s, q, i, value, e);
    if (gn_parse_integer(gn_slice_of(value), &number))
        gn_bind_int(q, i, number);
    else
        gn_bind_text(q, i, gn_slice_of(value));
    return true;
}

/* "-- name a b n=50: what it tells": bind the arguments in this order. */
static bool bind_all(const gn_args *a, gn_store *s, gn_statement *q, gn_slice text, gn_error *e) {
    const ptrdiff_t colon = gn_slice_find(text, GN_S(":"));
    gn_slice head = {text.data, colon < 0 ? 0 : (size_t)colon};
    int argument = 1;
    head = gn_slice_starts(head, GN_S("-- ")) ? gn_slice_from(head, 3) : GN_S("");
    for (int word = 0; head.len; word++) {
        const ptrdiff_t space = gn_slice_find(head, GN_S(" "));
        const gn_slice one = {head.data, space < 0 ? head.len : (size_t)space};
        const ptrdiff_t equal = gn_slice_find(one, GN_S("="));
        head = gn_slice_from(head, one.len + 1);
        if (word == 0 || one.len == 0)
            continue;
        const gn_slice name = {one.data, equal < 0 ? one.len : (size_t)equal};
        const char *given = gn_args_at(a, ++argument);
        gn_str value = {0};
        gn_str_add(&value, given        ? gn_slice_of(given)
                           : equal >= 0 ? gn_slice_from(one, (size_t)equal + 1)
                                        : GN_S(""));
        const bool ok = (given || equal >= 0) ? bind_value(s, q, name, gn_str_text(&value), e)
                                              : gn_fail(e, GN_INVALID, "the query wants %.*s",
                                                        (int)name.len, name.data);
        gn_str_release(&value);
        if (!ok)
            return false;
    }
    return !gn_args_at(a, argument + 1) ||
           gn_fail(e, GN_INVALID, "the query takes no argument '%.60s'",
                   gn_args_at(a, argument + 1));
}

static int query(const gn_args *a, gn_error *e) {
    const char *name = gn_args_at(a, 1);
    gn_str text = {0};
    gn_store *s = NULL;
    int code = GN_FAILED;
    if (!name) {
        for (const gn_embedded *q = gn_queries; q->name; q++) {
            const char *end = memchr(q->data, '\n', q->size);
            printf("%.*s\n", (int)(end ? end - (const char *)q->data - 3 : 0), q->data + 3);
        }
        return GN_EXIT_YES;
    }
    if (find_query(name, &text, e) && (s = open_store(a, true, e))) {
        gn_statement *q = gn_sql_prepare(gn_store_sql(s), gn_str_text(&text), e);
        if (q && bind_all(a, s, q, gn_str_slice(&text), e))
            code = print_rows(a, q, e);
    }
    if (code == GN_FAILED)
        gn_context(e, "query %.40s", name);
    gn_store_close(s);
    gn_str_release(&text);
    return code;
}

/* ---- care ------------------------------------------------------------------------------------------ */

static bool one_text(gn_store *s, const char *text, gn_str *out, gn_error *e) {
    bool row = false;
    gn_statement *q = gn_sql_prepare(gn_store_sql(s), text, e);
    if (!q || !gn_sql_step(q, &row, e))
        return false;
    if (row)
        gn_str_add(out, gn_column_text(q, 0));
    gn_sql_reset(q);
    return gn_str_ok(out, e);
}

static int status(const gn_args *a, gn_error *e) {
    static const char *const what[] = {"checkpoint", "run",   "task",    "doc",  "sample",
                                       "response",   "token", "session", "state"};
    gn_str out = {0}, sound = {0}, sql = {0}, count = {0};
    const bool json = gn_args_flag(a, "json");
    struct stat st = {0};
    gn_store *s = open_store(a, true, e);
    bool ok = s && one_text(s, "PRAGMA quick_check(1)", &sound, e);
    if (ok) {
        stat(gn_store_file(s), &st);
        gn_str_puts(&out, json ? "{\"schema\":\"gneiss.db/1\",\"file\":" : "file\t");
        if (json)
            gn_json_write_string(&out, gn_slice_of(gn_store_file(s)));
        else
            gn_str_puts(&out, gn_store_file(s));
        gn_str_fmt(&out, json ? ",\"bytes\":%lld,\"check\":" : "\nbytes\t%lld\ncheck\t",
                   (long long)st.st_size);
        if (json)
            gn_json_write_string(&out, gn_str_slice(&sound));
        else
            gn_str_add(&out, gn_str_slice(&sound));
    }
    for (size_t i = 0; ok && i < sizeof what / sizeof *what; i++) {
        gn_str_cut(&sql, 0);
        gn_str_cut(&count, 0);
        gn_str_fmt(&sql, "SELECT count(*) FROM %s", what[i]);
        ok = one_text(s, gn_str_text(&sql), &count, e);
        gn_str_fmt(&out, json ? ",\"%s\":%s" : "\n%s\t%s", what[i], gn_str_text(&count));
    }
    gn_str_puts(&out, json ? "}\n" : "\n");
    ok = ok && gn_str_ok(&out, e) && gn_out_plain(gn_str_slice(&out), false, e);
    const bool healthy = gn_slice_is(gn_str_slice(&sound), "ok");
    gn_str_release(&out);
    gn_str_release(&sound);
    gn_str_release(&sql);
    gn_str_release(&count);
    gn_store_close(s);
    return !ok ? GN_FAILED : healthy ? GN_EXIT_YES : GN_EXIT_NO;
}

static int merge(const gn_args *a, gn_error *e) {
    gn_store *to = gn_args_count(a) > 1 ? open_store(a, false, e) : NULL;
    bool ok = to != NULL;
    if (gn_args_count(a) < 2)
        gn_fail(e, GN_INVALID, "db merge wants the files to be merged into this database");
    for (int i = 1; ok && i < gn_args_count(a); i++) {
        gn_merged m;
        gn_store *from = gn_store_open(gn_args_at(a, i), true, e);
        ok = from && gn_merge(to, from, &m, e);
        if (ok && !gn_args_flag(a, "quiet"))
            fprintf(stderr, "%s: %" PRId64 " runs and %" PRId64 " samples are new\n",
                    gn_args_at(a, i), m.runs, m.samples);
        gn_store_close(from);
    }
    gn_store_close(to);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

static int bless(const gn_args *a, gn_error *e) {
    gn_run_row run = {0};
    char now[25];
    gn_store *s = gn_args_at(a, 1) ? open_store(a, false, e) : NULL;
    if (!gn_args_at(a, 1))
        gn_fail(e, GN_INVALID, "db bless wants a RUN");
    bool ok = s && gn_run_find(s, gn_args_at(a, 1), &run, e);
    if (ok && strcmp(run.status, "done") != 0)
        ok = gn_fail(e, GN_INVALID, "run %s is %s; only a finished one can be a baseline", run.id,
                     run.status);
    gn_statement *q =
        ok ? gn_sql_prepare(gn_store_sql(s), "UPDATE run SET blessed_at = ? WHERE id = ?", e)
           : NULL;
    if (q) {
        gn_utc(now);
        gn_bind_text(q, 1, gn_slice_of(now));
        gn_bind_text(q, 2, gn_slice_of(run.id));
    }
    ok = q && gn_sql_run(q, e);
    gn_run_row_release(&run);
    gn_store_close(s);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

static int sweep(const gn_args *a, gn_error *e) {
    gn_swept swept;
    gn_store *s = open_store(a, false, e);
    const bool ok = s && gn_sweep(s, &swept, e);
    if (ok && !gn_args_flag(a, "quiet"))
        fprintf(stderr, "deleted %" PRId64 " runs, %" PRId64 " answers, %" PRId64 " texts\n",
                swept.runs, swept.responses, swept.texts);
    gn_store_close(s);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

static int backup(const gn_args *a, gn_error *e) {
    if (!gn_args_at(a, 1)) {
        gn_fail(e, GN_INVALID, "db backup wants the FILE to write");
        return GN_FAILED;
    }
    gn_store *s = open_store(a, true, e);
    const bool ok = s && gn_sql_backup(gn_store_sql(s), gn_args_at(a, 1), e);
    gn_store_close(s);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

static int import(const gn_args *a, gn_error *e) {
    gn_imported m = {0};
    const char *what = gn_args_at(a, 1);
    if (!what || strcmp(what, "lm-eval") != 0 || !gn_args_at(a, 2)) {
        gn_fail(e, GN_INVALID, "want: gneiss db import lm-eval DIR");
        return GN_FAILED;
    }
    gn_store *s = open_store(a, false, e);
    const bool ok = s && gn_import_lm_eval(s, gn_args_at(a, 2), &m, e);
    if (!gn_args_flag(a, "quiet"))
        fputs(gn_str_text(&m.notes), stderr);
    if (ok && !gn_args_flag(a, "quiet"))
        fprintf(stderr,
                "%" PRId64 " runs of %" PRId64 " tasks and %" PRId64 " samples are new, %" PRId64
                " were there\n",
                m.runs, m.tasks, m.samples, m.known);
    gn_imported_release(&m);
    gn_store_close(s);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

/* sqlite3, where it is installed. */
static int shell(const gn_args *a, gn_error *e) {
    gn_store *s = open_store(a, true, e);
    if (!s)
        return GN_FAILED;
    gn_str file = {0};
    gn_str_puts(&file, gn_store_file(s));
    gn_store_close(s);
    execlp("sqlite3", "sqlite3", "-readonly", "-header", gn_str_text(&file), (char *)NULL);
    gn_fail(e, GN_IO, "sqlite3 is not installed (%s); gneiss db SQL asks one question",
            strerror(errno));
    gn_str_release(&file);
    return GN_FAILED;
}

static int run(const gn_args *a, gn_error *e) {
    static const struct {
        const char *word;
        int (*run)(const gn_args *a, gn_error *e);
    } word[] = {{"q", query},  {"status", status}, {"merge", merge},  {"bless", bless},
                {"gc", sweep}, {"backup", backup}, {"import", import}};
    const char *first = gn_args_at(a, 0);
    if (!first)
        return shell(a, e);
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (strcmp(first, word[i].word) == 0)
            return word[i].run(a, e);
    return ask(a, e);
}

const gn_command gn_cmd_db = {
    .name = "db",
    .usage = "\nq [NAME [ARG...]]\nSQL\nstatus\nmerge FILE...\nbless RUN\ngc\nbackup FILE\nimport "
             "lm-eval DIR",
    .summary = "the database: ask it, merge, back up",
    .about = "Without arguments: sqlite3 on it, read-only. q alone lists the saved queries.\n"
             "Exit 1 when a question has no row for an answer.\n\n"
             "  gneiss db q flips -2 -1\n"
             "  gneiss db \"SELECT * FROM results\"\n",
    .words = "q|status|merge|bless|gc|backup|import",
    .option = options,
    .run = run,
};
