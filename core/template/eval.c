/* eval.c - the value of an expression, and calls. */
#include "core/base/unicode.h"
#include "core/template/runtime.h"

#include <stdio.h>

/* ---- names -------------------------------------------------------------- */

gn_scope *gn_scope_new(gn_render *r, gn_scope *parent) {
    gn_scope *s = gn_render_alloc(r, sizeof *s);
    if (s)
        *s = (gn_scope){.parent = parent};
    return s;
}

bool gn_bind(gn_render *r, gn_slice name, gn_value *v) {
    gn_scope *s = r->scope;
    if (!v)
        return false;
    for (size_t i = 0; i < s->count; i++)
        if (gn_slice_equal(s->name[i], name)) {
            s->value[i] = v;
            return true;
        }
    if (s->count == s->capacity) {
        const size_t room = s->capacity ? 2 * s->capacity : 4;
        gn_slice *names = gn_render_alloc(r, room * sizeof *names);
        gn_value **values = gn_render_alloc(r, room * sizeof *values);
        if (!names || !values)
            return false;
        if (s->count) {
            memcpy(names, s->name, s->count * sizeof *names);
            memcpy(values, s->value, s->count * sizeof *values);
        }
        s->name = names;
        s->value = values;
        s->capacity = room;
    }
    s->name[s->count] = name;
    s->value[s->count++] = v;
    return true;
}

static gn_value *function(gn_render *r, const gn_callable *which) {
    gn_method_value *f = gn_render_alloc(r, sizeof *f);
    if (!f)
        return NULL;
    *f = (gn_method_value){.v.kind = GN_FUNCTION, .method = which};
    return &f->v;
}

static gn_value *look_up(gn_render *r, gn_slice name) {
    for (const gn_scope *s = r->scope; s; s = s->parent)
        for (size_t i = 0; i < s->count; i++)
            if (gn_slice_equal(s->name[i], name))
                return s->value[i];
    gn_value *v = gn_value_get(r->vars, name);
    if (v)
        return v;
    const gn_callable *f = gn_function_find(name, r->t->env);
    return f ? function(r, f) : gn_make_undefined(r, name, NULL, NULL);
}

/* ---- arguments ---------------------------------------------------------- */

static bool spread(gn_render *r, const gn_arguments *args, gn_given *out) {
    gn_value **extra = NULL, *map = NULL;
    size_t n_extra = 0;
    if (args->star) {
        gn_value *list = gn_eval(r, args->star);
        if (!list || !gn_items(r, list, &extra, &n_extra))
            return false;
    }
    if (args->starstar && !(map = gn_eval(r, args->starstar)))
        return false;
    if (map && map->kind != GN_MAP)
        return gn_render_fail(r, GN_INVALID, "'**' needs a dict, not a %s", gn_type_name(map));
    const size_t n_map = map ? map->map.count : 0;
    gn_value **place = gn_render_alloc(r, (out->n_place + n_extra) * sizeof *place);
    gn_value **named = gn_render_alloc(r, (out->n_named + n_map) * sizeof *named);
    gn_slice *name = gn_render_alloc(r, (out->n_named + n_map) * sizeof *name);
    if (!place || !named || !name)
        return false;
    if (out->n_place)
        memcpy(place, out->place, out->n_place * sizeof *place);
    if (n_extra)
        memcpy(place + out->n_place, extra, n_extra * sizeof *place);
    for (size_t i = 0; i < out->n_named; i++) {
        name[i] = out->name[i];
        named[i] = out->named[i];
    }
    for (size_t i = 0; i < n_map; i++) {
        const gn_slice key = map->map.entry[i].key;
        for (size_t k = 0; k < out->n_named; k++)
            if (gn_slice_equal(key, name[k]) || !gn_key_is_text(key))
                return gn_render_fail(r, GN_INVALID, "'**' gives an argument twice");
        name[out->n_named + i] = key;
        named[out->n_named + i] = map->map.entry[i].value;
    }
    *out = (gn_given){place, out->n_place + n_extra, name, named, out->n_named + n_map};
    return true;
}

