/* view_sessions.c - conversations and the tree of one (F2): found, opened, forked, put away.
 *
 * The list is rows of chats.db, counted as far as they are shown. The tree is the chat's
 * own conversation, or a stored one, loaded when the cursor comes to it. What is done with
 * either the chat does: this view knows it as gn_sessions_host.
 */
#include "app/tui/sessions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

size_t gn_sessions_count(const gn_sessions *v) { return v->list.count + v->own; }

gn_conversations_row *gn_sessions_row(const gn_sessions *v, size_t i) {
    return i >= v->own && i - v->own < v->list.count ? &v->list.row[i - v->own] : NULL;
}

const gn_turn *gn_sessions_turn(const gn_sessions *v) {
    return v->node.at < v->tree.count ? v->turns->turn[v->tree.row[v->node.at].id] : NULL;
}

static bool failed(gn_tui *t, const gn_error *e) {
    gn_tui_note(t, GN_STYLE_ERROR, "%s", e->message);
    return false;
}

/* ---- what is shown --------------------------------------------------------------- */

/* The tree anew, the cursor on the same turn if it is still there; else on the head. */
static void plant(gn_sessions *v, gn_tui *t, int64_t on) {
    gn_error e = {0};
    if (!gn_tree_build(&v->tree, v->turns, -1, &e))
        failed(t, &e);
    v->made_of = v->turns->count + v->turns->merged;
    const ptrdiff_t at = gn_tree_find(&v->tree, on >= 0 ? on : v->turns->head);
    v->node.at = at < 0 ? 0 : (size_t)at;
}

static bool load_other(gn_sessions *v, gn_tui *t, const char *id) {
    gn_record none = {0};
    gn_error e = {0};
    gn_str origin = {0};
    gn_session_info info = {0};
    gn_history *h = v->host.history;
    v->other = (gn_transcript){.head = -1};
    bool ok = gn_history_load(h, id, &v->other, &none, &e) && gn_history_info(h, id, &info, &e) &&
              gn_conversations_origin(gn_history_store(h), id, &origin, &e);
    if (ok && v->host.folder)
        ok = gn_history_states(h, id, 0, v->host.numerics, v->host.folder, &v->other, &e);
    v->imported = origin.len > 0;
    gn_str_release(&origin);
    gn_session_info_release(&info);
    return ok || failed(t, &e);
}

/* The tree of the row that the cursor is on. */
static void show_row(gn_sessions *v, gn_tui *t) {
    const gn_conversations_row *r = gn_sessions_row(v, v->row.at);
    gn_transcript_release(&v->other);
    v->other.head = -1;
    v->mark[0] = v->mark[1] = -1;
    v->imported = false;
    v->current = !r || strcmp(r->id, v->host.session) == 0;
    v->turns = v->current && (r || v->own) ? v->host.turns : &v->other;
    memcpy(v->shown, r ? r->id : "", r ? sizeof v->shown : 1);
    if (r && !v->current)
        load_other(v, t, r->id);
    plant(v, t, -1);
    if (r && r->snippet.len && v->turns->count) { /* a search led here */
        const int64_t hit = gn_history_turn(v->turns, r->hit);
        if (hit >= 0)
            plant(v, t, hit);
    }
    v->node.top = 0;
}

static bool load_list(gn_sessions *v, gn_tui *t) {
    const gn_conversations_query q = {
        .words = gn_str_slice(&v->words), .archived = v->archived, .limit = 0};
    gn_error e = {0};
    const bool ok = !v->host.history ||
                    gn_conversations_load(&v->list, gn_history_store(v->host.history), &q, &e);
    v->own = v->words.len == 0 && !v->host.session[0] && v->host.turns->count > 0;
    return ok || failed(t, &e);
}

/* The cursor on the row of a session; else where it was. */
static void find_row(gn_sessions *v, const char *id) {
    for (size_t i = 0; i < v->list.count; i++)
        if (strcmp(v->list.row[i].id, id) == 0)
            v->row.at = i + v->own;
    if (v->row.at >= gn_sessions_count(v))
        v->row.at = gn_sessions_count(v) ? gn_sessions_count(v) - 1 : 0;
}

