/* verify.c - see verify.h. */
#include "eval/verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A page is a sum over hundreds of tokens, and so is the rounding of a log-softmax in 32 bits:
 * torch's is off by 8e-6 a token in a vocabulary of 49,152. The tolerance is for so many. */
enum { SHOWN = 10, PAGE_TOKENS = 64 };

/* What the database has of one document. */
typedef struct ours {
    int64_t sample;
    double *logprob; /* [n] */
    bool *greedy;
    gn_str *output;
    char prompt[GN_SHA256_HEX]; /* of the first request */
    double pages; /* what the tolerance is multiplied by: 1, of a rolling document its length */
    size_t n, room[3];
} ours;

typedef struct verifying {
    gn_store *store;
    const gn_run_row *run;
    gn_verified *out;
    const char *path;
    double tolerance;
    int64_t task;
    gn_str name, kind;
    gn_str filter; /* of the first line: a document has a line for each, its answers count once */
    int64_t documents, prompts, argmax, greedy, texts, missing, metrics, metrics_equal;
    double *delta; /* [n_delta] of log-likelihoods */
    size_t n_delta, delta_room;
} verifying;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

void gn_verified_release(gn_verified *v) {
    gn_str_release(&v->text);
    gn_str_release(&v->json);
}

/* One thing that differs; the first ten are told. */
static void differ(verifying *v, int64_t doc, const char *what, const char *got, const char *want) {
    if (v->out->differ++ < SHOWN)
        gn_str_fmt(&v->out->text, "%s #%" PRId64 ": %s: %s here, %s there\n", gn_str_text(&v->name),
                   doc, what, got, want);
}

static void differ_number(verifying *v, int64_t doc, const char *what, double got, double want) {
    gn_str a = {0}, b = {0};
    gn_str_number(&a, got);
    gn_str_number(&b, want);
    differ(v, doc, what, gn_str_text(&a), gn_str_text(&b));
    gn_str_release(&a);
    gn_str_release(&b);
}

/* ---- our side ------------------------------------------------------------------------------ */

static void ours_release(ours *o) {
    for (size_t i = 0; i < o->n; i++)
        gn_str_release(&o->output[i]);
    free(o->logprob);
    free(o->greedy);
    free(o->output);
}

static bool add_answer(ours *o, gn_statement *q, gn_error *e) {
    if (!gn_vec_reserve(&o->logprob, &o->room[0], o->n + 1, sizeof *o->logprob) ||
        !gn_vec_reserve(&o->greedy, &o->room[1], o->n + 1, sizeof *o->greedy) ||
        !gn_vec_reserve(&o->output, &o->room[2], o->n + 1, sizeof *o->output))
        return no_memory(e);
    o->sample = gn_column_int(q, 0);
    o->logprob[o->n] = gn_column_double(q, 1);
    o->greedy[o->n] = gn_column_int(q, 2) != 0;
    o->output[o->n] = (gn_str){0};
    gn_str_add(&o->output[o->n], gn_column_text(q, 3));
    const gn_slice hash = gn_column_blob(q, 4);
    if (o->n++ == 0 && hash.len == GN_SHA256_BYTES)
        gn_hex((const uint8_t *)hash.data, hash.len, o->prompt);
    if (gn_slice_is(gn_column_text(q, 5), "rolling"))
        o->pages = fmax(1, (double)gn_column_int(q, 6) / PAGE_TOKENS);
    return true;
}

static bool read_ours(verifying *v, int64_t doc, ours *o, gn_error *e) {
    bool row = false, ok;
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(v->store),
        "SELECT s.id, r.logprob, r.greedy, r.output, r.prompt_hash, r.kind, r.n_out FROM sample s "
        "JOIN sample_response x ON x.sample_id = s.id JOIN response r ON r.id = x.response_id "
        "WHERE s.run_id = ? AND s.task_id = ? AND s.doc_ix = ? AND s.rep = 0 ORDER BY x.ix",
        e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(v->run->id));
    gn_bind_int(q, 2, v->task);
    gn_bind_int(q, 3, doc);
    while ((ok = gn_sql_step(q, &row, e)) && row && (ok = add_answer(o, q, e)))
        ;
    gn_sql_reset(q);
    return ok;
}

