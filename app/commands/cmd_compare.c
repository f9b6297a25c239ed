/* cmd_compare.c - gneiss compare: is B worse than A, on which documents, and is it chance? */
#include "app/cli/out.h"
#include "app/commands/compare_screen.h"

#include <stdlib.h>
#include <unistd.h>

static const gn_option options[] = {
    {'t', "tasks", "TASK,...", "only these", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "flips", NULL, "documents that one has right and the other wrong", GN_TYPE_FLAG, 0, 0,
     NULL},
    {0, "generate", "FILE", "what two models answer to prompts, a job a line (-: standard input)",
     GN_TYPE_TEXT, 0, 0, NULL},
    {0, "turn", "TURN", "a reply of a conversation, asked of two models again", GN_TYPE_TEXT, 0, 0,
     NULL},
    {0, "raw", NULL, "--generate: prompts without the chat template", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "template", "FILE", "--generate: a chat template for both", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "ignore-eos", NULL, "--generate: go on past the end of text", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "kl", "FILE", "two models over a text, in lockstep (-: standard input)", GN_TYPE_TEXT, 0, 0,
     NULL},
    {0, "max-length", "N", "tokens of a window of --kl (512)", GN_TYPE_INTEGER, 1, 1e9, NULL},
    {0, "in-turn", NULL, "--kl: one model after the other, for memory that holds one alone",
     GN_TYPE_FLAG, 0, 0, NULL},
    {0, "tui", NULL, "the screen (--no-tui: text)", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "fail-on", "RULE", "exit 1 if all hold: regress>1pp,p<.05,flips>10", GN_TYPE_TEXT, 0, 0,
     NULL},
    {0},
};

/* The checkpoint last seen at a path; 0 when none was. */
static int64_t checkpoint_at(gn_store *s, const char *path, gn_error *e) {
    char *real = realpath(path, NULL);
    bool row = false;
    gn_statement *q =
        gn_sql_prepare(gn_store_sql(s), "SELECT id FROM checkpoint WHERE path = ?", e);
    if (q)
        gn_bind_text(q, 1, gn_slice_of(real ? real : path));
    const int64_t id = q && gn_sql_step(q, &row, e) && row ? gn_column_int(q, 0) : 0;
    if (q)
        gn_sql_reset(q);
    free(real);
    return id;
}

/* A RUN by name; or the newest done run of a MODEL, by path, alias or hash. */
static bool find_side(const gn_args *a, gn_store *s, const char *name, gn_run_row *out,
                      gn_error *e) {
    bool found = false;
    if (!gn_path_exists(name)) {
        gn_error none = {0};
        const char *path;
        if (gn_run_find(s, name, out, e))
            return true;
        if (e->code != GN_INVALID || !(path = gn_args_path(a, name, &none)) ||
            !gn_path_exists(path))
            return false;
        *e = (gn_error){0};
        name = path;
    }
    const gn_slice task = gn_slice_of(gn_args_text(a, "tasks", ""));
    const ptrdiff_t comma = gn_slice_find(task, GN_S(","));
    const gn_slice first = {task.data, comma < 0 ? task.len : (size_t)comma};
    const int64_t checkpoint = checkpoint_at(s, name, e);
    if (e->code || (checkpoint && !gn_run_newest(s, checkpoint, first, false, out, &found, e)))
        return false;
    if (found)
        return true;
    gn_fail(e, GN_INVALID, "'%s' has no finished run of %s in '%s'; gneiss eval makes one", name,
            first.len ? task.data : "anything", gn_store_file(s));
    return gn_where(e, "%s", name);
}

static bool print(const gn_args *a, const gn_comparison *c, int n, gn_error *e) {
    gn_str out = {0};
    const bool json = gn_args_flag(a, "json");
    if (json) {
        gn_comparisons_json(&out, c, n);
        gn_str_putc(&out, '\n');
    } else if (n > 1) {
        gn_comparisons_text(&out, c, n);
    } else {
        gn_comparison_text(&out, c, gn_args_flag(a, "flips"));
    }
    const bool ok =
        gn_str_ok(&out, e) && gn_out_plain(gn_str_slice(&out), !json && isatty(STDOUT_FILENO), e);
    gn_str_release(&out);
    return ok;
}

