/* convert.c - tensors: see convert.h. Keys are convert_keys.c's. */
#include "core/convert.h"

#include "core/model/frequency.h"

#include <math.h>
#include <stdio.h>

enum { NAME = 128 };

/* What becomes of a folder's tensor. */
typedef enum change {
    AS_IS,
    QUERY, /* rows interleaved, by head */
    KEY,
    HALVES,    /* gate above up: two pieces */
    NO_MIDDLE, /* [C, 1, W] to [C, W] */
    COLUMN,    /* [n] to [n, 1] */
    MINUS_EXP, /* the same, -exp() of each */
    GROUPS,    /* [I] to [G, I/G] */
} change;

/* Where the shared feed-forward's name depends on whether there are experts. */
typedef struct rule {
    const char *hf, *gguf, *second; /* second: of the lower half */
    change change;
    bool shared;
} rule;

static const rule of_model[] = {
    {"model.embed_tokens.weight", "token_embd.weight", NULL, AS_IS, false},
    {"model.norm.weight", "output_norm.weight", NULL, AS_IS, false},
    {"model.final_layernorm.weight", "output_norm.weight", NULL, AS_IS, false},
    {"lm_head.weight", "output.weight", NULL, AS_IS, false},
};

static const rule of_layer[] = {
    {"input_layernorm.weight", "attn_norm", NULL, AS_IS, false},
    {"self_attn.q_proj.weight", "attn_q", NULL, QUERY, false},
    {"self_attn.q_proj.bias", "attn_q", NULL, QUERY, false},
    {"self_attn.k_proj.weight", "attn_k", NULL, KEY, false},
    {"self_attn.k_proj.bias", "attn_k", NULL, KEY, false},
    {"self_attn.v_proj.weight", "attn_v", NULL, AS_IS, false},
    {"self_attn.v_proj.bias", "attn_v", NULL, AS_IS, false},
    {"self_attn.o_proj.weight", "attn_output", NULL, AS_IS, false},
    {"self_attn.o_proj.bias", "attn_output", NULL, AS_IS, false},
    {"mamba.in_proj.weight", "ssm_in", NULL, AS_IS, false},
    {"mamba.conv1d.weight", "ssm_conv1d", NULL, NO_MIDDLE, false},
    {"mamba.conv1d.bias", "ssm_conv1d", NULL, AS_IS, false},
    {"mamba.dt_bias", "ssm_dt.bias", NULL, AS_IS, false},
    {"mamba.A_log", "ssm_a", NULL, MINUS_EXP, false},
    {"mamba.D", "ssm_d", NULL, COLUMN, false},
    {"mamba.norm.weight", "ssm_norm", NULL, GROUPS, false},
    {"mamba.out_proj.weight", "ssm_out", NULL, AS_IS, false},
    {"post_attention_layernorm.weight", "ffn_norm", NULL, AS_IS, false},
    {"pre_ff_layernorm.weight", "ffn_norm", NULL, AS_IS, false},
    {"block_sparse_moe.router.layer.weight", "ffn_gate_inp", NULL, AS_IS, false},
    {"block_sparse_moe.router.weight", "ffn_gate_inp", NULL, AS_IS, false},
    {"block_sparse_moe.input_linear.weight", "ffn_gate_exps", "ffn_up_exps", HALVES, false},
    {"block_sparse_moe.experts.gate_up_proj", "ffn_gate_exps.weight", "ffn_up_exps.weight", HALVES,
     false},
    {"block_sparse_moe.output_linear.weight", "ffn_down_exps", NULL, AS_IS, false},
    {"block_sparse_moe.experts.down_proj", "ffn_down_exps.weight", NULL, AS_IS, false},
    {"shared_mlp.input_linear.weight", "ffn_gate", "ffn_up", HALVES, true},
    {"shared_mlp.output_linear.weight", "ffn_down", NULL, AS_IS, true},
    {"mlp.gate_proj.weight", "ffn_gate", NULL, AS_IS, false},
    {"mlp.gate_proj.bias", "ffn_gate", NULL, AS_IS, false},
    {"mlp.up_proj.weight", "ffn_up", NULL, AS_IS, false},
    {"mlp.up_proj.bias", "ffn_up", NULL, AS_IS, false},
    {"mlp.down_proj.weight", "ffn_down", NULL, AS_IS, false},
    {"mlp.down_proj.bias", "ffn_down", NULL, AS_IS, false},
    {"feed_forward.gate_proj.weight", "ffn_gate", NULL, AS_IS, false},
    {"feed_forward.gate_proj.bias", "ffn_gate", NULL, AS_IS, false},
    {"feed_forward.up_proj.weight", "ffn_up", NULL, AS_IS, false},
    {"feed_forward.up_proj.bias", "ffn_up", NULL, AS_IS, false},
    {"feed_forward.down_proj.weight", "ffn_down", NULL, AS_IS, false},
    {"feed_forward.down_proj.bias", "ffn_down", NULL, AS_IS, false},
};

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

