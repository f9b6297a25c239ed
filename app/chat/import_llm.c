/* import_llm.c - the logs.db of the program llm, read with SQL.
 *
 * Until version 0.31 a row of `responses` holds a prompt and its answer, one after the
 * other in a conversation; since then `messages` is a tree by hash whose texts are `parts`,
 * and a thread points into it. A file that was brought up to date has both; a thread tells
 * all of a conversation that goes by its id.
 */
#include "app/chat/import.h"

#include "app/cli/when.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct logs {
    gn_sql *sql;
    gn_hads *out;
} logs;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "import: out of memory"); }

static bool has_table(logs *l, const char *table, bool *yes, gn_error *e) {
    gn_statement *q = gn_sql_prepare(l->sql, "SELECT 1 FROM sqlite_master WHERE name = ?1", e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(table));
    const bool ok = gn_sql_step(q, yes, e);
    gn_sql_reset(q);
    return ok;
}

static const char *time_of(gn_slice text, char out[GN_TIME]) {
    time_t when;
    out[0] = '\0';
    if (gn_when_parse(text, &when))
        gn_when_utc(when, out);
    return out;
}

/* The texts that a query of one id gives, with `between` between them, appended. */
static bool texts(logs *l, const char *sql, gn_slice id, const char *between, gn_str *out,
                  gn_error *e) {
    bool row = false, ok = true;
    gn_statement *q = gn_sql_prepare(l->sql, sql, e);
    if (!q)
        return false;
    gn_bind_text(q, 1, id);
    while (ok && (ok = gn_sql_step(q, &row, e)) && row) {
        gn_str_puts(out, out->len ? between : "");
        gn_str_add(out, gn_column_text(q, 0));
    }
    gn_sql_reset(q);
    return ok;
}

static bool count(logs *l, const char *sql, gn_slice id, int *n, gn_error *e) {
    bool row = false;
    gn_statement *q = gn_sql_prepare(l->sql, sql, e);
    if (!q)
        return false;
    gn_bind_text(q, 1, id);
    const bool ok = gn_sql_step(q, &row, e);
    *n += ok && row ? (int)gn_column_int(q, 0) : 0;
    gn_sql_reset(q);
    return ok;
}

/* ---- responses: one after the other --------------------------------------------------- */

typedef struct old {
    bool fragments, attachments, tools; /* tables that older files do not have */
} old;

/* The calls a response made, as its text shows them. */
static bool calls(logs *l, gn_slice response, gn_str *text, gn_error *e) {
    gn_arena a = {0};
    gn_value *list = gn_value_list(&a);
    bool row = false, ok = list != NULL;
    gn_statement *q = gn_sql_prepare(
        l->sql, "SELECT name, arguments FROM tool_calls WHERE response_id = ?1 ORDER BY id", e);
    if (q)
        gn_bind_text(q, 1, response);
    while (q && ok && (ok = gn_sql_step(q, &row, e)) && row) {
        gn_value *call = gn_value_map(&a);
        ok =
            (gn_value_set(&a, call, GN_S("name"), gn_value_string(&a, gn_column_text(q, 0))) &&
             gn_value_set(&a, call, GN_S("arguments"), gn_value_string(&a, gn_column_text(q, 1))) &&
             gn_value_add(&a, list, call)) ||
            no_memory(e);
    }
    if (q)
        gn_sql_reset(q);
    gn_had_calls(list, text);
    gn_arena_release(&a);
    return q && ok;
}

/* What tools had answered before this prompt: a turn each. */
static bool results(logs *l, gn_had *h, gn_slice response, const char *when, int64_t *at,
                    gn_error *e) {
    bool row = false, ok = true;
    gn_statement *q = gn_sql_prepare(
        l->sql, "SELECT output FROM tool_results WHERE response_id = ?1 ORDER BY id", e);
    if (!q)
        return false;
    gn_bind_text(q, 1, response);
    while (ok && (ok = gn_sql_step(q, &row, e)) && row)
        ok = gn_had_say(h, *at, GN_ROLE_TOOL, gn_column_text(q, 0), when, at, e);
    gn_sql_reset(q);
    return ok;
}

