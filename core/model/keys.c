/* keys.c - see keys.h. */
#include "core/model/keys.h"

#include "core/base/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

const gn_value *gn_keys_get(const gn_keys *k, const char *key) {
    char name[160];
    int len = snprintf(name, sizeof name, "%s%s", k->prefix, key);
    if (len < 0 || (size_t)len >= sizeof name)
        return NULL;
    const gn_value *v = gn_value_get(k->map, (gn_slice){name, (size_t)len});
    return gn_value_is(v, GN_NULL) ? NULL : v;
}

bool gn_keys_refuse(gn_keys *k, const char *key, const gn_value *v, gn_code code, const char *fmt,
                    ...) {
    if (k->failed)
        return false;
    k->failed = true;

    char why[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);

    gn_str shown = {0};
    if (v)
        gn_json_write(&shown, v);
    if (shown.len > 60) {
        gn_str_cut(&shown, 57);
        gn_str_puts(&shown, "...");
    }
    gn_fail(k->e, code, "%s%s is %s: %s", k->prefix, key, v ? gn_str_text(&shown) : "missing", why);
    gn_str_release(&shown);
    return false;
}

void gn_keys_warn(gn_keys *k, const char *fmt, ...) {
    if (!k->warnings)
        return;
    char line[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    gn_str_puts(k->warnings, line);
    gn_str_putc(k->warnings, '\n');
}

/* The three numbers JSON has no literal for, by the names Python's json gives them. */
static bool special(gn_slice text, double *out) {
    if (gn_slice_is(text, "Infinity") || gn_slice_is(text, "inf"))
        *out = INFINITY;
    else if (gn_slice_is(text, "-Infinity") || gn_slice_is(text, "-inf"))
        *out = -INFINITY;
    else if (gn_slice_is(text, "NaN") || gn_slice_is(text, "nan"))
        *out = NAN;
    else
        return false;
    return true;
}

bool gn_keys_number(const gn_value *v, double *out) {
    if (gn_value_is(v, GN_MAP))
        return special(gn_value_text(gn_value_get(v, GN_S("__float__"))), out);
    if (gn_value_is(v, GN_STRING))
        return special(gn_value_text(v), out);
    return gn_value_to_number(v, out);
}

int64_t gn_keys_long(gn_keys *k, const char *key, int64_t fallback, int64_t low, int64_t high) {
    const gn_value *v = gn_keys_get(k, key);
    int64_t out;
    if (!v)
        return fallback;
    if (gn_value_is(v, GN_BOOL) || !gn_value_to_integer(v, &out) || out < low || out > high) {
        gn_keys_refuse(k, key, v, GN_FORMAT, "want a whole number from %lld to %lld",
                       (long long)low, (long long)high);
        return fallback;
    }
    return out;
}

int gn_keys_int(gn_keys *k, const char *key, int fallback, int low, int high) {
    return (int)gn_keys_long(k, key, fallback, low, high);
}

float gn_keys_float(gn_keys *k, const char *key, float fallback, double low, double high) {
    const gn_value *v = gn_keys_get(k, key);
    double out;
    if (!v)
        return fallback;
    if (gn_value_is(v, GN_BOOL) || !gn_keys_number(v, &out) || !(out >= low && out <= high)) {
        gn_keys_refuse(k, key, v, GN_FORMAT, "want a number from %g to %g", low, high);
        return fallback;
    }
    return (float)out;
}

bool gn_keys_bool(gn_keys *k, const char *key, bool fallback) {
    const gn_value *v = gn_keys_get(k, key);
    if (!v)
        return fallback;
    if (!gn_value_is(v, GN_BOOL)) {
        gn_keys_refuse(k, key, v, GN_FORMAT, "want true or false");
        return fallback;
    }
    return v->boolean;
}

gn_slice gn_keys_text(gn_keys *k, const char *key, const char *fallback) {
    const gn_value *v = gn_keys_get(k, key);
    if (!v)
        return gn_slice_of(fallback);
    if (!gn_value_is(v, GN_STRING)) {
        gn_keys_refuse(k, key, v, GN_FORMAT, "want text");
        return gn_slice_of(fallback);
    }
    return gn_value_text(v);
}
