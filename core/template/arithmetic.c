/* arithmetic.c - Python's operators on numbers, texts and lists.
 *
 * Integers are 64 bits wide; a result that is wider is an error, never wrong.
 */
#include "core/template/runtime.h"

#include <math.h>

static gn_value *too_wide(gn_render *r, const char *sign) {
    return gn_render_fail(r, GN_UNSUPPORTED, "the result of '%s' is wider than 64 bits", sign);
}

static const char *sign_of(char op, char room[2]) {
    room[0] = op;
    room[1] = 0;
    return op == 'f' ? "//" : op == 'p' ? "**" : room;
}

static gn_value *no_such(gn_render *r, char op, const gn_value *a, const gn_value *b) {
    char room[2];
    return gn_render_fail(r, GN_INVALID, "'%s' does not work on a %s and a %s", sign_of(op, room),
                          gn_type_name(a), gn_type_name(b));
}

/* ---- numbers ------------------------------------------------------------ */

static gn_value *integer_power(gn_render *r, int64_t base, int64_t exponent) {
    int64_t out = 1;
    for (;;) {
        if ((exponent & 1) && __builtin_mul_overflow(out, base, &out))
            return too_wide(r, "**");
        exponent >>= 1;
        if (!exponent)
            return gn_make_integer(r, out);
        if (__builtin_mul_overflow(base, base, &base))
            return too_wide(r, "**");
    }
}

static gn_value *number_power(gn_render *r, double a, double b) {
    if (a == 0 && b < 0)
        return gn_render_fail(r, GN_INVALID, "zero cannot be raised to a negative power");
    if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b))
        return gn_render_fail(r, GN_UNSUPPORTED, "a negative number to a broken power is complex");
    const double out = pow(a, b);
    if (isinf(out) && isfinite(a) && isfinite(b))
        return gn_render_fail(r, GN_INVALID, "the result of '**' is too large");
    return gn_make_number(r, out);
}

static gn_value *integers(gn_render *r, char op, int64_t a, int64_t b) {
    int64_t out;
    bool wide = false;
    char room[2];
    if (b == 0 && (op == '/' || op == 'f' || op == '%'))
        return gn_render_fail(r, GN_INVALID, "division by zero");
    switch (op) {
    case '+':
        wide = __builtin_add_overflow(a, b, &out);
        break;
    case '-':
        wide = __builtin_sub_overflow(a, b, &out);
        break;
    case '*':
        wide = __builtin_mul_overflow(a, b, &out);
        break;
    case '/':
        return gn_make_number(r, (double)((long double)a / (long double)b));
    case 'f':
        wide = b == -1 && a == INT64_MIN;
        out = wide ? 0 : a / b - (b != -1 && a % b != 0 && (a < 0) != (b < 0));
        break;
    case '%':
        out = b == -1 ? 0 : a % b;
        if (out != 0 && (out < 0) != (b < 0))
            out += b;
        break;
    default:
        return b < 0 ? number_power(r, (double)a, (double)b) : integer_power(r, a, b);
    }
    return wide ? too_wide(r, sign_of(op, room)) : gn_make_integer(r, out);
}

/* The remainder has the divisor's sign; the quotient fits it. */
static double floor_divide(double a, double b, double *remainder) {
    double rest = fmod(a, b), quotient = (a - rest) / b;
    if (rest == 0) {
        rest = copysign(0.0, b);
    } else if ((b < 0) != (rest < 0)) {
        rest += b;
        quotient -= 1;
    }
    *remainder = rest;
    if (quotient == 0)
        return copysign(0.0, a / b);
    const double whole = floor(quotient);
    return quotient - whole > 0.5 ? whole + 1 : whole;
}

static gn_value *numbers(gn_render *r, char op, double a, double b) {
    double rest, whole;
    if (b == 0 && (op == '/' || op == 'f' || op == '%'))
        return gn_render_fail(r, GN_INVALID, "division by zero");
    switch (op) {
    case '+':
        return gn_make_number(r, a + b);
    case '-':
        return gn_make_number(r, a - b);
    case '*':
        return gn_make_number(r, a * b);
    case '/':
        return gn_make_number(r, a / b);
    case 'f':
    case '%':
        whole = floor_divide(a, b, &rest);
        return gn_make_number(r, op == 'f' ? whole : rest);
    default:
        return number_power(r, a, b);
    }
}

/* ---- texts and lists ---------------------------------------------------- */

/* Markup stays markup by escaping what is added to it. */
static void add_text(gn_str *out, const gn_value *v, bool markup) {
    if (markup && v->kind != GN_MARKUP)
        gn_print_escaped(out, v->string);
    else
        gn_str_add(out, v->string);
}

