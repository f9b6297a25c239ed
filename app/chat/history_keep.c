/* history_keep.c - messages into the database, and how a reply came to be. */
#include "app/chat/history_internal.h"

#include <math.h>
#include <stdio.h>
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

/* What keep() makes of a path. */
typedef struct keeping {
    const gn_transcript *t;
    gn_ids path;
    uint8_t (*hash)[GN_SHA256_BYTES]; /* [path.count] */
} keeping;

static const gn_turn *turn_at(const keeping *k, size_t i) { return k->t->turn[k->path.id[i]]; }

/* The hash of a row that turn i had before its tokens were known; NULL: it had none. */
static const uint8_t *former(const keeping *k, size_t i) {
    static const uint8_t none[GN_SHA256_BYTES];
    const gn_turn *turn = turn_at(k, i);
    return turn->stored || memcmp(turn->hash, none, sizeof none) == 0 ||
                   memcmp(turn->hash, k->hash[i], sizeof none) == 0
               ? NULL
               : turn->hash;
}

/* Of branches that end at a message the one that was written to last, else the first. */
static const gn_branch *branch_at(const gn_branch *branch, int n, const gn_record *r,
                                  const uint8_t *hash) {
    const gn_branch *found = NULL;
    for (int i = 0; hash && i < n; i++)
        if (memcmp(branch[i].tip, hash, sizeof branch[i].tip) == 0 &&
            (!found || strcmp(branch[i].name, r->branch) == 0))
            found = &branch[i];
    return found;
}

/* The branch that ends nearest before the tip goes on to it; if none does, there is a new one. */
static bool advance(gn_history *h, gn_record *r, const keeping *k, gn_error *e) {
    const uint8_t *tip = k->hash[k->path.count - 1];
    const gn_branch *found = NULL;
    gn_branch *branch;
    int n;
    bool ok;
    if (!gn_history_branches(h, r->id, &branch, &n, e))
        return false;
    for (size_t i = k->path.count; i-- > 0 && !found;)
        if (!(found = branch_at(branch, n, r, k->hash[i])))
            found = branch_at(branch, n, r, former(k, i));
    if (found) {
        memcpy(r->branch, found->name, sizeof r->branch);
        ok = gn_history_run(h, e, "UPDATE branch SET message = ? WHERE session_id = ? AND name = ?",
                            "hss", tip, r->id, r->branch);
    } else if (n > 0) {
        gn_turn turn = {.stored = true};
        memcpy(turn.hash, tip, sizeof turn.hash);
        ok = gn_history_branch(h, r, &turn, (gn_slice){"", 0}, e);
    } else {
        memcpy(r->branch, "main", sizeof "main");
        ok =
            gn_history_run(h, e, "INSERT INTO branch(session_id, name, message) VALUES(?,'main',?)",
                           "sh", r->id, tip);
    }
    free(branch);
    return ok;
}

/* Rows that stood in for others go, if nothing else stands on them. */
static bool drop_former(gn_history *h, const keeping *k, gn_error *e) {
    for (size_t i = k->path.count; i-- > 0;) {
        const uint8_t *was = former(k, i);
        if (was &&
            !gn_history_run(
                h, e,
                "DELETE FROM message WHERE hash = ?1 AND NOT EXISTS (SELECT 1 FROM message m WHERE "
                "m.parent = ?1) AND NOT EXISTS (SELECT 1 FROM branch WHERE message = ?1) AND NOT "
                "EXISTS (SELECT 1 FROM session WHERE head = ?1) AND NOT EXISTS (SELECT 1 FROM turn "
                "WHERE message = ?1) AND NOT EXISTS (SELECT 1 FROM state WHERE message = ?1)",
                "h", was))
            return false;
    }
    return true;
}

/* ---- how a reply came to be --------------------------------------------- */

