/* conversations.c - see conversations.h. */
#include "app/chat/conversations.h"

#include <stdlib.h>

/* ---- rows --------------------------------------------------------------- */

static void release_row(gn_conversations_row *r) {
    gn_str_release(&r->name);
    gn_str_release(&r->model);
    gn_str_release(&r->snippet);
    gn_str_release(&r->role);
    gn_str_release(&r->title);
}

void gn_conversations_release(gn_conversations *c) {
    for (size_t i = 0; i < c->count; i++)
        release_row(&c->row[i]);
    free(c->row);
    *c = (gn_conversations){0};
}

static void copy_text(char *to, size_t size, gn_slice text) {
    const size_t n = text.len < size ? text.len : size - 1;
    memcpy(to, text.data, n);
    to[n] = '\0';
}

static bool copy_hash(uint8_t to[GN_SHA256_BYTES], gn_slice blob) {
    const bool whole = blob.len == GN_SHA256_BYTES;
    if (whole)
        memcpy(to, blob.data, GN_SHA256_BYTES);
    return whole;
}

#define SELECT_ROW                                                                                 \
    "SELECT s.id, coalesce(s.name, ''), c.name, s.created_at, s.used_at, s.archived, s.head "      \
    "FROM session s JOIN checkpoint c ON c.id = s.checkpoint_id "

/* The row that q stands on; NULL, and e set, when out of memory. */
static gn_conversations_row *add_row(gn_conversations *c, const gn_statement *q, gn_error *e) {
    if (!gn_vec_reserve(&c->row, &c->room, c->count + 1, sizeof *c->row)) {
        gn_fail(e, GN_NO_MEMORY, "sessions: out of memory");
        return NULL;
    }
    gn_conversations_row *r = &c->row[c->count++];
    *r = (gn_conversations_row){0};
    copy_text(r->id, sizeof r->id, gn_column_text(q, 0));
    gn_str_add(&r->name, gn_column_text(q, 1));
    gn_str_add(&r->model, gn_column_text(q, 2));
    copy_text(r->created_at, sizeof r->created_at, gn_column_text(q, 3));
    copy_text(r->used_at, sizeof r->used_at, gn_column_text(q, 4));
    r->archived = gn_column_int(q, 5) != 0;
    r->has_head = copy_hash(r->head, gn_column_blob(q, 6));
    return r;
}

static bool load_all(gn_conversations *c, gn_store *s, const gn_conversations_query *query,
                     gn_error *e) {
    bool row = false, ok = true;
    gn_statement *q = gn_sql_prepare(gn_store_sql(s),
                                     SELECT_ROW "WHERE s.archived = 0 OR ?1 "
                                                "ORDER BY s.used_at DESC, s.id DESC LIMIT ?2",
                                     e);
    if (!q)
        return false;
    gn_bind_int(q, 1, query->archived);
    gn_bind_int(q, 2, query->limit > 0 ? query->limit + 1 : -1);
    while (ok && (ok = gn_sql_step(q, &row, e)) && row) {
        if (query->limit > 0 && c->count == (size_t)query->limit) {
            c->more = true;
            break;
        }
        ok = add_row(c, q, e) != NULL;
    }
    gn_sql_reset(q);
    return ok;
}

/* Thousands of small questions: one transaction for all, or each would lock and unlock the file. */
static bool begin_reading(gn_sql *sql, gn_error *e) { return gn_sql_exec(sql, "BEGIN", e); }
static void end_reading(gn_sql *sql) { gn_sql_rollback(sql); }

/* ---- words -------------------------------------------------------------- */

/* Does it hold a letter or a digit? Others are no words to unicode61. */
static bool holds_word(gn_slice text) {
    for (size_t i = 0, n; i < text.len; i += n) {
        int32_t cp;
        n = gn_utf8_next(text, i, &cp);
        if (cp >= 0 && (gn_is_letter(cp) || gn_is_number(cp)))
            return true;
    }
    return false;
}

static void add_term(gn_str *out, gn_slice text, bool begins) {
    gn_str_puts(out, out->len ? " \"" : "\"");
    for (size_t i = 0; i < text.len; i++)
        gn_str_fmt(out, text.data[i] == '"' ? "\"\"" : "%c", text.data[i]);
    gn_str_puts(out, begins ? "\"*" : "\"");
}

