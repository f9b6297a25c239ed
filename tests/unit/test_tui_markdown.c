/* test_tui_markdown.c - markdown to rows, while it is written and after. */
/* floor: gn_app */
#include "app/term/clipboard.h"
#include "app/term/flow.h"
#include "tests/check.h"

#include <stdlib.h>

#define CHECK_INT(got, want) check_int((int)(got), (int)(want), __LINE__)
static bool check_int(int got, int want, int line) {
    if (got != want)
        printf("  line %d: got %d, want %d\n", line, got, want);
    return CHECK(got == want);
}

static const char sample[] =
    "# Two days in *Oslo*\n\nWalk **the harbour**, then _take_ the `ferry` to ***Hovedoya***,\n"
    "or snake_case_names and 2 * 3 * 4 = 24.\n\n- one **bold\n- two [site](https://a.example)\n"
    "  - deeper ~~gone~~\n10. ten\n\n> quoted *and*\n> more\n\n---\n"
    "```c\nint main(void) { return 2 ** 3; }\n\n```\n"
    "| a | b |\n|---|:-:|\n| one | **two** |\n| a much longer cell | `x|y` |\n\n"
    "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\", \"days\": 2}}\n"
    "</tool_call>\n<think>\nhm\n</think>\nEnd \xe4\xb8\x96\xe7\x95\x8c \xf0\x9f\x91\xa9\xe2\x80\x8d"
    "\xf0\x9f\x92\xbb caf\x65\xcc\x81.\n~~~\nunclosed *code*";

/* Row i as text. */
static void row_text(const gn_flow *f, size_t i, gn_slice text, int width, gn_str *out) {
    gn_canvas c = {.unicode = false}; /* lines and bullets as ASCII */
    gn_canvas_resize(&c, 1, width);
    gn_flow_draw(f, i, &c, 0, 0, width, text, 1, NULL, 0, GN_STYLE_PLAIN);
    gn_canvas_row(&c, 0, out);
    gn_canvas_release(&c);
}

/* All rows, joined with "/". */
static void all_text(const gn_flow *f, gn_slice text, int width, gn_str *out) {
    for (size_t i = 0; i < gn_flow_count(f); i++) {
        gn_str_puts(out, i ? "/" : "");
        row_text(f, i, text, width, out);
    }
}

static bool shows(const char *text, int width, bool open, const char *want) {
    gn_flow f = {0};
    gn_str got = {0};
    gn_flow_update(&f, gn_slice_of(text), width, true, open, 0);
    all_text(&f, gn_slice_of(text), width, &got);
    const bool same = strcmp(gn_str_text(&got), want) == 0;
    if (!same)
        printf("  text: %s\n  got:  %s\n  want: %s\n", text, gn_str_text(&got), want);
    gn_str_release(&got);
    gn_flow_release(&f);
    return same;
}

TEST(marks_are_hidden_and_what_is_no_mark_stays) {
    CHECK(shows("a **b** *c* __d__ _e_ ***f*** ~~g~~", 40, false, "a b c d e f g"));
    CHECK(shows("2 * 3 * 4, snake_case_name, a_b, 5*6", 40, false,
                "2 * 3 * 4, snake_case_name, a_b, 5*6"));
    CHECK(shows("**open and *never closed", 40, false, "**open and *never closed"));
    CHECK(shows("`a*b*` and ``c`d``", 40, false, "`a*b*` and ``c`d``"));
    CHECK(shows("\\*not\\* \\_so\\_ \\q", 40, false, "*not* _so_ \\q"));
    CHECK(shows("*a **b** c* **a *b* c**", 40, false, "a b c a b c"));
    CHECK(shows("[x](http://y) [z] (w) [q](", 40, false, "x (http://y) [z] (w) [q]("));
    CHECK(shows("in**tra**word foo*bar*baz", 40, false, "intraword foobarbaz"));
    CHECK(shows("** no ** * no *", 40, false, "** no ** * no *"));
}

