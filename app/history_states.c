/* history_states.c - the index of the state files: which there are, and which go first. */
#include "app/history_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool gn_history_state(gn_history *h, const gn_state_row *row, gn_error *e) {
    return gn_history_run(
        h, e,
        "INSERT INTO state(prefix_sha, checkpoint_id, numerics, n_tokens, message, path, n_bytes, "
        "reason, pinned, created_at, used_at) VALUES(?,?,?,?,?,?,?,?,?," GN_NOW "," GN_NOW ") "
        "ON CONFLICT DO UPDATE SET message = coalesce(excluded.message, message), "
        "path = excluded.path, n_bytes = excluded.n_bytes, "
        "reason = iif(pinned, reason, excluded.reason), pinned = pinned OR excluded.pinned, "
        "used_at = excluded.used_at",
        "hisihsisi", row->prefix, row->checkpoint, row->numerics, row->n_tokens, row->message,
        row->path, row->n_bytes, row->reason, (int64_t)row->pinned);
}

static bool of_key(gn_history *h, const gn_state_row *row, const char *text, gn_error *e) {
    return gn_history_run(h, e, text, "his", row->prefix, row->checkpoint, row->numerics);
}

#define THIS " WHERE prefix_sha = ? AND checkpoint_id = ? AND numerics = ?"

bool gn_history_state_used(gn_history *h, const gn_state_row *row, gn_error *e) {
    return of_key(h, row, "UPDATE state SET hits = hits + 1, used_at = " GN_NOW THIS, e);
}

bool gn_history_state_gone(gn_history *h, const gn_state_row *row, gn_error *e) {
    return of_key(h, row, "DELETE FROM state" THIS, e);
}

bool gn_history_state_pin(gn_history *h, const gn_state_row *row, bool pinned, gn_error *e) {
    return of_key(h, row,
                  pinned ? "UPDATE state SET pinned = 1, reason = 'pin'" THIS
                         : "UPDATE state SET pinned = 0, reason = 'turn'" THIS,
                  e);
}

/* ---- which there are ---------------------------------------------------- */

static bool is_there(const char *folder, gn_slice path) {
    gn_str at = {0};
    gn_path_join(&at, gn_slice_of(folder), path);
    const bool there = !at.failed && gn_path_exists(gn_str_text(&at));
    gn_str_release(&at);
    return there;
}

bool gn_history_states(gn_history *h, const char *id, int64_t checkpoint, const char *numerics,
                       const char *folder, gn_transcript *t, gn_error *e) {
    bool row = false, ok;
    gn_statement *q = gn_history_query(
        h, e,
        "SELECT message, path, pinned FROM state WHERE checkpoint_id = iif(?2 = 0, (SELECT "
        "checkpoint_id FROM session WHERE id = ?1), ?2) AND (?3 = '' OR numerics = ?3) AND message "
        "IN (WITH RECURSIVE t(hash) AS (SELECT message FROM branch WHERE session_id = ?1 "
        "UNION SELECT head FROM session WHERE id = ?1 AND head IS NOT NULL "
        "UNION SELECT m.parent FROM t JOIN message m ON m.hash = t.hash WHERE m.parent IS NOT "
        "NULL) SELECT hash FROM t)",
        "sis", id, checkpoint, numerics);
    if (!q)
        return false;
    for (size_t i = 0; i < t->count; i++) {
        t->turn[i]->on_disk = t->turn[i]->pinned = false;
        t->turn[i]->held = t->turn[i]->held == GN_HELD_MEMORY ? GN_HELD_MEMORY : GN_HELD_NOT;
    }
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        gn_turn *turn =
            gn_transcript_turn(t, gn_history_turn(t, (const uint8_t *)gn_column_blob(q, 0).data));
        if (turn && is_there(folder, gn_column_text(q, 1))) {
            turn->on_disk = true;
            turn->held = turn->held == GN_HELD_MEMORY ? GN_HELD_MEMORY : GN_HELD_DISK;
            turn->pinned = gn_column_int(q, 2) != 0;
        }
    }
    gn_sql_reset(q);
    return ok;
}

/* ---- the budget --------------------------------------------------------- */

/* One file less, and its row; false, without an error, when nothing may go. */
static bool drop_one(gn_history *h, const char *folder, size_t *bytes, gn_error *e) {
    bool row = false, ok = false;
    gn_str path = {0}, at = {0};
    gn_statement *q = gn_sql_prepare(
        h->sql,
        "SELECT path, n_bytes FROM state WHERE pinned = 0 ORDER BY used_at, n_tokens LIMIT 1", e);
    if (q && gn_sql_step(q, &row, e) && row) {
        gn_str_add(&path, gn_column_text(q, 0));
        *bytes = (size_t)gn_column_int(q, 1);
        gn_path_join(&at, gn_slice_of(folder), gn_str_slice(&path));
        ok = gn_str_ok(&path, e) && gn_str_ok(&at, e);
    }
    if (q)
        gn_sql_reset(q);
    if (ok && unlink(at.data) != 0 && errno != ENOENT)
        ok = gn_fail(e, GN_IO, "'%s': %s", at.data, strerror(errno));
    const gn_slice name = gn_str_slice(&path);
    ok = ok && gn_history_run(h, e, "DELETE FROM state WHERE path = ?", "t", &name);
    gn_str_release(&path);
    gn_str_release(&at);
    return ok;
}

bool gn_history_states_trim(gn_history *h, const char *folder, size_t budget, size_t *freed,
                            gn_error *e) {
    bool row = false;
    size_t sum = 0, bytes;
    *freed = 0;
    gn_statement *q = gn_sql_prepare(h->sql, "SELECT coalesce(sum(n_bytes), 0) FROM state", e);
    if (!q || !gn_sql_step(q, &row, e))
        return false;
    sum = row ? (size_t)gn_column_int(q, 0) : 0;
    gn_sql_reset(q);
    while (sum > budget && drop_one(h, folder, &bytes, e)) {
        sum -= bytes < sum ? bytes : sum;
        *freed += bytes;
    }
    return e->code == GN_OK;
}
