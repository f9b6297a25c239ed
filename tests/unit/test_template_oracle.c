/* test_template_oracle.c - templates, held to what jinja2 and Python made of them. */
/* floor: gn_template */
#include "core/template/template.h"

#include "core/base/file.h"
#include "core/base/json.h"
#include "tests/check.h"

/* The next line of a file of JSON lines as a value; NULL at its end. */
static gn_value *next_line(gn_slice *rest, gn_arena *a) {
    gn_error e = {0};
    if (rest->len == 0)
        return NULL;
    const char *end = memchr(rest->data, '\n', rest->len);
    const size_t n = end ? (size_t)(end - rest->data) : rest->len;
    gn_value *v = gn_json_parse(a, (gn_slice){rest->data, n}, &e);
    *rest = gn_slice_from(*rest, n + 1);
    if (!v) {
        printf("%s\n", e.message);
        abort();
    }
    return v;
}

static gn_str all_of(const char *path) {
    gn_str text = {0};
    gn_error e = {0};
    if (!gn_file_read(&text, path, 0, &e)) {
        printf("%s: %s\n", path, e.message);
        abort();
    }
    return text;
}

typedef struct outcome {
    bool parsed, ran;
    gn_str text;
    gn_error e;
} outcome;

static outcome render(gn_slice source, gn_template_environment env, const gn_value *vars) {
    outcome o = {0};
    gn_template *t = gn_template_new(source, env, &o.e);
    o.parsed = t != NULL;
    o.ran = t && gn_template_render(t, vars, &o.text, &o.e);
    gn_template_free(t);
    return o;
}

static bool says(const outcome *o, const gn_value *line, const gn_value *word) {
    char begin[32];
    snprintf(begin, sizeof begin, "line %d: ", line ? (int)line->integer : 0);
    return (!line || line->kind != GN_INTEGER || line->integer == 0 ||
            strncmp(o->e.message, begin, strlen(begin)) == 0) &&
           (!word || gn_slice_find(gn_slice_of(o->e.message), gn_value_text(word)) >= 0);
}

/* [environment, template, output] or [environment, template, null, stage, line?, word?] */
static bool as_told(const gn_value *row, gn_template_environment env, const gn_value *vars) {
    const gn_value *want = gn_value_at(row, 2);
    outcome o = render(gn_value_text(gn_value_at(row, 1)), env, vars);
    bool same;
    if (gn_value_is(want, GN_STRING))
        same = o.ran && gn_slice_equal(gn_str_slice(&o.text), want->string);
    else
        same = !o.ran && o.parsed == gn_slice_is(gn_value_text(gn_value_at(row, 3)), "run") &&
               strncmp(o.e.message, "line ", 5) == 0 &&
               says(&o, gn_value_at(row, 4), gn_value_at(row, 5));
    if (!same) {
        const gn_slice source = gn_value_text(gn_value_at(row, 1)), text = gn_value_text(want);
        printf("  %s %.*s\n    want %s%.*s\n    got  %s\n",
               env == GN_TEMPLATE_CHAT ? "chat" : "task", (int)source.len, source.data,
               gn_value_is(want, GN_STRING) ? "" : "a failure", (int)text.len, text.data,
               o.ran ? gn_str_text(&o.text) : o.e.message);
    }
    gn_str_release(&o.text);
    return same;
}

TEST(every_case_renders_as_jinja2_renders_it) {
    const char *path = getenv("TEMPLATE_CASES");
    gn_str file = all_of(path ? path : "tests/oracle/template_cases.jsonl");
    gn_slice rest = gn_str_slice(&file);
    gn_arena fixed = {0}, a = {0};
    const gn_value *vars = next_line(&rest, &fixed), *row;
    int wrong = 0, count = 0;
    while ((row = next_line(&rest, &a))) {
        const gn_slice env = gn_value_text(gn_value_at(row, 0));
        if (!gn_slice_is(env, "t"))
            wrong += !as_told(row, GN_TEMPLATE_CHAT, vars);
        if (!gn_slice_is(env, "c"))
            wrong += !as_told(row, GN_TEMPLATE_TASK, vars);
        count++;
        gn_arena_release(&a);
    }
    CHECK(count > 1000);
    if (!CHECK(wrong == 0))
        printf("  %d of %d differ\n", wrong, count);
    gn_arena_release(&fixed);
    gn_str_release(&file);
}

TEST(every_conversation_renders_as_transformers_renders_it) {
    gn_str file = all_of("tests/oracle/template_chats.jsonl");
    gn_slice rest = gn_str_slice(&file);
    gn_arena a = {0};
    const gn_value *row;
    int count = 0, rendered = 0;
    while ((row = next_line(&rest, &a))) {
        char path[96];
        const gn_slice name = gn_value_text(gn_value_get(row, GN_S("template")));
        snprintf(path, sizeof path, "tests/oracle/templates/%.*s.jinja", (int)name.len, name.data);
        gn_str source = all_of(path);
        outcome o =
            render(gn_str_slice(&source), GN_TEMPLATE_CHAT, gn_value_get(row, GN_S("vars")));
        const gn_value *want = gn_value_get(row, GN_S("want"));
        const gn_value *raised = gn_value_get(row, GN_S("raised"));
        CHECK(o.parsed);
        if (!CHECK(o.ran == (want != NULL)))
            printf("  %s row %d: %s\n", path, count + 1, o.e.message);
        if (want)
            CHECK_TEXT(gn_str_text(&o.text), want->string.data);
        else if (!CHECK(says(&o, gn_value_get(row, GN_S("line")), raised)))
            printf("  %s row %d: %s\n", path, count + 1, o.e.message);
        if (raised)
            CHECK(o.e.code == GN_INVALID);
        rendered += o.ran;
        count++;
        gn_str_release(&o.text);
        gn_str_release(&source);
        gn_arena_release(&a);
    }
    CHECK(count >= 5 * 30 && rendered >= 5 * 20);
    gn_str_release(&file);
}

TEST(every_literal_reads_as_python_reads_it) {
    gn_str file = all_of("tests/oracle/template_literals.jsonl");
    gn_slice rest = gn_str_slice(&file);
    gn_arena a = {0};
    const gn_value *row;
    while ((row = next_line(&rest, &a))) {
        gn_error e = {0};
        gn_str got = {0};
        const gn_value *want = gn_value_at(row, 1);
        const gn_value *v = gn_literal_parse(&a, gn_value_text(gn_value_at(row, 0)), &e);
        if (v)
            gn_print_repr(&got, v);
        if (!CHECK((v != NULL) == gn_value_is(want, GN_STRING)) ||
            (v && !CHECK_TEXT(gn_str_text(&got), want->string.data)))
            printf("  %s\n", gn_value_at(row, 0)->string.data);
        gn_str_release(&got);
        gn_arena_release(&a);
    }
    gn_str_release(&file);
}