TEST(what_is_being_written_is_shown_as_what_it_becomes) {
    CHECK(shows("so **bo", 40, true, "so bo"));
    CHECK(shows("so **", 40, true, "so"));
    CHECK(shows("so **bold*", 40, true, "so bold"));
    CHECK(shows("so `co", 40, true, "so `co"));
    CHECK(shows("2 * 3", 40, true, "2 * 3"));
    CHECK(shows("| a | b |", 40, true, "a | b"));
    CHECK(shows("| a | b |\n|--", 40, true, "a | b/--+--"));
    CHECK(shows("[site](http://a", 40, true, "site (http://a"));
}

TEST(styles_come_with_the_bytes) {
    gn_flow f = {0};
    gn_canvas c = {.unicode = true};
    const gn_slice text = GN_S("a **b** `c` *d* e");
    const gn_run over[] = {{8, GN_STYLE_PLAIN}, {10, GN_STYLE_MATCH}};
    gn_canvas_resize(&c, 1, 40);
    gn_flow_update(&f, text, 40, true, false, 0);
    gn_flow_draw(&f, 0, &c, 0, 0, 40, text, 1, over, 2, GN_STYLE_NOTE);
    /* a b `c` d e */
    CHECK_INT(c.cell[0].style, GN_STYLE_NOTE);
    CHECK_INT(c.cell[2].style, GN_STYLE_BOLD);
    CHECK_INT(c.cell[4].style, GN_STYLE_MATCH);
    CHECK_INT(c.cell[5].style, GN_STYLE_MATCH); /* laid over code */
    CHECK_INT(c.cell[6].style, GN_STYLE_DIM);
    CHECK_INT(c.cell[8].style, GN_STYLE_EMPHASIS);
    CHECK_INT(c.cell[10].style, GN_STYLE_NOTE);
    gn_flow_paint(&f, 0, &c, 0, 0, 40, text, 4, 9, GN_STYLE_SELECTED); /* b** ` */
    CHECK_INT(c.cell[2].style, GN_STYLE_SELECTED);
    CHECK_INT(c.cell[4].style, GN_STYLE_SELECTED);
    CHECK_INT(c.cell[5].style, GN_STYLE_MATCH);
    gn_canvas_release(&c);
    gn_flow_release(&f);
}

TEST(a_text_that_grows_has_the_rows_it_would_have_at_once) {
    const gn_slice all = gn_slice_of(sample);
    static const int width[] = {1, 7, 20, 33, 64};
    for (size_t w = 0; w < sizeof width / sizeof width[0]; w++) {
        gn_flow grown = {0};
        int wrong = 0;
        for (size_t n = 0; n <= all.len; n++) {
            gn_flow fresh = {0};
            gn_str a = {0}, b = {0};
            const gn_slice text = {all.data, n};
            const bool open = n < all.len;
            gn_flow_update(&grown, text, width[w], true, open, 0);
            gn_flow_update(&fresh, text, width[w], true, open, 0);
            all_text(&grown, text, width[w], &a);
            all_text(&fresh, text, width[w], &b);
            if (strcmp(gn_str_text(&a), gn_str_text(&b)) != 0 && wrong++ == 0)
                printf("  width %d, %zu bytes:\n  %s\n  %s\n", width[w], n, gn_str_text(&a),
                       gn_str_text(&b));
            gn_str_release(&a);
            gn_str_release(&b);
            gn_flow_release(&fresh);
        }
        CHECK_INT(wrong, 0);
        gn_flow_release(&grown);
    }
}

