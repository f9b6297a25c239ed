/* test_cuda_ops.c - the CUDA device's formulas under the emulator, against the CPU's exact ones. */
/* floor: gn_cpu gn_cuda */
#include "core/num/half.h"
#include "tests/unit/cuda_rig.h"

/* ---- rows and norms ------------------------------------------------------------- */

static const int widths[] = {1, 7, 32, 96, 257, 768};
enum { WIDTHS = 6 };

TEST(rows_are_the_cpus) {
    pair p = open_pair(true);
    for (int i = 0; i < WIDTHS; i++) {
        const int n = widths[i], T = 5;
        gn_mat y = matrix(T, n, 1), x = matrix(T, n, 2), z = matrix(T, n, 3);
        gn_mat gy = mat_on_gpu(p, y), gx = mat_on_gpu(p, x), gz = mat_on_gpu(p, z);
        const int32_t row[] = {4, 0, 0, 2, 3};
        gn_axpy(p.cpu, y, 0.7f, x);
        gn_axpy(p.gpu, gy, 0.7f, gx);
        CHECK(near(p, gy, y, 1e-6));
        gn_scale(p.cpu, y, 0.3f);
        gn_scale(p.gpu, gy, 0.3f);
        CHECK(near(p, gy, y, 1e-6));
        gn_swiglu(p.cpu, y, x, z);
        gn_swiglu(p.gpu, gy, gx, gz);
        CHECK(near(p, gy, y, 1e-6));
        gn_gather(p.cpu, y, x, row);
        gn_gather(p.gpu, gy, gx, row);
        CHECK(near(p, gy, y, 0));
        drop(p, x, gx);
        drop(p, y, gy);
        drop(p, z, gz);
    }
    close_pair(p);
}

TEST(norms_are_the_cpus_in_place_and_by_groups) {
    pair p = open_pair(true);
    for (int i = 0; i < WIDTHS; i++)
        for (int groups = 1; groups <= 4; groups *= 2) {
            const int n = widths[i] * groups, T = 3;
            gn_mat x = matrix(T, n, 1), z = matrix(T, n, 2), y = matrix(T, n, 3);
            gn_mat gx = mat_on_gpu(p, x), gz = mat_on_gpu(p, z), gy = mat_on_gpu(p, y);
            float *gain = numbers((size_t)n, 4);
            const gn_weight host = weight(gain, 1, n), w = placed(p.gpu, host);
            gn_rmsnorm(p.cpu, y, x, &host, 1e-2f);
            gn_rmsnorm(p.gpu, gy, gx, &w, 1e-2f);
            CHECK(near(p, gy, y, 1e-6));
            gn_gated_rmsnorm(p.cpu, y, x, z, &host, groups, 1e-2f);
            gn_gated_rmsnorm(p.gpu, gy, gx, gz, &w, groups, 1e-2f);
            CHECK(near(p, gy, y, 2e-6));
            gn_gated_rmsnorm(p.cpu, x, x, z, &host, groups, 1e-2f);
            gn_gated_rmsnorm(p.gpu, gx, gx, gz, &w, groups, 1e-2f);
            CHECK(near(p, gx, x, 2e-6));
            free(gain);
            drop(p, x, gx);
            drop(p, y, gy);
            drop(p, z, gz);
        }
    close_pair(p);
}

/* ---- lanes ------------------------------------------------------------------------- */

enum { LANES = 7 };

/* Lanes of some lengths end to end, each with a memory of `floats` recurrent numbers and room for
 * `capacity` rows of kv: the first keeps nothing, the second begins, the third forks. */
typedef struct scene {
    pair p;
    int n, T;
    gn_lane cpu[LANES], gpu[LANES];
    size_t floats, kv, at; /* at: of the recurrent numbers that are the formula's */
} scene;

static void memories(scene *s, gn_lane *cpu, gn_lane *gpu, bool from, bool to, bool same, int i) {
    const pair p = s->p;
    if (from) {
        cpu->from = (gn_memory){numbers(s->floats, 70u + (unsigned)i),
                                numbers(s->kv, 80u + (unsigned)i), cpu->from.capacity};
        gpu->from = (gn_memory){on_gpu(p, cpu->from.recurrent, s->floats * 4 + 1),
                                on_gpu(p, cpu->from.kv, s->kv * 4 + 1), cpu->from.capacity};
    }
    if (to && same) {
        cpu->to = cpu->from;
        gpu->to = gpu->from;
    } else if (to) {
        cpu->to = (gn_memory){zeros(s->floats), zeros(s->kv), cpu->to.capacity};
        gpu->to = (gn_memory){on_gpu(p, cpu->to.recurrent, s->floats * 4 + 1),
                              on_gpu(p, cpu->to.kv, s->kv * 4 + 1), cpu->to.capacity};
    }
}

