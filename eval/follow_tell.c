/* follow_tell.c - one sample of a run in words, as tokens, as JSON. */
#include "eval/follow.h"

#include <inttypes.h>
#include <math.h>

static gn_statement *prepare(gn_store *s, const char *text, int64_t sample, gn_error *e) {
    gn_statement *q = gn_sql_prepare(gn_store_sql(s), text, e);
    if (q)
        gn_bind_int(q, 1, sample);
    return q;
}

/* A prompt or text: once when requests share it. */
static void tell_text(gn_str *out, gn_slice text, gn_str *last, bool full) {
    if (last->len == text.len && gn_slice_equal(gn_str_slice(last), text))
        return;
    gn_str_cut(last, 0);
    gn_str_add(last, text);
    if (out->len)
        gn_str_putc(out, '\n');
    if (!full && text.len > 4000)
        text = gn_slice_from(text, text.len - 4000);
    gn_str_add(out, text);
}

/* Each request with what came back: text, or the choice with its log-likelihood. */
static bool tell_answers(gn_store *s, int64_t sample, bool full, gn_str *out, gn_error *e) {
    gn_str last = {0};
    bool row = false, ok;
    gn_statement *q = prepare(
        s,
        "SELECT r.kind, p.body, r.continuation, r.logprob, r.greedy, r.output, r.stop, r.n_prompt, "
        "r.n_out, r.n_reused, x.cached, r.truncated FROM sample_response x JOIN response r ON r.id "
        "= x.response_id LEFT JOIN text p ON p.hash = r.prompt_hash WHERE x.sample_id = ?1 ORDER "
        "BY x.ix",
        sample, e);
    if (!q)
        return false;
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        tell_text(out, gn_column_text(q, 1), &last, full);
        if (gn_slice_is(gn_column_text(q, 0), "generate")) {
            gn_str_add(out, gn_column_text(q, 5));
            if (full)
                gn_str_fmt(out,
                           "\n\n%" PRId64 " tokens of prompt, %" PRId64 " of answer, stop %s%s%s",
                           gn_column_int(q, 7), gn_column_int(q, 8), gn_column_text(q, 6).data,
                           gn_column_int(q, 11) ? ", truncated" : "",
                           gn_column_int(q, 10) ? ", from the cache" : "");
        } else {
            const gn_slice said = gn_column_text(q, 2);
            gn_str_fmt(out, "\n%9.3f%s", gn_column_double(q, 3),
                       gn_column_int(q, 4) ? " greedy" : "");
            gn_str_fmt(out, "  %.*s", (int)said.len, said.data);
        }
    }
    gn_sql_reset(q);
    gn_str_release(&last);
    return ok;
}

static bool tell_scores(gn_store *s, int64_t sample, gn_str *out, gn_error *e) {
    bool row = false, ok;
    gn_statement *q = prepare(s,
                              "SELECT c.metric, c.filter, c.value, c.extracted FROM score c WHERE "
                              "c.sample_id = ?1 ORDER BY c.filter, c.metric",
                              sample, e);
    if (!q)
        return false;
    gn_str_putc(out, '\n');
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        const gn_slice metric = gn_column_text(q, 0), filter = gn_column_text(q, 1);
        gn_str_fmt(out, "\n%.*s", (int)metric.len, metric.data);
        if (!gn_slice_is(filter, "none"))
            gn_str_fmt(out, ",%.*s", (int)filter.len, filter.data);
        gn_str_fmt(out, "  %.4g", gn_column_double(q, 2));
        if (!gn_column_is_null(q, 3)) {
            gn_str_puts(out, "  ");
            gn_json_write_string(out, gn_column_text(q, 3));
        }
    }
    gn_sql_reset(q);
    return ok;
}

