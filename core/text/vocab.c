/* vocab.c - see vocab.h. */
#include "core/text/vocab.h"

#include "core/base/hash.h"

#include <inttypes.h>
#include <stdlib.h>

/* More ids than any model has; keeps a broken file from asking for the whole memory. */
enum { MOST_IDS = 1 << 23 };

/* Open addressing, linear probing, half full at most. */
typedef struct gn_vocab_slot {
    uint32_t tag; /* of the piece's hash */
    uint32_t id_plus_one;
} slot;

bool gn_vocab_init(gn_vocab *v, size_t size, size_t added, gn_error *e) {
    if (size > MOST_IDS)
        return gn_fail(e, GN_UNSUPPORTED, "%zu token ids; at most %d are read", size, MOST_IDS);
    *v = (gn_vocab){.size = (int)size};
    v->piece = calloc(size + 1, sizeof *v->piece);
    v->mark = calloc(size + 1, sizeof *v->mark);
    v->at = calloc(size + 1, sizeof *v->at);
    if (!v->piece || !v->mark || !v->at || !gn_map_reserve(&v->added, added))
        return gn_fail(e, GN_NO_MEMORY, "out of memory for %zu tokens", size);
    return true;
}

void gn_vocab_release(gn_vocab *v) {
    free(v->piece);
    free(v->shown);
    free(v->mark);
    free(v->at);
    free(v->slot);
    gn_map_release(&v->added);
    gn_str_release(&v->bytes);
    *v = (gn_vocab){0};
}

static size_t first_slot(const gn_vocab *v, uint64_t hash) { return hash & (v->slots - 1); }

/* The slot of a piece, or the free one where it would go. */
static slot *find(const gn_vocab *v, gn_slice piece, uint64_t hash) {
    const uint32_t tag = (uint32_t)(hash >> 32);
    size_t i = first_slot(v, hash);
    for (; v->slot[i].id_plus_one; i = (i + 1) & (v->slots - 1))
        if (v->slot[i].tag == tag && gn_slice_equal(v->piece[v->slot[i].id_plus_one - 1], piece))
            break;
    return &v->slot[i];
}

static void index_one(gn_vocab *v, int32_t id, uint64_t hash) {
    *find(v, v->piece[id], hash) = (slot){(uint32_t)(hash >> 32), (uint32_t)id + 1};
}

/* Some pieces at a time: their places in the table are on their way while the next are hashed. */
bool gn_vocab_index(gn_vocab *v, gn_error *e) {
    enum { SOME = 16 };
    if (v->slot)
        return true;
    size_t slots = 16;
    while (slots < 2 * (size_t)v->size)
        slots *= 2;
    v->slot = calloc(slots, sizeof *v->slot);
    if (!v->slot)
        return gn_fail(e, GN_NO_MEMORY, "out of memory for %d tokens", v->size);
    v->slots = slots;
    for (int id = 0; id < v->size;) {
        uint64_t hash[SOME];
        int32_t one[SOME];
        int n = 0;
        for (; n < SOME && id < v->size; id++)
            if (v->mark[id] & GN_PIECE_PLAIN) {
                one[n] = id;
                hash[n] = gn_xxh3(v->piece[id].data, v->piece[id].len);
                __builtin_prefetch(&v->slot[first_slot(v, hash[n++])], 1);
            }
        for (int k = 0; k < n; k++)
            index_one(v, one[k], hash[k]);
    }
    return true;
}

int32_t gn_vocab_plain(const gn_vocab *v, gn_slice piece) {
    if (v->slot)
        return (int32_t)find(v, piece, gn_xxh3(piece.data, piece.len))->id_plus_one - 1;
    for (int32_t id = v->size; id-- > 0;)
        if ((v->mark[id] & GN_PIECE_PLAIN) && gn_slice_equal(v->piece[id], piece))
            return id;
    return -1;
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
    if ((marks & GN_PIECE_PLAIN) && v->slot)
        index_one(v, (int32_t)id, gn_xxh3(piece.data, piece.len));
    if ((marks & GN_PIECE_ADDED) && !gn_map_set(&v->added, piece, id))
        return gn_fail(e, GN_NO_MEMORY, "out of memory for %d tokens", v->size);
    return true;
}

bool gn_vocab_show(gn_vocab *v, int32_t id, gn_slice text, gn_error *e) {
    if (gn_slice_equal(gn_vocab_shown(v, id), text))
        return true;
    const size_t size = (size_t)v->size + 1;
    if (!v->shown && (v->shown = malloc(size * sizeof *v->shown)))
        memcpy(v->shown, v->piece, size * sizeof *v->shown);
    if (!v->shown)
        return gn_fail(e, GN_NO_MEMORY, "out of memory for %d tokens", v->size);
    v->shown[id] = text;
    return true;
}

bool gn_vocab_spell(gn_vocab *v, gn_speller append, const void *user, gn_error *e) {
    size_t most = 0;
    for (int id = 0; id < v->size; id++)
        most += v->piece[id].len;
    gn_str_room(&v->bytes, most);
    for (int id = 0; id < v->size; id++) {
        v->at[id] = (uint32_t)v->bytes.len;
        if (v->mark[id] & GN_PIECE_ADDED)
            gn_str_add(&v->bytes, gn_vocab_shown(v, id));
        else if ((v->mark[id] & GN_PIECE_PLAIN) && !append(user, v->piece[id], &v->bytes, e))
            return false;
    }
    v->at[v->size] = (uint32_t)v->bytes.len;
    if (v->bytes.len > UINT32_MAX)
        return gn_fail(e, GN_UNSUPPORTED, "%d tokens of %zu bytes together", v->size, v->bytes.len);
    return gn_str_ok(&v->bytes, e);
}
