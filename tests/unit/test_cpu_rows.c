/* test_cpu_rows.c - the device itself, and formulas of a row by itself, against libm in double. */
/* floor: gn_cpu */
#include "core/cpu/formula.h"
#include "tests/unit/cpu_rig.h"

static double silu(double v) { return v / (1 + exp(-v)); }

/* Distance in units of the last place of the nearest float to want. */
static double ulps(float got, double want) {
    const float near = (float)want;
    if (got == near)
        return 0;
    const double unit = (double)nextafterf(fabsf(near), INFINITY) - (double)fabsf(near);
    return fabs((double)got - want) / unit;
}

static bool have(int isa) {
    gn_device *d = open_isa(isa, 1, true);
    gn_device_close(d);
    return d != NULL;
}

TEST(an_open_device_says_what_it_is) {
    gn_error e = {0};
    gn_device *d = gn_cpu_open(&(gn_cpu_options){.threads = 2, .exact = true, .isa = "plain"}, &e);
    CHECK_TEXT(d->numerics, "exact/cpu/plain/1/f32/f32");
    CHECK_TEXT(d->name, "cpu");
    CHECK(d->kv_format == GN_F32);
    CHECK(strstr(d->describe, ", 2 threads, plain") != NULL);
    gn_device_close(d);
    d = gn_cpu_open(&(gn_cpu_options){.threads = 1, .isa = "plain"}, &e);
    CHECK_TEXT(d->numerics, "fast/cpu/plain/2/f32/f16");
    CHECK(d->kv_format == GN_F16);
    CHECK(strstr(d->describe, ", 1 thread, plain") != NULL);
    gn_device_close(d);
    d = gn_cpu_open(&(gn_cpu_options){0}, &e);
    CHECK(d && e.code == GN_OK);
    gn_device_close(d);
}

TEST(an_unknown_isa_and_too_many_threads_are_refused_with_a_sentence) {
    gn_error e = {0};
    CHECK(!gn_cpu_open(&(gn_cpu_options){.isa = "avx3"}, &e));
    CHECK(e.code == GN_INVALID);
    CHECK_TEXT(e.message,
               "instruction set 'avx3' is unknown; there are plain, avx2, avx512 and avx512bf16");
    e = (gn_error){0};
    CHECK(!gn_cpu_open(&(gn_cpu_options){.threads = 257}, &e));
    CHECK(e.code == GN_INVALID);
    CHECK_TEXT(e.message, "257 threads: there can be 1 to 256");
}

TEST(memory_is_aligned_zeroed_and_copied) {
    gn_device *d = open_isa(0, 2, true);
    const size_t size[] = {0, 1, 64, 1000, (1 << 20) - 1, 1 << 20, 5000001};
    gn_error e = {0};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        char *a = d->op->alloc(d, size[i]), *b = d->op->alloc(d, size[i]);
        char *host = malloc(size[i] + 1), *back = malloc(size[i] + 1);
        CHECK((uintptr_t)a % 64 == 0 && (uintptr_t)b % 64 == 0);
        size_t set = 0;
        for (size_t k = 0; k < size[i]; k++) {
            set += a[k] != 0;
            host[k] = (char)(k * 2654435761u >> 7);
        }
        CHECK(set == 0);
        d->op->write(d, a, host, size[i]);
        d->op->copy(d, b, a, size[i]);
        CHECK(gn_read(d, back, b, size[i], &e));
        CHECK(memcmp(back, host, size[i]) == 0);
        d->op->free(d, a);
        d->op->free(d, b);
        free(host);
        free(back);
    }
    CHECK(d->op->alloc(d, SIZE_MAX / 2) == NULL);
    CHECK(d->op->alloc(d, SIZE_MAX - 100) == NULL);
    d->op->free(d, NULL);
    gn_device_close(d);
}

TEST(exp_is_within_two_units_of_the_last_place) {
    enum { N = 400001 };
    float *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y);
    for (int i = 0; i < N; i++)
        x[i] = -104.5f + 193.2f * (float)i / (float)(N - 1);
    for (int isa = 0; isa < ISAS; isa++) {
        if (!have(isa))
            continue;
        double worst = 0;
        gn_formulas_of((gn_isa)isa)->exp(y, x, N);
        for (int i = 0; i < N; i++) {
            const double off = ulps(y[i], exp((double)x[i]));
            worst = off > worst ? off : worst;
        }
        if (!CHECK(worst <= 2))
            printf("    %s: %.2f\n", isas[isa], worst);
        const float edge[] = {0, -0.0f, -1000, 1000, INFINITY, -INFINITY, NAN, 88.8f};
        float got[8];
        gn_formulas_of((gn_isa)isa)->exp(got, edge, 8);
        CHECK(got[0] == 1 && got[1] == 1 && got[2] == 0 && got[3] == INFINITY);
        CHECK(got[4] == INFINITY && got[5] == 0 && got[6] != got[6] && got[7] == INFINITY);
    }
    free(x);
    free(y);
}

