/* plan.c - see plan.h. */
#include "core/model/plan.h"

#include <stdlib.h>

static int larger(int a, int b) { return a > b ? a : b; }

/* The widest row that a mixer or a feed-forward lays side by side. */
static int widest(const gn_config *c) {
    const int mamba = gn_ssm_inner(c) + gn_conv_channels(c) + c->ssm_heads;
    const int attention = c->q_heads * c->head_dim + 2 * gn_kv_width(c);
    return larger(larger(mamba, attention), larger(2 * c->shared_ff, c->hidden));
}

/* The widest row of what is made of them: conv output, heads side by side, the
 * gated half of a feed-forward, what the experts give. */
static int widest_inner(const gn_config *c) {
    return larger(larger(gn_conv_channels(c), c->q_heads * c->head_dim),
                  larger(c->shared_ff, c->hidden));
}

/* Hand out the next [rows, cols]; with a NULL block, only count them. 256-byte steps. */
static float *take(float *block, size_t *used, int rows, int cols) {
    float *at = block ? block + *used : NULL;
    *used += ((size_t)rows * (size_t)cols + 63) & ~(size_t)63;
    return at;
}

/* Hidden rows first, for they outlive the step; then what the step needs, and over
 * the same bytes the logits, which are made when the step is done. */
static size_t lay_out(gn_plan *p, const gn_config *c) {
    const int T = p->max_tokens;
    size_t used = 0, logits;
    p->hidden = take(p->block, &used, p->max_rows, c->hidden);
    logits = used;
    p->x = take(p->block, &used, T, c->hidden);
    p->norm = take(p->block, &used, T, c->hidden);
    p->out = take(p->block, &used, T, c->hidden);
    p->wide = take(p->block, &used, T, widest(c));
    p->inner = take(p->block, &used, T, widest_inner(c));
    p->gate = take(p->block, &used, T, c->experts_used);
    p->router = take(p->block, &used, T, c->experts);
    p->expert = (int32_t *)take(p->block, &used, T, c->experts_used);
    p->logits = take(p->block, &logits, p->max_logits, c->vocab);
    return used > logits ? used : logits;
}

size_t gn_plan_bytes(const gn_config *c, int max_tokens, int max_rows, int max_logits) {
    gn_plan p = {.max_tokens = max_tokens, .max_rows = max_rows, .max_logits = max_logits};
    return lay_out(&p, c) * sizeof(float);
}

gn_plan *gn_plan_new(gn_device *d, const gn_config *c, int max_tokens, int max_lanes, int max_rows,
                     int max_logits, gn_error *e) {
    assert(max_tokens > 0 && max_lanes > 0 && max_rows > 0 && max_logits > 0);
    const size_t bytes = gn_plan_bytes(c, max_tokens, max_rows, max_logits);
    gn_plan *p = calloc(1, sizeof *p);
    if (!p) {
        gn_fail(e, GN_NO_MEMORY, "plan a step: out of memory");
        return NULL;
    }
    *p = (gn_plan){.device = d,
                   .max_tokens = max_tokens,
                   .max_lanes = max_lanes,
                   .max_rows = max_rows,
                   .max_logits = max_logits,
                   .block = d->op->alloc(d, bytes),
                   .token = calloc((size_t)max_tokens, sizeof *p->token),
                   .lane = calloc((size_t)max_lanes, sizeof *p->lane)};
    if (!p->block || !p->token || !p->lane) {
        gn_fail(e, GN_NO_MEMORY, "plan a step: no room for %zu bytes on %s", bytes, d->name);
        gn_plan_free(p);
        return NULL;
    }
    lay_out(p, c);
    return p;
}

void gn_plan_free(gn_plan *p) {
    if (!p)
        return;
    if (p->block)
        p->device->op->free(p->device, p->block);
    free(p->token);
    free(p->lane);
    free(p);
}
