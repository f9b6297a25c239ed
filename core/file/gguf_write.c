/* gguf_write.c - see gguf_write.h; the layout is drawn in gguf.c. */
#include "core/file/gguf_write.h"

#include "core/base/file.h"
#include "core/base/vec.h"
#include "core/file/open.h"
#include "core/num/half.h"

#include <assert.h>

enum { U32 = 4, I32 = 5, F32 = 6, BOOL = 7, STRING = 8, ARRAY = 9, ALIGNMENT = 32, VERSION = 3 };

struct gn_gguf {
    gn_writer *writer;
    gn_str key, tensor; /* the two lists as they will stand in the file */
    uint64_t keys, tensors;
    size_t *size; /* bytes of each tensor */
    size_t capacity;
    uint64_t offset;  /* where the next tensor's data will begin */
    size_t now, done; /* the tensor whose data comes, and how much of it came */
};

static void put(gn_str *s, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++)
        gn_str_putc(s, (char)(v >> (8 * i)));
}

static void put_text(gn_str *s, gn_slice text) {
    put(s, text.len, 8);
    gn_str_add(s, text);
}

gn_gguf *gn_gguf_new(const char *path, gn_error *e) {
    gn_gguf *g = calloc(1, sizeof *g);
    if (!g) {
        gn_fail(e, GN_NO_MEMORY, "write '%s': out of memory", path);
        return NULL;
    }
    g->writer = gn_writer_open(path, e);
    if (!g->writer) {
        free(g);
        return NULL;
    }
    return g;
}

/* Keys. */

static void put_key(gn_gguf *g, const char *key, uint32_t type) {
    put_text(&g->key, gn_slice_of(key));
    put(&g->key, type, 4);
    g->keys++;
}

static void put_array(gn_gguf *g, const char *key, uint32_t type, size_t n) {
    put_key(g, key, ARRAY);
    put(&g->key, type, 4);
    put(&g->key, n, 8);
}

void gn_gguf_u32(gn_gguf *g, const char *key, uint32_t v) {
    put_key(g, key, U32);
    put(&g->key, v, 4);
}

void gn_gguf_i32(gn_gguf *g, const char *key, int32_t v) {
    put_key(g, key, I32);
    put(&g->key, (uint32_t)v, 4);
}

void gn_gguf_f32(gn_gguf *g, const char *key, float v) {
    put_key(g, key, F32);
    put(&g->key, gn_f32_bits(v), 4);
}

void gn_gguf_bool(gn_gguf *g, const char *key, bool v) {
    put_key(g, key, BOOL);
    put(&g->key, v, 1);
}

void gn_gguf_text(gn_gguf *g, const char *key, gn_slice v) {
    put_key(g, key, STRING);
    put_text(&g->key, v);
}

void gn_gguf_texts(gn_gguf *g, const char *key, const gn_slice *v, size_t n) {
    put_array(g, key, STRING, n);
    for (size_t i = 0; i < n; i++)
        put_text(&g->key, v[i]);
}

void gn_gguf_i32s(gn_gguf *g, const char *key, const int32_t *v, size_t n) {
    put_array(g, key, I32, n);
    for (size_t i = 0; i < n; i++)
        put(&g->key, (uint32_t)v[i], 4);
}

void gn_gguf_f32s(gn_gguf *g, const char *key, const float *v, size_t n) {
    put_array(g, key, F32, n);
    for (size_t i = 0; i < n; i++)
        put(&g->key, gn_f32_bits(v[i]), 4);
}

void gn_gguf_copy(gn_gguf *g, const gn_tensors *from, size_t i) {
    assert(from->container == GN_GGUF && i < gn_value_count(from->keys));
    put_text(&g->key, from->keys->map.entry[i].key);
    gn_str_add(&g->key, from->raw_key[i]);
    g->keys++;
}

/* Tensors. */

static uint64_t padded(uint64_t n) { return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

void gn_gguf_tensor(gn_gguf *g, gn_slice name, int format, int dims, const int64_t *dim) {
    gn_tensor one = {.name = name, .format = format, .dims = dims};
    gn_error e = {0};
    assert(dims >= 0 && dims <= 4);
    for (int i = 0; i < dims; i++)
        one.dim[i] = dim[i];
    bool fits = gn_tensor_measure(&one, &e);
    assert(fits);
    (void)fits;

    put_text(&g->tensor, name);
    put(&g->tensor, (uint64_t)dims, 4);
    for (int i = dims - 1; i >= 0; i--)
        put(&g->tensor, (uint64_t)dim[i], 8);
    put(&g->tensor, (uint64_t)gn_format_of(format)->ggml, 4);
    put(&g->tensor, g->offset, 8);
    g->offset += padded(one.bytes);
    if (gn_vec_reserve(&g->size, &g->capacity, g->tensors + 1, sizeof *g->size))
        g->size[g->tensors++] = one.bytes;
    else
        g->tensor.failed = true;
}

bool gn_gguf_begin(gn_gguf *g, gn_error *e) {
    gn_str start = {0};
    gn_str_puts(&start, "GGUF");
    put(&start, VERSION, 4);
    put(&start, g->tensors, 8);
    put(&start, g->keys, 8);
    const bool ok = gn_str_ok(&start, e) && gn_str_ok(&g->key, e) && gn_str_ok(&g->tensor, e) &&
                    gn_writer_add(g->writer, start.data, start.len, e) &&
                    gn_writer_add(g->writer, gn_str_text(&g->key), g->key.len, e) &&
                    gn_writer_add(g->writer, gn_str_text(&g->tensor), g->tensor.len, e) &&
                    gn_writer_pad(g->writer, ALIGNMENT, e);
    gn_str_release(&start);
    return ok;
}

bool gn_gguf_data(gn_gguf *g, const void *data, size_t len, gn_error *e) {
    const uint8_t *p = data;
    while (len) {
        assert(g->now < g->tensors);
        const size_t left = g->size[g->now] - g->done, n = len < left ? len : left;
        if (!gn_writer_add(g->writer, p, n, e))
            return false;
        p += n;
        len -= n;
        g->done += n;
        if (n == left) {
            if (!gn_writer_pad(g->writer, ALIGNMENT, e))
                return false;
            g->now++;
            g->done = 0;
        }
    }
    return true;
}

static void release(gn_gguf *g) {
    gn_str_release(&g->key);
    gn_str_release(&g->tensor);
    free(g->size);
    free(g);
}

bool gn_gguf_commit(gn_gguf *g, gn_error *e) {
    while (g->now < g->tensors && g->size[g->now] == 0)
        g->now++;
    assert(g->now == g->tensors && g->done == 0);
    const bool ok = gn_writer_commit(g->writer, e);
    release(g);
    return ok;
}

void gn_gguf_abort(gn_gguf *g) {
    if (!g)
        return;
    gn_writer_abort(g->writer);
    release(g);
}
