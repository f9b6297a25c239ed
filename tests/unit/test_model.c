/* test_model.c - the forward pass, against transformers and against itself. */
/* floor: gn_model gn_cpu */
#include "tests/check.h"
#include "tests/toy.h"

#include <sys/stat.h>

static const char *const models[] = {
    "hybrid_dense",
    "hybrid_moe",
    "hybrid_rope",
    "hybrid_mamba",
    "hybrid_mamba_moe",
    "hybrid_attention",
    "hybrid_attention_moe",
    "granite",
    "granitemoe",
    "granitemoeshared",
    "bamba",
    "llama",
    "llama3",
};
static const char *const quantised[] = {"hybrid_moe-q8_0", "llama3-q8_0"};
enum { MODELS = sizeof models / sizeof *models };

static const int lengths[] = {1, 2, 3, 15, 16, 17, 43};
enum { LENGTHS = 7, LONGEST = 43, V_MOST = 128 };

static bool open_model(toy *m, const char *path) {
    gn_error e = {0};
    if (toy_open(m, path, &toy_exact, &e))
        return CHECK_TEXT(gn_str_text(&m->warnings), "");
    printf("  %s: %s\n", path, e.message);
    toy_close(m);
    return CHECK(false);
}

static check_fixture answers_of(const char *name) {
    char path[256];
    snprintf(path, sizeof path, "tests/oracle/models/%s/expect.vec", name);
    return check_load(path);
}

static const check_vec *answer(const check_fixture *f, const char *what, int n) {
    char name[32];
    snprintf(name, sizeof name, "%s.%d", what, n);
    return check_find(f, name);
}

static void log_softmax(float *x, int n) {
    double most = (double)x[0], sum = 0;
    for (int i = 1; i < n; i++)
        most = (double)x[i] > most ? (double)x[i] : most;
    for (int i = 0; i < n; i++)
        sum += exp((double)x[i] - most);
    for (int i = 0; i < n; i++)
        x[i] = (float)((double)x[i] - most - log(sum));
}

/* Log-probabilities after each of the tokens, [count, V]. */
static void all_rows(toy *m, const int32_t *token, int count, float *p) {
    int32_t want[TOY_TOKENS];
    for (int i = 0; i < count; i++)
        want[i] = i;
    gn_feed feed = {NULL, NULL, token, count};
    toy_rows(m, GN_READ, &feed, 1, want, count, p);
    for (int i = 0; i < count; i++)
        log_softmax(p + i * m->config.vocab, m->config.vocab);
}

static void compare_length(toy *m, const check_fixture *f, int n) {
    static float p[LONGEST * V_MOST];
    const int V = m->config.vocab;
    const check_vec *token = answer(f, "tokens", n);
    float next[LONGEST];
    double loss = 0;

    all_rows(m, token->i, n, p);
    CHECK_NEAR(p + (n - 1) * V, answer(f, "last", n)->f, (size_t)V, 1e-4f);
    if (n == 1)
        return;
    for (int i = 0; i < n - 1; i++) {
        next[i] = p[i * V + token->i[i + 1]];
        loss -= (double)next[i] / (n - 1);
    }
    CHECK_NEAR(next, answer(f, "next", n)->f, (size_t)(n - 1), 1e-4f);
    CHECK_NEAR(&(float){(float)loss}, answer(f, "loss", n)->f, 1, 1e-4f);
}

static void compare(const char *path, const char *name) {
    toy m;
    if (!open_model(&m, path))
        return;
    check_fixture f = answers_of(name);
    for (int i = 0; i < LENGTHS; i++)
        compare_length(&m, &f, lengths[i]);
    check_release(&f);
    toy_close(&m);
}

TEST(safetensors_models_answer_as_transformers_does) {
    for (int i = 0; i < MODELS; i++) {
        char path[256];
        snprintf(path, sizeof path, "tests/oracle/models/%s", models[i]);
        compare(path, models[i]);
    }
}

TEST(gguf_models_answer_as_transformers_does) {
    int found = 0;
    for (int i = 0; i < MODELS; i++) {
        char path[256];
        struct stat s;
        snprintf(path, sizeof path, "tests/oracle/models/%s/model.gguf", models[i]);
        if (stat(path, &s) == 0) {
            compare(path, models[i]);
            found++;
        }
    }
    CHECK(found >= 8);
}

