/* eval_models.c - see eval_models.h. */
#include "app/commands/eval_models.h"

#include "app/cli/interrupt.h"
#include "app/cli/out.h"
#include "app/tui/board.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- what is told ------------------------------------------------------------------------------ */

static int interrupts(void *user) {
    const gn_evaluating *v = user;
    const int here = gn_interrupts(), screen = v->board ? gn_board_interrupts(v->board) : 0;
    return here > screen ? here : screen;
}

bool gn_evaluating_out(gn_evaluating *v, gn_slice text, gn_error *e) {
    if (!v->board)
        return gn_out_plain(text, false, e);
    gn_str_add(&v->out, text);
    return gn_str_ok(&v->out, e);
}

void gn_evaluating_say(gn_evaluating *v, const char *fmt, ...) {
    gn_str text = {0};
    char line[2048];
    va_list ap;
    if (v->quiet)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    gn_str_puts(&text, line);
    gn_str_putc(&text, '\n');
    if (v->board)
        gn_str_add(&v->err, gn_str_slice(&text));
    else {
        gn_teller_end(&v->teller);
        fputs(gn_str_text(&text), stderr);
    }
    gn_str_release(&text);
}

/* A rank that is not the first speaks of nothing but errors. */
static bool is_first(const gn_evaluating *v) { return v->ranks.rank == 0; }

