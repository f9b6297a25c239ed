/* runtime.h - values as a running template sees them, and what every part of the
 * interpreter needs: limits, errors, conversions.
 *
 * A value of Python that gn_value has no kind for is an object: a struct that
 * begins with a gn_value whose kind counts on from GN_KINDS. Values are never
 * changed once made (the sandbox forbids it to templates), so they are shared
 * freely; a namespace, a cycler, a joiner, a loop and an iterator are the exceptions.
 *
 * A dict's key that is no string is kept as text that no string can be (it begins
 * with byte FF); values.c turns it into a value and back.
 */
#ifndef GN_TEMPLATE_RUNTIME_H
#define GN_TEMPLATE_RUNTIME_H

#include "core/template/syntax.h"

enum {
    GN_MAX_OUTPUT = 64 << 20,  /* bytes a template may print */
    GN_MAX_MEMORY = 512 << 20, /* bytes of values it may make */
    GN_MAX_STEPS = 50000000,
    GN_MAX_DEPTH = 800,   /* nested evaluations */
    GN_MAX_NESTING = 600, /* of lists and dicts, when they are walked */
    GN_MAX_RANGE = 100000,
    GN_MAX_PARAMS = 8,
};

enum {
    GN_UNDEFINED = GN_KINDS,
    GN_TUPLE,  /* the list's fields */
    GN_MARKUP, /* the string's: text that needs no HTML escapes */
    GN_RANGE,
    GN_VIEW,     /* d.keys(), d.values(), d.items() */
    GN_ITERATOR, /* can be walked once */
    GN_NAMESPACE,
    GN_FUNCTION, /* a global */
    GN_METHOD,
    GN_MACRO,
    GN_LOOP,
    GN_CYCLER,
    GN_JOINER,
};

/* A tuple whose line is this one comes from groupby: it has .grouper and .list. */
enum { GN_GROUP_LINE = -1 };

typedef struct gn_undefined {
    gn_value v;
    gn_slice name;
    const char *of;   /* type of the object that lacks it; NULL: a variable */
    const char *hint; /* the whole message, instead */
    bool lenient;     /* may be printed, compared, iterated */
} gn_undefined;

typedef struct gn_range {
    gn_value v;
    int64_t start, stop, step, count;
} gn_range;

typedef struct gn_view {
    gn_value v;
    gn_value *map;
    char what; /* k, v, i */
} gn_view;

typedef struct gn_iterator {
    gn_value v;
    const char *type; /* its name in Python */
    gn_value **item;
    size_t count, at;
} gn_iterator;

typedef struct gn_namespace {
    gn_value v;
    gn_value *map;
} gn_namespace;

typedef struct gn_cycler {
    gn_value v;
    gn_value **item;
    size_t count, at;
} gn_cycler;

typedef struct gn_joiner {
    gn_value v;
    gn_value *separator;
    bool used;
} gn_joiner;

/* Names bound in one body. `captured`: a macro remembers it, so it must stay. */
typedef struct gn_scope {
    struct gn_scope *parent;
    gn_slice *name;
    gn_value **value;
    size_t count, capacity;
    bool captured;
} gn_scope;

typedef struct gn_macro {
    gn_value v;
    const gn_node *node; /* GN_NODE_MACRO or GN_NODE_CALL_BLOCK */
    gn_scope *scope;     /* where it was defined */
} gn_macro;

typedef struct gn_loop {
    gn_value v;
    const gn_node *node;
    gn_scope *outer;
    gn_value *source; /* what is iterated */
    gn_value **item;
    size_t count;    /* of source */
    size_t at;       /* of item: the next that was not looked at */
    gn_value **next; /* [queued] items found past the current one */
    size_t queued;
    gn_value *current, *before;
    int64_t index0, depth0;
    gn_value *changed; /* what loop.changed() saw last */
} gn_loop;

typedef struct gn_render {
    const gn_template *t;
    const gn_value *vars;
    gn_arena *arena;
    gn_scope *scope;
    gn_str *out;
    size_t printed; /* all of it, in every buffer */
    int line, depth;
    int64_t steps;
    gn_error *e; /* GN_OK as long as nothing failed */
} gn_render;

/* Arguments as they arrive. */
typedef struct gn_given {
    gn_value **place;
    size_t n_place;
    gn_slice *name;
    gn_value **named;
    size_t n_named;
} gn_given;

/* A filter, a test, a method or a function. self: what it is applied to; arg: one
 * per parameter, NULL where nothing was given. */
typedef struct gn_callable {
    const char *name;
    gn_value *(*run)(gn_render *r, gn_value *self, gn_value **arg, const gn_given *given);
    /* Parameters by name, with a blank between; ".x" only by place. "*": whatever comes. */
    const char *param;
    int need; /* how many of them must be given */
    int env;  /* 0: both; 1 + gn_template_environment: only that */
} gn_callable;

