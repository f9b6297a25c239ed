/* test_config.c - what a checkpoint says of itself is read, or refused in one sentence. */
/* floor: gn_model gn_cpu */
#include "tests/check.h"
#include "tests/toy.h"

#include "core/base/json.h"

/* A hybrid of four layers, before `more`: of two equal keys the last wins. */
#define HYBRID                                                                                     \
    "\"model_type\": \"granitemoehybrid\", \"vocab_size\": 100, \"hidden_size\": 64, "             \
    "\"num_hidden_layers\": 4, \"layer_types\": [\"mamba\", \"attention\", \"mamba\", \"mamba\"]," \
    "\"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"num_local_experts\": 6, "           \
    "\"num_experts_per_tok\": 2, \"intermediate_size\": 32, \"shared_intermediate_size\": 48, "    \
    "\"mamba_n_heads\": 8, \"mamba_d_head\": 16, \"mamba_d_state\": 20, \"mamba_n_groups\": 2, "   \
    "\"embedding_multiplier\": 12, \"attention_multiplier\": 0.0625, "                             \
    "\"residual_multiplier\": 0.22, \"logits_scaling\": 6, \"rms_norm_eps\": 1e-05"
#define PLAIN                                                                                      \
    "\"vocab_size\": 100, \"hidden_size\": 64, \"num_hidden_layers\": 2, "                         \
    "\"num_attention_heads\": 4, \"intermediate_size\": 32"
#define GRANITE                                                                                    \
    "\"model_type\": \"granite\", " PLAIN ", \"embedding_multiplier\": 12, "                       \
    "\"attention_multiplier\": 0.0625, \"residual_multiplier\": 0.22, \"logits_scaling\": 6"
#define LLAMA "\"model_type\": \"llama\", " PLAIN
#define BAMBA                                                                                      \
    "\"model_type\": \"bamba\", " PLAIN ", \"num_key_value_heads\": 2, \"mamba_n_heads\": 8, "     \
    "\"attn_layer_indices\": [1]"

static gn_arena arena;
static gn_str warnings;
static gn_error error;
static gn_config config;

static bool read(const char *a, const char *b) {
    gn_str text = {0};
    gn_str_cut(&warnings, 0);
    error = (gn_error){0};
    gn_str_fmt(&text, "{%s%s%s}", a, *b ? ", " : "", b);
    const gn_value *json = gn_json_parse(&arena, gn_str_slice(&text), &error);
    bool ok = json && gn_config_from_json(&config, json, &warnings, &error);
    gn_str_release(&text);
    if (ok == (error.code != GN_OK)) {
        printf("  result and error disagree: %s\n", error.message);
        CHECK(false);
    }
    return ok;
}

static bool good(const char *a, const char *b) {
    if (read(a, b))
        return true;
    printf("  %s: %s\n", b, error.message);
    return CHECK(false);
}

/* Refused, and the sentence holds each of the words. */
static void bad(const char *a, const char *b, gn_code code, const char *word, const char *word2) {
    if (!CHECK(!read(a, b))) {
        printf("  accepted: %s\n", b);
        return;
    }
    if (!CHECK(strstr(error.message, word) && strstr(error.message, word2) && error.code == code))
        printf("  %s -> %d %s\n", b, error.code, error.message);
}

static void warned(const char *a, const char *b, const char *word) {
    if (good(a, b) && !CHECK(strstr(gn_str_text(&warnings), word)))
        printf("  %s: warnings \"%s\"\n", b, gn_str_text(&warnings));
}

