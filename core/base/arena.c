/* arena.c - see arena.h.
 *
 * Blocks double from 4 KiB to 1 MiB. What is larger than a quarter of the next
 * block gets one of its own, behind the current one, which so keeps its room.
 */
#include "core/base/arena.h"

#include <stdlib.h>

enum { ALIGN = 16, SMALLEST = 4096, LARGEST = 1 << 20 };

typedef struct gn_arena_block {
    struct gn_arena_block *next;
    size_t used, size; /* of data */
    _Alignas(ALIGN) char data[];
} block;

static block *block_new(size_t size) {
    block *b = calloc(1, sizeof *b + size);
    if (b)
        b->size = size;
    return b;
}

void *gn_arena_alloc(gn_arena *a, size_t bytes) {
    if (bytes > SIZE_MAX / 2)
        return NULL;
    bytes = bytes ? (bytes + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
    if (a->limit && (a->used > a->limit || bytes > a->limit - a->used))
        return NULL;

    block *b = a->block;
    if (!b || bytes > b->size - b->used) {
        size_t size = b ? b->size * 2 : SMALLEST;
        size = size < SMALLEST ? SMALLEST : size > LARGEST ? LARGEST : size;
        const bool alone = bytes > size / 4;
        block *fresh = block_new(alone ? bytes : size);
        if (!fresh)
            return NULL;
        if (alone && b) {
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            a->block = fresh;
        }
        b = fresh;
    }
    void *out = b->data + b->used;
    b->used += bytes;
    a->used += bytes;
    return out;
}

gn_slice gn_arena_copy(gn_arena *a, gn_slice text) {
    char *copy = text.len < SIZE_MAX ? gn_arena_alloc(a, text.len + 1) : NULL;
    if (!copy)
        return (gn_slice){NULL, 0};
    if (text.len)
        memcpy(copy, text.data, text.len);
    return (gn_slice){copy, text.len};
}

void gn_arena_release(gn_arena *a) {
    for (block *b = a->block, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    *a = (gn_arena){.limit = a->limit};
}
