/* out.h - the product on stdout: JSON lines and text for people. */
#ifndef GN_APP_OUT_H
#define GN_APP_OUT_H

#include "core/gneiss.h"

/* [1,2,3] */
void gn_out_ids(gn_str *out, const int32_t *id, size_t n);
/* [[id,logprob],...] */
void gn_out_top(gn_str *out, const gn_top *top, int n);
/* "text":"…" of bytes that may be no UTF-8; then also ,"bytes":"<base64>". */
void gn_out_text(gn_str *out, gn_slice bytes);
/* ,"name":value for a number of seconds or the like. */
void gn_out_number(gn_str *out, const char *name, double v);

/* Write the line and a newline to stdout at once, and empty it. GN_IO when that
 * fails (a full disk). */
bool gn_out_line(gn_str *line, gn_error *e);
/* Does a code point of no width of its own steer a terminal or turn a line around? */
bool gn_out_steers(int32_t cp);
/* Text as it may be seen: controls are ^[, bytes that are no UTF-8 \xNN, what steers \u202E;
 * line breaks and tabs stay. Appended. */
void gn_out_visible(gn_str *out, gn_slice text);
/* Text for a person: on a terminal it is made visible, not sent. */
bool gn_out_plain(gn_slice text, bool terminal, gn_error *e);

#endif
