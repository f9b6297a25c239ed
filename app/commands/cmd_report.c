/* cmd_report.c - gneiss report: stored runs as a table, a page, a file for somebody else. */
#include "app/cli/out.h"
#include "app/commands/evaluate.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const gn_option options[] = {
    {'o', "output", "FORM", "text, md, csv, json, html, tex or lm-eval", GN_TYPE_CHOICE, 0, 0,
     "text|md|csv|json|html|tex|lm-eval"},
    {0, "output-dir", "DIR", "write into DIR: report.FORM, or lm-eval's folders", GN_TYPE_TEXT, 0,
     0, NULL},
    {0, "samples", "FORM", "every sample on stdout, in lm-eval's layout: jsonl", GN_TYPE_CHOICE, 0,
     0, "jsonl"},
    {'t', "tasks", "TASK,...", "only these", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "by", "WHAT", "rows: task, group or checkpoint", GN_TYPE_CHOICE, 0, 0,
     "task|group|checkpoint"},
    {0, "history", NULL, "each number over checkpoints, with a plot", GN_TYPE_FLAG, 0, 0, NULL},
    {0},
};

typedef struct reporting {
    const gn_args *a;
    gn_store *store;
    gn_pool *pool;
    gn_report report;
    gn_report_by by;
    const char *form;
    gn_comparison *against; /* [n_against] the others and the first run, of a page */
    int n_against;
} reporting;

/* ---- the baseline ---------------------------------------------------------------------- */

/* The run that was named first, else the earliest. */
static bool compare(reporting *r, const char *baseline, gn_error *e) {
    const gn_slice tasks = gn_slice_of(gn_args_text(r->a, "tasks", ""));
    r->against = calloc((size_t)r->report.n, sizeof *r->against);
    if (!r->against)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    for (int i = 0; i < r->report.n; i++) {
        gn_run_row a = {0}, b = {0};
        gn_error none = {0};
        if (strcmp(r->report.run[i].id, baseline) == 0)
            continue;
        bool ok = gn_run_find(r->store, baseline, &a, e) &&
                  gn_run_find(r->store, r->report.run[i].id, &b, e);
        if (ok &&
            gn_compare_runs(r->store, &a, &b, tasks, r->pool, &r->against[r->n_against], &none)) {
            r->n_against++;
        } else { /* no document in common: not among these */
            gn_comparison_release(&r->against[r->n_against]);
            if (ok && none.code != GN_INVALID) {
                *e = none;
                ok = false;
            }
        }
        gn_run_row_release(&a);
        gn_run_row_release(&b);
        if (!ok)
            return false;
    }
    return gn_comparisons_join(r->against, r->n_against, e);
}

/* ---- which runs ------------------------------------------------------------------------ */

static bool add(reporting *r, const char *name, gn_error *e) {
    gn_run_row run;
    return gn_run_find(r->store, name, &run, e) &&
           gn_report_add(&r->report, r->store, &run, r->pool, e);
}

/* Of every checkpoint the newest done run of each of its tasks. */
static bool add_newest(reporting *r, gn_error *e) {
    bool row = false, ok;
    gn_str ids = {0};
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(r->store),
        "SELECT DISTINCT id FROM (SELECT r.id AS id, row_number() OVER (PARTITION BY "
        "r.checkpoint_id, t.name ORDER BY r.id DESC) AS k FROM run r JOIN run_task x ON x.run_id = "
        "r.id JOIN task t ON t.id = x.task_id WHERE r.status = 'done') WHERE k = 1 ORDER BY id",
        e);
    if (!q)
        return false;
    while ((ok = gn_sql_step(q, &row, e)) && row)
        gn_str_fmt(&ids, "%s\n", gn_column_text(q, 0).data);
    gn_sql_reset(q);
    ok = ok && gn_str_ok(&ids, e);
    for (char *at = ids.data, *end; ok && at && *at; at = end + 1) {
        end = strchr(at, '\n');
        *end = '\0';
        ok = add(r, at, e);
    }
    gn_str_release(&ids);
    if (ok && r->report.n == 0)
        ok = gn_fail(e, GN_INVALID, "'%s' has no finished run; gneiss eval makes one",
                     gn_store_file(r->store));
    return ok;
}

static bool add_runs(reporting *r, gn_error *e) {
    for (int i = 0; i < gn_args_count(r->a); i++)
        if (!add(r, gn_args_at(r->a, i), e))
            return false;
    if (gn_args_count(r->a) == 0 && !add_newest(r, e))
        return false;
    char first[27];
    memcpy(first, r->report.run[0].id, sizeof first);
    gn_report_order(&r->report);
    if (!gn_args_count(r->a))
        memcpy(first, r->report.run[0].id, sizeof first);
    if (strcmp(r->form, "html") == 0 && r->report.n > 1 && !compare(r, first, e))
        return false;
    return !gn_args_given(r->a, "tasks") ||
           gn_report_only(&r->report, gn_slice_of(gn_args_text(r->a, "tasks", "")), e);
}

/* ---- forms ------------------------------------------------------------------------------- */

static bool is(const reporting *r, const char *form) { return strcmp(r->form, form) == 0; }

