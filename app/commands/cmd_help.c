/* cmd_help.c - gneiss help, gneiss completion: the tables, told to people and shells. */
#include "app/cli/command.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROW(name) &gn_cmd_##name,
static const gn_command *const commands[] = {GN_COMMANDS(ROW)};
enum { N = sizeof commands / sizeof commands[0] };

const gn_command *const *gn_command_table(int *n) {
    *n = N;
    return commands;
}

const gn_command *gn_command_find(gn_slice name) {
    for (int i = 0; i < N; i++)
        if (gn_slice_is(name, commands[i]->name))
            return commands[i];
    return NULL;
}

/* Run man, if it is there and knows the page. */
static bool show_page(const char *page) {
    char *const look[] = {"man", "-w", (char *)page, NULL}, *const show[] = {"man", (char *)page,
                                                                             NULL};
    for (int i = 0; i < 2; i++) {
        int status = 0;
        fflush(stdout);
        const pid_t child = fork();
        if (child < 0)
            return false;
        if (child == 0) {
            if (i == 0 &&
                (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)))
                _exit(127);
            execvp("man", i == 0 ? look : show);
            _exit(127);
        }
        if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
            return false;
    }
    return true;
}

static void print_settings(void) {
    int n;
    const gn_setting *row = gn_setting_table(&n);
    printf(
        "NAME = VALUE, a line each, in $XDG_CONFIG_HOME/gneiss/settings or a project's .gneiss;\n"
        "--name on the command line and GNEISS_NAME in the environment go before.\n\n");
    for (int i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s", row[i].option.name);
        for (char *p = name; *p; p++)
            *p = *p == '-' ? '_' : *p;
        printf("  %-15s %s (%s)%s\n", name, row[i].option.help,
               row[i].otherwise ? row[i].otherwise : row[i].unset,
               row[i].personal ? "; not from a project" : "");
    }
}

static void print_options(void) {
    static const gn_command all = {.name = "",
                                   .takes = GN_TAKES_MODEL | GN_TAKES_SAMPLING | GN_TAKES_TEXT |
                                            GN_TAKES_CHAT | GN_TAKES_EVAL};
    const gn_option *o;
    for (int i = 0; (o = gn_command_option(&all, i)); i++) {
        gn_str word = {0};
        if (o->letter)
            gn_str_fmt(&word, "-%c, --%s", o->letter, o->name);
        else
            gn_str_fmt(&word, "    --%s", o->name);
        if (o->argument)
            gn_str_fmt(&word, " %s", o->argument);
        printf("  %-32s %s\n", gn_str_text(&word), o->help);
        gn_str_release(&word);
    }
}

static int run_help(const gn_args *a, gn_error *e) {
    const char *topic = gn_args_at(a, 0);
    if (!topic) {
        gn_help_program(stdout);
        return GN_EXIT_YES;
    }
    if (strcmp(topic, "settings") == 0 || strcmp(topic, "options") == 0) {
        if (topic[0] == 's')
            print_settings();
        else
            print_options();
        return GN_EXIT_YES;
    }
    const gn_command *c = gn_command_find(gn_slice_of(topic));
    if (!c) {
        char hint[80];
        gn_near near = {.word = gn_slice_of(topic)};
        for (int i = 0; i < N; i++)
            gn_near_try(&near, commands[i]->name);
        gn_near_try(&near, "settings");
        gn_near_try(&near, "options");
        gn_fail(e, GN_INVALID, "there is no help on '%.60s'%s", topic,
                gn_near_hint(&near, hint, sizeof hint));
        return GN_FAILED;
    }
    char page[64];
    snprintf(page, sizeof page, "gneiss-%s", c->name);
    if (!isatty(STDOUT_FILENO) || !show_page(page))
        gn_help_command(stdout, c);
    return GN_EXIT_YES;
}

const gn_command gn_cmd_help = {
    .name = "help",
    .usage = "[TOPIC]",
    .summary = "tell about a command, the options, the settings",
    .about = "TOPIC is a command, or `options` (those that commands share), or `settings`.\n"
             "On a terminal a command's manual page is shown where there is one.",
    .words = "options|settings",
    .run = run_help,
};

static int run_completion(const gn_args *a, gn_error *e) {
    const char *shell = gn_args_at(a, 0);
    if (!shell) {
        gn_fail(e, GN_INVALID, "completion: want bash, zsh or fish");
        return GN_FAILED;
    }
    return gn_help_completion(stdout, shell, e) ? GN_EXIT_YES : GN_FAILED;
}

const gn_command gn_cmd_completion = {
    .name = "completion",
    .usage = "bash|zsh|fish",
    .summary = "print a completion script for a shell",
    .about = "bash: eval \"$(gneiss completion bash)\" in ~/.bashrc\n"
             "zsh:  gneiss completion zsh > a folder of $fpath/_gneiss\n"
             "fish: gneiss completion fish > ~/.config/fish/completions/gneiss.fish",
    .words = "bash|zsh|fish",
    .run = run_completion,
};
