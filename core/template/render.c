/* render.c - statements, loops, macros, and the door to it all (template.h). */
#include "core/template/runtime.h"

#include <stdlib.h>

typedef enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE, FLOW_FAIL } flow;

static flow execute(gn_render *r, const gn_nodes *body);

/* ---- printing ----------------------------------------------------------- */

static bool put(gn_render *r, gn_slice text) {
    r->printed += text.len;
    if (r->printed > GN_MAX_OUTPUT)
        return gn_render_fail(r, GN_INVALID, "the template prints more than %d MiB",
                              GN_MAX_OUTPUT >> 20);
    gn_str_add(r->out, text);
    return !r->out->failed || gn_render_made(r, NULL);
}

static bool print(gn_render *r, const gn_node *n) {
    gn_slice text;
    const gn_value *v = gn_eval(r, n->a);
    return v && gn_text_of(r, v, &text) && put(r, text);
}

/* What body prints, in a scope of its own, as a value; *how: how it ended. The
 * scope stays in place for what is evaluated after it: the caller ends it. */
static gn_value *captured(gn_render *r, const gn_nodes *body, flow *how) {
    gn_str text = {0}, *const out = r->out;
    r->out = &text;
    *how = execute(r, body);
    r->out = out;
    r->printed -= text.len < r->printed ? text.len : r->printed;
    if (*how == FLOW_FAIL) {
        gn_str_release(&text);
        return NULL;
    }
    return gn_make_take(r, &text, NULL);
}

/* ---- assignment --------------------------------------------------------- */

static bool assign_attribute(gn_render *r, const gn_node *target, gn_value *v) {
    gn_value *ns = gn_eval(r, target->a);
    if (!ns)
        return false;
    if (ns->kind != GN_NAMESPACE)
        return gn_render_fail(r, GN_INVALID,
                              "'%.*s' is no namespace, so '%.*s' cannot be set in it",
                              (int)target->a->name.len, target->a->name.data, (int)target->name.len,
                              target->name.data);
    if (r->t->env == GN_TEMPLATE_CHAT && target->name.data[0] == '_')
        return gn_render_fail(r, GN_INVALID, "a namespace holds no names that begin with '_'");
    return gn_value_set(r->arena, ((gn_namespace *)ns)->map, target->name, v) ||
           gn_render_made(r, NULL);
}

static bool assign(gn_render *r, const gn_node *target, gn_value *v) {
    r->line = target->line;
    if (target->kind == GN_NODE_NAME)
        return gn_bind(r, target->name, v);
    if (target->kind == GN_NODE_ATTRIBUTE)
        return assign_attribute(r, target, v);
    gn_value **item;
    size_t n;
    if (!gn_items(r, v, &item, &n))
        return false;
    if (n != target->item.count)
        return gn_render_fail(r, GN_INVALID, "%zu values for %zu names", n, target->item.count);
    for (size_t i = 0; i < n; i++)
        if (!assign(r, target->item.at[i], item[i]))
            return false;
    return true;
}

static flow set_block(gn_render *r, const gn_node *n) {
    gn_scope *const outer = r->scope;
    flow how;
    if (!(r->scope = gn_scope_new(r, outer)))
        return FLOW_FAIL;
    gn_value *v = captured(r, &n->body, &how);
    if (v && how == FLOW_ON && n->b)
        v = gn_eval_filter(r, n->b, v);
    r->scope = outer;
    if (how != FLOW_ON)
        return how;
    return v && assign(r, n->a, v) ? FLOW_ON : FLOW_FAIL;
}

static flow filter_block(gn_render *r, const gn_node *n) {
    gn_scope *const outer = r->scope;
    flow how;
    gn_slice text;
    if (!(r->scope = gn_scope_new(r, outer)))
        return FLOW_FAIL;
    gn_value *v = captured(r, &n->body, &how);
    if (v && how == FLOW_ON)
        v = gn_eval_filter(r, n->b, v);
    r->scope = outer;
    if (how != FLOW_ON)
        return how;
    return v && gn_text_of(r, v, &text) && put(r, text) ? FLOW_ON : FLOW_FAIL;
}

/* ---- loops -------------------------------------------------------------- */

