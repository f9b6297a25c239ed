/* layer.c - one layer, there and back: formulas of core/README.md in their order. */
#include "core/train/tape.h"

#include <string.h>

/* ---- what both ways share --------------------------------------------------- */

void gn_linear_forward(gn_trainer *t, gn_grid y, gn_grid x, const gn_learn *w, const gn_learn *bias,
                       float a, bool add) {
    const int T = t->batch->rows;
    gn_blas_forward(&t->crew, y, x, w->w, T, w->rows, w->cols, a, add);
    if (bias && bias->w) {
        gn_add_job j = {.y = y, .bias = bias->w, .a = a, .rows = T, .cols = w->rows};
        gn_crew_run(&t->crew, t->crew.k->add_bias, (size_t)gn_parts((size_t)T, GN_ROWS), &j);
    }
}

void gn_linear_back(gn_trainer *t, gn_grid dx, gn_grid dy, gn_grid x, const gn_learn *w,
                    const gn_learn *bias, float a, bool add) {
    const int T = t->batch->rows;
    gn_blas_back(&t->crew, dx, dy, w->w, T, w->rows, w->cols, a, add);
    gn_learn_weight(t->l, &t->crew, w, 0, dy, x, T, a);
    if (bias && bias->g) {
        gn_columns_job j = {.x = dy, .out = bias->g, .scale = a, .rows = T, .cols = w->rows};
        gn_crew_run(&t->crew, t->crew.k->columns, (size_t)gn_parts((size_t)w->rows, GN_CHANNELS),
                    &j);
    }
}

void gn_norm_forward(gn_trainer *t, gn_norm_job *j) {
    j->rows = t->batch->rows;
    j->eps = t->c->norm_eps;
    gn_crew_run(&t->crew, t->crew.k->norm, (size_t)gn_parts((size_t)j->rows, GN_ROWS), j);
}

void gn_norm_back(gn_trainer *t, gn_norm_job *j, const gn_learn *gain) {
    j->rows = t->batch->rows;
    j->eps = t->c->norm_eps;
    j->gain_part = t->gain_part;
    const int parts = gn_parts((size_t)j->rows, GN_ROWS);
    gn_crew_run(&t->crew, t->crew.k->norm_back, (size_t)parts, j);
    for (int p = 0; gain->g && p < parts; p++)
        for (int i = 0; i < j->cols; i++)
            gain->g[i] += t->gain_part[(size_t)p * (size_t)j->cols + (size_t)i];
}

static void copy_rows(gn_trainer *t, float *to, const float *from) {
    memcpy(to, from, (size_t)t->batch->rows * (size_t)t->c->hidden * sizeof *to);
}

/* ---- mamba -------------------------------------------------------------------- */

typedef struct widths {
    int I, C, Hm, GN, wide;
} widths;

static widths widths_of(const gn_config *c) {
    widths w = {.I = gn_ssm_inner(c), .C = gn_conv_channels(c), .Hm = c->ssm_heads};
    w.GN = c->ssm_groups * c->ssm_state;
    w.wide = w.I + w.C + w.Hm;
    return w;
}

static gn_conv_job conv_of(gn_trainer *t, const gn_learn_layer *w, const gn_tape *k) {
    const widths n = widths_of(t->c);
    return (gn_conv_job){.x = gn_rows_at(k->wide, n.wide, n.I),
                         .y = gn_rows_of(k->conv, n.C),
                         .w = w->conv.w,
                         .bias = w->conv_bias.w,
                         .segment = t->batch->segment,
                         .segments = t->batch->segments,
                         .channels = n.C,
                         .width = t->c->conv_width};
}

static gn_scan_job scan_of(gn_trainer *t, const gn_learn_layer *w, const gn_tape *k) {
    const gn_config *c = t->c;
    const widths n = widths_of(c);
    return (gn_scan_job){.x = gn_rows_of(k->conv, n.C),
                         .B = gn_rows_at(k->conv, n.C, n.I),
                         .C = gn_rows_at(k->conv, n.C, n.I + n.GN),
                         .dt = gn_rows_at(k->wide, n.wide, n.I + n.C),
                         .y = gn_rows_of(k->y, n.I),
                         .A_log = w->A_log.w,
                         .D = w->D.w,
                         .dt_bias = w->dt_bias.w,
                         .heads = n.Hm,
                         .P = c->ssm_head_dim,
                         .N = c->ssm_state,
                         .groups = c->ssm_groups,
                         .dt_min = c->dt_min,
                         .dt_max = c->dt_max,
                         .segment = t->batch->segment,
                         .segments = t->batch->segments,
                         .chunk = t->chunk,
                         .chunks = t->chunks,
                         .first_chunk = t->first_chunk,
                         .chunk_rows = t->chunk_rows,
                         .rows = t->batch->rows,
                         .step = t->step,
                         .sum = t->sum,
                         .CB = t->CB,
                         .scratch = t->scratch,
                         .scratch_size = t->scratch_size};
}

