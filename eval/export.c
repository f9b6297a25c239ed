/* export.c - sample logs in lm-evaluation-harness's layout; see export.h. */
#include "eval/export.h"

#include "eval/dataset.h"

#include <math.h>
#include <stdio.h>

typedef struct exporting {
    gn_store *store;
    const gn_run_row *run;
    const gn_tally *task;
    gn_slice filter;
    gn_str kwargs; /* of generation, as JSON */
    gn_str hashes; /* of all documents, joined */
    gn_str out;
    bool named;
    gn_export_line line;
    void *user;
} exporting;

/* The columns of one document. */
typedef struct document {
    int64_t sample, ix;
    gn_slice json, target;
} document;

static gn_statement *prepare(exporting *x, const char *text, gn_error *e) {
    return gn_sql_prepare(gn_store_sql(x->store), text, e);
}

/* As Python writes a float in JSON. */
static void number(gn_str *out, double v) {
    if (isfinite(v))
        gn_json_write_f64(out, v);
    else
        gn_str_puts(out, isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
}

/* As Python's str() writes a float, in quotes. */
static void number_text(gn_str *out, double v) {
    gn_str_putc(out, '"');
    if (isfinite(v))
        gn_json_write_f64(out, v);
    else
        gn_str_puts(out, isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
    gn_str_putc(out, '"');
}

static void sha(gn_str *out, gn_slice text) {
    uint8_t digest[GN_SHA256_BYTES];
    char hex[GN_SHA256_HEX];
    gn_sha256_of(text.data, text.len, digest);
    gn_hex(digest, sizeof digest, hex);
    gn_str_puts(out, hex);
}

/* ---- answers ---------------------------------------------------------------------------- */

/* What is gathered of the answers of a document. */
typedef struct answers {
    gn_str arguments, said, filtered, prompt, first; /* first: of a rolling request, the text */
    int n;
} answers;

static void answers_release(answers *a) {
    gn_str_release(&a->arguments);
    gn_str_release(&a->said);
    gn_str_release(&a->filtered);
    gn_str_release(&a->prompt);
    gn_str_release(&a->first);
}

/* columns: kind, prompt, continuation, logprob, greedy, output */
static void add_answer(exporting *x, answers *a, gn_statement *q) {
    const gn_slice kind = gn_column_text(q, 0), prompt = gn_column_text(q, 1);
    const bool generate = gn_slice_is(kind, "generate"), rolling = gn_slice_is(kind, "rolling");
    const char *comma = a->n ? "," : "";
    if (a->n == 0) {
        gn_str_add(&a->first, prompt);
        sha(&a->prompt, prompt);
    }
    if (generate && a->n > 0) { /* a repeat: the same request */
        gn_str_putc(&a->said, ',');
        gn_json_write_string(&a->said, gn_column_text(q, 5));
        a->n++;
        return;
    }
    gn_str_fmt(&a->arguments, "%s\"gen_args_%d\":{\"arg_0\":", comma, a->n++);
    gn_json_write_string(&a->arguments, prompt);
    if (generate) {
        gn_str_puts(&a->arguments, ",\"arg_1\":");
        gn_str_add(&a->arguments, gn_str_slice(&x->kwargs));
        gn_json_write_string(&a->said, gn_column_text(q, 5));
    } else if (rolling) {
        gn_str_puts(&a->said, comma);
        number_text(&a->said, gn_column_double(q, 3));
        gn_str_puts(&a->filtered, comma);
        number_text(&a->filtered, gn_column_double(q, 3));
    } else {
        gn_str_puts(&a->arguments, ",\"arg_1\":");
        gn_json_write_string(&a->arguments, gn_column_text(q, 2));
        gn_str *const to[] = {&a->said, &a->filtered};
        for (int i = 0; i < 2; i++) {
            gn_str_fmt(to[i], i ? "%s[" : "%s[[", comma);
            number_text(to[i], gn_column_double(q, 3));
            gn_str_fmt(to[i], ",\"%s\"]%s", gn_column_int(q, 4) ? "True" : "False", i ? "" : "]");
        }
    }
    gn_str_putc(&a->arguments, '}');
}

static bool read_answers(exporting *x, const document *d, answers *a, gn_error *e) {
    bool row = false, ok;
    gn_statement *q = prepare(x,
                              "SELECT r.kind, t.body, r.continuation, r.logprob, r.greedy, "
                              "r.output FROM sample_response z JOIN response r ON r.id = "
                              "z.response_id LEFT JOIN text t ON t.hash = r.prompt_hash "
                              "WHERE z.sample_id = ? ORDER BY z.ix",
                              e);
    if (!q)
        return false;
    gn_bind_int(q, 1, d->sample);
    while ((ok = gn_sql_step(q, &row, e)) && row)
        add_answer(x, a, q);
    gn_sql_reset(q);
    return ok;
}

/* ---- metrics ------------------------------------------------------------------------------ */

static bool is_pair(gn_aggregation a) {
    return a == GN_AGGREGATE_WEIGHTED_PERPLEXITY || a == GN_AGGREGATE_BITS_PER_BYTE ||
           a == GN_AGGREGATE_TOKEN_PERPLEXITY;
}
static bool is_class(gn_aggregation a) { return a == GN_AGGREGATE_F1 || a == GN_AGGREGATE_MCC; }
static bool is_corpus(gn_aggregation a) {
    return a == GN_AGGREGATE_BLEU || a == GN_AGGREGATE_CHRF || a == GN_AGGREGATE_CHRF_WORDS;
}

/* A document's value as lm-evaluation-harness logs it: what its aggregation takes. */
static void value(gn_str *out, const gn_number *x, const document *d, double v, double weight,
                  gn_slice extracted) {
    if (is_pair(x->aggregation)) {
        gn_str_putc(out, '[');
        number(out, v);
        gn_str_fmt(out, ",%.0f]", weight);
    } else if (is_class(x->aggregation)) {
        gn_str_fmt(out, "[%.*s,%.0f]", (int)d->target.len, d->target.data, v);
    } else if (is_corpus(x->aggregation)) {
        gn_str_putc(out, '[');
        gn_json_write_string(out, d->target);
        gn_str_putc(out, ',');
        gn_json_write_string(out, extracted);
        gn_str_putc(out, ']');
    } else {
        number(out, v);
    }
}

/* Names to `names`, values to `values`; the filtered answer of a generation to `said`. */
static bool read_scores(exporting *x, const document *d, gn_str *names, gn_str *values,
                        gn_str *said, gn_error *e) {
    for (int i = 0; i < x->task->n_number; i++) {
        const gn_number *of = &x->task->number[i];
        bool row = false;
        if (!gn_slice_equal(of->filter, x->filter))
            continue;
        gn_statement *q = prepare(x,
                                  "SELECT value, weight, extracted FROM score WHERE sample_id = ? "
                                  "AND filter = ? AND metric = ?",
                                  e);
        if (!q)
            return false;
        gn_bind_int(q, 1, d->sample);
        gn_bind_text(q, 2, x->filter);
        gn_bind_text(q, 3, of->metric);
        if (!gn_sql_step(q, &row, e))
            return false;
        if (row) {
            gn_str_puts(names, names->len ? "," : "");
            gn_json_write_string(names, of->metric);
            gn_str_putc(values, ',');
            gn_json_write_string(values, of->metric);
            gn_str_putc(values, ':');
            value(values, of, d, gn_column_double(q, 0), gn_column_double(q, 1),
                  gn_column_text(q, 2));
            if (said->len == 0 && !gn_column_is_null(q, 2))
                gn_json_write_string(said, gn_column_text(q, 2));
        }
        gn_sql_reset(q);
    }
    return true;
}

/* ---- a line --------------------------------------------------------------------------------- */

static bool hash_document(gn_slice json, gn_str *out, gn_error *e) {
    gn_arena a = {0};
    gn_str dump = {0};
    const gn_value *doc = gn_json_parse(&a, json, e);
    if (doc)
        gn_document_dump(&dump, doc);
    const bool ok = doc && gn_str_ok(&dump, e);
    sha(out, gn_str_slice(&dump));
    gn_str_release(&dump);
    gn_arena_release(&a);
    return ok;
}

static void write_line(exporting *x, const document *d, const answers *a, gn_slice names,
                       gn_slice values, gn_slice said, gn_slice doc_hash) {
    gn_str *out = &x->out;
    const bool generate = gn_slice_is(x->task->kind, "generate_until"),
               rolling = gn_slice_is(x->task->kind, "loglikelihood_rolling");
    const gn_slice target = rolling ? gn_str_slice(&a->first) : d->target;
    gn_str hash = {0};
    sha(&hash, target);
    gn_str_cut(out, 0);
    gn_str_fmt(out, "{\"doc_id\":%lld,\"doc\":", (long long)d->ix);
    gn_str_add(out, d->json);
    gn_str_puts(out, ",\"target\":");
    gn_json_write_string(out, target);
    gn_str_puts(out, ",\"arguments\":{");
    gn_str_add(out, gn_str_slice(&a->arguments));
    gn_str_puts(out, generate || rolling ? "},\"resps\":[[" : "},\"resps\":[");
    gn_str_add(out, gn_str_slice(&a->said));
    gn_str_puts(out, generate || rolling ? "]],\"filtered_resps\":[" : "],\"filtered_resps\":[");
    gn_str_add(out, generate ? said : gn_str_slice(&a->filtered));
    gn_str_puts(out, "],\"filter\":");
    gn_json_write_string(out, x->filter);
    gn_str_puts(out, ",\"metrics\":[");
    gn_str_add(out, names);
    gn_str_fmt(out, "],\"doc_hash\":\"%.*s\",\"prompt_hash\":\"%s\",\"target_hash\":\"%s\"",
               (int)doc_hash.len, doc_hash.data, gn_str_text(&a->prompt), gn_str_text(&hash));
    if (x->named) {
        gn_str_puts(out, ",\"task\":");
        gn_json_write_string(out, x->task->name);
    }
    gn_str_add(out, values);
    gn_str_putc(out, '}');
    gn_str_add(&x->hashes, doc_hash);
    gn_str_add(&x->hashes, gn_str_slice(&a->prompt));
    gn_str_add(&x->hashes, gn_str_slice(&hash));
    gn_str_release(&hash);
}

static bool one_document(exporting *x, const document *d, gn_error *e) {
    answers a = {0};
    gn_str names = {0}, values = {0}, said = {0}, hash = {0};
    bool ok = read_answers(x, d, &a, e) && read_scores(x, d, &names, &values, &said, e) &&
              hash_document(d->json, &hash, e);
    if (ok)
        write_line(x, d, &a, gn_str_slice(&names), gn_str_slice(&values), gn_str_slice(&said),
                   gn_str_slice(&hash));
    ok = ok && gn_str_ok(&a.arguments, e) && gn_str_ok(&a.said, e) && gn_str_ok(&values, e) &&
         gn_str_ok(&x->out, e) && x->line(x->user, gn_str_slice(&x->out), e);
    answers_release(&a);
    gn_str_release(&names);
    gn_str_release(&values);
    gn_str_release(&said);
    gn_str_release(&hash);
    return ok;
}

/* ---- a task ----------------------------------------------------------------------------------- */

/* What lm-evaluation-harness calls the arguments of a generation: as the task says them. */
static bool read_kwargs(exporting *x, gn_error *e) {
    bool row = false;
    gn_arena a = {0};
    gn_statement *q = prepare(x, "SELECT json FROM task WHERE id = ?", e);
    if (!q)
        return false;
    gn_bind_int(q, 1, x->task->id);
    bool ok = gn_sql_step(q, &row, e) && row;
    const gn_value *task =
        ok ? gn_value_get(gn_json_parse(&a, gn_column_text(q, 0), e), GN_S("task")) : NULL;
    const gn_value *said = gn_value_get(task, GN_S("generation_kwargs"));
    static const char *const order[] = {"until", "max_gen_toks", "do_sample"}, *const sampled[] = {
                                                                                   "temperature",
                                                                                   "top_p",
                                                                                   "top_k"};
    gn_str_putc(&x->kwargs, '{');
    for (int i = 0; i < 6; i++) {
        const gn_value *sample = gn_value_get(said, GN_S("do_sample"));
        const char *key = i < 3 ? order[i] : sampled[i - 3];
        const gn_value *v = gn_value_get(said, gn_slice_of(key));
        if (!v || (i > 2 && !(gn_value_is(sample, GN_BOOL) && sample->boolean)))
            continue;
        gn_str_fmt(&x->kwargs, "%s\"%s\":", x->kwargs.len > 1 ? "," : "", key);
        gn_json_write(&x->kwargs, v);
    }
    gn_str_putc(&x->kwargs, '}');
    gn_sql_reset(q);
    gn_arena_release(&a);
    return ok && gn_str_ok(&x->kwargs, e);
}

static bool one_filter(exporting *x, gn_error *e) {
    bool row = false, ok;
    gn_statement *q = prepare(x,
                              "SELECT s.id, s.doc_ix, d.json, d.target FROM sample s JOIN doc d "
                              "ON d.task_id = s.task_id AND d.ix = s.doc_ix WHERE s.run_id = ? "
                              "AND s.task_id = ? AND s.rep = 0 AND s.status = 'done' "
                              "ORDER BY s.doc_ix",
                              e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(x->run->id));
    gn_bind_int(q, 2, x->task->id);
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        const document d = {.sample = gn_column_int(q, 0),
                            .ix = gn_column_int(q, 1),
                            .json = gn_column_text(q, 2),
                            .target = gn_column_text(q, 3)};
        if (!(ok = one_document(x, &d, e)))
            break;
    }
    gn_sql_reset(q);
    return ok;
}

static bool told_before(const gn_tally *t, int number) {
    for (int i = 0; i < number; i++)
        if (gn_slice_equal(t->number[i].filter, t->number[number].filter))
            return true;
    return false;
}

bool gn_export_samples(gn_store *s, const gn_run_row *run, const gn_tally *t, bool named,
                       gn_export_line line, void *user, char hash[GN_SHA256_HEX], gn_error *e) {
    exporting x = {.store = s, .run = run, .task = t, .named = named, .line = line, .user = user};
    bool ok = read_kwargs(&x, e);
    for (int i = 0; ok && i < t->n_number; i++) {
        if (told_before(t, i))
            continue;
        x.filter = t->number[i].filter;
        ok = one_filter(&x, e);
    }
    ok = ok && gn_str_ok(&x.hashes, e);
    if (hash) {
        gn_str text = {0};
        sha(&text, gn_str_slice(&x.hashes));
        snprintf(hash, GN_SHA256_HEX, "%s", gn_str_text(&text));
        gn_str_release(&text);
    }
    gn_str_release(&x.kwargs);
    gn_str_release(&x.hashes);
    gn_str_release(&x.out);
    return ok || gn_context(e, "%.*s", (int)t->name.len, t->name.data);
}
