/* config.c - what config.json says of a model.
 *
 * One table names every key that transformers' configurations of the family
 * have, and says of each whether we read it, may pass over it, or refuse any
 * value of it that would change a logit. What is absent gets transformers'
 * default, which differs between the relatives.
 */
#include "core/model/config.h"

#include "core/model/keys.h"
#include "core/model/limits.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

enum {
    HYBRID = 1,
    GRANITE = 2,
    MOE = 4,
    SHARED = 8,
    BAMBA = 16,
    LLAMA = 32,
    WITH_MAMBA = HYBRID | BAMBA,
    WITH_EXPERTS = HYBRID | MOE | SHARED,
    WITH_MULTIPLIERS = HYBRID | GRANITE | MOE | SHARED,
    WITH_MLP_BIAS = GRANITE | BAMBA | LLAMA,
    ALL = 63
};

typedef struct family {
    const char *name;
    int bit;
    int vocab, ff, shared_ff, kv_heads; /* defaults; kv_heads 0: as many as query heads */
    int64_t context;
    double eps;
} family;

static const family families[] = {
    {"granitemoehybrid", HYBRID, 32000, 11008, 1024, 0, 2048, 1e-6},
    {"granite", GRANITE, 32000, 11008, 0, 0, 2048, 1e-6},
    {"granitemoe", MOE, 32000, 11008, 0, 0, 2048, 1e-6},
    {"granitemoeshared", SHARED, 32000, 11008, 0, 0, 2048, 1e-6},
    {"bamba", BAMBA, 128000, 14336, 0, 8, 262144, 1e-5},
    {"llama", LLAMA, 32000, 11008, 0, 0, 2048, 1e-6},
};

typedef enum use {
    READ,    /* below; null is refused */
    OR_NULL, /* below; null is as good as absent */
    PASS,    /* changes no logit */
    REFUSE,  /* anything but null, false, 0, "" or `neutral` is refused */
} use;

