/* text.c - pieces of Python's str that filters and methods share. */
#include "core/base/unicode.h"
#include "core/template/runtime.h"

#include <ctype.h>
#include <math.h>

bool gn_grow(gn_render *r, gn_growing *g, gn_value *v) {
    if (!v)
        return false;
    if (g->count == g->capacity) {
        const size_t room = g->capacity ? 2 * g->capacity : 8;
        gn_value **item = gn_render_alloc(r, room * sizeof *item);
        if (!item)
            return false;
        if (g->count)
            memcpy(item, g->item, g->count * sizeof *item);
        g->item = item;
        g->capacity = room;
    }
    g->item[g->count++] = v;
    return true;
}

/* ---- arguments ---------------------------------------------------------- */

bool gn_arg_true(gn_render *r, const gn_value *v, bool otherwise, bool *out) {
    *out = otherwise;
    return !v || gn_truth(r, v, out);
}

bool gn_arg_integer(gn_render *r, const gn_value *v, int64_t otherwise, int64_t *out) {
    *out = otherwise;
    if (!v)
        return true;
    if (v->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, v);
    if (!gn_is_integer(v))
        return gn_render_fail(r, GN_INVALID, "an argument must be an integer, not a %s",
                              gn_type_name(v));
    *out = gn_integer_of(v);
    return true;
}

bool gn_arg_text(gn_render *r, const gn_value *v, gn_slice otherwise, gn_slice *out) {
    *out = otherwise;
    if (!v)
        return true;
    if (v->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, v);
    if (!gn_is_text(v))
        return gn_render_fail(r, GN_INVALID, "an argument must be a str, not a %s",
                              gn_type_name(v));
    *out = v->string;
    return true;
}

/* ---- texts -------------------------------------------------------------- */

static bool fits(gn_render *r, const gn_str *out) {
    return out->len <= GN_MAX_OUTPUT ||
           gn_render_fail(r, GN_INVALID, "a text of more than %d MiB", GN_MAX_OUTPUT >> 20);
}

/* An empty `from` stands before every character and at the end. */
static bool interleave(gn_render *r, gn_str *out, gn_slice s, gn_slice to, int64_t count) {
    size_t at = 0;
    for (int64_t done = 0; count < 0 || done < count; done++) {
        int32_t cp;
        gn_str_add(out, to);
        const size_t n = gn_utf8_next(s, at, &cp);
        if (!n)
            return fits(r, out);
        gn_str_add(out, (gn_slice){s.data + at, n});
        at += n;
        if (!fits(r, out))
            return false;
    }
    gn_str_add(out, gn_slice_from(s, at));
    return fits(r, out);
}

bool gn_python_replace(gn_render *r, gn_str *out, gn_slice s, gn_slice from, gn_slice to,
                       int64_t count) {
    if (!gn_render_tick(r, s.len / 64))
        return false;
    if (from.len == 0)
        return interleave(r, out, s, to, count);
    for (int64_t done = 0; count < 0 || done < count; done++) {
        const ptrdiff_t at = gn_slice_find(s, from);
        if (at < 0)
            break;
        gn_str_add(out, (gn_slice){s.data, (size_t)at});
        gn_str_add(out, to);
        s = gn_slice_from(s, (size_t)at + from.len);
        if (!fits(r, out))
            return false;
    }
    gn_str_add(out, s);
    return fits(r, out);
}

/* Where the last character of s begins. */
static size_t last_character(gn_slice s) {
    size_t at = s.len - 1;
    while (at > 0 && ((unsigned char)s.data[at] & 0xC0) == 0x80)
        at--;
    return at;
}

gn_slice gn_python_strip(gn_slice s, const gn_slice *chars, bool left, bool right) {
    if (!chars)
        return gn_text_strip(s, left, right);
    int32_t cp;
    while (left && s.len) {
        const size_t n = gn_utf8_next(s, 0, &cp);
        if (gn_slice_find(*chars, (gn_slice){s.data, n}) < 0)
            break;
        s = gn_slice_from(s, n);
    }
    while (right && s.len) {
        const size_t at = last_character(s);
        if (gn_slice_find(*chars, gn_slice_from(s, at)) < 0)
            break;
        s.len = at;
    }
    return s;
}

