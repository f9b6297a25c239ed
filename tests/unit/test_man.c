/* test_man.c - the tables of gneiss-settings(5) and gneiss-keys(5) are those of the program. */
/* floor: gn_app */
#include "app/cli/settings.h"
#include "app/term/keymap.h"
#include "app/tui/slash.h"
#include "tests/check.h"

/* Text that roff reads as nothing else. */
static void roff(gn_str *out, const char *text) {
    for (const char *p = text; *p; p++)
        if (*p == '\\')
            gn_str_puts(out, "\\e");
        else if (p == text && (*p == '.' || *p == '\''))
            gn_str_fmt(out, "\\&%c", *p);
        else
            gn_str_putc(out, *p);
}

/* A word of a macro's line: no macro and no delimiter, whatever it is called. */
static void word(gn_str *out, const char *text) {
    gn_str_puts(out, "\\&");
    roff(out, text);
}

/* The words of "a b c" as ".Cm \&a , \&b". */
static void list(gn_str *out, const char *text, const char *end) {
    gn_str_puts(out, ".Cm");
    for (const char *p = text; *p;) {
        char one[64];
        const size_t n = strcspn(p, " ");
        snprintf(one, sizeof one, "%.*s", (int)n, p);
        gn_str_puts(out, p == text ? " " : " , ");
        word(out, one);
        p += n + (p[n] == ' ');
    }
    gn_str_fmt(out, " %s\n", end);
}

static void sentence(gn_str *out, const char *text) {
    roff(out, text);
    const size_t n = strlen(text);
    gn_str_puts(out, n && text[n - 1] == '.' ? "\n" : ".\n");
}

/* ---- the tables --------------------------------------------------------- */

static void kind_of(gn_str *out, const gn_option *o) {
    switch (o->type) {
    case GN_TYPE_TEXT:
        gn_str_puts(out, "A text");
        break;
    case GN_TYPE_FLAG:
    case GN_TYPE_CHOICE: {
        gn_str all = {0};
        for (const char *p = o->choice ? o->choice : "on|off"; *p; p++)
            gn_str_putc(&all, *p == '|' ? ' ' : *p);
        gn_str_puts(out, "One of\n");
        list(out, gn_str_text(&all), ";");
        gn_str_release(&all);
        return;
    }
    case GN_TYPE_INTEGER:
    case GN_TYPE_NUMBER:
        gn_str_puts(out, o->type == GN_TYPE_INTEGER ? "An integer" : "A number");
        if (o->min != 0 || o->max != 0)
            gn_str_fmt(out, " from %.15g to %.15g", o->min, o->max);
        break;
    case GN_TYPE_SIZE:
        gn_str_puts(out, "Bytes, or a number with K, M or G (1024)");
        break;
    }
    gn_str_puts(out, ";\n");
}

static void settings(gn_str *out) {
    int n;
    const gn_setting *row = gn_setting_table(&n);
    gn_str_puts(out, ".Bl -tag -width Ds\n");
    for (int i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", row[i].option.name);
        for (char *p = name; *p; p++)
            *p = *p == '-' ? '_' : *p;
        gn_str_puts(out, ".It Ic ");
        word(out, name);
        gn_str_putc(out, '\n');
        sentence(out, row[i].option.help);
        kind_of(out, &row[i].option);
        gn_str_puts(out, "default: ");
        sentence(out, row[i].otherwise ? row[i].otherwise : row[i].unset ? row[i].unset : "none");
        if (row[i].personal)
            gn_str_puts(out, ".Em Personal .\n");
    }
    gn_str_puts(out, ".El\n");
}

static void keys_in(gn_str *out, const gn_keymap *m, const char *view, gn_request r,
                    const char *title) {
    gn_str keys = {0};
    gn_keymap_keys(m, view, r, &keys);
    if (keys.len) {
        gn_str_fmt(out, "%s:\n", title);
        list(out, gn_str_text(&keys), ".");
    }
    gn_str_release(&keys);
}

