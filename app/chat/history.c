/* history.c - see history.h: the database, sessions, branches. Messages are history_keep.c's. */
#include "app/chat/history_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- statements --------------------------------------------------------- */

static void bind(gn_statement *q, const char *types, va_list ap) {
    for (int i = 1; types[i - 1]; i++)
        switch (types[i - 1]) {
        case 't': {
            const gn_slice *text = va_arg(ap, const gn_slice *);
            gn_bind_text(q, i, *text);
            break;
        }
        case 's':
            gn_bind_text(q, i, gn_slice_of(va_arg(ap, const char *)));
            break;
        case 'i':
            gn_bind_int(q, i, va_arg(ap, int64_t));
            break;
        default: {
            const uint8_t *hash = va_arg(ap, const uint8_t *);
            if (hash)
                gn_bind_blob(q, i, hash, GN_SHA256_BYTES);
            else
                gn_bind_null(q, i);
        }
        }
}

gn_statement *gn_history_query(gn_history *h, gn_error *e, const char *text, const char *types,
                               ...) {
    va_list ap;
    gn_statement *q = gn_sql_prepare(h->sql, text, e);
    va_start(ap, types);
    if (q)
        bind(q, types, ap);
    va_end(ap);
    return q;
}

bool gn_history_run(gn_history *h, gn_error *e, const char *text, const char *types, ...) {
    va_list ap;
    gn_statement *q = gn_sql_prepare(h->sql, text, e);
    va_start(ap, types);
    if (q)
        bind(q, types, ap);
    va_end(ap);
    return q && gn_sql_run(q, e);
}

void gn_history_copy(char *to, size_t size, gn_slice from) {
    snprintf(to, size, "%.*s", (int)from.len, from.data);
}

/* ---- the file ----------------------------------------------------------- */

gn_history *gn_history_open(const char *path, bool read_only, gn_error *e) {
    gn_str own = {0};
    gn_history *h = calloc(1, sizeof *h);
    if (!h) {
        gn_fail(e, GN_NO_MEMORY, "conversations: out of memory");
        return NULL;
    }
    h->locks = -1;
    if (path)
        gn_str_puts(&own, path);
    if ((path || gn_store_path(&own, GN_STORE_CHATS, e)) && gn_str_ok(&own, e))
        h->store = gn_store_open(own.data, read_only, e);
    if (h->store) {
        h->sql = gn_store_sql(h->store);
        gn_str_puts(&own, ".lock");
        h->lock_at = gn_strdup_slice(gn_str_slice(&own));
    }
    gn_str_release(&own);
    if (h->lock_at)
        return h;
    if (e->code == GN_OK)
        gn_fail(e, GN_NO_MEMORY, "conversations: out of memory");
    gn_history_close(h);
    return NULL;
}

void gn_history_close(gn_history *h) {
    if (!h)
        return;
    if (h->locks >= 0)
        close(h->locks);
    gn_store_close(h->store);
    free(h->lock_at);
    free(h);
}

gn_store *gn_history_store(gn_history *h) { return h->store; }
gn_sql *gn_history_sql(gn_history *h) { return h->sql; }

/* ---- one writer a session ----------------------------------------------- */

/* A byte of the file of locks stands for a session; the system gives it back when a process
 * ends, whatever ends it. */
static struct flock byte_of(const char *id, short type) {
    const uint64_t at = gn_xxh3(id, strlen(id)) >> 2;
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)at, .l_len = 1};
}

