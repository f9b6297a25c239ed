/* test_base_json.c - JSON in and out. */
/* floor: gn_base */
#include "core/base/json.h"

#include "core/base/clock.h"
#include "tests/check.h"

/* Reads, writes again, compares. */
static void round_trip(gn_slice text, const char *want) {
    gn_arena a = {0};
    gn_error e = {0};
    gn_str out = {0};
    const gn_value *v = gn_json_parse(&a, text, &e);
    if (CHECK(v != NULL)) {
        gn_json_write(&out, v);
        CHECK_TEXT(gn_str_text(&out), want);
    } else
        printf("    %.*s: %s\n", (int)text.len, text.data, e.message);
    gn_str_release(&out);
    gn_arena_release(&a);
}

static void refused(gn_slice text, const char *message) {
    gn_arena a = {0};
    gn_error e = {0};
    if (!CHECK(!gn_json_parse(&a, text, &e)))
        printf("    took %.*s\n", (int)text.len, text.data);
    else if (message)
        CHECK_TEXT(e.message, message);
    CHECK(e.code == GN_FORMAT || e.code == GN_UNSUPPORTED);
    gn_arena_release(&a);
}

TEST(json_comes_out_as_it_went_in) {
    static const char *const same[] = {"null",
                                       "true",
                                       "false",
                                       "0",
                                       "1",
                                       "-1",
                                       "1.0",
                                       "0.1",
                                       "-0.0",
                                       "1e+22",
                                       "1e-05",
                                       "\"\"",
                                       "[]",
                                       "{}",
                                       "[[]]",
                                       "{\"a\":{\"b\":[1,2.5,\"c\",null]}}",
                                       "9223372036854775807",
                                       "-9223372036854775808",
                                       "NaN",
                                       "Infinity",
                                       "-Infinity",
                                       "[NaN,-Infinity]",
                                       "{\"z\":1,\"a\":2,\"\":3}",
                                       "\"\\u0000\\u001f\\\"\\\\\\b\\f\\n\\r\\t/\"",
                                       "\"\xC3\xA4\xF0\x9F\x98\x80\x7F\""};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        round_trip(gn_slice_of(same[i]), same[i]);
}

TEST(json_is_read_with_what_python_also_takes) {
    round_trip(GN_S(" [ 1 , { \"a\" :\t2 } ]\r\n"), "[1,{\"a\":2}]");
    round_trip(GN_S("\"\\u00e4\\ud83d\\ude00\\/\""), "\"\xC3\xA4\xF0\x9F\x98\x80/\"");
    round_trip(GN_S("\"\\ud800\""), "\"\xEF\xBF\xBD\""); /* half a pair is no character */
    round_trip(GN_S("\"a\\u0000b\""), "\"a\\u0000b\"");
    round_trip(GN_S("{\"a\":1,\"b\":2,\"a\":3}"), "{\"a\":3,\"b\":2}");
    round_trip(GN_S("1E400"), "Infinity");
    round_trip(GN_S("1e5"), "100000.0");
    round_trip(GN_S("-0"), "0");
    round_trip((gn_slice){"123456", 3}, "123"); /* nothing past the end is looked at */
}

TEST(an_integer_past_64_bits_is_a_number) {
    round_trip(GN_S("9223372036854775808"), "9.223372036854776e+18");
    round_trip(GN_S("-9223372036854775809"), "-9.223372036854776e+18");
    round_trip(GN_S("18446744073709551615"), "1.8446744073709552e+19");
    round_trip(GN_S("[1,100000000000000000000000000000,{\"a\":-99999999999999999999}, 2]"),
               "[1,1e+29,{\"a\":-1e+20},2]");
    refused(GN_S("[99999999999999999999,\n x]"), "line 2, column 2: unexpected character");
}

