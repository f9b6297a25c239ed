/* trie.c - see trie.h. Sequences are sorted; each next one hangs below the path
 * of the one before where the two part, splitting a node if it must. */
#include "core/trie.h"

#include <limits.h>
#include <stdlib.h>

typedef struct sorted {
    gn_sequence s;
    int number;
} sorted;

/* A tree under construction. */
typedef struct builder {
    gn_trie *t;
    int *rank; /* [nodes] place in sorted order of the first sequence that passes */
} builder;

static int64_t common(const gn_sequence *a, const gn_sequence *b) {
    const int64_t n = a->count < b->count ? a->count : b->count;
    int64_t i = 0;
    while (i < n && a->id[i] == b->id[i])
        i++;
    return i;
}

static int by_ids(const void *va, const void *vb) {
    const sorted *a = va, *b = vb;
    const int64_t i = common(&a->s, &b->s);
    if (i < a->s.count && i < b->s.count)
        return a->s.id[i] < b->s.id[i] ? -1 : 1;
    if (a->s.count != b->s.count)
        return a->s.count < b->s.count ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static int add(builder *b, int parent, int rank, int64_t begin, int64_t end) {
    gn_trie *t = b->t;
    t->node[t->count] = (gn_trie_node){
        .parent = parent, .child = -1, .next = -1, .owner = INT_MAX, .begin = begin, .end = end};
    b->rank[t->count] = rank;
    return t->count++;
}

/* Climb from `at` to the node that holds place depth - 1, splitting it there if it
 * goes on past it. -1 when nothing is shared. */
static int branch_at(builder *b, int at, int64_t depth) {
    gn_trie *t = b->t;
    while (at >= 0 && t->node[at].begin >= depth)
        at = t->node[at].parent;
    if (at < 0 || t->node[at].end == depth)
        return at;
    const int high = add(b, t->node[at].parent, b->rank[at], t->node[at].begin, depth);
    t->node[at].parent = high;
    t->node[at].begin = depth;
    return high;
}

static int by_rank_down(const void *a, const void *b, void *rank) {
    const int x = ((const int *)rank)[*(const int *)a], y = ((const int *)rank)[*(const int *)b];
    return x > y ? -1 : x < y;
}

/* Hang every node before its siblings of higher rank: children in order of their tokens. */
static bool link_children(builder *b) {
    gn_trie *t = b->t;
    int *order = malloc((size_t)t->count * sizeof *order + 1);
    if (!order)
        return false;
    for (int i = 0; i < t->count; i++)
        order[i] = i;
    qsort_r(order, (size_t)t->count, sizeof *order, by_rank_down, b->rank);
    for (int i = 0; i < t->count; i++) {
        gn_trie_node *node = &t->node[order[i]];
        int *first = node->parent < 0 ? &t->root : &t->node[node->parent].child;
        node->next = *first;
        *first = order[i];
        if (node->parent >= 0)
            t->node[node->parent].children++;
    }
    free(order);
    return true;
}

/* In increasing number, so that a node that has an owner has the lowest, and so have those above. */
static void find_owners(gn_trie *t, int n) {
    for (int i = 0; i < n; i++)
        for (int at = t->leaf[i]; at >= 0 && t->node[at].owner == INT_MAX; at = t->node[at].parent)
            t->node[at].owner = i;
}

static void grow(builder *b, const sorted *s, int n, bool share) {
    for (int i = 0; i < n; i++) {
        int at = -1;
        int64_t depth = 0;
        if (share && i > 0) {
            depth = common(&s[i - 1].s, &s[i].s);
            at = depth ? branch_at(b, b->t->leaf[s[i - 1].number], depth) : -1;
        }
        if (s[i].s.count > depth)
            at = add(b, at, i, depth, s[i].s.count);
        b->t->leaf[s[i].number] = s[i].s.count ? at : -1;
    }
}

bool gn_trie_build(gn_trie *t, const gn_sequence *sequence, int n, bool share, gn_error *e) {
    const size_t most = 2 * (size_t)n + 1; /* a sequence adds one node and splits one */
    *t = (gn_trie){.root = -1};
    builder b = {t, malloc(most * sizeof *b.rank)};
    sorted *s = malloc((size_t)n * sizeof *s + 1);
    t->node = malloc(most * sizeof *t->node);
    t->leaf = malloc((size_t)n * sizeof *t->leaf + 1);
    bool ok = s && b.rank && t->node && t->leaf;
    if (ok) {
        for (int i = 0; i < n; i++)
            s[i] = (sorted){sequence[i], i};
        qsort(s, (size_t)n, sizeof *s, by_ids);
        grow(&b, s, n, share);
        ok = link_children(&b);
    }
    if (ok)
        find_owners(t, n);
    free(s);
    free(b.rank);
    if (ok)
        return true;
    gn_trie_release(t);
    return gn_fail(e, GN_NO_MEMORY, "trie: out of memory");
}

void gn_trie_release(gn_trie *t) {
    free(t->node);
    free(t->leaf);
    *t = (gn_trie){.root = -1};
}