/* There is never more to come than the source holds. */
static bool queue(gn_render *r, gn_loop *l, gn_value *v) {
    if (!l->next && !(l->next = gn_render_alloc(r, l->count * sizeof *l->next)))
        return false;
    l->next[l->queued++] = v;
    return true;
}

/* Does the loop's `if` let v through? It sees the target, but not the loop. */
static bool lets_through(gn_render *r, gn_loop *l, gn_value *v, bool *out) {
    *out = true;
    if (!l->node->c)
        return true;
    gn_scope *const inner = r->scope;
    const gn_value *is = NULL;
    if ((r->scope = gn_scope_new(r, l->outer)) && assign(r, l->node->a, v))
        is = gn_eval(r, l->node->c);
    r->scope = inner;
    return is && gn_truth(r, is, out);
}

/* Look further until `want` items are known behind the current one, or none are left. */
static bool look_ahead(gn_render *r, gn_loop *l, size_t want) {
    while (l->queued < want && l->at < l->count) {
        gn_value *v = l->item[l->at++];
        bool is;
        if (l->source->kind == GN_ITERATOR)
            ((gn_iterator *)l->source)->at++;
        if (!gn_render_tick(r, 1) || !lets_through(r, l, v, &is) || (is && !queue(r, l, v)))
            return false;
    }
    return true;
}

static bool step(gn_render *r, gn_loop *l, bool *more) {
    if (!l->node->c && l->queued == 0) { /* the common case needs no queue */
        *more = l->at < l->count;
        if (*more) {
            l->before = l->current;
            l->current = l->item[l->at++];
            l->index0++;
            if (l->source->kind == GN_ITERATOR)
                ((gn_iterator *)l->source)->at++;
        }
        return gn_render_tick(r, 1);
    }
    if (!look_ahead(r, l, 1))
        return false;
    *more = l->queued > 0;
    if (*more) {
        l->before = l->current;
        l->current = *l->next++;
        l->queued--;
        l->index0++;
    }
    return true;
}

static gn_value *loop_length(gn_render *r, gn_loop *l, int64_t from, int64_t sign) {
    if (!l->node->c)
        return gn_make_integer(r, from + sign * (int64_t)l->count);
    if (!look_ahead(r, l, l->count))
        return NULL;
    return gn_make_integer(r, from + sign * (l->index0 + 1 + (int64_t)l->queued));
}

gn_value *gn_loop_attribute(gn_render *r, gn_loop *l, gn_slice name) {
    const bool simple = !l->node->c && l->queued == 0;
    if (gn_slice_is(name, "index"))
        return gn_make_integer(r, l->index0 + 1);
    if (gn_slice_is(name, "index0"))
        return gn_make_integer(r, l->index0);
    if (gn_slice_is(name, "first"))
        return gn_make_bool(r, l->index0 == 0);
    if (gn_slice_is(name, "last")) {
        if (!simple && !look_ahead(r, l, 1))
            return NULL;
        return gn_make_bool(r, simple ? l->at == l->count : l->queued == 0);
    }
    if (gn_slice_is(name, "length"))
        return loop_length(r, l, 0, 1);
    if (gn_slice_is(name, "revindex"))
        return loop_length(r, l, -l->index0, 1);
    if (gn_slice_is(name, "revindex0"))
        return loop_length(r, l, -l->index0 - 1, 1);
    if (gn_slice_is(name, "depth"))
        return gn_make_integer(r, l->depth0 + 1);
    if (gn_slice_is(name, "depth0"))
        return gn_make_integer(r, l->depth0);
    if (gn_slice_is(name, "previtem"))
        return l->before ? l->before
                         : gn_make_undefined(r, name, NULL, "there is no previous item");
    if (gn_slice_is(name, "nextitem")) {
        if (!simple && !look_ahead(r, l, 1))
            return NULL;
        gn_value *next =
            simple ? (l->at < l->count ? l->item[l->at] : NULL) : (l->queued ? l->next[0] : NULL);
        return next ? next : gn_make_undefined(r, name, NULL, "there is no next item");
    }
    return NULL;
}

