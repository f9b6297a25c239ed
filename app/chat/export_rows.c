/* export_rows.c - all that the database knows of a conversation, as one JSON object.
 *
 * What `sessions import` reads back: rows, not a rendering of them, so that nothing is
 * lost on the way. Times, hashes and token ids are as they are stored. Beside the rows
 * stand the texts of the branch in view, under the name other programs look for them.
 */
#include "app/chat/export.h"

#include <inttypes.h>

typedef struct rows {
    gn_sql *sql;
    const char *id;
    gn_str *out;
} rows;

/* ---- columns to JSON --------------------------------------------------------- */

static void key(gn_str *out, const char *name) { gn_str_fmt(out, "\"%s\":", name); }

static void text_or_null(gn_str *out, const char *name, const gn_statement *q, int i) {
    key(out, name);
    if (gn_column_is_null(q, i))
        gn_str_puts(out, "null");
    else
        gn_json_write_string(out, gn_column_text(q, i));
}

static void hex_or_null(gn_str *out, const char *name, const gn_statement *q, int i) {
    char hex[GN_SHA256_HEX];
    const gn_slice blob = gn_column_blob(q, i);
    key(out, name);
    if (blob.len != GN_SHA256_BYTES) {
        gn_str_puts(out, "null");
        return;
    }
    gn_hex((const uint8_t *)blob.data, blob.len, hex);
    gn_str_fmt(out, "\"%s\"", hex);
}

static void number_or_null(gn_str *out, const char *name, const gn_statement *q, int i) {
    key(out, name);
    switch (gn_column_type(q, i)) {
    case 'i':
        gn_str_fmt(out, "%" PRId64, gn_column_int(q, i));
        break;
    case 'd':
        gn_json_write_f64(out, gn_column_double(q, i));
        break;
    default:
        gn_str_puts(out, "null");
    }
}

/* A column that holds JSON, as JSON; as a string where it would not come back as it was (a number
 * that is too large, for one). */
static void json_or_null(gn_str *out, const char *name, const gn_statement *q, int i) {
    gn_arena a = {0};
    gn_error none = {0};
    gn_str again = {0};
    const gn_slice text = gn_column_text(q, i);
    const gn_value *v = text.len ? gn_json_parse(&a, text, &none) : NULL;
    key(out, name);
    if (v)
        gn_json_write(&again, v);
    if (v && v->kind != GN_STRING && gn_slice_equal(gn_str_slice(&again), text))
        gn_str_add(out, text);
    else if (text.len)
        gn_json_write_string(out, text);
    else
        gn_str_puts(out, "null");
    gn_str_release(&again);
    gn_arena_release(&a);
}

/* Text, and its bytes where they are no UTF-8. */
static void content(gn_str *out, gn_slice text) {
    key(out, "content");
    gn_json_write_string(out, text);
    if (!gn_utf8_valid(text)) {
        gn_str_puts(out, ",\"content_bytes\":\"");
        gn_base64(out, text.data, text.len);
        gn_str_putc(out, '"');
    }
}

/* What a query gives, a value each, with commas; parameters ?1: the session's id, or n. */
static bool each(rows *r, const char *sql, const int64_t *n,
                 bool (*write)(rows *r, gn_statement *q, gn_error *e), gn_error *e) {
    bool row = false, first = true, ok = true;
    gn_statement *q = gn_sql_prepare(r->sql, sql, e);
    if (!q)
        return false;
    if (n)
        gn_bind_int(q, 1, *n);
    else
        gn_bind_text(q, 1, gn_slice_of(r->id));
    while (ok && (ok = gn_sql_step(q, &row, e)) && row) {
        gn_str_puts(r->out, first ? "" : ",\n ");
        first = false;
        ok = write(r, q, e);
    }
    gn_sql_reset(q);
    return ok && gn_str_ok(r->out, e);
}

/* ---- rows ---------------------------------------------------------------------- */

static bool session(rows *r, gn_statement *q, gn_error *e) {
    gn_str *out = r->out;
    (void)e;
    gn_str_puts(out, "{\"schema\":\"gneiss.session/1\",");
    text_or_null(out, "id", q, 0);
    gn_str_putc(out, ',');
    text_or_null(out, "name", q, 1);
    gn_str_putc(out, ',');
    text_or_null(out, "created_at", q, 2);
    gn_str_putc(out, ',');
    text_or_null(out, "used_at", q, 3);
    gn_str_fmt(out, ",\"archived\":%s,", gn_column_int(q, 4) ? "true" : "false");
    text_or_null(out, "forked_from", q, 5);
    gn_str_putc(out, ',');
    text_or_null(out, "origin", q, 6);
    gn_str_putc(out, ',');
    hex_or_null(out, "head", q, 7);
    gn_str_puts(out, ",\n\"checkpoint\":{");
    for (int i = 8; i <= 12; i++) {
        static const char *const name[] = {"sha", "name", "path", "format", "dtype"};
        text_or_null(out, name[i - 8], q, i);
        gn_str_putc(out, ',');
    }
    number_or_null(out, "n_params", q, 13);
    gn_str_putc(out, ',');
    number_or_null(out, "n_bytes", q, 14);
    gn_str_putc(out, ',');
    text_or_null(out, "tokenizer_sha", q, 15);
    gn_str_putc(out, ',');
    text_or_null(out, "template_sha", q, 16);
    gn_str_putc(out, ',');
    json_or_null(out, "config", q, 17);
    gn_str_putc(out, '}');
    return true;
}