static gn_norm_job gate_of(gn_trainer *t, const gn_learn_layer *w, const gn_tape *k) {
    const widths n = widths_of(t->c);
    return (gn_norm_job){.x = gn_rows_of(k->y, n.I),
                         .z = gn_rows_of(k->wide, n.wide),
                         .y = gn_rows_of(k->gated, n.I),
                         .gain = w->norm.w,
                         .cols = n.I,
                         .groups = t->c->ssm_groups};
}

static void mamba_forward(gn_trainer *t, const gn_learn_layer *w, gn_tape *k) {
    const widths n = widths_of(t->c);
    const int D = t->c->hidden;
    gn_linear_forward(t, gn_rows_of(k->wide, n.wide), gn_rows_of(k->a, D), &w->in_proj, &w->in_bias,
                      1.0f, false);
    gn_conv_job conv = conv_of(t, w, k);
    gn_crew_run(&t->crew, t->crew.k->conv, (size_t)gn_parts((size_t)n.C, GN_CHANNELS), &conv);
    gn_scan_job scan = scan_of(t, w, k);
    gn_crew_run(&t->crew, t->crew.k->scan_prepare, (size_t)t->chunks, &scan);
    gn_crew_run(&t->crew, t->crew.k->scan, (size_t)t->batch->segments * (size_t)n.Hm, &scan);
    gn_norm_job gate = gate_of(t, w, k);
    gn_norm_forward(t, &gate);
    gn_linear_forward(t, gn_rows_of(k->mid, D), gn_rows_of(k->gated, n.I), &w->out_proj,
                      &w->out_bias, t->c->residual_multiplier, true);
}

static void scan_back(gn_trainer *t, const gn_learn_layer *w, const gn_tape *k) {
    const widths n = widths_of(t->c);
    gn_scan_job j = scan_of(t, w, k);
    j.dy = gn_rows_of(t->dy, n.I);
    j.dx = gn_rows_of(t->dconv, n.C);
    j.dB = gn_rows_at(t->dconv, n.C, n.I);
    j.dC = gn_rows_at(t->dconv, n.C, n.I + n.GN);
    j.ddt = gn_rows_at(t->dwide, n.wide, n.I + n.C);
    j.blocks = n.Hm < GN_HEAD_BLOCKS ? n.Hm : GN_HEAD_BLOCKS;
    if (j.segments >= 2 * GN_HEAD_BLOCKS)
        j.blocks = 1;
    j.dBC = t->dBC;
    j.dCB = t->dCB;
    j.vector_part = t->vector_part;
    memset(t->vector_part, 0, (size_t)j.segments * 3 * (size_t)n.Hm * sizeof(float));
    gn_crew_run(&t->crew, t->crew.k->scan_prepare, (size_t)t->chunks, &j);
    gn_crew_run(&t->crew, t->crew.k->scan_back, (size_t)j.segments * (size_t)j.blocks, &j);
    gn_crew_run(&t->crew, t->crew.k->scan_join, (size_t)t->chunks, &j);
    float *const to[3] = {w->A_log.g, w->D.g, w->dt_bias.g};
    for (int s = 0; s < j.segments; s++)
        for (int v = 0; v < 3; v++)
            for (int h = 0; to[v] && h < n.Hm; h++)
                to[v][h] += t->vector_part[((size_t)s * 3 + (size_t)v) * (size_t)n.Hm + (size_t)h];
}

static void mamba_back(gn_trainer *t, const gn_learn_layer *w, const gn_tape *k) {
    const widths n = widths_of(t->c);
    const int D = t->c->hidden;
    gn_linear_back(t, gn_rows_of(t->dinner, n.I), gn_rows_of(t->dx, D), gn_rows_of(k->gated, n.I),
                   &w->out_proj, &w->out_bias, t->c->residual_multiplier, false);
    gn_norm_job gate = gate_of(t, w, k);
    gate.dy = gn_rows_of(t->dinner, n.I);
    gate.dx = gn_rows_of(t->dy, n.I);
    gate.dz = gn_rows_of(t->dwide, n.wide);
    gn_norm_back(t, &gate, &w->norm);
    scan_back(t, w, k);
    gn_conv_job conv = conv_of(t, w, k);
    conv.dy = gn_rows_of(t->dconv, n.C);
    conv.dx = gn_rows_at(t->dwide, n.wide, n.I);
    conv.dw = w->conv.g;
    conv.dbias = w->conv_bias.g;
    gn_crew_run(&t->crew, t->crew.k->conv_back, (size_t)gn_parts((size_t)n.C, GN_CHANNELS), &conv);
    gn_linear_back(t, gn_rows_of(t->dnorm, D), gn_rows_of(t->dwide, n.wide), gn_rows_of(k->a, D),
                   &w->in_proj, &w->in_bias, 1.0f, false);
}

