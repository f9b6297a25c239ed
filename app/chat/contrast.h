/* contrast.h - two answers to one question, aligned: what is the same, and where they part.
 *
 * Units are tokens where their ids are known on both sides, else (or when asked) words.
 * The longest common subsequence of units is the same; everything else differs. A line
 * break that is the same on both sides is where the two are brought level again.
 */
#ifndef GN_APP_CONTRAST_H
#define GN_APP_CONTRAST_H

#include "app/chat/tokens.h"
#include "app/term/wrap.h"

enum { GN_CONTRAST_TOP = 8 };

typedef struct gn_answer_side {
    gn_str text;
    gn_tokens made; /* its tokens; none known: count 0 */
    bool placed;    /* where in the text each token ends is known */
    gn_str verdict; /* "ok", "wrong", "eos"; may be empty */
    gn_str note;    /* in place of alternatives: of choices, how likely each was */
} gn_answer_side;

/* Of an answer that the other model read, too. */
typedef struct gn_forced {
    gn_divergence_token *token; /* [n] b on a's text, token by token */
    int64_t n;
    gn_top a[GN_CONTRAST_TOP], b[GN_CONTRAST_TOP]; /* the likeliest where they part */
    int n_top;                                     /* 0: not known */
} gn_forced;
void gn_forced_release(gn_forced *f);

typedef struct gn_contrast {
    gn_str id;     /* of the question, as JSON */
    gn_str title;  /* "gsm8k #210  gold 18" */
    gn_str asked;  /* the prompt as text, where its ids are not known */
    gn_ids prompt; /* what stood before the answers */
    gn_answer_side a, b;
    bool equal;
    int64_t parts_at; /* the first token that differs; -1: the same, or tokens are not known */
    gn_forced forced; /* n 0: not read */
} gn_contrast;
void gn_contrast_release(gn_contrast *c);
/* out was empty. Release it, whatever happens. */
bool gn_contrast_copy(const gn_contrast *c, gn_contrast *out, gn_error *e);
/* equal and parts_at, from what the sides hold. */
void gn_contrast_set(gn_contrast *c);
/* An answer of these ids: text and ends by the vocabulary's bytes. score and top [n, k] may be
 * NULL. */
bool gn_answer_side_ids(gn_answer_side *s, const gn_vocabulary *v, const int32_t *id,
                        const gn_logprob *score, const gn_top *top, int k, size_t n, gn_error *e);

/* Contrasts to page through; each is loaded when it is looked at, on the screen's thread. */
typedef struct gn_contrasts {
    size_t n;
    bool (*load)(void *user, size_t i, gn_contrast *out, gn_error *e);
    void (*close)(void *user); /* when nobody looks any more; may be NULL */
    void *user;
} gn_contrasts;

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

/* The n likeliest of side 'A' or 'B' where they part: "2" -0.41  "3" -1.22; nothing when they do
 * not, or it is not known. v spells ids; NULL: they stand as numbers. */
void gn_contrast_alternatives(const gn_contrast *c, const gn_vocabulary *v, char side, int n,
                              gn_str *out);

/* A strip of at most n characters, one for each n-th part of the forced tokens: the largest KL
 * of it, from "." (under 0.01) over ":" and "*" to "#" (1 and more). */
void gn_contrast_strip(const gn_contrast *c, int n, gn_str *out);

#endif
