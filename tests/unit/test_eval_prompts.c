/* test_eval_prompts.c - documents to requests and to scores, held to lm-evaluation-harness. */
/* floor: gn_eval gn_core gn_template gn_base */
#include "eval/eval.h"
#include "tests/unit/jsonl.h"

/* Those of tests/oracle/make_eval.py. */
static const char *const chatml =
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] | trim }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}";
static const char *const no_system =
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system role') }}"
    "{% endif %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}";

/* Both end their lines; the chat environment drops a template's own final newline alone. */
static bool render(void *user, const gn_value *messages, bool generation, gn_str *out,
                   gn_error *e) {
    gn_arena a = {0};
    gn_value *vars = gn_value_map(&a), *list = gn_arena_alloc(&a, sizeof *list);
    *list = *messages;
    gn_value_set(&a, vars, GN_S("messages"), list);
    gn_value_set(&a, vars, GN_S("add_generation_prompt"), gn_value_bool(&a, generation));
    gn_template *t = gn_template_new(gn_slice_of(user), GN_TEMPLATE_CHAT, e);
    const bool ok = t && gn_template_render(t, vars, out, e);
    gn_template_free(t);
    gn_arena_release(&a);
    return ok;
}

static gn_prompting prompting_of(const gn_value *row) {
    const gn_slice mode = gn_value_text(jsonl_at(row, "mode"));
    const bool other = gn_slice_is(mode, "nosystem");
    return (gn_prompting){.shots = (int)jsonl_integer(jsonl_at(row, "shots")),
                          .fewshot_seed = 1234,
                          .chat = mode.len > 0,
                          .one_turn = gn_slice_is(mode, "oneturn"),
                          .system = gn_value_text(jsonl_at(row, "system")),
                          .template_sha = GN_S(""),
                          .render = render,
                          .user = (void *)(other ? no_system : chatml)};
}

/* A task with its data, ready to be asked. */
typedef struct bench {
    gn_selection selection;
    gn_dataset data;
    gn_asker *asker;
} bench;

static void bench_release(bench *b) {
    gn_asker_free(b->asker);
    gn_dataset_release(&b->data);
    gn_selection_release(&b->selection);
}

static bool bench_open(bench *b, gn_index *x, gn_slice name, const gn_prompting *p,
                       const char *data, gn_error *e) {
    *b = (bench){0};
    if (!gn_index_select(x, name, &b->selection, e))
        return false;
    for (size_t i = 0; i < b->selection.refusals.count; i++) {
        const gn_refusal *r = &b->selection.refusals.item[i];
        return gn_fail(e, GN_INVALID, "%.*s: %.*s", (int)r->where.len, r->where.data,
                       (int)r->why.len, r->why.data);
    }
    return gn_dataset_open(&b->data, b->selection.task[0], p, data, e) &&
           (b->asker = gn_asker_new(b->selection.task[0], &b->data, p, e));
}

static bool same_text(const char *what, gn_slice got, gn_slice want) {
    if (gn_slice_equal(got, want))
        return true;
    printf("%s: got\n%.*s|\nwant\n%.*s|\n", what, (int)got.len, got.data, (int)want.len, want.data);
    return false;
}

static bool same_requests(const gn_document *d, const gn_value *want) {
    gn_slice context = {NULL, 0};
    if (d->n_request != (int)gn_value_count(want)) {
        printf("%d requests, not %zu\n", d->n_request, gn_value_count(want));
        return false;
    }
    for (int i = 0; i < d->n_request; i++) {
        const gn_asked *r = &d->request[i];
        const gn_value *pair = gn_value_at(want, (size_t)i), *first = gn_value_at(pair, 0),
                       *second = gn_value_at(pair, 1);
        if (r->kind == GN_REQUEST_ROLLING) {
            if (!same_text("text", r->continuation, gn_value_text(first)))
                return false;
            continue;
        }
        if (first->kind == GN_STRING)
            context = first->string;
        if (!same_text("context", r->context, context) ||
            (r->kind == GN_REQUEST_SCORE &&
             !same_text("continuation", r->continuation, gn_value_text(second))))
            return false;
    }
    return true;
}

static bool ask_all(const gn_value *row, bench *b, bool backwards, gn_error *e) {
    const gn_value *docs = jsonl_at(row, "docs");
    const int n = (int)gn_value_count(docs);
    for (int i = 0; i < n; i++) {
        const int ix = backwards ? n - 1 - i : i;
        gn_document d;
        if (!gn_asker_ask(b->asker, ix, &d, e))
            return false;
        const bool ok = same_requests(&d, gn_value_at(docs, (size_t)ix));
        gn_document_release(&d);
        if (!ok)
            return gn_fail(e, GN_INVALID, "document %d", ix);
    }
    return true;
}

