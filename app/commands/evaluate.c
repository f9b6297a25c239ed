/* evaluate.c - progress of an evaluation, and what can be asked of one that runs elsewhere. */
#include "app/commands/evaluate.h"

#include "app/cli/interrupt.h"
#include "app/cli/out.h"
#include "app/commands/eval_screen.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

bool gn_args_store_file(const gn_args *a, gn_str *out, gn_error *e) {
    const char *given = gn_args_text(a, "db", NULL);
    if (!given || !given[0])
        return gn_store_path(out, GN_STORE_EVALS, e);
    gn_str_puts(out, given);
    return gn_str_ok(out, e);
}

gn_store *gn_args_store(const gn_args *a, bool read_only, gn_error *e) {
    gn_str path = {0};
    gn_store *s = NULL;
    if (gn_args_store_file(a, &path, e))
        s = gn_store_open(path.data, read_only || gn_args_flag(a, "readonly"), e);
    gn_str_release(&path);
    return s;
}

/* ---- progress ------------------------------------------------------------------------------ */

gn_telling gn_args_telling(const gn_args *a) {
    const char *how = gn_args_text(a, "progress", "auto");
    if (gn_args_flag(a, "quiet") && !gn_args_given(a, "progress"))
        return GN_TELL_NONE;
    if (strcmp(how, "tty") == 0)
        return GN_TELL_TTY;
    if (strcmp(how, "lines") == 0)
        return GN_TELL_LINES;
    if (strcmp(how, "json") == 0)
        return GN_TELL_JSON;
    if (strcmp(how, "none") == 0)
        return GN_TELL_NONE;
    return isatty(STDERR_FILENO) ? GN_TELL_TTY : GN_TELL_LINES;
}

static void json_number(gn_str *out, const char *key, double v) {
    gn_str_fmt(out, ",\"%s\":", key);
    if (isfinite(v))
        gn_json_write_f64(out, v);
    else
        gn_str_puts(out, "null");
}

static void tell_json(const gn_eval_progress *p) {
    gn_str out = {0};
    gn_str_fmt(&out, "{\"event\":\"progress\",\"run\":\"%s\",\"task\":", p->run);
    gn_json_write_string(&out, p->task);
    gn_str_fmt(&out,
               ",\"done\":%" PRId64 ",\"n\":%" PRId64 ",\"cached\":%" PRId64 ",\"errors\":%" PRId64,
               p->done, p->n, p->cached, p->errors);
    json_number(&out, "value", p->value);
    json_number(&out, "stderr", p->error);
    json_number(&out, "eta_s", p->left_s);
    if (!isnan(p->delta)) {
        json_number(&out, "delta", p->delta);
        json_number(&out, "delta_stderr", p->delta_error);
    }
    fprintf(stderr, "%s}\n", gn_str_text(&out));
    gn_str_release(&out);
}

static void tell_line(const gn_eval_progress *p, gn_str *out) {
    gn_str_fmt(out, "%-20.*s %6" PRId64 "/%-6" PRId64, (int)p->task.len, p->task.data, p->done,
               p->n);
    if (!isnan(p->value)) {
        gn_str_puts(out, "  ");
        gn_report_value(out, p->value, p->error, true);
    }
    if (!isnan(p->delta)) {
        gn_str_puts(out, "  vs base (interim) ");
        gn_str_fmt(out, "%+.1f +- %.1f pp", p->delta * 100, p->delta_error * 100);
    }
    if (p->read_tps > 0)
        gn_str_fmt(out, "  %.0f t/s read", p->read_tps);
    if (p->write_tps > 0)
        gn_str_fmt(out, "  %.1f t/s", p->write_tps);
    if (p->errors)
        gn_str_fmt(out, "  %" PRId64 " failed", p->errors);
    if (p->paused)
        gn_str_puts(out, "  paused");
    else if (isfinite(p->left_s) && p->all_done < p->all)
        gn_str_fmt(out, "  %d:%02d left", (int)(p->left_s / 60), (int)p->left_s % 60);
}

void gn_teller_progress(gn_teller *t, const gn_eval_progress *p) {
    const double now = gn_seconds(), wait = t->how == GN_TELL_LINES  ? 10
                                            : t->how == GN_TELL_JSON ? 1
                                                                     : 0.1;
    const size_t n = p->task.len < sizeof t->task - 1 ? p->task.len : sizeof t->task - 1;
    const bool other = strncmp(t->task, p->task.data, n) != 0 || t->task[n] != '\0';
    if (t->how == GN_TELL_NONE || (now - t->told < wait && !(p->done == p->n) && !p->paused))
        return;
    t->told = now;
    if (t->how == GN_TELL_JSON) {
        tell_json(p);
        return;
    }
    gn_str line = {0};
    tell_line(p, &line);
    if (t->how == GN_TELL_TTY) {
        if (other && t->open_line)
            fputc('\n', stderr);
        fprintf(stderr, "\r%s\033[K", gn_str_text(&line));
        t->open_line = true;
    } else {
        fprintf(stderr, "%s\n", gn_str_text(&line));
    }
    memcpy(t->task, p->task.data, n);
    t->task[n] = '\0';
    gn_str_release(&line);
}

