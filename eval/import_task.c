/* import_task.c - a sample log of lm-evaluation-harness as samples of a run.
 *
 * A document has a line for each filter; its answers are the same in all of them. Metrics that
 * are no single number a document (f1, bleu, those of Python) are left out and said.
 */
#include "eval/import_work.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_METRICS = 32, MOST_FILTERS = 32 };

/* One document, gathered from its lines. */
typedef struct document {
    gn_document row;
    const gn_value *line; /* the first */
    gn_score_row *score;  /* [n] */
    int n;
} document;

typedef struct reading {
    importing *m;
    gn_slice name;
    gn_arena arena; /* every line of the log */
    const gn_value **line;
    size_t n_line, room;
    gn_task_kind kind;
    gn_slice metric[MOST_METRICS], filter[MOST_FILTERS];
    int n_metric, n_filter;
    gn_task *task;
    int64_t id; /* the task's row */
} reading;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

/* ---- the file ---------------------------------------------------------------------------- */

/* results_TIME.json -> samples_TASK_TIME.jsonl; results.json -> samples_TASK.jsonl. */
static void log_path(const reading *r, gn_str *out) {
    const gn_slice path = gn_slice_of(r->m->path), folder = gn_path_folder(path);
    gn_slice time = gn_slice_from(gn_path_name(path), 7);
    gn_str file = {0};
    time.len -= 5;
    gn_str_fmt(&file, "samples_%.*s%.*s.jsonl", (int)r->name.len, r->name.data, (int)time.len,
               time.data);
    gn_path_join(out, folder, gn_str_slice(&file));
    gn_str_release(&file);
}

static bool read_lines(reading *r, const char *path, gn_error *e) {
    gn_str text = {0};
    bool ok = gn_file_read(&text, path, 0, e);
    gn_slice rest = gn_str_slice(&text);
    for (int number = 1; ok && rest.len; number++) {
        const char *end = memchr(rest.data, '\n', rest.len);
        const size_t n = end ? (size_t)(end - rest.data) : rest.len;
        const gn_value *v = n ? gn_json_parse(&r->arena, (gn_slice){rest.data, n}, e) : NULL;
        if (v && (v->kind != GN_MAP || !gn_value_get(v, GN_S("doc_id")) ||
                  !gn_value_get(v, GN_S("resps"))))
            v = (gn_fail(e, GN_FORMAT, "no line of a sample log"), NULL);
        ok = n == 0 || (v && (gn_vec_reserve(&r->line, &r->room, r->n_line + 1, sizeof *r->line) ||
                              no_memory(e)));
        if (ok && n)
            r->line[r->n_line++] = v;
        if (!ok)
            gn_context(e, "%s:%d", path, number);
        rest = gn_slice_from(rest, n + (end != NULL));
    }
    gn_str_release(&text);
    return ok && (r->n_line > 0 || gn_fail(e, GN_FORMAT, "%s: it is empty", path));
}

/* ---- what kind of task it was ----------------------------------------------------------- */

static const gn_value *request_of(const gn_value *line, size_t i) {
    const gn_value *all = gn_value_get(line, GN_S("arguments"));
    char key[32];
    if (all && all->kind == GN_LIST) /* older versions */
        return gn_value_at(all, i);
    snprintf(key, sizeof key, "gen_args_%zu", i);
    return gn_value_get(all, gn_slice_of(key));
}

static const gn_value *argument_of(const gn_value *request, int i) {
    if (request && request->kind == GN_LIST)
        return gn_value_at(request, (size_t)i);
    return gn_value_get(request, i ? GN_S("arg_1") : GN_S("arg_0"));
}

static gn_task_kind kind_of(const gn_value *line) {
    const gn_value *resps = gn_value_get(line, GN_S("resps"));
    const gn_value *first = gn_value_at(gn_value_at(resps, 0), 0);
    if (first && first->kind == GN_LIST)
        return gn_value_count(resps) > 1 ? GN_TASK_CHOICE : GN_TASK_TARGET;
    const gn_value *second = argument_of(request_of(line, 0), 1);
    return second && second->kind == GN_MAP ? GN_TASK_GENERATE : GN_TASK_ROLLING;
}

