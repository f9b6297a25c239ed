/* weights.c - see weights.h.
 *
 * One table gives each role its names in both kinds of file. Matrices go to the
 * device in the file's own format, straight from the mapping; what is small
 * (norms, biases, convolutions, A, D, dt_bias) is unpacked to f32 first. A fused
 * tensor becomes two weights that look at its halves.
 */
#include "core/model/weights.h"

#include "core/base/map.h"
#include "core/model/frequency.h"
#include "core/model/keys.h"
#include "core/model/limits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum role {
    EMBEDDING,
    HEAD,
    FINAL_NORM,
    ROPE_FACTORS,
    INPUT_NORM,
    POST_NORM,
    IN_PROJ,
    IN_BIAS,
    CONV,
    CONV_BIAS,
    DT_BIAS,
    A_LOG,
    D_SKIP,
    SSM_NORM,
    OUT_PROJ,
    OUT_BIAS,
    Q,
    K,
    V,
    O,
    Q_BIAS,
    K_BIAS,
    V_BIAS,
    O_BIAS,
    ROUTER,
    EXPERTS_IN,
    EXPERTS_GATE,
    EXPERTS_UP,
    EXPERTS_DOWN,
    MLP_IN,
    GATE,
    UP,
    DOWN,
    GATE_BIAS,
    UP_BIAS,
    DOWN_BIAS,
    ROLES
} role;

/* Roles before this one belong to the model, the others to a layer of it. */
static const role first_of_layer = INPUT_NORM;

static const struct names {
    const char *hf[3], *gguf[2];
} names[ROLES] = {
    [EMBEDDING] = {{"model.embed_tokens.weight"}, {"token_embd.weight"}},
    [HEAD] = {{"lm_head.weight"}, {"output.weight"}},
    [FINAL_NORM] = {{"model.norm.weight", "model.final_layernorm.weight"}, {"output_norm.weight"}},
    [ROPE_FACTORS] = {{0}, {"rope_freqs.weight"}},
    [INPUT_NORM] = {{"input_layernorm.weight"}, {"attn_norm.weight"}},
    [POST_NORM] = {{"post_attention_layernorm.weight", "pre_ff_layernorm.weight"},
                   {"ffn_norm.weight"}},
    [IN_PROJ] = {{"mamba.in_proj.weight"}, {"ssm_in.weight"}},
    [IN_BIAS] = {{"mamba.in_proj.bias"}, {"ssm_in.bias"}},
    [CONV] = {{"mamba.conv1d.weight"}, {"ssm_conv1d.weight"}},
    [CONV_BIAS] = {{"mamba.conv1d.bias"}, {"ssm_conv1d.bias"}},
    [DT_BIAS] = {{"mamba.dt_bias"}, {"ssm_dt.bias"}},
    [A_LOG] = {{"mamba.A_log"}, {"ssm_a"}},
    [D_SKIP] = {{"mamba.D"}, {"ssm_d"}},
    [SSM_NORM] = {{"mamba.norm.weight"}, {"ssm_norm.weight"}},
    [OUT_PROJ] = {{"mamba.out_proj.weight"}, {"ssm_out.weight"}},
    [OUT_BIAS] = {{"mamba.out_proj.bias"}, {"ssm_out.bias"}},
    [Q] = {{"self_attn.q_proj.weight"}, {"attn_q.weight"}},
    [K] = {{"self_attn.k_proj.weight"}, {"attn_k.weight"}},
    [V] = {{"self_attn.v_proj.weight"}, {"attn_v.weight"}},
    [O] = {{"self_attn.o_proj.weight"}, {"attn_output.weight"}},
    [Q_BIAS] = {{"self_attn.q_proj.bias"}, {"attn_q.bias"}},
    [K_BIAS] = {{"self_attn.k_proj.bias"}, {"attn_k.bias"}},
    [V_BIAS] = {{"self_attn.v_proj.bias"}, {"attn_v.bias"}},
    [O_BIAS] = {{"self_attn.o_proj.bias"}, {"attn_output.bias"}},
    [ROUTER] = {{"block_sparse_moe.router.layer.weight", "block_sparse_moe.router.weight"},
                {"ffn_gate_inp.weight"}},
    [EXPERTS_IN] = {{"block_sparse_moe.input_linear.weight",
                     "block_sparse_moe.experts.gate_up_proj"},
                    {"ffn_gate_up_exps.weight"}},
    [EXPERTS_GATE] = {{0}, {"ffn_gate_exps.weight"}},
    [EXPERTS_UP] = {{0}, {"ffn_up_exps.weight"}},
    [EXPERTS_DOWN] = {{"block_sparse_moe.output_linear.weight",
                       "block_sparse_moe.experts.down_proj"},
                      {"ffn_down_exps.weight"}},
    [MLP_IN] = {{"shared_mlp.input_linear.weight"}, {0}},
    [GATE] = {{"mlp.gate_proj.weight", "feed_forward.gate_proj.weight"},
              {"ffn_gate.weight", "ffn_gate_shexp.weight"}},
    [UP] = {{"mlp.up_proj.weight", "feed_forward.up_proj.weight"},
            {"ffn_up.weight", "ffn_up_shexp.weight"}},
    [DOWN] = {{"shared_mlp.output_linear.weight", "mlp.down_proj.weight",
               "feed_forward.down_proj.weight"},
              {"ffn_down.weight", "ffn_down_shexp.weight"}},
    [GATE_BIAS] = {{"mlp.gate_proj.bias", "feed_forward.gate_proj.bias"}, {"ffn_gate.bias"}},
    [UP_BIAS] = {{"mlp.up_proj.bias", "feed_forward.up_proj.bias"}, {"ffn_up.bias"}},
    [DOWN_BIAS] = {{"mlp.down_proj.bias", "feed_forward.down_proj.bias"}, {"ffn_down.bias"}},
};

