/* tests.c - what may follow 'is'. */
#include "core/base/unicode.h"
#include "core/template/filters.h"
#include "core/template/methods.h"

static gn_value *kind_is(gn_render *r, const gn_value *v, int kind) {
    return gn_make_bool(r, v->kind == kind);
}

GN_CALLABLE(defined) { return gn_make_bool(r, self->kind != GN_UNDEFINED); }
GN_CALLABLE(undefined) { return kind_is(r, self, GN_UNDEFINED); }
GN_CALLABLE(none) { return kind_is(r, self, GN_NULL); }
GN_CALLABLE(boolean) { return kind_is(r, self, GN_BOOL); }
GN_CALLABLE(true_) { return gn_make_bool(r, self->kind == GN_BOOL && self->boolean); }
GN_CALLABLE(false_) { return gn_make_bool(r, self->kind == GN_BOOL && !self->boolean); }
GN_CALLABLE(integer) { return kind_is(r, self, GN_INTEGER); }
GN_CALLABLE(float_) { return kind_is(r, self, GN_NUMBER); }
GN_CALLABLE(number) { return gn_make_bool(r, gn_is_numeric(self)); }
GN_CALLABLE(string) { return gn_make_bool(r, gn_is_text(self)); }
GN_CALLABLE(mapping) { return kind_is(r, self, GN_MAP); }
GN_CALLABLE(escaped) { return kind_is(r, self, GN_MARKUP); }
GN_CALLABLE(iterable) {
    if (self->kind == GN_UNDEFINED && !((gn_undefined *)self)->lenient)
        return gn_undefined_fail(r, self);
    return gn_make_bool(r, gn_is_iterable(self) || self->kind == GN_LOOP);
}

GN_CALLABLE(sequence) {
    if (self->kind == GN_UNDEFINED && !((gn_undefined *)self)->lenient)
        return gn_make_bool(r, false);
    return gn_make_bool(r, gn_is_text(self) || gn_is_listlike(self) || self->kind == GN_MAP ||
                               self->kind == GN_RANGE || self->kind == GN_UNDEFINED);
}

GN_CALLABLE(callable) {
    return gn_make_bool(r, self->kind == GN_FUNCTION || self->kind == GN_METHOD ||
                               self->kind == GN_MACRO || self->kind == GN_LOOP ||
                               self->kind == GN_JOINER || self->kind == GN_UNDEFINED);
}

/* The remainder by n; false and an error if there is none. */
static gn_value *remainder_is(gn_render *r, gn_value *v, gn_value *n, int64_t want) {
    const gn_value *rest = gn_binary(r, '%', v, n);
    if (!rest)
        return NULL;
    return gn_make_bool(r, gn_is_numeric(rest) && gn_number_of(rest) == (double)want);
}

GN_CALLABLE(odd) {
    gn_value *two = gn_make_integer(r, 2);
    return two ? remainder_is(r, self, two, 1) : NULL;
}
GN_CALLABLE(even) {
    gn_value *two = gn_make_integer(r, 2);
    return two ? remainder_is(r, self, two, 0) : NULL;
}
GN_CALLABLE(divisibleby) { return remainder_is(r, self, arg[0], 0); }

static gn_value *case_is(gn_render *r, gn_value *v, bool upper) {
    gn_slice text;
    return gn_text_of(r, v, &text) ? gn_make_bool(r, gn_text_all_case(text, upper)) : NULL;
}
GN_CALLABLE(lower) { return case_is(r, self, false); }
GN_CALLABLE(upper) { return case_is(r, self, true); }

/* Small integers, texts and True, False, None are one object in Python. */
GN_CALLABLE(sameas) {
    bool same = self == arg[0];
    if (!same && self->kind == arg[0]->kind && (self->kind <= GN_INTEGER || gn_is_text(self)) &&
        !gn_equal(r, self, arg[0], &same))
        return NULL;
    return gn_make_bool(r, same);
}

