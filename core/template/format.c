/* format.c - "%5.1f" % x and "{:>5}".format(x), as Python does them. */
#include "core/base/unicode.h"
#include "core/template/runtime.h"

#include <ctype.h>
#include <math.h>

enum { MAX_WIDTH = 1 << 20, MAX_PRECISION = 1000, MAX_NESTED = 2 };

/* [[fill]align][sign][#][0][width][,][.precision][type] */
typedef struct spec {
    gn_slice fill;
    char align, sign, group, type;
    bool alternate, zero;
    int width, precision; /* precision -1: none */
} spec;

/* ---- one value ---------------------------------------------------------- */

static void fill(gn_str *out, gn_slice with, size_t times) {
    while (times-- > 0)
        gn_str_add(out, with);
}

static void padded(gn_str *out, gn_slice text, const spec *s, char otherwise) {
    const size_t have = gn_utf8_count(text), want = (size_t)s->width;
    const size_t room = want > have ? want - have : 0;
    const char align = s->align ? s->align : otherwise;
    const size_t left = align == '>' ? room : align == '^' ? room / 2 : 0;
    fill(out, s->fill, left);
    gn_str_add(out, text);
    fill(out, s->fill, room - left);
}

/* Digits with a separator in every third place (every fourth for _ in hex). */
static void grouped(gn_str *out, gn_slice digits, char separator, size_t every) {
    for (size_t i = 0; i < digits.len; i++) {
        if (separator && i && (digits.len - i) % every == 0)
            gn_str_putc(out, separator);
        gn_str_putc(out, digits.data[i]);
    }
}

/* A number of parts: sign, prefix (0x), whole digits, rest (.5, e+10, %). */
static void number(gn_str *out, const spec *s, bool negative, const char *prefix, gn_slice whole,
                   gn_slice rest) {
    gn_str digits = {0}, text = {0};
    const char sign = negative ? '-' : s->sign == '+' || s->sign == ' ' ? s->sign : 0;
    const char align = s->align ? s->align : '>';
    const size_t every = s->type && strchr("boxX", s->type) ? 4 : 3;
    const size_t around = (sign != 0) + strlen(prefix) + rest.len;
    gn_str_add(&digits, whole);
    grouped(&text, whole, s->group, every);
    if (align == '=' && gn_slice_is(s->fill, "0"))
        while (text.len + around < (size_t)s->width) {
            gn_str more = {0};
            gn_str_putc(&more, '0');
            gn_str_add(&more, gn_str_slice(&digits));
            gn_str_release(&digits);
            digits = more;
            gn_str_cut(&text, 0);
            grouped(&text, gn_str_slice(&digits), s->group, every);
            if (text.failed || digits.failed)
                break;
        }
    gn_str all = {0};
    if (sign)
        gn_str_putc(&all, sign);
    gn_str_puts(&all, prefix);
    if (align == '=' && text.len + around < (size_t)s->width)
        fill(&all, s->fill, (size_t)s->width - text.len - around);
    gn_str_add(&all, gn_str_slice(&text));
    gn_str_add(&all, rest);
    padded(out, gn_str_slice(&all), s, '>');
    out->failed |= all.failed | text.failed | digits.failed;
    gn_str_release(&all);
    gn_str_release(&text);
    gn_str_release(&digits);
}

static bool integer(gn_render *r, gn_str *out, int64_t v, const spec *s) {
    char digits[66];
    size_t at = sizeof digits;
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    const unsigned base = s->type == 'b' ? 2 : s->type == 'o' ? 8 : (s->type | 32) == 'x' ? 16 : 10;
    if (s->precision >= 0)
        return gn_render_fail(r, GN_INVALID, "a format of an integer has no precision");
    if (s->type == 'c') {
        char utf8[4];
        if (v < 0 || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF))
            return gn_render_fail(r, GN_INVALID, "%lld is no character", (long long)v);
        padded(out, (gn_slice){utf8, gn_utf8_put(utf8, (int32_t)v)}, s, '<');
        return true;
    }
    do
        digits[--at] = (s->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[rest % base];
    while (rest /= base);
    const char *prefix = !s->alternate    ? ""
                         : s->type == 'x' ? "0x"
                         : s->type == 'X' ? "0X"
                         : s->type == 'o' ? "0o"
                         : s->type == 'b' ? "0b"
                                          : "";
    number(out, s, v < 0, prefix, (gn_slice){digits + at, sizeof digits - at}, GN_S(""));
    return true;
}

