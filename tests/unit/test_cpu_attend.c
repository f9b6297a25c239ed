/* test_cpu_attend.c - attention over a cache against its formula in double, and every cut of it. */
/* floor: gn_cpu */
#include "core/num/half.h"
#include "tests/unit/cpu_rig.h"

/* Hq query heads and Hk kv heads of Dh, T tokens after `past` that are in the cache. */
typedef struct shape {
    int Hq, Hk, Dh, T, past;
} shape;

static const shape shapes[] = {{1, 1, 1, 1, 0},    {3, 1, 5, 3, 0},     {12, 4, 64, 30, 240},
                               {1, 1, 8, 1, 3000}, {4, 2, 80, 9, 250},  {3, 1, 128, 7, 510},
                               {2, 1, 256, 20, 0}, {6, 2, 24, 30, 490}, {5, 1, 36, 70, 200}};
enum { SHAPES = sizeof shapes / sizeof *shapes };
static const float softness = 0.4f;

/* The second of two caches, [2, 2, capacity, Hk*Dh]. */
enum { NTH = 1, CACHES = 2 };

typedef struct text {
    shape s;
    int width, all; /* Hk*Dh; past + T */
    gn_mat q, k, v; /* of all tokens; some queries are never asked */
} text;

static text make(shape s) {
    text x = {.s = s, .width = s.Hk * s.Dh, .all = s.past + s.T};
    x.q = matrix(x.all, s.Hq * s.Dh, 1);
    x.k = matrix(x.all, x.width, 2);
    x.v = matrix(x.all, x.width, 3);
    for (int t = 0; t < x.all; t++)
        for (int i = 0; i < s.Hq * s.Dh; i++)
            *at(x.q, t, i) *= 3; /* so that some keys matter much more than others */
    return x;
}

static void release(text *x) {
    free(x->q.data);
    free(x->k.data);
    free(x->v.data);
}

static size_t element(const gn_device *d) {
    return d->kv_format == GN_F16 ? sizeof(uint16_t) : sizeof(float);
}

/* Room for capacity tokens, filled with what must not be read: NaN in both formats. */
static gn_memory cache(const gn_device *d, const text *x, int capacity) {
    const size_t bytes = (size_t)(CACHES * 2 * capacity * x->width) * element(d);
    gn_memory m = {.kv = malloc(bytes), .capacity = capacity};
    memset(m.kv, 0xff, bytes);
    return m;
}

/* Feed tokens [first, first + count); y gets their rows. */
static void feed(gn_device *d, const text *x, gn_mat y, int first, int count, gn_memory from,
                 gn_memory to) {
    const gn_lane lane = {0, count, first, first ? from : (gn_memory){0}, to};
    gn_attend(d, rows_of(y, first, count), rows_of(x->q, first, count), rows_of(x->k, first, count),
              rows_of(x->v, first, count), x->s.Dh, softness, &(gn_lanes){1, &lane}, NTH);
}

/* All tokens in one go; *kept is the cache after it. */
static gn_mat at_once(gn_device *d, const text *x, gn_memory *kept) {
    gn_mat y = matrix(x->all, x->s.Hq * x->s.Dh, 7);
    *kept = cache(d, x, x->all);
    feed(d, x, y, 0, x->all, (gn_memory){0}, *kept);
    return y;
}

static double rounded(const gn_device *d, float v) {
    return (double)(d->kv_format == GN_F16 ? gn_f16_to_f32(gn_f32_to_f16(v)) : v);
}

/* Largest error of token t against the formula. */
static double error_of(const gn_device *d, const text *x, gn_mat y, int t) {
    double worst = 0, *p = malloc((size_t)(t + 1) * sizeof *p);
    for (int h = 0; h < x->s.Hq; h++) {
        const int kv = h / (x->s.Hq / x->s.Hk) * x->s.Dh;
        double most = -INFINITY, sum = 0;
        for (int u = 0; u <= t; u++) {
            p[u] = 0;
            for (int i = 0; i < x->s.Dh; i++)
                p[u] += (double)*at(x->q, t, h * x->s.Dh + i) * rounded(d, *at(x->k, u, kv + i));
            p[u] *= (double)softness;
            most = p[u] > most ? p[u] : most;
        }
        for (int u = 0; u <= t; u++)
            sum += p[u] = exp(p[u] - most);
        for (int i = 0; i < x->s.Dh; i++) {
            double want = 0;
            for (int u = 0; u <= t; u++)
                want += p[u] / sum * rounded(d, *at(x->v, u, kv + i));
            const double off = fabs((double)*at(y, t, h * x->s.Dh + i) - want);
            worst = off <= worst ? worst : off;
        }
    }
    free(p);
    return worst;
}

TEST(attention_equals_its_formula) {
    for (int k = 0; k < SHAPES; k++)
        for (int isa = 0; isa < ISAS; isa++)
            for (int exact = 0; exact < 2; exact++) {
                gn_device *d = open_isa(isa, 2, exact);
                if (!d)
                    continue;
                text x = make(shapes[k]);
                gn_memory kept;
                gn_mat y = at_once(d, &x, &kept);
                double worst = 0;
                for (int t = 0; t<x.all; t += x.all> 40 ? x.all / 11 : 1) {
                    const double off = error_of(d, &x, y, t);
                    worst = off <= worst ? worst : off;
                }
                const double off = error_of(d, &x, y, x.all - 1);
                worst = off <= worst ? worst : off;
                if (!CHECK(worst < 1e-5))
                    printf("    %s shape %d: %g\n", isas[isa], k, worst);
                free(y.data);
                free(kept.kv);
                release(&x);
                gn_device_close(d);
            }
}

