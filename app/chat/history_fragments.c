/* history_fragments.c - texts with a name, and the messages that are such a text.
 *
 * That a message is a fragment is not said in its row, which is that of anybody who said the same:
 * it is one whose text is a fragment's, by hash. So a fragment that gets another text keeps its
 * former one without a name.
 */
#include "app/chat/history_internal.h"

static bool define(gn_history *h, gn_slice name, gn_slice source, gn_slice body, gn_error *e) {
    uint8_t hash[GN_SHA256_BYTES];
    gn_sha256_of(body.data, body.len, hash);
    return gn_history_run(h, e, "UPDATE fragment SET name = NULL WHERE name = ?", "t", &name) &&
           gn_history_run(h, e,
                          "INSERT INTO fragment(hash, name, source, body) VALUES(?,?,?,?) "
                          "ON CONFLICT(hash) DO UPDATE SET name = excluded.name, source = "
                          "excluded.source",
                          "httt", hash, &name, &source, &body);
}

bool gn_history_define(gn_history *h, gn_slice name, gn_slice source, gn_slice body, gn_error *e) {
    const bool ok =
        gn_sql_begin(h->sql, e) && define(h, name, source, body, e) && gn_sql_commit(h->sql, e);
    if (!ok)
        gn_sql_rollback(h->sql);
    return ok;
}

bool gn_history_fragment(gn_history *h, gn_slice name, gn_str *body, gn_error *e) {
    bool row = false;
    gn_statement *q =
        gn_history_query(h, e, "SELECT body FROM fragment WHERE name = ?", "t", &name);
    if (!q || !gn_sql_step(q, &row, e))
        return false;
    if (row)
        gn_str_add(body, gn_column_text(q, 0));
    gn_sql_reset(q);
    return gn_str_ok(body, e) && (row || gn_fail(e, GN_INVALID,
                                                 "there is no fragment '%.*s'; /fragment NAME FILE "
                                                 "makes one of a file",
                                                 name.len > 60 ? 60 : (int)name.len, name.data));
}

bool gn_history_mark_fragments(gn_history *h, gn_transcript *t, gn_error *e) {
    bool row = false, ok = true;
    gn_statement *q = gn_history_query(h, e, "SELECT 1 FROM fragment LIMIT 1", "");
    if (!q || !gn_sql_step(q, &row, e))
        return false;
    gn_sql_reset(q);
    for (size_t i = 0; row && ok && i < t->count; i++) {
        gn_turn *turn = t->turn[i];
        uint8_t hash[GN_SHA256_BYTES];
        bool found = false;
        if (turn->role != GN_ROLE_USER)
            continue;
        gn_sha256_of(turn->text.data, turn->text.len, hash);
        q = gn_history_query(h, e, "SELECT 1 FROM fragment WHERE hash = ?", "h", hash);
        ok = q && gn_sql_step(q, &found, e);
        turn->fragment = found;
        if (q)
            gn_sql_reset(q);
    }
    return ok;
}