static void requests(gn_str *out) {
    gn_keymap m;
    gn_error e = {0};
    if (!CHECK(gn_keymap_init(&m, &e)))
        return;
    gn_str_puts(out, ".Bl -tag -width Ds\n");
    for (gn_request r = 1; r < GN_REQUEST_SLASH; r++) {
        gn_str_puts(out, ".It Ic ");
        word(out, gn_request_name(r));
        gn_str_putc(out, '\n');
        sentence(out, gn_request_help(r));
        keys_in(out, &m, "write", r, "Writing");
        keys_in(out, &m, "read", r, "Reading");
        for (int i = 2; gn_keymap_view(i); i++)
            keys_in(out, &m, gn_keymap_view(i), r, gn_keymap_view(i));
    }
    gn_str_puts(out, ".El\n");
    gn_keymap_release(&m);
}

static void views(gn_str *out) {
    gn_str all = {0};
    for (int i = 0; gn_keymap_view(i); i++)
        gn_str_fmt(&all, "%s%s", i ? " " : "", gn_keymap_view(i));
    list(out, gn_str_text(&all), ".");
    gn_str_release(&all);
}

static void commands(gn_str *out) {
    gn_str_puts(out, ".Bl -tag -width Ds\n");
    for (int i = 1; gn_slash_name(i); i++) {
        gn_str_puts(out, ".It Ic ");
        word(out, gn_slash_name(i));
        if (gn_slash_argument(i)[0]) {
            gn_str_puts(out, " Ar ");
            for (const char *p = gn_slash_argument(i); *p;) {
                char one[64];
                const size_t n = strcspn(p, " ");
                snprintf(one, sizeof one, "%.*s", (int)n, p);
                gn_str_puts(out, p == gn_slash_argument(i) ? "" : " ");
                word(out, one);
                p += n + (p[n] == ' ');
            }
        }
        gn_str_putc(out, '\n');
        sentence(out, gn_slash_help(i));
    }
    gn_str_puts(out, ".El\n");
}

/* ---- comparing ---------------------------------------------------------- */

/* What stands in the page between ".\" begin NAME" and ".\" end NAME" must be what make() makes.
 * With GNEISS_MAN=write it is put there instead. */
static void compare(const char *path, const char *name, void (*make)(gn_str *out)) {
    gn_error e = {0};
    gn_str page = {0}, want = {0}, begin = {0}, end = {0};
    gn_str_fmt(&begin, ".\\\" begin %s\n", name);
    gn_str_fmt(&end, ".\\\" end %s\n", name);
    make(&want);
    if (CHECK(gn_file_read(&page, path, 1 << 20, &e))) {
        const ptrdiff_t a = gn_slice_find(gn_str_slice(&page), gn_str_slice(&begin)),
                        b = gn_slice_find(gn_str_slice(&page), gn_str_slice(&end));
        if (CHECK(a >= 0 && b > a)) {
            const size_t from = (size_t)a + begin.len;
            const gn_slice now = {page.data + from, (size_t)b - from};
            const char *mode = getenv("GNEISS_MAN");
            if (mode && strcmp(mode, "write") == 0) {
                gn_str all = {0};
                gn_str_add(&all, (gn_slice){page.data, from});
                gn_str_add(&all, gn_str_slice(&want));
                gn_str_add(&all, gn_slice_from(gn_str_slice(&page), (size_t)b));
                CHECK(gn_file_write(path, gn_str_slice(&all), &e));
                gn_str_release(&all);
            } else if (!CHECK(gn_slice_equal(now, gn_str_slice(&want))))
                printf("  %s: '%s' is not what the program has; write it anew: GNEISS_MAN=write "
                       "build/dev/test_man\n",
                       path, name);
        }
    }
    gn_str_release(&page);
    gn_str_release(&want);
    gn_str_release(&begin);
    gn_str_release(&end);
}

TEST(settings_5_has_the_table_of_settings) { compare("man/gneiss-settings.5", "table", settings); }

TEST(keys_5_has_the_requests_views_and_commands) {
    compare("man/gneiss-keys.5", "requests", requests);
    compare("man/gneiss-keys.5", "views", views);
    compare("man/gneiss-keys.5", "commands", commands);
}