static flow iterate(gn_render *r, gn_loop *l) {
    gn_scope *inner = NULL;
    bool more = true, any = false;
    flow how = FLOW_ON;
    while (how != FLOW_BREAK && how != FLOW_FAIL) {
        r->line = l->node->line;
        if (!step(r, l, &more))
            return FLOW_FAIL;
        if (!more)
            break;
        if (!inner || inner->captured)
            inner = gn_scope_new(r, l->outer);
        if (!inner)
            return FLOW_FAIL;
        inner->count = 0;
        r->scope = inner;
        how = gn_bind(r, GN_S("loop"), &l->v) && assign(r, l->node->a, l->current)
                  ? execute(r, &l->node->body)
                  : FLOW_FAIL;
        r->scope = l->outer;
        any = any || how == FLOW_ON; /* jinja2 takes a turn that was left early for none */
    }
    if (how == FLOW_FAIL || any || !l->node->other.count)
        return how == FLOW_FAIL ? how : FLOW_ON;
    if (!(r->scope = gn_scope_new(r, l->outer)))
        return FLOW_FAIL;
    how = execute(r, &l->node->other);
    r->scope = l->outer;
    return how;
}

static flow loop(gn_render *r, const gn_node *n, gn_value *source, gn_scope *outer,
                 int64_t depth0) {
    gn_loop *l = gn_render_alloc(r, sizeof *l);
    if (!l)
        return FLOW_FAIL;
    *l = (gn_loop){.v.kind = GN_LOOP,
                   .node = n,
                   .outer = outer,
                   .source = source,
                   .index0 = -1,
                   .depth0 = depth0};
    if (!gn_items(r, source, &l->item, &l->count))
        return FLOW_FAIL;
    if (source->kind == GN_ITERATOR) /* used up one by one */
        ((gn_iterator *)source)->at -= l->count;
    gn_scope *const scope = r->scope;
    r->scope = outer;
    const flow how = iterate(r, l);
    r->scope = scope;
    return how;
}

static flow for_(gn_render *r, const gn_node *n) {
    gn_value *source = gn_eval(r, n->b);
    return source ? loop(r, n, source, r->scope, 0) : FLOW_FAIL;
}

/* loop(children): the same loop over them, one level deeper, as text. */
gn_value *gn_loop_call(gn_render *r, gn_loop *l, const gn_given *given) {
    if (l->node->op != 'r')
        return gn_render_fail(r, GN_INVALID, "only a loop marked 'recursive' can be called");
    if (given->n_place != 1 || given->n_named)
        return gn_render_fail(r, GN_INVALID, "loop() takes one argument, what to iterate");
    if ((r->depth += 8) > GN_MAX_DEPTH)
        return gn_render_fail(r, GN_INVALID, "a recursive loop goes too deep");
    gn_str text = {0}, *const out = r->out;
    r->out = &text;
    const flow how = loop(r, l->node, given->place[0], l->outer, l->depth0 + 1);
    r->out = out;
    r->depth -= 8;
    r->printed -= text.len < r->printed ? text.len : r->printed;
    if (how != FLOW_FAIL)
        return gn_make_take(r, &text, NULL);
    gn_str_release(&text);
    return NULL;
}

/* ---- macros ------------------------------------------------------------- */

static gn_macro *macro(gn_render *r, const gn_node *n) {
    gn_macro *m = gn_render_alloc(r, sizeof *m);
    if (!m)
        return NULL;
    *m = (gn_macro){.v.kind = GN_MACRO, .node = n, .scope = r->scope};
    for (gn_scope *s = r->scope; s && !s->captured; s = s->parent)
        s->captured = true;
    return m;
}

typedef struct leftover {
    gn_slice *name;
    gn_value **value;
    size_t count;
} leftover;

/* The named argument, taken out of what is left; NULL: not given. */
static gn_value *take(leftover *rest, gn_slice name) {
    for (size_t i = 0; i < rest->count; i++)
        if (gn_slice_equal(rest->name[i], name)) {
            gn_value *v = rest->value[i];
            rest->count--;
            for (; i < rest->count; i++) {
                rest->name[i] = rest->name[i + 1];
                rest->value[i] = rest->value[i + 1];
            }
            return v;
        }
    return NULL;
}

static const char *macro_name(const gn_macro *m, char room[64]) {
    const gn_slice name = m->node->name;
    const size_t n = name.len < 63 ? name.len : 63;
    if (m->node->kind != GN_NODE_MACRO)
        return "caller";
    memcpy(room, name.data, n);
    room[n] = 0;
    return room;
}

