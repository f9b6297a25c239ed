/* values.c - making, walking, comparing values as Python does. */
#include "core/base/unicode.h"
#include "core/template/runtime.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { KEY_DEPTH = 20 };

/* ---- failing ------------------------------------------------------------ */

gn_value *gn_render_fail(gn_render *r, gn_code code, const char *fmt, ...) {
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    gn_fail(r->e, code, "line %d: %s", r->line, text);
    return NULL;
}

static void *no_room(gn_render *r) {
    if (r->arena->limit)
        gn_render_fail(r, GN_NO_MEMORY, "the template needs more than %zu MiB of memory",
                       r->arena->limit >> 20);
    else
        gn_render_fail(r, GN_NO_MEMORY, "out of memory");
    return NULL;
}

gn_value *gn_render_made(gn_render *r, gn_value *v) { return v ? v : no_room(r); }

void *gn_render_alloc(gn_render *r, size_t bytes) {
    void *p = gn_arena_alloc(r->arena, bytes ? bytes : 1);
    return p ? p : no_room(r);
}

bool gn_render_tick(gn_render *r, size_t n) {
    r->steps += (int64_t)(n < GN_MAX_STEPS ? n : GN_MAX_STEPS);
    return r->steps <= GN_MAX_STEPS ||
           gn_render_fail(r, GN_INVALID, "the template takes more than %d steps", GN_MAX_STEPS);
}

/* ---- making ------------------------------------------------------------- */

gn_value *gn_make_null(gn_render *r) { return gn_render_made(r, gn_value_null(r->arena)); }
gn_value *gn_make_bool(gn_render *r, bool v) {
    return gn_render_made(r, gn_value_bool(r->arena, v));
}
gn_value *gn_make_integer(gn_render *r, int64_t v) {
    return gn_render_made(r, gn_value_integer(r->arena, v));
}
gn_value *gn_make_number(gn_render *r, double v) {
    return gn_render_made(r, gn_value_number(r->arena, v));
}
gn_value *gn_make_text(gn_render *r, gn_slice text) {
    return gn_render_made(r, gn_value_string(r->arena, text));
}
gn_value *gn_make_borrow(gn_render *r, gn_slice text) {
    return gn_render_made(r, gn_value_borrow(r->arena, text));
}

gn_value *gn_make_take(gn_render *r, gn_str *s, const gn_value *like) {
    gn_value *v = s->failed ? no_room(r) : gn_make_text(r, gn_str_slice(s));
    gn_str_release(s);
    if (v && like && like->kind == GN_MARKUP)
        v->kind = GN_MARKUP;
    return v;
}

gn_value *gn_make_list(gn_render *r, int kind, gn_value **item, size_t count) {
    gn_value *v = gn_render_alloc(r, sizeof *v);
    if (v) {
        v->kind = kind;
        v->list.item = item;
        v->list.count = v->list.capacity = count;
    }
    return v;
}

gn_value *gn_make_pair(gn_render *r, gn_value *a, gn_value *b) {
    gn_value **item = a && b ? gn_render_alloc(r, 2 * sizeof *item) : NULL;
    if (!item)
        return NULL;
    item[0] = a;
    item[1] = b;
    return gn_make_list(r, GN_TUPLE, item, 2);
}

gn_value *gn_make_iterator(gn_render *r, const char *type, gn_value **item, size_t count) {
    gn_iterator *it = gn_render_alloc(r, sizeof *it);
    if (!it)
        return NULL;
    *it = (gn_iterator){.v.kind = GN_ITERATOR, .type = type, .item = item, .count = count};
    return &it->v;
}

gn_value *gn_make_view(gn_render *r, gn_value *map, char what) {
    gn_view *view = gn_render_alloc(r, sizeof *view);
    if (!view)
        return NULL;
    *view = (gn_view){.v.kind = GN_VIEW, .map = map, .what = what};
    return &view->v;
}

gn_value *gn_make_undefined(gn_render *r, gn_slice name, const char *of, const char *hint) {
    gn_undefined *u = gn_render_alloc(r, sizeof *u);
    if (!u)
        return NULL;
    *u = (gn_undefined){.v.kind = GN_UNDEFINED,
                        .name = name,
                        .of = of,
                        .hint = hint,
                        .lenient = r->t->env == GN_TEMPLATE_CHAT};
    return &u->v;
}

