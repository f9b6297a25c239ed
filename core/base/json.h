/* json.h - JSON text to a value and back. Wraps json-c (parsing only). */
#ifndef GN_BASE_JSON_H
#define GN_BASE_JSON_H

#include "core/base/value.h"

/* RFC 8259, plus the literals NaN, Infinity and -Infinity that Python writes.
 * 1 is an integer and 1.0 a number; an integer past 64 bits is a number; of
 * two equal keys the last wins. Nesting deeper than 512, invalid UTF-8 and
 * anything after the value fail with GN_FORMAT and say at which line and column. */
gn_value *gn_json_parse(gn_arena *a, gn_slice text, gn_error *e);

/* Append v as JSON in one line: no white space, keys in order, non-ASCII as it
 * is, only what must be escaped is. Floats shortest-round-trip (1.0 stays 1.0).
 * NaN and infinities as Python writes them. */
void gn_json_write(gn_str *out, const gn_value *v);
/* The same with keys sorted by code point at every depth: what is hashed (spec: canonical JSON). */
void gn_json_write_canonical(gn_str *out, const gn_value *v);
/* Append "text" with quotes and escapes. Invalid UTF-8 becomes U+FFFD, one per maximal part. */
void gn_json_write_string(gn_str *out, gn_slice text);
/* Append an f32 with enough digits to read back the same float (%.9g; null when not finite). */
void gn_json_write_f32(gn_str *out, float v);
void gn_json_write_f64(gn_str *out, double v);

#endif
