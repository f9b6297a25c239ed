/* test_tui_compare.c - two answers aligned by tokens, and the screen that shows them. */
/* floor: gn_app */
#include "app/chat/forcing.h"
#include "app/term/line.h"
#include "app/tui/contrast_rows.h"
#include "app/tui/view.h"
#include "eval/eval.h"
#include "tests/check.h"

#include <locale.h>

/* ---- answers of words -------------------------------------------------------------- */

static gn_vocabulary *vocabulary;

/* Each word, with the blank or line break before it, is a token; new ones get a new id. */
static int32_t id_of(gn_slice word) {
    for (int i = 0; i < vocabulary->count; i++)
        if (gn_slice_equal(gn_vocabulary_bytes(vocabulary, i), word))
            return i;
    CHECK(gn_vocabulary_add(vocabulary, word, false));
    return vocabulary->count - 1;
}

static void say(gn_answer_side *s, const char *text, const char *verdict) {
    gn_error e = {0};
    gn_ids ids = {0};
    gn_slice rest = gn_slice_of(text);
    while (rest.len) {
        size_t n = 1;
        while (n < rest.len && rest.data[n] != ' ' && rest.data[n] != '\n')
            n++;
        CHECK(gn_ids_add(&ids, id_of((gn_slice){rest.data, n})));
        rest = gn_slice_from(rest, n);
    }
    CHECK(gn_answer_side_ids(s, vocabulary, ids.id, NULL, NULL, 0, ids.count, &e));
    gn_str_puts(&s->verdict, verdict);
    gn_ids_release(&ids);
}

static gn_contrast contrast_of(const char *title, const char *a, const char *b) {
    gn_contrast c = {0};
    gn_str_puts(&c.title, title);
    say(&c.a, a, "ok");
    say(&c.b, b, "wrong");
    gn_contrast_set(&c);
    return c;
}

static void set_up(void) {
    vocabulary = gn_vocabulary_new();
    CHECK(vocabulary != NULL);
}

static void take_down(void) {
    gn_vocabulary_free(vocabulary);
    vocabulary = NULL;
}

/* Both sides as they are marked, "a" or "b" over their levels. */
static bool marks(const char *a, const char *b, bool words, const char *want_a, const char *want_b,
                  size_t levels) {
    gn_contrast c = contrast_of("", a, b);
    gn_marked x = {0}, y = {0};
    gn_error e = {0};
    bool ok =
        gn_contrast_mark(&c, words, &x, &y, &e) && strcmp(gn_str_text(&x.text), want_a) == 0 &&
        strcmp(gn_str_text(&y.text), want_b) == 0 && x.n_level == levels && y.n_level == levels;
    if (!ok)
        printf("  %zu, %zu levels:\n  %s\n  %s\n", x.n_level, y.n_level, gn_str_text(&x.text),
               gn_str_text(&y.text));
    gn_marked_release(&x);
    gn_marked_release(&y);
    gn_contrast_release(&c);
    return ok;
}

TEST(what_only_one_side_says_stands_in_brackets) {
    set_up();
    CHECK(marks("one two three", "one two three", false, "one two three", "one two three", 1));
    CHECK(marks("one two three", "one 2 three", false, "one [two] three", "one [2] three", 1));
    CHECK(marks("one two three", "one three", false, "one [two] three", "one[] three", 1));
    CHECK(marks("a b c d e", "b c x d", false, "[a b] c[] d [e]", "[b] c [x] d[]", 1));
    CHECK(marks("x", "", false, "[x]", "[]", 1));
    take_down();
}

TEST(later_stretches_are_aligned_again) {
    set_up();
    CHECK(marks("she sells 16 eggs every day at the market", "she sells 9 eggs at the farm market",
                false, "she sells [16] eggs [every day] at the[] market",
                "she sells [9] eggs[] at the [farm] market", 1));
    take_down();
}