/* By whom it is read (READ, OR_NULL) or why it is refused (REFUSE). */
static const struct known {
    const char *key;
    use use;
    int families;
    const char *neutral, *why;
} known[] = {
    {"model_type", READ, ALL, 0, 0},
    {"vocab_size", READ, ALL, 0, 0},
    {"hidden_size", READ, ALL, 0, 0},
    {"num_hidden_layers", READ, ALL, 0, 0},
    {"intermediate_size", READ, ALL, 0, 0},
    {"shared_intermediate_size", READ, HYBRID | SHARED, 0, 0},
    {"num_attention_heads", READ, ALL, 0, 0},
    {"num_key_value_heads", OR_NULL, ALL, 0, 0},
    {"head_dim", OR_NULL, ALL, 0, 0},
    {"hidden_act", READ, ALL, 0, 0},
    {"max_position_embeddings", READ, ALL, 0, 0},
    {"original_max_position_embeddings", OR_NULL, ALL, 0, 0},
    {"rms_norm_eps", READ, ALL, 0, 0},
    {"tie_word_embeddings", READ, ALL, 0, 0},
    {"bos_token_id", OR_NULL, ALL, 0, 0},
    {"eos_token_id", OR_NULL, ALL, 0, 0},
    {"pad_token_id", OR_NULL, ALL, 0, 0},
    {"rope_theta", OR_NULL, ALL, 0, 0},
    {"rope_scaling", OR_NULL, ALL, 0, 0},
    {"rope_parameters", OR_NULL, ALL, 0, 0},
    {"partial_rotary_factor", OR_NULL, ALL, 0, 0},
    {"attn_rotary_emb", OR_NULL, BAMBA, 0, 0},
    {"position_embedding_type", OR_NULL, ALL, 0, 0},
    {"attention_bias", READ, ALL, 0, 0},
    {"mlp_bias", READ, WITH_MLP_BIAS, 0, 0},
    {"embedding_multiplier", READ, WITH_MULTIPLIERS, 0, 0},
    {"attention_multiplier", READ, WITH_MULTIPLIERS, 0, 0},
    {"residual_multiplier", READ, WITH_MULTIPLIERS, 0, 0},
    {"logits_scaling", READ, WITH_MULTIPLIERS, 0, 0},
    {"num_local_experts", READ, WITH_EXPERTS, 0, 0},
    {"num_experts_per_tok", READ, WITH_EXPERTS, 0, 0},
    {"output_router_logits", OR_NULL, WITH_EXPERTS, 0, 0},
    {"router_aux_loss_coef", OR_NULL, WITH_EXPERTS, 0, 0},
    {"layer_types", OR_NULL, ALL, 0, 0},
    {"layers_block_type", OR_NULL, ALL, 0, 0},
    {"attn_layer_indices", OR_NULL, BAMBA, 0, 0},
    {"mamba_n_heads", READ, WITH_MAMBA, 0, 0},
    {"mamba_n_groups", READ, WITH_MAMBA, 0, 0},
    {"mamba_d_state", READ, WITH_MAMBA, 0, 0},
    {"mamba_d_head", READ, WITH_MAMBA, 0, 0},
    {"mamba_d_conv", READ, WITH_MAMBA, 0, 0},
    {"mamba_expand", READ, WITH_MAMBA, 0, 0},
    {"mamba_conv_bias", READ, WITH_MAMBA, 0, 0},
    {"mamba_proj_bias", READ, WITH_MAMBA, 0, 0},
    {"time_step_limit", OR_NULL, WITH_MAMBA, 0, 0},

    {"architectures", PASS, ALL, 0, 0},           /* looked at: is it a language model? */
    {"mamba_chunk_size", PASS, WITH_MAMBA, 0, 0}, /* any cut of the scan gives the same */
    {"time_step_min", PASS, ALL, 0, 0},           /* ranges of the initialisation, not a clamp */
    {"time_step_max", PASS, ALL, 0, 0},
    {"time_step_floor", PASS, ALL, 0, 0},
    {"initializer_range", PASS, ALL, 0, 0},
    {"init_method", PASS, ALL, 0, 0},
    {"attention_dropout", PASS, ALL, 0, 0}, /* training only */
    {"z_loss_coefficient", PASS, ALL, 0, 0},
    {"use_cache", PASS, ALL, 0, 0},
    {"num_logits_to_keep", PASS, ALL, 0, 0},
    {"pretraining_tp", PASS, ALL, 0, 0}, /* the same sum, cut for several machines */
    {"torch_dtype", PASS, ALL, 0, 0},    /* every tensor says its own */
    {"dtype", PASS, ALL, 0, 0},
    {"use_mamba_kernels", PASS, ALL, 0, 0},
    {"mamba_use_kernels", PASS, ALL, 0, 0},
    {"transformers_version", PASS, ALL, 0, 0},
    {"_name_or_path", PASS, ALL, 0, 0},
    {"_attn_implementation_autoset", PASS, ALL, 0, 0},
    {"auto_map", PASS, ALL, 0, 0},
    {"return_dict", PASS, ALL, 0, 0},
    {"output_attentions", PASS, ALL, 0, 0},
    {"output_hidden_states", PASS, ALL, 0, 0},
    {"tie_last_hidden_states", PASS, ALL, 0, 0},
    {"chunk_size_feed_forward", PASS, ALL, 0, 0}, /* the same rows, some at a time */
    {"id2label", PASS, ALL, 0, 0},
    {"label2id", PASS, ALL, 0, 0},
    {"num_labels", PASS, ALL, 0, 0},
    {"problem_type", PASS, ALL, 0, 0},
    {"is_decoder", PASS, ALL, 0, 0},
    {"decoder_start_token_id", PASS, ALL, 0, 0},
    {"sep_token_id", PASS, ALL, 0, 0},
    {"torchscript", PASS, ALL, 0, 0},
    {"task_specific_params", PASS, ALL, 0, 0},
    {"tokenizer_class", PASS, ALL, 0, 0},
    {"is_llama_config", PASS, ALL, 0, 0},
    {"transformers.js_config", PASS, ALL, 0, 0},

    {"quantization_config", REFUSE, ALL, 0, "quantised safetensors are not read; use a GGUF"},
    {"compression_config", REFUSE, ALL, 0, "compressed safetensors are not read; use a GGUF"},
    {"sliding_window", REFUSE, ALL, 0, "attention over a sliding window is not done"},
    {"use_sliding_window", REFUSE, ALL, 0, "attention over a sliding window is not done"},
    {"attention_chunk_size", REFUSE, ALL, 0, "attention in chunks is not done"},
    {"attn_logit_softcapping", REFUSE, ALL, 0, "scores are not capped"},
    {"final_logit_softcapping", REFUSE, ALL, 0, "logits are not capped"},
    {"clip_qkv", REFUSE, ALL, 0, "queries, keys and values are not clipped"},
    {"qk_norm", REFUSE, ALL, 0, "queries and keys are not normed"},
    {"use_qk_norm", REFUSE, ALL, 0, "queries and keys are not normed"},
    {"qk_layernorm", REFUSE, ALL, 0, "queries and keys are not normed"},
    {"alibi", REFUSE, ALL, 0, "positions are rotated or not at all"},
    {"rope_interleaved", REFUSE, ALL, 0, "a head's halves are rotated, not its neighbours"},
    {"rotary_dim", REFUSE, ALL, 0, "how much of a head is rotated follows from model_type"},
    {"rotary_pct", REFUSE, ALL, "1", "how much of a head is rotated follows from model_type"},
    {"normalization_function", REFUSE, ALL, "rmsnorm", "only rmsnorm is done"},
    {"norm_before_gate", REFUSE, ALL, 0, "the gate comes before the norm"},
    {"routed_scaling_factor", REFUSE, ALL, "1", "what experts give is not scaled"},
    {"norm_topk_prob", REFUSE, ALL, "true", "the chosen experts' weights sum to 1"},
    {"scoring_func", REFUSE, ALL, "softmax", "experts are weighed by softmax"},
    {"mlp_layer_types", REFUSE, ALL, 0, "all layers have the same feed-forward"},
    {"per_layer_config", REFUSE, ALL, 0, "layers that differ in size are not done"},
    {"is_encoder_decoder", REFUSE, ALL, 0, "only decoders are done"},
    {"add_cross_attention", REFUSE, ALL, 0, "only decoders are done"},
    {"text_config", REFUSE, ALL, 0, "a language model inside a larger one is not read"},
};

