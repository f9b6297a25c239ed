/* test_tui_wrap.c - rows break between words, never inside what a reader sees as one letter. */
/* floor: gn_app */
#include "app/term/wrap.h"
#include "tests/check.h"

/* Rows joined by "|". */
static const char *rows(const char *text, int width) {
    static gn_str out;
    gn_wrap w = {0};
    gn_str_cut(&out, 0);
    gn_wrap_update(&w, gn_slice_of(text), width);
    for (size_t i = 0; i < w.count; i++) {
        gn_str_puts(&out, i ? "|" : "");
        gn_str_add(&out, (gn_slice){text + w.row[i].first, w.row[i].end - w.row[i].first});
    }
    gn_wrap_release(&w);
    return gn_str_text(&out);
}

TEST(words_stay_whole_and_blanks_hang) {
    CHECK_TEXT(rows("one two three", 7), "one two |three");
    CHECK_TEXT(rows("one two three", 3), "one |two |thr|ee");
    CHECK_TEXT(rows("one     two", 4), "one     |two");
    CHECK_TEXT(rows("    code()", 20), "    code()");
    CHECK_TEXT(rows("abcdef", 4), "abcd|ef");
    CHECK_TEXT(rows("", 4), "");
    CHECK_TEXT(rows("a\n\nb\n", 4), "a||b|");
    CHECK_TEXT(rows("well-known thing", 6), "well-|known |thing");
    CHECK_TEXT(rows("a --flag", 5), "a |--fla|g");
}

TEST(wide_letters_part_anywhere_and_marks_nowhere) {
    CHECK_TEXT(rows("\u4e16\u754c\u4e16\u754c", 5), "\u4e16\u754c|\u4e16\u754c");
    CHECK_TEXT(rows("ab\u4e16\u754c", 3), "ab|\u4e16|\u754c");
    CHECK_TEXT(rows("ae\u0301e\u0301e\u0301", 2), "ae\u0301|e\u0301e\u0301");
    CHECK_TEXT(rows("\u4e16\u754c", 1), "\u4e16|\u754c");
}

TEST(what_could_steer_a_terminal_is_shown_instead) {
    static const struct {
        const char *text, *shown;
        int columns;
    } t[] = {
        {"\x1b[2J", "^[", 2},
        {"\a", "^G", 2},
        {"\x7f", "^?", 2},
        {"\xff", "\\xFF", 4},
        {"\xe4\xb8", "\\xE4\\xB8", 8},
        {"\xc2\x9b", "\\u009B", 6},
        {"\u202e", "\\u202E", 6},
        {"\t", "        ", 8},
        {"\u0301", " \u0301", 1},
        {"e\u202e", "e", 1},
        {"\u4e16", "\u4e16", 2},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        const gn_shown s = gn_show(gn_slice_of(t[i].text), 0, 0);
        char text[65] = {0};
        memcpy(text, s.text, s.len);
        CHECK_TEXT(text, t[i].shown);
        CHECK(s.columns == t[i].columns && s.bytes >= 1);
    }
    const gn_shown tab = gn_show(GN_S("\t"), 0, 5);
    CHECK(tab.columns == 3);
}

/* No byte string makes a row wider than asked (but for one letter), loses a byte or
 * leaves a control byte among what is shown. */
