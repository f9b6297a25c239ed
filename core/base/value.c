/* value.c - see value.h.
 *
 * A map is an array of entries. Once it is longer than a screen, an index is
 * kept beside it: a table of entry numbers plus one (0: free), a power of two
 * at least twice as large as the map, probed linearly from the key's hash.
 */
#include "core/base/value.h"

#include "core/base/hash.h"

#include <assert.h>
#include <endian.h>

enum { FIRST_ROOM = 4, INDEX_FROM = 16, EQUAL_DEPTH = 2000 };

static gn_value *make(gn_arena *a, int kind) {
    gn_value *v = gn_arena_alloc(a, sizeof *v);
    if (v)
        v->kind = kind;
    return v;
}

gn_value *gn_value_null(gn_arena *a) { return make(a, GN_NULL); }
gn_value *gn_value_list(gn_arena *a) { return make(a, GN_LIST); }
gn_value *gn_value_map(gn_arena *a) { return make(a, GN_MAP); }

gn_value *gn_value_bool(gn_arena *a, bool v) {
    gn_value *out = make(a, GN_BOOL);
    if (out)
        out->boolean = v;
    return out;
}

gn_value *gn_value_integer(gn_arena *a, int64_t v) {
    gn_value *out = make(a, GN_INTEGER);
    if (out)
        out->integer = v;
    return out;
}

gn_value *gn_value_number(gn_arena *a, double v) {
    gn_value *out = make(a, GN_NUMBER);
    if (out)
        out->number = v;
    return out;
}

gn_value *gn_value_borrow(gn_arena *a, gn_slice text) {
    gn_value *out = make(a, GN_STRING);
    if (out)
        out->string = text.data ? text : GN_S("");
    return out;
}

gn_value *gn_value_string(gn_arena *a, gn_slice text) {
    const gn_slice copy = gn_arena_copy(a, text);
    return copy.data ? gn_value_borrow(a, copy) : NULL;
}

/* An array in the arena with room for twice as many items; the old one stays
 * behind until the arena goes. NULL when there is no room. */
static void *grown(gn_arena *a, const void *items, size_t count, size_t *capacity, size_t size) {
    const size_t room = *capacity ? *capacity * 2 : FIRST_ROOM;
    if (room > SIZE_MAX / 2 / size)
        return NULL;
    void *fresh = gn_arena_alloc(a, room * size);
    if (!fresh)
        return NULL;
    if (count)
        memcpy(fresh, items, count * size);
    *capacity = room;
    return fresh;
}

bool gn_value_add(gn_arena *a, gn_value *list, gn_value *v) {
    if (!list || !v)
        return false;
    assert(list->kind == GN_LIST && !list->list.packed);
    if (list->list.count == list->list.capacity) {
        gn_value **item = grown(a, list->list.item, list->list.count, &list->list.capacity,
                                sizeof *list->list.item);
        if (!item)
            return false;
        list->list.item = item;
    }
    list->list.item[list->list.count++] = v;
    return true;
}

/* The place in the index where key's entry number is, or would go. */
static uint32_t *index_slot(const gn_value *map, gn_slice key) {
    const size_t mask = map->map.index_size - 1;
    size_t i = gn_xxh3(key.data, key.len) & mask;
    while (map->map.index[i] && !gn_slice_equal(map->map.entry[map->map.index[i] - 1].key, key))
        i = (i + 1) & mask;
    return &map->map.index[i];
}

static gn_entry *find(const gn_value *map, gn_slice key) {
    if (map->map.index) {
        const uint32_t at = *index_slot(map, key);
        return at ? &map->map.entry[at - 1] : NULL;
    }
    for (size_t i = 0; i < map->map.count; i++)
        if (gn_slice_equal(map->map.entry[i].key, key))
            return &map->map.entry[i];
    return NULL;
}

/* An index over all entries, for a map that will hold up to `room`. */
static bool index_all(gn_arena *a, gn_value *map, size_t room) {
    size_t size = 4 * INDEX_FROM;
    while (size < 2 * room)
        size *= 2;
    uint32_t *fresh = room < UINT32_MAX / 4 ? gn_arena_alloc(a, size * sizeof *fresh) : NULL;
    if (!fresh)
        return false;
    map->map.index = fresh;
    map->map.index_size = size;
    for (size_t i = 0; i < map->map.count; i++)
        *index_slot(map, map->map.entry[i].key) = (uint32_t)(i + 1);
    return true;
}