TEST(an_equal_line_break_brings_the_sides_level) {
    gn_contrast c = {0};
    gn_marked a = {0}, b = {0};
    gn_error e = {0};
    set_up();
    gn_str_puts(&c.a.text, "same\nnine eggs\nend");
    gn_str_puts(&c.b.text, "same\n9 eggs and more\nend");
    CHECK(gn_contrast_mark(&c, true, &a, &b, &e));
    CHECK(a.n_level == 3 && b.n_level == 3 && !a.differs[0] && a.differs[1] && !a.differs[2]);
    CHECK(strcmp(gn_str_text(&b.text), "same\n[9] eggs [and more]\nend") == 0);
    gn_marked_release(&a);
    gn_marked_release(&b);
    gn_contrast_release(&c);
    take_down();
}

TEST(a_departure_is_the_first_token_that_differs) {
    set_up();
    gn_contrast c = contrast_of("", "a b c", "a b d"), same = contrast_of("", "a b", "a b"),
                longer = contrast_of("", "a b", "a b c");
    CHECK(c.parts_at == 2 && !c.equal);
    CHECK(same.parts_at == -1 && same.equal);
    CHECK(longer.parts_at == 2 && !longer.equal);
    gn_contrast_release(&c);
    gn_contrast_release(&same);
    gn_contrast_release(&longer);
    take_down();
}

TEST(the_strip_shows_the_largest_divergence_of_each_part) {
    gn_contrast c = {0};
    gn_str strip = {0};
    c.forced.token = calloc(8, sizeof *c.forced.token);
    c.forced.n = 8;
    c.forced.token[1].kl = 0.05;
    c.forced.token[2].kl = 0.5;
    c.forced.token[7].kl = 4;
    gn_contrast_strip(&c, 20, &strip);
    CHECK(strcmp(gn_str_text(&strip), ".:*....#") == 0);
    gn_str_cut(&strip, 0);
    gn_contrast_strip(&c, 4, &strip);
    CHECK(strcmp(gn_str_text(&strip), ":*.#") == 0);
    gn_str_release(&strip);
    gn_contrast_release(&c);
}

/* ---- the screen --------------------------------------------------------------------- */

enum { QUESTIONS = 3 };

typedef struct rig {
    gn_settings *settings;
    gn_tui tui;
    gn_input input;
    double now;
    gn_contrast item[QUESTIONS];
    gn_comparison comparison;
    gn_pairing pairing[3];
    gn_flip flip[QUESTIONS];
    gn_contrasts all;
    gn_forcing forcing;
    bool asked, told;
    int64_t tag;
} rig;

static rig *live; /* for functions that know only their worker */

static bool load(void *user, size_t i, gn_contrast *out, gn_error *e) {
    return gn_contrast_copy(&((rig *)user)->item[i], out, e);
}

static gn_event *next(gn_worker *w) {
    (void)w;
    if (!live->asked || live->told)
        return NULL;
    live->told = true;
    gn_event *ev = calloc(1, sizeof *ev);
    ev->kind = GN_EVENT_TOLD;
    ev->answer = live->tag;
    return ev;
}

static bool ask(gn_forcing *f, int64_t tag, const gn_contrast *c) {
    (void)f, (void)c;
    live->asked = true;
    live->told = false;
    live->tag = tag;
    return true;
}

static bool take(gn_forcing *f, int64_t tag, gn_forced *out) {
    (void)f, (void)tag;
    const int n = 30;
    *out = (gn_forced){.token = calloc((size_t)n, sizeof *out->token), .n = n, .n_top = 2};
    for (int i = 0; i < n; i++)
        out->token[i] = (gn_divergence_token){.pos = i, .kl = i % 7 == 5 ? 0.1 * i : 0.001 * i};
    out->a[0] = (gn_top){id_of(GN_S(" 2")), -0.41f};
    out->a[1] = (gn_top){id_of(GN_S(" 3")), -1.22f};
    out->b[0] = (gn_top){id_of(GN_S(" 3")), -0.77f};
    out->b[1] = (gn_top){id_of(GN_S(" 2")), -0.81f};
    return true;
}

