/* learn.c - see learn.h. */
#include "core/train/learn.h"

#include "core/base/rng.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum start { NORMAL, ONES, ZEROS, TAPS, DECAY, STEPS } start;

typedef struct maker {
    gn_learner *l;
    const gn_config *c;
    const gn_learn_options *o;
    gn_error *e;
} maker;

/* ---- numbers to begin with ----------------------------------------------- */

static float uniform(uint64_t seed, size_t i) { return gn_uniform(seed, (uint64_t)i); }

/* Box and Muller's way, two uniforms a number. */
static float normal(uint64_t seed, size_t i) {
    const double u = 1.0 - (double)uniform(seed, 2 * i), w = (double)uniform(seed, 2 * i + 1);
    return (float)(sqrt(-2.0 * log(u)) * cos(2.0 * M_PI * w));
}

/* Steps spread evenly in the logarithm between dt_low and dt_high, and A between 1 and 16,
 * as Mamba-2 begins; the taps as a convolution of torch's. */
static float begin(const maker *m, start how, const gn_parameter *p, uint64_t seed, size_t i) {
    const double low = (double)m->o->dt_low, high = (double)m->o->dt_high;
    switch (how) {
    case NORMAL:
        return m->o->range * normal(seed, i);
    case ONES:
        return 1.0f;
    case TAPS:
        return (2.0f * uniform(seed, i) - 1.0f) / sqrtf((float)p->dim[p->dims - 1]);
    case DECAY:
        return logf(1.0f + 15.0f * uniform(seed, i));
    case STEPS: {
        const double s = exp(log(low) + (double)uniform(seed, i) * (log(high) - log(low)));
        return (float)(s + log(-expm1(-s)));
    }
    default:
        return 0.0f;
    }
}

static void fill(const maker *m, gn_parameter *p, start how) {
    const uint64_t seed = gn_splitmix64(m->o->seed ^ gn_splitmix64((uint64_t)m->l->count + 1));
    for (size_t i = 0; i < p->count; i++)
        p->value[i] = begin(m, how, p, seed, i);
}

/* ---- parameters ------------------------------------------------------------ */

static bool give_memory(const maker *m, gn_parameter *p) {
    p->value = calloc(p->count, sizeof(float));
    bool ok = p->value != NULL;
    if (p->trained) {
        p->grad = calloc(p->count, sizeof(float));
        ok = ok && p->grad;
    }
    if (p->trained && m->o->optimizer) {
        p->m = calloc(p->count, sizeof(float));
        p->v = calloc(p->count, sizeof(float));
        ok = ok && p->m && p->v;
    }
    return ok ||
           gn_fail(m->e, GN_NO_MEMORY, "tensor '%s': no memory for %zu numbers", p->name, p->count);
}

static gn_parameter *next_parameter(const maker *m) {
    assert(m->l->count < m->l->capacity);
    return &m->l->parameter[m->l->count];
}

static bool unpack(const maker *m, gn_parameter *p) {
    const gn_format_info *f = gn_format_of(p->origin->format);
    if (p->origin->bytes / (size_t)f->bytes * (size_t)f->block != p->count)
        return gn_fail(m->e, GN_FORMAT, "tensor '%s': want %zu numbers, file has %zu", p->name,
                       p->count, p->origin->bytes / (size_t)f->bytes * (size_t)f->block);
    f->unpack(p->origin->data, p->value, p->count);
    return true;
}

/* "A, B" with the prefix of a layer before each. */
static void spell(char *out, size_t size, int layer, const char *name) {
    if (layer < 0)
        snprintf(out, size, "%s", name);
    else
        snprintf(out, size, "model.layers.%d.%s", layer, name);
}

/* Of a list of names, the one that the checkpoint has; of a new one, the first. */
static bool look(const maker *m, gn_parameter *p, int layer, const char *const *name) {
    for (int i = 0; i < 3 && name[i]; i++) {
        spell(p->name, sizeof p->name, layer, name[i]);
        if (!m->o->tensors)
            return true;
        p->origin = gn_tensors_find(m->o->tensors, gn_slice_of(p->name));
        if (p->origin)
            return true;
    }
    spell(p->name, sizeof p->name, layer, name[0]);
    return false;
}

