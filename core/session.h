/* session.h - a session from the inside, for the files of core/ that advance one. */
#ifndef GN_SESSION_H
#define GN_SESSION_H

#include "core/engine.h"

struct gn_session {
    gn_engine *engine;
    gn_state *state;
    gn_ids ids;
    float *logits; /* [V] */
    bool has_logits;
};

/* Room for n more tokens in ids and state, checked against the context. */
bool gn_session_room(gn_session *s, int64_t n, gn_error *e);
/* n tokens were fed to s->state: remember them; logits [V] after the last, or NULL. */
bool gn_session_took(gn_session *s, const int32_t *id, int64_t n, const float *logits, gn_error *e);

/* A step that somebody waits for is kept short: half as many tokens while one takes
 * more than a quarter of a second. No result depends on it. */
static inline int gn_shorter_step(int tokens, double seconds) {
    return seconds > 0.25 && tokens > 16 ? tokens / 2 : tokens;
}

#endif
