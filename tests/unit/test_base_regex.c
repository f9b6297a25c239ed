/* test_base_regex.c - regular expressions, against Python's re. */
/* floor: gn_base */
#include "core/base/regex.h"

#include "core/base/clock.h"
#include "tests/check.h"

enum { FIELDS = 6, FIELD = 512 };

typedef struct line {
    char name[16];
    char raw[FIELDS][2 * FIELD], text[FIELDS][FIELD];
    gn_slice field[FIELDS]; /* read as hex, whether it is or not */
} line;

static int each_line(const char *name, void (*what)(line *l)) {
    static line l;
    static char whole[8192];
    int count = 0;
    FILE *f = fopen("tests/oracle/base_regex.txt", "r");
    if (!CHECK(f != NULL))
        return 0;
    while (fgets(whole, sizeof whole, f)) {
        memset(&l, 0, sizeof l);
        const int n = sscanf(whole, "%15s %1023s %1023s %1023s %1023s %1023s", l.name, l.raw[0],
                             l.raw[1], l.raw[2], l.raw[3], l.raw[4]);
        if (strcmp(l.name, name) != 0)
            continue;
        for (int i = 0; i < n - 1; i++) {
            unsigned byte;
            l.field[i] = (gn_slice){l.text[i], 0};
            for (const char *p = l.raw[i]; *p != '-' && sscanf(p, "%2x", &byte) == 1; p += 2)
                l.text[i][l.field[i].len++] = (char)byte;
        }
        what(&l);
        count++;
    }
    fclose(f);
    return count;
}

static gn_regex *python(gn_slice pattern, bool ignore_case) {
    gn_error e = {0};
    gn_regex *r = gn_regex_new(pattern, GN_REGEX_PYTHON, ignore_case, &e);
    if (!CHECK(r != NULL))
        printf("    %s\n", e.message);
    return r;
}

static void check_finds(line *l) {
    gn_regex *r = python(l->field[0], l->raw[1][0] == 'i');
    gn_span span[8];
    gn_str got = {0};
    gn_error e = {0};
    bool found;
    if (!r)
        return;
    const int n = gn_regex_groups(r) + 1;
    CHECK(n <= 8 && gn_regex_find(r, l->field[2], 0, span, n, &found, &e));
    while (found) {
        for (int i = 0; i < n; i++) {
            gn_str_puts(&got, i ? "," : got.len ? ";" : "");
            if (span[i].begin > span[i].end)
                gn_str_puts(&got, "x");
            else
                gn_str_fmt(&got, "%zu:%zu", span[i].begin, span[i].end);
        }
        if (!CHECK(gn_regex_next(r, l->field[2], span, n, &found, &e)))
            break;
    }
    if (!got.len)
        gn_str_puts(&got, "-");
    if (!CHECK_TEXT(got.data, l->raw[3]))
        printf("    %s in '%s'\n", l->text[0], l->text[2]);
    gn_str_release(&got);
    gn_regex_free(r);
}

TEST(matches_are_those_of_python) { CHECK(each_line("find", check_finds) > 1500); }

static void check_sub(line *l) {
    gn_regex *r = python(l->field[0], false);
    gn_str got = {0};
    gn_error e = {0};
    if (!r)
        return;
    CHECK(gn_regex_sub(r, l->field[1], l->field[2], atoi(l->raw[3]), &got, &e));
    if (!CHECK(gn_slice_equal(gn_str_slice(&got), l->field[4])))
        printf("    %s in '%s' by '%s': '%s', want '%s'\n", l->text[0], l->text[1], l->text[2],
               gn_str_text(&got), l->text[4]);
    gn_str_release(&got);
    gn_regex_free(r);
}

TEST(replacements_are_those_of_python) { CHECK(each_line("sub", check_sub) == 20); }

static void check_escape(line *l) {
    gn_str got = {0};
    gn_regex_escape(&got, l->field[0]);
    CHECK_TEXT(gn_str_text(&got), l->text[1]);
    gn_str_release(&got);
}

