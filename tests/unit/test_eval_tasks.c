/* test_eval_tasks.c - task files, groups, tags, data files: what loads and what is told of the rest. */
/* floor: gn_eval gn_core gn_template gn_base */
#include "eval/eval.h"
#include "tests/check.h"
#include "tests/unit/temporary.h"

/* A folder of files for one test. */
static char folder[128];

static void begin(void) {
    static int n;
    char name[16];
    snprintf(name, sizeof name, "%d", n++);
    snprintf(folder, sizeof folder, "%s", in_folder(name));
}

static void file(const char *name, const char *text) {
    char path[256];
    gn_error e = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    gn_str parent = {0};
    gn_str_add(&parent, gn_path_folder(gn_slice_of(path)));
    gn_path_make_folder(gn_str_text(&parent), &e);
    gn_str_release(&parent);
    if (!gn_file_write(path, gn_slice_of(text), &e)) {
        printf("%s\n", e.message);
        abort();
    }
}

static gn_index *open_index(void) {
    const char *include = folder;
    gn_error e = {0};
    gn_index *x = gn_index_new(&include, 1, &e);
    if (!x) {
        printf("%s\n", e.message);
        abort();
    }
    return x;
}

#define TASK                                                                                       \
    "dataset_path: json\ndataset_kwargs: {data_files: {test: data.jsonl}}\ntest_split: test\n"     \
    "output_type: multiple_choice\ndoc_to_text: q\ndoc_to_choice: [a, b]\ndoc_to_target: 0\n"

/* The refusals of a file as text, a line each, without the folder. */
static const char *told(const char *name) {
    static char out[4096];
    char path[256];
    gn_refusals r = {0};
    gn_error e = {0};
    int good;
    size_t n = 0;
    gn_index *x = gn_index_new(NULL, 0, &e);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    out[0] = 0;
    if (!gn_index_validate(x, path, &r, &good, &e))
        snprintf(out, sizeof out, "%s", e.message);
    for (size_t i = 0; i < r.count; i++) {
        const gn_slice where = gn_slice_from(r.item[i].where, strlen(folder) + 1);
        n += (size_t)snprintf(out + n, sizeof out - n, "%.*s: %.*s\n", (int)where.len, where.data,
                              (int)r.item[i].why.len, r.item[i].why.data);
    }
    gn_refusals_release(&r);
    gn_index_free(x);
    return out;
}

/* ---- faults ------------------------------------------------------------- */

TEST(faults_are_told_with_file_line_and_key) {
    begin();
    file("good.yaml", "task: good\n" TASK);
    CHECK_TEXT(told("good.yaml"), "");

    file("a.yaml", "task: a\n" TASK "doc_to_txt: x\n");
    CHECK_TEXT(told("a.yaml"), "a.yaml:9: doc_to_txt: no such key; did you mean doc_to_text?\n");

    file("b.yaml", "task: b\n" TASK "metric_list:\n  - {metric: acc}\n  - {metric: acc_norn}\n");
    CHECK_TEXT(told("b.yaml"),
               "b.yaml:11: metric_list.metric: no metric 'acc_norn'; did you mean acc_norm?\n");

    file("ter.yaml", "task: t\n" TASK "metric_list: [{metric: ter}]\n");
    CHECK_TEXT(told("ter.yaml"), "ter.yaml:9: metric_list.metric: ter is not computed here; take "
                                 "bleu, chrf or chrf++\n");

    file("c.yaml", "task: c c\n" TASK);
    CHECK_TEXT(told("c.yaml"),
               "c.yaml:1: task: 'c c': a name has letters, digits and _.:()+- alone\n");

    file("d.yaml", "task: d\n" TASK "num_fewshot: -1\nrepeats: x\n");
    CHECK_TEXT(told("d.yaml"), "d.yaml:9: num_fewshot: want an integer from 0 on\n"
                               "d.yaml:10: repeats: want an integer from 1 on\n");

    file("e.yaml", "task: e\n" TASK "description: '{{ x | nofilter }}'\n");
    CHECK(strstr(told("e.yaml"), "e.yaml:9: description: ") && strstr(told("e.yaml"), "nofilter"));

    file("f.yaml", "task: f\ndataset_path: x\n");
    CHECK_TEXT(told("f.yaml"),
               "f.yaml: test_split: neither it nor validation_split is given\n"
               "f.yaml: doc_to_text: is missing: the prompt, a template or a column\n"
               "f.yaml: doc_to_target: is missing: the answer, a template or a column\n");

    file("g.yaml", "task: g\n" TASK "metric_list: [{metric: perplexity}]\n");
    CHECK_TEXT(told("g.yaml"),
               "g.yaml:9: metric_list.metric: perplexity is not for multiple_choice\n");

    file("h.yaml", "just a text");
    CHECK(strstr(told("h.yaml"), "h.yaml: a string where a map of keys is wanted"));
    file("i.yaml", "a: [1\n");
    CHECK(strstr(told("i.yaml"), "i.yaml: "));
    file("j.yaml", "doc_to_text: x\n");
    CHECK(strstr(told("j.yaml"), "j.yaml: task: is missing, and so is group"));
    CHECK(strstr(told("none.yaml"), "is not there"));
}

