/* shelf.h - makes conversations in a database, row by row, with times that are always the
 * same. For tests and for measuring; include once a program. */
#ifndef GN_TESTS_SHELF_H
#define GN_TESTS_SHELF_H

#include "core/gneiss.h"
#include "tests/check.h"

#include <inttypes.h>

typedef struct shelf {
    gn_store *store;
    gn_sql *sql;
    int64_t made; /* messages, for their times and tokens */
} shelf;

static inline bool shelf_run(shelf *s, const char *text) {
    gn_error e = {0};
    if (gn_sql_exec(s->sql, text, &e))
        return true;
    printf("  %s: %s\n", text, e.message);
    return false;
}

/* A checkpoint 1, a build 1, and no conversation. */
static inline bool shelf_open(shelf *s, const char *path) {
    gn_error e = {0};
    *s = (shelf){.store = gn_store_open(path, false, &e)};
    if (!CHECK(s->store != NULL)) {
        printf("  %s\n", e.message);
        return false;
    }
    s->sql = gn_store_sql(s->store);
    return shelf_run(s, "INSERT INTO checkpoint(id, sha, name, tokenizer_sha, config_json) "
                        "VALUES(1, 'c0ffee', 'toy-1b', 'abc', '{}');"
                        "INSERT INTO build(id, sha, version, backend, numerics) "
                        "VALUES(1, 'b', '0', 'cpu', 'exact')");
}

static inline void shelf_close(shelf *s) { gn_store_close(s->store); }

/* One statement: ?1 ?2 are hashes, ?3 ?4 ?5 texts (NULL: null), ?6 a number. */
static inline bool shelf_row(shelf *s, const char *sql, const uint8_t *h1, const uint8_t *h2,
                             const char *t1, const char *t2, const char *t3, int64_t n) {
    gn_error e = {0};
    gn_statement *q = gn_sql_prepare(s->sql, sql, &e);
    const uint8_t *hash[] = {h1, h2};
    const char *text[] = {t1, t2, t3};
    for (int i = 0; q && i < 2; i++)
        if (hash[i] && gn_bind_index(q, i ? "?2" : "?1"))
            gn_bind_blob(q, i + 1, hash[i], GN_SHA256_BYTES);
    for (int i = 0; q && i < 3; i++) {
        const char name[] = {'?', (char)('3' + i), '\0'};
        if (text[i] && gn_bind_index(q, name))
            gn_bind_text(q, i + 3, gn_slice_of(text[i]));
    }
    if (q && gn_bind_index(q, "?6"))
        gn_bind_int(q, 6, n);
    const bool ok = q && gn_sql_run(q, &e);
    if (!ok)
        printf("  %s: %s\n", sql, e.message);
    return ok;
}

/* A message below parent (NULL: a root), once; its hash. */
static inline bool shelf_say(shelf *s, const uint8_t *parent, const char *role, const char *text,
                             uint8_t hash[GN_SHA256_BYTES]) {
    char time[32];
    uint8_t above[GN_SHA256_BYTES] = {0}; /* parent and hash may be one array */
    gn_key *k = gn_key_new();
    if (parent)
        memcpy(above, parent, sizeof above);
    gn_key_part(k, above, parent ? sizeof above : 0);
    gn_key_text(k, gn_slice_of(role));
    gn_key_text(k, gn_slice_of(text));
    gn_key_end(k, hash);
    s->made++;
    snprintf(time, sizeof time, "2026-11-%02dT%02d:%02d:00.000Z", (int)(s->made / 1440 % 28) + 1,
             (int)(s->made / 60 % 24), (int)(s->made % 60));
    return shelf_row(s,
                     "INSERT OR IGNORE INTO message(hash, parent, role, content, created_at, "
                     "n_tokens, tokens) VALUES(?1, ?2, ?3, ?4, ?5, ?6, x'01000000')",
                     hash, parent ? above : NULL, role, text, time, (int64_t)strlen(text) / 4 + 1);
}

/* A conversation that ends at head. used: minutes into a day. */
static inline bool shelf_session(shelf *s, const char *id, const char *name, const uint8_t *head,
                                 int used) {
    char time[32];
    snprintf(time, sizeof time, "2026-11-24T%02d:%02d:00.000Z", used / 60 % 24, used % 60);
    return shelf_row(s,
                     "INSERT INTO session(head, id, name, created_at, used_at, checkpoint_id) "
                     "VALUES(?1, ?3, ?4, ?5, ?5, coalesce(?2, 1))",
                     head, NULL, id, name, time, 0) &&
           shelf_row(s,
                     "INSERT INTO branch(session_id, name, message) SELECT ?3, 'main', ?1 "
                     "WHERE ?2 IS NULL",
                     head, NULL, id, NULL, NULL, 0);
}

static inline bool shelf_branch(shelf *s, const char *id, const char *name, const uint8_t *tip) {
    return shelf_row(s, "INSERT INTO branch(message, session_id, name) VALUES(?1, ?3, ?4)", tip,
                     NULL, id, name, NULL, 0);
}

/* How a reply of a conversation came to be. */
static inline bool shelf_turn(shelf *s, const char *id, const char *turn, const uint8_t *message,
                              const char *stop) {
    return shelf_row(s,
                     "INSERT INTO response(request_hash, checkpoint_id, build_id, kind, output, "
                     "stop, n_prompt, n_out) VALUES(?1, 1, 1, 'generate', '', ?3, 1, 1)",
                     message, NULL, stop, NULL, NULL, 0) &&
           shelf_row(s,
                     "INSERT INTO turn(message, id, session_id, response_id, options_json, "
                     "created_at) VALUES(?1, ?4, ?3, last_insert_rowid(), '{}', '2026-11-24')",
                     message, NULL, id, turn, NULL, 0);
}

#endif
