/* tune_eval.c - see tune_eval.h. */
#include "app/commands/tune_eval.h"

#include "app/cli/interrupt.h"
#include "app/commands/evaluate.h"

#include <inttypes.h>
#include <math.h>

/* All of --eval, with commas between. */
static void tasks_of(const gn_args *a, gn_str *out) {
    const char *one;
    for (int i = 0; (one = gn_args_nth(a, "eval", i)); i++)
        gn_str_fmt(out, "%s%s", i ? "," : "", one);
}

bool gn_tune_check_tasks(const gn_args *a, gn_error *e) {
    gn_str tasks = {0};
    gn_selection chosen = {0};
    tasks_of(a, &tasks);
    if (tasks.len == 0)
        return true;
    gn_index *index = gn_str_ok(&tasks, e) ? gn_index_new(NULL, 0, e) : NULL;
    bool ok = index && gn_index_select(index, gn_str_slice(&tasks), &chosen, e);
    if (ok && chosen.refusals.count) {
        const gn_refusal *x = &chosen.refusals.item[0];
        ok = gn_fail(e, GN_UNSUPPORTED, "%.*s: %.*s", (int)x->where.len, x->where.data,
                     (int)x->why.len, x->why.data);
    }
    gn_selection_release(&chosen);
    gn_index_free(index);
    gn_str_release(&tasks);
    return ok || gn_where(e, "--eval");
}

static int interrupts(void *user) {
    (void)user;
    return gn_interrupted();
}

static void tell_line(const gn_results *r, int64_t step, gn_str *line) {
    gn_str_fmt(line, "step %" PRId64 ":", step);
    for (int i = 0; i < r->n_tally; i++) {
        const gn_tally *t = &r->tally[i];
        if (t->n_number == 0)
            continue;
        gn_str_fmt(line, "%s %.*s %.*s ", i ? "," : "", (int)t->name.len, t->name.data,
                   (int)t->number[0].metric.len, t->number[0].metric.data);
        gn_report_value(line, t->number[0].value, t->number[0].error, true);
    }
}

static bool tell(gn_store *s, const char *id, int64_t step, gn_str *out, gn_str *line,
                 gn_error *e) {
    gn_run_row run;
    gn_results r = {0};
    if (!gn_run_find(s, id, &run, e))
        return false;
    const bool ok = gn_results_measure(s, &run, NULL, true, &r, e);
    if (ok) {
        gn_str_fmt(out, "{\"step\":%" PRId64 ",\"run\":\"%s\",", step, id);
        gn_results_json(out, &r);
        gn_str_putc(out, '}');
        tell_line(&r, step, line);
    }
    gn_results_release(&r);
    gn_run_row_release(&run);
    return ok && gn_str_ok(out, e) && gn_str_ok(line, e);
}

static bool evaluate(const gn_args *a, const char *folder, const char *tasks, gn_eval_outcome *out,
                     gn_store *s, gn_error *e) {
    const gn_eval_hooks hooks = {.interrupts = interrupts};
    const gn_engine_options engine = {.threads = (int)gn_args_integer(a, "threads", 0)};
    const gn_eval_options o = {.tasks = tasks,
                               .limit = gn_args_number(a, "eval-limit", 0),
                               .shots = -1,
                               .fewshot_seed = 1234,
                               .share = true,
                               .system = "",
                               .repeat = 1,
                               .shard = 1,
                               .shards = 1,
                               .logprobs = -1,
                               .argv = "[]"};
    gn_suite suite = {0};
    gn_engine *g = gn_engine_open(folder, &engine, e);
    const bool ok =
        g && gn_suite_open(&suite, g, &o, e) && gn_eval_run(s, &suite, NULL, &hooks, out, e);
    gn_suite_release(&suite);
    gn_engine_close(g);
    return ok;
}

bool gn_tune_evaluate(const gn_args *a, const char *folder, int64_t step, gn_str *out, gn_str *line,
                      gn_error *e) {
    gn_str tasks = {0};
    gn_eval_outcome outcome = {0};
    tasks_of(a, &tasks);
    gn_store *s = gn_str_ok(&tasks, e) ? gn_args_store(a, false, e) : NULL;
    bool ok = s && evaluate(a, folder, gn_str_text(&tasks), &outcome, s, e);
    if (ok && outcome.end == GN_EVAL_BUSY)
        ok = gn_fail(e, GN_IO, "run %s of this model is at work in process %" PRId64, outcome.run,
                     outcome.pid);
    if (ok && outcome.end != GN_EVAL_STOPPED)
        ok = tell(s, outcome.run, step, out, line, e);
    gn_store_close(s);
    gn_str_release(&tasks);
    return ok || gn_context(e, "--eval after step %" PRId64, step);
}
