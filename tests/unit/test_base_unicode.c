/* test_base_unicode.c - UTF-8, classes, case and normal forms, against Python's. */
/* floor: gn_base */
#include "core/base/unicode.h"

#include "core/base/clock.h"
#include "tests/check.h"

enum { FIELDS = 6, FIELD = 256 };

/* A line of the fixture: its fields' bytes. */
typedef struct line {
    char name[16];
    char text[FIELDS][FIELD];
    gn_slice field[FIELDS];
} line;

static void unhex(gn_slice *out, char *room, const char *hex) {
    *out = (gn_slice){room, 0};
    unsigned byte;
    for (; *hex != '-' && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        room[out->len++] = (char)byte;
}

/* Calls what for every line of this name; returns how many there were. */
static int each_line(const char *name, void (*what)(const line *l)) {
    static char text[FIELDS][2 * FIELD];
    char whole[4096];
    int count = 0;
    line l;
    FILE *f = fopen("tests/oracle/base_unicode.txt", "r");
    if (!CHECK(f != NULL))
        return 0;
    while (fgets(whole, sizeof whole, f)) {
        const int n = sscanf(whole, "%15s %511s %511s %511s %511s %511s %511s", l.name, text[0],
                             text[1], text[2], text[3], text[4], text[5]);
        if (strcmp(l.name, name) != 0)
            continue;
        for (int i = 0; i < n - 1; i++)
            unhex(&l.field[i], l.text[i], text[i]);
        what(&l);
        count++;
    }
    fclose(f);
    return count;
}

static void same(const gn_str *got, gn_slice want, gn_slice from, const char *how) {
    if (gn_slice_equal(gn_str_slice(got), want))
        return;
    CHECK(!"as Python has it");
    printf("    %s of '%.*s': got '%s', want '%.*s'\n", how, (int)from.len, from.data,
           gn_str_text(got), (int)want.len, want.data);
}

static void check_case(const line *l) {
    static void (*const change[])(gn_str *, gn_slice) = {gn_text_lower, gn_text_upper,
                                                         gn_text_title, gn_text_capitalize};
    static const char *const how[] = {"lower", "upper", "title", "capitalize"};
    for (int i = 0; i < 4; i++) {
        gn_str got = {0};
        change[i](&got, l->field[0]);
        same(&got, l->field[i + 1], l->field[0], how[i]);
        gn_str_release(&got);
    }
    gn_str got = {0};
    gn_str_add(&got, gn_text_strip(l->field[0], true, true));
    same(&got, l->field[5], l->field[0], "strip");
    gn_str_release(&got);
}

TEST(case_changes_as_in_python) { CHECK(each_line("case", check_case) > 1000); }

static void check_norm(const line *l) {
    static bool (*const form[])(gn_str *, gn_slice, gn_error *) = {gn_text_nfc, gn_text_nfd,
                                                                   gn_text_nfkc, gn_text_nfkd};
    static const char *const how[] = {"nfc", "nfd", "nfkc", "nfkd"};
    for (int i = 0; i < 4; i++) {
        gn_str got = {0};
        gn_error e = {0};
        CHECK(form[i](&got, l->field[0], &e));
        same(&got, l->field[i + 1], l->field[0], how[i]);
        gn_str_release(&got);
    }
}

TEST(normal_forms_are_those_of_python) { CHECK(each_line("norm", check_norm) > 700); }

static void check_repair(const line *l) {
    gn_str got = {0};
    gn_utf8_repair(&got, l->field[0]);
    same(&got, l->field[1], l->field[0], "repair");
    CHECK(gn_utf8_valid(l->field[0]) == gn_slice_equal(l->field[0], l->field[1]));
    CHECK(gn_utf8_valid(l->field[1]));
    CHECK(gn_utf8_count(l->field[0]) == gn_utf8_count(l->field[1]));
    gn_str_release(&got);
}

TEST(ill_formed_parts_are_replaced_as_in_python) { CHECK(each_line("repair", check_repair) > 700); }

/* 'A' or '1', the character, a sigma: does it become a final one? */
static bool ends_word(char before, int32_t cp) {
    char text[8] = {before};
    const size_t n = 1 + gn_utf8_put(text + 1, cp);
    memcpy(text + n, "\xCE\xA3", 2);
    gn_str low = {0};
    gn_text_lower(&low, (gn_slice){text, n + 2});
    const bool final = gn_slice_ends(gn_str_slice(&low), GN_S("\xCF\x82"));
    gn_str_release(&low);
    return final;
}

static bool ignorable(int32_t cp) { return ends_word('A', cp) && !ends_word('1', cp); }
static bool cased(int32_t cp) { return ends_word('1', cp); }

static void read_ranges(const char *property, unsigned char *has) {
    char whole[256], name[32];
    unsigned first, last;
    FILE *f = fopen("tests/oracle/base_unicode.txt", "r");
    memset(has, 0, 0x110000);
    while (f && fgets(whole, sizeof whole, f))
        if (sscanf(whole, "range %31s %x %x", name, &first, &last) == 3 &&
            strcmp(name, property) == 0)
            memset(has + first, 1, last - first + 1);
    if (f)
        fclose(f);
}

TEST(every_character_is_what_python_says_it_is) {
    static unsigned char unassigned[0x110000], want[0x110000];
    static const struct {
        const char *name;
        bool (*has)(int32_t cp);
    } property[] = {{"letter", gn_is_letter},           {"number", gn_is_number},
                    {"punctuation", gn_is_punctuation}, {"space", gn_is_space_python},
                    {"ignorable", ignorable},           {"cased", cased}};
    read_ranges("unassigned", unassigned);
    for (size_t i = 0; i < sizeof property / sizeof *property; i++) {
        int bad = 0, some = 0;
        read_ranges(property[i].name, want);
        for (int32_t cp = 0; cp < 0x110000; cp++) {
            if (unassigned[cp] || (cp >= 0xD800 && cp < 0xE000))
                continue;
            some += want[cp];
            if (property[i].has(cp) != want[cp] && bad++ < 5)
                printf("    U+%04X: %s wants %d\n", (unsigned)cp, property[i].name, want[cp]);
        }
        CHECK(bad == 0 && some > 0);
    }
    CHECK(gn_is_space(0x85) && !gn_is_space(0x1C) && !gn_is_space(0x180E) && !gn_is_space(-1));
    CHECK_TEXT(gn_category('A'), "Lu");
    CHECK_TEXT(gn_category(0x0E33), "Lo");
    CHECK(gn_lower(0x130) == 'i' && gn_upper(0xDF) == 0xDF && gn_upper(0xE4) == 0xC4);
}

TEST(code_points_go_out_and_come_back) {
    for (int32_t cp = 0; cp < 0x110000; cp += cp < 0x1000 ? 1 : 17) {
        char text[4];
        int32_t back;
        const size_t n = gn_utf8_put(text, cp);
        const size_t m = gn_utf8_next((gn_slice){text, n}, 0, &back);
        CHECK(cp >= 0xD800 && cp < 0xE000 ? back == -1 : m == n && back == cp);
    }
    int32_t cp = 5;
    CHECK(gn_utf8_next(GN_S(""), 0, &cp) == 0 && gn_utf8_next(GN_S("a"), 7, &cp) == 0 && cp == 5);
}

TEST(a_character_that_has_not_ended_is_known) {
    CHECK(gn_utf8_partial(GN_S("a\xE2\x82")) == 2 && gn_utf8_partial(GN_S("a\xE2")) == 1);
    CHECK(gn_utf8_partial(GN_S("\xF0\x9F\x98")) == 3 && gn_utf8_partial(GN_S("\xC3")) == 1);
    CHECK(gn_utf8_partial(GN_S("\xE2\x82\xAC")) == 0 && gn_utf8_partial(GN_S("")) == 0);
    CHECK(gn_utf8_partial(GN_S("\x82\x82\x82\x82")) == 0 && gn_utf8_partial(GN_S("a")) == 0);
    CHECK(gn_utf8_partial(GN_S("\xE0\x80")) == 0); /* overlong: will never be one */
    CHECK(gn_utf8_partial(GN_S("\xC0")) == 0 && gn_utf8_partial(GN_S("\xF5")) == 0);
    CHECK(gn_utf8_partial(GN_S("\xED\xA0")) == 0 && gn_utf8_partial(GN_S("\xF4\x90")) == 0);
}

TEST(bytes_that_are_no_character_keep_their_place_when_case_changes) {
    gn_str s = {0};
    gn_text_upper(&s, GN_S("a\xFF\xE2\x82z"));
    CHECK_TEXT(s.data, "A\xFF\xE2\x82Z");
    gn_str_release(&s);
    gn_text_lower(&s, GN_S("\xFF\xCE\xA3\x80\xCE\xA3"));
    CHECK_TEXT(s.data, "\xFF\xCF\x83\x80\xCF\x83");
    gn_str_release(&s);
}

TEST(white_space_goes_on_the_side_that_is_asked) {
    CHECK(gn_slice_is(gn_text_strip(GN_S(" \tx \n"), true, false), "x \n"));
    CHECK(gn_slice_is(gn_text_strip(GN_S(" \tx \n"), false, true), " \tx"));
    CHECK(gn_slice_is(gn_text_strip(GN_S("\xE3\x80\x80"), true, true), ""));
    CHECK(gn_slice_is(gn_text_strip(GN_S("\x80 "), true, true), "\x80"));
}

/* Marks in the worst order: must not take the square of their number. */
TEST(a_megabyte_of_marks_is_ordered_in_time) {
    gn_str s = {0}, out = {0};
    gn_error e = {0};
    gn_str_putc(&s, 'a');
    for (int i = 0; i < 250000; i++)
        gn_str_puts(&s, i % 2 ? "\xCC\xA3" : "\xCC\x81");
    CHECK(gn_text_nfc(&out, gn_str_slice(&s), &e)); /* in linear time: or the test hangs */
    CHECK(gn_slice_starts(gn_str_slice(&out), GN_S("\xE1\xBA\xA1\xCC\xA3\xCC\xA3")));
    gn_str_release(&s);
    gn_str_release(&out);
}

TEST(normal_forms_read_what_is_no_utf8_as_replacements) {
    gn_str s = {0};
    gn_error e = {0};
    CHECK(gn_text_nfc(&s, GN_S("e\xCC\x81\xFF"), &e));
    CHECK_TEXT(s.data, "\xC3\xA9\xEF\xBF\xBD");
    gn_str_release(&s);
}

TEST(columns_are_those_of_a_terminal) {
    static const struct {
        int32_t cp;
        int width;
    } want[] = {{'a', 1},    {0x7F, 0},   {7, 0},       {-1, 0},     {0x301, 0},  {0x200B, 0},
                {0x200D, 0}, {0x4E2D, 2}, {0x1F600, 2}, {0xFF21, 2}, {0xE000, 1}, {0xFFFD, 1},
                {0x1160, 0}, {0xAC00, 2}, {0xA7, 1},    {0x3000, 2}, {0xE9, 1}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        if (!CHECK(gn_width(want[i].cp) == want[i].width))
            printf("    U+%04X\n", (unsigned)want[i].cp);
}

static void cluster(gn_slice s, size_t bytes, int columns) {
    int width = -1;
    const size_t n = gn_grapheme_next(s, 0, &width);
    if (!CHECK(n == bytes && width == columns))
        printf("    '%s': %zu bytes, %d columns\n", s.data, n, width);
}

TEST(a_cluster_is_what_a_reader_calls_a_character) {
    cluster(GN_S("ab"), 1, 1);
    cluster(GN_S(""), 0, 0);
    cluster(GN_S("e\xCC\x81x"), 3, 1);
    cluster(GN_S("\r\nx"), 2, 0);
    cluster(GN_S("\xFF\xCC\x81"), 1, 1);
    cluster(GN_S("a\xFF"), 1, 1);
    cluster(GN_S("\xE4\xB8\xAD\xE6\x96\x87"), 3, 2);
    cluster(GN_S("\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA\xF0\x9F\x87\xA9"), 8, 2); /* one flag */
    cluster(GN_S("\xE2\x9D\xA4\xEF\xB8\x8F!"), 6, 2);                        /* red heart */
    cluster(GN_S("\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7 "), 11, 2);   /* joined */
    cluster(GN_S("\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD."), 8, 2);                /* skin tone */
    cluster(GN_S("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB"), 9, 2);             /* Hangul jamo */
}
