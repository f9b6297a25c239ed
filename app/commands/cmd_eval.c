/* cmd_eval.c - gneiss eval: benchmarks, on one checkpoint or several. */
#include "app/cli/interrupt.h"
#include "app/commands/eval_models.h"
#include "app/commands/eval_screen.h"
#include "app/commands/judge.h"

#include <stdlib.h>

static const gn_option options[] = {
    {'t', "tasks", "TASK,...", "tasks, groups, tags, globs, task files", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "include", "DIR", "task files of DIR, too; may be repeated", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "processed", NULL, "the data are what process_docs makes of them", GN_TYPE_FLAG, 0, 0,
     NULL},
    {0, "limit", "N", "the first N documents; below 1 a share", GN_TYPE_NUMBER, 0, 1e12, NULL},
    {0, "sample", "N", "N documents, drawn with --fewshot-seed", GN_TYPE_INTEGER, 1, 1e12, NULL},
    {0, "docs", "LIST", "documents by number: 3,10-20", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "where", "EXPR", "documents of which it holds: subject == 'anatomy'", GN_TYPE_TEXT, 0, 0,
     NULL},
    {0, "shots", "N", "examples before each document", GN_TYPE_INTEGER, 0, 10000, NULL},
    {0, "seed", "N", "of sampled answers (default 0)", GN_TYPE_INTEGER, 0, 9e15, NULL},
    {0, "fewshot-seed", "N", "of drawn examples (default 1234)", GN_TYPE_INTEGER, 0, 9e15, NULL},
    {0, "chat-template", NULL, "ask in turns of a conversation", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "system", "TEXT", "system message, or text before all", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "no-share", NULL, "read every request from its first token; equal bits", GN_TYPE_FLAG, 0, 0,
     NULL},
    {0, "max-length", "N", "most tokens of prompt and answer", GN_TYPE_INTEGER, 2, 1e9, NULL},
    {0, "repeat", "N", "ask every document N times", GN_TYPE_INTEGER, 1, 1e6, NULL},
    {0, "shard", "I/N", "only documents I, I + N, ... (from 1)", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "again", NULL, "a new run, from the cache", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "fresh", NULL, "a new run, without the cache", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "baseline", "[RUN]", "compare with it (default: the newest blessed)", GN_TYPE_TEXT, 0, 0,
     NULL},
    {0, "against", "FILE|RUN", "verify: a log of lm-evaluation-harness, or a run; may be repeated",
     GN_TYPE_TEXT, 0, 0, NULL},
    {0, "tolerance", "X", "verify: of a log-likelihood (default 0.001)", GN_TYPE_NUMBER, 0, 1e9,
     NULL},
    {0, "logprobs", "K", "keep tokens of choices, too, with K alternatives", GN_TYPE_INTEGER, 0,
     1000, NULL},
    {0, "durable", NULL, "what was told survives a power cut, too", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "detach", NULL, "go on in the background; see eval watch", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "tui", NULL, "the live screen (--no-tui: lines instead)", GN_TYPE_FLAG, 0, 0, NULL},
    {'o', "output", "FORM", "text, md, csv, json or lm-eval", GN_TYPE_CHOICE, 0, 0,
     "text|md|csv|json|lm-eval"},
    {0, "output-dir", "DIR", "of -o lm-eval: where its files go", GN_TYPE_TEXT, 0, 0, NULL},
    {0},
};

/* ---- options ---------------------------------------------------------------------------------------- */

static bool read_shard(gn_evaluating *v, gn_error *e) {
    const char *text = gn_args_text(v->a, "shard", NULL);
    const char *slash = text ? strchr(text, '/') : NULL;
    int64_t i = 1, n = 1;
    if (text && (!slash || !gn_parse_integer((gn_slice){text, (size_t)(slash - text)}, &i) ||
                 !gn_parse_integer(gn_slice_of(slash + 1), &n) || i < 1 || i > n || n > 100000)) {
        gn_fail(e, GN_INVALID, "--shard: want I/N with I from 1 to N, not '%.40s'", text);
        return gn_where(e, "--shard");
    }
    if (text)
        v->ranks = (gn_ranks){0, 1, NULL};
    v->o.shard = text ? (int)i : v->ranks.rank + 1;
    v->o.shards = text ? (int)n : v->ranks.size;
    return true;
}

static bool read_include(gn_evaluating *v, gn_error *e) {
    int n = 0;
    while (gn_args_nth(v->a, "include", n))
        n++;
    v->include = malloc((size_t)n * sizeof *v->include + 1);
    if (!v->include)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    for (int i = 0; i < n; i++)
        v->include[i] = gn_args_nth(v->a, "include", i);
    v->o.include = v->include;
    v->o.n_include = n;
    return true;
}