typedef struct binder {
    gn_device *d;
    gn_config *c;
    const gn_tensors *t;
    bool gguf;
    gn_map used; /* by name */
    bool (*progress)(void *user, size_t done, size_t all);
    void *user;
    size_t done;
    gn_error *e;
} binder;

/* ---- names and shapes ---------------------------------------------------- */

enum { NAME = 128 };

/* The n-th name of a role; false if there are no more. */
static bool name_of(const binder *b, role r, int layer, int n, char *out) {
    const char *name = NULL;
    if (b->gguf)
        name = n < 2 ? names[r].gguf[n] : NULL;
    else
        name = n < 3 ? names[r].hf[n] : NULL;
    if (!name)
        return false;
    if (r < first_of_layer)
        snprintf(out, NAME, "%s", name);
    else
        snprintf(out, NAME, b->gguf ? "blk.%d.%s" : "model.layers.%d.%s", layer, name);
    return true;
}

static const gn_tensor *look(const binder *b, role r, int layer) {
    char name[NAME];
    for (int n = 0; name_of(b, r, layer, n, name); n++) {
        const gn_tensor *t = gn_tensors_find(b->t, gn_slice_of(name));
        if (t)
            return t;
    }
    return NULL;
}

static const gn_tensor *find(binder *b, role r, int layer) {
    const gn_tensor *t = look(b, r, layer);
    if (t && gn_map_set(&b->used, t->name, 1))
        return t;
    if (t) {
        gn_fail(b->e, GN_NO_MEMORY, "tensor names: out of memory");
        return NULL;
    }
    char name[NAME], all[3 * NAME + 16] = "";
    for (int n = 0, at = 0; name_of(b, r, layer, n, name); n++)
        at += snprintf(all + at, sizeof all - (size_t)at, n ? " or '%s'" : "'%s'", name);
    gn_fail(b->e, GN_FORMAT, "tensor %s is missing", all);
    return NULL;
}

static void shape_text(char out[96], const int64_t *dim, int dims) {
    int at = snprintf(out, 96, "[");
    for (int i = 0; i < dims; i++)
        at += snprintf(out + at, 96 - (size_t)at, i ? ", %lld" : "%lld", (long long)dim[i]);
    snprintf(out + at, 96 - (size_t)at, "]");
}

static bool misshapen(binder *b, const gn_tensor *t, const int64_t *want, int dims) {
    char wanted[96], found[96];
    shape_text(wanted, want, dims);
    shape_text(found, t->dim, t->dims);
    return gn_fail(b->e, GN_FORMAT, "tensor '%.*s': want %s, file has %s", (int)t->name.len,
                   t->name.data, wanted, found);
}

