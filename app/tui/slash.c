/* slash.c - see slash.h. */
#include "app/tui/slash.h"

#include "app/cli/settings.h"

static const struct {
    const char *name, *argument, *help;
} row[] = {{"", "", ""},
#define X(NAME, name, argument, help) {name, argument, help},
           GN_SLASHES(X)
#undef X
};
enum { N = sizeof row / sizeof row[0] };

const char *gn_slash_name(int i) { return i > 0 && i < N ? row[i].name : NULL; }
const char *gn_slash_help(int i) { return i > 0 && i < N ? row[i].help : ""; }

const char *gn_slash_argument(int i) { return i > 0 && i < N ? row[i].argument : ""; }

gn_slash gn_slash_parse(gn_slice line, gn_slice *argument, gn_error *e) {
    gn_slice word = {line.data, 0};
    while (word.len < line.len && !strchr(" \t\n", line.data[word.len]))
        word.len++;
    *argument = gn_text_strip(gn_slice_from(line, word.len), true, true);
    gn_near near = {.word = word};
    for (int i = 1; i < N; i++) {
        if (gn_slice_is(word, row[i].name) && argument->len > 0 && !row[i].argument[0]) {
            gn_fail(e, GN_INVALID, "%s takes nothing after it, not '%.*s'", row[i].name,
                    argument->len > 40 ? 40 : (int)argument->len, argument->data);
            return GN_SLASH_NONE;
        }
        if (gn_slice_is(word, row[i].name))
            return (gn_slash)i;
        gn_near_try(&near, row[i].name);
    }
    gn_fail(e, GN_INVALID,
            "there is no command %.*s%s%s%s (a message that begins with / is typed //)",
            word.len > 40 ? 40 : (int)word.len, word.data, near.best ? "; did you mean " : "",
            near.best ? near.best : "", near.best ? "?" : "");
    return GN_SLASH_NONE;
}

void gn_slash_text(gn_str *out) {
    for (int i = 1; i < N; i++) {
        gn_str left = {0};
        gn_str_fmt(&left, "%s %s", row[i].name, row[i].argument);
        gn_str_fmt(out, "  %-22s %s\n", gn_str_text(&left), row[i].help);
        gn_str_release(&left);
    }
}
