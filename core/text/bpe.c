/* bpe.c - see bpe.h. */
#include "core/text/bpe.h"

#include "core/base/hash.h"
#include "core/base/unicode.h"
#include "core/text/alphabet.h"

#include <stdlib.h>

enum {
    SHORT = 40,            /* symbols up to which a piece is merged without a heap */
    CACHE_SLOTS = 1 << 14, /* a power of two */
    CACHE_BYTES = 30,
    CACHE_IDS = 8,
    KEEP_SYMBOLS = 1 << 16, /* scratch beyond this is given back */
};

/* A pair of ids as one number, so that equal pairs are equal numbers. */
typedef struct rule {
    uint64_t pair;
    uint32_t rank_plus_one; /* 0: an empty slot */
    int32_t made;
} rule;

/* One piece and its tokens. A slot holds the last piece that hashed to it. */
typedef struct cached {
    uint8_t bytes, ids; /* bytes 0: empty */
    char text[CACHE_BYTES];
    int32_t id[CACHE_IDS];
} cached;

/* A long piece: symbols in a list that merging shortens, and the pairs that could be next. */
typedef struct symbol {
    int32_t id, prev, next; /* -1: none */
    bool gone;
} symbol;
typedef struct candidate {
    uint64_t order; /* rank, then place: the smallest is next */
    int32_t made;
} candidate;

struct gn_bpe {
    const gn_vocab *vocab;
    gn_bpe_options options;
    int32_t byte_id[256]; /* of the symbol a byte is, or of <0x..>; -1: none */
    rule *rule;
    uint64_t mask; /* slots of rule - 1 */
    int shift;
    cached *cache;
    int32_t *start; /* the symbols a piece begins with */
    size_t start_room;
    symbol *symbol;
    size_t symbol_room;
    candidate *heap;
    size_t heap_count, heap_room;
};

