/* judge.c - see judge.h. */
#include "app/commands/judge.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct gn_judging {
    gn_judge judge;
    char *command;
    pid_t pid;
    int to, from; /* its standard input and output */
    int64_t asked;
    gn_str line;
};

/* ---- starting and ending ------------------------------------------------------------ */

static void become(const char *command, int in, int out) {
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    setpgid(0, 0);
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(127);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static bool start(gn_judging *j, gn_error *e) {
    int in[2], out[2];
    if (j->pid > 0)
        return true;
    if (pipe2(in, O_CLOEXEC) != 0)
        return gn_fail(e, GN_IO, "--judge: %s", strerror(errno));
    if (pipe2(out, O_CLOEXEC) != 0) {
        close(in[0]);
        close(in[1]);
        return gn_fail(e, GN_IO, "--judge: %s", strerror(errno));
    }
    j->pid = fork();
    if (j->pid == 0)
        become(j->command, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    j->to = in[1];
    j->from = out[0];
    return j->pid > 0 || gn_fail(e, GN_IO, "--judge: %s", strerror(errno));
}

/* Its input is closed: it should end by itself, else it is asked to, else it is made to. */
static void end(pid_t pid) {
    static const int how[] = {0, SIGTERM, SIGKILL};
    for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
        if (how[i])
            kill(-pid, how[i]);
        for (int k = 0; k < 50 || how[i] == SIGKILL; k++) {
            if (waitpid(pid, NULL, WNOHANG) != 0)
                return;
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        }
    }
}

void gn_judging_close(gn_judging *j) {
    if (!j)
        return;
    if (j->to >= 0)
        close(j->to);
    if (j->from >= 0)
        close(j->from);
    if (j->pid > 0)
        end(j->pid);
    gn_str_release(&j->line);
    free(j->command);
    free(j);
}

/* ---- asking ------------------------------------------------------------------------- */

static bool write_all(gn_judging *j, gn_slice text, gn_error *e) {
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    bool ok = true;
    while (ok && text.len) {
        const ssize_t n = write(j->to, text.data, text.len);
        if (n > 0)
            text = gn_slice_from(text, (size_t)n);
        else if (n < 0 && errno != EINTR)
            ok = gn_fail(e, GN_IO, "--judge: '%.80s' has ended", j->command);
    }
    signal(SIGPIPE, before);
    return ok;
}

/* One line of its output, into j->line. */
static bool read_line(gn_judging *j, gn_error *e) {
    const double until = gn_seconds() + GN_JUDGE_PATIENCE_S;
    gn_str_cut(&j->line, 0);
    for (char c = 0; c != '\n';) {
        struct pollfd fd = {j->from, POLLIN, 0};
        const double left = until - gn_seconds();
        const int ready = left > 0 ? poll(&fd, 1, (int)(left * 1000) + 1) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return gn_fail(e, GN_IO, "--judge: '%.80s' gave no answer within %d seconds",
                           j->command, GN_JUDGE_PATIENCE_S);
        if (read(j->from, &c, 1) != 1)
            return gn_fail(e, GN_IO, "--judge: '%.80s' has ended", j->command);
        if (c != '\n')
            gn_str_putc(&j->line, c);
    }
    return gn_str_ok(&j->line, e);
}

static bool read_verdict(gn_judging *j, bool *passed, gn_error *e) {
    gn_arena a = {0};
    gn_error bad = {0};
    int64_t id = 0;
    const gn_value *v = gn_json_parse(&a, gn_str_slice(&j->line), &bad);
    const gn_value *said = v && v->kind == GN_MAP ? gn_value_get(v, GN_S("passed")) : NULL;
    const bool ok = said && said->kind == GN_BOOL &&
                    gn_value_to_integer(gn_value_get(v, GN_S("id")), &id) && id == j->asked;
    if (ok)
        *passed = said->boolean;
    gn_arena_release(&a);
    return ok || gn_fail(e, GN_IO,
                         "--judge: '%.80s' answered '%.80s' where {\"id\":%lld,\"passed\":true or "
                         "false} was wanted",
                         j->command, gn_str_text(&j->line), (long long)j->asked);
}

static bool ask(void *user, gn_slice program, bool *passed, gn_error *e) {
    gn_judging *j = user;
    gn_str line = {0};
    gn_str_fmt(&line, "{\"id\":%lld,\"program\":", (long long)++j->asked);
    gn_json_write_string(&line, program);
    gn_str_puts(&line, "}\n");
    const bool ok = gn_str_ok(&line, e) && start(j, e) && write_all(j, gn_str_slice(&line), e) &&
                    read_line(j, e) && read_verdict(j, passed, e);
    gn_str_release(&line);
    return ok || gn_where(e, "--judge");
}

gn_judging *gn_judging_open(const char *command, gn_error *e) {
    gn_judging *j = calloc(1, sizeof *j);
    if (!j || !(j->command = gn_strdup_slice(gn_slice_of(command)))) {
        free(j);
        gn_fail(e, GN_NO_MEMORY, "out of memory");
        return NULL;
    }
    j->to = j->from = -1;
    j->judge = (gn_judge){ask, j};
    return j;
}

const gn_judge *gn_judging_judge(gn_judging *j) { return j ? &j->judge : NULL; }
