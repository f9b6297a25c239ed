/* test_template.c - templates: what is refused, what is bounded, what comes out as a value. */
/* floor: gn_template */
#include "core/template/template.h"

#include "core/base/clock.h"
#include "core/base/json.h"
#include "tests/check.h"

/* Renders with the variables of a JSON text; "! " and the error if it fails. */
static const char *rendered(gn_template_environment env, const char *source, const char *vars) {
    static char text[4096];
    gn_arena a = {0};
    gn_error e = {0};
    gn_str out = {0};
    gn_template *t = gn_template_new(gn_slice_of(source), env, &e);
    const gn_value *v = gn_json_parse(&a, gn_slice_of(vars), &e);
    if (t && gn_template_render(t, v, &out, &e))
        snprintf(text, sizeof text, "%s", gn_str_text(&out));
    else
        snprintf(text, sizeof text, "! %s", e.message);
    gn_template_free(t);
    gn_str_release(&out);
    gn_arena_release(&a);
    return text;
}

static const char *chat(const char *source) { return rendered(GN_TEMPLATE_CHAT, source, "{}"); }
static const char *task(const char *source) { return rendered(GN_TEMPLATE_TASK, source, "{}"); }

static bool fails(const char *got, const char *with) {
    const bool is = got[0] == '!' && strstr(got, with);
    if (!is)
        printf("  '%s' lacks '%s'\n", got, with);
    return is;
}

TEST(tags_that_need_other_files_are_refused_by_name) {
    CHECK(fails(chat("\n{% include 'x' %}"), "line 2: 'include'"));
    CHECK(fails(chat("{% import 'x' as y %}"), "'import'"));
    CHECK(fails(chat("{% from 'x' import y %}"), "'from'"));
    CHECK(fails(task("{% extends 'x' %}"), "'extends'"));
    CHECK(fails(task("{% block x %}{% endblock %}"), "'block'"));
    CHECK(fails(task("{% autoescape true %}{% endautoescape %}"), "'autoescape'"));
}

TEST(filters_left_out_and_functions_left_out_are_named) {
    CHECK(fails(chat("{{ 1|random }}"), "no filter named 'random'"));
    CHECK(fails(chat("{{ x|from_json }}"), "no filter named 'from_json'"));
    CHECK(fails(chat("{{ x|regex_replace('a', 'b') }}"), "no filter named 'regex_replace'"));
    CHECK(fails(task("{{ lipsum() }}"), "'lipsum' is undefined"));
    CHECK(fails(task("{{ raise_exception('x') }}"), "'raise_exception' is undefined"));
    CHECK(fails(task("{% for x in [1] %}{% break %}{% endfor %}"), "'break'"));
}

TEST(nothing_changes_a_list_or_a_dict_in_any_environment) {
    CHECK(fails(chat("{{ [1].append(2) }}"), "cannot change"));
    CHECK(fails(task("{{ [1].append(2) }}"), "cannot change"));
    CHECK(fails(task("{{ {'a': 1}.update({}) }}"), "cannot change"));
}

TEST(integers_past_64_bits_are_errors) {
    CHECK_TEXT(chat("{{ 9223372036854775807 }} {{ -9223372036854775807 - 1 }}"),
               "9223372036854775807 -9223372036854775808");
    CHECK(fails(chat("{{ 9223372036854775808 }}"), "64 bits"));
    CHECK(fails(chat("{{ 9223372036854775807 + 1 }}"), "'+'"));
    CHECK(fails(chat("{{ -9223372036854775807 - 2 }}"), "'-'"));
    CHECK(fails(chat("{{ 4294967296 * 4294967296 }}"), "'*'"));
    CHECK(fails(chat("{{ (-9223372036854775807 - 1) // -1 }}"), "'//'"));
    CHECK_TEXT(chat("{{ (-9223372036854775807 - 1) % -1 }}"), "0");
    CHECK(fails(chat("{{ -(-9223372036854775807 - 1) }}"), "'-'"));
    CHECK(fails(chat("{{ (-9223372036854775807 - 1)|abs }}"), "64 bits"));
    CHECK(fails(chat("{{ 10 ** 19 }}"), "'**'"));
    CHECK(fails(chat("{{ '9223372036854775808'|int }}"), "64 bits"));
    CHECK(fails(chat("{{ 1e19|int }}"), "64 bits"));
    CHECK_TEXT(chat("{{ '-9223372036854775808'|int }}"), "-9223372036854775808");
    CHECK(fails(chat("{{ [9223372036854775807, 1]|sum }}"), "'+'"));
    CHECK(fails(chat("{{ 9223372036854775807|round(-1) }}"), "64 bits"));
}