bool gn_given_of(gn_render *r, const gn_arguments *args, gn_given *out) {
    *out = (gn_given){0};
    if (!args)
        return true;
    const size_t n = args->place.count, m = args->named.count;
    out->place = gn_render_alloc(r, (n + m) * sizeof *out->place);
    if (!out->place)
        return false;
    out->named = out->place + n;
    out->name = args->name;
    for (; out->n_place < n; out->n_place++)
        if (!(out->place[out->n_place] = gn_eval(r, args->place.at[out->n_place])))
            return false;
    for (; out->n_named < m; out->n_named++)
        if (!(out->named[out->n_named] = gn_eval(r, args->named.at[out->n_named])))
            return false;
    return (!args->star && !args->starstar) || spread(r, args, out);
}

/* The next parameter's name in `list`, which moves on; false at the end. */
static bool next_param(const char **list, gn_slice *name, bool *by_place_only) {
    const char *p = *list;
    while (*p == ' ')
        p++;
    if (!*p)
        return false;
    *by_place_only = *p == '.';
    p += *by_place_only;
    const char *end = p;
    while (*end && *end != ' ')
        end++;
    *name = (gn_slice){p, (size_t)(end - p)};
    *list = end;
    return true;
}

static bool place_arguments(gn_render *r, const gn_callable *f, const char *what,
                            const gn_given *given, gn_value **arg) {
    const char *list = f->param;
    gn_slice name;
    bool only;
    size_t used = 0;
    int n = 0;
    for (; next_param(&list, &name, &only); n++) {
        gn_value *v = (size_t)n < given->n_place ? given->place[n] : NULL;
        for (size_t i = 0; !only && i < given->n_named; i++)
            if (gn_slice_equal(given->name[i], name)) {
                if (v)
                    return gn_render_fail(r, GN_INVALID, "%s '%s' gets '%.*s' twice", what, f->name,
                                          (int)name.len, name.data);
                v = given->named[i];
                used++;
            }
        if (!v && n < f->need)
            return gn_render_fail(r, GN_INVALID, "%s '%s' needs its argument '%.*s'", what, f->name,
                                  (int)name.len, name.data);
        arg[n] = v;
    }
    if (given->n_place > (size_t)n)
        return gn_render_fail(r, GN_INVALID, "%s '%s' takes at most %d arguments, not %zu", what,
                              f->name, n, given->n_place);
    if (used < given->n_named)
        return gn_render_fail(r, GN_INVALID, "%s '%s' is given an argument it does not know", what,
                              f->name);
    return true;
}

gn_value *gn_apply(gn_render *r, const gn_callable *f, const char *what, gn_value *self,
                   const gn_given *given) {
    gn_value *arg[GN_MAX_PARAMS] = {NULL};
    if (strcmp(f->param, "*") != 0 && !place_arguments(r, f, what, given, arg))
        return NULL;
    return f->run(r, self, arg, given);
}

gn_value *gn_call(gn_render *r, gn_value *f, const gn_given *given) {
    const gn_method_value *m = (const gn_method_value *)f;
    switch (f->kind) {
    case GN_UNDEFINED:
        return gn_undefined_fail(r, f);
    case GN_FUNCTION:
        return gn_apply(r, m->method, "function", NULL, given);
    case GN_METHOD:
        return gn_apply(r, m->method, "method", m->self, given);
    case GN_MACRO:
        return gn_macro_call(r, (gn_macro *)f, given);
    case GN_LOOP:
        return gn_loop_call(r, (gn_loop *)f, given);
    case GN_JOINER: {
        gn_joiner *j = (gn_joiner *)f;
        const bool first = !j->used;
        j->used = true;
        return first ? gn_make_borrow(r, GN_S("")) : j->separator;
    }
    default:
        return gn_render_fail(r, GN_INVALID, "a %s cannot be called", gn_type_name(f));
    }
}

/* ---- nodes -------------------------------------------------------------- */

static gn_value *items(gn_render *r, const gn_node *n) {
    gn_value **item = gn_render_alloc(r, n->item.count * sizeof *item);
    for (size_t i = 0; item && i < n->item.count; i++)
        if (!(item[i] = gn_eval(r, n->item.at[i])))
            return NULL;
    return item ? gn_make_list(r, n->kind == GN_NODE_LIST ? GN_LIST : GN_TUPLE, item, n->item.count)
                : NULL;
}

