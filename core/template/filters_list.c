/* filters_list.c - filters over lists: map, select, sort, groupby ... */
#include "core/base/unicode.h"
#include "core/template/filters.h"

#include <ctype.h>

/* ---- attributes by path ------------------------------------------------- */

/* x['a']['b'][0] for 'a.b.0'; x for None; `otherwise` (may be NULL) for what is
 * not there; a text in lower case where that is asked. */
static gn_value *reach(gn_render *r, gn_value *v, const gn_value *path, gn_value *otherwise,
                       bool lower) {
    if (path && path->kind != GN_NULL && !gn_is_text(path)) {
        v = gn_item(r, v, (gn_value *)path);
        if (v && otherwise && v->kind == GN_UNDEFINED)
            v = otherwise;
    } else if (path && gn_is_text(path)) {
        gn_slice rest = path->string;
        for (bool more = true; v && more;) {
            const char *dot = memchr(rest.data, '.', rest.len);
            const gn_slice part = {rest.data, dot ? (size_t)(dot - rest.data) : rest.len};
            int64_t i;
            bool digits = part.len > 0;
            for (size_t k = 0; k < part.len; k++)
                digits = digits && isdigit((unsigned char)part.data[k]);
            gn_value *key = digits && gn_parse_integer(part, &i) ? gn_make_integer(r, i)
                                                                 : gn_make_borrow(r, part);
            v = key ? gn_item(r, v, key) : NULL;
            if (v && otherwise && v->kind == GN_UNDEFINED)
                v = otherwise;
            more = dot != NULL;
            rest = gn_slice_from(rest, part.len + 1);
        }
    }
    if (!v || !lower || !gn_is_text(v))
        return v;
    gn_str out = {0};
    gn_text_lower(&out, v->string);
    return gn_make_take(r, &out, NULL);
}

/* 'a,b.c': a list of what each path reaches. */
static gn_value *reach_all(gn_render *r, gn_value *v, const gn_value *path, bool lower) {
    gn_growing out = {0};
    if (!path || !gn_is_text(path)) {
        gn_value *one = reach(r, v, path, NULL, lower);
        return gn_grow(r, &out, one) ? gn_make_list(r, GN_LIST, out.item, out.count) : NULL;
    }
    gn_slice rest = path->string;
    for (bool more = true; more;) {
        const char *comma = memchr(rest.data, ',', rest.len);
        const gn_slice part = {rest.data, comma ? (size_t)(comma - rest.data) : rest.len};
        const gn_value one = {.kind = GN_STRING, .string = part};
        if (!gn_grow(r, &out, reach(r, v, &one, NULL, lower)))
            return NULL;
        more = comma != NULL;
        rest = gn_slice_from(rest, part.len + 1);
    }
    return gn_make_list(r, GN_LIST, out.item, out.count);
}

static gn_value *list_of(gn_render *r, const gn_growing *g) {
    return gn_make_list(r, GN_LIST, g->item, g->count);
}
static gn_value *generator(gn_render *r, const gn_growing *g) {
    return gn_make_iterator(r, "generator", g->item, g->count);
}

/* ---- map, select, reject ------------------------------------------------ */

/* A name and the rest of the arguments, for map('filter', ...) and select('test', ...). */
static gn_given behind(const gn_given *given, size_t first) {
    gn_given rest = *given;
    rest.place += first;
    rest.n_place -= first;
    return rest;
}

static gn_value *named(const gn_given *given, const char *name) {
    for (size_t i = 0; i < given->n_named; i++)
        if (gn_slice_is(given->name[i], name))
            return given->named[i];
    return NULL;
}

static const gn_callable *find(gn_render *r, const gn_value *name, bool filter) {
    const gn_callable *f = !gn_is_text(name) ? NULL
                           : filter          ? gn_filter_find(name->string, r->t->env)
                                             : gn_test_find(name->string);
    gn_slice text;
    if (!f && name->kind == GN_UNDEFINED)
        gn_undefined_fail(r, name);
    else if (!f && gn_text_of(r, name, &text))
        gn_render_fail(r, GN_UNSUPPORTED, "no %s named '%.*s'", filter ? "filter" : "test",
                       (int)(text.len > 100 ? 100 : text.len), text.data);
    return f;
}