TEST(endless_work_ends_with_an_error) {
    CHECK(fails(chat("{% set xs = range(9999)|list %}{% for a in xs %}{% for b in xs %}{% endfor %}"
                     "{% endfor %}"),
                "steps"));
    CHECK(fails(
        chat("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"),
        "memory"));
    CHECK(fails(chat("{% for a in range(100000) %}{{ 'x' * 10000 }}{% endfor %}"), "MiB"));
    CHECK(fails(chat("{% set ns = namespace(s='x') %}{% for a in range(99) %}"
                     "{% set ns.s = ns.s ~ ns.s %}{% endfor %}"),
                "MiB"));
    CHECK(fails(chat("{% set ns = namespace(s=[1]) %}{% for a in range(99) %}"
                     "{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}"),
                "MiB"));
    CHECK(fails(chat("{% set ns = namespace(s=[1]) %}{% for a in range(99) %}"
                     "{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|tojson|length }}"),
                "MiB"));
    CHECK(fails(chat("{% set ns = namespace(a=[1], b=[1]) %}{% for a in range(99) %}"
                     "{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}{% endfor %}"
                     "{{ ns.a == ns.b }}"),
                "steps"));
    CHECK(fails(chat("{{ 'x' * 99999999999 }}"), "MiB"));
    CHECK(fails(chat("{{ '%999999999s' % 1 }}"), "width"));
    CHECK(fails(chat("{{ '{:999999999}'.format(1) }}"), "width"));
    CHECK(fails(chat("{{ range(100001) }}"), "100000"));
    CHECK(fails(chat("{{ range(0, 9223372036854775807, 1) }}"), "100000"));
    CHECK(fails(chat("{{ ('a' * 1000).replace('a', 'b' * 100000) }}"), "MiB"));
    CHECK(fails(chat("{{ [1]|batch(999999999, 0)|list }}"), "s"));
}

