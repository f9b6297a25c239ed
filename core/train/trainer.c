/* trainer.c - see trainer.h. */
#include "core/train/tape.h"

#include "core/base/sgemm.h"
#include "core/model/frequency.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOGIT_NUMBERS = 1 << 23, LEAST_HEAD_ROWS = 16, MOST_HEAD_ROWS = 1024 };
static const size_t default_memory = (size_t)2 << 30;

/* ---- memory ------------------------------------------------------------------- */

/* Places of arrays in one block: first measured with at NULL, then given. */
typedef struct cutter {
    char *at;
    size_t used;
} cutter;

static void *cut(cutter *c, size_t n, size_t size) {
    void *here = c->at ? c->at + c->used : NULL;
    c->used += (n * size + 63) / 64 * 64;
    return here;
}
static float *floats(cutter *c, size_t n, size_t m) { return cut(c, n * m, sizeof(float)); }

static int most(int a, int b) { return a > b ? a : b; }

static bool any(const gn_config *c, gn_mixer kind) {
    for (int l = 0; l < c->layers; l++)
        if (c->mixer[l] == kind)
            return true;
    return false;
}

static void cut_tape(cutter *m, const gn_config *c, gn_mixer kind, size_t T, gn_tape *k) {
    const size_t D = (size_t)c->hidden, I = (size_t)gn_ssm_inner(c),
                 C = (size_t)gn_conv_channels(c);
    const size_t Q = (size_t)(c->q_heads * c->head_dim), U = (size_t)c->experts_used;
    const size_t F = (size_t)c->expert_ff, E = (size_t)c->experts, Fs = (size_t)c->shared_ff;
    k->a = floats(m, T, D);
    if (kind == GN_MAMBA) {
        k->wide = floats(m, T, I + C + (size_t)c->ssm_heads);
        k->conv = floats(m, T, C);
        k->y = floats(m, T, I);
        k->gated = floats(m, T, I);
    } else {
        k->wide = floats(m, T, Q + 2 * (size_t)gn_kv_width(c));
        k->y = floats(m, T, Q);
        k->lse = floats(m, T, (size_t)c->q_heads);
    }
    k->mid = floats(m, T, D);
    k->b = floats(m, T, D);
    k->pair = floats(m, T, 2 * Fs);
    k->hidden = floats(m, T, Fs);
    if (!E)
        return;
    k->router = floats(m, T, E);
    k->gate = floats(m, T, U);
    k->slot_pair = floats(m, T * U, 2 * F);
    k->slot_hidden = floats(m, T * U, F);
    k->slot_row = cut(m, T * U, sizeof(int32_t));
    k->slot_of = cut(m, T * U, sizeof(int32_t));
    k->begin = cut(m, E + 1, sizeof(int32_t));
}

/* Floats a thread needs beside the rest. */
static size_t scratch_of(const gn_config *c, size_t T) {
    const size_t P = (size_t)c->ssm_head_dim, N = (size_t)c->ssm_state;
    const size_t chunks = T / 32 + 2, d = (size_t)c->head_dim;
    size_t scan = 3 * (size_t)GN_CHUNK * GN_CHUNK + (4 * (size_t)GN_CHUNK + N) * P +
                  (chunks + 2) * N * P + N * GN_CHUNK;
    size_t attend = (2 * d + 2 * GN_QUERIES) * T;
    size_t need = any(c, GN_MAMBA) ? scan : 0;
    if (any(c, GN_ATTENTION) && attend > need)
        need = attend;
    return (need + 31) / 16 * 16;
}

