/* config_gguf.c - what a GGUF's key-value section says of a model.
 *
 * The names are llama.cpp's. A file leaves some numbers to its tensors: biases,
 * whether the head is tied, and for us every width, since converters disagree
 * about feed_forward_length; core/model/weights.c completes the config.
 */
#include "core/model/config.h"

#include "core/model/keys.h"
#include "core/model/limits.h"

#include <math.h>
#include <stdio.h>

typedef struct architecture {
    const char *gguf, *name; /* general.architecture; as HF's model_type */
    bool scaled;             /* has multipliers, and rope.scaling.finetuned: rope or none */
    bool experts, hybrid;    /* may have experts, and mamba layers (which Bamba's are, too) */
} architecture;

static const architecture architectures[] = {
    {"granitehybrid", "granitemoehybrid", true, true, true},
    {"granite", "granite", true, false, false},
    {"granitemoe", "granitemoe", true, true, false},
    {"llama", "llama", false, false, false},
};

/* Keys under the architecture's prefix: those read below, and those that have no effect. */
static const char *const known[] = {
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "expert_feed_forward_length",
    "expert_shared_feed_forward_length",
    "expert_count",
    "expert_used_count",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.layer_norm_rms_epsilon",
    "attention.layer_norm_epsilon",
    "attention.key_length",
    "attention.value_length",
    "attention.scale",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    "embedding_scale",
    "residual_scale",
    "logit_scale",
    "ssm.conv_kernel",
    "ssm.state_size",
    "ssm.group_count",
    "ssm.inner_size",
    "ssm.time_step_rank",
    "ssm.dt_b_c_rms",
    "vocab_size",
    "tensor_data_layout",
};

/* Keys of which any value but null, false, 0, "" and `neutral` would change a logit. */
static const struct refused {
    const char *key, *neutral, *why;
} refused[] = {
    {"rope.scaling.type", "none", "only plain rope and rope_freqs.weight are done"},
    {"rope.scaling.factor", "1", "only plain rope and rope_freqs.weight are done"},
    {"rope.scale_linear", "1", "only plain rope and rope_freqs.weight are done"},
    {"rope.scaling.attn_factor", "1", "only plain rope and rope_freqs.weight are done"},
    {"attention.sliding_window", NULL, "attention over a sliding window is not done"},
    {"attention.causal", "true", "only causal attention is done"},
    {"attention.clamp_kqv", NULL, "queries, keys and values are not clipped"},
    {"attention.max_alibi_bias", NULL, "positions are rotated or not at all"},
    {"attn_logit_softcapping", NULL, "scores are not capped"},
    {"final_logit_softcapping", NULL, "logits are not capped"},
    {"use_parallel_residual", NULL, "mixer and feed-forward follow one another"},
    {"expert_weights_scale", "1", "what experts give is not scaled"},
    {"expert_gating_func", "1", "experts are weighed by softmax"},
    {"expert_weights_norm", "true", "the chosen experts' weights sum to 1"},
    {"leading_dense_block_count", NULL, "all layers have the same feed-forward"},
    {"deepstack_mapping", NULL, "a language model inside a larger one is not read"},
};

static bool neutral(const gn_value *v, const char *text) {
    double number, want;
    const bool no = text && strcmp(text, "true") == 0;
    switch (v->kind) {
    case GN_NULL:
        return true;
    case GN_BOOL:
        return v->boolean == no;
    case GN_STRING:
        return v->string.len == 0 || (text && gn_slice_is(v->string, text));
    case GN_INTEGER:
    case GN_NUMBER:
        gn_value_to_number(v, &number);
        return number == 0 || (text && gn_parse_number(gn_slice_of(text), &want) && number == want);
    default:
        return gn_value_count(v) == 0;
    }
}