/* ---- finding ------------------------------------------------------------------------ */

static bool holds(gn_slice text, gn_slice pattern) {
    gn_str a = {0}, b = {0};
    gn_text_lower(&a, text);
    gn_text_lower(&b, pattern);
    const bool yes = gn_slice_find(gn_str_slice(&a), gn_str_slice(&b)) >= 0;
    gn_str_release(&a);
    gn_str_release(&b);
    return yes;
}

/* The next row of the tree, down or up, whose text holds the pattern; round the end. */
static void find_node(gn_sessions *v, gn_tui *t, int by) {
    const size_t n = v->tree.count;
    if (v->pattern.len == 0 || n == 0)
        return;
    for (size_t k = 1; k <= n; k++) {
        const size_t i = (v->node.at + (by > 0 ? k : n - k)) % n;
        if (holds(gn_str_slice(&v->turns->turn[v->tree.row[i].id]->text),
                  gn_str_slice(&v->pattern))) {
            v->node.at = i;
            return;
        }
    }
    gn_tui_note(t, GN_STYLE_NOTE, "'%.60s' is nowhere in this conversation",
                gn_str_text(&v->pattern));
}

static void search(void *self, gn_tui *t, gn_slice pattern) {
    gn_sessions *v = self;
    if (v->pane == GN_PANE_TREE) {
        gn_str_cut(&v->pattern, 0);
        gn_str_add(&v->pattern, pattern);
        find_node(v, t, v->backwards ? -1 : 1);
        return;
    }
    gn_str_cut(&v->words, 0);
    gn_str_add(&v->words, pattern);
    if (!load_list(v, t)) { /* it says why; all of them again */
        gn_str_cut(&v->words, 0);
        load_list(v, t);
    }
    v->row = (gn_cursor){0};
    show_row(v, t);
}

static void all_again(gn_sessions *v, gn_tui *t) {
    char id[GN_ULID];
    memcpy(id, v->shown, sizeof id);
    gn_str_cut(&v->words, 0);
    if (load_list(v, t))
        find_row(v, id);
    show_row(v, t);
}

/* ---- doing --------------------------------------------------------------------------- */

static void open_it(gn_sessions *v, gn_tui *t) {
    const gn_turn *turn = gn_sessions_turn(v);
    const gn_conversations_row *r = gn_sessions_row(v, v->row.at);
    bool done = false;
    if (v->pane == GN_PANE_LIST && v->current)
        done = r || v->own; /* it is there: back to it */
    else if (v->pane == GN_PANE_LIST)
        done = r && v->host.open(v->host.user, t, r->id, NULL);
    else if (turn && v->current)
        done = v->host.go(v->host.user, t, turn->id);
    else if (turn)
        done = v->host.open(v->host.user, t, v->shown, turn->hash);
    if (done)
        gn_tui_pop(t);
}

static void fork_it(gn_sessions *v, gn_tui *t) {
    const gn_turn *turn = v->pane == GN_PANE_TREE ? gn_sessions_turn(v)
                                                  : gn_transcript_turn(v->turns, v->turns->head);
    if (!turn)
        gn_tui_note(t, GN_STYLE_NOTE, "there is nothing to fork");
    else if (v->current ? v->host.branch(v->host.user, t, turn->id)
                        : v->host.fork(v->host.user, t, v->shown, turn->hash))
        gn_tui_pop(t);
}

static void pin_it(gn_sessions *v, gn_tui *t) {
    const gn_turn *turn = gn_sessions_turn(v);
    if (!v->current)
        gn_tui_note(t, GN_STYLE_NOTE, "open the conversation first: a state is pinned where it is");
    else if (turn)
        v->host.pin(v->host.user, t, turn->id);
}

