/* detach.c - see detach.h. */
#include "app/cli/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void print_file(const char *path) {
    gn_str text = {0};
    gn_error e = {0};
    if (gn_file_read(&text, path, 1 << 20, &e))
        fwrite(gn_str_text(&text), 1, text.len, stderr);
    gn_str_release(&text);
    unlink(path);
}

/* Print what the child says until it has begun, or ended. */
static void wait_for(gn_detached *d, int from, pid_t child) {
    char piece[4096];
    ssize_t n;
    size_t all = 0;
    int status = 0;
    while ((n = read(from, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0)
            all += fwrite(piece, 1, (size_t)n, stdout);
    d->code = 0;
    if (all > 0)
        return;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    d->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    gn_str path = {0};
    gn_str_fmt(&path, "%s/eval-%ld.log", gn_str_text(&d->folder), (long)child);
    print_file(gn_str_text(&path));
    gn_str_release(&path);
}

static bool settle(gn_detached *d, gn_error *e) {
    setsid();
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    gn_str_fmt(&d->log, "%s/eval-%ld.log", gn_str_text(&d->folder), (long)getpid());
    const int none = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int log =
        gn_str_ok(&d->log, e)
            ? open(d->log.data, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600)
            : -1;
    const bool ok =
        none >= 0 && log >= 0 && dup2(none, 0) >= 0 && dup2(log, 1) >= 0 && dup2(log, 2) >= 0;
    if (!ok && !e->code)
        gn_fail(e, GN_IO, "log '%s': %s", gn_str_text(&d->log), strerror(errno));
    if (none >= 0)
        close(none);
    if (log >= 0)
        close(log);
    return ok;
}

bool gn_detach(gn_detached *d, gn_error *e) {
    int way[2];
    *d = (gn_detached){.tell = -1};
    if (!gn_path_user(&d->folder, GN_DIR_STATE, e) || !gn_str_ok(&d->folder, e) ||
        !gn_path_make_folder(d->folder.data, e))
        return false;
    fflush(stdout);
    fflush(stderr);
    if (pipe2(way, O_CLOEXEC) != 0)
        return gn_fail(e, GN_IO, "--detach: %s", strerror(errno));
    const pid_t child = fork();
    if (child < 0) {
        close(way[0]);
        close(way[1]);
        return gn_fail(e, GN_IO, "--detach: %s", strerror(errno));
    }
    d->child = child == 0;
    close(way[d->child ? 0 : 1]);
    if (d->child) {
        d->tell = way[1];
        return settle(d, e);
    }
    wait_for(d, way[0], child);
    close(way[0]);
    return true;
}

bool gn_detached_begun(gn_detached *d, const char *name, gn_slice text, gn_error *e) {
    gn_str path = {0};
    if (d->tell < 0)
        return true;
    gn_str_fmt(&path, "%s/eval-%s.log", gn_str_text(&d->folder), name);
    bool ok =
        gn_str_ok(&path, e) && (rename(gn_str_text(&d->log), path.data) == 0 ||
                                gn_fail(e, GN_IO, "log '%s': %s", path.data, strerror(errno)));
    gn_str_release(&d->log);
    d->log = path;
    while (ok && text.len) {
        const ssize_t n = write(d->tell, text.data, text.len);
        if (n < 0 && errno != EINTR)
            break; /* nobody waits: go on all the same */
        text = gn_slice_from(text, n > 0 ? (size_t)n : 0);
    }
    close(d->tell);
    d->tell = -1;
    return ok;
}

void gn_detached_release(gn_detached *d) {
    if (d->tell >= 0)
        close(d->tell);
    gn_str_release(&d->log);
    gn_str_release(&d->folder);
}