TEST(text_is_escaped_as_in_python) { CHECK(each_line("escape", check_escape) == 6); }

static void check_bad(line *l) {
    gn_error e = {0};
    if (!CHECK(!gn_regex_new(l->field[0], GN_REGEX_PYTHON, false, &e)))
        printf("    %s compiled\n", l->text[0]);
    CHECK(e.code == GN_INVALID && strstr(e.message, l->text[0]) && strstr(e.message, "character "));
}

TEST(a_pattern_python_refuses_is_refused) { CHECK(each_line("bad", check_bad) == 11); }

static void check_badsub(line *l) {
    gn_regex *r = python(l->field[0], false);
    for (int i = 0; i < 2; i++) { /* where it matches and where it does not */
        gn_error e = {0};
        gn_str out = {0};
        if (!CHECK(!gn_regex_sub(r, i ? GN_S("a") : GN_S("z"), l->field[1], 0, &out, &e)))
            printf("    %s passed\n", l->text[1]);
        CHECK(e.code == GN_INVALID);
        gn_str_release(&out);
    }
    gn_regex_free(r);
}

TEST(a_replacement_python_refuses_is_refused) { CHECK(each_line("badsub", check_badsub) == 9); }

TEST(an_error_names_its_place_in_the_pattern_as_given) {
    gn_error e = {0};
    CHECK(!gn_regex_new(GN_S("\\s\\s\xC3\xA4(x"), GN_REGEX_PLAIN, false, &e));
    CHECK_TEXT(e.message, "regular expression '\\s\\s\xC3\xA4(x': at character 8: missing closing "
                          "parenthesis");
}

static bool finds(const char *pattern, gn_regex_flavour flavour, const char *text) {
    gn_error e = {0};
    gn_span span;
    bool found = false;
    gn_regex *r = gn_regex_new(gn_slice_of(pattern), flavour, false, &e);
    CHECK(r && gn_regex_find(r, gn_slice_of(text), 0, &span, 1, &found, &e));
    gn_regex_free(r);
    return found;
}

TEST(plain_white_space_is_that_of_unicode) {
    CHECK(finds("^\\s$", GN_REGEX_PLAIN, "\xC2\x85") && finds("^[\\s]$", GN_REGEX_PLAIN, "\t"));
    CHECK(finds("^\\s$", GN_REGEX_PLAIN, "\xE3\x80\x80"));
    CHECK(!finds("\\s", GN_REGEX_PLAIN, "\x1C") && finds("\\s", GN_REGEX_PYTHON, "\x1C"));
    CHECK(finds("\\S", GN_REGEX_PLAIN, "\x1F") && finds("[\\S]", GN_REGEX_PLAIN, "\x1F"));
    CHECK(!finds("\\s", GN_REGEX_PLAIN, "\xE1\xA0\x8E")); /* U+180E */
    CHECK(!finds("[\\S]", GN_REGEX_PLAIN, "\xE2\x80\xA8"));
    CHECK(finds("^[^\\s\\p{L}\\p{N}]$", GN_REGEX_PLAIN, "!"));
    CHECK(finds("a\\Z", GN_REGEX_PLAIN, "a\n") && !finds("a\\Z", GN_REGEX_PYTHON, "a\n"));
    CHECK(finds("^\\u{1F600}$", GN_REGEX_PLAIN, "\xF0\x9F\x98\x80"));
    CHECK(finds("^\\Q[\\s\\E$", GN_REGEX_PLAIN, "[\\s"));
    CHECK(finds("^[[:alpha:]]$", GN_REGEX_PLAIN, "x"));
}