/* past: of lanes that go on. width: numbers of a kv row; caches before the one that is used: nth. */
static scene lay(pair p, const int *count, int n, size_t floats, int past, int width, int nth) {
    scene s = {.p = p, .n = n, .floats = floats};
    int longest = 0;
    for (int i = 0; i < n; i++)
        longest = count[i] > longest ? count[i] : longest;
    const int64_t capacity = past + longest + 3;
    s.kv = (size_t)capacity * (size_t)width * 2 * (size_t)(nth + 1);
    for (int i = 0; i < n; i++) {
        const bool from = i % 4 != 1, to = i % 4 != 0, same = i % 4 == 3;
        gn_lane *l = &s.cpu[i];
        *l = (gn_lane){.first = s.T, .count = count[i], .past = from ? past : 0};
        l->from.capacity = l->to.capacity = capacity;
        s.gpu[i] = *l;
        memories(&s, l, &s.gpu[i], from && past, to, same && past, i);
        if (!from || !past)
            l->from = s.gpu[i].from = (gn_memory){0};
        if (!to)
            l->to = s.gpu[i].to = (gn_memory){0};
        s.T += count[i];
    }
    return s;
}

static bool memory_near(scene *s, double tol) {
    bool ok = true;
    gn_error e = {0};
    for (int i = 0; i < s->n; i++) {
        if (!s->cpu[i].to.recurrent)
            continue;
        gn_mat a = {s->cpu[i].to.recurrent, 1, (int)s->floats, (int)s->floats}, b = a;
        float *none = zeros(s->floats);
        if (s->cpu[i].count == 0) /* the formula leaves what it began with */
            memcpy(a.data + s->at,
                   (s->cpu[i].from.recurrent ? s->cpu[i].from.recurrent : none) + s->at,
                   (s->floats - s->at) * sizeof *none);
        gn_mat c = {s->cpu[i].to.kv, 1, (int)s->kv, (int)s->kv}, d = c;
        b.data = zeros(s->floats);
        d.data = zeros(s->kv);
        CHECK(gn_read(s->p.gpu, b.data, s->gpu[i].to.recurrent, s->floats * 4, &e));
        CHECK(gn_read(s->p.gpu, d.data, s->gpu[i].to.kv, s->kv * 4, &e));
        ok = ok && apart(b, a) <= tol && apart(d, c) <= 0;
        if (!ok)
            printf("  lane %d: memory is apart by %.2e, kv by %.2e\n", i, apart(b, a), apart(d, c));
        free(none);
        free(b.data);
        free(d.data);
    }
    return ok;
}

static void clear(scene *s) {
    for (int i = 0; i < s->n; i++) {
        const bool same = s->cpu[i].to.recurrent == s->cpu[i].from.recurrent;
        free(s->cpu[i].from.recurrent);
        free(s->cpu[i].from.kv);
        s->p.gpu->op->free(s->p.gpu, s->gpu[i].from.recurrent);
        s->p.gpu->op->free(s->p.gpu, s->gpu[i].from.kv);
        if (same)
            continue;
        free(s->cpu[i].to.recurrent);
        free(s->cpu[i].to.kv);
        s->p.gpu->op->free(s->p.gpu, s->gpu[i].to.recurrent);
        s->p.gpu->op->free(s->p.gpu, s->gpu[i].to.kv);
    }
}

