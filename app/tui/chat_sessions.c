/* chat_sessions.c - what a chat tells the sessions view (F2), and does for it. */
#include "app/tui/chat.h"

static bool not_kept(gn_tui *t) {
    gn_tui_note(t, GN_STYLE_ERROR, "this conversation is not kept");
    return false;
}

static bool open_session(void *user, gn_tui *t, const char *session, const uint8_t *hash) {
    (void)user, (void)session, (void)hash;
    return not_kept(t);
}

static bool go(void *user, gn_tui *t, int64_t turn) {
    gn_chat *c = user;
    if (gn_chat_is_busy(c, t))
        return false;
    c->turns.head = turn;
    gn_chat_moved(c);
    return true;
}

static bool branch(void *user, gn_tui *t, int64_t turn) { return go(user, t, turn); }

static bool fork_session(void *user, gn_tui *t, const char *session, const uint8_t *hash) {
    (void)user, (void)session, (void)hash;
    return not_kept(t);
}

static bool pin(void *user, gn_tui *t, int64_t turn) {
    gn_chat *c = user;
    gn_turn *it = gn_transcript_turn(&c->turns, turn);
    if (it)
        it->pinned = !it->pinned;
    (void)t;
    return it != NULL;
}

void gn_chat_sessions(gn_chat *c, gn_tui *t) {
    gn_error e = {0};
    gn_view view;
    const gn_sessions_host host = {.user = c,
                                   .turns = &c->turns,
                                   .session = "",
                                   .name = "",
                                   .is_private = true,
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