TEST(all_of_a_tasks_code_is_refused_by_name_at_once) {
    begin();
    file("a.yaml", "task: a\n" TASK
                   "process_docs: !function utils.docs\nprocess_results: !function utils.score\n"
                   "metric_list: [{metric: acc, aggregation: !function utils.mean}]\n"
                   "doc_to_decontamination_query: !function utils.ignored\n"
                   "filter_list: [{name: x, filter: [{function: custom, filter_fn: f}]}]\n");
    const char *out = told("a.yaml");
    CHECK(strstr(out, "a.yaml:9: process_docs: !function utils.docs is Python, which gneiss does "
                      "not run; say it as a template"));
    CHECK(strstr(out, "a.yaml:10: process_results: !function utils.score"));
    CHECK(strstr(out, "a.yaml:11: metric_list.aggregation: !function utils.mean"));
    CHECK(strstr(out, "a.yaml:13: filter_list.filter.function: no filter 'custom'"));
    CHECK(!strstr(out, "ignored"));
}

TEST(processed_data_need_no_process_docs) {
    begin();
    file("a.yaml", "task: a\n" TASK "process_docs: !function utils.docs\n");
    gn_index *x = open_index();
    gn_selection s;
    gn_error e = {0};
    CHECK(gn_index_select(x, GN_S("a"), &s, &e) && s.refusals.count == 1 && s.n_task == 0);
    gn_selection_release(&s);
    gn_index_processed(x);
    CHECK(gn_index_select(x, GN_S("a"), &s, &e) && s.refusals.count == 0 && s.n_task == 1);
    gn_selection_release(&s);
    gn_index_free(x);
}

/* ---- include ------------------------------------------------------------ */

TEST(included_keys_give_way_to_the_files_own) {
    begin();
    file("base", TASK "num_fewshot: 3\ndescription: base\n");
    file("more.yaml", "include: base\ndescription: more\n");
    file("sub/a.yaml", "task: a\ninclude: [../base, ../more.yaml]\nnum_fewshot: 4\n");
    gn_index *x = open_index();
    gn_selection s;
    gn_error e = {0};
    CHECK(gn_index_select(x, GN_S("a"), &s, &e) && s.n_task == 1);
    if (s.n_task == 1) {
        CHECK(s.task[0]->shots == 4);
        CHECK(gn_slice_is(s.task[0]->description.source, "more"));
    }
    gn_selection_release(&s);
    gn_index_free(x);
}

TEST(a_fault_in_an_included_file_names_that_file) {
    begin();
    file("base", TASK "repeats: none\n");
    file("a.yaml", "task: a\ninclude: base\n");
    CHECK_TEXT(told("a.yaml"), "base:8: repeats: want an integer from 1 on\n");
}

