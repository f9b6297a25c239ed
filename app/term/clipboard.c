/* clipboard.c - see clipboard.h. */
#include "app/term/clipboard.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Terminals drop longer ones: xterm and tmux take about so much. */
enum { MOST_BYTES = 74994 / 4 * 3 };

void gn_clipboard_sequence(gn_slice text, gn_str *out) {
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *s = (const unsigned char *)text.data;
    gn_str_puts(out, "\x1b]52;c;");
    for (size_t i = 0; i < text.len; i += 3) {
        const size_t left = text.len - i;
        const unsigned v = (unsigned)s[i] << 16 | (left > 1 ? (unsigned)s[i + 1] << 8 : 0u) |
                           (left > 2 ? (unsigned)s[i + 2] : 0u);
        gn_str_putc(out, digit[v >> 18]);
        gn_str_putc(out, digit[v >> 12 & 63]);
        gn_str_putc(out, left > 1 ? digit[v >> 6 & 63] : '=');
        gn_str_putc(out, left > 2 ? digit[v & 63] : '=');
    }
    gn_str_putc(out, '\a');
}

static bool is_program(const char *name) {
    const char *path = getenv("PATH");
    for (const char *p = path ? path : ""; *p;) {
        char file[1024];
        const size_t len = strcspn(p, ":");
        snprintf(file, sizeof file, "%.*s/%s", (int)len, p, name);
        if (access(file, X_OK) == 0)
            return true;
        p += len + (p[len] == ':');
    }
    return false;
}

/* Its own grandchild, so that a display that does not answer keeps nobody waiting. The text comes
 * from a file that is already gone. */
static bool hand_to(char *const argv[], gn_slice text) {
    char path[] = "/tmp/gneiss-XXXXXX";
    const int fd = mkstemp(path);
    if (fd < 0)
        return false;
    unlink(path);
    bool ok = write(fd, text.data, text.len) == (ssize_t)text.len && lseek(fd, 0, SEEK_SET) == 0;
    const pid_t child = ok ? fork() : -1;
    if (child == 0) {
        const pid_t grandchild = fork();
        if (grandchild == 0) {
            setsid();
            dup2(fd, STDIN_FILENO);
            if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
                _exit(127);
            execvp(argv[0], argv);
            _exit(127);
        }
        _exit(grandchild > 0 ? 0 : 1);
    }
    close(fd);
    int status = 0;
    ok = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
    return ok;
}

bool gn_clipboard_put(gn_slice text, bool programs, gn_str *how, gn_error *e) {
    static char *const wl_copy[] = {"wl-copy", NULL}, *const xclip[] = {"xclip", "-selection",
                                                                        "clipboard", NULL};
    const char *wayland = getenv("WAYLAND_DISPLAY"), *x11 = getenv("DISPLAY");
    if (text.len <= MOST_BYTES) {
        gn_str bytes = {0};
        gn_clipboard_sequence(text, &bytes);
        if (!bytes.failed && fwrite(bytes.data, 1, bytes.len, stdout) == bytes.len &&
            fflush(stdout) == 0)
            gn_str_puts(how, "the terminal (OSC 52)");
        gn_str_release(&bytes);
    }
    const bool desktop = programs && ((wayland && wayland[0]) || (x11 && x11[0]));
    const char *taker = NULL;
    if (desktop && wayland && wayland[0] && is_program(wl_copy[0]) && hand_to(wl_copy, text))
        taker = wl_copy[0];
    else if (desktop && x11 && x11[0] && is_program(xclip[0]) && hand_to(xclip, text))
        taker = xclip[0];
    if (taker)
        gn_str_fmt(how, "%s%s", how->len ? " and " : "", taker);
    return how->len > 0 ||
           gn_fail(
               e, GN_INVALID,
               "%zu bytes are too many for a terminal's clipboard, and there is neither wl-copy "
               "nor xclip with a display",
               text.len);
}