bool gn_value_set(gn_arena *a, gn_value *map, gn_slice key, gn_value *v) {
    if (!map || !v)
        return false;
    assert(map->kind == GN_MAP);
    if (!key.data)
        key = GN_S("");
    gn_entry *there = find(map, key);
    if (there) {
        there->value = v;
        return true;
    }
    if (map->map.count == map->map.capacity) {
        gn_entry *entry =
            grown(a, map->map.entry, map->map.count, &map->map.capacity, sizeof *map->map.entry);
        if (!entry)
            return false;
        map->map.entry = entry;
    }
    if (map->map.count >= INDEX_FROM && 2 * map->map.capacity > map->map.index_size &&
        !index_all(a, map, map->map.capacity))
        return false;
    map->map.entry[map->map.count++] = (gn_entry){key, v};
    if (map->map.index)
        *index_slot(map, key) = (uint32_t)map->map.count;
    return true;
}

gn_value *gn_value_get(const gn_value *map, gn_slice key) {
    if (!gn_value_is(map, GN_MAP))
        return NULL;
    const gn_entry *entry = find(map, key);
    return entry ? entry->value : NULL;
}

bool gn_value_pack(gn_value *v, size_t count, gn_packed items) {
    gn_packed *packed = gn_arena_alloc(items.arena, sizeof *packed);
    if (!packed)
        return false;
    *packed = items;
    v->kind = GN_LIST;
    v->list.item = NULL;
    v->list.count = count;
    v->list.capacity = 0;
    v->list.packed = packed;
    return true;
}

static uint64_t little(const uint8_t *p, int bytes) {
    uint64_t v = 0;
    if (bytes == 8)
        memcpy(&v, p, 8);
    else if (bytes == 4)
        memcpy(&v, p, 4);
    else
        memcpy(&v, p, (size_t)bytes);
    return le64toh(v);
}

static gn_slice take_text(const uint8_t **at) {
    const gn_slice text = {(const char *)*at + 8, (size_t)little(*at, 8)};
    *at += 8 + text.len;
    return text;
}

static int64_t take_integer(const gn_packed *p, const uint8_t **at) {
    const int unused = 64 - 8 * p->bytes;
    const uint64_t v = little(*at, p->bytes) << unused;
    *at += p->bytes;
    return p->is_signed || !unused ? (int64_t)v >> unused : (int64_t)(v >> unused);
}

/* What was packed as values of its own, all in one piece of the arena. */
static bool unpack(gn_value *list) {
    const gn_packed *p = list->list.packed;
    const size_t n = list->list.count;
    if (n > SIZE_MAX / sizeof(gn_value))
        return false;
    gn_value *value = gn_arena_alloc(p->arena, n * sizeof *value);
    gn_value **item = gn_arena_alloc(p->arena, n * sizeof *item);
    if (!value || !item)
        return false;
    const uint8_t *at = p->data;
    for (size_t i = 0; i < n; i++) {
        item[i] = &value[i];
        value[i].kind = p->bytes ? GN_INTEGER : GN_STRING;
        if (p->bytes)
            value[i].integer = take_integer(p, &at);
        else
            value[i].string = take_text(&at);
    }
    list->list.item = item;
    list->list.capacity = n;
    list->list.packed = NULL;
    return true;
}

gn_value *gn_value_at(const gn_value *list, size_t i) {
    if (!gn_value_is(list, GN_LIST) || i >= list->list.count)
        return NULL;
    if (list->list.packed && !unpack((gn_value *)(uintptr_t)list))
        return NULL;
    return list->list.item[i];
}

gn_each gn_each_of(const gn_value *list) {
    const bool packed = gn_value_is(list, GN_LIST) && list->list.packed;
    return (gn_each){.list = list, .at = packed ? list->list.packed->data : NULL};
}