static bool takes_metric(gn_task_kind kind, gn_slice name) {
    static const char *const known[][8] = {
        [GN_TASK_CHOICE] = {"acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match"},
        [GN_TASK_TARGET] = {"perplexity", "acc"},
        [GN_TASK_ROLLING] = {"word_perplexity", "byte_perplexity", "bits_per_byte"},
        [GN_TASK_GENERATE] = {"exact_match"},
    };
    for (int i = 0; i < 8 && known[kind][i]; i++)
        if (gn_slice_is(name, known[kind][i]))
            return true;
    return false;
}

static int find(const gn_slice *list, int n, gn_slice name) {
    for (int i = 0; i < n; i++)
        if (gn_slice_equal(list[i], name))
            return i;
    return -1;
}

/* Metrics and filters of all lines, in the order they come. */
static void gather(reading *r) {
    for (size_t i = 0; i < r->n_line; i++) {
        const gn_value *metrics = gn_value_get(r->line[i], GN_S("metrics"));
        const gn_slice filter = gn_value_text(gn_value_get(r->line[i], GN_S("filter")));
        if (find(r->filter, r->n_filter, filter) < 0 && r->n_filter < MOST_FILTERS)
            r->filter[r->n_filter++] = filter;
        for (size_t k = 0; i == 0 && k < gn_value_count(metrics); k++) {
            const gn_slice name = gn_value_text(gn_value_at(metrics, k));
            if (takes_metric(r->kind, name) && r->n_metric < MOST_METRICS)
                r->metric[r->n_metric++] = name;
            else
                gn_str_fmt(&r->m->out->notes, "%.*s: %.*s is left out: no number a document here\n",
                           (int)r->name.len, r->name.data, (int)name.len, name.data);
        }
    }
}

/* A task of ours that has these measures; it is never asked again. */
static void config_of(const reading *r, gn_slice version, gn_str *out) {
    gn_str_puts(out, "{\"task\":");
    gn_json_write_string(out, r->name);
    gn_str_fmt(out,
               ",\"dataset_path\":\"lm-eval\",\"test_split\":\"test\",\"output_type\":\"%s\","
               "\"doc_to_text\":\"\",\"doc_to_target\":\"\",\"metric_list\":[",
               gn_task_kind_name(r->kind));
    for (int i = 0; i < r->n_metric; i++)
        gn_str_fmt(out, "%s{\"metric\":\"%.*s\"}", i ? "," : "", (int)r->metric[i].len,
                   r->metric[i].data);
    gn_str_puts(out, r->kind == GN_TASK_CHOICE ? "],\"doc_to_choice\":[\"\"]" : "]");
    if (r->kind == GN_TASK_GENERATE) {
        gn_str_puts(out, ",\"filter_list\":[");
        for (int i = 0; i < r->n_filter; i++) {
            gn_str_puts(out, i ? ",{\"name\":" : "{\"name\":");
            gn_json_write_string(out, r->filter[i]);
            gn_str_puts(out, ",\"filter\":[{\"function\":\"take_first\"}]}");
        }
        gn_str_puts(out, "]");
    }
    gn_str_puts(out, ",\"metadata\":{\"version\":");
    gn_json_write_string(out, version);
    gn_str_puts(out, "}}");
}

static int64_t doc_id(const gn_value *line) {
    int64_t n = -1;
    gn_value_to_integer(gn_value_get(line, GN_S("doc_id")), &n);
    return n;
}

/* Lines of one document, wherever they stand: by number, then as they came. */
static int by_document(const void *a, const void *b) {
    const gn_value *x = *(const gn_value *const *)a, *y = *(const gn_value *const *)b;
    const int64_t i = doc_id(x), k = doc_id(y);
    return i < k ? -1 : i > k ? 1 : x < y ? -1 : x > y;
}

/* Which documents they are: logs of other data are of another task. */
static void hash_documents(const reading *r, char hex[GN_SHA256_HEX]) {
    uint8_t digest[GN_SHA256_BYTES] = {0};
    gn_key *k = gn_key_new();
    for (size_t i = 0; k && i < r->n_line; i++) {
        gn_str doc = {0};
        gn_json_write_canonical(&doc, gn_value_get(r->line[i], GN_S("doc")));
        gn_key_int(k, doc_id(r->line[i]));
        gn_key_text(k, gn_str_slice(&doc));
        gn_str_release(&doc);
    }
    if (k)
        gn_key_end(k, digest);
    gn_hex(digest, sizeof digest, hex);
}