TEST(any_bytes_wrap_within_their_columns) {
    uint64_t seed = 1;
    for (int round = 0; round < 3000; round++) {
        static const char *const piece[] = {" ",
                                            "a",
                                            "\n",
                                            "\t",
                                            "\x1b",
                                            "\xff",
                                            "\xe4\xb8\x96",
                                            "\xcc\x81",
                                            "\xf0\x9f\x91\xa9\xe2\x80\x8d",
                                            "\xe2\x80\xae",
                                            "word",
                                            "-",
                                            "\xc2",
                                            "\xf0\x9f\x87\xb3"};
        gn_str text = {0};
        const int n = (int)(gn_splitmix64(++seed) % 60),
                  width = 1 + (int)(gn_splitmix64(++seed) % 20);
        for (int i = 0; i < n; i++)
            gn_str_puts(&text, piece[gn_splitmix64(++seed) % (sizeof piece / sizeof piece[0])]);
        gn_wrap w = {0}, grown = {0};
        gn_wrap_update(&w, gn_str_slice(&text), width);
        size_t at = 0;
        for (size_t i = 0; i < w.count; i++) {
            CHECK(w.row[i].first == at);
            int columns = 0, letters = 0;
            for (size_t k = w.row[i].first; k < w.row[i].end;) {
                const gn_shown s = gn_show((gn_slice){text.data, w.row[i].end}, k, columns);
                const bool blank = text.data[k] == ' ' || text.data[k] == '\t';
                if (!blank && columns + s.columns > width)
                    CHECK(letters == 0);
                columns += s.columns;
                letters++;
                for (size_t b = 0; b < s.len; b++)
                    CHECK((unsigned char)s.text[b] >= 0x20 && s.text[b] != 0x7F);
                k += s.bytes;
            }
            at = w.row[i].end;
            at += at < text.len && text.data[at] == '\n';
        }
        CHECK(at == text.len);

        /* Growing a text gives the rows that the whole gives. */
        for (size_t len = 0; len <= text.len; len++)
            gn_wrap_update(&grown, (gn_slice){gn_str_text(&text), len}, width);
        CHECK(grown.count == w.count);
        for (size_t i = 0; i < w.count && i < grown.count; i++)
            CHECK(grown.row[i].first == w.row[i].first && grown.row[i].end == w.row[i].end);
        gn_wrap_release(&w);
        gn_wrap_release(&grown);
        gn_str_release(&text);
    }
}

TEST(a_cursor_steps_over_clusters_both_ways) {
    const gn_slice text = gn_slice_of("ae\u0301\u4e16\U0001F469\u200D\U0001F680\n\xff"
                                      "b");
    size_t stop[16], n = 0;
    for (size_t i = 0; i < text.len; i += gn_cluster_after(text, i))
        stop[n++] = i;
    CHECK(n == 7);
    size_t at = text.len;
    while (n-- > 0) {
        at -= gn_cluster_before(text, at);
        CHECK(at == stop[n]);
    }
    CHECK(gn_cluster_before(text, 0) == 0 && gn_cluster_after(text, text.len) == 0);
}

TEST(styles_follow_their_bytes) {
    gn_canvas c = {.unicode = true};
    const gn_run run[] = {{2, GN_STYLE_BOLD}, {5, GN_STYLE_DIM}};
    CHECK(gn_canvas_resize(&c, 1, 10));
    CHECK(gn_wrap_draw(&c, 0, 1, 10, GN_S("ab\u4e16cd"), (gn_row){0, 7}, run, 2, GN_STYLE_NOTE) ==
          7);
    CHECK(c.cell[1].style == GN_STYLE_BOLD && c.cell[3].style == GN_STYLE_DIM);
    CHECK(c.cell[3].columns == 2 && c.cell[4].columns == 0 && c.cell[5].style == GN_STYLE_NOTE);
    gn_canvas_put(&c, 0, 4, 10, GN_S("x"), GN_STYLE_PLAIN);
    gn_str text = {0};
    gn_canvas_row(&c, 0, &text);
    CHECK_TEXT(gn_str_text(&text), " ab xcd");
    gn_str_release(&text);
    gn_canvas_release(&c);
}

TEST(ten_thousand_lines_wrap_in_a_moment) {
    gn_str text = {0};
    gn_wrap w = {0};
    for (int i = 0; i < 10000; i++)
        gn_str_fmt(&text, "line %d of many, with some words to wrap in a narrow window\n", i);
    double start = gn_seconds();
    gn_wrap_update(&w, gn_str_slice(&text), 40);
    const double whole = gn_seconds() - start;
    start = gn_seconds();
    gn_str_puts(&text, "one more word");
    gn_wrap_update(&w, gn_str_slice(&text), 40);
    const double more = gn_seconds() - start;
    printf("  10000 lines: %.1f ms, a word more: %.3f ms\n", whole * 1e3, more * 1e3);
    CHECK(w.count > 10000);
    gn_wrap_release(&w);
    gn_str_release(&text);
}
