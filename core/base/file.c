/* file.c - see file.h. */
#include "core/base/file.h"

#include "core/base/path.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A writer's buffer: of a file that is longer than the first, the second. What is written in large
 * aligned pieces lies in large pages of the cache, and maps in a tenth of the time: 365 MB in 2
 * and not 25 ms. */
enum { CHUNK = 1 << 16, LARGE = 1 << 22, DEFAULT_LIMIT = 1 << 30, WRITE_BACK = 1 << 21 };

static bool io_failed(gn_error *e, const char *doing, const char *path, int why) {
    gn_fail(e, GN_IO, "%s '%s': %s", doing, path, strerror(why));
    return gn_where(e, "%s", path);
}

static int open_to_read(const char *path, struct stat *st, gn_error *e) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, st) != 0) {
        io_failed(e, "open", path, errno);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (S_ISDIR(st->st_mode)) {
        close(fd);
        gn_fail(e, GN_IO, "open '%s': a folder, where a file is wanted", path);
        gn_where(e, "%s", path);
        return -1;
    }
    return fd;
}

bool gn_file_map(gn_file *f, const char *path, gn_error *e) {
    struct stat st;
    *f = (gn_file){0};
    const int fd = open_to_read(path, &st, e);
    if (fd < 0)
        return false;
    bool ok = true;
    if (!S_ISREG(st.st_mode)) {
        gn_fail(e, GN_IO, "open '%s': a pipe or device cannot be mapped; give a regular file",
                path);
        ok = gn_where(e, "%s", path);
    } else if (st.st_size > 0) {
        void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            ok = io_failed(e, "map", path, errno);
        else
            *f = (gn_file){.data = data, .size = (size_t)st.st_size};
    }
    close(fd);
    return ok;
}

void gn_file_unmap(gn_file *f) {
    if (f->data)
        munmap((void *)(uintptr_t)f->data, f->size);
    *f = (gn_file){0};
}

/* Read to the end, but no more than limit bytes. */
static bool drain(gn_str *out, int fd, const char *path, size_t limit, gn_error *e) {
    for (size_t total = 0;;) {
        char *room = gn_str_room(out, CHUNK);
        if (!room)
            return gn_str_ok(out, e) || gn_context(e, "read '%s'", path);
        const ssize_t got = read(fd, room, CHUNK);
        if (got < 0) {
            *room = '\0';
            if (errno == EINTR)
                continue;
            return io_failed(e, "read", path, errno);
        }
        room[got] = '\0';
        if (got == 0)
            return true;
        if ((size_t)got > limit - total) {
            *room = '\0';
            gn_fail(e, GN_INVALID, "read '%s': longer than the %zu bytes allowed here", path,
                    limit);
            return gn_where(e, "%s", path);
        }
        total += (size_t)got;
        out->len += (size_t)got;
    }
}

bool gn_file_read(gn_str *out, const char *path, size_t limit, gn_error *e) {
    if (!limit)
        limit = DEFAULT_LIMIT;
    if (strcmp(path, "-") == 0)
        return drain(out, STDIN_FILENO, "standard input", limit, e);
    struct stat st;
    const int fd = open_to_read(path, &st, e);
    if (fd < 0)
        return false;
    if (st.st_size > 0 && (uint64_t)st.st_size <= limit)
        gn_str_room(out, (size_t)st.st_size + CHUNK);
    const bool ok = drain(out, fd, path, limit, e);
    close(fd);
    return ok;
}

struct gn_writer {
    int fd;
    bool failed;
    char *path;   /* as it was given, for messages */
    char *target; /* the same with links followed, so that a link stays one */
    char *temporary;
    size_t flushed, held; /* bytes written; bytes waiting in buffer */
    size_t started;       /* bytes on their way to the disk */
    size_t expected;      /* bytes the file has been given, 0: none */
    size_t room;          /* of buffer: it ends at multiples of that in the file */
    char *buffer;
};