/* varargs, kwargs and caller, where the body reads them; an error where it does not. */
static bool bind_rest(gn_render *r, const gn_macro *m, const gn_given *given, leftover *rest) {
    const gn_signature *s = m->node->signature;
    char room[64];
    const size_t n = s->param.count;
    if (s->caller) {
        gn_value *caller = take(rest, GN_S("caller"));
        if (!caller || caller->kind == GN_NULL)
            caller = gn_make_undefined(r, GN_S("caller"), NULL, "no caller is defined here");
        if (!gn_bind(r, GN_S("caller"), caller))
            return false;
    }
    if (s->kwargs) {
        gn_value *map = gn_render_made(r, gn_value_map(r->arena));
        for (size_t i = 0; map && i < rest->count; i++)
            if (!gn_value_set(r->arena, map, rest->name[i], rest->value[i]))
                return gn_render_made(r, NULL);
        if (!gn_bind(r, GN_S("kwargs"), map))
            return false;
    } else if (rest->count) {
        return gn_render_fail(
            r, GN_INVALID, "macro '%s' takes no argument '%.*s'", macro_name(m, room),
            (int)(rest->name[0].len > 60 ? 60 : rest->name[0].len), rest->name[0].data);
    }
    if (s->varargs) {
        const size_t more = given->n_place > n ? given->n_place - n : 0;
        return gn_bind(r, GN_S("varargs"),
                       gn_make_list(r, GN_TUPLE, more ? given->place + n : NULL, more));
    }
    return given->n_place <= n ||
           gn_render_fail(r, GN_INVALID, "macro '%s' takes %zu arguments, not %zu",
                          macro_name(m, room), n, given->n_place);
}

static bool bind_params(gn_render *r, const gn_macro *m, const gn_given *given) {
    const gn_signature *s = m->node->signature;
    const size_t n = s->param.count, required = n - s->initial.count;
    leftover rest = {gn_render_alloc(r, given->n_named * sizeof *rest.name),
                     gn_render_alloc(r, given->n_named * sizeof *rest.value), given->n_named};
    gn_value **value = gn_render_alloc(r, n * sizeof *value);
    if (!rest.name || !rest.value || !value)
        return false;
    for (size_t i = 0; i < rest.count; i++) {
        rest.name[i] = given->name[i];
        rest.value[i] = given->named[i];
    }
    for (size_t i = 0; i < n; i++)
        value[i] = i < given->n_place ? given->place[i] : take(&rest, s->param.at[i]->name);
    if (!bind_rest(r, m, given, &rest))
        return false;
    /* Given ones first: the default of one may name another. */
    for (size_t i = 0; i < n; i++)
        if (value[i] && !gn_bind(r, s->param.at[i]->name, value[i]))
            return false;
    for (size_t i = 0; i < n; i++) {
        if (value[i])
            continue;
        gn_value *v = i >= required ? gn_eval(r, s->initial.at[i - required])
                                    : gn_make_undefined(r, s->param.at[i]->name, NULL, NULL);
        if (!gn_bind(r, s->param.at[i]->name, v))
            return false;
    }
    return true;
}

gn_value *gn_macro_call(gn_render *r, gn_macro *m, const gn_given *given) {
    gn_scope *const outer = r->scope;
    const int line = r->line;
    gn_value *v = NULL;
    flow how = FLOW_FAIL;
    r->depth += 8; /* a call takes more of the stack than a sum does */
    if (r->depth > GN_MAX_DEPTH)
        gn_render_fail(r, GN_INVALID, "macros call one another too deep");
    else if ((r->scope = gn_scope_new(r, m->scope)) && bind_params(r, m, given))
        v = captured(r, &m->node->body, &how);
    r->depth -= 8;
    r->scope = outer;
    r->line = line;
    return v;
}

static flow call_block(gn_render *r, const gn_node *n) {
    gn_given given;
    gn_slice text;
    gn_macro *caller = macro(r, n);
    gn_value *f = caller ? gn_eval(r, n->a->a) : NULL;
    if (!f || !gn_given_of(r, n->a->args, &given))
        return FLOW_FAIL;
    gn_slice *name = gn_render_alloc(r, (given.n_named + 1) * sizeof *name);
    gn_value **named = gn_render_alloc(r, (given.n_named + 1) * sizeof *named);
    if (!name || !named)
        return FLOW_FAIL;
    for (size_t i = 0; i < given.n_named; i++) {
        name[i] = given.name[i];
        named[i] = given.named[i];
    }
    name[given.n_named] = GN_S("caller");
    named[given.n_named++] = &caller->v;
    given.name = name;
    given.named = named;
    r->line = n->line;
    const gn_value *v = gn_call(r, f, &given);
    return v && gn_text_of(r, v, &text) && put(r, text) ? FLOW_ON : FLOW_FAIL;
}

