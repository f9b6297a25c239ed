/* cmd_eval.c - gneiss eval: benchmarks, on one checkpoint or several. */
#include "app/evaluate.h"
#include "app/interrupt.h"
#include "app/out.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

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
    {0, "against", "FILE", "verify: a log of lm-evaluation-harness; may be repeated", GN_TYPE_TEXT,
     0, 0, NULL},
    {0, "tolerance", "X", "verify: of a log-likelihood (default 0.001)", GN_TYPE_NUMBER, 0, 1e9,
     NULL},
    {0, "logprobs", "K", "keep tokens of choices, too, with K alternatives", GN_TYPE_INTEGER, 0,
     1000, NULL},
    {'o', "output", "FORM", "text, md, csv or json", GN_TYPE_CHOICE, 0, 0, "text|md|csv|json"},
    {0},
};

/* One `gneiss eval` over its models. */
typedef struct evaluating {
    const gn_args *a;
    gn_eval_options o;
    const char **include;
    gn_store *store;
    gn_teller teller;
    gn_str argv, again;
    bool json, quiet;
    int detached; /* a pipe to who waits for the first line; -1 */
} evaluating;

/* ---- what is told ------------------------------------------------------------------------------ */

static int interrupts(void *user) {
    (void)user;
    return gn_interrupts();
}

static void start_json(evaluating *v, const gn_eval_start *s, gn_str *out) {
    gn_str_fmt(
        out, "{\"schema\":\"gneiss.eval/1\",\"event\":\"start\",\"run\":\"%s\",\"model\":", s->run);
    gn_json_write_string(out, gn_slice_of(s->model));
    gn_str_puts(out, ",\"tasks\":[");
    for (int i = 0; i < s->suite->n; i++) {
        gn_str_puts(out, i ? "," : "");
        gn_json_write_string(out, s->suite->task[i].task->name);
    }
    gn_str_fmt(out, "],\"n\":%" PRId64 ",\"done\":%" PRId64 ",\"db\":", s->n, s->done);
    gn_json_write_string(out, gn_slice_of(s->db));
    gn_str_puts(out, ",\"resume\":");
    gn_json_write_string(out, gn_str_slice(&v->again));
    gn_str_putc(out, '}');
}

static void started(void *user, const gn_eval_start *s) {
    evaluating *v = user;
    gn_str line = {0};
    gn_error e = {0};
    gn_str_fmt(&line, "eval %s  %s (sha %.8s) %s  %d task%s, %" PRId64 " documents  db %s\n",
               s->run, s->model, s->sha, s->numerics, s->suite->n, s->suite->n == 1 ? "" : "s",
               s->n, s->db);
    if (s->took_over)
        gn_str_fmt(&line,
                   "took over a run whose process has ended: %" PRId64 " documents are there\n",
                   s->done);
    else if (s->resumed)
        gn_str_fmt(&line, "going on after %" PRId64 " of %" PRId64 " documents\n", s->done, s->n);
    if (v->detached >= 0) {
        gn_str_fmt(&line, "watch it: gneiss eval watch %s\n", s->run);
        if (write(v->detached, line.data, line.len) < 0)
            gn_fail(&e, GN_IO, "%s", strerror(errno));
        close(v->detached);
        v->detached = -1;
    }
    if (!v->quiet)
        fputs(gn_str_text(&line), stderr);
    gn_str_cut(&line, 0);
    if (v->json) {
        start_json(v, s, &line);
        gn_out_line(&line, &e);
    }
    gn_str_release(&line);
}

static void progress(void *user, const gn_eval_progress *p) {
    evaluating *v = user;
    gn_teller_progress(&v->teller, p);
}

static void note(void *user, const char *text) {
    evaluating *v = user;
    if (v->quiet)
        return;
    gn_teller_end(&v->teller);
    fprintf(stderr, "%s\n", text);
}

static void done_json(const evaluating *v, const gn_eval_outcome *o, const gn_results *r,
                      gn_str *out) {
    static const char *const status[] = {"done", "done", "stopped", "running"};
    gn_str_fmt(out,
               "{\"schema\":\"gneiss.eval/1\",\"event\":\"done\",\"run\":\"%s\",\"status\":\"%s\"",
               o->run, status[o->end]);
    gn_str_puts(out, ",\"db\":");
    gn_json_write_string(out, gn_slice_of(gn_store_file(v->store)));
    gn_out_number(out, "seconds", o->seconds);
    gn_str_fmt(
        out, ",\"tokens\":{\"asked\":%" PRId64 ",\"read\":%" PRId64 ",\"generated\":%" PRId64 "},",
        o->stats.asked, o->stats.read, o->stats.written);
    gn_results_json(out, r);
    gn_str_putc(out, '}');
}