static void option(gn_str *out, const char *name, double v) {
    gn_str_fmt(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
    gn_str_number(out, v);
}

/* A float as it was meant: 0.7, not 0.699999988. */
static double short_of(float v) {
    char text[32];
    double d = (double)v;
    snprintf(text, sizeof text, "%.6g", d);
    gn_parse_number(gn_slice_of(text), &d);
    return d;
}

static void numbers(gn_str *out, const gn_sampling *s) {
    option(out, "temp", short_of(s->temp));
    option(out, "top_k", s->top_k);
    option(out, "top_p", short_of(s->top_p));
    option(out, "min_p", short_of(s->min_p));
    option(out, "repeat_penalty", short_of(s->repeat_penalty));
}

static void write_options(const gn_turn *turn, const gn_reply *reply, gn_str *out) {
    const gn_changes *c = &turn->changes;
    const gn_sampling *s = c->n > 0 ? &c->of[0].how : &turn->how;
    gn_str_putc(out, '{');
    numbers(out, s);
    gn_str_fmt(out, ",\"seed\":%llu,\"n\":%lld,\"begun\":%lld", (unsigned long long)s->seed,
               (long long)reply->limit, (long long)turn->begun);
    for (int i = 0; i < s->n_bias; i++) {
        gn_str_fmt(out, "%s[%d,", i ? "," : ",\"bias\":[", s->bias[i].id);
        gn_str_number(out, short_of(s->bias[i].add));
        gn_str_puts(out, i + 1 < s->n_bias ? "]" : "]]");
    }
    /* Chosen otherwise in its middle: from which token on. null: too often. */
    for (int i = 1; i < c->n && c->n <= GN_CHANGES; i++) {
        gn_str_fmt(out, "%s{\"at\":%lld", i > 1 ? "," : ",\"then\":[", (long long)c->of[i].at);
        numbers(out, &c->of[i].how);
        gn_str_puts(out, i + 1 < c->n ? "}" : "}]");
    }
    if (c->n > GN_CHANGES)
        gn_str_puts(out, ",\"then\":null");
    gn_str_putc(out, '}');
}

/* The same question has the same hash, whoever is asked. */
static bool request_hash(const keeping *k, size_t n, gn_slice options,
                         uint8_t hash[GN_SHA256_BYTES], gn_error *e) {
    gn_key *key = gn_key_new();
    if (!key)
        return gn_fail(e, GN_NO_MEMORY, "conversations: out of memory");
    gn_key_text(key, GN_S("generate"));
    for (size_t i = 0; i < n; i++) {
        gn_key_text(key, gn_slice_of(gn_role_name(turn_at(k, i)->role)));
        gn_key_text(key, gn_str_slice(&turn_at(k, i)->text));
    }
    gn_key_text(key, options);
    gn_key_end(key, hash);
    return true;
}

/* Tokens of which nothing is known (of a beginning that was typed) have no row. */
static bool put_tokens(gn_history *h, int64_t response, const gn_tokens *made, gn_error *e) {
    int first = 0;
    while (first < made->count && isnan(made->score[first].logprob))
        first++;
    for (int i = first; i < made->count; i++)
        if (isnan(made->score[i].logprob))
            return true; /* in the middle: none of it can be told */
    return gn_store_tokens_from(h->store, response, first, made->id + first, made->score + first,
                                made->top ? made->top + (size_t)first * (size_t)made->k : NULL,
                                made->count - first, made->k, e);
}

static bool put_reply(gn_history *h, const gn_record *r, const keeping *k, size_t i,
                      const gn_reply *reply, gn_error *e) {
    const gn_turn *turn = turn_at(k, i);
    uint8_t asked[GN_SHA256_BYTES];
    char id[GN_ULID];
    gn_str options = {0};
    write_options(turn, reply, &options);
    const gn_slice text = gn_str_slice(&options);
    bool ok = gn_str_ok(&options, e) && request_hash(k, i, text, asked, e) && gn_ulid(id, e);
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
    const int64_t row = ok ? gn_store_response(h->store, &response, e) : 0;
    ok = row != 0 && put_tokens(h, row, &turn->made, e) &&
         gn_history_run(h, e,
                        "INSERT INTO turn(id, session_id, message, response_id, options_json, "
                        "created_at) VALUES(?,?,?,?,?," GN_NOW ")",
                        "sshit", id, r->id, k->hash[i], row, &text);
    gn_str_release(&options);
    return ok;
}

static bool set_head(gn_history *h, const gn_record *r, const uint8_t *hash, gn_error *e) {
    return gn_history_run(h, e,
                          "UPDATE session SET head = ?, checkpoint_id = ?, used_at = " GN_NOW
                          " WHERE id = ?",
                          "his", hash, r->checkpoint, r->id) &&
           (gn_sql_changes(h->sql) == 1 ||
            gn_fail(e, GN_IO, "session '%.40s' is gone: it was removed meanwhile", r->id));
}

/* A turn that has no row yet. How a reply came to be goes with it, also from where it was copied
 * or had another row. */
static bool keep_turn(gn_history *h, const gn_record *r, const keeping *k, size_t i,
                      const gn_reply *reply, gn_error *e) {
    static const gn_reply copied;
    const gn_turn *turn = turn_at(k, i);
    const uint8_t *parent = i ? k->hash[i - 1] : r->tokenizer;
    if (!gn_message_hash(parent, turn->role, &turn->ids, gn_str_slice(&turn->text), k->hash[i],
                         e) ||
        !put_message(h, turn, parent, i == 0, k->hash[i], e))
        return false;
    const uint8_t *was = former(k, i);
    if (was)
        return gn_history_run(h, e,
                              "UPDATE turn SET message = ? WHERE message = ? AND session_id = ?",
                              "hhs", k->hash[i], was, r->id);
    return turn->role != GN_ROLE_MODEL || turn->edited ||
           put_reply(h, r, k, i, reply ? reply : &copied, e);
}

static bool keep(gn_history *h, gn_record *r, const keeping *k, const gn_reply *reply,
                 gn_error *e) {
    bool is_new = !r->id[0];
    if (is_new && !make_session(h, r, name_of(k->t, &k->path), e))
        return false;
    for (size_t i = 0; i < k->path.count; i++) {
        if (turn_at(k, i)->stored)
            memcpy(k->hash[i], turn_at(k, i)->hash, GN_SHA256_BYTES);
        else if (!keep_turn(h, r, k, i, i + 1 == k->path.count ? reply : NULL, e))
            return false;
        else
            is_new = true;
    }
    /* A question that is asked again stands on a branch already. */
    return (!is_new || advance(h, r, k, e)) && set_head(h, r, k->hash[k->path.count - 1], e) &&
           drop_former(h, k, e);
}

bool gn_history_keep(gn_history *h, gn_record *r, gn_transcript *t, int64_t id,
                     const gn_reply *reply, gn_error *e) {
    keeping k = {.t = t};
    gn_record now = *r;
    bool ok = gn_transcript_path(t, id, &k.path) && k.path.count > 0 &&
              (k.hash = calloc(k.path.count, sizeof *k.hash)) != NULL;
    if (!ok)
        gn_fail(e, GN_NO_MEMORY, "conversations: out of memory");
    ok = ok && gn_sql_begin(h->sql, e);
    if (ok) {
        ok = keep(h, &now, &k, reply, e) && gn_sql_commit(h->sql, e);
        if (!ok)
            gn_sql_rollback(h->sql);
    }
    if (ok) {
        *r = now;
        for (size_t i = 0; i < k.path.count; i++) {
            memcpy(t->turn[k.path.id[i]]->hash, k.hash[i], sizeof *k.hash);
            t->turn[k.path.id[i]]->stored = true;
        }
    }
    free(k.hash);
    gn_ids_release(&k.path);
    return ok;
}

bool gn_history_head(gn_history *h, const gn_record *r, const gn_transcript *t, int64_t id,
                     gn_error *e) {
    const gn_turn *turn = gn_transcript_turn(t, id);
    if (turn && !turn->stored)
        return gn_fail(e, GN_INVALID, "that message is not stored yet");
    return set_head(h, r, turn ? turn->hash : NULL, e);
}

bool gn_history_rate(gn_history *h, const gn_record *r, const gn_turn *turn, int rating,
                     gn_error *e) {
    if (!gn_history_run(h, e, "UPDATE turn SET rating = ? WHERE session_id = ? AND message = ?",
                        "ish", (int64_t)rating, r->id, turn->hash))
        return false;
    return gn_sql_changes(h->sql) > 0 ||
           gn_fail(e, GN_INVALID, "only a reply that was given in this session can be rated");
}
