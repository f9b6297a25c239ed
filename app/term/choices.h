/* choices.h - candidates for the word at the cursor, each with a line of help. */
#ifndef GN_TUI_CHOICES_H
#define GN_TUI_CHOICES_H

#include "core/gneiss.h"

typedef struct gn_choice {
    char *text, *help; /* malloc'ed; help may be "" */
    bool open;         /* what it names goes on: a folder */
} gn_choice;

/* Zeroed but for word it is empty. */
typedef struct gn_choices {
    gn_slice word; /* what they must begin with; borrowed */
    gn_choice *choice;
    size_t count, room;
} gn_choices;

/* Kept if it begins with the word. Of help only the first line. */
void gn_choices_add(gn_choices *c, gn_slice text, gn_slice help, bool open);
void gn_choices_sort(gn_choices *c);
/* Bytes that all have in common. */
size_t gn_choices_common(const gn_choices *c);
/* One a line with its help, at most `rows` lines; names alone where there are few columns. */
void gn_choices_text(const gn_choices *c, int rows, int cols, gn_str *out);
void gn_choices_release(gn_choices *c);

/* Files of the folder that the word names, and folders; "~/" is home. */
void gn_choices_paths(gn_choices *c);

#endif
