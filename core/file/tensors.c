/* tensors.c - finds the files of a checkpoint and keeps the list of their tensors. */
#include "core/base/json.h"
#include "core/base/path.h"
#include "core/base/vec.h"
#include "core/file/open.h"

#include <inttypes.h>
#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#define SINGLE "model.safetensors"
#define INDEX  "model.safetensors.index.json"

enum { INDEX_LIMIT = 100 << 20, TREE_LIMIT = 1 << 30 };

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

/* The list. */

bool gn_tensor_measure(gn_tensor *one, gn_error *e) {
    const gn_format_info *f = gn_format_of(one->format);
    const int64_t cols = one->dims ? one->dim[one->dims - 1] : 1;
    if (cols % f->block)
        return gn_fail(e, GN_FORMAT, "a row of %" PRId64 " is not whole blocks of %d, as %s needs",
                       cols, f->block, gn_ggml_name((uint32_t)f->ggml));

    size_t bytes = (size_t)f->bytes;
    bool fits = !__builtin_mul_overflow(bytes, (size_t)(cols / f->block), &bytes);
    for (int i = 0; i + 1 < one->dims; i++)
        fits = fits && !__builtin_mul_overflow(bytes, (size_t)one->dim[i], &bytes);
    if (!fits || bytes > PTRDIFF_MAX)
        return gn_fail(e, GN_FORMAT, "its shape holds more than any file can");
    one->bytes = bytes;
    return true;
}

bool gn_tensors_reserve(gn_tensors *t, size_t n, gn_error *e) {
    if (n > INT_MAX - t->count)
        return gn_fail(e, GN_FORMAT, "%zu tensors are more than any model has", n);
    if (!gn_vec_reserve(&t->tensor, &t->capacity, t->count + n, sizeof *t->tensor) ||
        !gn_map_reserve(&t->by_name, t->count + n))
        return no_memory(e);
    return true;
}

bool gn_tensors_add(gn_tensors *t, const gn_tensor *one, gn_error *e) {
    if (gn_map_get(&t->by_name, one->name, NULL))
        return gn_fail(e, GN_FORMAT, "there are two tensors of this name");
    if (!gn_tensors_reserve(t, 1, e))
        return false;
    if (!gn_map_set(&t->by_name, one->name, (int64_t)t->count))
        return no_memory(e);
    t->tensor[t->count++] = *one;
    t->bytes += one->bytes;
    return true;
}

static int by_place(const void *a, const void *b) {
    const gn_tensor *const *x = a, *const *y = b;
    if ((*x)->data != (*y)->data)
        return (*x)->data < (*y)->data ? -1 : 1;
    return (*x)->bytes < (*y)->bytes ? -1 : (*x)->bytes > (*y)->bytes;
}

/* Walk the tensors in the order of their places: each begins at or after the end of the last. */
static bool walk(const gn_tensor **order, size_t n, const uint8_t *data, size_t size, bool whole,
                 gn_error *e) {
    size_t end = 0;
    for (size_t i = 0; i < n; i++) {
        const gn_tensor *one = order[i];
        const size_t begin = (size_t)(one->data - data);
        if (begin < end)
            return gn_fail(e, GN_FORMAT, "tensors '%.*s' and '%.*s' overlap",
                           gn_shown(order[i - 1]->name), order[i - 1]->name.data,
                           gn_shown(one->name), one->name.data);
        if (whole && begin > end)
            return gn_fail(e, GN_FORMAT, "no tensor holds the %zu bytes before '%.*s'", begin - end,
                           gn_shown(one->name), one->name.data);
        end = begin + one->bytes;
    }
    if (whole && end < size)
        return gn_fail(e, GN_FORMAT, "no tensor holds the last %zu bytes", size - end);
    return true;
}

bool gn_tensors_apart(const gn_tensors *t, const uint8_t *data, size_t size, bool whole,
                      gn_error *e) {
    const size_t first = t->part[t->parts - 1].first;
    const gn_tensor **order = malloc((t->count - first + 1) * sizeof *order);
    if (!order)
        return no_memory(e);
    size_t n = 0;
    for (size_t i = first; i < t->count; i++)
        if (t->tensor[i].bytes)
            order[n++] = &t->tensor[i];
    qsort(order, n, sizeof *order, by_place);
    const bool ok = walk(order, n, data, size, whole, e);
    free(order);
    return ok;
}

/* The files. */