static void history(const reporting *r, gn_str *out) {
    const gn_report *x = &r->report;
    if (is(r, "json")) {
        gn_str_puts(out, "{\"schema\":\"gneiss.report/1\",");
        gn_report_history_json(out, x);
        gn_str_puts(out, "}\n");
    } else if (is(r, "csv")) {
        gn_report_csv(out, x); /* a line a run and number: it has the steps */
    } else if (is(r, "html")) {
        gn_report_html(out, x, r->by, r->against, r->n_against);
    } else {
        gn_report_history(out, x, r->by,
                          is(r, "md")    ? GN_MARKUP_MARKDOWN
                          : is(r, "tex") ? GN_MARKUP_TEX
                                         : GN_MARKUP_TEXT);
    }
}

static void whole(const reporting *r, gn_str *out) {
    const gn_report *x = &r->report;
    if (is(r, "json"))
        gn_report_json(out, x);
    else if (is(r, "csv"))
        gn_report_csv(out, x);
    else if (is(r, "md"))
        gn_report_markdown(out, x, r->by);
    else if (is(r, "html"))
        gn_report_html(out, x, r->by, r->against, r->n_against);
    else if (is(r, "tex"))
        gn_report_tex(out, x, r->by);
    else
        gn_report_text(out, x, r->by);
}

/* Into DIR/report.FORM; its path to stdout. */
static bool to_folder(const reporting *r, const char *folder, gn_slice text, gn_error *e) {
    gn_str path = {0}, line = {0};
    gn_str_fmt(&path, "%s/report.%s", folder, is(r, "text") ? "txt" : r->form);
    const bool ok = gn_str_ok(&path, e) && gn_path_make_folder(folder, e) &&
                    gn_file_write(gn_str_text(&path), text, e);
    if (ok) {
        gn_str_add(&line, gn_str_slice(&path));
        gn_out_line(&line, e);
    }
    gn_str_release(&path);
    gn_str_release(&line);
    return ok && !e->code;
}

static bool print(const reporting *r, gn_error *e) {
    gn_str out = {0};
    const char *folder = gn_args_text(r->a, "output-dir", NULL);
    if (gn_args_flag(r->a, "history"))
        history(r, &out);
    else
        whole(r, &out);
    const bool ok =
        gn_str_ok(&out, e) &&
        (folder ? to_folder(r, folder, gn_str_slice(&out), e)
                : gn_out_plain(gn_str_slice(&out), is(r, "text") && isatty(STDOUT_FILENO), e));
    gn_str_release(&out);
    return ok;
}

/* ---- lm-evaluation-harness's -------------------------------------------------------------- */

static bool to_stdout(void *user, gn_slice line, gn_error *e) {
    (void)user;
    if (fwrite(line.data, 1, line.len, stdout) == line.len && fputc('\n', stdout) != EOF)
        return true;
    return gn_fail(e, GN_IO, "write to standard output: %s", strerror(errno));
}

static bool samples(const reporting *r, gn_error *e) {
    bool ok = true;
    for (int i = 0; ok && i < r->report.n; i++)
        for (int k = 0; ok && k < r->report.results[i].n_task; k++)
            ok = gn_export_samples(r->store, &r->report.run[i], &r->report.results[i].tally[k],
                                   true, to_stdout, NULL, NULL, e);
    return ok;
}

static bool layout(const reporting *r, gn_error *e) {
    const char *folder = gn_args_text(r->a, "output-dir", NULL);
    gn_str path = {0};
    bool ok = folder != NULL;
    if (!ok) {
        gn_fail(e, GN_INVALID, "-o lm-eval writes files: say where with --output-dir DIR");
        return gn_where(e, "--output-dir");
    }
    for (int i = 0; ok && i < r->report.n; i++) {
        gn_str_cut(&path, 0);
        ok = gn_export_run(r->store, &r->report.run[i], &r->report.results[i], folder, &path, e) &&
             gn_out_line(&path, e);
    }
    gn_str_release(&path);
    return ok;
}

static int run(const gn_args *a, gn_error *e) {
    const char *by = gn_args_text(a, "by", "");
    reporting r = {.a = a,
                   .form = gn_args_flag(a, "json") ? "json" : gn_args_text(a, "output", "text"),
                   .by = strcmp(by, "task") == 0         ? GN_BY_TASK
                         : strcmp(by, "group") == 0      ? GN_BY_GROUP
                         : strcmp(by, "checkpoint") == 0 ? GN_BY_CHECKPOINT
                                                         : GN_BY_ALL};
    r.store = gn_args_store(a, true, e);
    r.pool = r.store ? gn_pool_new(gn_processors(), e) : NULL;
    const bool ok = r.pool && add_runs(&r, e) &&
                    (gn_args_given(a, "samples") ? samples(&r, e)
                     : is(&r, "lm-eval")         ? layout(&r, e)
                                                 : print(&r, e));
    gn_report_release(&r.report);
    for (int i = 0; i < r.n_against; i++)
        gn_comparison_release(&r.against[i]);
    free(r.against);
    gn_pool_free(r.pool);
    gn_store_close(r.store);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

const gn_command gn_cmd_report = {
    .name = "report",
    .usage = "[RUN...] [-o FORM] [--output-dir DIR] [--by WHAT] [--history]\n[RUN...] --samples "
             "jsonl",
    .summary = "stored runs as a table, a page, or files of lm-eval's layout",
    .about = "Without a RUN: of every checkpoint the newest finished run of each task.\n\n"
             "  gneiss report -o html --output-dir out\n"
             "  gneiss report --history -t gsm8k\n"
             "  gneiss report -1 -o lm-eval --output-dir out\n",
    .takes = GN_TAKES_ALWAYS,
    .option = options,
    .run = run,
};