static uint64_t pair_of(int32_t left, int32_t right) {
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

static uint64_t slot_of(const gn_bpe *b, uint64_t pair) {
    return (pair ^ pair >> 29) * 0x9E3779B97F4A7C15u >> b->shift;
}

/* The rule that merges the two, NULL if there is none. */
static inline const rule *rule_of(const gn_bpe *b, int32_t left, int32_t right) {
    const uint64_t pair = pair_of(left, right);
    for (uint64_t i = slot_of(b, pair);; i = (i + 1) & b->mask) {
        const rule *r = &b->rule[i];
        if (r->rank_plus_one == 0)
            return NULL;
        if (r->pair == pair)
            return r;
    }
}

static bool build_rules(gn_bpe *b, const gn_merge *merge, size_t count, gn_error *e) {
    int bits = 4;
    while (((size_t)1 << bits) < 2 * count)
        bits++;
    b->shift = 64 - bits;
    b->mask = ((uint64_t)1 << bits) - 1;
    b->rule = calloc((size_t)1 << bits, sizeof *b->rule);
    if (!b->rule)
        return gn_fail(e, GN_NO_MEMORY, "out of memory for %zu merges", count);
    for (size_t rank = 0; rank < count; rank++) {
        const uint64_t pair = pair_of(merge[rank].left, merge[rank].right);
        uint64_t i = slot_of(b, pair);
        while (b->rule[i].rank_plus_one && b->rule[i].pair != pair)
            i = (i + 1) & b->mask;
        b->rule[i] = (rule){pair, (uint32_t)rank + 1, merge[rank].made};
    }
    return true;
}

static void find_bytes(gn_bpe *b) {
    static const char hex[] = "0123456789ABCDEF";
    for (int byte = 0; byte < 256; byte++) {
        char name[6] = {'<', '0', 'x', hex[byte >> 4], hex[byte & 15], '>'};
        size_t len = sizeof name;
        if (b->options.bytes)
            len = gn_alphabet_put(name, (uint8_t)byte);
        b->byte_id[byte] = gn_vocab_plain(b->vocab, (gn_slice){name, len});
    }
}

gn_bpe *gn_bpe_new(const gn_vocab *v, const gn_merge *merge, size_t count, gn_bpe_options options,
                   gn_error *e) {
    gn_bpe *b = calloc(1, sizeof *b);
    if (!b || !(b->cache = calloc(CACHE_SLOTS, sizeof *b->cache))) {
        gn_fail(e, GN_NO_MEMORY, "out of memory for the merges");
        gn_bpe_free(b);
        return NULL;
    }
    b->vocab = v;
    b->options = options;
    find_bytes(b);
    if (!build_rules(b, merge, count, e)) {
        gn_bpe_free(b);
        return NULL;
    }
    return b;
}

void gn_bpe_free(gn_bpe *b) {
    if (!b)
        return;
    free(b->rule);
    free(b->cache);
    free(b->start);
    free(b->symbol);
    free(b->heap);
    free(b);
}

/* What a missing symbol leaves behind. With fuse_unknown a run of them waits as one
 * until a known symbol comes. */
static void add_unknown(const gn_bpe *b, size_t *n, bool *waiting) {
    if (b->options.unknown < 0)
        return;
    if (*waiting && !b->options.fuse_unknown)
        b->start[(*n)++] = b->options.unknown;
    *waiting = true;
}

static void add_known(const gn_bpe *b, int32_t id, size_t *n, bool *waiting) {
    if (*waiting)
        b->start[(*n)++] = b->options.unknown;
    *waiting = false;
    b->start[(*n)++] = id;
}

/* <0x..> for each of the bytes, if the vocabulary has all of them. A waiting unknown
 * goes on waiting, as it does in tokenizers. */
static bool fall_back(const gn_bpe *b, gn_slice character, size_t *n) {
    for (size_t k = 0; k < character.len; k++)
        if (b->byte_id[(uint8_t)character.data[k]] < 0)
            return false;
    for (size_t k = 0; k < character.len; k++)
        b->start[(*n)++] = b->byte_id[(uint8_t)character.data[k]];
    return true;
}

/* Fill start with the piece's symbols; *n of them. */
static bool begin(gn_bpe *b, gn_slice piece, size_t *n, gn_error *e) {
    bool waiting = false;
    *n = 0;
    /* one symbol a byte at most, and one unknown that waited */
    if (!gn_vec_reserve(&b->start, &b->start_room, piece.len + 1, sizeof *b->start))
        return gn_fail(e, GN_NO_MEMORY, "out of memory for a piece of %zu bytes", piece.len);
    for (size_t i = 0, len = 1; i < piece.len; i += len) {
        int32_t id, cp;
        if (b->options.bytes) {
            id = b->byte_id[(uint8_t)piece.data[i]];
        } else {
            len = gn_utf8_next(piece, i, &cp);
            id = gn_vocab_plain(b->vocab, (gn_slice){piece.data + i, len});
        }
        if (id >= 0)
            add_known(b, id, n, &waiting);
        else if (b->options.bytes || !b->options.byte_fallback ||
                 !fall_back(b, (gn_slice){piece.data + i, len}, n))
            add_unknown(b, n, &waiting);
    }
    if (waiting)
        b->start[(*n)++] = b->options.unknown;
    return true;
}

/* Merge n symbols where they lie; returns how many are left. */
static size_t merge_short(const gn_bpe *b, int32_t *id, size_t n) {
    const rule *with_next[SHORT]; /* the rule for symbols i and i + 1 */
    for (size_t i = 0; i + 1 < n; i++)
        with_next[i] = rule_of(b, id[i], id[i + 1]);
    for (;;) {
        const rule *best = NULL;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++)
            if (with_next[i] && (!best || with_next[i]->rank_plus_one < best->rank_plus_one)) {
                best = with_next[i];
                at = i;
            }
        if (!best)
            return n;
        id[at] = best->made;
        n--;
        for (size_t i = at + 1; i < n; i++) {
            id[i] = id[i + 1];
            with_next[i - 1] = with_next[i];
        }
        if (at > 0)
            with_next[at - 1] = rule_of(b, id[at - 1], id[at]);
        if (at + 1 < n)
            with_next[at] = rule_of(b, id[at], id[at + 1]);
    }
}

static bool push(gn_bpe *b, int32_t at) {
    const symbol *s = &b->symbol[at];
    if (s->next < 0)
        return true;
    const rule *r = rule_of(b, s->id, b->symbol[s->next].id);
    if (!r)
        return true;
    if (!gn_vec_reserve(&b->heap, &b->heap_room, b->heap_count + 1, sizeof *b->heap))
        return false;
    const candidate new = {(uint64_t)r->rank_plus_one << 32 | (uint32_t)at, r->made};
    size_t i = b->heap_count++;
    for (; i > 0 && b->heap[(i - 1) / 2].order > new.order; i = (i - 1) / 2)
        b->heap[i] = b->heap[(i - 1) / 2];
    b->heap[i] = new;
    return true;
}

static candidate pop(gn_bpe *b) {
    const candidate top = b->heap[0], moved = b->heap[--b->heap_count];
    size_t i = 0;
    for (size_t child = 1; child < b->heap_count; child = 2 * i + 1) {
        if (child + 1 < b->heap_count && b->heap[child + 1].order < b->heap[child].order)
            child++;
        if (b->heap[child].order >= moved.order)
            break;
        b->heap[i] = b->heap[child];
        i = child;
    }
    b->heap[i] = moved;
    return top;
}

