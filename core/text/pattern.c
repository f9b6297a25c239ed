/* pattern.c - see pattern.h. */
#include "core/text/pattern.h"

#include "core/base/unicode.h"

bool gn_pattern_expression(gn_pattern *p, gn_slice text, gn_error *e) {
    *p = (gn_pattern){.text = text, .is_regex = true, .known = gn_match_known(text)};
    if (!p->known)
        p->regex = gn_regex_new(text, GN_REGEX_PLAIN, false, e);
    return p->known || p->regex;
}

bool gn_pattern_parse(gn_pattern *p, const gn_value *json, gn_arena *a, gn_error *e) {
    const gn_value *string = gn_value_get(json, GN_S("String"));
    const gn_value *regex = gn_value_get(json, GN_S("Regex"));
    const gn_value *given = string ? string : regex;
    if (!gn_value_is(given, GN_STRING))
        return gn_fail(e, GN_UNSUPPORTED, "pattern: neither a String nor a Regex");
    if (given->string.len == 0)
        return gn_fail(e, GN_UNSUPPORTED, "pattern: an empty one matches everywhere");

    const gn_slice text = gn_arena_copy(a, given->string);
    if (!text.data)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    if (regex && !string)
        return gn_pattern_expression(p, text, e);
    *p = (gn_pattern){.text = text};
    return true;
}

void gn_pattern_release(gn_pattern *p) {
    gn_regex_free(p->regex);
    *p = (gn_pattern){0};
}

static bool find(const gn_pattern *p, gn_slice text, size_t from, gn_span *at, bool *found,
                 gn_error *e) {
    if (p->regex)
        return gn_regex_find(p->regex, text, from, at, 1, found, e);
    if (p->known) {
        *found = from < text.len;
        if (*found)
            *at = (gn_span){from, p->known(text, from)};
        return true;
    }
    const ptrdiff_t where = gn_slice_find(gn_slice_from(text, from), p->text);
    *found = where >= 0;
    if (*found)
        *at = (gn_span){from + (size_t)where, from + (size_t)where + p->text.len};
    return true;
}

bool gn_matches_next(gn_matches *m, gn_span *at, bool *found, gn_error *e) {
    for (;;) {
        *found = false;
        if (m->from > m->text.len)
            return true;
        if (!find(m->pattern, m->text, m->from, at, found, e))
            return false;
        if (!*found)
            return true;
        const bool again = at->begin == at->end && m->any && m->last == at->end;
        if (!again)
            break;
        int32_t cp;
        const size_t step = gn_utf8_next(m->text, m->from, &cp);
        m->from += step ? step : 1;
    }
    m->from = m->last = at->end;
    m->any = true;
    return true;
}

bool gn_pattern_replace(const gn_pattern *p, gn_slice text, gn_slice with, gn_str *out,
                        gn_error *e) {
    gn_matches m = {.pattern = p, .text = text};
    size_t kept = 0;
    for (;;) {
        gn_span at;
        bool found;
        if (!gn_matches_next(&m, &at, &found, e))
            return false;
        if (!found)
            break;
        gn_str_add(out, (gn_slice){text.data + kept, at.begin - kept});
        gn_str_add(out, with);
        kept = at.end;
    }
    gn_str_add(out, gn_slice_from(text, kept));
    return gn_str_ok(out, e);
}

void gn_pattern_describe(const gn_pattern *p, gn_str *out) {
    gn_str_fmt(out, " %s %zu:", p->is_regex ? "regex" : "string", p->text.len);
    gn_str_add(out, p->text);
}