gn_value *gn_undefined_fail(gn_render *r, const gn_value *undefined) {
    const gn_undefined *u = (const gn_undefined *)undefined;
    const int len = (int)(u->name.len > 100 ? 100 : u->name.len);
    if (u->hint)
        return gn_render_fail(r, GN_INVALID, "%s", u->hint);
    if (u->of)
        return gn_render_fail(r, GN_INVALID, "a %s has no attribute or item '%.*s'", u->of, len,
                              u->name.data);
    return gn_render_fail(r, GN_INVALID, "'%.*s' is undefined", len, u->name.data);
}

static bool strict(const gn_value *v) {
    return v->kind == GN_UNDEFINED && !((const gn_undefined *)v)->lenient;
}

/* ---- what a value is ---------------------------------------------------- */

const char *gn_type_name(const gn_value *v) {
    static const char *const name[] = {
        [GN_NULL] = "NoneType",     [GN_BOOL] = "bool",           [GN_INTEGER] = "int",
        [GN_NUMBER] = "float",      [GN_STRING] = "str",          [GN_LIST] = "list",
        [GN_MAP] = "dict",          [GN_UNDEFINED] = "Undefined", [GN_TUPLE] = "tuple",
        [GN_MARKUP] = "Markup",     [GN_RANGE] = "range",         [GN_NAMESPACE] = "Namespace",
        [GN_FUNCTION] = "function", [GN_METHOD] = "method",       [GN_MACRO] = "Macro",
        [GN_LOOP] = "LoopContext",  [GN_CYCLER] = "Cycler",       [GN_JOINER] = "Joiner",
    };
    if (v->kind == GN_VIEW) {
        const char what = ((const gn_view *)v)->what;
        return what == 'k' ? "dict_keys" : what == 'v' ? "dict_values" : "dict_items";
    }
    return v->kind == GN_ITERATOR ? ((const gn_iterator *)v)->type : name[v->kind];
}

static bool has_length(const gn_value *v) {
    return gn_is_text(v) || gn_is_listlike(v) || v->kind == GN_MAP || v->kind == GN_RANGE ||
           v->kind == GN_VIEW || v->kind == GN_UNDEFINED || v->kind == GN_LOOP;
}

bool gn_is_iterable(const gn_value *v) {
    return (has_length(v) && v->kind != GN_LOOP) || v->kind == GN_ITERATOR;
}

static size_t plain_length(const gn_value *v) {
    switch (v->kind) {
    case GN_STRING:
    case GN_MARKUP:
        return gn_utf8_count(v->string);
    case GN_LIST:
    case GN_TUPLE:
        return v->list.count;
    case GN_MAP:
        return v->map.count;
    case GN_RANGE:
        return (size_t)((const gn_range *)v)->count;
    case GN_VIEW:
        return ((const gn_view *)v)->map->map.count;
    default:
        return 0;
    }
}

bool gn_length(gn_render *r, const gn_value *v, int64_t *out) {
    if (strict(v))
        return gn_undefined_fail(r, v);
    if (!has_length(v) || v->kind == GN_LOOP)
        return gn_render_fail(r, GN_INVALID, "a %s has no length", gn_type_name(v));
    *out = (int64_t)plain_length(v);
    return true;
}

bool gn_truth(gn_render *r, const gn_value *v, bool *out) {
    switch (v->kind) {
    case GN_NULL:
        *out = false;
        break;
    case GN_BOOL:
        *out = v->boolean;
        break;
    case GN_INTEGER:
        *out = v->integer != 0;
        break;
    case GN_NUMBER:
        *out = v->number != 0;
        break;
    case GN_UNDEFINED:
        if (strict(v))
            return gn_undefined_fail(r, v);
        *out = false;
        break;
    case GN_STRING:
    case GN_MARKUP:
        *out = v->string.len > 0;
        break;
    default:
        *out = !has_length(v) || v->kind == GN_LOOP || plain_length(v) > 0;
    }
    return true;
}

bool gn_value_true(const gn_value *v) {
    bool is = false;
    return v && v->kind != GN_UNDEFINED && gn_truth(NULL, v, &is) && is;
}

bool gn_text_of(gn_render *r, const gn_value *v, gn_slice *out) {
    if (gn_is_text(v)) {
        *out = v->string;
        return true;
    }
    gn_str s = {0};
    if (!gn_print_value(r, &s, v, false)) {
        gn_str_release(&s);
        return false;
    }
    const gn_value *text = gn_make_take(r, &s, NULL);
    if (text)
        *out = text->string;
    return text != NULL;
}

