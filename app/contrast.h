/* contrast.h - two answers to one question, aligned: what is the same, and where they part.
 *
 * Units are tokens where their ids are known on both sides, else (or when asked) words.
 * The longest common subsequence of units is the same; everything else differs. A line
 * break that is the same on both sides is where the two are brought level again.
 */
#ifndef GN_APP_CONTRAST_H
#define GN_APP_CONTRAST_H

#include "app/tui/wrap.h"

typedef struct gn_answer_side {
    gn_str text; /* of tokens: their bytes joined */
    gn_ids id;   /* its tokens; none known: count 0 */
    size_t *end; /* [id.count] where in the text each token ends; NULL: not known */
    gn_top *top; /* [id.count, k] what was likeliest at each; NULL: not known */
    int k;
    gn_str verdict; /* "ok", "wrong", "stop: length"; may be empty */
} gn_answer_side;

typedef struct gn_contrast {
    gn_str id;    /* of the question, as JSON */
    gn_str title; /* "gsm8k #210  gold 18" */
    gn_ids prompt;
    gn_answer_side a, b;
    bool equal;
    int64_t parts_at; /* the first token that differs; -1: the same, or tokens are not known */
    gn_divergence_token *forced; /* [n_forced] b on a's text, token by token; NULL: not read */
    int64_t n_forced;
} gn_contrast;
void gn_contrast_release(gn_contrast *c);
/* equal and parts_at, from what the sides hold. */
void gn_contrast_set(gn_contrast *c);
/* An answer of these ids: text and ends by the tokenizer's bytes. */
bool gn_answer_side_ids(gn_answer_side *s, const gn_tokenizer *t, const int32_t *id, size_t n,
                        gn_error *e);

/* One side as it is drawn: [ ] around every stretch that the other side does not have. */
typedef struct gn_marked {
    gn_str text;
    gn_run *run; /* [n_run] */
    size_t n_run, run_room;
    size_t *level; /* [n_level] bytes at which both sides are level; the last is the end */
    bool *differs; /* [n_level] is there a difference before it (and after the one before)? */
    size_t n_level, level_room, differs_room;
} gn_marked;
void gn_marked_release(gn_marked *m);

/* Both sides, with equally many levels. words: units are words even if tokens are known. */
bool gn_contrast_mark(const gn_contrast *c, bool words, gn_marked *a, gn_marked *b, gn_error *e);

/* "token 37   A  "2" -0.41  "3" -1.22  |  B  ..." : n alternatives of each side where they part.
 * Nothing when they do not part or alternatives are not known. t: to spell ids with. */
void gn_contrast_alternatives(const gn_contrast *c, const gn_tokenizer *t, char side, int n,
                              gn_str *out);

/* A strip of n characters, one for each n-th part of the forced tokens: the largest KL of it,
 * from "." (under 0.01) over ":" and "*" to "#" (over 1). */
void gn_contrast_strip(const gn_contrast *c, int n, gn_str *out);

#endif