static bool read_score(verifying *v, int64_t sample, gn_slice metric, gn_slice filter,
                       double *value, double *weight, bool *found, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(v->store),
        "SELECT value, weight FROM score WHERE sample_id = ? AND metric = ? AND filter = ?", e);
    if (!q)
        return false;
    gn_bind_int(q, 1, sample);
    gn_bind_text(q, 2, metric);
    gn_bind_text(q, 3, filter);
    if (!gn_sql_step(q, found, e))
        return false;
    if (*found) {
        *value = gn_column_double(q, 0);
        *weight = gn_column_double(q, 1);
    }
    gn_sql_reset(q);
    return true;
}

/* ---- their side ---------------------------------------------------------------------------- */

/* A number, or text that is one. */
static bool number_of(const gn_value *v, double *out) {
    if (gn_value_is(v, GN_BOOL)) {
        *out = v->boolean;
        return true;
    }
    if (gn_value_to_number(v, out))
        return true;
    if (gn_slice_is(gn_value_text(v), "-inf")) {
        *out = -INFINITY;
        return true;
    }
    return gn_value_is(v, GN_STRING) && gn_parse_number(v->string, out);
}

static const gn_value *unwrap(const gn_value *v) {
    while (gn_value_is(v, GN_LIST) && gn_value_count(v) == 1)
        v = gn_value_at(v, 0);
    return v;
}

/* Does request i stand after a context? Those of acc_mutual_info alone do not. */
static bool has_context(const gn_value *line, size_t i) {
    char key[32];
    snprintf(key, sizeof key, "gen_args_%zu", i);
    const gn_value *request = gn_value_get(gn_value_get(line, GN_S("arguments")), gn_slice_of(key));
    return !request || gn_value_text(gn_value_get(request, GN_S("arg_0"))).len > 0;
}

/* ---- one line --------------------------------------------------------------------------------- */

static bool keep_delta(verifying *v, double d, gn_error *e) {
    if (!gn_vec_reserve(&v->delta, &v->delta_room, v->n_delta + 1, sizeof *v->delta))
        return no_memory(e);
    v->delta[v->n_delta++] = d;
    return true;
}

static bool compare_scores(verifying *v, int64_t doc, const gn_value *line, const ours *o,
                           gn_error *e) {
    const gn_value *resps = gn_value_get(line, GN_S("resps"));
    size_t best_here = 0, best_there = 0;
    double most_here = -INFINITY, most_there = -INFINITY;
    bool greedy = true;
    for (size_t i = 0; i < o->n; i++) {
        const gn_value *r = unwrap(gn_value_at(resps, i));
        double there;
        if (!number_of(gn_value_is(r, GN_LIST) ? gn_value_at(r, 0) : r, &there))
            return gn_fail(e, GN_FORMAT, "resps[%zu] holds no log-likelihood", i);
        const double here = o->logprob[i],
                     delta = here == there ? 0 : fabs(here - there); /* NOLINT: infinities */
        if (!keep_delta(v, delta, e))
            return false;
        if (!(delta <= v->tolerance * o->pages))
            differ_number(v, doc, "log-likelihood", here, there);
        if (gn_value_is(r, GN_LIST) &&
            gn_slice_is(gn_value_text(gn_value_at(r, 1)), "True") != o->greedy[i] &&
            gn_value_is(gn_value_at(r, 1), GN_STRING))
            greedy = false;
        if (!has_context(line, i) && has_context(line, 0))
            continue;
        if (here > most_here) {
            most_here = here;
            best_here = i;
        }
        if (there > most_there) {
            most_there = there;
            best_there = i;
        }
    }
    v->argmax += best_here == best_there;
    v->greedy += greedy;
    if (best_here != best_there)
        differ_number(v, doc, "likeliest choice", (double)best_here, (double)best_there);
    if (!greedy)
        differ(v, doc, "greedy flag", "another", "one");
    return true;
}

static void compare_texts(verifying *v, int64_t doc, const gn_value *line, const ours *o) {
    const gn_value *resps = gn_value_at(gn_value_get(line, GN_S("resps")), 0);
    bool equal = gn_value_count(resps) == o->n;
    for (size_t i = 0; i < o->n && equal; i++) {
        const gn_slice there = gn_value_text(gn_value_at(resps, i));
        equal = gn_slice_equal(there, gn_str_slice(&o->output[i]));
        if (!equal) {
            gn_str a = {0}, b = {0};
            gn_json_write_string(&a, gn_str_slice(&o->output[i]));
            gn_json_write_string(&b, there);
            differ(v, doc, "answer", gn_str_text(&a), gn_str_text(&b));
            gn_str_release(&a);
            gn_str_release(&b);
        }
    }
    v->texts += equal;
}

