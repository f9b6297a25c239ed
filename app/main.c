/* main.c - find the command, run it, print the error: the only exit(). */
#include "app/cli/command.h"

#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

static int exit_code(gn_code code) {
    switch (code) {
    case GN_OK:
        return GN_EXIT_YES;
    case GN_INVALID:
        return GN_EXIT_USAGE;
    case GN_CANCELLED:
        return GN_EXIT_INTERRUPTED;
    default:
        return GN_EXIT_SYSTEM;
    }
}

/* Wanted even where the arguments are what is wrong. */
static bool wants_json(int argc, char **argv) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

static void print_error(const gn_error *e, bool json) {
    fflush(stdout);
    fprintf(stderr, "gneiss: %s\n", e->message);
    if (!json)
        return;
    gn_str line = {0};
    gn_str_puts(&line, "{\"schema\":\"gneiss.error/1\",\"code\":");
    gn_json_write_string(&line, gn_slice_of(gn_code_name(e->code)));
    gn_str_puts(&line, ",\"message\":");
    gn_json_write_string(&line, gn_slice_of(e->message));
    gn_str_puts(&line, ",\"where\":");
    gn_json_write_string(&line, gn_slice_of(e->where));
    printf("%s}\n", gn_str_text(&line));
    gn_str_release(&line);
}

static int version(int argc, char **argv) {
    if (wants_json(argc, argv))
        printf("{\"schema\":\"gneiss.version/1\",\"version\":\"%s\"}\n", GNEISS_VERSION);
    else
        printf("gneiss %s\n", GNEISS_VERSION);
    return GN_EXIT_YES;
}

static const gn_command *find(int *argc, char ***argv, gn_error *e) {
    const char *name = *argc > 1 ? (*argv)[1] : NULL;
    if (!name || (name[0] == '-' && strcmp(name, "--json") != 0)) {
        if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
            return gn_command_find(GN_S("chat"));
        if (!name)
            gn_fail(
                e, GN_INVALID,
                "no command; without one gneiss chats, which needs a terminal: see gneiss --help");
        else
            gn_fail(e, GN_INVALID, "the command comes first, not '%.60s': see gneiss --help", name);
        return NULL;
    }
    const gn_command *c = gn_command_find(gn_slice_of(name));
    if (!c) {
        char hint[80];
        int n;
        const gn_command *const *table = gn_command_table(&n);
        gn_near near = {.word = gn_slice_of(name)};
        for (int i = 0; i < n; i++)
            gn_near_try(&near, table[i]->name);
        gn_fail(e, GN_INVALID, "there is no command '%.60s'%s", name,
                near.best ? gn_near_hint(&near, hint, sizeof hint) : "; see gneiss --help");
        gn_where(e, "%.60s", name);
        return NULL;
    }
    (*argc)--;
    (*argv)++;
    return c;
}

static int run(int argc, char **argv, gn_error *e) {
    const gn_command *c = find(&argc, &argv, e);
    if (!c)
        return GN_FAILED;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            gn_help_command(stdout, c);
            return GN_EXIT_YES;
        }
    gn_settings *settings = gn_settings_new(e);
    gn_args *args = NULL;
    int code = GN_FAILED;
    if (settings && c == &gn_cmd_chat)
        gn_settings_forgive(settings);
    if (settings && gn_settings_load(settings, ".", e))
        args = gn_args_parse(c, argc, argv, settings, e);
    if (args)
        code = c->run(args, e);
    gn_args_free(args);
    gn_settings_free(settings);
    return code;
}

int main(int argc, char **argv) {
    gn_error e = {0};
    const bool json = wants_json(argc, argv);
    int code;
    setlocale(LC_CTYPE, "");
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        gn_help_program(stdout);
        code = GN_EXIT_YES;
    } else if (argc > 1 && strcmp(argv[1], "--version") == 0)
        code = version(argc, argv);
    else
        code = run(argc, argv, &e);
    if (e.code != GN_OK)
        print_error(&e, json);
    if (code == GN_FAILED)
        code = exit_code(e.code);
    /* What was not written is not said: a full disk must not look like success. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == GN_EXIT_YES) {
        perror("gneiss: write to standard output");
        code = GN_EXIT_SYSTEM;
    }
    exit(code);
}
