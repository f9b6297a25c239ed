/* index.c - see index.h: which files there are and what stands in them. */
#include "eval/index.h"

#include "eval/builtin.h"
#include "eval/catalog.h"
#include "eval/reader.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

/* ---- reading a file ----------------------------------------------------- */

static bool is_builtin(gn_slice path) { return gn_slice_starts(path, GN_S(GN_BUILTIN)); }

/* The text of a file, appended. */
static bool read_text(gn_slice path, gn_str *out, gn_error *e) {
    gn_str name = {0};
    gn_str_add(&name, path);
    bool ok = gn_str_ok(&name, e);
    if (ok && is_builtin(path)) {
        const gn_slice text =
            gn_embedded_find(gn_task_files, gn_str_text(&name) + sizeof GN_BUILTIN - 1);
        gn_str_add(out, text);
        ok = text.data || gn_fail(e, GN_IO, "no such built-in file");
    } else if (ok) {
        ok = gn_file_read(out, gn_str_text(&name), (size_t)64 << 20, e);
    }
    gn_str_release(&name);
    return ok;
}

static gn_value *parse(gn_index *x, gn_slice path, gn_error *e) {
    gn_str text = {0};
    gn_value *v = NULL;
    if (read_text(path, &text, e)) {
        /* Strings may point into the text. */
        const gn_slice kept = gn_arena_copy(&x->arena, gn_str_slice(&text));
        if (!kept.data)
            no_memory(e);
        else
            v = gn_slice_ends(path, GN_S(".json")) ? gn_json_parse(&x->arena, kept, e)
                                                   : gn_yaml_parse(&x->arena, kept, e);
    }
    gn_str_release(&text);
    if (v && v->kind != GN_MAP) {
        gn_fail(e, GN_FORMAT, "a %s where a map of keys is wanted", gn_kind_name(v->kind));
        return NULL;
    }
    return v;
}

/* ---- include ------------------------------------------------------------ */

static bool set(gn_index *x, gn_value *map, gn_slice key, gn_value *v, gn_error *e) {
    return gn_value_set(&x->arena, map, key, v) || no_memory(e);
}

/* Keys of one file over those that are there. */
static bool lay_over(gn_index *x, gn_task_file *s, const gn_task_file *from, gn_error *e) {
    for (size_t i = 0; i < gn_value_count(from->tree); i++) {
        const gn_entry *entry = &from->tree->map.entry[i];
        gn_value *origin = gn_value_get(from->origin, entry->key);
        if (!origin)
            origin = gn_value_borrow(&x->arena, from->path);
        if (!set(x, s->tree, entry->key, entry->value, e) ||
            !set(x, s->origin, entry->key, origin, e))
            return false;
    }
    return true;
}

static bool include(gn_index *x, gn_task_file *s, const gn_value *path, gn_error *e) {
    gn_str full = {0};
    if (path->kind != GN_STRING)
        return gn_fail(e, GN_FORMAT, "line %d: include: want a path or a list of paths",
                       path->line);
    if (is_builtin(s->folder)) {
        gn_str inner = {0};
        gn_slice folder = gn_slice_from(s->folder, sizeof GN_BUILTIN - 1);
        gn_path_join(&inner, folder, path->string);
        gn_str_puts(&full, GN_BUILTIN);
        gn_str_add(&full, folder.len ? gn_str_slice(&inner) : path->string);
        gn_str_release(&inner);
    } else {
        gn_path_join(&full, s->folder, path->string);
    }
    const gn_slice name = gn_arena_copy(&x->arena, gn_str_slice(&full));
    gn_str_release(&full);
    gn_task_file *from = name.data ? gn_catalog_load(x, name, e) : NULL;
    if (!from)
        return e->code != GN_OK ? false : no_memory(e);
    if (from->reading)
        return gn_fail(e, GN_FORMAT, "line %d: include: a cycle, back to '%.*s'", path->line,
                       (int)from->path.len, from->path.data);
    if (!from->tree)
        return gn_fail(e, GN_FORMAT, "line %d: include '%.*s': %.*s", path->line,
                       (int)from->path.len, from->path.data, (int)from->fault.len,
                       from->fault.data);
    return lay_over(x, s, from, e);
}

static bool resolve(gn_index *x, gn_task_file *s, const gn_value *own, gn_error *e) {
    const gn_value *paths = gn_value_get(own, GN_S("include"));
    s->tree = gn_value_map(&x->arena);
    s->origin = gn_value_map(&x->arena);
    if (!s->tree || !s->origin)
        return no_memory(e);
    if (gn_value_is(paths, GN_LIST)) {
        for (size_t i = 0; i < paths->list.count; i++)
            if (!include(x, s, paths->list.item[i], e))
                return false;
    } else if (paths && paths->kind != GN_NULL && !include(x, s, paths, e)) {
        return false;
    }
    for (size_t i = 0; i < own->map.count; i++) {
        const gn_entry *entry = &own->map.entry[i];
        if (gn_slice_is(entry->key, "include"))
            continue;
        gn_value *here = gn_value_borrow(&x->arena, s->path);
        if (!set(x, s->tree, entry->key, entry->value, e) ||
            !set(x, s->origin, entry->key, here, e))
            return false;
    }
    return true;
}

