/* test_quantize.c - sizes, formats, numbers and keys of files that gn_quantize() writes. */
/* floor: gn_core */
#include "core/file/gguf_write.h"
#include "core/gneiss.h"
#include "core/recipe.h"
#include "tests/check.h"
#include "tests/unit/temporary.h"

#define MODELS "tests/oracle/models/"

/* ---- sizes ----------------------------------------------------------------------- */

/* A model by its widths, as its config.json has them. */
typedef struct shape {
    const char *name;
    int hidden, layers, attention[4], q_heads, kv_heads, ff, ssm_heads, ssm_head_dim;
    size_t q4_0, q4_k_m, q5_k_m, q8_0; /* bytes of the published files; 0: not known */
} shape;

static const shape published[] = {
    {"h-350m",
     768,
     32,
     {10, 13, 17, 27},
     12,
     4,
     2048,
     48,
     32,
     216073120,
     222662560,
     252331936,
     366195616},
    {"h-1b", 1536, 40, {5, 15, 25, 35}, 12, 4, 4096, 48, 64, 868316384, 901162208, 1048556768, 0},
    {"h-micro",
     2048,
     40,
     {5, 15, 25, 35},
     32,
     8,
     8192,
     64,
     64,
     1855516320,
     1942564512,
     2273455776,
     0},
    {"350m", 1024, 28, {-1}, 16, 4, 2048, 0, 0, 228470176, 236985760, 264052128, 0},
};
enum { PUBLISHED = sizeof published / sizeof *published };

static size_t one(const gn_recipe *r, const gn_recipe_model *m, int layer, const char *name,
                  int64_t rows, int64_t cols) {
    char full[64];
    const int64_t dim[] = {rows, cols};
    if (layer < 0)
        snprintf(full, sizeof full, "%s", name);
    else
        snprintf(full, sizeof full, "blk.%d.%s", layer, name);
    const int format = gn_recipe_format(r, m, gn_slice_of(full), 2, dim);
    const size_t bytes = (size_t)rows * gn_row_bytes(format, cols);
    return (bytes + 31) / 32 * 32;
}

static bool attends(const shape *s, int layer) {
    if (s->attention[0] < 0)
        return true;
    for (int i = 0; i < 4; i++)
        if (s->attention[i] == layer)
            return true;
    return false;
}

/* Bytes of the matrices; vectors weigh the same in every file. */
static size_t matrices(const shape *s, const char *type) {
    gn_error e = {0};
    gn_config c = {.layers = s->layers, .q_heads = s->q_heads, .kv_heads = s->kv_heads};
    const gn_recipe *r = gn_recipe_find(type, &e);
    for (int l = 0; l < s->layers; l++)
        c.mixer[l] = attends(s, l) ? GN_ATTENTION : GN_MAMBA;
    const gn_recipe_model m = gn_recipe_model_of(&c, true);
    const int D = s->hidden, I = s->ssm_heads * s->ssm_head_dim, K = D / s->q_heads * s->kv_heads;
    size_t sum = one(r, &m, -1, "token_embd.weight", 100352, D);
    for (int l = 0; l < s->layers; l++) {
        if (attends(s, l))
            sum += one(r, &m, l, "attn_q.weight", D, D) + one(r, &m, l, "attn_k.weight", K, D) +
                   one(r, &m, l, "attn_v.weight", K, D) + one(r, &m, l, "attn_output.weight", D, D);
        else
            sum += one(r, &m, l, "ssm_in.weight", 2 * I + 256 + s->ssm_heads, D) +
                   one(r, &m, l, "ssm_out.weight", D, I);
        sum += one(r, &m, l, "ffn_gate.weight", s->ff, D) +
               one(r, &m, l, "ffn_up.weight", s->ff, D) +
               one(r, &m, l, "ffn_down.weight", D, s->ff);
    }
    return sum;
}

