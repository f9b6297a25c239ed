/* dataset.c - see dataset.h. */
#include "eval/dataset.h"

#include "eval/builtin.h"

#include <glob.h>
#include <stdlib.h>

/* ---- one file ----------------------------------------------------------- */

static bool add_object(gn_arena *a, gn_slice text, gn_value *list, gn_error *e) {
    gn_value *v = gn_json_parse(a, text, e);
    if (!v)
        return false;
    if (v->kind != GN_MAP)
        return gn_fail(e, GN_FORMAT, "a %s where an object is wanted", gn_kind_name(v->kind));
    return gn_value_add(a, list, v) || gn_fail(e, GN_NO_MEMORY, "out of memory");
}

static bool parse_lines(gn_arena *a, gn_slice text, gn_value *list, gn_error *e) {
    for (int line = 1; text.len; line++) {
        const char *end = memchr(text.data, '\n', text.len);
        const size_t n = end ? (size_t)(end - text.data) : text.len;
        const gn_slice one = {text.data, n};
        if (gn_text_strip(one, true, true).len && !add_object(a, one, list, e))
            return gn_context(e, "line %d", line);
        text = gn_slice_from(text, n + 1);
    }
    return true;
}

/* Bytes of the object or array at the start of text; all of it when it does not end. */
static size_t value_length(gn_slice text) {
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.data[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth <= 0) {
            return i + 1;
        }
    }
    return text.len;
}

static bool add_array(gn_arena *a, const gn_value *array, gn_value *list, gn_error *e) {
    for (size_t i = 0; i < gn_value_count(array); i++) {
        gn_value *v = gn_value_at(array, i);
        if (v->kind != GN_MAP)
            return gn_fail(e, GN_FORMAT, "item %zu is a %s where an object is wanted", i,
                           gn_kind_name(v->kind));
        if (!gn_value_add(a, list, v))
            return gn_fail(e, GN_NO_MEMORY, "out of memory");
    }
    return true;
}

static bool parse_whole(gn_arena *a, gn_slice text, const char *field, gn_value *list,
                        gn_error *e) {
    text = gn_text_strip(text, true, true);
    if (!field && text.len && text.data[0] == '{') {
        for (int nth = 0; text.len; nth++) {
            const size_t n = value_length(text);
            if (!add_object(a, (gn_slice){text.data, n}, list, e))
                return gn_context(e, "object %d", nth);
            text = gn_text_strip(gn_slice_from(text, n), true, false);
        }
        return true;
    }
    gn_value *v = gn_json_parse(a, text, e);
    if (!v)
        return false;
    if (field && !(v = gn_value_get(v, gn_slice_of(field))))
        return gn_fail(e, GN_FORMAT, "no key '%s' (dataset_kwargs.field)", field);
    if (v->kind != GN_LIST)
        return gn_fail(e, GN_FORMAT, "a %s where an array of objects is wanted",
                       gn_kind_name(v->kind));
    return add_array(a, v, list, e);
}

bool gn_documents_parse(gn_arena *a, gn_slice text, bool lines, const char *field, gn_value *list,
                        gn_error *e) {
    if (!gn_utf8_valid(text))
        return gn_fail(e, GN_FORMAT, "the text is not UTF-8");
    return lines ? parse_lines(a, text, list, e) : parse_whole(a, text, field, list, e);
}

/* ---- where files are ---------------------------------------------------- */

/* What one split is read from. */
typedef struct source {
    const gn_task *task;
    const char *data; /* --data or NULL */
    gn_split *split;
    gn_value *list;
    gn_sha256 *sha;
    gn_error *e;
} source;

static bool read_text(source *s, gn_slice path, gn_slice text) {
    gn_split *split = s->split;
    const gn_value *field = gn_value_get(s->task->dataset_kwargs, GN_S("field"));
    const bool lines = gn_slice_ends(path, GN_S(".jsonl"));

    if (!lines && !gn_slice_ends(path, GN_S(".json")))
        return gn_fail(s->e, GN_UNSUPPORTED, "'%.*s' is neither .jsonl nor .json", (int)path.len,
                       path.data);
    gn_sha256_add(s->sha, text.data, text.len);
    gn_str_fmt(&split->path, "%s%.*s", split->path.len ? ", " : "", (int)path.len, path.data);
    const gn_slice copy = gn_arena_copy(&split->arena, text);
    gn_str name = {0};
    gn_str_add(&name, gn_value_text(field));
    const bool ok =
        copy.data ? gn_documents_parse(&split->arena, copy, lines,
                                       field && !lines ? gn_str_text(&name) : NULL, s->list, s->e)
                  : gn_fail(s->e, GN_NO_MEMORY, "out of memory");
    gn_str_release(&name);
    return ok || gn_context(s->e, "'%.*s'", (int)path.len, path.data);
}

