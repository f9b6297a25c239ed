/* test_sampler.c - the order of the filters, ties, seeds. */
/* floor: gn_core */
#include "core/sampler.h"
#include "tests/check.h"

enum { V = 64 };

static void logits(float *out, uint64_t seed) {
    for (int i = 0; i < V; i++)
        out[i] = 8.0f * gn_uniform(seed, (uint64_t)i) - 4.0f;
}

static int32_t draw(gn_sampling how, const float *logit, uint64_t place) {
    gn_sampler s;
    gn_error e = {0};
    CHECK(gn_sampler_init(&s, &how, V, &e));
    const int32_t id = gn_sampler_draw(&s, logit, place);
    gn_sampler_release(&s);
    return id;
}

TEST(greedy_takes_the_largest_and_the_lowest_id_on_a_tie) {
    float l[V] = {0};
    l[7] = l[40] = 3.0f;
    CHECK(draw((gn_sampling){0}, l, 0) == 7);
}

/* The largest stands in every place of a vocabulary of many blocks, and again behind it. */
TEST(greedy_finds_the_largest_wherever_it_stands) {
    enum { MANY = 777 };
    float l[MANY];
    for (int at = 0; at < MANY; at++) {
        gn_sampler s;
        gn_error e = {0};
        for (int i = 0; i < MANY; i++)
            l[i] = -1.0f - (float)(i * 37 % 101);
        l[at] = l[at + (MANY - at) / 2] = 2.5f;
        CHECK(gn_sampler_init(&s, &(gn_sampling){0}, MANY, &e));
        CHECK(gn_sampler_draw(&s, l, 0) == at);
        gn_sampler_release(&s);
    }
}
TEST(bias_comes_before_everything) {
    float l[V] = {0};
    const gn_bias b[] = {{9, 5.0f}, {3, -1.0f}};
    l[3] = 4.5f;
    CHECK(draw((gn_sampling){.bias = b, .n_bias = 2}, l, 0) == 9);
}

TEST(a_repeat_penalty_divides_positive_and_multiplies_negative_logits) {
    float l[V];
    gn_sampler s;
    gn_error e = {0};
    const gn_sampling how = {.repeat_penalty = 2.0f};
    for (int i = 0; i < V; i++)
        l[i] = -10.0f;
    l[1] = 4.0f; /* seen: 2 */
    l[2] = 3.0f; /* not seen: wins */
    const int32_t seen[] = {1, 5};
    CHECK(gn_sampler_init(&s, &how, V, &e));
    gn_sampler_see(&s, seen, 2);
    CHECK(gn_sampler_draw(&s, l, 0) == 2);
    l[2] = -10.0f;
    l[1] = -4.0f; /* seen: -8 */
    l[3] = -7.0f;
    CHECK(gn_sampler_draw(&s, l, 0) == 3);
    gn_sampler_release(&s);
}

TEST(the_likeliest_ids_are_enough_for_a_draw_that_looks_at_no_others) {
    static const gn_sampling some[] = {{0},
                                       {.temp = 0.7f, .top_k = 5, .seed = 3},
                                       {.temp = 1.3f, .top_k = 30, .top_p = 0.8f, .seed = 4},
                                       {.temp = 1.0f, .top_k = 9, .min_p = 0.2f, .seed = 5}};
    float l[V];
    gn_error e = {0};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        for (uint64_t place = 0; place < 40; place++) {
            gn_sampler a, b;
            gn_top top[V];
            gn_logprob score;
            gn_fate after[V];
            logits(l, 100 + place);
            CHECK(gn_sampler_init(&a, &some[i], V, &e) && gn_sampler_init(&b, &some[i], V, &e));
            CHECK(gn_sampling_score(&some[i], l, V, NULL, 0, 0, &score, top, after, V, &e));
            const int k = gn_sampler_wants(&b, 30);
            CHECK(k == (some[i].top_k ? some[i].top_k : 1) && gn_sampler_wants(&b, k) == k);
            CHECK(gn_sampler_draw(&a, l, place) == gn_sampler_draw_top(&b, top, k, place));
            for (int id = 0; id < V; id++) {
                const gn_fate x = gn_sampler_tell(&a, id), y = gn_sampler_tell(&b, id);
                CHECK(x.cut == y.cut && fabsf(x.p - y.p) < 1e-5f);
            }
            gn_sampler_release(&a);
            gn_sampler_release(&b);
        }
    static const gn_bias bias = {1, 2.0f};
    static const gn_sampling all[] = {{.temp = 1.0f},
                                      {.temp = 1.0f, .top_k = 31},
                                      {.bias = &bias, .n_bias = 1},
                                      {.temp = 1.0f, .top_k = 4, .repeat_penalty = 1.1f}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        gn_sampler s;
        CHECK(gn_sampler_init(&s, &all[i], V, &e) && gn_sampler_wants(&s, 30) == 0);
        gn_sampler_release(&s);
    }
}

