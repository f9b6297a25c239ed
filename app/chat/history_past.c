/* history_past.c - one stored reply, with all that it takes to draw it again. */
#include "app/chat/history_internal.h"

#include <stdlib.h>

void gn_past_release(gn_past *p) {
    for (size_t i = 0; i < p->n_said; i++)
        gn_ids_release(&p->said[i].ids);
    free(p->said);
    gn_ids_release(&p->ids);
    gn_str_release(&p->model);
    free((gn_bias *)p->how.bias);
    *p = (gn_past){0};
}

/* The id of the turn that is meant, and its message. */
static bool find_turn(gn_history *h, gn_slice what, gn_past *out, gn_error *e) {
    int64_t number = 0;
    int n = 0;
    bool row = false, ok;
    const bool nth = gn_parse_integer(what, &number) && number < 0;
    gn_statement *q =
        nth ? gn_history_query(h, e,
                               "SELECT id, message, response_id FROM turn ORDER BY id DESC "
                               "LIMIT 1 OFFSET ?",
                               "i", -number - 1)
            : gn_history_query(h, e,
                               "SELECT id, message, response_id FROM turn WHERE id >= upper(?1) "
                               "AND id < upper(?1) || '~' LIMIT 2",
                               "t", &what);
    if (!q)
        return false;
    for (; (ok = gn_sql_step(q, &row, e)) && row; n++) {
        const gn_slice hash = gn_column_blob(q, 1);
        gn_history_copy(out->id, sizeof out->id, gn_column_text(q, 0));
        if (hash.len == sizeof out->message)
            memcpy(out->message, hash.data, sizeof out->message);
        out->response = gn_column_int(q, 2);
    }
    gn_sql_reset(q);
    if (ok && n == 0)
        return gn_fail(e, GN_IO, "no reply that was kept is called '%.*s'",
                       what.len > 60 ? 60 : (int)what.len, what.data);
    if (ok && n > 1)
        return gn_fail(e, GN_INVALID, "'%.*s' begins the ids of several replies; say more of it",
                       what.len > 60 ? 60 : (int)what.len, what.data);
    return ok;
}

/* What the model had read: the path to the question. The reply's own tokens are the last. */
static bool read_path(gn_history *h, gn_past *out, gn_error *e) {
    bool row = false, ok;
    size_t room = 0;
    gn_statement *q = gn_history_query(
        h, e,
        "WITH RECURSIVE t(hash, depth) AS (SELECT ?1, 0 UNION ALL SELECT m.parent, t.depth + 1 "
        "FROM t JOIN message m ON m.hash = t.hash WHERE m.parent IS NOT NULL) "
        "SELECT m.role, m.tokens FROM t JOIN message m ON m.hash = t.hash ORDER BY t.depth DESC",
        "h", out->message);
    if (!q)
        return false;
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        const gn_slice tokens = gn_column_blob(q, 1);
        if (!gn_vec_reserve(&out->said, &room, out->n_said + 1, sizeof *out->said)) {
            ok = gn_fail(e, GN_NO_MEMORY, "out of memory");
            break;
        }
        gn_past_said *s = &out->said[out->n_said++];
        *s = (gn_past_said){.written = gn_slice_is(gn_column_text(q, 0), "assistant")};
        if (!gn_vec_reserve(&s->ids.id, &s->ids.capacity, tokens.len / sizeof(int32_t) + 1,
                            sizeof(int32_t))) {
            ok = gn_fail(e, GN_NO_MEMORY, "out of memory");
            break;
        }
        s->ids.count = tokens.len / sizeof(int32_t);
        memcpy(s->ids.id, tokens.data, s->ids.count * sizeof(int32_t));
    }
    gn_sql_reset(q);
    return ok && (out->n_said > 1 || gn_fail(e, GN_FORMAT, "the reply answers nothing"));
}

/* How it was asked, by which checkpoint. */
static bool read_asking(gn_history *h, gn_past *out, gn_error *e) {
    bool row = false;
    gn_statement *q = gn_history_query(
        h, e,
        "SELECT u.options_json, r.stop, c.name, c.sha, b.numerics FROM turn u "
        "JOIN response r ON r.id = u.response_id JOIN checkpoint c ON c.id = r.checkpoint_id "
        "JOIN build b ON b.id = r.build_id WHERE u.id = ?",
        "s", out->id);
    gn_turn turn = {0};
    if (!q || !gn_sql_step(q, &row, e))
        return false;
    if (row) {
        gn_history_options(gn_column_text(q, 0), &turn, &out->limit, &out->how.bias,
                           &out->how.n_bias);
        turn.how.bias = out->how.bias;
        turn.how.n_bias = out->how.n_bias;
        out->changes = turn.changes;
        out->how = turn.changes.n > 0 ? turn.changes.of[0].how : turn.how;
        out->how.bias = turn.how.bias;
        out->how.n_bias = turn.how.n_bias;
        out->begun = turn.begun;
        out->stop = gn_history_stop(gn_column_text(q, 1));
        gn_str_add(&out->model, gn_column_text(q, 2));
        gn_history_copy(out->sha, sizeof out->sha, gn_column_text(q, 3));
        gn_history_copy(out->numerics, sizeof out->numerics, gn_column_text(q, 4));
    }
    gn_sql_reset(q);
    return (row && turn.chosen) ||
           gn_fail(e, GN_UNSUPPORTED, "it is not known how that reply was chosen");
}

/* Its tokens as they were drawn, an end mark too; where they were not kept those of its text. */
static bool read_drawn(gn_history *h, gn_past *out, gn_error *e) {
    bool row = false, ok;
    gn_statement *q = gn_history_query(
        h, e, "SELECT pos, id FROM token WHERE response_id = ? ORDER BY pos", "i", out->response);
    if (!q)
        return false;
    while ((ok = gn_sql_step(q, &row, e)) && row)
        if (gn_column_int(q, 0) >= out->begun)
            ok = gn_ids_add(&out->ids, (int32_t)gn_column_int(q, 1));
    gn_sql_reset(q);
    const gn_ids *all = &out->said[out->n_said - 1].ids;
    if (ok && out->ids.count == 0 && (int64_t)all->count > out->begun)
        ok = gn_ids_append(&out->ids, all->id + out->begun, all->count - (size_t)out->begun);
    return ok || (e->code == GN_OK && gn_fail(e, GN_NO_MEMORY, "out of memory"));
}

bool gn_history_past(gn_history *h, gn_slice turn, gn_past *out, gn_error *e) {
    return find_turn(h, turn, out, e) && read_path(h, out, e) && read_asking(h, out, e) &&
           read_drawn(h, out, e);
}