/* ---- the other statements ----------------------------------------------- */

static flow if_(gn_render *r, const gn_node *n) {
    for (;;) {
        bool is;
        const gn_value *test = gn_eval(r, n->a);
        if (!test || !gn_truth(r, test, &is))
            return FLOW_FAIL;
        if (is)
            return execute(r, &n->body);
        if (n->other.count != 1 || n->other.at[0]->kind != GN_NODE_IF)
            return execute(r, &n->other);
        n = n->other.at[0]; /* elif */
    }
}

static flow with(gn_render *r, const gn_node *n) {
    gn_scope *const outer = r->scope, *const inner = gn_scope_new(r, outer);
    flow how = inner ? FLOW_ON : FLOW_FAIL;
    for (size_t i = 0; how == FLOW_ON && i < n->item.count; i += 2) {
        gn_value *v = gn_eval(r, n->item.at[i + 1]);
        r->scope = inner;
        if (!v || !assign(r, n->item.at[i], v))
            how = FLOW_FAIL;
        r->scope = outer;
    }
    if (how == FLOW_ON) {
        r->scope = inner;
        how = execute(r, &n->body);
        r->scope = outer;
    }
    return how;
}

static flow generation(gn_render *r, const gn_node *n) {
    gn_scope *const outer = r->scope;
    if (!(r->scope = gn_scope_new(r, outer)))
        return FLOW_FAIL;
    const flow how = execute(r, &n->body);
    r->scope = outer;
    return how;
}

static flow set(gn_render *r, const gn_node *n) {
    gn_value *v = gn_eval(r, n->b);
    return v && assign(r, n->a, v) ? FLOW_ON : FLOW_FAIL;
}

static flow statement(gn_render *r, const gn_node *n) {
    r->line = n->line;
    switch (n->kind) {
    case GN_NODE_DATA:
        return put(r, n->name) ? FLOW_ON : FLOW_FAIL;
    case GN_NODE_PRINT:
        return print(r, n) ? FLOW_ON : FLOW_FAIL;
    case GN_NODE_IF:
        return if_(r, n);
    case GN_NODE_FOR:
        return for_(r, n);
    case GN_NODE_SET:
        return set(r, n);
    case GN_NODE_SET_BLOCK:
        return set_block(r, n);
    case GN_NODE_MACRO: {
        gn_macro *m = macro(r, n);
        return m && gn_bind(r, n->name, &m->v) ? FLOW_ON : FLOW_FAIL;
    }
    case GN_NODE_CALL_BLOCK:
        return call_block(r, n);
    case GN_NODE_FILTER_BLOCK:
        return filter_block(r, n);
    case GN_NODE_WITH:
        return with(r, n);
    case GN_NODE_GENERATION:
        return generation(r, n);
    default:
        return n->kind == GN_NODE_BREAK ? FLOW_BREAK : FLOW_CONTINUE;
    }
}

static flow execute(gn_render *r, const gn_nodes *body) {
    flow how = FLOW_ON;
    if (++r->depth > GN_MAX_DEPTH) {
        gn_render_fail(r, GN_INVALID, "the template goes more than %d levels deep", GN_MAX_DEPTH);
        how = FLOW_FAIL;
    }
    for (size_t i = 0; how == FLOW_ON && i < body->count; i++)
        how = gn_render_tick(r, 1) ? statement(r, body->at[i]) : FLOW_FAIL;
    r->depth--;
    return how;
}

/* ---- the door ----------------------------------------------------------- */

static gn_template *parsed(gn_slice source, gn_template_environment env, bool expression,
                           gn_error *e) {
    gn_template *t = calloc(1, sizeof *t);
    if (!t) {
        gn_fail(e, GN_NO_MEMORY, "out of memory for a template");
        return NULL;
    }
    t->env = env;
    t->arena.limit = GN_MAX_MEMORY;
    if (!gn_parse(t, source, expression, e)) {
        gn_template_free(t);
        return NULL;
    }
    return t;
}

