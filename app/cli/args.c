/* args.c - what was typed, checked against the tables of options. */
#include "app/cli/command.h"

#include <stdlib.h>

/* Of every command, and not settings. */
static const struct {
    gn_option option;
    unsigned takes;
} common[] = {
    {{0, "state", "FILE", "start from a saved state", GN_TYPE_TEXT, 0, 0, NULL}, GN_TAKES_MODEL},
    {{0, "save-state", "FILE", "write one at the end", GN_TYPE_TEXT, 0, 0, NULL}, GN_TAKES_MODEL},
    {{0, "template", "FILE|NAME", "chat template instead of the checkpoint's", GN_TYPE_TEXT, 0, 0,
      NULL},
     GN_TAKES_MODEL},
    {{0, "var", "NAME=VALUE", "variable of the saved prompt; may be repeated", GN_TYPE_TEXT, 0, 0,
      NULL},
     GN_TAKES_TEXT},
    {{0, "mmap", NULL, "leave the weights in the file", GN_TYPE_FLAG, 0, 0, NULL}, GN_TAKES_MODEL},
    {{0, "bias", "ID=X", "added to that id's logit; may be repeated", GN_TYPE_TEXT, 0, 0, NULL},
     GN_TAKES_SAMPLING},
    {{0, "stop", "S", "text that ends an answer; may be repeated", GN_TYPE_TEXT, 0, 0, NULL},
     GN_TAKES_SAMPLING},
    {{0, "greedy", NULL, "the likeliest token: --temp 0", GN_TYPE_FLAG, 0, 0, NULL},
     GN_TAKES_SAMPLING},
    {{0, "json", NULL, "answer in JSON", GN_TYPE_FLAG, 0, 0, NULL}, GN_TAKES_ALWAYS},
    {{'q', "quiet", NULL, "only the product", GN_TYPE_FLAG, 0, 0, NULL}, GN_TAKES_ALWAYS},
    {{'v', "verbose", NULL, "what is done and chosen, on stderr", GN_TYPE_FLAG, 0, 0, NULL},
     GN_TAKES_ALWAYS},
    {{'h', "help", NULL, "this", GN_TYPE_FLAG, 0, 0, NULL}, GN_TAKES_ALWAYS},
};
enum { N_COMMON = sizeof common / sizeof common[0] };

typedef struct given {
    const gn_option *option;
    const char *value; /* of a flag "on" or "off" */
} given;

struct gn_args {
    const gn_command *command;
    gn_settings *settings;
    given *given;
    size_t n_given, given_room;
    const char **word;
    size_t n_word, word_room;
    gn_arena *paths; /* of models that were named otherwise */
};

static int n_own(const gn_command *c) {
    int n = 0;
    while (c->option && c->option[n].name)
        n++;
    return n;
}

bool gn_command_owns(const gn_command *c, const gn_option *o) {
    return c->option && o >= c->option && o < c->option + n_own(c);
}

/* A command's own option hides a shared one of the same name. */
static bool hidden(const gn_command *c, const char *name) {
    for (int i = 0; i < n_own(c); i++)
        if (strcmp(c->option[i].name, name) == 0)
            return true;
    return false;
}

const gn_option *gn_command_option(const gn_command *c, int n) {
    const unsigned takes = c->takes | GN_TAKES_ALWAYS;
    int n_setting;
    const gn_setting *setting = gn_setting_table(&n_setting);
    if (n < n_own(c))
        return &c->option[n];
    n -= n_own(c);
    for (int i = 0; i < n_setting; i++)
        if (setting[i].takes & takes && !hidden(c, setting[i].option.name) && n-- == 0)
            return &setting[i].option;
    for (int i = 0; i < N_COMMON; i++)
        if (common[i].takes & takes && !hidden(c, common[i].option.name) && n-- == 0)
            return &common[i].option;
    return NULL;
}

static const gn_option *by_name(const gn_command *c, gn_slice name) {
    const gn_option *o;
    for (int i = 0; (o = gn_command_option(c, i)); i++)
        if (gn_slice_is(name, o->name))
            return o;
    return NULL;
}

static const gn_option *by_letter(const gn_command *c, char letter) {
    const gn_option *o;
    for (int i = 0; (o = gn_command_option(c, i)); i++)
        if (o->letter == letter)
            return o;
    return NULL;
}

static bool unknown_flag(const gn_command *c, gn_slice name, gn_error *e) {
    gn_near near = {.word = name};
    const gn_option *o;
    for (int i = 0; (o = gn_command_option(c, i)); i++)
        gn_near_try(&near, o->name);
    gn_fail(e, GN_INVALID, "%s has no option --%.*s%s%s%s", c->name,
            name.len > 60 ? 60 : (int)name.len, name.data, near.best ? "; did you mean --" : "",
            near.best ? near.best : "", near.best ? "?" : "");
    return gn_where(e, "--%.*s", name.len > 60 ? 60 : (int)name.len, name.data);
}

