/* forward.c - the Granite family, the whole of it.
 *
 *   x = embedding_multiplier * embed(token)
 *   for each layer:
 *     x += residual_multiplier * mixer(norm(x))      mixer: mamba or attention
 *     x += residual_multiplier * feed_forward(norm(x))
 *   logits = head(norm(x)) / logits_scaling
 *
 * Sources: Dao & Gu 2024 (arXiv:2405.21060) for Mamba-2; the granitemoehybrid
 * model of Hugging Face transformers for layer order and multipliers. A relative
 * without a part has its number at 0 or its multiplier at 1 (core/model/config.h).
 */
#include "core/model/forward.h"

/* The packed batch, seen from inside the model. */
typedef struct step {
    gn_device *d;
    const gn_config *c;
    const gn_weights *w;
    const gn_layout *at;
    gn_plan *p;
    gn_lanes lanes;
    int T;
} step;

static gn_mat rows(const step *s, float *data, int cols) {
    return (gn_mat){data, s->T, cols, cols};
}

static void linear(const step *s, gn_mat y, gn_mat x, const gn_weight *w, const gn_weight *bias) {
    gn_linear(s->d, x, &(gn_product){y, w, bias}, 1);
}

/* [z | xBC | dt] = W_in x
 * out = W_out norm(ssd(conv(xBC), dt) * silu(z)) */
static void mamba(const step *s, gn_mat out, gn_mat x, const gn_mamba_weights *w, int l) {
    const gn_config *c = s->c;
    const int I = gn_ssm_inner(c), C = gn_conv_channels(c), GN = c->ssm_groups * c->ssm_state;

    gn_mat proj = rows(s, s->p->wide, I + C + c->ssm_heads);
    gn_mat z = gn_cols(proj, 0, I), xBC = gn_cols(proj, I, C),
           dt = gn_cols(proj, I + C, c->ssm_heads);
    gn_mat conv = rows(s, s->p->inner, C);
    gn_mat y = gn_cols(xBC, 0, I); /* the convolution is done with it by then */
    gn_ssd_in in = {.x = gn_cols(conv, 0, I),
                    .dt = dt,
                    .B = gn_cols(conv, I, GN),
                    .C = gn_cols(conv, I + GN, GN)};

    linear(s, proj, x, &w->in_proj, &w->in_bias);
    gn_conv(s->d, conv, xBC, &w->conv, &w->conv_bias, &s->lanes, s->at->window[l]);
    gn_ssd(s->d, y, &in, &w->ssd, &s->lanes, s->at->ssm[l]);
    gn_gated_rmsnorm(s->d, y, y, z, &w->norm, c->ssm_groups, c->norm_eps);
    linear(s, out, y, &w->out_proj, &w->out_bias);
}

/* out = W_o softmax(attention_multiplier * q Kᵀ) V, q and k rotated if the model says so */
static void attention(const step *s, gn_mat out, gn_mat x, const gn_attention_weights *w, int l) {
    const gn_config *c = s->c;
    const int Q = c->q_heads * c->head_dim, K = gn_kv_width(c);

    gn_mat qkv = rows(s, s->p->wide, Q + 2 * K);
    gn_mat q = gn_cols(qkv, 0, Q), k = gn_cols(qkv, Q, K), v = gn_cols(qkv, Q + K, K);
    gn_mat y = rows(s, s->p->inner, Q);
    gn_product qkv_of[] = {{q, &w->q, &w->q_bias}, {k, &w->k, &w->k_bias}, {v, &w->v, &w->v_bias}};

    gn_linear(s->d, x, qkv_of, 3);
    if (c->rotary) {
        gn_rope(s->d, q, c->head_dim, &s->w->frequency, &s->lanes);
        gn_rope(s->d, k, c->head_dim, &s->w->frequency, &s->lanes);
    }
    gn_attend(s->d, y, q, k, v, c->head_dim, c->attention_multiplier, &s->lanes, s->at->nth_kv[l]);
    linear(s, out, y, &w->o, &w->o_bias);
}

/* out = W_down (silu(W_gate x) * W_up x): the shared expert, or a dense model's MLP */
static void mlp(const step *s, gn_mat out, gn_mat x, const gn_layer_weights *w) {
    const int F = s->c->shared_ff;
    gn_mat both = rows(s, s->p->wide, 2 * F), mid = rows(s, s->p->inner, F);
    gn_mat gate = gn_cols(both, 0, F), up = gn_cols(both, F, F);
    gn_product in[] = {{gate, &w->gate, &w->gate_bias}, {up, &w->up, &w->up_bias}};

    gn_linear(s->d, x, in, 2);
    gn_swiglu(s->d, mid, gate, up);
    linear(s, out, mid, &w->down, &w->down_bias);
}

/* out = sum over the U experts the router likes best of gate * expert(x) */
static void experts(const step *s, gn_mat out, gn_mat x, const gn_layer_weights *w) {
    gn_mat logits = rows(s, s->p->router, s->c->experts);
    gn_mat gate = rows(s, s->p->gate, s->c->experts_used);

    linear(s, logits, x, &w->router, NULL);
    gn_route(s->d, gate, s->p->expert, logits);
    gn_experts(s->d, out, x, &w->experts, gate, s->p->expert);
}

