/* choices.c - see choices.h. */
#include "app/term/choices.h"

#include "app/term/wrap.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static gn_slice first_line(gn_slice s) {
    s = gn_text_strip(s, true, true);
    const char *end = memchr(s.data, '\n', s.len);
    return end ? (gn_slice){s.data, (size_t)(end - s.data)} : s;
}

void gn_choices_add(gn_choices *c, gn_slice text, gn_slice help, bool open) {
    if (!gn_slice_starts(text, c->word) ||
        !gn_vec_reserve(&c->choice, &c->room, c->count + 1, sizeof *c->choice))
        return;
    gn_choice one = {gn_strdup_slice(text), gn_strdup_slice(first_line(help)), open};
    if (one.text && one.help)
        c->choice[c->count++] = one;
    else {
        free(one.text);
        free(one.help);
    }
}

static int by_text(const void *a, const void *b) {
    return strcmp(((const gn_choice *)a)->text, ((const gn_choice *)b)->text);
}

void gn_choices_sort(gn_choices *c) {
    if (c->count > 1)
        qsort(c->choice, c->count, sizeof *c->choice, by_text);
}

size_t gn_choices_common(const gn_choices *c) {
    size_t same = c->count ? strlen(c->choice[0].text) : 0;
    for (size_t i = 1; i < c->count; i++) {
        size_t n = 0;
        while (n < same && c->choice[i].text[n] == c->choice[0].text[n])
            n++;
        same = n;
    }
    /* Whole characters. */
    return same - (c->count > 1 ? gn_utf8_partial((gn_slice){c->choice[0].text, same}) : 0);
}

/* Room for a person to read. */
enum { HELP_COLUMNS = 50, NAME_MOST = 40 };

static void one_line(const gn_choice *c, int name, int cols, gn_str *out) {
    const int used = gn_columns(gn_slice_of(c->text));
    gn_str_puts(out, c->text);
    if (c->help[0] == '\0' || cols < HELP_COLUMNS)
        return;
    int col = used;
    while (col < name + 2 || col < used + 2) {
        gn_str_putc(out, ' ');
        col++;
    }
    const gn_slice help = gn_slice_of(c->help);
    for (size_t i = 0; i < help.len;) {
        const gn_shown s = gn_show(help, i, col);
        if (col + s.columns > cols)
            break;
        gn_str_add(out, (gn_slice){help.data + i, s.bytes});
        col += s.columns;
        i += s.bytes;
    }
}

void gn_choices_text(const gn_choices *c, int rows, int cols, gn_str *out) {
    int name = 0;
    const bool names = cols < HELP_COLUMNS;
    for (size_t i = 0; i < c->count; i++) {
        const int n = gn_columns(gn_slice_of(c->choice[i].text));
        name = n > name ? n : name;
    }
    name = name > NAME_MOST ? NAME_MOST : name;
    rows = rows < 1 ? 1 : rows;
    for (size_t i = 0; i < c->count; i++) {
        if (!names && (int)i + 1 == rows && c->count > (size_t)rows) {
            gn_str_fmt(out, "\n... %zu more", c->count - i);
            return;
        }
        gn_str_puts(out, i == 0 ? "" : names ? "  " : "\n");
        one_line(&c->choice[i], name, cols, out);
    }
}

void gn_choices_release(gn_choices *c) {
    for (size_t i = 0; i < c->count; i++) {
        free(c->choice[i].text);
        free(c->choice[i].help);
    }
    free(c->choice);
    *c = (gn_choices){0};
}

/* ---- paths -------------------------------------------------------------- */

static void add_file(gn_choices *c, gn_slice folder, const char *name, const char *path) {
    struct stat st;
    char help[48] = "";
    gn_str text = {0};
    const bool there = stat(path, &st) == 0, is_folder = there && S_ISDIR(st.st_mode);
    gn_str_add(&text, folder);
    gn_str_fmt(&text, "%s%s", name, is_folder ? "/" : "");
    if (is_folder)
        snprintf(help, sizeof help, "folder");
    else if (there)
        snprintf(help, sizeof help, "%lld bytes", (long long)st.st_size);
    gn_choices_add(c, gn_str_slice(&text), gn_slice_of(help), is_folder);
    gn_str_release(&text);
}

void gn_choices_paths(gn_choices *c) {
    size_t slash = c->word.len;
    while (slash > 0 && c->word.data[slash - 1] != '/')
        slash--;
    const gn_slice folder = {c->word.data, slash}, begun = gn_slice_from(c->word, slash);
    const char *home = getenv("HOME");
    gn_str path = {0};
    if (gn_slice_starts(folder, GN_S("~/")) && home) {
        gn_str_puts(&path, home);
        gn_str_add(&path, gn_slice_from(folder, 1));
    } else
        gn_str_add(&path, slash ? folder : GN_S("./"));
    const size_t n = path.len;
    DIR *dir = path.failed ? NULL : opendir(gn_str_text(&path));
    for (const struct dirent *d; dir && (d = readdir(dir));) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
            (d->d_name[0] == '.' && (begun.len == 0 || begun.data[0] != '.')) ||
            !gn_slice_starts(gn_slice_of(d->d_name), begun))
            continue;
        gn_str_cut(&path, n);
        gn_str_puts(&path, d->d_name);
        add_file(c, folder, d->d_name, gn_str_text(&path));
    }
    if (dir)
        closedir(dir);
    gn_str_release(&path);
    gn_choices_sort(c);
}