TEST(a_cycle_of_includes_is_an_error) {
    begin();
    file("a.yaml", "task: a\ninclude: b.yaml\n");
    file("b.yaml", "include: a.yaml\n");
    CHECK(strstr(told("a.yaml"), "a cycle, back to"));
    file("c.yaml", "task: c\ninclude: nowhere.yaml\n");
    CHECK(strstr(told("c.yaml"), "nowhere.yaml"));
}

/* ---- names, tags, groups ------------------------------------------------ */

static gn_selection pick(gn_index *x, const char *names) {
    gn_selection s;
    gn_error e = {0};
    if (!CHECK(gn_index_select(x, gn_slice_of(names), &s, &e)))
        printf("%s: %s\n", names, e.message);
    for (size_t i = 0; i < s.refusals.count; i++)
        printf("%.*s: %.*s\n", (int)s.refusals.item[i].where.len, s.refusals.item[i].where.data,
               (int)s.refusals.item[i].why.len, s.refusals.item[i].why.data);
    return s;
}

static bool has(const gn_selection *s, int i, const char *name) {
    return i < s->n_task && gn_slice_is(s->task[i]->name, name);
}

TEST(names_are_tasks_groups_tags_globs_and_paths) {
    begin();
    file("1.yaml", "task: zeta\ntag: [both, odd]\n" TASK);
    file("2.yaml", "task: alpha\ntag: both\n" TASK);
    file("3.json", "{\"task\": \"alone\", \"include\": \"base\"}");
    file("base", TASK);
    file("group.yaml", "group: g\ntask: [zeta, alone]\n");
    gn_index *x = open_index();

    gn_selection s = pick(x, "both");
    CHECK(s.n_task == 2 && has(&s, 0, "alpha") && has(&s, 1, "zeta"));
    gn_selection_release(&s);
    s = pick(x, "zeta, g ,alpha");
    CHECK(s.n_task == 3 && has(&s, 0, "zeta") && has(&s, 1, "alone") && has(&s, 2, "alpha"));
    CHECK(s.n_group == 1 && s.group[0].n_leaf == 2);
    gn_selection_release(&s);
    s = pick(x, "al*");
    CHECK(s.n_task == 2 && has(&s, 0, "alone") && has(&s, 1, "alpha"));
    gn_selection_release(&s);

    char path[256];
    snprintf(path, sizeof path, "%s/group.yaml", folder);
    gn_error e = {0};
    gn_index *none = gn_index_new(NULL, 0, &e);
    s = pick(none, path);
    CHECK(s.n_task == 2 && has(&s, 0, "zeta"));
    gn_selection_release(&s);
    CHECK(!gn_index_select(none, GN_S("hellaswog"), &s, &e) && e.code == GN_INVALID &&
          strstr(e.message, "did you mean hellaswag?"));
    gn_selection_release(&s);
    gn_index_free(none);
    gn_index_free(x);
}

