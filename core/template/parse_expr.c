/* parse_expr.c - expressions, from the loosest binding to the tightest:
 *
 *   x if y else z | or | and | not | == != < <= > >= in, not in | + - | ~
 *   | * / // % | ** (to the left, as jinja2 has it) | - + (sign)
 *   | primary, then .name [index] (call), then |filter, is test
 */
#include "core/template/filters.h"
#include "core/template/parse.h"

static bool at_kind(const gn_parser *p, int kind) { return gn_peek(p)->kind == kind; }

static gn_node *two(gn_parser *p, int kind, int line, gn_node *a, gn_node *b) {
    gn_node *n = a && b ? gn_parse_node(p, kind, line) : NULL;
    if (n) {
        n->a = a;
        n->b = b;
    }
    return n;
}

static gn_node *constant(gn_parser *p, int line, gn_value *v) {
    gn_node *n = gn_parse_node(p, GN_NODE_CONSTANT, line);
    if (n && !v) {
        gn_parse_fail(p, line, GN_NO_MEMORY, "out of memory for the template");
        return NULL;
    }
    if (n)
        n->value = v;
    return n;
}

/* What a macro's body, a loop and a call block need to know of the names in them. */
static void saw(gn_parser *p, gn_slice name, bool store) {
    static const char *const special[] = {"caller", "kwargs", "varargs"};
    for (int i = 0; i < 3; i++)
        if (p->special[i] == GN_UNSEEN && gn_slice_is(name, special[i]))
            p->special[i] = store ? GN_STORED_FIRST : GN_READ_FIRST;
    if (store && gn_slice_is(name, "loop"))
        p->loop_store = gn_peek(p)->line;
}

/* ---- primaries ---------------------------------------------------------- */

static gn_node *name_or_constant(gn_parser *p) {
    gn_lexeme *l = gn_parse_next(p);
    gn_arena *a = &p->t->arena;
    if (gn_slice_is(l->text, "true") || gn_slice_is(l->text, "True"))
        return constant(p, l->line, gn_value_bool(a, true));
    if (gn_slice_is(l->text, "false") || gn_slice_is(l->text, "False"))
        return constant(p, l->line, gn_value_bool(a, false));
    if (gn_slice_is(l->text, "none") || gn_slice_is(l->text, "None"))
        return constant(p, l->line, gn_value_null(a));
    gn_node *n = gn_parse_node(p, GN_NODE_NAME, l->line);
    if (n) {
        n->name = l->text;
        saw(p, l->text, false);
    }
    return n;
}

/* 'a' 'b' is 'ab'. */
static gn_node *strings(gn_parser *p) {
    const int line = gn_peek(p)->line;
    gn_slice text = gn_parse_next(p)->text;
    if (at_kind(p, GN_LEX_STRING)) {
        gn_str all = {0};
        gn_str_add(&all, text);
        while (at_kind(p, GN_LEX_STRING))
            gn_str_add(&all, gn_parse_next(p)->text);
        text = all.failed ? (gn_slice){0} : gn_arena_copy(&p->t->arena, gn_str_slice(&all));
        gn_str_release(&all);
    }
    return constant(p, line, text.data ? gn_value_borrow(&p->t->arena, text) : NULL);
}

static gn_node *number(gn_parser *p) {
    const gn_lexeme *l = gn_parse_next(p);
    return constant(p, l->line,
                    l->kind == GN_LEX_INTEGER ? gn_value_integer(&p->t->arena, l->integer)
                                              : gn_value_number(&p->t->arena, l->number));
}

static gn_node *list(gn_parser *p) {
    gn_node *n = gn_parse_node(p, GN_NODE_LIST, gn_parse_next(p)->line);
    while (n && !gn_at_operator(p, "]")) {
        if (n->item.count && !gn_parse_expect(p, GN_LEX_OPERATOR, ","))
            return NULL;
        if (gn_at_operator(p, "]"))
            break;
        if (!gn_parse_push(p, &n->item, gn_parse_expression(p)))
            return NULL;
    }
    return n && gn_parse_expect(p, GN_LEX_OPERATOR, "]") ? n : NULL;
}

