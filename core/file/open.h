/* open.h - what the files that open checkpoints share. Nobody else includes it.
 *
 * A part is one mapped file. Readers (safetensors.c, gguf.c) check what a part
 * says of itself and add its tensors one by one; tensors.c finds the parts and
 * keeps the list.
 */
#ifndef GN_FILE_OPEN_H
#define GN_FILE_OPEN_H

#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/base/map.h"
#include "core/file/tensors.h"

typedef struct gn_part {
    char *path;
    gn_file file;
    size_t first; /* its first tensor; they end where the next part's begin */
} gn_part;

struct gn_tensors {
    gn_container container;
    gn_tensor *tensor;
    size_t count, capacity, bytes;
    gn_part *part;
    size_t parts, part_capacity;
    gn_map by_name;
    gn_arena arena;          /* names, keys */
    gn_value *keys;          /* GGUF's */
    const gn_slice *raw_key; /* of each, its type and value as they stand in the file */
};

/* Map one more part. An empty file fails. The last part is t->part[t->parts - 1]. */
bool gn_tensors_map(gn_tensors *t, const char *path, gn_error *e);

/* one->bytes from its format and shape: rows of whole blocks, nothing that overflows. */
bool gn_tensor_measure(gn_tensor *one, gn_error *e);

/* Room for n tensors more. */
bool gn_tensors_reserve(gn_tensors *t, size_t n, gn_error *e);
/* one as the next tensor of the last part. Its name's bytes are kept; a second
 * tensor of the same name fails. */
bool gn_tensors_add(gn_tensors *t, const gn_tensor *one, gn_error *e);
/* The last part's tensors lie apart from each other; `whole`: and with no byte
 * of data [size] between or around them. */
bool gn_tensors_apart(const gn_tensors *t, const uint8_t *data, size_t size, bool whole,
                      gn_error *e);

/* Read the part that was mapped last. */
bool gn_safetensors_read(gn_tensors *t, gn_error *e);
/* The same; if it is the first of a split model, map and read the others too. */
bool gn_gguf_read(gn_tensors *t, gn_error *e);

/* "NAME-00002-of-00007" + extension: number 2, count 7, and how long NAME is. */
bool gn_split_name(gn_slice path, const char *extension, int *number, int *count, size_t *stem);

/* For "%.*s": as much of a name as a message should hold. */
static inline int gn_shown(gn_slice s) { return s.len < 100 ? (int)s.len : 100; }

#endif
