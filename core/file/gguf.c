/* gguf.c - a GGUF file, version 2 or 3, or a model split into several.
 *
 *   "GGUF"  u32 version  u64 tensors  u64 keys
 *   keys     x { string key, u32 type, value }
 *   tensors  x { string name, u32 dims, u64 dim[dims] innermost first, u32 type, u64 offset }
 *   zero bytes up to a multiple of general.alignment (32), from where offsets count
 *   data
 *
 *   string = u64 length, bytes     array = u32 type, u64 count, values
 *
 * Little-endian. A part of a split model is such a file; the first has the keys
 * that tell of the model, each has split.no and split.count.
 */
#include "core/base/unicode.h"
#include "core/file/open.h"
#include "core/num/half.h"

#include <inttypes.h>

enum { U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64, TYPES };
enum { LEAST_KEY = 8 + 4 + 1, LEAST_TENSOR = 8 + 4 + 4 + 8, ALIGNMENT = 32, PACKED_FROM = 1024 };

static const struct {
    const char *name;
    size_t bytes; /* the least a value takes */
} type_info[TYPES] = {{"u8", 1},  {"i8", 1},  {"u16", 2},  {"i16", 2},    {"u32", 4},
                      {"i32", 4}, {"f32", 4}, {"bool", 1}, {"string", 8}, {"array", 12},
                      {"u64", 8}, {"i64", 8}, {"f64", 8}};

typedef struct reader {
    gn_file file;
    size_t at;
    gn_arena *arena;
} reader;

/* The next n bytes; NULL, and e set, past the end. */
static const uint8_t *take(reader *r, uint64_t n, gn_error *e) {
    if (n > r->file.size - r->at) {
        gn_fail(e, GN_FORMAT,
                "the file ends at byte %zu, in the middle of its directory: it is cut short",
                r->file.size);
        return NULL;
    }
    const uint8_t *p = r->file.data + r->at;
    r->at += (size_t)n;
    return p;
}

