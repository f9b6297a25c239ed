/* test_weights.c - tensors are bound by name and checked by shape. */
/* floor: gn_model gn_cpu */
#include "tests/check.h"
#include "tests/toy.h"

#include "core/base/file.h"
#include "core/model/frequency.h"

#include <sys/stat.h>
#include <unistd.h>

#define MODELS "tests/oracle/models/"

/* Open all but the weights. */
static void open_files(toy *m, const char *path) {
    gn_error e = {0};
    *m = (toy){0};
    m->tensors = gn_tensors_open(path, &e);
    if (!m->tensors || !toy_config(m, path, &e) || !(m->device = gn_cpu_open(&toy_exact, &e))) {
        printf("%s: %s\n", path, e.message);
        exit(2);
    }
}

static bool bind(toy *m, gn_error *e) {
    *e = (gn_error){0};
    m->weights = gn_weights_open(m->device, &m->config, m->tensors, &m->warnings, NULL, NULL, e);
    return m->weights != NULL;
}

/* config changed by `change`: the message must name tensor and shapes. */
static void misshapen(const char *path, void (*change)(gn_config *c), const char *want) {
    toy m;
    gn_error e;
    open_files(&m, path);
    change(&m.config);
    CHECK(!bind(&m, &e) && e.code == GN_FORMAT);
    CHECK_TEXT(e.message, want);
    toy_close(&m);
}

static void more_vocab(gn_config *c) { c->vocab++; }
static void wider_mlp(gn_config *c) { c->shared_ff++; }
static void more_experts(gn_config *c) { c->experts++; }
static void longer_conv(gn_config *c) { c->conv_width++; }
static void more_ssm_heads(gn_config *c) { c->ssm_heads *= 2, c->ssm_head_dim /= 2; }
static void more_kv_heads(gn_config *c) { c->kv_heads = 4; }
static void more_layers(gn_config *c) { c->layers++; }
static void other_order(gn_config *c) { c->mixer[0] = GN_ATTENTION; }

TEST(a_shape_that_differs_from_the_config_is_named) {
    misshapen(MODELS "hybrid_dense", more_vocab,
              "tensor 'model.embed_tokens.weight': want [98, 32], file has [97, 32]");
    misshapen(MODELS "hybrid_dense", wider_mlp,
              "tensor 'model.layers.0.shared_mlp.input_linear.weight': want [50, 32], file has "
              "[48, 32]");
    misshapen(
        MODELS "hybrid_moe", more_experts,
        "tensor 'model.layers.0.block_sparse_moe.router.layer.weight': want [6, 32], file has "
        "[5, 32]");
    misshapen(MODELS "hybrid_dense", longer_conv,
              "tensor 'model.layers.0.mamba.conv1d.weight': want [88, 5], file has [88, 1, 4]");
    misshapen(MODELS "hybrid_dense", more_ssm_heads,
              "tensor 'model.layers.0.mamba.in_proj.weight': want [168, 32], file has [160, 32]");
    misshapen(MODELS "hybrid_dense", more_kv_heads,
              "tensor 'model.layers.1.self_attn.k_proj.weight': want [32, 32], file has [16, 32]");
    misshapen(MODELS "hybrid_dense/model.gguf", more_kv_heads,
              "tensor 'blk.1.attn_k.weight': want [32, 32], file has [16, 32]");
    misshapen(MODELS "hybrid_dense/model.gguf", longer_conv,
              "tensor 'blk.0.ssm_conv1d.weight': want [88, 5], file has [88, 4]");
}

TEST(a_missing_tensor_is_named) {
    misshapen(MODELS "hybrid_dense", more_layers,
              "tensor 'model.layers.3.input_layernorm.weight' is missing");
    misshapen(MODELS "hybrid_dense/model.gguf", more_layers,
              "tensor 'blk.3.attn_norm.weight' is missing");
    misshapen(MODELS "hybrid_dense", other_order,
              "tensor 'model.layers.0.self_attn.q_proj.weight' is missing");
    misshapen(MODELS "llama", more_layers,
              "tensor 'model.layers.2.input_layernorm.weight' is missing");
}

TEST(a_tensor_nobody_asks_for_is_told) {
    toy m;
    gn_error e;
    open_files(&m, MODELS "hybrid_rope");
    m.config.attention_bias = false;
    CHECK(bind(&m, &e));
    CHECK(strstr(gn_str_text(&m.warnings),
                 "tensor 'model.layers.0.self_attn.k_proj.bias' is not used"));
    toy_close(&m);

    open_files(&m, MODELS "bamba");
    m.config.attention_bias = m.config.mlp_bias = m.config.mamba_proj_bias = false;
    CHECK(bind(&m, &e));
    CHECK(strstr(gn_str_text(&m.warnings), "\n9 more tensors are not used"));
    toy_close(&m);
}

TEST(a_bias_the_config_promises_must_be_there) {
    toy m;
    gn_error e;
    open_files(&m, MODELS "hybrid_dense");
    m.config.mamba_proj_bias = true;
    CHECK(!bind(&m, &e));
    CHECK_TEXT(e.message, "tensor 'model.layers.0.mamba.in_proj.bias' is missing");
    toy_close(&m);
}

