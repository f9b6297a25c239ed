/* parse.h - what the parser of statements and that of expressions share. */
#ifndef GN_TEMPLATE_PARSE_H
#define GN_TEMPLATE_PARSE_H

#include "core/template/syntax.h"

enum { GN_PARSE_DEPTH = 200 }; /* nested statements and expressions, together */

/* A name a macro's body may read without declaring it. */
typedef enum gn_special { GN_UNSEEN, GN_READ_FIRST, GN_STORED_FIRST } gn_special;

typedef struct gn_parser {
    gn_template *t;
    gn_lexemes lex;
    size_t at;
    int depth;
    bool soft;             /* inside an if: unknown filters fail only when they are reached */
    gn_special special[3]; /* caller, kwargs, varargs in the macro being read */
    gn_nodes unknown;      /* filters and tests that do not exist; NULL: reached only by choice */
    int loop_store;        /* line of a store to the name 'loop', 0: none */
    int loops;             /* that a break here may leave */
    gn_error *e;
} gn_parser;

static inline gn_lexeme *gn_peek(const gn_parser *p) { return &p->lex.at[p->at]; }
static inline gn_lexeme *gn_peek_next(const gn_parser *p) {
    return &p->lex.at[p->at + 1 < p->lex.count ? p->at + 1 : p->at];
}
static inline bool gn_lexeme_is(const gn_lexeme *l, int kind, const char *text) {
    return l->kind == kind && gn_slice_is(l->text, text);
}
static inline bool gn_at_operator(const gn_parser *p, const char *text) {
    return gn_lexeme_is(gn_peek(p), GN_LEX_OPERATOR, text);
}
static inline bool gn_at_name(const gn_parser *p, const char *text) {
    return gn_lexeme_is(gn_peek(p), GN_LEX_NAME, text);
}
gn_lexeme *gn_parse_next(gn_parser *p);                       /* the current lexeme; goes one on */
bool gn_parse_skip(gn_parser *p, int kind, const char *text); /* next, if it is that */
/* The lexeme, gone past; NULL and an error if another is there. text NULL: any of the kind. */
gn_lexeme *gn_parse_expect(gn_parser *p, int kind, const char *text);
/* "line L: expected X, found Y"; returns NULL. */
gn_node *gn_parse_unexpected(gn_parser *p, const char *expected);
bool gn_parse_fail(gn_parser *p, int line, gn_code code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

gn_node *gn_parse_node(gn_parser *p, int kind, int line);        /* zeroed; NULL and an error */
bool gn_parse_push(gn_parser *p, gn_nodes *list, gn_node *node); /* false if node is NULL */
bool gn_parse_deeper(gn_parser *p); /* every true one is undone by depth-- */

gn_node *gn_parse_expression(gn_parser *p);
/* One or more expressions with commas: itself or a tuple. stop: a name that ends
 * it, or NULL; choice: may an item be `x if y else z`? */
gn_node *gn_parse_tuple(gn_parser *p, bool choice, const char *stop);
/* A target of an assignment: names in tuples; with dotted, namespace attributes. */
gn_node *gn_parse_target(gn_parser *p, bool dotted, const char *stop);
/* name(args)|name(args)...; the innermost one reads what a filter block prints.
 * first: the name stands here; else behind a '|'. NULL without an error if there is none. */
gn_node *gn_parse_filters(gn_parser *p, gn_node *input, bool first);
/* A name as a parameter or a target. */
gn_node *gn_parse_store(gn_parser *p);

#endif
