/* test_cuda_engine.c - the CUDA device in an engine, under the emulator: who takes it, what goes wrong. */
/* floor: gn_core */
#include "core/engine.h"
#include "core/session.h"
#include "tests/check.h"
#include "tests/emu/rig.h"
#include "tests/unit/temporary.h"

static const char MODEL[] = "tests/oracle/models/hybrid_moe";
static const char ROOMY[] = "memory=4194304";

static void gpu_is(const char *setup) {
    emu.reset();
    if (!CHECK(emu.configure(setup)))
        printf("  %s\n", setup);
}

static gn_engine *open_on(const char *backend, bool exact, gn_error *e) {
    const gn_engine_options o = {
        .backend = backend, .exact = exact, .threads = 1, .batch_tokens = 48, .state_mem = 1 << 20};
    return gn_engine_open(MODEL, &o, e);
}

static gn_engine *sure(const char *backend, bool exact) {
    gn_error e = {0};
    gn_engine *g = open_on(backend, exact, &e);
    if (!g) {
        printf("%s\n", e.message);
        exit(2);
    }
    return g;
}

TEST(auto_takes_a_gpu_that_the_model_fits) {
    gpu_is(ROOMY);
    gn_engine *g = sure("auto", false);
    CHECK(strcmp(g->device->name, "cuda") == 0);
    CHECK_TEXT(gn_engine_no_gpu(g), "");
    CHECK(strncmp(gn_engine_numerics(g), "fast/cuda/sm_", 13) == 0);
    CHECK(strstr(gn_engine_numerics(g), "/4/f16/f16+batch") != NULL);
    gn_engine_close(g);
    g = sure("auto", true);
    CHECK(strncmp(gn_engine_numerics(g), "exact/cuda/sm_", 14) == 0);
    CHECK(strstr(gn_engine_numerics(g), "/4/f32/f32") != NULL &&
          !strchr(gn_engine_numerics(g), '+'));
    gn_engine_close(g);
    CHECK(emu.in_use() == 0);
}