static void start_json(gn_evaluating *v, const gn_eval_start *s, gn_str *out) {
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

static void begin_detached(gn_evaluating *v, const gn_eval_start *s, gn_slice line) {
    gn_error e = {0};
    gn_str text = {0};
    gn_str_add(&text, line);
    if (v->json)
        gn_str_putc(&text, '\n');
    else
        gn_str_fmt(&text, "watch it: gneiss eval watch %s\n", s->run);
    if (!gn_detached_begun(v->detached, s->run, gn_str_slice(&text), &e))
        gn_evaluating_say(v, "%s", e.message);
    gn_str_release(&text);
}

static void started(void *user, const gn_eval_start *s) {
    gn_evaluating *v = user;
    gn_str line = {0}, json = {0};
    gn_error e = {0};
    if (v->board)
        gn_board_started(v->board, s);
    gn_str_fmt(&line, "eval %s  %s (sha %.8s) %s  %d task%s, %" PRId64 " documents  db %s", s->run,
               s->model, s->sha, s->numerics, s->suite->n, s->suite->n == 1 ? "" : "s", s->n,
               s->db);
    if (v->ranks.size > 1)
        gn_str_fmt(&line, "  part 1 of %d (%s)", v->ranks.size, v->ranks.launcher);
    if (s->took_over)
        gn_str_fmt(&line,
                   "\ntook over a run whose process has ended: %" PRId64 " documents are there",
                   s->done);
    else if (s->resumed)
        gn_str_fmt(&line, "\ngoing on after %" PRId64 " of %" PRId64 " documents", s->done, s->n);
    if (gn_sql_is_shared(gn_store_sql(v->store)))
        gn_str_puts(&line, "\nthe database lies on a network file system: journal DELETE");
    if (is_first(v))
        gn_evaluating_say(v, "%s", gn_str_text(&line));
    if (v->json)
        start_json(v, s, &json);
    else
        gn_str_putc(&line, '\n');
    if (v->detached && v->detached->tell >= 0)
        begin_detached(v, s, gn_str_slice(v->json ? &json : &line));
    if (v->json && is_first(v) && gn_out_line(&json, &e) == false)
        gn_evaluating_say(v, "%s", e.message);
    gn_str_release(&json);
    gn_str_release(&line);
}

static void progress(void *user, const gn_eval_progress *p) {
    gn_evaluating *v = user;
    if (v->board)
        gn_board_progress(v->board, p);
    else if (is_first(v))
        gn_teller_progress(&v->teller, p);
}

static void note(void *user, const char *text) {
    gn_evaluating *v = user;
    if (v->board)
        gn_board_note(v->board, text);
    gn_evaluating_say(v, "%s", text);
}

/* Only of a screen. */
static bool paused(void *user) { return gn_board_paused(((gn_evaluating *)user)->board); }
static void text(void *user, const gn_eval_text *t) {
    gn_board_text(((gn_evaluating *)user)->board, t);
}
static bool skip(void *user, const gn_eval_text *t) {
    return gn_board_skips(((gn_evaluating *)user)->board, t);
}
static bool anew(void *user, int64_t task, int64_t *doc, int *rep) {
    return gn_board_anew(((gn_evaluating *)user)->board, task, doc, rep);
}
static void sample(void *user, int64_t task, int64_t doc, int rep) {
    gn_board_sample(((gn_evaluating *)user)->board, task, doc, rep);
}

static void done_json(const gn_evaluating *v, const gn_eval_outcome *o, const gn_results *r,
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

static void say_tokens(gn_evaluating *v, const gn_eval_outcome *o) {
    const gn_eval_work_stats *s = &o->stats;
    gn_str line = {0};
    if (o->end == GN_EVAL_STORED)
        return;
    gn_str_fmt(&line, "%.1f s: %" PRId64 " tokens asked, %" PRId64 " read", o->seconds, s->asked,
               s->read);
    if (s->read_s > 0)
        gn_str_fmt(&line, " (%.0f t/s)", (double)s->read / s->read_s);
    if (s->written)
        gn_str_fmt(&line, ", %" PRId64 " generated (%.1f t/s)", s->written,
                   (double)s->written / s->write_s);
    gn_evaluating_say(v, "%s", gn_str_text(&line));
    gn_str_release(&line);
}

/* ---- one model ----------------------------------------------------------------------------------- */

/* Is there a blessed run of each task? Those without are told; it is an error if none has one. */
static bool find_blessed(gn_evaluating *v, const gn_suite *s, gn_error *e) {
    gn_str none = {0};
    bool ok = true;
    int n = 0;
    for (int i = 0; ok && i < s->n; i++) {
        const gn_slice task = s->task[i].task->name;
        char id[27];
        ok = gn_run_baseline(v->store, GN_BLESSED, task, id, e);
        if (ok && !id[0])
            gn_str_fmt(&none, "%s%.*s", n++ ? ", " : "", (int)task.len, task.data);
    }
    if (ok && n == s->n) {
        gn_fail(e, GN_INVALID, "--baseline: no run of %s was blessed (gneiss db bless RUN)",
                gn_str_text(&none));
        ok = gn_where(e, "--baseline");
    } else if (ok && n) {
        gn_evaluating_say(v, "--baseline: no run of %s was blessed, so no difference is told there",
                          gn_str_text(&none));
    }
    gn_str_release(&none);
    return ok;
}

/* The run that --baseline names, GN_BLESSED where it names none, "" without it. */
static bool find_baseline(gn_evaluating *v, const gn_suite *s, char id[27], gn_error *e) {
    const char *name = gn_args_text(v->a, "baseline", NULL);
    gn_run_row run;
    snprintf(id, 27, "%s", name && !name[0] ? GN_BLESSED : "");
    if (!name || !name[0])
        return !name || find_blessed(v, s, e);
    if (!gn_run_find(v->store, name, &run, e))
        return false;
    memcpy(id, run.id, sizeof run.id);
    gn_run_row_release(&run);
    return true;
}

static void say_refusals(gn_evaluating *v, const gn_suite *s) {
    for (size_t i = 1; i < s->selection.refusals.count; i++) {
        const gn_refusal *x = &s->selection.refusals.item[i];
        gn_evaluating_say(v, "%.*s: %.*s", (int)x->where.len, x->where.data, (int)x->why.len,
                          x->why.data);
    }
}

/* The numbers of a run on stdout, as asked for. */
static bool print_run(gn_evaluating *v, const gn_eval_outcome *o, gn_error *e) {
    gn_run_row run;
    gn_results r = {0};
    gn_str text = {0};
    gn_pool *pool = NULL;
    bool ok;
    if (!v->json)
        ok = gn_eval_text_of(v->a, v->store, o->run, &text, e);
    else {
        if (!gn_run_find(v->store, o->run, &run, e))
            return false;
        ok = (pool = gn_pool_new(gn_processors(), e)) &&
             gn_results_measure(v->store, &run, pool, true, &r, e);
        if (ok)
            done_json(v, o, &r, &text);
        gn_str_putc(&text, '\n');
        gn_pool_free(pool);
        gn_results_release(&r);
        gn_run_row_release(&run);
    }
    ok = ok && gn_str_ok(&text, e) && gn_evaluating_out(v, gn_str_slice(&text), e);
    gn_str_release(&text);
    return ok;
}

/* Samples that failed: how many, and why the first did. */
static bool has_failed(gn_evaluating *v, const char *run, gn_error *e) {
    bool row = false;
    gn_statement *q =
        gn_sql_prepare(gn_store_sql(v->store),
                       "SELECT t.name, s.doc_ix, s.error, count(*) OVER () FROM sample s JOIN task "
                       "t ON t.id = s.task_id WHERE run_id = ? AND status = 'error' ORDER BY "
                       "t.name, s.doc_ix LIMIT 1",
                       e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(run));
    if (gn_sql_step(q, &row, e) && row) {
        const gn_slice task = gn_column_text(q, 0), why = gn_column_text(q, 2);
        const int64_t n = gn_column_int(q, 3);
        gn_str where = {0};
        if (!gn_slice_starts(why, GN_S("task '"))) /* it does not say itself of what */
            gn_str_fmt(&where, "%.*s #%" PRId64 ": ", (int)task.len, task.data,
                       gn_column_int(q, 1));
        gn_evaluating_say(v, "%" PRId64 " sample%s failed%s: %s%.*s", n, n == 1 ? "" : "s",
                          n == 1 ? "" : ", the first", gn_str_text(&where), (int)why.len, why.data);
        gn_str_release(&where);
    }
    gn_sql_reset(q);
    return row;
}

static void say_stopped(gn_evaluating *v, const gn_eval_outcome *o) {
    if (o->end == GN_EVAL_STOPPED)
        gn_evaluating_say(v, "saved %" PRId64 "/%" PRId64 ". Resume: %s", o->done, o->n,
                          gn_str_text(&v->again));
}

static int after(gn_evaluating *v, const gn_eval_outcome *o, gn_error *e) {
    gn_teller_end(&v->teller);
    if (o->end == GN_EVAL_BUSY) {
        gn_fail(e, GN_IO,
                "run %s of this command is running in process %" PRId64
                "; gneiss eval watch %.10s shows it",
                o->run, o->pid, o->run);
        return GN_FAILED;
    }
    if (v->ranks.size > 1) /* the first tells of all, when all are there */
        return o->end == GN_EVAL_STOPPED ? GN_EXIT_INTERRUPTED : GN_EXIT_YES;
    if (o->end == GN_EVAL_STORED)
        gn_evaluating_say(v, "run %s is done: this is its stored result (--again makes a new run)",
                          o->run);
    say_tokens(v, o);
    if (!print_run(v, o, e))
        return GN_FAILED;
    if (o->end == GN_EVAL_STOPPED)
        return GN_EXIT_INTERRUPTED;
    return has_failed(v, o->run, e) ? GN_EXIT_PARTLY : GN_EXIT_YES;
}

/* What the ranks have to know of this model when all is done. */
static bool remember(gn_evaluating *v, const gn_suite *s, gn_error *e) {
    if (!gn_vec_reserve(&v->done, &v->done_room, v->n_done + 1, sizeof *v->done))
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    gn_evaluated *d = &v->done[v->n_done++];
    memcpy(d->whole, s->whole, sizeof d->whole);
    return true;
}

static int run_model(gn_evaluating *v, const char *model, gn_error *e) {
    const gn_eval_hooks hooks = {.interrupts = interrupts,
                                 .paused = v->board ? paused : NULL,
                                 .text = v->board ? text : NULL,
                                 .skip = v->board ? skip : NULL,
                                 .anew = v->board ? anew : NULL,
                                 .sample = v->board ? sample : NULL,
                                 .started = started,
                                 .progress = progress,
                                 .note = note,
                                 .user = v};
    gn_suite suite = {0};
    gn_eval_outcome outcome = {0};
    char baseline[27];
    int code = GN_FAILED;
    gn_engine *g = gn_args_engine(v->a, model, e);
    if (g && gn_suite_open(&suite, g, &v->o, e) && find_baseline(v, &suite, baseline, e) &&
        remember(v, &suite, e) &&
        gn_eval_run(v->store, &suite, baseline[0] ? baseline : NULL, &hooks, &outcome, e))
        code = after(v, &outcome, e);
    gn_teller_end(&v->teller);
    if (outcome.run[0])
        say_stopped(v, &outcome);
    say_refusals(v, &suite);
    gn_suite_release(&suite);
    gn_engine_close(g);
    return code;
}

/* ---- all of them ----------------------------------------------------------------------------------- */

static int stopping(void) { return gn_interrupts(); }

/* The first rank: wait for the others, merge, tell. */
static int gather(gn_evaluating *v, gn_error *e) {
    gn_store *own = v->store;
    int worst = GN_EXIT_YES;
    bool ok = (v->store = gn_store_open(gn_str_text(&v->file), false, e)) != NULL;
    for (size_t i = 0; ok && i < v->n_done; i++) {
        const gn_ranks_wait w = {.file = gn_str_text(&v->file),
                                 .whole = v->done[i].whole,
                                 .began = v->began,
                                 .anew = v->o.again || v->o.fresh ? v->store : NULL,
                                 .interrupts = stopping,
                                 .note = note,
                                 .user = v};
        for (int k = 0; ok && k < v->ranks.size; k++)
            ok = gn_ranks_await(&w, k, v->ranks.size, e);
    }
    ok = ok && gn_ranks_merge(v->store, gn_str_text(&v->file), v->ranks.size, e);
    for (size_t i = 0; ok && i < v->n_done; i++) {
        gn_run_row run;
        bool found;
        gn_eval_outcome o = {.end = GN_EVAL_DONE};
        ok = gn_run_by_key(v->store, v->done[i].whole, &run, &found, e) &&
             (found || gn_fail(e, GN_FORMAT, "the parts have no run in common"));
        if (!ok)
            break;
        memcpy(o.run, run.id, sizeof o.run);
        gn_run_row_release(&run);
        ok = print_run(v, &o, e);
        worst = ok && has_failed(v, o.run, e) ? GN_EXIT_PARTLY : worst;
    }
    gn_store_close(v->store);
    v->store = own;
    return ok ? worst : GN_FAILED;
}

int gn_evaluate_models(gn_evaluating *v, gn_error *e) {
    const char *model;
    int first, worst = GN_EXIT_YES;
    gn_utc(v->began);
    if (!gn_args_model(v->a, &model, &first, e))
        return GN_FAILED;
    if (first == 0 && gn_args_count(v->a) > 0) {
        gn_fail(e, GN_INVALID, "with -m there is one model; '%.60s' is too much",
                gn_args_at(v->a, 0));
        return GN_FAILED;
    }
    for (int i = 0; i < (first ? gn_args_count(v->a) : 1); i++) {
        const int code = run_model(v, first ? gn_args_at(v->a, i) : model, e);
        if (code == GN_FAILED || code == GN_EXIT_INTERRUPTED)
            return code;
        worst = code > worst ? code : worst;
    }
    if (v->ranks.size > 1 && is_first(v))
        worst = gather(v, e);
    return worst;
}
