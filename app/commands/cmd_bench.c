/* cmd_bench.c - gneiss bench: how fast, and how much of what the machine could do.
 *
 * Every slice stands between two looks at the machine (core/roof.c), and the models take
 * turns: A B B A, round after round. A slice in whose seconds the machine did less than
 * 85 % of its median is left out, and how many were is told. Numbers are medians; ratios
 * are of slices of one round.
 */
#include "app/cli/command.h"
#include "app/cli/interrupt.h"
#include "app/cli/out.h"
#include "app/commands/bench.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MODELS = 8, ROUNDS = 100, THREADS = 8, PLACED = 1 << 28 };
static const double LEAST_ROOF = 0.85, BUSY = 0.5;

static const gn_option options[] = {
    {'p', "prompt-tokens", "LIST", "lengths of prompts (512)", GN_TYPE_TEXT, 0, 0, NULL},
    {'n', "gen-tokens", "LIST", "tokens to generate (128)", GN_TYPE_TEXT, 0, 0, NULL},
    {'d', "depth", "LIST", "tokens read before either (0)", GN_TYPE_TEXT, 0, 0, NULL},
    {'b', "batch", "LIST", "sequences at once (1,4,16,32)", GN_TYPE_TEXT, 0, 0, NULL},
    {'t', "threads-list", "LIST", "threads, one after another (--threads)", GN_TYPE_TEXT, 0, 0,
     NULL},
    {0, "tests", "LIST",
     "of pp tg batch score fewshot load save write restore fork, or all (pp,tg)", GN_TYPE_TEXT, 0,
     0, NULL},
    {0, "rounds", "N", "rounds of A B B A (7)", GN_TYPE_INTEGER, 1, ROUNDS, NULL},
    {'o', "output", "FORM", "how it is printed (md)", GN_TYPE_CHOICE, 0, 0,
     "md|csv|json|jsonl|sql"},
    {0, "against", "RUN|BINARY", "last, the time a run began, or another gneiss", GN_TYPE_TEXT, 0,
     0, NULL},
    {0, "strict", NULL, "refuse on a loaded machine", GN_TYPE_FLAG, 0, 0, NULL},
    {0},
};

/* One slice: when it was, what it took, and the machine around it. */
typedef struct sample {
    double seconds;
    gn_roof_now roof; /* the mean of before and after */
    double least;     /* GFLOP/s, the lower of the two */
    int round;
} sample;

/* What came of one test of one model. */
typedef struct result {
    const gn_bench_model *model; /* NULL: the other program's */
    const gn_bench_test *test;
    int threads, n, dropped;
    sample sample[2 * ROUNDS];
    double seconds[2 * ROUNDS];                                    /* of those that count, sorted */
    double median, p10, p90, of_roof, ratio, ratio_p10, ratio_p90; /* ratio: 0 without --against */
    gn_roof_now roof;
    size_t peak_rss;
} result;

typedef struct benching {
    const gn_args *a;
    gn_bench_model model[MODELS];
    char name[MODELS][64], device[96];
    int models, rounds, threads[THREADS], n_threads;
    gn_bench_test test[GN_BENCH_MOST];
    int tests;
    gn_roof *roof;
    result *result; /* [results], of all threads, tests and models */
    int results, reserved;
    double *flops; /* every look at the machine, for its median */
    int looks;
    const char *other; /* another gneiss, or NULL */
    char when[25];
    double load;
    gn_str old; /* the run that --against named */
    bool slower;
} benching;

static size_t peak_rss(void) {
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? (size_t)u.ru_maxrss * 1024 : 0;
}

/* ---- slices -------------------------------------------------------------------------- */

static gn_roof_now look(benching *b) {
    const gn_roof_now now = gn_roof_measure(b->roof);
    b->flops[b->looks++] = now.gflops;
    return now;
}

/* The number after "KEY": in a line of JSON; negative if there is none. */
static double number_after(const char *line, const char *key) {
    const char *at = strstr(line, key);
    double v = -1;
    if (!at)
        return -1;
    at += strlen(key);
    const size_t n = strspn(at, "0123456789.eE+-");
    return gn_parse_number((gn_slice){at, n}, &v) ? v : -1;
}