/* a/./b and a/x/../b as a/b, so that a file has one name. */
static gn_slice tidy(gn_index *x, gn_slice path) {
    gn_str out = {0};
    const size_t head = is_builtin(path) ? sizeof GN_BUILTIN - 1 : path.len && path.data[0] == '/';
    gn_str_add(&out, (gn_slice){path.data, head});
    for (size_t i = head; i < path.len;) {
        const char *end = memchr(path.data + i, '/', path.len - i);
        const size_t n = end ? (size_t)(end - path.data) - i : path.len - i;
        const gn_slice part = {path.data + i, n};
        i += n + 1;
        if (n == 0 || gn_slice_is(part, "."))
            continue;
        size_t cut = out.len;
        while (cut > head && out.data[cut - 1] != '/')
            cut--;
        const bool up = gn_slice_is(part, "..") && out.len > head &&
                        !gn_slice_is((gn_slice){out.data + cut, out.len - cut}, "..");
        if (up) {
            gn_str_cut(&out, cut > head ? cut - 1 : head);
            continue;
        }
        gn_str_puts(&out, out.len > head ? "/" : "");
        gn_str_add(&out, part);
    }
    const gn_slice kept = gn_arena_copy(&x->arena, gn_str_slice(&out));
    gn_str_release(&out);
    return kept;
}

static gn_slice folder_of(gn_slice path) {
    if (!is_builtin(path))
        return gn_path_folder(path);
    size_t n = path.len;
    while (n > sizeof GN_BUILTIN - 1 && path.data[n - 1] != '/')
        n--;
    return (gn_slice){path.data, n > sizeof GN_BUILTIN - 1 ? n - 1 : n};
}

gn_task_file *gn_catalog_load(gn_index *x, gn_slice path, gn_error *e) {
    int64_t at;
    gn_error why = {0};
    path = tidy(x, path);
    if (!path.data) {
        no_memory(e);
        return NULL;
    }
    if (gn_map_get(&x->by_path, path, &at))
        return x->source[at];

    gn_task_file *s = gn_arena_alloc(&x->arena, sizeof *s);
    if (!s || !gn_vec_reserve(&x->source, &x->source_room, x->n_source + 1, sizeof *x->source) ||
        !gn_map_set(&x->by_path, path, (int64_t)x->n_source)) {
        no_memory(e);
        return NULL;
    }
    x->source[x->n_source++] = s;
    *s =
        (gn_task_file){.path = path, .folder = folder_of(path), .reading = true, .fault = GN_S("")};
    const gn_value *own = parse(x, path, &why);
    if (!own || !resolve(x, s, own, &why)) {
        s->tree = NULL;
        s->fault = gn_arena_copy(&x->arena, gn_slice_of(why.message));
        if (why.code == GN_NO_MEMORY || !s->fault.data) {
            no_memory(e);
            return NULL;
        }
    }
    s->reading = false;
    return s;
}

/* ---- names -------------------------------------------------------------- */

bool gn_task_file_name(const gn_task_file *s, gn_slice *name, gn_entry_kind *kind) {
    const gn_value *task = gn_value_get(s->tree, GN_S("task"));
    const gn_value *group = gn_value_get(s->tree, GN_S("group"));
    if (gn_value_is(group, GN_STRING) && !gn_value_get(s->tree, GN_S("class"))) {
        *name = group->string;
        *kind = GN_ENTRY_GROUP;
        return true;
    }
    *name = gn_value_text(task);
    *kind = GN_ENTRY_TASK;
    return gn_value_is(task, GN_STRING);
}

bool gn_has_tag(const gn_task_file *s, gn_slice tag) {
    const gn_value *v = gn_value_get(s->tree, GN_S("tag"));
    if (gn_value_is(v, GN_LIST)) {
        for (size_t i = 0; i < v->list.count; i++)
            if (gn_slice_equal(gn_value_text(v->list.item[i]), tag))
                return true;
        return false;
    }
    return gn_value_is(v, GN_STRING) && gn_slice_equal(v->string, tag);
}

gn_named *gn_catalog_find(const gn_index *x, gn_slice name) {
    int64_t at;
    return gn_map_get(&x->by_name, name, &at) ? &x->named[at] : NULL;
}

/* A later folder replaces a name; within one the first stays. */
static bool add_name(gn_index *x, const gn_task_file *s, gn_error *e) {
    gn_named entry = {.source = s, .layer = x->layers};
    if (!s->tree || !gn_task_file_name(s, &entry.name, &entry.kind))
        return true;
    gn_named *old = gn_catalog_find(x, entry.name);
    if (old) {
        if (old->layer == x->layers)
            return true;
        gn_str_fmt(&x->notes, "%.*s: '%.*s' replaces that of %.*s\n", (int)s->path.len,
                   s->path.data, (int)entry.name.len, entry.name.data, (int)old->source->path.len,
                   old->source->path.data);
        *old = entry;
        return true;
    }
    if (!gn_vec_reserve(&x->named, &x->named_room, x->n_named + 1, sizeof *x->named) ||
        !gn_map_set(&x->by_name, entry.name, (int64_t)x->n_named))
        return no_memory(e);
    x->named[x->n_named++] = entry;
    return true;
}

