/* error.c - see error.h. */
#include "core/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool gn_fail(gn_error *e, gn_code code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->message, sizeof e->message, fmt, ap);
    va_end(ap);
    e->code = code;
    e->where[0] = '\0';
    return false;
}

bool gn_context(gn_error *e, const char *fmt, ...) {
    char outer[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(outer, sizeof outer, fmt, ap);
    va_end(ap);

    size_t outer_len = strlen(outer), room = sizeof e->message - outer_len - sizeof ": ";
    memmove(e->message + outer_len + 2, e->message, room);
    e->message[outer_len + 2 + room] = '\0';
    memcpy(e->message, outer, outer_len);
    memcpy(e->message + outer_len, ": ", 2);
    return false;
}

bool gn_where(gn_error *e, const char *fmt, ...) {
    if (e->where[0])
        return false;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->where, sizeof e->where, fmt, ap);
    va_end(ap);
    return false;
}

const char *gn_code_name(gn_code code) {
    static const char *const name[] = {"ok",          "no_memory", "io",     "format",
                                       "unsupported", "invalid",   "device", "cancelled"};
    return name[code];
}