TEST(config_reads_a_hybrid) {
    const gn_config *c = &config;
    if (!good(HYBRID, "\"eos_token_id\": [7, 9], \"bos_token_id\": 5, \"pad_token_id\": null"))
        return;
    CHECK_TEXT(gn_str_text(&warnings), "");
    CHECK_TEXT(c->arch, "granitemoehybrid");
    CHECK(c->vocab == 100 && c->hidden == 64 && c->layers == 4 && c->context == 2048);
    CHECK(c->mixer[0] == GN_MAMBA && c->mixer[1] == GN_ATTENTION && c->mixer[3] == GN_MAMBA);
    CHECK(c->q_heads == 4 && c->kv_heads == 2 && c->head_dim == 16 && c->rotary == 0);
    CHECK(c->ssm_heads == 8 && c->ssm_head_dim == 16 && c->ssm_state == 20 && c->ssm_groups == 2);
    CHECK(gn_ssm_inner(c) == 128 && gn_conv_channels(c) == 208 && c->conv_width == 4);
    CHECK(c->experts == 6 && c->experts_used == 2 && c->expert_ff == 32 && c->shared_ff == 48);
    CHECK(c->dt_min == 0 && isinf(c->dt_max) && c->conv_bias && !c->mamba_proj_bias);
    CHECK(c->embedding_multiplier == 12 && c->attention_multiplier == 0.0625f);
    CHECK(c->residual_multiplier == 0.22f && c->logits_scaling == 6 && c->norm_eps == 1e-5f);
    CHECK(c->n_eos == 2 && c->eos[0] == 7 && c->eos[1] == 9 && c->bos == 5 && c->pad == -1);
    CHECK(!c->tied && c->aux_loss == 0);
}

TEST(config_knows_transformers_defaults) {
    const gn_config *c = &config;
    good("\"model_type\": \"granitemoehybrid\"", "");
    CHECK(c->vocab == 32000 && c->hidden == 4096 && c->layers == 32 && c->mixer[31] == GN_MAMBA);
    CHECK(c->ssm_heads == 128 && c->ssm_head_dim == 64 && c->ssm_state == 256);
    CHECK(c->experts == 8 && c->experts_used == 2 && c->expert_ff == 11008 && c->shared_ff == 1024);
    CHECK(c->norm_eps == 1e-6f && c->eos[0] == 2 && c->bos == 1 && !c->tied);
    CHECK(strstr(gn_str_text(&warnings), "logits_scaling is missing"));
    good("\"model_type\": \"bamba\"", "");
    CHECK(c->vocab == 128000 && c->shared_ff == 14336 && c->norm_eps == 1e-5f && c->pad == 0);
    CHECK(c->context == 262144 && c->experts == 0);
    CHECK_TEXT(gn_str_text(&warnings), "");
    good(BAMBA, "\"num_key_value_heads\": 8, \"num_attention_heads\": 8");
    CHECK(c->kv_heads == 8 && c->rotary == 4 && c->attention_multiplier == 1 / sqrtf(8));
    good("\"model_type\": \"llama\"", "");
    CHECK(c->kv_heads == 32 && c->head_dim == 128 && c->rotary == 128 && c->rope_theta == 10000);
    CHECK(c->attention_multiplier == 1 / sqrtf(128) && c->logits_scaling == 1);
    good("\"model_type\": \"granitemoe\"", "");
    CHECK(c->experts == 8 && c->shared_ff == 0 && c->rotary == 128);
    good("\"model_type\": \"granitemoeshared\"", "");
    CHECK(c->experts == 8 && c->shared_ff == 0);
}

