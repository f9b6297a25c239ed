/* reader.h - reading a task's keys: what each may be, and one sentence for what it is not.
 *
 * A reader goes on after a fault, so that all of a file's faults are told at once.
 * Internal to the files that make a gn_task.
 */
#ifndef GN_EVAL_READER_H
#define GN_EVAL_READER_H

#include "eval/task.h"

typedef struct gn_reader {
    gn_task *task;
    gn_arena *arena;
    const gn_value *tree;   /* the map being read */
    const gn_value *origin; /* of its keys; NULL: all of them task->file's */
    const char *inside;     /* key that tree stands under, "" at the top */
    gn_refusals *refusals;
    gn_error *e; /* GN_NO_MEMORY alone */
} gn_reader;

/* A fault at key of the map being read (or at v's line). Returns false. */
bool gn_read_fault(gn_reader *r, const gn_value *v, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same, when it is code. */
bool gn_read_code(gn_reader *r, const gn_value *v, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The text of a !function below v, or data NULL. */
gn_slice gn_function_in(const gn_value *v);

/* The value of a key; NULL when it is absent or null, or when it is code, which is told. */
const gn_value *gn_read_value(gn_reader *r, const char *key);
/* Each leaves *out alone when the key is absent. */
bool gn_read_text(gn_reader *r, const char *key, gn_slice *out);
bool gn_read_bool(gn_reader *r, const char *key, bool *out);
bool gn_read_integer(gn_reader *r, const char *key, int64_t least, int64_t *out);
bool gn_read_number(gn_reader *r, const char *key, double least, double *out);
/* kinds: 1 << gn_kind of plain values that are allowed beside text; integers that are
 * no text are taken as they are when GN_INTEGER is among them. */
bool gn_read_field(gn_reader *r, const char *key, unsigned kinds, gn_field *out);
bool gn_field_set(gn_reader *r, const char *key, const gn_value *v, unsigned kinds, gn_field *out);
void gn_field_release(gn_field *f);
/* A list of patterns, compiled; malloc'ed. */
bool gn_read_patterns(gn_reader *r, const char *key, gn_regex ***out, int *n);
void gn_patterns_release(gn_regex **p, int n);

/* Every key of the map must be in known (ended by NULL). */
bool gn_read_known(gn_reader *r, const char *const *known);

/* The one of names (ended by NULL) nearest to word, or NULL when none is near. */
const char *gn_nearest_name(gn_slice word, const char *const *names);

/* A C string in the reader's arena; "" when out of memory (e is set). */
const char *gn_read_copy(gn_reader *r, gn_slice text);

#endif