/* First wins: the member's map, what came from outside, the group's own keys, the file. */
TEST(a_groups_keys_lie_over_its_members) {
    begin();
    file("t.yaml", "task: t\n" TASK "num_fewshot: 1\ndescription: file\ntarget_delimiter: F\n"
                   "fewshot_delimiter: F\n");
    file("u.yaml", "task: u\n" TASK);
    file("inner.yaml", "group: inner\nnum_fewshot: 2\ndescription: inner\ntarget_delimiter: I\n"
                       "task: [{task: t, description: item}]\n");
    file("outer.yaml",
         "group: outer\nnum_fewshot: 3\nmetadata: {version: 7}\ntask:\n"
         "  - {group: inner, num_fewshot: 4}\n"
         "  - {group: new, group_alias: N, task: [u], num_fewshot: 5,\n"
         "     aggregate_metric_list: {metric: acc, filter_list: none, weight_by_size: false}}\n"
         "  - {task: made, dataset_path: json, dataset_kwargs: {data_files: d.jsonl},\n"
         "     test_split: train, output_type: loglikelihood, doc_to_text: a, doc_to_target: b}\n");
    gn_index *x = open_index();
    gn_selection s = pick(x, "outer");
    CHECK(s.n_task == 3 && has(&s, 0, "t") && has(&s, 1, "u") && has(&s, 2, "outer::made"));
    if (s.n_task == 3) {
        CHECK(s.task[0]->shots == 4);
        CHECK(gn_slice_is(s.task[0]->description.source, "item"));
        CHECK(gn_slice_is(s.task[0]->form.target_delimiter, "I"));
        CHECK(gn_slice_is(s.task[0]->form.fewshot_delimiter, "F"));
        CHECK(s.task[1]->shots == 3); /* from outside, over the group's own 5 */
        CHECK(s.task[2]->shots == 3);
    }
    CHECK(s.n_group == 3 && gn_slice_is(s.group[0].name, "outer") &&
          gn_slice_is(s.group[0].version, "7") && s.group[0].n_leaf == 3 &&
          s.group[0].n_child == 2 && s.group[0].n_task == 1);
    if (s.n_group == 3) {
        const gn_group *made = &s.group[2];
        CHECK(gn_slice_is(made->name, "outer::new") && gn_slice_is(made->alias, "N"));
        CHECK(made->n_metric == 1 && !made->metric[0].by_size && made->metric[0].n_filter == 1);
    }
    gn_selection_release(&s);
    gn_index_free(x);
}

TEST(a_group_with_a_refused_member_is_refused) {
    begin();
    file("t.yaml", "task: t\n" TASK "process_docs: !function u.f\n");
    file("g.yaml", "group: g\ntask:\n  - t\n  - nowhere\n");
    file("loop.yaml", "group: loop\ntask: [loop]\n");
    gn_index *x = open_index();
    gn_selection s;
    gn_error e = {0};
    CHECK(gn_index_select(x, GN_S("g"), &s, &e) && s.n_task == 0 && s.refusals.count == 3);
    gn_selection_release(&s);
    CHECK(gn_index_select(x, GN_S("loop"), &s, &e) && s.refusals.count > 0);
    gn_selection_release(&s);
    gn_index_free(x);
}

TEST(a_later_folder_replaces_a_name) {
    begin();
    file("mine.yaml", "task: hellaswag\n" TASK);
    gn_index *x = open_index();
    gn_selection s = pick(x, "hellaswag");
    CHECK(s.n_task == 1 && gn_slice_is(s.task[0]->dataset_path, "json"));
    CHECK(strstr(gn_index_notes(x), "'hellaswag' replaces that of builtin:hellaswag.yaml"));
    gn_selection_release(&s);
    gn_index_free(x);
}

/* ---- data --------------------------------------------------------------- */

static bool open_data(gn_index *x, const char *name, gn_selection *s, gn_dataset *d,
                      const char *data, gn_error *e) {
    const gn_prompting p = {.shots = -1, .system = GN_S(""), .template_sha = GN_S("")};
    *s = pick(x, name);
    *d = (gn_dataset){0};
    return s->n_task == 1 && gn_dataset_open(d, s->task[0], &p, data, e);
}

