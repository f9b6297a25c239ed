/* test_eval_answers.c - draws, filters, scores and checks, held to CPython, lm-evaluation-harness */
/* floor: gn_eval gn_core gn_template gn_base */
#include "eval/eval.h"
#include "eval/ifeval.h"
#include "tests/unit/jsonl.h"

/* ---- draws -------------------------------------------------------------- */

/* Numbers of a line after the first words. */
static int64_t number(gn_slice *rest) {
    int64_t n = 0;
    size_t i = 0;
    while (i < rest->len && rest->data[i] != ' ')
        i++;
    gn_parse_integer((gn_slice){rest->data, i}, &n);
    *rest = gn_slice_from(*rest, i + 1);
    return n;
}

static int count_numbers(gn_slice rest) {
    int n = rest.len > 0;
    for (size_t i = 0; i < rest.len; i++)
        n += rest.data[i] == ' ';
    return n;
}

static bool same_bits(gn_slice line) {
    gn_draw d;
    gn_draw_seed(&d, number(&line));
    const int n = count_numbers(line);
    for (int i = 0; i < 700 - n; i++)
        gn_draw_bits(&d, 32);
    for (int i = 0; i < n; i++)
        if (gn_draw_bits(&d, 32) != (uint32_t)number(&line))
            return false;
    return true;
}

static bool same_sample(gn_slice line) {
    gn_draw d;
    gn_draw_seed(&d, number(&line));
    const uint32_t n = (uint32_t)number(&line), k = (uint32_t)number(&line);
    uint32_t out[64];
    for (int draw = 0; draw < 3; draw++) {
        if (!gn_draw_sample(&d, n, k, out))
            return false;
        for (uint32_t i = 0; i < k && i < 12; i++)
            if (out[i] != (uint32_t)number(&line))
                return false;
    }
    return true;
}

static bool same_choices(gn_slice line) {
    gn_draw d;
    uint32_t out[1000];
    gn_draw_seed(&d, number(&line));
    number(&line);
    gn_draw_choices(&d, 1000, 1000, out);
    for (int i = 800; i < 1000; i++)
        if (out[i] != (uint32_t)number(&line))
            return false;
    return true;
}

TEST(draws_equal_those_of_cpython) {
    jsonl f = jsonl_open("tests/oracle/eval_draws.txt");
    gn_slice line;
    int n = 0;
    for (; jsonl_line(&f, &line); n++) {
        const gn_slice word = line;
        const gn_slice rest = gn_slice_from(line, strcspn(line.data, " ") + 1);
        if (gn_slice_starts(word, GN_S("bits")))
            CHECK(same_bits(rest));
        else if (gn_slice_starts(word, GN_S("sample")))
            CHECK(same_sample(rest));
        else
            CHECK(same_choices(rest));
    }
    CHECK(n == 55);
    jsonl_close(&f);
}

/* ---- filters ------------------------------------------------------------ */

/* A task that does nothing but carry a pipeline. */
static gn_task *task_with(gn_arena *a, const gn_value *filters, gn_refusals *r) {
    gn_error e = {0};
    gn_value *tree = gn_yaml_parse(
        a, GN_S("{task: t, dataset_path: d, test_split: test, doc_to_text: x, doc_to_target: y}"),
        &e);
    gn_value *list = gn_value_list(a), *pipeline = gn_value_map(a), *copy = gn_value_list(a);
    for (size_t i = 0; i < gn_value_count(filters); i++)
        gn_value_add(a, copy, gn_value_at(filters, i));
    gn_value_set(a, pipeline, GN_S("name"), gn_value_string(a, GN_S("x")));
    gn_value_set(a, pipeline, GN_S("filter"), copy);
    gn_value_add(a, list, pipeline);
    gn_value_set(a, tree, GN_S("filter_list"), list);
    const gn_task_source s = {.tree = tree, .file = GN_S("test"), .folder = GN_S(".")};
    gn_task *t = gn_task_new(&s, r, &e);
    if (!t)
        printf("%.*s: %.*s\n", (int)r->item[0].where.len, r->item[0].where.data,
               (int)r->item[0].why.len, r->item[0].why.data);
    return t;
}

