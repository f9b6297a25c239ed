/* parse.c - statements, and what both halves of the parser stand on. */
#include "core/template/parse.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- common ground ------------------------------------------------------ */

bool gn_parse_fail(gn_parser *p, int line, gn_code code, const char *fmt, ...) {
    char text[384];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return gn_fail(p->e, code, "line %d: %s", line, text);
}

gn_lexeme *gn_parse_next(gn_parser *p) {
    gn_lexeme *l = gn_peek(p);
    if (l->kind != GN_LEX_END)
        p->at++;
    return l;
}

bool gn_parse_skip(gn_parser *p, int kind, const char *text) {
    if (!gn_lexeme_is(gn_peek(p), kind, text))
        return false;
    p->at++;
    return true;
}

gn_node *gn_parse_unexpected(gn_parser *p, const char *expected) {
    const gn_lexeme *l = gn_peek(p);
    if (l->kind == GN_LEX_END)
        gn_parse_fail(p, l->line, GN_FORMAT, "expected %s, but the template ends", expected);
    else
        gn_parse_fail(p, l->line, GN_FORMAT, "expected %s, found '%.*s'", expected,
                      (int)(l->text.len > 60 ? 60 : l->text.len), l->text.data);
    return NULL;
}

gn_lexeme *gn_parse_expect(gn_parser *p, int kind, const char *text) {
    gn_lexeme *l = gn_peek(p);
    if (l->kind == kind && (!text || gn_slice_is(l->text, text)))
        return gn_parse_next(p);
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s'", text ? text : "");
    gn_parse_unexpected(p, text                       ? quoted
                           : kind == GN_LEX_NAME      ? "a name"
                           : kind == GN_LEX_BLOCK_END ? "'%}'"
                           : kind == GN_LEX_PRINT_END ? "'}}'"
                                                      : "something else");
    return NULL;
}

gn_node *gn_parse_node(gn_parser *p, int kind, int line) {
    gn_node *n = gn_arena_alloc(&p->t->arena, sizeof *n);
    if (!n) {
        gn_parse_fail(p, line, GN_NO_MEMORY, "out of memory for the template");
        return NULL;
    }
    n->kind = kind;
    n->line = line;
    return n;
}

bool gn_parse_push(gn_parser *p, gn_nodes *list, gn_node *node) {
    if (!node)
        return false;
    if (list->count == list->capacity) {
        const size_t room = list->capacity ? 2 * list->capacity : 4;
        gn_node **more = gn_arena_alloc(&p->t->arena, room * sizeof *more);
        if (!more)
            return gn_parse_fail(p, node->line, GN_NO_MEMORY, "out of memory for the template");
        if (list->count)
            memcpy(more, list->at, list->count * sizeof *more);
        list->at = more;
        list->capacity = room;
    }
    list->at[list->count++] = node;
    return true;
}

bool gn_parse_deeper(gn_parser *p) {
    if (p->depth++ < GN_PARSE_DEPTH)
        return true;
    return gn_parse_fail(p, gn_peek(p)->line, GN_UNSUPPORTED, "more than %d levels of nesting",
                         GN_PARSE_DEPTH);
}

/* ---- bodies ------------------------------------------------------------- */

static bool statement(gn_parser *p, gn_nodes *body);

static bool at_one_of(const gn_parser *p, const char *const *ends) {
    for (; ends && *ends; ends++)
        if (gn_at_name(p, *ends))
            return true;
    return false;
}

static bool print(gn_parser *p, gn_nodes *body) {
    gn_node *n = gn_parse_node(p, GN_NODE_PRINT, gn_parse_next(p)->line);
    return n && (n->a = gn_parse_tuple(p, true, NULL)) &&
           gn_parse_expect(p, GN_LEX_PRINT_END, NULL) && gn_parse_push(p, body, n);
}

/* Up to a tag with one of the names `ends` (NULL: to the template's end); that
 * name is the next lexeme then. */
static bool statements(gn_parser *p, gn_nodes *body, const char *const *ends) {
    for (;;) {
        const gn_lexeme *l = gn_peek(p);
        if (l->kind == GN_LEX_END)
            break;
        if (l->kind == GN_LEX_DATA) {
            gn_node *n = gn_parse_node(p, GN_NODE_DATA, l->line);
            if (!gn_parse_push(p, body, n))
                return false;
            n->name = gn_parse_next(p)->text;
        } else if (l->kind == GN_LEX_PRINT) {
            if (!print(p, body))
                return false;
        } else {
            gn_parse_next(p);
            if (at_one_of(p, ends))
                return true;
            if (!statement(p, body) || !gn_parse_expect(p, GN_LEX_BLOCK_END, NULL))
                return false;
        }
    }
    return !ends || gn_parse_unexpected(p, ends[1] ? "the tag that closes a block" : ends[0]);
}