TEST(documents_come_in_four_forms) {
    begin();
    file("lines.jsonl", "{\"q\":\"1\"}\n\n{\"q\":\"2\"}\n");
    file("array.json", "[{\"q\":\"1\"},{\"q\":\"2\"}]");
    file("row.json", "{\"q\":\"}1\"}\n {\"q\":\"2\\\"{\"}");
    file("field.json", "{\"rows\":[{\"q\":\"1\"},{\"q\":\"2\"}],\"other\":1}");
    const char *kwargs[] = {"{data_files: lines.jsonl}", "{data_files: [array.json]}",
                            "{data_files: {train: 'ro?.json'}}",
                            "{data_files: {train: [field.json]}, field: rows}"};
    for (size_t i = 0; i < 4; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "task: t\ndataset_path: json\ndataset_kwargs: %s\ntest_split: train\n"
                 "doc_to_text: q\ndoc_to_target: q\n",
                 kwargs[i]);
        file("t.yaml", text);
        gn_index *x = open_index();
        gn_selection s;
        gn_dataset d;
        gn_error e = {0};
        if (!CHECK(open_data(x, "t", &s, &d, NULL, &e) && d.eval.count == 2))
            printf("%s: %s\n", kwargs[i], e.message);
        gn_dataset_release(&d);
        gn_selection_release(&s);
        gn_index_free(x);
    }
}

TEST(what_is_wrong_with_data_is_said) {
    begin();
    file("data.jsonl", "{\"q\":1}\n[2]\n");
    file("t.yaml", "task: t\n" TASK);
    file("sha.yaml", "task: sha\ninclude: t.yaml\ndataset_kwargs: {data_files: {test: ok.jsonl}}\n"
                     "metadata: {gneiss: {sha256: {test: abc}}}\n");
    file("ok.jsonl", "{\"q\":1}\n");
    file("far.yaml", "task: far\ninclude: t.yaml\ndataset_path: org/name\ndataset_name: part\n"
                     "dataset_kwargs: null\n");
    gn_index *x = open_index();
    gn_selection s;
    gn_dataset d;
    gn_error e = {0};
    CHECK(!open_data(x, "t", &s, &d, NULL, &e));
    CHECK(strstr(e.message, "data.jsonl': line 2: a list where an object is wanted"));
    gn_selection_release(&s);
    e = (gn_error){0};
    CHECK(!open_data(x, "sha", &s, &d, NULL, &e) && strstr(e.message, "the task file wants abc"));
    gn_selection_release(&s);
    e = (gn_error){0};
    CHECK(!open_data(x, "far", &s, &d, folder, &e));
    CHECK(strstr(e.message, "/org/name/part/test.jsonl' is not there; make it with: "
                            "tools/fetch-data org/name part"));
    gn_selection_release(&s);
    gn_index_free(x);
}

static const char *unified(const char *lines) {
    static char out[1024];
    gn_arena a = {0};
    gn_error e = {0};
    gn_value *list = gn_value_list(&a);
    gn_str s = {0};
    if (gn_documents_parse(&a, gn_slice_of(lines), true, NULL, list, &e) &&
        gn_documents_unify(&a, list, &e))
        gn_json_write(&s, list);
    snprintf(out, sizeof out, "%s%s", gn_str_text(&s), e.message);
    gn_str_release(&s);
    gn_arena_release(&a);
    return out;
}

TEST(documents_are_rows_of_one_table) {
    CHECK_TEXT(unified("{\"a\":1}\n{\"a\":2.5,\"b\":\"x\"}"),
               "[{\"a\":1.0,\"b\":null},{\"a\":2.5,\"b\":\"x\"}]");
    CHECK_TEXT(unified("{\"a\":[{\"x\":1}]}\n{\"a\":[{\"y\":null},{\"x\":2.0}]}"),
               "[{\"a\":[{\"x\":1.0,\"y\":null}]},"
               "{\"a\":[{\"x\":null,\"y\":null},{\"x\":2.0,\"y\":null}]}]");
    CHECK_TEXT(unified("{\"d\":\"2011-02-03\"}\n{\"d\":null}\n{\"d\":\"2012-02-29T04:05:06Z\"}"),
               "[{\"d\":\"2011-02-03 00:00:00\"},{\"d\":null},{\"d\":\"2012-02-29 04:05:06\"}]");
    CHECK_TEXT(unified("{\"d\":\"2011-02-03\"}\n{\"d\":\"2011-02-30\"}"),
               "[{\"d\":\"2011-02-03\"},{\"d\":\"2011-02-30\"}]");
    CHECK_TEXT(unified("{\"a\":1}\n{\"a\":\"1\"}"), "[{\"a\":1},{\"a\":\"1\"}]");
}