enum { KNOWN = sizeof known / sizeof *known, FAMILIES = sizeof families / sizeof *families };

/* ---- which keys there are ------------------------------------------------ */

/* Nothing, or what says "no". */
static bool empty(const gn_value *v) {
    double number;
    switch (v->kind) {
    case GN_NULL:
        return true;
    case GN_BOOL:
        return !v->boolean;
    case GN_STRING:
        return v->string.len == 0;
    case GN_LIST:
    case GN_MAP:
        return gn_value_count(v) == 0;
    default:
        return gn_value_to_number(v, &number) && number == 0;
    }
}

static bool neutral(const gn_value *v, const char *text) {
    double number, want;
    if (empty(v))
        return !text || strcmp(text, "true") != 0 || v->kind == GN_NULL;
    if (!text)
        return false;
    if (v->kind == GN_BOOL)
        return strcmp(text, "true") == 0;
    if (v->kind == GN_STRING)
        return gn_slice_is(v->string, text);
    return gn_value_to_number(v, &number) && gn_parse_number(gn_slice_of(text), &want) &&
           number == want;
}

static const struct known *find_key(gn_slice name) {
    for (int i = 0; i < KNOWN; i++)
        if (gn_slice_is(name, known[i].key))
            return &known[i];
    return NULL;
}

static void look_at_keys(gn_keys *k, const family *f) {
    for (size_t i = 0; i < k->map->map.count; i++) {
        const gn_entry *entry = &k->map->map.entry[i];
        const struct known *key = find_key(entry->key);
        if (!key)
            gn_keys_warn(k, "config.json: key '%.*s' is not known and has no effect",
                         (int)entry->key.len, entry->key.data);
        else if (key->use == REFUSE && !neutral(entry->value, key->neutral))
            gn_keys_refuse(k, key->key, entry->value, GN_UNSUPPORTED, "%s", key->why);
        else if (key->use == READ && (key->families & f->bit) && entry->value->kind == GN_NULL)
            gn_keys_refuse(k, key->key, entry->value, GN_FORMAT, "want a value");
        else if (key->use != PASS && key->use != REFUSE && !(key->families & f->bit) &&
                 !empty(entry->value))
            gn_keys_warn(k, "config.json: key '%s' has no effect on a %s", key->key, f->name);
    }
}