/* Lengths at the edges of every tile, nothing at all, and many lanes. */
static const struct {
    int n, count[LANES];
} shapes[] = {
    {1, {1}},
    {1, {2}},
    {2, {63, 1}},
    {1, {64}},
    {3, {65, 0, 2}},
    {1, {257}},
    {4, {0, 0, 0, 1}},
    {7, {1, 1, 1, 1, 1, 1, 1}},
    {5, {3, 17, 1, 40, 16}},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

TEST(conv_is_the_cpus_over_lanes_of_any_length) {
    pair p = open_pair(true);
    for (int i = 0; i < SHAPES; i++)
        for (int W = 1; W <= 5; W += 2)
            for (int past = 0; past < 20; past += 10) {
                const int C = 150, at = 5;
                scene s =
                    lay(p, shapes[i].count, shapes[i].n, (size_t)(at + (W - 1) * C), past, 1, 0);
                s.at = (size_t)at;
                gn_mat x = matrix(s.T, C, 1), y = matrix(s.T, C, 2);
                gn_mat gx = mat_on_gpu(p, x), gy = mat_on_gpu(p, y);
                float *w = numbers((size_t)(C * W), 3), *b = numbers((size_t)C, 4);
                gn_weight hw = weight(w, C, W), hb = weight(b, 1, C);
                gn_weight gw = placed(p.gpu, hw), gb = placed(p.gpu, hb);
                if (i % 2)
                    hb.data = gb.data = NULL;
                gn_conv(p.cpu, y, x, &hw, &hb, &(gn_lanes){s.n, s.cpu}, (size_t)at);
                gn_conv(p.gpu, gy, gx, &gw, &gb, &(gn_lanes){s.n, s.gpu}, (size_t)at);
                CHECK(near(p, gy, y, 1e-6));
                CHECK(memory_near(&s, 0));
                drop(p, x, gx);
                drop(p, y, gy);
                free(w);
                free(b);
                clear(&s);
            }
    close_pair(p);
}

typedef struct ssm {
    int heads, P, N, groups;
} ssm;

static void compare_ssd(pair p, ssm m, int shape, int past, double tol) {
    const size_t at = 3;
    scene s = lay(p, shapes[shape].count, shapes[shape].n,
                  at + (size_t)m.heads * (size_t)m.P * (size_t)m.N, past, 1, 0);
    s.at = at;
    gn_mat x = matrix(s.T, m.heads * m.P, 1), dt = matrix(s.T, m.heads, 2),
           B = matrix(s.T, m.groups * m.N, 3), C = matrix(s.T, m.groups * m.N, 4),
           y = matrix(s.T, m.heads * m.P, 5);
    gn_mat gx = mat_on_gpu(p, x), gdt = mat_on_gpu(p, dt), gB = mat_on_gpu(p, B),
           gC = mat_on_gpu(p, C), gy = mat_on_gpu(p, y);
    float *A = numbers((size_t)m.heads, 6), *D = numbers((size_t)m.heads, 7),
          *bias = numbers((size_t)m.heads, 8);
    for (int h = 0; h < m.heads; h++) {
        A[h] = -0.5f - fabsf(A[h]);
        bias[h] *= 3;
    }
    gn_ssd_params hp = {weight(A, 1, m.heads),
                        weight(D, 1, m.heads),
                        weight(bias, 1, m.heads),
                        m.groups,
                        0.1f,
                        1.5f};
    gn_ssd_params gp = hp;
    gp.A = placed(p.gpu, hp.A);
    gp.D = placed(p.gpu, hp.D);
    gp.dt_bias = placed(p.gpu, hp.dt_bias);
    gn_ssd(p.cpu, y, &(gn_ssd_in){x, dt, B, C}, &hp, &(gn_lanes){s.n, s.cpu}, at);
    gn_step_begin(p.gpu, GN_READ, &(gn_lanes){s.n, s.gpu});
    gn_ssd(p.gpu, gy, &(gn_ssd_in){gx, gdt, gB, gC}, &gp, &(gn_lanes){s.n, s.gpu}, at);
    gn_step_end(p.gpu);
    CHECK(near(p, gy, y, tol));
    CHECK(memory_near(&s, tol));
    drop(p, x, gx);
    drop(p, dt, gdt);
    drop(p, B, gB);
    drop(p, C, gC);
    drop(p, y, gy);
    free(A);
    free(D);
    free(bias);
    clear(&s);
}

TEST(ssd_is_the_cpus_over_lanes_of_any_length) {
    static const ssm m[] = {
        {2, 8, 16, 1}, {4, 20, 12, 2}, {3, 64, 128, 3}, {2, 5, 40, 1}, {1, 8, 256, 1}};
    pair p = open_pair(true);
    for (int i = 0; i < SHAPES; i++)
        for (int k = 0; k < 5; k++)
            compare_ssd(p, m[k], i, i % 2 ? 0 : 9, 1e-5);
    close_pair(p);
}

/* Texts that are read with fast numbers are read in chunks; lanes shorter than one among them. */
TEST(ssd_in_chunks_is_the_cpus_over_lanes_of_any_length) {
    static const ssm m[] = {{2, 8, 16, 1}, {4, 20, 12, 2}, {3, 40, 128, 3},
                            {2, 5, 72, 1}, {1, 8, 256, 1}, {66, 34, 8, 1}};
    pair p = open_pair(false);
    for (int i = 0; i < SHAPES; i++)
        for (int k = 0; k < 5; k++)
            compare_ssd(p, m[k], i, i % 2 ? 0 : 9, 3e-5);
    compare_ssd(p, m[5], 4, 9, 3e-5);
    close_pair(p);
}

typedef struct heads {
    int q, kv, dims;
} heads;

static void compare_attend(pair p, heads h, int shape, int past, int nth) {
    const int Q = h.q * h.dims, K = h.kv * h.dims;
    scene s = lay(p, shapes[shape].count, shapes[shape].n, 1, past, K, nth);
    s.at = 1; /* none */
    gn_mat q = matrix(s.T, Q, 1), k = matrix(s.T, K, 2), v = matrix(s.T, K, 3),
           y = matrix(s.T, Q, 4);
    gn_mat gq = mat_on_gpu(p, q), gk = mat_on_gpu(p, k), gv = mat_on_gpu(p, v),
           gy = mat_on_gpu(p, y);
    gn_attend(p.cpu, y, q, k, v, h.dims, 0.7f, &(gn_lanes){s.n, s.cpu}, nth);
    gn_attend(p.gpu, gy, gq, gk, gv, h.dims, 0.7f, &(gn_lanes){s.n, s.gpu}, nth);
    CHECK(near(p, gy, y, 1e-5));
    CHECK(memory_near(&s, 0));
    drop(p, q, gq);
    drop(p, k, gk);
    drop(p, v, gv);
    drop(p, y, gy);
    clear(&s);
}

TEST(attention_is_the_cpus_over_lanes_of_any_length) {
    static const heads h[] = {{4, 4, 8},   {6, 2, 64},  {4, 1, 80},
                              {34, 2, 16}, {2, 2, 256}, {3, 1, 128}};
    pair p = open_pair(true);
    for (int i = 0; i < SHAPES; i++)
        for (int k = 0; k < 6; k++)
            compare_attend(p, h[k], i, i % 2 ? 0 : 37, k % 2);
    close_pair(p);
}

static void through_halves(float *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        v[i] = gn_f16_to_f32(gn_f32_to_f16(v[i]));
}

/* With fast numbers keys and values are f16, and so is the cache. */
static void compare_flash(pair p, heads h, int shape) {
    const int Q = h.q * h.dims, K = h.kv * h.dims;
    scene s = lay(p, shapes[shape].count, shapes[shape].n, 1, 0, K, 0);
    gn_mat q = matrix(s.T, Q, 1), k = matrix(s.T, K, 2), v = matrix(s.T, K, 3),
           y = matrix(s.T, Q, 4);
    through_halves(k.data, (size_t)s.T * (size_t)k.stride);
    through_halves(v.data, (size_t)s.T * (size_t)v.stride);
    gn_mat gq = mat_on_gpu(p, q), gk = mat_on_gpu(p, k), gv = mat_on_gpu(p, v),
           gy = mat_on_gpu(p, y);
    gn_attend(p.cpu, y, q, k, v, h.dims, 0.7f, &(gn_lanes){s.n, s.cpu}, 0);
    gn_step_begin(p.gpu, GN_READ, &(gn_lanes){s.n, s.gpu});
    gn_attend(p.gpu, gy, gq, gk, gv, h.dims, 0.7f, &(gn_lanes){s.n, s.gpu}, 0);
    gn_step_end(p.gpu);
    CHECK(near(p, gy, y, 1e-5));
    /* The same text in pieces, the last two of it written: each goes on from the cache. */
    gn_lane *l = &s.gpu[0];
    const int n = l->count;
    if (n >= 40) {
        void *kv = p.gpu->op->alloc(p.gpu, (size_t)(n + 3) * (size_t)K * 2 * sizeof(uint16_t));
        const gn_memory m = {gy.data, kv, n + 3};
        const int piece[] = {0, 17, n - 2, n - 1, n};
        for (int part = 0; part < 4; part++) {
            const int from = piece[part], count = piece[part + 1] - from;
            gn_lane one = {.count = count, .past = from, .from = m, .to = m};
            const gn_lanes lanes = {1, &one};
#define ROWS(x)                                                                                    \
    ((gn_mat){(x).data + (size_t)from * (size_t)(x).stride, count, (x).cols, (x).stride})
            gn_step_begin(p.gpu, part < 2 ? GN_READ : GN_WRITE, &lanes);
            gn_attend(p.gpu, ROWS(gy), ROWS(gq), ROWS(gk), ROWS(gv), h.dims, 0.7f, &lanes, 0);
            gn_step_end(p.gpu);
#undef ROWS
        }
        CHECK(near(p, gy, y, 1e-5));
        p.gpu->op->free(p.gpu, kv);
    }
    drop(p, q, gq);
    drop(p, k, gk);
    drop(p, v, gv);
    drop(p, y, gy);
    clear(&s);
}

TEST(attention_of_texts_on_the_tensor_cores_is_the_cpus_over_lanes_of_any_length) {
    static const heads h[] = {{4, 4, 8},   {6, 2, 64},  {4, 1, 80}, {66, 1, 16},
                              {3, 1, 128}, {5, 1, 136}, {2, 2, 256}};
    pair p = open_pair(false);
    for (int i = 0; i < SHAPES; i++) /* each length with one of the heads, each of the heads once */
        compare_flash(p, h[(i + 1) % 7], i);
    compare_flash(p, h[5], 5); /* the widest heads, where there is most of a text and in company */
    compare_flash(p, h[6], 5);
    compare_flash(p, h[6], 8);
    close_pair(p);
}

TEST(attention_joins_many_splits_of_a_long_past) {
    pair p = open_pair(true);
    const int one = 0, seven = 7;
    compare_attend(p, (heads){4, 2, 16}, one, 1500, 0);
    compare_attend(p, (heads){4, 2, 16}, seven, 700, 1);
    compare_attend(p, (heads){4, 2, 16}, 2, 1024, 0);
    compare_attend(p, (heads){3, 1, 256}, one, 600, 1);
    close_pair(p);
}

/* One token after a past of f16. */
static void compare_written(pair p, heads h, int past) {
    const int Q = h.q * h.dims, K = h.kv * h.dims, capacity = past + 3;
    const size_t n = (size_t)capacity * (size_t)K * 2;
    float *kv = numbers(n, 9);
    uint16_t *halves = malloc(n * sizeof *halves);
    gn_mat q = matrix(1, Q, 1), k = matrix(1, K, 2), v = matrix(1, K, 3), y = matrix(1, Q, 4);
    through_halves(kv, n);
    through_halves(k.data, (size_t)k.stride);
    through_halves(v.data, (size_t)v.stride);
    for (size_t i = 0; i < n; i++)
        halves[i] = gn_f32_to_f16(kv[i]);
    gn_mat gq = mat_on_gpu(p, q), gk = mat_on_gpu(p, k), gv = mat_on_gpu(p, v),
           gy = mat_on_gpu(p, y);
    const gn_memory here = {y.data, kv, capacity},
                    there = {gy.data, on_gpu(p, halves, n * sizeof *halves), capacity};
    gn_lane a = {.count = 1, .past = past, .from = here, .to = here}, b = a;
    b.from = b.to = there;
    gn_attend(p.cpu, y, q, k, v, h.dims, 0.7f, &(gn_lanes){1, &a}, 0);
    const gn_lanes lanes = {1, &b};
    gn_step_begin(p.gpu, GN_WRITE, &lanes);
    gn_attend(p.gpu, gy, gq, gk, gv, h.dims, 0.7f, &lanes, 0);
    gn_step_end(p.gpu);
    CHECK(near(p, gy, y, 1e-5));
    p.gpu->op->free(p.gpu, there.kv);
    free(kv);
    free(halves);
    drop(p, q, gq);
    drop(p, k, gk);
    drop(p, v, gv);
    drop(p, y, gy);
}

TEST(attention_of_what_is_written_joins_splits_of_a_past_of_halves) {
    pair p = open_pair(false);
    static const heads h[] = {{6, 2, 64}, {4, 1, 80}, {3, 1, 128}, {4, 2, 256}};
    for (int k = 0; k < 4; k++) {
        compare_written(p, h[k], 40);
        compare_written(p, h[k], 1030);
    }
    close_pair(p);
}

TEST(rope_is_the_cpus) {
    pair p = open_pair(true);
    for (int i = 0; i < SHAPES; i++) {
        scene s = lay(p, shapes[i].count, shapes[i].n, 1, 100, 1, 0);
        gn_mat x = matrix(s.T, 3 * 32, 1), gx = mat_on_gpu(p, x);
        float *f = numbers(12, 2);
        gn_weight hf = weight(f, 1, 12), gf = placed(p.gpu, hf);
        gn_rope(p.cpu, x, 32, &hf, &(gn_lanes){s.n, s.cpu});
        gn_rope(p.gpu, gx, 32, &gf, &(gn_lanes){s.n, s.gpu});
        CHECK(near(p, gx, x, 1e-5));
        drop(p, x, gx);
        free(f);
        clear(&s);
    }
    close_pair(p);
}
