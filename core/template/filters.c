/* filters.c - filters over numbers and values of any kind, and the search by name. */
#include "core/template/filters.h"

#include <math.h>

/* ---- any value ---------------------------------------------------------- */

GN_CALLABLE(default_) {
    bool empty = false, is;
    if (!gn_arg_true(r, arg[1], false, &empty))
        return NULL;
    bool missing = self->kind == GN_UNDEFINED;
    if (!missing && empty) {
        if (!gn_truth(r, self, &is))
            return NULL;
        missing = !is;
    }
    return !missing ? self : arg[0] ? arg[0] : gn_make_borrow(r, GN_S(""));
}

GN_CALLABLE(attr) {
    gn_slice name;
    if (self->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, self);
    if (!gn_arg_text(r, arg[0], GN_S(""), &name))
        return NULL;
    gn_value *v = gn_own_attribute(r, self, name);
    return v || gn_failed(r) ? v : gn_make_undefined(r, name, gn_type_name(self), NULL);
}

/* ---- JSON --------------------------------------------------------------- */

/* None, a number of blanks, or what to indent with. */
static bool indent(gn_render *r, const gn_value *v, gn_str *room, gn_json_style *style) {
    int64_t width = 0;
    if (!v || v->kind == GN_NULL)
        return true;
    if (gn_is_text(v)) {
        gn_str_add(room, v->string);
    } else {
        if (!gn_arg_integer(r, v, 0, &width))
            return false;
        if (width > 1000)
            return gn_render_fail(r, GN_INVALID, "an indent of more than 1000");
        for (; width > 0; width--)
            gn_str_putc(room, ' ');
    }
    style->indent = gn_str_text(room);
    style->item = GN_S(",");
    return true;
}

static bool separators(gn_render *r, gn_value *v, gn_json_style *style) {
    gn_value **item;
    size_t n;
    if (!v || v->kind == GN_NULL)
        return true;
    if (!gn_items(r, v, &item, &n))
        return false;
    if (n != 2)
        return gn_render_fail(r, GN_INVALID, "separators are two texts");
    return gn_arg_text(r, item[0], GN_S(""), &style->item) &&
           gn_arg_text(r, item[1], GN_S(""), &style->key);
}

/* The chat environment's: json.dumps with its own defaults. */
GN_CALLABLE(tojson_chat) {
    gn_json_style style = {.item = GN_S(", "), .key = GN_S(": ")};
    gn_str room = {0}, out = {0};
    const bool ok = gn_arg_true(r, arg[0], false, &style.ascii) &&
                    indent(r, arg[1], &room, &style) && separators(r, arg[2], &style) &&
                    gn_arg_true(r, arg[3], false, &style.sorted) &&
                    gn_print_json(r, &out, self, &style);
    gn_str_release(&room);
    if (ok)
        return gn_make_take(r, &out, NULL);
    gn_str_release(&out);
    return NULL;
}

/* jinja2's own: sorted, ASCII, and safe inside HTML. */
GN_CALLABLE(tojson_task) {
    gn_json_style style = {.ascii = true, .sorted = true, .item = GN_S(", "), .key = GN_S(": ")};
    gn_str room = {0}, plain = {0}, out = {0};
    const bool ok = indent(r, arg[0], &room, &style) && gn_print_json(r, &plain, self, &style);
    gn_str_release(&room);
    for (size_t i = 0; ok && i < plain.len; i++) {
        const char c = plain.data[i];
        if (c == '<' || c == '>' || c == '&' || c == '\'')
            gn_str_fmt(&out, "\\u%04x", (unsigned)c);
        else
            gn_str_putc(&out, c);
    }
    out.failed |= plain.failed;
    gn_str_release(&plain);
    if (!ok)
        return NULL;
    gn_value *v = gn_make_take(r, &out, NULL);
    if (v)
        v->kind = GN_MARKUP;
    return v;
}

/* ---- numbers ------------------------------------------------------------ */

GN_CALLABLE(abs_) {
    if (self->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, self);
    if (!gn_is_numeric(self))
        return gn_render_fail(r, GN_INVALID, "abs needs a number, not a %s", gn_type_name(self));
    if (self->kind == GN_NUMBER)
        return gn_make_number(r, fabs(self->number));
    return gn_integer_of(self) < 0 ? gn_unary(r, '-', self) : gn_unary(r, '+', self);
}

static gn_value *too_wide(gn_render *r) {
    return gn_render_fail(r, GN_UNSUPPORTED, "an integer wider than 64 bits");
}

/* A float cut to an integer; `otherwise` for what is none. */
static gn_value *whole(gn_render *r, double v, gn_value *otherwise) {
    if (isnan(v))
        return otherwise;
    if (!(v > -0x1p63 - 1 && v < 0x1p63))
        return too_wide(r);
    return gn_make_integer(r, (int64_t)v);
}

