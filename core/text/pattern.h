/* pattern.h - what a pipeline step looks for: {"String": text} or {"Regex": expression}. */
#ifndef GN_TEXT_PATTERN_H
#define GN_TEXT_PATTERN_H

#include "core/base/regex.h"
#include "core/base/value.h"
#include "core/text/match.h"

typedef struct gn_pattern {
    gn_slice text; /* the string or the expression */
    bool is_regex;
    gn_matcher known; /* an expression matched by hand: then no regex */
    gn_regex *regex;
} gn_pattern;

/* Keeps what it needs of json in a. Release with gn_pattern_release(). */
bool gn_pattern_parse(gn_pattern *p, const gn_value *json, gn_arena *a, gn_error *e);
/* An expression; keeps the text. */
bool gn_pattern_expression(gn_pattern *p, gn_slice text, gn_error *e);
void gn_pattern_release(gn_pattern *p);

/* The matches of a pattern from left to right. An empty match right behind
 * another match is passed over, as Oniguruma's iterator does. */
typedef struct gn_matches {
    const gn_pattern *pattern;
    gn_slice text;
    size_t from, last; /* where to look next; where the last match ended */
    bool any;
} gn_matches;
bool gn_matches_next(gn_matches *m, gn_span *at, bool *found, gn_error *e);

/* Append text with every match replaced by `with`, as it is. */
bool gn_pattern_replace(const gn_pattern *p, gn_slice text, gn_slice with, gn_str *out,
                        gn_error *e);
/* One line that tells what it matches, for the tokenizer's digest. */
void gn_pattern_describe(const gn_pattern *p, gn_str *out);

#endif
