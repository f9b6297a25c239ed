/* sql.c - see sql.h.
 *
 * Statements are compiled once and kept, found again by their text. What goes
 * wrong while values are bound is remembered and said at the next step, so a
 * caller may bind a row's twenty values without twenty tests.
 */
#include "core/base/sql.h"

#include "core/base/map.h"
#include "core/base/path.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

struct gn_statement {
    sqlite3_stmt *stmt;
    gn_sql *owner;
    char *text; /* the key in the cache */
    int bad_bind;
    gn_statement *next;
};

struct gn_sql {
    sqlite3 *db;
    char *path;
    bool shared;  /* on a network file system */
    gn_map cache; /* text -> statement, as a number */
    gn_statement *first;
};

/* The process that holds a lock on this file, from the kernel's list; 0 if none
 * is known. (To ask the file itself, one would have to open it, and closing it
 * again would drop our own locks.) */
static long lock_holder(const char *path) {
    struct stat st;
    char line[256];
    long holder = 0;
    FILE *f = stat(path, &st) == 0 ? fopen("/proc/locks", "re") : NULL;
    while (f && !holder && fgets(line, sizeof line, f)) {
        long pid;
        unsigned major_id, minor_id;
        unsigned long long inode;
        if (sscanf(line, "%*d: POSIX %*s WRITE %ld %x:%x:%llu", &pid, &major_id, &minor_id,
                   &inode) == 4 &&
            inode == st.st_ino && major_id == major(st.st_dev) && minor_id == minor(st.st_dev) &&
            pid != getpid())
            holder = pid;
    }
    if (f)
        fclose(f);
    return holder;
}

/* In WAL mode writers lock the -shm file, else the database itself. */
static void say_busy(const gn_sql *s, gn_error *e) {
    gn_str shm = {0};
    gn_str_fmt(&shm, "%s-shm", s->path);
    long pid = lock_holder(gn_str_text(&shm));
    if (!pid)
        pid = lock_holder(s->path);
    gn_str_release(&shm);
    if (pid)
        gn_fail(e, GN_IO, "database '%s': process %ld is writing; wait until it is done", s->path,
                pid);
    else
        gn_fail(e, GN_IO,
                "database '%s': another connection is writing; wait until it is done and try again",
                s->path);
}

static gn_code code_of(int why) {
    switch (why & 0xff) {
    case SQLITE_NOMEM:
        return GN_NO_MEMORY;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_FORMAT:
        return GN_FORMAT;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return GN_IO;
    case SQLITE_INTERRUPT:
        return GN_CANCELLED;
    default:
        return GN_INVALID;
    }
}

static bool failed(const gn_sql *s, int why, gn_error *e) {
    const int system = s->db ? sqlite3_system_errno(s->db) : 0;
    const gn_slice folder = gn_path_folder(gn_slice_of(s->path));
    switch (why & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        say_busy(s, e);
        break;
    case SQLITE_FULL:
        gn_fail(e, GN_IO, "database '%s': the disk that holds '%.*s' is full", s->path,
                (int)folder.len, folder.data);
        break;
    case SQLITE_READONLY:
        gn_fail(e, GN_IO,
                "database '%s': it or its folder is read-only here; allow writing, or name another "
                "file with --db",
                s->path);
        break;
    case SQLITE_NOTADB:
        gn_fail(e, GN_FORMAT, "'%s' is no SQLite database", s->path);
        break;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        if (system) {
            gn_fail(e, GN_IO, "database '%s': %s", s->path, strerror(system));
            break;
        }
        if ((why & 0xff) == SQLITE_IOERR) {
            gn_fail(e, GN_IO, "database '%s': reading or writing it failed; is its disk full?",
                    s->path);
            break;
        } /* else as all others */
        __attribute__((fallthrough));
    default:
        gn_fail(e, code_of(why), "database '%s': %s", s->path,
                s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(why));
    }
    return gn_where(e, "%s", s->path);
}

static bool assume_shared; /* for tests */
void gn_sql_assume_shared(bool on) { assume_shared = on; }