TEST(a_document_is_dumped_as_python_does) {
    gn_arena a = {0};
    gn_error e = {0};
    gn_str s = {0};
    gn_value *v = gn_json_parse(&a, GN_S("{\"a\":[1,2.0,null],\"b\":{},\"c\":\"\u00e9\\n\"}"), &e);
    gn_document_dump(&s, v);
    CHECK_TEXT(gn_str_text(&s), "{\n  \"a\": [\n    1,\n    2.0,\n    null\n  ],\n  \"b\": {},\n"
                                "  \"c\": \"\u00e9\\n\"\n}");
    gn_str_release(&s);
    gn_arena_release(&a);
}

/* ---- scores ------------------------------------------------------------- */

/* Document 0 of task t, asked. */
static bool ask_first(gn_index *x, gn_selection *s, gn_dataset *d, gn_document *doc) {
    const gn_prompting p = {.shots = -1, .system = GN_S(""), .template_sha = GN_S("")};
    gn_error e = {0};
    if (!open_data(x, "t", s, d, NULL, &e))
        return false;
    gn_asker *asker = gn_asker_new(s->task[0], d, &p, &e);
    const bool ok = asker && gn_asker_ask(asker, 0, doc, &e);
    gn_asker_free(asker);
    return ok;
}

TEST(acc_norm_counts_characters_and_acc_bytes_bytes) {
    begin();
    file("data.jsonl", "{\"q\":\"x\",\"c\":[\"\u00e9\u00e9\",\"abc\"]}\n");
    file("t.yaml", "task: t\ndataset_path: json\ndataset_kwargs: {data_files: {test: data.jsonl}}\n"
                   "test_split: test\noutput_type: multiple_choice\ndoc_to_text: q\n"
                   "doc_to_choice: c\ndoc_to_target: 1\n"
                   "metric_list: [{metric: acc}, {metric: acc_norm}, {metric: acc_bytes}]\n");
    gn_index *x = open_index();
    gn_selection s;
    gn_dataset d;
    gn_document doc;
    const gn_answer answer[2] = {{.logprob = -3}, {.logprob = -4}};
    gn_arena a = {0};
    gn_error e = {0};
    gn_score_row *row;
    int n;
    if (CHECK(ask_first(x, &s, &d, &doc)) &&
        CHECK(gn_document_score(s.task[0], &doc, answer, 2, NULL, &a, &row, &n, &e) && n == 3)) {
        CHECK(row[0].value == 0 && row[1].value == 1 && row[2].value == 0);
        CHECK(gn_slice_is(row[0].extracted, "0") && gn_slice_is(row[1].extracted, "1"));
        CHECK(gn_slice_is(doc.target, "1"));
    }
    gn_document_release(&doc);
    gn_dataset_release(&d);
    gn_selection_release(&s);
    gn_arena_release(&a);
    gn_index_free(x);
}

TEST(a_rolling_task_counts_words_of_the_text_it_names) {
    begin();
    file("data.jsonl", "{\"page\":\" a  b\u00e9 \"}\n");
    file("t.yaml", "task: t\ndataset_path: json\ndataset_kwargs: {data_files: {test: data.jsonl}}\n"
                   "test_split: test\noutput_type: loglikelihood_rolling\n"
                   "doc_to_target: '{{page.strip()}}'\nmetadata: {gneiss: {count: page}}\n");
    gn_index *x = open_index();
    gn_selection s;
    gn_dataset d;
    gn_document doc;
    if (CHECK(ask_first(x, &s, &d, &doc))) {
        CHECK(doc.words == 4 && doc.bytes == 8);
        CHECK(gn_slice_is(doc.request[0].continuation, "a  b\u00e9") && !doc.target.data);
    }
    gn_document_release(&doc);
    gn_dataset_release(&d);
    gn_selection_release(&s);
    gn_index_free(x);
}