TEST(config_takes_old_and_new_spellings) {
    const gn_config *c = &config;
    good(HYBRID, "\"layer_types\": null, \"layers_block_type\": [\"full_attention\", "
                 "\"linear_attention\", \"mamba\", \"attention\"]");
    CHECK(c->mixer[0] == GN_ATTENTION && c->mixer[1] == GN_MAMBA && c->mixer[2] == GN_MAMBA);
    CHECK(c->mixer[3] == GN_ATTENTION);
    good(HYBRID, "\"time_step_limit\": [0.5, {\"__float__\": \"Infinity\"}]");
    CHECK(c->dt_min == 0.5f && isinf(c->dt_max));
    good(HYBRID, "\"time_step_limit\": [0.0, Infinity]");
    CHECK(c->dt_min == 0 && isinf(c->dt_max));
    good(HYBRID, "\"time_step_limit\": [0.001, 0.1]");
    CHECK(c->dt_min == 0.001f && c->dt_max == 0.1f);
    good(HYBRID, "\"position_embedding_type\": \"rope\", \"rope_theta\": 5e7");
    CHECK(c->rotary == 16 && c->rope_theta == 5e7f);
    good(HYBRID, "\"position_embedding_type\": \"rope\", \"rope_theta\": 3, "
                 "\"rope_parameters\": {\"rope_theta\": 7, \"rope_type\": \"default\"}");
    CHECK(c->rope_theta == 7);
    good(HYBRID, "\"position_embedding_type\": \"nope\", \"rope_theta\": 3");
    CHECK(c->rotary == 0);
    good(HYBRID, "\"mamba_d_head\": \"auto\", \"torch_dtype\": \"bfloat16\", \"hidden_act\": "
                 "\"swish\"");
    CHECK(c->ssm_head_dim == 16);
    good(HYBRID, "\"num_key_value_heads\": null, \"head_dim\": null");
    CHECK(c->kv_heads == 4 && c->head_dim == 16);
    good(HYBRID, "\"output_router_logits\": true, \"router_aux_loss_coef\": 0.02");
    CHECK(c->aux_loss == 0.02f);
    good(HYBRID, "\"num_local_experts\": 0, \"num_experts_per_tok\": 0");
    CHECK(c->experts == 0 && c->experts_used == 0 && c->expert_ff == 0 && c->shared_ff == 48);
    good(GRANITE, "\"head_dim\": 24");
    CHECK(c->head_dim == 24 && c->rotary == 24);
}

TEST(config_reads_llama3_scaling_by_either_name) {
    const gn_config *c = &config;
    static const char *const spelt[] = {
        "\"rope_theta\": 500000, \"rope_scaling\": {\"type\": \"llama3\", \"factor\": 8, "
        "\"low_freq_factor\": 1, \"high_freq_factor\": 4, "
        "\"original_max_position_embeddings\": 8192}",
        "\"rope_parameters\": {\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, "
        "\"high_freq_factor\": 4, \"original_max_position_embeddings\": 8192, "
        "\"rope_theta\": 500000}"};
    for (int i = 0; i < 2; i++) {
        good(LLAMA, spelt[i]);
        CHECK(c->rope_scaling.on && c->rope_scaling.factor == 8 && c->rope_scaling.low == 1);
        CHECK(c->rope_scaling.high == 4 && c->rope_scaling.context == 8192);
        CHECK(c->rope_theta == 500000);
    }
    good(LLAMA, "\"max_position_embeddings\": 4096, \"rope_scaling\": {\"rope_type\": \"llama3\", "
                "\"factor\": 8, \"low_freq_factor\": 1, \"high_freq_factor\": 4}");
    CHECK(c->rope_scaling.context == 4096);
    bad(LLAMA, "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8}", GN_FORMAT,
        "low_freq_factor is missing", "llama3");
}

TEST(config_ignores_numbers_of_layers_that_are_not_there) {
    good(HYBRID, "\"layer_types\": [\"attention\", \"attention\", \"attention\", \"attention\"], "
                 "\"mamba_n_heads\": 7, \"mamba_d_head\": 3, \"mamba_n_groups\": 5");
    CHECK(config.ssm_heads == 0 && gn_conv_channels(&config) == 0);
    good(HYBRID, "\"layer_types\": [\"mamba\", \"mamba\", \"mamba\", \"mamba\"], "
                 "\"num_attention_heads\": 5, \"num_key_value_heads\": 3");
    CHECK(config.q_heads == 0 && gn_kv_width(&config) == 0);
}

