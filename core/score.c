/* score.c - log-probabilities of continuations, many at once.
 *
 * Requests form a trie of token ids (trie.h), walked depth first in packed
 * steps: a step takes whole stretches of it, from as many subtrees as fit. A
 * stretch that branches leaves its state for its children, while there is
 * memory for one more; if there is none, its children are read from the nearest
 * ancestor that has one. A leaf never keeps a state: it reads its parent's and
 * writes none. So memory is the states of open branches, the budget changes
 * time only, and no result depends on how the walk was cut.
 */
#include "core/engine.h"
#include "core/trie.h"

#include <inttypes.h>

/* A stretch waiting to be read: places [at, end of node), after what `from` holds. */
typedef struct item {
    int node, from; /* from: the node whose state it begins with; -1: none */
    int64_t at;
    gn_state *own; /* state of a stretch that is read in several steps */
} item;

/* A request passes a node: its rows there are wanted. Listed by node. */
typedef struct pass {
    int request, next;
} pass;

/* The state of a read node, and how many waiting items begin with it. */
typedef struct holder {
    gn_state *state;
    int users;
} holder;

/* One answer of a step: token `index` of a request, said by packed row `row`. */
typedef struct target {
    int row, request;
    int64_t index;
} target;

typedef struct pending {
    gn_logprob *token;
    gn_top *top;
    int64_t left;
} pending;

typedef struct walk {
    gn_engine *g;
    const gn_score_request *request;
    const gn_score_hooks *h;
    gn_sequence *sequence; /* [n] context and tokens in one, owned */
    int n;
    gn_trie trie;
    int *pass_of; /* [nodes] first pass; -1 */
    pass *pass;
    holder *holder; /* [nodes] */
    item *stack;
    size_t depth, capacity;
    gn_state **spare; /* states to be used again */
    int n_spare, states, max_states;
    pending *pending; /* [n] */
    int64_t answered;

    item *taken; /* [max_lanes] this step's, with what was fed of each */
    gn_feed *feed;
    int32_t *want; /* [max_tokens] packed rows */
    target *target;
    size_t n_target, target_capacity;
    gn_score_stats stats;
} walk;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "score: out of memory"); }

/* ---- what is asked --------------------------------------------------------- */

static bool check(const gn_engine *g, const gn_score_request *r, int i, gn_error *e) {
    if (r->n_token > 0 && r->n_context < 1)
        return gn_fail(e, GN_INVALID, "request %d has no context to score its first token from", i);
    if (r->n_context + r->n_token - 1 > g->context)
        return gn_fail(e, GN_UNSUPPORTED,
                       "request %d: %" PRId64 " tokens do not fit the context of %" PRId64
                       "; shorten the text or raise --ctx",
                       i, r->n_context + r->n_token, g->context);
    for (int64_t k = 0; k < r->n_context + r->n_token; k++) {
        const int32_t id = k < r->n_context ? r->context[k] : r->token[k - r->n_context];
        if (id < 0 || id >= g->config.vocab)
            return gn_fail(e, GN_INVALID, "request %d: token id %d is not in [0, %d)", i, id,
                           g->config.vocab);
    }
    return true;
}

/* The ids a request feeds: all but the last, which is scored and not read. */
static bool copy_request(walk *w, int i, gn_error *e) {
    const gn_score_request *r = &w->request[i];
    const int64_t n = r->n_token ? r->n_context + r->n_token : 0;
    int32_t *id = malloc((size_t)n * sizeof *id + 1);
    pending *p = &w->pending[i];
    w->sequence[i] = (gn_sequence){id, n ? n - 1 : 0};
    p->token = calloc((size_t)r->n_token + 1, sizeof *p->token);
    p->top = calloc((size_t)r->n_token * (size_t)r->top + 1, sizeof *p->top);
    p->left = r->n_token;
    if (!id || !p->token || !p->top)
        return no_memory(e);
    for (int64_t k = 0; k < n; k++)
        id[k] = k < r->n_context ? r->context[k] : r->token[k - r->n_context];
    w->stats.asked += w->sequence[i].count;
    return true;
}

