/* test_trie.c - shared prefixes of token sequences. */
/* floor: gn_core */
#include "core/base/rng.h"
#include "core/trie.h"
#include "tests/check.h"

enum { MOST = 64, LONGEST = 12 };

typedef struct set {
    int32_t id[MOST][LONGEST];
    gn_sequence s[MOST];
    int n;
} set;

/* Sequences over a small alphabet, so that many prefixes are shared. */
static void draw(set *out, uint64_t seed) {
    uint64_t k = 0;
    out->n = 1 + (int)(gn_splitmix64(seed) % MOST);
    for (int i = 0; i < out->n; i++) {
        out->s[i] = (gn_sequence){out->id[i], (int64_t)(gn_splitmix64(seed + ++k) % LONGEST)};
        for (int j = 0; j < out->s[i].count; j++)
            out->id[i][j] = (int32_t)(gn_splitmix64(seed * 77 + ++k) % 3);
    }
}

/* The path from a root to where sequence i ends, read off the tree, is the sequence. */
static bool spells(const gn_trie *t, const set *s, int i) {
    int64_t depth = s->s[i].count;
    for (int at = t->leaf[i]; at >= 0; at = t->node[at].parent) {
        const gn_trie_node *n = &t->node[at];
        if (n->end != depth || n->begin >= n->end)
            return false;
        for (int64_t k = n->begin; k < n->end; k++)
            if (s->id[n->owner][k] != s->id[i][k])
                return false;
        depth = n->begin;
    }
    return depth == 0;
}

static int64_t tokens(const gn_trie *t) {
    int64_t sum = 0;
    for (int i = 0; i < t->count; i++)
        sum += t->node[i].end - t->node[i].begin;
    return sum;
}

/* Distinct non-empty prefixes: what a walk that shares everything must read. */
static int64_t distinct(const set *s) {
    int64_t sum = 0;
    for (int i = 0; i < s->n; i++)
        for (int64_t len = 1; len <= s->s[i].count; len++) {
            bool seen = false;
            for (int j = 0; j < i && !seen; j++)
                seen = s->s[j].count >= len &&
                       memcmp(s->id[i], s->id[j], (size_t)len * sizeof(int32_t)) == 0;
            sum += !seen;
        }
    return sum;
}

TEST(every_sequence_is_a_path_of_the_trie) {
    for (uint64_t seed = 1; seed <= 300; seed++) {
        set s;
        gn_trie t;
        gn_error e = {0};
        draw(&s, seed);
        if (!CHECK(gn_trie_build(&t, s.s, s.n, true, &e)))
            return;
        for (int i = 0; i < s.n; i++)
            CHECK(spells(&t, &s, i));
        gn_trie_release(&t);
    }
}

TEST(no_shared_token_stands_twice) {
    for (uint64_t seed = 1; seed <= 300; seed++) {
        set s;
        gn_trie t;
        gn_error e = {0};
        draw(&s, seed);
        if (!CHECK(gn_trie_build(&t, s.s, s.n, true, &e)))
            return;
        CHECK(tokens(&t) == distinct(&s));
        gn_trie_release(&t);
    }
}

TEST(without_sharing_every_sequence_is_its_own_root) {
    set s;
    gn_trie t;
    gn_error e = {0};
    int64_t all = 0;
    int roots = 0, not_empty = 0;
    draw(&s, 5);
    CHECK(gn_trie_build(&t, s.s, s.n, false, &e));
    for (int i = 0; i < s.n; i++) {
        all += s.s[i].count;
        not_empty += s.s[i].count > 0;
    }
    for (int at = t.root; at >= 0; at = t.node[at].next)
        roots++;
    CHECK(tokens(&t) == all);
    CHECK(roots == not_empty);
    gn_trie_release(&t);
}

TEST(children_are_linked_in_order_of_their_tokens_and_counted) {
    for (uint64_t seed = 1; seed <= 100; seed++) {
        set s;
        gn_trie t;
        gn_error e = {0};
        draw(&s, seed);
        if (!CHECK(gn_trie_build(&t, s.s, s.n, true, &e)))
            return;
        for (int i = 0; i < t.count; i++) {
            int children = 0;
            int32_t before = -1;
            for (int at = t.node[i].child; at >= 0; at = t.node[at].next) {
                const int32_t id = s.id[t.node[at].owner][t.node[at].begin];
                CHECK(t.node[at].parent == i && t.node[at].begin == t.node[i].end && id > before);
                before = id;
                children++;
            }
            CHECK(children == t.node[i].children);
        }
        gn_trie_release(&t);
    }
}