/* Every character, through each of the four spellings, against str.isspace's list. */
TEST(the_two_sets_of_white_space_part_all_characters) {
    static const char *const spelling[] = {"\\A\\s\\z",    "\\A[\\s]\\z", "\\A[^\\S]\\z",
                                           "\\A[^\\s]\\z", "\\A\\S\\z",   "\\A[\\S]\\z"};
    gn_error e = {0};
    gn_regex *r[6];
    for (int i = 0; i < 6; i++)
        r[i] = gn_regex_new(gn_slice_of(spelling[i]), GN_REGEX_PYTHON, false, &e);
    int spaces = 0;
    for (uint32_t cp = 0; cp < 0x110000; cp += cp < 0x3100 ? 1 : 251) {
        char text[4];
        gn_span span;
        bool found[6];
        if (cp >= 0xD800 && cp < 0xE000)
            continue;
        size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
        text[0] = (char)(n == 1 ? cp : (0xF00u >> n) | cp >> (6 * (n - 1)));
        for (size_t k = 1; k < n; k++)
            text[k] = (char)(0x80 | (cp >> (6 * (n - 1 - k)) & 0x3F));
        for (int i = 0; i < 6; i++)
            CHECK(gn_regex_find(r[i], (gn_slice){text, n}, 0, &span, 1, &found[i], &e));
        CHECK(found[0] == found[1] && found[0] == found[2]);
        CHECK(found[3] == !found[0] && found[4] == !found[0] && found[5] == !found[0]);
        spaces += found[0];
    }
    CHECK(spaces == 29);
    for (int i = 0; i < 6; i++)
        gn_regex_free(r[i]);
}

TEST(a_pattern_that_runs_wild_fails_instead_of_hanging) {
    gn_error e = {0};
    gn_span span;
    bool found = true;
    gn_regex *r = gn_regex_new(GN_S("(a+)+$"), GN_REGEX_PYTHON, false, &e);
    const double start = gn_seconds();
    CHECK(!gn_regex_find(r, GN_S("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), 0, &span, 1,
                         &found, &e));
    printf("  gave up after %.0f ms\n", 1e3 * (gn_seconds() - start));
    CHECK(e.code == GN_UNSUPPORTED && !found);
    CHECK(strstr(e.message, "too many ways to match") != NULL);
    gn_regex_free(r);
}

TEST(a_long_text_needs_no_deep_stack) {
    enum { N = 3000000 };
    gn_error e = {0};
    gn_span span[2];
    bool found;
    char *text = malloc(N);
    memset(text, 'x', N);
    gn_regex *r = gn_regex_new(GN_S("(?s)(?:x|y)*?z|(.)+"), GN_REGEX_PYTHON, false, &e);
    if (!gn_regex_find(r, (gn_slice){text, N}, 0, span, 2, &found, &e))
        CHECK(e.code == GN_UNSUPPORTED);
    else
        CHECK(found && span[0].end == N && span[1].begin == N - 1);
    gn_regex_free(r);
    r = gn_regex_new(GN_S("(?s)(.+)x"), GN_REGEX_PYTHON, false, &e);
    CHECK(gn_regex_find(r, (gn_slice){text, N}, 0, span, 2, &found, &e) && found);
    CHECK(span[1].end == N - 1);
    gn_regex_free(r);
    free(text);
}

TEST(text_that_is_no_utf8_is_refused) {
    gn_error e = {0};
    gn_span span;
    bool found;
    gn_regex *r = gn_regex_new(GN_S("."), GN_REGEX_PLAIN, false, &e);
    CHECK(!gn_regex_find(r, GN_S("\xC3"), 0, &span, 1, &found, &e) && e.code == GN_INVALID);
    CHECK(gn_regex_find(r, (gn_slice){0}, 0, &span, 1, &found, &e) && !found);
    CHECK(gn_regex_find(r, GN_S("a"), 9, &span, 1, &found, &e) && !found);
    gn_regex_free(r);
    gn_regex_free(NULL);
}

TEST(a_pattern_of_ill_formed_utf8_does_not_compile) {
    gn_error e = {0};
    CHECK(!gn_regex_new(GN_S("a\xFF"), GN_REGEX_PLAIN, false, &e) && e.code == GN_INVALID);
    CHECK(!gn_regex_new(GN_S("\\"), GN_REGEX_PYTHON, false, &e));
    CHECK(!gn_regex_new(GN_S("[\\s-"), GN_REGEX_PYTHON, false, &e));
}