static bool judge(void *user, gn_slice program, bool *passed, gn_error *e) {
    (void)e;
    snprintf(user, 64, "%.*s", (int)program.len, program.data);
    *passed = true;
    return true;
}

TEST(a_program_is_judged_with_the_answer_in_it) {
    begin();
    file("data.jsonl", "{\"q\":\"def f():\",\"t\":\"f()\"}\n");
    file("t.yaml", "task: t\ndataset_path: json\ndataset_kwargs: {data_files: {test: data.jsonl}}\n"
                   "test_split: test\ndoc_to_text: q\ndoc_to_target: t\n"
                   "metric_list: [{metric: pass_at_1}]\n"
                   "metadata: {gneiss: {program: \"{{q}}{{completion}}\\n{{t}}\"}}\n");
    gn_index *x = open_index();
    gn_selection s;
    gn_dataset d;
    gn_document doc;
    char program[64] = "";
    const gn_answer answer = {.text = GN_S(" pass")};
    const gn_judge by = {judge, program};
    gn_arena a = {0};
    gn_error e = {0};
    gn_score_row *row;
    int n;
    if (CHECK(ask_first(x, &s, &d, &doc))) {
        CHECK(!gn_document_score(s.task[0], &doc, &answer, 1, NULL, &a, &row, &n, &e) &&
              strstr(e.message, "--judge"));
        e = (gn_error){0};
        CHECK(gn_document_score(s.task[0], &doc, &answer, 1, &by, &a, &row, &n, &e) && n == 1 &&
              row[0].value == 1);
        CHECK_TEXT(program, "def f(): pass\nf()");
    }
    gn_document_release(&doc);
    gn_dataset_release(&d);
    gn_selection_release(&s);
    gn_arena_release(&a);
    gn_index_free(x);
}

/* ---- identity ----------------------------------------------------------- */

static void identity(gn_index *x, const char *name, const gn_prompting *p, const char *data,
                     char sha[GN_SHA256_HEX]) {
    gn_selection s = pick(x, name);
    gn_str json = {0};
    gn_error e = {0};
    sha[0] = 0;
    CHECK(s.n_task == 1 && gn_task_identity(s.task[0], p, data, &json, sha, &e));
    gn_str_release(&json);
    gn_selection_release(&s);
}

TEST(a_tasks_identity_changes_with_whatever_changes_its_numbers) {
    begin();
    file("a.yaml", "task: t\n" TASK);
    file("b/b.yaml", "task: u\n" TASK "target_delimiter: ''\n");
    file("c/c.yaml", "task: v\n" TASK "task_alias: w\ntag: z\n");
    gn_index *x = open_index();
    gn_prompting p = {
        .shots = 2, .fewshot_seed = 1234, .system = GN_S(""), .template_sha = GN_S("")};
    char first[GN_SHA256_HEX], other[GN_SHA256_HEX];
    identity(x, "t", &p, "data", first);
    identity(x, "t", &p, "data", other);
    CHECK_TEXT(other, first);
    identity(x, "t", &p, "datb", other);
    CHECK(strcmp(first, other) != 0);
    identity(x, "u", &p, "data", other);
    CHECK(strcmp(first, other) != 0);
    p.shots = 3;
    identity(x, "t", &p, "data", other);
    CHECK(strcmp(first, other) != 0);
    p = (gn_prompting){.shots = 2, .fewshot_seed = 5, .system = GN_S(""), .template_sha = GN_S("")};
    identity(x, "t", &p, "data", other);
    CHECK(strcmp(first, other) != 0);
    p.fewshot_seed = 1234;
    p.chat = true;
    p.template_sha = GN_S("abc");
    identity(x, "t", &p, "data", other);
    CHECK(strcmp(first, other) != 0);
    gn_index_free(x);
}
