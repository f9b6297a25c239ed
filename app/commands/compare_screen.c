/* compare_screen.c - see compare_screen.h. */
#include "app/commands/compare_screen.h"

#include "app/chat/forcing.h"
#include "app/commands/contrast_runs.h"
#include "app/commands/eval_screen.h"
#include "app/term/line.h"

#include <stdlib.h>
#include <unistd.h>

bool gn_compare_wants_screen(const gn_args *a) {
    const bool tui = !gn_args_given(a, "tui") || gn_args_flag(a, "tui");
    return tui && !gn_args_flag(a, "json") && !gn_args_flag(a, "flips") &&
           !gn_args_given(a, "fail-on") && gn_has_screen(NULL);
}

/* ---- nobody works behind the screen --------------------------------------------------- */

static bool no_ask(gn_worker *w, gn_ask *ask) {
    (void)w;
    gn_ask_free(ask);
    return false;
}
static gn_event *nothing(gn_worker *w) { return (void)w, NULL; }
static void no_stop(gn_worker *w, int64_t id) { (void)w, (void)id; }
static int no_fd(gn_worker *w) { return (void)w, -1; }
static void no_close(gn_worker *w) { (void)w; }

bool gn_compare_on_screen(const gn_args *a, const gn_compare_screen *o, gn_error *e) {
    gn_worker idle = {
        .ask = no_ask, .next = nothing, .stop = no_stop, .fd = no_fd, .close = no_close};
    gn_tui t = {0};
    gn_view view;
    bool ok = gn_line_open(e) &&
              gn_tui_init(&t, gn_args_settings(a), o->forcing ? &o->forcing->worker : &idle,
                          gn_args_unicode(a), e);
    if (ok) {
        t.now = gn_seconds();
        t.mode = GN_MODE_READ;
        t.color = gn_args_color(a, STDOUT_FILENO);
        ok = gn_compare_view(&view, o, e) && gn_tui_push(&t, view) && gn_tui_run(&t, e);
    }
    gn_tui_release(&t);
    gn_line_close();
    return ok;
}

/* ---- two runs ---------------------------------------------------------------------------- */

bool gn_compare_runs_on_screen(const gn_args *a, gn_store *s, const gn_comparison *c, gn_error *e) {
    gn_contrast_runs runs = {s, c};
    const gn_contrasts all = gn_contrasts_of_runs(&runs);
    const char *x = gn_str_text(&c->a.run.path), *y = gn_str_text(&c->b.run.path);
    const gn_engine_options options = gn_args_engine_options(a);
    gn_forcing *forcing = NULL;
    gn_str what = {0};
    gn_slice task = {"", 0};
    int tasks = 0;
    for (int i = 0; i < c->n; i++)
        if (!gn_slice_equal(task, c->pairing[i].task)) {
            task = c->pairing[i].task;
            tasks++;
        }
    if (tasks == 1)
        gn_str_fmt(&what, "%.*s, %lld docs", (int)task.len, task.data, (long long)c->pairing[0].n);
    else
        gn_str_fmt(&what, "%d tasks", tasks);
    /* A checkpoint that is gone can still be compared, but not asked. */
    if (gn_path_exists(x) && gn_path_exists(y))
        forcing = gn_forcing_open(x, y, &options, e);
    const gn_compare_screen o = {.name_a = gn_str_text(&c->a.run.model),
                                 .name_b = gn_str_text(&c->b.run.model),
                                 .what = gn_str_text(&what),
                                 .comparison = c,
                                 .all = &all,
                                 .forcing = forcing};
    const bool ok = !e->code && gn_str_ok(&what, e) && gn_compare_on_screen(a, &o, e);
    if (forcing)
        forcing->worker.close(&forcing->worker);
    gn_str_release(&what);
    return ok;
}
