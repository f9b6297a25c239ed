/* safetensors.c - one safetensors file.
 *
 *   0       u64         n, length of the directory
 *   8       n bytes     JSON: {"name": {"dtype": "BF16", "shape": [6448, 1536],
 *                                       "data_offsets": [begin, end]}, ...}
 *   8 + n   to the end  data; offsets count from here, and leave no byte out
 *
 * Because no byte is left out, a directory that names a tensor twice (JSON's
 * last one wins) is found out by the hole the first leaves.
 */
#include "core/base/json.h"
#include "core/file/open.h"

#include <inttypes.h>

enum { PREFIX = 8, DIRECTORY_LIMIT = 100000000 };

typedef struct parts {
    gn_slice directory;
    const uint8_t *data;
    size_t size;
} parts;

static const struct {
    const char *dtype;
    int format;
} readable[] = {{"F32", GN_F32}, {"F16", GN_F16}, {"BF16", GN_BF16}};

static uint64_t le64(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static bool split(gn_file f, parts *out, gn_error *e) {
    if (f.size < PREFIX)
        return gn_fail(e, GN_FORMAT, "%zu bytes is too short for a safetensors file", f.size);
    const uint64_t n = le64(f.data);
    if (n > f.size - PREFIX)
        return gn_fail(e, GN_FORMAT,
                       "a directory of %" PRIu64 " bytes in a file of %zu: not a safetensors "
                       "file, or cut short",
                       n, f.size);
    if (n > DIRECTORY_LIMIT)
        return gn_fail(e, GN_FORMAT, "a directory of %" PRIu64 " bytes, past the format's 100 MB",
                       n);
    *out = (parts){.directory = {(const char *)f.data + PREFIX, (size_t)n},
                   .data = f.data + PREFIX + n,
                   .size = f.size - PREFIX - (size_t)n};
    return true;
}

/* Item i of a list as a number that is not negative. */
static bool number(const gn_value *list, size_t i, int64_t *out) {
    const gn_value *v = gn_value_at(list, i);
    return gn_value_is(v, GN_INTEGER) && gn_value_to_integer(v, out) && *out >= 0;
}

static bool read_format(gn_tensor *one, const gn_value *entry, gn_error *e) {
    const gn_value *dtype = gn_value_get(entry, GN_S("dtype"));
    if (!gn_value_is(dtype, GN_STRING))
        return gn_fail(e, GN_FORMAT, "no 'dtype'");
    for (size_t i = 0; i < sizeof readable / sizeof *readable; i++)
        if (gn_slice_is(dtype->string, readable[i].dtype)) {
            one->format = readable[i].format;
            return true;
        }
    return gn_fail(e, GN_UNSUPPORTED, "type %.*s is not read here; F32, F16 and BF16 are",
                   gn_shown(dtype->string), dtype->string.data);
}

static bool read_shape(gn_tensor *one, const gn_value *entry, gn_error *e) {
    const gn_value *shape = gn_value_get(entry, GN_S("shape"));
    if (!gn_value_is(shape, GN_LIST))
        return gn_fail(e, GN_FORMAT, "no 'shape'");
    if (gn_value_count(shape) > 4)
        return gn_fail(e, GN_UNSUPPORTED, "%zu dimensions; at most 4 are read",
                       gn_value_count(shape));
    one->dims = (int)gn_value_count(shape);
    for (int i = 0; i < one->dims; i++)
        if (!number(shape, (size_t)i, &one->dim[i]))
            return gn_fail(e, GN_FORMAT, "a dimension that is no whole number");
    return gn_tensor_measure(one, e);
}

static bool read_place(gn_tensor *one, const gn_value *entry, const parts *p, gn_error *e) {
    const gn_value *place = gn_value_get(entry, GN_S("data_offsets"));
    int64_t begin, end;
    if (gn_value_count(place) != 2 || !number(place, 0, &begin) || !number(place, 1, &end) ||
        begin > end)
        return gn_fail(e, GN_FORMAT, "no 'data_offsets' of the form [begin, end]");
    if ((uint64_t)end > p->size)
        return gn_fail(e, GN_FORMAT,
                       "its data ends at byte %" PRId64 ", the file's at %zu: it is cut short", end,
                       p->size);
    if ((size_t)(end - begin) != one->bytes)
        return gn_fail(e, GN_FORMAT, "its shape needs %zu bytes, it has %" PRId64, one->bytes,
                       end - begin);
    one->data = p->data + begin;
    if (one->bytes && (uintptr_t)one->data % (size_t)gn_format_of(one->format)->bytes)
        return gn_fail(e, GN_UNSUPPORTED,
                       "its data is not aligned to its type; save the file again with a current "
                       "safetensors library");
    return true;
}

static bool read_entry(gn_tensors *t, const gn_entry *entry, const parts *p, gn_error *e) {
    gn_tensor one = {.name = entry->key};
    if (!gn_value_is(entry->value, GN_MAP))
        gn_fail(e, GN_FORMAT, "no object in the directory");
    else if (read_format(&one, entry->value, e) && read_shape(&one, entry->value, e) &&
             read_place(&one, entry->value, p, e) && gn_tensors_add(t, &one, e))
        return true;
    return gn_context(e, "tensor '%.*s'", gn_shown(entry->key), entry->key.data);
}

bool gn_safetensors_read(gn_tensors *t, gn_error *e) {
    parts p = {0};
    t->container = GN_SAFETENSORS;
    if (!split(t->part[t->parts - 1].file, &p, e))
        return false;
    const gn_value *directory = gn_json_parse(&t->arena, p.directory, e);
    if (!directory)
        return gn_context(e, "its directory");
    if (!gn_value_is(directory, GN_MAP))
        return gn_fail(e, GN_FORMAT, "its directory is no JSON object");

    for (size_t i = 0; i < directory->map.count; i++) {
        const gn_entry *entry = &directory->map.entry[i];
        if (!gn_slice_is(entry->key, "__metadata__") && !read_entry(t, entry, &p, e))
            return false;
    }
    return gn_tensors_apart(t, p.data, p.size, true, e);
}
