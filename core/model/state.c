/* state.c - see state.h. */
#include "core/model/state.h"

#include <stdlib.h>

gn_layout gn_layout_of(const gn_config *c, const gn_device *device) {
    gn_layout out = {.kv_width = gn_kv_width(c)};
    for (int l = 0; l < c->layers; l++) {
        if (c->mixer[l] == GN_ATTENTION) {
            out.nth_kv[l] = out.caches++;
            continue;
        }
        out.window[l] = out.recurrent;
        out.recurrent += (size_t)(c->conv_width - 1) * (size_t)gn_conv_channels(c);
        out.ssm[l] = out.recurrent;
        out.recurrent += (size_t)gn_ssm_inner(c) * (size_t)c->ssm_state;
    }
    out.kv_per_token = 2 * (size_t)out.caches * (size_t)out.kv_width;
    out.kv_element = gn_row_bytes(device->kv_format, 1);
    return out;
}

enum { PIECE = 1 << 19 }; /* bytes of a walk's step: it stays in the second cache */

static size_t recurrent_bytes(const gn_layout *at) { return at->recurrent * sizeof(float); }

/* Of one token in all caches. */
static size_t token_bytes(const gn_layout *at) { return at->kv_per_token * at->kv_element; }

/* Of `rows` rows of K or of V in one cache. */
static size_t row_bytes(const gn_layout *at, int64_t rows) {
    return (size_t)rows * (size_t)at->kv_width * at->kv_element;
}

size_t gn_state_bytes(const gn_layout *at, int64_t capacity) {
    return recurrent_bytes(at) + (size_t)capacity * token_bytes(at);
}

/* A model without layers of a kind has a block of no bytes; it still gets an address. */
static void *alloc(gn_device *d, size_t bytes) { return d->op->alloc(d, bytes ? bytes : 64); }

static bool too_many(const gn_layout *at, int64_t capacity) {
    return capacity < 0 || (token_bytes(at) && (size_t)capacity > (SIZE_MAX / 4) / token_bytes(at));
}

gn_state *gn_state_new(gn_device *device, const gn_layout *layout, int64_t capacity, gn_error *e) {
    gn_state *s = too_many(layout, capacity) ? NULL : calloc(1, sizeof *s);
    if (!s) {
        gn_fail(e, GN_NO_MEMORY, "new state: out of memory for %lld tokens", (long long)capacity);
        return NULL;
    }
    *s = (gn_state){.device = device, .layout = layout, .capacity = capacity};
    s->recurrent = alloc(device, recurrent_bytes(layout));
    s->kv = alloc(device, (size_t)capacity * token_bytes(layout));
    if (!s->recurrent || !s->kv) {
        gn_fail(e, GN_NO_MEMORY, "new state: no room for %zu bytes on %s",
                gn_state_bytes(layout, capacity), device->name);
        gn_state_free(s);
        return NULL;
    }
    return s;
}

/* Where row 0 of the half-th half (0: K, 1: V) of a cache lies in kv of that capacity. */
static char *half_of(const gn_state *s, void *kv, int64_t capacity, int half) {
    return (char *)kv + (size_t)half * row_bytes(s->layout, capacity);
}

/* The filled rows of every K and V, from one kv block to another. */
static void copy_rows(const gn_state *s, void *to, int64_t to_capacity) {
    for (int h = 0; h < 2 * s->layout->caches && s->tokens > 0; h++)
        s->device->op->copy(s->device, half_of(s, to, to_capacity, h),
                            half_of(s, s->kv, s->capacity, h), row_bytes(s->layout, s->tokens));
}

bool gn_state_reserve(gn_state *s, int64_t tokens, gn_error *e) {
    if (tokens <= s->capacity)
        return true;
    int64_t capacity = s->capacity;
    while (capacity < tokens)
        capacity = capacity > INT64_MAX / 2 ? tokens : capacity > 0 ? 2 * capacity : tokens;
    void *kv = too_many(s->layout, capacity)
                   ? NULL
                   : alloc(s->device, (size_t)capacity * token_bytes(s->layout));
    if (!kv)
        return gn_fail(e, GN_NO_MEMORY, "grow state: no room for %lld tokens on %s",
                       (long long)capacity, s->device->name);
    copy_rows(s, kv, capacity);
    s->device->op->free(s->device, s->kv);
    s->kv = kv;
    s->capacity = capacity;
    return true;
}