/* Without a type: as repr, or with a precision as 'g' that always shows it is no integer. */
static void short_float(gn_str *out, double v, int precision) {
    if (precision < 0) {
        gn_print_number(out, v);
        return;
    }
    const int digits = precision ? precision : 1;
    gn_str_fmt(out, "%.*e", digits - 1, v);
    const char *e = memchr(out->data, 'e', out->len);
    int64_t exponent = 0;
    if (e)
        gn_parse_integer(gn_slice_of(e + 1), &exponent);
    gn_str tail = {0};
    if (e && (exponent < -4 || exponent >= digits - 1)) {
        gn_str_puts(&tail, e);
        gn_str_cut(out, (size_t)(e - out->data));
    } else {
        gn_str_cut(out, 0);
        gn_str_fmt(out, "%.*f", digits - 1 - (int)exponent, v);
    }
    const bool point = memchr(out->data, '.', out->len);
    while (point && out->len && out->data[out->len - 1] == '0')
        gn_str_cut(out, out->len - 1);
    if (point && out->data[out->len - 1] == '.')
        gn_str_cut(out, out->len - 1);
    if (!tail.len && !memchr(out->data, '.', out->len))
        gn_str_puts(out, ".0");
    gn_str_add(out, gn_str_slice(&tail));
    gn_str_release(&tail);
}

static void floating(gn_str *out, double v, const spec *s) {
    gn_str text = {0};
    const bool negative = signbit(v) && !isnan(v);
    const double size = fabs(v);
    const int precision = s->precision < 0 ? 6 : s->precision;
    const char type = (char)tolower(s->type);
    if (isnan(v) || isinf(v))
        gn_str_puts(&text, isnan(v) ? "nan" : "inf");
    else if (type == 'e')
        gn_str_fmt(&text, s->alternate ? "%#.*e" : "%.*e", precision, size);
    else if (type == 'f')
        gn_str_fmt(&text, s->alternate ? "%#.*f" : "%.*f", precision, size);
    else if (type == 'g')
        gn_str_fmt(&text, s->alternate ? "%#.*g" : "%.*g", precision, size);
    else if (type == '%')
        gn_str_fmt(&text, "%.*f", precision, size * 100);
    else
        short_float(&text, size, s->precision);
    if (type == '%')
        gn_str_putc(&text, '%');
    for (size_t i = 0; s->type && isupper(s->type) && i < text.len; i++)
        text.data[i] = (char)toupper(text.data[i]);
    size_t whole = 0;
    while (whole < text.len && isdigit((unsigned char)text.data[whole]))
        whole++;
    const gn_slice all = gn_str_slice(&text);
    number(out, s, negative, "", (gn_slice){all.data, whole}, gn_slice_from(all, whole));
    out->failed |= text.failed;
    gn_str_release(&text);
}

static bool text_value(gn_render *r, gn_str *out, gn_slice text, const spec *s) {
    if (s->align == '=' || s->sign || s->group || s->alternate || (s->type && s->type != 's'))
        return gn_render_fail(r, GN_INVALID, "a format for numbers, but the value is text");
    if (s->precision >= 0)
        text.len = gn_text_byte(text, s->precision);
    padded(out, text, s, '<');
    return true;
}

/* ---- % ------------------------------------------------------------------ */

typedef struct percent {
    gn_render *r;
    gn_slice s;
    size_t at;
    gn_value *args; /* a tuple, or one value, or a dict */
    size_t used;
    bool markup;
} percent;

static gn_value *next_argument(percent *p) {
    const bool tuple = p->args->kind == GN_TUPLE;
    if (p->used >= (tuple ? p->args->list.count : 1))
        return gn_render_fail(p->r, GN_INVALID, "a %% format has more places than values");
    p->used++;
    return tuple ? p->args->list.item[p->used - 1] : p->args;
}