/* Room for one more, named; its shape and rows are the whole of t. */
static gn_piece *add(gn_pieces *p, const gn_tensor *t, gn_slice name, gn_error *e) {
    if (!gn_vec_reserve(&p->piece, &p->capacity, p->count + 1, sizeof *p->piece)) {
        no_memory(e);
        return NULL;
    }
    gn_piece *one = &p->piece[p->count++];
    *one = (gn_piece){.name = gn_arena_copy(&p->arena, name), .from = t, .rows = 1, .cols = 1};
    if (!one->name.data) {
        no_memory(e);
        return NULL;
    }
    if (t) {
        one->dims = t->dims;
        for (int i = 0; i < t->dims; i++) {
            one->dim[i] = t->dim[i];
            if (i + 1 < t->dims)
                one->rows *= t->dim[i];
        }
        one->cols = t->dims ? t->dim[t->dims - 1] : 1;
        one->all_rows = one->rows;
    }
    return one;
}

/* "ffn_down", of a shared expert "ffn_down_shexp"; then what the folder's name ends with. */
static gn_slice name_of(const rule *r, const char *base, int layer, bool shared, char out[NAME]) {
    const char *dot = strrchr(r->hf, '.'),
               *end = dot && strcmp(dot, ".bias") == 0 ? dot : ".weight";
    if (layer < 0)
        return gn_slice_of(base);
    const bool whole = strchr(base, '.') || r->change == MINUS_EXP || r->change == COLUMN;
    const int n =
        snprintf(out, NAME, "blk.%d.%s%s%s", layer, base, shared ? "_shexp" : "", whole ? "" : end);
    return (gn_slice){out, (size_t)n};
}

/* A vector whose numbers change places: rows of one number. */
static void as_rows(gn_piece *one) {
    if (one->dims > 1)
        return;
    one->rows = one->all_rows = one->cols;
    one->cols = 1;
}

static void reshape(gn_piece *one, const rule *r, const gn_config *c) {
    const int64_t n = one->rows * one->cols;
    switch (r->change) {
    case QUERY:
    case KEY:
        as_rows(one);
        one->head_dim = c->head_dim;
        break;
    case NO_MIDDLE:
        one->dims = 2;
        one->dim[0] = gn_conv_channels(c);
        one->dim[1] = c->conv_width;
        break;
    case MINUS_EXP:
    case COLUMN:
        one->dims = 2;
        one->dim[0] = n;
        one->dim[1] = 1;
        one->minus_exp = r->change == MINUS_EXP;
        break;
    case GROUPS:
        one->dims = 2;
        one->dim[0] = c->ssm_groups;
        one->dim[1] = n / c->ssm_groups;
        break;
    default:
        break;
    }
}

/* Rows [first, first + half) of each matrix, the matrices being the last two dimensions. */
static void take_half(gn_piece *one, bool second) {
    const int last = one->dims - 1;
    one->all_rows = one->dim[last - 1];
    one->rows = one->dim[last - 1] /= 2;
    one->first = second ? one->rows : 0;
}

