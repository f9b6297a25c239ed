/* test_cuda_weights.c - the CUDA device's formulas that read weights, in every format, and logits. */
/* floor: gn_cpu gn_cuda */
#include "tests/unit/cuda_rig.h"

#include "core/num/half.h"

enum { OFTEN = 4 };

TEST(embedding_unpacks_every_format_to_the_bit) {
    pair p = open_pair(true);
    for (int f = 0; f < GN_FORMATS; f++) {
        const int D = gn_format_of(f)->block == 1 ? 45 : columns_of(f), V = 9;
        gn_weight host = random_weight(f, 1, V, D, 5u + (unsigned)f), gpu = placed(p.gpu, host);
        const int32_t token[] = {8, 0, 3, 3, 1, 2, 4, 5, 6, 7};
        gn_mat x = matrix(10, D, 2), gx = mat_on_gpu(p, x);
        gn_embed(p.gpu, gx, &gpu, token, 1.0f);
        gn_mat got = back(p, gx);
        for (int t = 0; t < 10; t++) {
            float *want = zeros((size_t)D);
            gn_format_of(f)->unpack((const uint8_t *)host.data +
                                        (size_t)token[t] * gn_row_bytes(f, D),
                                    want, (size_t)D);
            if (!CHECK_SAME(at(got, t, 0), want, (size_t)D))
                printf("  %s\n", gn_format_of(f)->name);
            free(want);
        }
        gn_embed(p.cpu, x, &host, token, 1.7f);
        gn_embed(p.gpu, gx, &gpu, token, 1.7f);
        CHECK(near(p, gx, x, 0));
        drop(p, x, gx);
        free(got.data);
        free((void *)host.data);
    }
    close_pair(p);
}

/* y = W x + b as f64 sums of the unpacked numbers would have it, next to the device's. */
static double linear_off(pair p, int format, int T, int rows, gn_step_kind kind, bool bias) {
    const int D = columns_of(format);
    gn_weight host = random_weight(format, 1, rows, D, 77), gpu = placed(p.gpu, host);
    float *b = numbers((size_t)rows, 4);
    gn_weight hb = weight(b, 1, rows), gb = placed(p.gpu, hb);
    gn_mat x = matrix(T, D, 1), y = matrix(T, rows, 2), gx = mat_on_gpu(p, x),
           gy = mat_on_gpu(p, y);
    float *w = zeros((size_t)D);
    double off = 0, all = 0;
    if (!bias)
        hb.data = gb.data = NULL;
    gn_step_begin(p.gpu, kind, &(gn_lanes){0});
    gn_linear(p.gpu, gx, &(gn_product){gy, &gpu, &gb}, 1);
    gn_step_end(p.gpu);
    gn_mat got = back(p, gy);
    for (int r = 0; r < rows; r++) {
        gn_format_of(format)->unpack(
            (const uint8_t *)host.data + (size_t)r * gn_row_bytes(format, D), w, (size_t)D);
        for (int t = 0; t < T; t++) {
            double sum = bias ? (double)b[r] : 0;
            for (int i = 0; i < D; i++)
                sum += (double)w[i] * (double)*at(x, t, i);
            const double d = (double)*at(got, t, r) - sum;
            off += d * d;
            all += sum * sum;
        }
    }
    for (int t = 0; t < T; t++) /* between the rows nothing was written */
        CHECK(memcmp(at(got, t, rows), at(y, t, rows), 3 * sizeof(float)) == 0);
    free(w);
    free(b);
    free(got.data);
    free((void *)host.data);
    drop(p, x, gx);
    drop(p, y, gy);
    return sqrt(off / all);
}

TEST(a_few_rows_are_multiplied_in_f32_in_every_format) {
    pair p = open_pair(false);
    static const int T[] = {1, 2, 5, 8};
    for (int f = 0; f < GN_FORMATS; f++)
        for (int i = 0; i < 4; i++) {
            const double off = linear_off(p, f, T[i], 37, GN_WRITE, i % 2);
            if (!CHECK(off < 1e-6))
                printf("  %s, %d rows: %.2e\n", gn_format_of(f)->name, T[i], off);
        }
    close_pair(p);
}