TEST(softplus_is_within_four_units_of_the_last_place) {
    enum { N = 200001 };
    float *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y);
    for (int i = 0; i < N; i++)
        x[i] = -80 + 130 * (float)i / (float)(N - 1);
    for (int isa = 0; isa < ISAS; isa++) {
        if (!have(isa))
            continue;
        double worst = 0;
        gn_formulas_of((gn_isa)isa)->softplus(y, x, N);
        for (int i = 0; i < N; i++) {
            const double off = ulps(y[i], log1p(exp((double)x[i])));
            worst = off > worst ? off : worst;
        }
        if (!CHECK(worst <= 4))
            printf("    %s: %.2f\n", isas[isa], worst);
    }
    free(x);
    free(y);
}

/* A number does not depend on where in a row it stands: ends of rows take the same code. */
TEST(a_value_does_not_depend_on_its_place) {
    enum { N = 37 };
    float *x = numbers(N, 1), got[N], one;
    for (int isa = 0; isa < ISAS; isa++) {
        if (!have(isa))
            continue;
        const gn_formulas *f = gn_formulas_of((gn_isa)isa);
        f->exp(got, x, N);
        for (int i = 0; i < N; i++) {
            f->exp(&one, x + i, 1);
            CHECK_SAME(&got[i], &one, 1);
        }
        f->swiglu(got, x, x, N);
        for (int i = 0; i < N; i++) {
            f->swiglu(&one, x + i, x + i, 1);
            CHECK_SAME(&got[i], &one, 1);
        }
    }
    free(x);
}

enum { ROWS = 19 };
static const int widths[] = {1, 7, 16, 33, 768, 2500};
enum { WIDTHS = sizeof widths / sizeof *widths };

static void release(gn_mat *m, int n) {
    for (int i = 0; i < n; i++)
        free(m[i].data);
}

TEST(norms_equal_their_formula) {
    const float eps = 1e-5f;
    for (int w = 0; w < WIDTHS; w++)
        for (int groups = 1; groups <= 3; groups += 2) {
            const int n = widths[w] * groups;
            gn_mat m[] = {matrix(ROWS, n, 1), matrix(ROWS, n, 2), matrix(ROWS, n, 3),
                          matrix(ROWS, n, 4), matrix(ROWS, n, 3)};
            float *gain = numbers((size_t)n, 5);
            const gn_weight g = weight(gain, 1, n);
            for (int t = 0; t < ROWS; t++) {
                double all = 0;
                for (int i = 0; i < n; i++)
                    all += (double)*at(m[0], t, i) * (double)*at(m[0], t, i);
                for (int i = 0; i < n; i++)
                    *at(m[2], t, i) = (float)((double)*at(m[0], t, i) /
                                              sqrt(all / n + (double)eps) * (double)gain[i]);
                for (int k = 0; k < groups; k++) {
                    double part = 0;
                    for (int i = k * widths[w]; i < (k + 1) * widths[w]; i++) {
                        const double v = (double)*at(m[0], t, i) * silu((double)*at(m[1], t, i));
                        part += v * v;
                    }
                    for (int i = k * widths[w]; i < (k + 1) * widths[w]; i++)
                        *at(m[3], t, i) =
                            (float)((double)*at(m[0], t, i) * silu((double)*at(m[1], t, i)) /
                                    sqrt(part / widths[w] + (double)eps) * (double)gain[i]);
                }
            }
            for (int isa = 0; isa < ISAS; isa++) {
                gn_device *d = open_isa(isa, 2, true);
                if (!d)
                    continue;
                gn_rmsnorm(d, m[4], m[0], &g, eps);
                CHECK(apart(m[4], m[2]) < 2e-6);
                gn_gated_rmsnorm(d, m[4], m[0], m[1], &g, groups, eps);
                CHECK(apart(m[4], m[3]) < 2e-6);
                gn_device_close(d);
            }
            release(m, 5);
            free(gain);
        }
}

TEST(norms_may_be_done_in_place) {
    gn_mat m[] = {matrix(ROWS, 100, 1), matrix(ROWS, 100, 2), matrix(ROWS, 100, 1)};
    float *gain = numbers(100, 3);
    const gn_weight g = weight(gain, 1, 100);
    gn_device *d = open_isa(1, 1, true);
    if (d) {
        gn_gated_rmsnorm(d, m[2], m[0], m[1], &g, 2, 1e-5f);
        gn_gated_rmsnorm(d, m[0], m[0], m[1], &g, 2, 1e-5f);
        CHECK(same(m[0], m[2]));
    }
    gn_device_close(d);
    release(m, 3);
    free(gain);
}

