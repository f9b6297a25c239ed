/* added.h - finding added tokens in text: leftmost, longest, without overlap. */
#ifndef GN_TEXT_ADDED_H
#define GN_TEXT_ADDED_H

#include "core/base/str.h"

typedef struct gn_added {
    int32_t id;
    gn_slice content, pattern; /* its text; what is looked for (the text, normalised if it is so) */
    bool single_word;          /* not where a word goes on at either side */
    bool left, right;          /* takes the white space before, after */
    bool normalised;           /* looked for in normalised text, not in the raw one */
    bool special;
} gn_added;

/* Some of the added tokens, ready to be looked for. */
typedef struct gn_finder {
    const gn_added *token;
    int *order; /* indices into token, by pattern */
    int count;
    bool first[256]; /* bytes a pattern begins with */
} gn_finder;

/* Those of token [n] whose `normalised` is as given and that have a pattern. Keeps token. */
bool gn_finder_init(gn_finder *f, const gn_added *token, int n, bool normalised, gn_error *e);
void gn_finder_release(gn_finder *f);

/* A place in the text: an added token, or NULL for text between. */
typedef struct gn_stretch {
    const gn_added *token;
    size_t begin, end;
} gn_stretch;

/* Go through text: zero the walk, then call until it returns false. */
typedef struct gn_walk {
    size_t looked, kept; /* searched up to here; given out up to here */
    gn_stretch held;     /* a token found behind text that was given out first */
    bool holds;
} gn_walk;
bool gn_finder_next(const gn_finder *f, gn_slice text, gn_walk *w, gn_stretch *out);

#endif
