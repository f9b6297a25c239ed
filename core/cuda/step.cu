/* step.cu - a step's commands: written down, sent with what they need, issued or replayed. */
#include "core/cuda/step.h"

#include <assert.h>
#include <string.h>

enum {
    GRAPHS = 24,        /* kept at a time */
    GRAPH_ROWS = 1024,  /* steps of more rows are worth no graph */
    GRAPH_COMMANDS = 4, /* nor are those of fewer commands */
    FAR = 8,            /* commands between a product and its attention */
    LEAST_DEPTH = 256,  /* bounds of lanes' lengths: this, doubled */
};

static gn_m m_of(gn_mat m) {
    gn_m out = {m.data, m.rows, m.cols, m.stride, 0};
    return out;
}

/* What gn_cuda_place() left: layout is the bytes from row to row. */
static gn_w w_of(const gn_weight *w) {
    gn_w out;
    memset(&out, 0, sizeof out);
    if (!w || !w->data)
        return out;
    out.data = static_cast<const uint8_t *>(w->data);
    out.format = w->format;
    out.n = w->n;
    out.rows = w->rows;
    out.cols = w->cols;
    out.step = w->step;
    out.row = (size_t)w->layout;
    return out;
}

static gn_command *note(gn_cuda *c, int code) {
    c->list.emplace_back();
    gn_command *k = &c->list.back();
    memset(static_cast<void *>(k), 0, sizeof *k);
    k->code = code;
    return k;
}

static size_t note_ints(gn_cuda *c, const int32_t *from, int n) {
    const size_t at = c->ints.size();
    c->ints.insert(c->ints.end(), from, from + n);
    return at;
}

/* ---- the table -------------------------------------------------------------- */

static void begin(gn_cuda *c, gn_step_kind kind, const gn_lanes *lanes) {
    c->kind = kind;
    c->list.clear();
    c->ints.clear();
    c->lanes.clear();
    c->rows = 0;
    memset(&c->table, 0, sizeof c->table);
    int64_t deepest = 0;
    for (int i = 0; lanes && i < lanes->n; i++) {
        const gn_lane *l = &lanes->lane[i];
        gn_device_lane out;
        memset(static_cast<void *>(&out), 0, sizeof out);
        out.first = l->first;
        out.count = l->count;
        out.chunk = c->table.chunks;
        c->table.chunks += gn_blocks((size_t)l->count, GN_CHUNK);
        out.past = l->past;
        out.from = l->past ? l->from.recurrent : NULL;
        out.to = l->to.recurrent;
        out.from_kv = l->past ? static_cast<const uint8_t *>(l->from.kv) : NULL;
        out.to_kv = static_cast<uint8_t *>(l->to.kv);
        out.from_capacity = l->from.capacity;
        out.to_capacity = l->to.capacity;
        c->lanes.push_back(out);
        c->rows = l->first + l->count > c->rows ? l->first + l->count : c->rows;
        c->table.longest = l->count > c->table.longest ? l->count : c->table.longest;
        c->table.shortest = i == 0 || l->count < c->table.shortest ? l->count : c->table.shortest;
        deepest = l->past + l->count > deepest ? l->past + l->count : deepest;
        if (out.to_kv && out.from_kv && out.to_kv != out.from_kv)
            c->table.forks = 1;
    }
    int64_t bound = LEAST_DEPTH;
    while (bound < deepest)
        bound *= 2;
    c->table.n = (int)c->lanes.size();
    c->table.T = c->rows;
    c->table.deepest = (int)(bound < INT32_MAX ? bound : INT32_MAX);
}

void gn_cuda_free_stages(gn_cuda *c) {
    for (int i = 0; i < gn_cuda::STAGES; i++) {
        if (c->stage[i])
            cudaFreeHost(c->stage[i]);
        if (c->staged[i])
            cudaEventDestroy(c->staged[i]);
        c->stage[i] = NULL;
        c->staged[i] = NULL;
    }
    if (c->on_device)
        cudaFree(c->on_device);
    c->on_device = NULL;
    c->stage_bytes = 0;
}

