/* slash.c - see slash.h. */
#include "app/tui/slash.h"

#include "app/settings.h"

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

gn_slash gn_slash_parse(gn_slice line, gn_slice *argument, gn_error *e) {
    gn_slice word = {line.data, 0};
    while (word.len < line.len && !strchr(" \t\n", line.data[word.len]))
        word.len++;
    *argument = gn_text_strip(gn_slice_from(line, word.len), true, true);
    gn_near near = {.word = word};
    for (int i = 1; i < N; i++) {
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

/* What all candidates seen so far begin with. */
typedef struct common {
    const char *first;
    size_t len;
    int n;
} common;

static void offer(common *c, gn_slice word, const char *candidate, gn_str *choices) {
    if (!gn_slice_starts(gn_slice_of(candidate), word))
        return;
    if (c->n++ == 0) {
        c->first = candidate;
        c->len = strlen(candidate);
    }
    size_t same = 0;
    while (same < c->len && candidate[same] == c->first[same])
        same++;
    c->len = same;
    gn_str_fmt(choices, "%s%s", c->n > 1 ? "  " : "", candidate);
}

bool gn_slash_complete(gn_slice line, gn_str *out, gn_str *choices) {
    size_t first = line.len;
    while (first > 0 && line.data[first - 1] != ' ')
        first--;
    const gn_slice word = gn_slice_from(line, first);
    common c = {0};
    if (line.len == 0 || line.data[0] != '/' || memchr(line.data, '\n', line.len))
        return false;
    if (first == 0)
        for (int i = 1; i < N; i++)
            offer(&c, word, row[i].name, choices);
    else if (gn_slice_is((gn_slice){line.data, first}, "/set ")) {
        int n;
        const gn_setting *setting = gn_setting_table(&n);
        for (int i = 0; i < n; i++)
            offer(&c, word, setting[i].option.name, choices);
    }
    if (c.n == 0)
        return false;
    gn_str_add(out, (gn_slice){line.data, first});
    gn_str_add(out, (gn_slice){c.first, c.len});
    if (c.n == 1) {
        gn_str_putc(out, ' ');
        gn_str_cut(choices, 0);
    }
    return true;
}
