/* saved.c - see saved.h. */
#include "app/cli/saved.h"

#include "app/cli/settings.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

extern const gn_embedded gn_prompt_files[]; /* prompts/ of the tree */

/* The two kinds: where the user's lie below the configuration folder, where ours below prompts/. */
typedef struct kind {
    const char *what, *theirs, *ours, *suffix;
} kind;
static const kind prompts = {"prompt", "/prompts/", "system/", ".txt"};
static const kind templates = {"chat template", "/prompts/chat/", "chat/", ".jinja"};

static bool user_path(const kind *k, const char *name, gn_str *out, gn_error *e) {
    if (!gn_path_user(out, GN_DIR_CONFIG, e))
        return false;
    gn_str_fmt(out, "%s%s%s", k->theirs, name, name[0] ? k->suffix : "");
    return gn_str_ok(out, e);
}

/* ---- all of them -------------------------------------------------------- */

/* "x.txt" to "x"; 0: another kind of file, or a hidden one. */
static size_t stem(const kind *k, const char *file) {
    const size_t n = strlen(file), tail = strlen(k->suffix);
    return file[0] != '.' && n > tail && strcmp(file + n - tail, k->suffix) == 0 ? n - tail : 0;
}

static bool is_theirs(const kind *k, const char *name) {
    gn_str path = {0};
    gn_error e = {0};
    const bool there = user_path(k, name, &path, &e) && gn_path_exists(gn_str_text(&path));
    gn_str_release(&path);
    return there;
}

static bool each_theirs(const kind *k, gn_saved_each each, void *user) {
    gn_str folder = {0}, text = {0};
    gn_error e = {0};
    bool go_on = true;
    DIR *dir = user_path(k, "", &folder, &e) ? opendir(gn_str_text(&folder)) : NULL;
    for (const struct dirent *d; dir && go_on && (d = readdir(dir));) {
        const size_t n = stem(k, d->d_name);
        char *name = n ? gn_strdup_slice((gn_slice){d->d_name, n}) : NULL;
        if (!name)
            continue;
        gn_str path = {0};
        gn_str_cut(&text, 0);
        gn_str_fmt(&path, "%s%s", gn_str_text(&folder), d->d_name);
        if (gn_file_read(&text, gn_str_text(&path), 1 << 20, &e))
            go_on = each(user, name, gn_str_slice(&text));
        gn_str_release(&path);
        free(name);
    }
    if (dir)
        closedir(dir);
    gn_str_release(&folder);
    gn_str_release(&text);
    return go_on;
}

static void each_one(const kind *k, gn_saved_each each, void *user) {
    bool go_on = each_theirs(k, each, user);
    const size_t n = strlen(k->ours);
    for (const gn_embedded *f = gn_prompt_files; go_on && f->name; f++) {
        if (strncmp(f->name, k->ours, n) != 0 || stem(k, f->name + n) == 0)
            continue;
        char *name = gn_strdup_slice((gn_slice){f->name + n, stem(k, f->name + n)});
        if (name && !is_theirs(k, name))
            go_on = each(user, name, (gn_slice){(const char *)f->data, f->size});
        free(name);
    }
}

void gn_saved_prompts(gn_saved_each each, void *user) { each_one(&prompts, each, user); }
void gn_saved_templates(gn_saved_each each, void *user) { each_one(&templates, each, user); }

/* ---- one ---------------------------------------------------------------- */

typedef struct listing {
    gn_near near;
    char best[64];
    gn_str names;
} listing;

static bool list(void *user, const char *name, gn_slice text) {
    listing *l = user;
    const char *before = l->near.best;
    (void)text;
    gn_str_fmt(&l->names, "%s%s", l->names.len ? ", " : "", name);
    gn_near_try(&l->near, name);
    if (l->near.best != before) { /* the name does not outlive this call */
        snprintf(l->best, sizeof l->best, "%s", name);
        l->near.best = l->best;
    }
    return true;
}

static bool unknown(const kind *k, const char *name, gn_error *e) {
    char hint[100];
    gn_str path = {0};
    gn_error none = {0};
    listing l = {.near = {.word = gn_slice_of(name)}};
    user_path(k, name, &path, &none);
    each_one(k, list, &l);
    gn_fail(e, GN_INVALID,
            "there is no %s '%.60s'%s (there are %.300s, and your own would be '%.200s')", k->what,
            name, gn_near_hint(&l.near, hint, sizeof hint), gn_str_text(&l.names),
            gn_str_text(&path));
    gn_str_release(&l.names);
    gn_str_release(&path);
    return false;
}