static bool star_or_digits(percent *p, int *out, int most) {
    if (p->at < p->s.len && p->s.data[p->at] == '*') {
        const gn_value *v = next_argument(p);
        p->at++;
        if (!v)
            return false;
        if (!gn_is_integer(v) || gn_integer_of(v) > most || gn_integer_of(v) < -most)
            return gn_render_fail(p->r, GN_INVALID, "'*' in a %% format needs a small integer");
        *out = (int)gn_integer_of(v);
        return true;
    }
    for (; p->at < p->s.len && isdigit((unsigned char)p->s.data[p->at]); p->at++) {
        *out = *out * 10 + (p->s.data[p->at] - '0');
        if (*out > most)
            return gn_render_fail(p->r, GN_INVALID, "a width or precision above %d", most);
    }
    return true;
}

/* %(name)s takes its value from a dict. */
static gn_value *named_argument(percent *p) {
    const char *end = memchr(p->s.data + p->at, ')', p->s.len - p->at);
    if (!end || p->args->kind != GN_MAP)
        return gn_render_fail(p->r, GN_INVALID, "%%(name) needs a closing ')' and a dict");
    const gn_slice name = {p->s.data + p->at, (size_t)(end - p->s.data) - p->at};
    p->at += name.len + 1;
    gn_value *v = gn_value_get(p->args, name);
    p->used = 1;
    return v ? v
             : gn_render_fail(p->r, GN_INVALID, "a %% format asks for '%.*s', which is not given",
                              (int)(name.len > 100 ? 100 : name.len), name.data);
}

static bool shown(gn_render *r, const gn_value *v, char type, bool markup, gn_str *text) {
    if (type != 's' || (!gn_is_text(v) && !markup))
        return gn_print_value(r, text, v, type != 's');
    gn_slice plain;
    if (!gn_text_of(r, v, &plain))
        return false;
    if (markup && v->kind != GN_MARKUP)
        gn_print_escaped(text, plain);
    else
        gn_str_add(text, plain);
    return true;
}

static bool percent_number(gn_render *r, gn_str *out, const gn_value *v, spec *s) {
    const bool whole = strchr("diuoxXc", s->type) != NULL;
    if (!gn_is_numeric(v) || (whole && v->kind == GN_NUMBER && !strchr("diu", s->type)))
        return gn_render_fail(r, GN_INVALID, "%%%c needs a number, not a %s", s->type,
                              gn_type_name(v));
    if (!whole) {
        floating(out, gn_number_of(v), s);
        return true;
    }
    int64_t i = 0;
    if (v->kind != GN_NUMBER)
        i = gn_integer_of(v);
    else if (fabs(v->number) < 9.2e18)
        i = (int64_t)v->number;
    else
        return gn_render_fail(r, GN_UNSUPPORTED, "a number too large for %%%c", s->type);
    /* A precision is the least number of digits. */
    gn_str digits = {0};
    const spec plain = {.fill = GN_S(" "), .precision = -1, .type = s->type};
    const int least = s->precision;
    s->precision = -1;
    bool ok = true;
    if (least > 0 && i >= 0 && s->type != 'c') {
        ok = integer(r, &digits, i, &plain);
        gn_str zeros = {0};
        if (digits.len < (size_t)least)
            fill(&zeros, GN_S("0"), (size_t)least - digits.len);
        gn_str_add(&zeros, gn_str_slice(&digits));
        number(out, s, false, "", gn_str_slice(&zeros), GN_S(""));
        gn_str_release(&zeros);
        gn_str_release(&digits);
    } else {
        ok = integer(r, out, i, s);
    }
    return ok;
}

static bool percent_value(percent *p, gn_str *out, const gn_value *v, spec *s) {
    if (v->kind == GN_UNDEFINED && !strchr("sra", s->type))
        return gn_undefined_fail(p->r, v);
    if (s->type == 'c' && gn_is_text(v) && gn_utf8_count(v->string) == 1)
        s->type = 's';
    if (strchr("sra", s->type)) {
        gn_str text = {0};
        const spec plain = {.fill = GN_S(" "),
                            .align = s->align ? s->align : '>',
                            .width = s->width,
                            .precision = s->precision};
        const bool ok = shown(p->r, v, s->type, p->markup, &text) &&
                        text_value(p->r, out, gn_str_slice(&text), &plain);
        out->failed |= text.failed;
        gn_str_release(&text);
        return ok;
    }
    if (s->zero && s->align != '<') {
        s->fill = GN_S("0");
        s->align = '=';
    }
    return percent_number(p->r, out, v, s);
}