static bool tell_rest(gn_store *s, int64_t sample, gn_str *out, gn_error *e) {
    bool row = false;
    gn_statement *q = prepare(s,
                              "SELECT d.target, s.error FROM sample s JOIN doc d ON d.task_id = "
                              "s.task_id AND d.ix = s.doc_ix WHERE s.id = ?1",
                              sample, e);
    if (!q || !gn_sql_step(q, &row, e))
        return false;
    if (row && !gn_column_is_null(q, 0)) {
        gn_str_puts(out, "\ngold  ");
        gn_str_add(out, gn_column_text(q, 0));
    }
    if (row && !gn_column_is_null(q, 1)) {
        gn_str_puts(out, "\nfailed  ");
        gn_str_add(out, gn_column_text(q, 1));
    }
    gn_sql_reset(q);
    return true;
}

bool gn_follow_tell(gn_store *s, int64_t sample, bool full, gn_str *out, gn_error *e) {
    return tell_answers(s, sample, full, out, e) && tell_scores(s, sample, out, e) &&
           tell_rest(s, sample, out, e) && gn_str_ok(out, e);
}

bool gn_follow_tokens(gn_store *s, int64_t sample, gn_str *out, gn_error *e) {
    bool row = false, ok;
    int64_t answer = -1;
    gn_statement *q = prepare(
        s,
        "SELECT x.ix, t.pos, t.id, t.logprob, t.rank, t.entropy, t.top_id, t.top_logprob FROM "
        "sample_response x JOIN token t ON t.response_id = x.response_id WHERE x.sample_id = ?1 "
        "ORDER BY x.ix, t.pos",
        sample, e);
    if (!q)
        return false;
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        if (gn_column_int(q, 0) != answer) {
            answer = gn_column_int(q, 0);
            gn_str_fmt(out,
                       "%sanswer %" PRId64
                       "\n    at        id   logprob    rank entropy    top id   logprob\n",
                       out->len ? "\n" : "", answer);
        }
        gn_str_fmt(
            out, "%6" PRId64 "  %8" PRId64 "  %8.3f  %6" PRId64 "  %6.3f  %8" PRId64 "  %8.3f\n",
            gn_column_int(q, 1), gn_column_int(q, 2), gn_column_double(q, 3), gn_column_int(q, 4),
            gn_column_double(q, 5), gn_column_int(q, 6), gn_column_double(q, 7));
    }
    gn_sql_reset(q);
    return ok && gn_str_ok(out, e);
}

bool gn_follow_json(gn_store *s, int64_t sample, gn_str *out, gn_error *e) {
    bool row = false, ok;
    gn_statement *q = prepare(
        s,
        "SELECT r.kind, p.body AS context, r.continuation, r.logprob, r.greedy, r.output, r.stop, "
        "r.n_prompt, r.n_out, r.n_reused, r.truncated, r.boundary, x.cached, hex(r.request_hash) "
        "AS request_hash, hex(r.cache_key) AS cache_key, r.created_at FROM sample_response x JOIN "
        "response r ON r.id = x.response_id LEFT JOIN text p ON p.hash = r.prompt_hash WHERE "
        "x.sample_id = ?1 ORDER BY x.ix",
        sample, e);
    if (!q)
        return false;
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        gn_str_puts(out, "{");
        for (int i = 0; i < gn_column_count(q); i++) {
            gn_str_puts(out, i ? ",\n " : "");
            gn_json_write_string(out, gn_slice_of(gn_column_name(q, i)));
            gn_str_puts(out, ": ");
            switch (gn_column_type(q, i)) {
            case 'n':
                gn_str_puts(out, "null");
                break;
            case 'i':
                gn_str_fmt(out, "%" PRId64, gn_column_int(q, i));
                break;
            case 'd':
                gn_json_write_f64(out, gn_column_double(q, i));
                break;
            default:
                gn_json_write_string(out, gn_column_text(q, i));
            }
        }
        gn_str_puts(out, "}\n");
    }
    gn_sql_reset(q);
    return ok && gn_str_ok(out, e);
}