static bool load(const kind *k, const char *name, gn_str *out, gn_error *e) {
    gn_str path = {0}, file = {0};
    bool ok = true;
    if (strchr(name, '/') || name[0] == '.' || name[0] == '\0')
        return gn_fail(e, GN_INVALID, "a %s is named without its folder, not '%.60s'", k->what,
                       name);
    gn_str_fmt(&file, "%s%s%s", k->ours, name, k->suffix);
    const gn_slice ours = gn_embedded_find(gn_prompt_files, gn_str_text(&file));
    gn_error no_home = {0};
    if (user_path(k, name, &path, &no_home) && gn_path_exists(gn_str_text(&path)))
        ok = gn_file_read(out, gn_str_text(&path), 16 << 20, e);
    else if (ours.data)
        gn_str_add(out, ours);
    else
        ok = unknown(k, name, e);
    gn_str_release(&path);
    gn_str_release(&file);
    return ok && gn_str_ok(out, e);
}

static bool set_var(gn_arena *a, gn_value *vars, const char *text, gn_error *e) {
    const char *equal = strchr(text, '=');
    if (!equal || equal == text)
        return gn_fail(e, GN_INVALID, "--var: want NAME=VALUE, not '%.60s'", text);
    const gn_slice name = {text, (size_t)(equal - text)};
    for (size_t i = 0; i < name.len; i++)
        if (!(name.data[i] == '_' || (name.data[i] >= 'a' && name.data[i] <= 'z') ||
              (name.data[i] >= 'A' && name.data[i] <= 'Z') ||
              (i > 0 && name.data[i] >= '0' && name.data[i] <= '9')))
            return gn_fail(e, GN_INVALID, "--var: '%.*s' is no name of letters, digits and _",
                           name.len > 40 ? 40 : (int)name.len, name.data);
    return gn_value_set(a, vars, name, gn_value_string(a, gn_slice_of(equal + 1))) ||
           gn_fail(e, GN_NO_MEMORY, "out of memory");
}

bool gn_saved_prompt(const char *name, const char *model, const char *const *var, int n_var,
                     gn_str *out, gn_error *e) {
    char date[16];
    gn_arena arena = {0};
    gn_str source = {0};
    gn_slice last = gn_path_name(gn_slice_of(model));
    if (gn_slice_ends(last, GN_S(".gguf")))
        last.len -= strlen(".gguf");
    gn_value *vars = gn_value_map(&arena);
    bool ok = load(&prompts, name, &source, e);
    if (ok && source.len > 0 && source.data[source.len - 1] == '\n')
        gn_str_cut(&source, source.len - 1);
    gn_template *t = ok ? gn_template_new(gn_str_slice(&source), GN_TEMPLATE_CHAT, e) : NULL;
    if (ok &&
        (gn_local_time(date, sizeof date, "%Y-%m-%d") == 0 ||
         !gn_value_set(&arena, vars, GN_S("date"), gn_value_string(&arena, gn_slice_of(date))) ||
         !gn_value_set(&arena, vars, GN_S("model"), gn_value_string(&arena, last))))
        ok = gn_fail(e, GN_NO_MEMORY, "out of memory");
    for (int i = 0; ok && i < n_var; i++)
        ok = set_var(&arena, vars, var[i], e);
    if (ok && (!t || !gn_template_render(t, vars, out, e) || !gn_str_ok(out, e)))
        ok = gn_context(e, "prompt '%.60s'", name);
    gn_template_free(t);
    gn_arena_release(&arena);
    gn_str_release(&source);
    return ok;
}

bool gn_saved_template(const char *name, gn_str *out, gn_error *e) {
    const bool is_path = strchr(name, '/') || strchr(name, '.') || gn_path_exists(name);
    if (is_path ? gn_file_read(out, name, 1 << 20, e) : load(&templates, name, out, e))
        return true;
    gn_where(e, "--template");
    return is_path ? gn_context(e, "--template") : false;
}
