/* tokens.h - the tokens a reply was made of, and the vocabulary that spells them.
 *
 * What the inspector shows and the database keeps: each token's id, where it ends in
 * the reply's text, what the model said of it, the likeliest ids in its place and what
 * the filters made of those. A conversation keeps them within a budget
 * (gn_transcript_forget()); what was dropped is loaded or scored again when it is asked for.
 */
#ifndef GN_APP_TOKENS_H
#define GN_APP_TOKENS_H

#include "core/gneiss.h"

/* Zeroed it is empty. The arrays fit gn_store_tokens(). */
typedef struct gn_tokens {
    int count;
    int k; /* alternatives with each token */
    size_t room, top_room, after_room;
    int32_t *id;       /* [count] an end-of-text id too */
    size_t *end;       /* [count] bytes of the reply's text up to the token's end */
    gn_logprob *score; /* [count] of the model's distribution; logprob NAN: not known */
    gn_top *top;       /* [count, k] likeliest first; id -1 behind the last one known */
    gn_fate *after;    /* [count, k] what the filters made of them; p NAN: not known */
} gn_tokens;

typedef struct gn_token_row {
    int32_t id;
    size_t end;
    gn_logprob score;
    const gn_top *top;    /* [n_top] */
    const gn_fate *after; /* [n_top]; NULL: not known */
    int n_top;
} gn_token_row;

/* One more. The first decides k, unless it was set before; later ones are cut or filled up to it. False, and
 * nothing added, when out of memory. */
bool gn_tokens_add(gn_tokens *t, const gn_token_row *row);
bool gn_tokens_append(gn_tokens *t, const gn_tokens *more);
gn_token_row gn_tokens_at(const gn_tokens *t, int i); /* 0 <= i < count; borrowed */
void gn_tokens_cut(gn_tokens *t, int count);          /* keep the first so many */
void gn_tokens_release(gn_tokens *t);
size_t gn_tokens_bytes(const gn_tokens *t); /* what they take */
/* The token that byte i of the text belongs to; count: none. */
int gn_tokens_find(const gn_tokens *t, size_t i);
/* Of those known: how many, and the sum of their logprobs. */
int gn_tokens_sum(const gn_tokens *t, double *sum);

/* The bytes every id stands for: a copy that belongs to nobody's thread. */
typedef struct gn_vocabulary {
    int count;
    size_t end_room, mark_room;
    uint32_t *end; /* [count] in bytes */
    uint8_t *mark; /* [count] 1: an added token, such as <|end_of_text|> */
    gn_str bytes;
} gn_vocabulary;
gn_vocabulary *gn_vocabulary_of(gn_engine *g, gn_error *e);
gn_vocabulary *gn_vocabulary_new(void); /* empty; NULL when out of memory */
bool gn_vocabulary_add(gn_vocabulary *v, gn_slice bytes, bool mark);
gn_vocabulary *gn_vocabulary_copy(const gn_vocabulary *v); /* NULL of NULL */
void gn_vocabulary_free(gn_vocabulary *v);                 /* NULL is fine */
/* "" for an id there is none of; v may be NULL. Borrowed. */
gn_slice gn_vocabulary_bytes(const gn_vocabulary *v, int32_t id);
bool gn_vocabulary_mark(const gn_vocabulary *v, int32_t id);
/* Find the ends of tokens that came without (from a database), as the text they make. */
void gn_tokens_place(gn_tokens *t, const gn_vocabulary *v, gn_slice text);

#endif