/* out = mlp(x) + experts(x), whichever of the two there are */
static void feed_forward(const step *s, gn_mat out, gn_mat x, const gn_layer_weights *w) {
    if (s->c->shared_ff)
        mlp(s, out, x, w);
    if (!s->c->experts)
        return;
    gn_mat routed = s->c->shared_ff ? rows(s, s->p->inner, s->c->hidden) : out;
    experts(s, routed, x, w);
    if (s->c->shared_ff)
        gn_axpy(s->d, out, 1.0f, routed);
}

static gn_memory memory(const gn_state *s) {
    return s ? (gn_memory){s->recurrent, s->kv, s->capacity} : (gn_memory){0};
}

/* What is written in this step belongs to one feed alone. */
static bool apart(const gn_feed *feed, int n_feed) {
    for (int i = 0; i < n_feed; i++)
        for (int j = 0; j < n_feed; j++)
            if (i != j && feed[i].to && (feed[i].to == feed[j].to || feed[i].to == feed[j].from))
                return false;
    return true;
}

/* Lay the feeds end to end; their tokens go to p->token [T], their lanes to p->lane. */
static step pack(const gn_model *m, gn_plan *p, const gn_feed *feed, int n_feed) {
    step s = {.d = m->device, .c = m->config, .w = m->weights, .at = &m->layout, .p = p};
    assert(n_feed > 0 && n_feed <= p->max_lanes && apart(feed, n_feed));
    for (int i = 0; i < n_feed; i++) {
        const gn_state *from = feed[i].from, *to = feed[i].to;
        const int64_t past = from ? from->tokens : 0;
        assert(feed[i].count > 0 && feed[i].count <= p->max_tokens - s.T);
        assert(!to || past + feed[i].count <= to->capacity);
        p->lane[i] = (gn_lane){.first = s.T,
                               .count = feed[i].count,
                               .past = past,
                               .from = past ? memory(from) : (gn_memory){0},
                               .to = memory(to)};
        for (int t = 0; t < feed[i].count; t++) {
            assert(feed[i].token[t] >= 0 && feed[i].token[t] < m->config->vocab);
            p->token[s.T++] = feed[i].token[t];
        }
    }
    s.lanes = (gn_lanes){n_feed, p->lane};
    return s;
}

void gn_forward(const gn_model *m, gn_plan *p, gn_step_kind kind, const gn_feed *feed, int n_feed,
                const int32_t *want, int n_want) {
    const gn_config *c = m->config;
    const step s = pack(m, p, feed, n_feed);
    const gn_mat x = rows(&s, p->x, c->hidden), norm = rows(&s, p->norm, c->hidden),
                 out = rows(&s, p->out, c->hidden);
    const gn_mat hidden = {p->hidden, n_want, c->hidden, c->hidden};
    assert(n_want >= 0 && n_want <= p->max_rows);
    for (int i = 0; i < n_want; i++)
        assert(want[i] >= 0 && want[i] < s.T);

    p->kind = kind;
    gn_step_begin(s.d, kind, &s.lanes);
    gn_embed(s.d, x, &m->weights->embedding, p->token, c->embedding_multiplier);
    for (int l = 0; l < c->layers; l++) {
        const gn_layer_weights *w = &m->weights->layer[l];

        gn_rmsnorm(s.d, norm, x, &w->input_norm, c->norm_eps);
        if (c->mixer[l] == GN_MAMBA)
            mamba(&s, out, norm, &w->mamba, l);
        else
            attention(&s, out, norm, &w->attention, l);
        gn_axpy(s.d, x, c->residual_multiplier, out);

        gn_rmsnorm(s.d, norm, x, &w->post_norm, c->norm_eps);
        feed_forward(&s, out, norm, w);
        gn_axpy(s.d, x, c->residual_multiplier, out);
    }
    if (n_want > 0) {
        gn_gather(s.d, hidden, x, want);
        gn_rmsnorm(s.d, hidden, hidden, &m->weights->final_norm, c->norm_eps);
    }
    gn_step_end(s.d);

    for (int i = 0; i < n_feed; i++)
        if (feed[i].to)
            feed[i].to->tokens = p->lane[i].past + feed[i].count;
}

gn_mat gn_logits(const gn_model *m, gn_plan *p, int first, int count) {
    const gn_config *c = m->config;
    assert(first >= 0 && count > 0 && count <= p->max_logits && first <= p->max_rows - count);
    const gn_mat hidden = {p->hidden + (size_t)first * (size_t)c->hidden, count, c->hidden,
                           c->hidden};
    const gn_mat logits = {p->logits, count, c->vocab, c->vocab};
    const gn_lanes none = {0};

    gn_step_begin(m->device, p->kind, &none);
    gn_linear(m->device, hidden, &(gn_product){logits, &m->weights->head, NULL}, 1);
    if (c->logits_scaling != 1.0f)
        gn_scale(m->device, logits, 1.0f / c->logits_scaling);
    gn_step_end(m->device);
    return logits;
}
