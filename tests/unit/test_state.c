/* test_state.c - a state is a value: made, grown, copied, saved. */
/* floor: gn_model gn_cpu */
#include "tests/check.h"

#include "core/cpu/cpu.h"
#include "core/model/state.h"

static gn_device *open_cpu(bool exact) {
    gn_error e = {0};
    gn_device *d = gn_cpu_open(&(gn_cpu_options){.threads = 1, .exact = exact}, &e);
    if (!d) {
        printf("%s\n", e.message);
        exit(2);
    }
    return d;
}

/* Two mamba layers and two attention layers. */
static const gn_config hybrid = {.layers = 4,
                                 .mixer = {GN_MAMBA, GN_ATTENTION, GN_MAMBA, GN_ATTENTION},
                                 .kv_heads = 2,
                                 .head_dim = 3,
                                 .ssm_heads = 2,
                                 .ssm_head_dim = 5,
                                 .ssm_state = 7,
                                 .ssm_groups = 1,
                                 .conv_width = 4};

TEST(layout_places_every_layer_once) {
    gn_device *d = open_cpu(true);
    gn_layout at = gn_layout_of(&hybrid, d);
    const size_t window = 3 * (10 + 14), ssm = 10 * 7;
    CHECK(at.window[0] == 0 && at.ssm[0] == window);
    CHECK(at.window[2] == window + ssm && at.ssm[2] == 2 * window + ssm);
    CHECK(at.recurrent == 2 * (window + ssm));
    CHECK(at.nth_kv[1] == 0 && at.nth_kv[3] == 1 && at.caches == 2 && at.kv_width == 6);
    CHECK(at.kv_per_token == 2 * 2 * 6 && at.kv_element == 4);
    CHECK(gn_state_bytes(&at, 10) == 4 * at.recurrent + 10 * 24 * 4);
    gn_device_close(d);
}

TEST(kv_takes_half_the_bytes_with_fast_numerics) {
    gn_device *d = open_cpu(false);
    gn_layout at = gn_layout_of(&hybrid, d);
    CHECK(at.kv_element == 2);
    CHECK(gn_state_bytes(&at, 10) == 4 * at.recurrent + 10 * 24 * 2);
    gn_device_close(d);
}

/* Fill a state through import with numbers that tell every place. */
static void fill(gn_state *s, int64_t tokens, float base) {
    const gn_layout *at = s->layout;
    float *recurrent = malloc(at->recurrent * sizeof *recurrent + 1);
    float *kv = malloc((size_t)tokens * at->kv_per_token * sizeof *kv + 1);
    for (size_t i = 0; i < at->recurrent; i++)
        recurrent[i] = base + (float)i;
    for (size_t i = 0; i < (size_t)tokens * at->kv_per_token; i++)
        kv[i] = base - (float)i;
    gn_state_import(s, tokens, recurrent, kv);
    free(recurrent);
    free(kv);
}

static bool holds(const gn_state *s, int64_t tokens, float base) {
    const gn_layout *at = s->layout;
    gn_error e = {0};
    if (s->tokens != tokens || gn_state_recurrent_bytes(s) != at->recurrent * sizeof(float) ||
        gn_state_kv_bytes(s) != (size_t)tokens * at->kv_per_token * sizeof(float))
        return false;
    float *recurrent = malloc(at->recurrent * sizeof *recurrent + 1);
    float *kv = malloc(gn_state_kv_bytes(s) + 1);
    bool same = gn_state_export(s, recurrent, kv, &e);
    for (size_t i = 0; i < at->recurrent; i++)
        same = same && recurrent[i] == base + (float)i;
    for (size_t i = 0; i < (size_t)tokens * at->kv_per_token; i++)
        same = same && kv[i] == base - (float)i;
    free(recurrent);
    free(kv);
    return same;
}

TEST(export_gives_what_import_took) {
    gn_device *d = open_cpu(true);
    gn_error e = {0};
    gn_layout at = gn_layout_of(&hybrid, d);
    gn_state *s = gn_state_new(d, &at, 9, &e);
    CHECK(s && s->tokens == 0 && s->capacity == 9 && gn_state_kv_bytes(s) == 0);
    fill(s, 9, 1000);
    CHECK(holds(s, 9, 1000));
    fill(s, 4, 5);
    CHECK(holds(s, 4, 5));
    gn_state_free(s);
    gn_device_close(d);
}