static bool keep(gn_args *a, const gn_option *o, const char *value, gn_error *e) {
    gn_slice text = gn_slice_of(value);
    const bool left_out = o->argument && o->argument[0] == '[' && text.len == 0;
    if (!left_out && !gn_option_check(o, text, e)) {
        gn_where(e, "--%s", o->name);
        return false;
    }
    if (!gn_vec_reserve(&a->given, &a->given_room, a->n_given + 1, sizeof *a->given))
        return gn_fail(e, GN_NO_MEMORY, "arguments: out of memory");
    a->given[a->n_given++] = (given){o, value};
    const gn_setting *s = gn_setting_find(gn_slice_of(o->name));
    if (a->settings && s && o == &s->option)
        return gn_settings_set(a->settings, gn_slice_of(o->name), text, GN_SOURCE_FLAG, NULL, e);
    return true;
}

/* May the next word be the value of an optional argument? "-1" names the last run. */
static bool is_value(const char *word) {
    return word && (word[0] != '-' || (word[1] >= '0' && word[1] <= '9'));
}

/* --name, --name=value, --name value, --no-name. Returns words used, 0 on failure. */
static int long_option(gn_args *a, int argc, char **argv, gn_error *e) {
    const char *text = argv[0] + 2, *equal = strchr(text, '=');
    gn_slice name = {text, equal ? (size_t)(equal - text) : strlen(text)};
    const gn_option *o = by_name(a->command, name);
    if (!o && !equal && gn_slice_starts(name, GN_S("no-"))) {
        o = by_name(a->command, gn_slice_from(name, 3));
        if (o && o->type == GN_TYPE_FLAG && !o->argument)
            return keep(a, o, "off", e);
        o = NULL;
    }
    if (!o)
        return unknown_flag(a->command, name, e);
    if (!o->argument) {
        if (equal && o->type != GN_TYPE_FLAG) {
            gn_fail(e, GN_INVALID, "--%s takes no value", o->name);
            return gn_where(e, "--%s", o->name);
        }
        return keep(a, o, equal ? equal + 1 : "on", e);
    }
    if (equal)
        return keep(a, o, equal + 1, e);
    if (o->argument[0] == '[' && !(argc > 1 && is_value(argv[1])))
        return keep(a, o, "", e);
    if (argc < 2) {
        gn_fail(e, GN_INVALID, "--%s wants %s", o->name, o->argument);
        return gn_where(e, "--%s", o->name);
    }
    return keep(a, o, argv[1], e) ? 2 : 0;
}

/* -x, -xVALUE, -x VALUE, -xyz. Returns words used, 0 on failure. */
static int short_options(gn_args *a, int argc, char **argv, gn_error *e) {
    for (const char *p = argv[0] + 1; *p; p++) {
        const gn_option *o = by_letter(a->command, *p);
        if (!o) {
            gn_fail(e, GN_INVALID, "%s has no option -%c; see gneiss %s --help", a->command->name,
                    *p, a->command->name);
            return gn_where(e, "-%c", *p);
        }
        if (!o->argument || (o->argument[0] == '[' && !p[1])) {
            if (!keep(a, o, o->argument ? "" : "on", e))
                return 0;
            continue;
        }
        if (p[1])
            return keep(a, o, p + 1 + (p[1] == '='), e);
        if (argc < 2) {
            gn_fail(e, GN_INVALID, "-%c wants %s", *p, o->argument);
            return gn_where(e, "-%c", *p);
        }
        return keep(a, o, argv[1], e) ? 2 : 0;
    }
    return 1;
}

static bool add_word(gn_args *a, const char *word, gn_error *e) {
    if (!gn_vec_reserve(&a->word, &a->word_room, a->n_word + 1, sizeof *a->word))
        return gn_fail(e, GN_NO_MEMORY, "arguments: out of memory");
    a->word[a->n_word++] = word;
    return true;
}

/* "-1", "-2": the last run, the one before; no flag. */
static bool is_backward(const gn_command *c, const char *word) {
    return word[0] == '-' && word[1] >= '0' && word[1] <= '9' && !by_letter(c, word[1]);
}

gn_args *gn_args_parse(const gn_command *c, int argc, char **argv, gn_settings *settings,
                       gn_error *e) {
    gn_args *a = calloc(1, sizeof *a);
    gn_arena *paths = calloc(1, sizeof *paths);
    if (!a || !paths) {
        free(a);
        free(paths);
        gn_fail(e, GN_NO_MEMORY, "arguments: out of memory");
        return NULL;
    }
    a->command = c;
    a->settings = settings;
    a->paths = paths;
    bool only_words = false;
    for (int i = 1, used; i < argc; i += used) {
        const char *word = argv[i];
        used = 1;
        if (only_words || word[0] != '-' || word[1] == '\0' || is_backward(c, word))
            used = add_word(a, word, e);
        else if (strcmp(word, "--") == 0)
            only_words = true;
        else if (word[1] == '-')
            used = long_option(a, argc - i, argv + i, e);
        else
            used = short_options(a, argc - i, argv + i, e);
        if (!used) {
            gn_args_free(a);
            return NULL;
        }
    }
    return a;
}