bool gn_tensors_map(gn_tensors *t, const char *path, gn_error *e) {
    if (!gn_vec_reserve(&t->part, &t->part_capacity, t->parts + 1, sizeof *t->part))
        return no_memory(e);
    gn_part *p = &t->part[t->parts];
    *p = (gn_part){.path = gn_strdup_slice(gn_slice_of(path)), .first = t->count};
    if (!p->path)
        return no_memory(e);
    t->parts++;
    if (!gn_file_map(&p->file, path, e))
        return false;
    if (!p->file.size)
        return gn_fail(e, GN_FORMAT, "open '%s': the file is empty", path);
    return true;
}

bool gn_split_name(gn_slice path, const char *extension, int *number, int *count, size_t *stem) {
    enum { TAIL = sizeof "-00001-of-00002" - 1 };
    const size_t ext = strlen(extension);
    if (!gn_slice_ends(path, gn_slice_of(extension)) || path.len < ext + TAIL)
        return false;
    const char *tail = path.data + path.len - ext - TAIL;
    int64_t first, second;
    if (tail[0] != '-' || memcmp(tail + 6, "-of-", 4) != 0 ||
        !gn_parse_integer((gn_slice){tail + 1, 5}, &first) ||
        !gn_parse_integer((gn_slice){tail + 10, 5}, &second) || first < 1 || second < first)
        return false;
    *number = (int)first;
    *count = (int)second;
    *stem = path.len - ext - TAIL;
    return true;
}

static bool begins(gn_file f, const char *with) {
    const size_t n = strlen(with);
    return f.size >= n && memcmp(f.data, with, n) == 0;
}

/* What the file is, told by what it holds: blobs of caches have no extension. */
static bool read_file(gn_tensors *t, const char *path, gn_error *e) {
    const gn_file f = t->part[0].file;
    const gn_slice name = gn_slice_of(path);
    int number, count;
    size_t stem;

    if (begins(f, "GGUF"))
        return gn_gguf_read(t, e);
    if (begins(f, "version https://git-lfs"))
        return gn_fail(e, GN_FORMAT,
                       "only the pointer that Git LFS left for the real file; fetch "
                       "that one with 'git lfs pull'");
    if (gn_split_name(name, ".safetensors", &number, &count, &stem) && count > 1)
        return gn_fail(e, GN_INVALID, "shard %d of %d of a checkpoint; open the folder it is in",
                       number, count);
    if (gn_slice_ends(name, GN_S(".safetensors")) || (f.size > 8 && f.data[8] == '{'))
        return gn_safetensors_read(t, e);
    return gn_fail(e, GN_FORMAT, "neither a GGUF nor a safetensors file");
}

static bool open_file(gn_tensors *t, const char *path, gn_error *e) {
    return gn_tensors_map(t, path, e) &&
           (read_file(t, path, e) || gn_context(e, "open '%s'", path));
}

/* One shard, unless it was read already; shards maps its name to its part. */
static bool open_shard(gn_tensors *t, const char *folder, gn_slice shard, gn_map *shards,
                       gn_error *e) {
    if (gn_map_get(shards, shard, NULL))
        return true;
    if (!shard.len || memchr(shard.data, '/', shard.len) || memchr(shard.data, 0, shard.len))
        return gn_fail(e, GN_FORMAT, INDEX ": '%.*s' does not name a file of this folder",
                       gn_shown(shard), shard.data);

    gn_str path = {0};
    gn_path_join(&path, gn_slice_of(folder), shard);
    bool ok = gn_str_ok(&path, e) && (gn_map_set(shards, shard, (int64_t)t->parts) || no_memory(e));
    if (ok && !gn_path_exists(gn_str_text(&path)))
        ok = gn_fail(e, GN_IO, INDEX " names '%.*s', which is not there", gn_shown(shard),
                     shard.data);
    ok = ok && gn_tensors_map(t, gn_str_text(&path), e) &&
         (gn_safetensors_read(t, e) || gn_context(e, "%.*s", gn_shown(shard), shard.data));
    gn_str_release(&path);
    return ok;
}

/* Every tensor of the index is in the shard it is said to be in. */
static bool check_index(const gn_tensors *t, const gn_value *weights, const gn_map *shards,
                        gn_error *e) {
    for (size_t i = 0; i < weights->map.count; i++) {
        const gn_slice name = weights->map.entry[i].key;
        const gn_slice shard = gn_value_text(weights->map.entry[i].value);
        int64_t at, part;
        if (!gn_map_get(shards, shard, &part))
            return gn_fail(e, GN_FORMAT, INDEX ": no shard '%.*s'", gn_shown(shard), shard.data);
        const size_t first = t->part[part].first;
        const size_t end = (size_t)part + 1 < t->parts ? t->part[part + 1].first : t->count;
        if (!gn_map_get(&t->by_name, name, &at) || (size_t)at < first || (size_t)at >= end)
            return gn_fail(e, GN_FORMAT, INDEX " says that tensor '%.*s' is in '%.*s'; it is not",
                           gn_shown(name), name.data, gn_shown(shard), shard.data);
    }
    return true;
}

