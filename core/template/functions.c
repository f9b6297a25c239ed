/* functions.c - global functions, and the methods of everything that is no str. */
#include "core/base/clock.h"
#include "core/template/methods.h"

/* ---- lists, dicts, loops ------------------------------------------------ */

GN_CALLABLE(count) {
    int64_t n = 0;
    for (size_t i = 0; i < self->list.count; i++) {
        bool same = self->list.item[i] == arg[0];
        if (!same && !gn_equal(r, self->list.item[i], arg[0], &same))
            return NULL;
        n += same;
    }
    return gn_make_integer(r, n);
}

GN_CALLABLE(index_) {
    const int64_t n = (int64_t)self->list.count;
    int64_t from, to;
    if (!gn_arg_integer(r, arg[1], 0, &from) || !gn_arg_integer(r, arg[2], n, &to))
        return NULL;
    from = from < 0 ? (from + n < 0 ? 0 : from + n) : from;
    to = to < 0 ? to + n : to > n ? n : to;
    for (int64_t i = from; i < to; i++) {
        bool same = self->list.item[i] == arg[0];
        if (!same && !gn_equal(r, self->list.item[i], arg[0], &same))
            return NULL;
        if (same)
            return gn_make_integer(r, i);
    }
    return gn_render_fail(r, GN_INVALID, "the item to find is not in the %s", gn_type_name(self));
}

/* Nothing changes a list or a dict, so a copy is the thing itself. */
GN_CALLABLE(copy) {
    (void)r;
    return self;
}

GN_CALLABLE(get) {
    gn_slice key;
    if (!gn_key_of(r, self, arg[0], &key))
        return NULL;
    gn_value *v = gn_value_get(self, key);
    return v ? v : arg[1] ? arg[1] : gn_make_null(r);
}

GN_CALLABLE(keys) { return gn_make_view(r, self, 'k'); }
GN_CALLABLE(values) { return gn_make_view(r, self, 'v'); }
GN_CALLABLE(items) { return gn_make_view(r, self, 'i'); }

GN_CALLABLE(cycle) {
    const gn_loop *l = (const gn_loop *)self;
    if (!given->n_place || given->n_named)
        return gn_render_fail(r, GN_INVALID, "loop.cycle() needs values to go round");
    return given->place[l->index0 % (int64_t)given->n_place];
}

GN_CALLABLE(changed) {
    gn_loop *l = (gn_loop *)self;
    gn_value *now = gn_make_list(r, GN_TUPLE, given->place, given->n_place);
    bool same = false;
    if (!now || (l->changed && !gn_equal(r, l->changed, now, &same)))
        return NULL;
    l->changed = now;
    return gn_make_bool(r, !same);
}

GN_CALLABLE(next) {
    gn_cycler *c = (gn_cycler *)self;
    gn_value *v = c->item[c->at];
    c->at = (c->at + 1) % c->count;
    return (void)r, v;
}

GN_CALLABLE(reset) {
    ((gn_cycler *)self)->at = 0;
    return gn_make_null(r);
}

static const gn_callable of_list[] = {
    {"copy", copy, "", 0, 0},
    {"count", count, ".value", 1, 0},
    {"index", index_, ".value .start .stop", 1, 0},
    {NULL, NULL, NULL, 0, 0},
};
static const gn_callable of_map[] = {
    {"copy", copy, "", 0, 0}, {"get", get, ".key .default", 1, 0}, {"items", items, "", 0, 0},
    {"keys", keys, "", 0, 0}, {"values", values, "", 0, 0},        {NULL, NULL, NULL, 0, 0},
};
static const gn_callable of_loop[] = {
    {"changed", changed, "*", 0, 0},
    {"cycle", cycle, "*", 0, 0},
    {NULL, NULL, NULL, 0, 0},
};
static const gn_callable of_cycler[] = {
    {"next", next, "", 0, 0},
    {"reset", reset, "", 0, 0},
    {NULL, NULL, NULL, 0, 0},
};

const gn_callable *gn_method_find(const gn_value *v, gn_slice name) {
    const gn_callable *table = gn_is_text(v)          ? gn_methods_of_text
                               : v->kind == GN_MAP    ? of_map
                               : v->kind == GN_LOOP   ? of_loop
                               : v->kind == GN_CYCLER ? of_cycler
                               : gn_is_listlike(v)    ? of_list + (v->kind == GN_TUPLE)
                                                      : NULL;
    for (; table && table->name; table++)
        if (gn_slice_is(name, table->name))
            return table;
    return NULL;
}

/* ---- functions ---------------------------------------------------------- */

GN_CALLABLE(range) {
    int64_t bound[3] = {0, 0, 1};
    if (given->n_named || given->n_place < 1 || given->n_place > 3)
        return gn_render_fail(r, GN_INVALID, "range() takes one to three integers");
    for (size_t i = 0; i < given->n_place; i++)
        if (!gn_arg_integer(r, given->place[i], 0, &bound[given->n_place == 1 ? 1 : i]))
            return NULL;
    const int64_t start = bound[0], stop = bound[1], step = bound[2];
    if (step == 0)
        return gn_render_fail(r, GN_INVALID, "range() needs a step other than zero");
    const bool empty = step > 0 ? start >= stop : start <= stop;
    const uint64_t distance = empty      ? 0
                              : step > 0 ? (uint64_t)stop - (uint64_t)start
                                         : (uint64_t)start - (uint64_t)stop;
    const uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    const uint64_t n = distance ? (distance - 1) / stride + 1 : 0;
    if (n > GN_MAX_RANGE)
        return gn_render_fail(r, GN_INVALID, "a range of more than %d integers", GN_MAX_RANGE);
    gn_range *range = gn_render_alloc(r, sizeof *range);
    if (!range)
        return NULL;
    *range = (gn_range){
        .v.kind = GN_RANGE, .start = start, .stop = stop, .step = step, .count = (int64_t)n};
    return &range->v;
}

