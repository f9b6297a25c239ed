/* import.c - see import.h: conversations as their files are read, and how they are kept. */
#include "app/chat/import.h"

#include "app/chat/reading.h"

#include <stdio.h>
#include <stdlib.h>

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "import: out of memory"); }

/* ---- what was had -------------------------------------------------------------- */

static void release(gn_had *h) {
    gn_transcript_release(&h->turns);
    free(h->when);
    gn_str_release(&h->id);
    gn_str_release(&h->name);
    gn_str_release(&h->model);
}

void gn_hads_release(gn_hads *h) {
    for (size_t i = 0; i < h->count; i++)
        release(&h->item[i]);
    free(h->item);
    *h = (gn_hads){0};
}

gn_had *gn_hads_add(gn_hads *h, gn_error *e) {
    if (!gn_vec_reserve(&h->item, &h->room, h->count + 1, sizeof *h->item)) {
        no_memory(e);
        return NULL;
    }
    h->item[h->count] = (gn_had){.turns.head = -1, .plain = -1};
    return &h->item[h->count++];
}

static bool add(gn_had *h, int64_t parent, gn_role role, gn_slice text, const char *when,
                int64_t *id, gn_error *e) {
    gn_str sound = {0};
    gn_utf8_repair(&sound, text);
    gn_turn *turn =
        sound.failed ? NULL : gn_transcript_add(&h->turns, parent, role, gn_str_slice(&sound));
    gn_str_release(&sound);
    if (!turn || !gn_vec_reserve(&h->when, &h->room, h->turns.count, sizeof *h->when))
        return no_memory(e);
    turn->complete = true;
    turn->stop = GN_STOP_EOS;
    turn->edited = role == GN_ROLE_MODEL; /* not this model's own words */
    snprintf(h->when[turn->id], sizeof *h->when, "%s", when ? when : "");
    *id = turn->id;
    return true;
}

bool gn_had_say(gn_had *h, int64_t parent, gn_role role, gn_slice text, const char *when,
                int64_t *id, gn_error *e) {
    gn_turn *above = gn_transcript_turn(&h->turns, parent);
    if (role == GN_ROLE_SYSTEM && above) {
        if (above->parent < 0 && above->role == GN_ROLE_SYSTEM && above->text.len > 0 &&
            above->id + 1 == (int64_t)h->turns.count) { /* two in front are one */
            gn_str_puts(&above->text, "\n\n");
            gn_str_add(&above->text, text);
            *id = above->id;
            return !above->text.failed || no_memory(e);
        }
        role = GN_ROLE_USER;
        h->moved++;
    }
    if (!above && role != GN_ROLE_SYSTEM) {
        if (h->plain < 0 && !add(h, -1, GN_ROLE_SYSTEM, GN_S(""), NULL, &h->plain, e))
            return false;
        parent = h->plain;
    }
    return add(h, parent, role, text, when, id, e);
}

void gn_hads_drop(gn_hads *h) { release(&h->item[--h->count]); }

/* Arguments come as an object, or as a text that holds one. */
static void arguments(const gn_value *v, gn_str *out) {
    const gn_slice text = gn_value_text(v);
    if (text.len)
        gn_str_add(out, text);
    else if (v)
        gn_json_write(out, v);
    else
        gn_str_puts(out, "{}");
}

void gn_had_calls(const gn_value *list, gn_str *text) {
    for (size_t i = 0; i < gn_value_count(list); i++) {
        const gn_value *call = gn_value_at(list, i);
        const gn_value *function = gn_value_get(call, GN_S("function"));
        function = gn_value_is(function, GN_MAP) ? function : call;
        gn_str_fmt(text, "%s<tool_call>\n{\"name\": ", text->len ? "\n" : "");
        gn_json_write_string(text, gn_value_text(gn_value_get(function, GN_S("name"))));
        gn_str_puts(text, ", \"arguments\": ");
        arguments(gn_value_get(function, GN_S("arguments")), text);
        gn_str_puts(text, "}\n</tool_call>");
    }
}

/* ---- its tokens ------------------------------------------------------------------ */

/* Tokens for every turn on the way to `leaf` that has none yet. */
static bool find_tokens(gn_importing *to, gn_had *h, int64_t leaf, gn_error *e) {
    gn_ids path = {0};
    gn_ask *a = gn_ask_new();
    gn_reading *r = gn_reading_new(to->engine, e);
    bool ok = a && r && gn_transcript_path(&h->turns, leaf, &path);
    for (size_t i = 0; ok && i < path.count; i++) {
        const gn_turn *turn = h->turns.turn[path.id[i]];
        ok = gn_ask_say(a, turn->id, turn->role, gn_str_slice(&turn->text)) &&
             gn_ask_known(a, &(gn_ids){0}, turn->role == GN_ROLE_MODEL);
    }
    if (!ok && e->code == GN_OK)
        no_memory(e);
    ok = ok && gn_reading_tokens(r, a, e);
    for (size_t i = 0; ok && i < path.count; i++) {
        gn_turn *turn = h->turns.turn[path.id[i]];
        const gn_ids *ids = &a->said[i].ids;
        if (turn->ids.count == 0 && !gn_ids_append(&turn->ids, ids->id, ids->count))
            ok = no_memory(e);
    }
    gn_ask_free(a);
    gn_reading_free(r);
    gn_ids_release(&path);
    return ok;
}

