/* table.c - documents as rows of one table.
 *
 * A JSON file says nothing of types; a table does, and a prompt shows the difference:
 * in a column that holds 1 and 2.5 the 1 prints as 1.0. The shape of a column is
 * what its values were seen to be, all the way down; then every value is cast in it.
 */
#include "eval/dataset.h"

#include <stdio.h>

enum { MAX_KEYS = 10000, MAX_DEPTH = 200 };

typedef struct shape {
    unsigned seen;      /* 1 << gn_kind */
    bool untimely;      /* a string that is no time was seen */
    struct shape *item; /* of a list */
    struct shape **child;
    gn_slice *key; /* [count] of a map */
    size_t count, capacity;
    gn_map index;
    struct shape *next; /* all shapes, to free their maps */
} shape;

typedef struct table {
    gn_arena *arena, scratch;
    shape *all;
    gn_error *e;
} table;

static shape *new_shape(table *t) {
    shape *s = gn_arena_alloc(&t->scratch, sizeof *s);
    if (!s) {
        gn_fail(t->e, GN_NO_MEMORY, "out of memory");
        return NULL;
    }
    s->next = t->all;
    t->all = s;
    return s;
}

/* ---- times -------------------------------------------------------------- */

static bool digits(gn_slice s, size_t at, int n, int *out) {
    *out = 0;
    if (s.len < at + (size_t)n)
        return false;
    for (int i = 0; i < n; i++) {
        const char c = s.data[at + (size_t)i];
        if (c < '0' || c > '9')
            return false;
        *out = *out * 10 + (c - '0');
    }
    return true;
}

static bool is_date(int year, int month, int day) {
    static const int length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1 || year < 1)
        return false;
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= length[month - 1] + (month == 2 && leap);
}

/* YYYY-MM-DD, or that, a blank or T, and HH, HH:MM or HH:MM:SS, perhaps a Z. */
static bool is_time(gn_slice s, int part[6]) {
    memset(part, 0, 6 * sizeof *part);
    if (!digits(s, 0, 4, &part[0]) || !digits(s, 5, 2, &part[1]) || !digits(s, 8, 2, &part[2]) ||
        s.data[4] != '-' || s.data[7] != '-' || !is_date(part[0], part[1], part[2]))
        return false;
    if (s.len == 10)
        return true;
    if (s.data[10] != ' ' && s.data[10] != 'T')
        return false;
    if (s.data[s.len - 1] == 'Z')
        s.len--;
    if (s.len != 13 && s.len != 16 && s.len != 19)
        return false;
    for (size_t at = 11, i = 3; at < s.len; at += 3, i++)
        if (!digits(s, at, 2, &part[i]) || (at > 11 && s.data[at - 1] != ':') ||
            part[i] >= (i == 3 ? 24 : 60))
            return false;
    return true;
}

/* ---- learning ----------------------------------------------------------- */

static bool learn(table *t, shape *s, const gn_value *v, int depth);

static bool learn_key(table *t, shape *s, const gn_entry *entry, int depth) {
    int64_t i;
    if (!gn_map_get(&s->index, entry->key, &i)) {
        if (s->count == MAX_KEYS)
            return gn_fail(t->e, GN_FORMAT,
                           "more than %d different keys: as a table it would be too wide",
                           MAX_KEYS);
        if (s->count == s->capacity) {
            const size_t room = s->capacity ? 2 * s->capacity : 8;
            shape **child = gn_arena_alloc(&t->scratch, room * sizeof *child);
            gn_slice *key = gn_arena_alloc(&t->scratch, room * sizeof *key);
            if (!child || !key)
                return gn_fail(t->e, GN_NO_MEMORY, "out of memory");
            if (s->count) {
                memcpy(child, s->child, s->count * sizeof *child);
                memcpy(key, s->key, s->count * sizeof *key);
            }
            s->child = child;
            s->key = key;
            s->capacity = room;
        }
        i = (int64_t)s->count;
        s->child[i] = new_shape(t);
        s->key[i] = entry->key;
        if (!s->child[i])
            return false;
        if (!gn_map_set(&s->index, entry->key, i))
            return gn_fail(t->e, GN_NO_MEMORY, "out of memory");
        s->count++;
    }
    return learn(t, s->child[i], entry->value, depth + 1);
}