TEST(a_batch_of_rows_is_multiplied_in_f16_in_every_format) {
    pair p = open_pair(false);
    static const int T[] = {9, 64, 65};
    for (int f = 0; f < GN_FORMATS; f++)
        for (int i = 0; i < 3; i++) {
            const double off = linear_off(p, f, T[i], 37 + 16 * i, GN_WRITE, (f + i) % 2);
            if (!CHECK(off < 5e-4 && off > 1e-6)) /* f16 it is */
                printf("  %s, %d rows: %.2e\n", gn_format_of(f)->name, T[i], off);
        }
    close_pair(p);
}

TEST(a_row_of_a_batch_does_not_know_how_many_others_there_are) {
    pair p = open_pair(false);
    gn_weight host = random_weight(GN_Q4_K, 1, 70, 768, 7), w = placed(p.gpu, host);
    gn_mat x = matrix(130, 768, 1), y = matrix(130, 70, 2);
    gn_mat gx = mat_on_gpu(p, x), ga = mat_on_gpu(p, y), gb = mat_on_gpu(p, y);
    static const int cut[] = {0, 9, 73, 130};
    gn_step_begin(p.gpu, GN_WRITE, &(gn_lanes){0});
    gn_linear(p.gpu, gx, &(gn_product){ga, &w, NULL}, 1);
    gn_step_end(p.gpu);
    for (int i = 0; i < 3; i++) {
        const int n = cut[i + 1] - cut[i];
        const gn_mat some = {at(gx, cut[i], 0), n, 768, gx.stride},
                     out = {at(gb, cut[i], 0), n, 70, gb.stride};
        gn_step_begin(p.gpu, GN_WRITE, &(gn_lanes){0});
        gn_linear(p.gpu, some, &(gn_product){out, &w, NULL}, 1);
        gn_step_end(p.gpu);
    }
    const gn_mat a = back(p, ga), b = back(p, gb);
    CHECK(same(a, b));
    drop(p, a, ga);
    drop(p, b, gb);
    drop(p, x, gx);
    free(y.data);
    free((void *)host.data);
    close_pair(p);
}

TEST(a_vocabulary_longer_than_a_grid_is_multiplied_to_its_end) {
    pair p = open_pair(true);
    CHECK(linear_off(p, GN_F16, 1, (1 << 16) + 70, GN_WRITE, true) < 1e-6);
    close_pair(p);
}

TEST(many_rows_are_multiplied_in_f16_in_every_format) {
    pair p = open_pair(false);
    for (int f = 0; f < GN_FORMATS; f++) {
        const double off = linear_off(p, f, 65, 70, GN_READ, f % 2);
        if (!CHECK(off < 5e-4 && off > 1e-6)) /* f16 it is */
            printf("  %s: %.2e\n", gn_format_of(f)->name, off);
    }
    close_pair(p);
}

TEST(products_of_one_input_and_of_another_are_kept_apart) {
    pair p = open_pair(false);
    gn_weight host = random_weight(GN_Q8_0, 1, 64, 96, 7), w = placed(p.gpu, host);
    gn_mat x = matrix(20, 96, 1), z = matrix(20, 96, 2), y = matrix(20, 64, 3);
    gn_mat gx = mat_on_gpu(p, x), gz = mat_on_gpu(p, z), ga = mat_on_gpu(p, y),
           gb = mat_on_gpu(p, y), gc = mat_on_gpu(p, y), gd = mat_on_gpu(p, y);
    gn_step_begin(p.gpu, GN_READ, &(gn_lanes){0});
    gn_linear(p.gpu, gx, (gn_product[]){{ga, &w, NULL}, {gb, &w, NULL}}, 2);
    gn_linear(p.gpu, gz, (gn_product[]){{gc, &w, NULL}, {gd, &w, NULL}}, 2);
    gn_step_end(p.gpu);
    const gn_mat a = back(p, ga), b = back(p, gb), c = back(p, gc), d = back(p, gd);
    CHECK(same(a, b) && same(c, d) && !same(a, c));
    drop(p, a, ga);
    drop(p, b, gb);
    drop(p, c, gc);
    drop(p, d, gd);
    drop(p, x, gx);
    drop(p, z, gz);
    free(y.data);
    free((void *)host.data);
    close_pair(p);
}