static bool conversion(percent *p, gn_str *out) {
    spec s = {.fill = GN_S(" "), .precision = -1};
    gn_value *v = NULL;
    if (p->at < p->s.len && p->s.data[p->at] == '(') {
        p->at++;
        if (!(v = named_argument(p)))
            return false;
    }
    for (; p->at < p->s.len && strchr("-+ #0", p->s.data[p->at]) && p->s.data[p->at]; p->at++) {
        const char c = p->s.data[p->at];
        if (c == '-')
            s.align = '<';
        else if (c == '0')
            s.zero = true;
        else if (c == '#')
            s.alternate = true;
        else if (s.sign != '+')
            s.sign = c;
    }
    if (!star_or_digits(p, &s.width, MAX_WIDTH))
        return false;
    if (s.width < 0) {
        s.align = '<';
        s.width = -s.width;
    }
    if (p->at < p->s.len && p->s.data[p->at] == '.') {
        p->at++;
        s.precision = 0;
        if (!star_or_digits(p, &s.precision, MAX_PRECISION))
            return false;
    }
    s.type = p->at < p->s.len ? p->s.data[p->at++] : 0;
    if (s.type == '%') {
        gn_str_putc(out, '%');
        return true;
    }
    if (!s.type || !strchr("diuoxXeEfFgGcsra", s.type))
        return gn_render_fail(p->r, GN_INVALID, "a %% format without a known letter");
    return (v || (v = next_argument(p))) && percent_value(p, out, v, &s);
}

gn_value *gn_format_percent(gn_render *r, gn_value *format, gn_value *args) {
    percent p = {.r = r, .s = format->string, .args = args, .markup = format->kind == GN_MARKUP};
    gn_str out = {0};
    bool ok = true;
    while (ok && p.at < p.s.len) {
        const char c = p.s.data[p.at++];
        if (c == '%')
            ok = conversion(&p, &out);
        else
            gn_str_putc(&out, c);
        if (ok && out.len > GN_MAX_OUTPUT)
            ok = gn_render_fail(r, GN_INVALID, "a text of more than %d MiB", GN_MAX_OUTPUT >> 20);
    }
    /* What could be asked by name may be left over. */
    const bool spare = args->kind == GN_TUPLE
                           ? p.used < args->list.count
                           : p.used == 0 && args->kind != GN_MAP && args->kind != GN_LIST &&
                                 args->kind != GN_RANGE && args->kind != GN_UNDEFINED;
    if (ok && spare)
        ok = gn_render_fail(r, GN_INVALID, "a %% format has fewer places than values");
    if (ok)
        return gn_make_take(r, &out, format);
    gn_str_release(&out);
    return NULL;
}

/* ---- {} ----------------------------------------------------------------- */

typedef struct braces {
    gn_render *r;
    const gn_given *given;
    int64_t next; /* automatic number; -1 once a number was written */
} braces;

static bool format_text(braces *b, gn_slice s, gn_str *out, int nested);

