/* statecache.c - see statecache.h. The names and the format of the files: store 4.7. */
#include "app/chat/statecache.h"

#include "app/cli/queue.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAITING = 2 }; /* files that wait for the disk */

typedef struct saving {
    gn_saving *half;
    gn_state_told told;
} saving;

struct gn_statecache {
    gn_engine *engine;
    char *folder;
    char tail[32]; /* "-CCCCCCCC-NNNNNNNN.state" */
    void (*told)(void *user, const gn_state_told *t);
    void *user;
    gn_queue *queue;
    pthread_t thread;
    bool runs;
};

bool gn_statecache_folder(gn_str *out, const char *setting, gn_error *e) {
    gn_str cache = {0};
    bool ok = true;
    if (setting && setting[0])
        gn_str_puts(out, setting);
    else if ((ok = gn_path_user(&cache, GN_DIR_CACHE, e)))
        gn_path_join(out, gn_str_slice(&cache), GN_S("state"));
    gn_str_release(&cache);
    return ok && gn_str_ok(out, e);
}

/* ---- the disk's thread -------------------------------------------------- */

/* A file of a writer that is gone: its name ends in .tmp-PID. */
static bool is_left_over(const char *name) {
    const char *tmp = strstr(name, ".tmp-");
    int64_t pid;
    return tmp && gn_parse_integer(gn_slice_of(tmp + 5), &pid) && pid > 0 &&
           kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

static void sweep_folder(const char *path) {
    DIR *d = opendir(path);
    for (struct dirent *f; d && (f = readdir(d));)
        if (is_left_over(f->d_name))
            unlinkat(dirfd(d), f->d_name, 0);
    if (d)
        closedir(d);
}

/* What processes that were killed have left behind. */
static void sweep(const gn_statecache *c) {
    for (int i = 0; i < 256; i++) {
        gn_str path = {0};
        gn_str_fmt(&path, "%s/%02x", c->folder, i);
        if (!path.failed)
            sweep_folder(path.data);
        gn_str_release(&path);
    }
}

static void *work(void *user) {
    gn_statecache *c = user;
    sweep(c);
    for (saving *s; (s = gn_queue_take(c->queue)); free(s)) {
        gn_error e = {0};
        if (!gn_saving_end(s->half, &e)) {
            s->told.news = GN_STATE_REFUSED;
            s->told.error = e;
        }
        c->told(c->user, &s->told);
    }
    return NULL;
}

static void drop(void *item) {
    saving *s = item;
    gn_saving_abort(s->half);
    free(s);
}

/* ---- the engine's ------------------------------------------------------- */

static bool name_tail(gn_statecache *c, gn_error *e) {
    char sha[GN_SHA256_HEX], hex[GN_SHA256_HEX];
    uint8_t digest[GN_SHA256_BYTES];
    const char *numerics = gn_engine_numerics(c->engine);
    if (!gn_engine_sha(c->engine, sha, NULL, NULL, e))
        return false;
    gn_sha256_of(numerics, strlen(numerics), digest);
    gn_hex(digest, sizeof digest, hex);
    snprintf(c->tail, sizeof c->tail, "-%.8s-%.8s.state", sha, hex);
    return true;
}

gn_statecache *gn_statecache_open(gn_engine *g, const char *folder,
                                  void (*told)(void *user, const gn_state_told *t), void *user,
                                  gn_error *e) {
    gn_str path = {0};
    gn_statecache *c = calloc(1, sizeof *c);
    if (!c) {
        gn_fail(e, GN_NO_MEMORY, "saved states: out of memory");
        return NULL;
    }
    *c = (gn_statecache){.engine = g, .told = told, .user = user};
    bool ok = gn_statecache_folder(&path, folder, e) && gn_path_make_folder(path.data, e) &&
              name_tail(c, e) && (c->queue = gn_queue_new(WAITING, e)) != NULL;
    c->folder = gn_strdup_slice(gn_str_slice(&path));
    gn_str_release(&path);
    if (ok && !c->folder)
        ok = gn_fail(e, GN_NO_MEMORY, "saved states: out of memory");
    if (ok)
        ok = c->runs = pthread_create(&c->thread, NULL, work, c) == 0;
    if (ok)
        return c;
    if (e->code == GN_OK)
        gn_fail(e, GN_IO, "saved states: the system gives no thread");
    gn_statecache_close(c);
    return NULL;
}

void gn_statecache_close(gn_statecache *c) {
    if (!c)
        return;
    if (c->queue)
        gn_queue_close(c->queue);
    if (c->runs)
        pthread_join(c->thread, NULL);
    gn_queue_free(c->queue, drop);
    free(c->folder);
    free(c);
}

/* prefix, n_tokens, path of what these ids are called; false when it cannot be a path. */
static bool name(const gn_statecache *c, const int32_t *id, size_t n, gn_state_told *t,
                 gn_str *path) {
    char hex[GN_SHA256_HEX];
    gn_sha256_of(id, n * sizeof *id, t->prefix);
    gn_hex(t->prefix, sizeof t->prefix, hex);
    t->n_tokens = (int64_t)n;
    snprintf(t->path, sizeof t->path, "%.2s/%s%s", hex, hex, c->tail);
    gn_path_join(path, gn_slice_of(c->folder), gn_slice_of(t->path));
    return !path->failed;
}

static int64_t size_of(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

static bool begin(gn_statecache *c, gn_session *s, saving *v, const char *path, gn_error *e) {
    gn_str folder = {0};
    gn_str_add(&folder, gn_path_folder(gn_slice_of(path)));
    const bool ok = gn_str_ok(&folder, e) && gn_path_make_folder(folder.data, e) &&
                    (v->half = gn_session_save_begin(s, path, e)) != NULL;
    (void)c;
    gn_str_release(&folder);
    return ok;
}

bool gn_statecache_save(gn_statecache *c, gn_session *s, int64_t turn, bool pinned, bool wait) {
    gn_error e = {0};
    gn_str path = {0};
    saving *v = calloc(1, sizeof *v);
    bool ok = v && gn_session_count(s) > 0 &&
              name(c, gn_session_ids(s), (size_t)gn_session_count(s), &v->told, &path);
    if (!ok) {
        free(v);
        gn_str_release(&path);
        return false;
    }
    v->told.news = GN_STATE_SAVED;
    v->told.turn = turn;
    v->told.pinned = pinned;
    v->told.n_bytes = size_of(path.data);
    if (v->told.n_bytes >= 0) { /* equal tokens, equal bytes */
        c->told(c->user, &v->told);
        free(v);
    } else if (begin(c, s, v, path.data, &e)) {
        v->told.n_bytes = (int64_t)gn_saving_bytes(v->half);
        ok = wait ? gn_queue_put(c->queue, v) : gn_queue_offer(c->queue, v);
        if (!ok)
            drop(v);
    } else {
        v->told.news = GN_STATE_REFUSED;
        v->told.error = e;
        c->told(c->user, &v->told);
        free(v);
        ok = true; /* to try again is of no use */
    }
    gn_str_release(&path);
    return ok;
}

gn_session *gn_statecache_load(gn_statecache *c, const int32_t *id, size_t n, int64_t turn) {
    gn_error e = {0};
    gn_state_told t = {.turn = turn};
    gn_str path = {0};
    gn_session *s = NULL;
    if (n > 0 && name(c, id, n, &t, &path) && (t.n_bytes = size_of(path.data)) >= 0) {
        s = gn_session_load(c->engine, path.data, &e);
        /* The name is of the tokens; so must be what is inside. */
        if (s && ((size_t)gn_session_count(s) != n ||
                  memcmp(gn_session_ids(s), id, n * sizeof *id) != 0)) {
            gn_session_free(s);
            s = NULL;
            gn_fail(&e, GN_FORMAT, "state '%s': it is of other tokens", path.data);
        }
        t.news = s ? GN_STATE_USED : GN_STATE_DAMAGED;
        if (!s && (e.code == GN_NO_MEMORY || e.code == GN_IO))
            t.news = GN_STATE_REFUSED; /* not the file's fault */
        else if (!s)
            unlink(path.data);
        t.error = e;
        c->told(c->user, &t);
    }
    gn_str_release(&path);
    return s;
}
