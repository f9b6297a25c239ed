/* vocab.c - see vocab.h. */
#include "core/text/vocab.h"

#include <inttypes.h>
#include <stdlib.h>

/* More ids than any model has; keeps a broken file from asking for the whole memory. */
enum { MOST_IDS = 1 << 23 };

bool gn_vocab_init(gn_vocab *v, size_t size, size_t plain, size_t added, gn_error *e) {
    if (size > MOST_IDS)
        return gn_fail(e, GN_UNSUPPORTED, "%zu token ids; at most %d are read", size, MOST_IDS);
    *v = (gn_vocab){.size = (int)size};
    v->piece = calloc(size + 1, sizeof *v->piece);
    v->mark = calloc(size + 1, sizeof *v->mark);
    v->at = calloc(size + 1, sizeof *v->at);
    if (!v->piece || !v->mark || !v->at || !gn_map_reserve(&v->plain, plain) ||
        !gn_map_reserve(&v->added, added))
        return gn_fail(e, GN_NO_MEMORY, "out of memory for %zu tokens", size);
    return true;
}

void gn_vocab_release(gn_vocab *v) {
    free(v->piece);
    free(v->mark);
    free(v->at);
    gn_map_release(&v->plain);
    gn_map_release(&v->added);
    gn_str_release(&v->bytes);
    *v = (gn_vocab){0};
}

bool gn_vocab_put(gn_vocab *v, int64_t id, gn_slice piece, unsigned marks, gn_error *e) {
    if (id < 0 || id >= v->size)
        return gn_fail(e, GN_FORMAT, "token '%.*s' has id %" PRId64 " of %d", (int)piece.len,
                       piece.data, id, v->size);
    if (v->mark[id] && !gn_slice_equal(v->piece[id], piece))
        return gn_fail(e, GN_FORMAT, "tokens '%.*s' and '%.*s' have the same id %" PRId64,
                       (int)v->piece[id].len, v->piece[id].data, (int)piece.len, piece.data, id);
    v->piece[id] = piece;
    v->mark[id] = (uint8_t)(v->mark[id] | marks);
    if (((marks & GN_PIECE_PLAIN) && !gn_map_set(&v->plain, piece, id)) ||
        ((marks & GN_PIECE_ADDED) && !gn_map_set(&v->added, piece, id)))
        return gn_fail(e, GN_NO_MEMORY, "out of memory for %d tokens", v->size);
    return true;
}

bool gn_vocab_spell(gn_vocab *v, gn_speller append, const void *user, gn_error *e) {
    for (int id = 0; id < v->size; id++) {
        v->at[id] = v->bytes.len;
        if (v->mark[id] & GN_PIECE_ADDED)
            gn_str_add(&v->bytes, v->piece[id]);
        else if ((v->mark[id] & GN_PIECE_PLAIN) && !append(user, v->piece[id], &v->bytes, e))
            return false;
    }
    v->at[v->size] = v->bytes.len;
    return gn_str_ok(&v->bytes, e);
}