static const family *find_family(gn_keys *k) {
    const gn_value *v = gn_keys_get(k, "model_type");
    for (int i = 0; i < FAMILIES; i++)
        if (gn_slice_is(gn_value_text(v), families[i].name))
            return &families[i];
    gn_keys_refuse(k, "model_type", v, GN_UNSUPPORTED,
                   "want granitemoehybrid, granite, granitemoe, granitemoeshared, bamba or llama");
    return NULL;
}

/* The same body may carry another head. */
static void check_head(gn_keys *k) {
    const gn_value *v = gn_keys_get(k, "architectures");
    gn_slice name = gn_value_text(gn_value_at(v, 0));
    if (name.len && !gn_slice_ends(name, GN_S("ForCausalLM")))
        gn_keys_refuse(k, "architectures", v, GN_UNSUPPORTED, "want a ...ForCausalLM");
}

/* ---- layers --------------------------------------------------------------- */

static bool same_kind(gn_slice name, gn_mixer *mixer) {
    if (gn_slice_is(name, "mamba") || gn_slice_is(name, "linear_attention"))
        *mixer = GN_MAMBA;
    else if (gn_slice_is(name, "attention") || gn_slice_is(name, "full_attention"))
        *mixer = GN_ATTENTION;
    else
        return false;
    return true;
}

/* A list of names under key, if there is one; told says whether the mixers are known already. */
static bool read_list(gn_keys *k, gn_config *c, const char *key, bool told) {
    const gn_value *list = gn_keys_get(k, key);
    if (!list)
        return told;
    if (!gn_value_is(list, GN_LIST) || gn_value_count(list) != (size_t)c->layers) {
        gn_keys_refuse(k, key, list, GN_FORMAT, "want a list of num_hidden_layers = %d names",
                       c->layers);
        return true;
    }
    for (int l = 0; l < c->layers; l++) {
        const gn_value *name = gn_value_at(list, (size_t)l);
        gn_mixer mixer;
        if (!same_kind(gn_value_text(name), &mixer)) {
            gn_keys_refuse(k, key, name, GN_UNSUPPORTED,
                           "in layer %d, want mamba, linear_attention, attention or full_attention",
                           l);
            return true;
        }
        if (told && mixer != c->mixer[l]) {
            gn_keys_refuse(k, key, name, GN_FORMAT, "in layer %d, another key says otherwise", l);
            return true;
        }
        c->mixer[l] = mixer;
    }
    return true;
}

static void read_indices(gn_keys *k, gn_config *c) {
    const gn_value *list = gn_keys_get(k, "attn_layer_indices");
    for (size_t i = 0; i < gn_value_count(list); i++) {
        int64_t l;
        if (!gn_value_to_integer(gn_value_at(list, i), &l) || l < 0 || l >= c->layers) {
            gn_keys_refuse(k, "attn_layer_indices", list, GN_FORMAT,
                           "want layers from 0 to num_hidden_layers - 1 = %d", c->layers - 1);
            return;
        }
        c->mixer[l] = GN_ATTENTION;
    }
}

static void read_layers(gn_keys *k, gn_config *c, const family *f) {
    c->layers = gn_keys_int(k, "num_hidden_layers", 32, 1, GN_MAX_LAYERS);
    for (int l = 0; l < c->layers; l++)
        c->mixer[l] = f->bit & WITH_MAMBA ? GN_MAMBA : GN_ATTENTION;
    if (f->bit == BAMBA)
        read_indices(k, c);
    bool told = f->bit != HYBRID; /* the others know without a list; it must agree */
    told = read_list(k, c, "layer_types", told);
    read_list(k, c, "layers_block_type", told);
}

static bool has(const gn_config *c, gn_mixer mixer) {
    for (int l = 0; l < c->layers; l++)
        if (c->mixer[l] == mixer)
            return true;
    return false;
}

/* ---- attention and rope --------------------------------------------------- */

