/* test_tui_screens.c - tests/screen/NAME.steps must leave the screens tests/screen/NAME.screen. */
/* floor: gn_app */
#include "app/tui/script.h"
#include "tests/check.h"

#include <glob.h>

static int saved;

/* With SCREENS=write the files are made instead of compared. */
static bool compare(void *user, const char *name, gn_slice text, gn_error *e) {
    char path[256];
    gn_str want = {0};
    (void)user;
    saved++;
    snprintf(path, sizeof path, "tests/screen/%s.screen", name);
    const char *mode = getenv("SCREENS");
    if (mode && strcmp(mode, "write") == 0)
        return gn_file_write(path, text, e);
    if (!gn_file_read(&want, path, 1 << 20, e))
        return false;
    if (!CHECK(gn_slice_equal(text, gn_str_slice(&want))))
        printf("  %s:\n%.*s  want:\n%s", name, (int)text.len, text.data, gn_str_text(&want));
    gn_str_release(&want);
    return true;
}

static void quiet_world(void) {
    setenv("INPUTRC", "/dev/null", 1);
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    setenv("TERM", "xterm", 1);
    setenv("TZ", "UTC", 1);
}

TEST(scripts_leave_the_screens_they_must) {
    glob_t all;
    quiet_world();
    if (!CHECK(glob("tests/screen/*.steps", 0, NULL, &all) == 0))
        return;
    for (size_t i = 0; i < all.gl_pathc; i++) {
        gn_error e = {0};
        gn_str steps = {0};
        if (!CHECK(gn_file_read(&steps, all.gl_pathv[i], 1 << 20, &e) &&
                   gn_script_run(gn_str_slice(&steps), all.gl_pathv[i], compare, NULL, &e)))
            printf("  %s\n", e.message);
        gn_str_release(&steps);
    }
    CHECK(saved >= 12);
    globfree(&all);
}

static bool ignore(void *user, const char *name, gn_slice text, gn_error *e) {
    (void)user, (void)name, (void)text, (void)e;
    return true;
}

TEST(no_size_of_screen_is_too_small) {
    quiet_world();
    for (int cols = 1; cols <= 90; cols += cols < 14 ? 1 : 25)
        for (int rows = 1; rows <= 14; rows++) {
            gn_error e = {0};
            gn_str steps = {0};
            gn_str_fmt(&steps,
                       "size %dx%d\nset system be brief\nreply It is a wide world: \\xe4\\xb8\\x96"
                       "\\xe7\\x95\\x8c, \\tand long enough to need several rows.\\n\\nAye.\n"
                       "type hello there, how are you?\nkey Alt+Enter\ntype second\nkey Enter\n"
                       "tick 50\ntype queued while it answers\nkey Enter\nwait done\n"
                       "key PgUp PgUp PgDn Esc g G k k j F1 PgDn q i Up F1\nresize %dx%d\n"
                       "key q\nkey Esc F2 Tab O j Space k Space c q Left O Tab G g q i\nresize "
                       "3x2\ntype ab\nresize 200x60\nsave x\n",
                       cols, rows, rows, cols);
            if (!CHECK(gn_script_run(gn_str_slice(&steps), "sizes", ignore, NULL, &e)))
                printf("  %dx%d: %s\n", cols, rows, e.message);
            gn_str_release(&steps);
        }
}

TEST(ten_thousand_lines_scroll_at_once) {
    enum { PAGES = 300 };
    gn_error e = {0};
    gn_str steps = {0};
    quiet_world();
    gn_str_puts(&steps, "context 1000000\nreply ok\npaste ");
    for (int i = 0; i < 10000; i++)
        gn_str_fmt(&steps, "line %d of a text that is long enough to be wrapped into rows\\n", i);
    gn_str_puts(&steps, "\nkey Enter\nwait done\nkey Esc");
    double start = gn_seconds();
    CHECK(gn_script_run(gn_str_slice(&steps), "long", ignore, NULL, &e));
    const double without = gn_seconds() - start;
    for (int i = 0; i < PAGES; i++)
        gn_str_puts(&steps, " PgUp");
    start = gn_seconds();
    CHECK(gn_script_run(gn_str_slice(&steps), "long", ignore, NULL, &e));
    const double page = (gn_seconds() - start - without) / PAGES;
    printf("  a page of 10000 lines: %.2f ms\n", page * 1e3);
    gn_str_release(&steps);
}

TEST(a_wrong_step_is_told_with_its_line) {
    gn_error e = {0};
    quiet_world();
    CHECK(!gn_script_run(GN_S("size 80x24\nkey Ctrl+R\njump\n"), "s", ignore, NULL, &e));
    CHECK_TEXT(e.message, "s:3: no such step: jump ");
}
