/* access.c - v.name, v[key], v[from:to:step].
 *
 * A dot looks for a method first and for a key then, brackets the other way round.
 * What is not there is undefined; asking an undefined value for anything fails.
 */
#include "core/base/unicode.h"
#include "core/template/runtime.h"

static bool changes(const gn_value *v, gn_slice name) {
    static const char *const of_list[] = {"append", "clear",   "extend", "insert", "pop",
                                          "remove", "reverse", "sort",   NULL};
    static const char *const of_map[] = {"clear", "pop", "popitem", "setdefault", "update", NULL};
    const char *const *names = v->kind == GN_LIST ? of_list : v->kind == GN_MAP ? of_map : NULL;
    for (; names && *names; names++)
        if (gn_slice_is(name, *names))
            return true;
    return false;
}

static gn_value *method(gn_render *r, gn_value *v, const gn_callable *which) {
    gn_method_value *m = gn_render_alloc(r, sizeof *m);
    if (!m)
        return NULL;
    *m = (gn_method_value){.v.kind = GN_METHOD, .self = v, .method = which};
    return &m->v;
}

/* What Python's getattr() would find; NULL, and no error, if nothing. */
gn_value *gn_own_attribute(gn_render *r, gn_value *v, gn_slice name) {
    const gn_callable *which = gn_method_find(v, name);
    if (which)
        return method(r, v, which);
    if (changes(v, name))
        return gn_make_undefined(r, name, NULL, "templates cannot change lists and dicts");
    switch (v->kind) {
    case GN_NAMESPACE:
        return gn_value_get(((gn_namespace *)v)->map, name);
    case GN_LOOP:
        return gn_loop_attribute(r, (gn_loop *)v, name);
    case GN_CYCLER:
        return gn_slice_is(name, "current") ? ((gn_cycler *)v)->item[((gn_cycler *)v)->at] : NULL;
    case GN_MACRO:
        return gn_slice_is(name, "name") ? gn_make_borrow(r, ((gn_macro *)v)->node->name) : NULL;
    case GN_TUPLE:
        if (v->line != GN_GROUP_LINE)
            return NULL;
        return gn_slice_is(name, "grouper") ? v->list.item[0]
               : gn_slice_is(name, "list")  ? v->list.item[1]
                                            : NULL;
    default:
        return NULL;
    }
}

gn_value *gn_attribute(gn_render *r, gn_value *v, gn_slice name) {
    if (v->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, v);
    gn_value *found = gn_own_attribute(r, v, name);
    if (!found && !gn_failed(r))
        found = gn_value_get(v, name);
    return found || gn_failed(r) ? found : gn_make_undefined(r, name, gn_type_name(v), NULL);
}

/* i as an index from the start into n items; false if it is outside. */
static bool place(int64_t *i, int64_t n) {
    if (*i < 0)
        *i += n;
    return *i >= 0 && *i < n;
}

static gn_value *indexed(gn_render *r, gn_value *v, int64_t i) {
    if (gn_is_listlike(v))
        return place(&i, (int64_t)v->list.count) ? v->list.item[i] : NULL;
    if (v->kind == GN_RANGE)
        return place(&i, ((gn_range *)v)->count) ? gn_range_at(r, (gn_range *)v, i) : NULL;
    if (!gn_is_text(v) || !place(&i, (int64_t)gn_utf8_count(v->string)))
        return NULL;
    const size_t at = gn_text_byte(v->string, i);
    const gn_slice rest = gn_slice_from(v->string, at);
    gn_value *c = gn_make_borrow(r, (gn_slice){rest.data, gn_text_byte(rest, 1)});
    if (c)
        c->kind = v->kind;
    return c;
}

gn_value *gn_item(gn_render *r, gn_value *v, gn_value *key) {
    gn_value *found = NULL;
    if (v->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, v);
    if (!gn_render_tick(r, gn_is_text(v) ? v->string.len / 64 : 0))
        return NULL;
    if (v->kind == GN_MAP) {
        gn_slice text;
        if (key->kind == GN_UNDEFINED && !((gn_undefined *)key)->lenient)
            return gn_undefined_fail(r, key);
        if (gn_is_hashable(key)) {
            if (!gn_key_of(r, v, key, &text))
                return NULL;
            found = gn_value_get(v, text);
        }
    } else if (gn_is_integer(key)) {
        found = indexed(r, v, gn_integer_of(key));
    }
    if (!found && !gn_failed(r) && gn_is_text(key))
        found = gn_own_attribute(r, v, key->string);
    if (found || gn_failed(r))
        return found;
    gn_slice name;
    if (key->kind == GN_UNDEFINED)
        name = GN_S("undefined");
    else if (!gn_text_of(r, key, &name))
        return NULL;
    return gn_make_undefined(r, name, gn_type_name(v), NULL);
}