static bool ends_line(int32_t cp) {
    return (cp >= '\n' && cp <= '\r') || (cp >= 0x1C && cp <= 0x1E) || cp == 0x85 || cp == 0x2028 ||
           cp == 0x2029;
}

bool gn_python_lines(gn_render *r, gn_slice s, bool keep, gn_value ***item, size_t *count) {
    gn_growing lines = {0};
    for (size_t at = 0; at < s.len;) {
        const size_t begin = at;
        size_t end = at, n = 0;
        int32_t cp = 0;
        while ((n = gn_utf8_next(s, at, &cp)) && !ends_line(cp))
            at += n;
        end = at;
        at += n;
        if (cp == '\r' && at < s.len && s.data[at] == '\n')
            at++;
        const gn_slice line = {s.data + begin, (keep ? at : end) - begin};
        if (!gn_grow(r, &lines, gn_make_borrow(r, line)))
            return false;
    }
    *item = lines.item;
    *count = lines.count;
    return gn_render_tick(r, s.len / 64 + lines.count);
}

/* ---- numbers in texts --------------------------------------------------- */

bool gn_python_integer(gn_slice text, int base, int64_t *out, bool *wide) {
    gn_slice s = gn_text_strip(text, true, true);
    bool negative = false, digit_before = false;
    uint64_t v = 0;
    *wide = false;
    if (s.len && (s.data[0] == '-' || s.data[0] == '+')) {
        negative = s.data[0] == '-';
        s = gn_slice_from(s, 1);
    }
    if (s.len > 1 && s.data[0] == '0') {
        const int kind = tolower((unsigned char)s.data[1]);
        const int of = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
        if (of && (base == of || base == 0)) {
            base = of;
            s = gn_slice_from(s, 2);
            digit_before = true; /* 0x_1 is a number */
        }
    }
    const bool automatic = base == 0;
    base = automatic ? 10 : base;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        const int c = tolower((unsigned char)s.data[i]);
        if (c == '_' && digit_before && i + 1 < s.len) {
            digit_before = false;
            continue;
        }
        const int digit = isdigit(c) ? c - '0' : c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
        if (digit >= base || (automatic && i == 1 && s.data[0] == '0' && digit))
            return false;
        digit_before = true;
        if (v > (UINT64_MAX - (uint64_t)digit) / (uint64_t)base)
            *wide = true;
        v = v * (uint64_t)base + (uint64_t)digit;
    }
    if (!digit_before)
        return false;
    *wide |= v > (uint64_t)INT64_MAX + negative;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

static bool same_word(gn_slice s, const char *word) {
    if (s.len != strlen(word))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (tolower((unsigned char)s.data[i]) != word[i])
            return false;
    return true;
}

/* Python takes 1_000, .5 and 1. where gn_parse_number does not. */
bool gn_python_number(gn_slice text, double *out) {
    gn_slice s = gn_text_strip(text, true, true);
    const bool sign = s.len && (s.data[0] == '-' || s.data[0] == '+');
    const double one = sign && s.data[0] == '-' ? -1.0 : 1.0;
    s = gn_slice_from(s, sign);
    if (same_word(s, "inf") || same_word(s, "infinity") || same_word(s, "nan")) {
        *out = tolower((unsigned char)s.data[0]) == 'n' ? NAN : one * INFINITY;
        return true;
    }
    gn_str plain = {0};
    bool ok = s.len > 0;
    for (size_t i = 0; ok && i < s.len; i++) {
        const char c = s.data[i], before = i ? s.data[i - 1] : 0;
        const char after = i + 1 < s.len ? s.data[i + 1] : 0;
        if (c == '_') {
            ok = isdigit((unsigned char)before) && isdigit((unsigned char)after);
        } else if (c == '.') {
            const bool left = isdigit((unsigned char)before), right = isdigit((unsigned char)after);
            ok = left || right;
            gn_str_puts(&plain, left && right ? "." : left ? ".0" : "0.");
        } else {
            ok = isdigit((unsigned char)c) || (c | 32) == 'e' || c == '+' || c == '-';
            gn_str_putc(&plain, c);
        }
    }
    ok = ok && plain.len && isdigit((unsigned char)plain.data[0]) &&
         gn_parse_number(gn_str_slice(&plain), out);
    gn_str_release(&plain);
    if (ok)
        *out *= one;
    return ok;
}