/* ---- walking ------------------------------------------------------------ */

size_t gn_text_byte(gn_slice text, int64_t i) {
    size_t at = 0;
    for (int32_t cp; i > 0 && at < text.len; i--)
        at += gn_utf8_next(text, at, &cp);
    return at;
}

gn_value *gn_range_at(gn_render *r, const gn_range *range, int64_t i) {
    return gn_make_integer(r, range->start + i * range->step);
}

static gn_value *map_item(gn_render *r, const gn_value *map, size_t i, char what) {
    const gn_entry *entry = &map->map.entry[i];
    if (what == 'v')
        return entry->value;
    gn_value *key = gn_key_value(r, entry->key);
    return what == 'k' ? key : gn_make_pair(r, key, entry->value);
}

static gn_value *character(gn_render *r, gn_slice text, size_t *at) {
    int32_t cp;
    const size_t n = gn_utf8_next(text, *at, &cp);
    const gn_slice one = {text.data + *at, n};
    *at += n;
    return gn_make_borrow(r, one);
}

bool gn_items(gn_render *r, gn_value *v, gn_value ***item, size_t *count) {
    if (gn_is_listlike(v)) {
        *item = v->list.item;
        *count = v->list.count;
        return gn_render_tick(r, *count);
    }
    if (v->kind == GN_ITERATOR) {
        gn_iterator *it = (gn_iterator *)v;
        *item = it->count ? it->item + it->at : it->item;
        *count = it->count - it->at;
        it->at = it->count;
        return gn_render_tick(r, *count);
    }
    if (strict(v))
        return gn_undefined_fail(r, v);
    if (!gn_is_iterable(v))
        return gn_render_fail(r, GN_INVALID, "a %s cannot be iterated", gn_type_name(v));
    *count = plain_length(v);
    *item = gn_render_alloc(r, *count * sizeof **item);
    if (!*item || !gn_render_tick(r, *count))
        return false;
    size_t at = 0;
    for (size_t i = 0; i < *count; i++) {
        gn_value *one = gn_is_text(v)         ? character(r, v->string, &at)
                        : v->kind == GN_RANGE ? gn_range_at(r, (const gn_range *)v, (int64_t)i)
                        : v->kind == GN_MAP
                            ? map_item(r, v, i, 'k')
                            : map_item(r, ((const gn_view *)v)->map, i, ((const gn_view *)v)->what);
        if (!one)
            return false;
        (*item)[i] = one;
    }
    return true;
}

/* ---- keys of dicts ------------------------------------------------------ */

bool gn_key_is_text(gn_slice key) { return key.len == 0 || (unsigned char)key.data[0] != 0xFF; }

/* FF, a letter for the kind, and what Python prints. */
static bool coded(gn_render *r, const gn_value *key, char kind, gn_slice *out) {
    gn_str s = {0};
    gn_str_putc(&s, '\xFF');
    gn_str_putc(&s, kind);
    if (!gn_print_value(r, &s, key, true)) {
        gn_str_release(&s);
        return false;
    }
    const gn_value *text = gn_make_take(r, &s, NULL);
    if (text)
        *out = text->string;
    return text != NULL;
}

static bool hashable(const gn_value *v, int depth) {
    if (v->kind != GN_TUPLE)
        return v->kind <= GN_STRING || v->kind == GN_MARKUP;
    for (size_t i = 0; i < v->list.count; i++)
        if (depth > KEY_DEPTH || !hashable(v->list.item[i], depth + 1))
            return false;
    return true;
}

bool gn_is_hashable(const gn_value *v) { return hashable(v, 0); }

/* The code of `as`; *there tells whether map has it. */
static bool try_code(gn_render *r, const gn_value *map, gn_value as, char kind, gn_slice *out,
                     bool *there) {
    if (!coded(r, &as, kind, out))
        return false;
    *there = gn_value_get(map, *out) != NULL;
    return true;
}

