/* transcript.c - see transcript.h. */
#include "app/chat/transcript.h"

#include <stdlib.h>

const char *gn_role_name(gn_role r) {
    static const char *const name[] = {"system", "user", "assistant", "tool", "tools", "document"};
    return name[r];
}

void gn_transcript_release(gn_transcript *t) {
    for (size_t i = 0; i < t->count; i++) {
        gn_str_release(&t->turn[i]->text);
        gn_tokens_release(&t->turn[i]->made);
        gn_ids_release(&t->turn[i]->ids);
        free(t->turn[i]);
    }
    free(t->turn);
    gn_ids_release(&t->undone);
    *t = (gn_transcript){.head = -1};
}

gn_turn *gn_transcript_turn(const gn_transcript *t, int64_t id) {
    return id >= 0 && (size_t)id < t->count ? t->turn[id] : NULL;
}

gn_turn *gn_transcript_placed(const gn_transcript *t, int64_t id) {
    gn_turn *turn = gn_transcript_turn(t, id);
    return turn && turn->parent < -1 ? gn_transcript_turn(t, turn->twin) : turn;
}

gn_turn *gn_transcript_child(const gn_transcript *t, int64_t parent, gn_role role, gn_slice text) {
    for (size_t i = 0; i < t->count; i++)
        if (t->turn[i]->parent == parent && t->turn[i]->role == role &&
            gn_slice_equal(gn_str_slice(&t->turn[i]->text), text))
            return t->turn[i];
    return NULL;
}

void gn_changes_add(gn_changes *c, int64_t at, const gn_sampling *how) {
    if (c->n < GN_CHANGES) {
        c->of[c->n].at = at;
        c->of[c->n].how = *how;
    }
    c->n += c->n <= GN_CHANGES;
}

gn_turn *gn_transcript_add(gn_transcript *t, int64_t parent, gn_role role, gn_slice text) {
    gn_turn *turn = calloc(1, sizeof *turn);
    if (!turn || !gn_vec_reserve(&t->turn, &t->room, t->count + 1, sizeof(gn_turn *))) {
        free(turn);
        return NULL;
    }
    gn_str_add(&turn->text, text);
    if (turn->text.failed) {
        gn_str_release(&turn->text);
        free(turn);
        return NULL;
    }
    turn->id = (int64_t)t->count;
    turn->parent = parent;
    turn->role = role;
    turn->complete = role != GN_ROLE_MODEL;
    t->turn[t->count++] = turn;
    t->head = turn->id;
    t->undone.count = 0;
    return turn;
}

gn_turn *gn_transcript_say(gn_transcript *t, int64_t parent, gn_role role, gn_slice text) {
    gn_turn *turn = gn_transcript_child(t, parent, role, text);
    if (!turn)
        return gn_transcript_add(t, parent, role, text);
    t->head = turn->id;
    t->undone.count = 0;
    return turn;
}

bool gn_transcript_path(const gn_transcript *t, int64_t id, gn_ids *out) {
    const size_t first = out->count;
    for (const gn_turn *turn; (turn = gn_transcript_turn(t, id)); id = turn->parent)
        if (!gn_ids_add(out, (int32_t)id))
            return false;
    for (size_t i = first, k = out->count; i + 1 < k; i++) {
        const int32_t swap = out->id[i];
        out->id[i] = out->id[--k];
        out->id[k] = swap;
    }
    return true;
}

bool gn_transcript_ids(const gn_transcript *t, int64_t id, gn_ids *out) {
    gn_ids path = {0};
    bool ok = gn_transcript_path(t, id, &path);
    for (size_t i = 0; ok && i < path.count; i++) {
        const gn_ids *ids = &t->turn[path.id[i]]->ids;
        ok = gn_ids_append(out, ids->id, ids->count);
    }
    gn_ids_release(&path);
    return ok;
}

int gn_transcript_sibling(const gn_transcript *t, int64_t id, int *of) {
    const gn_turn *turn = gn_transcript_turn(t, id);
    int which = 0;
    *of = 0;
    for (size_t i = 0; turn && i < t->count; i++)
        if (t->turn[i]->parent == turn->parent && t->turn[i]->role == turn->role) {
            which = (int64_t)i < id ? which + 1 : which;
            ++*of;
        }
    return which;
}

gn_turn *gn_transcript_twin(const gn_transcript *t, int64_t id) {
    const gn_turn *turn = gn_transcript_turn(t, id);
    for (int64_t i = 0; turn && i < id; i++) {
        gn_turn *other = t->turn[i];
        if (other->parent == turn->parent && other->role == turn->role && other->complete &&
            other->ids.count == turn->ids.count && turn->ids.count > 0 &&
            memcmp(other->ids.id, turn->ids.id, turn->ids.count * sizeof *turn->ids.id) == 0 &&
            gn_slice_equal(gn_str_slice(&other->text), gn_str_slice(&turn->text)))
            return other;
    }
    return NULL;
}

