/* jsonl.h - for tests: a file of JSON lines, one value after another. */
#ifndef GN_TESTS_JSONL_H
#define GN_TESTS_JSONL_H

#include "core/base/file.h"
#include "core/base/json.h"
#include "tests/check.h"

typedef struct jsonl {
    gn_str text;
    gn_slice rest;
} jsonl;

static inline jsonl jsonl_open(const char *path) {
    jsonl f = {0};
    gn_error e = {0};
    if (!gn_file_read(&f.text, path, 0, &e)) {
        printf("%s: %s\n", path, e.message);
        abort();
    }
    f.rest = gn_str_slice(&f.text);
    return f;
}

/* The next line as text; false at the end. */
static inline bool jsonl_line(jsonl *f, gn_slice *line) {
    if (f->rest.len == 0)
        return false;
    const char *end = memchr(f->rest.data, '\n', f->rest.len);
    line->data = f->rest.data;
    line->len = end ? (size_t)(end - f->rest.data) : f->rest.len;
    f->rest = gn_slice_from(f->rest, line->len + 1);
    return true;
}

/* The next value, in a; NULL at the end. */
static inline gn_value *jsonl_next(jsonl *f, gn_arena *a) {
    gn_error e = {0};
    gn_slice line;
    if (!jsonl_line(f, &line))
        return NULL;
    gn_value *v = gn_json_parse(a, line, &e);
    if (!v) {
        printf("%s\n", e.message);
        abort();
    }
    return v;
}

static inline void jsonl_close(jsonl *f) { gn_str_release(&f->text); }

static inline const gn_value *jsonl_at(const gn_value *v, const char *key) {
    return gn_value_get(v, gn_slice_of(key));
}
static inline int64_t jsonl_integer(const gn_value *v) {
    int64_t n = 0;
    gn_value_to_integer(v, &n);
    return n;
}
static inline double jsonl_number(const gn_value *v) {
    double n = 0;
    gn_value_to_number(v, &n);
    return n;
}

#endif