#define NAMES(...) ((const char *const[4]){__VA_ARGS__})

/* n matrices [rows, cols], kept as `dims` says: 1, 2, 3, or 4 for a convolution's [C, 1, W]. */
static gn_parameter *make(const maker *m, int layer, const char *const *name, int dims, int n,
                          int rows, int cols, start how) {
    gn_parameter *p = next_parameter(m);
    *p = (gn_parameter){0};
    if (!look(m, p, layer, name)) {
        gn_fail(m->e, GN_FORMAT, "tensor '%s' is missing", p->name);
        return NULL;
    }
    const int64_t dim[3] = {dims == 4 ? rows : n, dims == 4 ? 1 : rows, cols};
    p->dims = dims == 4 ? 3 : dims;
    for (int i = 0; i < p->dims; i++)
        p->dim[i] = dim[3 - p->dims + i];
    for (int i = 0; p->origin && p->origin->dims == p->dims && i < p->dims; i++)
        if (p->origin->dim[i] != p->dim[i]) {
            gn_fail(m->e, GN_FORMAT, "tensor '%s': dimension %d is %lld, want %lld", p->name, i,
                    (long long)p->origin->dim[i], (long long)p->dim[i]);
            return NULL;
        }
    p->count = (size_t)n * (size_t)rows * (size_t)cols;
    p->decays = dims == 2 || dims == 3;
    p->trained = m->o->rank == 0;
    if (!give_memory(m, p) || (p->origin && !unpack(m, p)))
        return NULL;
    if (!p->origin)
        fill(m, p, how);
    m->l->count++;
    return p;
}

static gn_learn see(gn_parameter *p, int n, int all, int first, int rows, int cols) {
    const size_t at = (size_t)first * (size_t)cols;
    return (gn_learn){.w = p->value + at,
                      .g = p->grad ? p->grad + at : NULL,
                      .n = n,
                      .rows = rows,
                      .cols = cols,
                      .step = (size_t)all * (size_t)cols,
                      .of = p,
                      .first_row = first};
}

static bool matrix(const maker *m, gn_learn *v, int layer, const char *const *name, int rows,
                   int cols) {
    gn_parameter *p = make(m, layer, name, 2, 1, rows, cols, NORMAL);
    if (p)
        *v = see(p, 1, rows, 0, rows, cols);
    return p != NULL;
}

static bool vector(const maker *m, gn_learn *v, int layer, const char *const *name, int n,
                   start how) {
    gn_parameter *p = make(m, layer, name, 1, 1, 1, n, how);
    if (p)
        *v = see(p, 1, 1, 0, 1, n);
    return p != NULL;
}

static bool bias(const maker *m, gn_learn *v, int layer, const char *const *name, int n,
                 bool there) {
    return !there || vector(m, v, layer, name, n, ZEROS);
}

static bool halves(const maker *m, gn_learn *gate, gn_learn *up, int layer, const char *const *name,
                   int dims, int n, int rows, int cols) {
    gn_parameter *p = make(m, layer, name, dims, n, 2 * rows, cols, NORMAL);
    if (!p)
        return false;
    *gate = see(p, n, 2 * rows, 0, rows, cols);
    *up = see(p, n, 2 * rows, rows, rows, cols);
    return true;
}

/* ---- adapters --------------------------------------------------------------- */

static bool adapt(const maker *m, gn_learn *v) {
    gn_parameter *p = v->of;
    if (!m->o->rank || !p || p->A)
        return true;
    const int rows = (int)p->dim[0], cols = (int)p->dim[1];
    for (int side = 0; side < 2; side++) {
        gn_parameter *a = next_parameter(m);
        *a = (gn_parameter){.dims = 2, .decays = true, .trained = true};
        snprintf(a->name, sizeof a->name, "%.110s.%s", p->name, side ? "lora_B" : "lora_A");
        a->dim[0] = side ? rows : m->o->rank;
        a->dim[1] = side ? m->o->rank : cols;
        a->count = (size_t)a->dim[0] * (size_t)a->dim[1];
        if (!give_memory(m, a))
            return false;
        const uint64_t seed = gn_splitmix64(m->o->seed + (uint64_t)m->l->count + 1);
        const float width = 1.0f / sqrtf((float)cols);
        for (size_t i = 0; side == 0 && i < a->count; i++)
            a->value[i] = width * (2.0f * uniform(seed, i) - 1.0f);
        *(side ? &p->B : &p->A) = a;
        m->l->count++;
    }
    return true;
}

