/* cmd_compare.c - gneiss compare: is B worse than A, on which documents, and is it chance? */
#include "app/compare_screen.h"
#include "app/out.h"

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

/* A RUN by name; or the newest done run of a MODEL's path. */
static bool find_side(const gn_args *a, gn_store *s, const char *name, gn_run_row *out,
                      gn_error *e) {
    bool found = false;
    if (!gn_path_exists(name))
        return gn_run_find(s, name, out, e);
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

static bool print(const gn_args *a, const gn_comparison *c, gn_error *e) {
    gn_str out = {0};
    const bool json = gn_args_flag(a, "json");
    if (json) {
        gn_comparison_json(&out, c);
        gn_str_putc(&out, '\n');
    } else {
        gn_comparison_text(&out, c, gn_args_flag(a, "flips"));
    }
    const bool ok =
        gn_str_ok(&out, e) && gn_out_plain(gn_str_slice(&out), !json && isatty(STDOUT_FILENO), e);
    gn_str_release(&out);
    return ok;
}

static int judge(const gn_args *a, const gn_comparison *c, gn_error *e) {
    const char *rule = gn_args_text(a, "fail-on", NULL);
    int which;
    if (!rule)
        return GN_EXIT_YES;
    if (!gn_compare_rule(c, rule, &which, e))
        return GN_FAILED;
    if (which < 0)
        return GN_EXIT_YES;
    const gn_pairing *l = &c->pairing[which];
    if (!gn_args_flag(a, "quiet"))
        fprintf(stderr, "%s holds: %.*s %.*s\n", rule, (int)l->task.len, l->task.data,
                (int)l->metric.len, l->metric.data);
    return GN_EXIT_NO;
}

static int compare_runs(const gn_args *a, gn_error *e) {
    gn_comparison c = {0};
    gn_run_row x = {0}, y = {0};
    int code = GN_FAILED;
    gn_store *s = gn_args_store(a, true, e);
    gn_pool *pool = s ? gn_pool_new(gn_processors(), e) : NULL;
    if (pool && find_side(a, s, gn_args_at(a, 0), &x, e) &&
        find_side(a, s, gn_args_at(a, 1), &y, e) &&
        gn_compare_runs(s, &x, &y, gn_slice_of(gn_args_text(a, "tasks", "")), pool, &c, e) &&
        (!gn_compare_wants_screen(a) || gn_compare_runs_on_screen(a, s, &c, e)) && print(a, &c, e))
        code = judge(a, &c, e);
    gn_run_row_release(&x);
    gn_run_row_release(&y);
    gn_comparison_release(&c);
    gn_pool_free(pool);
    gn_store_close(s);
    return code;
}

static int run(const gn_args *a, gn_error *e) {
    if (gn_args_count(a) != 2) {
        gn_fail(e, GN_INVALID, "compare wants two runs (or models that were evaluated), not %d",
                gn_args_count(a));
        return GN_FAILED;
    }
    const char *kl = gn_args_text(a, "kl", NULL), *prompts = gn_args_text(a, "generate", NULL),
               *turn = gn_args_text(a, "turn", NULL);
    if (kl)
        return gn_compare_kl(a, kl, e);
    if (prompts)
        return gn_compare_generate(a, prompts, e);
    if (turn)
        return gn_compare_turn(a, turn, e);
    return compare_runs(a, e);
}

const gn_command gn_cmd_compare = {
    .name = "compare",
    .usage = "A B [-t TASK,...] [--flips] [--fail-on RULE]",
    .summary = "two runs, document by document",
    .about = "A and B are runs (the beginning of an id, a name, -1 for the last) or models, of "
             "which the\n"
             "newest finished run is taken.\n\n"
             "  gneiss compare -2 -1 --fail-on 'regress>1pp,p<.05'\n",
    .takes = GN_TAKES_MODEL | GN_TAKES_SAMPLING | GN_TAKES_TEXT,
    .option = options,
    .run = run,
};