GN_CALLABLE(in) {
    bool is;
    return gn_contains(r, arg[0], self, &is) ? gn_make_bool(r, is) : NULL;
}

GN_CALLABLE(eq) {
    bool is;
    return gn_equal(r, self, arg[0], &is) ? gn_make_bool(r, is) : NULL;
}
GN_CALLABLE(ne) {
    bool is;
    return gn_equal(r, self, arg[0], &is) ? gn_make_bool(r, !is) : NULL;
}
GN_CALLABLE(lt) {
    int o;
    return gn_order(r, self, arg[0], "<", &o) ? gn_make_bool(r, o < 0) : NULL;
}
GN_CALLABLE(le) {
    int o;
    return gn_order(r, self, arg[0], "<=", &o) ? gn_make_bool(r, o <= 0) : NULL;
}
GN_CALLABLE(gt) {
    int o;
    return gn_order(r, self, arg[0], ">", &o) ? gn_make_bool(r, o == 1) : NULL;
}
GN_CALLABLE(ge) {
    int o;
    return gn_order(r, self, arg[0], ">=", &o) ? gn_make_bool(r, o == 0 || o == 1) : NULL;
}

/* A name to look up: anything that could be a key, though only texts are found. */
static bool name(gn_render *r, const gn_value *v) {
    if (v->kind == GN_UNDEFINED)
        return ((const gn_undefined *)v)->lenient || gn_undefined_fail(r, v);
    return gn_is_hashable(v) || (v->kind >= GN_RANGE && v->kind != GN_VIEW) ||
           gn_render_fail(r, GN_INVALID, "a %s is no name", gn_type_name(v));
}
GN_CALLABLE(filter) {
    if (!name(r, self))
        return NULL;
    return gn_make_bool(r, gn_is_text(self) && gn_filter_find(self->string, r->t->env));
}
GN_CALLABLE(test) {
    if (!name(r, self))
        return NULL;
    return gn_make_bool(r, gn_is_text(self) && gn_test_find(self->string));
}

const gn_callable *gn_test_find(gn_slice name) {
    static const gn_callable table[] = {
        {"!=", ne, ".other", 1, 0},
        {"<", lt, ".other", 1, 0},
        {"<=", le, ".other", 1, 0},
        {"==", eq, ".other", 1, 0},
        {">", gt, ".other", 1, 0},
        {">=", ge, ".other", 1, 0},
        {"boolean", boolean, "", 0, 0},
        {"callable", callable, "", 0, 0},
        {"defined", defined, "", 0, 0},
        {"divisibleby", divisibleby, "num", 1, 0},
        {"eq", eq, ".other", 1, 0},
        {"equalto", eq, ".other", 1, 0},
        {"escaped", escaped, "", 0, 0},
        {"even", even, "", 0, 0},
        {"false", false_, "", 0, 0},
        {"filter", filter, "", 0, 0},
        {"float", float_, "", 0, 0},
        {"ge", ge, ".other", 1, 0},
        {"greaterthan", gt, ".other", 1, 0},
        {"gt", gt, ".other", 1, 0},
        {"in", in, "seq", 1, 0},
        {"integer", integer, "", 0, 0},
        {"iterable", iterable, "", 0, 0},
        {"le", le, ".other", 1, 0},
        {"lessthan", lt, ".other", 1, 0},
        {"lower", lower, "", 0, 0},
        {"lt", lt, ".other", 1, 0},
        {"mapping", mapping, "", 0, 0},
        {"ne", ne, ".other", 1, 0},
        {"none", none, "", 0, 0},
        {"number", number, "", 0, 0},
        {"odd", odd, "", 0, 0},
        {"sameas", sameas, "other", 1, 0},
        {"sequence", sequence, "", 0, 0},
        {"string", string, "", 0, 0},
        {"test", test, "", 0, 0},
        {"true", true_, "", 0, 0},
        {"undefined", undefined, "", 0, 0},
        {"upper", upper, "", 0, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (gn_slice_is(name, table[i].name))
            return &table[i];
    return NULL;
}