/* q, k and v, or gate and up: of one format, of two, with and without biases. */
TEST(products_that_share_a_launch_are_what_each_is_alone) {
    pair p = open_pair(false);
    static const int rows[] = {37, 6, 21},
                     formats[2][3] = {{GN_Q8_0, GN_Q8_0, GN_Q8_0}, {GN_Q4_0, GN_Q8_0, GN_Q8_0}};
    for (int i = 0; i < 4; i++) {
        gn_weight w[3], b[3], host[3];
        gn_product together[3], one[3];
        gn_mat x = matrix(3, 96, 1), y = matrix(3, 64, 2);
        gn_mat gx = mat_on_gpu(p, x), ga = mat_on_gpu(p, y), gb = mat_on_gpu(p, y);
        const long before = emu.launches();
        for (int k = 0, col = 0; k < 3; col += rows[k++]) {
            float *bias = numbers((size_t)rows[k], 20u + (unsigned)k);
            host[k] = random_weight(formats[i % 2][k], 1, rows[k], 96, 7u + (unsigned)k);
            w[k] = placed(p.gpu, host[k]);
            b[k] = placed(p.gpu, weight(bias, 1, rows[k]));
            together[k] = (gn_product){gn_cols(ga, col, rows[k]), &w[k], i < 2 ? &b[k] : NULL};
            one[k] = (gn_product){gn_cols(gb, col, rows[k]), &w[k], i < 2 ? &b[k] : NULL};
            free(bias);
        }
        gn_step_begin(p.gpu, GN_WRITE, &(gn_lanes){0});
        gn_linear(p.gpu, gx, together, 3);
        gn_step_end(p.gpu);
        const gn_mat a = back(p, ga);
        const long all = emu.launches() - before - 6; /* six were placed */
        for (int k = 0; k < 3; k++) {
            gn_step_begin(p.gpu, GN_WRITE, &(gn_lanes){0});
            gn_linear(p.gpu, gx, &one[k], 1);
            gn_step_end(p.gpu);
            free((void *)host[k].data);
        }
        const gn_mat c = back(p, gb);
        CHECK(same(a, c));
        CHECK(!emulated() || all == 1 + i % 2);
        drop(p, a, ga);
        drop(p, c, gb);
        drop(p, x, gx);
        free(y.data);
    }
    close_pair(p);
}

TEST(numbers_beyond_f16_are_multiplied_all_the_same) {
    pair p = open_pair(false);
    gn_weight host = random_weight(GN_F32, 1, 40, 64, 7), w = placed(p.gpu, host);
    gn_mat x = matrix(12, 64, 1), y = matrix(12, 40, 2);
    for (int t = 0; t < 12; t++)
        for (int i = 0; i < 64; i++)
            *at(x, t, i) *= ldexpf(1.0f, 8 * t - 44);
    gn_mat gx = mat_on_gpu(p, x), gy = mat_on_gpu(p, y);
    gn_step_begin(p.gpu, GN_READ, &(gn_lanes){0});
    gn_linear(p.gpu, gx, &(gn_product){gy, &w, NULL}, 1);
    gn_step_end(p.gpu);
    gn_linear(p.cpu, x, &(gn_product){y, &host, NULL}, 1);
    gn_mat got = back(p, gy);
    for (int t = 0; t < 12; t++) {
        double off = 0, all = 0;
        for (int i = 0; i < 40; i++) {
            const double d = (double)*at(got, t, i) - (double)*at(y, t, i);
            off += d * d;
            all += (double)*at(y, t, i) * (double)*at(y, t, i);
        }
        if (!CHECK(sqrt(off / all) < 1e-3))
            printf("  2^%d: %.2e\n", 8 * t - 44, sqrt(off / all));
    }
    free(got.data);
    free((void *)host.data);
    drop(p, x, gx);
    drop(p, y, gy);
    close_pair(p);
}