TEST(without_a_gpu_auto_says_why_and_cuda_is_one_clear_error) {
    if (!emulated())
        return;
    static const struct {
        const char *gpu, *visible, *why;
    } bad[] = {
        {"driver=0", NULL, "there is no NVIDIA driver on this machine"},
        {"driver=12040", NULL, "knows CUDA up to 12.4 and gneiss was built with 13.0"},
        {"devices=0", NULL, "there is an NVIDIA driver but no GPU"},
        {"devices=2", "", "CUDA_VISIBLE_DEVICES='' shows no GPU"},
        {"devices=2", "-1", "CUDA_VISIBLE_DEVICES='-1' shows no GPU"},
        {"major=7,minor=5", NULL, "generation 7.5; 8.0 is the oldest"},
        {"major=7,devices=2", NULL, "8.0 is the oldest used, and CUDA_VISIBLE_DEVICES chooses"},
        {"major=9,built=10", NULL, "not built for the GPU 'Emulated GPU' of generation 9.0"},
        {"memory=70000", NULL, "the model needs"},
        {"memory=70000,devices=2", NULL, "and CUDA_VISIBLE_DEVICES chooses another GPU"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        gn_error e = {0};
        gpu_is(bad[i].gpu);
        if (bad[i].visible)
            setenv("CUDA_VISIBLE_DEVICES", bad[i].visible, 1);
        gn_engine *g = sure("auto", false);
        CHECK(strcmp(g->device->name, "cpu") == 0);
        if (!CHECK(strstr(gn_engine_no_gpu(g), bad[i].why) != NULL))
            printf("  %s\n", gn_engine_no_gpu(g));
        gn_engine_close(g);
        CHECK(!open_on("cuda", false, &e));
        CHECK(e.code == GN_DEVICE || e.code == GN_NO_MEMORY);
        if (!CHECK(strstr(e.message, bad[i].why) != NULL && strstr(e.message, "--backend cuda")))
            printf("  %s\n", e.message);
        CHECK(emu.in_use() == 0);
        unsetenv("CUDA_VISIBLE_DEVICES");
    }
}

static bool names_gpu(const char *said) { return strstr(said, "GPU") || strstr(said, "on cuda"); }

TEST(a_gpu_that_fails_while_a_model_is_put_on_it_is_none_that_auto_takes) {
    if (!emulated())
        return;
    gn_error e = {0};
    gpu_is(ROOMY);
    gn_engine *g = sure("auto", false);
    const long allocs = emu.allocs(), copies = emu.copies();
    CHECK(strcmp(g->device->name, "cuda") == 0);
    gn_engine_close(g);
    CHECK(allocs > 20 && copies > 20);
    for (int i = 0; i < 12; i++) {
        char setup[64];
        const bool full = i % 2 == 0;
        snprintf(setup, sizeof setup, "%s,%s=%ld", ROOMY, full ? "fail" : "fail_copy",
                 (full ? allocs - 1 : copies - 1) * (i / 2) / 5);
        gpu_is(setup);
        g = sure("auto", false);
        if (!CHECK(strcmp(g->device->name, "cpu") == 0 && names_gpu(gn_engine_no_gpu(g))))
            printf("  %s: '%s'\n", setup, gn_engine_no_gpu(g));
        CHECK_TEXT(gn_engine_warnings(g), "");
        gn_engine_close(g);
        gpu_is(setup);
        CHECK(!open_on("cuda", false, &e) && (e.code == GN_DEVICE || e.code == GN_NO_MEMORY));
        if (!CHECK(names_gpu(e.message)))
            printf("  %s: %s\n", setup, e.message);
        CHECK(emu.in_use() == 0);
    }
}

/* The model's config.json, a number in it being another. */
static void another_config(const char *key, int value) {
    char text[8192] = {0}, out[8300];
    FILE *f = fopen("tests/oracle/models/hybrid_moe/config.json", "rb");
    const size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    char *at = n ? strstr(text, key) : NULL;
    if (f)
        fclose(f);
    if (!CHECK(at != NULL))
        return;
    at += strlen(key);
    const char *rest = at + strcspn(at, ",\n}");
    put("config.json", out,
        (size_t)snprintf(out, sizeof out, "%.*s: %d%s", (int)(at - text), text, value, rest));
}

TEST(a_model_beyond_what_kernels_hold_is_not_for_the_gpu) {
    static const struct {
        const char *key;
        int value;
        const char *why;
    } beyond[] = {{"\"mamba_d_state\"", 300, "the model has 300 and 5"},
                  {"\"num_local_experts\"", 1025, "the model has 12 and 1025"}};
    gpu_is(ROOMY);
    char weights[512];
    snprintf(weights, sizeof weights, "%s", in_folder("model.safetensors"));
    CHECK(symlink(realpath("tests/oracle/models/hybrid_moe/model.safetensors", (char[4096]){0}),
                  weights) == 0);
    for (int i = 0; i < 2; i++) {
        gn_error e = {0};
        another_config(beyond[i].key, beyond[i].value);
        const gn_engine_options o = {.backend = "cuda"};
        CHECK(!gn_engine_open(in_folder(""), &o, &e) && e.code == GN_UNSUPPORTED);
        if (!CHECK(strstr(e.message, beyond[i].why) != NULL))
            printf("  %s\n", e.message);
    }
}

TEST(a_module_that_is_not_there_or_is_none_is_told) {
    char *module = strdup(getenv("LIBGNEISS_CUDA"));
    gn_cuda_card card;
    gn_error e = {0};
    setenv("LIBGNEISS_CUDA", "/nowhere/libgneiss-cuda.so", 1);
    CHECK(!gn_cuda_find(&card, &e) && e.code == GN_DEVICE);
    CHECK(strstr(e.message, "there is no CUDA module '/nowhere/libgneiss-cuda.so'") != NULL);
    setenv("LIBGNEISS_CUDA", "tests/check.c", 1);
    CHECK(!gn_cuda_find(&card, &e) && e.code == GN_DEVICE);
    CHECK(strstr(e.message, "cannot be used") != NULL);
    setenv("LIBGNEISS_CUDA", module, 1);
    free(module);
}

TEST(of_two_gpus_the_first_is_taken_and_it_is_said) {
    if (!emulated())
        return;
    gpu_is("devices=2,memory=4194304");
    gn_engine *g = sure("cuda", false);
    CHECK(strstr(gn_engine_device(g), "the first of several") != NULL);
    gn_engine_close(g);
}

TEST(mmap_is_not_for_a_gpu) {
    gn_error e = {0};
    gpu_is(ROOMY);
    gn_engine_options o = {.backend = "cuda", .mapped = true};
    CHECK(!gn_engine_open(MODEL, &o, &e) && e.code == GN_INVALID);
    o.backend = "auto";
    gn_engine *g = gn_engine_open(MODEL, &o, &e);
    CHECK(g && strcmp(g->device->name, "cpu") == 0);
    gn_engine_close(g);
}

static void some_ids(int32_t *id, int n) {
    for (int i = 0; i < n; i++)
        id[i] = (i * 37 + 11) % 90 + 4;
}

TEST(a_gpu_that_fills_up_in_the_middle_is_told_and_the_session_is_whole) {
    if (!emulated())
        return;
    gn_error e = {0};
    int32_t id[200];
    float before[512];
    some_ids(id, 200);
    gpu_is(ROOMY);
    gn_engine *g = sure("cuda", false);
    gn_session *s = gn_session_new(g, &e);
    CHECK(gn_session_feed(s, id, 40, GN_READ, NULL, NULL, &e));
    memcpy(before, gn_session_logits(s), (size_t)gn_engine_vocab(g) * sizeof *before);
    char full[64];
    snprintf(full, sizeof full, "memory=%zu", emu.in_use() / 1024 + 1);
    emu.configure(full);
    CHECK(!gn_state_reserve(s->state, 5000, &e) && e.code == GN_NO_MEMORY);
    CHECK(strstr(e.message, "tokens on cuda") != NULL);
    CHECK(!gn_session_fork(s, &e) && e.code == GN_NO_MEMORY);
    CHECK(gn_session_count(s) == 40);
    CHECK(memcmp(before, gn_session_logits(s), (size_t)gn_engine_vocab(g) * sizeof *before) == 0);
    CHECK(gn_session_feed(s, id + 40, 20, GN_WRITE, NULL, NULL, &e)); /* what it has is enough */
    emu.configure(ROOMY); /* somebody else gave memory back */
    CHECK(gn_state_reserve(s->state, 5000, &e));
    CHECK(gn_session_feed(s, id + 60, 60, GN_READ, NULL, NULL, &e) && gn_session_count(s) == 120);
    gn_session_free(s);
    gn_engine_close(g);
    CHECK(emu.in_use() == 0);
}

TEST(a_gpu_that_is_lost_is_told_and_stays_lost) {
    if (!emulated())
        return;
    gn_error e = {0};
    int32_t id[64];
    some_ids(id, 64);
    gpu_is(ROOMY);
    gn_engine *g = sure("cuda", false);
    gn_session *s = gn_session_new(g, &e);
    CHECK(gn_session_feed(s, id, 8, GN_READ, NULL, NULL, &e));
    char lost[64];
    snprintf(lost, sizeof lost, "lose=%ld", emu.launches() + 5);
    emu.configure(lost);
    CHECK(!gn_session_feed(s, id + 8, 8, GN_READ, NULL, NULL, &e) && e.code == GN_DEVICE);
    CHECK(strstr(e.message, "illegal memory access") != NULL);
    CHECK(!gn_session_feed(s, id + 8, 8, GN_READ, NULL, NULL, &e) && e.code == GN_DEVICE);
    gn_session_free(s);
    gn_engine_close(g); /* nothing crashes on the way out */
    emu.reset();
}

TEST(a_launch_or_memory_that_is_refused_is_told) {
    if (!emulated())
        return;
    static const struct {
        const char *fault, *says;
    } bad[] = {{"fail_launch", "too many resources"}, {"fail_pinned", "the GPU is out of memory"}};
    int32_t id[8];
    some_ids(id, 8);
    for (int i = 0; i < 2; i++) {
        gn_error e = {0};
        char fault[64];
        gpu_is(ROOMY);
        gn_engine *g = sure("cuda", false);
        gn_session *s = gn_session_new(g, &e);
        snprintf(fault, sizeof fault, "%s=%ld", bad[i].fault, i == 0 ? emu.launches() + 3 : 0);
        emu.configure(fault);
        CHECK(!gn_session_feed(s, id, 8, GN_READ, NULL, NULL, &e) && gn_engine_lost(g, &e));
        if (!CHECK(strstr(e.message, bad[i].says) != NULL))
            printf("  %s\n", e.message);
        gn_session_free(s);
        gn_engine_close(g);
        CHECK(emu.in_use() == 0);
    }
}

TEST(an_engine_that_leaves_a_lost_gpu_answers_as_one_that_never_had_it) {
    if (!emulated())
        return;
    gn_error e = {0}, why = {0};
    int32_t id[20];
    some_ids(id, 20);
    gpu_is(ROOMY);
    gn_engine *g = sure("auto", true), *cpu = sure("cpu", true);
    const size_t bytes = (size_t)gn_engine_vocab(g) * sizeof(float);
    gn_session *s = gn_session_new(g, &e), *t = gn_session_new(cpu, &e);
    emu.configure("lose=0");
    CHECK(!gn_session_feed(s, id, 20, GN_READ, NULL, NULL, &why) && gn_engine_lost(g, &why));
    CHECK(gn_session_feed(t, id, 20, GN_READ, NULL, NULL, &e) && !gn_engine_lost(cpu, &why));
    gn_session_free(s);
    CHECK(gn_engine_leave_gpu(g, &why, NULL, NULL, &e));
    CHECK_TEXT(gn_engine_numerics(g), gn_engine_numerics(cpu));
    CHECK_TEXT(gn_engine_no_gpu(g), why.message);
    s = gn_session_new(g, &e);
    CHECK(gn_session_feed(s, id, 20, GN_READ, NULL, NULL, &e));
    CHECK(memcmp(gn_session_logits(s), gn_session_logits(t), bytes) == 0);
    gn_session_free(s);
    gn_session_free(t);
    gn_engine_close(g);
    gn_engine_close(cpu);
    CHECK(emu.in_use() == 0);
}

/* |a - b| / |b| */
static double apart(const float *a, const float *b, int n) {
    double off = 0, all = 0;
    for (int i = 0; i < n; i++) {
        off += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        all += (double)b[i] * (double)b[i];
    }
    return sqrt(off / all);
}

static void goes_over(const char *from, const char *to, bool exact, double most) {
    gn_error e = {0};
    char path[] = "/tmp/gneiss-cuda-XXXXXX";
    int32_t id[70];
    some_ids(id, 70);
    gpu_is(ROOMY);
    close(mkstemp(path));
    gn_engine *a = sure(from, exact), *b = sure(to, exact);
    gn_session *s = gn_session_new(a, &e), *t;
    CHECK(gn_session_feed(s, id, 50, GN_READ, NULL, NULL, &e) && gn_session_save(s, path, &e));
    t = gn_session_load(b, path, &e);
    if (CHECK(t != NULL)) {
        CHECK(gn_session_count(t) == 50);
        CHECK(gn_session_feed(s, id + 50, 20, GN_READ, NULL, NULL, &e));
        CHECK(gn_session_feed(t, id + 50, 20, GN_READ, NULL, NULL, &e));
        const double off = apart(gn_session_logits(t), gn_session_logits(s), gn_engine_vocab(a));
        if (!CHECK(off < most))
            printf("  %s to %s: %.2e\n", from, to, off);
    } else {
        printf("  %s\n", e.message);
    }
    gn_session_free(t);
    gn_session_free(s);
    gn_engine_close(a);
    gn_engine_close(b);
    unlink(path);
}

TEST(a_session_saved_on_one_backend_goes_on_with_another) {
    goes_over("cpu", "cuda", true, 1e-5);
    goes_over("cuda", "cpu", true, 1e-5);
    goes_over("cuda", "cuda", true, 1e-30);
    goes_over("cpu", "cuda", false,
              1e-2); /* the CPU's fast numbers are of 8 or 16 bits where weights are quantised */
    goes_over("cuda", "cpu", false, 1e-2);
    goes_over("cuda", "cuda", false, 1e-30);
}

TEST(a_session_of_other_numerics_is_still_refused) {
    gn_error e = {0};
    char path[] = "/tmp/gneiss-cuda-XXXXXX";
    int32_t id[10];
    some_ids(id, 10);
    gpu_is(ROOMY);
    close(mkstemp(path));
    gn_engine *a = sure("cuda", false), *b = sure("cuda", true), *c = sure("cpu", true);
    gn_session *s = gn_session_new(a, &e);
    CHECK(gn_session_feed(s, id, 10, GN_READ, NULL, NULL, &e) && gn_session_save(s, path, &e));
    CHECK(!gn_session_load(b, path, &e) && strstr(e.message, "numerics") != NULL);
    CHECK(!gn_session_load(c, path, &e) && strstr(e.message, "numerics") != NULL);
    gn_session_free(s);
    gn_engine_close(a);
    gn_engine_close(b);
    gn_engine_close(c);
    unlink(path);
}

/* ---- equal bits -------------------------------------------------------------------- */

/* Logits after a text that is read in pieces of `piece`. */
static void read_cut(gn_engine *g, const int32_t *id, int n, int piece, gn_step_kind kind,
                     float *out) {
    gn_error e = {0};
    gn_session *s = gn_session_new(g, &e);
    for (int at = 0; at < n; at += piece)
        CHECK(gn_session_feed(s, id + at, n - at < piece ? n - at : piece, kind, NULL, NULL, &e));
    memcpy(out, gn_session_logits(s), (size_t)gn_engine_vocab(g) * sizeof *out);
    gn_session_free(s);
}

TEST(exact_numbers_do_not_know_how_a_text_was_cut_or_of_which_kind_it_was) {
    int32_t id[47];
    float want[512], got[512];
    some_ids(id, 47);
    gpu_is(ROOMY);
    gn_engine *g = sure("cuda", true);
    const size_t bytes = (size_t)gn_engine_vocab(g) * sizeof *want;
    read_cut(g, id, 47, 47, GN_READ, want);
    static const int pieces[] = {1, 2, 7, 16, 17, 46};
    for (int i = 0; i < 6; i++) {
        read_cut(g, id, 47, pieces[i], i % 2 ? GN_WRITE : GN_READ, got);
        CHECK(memcmp(got, want, bytes) == 0);
    }
    gn_engine_close(g);
}

typedef struct answers {
    int32_t id[5][12];
    float score[5][12];
} answers;

/* Jobs of different prompts, `together` or one by one. */
static gn_sampling how; /* greedy */

static void generate(gn_engine *g, bool together, answers *out) {
    gn_error e = {0};
    int32_t prompt[5][30];
    gn_job job[5];
    gn_job *list[5];
    for (int i = 0; i < 5; i++) {
        some_ids(prompt[i], 30);
        prompt[i][0] = 5 + i;
        job[i] = (gn_job){.prompt = prompt[i],
                          .n_prompt = 6 + 5 * i,
                          .limit = 12,
                          .ignore_eos = true,
                          .sampling = how};
        list[i] = &job[i];
    }
    if (together)
        CHECK(gn_generate(g, list, 5, NULL, &e));
    for (int i = 0; i < 5 && !together; i++)
        CHECK(gn_generate(g, list + i, 1, NULL, &e));
    for (int i = 0; i < 5; i++) {
        CHECK(job[i].error.code == GN_OK && job[i].ids.count == 12);
        for (int k = 0; k < 12; k++) {
            out->id[i][k] = job[i].ids.id[k];
            out->score[i][k] = job[i].score[k].logprob;
        }
        gn_job_release(&job[i]);
    }
}

TEST(exact_answers_made_together_are_those_made_alone_to_the_bit) {
    static answers a, b, c;
    gpu_is(ROOMY);
    gn_engine *g = sure("cuda", true), *cpu = sure("cpu", true);
    generate(g, true, &a);
    generate(g, false, &b);
    generate(cpu, true, &c);
    CHECK(memcmp(&a, &b, sizeof a) == 0);
    CHECK(memcmp(a.id, c.id, sizeof a.id) == 0);
    gn_engine_close(g);
    gn_engine_close(cpu);
}

TEST(what_is_drawn_from_the_likeliest_ids_is_what_all_of_them_give) {
    static answers a, c;
    gpu_is(ROOMY);
    gn_engine *g = sure("cuda", true), *cpu = sure("cpu", true);
    how = (gn_sampling){.temp = 0.9f, .top_k = 20, .top_p = 0.95f, .seed = 11};
    generate(g, true, &a);
    generate(cpu, true, &c);
    CHECK(memcmp(a.id, c.id, sizeof a.id) == 0);
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 12; k++)
            CHECK(fabsf(a.score[i][k] - c.score[i][k]) < 1e-4f);
    how = (gn_sampling){0};
    gn_engine_close(g);
    gn_engine_close(cpu);
}

