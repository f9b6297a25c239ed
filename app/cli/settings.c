/* settings.c - see settings.h. */
#include "app/cli/settings.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT(letter, name, argument, help)                                                         \
    { letter, name, argument, help, GN_TYPE_TEXT, 0, 0, NULL }
#define FLAG(name, help)                                                                           \
    { 0, name, NULL, help, GN_TYPE_FLAG, 0, 0, NULL }
#define CHOICE(name, choice, help)                                                                 \
    { 0, name, choice, help, GN_TYPE_CHOICE, 0, 0, choice }
#define INTEGER(letter, name, argument, min, max, help)                                            \
    { letter, name, argument, help, GN_TYPE_INTEGER, min, max, NULL }
#define NUMBER(name, argument, min, max, help)                                                     \
    { 0, name, argument, help, GN_TYPE_NUMBER, min, max, NULL }
#define SIZE(name, help)                                                                           \
    { 0, name, "SIZE", help, GN_TYPE_SIZE, 0, 0, NULL }

#define ANY_SEED 9007199254740992.0

static const gn_setting table[] = {
    {TEXT('m', "model", "MODEL", "folder, .gguf file, alias or hash prefix"), NULL,
     "the newest session's", false, GN_TAKES_MODEL},
    {CHOICE("backend", "auto|cpu|cuda", "what computes"), "auto", NULL, false, GN_TAKES_MODEL},
    {CHOICE("numerics", "exact|fast", "exact: f32 throughout; fast: quantised arithmetic"), "fast",
     NULL, false, GN_TAKES_MODEL},
    {INTEGER(0, "threads", "N", 1, 1024, "threads that compute; changes no result"), NULL,
     "every core", false, GN_TAKES_MODEL},
    {INTEGER(0, "ctx", "N", 1, 1e9, "most tokens a sequence may hold"), NULL, "the checkpoint's",
     false, GN_TAKES_MODEL},
    {INTEGER(0, "batch-tokens", "N", 1, 65536, "most tokens in a step; changes no result"), NULL,
     "384 on the CPU, 2048 on a GPU", false, GN_TAKES_MODEL},
    {SIZE("state-mem", "memory for kept states"), "512M", NULL, false, GN_TAKES_MODEL},
    {SIZE("state-disk", "disk for kept states"), "8G", NULL, false, GN_TAKES_MODEL},
    {TEXT(0, "state-dir", "DIR", "where they are kept"), NULL, "the cache folder", false,
     GN_TAKES_MODEL},
    {FLAG("state-verify", "check a saved state when it is read"), "on", NULL, false,
     GN_TAKES_MODEL},

    {NUMBER("temp", "X", 0, 100, "temperature; 0: the likeliest token"), NULL, "the checkpoint's",
     false, GN_TAKES_SAMPLING},
    {INTEGER(0, "top-k", "N", 0, 1e9, "only the N likeliest; 0: off"), NULL, "the checkpoint's",
     false, GN_TAKES_SAMPLING},
    {NUMBER("top-p", "X", 0, 1, "the fewest that have X together; 1: off"), NULL,
     "the checkpoint's", false, GN_TAKES_SAMPLING},
    {NUMBER("min-p", "X", 0, 1, "only those with X times the largest; 0: off"), NULL,
     "the checkpoint's", false, GN_TAKES_SAMPLING},
    {NUMBER("repeat-penalty", "X", 0, 100, "against ids already there; 1: off"), NULL,
     "the checkpoint's", false, GN_TAKES_SAMPLING},
    {INTEGER(0, "seed", "N", 0, ANY_SEED, "of the draws"), NULL, "random", false,
     GN_TAKES_SAMPLING},

    {TEXT('s', "system", "TEXT", "system prompt"), NULL, "the template's", false, GN_TAKES_TEXT},
    {TEXT('p', "prompt", "NAME", "system prompt from the prompts folder"), NULL, "none", false,
     GN_TAKES_TEXT},
    {INTEGER('n', "n", "MAX", 0, 1e9, "most tokens of an answer"), "0", NULL, false, GN_TAKES_TEXT},
    {INTEGER(0, "logprobs", "K", 0, 1e9, "likeliest tokens told with each"), "8", NULL, false,
     GN_TAKES_TEXT},

    {FLAG("markdown", "show markdown"), "on", NULL, false, GN_TAKES_CHAT},
    {FLAG("probs", "colour by probability"), "off", NULL, false, GN_TAKES_CHAT},
    {FLAG("log", "save conversations"), "on", NULL, false, GN_TAKES_CHAT},
    {TEXT(0, "editor", "CMD", "for Ctrl+G"), NULL, "$VISUAL, $EDITOR, vi", true, GN_TAKES_CHAT},

    {TEXT(0, "data", "DIR", "data sets"), NULL, "the data folder", false, GN_TAKES_EVAL},
    {TEXT(0, "judge", "CMD", "program that judges answers"), NULL, "none", true, GN_TAKES_EVAL},

    {TEXT(0, "db", "FILE", "the database"), NULL, "in the data folder", false, GN_TAKES_ALWAYS},
    {CHOICE("color", "auto|always|never", "colours"), "auto", NULL, false, GN_TAKES_ALWAYS},
    {CHOICE("progress", "auto|tty|lines|json|none", "how progress is told, on stderr"), "auto",
     NULL, false, GN_TAKES_ALWAYS},
    {{0, "unicode", NULL, "letters and lines beyond ASCII; auto: as the locale says", GN_TYPE_FLAG,
      0, 0, "auto|on|off"},
     "auto",
     NULL,
     false,
     GN_TAKES_ALWAYS},
    {FLAG("mouse", "listen to the mouse"), "on", NULL, false, GN_TAKES_ALWAYS},
    {FLAG("readonly", "write no database, run no program"), "off", NULL, false, GN_TAKES_ALWAYS},
};
enum { N = sizeof table / sizeof table[0] };