gn_template *gn_template_new(gn_slice source, gn_template_environment env, gn_error *e) {
    return parsed(source, env, false, e);
}

gn_template *gn_template_expression(gn_slice source, gn_template_environment env, gn_error *e) {
    return parsed(source, env, true, e);
}

void gn_template_free(gn_template *t) {
    if (!t)
        return;
    gn_arena_release(&t->arena);
    free(t);
}

bool gn_template_render(const gn_template *t, const gn_value *vars, gn_str *out, gn_error *e) {
    gn_arena arena = {.limit = GN_MAX_MEMORY};
    gn_error mine = {0};
    const size_t before = out->len;
    gn_render r = {.t = t, .vars = vars, .arena = &arena, .out = out, .line = 1, .e = &mine};
    const bool ok = (r.scope = gn_scope_new(&r, NULL)) && execute(&r, &t->body) != FLOW_FAIL;
    gn_arena_release(&arena);
    if (!ok) {
        gn_str_cut(out, before);
        *e = mine;
    }
    return ok;
}

/* A plain value in the arena `to`: tuples, ranges and the like become lists. */
static gn_value *plain(gn_render *r, gn_arena *to, gn_value *v, int depth) {
    gn_value **item;
    size_t n;
    if (depth > GN_MAX_NESTING)
        return gn_render_fail(r, GN_INVALID, "the value is nested too deep");
    switch (v->kind) {
    case GN_NULL:
        return gn_render_made(r, gn_value_null(to));
    case GN_BOOL:
        return gn_render_made(r, gn_value_bool(to, v->boolean));
    case GN_INTEGER:
        return gn_render_made(r, gn_value_integer(to, v->integer));
    case GN_NUMBER:
        return gn_render_made(r, gn_value_number(to, v->number));
    case GN_STRING:
    case GN_MARKUP:
        return gn_render_made(r, gn_value_string(to, v->string));
    case GN_UNDEFINED:
        return ((gn_undefined *)v)->lenient ? gn_render_made(r, gn_value_null(to))
                                            : gn_undefined_fail(r, v);
    case GN_MAP:
    case GN_NAMESPACE: {
        const gn_value *from = v->kind == GN_MAP ? v : ((gn_namespace *)v)->map;
        gn_value *map = gn_render_made(r, gn_value_map(to));
        for (size_t i = 0; map && i < from->map.count; i++) {
            const gn_slice key = from->map.entry[i].key;
            const gn_slice name =
                gn_arena_copy(to, gn_key_is_text(key) ? key : gn_slice_from(key, 2));
            gn_value *one = plain(r, to, from->map.entry[i].value, depth + 1);
            if (!one)
                return NULL;
            if (!name.data || !gn_value_set(to, map, name, one))
                return gn_render_made(r, NULL);
        }
        return map;
    }
    default:
        if (!gn_is_iterable(v))
            return gn_render_fail(r, GN_INVALID, "a %s is no plain value", gn_type_name(v));
        gn_value *list = gn_render_made(r, gn_value_list(to));
        if (!list || !gn_items(r, v, &item, &n))
            return NULL;
        for (size_t i = 0; i < n; i++) {
            gn_value *one = plain(r, to, item[i], depth + 1);
            if (!one)
                return NULL;
            if (!gn_value_add(to, list, one))
                return gn_render_made(r, NULL);
        }
        return list;
    }
}

gn_value *gn_template_evaluate(const gn_template *t, const gn_value *vars, gn_arena *a,
                               gn_error *e) {
    gn_arena arena = {.limit = GN_MAX_MEMORY};
    gn_error mine = {0};
    gn_str none = {0};
    gn_render r = {.t = t, .vars = vars, .arena = &arena, .out = &none, .line = 1, .e = &mine};
    gn_value *v = NULL;
    if (t->expression && (r.scope = gn_scope_new(&r, NULL)))
        v = gn_eval(&r, t->expression);
    else if (!t->expression)
        gn_fail(&mine, GN_INVALID, "a template is no expression");
    if (v)
        v = plain(&r, a, v, 0);
    gn_arena_release(&arena);
    gn_str_release(&none);
    if (!v)
        *e = mine;
    return v;
}