/* 1, 1.0 and True are one key: the one that was there first. */
static bool number_key(gn_render *r, const gn_value *map, const gn_value *key, gn_slice *out) {
    int64_t whole = key->kind == GN_BOOL ? key->boolean : 0;
    if (key->kind == GN_BOOL || gn_value_to_integer(key, &whole)) {
        bool there = false;
        if (!try_code(r, map, (gn_value){.kind = GN_INTEGER, .integer = whole}, 'i', out, &there) ||
            there)
            return there;
        if (!try_code(r, map, (gn_value){.kind = GN_NUMBER, .number = (double)whole}, 'f', out,
                      &there) ||
            there)
            return there;
        if (whole == 0 || whole == 1)
            if (!try_code(r, map, (gn_value){.kind = GN_BOOL, .boolean = whole}, 'b', out,
                          &there) ||
                there)
                return there;
    }
    return coded(r, key, key->kind == GN_INTEGER ? 'i' : key->kind == GN_BOOL ? 'b' : 'f', out);
}

bool gn_key_of(gn_render *r, const gn_value *map, const gn_value *key, gn_slice *out) {
    if (gn_is_text(key)) {
        *out = key->string;
        return true;
    }
    if (key->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, key);
    if (!gn_is_hashable(key))
        return gn_render_fail(r, GN_INVALID, "a %s cannot be a key", gn_type_name(key));
    if (gn_is_numeric(key))
        return number_key(r, map, key, out);
    return coded(r, key, key->kind == GN_NULL ? 'n' : 't', out);
}

gn_value *gn_key_value(gn_render *r, gn_slice key) {
    if (gn_key_is_text(key))
        return gn_make_borrow(r, key);
    if (key.data[1] == 'f' && !memchr("0123456789", key.data[key.len - 1], 10))
        return gn_make_number(r, key.data[2] == 'n'   ? NAN
                                 : key.data[2] == '-' ? -INFINITY
                                                      : INFINITY);
    gn_error why = {0};
    return gn_render_made(r, gn_literal_read(r->arena, gn_slice_from(key, 2), true, &why));
}

/* ---- comparing ---------------------------------------------------------- */

static bool deeper(gn_render *r) {
    return ++r->depth < GN_MAX_DEPTH ||
           gn_render_fail(r, GN_INVALID, "values nested too deep to compare");
}

/* Python looks at a tuple's items before its length, at a list's length first: that
 * shows where comparing an item fails. */
static bool lists_equal(gn_render *r, const gn_value *a, const gn_value *b, bool *out) {
    const bool same_length = a->list.count == b->list.count;
    *out = same_length || a->kind == GN_TUPLE;
    for (size_t i = 0; *out && i < a->list.count && i < b->list.count; i++)
        if (a->list.item[i] != b->list.item[i] &&
            !gn_equal(r, a->list.item[i], b->list.item[i], out))
            return false;
    *out = *out && same_length;
    return true;
}

static bool maps_equal(gn_render *r, const gn_value *a, const gn_value *b, bool *out) {
    *out = a->map.count == b->map.count;
    for (size_t i = 0; *out && i < a->map.count; i++) {
        gn_slice key = a->map.entry[i].key;
        if (!gn_key_is_text(key)) {
            const gn_value *same = gn_key_value(r, key);
            if (!same || !gn_key_of(r, b, same, &key))
                return false;
        }
        const gn_value *mine = a->map.entry[i].value, *other = gn_value_get(b, key);
        if (!other)
            *out = false;
        else if (mine != other && !gn_equal(r, mine, other, out))
            return false;
    }
    return true;
}

bool gn_equal(gn_render *r, const gn_value *a, const gn_value *b, bool *out) {
    bool ok = true;
    if (strict(a) || strict(b))
        return gn_undefined_fail(r, strict(a) ? a : b);
    if (!gn_render_tick(r, 1) || !deeper(r))
        return false;
    if (gn_is_numeric(a) && gn_is_numeric(b)) {
        *out = gn_value_equal(a, b);
    } else if (gn_is_text(a) && gn_is_text(b)) {
        *out = gn_slice_equal(a->string, b->string);
        ok = gn_render_tick(r, a->string.len / 64);
    } else if (a->kind != b->kind) {
        *out = false;
    } else if (gn_is_listlike(a)) {
        ok = lists_equal(r, a, b, out);
    } else if (a->kind == GN_MAP) {
        ok = maps_equal(r, a, b, out);
    } else if (a->kind == GN_RANGE) {
        const gn_range *x = (const gn_range *)a, *y = (const gn_range *)b;
        *out = x->count == y->count && (x->count == 0 || x->start == y->start) &&
               (x->count < 2 || x->step == y->step);
    } else {
        *out = a->kind == GN_NULL || a->kind == GN_UNDEFINED || a == b;
    }
    r->depth--;
    return ok;
}

