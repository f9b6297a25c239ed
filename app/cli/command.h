/* command.h - a command is one file with one const table; main.c finds it and runs it.
 *
 * A command's row is `extern const gn_command gn_cmd_NAME` and a word in GN_COMMANDS.
 * The table says which options it takes: its own, and the shared groups of
 * settings.h (`takes`). Values are checked before run() is called, so reading
 * them cannot fail.
 */
#ifndef GN_APP_COMMAND_H
#define GN_APP_COMMAND_H

#include "app/cli/settings.h"

#include <stdio.h>

typedef struct gn_args gn_args;

/* Exit codes (interface: rule 6). A run() that fails returns GN_FAILED with e set:
 * main prints it and exits 2 for GN_INVALID, 130 for GN_CANCELLED, else 3. Returning
 * a number with e set prints e and exits with that number. */
enum {
    GN_FAILED = -1,
    GN_EXIT_YES = 0,
    GN_EXIT_NO = 1,
    GN_EXIT_USAGE = 2,
    GN_EXIT_SYSTEM = 3,
    GN_EXIT_PARTLY = 4,
    GN_EXIT_INTERRUPTED = 130,
};

typedef struct gn_command {
    const char *name;
    const char *usage;   /* after the name; lines are alternatives */
    const char *summary; /* one line, lower case */
    const char *about;   /* a paragraph and examples for --help; may be NULL */
    const char *words;   /* what the first argument may be, "list|show", for completion; or NULL */
    const char *of_session;  /* those of words after which a session is named; or NULL */
    unsigned takes;          /* GN_TAKES_...; GN_TAKES_ALWAYS need not be said */
    const gn_option *option; /* ends with a zeroed one; NULL: none of its own */
    int (*run)(const gn_args *a, gn_error *e);
} gn_command;

/* Every command there is. Add yours here. */
/* clang-format off */
#define GN_COMMANDS(X) \
    X(run) X(score) X(tokenize) X(info) X(chat) X(tasks) X(quantize) X(tune) X(bench) X(keys) \
    X(eval) X(compare) X(report) X(db) X(sessions) X(help) X(completion)
/* clang-format on */
#define GN_DECLARE(name) extern const gn_command gn_cmd_##name;
GN_COMMANDS(GN_DECLARE)
#undef GN_DECLARE

const gn_command *const *gn_command_table(int *n);
const gn_command *gn_command_find(gn_slice name); /* NULL */

/* ---- args.c: what was typed -------------------------------------------- */

/* argv[0] is the command's name. settings may be NULL (nothing set); flags that are
 * settings are set there. GN_INVALID for an unknown flag (with the nearest), a
 * missing or unfit value. Free with gn_args_free(). */
gn_args *gn_args_parse(const gn_command *c, int argc, char **argv, gn_settings *settings,
                       gn_error *e);
void gn_args_free(gn_args *a);

/* Was the flag typed? (A setting may hold without.) */
bool gn_args_given(const gn_args *a, const char *name);
/* The last value typed; else the setting of that name; else otherwise. "" for
 * an optional argument that was left out. */
const char *gn_args_text(const gn_args *a, const char *name, const char *otherwise);
/* All values of an option given several times; NULL past the last. */
const char *gn_args_nth(const gn_args *a, const char *name, int i);
bool gn_args_flag(const gn_args *a, const char *name);
int64_t gn_args_integer(const gn_args *a, const char *name, int64_t otherwise);
double gn_args_number(const gn_args *a, const char *name, double otherwise);
size_t gn_args_size(const gn_args *a, const char *name, size_t otherwise);

int gn_args_count(const gn_args *a);             /* of arguments that are no flags */
const char *gn_args_at(const gn_args *a, int i); /* NULL past the last */
gn_settings *gn_args_settings(const gn_args *a);
const gn_command *gn_args_command(const gn_args *a);

/* The setting `prompt` (-p NAME), if it goes before `system`: its text, with var [n_var] as
 * NAME=VALUE, becomes `system`. */
bool gn_settings_use_prompt(gn_settings *s, const char *model, const char *const *var, int n_var,
                            gn_error *e);
/* All values of --var; *n of them. Borrowed, the list is malloc'ed: free(). NULL: no memory. */
const char **gn_args_vars(const gn_args *a, int *n);
/* MODEL's path (of gn_model_path(), borrowed from a), and *first: the index of the argument after
 * it. With -m all arguments are what follows; without any, the setting `model`; then, of commands
 * with GN_TAKES_DEFAULT, the model that comes with the program. GN_INVALID if there is none.
 * Of commands that take a system prompt -p NAME is resolved here. */
bool gn_args_model(const gn_args *a, const char **model, int *first, gn_error *e);

/* Every option a command takes, its own first: n from 0; NULL past the last. */
const gn_option *gn_command_option(const gn_command *c, int n);
/* Is it one of its own? */
bool gn_command_owns(const gn_command *c, const gn_option *o);

/* ---- help.c: what --help, help and completion print --------------------- */

void gn_help_command(FILE *to, const gn_command *c); /* one screen */
void gn_help_program(FILE *to);
bool gn_help_completion(FILE *to, const char *shell, gn_error *e);

/* ---- find.c: from what a model is called to where it is ------------------- */

/* The path of a MODEL: a path as it is, an alias, the first 6 or more digits of a sha, a
 * model in $XDG_DATA_HOME/gneiss/models or in the folder that comes with the program
 * (its name, less .gguf). GN_IO when there is none. Appended to out. */
bool gn_model_path(const char *name, gn_str *out, gn_error *e);
/* The small model that comes with the program; false with e when it is not there. */
bool gn_model_in_box(gn_str *out, gn_error *e);

/* ---- model.c: from args to an engine ------------------------------------ */

/* The engine's options as the flags and settings say. */
gn_engine_options gn_args_engine_options(const gn_args *a);
/* A MODEL's path, borrowed from a; NULL as gn_model_path(). */
const char *gn_args_path(const gn_args *a, const char *model, gn_error *e);
/* Opens it; what it warns of goes to stderr with -v. */
gn_engine *gn_args_engine(const gn_args *a, const char *model, gn_error *e);
/* What the settings say of sampling, over *io. */
void gn_sampling_set(const gn_settings *s, gn_sampling *io);
/* --bias, parsed and checked; *out is malloc'ed, NULL for none. */
bool gn_args_bias(const gn_args *a, int vocab, gn_bias **out, int *n, gn_error *e);
/* --seed, or a random one. */
bool gn_args_seed(const gn_args *a, uint64_t *seed, gn_error *e);
/* The checkpoint's sampling with what flags and settings say over it. out->bias is
 * malloc'ed: free(). Without a seed a random one is drawn. */
bool gn_args_sampling(const gn_args *a, const gn_engine *g, gn_sampling *out, gn_error *e);
/* Is colour (stderr, or stdout) wanted: --color, NO_COLOR, TERM, isatty. */
bool gn_args_color(const gn_args *a, int fd);

#endif