static bool is_filtered(const gn_value *row, gn_arena *a) {
    gn_refusals refusals = {0};
    gn_error e = {0};
    gn_task *t = task_with(a, jsonl_at(row, "filter"), &refusals);
    const gn_value *answers = jsonl_at(row, "answers"), *want = jsonl_at(row, "want");
    gn_slice text[16];
    gn_filtered *out;
    int n;
    bool taken, ok = t != NULL;
    const gn_document doc = {.doc = row};
    for (size_t i = 0; i < gn_value_count(answers); i++)
        text[i] = gn_value_text(gn_value_at(answers, i));
    ok = ok && gn_pipeline_run(&t->pipeline[0], &doc, text, (int)gn_value_count(answers), a, &out,
                               &n, &taken, &e);
    gn_str got = {0}, wanted = {0};
    if (ok) {
        gn_print_str(&wanted, want);
        gn_str_add(&got, out[0].text.data ? out[0].text : GN_S("None"));
        ok = taken && n == 1 && CHECK_TEXT(gn_str_text(&got), gn_str_text(&wanted));
    } else {
        printf("%s\n", e.message);
    }
    gn_str_release(&got);
    gn_str_release(&wanted);
    gn_task_free(t);
    gn_refusals_release(&refusals);
    return ok;
}

TEST(filters_give_what_the_harness_gives) {
    jsonl f = jsonl_open("tests/oracle/eval_filters.jsonl");
    gn_arena a = {0};
    int n = 0;
    for (const gn_value *row; (row = jsonl_next(&f, &a)); n++) {
        if (!CHECK(is_filtered(row, &a))) {
            gn_str s = {0};
            gn_json_write(&s, row);
            printf("%s\n", gn_str_text(&s));
            gn_str_release(&s);
        }
        gn_arena_release(&a);
    }
    CHECK(n == 540);
    jsonl_close(&f);
}

TEST(an_answer_is_cut_at_each_stop_string_in_order) {
    const gn_slice stop[] = {GN_S("Q:"), GN_S(""), GN_S("\n")};
    CHECK(gn_slice_is(gn_answer_cut(GN_S("a\nb Q: c"), GN_S(""), stop, 3), "a"));
    CHECK(gn_slice_is(gn_answer_cut(GN_S("x</t> y\nz</t>  w Q:"), GN_S("</t>"), stop, 3), "w "));
    CHECK(gn_slice_is(gn_answer_cut(GN_S("  plain"), GN_S(""), stop, 3), "  plain"));
}

/* ---- scores ------------------------------------------------------------- */

static gn_aggregation aggregation(gn_slice name) {
    for (int i = 0; i < GN_AGGREGATIONS; i++)
        if (gn_slice_is(name, gn_aggregation_name((gn_aggregation)i)))
            return (gn_aggregation)i;
    printf("no aggregation %.*s\n", (int)name.len, name.data);
    abort();
}

static bool near(double got, double want) { return fabs(got - want) <= 1e-12 * (1 + fabs(want)); }

static bool is_scored(const gn_value *row, gn_pool *pool) {
    const gn_value *items = jsonl_at(row, "items"), *error = jsonl_at(row, "error");
    gn_item item[64];
    gn_estimate got;
    gn_error e = {0};
    const size_t n = gn_value_count(items);
    for (size_t i = 0; i < n; i++) {
        const gn_value *v = gn_value_at(items, i);
        item[i] = (gn_item){.value = jsonl_number(gn_value_at(v, 0)),
                            .weight = jsonl_number(gn_value_at(v, 1)),
                            .target = gn_value_text(gn_value_at(v, 2)),
                            .extracted = gn_value_text(gn_value_at(v, 3))};
    }
    if (!gn_aggregate(aggregation(gn_value_text(jsonl_at(row, "aggregation"))), item, (int64_t)n,
                      pool, true, &got, &e)) {
        printf("%s\n", e.message);
        return false;
    }
    const bool ok = near(got.value, jsonl_number(jsonl_at(row, "value"))) &&
                    (error->kind == GN_NULL || near(got.error, jsonl_number(error)));
    if (!ok)
        printf("got %.17g +- %.17g\n", got.value, got.error);
    return ok;
}

