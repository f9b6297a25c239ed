/* settings_file.c - where settings come from: a line of a file, a variable.
 *
 *   file  = { line } ;  line = [ key "=" value ] ;  key = lower-case words joined by "_"
 *   value = word | "'" any but ' "'" | '"' any, with \n \t \" \\ '"'
 *
 * "#" after white space or at the line's start begins a comment.
 */
#include "app/cli/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static void skip_blank(gn_slice *s) {
    while (s->len && blank(s->data[0]))
        *s = gn_slice_from(*s, 1);
}

/* A quoted value, without its quotes; *s stands behind the closing one. */
static bool quoted(gn_slice *s, gn_str *out, gn_error *e) {
    const char quote = s->data[0];
    for (*s = gn_slice_from(*s, 1); s->len; *s = gn_slice_from(*s, 1)) {
        char c = s->data[0];
        if (c == quote) {
            *s = gn_slice_from(*s, 1);
            return true;
        }
        if (quote == '"' && c == '\\') {
            *s = gn_slice_from(*s, 1);
            const char *known = s->len ? memchr("nt\"\\", s->data[0], 4) : NULL;
            if (!known)
                return gn_fail(e, GN_INVALID, "after a backslash only n, t, \" and \\ are known");
            c = *known == 'n' ? '\n' : *known == 't' ? '\t' : *known;
        }
        gn_str_putc(out, c);
    }
    return gn_fail(e, GN_INVALID, "the quote %c is not closed", quote);
}

static bool value_of(gn_slice *s, gn_str *out, gn_error *e) {
    skip_blank(s);
    if (s->len && (s->data[0] == '"' || s->data[0] == '\'')) {
        if (!quoted(s, out, e))
            return false;
    } else
        for (; s->len && !blank(s->data[0]); *s = gn_slice_from(*s, 1))
            gn_str_putc(out, s->data[0]);
    const bool spaced = s->len == 0 || blank(s->data[0]);
    skip_blank(s);
    if (s->len && (s->data[0] != '#' || !spaced))
        return gn_fail(e, GN_INVALID, "a value of several words wants quotes: '%.*s' is left over",
                       s->len > 40 ? 40 : (int)s->len, s->data);
    return gn_str_ok(out, e);
}

static bool read_line(gn_settings *set, gn_slice s, const char *where, gn_source source,
                      gn_error *e) {
    skip_blank(&s);
    if (s.len == 0 || s.data[0] == '#')
        return true;
    gn_slice key = {s.data, 0};
    while (key.len < s.len && ((s.data[key.len] >= 'a' && s.data[key.len] <= 'z') ||
                               s.data[key.len] == '_' || s.data[key.len] == '-'))
        key.len++;
    s = gn_slice_from(s, key.len);
    skip_blank(&s);
    gn_str value = {0};
    bool ok = true;
    if (key.len == 0 || s.len == 0 || s.data[0] != '=')
        ok = gn_fail(e, GN_INVALID, "want NAME = VALUE");
    if (ok) {
        s = gn_slice_from(s, 1);
        ok = value_of(&s, &value, e);
    }
    if (!ok) {
        gn_context(e, "%s", where);
        gn_where(e, "%s", where);
    }
    ok = ok && gn_settings_set(set, key, gn_str_slice(&value), source, where, e);
    gn_str_release(&value);
    return ok;
}

bool gn_settings_read(gn_settings *s, gn_slice text, const char *file, bool project, gn_error *e) {
    char where[160];
    for (int line = 1; text.len; line++) {
        const char *end = memchr(text.data, '\n', text.len);
        const size_t len = end ? (size_t)(end - text.data) : text.len;
        snprintf(where, sizeof where, "%s:%d", file, line);
        if (!read_line(s, (gn_slice){text.data, len}, where,
                       project ? GN_SOURCE_PROJECT : GN_SOURCE_FILE, e) &&
            !gn_settings_forgiven(s, e))
            return false;
        text = gn_slice_from(text, len + 1);
    }
    return true;
}

static bool read_file(gn_settings *s, const char *path, bool project, gn_error *e) {
    gn_str text = {0};
    bool ok = !gn_path_exists(path);
    if (!ok)
        ok = gn_file_read(&text, path, 1 << 20, e)
                 ? gn_settings_read(s, gn_str_slice(&text), path, project, e)
                 : gn_settings_forgiven(s, e);
    gn_str_release(&text);
    return ok;
}

/* The nearest .gneiss, from folder up to the one that holds .git. */
static bool read_project(gn_settings *s, const char *folder, gn_error *e) {
    char *real = realpath(folder, NULL);
    gn_str path = {0};
    bool ok = true;
    for (size_t len = real ? strlen(real) : 0; len > 0;) {
        gn_str_cut(&path, 0);
        gn_str_add(&path, (gn_slice){real, len});
        gn_str_puts(&path, "/.gneiss");
        if (gn_path_exists(gn_str_text(&path))) {
            ok = read_file(s, gn_str_text(&path), true, e);
            break;
        }
        gn_str_cut(&path, path.len - strlen(".gneiss"));
        gn_str_puts(&path, ".git");
        if (gn_path_exists(gn_str_text(&path)))
            break;
        while (len > 0 && real[len - 1] != '/')
            len--;
        len = len > 1 ? len - 1 : 0;
    }
    gn_str_release(&path);
    free(real);
    return ok;
}

/* GNEISS_STATE_MEM=1G. A variable that is no setting is a mistake worth telling. */
static bool read_environment(gn_settings *s, gn_error *e) {
    static const char prefix[] = "GNEISS_";
    for (char **v = environ; v && *v; v++) {
        char name[64] = "", where[80];
        const char *equal = strchr(*v, '=');
        if (strncmp(*v, prefix, sizeof prefix - 1) != 0 || !equal ||
            (size_t)(equal - *v) > sizeof name)
            continue;
        size_t n = 0;
        for (const char *p = *v + sizeof prefix - 1; p < equal; p++)
            name[n++] = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
        snprintf(where, sizeof where, "%.*s", (int)(equal - *v), *v);
        if (!gn_settings_set(s, gn_slice_of(name), gn_slice_of(equal + 1), GN_SOURCE_ENVIRONMENT,
                             where, e) &&
            !gn_settings_forgiven(s, e))
            return false;
    }
    return true;
}

bool gn_settings_load(gn_settings *s, const char *folder, gn_error *e) {
    gn_str path = {0};
    gn_error no_home = {0};
    bool ok = true;
    if (gn_path_user(&path, GN_DIR_CONFIG, &no_home)) {
        gn_str_puts(&path, "/settings");
        ok = gn_str_ok(&path, e) && read_file(s, gn_str_text(&path), false, e);
    }
    gn_str_release(&path);
    return ok && read_project(s, folder, e) && read_environment(s, e);
}
