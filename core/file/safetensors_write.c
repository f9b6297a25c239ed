/* safetensors_write.c - see safetensors_write.h; the layout is drawn in safetensors.c. */
#include "core/file/safetensors_write.h"

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/file/open.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { ALIGNMENT = 8 };

struct gn_safetensors {
    gn_writer *writer;
    gn_str note, directory; /* both without their braces */
    size_t size, done;      /* bytes of data declared, and come */
};

gn_safetensors *gn_safetensors_new(const char *path, gn_error *e) {
    gn_safetensors *s = calloc(1, sizeof *s);
    if (!s) {
        gn_fail(e, GN_NO_MEMORY, "write '%s': out of memory", path);
        return NULL;
    }
    s->writer = gn_writer_open(path, e);
    if (!s->writer) {
        free(s);
        return NULL;
    }
    return s;
}

/* "name": after a comma, unless it is the first. */
static void put_name(gn_str *list, gn_slice name) {
    if (list->len)
        gn_str_putc(list, ',');
    gn_json_write_string(list, name);
    gn_str_putc(list, ':');
}

void gn_safetensors_note(gn_safetensors *s, const char *key, gn_slice v) {
    put_name(&s->note, gn_slice_of(key));
    gn_json_write_string(&s->note, v);
}

void gn_safetensors_tensor(gn_safetensors *s, gn_slice name, int format, int dims,
                           const int64_t *dim) {
    gn_tensor one = {.name = name, .format = format, .dims = dims};
    gn_error e = {0};
    assert(dims >= 0 && dims <= 4);
    assert(format == GN_F32 || format == GN_F16 || format == GN_BF16);
    for (int i = 0; i < dims; i++)
        one.dim[i] = dim[i];
    bool fits = gn_tensor_measure(&one, &e);
    assert(fits);
    (void)fits;
    assert(s->size % (size_t)gn_format_of(format)->bytes == 0); /* F32 first */

    put_name(&s->directory, name);
    gn_str_fmt(&s->directory, "{\"dtype\":\"%s\",\"shape\":[",
               gn_ggml_name((uint32_t)gn_format_of(format)->ggml));
    for (int i = 0; i < dims; i++)
        gn_str_fmt(&s->directory, i ? ",%" PRId64 : "%" PRId64, dim[i]);
    gn_str_fmt(&s->directory, "],\"data_offsets\":[%zu,%zu]}", s->size, s->size + one.bytes);
    s->size += one.bytes;
}

bool gn_safetensors_begin(gn_safetensors *s, gn_error *e) {
    gn_str text = {0};
    for (int i = 0; i < 8; i++)
        gn_str_putc(&text, 0);
    gn_str_putc(&text, '{');
    if (s->note.len) {
        gn_str_puts(&text, "\"__metadata__\":{");
        gn_str_add(&text, gn_str_slice(&s->note));
        gn_str_puts(&text, s->directory.len ? "}," : "}");
    }
    gn_str_add(&text, gn_str_slice(&s->directory));
    gn_str_putc(&text, '}');
    while (!text.failed && text.len % ALIGNMENT)
        gn_str_putc(&text, ' ');

    const bool ok = gn_str_ok(&s->note, e) && gn_str_ok(&s->directory, e) && gn_str_ok(&text, e);
    for (int i = 0; ok && i < 8; i++)
        text.data[i] = (char)((uint64_t)(text.len - 8) >> (8 * i));
    const bool written = ok && gn_writer_add(s->writer, text.data, text.len, e);
    gn_str_release(&text);
    return written;
}

bool gn_safetensors_data(gn_safetensors *s, const void *data, size_t len, gn_error *e) {
    assert(len <= s->size - s->done);
    s->done += len;
    return gn_writer_add(s->writer, data, len, e);
}

static void release(gn_safetensors *s) {
    gn_str_release(&s->note);
    gn_str_release(&s->directory);
    free(s);
}

bool gn_safetensors_commit(gn_safetensors *s, gn_error *e) {
    assert(s->done == s->size);
    const bool ok = gn_writer_commit(s->writer, e);
    release(s);
    return ok;
}

void gn_safetensors_abort(gn_safetensors *s) {
    if (!s)
        return;
    gn_writer_abort(s->writer);
    release(s);
}
