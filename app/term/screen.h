/* screen.h - the terminal: shows a canvas, gives bytes, survives stops and crashes. */
#ifndef GN_TUI_SCREEN_H
#define GN_TUI_SCREEN_H

#include "app/term/canvas.h"

typedef struct gn_screen gn_screen;

/* Takes over the terminal (standard input and output). A handler gives it back before
 * the program dies of a fault. NULL and GN_IO when TERM names nothing that works. */
gn_screen *gn_screen_open(bool color, bool mouse, gn_error *e);
void gn_screen_close(gn_screen *s); /* NULL is fine */
void gn_screen_size(const gn_screen *s, int *rows, int *cols);
void gn_screen_show(gn_screen *s, const gn_canvas *c);
/* Forget what the terminal shows: the next show draws everything. */
void gn_screen_forget(gn_screen *s);
/* The terminal as it was, and taken over again. Between them others may use it. */
void gn_screen_leave(gn_screen *s);
void gn_screen_return(gn_screen *s);
/* Ask the terminal how large it is. True: it changed. */
bool gn_screen_measure(gn_screen *s);

#endif
