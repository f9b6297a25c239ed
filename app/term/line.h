/* line.h - the line being written: readline, with our own eyes and hands.
 *
 * Readline edits; it neither reads a terminal nor writes to one. Bytes are given
 * to it, and whoever draws asks for text and cursor. There is one line, as there
 * is one readline. ~/.inputrc counts, but cursor and deletes step over whole
 * grapheme clusters. A line break is a character like others.
 */
#ifndef GN_APP_LINE_H
#define GN_APP_LINE_H

#include "core/gneiss.h"

/* Before the screen is opened: readline asks the terminal's description first. */
bool gn_line_open(gn_error *e);
void gn_line_close(void);

void gn_line_type(gn_slice bytes);  /* keys as the terminal sends them */
void gn_line_insert(gn_slice text); /* at the cursor, as it is; undone in one step */
void gn_line_set(gn_slice text);    /* instead of what is there; the cursor at its end */
/* Something else where so many bytes stand at `at`; the cursor stays where it is in the rest. */
void gn_line_replace(size_t at, size_t bytes, gn_slice text);
gn_slice gn_line_text(void);      /* until the next call */
size_t gn_line_point(void);       /* the cursor, in bytes */
const char *gn_line_prompt(void); /* "(reverse-i-search)..." while readline asks; else NULL */
/* Enter was accepted: its text is appended to out, and the line is empty. */
bool gn_line_taken(gn_str *out);
void gn_line_accept(void); /* as Enter does */

/* The line above or below; on the first or last, history. */
void gn_line_up(void);
void gn_line_down(void);
void gn_line_remember(gn_slice text); /* into history */

#endif