/* Columns: id, prompt, system, response, model, datetime_utc. */
static bool one_response(logs *l, const old *o, gn_had *h, const gn_statement *q, int64_t *at,
                         gn_error *e) {
    char when[GN_TIME];
    gn_str id = {0}, system = {0}, prompt = {0}, reply = {0};
    gn_str_add(&id, gn_column_text(q, 0));
    const gn_slice key = gn_str_slice(&id);
    bool ok = true;
    time_of(gn_column_text(q, 5), when);
    if (o->fragments)
        ok = texts(l,
                   "SELECT f.content FROM prompt_fragments p JOIN fragments f ON f.id = "
                   "p.fragment_id WHERE p.response_id = ?1 ORDER BY p.\"order\"",
                   key, "\n", &prompt, e) &&
             texts(l,
                   "SELECT f.content FROM system_fragments p JOIN fragments f ON f.id = "
                   "p.fragment_id WHERE p.response_id = ?1 ORDER BY p.\"order\"",
                   key, "\n\n", &system, e);
    if (ok && o->attachments)
        ok = count(l, "SELECT count(*) FROM prompt_attachments WHERE response_id = ?1", key,
                   &h->left_out, e);
    const gn_slice said[] = {gn_column_text(q, 2), gn_column_text(q, 1)};
    gn_str *const into[] = {&system, &prompt};
    for (int i = 0; i < 2; i++)
        if (said[i].len) {
            gn_str_puts(into[i], into[i]->len == 0 ? "" : i ? "\n" : "\n\n");
            gn_str_add(into[i], said[i]);
        }
    /* A later prompt's system text is only said when it is another. */
    const gn_turn *root = gn_transcript_turn(&h->turns, h->turns.count ? 0 : -1);
    if (ok && system.len &&
        !(root && gn_slice_equal(gn_str_slice(&root->text), gn_str_slice(&system))))
        ok = gn_had_say(h, *at, GN_ROLE_SYSTEM, gn_str_slice(&system), when, at, e);
    if (ok && o->tools)
        ok = results(l, h, key, when, at, e);
    if (ok && prompt.len)
        ok = gn_had_say(h, *at, GN_ROLE_USER, gn_str_slice(&prompt), when, at, e);
    gn_str_add(&reply, gn_column_text(q, 3));
    if (ok && o->tools)
        ok = calls(l, key, &reply, e);
    ok = ok && gn_str_ok(&reply, e) && gn_str_ok(&prompt, e) && gn_str_ok(&system, e) &&
         gn_had_say(h, *at, GN_ROLE_MODEL, gn_str_slice(&reply), when, at, e);
    gn_str_cut(&h->model, 0);
    gn_str_add(&h->model, gn_column_text(q, 4));
    gn_str_release(&id);
    gn_str_release(&system);
    gn_str_release(&prompt);
    gn_str_release(&reply);
    return ok;
}

static bool one_conversation(logs *l, const old *o, gn_slice id, gn_slice name, gn_error *e) {
    gn_had *h = gn_hads_add(l->out, e);
    int64_t at = -1;
    bool row = false, ok = h != NULL;
    gn_statement *q = ok ? gn_sql_prepare(l->sql,
                                          "SELECT id, prompt, system, response, model, "
                                          "datetime_utc FROM responses WHERE conversation_id = ?1 "
                                          "ORDER BY datetime_utc, rowid",
                                          e)
                         : NULL;
    if (!q)
        return false;
    gn_str_add(&h->id, id);
    gn_str_add(&h->name, name);
    gn_bind_text(q, 1, id);
    while (ok && (ok = gn_sql_step(q, &row, e)) && row)
        ok = one_response(l, o, h, q, &at, e);
    gn_sql_reset(q);
    return ok;
}

static bool conversations(logs *l, bool threads, gn_error *e) {
    old o = {0};
    bool row = false, ok = has_table(l, "prompt_fragments", &o.fragments, e) &&
                           has_table(l, "prompt_attachments", &o.attachments, e) &&
                           has_table(l, "tool_calls", &o.tools, e);
    gn_statement *q =
        !ok ? NULL
            : gn_sql_prepare(l->sql,
                             threads ? "SELECT id, name FROM conversations WHERE id NOT IN "
                                       "(SELECT id FROM threads) AND id IN "
                                       "(SELECT conversation_id FROM responses) ORDER BY id"
                                     : "SELECT id, name FROM conversations WHERE id IN "
                                       "(SELECT conversation_id FROM responses) ORDER BY id",
                             e);
    ok = q != NULL;
    while (ok && (ok = gn_sql_step(q, &row, e)) && row)
        ok = one_conversation(l, &o, gn_column_text(q, 0), gn_column_text(q, 1), e) ||
             gn_context(e, "conversation %.*s", (int)gn_column_text(q, 0).len,
                        gn_column_text(q, 0).data);
    if (q)
        gn_sql_reset(q);
    return ok;
}