/* No flicker: a row that is not of the block being written never changes again. */
TEST(rows_of_finished_blocks_never_change) {
    enum { WIDTH = 33 };
    const gn_slice all = gn_slice_of(sample);
    gn_flow last = {0}, grown = {0};
    size_t kept = 0;
    int wrong = 0;
    gn_flow_update(&last, all, WIDTH, true, false, 0);
    for (size_t n = 0; n < all.len; n++) {
        const gn_slice text = {all.data, n};
        gn_flow_update(&grown, text, WIDTH, true, true, 0);
        CHECK(grown.stable_rows >= kept);
        kept = grown.stable_rows;
        for (size_t i = 0; i < kept; i++) {
            gn_str a = {0}, b = {0};
            row_text(&grown, i, text, WIDTH, &a);
            row_text(&last, i, all, WIDTH, &b);
            if (strcmp(gn_str_text(&a), gn_str_text(&b)) != 0 && wrong++ == 0)
                printf("  row %zu at %zu bytes: %s\n  at the end: %s\n", i, n, gn_str_text(&a),
                       gn_str_text(&b));
            gn_str_release(&a);
            gn_str_release(&b);
        }
    }
    CHECK_INT(wrong, 0);
    /* ... and they are most of them. */
    CHECK(kept + 4 >= gn_flow_count(&last));
    gn_flow_release(&grown);
    gn_flow_release(&last);
}

TEST(rows_are_in_order_and_a_byte_finds_its_row) {
    const gn_slice all = gn_slice_of(sample);
    for (int width = 1; width < 70; width += 3) {
        gn_flow f = {0};
        gn_flow_update(&f, all, width, true, false, 0);
        for (size_t i = 0; i < gn_flow_count(&f); i++) {
            CHECK(i == 0 || f.row[i].first > f.row[i - 1].first);
            CHECK_INT(gn_flow_find(&f, f.row[i].first), i);
        }
        CHECK_INT(gn_flow_find(&f, all.len), gn_flow_count(&f) - 1);
        gn_flow_release(&f);
    }
}

TEST(tables_fit_or_stay_as_they_are) {
    CHECK(shows("|name|n|\n|:--|--:|\n|apple pie|1|\n|b|200|", 40, false,
                "name      |   n/----------+----/apple pie |   1/b         | 200"));
    CHECK(shows("a | b\n:-: | -\nlong | x\n\nend", 40, false, " a   | b/-----+--/long | x//end"));
    /* A cell that is too wide is wrapped in its column. */
    CHECK(shows("|a|b|\n|-|-|\n|one two|x|", 9, false, "a     | b/------+--/one   | x/two   |"));
    CHECK(shows("|a|b|c|\n|-|-|-|\n|1|2|3|", 8, false, "|a|b|c|/|-|-|-|/|1|2|3|"));
    CHECK(shows("a | b is no table", 40, false, "a | b is no table"));
}

TEST(code_is_found_by_number) {
    const gn_slice text = GN_S("```\na\nb\n```\ntext ``` no\n  ~~~py\n```\nc\n  ~~~\n````\nd\n```");
    gn_slice code;
    CHECK_INT(gn_markdown_count(text), 3);
    CHECK(gn_markdown_code(text, 1, &code) && gn_slice_is(code, "a\nb\n"));
    CHECK(gn_markdown_code(text, 2, &code) && gn_slice_is(code, "```\nc\n"));
    CHECK(gn_markdown_code(text, 3, &code) && gn_slice_is(code, "d\n```"));
    CHECK(!gn_markdown_code(text, 4, &code));
    CHECK(gn_markdown_code(GN_S("```\n```"), 1, &code) && code.len == 0);
    CHECK(gn_markdown_code(GN_S("x\n```"), 1, &code) && code.len == 0);
}

TEST(tool_calls_are_shown_as_what_they_are) {
    CHECK(shows("I look.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\", "
                "\"days\": [1,2]}}\n</tool_call>\nok",
                40, false, "I look./[tool call] weather/  city: Oslo/  days: [1,2]/ok"));
    CHECK(
        shows("<tool_call>{\"name\": \"f\", \"arguments\": {\"t\": \"abcdefghijkl\"}}</tool_call>",
              12, false, "[tool call]/    f/  t: abcdefg/    hijkl"));
    /* What is no call stays what was written. */
    CHECK(shows("<tool_call>\n{\"nome\": 1}\n</tool_call>", 40, false,
                "<tool_call>/{\"nome\": 1}/</tool_call>"));
    CHECK(shows("<tool_call>\n{\"name\": \"wea", 40, true, "<tool_call>/{\"name\": \"wea"));
}

