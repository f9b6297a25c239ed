/* normal.h - the normaliser: what happens to text before it is cut. */
#ifndef GN_TEXT_NORMAL_H
#define GN_TEXT_NORMAL_H

#include "core/text/pattern.h"

typedef enum gn_normal_kind {
    GN_NORMAL_NFC,
    GN_NORMAL_NFD,
    GN_NORMAL_NFKC,
    GN_NORMAL_NFKD,
    GN_NORMAL_LOWER,
    GN_NORMAL_PREPEND,
    GN_NORMAL_REPLACE,
    GN_NORMAL_STRIP,
} gn_normal_kind;

typedef struct gn_normal {
    gn_normal_kind kind;
    gn_slice text; /* what is put in front, or in a match's place */
    gn_pattern pattern;
    bool left, right; /* GN_NORMAL_STRIP */
} gn_normal;

enum { GN_MAX_NORMALS = 16 };

typedef struct gn_normaliser {
    gn_normal step[GN_MAX_NORMALS];
    int count;
} gn_normaliser;

/* From tokenizer.json's normalizer; NULL or null is no step. Keeps what it needs in a. */
bool gn_normaliser_parse(gn_normaliser *n, const gn_value *json, gn_arena *a, gn_error *e);
void gn_normaliser_release(gn_normaliser *n);

/* out, which is emptied first, = text normalised. text is valid UTF-8 and not out's. */
bool gn_normaliser_run(const gn_normaliser *n, gn_slice text, gn_str *out, gn_error *e);

void gn_normaliser_describe(const gn_normaliser *n, gn_str *out);

#endif
