/* clipboard.h - text to the clipboards there are: the terminal's, and the desktop's. */
#ifndef GN_TUI_CLIPBOARD_H
#define GN_TUI_CLIPBOARD_H

#include "core/gneiss.h"

/* To the terminal on standard output by OSC 52 (a terminal that does not take it ignores it),
 * and, where programs may be run and a display is there, to wl-copy or xclip. how: what
 * took it. False when nothing did. */
bool gn_clipboard_put(gn_slice text, bool programs, gn_str *how, gn_error *e);
/* "ESC ] 52 ; c ; base64 BEL" appended. */
void gn_clipboard_sequence(gn_slice text, gn_str *out);

#endif