static gn_value *dict(gn_render *r, const gn_node *n) {
    gn_value *map = gn_render_made(r, gn_value_map(r->arena));
    for (size_t i = 0; map && i < n->item.count; i += 2) {
        gn_slice text;
        gn_value *key = gn_eval(r, n->item.at[i]);
        gn_value *v = key ? gn_eval(r, n->item.at[i + 1]) : NULL;
        if (!v || !gn_key_of(r, map, key, &text))
            return NULL;
        if (!gn_value_set(r->arena, map, text, v))
            return gn_render_made(r, NULL);
    }
    return map;
}

static gn_value *item(gn_render *r, const gn_node *n) {
    gn_value *v = gn_eval(r, n->a);
    if (!v)
        return NULL;
    if (n->b->kind != GN_NODE_SLICE) {
        gn_value *key = gn_eval(r, n->b);
        return key ? gn_item(r, v, key) : NULL;
    }
    gn_value *part[3] = {NULL};
    for (int i = 0; i < 3; i++)
        if (n->b->item.at[i] && !(part[i] = gn_eval(r, n->b->item.at[i])))
            return NULL;
    return gn_slice_value(r, v, part[0], part[1], part[2]);
}

static gn_value *call(gn_render *r, const gn_node *n) {
    gn_given given;
    gn_value *f = gn_eval(r, n->a);
    if (!f || !gn_given_of(r, n->args, &given))
        return NULL;
    r->line = n->line;
    return gn_call(r, f, &given);
}

static gn_value *unknown(gn_render *r, const gn_node *n, const char *what) {
    return gn_render_fail(r, GN_UNSUPPORTED, "no %s named '%.*s'", what,
                          (int)(n->name.len > 100 ? 100 : n->name.len), n->name.data);
}

gn_value *gn_eval_filter(gn_render *r, const gn_node *n, gn_value *input) {
    gn_given given;
    if (++r->depth > GN_MAX_DEPTH)
        return gn_render_fail(r, GN_INVALID, "more than %d filters in a row", GN_MAX_DEPTH);
    gn_value *v = !n->a ? input : input ? gn_eval_filter(r, n->a, input) : gn_eval(r, n->a);
    r->depth--;
    if (!v)
        return NULL;
    r->line = n->line;
    if (!n->known)
        return unknown(r, n, "filter");
    if (!gn_given_of(r, n->args, &given))
        return NULL;
    r->line = n->line;
    return gn_apply(r, n->known, "filter", v, &given);
}

static gn_value *test(gn_render *r, const gn_node *n) {
    gn_given given;
    gn_value *v = gn_eval(r, n->a);
    if (!v)
        return NULL;
    if (!n->known)
        return unknown(r, n, "test");
    return gn_given_of(r, n->args, &given) ? gn_apply(r, n->known, "test", v, &given) : NULL;
}

static bool holds(gn_render *r, int op, gn_value *a, gn_value *b, bool *out) {
    static const char *const sign[] = {"==", "!=", "<", "<=", ">", ">="};
    int order = 0;
    if (op == GN_COMPARE_IN || op == GN_COMPARE_NOT_IN) {
        if (!gn_contains(r, b, a, out))
            return false;
        *out ^= op == GN_COMPARE_NOT_IN;
        return true;
    }
    if (op == GN_COMPARE_EQ || op == GN_COMPARE_NE) {
        if (!gn_equal(r, a, b, out))
            return false;
        *out ^= op == GN_COMPARE_NE;
        return true;
    }
    if (!gn_order(r, a, b, sign[op], &order))
        return false;
    *out = order != GN_NO_ORDER && (op == GN_COMPARE_LT   ? order < 0
                                    : op == GN_COMPARE_LE ? order <= 0
                                    : op == GN_COMPARE_GT ? order > 0
                                                          : order >= 0);
    return true;
}

