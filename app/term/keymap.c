/* keymap.c - see keymap.h. */
#include "app/term/keymap.h"

#include "app/cli/settings.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name, *write, *read, *help;
} row[] = {{"none", "", "", ""},
#define X(NAME, name, write, read, help) {name, write, read, help},
           GN_REQUESTS(X)
#undef X
};
enum { N = sizeof row / sizeof row[0] };

static const char *const views[] = {"write",   "read", "chat", "sessions", "tokens",
                                    "compare", "eval", "full", "drop",     "help"};
enum { N_VIEWS = sizeof views / sizeof views[0] };

const char *gn_keymap_view(int i) { return i >= 0 && i < N_VIEWS ? views[i] : NULL; }

const char *gn_request_name(gn_request r) { return (int)r < N ? row[r].name : "slash"; }
const char *gn_request_help(gn_request r) { return (int)r < N ? row[r].help : ""; }

gn_request gn_request_find(gn_slice name) {
    for (int i = 1; i < N; i++)
        if (gn_slice_is(name, row[i].name))
            return (gn_request)i;
    return GN_REQUEST_NONE;
}

/* The next word of a line. */
static gn_slice word_of(gn_slice *s) {
    while (s->len && (s->data[0] == ' ' || s->data[0] == '\t' || s->data[0] == '\r'))
        *s = gn_slice_from(*s, 1);
    gn_slice word = {s->data, 0};
    while (word.len < s->len && !strchr(" \t\r", s->data[word.len]))
        word.len++;
    *s = gn_slice_from(*s, word.len);
    return word;
}

static bool same_keys(const gn_binding *b, const char *view, const gn_key *key, int n) {
    return strcmp(b->view, view) == 0 && gn_key_equal(b->key[0], key[0]) &&
           (n == 2 ? gn_key_equal(b->key[1], key[1]) : b->key[1].code == 0);
}

static bool add(gn_keymap *m, const char *view, const gn_key *key, int n, gn_request r,
                gn_slice argument, gn_error *e) {
    char *text = NULL;
    if (!gn_vec_reserve(&m->binding, &m->room, m->count + 1, sizeof *m->binding) ||
        (argument.len && !(text = gn_strdup_slice(argument))))
        return gn_fail(e, GN_NO_MEMORY, "keys: out of memory");
    m->binding[m->count++] = (gn_binding){view, {key[0], n == 2 ? key[1] : (gn_key){0}}, r, text};
    return true;
}

static bool drop(gn_keymap *m, const char *view, const gn_key *key, int n) {
    for (size_t i = 0; i < m->count; i++)
        if (same_keys(&m->binding[i], view, key, n)) {
            free(m->binding[i].argument);
            m->binding[i] = m->binding[--m->count];
            return true;
        }
    return false;
}

static bool add_defaults(gn_keymap *m, const char *view, const char *keys, gn_request r,
                         gn_error *e) {
    gn_slice s = gn_slice_of(keys), word;
    gn_key key;
    while ((word = word_of(&s)).len)
        if (!gn_key_parse(word, &key) || !add(m, view, &key, 1, r, (gn_slice){0}, e))
            return false;
    return true;
}

bool gn_keymap_init(gn_keymap *m, gn_error *e) {
    *m = (gn_keymap){0};
    bool ok = true;
    for (int i = 1; i < N; i++)
        ok = ok && add_defaults(m, "write", row[i].write, (gn_request)i, e) &&
             add_defaults(m, "read", row[i].read, (gn_request)i, e);
#define X(view, keys, NAME) ok = ok && add_defaults(m, view, keys, GN_REQUEST_##NAME, e);
    GN_VIEW_KEYS(X)
#undef X
    if (!ok)
        gn_keymap_release(m);
    return ok;
}

void gn_keymap_release(gn_keymap *m) {
    for (size_t i = 0; i < m->count; i++)
        free(m->binding[i].argument);
    free(m->binding);
    *m = (gn_keymap){0};
}

const gn_binding *gn_keymap_find(const gn_keymap *m, const char *view, const gn_key *key, int n,
                                 bool *more) {
    const gn_binding *found = NULL;
    *more = false;
    for (size_t i = 0; i < m->count; i++) {
        const gn_binding *b = &m->binding[i];
        if (same_keys(b, view, key, n))
            found = b;
        else if (n == 1 && strcmp(b->view, view) == 0 && gn_key_equal(b->key[0], key[0]))
            *more = true;
    }
    return found;
}

void gn_keymap_keys(const gn_keymap *m, const char *view, gn_request r, gn_str *out) {
    bool first = true;
    for (size_t i = 0; i < m->count; i++)
        if (m->binding[i].request == r && strcmp(m->binding[i].view, view) == 0) {
            gn_str_puts(out, first ? "" : " ");
            gn_key_name(m->binding[i].key[0], out);
            if (m->binding[i].key[1].code)
                gn_key_name(m->binding[i].key[1], out);
            first = false;
        }
}

/* ---- the file ----------------------------------------------------------- */