/* Files of one model differ in their matrices alone. */
TEST(files_differ_by_as_many_bytes_as_the_published_ones) {
    for (int i = 0; i < PUBLISHED; i++) {
        const shape *s = &published[i];
        const size_t base = matrices(s, "q4_0");
        const bool ok = CHECK(matrices(s, "q4_k_m") - base == s->q4_k_m - s->q4_0) &&
                        CHECK(matrices(s, "q5_k_m") - base == s->q5_k_m - s->q4_0) &&
                        (!s->q8_0 || CHECK(matrices(s, "q8_0") - base == s->q8_0 - s->q4_0));
        if (!ok)
            printf("  %s: q4_k_m %zd for %zd, q5_k_m %zd for %zd\n", s->name,
                   matrices(s, "q4_k_m") - base, s->q4_k_m - s->q4_0, matrices(s, "q5_k_m") - base,
                   s->q5_k_m - s->q4_0);
    }
}

TEST(a_type_is_found_in_any_case_and_a_wrong_one_gets_the_list) {
    gn_error e = {0};
    CHECK(gn_recipe_find("Q4_K_M", &e) && gn_recipe_find("bf16", &e));
    CHECK(!gn_recipe_find("q4_k_x", &e) && e.code == GN_INVALID && strstr(e.message, "q4_k_m"));
    CHECK(!gn_recipe_find("q4_k", &e) && !gn_recipe_find("", &e));
}

/* ---- whole files ------------------------------------------------------------------- */

static bool quantized(const char *in, const char *out, const char *type, gn_quantized *said,
                      gn_error *e) {
    const gn_quantize_options o = {.type = type, .threads = 2};
    return gn_quantize(in, out, &o, said, e);
}

enum { READ = 24 };

/* Logits after READ tokens. */
static float *logits_of(const char *path, int *vocab) {
    const gn_engine_options o = {.exact = true, .threads = 2, .ctx = 64};
    gn_error e = {0};
    gn_engine *g = gn_engine_open(path, &o, &e);
    if (!CHECK(g != NULL)) {
        printf("  %s\n", e.message);
        exit(1);
    }
    const int V = *vocab = gn_engine_vocab(g);
    int32_t id[READ];
    for (int i = 0; i < READ; i++)
        id[i] = (int32_t)(gn_splitmix64(77 + (uint64_t)i) % (uint64_t)V);
    gn_session *s = gn_session_new(g, &e);
    float *out = malloc((size_t)V * sizeof *out);
    CHECK(gn_session_feed(s, id, READ, GN_READ, NULL, NULL, &e));
    memcpy(out, gn_session_logits(s), (size_t)V * sizeof *out);
    gn_session_free(s);
    gn_engine_close(g);
    return out;
}

TEST(a_folder_written_in_f32_gives_the_same_logits) {
    static const char *const kind[] = {"hybrid_dense",
                                       "hybrid_moe",
                                       "hybrid_mamba_moe",
                                       "hybrid_attention",
                                       "hybrid_attention_moe",
                                       "granite",
                                       "granitemoe",
                                       "granitemoeshared",
                                       "llama",
                                       "llama3"};
    for (size_t k = 0; k < sizeof kind / sizeof *kind; k++) {
        char in[128], out[160];
        gn_error e = {0};
        gn_quantized said;
        int V, W;
        snprintf(in, sizeof in, MODELS "%s", kind[k]);
        snprintf(out, sizeof out, "%s", in_folder("f32.gguf"));
        if (!CHECK(quantized(in, out, "f32", &said, &e))) {
            printf("  %s\n", e.message);
            continue;
        }
        CHECK_TEXT(gn_str_text(&said.warnings), "");
        float *a = logits_of(in, &V), *b = logits_of(out, &W);
        if (CHECK(V == W) && !CHECK_NEAR(b, a, (size_t)V, 1e-5f))
            printf("  %s\n", kind[k]);
        free(a);
        free(b);
        gn_quantized_release(&said);
        remove(out);
    }
}

