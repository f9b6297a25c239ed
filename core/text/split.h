/* split.h - the pre-tokeniser: steps that cut text into the pieces that are merged.
 *
 * Every step cuts each piece of the step before. ByteLevel, which turns bytes
 * into its alphabet, may only stand last; the alphabet itself is left to the
 * merging, which reads bytes.
 */
#ifndef GN_TEXT_SPLIT_H
#define GN_TEXT_SPLIT_H

#include "core/text/pattern.h"

/* What becomes of a step's matches. */
typedef enum gn_behaviour {
    GN_ISOLATED,      /* each is a piece */
    GN_REMOVED,       /* they are dropped */
    GN_WITH_PREVIOUS, /* the end of the piece before */
    GN_WITH_NEXT,     /* the beginning of the piece after */
    GN_CONTIGUOUS,    /* neighbouring matches are one piece */
} gn_behaviour;

typedef enum gn_split_kind {
    GN_SPLIT_PATTERN,
    GN_SPLIT_CLASS, /* each character of a class is a match */
    GN_SPLIT_WORDS, /* \w+|[^\w\s]+ are pieces, the rest is dropped */
    GN_SPLIT_BYTES, /* ByteLevel */
} gn_split_kind;

typedef struct gn_split {
    gn_split_kind kind;
    gn_behaviour behaviour;
    bool invert; /* what is between matches is the match */
    gn_pattern pattern;
    unsigned any;      /* GN_SPLIT_CLASS: GN_CLASS_* */
    bool prefix_space; /* GN_SPLIT_BYTES: a piece that begins with no space gets one */
    bool gpt2;         /* GN_SPLIT_BYTES: cut by GPT-2's expression */
} gn_split;

enum { GN_MAX_SPLITS = 16 };

typedef struct gn_splitter {
    gn_split step[GN_MAX_SPLITS];
    int count;
    bool bytes;   /* the last step is ByteLevel */
    gn_str space; /* a piece with the space in front */
    char name[64];
} gn_splitter;

/* From tokenizer.json's pre_tokenizer; NULL or null is no step. Keeps what it needs in a. */
bool gn_splitter_parse(gn_splitter *s, const gn_value *json, gn_arena *a, gn_error *e);
/* Add a step; takes its pattern, whatever happens. label names it in s->name. */
bool gn_splitter_add(gn_splitter *s, gn_split step, const char *label, gn_error *e);
void gn_splitter_release(gn_splitter *s);

/* Cut valid UTF-8; each piece, never empty, goes to `piece`, left to right. */
typedef bool (*gn_piece_reader)(void *user, gn_slice piece, gn_error *e);
bool gn_splitter_run(gn_splitter *s, gn_slice text, gn_piece_reader piece, void *user, gn_error *e);

void gn_splitter_describe(const gn_splitter *s, gn_str *out);

#endif
