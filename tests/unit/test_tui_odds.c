/* test_tui_odds.c - how likely a token was: worked out from what was kept, and shown. */
/* floor: gn_app */
#include "app/tui/odds.h"
#include "tests/check.h"

#include <math.h>

enum { V = 400, K = 8 };

static void make_logits(float *out, uint64_t seed, float spread) {
    for (int i = 0; i < V; i++)
        out[i] = spread * gn_uniform(seed, (uint64_t)i);
}

/* Where it is said to be exact it is what the sampler says; who cuts is never a guess of more
 * than a rounding, whatever the rest of the distribution is. */
TEST(what_filters_made_of_a_kept_token_is_worked_out_or_said_to_be_an_estimate) {
    static const gn_sampling how[] = {
        {.temp = 1.0f, .top_p = 0.9f},
        {.temp = 0.7f, .min_p = 0.1f},
        {.temp = 0.7f, .top_k = 5},
        {.temp = 1.3f, .top_k = 4, .min_p = 0.2f},
        {.temp = 0.5f, .top_p = 0.8f},
        {.temp = 1.0f},
        {.temp = 0.0f},
        {.temp = 0.8f, .min_p = 0.05f, .top_p = 0.95f},
    };
    int exact = 0, estimated = 0;
    for (uint64_t seed = 0; seed < 40; seed++)
        for (size_t h = 0; h < sizeof how / sizeof *how; h++) {
            float logit[V];
            gn_top top[K];
            gn_fate told[K], after[K], unknown[K];
            gn_logprob score;
            gn_error e = {0};
            make_logits(logit, seed, seed % 2 ? 30.0f : 60.0f);
            CHECK(gn_sampling_score(&how[h], logit, V, NULL, 0, 0, &score, top, told, K, &e));
            for (int i = 0; i < K; i++)
                unknown[i] = (gn_fate){NAN, 0};
            const gn_token_row row = {.top = top, .after = unknown, .n_top = K};
            if (!gn_odds_fates(&row, &how[h], after)) {
                estimated++;
                continue;
            }
            exact++;
            for (int i = 0; i < K; i++) {
                CHECK(fabsf(after[i].p - told[i].p) < 2e-4f);
                CHECK(after[i].cut == told[i].cut || told[i].p < 2e-4f || after[i].p < 2e-4f);
            }
        }
    CHECK(exact > 150 && estimated > 0);
}

TEST(what_the_sampler_told_is_shown_as_it_is) {
    const gn_top top[2] = {{1, -0.5f}, {2, -1.5f}};
    const gn_fate told[2] = {{0.25f, 0}, {0.0f, 'p'}};
    gn_fate after[2];
    const gn_token_row row = {.top = top, .after = told, .n_top = 2};
    const gn_sampling how = {.temp = 0.0f};
    CHECK(gn_odds_fates(&row, &how, after));
    CHECK(after[0].p == 0.25f && after[1].cut == 'p');
}

TEST(the_ramp_has_four_steps_and_a_place_for_what_is_not_known) {
    static const struct {
        double p;
        gn_style style;
        char mark;
    } step[] = {{0.95, GN_STYLE_PLAIN, '_'},
                {0.6, GN_STYLE_LIKELY, '.'},
                {0.2, GN_STYLE_UNLIKELY, ':'},
                {0.05, GN_STYLE_WILD, '#'}};
    for (int i = 0; i < 4; i++) {
        const float l = (float)log(step[i].p);
        CHECK(gn_odds_style(l) == step[i].style && gn_odds_mark(l) == step[i].mark);
    }
    CHECK(gn_odds_style(NAN) == GN_STYLE_PLAIN && gn_odds_mark(NAN) == ' ');
    CHECK(gn_odds_surprises((gn_logprob){-0.1f, 1, 0}));
    CHECK(!gn_odds_surprises((gn_logprob){-0.1f, 0, 0}));
    CHECK(!gn_odds_surprises((gn_logprob){NAN, 1, 0}));
}

TEST(tokens_of_one_style_are_one_run_up_to_the_last_byte) {
    gn_tokens made = {0};
    gn_odds odds = {0};
    static const double p[] = {0.95, 0.99, 0.2, 0.95};
    for (int i = 0; i < 4; i++) {
        const gn_token_row row = {
            .id = i, .end = 3 * (size_t)(i + 1), .score = {(float)log(p[i]), 0, 1}};
        CHECK(gn_tokens_add(&made, &row));
    }
    gn_odds_of(&odds, &made);
    CHECK(odds.count == 3 && odds.run[0].end == 6 && odds.run[1].end == 9 && odds.run[2].end == 12);
    CHECK(odds.run[1].style == GN_STYLE_UNLIKELY);
    gn_odds_release(&odds);
    gn_tokens_release(&made);
}

TEST(a_token_is_spelt_on_one_line) {
    gn_str out = {0};
    gn_odds_quote(GN_S(" a\n\t\"\\\xe4"), &out);
    CHECK_TEXT(gn_str_text(&out), "\" a\\n\\t\\\"\\\\\\xe4\"");
    gn_str_release(&out);
}