/* ---- attention ------------------------------------------------------------------ */

static void rotate(gn_trainer *t, gn_grid x, int heads, float sign) {
    const int T = t->batch->rows;
    gn_rope_job j = {.x = x,
                     .rows = T,
                     .heads = heads,
                     .head_dim = t->c->head_dim,
                     .half = t->c->rotary / 2,
                     .position = t->position,
                     .cosine = t->cosine,
                     .sine = t->sine,
                     .sign = sign};
    if (j.half)
        gn_crew_run(&t->crew, t->crew.k->rope, (size_t)gn_parts((size_t)T, GN_ROWS), &j);
}

static gn_attend_job attend_of(gn_trainer *t, const gn_tape *k) {
    const gn_config *c = t->c;
    const int Q = c->q_heads * c->head_dim, K = gn_kv_width(c), wide = Q + 2 * K;
    return (gn_attend_job){.q = gn_rows_of(k->wide, wide),
                           .k = gn_rows_at(k->wide, wide, Q),
                           .v = gn_rows_at(k->wide, wide, Q + K),
                           .y = gn_rows_of(k->y, Q),
                           .q_heads = c->q_heads,
                           .kv_heads = c->kv_heads,
                           .head_dim = c->head_dim,
                           .scale = c->attention_multiplier,
                           .segment = t->batch->segment,
                           .segments = t->batch->segments,
                           .lse = k->lse,
                           .scratch = t->scratch,
                           .scratch_size = t->scratch_size};
}

static void attention_forward(gn_trainer *t, const gn_learn_layer *w, gn_tape *k) {
    const gn_config *c = t->c;
    const int D = c->hidden;
    const gn_grid a = gn_rows_of(k->a, D);
    gn_attend_job j = attend_of(t, k);
    gn_linear_forward(t, j.q, a, &w->q, &w->q_bias, 1.0f, false);
    gn_linear_forward(t, j.k, a, &w->k, &w->k_bias, 1.0f, false);
    gn_linear_forward(t, j.v, a, &w->v, &w->v_bias, 1.0f, false);
    rotate(t, j.q, c->q_heads, 1.0f);
    rotate(t, j.k, c->kv_heads, 1.0f);
    gn_crew_run(&t->crew, t->crew.k->attend, (size_t)j.segments * (size_t)c->kv_heads, &j);
    gn_linear_forward(t, gn_rows_of(k->mid, D), j.y, &w->o, &w->o_bias, c->residual_multiplier,
                      true);
}

static void attention_back(gn_trainer *t, const gn_learn_layer *w, const gn_tape *k) {
    const gn_config *c = t->c;
    const int D = c->hidden, Q = c->q_heads * c->head_dim, K = gn_kv_width(c), wide = Q + 2 * K;
    const gn_grid a = gn_rows_of(k->a, D), da = gn_rows_of(t->dnorm, D);
    gn_attend_job j = attend_of(t, k);
    j.dy = gn_rows_of(t->dinner, Q);
    j.dq = gn_rows_of(t->dwide, wide);
    j.dk = gn_rows_at(t->dwide, wide, Q);
    j.dv = gn_rows_at(t->dwide, wide, Q + K);
    gn_linear_back(t, j.dy, gn_rows_of(t->dx, D), j.y, &w->o, &w->o_bias, c->residual_multiplier,
                   false);
    gn_crew_run(&t->crew, t->crew.k->attend_back, (size_t)j.segments * (size_t)c->kv_heads, &j);
    rotate(t, j.dq, c->q_heads, -1.0f);
    rotate(t, j.dk, c->kv_heads, -1.0f);
    gn_linear_back(t, da, j.dq, a, &w->q, &w->q_bias, 1.0f, false);
    gn_linear_back(t, da, j.dk, a, &w->k, &w->k_bias, 1.0f, true);
    gn_linear_back(t, da, j.dv, a, &w->v, &w->v_bias, 1.0f, true);
}

/* ---- feed-forward ------------------------------------------------------------------ */