void gn_transcript_merge(gn_transcript *t, int64_t id, gn_turn *twin) {
    gn_turn *turn = gn_transcript_turn(t, id);
    twin->stop = turn->stop;
    twin->reused = turn->reused;
    twin->read = turn->read;
    twin->tokens = turn->tokens;
    twin->begun = turn->begun;
    twin->prompt_s = turn->prompt_s;
    twin->generate_s = turn->generate_s;
    twin->first_s = turn->first_s;
    twin->how = turn->how;
    twin->chosen = turn->chosen;
    twin->changes = turn->changes;
    twin->edited = twin->imported = false; /* the model says so, too */
    if (turn->stored && !twin->stored) {
        memcpy(twin->hash, turn->hash, sizeof twin->hash);
        twin->stored = true;
    }
    twin->held = turn->held > twin->held ? turn->held : twin->held;
    if (turn->made.count > 0) {
        gn_tokens_release(&twin->made);
        twin->made = turn->made;
        turn->made = (gn_tokens){0};
    }
    t->merged++;
    turn->twin = twin->id;
    turn->parent = -2;
    turn->stored = false; /* the row is the twin's */
    memset(turn->hash, 0, sizeof turn->hash);
    if (t->head == id)
        t->head = twin->id;
}

int64_t gn_transcript_leaf(const gn_transcript *t, int64_t id) {
    for (size_t i = t->count; i-- > 0 && (int64_t)i > id;)
        if (t->turn[i]->parent == id)
            return gn_transcript_leaf(t, (int64_t)i);
    return id;
}

int64_t gn_transcript_step(const gn_transcript *t, int64_t id, int by) {
    const gn_turn *turn = gn_transcript_turn(t, id);
    int64_t found = -1;
    for (size_t i = 0; turn && i < t->count; i++) {
        const gn_turn *other = t->turn[i];
        if (other->parent != turn->parent || other->role != turn->role || other->id == id)
            continue;
        if (by < 0 && other->id < id)
            found = other->id;
        if (by > 0 && other->id > id)
            return gn_transcript_leaf(t, other->id);
    }
    return found < 0 ? -1 : gn_transcript_leaf(t, found);
}

int gn_transcript_branches(const gn_transcript *t) {
    int leaves = 0;
    bool *inner = calloc(t->count + 1, sizeof *inner);
    for (size_t i = 0; inner && i < t->count; i++)
        if (t->turn[i]->parent >= 0)
            inner[t->turn[i]->parent] = true;
    for (size_t i = 0; inner && i < t->count; i++)
        leaves += !inner[i] && t->turn[i]->parent >= -1;
    free(inner);
    return leaves;
}

bool gn_transcript_undo(gn_transcript *t) {
    const gn_turn *turn = gn_transcript_turn(t, t->head);
    while (turn && !gn_role_asks(turn->role))
        turn = gn_transcript_turn(t, turn->parent);
    if (!turn || !gn_ids_add(&t->undone, (int32_t)t->head))
        return false;
    t->head = turn->parent;
    return true;
}

bool gn_transcript_redo(gn_transcript *t) {
    if (t->undone.count == 0)
        return false;
    t->head = t->undone.id[--t->undone.count];
    return true;
}

static const gn_turn *copy_below(gn_transcript *t, const gn_turn *parent, const gn_turn *old) {
    gn_turn *copy = gn_transcript_add(t, parent->id, old->role, gn_str_slice(&old->text));
    if (copy) {
        copy->complete = true;
        copy->stop = old->stop;
        copy->tokens = old->tokens;
        copy->edited = old->edited;
        copy->imported = old->imported;
        copy->fragment = old->fragment;
        copy->likely = old->ids.count ? (int64_t)old->ids.count : old->likely;
    }
    return copy;
}

bool gn_transcript_reroot(gn_transcript *t, gn_slice system) {
    return gn_transcript_part(t, t->head, system, NULL);
}

bool gn_transcript_part(gn_transcript *t, int64_t tip, gn_slice system, const bool *drop) {
    gn_ids path = {0};
    bool ok = gn_transcript_path(t, tip, &path);
    const gn_turn *last = ok ? gn_transcript_add(t, -1, GN_ROLE_SYSTEM, system) : NULL;
    for (size_t i = 1; last && i < path.count; i++)
        if (!drop || !drop[i])
            last = copy_below(t, last, t->turn[path.id[i]]);
    gn_ids_release(&path);
    return last != NULL;
}