static void read_attention(gn_keys *k, gn_config *c, const family *f) {
    c->q_heads = gn_keys_int(k, "num_attention_heads", 32, 1, GN_MAX_HEADS);
    const int same = c->q_heads, fallback = f->kv_heads ? f->kv_heads : same;
    const bool null = gn_value_is(gn_value_get(k->map, GN_S("num_key_value_heads")), GN_NULL);
    c->kv_heads = gn_keys_int(k, "num_key_value_heads", null ? same : fallback, 1, GN_MAX_HEADS);
    if (c->q_heads % c->kv_heads)
        gn_keys_refuse(k, "num_key_value_heads", gn_keys_get(k, "num_key_value_heads"), GN_FORMAT,
                       "want a divisor of num_attention_heads = %d", c->q_heads);
    if (!gn_keys_get(k, "head_dim") && c->hidden % c->q_heads)
        gn_keys_refuse(k, "num_attention_heads", gn_keys_get(k, "num_attention_heads"), GN_FORMAT,
                       "want a divisor of hidden_size = %d, for there is no head_dim", c->hidden);
    int head_dim = c->hidden / c->q_heads;
    c->head_dim = gn_keys_int(k, "head_dim", head_dim, 1, GN_MAX_HEAD_DIM);
    if (c->head_dim < 1 || c->head_dim > GN_MAX_HEAD_DIM) {
        gn_keys_refuse(k, "num_attention_heads", gn_keys_get(k, "num_attention_heads"),
                       GN_UNSUPPORTED, "heads of hidden_size / %d = %d are wider than %d",
                       c->q_heads, head_dim, GN_MAX_HEAD_DIM);
        c->head_dim = 1;
    }
    c->attention_bias = gn_keys_bool(k, "attention_bias", false);
}

static const char *const rope_keys[] = {
    "rope_theta",
    "rope_type",
    "type",
    "factor",
    "low_freq_factor",
    "high_freq_factor",
    "partial_rotary_factor",
    "original_max_position_embeddings",
};

/* The map that says how to rotate: rope_scaling wins over rope_parameters, as in transformers. */
static const gn_value *rope_map(gn_keys *k) {
    static const char *const name[] = {"rope_scaling", "rope_parameters"};
    const gn_value *found = NULL;
    for (int i = 0; i < 2; i++) {
        const gn_value *v = gn_keys_get(k, name[i]);
        if (v && !gn_value_is(v, GN_MAP))
            gn_keys_refuse(k, name[i], v, GN_FORMAT, "want an object or null");
        else if (found && gn_value_count(v) && !gn_value_equal(found, v))
            gn_keys_warn(k, "config.json: rope_parameters differs from rope_scaling, which counts");
        else if (!found && gn_value_count(v))
            found = v;
    }
    return found;
}

static void check_rope_keys(gn_keys *k, const gn_value *map) {
    for (size_t i = 0; map && i < map->map.count; i++) {
        const gn_entry *entry = &map->map.entry[i];
        gn_mixer mixer;
        bool found = false;
        for (size_t j = 0; j < sizeof rope_keys / sizeof *rope_keys; j++)
            found |= gn_slice_is(entry->key, rope_keys[j]);
        if (same_kind(entry->key, &mixer))
            gn_keys_refuse(k, "rope_parameters", map, GN_UNSUPPORTED,
                           "rotation that differs between layers is not done");
        else if (!found)
            gn_keys_warn(k, "config.json: rope key '%.*s' is not known and has no effect",
                         (int)entry->key.len, entry->key.data);
    }
}

static void read_llama3(gn_keys *k, gn_keys *rope, gn_config *c) {
    static const char *const needed[] = {"factor", "low_freq_factor", "high_freq_factor"};
    for (int i = 0; i < 3; i++)
        if (!gn_keys_get(rope, needed[i]))
            gn_keys_refuse(rope, needed[i], NULL, GN_FORMAT, "rope type llama3 needs it");
    const int64_t trained =
        gn_keys_long(rope, "original_max_position_embeddings", c->context, 1, GN_MAX_CONTEXT);
    c->rope_scaling.on = true;
    c->rope_scaling.factor = gn_keys_float(rope, "factor", 1, 1e-6, 1e6);
    c->rope_scaling.low = gn_keys_float(rope, "low_freq_factor", 1, 1e-6, 1e6);
    c->rope_scaling.high = gn_keys_float(rope, "high_freq_factor", 4, 1e-6, 1e6);
    c->rope_scaling.context =
        (float)gn_keys_long(k, "original_max_position_embeddings", trained, 1, GN_MAX_CONTEXT);
    if (!(c->rope_scaling.low < c->rope_scaling.high))
        gn_keys_refuse(rope, "high_freq_factor", gn_keys_get(rope, "high_freq_factor"), GN_FORMAT,
                       "want more than low_freq_factor = %g", (double)c->rope_scaling.low);
}