static gn_swiglu_job swiglu_of(gn_trainer *t, const gn_tape *k) {
    const int F = t->c->shared_ff;
    return (gn_swiglu_job){.gate = gn_rows_of(k->pair, 2 * F),
                           .up = gn_rows_at(k->pair, 2 * F, F),
                           .y = gn_rows_of(k->hidden, F),
                           .rows = t->batch->rows,
                           .cols = F};
}

static void mlp_forward(gn_trainer *t, const gn_learn_layer *w, gn_tape *k, gn_grid out) {
    const gn_grid b = gn_rows_of(k->b, t->c->hidden);
    gn_swiglu_job j = swiglu_of(t, k);
    gn_linear_forward(t, j.gate, b, &w->gate, &w->gate_bias, 1.0f, false);
    gn_linear_forward(t, j.up, b, &w->up, &w->up_bias, 1.0f, false);
    gn_crew_run(&t->crew, t->crew.k->swiglu, (size_t)gn_parts((size_t)j.rows, GN_ROWS), &j);
    gn_linear_forward(t, out, j.y, &w->down, &w->down_bias, t->c->residual_multiplier, true);
}

static void mlp_back(gn_trainer *t, const gn_learn_layer *w, const gn_tape *k, gn_grid db) {
    const int D = t->c->hidden, F = t->c->shared_ff;
    const gn_grid b = gn_rows_of(k->b, D);
    gn_swiglu_job j = swiglu_of(t, k);
    j.dy = gn_rows_of(t->dhidden, F);
    j.dgate = gn_rows_of(t->dpair, 2 * F);
    j.dup = gn_rows_at(t->dpair, 2 * F, F);
    gn_linear_back(t, j.dy, gn_rows_of(t->dx, D), j.y, &w->down, &w->down_bias,
                   t->c->residual_multiplier, false);
    gn_crew_run(&t->crew, t->crew.k->swiglu_back, (size_t)gn_parts((size_t)j.rows, GN_ROWS), &j);
    gn_linear_back(t, db, j.dgate, b, &w->gate, &w->gate_bias, 1.0f, true);
    gn_linear_back(t, db, j.dup, b, &w->up, &w->up_bias, 1.0f, true);
}

/* ---- a layer ------------------------------------------------------------------------ */

static gn_norm_job norm_of(gn_trainer *t, float *x, float *y, const gn_learn *gain) {
    const int D = t->c->hidden;
    return (gn_norm_job){.x = gn_rows_of(x, D),
                         .y = gn_rows_of(y, D),
                         .gain = gain->w,
                         .cols = D,
                         .groups = 1,
                         .dy = gn_rows_of(t->dnorm, D),
                         .dx = gn_rows_of(t->dx, D),
                         .add = true};
}

void gn_layer_forward(gn_trainer *t, int l, gn_tape *k, bool first) {
    const gn_learn_layer *w = &t->l->layer[l];
    const gn_grid out = gn_rows_of(t->x[l + 1], t->c->hidden);
    gn_norm_job input = norm_of(t, t->x[l], k->a, &w->input_norm);
    gn_norm_forward(t, &input);
    copy_rows(t, k->mid, t->x[l]);
    if (t->c->mixer[l] == GN_MAMBA)
        mamba_forward(t, w, k);
    else
        attention_forward(t, w, k);

    gn_norm_job post = norm_of(t, k->mid, k->b, &w->post_norm);
    gn_norm_forward(t, &post);
    copy_rows(t, t->x[l + 1], k->mid);
    if (t->c->experts)
        gn_experts_forward(t, l, k, out, first);
    if (t->c->shared_ff)
        mlp_forward(t, w, k, out);
}

void gn_layer_back(gn_trainer *t, int l, const gn_tape *k) {
    const gn_learn_layer *w = &t->l->layer[l];
    const gn_grid db = gn_rows_of(t->dnorm, t->c->hidden);
    memset(t->dnorm, 0, (size_t)t->batch->rows * (size_t)t->c->hidden * sizeof(float));
    if (t->c->experts)
        gn_experts_back(t, l, k, db);
    if (t->c->shared_ff)
        mlp_back(t, w, k, db);
    gn_norm_job post = norm_of(t, k->mid, k->b, &w->post_norm);
    gn_norm_back(t, &post, &w->post_norm);

    if (t->c->mixer[l] == GN_MAMBA)
        mamba_back(t, w, k);
    else
        attention_back(t, w, k);
    gn_norm_job input = norm_of(t, t->x[l], k->a, &w->input_norm);
    gn_norm_back(t, &input, &w->input_norm);
}