static void say_tokens(const evaluating *v, const gn_eval_outcome *o) {
    const gn_eval_work_stats *s = &o->stats;
    if (v->quiet || o->end == GN_EVAL_STORED)
        return;
    fprintf(stderr, "%.1f s: %" PRId64 " tokens asked, %" PRId64 " read", o->seconds, s->asked,
            s->read);
    if (s->read_s > 0)
        fprintf(stderr, " (%.0f t/s)", (double)s->read / s->read_s);
    if (s->written)
        fprintf(stderr, ", %" PRId64 " generated (%.1f t/s)", s->written,
                (double)s->written / s->write_s);
    fputc('\n', stderr);
}

/* ---- one model ----------------------------------------------------------------------------------- */

/* The run that --baseline names, "" for none. */
static bool find_baseline(evaluating *v, const gn_suite *s, char id[27], gn_error *e) {
    const char *name = gn_args_text(v->a, "baseline", NULL);
    gn_run_row run;
    bool found = true;
    id[0] = '\0';
    if (!name)
        return true;
    if (name[0] ? !gn_run_find(v->store, name, &run, e)
                : !gn_run_newest(v->store, 0, s->task[0].task->name, true, &run, &found, e))
        return false;
    if (!found) {
        gn_fail(e, GN_INVALID, "--baseline: no run of this task was blessed (gneiss db bless RUN)");
        return gn_where(e, "--baseline");
    }
    memcpy(id, run.id, sizeof run.id);
    gn_run_row_release(&run);
    return true;
}

static void say_refusals(const gn_suite *s) {
    for (size_t i = 1; i < s->selection.refusals.count; i++) {
        const gn_refusal *x = &s->selection.refusals.item[i];
        fprintf(stderr, "%.*s: %.*s\n", (int)x->where.len, x->where.data, (int)x->why.len,
                x->why.data);
    }
}

static bool print_run(evaluating *v, const gn_eval_outcome *o, gn_error *e) {
    if (!v->json)
        return gn_eval_print(v->a, v->store, o->run, e);
    gn_run_row run;
    gn_results r = {0};
    gn_str line = {0};
    if (!gn_run_find(v->store, o->run, &run, e))
        return false;
    gn_pool *pool = gn_pool_new(gn_processors(), e);
    bool ok = pool && gn_results_measure(v->store, &run, pool, true, &r, e);
    if (ok)
        done_json(v, o, &r, &line);
    ok = ok && gn_out_line(&line, e);
    gn_pool_free(pool);
    gn_str_release(&line);
    gn_results_release(&r);
    gn_run_row_release(&run);
    return ok;
}

static bool has_failed(gn_store *s, const char *run, gn_error *e) {
    bool row = false;
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(s), "SELECT 1 FROM sample WHERE run_id = ? AND status = 'error' LIMIT 1", e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(run));
    gn_sql_step(q, &row, e);
    gn_sql_reset(q);
    return row;
}

static int after(evaluating *v, const gn_eval_outcome *o, gn_error *e) {
    gn_teller_end(&v->teller);
    if (o->end == GN_EVAL_BUSY) {
        gn_fail(e, GN_IO,
                "run %s of this command is running in process %" PRId64
                "; gneiss eval watch %.10s shows it",
                o->run, o->pid, o->run);
        return GN_FAILED;
    }
    if (o->end == GN_EVAL_STORED && !v->quiet)
        fprintf(stderr, "run %s is done: this is its stored result (--again makes a new run)\n",
                o->run);
    say_tokens(v, o);
    if (o->end == GN_EVAL_STOPPED && !v->quiet)
        fprintf(stderr, "saved %" PRId64 "/%" PRId64 ". Resume: %s\n", o->done, o->n,
                gn_str_text(&v->again));
    if (!print_run(v, o, e))
        return GN_FAILED;
    if (o->end == GN_EVAL_STOPPED)
        return GN_EXIT_INTERRUPTED;
    return has_failed(v->store, o->run, e) ? GN_EXIT_PARTLY : GN_EXIT_YES;
}

