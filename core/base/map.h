/* map.h - a hash table from text to a number.
 *
 * Keys are borrowed: whoever holds the bytes keeps them as long as the map.
 * Zeroed it is empty. Hashed with XXH3, so hostile keys cost what others do.
 */
#ifndef GN_BASE_MAP_H
#define GN_BASE_MAP_H

#include "core/base/str.h"

typedef struct gn_map {
    struct gn_map_slot *slot;
    size_t count, size; /* size is a power of two, or 0 */
} gn_map;

/* Room for n keys without growing. */
bool gn_map_reserve(gn_map *m, size_t n);
/* Set or replace; false when out of memory. */
bool gn_map_set(gn_map *m, gn_slice key, int64_t value);
/* False if key is not there; *value is then untouched. value may be NULL. */
bool gn_map_get(const gn_map *m, gn_slice key, int64_t *value);
void gn_map_release(gn_map *m);

#endif
