/* sha.c - the fingerprint of a checkpoint.
 *
 * sha256 over, per tensor in order of its name,
 *   name \0 format \0 shape as "a,b" \0 sha256 of its bytes in hex \n
 * so a renamed file is the same model and one changed weight another. It takes
 * half a second a gigabyte, so what was found is kept in the cache folder, one line
 * a checkpoint:  sha \t size,mtime,ctime,inode of each file,... \t path.
 */
#include "core/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

enum { PART = 8 << 20 }; /* bytes hashed between two looks at the progress */

static int by_name(const void *a, const void *b) {
    const gn_tensor *const *x = a, *const *y = b;
    return gn_slice_compare((*x)->name, (*y)->name);
}

typedef struct hashing {
    const gn_tensor **tensor;
    char (*hex)[GN_SHA256_HEX];
} hashing;

static void hash_tensor(void *arg, int part, int thread) {
    hashing *h = arg;
    uint8_t digest[GN_SHA256_BYTES];
    (void)thread;
    gn_sha256_of(h->tensor[part]->data, h->tensor[part]->bytes, digest);
    gn_hex(digest, sizeof digest, h->hex[part]);
}

static void add_line(gn_sha256 *sha, const gn_tensor *t, const char *hex) {
    gn_str line = {0};
    gn_str_add(&line, t->name);
    gn_str_putc(&line, '\0');
    gn_str_puts(&line, gn_format_of(t->format)->name);
    gn_str_putc(&line, '\0');
    for (int d = 0; d < t->dims; d++)
        gn_str_fmt(&line, "%s%" PRId64, d ? "," : "", t->dim[d]);
    gn_str_putc(&line, '\0');
    gn_str_puts(&line, hex);
    gn_str_putc(&line, '\n');
    gn_sha256_add(sha, gn_str_text(&line), line.len);
    gn_str_release(&line);
}

/* All tensors, on all threads, in runs of some PART bytes between progress calls. */
static bool compute(gn_engine *g, bool (*progress)(void *, size_t, size_t), void *user,
                    gn_error *e) {
    const int n = gn_tensors_count(g->tensors);
    const gn_tensor **tensor = malloc((size_t)n * sizeof *tensor + 1);
    char(*hex)[GN_SHA256_HEX] = malloc((size_t)n * sizeof *hex + 1);
    gn_sha256 *sha = gn_sha256_new();
    gn_pool *pool = gn_pool_new(gn_processors(), e);
    bool ok = tensor && hex && sha && pool;
    if (!ok && !e->code)
        gn_fail(e, GN_NO_MEMORY, "out of memory");
    for (int i = 0; ok && i < n; i++)
        tensor[i] = gn_tensors_at(g->tensors, i);
    if (ok)
        qsort(tensor, (size_t)n, sizeof(gn_tensor *), by_name);

    const size_t all = gn_tensors_bytes(g->tensors);
    size_t done = 0;
    for (int first = 0, next; ok && first < n; first = next) {
        size_t bytes = 0;
        for (next = first; next < n && bytes < (size_t)PART * (size_t)gn_pool_threads(pool); next++)
            bytes += tensor[next]->bytes;
        hashing h = {.tensor = tensor + first, .hex = hex + first};
        gn_pool_run(pool, next - first, hash_tensor, &h);
        done += bytes;
        if (progress && !progress(user, done, all))
            ok = gn_fail(e, GN_CANCELLED, "stopped while the checkpoint was read");
    }
    for (int i = 0; ok && i < n; i++)
        add_line(sha, tensor[i], hex[i]);
    if (ok) {
        uint8_t digest[GN_SHA256_BYTES];
        gn_sha256_end(sha, digest);
        gn_hex(digest, sizeof digest, g->sha);
    } else {
        gn_sha256_free(sha);
    }
    gn_pool_free(pool);
    free(tensor);
    free(hex);
    return ok;
}

