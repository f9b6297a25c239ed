/* literal.c - a Python literal as text to a value, as ast.literal_eval reads it.
 *
 * Read: strings (with u and r in front, in one or three quotes, side by side),
 * numbers, True, False, None, lists, tuples, dicts. Not read: sets, bytes, complex
 * numbers, integers past 64 bits.
 */
#include "core/base/unicode.h"
#include "core/template/runtime.h"

#include <ctype.h>

enum { MAX_DEPTH = 200 };

typedef struct reader {
    gn_slice s;
    size_t at;
    int depth;
    bool tuples; /* stay tuples, and keys of dicts stay coded */
    gn_arena *a;
    gn_error *e;
} reader;

static gn_value *value(reader *x);

static gn_value *fail(reader *x, const char *why) {
    if (x->e->code == GN_OK)
        gn_fail(x->e, GN_FORMAT, "not a Python literal: %s at byte %zu", why, x->at);
    return NULL;
}

static gn_value *made(reader *x, gn_value *v) {
    if (!v && x->e->code == GN_OK)
        gn_fail(x->e, GN_NO_MEMORY, "out of memory for a literal");
    return v;
}

static char peek(const reader *x) { return x->at < x->s.len ? x->s.data[x->at] : 0; }

static char skip(reader *x) {
    while (x->at < x->s.len && strchr(" \t\f\n\r", x->s.data[x->at]) && x->s.data[x->at])
        x->at++;
    return peek(x);
}

static bool word(reader *x, const char *text) {
    const gn_slice rest = gn_slice_from(x->s, x->at), what = gn_slice_of(text);
    if (!gn_slice_starts(rest, what))
        return false;
    const char after = rest.len > what.len ? rest.data[what.len] : 0;
    if (isalnum((unsigned char)after) || after == '_' || (unsigned char)after >= 0x80)
        return false;
    x->at += what.len;
    return true;
}

/* ---- strings ------------------------------------------------------------ */

