/* flag.h - one true or false of tokenizer.json. */
#ifndef GN_TEXT_FLAG_H
#define GN_TEXT_FLAG_H

#include "core/base/value.h"

/* *out = json[name], or `otherwise` where it is absent or null; any other kind is an error. */
static inline bool gn_flag(bool *out, const gn_value *json, const char *name, bool otherwise,
                           gn_error *e) {
    const gn_value *v = gn_value_get(json, gn_slice_of(name));
    *out = otherwise;
    if (!v || gn_value_is(v, GN_NULL))
        return true;
    if (!gn_value_is(v, GN_BOOL))
        return gn_fail(e, GN_FORMAT, "%s: want true or false, found a %s", name,
                       gn_kind_name(v->kind));
    *out = v->boolean;
    return true;
}

#endif