TEST(endless_depth_ends_with_an_error) {
    CHECK(fails(chat("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), "deep"));
    CHECK(fails(chat("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"), "deep"));
    CHECK(
        fails(chat("{% set ns = namespace(s=1) %}{% for a in range(9999) %}{% set ns.s = [ns.s] %}"
                   "{% endfor %}{{ ns.s }}"),
              "deep"));
    CHECK(
        fails(chat("{% set ns = namespace(s=1) %}{% for a in range(9999) %}{% set ns.s = [ns.s] %}"
                   "{% endfor %}{{ ns.s|tojson }}"),
              "deep"));
    CHECK(
        fails(chat("{% set ns = namespace(s=1, t=1) %}{% for a in range(9999) %}"
                   "{% set ns.s = [ns.s] %}{% set ns.t = [ns.t] %}{% endfor %}{{ ns.s == ns.t }}"),
              "deep"));
    CHECK(fails(chat("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}"), "deep"));

    gn_str deep = {0};
    gn_str_puts(&deep, "{{ ");
    for (int i = 0; i < 100000; i++)
        gn_str_putc(&deep, i < 250 ? '(' : '-');
    CHECK(fails(chat(gn_str_text(&deep)), "nesting"));
    gn_str_cut(&deep, 0);
    for (int i = 0; i < 1000; i++)
        gn_str_puts(&deep, "{% if 1 %}");
    CHECK(fails(chat(gn_str_text(&deep)), "nesting"));
    gn_str_cut(&deep, 0);
    gn_str_puts(&deep, "{{ 1");
    for (int i = 0; i < 100000; i++)
        gn_str_puts(&deep, "|e");
    gn_str_puts(&deep, " }}");
    CHECK(fails(chat(gn_str_text(&deep)), "filters in a row"));
    gn_str_cut(&deep, 0);
    gn_str_puts(&deep, "{% filter e");
    for (int i = 0; i < 100000; i++)
        gn_str_puts(&deep, "|e");
    gn_str_puts(&deep, " %}{% endfilter %}");
    CHECK(fails(chat(gn_str_text(&deep)), "row"));
    gn_str_release(&deep);
}

TEST(a_long_elif_chain_is_no_depth) {
    gn_str s = {0};
    gn_str_puts(&s, "{% if 0 %}");
    for (int i = 0; i < 5000; i++)
        gn_str_fmt(&s, "{%% elif x == %d %%}%d", i, i);
    gn_str_puts(&s, "{% endif %}");
    CHECK_TEXT(rendered(GN_TEMPLATE_CHAT, gn_str_text(&s), "{\"x\": 4999}"), "4999");
    gn_str_release(&s);
}

TEST(source_that_is_no_text_is_refused) {
    gn_error e = {0};
    CHECK(!gn_template_new(GN_S("a\xff{{ n }}"), GN_TEMPLATE_CHAT, &e));
    CHECK(e.code == GN_FORMAT);
    CHECK(fails(chat("{{ '\\ud800' }}"), "no character"));
    CHECK(fails(chat("{{ '\\N{DASH}' }}"), "\\N"));
}

TEST(a_nul_in_a_template_is_text) {
    gn_error e = {0};
    gn_str out = {0};
    gn_template *t =
        gn_template_new(GN_S("a\0b{{ 'c\0d' }}{{ '\\0'|length }}"), GN_TEMPLATE_CHAT, &e);
    CHECK(t && gn_template_render(t, NULL, &out, &e));
    CHECK(gn_slice_equal(gn_str_slice(&out), GN_S("a\0bc\0d1")));
    CHECK(!gn_template_new(GN_S("{{ \0 }}"), GN_TEMPLATE_CHAT, &e));
    gn_template_free(t);
    gn_str_release(&out);
}

TEST(output_is_appended_and_a_failure_takes_it_back) {
    gn_error e = {0};
    gn_str out = {0};
    gn_str_puts(&out, "before ");
    gn_template *good = gn_template_new(GN_S("a"), GN_TEMPLATE_TASK, &e);
    gn_template *bad = gn_template_new(GN_S("b{{ x }}"), GN_TEMPLATE_TASK, &e);
    CHECK(gn_template_render(good, NULL, &out, &e));
    CHECK(!gn_template_render(bad, NULL, &out, &e) && e.code == GN_INVALID);
    CHECK_TEXT(gn_str_text(&out), "before a");
    gn_template_free(good);
    gn_template_free(bad);
    gn_template_free(NULL);
    gn_str_release(&out);
}

TEST(a_raised_exception_is_the_callers_fault) {
    gn_error e = {0};
    gn_str out = {0};
    gn_template *t =
        gn_template_new(GN_S("\n{{ raise_exception('not so') }}"), GN_TEMPLATE_CHAT, &e);
    CHECK(t && !gn_template_render(t, NULL, &out, &e));
    CHECK(e.code == GN_INVALID);
    CHECK_TEXT(e.message, "line 2: not so");
    gn_template_free(t);
    gn_str_release(&out);
}

TEST(a_template_renders_again_and_again) {
    gn_error e = {0};
    gn_arena a = {0};
    gn_str out = {0};
    gn_template *t = gn_template_new(GN_S("{% set n = n + 1 %}{{ n }},"), GN_TEMPLATE_CHAT, &e);
    const gn_value *vars = gn_json_parse(&a, GN_S("{\"n\": 1}"), &e);
    for (int i = 0; i < 3; i++)
        CHECK(gn_template_render(t, vars, &out, &e));
    CHECK_TEXT(gn_str_text(&out), "2,2,2,");
    gn_template_free(t);
    gn_arena_release(&a);
    gn_str_release(&out);
}

TEST(strftime_now_is_the_local_clock) {
    char today[64];
    gn_local_time(today, sizeof today, "%d %b %Y");
    CHECK_TEXT(chat("{{ strftime_now('%d %b %Y') }}"), today);
    CHECK(fails(chat("{{ strftime_now(1) }}"), "str"));
}

/* ---- values ------------------------------------------------------------- */

static const char *value_of(gn_template_environment env, const char *source, const char *vars) {
    static char text[1024];
    gn_arena a = {0};
    gn_error e = {0};
    gn_str out = {0};
    gn_template *t = gn_template_expression(gn_slice_of(source), env, &e);
    gn_value *v =
        t ? gn_template_evaluate(t, gn_json_parse(&a, gn_slice_of(vars), &e), &a, &e) : NULL;
    if (v)
        gn_json_write(&out, v);
    snprintf(text, sizeof text, "%s%s", v ? "" : "! ", v ? gn_str_text(&out) : e.message);
    gn_template_free(t);
    gn_str_release(&out);
    gn_arena_release(&a);
    return text;
}

TEST(an_expression_has_a_plain_value) {
    const char *vars = "{\"subject\": \"anatomy\", \"d\": {\"a\": [1, 2.0, null]}}";
    CHECK_TEXT(value_of(GN_TEMPLATE_TASK, "subject == 'anatomy'", vars), "true");
    CHECK_TEXT(value_of(GN_TEMPLATE_TASK, "d", vars), "{\"a\":[1,2.0,null]}");
    CHECK_TEXT(value_of(GN_TEMPLATE_TASK, "(1, 'a'|safe, range(2), d.items())", vars),
               "[1,\"a\",[0,1],[[\"a\",[1,2.0,null]]]]");
    CHECK_TEXT(value_of(GN_TEMPLATE_TASK, "{1: 2, none: 3}", vars), "{\"1\":2,\"None\":3}");
    CHECK_TEXT(value_of(GN_TEMPLATE_TASK, "namespace(a=1)", vars), "{\"a\":1}");
    CHECK_TEXT(value_of(GN_TEMPLATE_TASK, "[1, 2]|map('string')", vars), "[\"1\",\"2\"]");
    CHECK_TEXT(value_of(GN_TEMPLATE_CHAT, "nothing", vars), "null");
    CHECK(fails(value_of(GN_TEMPLATE_TASK, "nothing", vars), "'nothing' is undefined"));
    CHECK(fails(value_of(GN_TEMPLATE_TASK, "range", vars), "plain value"));
    CHECK(fails(value_of(GN_TEMPLATE_TASK, "1 2", vars), "nothing more"));
    CHECK(fails(value_of(GN_TEMPLATE_TASK, "1 }}", vars), "'}'"));
    CHECK(fails(value_of(GN_TEMPLATE_TASK, "", vars), "an expression"));
}

TEST(a_template_is_no_expression) {
    gn_arena a = {0};
    gn_error e = {0};
    gn_template *t = gn_template_new(GN_S("x"), GN_TEMPLATE_TASK, &e);
    CHECK(t && !gn_template_evaluate(t, NULL, &a, &e) && e.code == GN_INVALID);
    gn_template_free(t);
    gn_arena_release(&a);
}

TEST(values_print_and_are_true_as_in_python) {
    gn_arena a = {0};
    gn_error e = {0};
    gn_str s = {0};
    const gn_value *v = gn_json_parse(
        &a, GN_S("[\"a\", \"it's\", 1.0, 1e22, 1e-5, null, true, {\"k\": \"\\n\"}]"), &e);
    gn_print_str(&s, v);
    CHECK_TEXT(gn_str_text(&s), "['a', \"it's\", 1.0, 1e+22, 1e-05, None, True, {'k': '\\n'}]");
    gn_str_cut(&s, 0);
    gn_print_str(&s, gn_value_at(v, 1));
    gn_print_repr(&s, gn_value_at(v, 1));
    CHECK_TEXT(gn_str_text(&s), "it's\"it's\"");
    CHECK(gn_value_true(v) && gn_value_true(gn_value_at(v, 0)) && gn_value_true(gn_value_at(v, 2)));
    CHECK(!gn_value_true(gn_value_at(v, 5)) && !gn_value_true(NULL));
    const gn_value *empty = gn_json_parse(&a, GN_S("[0, 0.0, \"\", [], {}, false]"), &e);
    for (size_t i = 0; i < gn_value_count(empty); i++)
        CHECK(!gn_value_true(gn_value_at(empty, i)));
    gn_str_release(&s);
    gn_arena_release(&a);
}

TEST(literals_are_bounded) {
    gn_arena a = {.limit = 1 << 16};
    gn_error e = {0};
    gn_str deep = {0};
    for (int i = 0; i < 100000; i++)
        gn_str_putc(&deep, '[');
    CHECK(!gn_literal_parse(&a, gn_str_slice(&deep), &e) && strstr(e.message, "deep"));
    gn_arena_release(&a);
    gn_str_cut(&deep, 1);
    for (int i = 0; i < 9999; i++)
        gn_str_puts(&deep, "1,");
    gn_str_putc(&deep, ']');
    e = (gn_error){0};
    CHECK(!gn_literal_parse(&a, gn_str_slice(&deep), &e) && e.code == GN_NO_MEMORY);
    e = (gn_error){0};
    CHECK(!gn_literal_parse(&a, GN_S("9223372036854775808"), &e) && e.code == GN_FORMAT);
    gn_str_release(&deep);
    gn_arena_release(&a);
}
