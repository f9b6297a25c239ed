/* conversations_remove.c - conversations are put away, or deleted with what only they have. */
#include "app/chat/conversations.h"

static bool is_there(gn_sql *sql, const char *id, gn_error *e) {
    bool row = false;
    gn_statement *q = gn_sql_prepare(sql, "SELECT 1 FROM session WHERE id = ?1", e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(id));
    const bool ok = gn_sql_step(q, &row, e);
    gn_sql_reset(q);
    return ok && (row || gn_fail(e, GN_IO, "there is no session %s", id));
}

static bool with_id(gn_sql *sql, const char *text, const char *id, gn_error *e) {
    gn_statement *q = gn_sql_prepare(sql, text, e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(id));
    return gn_sql_run(q, e);
}

bool gn_conversations_archive(gn_store *s, const char *id, bool archived, gn_error *e) {
    gn_sql *sql = gn_store_sql(s);
    return is_there(sql, id, e) &&
           with_id(sql,
                   archived ? "UPDATE session SET archived = 1 WHERE id = ?1"
                            : "UPDATE session SET archived = 0 WHERE id = ?1",
                   id, e);
}

/* The messages of the conversation, children before parents: a child's row is the younger one. */
static bool collect(gn_sql *sql, const char *id, gn_str *hashes, gn_error *e) {
    bool row = false, ok = true;
    gn_statement *q = gn_sql_prepare(
        sql,
        "WITH RECURSIVE up(hash) AS (SELECT head FROM session WHERE id = ?1 AND head IS NOT NULL "
        "UNION SELECT message FROM branch WHERE session_id = ?1 "
        "UNION SELECT message FROM turn WHERE session_id = ?1 "
        "UNION SELECT m.parent FROM up JOIN message m ON m.hash = up.hash "
        "WHERE m.parent IS NOT NULL) "
        "SELECT m.hash FROM up JOIN message m ON m.hash = up.hash ORDER BY m.id DESC",
        e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(id));
    while (ok && (ok = gn_sql_step(q, &row, e)) && row)
        gn_str_add(hashes, gn_column_blob(q, 0));
    gn_sql_reset(q);
    return ok && gn_str_ok(hashes, e);
}

static bool note_states(gn_sql *sql, gn_slice hash, gn_str *out, gn_error *e) {
    bool row = false, ok = true;
    gn_statement *q = gn_sql_prepare(sql, "SELECT path FROM state WHERE message = ?1", e);
    if (!q)
        return false;
    gn_bind_blob(q, 1, hash.data, hash.len);
    while (ok && (ok = gn_sql_step(q, &row, e)) && row) {
        gn_str_add(out, gn_column_text(q, 0));
        gn_str_putc(out, '\n');
    }
    gn_sql_reset(q);
    return ok;
}

/* Deletes the message unless something still points at it. */
static bool drop_message(gn_sql *sql, gn_slice hash, gn_removed *out, gn_error *e) {
    static const char *const check = "SELECT EXISTS(SELECT 1 FROM message WHERE parent = ?1) OR "
                                     "EXISTS(SELECT 1 FROM session WHERE head = ?1) OR "
                                     "EXISTS(SELECT 1 FROM branch WHERE message = ?1) OR "
                                     "EXISTS(SELECT 1 FROM turn WHERE message = ?1)";
    static const char *const drop[] = {"DELETE FROM state WHERE message = ?1",
                                       "DELETE FROM message WHERE hash = ?1"};
    bool row = false;
    gn_statement *q = gn_sql_prepare(sql, check, e);
    if (!q)
        return false;
    gn_bind_blob(q, 1, hash.data, hash.len);
    bool ok = gn_sql_step(q, &row, e);
    const bool shared = ok && gn_column_int(q, 0) != 0;
    gn_sql_reset(q);
    out->kept += shared;
    if (!ok || shared)
        return ok;
    ok = note_states(sql, hash, &out->states, e);
    for (int i = 0; ok && i < 2; i++) {
        ok = (q = gn_sql_prepare(sql, drop[i], e)) != NULL;
        if (ok)
            gn_bind_blob(q, 1, hash.data, hash.len);
        ok = ok && gn_sql_run(q, e);
    }
    out->messages += ok;
    return ok;
}

/* A conversation that was forked from this one tells of its replies by these rows: it gets its
 * own, and is from now on a fork of what this one was forked from. */
