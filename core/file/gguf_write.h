/* gguf_write.h - write a GGUF file: keys, which tensors, then their data.
 *
 *   gn_gguf *g = gn_gguf_new(path, e);
 *   gn_gguf_text(g, "general.architecture", GN_S("granite")); ...   keys
 *   gn_gguf_tensor(g, name, GN_Q4_K, 2, dim); ...                   tensors
 *   gn_gguf_begin(g, e) && gn_gguf_data(g, row, bytes, e) && ...    data, in that order
 *   gn_gguf_commit(g, e)
 *
 * Data may come in pieces of any size; padding between tensors is put in by
 * itself. Nothing is seen at path before the commit. Running out of memory
 * while keys and tensors are added is reported by gn_gguf_begin(). Keys and
 * names are the caller's to keep unique.
 */
#ifndef GN_FILE_GGUF_WRITE_H
#define GN_FILE_GGUF_WRITE_H

#include "core/file/tensors.h"

typedef struct gn_gguf gn_gguf;

gn_gguf *gn_gguf_new(const char *path, gn_error *e);

void gn_gguf_u32(gn_gguf *g, const char *key, uint32_t v);
void gn_gguf_i32(gn_gguf *g, const char *key, int32_t v);
void gn_gguf_f32(gn_gguf *g, const char *key, float v);
void gn_gguf_bool(gn_gguf *g, const char *key, bool v);
void gn_gguf_text(gn_gguf *g, const char *key, gn_slice v);
void gn_gguf_texts(gn_gguf *g, const char *key, const gn_slice *v, size_t n);
void gn_gguf_i32s(gn_gguf *g, const char *key, const int32_t *v, size_t n);
void gn_gguf_f32s(gn_gguf *g, const char *key, const float *v, size_t n);
/* Key number i of gn_tensors_keys(from), a GGUF, with its type and bytes as they are. */
void gn_gguf_copy(gn_gguf *g, const gn_tensors *from, size_t i);

/* dim [dims] outermost first; rows are whole blocks of the format. */
void gn_gguf_tensor(gn_gguf *g, gn_slice name, int format, int dims, const int64_t *dim);

bool gn_gguf_begin(gn_gguf *g, gn_error *e);
/* The next len bytes of the tensors' data; no more than they have. */
bool gn_gguf_data(gn_gguf *g, const void *data, size_t len, gn_error *e);
/* All data has come. Frees g, whatever happens. */
bool gn_gguf_commit(gn_gguf *g, gn_error *e);
void gn_gguf_abort(gn_gguf *g); /* NULL is fine */

#endif