static bool adapt_layer(const maker *m, gn_learn_layer *w) {
    return adapt(m, &w->in_proj) && adapt(m, &w->out_proj) && adapt(m, &w->q) && adapt(m, &w->k) &&
           adapt(m, &w->v) && adapt(m, &w->o) && adapt(m, &w->gate) && adapt(m, &w->up) &&
           adapt(m, &w->down);
}

static bool give_scratch(const maker *m) {
    size_t most = 0;
    for (int i = 0; i < m->l->tensors; i++)
        if (m->l->parameter[i].A && m->l->parameter[i].count > most)
            most = m->l->parameter[i].count;
    m->l->scratch = malloc((most + 1) * sizeof(float));
    return m->l->scratch || gn_fail(m->e, GN_NO_MEMORY, "adapters: out of memory");
}

/* ---- the model's parts -------------------------------------------------------- */

static bool make_mamba(const maker *m, gn_learn_layer *w, int l) {
    const gn_config *c = m->c;
    const int I = gn_ssm_inner(c), C = gn_conv_channels(c), Hm = c->ssm_heads, D = c->hidden;
    gn_parameter *conv = NULL;
    const bool ok =
        matrix(m, &w->in_proj, l, NAMES("mamba.in_proj.weight"), I + C + Hm, D) &&
        bias(m, &w->in_bias, l, NAMES("mamba.in_proj.bias"), I + C + Hm, c->mamba_proj_bias) &&
        (conv = make(m, l, NAMES("mamba.conv1d.weight"), 4, 1, C, c->conv_width, TAPS)) &&
        bias(m, &w->conv_bias, l, NAMES("mamba.conv1d.bias"), C, c->conv_bias) &&
        vector(m, &w->A_log, l, NAMES("mamba.A_log"), Hm, DECAY) &&
        vector(m, &w->D, l, NAMES("mamba.D"), Hm, ONES) &&
        vector(m, &w->dt_bias, l, NAMES("mamba.dt_bias"), Hm, STEPS) &&
        vector(m, &w->norm, l, NAMES("mamba.norm.weight"), I, ONES) &&
        matrix(m, &w->out_proj, l, NAMES("mamba.out_proj.weight"), D, I) &&
        bias(m, &w->out_bias, l, NAMES("mamba.out_proj.bias"), D, c->mamba_proj_bias);
    if (ok)
        w->conv = see(conv, 1, C, 0, C, c->conv_width);
    return ok;
}

static bool make_attention(const maker *m, gn_learn_layer *w, int l) {
    const gn_config *c = m->c;
    const int Qw = c->q_heads * c->head_dim, Kw = gn_kv_width(c), D = c->hidden;
    const bool b = c->attention_bias;
    return matrix(m, &w->q, l, NAMES("self_attn.q_proj.weight"), Qw, D) &&
           matrix(m, &w->k, l, NAMES("self_attn.k_proj.weight"), Kw, D) &&
           matrix(m, &w->v, l, NAMES("self_attn.v_proj.weight"), Kw, D) &&
           matrix(m, &w->o, l, NAMES("self_attn.o_proj.weight"), D, Qw) &&
           bias(m, &w->q_bias, l, NAMES("self_attn.q_proj.bias"), Qw, b) &&
           bias(m, &w->k_bias, l, NAMES("self_attn.k_proj.bias"), Kw, b) &&
           bias(m, &w->v_bias, l, NAMES("self_attn.v_proj.bias"), Kw, b) &&
           bias(m, &w->o_bias, l, NAMES("self_attn.o_proj.bias"), D, b);
}