/* WAL needs memory shared between processes, which these do not give. */
static bool on_network(const char *path) {
    static const uint32_t kind[] = {
        0x6969,     /* nfs */
        0x517B,     /* smb */
        0xFF534D42, /* cifs */
        0xFE534D42, /* smb2 */
        0x65735546, /* fuse: sshfs and its like */
        0x01021997, /* 9p */
        0x5346414F, /* afs */
        0x6B414653, /* kafs */
        0x00C36400, /* ceph */
        0x0BD00BD0, /* lustre */
        0x47504653, /* gpfs */
        0x73757245, /* coda */
    };
    struct statfs fs;
    if (assume_shared)
        return true;
    if (statfs(path, &fs) != 0)
        return false;
    for (size_t i = 0; i < sizeof kind / sizeof *kind; i++)
        if ((uint32_t)fs.f_type == kind[i])
            return true;
    return false;
}

/* SQLite opens lazily: read something, so that what is wrong shows here. */
static bool set_up(gn_sql *s, bool read_only, gn_error *e) {
    sqlite3_busy_timeout(s->db, PATIENCE_MS);
    sqlite3_extended_result_codes(s->db, 1);
    /* On a disk that cannot be written reading fails too, and for a reason that says nothing. */
    if (!read_only && sqlite3_db_readonly(s->db, "main") == 1) {
        gn_fail(e, GN_IO, "database '%s': not writable for this user", s->path);
        return gn_where(e, "%s", s->path);
    }
    if (!gn_sql_exec(s, "PRAGMA foreign_keys = ON; SELECT count(*) FROM sqlite_schema", e))
        return false;
    if (read_only)
        return true;
    s->shared = on_network(s->path);
    /* SQLite does not wait by itself when two that make a file change its journal at once. */
    const char *text = s->shared ? "PRAGMA journal_mode = DELETE"
                                 : "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL";
    int why = SQLITE_BUSY;
    for (int waited = 0; waited < PATIENCE_MS; waited += 10) {
        why = sqlite3_exec(s->db, text, NULL, NULL, NULL);
        if ((why & 0xff) != SQLITE_BUSY)
            break;
        sqlite3_sleep(10);
    }
    return why == SQLITE_OK || failed(s, why, e);
}

/* To read in WAL mode one writes a file beside the database. Where that is impossible (a folder or a
 * disk that cannot be written) nobody else writes either, and the file is taken as it lies, if
 * all of it is in it: what is still in the log would be missed. */
static bool open_as_it_lies(gn_sql *s, gn_error *e) {
    gn_str uri = {0}, log = {0};
    gn_error why = {0};
    struct stat st;
    gn_str_add(&log, gn_path_folder(gn_slice_of(s->path)));
    bool ok = !log.failed && access(gn_str_text(&log), W_OK) != 0;
    gn_str_cut(&log, 0);
    gn_str_fmt(&log, "%s-wal", s->path);
    ok = ok && !log.failed && (stat(gn_str_text(&log), &st) != 0 || st.st_size == 0);
    gn_str_puts(&uri, "file:");
    for (const char *p = s->path; *p; p++)
        gn_str_fmt(&uri, strchr("%?#", *p) ? "%%%02X" : "%c", (unsigned)(unsigned char)*p);
    gn_str_puts(&uri, "?immutable=1");
    ok = ok && !uri.failed;
    if (ok) {
        sqlite3_close(s->db);
        s->db = NULL;
        ok = sqlite3_open_v2(gn_str_text(&uri), &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
                             NULL) == SQLITE_OK &&
             set_up(s, true, &why);
    }
    gn_str_release(&uri);
    gn_str_release(&log);
    if (ok)
        *e = (gn_error){0};
    return ok;
}

gn_sql *gn_sql_open(const char *path, bool read_only, gn_error *e) {
    gn_sql *s = calloc(1, sizeof *s);
    if (!s || !(s->path = gn_strdup_slice(gn_slice_of(path)))) {
        free(s);
        gn_fail(e, GN_NO_MEMORY, "open database '%s': out of memory", path);
        return NULL;
    }
    const int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    const int why = sqlite3_open_v2(path, &s->db, flags, NULL);
    if ((why == SQLITE_OK || failed(s, why, e)) && set_up(s, read_only, e))
        return s;
    if (read_only && s->db && e->code == GN_IO && open_as_it_lies(s, e))
        return s;
    gn_sql_close(s);
    return NULL;
}