void gn_teller_end(gn_teller *t) {
    if (t->open_line)
        fputc('\n', stderr);
    t->open_line = false;
}

/* ---- the command again ----------------------------------------------------------------------- */

static bool is_safe(const char *word) {
    for (const char *p = word; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              strchr("_-./,:=+@%", *p)))
            return false;
    return word[0] != '\0';
}

static void add_word(gn_str *json, gn_str *line, const char *word) {
    gn_str_puts(json, json->len > 1 ? "," : "");
    gn_json_write_string(json, gn_slice_of(word));
    gn_str_putc(line, ' ');
    if (is_safe(word)) {
        gn_str_puts(line, word);
        return;
    }
    gn_str_putc(line, '\'');
    for (const char *p = word; *p; p++)
        if (*p == '\'')
            gn_str_puts(line, "'\\''");
        else
            gn_str_putc(line, *p);
    gn_str_putc(line, '\'');
}

bool gn_args_again(const gn_args *a, gn_str *json, gn_str *line, gn_error *e) {
    const gn_command *c = gn_args_command(a);
    const gn_option *o;
    gn_str word = {0};
    gn_str_putc(json, '[');
    gn_str_fmt(line, "gneiss %s", c->name);
    for (int i = 0; i < gn_args_count(a); i++)
        add_word(json, line, gn_args_at(a, i));
    for (int i = 0; (o = gn_command_option(c, i)); i++) {
        const char *value;
        for (int k = 0; (value = gn_args_nth(a, o->name, k)); k++) {
            gn_str_cut(&word, 0);
            if (o->argument)
                gn_str_fmt(&word, value[0] ? "--%s=%s" : "--%s", o->name, value);
            else
                gn_str_fmt(&word, strcmp(value, "off") == 0 ? "--no-%s" : "--%s", o->name);
            add_word(json, line, gn_str_text(&word));
        }
    }
    gn_str_putc(json, ']');
    gn_str_release(&word);
    return gn_str_ok(json, e) && gn_str_ok(line, e);
}

/* ---- runs elsewhere ------------------------------------------------------------------------------ */

int gn_eval_control(const gn_args *a, gn_error *e) {
    const char *what = gn_args_at(a, 0), *name = gn_args_at(a, 1);
    gn_run_row run;
    if (!name) {
        gn_fail(e, GN_INVALID, "eval %s wants a RUN", what);
        return GN_FAILED;
    }
    gn_store *s = gn_args_store(a, false, e);
    if (!s || !gn_run_find(s, name, &run, e)) {
        gn_store_close(s);
        return GN_FAILED;
    }
    int code = GN_EXIT_YES;
    if (!gn_run_alive(&run)) {
        fprintf(stderr, "run %s is not running: %s\n", run.id,
                strcmp(run.status, "running") == 0 ? "its process has ended" : run.status);
        code = GN_EXIT_NO;
    } else {
        gn_statement *q =
            gn_sql_prepare(gn_store_sql(s), "UPDATE run SET control = ? WHERE id = ?", e);
        if (q) {
            gn_bind_text(q, 1, gn_slice_of(strcmp(what, "resume") == 0 ? "run" : what));
            gn_bind_text(q, 2, gn_slice_of(run.id));
        }
        if (!q || !gn_sql_run(q, e))
            code = GN_FAILED;
        else if (!gn_args_flag(a, "quiet"))
            fprintf(stderr, "run %s will %s within 5 seconds\n", run.id, what);
    }
    gn_run_row_release(&run);
    gn_store_close(s);
    return code;
}

static void watch_tell(gn_teller *teller, const gn_run_row *run, const gn_results *r) {
    for (int i = 0; i < r->n_task; i++) {
        const gn_tally *t = &r->tally[i];
        if (t->done == t->planned && i + 1 < r->n_task)
            continue;
        gn_eval_progress p = {.run = run->id,
                              .task = t->name,
                              .done = t->done,
                              .n = t->planned,
                              .cached = t->cached,
                              .errors = t->errors,
                              .all_done = r->done,
                              .all = r->planned,
                              .value = t->n_number ? t->number[0].value : NAN,
                              .error = NAN,
                              .delta = NAN,
                              .left_s = NAN};
        gn_teller_progress(teller, &p);
        return;
    }
}

/* The run and the baseline, by what was typed. */
static bool find_watched(const gn_args *a, gn_store *s, char id[27], char baseline[27],
                         gn_error *e) {
    const char *name = gn_args_text(a, "baseline", NULL);
    gn_run_row run;
    baseline[0] = '\0';
    if (!gn_run_find(s, gn_args_at(a, 1) ? gn_args_at(a, 1) : "-1", &run, e))
        return false;
    memcpy(id, run.id, sizeof run.id);
    gn_run_row_release(&run);
    snprintf(baseline, 27, "%s", name && !name[0] ? GN_BLESSED : "");
    if (!name || !name[0])
        return true;
    if (!gn_run_find(s, name, &run, e))
        return false;
    memcpy(baseline, run.id, sizeof run.id);
    gn_run_row_release(&run);
    return true;
}

