/* weights.h - the tensors of a model, by role, on a device.
 *
 * Bound by name from safetensors (Hugging Face's names) or GGUF, each shape
 * checked against the config. GGUF's permuted q and k rows are put back into
 * Hugging Face's order here, so that nothing above knows of them.
 */
#ifndef GN_MODEL_WEIGHTS_H
#define GN_MODEL_WEIGHTS_H

#include "core/device/device.h"
#include "core/file/tensors.h"
#include "core/model/config.h"

typedef struct gn_mamba_weights {
    gn_weight in_proj, in_bias; /* [I + C + Hm, D], rows in the order z, xBC, dt */
    gn_weight conv, conv_bias;  /* [C, W], [C] */
    gn_ssd_params ssd;
    gn_weight norm;               /* [I] */
    gn_weight out_proj, out_bias; /* [D, I] */
} gn_mamba_weights;

typedef struct gn_attention_weights {
    gn_weight q, k, v, o; /* [Hq*Dh, D], [Hk*Dh, D], [Hk*Dh, D], [D, Hq*Dh] */
    gn_weight q_bias, k_bias, v_bias, o_bias;
} gn_attention_weights;

typedef struct gn_layer_weights {
    gn_weight input_norm, post_norm; /* [D] */
    union {
        gn_mamba_weights mamba;
        gn_attention_weights attention;
    };
    gn_weight router;           /* [E, D] */
    gn_experts_weights experts; /* without data in a dense model */
    gn_weight gate, up, down;   /* shared expert or dense MLP: [Fs, D], [Fs, D], [D, Fs] */
    gn_weight gate_bias, up_bias, down_bias;
} gn_layer_weights;

typedef struct gn_weights {
    gn_weight embedding;  /* [V, D] */
    gn_weight head;       /* [V, D]; the embedding when tied */
    gn_weight final_norm; /* [D] */
    gn_weight
        frequency; /* [rotary/2] f32: inverse frequencies, scaling applied; no data: no rope */
    gn_layer_weights *layer; /* [layers] */
} gn_weights;

/* Bind and place. May correct what a GGUF's keys leave open in c (widths,
 * tied, biases). progress(user, done, all) in bytes, may be NULL; false from it
 * cancels. NULL and e set: a tensor is missing, misshapen or of a format its
 * role cannot have. Tensors nobody asked for go to warnings. Free with
 * gn_weights_free(); the tensors must outlive it. */
gn_weights *gn_weights_open(gn_device *d, gn_config *c, const gn_tensors *t, gn_str *warnings,
                            bool (*progress)(void *user, size_t done, size_t all), void *user,
                            gn_error *e);
void gn_weights_free(gn_weights *w);

#endif
