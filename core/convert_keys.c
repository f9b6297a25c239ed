/* convert_keys.c - what a checkpoint says of itself, as the keys of a GGUF.
 *
 * The names are llama.cpp's and read back by core/model/config_gguf.c and
 * core/text/from_gguf.c. What has no key and would change a logit or a token is
 * refused by its name in the folder.
 */
#include "core/convert.h"
#include "core/text/to_gguf.h"

#include <math.h>
#include <stdio.h>

enum { QUANTISATION_VERSION = 2, CONTEXT_WITHOUT_ROPE = 1 << 20 };

typedef struct keys {
    gn_gguf *out;
    const gn_config *c;
    const char *arch;
    bool hybrid; /* granitemoehybrid, whatever its layers */
    char name[96];
} keys;

static const char *full(keys *k, const char *name) {
    snprintf(k->name, sizeof k->name, "%s.%s", k->arch, name);
    return k->name;
}
static void put_int(keys *k, const char *name, int64_t v) {
    gn_gguf_u32(k->out, full(k, name), (uint32_t)v);
}
static void put_float(keys *k, const char *name, float v) { gn_gguf_f32(k->out, full(k, name), v); }

static bool has(const gn_config *c, gn_mixer mixer) {
    for (int l = 0; l < c->layers; l++)
        if (c->mixer[l] == mixer)
            return true;
    return false;
}

static bool is(const gn_config *c, const char *arch) { return strcmp(c->arch, arch) == 0; }

static const char *architecture(const gn_config *c) {
    if (is(c, "llama"))
        return "llama";
    if (has(c, GN_MAMBA))
        return "granitehybrid";
    return c->experts ? "granitemoe" : "granite";
}

static bool check(const gn_config *c, gn_error *e) {
    if (has(c, GN_ATTENTION) && c->rotary && c->rotary != c->head_dim)
        return gn_fail(e, GN_UNSUPPORTED,
                       "partial_rotary_factor: %d of a head's %d numbers are rotated; readers of "
                       "GGUF disagree about which",
                       c->rotary, c->head_dim);
    if (has(c, GN_MAMBA) && (c->dt_min > 0 || !isinf(c->dt_max)))
        return gn_fail(e, GN_UNSUPPORTED, "time_step_limit [%g, %g] has no key in a GGUF",
                       (double)c->dt_min, (double)c->dt_max);
    if (c->mamba_proj_bias)
        return gn_fail(e, GN_UNSUPPORTED, "mamba_proj_bias: ssm_in has no bias in a GGUF");
    return true;
}

static void put_attention(keys *k) {
    const gn_config *c = k->c;
    if (c->q_heads)
        put_int(k, "attention.head_count", c->q_heads);
    if (k->hybrid || has(c, GN_MAMBA)) {
        int32_t heads[GN_MAX_LAYERS];
        for (int l = 0; l < c->layers; l++)
            heads[l] = c->mixer[l] == GN_ATTENTION ? c->kv_heads : 0;
        gn_gguf_i32s(k->out, full(k, "attention.head_count_kv"), heads, (size_t)c->layers);
    } else {
        put_int(k, "attention.head_count_kv", c->kv_heads);
    }
    if (!has(c, GN_ATTENTION))
        return;
    if (c->head_dim * c->q_heads != c->hidden) {
        put_int(k, "attention.key_length", c->head_dim);
        put_int(k, "attention.value_length", c->head_dim);
    }
    put_int(k, "rope.dimension_count", c->head_dim);
    if (c->rotary)
        put_float(k, "rope.freq_base", c->rope_theta);
}

static void put_mamba(keys *k) {
    const gn_config *c = k->c;
    put_int(k, "ssm.conv_kernel", c->conv_width);
    put_int(k, "ssm.state_size", c->ssm_state);
    put_int(k, "ssm.group_count", c->ssm_groups);
    put_int(k, "ssm.inner_size", gn_ssm_inner(c));
    put_int(k, "ssm.time_step_rank", c->ssm_heads);
}

static void put_feed_forward(keys *k) {
    const gn_config *c = k->c;
    put_int(k, "feed_forward_length", c->experts ? c->expert_ff : c->shared_ff);
    if (c->shared_ff && (k->hybrid || c->experts))
        put_int(k, "expert_shared_feed_forward_length", c->shared_ff);
    if (c->experts) {
        put_int(k, "expert_count", c->experts);
        put_int(k, "expert_used_count", c->experts_used);
    }
}

static void put_model(keys *k) {
    const gn_config *c = k->c;
    const bool scaled = strcmp(k->arch, "llama") != 0;
    const bool endless = has(c, GN_MAMBA) && !c->rotary && c->context < CONTEXT_WITHOUT_ROPE;
    put_int(k, "block_count", c->layers);
    put_int(k, "context_length", endless ? CONTEXT_WITHOUT_ROPE : c->context);
    put_int(k, "embedding_length", c->hidden);
    put_int(k, "vocab_size", c->vocab);
    put_feed_forward(k);
    put_attention(k);
    put_float(k, "attention.layer_norm_rms_epsilon", c->norm_eps);
    if (has(c, GN_MAMBA))
        put_mamba(k);
    if (!scaled)
        return;
    gn_gguf_bool(k->out, full(k, "rope.scaling.finetuned"), c->rotary != 0);
    put_float(k, "attention.scale", c->attention_multiplier);
    put_float(k, "embedding_scale", c->embedding_multiplier);
    put_float(k, "residual_scale", c->residual_multiplier);
    put_float(k, "logit_scale", c->logits_scaling);
}

/* ---- tokens ------------------------------------------------------------------ */

