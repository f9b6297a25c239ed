/* embed.h - files built into the program (cmake/embed.cmake). */
#ifndef GN_BASE_EMBED_H
#define GN_BASE_EMBED_H

#include "core/base/str.h"

typedef struct gn_embedded {
    const char *name; /* relative to its folder: "system/brief.txt"; NULL ends a table */
    const unsigned char *data;
    size_t size;
} gn_embedded;

/* The file's text, or data NULL. */
static inline gn_slice gn_embedded_find(const gn_embedded *table, const char *name) {
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0)
            return (gn_slice){(const char *)table->data, table->size};
    return (gn_slice){NULL, 0};
}

#endif
