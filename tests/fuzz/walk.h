/* walk.h - open a checkpoint that may be anything, and read all it says it holds. */
#ifndef GN_TESTS_WALK_H
#define GN_TESTS_WALK_H

#include "core/file/tensors.h"

#include <stdlib.h>

/* Reads every byte of a string, so that a sanitizer sees where it points. */
static size_t walk_text(gn_slice s) {
    size_t sum = s.len;
    for (size_t i = 0; i < s.len; i++)
        sum += (unsigned char)s.data[i];
    return sum;
}

static size_t walk_value(const gn_value *v) {
    size_t sum = walk_text(gn_value_text(v));
    if (gn_value_is(v, GN_LIST))
        for (size_t i = 0; i < v->list.count; i++)
            sum += walk_value(v->list.item[i]);
    if (gn_value_is(v, GN_MAP))
        for (size_t i = 0; i < v->map.count; i++)
            sum += walk_text(v->map.entry[i].key) + walk_value(v->map.entry[i].value);
    return sum;
}

/* The first and the last block of a tensor, as numbers. */
static size_t walk_tensor(const gn_tensor *one) {
    const gn_format_info *f = gn_format_of(one->format);
    float v[256];
    if (!one->bytes)
        return walk_text(one->name);
    f->unpack(one->data, v, (size_t)f->block);
    f->unpack(one->data + one->bytes - f->bytes, v, (size_t)f->block);
    return walk_text(one->name) + (v[0] > 0);
}

/* True if it could be opened. Otherwise e says why; without a sentence the program ends. */
static bool walk(const char *path, gn_error *e, size_t *sum) {
    gn_tensors *t = gn_tensors_open(path, e);
    if (!t) {
        if (e->code == GN_OK || !e->message[0])
            abort();
        return false;
    }
    for (int i = 0; i < gn_tensors_count(t); i++) {
        const gn_tensor *one = gn_tensors_at(t, i);
        if (gn_tensors_find(t, one->name) != one)
            abort();
        *sum += walk_tensor(one);
    }
    *sum += walk_value(gn_tensors_keys(t));
    gn_tensors_close(t);
    return true;
}

#endif