struct gn_settings {
    struct {
        char *text; /* NULL: unset */
        gn_source source;
    } at[N];
    bool forgiving;
    gn_str complaints;
};

const gn_setting *gn_setting_table(int *n) {
    *n = N;
    return table;
}

/* Equal but for "_", which is written "-" in flags. */
static bool same_name(gn_slice a, const char *b) {
    if (a.len != strlen(b))
        return false;
    for (size_t i = 0; i < a.len; i++)
        if ((a.data[i] == '_' ? '-' : a.data[i]) != b[i])
            return false;
    return true;
}

const gn_setting *gn_setting_find(gn_slice name) {
    for (int i = 0; i < N; i++)
        if (same_name(name, table[i].option.name))
            return &table[i];
    return NULL;
}

/* ---- values ------------------------------------------------------------- */

bool gn_parse_size(gn_slice text, size_t *out) {
    int shift = 0;
    int64_t v;
    if (text.len)
        switch (text.data[text.len - 1]) {
        case 'K':
            shift = 10;
            break;
        case 'M':
            shift = 20;
            break;
        case 'G':
            shift = 30;
            break;
        default:
            break;
        }
    if (shift)
        text.len--;
    if (text.len == 0 || text.data[0] < '0' || text.data[0] > '9' || !gn_parse_integer(text, &v) ||
        v < 0 || v > INT64_MAX >> shift)
        return false;
    *out = (size_t)v << shift;
    return true;
}

bool gn_parse_decimal(gn_slice text, double *out) {
    char zero[32];
    if (text.len == 0 || text.data[0] != '.' || text.len > sizeof zero - 1)
        return gn_parse_number(text, out);
    zero[0] = '0';
    memcpy(zero + 1, text.data, text.len);
    return gn_parse_number((gn_slice){zero, text.len + 1}, out);
}