static bool read_spec(gn_render *r, gn_slice text, spec *s) {
    int32_t cp;
    size_t at = 0;
    const size_t first = gn_utf8_next(text, 0, &cp);
    *s = (spec){.fill = GN_S(" "), .precision = -1};
    if (first && first < text.len && strchr("<>=^", text.data[first])) {
        s->fill = (gn_slice){text.data, first};
        s->align = text.data[first];
        at = first + 1;
    } else if (text.len && strchr("<>=^", text.data[0])) {
        s->align = text.data[at++];
    }
    if (at < text.len && strchr("+- ", text.data[at]))
        s->sign = text.data[at++];
    if (at < text.len && text.data[at] == '#') {
        s->alternate = true;
        at++;
    }
    if (at < text.len && text.data[at] == '0') {
        if (!s->align) {
            s->align = '=';
            s->fill = GN_S("0");
            s->zero = true;
        }
        at++;
    }
    for (; at < text.len && isdigit((unsigned char)text.data[at]); at++)
        if ((s->width = s->width * 10 + (text.data[at] - '0')) > MAX_WIDTH)
            return gn_render_fail(r, GN_INVALID, "a format's width above %d", MAX_WIDTH);
    if (at < text.len && (text.data[at] == ',' || text.data[at] == '_'))
        s->group = text.data[at++];
    if (at + 1 < text.len && text.data[at] == '.' && isdigit((unsigned char)text.data[at + 1])) {
        s->precision = 0;
        for (at++; at < text.len && isdigit((unsigned char)text.data[at]); at++)
            if ((s->precision = s->precision * 10 + (text.data[at] - '0')) > MAX_PRECISION)
                return gn_render_fail(r, GN_INVALID, "a precision above %d", MAX_PRECISION);
    }
    if (at < text.len)
        s->type = text.data[at++];
    return at == text.len || gn_render_fail(r, GN_INVALID, "a format that cannot be read: '%.*s'",
                                            (int)(text.len > 60 ? 60 : text.len), text.data);
}

static bool put_value(gn_render *r, gn_str *out, gn_value *v, gn_slice format) {
    spec s;
    if (format.len == 0)
        return gn_print_value(r, out, v, false);
    if (!read_spec(r, format, &s))
        return false;
    if (gn_is_text(v)) {
        if (s.zero) /* '0' in front of a width pads a text on its right */
            s.align = '<';
        return text_value(r, out, v->string, &s);
    }
    if (gn_is_integer(v) && (!s.type || strchr("bcdoxX", s.type)))
        return integer(r, out, gn_integer_of(v), &s);
    if (gn_is_numeric(v) && (!s.type || strchr("eEfFgG%", s.type))) {
        floating(out, gn_number_of(v), &s);
        return true;
    }
    return gn_render_fail(r, GN_INVALID, "the format '%.*s' does not suit a %s",
                          (int)(format.len > 60 ? 60 : format.len), format.data, gn_type_name(v));
}

static gn_value *numbered(braces *b, int64_t i) {
    if (i >= 0 && (size_t)i < b->given->n_place)
        return b->given->place[i];
    return gn_render_fail(b->r, GN_INVALID, "a format asks for value %lld, but %zu are given",
                          (long long)i, b->given->n_place);
}

/* What stands in front of any '.' or '['. */
static gn_value *first_part(braces *b, gn_slice name) {
    int64_t i;
    if (name.len == 0) {
        if (b->next < 0)
            return gn_render_fail(b->r, GN_INVALID, "a format mixes {} with {0}");
        return numbered(b, b->next++);
    }
    if (isdigit((unsigned char)name.data[0]) && gn_parse_integer(name, &i)) {
        if (b->next > 0)
            return gn_render_fail(b->r, GN_INVALID, "a format mixes {} with {0}");
        b->next = -1;
        return numbered(b, i);
    }
    for (size_t k = 0; k < b->given->n_named; k++)
        if (gn_slice_equal(b->given->name[k], name))
            return b->given->named[k];
    return gn_render_fail(b->r, GN_INVALID, "a format asks for '%.*s', which is not given",
                          (int)(name.len > 100 ? 100 : name.len), name.data);
}

/* The sandbox looks for a key too; plain str.format does not. */
static gn_value *attribute(gn_render *r, gn_value *v, gn_slice name) {
    if (r->t->env == GN_TEMPLATE_CHAT || v->kind == GN_UNDEFINED)
        return gn_attribute(r, v, name);
    gn_value *found = gn_own_attribute(r, v, name);
    if (found || gn_failed(r))
        return found;
    return gn_render_fail(r, GN_INVALID, "a %s has no attribute '%.*s'", gn_type_name(v),
                          (int)(name.len > 100 ? 100 : name.len), name.data);
}

