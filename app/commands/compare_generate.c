/* compare_generate.c - compare --generate and --turn: what two checkpoints answer, side by side. */
#include "app/chat/contrast.h"
#include "app/cli/interrupt.h"
#include "app/cli/out.h"
#include "app/cli/percent.h"
#include "app/commands/compare_screen.h"
#include "app/commands/jobs.h"
#include "app/tui/contrast_rows.h"

#include <inttypes.h>
#include <langinfo.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

typedef struct answering {
    const gn_args *a;
    gn_two *two;
    gn_vocabulary *vocabulary;
    gn_job_list *list; /* A's jobs; B's have the same prompts */
    gn_job *other;     /* [n] B's */
    gn_percent percent;
    int64_t done, all;
    gn_str out;
    int64_t equal, parted, bad;
    bool screen;         /* contrasts are kept, and shown there */
    gn_contrast *kept;   /* [n_kept] */
    size_t n_kept, room; /* of kept */
} answering;

/* ---- asking ------------------------------------------------------------------------- */

static bool go_on(void *user, int64_t done, int64_t all) {
    (void)user, (void)done, (void)all;
    return !gn_interrupted();
}

static bool on_token(void *user, gn_job *j, const gn_token *t) {
    (void)user, (void)j, (void)t;
    return !gn_interrupted();
}

static void on_done(void *user, gn_job *j) {
    answering *w = user;
    (void)j;
    gn_percent_tokens(&w->percent, ++w->done, w->all);
}

/* Ask one engine all of it: the list's own jobs, or B's. */
static bool ask(answering *w, gn_engine *g, bool other, gn_error *e) {
    gn_job **job = malloc((size_t)w->list->n * sizeof(*job) + 1);
    int n = 0;
    if (!job)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    for (int i = 0; i < w->list->n; i++)
        if (!w->list->line[i].bad.code)
            job[n++] = other ? &w->other[i] : &w->list->line[i].job;
    const gn_generate_hooks h = {.token = on_token, .done = on_done, .reading = go_on, .user = w};
    const bool ok = gn_generate(g, job, n, &h, e);
    free(job);
    return ok;
}

/* B is asked what A was: the same ids, limits, sampling and seed. */
static bool copy_jobs(answering *w, gn_error *e) {
    w->other = calloc((size_t)w->list->n + 1, sizeof *w->other);
    if (!w->other)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    for (int i = 0; i < w->list->n; i++)
        w->other[i] = w->list->line[i].job;
    return true;
}

/* ---- contrasts ------------------------------------------------------------------------- */

static bool side_of(const answering *w, gn_answer_side *s, const gn_job *j, gn_error *e) {
    gn_str_fmt(&s->verdict, "%s", gn_stop_name(j->stopped));
    return gn_answer_side_ids(s, w->vocabulary, j->ids.id, j->score, j->tops, j->top, j->ids.count,
                              e);
}

/* B reads A's answer, for the divergence at every token of it. */
static bool force(answering *w, gn_contrast *c, gn_error *e) {
    const int64_t n = c->a.made.count;
    if (n == 0 || c->prompt.count == 0)
        return true;
    c->forced.token = calloc((size_t)n, sizeof *c->forced.token);
    if (!c->forced.token)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    c->forced.n = n;
    return gn_diverge_answer(w->two->a, w->two->b, c->prompt.id, (int64_t)c->prompt.count,
                             c->a.made.id, n, NULL, NULL, c->forced.token, e);
}

static bool contrast(answering *w, int i, gn_contrast *c, gn_error *e) {
    const gn_line_job *l = &w->list->line[i];
    gn_str_add(&c->id, gn_str_slice(&l->id));
    gn_str_fmt(&c->title, "#%s", gn_str_text(&l->id));
    if (l->said.len)
        gn_str_fmt(&c->title, "  %s", gn_str_text(&l->said));
    if (!gn_ids_append(&c->prompt, l->prompt.id, l->prompt.count))
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    if (!side_of(w, &c->a, &l->job, e) || !side_of(w, &c->b, &w->other[i], e))
        return false;
    gn_contrast_set(c);
    return c->equal || gn_interrupted() || force(w, c, e);
}

/* ---- JSON -------------------------------------------------------------------------------- */