GN_CALLABLE(int_) {
    int64_t base, i;
    double d;
    bool wide;
    gn_value *otherwise = arg[0] ? arg[0] : gn_make_integer(r, 0);
    if (!otherwise || !gn_arg_integer(r, arg[1], 10, &base))
        return NULL;
    if (self->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, self);
    if (gn_is_integer(self))
        return gn_make_integer(r, gn_integer_of(self));
    if (self->kind == GN_NUMBER)
        return isinf(self->number) ? gn_render_fail(r, GN_INVALID, "infinity is no integer")
                                   : whole(r, self->number, otherwise);
    if (!gn_is_text(self))
        return otherwise;
    if ((base == 0 || (base >= 2 && base <= 36)) &&
        gn_python_integer(self->string, (int)base, &i, &wide))
        return wide ? too_wide(r) : gn_make_integer(r, i);
    if (!gn_python_number(self->string, &d) || isinf(d))
        return otherwise;
    return whole(r, d, otherwise);
}

GN_CALLABLE(float_) {
    double d;
    if (self->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, self);
    if (gn_is_numeric(self))
        return gn_make_number(r, gn_number_of(self));
    if (gn_is_text(self) && gn_python_number(self->string, &d))
        return gn_make_number(r, d);
    return arg[0] ? arg[0] : gn_make_number(r, 0.0);
}

/* An integer to a power of ten, half to even. */
static gn_value *round_integer(gn_render *r, int64_t v, int64_t digits) {
    int64_t unit = 1;
    for (; digits < 0; digits++)
        if (__builtin_mul_overflow(unit, 10, &unit))
            return gn_make_integer(r, 0);
    int64_t rest = v % unit, out = v - rest;
    if (rest < 0) {
        rest += unit;
        if (__builtin_sub_overflow(out, unit, &out))
            return too_wide(r);
    }
    const bool up = rest > unit - rest || (rest == unit - rest && (out / unit) % 2 != 0);
    if (up && __builtin_add_overflow(out, unit, &out))
        return too_wide(r);
    return gn_make_integer(r, out);
}

/* ceil or floor of v * 10^digits, over 10^digits. */
static gn_value *round_towards(gn_render *r, gn_value *v, int64_t digits, bool up) {
    gn_value *ten = gn_make_integer(r, 10), *power = gn_make_integer(r, digits);
    gn_value *unit = ten && power ? gn_binary(r, 'p', ten, power) : NULL;
    gn_value *scaled = unit ? gn_binary(r, '*', v, unit) : NULL;
    if (!scaled)
        return NULL;
    if (scaled->kind == GN_NUMBER) {
        if (!isfinite(scaled->number))
            return gn_render_fail(r, GN_INVALID, "only a finite number can be rounded");
        scaled = gn_make_number(r, up ? ceil(scaled->number) : floor(scaled->number));
        if (scaled && scaled->number == 0) /* as an integer it has no sign */
            scaled->number = 0.0;
    }
    return scaled ? gn_binary(r, '/', scaled, unit) : NULL;
}

GN_CALLABLE(round_) {
    int64_t digits;
    gn_slice method;
    if (self->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, self);
    if (!gn_arg_integer(r, arg[0], 0, &digits) || !gn_arg_text(r, arg[1], GN_S("common"), &method))
        return NULL;
    const bool up = gn_slice_is(method, "ceil"), down = gn_slice_is(method, "floor");
    if (!up && !down && !gn_slice_is(method, "common"))
        return gn_render_fail(r, GN_INVALID, "round knows 'common', 'ceil' and 'floor'");
    if (!gn_is_numeric(self))
        return gn_render_fail(r, GN_INVALID, "round needs a number, not a %s", gn_type_name(self));
    if (digits > 1000 || digits < -1000)
        digits = digits < 0 ? -1000 : 1000;
    if (up || down)
        return round_towards(r, self, digits, up);
    if (self->kind == GN_NUMBER)
        return gn_make_number(r, gn_round_number(self->number, (int)digits));
    return round_integer(r, gn_integer_of(self), digits);
}

/* ---- by name ------------------------------------------------------------ */

static const gn_callable of_values[] = {
    {"abs", abs_, "", 0, 0},
    {"attr", attr, "name", 1, 0},
    {"d", default_, "default_value boolean", 0, 0},
    {"default", default_, "default_value boolean", 0, 0},
    {"float", float_, "default", 0, 0},
    {"int", int_, "default base", 0, 0},
    {"round", round_, "precision method", 0, 0},
    {"tojson", tojson_chat, "ensure_ascii indent separators sort_keys", 0, 1 + GN_TEMPLATE_CHAT},
    {"tojson", tojson_task, "indent", 0, 1 + GN_TEMPLATE_TASK},
    {NULL, NULL, NULL, 0, 0},
};

const gn_callable *gn_filter_find(gn_slice name, gn_template_environment env) {
    const gn_callable *const tables[] = {of_values, gn_filters_of_lists, gn_filters_of_text};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const gn_callable *f = tables[i]; f->name; f++)
            if (gn_slice_is(name, f->name) && (!f->env || f->env == 1 + (int)env))
                return f;
    return NULL;
}