TEST(fast_answers_are_the_cpus_and_steps_are_replayed) {
    static answers a, c;
    gpu_is(ROOMY);
    gn_engine *g = sure("cuda", false), *cpu = sure("cpu", true);
    const long before = emu.graph_launches();
    generate(g, true, &a);
    generate(cpu, true, &c);
    CHECK(memcmp(a.id, c.id, sizeof a.id) == 0);
    CHECK(!emulated() || emu.graph_launches() - before >= 8);
    gn_engine_close(g);
    gn_engine_close(cpu);
}

/* An answer of at most n tokens in a session that has read 20; what it leaves there. Its length. */
static int answer_in(gn_engine *g, int n, int32_t *id, float *logits, int64_t *count) {
    gn_error e = {0};
    int32_t prompt[20];
    some_ids(prompt, 20);
    gn_session *s = gn_session_new(g, &e);
    gn_job job = {
        .session = s, .prompt = prompt, .n_prompt = 20, .limit = n, .top = 3, .sampling = how};
    gn_job *list[] = {&job};
    CHECK(gn_generate(g, list, 1, NULL, &e) && job.ids.count <= (size_t)n);
    memcpy(id, job.ids.id, job.ids.count * sizeof *id);
    if (CHECK(gn_session_logits(s) != NULL))
        memcpy(logits, gn_session_logits(s), (size_t)gn_engine_vocab(g) * sizeof *logits);
    *count = gn_session_count(s);
    n = (int)job.ids.count;
    gn_job_release(&job);
    gn_session_free(s);
    return n;
}