static bool add_rule(gn_pieces *p, const gn_engine *g, const rule *r, int layer, gn_map *used,
                     gn_error *e) {
    char hf[NAME], out[NAME];
    if (layer < 0)
        snprintf(hf, sizeof hf, "%s", r->hf);
    else
        snprintf(hf, sizeof hf, "model.layers.%d.%s", layer, r->hf);
    const gn_tensor *t = gn_tensors_find(g->tensors, gn_slice_of(hf));
    if (!t)
        return true;
    if (!gn_map_set(used, t->name, 1))
        return no_memory(e);
    const bool shared = r->shared && g->config.experts > 0;
    gn_piece *one = add(p, t, name_of(r, r->gguf, layer, shared, out), e);
    if (!one)
        return false;
    if (r->change != HALVES) {
        reshape(one, r, &g->config);
        return true;
    }
    take_half(one, false);
    one = add(p, t, name_of(r, r->second, layer, shared, out), e);
    if (!one)
        return false;
    take_half(one, true);
    return true;
}

/* Rope type llama3 as a GGUF has it: what each plain frequency is divided by. */
static bool add_rope_factors(gn_pieces *p, const gn_config *c, gn_error *e) {
    gn_config plain = *c;
    const int n = c->rotary / 2;
    float *factor = gn_arena_alloc(&p->arena, (size_t)n * sizeof *factor);
    float *scaled = gn_arena_alloc(&p->arena, (size_t)n * sizeof *scaled);
    gn_piece *one = add(p, NULL, GN_S("rope_freqs.weight"), e);
    if (!one)
        return false;
    if (!factor || !scaled)
        return no_memory(e);
    plain.rope_scaling.on = false;
    gn_frequency(factor, &plain);
    gn_frequency(scaled, c);
    for (int i = 0; i < n; i++)
        factor[i] /= scaled[i];
    one->numbers = factor;
    one->dims = 1;
    one->dim[0] = one->cols = n;
    return true;
}

static bool from_folder(gn_pieces *p, const gn_engine *g, gn_map *used, gn_error *e) {
    const int n_model = sizeof of_model / sizeof *of_model,
              n_layer = sizeof of_layer / sizeof *of_layer;
    for (int i = 0; i < n_model; i++)
        if (!(g->config.tied && strcmp(of_model[i].gguf, "output.weight") == 0) &&
            !add_rule(p, g, &of_model[i], -1, used, e))
            return false;
    if (g->config.rope_scaling.on && !add_rope_factors(p, &g->config, e))
        return false;
    for (int l = 0; l < g->config.layers; l++)
        for (int i = 0; i < n_layer; i++)
            if (!add_rule(p, g, &of_layer[i], l, used, e))
                return false;
    return true;
}

static void warn_unused(const gn_engine *g, const gn_map *used, gn_str *warnings) {
    for (int i = 0; i < gn_tensors_count(g->tensors); i++) {
        const gn_slice name = gn_tensors_at(g->tensors, i)->name;
        if (!gn_map_get(used, name, NULL))
            gn_str_fmt(warnings, "tensor '%.*s' has no place in a GGUF and is left out\n",
                       (int)name.len, name.data);
    }
}

static bool from_gguf(gn_pieces *p, const gn_engine *g, gn_error *e) {
    for (int i = 0; i < gn_tensors_count(g->tensors); i++) {
        const gn_tensor *t = gn_tensors_at(g->tensors, i);
        if (!add(p, t, t->name, e))
            return false;
    }
    return true;
}

bool gn_pieces_of(gn_pieces *p, const gn_engine *g, gn_str *warnings, gn_error *e) {
    gn_map used = {0};
    *p = (gn_pieces){0};
    if (gn_tensors_container(g->tensors) == GN_GGUF)
        return from_gguf(p, g, e);
    const bool ok = from_folder(p, g, &used, e);
    if (ok)
        warn_unused(g, &used, warnings);
    gn_map_release(&used);
    return ok;
}

void gn_pieces_release(gn_pieces *p) {
    free(p->piece);
    gn_arena_release(&p->arena);
    *p = (gn_pieces){0};
}