/* "%} body {% end": the end's name is gone past. A colon may stand before the %}. */
static bool body_until(gn_parser *p, gn_nodes *body, const char *end) {
    const char *const ends[] = {end, NULL};
    gn_parse_skip(p, GN_LEX_OPERATOR, ":");
    if (!gn_parse_expect(p, GN_LEX_BLOCK_END, NULL) || !statements(p, body, ends))
        return false;
    gn_parse_next(p);
    return true;
}

/* The same for a body that is a scope of its own: its unknown filters count again. */
static bool scope_until(gn_parser *p, gn_nodes *body, const char *end) {
    const bool soft = p->soft;
    p->soft = false;
    const bool ok = body_until(p, body, end);
    p->soft = soft;
    return ok;
}

/* ---- statements --------------------------------------------------------- */

/* `if`, or `elif` inside one: both end with the same endif. */
static gn_node *if_(gn_parser *p) {
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    const bool soft = p->soft;
    p->soft = true;
    gn_node *n = gn_parse_node(p, GN_NODE_IF, gn_parse_next(p)->line);
    gn_node *now = n;
    for (;;) {
        if (!now || !(now->a = gn_parse_tuple(p, false, NULL)))
            return NULL;
        gn_parse_skip(p, GN_LEX_OPERATOR, ":");
        if (!gn_parse_expect(p, GN_LEX_BLOCK_END, NULL) || !statements(p, &now->body, ends))
            return NULL;
        const gn_lexeme *l = gn_parse_next(p);
        if (!gn_slice_is(l->text, "elif")) {
            if (gn_slice_is(l->text, "else") && !body_until(p, &now->other, "endif"))
                return NULL;
            break;
        }
        gn_node *elif = gn_parse_node(p, GN_NODE_IF, l->line);
        if (!gn_parse_push(p, &now->other, elif))
            return NULL;
        now = elif;
    }
    p->soft = soft;
    return n;
}

static gn_node *for_(gn_parser *p) {
    static const char *const ends[] = {"endfor", "else", NULL};
    const int stored = p->loop_store;
    const bool soft = p->soft;
    p->loop_store = 0;
    gn_node *n = gn_parse_node(p, GN_NODE_FOR, gn_parse_next(p)->line);
    if (!n || !(n->a = gn_parse_target(p, false, "in")) || !gn_parse_expect(p, GN_LEX_NAME, "in") ||
        !(n->b = gn_parse_tuple(p, false, "recursive")))
        return NULL;
    p->soft = false;
    if (gn_parse_skip(p, GN_LEX_NAME, "if") && !(n->c = gn_parse_expression(p)))
        return NULL;
    n->op = gn_parse_skip(p, GN_LEX_NAME, "recursive") ? 'r' : 0;
    gn_parse_skip(p, GN_LEX_OPERATOR, ":");
    p->loops++;
    if (!gn_parse_expect(p, GN_LEX_BLOCK_END, NULL) || !statements(p, &n->body, ends))
        return NULL;
    p->loops--;
    if (gn_slice_is(gn_parse_next(p)->text, "else") && !body_until(p, &n->other, "endfor"))
        return NULL;
    if (p->loop_store) {
        gn_parse_fail(p, p->loop_store, GN_FORMAT, "a loop's body cannot assign to 'loop'");
        return NULL;
    }
    p->loop_store = stored;
    p->soft = soft;
    return n;
}

static gn_node *set(gn_parser *p) {
    gn_node *n = gn_parse_node(p, GN_NODE_SET, gn_parse_next(p)->line);
    if (!n || !(n->a = gn_parse_target(p, true, NULL)))
        return NULL;
    if (gn_parse_skip(p, GN_LEX_OPERATOR, "="))
        return (n->b = gn_parse_tuple(p, true, NULL)) ? n : NULL;
    n->kind = GN_NODE_SET_BLOCK;
    if (gn_at_operator(p, "|") && !(n->b = gn_parse_filters(p, NULL, false)))
        return NULL;
    return scope_until(p, &n->body, "endset") ? n : NULL;
}

