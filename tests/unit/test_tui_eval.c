/* test_tui_eval.c - the screen of a running evaluation. */
/* floor: gn_app */
#include "app/term/line.h"
#include "app/tui/board.h"
#include "app/tui/view.h"
#include "tests/check.h"
#include "tests/unit/temporary.h"

#include <locale.h>

#define RUN  "01KLIVE0000000000000000000"
#define BASE "01KBASE0000000000000000000"

/* 2026-11-24T09:42:41Z */
#define NOW 1795513361.0

typedef struct rig {
    gn_settings *settings;
    gn_board *board;
    gn_tui tui;
    gn_input input;
    double now;
} rig;

static void make_database(const char *path) {
    gn_error e = {0};
    gn_str text = {0};
    gn_store *s = gn_store_open(path, false, &e);
    if (!CHECK(s && gn_file_read(&text, "tests/screen/eval.sql", 1 << 20, &e) &&
               gn_sql_exec(gn_store_sql(s), gn_str_text(&text), &e)))
        printf("  %s\n", e.message);
    gn_store_close(s);
    gn_str_release(&text);
}

/* Its own database; live: the run is of this process. */
static bool set_up(rig *r, const char *name, int cols, int rows, bool unicode, bool live) {
    gn_error e = {0};
    gn_view view;
    static char path[256];
    *r = (rig){.now = 1};
    snprintf(path, sizeof path, "%s", in_folder(name));
    setenv("INPUTRC", "/dev/null", 1);
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    setenv("XDG_DATA_HOME", "/nonexistent", 1);
    setenv("TERM", "xterm", 1);
    setlocale(LC_CTYPE, unicode ? "C.UTF-8" : "C");
    make_database(path);
    r->settings = gn_settings_new(&e);
    r->board = gn_board_new(&e);
    const gn_eval_screen o = {.board = live ? r->board : NULL,
                              .file = path,
                              .run = RUN,
                              .baseline = live ? NULL : BASE,
                              .now = NOW};
    const bool ok =
        CHECK(r->settings && r->board && gn_line_open(&e) &&
              gn_tui_init(&r->tui, r->settings, gn_board_worker(r->board), unicode, &e) &&
              gn_eval_view(&view, &r->tui, &o, &e) && gn_tui_push(&r->tui, view));
    if (!ok)
        printf("  %s\n", e.message);
    r->tui.mode = GN_MODE_READ;
    gn_canvas_resize(&r->tui.canvas, rows, cols);
    return ok;
}

static void take_down(rig *r) {
    gn_tui_release(&r->tui);
    gn_line_close();
    gn_input_release(&r->input);
    gn_board_free(r->board);
    gn_settings_free(r->settings);
}

static void tick(rig *r) {
    r->now += 1;
    r->tui.now = r->now;
    gn_tui_events(&r->tui);
    gn_tui_tick(&r->tui);
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
    }
}

/* With SCREENS=write the files are made instead of compared. */
static void compare(rig *r, const char *name) {
    char path[256];
    gn_str text = {0}, want = {0};
    gn_error e = {0};
    gn_tui_draw(&r->tui);
    for (int row = 0; row < r->tui.canvas.rows; row++) {
        gn_canvas_row(&r->tui.canvas, row, &text);
        gn_str_putc(&text, '\n');
    }
    snprintf(path, sizeof path, "tests/screen/eval-%s.screen", name);
    const char *mode = getenv("SCREENS");
    if (mode && strcmp(mode, "write") == 0)
        CHECK(gn_file_write(path, gn_str_slice(&text), &e));
    else if (!CHECK(gn_file_read(&want, path, 1 << 20, &e) &&
                    gn_slice_equal(gn_str_slice(&text), gn_str_slice(&want))))
        printf("  %s:\n%s  want:\n%s", name, gn_str_text(&text), gn_str_text(&want));
    gn_str_release(&text);
    gn_str_release(&want);
}