bool gn_each_text(gn_each *i, gn_slice *text) {
    const gn_packed *p = i->at ? i->list->list.packed : NULL;
    if (!p || i->next >= i->list->list.count) {
        const gn_value *v = gn_value_at(i->list, i->next++);
        *text = gn_value_text(v);
        return gn_value_is(v, GN_STRING);
    }
    i->next++;
    if (p->bytes) {
        i->at += p->bytes;
        return false;
    }
    *text = take_text(&i->at);
    return true;
}

bool gn_each_integer(gn_each *i, int64_t *v) {
    const gn_packed *p = i->at ? i->list->list.packed : NULL;
    if (!p || i->next >= i->list->list.count)
        return gn_value_to_integer(gn_value_at(i->list, i->next++), v);
    i->next++;
    if (!p->bytes) {
        take_text(&i->at);
        return false;
    }
    *v = take_integer(p, &i->at);
    return true;
}

size_t gn_value_count(const gn_value *v) {
    return gn_value_is(v, GN_LIST) ? v->list.count : gn_value_is(v, GN_MAP) ? v->map.count : 0;
}

/* v without its fraction as an integer, if it has none and fits. */
static bool whole(double v, int64_t *out) {
    if (!(v >= -0x1p63 && v < 0x1p63))
        return false;
    *out = (int64_t)v;
    return (double)*out == v;
}

bool gn_value_to_integer(const gn_value *v, int64_t *out) {
    if (gn_value_is(v, GN_INTEGER)) {
        *out = v->integer;
        return true;
    }
    int64_t i;
    if (!gn_value_is(v, GN_NUMBER) || !whole(v->number, &i))
        return false;
    *out = i;
    return true;
}

bool gn_value_to_number(const gn_value *v, double *out) {
    if (gn_value_is(v, GN_INTEGER))
        *out = (double)v->integer;
    else if (gn_value_is(v, GN_NUMBER))
        *out = v->number;
    else
        return false;
    return true;
}

static bool is_numeric(const gn_value *v) {
    return v->kind == GN_BOOL || v->kind == GN_INTEGER || v->kind == GN_NUMBER;
}

/* Exact, also where an integer is too large for a double to hold. */
static bool numbers_equal(const gn_value *a, const gn_value *b) {
    if (a->kind == GN_NUMBER && b->kind == GN_NUMBER)
        return a->number == b->number;
    int64_t i, j;
    if (a->kind == GN_BOOL)
        i = a->boolean;
    else if (!gn_value_to_integer(a, &i))
        return false;
    if (b->kind == GN_BOOL)
        j = b->boolean;
    else if (!gn_value_to_integer(b, &j))
        return false;
    return i == j;
}

static bool equal(const gn_value *a, const gn_value *b, int depth);

/* Inside containers the same object is equal to itself, even a NaN. */
static bool items_equal(const gn_value *a, const gn_value *b, int depth) {
    return a == b || equal(a, b, depth + 1);
}

static bool equal(const gn_value *a, const gn_value *b, int depth) {
    if (!a || !b || depth > EQUAL_DEPTH)
        return a == b;
    if (is_numeric(a) && is_numeric(b))
        return numbers_equal(a, b);
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case GN_NULL:
        return true;
    case GN_STRING:
        return gn_slice_equal(a->string, b->string);
    case GN_LIST:
        if (a->list.count != b->list.count)
            return false;
        for (size_t i = 0; i < a->list.count; i++)
            if (!items_equal(gn_value_at(a, i), gn_value_at(b, i), depth))
                return false;
        return true;
    case GN_MAP:
        if (a->map.count != b->map.count)
            return false;
        for (size_t i = 0; i < a->map.count; i++) {
            const gn_entry *other = find(b, a->map.entry[i].key);
            if (!other || !items_equal(a->map.entry[i].value, other->value, depth))
                return false;
        }
        return true;
    default:
        return a == b;
    }
}

bool gn_value_equal(const gn_value *a, const gn_value *b) { return equal(a, b, 0); }

const char *gn_kind_name(int kind) {
    static const char *const name[] = {"null",   "boolean", "integer", "number",
                                       "string", "list",    "map"};
    return kind >= 0 && kind < GN_KINDS ? name[kind] : "object";
}