static void check_prompts(bool backwards) {
    const char *folder = "tests/oracle/eval/tasks";
    jsonl f = jsonl_open("tests/oracle/eval_prompts.jsonl");
    gn_arena a = {0};
    gn_error e = {0};
    gn_index *x = gn_index_new(&folder, 1, &e);
    int n = 0;
    for (const gn_value *row; CHECK(x) && (row = jsonl_next(&f, &a)); n++) {
        const gn_prompting p = prompting_of(row);
        bench b;
        e = (gn_error){0};
        const bool ok =
            bench_open(&b, x, gn_value_text(jsonl_at(row, "task")), &p,
                       jsonl_at(row, "builtin") ? "tests/oracle/eval/data" : NULL, &e) &&
            ask_all(row, &b, backwards, &e);
        if (!CHECK(ok)) {
            const gn_slice name = gn_value_text(jsonl_at(row, "task")),
                           mode = gn_value_text(jsonl_at(row, "mode"));
            printf("%.*s, %d shots, mode '%.*s': %s\n", (int)name.len, name.data, p.shots,
                   (int)mode.len, mode.data, e.message);
        }
        bench_release(&b);
        gn_arena_release(&a);
    }
    CHECK(n > 120);
    gn_index_free(x);
    jsonl_close(&f);
}

TEST(requests_equal_the_harness_text_for_text) { check_prompts(false); }

TEST(a_documents_shots_depend_on_its_number_alone) { check_prompts(true); }

/* ---- scores of documents ------------------------------------------------ */

static bool same_rows(const gn_value *row, bench *b, gn_arena *a, gn_error *e) {
    const gn_value *answers = jsonl_at(row, "answers"), *want = jsonl_at(row, "want");
    gn_answer answer[32];
    gn_document d;
    gn_score_row *got;
    int n = 0;
    if (!gn_asker_ask(b->asker, jsonl_integer(jsonl_at(row, "doc")), &d, e))
        return false;
    for (size_t i = 0; i < gn_value_count(answers); i++) {
        const gn_value *v = gn_value_at(answers, i);
        answer[i] = (gn_answer){.logprob = jsonl_number(gn_value_at(v, 0)),
                                .greedy = gn_value_true(gn_value_at(v, 1)),
                                .text = gn_value_text(gn_value_at(v, 2))};
    }
    bool ok = gn_document_score(b->selection.task[0], &d, answer, (int)gn_value_count(answers),
                                NULL, a, &got, &n, e);
    for (size_t k = 0; ok && k < want->map.count; k++) {
        const gn_entry *entry = &want->map.entry[k];
        int i = 0;
        while (i < n && !gn_slice_equal(got[i].metric, entry->key))
            i++;
        ok = i < n && fabs(got[i].value - jsonl_number(entry->value)) < 1e-12;
        if (!ok)
            gn_fail(e, GN_INVALID, "%.*s is %.17g, not %.17g", (int)entry->key.len, entry->key.data,
                    i < n ? got[i].value : NAN, jsonl_number(entry->value));
    }
    gn_document_release(&d);
    return ok;
}

TEST(documents_score_as_in_the_harness) {
    const char *folder = "tests/oracle/eval/tasks";
    jsonl f = jsonl_open("tests/oracle/eval_rows.jsonl");
    const gn_prompting p = {.shots = 0, .system = GN_S(""), .template_sha = GN_S("")};
    gn_arena a = {0};
    gn_error e = {0};
    gn_index *x = gn_index_new(&folder, 1, &e);
    int n = 0;
    for (const gn_value *row; CHECK(x) && (row = jsonl_next(&f, &a)); n++) {
        bench b;
        e = (gn_error){0};
        const bool ok = bench_open(&b, x, gn_value_text(jsonl_at(row, "task")), &p, NULL, &e) &&
                        same_rows(row, &b, &a, &e);
        if (!CHECK(ok)) {
            gn_str s = {0};
            gn_json_write(&s, row);
            printf("%s: %s\n", gn_str_text(&s), e.message);
            gn_str_release(&s);
        }
        bench_release(&b);
        gn_arena_release(&a);
    }
    CHECK(n == 115);
    gn_index_free(x);
    jsonl_close(&f);
}

/* ---- what the offline suite is ------------------------------------------ */

TEST(the_built_in_suite_asks_without_a_file) {
    gn_error e = {0};
    gn_index *x = gn_index_new(NULL, 0, &e);
    gn_selection s;
    CHECK(x && gn_index_select(x, GN_S("offline"), &s, &e) && s.refusals.count == 0);
    CHECK(s.n_task == 5 && s.n_group == 1 && s.group[0].n_leaf == 5 && s.group[0].n_metric == 1);
    for (int i = 0; i < s.n_task; i++) {
        const gn_prompting p = {
            .shots = -1, .fewshot_seed = 1234, .system = GN_S(""), .template_sha = GN_S("")};
        gn_dataset data = {0};
        gn_document d;
        int64_t n = 0;
        if (!CHECK(gn_dataset_open(&data, s.task[i], &p, NULL, &e))) {
            printf("%s\n", e.message);
            continue;
        }
        gn_asker *asker = gn_asker_new(s.task[i], &data, &p, &e);
        for (int64_t ix = 0; CHECK(asker) && ix < gn_asker_count(asker); ix++, n++)
            if (CHECK(gn_asker_ask(asker, ix, &d, &e)))
                gn_document_release(&d);
        CHECK(n >= 30 && n <= 60);
        gn_asker_free(asker);
        gn_dataset_release(&data);
    }
    gn_selection_release(&s);
    gn_index_free(x);
}