TEST(kv_lies_as_the_device_reads_it) {
    gn_device *d = open_cpu(true);
    gn_error e = {0};
    gn_layout at = gn_layout_of(&hybrid, d);
    gn_state *s = gn_state_new(d, &at, 9, &e);
    float kv[9 * 24];
    fill(s, 4, 0);
    CHECK(gn_read(d, kv, s->kv, sizeof kv, &e));
    for (int half = 0; half < 4; half++) /* K, V of the first cache; K, V of the second */
        for (int i = 0; i < 4 * 6; i++)
            CHECK(kv[half * 9 * 6 + i] == -(float)(half * 4 * 6 + i));
    gn_state_free(s);
    gn_device_close(d);
}

TEST(growing_keeps_what_is_there) {
    gn_device *d = open_cpu(true);
    gn_error e = {0};
    gn_layout at = gn_layout_of(&hybrid, d);
    gn_state *s = gn_state_new(d, &at, 4, &e);
    fill(s, 4, 70);
    CHECK(gn_state_reserve(s, 3, &e) && s->capacity == 4);
    CHECK(gn_state_reserve(s, 5, &e) && s->capacity == 8 && holds(s, 4, 70));
    CHECK(gn_state_reserve(s, 100, &e) && s->capacity >= 100 && holds(s, 4, 70));
    gn_state_free(s);

    s = gn_state_new(d, &at, 0, &e);
    fill(s, 0, 9);
    CHECK(s && gn_state_reserve(s, 3, &e) && s->capacity == 3 && holds(s, 0, 9));
    gn_state_free(s);
    gn_device_close(d);
}

TEST(a_fork_shares_nothing) {
    gn_device *d = open_cpu(true);
    gn_error e = {0};
    gn_layout at = gn_layout_of(&hybrid, d);
    gn_state *s = gn_state_new(d, &at, 6, &e);
    fill(s, 5, 3);
    gn_state *t = gn_state_fork(s, &e);
    fill(s, 6, 900);
    CHECK(t && t->capacity == 6 && holds(t, 5, 3));
    fill(t, 2, 40);
    CHECK(holds(s, 6, 900) && holds(t, 2, 40));
    gn_state_free(s);
    gn_state_free(t);
    gn_state_free(NULL);
    gn_device_close(d);
}

TEST(models_of_one_kind_of_layer_have_states_too) {
    gn_device *d = open_cpu(true);
    gn_error e = {0};
    for (int kind = 0; kind < 2; kind++) {
        gn_config c = hybrid;
        for (int l = 0; l < c.layers; l++)
            c.mixer[l] = kind ? GN_ATTENTION : GN_MAMBA;
        gn_layout at = gn_layout_of(&c, d);
        gn_state *s = gn_state_new(d, &at, 4, &e);
        CHECK(s && (kind ? at.recurrent == 0 : at.kv_per_token == 0));
        fill(s, 4, 11);
        CHECK(gn_state_reserve(s, 20, &e));
        gn_state *t = gn_state_fork(s, &e);
        CHECK(t && holds(s, 4, 11) && holds(t, 4, 11));
        gn_state_free(s);
        gn_state_free(t);
    }
    gn_device_close(d);
}

TEST(a_state_nobody_has_room_for_is_an_error) {
    gn_device *d = open_cpu(true);
    gn_layout at = gn_layout_of(&hybrid, d);
    static const int64_t most[] = {INT64_MAX, (int64_t)1 << 60, -1};
    for (int i = 0; i < 3; i++) {
        gn_error e = {0};
        CHECK(!gn_state_new(d, &at, most[i], &e) && e.code == GN_NO_MEMORY);
    }
    gn_error e = {0};
    gn_state *s = gn_state_new(d, &at, 4, &e);
    fill(s, 4, 8);
    CHECK(!gn_state_reserve(s, INT64_MAX, &e) && e.code == GN_NO_MEMORY && holds(s, 4, 8));
    gn_state_free(s);
    gn_device_close(d);
}
