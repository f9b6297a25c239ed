/* config.h - what a checkpoint of the Granite family says of itself. Plain data.
 *
 * granitemoehybrid and its relatives (granite, granitemoe, granitemoeshared,
 * bamba, llama) differ in which of these numbers are zero or one; the forward
 * pass does not know their names.
 */
#ifndef GN_MODEL_CONFIG_H
#define GN_MODEL_CONFIG_H

#include "core/base/value.h"

enum { GN_MAX_LAYERS = 256 };

typedef enum gn_mixer { GN_MAMBA, GN_ATTENTION } gn_mixer;

typedef struct gn_config {
    char arch[32]; /* "granitemoehybrid", "llama", ... as HF's model_type */
    int vocab, hidden, layers;
    int64_t context; /* max_position_embeddings */
    gn_mixer mixer[GN_MAX_LAYERS];

    int q_heads, kv_heads, head_dim;                    /* Hq, Hk, Dh */
    int ssm_heads, ssm_head_dim, ssm_state, ssm_groups; /* Hm, P, N, G; 0 without mamba layers */
    int conv_width;                                     /* W */
    int experts, experts_used, expert_ff;               /* E (0: dense), U, F */
    int shared_ff;        /* Fs: shared expert or dense MLP; 0: none */
    float dt_min, dt_max; /* time_step_limit */

    float norm_eps;
    float embedding_multiplier, attention_multiplier;
    float residual_multiplier, logits_scaling;
    float aux_loss; /* router_aux_loss_coef if output_router_logits, else 0; training only */

    int rotary; /* dims of a head that are rotated; 0: no rope */
    float rope_theta;
    struct {
        bool on; /* llama3 scaling; else plain */
        float factor, low, high;
        float context; /* original_max_position_embeddings */
    } rope_scaling;

    bool attention_bias, mlp_bias, mamba_proj_bias, conv_bias;
    bool tied;        /* what the file says; the head's presence decides */
    int32_t bos, pad; /* -1: none */
    int32_t eos[16];
    int n_eos;
} gn_config;

/* From config.json. Every key that can change a logit is honoured or refused by
 * name (GN_UNSUPPORTED); numbers are range-checked (GN_FORMAT). Keys that are
 * known and harmless are passed over; an unknown one is added to warnings
 * (lines of text; may be NULL). */
bool gn_config_from_json(gn_config *c, const gn_value *json, gn_str *warnings, gn_error *e);
/* From a GGUF's key-value section. Widths that only tensors tell are taken from
 * them by gn_weights_open(). */
bool gn_config_from_gguf(gn_config *c, const gn_value *keys, gn_str *warnings, gn_error *e);

static inline int gn_ssm_inner(const gn_config *c) { return c->ssm_heads * c->ssm_head_dim; }
static inline int gn_conv_channels(const gn_config *c) {
    return gn_ssm_inner(c) + 2 * c->ssm_groups * c->ssm_state;
}
static inline int gn_kv_width(const gn_config *c) { return c->kv_heads * c->head_dim; }

#endif