/* One slice by the other program, as it times itself. */
static bool run_other(const benching *b, const gn_bench_model *m, const gn_bench_test *t,
                      int threads, double *seconds, gn_error *e) {
    char n[3][16], count[16], line[4096] = "";
    int pipe_of[2], status = 0;
    static const char *const word[] = {"pp",   "tg",   "batch", "score",   "fewshot",
                                       "load", "save", "write", "restore", "fork"};
    snprintf(n[0], 16, "%d", t->kind == GN_BENCH_GENERATE ? t->n_gen : t->n_prompt);
    snprintf(n[1], 16, "%d", t->depth);
    snprintf(n[2], 16, "%d", t->batch);
    snprintf(count, 16, "%d", threads);
    const char *argv[32] = {b->other,    "bench", m->path,   "--tests", word[t->kind],
                            "--rounds",  "1",     "-o",      "jsonl",   "--readonly",
                            "--threads", count,   "--quiet", "-d",      n[1]};
    int argc = 15;
    if (t->kind == GN_BENCH_PROMPT)
        argv[argc++] = "-p", argv[argc++] = n[0];
    else if (t->kind == GN_BENCH_GENERATE)
        argv[argc++] = "-n", argv[argc++] = n[0];
    else if (t->kind == GN_BENCH_BATCH)
        argv[argc++] = "-b", argv[argc++] = n[2];
    argv[argc] = NULL;
    if (pipe(pipe_of) != 0)
        return gn_fail(e, GN_IO, "--against: no pipe");
    const pid_t child = fork();
    if (child == 0) {
        dup2(pipe_of[1], STDOUT_FILENO);
        close(pipe_of[0]);
        close(pipe_of[1]);
        execv(b->other, (char *const *)argv);
        _exit(127);
    }
    close(pipe_of[1]);
    size_t at = 0;
    for (ssize_t got; child > 0 && at + 1 < sizeof line &&
                      (got = read(pipe_of[0], line + at, sizeof line - 1 - at)) > 0;)
        at += (size_t)got;
    line[at] = 0;
    close(pipe_of[0]);
    if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
        return gn_fail(e, GN_IO, "--against: '%s bench' failed with %d", b->other,
                       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    *seconds = number_after(line, "\"seconds\":");
    return *seconds >= 0 || gn_fail(e, GN_IO, "--against: '%s bench' printed no seconds", b->other);
}

static bool slice(benching *b, result *r, gn_bench_model *m, int round, gn_error *e) {
    const gn_roof_now before = look(b);
    double seconds;
    if (gn_interrupted())
        return gn_fail(e, GN_CANCELLED, "stopped; nothing was kept");
    if (r->model ? !gn_bench_slice(m, r->test, &seconds, e)
                 : !run_other(b, m, r->test, r->threads, &seconds, e))
        return gn_context(e, "%s", r->test->name);
    const gn_roof_now after = look(b);
    r->sample[r->n++] = (sample){
        .seconds = seconds,
        .roof = {(before.read_gbs + after.read_gbs) / 2, (before.gflops + after.gflops) / 2},
        .least = before.gflops < after.gflops ? before.gflops : after.gflops,
        .round = round};
    return true;
}

/* Slices before those that count: for the pages, and until no weight waits in its file. A step
 * places PLACED bytes of them, and as much again for each 16 tokens it reads. */
static int warm_ups(const benching *b, const gn_bench_test *t) {
    const int steps = 1 + t->n_prompt / 16 + t->n_gen;
    double most = 0;
    for (int i = 0; i < b->models; i++)
        if (b->model[i].cost.all > most)
            most = b->model[i].cost.all;
    return 2 + (int)(most / ((double)PLACED * steps));
}

/* A B B A, and A A for one alone. first: the results of this test, one a model, the other
 * program's at the end. */
static bool run_test(benching *b, const gn_bench_test *t, int threads, gn_error *e) {
    const int n = b->models + (b->other ? 1 : 0);
    result *first = &b->result[b->results];
    double ignored;
    for (int i = 0; i < n; i++)
        first[i] =
            (result){.test = t, .threads = threads, .model = i < b->models ? &b->model[i] : NULL};
    b->results += n;
    if (t->kind != GN_BENCH_SCORE && t->kind != GN_BENCH_FEWSHOT)
        for (int i = 0; i < warm_ups(b, t) * b->models; i++)
            if (!gn_bench_slice(&b->model[i % b->models], t, &ignored, e))
                return gn_context(e, "%s", t->name);
    for (int round = 0; round < b->rounds; round++)
        for (int k = 0; k < 2 * n; k++) {
            const int i = k < n ? k : 2 * n - 1 - k;
            if (!slice(b, &first[i], &b->model[i < b->models ? i : 0], round, e))
                return false;
        }
    for (int i = 0; i < n; i++)
        first[i].peak_rss = peak_rss();
    return true;
}

/* ---- numbers --------------------------------------------------------------------------- */

/* How much longer the other took, round by round: rounds in which the machine was slow
 * are left out, unless that leaves none. Returns how many count. */
static int ratios(const result *r, const result *other, double least, double *v) {
    int n = 0;
    for (int i = 0; i + 1 < r->n && i + 1 < other->n; i += 2) {
        double mine = 0, theirs = 0;
        bool counts = true;
        for (int k = i; k < i + 2; k++) {
            mine += r->sample[k].seconds;
            theirs += other->sample[k].seconds;
            counts = counts && r->sample[k].least >= least && other->sample[k].least >= least;
        }
        if (counts && mine > 0)
            v[n++] = theirs / mine;
    }
    return n;
}

static void put_ratio(result *r, const result *other, double least) {
    double v[ROUNDS];
    int n = ratios(r, other, least, v);
    if (n == 0)
        n = ratios(r, other, 0, v);
    r->ratio_p10 = gn_bench_quantile(v, n, 0.1);
    r->ratio_p90 = gn_bench_quantile(v, n, 0.9);
    r->ratio = gn_bench_quantile(v, n, 0.5);
}

static void sum_up(result *r, double least) {
    double roof[2 * ROUNDS], read[2 * ROUNDS], flops[2 * ROUNDS];
    int n = 0;
    bool all = false;
    do { /* with too few left, the noise is shown as it is */
        n = 0;
        for (int i = 0; i < r->n; i++) {
            const sample *s = &r->sample[i];
            if (!all && s->least < least)
                continue;
            r->seconds[n] = s->seconds;
            read[n] = s->roof.read_gbs;
            flops[n] = s->roof.gflops;
            roof[n++] = r->model ? gn_bench_of_roof(r->model, r->test, s->seconds, s->roof) : -1;
        }
        all = !all;
    } while (all && n < 2 && n < r->n);
    r->dropped = r->n - n;
    r->n = n;
    r->roof.read_gbs = gn_bench_quantile(read, n, 0.5);
    r->roof.gflops = gn_bench_quantile(flops, n, 0.5);
    r->of_roof = gn_bench_quantile(roof, n, 0.5);
    r->p10 = gn_bench_quantile(r->seconds, n, 0.1);
    r->p90 = gn_bench_quantile(r->seconds, n, 0.9);
    r->median = gn_bench_quantile(r->seconds, n, 0.5);
}

static void sum_up_all(benching *b) {
    const double least = LEAST_ROOF * gn_bench_quantile(b->flops, b->looks, 0.5);
    const int n = b->models + (b->other ? 1 : 0);
    for (int i = 0; i < b->results; i += n) {
        if (b->other) {
            put_ratio(&b->result[i], &b->result[i + n - 1], least);
            b->slower = b->slower || (b->result[i].ratio_p90 > 0 && b->result[i].ratio_p90 < 0.98);
        } else
            for (int k = 1; k < n; k++)
                put_ratio(&b->result[i + k], &b->result[i], least);
        for (int k = 0; k < n; k++)
            sum_up(&b->result[i + k], least);
    }
}

/* A test of an older run: how much longer it took then. */
static void older(void *user, const gn_bench_row *row) {
    benching *b = user;
    double v[2 * ROUNDS];
    const int n = row->n < 2 * ROUNDS ? row->n : 2 * ROUNDS;
    memcpy(v, row->sample, (size_t)n * sizeof *v);
    for (int i = 0; i < b->results; i++) {
        result *r = &b->result[i];
        if (r->model != &b->model[0] || r->threads != row->threads ||
            strcmp(r->test->name, row->test) != 0 || n == 0)
            continue;
        r->ratio_p10 = gn_bench_quantile(v, n, 0.1) / r->p90;
        r->ratio_p90 = gn_bench_quantile(v, n, 0.9) / r->p10;
        r->ratio = gn_bench_quantile(v, n, 0.5) / r->median;
        b->slower = b->slower || r->ratio_p90 < 0.98;
    }
}

/* ---- printing -------------------------------------------------------------------------- */

static const char *model_of(const benching *b, const result *r) {
    return r->model ? b->name[r->model - b->model] : b->other;
}

/* Tokens a second; for what has no tokens, times a second. */
static double rate(const result *r, double seconds) {
    return seconds > 0 ? (r->test->tokens > 0 ? r->test->tokens : 1) / seconds : 0;
}

static void put_json(gn_str *out, const benching *b, const result *r) {
    const bool tokens = r->test->tokens > 0;
    gn_str_puts(out, "{\"schema\":\"gneiss.bench/1\",\"model\":");
    gn_json_write_string(out, gn_slice_of(model_of(b, r)));
    gn_str_fmt(out,
               ",\"test\":\"%s\",\"n_prompt\":%d,\"n_gen\":%d,\"n_depth\":%d,\"n_batch\":%d,"
               "\"threads\":%d",
               r->test->name, r->test->n_prompt, r->test->n_gen, r->test->depth, r->test->batch,
               r->threads);
    if (tokens) {
        gn_out_number(out, "tps", rate(r, r->median));
        gn_out_number(out, "tps_p10", rate(r, r->p90));
        gn_out_number(out, "tps_p90", rate(r, r->p10));
    } else
        gn_str_puts(out, ",\"tps\":null,\"tps_p10\":null,\"tps_p90\":null");
    gn_out_number(out, "seconds", r->median);
    gn_str_puts(out, ",\"samples_s\":[");
    for (int i = 0; i < r->n; i++) {
        gn_str_puts(out, i ? "," : "");
        gn_json_write_f64(out, r->seconds[i]);
    }
    gn_str_fmt(out, "],\"dropped\":%d,\"roof\":{\"read_gbs\":%.2f,\"gflops\":%.1f}", r->dropped,
               r->roof.read_gbs, r->roof.gflops);
    if (r->of_roof >= 0)
        gn_str_fmt(out, ",\"of_roof\":%.3f", r->of_roof);
    else
        gn_str_puts(out, ",\"of_roof\":null");
    if (r->ratio > 0)
        gn_str_fmt(out, ",\"ratio\":{\"median\":%.3f,\"p10\":%.3f,\"p90\":%.3f}", r->ratio,
                   r->ratio_p10, r->ratio_p90);
    else
        gn_str_puts(out, ",\"ratio\":null");
    gn_str_fmt(out, ",\"peak_rss\":%zu,\"load\":%.2f,\"commit\":\"%s\",\"cpu\":", r->peak_rss,
               b->load, GNEISS_VERSION);
    gn_json_write_string(out, gn_slice_of(b->device));
    gn_str_putc(out, '}');
}

static void put_csv(gn_str *out, const benching *b, const result *r) {
    gn_str_fmt(out, "%s,\"%s\",\"%s\",%s,%s,%d,%d,%d,%d,%d,", b->when, b->device, model_of(b, r),
               GNEISS_VERSION, r->test->name, r->test->n_prompt, r->test->n_gen, r->test->depth,
               r->test->batch, r->threads);
    gn_str_fmt(out, "%.6g,%.6g,%.6g,%.6g,%d,%d,%.2f,%.1f,", r->median, rate(r, r->median),
               rate(r, r->p90), rate(r, r->p10), r->n, r->dropped, r->roof.read_gbs,
               r->roof.gflops);
    if (r->of_roof >= 0)
        gn_str_fmt(out, "%.3f", r->of_roof);
    if (r->ratio > 0)
        gn_str_fmt(out, ",%.3f,%.3f,%.3f", r->ratio, r->ratio_p10, r->ratio_p90);
    else
        gn_str_puts(out, ",,,");
    gn_str_fmt(out, ",%zu,%.2f", r->peak_rss, b->load);
}

static void put_sql(gn_str *out, const benching *b, const result *r) {
    gn_str_puts(out,
                "INSERT INTO bench(model, test, n_prompt, n_gen, n_depth, n_batch, threads, "
                "median_s, tps, tps_p10, tps_p90, of_roof, peak_rss, cpu, test_time) VALUES('");
    for (const char *c = model_of(b, r); *c; c++)
        gn_str_fmt(out, *c == '\'' ? "''" : "%c", *c);
    gn_str_fmt(out, "','%s',%d,%d,%d,%d,%d,%.9g,%.6g,%.6g,%.6g,", r->test->name, r->test->n_prompt,
               r->test->n_gen, r->test->depth, r->test->batch, r->threads, r->median,
               rate(r, r->median), rate(r, r->p90), rate(r, r->p10));
    if (r->of_roof >= 0)
        gn_str_fmt(out, "%.3f", r->of_roof);
    else
        gn_str_puts(out, "NULL");
    gn_str_fmt(out, ",%zu,'%s','%s');", r->peak_rss, b->device, b->when);
}

static void put_md(gn_str *out, const benching *b, const result *r) {
    gn_str_fmt(out, "| %s | %s | %d | ", model_of(b, r), r->test->name, r->threads);
    if (r->test->tokens > 0)
        gn_str_fmt(out, "%.2f t/s | %.2f .. %.2f | ", rate(r, r->median), rate(r, r->p90),
                   rate(r, r->p10));
    else
        gn_str_fmt(out, "%.2f ms | %.2f .. %.2f | ", 1e3 * r->median, 1e3 * r->p10, 1e3 * r->p90);
    if (r->of_roof >= 0)
        gn_str_fmt(out, "%.0f %%", 100 * r->of_roof);
    gn_str_puts(out, " | ");
    if (r->ratio > 0)
        gn_str_fmt(out, "%.2f (%.2f .. %.2f)", r->ratio, r->ratio_p10, r->ratio_p90);
    gn_str_fmt(out, " | %d/%d |", r->n, r->n + r->dropped);
}

static const char *heading(const char *form) {
    if (strcmp(form, "md") == 0)
        return "| model | test | threads | median | 10 .. 90 % | of roof | ratio | kept |\n"
               "|---|---|--:|--:|--:|--:|--:|--:|\n";
    if (strcmp(form, "csv") == 0)
        return "time,cpu,model,version,test,n_prompt,n_gen,n_depth,n_batch,threads,seconds,tps,"
               "tps_p10,tps_p90,kept,dropped,read_gbs,gflops,of_roof,ratio,ratio_p10,ratio_p90,"
               "peak_rss,load\n";
    if (strcmp(form, "sql") == 0)
        return "CREATE TABLE IF NOT EXISTS bench(model TEXT, test TEXT, n_prompt INTEGER, n_gen "
               "INTEGER, n_depth INTEGER, n_batch INTEGER, threads INTEGER, median_s REAL, tps "
               "REAL, tps_p10 REAL, tps_p90 REAL, of_roof REAL, peak_rss INTEGER, cpu TEXT, "
               "test_time TEXT);\n";
    return "";
}

static bool print(const benching *b, gn_error *e) {
    const char *form = gn_args_text(b->a, "output", gn_args_flag(b->a, "json") ? "jsonl" : "md");
    const bool list = strcmp(form, "json") == 0;
    gn_str out = {0};
    gn_str_puts(&out, list ? "[\n" : heading(form));
    for (int i = 0; i < b->results; i++) {
        const result *r = &b->result[i];
        if (list || strcmp(form, "jsonl") == 0)
            put_json(&out, b, r);
        else if (strcmp(form, "csv") == 0)
            put_csv(&out, b, r);
        else if (strcmp(form, "sql") == 0)
            put_sql(&out, b, r);
        else
            put_md(&out, b, r);
        if (i + 1 < b->results)
            gn_str_puts(&out, list ? ",\n" : "\n");
    }
    if (list)
        gn_str_puts(&out, "\n]");
    const bool ok = gn_out_line(&out, e);
    gn_str_release(&out);
    return ok;
}

/* ---- the whole -------------------------------------------------------------------------- */

static bool save(const benching *b, const gn_bench_model *m, gn_error *e) {
    gn_bench_row row[GN_BENCH_MOST * THREADS];
    int n = 0;
    if (gn_args_flag(b->a, "readonly"))
        return true;
    for (int i = 0; i < b->results; i++) {
        const result *r = &b->result[i];
        if (r->model != m)
            continue;
        gn_bench_row *one = &row[n++];
        *one = (gn_bench_row){.n_prompt = r->test->n_prompt,
                              .n_gen = r->test->n_gen,
                              .n_depth = r->test->depth,
                              .n_batch = r->test->batch,
                              .threads = r->threads,
                              .tokens = r->test->tokens > 0 ? r->test->tokens : 1,
                              .sample = r->seconds,
                              .n = r->n,
                              .peak_rss = r->peak_rss,
                              .state_bytes = gn_engine_state_bytes(
                                  m->engine, r->test->depth + r->test->n_prompt + r->test->n_gen)};
        snprintf(one->test, sizeof one->test, "%s", r->test->name);
    }
    return gn_bench_save(gn_args_text(b->a, "db", NULL), m->engine, b->when, row, n, e);
}

static bool plan_tests(benching *b, gn_error *e) {
    const gn_bench_plan p = {
        .tests =
            gn_args_text(b->a, "tests", gn_args_given(b->a, "batch") ? "pp,tg,batch" : "pp,tg"),
        .prompt = gn_args_text(b->a, "prompt-tokens", "512"),
        .generate = gn_args_text(b->a, "gen-tokens", "128"),
        .depth = gn_args_text(b->a, "depth", "0"),
        .batch = gn_args_text(b->a, "batch", "1,4,16,32"),
        .context = INT64_MAX};
    b->tests = gn_bench_tests(&p, b->test, e);
    if (b->tests < 0)
        return false;
    const size_t n = (size_t)b->n_threads * (size_t)b->tests * (size_t)(b->models + 1);
    b->result = calloc(n, sizeof *b->result);
    b->flops = malloc(n * (size_t)b->rounds * 4 * sizeof *b->flops);
    return (b->result && b->flops) || gn_fail(e, GN_NO_MEMORY, "bench: out of memory");
}

/* What is longer than a checkpoint's context is found before anything is measured. */
static bool fits(const benching *b, gn_error *e) {
    for (int i = 0; i < b->models; i++)
        for (int k = 0; k < b->tests; k++) {
            const gn_bench_test *t = &b->test[k];
            const int64_t longest = (int64_t)t->depth + t->n_prompt + t->n_gen + 1;
            if (longest > gn_engine_context(b->model[i].engine))
                return gn_fail(e, GN_UNSUPPORTED,
                               "%s needs %" PRId64 " tokens and the context of '%s' has %" PRId64
                               "; raise --ctx or ask for less",
                               t->name, longest, b->name[i], gn_engine_context(b->model[i].engine));
        }
    return true;
}

static bool run_threads(benching *b, int threads, gn_error *e) {
    bool ok = true;
    gn_roof_free(b->roof);
    b->roof = gn_roof_new(threads, e);
    ok = b->roof != NULL;
    for (int i = 0; ok && i < b->models; i++) {
        gn_bench_model *m = &b->model[i];
        m->options = gn_args_engine_options(b->a);
        m->options.threads = threads;
        m->options.state_mem = SIZE_MAX / 4; /* a batch is not cut for want of a budget */
        ok = gn_bench_open(m, e);
        if (ok) {
            snprintf(b->name[i], sizeof b->name[i], "%s", gn_engine_name(m->engine));
            snprintf(b->device, sizeof b->device, "%s", gn_engine_device(m->engine));
        }
    }
    ok = ok && fits(b, e);
    for (int k = 0; ok && k < b->tests; k++) {
        if (!gn_args_flag(b->a, "quiet") && isatty(STDERR_FILENO))
            fprintf(stderr, "\r%s, %d thread%s   ", b->test[k].name, threads,
                    threads == 1 ? "" : "s");
        ok = run_test(b, &b->test[k], threads, e);
    }
    if (!gn_args_flag(b->a, "quiet") && isatty(STDERR_FILENO))
        fprintf(stderr, "\r%40s\r", "");
    if (ok && threads == b->threads[b->n_threads - 1])
        sum_up_all(b);
    return ok;
}

static bool check_load(benching *b, gn_error *e) {
    double load[1] = {0};
    if (getloadavg(load, 1) == 1)
        b->load = load[0];
    if (b->load <= BUSY)
        return true;
    if (gn_args_flag(b->a, "strict"))
        return gn_fail(e, GN_IO, "the machine is busy (load %.2f); --strict does not measure on it",
                       b->load);
    if (!gn_args_flag(b->a, "quiet"))
        fprintf(stderr, "the machine is busy (load %.2f): trust ratios, not speeds\n", b->load);
    return true;
}

static bool read_arguments(benching *b, gn_error *e) {
    const char *against = gn_args_text(b->a, "against", NULL),
               *model = gn_args_text(b->a, "model", NULL);
    const int n = gn_args_count(b->a);
    if (n > MODELS)
        return gn_fail(e, GN_INVALID, "at most %d models at once", MODELS);
    for (int i = 0; i < n; i++)
        b->model[b->models++].path = gn_args_at(b->a, i);
    if (n == 0 && model)
        b->model[b->models++].path = model;
    if (b->models == 0)
        return gn_fail(e, GN_INVALID, "bench wants a MODEL");
    for (int i = 0; i < b->models; i++)
        if (!(b->model[i].path = gn_args_path(b->a, b->model[i].path, e)))
            return false;
    if (against && strchr(against, '/')) {
        if (access(against, X_OK) != 0)
            return gn_fail(e, GN_IO, "--against: '%s' is no program", against);
        b->other = against;
    }
    if (against && b->models > 1)
        return gn_fail(e, GN_INVALID, "--against compares one model");
    b->rounds = (int)gn_args_integer(b->a, "rounds", 7);
    b->n_threads = 1;
    b->threads[0] = (int)gn_args_integer(b->a, "threads", 0);
    if (b->threads[0] <= 0)
        b->threads[0] = gn_processors();
    if (gn_args_given(b->a, "threads-list"))
        b->n_threads = gn_bench_numbers("-t", gn_args_text(b->a, "threads-list", ""), 1, b->threads,
                                        THREADS, e);
    return b->n_threads > 0;
}

static bool compare_older(benching *b, gn_error *e) {
    const char *against = gn_args_text(b->a, "against", NULL);
    if (!against || b->other)
        return true;
    return gn_bench_read(gn_args_text(b->a, "db", NULL), b->name[0], against, &b->old, older, b, e);
}

static bool bench(benching *b, gn_error *e) {
    gn_utc(b->when);
    if (!read_arguments(b, e) || !check_load(b, e) || !plan_tests(b, e))
        return false;
    bool ok = true;
    for (int i = 0; ok && i < b->n_threads; i++) {
        for (int k = 0; i > 0 && k < b->models; k++)
            gn_bench_close(&b->model[k]);
        ok = run_threads(b, b->threads[i], e);
    }
    ok = ok && compare_older(b, e);
    for (int k = 0; ok && k < b->models; k++)
        ok = save(b, &b->model[k], e);
    return ok && print(b, e);
}

static int run(const gn_args *a, gn_error *e) {
    benching *b = calloc(1, sizeof *b);
    if (!b) {
        gn_fail(e, GN_NO_MEMORY, "bench: out of memory");
        return GN_FAILED;
    }
    b->a = a;
    gn_interrupt_catch();
    const bool ok = bench(b, e);
    const bool slower = b->slower;
    for (int k = 0; k < b->models; k++)
        gn_bench_close(&b->model[k]);
    gn_roof_free(b->roof);
    gn_str_release(&b->old);
    free(b->result);
    free(b->flops);
    free(b);
    return !ok ? GN_FAILED : slower ? GN_EXIT_NO : GN_EXIT_YES;
}

const gn_command gn_cmd_bench = {
    .name = "bench",
    .usage = "[MODEL...] [-p 512] [-n 128] [-d 0,4096] [-t 1,2] [--tests LIST] [--rounds 7] "
             "[-o md|csv|json|jsonl|sql] [--against RUN|BINARY]",
    .summary = "how fast, and how much of what the machine could do",
    .about = "Rounds of A B B A, between looks at the machine; slices of its slow seconds\n"
             "are left out. --against exits 1 when a test became slower beyond its spread.",
    .takes = GN_TAKES_MODEL,
    .option = options,
    .run = run,
};