static gn_signature *signature(gn_parser *p, bool bare) {
    gn_signature *s = gn_arena_alloc(&p->t->arena, sizeof *s);
    if (!s) {
        gn_parse_fail(p, gn_peek(p)->line, GN_NO_MEMORY, "out of memory for the template");
        return NULL;
    }
    if (bare)
        return s;
    if (!gn_parse_expect(p, GN_LEX_OPERATOR, "("))
        return NULL;
    while (!gn_at_operator(p, ")")) {
        if (s->param.count && !gn_parse_expect(p, GN_LEX_OPERATOR, ","))
            return NULL;
        if (!gn_parse_push(p, &s->param, gn_parse_store(p)))
            return NULL;
        if (gn_parse_skip(p, GN_LEX_OPERATOR, "=")) {
            if (!gn_parse_push(p, &s->initial, gn_parse_expression(p)))
                return NULL;
        } else if (s->initial.count) {
            gn_parse_fail(p, gn_peek(p)->line, GN_FORMAT,
                          "a parameter without a default follows one with a default");
            return NULL;
        }
    }
    return gn_parse_expect(p, GN_LEX_OPERATOR, ")") ? s : NULL;
}

/* The body of a macro or a call block; finds which special names it reads. */
static bool macro_body(gn_parser *p, gn_node *n, const gn_special outer[3], const char *end) {
    gn_signature *s = n->signature;
    bool *const reads[3] = {&s->caller, &s->kwargs, &s->varargs};
    static const char *const name[3] = {"caller", "kwargs", "varargs"};
    bool named[3] = {false};
    for (int i = 0; i < 3; i++)
        for (size_t k = 0; k < s->param.count; k++)
            named[i] = named[i] || gn_slice_is(s->param.at[k]->name, name[i]);
    const int loops = p->loops;
    p->loops = 0;
    memset(p->special, 0, sizeof p->special);
    if (!scope_until(p, &n->body, end))
        return false;
    p->loops = loops;
    for (int i = 0; i < 3; i++) {
        *reads[i] = p->special[i] == GN_READ_FIRST && !named[i];
        if (outer[i] != GN_UNSEEN)
            p->special[i] = outer[i];
        else if (p->special[i] == GN_STORED_FIRST)
            p->special[i] = GN_UNSEEN;
    }
    return true;
}

static gn_node *macro(gn_parser *p) {
    gn_special outer[3];
    memcpy(outer, p->special, sizeof outer);
    gn_node *n = gn_parse_node(p, GN_NODE_MACRO, gn_parse_next(p)->line);
    gn_node *name = n ? gn_parse_store(p) : NULL;
    if (!name || !(n->signature = signature(p, false)))
        return NULL;
    n->name = name->name;
    return macro_body(p, n, outer, "endmacro") ? n : NULL;
}

static gn_node *call_block(gn_parser *p) {
    gn_special outer[3];
    memcpy(outer, p->special, sizeof outer);
    gn_node *n = gn_parse_node(p, GN_NODE_CALL_BLOCK, gn_parse_next(p)->line);
    if (!n || !(n->signature = signature(p, !gn_at_operator(p, "("))) ||
        !(n->a = gn_parse_expression(p)))
        return NULL;
    if (n->a->kind != GN_NODE_CALL) {
        gn_parse_fail(p, n->line, GN_FORMAT, "'call' needs a call, such as {%% call name() %%}");
        return NULL;
    }
    return macro_body(p, n, outer, "endcall") ? n : NULL;
}

static gn_node *filter_block(gn_parser *p) {
    gn_node *n = gn_parse_node(p, GN_NODE_FILTER_BLOCK, gn_parse_next(p)->line);
    return n && (n->b = gn_parse_filters(p, NULL, true)) && scope_until(p, &n->body, "endfilter")
               ? n
               : NULL;
}

static gn_node *with(gn_parser *p) {
    gn_node *n = gn_parse_node(p, GN_NODE_WITH, gn_parse_next(p)->line);
    while (n && gn_peek(p)->kind != GN_LEX_BLOCK_END) {
        if (n->item.count && !gn_parse_expect(p, GN_LEX_OPERATOR, ","))
            return NULL;
        if (!gn_parse_push(p, &n->item, gn_parse_target(p, false, NULL)) ||
            !gn_parse_expect(p, GN_LEX_OPERATOR, "=") ||
            !gn_parse_push(p, &n->item, gn_parse_expression(p)))
            return NULL;
    }
    return n && scope_until(p, &n->body, "endwith") ? n : NULL;
}

