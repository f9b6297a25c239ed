/* vocab.h - ids, how the vocabulary spells them, and the bytes they stand for.
 *
 * Made from slices, so it never sees a file. Two tables lead from text to id:
 * the model's own pieces, which merging looks in, and the added tokens, which
 * are cut out of the raw text; a text may be in both.
 */
#ifndef GN_TEXT_VOCAB_H
#define GN_TEXT_VOCAB_H

#include "core/base/map.h"

enum {
    GN_PIECE_PLAIN = 1,   /* of the model: merging may make it */
    GN_PIECE_ADDED = 2,   /* an added token */
    GN_PIECE_SPECIAL = 4, /* an added token that decoding may leave out */
    GN_PIECE_UNUSED = 8,  /* fills a hole: stands for nothing, is never made */
};

typedef struct gn_vocab {
    int size;                   /* largest id + 1 */
    gn_slice *piece;            /* [size], borrowed; data NULL where an id has no token */
    gn_slice *shown;            /* [size] the same as it is decoded; NULL: it is piece */
    uint8_t *mark;              /* [size] GN_PIECE_*; 0: no token */
    struct gn_vocab_slot *slot; /* [slots] from plain pieces to ids; NULL until indexed */
    size_t slots;               /* a power of two */
    gn_map added;
    gn_str bytes; /* what token i stands for: bytes.data[at[i], at[i + 1]) */
    uint32_t *at; /* [size + 1] */
} gn_vocab;

/* An empty vocabulary of `size` ids, with room for so many added pieces. */
bool gn_vocab_init(gn_vocab *v, size_t size, size_t added, gn_error *e);
void gn_vocab_release(gn_vocab *v);

/* Set id's piece and add marks to those it has. The piece's bytes outlive v. */
bool gn_vocab_put(gn_vocab *v, int64_t id, gn_slice piece, unsigned marks, gn_error *e);
/* Build what finds plain pieces at once. What is put before is found by looking through all. */
bool gn_vocab_index(gn_vocab *v, gn_error *e);

/* Decode id as text, which outlives v, and not as its piece. */
bool gn_vocab_show(gn_vocab *v, int32_t id, gn_slice text, gn_error *e);

/* Appends what a plain piece stands for. */
typedef bool (*gn_speller)(const void *user, gn_slice piece, gn_str *out, gn_error *e);
/* Fill in `bytes`: append for the plain pieces; an added
 * token stands for its own text, an unused one for nothing. */
bool gn_vocab_spell(gn_vocab *v, gn_speller append, const void *user, gn_error *e);

static inline bool gn_vocab_has(const gn_vocab *v, int64_t id) {
    return id >= 0 && id < v->size && v->mark[id];
}
static inline gn_slice gn_vocab_shown(const gn_vocab *v, int32_t id) {
    return v->shown ? v->shown[id] : v->piece[id];
}
static inline gn_slice gn_vocab_bytes(const gn_vocab *v, int32_t id) {
    return (gn_slice){gn_str_text(&v->bytes) + v->at[id], v->at[id + 1] - v->at[id]};
}
/* The id of a plain piece, the last that was put; -1 if there is none. */
int32_t gn_vocab_plain(const gn_vocab *v, gn_slice piece);
static inline int32_t gn_vocab_added(const gn_vocab *v, gn_slice piece) {
    int64_t id = -1;
    return gn_map_get(&v->added, piece, &id) ? (int32_t)id : -1;
}

#endif
