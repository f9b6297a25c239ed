/* keep.c - see keep.h. */
#include "app/tui/keep.h"

#include "app/chat/conversations.h"

#include <stdio.h>
#include <stdlib.h>

bool gn_keep_init(gn_keep *k, gn_history *h, const char *folder, size_t room, gn_error *e) {
    *k = (gn_keep){.history = h, .room = room};
    return !h || gn_statecache_folder(&k->folder, folder, e);
}

void gn_keep_release(gn_keep *k) {
    if (k->history && k->record.id[0])
        gn_history_unlock(k->history, k->record.id);
    gn_str_release(&k->name);
    gn_str_release(&k->origin);
    gn_str_release(&k->folder);
    gn_str_release(&k->numerics);
    free(k->branch);
    *k = (gn_keep){0};
}

bool gn_keep_is_on(const gn_keep *k) { return k->history && !k->off; }
bool gn_keep_has_session(const gn_keep *k) { return k->history && k->record.id[0]; }

/* What failed is tried again with the next message, and said until then. */
static bool note_trouble(gn_keep *k, bool ok, const gn_error *e) {
    k->trouble = ok ? (gn_error){0} : *e;
    return ok;
}

void gn_keep_names(gn_keep *k) {
    gn_error e = {0};
    gn_session_info info;
    if (!gn_keep_has_session(k))
        return;
    free(k->branch);
    k->branch = NULL;
    k->n_branch = 0;
    k->on = NULL;
    gn_history_branches(k->history, k->record.id, &k->branch, &k->n_branch, &e);
    gn_str_cut(&k->name, 0);
    if (gn_history_info(k->history, k->record.id, &info, &e))
        gn_str_add(&k->name, gn_str_slice(&info.name));
    gn_session_info_release(&info);
}

/* ---- opening ------------------------------------------------------------ */

static bool lock(gn_keep *k, const char *id, gn_error *e) {
    long pid = 0;
    char who[32] = "";
    if (gn_history_lock(k->history, id, &pid, e))
        return true;
    if (e->code != GN_OK)
        return false;
    if (pid)
        snprintf(who, sizeof who, " (process %ld)", pid);
    return gn_fail(e, GN_CANCELLED,
                   "session %s is open in another gneiss%s; go on there, or in a session of your "
                   "own that begins like it: gneiss chat --fork %s",
                   id, who, id);
}

/* Of the session's own checkpoint: the tokenizer's sha in hex and its name. */
static bool made_with(gn_keep *k, gn_str *tokenizer, gn_str *name, gn_error *e) {
    bool row = false;
    gn_statement *q = gn_sql_prepare(gn_history_sql(k->history),
                                     "SELECT tokenizer_sha, name FROM checkpoint WHERE id = ?", e);
    if (!q)
        return false;
    gn_bind_int(q, 1, k->record.checkpoint);
    const bool ok = gn_sql_step(q, &row, e);
    if (ok && row) {
        gn_str_add(tokenizer, gn_column_text(q, 0));
        gn_str_add(name, gn_column_text(q, 1));
    }
    gn_sql_reset(q);
    return ok && gn_str_ok(tokenizer, e) && gn_str_ok(name, e);
}

/* Tokens of another vocabulary say nothing to this model. */
static void forget_tokens(gn_transcript *t) {
    for (size_t i = 0; i < t->count; i++) {
        t->turn[i]->ids.count = 0;
        t->turn[i]->stored = false;
        memset(t->turn[i]->hash, 0, sizeof t->turn[i]->hash);
    }
}

/* A session that was held with another model goes on with this one. */
static bool settle(gn_keep *k, gn_transcript *t, gn_str *note, gn_error *e) {
    gn_str tokenizer = {0}, name = {0};
    char own[GN_SHA256_HEX];
    bool ok = true;
    gn_hex(k->record.tokenizer, sizeof k->record.tokenizer, own);
    if (k->record.id[0] && k->record.checkpoint != k->checkpoint) {
        gn_ids ids = {0};
        ok = made_with(k, &tokenizer, &name, e) && gn_transcript_ids(t, t->head, &ids);
        const bool same = gn_slice_is(gn_str_slice(&tokenizer), own);
        if (ok)
            gn_str_fmt(note, "this conversation was held with %s; its %zu tokens are read %s\n",
                       gn_str_text(&name), ids.count,
                       same ? "again" : "anew, in the vocabulary of this model");
        if (ok && !same)
            forget_tokens(t);
        gn_ids_release(&ids);
    }
    k->record.checkpoint = k->checkpoint;
    gn_str_release(&tokenizer);
    gn_str_release(&name);
    return ok && (!k->record.id[0] ||
                  gn_history_states(k->history, k->record.id, k->checkpoint,
                                    gn_str_text(&k->numerics), gn_str_text(&k->folder), t, e));
}