/* The items of something true; nothing of something false. */
static bool items_if_true(gn_render *r, gn_value *v, gn_value ***item, size_t *n) {
    bool is;
    *n = 0;
    return gn_truth(r, v, &is) && (!is || gn_items(r, v, item, n));
}

static gn_value *map_attribute(gn_render *r, gn_value **item, size_t n, const gn_given *given) {
    gn_growing out = {0};
    const gn_value *path = named(given, "attribute");
    gn_value *otherwise = named(given, "default");
    if (given->n_named > 1u + (otherwise != NULL))
        return gn_render_fail(r, GN_INVALID, "map(attribute=...) knows only 'default' beside it");
    if (otherwise && otherwise->kind == GN_NULL)
        otherwise = NULL;
    for (size_t i = 0; i < n; i++)
        if (!gn_grow(r, &out, reach(r, item[i], path, otherwise, false)))
            return NULL;
    return generator(r, &out);
}

GN_CALLABLE(map) {
    gn_value **item;
    size_t n;
    gn_growing out = {0};
    if (!items_if_true(r, self, &item, &n))
        return NULL;
    if (n == 0)
        return generator(r, &out);
    if (given->n_place == 0 && named(given, "attribute"))
        return map_attribute(r, item, n, given);
    if (given->n_place == 0)
        return gn_render_fail(r, GN_INVALID, "map() needs the name of a filter, or attribute=");
    const gn_callable *f = find(r, given->place[0], true);
    const gn_given rest = behind(given, 1);
    for (size_t i = 0; f && i < n; i++)
        if (!gn_grow(r, &out, gn_apply(r, f, "filter", item[i], &rest)))
            return NULL;
    return f ? generator(r, &out) : NULL;
}

static gn_value *chosen(gn_render *r, gn_value *self, const gn_given *given, bool attribute,
                        bool want) {
    gn_value **item;
    size_t n;
    gn_growing out = {0};
    const gn_callable *test = NULL;
    if (!items_if_true(r, self, &item, &n))
        return NULL;
    if (n == 0)
        return generator(r, &out);
    if (given->n_place < attribute)
        return gn_render_fail(r, GN_INVALID, "it needs the name of an attribute");
    if (given->n_place > attribute && !(test = find(r, given->place[attribute], false)))
        return NULL;
    const gn_given rest = test ? behind(given, 1u + attribute) : *given;
    for (size_t i = 0; i < n; i++) {
        bool is;
        gn_value *v = attribute ? reach(r, item[i], given->place[0], NULL, false) : item[i];
        if (v && test)
            v = gn_apply(r, test, "test", v, &rest);
        if (!v || !gn_truth(r, v, &is) || (is == want && !gn_grow(r, &out, item[i])))
            return NULL;
    }
    return generator(r, &out);
}
GN_CALLABLE(select_) { return chosen(r, self, given, false, true); }
GN_CALLABLE(reject) { return chosen(r, self, given, false, false); }
GN_CALLABLE(selectattr) { return chosen(r, self, given, true, true); }
GN_CALLABLE(rejectattr) { return chosen(r, self, given, true, false); }

/* ---- order -------------------------------------------------------------- */

/* Items sorted by keys, both copied: the list of a template never changes. */
static bool sorted(gn_render *r, gn_growing *key, gn_value ***item, size_t n, bool reverse) {
    gn_value **copy = gn_render_alloc(r, n * sizeof *copy);
    if (!copy)
        return false;
    if (n)
        memcpy(copy, *item, n * sizeof *copy);
    *item = copy;
    return gn_sort(r, key->item, copy, n, reverse);
}