static int numbers_order(const gn_value *a, const gn_value *b) {
    if (gn_is_integer(a) && gn_is_integer(b)) {
        const int64_t x = gn_integer_of(a), y = gn_integer_of(b);
        return (x > y) - (x < y);
    }
    const double x = gn_number_of(a), y = gn_number_of(b);
    if (isnan(x) || isnan(y))
        return GN_NO_ORDER;
    if (x != y || fabs(x) < 0x1p53)
        return (x > y) - (x < y);
    /* An integer was rounded to the other's value: what did it lose? (2^63 is out of range.) */
    if (gn_is_integer(a) && y < 0x1p63)
        return numbers_order(a, &(gn_value){.kind = GN_INTEGER, .integer = (int64_t)y});
    if (gn_is_integer(b) && x < 0x1p63)
        return numbers_order(&(gn_value){.kind = GN_INTEGER, .integer = (int64_t)x}, b);
    return gn_is_integer(a) ? -1 : gn_is_integer(b);
}

/* Sequences: the first items that differ decide, then the length. */
static bool lists_order(gn_render *r, const gn_value *a, const gn_value *b, const char *sign,
                        int *out) {
    for (size_t i = 0; i < a->list.count && i < b->list.count; i++) {
        bool same = a->list.item[i] == b->list.item[i];
        if (!same && !gn_equal(r, a->list.item[i], b->list.item[i], &same))
            return false;
        if (!same)
            return gn_order(r, a->list.item[i], b->list.item[i], sign, out);
    }
    *out = (a->list.count > b->list.count) - (a->list.count < b->list.count);
    return true;
}

bool gn_order(gn_render *r, const gn_value *a, const gn_value *b, const char *sign, int *out) {
    if (a->kind == GN_UNDEFINED || b->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, a->kind == GN_UNDEFINED ? a : b);
    if (!gn_render_tick(r, 1))
        return false;
    if (gn_is_numeric(a) && gn_is_numeric(b)) {
        *out = numbers_order(a, b);
        return true;
    }
    if (gn_is_text(a) && gn_is_text(b)) {
        const int order = gn_slice_compare(a->string, b->string);
        *out = (order > 0) - (order < 0);
        return true;
    }
    if (gn_is_listlike(a) && a->kind == b->kind) {
        const bool ok = deeper(r) && lists_order(r, a, b, sign, out);
        r->depth--;
        return ok;
    }
    return gn_render_fail(r, GN_INVALID, "'%s' cannot compare a %s with a %s", sign,
                          gn_type_name(a), gn_type_name(b));
}

static bool key_in(gn_render *r, const gn_value *map, const gn_value *key, bool *out) {
    gn_slice text;
    *out = false;
    if ((key->kind == GN_UNDEFINED && !strict(key)) ||
        (key->kind >= GN_RANGE && key->kind != GN_VIEW))
        return true; /* it could be a key elsewhere, but no dict of ours has it */
    if (!gn_key_of(r, map, key, &text))
        return false;
    *out = gn_value_get(map, text) != NULL;
    return true;
}

bool gn_contains(gn_render *r, gn_value *in, gn_value *what, bool *out) {
    if (gn_is_text(in)) {
        if (what->kind == GN_UNDEFINED)
            return gn_undefined_fail(r, what);
        if (!gn_is_text(what))
            return gn_render_fail(r, GN_INVALID, "'in' needs a str to find in a str, not a %s",
                                  gn_type_name(what));
        *out = gn_slice_find(in->string, what->string) >= 0;
        return gn_render_tick(r, in->string.len / 64);
    }
    if (in->kind == GN_MAP)
        return key_in(r, in, what, out);
    if (in->kind == GN_VIEW && ((gn_view *)in)->what == 'k')
        return key_in(r, ((gn_view *)in)->map, what, out);
    gn_iterator *it = in->kind == GN_ITERATOR ? (gn_iterator *)in : NULL;
    const size_t begin = it ? it->at : 0;
    gn_value **item;
    size_t count;
    if (!gn_items(r, in, &item, &count))
        return false;
    *out = false;
    for (size_t i = 0; !*out && i < count; i++) {
        if (item[i] == what)
            *out = true;
        else if (!gn_equal(r, item[i], what, out))
            return false;
        if (it)
            it->at = begin + i + 1;
    }
    return true;
}