TEST(what_a_gguf_cannot_say_is_refused_by_name) {
    static const char *const kind[][2] = {{"hybrid_mamba", "time_step_limit"},
                                          {"hybrid_rope", "mamba_proj_bias"},
                                          {"bamba", "partial_rotary_factor"}};
    for (int k = 0; k < 3; k++) {
        char in[128];
        gn_error e = {0};
        gn_quantized said;
        snprintf(in, sizeof in, MODELS "%s", kind[k][0]);
        const char *out = in_folder("refused.gguf");
        CHECK(!quantized(in, out, "f32", &said, &e) && e.code == GN_UNSUPPORTED);
        CHECK(strstr(e.message, kind[k][1]) != NULL);
        CHECK(!gn_path_exists(out));
        gn_quantized_release(&said);
    }
}

/* A llama of 256 wide rows, so that every format has whole blocks. */
static const char *wide_source(void) {
    enum { D = 256, V = 64, LAYERS = 2 };
    static const struct {
        const char *name;
        int64_t rows;
    } layer[] = {{"attn_norm", 0},  {"attn_q", D},      {"attn_k", D / 2},
                 {"attn_v", D / 2}, {"attn_output", D}, {"ffn_norm", 0},
                 {"ffn_gate", D},   {"ffn_up", D},      {"ffn_down", D}};
    static char path[256];
    gn_error e = {0};
    uint64_t dice = 5;
    snprintf(path, sizeof path, "%s", in_folder("wide.gguf"));
    if (gn_path_exists(path))
        return path;
    gn_gguf *g = gn_gguf_new(path, &e);
    gn_gguf_text(g, "general.architecture", GN_S("llama"));
    gn_gguf_u32(g, "general.file_type", 0);
    gn_gguf_text(g, "made.by", GN_S("a test"));
    gn_gguf_u32(g, "llama.block_count", LAYERS);
    gn_gguf_u32(g, "llama.context_length", 128);
    gn_gguf_u32(g, "llama.embedding_length", D);
    gn_gguf_u32(g, "llama.feed_forward_length", D);
    gn_gguf_u32(g, "llama.attention.head_count", 8);
    gn_gguf_u32(g, "llama.attention.head_count_kv", 4);
    gn_gguf_f32(g, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    gn_gguf_u32(g, "llama.vocab_size", V);
    gn_gguf_tensor(g, GN_S("token_embd.weight"), GN_F32, 2, (int64_t[]){V, D});
    gn_gguf_tensor(g, GN_S("output_norm.weight"), GN_F32, 1, (int64_t[]){D});
    int64_t count = V * D + D;
    for (int l = 0; l < LAYERS; l++)
        for (int i = 0; i < 9; i++) {
            char name[64];
            snprintf(name, sizeof name, "blk.%d.%s.weight", l, layer[i].name);
            const int64_t rows = layer[i].rows;
            gn_gguf_tensor(g, gn_slice_of(name), GN_F32, rows ? 2 : 1,
                           rows ? (int64_t[]){rows, D} : (int64_t[]){D});
            count += (rows ? rows : 1) * D;
        }
    bool ok = gn_gguf_begin(g, &e);
    for (int64_t i = 0; ok && i < count; i++) {
        const float v = (float)((double)(gn_splitmix64(dice++) >> 40) / 16777216.0 - 0.5) * 0.2f;
        ok = gn_gguf_data(g, &v, sizeof v, &e);
    }
    CHECK(ok && gn_gguf_commit(g, &e));
    return path;
}

/* What a tensor of the file says, against packing and unpacking the source's numbers. */
static void check_tensor(const gn_tensor *was, const gn_tensor *is) {
    const gn_format_info *f = gn_format_of(is->format);
    const size_t n = was->bytes / sizeof(float);
    float *got = malloc(n * sizeof *got), *want = malloc(n * sizeof *want);
    uint8_t *packed = malloc(is->bytes);
    f->unpack(is->data, got, n);
    f->pack((const float *)(const void *)was->data, packed, n);
    f->unpack(packed, want, n);
    if (!CHECK_SAME(got, want, n))
        printf("  %.*s\n", (int)was->name.len, was->name.data);
    free(got);
    free(want);
    free(packed);
}

TEST(every_type_opens_runs_and_holds_the_packed_numbers) {
    static const char *const type[] = {"f32",    "f16",    "bf16",   "q8_0",   "q4_0",
                                       "q4_1",   "q5_0",   "q5_1",   "q2_k",   "q3_k_s",
                                       "q3_k_m", "q3_k_l", "q4_k_s", "q4_k_m", "q5_k_s",
                                       "q5_k_m", "q6_k",   "iq4_nl", "iq4_xs"};
    char out[256];
    snprintf(out, sizeof out, "%s", in_folder("typed.gguf"));
    for (size_t k = 0; k < sizeof type / sizeof *type; k++) {
        gn_error e = {0};
        gn_quantized said;
        int V, W, written = 0;
        if (!CHECK(quantized(wide_source(), out, type[k], &said, &e))) {
            printf("  %s: %s\n", type[k], e.message);
            continue;
        }
        gn_tensors *a = gn_tensors_open(wide_source(), &e), *b = gn_tensors_open(out, &e);
        CHECK(gn_tensors_count(a) == gn_tensors_count(b));
        for (int i = 0; i < gn_tensors_count(a); i++)
            check_tensor(gn_tensors_at(a, i), gn_tensors_at(b, i));
        for (int i = 0; gn_quantized_format(i); i++)
            written += said.tensors[i];
        CHECK(written == gn_tensors_count(b) && said.requantised == 0);
        const gn_value *keys = gn_tensors_keys(b);
        CHECK(gn_slice_is(gn_value_text(gn_value_get(keys, GN_S("made.by"))), "a test"));
        int64_t file_type = -1;
        CHECK(gn_value_to_integer(gn_value_get(keys, GN_S("general.file_type")), &file_type) &&
              file_type == gn_recipe_find(type[k], &e)->file_type);
        gn_tensors_close(a);
        gn_tensors_close(b);
        float *before = logits_of(wide_source(), &V), *after = logits_of(out, &W);
        double apart = 0, all = 0;
        for (int i = 0; i < V; i++) {
            apart += pow((double)(before[i] - after[i]), 2);
            all += pow((double)before[i], 2);
        }
        if (!CHECK(V == W && apart < 0.5 * all))
            printf("  %s: %g of %g\n", type[k], apart, all);
        free(before);
        free(after);
        gn_quantized_release(&said);
    }
}

TEST(narrow_rows_take_the_next_format_they_fit) {
    gn_error e = {0};
    gn_config c = {.layers = 1, .q_heads = 4, .kv_heads = 4, .mixer = {GN_ATTENTION}};
    const gn_recipe_model m = gn_recipe_model_of(&c, false);
    static const struct {
        const char *type;
        int at_32, at_24;
    } want[] = {{"q4_k_s", GN_Q5_0, GN_F16}, {"q5_k_s", GN_Q5_1, GN_F16},
                {"q6_k", GN_Q8_0, GN_F16},   {"q3_k_s", GN_Q4_0, GN_F16},
                {"q2_k", GN_Q4_0, GN_F16},   {"iq4_xs", GN_IQ4_NL, GN_F16},
                {"q4_0", GN_Q4_0, GN_F16},   {"bf16", GN_BF16, GN_BF16}};
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        const gn_recipe *r = gn_recipe_find(want[k].type, &e);
        CHECK(gn_recipe_format(r, &m, GN_S("blk.0.ffn_up.weight"), 2, (int64_t[]){8, 32}) ==
              want[k].at_32);
        CHECK(gn_recipe_format(r, &m, GN_S("blk.0.ffn_up.weight"), 2, (int64_t[]){8, 24}) ==
              want[k].at_24);
        CHECK(gn_recipe_format(r, &m, GN_S("blk.0.ffn_norm.weight"), 1, (int64_t[]){256}) ==
              GN_F32);
        CHECK(gn_recipe_format(r, &m, GN_S("blk.0.ffn_gate_inp.weight"), 2, (int64_t[]){8, 256}) ==
              GN_F32);
    }
}

