/* regex.h - regular expressions. Wraps PCRE2 (UTF, UCP, newline LF, JIT where it is).
 *
 * Patterns written for Python's re and for the regex engines of tokenizers
 * are accepted: (?P<name>, \Z, \s without U+180E (and with U+001C-1F where
 * Python is asked for). A match that would backtrack without end fails with
 * GN_UNSUPPORTED rather than hang.
 */
#ifndef GN_BASE_REGEX_H
#define GN_BASE_REGEX_H

#include "core/base/str.h"

typedef struct gn_regex gn_regex;

typedef enum gn_regex_flavour {
    GN_REGEX_PLAIN,  /* \s is Unicode White_Space */
    GN_REGEX_PYTHON, /* \s is also U+001C..001F, $ and \Z as in re, (?P<name>...) */
} gn_regex_flavour;

typedef struct gn_span {
    size_t begin, end; /* bytes; a group that took no part has begin > end */
} gn_span;

/* NULL, and e set with the place in the pattern, if it does not compile. */
gn_regex *gn_regex_new(gn_slice pattern, gn_regex_flavour flavour, bool ignore_case, gn_error *e);
void gn_regex_free(gn_regex *r);
int gn_regex_groups(const gn_regex *r); /* without group 0 */

/* The first match at or after byte `from`. Fills span[0..n) (group 0 is the
 * whole match). *found tells; false only when e is set. text is valid UTF-8 (looked
 * at when `from` is 0) and `from` stands between characters.
 * Not safe for two threads on one gn_regex. */
bool gn_regex_find(gn_regex *r, gn_slice text, size_t from, gn_span *span, int n, bool *found,
                   gn_error *e);

/* The match after the one in span[0], as Python's finditer and findall go on: an
 * empty one is not found twice, yet a longer one may begin where it stood. */
bool gn_regex_next(gn_regex *r, gn_slice text, gn_span *span, int n, bool *found, gn_error *e);

/* Python's re.sub(pattern, replacement, text, count): \1 \g<1> \g<name> \n \\ in
 * the replacement; count 0 is all. Appends to out. */
bool gn_regex_sub(gn_regex *r, gn_slice text, gn_slice replacement, int count, gn_str *out,
                  gn_error *e);

/* Python's re.escape. */
void gn_regex_escape(gn_str *out, gn_slice text);

#endif
