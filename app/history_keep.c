/* history_keep.c - messages into the database, and a whole tree out of it. */
#include "app/history_internal.h"

#include <stdlib.h>

enum { NAME_BYTES = 60 }; /* most of a first line that names a session */

bool gn_message_hash(const uint8_t *parent, gn_role role, const gn_ids *ids, gn_slice text,
                     uint8_t hash[GN_SHA256_BYTES], gn_error *e) {
    gn_key *k = gn_key_new();
    if (!k)
        return gn_fail(e, GN_NO_MEMORY, "conversations: out of memory");
    gn_key_part(k, parent, GN_SHA256_BYTES);
    gn_key_text(k, gn_slice_of(gn_role_name(role)));
    gn_key_part(k, ids->id, ids->count * sizeof *ids->id);
    if (ids->count == 0 && text.len > 0) /* its tokens are with what follows */
        gn_key_text(k, text);
    gn_key_end(k, hash);
    return true;
}

/* ---- writing ------------------------------------------------------------ */

/* The first line of what was said first, cut between characters. */
static gn_slice name_of(const gn_transcript *t, const gn_ids *path) {
    for (size_t i = 0; i < path->count; i++) {
        const gn_turn *turn = t->turn[path->id[i]];
        if (turn->role != GN_ROLE_USER)
            continue;
        gn_slice line = gn_text_strip(gn_str_slice(&turn->text), true, true);
        const char *end = memchr(line.data, '\n', line.len);
        if (end)
            line.len = (size_t)(end - line.data);
        if (line.len > NAME_BYTES) {
            line.len = NAME_BYTES;
            while (line.len > 0 && ((unsigned char)line.data[line.len] & 0xC0) == 0x80)
                line.len--;
        }
        return gn_text_strip(line, true, true);
    }
    return (gn_slice){"", 0};
}

static bool make_session(gn_history *h, gn_record *r, gn_slice name, gn_error *e) {
    return gn_ulid(r->id, e) &&
           gn_history_run(h, e,
                          "INSERT INTO session(id, name, checkpoint_id, created_at, used_at) "
                          "VALUES(?,?,?," GN_NOW "," GN_NOW ")",
                          "sti", r->id, &name, r->checkpoint);
}

static bool put_message(gn_history *h, const gn_turn *turn, const uint8_t *parent, bool root,
                        const uint8_t *hash, gn_error *e) {
    const gn_slice text = gn_str_slice(&turn->text);
    gn_statement *q = gn_history_query(h, e,
                                       "INSERT OR IGNORE INTO message(hash, parent, role, content, "
                                       "n_tokens, tokens) VALUES(?,?,?,?,?,?)",
                                       "hhsti", hash, root ? NULL : parent,
                                       gn_role_name(turn->role), &text, (int64_t)turn->ids.count);
    if (q)
        gn_bind_blob(q, 6, turn->ids.count ? (const void *)turn->ids.id : "",
                     turn->ids.count * sizeof *turn->ids.id);
    return q && gn_sql_run(q, e);
}

/* The branch that ends nearest before the tip goes on to it. One of that name that was written
 * to last goes before others that end there too. */
static bool advance(gn_history *h, gn_record *r, const uint8_t (*hash)[GN_SHA256_BYTES], size_t n,
                    gn_error *e) {
    char name[GN_BRANCH_NAME] = "";
    for (size_t i = n; i-- > 0 && !name[0];) {
        bool row = false;
        gn_statement *q = gn_history_query(h, e,
                                           "SELECT name FROM branch WHERE session_id = ? AND "
                                           "message = ? ORDER BY name = ? DESC, name LIMIT 1",
                                           "shs", r->id, hash[i], r->branch);
        if (!q || !gn_sql_step(q, &row, e))
            return false;
        if (row)
            gn_history_copy(name, sizeof name, gn_column_text(q, 0));
        gn_sql_reset(q);
    }
    if (name[0]) {
        memcpy(r->branch, name, sizeof name);
        return gn_history_run(h, e,
                              "UPDATE branch SET message = ? WHERE session_id = ? AND name = ?",
                              "hss", hash[n - 1], r->id, name);
    }
    gn_branch *other;
    int n_other;
    if (!gn_history_branches(h, r->id, &other, &n_other, e))
        return false;
    free(other);
    if (n_other > 0) {
        gn_turn tip = {.stored = true};
        memcpy(tip.hash, hash[n - 1], sizeof tip.hash);
        return gn_history_branch(h, r, &tip, (gn_slice){"", 0}, e);
    }
    memcpy(r->branch, "main", sizeof "main");
    return gn_history_run(h, e, "INSERT INTO branch(session_id, name, message) VALUES(?,'main',?)",
                          "sh", r->id, hash[n - 1]);
}