static void fill(rig *r) {
    static const char *const same = "She sells 16 - 3 - 4 = 9 eggs a day.\nShe makes 9 *";
    gn_str a = {0}, b = {0};
    gn_str_fmt(&a, "%s 2 = $18\nevery day at the farmer's market.\n#### 18", same);
    gn_str_fmt(&b, "%s 3 = $27\nevery day at the market.\n#### 27", same);
    r->item[0] = contrast_of("gsm8k #210  gold 18", gn_str_text(&a), gn_str_text(&b));
    gn_str_cut(&a, 0);
    gn_str_cut(&b, 0);
    for (int i = 0; i < 40; i++) {
        gn_str_fmt(&a, "line %d of a long answer%s\n", i, i == 30 ? " with a difference" : "");
        gn_str_fmt(&b, "line %d of a long answer\n", i);
    }
    r->item[1] = contrast_of("gsm8k #301  gold \xc3\xbc\x1b[31m", gn_str_text(&a), gn_str_text(&b));
    gn_str_release(&a);
    gn_str_release(&b);
    r->item[2] = (gn_contrast){.parts_at = -1};
    gn_contrast *c = &r->item[2];
    gn_str_puts(&c->title, "arc #7  gold iron");
    gn_str_puts(&c->a.text, "> iron\n  wood\n  glass");
    gn_str_puts(&c->b.text, "  iron\n  wood\n> glass");
    gn_str_puts(&c->a.note, "iron -3.12  wood -4.00  glass -4.25");
    gn_str_puts(&c->b.note, "glass -2.50  iron -3.75  wood -5.00");
    gn_str_puts(&c->a.verdict, "ok");
    gn_str_puts(&c->b.verdict, "wrong");
}

static void fill_statistics(rig *r) {
    r->pairing[0] = (gn_pairing){.task = GN_S("gsm8k"),
                                 .metric = GN_S("exact_match"),
                                 .filter = GN_S("strict"),
                                 .n = 1319,
                                 .a = 0.5610,
                                 .b = 0.5519,
                                 .diff = -0.0091,
                                 .error = 0.0043,
                                 .p = 0.05,
                                 .p_holm = 0.1,
                                 .test = "mcnemar",
                                 .wins = 10,
                                 .losses = 22,
                                 .smallest = 0.012,
                                 .share = true,
                                 .higher = true};
    r->pairing[1] = r->pairing[0];
    r->pairing[1].filter = GN_S("flexible");
    r->pairing[1].p = r->pairing[1].p_holm = 0.458;
    r->pairing[2] = r->pairing[0];
    r->pairing[2].task = GN_S("arc");
    r->pairing[2].metric = GN_S("acc");
    r->pairing[2].filter = GN_S("none");
    r->pairing[2].error = r->pairing[2].smallest = r->pairing[2].p = r->pairing[2].p_holm = NAN;
    for (int i = 0; i < QUESTIONS; i++)
        r->flip[i] = (gn_flip){.task = i < 2 ? GN_S("gsm8k") : GN_S("arc"), .doc = i};
    r->comparison =
        (gn_comparison){.pairing = r->pairing, .n = 3, .flip = r->flip, .n_flip = QUESTIONS};
}

static void open_screen(rig *r, int cols, int rows, bool unicode, bool statistics) {
    gn_error e = {0};
    gn_view view;
    *r = (rig){.now = 1};
    live = r;
    setenv("INPUTRC", "/dev/null", 1);
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    setenv("XDG_DATA_HOME", "/nonexistent", 1);
    setenv("TERM", "xterm", 1);
    setlocale(LC_CTYPE, unicode ? "C.UTF-8" : "C");
    set_up();
    fill(r);
    fill_statistics(r);
    r->settings = gn_settings_new(&e);
    r->all = (gn_contrasts){.n = QUESTIONS, .load = load, .user = r};
    r->forcing = (gn_forcing){.worker = {.next = next}, .ask = ask, .take = take};
    const gn_compare_screen o = {.name_a = "h-tiny bf16",
                                 .name_b = "h-tiny q4_k",
                                 .what = statistics ? "2 tasks" : "1 the same, 2 part",
                                 .comparison = statistics ? &r->comparison : NULL,
                                 .all = &r->all,
                                 .forcing = statistics ? &r->forcing : NULL,
                                 .vocabulary = vocabulary};
    CHECK(r->settings && gn_line_open(&e) &&
          gn_tui_init(&r->tui, r->settings, &r->forcing.worker, unicode, &e) &&
          gn_compare_view(&view, &o, &e) && gn_tui_push(&r->tui, view));
    r->tui.mode = GN_MODE_READ;
    gn_canvas_resize(&r->tui.canvas, rows, cols);
    gn_tui_draw(&r->tui);
}