static bool is_choice(const char *choice, gn_slice value) {
    for (const char *p = choice; *p;) {
        const size_t len = strcspn(p, "|");
        if (len == value.len && memcmp(p, value.data, len) == 0)
            return true;
        p += len + (p[len] == '|');
    }
    return false;
}

static bool in_range(const gn_option *o, double v, gn_error *e) {
    char low[32], high[32];
    if ((o->min == 0 && o->max == 0) || (v >= o->min && v <= o->max))
        return true;
    snprintf(low, sizeof low, "%.15g", o->min);
    snprintf(high, sizeof high, "%.15g", o->max);
    return gn_fail(e, GN_INVALID, "%s: want %s to %s, not %.15g", o->name, low, high, v);
}

bool gn_option_check(const gn_option *o, gn_slice value, gn_error *e) {
    const int len = value.len > 60 ? 60 : (int)value.len;
    int64_t integer;
    double number;
    size_t size;
    switch (o->type) {
    case GN_TYPE_TEXT:
        return true;
    case GN_TYPE_FLAG:
        return is_choice(o->choice ? o->choice : "on|off", value) ||
               gn_fail(e, GN_INVALID, "%s: want %s, not '%.*s'", o->name,
                       o->choice ? o->choice : "on or off", len, value.data);
    case GN_TYPE_CHOICE:
        return is_choice(o->choice, value) ||
               gn_fail(e, GN_INVALID, "%s: want one of %s, not '%.*s'", o->name, o->choice, len,
                       value.data);
    case GN_TYPE_INTEGER:
        if (!gn_parse_integer(value, &integer))
            return gn_fail(e, GN_INVALID, "%s: '%.*s' is no integer", o->name, len, value.data);
        return in_range(o, (double)integer, e);
    case GN_TYPE_NUMBER:
        if (!gn_parse_decimal(value, &number))
            return gn_fail(e, GN_INVALID, "%s: '%.*s' is no number", o->name, len, value.data);
        return in_range(o, number, e);
    case GN_TYPE_SIZE:
        return gn_parse_size(value, &size) ||
               gn_fail(e, GN_INVALID, "%s: want bytes or a number with K, M or G, not '%.*s'",
                       o->name, len, value.data);
    }
    return false;
}

/* ---- the nearest name --------------------------------------------------- */