static gn_node *dict(gn_parser *p) {
    gn_node *n = gn_parse_node(p, GN_NODE_DICT, gn_parse_next(p)->line);
    while (n && !gn_at_operator(p, "}")) {
        if (n->item.count && !gn_parse_expect(p, GN_LEX_OPERATOR, ","))
            return NULL;
        if (gn_at_operator(p, "}"))
            break;
        if (!gn_parse_push(p, &n->item, gn_parse_expression(p)) ||
            !gn_parse_expect(p, GN_LEX_OPERATOR, ":") ||
            !gn_parse_push(p, &n->item, gn_parse_expression(p)))
            return NULL;
    }
    return n && gn_parse_expect(p, GN_LEX_OPERATOR, "}") ? n : NULL;
}

static gn_node *in_parentheses(gn_parser *p) {
    const int line = gn_parse_next(p)->line;
    gn_node *n = gn_at_operator(p, ")") ? gn_parse_node(p, GN_NODE_TUPLE, line)
                                        : gn_parse_tuple(p, true, NULL);
    return n && gn_parse_expect(p, GN_LEX_OPERATOR, ")") ? n : NULL;
}

static gn_node *primary(gn_parser *p) {
    switch (gn_peek(p)->kind) {
    case GN_LEX_NAME:
        return name_or_constant(p);
    case GN_LEX_STRING:
        return strings(p);
    case GN_LEX_INTEGER:
    case GN_LEX_NUMBER:
        return number(p);
    default:
        return gn_at_operator(p, "(")   ? in_parentheses(p)
               : gn_at_operator(p, "[") ? list(p)
               : gn_at_operator(p, "{") ? dict(p)
                                        : gn_parse_unexpected(p, "an expression");
    }
}

/* ---- what may follow a primary ------------------------------------------ */

static bool add_named(gn_parser *p, gn_arguments *args, gn_slice name, gn_node *value) {
    gn_slice *more = gn_arena_alloc(&p->t->arena, (args->named.count + 1) * sizeof *more);
    if (!more)
        return gn_parse_fail(p, gn_peek(p)->line, GN_NO_MEMORY, "out of memory for the template");
    if (args->named.count)
        memcpy(more, args->name, args->named.count * sizeof *more);
    more[args->named.count] = name;
    args->name = more;
    return gn_parse_push(p, &args->named, value);
}

static bool argument(gn_parser *p, gn_arguments *args) {
    const int line = gn_peek(p)->line;
    const bool named =
        at_kind(p, GN_LEX_NAME) && gn_lexeme_is(gn_peek_next(p), GN_LEX_OPERATOR, "=");
    const bool star = gn_at_operator(p, "*"), starstar = gn_at_operator(p, "**");
    if (args->starstar || (args->star && !named && !starstar) ||
        (args->named.count && !named && !star && !starstar))
        return gn_parse_fail(p, line, GN_FORMAT, "arguments out of order in a call");
    if (star || starstar) {
        gn_parse_next(p);
        gn_node **where = star ? &args->star : &args->starstar;
        return (*where = gn_parse_expression(p)) != NULL;
    }
    if (!named)
        return gn_parse_push(p, &args->place, gn_parse_expression(p));
    const gn_slice name = gn_parse_next(p)->text;
    gn_parse_next(p);
    for (size_t i = 0; i < args->named.count; i++)
        if (gn_slice_equal(args->name[i], name))
            return gn_parse_fail(p, line, GN_FORMAT, "argument '%.*s' is given twice",
                                 (int)name.len, name.data);
    return add_named(p, args, name, gn_parse_expression(p));
}

static gn_arguments *arguments(gn_parser *p) {
    gn_arguments *args = gn_arena_alloc(&p->t->arena, sizeof *args);
    if (!args) {
        gn_parse_fail(p, gn_peek(p)->line, GN_NO_MEMORY, "out of memory for the template");
        return NULL;
    }
    if (!gn_parse_expect(p, GN_LEX_OPERATOR, "("))
        return NULL;
    for (bool first = true; !gn_at_operator(p, ")"); first = false) {
        if (!first && !gn_parse_expect(p, GN_LEX_OPERATOR, ","))
            return NULL;
        if (!first && gn_at_operator(p, ")"))
            break;
        if (!argument(p, args))
            return NULL;
    }
    return gn_parse_expect(p, GN_LEX_OPERATOR, ")") ? args : NULL;
}