TEST(quantised_models_answer_as_transformers_does_on_the_numbers_they_hold) {
    for (int i = 0; i < 2; i++) {
        char path[256];
        snprintf(path, sizeof path, "tests/oracle/models/%s/model.gguf", quantised[i]);
        compare(path, quantised[i]);
    }
}

/* ---- one way of reading a text is as good as another, bit for bit --------- */

static const int32_t A[] = {3, 14, 15, 9, 26, 5, 35, 8, 9, 7, 93, 2, 38, 46, 26, 43, 38, 32, 79},
                     B[] = {2, 7, 18, 28, 18, 28, 45, 90, 45}, C[] = {61};
enum { NA = 19, NB = 9, NC = 1 };

static void each_model(void (*claim)(toy *m)) {
    for (int i = 0; i < MODELS; i++) {
        char path[256];
        toy m;
        snprintf(path, sizeof path, "tests/oracle/models/%s", models[i]);
        if (!open_model(&m, path))
            continue;
        claim(&m);
        toy_close(&m);
    }
}

/* Logits after all of token, read at once without a state. */
static const float *whole(toy *m, const int32_t *token, int count) {
    static float out[4][V_MOST];
    static int turn;
    float *p = out[turn++ % 4];
    toy_step(m, &(gn_feed){NULL, NULL, token, count}, 1, p);
    return p;
}

static void one_by_one(toy *m) {
    float out[V_MOST];
    gn_state *s = toy_state(m, NA);
    for (int t = 0; t < NA; t++)
        toy_step(m, &(gn_feed){s, s, A + t, 1}, 1, out);
    CHECK(s->tokens == NA);
    CHECK_SAME(out, whole(m, A, NA), (size_t)m->config.vocab);
    gn_state_free(s);
}
TEST(prefill_equals_token_by_token) { each_model(one_by_one); }

static void any_cut(toy *m) {
    float out[V_MOST];
    const float *want = whole(m, A, NA);
    for (int cut = 1; cut < NA; cut++) {
        gn_state *s = toy_state(m, NA);
        toy_step(m, &(gn_feed){s, s, A, cut}, 1, out);
        toy_step(m, &(gn_feed){s, s, A + cut, NA - cut}, 1, out);
        CHECK_SAME(out, want, (size_t)m->config.vocab);
        gn_state_free(s);
    }
}
TEST(a_text_may_be_cut_anywhere) { each_model(any_cut); }

/* What DataCollatorWithFlattening packs into one row with position_ids that start
 * again, seq_idx and cu_seq_lens is a step of several feeds. */
static void packed(toy *m) {
    const size_t V = (size_t)m->config.vocab;
    float out[3 * V_MOST];
    gn_state *a = toy_state(m, NA), *b = toy_state(m, NB);
    toy_step(m, (gn_feed[]){{a, a, A, NA}, {NULL, NULL, C, NC}, {b, b, B, NB}}, 3, out);
    CHECK_SAME(out, whole(m, A, NA), V);
    CHECK_SAME(out + V, whole(m, C, NC), V);
    CHECK_SAME(out + 2 * V, whole(m, B, NB), V);
    gn_state_free(a);
    gn_state_free(b);
}
TEST(packing_changes_no_sequence) { each_model(packed); }

/* Lanes of different ages: one is read on, one begins, one takes a single token. */
static void mixed(toy *m) {
    const size_t V = (size_t)m->config.vocab;
    float out[3 * V_MOST];
    gn_state *a = toy_state(m, NA), *b = toy_state(m, NB), *c = toy_state(m, NC);
    toy_step(m, &(gn_feed){a, a, A, 5}, 1, out);
    toy_step(m, (gn_feed[]){{b, b, B, NB - 1}, {a, a, A + 5, 6}}, 2, out);
    toy_step(m, (gn_feed[]){{c, c, C, NC}, {b, b, B + NB - 1, 1}, {a, a, A + 11, NA - 11}}, 3, out);
    CHECK_SAME(out, whole(m, C, NC), V);
    CHECK_SAME(out + V, whole(m, B, NB), V);
    CHECK_SAME(out + 2 * V, whole(m, A, NA), V);
    gn_state_free(a);
    gn_state_free(b);
    gn_state_free(c);
}
TEST(lanes_of_different_ages_do_not_meet) { each_model(mixed); }

