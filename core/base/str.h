/* str.h - a borrowed piece of text, and a byte string that grows.
 *
 * Appending to a gn_str cannot fail on the spot: when memory runs out the
 * string remembers it, drops what comes after and gn_str_ok() says so at the
 * end, once, as ferror() does for a FILE.
 */
#ifndef GN_BASE_STR_H
#define GN_BASE_STR_H

#include "core/base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes borrowed from somebody; no terminator is promised. */
typedef struct gn_slice {
    const char *data;
    size_t len;
} gn_slice;

#define GN_S(literal) ((gn_slice){"" literal, sizeof(literal) - 1})

static inline gn_slice gn_slice_of(const char *text) {
    return (gn_slice){text ? text : "", text ? strlen(text) : 0};
}
static inline bool gn_slice_equal(gn_slice a, gn_slice b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
static inline bool gn_slice_is(gn_slice a, const char *text) {
    return gn_slice_equal(a, gn_slice_of(text));
}
static inline gn_slice gn_slice_from(gn_slice s, size_t first) {
    return first < s.len ? (gn_slice){s.data + first, s.len - first}
                         : (gn_slice){s.data + s.len, 0};
}
/* The next line of *rest, less its newline, off *rest; false when nothing is left. */
static inline bool gn_slice_line(gn_slice *rest, gn_slice *line) {
    const char *end = rest->len ? (const char *)memchr(rest->data, '\n', rest->len) : NULL;
    if (rest->len == 0)
        return false;
    *line = (gn_slice){rest->data, end ? (size_t)(end - rest->data) : rest->len};
    *rest = gn_slice_from(*rest, line->len + (end != NULL));
    return true;
}
bool gn_slice_starts(gn_slice s, gn_slice with);
bool gn_slice_ends(gn_slice s, gn_slice with);
/* Where `what` first stands in s, or -1. An empty `what` stands at 0. */
ptrdiff_t gn_slice_find(gn_slice s, gn_slice what);
/* Byte order, then length; for qsort. */
int gn_slice_compare(gn_slice a, gn_slice b);

/* A growing byte string. Zeroed it is empty; data is NULL or NUL-terminated. */
typedef struct gn_str {
    char *data;
    size_t len, capacity;
    bool failed;
} gn_str;

void gn_str_add(gn_str *s, gn_slice text);
void gn_str_puts(gn_str *s, const char *text);
void gn_str_putc(gn_str *s, char c);
void gn_str_fmt(gn_str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes; NULL if there is none. The caller writes them and adds to len. */
char *gn_str_room(gn_str *s, size_t n);
void gn_str_cut(gn_str *s, size_t len); /* keep the first len bytes */
void gn_str_release(gn_str *s);         /* and zero it */

static inline gn_slice gn_str_slice(const gn_str *s) {
    return (gn_slice){s->data ? s->data : "", s->len};
}
static inline const char *gn_str_text(const gn_str *s) { return s->data ? s->data : ""; }

/* False, and e set, if memory ran out at any time since the string was zeroed. */
bool gn_str_ok(const gn_str *s, gn_error *e);

/* A double as Python's repr() prints it, without the ".0" question: shortest
 * digits that read back the same. Integers come out without a point. */
void gn_str_number(gn_str *s, double v);

/* Decimal text to a number, independent of the locale: [-+]digits[.digits][e[-+]digits].
 * False if text is not exactly that. */
bool gn_parse_number(gn_slice text, double *out);
bool gn_parse_integer(gn_slice text, int64_t *out);

/* malloc'ed NUL-terminated copy, NULL when out of memory; free with free(). */
char *gn_strdup_slice(gn_slice s);

#endif