static bool logits_near(const float *a, const float *b, long bytes) {
    for (long v = 0; v < bytes / (long)sizeof(float); v++)
        if (!(fabsf(a[v] - b[v]) < 1e-3f))
            return false;
    return true;
}

TEST(a_written_token_is_waited_for_once_and_brings_no_logits_along) {
    if (!emulated())
        return;
    int32_t a[40], b[40];
    float want[512], got[512];
    int64_t read;
    gpu_is(ROOMY);
    gn_engine *g = sure("cuda", true), *cpu = sure("cpu", true);
    g->n_eos = cpu->n_eos = 0;
    const long V = (long)sizeof(float) * gn_engine_vocab(g);
    static const gn_sampling ways[] = {{0}, {.temp = 0.9f, .top_k = 5, .seed = 4}};
    for (int i = 0; i < 2; i++) {
        long back[2], waits[2];
        how = ways[i];
        answer_in(g, 2, b, got, &read); /* memory to work in is there from now on */
        for (int k = 0; k < 2; k++) {   /* 30 tokens more */
            back[k] = emu.copied_back();
            waits[k] = emu.waits();
            answer_in(g, k ? 40 : 10, b, got, &read);
            back[k] = emu.copied_back() - back[k];
            waits[k] = emu.waits() - waits[k];
        }
        answer_in(cpu, 40, a, want, &read);
        CHECK(memcmp(a, b, sizeof a) == 0 && read == 60);
        CHECK(logits_near(want, got, V));
        CHECK(waits[1] - waits[0] == 30);
        CHECK(back[1] - back[0] < 30 * V); /* V is small here, and what is read is padded */
    }
    /* One that ends itself ends before its last token. */
    int n = 5;
    for (int i = 0; i < n; i++) /* one that comes for the first time */
        if (a[i] == a[n]) {
            n++;
            i = -1;
        }
    g->n_eos = cpu->n_eos = 1;
    g->eos[0] = cpu->eos[0] = a[n];
    CHECK(answer_in(g, 40, b, got, &read) == n + 1 && read == 20 + n);
    CHECK(answer_in(cpu, 40, b, want, &read) == n + 1 && read == 20 + n);
    CHECK(logits_near(want, got, V));
    how = (gn_sampling){0};
    gn_engine_close(g);
    gn_engine_close(cpu);
}

TEST(no_result_knows_the_order_of_threads) {
    static answers a, b;
    for (int seed = 0; seed < 4; seed++) {
        char setup[64];
        snprintf(setup, sizeof setup, "memory=4194304,seed=%d", seed * 3);
        gpu_is(setup);
        gn_engine *g = sure("cuda", false);
        generate(g, true, seed ? &b : &a);
        if (seed)
            CHECK(memcmp(&a, &b, sizeof a) == 0);
        gn_engine_close(g);
    }
    emu.reset();
}