static bool make_task(reading *r, gn_error *e) {
    gn_refusals refusals = {0};
    gn_str config = {0}, json = {0};
    const gn_value *version = gn_value_get(gn_value_get(r->m->results, GN_S("versions")), r->name);
    int64_t shots = 0;
    char sha[GN_SHA256_HEX], said[64] = "";
    uint8_t digest[GN_SHA256_BYTES];
    double number;
    if (version && version->kind == GN_STRING)
        snprintf(said, sizeof said, "%.*s", (int)gn_value_text(version).len,
                 gn_value_text(version).data);
    else if (gn_value_to_number(version, &number))
        snprintf(said, sizeof said, "%g", number);
    gn_value_to_integer(gn_value_get(gn_value_get(r->m->results, GN_S("n-shot")), r->name), &shots);
    char data[GN_SHA256_HEX];
    hash_documents(r, data);
    config_of(r, gn_slice_of(said), &config);
    gn_str_fmt(&json, "{\"imported\":true,\"data\":\"%s\",\"shots\":%" PRId64 ",\"task\":%s}", data,
               shots, gn_str_text(&config));
    const gn_task_source source = {.tree = gn_json_parse(&r->arena, gn_str_slice(&config), e),
                                   .file = GN_S("import"),
                                   .folder = GN_S("")};
    r->task = source.tree ? gn_task_new(&source, &refusals, e) : NULL;
    if (!r->task && !e->code)
        gn_fail(e, GN_FORMAT, "%.*s", refusals.count ? (int)refusals.item[0].why.len : 7,
                refusals.count ? refusals.item[0].why.data : "no task");
    gn_refusals_release(&refusals);
    gn_sha256_of(json.data, json.len, digest);
    gn_hex(digest, sizeof digest, sha);
    r->id = r->task ? gn_results_task(r->m->store, r->task, (int)shots, sha, gn_str_slice(&json),
                                      data, (int64_t)r->n_line, e)
                    : 0;
    gn_str_release(&config);
    gn_str_release(&json);
    return r->id != 0;
}

/* ---- answers ---------------------------------------------------------------------------------- */

/* How it was generated, as work.c says it of a greedy answer of ours. */
static void add_generation(gn_key *k, const gn_value *how) {
    static const char *const longest[] = {"max_gen_toks", "max_new_tokens", "max_tokens",
                                          "max_completion_tokens"};
    const gn_value *until = gn_value_get(how, GN_S("until"));
    gn_str text = {0};
    int64_t most = 256;
    for (int i = 0; i < 4; i++)
        if (gn_value_to_integer(gn_value_get(how, gn_slice_of(longest[i])), &most))
            break;
    gn_str_fmt(&text, "max %" PRId64 ", repeat 1", most);
    if (gn_value_true(gn_value_get(how, GN_S("do_sample")))) /* drawn elsewhere: its own question */
        gn_json_write_canonical(&text, how);
    gn_key_text(k, gn_str_slice(&text));
    const bool one = until && until->kind == GN_STRING;
    gn_key_int(k, one ? 1 : (int64_t)gn_value_count(until));
    for (size_t i = 0; i < (one ? 1 : gn_value_count(until)); i++)
        gn_key_text(k, gn_value_text(one ? until : gn_value_at(until, i)));
    gn_str_release(&text);
}

static void hash_request(const reading *r, gn_slice context, const gn_value *second,
                         uint8_t hash[GN_SHA256_BYTES]) {
    gn_key *k = gn_key_new();
    memset(hash, 0, GN_SHA256_BYTES);
    if (!k)
        return;
    gn_key_text(k, r->kind == GN_TASK_GENERATE  ? GN_S("generate")
                   : r->kind == GN_TASK_ROLLING ? GN_S("rolling")
                                                : GN_S("loglikelihood"));
    gn_key_text(k, r->kind == GN_TASK_ROLLING ? GN_S("") : context);
    if (r->kind == GN_TASK_GENERATE)
        add_generation(k, second);
    else
        gn_key_text(k, r->kind == GN_TASK_ROLLING ? context : gn_value_text(second));
    gn_key_end(k, hash);
}