static gn_node *call(gn_parser *p, gn_node *a) {
    gn_node *n = gn_parse_node(p, GN_NODE_CALL, gn_peek(p)->line);
    if (!n || !(n->args = arguments(p)))
        return NULL;
    n->a = a;
    return n;
}

/* An index, or begin:end:step with any of them left out. */
static gn_node *subscript(gn_parser *p) {
    const int line = gn_peek(p)->line;
    gn_node *part[3] = {NULL};
    if (!gn_at_operator(p, ":")) {
        part[0] = gn_parse_expression(p);
        if (!part[0] || !gn_at_operator(p, ":"))
            return part[0];
    }
    gn_parse_next(p);
    for (int i = 1; i < 3; i++) {
        if (i == 2 && !gn_parse_skip(p, GN_LEX_OPERATOR, ":"))
            break;
        if (!gn_at_operator(p, ":") && !gn_at_operator(p, "]") && !gn_at_operator(p, ",") &&
            !(part[i] = gn_parse_expression(p)))
            return NULL;
    }
    gn_node *n = gn_parse_node(p, GN_NODE_SLICE, line);
    if (!n || !(n->item.at = gn_arena_alloc(&p->t->arena, sizeof part)))
        return NULL;
    memcpy(n->item.at, part, sizeof part);
    n->item.count = 3;
    return n;
}

static gn_node *index_(gn_parser *p, gn_node *a) {
    const int line = gn_parse_next(p)->line;
    gn_nodes index = {0};
    while (!gn_at_operator(p, "]")) {
        if (index.count && !gn_parse_expect(p, GN_LEX_OPERATOR, ","))
            return NULL;
        if (!gn_parse_push(p, &index, subscript(p)))
            return NULL;
    }
    gn_parse_next(p);
    if (index.count == 1)
        return two(p, GN_NODE_ITEM, line, a, index.at[0]);
    for (size_t i = 0; i < index.count; i++)
        if (index.at[i]->kind == GN_NODE_SLICE) {
            gn_parse_fail(p, line, GN_UNSUPPORTED, "a slice among several indices");
            return NULL;
        }
    gn_node *tuple = gn_parse_node(p, GN_NODE_TUPLE, line);
    if (tuple)
        tuple->item = index;
    return two(p, GN_NODE_ITEM, line, a, tuple);
}

static gn_node *attribute(gn_parser *p, gn_node *a) {
    const int line = gn_parse_next(p)->line;
    if (at_kind(p, GN_LEX_INTEGER))
        return two(p, GN_NODE_ITEM, line, a, number(p));
    if (!at_kind(p, GN_LEX_NAME))
        return gn_parse_unexpected(p, "a name or a number behind '.'");
    gn_node *n = gn_parse_node(p, GN_NODE_ATTRIBUTE, line);
    if (n) {
        n->a = a;
        n->name = gn_parse_next(p)->text;
    }
    return n;
}

static gn_node *postfix(gn_parser *p, gn_node *n) {
    while (n) {
        if (gn_at_operator(p, "."))
            n = attribute(p, n);
        else if (gn_at_operator(p, "["))
            n = index_(p, n);
        else if (gn_at_operator(p, "("))
            n = call(p, n);
        else
            break;
    }
    return n;
}

/* a.b.c as one name. */
static bool dotted_name(gn_parser *p, gn_slice *name) {
    const gn_lexeme *l = gn_parse_expect(p, GN_LEX_NAME, NULL);
    if (!l)
        return false;
    *name = l->text;
    while (gn_parse_skip(p, GN_LEX_OPERATOR, ".")) {
        const gn_lexeme *more = gn_parse_expect(p, GN_LEX_NAME, NULL);
        if (!more)
            return false;
        gn_str joined = {0};
        gn_str_add(&joined, *name);
        gn_str_putc(&joined, '.');
        gn_str_add(&joined, more->text);
        *name = gn_arena_copy(&p->t->arena, gn_str_slice(&joined));
        gn_str_release(&joined);
        if (!name->data)
            return gn_parse_fail(p, l->line, GN_NO_MEMORY, "out of memory for the template");
    }
    return true;
}