static bool stop_halfway(void *user, size_t done, size_t all) {
    ++*(int *)user;
    return done * 2 < all;
}

TEST(stopped_halfway_it_leaves_nothing_behind_and_what_was_there) {
    gn_error e = {0};
    gn_quantized said;
    int calls = 0;
    const gn_quantize_options o = {
        .type = "q4_0", .threads = 1, .progress = stop_halfway, .user = &calls};
    CHECK(!gn_quantize(wide_source(), in_folder("stopped.gguf"), &o, &said, &e));
    CHECK(e.code == GN_CANCELLED && calls > 1 && files_like("stopped*") == 0);
    gn_quantized_release(&said);
    put("kept.gguf", "old", 3);
    e = (gn_error){0};
    CHECK(!gn_quantize(wide_source(), in_folder("kept.gguf"), &o, &said, &e));
    gn_str old = {0};
    CHECK(gn_file_read(&old, in_folder("kept.gguf"), 0, &e) && files_like("kept*") == 1);
    CHECK_TEXT(gn_str_text(&old), "old");
    gn_str_release(&old);
    gn_quantized_release(&said);
}

TEST(the_source_is_not_written_over) {
    gn_error e = {0};
    gn_quantized said;
    CHECK(!quantized(wide_source(), wide_source(), "q4_0", &said, &e) && e.code == GN_INVALID);
    gn_quantized_release(&said);
}