static bool learn(table *t, shape *s, const gn_value *v, int depth) {
    int part[6];
    if (depth > MAX_DEPTH)
        return gn_fail(t->e, GN_FORMAT, "nested deeper than %d", MAX_DEPTH);
    s->seen |= 1u << v->kind;
    if (v->kind == GN_STRING && !s->untimely)
        s->untimely = !is_time(v->string, part);
    if (v->kind == GN_LIST && v->list.count) {
        if (!s->item && !(s->item = new_shape(t)))
            return false;
        for (size_t i = 0; i < v->list.count; i++)
            if (!learn(t, s->item, v->list.item[i], depth + 1))
                return false;
    }
    if (v->kind == GN_MAP)
        for (size_t i = 0; i < v->map.count; i++)
            if (!learn_key(t, s, &v->map.entry[i], depth))
                return false;
    return true;
}

/* ---- casting ------------------------------------------------------------ */

static gn_value *cast(table *t, const shape *s, gn_value *v);

static gn_value *cast_map(table *t, const shape *s, const gn_value *v) {
    gn_value *out = gn_value_map(t->arena);
    for (size_t i = 0; i < s->count; i++) {
        gn_value *old = gn_value_get(v, s->key[i]);
        if (!gn_value_set(t->arena, out, s->key[i],
                          old ? cast(t, s->child[i], old) : gn_value_null(t->arena)))
            return NULL;
    }
    return out;
}

static gn_value *cast_time(table *t, const gn_value *v) {
    int p[6];
    char text[64];
    is_time(v->string, p);
    const int n = snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d", p[0], p[1], p[2],
                           p[3], p[4], p[5]);
    return gn_value_string(t->arena, (gn_slice){text, (size_t)n});
}

/* NULL when out of memory. */
static gn_value *cast(table *t, const shape *s, gn_value *v) {
    const unsigned numbers = 1u << GN_INTEGER | 1u << GN_NUMBER, null = 1u << GN_NULL;
    if (v->kind == GN_INTEGER && (s->seen & ~null) == numbers)
        return gn_value_number(t->arena, (double)v->integer);
    if (v->kind == GN_STRING && !s->untimely && (s->seen & ~null) == 1u << GN_STRING)
        return cast_time(t, v);
    if (v->kind == GN_MAP)
        return cast_map(t, s, v);
    if (v->kind == GN_LIST)
        for (size_t i = 0; i < v->list.count; i++)
            if (!(v->list.item[i] = cast(t, s->item, v->list.item[i])))
                return NULL;
    return v;
}

gn_value *gn_documents_unify(gn_arena *a, gn_value *list, gn_error *e) {
    table t = {.arena = a, .e = e};
    shape *root = new_shape(&t);
    gn_value *columns = NULL;
    bool ok = root != NULL;

    for (size_t i = 0; ok && i < list->list.count; i++)
        if (!learn(&t, root, list->list.item[i], 0))
            ok = gn_context(e, "document %zu", i);
    for (size_t i = 0; ok && i < list->list.count; i++) {
        list->list.item[i] = cast(&t, root, list->list.item[i]);
        ok = list->list.item[i] || gn_fail(e, GN_NO_MEMORY, "out of memory");
    }
    if (ok) {
        columns = gn_value_map(a);
        for (size_t i = 0; i < root->count; i++)
            if (!gn_value_set(a, columns, root->key[i], gn_value_null(a)))
                columns = NULL;
        if (!columns)
            gn_fail(e, GN_NO_MEMORY, "out of memory");
    }
    for (shape *s = t.all; s; s = s->next)
        gn_map_release(&s->index);
    gn_arena_release(&t.scratch);
    return columns;
}