static void side_json(gn_str *out, const char *key, const gn_job *j) {
    gn_str_fmt(out, ",\"%s\":{\"ids\":", key);
    gn_out_ids(out, j->ids.id, j->ids.count);
    gn_str_putc(out, ',');
    gn_out_text(out, gn_str_slice(&j->text));
    gn_str_fmt(out, ",\"stop\":\"%s\"}", gn_stop_name(j->stopped));
}

static void tops_at(gn_str *out, const char *key, const gn_answer_side *s, int64_t at) {
    gn_str_fmt(out, "\"%s\":", key);
    if (s->made.k > 0 && at < s->made.count)
        gn_out_top(out, s->made.top + at * s->made.k, s->made.k);
    else
        gn_str_puts(out, "null");
}

static void json(answering *w, int i, const gn_contrast *c) {
    gn_str *out = &w->out;
    gn_str_fmt(out, "{\"schema\":\"gneiss.generate/1\",\"id\":%s,\"equal\":%s,\"parts_at\":",
               gn_str_text(&c->id), c->equal ? "true" : "false");
    if (c->parts_at < 0)
        gn_str_puts(out, "null");
    else
        gn_str_fmt(out, "%" PRId64, c->parts_at);
    side_json(out, "a", &w->list->line[i].job);
    side_json(out, "b", &w->other[i]);
    if (c->parts_at < 0) {
        gn_str_puts(out, ",\"at\":null,\"forced\":null}");
        return;
    }
    gn_str_puts(out, ",\"at\":{");
    tops_at(out, "a_top", &c->a, c->parts_at);
    gn_str_putc(out, ',');
    tops_at(out, "b_top", &c->b, c->parts_at);
    if (c->parts_at < c->forced.n)
        gn_out_number(out, "kl", c->forced.token[c->parts_at].kl);
    else
        gn_str_puts(out, ",\"kl\":null");
    gn_divergence d;
    gn_error e = {0};
    if (c->forced.n && gn_divergence_of(c->forced.token, c->forced.n, &d, &e)) {
        gn_str_fmt(out, "},\"forced\":{\"tokens\":%" PRId64, d.tokens);
        gn_out_number(out, "kl_mean", d.kl_mean);
        gn_out_number(out, "kl_max", d.kl_max);
        gn_out_number(out, "same_top", d.same_top);
        gn_str_puts(out, "}}");
    } else {
        gn_str_puts(out, "},\"forced\":null}");
    }
}

static bool write_bad(answering *w, const gn_line_job *l, const gn_error *why, gn_error *e) {
    w->bad++;
    if (!gn_args_flag(w->a, "json")) {
        fprintf(stderr, "#%s: %s\n", gn_str_text(&l->id), why->message);
        return true;
    }
    gn_str_fmt(&w->out,
               "{\"schema\":\"gneiss.generate/1\",\"id\":%s,\"error\":", gn_str_text(&l->id));
    gn_json_write_string(&w->out, gn_slice_of(why->message));
    gn_str_putc(&w->out, '}');
    return gn_out_line(&w->out, e);
}

/* ---- text --------------------------------------------------------------------------------- */

/* Columns of the terminal, or as many as fit two sides. */
static int columns(void) {
    struct winsize size = {0};
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
        return size.ws_col;
    return GN_CONTRAST_WIDE;
}

static bool text(answering *w, const gn_contrast *c, gn_error *e) {
    const bool unicode = strcmp(gn_args_text(w->a, "unicode", "auto"), "off") != 0 &&
                         strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    const bool ok =
        gn_contrast_text(&w->out, c, gn_engine_name(w->two->a), gn_engine_name(w->two->b),
                         w->vocabulary, columns(), unicode, e);
    gn_str_putc(&w->out, '\n');
    const bool told = ok && gn_str_ok(&w->out, e) &&
                      gn_out_plain(gn_str_slice(&w->out), isatty(STDOUT_FILENO), e);
    gn_str_cut(&w->out, 0);
    return told;
}

