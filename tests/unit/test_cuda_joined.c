/* test_cuda_joined.c - ops that share a kernel on the CUDA device are, to the bit, what each is alone. */
/* floor: gn_cpu gn_cuda */
#include "tests/unit/cuda_rig.h"

/* Ops one by one, each a step of its own, or all in one step. */
typedef struct way {
    pair p;
    gn_step_kind kind;
    gn_lanes lanes;
    bool alone;
    long before;
} way;

static void start(way *w) {
    gn_error e = {0};
    CHECK(gn_read(w->p.gpu, NULL, NULL, 0, &e)); /* nothing is on its way */
    w->before = emu.launches();
    gn_step_begin(w->p.gpu, w->kind, &w->lanes);
}

static void next(way *w) {
    if (!w->alone)
        return;
    gn_step_end(w->p.gpu);
    gn_step_begin(w->p.gpu, w->kind, &w->lanes);
}

/* How many kernels that were. */
static long finish(way *w) {
    gn_error e = {0};
    gn_step_end(w->p.gpu);
    CHECK(gn_read(w->p.gpu, NULL, NULL, 0, &e));
    return emu.launches() - w->before;
}

/* Whether two matrices of the GPU are the same, what is between their rows too. */
static bool alike(pair p, gn_mat a, gn_mat b) {
    const gn_mat x = back(p, a), y = back(p, b);
    const bool yes = memcmp(x.data, y.data, bytes_of(x)) == 0;
    free(x.data);
    free(y.data);
    return yes;
}

enum { MOST = 8 };

/* Matrices that are filled alike for both ways. */
typedef struct mats {
    int n;
    gn_mat m[MOST];
} mats;

static void both_ways(pair p, mats of[2], const int cols[], int n, int T) {
    for (int w = 0; w < 2; w++) {
        of[w].n = n;
        for (int i = 0; i < n; i++) {
            gn_mat host = matrix(T, cols[i], 30u + (unsigned)i);
            of[w].m[i] = mat_on_gpu(p, host);
            free(host.data);
        }
    }
}

static void compare(pair p, mats of[2], const char *what, int T) {
    for (int i = 0; i < of[0].n; i++) {
        if (!CHECK(alike(p, of[0].m[i], of[1].m[i])))
            printf("  %s, %d rows: matrix %d is another\n", what, T, i);
        p.gpu->op->free(p.gpu, of[0].m[i].data);
        p.gpu->op->free(p.gpu, of[1].m[i].data);
    }
}

static const int sizes[] = {1, 3, 8, 9, 20, 65};
enum { SIZES = sizeof sizes / sizeof *sizes };

typedef struct form {
    int gate, up, down, D, F;
} form;

/* x += 0.3 down(swiglu(gate(norm x), up(norm x))) */
static void feed_forward(pair p, bool exact, gn_step_kind kind, form f, int T, bool biased) {
    enum { X, NORM, BOTH, MID, OUT, ALL };
    const int cols[ALL] = {f.D, f.D, 2 * f.F, f.F, f.D};
    gn_weight host[3] = {random_weight(f.gate, 1, f.F, f.D, 1), random_weight(f.up, 1, f.F, f.D, 2),
                         random_weight(f.down, 1, f.D, f.F, 3)};
    float *v[4] = {numbers((size_t)f.F, 4), numbers((size_t)f.F, 5), numbers((size_t)f.D, 6),
                   numbers((size_t)f.D, 7)};
    gn_weight w[3], b[3], gain = placed(p.gpu, weight(v[3], 1, f.D));
    mats of[2];
    long kernels[2];
    for (int i = 0; i < 3; i++) {
        w[i] = placed(p.gpu, host[i]);
        b[i] = placed(p.gpu, weight(v[i], 1, i < 2 ? f.F : f.D));
        if (!biased)
            b[i].data = NULL;
        free((void *)host[i].data);
    }
    both_ways(p, of, cols, ALL, T);
    for (int alone = 0; alone < 2; alone++) {
        way go = {.p = p, .kind = kind, .alone = alone};
        const gn_mat *m = of[alone].m;
        const gn_mat gate = gn_cols(m[BOTH], 0, f.F), up = gn_cols(m[BOTH], f.F, f.F);
        start(&go);
        gn_rmsnorm(p.gpu, m[NORM], m[X], &gain, 1e-2f);
        next(&go);
        gn_linear(p.gpu, m[NORM], (gn_product[]){{gate, &w[0], &b[0]}, {up, &w[1], &b[1]}}, 2);
        next(&go);
        gn_swiglu(p.gpu, m[MID], gate, up);
        next(&go);
        gn_linear(p.gpu, m[MID], &(gn_product){m[OUT], &w[2], &b[2]}, 1);
        next(&go);
        gn_axpy(p.gpu, m[X], 0.3f, m[OUT]);
        kernels[alone] = finish(&go);
    }
    compare(p, of, "feed forward", T);
    if (emulated() && f.gate == f.up && kind == GN_WRITE) {
        /* norm, gate, up and their product; down and sum. Of more rows the norm is apart, of a batch with
         * their rounding, and what is gated is rounded too. */
        const long want = T == 1 ? 2 : exact || T <= 8 ? 3 : 4;
        if (!CHECK(kernels[0] == want && kernels[1] > want))
            printf("  %d rows: %ld kernels\n", T, kernels[0]);
    }
    for (int i = 0; i < 4; i++)
        free(v[i]);
}