/* How much of a head is rotated: all of it, but half in Bamba, unless its rope_parameters say
 * otherwise; a factor beside them Bamba's configuration overwrites, and the others have none. */
static void read_rotary(gn_keys *k, gn_keys *rope, gn_config *c, const family *f) {
    const bool half = f->bit == BAMBA;
    const float whole = half ? 0.5f : 1.0f;
    const gn_value *beside = gn_keys_get(k, "partial_rotary_factor");
    if (gn_keys_float(k, "partial_rotary_factor", whole, 0, 1) != whole)
        gn_keys_refuse(k, "partial_rotary_factor", beside, GN_UNSUPPORTED,
                       "a %s rotates %s of a head", f->name, half ? "half" : "all");
    const float part = gn_keys_float(rope, "partial_rotary_factor", whole, 0, 1);
    if (!half && part != 1.0f)
        gn_keys_refuse(rope, "partial_rotary_factor", gn_keys_get(rope, "partial_rotary_factor"),
                       GN_UNSUPPORTED, "a %s rotates all of a head", f->name);
    c->rotary = (int)((float)c->head_dim * part);
    if (c->rotary < 2 || c->rotary % 2)
        gn_keys_refuse(k, "head_dim", gn_keys_get(k, "head_dim"), GN_UNSUPPORTED,
                       "%d of a head's %d numbers would be rotated, want an even number of them",
                       c->rotary, c->head_dim);
    const int said = gn_keys_int(k, "attn_rotary_emb", c->rotary, 0, GN_MAX_HEAD_DIM);
    if (half && said != c->rotary)
        gn_keys_refuse(k, "attn_rotary_emb", gn_keys_get(k, "attn_rotary_emb"), GN_UNSUPPORTED,
                       "a bamba with heads of %d rotates %d", c->head_dim, c->rotary);
}

static void read_rope(gn_keys *k, gn_config *c, const family *f) {
    gn_slice kind = gn_keys_text(k, "position_embedding_type", "");
    const bool nope = !kind.len || gn_slice_is(kind, "nope"), rope = gn_slice_is(kind, "rope");
    if (!nope && !rope)
        gn_keys_refuse(k, "position_embedding_type", gn_keys_get(k, "position_embedding_type"),
                       GN_UNSUPPORTED, "want rope, nope or null");
    if (f->bit == HYBRID && !rope)
        return;
    if (f->bit != HYBRID && kind.len && !rope)
        gn_keys_refuse(k, "position_embedding_type", gn_keys_get(k, "position_embedding_type"),
                       GN_UNSUPPORTED, "a %s always rotates", f->name);

    const gn_value *map = rope_map(k);
    gn_keys r = {.map = map, .prefix = "", .warnings = k->warnings, .e = k->e};
    check_rope_keys(k, map);
    if (k->failed)
        return;
    read_rotary(k, &r, c, f);
    const float beside = gn_keys_float(k, "rope_theta", 10000, 1, 1e15);
    c->rope_theta = gn_keys_float(&r, "rope_theta", beside, 1, 1e15);
    gn_slice type = gn_keys_text(&r, "rope_type", "");
    if (!type.len)
        type = gn_keys_text(&r, "type", "default");
    if (gn_slice_is(type, "llama3"))
        read_llama3(k, &r, c);
    else if (!gn_slice_is(type, "default"))
        gn_keys_refuse(&r, "rope_type", gn_value_get(map, GN_S("rope_type")), GN_UNSUPPORTED,
                       "'%.*s' is not done, want default or llama3", (int)type.len, type.data);
    k->failed |= r.failed;
}

/* ---- mamba ---------------------------------------------------------------- */