static bool make_experts(const maker *m, gn_learn_layer *w, int l) {
    const gn_config *c = m->c;
    const int E = c->experts, F = c->expert_ff, D = c->hidden;
    if (!E)
        return true;
    if (!matrix(m, &w->router, l,
                NAMES("block_sparse_moe.router.layer.weight", "block_sparse_moe.router.weight"), E,
                D) ||
        !halves(
            m, &w->experts_gate, &w->experts_up, l,
            NAMES("block_sparse_moe.input_linear.weight", "block_sparse_moe.experts.gate_up_proj"),
            3, E, F, D))
        return false;
    gn_parameter *p = make(
        m, l, NAMES("block_sparse_moe.output_linear.weight", "block_sparse_moe.experts.down_proj"),
        3, E, D, F, NORMAL);
    if (p)
        w->experts_down = see(p, E, D, 0, D, F);
    return p != NULL;
}

static bool make_mlp(const maker *m, gn_learn_layer *w, int l) {
    const gn_config *c = m->c;
    const int F = c->shared_ff, D = c->hidden;
    if (!F)
        return true;
    const bool fused = strncmp(c->arch, "granitemoe", 10) == 0,
               bamba = strcmp(c->arch, "bamba") == 0;
    const char *const *gate =
        bamba ? NAMES("feed_forward.gate_proj.weight") : NAMES("mlp.gate_proj.weight");
    const char *const *up =
        bamba ? NAMES("feed_forward.up_proj.weight") : NAMES("mlp.up_proj.weight");
    const char *const *down = fused   ? NAMES("shared_mlp.output_linear.weight")
                              : bamba ? NAMES("feed_forward.down_proj.weight")
                                      : NAMES("mlp.down_proj.weight");
    if (fused ? !halves(m, &w->gate, &w->up, l, NAMES("shared_mlp.input_linear.weight"), 2, 1, F, D)
              : !matrix(m, &w->gate, l, gate, F, D) || !matrix(m, &w->up, l, up, F, D))
        return false;
    const bool b = c->mlp_bias;
    return matrix(m, &w->down, l, down, D, F) &&
           bias(m, &w->gate_bias, l,
                bamba ? NAMES("feed_forward.gate_proj.bias") : NAMES("mlp.gate_proj.bias"), F, b) &&
           bias(m, &w->up_bias, l,
                bamba ? NAMES("feed_forward.up_proj.bias") : NAMES("mlp.up_proj.bias"), F, b) &&
           bias(m, &w->down_bias, l,
                bamba ? NAMES("feed_forward.down_proj.bias") : NAMES("mlp.down_proj.bias"), D, b);
}

static bool make_layer(const maker *m, gn_learn_layer *w, int l) {
    const int D = m->c->hidden;
    return vector(m, &w->input_norm, l, NAMES("input_layernorm.weight"), D, ONES) &&
           vector(m, &w->post_norm, l,
                  strcmp(m->c->arch, "bamba") == 0 ? NAMES("pre_ff_layernorm.weight")
                                                   : NAMES("post_attention_layernorm.weight"),
                  D, ONES) &&
           (m->c->mixer[l] == GN_MAMBA ? make_mamba(m, w, l) : make_attention(m, w, l)) &&
           make_experts(m, w, l) && make_mlp(m, w, l);
}

static bool make_all(const maker *m) {
    gn_learner *l = m->l;
    const gn_config *c = m->c;
    const gn_tensors *t = m->o->tensors;
    if (!matrix(m, &l->embedding, -1, NAMES("model.embed_tokens.weight"), c->vocab, c->hidden))
        return false;
    l->tied = t ? !gn_tensors_find(t, GN_S("lm_head.weight")) : c->tied;
    l->head = l->embedding;
    if ((!l->tied && !matrix(m, &l->head, -1, NAMES("lm_head.weight"), c->vocab, c->hidden)) ||
        !vector(m, &l->final_norm, -1,
                strcmp(c->arch, "bamba") == 0 ? NAMES("model.final_layernorm.weight")
                                              : NAMES("model.norm.weight"),
                c->hidden, ONES))
        return false;
    for (int i = 0; i < c->layers; i++)
        if (!make_layer(m, &l->layer[i], i))
            return false;
    l->tensors = l->count;
    if (!m->o->rank)
        return true;
    for (int i = 0; i < c->layers; i++)
        if (!adapt_layer(m, &l->layer[i]))
            return false;
    return give_scratch(m);
}