static bool compare_metrics(verifying *v, int64_t doc, const gn_value *line, const ours *o,
                            gn_error *e) {
    const gn_value *names = gn_value_get(line, GN_S("metrics"));
    const gn_slice filter = gn_value_text(gn_value_get(line, GN_S("filter")));
    for (size_t i = 0; i < gn_value_count(names); i++) {
        const gn_slice name = gn_value_text(gn_value_at(names, i));
        const gn_value *x = gn_value_get(line, name);
        double there, weight = 1, here = NAN, ours_weight = 1;
        bool found;
        if (!number_of(x, &there)) {
            if (!gn_slice_ends(name, GN_S("perplexity")) && !gn_slice_is(name, "bits_per_byte"))
                continue; /* pairs of (gold, answer): the results file tells of those */
            if (!number_of(gn_value_at(x, 0), &there) || !number_of(gn_value_at(x, 1), &weight))
                return gn_fail(e, GN_FORMAT, "%.*s is no pair of numbers", (int)name.len,
                               name.data);
        }
        if (!read_score(v, o->sample, name, filter, &here, &ours_weight, &found, e))
            return false;
        v->metrics++;
        const bool likelihood = gn_value_is(x, GN_LIST) || gn_slice_is(name, "perplexity");
        const bool equal = found &&
                           fabs(here - there) <= (likelihood ? v->tolerance * o->pages : 1e-6) &&
                           (!gn_value_is(x, GN_LIST) || ours_weight == weight); /* NOLINT */
        v->metrics_equal += equal;
        if (!equal) {
            gn_str what = {0};
            gn_str_fmt(&what, "%.*s (%.*s)", (int)name.len, name.data, (int)filter.len,
                       filter.data);
            differ_number(v, doc, gn_str_text(&what), here, there);
            gn_str_release(&what);
        }
    }
    return true;
}

static bool compare_line(verifying *v, const gn_value *line, gn_error *e) {
    int64_t doc;
    ours o = {.pages = 1};
    const bool generate = gn_slice_is(gn_str_slice(&v->kind), "generate_until");
    if (!gn_value_to_integer(gn_value_get(line, GN_S("doc_id")), &doc) ||
        !gn_value_get(line, GN_S("resps")))
        return gn_fail(e, GN_FORMAT,
                       "no sample of lm-evaluation-harness: doc_id or resps is not there");
    bool ok = read_ours(v, doc, &o, e);
    const gn_slice filter = gn_value_text(gn_value_get(line, GN_S("filter")));
    if (!v->filter.len)
        gn_str_add(&v->filter, filter);
    const bool again = !gn_slice_equal(filter, gn_str_slice(&v->filter));
    if (ok && o.n == 0 && !again) {
        v->missing++;
        differ(v, doc, "document", "not answered", "answered");
    } else if (ok && o.n > 0) {
        const gn_slice prompt = gn_value_text(gn_value_get(line, GN_S("prompt_hash")));
        const bool same = gn_slice_is(prompt, o.prompt);
        const size_t n = gn_value_count(gn_value_get(line, GN_S("resps")));
        if (!again) {
            v->documents++;
            v->prompts += same;
            if (!same)
                differ(v, doc, "prompt hash", o.prompt, "another");
            if (!generate && n != o.n)
                differ_number(v, doc, "answers", (double)o.n, (double)n);
            else if (generate)
                compare_texts(v, doc, line, &o);
            else
                ok = compare_scores(v, doc, line, &o, e);
        }
        ok = ok && compare_metrics(v, doc, line, &o, e);
    }
    ours_release(&o);
    return ok;
}

/* ---- one log ------------------------------------------------------------------------------------ */

