/* test_args.c - flags are found, checked and explained. */
/* floor: gn_app */
#include "app/cli/command.h"
#include "tests/check.h"

#include <stdarg.h>

static const gn_option options[] = {
    {'c', "continue", NULL, "go on", GN_TYPE_FLAG, 0, 0, NULL},
    {'f', "file", "FILE", "a file", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "rounds", "N", "how often", GN_TYPE_INTEGER, 1, 9, NULL},
    {0, "baseline", "[RUN]", "compare with", GN_TYPE_TEXT, 0, 0, NULL},
    {'n', "n", "LIST", "here a list", GN_TYPE_TEXT, 0, 0, NULL},
    {0},
};
static const gn_command command = {.name = "test",
                                   .usage = "",
                                   .summary = "",
                                   .takes = GN_TAKES_MODEL | GN_TAKES_SAMPLING | GN_TAKES_TEXT,
                                   .option = options};

static gn_error e;

static gn_args *parse(gn_settings *s, ...) __attribute__((sentinel));
static gn_args *parse(gn_settings *s, ...) {
    char *argv[16] = {"test"};
    int n = 1;
    va_list ap;
    va_start(ap, s);
    while (n < 16 && (argv[n] = va_arg(ap, char *)))
        n++;
    va_end(ap);
    e = (gn_error){0};
    return gn_args_parse(&command, n, argv, s, &e);
}

TEST(flags_and_words_may_be_mixed) {
    gn_args *a = parse(NULL, "one", "-cf", "a.txt", "two", "--rounds=3", "--", "-x", NULL);
    if (!CHECK(a))
        return;
    CHECK(gn_args_flag(a, "continue") && gn_args_count(a) == 3);
    CHECK_TEXT(gn_args_text(a, "file", ""), "a.txt");
    CHECK(gn_args_integer(a, "rounds", 0) == 3);
    CHECK_TEXT(gn_args_at(a, 0), "one");
    CHECK_TEXT(gn_args_at(a, 2), "-x");
    CHECK(gn_args_at(a, 3) == NULL);
    gn_args_free(a);
}

TEST(an_unknown_flag_names_the_nearest) {
    CHECK(!parse(NULL, "--temprature", "1", NULL));
    CHECK(e.code == GN_INVALID);
    CHECK_TEXT(e.message, "test has no option --temprature");
    CHECK(!parse(NULL, "--tmep", "1", NULL));
    CHECK_TEXT(e.message, "test has no option --tmep; did you mean --temp?");
    CHECK_TEXT(e.where, "--tmep");
    CHECK(!parse(NULL, "-Z", NULL));
    CHECK(e.code == GN_INVALID);
}

TEST(values_are_checked_before_the_command_runs) {
    CHECK(!parse(NULL, "--rounds", "ten", NULL));
    CHECK_TEXT(e.message, "rounds: 'ten' is no integer");
    CHECK(!parse(NULL, "--rounds", "10", NULL));
    CHECK_TEXT(e.message, "rounds: want 1 to 9, not 10");
    CHECK(!parse(NULL, "--backend", "gpu", NULL));
    CHECK_TEXT(e.message, "backend: want one of auto|cpu|cuda, not 'gpu'");
    CHECK_TEXT(e.where, "--backend");
    CHECK(!parse(NULL, "--rounds", NULL));
    CHECK_TEXT(e.message, "--rounds wants N");
    CHECK(!parse(NULL, "--state-mem", "1T", NULL));
    CHECK(!parse(NULL, "--top-p", "1.5", NULL));
}

TEST(an_optional_argument_may_be_left_out) {
    gn_args *a = parse(NULL, "--baseline", "-c", NULL);
    CHECK_TEXT(gn_args_text(a, "baseline", NULL), "");
    CHECK(gn_args_flag(a, "continue"));
    gn_args_free(a);
    a = parse(NULL, "--baseline", "-1", NULL);
    CHECK_TEXT(gn_args_text(a, "baseline", NULL), "-1");
    gn_args_free(a);
}

TEST(minus_and_a_digit_is_a_word) {
    gn_args *a = parse(NULL, "-2", "-1", NULL);
    CHECK(a && gn_args_count(a) == 2);
    gn_args_free(a);
}