/* The head's presence decides, not the flag; a disagreement is told. */
TEST(the_head_in_the_file_is_used_whatever_the_flag_says) {
    static const char *const path[] = {MODELS "hybrid_moe", MODELS "hybrid_dense"};
    static const char *const told[] = {"there is a lm_head.weight", "there is no lm_head.weight"};
    for (int i = 0; i < 2; i++) {
        toy m;
        gn_error e;
        open_files(&m, path[i]);
        m.config.tied = !m.config.tied;
        CHECK(bind(&m, &e));
        CHECK(strstr(gn_str_text(&m.warnings), told[i]));
        CHECK(m.config.tied == (i == 1));
        CHECK((m.weights->head.data == m.weights->embedding.data) == (i == 1));
        toy_close(&m);
    }
}

TEST(a_gguf_completes_the_config) {
    toy m;
    gn_error e;
    open_files(&m, MODELS "bamba/model.gguf");
    m.config.vocab = 0;
    CHECK(bind(&m, &e));
    const gn_config *c = &m.config;
    CHECK(c->vocab == 97 && c->shared_ff == 24 && c->expert_ff == 0 && !c->tied);
    CHECK(c->attention_bias && c->mlp_bias && c->mamba_proj_bias && c->conv_bias);
    CHECK(c->rotary == 4);
    toy_close(&m);

    open_files(&m, MODELS "hybrid_moe/model.gguf");
    CHECK(bind(&m, &e));
    CHECK(c->shared_ff == 20 && c->expert_ff == 12 && c->experts == 5 && !c->tied);
    CHECK(!c->attention_bias && !c->mlp_bias && !c->mamba_proj_bias && c->conv_bias);
    toy_close(&m);
}

typedef struct watch {
    size_t last, all;
    int calls, stop_at;
} watch;

static bool watching(void *user, size_t done, size_t all) {
    watch *w = user;
    if (done < w->last || done > all)
        w->stop_at = -1;
    w->last = done;
    w->all = all;
    return ++w->calls != w->stop_at;
}

TEST(progress_counts_every_byte_and_may_stop) {
    static const char *const path[] = {MODELS "hybrid_moe", MODELS "granite/model.gguf",
                                       MODELS "granitemoe"};
    for (int i = 0; i < 3; i++) {
        toy m;
        gn_error e = {0};
        watch w = {0};
        open_files(&m, path[i]);
        m.weights = gn_weights_open(m.device, &m.config, m.tensors, &m.warnings, watching, &w, &e);
        CHECK(m.weights && w.stop_at == 0 && w.last == w.all &&
              w.all == gn_tensors_bytes(m.tensors));
        gn_weights_free(m.weights);

        w = (watch){.stop_at = 3};
        m.weights = gn_weights_open(m.device, &m.config, m.tensors, &m.warnings, watching, &w, &e);
        CHECK(!m.weights && e.code == GN_CANCELLED && w.calls == 3);
        toy_close(&m);
    }
}

/* A copy of a file in which one name is another of the same length. */
static void renamed(const char *from, const char *to, char *want) {
    char folder[] = "/tmp/gneiss-weights-XXXXXX", path[64];
    gn_error e = {0};
    gn_str text = {0};
    toy m;
    if (!CHECK(mkdtemp(folder) &&
               gn_file_read(&text, MODELS "hybrid_dense/model.safetensors", 0, &e)))
        return;
    ptrdiff_t at = gn_slice_find(gn_str_slice(&text), gn_slice_of(from));
    CHECK(at >= 0);
    memcpy(text.data + at, to, strlen(to));
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    CHECK(gn_file_write(path, gn_str_slice(&text), &e));

    open_files(&m, MODELS "hybrid_dense");
    gn_tensors_close(m.tensors);
    m.tensors = gn_tensors_open(folder, &e);
    CHECK(m.tensors && !bind(&m, &e));
    CHECK_TEXT(e.message, want);
    toy_close(&m);
    unlink(path);
    rmdir(folder);
    gn_str_release(&text);
}

TEST(a_tensor_under_another_name_is_missing) {
    renamed("layers.2.mamba.D\"", "layers.2.mamba.E\"",
            "tensor 'model.layers.2.mamba.D' is missing");
    renamed("model.norm.weight", "model.nrom.weight",
            "tensor 'model.norm.weight' or 'model.final_layernorm.weight' is missing");
}

TEST(frequencies_fall_from_one_by_equal_factors) {
    gn_config c = {.rotary = 8, .rope_theta = 10000};
    float f[4], want[] = {1.0f, 0.1f, 0.01f, 0.001f};
    gn_frequency(f, &c);
    CHECK_NEAR(f, want, 4, 1e-6f);
}

/* Waves shorter than context / high stay, longer than context / low are stretched by
 * factor, and between the two ends the passage joins on to both. */
TEST(llama3_scaling_is_continuous_between_its_two_ends) {
    const double pi = 3.14159265358979323846;
    gn_config c = {.rotary = 2, .rope_theta = 10000};
    for (int side = 0; side < 2; side++) {
        float f[2][1];
        for (int i = 0; i < 2; i++) {
            /* the one frequency is 1, its wave 2 pi long: put it just in and just out */
            c.rope_scaling.on = true;
            c.rope_scaling.factor = 8;
            c.rope_scaling.low = 1;
            c.rope_scaling.high = 4;
            c.rope_scaling.context = (float)(2 * pi * (side ? 4 : 1) * (i ? 1.0001 : 0.9999));
            gn_frequency(f[i], &c);
        }
        CHECK_NEAR(f[0], f[1], 1, 1e-3f);
        CHECK_NEAR(f[0], &(float){side ? 1.0f : 0.125f}, 1, 1e-3f);
    }
}
