/* chat_rig.h - a whole chat without a terminal: view, worker, database. Include after chat_model.h. */
#ifndef GN_TESTS_CHAT_RIG_H
#define GN_TESTS_CHAT_RIG_H

#include "app/term/line.h"
#include "app/tui/chat.h"

#include <poll.h>

typedef struct chat_rig {
    gn_tui tui;
    gn_settings *settings;
    gn_worker *worker;
    gn_history *history; /* NULL: private */
    gn_chat *chat;
    gn_slice edited; /* what the editor leaves behind */
} chat_rig;

static inline bool rig_edit(gn_tui *t, gn_str *text, gn_error *e) {
    const chat_rig *r = t->user;
    (void)e;
    gn_str_cut(text, 0);
    gn_str_add(text, r->edited);
    return true;
}

/* What a test may change before it opens one. */
static gn_engine_options rig_engine = {.threads = 1};

/* A chat with the model in `folder` and the database in the program's folder; session NULL: a new
 * one. False, with e, when it cannot be begun. */
static inline bool rig_open(chat_rig *r, const char *folder, const char *session, bool private,
                            gn_error *e) {
    static char states[256];
    *r = (chat_rig){0};
    snprintf(states, sizeof states, "%s", in_folder("states"));
    gn_view view;
    r->settings = gn_settings_new(e);
    bool ok = r->settings &&
              gn_settings_set(r->settings, GN_S("temp"), GN_S("0"), GN_SOURCE_FLAG, NULL, e) &&
              gn_settings_set(r->settings, GN_S("n"), GN_S("12"), GN_SOURCE_FLAG, NULL, e) &&
              (private || (r->history = gn_history_open(in_folder("chats.db"), false, e)));
    const gn_chat_options chat = {.history = r->history,
                                  .session = session,
                                  .state_dir = states,
                                  .state_disk = (size_t)8 << 30};
    ok = ok && gn_line_open(e);
    r->worker = ok ? gn_worker_open(folder, &rig_engine, private ? NULL : states, e) : NULL;
    ok = r->worker && gn_tui_init(&r->tui, r->settings, r->worker, true, e) &&
         gn_chat_view(&view, &chat, e);
    if (!ok)
        return false;
    r->chat = view.self;
    r->tui.user = r;
    r->tui.edit = rig_edit;
    gn_canvas_resize(&r->tui.canvas, 24, 80);
    return gn_tui_push(&r->tui, view);
}

static inline bool rig_is_busy(const chat_rig *r) {
    return !r->chat->opened || r->chat->answer >= 0 || r->chat->n_queue > 0;
}

/* One turn of the loop: wait at most so long, hear, draw. */
static inline void rig_turn(chat_rig *r, int ms) {
    struct pollfd fd = {r->worker->fd(r->worker), POLLIN, 0};
    poll(&fd, 1, ms);
    gn_tui_events(&r->tui);
    gn_tui_draw(&r->tui);
}

/* Until nothing is being done; false after ten seconds, or when the chat has ended. */
static inline bool rig_wait(chat_rig *r) {
    const double end = gn_seconds() + 10;
    while (rig_is_busy(r) && !r->tui.quit && gn_seconds() < end)
        rig_turn(r, 50);
    return !rig_is_busy(r);
}

static inline void rig_type(chat_rig *r, const char *line) {
    r->tui.view[0].op->said(r->chat, &r->tui, gn_slice_of(line));
}

/* Say it, and wait for the answer. */
static inline bool rig_say(chat_rig *r, const char *line) {
    rig_type(r, line);
    return rig_wait(r);
}

static inline const gn_turn *rig_head(const chat_rig *r) {
    return gn_transcript_turn(&r->chat->turns, r->chat->turns.head);
}

/* As one quits. */
static inline void rig_close(chat_rig *r) {
    if (r->worker && r->chat)
        gn_tui_finish(&r->tui);
    gn_tui_release(&r->tui);
    if (r->worker)
        r->worker->close(r->worker);
    gn_line_close();
    gn_history_close(r->history);
    gn_settings_free(r->settings);
}

#endif