static bool shows(rig *r, const char *words) {
    gn_str text = {0};
    gn_tui_draw(&r->tui);
    for (int row = 0; row < r->tui.canvas.rows; row++) {
        gn_canvas_row(&r->tui.canvas, row, &text);
        gn_str_putc(&text, '\n');
    }
    const bool found = gn_slice_find(gn_str_slice(&text), gn_slice_of(words)) >= 0;
    if (!found)
        printf("  no \"%s\" in\n%s", words, gn_str_text(&text));
    gn_str_release(&text);
    return found;
}

static void size(const char *name, int cols, int rows, bool unicode) {
    rig r;
    if (set_up(&r, name, cols, rows, unicode, false))
        compare(&r, name);
    take_down(&r);
}

TEST(tasks_samples_flips_and_shares_stand_on_every_size) {
    size("120x40", 120, 40, true);
    size("80x24", 80, 24, true);
    size("60x12", 60, 12, true);
    size("20x5", 20, 5, true);
    size("ascii-120x40", 120, 40, false);
    size("ascii-80x24", 80, 24, false);
    size("ascii-60x12", 60, 12, false);
    size("ascii-20x5", 20, 5, false);
}

TEST(no_size_is_too_small_or_too_large) {
    rig r;
    if (!set_up(&r, "sizes", 80, 24, true, false))
        return;
    for (int cols = 1; cols <= 200; cols += cols < 14 ? 1 : 23)
        for (int rows = 1; rows <= 60; rows += rows < 14 ? 1 : 20) {
            gn_canvas_resize(&r.tui.canvas, rows, cols);
            press(&r, "Tab j Tab k");
            gn_tui_draw(&r.tui);
        }
    CHECK(!r.tui.quit);
    take_down(&r);
}

TEST(keys_choose_samples_filter_them_and_open_them) {
    rig r;
    if (!set_up(&r, "keys", 100, 24, true, false))
        return;
    press(&r, "k k");
    compare(&r, "chosen");
    press(&r, "o");
    compare(&r, "wrong");
    press(&r, "o");
    compare(&r, "flips");
    press(&r, "o");
    CHECK(shows(&r, ", invalid"));
    CHECK(shows(&r, ">21      WRONG   ok     length    256  <- flip  invalid  cut"));
    press(&r, "o");
    CHECK(shows(&r, "FAILED") && shows(&r, "the prompt is empty"));
    press(&r, "o G k Enter");
    compare(&r, "full");
    press(&r, "q t");
    CHECK(shows(&r, "1102    -0.250       0   0.500"));
    press(&r, "q J");
    CHECK(shows(&r, "\"n_out\": 118") && shows(&r, "request_hash"));
    press(&r, "q Tab k");
    compare(&r, "tasks");
    press(&r, "Enter G / 7 Enter");
    CHECK(shows(&r, ">7 "));
    press(&r, "p");
    CHECK(shows(&r, "the run is not at work"));
    press(&r, "q");
    CHECK(r.tui.quit);
    take_down(&r);
}

TEST(what_is_being_written_is_shown_until_it_is_done) {
    rig r;
    gn_eval_start start = {.run = RUN, .baseline = BASE};
    gn_eval_progress p = {.run = RUN, .read_tps = 412, .write_tps = 29, .left_s = 200};
    const gn_eval_text text = {.task = 2,
                               .doc = 24,
                               .prompt = GN_S("Question: And now?\nAnswer:"),
                               .text = GN_S(" Four \x1b[31mtimes")};
    const gn_eval_text other = {.task = 2, .doc = 25, .text = GN_S("never")};
    int rep;
    int64_t doc;
    if (!set_up(&r, "live", 100, 24, true, true))
        return;
    CHECK(shows(&r, "loading the model"));
    gn_board_started(r.board, &start);
    gn_board_progress(r.board, &p);
    gn_board_text(r.board, &text);
    gn_board_text(r.board, &other);
    tick(&r);
    compare(&r, "writing");
    CHECK(!gn_board_skips(r.board, &text));
    press(&r, "x");
    CHECK(!gn_board_skips(r.board, &other));
    CHECK(gn_board_skips(r.board, &text) && !gn_board_skips(r.board, &text));
    gn_board_sample(r.board, 2, 24, 0);
    gn_board_text(r.board, &other);
    tick(&r);
    CHECK(shows(&r, "never_"));
    press(&r, "p");
    CHECK(gn_board_paused(r.board));
    press(&r, "p");
    CHECK(!gn_board_paused(r.board));
    press(&r, "R");
    CHECK(!gn_board_anew(r.board, 1, &doc, &rep));
    CHECK(gn_board_anew(r.board, 2, &doc, &rep) && doc == 23);
    CHECK(!gn_board_anew(r.board, 2, &doc, &rep));
    take_down(&r);
}

