/* cmd_chat.c - gneiss chat: a conversation on a screen of its own. */
#include "app/command.h"
#include "app/line.h"
#include "app/saved.h"
#include "app/tui/view.h"

#include <langinfo.h>
#include <stdlib.h>
#include <unistd.h>

/* Full screen only where there is one. */
static bool has_screen(const char *model, gn_error *e) {
    const char *term = getenv("TERM");
    const char *why = !isatty(STDIN_FILENO)       ? "standard input is no terminal"
                      : !isatty(STDOUT_FILENO)    ? "standard output is no terminal"
                      : !term || !term[0]         ? "TERM is not set"
                      : strcmp(term, "dumb") == 0 ? "TERM is dumb"
                                                  : NULL;
    return !why ||
           gn_fail(e, GN_INVALID, "chat needs a terminal, and %s; use: gneiss run %.200s \"...\"",
                   why, model);
}

static bool wants_unicode(const gn_args *a) {
    const char *set = gn_args_text(a, "unicode", "auto");
    return strcmp(set, "off") != 0 && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* The screen, from the first frame to the last; the worker may still be loading. */
static bool show(const gn_args *a, gn_worker *w, const gn_chat_options *o, gn_error *e) {
    gn_tui t = {0};
    gn_view chat;
    bool ok =
        gn_tui_init(&t, gn_args_settings(a), w, wants_unicode(a), e) && gn_chat_view(&chat, o, e);
    if (ok) {
        const char *wrong = gn_settings_complaints(gn_args_settings(a));
        gn_tui_push(&t, chat);
        if (wrong[0])
            gn_tui_note(&t, GN_STYLE_ERROR, "%s\nThe rest holds.", wrong);
        t.color = gn_args_color(a, STDOUT_FILENO);
        ok = gn_tui_run(&t, e);
    }
    gn_tui_release(&t);
    return ok;
}

/* What is wrong before anything is opened. */
static bool check(const gn_args *a, int first, gn_error *e) {
    static const char *const others[] = {"state", "save-state"};
    for (int i = 0; i < 2; i++)
        if (gn_args_given(a, others[i])) {
            gn_fail(e, GN_INVALID, "--%s is for gneiss run; chat keeps its own states", others[i]);
            return gn_where(e, "--%s", others[i]);
        }
    if (gn_args_count(a) > first)
        return gn_fail(e, GN_INVALID, "chat takes one MODEL; '%.60s' is left over",
                       gn_args_at(a, first));
    return true;
}

static gn_slice *stops_of(const gn_args *a, int *n, gn_error *e) {
    const char *text;
    for (*n = 0; gn_args_nth(a, "stop", *n); ++*n)
        ;
    gn_slice *stop = calloc((size_t)*n + 1, sizeof *stop);
    for (int i = 0; stop && (text = gn_args_nth(a, "stop", i)); i++)
        stop[i] = gn_slice_of(text);
    if (!stop)
        gn_fail(e, GN_NO_MEMORY, "--stop: out of memory");
    return stop;
}

static bool converse(const gn_args *a, const char *model, const gn_chat_options *o, gn_error *e) {
    const char *file = gn_args_text(a, "template", NULL);
    gn_engine_options engine = gn_args_engine_options(a);
    gn_str template = {0};
    bool ok = !file || gn_saved_template(file, &template, e);
    if (ok && file)
        engine.chat_template = gn_str_text(&template);
    ok = ok && gn_line_open(e);
    gn_worker *w = ok ? gn_worker_open(model, &engine, NULL, e) : NULL;
    ok = w && show(a, w, o, e);
    if (w)
        w->close(w);
    gn_line_close();
    gn_str_release(&template);
    return ok;
}

static int run(const gn_args *a, gn_error *e) {
    const char *model;
    int first;
    gn_bias *bias = NULL;
    gn_chat_options o = {0};
    if (!gn_args_model(a, &model, &first, e) || !check(a, first, e) || !has_screen(model, e))
        return GN_FAILED;
    gn_slice *stop = stops_of(a, &o.n_stop, e);
    bool ok =
        stop && gn_args_bias(a, INT32_MAX, &bias, &o.n_bias, e) && gn_args_seed(a, &o.seed, e);
    if (ok && gn_args_flag(a, "greedy"))
        ok = gn_settings_set(gn_args_settings(a), GN_S("temp"), GN_S("0"), GN_SOURCE_FLAG, NULL, e);
    const char **var = gn_args_vars(a, &o.n_var);
    ok = ok && (var || gn_fail(e, GN_NO_MEMORY, "arguments: out of memory"));
    o.var = var;
    o.bias = bias;
    o.stop = stop;
    ok = ok && converse(a, model, &o, e);
    /* What the first key took from the screen is still there to be read. */
    if (ok && gn_settings_complaints(gn_args_settings(a))[0])
        fprintf(stderr, "gneiss: left out: %s\n", gn_settings_complaints(gn_args_settings(a)));
    free(stop);
    free(bias);
    free(var);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

const gn_command gn_cmd_chat = {
    .name = "chat",
    .usage = "[MODEL] [-s TEXT | -p NAME] [-n MAX]",
    .summary = "talk with a model, on the whole screen",
    .about = "Enter sends, Esc stops a reply, F1 shows all keys and commands, Ctrl+D quits.\n"
             "What is written while a reply comes is sent after it. Each turn reads only what\n"
             "is new; the status line tells how much was reused and read.",
    .takes = GN_TAKES_MODEL | GN_TAKES_DEFAULT | GN_TAKES_SAMPLING | GN_TAKES_TEXT | GN_TAKES_CHAT,
    .run = run,
};
