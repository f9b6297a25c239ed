/* vec.h - room in a growing array. */
#ifndef GN_BASE_VEC_H
#define GN_BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* *array holds *capacity items of `size` bytes; make it hold at least need.
 * False, and nothing changed, when out of memory. array is the address of a
 * T *, passed as void * and copied byte by byte, so that any T will do. */
static inline bool gn_vec_reserve(void *array, size_t *capacity, size_t need, size_t size) {
    if (need <= *capacity)
        return true;
    size_t room = *capacity ? *capacity : 8;
    while (room < need)
        room = room > SIZE_MAX / 2 ? need : room * 2;
    if (size && room > SIZE_MAX / size)
        return false;
    void *old;
    memcpy(&old, array, sizeof old);
    void *now = realloc(old, room * size);
    if (!now)
        return false;
    memcpy(array, &now, sizeof now);
    *capacity = room;
    return true;
}

/* Token ids, the array most passed around. Zeroed it is empty. */
typedef struct gn_ids {
    int32_t *id;
    size_t count, capacity;
} gn_ids;

static inline bool gn_ids_add(gn_ids *ids, int32_t id) {
    if (!gn_vec_reserve(&ids->id, &ids->capacity, ids->count + 1, sizeof *ids->id))
        return false;
    ids->id[ids->count++] = id;
    return true;
}
static inline bool gn_ids_append(gn_ids *ids, const int32_t *id, size_t n) {
    if (!gn_vec_reserve(&ids->id, &ids->capacity, ids->count + n, sizeof *ids->id))
        return false;
    if (n)
        memcpy(ids->id + ids->count, id, n * sizeof *id);
    ids->count += n;
    return true;
}
static inline void gn_ids_release(gn_ids *ids) {
    free(ids->id);
    *ids = (gn_ids){0};
}

#endif