static void writer_free(gn_writer *w) {
    if (w->fd >= 0)
        close(w->fd);
    free(w->path);
    free(w->target);
    free(w->temporary);
    free(w->buffer);
    free(w);
}

/* Where the file will stand, and that it may: over nothing or a regular file. */
static bool choose_names(gn_writer *w, const char *path, mode_t *mode, gn_error *e) {
    struct stat st;
    w->path = gn_strdup_slice(gn_slice_of(path));
    *mode = 0;
    if (stat(path, &st) == 0) {
        if (!S_ISREG(st.st_mode)) {
            gn_fail(e, GN_IO, "write '%s': %s is in the way", path,
                    S_ISDIR(st.st_mode) ? "a folder" : "a pipe or device");
            return gn_where(e, "%s", path);
        }
        *mode = st.st_mode & 07777;
        w->target = realpath(path, NULL);
    } else
        w->target = gn_strdup_slice(gn_slice_of(path));

    gn_str name = {0};
    gn_str_puts(&name, w->target);
    gn_str_fmt(&name, ".tmp-%ld", (long)getpid());
    w->temporary = name.data;
    if (!w->path || !w->target || !gn_str_ok(&name, e))
        return gn_fail(e, GN_NO_MEMORY, "write '%s': out of memory", path);
    return true;
}

gn_writer *gn_writer_open(const char *path, gn_error *e) {
    mode_t mode;
    gn_writer *w = calloc(1, sizeof *w);
    if (w)
        w->buffer = malloc(w->room = CHUNK);
    if (!w || !w->buffer) {
        free(w);
        gn_fail(e, GN_NO_MEMORY, "write '%s': out of memory", path);
        return NULL;
    }
    w->fd = -1;
    if (!choose_names(w, path, &mode, e)) {
        writer_free(w);
        return NULL;
    }
    unlink(w->temporary); /* left by a crashed process that had our number */
    w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (w->fd < 0 || (mode && fchmod(w->fd, mode) != 0)) {
        io_failed(e, "write", path, errno);
        if (w->fd >= 0)
            unlink(w->temporary);
        writer_free(w);
        return NULL;
    }
    return w;
}

static bool write_failed(gn_writer *w, int why, gn_error *e) {
    w->failed = true;
    if (why != ENOSPC && why != EDQUOT)
        return io_failed(e, "write", w->path, why);
    gn_fail(e, GN_IO, "write '%s': the disk is full after %zu bytes (%s)", w->path, w->flushed,
            strerror(why));
    return gn_where(e, "%s", w->path);
}

static bool put(gn_writer *w, const char *data, size_t len, size_t at, gn_error *e) {
    while (len) {
        const ssize_t done = pwrite(w->fd, data, len, (off_t)at);
        if (done < 0 && errno != EINTR)
            return write_failed(w, errno, e);
        if (done > 0) {
            data += done;
            len -= (size_t)done;
            at += (size_t)done;
        }
    }
    return true;
}

/* Bytes at the end of the file. The disk begins with them before the rest is there. */
static bool append(gn_writer *w, const char *data, size_t len, gn_error *e) {
    if (!put(w, data, len, w->flushed, e))
        return false;
    w->flushed += len;
    if (w->flushed - w->started >= WRITE_BACK) {
        sync_file_range(w->fd, (off_t)w->started, (off_t)(w->flushed - w->started),
                        SYNC_FILE_RANGE_WRITE); /* only a wish */
        w->started = w->flushed;
    }
    return true;
}

static bool flush(gn_writer *w, gn_error *e) {
    if (!append(w, w->buffer, w->held, e))
        return false;
    w->held = 0;
    return true;
}

/* Bytes the buffer still takes before it is due. */
static size_t left_in(const gn_writer *w) { return w->room - w->flushed % w->room - w->held; }

static bool make_large(gn_writer *w) {
    char *more = realloc(w->buffer, LARGE);
    if (!more) /* the small one serves too */
        return false;
    w->buffer = more;
    w->room = LARGE;
    return true;
}

