/* test_cuda_model.c - the CUDA device under the emulator: whole models against the CPU's exact numbers. */
/* floor: gn_model gn_cpu gn_cuda */
#include "tests/check.h"
#include "tests/emu/rig.h"
#include "tests/toy.h"

static const char *const models[] = {
    "hybrid_dense/model.gguf",
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
    "hybrid_moe-q8_0/model.gguf",
    "llama3-q8_0/model.gguf", /* the last: it is as sensitive as models get */
};
enum { MODELS = sizeof models / sizeof *models, V_MOST = 128 };

static void open_at(toy *m, const char *name, gn_device *d) {
    char path[256];
    gn_error e = {0};
    snprintf(path, sizeof path, "tests/oracle/models/%s", name);
    if (!toy_open_on(m, path, d, &e)) {
        printf("%s: %s\n", path, e.message);
        exit(2);
    }
}

static void open_two(toy *cpu, toy *gpu, const char *name, bool exact) {
    gn_error e = {0};
    open_at(cpu, name, gn_cpu_open(&toy_exact, &e));
    open_at(gpu, name, open_cuda(exact));
}

static void tokens(int32_t *id, int n, unsigned seed, int vocab) {
    unsigned s = seed * 2654435761u + 99;
    for (int i = 0; i < n; i++) {
        s = s * 1664525u + 1013904223u;
        id[i] = (int32_t)((s >> 8) % (unsigned)vocab);
    }
}

/* |a - b| / |b|, as lengths of vectors. */
static double apart(const float *a, const float *b, size_t n) {
    double off = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        off += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        all += (double)b[i] * (double)b[i];
    }
    return sqrt(off / all);
}

static int likeliest(const float *x, int n) {
    int best = 0;
    for (int i = 1; i < n; i++)
        best = x[i] > x[best] ? i : best;
    return best;
}

/* Logits of every token of one text. */
static float *read_text(toy *m, gn_step_kind kind, const int32_t *id, int n) {
    int32_t want[TOY_TOKENS];
    float *out = calloc((size_t)n * V_MOST, sizeof *out);
    const gn_feed feed = {NULL, NULL, id, n};
    for (int i = 0; i < n; i++)
        want[i] = i;
    toy_rows(m, kind, &feed, 1, want, n, out);
    return out;
}

static const int lengths[] = {1, 2, 66};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

/* The worst text's logits. Where two experts weigh almost the same, rounding chooses between them,
 * and that token's logits are another mixture's: one token in fifty may be so unlucky where the
 * model has experts, and is not counted; none where it has not. */
static double worst_of(bool exact, gn_step_kind kind, int first, int end) {
    double worst = 0;
    for (int i = first; i < end; i++) {
        toy cpu, gpu;
        open_two(&cpu, &gpu, models[i], exact);
        const size_t V = (size_t)cpu.config.vocab;
        for (int l = 0; l < LENGTHS; l++) {
            const int n = lengths[l];
            int ties = cpu.config.experts && !exact ? n / 50 : 0;
            int32_t id[TOY_TOKENS];
            tokens(id, n, (unsigned)(l + 1), (int)V);
            float *want = read_text(&cpu, GN_READ, id, n), *got = read_text(&gpu, kind, id, n);
            for (size_t t = 0; t < (size_t)n; t++)
                if (apart(got + t * V, want + t * V, V) > 1e-2 && ties-- > 0)
                    memcpy(got + t * V, want + t * V, V * sizeof *got);
            const double off = apart(got, want, (size_t)n * V);
            if (!(off <= worst)) {
                worst = off;
                printf("  %s, %d tokens: %.2e\n", models[i], n, off);
            }
            free(want);
            free(got);
        }
        toy_close(&cpu);
        toy_close(&gpu);
    }
    return worst;
}

TEST(exact_logits_are_the_cpus_on_every_architecture) {
    CHECK(worst_of(true, GN_READ, 0, MODELS) < 2e-5);
}

TEST(fast_logits_of_a_text_are_near_the_cpus_exact_ones_on_every_architecture) {
    CHECK(worst_of(false, GN_READ, 0, MODELS - 1) < 2e-3);
}

TEST(fast_logits_of_quantised_weights_in_a_touchy_model_are_hardly_farther_off) {
    CHECK(worst_of(false, GN_READ, MODELS - 1, MODELS) < 3e-3);
}

TEST(fast_logits_of_what_is_written_are_near_the_cpus_exact_ones_on_every_architecture) {
    CHECK(worst_of(false, GN_WRITE, 0, MODELS) < 2e-3);
}

/* Greedy, one token at a time. */
static void answer(toy *m, const int32_t *prompt, int n, int32_t *out, int count) {
    float logits[V_MOST];
    gn_state *s = toy_state(m, n + count);
    gn_feed feed = {s, s, prompt, n};
    const int32_t last = n - 1, first = 0;
    toy_rows(m, GN_READ, &feed, 1, &last, 1, logits);
    for (int i = 0; i < count; i++) {
        out[i] = likeliest(logits, m->config.vocab);
        feed = (gn_feed){s, s, out + i, 1};
        toy_rows(m, GN_WRITE, &feed, 1, &first, 1, logits);
    }
    gn_state_free(s);
}

TEST(greedy_answers_are_the_cpus_on_every_architecture) {
    for (int i = 0; i < MODELS; i++)
        for (int exact = 0; exact < 2; exact++) {
            toy cpu, gpu;
            int32_t prompt[20], want[24], got[24];
            open_two(&cpu, &gpu, models[i], exact);
            tokens(prompt, 20, 7, cpu.config.vocab);
            answer(&cpu, prompt, 20, want, 24);
            answer(&gpu, prompt, 20, got, 24);
            if (!CHECK(memcmp(want, got, sizeof got) == 0))
                printf("  %s\n", models[i]);
            toy_close(&cpu);
            toy_close(&gpu);
        }
}