/* Every id that ends a reply: a GGUF has room for the ends of text, turn and message. */
static bool put_ends(gn_gguf *out, const gn_engine *g, const gn_gguf_tokenizer *t, gn_error *e) {
    static const char *const key[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                      "tokenizer.ggml.eom_token_id"};
    int32_t id[GN_MAX_EOS + 2];
    int n = 0;
    if (t->eos >= 0)
        id[n++] = t->eos;
    if (t->eot >= 0 && t->eot != t->eos)
        id[n++] = t->eot;
    for (int i = 0; i < g->n_eos; i++) {
        bool again = false;
        for (int j = 0; j < n; j++)
            again |= id[j] == g->eos[i];
        if (!again)
            id[n++] = g->eos[i];
    }
    if (n > 3)
        return gn_fail(e, GN_UNSUPPORTED,
                       "eos_token_id: %d ids end a reply, and a GGUF has keys for 3", n);
    for (int i = 0; i < n; i++)
        gn_gguf_u32(out, key[i], (uint32_t)id[i]);
    return true;
}

static void put_id(gn_gguf *out, const char *key, int32_t id) {
    if (id >= 0)
        gn_gguf_u32(out, key, (uint32_t)id);
}

static bool put_tokenizer(gn_gguf *out, gn_engine *g, const gn_value *json, gn_error *e) {
    gn_gguf_tokenizer t;
    gn_arena arena = {0};
    bool ok = gn_tokenizer_to_gguf(g->tokenizer, json, g->config.vocab, &arena, &t, e);
    if (ok) {
        gn_gguf_text(out, "tokenizer.ggml.model", GN_S("gpt2"));
        gn_gguf_text(out, "tokenizer.ggml.pre", gn_slice_of(t.pre));
        gn_gguf_texts(out, "tokenizer.ggml.tokens", t.token, t.size);
        gn_gguf_i32s(out, "tokenizer.ggml.token_type", t.type, t.size);
        gn_gguf_texts(out, "tokenizer.ggml.merges", t.merge, t.merges);
        const int32_t bos = t.add_bos || g->config.bos < 0 ? t.bos : g->config.bos;
        put_id(out, "tokenizer.ggml.bos_token_id", bos);
        put_id(out, "tokenizer.ggml.padding_token_id", t.pad >= 0 ? t.pad : g->config.pad);
        put_id(out, "tokenizer.ggml.unknown_token_id", t.unknown);
        gn_gguf_bool(out, "tokenizer.ggml.add_bos_token", t.add_bos);
        gn_gguf_bool(out, "tokenizer.ggml.add_eos_token", t.add_eos);
        gn_gguf_bool(out, "tokenizer.ggml.add_space_prefix", false);
        ok = put_ends(out, g, &t, e);
    }
    gn_arena_release(&arena);
    return ok;
}

/* Without a tokenizer only the ids that config.json names. */
static bool put_ids(gn_gguf *out, const gn_engine *g, gn_error *e) {
    const gn_gguf_tokenizer none = {.eos = -1, .eot = -1};
    put_id(out, "tokenizer.ggml.bos_token_id", g->config.bos);
    put_id(out, "tokenizer.ggml.padding_token_id", g->config.pad);
    return put_ends(out, g, &none, e);
}

static bool put_texts(gn_gguf *out, gn_engine *g, gn_error *e) {
    gn_str path = {0}, text = {0};
    gn_arena arena = {0};
    bool ok = true;
    if (g->tokenizer) {
        gn_path_join(&path,
                     gn_path_is_folder(g->path) ? gn_slice_of(g->path)
                                                : gn_path_folder(gn_slice_of(g->path)),
                     GN_S("tokenizer.json"));
        const gn_value *json = NULL;
        ok = gn_str_ok(&path, e) && gn_file_read(&text, path.data, 256 << 20, e) &&
             (json = gn_json_parse(&arena, gn_str_slice(&text), e)) != NULL &&
             put_tokenizer(out, g, json, e);
    } else {
        ok = put_ids(out, g, e);
    }
    if (ok && g->template_source.len)
        gn_gguf_text(out, "tokenizer.chat_template", gn_str_slice(&g->template_source));
    gn_arena_release(&arena);
    gn_str_release(&path);
    gn_str_release(&text);
    return ok;
}

/* ---- the two kinds of source ---------------------------------------------------- */

static void copy_keys(gn_gguf *out, const gn_tensors *from) {
    static const char *const anew[] = {"general.file_type", "general.quantization_version",
                                       "general.alignment"};
    const gn_value *all = gn_tensors_keys(from);
    for (size_t i = 0; i < gn_value_count(all); i++) {
        const gn_slice key = all->map.entry[i].key;
        bool copied =
            !gn_slice_starts(key, GN_S("split.")) && !gn_slice_starts(key, GN_S("quantize."));
        for (int k = 0; k < 3; k++)
            copied = copied && !gn_slice_is(key, anew[k]);
        if (copied)
            gn_gguf_copy(out, from, i);
    }
}

bool gn_convert_keys(gn_gguf *out, gn_engine *g, int file_type, gn_error *e) {
    const bool gguf = gn_tensors_container(g->tensors) == GN_GGUF;
    keys k = {.out = out,
              .c = &g->config,
              .arch = architecture(&g->config),
              .hybrid = is(&g->config, "granitemoehybrid")};
    if (gguf) {
        copy_keys(out, g->tensors);
    } else {
        if (!check(&g->config, e))
            return false;
        gn_gguf_text(out, "general.architecture", gn_slice_of(k.arch));
        gn_gguf_text(out, "general.type", GN_S("model"));
        gn_gguf_text(out, "general.name", gn_slice_of(g->name));
        put_model(&k);
    }
    gn_gguf_u32(out, "general.file_type", (uint32_t)file_type);
    gn_gguf_u32(out, "general.quantization_version", QUANTISATION_VERSION);
    return gguf || put_texts(out, g, e);
}
