/* arena.h - many small allocations with one life and one free.
 *
 * Value trees, parsed templates and everything made while rendering live in
 * arenas. Zeroed it is empty. A limit in bytes (0: none) makes hostile input
 * fail with GN_NO_MEMORY instead of eating the machine.
 */
#ifndef GN_BASE_ARENA_H
#define GN_BASE_ARENA_H

#include "core/base/str.h"

typedef struct gn_arena {
    struct gn_arena_block *block;
    size_t used, limit; /* bytes handed out; most it may hand out, 0: no limit */
} gn_arena;

/* 16-byte aligned, zeroed. NULL when memory or the limit is used up. */
void *gn_arena_alloc(gn_arena *a, size_t bytes);
/* A NUL-terminated copy; data is NULL on failure. */
gn_slice gn_arena_copy(gn_arena *a, gn_slice text);
void gn_arena_release(gn_arena *a); /* frees all of it; zeroes it but for the limit */

#endif
