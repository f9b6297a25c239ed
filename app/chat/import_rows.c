/* import_rows.c - a conversation that gneiss exported, back into rows.
 *
 * What makes a message its own is checked, not believed: its name must be the hash of its
 * parent's, its role and its tokens, or the file was changed. All of it is one transaction.
 */
#include "app/chat/import.h"

#include <math.h>
#include <stdio.h>

typedef struct rows {
    gn_history *to;
    gn_sql *sql;
    const gn_value *file;
    gn_arena arena;
    gn_map known; /* hashes of messages, as hex in the file -> 1 */
    uint8_t tokenizer[GN_SHA256_BYTES];
    int64_t checkpoint;
    char id[GN_ULID];
} rows;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "import: out of memory"); }

/* ---- values ---------------------------------------------------------------------- */

static const gn_value *get(const gn_value *v, const char *name) {
    return gn_value_get(v, gn_slice_of(name));
}

static gn_slice text_of(const gn_value *v, const char *name) { return gn_value_text(get(v, name)); }

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hash_of(gn_slice hex, uint8_t out[GN_SHA256_BYTES]) {
    if (hex.len != GN_SHA256_HEX - 1)
        return false;
    for (size_t i = 0; i < GN_SHA256_BYTES; i++) {
        const int high = digit(hex.data[2 * i]), low = digit(hex.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static bool bytes_of(gn_slice text, gn_str *out) {
    uint32_t bits = 0;
    int n = 0;
    for (size_t i = 0; i < text.len && text.data[i] != '='; i++) {
        static const char letters[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *at = text.data[i] ? strchr(letters, text.data[i]) : NULL;
        if (!at)
            return false;
        bits = bits << 6 | (uint32_t)(at - letters);
        n += 6;
        if (n >= 8)
            gn_str_putc(out, (char)(bits >> (n -= 8) & 0xFF));
    }
    return true;
}

/* Bind a member: a text, a number, or null, whatever it is. */
static void bind(gn_statement *q, int i, const gn_value *v) {
    double number;
    if (gn_value_is(v, GN_STRING))
        gn_bind_text(q, i, v->string);
    else if (gn_value_is(v, GN_INTEGER))
        gn_bind_int(q, i, v->integer);
    else if (gn_value_is(v, GN_BOOL))
        gn_bind_int(q, i, v->boolean);
    else if (gn_value_to_number(v, &number))
        gn_bind_double(q, i, number);
    else
        gn_bind_null(q, i);
}

static void bind_json(gn_statement *q, int i, const gn_value *v) {
    gn_str text = {0};
    if (gn_value_is(v, GN_STRING))
        gn_str_add(&text, v->string);
    else if (v)
        gn_json_write(&text, v);
    if (text.len)
        gn_bind_text(q, i, gn_str_slice(&text));
    else
        gn_bind_text(q, i, GN_S("{}"));
    gn_str_release(&text);
}

static void bind_hash(gn_statement *q, int i, gn_slice hex) {
    uint8_t hash[GN_SHA256_BYTES];
    if (hash_of(hex, hash))
        gn_bind_blob(q, i, hash, sizeof hash);
    else
        gn_bind_null(q, i);
}

static bool bad(gn_error *e, const char *what, size_t i) {
    return gn_fail(e, GN_FORMAT, "%s %zu is not what gneiss writes", what, i + 1);
}

/* ---- what conversations stand on ---------------------------------------------------- */

static int64_t id_by_sha(rows *r, const char *sql, gn_slice sha, gn_error *e) {
    bool row = false;
    int64_t id = 0;
    gn_statement *q = gn_sql_prepare(r->sql, sql, e);
    if (!q)
        return 0;
    gn_bind_text(q, 1, sha);
    if (gn_sql_step(q, &row, e) && row)
        id = gn_column_int(q, 0);
    gn_sql_reset(q);
    if (!id && e->code == GN_OK)
        gn_fail(e, GN_FORMAT, "it names no row '%.*s'", sha.len > 70 ? 70 : (int)sha.len, sha.data);
    return id;
}

static bool checkpoint(rows *r, gn_error *e) {
    static const char *const name[] = {"sha",     "name",          "path",
                                       "format",  "dtype",         "n_params",
                                       "n_bytes", "tokenizer_sha", "template_sha"};
    const gn_value *v = get(r->file, "checkpoint");
    if (!hash_of(text_of(v, "tokenizer_sha"), r->tokenizer) || text_of(v, "sha").len == 0 ||
        text_of(v, "name").len == 0)
        return gn_fail(e, GN_FORMAT, "its checkpoint is not what gneiss writes");
    gn_statement *q = gn_sql_prepare(
        r->sql,
        "INSERT OR IGNORE INTO checkpoint(sha, name, path, format, dtype, n_params, n_bytes, "
        "tokenizer_sha, template_sha, config_json) VALUES(?,?,?,?,?,?,?,?,?,?)",
        e);
    for (int i = 0; q && i < 9; i++)
        bind(q, i + 1, get(v, name[i]));
    if (q)
        bind_json(q, 10, get(v, "config"));
    return q && gn_sql_run(q, e) &&
           (r->checkpoint = id_by_sha(r, "SELECT id FROM checkpoint WHERE sha = ?1",
                                      text_of(v, "sha"), e)) != 0;
}

static bool builds(rows *r, gn_error *e) {
    static const char *const name[] = {"sha",   "version", "commit_id", "compiler",
                                       "flags", "backend", "numerics",  "cpu",
                                       "gpu",   "os",      "dirty",     "threads"};
    const gn_value *list = get(r->file, "builds");
    bool ok = true;
    for (size_t i = 0; ok && i < gn_value_count(list); i++) {
        gn_statement *q = gn_sql_prepare(
            r->sql,
            "INSERT OR IGNORE INTO build(sha, version, commit_id, compiler, flags, backend, "
            "numerics, cpu, gpu, os, dirty, threads) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
            e);
        for (int k = 0; q && k < 12; k++)
            bind(q, k + 1, get(gn_value_at(list, i), name[k]));
        ok = q && gn_sql_run(q, e);
    }
    return ok;
}

/* ---- messages ------------------------------------------------------------------------- */

static bool ids_of(const gn_value *list, gn_ids *out) {
    for (size_t i = 0; i < gn_value_count(list); i++) {
        int64_t id;
        if (!gn_value_to_integer(gn_value_at(list, i), &id) || id < 0 || id > INT32_MAX ||
            !gn_ids_add(out, (int32_t)id))
            return false;
    }
    return gn_value_is(list, GN_LIST);
}

static bool role_of(gn_slice name, gn_role *out) {
    for (gn_role role = GN_ROLE_SYSTEM; role <= GN_ROLE_DOCUMENT; role++)
        if (gn_slice_is(name, gn_role_name(role))) {
            *out = role;
            return true;
        }
    return false;
}

/* The message's hash, found anew; false when it is not the one it says. */
static bool is_sound(rows *r, const gn_value *v, const gn_ids *ids, gn_slice text,
                     uint8_t hash[GN_SHA256_BYTES], gn_error *e) {
    uint8_t parent[GN_SHA256_BYTES], says[GN_SHA256_BYTES];
    const gn_slice above = text_of(v, "parent");
    gn_role role;
    if (above.len && (!hash_of(above, parent) || !gn_map_get(&r->known, above, NULL)))
        return false;
    return role_of(text_of(v, "role"), &role) && hash_of(text_of(v, "hash"), says) &&
           gn_message_hash(above.len ? parent : r->tokenizer, role, ids, text, hash, e) &&
           memcmp(hash, says, sizeof says) == 0;
}

static bool one_node(rows *r, const gn_value *v, size_t i, gn_error *e) {
    uint8_t hash[GN_SHA256_BYTES];
    gn_ids ids = {0};
    gn_str bytes = {0};
    gn_statement *q = NULL;
    const gn_slice raw = text_of(v, "content_bytes");
    bool ok = ids_of(get(v, "ids"), &ids) && (raw.len == 0 || bytes_of(raw, &bytes));
    const gn_slice text = raw.len ? gn_str_slice(&bytes) : text_of(v, "content");
    ok = ok && is_sound(r, v, &ids, text, hash, e);
    if (!ok && e->code == GN_OK)
        gn_fail(e, GN_FORMAT, "message %zu: its hash is not that of its parent, role and tokens",
                i + 1);
    ok = ok && (gn_map_set(&r->known, text_of(v, "hash"), 1) || no_memory(e)) &&
         (q = gn_sql_prepare(r->sql,
                             "INSERT OR IGNORE INTO message(hash, parent, role, content, tokens, "
                             "n_tokens, created_at) VALUES(?,?,?,?,?,?,?)",
                             e)) != NULL;
    if (ok) {
        gn_bind_blob(q, 1, hash, sizeof hash);
        bind_hash(q, 2, text_of(v, "parent"));
        gn_bind_text(q, 3, text_of(v, "role"));
        gn_bind_text(q, 4, text);
        gn_bind_blob(q, 5, ids.count ? (const void *)ids.id : "", ids.count * sizeof *ids.id);
        gn_bind_int(q, 6, (int64_t)ids.count);
        gn_bind_text(q, 7, text_of(v, "created_at"));
        ok = gn_sql_run(q, e);
    }
    gn_ids_release(&ids);
    gn_str_release(&bytes);
    return ok;
}

static bool nodes(rows *r, gn_error *e) {
    const gn_value *list = get(r->file, "nodes");
    bool ok = gn_value_is(list, GN_LIST) || gn_fail(e, GN_FORMAT, "it has no list of nodes");
    for (size_t i = 0; ok && i < list->list.count; i++)
        ok = one_node(r, list->list.item[i], i, e);
    return ok;
}

/* ---- the session ------------------------------------------------------------------------ */

static bool session(rows *r, gn_error *e) {
    const gn_slice head = text_of(r->file, "head"), created = text_of(r->file, "created_at"),
                   used = text_of(r->file, "used_at");
    if (head.len && !gn_map_get(&r->known, head, NULL))
        return gn_fail(e, GN_FORMAT, "its head is none of its messages");
    if (created.len == 0 || used.len == 0)
        return gn_fail(e, GN_FORMAT, "it has no times");
    gn_statement *q = gn_sql_prepare(
        r->sql,
        "INSERT INTO session(id, name, checkpoint_id, head, forked_from, created_at, used_at, "
        "archived, origin) VALUES(?1,?2,?3,?4,(SELECT id FROM session WHERE id = "
        "?5),?6,?7,?8,?9)",
        e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(r->id));
    bind(q, 2, get(r->file, "name"));
    gn_bind_int(q, 3, r->checkpoint);
    bind_hash(q, 4, head);
    bind(q, 5, get(r->file, "forked_from"));
    gn_bind_text(q, 6, created);
    gn_bind_text(q, 7, used);
    gn_bind_int(
        q, 8, gn_value_is(get(r->file, "archived"), GN_BOOL) && get(r->file, "archived")->boolean);
    bind(q, 9, get(r->file, "origin"));
    return gn_sql_run(q, e);
}

static bool branches(rows *r, gn_error *e) {
    const gn_value *list = get(r->file, "branches");
    bool ok = true;
    for (size_t i = 0; ok && i < gn_value_count(list); i++) {
        const gn_value *v = gn_value_at(list, i);
        if (!gn_map_get(&r->known, text_of(v, "message"), NULL) || text_of(v, "name").len == 0)
            return bad(e, "branch", i);
        gn_statement *q = gn_sql_prepare(
            r->sql, "INSERT INTO branch(session_id, name, message) VALUES(?,?,?)", e);
        if (q) {
            gn_bind_text(q, 1, gn_slice_of(r->id));
            gn_bind_text(q, 2, text_of(v, "name"));
            bind_hash(q, 3, text_of(v, "message"));
        }
        ok = q && gn_sql_run(q, e);
    }
    return ok;
}

/* ---- how replies came to be ---------------------------------------------------------------- */

/* [place, id, logprob, rank, entropy, [[id, logprob]...]] */
static bool one_token(rows *r, int64_t response, size_t i, const gn_value *v, gn_error *e) {
    const gn_value *alts = gn_value_at(v, 5);
    gn_str blob = {0};
    bool ok =
        gn_value_is(gn_value_at(v, 0), GN_INTEGER) && gn_value_is(gn_value_at(v, 1), GN_INTEGER);
    for (size_t k = 0; ok && k < gn_value_count(alts); k++) {
        const gn_value *one = gn_value_at(alts, k);
        double logprob;
        int64_t id;
        ok = gn_value_to_integer(gn_value_at(one, 0), &id) && id >= INT32_MIN && id <= INT32_MAX &&
             (gn_value_to_number(gn_value_at(one, 1), &logprob) ||
              gn_value_is(gn_value_at(one, 1), GN_NULL));
        const bool known = ok && !gn_value_is(gn_value_at(one, 1), GN_NULL);
        const gn_top top = {ok ? (int32_t)id : -1, known ? (float)logprob : -INFINITY};
        gn_str_add(&blob, (gn_slice){(const char *)&top, sizeof top});
    }
    gn_statement *q =
        ok ? gn_sql_prepare(r->sql,
                            "INSERT INTO token(response_id, pos, id, logprob, rank, entropy, "
                            "top_id, top_logprob, alts) VALUES(?,?,?,?,?,?,?,?,?)",
                            e)
           : NULL;
    if (q) {
        gn_bind_int(q, 1, response);
        for (int k = 0; k < 5; k++)
            bind(q, 2 + k, gn_value_at(v, (size_t)k));
        gn_bind_null(q, 9);
        if (blob.len) {
            gn_top first;
            memcpy(&first, blob.data, sizeof first);
            gn_bind_int(q, 7, first.id);
            gn_bind_double(q, 8, (double)first.logprob);
            gn_bind_blob(q, 9, blob.data, blob.len);
        }
        ok = gn_str_ok(&blob, e) && gn_sql_run(q, e);
    }
    gn_str_release(&blob);
    return (ok && q) || (e->code == GN_OK ? bad(e, "token", i) : false);
}

static bool response(rows *r, const gn_value *v, int64_t *id, gn_error *e) {
    static const char *const name[] = {"output",    "stop",   "n_prompt",  "n_out",     "n_reused",
                                       "prompt_ms", "gen_ms", "truncated", "created_at"};
    const int64_t build =
        id_by_sha(r, "SELECT id FROM build WHERE sha = ?1", text_of(v, "build"), e);
    gn_statement *q =
        build ? gn_sql_prepare(r->sql,
                               "INSERT INTO response(request_hash, checkpoint_id, build_id, kind, "
                               "output, stop, n_prompt, n_out, n_reused, prompt_ms, gen_ms, "
                               "truncated, created_at) VALUES(?,?,?,'generate',?,?,?,?,?,?,?,?,?)",
                               e)
              : NULL;
    if (!q)
        return false;
    bind_hash(q, 1, text_of(v, "request_hash"));
    gn_bind_int(q, 2, r->checkpoint);
    gn_bind_int(q, 3, build);
    for (int i = 0; i < 9; i++)
        bind(q, 4 + i, get(v, name[i]));
    if (!gn_sql_run(q, e))
        return false;
    *id = gn_sql_last_id(r->sql);
    const gn_value *tokens = get(v, "tokens");
    bool ok = true;
    for (size_t i = 0; ok && i < gn_value_count(tokens); i++)
        ok = one_token(r, *id, i, gn_value_at(tokens, i), e);
    return ok;
}

/* Its old name, or a new one where that is taken. */
static bool free_id(rows *r, const char *sql, gn_slice old, char id[GN_ULID], gn_error *e) {
    bool row = old.len != GN_ULID - 1;
    gn_statement *q = row ? NULL : gn_sql_prepare(r->sql, sql, e);
    if (q) {
        gn_bind_text(q, 1, old);
        const bool ok = gn_sql_step(q, &row, e);
        gn_sql_reset(q);
        if (!ok)
            return false;
    } else if (!row)
        return false;
    if (row)
        return gn_ulid(id, e);
    snprintf(id, GN_ULID, "%.*s", (int)old.len, old.data);
    return true;
}

static bool turns(rows *r, gn_error *e) {
    const gn_value *list = get(r->file, "turns");
    bool ok = true;
    for (size_t i = 0; ok && i < gn_value_count(list); i++) {
        const gn_value *v = gn_value_at(list, i);
        char id[GN_ULID];
        int64_t row = 0;
        if (!gn_map_get(&r->known, text_of(v, "message"), NULL))
            return bad(e, "turn", i);
        ok = free_id(r, "SELECT 1 FROM turn WHERE id = ?1", text_of(v, "id"), id, e) &&
             (response(r, get(v, "response"), &row, e) || gn_context(e, "turn %zu", i + 1));
        gn_statement *q =
            ok ? gn_sql_prepare(r->sql,
                                "INSERT INTO turn(id, session_id, message, response_id, "
                                "options_json, rating, created_at) VALUES(?,?,?,?,?,?,?)",
                                e)
               : NULL;
        if (q) {
            gn_bind_text(q, 1, gn_slice_of(id));
            gn_bind_text(q, 2, gn_slice_of(r->id));
            bind_hash(q, 3, text_of(v, "message"));
            gn_bind_int(q, 4, row);
            bind_json(q, 5, get(v, "options"));
            bind(q, 6, get(v, "rating"));
            gn_bind_text(q, 7, text_of(v, "created_at"));
        }
        ok = q && gn_sql_run(q, e);
    }
    return ok;
}

/* ---- all of it --------------------------------------------------------------------------------- */

/* Is a session of this id there that has all these messages? */
static bool is_there(rows *r, bool *yes, gn_error *e) {
    const gn_slice id = text_of(r->file, "id");
    const gn_value *list = get(r->file, "nodes");
    char name[GN_ULID];
    bool row = false;
    *yes = false;
    gn_statement *q = gn_sql_prepare(r->sql, "SELECT 1 FROM session WHERE id = ?1", e);
    if (!q)
        return false;
    gn_bind_text(q, 1, id);
    bool ok = gn_sql_step(q, &row, e);
    gn_sql_reset(q);
    if (!ok || !row || id.len != sizeof name - 1)
        return ok;
    snprintf(name, sizeof name, "%.*s", (int)id.len, id.data);
    gn_transcript t = {.head = -1};
    gn_record record = {0};
    *yes = ok = gn_history_load(r->to, name, &t, &record, e);
    for (size_t i = 0; *yes && i < gn_value_count(list); i++) {
        uint8_t hash[GN_SHA256_BYTES];
        *yes =
            hash_of(text_of(gn_value_at(list, i), "hash"), hash) && gn_history_turn(&t, hash) >= 0;
    }
    gn_transcript_release(&t);
    return ok;
}

static bool all(rows *r, bool again, gn_kept *how, gn_error *e) {
    bool known = false;
    if (!is_there(r, &known, e))
        return false;
    *how = GN_KEPT_KNOWN;
    if (known && !again) {
        snprintf(r->id, sizeof r->id, "%.*s", (int)text_of(r->file, "id").len,
                 text_of(r->file, "id").data);
        return true;
    }
    *how = GN_KEPT_NEW;
    if (!free_id(r, "SELECT 1 FROM session WHERE id = ?1", text_of(r->file, "id"), r->id, e) ||
        !gn_sql_begin(r->sql, e))
        return false;
    const bool ok = checkpoint(r, e) && builds(r, e) && nodes(r, e) && session(r, e) &&
                    branches(r, e) && turns(r, e) && gn_sql_commit(r->sql, e);
    if (!ok)
        gn_sql_rollback(r->sql);
    return ok;
}

bool gn_import_rows(gn_history *to, gn_slice json, bool again, char id[GN_ULID], gn_kept *how,
                    gn_error *e) {
    rows r = {.to = to, .sql = gn_history_sql(to)};
    r.file = gn_json_parse(&r.arena, json, e);
    const bool ok = r.file && all(&r, again, how, e);
    memcpy(id, r.id, sizeof r.id);
    gn_map_release(&r.known);
    gn_arena_release(&r.arena);
    return ok;
}