/* A candidate is stale when one of its two symbols has been merged since. */
static bool is_stale(const gn_bpe *b, const candidate *c, int32_t at) {
    const symbol *s = &b->symbol[at];
    if (s->gone || s->next < 0)
        return true;
    const rule *r = rule_of(b, s->id, b->symbol[s->next].id);
    return !r || r->made != c->made;
}

static bool merge_pairs(gn_bpe *b) {
    while (b->heap_count) {
        const candidate c = pop(b);
        const int32_t at = (int32_t)(uint32_t)c.order;
        if (is_stale(b, &c, at))
            continue;
        symbol *s = &b->symbol[at];
        symbol *right = &b->symbol[s->next];
        s->id = c.made;
        s->next = right->next;
        right->gone = true;
        if (s->next >= 0)
            b->symbol[s->next].prev = at;
        if ((s->prev >= 0 && !push(b, s->prev)) || !push(b, at))
            return false;
    }
    return true;
}

static bool merge_long(gn_bpe *b, size_t n, gn_ids *out, gn_error *e) {
    bool ok = n <= INT32_MAX && gn_vec_reserve(&b->symbol, &b->symbol_room, n, sizeof *b->symbol);
    for (size_t i = 0; ok && i < n; i++)
        b->symbol[i] =
            (symbol){b->start[i], (int32_t)i - 1, i + 1 < n ? (int32_t)i + 1 : -1, false};
    b->heap_count = 0;
    for (size_t i = 0; ok && i < n; i++)
        ok = push(b, (int32_t)i);
    ok = ok && merge_pairs(b);
    for (int32_t i = 0; ok && i >= 0; i = b->symbol[i].next)
        ok = gn_ids_add(out, b->symbol[i].id);
    if (b->symbol_room > KEEP_SYMBOLS) {
        free(b->symbol);
        free(b->heap);
        free(b->start);
        b->symbol = NULL;
        b->heap = NULL;
        b->start = NULL;
        b->symbol_room = b->heap_room = b->start_room = 0;
    }
    return ok || gn_fail(e, GN_NO_MEMORY, "out of memory for a piece of %zu symbols", n);
}

/* *id = the token that is the whole piece, -1 if there is none. */
static bool find_whole(const gn_bpe *b, gn_slice piece, int32_t *id, gn_error *e) {
    gn_str mapped = {0};
    *id = -1;
    if (!b->options.ignore_merges)
        return true;
    if (!b->options.bytes) {
        *id = gn_vocab_plain(b->vocab, piece);
        return true;
    }
    char *room = gn_str_room(&mapped, 2 * piece.len);
    if (!room)
        return gn_str_ok(&mapped, e);
    size_t len = 0;
    for (size_t i = 0; i < piece.len; i++)
        len += gn_alphabet_put(room + len, (uint8_t)piece.data[i]);
    *id = gn_vocab_plain(b->vocab, (gn_slice){room, len});
    gn_str_release(&mapped);
    return true;
}

static bool encode(gn_bpe *b, gn_slice piece, gn_ids *out, gn_error *e) {
    size_t n;
    int32_t id;
    if (!find_whole(b, piece, &id, e))
        return false;
    if (id >= 0)
        return gn_ids_add(out, id) || gn_fail(e, GN_NO_MEMORY, "out of memory");
    if (!begin(b, piece, &n, e))
        return false;
    if (n > SHORT)
        return merge_long(b, n, out, e);
    return gn_ids_append(out, b->start, merge_short(b, b->start, n)) ||
           gn_fail(e, GN_NO_MEMORY, "out of memory");
}

bool gn_bpe_encode(gn_bpe *b, gn_slice piece, gn_ids *out, gn_error *e) {
    if (piece.len == 0)
        return true;
    if (piece.len > CACHE_BYTES)
        return encode(b, piece, out, e);
    cached *c = &b->cache[gn_xxh3(piece.data, piece.len) & (CACHE_SLOTS - 1)];
    if (c->bytes == piece.len && memcmp(c->text, piece.data, piece.len) == 0)
        return gn_ids_append(out, c->id, c->ids) || gn_fail(e, GN_NO_MEMORY, "out of memory");
    const size_t before = out->count;
    if (!encode(b, piece, out, e))
        return false;
    if (out->count - before <= CACHE_IDS) {
        c->bytes = (uint8_t)piece.len;
        c->ids = (uint8_t)(out->count - before);
        memcpy(c->text, piece.data, piece.len);
        if (c->ids)
            memcpy(c->id, out->id + before, c->ids * sizeof *c->id);
    }
    return true;
}