static bool tell(answering *w, int i, gn_error *e) {
    const gn_line_job *l = &w->list->line[i];
    gn_contrast c = {0};
    const gn_error *why = l->bad.code              ? &l->bad
                          : l->job.error.code      ? &l->job.error
                          : w->other[i].error.code ? &w->other[i].error
                                                   : NULL;
    if (why)
        return write_bad(w, l, why, e);
    if (l->job.stopped == GN_STOP_INTERRUPTED || w->other[i].stopped == GN_STOP_INTERRUPTED)
        return true;
    bool ok = contrast(w, i, &c, e);
    w->equal += ok && c.equal;
    w->parted += ok && !c.equal;
    if (ok && w->screen) {
        if (gn_vec_reserve(&w->kept, &w->room, w->n_kept + 1, sizeof *w->kept)) {
            w->kept[w->n_kept++] = c;
            return true;
        }
        ok = gn_fail(e, GN_NO_MEMORY, "out of memory");
    } else if (ok) {
        if (gn_args_flag(w->a, "json")) {
            json(w, i, &c);
            ok = gn_out_line(&w->out, e);
        } else {
            ok = text(w, &c, e);
        }
    }
    gn_contrast_release(&c);
    return ok;
}

/* ---- the screen ------------------------------------------------------------------------------ */

/* The view owns what it loads: a copy. */
static bool load(void *user, size_t i, gn_contrast *out, gn_error *e) {
    const answering *w = user;
    return gn_contrast_copy(&w->kept[i], out, e);
}

static bool show(answering *w, gn_error *e) {
    const gn_contrasts all = {.n = w->n_kept, .load = load, .user = w};
    gn_str what = {0};
    gn_str_fmt(&what, "%" PRId64 " the same, %" PRId64 " part", w->equal, w->parted);
    const gn_compare_screen o = {.name_a = gn_engine_name(w->two->a),
                                 .name_b = gn_engine_name(w->two->b),
                                 .what = gn_str_text(&what),
                                 .all = &all,
                                 .vocabulary = w->vocabulary};
    const bool ok = gn_str_ok(&what, e) && gn_compare_on_screen(w->a, &o, e);
    gn_str_release(&what);
    return ok;
}

static void forget(answering *w) {
    for (size_t i = 0; i < w->n_kept; i++)
        gn_contrast_release(&w->kept[i]);
    free(w->kept);
}

/* ---- all of it ------------------------------------------------------------------------------- */

int gn_compare_jobs(const gn_args *a, gn_two *two, gn_job_list *list, gn_error *e) {
    answering w = {.a = a,
                   .two = two,
                   .list = list,
                   .percent = gn_args_percent(a, "answers"),
                   .all = 2 * (int64_t)list->n,
                   .screen = gn_compare_wants_screen(a),
                   .vocabulary = gn_vocabulary_of(two->a, e)};
    bool ok =
        w.vocabulary && copy_jobs(&w, e) && ask(&w, two->a, false, e) && ask(&w, two->b, true, e);
    for (int i = 0; ok && i < list->n; i++)
        ok = tell(&w, i, e);
    if (ok && w.screen && w.n_kept)
        ok = show(&w, e);
    if (ok && !gn_args_flag(a, "quiet") && !gn_args_flag(a, "json"))
        fprintf(stderr, "%" PRId64 " the same, %" PRId64 " part\n", w.equal, w.parted);
    for (int i = 0; w.other && i < list->n; i++)
        gn_job_release(&w.other[i]);
    free(w.other);
    forget(&w);
    gn_vocabulary_free(w.vocabulary);
    gn_str_release(&w.out);
    if (!ok)
        return GN_FAILED;
    return gn_interrupted() ? GN_EXIT_INTERRUPTED : w.bad ? GN_EXIT_PARTLY : GN_EXIT_YES;
}

int gn_compare_generate(const gn_args *a, const char *prompts, gn_error *e) {
    gn_two two = {0};
    gn_job_list list = {0};
    gn_interrupt_catch();
    const bool ok =
        gn_two_open(a, gn_args_at(a, 0), gn_args_at(a, 1), &two, e) &&
        gn_job_list_read(&list, a, two.a, prompts, (int)gn_args_integer(a, "logprobs", 8), e);
    if (ok && list.n == 0) {
        gn_fail(e, GN_INVALID, "--generate: there is no prompt in '%s'", prompts);
        gn_where(e, "--generate");
    }
    const int code = ok && list.n ? gn_compare_jobs(a, &two, &list, e) : GN_FAILED;
    gn_job_list_release(&list);
    gn_two_close(&two);
    return code;
}