static void look_at_keys(gn_keys *k) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const gn_value *v = gn_keys_get(k, refused[i].key);
        if (v && !neutral(v, refused[i].neutral))
            gn_keys_refuse(k, refused[i].key, v, GN_UNSUPPORTED, "%s", refused[i].why);
    }
    for (size_t i = 0; i < k->map->map.count; i++) {
        gn_slice key = k->map->map.entry[i].key;
        if (!gn_slice_starts(key, gn_slice_of(k->prefix)))
            continue;
        gn_slice rest = gn_slice_from(key, strlen(k->prefix));
        bool found = false;
        for (size_t j = 0; j < sizeof known / sizeof *known; j++)
            found |= gn_slice_is(rest, known[j]);
        for (size_t j = 0; j < sizeof refused / sizeof *refused; j++)
            found |= gn_slice_is(rest, refused[j].key);
        if (!found)
            gn_keys_warn(k, "key '%.*s' is not known and has no effect", (int)key.len, key.data);
    }
}

static const architecture *find_architecture(gn_keys *k) {
    const gn_value *v = gn_keys_get(k, "general.architecture");
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (gn_slice_is(gn_value_text(v), architectures[i].gguf))
            return &architectures[i];
    gn_keys_refuse(k, "general.architecture", v, GN_UNSUPPORTED,
                   "want granitehybrid, granite, granitemoe or llama");
    return NULL;
}

static void need(gn_keys *k, const char *key) {
    if (!gn_keys_get(k, key))
        gn_keys_refuse(k, key, NULL, GN_FORMAT, "every model has it");
}

/* A number, or a list with one for each layer: 0 in those of the other kind, the same in the rest.
 * With mixer, 0 makes it a mamba layer. */
static int per_layer(gn_keys *k, gn_config *c, const char *key, int fallback, gn_mixer *mixer) {
    const gn_value *v = gn_keys_get(k, key);
    if (!gn_value_is(v, GN_LIST))
        return gn_keys_int(k, key, fallback, mixer ? 0 : 1, GN_MAX_HEADS);
    if (gn_value_count(v) != (size_t)c->layers) {
        gn_keys_refuse(k, key, v, GN_FORMAT, "want one number for each of %d layers", c->layers);
        return fallback;
    }
    int found = 0;
    for (int l = 0; l < c->layers; l++) {
        int64_t n;
        if (!gn_value_to_integer(gn_value_at(v, (size_t)l), &n) || n < 0 || n > GN_MAX_HEADS) {
            gn_keys_refuse(k, key, gn_value_at(v, (size_t)l), GN_FORMAT,
                           "in layer %d, want a whole number from 0 to %d", l, GN_MAX_HEADS);
            return fallback;
        }
        if (n && found && n != found) {
            gn_keys_refuse(k, key, v, GN_UNSUPPORTED, "layers that differ in heads are not done");
            return fallback;
        }
        if (n)
            found = (int)n;
        if (mixer)
            mixer[l] = n ? GN_ATTENTION : GN_MAMBA;
    }
    return found;
}

static bool has(const gn_config *c, gn_mixer mixer) {
    for (int l = 0; l < c->layers; l++)
        if (c->mixer[l] == mixer)
            return true;
    return false;
}

static void read_layers(gn_keys *k, gn_config *c) {
    need(k, "block_count");
    c->layers = gn_keys_int(k, "block_count", 1, 1, GN_MAX_LAYERS);
    for (int l = 0; l < c->layers; l++)
        c->mixer[l] = GN_ATTENTION;
    c->q_heads = per_layer(k, c, "attention.head_count", 1, NULL);
    c->kv_heads = per_layer(k, c, "attention.head_count_kv", c->q_heads, c->mixer);
    if (c->kv_heads == 0)
        for (int l = 0; l < c->layers; l++)
            c->mixer[l] = GN_MAMBA;
}

