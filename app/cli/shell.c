/* shell.c - see shell.h. */
#include "app/cli/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 16 << 20 };

static void child(const char *command, int out) {
    static const int dflt[] = {SIGINT, SIGQUIT, SIGTSTP, SIGPIPE, SIGCONT};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (size_t i = 0; i < sizeof dflt / sizeof dflt[0]; i++)
        signal(dflt[i], SIG_DFL);
    dup2(out, STDOUT_FILENO);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

bool gn_shell_run(const char *command, gn_str *out, int *status, gn_error *e) {
    int fd[2], ended = 0;
    const size_t before = out->len;
    bool fits = true;
    if (pipe2(fd, O_CLOEXEC) != 0)
        return gn_fail(e, GN_IO, "no pipe for '%.80s'", command);
    const pid_t pid = fork();
    if (pid == 0)
        child(command, fd[1]);
    close(fd[1]);
    for (char bytes[65536]; pid > 0;) {
        const ssize_t n = read(fd[0], bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        fits = fits && out->len - before + (size_t)n <= MOST;
        if (!fits)
            break; /* it gets a broken pipe */
        gn_str_add(out, (gn_slice){bytes, (size_t)n});
    }
    close(fd[0]);
    while (pid > 0 && waitpid(pid, &ended, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0)
        return gn_fail(e, GN_IO, "the system starts no process for '%.80s'", command);
    if (!fits)
        return gn_fail(e, GN_INVALID, "'%.80s' wrote more than 16 MiB", command);
    *status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
    return gn_str_ok(out, e);
}
