/* path.c - see path.h. */
#include "core/base/path.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool gn_path_user(gn_str *out, gn_dir which, gn_error *e) {
    static const struct {
        const char *variable, *below_home;
    } place[] = {
        [GN_DIR_CONFIG] = {"XDG_CONFIG_HOME", "/.config"},
        [GN_DIR_DATA] = {"XDG_DATA_HOME", "/.local/share"},
        [GN_DIR_STATE] = {"XDG_STATE_HOME", "/.local/state"},
        [GN_DIR_CACHE] = {"XDG_CACHE_HOME", "/.cache"},
    };
    const char *base = getenv(place[which].variable), *home = getenv("HOME");
    if (base && base[0] == '/') /* the XDG rules: a relative one is to be ignored */
        gn_str_puts(out, base);
    else if (home && home[0]) {
        gn_str_puts(out, home);
        gn_str_puts(out, place[which].below_home);
    } else
        return gn_fail(e, GN_IO, "no home folder: set HOME or %s", place[which].variable);
    gn_str_puts(out, "/gneiss");
    return gn_str_ok(out, e);
}

bool gn_path_program(gn_str *out, gn_error *e) {
    char file[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", file, sizeof file);
    if (n <= 0 || n == (ssize_t)sizeof file)
        return gn_fail(e, GN_IO, "/proc/self/exe does not tell where this program is");
    gn_str_add(out, gn_path_folder((gn_slice){file, (size_t)n}));
    return gn_str_ok(out, e);
}

void gn_path_join(gn_str *out, gn_slice a, gn_slice b) {
    gn_str joined = {.failed = out->failed};
    if (!gn_slice_starts(b, GN_S("/"))) {
        gn_str_add(&joined, a);
        if (a.len && a.data[a.len - 1] != '/')
            gn_str_putc(&joined, '/');
    }
    gn_str_add(&joined, b);
    gn_str_release(out); /* last: a or b may lie in it */
    *out = joined;
}

gn_slice gn_path_name(gn_slice path) {
    const char *slash = path.len ? memrchr(path.data, '/', path.len) : NULL;
    return slash ? gn_slice_from(path, (size_t)(slash - path.data) + 1) : path;
}

gn_slice gn_path_folder(gn_slice path) {
    const char *slash = path.len ? memrchr(path.data, '/', path.len) : NULL;
    if (!slash)
        return GN_S(".");
    size_t len = (size_t)(slash - path.data);
    while (len > 1 && path.data[len - 1] == '/')
        len--;
    return (gn_slice){path.data, len ? len : 1};
}

bool gn_path_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

bool gn_path_is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool gn_path_make_folder(const char *path, gn_error *e) {
    if (!path[0])
        return gn_fail(e, GN_INVALID, "make folder '': a folder needs a name");
    char *copy = gn_strdup_slice(gn_slice_of(path));
    if (!copy)
        return gn_fail(e, GN_NO_MEMORY, "make folder '%s': out of memory", path);

    bool ok = true;
    for (size_t i = 1, len = strlen(copy); ok && i <= len; i++) {
        if (copy[i] != '/' && copy[i] != '\0')
            continue;
        copy[i] = '\0';
        const int why = mkdir(copy, 0700) == 0 ? 0 : errno; /* looking sets another */
        if (why && !gn_path_is_folder(copy)) {
            gn_fail(e, GN_IO, "make folder '%s': %s", copy,
                    why == EEXIST ? "a file of this name is in the way" : strerror(why));
            ok = gn_where(e, "%s", path);
        }
        if (i < len)
            copy[i] = '/';
    }
    free(copy);
    return ok;
}
