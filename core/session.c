/* session.c - tokens + state + last logits: feed, fork.
 *
 * The files a session is saved to are statefile.c's.
 */
#include "core/session.h"

#include <inttypes.h>

enum { FIRST_CAPACITY = 256 }; /* tokens a new state has room for */

gn_session *gn_session_new(gn_engine *g, gn_error *e) {
    gn_session *s = calloc(1, sizeof *s);
    if (!s) {
        gn_fail(e, GN_NO_MEMORY, "new session: out of memory");
        return NULL;
    }
    s->engine = g;
    s->state = gn_state_new(g->device, &g->model.layout, FIRST_CAPACITY, e);
    s->logits = malloc((size_t)g->config.vocab * sizeof *s->logits);
    if (s->state && !s->logits)
        gn_fail(e, GN_NO_MEMORY, "new session: out of memory");
    if (!s->state || !s->logits) {
        gn_session_free(s);
        return NULL;
    }
    return s;
}

gn_session *gn_session_fork(const gn_session *s, gn_error *e) {
    gn_session *t = calloc(1, sizeof *t);
    const size_t logits = (size_t)s->engine->config.vocab * sizeof *s->logits;
    if (t) {
        t->engine = s->engine;
        t->logits = malloc(logits);
    }
    if (!t || !t->logits || !gn_ids_append(&t->ids, s->ids.id, s->ids.count)) {
        gn_fail(e, GN_NO_MEMORY, "fork: out of memory");
        gn_session_free(t);
        return NULL;
    }
    t->state = gn_state_fork(s->state, e);
    if (!t->state) {
        gn_session_free(t);
        return NULL;
    }
    memcpy(t->logits, s->logits, logits);
    t->has_logits = s->has_logits;
    return t;
}

void gn_session_free(gn_session *s) {
    if (!s)
        return;
    gn_state_free(s->state);
    gn_ids_release(&s->ids);
    free(s->logits);
    free(s);
}

int64_t gn_session_count(const gn_session *s) { return (int64_t)s->ids.count; }
const int32_t *gn_session_ids(const gn_session *s) { return s->ids.id; }
const float *gn_session_logits(const gn_session *s) { return s->has_logits ? s->logits : NULL; }

size_t gn_session_bytes(const gn_session *s) {
    return gn_engine_state_bytes(s->engine, s->state->tokens) + s->ids.count * sizeof(int32_t) +
           (size_t)s->engine->config.vocab * sizeof(float);
}

bool gn_session_room(gn_session *s, int64_t n, gn_error *e) {
    const int64_t all = (int64_t)s->ids.count + n;
    if (all > s->engine->context)
        return gn_fail(e, GN_UNSUPPORTED,
                       "%" PRId64 " tokens do not fit the context of %" PRId64
                       "; shorten the text or raise --ctx",
                       all, s->engine->context);
    return gn_state_reserve(s->state, all, e);
}

bool gn_session_took(gn_session *s, const int32_t *id, int64_t n, const float *logits,
                     gn_error *e) {
    if (!gn_ids_append(&s->ids, id, (size_t)n))
        return gn_fail(e, GN_NO_MEMORY, "session: out of memory");
    s->has_logits = logits != NULL;
    if (logits && logits != s->logits)
        memcpy(s->logits, logits, (size_t)s->engine->config.vocab * sizeof *logits);
    return true;
}

static bool ids_valid(const gn_engine *g, const int32_t *id, int64_t n, gn_error *e) {
    for (int64_t i = 0; i < n; i++)
        if (id[i] < 0 || id[i] >= g->config.vocab)
            return gn_fail(e, GN_INVALID, "token id %d at place %" PRId64 " is not in [0, %d)",
                           id[i], i, g->config.vocab);
    return true;
}

bool gn_session_feed(gn_session *s, const int32_t *id, int64_t n, gn_step_kind kind, gn_go_on go_on,
                     void *user, gn_error *e) {
    gn_engine *g = s->engine;
    int step = g->batch_tokens;
    if (!ids_valid(g, id, n, e) || !gn_session_room(s, n, e))
        return false;
    for (int64_t at = 0; at < n;) {
        const double began = gn_seconds();
        const int count = (int)(n - at < step ? n - at : step);
        const bool last = at + count == n;
        const gn_feed feed = {.from = s->state, .to = s->state, .token = id + at, .count = count};
        const int32_t want = count - 1;

        gn_forward(&g->model, g->plan, kind, &feed, 1, &want, last);
        s->has_logits = false;
        if (last) {
            const gn_mat row = gn_logits(&g->model, g->plan, 0, 1);
            if (!gn_read(g->device, s->logits, row.data, (size_t)row.cols * sizeof(float), e))
                return false;
        }
        if (!gn_session_took(s, id + at, count, last ? s->logits : NULL, e))
            return false;
        at += count;
        if (go_on && !last && !go_on(user, at, n))
            return gn_fail(e, GN_CANCELLED, "stopped after %" PRId64 " of %" PRId64 " tokens", at,
                           n);
        if (go_on)
            step = gn_shorter_step(step, gn_seconds() - began);
    }
    return true;
}