/* Which requests want rows of which nodes. */
static bool note_passes(walk *w, gn_error *e) {
    size_t count = 0;
    for (int i = 0; i < w->n; i++)
        for (int at = w->trie.leaf[i]; at >= 0; at = w->trie.node[at].parent)
            count += w->trie.node[at].end >= w->request[i].n_context;
    w->pass = malloc(count * sizeof *w->pass + 1);
    w->pass_of = malloc((size_t)w->trie.count * sizeof *w->pass_of + 1);
    if (!w->pass || !w->pass_of)
        return no_memory(e);
    for (int k = 0; k < w->trie.count; k++)
        w->pass_of[k] = -1;
    int next = 0;
    for (int i = w->n - 1; i >= 0; i--)
        for (int at = w->trie.leaf[i]; at >= 0; at = w->trie.node[at].parent)
            if (w->trie.node[at].end >= w->request[i].n_context) {
                w->pass[next] = (pass){i, w->pass_of[at]};
                w->pass_of[at] = next++;
            }
    return true;
}

/* ---- states ---------------------------------------------------------------- */

static gn_state *take_state(walk *w, int64_t tokens, gn_error *e) {
    gn_state *s = w->n_spare ? w->spare[--w->n_spare] : NULL;
    if (s) {
        s->tokens = 0;
        if (!gn_state_reserve(s, tokens, e)) {
            gn_state_free(s);
            return NULL;
        }
    } else {
        s = gn_state_new(w->g->device, &w->g->model.layout, tokens, e);
    }
    w->states += s != NULL;
    return s;
}

static void give_state(walk *w, gn_state *s) {
    w->spare[w->n_spare++] = s;
    w->states--;
}

static void leave(walk *w, int node) {
    if (node < 0 || --w->holder[node].users > 0)
        return;
    give_state(w, w->holder[node].state);
    w->holder[node].state = NULL;
}

/* The state an item's next tokens are left in. An item that alone holds on to its
 * parent's state goes on in that very memory. *to is NULL where nothing is kept. */
static bool choose_to(walk *w, item *it, bool whole, gn_state **to, gn_error *e) {
    const gn_trie_node *node = &w->trie.node[it->node];
    *to = NULL;
    if (whole && node->children == 0)
        return true;
    if (it->own) {
        *to = it->own;
        return gn_state_reserve(it->own, node->end, e);
    }
    if (it->from >= 0 && w->holder[it->from].users == 1) {
        *to = w->holder[it->from].state;
        return gn_state_reserve(*to, node->end, e);
    }
    if (whole && w->states >= w->max_states)
        return true; /* its children will begin where it began */
    return (*to = take_state(w, node->end, e)) != NULL;
}

/* ---- the stack ------------------------------------------------------------- */

static bool push(walk *w, item it, gn_error *e) {
    if (!gn_vec_reserve(&w->stack, &w->capacity, w->depth + 1, sizeof *w->stack))
        return no_memory(e);
    w->stack[w->depth++] = it;
    return true;
}

/* Siblings from `node` on, so that the first comes to lie on top. */
static bool push_siblings(walk *w, int node, int from, int64_t at, gn_error *e) {
    const size_t first = w->depth;
    for (; node >= 0; node = w->trie.node[node].next)
        if (!push(w, (item){.node = node, .from = from, .at = at}, e))
            return false;
    for (size_t a = first, b = w->depth; b > a + 1; a++, b--) {
        const item t = w->stack[a];
        w->stack[a] = w->stack[b - 1];
        w->stack[b - 1] = t;
    }
    return true;
}

/* ---- a step ---------------------------------------------------------------- */

