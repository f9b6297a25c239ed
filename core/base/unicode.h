/* unicode.h - UTF-8, character classes, widths. Wraps utf8proc. */
#ifndef GN_BASE_UNICODE_H
#define GN_BASE_UNICODE_H

#include "core/base/str.h"

/* One code point of s at byte i: sets *cp, returns the bytes it takes (1..4).
 * Invalid UTF-8: *cp = -1 and the length of the maximal ill-formed part
 * (Unicode 3.9, what Python's errors="replace" swallows for one U+FFFD).
 * 0 at the end. */
size_t gn_utf8_next(gn_slice s, size_t i, int32_t *cp);
/* Bytes written to out (room for 4). */
size_t gn_utf8_put(char *out, int32_t cp);
bool gn_utf8_valid(gn_slice s);
/* s with every maximal ill-formed part replaced by U+FFFD. */
void gn_utf8_repair(gn_str *out, gn_slice s);
/* Bytes at the end of s that begin a character but do not end it (0..3). */
size_t gn_utf8_partial(gn_slice s);
size_t gn_utf8_count(gn_slice s); /* code points */

bool gn_is_letter(int32_t cp);       /* \p{L} */
bool gn_is_number(int32_t cp);       /* \p{N}: Nd, Nl, No */
bool gn_is_space(int32_t cp);        /* Unicode White_Space */
bool gn_is_space_python(int32_t cp); /* str.isspace: the same and U+001C..001F */
bool gn_is_punctuation(int32_t cp);  /* \p{P} */
const char *gn_category(int32_t cp); /* "Lu", "Nd", ... */

int32_t gn_lower(int32_t cp);
int32_t gn_upper(int32_t cp);
/* Python's str.lower, upper, title, capitalize, whole strings (ß -> SS; final sigma). */
void gn_text_lower(gn_str *out, gn_slice s);
void gn_text_upper(gn_str *out, gn_slice s);
void gn_text_title(gn_str *out, gn_slice s);
void gn_text_capitalize(gn_str *out, gn_slice s);
/* str.strip, lstrip, rstrip of white space. */
gn_slice gn_text_strip(gn_slice s, bool left, bool right);

/* Normalisation. False, and e set, when out of memory. */
bool gn_text_nfc(gn_str *out, gn_slice s, gn_error *e);
bool gn_text_nfkc(gn_str *out, gn_slice s, gn_error *e);
bool gn_text_nfd(gn_str *out, gn_slice s, gn_error *e);
bool gn_text_nfkd(gn_str *out, gn_slice s, gn_error *e);

/* Columns a terminal gives a code point: 0 (combining, control), 1 or 2. Ambiguous is 1. */
int gn_width(int32_t cp);
/* Bytes of the grapheme cluster that begins at byte i; its columns in *width. */
size_t gn_grapheme_next(gn_slice s, size_t i, int *width);

#endif