/* Equal but for dimensions of 1, which files add and drop. */
static bool shaped(binder *b, const gn_tensor *t, int n, int rows, int cols) {
    const int64_t want[3] = {n, rows, cols};
    int at = 0;
    bool same = true;
    for (int i = 0; i < t->dims; i++) {
        if (t->dim[i] == 1)
            continue;
        while (at < 3 && want[at] == 1)
            at++;
        same = same && at < 3 && want[at] == t->dim[i];
        at++;
    }
    while (at < 3 && want[at] == 1)
        at++;
    if (!same || at < 3)
        return misshapen(b, t, n == 1 ? want + 1 : want, n == 1 ? 2 : 3);
    if (cols % gn_format_of(t->format)->block)
        return gn_fail(b->e, GN_FORMAT, "tensor '%.*s': rows of %d are no whole blocks of %s",
                       (int)t->name.len, t->name.data, cols, gn_format_of(t->format)->name);
    return true;
}

/* ---- placing -------------------------------------------------------------- */

static bool count(binder *b, size_t bytes) {
    b->done += bytes;
    if (b->progress && !b->progress(b->user, b->done, gn_tensors_bytes(b->t)))
        return gn_fail(b->e, GN_CANCELLED, "loading was stopped");
    return true;
}

static bool place(binder *b, gn_weight *w, const gn_tensor *t, bool keep) {
    if (!gn_place(b->d, w, keep, b->e))
        return gn_context(b->e, "tensor '%.*s'", (int)t->name.len, t->name.data);
    return true;
}

/* Give the file's pages back if the device has its own copy now. */
static void settle(binder *b, const gn_weight *w, const gn_tensor *t) {
    const uint8_t *data = w->data;
    if (data < t->data || data >= t->data + t->bytes)
        gn_tensors_drop(b->t, t);
}

/* Rows [first, first + rows) of each of n matrices [all, cols]. */
static gn_weight view(const gn_tensor *t, int n, int all, int first, int rows, int cols) {
    const size_t row = gn_row_bytes(t->format, cols);
    return (gn_weight){.data = t->data + (size_t)first * row,
                       .format = t->format,
                       .n = n,
                       .rows = rows,
                       .cols = cols,
                       .step = (size_t)all * row};
}

static bool matrix(binder *b, gn_weight *w, role r, int layer, int n, int rows, int cols) {
    const gn_tensor *t = find(b, r, layer);
    if (!t || !shaped(b, t, n, rows, cols))
        return false;
    *w = view(t, n, rows, 0, rows, cols);
    if (!place(b, w, t, true))
        return false;
    settle(b, w, t);
    return count(b, t->bytes);
}

/* A fused tensor, [n] of [2 rows, cols]: gate above up. */
static bool halves(binder *b, gn_weight *gate, gn_weight *up, role r, int layer, int n, int rows,
                   int cols) {
    const gn_tensor *t = find(b, r, layer);
    if (!t || !shaped(b, t, n, 2 * rows, cols))
        return false;
    *gate = view(t, n, 2 * rows, 0, rows, cols);
    *up = view(t, n, 2 * rows, rows, rows, cols);
    if (!place(b, gate, t, true) || !place(b, up, t, true))
        return false;
    settle(b, up, t);
    return count(b, t->bytes);
}

/* Where the HF row r of a head lies in a GGUF, whose heads hold their halves interleaved. */
static int interleaved(int r, int head_dim) {
    const int half = head_dim / 2, head = r / head_dim, i = r % head_dim;
    return head * head_dim + 2 * (i % half) + i / half;
}

/* A q or k matrix; of a GGUF with its rows put back into HF's order. */
static bool heads(binder *b, gn_weight *w, role r, int layer, int rows) {
    if (!b->gguf)
        return matrix(b, w, r, layer, 1, rows, b->c->hidden);
    const gn_tensor *t = find(b, r, layer);
    if (!t || !shaped(b, t, 1, rows, b->c->hidden))
        return false;
    *w = view(t, 1, rows, 0, rows, b->c->hidden);
    uint8_t *ordered = malloc(w->step);
    if (!ordered)
        return gn_fail(b->e, GN_NO_MEMORY, "tensor '%.*s': out of memory", (int)t->name.len,
                       t->name.data);
    const size_t row = w->step / (size_t)rows;
    for (int i = 0; i < rows; i++)
        memcpy(ordered + (size_t)i * row, t->data + (size_t)interleaved(i, b->c->head_dim) * row,
               row);
    w->data = ordered;
    bool ok = place(b, w, t, false);
    free(ordered);
    gn_tensors_drop(b->t, t);
    return ok && count(b, t->bytes);
}