bool gn_transcript_lead(gn_transcript *t, gn_role role, gn_slice text) {
    gn_ids path = {0};
    size_t i = 1;
    const bool ok = gn_transcript_path(t, t->head, &path) && path.count > 0;
    const gn_turn *root = ok ? t->turn[path.id[0]] : NULL,
                  *last = ok ? gn_transcript_add(t, -1, GN_ROLE_SYSTEM, gn_str_slice(&root->text))
                             : NULL;
    for (; last && i < path.count && gn_role_leads(t->turn[path.id[i]]->role); i++)
        if (role != GN_ROLE_TOOLS || t->turn[path.id[i]]->role != role)
            last = copy_below(t, last, t->turn[path.id[i]]);
    if (last && text.len > 0)
        last = gn_transcript_add(t, last->id, role, text);
    for (; last && i < path.count; i++)
        last = copy_below(t, last, t->turn[path.id[i]]);
    gn_ids_release(&path);
    return last != NULL;
}

gn_going gn_transcript_cost(const gn_transcript *t, int64_t id) {
    gn_going out = {GN_HELD_NOT, 0};
    for (const gn_turn *turn; (turn = gn_transcript_turn(t, id)); id = turn->parent) {
        if (turn->held != GN_HELD_NOT) {
            out.from = turn->held;
            return out;
        }
        if (turn->ids.count == 0 && (turn->role != GN_ROLE_SYSTEM || turn->text.len > 0))
            out.tokens = -1;
        else if (out.tokens >= 0)
            out.tokens += (int64_t)turn->ids.count;
    }
    return out;
}

void gn_going_text(gn_going g, gn_str *out) {
    static const char *const where[] = {"", "state on disk", "state in memory"};
    gn_str_puts(out, where[g.from]);
    if (g.from != GN_HELD_NOT && g.tokens != 0)
        gn_str_puts(out, ", ");
    if (g.tokens < 0)
        gn_str_puts(out, "to be read again");
    else if (g.tokens > 0 || g.from == GN_HELD_NOT)
        gn_str_fmt(out, "%lld token%s to read", (long long)g.tokens, g.tokens == 1 ? "" : "s");
}

static bool add_once(gn_ids *out, size_t first, int64_t id) {
    for (size_t i = first; i < out->count; i++)
        if (out->id[i] == id)
            return true;
    return gn_ids_add(out, (int32_t)id);
}

bool gn_transcript_keep(const gn_transcript *t, gn_ids *out) {
    enum { BRANCHES = 16 }; /* most others that are thought of */
    gn_ids path = {0};
    const size_t first = out->count;
    bool ok = gn_transcript_path(t, t->head, &path);
    if (path.count > 0)
        ok = ok && add_once(out, first, path.id[path.count - 1]);
    if (path.count > 1 && gn_role_asks(t->turn[path.id[path.count - 2]]->role))
        ok = ok && add_once(out, first, path.id[path.count - 2]);
    for (size_t i = t->count; ok && i-- > 0;)
        if (t->turn[i]->pinned && t->turn[i]->parent >= -1)
            ok = add_once(out, first, (int64_t)i);
    size_t next = 1, back = 0;
    for (size_t i = path.count; ok && i-- > 0;)
        if (t->turn[path.id[i]]->role == GN_ROLE_MODEL && i + 1 < path.count && ++back == next) {
            ok = add_once(out, first, path.id[i]);
            next *= 2;
        }
    size_t leads = 0; /* what stands in front: other conversations begin with it */
    while (leads < path.count && gn_role_leads(t->turn[path.id[leads]]->role))
        leads++;
    if (leads > 0)
        ok = ok && add_once(out, first, path.id[leads - 1]);
    bool *inner = calloc(t->count + 1, sizeof *inner);
    ok = ok && inner;
    for (size_t i = 0; ok && i < t->count; i++)
        if (t->turn[i]->parent >= 0)
            inner[t->turn[i]->parent] = true;
    int others = 0;
    for (size_t i = t->count; ok && others < BRANCHES && i-- > 0;)
        if (!inner[i] && t->turn[i]->parent >= 0 && t->turn[i]->role == GN_ROLE_MODEL &&
            (int64_t)i != t->head) {
            ok = add_once(out, first, (int64_t)i);
            others++;
        }
    free(inner);
    gn_ids_release(&path);
    return ok;
}

void gn_transcript_forget(gn_transcript *t, size_t budget, int64_t but) {
    size_t sum = 0;
    for (size_t i = 0; i < t->count; i++)
        sum += gn_tokens_bytes(&t->turn[i]->made);
    for (size_t i = 0; sum > budget && i < t->count; i++) {
        if (t->turn[i]->id == but)
            continue;
        sum -= gn_tokens_bytes(&t->turn[i]->made);
        gn_tokens_release(&t->turn[i]->made);
    }
}