/* Names that do not exist are told at the end, as jinja2 does: what is inside an
 * if or a choice fails only when it is reached. */
static bool note_unknown(gn_parser *p, gn_node *n) {
    return n->known || p->soft || gn_parse_push(p, &p->unknown, n);
}

gn_node *gn_parse_filters(gn_parser *p, gn_node *input, bool first) {
    while (first || gn_parse_skip(p, GN_LEX_OPERATOR, "|")) {
        first = false;
        gn_node *n = gn_parse_node(p, GN_NODE_FILTER, gn_peek(p)->line);
        if (!n || !dotted_name(p, &n->name) ||
            (gn_at_operator(p, "(") && !(n->args = arguments(p))))
            return NULL;
        n->a = input;
        n->known = gn_filter_find(n->name, p->t->env);
        if (!note_unknown(p, n))
            return NULL;
        input = n;
    }
    return input;
}

/* Without parentheses a test takes one argument, if something that begins one follows. */
static bool begins_argument(const gn_parser *p) {
    switch (gn_peek(p)->kind) {
    case GN_LEX_NAME:
        return !gn_at_name(p, "else") && !gn_at_name(p, "or") && !gn_at_name(p, "and");
    case GN_LEX_STRING:
    case GN_LEX_INTEGER:
    case GN_LEX_NUMBER:
        return true;
    default:
        return gn_at_operator(p, "[") || gn_at_operator(p, "{");
    }
}

static gn_node *test(gn_parser *p, gn_node *a) {
    const int line = gn_parse_next(p)->line;
    const bool negated = gn_parse_skip(p, GN_LEX_NAME, "not");
    gn_node *n = gn_parse_node(p, GN_NODE_TEST, line);
    if (!n || !dotted_name(p, &n->name))
        return NULL;
    n->a = a;
    n->known = gn_test_find(n->name);
    if (gn_at_operator(p, "(")) {
        if (!(n->args = arguments(p)))
            return NULL;
    } else if (begins_argument(p)) {
        if (gn_at_name(p, "is")) {
            gn_parse_fail(p, line, GN_FORMAT, "tests cannot be chained with 'is'");
            return NULL;
        }
        n->args = gn_arena_alloc(&p->t->arena, sizeof *n->args);
        if (!n->args || !gn_parse_push(p, &n->args->place, postfix(p, primary(p))))
            return NULL;
    }
    if (!note_unknown(p, n))
        return NULL;
    if (!negated)
        return n;
    gn_node *not = gn_parse_node(p, GN_NODE_UNARY, line);
    if (not ) {
        not ->op = '!';
        not ->a = n;
    }
    return not ;
}

static gn_node *filtered(gn_parser *p, gn_node *n) {
    while (n) {
        if (gn_at_operator(p, "|"))
            n = gn_parse_filters(p, n, false);
        else if (gn_at_name(p, "is"))
            n = test(p, n);
        else if (gn_at_operator(p, "("))
            n = call(p, n);
        else
            break;
    }
    return n;
}

/* ---- operators ---------------------------------------------------------- */

static gn_node *unary(gn_parser *p, bool with_filter) {
    gn_node *n;
    if (!gn_parse_deeper(p))
        return NULL;
    if (gn_at_operator(p, "-") || gn_at_operator(p, "+")) {
        const gn_lexeme *l = gn_parse_next(p);
        gn_node *a = unary(p, false);
        n = a ? gn_parse_node(p, GN_NODE_UNARY, l->line) : NULL;
        if (n) {
            n->op = l->text.data[0];
            n->a = a;
        }
    } else {
        n = primary(p);
    }
    n = postfix(p, n);
    if (with_filter)
        n = filtered(p, n);
    p->depth--;
    return n;
}

typedef struct level {
    const char *sign[5];
    char op[5];
} level;