typedef enum change { AS_IS, MINUS_EXP, REORDER } change;

/* A small tensor unpacked to f32: [rows, cols], or with one row whatever shape holds cols numbers. */
static bool small(binder *b, gn_weight *w, role r, int layer, int rows, int cols, change how) {
    const gn_tensor *t = find(b, r, layer);
    if (!t)
        return false;
    const gn_format_info *format = gn_format_of(t->format);
    const int64_t n = (int64_t)rows * cols, blocks = (int64_t)t->bytes / format->bytes;
    if (rows == 1 && blocks * format->block != n)
        return misshapen(b, t, &n, 1);
    if (rows > 1 && !shaped(b, t, 1, rows, cols))
        return false;

    float *f = malloc((size_t)n * sizeof *f), *g = malloc((size_t)n * sizeof *g);
    bool ok = f && g;
    if (ok) {
        format->unpack(t->data, f, (size_t)n);
        for (int i = 0; i < n; i++)
            g[i] = how == MINUS_EXP ? -expf(f[i])
                   : how == REORDER ? f[interleaved(i, b->c->head_dim)]
                                    : f[i];
        *w = (gn_weight){.data = g,
                         .format = GN_F32,
                         .n = 1,
                         .rows = rows,
                         .cols = cols,
                         .step = (size_t)n * sizeof *g};
        ok = place(b, w, t, false);
    } else
        gn_fail(b->e, GN_NO_MEMORY, "tensor '%.*s': out of memory", (int)t->name.len, t->name.data);
    free(f);
    free(g);
    return ok && count(b, t->bytes);
}

static bool vector(binder *b, gn_weight *w, role r, int layer, int n) {
    return small(b, w, r, layer, 1, n, AS_IS);
}

/* A bias is there because the config says so; in a GGUF, because the file has it. */
static bool bias(binder *b, gn_weight *w, role r, int layer, int n, bool *said, change how) {
    if (b->gguf ? !look(b, r, layer) : !*said)
        return true;
    *said = true;
    return small(b, w, r, layer, 1, n, how);
}

/* ---- the parts of a layer -------------------------------------------------- */

static bool bind_mamba(binder *b, gn_mamba_weights *w, int l) {
    gn_config *c = b->c;
    const int I = gn_ssm_inner(c), C = gn_conv_channels(c), Hm = c->ssm_heads, D = c->hidden;
    w->ssd.groups = c->ssm_groups;
    w->ssd.dt_min = c->dt_min;
    w->ssd.dt_max = c->dt_max;
    return matrix(b, &w->in_proj, IN_PROJ, l, 1, I + C + Hm, D) &&
           bias(b, &w->in_bias, IN_BIAS, l, I + C + Hm, &c->mamba_proj_bias, AS_IS) &&
           small(b, &w->conv, CONV, l, C, c->conv_width, AS_IS) &&
           bias(b, &w->conv_bias, CONV_BIAS, l, C, &c->conv_bias, AS_IS) &&
           small(b, &w->ssd.A, A_LOG, l, 1, Hm, b->gguf ? AS_IS : MINUS_EXP) &&
           vector(b, &w->ssd.D, D_SKIP, l, Hm) && vector(b, &w->ssd.dt_bias, DT_BIAS, l, Hm) &&
           vector(b, &w->norm, SSM_NORM, l, I) && matrix(b, &w->out_proj, OUT_PROJ, l, 1, D, I) &&
           bias(b, &w->out_bias, OUT_BIAS, l, D, &c->mamba_proj_bias, AS_IS);
}

static bool bind_attention(binder *b, gn_attention_weights *w, int l) {
    gn_config *c = b->c;
    const int Qw = c->q_heads * c->head_dim, Kw = gn_kv_width(c), D = c->hidden;
    const change order = b->gguf ? REORDER : AS_IS;
    return heads(b, &w->q, Q, l, Qw) && heads(b, &w->k, K, l, Kw) &&
           matrix(b, &w->v, V, l, 1, Kw, D) && matrix(b, &w->o, O, l, 1, D, Qw) &&
           bias(b, &w->q_bias, Q_BIAS, l, Qw, &c->attention_bias, order) &&
           bias(b, &w->k_bias, K_BIAS, l, Kw, &c->attention_bias, order) &&
           bias(b, &w->v_bias, V_BIAS, l, Kw, &c->attention_bias, AS_IS) &&
           bias(b, &w->o_bias, O_BIAS, l, D, &c->attention_bias, AS_IS);
}