static gn_value *field(braces *b, gn_slice name) {
    size_t at = 0;
    while (at < name.len && name.data[at] != '.' && name.data[at] != '[')
        at++;
    gn_value *v = first_part(b, (gn_slice){name.data, at});
    while (v && at < name.len) {
        const bool index = name.data[at] == '[';
        const size_t begin = ++at;
        while (at < name.len && (index ? name.data[at] != ']' : !strchr(".[", name.data[at])))
            at++;
        const gn_slice part = {name.data + begin, at - begin};
        int64_t i;
        if (part.len == 0 || (index && at == name.len))
            return gn_render_fail(b->r, GN_INVALID, "an empty or open part in a format's field");
        at += index;
        if (!index) {
            v = attribute(b->r, v, part);
        } else {
            gn_value *key = isdigit((unsigned char)part.data[0]) && gn_parse_integer(part, &i)
                                ? gn_make_integer(b->r, i)
                                : gn_make_borrow(b->r, part);
            v = key ? gn_item(b->r, v, key) : NULL;
            if (v && v->kind == GN_UNDEFINED && b->r->t->env == GN_TEMPLATE_TASK)
                return gn_undefined_fail(b->r, v);
        }
    }
    return v;
}

/* The inside of {...}: field!conversion:format. */
static bool replacement(braces *b, gn_slice s, gn_str *out, int nested) {
    size_t end = 0;
    bool bracket = false;
    for (; end < s.len && (bracket || (s.data[end] != '!' && s.data[end] != ':')); end++)
        bracket = s.data[end] == '[' || (bracket && s.data[end] != ']');
    gn_value *v = field(b, (gn_slice){s.data, end});
    if (!v)
        return false;
    if (end < s.len && s.data[end] == '!') {
        const char how = end + 1 < s.len ? s.data[end + 1] : 0;
        if (!how || !strchr("rsa", how) || (end + 2 < s.len && s.data[end + 2] != ':'))
            return gn_render_fail(b->r, GN_INVALID, "a format's conversion is !r, !s or !a");
        gn_str text = {0};
        const bool ok = gn_print_value(b->r, &text, v, how != 's');
        if (!ok)
            gn_str_release(&text);
        if (!ok || !(v = gn_make_take(b->r, &text, NULL)))
            return false;
        end += 2;
    }
    gn_str format = {0};
    bool ok = true;
    if (end < s.len)
        ok = format_text(b, gn_slice_from(s, end + 1), &format, nested + 1);
    ok = ok && put_value(b->r, out, v, gn_str_slice(&format));
    out->failed |= format.failed;
    gn_str_release(&format);
    return ok;
}

static bool format_text(braces *b, gn_slice s, gn_str *out, int nested) {
    if (nested >= MAX_NESTED + 1)
        return gn_render_fail(b->r, GN_INVALID, "a format nested too deep");
    for (size_t at = 0; at < s.len; at++) {
        const char c = s.data[at];
        if ((c == '{' || c == '}') && !nested && at + 1 < s.len && s.data[at + 1] == c) {
            gn_str_putc(out, c);
            at++;
        } else if (c == '{') {
            size_t end = at + 1;
            for (int open = 1; end < s.len; end++) {
                open += s.data[end] == '{' ? 1 : s.data[end] == '}' ? -1 : 0;
                if (open == 0)
                    break;
            }
            if (end >= s.len)
                return gn_render_fail(b->r, GN_INVALID, "a format with '{' but no '}'");
            if (!replacement(b, (gn_slice){s.data + at + 1, end - at - 1}, out, nested))
                return false;
            at = end;
        } else if (c == '}') {
            return gn_render_fail(b->r, GN_INVALID, "a format with '}' but no '{'");
        } else {
            gn_str_putc(out, c);
        }
        if (out->len > GN_MAX_OUTPUT)
            return gn_render_fail(b->r, GN_INVALID, "a text of more than %d MiB",
                                  GN_MAX_OUTPUT >> 20);
    }
    return true;
}

gn_value *gn_format_braces(gn_render *r, gn_value *format, const gn_given *given) {
    gn_str out = {0};
    braces b = {.r = r, .given = given};
    if (format_text(&b, format->string, &out, 0))
        return gn_make_take(r, &out, format);
    gn_str_release(&out);
    return NULL;
}