static void close_screen(rig *r) {
    gn_tui_release(&r->tui);
    gn_line_close();
    gn_input_release(&r->input);
    gn_settings_free(r->settings);
    for (int i = 0; i < QUESTIONS; i++)
        gn_contrast_release(&r->item[i]);
    take_down();
}

static void press(rig *r, const char *names) {
    gn_slice rest = gn_slice_of(names);
    while (rest.len) {
        gn_slice word = {rest.data, 0};
        while (word.len < rest.len && rest.data[word.len] != ' ')
            word.len++;
        rest = gn_slice_from(rest, word.len + 1);
        gn_key key;
        gn_str bytes = {0};
        gn_input_event ev;
        CHECK(gn_key_parse(word, &key));
        gn_key_bytes(key, &bytes);
        r->now += 0.1;
        gn_input_feed(&r->input, bytes.data, bytes.len, r->now);
        while (gn_input_next(&r->input, r->now + 0.05, &ev))
            gn_tui_input(&r->tui, &ev);
        gn_str_release(&bytes);
        gn_tui_draw(&r->tui);
    }
}

static void text_of(rig *r, gn_str *out) {
    gn_tui_draw(&r->tui);
    for (int row = 0; row < r->tui.canvas.rows; row++) {
        gn_canvas_row(&r->tui.canvas, row, out);
        gn_str_putc(out, '\n');
    }
}

static bool shows(rig *r, const char *words) {
    gn_str text = {0};
    text_of(r, &text);
    const bool found = gn_slice_find(gn_str_slice(&text), gn_slice_of(words)) >= 0;
    if (!found)
        printf("  no \"%s\" in\n%s", words, gn_str_text(&text));
    gn_str_release(&text);
    return found;
}

/* With SCREENS=write the files are made instead of compared. */
static void compare(rig *r, const char *name) {
    char path[256];
    gn_str text = {0}, want = {0};
    gn_error e = {0};
    text_of(r, &text);
    snprintf(path, sizeof path, "tests/screen/compare-%s.screen", name);
    const char *mode = getenv("SCREENS");
    if (mode && strcmp(mode, "write") == 0)
        CHECK(gn_file_write(path, gn_str_slice(&text), &e));
    else if (!CHECK(gn_file_read(&want, path, 1 << 20, &e) &&
                    gn_slice_equal(gn_str_slice(&text), gn_str_slice(&want))))
        printf("  %s:\n%s  want:\n%s", name, gn_str_text(&text), gn_str_text(&want));
    gn_str_release(&text);
    gn_str_release(&want);
}

static void size(const char *name, int cols, int rows, bool unicode) {
    rig r;
    open_screen(&r, cols, rows, unicode, true);
    compare(&r, name);
    close_screen(&r);
}

TEST(the_screen_fits_80_columns) { size("80x24", 80, 24, true); }
TEST(the_sides_stand_beside_each_other_from_100_columns) { size("120x40", 120, 40, true); }
TEST(the_screen_fits_60_columns) { size("60x12", 60, 12, true); }
TEST(the_screen_fits_20_columns) { size("20x5", 20, 5, true); }
TEST(the_screen_is_ascii_where_the_locale_is) {
    size("ascii-120x40", 120, 40, false);
    size("ascii-80x24", 80, 24, false);
    size("ascii-60x12", 60, 12, false);
    size("ascii-20x5", 20, 5, false);
}