/* ---- messages: a tree by hash ------------------------------------------------------------- */

/* [{"literal": ...}, {"fragment": id}...]: a text that is put together. */
static bool pieces(logs *l, const gn_value *list, gn_str *out, gn_error *e) {
    bool ok = true;
    for (size_t i = 0; ok && i < gn_value_count(list); i++) {
        const gn_value *piece = gn_value_at(list, i);
        int64_t id;
        if (!gn_value_to_integer(gn_value_get(piece, GN_S("fragment")), &id)) {
            gn_str_add(out, gn_value_text(gn_value_get(piece, GN_S("literal"))));
            continue;
        }
        char key[24];
        gn_str one = {0};
        snprintf(key, sizeof key, "%lld", (long long)id);
        ok = texts(l, "SELECT content FROM fragments WHERE id = CAST(?1 AS INTEGER)",
                   gn_slice_of(key), "", &one, e);
        gn_str_add(out, gn_str_slice(&one));
        gn_str_release(&one);
    }
    return ok;
}

/* Columns: type, text, payload. What tools answered goes to `results`, NUL after each. */
static bool one_part(logs *l, gn_had *h, const gn_statement *q, gn_str *text, gn_str *results,
                     gn_error *e) {
    gn_arena a = {0};
    gn_error none = {0};
    const gn_slice type = gn_column_text(q, 0), json = gn_column_text(q, 2);
    const gn_value *payload = json.len ? gn_json_parse(&a, json, &none) : NULL;
    bool ok = true;
    if (gn_slice_is(type, "text")) {
        gn_str_puts(text, text->len ? "\n" : "");
        gn_str_add(text, gn_column_text(q, 1));
        ok = pieces(l, gn_value_get(payload, GN_S("text_ref")), text, e);
    } else if (gn_slice_is(type, "tool_call") && payload) {
        gn_value *list = gn_value_list(&a);
        ok = gn_value_add(&a, list, (gn_value *)(uintptr_t)payload) || no_memory(e);
        gn_had_calls(list, text);
    } else if (gn_slice_is(type, "tool_result")) {
        gn_str_add(results, gn_value_text(gn_value_get(payload, GN_S("output"))));
        gn_str_putc(results, '\0');
    } else
        h->left_out++; /* attachments, thoughts */
    gn_arena_release(&a);
    return ok;
}

static gn_role role_of(gn_slice name) {
    return gn_slice_is(name, "system")      ? GN_ROLE_SYSTEM
           : gn_slice_is(name, "assistant") ? GN_ROLE_MODEL
           : gn_slice_is(name, "tool")      ? GN_ROLE_TOOL
                                            : GN_ROLE_USER;
}

/* A message becomes a turn, or several when tools had answered. */
static bool one_message(logs *l, gn_had *h, gn_slice hash, gn_role role, const char *when,
                        int64_t *at, gn_error *e) {
    gn_str text = {0}, results = {0};
    bool row = false, ok = true;
    gn_statement *q = gn_sql_prepare(
        l->sql, "SELECT type, text, payload FROM parts WHERE message_hash = ?1 ORDER BY position",
        e);
    if (!q)
        return false;
    gn_bind_text(q, 1, hash);
    while (ok && (ok = gn_sql_step(q, &row, e)) && row)
        ok = one_part(l, h, q, &text, &results, e);
    gn_sql_reset(q);
    ok = ok && gn_str_ok(&text, e) && gn_str_ok(&results, e);
    for (size_t i = 0; ok && i < results.len; i += strlen(results.data + i) + 1)
        ok = gn_had_say(h, *at, GN_ROLE_TOOL, gn_slice_of(results.data + i), when, at, e);
    if (ok && (results.len == 0 || text.len))
        ok = gn_had_say(h, *at, role, gn_str_slice(&text), when, at, e);
    gn_str_release(&text);
    gn_str_release(&results);
    return ok;
}

/* All messages that a thread's turns and its tip stand on, parents first, each with the time of
 * the first turn that brought it. */