TEST(an_own_option_hides_the_shared_one) {
    gn_args *a = parse(NULL, "-n", "1,2", NULL);
    CHECK(a != NULL);
    CHECK_TEXT(gn_args_text(a, "n", ""), "1,2");
    gn_args_free(a);
}

TEST(a_repeated_option_keeps_all_and_the_last_counts) {
    gn_args *a = parse(NULL, "--stop", "a", "--stop", "b", "--file=x", "--file=y", NULL);
    CHECK_TEXT(gn_args_nth(a, "stop", 0), "a");
    CHECK_TEXT(gn_args_nth(a, "stop", 1), "b");
    CHECK(!gn_args_nth(a, "stop", 2));
    CHECK_TEXT(gn_args_text(a, "file", ""), "y");
    gn_args_free(a);
}

TEST(a_flag_goes_before_a_setting) {
    gn_settings *s = gn_settings_new(&e);
    CHECK(gn_settings_set(s, GN_S("temp"), GN_S("0.5"), GN_SOURCE_FILE, NULL, &e));
    CHECK(gn_settings_set(s, GN_S("top_k"), GN_S("7"), GN_SOURCE_FILE, NULL, &e));
    gn_args *a = parse(s, "--temp", "0.9", "--no-mouse", NULL);
    CHECK(gn_args_number(a, "temp", 0) == 0.9 && gn_args_integer(a, "top-k", 0) == 7);
    CHECK(gn_args_given(a, "temp") && !gn_args_given(a, "top-k"));
    CHECK(!gn_args_flag(a, "mouse") && gn_settings_source(s, "temp") == GN_SOURCE_FLAG);
    gn_args_free(a);
    gn_settings_free(s);
}

TEST(the_model_is_the_first_word_unless_it_is_named) {
    const char *model;
    int first;
    gn_settings *s = gn_settings_new(&e);
    gn_args *a = parse(s, "README.md", "hello", NULL);
    CHECK(gn_args_model(a, &model, &first, &e) && first == 1);
    CHECK_TEXT(model, "README.md");
    gn_args_free(a);
    a = parse(s, "-m", "app", "hello", NULL);
    CHECK(gn_args_model(a, &model, &first, &e) && first == 0);
    CHECK_TEXT(model, "app");
    gn_args_free(a);
    gn_settings_free(s);

    s = gn_settings_new(&e);
    a = parse(s, NULL, NULL);
    CHECK(!gn_args_model(a, &model, &first, &e) && e.code == GN_INVALID);
    gn_args_free(a);
    gn_settings_set(s, GN_S("model"), GN_S("tests"), GN_SOURCE_FILE, NULL, &e);
    a = parse(s, NULL, NULL);
    CHECK(gn_args_model(a, &model, &first, &e) && first == 0);
    CHECK_TEXT(model, "tests");
    gn_args_free(a);
    gn_settings_free(s);
}

TEST(every_command_helps_on_one_screen_and_completes) {
    int n;
    const gn_command *const *table = gn_command_table(&n);
    for (int i = 0; i < n; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *to = open_memstream(&text, &size);
        gn_help_command(to, table[i]);
        fclose(to);
        int lines = 0, column = 0, widest = 0;
        for (const char *p = text; *p; p++) {
            lines += *p == '\n';
            column = *p == '\n' ? 0 : column + 1;
            widest = column > widest ? column : widest;
        }
        if (!CHECK(lines <= 48) || !CHECK(widest <= 80))
            printf("  %s: %d lines, %d columns\n", table[i]->name, lines, widest);
        free(text);
    }
    static const char *const shell[] = {"bash", "zsh", "fish"};
    for (int k = 0; k < 3; k++) {
        char *text = NULL;
        size_t size = 0;
        FILE *to = open_memstream(&text, &size);
        CHECK(gn_help_completion(to, shell[k], &e));
        fclose(to);
        for (int i = 0; i < n; i++)
            CHECK(strstr(text, table[i]->name));
        CHECK(strstr(text, "json"));
        free(text);
    }
    CHECK(!gn_help_completion(stdout, "csh", &e) && e.code == GN_INVALID);
}