static void mark_it(gn_sessions *v, gn_tui *t) {
    const gn_turn *turn = gn_sessions_turn(v);
    if (v->pane != GN_PANE_TREE || !turn) {
        gn_tui_note(t, GN_STYLE_NOTE, "Space marks a message of the tree; Tab goes there");
        return;
    }
    for (int i = 0; i < 2; i++)
        if (v->mark[i] == turn->id) { /* no longer */
            v->mark[i] = v->mark[1];
            v->mark[1] = -1;
            return;
        }
    if (v->mark[0] >= 0 && v->mark[1] >= 0)
        v->mark[0] = v->mark[1];
    v->mark[v->mark[0] >= 0] = turn->id;
    if (v->node.at + 1 < v->tree.count)
        v->node.at++;
}

static void name_of(const gn_sessions *v, int64_t id, char out[64]) {
    char label[16];
    const ptrdiff_t at = gn_tree_find(&v->tree, id);
    gn_tree_label(&v->tree.row[at], label);
    const gn_turn *turn = v->turns->turn[id];
    snprintf(out, 64, turn->ids.count ? "%s %s, %zu tokens" : "%s %s", label,
             gn_tree_who(turn->role), turn->ids.count);
}

static void compare(gn_sessions *v, gn_tui *t) {
    char name[2][64];
    gn_view view;
    gn_error e = {0};
    if (v->mark[0] < 0 || v->mark[1] < 0) {
        gn_tui_note(t, GN_STYLE_NOTE, "mark two messages with Space, then c compares them");
        return;
    }
    for (int i = 0; i < 2; i++)
        name_of(v, v->mark[i], name[i]);
    if (gn_turns_view(&view, v->turns, v->mark[0], v->mark[1], name[0], name[1], NULL, &e))
        gn_tui_push(t, view);
    else
        failed(t, &e);
}

/* May the session under the cursor be changed? Nobody else, and not the chat, is in it. */
static bool take(gn_sessions *v, gn_tui *t, const char **id) {
    const gn_conversations_row *r = gn_sessions_row(v, v->row.at);
    gn_error e = {0};
    long pid;
    if (!r) {
        gn_tui_note(t, GN_STYLE_NOTE, "this conversation is not kept: leaving it forgets it");
        return false;
    }
    if (gn_settings_flag(t->settings, "readonly")) {
        gn_tui_note(t, GN_STYLE_ERROR, "readonly: the database is not written");
        return false;
    }
    *id = r->id;
    if (strcmp(r->id, v->host.session) == 0) {
        gn_tui_note(t, GN_STYLE_ERROR, "the chat is in this one; open another or /new first");
        return false;
    }
    if (gn_history_lock(v->host.history, r->id, &pid, &e))
        return true;
    if (e.code)
        return failed(t, &e);
    gn_tui_note(t, GN_STYLE_ERROR, "process %ld has it open", pid);
    return false;
}

static void after_change(gn_sessions *v, gn_tui *t) {
    gn_str note = {0};
    const gn_style style = t->note_style;
    gn_str_add(&note, gn_str_slice(&t->note));
    if (load_list(v, t) && v->row.at >= gn_sessions_count(v) && v->row.at > 0)
        v->row.at--;
    show_row(v, t);
    gn_tui_note(t, style, "%s", gn_str_text(&note));
    gn_str_release(&note);
}

/* Put away; or, where those that were are shown, brought back. */
static void archive(gn_sessions *v, gn_tui *t) {
    const char *id;
    gn_error e = {0};
    if (!take(v, t, &id))
        return;
    gn_conversations_row *r = gn_sessions_row(v, v->row.at);
    const bool away = !r->archived;
    const bool ok = gn_conversations_archive(gn_history_store(v->host.history), id, away, &e);
    gn_history_unlock(v->host.history, id);
    if (!ok) {
        failed(t, &e);
        return;
    }
    if (away)
        gn_tui_note(t, GN_STYLE_NOTE,
                    "archived; :archived shows those, and d there brings it back");
    else
        gn_tui_note(t, GN_STYLE_NOTE, "back in the list");
    after_change(v, t);
}