static void read_limit(gn_keys *k, gn_config *c) {
    const gn_value *v = gn_keys_get(k, "time_step_limit");
    double low = 0, high = INFINITY;
    if (v &&
        (!gn_value_is(v, GN_LIST) || gn_value_count(v) != 2 ||
         !gn_keys_number(gn_value_at(v, 0), &low) || !gn_keys_number(gn_value_at(v, 1), &high) ||
         !(low <= high) || !(high >= 0) || !(low < FLT_MAX)))
        gn_keys_refuse(k, "time_step_limit", v, GN_FORMAT, "want [least, most] of a positive step");
    c->dt_min = (float)low;
    c->dt_max = (float)high;
}

static void read_mamba(gn_keys *k, gn_config *c) {
    c->ssm_heads = gn_keys_int(k, "mamba_n_heads", 128, 1, GN_MAX_HEADS);
    c->ssm_state = gn_keys_int(k, "mamba_d_state", 256, 1, GN_MAX_SSM_STATE);
    c->ssm_groups = gn_keys_int(k, "mamba_n_groups", 1, 1, GN_MAX_HEADS);
    c->conv_width = gn_keys_int(k, "mamba_d_conv", 4, 1, GN_MAX_CONV);
    if (c->ssm_heads % c->ssm_groups)
        gn_keys_refuse(k, "mamba_n_groups", gn_keys_get(k, "mamba_n_groups"), GN_FORMAT,
                       "want a divisor of mamba_n_heads = %d", c->ssm_heads);

    const double expand = (double)gn_keys_float(k, "mamba_expand", 2, 1e-3, 1e3);
    const double inner = expand * c->hidden;
    const double each = inner / c->ssm_heads;
    if (each != floor(each) || each < 1 || each > GN_MAX_HEAD_DIM) {
        gn_keys_refuse(k, "mamba_n_heads", gn_keys_get(k, "mamba_n_heads"), GN_FORMAT,
                       "want a divisor of mamba_expand * hidden_size = %g into parts of at most %d",
                       inner, GN_MAX_HEAD_DIM);
        return;
    }
    c->ssm_head_dim = (int)each;
    const gn_value *head = gn_keys_get(k, "mamba_d_head");
    int64_t said = c->ssm_head_dim;
    if (head && !gn_slice_is(gn_value_text(head), "auto") &&
        (!gn_value_to_integer(head, &said) || said != c->ssm_head_dim))
        gn_keys_refuse(k, "mamba_d_head", head, GN_FORMAT,
                       "want \"auto\" or mamba_expand * hidden_size / mamba_n_heads = %d",
                       c->ssm_head_dim);
    c->conv_bias = gn_keys_bool(k, "mamba_conv_bias", true);
    c->mamba_proj_bias = gn_keys_bool(k, "mamba_proj_bias", false);
    read_limit(k, c);
}

/* ---- feed-forward, multipliers, tokens ------------------------------------ */

static void read_feed_forward(gn_keys *k, gn_config *c, const family *f) {
    const int ff = gn_keys_int(k, "intermediate_size", f->ff, 0, GN_MAX_WIDTH);
    const gn_value *act = gn_keys_get(k, "hidden_act");
    if (act && !gn_slice_is(gn_value_text(act), "silu") &&
        !gn_slice_is(gn_value_text(act), "swish"))
        gn_keys_refuse(k, "hidden_act", act, GN_UNSUPPORTED, "want silu");
    if (f->bit & WITH_MLP_BIAS)
        c->mlp_bias = gn_keys_bool(k, "mlp_bias", false);
    c->shared_ff = ff;
    if (f->bit & WITH_EXPERTS) {
        c->shared_ff = f->bit == MOE ? 0
                                     : gn_keys_int(k, "shared_intermediate_size", f->shared_ff, 0,
                                                   GN_MAX_WIDTH);
        c->experts = gn_keys_int(k, "num_local_experts", 8, f->bit != HYBRID, GN_MAX_EXPERTS);
        if (c->experts) {
            c->experts_used = gn_keys_int(k, "num_experts_per_tok", 2, 1, c->experts);
            c->expert_ff = ff;
        }
        if (c->experts && gn_keys_bool(k, "output_router_logits", false))
            c->aux_loss = gn_keys_float(k, "router_aux_loss_coef", 0.001f, 0, FLT_MAX);
    }
    if (!c->shared_ff && !c->expert_ff)
        gn_keys_refuse(k, "intermediate_size", gn_keys_get(k, "intermediate_size"), GN_FORMAT,
                       "there is no feed-forward, neither experts nor one for all");
    else if (c->experts && !c->expert_ff)
        gn_keys_refuse(k, "intermediate_size", gn_keys_get(k, "intermediate_size"), GN_FORMAT,
                       "%d experts have no width", c->experts);
}