/* Edits (insert, delete, replace, swap of neighbours) from a to b. */
static int distance(gn_slice a, const char *b) {
    enum { MAX = 40 };
    const size_t n = strlen(b);
    int row[3][MAX + 1];
    if (a.len > MAX || n > MAX)
        return MAX;
    for (size_t j = 0; j <= n; j++)
        row[0][j] = (int)j;
    for (size_t i = 1; i <= a.len; i++) {
        int *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= n; j++) {
            const bool same = a.data[i - 1] == b[j - 1];
            int best = up[j - 1] + !same;
            best = up[j] + 1 < best ? up[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a.data[i - 1] == b[j - 2] && a.data[i - 2] == b[j - 1] &&
                up2[j - 2] + 1 < best)
                best = up2[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[a.len % 3][n];
}

void gn_near_try(gn_near *n, const char *candidate) {
    /* What was begun and not ended is nearer than what was mistyped. */
    const bool begun = n->word.len >= 2 && gn_slice_starts(gn_slice_of(candidate), n->word);
    const int d = begun ? 1 : distance(n->word, candidate);
    const int most = n->word.len < 3 ? 1 : 2;
    if (d <= most && (!n->best || d < n->distance)) {
        n->best = candidate;
        n->distance = d;
    }
}

const char *gn_near_hint(const gn_near *n, char *out, size_t size) {
    out[0] = '\0';
    if (n->best)
        snprintf(out, size, "; did you mean '%s'?", n->best);
    return out;
}

/* ---- a set of values ---------------------------------------------------- */

gn_settings *gn_settings_new(gn_error *e) {
    gn_settings *s = calloc(1, sizeof *s);
    for (int i = 0; s && i < N; i++)
        if (table[i].otherwise && !(s->at[i].text = strdup(table[i].otherwise))) {
            gn_settings_free(s);
            s = NULL;
        }
    if (!s)
        gn_fail(e, GN_NO_MEMORY, "settings: out of memory");
    return s;
}

void gn_settings_free(gn_settings *s) {
    if (!s)
        return;
    for (int i = 0; i < N; i++)
        free(s->at[i].text);
    gn_str_release(&s->complaints);
    free(s);
}

void gn_settings_forgive(gn_settings *s) { s->forgiving = true; }

bool gn_settings_forgiven(gn_settings *s, gn_error *e) {
    if (!s->forgiving || e->code == GN_NO_MEMORY)
        return false;
    gn_str_fmt(&s->complaints, "%s%s", s->complaints.len ? "\n" : "", e->message);
    *e = (gn_error){0};
    return true;
}

const char *gn_settings_complaints(const gn_settings *s) { return gn_str_text(&s->complaints); }

static bool unknown(gn_slice name, gn_error *e) {
    char hint[80];
    gn_near near = {.word = name};
    for (int i = 0; i < N; i++)
        gn_near_try(&near, table[i].option.name);
    return gn_fail(e, GN_INVALID, "there is no setting '%.*s'%s",
                   name.len > 60 ? 60 : (int)name.len, name.data,
                   gn_near_hint(&near, hint, sizeof hint));
}

bool gn_settings_set(gn_settings *s, gn_slice name, gn_slice value, gn_source source,
                     const char *where, gn_error *e) {
    const gn_setting *row = gn_setting_find(name);
    bool ok = row ? gn_option_check(&row->option, value, e) : unknown(name, e);
    if (ok && source == GN_SOURCE_PROJECT && row->personal)
        ok = gn_fail(e, GN_INVALID,
                     "'%s' runs a program, so only your own settings may set it, not a project's",
                     row->option.name);
    if (!ok) {
        if (where) {
            gn_context(e, "%s", where);
            gn_where(e, "%s", where);
        }
        return false;
    }
    char *text = gn_strdup_slice(value);
    if (!text)
        return gn_fail(e, GN_NO_MEMORY, "settings: out of memory");
    free(s->at[row - table].text);
    s->at[row - table].text = text;
    s->at[row - table].source = source;
    return true;
}

const char *gn_settings_text(const gn_settings *s, const char *name) {
    const gn_setting *row = gn_setting_find(gn_slice_of(name));
    return s && row ? s->at[row - table].text : NULL;
}

gn_source gn_settings_source(const gn_settings *s, const char *name) {
    const gn_setting *row = gn_setting_find(gn_slice_of(name));
    return s && row ? s->at[row - table].source : GN_SOURCE_DEFAULT;
}

const char *gn_source_name(gn_source source) {
    static const char *const name[] = {"default",     "settings", "project",
                                       "environment", "flag",     "set here"};
    return name[source];
}

bool gn_settings_flag(const gn_settings *s, const char *name) {
    const char *text = gn_settings_text(s, name);
    return text && strcmp(text, "on") == 0;
}

int64_t gn_settings_integer(const gn_settings *s, const char *name, int64_t otherwise) {
    int64_t v;
    const char *text = gn_settings_text(s, name);
    return text && gn_parse_integer(gn_slice_of(text), &v) ? v : otherwise;
}

double gn_settings_number(const gn_settings *s, const char *name, double otherwise) {
    double v;
    const char *text = gn_settings_text(s, name);
    return text && gn_parse_decimal(gn_slice_of(text), &v) ? v : otherwise;
}

size_t gn_settings_size(const gn_settings *s, const char *name, size_t otherwise) {
    size_t v;
    const char *text = gn_settings_text(s, name);
    return text && gn_parse_size(gn_slice_of(text), &v) ? v : otherwise;
}