static bool bind_experts(binder *b, gn_layer_weights *w, int l) {
    const gn_config *c = b->c;
    const int E = c->experts, F = c->expert_ff, D = c->hidden;
    if (!E)
        return true;
    if (!matrix(b, &w->router, ROUTER, l, 1, E, D))
        return false;
    bool in = !b->gguf || look(b, EXPERTS_IN, l)
                  ? halves(b, &w->experts.gate, &w->experts.up, EXPERTS_IN, l, E, F, D)
                  : matrix(b, &w->experts.gate, EXPERTS_GATE, l, E, F, D) &&
                        matrix(b, &w->experts.up, EXPERTS_UP, l, E, F, D);
    return in && matrix(b, &w->experts.down, EXPERTS_DOWN, l, E, D, F);
}

static bool bind_mlp(binder *b, gn_layer_weights *w, int l) {
    gn_config *c = b->c;
    const int F = c->shared_ff, D = c->hidden;
    if (!F)
        return true;
    const bool fused = !b->gguf && strncmp(c->arch, "granitemoe", 10) == 0;
    bool in = fused ? halves(b, &w->gate, &w->up, MLP_IN, l, 1, F, D)
                    : matrix(b, &w->gate, GATE, l, 1, F, D) && matrix(b, &w->up, UP, l, 1, F, D);
    return in && matrix(b, &w->down, DOWN, l, 1, D, F) &&
           bias(b, &w->gate_bias, GATE_BIAS, l, F, &c->mlp_bias, AS_IS) &&
           bias(b, &w->up_bias, UP_BIAS, l, F, &c->mlp_bias, AS_IS) &&
           bias(b, &w->down_bias, DOWN_BIAS, l, D, &c->mlp_bias, AS_IS);
}

static bool bind_layer(binder *b, gn_layer_weights *w, int l) {
    const int D = b->c->hidden;
    return vector(b, &w->input_norm, INPUT_NORM, l, D) &&
           vector(b, &w->post_norm, POST_NORM, l, D) &&
           (b->c->mixer[l] == GN_MAMBA ? bind_mamba(b, &w->mamba, l)
                                       : bind_attention(b, &w->attention, l)) &&
           bind_experts(b, w, l) && bind_mlp(b, w, l);
}

/* ---- what belongs to no layer ----------------------------------------------- */

/* The head's presence decides whether it is tied, not the flag. */
static bool bind_head(binder *b, gn_weights *w, gn_str *warnings) {
    gn_keys say = {.warnings = warnings, .e = b->e};
    const bool there = look(b, HEAD, 0);
    if (!b->gguf && there && b->c->tied)
        gn_keys_warn(&say,
                     "tie_word_embeddings is true, but there is a lm_head.weight: it is used");
    if (!b->gguf && !there && !b->c->tied)
        gn_keys_warn(&say, "tie_word_embeddings is false, but there is no lm_head.weight: "
                           "the embedding is used");
    b->c->tied = !there;
    if (!there) {
        w->head = w->embedding;
        return true;
    }
    return matrix(b, &w->head, HEAD, 0, 1, b->c->vocab, b->c->hidden);
}

static bool bind_frequency(binder *b, gn_weights *w) {
    const int n = b->c->rotary / 2;
    if (!n)
        return true;
    float f[GN_MAX_HEAD_DIM / 2], factor[GN_MAX_HEAD_DIM / 2];
    gn_frequency(f, b->c);
    const gn_tensor *t = look(b, ROPE_FACTORS, 0);
    if (t) {
        if (!find(b, ROPE_FACTORS, 0) || !shaped(b, t, 1, 1, n))
            return false;
        gn_format_of(t->format)->unpack(t->data, factor, (size_t)n);
        for (int i = 0; i < n; i++) {
            if (!(factor[i] > 0))
                return gn_fail(b->e, GN_FORMAT, "tensor 'rope_freqs.weight': number %d is %g", i,
                               (double)factor[i]);
            f[i] /= factor[i];
        }
    }
    w->frequency = (gn_weight){
        .data = f, .format = GN_F32, .n = 1, .rows = 1, .cols = n, .step = (size_t)n * sizeof *f};
    return gn_place(b->d, &w->frequency, false, b->e);
}