static void forked(toy *m) {
    const size_t V = (size_t)m->config.vocab;
    float out[V_MOST];
    gn_error e = {0};
    gn_state *s = toy_state(m, 2 * NA);
    toy_step(m, &(gn_feed){s, s, A, 6}, 1, out);
    gn_state *f = gn_state_fork(s, &e);
    CHECK(f && f->tokens == 6);
    toy_step(m, &(gn_feed){s, s, B, NB}, 1, out);
    toy_step(m, &(gn_feed){f, f, A + 6, NA - 6}, 1, out);
    CHECK_SAME(out, whole(m, A, NA), V);
    gn_state_free(s);
    gn_state_free(f);
}
TEST(a_fork_goes_its_own_way) { each_model(forked); }

static void leaves(toy *m) {
    const size_t V = (size_t)m->config.vocab;
    float out[2 * V_MOST];
    int32_t AB[6 + NB];
    memcpy(AB, A, 6 * sizeof *A);
    memcpy(AB + 6, B, sizeof B);

    gn_state *s = toy_state(m, NA), *f = toy_state(m, NA);
    toy_step(m, &(gn_feed){s, s, A, 6}, 1, out);
    toy_step(m, (gn_feed[]){{s, NULL, A + 6, NA - 6}, {s, NULL, B, NB}}, 2, out);
    CHECK_SAME(out, whole(m, A, NA), V);
    CHECK_SAME(out + V, whole(m, AB, 6 + NB), V);
    CHECK(s->tokens == 6);

    /* fork and go on in one feed, with fewer tokens than the convolution looks back on */
    toy_step(m, &(gn_feed){s, f, A + 6, 1}, 1, out);
    toy_step(m, &(gn_feed){f, f, A + 7, NA - 7}, 1, out);
    CHECK_SAME(out, whole(m, A, NA), V);
    toy_step(m, &(gn_feed){s, s, A + 6, NA - 6}, 1, out);
    CHECK_SAME(out, whole(m, A, NA), V);
    gn_state_free(s);
    gn_state_free(f);
}
TEST(leaves_and_forked_feeds_leave_their_parent_alone) { each_model(leaves); }

/* A state that remembers another text is begun anew by a feed from nothing. */
static void begun_again(toy *m) {
    float out[V_MOST];
    gn_state *s = toy_state(m, NA);
    toy_step(m, &(gn_feed){s, s, B, NB}, 1, out);
    toy_step(m, &(gn_feed){NULL, s, A, 1}, 1, out);
    CHECK(s->tokens == 1);
    toy_step(m, &(gn_feed){s, s, A + 1, NA - 1}, 1, out);
    CHECK_SAME(out, whole(m, A, NA), (size_t)m->config.vocab);

    s->tokens = 0; /* empty again, whatever its memory holds */
    toy_step(m, &(gn_feed){s, s, A, NA}, 1, out);
    CHECK_SAME(out, whole(m, A, NA), (size_t)m->config.vocab);
    gn_state_free(s);
}
TEST(a_feed_from_nothing_begins_its_state_anew) { each_model(begun_again); }

static void saved(toy *m) {
    float out[V_MOST];
    gn_error e = {0};
    gn_state *s = toy_state(m, 2 * NA), *t = toy_state(m, NA + 3);
    toy_step(m, &(gn_feed){t, t, B, NB}, 1, out);
    toy_step(m, &(gn_feed){s, s, A, 11}, 1, out);
    void *recurrent = malloc(gn_state_recurrent_bytes(s) + 1),
         *kv = malloc(gn_state_kv_bytes(s) + 1);
    CHECK(gn_state_export(s, recurrent, kv, &e));
    gn_state_free(s);
    gn_state_import(t, 11, recurrent, kv);
    toy_step(m, &(gn_feed){t, t, A + 11, NA - 11}, 1, out);
    CHECK_SAME(out, whole(m, A, NA), (size_t)m->config.vocab);
    gn_state_free(t);
    free(recurrent);
    free(kv);
}
TEST(a_saved_state_goes_on_where_it_was) { each_model(saved); }