/* Rows of node's own places among [at, at + count), fed as packed rows from `first` on. */
static bool add_targets(walk *w, const item *it, int count, int first, gn_error *e) {
    const gn_trie_node *node = &w->trie.node[it->node];
    for (int p = w->pass_of[it->node]; p >= 0; p = w->pass[p].next) {
        const gn_score_request *r = &w->request[w->pass[p].request];
        int64_t begin = r->n_context - 1 > node->begin ? r->n_context - 1 : node->begin;
        begin = begin > it->at ? begin : it->at;
        int64_t end = it->at + count;
        const int64_t last = r->n_context + r->n_token - 1;
        end = end < last ? end : last;
        for (int64_t k = begin; k < end; k++) {
            if (!gn_vec_reserve(&w->target, &w->target_capacity, w->n_target + 1,
                                sizeof *w->target))
                return no_memory(e);
            w->target[w->n_target++] = (target){.row = first + (int)(k - it->at),
                                                .request = w->pass[p].request,
                                                .index = k + 1 - r->n_context};
        }
    }
    return true;
}

/* Take items from the top of the stack until the step is full. Returns how many, 0 on failure. */
static int fill(walk *w, int most, int *tokens, gn_error *e) {
    int n = 0;
    *tokens = 0;
    w->n_target = 0;
    while (w->depth > 0 && n < w->g->plan->max_lanes && *tokens < most) {
        item *it = &w->stack[w->depth - 1];
        const gn_trie_node *node = &w->trie.node[it->node];
        const int64_t left = node->end - it->at;
        const int room = most - *tokens, count = (int)(left < room ? left : room);
        const bool whole = count == left;
        const bool needs =
            !it->own && node->children > 0 && !(it->from >= 0 && w->holder[it->from].users == 1);
        /* Out of states: let the step end here, since those on top may free one. */
        if (n > 0 && needs && w->states >= w->max_states)
            break;
        gn_state *to;
        if (!choose_to(w, it, whole, &to, e))
            return 0;
        const gn_state *from = it->own ? it->own : it->from >= 0 ? w->holder[it->from].state : NULL;
        w->feed[n] = (gn_feed){from, to, w->sequence[node->owner].id + it->at, count};
        if (!add_targets(w, it, count, *tokens, e))
            return 0;
        w->taken[n++] = *it;
        w->depth--;
        *tokens += count;
    }
    return n;
}

/* What becomes of an item whose tokens have been read. */
static bool settle(walk *w, item it, const gn_feed *f, item *partial, bool *has_partial,
                   gn_error *e) {
    const gn_trie_node *node = &w->trie.node[it.node];
    const int64_t begun = it.at;
    const bool stolen = f->to && it.from >= 0 && f->to == w->holder[it.from].state;
    it.at += f->count;
    if (it.at < node->end) { /* go on in a state of its own */
        if (stolen)
            w->holder[it.from] = (holder){0};
        else if (!it.own)
            leave(w, it.from);
        it.own = f->to;
        it.from = -1;
        *partial = it;
        *has_partial = true;
        return true;
    }
    if (node->children == 0) {
        if (it.own)
            give_state(w, it.own);
        else
            leave(w, it.from);
        return true;
    }
    if (f->to) {
        w->holder[it.node] = (holder){f->to, node->children};
        if (stolen)
            w->holder[it.from] = (holder){0};
        else if (!it.own)
            leave(w, it.from);
        return push_siblings(w, node->child, it.node, node->end, e);
    }
    /* No state was to be had: its children are read from where it began. */
    if (it.from >= 0)
        w->holder[it.from].users += node->children - 1;
    return push_siblings(w, node->child, it.from, begun, e);
}