/* The task of the run that samples_TASK.jsonl or samples_TASK_TIME.jsonl is of. */
static bool find_task(verifying *v, gn_error *e) {
    gn_slice name = gn_path_name(gn_slice_of(v->path));
    bool row = false, ok;
    name = gn_slice_from(name, 8);
    name.len -= gn_slice_ends(name, GN_S(".jsonl")) ? 6 : 0;
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(v->store),
        "SELECT t.id, t.name, t.kind FROM run_task x JOIN task t ON t.id = x.task_id WHERE "
        "x.run_id = ?1 AND (t.name = ?2 OR substr(?2, 1, length(t.name) + 2) = t.name || '_2') "
        "ORDER BY length(t.name) DESC LIMIT 1",
        e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(v->run->id));
    gn_bind_text(q, 2, name);
    if ((ok = gn_sql_step(q, &row, e)) && row) {
        v->task = gn_column_int(q, 0);
        gn_str_add(&v->name, gn_column_text(q, 1));
        gn_str_add(&v->kind, gn_column_text(q, 2));
    }
    gn_sql_reset(q);
    return ok && (row || gn_fail(e, GN_INVALID, "run %s has no task '%.*s'", v->run->id,
                                 (int)name.len, name.data));
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void count_json(gn_str *out, const char *key, int64_t n) {
    gn_str_fmt(out, ",\"%s\":%" PRId64, key, n);
}

static void sum_up(verifying *v, size_t at, int64_t before) {
    gn_str line = {0}, *json = &v->out->json;
    const bool generate = gn_slice_is(gn_str_slice(&v->kind), "generate_until");
    qsort(v->delta, v->n_delta, sizeof *v->delta, ascending);
    const double median = v->n_delta ? v->delta[v->n_delta / 2] : 0,
                 most = v->n_delta ? v->delta[v->n_delta - 1] : 0;
    gn_str_fmt(&line, "%s: %" PRId64 " documents · prompts %" PRId64 " equal",
               gn_str_text(&v->name), v->documents, v->prompts);
    if (generate)
        gn_str_fmt(&line, " · answers %" PRId64 " equal", v->texts);
    else
        gn_str_fmt(&line, " · |Δll| median %.0e, max %.0e · argmax %" PRId64 " · greedy %" PRId64,
                   median, most, v->argmax, v->greedy);
    gn_str_fmt(&line, " · metrics %" PRId64 " of %" PRId64 " · %s\n", v->metrics_equal, v->metrics,
               v->out->differ == before ? "equal" : "DIFFERS");
    gn_str_puts(json, "{\"task\":");
    gn_json_write_string(json, gn_str_slice(&v->name));
    count_json(json, "documents", v->documents);
    count_json(json, "missing", v->missing);
    count_json(json, "prompts_equal", v->prompts);
    if (generate)
        count_json(json, "answers_equal", v->texts);
    else {
        gn_str_puts(json, ",\"delta_median\":");
        gn_json_write_f64(json, median);
        gn_str_puts(json, ",\"delta_max\":");
        gn_json_write_f64(json, most);
        count_json(json, "argmax_equal", v->argmax);
        count_json(json, "greedy_equal", v->greedy);
    }
    count_json(json, "metrics", v->metrics);
    count_json(json, "metrics_equal", v->metrics_equal);
    count_json(json, "differ", v->out->differ - before);
    gn_str_puts(json, "}\n");
    /* The line stands before what differs. */
    gn_str tail = {0};
    gn_str_add(&tail, gn_slice_from(gn_str_slice(&v->out->text), at));
    gn_str_cut(&v->out->text, at);
    gn_str_add(&v->out->text, gn_str_slice(&line));
    gn_str_add(&v->out->text, gn_str_slice(&tail));
    gn_str_release(&line);
    gn_str_release(&tail);
}

static bool verify_samples(verifying *v, gn_slice text, gn_error *e) {
    const size_t at = v->out->text.len;
    const int64_t before = v->out->differ;
    bool ok = find_task(v, e);
    for (int number = 1; ok && text.len; number++) {
        const char *end = memchr(text.data, '\n', text.len);
        const size_t n = end ? (size_t)(end - text.data) : text.len;
        gn_arena a = {0};
        const gn_value *line = n ? gn_json_parse(&a, (gn_slice){text.data, n}, e) : NULL;
        ok =
            n == 0 || (line && compare_line(v, line, e)) || gn_context(e, "%s:%d", v->path, number);
        gn_arena_release(&a);
        text = gn_slice_from(text, n + (end != NULL));
    }
    if (ok)
        sum_up(v, at, before);
    return ok;
}