TEST(nothing_is_drawn_outside_of_a_screen_of_any_size) {
    rig r;
    open_screen(&r, 80, 24, true, true);
    for (int rows = 1; rows < 30; rows++)
        for (int cols = 1; cols < 125; cols += 3) {
            CHECK(gn_canvas_resize(&r.tui.canvas, rows, cols));
            gn_tui_draw(&r.tui);
        }
    close_screen(&r);
}

TEST(lines_that_begin_alike_are_told_apart_in_little_room) {
    rig r;
    open_screen(&r, 60, 18, true, true);
    r.pairing[0].filter = GN_S("strict-match");
    r.pairing[1].filter = GN_S("flexible-extract");
    CHECK(shows(&r, " gsm8..strict-matc") && shows(&r, " gsm8..flexible-ex"));
    r.pairing[0].task = GN_S("arc");
    r.pairing[2].task = GN_S("gsm8k");
    r.pairing[1].metric = GN_S("exact_match_g\303\266te_fix"); /* they part within a letter */
    r.pairing[2].metric = GN_S("exact_match_g\303\274te_fix");
    CHECK(shows(&r, " gsm8..\303\266te_fix,fle") && shows(&r, " gsm8k e..\303\274te_fix"));
    close_screen(&r);
}

TEST(k_has_the_second_model_read_the_first_ones_answer) {
    rig r;
    open_screen(&r, 120, 40, true, true);
    press(&r, "K");
    CHECK(r.asked && r.tag == 0 && shows(&r, "B reads A's answer"));
    gn_tui_events(&r.tui);
    compare(&r, "forced");
    CHECK(shows(&r, "KL 0.02") && shows(&r, "\" 2\" -0.41  \" 3\" -1.22"));
    press(&r, "K");
    CHECK(shows(&r, "B has read A's text"));
    close_screen(&r);
}

TEST(an_answer_that_was_left_meanwhile_is_not_shown_at_another) {
    rig r;
    open_screen(&r, 120, 40, true, true);
    press(&r, "K @");
    gn_tui_events(&r.tui);
    compare(&r, "left");
    CHECK(r.told && shows(&r, "#301"));
    close_screen(&r);
}

TEST(flips_are_gone_through_and_end) {
    rig r;
    open_screen(&r, 80, 24, true, true);
    CHECK(shows(&r, "#210") && shows(&r, "1/3"));
    press(&r, "@");
    CHECK(shows(&r, "#301"));
    press(&r, "@");
    compare(&r, "choices");
    press(&r, "@");
    CHECK(shows(&r, "this is the last"));
    press(&r, "! !");
    CHECK(shows(&r, "#210"));
    press(&r, "!");
    CHECK(shows(&r, "this is the first"));
    close_screen(&r);
}

TEST(differences_are_found_and_the_rest_can_be_folded) {
    rig r;
    open_screen(&r, 80, 24, true, true);
    press(&r, "@ [");
    compare(&r, "difference");
    CHECK(shows(&r, "line 30 of a long answer"));
    press(&r, "]");
    CHECK(shows(&r, "no difference further down"));
    press(&r, "=");
    compare(&r, "only");
    press(&r, "= w g");
    CHECK(shows(&r, "w tokens") && shows(&r, "line 0"));
    close_screen(&r);
}

TEST(control_characters_are_shown_not_sent) {
    rig r;
    open_screen(&r, 80, 24, true, true);
    press(&r, "@");
    CHECK(shows(&r, "^[[31m"));
    close_screen(&r);
}

TEST(without_two_checkpoints_k_says_what_to_do) {
    rig r;
    open_screen(&r, 80, 24, true, false);
    compare(&r, "generated");
    press(&r, "K");
    CHECK(shows(&r, "only two checkpoints can read each other"));
    press(&r, "q");
    CHECK(r.tui.quit);
    close_screen(&r);
}
