/* test_cpu_lanes.c - convolution and recurrence against what they must equal, and every cut of them. */
/* floor: gn_cpu */
#include "tests/unit/cpu_rig.h"

/* A layer of this shape, fed T tokens. */
typedef struct shape {
    int T, heads, P, N, groups, W;
} shape;

static const shape shapes[] = {{1, 1, 1, 1, 1, 1},    {9, 2, 4, 3, 1, 4},    {13, 6, 20, 7, 3, 2},
                               {40, 4, 33, 16, 2, 4}, {70, 3, 64, 24, 1, 3}, {33, 2, 100, 9, 2, 4},
                               {20, 1, 256, 5, 1, 5}, {67, 4, 32, 128, 1, 4}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct layer {
    shape s;
    int channels;
    size_t window, memory; /* floats of the conv's, of both */
    gn_mat x, dt, conv, y; /* y: of the ssd */
    float *w, *bias, *A, *D, *dt_bias;
} layer;

static layer make(shape s) {
    layer l = {.s = s, .channels = s.heads * s.P + 2 * s.groups * s.N};
    l.window = (size_t)(s.W - 1) * (size_t)l.channels;
    l.memory = l.window + (size_t)s.heads * (size_t)s.N * (size_t)s.P;
    l.x = matrix(s.T, l.channels, 1);
    l.dt = matrix(s.T, s.heads, 2);
    l.conv = matrix(s.T, l.channels, 3);
    l.y = matrix(s.T, s.heads * s.P, 4);
    l.w = numbers((size_t)(l.channels * s.W), 5);
    l.bias = numbers((size_t)l.channels, 6);
    l.A = numbers((size_t)s.heads, 7);
    l.D = numbers((size_t)s.heads, 8);
    l.dt_bias = numbers((size_t)s.heads, 9);
    for (int h = 0; h < s.heads; h++)
        l.A[h] = -expf(l.A[h]);
    return l;
}

static void release(layer *l) {
    free(l->x.data);
    free(l->dt.data);
    free(l->conv.data);
    free(l->y.data);
    free(l->w);
    free(l->bias);
    free(l->A);
    free(l->D);
    free(l->dt_bias);
}

/* Both ops over the lanes; a memory holds 5 floats of others, then the window, then S. */
enum { BEFORE = 5 };
static void run(gn_device *d, layer *l, const gn_lane *lane, int lanes) {
    const shape s = l->s;
    const int I = s.heads * s.P, GN = s.groups * s.N;
    const gn_lanes table = {lanes, lane};
    const gn_weight w = weight(l->w, l->channels, s.W), bias = weight(l->bias, 1, l->channels);
    const gn_ssd_in in = {gn_cols(l->conv, 0, I), l->dt, gn_cols(l->conv, I, GN),
                          gn_cols(l->conv, I + GN, GN)};
    const gn_ssd_params p = {.A = weight(l->A, 1, s.heads),
                             .D = weight(l->D, 1, s.heads),
                             .dt_bias = weight(l->dt_bias, 1, s.heads),
                             .groups = s.groups,
                             .dt_max = INFINITY};
    gn_conv(d, l->conv, l->x, &w, &bias, &table, BEFORE);
    gn_ssd(d, l->y, &in, &p, &table, BEFORE + l->window);
}

static float *memory(const layer *l) { return zeros(BEFORE + l->memory); }

static double silu(double v) { return v / (1 + exp(-v)); }

TEST(conv_equals_its_formula) {
    for (int k = 0; k < SHAPES; k++)
        for (int isa = 0; isa < ISAS; isa++) {
            gn_device *d = open_isa(isa, 2, true);
            if (!d)
                continue;
            layer l = make(shapes[k]);
            run(d, &l, &(gn_lane){.count = l.s.T}, 1);
            double worst = 0;
            for (int t = 0; t < l.s.T; t++)
                for (int c = 0; c < l.channels; c++) {
                    double sum = (double)l.bias[c];
                    for (int i = 0; i < l.s.W; i++)
                        if (t - l.s.W + 1 + i >= 0)
                            sum +=
                                (double)l.w[c * l.s.W + i] * (double)*at(l.x, t - l.s.W + 1 + i, c);
                    const double off = fabs((double)*at(l.conv, t, c) - silu(sum));
                    worst = off <= worst ? worst : off;
                }
            CHECK(worst < 1e-6);
            release(&l);
            gn_device_close(d);
        }
}

static double softplus(double v) { return log1p(exp(v)); }

/* The recurrence as a matrix, y = M x + D x with
 *   M[t,u] = (C_t · B_u) exp(A (s_u+1 + ... + s_t)) s_u   for u <= t,
 * the "state space duality" of arXiv:2405.21060. */
static double dual(const layer *l, int t, int h, int p) {
    const shape s = l->s;
    const int I = s.heads * s.P, g = h * s.groups / s.heads, column = h * s.P + p;
    double sum = (double)l->D[h] * (double)*at(l->conv, t, column), decay = 0;
    for (int u = t; u >= 0; u--) {
        const double step = softplus((double)(*at(l->dt, u, h) + l->dt_bias[h]));
        double CB = 0;
        for (int n = 0; n < s.N; n++)
            CB += (double)*at(l->conv, u, I + g * s.N + n) *
                  (double)*at(l->conv, t, I + (s.groups + g) * s.N + n);
        sum += CB * exp((double)l->A[h] * decay) * step * (double)*at(l->conv, u, column);
        decay += step;
    }
    return sum;
}

TEST(ssd_scan_equals_its_matrix_form) {
    for (int k = 0; k < SHAPES; k++)
        for (int isa = 0; isa < ISAS; isa++) {
            gn_device *d = open_isa(isa, 2, isa != 1);
            if (!d)
                continue;
            layer l = make(shapes[k]);
            float *S = memory(&l);
            run(d, &l, &(gn_lane){.count = l.s.T, .to.recurrent = S}, 1);
            double worst = 0;
            for (int t = 0; t < l.s.T; t++)
                for (int h = 0; h < l.s.heads; h++)
                    for (int p = 0; p < l.s.P; p++) {
                        const double want = dual(&l, t, h, p);
                        const double got = (double)*at(l.y, t, h * l.s.P + p);
                        const double off = fabs(got - want) / (1 + fabs(want));
                        worst = off <= worst ? worst : off;
                    }
            CHECK(worst < 3e-6);
            release(&l);
            free(S);
            gn_device_close(d);
        }
}

TEST(ssd_clamps_the_step) {
    for (int isa = 0; isa < ISAS; isa++) {
        gn_device *d = open_isa(isa, 1, true);
        if (!d)
            continue;
        const float x = 1, B = 1, C = 1, A = -1, D = 0, none = 0;
        for (int high = 0; high < 2; high++) {
            float dt = high ? 5.0f : -5.0f, y = 7;
            const gn_ssd_in in = {{(float *)(uintptr_t)&x, 1, 1, 1},
                                  {&dt, 1, 1, 1},
                                  {(float *)(uintptr_t)&B, 1, 1, 1},
                                  {(float *)(uintptr_t)&C, 1, 1, 1}};
            const gn_ssd_params p = {
                weight(&A, 1, 1), weight(&D, 1, 1), weight(&none, 1, 1), 1, 0.25f, 0.75f};
            const gn_lane lane = {.count = 1};
            gn_ssd(d, (gn_mat){&y, 1, 1, 1}, &in, &p, &(gn_lanes){1, &lane}, 0);
            CHECK(y == (high ? 0.75f : 0.25f)); /* y = s B x C */
        }
        gn_device_close(d);
    }
}

/* Every way of running a lane gives these bits. */
typedef struct truth {
    gn_mat conv, y;
    float *memory;
} truth;

static truth find_truth(gn_device *d, shape s) {
    layer l = make(s);
    float *S = memory(&l);
    run(d, &l, &(gn_lane){.count = s.T, .to.recurrent = S}, 1);
    const truth t = {l.conv, l.y, S};
    l.conv.data = l.y.data = NULL;
    release(&l);
    return t;
}

static void release_truth(truth *t) {
    free(t->conv.data);
    free(t->y.data);
    free(t->memory);
}

TEST(a_lane_may_stop_after_any_token_and_go_on) {
    for (int k = 0; k < SHAPES; k++)
        for (int isa = 0; isa < ISAS; isa++) {
            gn_device *d = open_isa(isa, 1, isa != 0);
            if (!d)
                continue;
            truth want = find_truth(d, shapes[k]);
            for (int cut = 1; cut < shapes[k].T; cut += cut < 6 ? 1 : 5) {
                layer l = make(shapes[k]);
                float *S = memory(&l);
                const gn_memory m = {.recurrent = S};
                layer first = l, second = l;
                first.x = rows_of(l.x, 0, cut), first.dt = rows_of(l.dt, 0, cut);
                first.conv = rows_of(l.conv, 0, cut), first.y = rows_of(l.y, 0, cut);
                second.x = rows_of(l.x, cut, l.s.T - cut);
                second.dt = rows_of(l.dt, cut, l.s.T - cut);
                second.conv = rows_of(l.conv, cut, l.s.T - cut);
                second.y = rows_of(l.y, cut, l.s.T - cut);
                run(d, &first, &(gn_lane){.count = cut, .to = m}, 1);
                run(d, &second, &(gn_lane){0, l.s.T - cut, cut, m, m}, 1);
                CHECK(same(l.conv, want.conv) && same(l.y, want.y));
                CHECK_SAME(S, want.memory, BEFORE + l.memory);
                release(&l);
                free(S);
            }
            release_truth(&want);
            gn_device_close(d);
        }
}

TEST(one_token_at_a_time_equals_all_at_once_with_any_threads) {
    for (int k = 0; k < SHAPES; k++)
        for (int isa = 0; isa < ISAS; isa++)
            for (int threads = 1; threads <= 4; threads++) {
                gn_device *d = open_isa(isa, threads, true);
                if (!d)
                    continue;
                truth want = find_truth(d, shapes[k]);
                layer l = make(shapes[k]);
                float *S = memory(&l);
                const gn_memory m = {.recurrent = S};
                for (int t = 0; t < l.s.T; t++) {
                    layer one = l;
                    one.x = rows_of(l.x, t, 1), one.dt = rows_of(l.dt, t, 1);
                    one.conv = rows_of(l.conv, t, 1), one.y = rows_of(l.y, t, 1);
                    const gn_lane lane = {0, 1, t, t ? m : (gn_memory){0}, m};
                    run(d, &one, &lane, 1);
                }
                CHECK(same(l.conv, want.conv) && same(l.y, want.y));
                CHECK_SAME(S, want.memory, BEFORE + l.memory);
                release(&l);
                free(S);
                release_truth(&want);
                gn_device_close(d);
            }
}

/* Packed as: a continuation in place, a fork of the same state, and a leaf of it. */
TEST(packing_forking_and_leaves_change_nothing) {
    for (int k = 1; k < SHAPES; k++)
        for (int isa = 0; isa < ISAS; isa++) {
            gn_device *d = open_isa(isa, 3, true);
            if (!d)
                continue;
            const shape s = shapes[k];
            const int cut = s.T / 3, rest = s.T - cut;
            truth want = find_truth(d, s);
            shape three = s;
            three.T = 3 * rest;
            layer l = make(s), packed = make(three);
            float *S = memory(&l), *fork = numbers(BEFORE + l.memory, 3), *kept = memory(&l);
            const gn_memory m = {.recurrent = S};
            layer first = l;
            first.x = rows_of(l.x, 0, cut), first.dt = rows_of(l.dt, 0, cut);
            first.conv = rows_of(l.conv, 0, cut), first.y = rows_of(l.y, 0, cut);
            run(d, &first, &(gn_lane){.count = cut, .to = m}, 1);
            memcpy(kept, S, (BEFORE + l.memory) * sizeof *S);
            for (int i = 0; i < 3 * rest; i++) {
                memcpy(at(packed.x, i, 0), at(l.x, cut + i % rest, 0),
                       (size_t)l.channels * sizeof(float));
                memcpy(at(packed.dt, i, 0), at(l.dt, cut + i % rest, 0),
                       (size_t)s.heads * sizeof(float));
            }
            const gn_lane lane[] = {{0, rest, cut, m, {.recurrent = fork}},
                                    {rest, rest, cut, m, {0}},
                                    {2 * rest, rest, cut, m, {0}}};
            run(d, &packed, lane, 3);
            CHECK_SAME(S, kept, BEFORE + l.memory); /* read only */
            CHECK_SAME(fork + BEFORE, want.memory + BEFORE, l.memory);
            for (int i = 0; i < 3 * rest; i++) {
                CHECK_SAME(at(packed.conv, i, 0), at(want.conv, cut + i % rest, 0),
                           (size_t)l.channels);
                CHECK_SAME(at(packed.y, i, 0), at(want.y, cut + i % rest, 0),
                           (size_t)(s.heads * s.P));
            }
            release(&l);
            release(&packed);
            release_truth(&want);
            free(S);
            free(fork);
            free(kept);
            gn_device_close(d);
        }
}

TEST(conv_without_bias_adds_none) {
    gn_device *d = open_isa(0, 1, true);
    float x[2] = {1, 2}, y[2], w[2] = {0.5f, 3};
    const gn_weight taps = weight(w, 1, 2), none = {0};
    const gn_lane lane = {.count = 2};
    gn_conv(d, (gn_mat){y, 2, 1, 1}, (gn_mat){x, 2, 1, 1}, &taps, &none, &(gn_lanes){1, &lane}, 0);
    const float want[2] = {(float)silu(3), (float)silu(6.5)};
    CHECK_NEAR(y, want, 2, 1e-6f);
    gn_device_close(d);
}
