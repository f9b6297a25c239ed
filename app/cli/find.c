/* find.c - from what a model is called to where it is. */
#include "app/cli/command.h"

#include <dirent.h>
#include <stdlib.h>

/* Its name among the models that come with the program. */
#define IN_THE_BOX "pebble"

/* Folders of models, the nearest first: the user's, an installed program's, a source tree's. */
static bool folder(int i, gn_str *out, gn_error *e) {
    static const char *const beside[] = {NULL, "/../share/gneiss/models", "/../../models"};
    if (i == 0) {
        if (!gn_path_user(out, GN_DIR_DATA, e))
            return false;
        gn_str_puts(out, "/models");
    } else {
        if (!gn_path_program(out, e))
            return false;
        gn_str_puts(out, beside[i]);
    }
    return gn_str_ok(out, e);
}
enum { FOLDERS = 3 };

/* NAME or NAME.gguf in one of the folders from `first` on. */
static bool in_folders(int first, const char *name, gn_str *out, gn_error *e) {
    static const char *const ends[] = {"", ".gguf"};
    if (strchr(name, '/') || name[0] == '.')
        return false;
    for (int i = first; i < FOLDERS; i++)
        for (int k = 0; k < 2; k++) {
            gn_str path = {0};
            gn_error none = {0};
            const bool there = folder(i, &path, &none) &&
                               (gn_str_fmt(&path, "/%s%s", name, ends[k]), gn_str_ok(&path, e)) &&
                               gn_path_exists(gn_str_text(&path));
            char *real = there ? realpath(gn_str_text(&path), NULL) : NULL;
            gn_str_release(&path);
            if (real) {
                gn_str_puts(out, real);
                free(real);
                return gn_str_ok(out, e);
            }
        }
    return false;
}

/* An alias is a row of chats.db; no database, no aliases. */
static bool by_alias(const char *name, gn_str *out, gn_error *e) {
    gn_str file = {0};
    gn_error none = {0};
    gn_store *s = NULL;
    if (gn_store_path(&file, GN_STORE_CHATS, &none) && gn_path_exists(gn_str_text(&file)))
        s = gn_store_open(gn_str_text(&file), true, &none);
    const bool found = s && gn_store_alias_find(s, name, out, e);
    gn_store_close(s);
    gn_str_release(&file);
    return found;
}

/* The name in a folder of models that is nearest to `name`, to kept; "" if none is near. */
static void near_name(const char *name, char kept[64]) {
    char stem[64];
    gn_near near = {.word = gn_slice_of(name)};
    kept[0] = '\0';
    for (int i = 0; i < FOLDERS; i++) {
        gn_str path = {0};
        gn_error none = {0};
        DIR *d = folder(i, &path, &none) ? opendir(gn_str_text(&path)) : NULL;
        for (const struct dirent *entry; d && (entry = readdir(d));) {
            gn_slice is = gn_slice_of(entry->d_name);
            if (gn_slice_ends(is, GN_S(".gguf")))
                is.len -= strlen(".gguf");
            if (is.len >= sizeof stem || is.data[0] == '.')
                continue;
            snprintf(stem, sizeof stem, "%.*s", (int)is.len, is.data);
            gn_near_try(&near, stem);
            if (near.best == stem)
                near.best = memcpy(kept, stem, sizeof stem);
        }
        if (d)
            closedir(d);
        gn_str_release(&path);
    }
}

bool gn_model_path(const char *name, gn_str *out, gn_error *e) {
    char near[64];
    gn_error why = {0};
    if (gn_path_exists(name)) {
        gn_str_puts(out, name);
        return gn_str_ok(out, e);
    }
    const bool word = !strchr(name, '/');
    if (word && (by_alias(name, out, &why) || in_folders(0, name, out, &why) ||
                 gn_model_find(name, out, &why)))
        return true;
    if (why.code == GN_INVALID) /* a prefix that fits two */
        gn_fail(e, GN_INVALID, "%s", why.message);
    else if (!word)
        gn_fail(e, GN_IO, "there is no model '%.200s'", name);
    else if (near_name(name, near), near[0])
        gn_fail(e, GN_IO, "there is no model '%.60s'; did you mean '%s'?", name, near);
    else
        gn_fail(
            e, GN_IO,
            "there is no model '%.60s': no file or folder, no alias, no sha that begins so, none "
            "in the folders of models",
            name);
    return gn_where(e, "%.150s", name);
}

bool gn_model_in_box(gn_str *out, gn_error *e) {
    if (in_folders(1, IN_THE_BOX, out, e))
        return true;
    return gn_fail(e, GN_IO, "the model that comes with gneiss is not beside the program");
}
