/* filters_text.c - filters over texts. What is no text is printed first. */
#include "core/base/regex.h"
#include "core/base/unicode.h"
#include "core/template/filters.h"
#include "core/template/methods.h"

#include <ctype.h>

/* self as a text; markup stays markup. */
static gn_value *text(gn_render *r, gn_value *self) {
    gn_slice s;
    if (gn_is_text(self))
        return self;
    return gn_text_of(r, self, &s) ? gn_make_borrow(r, s) : NULL;
}

static gn_value *transformed(gn_render *r, gn_value *self, void (*f)(gn_str *, gn_slice)) {
    gn_str out = {0};
    gn_value *v = text(r, self);
    if (!v || !gn_render_tick(r, v->string.len / 16))
        return NULL;
    f(&out, v->string);
    return gn_make_take(r, &out, v);
}

GN_CALLABLE(lower) { return transformed(r, self, gn_text_lower); }
GN_CALLABLE(upper) { return transformed(r, self, gn_text_upper); }
GN_CALLABLE(capitalize) { return transformed(r, self, gn_text_capitalize); }
GN_CALLABLE(string) { return text(r, self); }

GN_CALLABLE(center) {
    gn_value *v = text(r, self);
    gn_value *width = arg[0] ? arg[0] : gn_make_integer(r, 80);
    return v && width ? gn_text_center(r, v, width) : NULL;
}

/* ---- HTML and URLs ------------------------------------------------------ */

static gn_value *markup(gn_value *v) {
    if (v)
        v->kind = GN_MARKUP;
    return v;
}

GN_CALLABLE(safe) {
    gn_slice s;
    return gn_text_of(r, self, &s) ? markup(gn_make_borrow(r, s)) : NULL;
}

GN_CALLABLE(forceescape) {
    gn_slice s;
    gn_str out = {0};
    if (!gn_text_of(r, self, &s))
        return NULL;
    gn_print_escaped(&out, s);
    return markup(gn_make_take(r, &out, NULL));
}

GN_CALLABLE(escape) { return self->kind == GN_MARKUP ? self : forceescape(r, self, arg, given); }

static bool quote(gn_render *r, gn_str *out, const gn_value *v, bool query) {
    gn_slice s;
    if (!gn_text_of(r, v, &s))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.data[i];
        if ((c < 0x80 && isalnum(c)) || (c && strchr("_.-~", c)) || (c == '/' && !query))
            gn_str_putc(out, (char)c);
        else if (c == ' ' && query)
            gn_str_putc(out, '+');
        else
            gn_str_fmt(out, "%%%02X", c);
    }
    return true;
}

/* Pairs to name=value&name=value. */
static bool query(gn_render *r, gn_str *out, gn_value *v) {
    gn_value **pair, **part;
    size_t n, two;
    gn_value *pairs = v->kind == GN_MAP ? gn_make_view(r, v, 'i') : v;
    if (!pairs || !gn_items(r, pairs, &pair, &n))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!gn_items(r, pair[i], &part, &two))
            return false;
        if (two != 2)
            return gn_render_fail(r, GN_INVALID, "urlencode needs pairs, not %zu values", two);
        if (i)
            gn_str_putc(out, '&');
        if (!quote(r, out, part[0], true))
            return false;
        gn_str_putc(out, '=');
        if (!quote(r, out, part[1], true))
            return false;
    }
    return true;
}

GN_CALLABLE(urlencode) {
    gn_str out = {0};
    const bool plain = gn_is_text(self) || !gn_is_iterable(self);
    if (plain ? quote(r, &out, self, false) : query(r, &out, self))
        return gn_make_take(r, &out, NULL);
    gn_str_release(&out);
    return NULL;
}

/* ---- words -------------------------------------------------------------- */

static bool is_space(int32_t cp) { return cp >= 0 && gn_is_space_python(cp); }
static bool is_word(int32_t cp) {
    return cp >= 0 && (cp == '_' || gn_is_letter(cp) || gn_is_number(cp));
}