/* ---- keeping ---------------------------------------------------------------------- */

/* "llm:01jk... gpt-4o": what it is called where it comes from, and the model it was had with.
 * *name: bytes of the first. */
static bool origin_of(const char *from, const gn_had *h, gn_str *out, size_t *name, gn_error *e) {
    gn_str_fmt(out, "%s:", from);
    if (h->id.len) {
        gn_str_add(out, gn_str_slice(&h->id));
    } else {
        uint8_t digest[GN_SHA256_BYTES];
        char hex[GN_SHA256_HEX];
        gn_key *k = gn_key_new();
        if (!k)
            return no_memory(e);
        for (size_t i = 0; i < h->turns.count; i++) {
            gn_key_int(k, h->turns.turn[i]->parent);
            gn_key_text(k, gn_slice_of(gn_role_name(h->turns.turn[i]->role)));
            gn_key_text(k, gn_str_slice(&h->turns.turn[i]->text));
        }
        gn_key_end(k, digest);
        gn_hex(digest, sizeof digest, hex);
        gn_str_fmt(out, "%.16s", hex);
    }
    *name = out->len;
    if (h->model.len) {
        gn_str_putc(out, ' ');
        gn_str_add(out, gn_str_slice(&h->model));
    }
    return gn_str_ok(out, e);
}

/* The session of an earlier import of this; "" if there was none. */
static bool find_earlier(const gn_importing *to, gn_slice name, char id[GN_ULID], gn_error *e) {
    bool row = false;
    id[0] = '\0';
    gn_statement *q = gn_sql_prepare(gn_history_sql(to->to),
                                     "SELECT id FROM session WHERE checkpoint_id = ?2 AND (origin "
                                     "= ?1 OR substr(origin, 1, length(?1) + 1) = ?1 || ' ') "
                                     "ORDER BY id DESC LIMIT 1",
                                     e);
    if (!q)
        return false;
    gn_bind_text(q, 1, name);
    gn_bind_int(q, 2, to->checkpoint);
    const bool ok = gn_sql_step(q, &row, e);
    if (ok && row)
        snprintf(id, GN_ULID, "%.*s", (int)gn_column_text(q, 0).len, gn_column_text(q, 0).data);
    gn_sql_reset(q);
    return ok;
}

/* Turns that the session has already are marked stored; *missing: those that it has not. A session
 * that shares nothing that was said only goes by the same name: it is another (*r is empty then). */
static bool mark_stored(const gn_importing *to, gn_record *r, gn_had *h, int *missing,
                        gn_error *e) {
    gn_transcript there = {.head = -1};
    gn_record none = {0};
    bool ok = gn_history_load(to->to, r->id, &there, &none, e), shares = false;
    *missing = 0;
    for (size_t i = 0; ok && i < h->turns.count; i++) {
        gn_turn *turn = h->turns.turn[i];
        const gn_turn *above = gn_transcript_turn(&h->turns, turn->parent);
        if (above && !above->stored) {
            ++*missing;
            continue;
        }
        ok = gn_message_hash(above ? above->hash : r->tokenizer, turn->role, &turn->ids,
                             gn_str_slice(&turn->text), turn->hash, e);
        turn->stored = ok && gn_history_turn(&there, turn->hash) >= 0;
        *missing += !turn->stored;
        shares |= turn->stored && !gn_role_leads(turn->role);
    }
    gn_transcript_release(&there);
    for (size_t i = 0; ok && !shares && i < h->turns.count; i++)
        h->turns.turn[i]->stored = false;
    if (ok && !shares)
        r->id[0] = '\0';
    return ok;
}

static bool is_leaf(const gn_transcript *t, int64_t id) {
    for (size_t i = (size_t)id + 1; i < t->count; i++)
        if (t->turn[i]->parent == id)
            return false;
    return true;
}

/* One after the other, each leaf's way, in their order; then the head is where it was. */
static bool keep_leaves(gn_importing *to, gn_record *r, gn_had *h, gn_error *e) {
    bool ok = true;
    int64_t last = h->turns.head;
    for (size_t i = 0; ok && i < h->turns.count; i++)
        if (is_leaf(&h->turns, (int64_t)i) && !h->turns.turn[i]->stored) {
            ok = gn_history_keep(to->to, r, &h->turns, (int64_t)i, NULL, e);
            last = (int64_t)i;
        }
    return ok && (last == h->turns.head || h->turns.head < 0 ||
                  gn_history_head(to->to, r, &h->turns, h->turns.head, e));
}