static gn_node *generation(gn_parser *p) {
    const int loops = p->loops;
    p->loops = 0;
    gn_node *n = gn_parse_node(p, GN_NODE_GENERATION, gn_parse_next(p)->line);
    const bool ok = n && scope_until(p, &n->body, "endgeneration");
    p->loops = loops;
    return ok ? n : NULL;
}

/* {% print a, b %} */
static bool print_tag(gn_parser *p, gn_nodes *body) {
    const int line = gn_parse_next(p)->line;
    for (bool first = true; gn_peek(p)->kind != GN_LEX_BLOCK_END; first = false) {
        if (!first && !gn_parse_expect(p, GN_LEX_OPERATOR, ","))
            return false;
        gn_node *n = gn_parse_node(p, GN_NODE_PRINT, line);
        if (!n || !(n->a = gn_parse_expression(p)) || !gn_parse_push(p, body, n))
            return false;
    }
    return true;
}

static bool unknown_tag(gn_parser *p, const gn_lexeme *l) {
    static const char *const other[] = {"include", "import",     "from", "extends",
                                        "block",   "autoescape", "do",   "trans"};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (gn_slice_is(l->text, other[i]))
            return gn_parse_fail(p, l->line, GN_UNSUPPORTED, "'%s' is not supported", other[i]);
    return gn_parse_fail(p, l->line, GN_FORMAT, "unknown or misplaced tag '%.*s'",
                         (int)(l->text.len > 60 ? 60 : l->text.len), l->text.data);
}

static bool known_statement(gn_parser *p, gn_nodes *body) {
    static const struct {
        const char *name;
        gn_node *(*parse)(gn_parser *);
        bool chat; /* only there */
    } table[] = {
        {"if", if_, false},          {"for", for_, false},
        {"set", set, false},         {"macro", macro, false},
        {"call", call_block, false}, {"filter", filter_block, false},
        {"with", with, false},       {"generation", generation, true},
    };
    const gn_lexeme *l = gn_peek(p);
    if (l->kind != GN_LEX_NAME)
        return gn_parse_unexpected(p, "the name of a tag") != NULL;
    const bool chat = p->t->env == GN_TEMPLATE_CHAT;
    if (gn_slice_is(l->text, "print"))
        return print_tag(p, body);
    if (chat && (gn_slice_is(l->text, "break") || gn_slice_is(l->text, "continue"))) {
        gn_parse_next(p);
        if (!p->loops)
            return gn_parse_fail(p, l->line, GN_FORMAT, "'%.*s' outside a loop", (int)l->text.len,
                                 l->text.data);
        return gn_parse_push(
            p, body,
            gn_parse_node(p, l->text.data[0] == 'b' ? GN_NODE_BREAK : GN_NODE_CONTINUE, l->line));
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (gn_slice_is(l->text, table[i].name) && (chat || !table[i].chat))
            return gn_parse_push(p, body, table[i].parse(p));
    return unknown_tag(p, l);
}

static bool statement(gn_parser *p, gn_nodes *body) {
    if (!gn_parse_deeper(p) || !known_statement(p, body))
        return false;
    p->depth--;
    return true;
}

/* ---- whole templates ---------------------------------------------------- */

static bool unknown_name(gn_parser *p) {
    if (!p->unknown.count)
        return true;
    const gn_node *n = p->unknown.at[0];
    return gn_parse_fail(p, n->line, GN_UNSUPPORTED, "no %s named '%.*s'",
                         n->kind == GN_NODE_FILTER ? "filter" : "test",
                         (int)(n->name.len > 100 ? 100 : n->name.len), n->name.data);
}

bool gn_parse(gn_template *t, gn_slice source, bool expression, gn_error *e) {
    gn_parser p = {.t = t, .e = e};
    if (!gn_lex(&p.lex, &t->arena, source, t->env, expression, e))
        return false;
    if (!expression)
        return statements(&p, &t->body, NULL) && unknown_name(&p);
    t->expression = gn_parse_expression(&p);
    return t->expression &&
           (gn_peek(&p)->kind == GN_LEX_END || gn_parse_unexpected(&p, "nothing more")) &&
           unknown_name(&p);
}