TEST(letters_and_names_of_a_command_are_its_own_only_once) {
    int n;
    const gn_command *const *table = gn_command_table(&n);
    for (int i = 0; i < n; i++) {
        const gn_option *o, *p;
        for (int k = 0; (o = gn_command_option(table[i], k)); k++)
            for (int m = k + 1; (p = gn_command_option(table[i], m)); m++)
                if (!CHECK(strcmp(o->name, p->name) != 0))
                    printf("  %s --%s\n", table[i]->name, o->name);
    }
}

TEST(a_model_is_found_by_path_and_by_its_name_among_the_models) {
    char dir[] = "/tmp/gneiss-models-XXXXXX", clean[64];
    gn_str path = {0}, found = {0};
    if (!CHECK(mkdtemp(dir)))
        return;
    setenv("XDG_DATA_HOME", dir, 1);
    gn_str_fmt(&path, "%s/gneiss/models", dir);
    CHECK(gn_path_make_folder(gn_str_text(&path), &e));
    gn_str_puts(&path, "/basalt-7.gguf");
    CHECK(gn_file_write(gn_str_text(&path), GN_S(""), &e));

    CHECK(gn_model_path("basalt-7", &found, &e));
    CHECK_TEXT(gn_str_text(&found), gn_str_text(&path));
    gn_str_cut(&found, 0);
    CHECK(gn_model_path("basalt-7.gguf", &found, &e));
    CHECK_TEXT(gn_str_text(&found), gn_str_text(&path));
    gn_str_cut(&found, 0);
    CHECK(gn_model_path("README.md", &found, &e)); /* a path goes first, and stays as it is */
    CHECK_TEXT(gn_str_text(&found), "README.md");
    gn_str_cut(&found, 0);
    CHECK(!gn_model_path("basalt-8", &found, &e) && e.code == GN_IO);
    CHECK(strstr(e.message, "did you mean 'basalt-7'"));
    CHECK(!gn_model_path("../models/basalt-7", &found, &e) && found.len == 0);

    gn_str_release(&found);
    gn_str_release(&path);
    unsetenv("XDG_DATA_HOME");
    snprintf(clean, sizeof clean, "rm -r %s", dir);
    CHECK(system(clean) == 0);
}

TEST(a_named_prompt_becomes_the_system_prompt) {
    char dir[] = "/tmp/gneiss-prompt-XXXXXX", clean[64];
    const char *model;
    int first;
    gn_str text = {0};
    if (!CHECK(mkdtemp(dir)))
        return;
    setenv("XDG_CONFIG_HOME", dir, 1);
    gn_str_fmt(&text, "%s/gneiss/prompts", dir);
    CHECK(gn_path_make_folder(gn_str_text(&text), &e));
    gn_str_puts(&text, "/p.txt");
    CHECK(gn_file_write(gn_str_text(&text), GN_S("You are {{ model }}.\n"), &e));

    gn_settings *s = gn_settings_new(&e);
    gn_settings_set(s, GN_S("system"), GN_S("from a file"), GN_SOURCE_FILE, NULL, &e);
    gn_str m = {0};
    gn_str_fmt(&m, "%s/m.gguf", dir);
    CHECK(gn_file_write(gn_str_text(&m), GN_S(""), &e));
    gn_args *a = parse(s, gn_str_text(&m), "-p", "p", NULL);
    CHECK(gn_args_model(a, &model, &first, &e));
    CHECK_TEXT(gn_args_text(a, "system", ""), "You are m.");
    gn_args_free(a);
    a = parse(s, gn_str_text(&m), "-p", "q", NULL);
    CHECK(!gn_args_model(a, &model, &first, &e) && e.code == GN_INVALID);
    gn_args_free(a);
    a = parse(s, gn_str_text(&m), "-p", "p", "-s", "text", NULL);
    CHECK(!gn_args_model(a, &model, &first, &e) && e.code == GN_INVALID);
    gn_args_free(a);
    gn_settings_free(s);
    gn_str_release(&text);
    gn_str_release(&m);
    unsetenv("XDG_CONFIG_HOME");
    snprintf(clean, sizeof clean, "rm -r %s", dir);
    CHECK(system(clean) == 0);
}
