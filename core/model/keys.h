/* keys.h - numbers out of a map of keys, each with its range.
 *
 * What config.json and a GGUF's key-value section have in common. Reading does
 * not stop at the first bad value: the reader remembers it (failed, and the
 * error), goes on with the fallback, and its owner looks once, at the end.
 */
#ifndef GN_MODEL_KEYS_H
#define GN_MODEL_KEYS_H

#include "core/base/value.h"

typedef struct gn_keys {
    const gn_value *map;
    const char *prefix; /* in front of every key: "granite." in a GGUF, "" in JSON */
    gn_str *warnings;   /* may be NULL */
    gn_error *e;
    bool failed;
} gn_keys;

/* The value under prefix + key; NULL when it is not there or is null. */
const gn_value *gn_keys_get(const gn_keys *k, const char *key);

/* The value, or fallback where there is none. Outside [low, high], of another
 * kind or not a number: the reader has failed. The object {"__float__": "Infinity"}
 * that transformers writes is a number. */
int gn_keys_int(gn_keys *k, const char *key, int fallback, int low, int high);
int64_t gn_keys_long(gn_keys *k, const char *key, int64_t fallback, int64_t low, int64_t high);
float gn_keys_float(gn_keys *k, const char *key, float fallback, double low, double high);
bool gn_keys_bool(gn_keys *k, const char *key, bool fallback);
gn_slice gn_keys_text(gn_keys *k, const char *key, const char *fallback);

/* A number as JSON, Python or transformers' __float__ objects spell it. */
bool gn_keys_number(const gn_value *v, double *out);

/* Remember "prefix+key is VALUE: why" unless something failed before; false. */
bool gn_keys_refuse(gn_keys *k, const char *key, const gn_value *v, gn_code code, const char *fmt,
                    ...) __attribute__((format(printf, 5, 6)));
/* Add a line to the warnings. */
void gn_keys_warn(gn_keys *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