TEST(config_refuses_what_would_change_a_logit) {
    static const struct {
        const char *more, *word, *word2;
    } no[] = {
        {"\"hidden_act\": \"gelu\"", "hidden_act", "silu"},
        {"\"sliding_window\": 128", "sliding_window is 128", "not done"},
        {"\"quantization_config\": {\"bits\": 8}", "quantization_config", "GGUF"},
        {"\"position_embedding_type\": \"alibi\"", "position_embedding_type", "rope"},
        {"\"position_embedding_type\": \"rope\", \"rope_scaling\": {\"type\": \"yarn\"}", "yarn",
         "llama3"},
        {"\"position_embedding_type\": \"rope\", \"rope_parameters\": {\"rope_type\": \"linear\", "
         "\"factor\": 2}",
         "linear", "rope_type"},
        {"\"position_embedding_type\": \"rope\", \"partial_rotary_factor\": 0.5",
         "partial_rotary_factor", "all of a head"},
        {"\"position_embedding_type\": \"rope\", \"rope_parameters\": {\"full_attention\": {}}",
         "rope_parameters", "between layers"},
        {"\"normalization_function\": \"layernorm\"", "normalization_function", "rmsnorm"},
        {"\"layer_types\": [\"mamba\", \"sliding_attention\", \"mamba\", \"mamba\"]",
         "sliding_attention", "layer 1"},
        {"\"layer_types\": [\"mamba\", \"attention\", 3, \"mamba\"]", "layer_types is 3",
         "layer 2"},
        {"\"architectures\": [\"GraniteMoeHybridForSequenceClassification\"]", "architectures",
         "ForCausalLM"},
        {"\"norm_topk_prob\": false", "norm_topk_prob", "sum to 1"},
        {"\"per_layer_config\": {\"0\": {\"hidden_size\": 3}}", "per_layer_config", "layers"},
        {"\"model_type\": \"qwen2\"", "model_type is \"qwen2\"", "granitemoehybrid"},
    };
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        bad(HYBRID, no[i].more, GN_UNSUPPORTED, no[i].word, no[i].word2);
    bad("", "", GN_UNSUPPORTED, "model_type is missing", "llama");
    bad(LLAMA, "\"rope_interleaved\": true", GN_UNSUPPORTED, "rope_interleaved", "halves");
    bad(BAMBA, "\"attn_rotary_emb\": 16", GN_UNSUPPORTED, "attn_rotary_emb", "8");
    bad(LLAMA, "\"layer_types\": [\"sliding_attention\", \"full_attention\"]", GN_UNSUPPORTED,
        "sliding_attention", "layer 0");
    good(HYBRID, "\"sliding_window\": null, \"quantization_config\": null, \"norm_topk_prob\": "
                 "true, \"use_sliding_window\": false, \"normalization_function\": \"rmsnorm\"");
    CHECK_TEXT(gn_str_text(&warnings), "");
}