bool gn_writer_add(gn_writer *w, const void *data, size_t len, gn_error *e) {
    const char *from = data;
    if (w->expected && len >= WRITE_BACK / 4) /* haste is what matters there */
        return flush(w, e) && append(w, from, len, e);
    while (len) {
        size_t n = left_in(w);
        if (n == LARGE && len >= LARGE) {
            n = len / LARGE * LARGE;
            if (!append(w, from, n, e))
                return false;
            from += n;
            len -= n;
            continue;
        }
        if (n > len)
            n = len;
        memcpy(w->buffer + w->held, from, n);
        w->held += n;
        from += n;
        len -= n;
        if (left_in(w) == 0 && !(w->room == CHUNK && make_large(w)) && !flush(w, e))
            return false;
    }
    return true;
}

bool gn_writer_expect(gn_writer *w, size_t bytes, gn_error *e) {
    w->expected = bytes;
    if (fallocate(w->fd, 0, 0, (off_t)bytes) == 0)
        return true;
    w->expected = 0; /* a file system that cannot, or too full for it */
    return (errno != ENOSPC && errno != EDQUOT) || write_failed(w, errno, e);
}

bool gn_writer_pad(gn_writer *w, size_t align, gn_error *e) {
    static const char zero[256];
    assert(align > 0);
    for (size_t left = (align - gn_writer_offset(w) % align) % align; left;) {
        const size_t n = left < sizeof zero ? left : sizeof zero;
        if (!gn_writer_add(w, zero, n, e))
            return false;
        left -= n;
    }
    return true;
}

bool gn_writer_patch(gn_writer *w, size_t offset, const void *data, size_t len, gn_error *e) {
    assert(offset <= gn_writer_offset(w) && len <= gn_writer_offset(w) - offset);
    return flush(w, e) && put(w, data, len, offset, e);
}

size_t gn_writer_offset(const gn_writer *w) { return w->flushed + w->held; }

/* So that the new name outlives a power cut. Some file systems cannot sync a
 * folder, and one may write to folders one may not open; neither loses the file. */
static bool sync_folder(const gn_writer *w, gn_error *e) {
    const gn_slice slice = gn_path_folder(gn_slice_of(w->target));
    char *folder = gn_strdup_slice(slice);
    if (!folder)
        return gn_fail(e, GN_NO_MEMORY, "write '%s': out of memory", w->path);
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd < 0)
        return errno == EACCES || io_failed(e, "sync the folder of", w->path, errno);
    const bool ok = fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP ||
                    io_failed(e, "sync the folder of", w->path, errno);
    close(fd);
    return ok;
}

bool gn_writer_commit(gn_writer *w, gn_error *e) {
    bool ok = w->failed
                  ? gn_fail(e, GN_IO, "write '%s': an earlier part could not be written", w->path)
                  : flush(w, e) &&
                        (w->expected <= w->flushed || ftruncate(w->fd, (off_t)w->flushed) == 0 ||
                         write_failed(w, errno, e)) &&
                        (fsync(w->fd) == 0 || write_failed(w, errno, e));
    if (ok) {
        const int fd = w->fd;
        w->fd = -1;
        ok = close(fd) == 0 || write_failed(w, errno, e);
    }
    ok = ok && (rename(w->temporary, w->target) == 0 || write_failed(w, errno, e));
    if (!ok) {
        gn_writer_abort(w);
        return false;
    }
    ok = sync_folder(w, e);
    writer_free(w);
    return ok;
}

void gn_writer_abort(gn_writer *w) {
    if (!w)
        return;
    unlink(w->temporary);
    writer_free(w);
}

bool gn_file_write(const char *path, gn_slice text, gn_error *e) {
    gn_writer *w = gn_writer_open(path, e);
    if (!w)
        return false;
    if (gn_writer_add(w, text.data, text.len, e))
        return gn_writer_commit(w, e);
    gn_writer_abort(w);
    return false;
}