static void grown(toy *m) {
    float out[V_MOST];
    gn_error e = {0};
    gn_state *s = toy_state(m, 5);
    toy_step(m, &(gn_feed){s, s, A, 5}, 1, out);
    CHECK(gn_state_reserve(s, 6, &e) && s->capacity == 10);
    toy_step(m, &(gn_feed){s, s, A + 5, 4}, 1, out);
    CHECK(gn_state_reserve(s, NA, &e) && s->capacity >= NA);
    toy_step(m, &(gn_feed){s, s, A + 9, NA - 9}, 1, out);
    CHECK_SAME(out, whole(m, A, NA), (size_t)m->config.vocab);
    gn_state_free(s);
}
TEST(a_state_may_grow) { each_model(grown); }

/* Attention sums a long cache tile by tile, and several threads may share one token's tiles. */
static void long_text(const char *name) {
    enum { LONG = 700 };
    char path[256];
    toy m;
    int32_t text[LONG];
    static const int step[] = {160, 13, 1};
    float out[3][V_MOST];
    snprintf(path, sizeof path, "tests/oracle/models/%s", name);
    if (!open_model(&m, path))
        return;
    for (int i = 0; i < LONG; i++)
        text[i] = (i * i + 7 * i) % m.config.vocab;
    for (int i = 0; i < 3; i++) {
        gn_state *s = toy_state(&m, LONG);
        for (int at = 0; at < LONG; at += step[i])
            toy_step(&m, &(gn_feed){s, s, text + at, LONG - at < step[i] ? LONG - at : step[i]}, 1,
                     out[i]);
        gn_state_free(s);
    }
    CHECK_SAME(out[1], out[0], (size_t)m.config.vocab);
    CHECK_SAME(out[2], out[0], (size_t)m.config.vocab);
    toy_close(&m);
}
TEST(a_long_text_may_be_read_in_steps_of_any_length) {
    long_text("granite");
    long_text("hybrid_rope");
}

/* Exact numerics are one arithmetic, however the work is spread and wherever weights lie. */
static void same_bits(gn_cpu_options o) {
    static const char *const file[] = {"", "/model.gguf", "-q8_0/model.gguf"};
    o.exact = true;
    for (int i = 0; i < MODELS * 3; i++) {
        char path[256];
        toy m, n;
        gn_error e = {0};
        struct stat st;
        snprintf(path, sizeof path, "tests/oracle/models/%s%s", models[i / 3], file[i % 3]);
        if (stat(path, &st) || !open_model(&m, path))
            continue;
        if (CHECK(toy_open(&n, path, &o, &e)))
            CHECK_SAME(whole(&n, A, NA), whole(&m, A, NA), (size_t)m.config.vocab);
        toy_close(&n);
        toy_close(&m);
    }
}
TEST(any_number_of_threads_gives_the_same_bits) { same_bits((gn_cpu_options){.threads = 1}); }
TEST(weights_left_in_the_file_give_the_same_bits) {
    same_bits((gn_cpu_options){.threads = 2, .mapped = true});
}

/* The first step reads the file, later ones what has been placed since. */
TEST(weights_that_wait_in_the_file_give_the_same_bits_before_and_after) {
    static const char *const file[] = {"", "/model.gguf", "-q8_0/model.gguf"};
    for (int i = 0; i < MODELS * 6; i++) {
        char path[256];
        toy m, n;
        gn_error e = {0};
        struct stat st;
        gn_cpu_options o = {.threads = 2, .exact = i % 2};
        snprintf(path, sizeof path, "tests/oracle/models/%s%s", models[i / 6], file[i / 2 % 3]);
        if (stat(path, &st))
            continue;
        if (!CHECK(toy_open(&m, path, &o, &e)))
            continue;
        o.may_wait = true;
        if (CHECK(toy_open(&n, path, &o, &e)))
            for (int step = 0; step < 3; step++)
                CHECK_SAME(whole(&n, A, NA), whole(&m, A, NA), (size_t)m.config.vocab);
        toy_close(&n);
        toy_close(&m);
    }
}

TEST(every_instruction_set_answers_alike_within_tolerance) {
    enum { N_ISA = 4 };
    static const char *const isa[N_ISA] = {"plain", "avx2", "avx512", "avx512bf16"};
    for (int i = 0; i < MODELS * N_ISA; i++) {
        char path[256];
        toy m, n;
        gn_error e = {0};
        snprintf(path, sizeof path, "tests/oracle/models/%s", models[i / N_ISA]);
        const gn_cpu_options o = {.threads = 2, .exact = true, .isa = isa[i % N_ISA]};
        if (toy_open(&n, path, &o, &e) && open_model(&m, path)) {
            CHECK_NEAR(whole(&n, A, NA), whole(&m, A, NA), (size_t)m.config.vocab, 1e-4f);
            toy_close(&m);
        } else
            CHECK(i % N_ISA > 0 && strstr(e.message, isa[i % N_ISA])); /* this processor lacks it */
        toy_close(&n);
    }
}