TEST(config_refuses_hostile_numbers) {
    static const struct {
        const char *more, *word, *word2;
    } no[] = {
        {"\"num_hidden_layers\": 1099511627776", "num_hidden_layers is 1099511627776", "256"},
        {"\"num_hidden_layers\": 3", "layer_types", "3"},
        {"\"num_hidden_layers\": -1", "num_hidden_layers is -1", "1 to 256"},
        {"\"num_hidden_layers\": 0", "num_hidden_layers is 0", "1 to 256"},
        {"\"num_hidden_layers\": null", "num_hidden_layers is null", "value"},
        {"\"num_hidden_layers\": true", "num_hidden_layers is true", "whole"},
        {"\"num_hidden_layers\": 2.5", "num_hidden_layers is 2.5", "whole"},
        {"\"vocab_size\": \"many\"", "vocab_size is \"many\"", "whole"},
        {"\"vocab_size\": 1e30", "vocab_size is 1e+30", "whole"},
        {"\"hidden_size\": -64", "hidden_size is -64", "whole"},
        {"\"hidden_size\": 4294967296", "hidden_size is 4294967296", "whole"},
        {"\"num_attention_heads\": 6", "num_attention_heads is 6", "64"},
        {"\"num_attention_heads\": 0", "num_attention_heads is 0", "1 to"},
        {"\"num_key_value_heads\": 3", "num_key_value_heads is 3", "4"},
        {"\"num_key_value_heads\": 0", "num_key_value_heads is 0", "1 to"},
        {"\"head_dim\": 100000", "head_dim is 100000", "256"},
        {"\"hidden_size\": 4096, \"mamba_n_heads\": 128, \"mamba_d_head\": 64", "wider than 256",
         "num_attention_heads"},
        {"\"mamba_n_heads\": 14", "mamba_n_heads is 14", "128"},
        {"\"mamba_d_head\": 15", "mamba_d_head is 15", "16"},
        {"\"mamba_n_groups\": 3", "mamba_n_groups is 3", "8"},
        {"\"mamba_n_groups\": 0", "mamba_n_groups is 0", "1 to"},
        {"\"mamba_d_conv\": 1000", "mamba_d_conv is 1000", "16"},
        {"\"mamba_d_state\": -1", "mamba_d_state is -1", "1 to"},
        {"\"mamba_expand\": NaN", "mamba_expand is NaN", "number"},
        {"\"num_experts_per_tok\": 7", "num_experts_per_tok is 7", "6"},
        {"\"num_experts_per_tok\": 0", "num_experts_per_tok is 0", "1 to 6"},
        {"\"num_local_experts\": -3", "num_local_experts is -3", "0 to"},
        {"\"intermediate_size\": 0", "intermediate_size is 0", "6 experts"},
        {"\"num_local_experts\": 0, \"shared_intermediate_size\": 0", "intermediate_size",
         "no feed-forward"},
        {"\"rms_norm_eps\": NaN", "rms_norm_eps is NaN", "0 to 1"},
        {"\"rms_norm_eps\": -1e-5", "rms_norm_eps", "0 to 1"},
        {"\"embedding_multiplier\": Infinity", "embedding_multiplier is Infinity", "number"},
        {"\"embedding_multiplier\": null", "embedding_multiplier is null", "value"},
        {"\"residual_multiplier\": \"0.22\"", "residual_multiplier is \"0.22\"", "number"},
        {"\"logits_scaling\": 0", "logits_scaling is 0", "number"},
        {"\"attention_multiplier\": -1", "attention_multiplier is -1", "number"},
        {"\"time_step_limit\": [1, 0.5]", "time_step_limit is [1,0.5]", "least"},
        {"\"time_step_limit\": [NaN, 1]", "time_step_limit is [NaN,1]", "least"},
        {"\"time_step_limit\": [0]", "time_step_limit is [0]", "least"},
        {"\"layer_types\": \"mamba\"", "layer_types is \"mamba\"", "list"},
        {"\"layers_block_type\": [\"mamba\", \"mamba\", \"mamba\", \"mamba\"]", "layers_block_type",
         "layer 1"},
        {"\"eos_token_id\": [1, -2]", "eos_token_id is [1,-2]", "ids"},
        {"\"eos_token_id\": 1.5", "eos_token_id is 1.5", "whole"},
        {"\"tie_word_embeddings\": \"yes\"", "tie_word_embeddings is \"yes\"", "true or false"},
        {"\"attention_bias\": 1", "attention_bias is 1", "true or false"},
        {"\"position_embedding_type\": \"rope\", \"rope_theta\": -1", "rope_theta is -1", "number"},
        {"\"position_embedding_type\": \"rope\", \"rope_scaling\": 4", "rope_scaling is 4",
         "object"},
    };
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        bad(HYBRID, no[i].more, strstr(no[i].word, "wider") ? GN_UNSUPPORTED : GN_FORMAT,
            no[i].word, no[i].word2);
    bad(BAMBA, "\"attn_layer_indices\": [2]", GN_FORMAT, "attn_layer_indices is [2]", "1");
    bad(HYBRID, "\"vocab_size\": {\"__float__\": \"NaN\"}", GN_FORMAT, "vocab_size", "whole");
    error = (gn_error){0};
    gn_value *list = gn_value_list(&arena);
    CHECK(!gn_config_from_json(&config, list, NULL, &error) && error.code == GN_FORMAT);
}

