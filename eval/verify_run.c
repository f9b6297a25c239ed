/* verify_run.c - two runs of one command, answer by answer: the same output as before? */
#include "eval/verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { SHOWN = 10 };

typedef struct pairing {
    gn_store *store;
    gn_verified *out;
    int64_t answers, prompts, outputs, logprobs;
    double largest; /* difference of log-likelihoods */
} pairing;

static void differ(pairing *p, gn_statement *q, const char *what, const char *here,
                   const char *there) {
    const gn_slice task = gn_column_text(q, 0);
    if (p->out->differ++ < SHOWN)
        gn_str_fmt(&p->out->text, "%.*s #%" PRId64 ", answer %" PRId64 ": %s: %s here, %s there\n",
                   (int)task.len, task.data, gn_column_int(q, 1), gn_column_int(q, 2), what, here,
                   there);
}

/* The first place where the tokens of two answers part; -1: nowhere, or one has none kept. */
static bool first_part(gn_store *s, int64_t a, int64_t b, int64_t *at, gn_error *e) {
    bool row = false;
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(s),
        "SELECT min(pos) FROM (SELECT pos, id FROM token WHERE response_id = ?1 EXCEPT SELECT pos, "
        "id FROM token WHERE response_id = ?2 UNION SELECT * FROM (SELECT pos, id FROM token WHERE "
        "response_id = ?2 EXCEPT SELECT pos, id FROM token WHERE response_id = ?1)) WHERE EXISTS "
        "(SELECT 1 FROM token WHERE response_id = ?1) AND EXISTS (SELECT 1 FROM token WHERE "
        "response_id = ?2)",
        e);
    if (!q)
        return false;
    gn_bind_int(q, 1, a);
    gn_bind_int(q, 2, b);
    const bool ok = gn_sql_step(q, &row, e);
    *at = ok && row && !gn_column_is_null(q, 0) ? gn_column_int(q, 0) : -1;
    gn_sql_reset(q);
    return ok;
}

static bool compare_logprobs(pairing *p, gn_statement *q, double tolerance) {
    const double x = gn_column_double(q, 5), y = gn_column_double(q, 6), d = fabs(x - y);
    char here[32], there[32];
    p->largest = d > p->largest ? d : p->largest;
    if (d <= tolerance && gn_column_int(q, 7) == gn_column_int(q, 8)) {
        p->logprobs++;
        return true;
    }
    snprintf(here, sizeof here, "%.6f%s", x, gn_column_int(q, 7) ? " greedy" : "");
    snprintf(there, sizeof there, "%.6f%s", y, gn_column_int(q, 8) ? " greedy" : "");
    differ(p, q, "log-likelihood", here, there);
    return false;
}

static bool compare_outputs(pairing *p, gn_statement *q, gn_error *e) {
    int64_t at;
    if (!first_part(p->store, gn_column_int(q, 9), gn_column_int(q, 10), &at, e))
        return false;
    if (at < 0 && gn_slice_equal(gn_column_text(q, 11), gn_column_text(q, 12))) {
        p->outputs++;
        return true;
    }
    gn_str what = {0}, here = {0}, there = {0};
    gn_str_puts(&what, "text");
    if (at >= 0)
        gn_str_fmt(&what, " (from token %" PRId64 " on)", at);
    gn_json_write_string(&here, gn_column_text(q, 11));
    gn_json_write_string(&there, gn_column_text(q, 12));
    differ(p, q, gn_str_text(&what), gn_str_text(&here), gn_str_text(&there));
    gn_str_release(&what);
    gn_str_release(&here);
    gn_str_release(&there);
    return true;
}

static bool compare_answer(pairing *p, gn_statement *q, double tolerance, gn_error *e) {
    p->answers++;
    if (!gn_column_int(q, 3)) {
        differ(p, q, "prompt", "another", "another");
        return true;
    }
    p->prompts++;
    if (!gn_slice_is(gn_column_text(q, 4), "generate")) {
        compare_logprobs(p, q, tolerance);
        return true;
    }
    return compare_outputs(p, q, e);
}

static bool compare_all(pairing *p, const gn_run_row *run, const gn_run_row *other,
                        double tolerance, gn_error *e) {
    bool row = false, ok;
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(p->store),
        "SELECT t.name, s.doc_ix, x.ix, r.kind = v.kind AND (r.request_hash = v.request_hash OR "
        "(r.kind "
        "= 'rolling' AND r.prompt_hash = v.prompt_hash)), "
        "r.kind, r.logprob, v.logprob, r.greedy, v.greedy, r.id, v.id, r.output, v.output FROM "
        "sample s JOIN task t ON t.id = s.task_id JOIN task w ON w.name = t.name JOIN sample u ON "
        "u.task_id = w.id AND u.run_id = ?2 AND u.doc_ix = s.doc_ix AND u.rep = s.rep JOIN "
        "sample_response x ON x.sample_id = s.id JOIN sample_response y ON y.sample_id = u.id AND "
        "y.ix = x.ix JOIN response r ON r.id = x.response_id JOIN response v ON v.id = "
        "y.response_id WHERE s.run_id = ?1 ORDER BY t.name, s.doc_ix, s.rep, x.ix",
        e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(run->id));
    gn_bind_text(q, 2, gn_slice_of(other->id));
    while ((ok = gn_sql_step(q, &row, e)) && row && ok)
        ok = compare_answer(p, q, tolerance, e);
    gn_sql_reset(q);
    return ok;
}

bool gn_verify_run(gn_store *s, const gn_run_row *run, const gn_run_row *other, double tolerance,
                   gn_verified *out, gn_error *e) {
    pairing p = {.store = s, .out = out};
    const int64_t before = out->differ;
    if (!compare_all(&p, run, other, tolerance, e))
        return false;
    if (p.answers == 0)
        return gn_fail(e, GN_INVALID, "the runs %s and %s have no document in common", run->id,
                       other->id);
    gn_str_fmt(&out->text,
               "against %s: %" PRId64 " answers · prompts %" PRId64 " equal · log-likelihoods "
               "%" PRId64 " equal, largest difference %.3g · texts %" PRId64 " equal · %s\n",
               other->id, p.answers, p.prompts, p.logprobs, p.largest, p.outputs,
               out->differ == before ? "the same" : "DIFFERS");
    gn_str_fmt(&out->json,
               "{\"against\":\"%s\",\"answers\":%" PRId64 ",\"prompts_equal\":%" PRId64
               ",\"logprobs_equal\":%" PRId64 ",\"largest\":",
               other->id, p.answers, p.prompts, p.logprobs);
    gn_json_write_f64(&out->json, p.largest);
    gn_str_fmt(&out->json, ",\"outputs_equal\":%" PRId64 ",\"differ\":%" PRId64 "}\n", p.outputs,
               out->differ - before);
    return gn_str_ok(&out->text, e) && gn_str_ok(&out->json, e);
}