/* Left to right: x op y op z, for the operators of one level. */
static gn_node *binary(gn_parser *p, const level *l, gn_node *(*tighter)(gn_parser *)) {
    gn_node *a = tighter(p);
    while (a) {
        int i = 0;
        while (l->sign[i] && !gn_at_operator(p, l->sign[i]))
            i++;
        if (!l->sign[i])
            break;
        const int line = gn_parse_next(p)->line;
        a = two(p, GN_NODE_BINARY, line, a, tighter(p));
        if (a)
            a->op = l->op[i];
    }
    return a;
}

static gn_node *signed_(gn_parser *p) { return unary(p, true); }

static gn_node *power(gn_parser *p) {
    static const level l = {{"**"}, {'p'}};
    return binary(p, &l, signed_);
}

static gn_node *product(gn_parser *p) {
    static const level l = {{"*", "/", "//", "%"}, {'*', '/', 'f', '%'}};
    return binary(p, &l, power);
}

static gn_node *concat(gn_parser *p) {
    const int line = gn_peek(p)->line;
    gn_node *a = product(p);
    if (!a || !gn_at_operator(p, "~"))
        return a;
    gn_node *n = gn_parse_node(p, GN_NODE_CONCAT, line);
    if (!n || !gn_parse_push(p, &n->item, a))
        return NULL;
    while (gn_parse_skip(p, GN_LEX_OPERATOR, "~"))
        if (!gn_parse_push(p, &n->item, product(p)))
            return NULL;
    return n;
}

static gn_node *sum(gn_parser *p) {
    static const level l = {{"+", "-"}, {'+', '-'}};
    return binary(p, &l, concat);
}

/* Which comparison stands here, gone past; -1: none. */
static int comparison(gn_parser *p) {
    static const char *const sign[] = {"==", "!=", "<", "<=", ">", ">="};
    for (int i = 0; i < 6; i++)
        if (gn_parse_skip(p, GN_LEX_OPERATOR, sign[i]))
            return i;
    if (gn_parse_skip(p, GN_LEX_NAME, "in"))
        return GN_COMPARE_IN;
    if (gn_at_name(p, "not") && gn_lexeme_is(gn_peek_next(p), GN_LEX_NAME, "in")) {
        p->at += 2;
        return GN_COMPARE_NOT_IN;
    }
    return -1;
}

static gn_node *compare(gn_parser *p) {
    gn_node *a = sum(p), *n = NULL;
    uint8_t op[GN_PARSE_DEPTH];
    size_t count = 0;
    for (int which; a && (which = comparison(p)) >= 0;) {
        if (!n) {
            n = gn_parse_node(p, GN_NODE_COMPARE, gn_peek(p)->line);
            if (!n)
                return NULL;
            n->a = a;
        }
        if (count == GN_PARSE_DEPTH) {
            gn_parse_fail(p, n->line, GN_UNSUPPORTED, "more than %d comparisons in a chain",
                          GN_PARSE_DEPTH);
            return NULL;
        }
        op[count++] = (uint8_t)which;
        if (!gn_parse_push(p, &n->item, sum(p)))
            return NULL;
    }
    if (!n)
        return a;
    if (!(n->compare = gn_arena_alloc(&p->t->arena, count)))
        return NULL;
    memcpy(n->compare, op, count);
    return n;
}

static gn_node * not(gn_parser * p) {
    if (!gn_at_name(p, "not"))
        return compare(p);
    if (!gn_parse_deeper(p))
        return NULL;
    const int line = gn_parse_next(p)->line;
    gn_node *a = not(p);
    p->depth--;
    gn_node *n = a ? gn_parse_node(p, GN_NODE_UNARY, line) : NULL;
    if (n) {
        n->op = '!';
        n->a = a;
    }
    return n;
}

static gn_node * and (gn_parser * p) {
    gn_node *a = not(p);
    while (a && gn_at_name(p, "and")) {
        const int line = gn_parse_next(p)->line;
        a = two(p, GN_NODE_AND, line, a, not(p));
    }
    return a;
}