void gn_args_free(gn_args *a) {
    if (!a)
        return;
    gn_arena_release(a->paths);
    free(a->paths);
    free(a->given);
    free(a->word);
    free(a);
}

/* ---- reading them ------------------------------------------------------- */

static const char *last_given(const gn_args *a, const char *name) {
    for (size_t i = a->n_given; i-- > 0;)
        if (strcmp(a->given[i].option->name, name) == 0)
            return a->given[i].value;
    return NULL;
}

bool gn_args_given(const gn_args *a, const char *name) { return last_given(a, name) != NULL; }

const char *gn_args_text(const gn_args *a, const char *name, const char *otherwise) {
    const char *text = last_given(a, name);
    if (!text && a->settings)
        text = gn_settings_text(a->settings, name);
    return text ? text : otherwise;
}

const char *gn_args_nth(const gn_args *a, const char *name, int i) {
    for (size_t k = 0; k < a->n_given; k++)
        if (strcmp(a->given[k].option->name, name) == 0 && i-- == 0)
            return a->given[k].value;
    return NULL;
}

bool gn_args_flag(const gn_args *a, const char *name) {
    const char *text = gn_args_text(a, name, "off");
    return strcmp(text, "on") == 0;
}

int64_t gn_args_integer(const gn_args *a, const char *name, int64_t otherwise) {
    int64_t v;
    const char *text = gn_args_text(a, name, NULL);
    return text && gn_parse_integer(gn_slice_of(text), &v) ? v : otherwise;
}

double gn_args_number(const gn_args *a, const char *name, double otherwise) {
    double v;
    const char *text = gn_args_text(a, name, NULL);
    return text && gn_parse_decimal(gn_slice_of(text), &v) ? v : otherwise;
}

size_t gn_args_size(const gn_args *a, const char *name, size_t otherwise) {
    size_t v;
    const char *text = gn_args_text(a, name, NULL);
    return text && gn_parse_size(gn_slice_of(text), &v) ? v : otherwise;
}

int gn_args_count(const gn_args *a) { return (int)a->n_word; }

const char *gn_args_at(const gn_args *a, int i) {
    return i >= 0 && (size_t)i < a->n_word ? a->word[i] : NULL;
}

gn_settings *gn_args_settings(const gn_args *a) { return a->settings; }
const gn_command *gn_args_command(const gn_args *a) { return a->command; }

static const char *stored(const gn_args *a, gn_str *path, gn_error *e) {
    const char *kept = gn_arena_copy(a->paths, gn_str_slice(path)).data;
    gn_str_release(path);
    if (!kept)
        gn_fail(e, GN_NO_MEMORY, "out of memory");
    return kept;
}

const char *gn_args_path(const gn_args *a, const char *model, gn_error *e) {
    gn_str path = {0};
    if (gn_model_path(model, &path, e))
        return stored(a, &path, e);
    gn_str_release(&path);
    return NULL;
}

static const char *of_its_own(const gn_args *a, gn_error *e) {
    gn_str path = {0};
    gn_error none = {0};
    if ((a->command->takes & GN_TAKES_DEFAULT) && gn_model_in_box(&path, &none))
        return stored(a, &path, e);
    gn_str_release(&path);
    gn_fail(
        e, GN_INVALID,
        "no model: name a folder or .gguf file first (gneiss %s MODEL), or put model = PATH into "
        "the settings",
        gn_args_command(a)->name);
    gn_where(e, "model");
    return NULL;
}

const char **gn_args_vars(const gn_args *a, int *n) {
    const char **var = calloc(a->n_given + 1, sizeof *var);
    *n = 0;
    for (const char *text; var && (text = gn_args_nth(a, "var", *n));)
        var[(*n)++] = text;
    return var;
}

static bool use_prompt(const gn_args *a, const char *model, gn_error *e) {
    int n;
    if (!a->settings || !(a->command->takes & GN_TAKES_TEXT))
        return true;
    const char **var = gn_args_vars(a, &n);
    const bool ok = var ? gn_settings_use_prompt(a->settings, model, var, n, e)
                        : gn_fail(e, GN_NO_MEMORY, "arguments: out of memory");
    free(var);
    return ok;
}

bool gn_args_model(const gn_args *a, const char **model, int *first, gn_error *e) {
    const char *name = gn_args_text(a, "model", NULL);
    *first = 0;
    if (!gn_args_given(a, "model") && gn_args_count(a) > 0) {
        name = gn_args_at(a, 0);
        *first = 1;
    }
    *model = name && name[0] ? gn_args_path(a, name, e) : of_its_own(a, e);
    return *model && use_prompt(a, *model, e);
}