/* A line now and then, until it is no longer at work. */
static bool watch_lines(const gn_args *a, gn_store *s, const char *id, gn_error *e) {
    gn_teller teller = {.how = gn_args_telling(a)};
    bool ok = true, alive = true;
    gn_interrupt_catch();
    while (ok && alive && !gn_interrupted()) {
        gn_run_row run;
        gn_results r = {0};
        if (!(ok = gn_run_find(s, id, &run, e)))
            break;
        alive = gn_run_alive(&run);
        if ((ok = gn_results_measure(s, &run, NULL, false, &r, e)))
            watch_tell(&teller, &run, &r);
        gn_results_release(&r);
        gn_run_row_release(&run);
        if (ok && alive)
            nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    gn_teller_end(&teller);
    return ok && (alive || gn_eval_print(a, s, id, e));
}

int gn_eval_watch(const gn_args *a, gn_error *e) {
    char id[27], baseline[27];
    gn_store *s = gn_args_store(a, true, e);
    bool ok = s && find_watched(a, s, id, baseline, e);
    const bool lines = gn_args_flag(a, "json") || gn_args_flag(a, "quiet") ||
                       gn_args_given(a, "progress") || gn_args_given(a, "output") ||
                       (gn_args_given(a, "tui") && !gn_args_flag(a, "tui"));
    if (ok && (lines || !gn_has_screen(NULL)))
        ok = watch_lines(a, s, id, e);
    else if (ok)
        ok = gn_watch_on_screen(a, id, baseline, e);
    gn_store_close(s);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

/* A file, or a run. */
static bool verify_one(gn_store *s, const gn_run_row *run, const char *name, double tolerance,
                       gn_verified *v, gn_error *e) {
    gn_run_row other;
    if (gn_path_exists(name) || strchr(name, '/') || strchr(name, '.'))
        return gn_verify_file(s, run, name, tolerance, v, e);
    if (!gn_run_find(s, name, &other, e))
        return false;
    const bool ok = gn_verify_run(s, run, &other, tolerance, v, e);
    gn_run_row_release(&other);
    return ok;
}

/* Arguments after the RUN are files, as a shell's * makes them. */
int gn_eval_verify(const gn_args *a, gn_error *e) {
    gn_verified v = {0};
    gn_run_row run = {0};
    const double tolerance = gn_args_number(a, "tolerance", 1e-3);
    const char *name = "-1", *path;
    int first = 1;
    if (gn_args_at(a, 1) && !gn_path_exists(gn_args_at(a, 1)))
        name = gn_args_at(a, first++);
    if (!gn_args_nth(a, "against", 0)) {
        gn_fail(e, GN_INVALID,
                "eval verify wants --against FILE|RUN, a log of lm-evaluation-harness or "
                "a run");
        return GN_FAILED;
    }
    gn_store *s = gn_args_store(a, true, e);
    bool ok = s && gn_run_find(s, name, &run, e);
    for (int i = 0; ok && (path = gn_args_nth(a, "against", i)); i++)
        ok = verify_one(s, &run, path, tolerance, &v, e);
    for (; ok && (path = gn_args_at(a, first)); first++)
        ok = gn_verify_file(s, &run, path, tolerance, &v, e);
    ok = ok && gn_out_plain(gn_str_slice(gn_args_flag(a, "json") ? &v.json : &v.text), false, e);
    const int code = !ok ? GN_FAILED : v.differ ? GN_EXIT_NO : GN_EXIT_YES;
    gn_verified_release(&v);
    gn_run_row_release(&run);
    gn_store_close(s);
    return code;
}

/* ---- numbers ---------------------------------------------------------------------------------------- */

bool gn_eval_text_of(const gn_args *a, gn_store *s, const char *id, gn_str *out, gn_error *e) {
    gn_report r = {0};
    gn_run_row run;
    const char *form = gn_args_text(a, "output", "text");
    gn_pool *pool = gn_pool_new(gn_processors(), e);
    bool ok = pool && gn_run_find(s, id, &run, e) && gn_report_add(&r, s, &run, pool, e);
    if (ok && strcmp(form, "lm-eval") == 0) {
        ok = gn_export_run(s, &r.run[0], &r.results[0], gn_args_text(a, "output-dir", "."), out, e);
        gn_str_putc(out, '\n');
    } else if (ok && (gn_args_flag(a, "json") || strcmp(form, "json") == 0))
        gn_report_json(out, &r);
    else if (ok && strcmp(form, "csv") == 0)
        gn_report_csv(out, &r);
    else if (ok && strcmp(form, "md") == 0)
        gn_report_markdown(out, &r, GN_BY_ALL);
    else if (ok)
        gn_report_text(out, &r, GN_BY_ALL);
    gn_pool_free(pool);
    gn_report_release(&r);
    return ok && gn_str_ok(out, e);
}

bool gn_eval_print(const gn_args *a, gn_store *s, const char *id, gn_error *e) {
    gn_str out = {0};
    const bool ok =
        gn_eval_text_of(a, s, id, &out, e) && gn_out_plain(gn_str_slice(&out), false, e);
    gn_str_release(&out);
    return ok;
}
