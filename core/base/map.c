/* map.c - see map.h. Open addressing, linear probing, at most three quarters full. */
#include "core/base/map.h"

#include "core/base/hash.h"

#include <stdlib.h>

typedef struct gn_map_slot {
    gn_slice key; /* data NULL: free */
    uint64_t hash;
    int64_t value;
} slot;

/* The slot that holds key, or the free one where it would go. */
static slot *find(slot *s, size_t size, gn_slice key, uint64_t hash) {
    size_t i = hash & (size - 1);
    while (s[i].key.data && (s[i].hash != hash || !gn_slice_equal(s[i].key, key)))
        i = (i + 1) & (size - 1);
    return &s[i];
}

bool gn_map_reserve(gn_map *m, size_t n) {
    if (n <= m->size / 4 * 3)
        return true;
    size_t size = m->size ? m->size : 16;
    while (size / 4 * 3 < n) {
        if (size > SIZE_MAX / 2 / sizeof(slot))
            return false;
        size *= 2;
    }
    slot *fresh = calloc(size, sizeof *fresh);
    if (!fresh)
        return false;
    for (size_t i = 0; i < m->size; i++)
        if (m->slot[i].key.data)
            *find(fresh, size, m->slot[i].key, m->slot[i].hash) = m->slot[i];
    free(m->slot);
    m->slot = fresh;
    m->size = size;
    return true;
}

bool gn_map_set(gn_map *m, gn_slice key, int64_t value) {
    if (!key.data)
        key = GN_S("");
    const uint64_t hash = gn_xxh3(key.data, key.len);
    slot *s = m->size ? find(m->slot, m->size, key, hash) : NULL;
    if (!s || !s->key.data) {
        if (m->count + 1 > m->size / 4 * 3) {
            if (!gn_map_reserve(m, m->count + 1))
                return false;
            s = find(m->slot, m->size, key, hash);
        }
        *s = (slot){.key = key, .hash = hash};
        m->count++;
    }
    s->value = value;
    return true;
}

bool gn_map_get(const gn_map *m, gn_slice key, int64_t *value) {
    if (!m->count)
        return false;
    const slot *s = find(m->slot, m->size, key, gn_xxh3(key.data, key.len));
    if (!s->key.data)
        return false;
    if (value)
        *value = s->value;
    return true;
}

void gn_map_release(gn_map *m) {
    free(m->slot);
    *m = (gn_map){0};
}
