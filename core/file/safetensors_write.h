/* safetensors_write.h - write one safetensors file: which tensors, then their data.
 *
 *   gn_safetensors *s = gn_safetensors_new(path, e);
 *   gn_safetensors_note(s, "format", GN_S("pt"));                   metadata, if any
 *   gn_safetensors_tensor(s, name, GN_BF16, 2, dim); ...            tensors
 *   gn_safetensors_begin(s, e) && gn_safetensors_data(s, ...) && ...
 *   gn_safetensors_commit(s, e)
 *
 * The format leaves no byte between tensors, so F32 comes before F16 and BF16
 * lest its data lose its alignment. Otherwise as gguf_write.h.
 */
#ifndef GN_FILE_SAFETENSORS_WRITE_H
#define GN_FILE_SAFETENSORS_WRITE_H

#include "core/file/tensors.h"

typedef struct gn_safetensors gn_safetensors;

gn_safetensors *gn_safetensors_new(const char *path, gn_error *e);
void gn_safetensors_note(gn_safetensors *s, const char *key, gn_slice v);
/* format is GN_F32, GN_F16 or GN_BF16; dim [dims] outermost first. */
void gn_safetensors_tensor(gn_safetensors *s, gn_slice name, int format, int dims,
                           const int64_t *dim);
bool gn_safetensors_begin(gn_safetensors *s, gn_error *e);
/* The next len bytes of the tensors' data; no more than they have. */
bool gn_safetensors_data(gn_safetensors *s, const void *data, size_t len, gn_error *e);
/* All data has come. Frees s, whatever happens. */
bool gn_safetensors_commit(gn_safetensors *s, gn_error *e);
void gn_safetensors_abort(gn_safetensors *s); /* NULL is fine */

#endif