static float multiplier(gn_keys *k, const char *key, double least) {
    if (!gn_keys_get(k, key))
        gn_keys_warn(k, "config.json: %s is missing; transformers takes 1, and so it is here", key);
    return gn_keys_float(k, key, 1.0f, least, 1e6);
}

static void read_multipliers(gn_keys *k, gn_config *c, const family *f) {
    c->embedding_multiplier = c->residual_multiplier = c->logits_scaling = 1.0f;
    c->attention_multiplier = c->head_dim ? 1.0f / sqrtf((float)c->head_dim) : 1.0f;
    if (!(f->bit & WITH_MULTIPLIERS))
        return;
    c->embedding_multiplier = multiplier(k, "embedding_multiplier", 0);
    c->residual_multiplier = multiplier(k, "residual_multiplier", 0);
    c->logits_scaling = multiplier(k, "logits_scaling", 1e-6);
    c->attention_multiplier = multiplier(k, "attention_multiplier", 0);
}

static int32_t token(gn_keys *k, const char *key, int32_t fallback) {
    if (gn_value_is(gn_value_get(k->map, gn_slice_of(key)), GN_NULL))
        return -1;
    return (int32_t)gn_keys_long(k, key, fallback, -1, INT32_MAX);
}

static void read_tokens(gn_keys *k, gn_config *c, const family *f) {
    c->bos = token(k, "bos_token_id", 1);
    c->pad = token(k, "pad_token_id", f->bit == BAMBA ? 0 : -1);
    const gn_value *eos = gn_keys_get(k, "eos_token_id");
    if (!gn_value_is(eos, GN_LIST)) {
        c->eos[0] = token(k, "eos_token_id", 2);
        c->n_eos = c->eos[0] >= 0;
        return;
    }
    for (size_t i = 0; i < gn_value_count(eos); i++) {
        int64_t id;
        if (i == sizeof c->eos / sizeof *c->eos || !gn_value_to_integer(gn_value_at(eos, i), &id) ||
            id < 0 || id > INT32_MAX) {
            gn_keys_refuse(k, "eos_token_id", eos, GN_FORMAT, "want at most 16 token ids");
            return;
        }
        c->eos[c->n_eos++] = (int32_t)id;
    }
}

bool gn_config_from_json(gn_config *c, const gn_value *json, gn_str *warnings, gn_error *e) {
    gn_keys k = {.map = json, .prefix = "", .warnings = warnings, .e = e};
    *c = (gn_config){.bos = -1, .pad = -1, .dt_max = INFINITY};
    if (!gn_value_is(json, GN_MAP))
        return gn_fail(e, GN_FORMAT, "config.json: want an object");
    const family *f = find_family(&k);
    if (!f)
        return gn_context(e, "config.json");

    snprintf(c->arch, sizeof c->arch, "%s", f->name);
    look_at_keys(&k, f);
    check_head(&k);
    c->vocab = gn_keys_int(&k, "vocab_size", f->vocab, 1, GN_MAX_VOCAB);
    c->hidden = gn_keys_int(&k, "hidden_size", 4096, 1, GN_MAX_WIDTH);
    c->context = gn_keys_long(&k, "max_position_embeddings", f->context, 1, GN_MAX_CONTEXT);
    c->norm_eps = gn_keys_float(&k, "rms_norm_eps", (float)f->eps, 0, 1);
    c->tied = gn_keys_bool(&k, "tie_word_embeddings", false);
    read_layers(&k, c, f);
    if (has(c, GN_ATTENTION)) {
        read_attention(&k, c, f);
        read_rope(&k, c, f);
    }
    if (has(c, GN_MAMBA))
        read_mamba(&k, c);
    read_feed_forward(&k, c, f);
    read_multipliers(&k, c, f);
    read_tokens(&k, c, f);
    return k.failed ? gn_context(e, "config.json") : true;
}