static int run_model(evaluating *v, const char *model, gn_error *e) {
    const gn_eval_hooks hooks = {.interrupts = interrupts,
                                 .started = started,
                                 .progress = progress,
                                 .note = note,
                                 .user = v};
    gn_suite suite = {0};
    gn_eval_outcome outcome = {0};
    char baseline[27];
    int code = GN_FAILED;
    gn_engine *g = gn_args_engine(v->a, model, e);
    if (g && gn_suite_open(&suite, g, &v->o, e) && find_baseline(v, &suite, baseline, e)) {
        if (gn_eval_run(v->store, &suite, baseline[0] ? baseline : NULL, &hooks, &outcome, e))
            code = after(v, &outcome, e);
        else
            gn_teller_end(&v->teller);
    }
    if (code == GN_FAILED && outcome.run[0] && outcome.end == GN_EVAL_STOPPED && !v->quiet)
        fprintf(stderr, "saved %" PRId64 "/%" PRId64 ". Resume: %s\n", outcome.done, outcome.n,
                gn_str_text(&v->again));
    say_refusals(&suite);
    gn_suite_release(&suite);
    gn_engine_close(g);
    return code;
}

/* ---- options ---------------------------------------------------------------------------------------- */

static bool read_shard(evaluating *v, gn_error *e) {
    const char *text = gn_args_text(v->a, "shard", NULL);
    const char *slash = text ? strchr(text, '/') : NULL;
    int64_t i = 1, n = 1;
    if (text && (!slash || !gn_parse_integer((gn_slice){text, (size_t)(slash - text)}, &i) ||
                 !gn_parse_integer(gn_slice_of(slash + 1), &n) || i < 1 || i > n || n > 100000)) {
        gn_fail(e, GN_INVALID, "--shard: want I/N with I from 1 to N, not '%.40s'", text);
        return gn_where(e, "--shard");
    }
    v->o.shard = (int)i;
    v->o.shards = (int)n;
    return true;
}

static bool read_include(evaluating *v, gn_error *e) {
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

static bool read_options(evaluating *v, gn_error *e) {
    const gn_args *a = v->a;
    v->o = (gn_eval_options){
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
    return read_shard(v, e) && read_include(v, e) && gn_args_again(a, &v->argv, &v->again, e) &&
           (v->o.argv = gn_str_text(&v->argv));
}

static int run_models(evaluating *v, gn_error *e) {
    const char *model;
    int first, worst = GN_EXIT_YES;
    if (!gn_args_model(v->a, &model, &first, e))
        return GN_FAILED;
    if (first == 0 && gn_args_count(v->a) > 0) {
        gn_fail(e, GN_INVALID, "with -m there is one model; '%.60s' is too much",
                gn_args_at(v->a, 0));
        return GN_FAILED;
    }
    gn_interrupt_count();
    for (int i = 0; i < (first ? gn_args_count(v->a) : 1); i++) {
        const int code = run_model(v, first ? gn_args_at(v->a, i) : model, e);
        if (code == GN_FAILED || code == GN_EXIT_INTERRUPTED)
            return code;
        worst = code > worst ? code : worst;
    }
    return worst;
}

static int evaluate(const gn_args *a, int detached, gn_error *e) {
    evaluating v = {.a = a,
                    .json = gn_args_flag(a, "json"),
                    .quiet = gn_args_flag(a, "quiet"),
                    .teller = {.how = gn_args_telling(a)},
                    .detached = detached};
    int code = GN_FAILED;
    if (read_options(&v, e) && (v.store = gn_args_store(a, false, e)))
        code = run_models(&v, e);
    if (v.detached >= 0)
        close(v.detached);
    gn_store_close(v.store);
    gn_str_release(&v.argv);
    gn_str_release(&v.again);
    free(v.include);
    return code;
}

static int run(const gn_args *a, gn_error *e) {
    const char *word = gn_args_at(a, 0);
    if (word && strcmp(word, "verify") == 0)
        return gn_eval_verify(a, e);
    if (word && strcmp(word, "watch") == 0)
        return gn_eval_watch(a, e);
    if (word &&
        (strcmp(word, "pause") == 0 || strcmp(word, "resume") == 0 || strcmp(word, "stop") == 0))
        return gn_eval_control(a, word, e);
    return evaluate(a, -1, e);
}

const gn_command gn_cmd_eval = {
    .name = "eval",
    .usage = "MODEL... -t TASK,... [options]\nwatch [RUN]\npause|resume|stop RUN\nverify [RUN] "
             "--against FILE",
    .summary = "run benchmarks; the numbers of lm-evaluation-harness",
    .about =
        "Every answer goes into a database. The same command goes on where it stopped, or prints\n"
        "what is there. Ctrl-C finishes what is begun and saves it.\n\n"
        "  gneiss eval h-tiny -t offline\n"
        "  gneiss eval h-tiny h-tiny-q4 -t arc_challenge,gsm8k --limit 500\n",
    .words = "watch|pause|resume|stop|verify",
    .takes = GN_TAKES_MODEL | GN_TAKES_EVAL,
    .option = options,
    .run = run,
};