static void cut_shared(cutter *m, gn_trainer *t, size_t T) {
    const gn_config *c = t->c;
    const size_t D = (size_t)c->hidden, I = (size_t)gn_ssm_inner(c),
                 C = (size_t)gn_conv_channels(c);
    const size_t Q = (size_t)(c->q_heads * c->head_dim), U = (size_t)c->experts_used;
    const size_t F = (size_t)c->expert_ff, E = (size_t)c->experts, Fs = (size_t)c->shared_ff;
    const size_t Hm = (size_t)c->ssm_heads, G = (size_t)c->ssm_groups, N = (size_t)c->ssm_state;
    const size_t wide = (size_t)most((int)(I + C + Hm), (int)(Q + 2 * (size_t)gn_kv_width(c)));
    const size_t inner = (size_t)most((int)I, (int)Q), half = (size_t)c->rotary / 2;
    const size_t head = (size_t)t->head_rows;
    for (int l = 0; l <= c->layers; l++)
        t->x[l] = floats(m, T, D);
    t->dx = floats(m, T, D);
    t->dnorm = floats(m, T, D);
    t->dwide = floats(m, T, wide);
    t->dinner = floats(m, T, inner);
    t->dpair = floats(m, T, 2 * Fs);
    t->dhidden = floats(m, T, Fs);
    t->gain_part = floats(m, T / GN_ROWS + 1, (size_t)most((int)inner, (int)D));
    if (Hm) {
        t->dconv = floats(m, T, C);
        t->dy = floats(m, T, I);
        t->step = floats(m, T, Hm);
        t->sum = floats(m, T, Hm);
        t->CB = floats(m, T, G * GN_CHUNK);
        t->dCB = floats(m, T, GN_HEAD_BLOCKS * G * GN_CHUNK);
        t->dBC = floats(m, T, GN_HEAD_BLOCKS * 2 * G * N);
        t->vector_part = floats(m, T, 3 * Hm);
    }
    if (E) {
        t->slots = floats(m, T * U, D);
        t->dslots = floats(m, T * U, D);
        t->dslot_pair = floats(m, T * U, 2 * F);
        t->dslot_hidden = floats(m, T * U, F);
        t->drouter = floats(m, T, E);
        t->dgate = floats(m, T, U);
        t->picked = cut(m, E, sizeof(double));
        t->share = cut(m, E, sizeof(double));
    }
    t->scratch = floats(m, (size_t)gn_pool_threads(t->crew.pool), t->scratch_size);
    t->normed = floats(m, T, D);
    t->logits = floats(m, head, (size_t)c->vocab);
    t->head_in = floats(m, head, D);
    t->dhead = floats(m, head, D);
    t->row_loss = cut(m, head, sizeof(double));
    t->want = cut(m, T, sizeof(int32_t));
    t->want_row = cut(m, T, sizeof(int32_t));
    t->chunk = cut(m, T, sizeof(gn_segment));
    t->first_chunk = cut(m, T + 1, sizeof(int));
    t->position = cut(m, T, sizeof(int));
    t->cosine = floats(m, T, half);
    t->sine = floats(m, T, half);
}

static char *block(gn_trainer *t, size_t bytes, gn_error *e) {
    void *p = aligned_alloc(64, bytes ? bytes : 64);
    if (!p) {
        gn_fail(e, GN_NO_MEMORY, "training needs %.1f MiB more; fewer --batch-tokens need less",
                (double)bytes / (1 << 20));
        return NULL;
    }
    memset(p, 0, bytes);
    t->block[t->blocks++] = p;
    t->bytes += bytes;
    return p;
}