bool gn_history_lock(gn_history *h, const char *id, long *pid, gn_error *e) {
    *pid = 0;
    if (h->locks < 0)
        h->locks = open(h->lock_at, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (h->locks < 0) {
        gn_fail(e, GN_IO, "'%s': %s", h->lock_at, strerror(errno));
        return gn_where(e, "%s", h->lock_at);
    }
    struct flock lock = byte_of(id, F_WRLCK);
    if (fcntl(h->locks, F_SETLK, &lock) == 0)
        return true;
    if (errno != EACCES && errno != EAGAIN) {
        gn_fail(e, GN_IO, "'%s' cannot be locked: %s", h->lock_at, strerror(errno));
        return gn_where(e, "%s", h->lock_at);
    }
    lock = byte_of(id, F_WRLCK);
    if (fcntl(h->locks, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
        *pid = (long)lock.l_pid;
    return false;
}

void gn_history_unlock(gn_history *h, const char *id) {
    struct flock lock = byte_of(id, F_UNLCK);
    if (h->locks >= 0)
        fcntl(h->locks, F_SETLK, &lock);
}

/* ---- sessions ----------------------------------------------------------- */

void gn_session_info_release(gn_session_info *s) {
    gn_str_release(&s->name);
    gn_str_release(&s->model);
    gn_str_release(&s->path);
    *s = (gn_session_info){0};
}

bool gn_history_info(gn_history *h, const char *id, gn_session_info *out, gn_error *e) {
    bool row = false;
    *out = (gn_session_info){0};
    gn_statement *q = gn_history_query(
        h, e,
        "SELECT s.id, s.name, s.checkpoint_id, c.name, c.path, s.head, s.forked_from, "
        "s.created_at, s.used_at, s.archived, (SELECT count(*) FROM branch WHERE session_id = "
        "s.id) FROM session s JOIN checkpoint c ON c.id = s.checkpoint_id WHERE s.id = ?",
        "s", id);
    if (!q || !gn_sql_step(q, &row, e))
        return false;
    if (!row)
        return gn_fail(e, GN_IO, "there is no session '%.40s'", id);
    gn_history_copy(out->id, sizeof out->id, gn_column_text(q, 0));
    gn_str_add(&out->name, gn_column_text(q, 1));
    out->checkpoint = gn_column_int(q, 2);
    gn_str_add(&out->model, gn_column_text(q, 3));
    gn_str_add(&out->path, gn_column_text(q, 4));
    const gn_slice head = gn_column_blob(q, 5);
    out->has_head = head.len == sizeof out->head;
    if (out->has_head)
        memcpy(out->head, head.data, sizeof out->head);
    gn_history_copy(out->forked_from, sizeof out->forked_from, gn_column_text(q, 6));
    gn_history_copy(out->created, sizeof out->created, gn_column_text(q, 7));
    gn_history_copy(out->used, sizeof out->used, gn_column_text(q, 8));
    out->archived = gn_column_int(q, 9) != 0;
    out->branches = (int)gn_column_int(q, 10);
    gn_sql_reset(q);
    return gn_str_ok(&out->name, e) && gn_str_ok(&out->model, e) && gn_str_ok(&out->path, e);
}

/* The rows that q gives: one is the answer, several are told. *n: how many. */
static bool the_one(gn_statement *q, gn_slice what, char id[GN_ULID], int *n, gn_error *e) {
    gn_str list = {0};
    bool row = false, ok = true;
    for (*n = 0; (ok = gn_sql_step(q, &row, e)) && row; ++*n) {
        const gn_slice name = gn_column_text(q, 1);
        gn_history_copy(id, GN_ULID, gn_column_text(q, 0));
        if (*n < 8)
            gn_str_fmt(&list, "%s%s%s%.*s%s", *n ? ", " : "", id, name.len ? " (" : "",
                       name.len > 30 ? 30 : (int)name.len, name.data, name.len ? ")" : "");
    }
    gn_sql_reset(q);
    if (ok && *n > 1)
        ok = gn_fail(e, GN_INVALID, "'%.*s' fits %d sessions: %s%s; say more of one's id",
                     what.len > 60 ? 60 : (int)what.len, what.data, *n, gn_str_text(&list),
                     *n > 8 ? ", ..." : "");
    gn_str_release(&list);
    return ok;
}

static bool nth_last(gn_history *h, int64_t nth, char id[GN_ULID], gn_error *e) {
    bool row = false;
    gn_statement *q = gn_history_query(h, e,
                                       "SELECT id FROM session WHERE archived = 0 "
                                       "ORDER BY used_at DESC, id DESC LIMIT 1 OFFSET ?",
                                       "i", nth - 1);
    if (!q || !gn_sql_step(q, &row, e))
        return false;
    if (row)
        gn_history_copy(id, GN_ULID, gn_column_text(q, 0));
    gn_sql_reset(q);
    return row ||
           gn_fail(e, GN_IO,
                   nth == 1 ? "there is no session yet" : "there are fewer than %lld sessions",
                   (long long)nth);
}

bool gn_history_find(gn_history *h, gn_slice what, char id[GN_ULID], gn_error *e) {
    int64_t number;
    int n = 0;
    if (gn_parse_integer(what, &number) && number < 0 && number > -1000000)
        return nth_last(h, -number, id, e);
    gn_statement *q = gn_history_query(
        h, e, "SELECT id, name FROM session WHERE name = ? ORDER BY id", "t", &what);
    if (!q || !the_one(q, what, id, &n, e))
        return false;
    if (n == 1)
        return true;
    bool letters = what.len >= 4 && what.len < GN_ULID;
    for (size_t i = 0; i < what.len; i++)
        letters = letters && ((what.data[i] >= '0' && what.data[i] <= '9') ||
                              (what.data[i] >= 'A' && what.data[i] <= 'Z') ||
                              (what.data[i] >= 'a' && what.data[i] <= 'z'));
    if (letters) {
        q = gn_history_query(
            h, e,
            "SELECT id, name FROM session WHERE id >= upper(?1) AND id < upper(?1) || '~' "
            "ORDER BY id",
            "t", &what);
        if (!q || !the_one(q, what, id, &n, e))
            return false;
    }
    return n == 1 || gn_fail(e, GN_IO,
                             "there is no session '%.*s' (by name, by the first 4 or "
                             "more letters of its id, or -1 for the last)",
                             what.len > 60 ? 60 : (int)what.len, what.data);
}

bool gn_history_rename(gn_history *h, const char *id, gn_slice name, gn_error *e) {
    if (!gn_history_run(h, e, "UPDATE session SET name = ? WHERE id = ?", "ts", &name, id))
        return false;
    return gn_sql_changes(h->sql) == 1 || gn_fail(e, GN_IO, "there is no session '%.40s'", id);
}

bool gn_history_fork(gn_history *h, const char *from, const uint8_t *head, char id[GN_ULID],
                     gn_error *e) {
    if (!gn_ulid(id, e) || !gn_sql_begin(h->sql, e))
        return false;
    const bool ok =
        gn_history_run(
            h, e,
            "INSERT INTO session(id, name, checkpoint_id, head, forked_from, created_at, "
            "used_at) SELECT ?1, name, checkpoint_id, ?2, id, " GN_NOW ", " GN_NOW
            " FROM session WHERE id = ?3",
            "shs", id, head, from) &&
        (gn_sql_changes(h->sql) == 1 || gn_fail(e, GN_IO, "there is no session '%.40s'", from)) &&
        gn_history_run(h, e, "INSERT INTO branch(session_id, name, message) VALUES(?,'main',?)",
                       "sh", id, head) &&
        gn_sql_commit(h->sql, e);
    if (!ok)
        gn_sql_rollback(h->sql);
    return ok;
}

void gn_history_forget(gn_history *h, const char *id) {
    gn_error e = {0}; /* then it stays, which hurts nobody */
    gn_history_run(h, &e, "DELETE FROM session WHERE id = ?", "s", id);
}

/* ---- branches ----------------------------------------------------------- */

bool gn_history_branches(gn_history *h, const char *id, gn_branch **out, int *n, gn_error *e) {
    size_t room = 0;
    bool row = false, ok;
    *out = NULL;
    *n = 0;
    gn_statement *q = gn_history_query(
        h, e, "SELECT name, message FROM branch WHERE session_id = ? ORDER BY name", "s", id);
    if (!q)
        return false;
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        if (!gn_vec_reserve(out, &room, (size_t)*n + 1, sizeof **out)) {
            ok = gn_fail(e, GN_NO_MEMORY, "branches: out of memory");
            break;
        }
        gn_branch *b = &(*out)[(*n)++];
        gn_history_copy(b->name, sizeof b->name, gn_column_text(q, 0));
        const gn_slice tip = gn_column_blob(q, 1);
        memset(b->tip, 0, sizeof b->tip);
        if (tip.len == sizeof b->tip)
            memcpy(b->tip, tip.data, sizeof b->tip);
    }
    gn_sql_reset(q);
    if (!ok) {
        free(*out);
        *out = NULL;
        *n = 0;
    }
    return ok;
}

bool gn_history_branch(gn_history *h, gn_record *r, const gn_turn *tip, gn_slice name,
                       gn_error *e) {
    char made[GN_BRANCH_NAME];
    bool row = false;
    if (!r->id[0] || !tip->stored)
        return gn_fail(e, GN_INVALID, "nothing of this conversation is stored yet");
    if (name.len >= sizeof made)
        return gn_fail(e, GN_INVALID, "a branch's name has at most %d bytes", GN_BRANCH_NAME - 1);
    for (int i = 2;; i++) {
        if (name.len)
            gn_history_copy(made, sizeof made, name);
        else
            snprintf(made, sizeof made, "branch-%d", i);
        gn_statement *q = gn_history_query(
            h, e, "SELECT 1 FROM branch WHERE session_id = ? AND name = ?", "ss", r->id, made);
        if (!q || !gn_sql_step(q, &row, e))
            return false;
        gn_sql_reset(q);
        if (!row)
            break;
        if (name.len)
            return gn_fail(e, GN_INVALID, "there is a branch '%s' already; /goto %s goes there",
                           made, made);
    }
    if (!gn_history_run(h, e, "INSERT INTO branch(session_id, name, message) VALUES(?,?,?)", "ssh",
                        r->id, made, tip->hash))
        return false;
    memcpy(r->branch, made, sizeof made);
    return true;
}

/* ---- what was asked ------------------------------------------------------ */

bool gn_history_asked(gn_history *h, gn_slice text, int limit,
                      bool (*it)(void *user, gn_slice content), void *user, gn_error *e) {
    bool row = false, ok, go_on = true;
    /* All of them: the last ones are read, not the whole table. */
    const char *last = "SELECT content FROM message WHERE role = 'user' AND ?1 = '' "
                       "ORDER BY id DESC LIMIT ?2";
    gn_statement *q = text.len == 0
                          ? gn_history_query(h, e, last, "ti", &text, (int64_t)limit)
                          : gn_history_query(h, e,
                                             "SELECT content FROM message WHERE role = 'user' AND "
                                             "instr(content, ?1) > 0 GROUP BY content "
                                             "ORDER BY max(id) DESC LIMIT ?2",
                                             "ti", &text, (int64_t)limit);
    if (!q)
        return false;
    while ((ok = gn_sql_step(q, &row, e)) && row && go_on)
        go_on = it(user, gn_column_text(q, 0));
    gn_sql_reset(q);
    return ok;
}