#define GN_CALLABLE(name)                                                                          \
    static gn_value *name(gn_render *r, gn_value *self __attribute__((unused)),                    \
                          gn_value **arg __attribute__((unused)),                                  \
                          const gn_given *given __attribute__((unused)))

typedef struct gn_method_value {
    gn_value v;
    gn_value *self;
    const gn_callable *method;
} gn_method_value;

/* ---- failing ------------------------------------------------------------ */

/* "line L: ..."; returns NULL. */
gn_value *gn_render_fail(gn_render *r, gn_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static inline bool gn_failed(const gn_render *r) { return r->e->code != GN_OK; }
/* v, or out of memory when it is NULL. */
gn_value *gn_render_made(gn_render *r, gn_value *v);
void *gn_render_alloc(gn_render *r, size_t bytes);
/* Count n steps of work; false when there were too many. */
bool gn_render_tick(gn_render *r, size_t n);

/* ---- values.c ----------------------------------------------------------- */

static inline bool gn_is_text(const gn_value *v) {
    return v->kind == GN_STRING || v->kind == GN_MARKUP;
}
static inline bool gn_is_listlike(const gn_value *v) {
    return v->kind == GN_LIST || v->kind == GN_TUPLE;
}
static inline bool gn_is_integer(const gn_value *v) {
    return v->kind == GN_INTEGER || v->kind == GN_BOOL;
}
static inline bool gn_is_numeric(const gn_value *v) {
    return gn_is_integer(v) || v->kind == GN_NUMBER;
}
static inline int64_t gn_integer_of(const gn_value *v) {
    return v->kind == GN_BOOL ? v->boolean : v->integer;
}
static inline double gn_number_of(const gn_value *v) {
    return v->kind == GN_NUMBER ? v->number : (double)gn_integer_of(v);
}

gn_value *gn_make_null(gn_render *r);
gn_value *gn_make_bool(gn_render *r, bool v);
gn_value *gn_make_integer(gn_render *r, int64_t v);
gn_value *gn_make_number(gn_render *r, double v);
gn_value *gn_make_text(gn_render *r, gn_slice text);   /* copies */
gn_value *gn_make_borrow(gn_render *r, gn_slice text); /* keeps */
/* The text of s, which is released; NULL and an error if it ran out of memory.
 * like: a GN_MARKUP makes it one (NULL: a string). */
gn_value *gn_make_take(gn_render *r, gn_str *s, const gn_value *like);
gn_value *gn_make_list(gn_render *r, int kind, gn_value **item, size_t count); /* keeps item */
gn_value *gn_make_pair(gn_render *r, gn_value *a, gn_value *b); /* a tuple; NULL if one is */
gn_value *gn_make_iterator(gn_render *r, const char *type, gn_value **item, size_t count);
gn_value *gn_make_view(gn_render *r, gn_value *map, char what);
gn_value *gn_make_undefined(gn_render *r, gn_slice name, const char *of, const char *hint);
gn_value *gn_undefined_fail(gn_render *r, const gn_value *undefined);

const char *gn_type_name(const gn_value *v); /* Python's: "str", "int", ... */
bool gn_truth(gn_render *r, const gn_value *v, bool *out);
/* All items of something iterable; an iterator is used up. */
bool gn_items(gn_render *r, gn_value *v, gn_value ***item, size_t *count);
/* len(v); false and an error if it has none. */
bool gn_length(gn_render *r, const gn_value *v, int64_t *out);
bool gn_is_iterable(const gn_value *v);
gn_value *gn_range_at(gn_render *r, const gn_range *range, int64_t i);

/* str(v) as a slice that lives as long as the arena. */
bool gn_text_of(gn_render *r, const gn_value *v, gn_slice *out);

/* Keys. The code under which map (NULL: any) has, or would have, the key. */
bool gn_is_hashable(const gn_value *v);
bool gn_key_of(gn_render *r, const gn_value *map, const gn_value *key, gn_slice *out);
gn_value *gn_key_value(gn_render *r, gn_slice key);
bool gn_key_is_text(gn_slice key);

bool gn_equal(gn_render *r, const gn_value *a, const gn_value *b, bool *out);
enum { GN_NO_ORDER = 2 }; /* NaN beside a number: neither less nor more, but no error */
/* -1, 0, 1 in *out; false and an error for what cannot be compared. */
bool gn_order(gn_render *r, const gn_value *a, const gn_value *b, const char *sign, int *out);
/* Sort items by their keys, both in place, equal ones as they stood. */
bool gn_sort(gn_render *r, gn_value **key, gn_value **item, size_t count, bool reverse);
bool gn_contains(gn_render *r, gn_value *in, gn_value *what, bool *out);

/* Byte of code point i of text (len when past the end). */
size_t gn_text_byte(gn_slice text, int64_t i);

/* ---- access.c ----------------------------------------------------------- */

gn_value *gn_attribute(gn_render *r, gn_value *v, gn_slice name);
/* Only what Python's getattr() would find, no key of a dict; NULL without an error if nothing. */
gn_value *gn_own_attribute(gn_render *r, gn_value *v, gn_slice name);
gn_value *gn_item(gn_render *r, gn_value *v, gn_value *key);
gn_value *gn_slice_value(gn_render *r, gn_value *v, gn_value *from, gn_value *to, gn_value *step);

/* ---- arithmetic.c ------------------------------------------------------- */

gn_value *gn_unary(gn_render *r, char op, const gn_value *a);
gn_value *gn_binary(gn_render *r, char op, gn_value *a, gn_value *b);
/* round(v, digits), half to even. */
double gn_round_number(double v, int digits);

/* ---- format.c ----------------------------------------------------------- */

gn_value *gn_format_percent(gn_render *r, gn_value *format, gn_value *args);
gn_value *gn_format_braces(gn_render *r, gn_value *format, const gn_given *given);

/* ---- print.c ------------------------------------------------------------ */

typedef struct gn_json_style {
    bool ascii, sorted;
    const char *indent; /* NULL: one line */
    gn_slice item, key; /* separators */
} gn_json_style;

/* False, and an error in r, for an undefined that must not be printed and for what
 * nests too deep. r may be NULL: such a place is then left empty. */
bool gn_print_value(gn_render *r, gn_str *out, const gn_value *v, bool repr);
bool gn_print_json(gn_render *r, gn_str *out, const gn_value *v, const gn_json_style *style);
void gn_print_number(gn_str *out, double v);       /* repr of a float */
void gn_print_escaped(gn_str *out, gn_slice text); /* & < > " ' for HTML */

/* ---- text.c ------------------------------------------------------------- */

/* str.replace: count < 0 is all of them. False when it would become too long. */
bool gn_python_replace(gn_render *r, gn_str *out, gn_slice s, gn_slice from, gn_slice to,
                       int64_t count);
/* str.strip(chars), left and right as asked; chars NULL: white space. */
gn_slice gn_python_strip(gn_slice s, const gn_slice *chars, bool left, bool right);
/* str.splitlines(keepends). */
bool gn_python_lines(gn_render *r, gn_slice s, bool keep, gn_value ***item, size_t *count);
/* int(text, base) and float(text). *wide: it is a number, but past 64 bits. */
bool gn_python_integer(gn_slice text, int base, int64_t *out, bool *wide);
bool gn_python_number(gn_slice text, double *out);

/* Arguments, or `otherwise` where none was given. False and an error: of another type. */
bool gn_arg_true(gn_render *r, const gn_value *v, bool otherwise, bool *out);
bool gn_arg_integer(gn_render *r, const gn_value *v, int64_t otherwise, int64_t *out);
bool gn_arg_text(gn_render *r, const gn_value *v, gn_slice otherwise, gn_slice *out);

/* A growing array of values in the arena. */
typedef struct gn_growing {
    gn_value **item;
    size_t count, capacity;
} gn_growing;
bool gn_grow(gn_render *r, gn_growing *g, gn_value *v); /* false if v is NULL */

/* ---- eval.c, render.c --------------------------------------------------- */

gn_value *gn_eval(gn_render *r, const gn_node *n);
/* The filter n over input. */
gn_value *gn_eval_filter(gn_render *r, const gn_node *n, gn_value *input);
gn_value *gn_call(gn_render *r, gn_value *f, const gn_given *given);
gn_value *gn_apply(gn_render *r, const gn_callable *f, const char *what, gn_value *self,
                   const gn_given *given);
bool gn_given_of(gn_render *r, const gn_arguments *args, gn_given *out);
bool gn_bind(gn_render *r, gn_slice name, gn_value *v); /* in the innermost scope */
gn_value *gn_macro_call(gn_render *r, gn_macro *m, const gn_given *given);
gn_value *gn_loop_call(gn_render *r, gn_loop *l, const gn_given *given);
gn_value *gn_loop_attribute(gn_render *r, gn_loop *l, gn_slice name); /* NULL, no error: none */
gn_scope *gn_scope_new(gn_render *r, gn_scope *parent);

/* ---- literal.c ---------------------------------------------------------- */

/* gn_literal_parse(); tuples: they stay tuples, and keys of dicts as they are. */
gn_value *gn_literal_read(gn_arena *a, gn_slice text, bool tuples, gn_error *e);

/* ---- the tables --------------------------------------------------------- */

const gn_callable *gn_method_find(const gn_value *v, gn_slice name);
const gn_callable *gn_function_find(gn_slice name, gn_template_environment env);

#endif