static const char *view_of(gn_slice name, gn_error *e) {
    char hint[80];
    gn_near near = {.word = name};
    for (int i = 0; i < N_VIEWS; i++) {
        if (gn_slice_is(name, views[i]))
            return views[i];
        gn_near_try(&near, views[i]);
    }
    gn_str all = {0};
    for (int i = 0; i < N_VIEWS; i++)
        gn_str_fmt(&all, "%s%s", i ? ", " : "", views[i]);
    gn_fail(e, GN_INVALID, "there is no view '%.*s'%s (there are %s)",
            name.len > 40 ? 40 : (int)name.len, name.data, gn_near_hint(&near, hint, sizeof hint),
            gn_str_text(&all));
    gn_str_release(&all);
    return NULL;
}

static bool unknown_request(gn_slice name, gn_error *e) {
    char hint[80];
    gn_near near = {.word = name};
    for (int i = 1; i < N; i++)
        gn_near_try(&near, row[i].name);
    return gn_fail(
        e, GN_INVALID,
        "'%.*s' is no key and no request%s (gneiss keys lists requests; keys are a character or "
        "Enter, Esc, Tab, Space, BackSpace, Del, Ins, Up, Down, Left, Right, Home, End, PgUp, "
        "PgDn, F1 "
        "to F12, with Ctrl+, Alt+, Shift+ before)",
        name.len > 40 ? 40 : (int)name.len, name.data, gn_near_hint(&near, hint, sizeof hint));
}

/* A sequence and its own first key cannot both be bound. */
static bool clashes(const gn_keymap *m, const char *view, const gn_key *key, int n) {
    for (size_t i = 0; i < m->count; i++) {
        const gn_binding *b = &m->binding[i];
        if (strcmp(b->view, view) == 0 && gn_key_equal(b->key[0], key[0]) &&
            (n == 2) != (b->key[1].code != 0))
            return true;
    }
    return false;
}

static bool read_line(gn_keymap *m, gn_slice s, gn_error *e) {
    const gn_slice verb = word_of(&s);
    if (verb.len == 0 || verb.data[0] == '#')
        return true;
    const bool bind = gn_slice_is(verb, "bind");
    if (!bind && !gn_slice_is(verb, "unbind"))
        return gn_fail(e, GN_INVALID, "want bind or unbind, not '%.*s'",
                       verb.len > 40 ? 40 : (int)verb.len, verb.data);
    const char *view = view_of(word_of(&s), e);
    if (!view)
        return false;
    gn_key key[2];
    int n = 0;
    gn_slice word = word_of(&s), rest = s;
    /* A single letter is a key wherever one may stand; requests are longer. */
    while (n < 2 && word.len && gn_key_parse(word, &key[n])) {
        n++;
        rest = s;
        word = word_of(&s);
    }
    if (n == 0)
        return gn_fail(e, GN_INVALID, "want a key such as Ctrl+R, not '%.*s'",
                       word.len > 40 ? 40 : (int)word.len, word.data);
    if (!bind) {
        if (word.len && word.data[0] != '#')
            return gn_fail(e, GN_INVALID, "'%.*s' is no key", word.len > 40 ? 40 : (int)word.len,
                           word.data);
        return drop(m, view, key, n) || gn_fail(e, GN_INVALID, "that key is not bound there");
    }
    if (word.len == 0)
        return gn_fail(e, GN_INVALID, "want a request or a slash command after the key");
    drop(m, view, key, n);
    if (clashes(m, view, key, n))
        return gn_fail(e, GN_INVALID, "the first key of the sequence is itself bound: unbind it");
    while (rest.len && (rest.data[0] == ' ' || rest.data[0] == '\t'))
        rest = gn_slice_from(rest, 1);
    while (rest.len && strchr(" \t\r", rest.data[rest.len - 1]))
        rest.len--;
    if (word.data[0] == '/')
        return add(m, view, key, n, GN_REQUEST_SLASH, rest, e);
    const gn_request r = gn_request_find(word);
    return r ? add(m, view, key, n, r, gn_slice_from(rest, word.len + 1), e)
             : unknown_request(word, e);
}

bool gn_keymap_read(gn_keymap *m, gn_slice text, const char *file, gn_settings *s, gn_error *e) {
    for (int line = 1; text.len; line++) {
        const char *end = memchr(text.data, '\n', text.len);
        const size_t len = end ? (size_t)(end - text.data) : text.len;
        if (!read_line(m, (gn_slice){text.data, len}, e)) {
            gn_context(e, "%s:%d", file, line);
            gn_where(e, "%s:%d", file, line);
            if (!s || !gn_settings_forgiven(s, e))
                return false;
        }
        text = gn_slice_from(text, len + 1);
    }
    return true;
}

bool gn_keymap_load(gn_keymap *m, gn_settings *s, gn_error *e) {
    gn_str path = {0}, text = {0};
    gn_error no_home = {0};
    bool ok = true;
    if (gn_path_user(&path, GN_DIR_CONFIG, &no_home)) {
        gn_str_puts(&path, "/keys");
        ok = gn_str_ok(&path, e);
        if (ok && gn_path_exists(gn_str_text(&path)))
            ok = gn_file_read(&text, gn_str_text(&path), 1 << 20, e)
                     ? gn_keymap_read(m, gn_str_slice(&text), gn_str_text(&path), s, e)
                     : s && gn_settings_forgiven(s, e);
    }
    gn_str_release(&path);
    gn_str_release(&text);
    return ok;
}