static gn_value *concat(gn_render *r, gn_value *a, gn_value *b) {
    if (gn_is_text(a) && gn_is_text(b)) {
        const bool markup = a->kind == GN_MARKUP || b->kind == GN_MARKUP;
        gn_str out = {0};
        add_text(&out, a, markup);
        add_text(&out, b, markup);
        return gn_make_take(r, &out, a->kind == GN_MARKUP ? a : b);
    }
    if (!gn_is_listlike(a) || a->kind != b->kind)
        return no_such(r, '+', a, b);
    const size_t n = a->list.count + b->list.count;
    gn_value **item = gn_render_alloc(r, n * sizeof *item);
    if (!item || !gn_render_tick(r, n))
        return NULL;
    if (a->list.count)
        memcpy(item, a->list.item, a->list.count * sizeof *item);
    if (b->list.count)
        memcpy(item + a->list.count, b->list.item, b->list.count * sizeof *item);
    return gn_make_list(r, a->kind, item, n);
}

static gn_value *repeat(gn_render *r, const gn_value *v, int64_t times) {
    const size_t size = gn_is_text(v) ? v->string.len : v->list.count;
    if (times < 0 || size == 0)
        times = 0;
    if (times > 0 && size > (size_t)GN_MAX_OUTPUT / (size_t)times)
        return gn_render_fail(r, GN_INVALID, "'*' would make more than %d MiB",
                              GN_MAX_OUTPUT >> 20);
    if (gn_is_text(v)) {
        gn_str out = {0};
        for (int64_t i = 0; i < times; i++)
            gn_str_add(&out, v->string);
        return gn_make_take(r, &out, v);
    }
    const size_t n = size * (size_t)times;
    gn_value **item = gn_render_alloc(r, n * sizeof *item);
    if (!item || !gn_render_tick(r, n))
        return NULL;
    for (size_t i = 0; i < n; i++)
        item[i] = v->list.item[i % size];
    return gn_make_list(r, v->kind, item, n);
}

/* ---- the operators ------------------------------------------------------ */

gn_value *gn_binary(gn_render *r, char op, gn_value *a, gn_value *b) {
    if (op == '%' && gn_is_text(a))
        return gn_format_percent(r, a, b);
    if (a->kind == GN_UNDEFINED || b->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, a->kind == GN_UNDEFINED ? a : b);
    if (gn_is_integer(a) && gn_is_integer(b))
        return integers(r, op, gn_integer_of(a), gn_integer_of(b));
    if (gn_is_numeric(a) && gn_is_numeric(b))
        return numbers(r, op, gn_number_of(a), gn_number_of(b));
    if (op == '+')
        return concat(r, a, b);
    if (op == '*' && gn_is_integer(b) && (gn_is_text(a) || gn_is_listlike(a)))
        return repeat(r, a, gn_integer_of(b));
    if (op == '*' && gn_is_integer(a) && (gn_is_text(b) || gn_is_listlike(b)))
        return repeat(r, b, gn_integer_of(a));
    return no_such(r, op, a, b);
}

gn_value *gn_unary(gn_render *r, char op, const gn_value *a) {
    if (a->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, a);
    if (!gn_is_numeric(a))
        return gn_render_fail(r, GN_INVALID, "'%c' does not work on a %s", op, gn_type_name(a));
    if (a->kind == GN_NUMBER)
        return gn_make_number(r, op == '-' ? -a->number : a->number);
    const int64_t v = gn_integer_of(a);
    if (op == '-' && v == INT64_MIN)
        return too_wide(r, "-");
    return gn_make_integer(r, op == '-' ? -v : v);
}

/* Correctly rounded: printf rounds the exact binary value, half to even. */
double gn_round_number(double v, int digits) {
    if (!isfinite(v) || v == 0 || digits > 330)
        return v;
    if (digits < -310)
        return copysign(0.0, v);
    gn_str text = {0};
    double out = v;
    if (digits >= 0) {
        gn_str_fmt(&text, "%.*f", digits, v);
    } else {
        const int kept = (int)floor(log10(fabs(v))) + 1 + digits;
        const double unit = pow(10, -digits);
        if (kept > 0)
            gn_str_fmt(&text, "%.*e", kept - 1, v);
        else
            return copysign(fabs(v) > unit / 2 ? unit : 0.0, v);
    }
    if (!gn_parse_number(gn_str_slice(&text), &out))
        out = v;
    gn_str_release(&text);
    return out;
}
