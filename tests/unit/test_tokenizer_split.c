/* test_tokenizer_split.c - matchers written by hand against a regex engine, and the steps. */
/* floor: gn_text */
#include "core/base/regex.h"
#include "core/base/rng.h"
#include "core/base/unicode.h"
#include "core/text/match.h"
#include "core/text/split.h"
#include "tests/check.h"

typedef struct pair {
    const char *expression;
    gn_matcher match;
} pair;
static const pair pairs[] = {
    {gn_regex_gpt2, gn_match_gpt2},     {gn_regex_cl100k, gn_match_cl100k},
    {gn_regex_qwen2, gn_match_qwen2},   {gn_regex_gpt4o, gn_match_gpt4o},
    {gn_regex_tekken, gn_match_tekken},
};
enum { PAIRS = sizeof pairs / sizeof *pairs };

/* One of each class that an expression tells apart, and those that it names. */
static const char *const letters[] = {
    " ",
    "\t",
    "\n",
    "\r",
    "\xC2\xA0",
    "a",
    "s",
    "A",
    "\xC7\x85",
    "1",
    "'",
    "!",
    "/",
    "_",
    "\xC3\xA9",
    "\xCA\xB0",
    "\xCC\x81",
    "\xE4\xB8\xAD",
    "\xE1\xA0\x8E",
    "\xC5\xBF",
};
enum { LETTERS = sizeof letters / sizeof *letters };

/* Both must match all of the text, piece by piece, at the same places. */
static bool same(gn_regex *r, gn_matcher match, gn_slice text) {
    for (size_t at = 0; at < text.len;) {
        gn_error e = {0};
        gn_span span = {0};
        bool found;
        const size_t end = match(text, at);
        if (!gn_regex_find(r, text, at, &span, 1, &found, &e) || !found || span.begin != at ||
            span.end != end) {
            printf("  '%.*s' at %zu: by hand to %zu, by regex %zu to %zu %s\n", (int)text.len,
                   text.data, at, end, span.begin, span.end, e.message);
            return false;
        }
        at = end;
    }
    return true;
}

static gn_regex *compile(const char *expression) {
    gn_error e = {0};
    gn_regex *r = gn_regex_new(gn_slice_of(expression), GN_REGEX_PLAIN, false, &e);
    if (!CHECK(r))
        printf("  %s: %s\n", expression, e.message);
    return r;
}

static size_t spell(char *out, size_t which, int length) {
    size_t len = 0;
    for (int k = 0; k < length; k++, which /= LETTERS) {
        const char *c = letters[which % LETTERS];
        memcpy(out + len, c, strlen(c));
        len += strlen(c);
    }
    return len;
}

TEST(matchers_by_hand_equal_the_regex_on_every_text_of_four_classes) {
    for (int p = 0; p < PAIRS; p++) {
        gn_regex *r = compile(pairs[p].expression);
        bool ok = r;
        size_t all = 1;
        for (int length = 1; length <= 4; length++) {
            all *= LETTERS;
            for (size_t which = 0; ok && which < all; which++) {
                char text[32];
                ok = same(r, pairs[p].match, (gn_slice){text, spell(text, which, length)});
            }
        }
        CHECK(ok);
        gn_regex_free(r);
    }
}

TEST(matchers_by_hand_equal_the_regex_on_long_random_texts) {
    for (int p = 0; p < PAIRS; p++) {
        gn_regex *r = compile(pairs[p].expression);
        bool ok = r;
        uint64_t n = 0;
        for (int t = 0; ok && t < 4000; t++) {
            gn_str text = {0};
            const int length = 5 + (int)(gn_splitmix64(n++) % 40);
            for (int k = 0; k < length; k++)
                gn_str_puts(&text, letters[gn_splitmix64(n++) % LETTERS]);
            ok = same(r, pairs[p].match, gn_str_slice(&text));
            gn_str_release(&text);
        }
        CHECK(ok);
        gn_regex_free(r);
    }
}

TEST(matchers_by_hand_equal_the_regex_on_contractions_in_every_case) {
    static const char *const c[] = {"s", "t", "r", "e", "v", "m", "l", "d", "S", "T",
                                    "R", "E", "V", "M", "L", "D", "x", " ", "'", "\xC5\xBF"};
    for (int p = 0; p < PAIRS; p++) {
        gn_regex *r = compile(pairs[p].expression);
        bool ok = r;
        for (int k = 0; ok && k < 20 * 20 * 20 * 3; k++) {
            static const char *const before[] = {"", "a", "B"};
            char text[32];
            snprintf(text, sizeof text, "%s'%s%s%s", before[k % 3], c[k / 3 % 20], c[k / 60 % 20],
                     c[k / 1200]);
            ok = same(r, pairs[p].match, gn_slice_of(text));
        }
        CHECK(ok);
        gn_regex_free(r);
    }
}