TEST(config_warns_of_what_has_no_effect) {
    warned(HYBRID, "\"new_attention_trick\": 3", "'new_attention_trick' is not known");
    warned(LLAMA, "\"embedding_multiplier\": 12",
           "'embedding_multiplier' has no effect on a llama");
    warned(GRANITE, "\"rope_scaling\": {\"type\": \"default\", \"wobble\": 1}", "'wobble'");
    warned(GRANITE,
           "\"rope_scaling\": {\"type\": \"default\", \"rope_theta\": 5}, "
           "\"rope_parameters\": {\"rope_type\": \"llama3\"}",
           "rope_parameters differs");
    CHECK(config.rope_theta == 5 && !config.rope_scaling.on);
    good(GRANITE, "\"layer_types\": [\"full_attention\", \"full_attention\"]");
    CHECK_TEXT(gn_str_text(&warnings), "");
}

/* ---- GGUF ------------------------------------------------------------------- */

static bool read_gguf(const char *text) {
    gn_str_cut(&warnings, 0);
    error = (gn_error){0};
    const gn_value *keys = gn_json_parse(&arena, gn_slice_of(text), &error);
    return keys && gn_config_from_gguf(&config, keys, &warnings, &error);
}

#define KEYS                                                                                       \
    "\"general.architecture\": \"granitehybrid\", \"granitehybrid.block_count\": 3, "              \
    "\"granitehybrid.embedding_length\": 64, \"granitehybrid.attention.head_count\": 4, "          \
    "\"granitehybrid.attention.head_count_kv\": [0, 2, 0], \"granitehybrid.logit_scale\": 6.0, "   \
    "\"granitehybrid.attention.layer_norm_rms_epsilon\": 1e-5, "                                   \
    "\"granitehybrid.ssm.inner_size\": 128, \"granitehybrid.ssm.state_size\": 20, "                \
    "\"granitehybrid.ssm.group_count\": 2, \"granitehybrid.ssm.time_step_rank\": 8, "              \
    "\"granitehybrid.ssm.conv_kernel\": 4, \"tokenizer.ggml.eos_token_id\": 7"

TEST(config_reads_a_gguf_of_each_kind) {
    const gn_config *c = &config;
    if (!CHECK(read_gguf("{" KEYS ", \"granitehybrid.rope.scaling.finetuned\": false, "
                         "\"granitehybrid.expert_count\": 6, "
                         "\"granitehybrid.expert_used_count\": 2, "
                         "\"tokenizer.ggml.eot_token_id\": 9, "
                         "\"tokenizer.ggml.eom_token_id\": 7}")))
        printf("  %s\n", error.message);
    CHECK_TEXT(gn_str_text(&warnings), "");
    CHECK_TEXT(c->arch, "granitemoehybrid");
    CHECK(c->mixer[0] == GN_MAMBA && c->mixer[1] == GN_ATTENTION && c->mixer[2] == GN_MAMBA);
    CHECK(c->ssm_heads == 8 && c->ssm_head_dim == 16 && c->conv_width == 4 && c->rotary == 0);
    CHECK(c->q_heads == 4 && c->kv_heads == 2 && c->head_dim == 16);
    CHECK(c->attention_multiplier == 0.25f && c->logits_scaling == 6);
    CHECK(c->embedding_multiplier == 1 && c->residual_multiplier == 1);
    CHECK(c->experts == 6 && c->experts_used == 2 && c->dt_min == 0 && isinf(c->dt_max));
    CHECK(c->n_eos == 2 && c->eos[0] == 7 && c->eos[1] == 9 && c->bos == -1);

    CHECK(read_gguf("{" KEYS "}") && c->rotary == 16 && c->rope_theta == 10000);
    CHECK(read_gguf("{\"general.architecture\": \"llama\", \"llama.block_count\": 2, "
                    "\"llama.embedding_length\": 64, \"llama.attention.head_count\": 4, "
                    "\"llama.attention.layer_norm_rms_epsilon\": 1e-5, "
                    "\"llama.attention.key_length\": 32, \"llama.rope.freq_base\": 5e5}"));
    CHECK(c->kv_heads == 4 && c->head_dim == 32 && c->rotary == 32 && c->rope_theta == 5e5f);
    CHECK(c->attention_multiplier == 1 / sqrtf(32) && c->mixer[0] == GN_ATTENTION);
}