static void read_attention(gn_keys *k, gn_config *c, const architecture *a) {
    need(k, "attention.head_count");
    if (c->q_heads < 1 || c->q_heads % c->kv_heads) {
        gn_keys_refuse(k, "attention.head_count_kv", gn_keys_get(k, "attention.head_count_kv"),
                       GN_FORMAT, "want a divisor of attention.head_count = %d", c->q_heads);
        return;
    }
    if (!gn_keys_get(k, "attention.key_length") && c->hidden % c->q_heads)
        gn_keys_refuse(k, "attention.head_count", gn_keys_get(k, "attention.head_count"), GN_FORMAT,
                       "want a divisor of embedding_length = %d", c->hidden);
    c->head_dim = gn_keys_int(k, "attention.key_length", c->hidden / c->q_heads, 1, GN_MAX_WIDTH);
    if (c->head_dim < 2 || c->head_dim % 2 || c->head_dim > GN_MAX_HEAD_DIM)
        gn_keys_refuse(k, "attention.head_count", gn_keys_get(k, "attention.head_count"),
                       GN_UNSUPPORTED, "heads are %d wide, want an even width of at most %d",
                       c->head_dim, GN_MAX_HEAD_DIM);
    if (gn_keys_int(k, "attention.value_length", c->head_dim, 1, GN_MAX_WIDTH) != c->head_dim)
        gn_keys_refuse(k, "attention.value_length", gn_keys_get(k, "attention.value_length"),
                       GN_UNSUPPORTED, "want as much as attention.key_length = %d", c->head_dim);
    if (a->scaled && !gn_keys_bool(k, "rope.scaling.finetuned", true))
        return;
    c->rotary = gn_keys_int(k, "rope.dimension_count", c->head_dim, 2, GN_MAX_WIDTH);
    if (c->rotary > c->head_dim || c->rotary % 2)
        gn_keys_refuse(k, "rope.dimension_count", gn_keys_get(k, "rope.dimension_count"), GN_FORMAT,
                       "want an even number, at most a head's %d", c->head_dim);
    c->rope_theta = gn_keys_float(k, "rope.freq_base", 10000, 1, 1e15);
}

static void read_mamba(gn_keys *k, gn_config *c) {
    static const char *const needed[] = {"ssm.inner_size", "ssm.state_size", "ssm.group_count",
                                         "ssm.time_step_rank", "ssm.conv_kernel"};
    for (int i = 0; i < 5; i++)
        if (!gn_keys_get(k, needed[i]))
            gn_keys_refuse(k, needed[i], NULL, GN_FORMAT, "mamba layers need it");
    const int inner = gn_keys_int(k, "ssm.inner_size", 1, 1, GN_MAX_WIDTH);
    c->ssm_heads = gn_keys_int(k, "ssm.time_step_rank", 1, 1, GN_MAX_HEADS);
    c->ssm_state = gn_keys_int(k, "ssm.state_size", 1, 1, GN_MAX_SSM_STATE);
    c->ssm_groups = gn_keys_int(k, "ssm.group_count", 1, 1, GN_MAX_HEADS);
    c->conv_width = gn_keys_int(k, "ssm.conv_kernel", 1, 1, GN_MAX_CONV);
    c->ssm_head_dim = inner / c->ssm_heads;
    if (inner % c->ssm_heads || c->ssm_head_dim > GN_MAX_HEAD_DIM)
        gn_keys_refuse(k, "ssm.time_step_rank", gn_keys_get(k, "ssm.time_step_rank"), GN_FORMAT,
                       "want a divisor of ssm.inner_size = %d into parts of at most %d", inner,
                       GN_MAX_HEAD_DIM);
    if (c->ssm_heads % c->ssm_groups)
        gn_keys_refuse(k, "ssm.group_count", gn_keys_get(k, "ssm.group_count"), GN_FORMAT,
                       "want a divisor of ssm.time_step_rank = %d", c->ssm_heads);
}

static void read_experts(gn_keys *k, gn_config *c, const architecture *a) {
    c->experts = gn_keys_int(k, "expert_count", 0, 0, GN_MAX_EXPERTS);
    if (!c->experts)
        return;
    if (!a->experts)
        gn_keys_refuse(k, "expert_count", gn_keys_get(k, "expert_count"), GN_UNSUPPORTED,
                       "experts are read in granite models only");
    need(k, "expert_used_count");
    c->experts_used = gn_keys_int(k, "expert_used_count", 1, 1, c->experts);
}