bool gn_sql_is_shared(const gn_sql *s) { return s->shared; }

void gn_sql_close(gn_sql *s) {
    if (!s)
        return;
    for (gn_statement *q = s->first, *next; q; q = next) {
        next = q->next;
        sqlite3_finalize(q->stmt);
        free(q->text);
        free(q);
    }
    gn_map_release(&s->cache);
    sqlite3_close(s->db);
    free(s->path);
    free(s);
}

bool gn_sql_exec(gn_sql *s, const char *text, gn_error *e) {
    const int why = sqlite3_exec(s->db, text, NULL, NULL, NULL);
    return why == SQLITE_OK || failed(s, why, e);
}

/* Whether nothing but white space and semicolons is left. */
static bool is_blank(const char *text) {
    while (isspace((unsigned char)*text) || *text == ';')
        text++;
    return *text == '\0';
}

static bool compile(gn_statement *q, const char *text, gn_error *e) {
    const char *rest = "";
    const int why =
        sqlite3_prepare_v3(q->owner->db, text, -1, SQLITE_PREPARE_PERSISTENT, &q->stmt, &rest);
    if (why != SQLITE_OK)
        return failed(q->owner, why, e);
    if (!q->stmt || !is_blank(rest)) {
        gn_fail(e, GN_INVALID, "database '%s': %s", q->owner->path,
                q->stmt ? "one statement at a time" : "a statement without words");
        return gn_where(e, "%s", q->owner->path);
    }
    return true;
}

gn_statement *gn_sql_prepare(gn_sql *s, const char *text, gn_error *e) {
    int64_t known;
    if (gn_map_get(&s->cache, gn_slice_of(text), &known)) {
        gn_statement *q = (gn_statement *)(intptr_t)known;
        sqlite3_reset(q->stmt);
        sqlite3_clear_bindings(q->stmt);
        q->bad_bind = SQLITE_OK;
        return q;
    }
    gn_statement *q = calloc(1, sizeof *q);
    if (q) {
        q->owner = s;
        q->text = gn_strdup_slice(gn_slice_of(text));
    }
    bool ok = q && q->text;
    if (!ok)
        gn_fail(e, GN_NO_MEMORY, "database '%s': out of memory", s->path);
    ok = ok && compile(q, text, e);
    if (ok && !gn_map_set(&s->cache, gn_slice_of(q->text), (intptr_t)q))
        ok = gn_fail(e, GN_NO_MEMORY, "database '%s': out of memory", s->path);
    if (!ok) {
        if (q) {
            sqlite3_finalize(q->stmt);
            free(q->text);
        }
        free(q);
        return NULL;
    }
    q->next = s->first;
    s->first = q;
    return q;
}

static void bound(gn_statement *q, int why) {
    if (why != SQLITE_OK && q->bad_bind == SQLITE_OK)
        q->bad_bind = why;
}

void gn_bind_int(gn_statement *q, int i, int64_t v) { bound(q, sqlite3_bind_int64(q->stmt, i, v)); }
void gn_bind_double(gn_statement *q, int i, double v) {
    bound(q, sqlite3_bind_double(q->stmt, i, v));
}
void gn_bind_text(gn_statement *q, int i, gn_slice v) {
    bound(q, sqlite3_bind_text64(q->stmt, i, v.data ? v.data : "", v.len, SQLITE_TRANSIENT,
                                 SQLITE_UTF8));
}
void gn_bind_blob(gn_statement *q, int i, const void *data, size_t len) {
    bound(q, sqlite3_bind_blob64(q->stmt, i, len ? data : "", len, SQLITE_TRANSIENT));
}
void gn_bind_null(gn_statement *q, int i) { bound(q, sqlite3_bind_null(q->stmt, i)); }

int gn_bind_index(const gn_statement *q, const char *name) {
    return sqlite3_bind_parameter_index(q->stmt, name);
}

bool gn_sql_step(gn_statement *q, bool *row, gn_error *e) {
    *row = false;
    if (q->bad_bind != SQLITE_OK) {
        const int why = q->bad_bind;
        q->bad_bind = SQLITE_OK;
        return gn_fail(e, code_of(why), "database '%s': bind a value: %s", q->owner->path,
                       sqlite3_errstr(why));
    }
    const int why = sqlite3_step(q->stmt);
    *row = why == SQLITE_ROW;
    if (why == SQLITE_ROW || why == SQLITE_DONE)
        return true;
    failed(q->owner, why, e);
    sqlite3_reset(q->stmt);
    return false;
}

