/* chat_sessions.c - what a chat tells the sessions view (F2), and does for it. */
#include "app/tui/chat.h"

/* Another conversation, where it stood or at one of its messages. */
static bool open_session(void *user, gn_tui *t, const char *session, const uint8_t *hash) {
    gn_chat *c = user;
    if (!gn_chat_open(c, t, session))
        return false;
    const int64_t turn = hash ? gn_history_turn(&c->turns, hash) : -1;
    if (turn >= 0)
        gn_chat_go(c, t, gn_chat_stand_at(c, turn));
    return true;
}

static bool go(void *user, gn_tui *t, int64_t turn) {
    gn_chat *c = user;
    if (gn_chat_is_busy(c, t))
        return false;
    gn_chat_go(c, t, gn_chat_stand_at(c, turn));
    return true;
}

static bool branch(void *user, gn_tui *t, int64_t turn) {
    gn_chat *c = user;
    return gn_chat_branch_at(c, t, turn, (gn_slice){"", 0});
}

static bool fork_session(void *user, gn_tui *t, const char *session, const uint8_t *hash) {
    gn_chat *c = user;
    gn_error e = {0};
    gn_session_info info = {0};
    char id[GN_ULID];
    if (gn_chat_is_busy(c, t))
        return false;
    bool ok = c->keep.history && gn_history_info(c->keep.history, session, &info, &e) &&
              (hash || info.has_head) &&
              gn_history_fork(c->keep.history, session, hash ? hash : info.head, id, &e);
    gn_session_info_release(&info);
    if (!ok)
        gn_tui_note(t, GN_STYLE_ERROR, "%s",
                    e.code ? e.message : "there is nothing in it to begin with");
    return ok && gn_chat_open(c, t, id);
}

static bool pin(void *user, gn_tui *t, int64_t turn) {
    gn_chat *c = user;
    gn_turn *it = gn_transcript_turn(&c->turns, turn);
    return it && gn_chat_pin(c, t, it);
}

void gn_chat_sessions(gn_chat *c, gn_tui *t, bool in_tree) {
    gn_error e = {0};
    gn_view view;
    const gn_sessions_host host = {.user = c,
                                   .history = c->keep.history,
                                   .folder = gn_str_text(&c->keep.folder),
                                   .turns = &c->turns,
                                   .session = c->keep.record.id,
                                   .name = gn_str_text(&c->keep.name),
                                   .numerics = gn_str_text(&c->keep.numerics),
                                   .is_private = !gn_keep_is_on(&c->keep),
                                   .in_tree = in_tree,
                                   .open = open_session,
                                   .go = go,
                                   .branch = branch,
                                   .fork = fork_session,
                                   .pin = pin};
    if (gn_sessions_view(&view, t, &host, &e))
        gn_tui_push(t, view);
    else
        gn_tui_note(t, GN_STYLE_ERROR, "%s", e.message);
}