static int judge(const gn_args *a, const gn_comparison *c, int n, gn_error *e) {
    const char *rule = gn_args_text(a, "fail-on", NULL);
    int code = GN_EXIT_YES;
    for (int i = 0; rule && i < n; i++) {
        int which;
        if (!gn_compare_rule(&c[i], rule, &which, e))
            return GN_FAILED;
        if (which < 0)
            continue;
        const gn_pairing *l = &c[i].pairing[which];
        if (!gn_args_flag(a, "quiet"))
            fprintf(stderr, "%s holds: %s %.*s %.*s\n", rule, gn_str_text(&c[i].b.run.model),
                    (int)l->task.len, l->task.data, (int)l->metric.len, l->metric.data);
        code = GN_EXIT_NO;
    }
    return code;
}

/* A rule that is none is told before anything is read. */
static bool check_rule(const gn_args *a, gn_error *e) {
    const char *rule = gn_args_text(a, "fail-on", NULL);
    gn_pairing none = {.p_holm = 1};
    const gn_comparison c = {.pairing = &none, .n = 1};
    int which;
    return !rule || gn_compare_rule(&c, rule, &which, e);
}

static int compare_runs(const gn_args *a, gn_error *e) {
    const int n = gn_args_count(a) - 1;
    const gn_slice tasks = gn_slice_of(gn_args_text(a, "tasks", ""));
    gn_comparison *c = calloc((size_t)n, sizeof *c);
    int code = GN_FAILED;
    bool ok = c || gn_fail(e, GN_NO_MEMORY, "out of memory");
    gn_store *s = ok && check_rule(a, e) ? gn_args_store(a, true, e) : NULL;
    gn_pool *pool = s ? gn_pool_new(gn_processors(), e) : NULL;
    ok = pool != NULL;
    for (int i = 0; ok && i < n; i++) {
        gn_run_row x = {0}, y = {0};
        ok = find_side(a, s, gn_args_at(a, 0), &x, e) &&
             find_side(a, s, gn_args_at(a, i + 1), &y, e) &&
             gn_compare_runs(s, &x, &y, tasks, pool, &c[i], e);
        gn_run_row_release(&x);
        gn_run_row_release(&y);
    }
    ok = ok && (n == 1 || gn_comparisons_join(c, n, e));
    if (ok && n == 1 && gn_compare_wants_screen(a))
        ok = gn_compare_runs_on_screen(a, s, c, e);
    if (ok && print(a, c, n, e))
        code = judge(a, c, n, e);
    for (int i = 0; c && i < n; i++)
        gn_comparison_release(&c[i]);
    free(c);
    gn_pool_free(pool);
    gn_store_close(s);
    return code;
}

static int run(const gn_args *a, gn_error *e) {
    const char *kl = gn_args_text(a, "kl", NULL), *prompts = gn_args_text(a, "generate", NULL),
               *turn = gn_args_text(a, "turn", NULL);
    const int n = gn_args_count(a), modes = (kl != NULL) + (prompts != NULL) + (turn != NULL);
    if (modes > 1) {
        gn_fail(e, GN_INVALID, "want one of --generate, --kl and --turn");
        return GN_FAILED;
    }
    if (modes ? n != 2 : n < 2) {
        gn_fail(e, GN_INVALID,
                modes ? "--generate, --kl and --turn want two models, not %d arguments"
                      : "compare wants two runs (or models that were evaluated), not %d",
                n);
        return GN_FAILED;
    }
    return kl        ? gn_compare_kl(a, kl, e)
           : prompts ? gn_compare_generate(a, prompts, e)
           : turn    ? gn_compare_turn(a, turn, e)
                     : compare_runs(a, e);
}

const gn_command gn_cmd_compare = {
    .name = "compare",
    .usage = "A B... [-t TASK,...] [--flips] [--fail-on RULE]\nA B --generate FILE | --kl FILE | "
             "--turn TURN",
    .summary = "runs document by document, models token by token",
    .about = "A and B are runs (the beginning of an id, a name, -1 for the last) or models, of "
             "which the\n"
             "newest finished run is taken. Of more than two the first is the baseline.\n"
             "--generate, --kl and --turn ask two models.\n\n"
             "  gneiss compare -2 -1 --fail-on 'regress>1pp,p<.05'\n"
             "  gneiss compare h-tiny h-tiny-q4 --kl wiki.test.raw\n",
    .takes = GN_TAKES_MODEL | GN_TAKES_SAMPLING | GN_TAKES_TEXT,
    .option = options,
    .run = run,
};
