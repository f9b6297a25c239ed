/* cmd_chat.c - gneiss chat: a conversation on a screen of its own. */
#include "app/chat/history.h"
#include "app/cli/command.h"
#include "app/cli/saved.h"
#include "app/term/line.h"
#include "app/tui/view.h"

#include <langinfo.h>
#include <stdlib.h>
#include <unistd.h>

/* Full screen only where there is one: why there is none, or NULL. */
static const char *no_screen(void) {
    const char *term = getenv("TERM");
    return !isatty(STDIN_FILENO)       ? "standard input is no terminal"
           : !isatty(STDOUT_FILENO)    ? "standard output is no terminal"
           : !term || !term[0]         ? "TERM is not set"
           : strcmp(term, "dumb") == 0 ? "TERM is dumb"
                                       : NULL;
}

static bool has_screen(const gn_args *a, gn_error *e) {
    const char *why = no_screen(), *model;
    int first;
    return !why ||
           (gn_args_model(a, &model, &first, e) &&
            gn_fail(e, GN_INVALID, "chat needs a terminal, and %s; use: gneiss run %.200s \"...\"",
                    why, model));
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
static bool check(const gn_args *a, gn_error *e) {
    const int first = !gn_args_given(a, "model");
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

/* ---- which conversation ------------------------------------------------- */

/* Message n of the way to the head, as the screen numbers them; of a message of a person's what
 * stands before it, so that it can be said anew. 0: the head. */
static const gn_turn *message_at(const gn_transcript *t, int64_t n) {
    gn_ids path = {0};
    const gn_turn *found = n == 0 ? gn_transcript_turn(t, t->head) : NULL;
    int64_t number = 0;
    if (!found && gn_transcript_path(t, t->head, &path))
        for (size_t i = 0; i < path.count && !found; i++)
            if (!gn_role_leads(t->turn[path.id[i]]->role) && ++number == n)
                found = t->turn[path.id[i]];
    gn_ids_release(&path);
    return found && gn_role_asks(found->role) ? gn_transcript_turn(t, found->parent) : found;
}

/* --fork S@N: a session of its own that begins as S does. */
static bool fork_at(gn_history *h, const char *what, char id[GN_ULID], gn_error *e) {
    const char *at = strrchr(what, '@');
    int64_t n = 0;
    char from[GN_ULID];
    gn_transcript t = {.head = -1};
    gn_record r = {0};
    const gn_slice name = {what, at ? (size_t)(at - what) : strlen(what)};
    if (at && (!gn_parse_integer(gn_slice_of(at + 1), &n) || n < 1)) {
        gn_fail(e, GN_INVALID, "--fork: want S@N with the number of a message, not '%.60s'", what);
        return gn_where(e, "--fork");
    }
    bool ok = gn_history_find(h, name, from, e) && gn_history_load(h, from, &t, &r, e);
    const gn_turn *turn = ok ? message_at(&t, n) : NULL;
    if (ok && !turn)
        ok = gn_fail(e, GN_INVALID, "--fork: session %s has no message %lld", from, (long long)n);
    ok = ok && gn_history_fork(h, from, turn->hash, id, e);
    gn_transcript_release(&t);
    return ok || gn_where(e, "--fork");
}

/* id of the session to go on with; "": a new one. */
static bool find_session(const gn_args *a, gn_history *h, char id[GN_ULID], gn_error *e) {
    const char *name = gn_args_text(a, "session", NULL), *fork = gn_args_text(a, "fork", NULL);
    id[0] = '\0';
    if (gn_args_flag(a, "continue"))
        return gn_history_find(h, GN_S("-1"), id, e);
    if (name)
        return gn_history_find(h, gn_slice_of(name), id, e) || gn_where(e, "--session");
    return !fork || fork_at(h, fork, id, e);
}

/* Where no model is named: the session's own, or that of the last session there was. */
static bool use_model_of(const gn_args *a, gn_history *h, const char *id, gn_error *e) {
    char last[GN_ULID];
    gn_error none = {0};
    gn_session_info info;
    const char *setting = gn_settings_text(gn_args_settings(a), "model");
    if (gn_args_given(a, "model") || gn_args_count(a) > 0 || (!id[0] && setting && setting[0]))
        return true;
    if (!id[0] && !gn_history_find(h, GN_S("-1"), last, &none))
        return true; /* the one that comes with the program, if there is one */
    if (!gn_history_info(h, id[0] ? id : last, &info, e))
        return false;
    bool ok = true;
    if (gn_path_exists(gn_str_text(&info.path)))
        ok = gn_settings_set(gn_args_settings(a), GN_S("model"), gn_str_slice(&info.path),
                             GN_SOURCE_FLAG, NULL, e);
    else if (id[0])
        ok = gn_fail(e, GN_IO,
                     "the model %s of that session is no longer at '%.150s'; name one: "
                     "gneiss chat MODEL --session %s",
                     gn_str_text(&info.model), gn_str_text(&info.path), id);
    gn_session_info_release(&info);
    return ok;
}

static const char *const resumes[] = {"continue", "session", "fork"};

static bool check_session(const gn_args *a, int *given, gn_error *e) {
    *given = 0;
    for (int i = 0; i < 3; i++)
        *given += gn_args_given(a, resumes[i]);
    if (*given > 1)
        return gn_fail(e, GN_INVALID,
                       "-c, --session and --fork each say which conversation; "
                       "want one of them");
    if (*given && (gn_args_given(a, "system") || gn_args_given(a, "prompt")))
        return gn_fail(e, GN_INVALID, "a conversation has its system prompt; /system changes it");
    return true;
}

/* The database, and which of its conversations; o is filled in. */
static bool open_history(const gn_args *a, gn_chat_options *o, char id[GN_ULID], gn_error *e) {
    int given;
    id[0] = '\0';
    const bool read_only = gn_args_flag(a, "readonly");
    o->off_disk = gn_args_flag(a, "private") || read_only;
    if (!check_session(a, &given, e))
        return false;
    if (read_only && given)
        return gn_fail(e, GN_INVALID,
                       "--readonly writes no database, and a conversation one goes on with is "
                       "written; gneiss sessions show reads it");
    o->history =
        gn_history_open(gn_args_given(a, "db") ? gn_args_text(a, "db", NULL) : NULL, read_only, e);
    if (!o->history && o->off_disk && !given) {
        *e = (gn_error){0}; /* it was only to be asked for the last model */
        return true;
    }
    if (!o->history) {
        char why[sizeof e->message];
        memcpy(why, e->message, sizeof why);
        return gn_fail(e, e->code, "%.400s (gneiss chat --private keeps nothing)", why);
    }
    if (!find_session(a, o->history, id, e) || !use_model_of(a, o->history, id, e))
        return false;
    o->session = id[0] ? id : NULL;
    o->state_dir = gn_args_text(a, "state-dir", "");
    o->state_disk = gn_args_size(a, "state-disk", (size_t)8 << 30);
    if (o->off_disk && !id[0]) {
        gn_history_close(o->history);
        o->history = NULL;
    }
    return true;
}

/* What /model needs to open another. */
typedef struct opener {
    const gn_engine_options *engine;
    const char *states;
    gn_worker *now;
} opener;

static gn_worker *reopen(void *user, const char *path, gn_error *e) {
    opener *o = user;
    /* It opens on a thread of its own: where there is none the former is still there. */
    gn_worker *w = gn_worker_open(path, o->engine, o->states, e);
    if (w) {
        o->now->close(o->now);
        o->now = w;
    }
    return w;
}

static bool converse(const gn_args *a, const char *model, gn_chat_options *o, gn_error *e) {
    const char *file = gn_args_text(a, "template", NULL);
    gn_engine_options engine = gn_args_engine_options(a);
    gn_str template = {0};
    bool ok = !file || gn_saved_template(file, &template, e);
    if (ok && file)
        engine.chat_template = gn_str_text(&template);
    ok = ok && gn_line_open(e);
    opener open = {&engine, o->history && !o->off_disk ? o->state_dir : NULL, NULL};
    if (ok)
        open.now = gn_worker_open(model, &engine, open.states, e);
    o->model = model;
    o->reopen = reopen;
    o->opener = &open;
    ok = open.now && show(a, open.now, o, e);
    if (open.now)
        open.now->close(open.now);
    gn_line_close();
    gn_str_release(&template);
    return ok;
}

static int run(const gn_args *a, gn_error *e) {
    const char *model;
    int first;
    gn_bias *bias = NULL;
    char session[GN_ULID] = "";
    gn_chat_options o = {0};
    if (!has_screen(a, e) || !check(a, e))
        return GN_FAILED;
    if (!open_history(a, &o, session, e) || !gn_args_model(a, &model, &first, e)) {
        if (session[0] && gn_args_given(a, "fork")) /* of which nothing came */
            gn_history_forget(o.history, session);
        gn_history_close(o.history);
        return GN_FAILED;
    }
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
    gn_history_close(o.history);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

static const gn_option chat_options[] = {
    {'c', "continue", NULL, "go on with the conversation used last", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "session", "S", "go on with this one: name, beginning of its id, -1, -2", GN_TYPE_TEXT, 0,
     0, NULL},
    {0, "fork", "S[@N]", "begin a new one as S is up to message N", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "private", NULL, "keep nothing on the disk", GN_TYPE_FLAG, 0, 0, NULL},
    {0},
};

const gn_command gn_cmd_chat = {
    .name = "chat",
    .usage = "[MODEL] [-c | --session S | --fork S@N] [-s TEXT | -p NAME] [-n MAX] [--private]",
    .summary = "talk with a model, on the whole screen",
    .about = "Enter sends, Esc stops a reply, F1 shows all keys and commands, Ctrl+D quits.\n"
             "What is written while a reply comes is sent after it. Each turn reads only what\n"
             "is new; the status line tells how much was reused and read. Conversations are\n"
             "kept: gneiss sessions lists them, and without MODEL the last one's is taken.",
    .option = chat_options,
    .takes = GN_TAKES_MODEL | GN_TAKES_DEFAULT | GN_TAKES_SAMPLING | GN_TAKES_TEXT | GN_TAKES_CHAT,
    .run = run,
};