static bool read_file(source *s, const char *path) {
    gn_str text = {0};
    const bool ok = gn_file_read(&text, path, (size_t)4 << 30, s->e) &&
                    read_text(s, gn_slice_of(path), gn_str_slice(&text));
    gn_str_release(&text);
    return ok;
}

/* One entry of data_files that is built in. *found: it is. */
static bool read_builtin(source *s, gn_slice name, bool *found) {
    gn_str path = {0};
    gn_path_join(&path, gn_slice_from(s->task->folder, sizeof GN_BUILTIN - 1), name);
    if (gn_slice_starts(gn_str_slice(&path), GN_S("./")))
        gn_str_cut(&path, 0), gn_str_add(&path, name);
    const gn_slice text = gn_embedded_find(gn_task_files, gn_str_text(&path));
    *found = text.data != NULL;
    const bool ok = !*found || read_text(s, gn_str_slice(&path), text);
    gn_str_release(&path);
    return ok;
}

/* Files that fit folder/pattern, sorted. */
static bool read_matching(source *s, gn_slice folder, gn_slice pattern, bool *found) {
    gn_str path = {0};
    glob_t g = {0};
    gn_path_join(&path, folder, pattern);
    bool ok = gn_str_ok(&path, s->e);
    *found = false;
    if (ok && glob(gn_str_text(&path), 0, NULL, &g) == 0)
        for (size_t i = 0; ok && i < g.gl_pathc; i++) {
            *found = true;
            ok = read_file(s, g.gl_pathv[i]);
        }
    globfree(&g);
    gn_str_release(&path);
    return ok;
}

static bool read_entry(source *s, const gn_value *entry) {
    const gn_slice name = gn_value_text(entry), folder = s->task->folder;
    const bool builtin = gn_slice_starts(folder, GN_S(GN_BUILTIN));
    bool found = false;

    if (s->data && !read_matching(s, gn_slice_of(s->data), name, &found))
        return false;
    if (!found &&
        !(builtin ? read_builtin(s, name, &found) : read_matching(s, folder, name, &found)))
        return false;
    if (!found && !read_matching(s, GN_S("."), name, &found))
        return false;
    if (!found)
        return gn_fail(s->e, GN_IO, "data file '%.*s' is neither in %s nor here", (int)name.len,
                       name.data, s->data ? s->data : "the folder of the task file");
    return true;
}

/* data_files: a path or a list of them is split `train`; a map says which. */
static const gn_value *files_of(const gn_task *t, gn_slice split) {
    const gn_value *files = gn_value_get(t->dataset_kwargs, GN_S("data_files"));
    if (gn_value_is(files, GN_MAP))
        return gn_value_get(files, split);
    return gn_slice_is(split, "train") ? files : NULL;
}

static bool read_named(source *s) {
    const gn_value *files = files_of(s->task, s->split->name);
    if (!files)
        return gn_fail(s->e, GN_INVALID, "dataset_kwargs.data_files names no file of split '%.*s'",
                       (int)s->split->name.len, s->split->name.data);
    if (files->kind == GN_STRING)
        return read_entry(s, files);
    for (size_t i = 0; i < gn_value_count(files); i++)
        if (!read_entry(s, gn_value_at(files, i)))
            return false;
    return true;
}

/* DIR/P/N/SPLIT.jsonl */
static bool read_fetched(source *s) {
    const gn_task *t = s->task;
    const gn_slice name = t->dataset_name.len ? t->dataset_name : GN_S("default");
    gn_str path = {0};
    bool ok = true;
    if (s->data)
        gn_str_puts(&path, s->data);
    else if ((ok = gn_path_user(&path, GN_DIR_DATA, s->e)))
        gn_str_puts(&path, "/data");
    gn_str_fmt(&path, "/%.*s/%.*s/%.*s.jsonl", (int)t->dataset_path.len, t->dataset_path.data,
               (int)name.len, name.data, (int)s->split->name.len, s->split->name.data);
    ok = ok && gn_str_ok(&path, s->e);
    if (ok && !gn_path_exists(gn_str_text(&path)))
        ok =
            gn_fail(s->e, GN_IO,
                    "no data: '%s' is not there; make it with: tools/fetch-data "
                    "%.*s%s%.*s",
                    gn_str_text(&path), (int)t->dataset_path.len, t->dataset_path.data,
                    t->dataset_name.len ? " " : "", (int)t->dataset_name.len, t->dataset_name.data);
    ok = ok && read_file(s, gn_str_text(&path));
    gn_str_release(&path);
    return ok;
}

/* ---- splits ------------------------------------------------------------- */

static bool check_sha(const gn_task *t, const gn_split *split, gn_error *e) {
    const gn_slice want = gn_value_text(gn_value_get(t->split_sha, split->name));
    if (want.len && !gn_slice_is(want, split->sha))
        return gn_fail(e, GN_INVALID, "'%s' has sha256 %s, the task file wants %.*s",
                       gn_str_text(&split->path), split->sha, (int)want.len, want.data);
    return true;
}