/* The same question has the same hash, whoever is asked. */
static bool request_hash(const gn_transcript *t, const gn_ids *path, gn_slice options,
                         uint8_t hash[GN_SHA256_BYTES], gn_error *e) {
    gn_key *k = gn_key_new();
    if (!k)
        return gn_fail(e, GN_NO_MEMORY, "conversations: out of memory");
    gn_key_text(k, GN_S("generate"));
    for (size_t i = 0; i + 1 < path->count; i++) {
        const gn_turn *turn = t->turn[path->id[i]];
        gn_key_text(k, gn_slice_of(gn_role_name(turn->role)));
        gn_key_text(k, gn_str_slice(&turn->text));
    }
    gn_key_text(k, options);
    gn_key_end(k, hash);
    return true;
}

static bool put_reply(gn_history *h, const gn_record *r, const gn_transcript *t, const gn_ids *path,
                      const uint8_t *hash, const gn_reply *reply, gn_error *e) {
    const gn_turn *turn = t->turn[path->id[path->count - 1]];
    uint8_t asked[GN_SHA256_BYTES];
    char id[GN_ULID];
    if (!request_hash(t, path, reply->options, asked, e) || !gn_ulid(id, e))
        return false;
    const gn_response response = {.request_hash = asked,
                                  .checkpoint = r->checkpoint,
                                  .build = r->build,
                                  .kind = "generate",
                                  .output = gn_str_slice(&turn->text),
                                  .stop = gn_stop_name(turn->stop),
                                  .n_prompt = turn->reused + turn->read,
                                  .n_out = turn->tokens,
                                  .n_reused = turn->reused,
                                  .prompt_ms = turn->prompt_s * 1000,
                                  .gen_ms = turn->generate_s * 1000};
    const int64_t row = gn_store_response(h->store, &response, e);
    return row != 0 &&
           (reply->n == 0 || gn_store_tokens(h->store, row, reply->id, reply->score, reply->top,
                                             reply->n, reply->k, e)) &&
           gn_history_run(h, e,
                          "INSERT INTO turn(id, session_id, message, response_id, options_json, "
                          "created_at) VALUES(?,?,?,?,?," GN_NOW ")",
                          "sshit", id, r->id, hash, row, &reply->options);
}

static bool set_head(gn_history *h, const char *id, const uint8_t *hash, gn_error *e) {
    return gn_history_run(h, e, "UPDATE session SET head = ?, used_at = " GN_NOW " WHERE id = ?",
                          "hs", hash, id) &&
           (gn_sql_changes(h->sql) == 1 ||
            gn_fail(e, GN_IO, "session '%.40s' is gone: it was removed meanwhile", id));
}

static bool keep(gn_history *h, gn_record *r, const gn_transcript *t, const gn_ids *path,
                 uint8_t (*hash)[GN_SHA256_BYTES], const gn_reply *reply, gn_error *e) {
    if (!r->id[0] && !make_session(h, r, name_of(t, path), e))
        return false;
    for (size_t i = 0; i < path->count; i++) {
        const gn_turn *turn = t->turn[path->id[i]];
        const uint8_t *parent = i ? hash[i - 1] : r->tokenizer;
        if (turn->stored)
            memcpy(hash[i], turn->hash, GN_SHA256_BYTES);
        else if (!gn_message_hash(parent, turn->role, &turn->ids, gn_str_slice(&turn->text),
                                  hash[i], e) ||
                 !put_message(h, turn, parent, i == 0, hash[i], e))
            return false;
    }
    return advance(h, r, (const uint8_t(*)[GN_SHA256_BYTES])hash, path->count, e) &&
           set_head(h, r->id, hash[path->count - 1], e) &&
           (!reply || put_reply(h, r, t, path, hash[path->count - 1], reply, e));
}