static bool stages(gn_cuda *c, size_t bytes) {
    if (bytes <= c->stage_bytes)
        return true;
    gn_cuda_check(c, cudaStreamSynchronize(c->stream), "waiting for it");
    gn_cuda_forget_graphs(c); /* they know the old table */
    gn_cuda_free_stages(c);
    bytes = gn_align(2 * bytes);
    void *p = NULL;
    for (int i = 0; i < gn_cuda::STAGES; i++) {
        gn_cuda_check(c, cudaMallocHost(&p, bytes), "memory for its table");
        c->stage[i] = static_cast<uint8_t *>(p);
        gn_cuda_check(c, cudaEventCreate(&c->staged[i]), "memory for its table");
        p = NULL;
    }
    gn_cuda_check(c, cudaMalloc(&p, bytes), "memory for its table");
    c->on_device = static_cast<uint8_t *>(p);
    if (c->fault != cudaSuccess)
        return false;
    c->stage_bytes = bytes;
    return true;
}

/* Lanes, the lane of every row, integers: to the device in one copy. */
static const int32_t *send_table(gn_cuda *c) {
    const size_t lanes = c->lanes.size() * sizeof(gn_device_lane);
    const size_t owners = (size_t)c->rows * sizeof(int), ints = c->ints.size() * sizeof(int32_t);
    const size_t all = lanes + owners + ints;
    if (all == 0)
        return NULL;
    if (!stages(c, all))
        return NULL;
    uint8_t *to = c->stage[c->next_stage];
    gn_cuda_check(c, cudaEventSynchronize(c->staged[c->next_stage]), "waiting for it");
    if (lanes)
        memcpy(to, c->lanes.data(), lanes);
    int *owner = reinterpret_cast<int *>(to + lanes);
    for (int t = 0; t < c->rows; t++)
        owner[t] = -1;
    for (size_t i = 0; i < c->lanes.size(); i++)
        for (int t = 0; t < c->lanes[i].count; t++)
            owner[c->lanes[i].first + t] = (int)i;
    if (ints)
        memcpy(to + lanes + owners, c->ints.data(), ints);
    gn_cuda_check(c, cudaMemcpyAsync(c->on_device, to, all, cudaMemcpyHostToDevice, c->stream),
                  "a copy to it");
    gn_cuda_check(c, cudaEventRecord(c->staged[c->next_stage], c->stream), "a copy to it");
    c->next_stage = (c->next_stage + 1) % gn_cuda::STAGES;
    c->table.lane = reinterpret_cast<gn_device_lane *>(c->on_device);
    c->table.lane_of = reinterpret_cast<int *>(c->on_device + lanes);
    return reinterpret_cast<int32_t *>(c->on_device + lanes + owners);
}

/* ---- issuing ----------------------------------------------------------------- */

static size_t room_of(const gn_cuda *c, const gn_command &k) {
    switch (k.code) {
    case GN_OP_LINEAR:
        return gn_cuda_linear_room(c, k);
    case GN_OP_SSD:
        return gn_cuda_ssd_room(c, k, c->table);
    case GN_OP_ATTEND:
        return gn_cuda_attend_room(c, k, c->table);
    case GN_OP_EXPERTS:
        return gn_cuda_experts_room(c, k);
    default:
        return 0;
    }
}

static void issue(gn_cuda *c, const gn_command &k, const int32_t *ints) {
    c->rounded = NULL;
    switch (k.code) {
    case GN_OP_EMBED:
        gn_cuda_do_embed(c, k, ints + k.at);
        break;
    case GN_OP_AXPY:
        gn_cuda_do_axpy(c, k);
        break;
    case GN_OP_SCALE:
        gn_cuda_do_scale(c, k);
        break;
    case GN_OP_SWIGLU:
        gn_cuda_do_swiglu(c, k);
        break;
    case GN_OP_ROPE:
        gn_cuda_do_rope(c, k, c->table);
        break;
    case GN_OP_CONV:
        gn_cuda_do_conv(c, k, c->table);
        break;
    case GN_OP_SSD:
        gn_cuda_do_ssd(c, k, c->table);
        break;
    case GN_OP_ATTEND:
        gn_cuda_do_attend(c, k, c->table);
        break;
    case GN_OP_ROUTE:
        gn_cuda_do_route(c, k);
        break;
    case GN_OP_GATHER:
        gn_cuda_do_gather(c, k, ints + k.at);
        break;
    }
}