static bool read_options(gn_evaluating *v, gn_error *e) {
    const gn_args *a = v->a;
    v->o = (gn_eval_options){
        .judge = v->o.judge,
        .tasks = gn_args_text(a, "tasks", NULL),
        .data = gn_args_text(a, "data", NULL),
        .processed = gn_args_flag(a, "processed"),
        .limit = gn_args_number(a, "limit", 0),
        .sample = gn_args_integer(a, "sample", 0),
        .docs = gn_args_text(a, "docs", NULL),
        .where = gn_args_text(a, "where", NULL),
        .shots = (int)gn_args_integer(a, "shots", -1),
        .fewshot_seed = gn_args_integer(a, "fewshot-seed", 1234),
        .seed = gn_args_given(a, "seed") ? gn_args_integer(a, "seed", 0) : 0,
        .chat = gn_args_flag(a, "chat-template"),
        .share = !gn_args_flag(a, "no-share"),
        .system = gn_args_given(a, "system") ? gn_args_text(a, "system", "") : "",
        .max_length = gn_args_integer(a, "max-length", 0),
        .repeat = (int)gn_args_integer(a, "repeat", 1),
        .logprobs = gn_args_given(a, "logprobs") ? (int)gn_args_integer(a, "logprobs", 0) : -1,
        .judge_name = gn_args_text(a, "judge", NULL),
        .again = gn_args_flag(a, "again"),
        .fresh = gn_args_flag(a, "fresh"),
    };
    if (!v->o.tasks || !v->o.tasks[0]) {
        gn_fail(e, GN_INVALID, "no task: -t TASK,... (gneiss tasks list shows them)");
        return gn_where(e, "-t");
    }
    if (strcmp(gn_args_text(a, "output", ""), "lm-eval") == 0 && !gn_args_given(a, "output-dir")) {
        gn_fail(e, GN_INVALID, "-o lm-eval writes files: say where with --output-dir DIR");
        return gn_where(e, "--output-dir");
    }
    return read_shard(v, e) && read_include(v, e) && gn_args_again(a, &v->argv, &v->again, e) &&
           (v->o.argv = gn_str_text(&v->argv));
}

/* ---- one command --------------------------------------------------------------------------------------- */

static void release(gn_evaluating *v) {
    gn_store_close(v->store);
    gn_str_release(&v->file);
    gn_str_release(&v->argv);
    gn_str_release(&v->again);
    gn_str_release(&v->out);
    gn_str_release(&v->err);
    free(v->include);
    free(v->done);
}

/* The database, of a rank its own beside it. */
static bool open_store(gn_evaluating *v, gn_error *e) {
    gn_str own = {0};
    bool ok = gn_args_store_file(v->a, &v->file, e);
    if (ok && v->ranks.size > 1) {
        gn_ranks_file(&own, gn_str_text(&v->file), v->ranks.rank, v->ranks.size);
        ok = gn_str_ok(&own, e) &&
             (v->store = gn_store_open(own.data, gn_args_flag(v->a, "readonly"), e));
    } else if (ok)
        ok = (v->store = gn_args_store(v->a, false, e)) != NULL;
    gn_str_release(&own);
    return ok && (!gn_args_flag(v->a, "durable") ||
                  gn_sql_exec(gn_store_sql(v->store), "PRAGMA synchronous = FULL", e));
}

/* On a terminal, unless something else was asked for. */
static bool wants_screen(const gn_evaluating *v) {
    const gn_args *a = v->a;
    if (v->json || v->quiet || v->detached || v->ranks.size > 1 || !gn_has_screen(NULL))
        return false;
    if (gn_args_given(a, "tui"))
        return gn_args_flag(a, "tui");
    return !gn_args_given(a, "progress");
}

static int evaluate(const gn_args *a, gn_detached *detached, gn_error *e) {
    gn_evaluating v = {.a = a,
                       .json = gn_args_flag(a, "json"),
                       .quiet = gn_args_flag(a, "quiet"),
                       .teller = {.how = gn_args_telling(a)},
                       .ranks = gn_ranks_here(),
                       .detached = detached};
    const char *command = gn_args_text(a, "judge", NULL);
    gn_judging *judge = command && command[0] ? gn_judging_open(command, e) : NULL;
    int code = GN_FAILED;
    v.o.judge = gn_judging_judge(judge);
    if (!e->code && read_options(&v, e) && open_store(&v, e)) {
        gn_interrupt_count();
        code = wants_screen(&v) ? gn_evaluate_on_screen(&v, e) : gn_evaluate_models(&v, e);
    }
    gn_judging_close(judge);
    release(&v);
    return code;
}

static int evaluate_detached(const gn_args *a, gn_error *e) {
    gn_detached d;
    int code = GN_FAILED;
    if (gn_ranks_here().size > 1)
        gn_fail(e, GN_INVALID, "--detach is not for ranks: their launcher waits for them");
    else if (gn_detach(&d, e)) {
        code = d.child ? evaluate(a, &d, e) : d.code;
        gn_detached_release(&d);
    }
    return code;
}

static int run(const gn_args *a, gn_error *e) {
    static const struct {
        const char *word;
        int (*run)(const gn_args *a, gn_error *e);
    } word[] = {{"verify", gn_eval_verify},  {"watch", gn_eval_watch},  {"pause", gn_eval_control},
                {"resume", gn_eval_control}, {"stop", gn_eval_control}, {"retry", gn_eval_retry}};
    for (size_t i = 0; gn_args_at(a, 0) && i < sizeof word / sizeof *word; i++)
        if (strcmp(gn_args_at(a, 0), word[i].word) == 0)
            return word[i].run(a, e);
    return gn_args_flag(a, "detach") ? evaluate_detached(a, e) : evaluate(a, NULL, e);
}

int gn_eval_again(const gn_args *a, gn_error *e) { return evaluate(a, NULL, e); }

const gn_command gn_cmd_eval = {
    .name = "eval",
    .usage = "MODEL... -t TASK,... [options]\nwatch [RUN]\npause|resume|stop RUN\nretry RUN\n"
             "verify [RUN] --against FILE|RUN",
    .summary = "run benchmarks; the numbers of lm-evaluation-harness",
    .about =
        "Every answer goes into a database. The same command goes on where it stopped, or prints\n"
        "what is there. Ctrl-C finishes what is begun and saves it.\n\n"
        "  gneiss eval h-tiny -t offline\n"
        "  gneiss eval h-tiny h-tiny-q4 -t arc_challenge,gsm8k --limit 500\n",
    .words = "watch|pause|resume|stop|retry|verify",
    .takes = GN_TAKES_MODEL | GN_TAKES_EVAL,
    .option = options,
    .run = run,
};