/* ---- what a GGUF's keys leave open ------------------------------------------- */

/* Rows of a role's matrix, the last dimension but one; 0 if there is none. */
static int rows_of(const binder *b, role r) {
    const gn_tensor *t = look(b, r, 0);
    return t && t->dims >= 2 && t->dim[t->dims - 2] <= GN_MAX_VOCAB ? (int)t->dim[t->dims - 2] : 0;
}

static bool complete(binder *b) {
    gn_config *c = b->c;
    const int vocab = rows_of(b, EMBEDDING);
    if (!c->vocab)
        c->vocab = vocab;
    c->shared_ff = rows_of(b, GATE);
    c->expert_ff = 0;
    if (c->experts)
        c->expert_ff =
            look(b, EXPERTS_IN, 0) ? rows_of(b, EXPERTS_IN) / 2 : rows_of(b, EXPERTS_GATE);
    c->conv_bias = c->attention_bias = c->mlp_bias = c->mamba_proj_bias = false;
    if (c->vocab < 1)
        return gn_fail(b->e, GN_FORMAT, "tensor 'token_embd.weight' is missing");
    if (c->experts ? c->expert_ff < 1 : c->shared_ff < 1)
        return gn_fail(b->e, GN_FORMAT, "tensor 'blk.0.%s.weight' is missing",
                       c->experts ? "ffn_gate_exps" : "ffn_gate");
    return true;
}

/* Buffers that older checkpoints carry along and nobody reads. */
static bool harmless(gn_slice name) {
    return gn_slice_ends(name, GN_S("rotary_emb.inv_freq")) ||
           gn_slice_ends(name, GN_S("rope_freqs.weight"));
}

enum { SHOWN = 8 };

static void tell_unused(binder *b, gn_str *warnings) {
    gn_keys say = {.warnings = warnings, .e = b->e};
    int unused = 0;
    for (int i = 0; i < gn_tensors_count(b->t); i++) {
        const gn_tensor *t = gn_tensors_at(b->t, i);
        if (gn_map_get(&b->used, t->name, NULL) || harmless(t->name) || t->bytes == 0)
            continue;
        if (unused++ < SHOWN)
            gn_keys_warn(&say, "tensor '%.*s' is not used", (int)t->name.len, t->name.data);
    }
    if (unused > SHOWN)
        gn_keys_warn(&say, "%d more tensors are not used", unused - SHOWN);
}

static bool bind(binder *b, gn_weights *w, gn_str *warnings) {
    const gn_config *c = b->c;
    if (b->gguf && !complete(b))
        return false;
    if (!matrix(b, &w->embedding, EMBEDDING, 0, 1, c->vocab, c->hidden) ||
        !bind_head(b, w, warnings) || !vector(b, &w->final_norm, FINAL_NORM, 0, c->hidden) ||
        !bind_frequency(b, w))
        return false;
    for (int l = 0; l < c->layers; l++)
        if (!bind_layer(b, &w->layer[l], l))
            return false;
    tell_unused(b, warnings);
    return true;
}

gn_weights *gn_weights_open(gn_device *d, gn_config *c, const gn_tensors *t, gn_str *warnings,
                            bool (*progress)(void *user, size_t done, size_t all), void *user,
                            gn_error *e) {
    binder b = {.d = d,
                .c = c,
                .t = t,
                .gguf = gn_tensors_container(t) == GN_GGUF,
                .progress = progress,
                .user = user,
                .e = e};
    gn_weights *w = calloc(1, sizeof *w);
    if (w)
        w->layer = calloc((size_t)c->layers, sizeof *w->layer);
    bool ok = w && w->layer;
    if (!ok)
        gn_fail(e, GN_NO_MEMORY, "weights: out of memory");
    ok = ok && bind(&b, w, warnings);
    gn_map_release(&b.used);
    if (ok)
        return w;
    gn_weights_free(w);
    return NULL;
}

void gn_weights_free(gn_weights *w) {
    if (!w)
        return;
    free(w->layer);
    free(w);
}
