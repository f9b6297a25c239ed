/* run.c - the loop on a terminal: one poll for keys, the engine and signals. */
#include "app/tui/view.h"

#include "app/cli/shell.h"
#include "app/term/clipboard.h"
#include "app/term/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Least time between two frames while a reply comes, in seconds. */
#define FRAME (1.0 / 60)

static int signal_pipe[2] = {-1, -1};
static int died_of; /* the signal that ended the loop; 0: none */

static void on_signal(int number) {
    const int saved = errno;
    const char byte = (char)number;
    if (write(signal_pipe[1], &byte, 1) < 0) {
        /* the pipe is full: enough signals wait */
    }
    errno = saved;
}

static const int caught[] = {SIGWINCH, SIGTSTP, SIGCONT, SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { N_CAUGHT = sizeof caught / sizeof caught[0] };

static bool catch_signals(struct sigaction old[N_CAUGHT], gn_error *e) {
    if (pipe2(signal_pipe, O_NONBLOCK | O_CLOEXEC) != 0)
        return gn_fail(e, GN_IO, "no pipe for signals");
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    for (int i = 0; i < N_CAUGHT; i++)
        sigaction(caught[i], &act, &old[i]);
    return true;
}

static void release_signals(const struct sigaction old[N_CAUGHT]) {
    for (int i = 0; i < N_CAUGHT; i++)
        sigaction(caught[i], &old[i], NULL);
    close(signal_pipe[0]);
    close(signal_pipe[1]);
}

/* ---- what only a terminal can do ---------------------------------------- */

static void fit(gn_tui *t) {
    int rows, cols;
    gn_screen_size(t->user, &rows, &cols);
    gn_canvas_resize(&t->canvas, rows, cols);
    t->dirty = true;
}

static void come_back(gn_tui *t) {
    gn_screen_return(t->user);
    fit(t);
}

static void suspend(gn_tui *t) {
    struct sigaction ours, dflt = {.sa_handler = SIG_DFL};
    sigset_t stop, before;
    gn_screen_leave(t->user);
    sigaction(SIGTSTP, &dflt, &ours);
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    pthread_sigmask(SIG_UNBLOCK, &stop, &before);
    kill(0, SIGTSTP); /* the whole job, as the terminal would */
    /* ... and here it goes on. */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGTSTP, &ours, NULL);
    come_back(t);
}

static void redraw(gn_tui *t) {
    gn_screen_forget(t->user);
    t->dirty = true;
}

static const char *editor_of(const gn_tui *t) {
    const char *set = gn_settings_text(t->settings, "editor");
    if (set && set[0])
        return set;
    const char *visual = getenv("VISUAL"), *editor = getenv("EDITOR");
    return visual && visual[0] ? visual : editor && editor[0] ? editor : "vi";
}

static bool run_editor(const char *command, const char *path) {
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < N_CAUGHT; i++)
            signal(caught[i], SIG_DFL);
        char script[512];
        snprintf(script, sizeof script, "%s \"$1\"", command);
        execl("/bin/sh", "sh", "-c", script, "sh", path, (char *)NULL);
        _exit(127);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static bool edit(gn_tui *t, gn_str *text, gn_error *e) {
    char path[] = "/tmp/gneiss-XXXXXX";
    if (gn_settings_flag(t->settings, "readonly"))
        return gn_fail(e, GN_INVALID, "readonly: no program is run");
    const int fd = mkstemp(path);
    if (fd < 0)
        return gn_fail(e, GN_IO, "no temporary file in /tmp for the editor");
    bool ok = write(fd, gn_str_text(text), text->len) == (ssize_t)text->len;
    close(fd);
    gn_screen_leave(t->user);
    ok = ok && run_editor(editor_of(t), path);
    come_back(t);
    if (ok) {
        gn_str_cut(text, 0);
        ok = gn_file_read(text, path, 64 << 20, e);
        while (text->len > 0 && text->data[text->len - 1] == '\n')
            gn_str_cut(text, text->len - 1);
    } else
        gn_fail(e, GN_IO, "'%.80s' failed; the text is as it was", editor_of(t));
    unlink(path);
    return ok;
}

static bool shell(gn_tui *t, const char *command, gn_str *out, int *status, gn_error *e) {
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old[2];
    gn_screen_leave(t->user);
    /* Ctrl+C is for the command, while it runs. */
    sigaction(SIGINT, &ignore, &old[0]);
    sigaction(SIGQUIT, &ignore, &old[1]);
    printf("$ %s\n", command);
    fflush(stdout);
    const bool ok = gn_shell_run(command, out, status, e);
    sigaction(SIGINT, &old[0], NULL);
    sigaction(SIGQUIT, &old[1], NULL);
    come_back(t);
    return ok;
}