/* A norm at the head of n commands, with the sum it is taken of before it; how many they are. */
static size_t lead_of(gn_lead *lead, const gn_command *k, size_t n) {
    const bool sum =
        n > 1 && k->code == GN_OP_AXPY && k[1].code == GN_OP_RMSNORM && gn_same(k->m[0], k[1].m[1]);
    *lead = {NULL, NULL};
    if (!sum && k->code != GN_OP_RMSNORM && k->code != GN_OP_GATED)
        return 0;
    lead->sum = sum ? k : NULL;
    lead->norm = k + sum;
    return 1u + sum;
}

/* Each kernel waits for the one before, so a step is as long as they are many: what can be is done in
 * one. ARCHITECTURE.md has how many a layer has. */
static void issue_all(gn_cuda *c, const int32_t *ints) {
    for (size_t i = 0; i < c->list.size();) {
        const gn_command *k = &c->list[i];
        const size_t n = c->list.size() - i;
        gn_lead lead;
        const size_t led = lead_of(&lead, k, n);
        const bool product = led < n && k[led].code == GN_OP_LINEAR;
        if (led && !(product && gn_same(lead.norm->m[0], k[led].m[1]) && lead.norm->n == 1)) {
            c->rounded = NULL;
            gn_cuda_do_norm(c, lead, NULL);
            i += led;
        } else if (product) {
            i += led + gn_cuda_do_linears(c, lead, k + led, n - led);
        } else if (k->code == GN_OP_EXPERTS) {
            c->rounded = NULL;
            i += gn_cuda_do_experts(c, k, n);
        } else {
            issue(c, *k, ints);
            i++;
        }
    }
    gn_cuda_check(c, cudaGetLastError(), "starting a kernel");
}

/* ---- graphs ------------------------------------------------------------------ */

void gn_cuda_forget_graphs(gn_cuda *c) {
    for (gn_graph &g : c->graphs)
        if (g.exec)
            cudaGraphExecDestroy(g.exec);
    c->graphs.clear();
}

static gn_graph *graph_of(gn_cuda *c) {
    const size_t list = c->list.size() * sizeof(gn_command), ints = c->ints.size();
    std::vector<char> key(sizeof c->table + sizeof ints + list);
    memcpy(key.data(), &c->table, sizeof c->table);
    memcpy(key.data() + sizeof c->table, &ints, sizeof ints);
    memcpy(key.data() + sizeof c->table + sizeof ints, c->list.data(), list);
    gn_graph *oldest = NULL;
    for (gn_graph &g : c->graphs) {
        if (g.key == key)
            return &g;
        if (!oldest || g.used < oldest->used)
            oldest = &g;
    }
    if (c->graphs.size() < GRAPHS) {
        c->graphs.emplace_back();
        oldest = &c->graphs.back();
    } else if (oldest->exec) {
        cudaGraphExecDestroy(oldest->exec);
    }
    oldest->key.swap(key);
    oldest->exec = NULL;
    oldest->used = 0;
    return oldest;
}

/* Graphs save time and change no number: where one cannot be made or started (they take memory of
 * the driver's own), the step is issued as any other, and no more of them are tried. */
static void do_without(gn_cuda *c) {
    cudaGetLastError();
    gn_cuda_forget_graphs(c);
    c->no_graphs = true;
}

static cudaGraphExec_t capture(gn_cuda *c, const int32_t *ints) {
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;
    if (cudaStreamBeginCapture(c->stream, cudaStreamCaptureModeThreadLocal) != cudaSuccess)
        return NULL;
    issue_all(c, ints);
    const cudaError_t ended = cudaStreamEndCapture(c->stream, &graph);
    /* A launch that was refused is refused again outside the graph, and told then. */
    if (ended != cudaSuccess || c->fault != cudaSuccess ||
        cudaGraphInstantiate(&exec, graph, 0) != cudaSuccess)
        exec = NULL;
    c->fault = cudaSuccess;
    if (graph)
        cudaGraphDestroy(graph);
    return exec;
}

/* The step as a graph; false: it is to be issued. */
static bool replay(gn_cuda *c, const int32_t *ints) {
    if (c->no_graphs || c->kind != GN_WRITE || c->rows > GRAPH_ROWS ||
        c->list.size() < GRAPH_COMMANDS)
        return false;
    gn_graph *g = graph_of(c);
    const bool seen = g->used > 0;
    g->used = ++c->clock;
    if (!seen) /* many lists come once and never again */
        return false;
    if (!g->exec && !(g->exec = capture(c, ints))) {
        do_without(c);
        return false;
    }
    if (cudaGraphLaunch(g->exec, c->stream) != cudaSuccess) {
        do_without(c);
        return false;
    }
    c->replayed++;
    return true;
}