/* ---- slices ------------------------------------------------------------- */

typedef struct bounds {
    int64_t from, to, step, count;
} bounds;

static int64_t clamp(int64_t v, int64_t low, int64_t high) {
    return v < low ? low : v > high ? high : v;
}

/* None or an integer. */
static bool bound(gn_render *r, const gn_value *v, int64_t otherwise, int64_t *out) {
    *out = otherwise;
    if (!v || v->kind == GN_NULL)
        return true;
    if (v->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, v);
    if (!gn_is_integer(v))
        return gn_render_fail(r, GN_INVALID, "a slice needs integers, not a %s", gn_type_name(v));
    *out = gn_integer_of(v);
    return true;
}

static bool cut(gn_render *r, int64_t n, gn_value *from, gn_value *to, gn_value *step, bounds *b) {
    int64_t begin, end;
    if (!bound(r, step, 1, &b->step))
        return false;
    if (b->step == 0)
        return gn_render_fail(r, GN_INVALID, "a slice's step cannot be zero");
    const int64_t low = b->step > 0 ? 0 : -1, high = b->step > 0 ? n : n - 1;
    const bool open = !to || to->kind == GN_NULL;
    if (!bound(r, from, b->step > 0 ? 0 : n - 1, &begin) || !bound(r, to, 0, &end))
        return false;
    begin = clamp(begin < 0 ? begin + n : begin, low, high);
    end = open ? (b->step > 0 ? n : -1) : clamp(end < 0 ? end + n : end, low, high);
    if (!from || from->kind == GN_NULL)
        begin = b->step > 0 ? 0 : n - 1;
    b->from = begin;
    b->to = end;
    if (b->step > 0)
        b->count = end > begin ? (end - begin - 1) / b->step + 1 : 0;
    else
        b->count =
            begin > end ? (begin - end - 1) / (b->step == INT64_MIN ? INT64_MAX : -b->step) + 1 : 0;
    return true;
}

static gn_value *text_slice(gn_render *r, gn_value *v, const bounds *b) {
    const gn_slice s = v->string;
    gn_str out = {0};
    if (b->step == 1) {
        const size_t at = gn_text_byte(s, b->from);
        const gn_slice rest = gn_slice_from(s, at);
        gn_str_add(&out, (gn_slice){rest.data, gn_text_byte(rest, b->count)});
        return gn_make_take(r, &out, v);
    }
    /* Where every character begins, so that steps can go either way. */
    gn_value **item;
    size_t n;
    if (!gn_items(r, v, &item, &n))
        return NULL;
    for (int64_t i = 0; i < b->count; i++)
        gn_str_add(&out, item[b->from + i * b->step]->string);
    return gn_make_take(r, &out, v);
}

static gn_value *range_slice(gn_render *r, const gn_range *whole, const bounds *b) {
    gn_range *part = gn_render_alloc(r, sizeof *part);
    if (!part)
        return NULL;
    *part = (gn_range){.v.kind = GN_RANGE, .count = b->count};
    if (__builtin_mul_overflow(whole->step, b->step, &part->step) ||
        __builtin_mul_overflow(whole->step, b->from, &part->start) ||
        __builtin_add_overflow(whole->start, part->start, &part->start) ||
        __builtin_mul_overflow(whole->step, b->to, &part->stop) ||
        __builtin_add_overflow(whole->start, part->stop, &part->stop))
        return gn_render_fail(r, GN_UNSUPPORTED, "a range's slice is wider than 64 bits");
    return &part->v;
}

gn_value *gn_slice_value(gn_render *r, gn_value *v, gn_value *from, gn_value *to, gn_value *step) {
    int64_t n;
    bounds b = {0};
    if (v->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, v);
    if (!gn_is_text(v) && !gn_is_listlike(v) && v->kind != GN_RANGE)
        return gn_render_fail(r, GN_INVALID, "a %s cannot be sliced", gn_type_name(v));
    if (!gn_length(r, v, &n) || !cut(r, n, from, to, step, &b) ||
        !gn_render_tick(r, (size_t)(gn_is_text(v) ? n / 64 : b.count)))
        return NULL;
    if (gn_is_text(v))
        return text_slice(r, v, &b);
    if (v->kind == GN_RANGE)
        return range_slice(r, (const gn_range *)v, &b);
    gn_value **item = gn_render_alloc(r, (size_t)b.count * sizeof *item);
    for (int64_t i = 0; item && i < b.count; i++)
        item[i] = v->list.item[b.from + i * b.step];
    return item ? gn_make_list(r, v->kind, item, (size_t)b.count) : NULL;
}
