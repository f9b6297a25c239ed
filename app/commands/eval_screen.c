/* eval_screen.c - see eval_screen.h. */
#include "app/commands/eval_screen.h"

#include "app/cli/interrupt.h"
#include "app/term/line.h"
#include "app/tui/board.h"
#include "app/tui/view.h"

#include <langinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool gn_has_screen(const char **why) {
    const char *term = getenv("TERM");
    const char *missing = !isatty(STDIN_FILENO)       ? "standard input is no terminal"
                          : !isatty(STDOUT_FILENO)    ? "standard output is no terminal"
                          : !term || !term[0]         ? "TERM is not set"
                          : strcmp(term, "dumb") == 0 ? "TERM is dumb"
                                                      : NULL;
    if (why)
        *why = missing;
    return missing == NULL;
}

bool gn_args_unicode(const gn_args *a) {
    const char *set = gn_args_text(a, "unicode", "auto");
    return strcmp(set, "off") != 0 && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* ---- the screen ------------------------------------------------------------------------ */

/* One screen at a time has signals to pass on. */
static gn_board *signalled;

/* A signal that would end the program stops the run first; the end of the run ends the screen. */
static bool end(gn_tui *t, int number) {
    (void)number;
    if (!signalled)
        return false;
    gn_board_interrupt(signalled);
    gn_tui_note(t, GN_STYLE_NOTE, "finishing what is begun, then it stops");
    return true;
}

static bool show(const gn_args *a, gn_board *b, const gn_eval_screen *o, gn_error *e) {
    gn_tui t = {0};
    gn_view view;
    bool ok = gn_line_open(e) &&
              gn_tui_init(&t, gn_args_settings(a), gn_board_worker(b), gn_args_unicode(a), e);
    if (ok) {
        t.now = gn_seconds();
        t.mode = GN_MODE_READ;
        t.color = gn_args_color(a, STDOUT_FILENO);
        signalled = o->board;
        t.end = end;
        ok = gn_eval_view(&view, &t, o, e) && gn_tui_push(&t, view) && gn_tui_run(&t, e);
    }
    gn_tui_release(&t);
    gn_line_close();
    signalled = NULL;
    return ok;
}

/* ---- a run of this process -------------------------------------------------------------- */

typedef struct evaluation {
    gn_evaluating *v;
    int code;
    gn_error error;
} evaluation;

/* Signals are the screen's. */
static void *evaluate(void *user) {
    evaluation *x = user;
    gn_thread_works();
    x->code = gn_evaluate_models(x->v, &x->error);
    gn_board_ended(x->v->board);
    return NULL;
}

static bool start(evaluation *x, pthread_t *thread, gn_error *e) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int why = pthread_create(thread, NULL, evaluate, x);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return why == 0 || gn_fail(e, GN_NO_MEMORY, "no thread: %s", strerror(why));
}

int gn_evaluate_on_screen(gn_evaluating *v, gn_error *e) {
    evaluation x = {.v = v, .code = GN_FAILED};
    gn_error lost = {0}; /* the terminal went away: the run goes on to its end */
    pthread_t thread;
    gn_board *b = gn_board_new(e);
    if (!b)
        return GN_FAILED;
    v->board = b;
    if (start(&x, &thread, e)) {
        const gn_eval_screen o = {.board = b, .file = gn_store_file(v->store)};
        if (!show(v->a, b, &o, &lost))
            gn_board_interrupt(b);
        pthread_join(thread, NULL);
        v->board = NULL;
        fputs(gn_str_text(&v->err), stderr);
        if (v->out.len && fwrite(v->out.data, 1, v->out.len, stdout) != v->out.len)
            perror("gneiss: write to standard output");
        *e = x.error.code ? x.error : lost;
    }
    v->board = NULL;
    gn_board_free(b);
    return x.code;
}

/* ---- a run of any process ----------------------------------------------------------------- */

bool gn_watch_on_screen(const gn_args *a, const char *run, const char *baseline, gn_error *e) {
    gn_str file = {0};
    gn_board *b = gn_board_new(e);
    bool ok = b && gn_args_store_file(a, &file, e);
    const gn_eval_screen o = {.file = gn_str_text(&file), .run = run, .baseline = baseline};
    ok = ok && show(a, b, &o, e);
    gn_board_free(b);
    gn_str_release(&file);
    return ok;
}