static void end(gn_cuda *c) {
    size_t room = 0;
    if (c->fault != cudaSuccess || c->list.empty())
        return;
    for (const gn_command &k : c->list) {
        const size_t r = room_of(c, k);
        room = r > room ? r : room;
    }
    if (!gn_cuda_reserve(c, room))
        return;
    const int32_t *ints = send_table(c);
    if (c->fault != cudaSuccess)
        return;
    if (!replay(c, ints))
        issue_all(c, ints);
}

/* ---- the ops ------------------------------------------------------------------ */

static void step_begin(gn_device *d, gn_step_kind kind, const gn_lanes *lanes) {
    gn_cuda *c = gn_cuda_of(d);
    begin(c, kind, lanes);
    c->in_step = true;
}

static void step_end(gn_device *d) {
    gn_cuda *c = gn_cuda_of(d);
    c->in_step = false;
    end(c);
}

/* An op outside a step begins one and ends it. */
struct alone {
    gn_cuda *c;
    bool own;
    alone(gn_device *d, const gn_lanes *lanes) : c(gn_cuda_of(d)), own(!c->in_step) {
        if (own)
            begin(c, c->kind, lanes);
    }
    ~alone() {
        if (own)
            end(c);
    }
};

static void embed(gn_device *d, gn_mat x, const gn_weight *table, const int32_t *token,
                  float scale) {
    alone s(d, NULL);
    const size_t at = note_ints(s.c, token, x.rows);
    gn_command *k = note(s.c, GN_OP_EMBED);
    k->m[0] = m_of(x);
    k->w[0] = w_of(table);
    k->at = at;
    k->a = scale;
}

static void linear(gn_device *d, gn_mat x, const gn_product *p, int n) {
    alone s(d, NULL);
    for (int i = 0; i < n && x.rows; i++) {
        gn_command *k = note(s.c, GN_OP_LINEAR);
        k->n = i > 0 ? GN_LINEAR_SAME : 0;
        k->m[0] = m_of(p[i].y);
        k->m[1] = m_of(x);
        k->w[0] = w_of(p[i].w);
        k->w[1] = w_of(p[i].bias);
    }
}

static void rmsnorm(gn_device *d, gn_mat y, gn_mat x, const gn_weight *gain, float eps) {
    alone s(d, NULL);
    gn_command *k = note(s.c, GN_OP_RMSNORM);
    k->m[0] = m_of(y);
    k->m[1] = m_of(x);
    k->w[0] = w_of(gain);
    k->n = 1;
    k->a = eps;
}

static void gated_rmsnorm(gn_device *d, gn_mat y, gn_mat x, gn_mat z, const gn_weight *gain,
                          int groups, float eps) {
    alone s(d, NULL);
    gn_command *k = note(s.c, GN_OP_GATED);
    k->m[0] = m_of(y);
    k->m[1] = m_of(x);
    k->m[2] = m_of(z);
    k->w[0] = w_of(gain);
    k->n = groups;
    k->a = eps;
}

static void axpy(gn_device *d, gn_mat y, float a, gn_mat x) {
    alone s(d, NULL);
    gn_command *k = note(s.c, GN_OP_AXPY);
    k->m[0] = m_of(y);
    k->m[1] = m_of(x);
    k->a = a;
}

static void scale(gn_device *d, gn_mat y, float a) {
    alone s(d, NULL);
    gn_command *k = note(s.c, GN_OP_SCALE);
    k->m[0] = m_of(y);
    k->a = a;
}

static void swiglu(gn_device *d, gn_mat y, gn_mat gate, gn_mat up) {
    alone s(d, NULL);
    gn_command *k = note(s.c, GN_OP_SWIGLU);
    k->m[0] = m_of(y);
    k->m[1] = m_of(gate);
    k->m[2] = m_of(up);
}

static void rope(gn_device *d, gn_mat x, int head_dim, const gn_weight *frequency,
                 const gn_lanes *lanes) {
    alone s(d, lanes);
    gn_command *k = note(s.c, GN_OP_ROPE);
    k->m[0] = m_of(x);
    k->w[0] = w_of(frequency);
    k->n = head_dim;
}

