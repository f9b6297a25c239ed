/* trie.h - the prefixes that sequences have in common: a radix tree over token ids.
 *
 * Pure: no model, no memory but its own. A node is a stretch [begin, end) of
 * places that every sequence below it shares; a sequence is the path from a root
 * to the node it ends at. Children stand in order of their tokens, so a walk of
 * the tree does not depend on the order in which the sequences were given.
 */
#ifndef GN_TRIE_H
#define GN_TRIE_H

#include "core/base/error.h"

#include <stdint.h>

typedef struct gn_trie_node {
    int parent, child, next; /* first child, next sibling; -1: none */
    int children;
    int owner;          /* the lowest numbered sequence that passes here; the node's ids are its */
    int64_t begin, end; /* places in it */
} gn_trie_node;

typedef struct gn_trie {
    gn_trie_node *node;
    int count;
    int root;  /* first root; the others are its siblings; -1: none */
    int *leaf; /* [n] the node each sequence ends at; -1: an empty one */
} gn_trie;

typedef struct gn_sequence {
    const int32_t *id;
    int64_t count;
} gn_sequence;

/* share: false makes every sequence a root of its own. False when out of memory. */
bool gn_trie_build(gn_trie *t, const gn_sequence *sequence, int n, bool share, gn_error *e);
void gn_trie_release(gn_trie *t);

#endif