/* The first letter behind any of - ( { [ < or white space is large, the others small. */
static void title_words(gn_str *out, gn_slice s) {
    size_t at = 0;
    int32_t cp;
    while (at < s.len) {
        size_t n = gn_utf8_next(s, at, &cp);
        if (is_space(cp) || (cp > 0 && cp < 0x80 && strchr("-({[<", cp))) {
            gn_str_add(out, (gn_slice){s.data + at, n});
            at += n;
            continue;
        }
        gn_text_upper(out, (gn_slice){s.data + at, n});
        const size_t begin = at += n;
        while ((n = gn_utf8_next(s, at, &cp)) && !is_space(cp) &&
               !(cp > 0 && cp < 0x80 && strchr("-({[<", cp)))
            at += n;
        gn_text_lower(out, (gn_slice){s.data + begin, at - begin});
    }
}
GN_CALLABLE(title) {
    gn_value *v = transformed(r, self, title_words);
    if (v)
        v->kind = GN_STRING;
    return v;
}

GN_CALLABLE(wordcount) {
    int64_t n = 0;
    int32_t cp;
    bool inside = false;
    const gn_value *v = text(r, self);
    if (!v || !gn_render_tick(r, v->string.len / 16))
        return NULL;
    for (size_t i = 0, len; (len = gn_utf8_next(v->string, i, &cp)); i += len) {
        const bool word = is_word(cp);
        n += word && !inside;
        inside = word;
    }
    return gn_make_integer(r, n);
}

GN_CALLABLE(trim) {
    gn_slice chars;
    const bool given_chars = arg[0] && arg[0]->kind != GN_NULL;
    gn_value *v = text(r, self);
    if (!v || !gn_arg_text(r, given_chars ? arg[0] : NULL, GN_S(""), &chars))
        return NULL;
    gn_value *out =
        gn_make_borrow(r, gn_python_strip(v->string, given_chars ? &chars : NULL, true, true));
    if (out)
        out->kind = v->kind;
    return out;
}

GN_CALLABLE(replace) {
    gn_slice s, from, to;
    int64_t count;
    gn_str out = {0};
    const bool all = !arg[2] || arg[2]->kind == GN_NULL;
    if (!gn_text_of(r, self, &s) || !gn_text_of(r, arg[0], &from) || !gn_text_of(r, arg[1], &to) ||
        !gn_arg_integer(r, all ? NULL : arg[2], -1, &count))
        return NULL;
    if (gn_python_replace(r, &out, s, from, to, count))
        return gn_make_take(r, &out, NULL);
    gn_str_release(&out);
    return NULL;
}

GN_CALLABLE(format) {
    gn_value *v = text(r, self);
    if (!v)
        return NULL;
    if (given->n_place && given->n_named)
        return gn_render_fail(r, GN_INVALID, "format takes values by place or by name, not both");
    gn_value *args;
    if (given->n_named) {
        args = gn_render_made(r, gn_value_map(r->arena));
        for (size_t i = 0; args && i < given->n_named; i++)
            if (!gn_value_set(r->arena, args, given->name[i], given->named[i]))
                return gn_render_made(r, NULL);
    } else {
        args = gn_make_list(r, GN_TUPLE, given->place, given->n_place);
    }
    return args ? gn_format_percent(r, v, args) : NULL;
}

/* ---- lines -------------------------------------------------------------- */

static bool needs_text(gn_render *r, const gn_value *v, const char *who) {
    if (v->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, v);
    return gn_is_text(v) ||
           gn_render_fail(r, GN_INVALID, "%s needs a str, not a %s", who, gn_type_name(v));
}

GN_CALLABLE(indent) {
    gn_slice by;
    int64_t width = 4;
    bool first, blank;
    gn_value **line;
    size_t n;
    gn_str pad = {0}, out = {0};
    const bool is_text = arg[0] && gn_is_text(arg[0]);
    if (!needs_text(r, self, "indent") ||
        (is_text ? !gn_arg_text(r, arg[0], GN_S(""), &by)
                 : !gn_arg_integer(r, arg[0], 4, &width)) ||
        !gn_arg_true(r, arg[1], false, &first) || !gn_arg_true(r, arg[2], false, &blank))
        return NULL;
    if (width > 10000)
        return gn_render_fail(r, GN_INVALID, "an indent of more than 10000");
    for (int64_t i = 0; !is_text && i < width; i++)
        gn_str_putc(&pad, ' ');
    if (!is_text)
        by = gn_str_slice(&pad);
    /* One newline more, so that a text that ends in one keeps it. */
    gn_str whole = {0};
    gn_str_add(&whole, self->string);
    gn_str_putc(&whole, '\n');
    gn_value *all = gn_make_take(r, &whole, NULL);
    bool ok = all && gn_python_lines(r, all->string, false, &line, &n);
    for (size_t i = 0; ok && i < n; i++) {
        if (i)
            gn_str_putc(&out, '\n');
        if (i == 0 ? first : blank || line[i]->string.len)
            gn_str_add(&out, by);
        gn_str_add(&out, line[i]->string);
        if (out.len > GN_MAX_OUTPUT)
            ok = gn_render_fail(r, GN_INVALID, "a text of more than %d MiB", GN_MAX_OUTPUT >> 20);
    }
    gn_str_release(&pad);
    if (ok)
        return gn_make_take(r, &out, self);
    gn_str_release(&out);
    return NULL;
}