/* "-12.3", or the number itself. */
static double number_of(const gn_value *v) {
    double x = NAN;
    if (v && v->kind == GN_STRING)
        gn_parse_number(gn_value_text(v), &x);
    else
        gn_value_to_number(v, &x);
    return x;
}

/* "True", or true. */
static bool is_true(const gn_value *v) {
    return v && (v->kind == GN_BOOL ? v->boolean : gn_slice_is(gn_value_text(v), "True"));
}

static int64_t write_answer(reading *r, const gn_value *request, const gn_value *said,
                            gn_error *e) {
    const gn_value *first = argument_of(request, 0), *second = argument_of(request, 1);
    const bool rolling = r->kind == GN_TASK_ROLLING, generate = r->kind == GN_TASK_GENERATE;
    const gn_slice context = gn_value_text(first),
                   continuation = generate || rolling ? GN_S("") : gn_value_text(second);
    const bool pair = said && said->kind == GN_LIST;
    uint8_t hash[GN_SHA256_BYTES], prompt[GN_SHA256_BYTES];
    hash_request(r, context, second, hash);
    if (!gn_store_text(r->m->store, context, prompt, e))
        return 0;
    const gn_response row = {.request_hash = hash,
                             .checkpoint = r->m->checkpoint,
                             .build = r->m->build,
                             .kind = generate  ? "generate"
                                     : rolling ? "rolling"
                                               : "loglikelihood",
                             .prompt_hash = prompt,
                             .continuation = continuation,
                             .logprob =
                                 generate ? 0 : number_of(pair ? gn_value_at(said, 0) : said),
                             .greedy = pair && is_true(gn_value_at(said, 1)),
                             .output = generate ? gn_value_text(said) : GN_S(""),
                             .stop = NULL};
    return gn_store_response(r->m->store, &row, e);
}

/* All answers of a document: of each request each repeat. Returns how many, -1 on failure. */
static int write_answers(reading *r, const gn_value *line, int64_t **id, gn_error *e) {
    const gn_value *resps = gn_value_get(line, GN_S("resps"));
    size_t room = 0;
    int n = 0;
    *id = NULL;
    for (size_t i = 0; i < gn_value_count(resps); i++) {
        const gn_value *of = gn_value_at(resps, i);
        for (size_t k = 0; k < gn_value_count(of); k++) {
            if (!gn_vec_reserve(id, &room, (size_t)n + 1, sizeof **id))
                return no_memory(e), -1;
            if (!((*id)[n++] = write_answer(r, request_of(line, i), gn_value_at(of, k), e)))
                return -1;
        }
    }
    return n;
}

/* ---- scores ------------------------------------------------------------------------------------- */

/* What the line says was answered: the filtered text, or the likeliest choice. */
static gn_slice extracted_of(reading *r, const gn_value *line, char number[16]) {
    const gn_value *filtered = gn_value_get(line, GN_S("filtered_resps"));
    if (r->kind == GN_TASK_GENERATE) {
        const gn_value *first = gn_value_at(filtered, 0);
        return first && first->kind == GN_LIST ? gn_value_text(gn_value_at(first, 0))
                                               : gn_value_text(first);
    }
    if (r->kind != GN_TASK_CHOICE)
        return (gn_slice){NULL, 0};
    size_t n = gn_value_count(filtered), best = 0;
    for (int i = 0; i < r->n_metric; i++) /* half of them are without a question */
        if (gn_slice_is(r->metric[i], "acc_mutual_info"))
            n = n / 2 + n % 2;
    for (size_t i = 1; i < n; i++)
        if (number_of(gn_value_at(gn_value_at(filtered, i), 0)) >
            number_of(gn_value_at(gn_value_at(filtered, best), 0)))
            best = i;
    snprintf(number, 16, "%zu", best);
    return gn_slice_of(number);
}

static int add_scores(reading *r, const gn_value *line, gn_score_row *out, int n, char number[16]) {
    const gn_slice filter = gn_value_text(gn_value_get(line, GN_S("filter")));
    const gn_slice extracted = extracted_of(r, line, number);
    for (int i = 0; i < r->n_metric; i++) {
        const gn_value *v = gn_value_get(line, r->metric[i]);
        const bool pair = v && v->kind == GN_LIST && gn_value_count(v) == 2;
        const double value = number_of(pair ? gn_value_at(v, 0) : v);
        if (isnan(value))
            continue;
        out[n++] = (gn_score_row){.metric = r->metric[i],
                                  .filter = filter,
                                  .value = value,
                                  .weight = pair ? number_of(gn_value_at(v, 1)) : 1,
                                  .extracted = extracted};
    }
    return n;
}