static bool branch(rows *r, gn_statement *q, gn_error *e) {
    (void)e;
    gn_str_putc(r->out, '{');
    text_or_null(r->out, "name", q, 0);
    gn_str_putc(r->out, ',');
    hex_or_null(r->out, "message", q, 1);
    gn_str_putc(r->out, '}');
    return true;
}

static bool node(rows *r, gn_statement *q, gn_error *e) {
    const gn_slice tokens = gn_column_blob(q, 4);
    gn_str_putc(r->out, '{');
    hex_or_null(r->out, "hash", q, 0);
    gn_str_putc(r->out, ',');
    hex_or_null(r->out, "parent", q, 1);
    gn_str_putc(r->out, ',');
    text_or_null(r->out, "role", q, 2);
    gn_str_putc(r->out, ',');
    content(r->out, gn_column_text(q, 3));
    gn_str_puts(r->out, ",\"ids\":[");
    if (tokens.len % sizeof(int32_t) != 0)
        return gn_fail(e, GN_FORMAT, "a message's tokens are no list of ids");
    for (size_t i = 0; i < tokens.len; i += sizeof(int32_t)) {
        int32_t id;
        memcpy(&id, tokens.data + i, sizeof id);
        gn_str_fmt(r->out, "%s%" PRId32, i ? "," : "", id);
    }
    gn_str_puts(r->out, "],");
    text_or_null(r->out, "created_at", q, 5);
    gn_str_putc(r->out, '}');
    return true;
}

static bool build(rows *r, gn_statement *q, gn_error *e) {
    static const char *const name[] = {"sha",     "version",  "commit_id", "compiler", "flags",
                                       "backend", "numerics", "cpu",       "gpu",      "os"};
    (void)e;
    gn_str_putc(r->out, '{');
    for (int i = 0; i < 10; i++) {
        text_or_null(r->out, name[i], q, i);
        gn_str_putc(r->out, ',');
    }
    number_or_null(r->out, "dirty", q, 10);
    gn_str_putc(r->out, ',');
    number_or_null(r->out, "threads", q, 11);
    gn_str_putc(r->out, '}');
    return true;
}

/* [place, id, logprob, rank, entropy, [[id, logprob]...]] */
static bool token(rows *r, gn_statement *q, gn_error *e) {
    const gn_slice alts = gn_column_blob(q, 4);
    gn_str *out = r->out;
    (void)e;
    gn_str_fmt(out, "[%" PRId64 ",%" PRId64 ",", gn_column_int(q, 5), gn_column_int(q, 0));
    gn_json_write_f32(out, (float)gn_column_double(q, 1));
    if (gn_column_is_null(q, 2))
        gn_str_puts(out, ",null,");
    else
        gn_str_fmt(out, ",%" PRId64 ",", gn_column_int(q, 2));
    if (gn_column_is_null(q, 3))
        gn_str_puts(out, "null");
    else
        gn_json_write_f32(out, (float)gn_column_double(q, 3));
    gn_str_puts(out, ",[");
    for (size_t i = 0; i + sizeof(gn_top) <= alts.len; i += sizeof(gn_top)) {
        gn_top top;
        memcpy(&top, alts.data + i, sizeof top);
        gn_str_fmt(out, "%s[%" PRId32 ",", i ? "," : "", top.id);
        gn_json_write_f32(out, top.logprob);
        gn_str_putc(out, ']');
    }
    gn_str_puts(out, "]]");
    return true;
}

static bool turn(rows *r, gn_statement *q, gn_error *e) {
    static const char *const number[] = {"n_prompt",  "n_out",  "n_reused",
                                         "prompt_ms", "gen_ms", "truncated"};
    const int64_t response = gn_column_int(q, 5);
    gn_str *out = r->out;
    gn_str_putc(out, '{');
    text_or_null(out, "id", q, 0);
    gn_str_putc(out, ',');
    hex_or_null(out, "message", q, 1);
    gn_str_putc(out, ',');
    json_or_null(out, "options", q, 2);
    gn_str_putc(out, ',');
    number_or_null(out, "rating", q, 3);
    gn_str_putc(out, ',');
    text_or_null(out, "created_at", q, 4);
    gn_str_puts(out, ",\"response\":{");
    hex_or_null(out, "request_hash", q, 6);
    gn_str_putc(out, ',');
    text_or_null(out, "build", q, 7);
    gn_str_putc(out, ',');
    text_or_null(out, "output", q, 8);
    gn_str_putc(out, ',');
    text_or_null(out, "stop", q, 9);
    for (int i = 10; i < 16; i++) {
        gn_str_putc(out, ',');
        number_or_null(out, number[i - 10], q, i);
    }
    gn_str_putc(out, ',');
    text_or_null(out, "created_at", q, 16);
    gn_str_puts(out, ",\"tokens\":[");
    const bool ok = each(r,
                         "SELECT id, logprob, rank, entropy, alts, pos FROM token "
                         "WHERE response_id = ?1 ORDER BY pos",
                         &response, token, e);
    gn_str_puts(out, "]}}");
    return ok;
}