bool gn_history_keep(gn_history *h, gn_record *r, gn_transcript *t, int64_t id,
                     const gn_reply *reply, gn_error *e) {
    gn_ids path = {0};
    gn_record now = *r;
    uint8_t(*hash)[GN_SHA256_BYTES] = NULL;
    bool ok = gn_transcript_path(t, id, &path) && path.count > 0 &&
              (hash = calloc(path.count, sizeof *hash)) != NULL;
    if (!ok)
        gn_fail(e, GN_NO_MEMORY, "conversations: out of memory");
    ok = ok && gn_sql_begin(h->sql, e);
    if (ok) {
        ok = keep(h, &now, t, &path, hash, reply, e) && gn_sql_commit(h->sql, e);
        if (!ok)
            gn_sql_rollback(h->sql);
    }
    if (ok) {
        *r = now;
        for (size_t i = 0; i < path.count; i++) {
            memcpy(t->turn[path.id[i]]->hash, hash[i], sizeof *hash);
            t->turn[path.id[i]]->stored = true;
        }
    }
    free(hash);
    gn_ids_release(&path);
    return ok;
}

bool gn_history_head(gn_history *h, const gn_record *r, const gn_transcript *t, int64_t id,
                     gn_error *e) {
    const gn_turn *turn = gn_transcript_turn(t, id);
    if (turn && !turn->stored)
        return gn_fail(e, GN_INVALID, "that message is not stored yet");
    return set_head(h, r->id, turn ? turn->hash : NULL, e);
}

bool gn_history_rate(gn_history *h, const gn_record *r, const gn_turn *turn, int rating,
                     gn_error *e) {
    if (!gn_history_run(h, e, "UPDATE turn SET rating = ? WHERE session_id = ? AND message = ?",
                        "ish", (int64_t)rating, r->id, turn->hash))
        return false;
    return gn_sql_changes(h->sql) > 0 ||
           gn_fail(e, GN_INVALID, "only a reply that was given in this session can be rated");
}

/* ---- reading ------------------------------------------------------------ */

static gn_stop stop_of(gn_slice name) {
    for (gn_stop s = GN_STOP_EOS; s <= GN_STOP_CONTEXT; s++)
        if (gn_slice_is(name, gn_stop_name(s)))
            return s;
    return GN_STOP_NONE;
}

int64_t gn_history_turn(const gn_transcript *t, const uint8_t *hash) {
    for (size_t i = t->count; i-- > 0;)
        if (t->turn[i]->stored && memcmp(t->turn[i]->hash, hash, GN_SHA256_BYTES) == 0)
            return (int64_t)i;
    return -1;
}

static gn_role role_of(gn_slice name) {
    for (gn_role r = GN_ROLE_SYSTEM; r <= GN_ROLE_DOCUMENT; r++)
        if (gn_slice_is(name, gn_role_name(r)))
            return r;
    return GN_ROLE_USER; /* of a database that somebody else wrote */
}

/* The row that q stands on becomes a turn below its parent, which came before. */
static bool add_turn(gn_transcript *t, gn_statement *q, gn_error *e) {
    const gn_slice hash = gn_column_blob(q, 0), parent = gn_column_blob(q, 1),
                   tokens = gn_column_blob(q, 4);
    int64_t above = -1;
    if (hash.len != GN_SHA256_BYTES || tokens.len % sizeof(int32_t) != 0 ||
        (parent.len == GN_SHA256_BYTES &&
         (above = gn_history_turn(t, (const uint8_t *)parent.data)) < 0))
        return gn_fail(e, GN_FORMAT, "the rows of a conversation do not fit together");
    gn_turn *turn =
        gn_transcript_add(t, above, role_of(gn_column_text(q, 2)), gn_column_text(q, 3));
    /* A blob of SQLite's lies anywhere; ids want their alignment. */
    if (turn && gn_vec_reserve(&turn->ids.id, &turn->ids.capacity, tokens.len / sizeof(int32_t) + 1,
                               sizeof(int32_t))) {
        memcpy(turn->ids.id, tokens.data, tokens.len);
        turn->ids.count = tokens.len / sizeof(int32_t);
    } else
        return gn_fail(e, GN_NO_MEMORY, "conversation: out of memory");
    memcpy(turn->hash, hash.data, sizeof turn->hash);
    turn->stored = turn->complete = true;
    turn->edited = turn->role == GN_ROLE_MODEL;
    turn->tokens = (int64_t)turn->ids.count;
    return true;
}