/* State files hold what was said: they go with it. */
static int delete_states(const gn_sessions *v, gn_slice list) {
    int left = 0;
    gn_str path = {0};
    while (list.len && v->host.folder) {
        const char *end = memchr(list.data, '\n', list.len);
        const gn_slice name = {list.data, end ? (size_t)(end - list.data) : list.len};
        list = gn_slice_from(list, name.len + 1);
        gn_str_cut(&path, 0);
        gn_path_join(&path, gn_slice_of(v->host.folder), name);
        left += path.failed || (unlink(gn_str_text(&path)) != 0 && errno != ENOENT);
    }
    gn_str_release(&path);
    return left;
}

static void remove_it(gn_sessions *v, gn_tui *t) {
    const char *id;
    char name[GN_ULID];
    gn_error e = {0};
    gn_removed gone = {0};
    if (!take(v, t, &id))
        return;
    memcpy(name, id, sizeof name);
    const bool ok = gn_conversations_remove(gn_history_store(v->host.history), name, &gone, &e);
    gn_history_unlock(v->host.history, name);
    if (!ok) {
        failed(t, &e);
        return;
    }
    const int left = delete_states(v, gn_str_slice(&gone.states));
    gn_str_release(&gone.states);
    if (left)
        gn_tui_note(t, GN_STYLE_ERROR, "deleted, but %d state files could not be", left);
    else
        gn_tui_note(t, GN_STYLE_NOTE, "deleted: %lld messages; %lld are in other conversations",
                    (long long)gone.messages, (long long)gone.kept);
    after_change(v, t);
}

static void command(gn_sessions *v, gn_tui *t, const char *line) {
    if (strcmp(line, "/rm!") == 0)
        remove_it(v, t);
    else if (strcmp(line, "/archived") == 0) {
        v->archived = !v->archived;
        all_again(v, t);
    } else if (strcmp(line, "/rm") == 0)
        gn_tui_note(t, GN_STYLE_NOTE, "d archives; :rm! deletes for good");
    else
        gn_tui_note(t, GN_STYLE_ERROR, "%.40s is for the chat; q goes back there", line);
}

/* ---- moving ---------------------------------------------------------------------------- */

static void move(gn_sessions *v, gn_tui *t, int64_t by) {
    gn_cursor *k = v->pane == GN_PANE_LIST ? &v->row : &v->node;
    const int64_t count = (int64_t)(v->pane == GN_PANE_LIST ? gn_sessions_count(v) : v->tree.count);
    int64_t at = (int64_t)k->at + by;
    at = at >= count ? count - 1 : at;
    at = at < 0 ? 0 : at;
    const bool moved = (size_t)at != k->at;
    k->at = (size_t)at;
    if (moved && v->pane == GN_PANE_LIST)
        show_row(v, t);
}

static void scroll(void *self, gn_tui *t, int rows) { move(self, t, rows); }

static void step(gn_sessions *v, gn_tui *t, int by) {
    const gn_turn *turn = gn_sessions_turn(v);
    int64_t to = -1;
    if (v->pane != GN_PANE_TREE || !turn)
        return;
    for (size_t i = 0; i < v->turns->count; i++) { /* the sibling on that side */
        const gn_turn *other = v->turns->turn[i];
        if (other->parent == turn->parent &&
            (by > 0 ? other->id > turn->id && to < 0 : other->id < turn->id))
            to = other->id;
    }
    const ptrdiff_t at = gn_tree_find(&v->tree, to);
    if (to >= 0 && at >= 0)
        v->node.at = (size_t)at;
    else
        gn_tui_note(t, GN_STYLE_NOTE, "there is no other answer on that side");
}

