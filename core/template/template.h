/* template.h - the Jinja that chat templates and evaluation tasks use.
 *
 * Parse once, render often. Two environments, as the two programs whose
 * templates we read set them up:
 *   GN_TEMPLATE_CHAT  Hugging Face's for chat templates: trim_blocks, lstrip_blocks,
 *                     one final newline dropped, loop controls, silent undefined,
 *                     tojson without HTML escapes, raise_exception, strftime_now.
 *   GN_TEMPLATE_TASK  lm-evaluation-harness's: StrictUndefined, trailing newline
 *                     kept, nothing trimmed, stock tojson, regex_replace.
 * Rendering is bounded in memory, output and steps: a template that would print
 * without end fails.
 */
#ifndef GN_TEMPLATE_TEMPLATE_H
#define GN_TEMPLATE_TEMPLATE_H

#include "core/base/value.h"

typedef enum gn_template_environment { GN_TEMPLATE_CHAT, GN_TEMPLATE_TASK } gn_template_environment;

typedef struct gn_template gn_template;

/* NULL, and e set with line, for what does not parse, and for a filter, test or
 * function that does not exist. The source is copied. */
gn_template *gn_template_new(gn_slice source, gn_template_environment env, gn_error *e);
/* One expression (`subject == 'anatomy'`), to be evaluated. */
gn_template *gn_template_expression(gn_slice source, gn_template_environment env, gn_error *e);
void gn_template_free(gn_template *t);

/* Append the text to out. vars: a map. A raise_exception() is GN_INVALID with its message. */
bool gn_template_render(const gn_template *t, const gn_value *vars, gn_str *out, gn_error *e);
/* The value of an expression, made in a. An undefined one fails in GN_TEMPLATE_TASK
 * and is null in GN_TEMPLATE_CHAT. */
gn_value *gn_template_evaluate(const gn_template *t, const gn_value *vars, gn_arena *a,
                               gn_error *e);
/* Truth as Python sees it. */
bool gn_value_true(const gn_value *v);

/* Python's str(v), repr(v). */
void gn_print_str(gn_str *out, const gn_value *v);
void gn_print_repr(gn_str *out, const gn_value *v);

/* A Python literal (ast.literal_eval): strings, numbers, True, False, None, lists,
 * tuples and dicts (tuples become lists). NULL and e set if it is none. */
gn_value *gn_literal_parse(gn_arena *a, gn_slice text, gn_error *e);

#endif