TEST(what_is_no_json_is_refused_with_its_place) {
    refused(GN_S(""), "line 1, column 1: no value");
    refused((gn_slice){0}, "line 1, column 1: no value");
    refused(GN_S(" \n "), "line 2, column 2: no value");
    refused(GN_S("[1,\n 2,,3]"), "line 2, column 4: unexpected character");
    refused(GN_S("[1] x"), "line 1, column 5: text after the value");
    refused(GN_S("1 2"), "line 1, column 3: text after the value");
    refused(GN_S("{}{}"), "line 1, column 3: text after the value");
    refused(GN_S("[1]]"), "line 1, column 4: text after the value");
    refused(GN_S("[1,2"), "line 1, column 5: the text ends in the middle");
    refused(GN_S("\"abc"), "line 1, column 5: the text ends in the middle");
    refused(GN_S("{\"a\""), "line 1, column 5: the text ends in the middle");
    refused(GN_S("\"\xC3\xA4\n\""),
            "line 1, column 3: a control character in a string must be escaped");
    refused(GN_S("[1.]"), "line 1, column 2: this is no number as JSON writes them");
    refused(GN_S("{\"a\\u0000\" : 1}"), "line 1, column 2: a key with a NUL character");
    static const char *const bad[] = {"01",
                                      "-01",
                                      "-",
                                      "1.",
                                      "1.e5",
                                      "1e",
                                      "1e+",
                                      "+1",
                                      ".5",
                                      "1.5.",
                                      "--1",
                                      "1-1",
                                      "0x10",
                                      "1a",
                                      "nan",
                                      "True",
                                      "nul",
                                      "nulll",
                                      "'a'",
                                      "{a:1}",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "[,1]",
                                      "[1 2]",
                                      "{\"a\" 1}",
                                      "{1:2}",
                                      "/**/1",
                                      "[1}",
                                      "{]",
                                      "]",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "tru e",
                                      "\f1",
                                      "\"a\" \"b\"",
                                      ",",
                                      "-infinity",
                                      "-NaN",
                                      "[\"a\":1]",
                                      "{\"a\",1}",
                                      "{\"a\":}",
                                      "#",
                                      "\xEF\xBB\xBF"
                                      "1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(gn_slice_of(bad[i]), NULL);
    refused(GN_S("1\0"), NULL);
    refused(GN_S("[\0]"), NULL);
}

TEST(ill_formed_utf8_is_refused_with_its_place) {
    refused(GN_S("[\"a\xFF\"]"), "line 1, column 4: a byte that is no UTF-8");
    refused(GN_S("\n\"\xED\xA0\x80\""), "line 2, column 2: a byte that is no UTF-8");
    refused(GN_S("\"\xE2\x82\""), NULL);
    refused(GN_S("\"\xE2\x82"), NULL);
    refused(GN_S("\"\xC0\x80\""), NULL);
}

static void nest(gn_str *s, int depth, const char *open, const char *close) {
    for (int i = 0; i < depth; i++)
        gn_str_puts(s, open);
    gn_str_puts(s, "1");
    for (int i = 0; i < depth; i++)
        gn_str_puts(s, close);
}

TEST(nesting_ends_at_512) {
    gn_str s = {0}, back = {0};
    gn_arena a = {0};
    gn_error e = {0};
    nest(&s, 512, "[", "]");
    const gn_value *v = gn_json_parse(&a, gn_str_slice(&s), &e);
    CHECK(v != NULL);
    gn_json_write(&back, v);
    CHECK(gn_slice_equal(gn_str_slice(&s), gn_str_slice(&back)));
    gn_str_cut(&s, 0);
    nest(&s, 513, "[", "]");
    refused(gn_str_slice(&s), "line 1, column 513: nested deeper than 512");
    gn_str_cut(&s, 0);
    nest(&s, 100000, "{\"a\":", "}");
    refused(gn_str_slice(&s), NULL);
    gn_str_cut(&s, 0);
    nest(&s, 100000, "[", "");
    refused(gn_str_slice(&s), NULL);
    gn_str_release(&s);
    gn_str_release(&back);
    gn_arena_release(&a);
}

TEST(a_full_arena_ends_the_reading) {
    gn_arena a = {.limit = 2000};
    gn_error e = {0};
    gn_str s = {0};
    gn_str_putc(&s, '[');
    for (int i = 0; i < 1000; i++)
        gn_str_puts(&s, "{\"k\":\"v\"},");
    gn_str_puts(&s, "0]");
    CHECK(!gn_json_parse(&a, gn_str_slice(&s), &e) && e.code == GN_NO_MEMORY);
    gn_str_release(&s);
    gn_arena_release(&a);
}

TEST(canonical_json_sorts_keys_at_every_depth) {
    gn_arena a = {0};
    gn_error e = {0};
    gn_str s = {0};
    const gn_value *v = gn_json_parse(
        &a, GN_S("{\"b\":{\"z\":1,\"a\":[{\"d\":1,\"c\":2}]},\"\xC3\xA4\":0,\"a\":1,\"ab\":2}"),
        &e);
    gn_json_write_canonical(&s, v);
    CHECK_TEXT(s.data,
               "{\"a\":1,\"ab\":2,\"b\":{\"a\":[{\"c\":2,\"d\":1}],\"z\":1},\"\xC3\xA4\":0}");
    gn_str_release(&s);
    gn_arena_release(&a);
}

TEST(strings_are_written_as_valid_utf8) {
    gn_str s = {0};
    gn_json_write_string(&s, GN_S("a\xFF\xE2\x82z\xF0\x9F"));
    CHECK_TEXT(s.data, "\"a\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\"");
    gn_str_release(&s);
}

TEST(floats_are_written_to_read_back) {
    gn_str s = {0};
    gn_json_write_f32(&s, 0.1f);
    gn_str_putc(&s, ' ');
    gn_json_write_f32(&s, (float)NAN);
    gn_str_putc(&s, ' ');
    gn_json_write_f32(&s, 3.0f);
    gn_str_putc(&s, ' ');
    gn_json_write_f64(&s, 3.0);
    gn_str_putc(&s, ' ');
    gn_json_write_f64(&s, 1e16);
    gn_str_putc(&s, ' ');
    gn_json_write_f64(&s, (double)-INFINITY);
    CHECK_TEXT(s.data, "0.100000001 null 3 3.0 1e+16 -Infinity");
    gn_str_release(&s);
}

/* The shape of a tokenizer.json: a map of 100 000 tokens and as many merges, 6 MB.
 * The bound is loose (a slow machine, a sanitizer); the time is printed. */
TEST(a_large_vocabulary_is_read_in_time) {
    enum { N = 100000 };
    gn_str s = {0};
    gn_arena a = {0};
    gn_error e = {0};
    gn_str_puts(&s, "{\"model\":{\"vocab\":{");
    for (int i = 0; i < N; i++)
        gn_str_fmt(&s, "%s\n      \"token\\u0120%x\": %d", i ? "," : "", i * 7919, i);
    gn_str_puts(&s, "},\"merges\":[");
    for (int i = 0; i < N; i++)
        gn_str_fmt(&s, "%s\n      \"to %x\"", i ? "," : "", i * 7919);
    gn_str_puts(&s, "]}}");
    const double start = gn_seconds();
    const gn_value *v = gn_json_parse(&a, gn_str_slice(&s), &e);
    const double seconds = gn_seconds() - start;
    printf("  %.1f MB of JSON in %.0f ms\n", (double)s.len / 1e6, seconds * 1e3);
    const gn_value *vocab = gn_value_get(gn_value_get(v, GN_S("model")), GN_S("vocab"));
    CHECK(gn_value_count(vocab) == N && seconds < 10);
    for (int i = 0; i < N; i += 977) {
        char key[32];
        snprintf(key, sizeof key, "token\xC4\xA0%x", i * 7919);
        const gn_value *id = gn_value_get(vocab, gn_slice_of(key));
        CHECK(gn_value_is(id, GN_INTEGER) && id->integer == i);
    }
    gn_str_release(&s);
    gn_arena_release(&a);
}