GN_CALLABLE(truncate_) {
    int64_t length, leeway;
    bool kill;
    gn_slice end;
    int64_t have;
    const bool no_leeway = !arg[3] || arg[3]->kind == GN_NULL;
    if (!gn_length(r, self, &have) || !gn_arg_integer(r, arg[0], 255, &length) ||
        !gn_arg_true(r, arg[1], false, &kill) || !gn_arg_text(r, arg[2], GN_S("..."), &end) ||
        !gn_arg_integer(r, no_leeway ? NULL : arg[3], 5, &leeway))
        return NULL;
    const int64_t tail = (int64_t)gn_utf8_count(end);
    if (length < tail || leeway < 0)
        return gn_render_fail(r, GN_INVALID, "truncate needs a length of at least %lld",
                              (long long)tail);
    if (length > GN_MAX_OUTPUT || leeway > GN_MAX_OUTPUT || have <= length + leeway)
        return self;
    if (!needs_text(r, self, "truncate"))
        return NULL;
    gn_slice kept = {self->string.data, gn_text_byte(self->string, length - tail)};
    for (size_t i = kept.len; !kill && i-- > 0;)
        if (kept.data[i] == ' ') {
            kept.len = i;
            break;
        }
    gn_str out = {0};
    gn_str_add(&out, kept);
    gn_str_add(&out, end);
    return gn_make_take(r, &out, self);
}

/* ---- regex_replace (evaluation tasks) ----------------------------------- */

GN_CALLABLE(regex_replace) {
    gn_slice pattern, to;
    int64_t count;
    gn_error why = {0};
    gn_str out = {0};
    if (!needs_text(r, self, "regex_replace") || !gn_arg_text(r, arg[0], GN_S(""), &pattern) ||
        !gn_arg_text(r, arg[1], GN_S(""), &to) || !gn_arg_integer(r, arg[2], 0, &count))
        return NULL;
    /* re.sub: a count below zero replaces nothing. */
    if (count < 0)
        return self;
    gn_regex *regex = gn_regex_new(pattern, GN_REGEX_PYTHON, false, &why);
    const bool ok = regex && gn_regex_sub(regex, self->string, to,
                                          (int)(count > INT32_MAX ? INT32_MAX : count), &out, &why);
    gn_regex_free(regex);
    if (ok)
        return gn_make_take(r, &out, NULL);
    gn_str_release(&out);
    return gn_render_fail(r, why.code, "regex_replace: %s", why.message);
}

const gn_callable gn_filters_of_text[] = {
    {"capitalize", capitalize, "", 0, 0},
    {"center", center, "width", 0, 0},
    {"e", escape, "", 0, 0},
    {"escape", escape, "", 0, 0},
    {"forceescape", forceescape, "", 0, 0},
    {"format", format, "*", 0, 0},
    {"indent", indent, "width first blank", 0, 0},
    {"lower", lower, "", 0, 0},
    {"regex_replace", regex_replace, "pattern repl count", 2, 1 + GN_TEMPLATE_TASK},
    {"replace", replace, "old new count", 2, 0},
    {"safe", safe, "", 0, 0},
    {"string", string, "", 0, 0},
    {"title", title, "", 0, 0},
    {"trim", trim, "chars", 0, 0},
    {"truncate", truncate_, "length killwords end leeway", 0, 0},
    {"upper", upper, "", 0, 0},
    {"urlencode", urlencode, "", 0, 0},
    {"wordcount", wordcount, "", 0, 0},
    {"wordwrap", gn_filter_wordwrap, "width break_long_words wrapstring break_on_hyphens", 0, 0},
    {NULL, NULL, NULL, 0, 0},
};