TEST(elementwise_formulas_equal_libm) {
    for (int w = 0; w < WIDTHS; w++) {
        const int n = widths[w];
        for (int isa = 0; isa < ISAS; isa++) {
            gn_device *d = open_isa(isa, 2, false);
            if (!d)
                continue;
            gn_mat x = matrix(ROWS, n, 1), b = matrix(ROWS, n, 2), y = matrix(ROWS, n, 3),
                   want = matrix(ROWS, n, 3);
            for (int t = 0; t < ROWS; t++)
                for (int i = 0; i < n; i++)
                    *at(want, t, i) = 0.3f * (*at(want, t, i) + 1.7f * *at(x, t, i));
            gn_axpy(d, y, 1.7f, x);
            gn_scale(d, y, 0.3f);
            CHECK(apart(y, want) < 3e-7);
            for (int t = 0; t < ROWS; t++)
                for (int i = 0; i < n; i++) {
                    *at(x, t, i) *= 20;
                    *at(want, t, i) = (float)(silu((double)*at(x, t, i)) * (double)*at(b, t, i));
                }
            gn_swiglu(d, y, x, b);
            CHECK(apart(y, want) < 5e-7);
            gn_swiglu(d, x, x, b);
            CHECK(apart(x, want) < 5e-7);
            gn_device_close(d);
            free(x.data);
            free(b.data);
            free(y.data);
            free(want.data);
        }
    }
}

TEST(rope_turns_pairs_by_position_times_frequency) {
    enum { H = 3, DH = 20 };
    const gn_lane lane[] = {{.first = 0, .count = 4, .past = 2999},
                            {.first = 4, .count = 1, .past = 0},
                            {.first = 5, .count = 14, .past = 131000}};
    const gn_lanes lanes = {3, lane};
    for (int half = 1; half <= DH / 2; half += 9) {
        float frequency[DH];
        for (int i = 0; i < half; i++)
            frequency[i] = powf(10000.0f, -(float)i / (float)half);
        const gn_weight f = weight(frequency, 1, half);
        gn_mat x = matrix(ROWS, H * DH, 4), want = matrix(ROWS, H * DH, 4);
        for (int k = 0; k < 3; k++)
            for (int t = lane[k].first; t < lane[k].first + lane[k].count; t++)
                for (int h = 0; h < H; h++)
                    for (int i = 0; i < half; i++) {
                        const float angle =
                            (float)(lane[k].past + t - lane[k].first) * frequency[i];
                        const double c = cos((double)angle), s = sin((double)angle);
                        float *a = at(want, t, h * DH + i), *b = at(want, t, h * DH + half + i);
                        const double u = (double)*a, v = (double)*b;
                        *a = (float)(u * c - v * s);
                        *b = (float)(v * c + u * s);
                    }
        for (int isa = 0; isa < ISAS; isa++) {
            gn_device *d = open_isa(isa, 2, true);
            if (!d)
                continue;
            gn_mat y = matrix(ROWS, H * DH, 4);
            gn_rope(d, y, DH, &f, &lanes);
            CHECK(apart(y, want) < 3e-7);
            gn_device_close(d);
            free(y.data);
        }
        free(x.data);
        free(want.data);
    }
}

TEST(gather_takes_rows_by_number) {
    gn_mat x = matrix(ROWS, 130, 1), y = matrix(5, 130, 2);
    const int32_t row[] = {18, 0, 7, 7, 3};
    gn_device *d = open_isa(0, 2, true);
    gn_gather(d, y, x, row);
    for (int i = 0; i < 5; i++)
        CHECK_SAME(at(y, i, 0), at(x, row[i], 0), 130);
    gn_device_close(d);
    free(x.data);
    free(y.data);
}

TEST(route_takes_the_best_and_the_lower_of_equals) {
    const float logit[2][6] = {{1, 3, 3, -2, 3, 0}, {-5, -5, -5, -5, -5, -5}};
    const int32_t want[2][4] = {{1, 2, 4, 0}, {0, 1, 2, 3}};
    for (int isa = 0; isa < ISAS; isa++) {
        gn_device *d = open_isa(isa, 2, true);
        if (!d)
            continue;
        float gate[2][4];
        int32_t expert[2][4];
        gn_route(d, (gn_mat){*gate, 2, 4, 4}, *expert,
                 (gn_mat){(float *)(uintptr_t)*logit, 2, 6, 6});
        CHECK(memcmp(expert, want, sizeof want) == 0);
        const double z = 3 + exp(-2);
        const float soft[2][4] = {
            {(float)(1 / z), (float)(1 / z), (float)(1 / z), (float)(exp(-2) / z)},
            {0.25f, 0.25f, 0.25f, 0.25f}};
        CHECK_NEAR(*gate, *soft, 8, 1e-6f);
        gn_device_close(d);
    }
}

TEST(route_agrees_with_sorting) {
    enum { T = 150, E = 72, U = 10 };
    gn_mat logits = matrix(T, E, 9), gate = matrix(T, U, 1);
    int32_t *expert = calloc(T * U, sizeof *expert);
    gn_device *d = open_isa(0, 2, true);
    gn_route(d, gate, expert, logits);
    for (int t = 0; t < T; t++) {
        double sum = 0;
        for (int u = 0; u < U; u++) {
            int before = 0; /* experts that are better than the chosen one */
            for (int i = 0; i < E; i++)
                before += *at(logits, t, i) > *at(logits, t, expert[t * U + u]);
            CHECK(before == u);
            sum += (double)*at(gate, t, u);
        }
        CHECK(fabs(sum - 1) < 1e-6);
    }
    gn_device_close(d);
    free(logits.data);
    free(gate.data);
    free(expert);
}
