/* file.h - map a file, read one, write one so that it is there whole or not at all. */
#ifndef GN_BASE_FILE_H
#define GN_BASE_FILE_H

#include "core/base/str.h"

/* A file mapped read-only. Zeroed it is closed; an empty file has data NULL, size 0. */
typedef struct gn_file {
    const uint8_t *data;
    size_t size;
} gn_file;

bool gn_file_map(gn_file *f, const char *path, gn_error *e);
void gn_file_unmap(gn_file *f);

/* All of it, appended to out. "-" is standard input. Past limit bytes (0: 1 GiB) GN_INVALID. */
bool gn_file_read(gn_str *out, const char *path, size_t limit, gn_error *e);

/* A file that appears at once: written as PATH.tmp-PID, synced, renamed, its
 * folder synced. Abort, or a crash, leaves PATH as it was. */
typedef struct gn_writer gn_writer;
gn_writer *gn_writer_open(const char *path, gn_error *e);
/* The file will have so many bytes: the disk gives them at once. Fails when it is too full. */
bool gn_writer_expect(gn_writer *w, size_t bytes, gn_error *e);
bool gn_writer_add(gn_writer *w, const void *data, size_t len, gn_error *e);
/* Zero bytes up to a multiple of align from the file's start. */
bool gn_writer_pad(gn_writer *w, size_t align, gn_error *e);
/* Overwrite len bytes at offset that were already written (a header that is known last). */
bool gn_writer_patch(gn_writer *w, size_t offset, const void *data, size_t len, gn_error *e);
size_t gn_writer_offset(const gn_writer *w);
bool gn_writer_commit(gn_writer *w, gn_error *e); /* frees w, whatever happens */
void gn_writer_abort(gn_writer *w);               /* NULL is fine */

bool gn_file_write(const char *path, gn_slice text, gn_error *e);

#endif