static void conv(gn_device *d, gn_mat y, gn_mat x, const gn_weight *w, const gn_weight *bias,
                 const gn_lanes *lanes, size_t at) {
    alone s(d, lanes);
    gn_command *k = note(s.c, GN_OP_CONV);
    k->m[0] = m_of(y);
    k->m[1] = m_of(x);
    k->w[0] = w_of(w);
    k->w[1] = w_of(bias);
    k->at = at;
}

static void ssd(gn_device *d, gn_mat y, const gn_ssd_in *in, const gn_ssd_params *p,
                const gn_lanes *lanes, size_t at) {
    alone s(d, lanes);
    gn_command *k = note(s.c, GN_OP_SSD);
    k->m[0] = m_of(y);
    k->m[1] = m_of(in->x);
    k->m[2] = m_of(in->dt);
    k->m[3] = m_of(in->B);
    k->m[4] = m_of(in->C);
    k->w[0] = w_of(&p->A);
    k->w[1] = w_of(&p->D);
    k->w[2] = w_of(&p->dt_bias);
    k->n = p->groups;
    k->a = p->dt_min;
    k->b = p->dt_max;
    k->at = at;
}

static void attend(gn_device *d, gn_mat y, gn_mat q, gn_mat k_, gn_mat v, int head_dim, float by,
                   const gn_lanes *lanes, int nth) {
    alone s(d, lanes);
    /* What a softmax weighs by is to be better than f16: a small part of all there is to multiply. */
    for (size_t i = s.c->list.size(), back = 0; i-- > 0 && back < FAR; back++) {
        const float *out = s.c->list[i].m[0].data;
        if (s.c->list[i].code == GN_OP_LINEAR && (out == q.data || out == k_.data || out == v.data))
            s.c->list[i].n |= GN_LINEAR_FINE;
    }
    gn_command *k = note(s.c, GN_OP_ATTEND);
    k->m[0] = m_of(y);
    k->m[1] = m_of(q);
    k->m[2] = m_of(k_);
    k->m[3] = m_of(v);
    k->n = head_dim;
    k->a = by;
    k->at = (size_t)nth;
}

static void route(gn_device *d, gn_mat gate, int32_t *expert, gn_mat logits) {
    alone s(d, NULL);
    /* Two experts of nearly one weight: rounding may not choose between them. */
    if (!s.c->list.empty() && s.c->list.back().code == GN_OP_LINEAR &&
        s.c->list.back().m[0].data == logits.data)
        s.c->list.back().n |= GN_LINEAR_F32;
    gn_command *k = note(s.c, GN_OP_ROUTE);
    k->m[0] = m_of(gate);
    k->m[1] = m_of(logits);
    k->expert = expert;
}

static void experts(gn_device *d, gn_mat y, gn_mat x, const gn_experts_weights *w, gn_mat gate,
                    const int32_t *expert) {
    alone s(d, NULL);
    gn_command *k = note(s.c, GN_OP_EXPERTS);
    k->m[0] = m_of(y);
    k->m[1] = m_of(x);
    k->m[2] = m_of(gate);
    k->w[0] = w_of(&w->gate);
    k->w[1] = w_of(&w->up);
    k->w[2] = w_of(&w->down);
    k->expert = const_cast<int32_t *>(expert);
}

static void gather(gn_device *d, gn_mat y, gn_mat x, const int32_t *row) {
    alone s(d, NULL);
    const size_t at = note_ints(s.c, row, y.rows);
    gn_command *k = note(s.c, GN_OP_GATHER);
    k->m[0] = m_of(y);
    k->m[1] = m_of(x);
    k->at = at;
}

void gn_cuda_fill_ops(gn_ops *o) {
    o->step_begin = step_begin;
    o->step_end = step_end;
    o->embed = embed;
    o->linear = linear;
    o->rmsnorm = rmsnorm;
    o->gated_rmsnorm = gated_rmsnorm;
    o->axpy = axpy;
    o->scale = scale;
    o->swiglu = swiglu;
    o->rope = rope;
    o->conv = conv;
    o->ssd = ssd;
    o->attend = attend;
    o->route = route;
    o->experts = experts;
    o->gather = gather;
}