bool gn_conversations_words(gn_slice typed, gn_str *out) {
    gn_str text = {0};
    const size_t before = out->len;
    gn_utf8_repair(&text, typed);
    gn_slice rest = gn_str_slice(&text);
    while (rest.len) {
        const bool quoted = rest.data[0] == '"';
        rest = gn_slice_from(rest, quoted);
        const char *end = quoted ? memchr(rest.data, '"', rest.len) : NULL;
        gn_slice term = {rest.data, end ? (size_t)(end - rest.data) : 0};
        while (!end && term.len < rest.len &&
               (quoted || !strchr(" \t\n\r", rest.data[term.len] ? rest.data[term.len] : 'x')))
            term.len++;
        rest = gn_slice_from(rest, term.len + 1);
        const bool begins = !quoted && term.len > 1 && term.data[term.len - 1] == '*';
        term.len -= begins;
        if (holds_word(term))
            add_term(out, term, begins);
    }
    gn_str_release(&text);
    return out->len > before;
}

/* ---- a search ----------------------------------------------------------- */

/* From a message that holds the words down to the conversations it is in. */
typedef struct descent {
    gn_sql *sql;
    gn_conversations *to;
    const gn_conversations_query *query;
    gn_arena arena;
    gn_map seen; /* hashes of messages, and ids of conversations */
    gn_slice *stack;
    size_t depth, room;
} descent;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "sessions: out of memory"); }

/* *is_new: it was not seen before. */
static bool see(descent *d, gn_slice key, gn_slice *kept, bool *is_new, gn_error *e) {
    *is_new = !gn_map_get(&d->seen, key, NULL);
    if (!*is_new)
        return true;
    *kept = gn_arena_copy(&d->arena, key);
    return (kept->data && gn_map_set(&d->seen, *kept, 1)) || no_memory(e);
}

static bool is_full(const descent *d) {
    return d->query->limit > 0 && d->to->count > (size_t)d->query->limit;
}

/* The conversation called id, unless it was found before or is put away. */
static bool found(descent *d, gn_slice id, gn_statement *hit, gn_error *e) {
    gn_slice kept;
    bool is_new, row = false;
    if (!see(d, id, &kept, &is_new, e) || !is_new)
        return e->code == GN_OK;
    gn_statement *q = gn_sql_prepare(d->sql, SELECT_ROW "WHERE s.id = ?1", e);
    if (!q)
        return false;
    gn_bind_text(q, 1, kept);
    bool ok = gn_sql_step(q, &row, e);
    if (ok && row && (d->query->archived || gn_column_int(q, 5) == 0)) {
        gn_conversations_row *r = add_row(d->to, q, e);
        ok = r != NULL;
        if (r) {
            copy_hash(r->hit, gn_column_blob(hit, 0));
            gn_str_add(&r->role, gn_column_text(hit, 1));
            gn_str_add(&r->snippet, gn_column_text(hit, 2));
        }
    }
    gn_sql_reset(q);
    return ok;
}

/* All that SQL says of a message: conversations (hit: the row that was found), or its children. */
static bool follow(descent *d, const char *sql, gn_slice hash, gn_statement *hit, gn_error *e) {
    bool row = false, ok = true;
    gn_statement *q = gn_sql_prepare(d->sql, sql, e);
    if (!q)
        return false;
    gn_bind_blob(q, 1, hash.data, hash.len);
    while (ok && !is_full(d) && (ok = gn_sql_step(q, &row, e)) && row) {
        gn_slice kept;
        bool is_new;
        if (hit) {
            ok = found(d, gn_column_text(q, 0), hit, e);
            continue;
        }
        ok = see(d, gn_column_blob(q, 0), &kept, &is_new, e);
        if (ok && is_new) {
            ok =
                gn_vec_reserve(&d->stack, &d->room, d->depth + 1, sizeof *d->stack) || no_memory(e);
            if (ok)
                d->stack[d->depth++] = kept;
        }
    }
    gn_sql_reset(q);
    return ok;
}