GN_CALLABLE(sort) {
    gn_value **item;
    size_t n;
    bool reverse, sensitive;
    gn_growing key = {0};
    if (!gn_items(r, self, &item, &n) || !gn_arg_true(r, arg[0], false, &reverse) ||
        !gn_arg_true(r, arg[1], false, &sensitive))
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (!gn_grow(r, &key, reach_all(r, item[i], arg[2], !sensitive)))
            return NULL;
    return sorted(r, &key, &item, n, reverse) ? gn_make_list(r, GN_LIST, item, n) : NULL;
}

GN_CALLABLE(dictsort) {
    bool sensitive, reverse;
    gn_slice by;
    gn_growing key = {0}, pair = {0};
    if (self->kind == GN_UNDEFINED)
        return gn_undefined_fail(r, self);
    if (self->kind != GN_MAP)
        return gn_render_fail(r, GN_INVALID, "dictsort needs a dict, not a %s", gn_type_name(self));
    if (!gn_arg_true(r, arg[0], false, &sensitive) || !gn_arg_text(r, arg[1], GN_S("key"), &by) ||
        !gn_arg_true(r, arg[2], false, &reverse))
        return NULL;
    const bool value = gn_slice_is(by, "value");
    if (!value && !gn_slice_is(by, "key"))
        return gn_render_fail(r, GN_INVALID, "dictsort goes by 'key' or 'value'");
    for (size_t i = 0; i < self->map.count; i++) {
        gn_value *k = gn_key_value(r, self->map.entry[i].key), *v = self->map.entry[i].value;
        if (!k || !gn_grow(r, &key, reach(r, value ? v : k, NULL, NULL, !sensitive)) ||
            !gn_grow(r, &pair, gn_make_pair(r, k, v)))
            return NULL;
    }
    return gn_sort(r, key.item, pair.item, pair.count, reverse) ? list_of(r, &pair) : NULL;
}

GN_CALLABLE(groupby) {
    gn_value **item;
    size_t n;
    bool sensitive, same = false;
    gn_growing key = {0}, groups = {0};
    gn_value *otherwise = arg[1] && arg[1]->kind != GN_NULL ? arg[1] : NULL;
    if (!gn_items(r, self, &item, &n) || !gn_arg_true(r, arg[2], false, &sensitive))
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (!gn_grow(r, &key, reach(r, item[i], arg[0], otherwise, !sensitive)))
            return NULL;
    if (!sorted(r, &key, &item, n, false))
        return NULL;
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n; to++)
            if (!gn_equal(r, key.item[from], key.item[to], &same))
                return NULL;
            else if (!same)
                break;
        gn_value *group = gn_make_pair(r, reach(r, item[from], arg[0], otherwise, false),
                                       gn_make_list(r, GN_LIST, item + from, to - from));
        if (!gn_grow(r, &groups, group))
            return NULL;
        group->line = GN_GROUP_LINE;
    }
    return list_of(r, &groups);
}

static gn_value *extreme(gn_render *r, gn_value *self, gn_value **arg, int want) {
    gn_value **item, *best = NULL;
    size_t n, at = 0;
    bool sensitive;
    if (!gn_items(r, self, &item, &n) || !gn_arg_true(r, arg[0], false, &sensitive))
        return NULL;
    for (size_t i = 0; i < n; i++) {
        int order = want;
        gn_value *key = reach(r, item[i], arg[1], NULL, !sensitive);
        if (!key || (best && !gn_order(r, key, best, want < 0 ? "<" : ">", &order)))
            return NULL;
        if (order == want) {
            best = key;
            at = i;
        }
    }
    return n ? item[at]
             : gn_make_undefined(r, GN_S(""), NULL, "there is no item, the list is empty");
}
GN_CALLABLE(min) { return extreme(r, self, arg, -1); }
GN_CALLABLE(max) { return extreme(r, self, arg, 1); }

/* ---- ends and pieces ---------------------------------------------------- */

