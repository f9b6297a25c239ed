/* settings.h - one table of what can be set: name, type, range, default, help, who may.
 *
 * A setting comes from, in falling order: a flag, GNEISS_NAME in the environment,
 * the project's .gneiss, $XDG_CONFIG_HOME/gneiss/settings, its default. The table
 * makes the parser, /set, `/show settings`, the common flags, --help and completions.
 */
#ifndef GN_APP_SETTINGS_H
#define GN_APP_SETTINGS_H

#include "core/gneiss.h"

/* What a value must look like, of settings and of options alike. */
typedef enum gn_type {
    GN_TYPE_TEXT,
    GN_TYPE_FLAG,    /* on, off, or as choice says */
    GN_TYPE_CHOICE,  /* one of choice, "a|b|c" */
    GN_TYPE_INTEGER, /* min..max */
    GN_TYPE_NUMBER,  /* min..max, "." as decimal point */
    GN_TYPE_SIZE,    /* bytes, or K M G (1024) */
} gn_type;

/* One flag of a command, or one setting. */
typedef struct gn_option {
    char letter;          /* 0: none */
    const char *name;     /* the long name, words joined by "-" */
    const char *argument; /* what it takes, for help; NULL: nothing; "[X]": may be left out */
    const char *help;
    gn_type type;       /* of the argument */
    double min, max;    /* both 0: any */
    const char *choice; /* of GN_TYPE_CHOICE; of a flag that knows more than on|off */
} gn_option;

/* Commands that take an option: bits of gn_command.takes. */
enum {
    GN_TAKES_ALWAYS = 1 << 0,
    GN_TAKES_MODEL = 1 << 1,    /* what opens an engine */
    GN_TAKES_SAMPLING = 1 << 2, /* what chooses a token */
    GN_TAKES_TEXT = 1 << 3,     /* what an answer is asked with: system prompt, length */
    GN_TAKES_CHAT = 1 << 4,     /* what only the screen asks for */
    GN_TAKES_EVAL = 1 << 5,
    GN_TAKES_DEFAULT = 1 << 6, /* a model of its own choice when none is named */
};

typedef struct gn_setting {
    gn_option option;
    const char *otherwise; /* default; NULL: unset, and `unset` says what then holds */
    const char *unset;
    bool personal; /* not from a project's file: it runs a program */
    unsigned takes;
} gn_setting;

/* The table, in the order it is shown; *n is its length. */
const gn_setting *gn_setting_table(int *n);
/* Its row, by name with "-" or "_"; NULL. */
const gn_setting *gn_setting_find(gn_slice name);

typedef enum gn_source {
    GN_SOURCE_DEFAULT,
    GN_SOURCE_FILE,
    GN_SOURCE_PROJECT,
    GN_SOURCE_ENVIRONMENT,
    GN_SOURCE_FLAG,
    GN_SOURCE_SET, /* by /set, while running */
} gn_source;

typedef struct gn_settings gn_settings;

/* All at their defaults. NULL when out of memory. */
gn_settings *gn_settings_new(gn_error *e);
void gn_settings_free(gn_settings *s);
/* The user's file, the nearest .gneiss (from `folder` up to the one that holds .git,
 * or the root), GNEISS_*. Files that are not there are no error. */
bool gn_settings_load(gn_settings *s, const char *folder, gn_error *e);
/* From now on what is wrong in a file or a variable is noted and left out, and the rest is read: a
 * conversation is not kept from starting by a typing mistake. */
void gn_settings_forgive(gn_settings *s);
/* Note what e says, and clear it; false, and e stays, if nothing is forgiven. */
bool gn_settings_forgiven(gn_settings *s, gn_error *e);
const char *gn_settings_complaints(const gn_settings *s); /* noted, a line each; "" */
/* The text of one file; `file` names it in errors: "FILE:LINE: what; did you mean ..." */
bool gn_settings_read(gn_settings *s, gn_slice text, const char *file, bool project, gn_error *e);
/* GN_INVALID for a name or value that does not fit. where may be NULL. */
bool gn_settings_set(gn_settings *s, gn_slice name, gn_slice value, gn_source source,
                     const char *where, gn_error *e);

/* The value in force; NULL when unset. Borrowed until the next set. */
const char *gn_settings_text(const gn_settings *s, const char *name);
bool gn_settings_flag(const gn_settings *s, const char *name);
int64_t gn_settings_integer(const gn_settings *s, const char *name, int64_t otherwise);
double gn_settings_number(const gn_settings *s, const char *name, double otherwise);
size_t gn_settings_size(const gn_settings *s, const char *name, size_t otherwise);
gn_source gn_settings_source(const gn_settings *s, const char *name);
const char *gn_source_name(gn_source source);

/* Does value fit o? GN_INVALID says what is wanted: "temp: 'warm' is no number". */
bool gn_option_check(const gn_option *o, gn_slice value, gn_error *e);
/* "512M" to bytes; false if it is no size. */
bool gn_parse_size(gn_slice text, size_t *out);
/* A number as people write it: ".7" is one. */
bool gn_parse_decimal(gn_slice text, double *out);

/* The candidate nearest to word, or NULL when none is near enough to be meant. */
typedef struct gn_near {
    gn_slice word;
    const char *best;
    int distance;
} gn_near;
void gn_near_try(gn_near *n, const char *candidate);
/* "; did you mean 'x'?", or "". Valid until n is gone. */
const char *gn_near_hint(const gn_near *n, char *out, size_t size);

#endif
