/* test_base_str.c - text that grows, numbers as text. */
/* floor: gn_base */
#include "core/base/str.h"

#include "tests/check.h"

#include <locale.h>

TEST(slices_know_their_ends_and_what_they_hold) {
    CHECK(gn_slice_starts(GN_S("abc"), GN_S("ab")) && !gn_slice_starts(GN_S("a"), GN_S("ab")));
    CHECK(gn_slice_ends(GN_S("abc"), GN_S("bc")) && !gn_slice_ends(GN_S("c"), GN_S("bc")));
    CHECK(gn_slice_starts((gn_slice){0}, GN_S("")) && gn_slice_ends((gn_slice){0}, GN_S("")));
    CHECK(gn_slice_find(GN_S("abcbc"), GN_S("bc")) == 1);
    CHECK(gn_slice_find(GN_S("abc"), GN_S("")) == 0);
    CHECK(gn_slice_find((gn_slice){0}, GN_S("x")) == -1);
    CHECK(gn_slice_find(GN_S("a\0b"), GN_S("\0b")) == 1);
}

TEST(slices_sort_by_bytes_then_by_length) {
    CHECK(gn_slice_compare(GN_S("a"), GN_S("b")) < 0);
    CHECK(gn_slice_compare(GN_S("a"), GN_S("ab")) < 0);
    CHECK(gn_slice_compare(GN_S("\xff"), GN_S("a")) > 0);
    CHECK(gn_slice_compare(GN_S("ab"), GN_S("ab")) == 0);
    CHECK(gn_slice_compare((gn_slice){0}, GN_S("")) == 0);
}

TEST(a_string_grows_and_ends_with_nul) {
    gn_str s = {0};
    gn_error e = {0};
    CHECK_TEXT(gn_str_text(&s), "");
    for (int i = 0; i < 1000; i++)
        gn_str_putc(&s, (char)('a' + i % 26));
    CHECK(s.len == 1000 && strlen(s.data) == 1000);
    gn_str_cut(&s, 3);
    gn_str_puts(&s, "-");
    gn_str_add(&s, GN_S("x\0y"));
    CHECK(s.len == 7 && memcmp(s.data, "abc-x\0y", 8) == 0);
    CHECK(gn_str_ok(&s, &e));
    gn_str_release(&s);
    CHECK(!s.data && s.len == 0);
}

TEST(a_string_may_be_added_to_itself) {
    gn_str s = {0};
    gn_str_puts(&s, "0123456789");
    for (int i = 0; i < 6; i++)
        gn_str_add(&s, gn_str_slice(&s));
    CHECK(s.len == 640 && strlen(s.data) == 640 && memcmp(s.data + 630, "0123456789", 10) == 0);
    gn_str_release(&s);
}

TEST(formatted_text_may_be_long) {
    gn_str s = {0};
    gn_str_fmt(&s, "%500d|%s", 7, "end");
    CHECK(s.len == 504 && strcmp(s.data + 499, "7|end") == 0);
    gn_str_release(&s);
}

TEST(a_string_remembers_that_memory_ran_out) {
    gn_str s = {0};
    gn_error e = {0};
    gn_str_puts(&s, "kept");
    CHECK(!gn_str_room(&s, SIZE_MAX - 8));
    gn_str_puts(&s, "dropped");
    CHECK_TEXT(gn_str_text(&s), "kept");
    CHECK(!gn_str_ok(&s, &e) && e.code == GN_NO_MEMORY);
    gn_str_release(&s);
}

TEST(numbers_look_as_python_writes_them) {
    FILE *f = fopen("tests/oracle/base_numbers.txt", "r");
    unsigned long long bits;
    char want[64];
    int count = 0, bad = 0;
    if (!CHECK(f != NULL))
        return;
    while (fscanf(f, "%16llx %63s", &bits, want) == 2) {
        double v, back;
        gn_str s = {0};
        memcpy(&v, &bits, sizeof v);
        gn_str_number(&s, v);
        if (strcmp(s.data, want) != 0 && bad++ < 5)
            CHECK_TEXT(s.data, want);
        if (isfinite(v) && (!gn_parse_number(gn_str_slice(&s), &back) || back != v))
            bad += CHECK(!"reads back");
        gn_str_release(&s);
        count++;
    }
    fclose(f);
    CHECK(count > 4000 && bad == 0);
}

