/* convert.h - a checkpoint as the tensors and keys of a GGUF, before any number is packed.
 *
 * A piece is one tensor to be written and where its rows come from. Of a GGUF every
 * tensor is a piece as it is; of a Hugging Face folder names and shapes change, fused
 * matrices fall into halves, and rows of q and k are interleaved.
 */
#ifndef GN_CONVERT_H
#define GN_CONVERT_H

#include "core/engine.h"
#include "core/file/gguf_write.h"

typedef struct gn_piece {
    gn_slice name;
    int dims;
    int64_t dim[4]; /* outermost first */
    const gn_tensor *from;
    const float *numbers; /* instead of from: [all] f32 */
    int64_t rows, cols;   /* of each of its matrices; a vector has rows of 1 */
    int64_t all_rows;     /* of each matrix in from */
    int64_t first;        /* where its rows begin there */
    int head_dim;         /* rows of each head are interleaved; 0: not */
    bool minus_exp;       /* -exp(x) of each number */
} gn_piece;

typedef struct gn_pieces {
    gn_piece *piece;
    size_t count, capacity;
    gn_arena arena; /* names, numbers */
} gn_pieces;

/* The pieces of an open checkpoint, which outlives them. Tensors of a folder that have no
 * place in a GGUF go to warnings. */
bool gn_pieces_of(gn_pieces *p, const gn_engine *g, gn_str *warnings, gn_error *e);
void gn_pieces_release(gn_pieces *p);

/* Row r of piece p, counted over all its matrices, is row gn_piece_row(p, r) of p->from. */
static inline int64_t gn_piece_row(const gn_piece *p, int64_t r) {
    const int64_t matrix = r / p->rows;
    int64_t row = r % p->rows;
    if (p->head_dim) { /* row 2i + s is row s Dh/2 + i of Hugging Face's head */
        const int64_t head = row / p->head_dim, at = row % p->head_dim;
        row = head * p->head_dim + at % 2 * (p->head_dim / 2) + at / 2;
    }
    return matrix * p->all_rows + p->first + row;
}

/* The keys of a folder's model and tokenizer, or all keys of a GGUF but those that say how
 * it was quantised, split and aligned. GN_UNSUPPORTED names what a GGUF cannot say. */
bool gn_convert_keys(gn_gguf *out, gn_engine *g, int file_type, gn_error *e);

#endif