/* What the files look like from outside: equal for equal files. */
static void look(const gn_engine *g, gn_str *out) {
    const char *path;
    for (int i = 0; (path = gn_tensors_path(g->tensors, i)); i++) {
        struct stat st;
        if (stat(path, &st) == 0)
            gn_str_fmt(out, "%s%lld,%lld.%09ld,%lld.%09ld,%llu", i ? ";" : "",
                       (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                       (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec,
                       (unsigned long long)st.st_ino);
    }
}

static bool cache_path(gn_str *out) {
    gn_error none = {0};
    gn_str dir = {0};
    const bool ok =
        gn_path_user(&dir, GN_DIR_CACHE, &none) && gn_path_make_folder(gn_str_text(&dir), &none);
    if (ok)
        gn_path_join(out, gn_str_slice(&dir), GN_S("sha"));
    gn_str_release(&dir);
    return ok && !out->failed;
}

/* The line of this checkpoint in the cache's text, and the text without lines of its path. */
static bool find_line(gn_slice text, gn_slice facts, gn_slice path, char hex[GN_SHA256_HEX],
                      gn_str *others) {
    bool found = false;
    while (text.len > 0) {
        const char *end = memchr(text.data, '\n', text.len);
        const size_t len = end ? (size_t)(end - text.data) : text.len;
        const gn_slice line = {text.data, len}, rest = gn_slice_from(text, len + (end != NULL));
        const size_t fixed = GN_SHA256_HEX - 1;
        const gn_slice tail = gn_slice_from(line, fixed + 1);
        const char *tab = len > fixed ? memchr(tail.data, '\t', tail.len) : NULL;
        const gn_slice of = tab ? gn_slice_from(tail, (size_t)(tab + 1 - tail.data)) : GN_S("");
        if (tab && gn_slice_equal(of, path)) {
            if (gn_slice_equal((gn_slice){tail.data, (size_t)(tab - tail.data)}, facts)) {
                memcpy(hex, line.data, fixed);
                hex[fixed] = '\0';
                found = true;
            }
        } else if (tab) {
            gn_str_add(others, line);
            gn_str_putc(others, '\n');
        }
        text = rest;
    }
    return found;
}

bool gn_engine_sha(gn_engine *g, char hex[GN_SHA256_HEX],
                   bool (*progress)(void *user, size_t done, size_t all), void *user, gn_error *e) {
    gn_str file = {0}, text = {0}, others = {0}, facts = {0};
    gn_error none = {0};
    char *real = realpath(g->path, NULL);
    const gn_slice path = gn_slice_of(real ? real : g->path);
    bool ok = true;
    if (!g->sha[0]) {
        const bool cached = cache_path(&file);
        look(g, &facts);
        if (cached && gn_path_exists(file.data))
            gn_file_read(&text, file.data, 16 << 20, &none);
        if (!find_line(gn_str_slice(&text), gn_str_slice(&facts), path, g->sha, &others)) {
            ok = compute(g, progress, user, e);
            gn_str_fmt(&others, "%s\t%s\t%.*s\n", g->sha, gn_str_text(&facts), (int)path.len,
                       path.data);
            if (ok && cached && !others.failed) /* a cache that cannot be written costs time only */
                gn_file_write(file.data, gn_str_slice(&others), &none);
        }
    }
    if (ok)
        memcpy(hex, g->sha, GN_SHA256_HEX);
    free(real);
    gn_str_release(&file);
    gn_str_release(&text);
    gn_str_release(&others);
    gn_str_release(&facts);
    return ok;
}

bool gn_model_find(const char *name, gn_str *path, gn_error *e) {
    gn_str file = {0}, text = {0};
    gn_error none = {0};
    int hits = 0;
    const size_t len = strlen(name);
    bool hex = len >= 6 && len < GN_SHA256_HEX;
    for (size_t i = 0; i < len; i++)
        hex = hex && strchr("0123456789abcdef", name[i]);
    if (hex && cache_path(&file) && gn_path_exists(file.data) &&
        gn_file_read(&text, file.data, 16 << 20, &none)) {
        gn_slice rest = gn_str_slice(&text);
        while (rest.len > 0) {
            const char *end = memchr(rest.data, '\n', rest.len);
            const size_t n = end ? (size_t)(end - rest.data) : rest.len;
            const gn_slice line = {rest.data, n};
            const char *tab = memrchr(line.data, '\t', line.len);
            const gn_slice at = tab ? gn_slice_from(line, (size_t)(tab + 1 - line.data)) : GN_S("");
            if (tab && gn_slice_starts(line, gn_slice_of(name)) && at.len > 0) {
                gn_str one = {0};
                gn_str_add(&one, at);
                if (gn_path_exists(gn_str_text(&one))) {
                    gn_str_cut(path, 0);
                    gn_str_add(path, at);
                    hits++;
                }
                gn_str_release(&one);
            }
            rest = gn_slice_from(rest, n + (end != NULL));
        }
    }
    gn_str_release(&file);
    gn_str_release(&text);
    if (hits == 1)
        return gn_str_ok(path, e);
    gn_str_cut(path, 0);
    gn_where(e, "%s", name);
    return hits ? gn_fail(e, GN_INVALID, "'%s' fits %d checkpoints; give more digits", name, hits)
                : gn_fail(e, GN_IO, "no model '%s': no such file, folder or hash prefix", name);
}
