/* fields.h - what a task's templates and columns are for one document. Internal to requests
 * and metrics. Values live in the arena or in the document. */
#ifndef GN_EVAL_FIELDS_H
#define GN_EVAL_FIELDS_H

#include "eval/request.h"

/* doc_to_text: a string or an integer. choices: the task has doc_to_choice, so digits
 * become a number. NULL and e set when it cannot be made. columns: a map whose keys are columns. */
gn_value *gn_field_text(const gn_field *f, const gn_value *doc, const gn_value *columns,
                        bool choices, gn_arena *a, gn_error *e);
/* doc_to_target: any value. */
gn_value *gn_field_target(const gn_field *f, const gn_value *doc, const gn_value *columns,
                          bool choices, gn_arena *a, gn_error *e);
/* doc_to_choice: a list. */
gn_value *gn_field_choices(const gn_field *f, const gn_value *doc, const gn_value *columns,
                           gn_arena *a, gn_error *e);
/* A field that is text. *out stays as it is when the field is not set, or its column null. */
bool gn_field_string(const gn_field *f, const gn_value *doc, const gn_value *columns, gn_arena *a,
                     gn_slice *out, gn_error *e);

/* What is right: gold, gold_text, marks, target, warning of out, from the value that tells. */
bool gn_gold_read(gn_document *out, const gn_task *t, const gn_value *value, bool many,
                  gn_error *e);

#endif
