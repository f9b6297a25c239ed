/* syntax.h - what a template is made of: lexemes, then a tree of nodes.
 *
 * Both live in the template's arena and never change once it is parsed.
 * Reference for the grammar: the documentation of jinja2 3.1 and its behaviour.
 */
#ifndef GN_TEMPLATE_SYNTAX_H
#define GN_TEMPLATE_SYNTAX_H

#include "core/template/template.h"

/* ---- lexemes ------------------------------------------------------------ */

typedef enum gn_lexeme_kind {
    GN_LEX_END,
    GN_LEX_DATA,      /* text between tags, white space control applied */
    GN_LEX_PRINT,     /* {{ */
    GN_LEX_PRINT_END, /* }} */
    GN_LEX_BLOCK,     /* {% */
    GN_LEX_BLOCK_END, /* %} */
    GN_LEX_NAME,
    GN_LEX_STRING, /* text holds its value, escapes resolved */
    GN_LEX_INTEGER,
    GN_LEX_NUMBER,
    GN_LEX_OPERATOR,
} gn_lexeme_kind;

typedef struct gn_lexeme {
    int kind, line;
    gn_slice text;
    int64_t integer;
    double number;
} gn_lexeme;

typedef struct gn_lexemes {
    gn_lexeme *at; /* [count], the last one is GN_LEX_END */
    size_t count;
} gn_lexemes;

/* expression: the source is the inside of one {{ }}. source must outlive a. */
bool gn_lex(gn_lexemes *out, gn_arena *a, gn_slice source, gn_template_environment env,
            bool expression, gn_error *e);

/* ---- nodes -------------------------------------------------------------- */

typedef enum gn_node_kind {
    /* Expressions. */
    GN_NODE_CONSTANT,  /* value */
    GN_NODE_NAME,      /* name */
    GN_NODE_LIST,      /* item */
    GN_NODE_TUPLE,     /* item; as a target too */
    GN_NODE_DICT,      /* item: key, value, key, value ... */
    GN_NODE_ATTRIBUTE, /* a.name; as a target: name of a namespace in a */
    GN_NODE_ITEM,      /* a[b] */
    GN_NODE_SLICE,     /* a[item 0 : item 1 : item 2], each may be NULL */
    GN_NODE_CALL,      /* a(args) */
    GN_NODE_FILTER,    /* a|name(args); a is NULL at the head of a filter block */
    GN_NODE_TEST,      /* a is name(args) */
    GN_NODE_UNARY,     /* op a: '-', '+', '!' for not */
    GN_NODE_BINARY,    /* a op b: + - * / % and 'f' for //, 'p' for ** */
    GN_NODE_COMPARE,   /* a, then op[i] item[i] ... */
    GN_NODE_CONCAT,    /* item ~ item ... */
    GN_NODE_AND,       /* a and b */
    GN_NODE_OR,        /* a or b */
    GN_NODE_CHOICE,    /* a if b else c; c may be NULL */
    /* Statements. */
    GN_NODE_DATA,         /* name is the text */
    GN_NODE_PRINT,        /* a */
    GN_NODE_IF,           /* if a: body, else: other (an elif is an IF alone in other) */
    GN_NODE_FOR,          /* for a in b if c: body, else: other; op 'r' if recursive */
    GN_NODE_SET,          /* a = b */
    GN_NODE_SET_BLOCK,    /* a = what body prints, through filter b? */
    GN_NODE_MACRO,        /* name, signature, body */
    GN_NODE_CALL_BLOCK,   /* a is the call; signature and body are the caller's */
    GN_NODE_FILTER_BLOCK, /* filter b over body */
    GN_NODE_WITH,         /* item: target, value, target, value ...; body */
    GN_NODE_GENERATION,   /* body */
    GN_NODE_BREAK,
    GN_NODE_CONTINUE,
} gn_node_kind;

typedef struct gn_node gn_node;

typedef struct gn_nodes {
    gn_node **at;
    size_t count, capacity;
} gn_nodes;

/* Arguments of a call, a filter or a test as they are written. */
typedef struct gn_arguments {
    gn_nodes place;
    gn_nodes named;    /* with, in name[i], */
    gn_slice *name;    /* what each is called */
    gn_node *star;     /* *list or NULL */
    gn_node *starstar; /* **map or NULL */
} gn_arguments;

/* Parameters of a macro or of a call block. The last n_default have defaults. */
typedef struct gn_signature {
    gn_nodes param;               /* GN_NODE_NAME */
    gn_nodes initial;             /* defaults of the last of them */
    bool caller, kwargs, varargs; /* does the body read these names? */
} gn_signature;

enum {
    GN_COMPARE_EQ,
    GN_COMPARE_NE,
    GN_COMPARE_LT,
    GN_COMPARE_LE,
    GN_COMPARE_GT,
    GN_COMPARE_GE,
    GN_COMPARE_IN,
    GN_COMPARE_NOT_IN
};

struct gn_node {
    int kind, line;
    char op;
    gn_slice name;
    gn_value *value;
    gn_node *a, *b, *c;
    gn_nodes item, body, other;
    uint8_t *compare; /* GN_COMPARE_..., one an item */
    gn_arguments *args;
    gn_signature *signature;
    const void *known; /* the gn_filter or gn_test; NULL: no such thing */
};

struct gn_template {
    gn_arena arena;
    gn_template_environment env;
    gn_nodes body;       /* of a template */
    gn_node *expression; /* or an expression */
};

/* Source (in t's arena) to nodes; fills body or expression. */
bool gn_parse(gn_template *t, gn_slice source, bool expression, gn_error *e);

#endif
