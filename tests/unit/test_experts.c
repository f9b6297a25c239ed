/* test_experts.c - the mixture of experts against one expert after another. */
/* floor: gn_cpu */
#include "tests/unit/weights.h"

enum { T = 37, D = 512, F = 256, E = 7, U = 3 };

typedef struct mixture {
    gn_experts_weights w; /* as in a file */
    float x[T * D], gate[T * U];
    int32_t expert[T * U];
} mixture;

/* Each token chooses U different experts, in no order; one expert is never chosen. */
static mixture *mix(int in_format, int out_format) {
    mixture *m = calloc(1, sizeof *m);
    m->w.gate = random_weight(in_format, E, F, D);
    m->w.up = random_weight(in_format, E, F, D);
    m->w.down = random_weight(out_format, E, D, F);
    for (int i = 0; i < T * D; i++)
        m->x[i] = normal();
    for (int t = 0; t < T; t++)
        for (int u = 0; u < U; u++) {
            m->gate[t * U + u] = (float)(1 + roll() % 100) / 100.0f;
            bool again = true;
            while (again) {
                m->expert[t * U + u] = (int32_t)(roll() % (E - 1));
                again = false;
                for (int v = 0; v < u; v++)
                    again |= m->expert[t * U + v] == m->expert[t * U + u];
            }
        }
    return m;
}

static void unmix(mixture *m) {
    free((void *)m->w.gate.data);
    free((void *)m->w.up.data);
    free((void *)m->w.down.data);
    free(m);
}

static gn_experts_weights placed_all(gn_device *d, const mixture *m) {
    return (gn_experts_weights){placed(d, m->w.gate), placed(d, m->w.up), placed(d, m->w.down)};
}

static void run(gn_device *d, float *y, const gn_experts_weights *w, mixture *m, int t, int count,
                gn_step_kind kind) {
    const gn_lanes none = {0};
    gn_step_begin(d, kind, &none);
    gn_experts(d, (gn_mat){y, count, D, D}, (gn_mat){m->x + t * D, count, D, D}, w,
               (gn_mat){m->gate + t * U, count, U, U}, m->expert + t * U);
    gn_step_end(d);
}

static gn_weight matrix(gn_weight w, int i) {
    w.data = (const uint8_t *)w.data + (size_t)i * w.step;
    w.n = 1;
    return w;
}

/* The same by products and swiglu of one token and one expert at a time, added in ascending
 * order of expert. */
static void one_by_one(gn_device *d, float *y, const gn_experts_weights *w, mixture *m,
                       gn_step_kind kind) {
    static float gate[F], up[F], down[D];
    const gn_lanes none = {0};
    memset(y, 0, T * D * sizeof *y);
    gn_step_begin(d, kind, &none);
    for (int t = 0; t < T; t++)
        for (int e = 0; e < E; e++)
            for (int u = 0; u < U; u++) {
                if (m->expert[t * U + u] != e)
                    continue;
                gn_weight g = matrix(w->gate, e), p = matrix(w->up, e), o = matrix(w->down, e);
                const gn_mat x = {m->x + t * D, 1, D, D};
                gn_linear(d, x, &(gn_product){{gate, 1, F, F}, &g, NULL}, 1);
                gn_linear(d, x, &(gn_product){{up, 1, F, F}, &p, NULL}, 1);
                gn_swiglu(d, (gn_mat){gate, 1, F, F}, (gn_mat){gate, 1, F, F},
                          (gn_mat){up, 1, F, F});
                gn_linear(d, (gn_mat){gate, 1, F, F}, &(gn_product){{down, 1, D, D}, &o, NULL}, 1);
                for (int i = 0; i < D; i++)
                    y[t * D + i] += m->gate[t * U + u] * down[i];
            }
    gn_step_end(d);
}

static void check_mixture(const char *isa, bool exact, mixture *m, gn_step_kind kind) {
    static float want[T * D], y[T * D];
    gn_device *d = device(isa, exact, false, 2);
    if (!d)
        return;
    const gn_experts_weights w = placed_all(d, m);
    one_by_one(d, want, &w, m, kind);
    for (int threads = 1; threads <= 3; threads += 2)
        for (int mapped = 0; mapped < 2; mapped++) {
            gn_device *other = device(isa, exact, mapped, threads);
            const gn_experts_weights v = placed_all(other, m);
            for (int size = 1; size <= T; size += 12) {
                memset(y, 0xff, sizeof y);
                for (int t = 0; t < T; t += size)
                    run(other, y + t * D, &v, m, t, T - t < size ? T - t : size, kind);
                if (!CHECK(!memcmp(y, want, sizeof y)))
                    printf("  %s exact %d kind %d threads %d mapped %d size %d\n", isa, exact,
                           (int)kind, threads, mapped, size);
            }
            gn_device_close(other);
        }
    gn_device_close(d);
}

TEST(experts_equal_one_expert_after_another_bit_for_bit) {
    static const int formats[][2] = {{GN_Q8_0, GN_Q8_0},
                                     {GN_Q4_K, GN_Q6_K},
                                     {GN_F16, GN_Q4_0},
                                     {GN_Q5_K, GN_BF16},
                                     {GN_F32, GN_F32}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        mixture *m = mix(formats[i][0], formats[i][1]);
        for (int s = 0; s < ISAS; s++) {
            check_mixture(isas[s], false, m, GN_WRITE);
            check_mixture(isas[s], true, m, GN_READ);
            check_mixture(isas[s], false, m, GN_READ);
        }
        unmix(m);
    }
}

/* In f64, from the formula. */
TEST(experts_are_the_formula) {
    static float y[T * D];
    mixture *m = mix(GN_Q8_0, GN_Q8_0);
    double *want = calloc(T * D, sizeof *want), *size = calloc(T * D, sizeof *size);
    for (int e = 0; e < E; e++) {
        float *gate = unpacked(&m->w.gate, e), *up = unpacked(&m->w.up, e),
              *down = unpacked(&m->w.down, e);
        for (int i = 0; i < T * U; i++) {
            if (m->expert[i] != e)
                continue;
            const int t = i / U;
            double hidden[F];
            for (int f = 0; f < F; f++) {
                double a = 0, b = 0;
                for (int k = 0; k < D; k++) {
                    a += (double)gate[f * D + k] * (double)m->x[t * D + k];
                    b += (double)up[f * D + k] * (double)m->x[t * D + k];
                }
                hidden[f] = a / (1 + exp(-a)) * b;
            }
            for (int k = 0; k < D; k++)
                for (int f = 0; f < F; f++) {
                    const double term = (double)m->gate[i] * (double)down[k * F + f] * hidden[f];
                    want[t * D + k] += term;
                    size[t * D + k] += fabs(term);
                }
        }
        free(gate);
        free(up);
        free(down);
    }
    for (int s = 0; s < ISAS; s++)
        for (int exact = 0; exact < 2; exact++) {
            gn_device *d = device(isas[s], exact, false, 2);
            if (!d)
                continue;
            const gn_experts_weights w = placed_all(d, m);
            run(d, y, &w, m, 0, T, GN_WRITE);
            for (int i = 0; i < T * D; i++)
                if (!CHECK(fabs((double)y[i] - want[i]) <= (exact ? 1e-5 : 2e-2) * size[i]))
                    break;
            gn_device_close(d);
        }
    free(want);
    free(size);
    unmix(m);
}
