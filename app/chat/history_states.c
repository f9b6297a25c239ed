/* history_states.c - the index of the state files: which there are, and which go first. */
#include "app/chat/history_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
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

/* ---- files without a row ------------------------------------------------- */

/* Of a state file (store 4.7): where its header says what. */
enum { AT_CHECKPOINT = 16, AT_PREFIX = 48, AT_NUMERICS = 80, AT_TOKENS = 144, HEADER = 304 };

static bool adopt(gn_history *h, const char *folder, const char *path, gn_error *e) {
    gn_str at = {0};
    uint8_t head[HEADER];
    char sha[GN_SHA256_HEX], numerics[65] = "";
    struct stat st;
    uint64_t tokens;
    bool row = false;
    gn_path_join(&at, gn_slice_of(folder), gn_slice_of(path));
    FILE *f = at.failed ? NULL : fopen(gn_str_text(&at), "rbe");
    const bool whole =
        f && fread(head, 1, sizeof head, f) == sizeof head && fstat(fileno(f), &st) == 0;
    if (f)
        fclose(f);
    gn_str_release(&at);
    if (!whole)
        return true; /* gone, or none of ours */
    gn_hex(head + AT_CHECKPOINT, GN_SHA256_BYTES, sha);
    memcpy(numerics, head + AT_NUMERICS, 64);
    memcpy(&tokens, head + AT_TOKENS, sizeof tokens);
    gn_statement *q = gn_history_query(
        h, e,
        "SELECT c.id FROM checkpoint c WHERE c.sha = ?1 AND NOT EXISTS (SELECT 1 FROM state WHERE "
        "prefix_sha = ?2 AND checkpoint_id = c.id AND numerics = ?3)",
        "shs", sha, head + AT_PREFIX, numerics);
    if (!q || !gn_sql_step(q, &row, e))
        return false;
    gn_state_row state = {.checkpoint = row ? gn_column_int(q, 0) : 0,
                          .n_tokens = (int64_t)tokens,
                          .n_bytes = (int64_t)st.st_size,
                          .numerics = numerics,
                          .path = path,
                          .reason = "turn"};
    gn_sql_reset(q);
    memcpy(state.prefix, head + AT_PREFIX, sizeof state.prefix);
    return !row || gn_history_state(h, &state, e);
}

/* Is there a row for a file of this name, which begins with its prefix in hex? */
static bool has_row(gn_history *h, const char *path, const char *name, bool *row, gn_error *e) {
    uint8_t prefix[GN_SHA256_BYTES] = {0};
    for (int i = 0; i < GN_SHA256_BYTES; i++) {
        unsigned byte;
        if (sscanf(name + 2 * i, "%2x", &byte) != 1)
            break;
        prefix[i] = (uint8_t)byte;
    }
    gn_statement *q = gn_history_query(
        h, e, "SELECT 1 FROM state WHERE prefix_sha = ? AND path = ?", "hs", prefix, path);
    const bool ok = q && gn_sql_step(q, row, e);
    if (q)
        gn_sql_reset(q);
    return ok;
}

/* Every file, to be adopted or (count) only counted. */
static bool walk(gn_history *h, const char *folder, int64_t *count, gn_error *e) {
    bool ok = true;
    for (int i = 0; ok && i < 256; i++) {
        char part[512];
        snprintf(part, sizeof part, "%.500s/%02x", folder, i);
        DIR *d = opendir(part);
        for (struct dirent *f; ok && d && (f = readdir(d));) {
            char path[300];
            bool row = true;
            if (!gn_slice_ends(gn_slice_of(f->d_name), GN_S(".state")))
                continue;
            snprintf(path, sizeof path, "%02x/%.255s", i, f->d_name);
            if (count)
                ++*count;
            else
                ok = has_row(h, path, f->d_name, &row, e) && (row || adopt(h, folder, path, e));
        }
        if (d)
            closedir(d);
    }
    return ok;
}

bool gn_history_states_adopt(gn_history *h, const char *folder, gn_error *e) {
    int64_t files = 0;
    bool row = false;
    gn_statement *q = gn_sql_prepare(h->sql, "SELECT count(*) FROM state", e);
    if (!q || !gn_sql_step(q, &row, e))
        return false;
    const int64_t rows = gn_column_int(q, 0);
    gn_sql_reset(q);
    return walk(h, folder, &files, e) && (files <= rows || walk(h, folder, NULL, e));
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