static bool is_grouped(const gn_value *row) {
    const gn_value *leaves = jsonl_at(row, "leaves");
    gn_estimate leaf[8];
    const int n = (int)gn_value_count(leaves);
    for (int i = 0; i < n; i++) {
        const gn_value *v = gn_value_at(leaves, (size_t)i);
        leaf[i] = (gn_estimate){.value = jsonl_number(gn_value_at(v, 0)),
                                .error = jsonl_number(gn_value_at(v, 1)),
                                .n = jsonl_integer(gn_value_at(v, 2))};
    }
    const gn_estimate got = gn_aggregate_group(leaf, n, gn_value_true(jsonl_at(row, "by_size")));
    return near(got.value, jsonl_number(jsonl_at(row, "value"))) &&
           near(got.error, jsonl_number(jsonl_at(row, "error")));
}

static void check_scores(gn_pool *pool) {
    jsonl f = jsonl_open("tests/oracle/eval_scores.jsonl");
    gn_arena a = {0};
    int n = 0;
    for (const gn_value *row; (row = jsonl_next(&f, &a)); n++) {
        const gn_value *group = jsonl_at(row, "group");
        if (!CHECK(group ? is_grouped(group) : is_scored(row, pool))) {
            gn_str s = {0};
            gn_json_write(&s, row);
            printf("%s\n", gn_str_text(&s));
            gn_str_release(&s);
        }
        gn_arena_release(&a);
    }
    CHECK(n == 67);
    jsonl_close(&f);
}

TEST(scores_and_their_errors_are_those_of_the_harness) { check_scores(NULL); }

TEST(scores_do_not_depend_on_threads) {
    gn_error e = {0};
    gn_pool *pool = gn_pool_new(2, &e);
    if (CHECK(pool))
        check_scores(pool);
    gn_pool_free(pool);
}

TEST(one_score_has_no_error) {
    const gn_item item = {.value = 0.5, .weight = 1};
    gn_estimate got;
    gn_error e = {0};
    CHECK(gn_aggregate(GN_AGGREGATE_MEAN, &item, 1, NULL, true, &got, &e) && isnan(got.error));
    CHECK(gn_aggregate(GN_AGGREGATE_MEAN, &item, 0, NULL, true, &got, &e) && isnan(got.value));
}

TEST(f1_refuses_what_is_not_two_classes) {
    const gn_item item[3] = {{.value = 0, .target = GN_S("0")},
                             {.value = 1, .target = GN_S("2")},
                             {.value = 1, .target = GN_S("1")}};
    gn_estimate got;
    gn_error e = {0};
    CHECK(!gn_aggregate(GN_AGGREGATE_F1, item, 3, NULL, true, &got, &e) && e.code == GN_INVALID);
}

/* ---- instructions ------------------------------------------------------- */

TEST(instructions_are_kept_where_the_original_says_so) {
    jsonl f = jsonl_open("tests/oracle/eval_ifeval.jsonl");
    gn_arena a = {0};
    int n = 0;
    for (const gn_value *row; (row = jsonl_next(&f, &a)); n++) {
        gn_ifeval got;
        gn_error e = {0};
        const bool ok = gn_ifeval_check(jsonl_at(row, "doc"),
                                        gn_value_text(jsonl_at(row, "answer")), &got, &e) &&
                        !got.approximate && got.strict == jsonl_integer(jsonl_at(row, "strict")) &&
                        got.loose == jsonl_integer(jsonl_at(row, "loose"));
        if (!CHECK(ok)) {
            gn_str s = {0};
            gn_json_write(&s, row);
            printf("%s got %d %d %s\n", gn_str_text(&s), got.strict, got.loose, e.message);
            gn_str_release(&s);
        }
        gn_arena_release(&a);
    }
    CHECK(n == 350);
    jsonl_close(&f);
}

TEST(instructions_that_need_a_library_are_marked) {
    static const char *const id[] = {
        "length_constraints:number_sentences", "change_case:capital_word_frequency",
        "change_case:english_capital",         "change_case:english_lowercase",
        "language:response_language",          "keywords:existence"};
    for (size_t i = 0; i < sizeof id / sizeof *id; i++) {
        gn_arena a = {0};
        gn_str text = {0};
        gn_error e = {0};
        gn_ifeval got;
        gn_str_fmt(&text, "{\"instruction_id_list\":[\"%s\"],\"kwargs\":[{\"keywords\":null}]}",
                   id[i]);
        gn_value *doc = gn_json_parse(&a, gn_str_slice(&text), &e);
        CHECK(gn_ifeval_check(doc, GN_S("An answer. Another one."), &got, &e) && got.approximate);
        gn_str_release(&text);
        gn_arena_release(&a);
    }
}