TEST(spans_and_long_code_fold) {
    gn_str text = {0}, got = {0};
    gn_flow f = {0};
    gn_str_puts(&text, "<think>\na\nb\n</think>\nyes\n```\n");
    for (int i = 0; i < 20; i++)
        gn_str_fmt(&text, "%d\n", i);
    gn_str_puts(&text, "```\nend");
    CHECK(gn_flow_has_spans(gn_str_slice(&text), true));
    CHECK(!gn_flow_has_spans(gn_str_slice(&text), false));
    CHECK(!gn_flow_has_spans(GN_S("a\n```\nb\n```"), true));
    gn_flow_update(&f, gn_str_slice(&text), 32, true, false, GN_FOLD_SPANS);
    all_text(&f, gn_str_slice(&text), 40, &got);
    CHECK_TEXT(gn_str_text(&got), "<think>/[2 lines folded, z shows]/</think>/yes/"
                                  "-- code 1 ----------------------/[20 lines folded, z shows]/"
                                  "--------------------------------/end");
    gn_flow_update(&f, GN_S("a\nb\nc\nd\ne\nf"), 32, false, false, GN_FOLD_ALL);
    gn_str_cut(&got, 0);
    all_text(&f, GN_S("a\nb\nc\nd\ne\nf"), 40, &got);
    CHECK_TEXT(gn_str_text(&got), "a/b/c/[3 lines folded, z shows]");
    gn_flow_release(&f);
    gn_str_release(&text);
    gn_str_release(&got);
}

/* Whatever comes, nothing is read or written past its end, and all of it is there when raw. */
TEST(no_text_is_too_odd) {
    static const char *const part[] = {"*",
                                       "_",
                                       "`",
                                       "```\n",
                                       "|",
                                       "|-|-|\n",
                                       "# ",
                                       "\n",
                                       "- ",
                                       "> ",
                                       "\\",
                                       "[",
                                       "](",
                                       ")",
                                       "~~",
                                       "a",
                                       " word",
                                       "\xff",
                                       "\xe4\xb8\x96",
                                       "\xcc\x81",
                                       "\t",
                                       "\x1b[2J",
                                       "<tool_call>",
                                       "</tool_call>",
                                       "{\"name\":\"f\"}",
                                       "<think>\n",
                                       "</think>\n",
                                       "---\n",
                                       "1. "};
    uint64_t drawn = 0;
    for (int round = 0; round < 3000; round++) {
        gn_str text = {0};
        gn_flow f = {0};
        const int n = (int)(gn_splitmix64(++drawn) % 30),
                  width = 1 + (int)(gn_splitmix64(++drawn) % 40);
        for (int i = 0; i < n; i++) {
            gn_str_puts(&text, part[gn_splitmix64(++drawn) % (sizeof part / sizeof part[0])]);
            char *copy = malloc(text.len ? text.len : 1); /* so that a byte too many is seen */
            memcpy(copy, gn_str_text(&text), text.len);
            gn_str got = {0};
            gn_flow_update(&f, (gn_slice){copy, text.len}, width, true, i + 1 < n,
                           i + 1 < n ? 0 : (unsigned)(round % 4));
            all_text(&f, (gn_slice){copy, text.len}, width, &got);
            CHECK(gn_flow_count(&f) > 0);
            gn_str_release(&got);
            free(copy);
        }
        gn_flow_release(&f);
        gn_str_release(&text);
    }
}

TEST(a_clipboard_sequence_is_base64) {
    gn_str out = {0};
    gn_clipboard_sequence(GN_S("hello"), &out);
    CHECK_TEXT(gn_str_text(&out), "\x1b]52;c;aGVsbG8=\a");
    gn_str_cut(&out, 0);
    gn_clipboard_sequence(GN_S("\xff\x00z\n"), &out);
    CHECK_TEXT(gn_str_text(&out), "\x1b]52;c;/wB6Cg==\a");
    gn_str_release(&out);
}
