/* tensors.h - what a checkpoint on disk holds: names, shapes, formats, bytes.
 *
 * One contract over safetensors (one file, or sharded by an index) and GGUF
 * (one file, or split). Everything is mapped; every number from the files is
 * checked against what is left of the file before it is used.
 */
#ifndef GN_FILE_TENSORS_H
#define GN_FILE_TENSORS_H

#include "core/base/value.h"
#include "core/num/format.h"

typedef struct gn_tensor {
    gn_slice name;
    int format;     /* gn_format */
    int dims;       /* 0..4 */
    int64_t dim[4]; /* outermost first (GGUF's order is turned round) */
    const uint8_t *data;
    size_t bytes;
} gn_tensor;

typedef enum gn_container { GN_SAFETENSORS, GN_GGUF } gn_container;

typedef struct gn_tensors gn_tensors;

/* path is a folder that holds model.safetensors or model.safetensors.index.json,
 * a .safetensors file, or a .gguf file (of a split one, its first part). NULL
 * and e set: not found (GN_IO), broken (GN_FORMAT), a type we do not read
 * (GN_UNSUPPORTED; its name and the list of those we do). Close with
 * gn_tensors_close(); everything it handed out dies with it. */
gn_tensors *gn_tensors_open(const char *path, gn_error *e);
void gn_tensors_close(gn_tensors *t); /* NULL is fine */

gn_container gn_tensors_container(const gn_tensors *t);
int gn_tensors_count(const gn_tensors *t);
const gn_tensor *gn_tensors_at(const gn_tensors *t, int i);           /* in file order */
const gn_tensor *gn_tensors_find(const gn_tensors *t, gn_slice name); /* NULL: none */
/* A GGUF's key-value section as a map (arrays as lists); NULL for safetensors. */
const gn_value *gn_tensors_keys(const gn_tensors *t);
size_t gn_tensors_bytes(const gn_tensors *t); /* of all tensors' data */
/* The files mapped, for a fingerprint and to give pages back: path i, NULL past the end. */
const char *gn_tensors_path(const gn_tensors *t, int i);
/* Tell the system that a tensor's pages are not needed soon (it was copied). */
void gn_tensors_drop(const gn_tensors *t, const gn_tensor *tensor);

#endif
