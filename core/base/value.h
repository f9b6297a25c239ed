/* value.h - null, bool, integer, number, string, list, map in order.
 *
 * What JSON, YAML, a GGUF's key-value section and templates have in common.
 * A tree lives in one arena and is freed with it; strings may point into the
 * text it was made from, if the maker says so. Makers return NULL when the
 * arena is full. Readers take NULL for "not there", so lookups can be chained.
 */
#ifndef GN_BASE_VALUE_H
#define GN_BASE_VALUE_H

#include "core/base/arena.h"

typedef enum gn_kind {
    GN_NULL,
    GN_BOOL,
    GN_INTEGER,
    GN_NUMBER,
    GN_STRING,
    GN_LIST,
    GN_MAP,
    GN_KINDS /* core/template counts on from here for what only a program has */
} gn_kind;

typedef struct gn_value gn_value;

typedef struct gn_entry {
    gn_slice key;
    gn_value *value;
} gn_entry;

struct gn_value {
    int kind; /* gn_kind */
    int line; /* of the file it was read from, from 1; 0: unknown */
    union {
        bool boolean;
        int64_t integer;
        double number;
        gn_slice string;
        struct {
            gn_value **item; /* NULL while they are packed */
            size_t count, capacity;
            const struct gn_packed *packed;
        } list;
        struct {
            gn_entry *entry; /* in the order of first insertion */
            size_t count, capacity;
            uint32_t *index; /* hash index once there are many; see value.c */
            size_t index_size;
        } map;
    };
};

gn_value *gn_value_null(gn_arena *a);
gn_value *gn_value_bool(gn_arena *a, bool v);
gn_value *gn_value_integer(gn_arena *a, int64_t v);
gn_value *gn_value_number(gn_arena *a, double v);
gn_value *gn_value_string(gn_arena *a, gn_slice text); /* copies text into the arena */
gn_value *gn_value_borrow(gn_arena *a, gn_slice text); /* keeps the slice */
gn_value *gn_value_list(gn_arena *a);
gn_value *gn_value_map(gn_arena *a);

/* False when the arena is full, or v is NULL (so makers can be nested). */
bool gn_value_add(gn_arena *a, gn_value *list, gn_value *v);
/* Set or replace, in place. The key's bytes are kept, not copied. */
bool gn_value_set(gn_arena *a, gn_value *map, gn_slice key, gn_value *v);

/* The value under key, or NULL: not a map, or no such key. */
gn_value *gn_value_get(const gn_value *map, gn_slice key);
/* NULL past the end or no list. A packed list is unpacked by it (NULL without memory for that). */
gn_value *gn_value_at(const gn_value *list, size_t i);
size_t gn_value_count(const gn_value *v); /* of a list or map, else 0 */

/* Items as a file has them, little-endian one after another: strings, each behind its length in 8
 * bytes, or integers. */
typedef struct gn_packed {
    const uint8_t *data;
    int bytes;      /* of an integer; 0: strings */
    bool is_signed; /* integers of fewer than 8 bytes; those of 8 are */
    gn_arena *arena;
} gn_packed;
/* Make v a list of so many items that stay packed until one is asked for. False when the arena is
 * full. */
bool gn_value_pack(gn_value *v, size_t count, gn_packed items);

/* A list's items one after another, without unpacking it. */
typedef struct gn_each {
    const gn_value *list;
    size_t next;
    const uint8_t *at;
} gn_each;
gn_each gn_each_of(const gn_value *list);
/* The next item; false at the end, and if it is no string or integer. */
bool gn_each_text(gn_each *i, gn_slice *text);
bool gn_each_integer(gn_each *i, int64_t *v);

static inline bool gn_value_is(const gn_value *v, gn_kind kind) {
    return v && v->kind == (int)kind;
}
/* The text of a string; empty for anything else. */
static inline gn_slice gn_value_text(const gn_value *v) {
    return gn_value_is(v, GN_STRING) ? v->string : (gn_slice){"", 0};
}
/* An integer, or a number without a fraction that fits. */
bool gn_value_to_integer(const gn_value *v, int64_t *out);
/* An integer or a number. */
bool gn_value_to_number(const gn_value *v, double *out);

/* Equal as Python's == sees them: 1 == 1.0 == True; maps in any order. */
bool gn_value_equal(const gn_value *a, const gn_value *b);

/* "null", "boolean", "integer", "number", "string", "list", "map" */
const char *gn_kind_name(int kind);

#endif