static bool finish(gn_split *split, gn_value *list, gn_error *e) {
    split->column = gn_documents_unify(&split->arena, list, e);
    if (!split->column)
        return false;
    split->doc = list->list.item;
    split->count = (int64_t)list->list.count;
    return true;
}

static bool open_split(gn_split *split, const gn_task *t, gn_slice name, const char *data,
                       gn_error *e) {
    uint8_t digest[GN_SHA256_BYTES];
    *split = (gn_split){.name = name};
    source s = {.task = t,
                .data = data,
                .split = split,
                .list = gn_value_list(&split->arena),
                .sha = gn_sha256_new(),
                .e = e};
    if (!s.list || !s.sha) {
        gn_sha256_free(s.sha);
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    }
    bool ok = gn_slice_is(t->dataset_path, "json") ? read_named(&s) : read_fetched(&s);
    gn_sha256_end(s.sha, digest);
    gn_hex(digest, sizeof digest, split->sha);
    ok = ok && check_sha(t, split, e) && finish(split, s.list, e);
    if (ok && split->count == 0)
        ok = gn_fail(e, GN_INVALID, "'%s' holds no documents", gn_str_text(&split->path));
    return ok || gn_context(e, "split '%.*s'", (int)name.len, name.data);
}

/* The task's own few shots. */
static bool open_samples(gn_split *split, const gn_task *t, gn_error *e) {
    uint8_t digest[GN_SHA256_BYTES];
    gn_str json = {0};
    gn_json_write_canonical(&json, t->samples);
    bool ok = gn_str_ok(&json, e);
    gn_sha256_of(gn_str_text(&json), json.len, digest);
    gn_hex(digest, sizeof digest, split->sha);
    gn_str_release(&json);

    /* As they stand in the file: no table, so 1 beside 2.5 stays 1. */
    gn_value *columns = gn_value_map(&split->arena);
    split->name = GN_S("samples");
    split->doc = t->samples->list.item;
    split->count = (int64_t)t->samples->list.count;
    split->column = columns;
    gn_str_puts(&split->path, "fewshot_config.samples");
    return ok && (columns || gn_fail(e, GN_NO_MEMORY, "out of memory"));
}

static bool open_pool(gn_dataset *d, const gn_task *t, const char *data, gn_error *e) {
    if (!t->pool_split.data) {
        d->pool = &d->own_pool;
        return open_samples(&d->own_pool, t, e);
    }
    if (gn_slice_equal(t->pool_split, t->split)) {
        d->pool = &d->eval;
        return true;
    }
    d->pool = &d->own_pool;
    return open_split(&d->own_pool, t, t->pool_split, data, e);
}

bool gn_dataset_open(gn_dataset *d, const gn_task *t, const gn_prompting *p, const char *data,
                     gn_error *e) {
    uint8_t digest[GN_SHA256_BYTES];
    gn_str both = {0};
    *d = (gn_dataset){0};
    if (!open_split(&d->eval, t, t->split, data, e) ||
        (gn_task_shots(t, p) > 0 && !open_pool(d, t, data, e))) {
        gn_dataset_release(d);
        return gn_context(e, "task '%.*s'", (int)t->name.len, t->name.data);
    }
    gn_str_fmt(&both, "%s %s", d->eval.sha, d->pool ? d->pool->sha : "-");
    gn_sha256_of(gn_str_text(&both), both.len, digest);
    gn_hex(digest, sizeof digest, d->sha);
    gn_str_release(&both);
    return true;
}

static void release_split(gn_split *s) {
    gn_str_release(&s->path);
    gn_arena_release(&s->arena);
    *s = (gn_split){0};
}

void gn_dataset_release(gn_dataset *d) {
    release_split(&d->eval);
    release_split(&d->own_pool);
    d->pool = NULL;
}

/* ---- json.dumps --------------------------------------------------------- */

static void dump(gn_str *out, const gn_value *v, int depth) {
    const bool map = v->kind == GN_MAP;
    const size_t n = gn_value_count(v);
    if (v->kind == GN_STRING) {
        gn_json_write_string(out, v->string);
    } else if (v->kind == GN_NUMBER) {
        gn_json_write(out, v);
    } else if (v->kind != GN_LIST && !map) {
        gn_json_write(out, v);
    } else if (n == 0) {
        gn_str_puts(out, map ? "{}" : "[]");
    } else {
        gn_str_putc(out, map ? '{' : '[');
        for (size_t i = 0; i < n; i++) {
            gn_str_fmt(out, "%s\n%*s", i ? "," : "", 2 * (depth + 1), "");
            if (map) {
                gn_json_write_string(out, v->map.entry[i].key);
                gn_str_puts(out, ": ");
            }
            dump(out, map ? v->map.entry[i].value : v->list.item[i], depth + 1);
        }
        gn_str_fmt(out, "\n%*s%c", 2 * depth, "", map ? '}' : ']');
    }
}

void gn_document_dump(gn_str *out, const gn_value *doc) { dump(out, doc, 0); }