/* Replies of which nothing is known are another program's, if the session is. */
static bool mark_imported(gn_keep *k, gn_transcript *t, gn_error *e) {
    gn_str_cut(&k->origin, 0);
    if (k->record.id[0] &&
        !gn_conversations_origin(gn_history_store(k->history), k->record.id, &k->origin, e))
        return false;
    for (size_t i = 0; i < t->count; i++)
        t->turn[i]->imported = t->turn[i]->edited && k->origin.len > 0;
    return true;
}

bool gn_keep_open(gn_keep *k, const char *id, gn_transcript *t, gn_str *note, gn_error *e) {
    gn_transcript turns = {.head = -1};
    gn_record r = {.build = k->record.build};
    memcpy(r.tokenizer, k->record.tokenizer, sizeof r.tokenizer);
    const bool same = strcmp(k->record.id, id) == 0;
    if (id[0] && !same && !lock(k, id, e))
        return false;
    if (id[0] && (!gn_history_load(k->history, id, &turns, &r, e) ||
                  !gn_history_states(k->history, id, 0, "", gn_str_text(&k->folder), &turns, e))) {
        gn_transcript_release(&turns);
        if (!same)
            gn_history_unlock(k->history, id);
        return false;
    }
    if (k->record.id[0] && !same)
        gn_history_unlock(k->history, k->record.id);
    gn_transcript_release(t);
    *t = turns;
    k->record = r;
    k->trouble = (gn_error){0};
    k->conversation++;
    free(k->branch);
    k->branch = NULL;
    k->n_branch = 0;
    k->on = NULL;
    gn_str_cut(&k->name, 0);
    gn_keep_names(k);
    return mark_imported(k, t, e) && (!k->known || settle(k, t, note, e));
}

bool gn_keep_opened(gn_keep *k, const gn_origin *o, gn_transcript *t, gn_str *note, gn_error *e) {
    if (!k->history)
        return true;
    if (!o)
        return gn_fail(e, GN_IO, "the conversation is not kept: the checkpoint has no fingerprint");
    gn_store *s = gn_history_store(k->history);
    k->checkpoint = gn_store_origin(s, o, e);
    k->record.build = k->checkpoint ? gn_store_origin_build(s, o, e) : 0;
    if (!k->record.build)
        return false;
    memcpy(k->record.tokenizer, o->tokenizer, sizeof k->record.tokenizer);
    gn_str_cut(&k->numerics, 0);
    gn_str_puts(&k->numerics, o->numerics);
    if (!k->known && !gn_history_states_adopt(k->history, gn_str_text(&k->folder), e))
        return false;
    k->known = true;
    return settle(k, t, note, e);
}

/* ---- messages ----------------------------------------------------------- */

static void keep(gn_keep *k, gn_transcript *t, int64_t id, const gn_reply *reply) {
    gn_error e = {0};
    const bool first = !k->record.id[0];
    if (!gn_keep_is_on(k) || !k->known)
        return;
    const bool ok = gn_history_keep(k->history, &k->record, t, id, reply, &e);
    note_trouble(k, ok, &e);
    if (ok && first) {
        long pid;
        gn_history_lock(k->history, k->record.id, &pid, &e); /* its id is a moment old */
    }
    if (ok)
        gn_keep_names(k);
}

void gn_keep_heard(gn_keep *k, const gn_event *ev, gn_transcript *t) {
    bool other = false;
    int64_t last = -1;
    for (size_t i = 0; i < ev->n_heard; i++) {
        gn_turn *turn = gn_transcript_turn(t, ev->heard[i].id);
        const gn_ids *ids = &ev->heard[i].ids;
        if (!turn)
            return;
        last = turn->id;
        if (turn->ids.count != ids->count ||
            (ids->count && memcmp(turn->ids.id, ids->id, ids->count * sizeof *ids->id) != 0)) {
            /* Read as other tokens than before, all that comes after is another message. */
            other = other || turn->stored;
            turn->ids.count = 0;
            if (!gn_ids_append(&turn->ids, ids->id, ids->count))
                return;
        }
        if (other)
            turn->stored = false;
    }
    if (last >= 0)
        keep(k, t, last, NULL);
}

void gn_keep_answered(gn_keep *k, const gn_event *ev, gn_transcript *t, int64_t limit) {
    gn_turn *turn = gn_transcript_turn(t, ev->answer);
    const gn_reply reply = {.limit = limit};
    if (!turn)
        return;
    turn->ids.count = 0;
    if (!gn_ids_append(&turn->ids, ev->ids.id, ev->ids.count))
        return;
    gn_keep_held(&ev->held, t);
    keep(k, t, turn->id, &reply);
}

void gn_keep_typed(gn_keep *k, gn_transcript *t, int64_t id) { keep(k, t, id, NULL); }

void gn_keep_head(gn_keep *k, const gn_transcript *t) {
    gn_error e = {0};
    const gn_turn *turn = gn_transcript_turn(t, t->head);
    while (turn && !turn->stored)
        turn = gn_transcript_turn(t, turn->parent);
    /* Where nothing of the new way is stored yet, the old one is where one comes back to. */
    if (gn_keep_is_on(k) && k->record.id[0] && (turn || t->head < 0))
        note_trouble(
            k, gn_history_head(k->history, &k->record, t, turn ? turn->id : (int64_t)-1, &e), &e);
}