/* ---- folders ------------------------------------------------------------ */

typedef struct paths {
    char **item;
    size_t count, capacity;
} paths;

static bool is_task_file(const char *name) {
    const gn_slice s = gn_slice_of(name);
    return gn_slice_ends(s, GN_S(".yaml")) || gn_slice_ends(s, GN_S(".yml")) ||
           gn_slice_ends(s, GN_S(".json"));
}

static bool collect(paths *p, const char *folder, int depth, gn_error *e);

static bool collect_one(paths *p, const char *folder, const char *name, int depth, gn_error *e) {
    gn_str path = {0};
    struct stat st;
    gn_path_join(&path, gn_slice_of(folder), gn_slice_of(name));
    bool ok = gn_str_ok(&path, e);
    if (ok && stat(gn_str_text(&path), &st) == 0 && S_ISDIR(st.st_mode)) {
        ok = collect(p, gn_str_text(&path), depth + 1, e);
    } else if (ok && is_task_file(name)) {
        ok = gn_vec_reserve(&p->item, &p->capacity, p->count + 1, sizeof *p->item) || no_memory(e);
        if (ok) {
            p->item[p->count++] = path.data;
            return true;
        }
    }
    gn_str_release(&path);
    return ok;
}

/* Every task file below a folder. */
static bool collect(paths *p, const char *folder, int depth, gn_error *e) {
    DIR *d = depth < 32 ? opendir(folder) : NULL;
    bool ok = true;
    if (!d)
        return depth > 0 || gn_fail(e, GN_IO, "folder '%s' cannot be read", folder);
    for (struct dirent *entry; ok && (entry = readdir(d));)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "__pycache__") != 0)
            ok = collect_one(p, folder, entry->d_name, depth, e);
    closedir(d);
    return ok;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool gn_catalog_add_folder(gn_index *x, const char *folder, gn_error *e) {
    paths p = {0};
    bool ok = collect(&p, folder, 0, e);
    x->layers++;
    if (ok && p.count)
        qsort(p.item, p.count, sizeof *p.item, by_text);
    for (size_t i = 0; ok && i < p.count; i++) {
        const gn_task_file *s = gn_catalog_load(x, gn_slice_of(p.item[i]), e);
        ok = s && add_name(x, s, e);
    }
    for (size_t i = 0; i < p.count; i++)
        free(p.item[i]);
    free(p.item);
    return ok;
}

static bool add_builtin(gn_index *x, gn_error *e) {
    bool ok = true;
    for (const gn_embedded *f = gn_task_files; ok && f->name; f++) {
        if (!is_task_file(f->name))
            continue;
        gn_str path = {0};
        gn_str_fmt(&path, GN_BUILTIN "%s", f->name);
        const gn_task_file *s = gn_catalog_load(x, gn_str_slice(&path), e);
        gn_str_release(&path);
        ok = s && add_name(x, s, e);
    }
    return ok;
}

static bool add_user(gn_index *x, gn_error *e) {
    gn_str folder = {0};
    gn_error none = {0};
    bool ok = true;
    if (gn_path_user(&folder, GN_DIR_CONFIG, &none)) {
        gn_str_puts(&folder, "/tasks");
        if (gn_path_is_folder(gn_str_text(&folder)))
            ok = gn_catalog_add_folder(x, gn_str_text(&folder), e);
    }
    gn_str_release(&folder);
    return ok;
}

/* ---- life --------------------------------------------------------------- */

gn_index *gn_index_new(const char *const *include_folder, int n, gn_error *e) {
    gn_index *x = calloc(1, sizeof *x);
    if (!x) {
        no_memory(e);
        return NULL;
    }
    bool ok = add_builtin(x, e) && add_user(x, e);
    for (int i = 0; ok && i < n; i++)
        ok = gn_catalog_add_folder(x, include_folder[i], e);
    if (ok)
        return x;
    gn_index_free(x);
    return NULL;
}

void gn_index_processed(gn_index *x) { x->processed = true; }

void gn_index_free(gn_index *x) {
    if (!x)
        return;
    free(x->source);
    free(x->named);
    gn_map_release(&x->by_path);
    gn_map_release(&x->by_name);
    gn_str_release(&x->notes);
    gn_arena_release(&x->arena);
    free(x);
}

const char *gn_index_notes(const gn_index *x) { return gn_str_text(&x->notes); }

bool gn_index_source(gn_index *x, const char *name, gn_str *out, gn_error *e) {
    const gn_slice word = gn_slice_of(name);
    const gn_named *entry = gn_catalog_find(x, word);
    const bool path = strchr(name, '/') || is_task_file(name);
    if (!entry && !path)
        return gn_fail(e, GN_INVALID, "no task or group '%s'", name);
    return read_text(entry ? entry->source->path : word, out, e);
}