static bool request(void *self, gn_tui *t, gn_request r, const char *argument) {
    gn_sessions *v = self;
    const gn_cursor *k = v->pane == GN_PANE_LIST ? &v->row : &v->node;
    const int page = k->height > 2 ? k->height - 1 : 1;
    switch (r) {
    case GN_REQUEST_NEXT:
        move(v, t, 1);
        return true;
    case GN_REQUEST_PREVIOUS:
        move(v, t, -1);
        return true;
    case GN_REQUEST_PAGE_DOWN:
        move(v, t, page);
        return true;
    case GN_REQUEST_PAGE_UP:
        move(v, t, -page);
        return true;
    case GN_REQUEST_TOP:
        move(v, t, -INT32_MAX);
        return true;
    case GN_REQUEST_BOTTOM:
        move(v, t, INT32_MAX);
        return true;
    case GN_REQUEST_PANE:
        v->pane = v->pane == GN_PANE_LIST ? GN_PANE_TREE : GN_PANE_LIST;
        return true;
    case GN_REQUEST_LEFT:
    case GN_REQUEST_RIGHT:
        v->pane = r == GN_REQUEST_LEFT ? GN_PANE_LIST : GN_PANE_TREE;
        return true;
    case GN_REQUEST_MAXIMISE:
        v->maximised = !v->maximised;
        return true;
    case GN_REQUEST_OPEN:
        open_it(v, t);
        return true;
    case GN_REQUEST_FORK:
        fork_it(v, t);
        return true;
    case GN_REQUEST_PIN:
        pin_it(v, t);
        return true;
    case GN_REQUEST_MARK:
        mark_it(v, t);
        return true;
    case GN_REQUEST_COMPARE:
        compare(v, t);
        return true;
    case GN_REQUEST_ARCHIVE:
        archive(v, t);
        return true;
    case GN_REQUEST_SEARCH:
        v->backwards = false;
        return false;
    case GN_REQUEST_SEARCH_UP:
        v->backwards = true;
        gn_tui_ask(t, '/');
        return true;
    case GN_REQUEST_SEARCH_NEXT:
    case GN_REQUEST_SEARCH_BACK: {
        const int by = (r == GN_REQUEST_SEARCH_NEXT) != v->backwards ? 1 : -1;
        if (v->pane == GN_PANE_TREE)
            find_node(v, t, by);
        else
            move(v, t, by);
        return true;
    }
    case GN_REQUEST_SIBLING_LEFT:
    case GN_REQUEST_SIBLING_RIGHT:
        step(v, t, r == GN_REQUEST_SIBLING_RIGHT ? 1 : -1);
        return true;
    case GN_REQUEST_ESCAPE:
        if (v->words.len == 0)
            return false;
        all_again(v, t);
        return true;
    case GN_REQUEST_SESSIONS: /* the key that came here goes back */
        gn_tui_pop(t);
        return true;
    case GN_REQUEST_SLASH:
        command(v, t, argument);
        return true;
    default:
        return false;
    }
}

/* ---- life ------------------------------------------------------------------------------- */

/* A reply that comes meanwhile grows the tree; one like another is that one when it is complete. */
static void event(void *self, gn_tui *t, const gn_event *ev) {
    gn_sessions *v = self;
    const gn_turn *turn = gn_sessions_turn(v);
    (void)ev;
    if (v->turns != v->host.turns || v->turns->count + v->turns->merged == v->made_of)
        return;
    for (int i = 0; i < 2; i++)
        if (v->mark[i] >= 0)
            v->mark[i] = gn_transcript_placed(v->turns, v->mark[i])->id;
    if (v->mark[0] == v->mark[1])
        v->mark[1] = -1;
    plant(v, t, turn ? gn_transcript_placed(v->turns, turn->id)->id : -1);
}

static void close_sessions(void *self) {
    gn_sessions *v = self;
    gn_conversations_release(&v->list);
    gn_str_release(&v->words);
    gn_str_release(&v->pattern);
    gn_transcript_release(&v->other);
    gn_tree_release(&v->tree);
    free(v);
}

static const gn_view_ops ops = {.name = "sessions",
                                .draw = gn_sessions_draw,
                                .request = request,
                                .scroll = scroll,
                                .event = event,
                                .search = search,
                                .close = close_sessions};

bool gn_sessions_view(gn_view *out, gn_tui *t, const gn_sessions_host *host, gn_error *e) {
    gn_sessions *v = calloc(1, sizeof *v);
    if (!v)
        return gn_fail(e, GN_NO_MEMORY, "sessions: out of memory");
    v->host = *host;
    v->pane = host->in_tree ? GN_PANE_TREE : GN_PANE_LIST;
    v->other.head = -1;
    v->turns = &v->other;
    load_list(v, t);
    find_row(v, host->session);
    show_row(v, t);
    *out = (gn_view){&ops, v};
    return true;
}