static bool open_index(gn_tensors *t, const char *folder, const char *path, gn_error *e) {
    gn_str text = {0};
    if (!gn_file_read(&text, path, INDEX_LIMIT, e)) {
        gn_str_release(&text);
        return false;
    }
    gn_value *index = gn_json_parse(&t->arena, gn_str_slice(&text), e);
    gn_str_release(&text);
    if (!index)
        return gn_context(e, INDEX);
    const gn_value *weights = gn_value_get(index, GN_S("weight_map"));
    if (!gn_value_is(weights, GN_MAP) || !gn_value_count(weights))
        return gn_fail(e, GN_FORMAT, INDEX ": no 'weight_map' that says which tensor is where");

    gn_map shards = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < weights->map.count; i++)
        ok = open_shard(t, folder, gn_value_text(weights->map.entry[i].value), &shards, e);
    ok = ok && check_index(t, weights, &shards, e);
    gn_map_release(&shards);
    return ok;
}

static bool open_folder(gn_tensors *t, const char *folder, gn_error *e) {
    gn_str index = {0}, single = {0};
    gn_path_join(&index, gn_slice_of(folder), GN_S(INDEX));
    gn_path_join(&single, gn_slice_of(folder), GN_S(SINGLE));

    bool ok = gn_str_ok(&index, e) && gn_str_ok(&single, e);
    if (ok && gn_path_exists(gn_str_text(&index)))
        ok = open_index(t, folder, gn_str_text(&index), e);
    else if (ok && gn_path_exists(gn_str_text(&single)))
        ok = gn_tensors_map(t, gn_str_text(&single), e) &&
             (gn_safetensors_read(t, e) || gn_context(e, SINGLE));
    else if (ok)
        ok = gn_fail(e, GN_IO,
                     "neither " SINGLE " nor " INDEX " is in this folder; a GGUF model "
                     "is opened by its file");
    gn_str_release(&index);
    gn_str_release(&single);
    return ok || gn_context(e, "open '%s'", folder);
}

gn_tensors *gn_tensors_open(const char *path, gn_error *e) {
    gn_tensors *t = calloc(1, sizeof *t);
    if (!t) {
        gn_fail(e, GN_NO_MEMORY, "open '%s': out of memory", path);
        return NULL;
    }
    t->arena.limit = TREE_LIMIT;
    if (!(gn_path_is_folder(path) ? open_folder(t, path, e) : open_file(t, path, e))) {
        gn_where(e, "%s", path);
        gn_tensors_close(t);
        return NULL;
    }
    return t;
}

void gn_tensors_close(gn_tensors *t) {
    if (!t)
        return;
    for (size_t i = 0; i < t->parts; i++) {
        gn_file_unmap(&t->part[i].file);
        free(t->part[i].path);
    }
    free(t->part);
    free(t->tensor);
    gn_map_release(&t->by_name);
    gn_arena_release(&t->arena);
    free(t);
}

/* Questions. */

gn_container gn_tensors_container(const gn_tensors *t) { return t->container; }
int gn_tensors_count(const gn_tensors *t) { return (int)t->count; }
const gn_value *gn_tensors_keys(const gn_tensors *t) { return t->keys; }
size_t gn_tensors_bytes(const gn_tensors *t) { return t->bytes; }

const gn_tensor *gn_tensors_at(const gn_tensors *t, int i) {
    return i >= 0 && (size_t)i < t->count ? &t->tensor[i] : NULL;
}

const gn_tensor *gn_tensors_find(const gn_tensors *t, gn_slice name) {
    int64_t at;
    return gn_map_get(&t->by_name, name, &at) ? &t->tensor[at] : NULL;
}

const char *gn_tensors_path(const gn_tensors *t, int i) {
    return i >= 0 && (size_t)i < t->parts ? t->part[i].path : NULL;
}

/* Only pages that hold nothing else: the mapping is private and unwritten, so
 * they come back from the file if somebody reads them after all. */
void gn_tensors_drop(const gn_tensors *t, const gn_tensor *tensor) {
    (void)t;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = ((uintptr_t)tensor->data + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)tensor->data + tensor->bytes) / page * page;
    if (begin < end)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
}