/* ---- states ------------------------------------------------------------- */

void gn_keep_held(const gn_ids *held, gn_transcript *t) {
    for (size_t i = 0; i < t->count; i++)
        t->turn[i]->held = t->turn[i]->on_disk ? GN_HELD_DISK : GN_HELD_NOT;
    for (size_t i = 0; i < held->count; i++) {
        gn_turn *turn = gn_transcript_turn(t, held->id[i]);
        if (turn)
            turn->held = GN_HELD_MEMORY;
    }
}

static void set_on_disk(gn_turn *turn, bool on_disk) {
    turn->on_disk = on_disk;
    if (turn->held != GN_HELD_MEMORY)
        turn->held = on_disk ? GN_HELD_DISK : GN_HELD_NOT;
}

bool gn_keep_row(const gn_keep *k, const gn_transcript *t, int64_t id, gn_state_row *row) {
    gn_ids ids = {0};
    const bool ok = gn_transcript_ids(t, id, &ids) && ids.count > 0;
    *row =
        (gn_state_row){.checkpoint = k->record.checkpoint, .numerics = gn_str_text(&k->numerics)};
    if (ok)
        gn_sha256_of(ids.id, ids.count * sizeof *ids.id, row->prefix);
    gn_ids_release(&ids);
    return ok;
}

static bool saved(gn_keep *k, const gn_state_row *row, gn_transcript *t, gn_error *e) {
    size_t freed = 0;
    return gn_history_state(k->history, row, e) &&
           gn_history_states_trim(k->history, gn_str_text(&k->folder), k->room, &freed, e) &&
           (freed == 0 || !k->record.id[0] ||
            gn_history_states(k->history, k->record.id, k->record.checkpoint,
                              gn_str_text(&k->numerics), gn_str_text(&k->folder), t, e));
}

void gn_keep_state(gn_keep *k, const gn_state_told *told, gn_transcript *t, gn_str *note) {
    gn_error e = {0};
    const bool here = told->turn >= 0 && told->turn >> GN_TURN_BITS == k->conversation;
    gn_turn *turn = here ? gn_transcript_placed(t, told->turn & GN_TURN_MASK) : NULL;
    gn_state_row row = {.checkpoint = k->record.checkpoint,
                        .n_tokens = told->n_tokens,
                        .n_bytes = told->n_bytes,
                        .numerics = gn_str_text(&k->numerics),
                        .message = turn && turn->stored ? turn->hash : NULL,
                        .path = told->path,
                        .reason = told->pinned && turn && turn->fragment ? "fragment"
                                  : told->pinned                         ? "pin"
                                                                         : "turn",
                        .pinned = told->pinned};
    bool ok = true;
    memcpy(row.prefix, told->prefix, sizeof row.prefix);
    if (!k->history || !k->known)
        return;
    switch (told->news) {
    case GN_STATE_SAVED:
        if (turn) {
            set_on_disk(turn, true);
            turn->pinned = turn->pinned || told->pinned;
        }
        ok = saved(k, &row, t, &e);
        break;
    case GN_STATE_USED:
        ok = gn_history_state(k->history, &row, &e) && gn_history_state_used(k->history, &row, &e);
        break;
    case GN_STATE_DAMAGED:
        if (turn)
            set_on_disk(turn, false);
        ok = gn_history_state_gone(k->history, &row, &e);
        gn_str_fmt(note,
                   "a saved state was no good and is deleted, its tokens are read again: %s\n",
                   told->error.message);
        break;
    case GN_STATE_REFUSED:
        if (!k->refused)
            gn_str_fmt(note, "the state is not saved, which costs time later: %s\n",
                       told->error.message);
        k->refused = true;
        break;
    }
    if (!ok && !k->refused) {
        gn_str_fmt(note, "%s\n", e.message);
        k->refused = true;
    }
}

/* ---- names -------------------------------------------------------------- */

static bool is_below(const gn_transcript *t, int64_t id, int64_t above) {
    for (const gn_turn *turn; (turn = gn_transcript_turn(t, id)); id = turn->parent)
        if (id == above)
            return true;
    return false;
}

/* Asked for with every frame: looked for when something has changed. */
const char *gn_keep_branch(gn_keep *k, const gn_transcript *t) {
    const gn_turn *head = gn_transcript_turn(t, t->head);
    if (k->on && k->on_head == t->head && k->on_count == t->count)
        return k->on;
    k->on = "";
    k->on_head = t->head;
    k->on_count = t->count;
    while (head && !head->stored)
        head = gn_transcript_turn(t, head->parent);
    for (int i = 0; head && i < k->n_branch; i++) {
        const int64_t tip = gn_history_turn(t, k->branch[i].tip);
        if (is_below(t, tip, head->id) &&
            (!k->on[0] || strcmp(k->branch[i].name, k->record.branch) == 0))
            k->on = k->branch[i].name;
    }
    return k->on;
}