/* The distribution the contract defines, in double and by sorting everything. */
static void reference(const gn_sampling *how, const float *logit, double *p) {
    int order[V];
    double sum = 0, kept = 0, most = 0;
    for (int i = 0; i < V; i++) {
        int at = i;
        while (at > 0 && (logit[i] > logit[order[at - 1]])) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
    const int k = how->top_k > 0 && how->top_k < V ? how->top_k : V;
    for (int i = 0; i < V; i++)
        p[i] = 0;
    for (int i = 0; i < k; i++)
        sum += p[order[i]] = exp((double)logit[order[i]] / (double)how->temp);
    for (int i = 0; i < k; i++)
        p[order[i]] /= sum;
    most = p[order[0]];
    for (int i = 0; i < V; i++) {
        const bool past = how->top_p > 0 && how->top_p < 1 && kept >= (double)how->top_p;
        const bool low = i > 0 && p[order[i]] < (double)how->min_p * most;
        if (past || low)
            p[order[i]] = 0;
        kept += p[order[i]];
    }
    for (int i = 0; i < V; i++)
        p[i] /= kept;
}

TEST(draws_have_the_distribution_the_filters_leave) {
    static const gn_sampling how[] = {
        {.temp = 1.0f},
        {.temp = 0.7f, .top_k = 5},
        {.temp = 1.5f, .top_p = 0.8f},
        {.temp = 1.0f, .min_p = 0.1f},
        {.temp = 0.9f, .top_k = 20, .top_p = 0.9f, .min_p = 0.02f},
    };
    enum { DRAWS = 40000 };
    for (size_t c = 0; c < sizeof how / sizeof *how; c++) {
        float l[V];
        double p[V];
        int count[V] = {0};
        gn_sampler s;
        gn_error e = {0};
        gn_sampling h = how[c];
        logits(l, 11 + c);
        reference(&h, l, p);
        h.seed = 123;
        CHECK(gn_sampler_init(&s, &h, V, &e));
        for (int i = 0; i < DRAWS; i++)
            count[gn_sampler_draw(&s, l, (uint64_t)i)]++;
        gn_sampler_release(&s);
        for (int i = 0; i < V; i++) {
            const double want = p[i] * DRAWS, sd = sqrt(want * (1 - p[i])) + 1e-9;
            CHECK(p[i] > 0 ? fabs(count[i] - want) < 5 * sd + 2 : count[i] == 0);
        }
    }
}

TEST(a_draw_depends_on_seed_and_place_alone) {
    float l[V];
    logits(l, 3);
    gn_sampling a = {.temp = 1.0f, .seed = 42}, b = {.temp = 1.0f, .seed = 43};
    int same = 0;
    for (uint64_t i = 0; i < 200; i++) {
        CHECK(draw(a, l, i) == draw(a, l, i));
        same += draw(a, l, i) == draw(b, l, i);
    }
    CHECK(same < 100);
}

TEST(uniforms_are_the_top_24_bits_of_splitmix64) {
    /* SplitMix64 from state 0 begins e220a8397b1dcdaf, 6e789e6aa1b965f4. */
    CHECK(gn_uniform(0, 0) == (float)(0xe220a8397b1dcdafu >> 40) / 16777216.0f);
    CHECK(gn_uniform(0, 1) == (float)(0x6e789e6aa1b965f4u >> 40) / 16777216.0f);
}

TEST(explaining_names_the_filter_that_cut_a_candidate) {
    float l[V];
    gn_candidate c[V];
    gn_error e = {0};
    logits(l, 8);
    const gn_sampling how = {.temp = 1.0f, .top_k = 10, .top_p = 0.7f, .min_p = 0.05f};
    gn_sampler s; /* and the sampler tells the same of what it drew from */
    CHECK(gn_sampler_init(&s, &how, V, &e) && gn_sampler_draw(&s, l, 3) >= 0);
    CHECK(gn_sampling_explain(&how, l, V, NULL, 0, c, V, &e) == V);
    double after = 0, all = 0;
    for (int i = 0; i < V; i++) {
        after += (double)c[i].after;
        all += exp((double)c[i].logprob);
        CHECK((c[i].cut == 0) == (c[i].after > 0));
        CHECK(c[i].after == gn_sampler_tell(&s, c[i].id).p &&
              c[i].cut == gn_sampler_tell(&s, c[i].id).cut);
        CHECK(i < 10 || c[i].cut == 'k');
        CHECK(i == 0 || c[i].logprob <= c[i - 1].logprob);
    }
    CHECK(fabs(after - 1) < 1e-5 && fabs(all - 1) < 1e-5);
    gn_sampler_release(&s);
}