TEST(config_refuses_a_gguf_it_cannot_run) {
    static const struct {
        const char *more, *word, *word2;
    } no[] = {
        {"\"general.architecture\": \"qwen2\"", "general.architecture is \"qwen2\"", "granite"},
        {"\"granitehybrid.block_count\": 1099511627776", "granitehybrid.block_count", "256"},
        {"\"granitehybrid.attention.head_count_kv\": [0, 2]", "head_count_kv is [0,2]", "3"},
        {"\"granitehybrid.attention.head_count_kv\": [1, 2, 0]", "head_count_kv", "differ"},
        {"\"granitehybrid.attention.head_count_kv\": [0, 3, 0]", "head_count_kv", "divisor"},
        {"\"granitehybrid.attention.head_count_kv\": [0, -3, 0]", "head_count_kv is -3", "layer 1"},
        {"\"granitehybrid.attention.head_count\": 0", "head_count is 0", "1 to"},
        {"\"granitehybrid.attention.head_count\": 3", "head_count", "divisor"},
        {"\"granitehybrid.attention.key_length\": 15", "head_count", "even"},
        {"\"granitehybrid.attention.value_length\": 15", "value_length is 15", "16"},
        {"\"granitehybrid.ssm.time_step_rank\": 7", "time_step_rank is 7", "128"},
        {"\"granitehybrid.ssm.group_count\": 3", "group_count is 3", "8"},
        {"\"granitehybrid.ssm.conv_kernel\": null", "conv_kernel is missing", "mamba"},
        {"\"granitehybrid.logit_scale\": NaN", "logit_scale is NaN", "number"},
        {"\"granitehybrid.rope.scaling.type\": \"yarn\"", "rope.scaling.type is \"yarn\"", "plain"},
        {"\"granitehybrid.attention.sliding_window\": 128", "sliding_window is 128", "not done"},
        {"\"granitehybrid.attention.causal\": false", "causal is false", "causal"},
        {"\"granitehybrid.expert_gating_func\": 2", "expert_gating_func is 2", "softmax"},
        {"\"granitehybrid.expert_count\": 4", "expert_used_count is missing", "every"},
        {"\"granitehybrid.attention.layer_norm_rms_epsilon\": null", "epsilon is missing", "every"},
        {"\"granitehybrid.rope.dimension_count\": 32", "rope.dimension_count is 32", "16"},
    };
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        char text[2048];
        snprintf(text, sizeof text, "{%s, %s}", KEYS, no[i].more);
        if (!CHECK(!read_gguf(text) && strstr(error.message, no[i].word) &&
                   strstr(error.message, no[i].word2)))
            printf("  %s -> %s\n", no[i].more, error.message);
    }
    CHECK(!read_gguf("{}") && error.code == GN_UNSUPPORTED);
    CHECK(read_gguf("{" KEYS ", \"granitehybrid.new_trick\": 1}"));
    CHECK(strstr(gn_str_text(&warnings), "granitehybrid.new_trick"));
    gn_arena_release(&arena);
    gn_str_release(&warnings);
}