gn_learner *gn_learner_new(const gn_config *c, const gn_learn_options *o, gn_error *e) {
    enum { MOST_A_LAYER = 48 };
    gn_learner *l = calloc(1, sizeof *l);
    if (l) {
        l->config = c;
        l->capacity = 8 + MOST_A_LAYER * c->layers;
        l->rank = o->rank;
        l->adapter_scale = o->rank ? o->alpha / (float)o->rank : 0.0f;
        l->parameter = calloc((size_t)l->capacity, sizeof *l->parameter);
        l->layer = calloc((size_t)c->layers, sizeof *l->layer);
    }
    if (!l || !l->parameter || !l->layer) {
        gn_fail(e, GN_NO_MEMORY, "parameters: out of memory");
        gn_learner_free(l);
        return NULL;
    }
    const maker m = {l, c, o, e};
    if (!make_all(&m)) {
        gn_learner_free(l);
        return NULL;
    }
    return l;
}

void gn_learner_free(gn_learner *l) {
    if (!l)
        return;
    for (int i = 0; l->parameter && i < l->capacity; i++) {
        free(l->parameter[i].value);
        free(l->parameter[i].grad);
        free(l->parameter[i].m);
        free(l->parameter[i].v);
    }
    free(l->parameter);
    free(l->layer);
    free(l->scratch);
    free(l);
}

void gn_learner_zero(gn_learner *l) {
    for (int i = 0; i < l->count; i++)
        if (l->parameter[i].grad)
            memset(l->parameter[i].grad, 0, l->parameter[i].count * sizeof(float));
}

size_t gn_learner_trained(const gn_learner *l) {
    size_t n = 0;
    for (int i = 0; i < l->count; i++)
        if (l->parameter[i].trained)
            n += l->parameter[i].count;
    return n;
}

/* (B A)ᵀ's rows are A's columns: W += s B A is `back` with dy = B, w = A. */
void gn_learner_merge(gn_learner *l, const gn_crew *c) {
    for (int i = 0; i < l->tensors; i++) {
        gn_parameter *p = &l->parameter[i];
        if (!p->A)
            continue;
        const int rows = (int)p->dim[0], cols = (int)p->dim[1];
        gn_format_of(p->origin->format)->unpack(p->origin->data, p->value, p->count);
        gn_blas_back(c, (gn_grid){p->value, (size_t)cols}, (gn_grid){p->B->value, (size_t)l->rank},
                     p->A->value, rows, l->rank, cols, l->adapter_scale, true);
    }
}

void gn_learn_weight(gn_learner *l, const gn_crew *c, const gn_learn *v, int i, gn_grid dy,
                     gn_grid x, int T, float a) {
    if (v->g) {
        gn_blas_weight(c, v->g + (size_t)i * v->step, dy, x, T, v->rows, v->cols, a, true);
        return;
    }
    if (!v->of->A)
        return;
    const gn_parameter *A = v->of->A, *B = v->of->B;
    const size_t row = (size_t)v->first_row * (size_t)l->rank;
    const gn_grid dw = {l->scratch, (size_t)v->cols};
    const gn_grid b = {B->value + row, (size_t)l->rank};
    gn_blas_weight(c, l->scratch, dy, x, T, v->rows, v->cols, a, false);
    /* dB [O, r] += s dW Aᵀ; dA [r, I] += s Bᵀ dW */
    gn_blas_forward(c, (gn_grid){B->grad + row, (size_t)l->rank}, dw, A->value, v->rows, l->rank,
                    v->cols, l->adapter_scale, true);
    gn_blas_weight(c, A->grad, b, dw, v->rows, l->rank, v->cols, l->adapter_scale, true);
}