gn_state *gn_state_fork(const gn_state *s, gn_error *e) {
    gn_state *t = gn_state_new(s->device, s->layout, s->capacity, e);
    if (!t)
        return NULL;
    t->tokens = s->tokens;
    if (recurrent_bytes(s->layout))
        s->device->op->copy(s->device, t->recurrent, s->recurrent, recurrent_bytes(s->layout));
    copy_rows(s, t->kv, t->capacity);
    return t;
}

void gn_state_free(gn_state *s) {
    if (!s)
        return;
    if (s->recurrent)
        s->device->op->free(s->device, s->recurrent);
    if (s->kv)
        s->device->op->free(s->device, s->kv);
    free(s);
}

size_t gn_state_recurrent_bytes(const gn_state *s) { return recurrent_bytes(s->layout); }

size_t gn_state_kv_bytes(const gn_state *s) { return (size_t)s->tokens * token_bytes(s->layout); }

bool gn_state_export(const gn_state *s, void *recurrent, void *kv, gn_error *e) {
    const size_t bytes = row_bytes(s->layout, s->tokens);
    if (recurrent_bytes(s->layout) &&
        !gn_read(s->device, recurrent, s->recurrent, recurrent_bytes(s->layout), e))
        return gn_context(e, "read state");
    for (int h = 0; h < 2 * s->layout->caches && bytes > 0; h++)
        if (!gn_read(s->device, (char *)kv + (size_t)h * bytes, half_of(s, s->kv, s->capacity, h),
                     bytes, e))
            return gn_context(e, "read state");
    return true;
}

/* What walks, and where a piece of a device's memory lies on the host. */
typedef struct walk {
    const gn_state *s;
    bool (*take)(void *user, int block, const void *data, size_t n, gn_error *e);
    void *user, *aside; /* [PIECE]; NULL: read in place */
} walk;

static bool walk_over(const walk *w, int block, const void *from, size_t bytes, gn_error *e) {
    for (size_t at = 0; at < bytes; at += PIECE) {
        const size_t n = bytes - at < PIECE ? bytes - at : PIECE;
        const void *data = (const char *)from + at;
        if (w->aside) {
            if (!gn_read(w->s->device, w->aside, data, n, e))
                return gn_context(e, "read state");
            data = w->aside;
        }
        if (!w->take(w->user, block, data, n, e))
            return false;
    }
    return true;
}

bool gn_state_walk(const gn_state *s,
                   bool (*take)(void *user, int block, const void *data, size_t n, gn_error *e),
                   void *user, gn_error *e) {
    walk w = {.s = s, .take = take, .user = user, .aside = s->device->host ? NULL : malloc(PIECE)};
    if (!s->device->host && !w.aside)
        return gn_fail(e, GN_NO_MEMORY, "read state: out of memory");
    bool ok = walk_over(&w, 0, s->recurrent, recurrent_bytes(s->layout), e);
    for (int h = 0; ok && h < 2 * s->layout->caches; h++)
        ok =
            walk_over(&w, 1, half_of(s, s->kv, s->capacity, h), row_bytes(s->layout, s->tokens), e);
    free(w.aside);
    return ok;
}

void gn_state_import(gn_state *s, int64_t tokens, const void *recurrent, const void *kv) {
    assert(tokens >= 0 && tokens <= s->capacity);
    const size_t bytes = row_bytes(s->layout, tokens);
    s->tokens = tokens;
    if (recurrent_bytes(s->layout))
        s->device->op->write(s->device, s->recurrent, recurrent, recurrent_bytes(s->layout));
    for (int h = 0; h < 2 * s->layout->caches && bytes > 0; h++)
        s->device->op->write(s->device, half_of(s, s->kv, s->capacity, h),
                             (const char *)kv + (size_t)h * bytes, bytes);
}