/* ---- a results file ------------------------------------------------------------------------------- */

static bool close_to(double here, double there, const gn_number *x) {
    const bool exact = x->aggregation == GN_AGGREGATE_MEAN;
    return (isnan(here) && isnan(there)) ||
           fabs(here - there) <= (exact ? 1e-9 : 1e-3 * fabs(there));
}

static void compare_result(verifying *v, const gn_value *of, const gn_number *x) {
    gn_str key = {0};
    double value, error = NAN;
    gn_str_fmt(&key, "%.*s,%.*s", (int)x->metric.len, x->metric.data, (int)x->filter.len,
               x->filter.data);
    if (number_of(gn_value_get(of, gn_str_slice(&key)), &value)) {
        gn_str name = {0};
        gn_str_fmt(&name, "%.*s_stderr,%.*s", (int)x->metric.len, x->metric.data,
                   (int)x->filter.len, x->filter.data);
        number_of(gn_value_get(of, gn_str_slice(&name)), &error);
        v->metrics++;
        const bool same = close_to(x->value, value, x) && close_to(x->error, error, x);
        v->metrics_equal += same;
        gn_str_fmt(&v->out->text, "%.*s %s: ", (int)x->task.len, x->task.data, gn_str_text(&key));
        gn_str_number(&v->out->text, x->value);
        gn_str_puts(&v->out->text, same ? " = " : " ≠ ");
        gn_str_number(&v->out->text, value);
        if (!isnan(error) || !isnan(x->error)) {
            gn_str_puts(&v->out->text, ", stderr ");
            gn_str_number(&v->out->text, x->error);
            gn_str_puts(&v->out->text, same ? " = " : " ≠ ");
            gn_str_number(&v->out->text, error);
        }
        gn_str_putc(&v->out->text, '\n');
        v->out->differ += !same;
        gn_str_release(&name);
    }
    gn_str_release(&key);
}

static bool verify_results(verifying *v, gn_slice text, gn_error *e) {
    gn_arena a = {0};
    gn_results r = {0};
    const int64_t before = v->out->differ;
    const gn_value *file = gn_json_parse(&a, text, e),
                   *results = gn_value_get(file, GN_S("results"));
    gn_pool *pool = results ? gn_pool_new(gn_processors(), e) : NULL;
    bool ok = file &&
              (results || gn_fail(e, GN_FORMAT, "no results file: 'results' is not there")) &&
              pool && gn_results_measure(v->store, v->run, pool, true, &r, e);
    for (int i = 0; ok && i < r.n_tally; i++) {
        const gn_value *of = gn_value_get(results, r.tally[i].name);
        for (int k = 0; of && k < r.tally[i].n_number; k++)
            compare_result(v, of, &r.tally[i].number[k]);
    }
    if (ok && v->metrics == 0)
        ok = gn_fail(e, GN_INVALID, "run %s has no metric in common with it", v->run->id);
    if (ok) {
        gn_str_puts(&v->out->json, "{\"results\":");
        gn_json_write_string(&v->out->json, gn_slice_of(v->path));
        count_json(&v->out->json, "metrics", v->metrics);
        count_json(&v->out->json, "metrics_equal", v->metrics_equal);
        count_json(&v->out->json, "differ", v->out->differ - before);
        gn_str_puts(&v->out->json, "}\n");
    }
    gn_pool_free(pool);
    gn_results_release(&r);
    gn_arena_release(&a);
    return ok;
}

bool gn_verify_file(gn_store *s, const gn_run_row *run, const char *path, double tolerance,
                    gn_verified *out, gn_error *e) {
    verifying v = {.store = s, .run = run, .out = out, .path = path, .tolerance = tolerance};
    gn_str text = {0};
    const bool samples = gn_slice_starts(gn_path_name(gn_slice_of(path)), GN_S("samples_"));
    const bool ok =
        gn_file_read(&text, path, 0, e) && (samples ? verify_samples(&v, gn_str_slice(&text), e)
                                                    : verify_results(&v, gn_str_slice(&text), e));
    gn_str_release(&text);
    gn_str_release(&v.name);
    gn_str_release(&v.kind);
    gn_str_release(&v.filter);
    free(v.delta);
    return (ok && gn_str_ok(&out->text, e) && gn_str_ok(&out->json, e)) || gn_where(e, "%s", path);
}