/* ---- divergence ---------------------------------------------------------------------- */

static bool keep(void *user, int i, const gn_score_answer *answer) {
    (void)i;
    *(double *)user = answer->logprob;
    return true;
}

static int64_t diverged(gn_engine *a, gn_engine *b, const int32_t *id, int n, gn_divergence *out,
                        gn_divergence_token *token) {
    gn_error e = {0};
    const int64_t count = gn_diverge(a, b, id, n, 32, NULL, NULL, token, &e);
    return count >= 0 && gn_divergence_of(token, count, out, &e) ? count : -1;
}

TEST(a_model_does_not_diverge_from_itself_and_does_from_a_coarser_one) {
    gn_error e = {0};
    gn_quantized said;
    const gn_engine_options o = {.exact = true, .threads = 2, .batch_tokens = 20};
    const char *coarse = in_folder("coarse.gguf");
    CHECK(quantized(wide_source(), coarse, "q2_k", &said, &e));
    gn_engine *a = gn_engine_open(wide_source(), &o, &e), *b = gn_engine_open(coarse, &o, &e);
    int32_t id[70];
    gn_divergence same, apart, cut;
    gn_divergence_token token[70], answer[40];
    for (int i = 0; i < 70; i++)
        id[i] = (int32_t)(gn_splitmix64(3 + (uint64_t)i) % 64);
    /* without a prefix token the first of each window is context */
    CHECK(diverged(a, a, id, 70, &same, token) == 31 + 31 + 5 && same.tokens == 67);
    CHECK(diverged(a, b, id, 70, &apart, token) == 67 && token[31].pos == 33 &&
          token[31].id == id[33]);
    CHECK(diverged(a, b, id, 32, &cut, token) == 31);
    CHECK(same.kl_mean < 1e-9 && same.same_top == 1 && same.ppl_a == same.ppl_b);
    CHECK(same.ratio == 1 && same.rms_dp == 0);
    CHECK(apart.kl_mean > 1e-6 && apart.kl_p99 >= apart.kl_mean && apart.ppl_a == same.ppl_a);

    /* an answer after a context is the rest of a window; the context spans two steps */
    CHECK(gn_diverge_answer(a, b, id, 25, id + 25, 7, NULL, NULL, answer, &e));
    for (int i = 0; i < 7; i++)
        CHECK(answer[i].pos == i && answer[i].id == id[25 + i] &&
              answer[i].kl == token[24 + i].kl && answer[i].lp_a == token[24 + i].lp_a &&
              answer[i].lp_b == token[24 + i].lp_b);

    /* the perplexity is that of scoring the same windows */
    gn_score_request r = {.context = id, .n_context = 1, .token = id + 1, .n_token = 31};
    gn_score_stats stats;
    double sum = 0;
    const gn_score_hooks h = {.answer = keep, .user = &sum};
    CHECK(gn_score(a, &r, 1, true, &h, &stats, &e));
    CHECK(fabs(exp(-sum / 31) / cut.ppl_a - 1) < 1e-5);
    gn_engine_close(a);
    gn_engine_close(b);
    gn_quantized_release(&said);
}