/* The last layers get a tape each while there is memory; the others share one. */
static bool give_tapes(gn_trainer *t, size_t memory, gn_error *e) {
    const gn_config *c = t->c;
    const size_t T = (size_t)t->max_rows;
    size_t bytes[2], left = memory;
    for (int kind = 0; kind < 2; kind++) {
        cutter m = {0};
        gn_tape none = {0};
        cut_tape(&m, c, kind ? GN_ATTENTION : GN_MAMBA, T, &none);
        bytes[kind] = m.used;
    }
    const size_t shared = (size_t)most((int)(any(c, GN_MAMBA) ? bytes[0] >> 6 : 0),
                                       (int)(any(c, GN_ATTENTION) ? bytes[1] >> 6 : 0))
                          << 6;
    left = left > shared ? left - shared : 0;
    t->taped = 0;
    for (int l = c->layers - 1; l >= 0; l--) {
        const size_t need = bytes[c->mixer[l] == GN_ATTENTION];
        if (need > left)
            break;
        cutter m = {.at = block(t, need, e)};
        if (!m.at)
            return false;
        cut_tape(&m, c, c->mixer[l], T, &t->tape[l]);
        left -= need;
        t->taped++;
    }
    if (t->taped == c->layers)
        return true;
    char *at = block(t, shared, e);
    for (int l = 0; at && l < c->layers - t->taped; l++) {
        cutter m = {.at = at};
        cut_tape(&m, c, c->mixer[l], T, &t->tape[l]);
    }
    return at != NULL;
}

static void fill_angles(gn_trainer *t) {
    const int half = t->c->rotary / 2;
    float f[256];
    gn_frequency(f, t->c);
    for (int p = 0; p < t->max_rows; p++)
        for (int i = 0; i < half; i++) {
            const size_t at = (size_t)p * (size_t)half + (size_t)i;
            t->cosine[at] = cosf((float)p * f[i]);
            t->sine[at] = sinf((float)p * f[i]);
        }
}

static bool make(gn_trainer *t, const gn_trainer_options *o, gn_error *e) {
    const gn_config *c = t->c;
    t->crew.k = o->plain ? &gn_train_plain : gn_train_kernels_best();
    t->crew.pool = gn_pool_new(o->threads > 0 ? o->threads : gn_processors(), e);
    if (!t->crew.pool || !gn_sgemm_ready(e))
        return false;
    t->chunk_rows = c->ssm_state <= 48 ? GN_CHUNK / 2 : GN_CHUNK;
    t->head_rows = most(LEAST_HEAD_ROWS, LOGIT_NUMBERS / c->vocab);
    if (t->head_rows > MOST_HEAD_ROWS)
        t->head_rows = MOST_HEAD_ROWS;
    t->layers_with_experts = c->experts ? c->layers : 0;
    t->scratch_size = scratch_of(c, (size_t)t->max_rows);

    cutter m = {0};
    cut_shared(&m, t, (size_t)t->max_rows);
    m = (cutter){.at = block(t, m.used, e)};
    if (!m.at)
        return false;
    cut_shared(&m, t, (size_t)t->max_rows);
    fill_angles(t);
    return give_tapes(t, o->memory ? o->memory : default_memory, e);
}

gn_trainer *gn_trainer_new(gn_learner *l, const gn_trainer_options *o, gn_error *e) {
    const int layers = l->config->layers;
    gn_trainer *t = calloc(1, sizeof *t);
    if (t) {
        t->l = l;
        t->c = l->config;
        t->max_rows = o->rows;
        t->x = calloc((size_t)layers + 1, sizeof *t->x);
        t->tape = calloc((size_t)layers, sizeof *t->tape);
        t->block = calloc((size_t)layers + 4, sizeof *t->block);
    }
    if (!t || !t->x || !t->tape || !t->block) {
        gn_fail(e, GN_NO_MEMORY, "training: out of memory");
        gn_trainer_free(t);
        return NULL;
    }
    if (!make(t, o, e)) {
        gn_trainer_free(t);
        return NULL;
    }
    return t;
}

void gn_trainer_free(gn_trainer *t) {
    if (!t)
        return;
    for (int i = 0; i < t->blocks; i++)
        free(t->block[i]);
    gn_pool_free(t->crew.pool);
    free(t->x);
    free(t->tape);
    free(t->block);
    free(t);
}

const gn_crew *gn_trainer_crew(const gn_trainer *t) { return &t->crew; }
int gn_trainer_taped(const gn_trainer *t) { return t->taped; }
size_t gn_trainer_bytes(const gn_trainer *t) { return t->bytes; }