/* Converters leave a scale out, or write 0, when there is none. */
static float scale(gn_keys *k, const char *key, float none) {
    const float v = gn_keys_float(k, key, 0, 0, 1e6);
    return v == 0 ? none : v;
}

static void read_scales(gn_keys *k, gn_config *c, const architecture *a) {
    const float usual = c->head_dim ? 1.0f / sqrtf((float)c->head_dim) : 1.0f;
    c->embedding_multiplier = a->scaled ? scale(k, "embedding_scale", 1) : 1;
    c->residual_multiplier = a->scaled ? scale(k, "residual_scale", 1) : 1;
    c->logits_scaling = a->scaled ? scale(k, "logit_scale", 1) : 1;
    c->attention_multiplier = a->scaled ? scale(k, "attention.scale", usual) : usual;
    if (a->scaled && !a->hybrid && !gn_keys_get(k, "logit_scale"))
        gn_keys_warn(k, "%slogit_scale is missing: logits are not scaled", k->prefix);
}

/* Ends of text, of a turn and of a message all end a reply. */
static void read_tokens(gn_keys *k, gn_config *c) {
    static const char *const ends[] = {"eos", "eot", "eom"};
    char key[64];
    for (int i = 0; i < 3; i++) {
        snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", ends[i]);
        int64_t id = gn_keys_long(k, key, -1, -1, UINT32_MAX);
        bool again = false;
        for (int j = 0; j < c->n_eos; j++)
            again |= c->eos[j] == id;
        if (id >= 0 && id <= INT32_MAX && !again)
            c->eos[c->n_eos++] = (int32_t)id;
    }
    int64_t bos = gn_keys_long(k, "tokenizer.ggml.bos_token_id", -1, -1, UINT32_MAX);
    int64_t pad = gn_keys_long(k, "tokenizer.ggml.padding_token_id", -1, -1, UINT32_MAX);
    c->bos = bos <= INT32_MAX ? (int32_t)bos : -1;
    c->pad = pad <= INT32_MAX ? (int32_t)pad : -1;
}

bool gn_config_from_gguf(gn_config *c, const gn_value *keys, gn_str *warnings, gn_error *e) {
    gn_keys k = {.map = keys, .prefix = "", .warnings = warnings, .e = e};
    *c = (gn_config){.bos = -1, .pad = -1, .dt_max = INFINITY};
    if (!gn_value_is(keys, GN_MAP))
        return gn_fail(e, GN_FORMAT, "want a GGUF's keys");
    const architecture *a = find_architecture(&k);
    if (!a)
        return false;
    read_tokens(&k, c);

    char prefix[32];
    snprintf(prefix, sizeof prefix, "%s.", a->gguf);
    k.prefix = prefix;
    snprintf(c->arch, sizeof c->arch, "%s", a->name);
    look_at_keys(&k);
    need(&k, "embedding_length");
    need(&k, "attention.layer_norm_rms_epsilon");
    c->vocab = gn_keys_int(&k, "vocab_size", 0, 1, GN_MAX_VOCAB);
    c->hidden = gn_keys_int(&k, "embedding_length", 1, 1, GN_MAX_WIDTH);
    c->context = gn_keys_long(&k, "context_length", 2048, 1, GN_MAX_CONTEXT);
    c->norm_eps = gn_keys_float(&k, "attention.layer_norm_rms_epsilon", 0, 0, 1);
    read_layers(&k, c);
    if (has(c, GN_ATTENTION))
        read_attention(&k, c, a);
    else
        c->q_heads = c->kv_heads = 0;
    if (has(c, GN_MAMBA) && !a->hybrid)
        gn_keys_refuse(&k, "attention.head_count_kv", gn_keys_get(&k, "attention.head_count_kv"),
                       GN_FORMAT, "want heads in every layer");
    else if (has(c, GN_MAMBA))
        read_mamba(&k, c);
    read_experts(&k, c, a);
    read_scales(&k, c, a);
    return !k.failed;
}