TEST(leaving_asks_first_and_the_end_of_the_run_ends_the_screen) {
    rig r;
    gn_eval_start start = {.run = RUN};
    if (!set_up(&r, "leave", 100, 24, true, true))
        return;
    gn_board_started(r.board, &start);
    tick(&r);
    press(&r, "q");
    CHECK(gn_board_interrupts(r.board) == 0 && shows(&r, "q again: stop and save"));
    press(&r, "j q");
    CHECK(gn_board_interrupts(r.board) == 0);
    press(&r, "q");
    CHECK(gn_board_interrupts(r.board) == 1 && shows(&r, "finishing what is begun"));
    press(&r, "Ctrl+C");
    CHECK(gn_board_interrupts(r.board) == 2);
    CHECK(!r.tui.quit);
    gn_board_ended(r.board);
    tick(&r);
    CHECK(r.tui.quit);
    take_down(&r);
}

/* The sum of a task's differences to its baseline over the documents both have. */
static double deltas(const gn_follow *f, int task, double *n) {
    *n = f->task[task].d_count;
    return f->task[task].d_sum;
}

TEST(without_a_run_each_task_has_the_newest_blessed_of_its_own) {
    gn_error e = {0};
    gn_follow by_id, blessed, apart;
    double n, m;
    const char *path = in_folder("blessed.db");
    make_database(path);
    gn_store *s = gn_store_open(path, false, &e);
    if (!CHECK(s && gn_follow_open(&by_id, s, RUN, BASE, &e) &&
               gn_follow_open(&blessed, s, RUN, GN_BLESSED, &e)))
        return;
    CHECK(by_id.n_task == 2 && blessed.n_task == 2);
    CHECK(gn_slice_equal(gn_str_slice(&by_id.baseline), gn_str_slice(&blessed.baseline)));
    for (int i = 0; i < 2; i++)
        CHECK(deltas(&by_id, i, &n) == deltas(&blessed, i, &m) && n == m && n > 0);
    /* A newer run of one of the two, without a sample. */
    CHECK(gn_sql_exec(
        gn_store_sql(s),
        "INSERT INTO run(id, status, checkpoint_id, build_id, resume_key, seed, fewshot_seed, "
        "options_json, argv, started_at, blessed_at) SELECT '01KMORE0000000000000000000', status, "
        "checkpoint_id, build_id, 'k3', seed, fewshot_seed, options_json, argv, started_at, "
        "'2026-11-25T00:00:00.000Z' FROM run WHERE id = '" BASE "'; "
        "INSERT INTO run_task VALUES('01KMORE0000000000000000000', 2, 60)",
        &e));
    if (CHECK(gn_follow_open(&apart, s, RUN, GN_BLESSED, &e))) {
        CHECK_TEXT(gn_str_text(&apart.baseline), "the newest blessed of each task");
        const int other = gn_slice_is(apart.task[0].name, "gsm8k") ? 0 : 1;
        CHECK(deltas(&apart, 1 - other, &n) == deltas(&by_id, 1 - other, &m) && n == m);
        deltas(&apart, other, &n);
        CHECK(n == 0);
    }
    gn_follow_release(&by_id);
    gn_follow_release(&blessed);
    gn_follow_release(&apart);
    gn_store_close(s);
}

TEST(a_paste_and_an_unknown_request_do_no_harm) {
    rig r;
    const gn_input_event paste = {.kind = GN_INPUT_PASTE, .bytes = GN_S("pasted\ntext")};
    if (!set_up(&r, "paste", 80, 24, true, false))
        return;
    gn_tui_input(&r.tui, &paste);
    press(&r, "r u [ e y m z F6");
    CHECK(shows(&r, "arc_challenge") && !r.tui.quit);
    take_down(&r);
}