static bool copy(gn_tui *t, gn_slice text, gn_str *how, gn_error *e) {
    return gn_clipboard_put(text, !gn_settings_flag(t->settings, "readonly"), how, e);
}

/* ---- the loop ----------------------------------------------------------- */

static void on_signals(gn_tui *t) {
    char number[64];
    const ssize_t n = read(signal_pipe[0], number, sizeof number);
    for (ssize_t i = 0; i < n; i++)
        switch (number[i]) {
        case SIGWINCH:
            if (gn_screen_measure(t->user))
                fit(t);
            break;
        case SIGTSTP:
            suspend(t);
            break;
        case SIGCONT: /* stopped by SIGSTOP, which nobody can catch */
            come_back(t);
            break;
        case SIGINT:
            gn_tui_request(t, GN_REQUEST_CANCEL, NULL);
            break;
        default: /* SIGTERM, SIGHUP, SIGQUIT: as they would have it, but tidily */
            if (t->end && t->end(t, number[i]))
                break;
            t->quit = true;
            died_of = number[i];
        }
}

/* False at the terminal's end. */
static bool read_keys(gn_input *in) {
    char bytes[65536];
    const ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    if (n > 0)
        gn_input_feed(in, bytes, (size_t)n, gn_seconds());
    return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static int timeout_of(const gn_tui *t, const gn_input *in, double due) {
    double wait = gn_input_wait(in, gn_seconds());
    const double frame = due - gn_seconds();
    if (t->dirty && (wait < 0 || frame < wait))
        wait = frame > 0 ? frame : 0;
    const double wake = t->wake - gn_seconds();
    if (t->wake > 0 && (wait < 0 || wake < wait))
        wait = wake > 0 ? wake : 0;
    return wait < 0 ? -1 : (int)(wait * 1000) + 1;
}

static void show(gn_tui *t) {
    gn_tui_draw(t);
    gn_screen_show(t->user, &t->canvas);
}

/* *due: when the next frame may be drawn. After a rest a few may come at once: a reply's first word
 * comes soon after the question was drawn. */
static bool turn(gn_tui *t, gn_input *in, double *due) {
    struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0},
                           {t->worker->fd(t->worker), POLLIN, 0},
                           {signal_pipe[0], POLLIN, 0}};
    bool ok = true, typed = false;
    t->now = gn_seconds();
    if (t->dirty && t->now >= *due) {
        *due = (*due > t->now - 3 * FRAME ? *due : t->now - 3 * FRAME) + FRAME;
        show(t);
    }
    if (poll(fds, 3, timeout_of(t, in, *due)) < 0 && errno != EINTR)
        return false;
    t->now = gn_seconds();
    if (fds[2].revents & POLLIN)
        on_signals(t);
    if (fds[0].revents)
        ok = read_keys(in);
    for (gn_input_event ev; !t->quit && gn_input_next(in, gn_seconds(), &ev); typed = true)
        gn_tui_input(t, &ev);
    if (typed && t->dirty && !t->quit) /* at once: what the model tells may take a transaction */
        show(t);
    if (fds[1].revents & POLLIN)
        gn_tui_events(t);
    if (t->wake > 0 && t->now >= t->wake)
        gn_tui_tick(t);
    return ok;
}

bool gn_tui_run(gn_tui *t, gn_error *e) {
    struct sigaction old[N_CAUGHT];
    gn_input in = {0};
    double due = 0;
    gn_screen *screen = gn_screen_open(t->color, gn_settings_flag(t->settings, "mouse"), e);
    if (!screen)
        return false;
    if (!catch_signals(old, e)) {
        gn_screen_close(screen);
        return false;
    }
    t->user = screen;
    t->suspend = suspend;
    t->redraw = redraw;
    t->edit = edit;
    t->copy = copy;
    t->shell = shell;
    gn_thread_shows();
    fit(t);
    while (!t->quit && turn(t, &in, &due))
        ;
    gn_screen_close(screen);
    release_signals(old);
    gn_tui_finish(t); /* what is not on the disk yet */
    gn_input_release(&in);
    if (died_of)
        raise(died_of);
    if (t->failure.code != GN_OK)
        *e = t->failure;
    return e->code == GN_OK;
}