TEST(nan_has_no_sign) {
    gn_str s = {0};
    gn_str_number(&s, -(double)NAN);
    CHECK_TEXT(gn_str_text(&s), "nan");
    gn_str_release(&s);
}

TEST(numbers_are_read_only_in_one_shape) {
    static const char *const bad[] = {"",     "-",   ".5",  "1.",  "1e",    "1e+", " 1",   "1 ",
                                      "0x10", "inf", "nan", "1,5", "1.5.2", "--1", "1e5x", "+"};
    double v = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!CHECK(!gn_parse_number(gn_slice_of(bad[i]), &v)))
            printf("    \"%s\"\n", bad[i]);
    CHECK(v == 7);
    CHECK(gn_parse_number(GN_S("-0"), &v) && v == 0 && signbit(v));
    CHECK(gn_parse_number(GN_S("+1.50E+2"), &v) && v == 150);
    CHECK(gn_parse_number(GN_S("1e400"), &v) && isinf(v));
    CHECK(gn_parse_number(GN_S("1e-99999999999999999999"), &v) && v == 0);
    CHECK(gn_parse_number(GN_S("9007199254740993"), &v) && v == 9007199254740992.0);
    CHECK(gn_parse_number(GN_S("0.000000000000000000000000000000000000001"), &v) && v == 1e-39);
}

TEST(a_very_long_number_is_read_to_its_end) {
    char text[2000];
    double v;
    memset(text, '0', sizeof text);
    text[0] = '1';
    text[1] = '.';
    text[sizeof text - 1] = '1';
    CHECK(gn_parse_number((gn_slice){text, sizeof text}, &v) && v == 1);
    text[1] = '0';
    CHECK(gn_parse_number((gn_slice){text, sizeof text}, &v) && isinf(v));
}

TEST(integers_are_read_to_the_last_bit_and_no_further) {
    int64_t v = 7;
    CHECK(gn_parse_integer(GN_S("9223372036854775807"), &v) && v == INT64_MAX);
    CHECK(gn_parse_integer(GN_S("-9223372036854775808"), &v) && v == INT64_MIN);
    CHECK(gn_parse_integer(GN_S("+012"), &v) && v == 12);
    CHECK(!gn_parse_integer(GN_S("9223372036854775808"), &v));
    CHECK(!gn_parse_integer(GN_S("-9223372036854775809"), &v));
    CHECK(!gn_parse_integer(GN_S("99999999999999999999999"), &v));
    CHECK(!gn_parse_integer(GN_S("1.0"), &v) && !gn_parse_integer(GN_S("-"), &v));
    CHECK(!gn_parse_integer((gn_slice){0}, &v) && v == 12);
}

/* With the decimal comma of a locale that has one, if the system holds any. */
TEST(numbers_do_not_obey_the_locale) {
    static const char *const name[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C.UTF-8"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        if (setlocale(LC_ALL, name[i]))
            break;
    gn_str s = {0};
    double v;
    gn_str_number(&s, 0.1);
    gn_str_fmt(&s, " %.2f", 1.5);
    CHECK_TEXT(s.data, "0.1 1.50");
    CHECK(gn_parse_number(GN_S("123456789.123456789"), &v) && v == 123456789.123456789);
    setlocale(LC_ALL, "C");
    gn_str_release(&s);
}

TEST(a_slice_can_be_copied_out) {
    char *copy = gn_strdup_slice((gn_slice){"abc", 2});
    CHECK_TEXT(copy, "ab");
    free(copy);
    copy = gn_strdup_slice((gn_slice){0});
    CHECK_TEXT(copy, "");
    free(copy);
}