TEST(a_cache_holds_the_rounded_rows_in_order) {
    for (int exact = 0; exact < 2; exact++) {
        gn_device *d = open_isa(1, 2, exact);
        if (!d)
            continue;
        text x = make((shape){2, 1, 9, 50, 0});
        gn_memory kept;
        gn_mat y = at_once(d, &x, &kept);
        for (int which = 0; which < 2; which++)
            for (int t = 0; t < x.all; t++)
                for (int i = 0; i < x.width; i++) {
                    const size_t where = (size_t)(((2 * NTH + which) * x.all + t) * x.width + i);
                    const float v = *at(which ? x.v : x.k, t, i);
                    const double got = exact ? (double)((float *)kept.kv)[where]
                                             : (double)gn_f16_to_f32(((uint16_t *)kept.kv)[where]);
                    if (!CHECK(got == rounded(d, v)))
                        return;
                }
        free(y.data);
        free(kept.kv);
        release(&x);
        gn_device_close(d);
    }
}

/* past, then the rest in pieces of `step` tokens; the cache grows on the way by forks. */
static void check_pieces(gn_device *d, const text *x, gn_mat want, const gn_memory *kept,
                         int step) {
    gn_mat y = matrix(x->all, x->s.Hq * x->s.Dh, 7);
    gn_memory m = cache(d, x, x->all + 3);
    if (x->s.past)
        feed(d, x, y, 0, x->s.past, m, m);
    for (int t = x->s.past; t < x->all; t += step) {
        const int count = x->all - t < step ? x->all - t : step;
        const bool fork = t == x->s.past;
        const gn_memory to = fork ? cache(d, x, x->all + 9) : m;
        feed(d, x, y, t, count, m, to);
        if (fork) {
            free(m.kv);
            m = to;
        }
    }
    CHECK(same(y, want));
    const size_t row = (size_t)x->width * element(d), all = (size_t)x->all * row;
    for (int which = 0; which < 2; which++)
        CHECK(memcmp((char *)m.kv + (size_t)((2 * NTH + which) * m.capacity) * row,
                     (char *)kept->kv + (size_t)((2 * NTH + which) * kept->capacity) * row,
                     all) == 0);
    free(m.kv);
    free(y.data);
}

TEST(where_a_text_is_cut_changes_no_bit_with_any_threads) {
    for (int k = 0; k < SHAPES; k++)
        for (int isa = 0; isa < ISAS; isa++)
            for (int threads = 1; threads <= 4; threads++) {
                gn_device *d = open_isa(isa, threads, threads % 2 == k % 2);
                if (!d)
                    continue;
                text x = make(shapes[k]);
                gn_memory kept;
                gn_mat y = at_once(d, &x, &kept);
                for (int step = 1; step == 1 || step < shapes[k].T; step = step * 9 - 2)
                    check_pieces(d, &x, y, &kept, step);
                free(y.data);
                free(kept.kv);
                release(&x);
                gn_device_close(d);
            }
}

TEST(leaves_and_packed_lanes_read_what_a_kept_lane_reads) {
    for (int k = 1; k < SHAPES; k++)
        for (int isa = 0; isa < ISAS; isa++)
            for (int exact = 0; exact < 2; exact++) {
                gn_device *d = open_isa(isa, 3, exact);
                if (!d)
                    continue;
                const shape s = shapes[k];
                text x = make(s), packed = make((shape){s.Hq, s.Hk, s.Dh, 3 * s.T, 0});
                gn_memory kept, m = cache(d, &x, x.all), fork = cache(d, &x, x.all);
                gn_mat want = at_once(d, &x, &kept), y = matrix(3 * s.T, s.Hq * s.Dh, 7);
                gn_mat before = matrix(x.all, s.Hq * s.Dh, 7);
                if (s.past)
                    feed(d, &x, before, 0, s.past, m, m);
                for (int i = 0; i < 3 * s.T; i++) {
                    const int t = s.past + i % s.T;
                    memcpy(at(packed.q, i, 0), at(x.q, t, 0), (size_t)(s.Hq * s.Dh) * 4);
                    memcpy(at(packed.k, i, 0), at(x.k, t, 0), (size_t)x.width * 4);
                    memcpy(at(packed.v, i, 0), at(x.v, t, 0), (size_t)x.width * 4);
                }
                const gn_memory from = s.past ? m : (gn_memory){0};
                const gn_lane lane[] = {{0, s.T, s.past, from, {0}},
                                        {s.T, s.T, s.past, from, fork},
                                        {2 * s.T, s.T, s.past, from, {0}}};
                gn_attend(d, y, packed.q, packed.k, packed.v, s.Dh, softness, &(gn_lanes){3, lane},
                          NTH);
                for (int i = 0; i < 3 * s.T; i++)
                    if (!CHECK_SAME(at(y, i, 0), at(want, s.past + i % s.T, 0),
                                    (size_t)(s.Hq * s.Dh)))
                        break;
                free(y.data);
                free(want.data);
                free(before.data);
                free(kept.kv);
                free(m.kv);
                free(fork.kv);
                release(&x);
                release(&packed);
                gn_device_close(d);
            }
}

TEST(a_score_far_above_all_others_takes_everything) {
    gn_device *d = open_isa(0, 1, true);
    text x = make((shape){1, 1, 4, 600, 0});
    for (int t = 0; t < x.all; t++)
        for (int i = 0; i < 4; i++) {
            *at(x.q, t, i) = 100;
            *at(x.k, t, i) = t == 300 ? 10.0f : -10.0f;
        }
    gn_memory kept;
    gn_mat y = at_once(d, &x, &kept);
    CHECK_SAME(at(y, 599, 0), at(x.v, 300, 0), 4);
    CHECK_SAME(at(y, 300, 0), at(x.v, 300, 0), 4);
    free(y.data);
    free(kept.kv);
    release(&x);
    gn_device_close(d);
}
