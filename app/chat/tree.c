/* tree.c - see tree.h.
 *
 * Turns are numbered so that a parent comes before its children; what hangs from a
 * turn is a list threaded through them. The walk keeps its own stack: conversations are
 * deeper than a C stack should be.
 */
#include "app/chat/tree.h"

#include <stdio.h>
#include <stdlib.h>

void gn_tree_release(gn_tree *t) {
    free(t->row);
    gn_str_release(&t->graph);
    *t = (gn_tree){0};
}

const char *gn_tree_graph(const gn_tree *t, const gn_tree_row *r) {
    return gn_str_text(&t->graph) + r->prefix;
}

const char *gn_tree_who(gn_role role) {
    return role == GN_ROLE_USER ? "you" : role == GN_ROLE_MODEL ? "model" : gn_role_name(role);
}

void gn_tree_label(const gn_tree_row *r, char out[16]) {
    char number[12] = {r->lead};
    if (r->number > 0)
        snprintf(number, sizeof number, "%d", r->number);
    if (r->sibling < 3)
        snprintf(out, 16, "%s%s", number, &"\0\0'\0\"\0"[r->sibling * 2]);
    else
        snprintf(out, 16, "%.8s'%d", number, r->sibling % 10000 + 1);
}

ptrdiff_t gn_tree_find(const gn_tree *t, int64_t id) {
    for (size_t i = 0; i < t->count; i++)
        if (t->row[i].id == id)
            return (ptrdiff_t)i;
    return -1;
}

/* A turn that is still to be drawn, and what stands to its left. */
typedef struct pending {
    int64_t id;
    int number, sibling, of;
    size_t graph; /* its line so far, in the builder's text */
} pending;

typedef struct builder {
    const gn_transcript *turns;
    gn_tree *tree;
    int64_t *first, *next; /* [count] children by turn; -1 ends a list */
    int64_t first_root;
    pending *stack;
    size_t depth, room;
    gn_str left; /* prefixes of what is pending */
} builder;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "tree: out of memory"); }

/* Thread the children's lists, oldest first. */
static bool thread(builder *b, const gn_transcript *turns, int64_t only, gn_error *e) {
    bool *shown = calloc(turns->count + 1, sizeof *shown);
    b->first = malloc((turns->count + 1) * sizeof *b->first);
    b->next = malloc((turns->count + 1) * sizeof *b->next);
    if (!shown || !b->first || !b->next) {
        free(shown);
        return no_memory(e);
    }
    for (size_t i = 0; i < turns->count; i++) {
        shown[i] = only < 0;
        b->first[i] = -1;
    }
    for (int64_t at = only; at >= 0 && (size_t)at < turns->count; at = turns->turn[at]->parent)
        shown[at] = true;
    b->first_root = -1;
    for (size_t i = turns->count; i-- > 0;) {
        if (!shown[i] || turns->turn[i]->parent < -1)
            continue;
        int64_t *head =
            turns->turn[i]->parent < 0 ? &b->first_root : &b->first[turns->turn[i]->parent];
        b->next[i] = *head;
        *head = (int64_t)i;
    }
    free(shown);
    return true;
}

/* The children of a turn, last on top of the stack is the first to be drawn. */
static bool push_all(builder *b, int64_t first, const char *left, int number, gn_error *e) {
    int of = 0;
    for (int64_t i = first; i >= 0; i = b->next[i])
        of++;
    if (!gn_vec_reserve(&b->stack, &b->room, b->depth + (size_t)of, sizeof *b->stack))
        return no_memory(e);
    int k = 0;
    for (int64_t i = first; i >= 0; i = b->next[i], k++) {
        const bool leads = gn_role_leads(b->turns->turn[i]->role);
        b->stack[b->depth + (size_t)(of - 1 - k)] =
            (pending){i, leads ? 0 : number + 1, k, of, b->left.len};
    }
    gn_str_puts(&b->left, left); /* what all of them have to their left */
    gn_str_putc(&b->left, '\0');
    b->depth += (size_t)of;
    return !b->left.failed || no_memory(e);
}

static bool draw(builder *b, const pending *p, gn_error *e) {
    gn_tree *t = b->tree;
    gn_str below = {0};
    if (!gn_vec_reserve(&t->row, &t->room, t->count + 1, sizeof *t->row))
        return no_memory(e);
    const char *left = b->left.data + p->graph;
    const gn_role role = b->turns->turn[p->id]->role;
    const char lead = role == GN_ROLE_TOOLS ? 'T' : role == GN_ROLE_DOCUMENT ? 'D' : 'S';
    t->row[t->count++] = (gn_tree_row){p->id, p->number, lead, p->sibling, p->of, t->graph.len};
    const bool last = p->sibling + 1 == p->of;
    gn_str_fmt(&t->graph, "%s%s", left, p->of < 2 ? "" : last ? "`-" : "|-");
    gn_str_putc(&t->graph, '\0');
    gn_str_fmt(&below, "%s%s", left, p->of < 2 ? "" : last ? "  " : "| ");
    /* Nothing that is pending lies above this one's text any more. */
    gn_str_cut(&b->left, p->graph + strlen(left) + 1);
    const bool ok = !below.failed && !t->graph.failed
                        ? push_all(b, b->first[p->id], gn_str_text(&below), p->number, e)
                        : no_memory(e);
    gn_str_release(&below);
    return ok;
}

bool gn_tree_build(gn_tree *t, const gn_transcript *turns, int64_t only, gn_error *e) {
    builder b = {.turns = turns, .tree = t};
    gn_tree_release(t);
    bool ok = thread(&b, turns, only, e) && push_all(&b, b.first_root, "", 0, e);
    while (ok && b.depth > 0) {
        const pending p = b.stack[--b.depth];
        ok = draw(&b, &p, e);
    }
    free(b.first);
    free(b.next);
    free(b.stack);
    gn_str_release(&b.left);
    return ok;
}