GN_CALLABLE(first) {
    gn_iterator *it = self->kind == GN_ITERATOR ? (gn_iterator *)self : NULL;
    gn_value **item;
    size_t n;
    if (it && it->at < it->count)
        return it->item[it->at++];
    if (!gn_items(r, self, &item, &n))
        return NULL;
    return n ? item[0] : gn_make_undefined(r, GN_S(""), NULL, "there is no first item");
}

GN_CALLABLE(last) {
    gn_value **item;
    size_t n;
    if (self->kind == GN_ITERATOR)
        return gn_render_fail(r, GN_INVALID, "'last' needs a list: put |list before it");
    if (!gn_items(r, self, &item, &n))
        return NULL;
    return n ? item[n - 1] : gn_make_undefined(r, GN_S(""), NULL, "there is no last item");
}

GN_CALLABLE(length) {
    int64_t n;
    return gn_length(r, self, &n) ? gn_make_integer(r, n) : NULL;
}

GN_CALLABLE(list) {
    gn_value **item;
    size_t n;
    return gn_items(r, self, &item, &n) ? gn_make_list(r, GN_LIST, item, n) : NULL;
}

GN_CALLABLE(items) {
    gn_value **item = NULL;
    size_t n = 0;
    if (self->kind != GN_UNDEFINED) {
        if (self->kind != GN_MAP)
            return gn_render_fail(r, GN_INVALID, "items needs a dict, not a %s",
                                  gn_type_name(self));
        gn_value *view = gn_make_view(r, self, 'i');
        if (!view || !gn_items(r, view, &item, &n))
            return NULL;
    }
    return gn_make_iterator(r, "generator", item, n);
}

GN_CALLABLE(reverse) {
    gn_value **item;
    size_t n;
    if (gn_is_text(self)) {
        gn_value *back = gn_make_integer(r, -1);
        return back ? gn_slice_value(r, self, NULL, NULL, back) : NULL;
    }
    const bool iterator = self->kind == GN_ITERATOR;
    gn_growing out = {0};
    if (!gn_items(r, self, &item, &n))
        return NULL;
    for (size_t i = n; i-- > 0;)
        if (!gn_grow(r, &out, item[i]))
            return NULL;
    return iterator
               ? list_of(r, &out)
               : gn_make_iterator(r, self->kind == GN_LIST ? "list_reverseiterator" : "reversed",
                                  out.item, out.count);
}

GN_CALLABLE(sum) {
    gn_value **item, *total = arg[1] ? arg[1] : gn_make_integer(r, 0);
    size_t n;
    if (!total || !gn_items(r, self, &item, &n))
        return NULL;
    if (gn_is_text(total))
        return gn_render_fail(r, GN_INVALID, "sum adds no texts: use join");
    for (size_t i = 0; total && i < n; i++) {
        gn_value *v = arg[0] ? reach(r, item[i], arg[0], NULL, false) : item[i];
        total = v ? gn_binary(r, '+', total, v) : NULL;
    }
    return total;
}

GN_CALLABLE(join) {
    gn_value **item;
    size_t n;
    gn_slice by = GN_S("");
    gn_str out = {0};
    if ((arg[0] && !gn_text_of(r, arg[0], &by)) || !gn_items(r, self, &item, &n))
        return NULL;
    const bool path = arg[1] && arg[1]->kind != GN_NULL;
    for (size_t i = 0; i < n; i++) {
        const gn_value *v = path ? reach(r, item[i], arg[1], NULL, false) : item[i];
        if (i)
            gn_str_add(&out, by);
        if (!v || !gn_print_value(r, &out, v, false)) {
            gn_str_release(&out);
            return NULL;
        }
    }
    return gn_make_take(r, &out, NULL);
}