static bool hand_over(gn_sql *sql, const char *id, gn_error *e) {
    static const char *const take =
        "WITH RECURSIVE up(hash) AS (SELECT f.head FROM session f WHERE f.id = ?2 AND f.head IS "
        "NOT NULL UNION SELECT message FROM branch WHERE session_id = ?2 UNION SELECT m.parent "
        "FROM up JOIN message m ON m.hash = up.hash WHERE m.parent IS NOT NULL) "
        "SELECT t.id FROM turn t JOIN up ON up.hash = t.message WHERE t.session_id = ?1";
    gn_str pairs = {0}; /* a fork's id and a turn's, NUL after each */
    bool row = false, ok = true;
    gn_statement *forks = gn_sql_prepare(sql, "SELECT id FROM session WHERE forked_from = ?1", e);
    if (!forks)
        return false;
    gn_bind_text(forks, 1, gn_slice_of(id));
    while (ok && (ok = gn_sql_step(forks, &row, e)) && row) {
        gn_statement *q = gn_sql_prepare(sql, take, e);
        if ((ok = q != NULL)) {
            gn_bind_text(q, 1, gn_slice_of(id));
            gn_bind_text(q, 2, gn_column_text(forks, 0));
        }
        while (ok && (ok = gn_sql_step(q, &row, e)) && row) {
            gn_str_add(&pairs, gn_column_text(forks, 0));
            gn_str_putc(&pairs, '\0');
            gn_str_add(&pairs, gn_column_text(q, 0));
            gn_str_putc(&pairs, '\0');
        }
        if (q)
            gn_sql_reset(q);
    }
    gn_sql_reset(forks);
    ok = ok && gn_str_ok(&pairs, e);
    for (size_t i = 0; ok && i < pairs.len;) {
        const char *fork = pairs.data + i, *turn = fork + strlen(fork) + 1;
        char fresh[27];
        gn_statement *q = gn_sql_prepare(
            sql,
            "INSERT INTO turn SELECT ?1, ?2, message, response_id, options_json, rating, "
            "created_at FROM turn WHERE id = ?3",
            e);
        ok = q && gn_ulid(fresh, e);
        if (ok) {
            gn_bind_text(q, 1, gn_slice_of(fresh));
            gn_bind_text(q, 2, gn_slice_of(fork));
            gn_bind_text(q, 3, gn_slice_of(turn));
            ok = gn_sql_run(q, e);
        }
        i += strlen(fork) + strlen(turn) + 2;
    }
    gn_str_release(&pairs);
    return ok && with_id(sql,
                         "UPDATE session SET forked_from = (SELECT forked_from FROM session "
                         "WHERE id = ?1) WHERE forked_from = ?1",
                         id, e);
}

/* How its replies came to be is nobody else's, unless another conversation or an evaluation
 * tells of the same answer. Their texts (prompts) go when nothing names them. */
static const char *const drop_responses[] = {
    "CREATE TEMP TABLE IF NOT EXISTS gone(id INTEGER PRIMARY KEY, prompt BLOB)",
    "DELETE FROM gone",
    "INSERT OR IGNORE INTO gone SELECT r.id, r.prompt_hash FROM turn t "
    "JOIN response r ON r.id = t.response_id WHERE t.session_id = ?1 AND r.cache_key IS NULL "
    "AND NOT EXISTS(SELECT 1 FROM turn o WHERE o.response_id = r.id AND o.session_id <> ?1) "
    "AND NOT EXISTS(SELECT 1 FROM sample_response p WHERE p.response_id = r.id)",
    "DELETE FROM session WHERE id = ?1", /* its branches and turns go with it */
    "DELETE FROM response WHERE id IN (SELECT id FROM gone)", /* their tokens, too */
    "DELETE FROM text WHERE hash IN (SELECT prompt FROM gone) "
    "AND NOT EXISTS(SELECT 1 FROM response r WHERE r.prompt_hash = text.hash)",
};

bool gn_conversations_remove(gn_store *s, const char *id, gn_removed *out, gn_error *e) {
    gn_sql *sql = gn_store_sql(s);
    gn_str hashes = {0};
    *out = (gn_removed){0};
    /* Deleted means gone: freed pages are zeroed, words leave the index, and below the log of
     * changes is folded in. */
    bool ok = is_there(sql, id, e) && gn_sql_exec(sql, "PRAGMA secure_delete = ON", e) &&
              gn_sql_begin(sql, e);
    if (!ok)
        return false;
    ok = collect(sql, id, &hashes, e) && hand_over(sql, id, e);
    for (size_t i = 0; ok && i < sizeof drop_responses / sizeof *drop_responses; i++) {
        gn_statement *q = gn_sql_prepare(sql, drop_responses[i], e);
        if (q && strstr(drop_responses[i], "?1"))
            gn_bind_text(q, 1, gn_slice_of(id));
        ok = q && gn_sql_run(q, e);
    }
    for (size_t i = 0; ok && i + GN_SHA256_BYTES <= hashes.len; i += GN_SHA256_BYTES)
        ok = drop_message(sql, (gn_slice){hashes.data + i, GN_SHA256_BYTES}, out, e);
    ok = ok && gn_str_ok(&out->states, e) &&
         gn_sql_exec(sql, "INSERT INTO message_fts(message_fts) VALUES('optimize')", e) &&
         gn_sql_commit(sql, e);
    gn_error busy = {0}; /* a reader holds the log: it is folded in when that ends */
    if (ok)
        gn_sql_exec(sql, "PRAGMA wal_checkpoint(TRUNCATE)", &busy);
    if (!ok) {
        gn_sql_rollback(sql);
        gn_str_release(&out->states);
        *out = (gn_removed){0};
    }
    gn_str_release(&hashes);
    return ok;
}