static bool descend(descent *d, gn_statement *hit, gn_error *e) {
    gn_slice kept;
    bool is_new, ok = see(d, gn_column_blob(hit, 0), &kept, &is_new, e);
    if (!ok || !is_new)
        return ok;
    ok = gn_vec_reserve(&d->stack, &d->room, 1, sizeof *d->stack) || no_memory(e);
    if (!ok)
        return false;
    d->stack[0] = kept;
    d->depth = 1;
    while (ok && d->depth > 0 && !is_full(d)) {
        const gn_slice hash = d->stack[--d->depth];
        ok = follow(d, "SELECT id FROM session WHERE head = ?1", hash, hit, e) &&
             follow(d, "SELECT session_id FROM branch WHERE message = ?1", hash, hit, e) &&
             follow(d, "SELECT session_id FROM turn WHERE message = ?1", hash, hit, e) &&
             follow(d, "SELECT hash FROM message WHERE parent = ?1 ORDER BY id", hash, NULL, e);
    }
    return ok;
}

static int later_first(const void *a, const void *b) {
    const gn_conversations_row *x = a, *y = b;
    const int by_time = strcmp(y->used_at, x->used_at);
    return by_time ? by_time : strcmp(y->id, x->id);
}

static bool load_found(gn_conversations *c, gn_store *s, const gn_conversations_query *query,
                       gn_error *e) {
    descent d = {.sql = gn_store_sql(s), .to = c, .query = query};
    gn_str words = {0};
    bool row = false, ok = true;
    if (!gn_conversations_words(query->words, &words)) {
        gn_str_release(&words);
        return gn_fail(e, GN_INVALID, "'%.*s' holds no word to look for",
                       query->words.len > 60 ? 60 : (int)query->words.len, query->words.data);
    }
    gn_statement *q = gn_sql_prepare(
        d.sql,
        "SELECT m.hash, m.role, snippet(message_fts, 0, char(2), char(3), '\xe2\x80\xa6', 12) "
        "FROM message_fts JOIN message m ON m.id = message_fts.rowid "
        "WHERE message_fts MATCH ?1 ORDER BY message_fts.rowid DESC",
        e);
    ok = q && gn_str_ok(&words, e);
    if (ok)
        gn_bind_text(q, 1, gn_str_slice(&words));
    while (ok && !is_full(&d) && (ok = gn_sql_step(q, &row, e)) && row)
        ok = descend(&d, q, e);
    if (q)
        gn_sql_reset(q);
    if (is_full(&d)) {
        release_row(&c->row[--c->count]);
        c->more = true;
    }
    if (ok && c->count)
        qsort(c->row, c->count, sizeof *c->row, later_first);
    gn_map_release(&d.seen);
    gn_arena_release(&d.arena);
    free(d.stack);
    gn_str_release(&words);
    return ok;
}

bool gn_conversations_load(gn_conversations *c, gn_store *s, const gn_conversations_query *q,
                           gn_error *e) {
    gn_conversations_release(c);
    const bool ok = begin_reading(gn_store_sql(s), e) &&
                    (q->words.len ? load_found(c, s, q, e) : load_all(c, s, q, e));
    end_reading(gn_store_sql(s));
    return ok;
}

/* ---- what is counted ------------------------------------------------------ */

/* The first line of a text that says something. */
static gn_slice first_line(gn_slice text) {
    text = gn_text_strip(text, true, true);
    const char *end = memchr(text.data, '\n', text.len);
    return gn_text_strip((gn_slice){text.data, end ? (size_t)(end - text.data) : text.len}, false,
                         true);
}

static bool fill_title(gn_conversations_row *r, gn_sql *sql, int64_t first, gn_error *e) {
    bool row = false;
    gn_str_add(&r->title, gn_str_slice(&r->name));
    if (r->title.len || first < 0)
        return true;
    gn_statement *q =
        gn_sql_prepare(sql, "SELECT substr(content, 1, 400) FROM message WHERE id = ?1", e);
    if (!q)
        return false;
    gn_bind_int(q, 1, first);
    const bool ok = gn_sql_step(q, &row, e);
    if (ok && row)
        gn_str_add(&r->title, first_line(gn_column_text(q, 0)));
    gn_sql_reset(q);
    return ok;
}