/* Its own name and times instead of now's. since: messages with higher ids are new. */
static bool keep_times(gn_importing *to, const gn_record *r, const gn_had *h, gn_slice origin,
                       bool is_new, int64_t since, gn_error *e) {
    gn_sql *sql = gn_history_sql(to->to);
    const char *first = "", *last = "";
    bool ok = gn_sql_begin(sql, e);
    if (!ok)
        return false;
    for (size_t i = 0; ok && i < h->turns.count; i++) {
        const char *when = h->when[i];
        if (!when[0])
            continue;
        first = !first[0] || strcmp(when, first) < 0 ? when : first;
        last = strcmp(when, last) > 0 ? when : last;
        gn_statement *q = gn_sql_prepare(
            sql, "UPDATE message SET created_at = ?1 WHERE hash = ?2 AND id > ?3", e);
        if (q) {
            gn_bind_text(q, 1, gn_slice_of(when));
            gn_bind_blob(q, 2, h->turns.turn[i]->hash, GN_SHA256_BYTES);
            gn_bind_int(q, 3, since);
        }
        ok = q && gn_sql_run(q, e);
    }
    gn_statement *q =
        ok ? gn_sql_prepare(sql,
                            "UPDATE session SET origin = ?2, "
                            "name = CASE WHEN ?5 AND ?6 <> '' THEN ?6 ELSE name END, "
                            "created_at = CASE WHEN ?5 AND ?3 <> '' THEN ?3 ELSE created_at END, "
                            "used_at = CASE WHEN ?4 <> '' THEN ?4 ELSE used_at END WHERE id = ?1",
                            e)
           : NULL;
    if (q) {
        gn_bind_text(q, 1, gn_slice_of(r->id));
        gn_bind_text(q, 2, origin);
        gn_bind_text(q, 3, gn_slice_of(first));
        gn_bind_text(q, 4, gn_slice_of(last));
        gn_bind_int(q, 5, is_new);
        gn_bind_text(q, 6, gn_str_slice(&h->name));
    }
    ok = q && gn_sql_run(q, e) && gn_sql_commit(sql, e);
    if (!ok)
        gn_sql_rollback(sql);
    return ok;
}

static bool last_message(gn_history *h, int64_t *id, gn_error *e) {
    bool row = false;
    gn_statement *q =
        gn_sql_prepare(gn_history_sql(h), "SELECT coalesce(max(id), 0) FROM message", e);
    const bool ok = q && gn_sql_step(q, &row, e);
    *id = ok && row ? gn_column_int(q, 0) : 0;
    if (q)
        gn_sql_reset(q);
    return ok;
}

/* A name is one line. */
static void tidy_name(gn_had *h) {
    for (size_t i = 0; i < h->name.len; i++)
        if ((unsigned char)h->name.data[i] < 0x20)
            h->name.data[i] = ' ';
    if (h->name.len > 120) {
        size_t n = 120;
        while (n > 0 && ((unsigned char)h->name.data[n] & 0xC0) == 0x80)
            n--;
        gn_str_cut(&h->name, n);
    }
}

bool gn_import_keep(gn_importing *to, const char *from, gn_had *h, gn_kept *how, gn_error *e) {
    gn_record r = {.checkpoint = to->checkpoint};
    gn_str origin = {0};
    size_t name = 0;
    int64_t since = 0;
    long pid = 0;
    int missing = 1;
    bool ok = origin_of(from, h, &origin, &name, e);
    tidy_name(h);
    ok = ok && gn_tokenizer_sha(gn_engine_tokenizer(to->engine), r.tokenizer, e);
    for (size_t i = 0; ok && i < h->turns.count; i++)
        if (is_leaf(&h->turns, (int64_t)i))
            ok = find_tokens(to, h, (int64_t)i, e);
    if (ok && !to->again)
        ok = find_earlier(to, (gn_slice){origin.data, name}, r.id, e);
    ok = ok && (!r.id[0] || mark_stored(to, &r, h, &missing, e));
    const bool is_new = r.id[0] == '\0';
    if (ok && !is_new) {
        if (missing > 0 && !gn_history_lock(to->to, r.id, &pid, e))
            ok = e->code == GN_OK &&
                 gn_fail(e, GN_IO, "session %s is open in process %ld; leave it there first", r.id,
                         pid);
    }
    if (ok && missing > 0) {
        ok = last_message(to->to, &since, e) && keep_leaves(to, &r, h, e) &&
             keep_times(to, &r, h, gn_str_slice(&origin), is_new, since, e);
        if (!is_new)
            gn_history_unlock(to->to, r.id);
    }
    if (ok) {
        *how = is_new ? GN_KEPT_NEW : missing > 0 ? GN_KEPT_MORE : GN_KEPT_KNOWN;
        for (size_t i = 0; missing > 0 && i < h->turns.count; i++) {
            to->messages += !gn_role_leads(h->turns.turn[i]->role);
            to->tokens += (int64_t)h->turns.turn[i]->ids.count;
        }
        to->left_out += missing > 0 ? h->left_out : 0;
        to->moved += missing > 0 ? h->moved : 0;
    }
    gn_str_release(&origin);
    return ok;
}