TEST(a_feed_forward_in_one_step_is_its_ops_one_by_one) {
    static const form f[] = {{GN_Q8_0, GN_Q8_0, GN_Q4_0, 96, 160},
                             {GN_BF16, GN_BF16, GN_F32, 53, 37},
                             {GN_Q4_0, GN_Q8_0, GN_Q8_0, 96, 64}};
    for (int exact = 0; exact < 2; exact++) {
        pair p = open_pair(exact);
        for (int i = 0; i < SIZES; i++)
            for (int k = 0; k < 3; k++)
                feed_forward(p, exact, GN_WRITE, f[k], sizes[i], (i + k) % 2);
        feed_forward(p, exact, GN_READ, f[0], 5, true);
        feed_forward(p, exact, GN_READ, f[0], 40, true);
        close_pair(p);
    }
}

/* The middle of what in_proj makes goes through the convolution, and windows move on. */
static void projection(pair p, int T, int format) {
    enum { X, NORM, PROJ, CONV, ALL, D = 96, Z = 40, C = 71, H = 3, W = 4, AT = 5 };
    const int cols[ALL] = {D, D, Z + C + H, C}, memory = AT + (W - 1) * C;
    gn_weight host = random_weight(format, 1, Z + C + H, D, 1), w = placed(p.gpu, host);
    float *gain_of = numbers(D, 2), *taps = numbers(C * W, 3), *add = numbers(C, 4);
    gn_weight gain = placed(p.gpu, weight(gain_of, 1, D)), conv = placed(p.gpu, weight(taps, C, W)),
              bias = placed(p.gpu, weight(add, 1, C));
    mats of[2];
    gn_mat from[2], to[2];
    gn_lane *lane = calloc((size_t)T, sizeof *lane);
    long kernels[2];
    both_ways(p, of, cols, ALL, T);
    for (int alone = 0; alone < 2; alone++) {
        gn_mat a = matrix(T, memory, 8), b = matrix(T, memory, 9);
        from[alone] = mat_on_gpu(p, a);
        to[alone] = mat_on_gpu(p, b);
        free(a.data);
        free(b.data);
        for (int t = 0; t < T;
             t++) { /* one that begins, one that goes on, that forks, keeps nothing */
            const gn_memory old = {at(from[alone], t, 0), NULL, 0},
                            new = {at(to[alone], t, 0), NULL, 0};
            lane[t] = (gn_lane){.first = t, .count = 1, .past = t % 4 ? 9 : 0};
            lane[t].from = t % 4 ? old : (gn_memory){0};
            lane[t].to = t % 4 == 1 ? old : t % 4 == 3 ? (gn_memory){0} : new;
        }
        way go = {.p = p, .kind = GN_WRITE, .lanes = {T, lane}, .alone = alone};
        const gn_mat *m = of[alone].m;
        start(&go);
        gn_rmsnorm(p.gpu, m[NORM], m[X], &gain, 1e-2f);
        next(&go);
        gn_linear(p.gpu, m[NORM], &(gn_product){m[PROJ], &w, NULL}, 1);
        next(&go);
        gn_conv(p.gpu, m[CONV], gn_cols(m[PROJ], Z, C), &conv, &bias, &go.lanes, AT);
        kernels[alone] = finish(&go);
    }
    compare(p, of, "projection", T);
    CHECK(alike(p, from[0], from[1]) && alike(p, to[0], to[1]));
    CHECK(!emulated() || (kernels[0] == (T > 1 ? 2 : 1) && kernels[1] > kernels[0]));
    for (int i = 0; i < 2; i++) {
        p.gpu->op->free(p.gpu, from[i].data);
        p.gpu->op->free(p.gpu, to[i].data);
    }
    free(lane);
    free(gain_of);
    free(taps);
    free(add);
    free((void *)host.data);
}

TEST(a_convolution_in_its_product_is_the_convolution) {
    pair p = open_pair(false);
    for (int i = 0; i < SIZES; i++) {
        projection(p, sizes[i], GN_Q8_0);
        projection(p, sizes[i], GN_F16);
    }
    close_pair(p);
}