/* Unicode versions differ in what they assign; that is no fault of a matcher. */
static bool is_assigned(gn_regex *unassigned, gn_slice character) {
    gn_error e = {0};
    gn_span span;
    bool found = true;
    return gn_regex_find(unassigned, character, 0, &span, 1, &found, &e) && !found;
}

TEST(matchers_by_hand_equal_the_regex_around_every_character) {
    gn_regex *unassigned = compile("\\p{Cn}");
    int tried = 0;
    for (int p = 0; p < PAIRS; p++) {
        gn_regex *r = compile(pairs[p].expression);
        int wrong = 0;
        for (int32_t cp = 0x80; r && cp < 0x30000; cp++) {
            char text[16] = "a b";
            if (cp >= 0xD800 && cp < 0xE000)
                continue;
            const size_t len = 1 + gn_utf8_put(text + 1, cp);
            memcpy(text + len, " b", 3);
            if (!is_assigned(unassigned, (gn_slice){text + 1, len - 1}))
                continue;
            tried++;
            wrong += !same(r, pairs[p].match, gn_slice_of(text));
            if (wrong > 5)
                break;
        }
        CHECK(wrong == 0);
        gn_regex_free(r);
    }
    CHECK(tried > PAIRS * 130000);
    gn_regex_free(unassigned);
}

TEST(an_expression_is_known_by_its_exact_text) {
    for (int p = 0; p < PAIRS; p++)
        CHECK(gn_match_known(gn_slice_of(pairs[p].expression)) == pairs[p].match);
    CHECK(!gn_match_known(GN_S("\\p{N}{1,3}")));
    CHECK_TEXT(gn_regex_cl100k,
               "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
               "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+");
}

/* --- steps --- */

static bool join(void *user, gn_slice piece, gn_error *e) {
    gn_str *out = user;
    gn_str_fmt(out, "[%.*s]", (int)piece.len, piece.data);
    return gn_str_ok(out, e);
}

static void check_step(gn_split step, const char *text, const char *want) {
    gn_error e = {0};
    gn_splitter s = {0};
    gn_str out = {0};
    CHECK(gn_splitter_add(&s, step, "step", &e));
    CHECK(gn_splitter_run(&s, gn_slice_of(text), join, &out, &e));
    CHECK_TEXT(gn_str_text(&out), want);
    gn_str_release(&out);
    gn_splitter_release(&s);
}

TEST(the_behaviours_of_split_are_those_of_their_documentation) {
    /* the-final--countdown cut at "-": the example of tokenizers' documentation */
    static const char *const want[] = {
        "[the][-][final][-][-][countdown]", "[the][final][countdown]",
        "[the-][final-][-][countdown]",     "[the][-final][-][-countdown]",
        "[the][-][final][--][countdown]",
    };
    for (int b = 0; b < 5; b++)
        check_step((gn_split){.behaviour = (gn_behaviour)b, .pattern = {.text = GN_S("-")}},
                   "the-final--countdown", want[b]);
}

TEST(an_inverted_split_matches_what_is_between) {
    check_step((gn_split){.behaviour = GN_REMOVED, .invert = true, .pattern = {.text = GN_S("-")}},
               "the-final--countdown", "[-][-][-]");
}

TEST(digits_stand_alone_or_together) {
    check_step((gn_split){.kind = GN_SPLIT_CLASS, .any = GN_CLASS_NUMBER},
               "a12\xC2\xBD"
               "b",
               "[a][1][2][\xC2\xBD][b]");
    check_step(
        (gn_split){.kind = GN_SPLIT_CLASS, .any = GN_CLASS_NUMBER, .behaviour = GN_CONTIGUOUS},
        "a12\xC2\xBD"
        "b",
        "[a][12\xC2\xBD][b]");
}

TEST(a_step_cuts_the_pieces_of_the_step_before) {
    gn_error e = {0};
    gn_splitter s = {0};
    gn_str out = {0};
    CHECK(gn_splitter_add(&s, (gn_split){.kind = GN_SPLIT_CLASS, .any = GN_CLASS_NUMBER}, "digits",
                          &e));
    CHECK(gn_splitter_add(&s, (gn_split){.kind = GN_SPLIT_BYTES, .gpt2 = true}, "bytelevel", &e));
    CHECK(gn_splitter_run(&s, GN_S("to 12 or  so"), join, &out, &e));
    CHECK_TEXT(gn_str_text(&out), "[to][ ][1][2][ or][ ][ so]");
    CHECK_TEXT(s.name, "digits+bytelevel");
    CHECK(!gn_splitter_add(&s, (gn_split){.kind = GN_SPLIT_WORDS}, "whitespace", &e));
    CHECK(e.code == GN_UNSUPPORTED);
    gn_str_release(&out);
    gn_splitter_release(&s);
}