TEST(exact_numerics_read_and_write_alike) {
    for (int i = 0; i < MODELS; i++) {
        char path[256];
        toy m;
        float out[V_MOST];
        snprintf(path, sizeof path, "tests/oracle/models/%s", models[i]);
        if (!open_model(&m, path))
            continue;
        gn_feed feed = {NULL, NULL, A, NA};
        toy_rows(&m, GN_WRITE, &feed, 1, (int32_t[]){NA - 1}, 1, out);
        CHECK_SAME(out, whole(&m, A, NA), (size_t)m.config.vocab);
        toy_close(&m);
    }
}

/* Fast numerics: other sums, so other bits than exact, but packing and cutting still change none,
 * and what is near for a tiny model of 16-bit weights is near. */
static void fast(const char *name) {
    char path[256];
    toy m, x;
    gn_error e = {0};
    snprintf(path, sizeof path, "tests/oracle/models/%s", name);
    if (!open_model(&x, path))
        return;
    if (!CHECK(toy_open(&m, path, &(gn_cpu_options){.threads = 2}, &e))) {
        printf("  %s: %s\n", path, e.message);
        toy_close(&m);
        toy_close(&x);
        return;
    }
    const size_t V = (size_t)m.config.vocab;
    float out[2 * V_MOST];
    gn_state *s = toy_state(&m, NA);
    toy_step(&m, &(gn_feed){s, s, A, 7}, 1, out);
    toy_step(&m, (gn_feed[]){{NULL, NULL, B, NB}, {s, s, A + 7, NA - 7}}, 2, out);
    CHECK_SAME(out + V, whole(&m, A, NA), V);
    CHECK_SAME(out, whole(&m, B, NB), V);
    CHECK_NEAR(whole(&m, A, NA), whole(&x, A, NA), V, 0.05f);
    gn_state_free(s);
    toy_close(&m);
    toy_close(&x);
}
TEST(fast_numerics_pack_and_cut_without_changing_a_bit) {
    fast("hybrid_dense");
    fast("hybrid_rope");
    fast("granite");
    fast("hybrid_mamba_moe");
    fast("hybrid_moe-q8_0/model.gguf");
}

TEST(the_plan_counts_what_it_takes_and_logits_follow_the_hidden_rows) {
    toy m;
    if (!open_model(&m, "tests/oracle/models/hybrid_moe"))
        return;
    const int V = m.config.vocab, D = m.config.hidden;
    CHECK(gn_plan_bytes(&m.config, TOY_TOKENS, TOY_TOKENS, 7) >=
          sizeof(float) * (size_t)(TOY_TOKENS * D + 7 * V));
    CHECK(gn_plan_bytes(&m.config, 1, 1, 64) < gn_plan_bytes(&m.config, 1, 1, 128));

    /* logits share bytes with the step, never with the hidden rows: asked again they are the same */
    float first[3 * V_MOST], again[3 * V_MOST];
    gn_error e = {0};
    gn_feed feed = {NULL, NULL, A, NA};
    gn_forward(&m.model, m.plan, GN_READ, &feed, 1, (int32_t[]){18, 3, 0}, 3);
    gn_mat logits = gn_logits(&m.model, m.plan, 0, 3);
    CHECK(gn_read(m.device, first, logits.data, sizeof *first * (size_t)(3 * V), &e));
    for (int i = 2; i >= 0; i--) {
        logits = gn_logits(&m.model, m.plan, i, 1);
        CHECK(gn_read(m.device, again + i * V, logits.data, sizeof *again * (size_t)V, &e));
    }
    CHECK_SAME(first, again, (size_t)(3 * V));
    CHECK_SAME(first, whole(&m, A, NA), (size_t)V);
    CHECK_SAME(first + V, whole(&m, A, 4), (size_t)V);
    CHECK_SAME(first + 2 * V, whole(&m, A, 1), (size_t)V);
    toy_close(&m);
}