GN_CALLABLE(unique) {
    gn_value **item;
    size_t n;
    bool sensitive;
    gn_growing out = {0};
    gn_value *seen = gn_render_made(r, gn_value_map(r->arena));
    if (!seen || !gn_items(r, self, &item, &n) || !gn_arg_true(r, arg[0], false, &sensitive))
        return NULL;
    for (size_t i = 0; i < n; i++) {
        gn_slice key = GN_S("\xFFu");
        gn_value *v = reach(r, item[i], arg[1], NULL, !sensitive);
        if (!v || ((v->kind != GN_UNDEFINED || !((gn_undefined *)v)->lenient) &&
                   !gn_key_of(r, seen, v, &key)))
            return NULL;
        if (gn_value_get(seen, key))
            continue;
        if (!gn_value_set(r->arena, seen, key, v))
            return gn_render_made(r, NULL);
        if (!gn_grow(r, &out, item[i]))
            return NULL;
    }
    return generator(r, &out);
}

GN_CALLABLE(batch) {
    gn_value **item;
    size_t n;
    int64_t size;
    gn_growing out = {0};
    if (!gn_items(r, self, &item, &n) || !gn_arg_integer(r, arg[0], 1, &size))
        return NULL;
    /* Below zero a batch is never full; at zero the one before the first item is. */
    const size_t full = size < 1 ? (n ? n : 1) : (size_t)size;
    if (size == 0 && n && !gn_grow(r, &out, gn_make_list(r, GN_LIST, NULL, 0)))
        return NULL;
    for (size_t from = 0; from < n; from += full) {
        gn_growing one = {0};
        for (size_t i = from; i < n && i < from + full; i++)
            if (!gn_grow(r, &one, item[i]))
                return NULL;
        while (size > 0 && arg[1] && arg[1]->kind != GN_NULL && one.count < full)
            if (!gn_render_tick(r, 1) || !gn_grow(r, &one, arg[1]))
                return NULL;
        if (!gn_grow(r, &out, list_of(r, &one)))
            return NULL;
    }
    return generator(r, &out);
}

GN_CALLABLE(slice) {
    gn_value **item;
    size_t n;
    int64_t slices;
    gn_growing out = {0};
    if (!gn_items(r, self, &item, &n) || !gn_arg_integer(r, arg[0], 1, &slices))
        return NULL;
    if (slices == 0)
        return gn_render_fail(r, GN_INVALID, "a list cannot be cut into no slices");
    const bool fill = arg[1] && arg[1]->kind != GN_NULL;
    for (int64_t i = 0; i < slices; i++) {
        const size_t each = n / (size_t)slices, extra = n % (size_t)slices, at = (size_t)i;
        const size_t from = at * each + (at < extra ? at : extra);
        gn_growing one = {0};
        for (size_t k = from; k < from + each + (at < extra); k++)
            if (!gn_grow(r, &one, item[k]))
                return NULL;
        if (!gn_render_tick(r, 1) || (fill && at >= extra && !gn_grow(r, &one, arg[1])) ||
            !gn_grow(r, &out, list_of(r, &one)))
            return NULL;
    }
    return generator(r, &out);
}

const gn_callable gn_filters_of_lists[] = {
    {"batch", batch, "linecount fill_with", 1, 0},
    {"count", length, "", 0, 0},
    {"dictsort", dictsort, "case_sensitive by reverse", 0, 0},
    {"first", first, "", 0, 0},
    {"groupby", groupby, "attribute default case_sensitive", 1, 0},
    {"items", items, "", 0, 0},
    {"join", join, "d attribute", 0, 0},
    {"last", last, "", 0, 0},
    {"length", length, "", 0, 0},
    {"list", list, "", 0, 0},
    {"map", map, "*", 0, 0},
    {"max", max, "case_sensitive attribute", 0, 0},
    {"min", min, "case_sensitive attribute", 0, 0},
    {"reject", reject, "*", 0, 0},
    {"rejectattr", rejectattr, "*", 0, 0},
    {"reverse", reverse, "", 0, 0},
    {"select", select_, "*", 0, 0},
    {"selectattr", selectattr, "*", 0, 0},
    {"slice", slice, "slices fill_with", 1, 0},
    {"sort", sort, "reverse case_sensitive attribute", 0, 0},
    {"sum", sum, "attribute start", 0, 0},
    {"unique", unique, "case_sensitive attribute", 0, 0},
    {NULL, NULL, NULL, 0, 0},
};