/* ---- documents ------------------------------------------------------------------------------------- */

static bool write_document(reading *r, const gn_value *const *line, size_t n, gn_error *e) {
    gn_document d = {.ix = doc_id(line[0])};
    gn_score_row *score = calloc(n * (size_t)r->n_metric + 1, sizeof *score);
    char(*number)[16] = calloc(n, sizeof *number);
    int64_t *answer = NULL;
    int n_score = 0, n_answer = -1;
    const gn_value *doc = gn_value_get(line[0], GN_S("doc")),
                   *target = gn_value_get(line[0], GN_S("target"));
    bool ok = (score && number) || no_memory(e);
    if (ok) {
        gn_json_write_canonical(&d.json, doc ? doc : line[0]);
        gn_sha256_of(d.json.data, d.json.len, d.hash);
        if (target && target->kind == GN_STRING && r->kind != GN_TASK_ROLLING)
            d.target = gn_value_text(target);
        ok = gn_str_ok(&d.json, e) && gn_results_doc(r->m->store, r->id, &d, e) &&
             (n_answer = write_answers(r, line[0], &answer, e)) >= 0;
    }
    for (size_t i = 0; ok && i < n; i++)
        n_score = add_scores(r, line[i], score, n_score, number[i]);
    bool *cached = ok ? calloc((size_t)n_answer + 1, sizeof *cached) : NULL;
    if (ok && (ok = cached || no_memory(e))) {
        const gn_sample sample = {.run = r->m->run,
                                  .task = r->id,
                                  .doc = d.ix,
                                  .response = answer,
                                  .cached = cached,
                                  .n = n_answer,
                                  .row = score,
                                  .n_row = n_score};
        ok = gn_results_sample(r->m->store, &sample, e);
    }
    gn_str_release(&d.json);
    free(score);
    free(number);
    free(answer);
    free(cached);
    return ok || gn_context(e, "document %" PRId64, d.ix);
}

static bool write_documents(reading *r, int64_t *n_doc, gn_error *e) {
    bool ok = true;
    *n_doc = 0;
    for (size_t i = 0, n; ok && i < r->n_line; i += n) {
        for (n = 1; i + n < r->n_line && doc_id(r->line[i + n]) == doc_id(r->line[i]); n++)
            ;
        ok = write_document(r, r->line + i, n, e);
        ++*n_doc;
    }
    return ok;
}

static bool plan(reading *r, int64_t n_doc, gn_error *e) {
    gn_statement *q =
        gn_sql_prepare(gn_store_sql(r->m->store),
                       "INSERT INTO run_task(run_id, task_id, n_planned) VALUES(?,?,?)", e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(r->m->run));
    gn_bind_int(q, 2, r->id);
    gn_bind_int(q, 3, n_doc);
    return gn_sql_run(q, e);
}

bool gn_import_task(importing *m, gn_slice name, bool *there, gn_error *e) {
    reading r = {.m = m, .name = name};
    gn_str path = {0};
    int64_t n_doc = 0;
    log_path(&r, &path);
    bool ok = gn_str_ok(&path, e);
    *there = ok && gn_path_exists(path.data);
    if (*there && (ok = read_lines(&r, path.data, e))) {
        qsort(r.line, r.n_line, sizeof *r.line, by_document);
        r.kind = kind_of(r.line[0]);
        gather(&r);
        if (r.n_metric == 0) {
            *there = false;
            gn_str_fmt(&m->out->notes, "%.*s is left out: no metric of it is known here\n",
                       (int)name.len, name.data);
        } else {
            ok = make_task(&r, e) && write_documents(&r, &n_doc, e) && plan(&r, n_doc, e);
            m->tasks++;
            m->samples += n_doc;
        }
    }
    gn_task_free(r.task);
    free(r.line);
    gn_arena_release(&r.arena);
    gn_str_release(&path);
    return ok || gn_context(e, "task %.*s", (int)name.len, name.data);
}