static bool message(rows *r, gn_statement *q, gn_error *e) {
    (void)e;
    gn_str_putc(r->out, '{');
    text_or_null(r->out, "role", q, 0);
    gn_str_puts(r->out, ",\"content\":");
    gn_json_write_string(r->out, gn_column_text(q, 1));
    gn_str_putc(r->out, '}');
    return true;
}

/* ---- all of them ------------------------------------------------------------------ */

#define MEMBERS                                                                                    \
    "WITH RECURSIVE up(hash) AS (SELECT message FROM branch WHERE session_id = ?1 "                \
    "UNION SELECT message FROM turn WHERE session_id = ?1 "                                        \
    "UNION SELECT head FROM session WHERE id = ?1 AND head IS NOT NULL "                           \
    "UNION SELECT m.parent FROM up JOIN message m ON m.hash = up.hash WHERE m.parent IS NOT "      \
    "NULL) "
/* Replies were asked for here, or in what this was forked from: the last word on each counts. */
#define TURNS                                                                                      \
    ", c(id, depth) AS (SELECT ?1, 0 UNION ALL SELECT s.forked_from, c.depth + 1 FROM c "          \
    "JOIN session s ON s.id = c.id WHERE s.forked_from IS NOT NULL AND c.depth < 1000), "          \
    "told(id) AS (SELECT t.id FROM c JOIN turn t ON t.session_id = c.id "                          \
    "WHERE t.message IN (SELECT hash FROM up)) "

bool gn_export_rows(gn_history *h, const char *id, gn_str *out, gn_error *e) {
    rows r = {gn_history_sql(h), id, out};
    const struct {
        const char *name, *sql;
        bool (*write)(rows *r, gn_statement *q, gn_error *e);
    } part[] = {
        {"branches", "SELECT name, message FROM branch WHERE session_id = ?1 ORDER BY name",
         branch},
        {"nodes",
         MEMBERS "SELECT m.hash, m.parent, m.role, m.content, m.tokens, m.created_at "
                 "FROM up JOIN message m ON m.hash = up.hash ORDER BY m.id",
         node},
        {"builds",
         MEMBERS TURNS "SELECT b.sha, b.version, b.commit_id, b.compiler, b.flags, b.backend, "
                       "b.numerics, b.cpu, b.gpu, b.os, b.dirty, b.threads FROM build b "
                       "WHERE b.id IN (SELECT r.build_id FROM told JOIN turn t ON t.id = told.id "
                       "JOIN response r ON r.id = t.response_id) ORDER BY b.sha",
         build},
        {"turns",
         MEMBERS TURNS "SELECT t.id, t.message, t.options_json, t.rating, t.created_at, r.id, "
                       "r.request_hash, b.sha, r.output, r.stop, r.n_prompt, r.n_out, r.n_reused, "
                       "r.prompt_ms, r.gen_ms, r.truncated, r.created_at FROM told "
                       "JOIN turn t ON t.id = told.id JOIN response r ON r.id = t.response_id "
                       "JOIN build b ON b.id = r.build_id ORDER BY t.id",
         turn},
        {"messages",
         "WITH RECURSIVE up(hash, depth) AS (SELECT head, 0 FROM session WHERE id = ?1 "
         "UNION ALL SELECT m.parent, depth + 1 FROM up JOIN message m ON m.hash = up.hash) "
         "SELECT m.role, m.content FROM up JOIN message m ON m.hash = up.hash "
         "WHERE m.role <> 'system' OR m.content <> '' ORDER BY depth DESC",
         message},
    };
    const size_t before = out->len;
    bool ok = gn_sql_exec(r.sql, "BEGIN", e); /* all of one moment */
    ok = ok && each(&r,
                    "SELECT s.id, s.name, s.created_at, s.used_at, s.archived, s.forked_from, "
                    "s.origin, s.head, c.sha, c.name, c.path, c.format, c.dtype, c.n_params, "
                    "c.n_bytes, c.tokenizer_sha, c.template_sha, c.config_json "
                    "FROM session s JOIN checkpoint c ON c.id = s.checkpoint_id WHERE s.id = ?1",
                    NULL, session, e);
    if (ok && out->len == before)
        ok = gn_fail(e, GN_IO, "there is no session '%.40s'", id);
    for (size_t i = 0; ok && i < sizeof part / sizeof *part; i++) {
        gn_str_fmt(out, ",\n\"%s\":[", part[i].name);
        ok = each(&r, part[i].sql, NULL, part[i].write, e);
        gn_str_putc(out, ']');
    }
    gn_str_puts(out, "}\n");
    gn_sql_rollback(r.sql);
    return (ok && gn_str_ok(out, e)) || gn_context(e, "export session %.40s", id);
}