bool gn_sql_run(gn_statement *q, gn_error *e) {
    bool row = true, ok = true;
    while (ok && row)
        ok = gn_sql_step(q, &row, e);
    sqlite3_reset(q->stmt);
    return ok;
}

void gn_sql_reset(gn_statement *q) { sqlite3_reset(q->stmt); }

int gn_column_count(const gn_statement *q) { return sqlite3_column_count(q->stmt); }

const char *gn_column_name(const gn_statement *q, int i) {
    const char *name = sqlite3_column_name(q->stmt, i);
    return name ? name : "";
}

bool gn_column_is_null(const gn_statement *q, int i) {
    return sqlite3_column_type(q->stmt, i) == SQLITE_NULL;
}

char gn_column_type(const gn_statement *q, int i) {
    switch (sqlite3_column_type(q->stmt, i)) {
    case SQLITE_INTEGER:
        return 'i';
    case SQLITE_FLOAT:
        return 'd';
    case SQLITE_TEXT:
        return 't';
    case SQLITE_BLOB:
        return 'b';
    default:
        return 'n';
    }
}

int64_t gn_column_int(const gn_statement *q, int i) { return sqlite3_column_int64(q->stmt, i); }
double gn_column_double(const gn_statement *q, int i) { return sqlite3_column_double(q->stmt, i); }

gn_slice gn_column_text(const gn_statement *q, int i) {
    const char *text = (const char *)sqlite3_column_text(q->stmt, i);
    return text ? (gn_slice){text, (size_t)sqlite3_column_bytes(q->stmt, i)} : GN_S("");
}

gn_slice gn_column_blob(const gn_statement *q, int i) {
    const char *data = sqlite3_column_blob(q->stmt, i);
    return data ? (gn_slice){data, (size_t)sqlite3_column_bytes(q->stmt, i)} : GN_S("");
}

int64_t gn_sql_last_id(const gn_sql *s) { return sqlite3_last_insert_rowid(s->db); }
int gn_sql_changes(const gn_sql *s) { return sqlite3_changes(s->db); }

bool gn_sql_begin(gn_sql *s, gn_error *e) {
    assert(sqlite3_get_autocommit(s->db));
    return gn_sql_exec(s, "BEGIN IMMEDIATE", e);
}

bool gn_sql_commit(gn_sql *s, gn_error *e) { return gn_sql_exec(s, "COMMIT", e); }

/* Some failures have rolled back already; then there is nothing left to do. */
void gn_sql_rollback(gn_sql *s) {
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

/* SQLite does not sync what it vacuums into. */
static bool sync_and_rename(const char *from, const char *to, gn_error *e) {
    const int fd = open(from, O_RDWR | O_CLOEXEC);
    const bool ok = fd >= 0 && fsync(fd) == 0 && rename(from, to) == 0;
    const int why = errno;
    if (fd >= 0)
        close(fd);
    return ok || gn_fail(e, GN_IO, "back up to '%s': %s", to, strerror(why));
}

bool gn_sql_backup(gn_sql *s, const char *path, gn_error *e) {
    if (gn_path_exists(path)) {
        gn_fail(e, GN_IO, "back up database '%s': '%s' is there already", s->path, path);
        return gn_where(e, "%s", path);
    }
    gn_str temporary = {0};
    gn_str_fmt(&temporary, "%s.tmp-%ld", path, (long)getpid());
    bool ok = gn_str_ok(&temporary, e);
    if (ok)
        unlink(temporary.data);
    gn_statement *q = ok ? gn_sql_prepare(s, "VACUUM INTO ?1", e) : NULL;
    ok = q != NULL;
    if (ok) {
        gn_bind_text(q, 1, gn_str_slice(&temporary));
        ok = (gn_sql_run(q, e) || gn_context(e, "back up to '%s'", path)) &&
             sync_and_rename(temporary.data, path, e);
        if (!ok)
            unlink(temporary.data);
    }
    gn_str_release(&temporary);
    return ok;
}