static int by_row(const void *va, const void *vb) {
    const target *a = va, *b = vb;
    if (a->row != b->row)
        return a->row < b->row ? -1 : 1;
    if (a->request != b->request)
        return a->request < b->request ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static bool answer(walk *w, int i, gn_error *e) {
    const gn_score_request *r = &w->request[i];
    pending *p = &w->pending[i];
    gn_score_answer a = {.token = p->token, .top = r->top ? p->top : NULL, .greedy = true};
    int64_t read = 0;
    for (int64_t k = 0; k < r->n_token; k++) {
        a.logprob += (double)p->token[k].logprob;
        a.greedy = a.greedy && p->token[k].rank == 0;
    }
    for (int at = w->trie.leaf[i]; at >= 0; at = w->trie.node[at].parent)
        if (w->trie.node[at].owner == i)
            read += w->trie.node[at].end - w->trie.node[at].begin;
    a.reused = w->sequence[i].count - read;
    const bool go_on = !w->h || !w->h->answer || w->h->answer(w->h->user, i, &a);
    free(p->token);
    free(p->top);
    p->token = NULL;
    p->top = NULL;
    w->answered++;
    return go_on || gn_fail(e, GN_CANCELLED, "scoring was stopped after %" PRId64 " of %d requests",
                            w->answered, w->n);
}

/* Store what one row says of one target. */
static bool deliver(walk *w, const target *t, const gn_logprob *said, const gn_top *top,
                    gn_error *e) {
    pending *p = &w->pending[t->request];
    const size_t k = (size_t)w->request[t->request].top;
    p->token[t->index] = *said;
    if (k)
        memcpy(p->top + (size_t)t->index * k, top, k * sizeof *top);
    return --p->left > 0 || answer(w, t->request, e);
}

/* The targets of a block of rows: the first of each row in one call, any further one by itself. */
static bool read_block(walk *w, gn_mat logits, const target *t, size_t n, gn_error *e) {
    const size_t rows = (size_t)logits.rows;
    int top = 0;
    for (size_t i = 0; i < n; i++)
        top = w->request[t[i].request].top > top ? w->request[t[i].request].top : top;
    const size_t k = (size_t)top;
    int32_t *want = malloc(rows * sizeof *want);
    gn_logprob *said = malloc(rows * sizeof *said);
    gn_top *tops = malloc(rows * k * sizeof *tops + 1);
    bool ok = want && said && tops;
    if (!ok)
        no_memory(e);
    size_t row = 0;
    for (size_t i = 0; ok && i < n; i++)
        if (i == 0 || t[i].row != t[i - 1].row)
            want[row++] = w->request[t[i].request].token[t[i].index];
    ok = ok && gn_logprobs(w->g->device, said, tops, top, logits, want, e);
    row = 0;
    for (size_t i = 0; ok && i < n; i++) {
        if (i == 0 || t[i].row != t[i - 1].row) {
            ok = deliver(w, &t[i], &said[row], tops + row * k, e);
            row++;
            continue;
        }
        gn_mat one = logits;
        one.data += (row - 1) * (size_t)logits.stride;
        one.rows = 1;
        gn_logprob other;
        ok = gn_logprobs(w->g->device, &other, tops + (row - 1) * k, top, one,
                         &w->request[t[i].request].token[t[i].index], e) &&
             deliver(w, &t[i], &other, tops + (row - 1) * k, e);
    }
    free(want);
    free(said);
    free(tops);
    return ok;
}

static bool read_rows(walk *w, int rows, gn_error *e) {
    const int block = w->g->plan->max_logits;
    const target *t = w->target, *end = w->target + w->n_target;
    for (int at = 0; at < rows; at += block) {
        const int n = rows - at < block ? rows - at : block;
        const gn_mat m = gn_logits(&w->g->model, w->g->plan, at, n);
        const target *first = t;
        const int past = w->want[at + n - 1];
        while (t < end && t->row <= past)
            t++;
        if (!read_block(w, m, first, (size_t)(t - first), e))
            return false;
    }
    return true;
}

static bool step(walk *w, int most, gn_error *e) {
    int tokens, rows = 0;
    const int n = fill(w, most, &tokens, e);
    if (n == 0)
        return false;
    if (w->n_target > 0)
        qsort(w->target, w->n_target, sizeof *w->target, by_row);
    for (size_t i = 0; i < w->n_target; i++)
        if (i == 0 || w->target[i].row != w->target[i - 1].row)
            w->want[rows++] = w->target[i].row;

    gn_forward(&w->g->model, w->g->plan, GN_READ, w->feed, n, w->want, rows);
    w->stats.read += tokens;
    w->stats.steps++;
    item partial = {0};
    bool has_partial = false;
    for (int i = n - 1; i >= 0; i--)
        if (!settle(w, w->taken[i], &w->feed[i], &partial, &has_partial, e))
            return false;
    if (has_partial && !push(w, partial, e))
        return false;
    return read_rows(w, rows, e);
}

/* ---- the whole -------------------------------------------------------------- */

static bool prepare(walk *w, bool share, gn_error *e) {
    const size_t lanes = (size_t)w->g->plan->max_lanes, n = (size_t)w->n;
    w->sequence = calloc(n + 1, sizeof *w->sequence);
    w->pending = calloc(n + 1, sizeof *w->pending);
    w->taken = malloc(lanes * sizeof *w->taken);
    w->feed = malloc(lanes * sizeof *w->feed);
    w->want = malloc((size_t)w->g->plan->max_tokens * sizeof *w->want);
    if (!w->sequence || !w->pending || !w->taken || !w->feed || !w->want)
        return no_memory(e);
    for (int i = 0; i < w->n; i++)
        if (!check(w->g, &w->request[i], i, e) || !copy_request(w, i, e))
            return false;
    if (!gn_trie_build(&w->trie, w->sequence, w->n, share, e) || !note_passes(w, e))
        return false;

    int64_t longest = 1; /* of the states that are kept */
    for (int k = 0; k < w->trie.count; k++)
        if (w->trie.node[k].children && w->trie.node[k].end > longest)
            longest = w->trie.node[k].end;
    const size_t states = w->g->state_mem / gn_engine_state_bytes(w->g, longest);
    w->max_states = states > (size_t)w->trie.count ? w->trie.count : (int)states;
    w->holder = calloc((size_t)w->trie.count + 1, sizeof *w->holder);
    w->spare = malloc(((size_t)w->trie.count + 2) * sizeof(gn_state *));
    return (w->holder && w->spare) || no_memory(e);
}

static void finish(walk *w) {
    for (size_t i = 0; i < w->depth; i++)
        gn_state_free(w->stack[i].own);
    for (int k = 0; w->holder && k < w->trie.count; k++)
        gn_state_free(w->holder[k].state);
    for (int k = 0; k < w->n_spare; k++)
        gn_state_free(w->spare[k]);
    for (int i = 0; i < w->n; i++) {
        if (w->sequence)
            free((int32_t *)w->sequence[i].id);
        if (w->pending) {
            free(w->pending[i].token);
            free(w->pending[i].top);
        }
    }
    gn_trie_release(&w->trie);
    free(w->sequence);
    free(w->pending);
    free(w->pass);
    free(w->pass_of);
    free(w->holder);
    free(w->stack);
    free(w->spare);
    free(w->taken);
    free(w->feed);
    free(w->want);
    free(w->target);
}

bool gn_score(gn_engine *g, const gn_score_request *request, int n, bool share,
              const gn_score_hooks *h, gn_score_stats *stats, gn_error *e) {
    walk w = {.g = g, .request = request, .h = h, .n = n, .trie = {.root = -1}};
    const double began = gn_seconds();
    bool ok = prepare(&w, share, e) && push_siblings(&w, w.trie.root, -1, 0, e);
    for (int i = 0; ok && i < n; i++)
        if (request[i].n_token == 0)
            ok = answer(&w, i, e);
    while (ok && w.depth > 0) {
        ok = step(&w, g->plan->max_tokens, e);
        if (ok && h && h->go_on && !h->go_on(h->user, w.stats.read, w.stats.asked))
            ok = gn_fail(e, GN_CANCELLED, "scoring was stopped");
    }
    w.stats.seconds = gn_seconds() - began;
    if (stats)
        *stats = w.stats;
    finish(&w);
    return ok;
}