static bool add_code(reader *x, gn_str *out, size_t digits, int base) {
    uint32_t cp = 0;
    size_t n = 0;
    for (; n < digits && x->at < x->s.len; n++, x->at++) {
        const int c = tolower((unsigned char)peek(x));
        const int digit = isdigit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
        if (digit >= base)
            break;
        cp = cp * (uint32_t)base + (uint32_t)digit;
    }
    if ((base == 16 && n < digits) || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        return fail(x, "a broken escape");
    char utf8[4];
    gn_str_add(out, (gn_slice){utf8, gn_utf8_put(utf8, (int32_t)cp)});
    return true;
}

/* Behind a backslash. */
static bool escape(reader *x, gn_str *out) {
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char c = peek(x);
    const char *simple = c ? strchr(from, c) : NULL;
    if (c >= '0' && c <= '7')
        return add_code(x, out, 3, 8);
    x->at++;
    if (simple)
        gn_str_putc(out, to[simple - from]);
    else if (c == 'x' || c == 'u' || c == 'U')
        return add_code(x, out, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16);
    else if (c == 'N')
        return fail(x, "\\N{...}");
    else if (c != '\n') {
        gn_str_putc(out, '\\');
        gn_str_putc(out, c);
    }
    return true;
}

static bool one_string(reader *x, gn_str *out) {
    const bool raw = peek(x) == 'r' || peek(x) == 'R';
    if (raw || peek(x) == 'u' || peek(x) == 'U')
        x->at++;
    const char quote = peek(x);
    const char three[] = {quote, quote, quote, 0};
    const bool triple = gn_slice_starts(gn_slice_from(x->s, x->at), gn_slice_of(three));
    x->at += triple ? 3 : 1;
    for (;;) {
        if (x->at >= x->s.len || (!triple && peek(x) == '\n'))
            return fail(x, "a string without its end");
        if (triple ? gn_slice_starts(gn_slice_from(x->s, x->at), gn_slice_of(three))
                   : peek(x) == quote)
            break;
        const char c = x->s.data[x->at++];
        if (c != '\\') {
            gn_str_putc(out, c);
        } else if (raw) {
            gn_str_putc(out, c);
            if (x->at < x->s.len)
                gn_str_putc(out, x->s.data[x->at++]);
        } else if (x->at >= x->s.len || !escape(x, out)) {
            return fail(x, "a string without its end");
        }
    }
    x->at += triple ? 3 : 1;
    return true;
}

static bool at_string(const reader *x) {
    size_t at = x->at;
    if (at < x->s.len && x->s.data[at] && strchr("rRuU", x->s.data[at]))
        at++;
    return at < x->s.len && (x->s.data[at] == '\'' || x->s.data[at] == '"');
}

static gn_value *string(reader *x) {
    gn_str out = {0};
    bool ok = true;
    do {
        ok = one_string(x, &out);
        skip(x);
    } while (ok && at_string(x));
    gn_value *v = NULL;
    if (ok && !out.failed)
        v = made(x, gn_value_string(x->a, gn_str_slice(&out)));
    else if (ok)
        made(x, NULL);
    gn_str_release(&out);
    return v;
}

/* ---- numbers ------------------------------------------------------------ */

static gn_value *based(reader *x, bool negative, int base) {
    uint64_t v = 0;
    const size_t begin = x->at += 2;
    for (; x->at < x->s.len && (isalnum((unsigned char)peek(x)) || peek(x) == '_'); x->at++) {
        const int c = tolower((unsigned char)peek(x));
        const int digit = isdigit(c) ? c - '0' : c - 'a' + 10;
        if (c == '_')
            continue;
        if (digit >= base)
            return fail(x, "a broken number");
        if (v > ((uint64_t)INT64_MAX - (uint64_t)digit) / (uint64_t)base)
            return fail(x, "an integer past 64 bits");
        v = v * (uint64_t)base + (uint64_t)digit;
    }
    if (x->at == begin)
        return fail(x, "a broken number");
    return made(x, gn_value_integer(x->a, negative ? -(int64_t)v : (int64_t)v));
}

/* Python's 1_000, 1., .5 and 1e5 in the plain form that gn_parse_number takes. */
static bool plain_number(reader *x, gn_str *out, bool *real) {
    bool digit = false;
    for (; x->at < x->s.len; x->at++) {
        const char c = peek(x);
        if (isdigit((unsigned char)c)) {
            gn_str_putc(out, c);
            digit = true;
        } else if (c == '_' && digit && x->at + 1 < x->s.len &&
                   isdigit((unsigned char)x->s.data[x->at + 1])) {
            continue;
        } else if (c == '.' && !*real) {
            *real = true;
            if (!digit)
                gn_str_putc(out, '0');
            gn_str_putc(out, c);
            if (x->at + 1 >= x->s.len || !isdigit((unsigned char)x->s.data[x->at + 1])) {
                if (!digit)
                    return false;
                gn_str_putc(out, '0');
            }
        } else if ((c == 'e' || c == 'E') && digit) {
            *real = true;
            gn_str_putc(out, 'e');
            const char sign = x->at + 1 < x->s.len ? x->s.data[x->at + 1] : 0;
            if (sign == '+' || sign == '-') {
                gn_str_putc(out, sign);
                x->at++;
            }
            while (x->at + 1 < x->s.len && isdigit((unsigned char)x->s.data[x->at + 1]))
                gn_str_putc(out, x->s.data[++x->at]);
            x->at++;
            break;
        } else {
            break;
        }
    }
    return digit || *real;
}

static gn_value *number(reader *x) {
    bool negative = false, real = false;
    if (peek(x) == '-' || peek(x) == '+') {
        negative = peek(x) == '-';
        x->at++;
        skip(x);
    }
    if (peek(x) == '0' && x->at + 1 < x->s.len) {
        const int kind = tolower((unsigned char)x->s.data[x->at + 1]);
        if (kind == 'x' || kind == 'o' || kind == 'b')
            return based(x, negative, kind == 'x' ? 16 : kind == 'o' ? 8 : 2);
    }
    gn_str text = {0};
    double d;
    int64_t i;
    if (negative)
        gn_str_putc(&text, '-');
    const bool ok = plain_number(x, &text, &real) && !text.failed;
    const gn_slice digits = gn_slice_from(gn_str_slice(&text), negative);
    const bool octal =
        !real && digits.len > 1 && digits.data[0] == '0' && strspn(digits.data, "0") < digits.len;
    gn_value *v = NULL;
    if (ok && !octal && !real && gn_parse_integer(gn_str_slice(&text), &i))
        v = made(x, gn_value_integer(x->a, i));
    else if (ok && real && gn_parse_number(gn_str_slice(&text), &d))
        v = made(x, gn_value_number(x->a, d));
    gn_str_release(&text);
    const char after = peek(x);
    if (v && (isalpha((unsigned char)after) || after == '_'))
        v = NULL;
    return v ? v : fail(x, "a broken number, or one past 64 bits,");
}

/* ---- containers --------------------------------------------------------- */

static gn_value *list(reader *x) {
    gn_value *v = made(x, gn_value_list(x->a));
    x->at++;
    while (v && skip(x) != ']') {
        if (v->list.count) {
            if (peek(x) != ',')
                return fail(x, "expected ',' or ']'");
            x->at++;
            if (skip(x) == ']')
                break;
        }
        gn_value *item = value(x);
        if (!item || (!gn_value_add(x->a, v, item) && !made(x, NULL)))
            return NULL;
    }
    x->at++;
    return v;
}

static gn_value *tuple(reader *x) {
    gn_value *v = made(x, gn_value_list(x->a));
    bool comma = false;
    x->at++;
    while (v && skip(x) != ')') {
        if (v->list.count && !comma)
            return fail(x, "expected ',' or ')'");
        gn_value *item = value(x);
        if (!item || (!gn_value_add(x->a, v, item) && !made(x, NULL)))
            return NULL;
        comma = skip(x) == ',';
        x->at += comma;
    }
    x->at++;
    if (v && v->list.count == 1 && !comma)
        return v->list.item[0];
    if (v && x->tuples)
        v->kind = GN_TUPLE;
    return v;
}

/* A key that is no string becomes one: as JSON would write it, or coded for a template. */
static bool key_text(reader *x, const gn_value *key, gn_slice *out) {
    gn_str s = {0};
    if (key->kind == GN_STRING) {
        *out = key->string;
        return true;
    }
    if (key->kind == GN_MAP || key->kind == GN_LIST)
        return fail(x, "a key that is neither text nor number");
    gn_print_repr(&s, key);
    const bool ok = !s.failed;
    *out = gn_arena_copy(x->a, gn_str_slice(&s));
    gn_str_release(&s);
    return (ok && out->data) || made(x, NULL);
}

static gn_value *dict(reader *x) {
    gn_value *v = made(x, gn_value_map(x->a));
    bool first = true;
    x->at++;
    while (v && skip(x) != '}') {
        if (!first) {
            if (peek(x) != ',')
                return fail(x, "expected ',' or '}'");
            x->at++;
            if (skip(x) == '}')
                break;
        }
        first = false;
        gn_slice key;
        const gn_value *k = value(x);
        if (!k || !key_text(x, k, &key))
            return NULL;
        if (skip(x) != ':')
            return fail(x, "expected ':'");
        x->at++;
        gn_value *item = value(x);
        if (!item || (!gn_value_set(x->a, v, key, item) && !made(x, NULL)))
            return NULL;
    }
    x->at++;
    return v;
}

static gn_value *one_value(reader *x) {
    const char c = skip(x);
    if (at_string(x))
        return string(x);
    if (isdigit((unsigned char)c) || c == '-' || c == '+' || c == '.')
        return number(x);
    if (c == '[')
        return list(x);
    if (c == '(')
        return tuple(x);
    if (c == '{')
        return dict(x);
    if (word(x, "True"))
        return made(x, gn_value_bool(x->a, true));
    if (word(x, "False"))
        return made(x, gn_value_bool(x->a, false));
    if (word(x, "None"))
        return made(x, gn_value_null(x->a));
    return fail(x, x->at < x->s.len ? "an unexpected character" : "it ends too early");
}

static gn_value *value(reader *x) {
    if (x->depth == MAX_DEPTH)
        return fail(x, "it is nested too deep");
    x->depth++;
    gn_value *v = one_value(x);
    x->depth--;
    return v;
}

gn_value *gn_literal_read(gn_arena *a, gn_slice text, bool tuples, gn_error *e) {
    gn_error mine = {0};
    reader x = {.s = text, .tuples = tuples, .a = a, .e = &mine};
    gn_value *v = value(&x);
    /* a, b is a tuple without its parentheses. */
    if (v && skip(&x) == ',') {
        gn_value *list = made(&x, gn_value_list(a));
        bool ok = list && (gn_value_add(a, list, v) || made(&x, NULL));
        while (ok && skip(&x) == ',') {
            x.at++;
            if (skip(&x) == 0 && x.at >= text.len)
                break;
            v = value(&x);
            ok = v && (gn_value_add(a, list, v) || made(&x, NULL));
        }
        v = ok ? list : NULL;
        if (v && tuples)
            v->kind = GN_TUPLE;
    }
    skip(&x);
    if (v && x.at < text.len)
        v = fail(&x, "something follows it");
    if (!v)
        *e = mine;
    return v;
}

gn_value *gn_literal_parse(gn_arena *a, gn_slice text, gn_error *e) {
    return gn_literal_read(a, text, false, e);
}
