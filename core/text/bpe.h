/* bpe.h - byte-pair encoding: the pieces of the pre-tokeniser become tokens by rank.
 *
 * A piece begins as one symbol a byte (or character). While two neighbours
 * can be merged, the pair of lowest rank is, the leftmost of equals. A short
 * piece is searched again for every merge; a long one keeps a heap of its
 * pairs, O(n log n). Sennrich, Haddow, Birch 2016, arXiv:1508.07909; ranks and
 * unknown symbols as in Hugging Face's tokenizers.
 */
#ifndef GN_TEXT_BPE_H
#define GN_TEXT_BPE_H

#include "core/base/vec.h"
#include "core/text/vocab.h"

typedef struct gn_merge {
    int32_t left, right, made; /* ids */
} gn_merge;

typedef struct gn_bpe_options {
    bool bytes;         /* symbols are bytes in the alphabet of alphabet.h, else characters */
    bool ignore_merges; /* a piece that is a token is that token, merges or not */
    bool byte_fallback; /* a missing character becomes <0x..> tokens */
    bool fuse_unknown;  /* a run of missing symbols becomes one unknown token */
    int32_t unknown;    /* -1: a missing symbol is dropped */
} gn_bpe_options;

typedef struct gn_bpe gn_bpe;

/* merge [count], in order of rank; of equal pairs the last counts. Keeps v. */
gn_bpe *gn_bpe_new(const gn_vocab *v, const gn_merge *merge, size_t count, gn_bpe_options options,
                   gn_error *e);
void gn_bpe_free(gn_bpe *b); /* NULL is fine */

/* Append the tokens of one piece of valid UTF-8. */
bool gn_bpe_encode(gn_bpe *b, gn_slice piece, gn_ids *out, gn_error *e);

#endif