/* All that the session's branches and head stand on, parents first. */
static bool load_messages(gn_history *h, const char *id, gn_transcript *t, gn_error *e) {
    bool row = false, ok;
    gn_statement *q = gn_history_query(
        h, e,
        "WITH RECURSIVE t(hash) AS (SELECT message FROM branch WHERE session_id = ?1 "
        "UNION SELECT head FROM session WHERE id = ?1 AND head IS NOT NULL "
        "UNION SELECT m.parent FROM t JOIN message m ON m.hash = t.hash WHERE m.parent IS NOT "
        "NULL) "
        "SELECT m.hash, m.parent, m.role, m.content, m.tokens "
        "FROM t JOIN message m ON m.hash = t.hash ORDER BY m.id",
        "s", id);
    if (!q)
        return false;
    while ((ok = gn_sql_step(q, &row, e)) && row && (ok = add_turn(t, q, e)))
        ;
    gn_sql_reset(q);
    return ok;
}

/* How replies came to be: in this session, or in those it was forked from. */
static bool load_replies(gn_history *h, const char *id, gn_transcript *t, gn_error *e) {
    bool row = false, ok;
    gn_statement *q = gn_history_query(
        h, e,
        "WITH RECURSIVE c(id, depth) AS (SELECT ?1, 0 UNION ALL SELECT s.forked_from, c.depth + 1 "
        "FROM c JOIN session s ON s.id = c.id WHERE s.forked_from IS NOT NULL AND c.depth < 1000) "
        "SELECT u.message, r.stop, r.n_reused, r.n_prompt - r.n_reused, r.n_out, r.prompt_ms, "
        "r.gen_ms, u.rating FROM c JOIN turn u ON u.session_id = c.id "
        "JOIN response r ON r.id = u.response_id ORDER BY c.depth DESC, u.id",
        "s", id);
    if (!q)
        return false;
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        const gn_slice hash = gn_column_blob(q, 0);
        gn_turn *turn = hash.len != GN_SHA256_BYTES
                            ? NULL
                            : gn_transcript_turn(t, gn_history_turn(t, (const uint8_t *)hash.data));
        if (!turn)
            continue;
        turn->edited = false;
        turn->stop = stop_of(gn_column_text(q, 1));
        turn->reused = gn_column_int(q, 2);
        turn->read = gn_column_int(q, 3);
        turn->tokens = gn_column_int(q, 4);
        turn->prompt_s = gn_column_double(q, 5) / 1000;
        turn->generate_s = gn_column_double(q, 6) / 1000;
        turn->rating = (int)gn_column_int(q, 7);
    }
    gn_sql_reset(q);
    return ok;
}

bool gn_history_load(gn_history *h, const char *id, gn_transcript *t, gn_record *r, gn_error *e) {
    gn_session_info info;
    bool ok =
        gn_history_info(h, id, &info, e) && load_messages(h, id, t, e) && load_replies(h, id, t, e);
    if (ok) {
        memcpy(r->id, info.id, sizeof r->id);
        r->checkpoint = info.checkpoint;
        r->branch[0] = 0;
        t->head = info.has_head ? gn_history_turn(t, info.head) : -1;
    } else {
        gn_transcript_release(t);
        gn_context(e, "session '%.40s'", id);
    }
    gn_session_info_release(&info);
    return ok;
}