/* ---- a batch ---------------------------------------------------------------------- */

static void cut_chunks(gn_trainer *t) {
    const gn_batch *b = t->batch;
    t->chunks = 0;
    for (int s = 0; s < b->segments; s++) {
        const gn_segment *g = &b->segment[s];
        t->first_chunk[s] = t->chunks;
        for (int i = 0; i < g->count; i += t->chunk_rows) {
            const int n = g->count - i < t->chunk_rows ? g->count - i : t->chunk_rows;
            t->chunk[t->chunks++] = (gn_segment){g->first + i, n};
        }
        for (int i = 0; i < g->count; i++)
            t->position[g->first + i] = i;
    }
    t->first_chunk[b->segments] = t->chunks;
}

static void embed(void *arg, int part, int thread) {
    gn_trainer *t = arg;
    const int D = t->c->hidden;
    (void)thread;
    for (int r = part * GN_ROWS; r < (part + 1) * GN_ROWS && r < t->batch->rows; r++) {
        const float *from = t->l->embedding.w + (size_t)t->batch->token[r] * (size_t)D;
        float *to = t->x[0] + (size_t)r * (size_t)D;
        for (int d = 0; d < D; d++)
            to[d] = t->c->embedding_multiplier * from[d];
    }
}

/* A slice of columns of every row, so that a token that comes twice is added in order. The pad
 * token learns nothing from being read, as torch.nn.Embedding's padding_idx has it. */
static void embed_back(void *arg, int part, int thread) {
    gn_trainer *t = arg;
    const int D = t->c->hidden, first = part * GN_CHANNELS;
    const int end = first + GN_CHANNELS < D ? first + GN_CHANNELS : D;
    (void)thread;
    for (int r = 0; r < t->batch->rows; r++) {
        if (t->batch->token[r] == t->c->pad)
            continue;
        float *to = t->l->embedding.g + (size_t)t->batch->token[r] * (size_t)D;
        const float *from = t->dx + (size_t)r * (size_t)D;
        for (int d = first; d < end; d++)
            to[d] += t->c->embedding_multiplier * from[d];
    }
}

static double balance(const gn_trainer *t) {
    const double rows = (double)t->layers_with_experts * t->batch->rows;
    double sum = 0.0;
    for (int e = 0; e < t->c->experts; e++)
        sum += t->picked[e] / rows * (t->share[e] / rows);
    return (double)t->c->aux_loss * t->c->experts * sum;
}

double gn_trainer_run(gn_trainer *t, const gn_batch *b, bool back) {
    const int L = t->c->layers;
    assert(b->rows > 0 && b->rows <= t->max_rows && b->segments > 0);
    t->batch = b;
    cut_chunks(t);
    const bool balanced = t->c->experts && t->c->aux_loss > 0.0f;
    if (balanced) {
        memset(t->picked, 0, (size_t)t->c->experts * sizeof *t->picked);
        memset(t->share, 0, (size_t)t->c->experts * sizeof *t->share);
    }
    gn_crew_run(&t->crew, embed, (size_t)gn_parts((size_t)b->rows, GN_ROWS), t);
    for (int l = 0; l < L; l++)
        gn_layer_forward(t, l, &t->tape[l], true);
    double loss = gn_head_run(t, back);
    if (balanced)
        loss += balance(t);
    for (int l = L - 1; back && l >= 0; l--) {
        if (l < L - t->taped - 1) /* the shared tape still holds the last of its layers */
            gn_layer_forward(t, l, &t->tape[l], false);
        gn_layer_back(t, l, &t->tape[l]);
    }
    if (back && t->l->embedding.g)
        gn_crew_run(&t->crew, embed_back, (size_t)gn_parts((size_t)t->c->hidden, GN_CHANNELS), t);
    return loss;
}
