/* test_base_yaml.c - YAML, against PyYAML's SafeLoader. */
/* floor: gn_base */
#include "core/base/yaml.h"

#include "core/base/json.h"
#include "tests/check.h"

static void unhex(gn_str *out, const char *hex) {
    unsigned byte;
    for (; *hex != '-' && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        gn_str_putc(out, (char)byte);
}

static void as_json(gn_str *out, gn_slice text) {
    gn_arena a = {0};
    gn_error e = {0};
    const gn_value *v = gn_yaml_parse(&a, text, &e);
    if (v)
        gn_json_write(out, v);
    else {
        CHECK((e.code == GN_FORMAT || e.code == GN_UNSUPPORTED) && strstr(e.message, "line "));
        gn_str_puts(out, "bad");
    }
    gn_arena_release(&a);
}

TEST(yaml_means_what_pyyaml_reads) {
    static char text[16384], value[16384];
    FILE *f = fopen("tests/oracle/yaml.txt", "r");
    int count = 0, refused = 0;
    if (!CHECK(f != NULL))
        return;
    for (; fscanf(f, "%16383s %16383s", text, value) == 2; count++) {
        gn_str document = {0}, want = {0}, got = {0};
        const bool bad = strcmp(value, "bad") == 0;
        refused += bad;
        unhex(&document, text);
        if (bad)
            gn_str_puts(&want, "bad");
        else
            unhex(&want, value);
        as_json(&got, gn_str_slice(&document));
        if (!CHECK_TEXT(gn_str_text(&got), gn_str_text(&want)))
            printf("    of \"%s\"\n", gn_str_text(&document));
        gn_str_release(&document);
        gn_str_release(&want);
        gn_str_release(&got);
    }
    fclose(f);
    CHECK(count > 800 && refused > 30);
}

static void refused(gn_slice text, const char *message) {
    gn_arena a = {0};
    gn_error e = {0};
    CHECK(!gn_yaml_parse(&a, text, &e));
    CHECK_TEXT(e.message, message);
    gn_arena_release(&a);
}

TEST(what_is_refused_is_refused_with_its_place) {
    refused(GN_S("a: 1\nb: !x 2"), "line 2, column 4: unknown tag !x");
    refused(GN_S("a: !function [b]"), "line 1, column 4: unknown tag !function");
    refused(GN_S("a: !!timestamp 2024-01-01"),
            "line 1, column 4: unknown tag tag:yaml.org,2002:timestamp");
    refused(GN_S("a: !!int x"), "line 1, column 4: this is not what its tag says: x");
    refused(GN_S("a: 1\n---\nb: 2"), "line 2, column 1: a second document begins");
    refused(GN_S("a: *x"), "line 1, column 4: an alias of nothing, *x");
    refused(GN_S("a: &x\n  b: *x"), "line 2, column 6: an alias inside what it names, *x");
    refused(GN_S("a: &x 1\nb: &x 2"), "line 2, column 4: a second anchor of the same name, &x");
    refused(GN_S("[a]: 1"), "line 1, column 1: a key that is no text but a list or map");
    refused(GN_S("a:\n  <<: 1"), "line 2, column 3: << wants a map or a list of maps");
    refused(GN_S("a: 1\n\xC3\xA4\xFF"), "line 2, column 2: a byte that is no UTF-8");
    refused(GN_S("a: 1\nb: \x07"), "line 2, column 4: control characters are not allowed");
    refused(GN_S("a: [1\n"), "line 2, column 1: did not find expected ',' or ']'");
}

TEST(every_value_knows_its_line) {
    gn_arena a = {0};
    gn_error e = {0};
    const gn_value *v = gn_yaml_parse(
        &a, GN_S("# first\na: 1\nb:\n  - x\n  - {c: [y]}\nd: |\n  text\ne: {<<: {f: 1}}\n"), &e);
    const gn_value *b = gn_value_get(v, GN_S("b"));
    CHECK(v && v->line == 2 && gn_value_get(v, GN_S("a"))->line == 2);
    CHECK(b && b->line == 4 && gn_value_at(b, 0)->line == 4 && gn_value_at(b, 1)->line == 5);
    CHECK(gn_value_at(gn_value_get(gn_value_at(b, 1), GN_S("c")), 0)->line == 5);
    CHECK(gn_value_get(v, GN_S("d"))->line == 6 && gn_value_get(v, GN_S("e"))->line == 8);
    gn_arena_release(&a);
}

static void nest(gn_str *s, int depth, char open) {
    gn_str_cut(s, 0);
    for (int i = 0; i < depth; i++)
        gn_str_putc(s, open);
}

TEST(nesting_ends_at_100) {
    gn_str s = {0};
    gn_arena a = {0};
    gn_error e = {0};
    nest(&s, 100, '[');
    for (int i = 0; i < 100; i++)
        gn_str_putc(&s, ']');
    CHECK(gn_yaml_parse(&a, gn_str_slice(&s), &e) != NULL);
    gn_arena_release(&a);
    nest(&s, 101, '[');
    refused(gn_str_slice(&s), "line 1, column 101: nested deeper than 100");
    nest(&s, 50000, '[');
    refused(gn_str_slice(&s), "line 1, column 101: nested deeper than 100");
    gn_str_release(&s);
}

/* Nine aliases of nine aliases of ...: 600 bytes that stand for gigabytes. */
TEST(a_text_of_aliases_that_explodes_is_refused) {
    gn_str s = {0};
    gn_arena a = {0};
    gn_error e = {0};
    gn_str_puts(&s, "a0: &a0 [lol]\n");
    for (int i = 1; i < 10; i++) {
        gn_str_fmt(&s, "a%d: &a%d [", i, i);
        for (int k = 0; k < 9; k++)
            gn_str_fmt(&s, "%s*a%d", k ? ", " : "", i - 1);
        gn_str_puts(&s, "]\n");
    }
    CHECK(!gn_yaml_parse(&a, gn_str_slice(&s), &e) && e.code == GN_FORMAT);
    CHECK(strstr(e.message, "aliases come to more than 10 MB at *a") != NULL);
    gn_str_release(&s);
    gn_arena_release(&a);
}

TEST(a_full_arena_ends_the_reading) {
    gn_str s = {0};
    gn_error e = {0};
    for (int i = 0; i < 200; i++)
        gn_str_fmt(&s, "k%d: &n%d {a: [1, x, 2.5], <<: {b: !function f}}\n", i, i);
    for (size_t limit = 16; limit < 20000; limit += 176) {
        gn_arena a = {.limit = limit};
        CHECK(!gn_yaml_parse(&a, gn_str_slice(&s), &e) && e.code == GN_NO_MEMORY);
        gn_arena_release(&a);
    }
    gn_str_release(&s);
}

TEST(many_anchors_are_found_in_time) {
    gn_str s = {0};
    gn_arena a = {0};
    gn_error e = {0};
    for (int i = 0; i < 20000; i++)
        gn_str_fmt(&s, "- &n%d %d\n- *n%d\n", i, i, i / 2);
    const gn_value *v = gn_yaml_parse(&a, gn_str_slice(&s), &e);
    CHECK(gn_value_count(v) == 40000);
    CHECK(gn_value_at(v, 39999) == gn_value_at(v, 2 * 9999));
    gn_str_release(&s);
    gn_arena_release(&a);
}