/* ---- the mixture ------------------------------------------------------------------- */

TEST(routing_is_the_cpus_with_ties_to_the_lower_expert) {
    pair p = open_pair(true);
    static const int E[] = {1, 4, 33, 64, 100}, U[] = {1, 4, 2, 6, 8};
    for (int i = 0; i < 5; i++) {
        const int T = 23;
        gn_mat x = matrix(T, E[i], 1), gate = matrix(T, U[i], 2);
        for (int t = 0; t < T; t++)
            for (int k = 0; k < E[i]; k++)
                *at(x, t, k) = rintf(*at(x, t, k) * 3); /* many are the same */
        int32_t want[23 * 8], got[23 * 8];
        gn_error e = {0};
        gn_mat gx = mat_on_gpu(p, x), ggate = mat_on_gpu(p, gate);
        int32_t *expert = p.gpu->op->alloc(p.gpu, sizeof got);
        gn_route(p.cpu, gate, want, x);
        gn_route(p.gpu, ggate, expert, gx);
        CHECK(near(p, ggate, gate, 1e-6));
        CHECK(gn_read(p.gpu, got, expert, sizeof *got * (size_t)(T * U[i]), &e));
        CHECK(memcmp(got, want, sizeof *got * (size_t)(T * U[i])) == 0);
        p.gpu->op->free(p.gpu, expert);
        drop(p, x, gx);
        drop(p, gate, ggate);
    }
    close_pair(p);
}

/* How far a mixture of T tokens is from the exact one. */
static double mixture_off(pair p, int format, int T, gn_step_kind kind) {
    const int D = columns_of(format), F = D, E = 5, U = 3;
    gn_weight gate = random_weight(format, E, F, D, 1), up = random_weight(format, E, F, D, 2),
              down = random_weight(format, E, D, F, 3);
    const gn_experts_weights host = {gate, up, down};
    const gn_experts_weights gpu = {placed(p.gpu, gate), placed(p.gpu, up), placed(p.gpu, down)};
    gn_mat x = matrix(T, D, 4), y = matrix(T, D, 5), g = matrix(T, U, 6);
    int32_t *expert = malloc((size_t)(T * U) * sizeof *expert);
    for (int t = 0; t < T; t++)
        for (int u = 0; u < U; u++)
            expert[t * U + u] = t % 4 == 3 ? u : (t * 2 + u) % E; /* one expert is rare */
    for (int t = 0; t < T; t++)
        for (int i = 0; i < D; i++)
            *at(x, t, i) *= 0.1f;
    gn_mat gx = mat_on_gpu(p, x), gy = mat_on_gpu(p, y), gg = mat_on_gpu(p, g);
    int32_t *there = on_gpu(p, expert, (size_t)(T * U) * sizeof *expert);
    gn_experts(p.cpu, y, x, &host, g, expert);
    gn_step_begin(p.gpu, kind, &(gn_lanes){0});
    gn_experts(p.gpu, gy, gx, &gpu, gg, there);
    gn_step_end(p.gpu);
    gn_mat got = back(p, gy);
    double off = 0, all = 0;
    for (int t = 0; t < T; t++)
        for (int i = 0; i < D; i++) {
            const double d = (double)*at(got, t, i) - (double)*at(y, t, i);
            off += d * d;
            all += (double)*at(y, t, i) * (double)*at(y, t, i);
        }
    free(got.data);
    free(expert);
    free((void *)gate.data);
    free((void *)up.data);
    free((void *)down.data);
    p.gpu->op->free(p.gpu, there);
    drop(p, x, gx);
    drop(p, y, gy);
    drop(p, g, gg);
    return sqrt(off / all);
}

TEST(experts_are_the_cpus) {
    pair p = open_pair(false);
    static const int formats[] = {GN_F32, GN_BF16, GN_Q8_0, GN_Q4_0};
    for (int i = 0; i < OFTEN; i++) {
        CHECK(mixture_off(p, formats[i], 1, GN_WRITE) < 1e-5);
        CHECK(mixture_off(p, formats[i], 7, GN_WRITE) < 1e-5);
        const double off = mixture_off(p, formats[i], 40, GN_READ);
        CHECK(off < 1.5e-3 && off > 1e-5); /* f16 it is */
    }
    close_pair(p);
}

