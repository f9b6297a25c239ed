/* test_settings.c - files, environment and their order; every mistake has a line. */
/* floor: gn_app */
#include "app/cli/settings.h"
#include "tests/check.h"

#include <sys/stat.h>
#include <unistd.h>

static gn_error e;

static bool read_text(gn_settings *s, const char *text, bool project) {
    e = (gn_error){0};
    return gn_settings_read(s, gn_slice_of(text), "set", project, &e);
}

TEST(settings_have_defaults_and_may_be_unset) {
    gn_settings *s = gn_settings_new(&e);
    CHECK(gn_settings_size(s, "state-mem", 0) == (size_t)512 << 20);
    CHECK(gn_settings_size(s, "state_disk", 0) == (size_t)8 << 30);
    CHECK(!gn_settings_text(s, "temp") && gn_settings_number(s, "temp", 0.25) == 0.25);
    CHECK(gn_settings_flag(s, "mouse") && !gn_settings_flag(s, "readonly"));
    gn_settings_free(s);
}

TEST(every_default_is_a_value_its_own_row_accepts) {
    int n;
    const gn_setting *row = gn_setting_table(&n);
    for (int i = 0; i < n; i++) {
        e = (gn_error){0};
        if (row[i].otherwise)
            CHECK(gn_option_check(&row[i].option, gn_slice_of(row[i].otherwise), &e));
        else
            CHECK(row[i].unset != NULL);
    }
}

TEST(a_file_is_read_line_by_line) {
    gn_settings *s = gn_settings_new(&e);
    CHECK(read_text(s,
                    "# mine\n\n  temp = .7 # warm\r\nstate_mem=2G\n"
                    "system = \"say \\\"hi\\\"\\n#1\"\nmodel = 'a b#c'\nprompt = a#b\ntemp = 0.5\n"
                    "mouse = off",
                    false));
    CHECK(gn_settings_number(s, "temp", 0) == 0.5);
    CHECK(gn_settings_size(s, "state-mem", 0) == (size_t)2 << 30);
    CHECK_TEXT(gn_settings_text(s, "system"), "say \"hi\"\n#1");
    CHECK_TEXT(gn_settings_text(s, "model"), "a b#c");
    CHECK_TEXT(gn_settings_text(s, "prompt"), "a#b");
    CHECK(!gn_settings_flag(s, "mouse"));
    gn_settings_free(s);
}

TEST(a_mistake_is_told_with_file_and_line) {
    static const struct {
        const char *text, *message;
    } wrong[] = {
        {"\ntempp = 1", "set:2: there is no setting 'tempp'; did you mean 'temp'?"},
        {"temp = warm", "set:1: temp: 'warm' is no number"},
        {"temp = 1 2", "set:1: a value of several words wants quotes: '2' is left over"},
        {"temp", "set:1: want NAME = VALUE"},
        {"= 3", "set:1: want NAME = VALUE"},
        {"system = \"x", "set:1: the quote \" is not closed"},
        {"system = \"\\q\"", "set:1: after a backslash only n, t, \" and \\ are known"},
        {"system = 'a'#b", "set:1: a value of several words wants quotes: '#b' is left over"},
        {"color = blue", "set:1: color: want one of auto|always|never, not 'blue'"},
        {"top_k = -1", "set:1: top-k: want 0 to 1000000000, not -1"},
        {"xyzzy = 1", "set:1: there is no setting 'xyzzy'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        gn_settings *s = gn_settings_new(&e);
        CHECK(!read_text(s, wrong[i].text, false) && e.code == GN_INVALID);
        CHECK_TEXT(e.message, wrong[i].message);
        CHECK(strncmp(e.where, "set:", 4) == 0);
        gn_settings_free(s);
    }
}

TEST(what_is_wrong_may_be_forgiven_and_the_rest_holds) {
    gn_settings *s = gn_settings_new(&e);
    e = (gn_error){0};
    gn_settings_forgive(s);
    CHECK(read_text(s, "temp = warm\ntop_k = 7\nxyzzy = 1\nsystem = 'x\nmin_p = .1", false));
    CHECK(e.code == GN_OK);
    CHECK_TEXT(gn_settings_complaints(s), "set:1: temp: 'warm' is no number\n"
                                          "set:3: there is no setting 'xyzzy'\n"
                                          "set:4: the quote ' is not closed");
    CHECK(gn_settings_integer(s, "top-k", 0) == 7 && gn_settings_number(s, "min-p", 0) == 0.1 &&
          !gn_settings_text(s, "temp"));
    /* A project's file still sets no program. */
    CHECK(read_text(s, "editor = rm\n", true) && !gn_settings_text(s, "editor"));
    gn_settings_free(s);
}

TEST(a_project_may_not_name_programs) {
    gn_settings *s = gn_settings_new(&e);
    CHECK(!read_text(s, "editor = rm", true) && e.code == GN_INVALID);
    CHECK(!read_text(s, "judge = rm", true));
    CHECK(read_text(s, "temp = 1", true));
    CHECK(read_text(s, "editor = vim", false));
    gn_settings_free(s);
}

static void put(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    if (CHECK(f)) {
        fputs(text, f);
        fclose(f);
    }
}

TEST(environment_project_and_file_are_read_in_order) {
    char dir[] = "/tmp/gneiss-settings-XXXXXX", path[160];
    if (!CHECK(mkdtemp(dir)))
        return;
    setenv("XDG_CONFIG_HOME", dir, 1);
    snprintf(path, sizeof path, "%s/gneiss", dir);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/gneiss/settings", dir);
    put(path, "temp = 0.1\ntop_k = 1\nmin_p = 0.1\n");
    snprintf(path, sizeof path, "%s/p", dir);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/p/.gneiss", dir);
    put(path, "temp = 0.2\ntop_k = 2\n");
    snprintf(path, sizeof path, "%s/p/q", dir);
    mkdir(path, 0700);
    setenv("GNEISS_TEMP", "0.3", 1);

    gn_settings *s = gn_settings_new(&e);
    CHECK(gn_settings_load(s, path, &e));
    CHECK(gn_settings_number(s, "temp", 0) == 0.3 &&
          gn_settings_source(s, "temp") == GN_SOURCE_ENVIRONMENT);
    CHECK(gn_settings_integer(s, "top-k", 0) == 2 && gn_settings_number(s, "min-p", 0) == 0.1);
    gn_settings_free(s);

    /* .git ends the search */
    snprintf(path, sizeof path, "%s/p/q/.git", dir);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/p/q", dir);
    s = gn_settings_new(&e);
    CHECK(gn_settings_load(s, path, &e) && gn_settings_integer(s, "top-k", 0) == 1);
    gn_settings_free(s);

    setenv("GNEISS_TMEP", "1", 1);
    s = gn_settings_new(&e);
    CHECK(!gn_settings_load(s, path, &e));
    CHECK_TEXT(e.message, "GNEISS_TMEP: there is no setting 'tmep'; did you mean 'temp'?");
    gn_settings_free(s);
    unsetenv("GNEISS_TMEP");
    unsetenv("GNEISS_TEMP");
    unsetenv("XDG_CONFIG_HOME");
    snprintf(path, sizeof path, "rm -r %s", dir);
    CHECK(system(path) == 0);
}
