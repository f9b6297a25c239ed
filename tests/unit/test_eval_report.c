/* test_eval_report.c - tables and plots of reports: what is drawn, and what is escaped. */
/* floor: gn_eval */
#include "eval/eval.h"
#include "tests/check.h"

#include <math.h>

static bool is(gn_str *got, const char *want) {
    const bool ok = strcmp(gn_str_text(got), want) == 0;
    if (!ok)
        printf("  got:\n%s\n  want:\n%s\n", gn_str_text(got), want);
    gn_str_release(got);
    return ok;
}

/* ---- plots --------------------------------------------------------------------------- */

TEST(points_stand_at_their_steps_with_their_intervals) {
    const gn_point p[] = {{100, 0.25, 0, 0.5, GN_S("a")},
                          {400, 0.5, NAN, NAN, GN_S("b")},
                          {1100, 1, 0.75, 1, GN_S("c")}};
    gn_str out = {0};
    gn_plot_text(&out, &(gn_plot){.point = p, .n = 3, .steps = true}, 21, 5);
    CHECK(is(&out, "         1 |                    o\n"
                   "           |                    |\n"
                   "       0.5 ||     o\n"
                   "           |o\n"
                   "         0 ||\n"
                   "           +---------------------\n"
                   "            step 100         1100\n"));
}

TEST(without_steps_points_stand_in_their_order_under_their_names) {
    const gn_point p[] = {{0, 2, NAN, NAN, GN_S("early")}, {1, 4, NAN, NAN, GN_S("late")}};
    gn_str out = {0};
    gn_plot_text(&out, &(gn_plot){.point = p, .n = 2}, 12, 3);
    CHECK(is(&out, "         4 |           o\n"
                   "         3 |\n"
                   "         2 |o\n"
                   "           +------------\n"
                   "            early   late\n"));
}

TEST(one_point_equal_points_and_no_point_can_be_drawn) {
    const gn_point one[] = {{5, 3, NAN, NAN, GN_S("a")}},
                   same[] = {{1, 0, 0, 0, GN_S("a")}, {2, 0, 0, 0, GN_S("b")}},
                   none[] = {{1, NAN, NAN, NAN, GN_S("a")}};
    gn_str out = {0};
    gn_plot_text(&out, &(gn_plot){.point = one, .n = 1, .steps = true}, 9, 3);
    CHECK(is(&out, "       3.3 |\n         3 |    o\n       2.7 |\n           +---------\n         "
                   "   step 5\n"));
    gn_plot_text(&out, &(gn_plot){.point = same, .n = 2, .steps = true}, 9, 3);
    CHECK(is(&out, "       0.5 |\n         0 |o       o\n      -0.5 |\n           +---------\n     "
                   "       step 1  2\n"));
    gn_plot_text(&out, &(gn_plot){.point = none, .n = 1}, 9, 3);
    gn_plot_svg(&out, &(gn_plot){.point = none, .n = 1});
    CHECK(is(&out, ""));
}

/* ---- tables -------------------------------------------------------------------------- */

static void table(gn_str *out, gn_markup form, const char *name, const char *value) {
    gn_grid g = {0};
    gn_grid_column(&g, GN_S("task"), false);
    gn_grid_column(&g, GN_S("value"), true);
    gn_grid_put(&g, gn_slice_of(name));
    gn_grid_put(&g, gn_slice_of(value));
    gn_grid_draw(out, &g, form);
    gn_grid_release(&g);
}

TEST(a_table_is_as_wide_as_its_cells_whatever_the_form) {
    gn_str out = {0};
    table(&out, GN_MARKUP_TEXT, "a", "0.5 \xc2\xb1 0.1");
    CHECK(is(&out, "task      value\na     0.5 \xc2\xb1 0.1\n"));
    table(&out, GN_MARKUP_MARKDOWN, "a|b_c", "1");
    CHECK(is(&out, "| task  | value |\n| ----- | ----: |\n| a\\|b\\_c |     1 |\n"));
    table(&out, GN_MARKUP_TEX, "a_b%", "1 \xc2\xb1 2");
    CHECK(is(&out, "\\begin{tabular}{lr}\n  \\hline\n  task & value \\\\\n  \\hline\n"
                   "  a\\_b\\% & 1 $\\pm$ 2 \\\\\n  \\hline\n\\end{tabular}\n"));
    table(&out, GN_MARKUP_HTML, "<a & 'b'>", "1");
    CHECK(is(&out,
             "<table>\n<tr><th>task</th><th class=\"n\">value</th></tr>\n"
             "<tr><td>&lt;a &amp; &#39;b&#39;&gt;</td><td class=\"n\">1</td></tr>\n</table>\n"));
}

TEST(a_hundred_columns_are_a_table) {
    gn_grid g = {0};
    gn_str out = {0};
    for (int i = 0; i < 100; i++)
        gn_grid_column(&g, GN_S("x"), true);
    for (int i = 0; i < 100; i++)
        gn_str_fmt(gn_grid_cell(&g), "%d", i);
    gn_grid_draw(&out, &g, GN_MARKUP_TEXT);
    CHECK(gn_slice_ends(gn_str_slice(&out), GN_S("  98  99\n")));
    gn_grid_release(&g);
    gn_str_release(&out);
}

TEST(what_is_no_character_is_shown_in_a_page) {
    gn_str out = {0};
    gn_html_text(&out, (gn_slice){"a\x1b[\xff\0b", 6});
    CHECK(is(&out, "a^[[\xef\xbf\xbd^@b"));
}