TEST(experts_of_a_text_or_a_batch_are_multiplied_in_every_format) {
    pair p = open_pair(false);
    for (int f = 0; f < GN_FORMATS; f++)
        for (int write = 0; write < 2; write++) {
            const double off = mixture_off(p, f, 9, write ? GN_WRITE : GN_READ);
            if (!CHECK(off < 2e-3 && off > 1e-5))
                printf("  %s: %.2e\n", gn_format_of(f)->name, off);
        }
    close_pair(p);
}

/* 78 and more: tiles of pairs have 64. */
TEST(an_expert_may_have_more_pairs_than_a_tile) {
    pair p = open_pair(false);
    for (int write = 0; write < 2; write++) {
        const double off = mixture_off(p, GN_Q8_0, 130, write ? GN_WRITE : GN_READ);
        CHECK(off < 1.5e-3 && off > 1e-5);
    }
    close_pair(p);
}

/* ---- logits -------------------------------------------------------------------------- */

static void compare_logprobs(pair p, int V, int k, int whole) {
    enum { R = 4 };
    gn_mat x = matrix(R, V, 3), gx;
    for (int t = 0; t < R; t++)
        for (int i = 0; i < V; i++)
            *at(x, t, i) = whole ? rintf(*at(x, t, i) * 6) : *at(x, t, i) * 9;
    if (V > 2)
        *at(x, 1, V / 2) = -INFINITY;
    gx = mat_on_gpu(p, x);
    const int32_t want[R] = {0, V - 1, -1, V / 2};
    gn_logprob a[R], b[R];
    gn_top *ta = calloc((size_t)(R * k) + 1, sizeof *ta),
           *tb = calloc((size_t)(R * k) + 1, sizeof *tb);
    gn_error e = {0};
    CHECK(gn_logprobs(p.cpu, a, ta, k, x, want, &e));
    CHECK(gn_logprobs(p.gpu, b, tb, k, gx, want, &e));
    for (int t = 0; t < R; t++) {
        CHECK_NEAR(&b[t].logprob, &a[t].logprob, 1, 1e-6f);
        CHECK_NEAR(&b[t].entropy, &a[t].entropy, 1, 1e-5f);
        CHECK(a[t].rank == b[t].rank);
    }
    for (int i = 0; i < R * k; i++) {
        CHECK(ta[i].id == tb[i].id);
        CHECK(ta[i].logprob == tb[i].logprob || fabsf(ta[i].logprob - tb[i].logprob) < 1e-5f);
    }
    free(ta);
    free(tb);
    drop(p, x, gx);
}

TEST(logprobs_ranks_and_the_likeliest_are_the_cpus) {
    pair p = open_pair(true);
    static const int V[] = {1, 97, 4096, 9001};
    for (int i = 0; i < 4; i++)
        for (int whole = 0; whole < 2; whole++) {
            compare_logprobs(p, V[i], 0, whole);
            compare_logprobs(p, V[i], 1, whole);
            compare_logprobs(p, V[i], V[i] < 20 ? V[i] : 20, whole);
            compare_logprobs(p, V[i], V[i] < 1500 ? V[i] : 1500, whole); /* sorted on the host */
        }
    close_pair(p);
}

TEST(logits_that_are_no_numbers_are_told) {
    pair p = open_pair(true);
    gn_error e = {0};
    gn_logprob out[2];
    const int32_t want[] = {0, 1};
    const float bad[] = {NAN, INFINITY};
    for (int i = 0; i < 2; i++) {
        gn_mat x = matrix(2, 300, 1);
        *at(x, 1, 250) = bad[i];
        gn_mat gx = mat_on_gpu(p, x);
        CHECK(!gn_logprobs(p.gpu, out, NULL, 0, gx, want, &e) && e.code == GN_FORMAT);
        CHECK(strstr(e.message, "row 1") != NULL);
        drop(p, x, gx);
    }
    close_pair(p);
}