static bool add_pair(gn_render *r, gn_value *map, gn_value *pair) {
    gn_value **item;
    size_t n;
    gn_slice key;
    if (!gn_items(r, pair, &item, &n))
        return false;
    if (n != 2)
        return gn_render_fail(r, GN_INVALID, "a dict is made of pairs, not of %zu values", n);
    return gn_key_of(r, map, item[0], &key) &&
           (gn_value_set(r->arena, map, key, item[1]) || gn_render_made(r, NULL));
}

/* dict(mapping or pairs, name=value ...) */
GN_CALLABLE(dict) {
    gn_value *map = gn_render_made(r, gn_value_map(r->arena));
    if (given->n_place > 1)
        return gn_render_fail(r, GN_INVALID, "dict() takes one value and names");
    const gn_value *from = given->n_place ? given->place[0] : NULL;
    if (from && from->kind == GN_MAP) {
        for (size_t i = 0; map && i < from->map.count; i++)
            if (!gn_value_set(r->arena, map, from->map.entry[i].key, from->map.entry[i].value))
                return gn_render_made(r, NULL);
    } else if (from) {
        gn_value **pair;
        size_t n;
        if (!map || !gn_items(r, given->place[0], &pair, &n))
            return NULL;
        for (size_t i = 0; i < n; i++)
            if (!add_pair(r, map, pair[i]))
                return NULL;
    }
    for (size_t i = 0; map && i < given->n_named; i++)
        if (!gn_value_set(r->arena, map, given->name[i], given->named[i]))
            return gn_render_made(r, NULL);
    return map;
}

GN_CALLABLE(namespace_) {
    gn_value *map = dict(r, NULL, arg, given);
    gn_namespace *ns = map ? gn_render_alloc(r, sizeof *ns) : NULL;
    if (!ns)
        return NULL;
    for (size_t i = 0; r->t->env == GN_TEMPLATE_CHAT && i < map->map.count; i++)
        if (gn_slice_starts(map->map.entry[i].key, GN_S("_")))
            return gn_render_fail(r, GN_INVALID, "a namespace holds no names that begin with '_'");
    *ns = (gn_namespace){.v.kind = GN_NAMESPACE, .map = map};
    return &ns->v;
}

GN_CALLABLE(cycler) {
    if (!given->n_place || given->n_named)
        return gn_render_fail(r, GN_INVALID, "cycler() needs at least one value");
    gn_cycler *c = gn_render_alloc(r, sizeof *c);
    if (!c)
        return NULL;
    *c = (gn_cycler){.v.kind = GN_CYCLER, .item = given->place, .count = given->n_place};
    return &c->v;
}

GN_CALLABLE(joiner) {
    gn_joiner *j = gn_render_alloc(r, sizeof *j);
    if (!j)
        return NULL;
    *j = (gn_joiner){.v.kind = GN_JOINER, .separator = arg[0]};
    if (!j->separator)
        j->separator = gn_make_borrow(r, GN_S(", "));
    return j->separator ? &j->v : NULL;
}

GN_CALLABLE(raise_exception) {
    gn_slice text;
    if (!gn_text_of(r, arg[0], &text))
        return NULL;
    return gn_render_fail(r, GN_INVALID, "%.*s", (int)(text.len > 380 ? 380 : text.len), text.data);
}

GN_CALLABLE(strftime_now) {
    gn_slice format;
    char out[1024];
    if (!gn_arg_text(r, arg[0], GN_S(""), &format))
        return NULL;
    if (format.len == 0)
        return gn_make_borrow(r, format);
    /* Terminated: text values may be pieces of a longer one. */
    const gn_slice copy = gn_arena_copy(r->arena, format);
    if (!copy.data)
        return gn_render_made(r, NULL);
    const size_t n = gn_local_time(out, sizeof out, copy.data);
    if (n == 0)
        return gn_render_fail(r, GN_INVALID, "a time of more than %zu bytes", sizeof out);
    return gn_make_text(r, (gn_slice){out, n});
}

const gn_callable *gn_function_find(gn_slice name, gn_template_environment env) {
    static const gn_callable table[] = {
        {"range", range, "*", 0, 0},
        {"dict", dict, "*", 0, 0},
        {"namespace", namespace_, "*", 0, 0},
        {"cycler", cycler, "*", 0, 0},
        {"joiner", joiner, "sep", 0, 0},
        {"raise_exception", raise_exception, "message", 1, 1 + GN_TEMPLATE_CHAT},
        {"strftime_now", strftime_now, "format", 1, 1 + GN_TEMPLATE_CHAT},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (gn_slice_is(name, table[i].name) && (!table[i].env || table[i].env == 1 + (int)env))
            return &table[i];
    return NULL;
}