/* Messages above a tip, as far as they were not met before. */
typedef struct climb {
    gn_sql *sql;
    gn_arena arena;
    gn_map met;   /* hash -> has a child that was met */
    int64_t ends; /* met, and nothing that was met hangs from them */
    int64_t first_user;
    gn_conversations_row *row; /* counted into; NULL: not */
} climb;

static bool climb_from(climb *c, gn_slice tip, gn_error *e) {
    uint8_t at[GN_SHA256_BYTES];
    bool child = false;
    if (!copy_hash(at, tip))
        return true;
    for (;;) {
        const gn_slice key = {(const char *)at, sizeof at};
        int64_t had = 0;
        const bool met = gn_map_get(&c->met, key, &had);
        const gn_slice kept = met ? key : gn_arena_copy(&c->arena, key);
        if (!kept.data || ((!met || (child && !had)) && !gn_map_set(&c->met, kept, child || had)))
            return no_memory(e);
        c->ends += !met && !child;
        c->ends -= met && child && !had;
        if (met)
            return true;
        gn_statement *q = gn_sql_prepare(
            c->sql, "SELECT parent, role, n_tokens, id FROM message WHERE hash = ?1", e);
        bool row = false;
        if (!q)
            return false;
        gn_bind_blob(q, 1, at, sizeof at);
        if (!gn_sql_step(q, &row, e))
            return false;
        const bool user = row && gn_slice_is(gn_column_text(q, 1), "user");
        if (row && c->row) {
            c->row->turns += !gn_slice_is(gn_column_text(q, 1), "system");
            c->row->tokens += gn_column_int(q, 2);
        }
        if (user && c->row)
            c->first_user = gn_column_int(q, 3);
        const bool on = row && copy_hash(at, gn_column_blob(q, 0));
        gn_sql_reset(q);
        if (!on)
            return true;
        child = true;
    }
}

#define SELECT_TIPS                                                                                \
    "SELECT message FROM branch WHERE session_id = ?1 "                                            \
    "UNION SELECT message FROM turn WHERE session_id = ?1"

static bool fill(gn_conversations_row *r, gn_sql *sql, gn_error *e) {
    climb c = {.sql = sql, .first_user = -1, .row = r};
    bool row = false, ok = true;
    r->turns = r->tokens = r->branches = 0;
    gn_str_cut(&r->title, 0);
    if (r->has_head)
        ok = climb_from(&c, (gn_slice){(const char *)r->head, sizeof r->head}, e);
    c.row = NULL;
    gn_statement *q = ok ? gn_sql_prepare(c.sql, SELECT_TIPS, e) : NULL;
    if (q)
        gn_bind_text(q, 1, gn_slice_of(r->id));
    ok = q != NULL;
    while (ok && (ok = gn_sql_step(q, &row, e)) && row)
        ok = climb_from(&c, gn_column_blob(q, 0), e);
    if (q)
        gn_sql_reset(q);
    r->branches = c.ends;
    ok = ok && fill_title(r, c.sql, c.first_user, e);
    ok = ok && (!r->title.failed || no_memory(e));
    gn_map_release(&c.met);
    gn_arena_release(&c.arena);
    r->filled = ok;
    return ok;
}

bool gn_conversations_fill(gn_conversations *c, size_t first, size_t n, gn_store *s, gn_error *e) {
    size_t i = first;
    const size_t end = n < c->count && first < c->count - n ? first + n : c->count;
    while (i < end && c->row[i].filled)
        i++;
    if (i >= end)
        return true;
    bool ok = begin_reading(gn_store_sql(s), e);
    for (; ok && i < end; i++)
        ok = c->row[i].filled || fill(&c->row[i], gn_store_sql(s), e);
    end_reading(gn_store_sql(s));
    return ok;
}

bool gn_conversations_origin(gn_store *s, const char *id, gn_str *out, gn_error *e) {
    bool row = false;
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(s), "SELECT origin FROM session WHERE id = ?1 AND origin IS NOT NULL", e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(id));
    const bool ok = gn_sql_step(q, &row, e);
    if (ok && row)
        gn_str_add(out, gn_column_text(q, 0));
    gn_sql_reset(q);
    return ok && gn_str_ok(out, e);
}