static gn_node * or (gn_parser * p) {
    gn_node *a = and(p);
    while (a && gn_at_name(p, "or")) {
        const int line = gn_parse_next(p)->line;
        a = two(p, GN_NODE_OR, line, a, and(p));
    }
    return a;
}

gn_node *gn_parse_expression(gn_parser *p) {
    if (!gn_parse_deeper(p))
        return NULL;
    const size_t unknown = p->unknown.count;
    gn_node *a = or (p);
    while (a && gn_at_name(p, "if")) {
        gn_node *n = gn_parse_node(p, GN_NODE_CHOICE, gn_parse_next(p)->line);
        if (!n || !(n->b = or (p)) ||
            (gn_parse_skip(p, GN_LEX_NAME, "else") && !(n->c = gn_parse_expression(p))))
            return NULL;
        n->a = a;
        a = n;
        p->unknown.count = unknown; /* all of it is reached by choice */
    }
    p->depth--;
    return a;
}

/* ---- tuples and targets ------------------------------------------------- */

static bool tuple_ends(const gn_parser *p, const char *stop) {
    const int kind = gn_peek(p)->kind;
    return kind == GN_LEX_PRINT_END || kind == GN_LEX_BLOCK_END || gn_at_operator(p, ")") ||
           (stop && gn_at_name(p, stop));
}

static gn_node *items(gn_parser *p, gn_node *(*item)(gn_parser *), const char *stop) {
    gn_nodes list = {0};
    bool tuple = false;
    const int line = gn_peek(p)->line;
    while (!tuple_ends(p, stop)) {
        if (!gn_parse_push(p, &list, item(p)))
            return NULL;
        if (!gn_parse_skip(p, GN_LEX_OPERATOR, ","))
            break;
        tuple = true;
    }
    if (!list.count)
        return gn_parse_unexpected(p, "an expression");
    if (!tuple)
        return list.at[0];
    gn_node *n = gn_parse_node(p, GN_NODE_TUPLE, line);
    if (n)
        n->item = list;
    return n;
}

gn_node *gn_parse_tuple(gn_parser *p, bool choice, const char *stop) {
    return items(p, choice ? gn_parse_expression : or, stop);
}

gn_node *gn_parse_store(gn_parser *p) {
    const gn_lexeme *l = gn_peek(p);
    static const char *const fixed[] = {"true", "True", "false", "False", "none", "None"};
    if (!gn_parse_expect(p, GN_LEX_NAME, NULL))
        return NULL;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (gn_slice_is(l->text, fixed[i])) {
            gn_parse_fail(p, l->line, GN_FORMAT, "cannot assign to '%s'", fixed[i]);
            return NULL;
        }
    gn_node *n = gn_parse_node(p, GN_NODE_NAME, l->line);
    if (n) {
        n->name = l->text;
        saw(p, l->text, true);
    }
    return n;
}

static gn_node *target_item(gn_parser *p, bool dotted) {
    if (gn_at_operator(p, "(")) {
        if (!gn_parse_deeper(p))
            return NULL;
        gn_parse_next(p);
        gn_node *n = gn_parse_target(p, false, NULL);
        p->depth--;
        return n && gn_parse_expect(p, GN_LEX_OPERATOR, ")") ? n : NULL;
    }
    if (gn_peek(p)->kind != GN_LEX_NAME)
        return gn_parse_unexpected(p, "a name to assign to");
    if (dotted && gn_lexeme_is(gn_peek_next(p), GN_LEX_OPERATOR, ".")) {
        gn_node *ns = name_or_constant(p);
        gn_parse_next(p);
        const gn_lexeme *l = gn_parse_expect(p, GN_LEX_NAME, NULL);
        gn_node *n = ns && l ? gn_parse_node(p, GN_NODE_ATTRIBUTE, l->line) : NULL;
        if (n) {
            n->a = ns;
            n->name = l->text;
        }
        return n;
    }
    return gn_parse_store(p);
}

static gn_node *plain_item(gn_parser *p) { return target_item(p, false); }
static gn_node *dotted_item(gn_parser *p) { return target_item(p, true); }

gn_node *gn_parse_target(gn_parser *p, bool dotted, const char *stop) {
    return items(p, dotted ? dotted_item : plain_item, stop);
}