/* a < b < c: pairs from the left until one does not hold. */
static gn_value *compare(gn_render *r, const gn_node *n) {
    gn_value *a = gn_eval(r, n->a);
    bool is = true;
    for (size_t i = 0; a && is && i < n->item.count; i++) {
        gn_value *b = gn_eval(r, n->item.at[i]);
        if (!b || !holds(r, n->compare[i], a, b, &is))
            return NULL;
        a = b;
    }
    return a ? gn_make_bool(r, is) : NULL;
}

static gn_value *concat(gn_render *r, const gn_node *n) {
    gn_str out = {0};
    for (size_t i = 0; i < n->item.count; i++) {
        const gn_value *v = gn_eval(r, n->item.at[i]);
        if (!v || !gn_print_value(r, &out, v, false)) {
            gn_str_release(&out);
            return NULL;
        }
    }
    return gn_make_take(r, &out, NULL);
}

static gn_value *choice(gn_render *r, const gn_node *n) {
    bool is;
    const gn_value *test = gn_eval(r, n->b);
    if (!test || !gn_truth(r, test, &is))
        return NULL;
    if (is || n->c)
        return gn_eval(r, is ? n->a : n->c);
    gn_value *none = gn_make_undefined(r, GN_S(""), NULL, "a choice whose 'else' is missing");
    if (none) /* in every environment */
        ((gn_undefined *)none)->lenient = true;
    return none;
}

static gn_value *both_or_either(gn_render *r, const gn_node *n) {
    bool is;
    gn_value *a = gn_eval(r, n->a);
    if (!a || !gn_truth(r, a, &is))
        return NULL;
    return is == (n->kind == GN_NODE_OR) ? a : gn_eval(r, n->b);
}

static gn_value *unary(gn_render *r, const gn_node *n) {
    bool is;
    gn_value *a = gn_eval(r, n->a);
    if (!a)
        return NULL;
    if (n->op != '!')
        return gn_unary(r, n->op, a);
    return gn_truth(r, a, &is) ? gn_make_bool(r, !is) : NULL;
}

static gn_value *binary(gn_render *r, const gn_node *n) {
    gn_value *a = gn_eval(r, n->a);
    gn_value *b = a ? gn_eval(r, n->b) : NULL;
    return b ? gn_binary(r, n->op, a, b) : NULL;
}

static gn_value *attribute(gn_render *r, const gn_node *n) {
    gn_value *v = gn_eval(r, n->a);
    return v ? gn_attribute(r, v, n->name) : NULL;
}

static gn_value *evaluate(gn_render *r, const gn_node *n) {
    switch (n->kind) {
    case GN_NODE_CONSTANT:
        return n->value;
    case GN_NODE_NAME:
        return look_up(r, n->name);
    case GN_NODE_LIST:
    case GN_NODE_TUPLE:
        return items(r, n);
    case GN_NODE_DICT:
        return dict(r, n);
    case GN_NODE_ATTRIBUTE:
        return attribute(r, n);
    case GN_NODE_ITEM:
        return item(r, n);
    case GN_NODE_CALL:
        return call(r, n);
    case GN_NODE_FILTER:
        return gn_eval_filter(r, n, NULL);
    case GN_NODE_TEST:
        return test(r, n);
    case GN_NODE_UNARY:
        return unary(r, n);
    case GN_NODE_BINARY:
        return binary(r, n);
    case GN_NODE_COMPARE:
        return compare(r, n);
    case GN_NODE_CONCAT:
        return concat(r, n);
    case GN_NODE_AND:
    case GN_NODE_OR:
        return both_or_either(r, n);
    case GN_NODE_CHOICE:
        return choice(r, n);
    default:
        return gn_render_fail(r, GN_INVALID, "a slice outside brackets");
    }
}

gn_value *gn_eval(gn_render *r, const gn_node *n) {
    r->line = n->line;
    if (++r->depth > GN_MAX_DEPTH) {
        r->depth--;
        return gn_render_fail(r, GN_INVALID, "the template goes more than %d levels deep",
                              GN_MAX_DEPTH);
    }
    gn_value *v = gn_render_tick(r, 1) ? evaluate(r, n) : NULL;
    r->depth--;
    return v;
}
