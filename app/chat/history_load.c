/* history_load.c - a whole tree out of the database, and what its replies were made of. */
#include "app/chat/history_internal.h"

static double number_in(const gn_value *options, const char *name) {
    double v = 0;
    gn_value_to_number(gn_value_get(options, gn_slice_of(name)), &v);
    return v;
}

/* [[id, add], ...] */
static const gn_bias *bias_of(const gn_value *list, int *n) {
    const size_t count = gn_value_count(list);
    gn_bias *bias = count ? calloc(count, sizeof *bias) : NULL;
    *n = 0;
    for (size_t i = 0; bias && i < count; i++) {
        int64_t id = 0;
        double add = 0;
        gn_value_to_integer(gn_value_at(gn_value_at(list, i), 0), &id);
        gn_value_to_number(gn_value_at(gn_value_at(list, i), 1), &add);
        bias[(*n)++] = (gn_bias){(int32_t)id, (float)add};
    }
    return bias;
}

static gn_sampling sampling_of(const gn_value *o) {
    return (gn_sampling){.temp = (float)number_in(o, "temp"),
                         .top_k = (int)number_in(o, "top_k"),
                         .top_p = (float)number_in(o, "top_p"),
                         .min_p = (float)number_in(o, "min_p"),
                         .repeat_penalty = (float)number_in(o, "repeat_penalty")};
}

/* What was chosen otherwise in the middle; turn->how is then what was at last. */
static void changes_of(const gn_value *o, gn_turn *turn) {
    const gn_value *then = gn_value_get(o, GN_S("then"));
    const size_t n = gn_value_count(then);
    turn->changes.n = 0;
    if (!then)
        return;
    gn_changes_add(&turn->changes, 0, &turn->how);
    if (n == 0)
        turn->changes.n = GN_CHANGES + 1;
    for (size_t i = 0; i < n; i++) {
        const gn_value *one = gn_value_at(then, i);
        const uint64_t seed = turn->how.seed;
        turn->how = sampling_of(one);
        turn->how.seed = seed;
        gn_changes_add(&turn->changes, (int64_t)number_in(one, "at"), &turn->how);
    }
}

void gn_history_options(gn_slice json, gn_turn *turn, int64_t *limit, const gn_bias **bias,
                        int *n_bias) {
    gn_arena arena = {0};
    gn_error e = {0};
    int64_t seed = 0, begun = 0;
    const gn_value *o = gn_json_parse(&arena, json, &e);
    if (o) { /* else of another program: nothing is known */
        turn->how = sampling_of(o);
        gn_value_to_integer(gn_value_get(o, GN_S("seed")), &seed);
        gn_value_to_integer(gn_value_get(o, GN_S("begun")), &begun);
        turn->how.seed = (uint64_t)seed;
        turn->begun = begun;
        turn->chosen = true;
        changes_of(o, turn);
        if (limit)
            gn_value_to_integer(gn_value_get(o, GN_S("n")), limit);
        if (bias)
            *bias = bias_of(gn_value_get(o, GN_S("bias")), n_bias);
    }
    gn_arena_release(&arena);
}

gn_stop gn_history_stop(gn_slice name) {
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
        "r.gen_ms, u.rating, u.options_json FROM c JOIN turn u ON u.session_id = c.id "
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
        turn->stop = gn_history_stop(gn_column_text(q, 1));
        turn->reused = gn_column_int(q, 2);
        turn->read = gn_column_int(q, 3);
        turn->tokens = gn_column_int(q, 4);
        turn->prompt_s = gn_column_double(q, 5) / 1000;
        turn->generate_s = gn_column_double(q, 6) / 1000;
        if (!gn_column_is_null(q, 7)) /* that of an answer is that of each time it was given */
            turn->rating = (int)gn_column_int(q, 7);
        gn_history_options(gn_column_text(q, 8), turn, NULL, NULL, NULL);
    }
    gn_sql_reset(q);
    return ok;
}

bool gn_history_load(gn_history *h, const char *id, gn_transcript *t, gn_record *r, gn_error *e) {
    gn_session_info info;
    bool ok = gn_history_info(h, id, &info, e) && load_messages(h, id, t, e) &&
              load_replies(h, id, t, e) && gn_history_mark_fragments(h, t, e);
    if (ok) {
        memcpy(r->id, info.id, sizeof r->id);
        r->checkpoint = info.checkpoint;
        r->branch[0] = 0;
        t->head = info.has_head ? gn_history_turn(t, info.head) : (int64_t)t->count - 1;
    } else {
        gn_transcript_release(t);
        gn_context(e, "session '%.40s'", id);
    }
    gn_session_info_release(&info);
    return ok;
}

bool gn_history_tokens(gn_history *h, const gn_turn *turn, gn_tokens *out, gn_error *e) {
    bool row = false, ok;
    gn_statement *q =
        gn_history_query(h, e,
                         "SELECT t.id, t.logprob, t.rank, t.entropy, t.alts FROM token t WHERE "
                         "t.response_id = (SELECT u.response_id FROM turn u WHERE u.message = ? "
                         "ORDER BY coalesce((SELECT k.alts IS NULL FROM token k WHERE "
                         "k.response_id = u.response_id LIMIT 1), 2), u.response_id DESC LIMIT 1) "
                         "ORDER BY t.pos",
                         "h", turn->hash);
    if (!q)
        return false;
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        gn_top top[64];
        const gn_slice alts = gn_column_blob(q, 4);
        const size_t n = alts.len / sizeof *top < 64 ? alts.len / sizeof *top : 64;
        if (n)
            memcpy(top, alts.data, n * sizeof *top);
        const gn_token_row token = {.id = (int32_t)gn_column_int(q, 0),
                                    .score = {(float)gn_column_double(q, 1),
                                              (int32_t)gn_column_int(q, 2),
                                              (float)gn_column_double(q, 3)},
                                    .top = top,
                                    .n_top = (int)n};
        if (!gn_tokens_add(out, &token)) {
            ok = gn_fail(e, GN_NO_MEMORY, "tokens: out of memory");
            break;
        }
    }
    gn_sql_reset(q);
    return ok;
}