#define THREAD                                                                                     \
    "WITH RECURSIVE up(hash, at) AS ("                                                             \
    "SELECT tip_message_hash, datetime_utc FROM turns WHERE thread_id = ?1 AND tip_message_hash "  \
    "IS NOT NULL UNION SELECT tip_message_hash, NULL FROM threads WHERE id = ?1 AND "              \
    "tip_message_hash IS NOT NULL UNION SELECT m.parent_hash, up.at FROM up "                      \
    "JOIN messages m ON m.hash = up.hash WHERE m.parent_hash IS NOT NULL) "                        \
    "SELECT m.hash, m.parent_hash, m.role, min(up.at) FROM up JOIN messages m ON m.hash = "        \
    "up.hash GROUP BY m.hash ORDER BY m.rowid"

static bool one_thread(logs *l, gn_slice id, gn_slice name, gn_slice tip, gn_error *e) {
    gn_had *h = gn_hads_add(l->out, e);
    gn_arena a = {0};
    gn_map turn_of = {0}; /* hash -> turn */
    bool row = false, ok = h != NULL;
    gn_statement *q = ok ? gn_sql_prepare(l->sql, THREAD, e) : NULL;
    if (!q)
        return false;
    gn_str_add(&h->id, id);
    gn_str_add(&h->name, name);
    gn_bind_text(q, 1, id);
    while (ok && (ok = gn_sql_step(q, &row, e)) && row) {
        char when[GN_TIME];
        int64_t at = -1;
        const gn_slice parent = gn_column_text(q, 1);
        const gn_slice hash = gn_arena_copy(&a, gn_column_text(q, 0));
        if (parent.len && !gn_map_get(&turn_of, parent, &at)) {
            ok = gn_fail(e, GN_FORMAT, "a message stands before its parent");
            break;
        }
        ok = one_message(l, h, hash, role_of(gn_column_text(q, 2)),
                         time_of(gn_column_text(q, 3), when), &at, e) &&
             ((hash.data && gn_map_set(&turn_of, hash, at)) || no_memory(e));
    }
    gn_sql_reset(q);
    if (ok && tip.len)
        gn_map_get(&turn_of, tip, &h->turns.head);
    ok = ok && texts(l,
                     "SELECT coalesce(model, '') FROM turns WHERE thread_id = ?1 "
                     "ORDER BY datetime_utc DESC, id DESC LIMIT 1",
                     id, "", &h->model, e);
    gn_map_release(&turn_of);
    gn_arena_release(&a);
    if (ok && h->turns.count == 0) /* a thread nothing was said in */
        gn_hads_drop(l->out);
    return ok;
}

static bool threads(logs *l, gn_error *e) {
    bool row = false, ok = true;
    /* The tip may be left to the turns: then it is the last one's. */
    gn_statement *q = gn_sql_prepare(
        l->sql,
        "SELECT t.id, t.name, coalesce(t.tip_message_hash, (SELECT u.tip_message_hash FROM turns u "
        "WHERE u.thread_id = t.id ORDER BY u.datetime_utc DESC, u.id DESC LIMIT 1)) "
        "FROM threads t ORDER BY t.id",
        e);
    if (!q)
        return false;
    while (ok && (ok = gn_sql_step(q, &row, e)) && row)
        ok = one_thread(l, gn_column_text(q, 0), gn_column_text(q, 1), gn_column_text(q, 2), e) ||
             gn_context(e, "thread %.*s", (int)gn_column_text(q, 0).len, gn_column_text(q, 0).data);
    gn_sql_reset(q);
    return ok;
}

bool gn_import_llm(const char *path, gn_hads *out, gn_error *e) {
    logs l = {.out = out};
    bool is_old = false, is_new = false, has_parts = false;
    out->from = "llm";
    l.sql = gn_sql_open(path, true, e);
    bool ok = l.sql && has_table(&l, "responses", &is_old, e) &&
              has_table(&l, "threads", &is_new, e) && has_table(&l, "parts", &has_parts, e);
    is_new = is_new && has_parts;
    if (ok && !is_old && !is_new)
        ok = gn_fail(e, GN_FORMAT,
                     "a database, but not the logs.db of llm (it has neither responses nor "
                     "threads)");
    ok = ok && (!is_new || threads(&l, e)) && (!is_old || conversations(&l, is_new, e));
    gn_sql_close(l.sql);
    return ok;
}