/* logits = head(x) / scaling */
TEST(logits_are_scaled_where_they_are_made) {
    pair p = open_pair(false);
    gn_weight host = random_weight(GN_Q4_0, 1, 101, 96, 1), w = placed(p.gpu, host);
    for (int i = 0; i < SIZES; i++) {
        enum { X, Y, ALL };
        mats of[2];
        long kernels[2];
        both_ways(p, of, (const int[]){96, 101}, ALL, sizes[i]);
        for (int alone = 0; alone < 2; alone++) {
            way go = {.p = p, .kind = GN_WRITE, .alone = alone};
            start(&go);
            gn_linear(p.gpu, of[alone].m[X], &(gn_product){of[alone].m[Y], &w, NULL}, 1);
            next(&go);
            gn_scale(p.gpu, of[alone].m[Y], 0.125f);
            kernels[alone] = finish(&go);
        }
        compare(p, of, "logits", sizes[i]);
        CHECK(!emulated() || kernels[1] == kernels[0] + 1);
    }
    free((void *)host.data);
    close_pair(p);
}

/* out += experts(x), x += 0.3 out */
TEST(the_sums_after_a_mixture_are_sums) {
    pair p = open_pair(false);
    enum { X, OUT, ROUTED, GATE, IN, ALL, D = 96, F = 64, E = 7, U = 3 };
    gn_weight host[] = {random_weight(GN_Q8_0, E, F, D, 1), random_weight(GN_Q8_0, E, F, D, 2),
                        random_weight(GN_Q4_0, E, D, F, 3)};
    const gn_experts_weights w = {placed(p.gpu, host[0]), placed(p.gpu, host[1]),
                                  placed(p.gpu, host[2])};
    for (int i = 0; i < SIZES; i++) {
        const int T = sizes[i];
        int32_t *expert = malloc((size_t)(T * U) * sizeof *expert);
        for (int k = 0; k < T * U; k++)
            expert[k] = (k / U * 2 + k % U) % E;
        int32_t *there = on_gpu(p, expert, (size_t)(T * U) * sizeof *expert);
        mats of[2];
        long kernels[2];
        both_ways(p, of, (const int[]){D, D, D, U, D}, ALL, T);
        for (int alone = 0; alone < 2; alone++) {
            way go = {.p = p, .kind = GN_WRITE, .alone = alone};
            const gn_mat *m = of[alone].m;
            start(&go);
            gn_experts(p.gpu, m[ROUTED], m[IN], &w, m[GATE], there);
            next(&go);
            gn_axpy(p.gpu, m[OUT], 1.0f, m[ROUTED]);
            next(&go);
            gn_axpy(p.gpu, m[X], 0.3f, m[OUT]);
            kernels[alone] = finish(&go);
        }
        compare(p, of, "mixture", T);
        /* gate and up, down mixed; of more pairs sorted, rounded twice, mixed apart */
        CHECK(!emulated() || (kernels[0] == (T > 8 ? 6 : 2) && kernels[1] == kernels[0] + 2));
        p.gpu->op->free(p.gpu, there);
        free(expert);
    }
    for (int i = 0; i < 3; i++)
        free((void *)host[i].data);
    close_pair(p);
}

/* Other blocks of a product still read what these ops write: they may not go into it. */
TEST(what_a_product_reads_is_not_written_in_its_kernel) {
    pair p = open_pair(true);
    enum { X, Y, ALL, D = 96 };
    gn_weight host = random_weight(GN_Q8_0, 1, D, D, 1), w = placed(p.gpu, host);
    float *gain_of = numbers(D, 2);
    gn_weight gain = placed(p.gpu, weight(gain_of, 1, D));
    for (int T = 1; T <= 5; T += 4) {
        mats of[2];
        both_ways(p, of, (const int[]){D, D}, ALL, T);
        for (int alone = 0; alone < 2; alone++) {
            way go = {.p = p, .kind = GN_WRITE, .alone = alone};
            const gn_mat *m = of[alone].m;
            start(&go);
            gn_linear(p.gpu, m[X], &(gn_product){m[Y], &w, NULL}, 1);
            next(&go);
            gn_axpy(p.gpu, m[X], 0.3f, m[Y]);
            next(&go);
            gn_rmsnorm(p.gpu, m[X], m[X], &gain, 1e-2f);
            next(&go);
            gn_linear(p.gpu, m[X], &(gn_product){m[Y], &w, NULL}, 1);
            next(&go);
            gn_rmsnorm(p.gpu, m[Y], m[X], &gain, 1e-2f);
            next(&go);
            gn_linear(p.gpu, m[Y], &(gn_product){m[X], &w, NULL}, 1);
            finish(&go);
        }
        compare(p, of, "in place", T);
    }
    free(gain_of);
    free((void *)host.data);
    close_pair(p);
}
