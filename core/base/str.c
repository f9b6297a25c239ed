/* str.c - see str.h.
 *
 * Numbers neither ask nor obey the locale: digits are picked out of what printf
 * makes, whatever it puts between them, and read back in the C locale.
 */
#include "core/base/str.h"

#include <assert.h>
#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool gn_slice_starts(gn_slice s, gn_slice with) {
    return s.len >= with.len && gn_slice_equal((gn_slice){s.data, with.len}, with);
}

bool gn_slice_ends(gn_slice s, gn_slice with) {
    return s.len >= with.len && gn_slice_equal(gn_slice_from(s, s.len - with.len), with);
}

ptrdiff_t gn_slice_find(gn_slice s, gn_slice what) {
    if (what.len == 0)
        return 0;
    if (what.len > s.len)
        return -1;
    const char *at = memmem(s.data, s.len, what.data, what.len);
    return at ? at - s.data : -1;
}

int gn_slice_compare(gn_slice a, gn_slice b) {
    const size_t shared = a.len < b.len ? a.len : b.len;
    const int order = shared ? memcmp(a.data, b.data, shared) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

char *gn_str_room(gn_str *s, size_t n) {
    if (s->failed)
        return NULL;
    if (n >= SIZE_MAX / 2 - s->len) {
        s->failed = true;
        return NULL;
    }
    const size_t need = s->len + n + 1;
    if (need > s->capacity) {
        size_t capacity = s->capacity ? s->capacity : 32;
        while (capacity < need)
            capacity *= 2;
        char *data = realloc(s->data, capacity);
        if (!data) {
            s->failed = true;
            return NULL;
        }
        s->data = data;
        s->capacity = capacity;
    }
    /* Whatever the caller writes, up to all of the room, an end stands behind it. */
    s->data[s->len] = '\0';
    s->data[s->len + n] = '\0';
    return s->data + s->len;
}

void gn_str_add(gn_str *s, gn_slice text) {
    if (text.len == 0)
        return;
    /* A string may be added to itself: remember where, since it may move. */
    const bool own = s->data && (uintptr_t)text.data >= (uintptr_t)s->data &&
                     (uintptr_t)text.data < (uintptr_t)s->data + s->capacity;
    const size_t at = own ? (size_t)(text.data - s->data) : 0;
    char *room = gn_str_room(s, text.len);
    if (!room)
        return;
    memmove(room, own ? s->data + at : text.data, text.len);
    s->len += text.len;
    s->data[s->len] = '\0';
}

void gn_str_puts(gn_str *s, const char *text) { gn_str_add(s, gn_slice_of(text)); }

void gn_str_putc(gn_str *s, char c) {
    if (s->len + 1 < s->capacity && !s->failed)
        s->data[s->len] = c;
    else {
        char *room = gn_str_room(s, 1);
        if (!room)
            return;
        *room = c;
    }
    s->data[++s->len] = '\0';
}

void gn_str_fmt(gn_str *s, const char *fmt, ...) {
    char small[256];
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    const locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    const locale_t theirs = c ? uselocale(c) : (locale_t)0;

    const int n = vsnprintf(small, sizeof small, fmt, ap);
    if (n < 0 || !c)
        s->failed = true;
    else if ((size_t)n < sizeof small)
        gn_str_add(s, (gn_slice){small, (size_t)n});
    else {
        char *room = gn_str_room(s, (size_t)n);
        if (room) {
            vsnprintf(room, (size_t)n + 1, fmt, again);
            s->len += (size_t)n;
        }
    }
    if (c) {
        uselocale(theirs);
        freelocale(c);
    }
    va_end(again);
    va_end(ap);
}

void gn_str_cut(gn_str *s, size_t len) {
    if (len < s->len) {
        s->len = len;
        s->data[len] = '\0';
    }
}

void gn_str_release(gn_str *s) {
    free(s->data);
    *s = (gn_str){0};
}

bool gn_str_ok(const gn_str *s, gn_error *e) {
    return !s->failed || gn_fail(e, GN_NO_MEMORY, "out of memory after %zu bytes of text", s->len);
}

/* A number's significant digits, d.ddd x 10^exponent; the sign is elsewhere. */
typedef struct decimal {
    char digit[17];
    int count, exponent;
} decimal;

/* v, finite and positive, rounded to `count` digits. */
static decimal round_to(double v, int count) {
    char text[64];
    decimal d = {.count = 0};
    snprintf(text, sizeof text, "%.*e", count - 1, v);
    const char *p = text;
    for (; *p != 'e'; p++)
        if (isdigit((unsigned char)*p) && d.count < count)
            d.digit[d.count++] = *p;
    d.exponent = (int)strtol(p + 1, NULL, 10);
    return d;
}

static double value_of(const decimal *d) {
    char text[40];
    double v = 0;
    const int n =
        snprintf(text, sizeof text, "%.*se%d", d->count, d->digit, d->exponent - (d->count - 1));
    const bool ok = gn_parse_number((gn_slice){text, (size_t)n}, &v);
    assert(ok);
    (void)ok;
    return v;
}

/* The next larger number of as many digits. */
static decimal step_up(decimal d) {
    int i = d.count - 1;
    for (; i >= 0 && d.digit[i] == '9'; i--)
        d.digit[i] = '0';
    if (i >= 0)
        d.digit[i]++;
    else {
        d.digit[0] = '1';
        d.exponent++;
    }
    return d;
}

/* The shortest digits that read back as v, and of those the nearest. 15 digits
 * always survive the way through a normal double, so whatever is shorter shows
 * as zeros at their end; a subnormal holds fewer and is tried from one. Below a
 * power of two the doubles lie twice as dense, so the nearest 16 digits may miss
 * where the next ones up do not. */
static decimal shortest(double v) {
    int half;
    const bool dense_below = frexp(v, &half) == 0.5;
    for (int count = fpclassify(v) == FP_SUBNORMAL ? 1 : 15; count < 17; count++) {
        decimal d = round_to(v, count);
        if (value_of(&d) == v)
            return d;
        if (dense_below) {
            d = step_up(d);
            if (value_of(&d) == v)
                return d;
        }
    }
    return round_to(v, 17);
}

void gn_str_number(gn_str *s, double v) {
    if (isnan(v)) {
        gn_str_puts(s, "nan");
        return;
    }
    if (signbit(v))
        gn_str_putc(s, '-');
    v = fabs(v);
    if (isinf(v)) {
        gn_str_puts(s, "inf");
        return;
    }
    if (v == 0) {
        gn_str_putc(s, '0');
        return;
    }

    decimal d = shortest(v);
    while (d.count > 1 && d.digit[d.count - 1] == '0')
        d.count--;
    const int whole = d.exponent + 1; /* digits before the point */
    if (whole > 16 || whole < -3) {
        gn_str_putc(s, d.digit[0]);
        if (d.count > 1) {
            gn_str_putc(s, '.');
            gn_str_add(s, (gn_slice){d.digit + 1, (size_t)(d.count - 1)});
        }
        gn_str_fmt(s, "e%c%02d", d.exponent < 0 ? '-' : '+', abs(d.exponent));
        return;
    }
    if (whole <= 0)
        gn_str_putc(s, '0');
    for (int i = 0; i < whole; i++)
        gn_str_putc(s, i < d.count ? d.digit[i] : '0');
    if (whole >= d.count)
        return;
    gn_str_putc(s, '.');
    for (int i = whole; i < d.count; i++)
        gn_str_putc(s, i < 0 ? '0' : d.digit[i]);
}

/* Whether text is [-+]digits[.digits][e[-+]digits]; its shape for the short cut below. */
static bool scan_number(gn_slice text, uint64_t *digits, int *n_digits, int *scale) {
    size_t i = 0, first;
    *digits = 0;
    *n_digits = *scale = 0;
    if (i < text.len && (text.data[i] == '-' || text.data[i] == '+'))
        i++;
    for (first = i; i < text.len && isdigit((unsigned char)text.data[i]); i++, (*n_digits)++)
        if (*n_digits < 19)
            *digits = *digits * 10 + (uint64_t)(text.data[i] - '0');
    if (i == first)
        return false;
    if (i < text.len && text.data[i] == '.') {
        for (first = ++i; i < text.len && isdigit((unsigned char)text.data[i]); i++, (*n_digits)++)
            if (*n_digits < 19) {
                *digits = *digits * 10 + (uint64_t)(text.data[i] - '0');
                (*scale)--;
            }
        if (i == first)
            return false;
    }
    if (i < text.len && (text.data[i] == 'e' || text.data[i] == 'E')) {
        int exponent = 0;
        i++;
        const bool minus = i < text.len && text.data[i] == '-';
        if (i < text.len && (text.data[i] == '-' || text.data[i] == '+'))
            i++;
        for (first = i; i < text.len && isdigit((unsigned char)text.data[i]); i++)
            if (exponent < 100000)
                exponent = exponent * 10 + (text.data[i] - '0');
        if (i == first)
            return false;
        *scale += minus ? -exponent : exponent;
    }
    return i == text.len;
}

bool gn_parse_number(gn_slice text, double *out) {
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint64_t digits;
    int n_digits, scale;
    if (!scan_number(text, &digits, &n_digits, &scale))
        return false;
    if (n_digits <= 15 && scale >= -22 && scale <= 22) {
        /* Both operands are exact, so one rounding gives the right answer. */
        const double v = scale < 0 ? (double)digits / power[-scale] : (double)digits * power[scale];
        *out = text.data[0] == '-' ? -v : v;
        return true;
    }

    char small[128], *copy = small;
    if (text.len >= sizeof small) {
        copy = malloc(text.len + 1);
        if (!copy)
            return false;
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    const locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c) {
        *out = strtod_l(copy, NULL, c);
        freelocale(c);
    }
    if (copy != small)
        free(copy);
    return c != (locale_t)0;
}

bool gn_parse_integer(gn_slice text, int64_t *out) {
    size_t i = 0;
    const bool minus = text.len && text.data[0] == '-';
    if (text.len && (text.data[0] == '-' || text.data[0] == '+'))
        i++;
    if (i == text.len)
        return false;
    int64_t v = 0; /* counted downward: the negative range is the larger */
    for (; i < text.len; i++) {
        const int digit = text.data[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_sub_overflow(v, digit, &v))
            return false;
    }
    if (!minus && v == INT64_MIN)
        return false;
    *out = minus ? v : -v;
    return true;
}

char *gn_strdup_slice(gn_slice s) {
    char *copy = malloc(s.len + 1);
    if (!copy)
        return NULL;
    if (s.len)
        memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return copy;
}