static uint64_t little(const uint8_t *p, size_t n) {
    uint64_t v = 0;
    for (size_t i = n; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static bool take_u32(reader *r, uint32_t *v, gn_error *e) {
    const uint8_t *p = take(r, 4, e);
    if (p)
        *v = (uint32_t)little(p, 4);
    return p;
}

static bool take_u64(reader *r, uint64_t *v, gn_error *e) {
    const uint8_t *p = take(r, 8, e);
    if (p)
        *v = little(p, 8);
    return p;
}

static bool take_string(reader *r, gn_slice *s, gn_error *e) {
    uint64_t n = 0;
    const uint8_t *p = take_u64(r, &n, e) ? take(r, n, e) : NULL;
    if (p)
        *s = (gn_slice){(const char *)p, (size_t)n};
    return p;
}

static bool take_name(reader *r, gn_slice *s, const char *what, gn_error *e) {
    if (!take_string(r, s, e))
        return false;
    if (!s->len || s->len > 65535 || memchr(s->data, 0, s->len) || !gn_utf8_valid(*s))
        return gn_fail(e, GN_FORMAT, "%s at byte %zu is no readable text", what, r->at - s->len);
    return true;
}

/* Values. */

static void set_integer(gn_value *v, int64_t i) {
    v->kind = GN_INTEGER;
    v->integer = i;
}

static void set_number(gn_value *v, double d) {
    v->kind = GN_NUMBER;
    v->number = d;
}

static double f64_of(uint64_t bits) {
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static bool take_scalar(reader *r, uint32_t type, gn_value *v, gn_error *e) {
    if (type == STRING) {
        v->kind = GN_STRING;
        return take_string(r, &v->string, e);
    }
    const uint8_t *p = take(r, type_info[type].bytes, e);
    if (!p)
        return false;
    const uint64_t bits = little(p, type_info[type].bytes);
    switch (type) {
    case I8:
        set_integer(v, (int8_t)bits);
        break;
    case I16:
        set_integer(v, (int16_t)bits);
        break;
    case I32:
        set_integer(v, (int32_t)bits);
        break;
    case F32:
        set_number(v, (double)gn_f32_from_bits((uint32_t)bits));
        break;
    case F64:
        set_number(v, f64_of(bits));
        break;
    case BOOL:
        if (bits > 1)
            return gn_fail(e, GN_FORMAT, "a bool of %d; it is 0 or 1", (int)bits);
        v->kind = GN_BOOL;
        v->boolean = bits;
        break;
    default: /* unsigned, and i64, whose bits are their own */
        if (type == U64 && bits > INT64_MAX)
            set_number(v, (double)bits);
        else
            set_integer(v, (int64_t)bits);
    }
    return true;
}

/* Long lists of strings or integers: looked over, and left where they are until somebody asks. A
 * vocabulary has a hundred thousand. */
static bool may_stay_packed(uint32_t type, uint64_t count) {
    return count >= PACKED_FROM && type != F32 && type != F64 && type != BOOL && type != U64;
}

static bool take_packed(reader *r, uint32_t type, size_t count, gn_value *list, gn_error *e) {
    const size_t bytes = type == STRING ? 0 : type_info[type].bytes;
    const gn_packed items = {.data = r->file.data + r->at,
                             .bytes = (int)bytes,
                             .is_signed = type == I8 || type == I16 || type == I32,
                             .arena = r->arena};
    if (bytes && !take(r, count * bytes, e))
        return false;
    gn_slice text;
    for (size_t i = 0; !bytes && i < count; i++)
        if (!take_string(r, &text, e))
            return false;
    return gn_value_pack(list, count, items) ||
           gn_fail(e, GN_NO_MEMORY, "no memory for its %zu items", count);
}

/* All items in one piece of the arena. */
static bool take_array(reader *r, gn_value *list, gn_error *e) {
    uint32_t type = 0;
    uint64_t count = 0;
    if (!take_u32(r, &type, e) || !take_u64(r, &count, e))
        return false;
    if (type >= TYPES || type == ARRAY)
        return gn_fail(e, GN_UNSUPPORTED, "an array of type %" PRIu32 "%s", type,
                       type == ARRAY ? " (array)" : "");
    if (count > (r->file.size - r->at) / type_info[type].bytes)
        return gn_fail(e, GN_FORMAT, "%" PRIu64 " items of type %s in the %zu bytes left", count,
                       type_info[type].name, r->file.size - r->at);
    if (may_stay_packed(type, count))
        return take_packed(r, type, (size_t)count, list, e);
    list->kind = GN_LIST;
    if (!count)
        return true;

    gn_value *value = NULL, **item = NULL;
    if (count < SIZE_MAX / sizeof *value) {
        value = gn_arena_alloc(r->arena, (size_t)count * sizeof *value);
        item = gn_arena_alloc(r->arena, (size_t)count * sizeof *item);
    }
    if (!value || !item)
        return gn_fail(e, GN_NO_MEMORY, "no memory for its %" PRIu64 " items", count);
    for (size_t i = 0; i < count; i++) {
        item[i] = &value[i];
        if (!take_scalar(r, type, &value[i], e))
            return false;
    }
    list->list.item = item;
    list->list.count = list->list.capacity = (size_t)count;
    return true;
}

static bool take_value(reader *r, gn_value *v, gn_error *e) {
    uint32_t type = 0;
    if (!take_u32(r, &type, e))
        return false;
    if (type >= TYPES)
        return gn_fail(e, GN_FORMAT, "value type %" PRIu32 ", of which there are %d", type, TYPES);
    return type == ARRAY ? take_array(r, v, e) : take_scalar(r, type, v, e);
}

/* One key; its type and value as they stand in *raw. */
static bool take_key(reader *r, gn_value *keys, gn_slice *raw, gn_error *e) {
    gn_slice key = {0};
    if (!take_name(r, &key, "a key", e))
        return false;
    const size_t begin = r->at;
    gn_value *v = gn_value_null(r->arena);
    bool ok = v || gn_fail(e, GN_NO_MEMORY, "out of memory");
    if (ok && gn_value_get(keys, key))
        ok = gn_fail(e, GN_FORMAT, "the key is there twice");
    ok = ok && take_value(r, v, e) &&
         (gn_value_set(r->arena, keys, key, v) || gn_fail(e, GN_NO_MEMORY, "out of memory"));
    *raw = (gn_slice){(const char *)r->file.data + begin, r->at - begin};
    return ok || gn_context(e, "key '%.*s'", gn_shown(key), key.data);
}

static gn_value *take_keys(reader *r, uint64_t count, const gn_slice **raw, gn_error *e) {
    gn_value *keys = gn_value_map(r->arena);
    gn_slice *slice = gn_arena_alloc(r->arena, (size_t)count * sizeof *slice);
    if (!keys || !slice) {
        gn_fail(e, GN_NO_MEMORY, "out of memory");
        return NULL;
    }
    for (uint64_t i = 0; i < count; i++)
        if (!take_key(r, keys, &slice[i], e))
            return NULL;
    *raw = slice;
    return keys;
}

/* Tensors. */

static bool take_shape(reader *r, gn_tensor *one, gn_error *e) {
    uint32_t dims = 0, type = 0;
    if (!take_u32(r, &dims, e))
        return false;
    if (dims > 4)
        return gn_fail(e, GN_FORMAT, "%" PRIu32 " dimensions; at most 4 are allowed", dims);
    one->dims = (int)dims;
    for (int i = one->dims - 1; i >= 0; i--) {
        uint64_t n = 0;
        if (!take_u64(r, &n, e))
            return false;
        if (n > INT64_MAX)
            return gn_fail(e, GN_FORMAT, "a dimension of %" PRIu64, n);
        one->dim[i] = (int64_t)n;
    }
    if (!take_u32(r, &type, e))
        return false;
    one->format = gn_format_of_ggml(type);
    if (one->format >= 0)
        return gn_tensor_measure(one, e);
    const char *name = gn_ggml_name(type);
    return name ? gn_fail(e, GN_UNSUPPORTED, "type %s is not read here; these are: %s", name,
                          gn_format_list())
                : gn_fail(e, GN_UNSUPPORTED, "type number %" PRIu32 " is unknown; read are %s",
                          type, gn_format_list());
}

/* All but its data: where that begins is known at the end of the directory. */
static bool take_tensor(reader *r, gn_tensor *one, uint64_t *offset, gn_error *e) {
    *one = (gn_tensor){0};
    if (!take_name(r, &one->name, "a tensor's name", e))
        return false;
    return (take_shape(r, one, e) && take_u64(r, offset, e)) ||
           gn_context(e, "tensor '%.*s'", gn_shown(one->name), one->name.data);
}

static bool place(gn_tensor *one, uint64_t offset, const uint8_t *data, size_t size,
                  uint64_t alignment, gn_error *e) {
    if (offset % alignment)
        return gn_fail(e, GN_FORMAT, "offset %" PRIu64 " is no multiple of the alignment, %" PRIu64,
                       offset, alignment);
    if (offset > size || one->bytes > size - (size_t)offset)
        return gn_fail(e, GN_FORMAT,
                       "its %zu bytes at offset %" PRIu64 " pass the end of the data, %zu bytes: "
                       "the file is cut short",
                       one->bytes, offset, size);
    one->data = data + offset;
    return true;
}

/* Walk the directory twice: to see where it ends and data begins, then to keep it. */
static bool take_tensors(gn_tensors *t, reader *r, uint64_t count, uint64_t alignment,
                         gn_error *e) {
    const size_t start = r->at;
    gn_tensor one = {0};
    uint64_t offset = 0;
    for (uint64_t i = 0; i < count; i++)
        if (!take_tensor(r, &one, &offset, e))
            return false;
    const uint64_t begin = (r->at + alignment - 1) / alignment * alignment;
    const uint8_t *data = r->file.data + (begin < r->file.size ? begin : r->file.size);
    const size_t size = r->file.size - (size_t)(data - r->file.data);

    if (!gn_tensors_reserve(t, (size_t)count, e))
        return false;
    r->at = start;
    for (uint64_t i = 0; i < count; i++)
        if (!take_tensor(r, &one, &offset, e))
            return false;
        else if (!place(&one, offset, data, size, alignment, e) || !gn_tensors_add(t, &one, e))
            return gn_context(e, "tensor '%.*s'", gn_shown(one.name), one.name.data);
    return gn_tensors_apart(t, data, size, false, e);
}

/* A file. */

static bool take_start(reader *r, uint64_t *tensors, uint64_t *keys, gn_error *e) {
    uint32_t magic = 0, version = 0;
    if (!take_u32(r, &magic, e) || !take_u32(r, &version, e))
        return false;
    if (magic != 0x46554747u)
        return gn_fail(e, GN_FORMAT, "not a GGUF file");
    if (!(version & 0xffffu))
        return gn_fail(e, GN_UNSUPPORTED,
                       "a big-endian GGUF; convert the model again on, or for, "
                       "a little-endian machine");
    if (version == 1)
        return gn_fail(e, GN_UNSUPPORTED,
                       "GGUF version 1; convert the model again, versions 2 "
                       "and 3 are read");
    if (version > 3)
        return gn_fail(e, GN_UNSUPPORTED, "GGUF version %" PRIu32 "; versions 2 and 3 are read",
                       version);
    if (!take_u64(r, tensors, e) || !take_u64(r, keys, e))
        return false;
    const size_t left = r->file.size - r->at;
    if (*keys > left / LEAST_KEY || *tensors > left / LEAST_TENSOR)
        return gn_fail(e, GN_FORMAT,
                       "%" PRIu64 " keys and %" PRIu64 " tensors do not fit a file of %zu bytes",
                       *keys, *tensors, r->file.size);
    return true;
}

/* The integer under a key; standard if it is not there. */
static bool integer(const gn_value *keys, const char *key, int64_t standard, int64_t *out,
                    gn_error *e) {
    const gn_value *v = gn_value_get(keys, gn_slice_of(key));
    *out = standard;
    if (v && (v->kind != GN_INTEGER || !gn_value_to_integer(v, out)))
        return gn_fail(e, GN_FORMAT, "key '%s' is a %s, not an integer", key,
                       gn_kind_name(v->kind));
    return true;
}

/* The part mapped last; its keys. */
static const gn_value *read_part(gn_tensors *t, gn_error *e) {
    reader r = {.file = t->part[t->parts - 1].file, .arena = &t->arena};
    uint64_t tensors = 0, keys = 0;
    int64_t alignment;
    if (!take_start(&r, &tensors, &keys, e))
        return NULL;
    const gn_slice *raw = NULL;
    gn_value *map = take_keys(&r, keys, &raw, e);
    if (!map || !integer(map, "general.alignment", ALIGNMENT, &alignment, e))
        return NULL;
    if (alignment < 8 || alignment > UINT32_MAX || (alignment & (alignment - 1))) {
        gn_fail(e, GN_FORMAT, "general.alignment is %" PRId64 "; a power of two from 8 on is due",
                alignment);
        return NULL;
    }
    if (!t->keys) {
        t->keys = map;
        t->raw_key = raw;
    }
    return take_tensors(t, &r, tensors, (uint64_t)alignment, e) ? map : NULL;
}

static bool check_part(const gn_value *keys, int number, int64_t count, gn_error *e) {
    int64_t no, of;
    if (!integer(keys, "split.no", -1, &no, e) || !integer(keys, "split.count", -1, &of, e))
        return false;
    if (no != number - 1 || of != count)
        return gn_fail(e, GN_FORMAT,
                       "it says it is part %" PRId64 " of %" PRId64 ", the first part and its "
                       "name say %d of %" PRId64,
                       no + 1, of, number, count);
    return true;
}

static bool read_others(gn_tensors *t, gn_slice stem, int count, gn_error *e) {
    bool ok = true;
    for (int number = 2; ok && number <= count; number++) {
        gn_str path = {0};
        gn_str_add(&path, stem);
        gn_str_fmt(&path, "-%05d-of-%05d.gguf", number, count);
        if ((ok = gn_str_ok(&path, e) && gn_tensors_map(t, gn_str_text(&path), e))) {
            const gn_value *keys = read_part(t, e);
            ok = (keys && check_part(keys, number, count, e)) ||
                 gn_context(e, "part '%s'", gn_str_text(&path));
        } else
            gn_context(e, "part %d of %d", number, count);
        gn_str_release(&path);
    }
    return ok;
}

bool gn_gguf_read(gn_tensors *t, gn_error *e) {
    const gn_slice path = gn_slice_of(t->part[t->parts - 1].path);
    int64_t count, total, no;
    int number, of;
    size_t stem;
    t->container = GN_GGUF;
    if (!read_part(t, e) || !integer(t->keys, "split.count", 1, &count, e) ||
        !integer(t->keys, "split.no", 0, &no, e) ||
        !integer(t->keys, "split.tensors.count", -1, &total, e))
        return false;
    if (count == 0 || count == 1)
        return true;

    if (!gn_split_name(path, ".gguf", &number, &of, &stem))
        return gn_fail(e, GN_INVALID,
                       "part %" PRId64 " of a model in %" PRId64 "; its name must end in "
                       "-00001-of-%05d.gguf for the others to be found",
                       no + 1, count, count > 0 && count < 100000 ? (int)count : 0);
    if (no != 0 || number != 1)
        return gn_fail(e, GN_INVALID,
                       "part %d of a model in %d; open the first, '%.*s-00001-of-%05d.gguf'",
                       number, of, (int)stem, path.data, of);
    if (of != count)
        return gn_fail(e, GN_FORMAT, "its name says %d parts, its keys %" PRId64, of, count);
    if (!read_others(t, (gn_slice){path.data, stem}, of, e))
        return false;
    if (total >= 0 && (uint64_t)total != t->count)
        return gn_fail(e, GN_FORMAT, "%" PRId64 " tensors were split, %zu are in the parts", total,
                       t->count);
    return true;
}
