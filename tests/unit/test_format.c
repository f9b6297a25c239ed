/* test_format.c - number formats against ggml's Python package, numpy and the spec's golden blocks. */
/* floor: gn_num */
#include "core/base/rng.h"
#include "core/num/format.h"
#include "core/num/half.h"
#include "tests/check.h"

#define FIXTURE "tests/oracle/format.vec"

/* One byte per number of a fixture's row. */
static uint8_t *bytes_of(const check_vec *v) {
    uint8_t *out = malloc(v->n + 1);
    for (size_t i = 0; i < v->n; i++)
        out[i] = (uint8_t)v->i[i];
    return out;
}

/* "Q4_K.value" of format f. */
static const check_vec *of_format(const check_fixture *x, int f, const char *what) {
    char name[32];
    snprintf(name, sizeof name, "%s.%s", gn_ggml_name((uint32_t)gn_format_of(f)->ggml), what);
    return check_find(x, name);
}

TEST(every_format_unpacks_as_ggml_does_bit_for_bit) {
    check_fixture x = check_load(FIXTURE);
    for (int f = GN_F16; f < GN_FORMATS; f++) {
        const gn_format_info *info = gn_format_of(f);
        const check_vec *packed = of_format(&x, f, "packed"), *value = of_format(&x, f, "value");
        uint8_t *bytes = bytes_of(packed);
        float *out = malloc(value->n * sizeof *out);

        CHECK(packed->n / (size_t)info->bytes * (size_t)info->block == value->n);
        info->unpack(bytes, out, value->n);
        if (!CHECK(memcmp(out, value->i, value->n * sizeof *out) == 0))
            printf("    %s\n", info->name);
        free(bytes);
        free(out);
    }
    check_release(&x);
}

/* The block of spec/model.md 8.9: bytes of a small generator, d = 1, m or dmin = -1/2. */
static void golden_block(uint8_t *block, int size, int d, int m) {
    uint32_t s = 42;
    for (int k = 0; k < size; k++) {
        s = (s * 1103515245u + 12345u) & 0x7fffffffu;
        block[k] = (uint8_t)(s >> 16);
    }
    block[d] = 0x00;
    block[d + 1] = 0x3c;
    if (m >= 0) {
        block[m] = 0x00;
        block[m + 1] = 0xb8;
    }
}

typedef struct golden {
    int format, d, m;
    double sum, weighted; /* of v_i, and of (i + 1) v_i */
    int at[4];
    float value[4];
} golden;

static const golden golden_vector[] = {
    {GN_Q4_0, 0, -1, -75, -1039, {0, 15, 16, 31}, {-3, 3, 2, -8}},
    {GN_Q4_1, 0, 2, 173, 3244, {0, 1, 16, 31}, {-0.5f, 4.5f, 1.5f, 13.5f}},
    {GN_Q5_0, 0, -1, -91, -1558, {0, 1, 16, 31}, {13, -12, -10, -3}},
    {GN_Q5_1, 0, 2, 375, 7061, {0, 15, 16, 31}, {0.5f, -0.5f, 21.5f, 26.5f}},
    {GN_Q8_0, 0, -1, -68, -3091, {0, 1, 16, 31}, {-91, 117, -73, -27}},
    {GN_IQ4_NL, 0, -1, -1014, -14074, {0, 15, 16, 31}, {-35, 38, 25, -127}},
    {GN_Q2_K, 80, 82, 2996, 354644, {0, 127, 200, 255}, {13, 12, 35, 1.5f}},
    {GN_Q3_K, 108, -1, 574, -25322, {0, 32, 127, 255}, {27, 24, 14, -81}},
    {GN_Q4_K, 0, 2, 43257, 5450825, {0, 32, 200, 255}, {176.5f, 20.5f, 223.5f, 449.5f}},
    {GN_Q5_K, 0, 2, 90816, 11581234, {0, 127, 200, 255}, {720.5f, 73, 454.5f, 609.5f}},
    {GN_Q6_K, 208, -1, -38285, -4239142, {0, 15, 128, 255}, {-1242, -864, 1025, 363}},
    {GN_IQ4_XS, 0, -1, -550, -2196925, {0, 32, 127, 255}, {1664, -1246, -88, -424}},
};

TEST(every_format_gives_the_specs_golden_values) {
    for (size_t k = 0; k < sizeof golden_vector / sizeof *golden_vector; k++) {
        const golden *g = &golden_vector[k];
        const gn_format_info *info = gn_format_of(g->format);
        uint8_t block[256];
        float v[256];
        double sum = 0, weighted = 0;

        golden_block(block, info->bytes, g->d, g->m);
        info->unpack(block, v, (size_t)info->block);
        for (int i = 0; i < info->block; i++) {
            sum += (double)v[i];
            weighted += (i + 1) * (double)v[i];
        }
        bool ok = CHECK(sum == g->sum) && CHECK(weighted == g->weighted);
        for (int i = 0; i < 4; i++)
            ok = CHECK(v[g->at[i]] == g->value[i]) && ok;
        if (!ok)
            printf("    %s\n", info->name);
    }
}

/* FNV-1a, the digest of the fixture's halves. */
static uint64_t fnv(uint64_t h, const void *data, size_t n) {
    const uint8_t *p = data;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}
static const uint64_t fnv_start = 0xcbf29ce484222325u;

static bool digest_is(const check_fixture *x, const char *name, uint64_t h) {
    const check_vec *v = check_find(x, name);
    uint64_t want = 0;
    for (int i = 0; i < 4; i++)
        want |= (uint64_t)v->i[i] << (16 * i);
    return h == want;
}

TEST(all_65536_halves_widen_as_numpy_does) {
    check_fixture x = check_load(FIXTURE);
    uint64_t f16 = fnv_start, bf16 = fnv_start;
    for (uint32_t h = 0; h < 65536; h++) {
        float v = gn_f16_to_f32((uint16_t)h);
        uint32_t bits = gn_f32_bits(v);
        if (isnan(v))
            bits |= 0x400000u;
        f16 = fnv(f16, &bits, 4);
        bits = gn_f32_bits(gn_bf16_to_f32((uint16_t)h));
        bf16 = fnv(bf16, &bits, 4);
    }
    CHECK(digest_is(&x, "half.f16", f16));
    CHECK(digest_is(&x, "half.bf16", bf16));
    check_release(&x);
}

TEST(a_million_floats_narrow_as_numpy_does) {
    check_fixture x = check_load(FIXTURE);
    uint64_t f16 = fnv_start, bf16 = fnv_start;
    for (uint32_t i = 0; i < 1u << 20; i++) {
        float v = gn_f32_from_bits(i * 2654435761u);
        uint16_t h = gn_f32_to_f16(v), b = gn_f32_to_bf16(v);
        if (!isnan(v))
            f16 = fnv(f16, &h, 2);
        bf16 = fnv(bf16, &b, 2);
    }
    CHECK(digest_is(&x, "half.to_f16", f16));
    CHECK(digest_is(&x, "half.to_bf16", bf16));
    check_release(&x);
}

TEST(narrowing_rounds_to_even_at_the_edges) {
    check_fixture x = check_load(FIXTURE);
    const check_vec *edge = check_find(&x, "half.edge");
    const check_vec *f16 = check_find(&x, "half.edge_f16"),
                    *bf16 = check_find(&x, "half.edge_bf16");
    for (size_t i = 0; i < edge->n; i++) {
        float v = gn_f32_from_bits((uint32_t)edge->i[i]);
        if (!CHECK(gn_f32_to_f16(v) == f16->i[i]) || !CHECK(gn_f32_to_bf16(v) == bf16->i[i]))
            printf("    %a\n", (double)v);
    }
    check_release(&x);
}

TEST(a_nan_stays_a_nan_in_sixteen_bits) {
    static const uint32_t nan[] = {0x7fc00000u, 0x7f800001u, 0xff800001u, 0x7fffffffu, 0xffffe000u};
    for (size_t i = 0; i < sizeof nan / sizeof *nan; i++) {
        CHECK(isnan(gn_f16_to_f32(gn_f32_to_f16(gn_f32_from_bits(nan[i])))));
        CHECK(isnan(gn_bf16_to_f32(gn_f32_to_bf16(gn_f32_from_bits(nan[i])))));
    }
}

TEST(a_format_is_found_by_its_number_and_its_name) {
    for (int f = 0; f < GN_FORMATS; f++) {
        const gn_format_info *info = gn_format_of(f);
        CHECK(gn_format_of_ggml((uint32_t)info->ggml) == f);
        CHECK(gn_format_by_name(info->name) == f);
        CHECK(strstr(gn_format_list(), gn_ggml_name((uint32_t)info->ggml)) != NULL);
        CHECK(gn_row_bytes(f, 512) == (size_t)(512 / info->block * info->bytes));
    }
    CHECK(gn_format_of_ggml(16) == -1 && gn_format_of_ggml(4) == -1 &&
          gn_format_of_ggml(UINT32_MAX) == -1);
    CHECK_TEXT(gn_ggml_name(16), "IQ2_XXS");
    CHECK(gn_ggml_name(4) == NULL && gn_ggml_name(1000) == NULL &&
          gn_ggml_name(UINT32_MAX) == NULL);
    CHECK(gn_format_by_name("q9_z") == -1);
}

TEST(simple_formats_pack_as_ggml_does_byte_for_byte) {
    static const int formats[] = {GN_F16, GN_BF16, GN_Q8_0, GN_Q4_0, GN_Q4_1, GN_Q5_0, GN_Q5_1};
    check_fixture x = check_load(FIXTURE);
    for (size_t k = 0; k < sizeof formats / sizeof *formats; k++) {
        const gn_format_info *info = gn_format_of(formats[k]);
        const check_vec *in = of_format(&x, formats[k], "in"),
                        *want = of_format(&x, formats[k], "out");
        uint8_t *got = malloc(want->n), *bytes = bytes_of(want);
        float *v = malloc(in->n * sizeof *v);
        memcpy(v, in->i, in->n * sizeof *v);

        CHECK(in->n / (size_t)info->block * (size_t)info->bytes == want->n);
        info->pack(v, got, in->n);
        if (!CHECK(memcmp(got, bytes, want->n) == 0))
            printf("    %s\n", info->name);
        free(got);
        free(bytes);
        free(v);
    }
    check_release(&x);
}

/* n numbers from a normal distribution. */
static void normal(float *out, int n) {
    for (int i = 0; i < n; i++) {
        const double u = 1 - (double)gn_uniform(7, 2 * (uint64_t)i);
        const double v = (double)gn_uniform(7, 2 * (uint64_t)i + 1);
        out[i] = (float)(0.02 * sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
    }
}

/* Root mean square of what packing loses, as a part of the weights'. */
static double loss(int f, const float *x, int n) {
    const gn_format_info *info = gn_format_of(f);
    uint8_t *packed = malloc(gn_row_bytes(f, n));
    float *back = malloc((size_t)n * sizeof *back);
    double lost = 0, whole = 0;
    info->pack(x, packed, (size_t)n);
    info->unpack(packed, back, (size_t)n);
    for (int i = 0; i < n; i++) {
        lost += (double)(x[i] - back[i]) * (double)(x[i] - back[i]);
        whole += (double)x[i] * (double)x[i];
    }
    free(packed);
    free(back);
    return sqrt(lost / whole);
}

/* The bounds are what ggml's own packing loses on normal weights (libggml 0.25, no importance
 * matrix): 0.29671, 0.15098, 0.07137, 0.03613, 0.01778, 0.07618, 0.07678. */
TEST(searched_formats_lose_less_than_ggml_on_normal_weights) {
    static const struct {
        int format;
        double most;
    } bound[] = {{GN_Q2_K, 0.264},  {GN_Q3_K, 0.1450},   {GN_Q4_K, 0.0710},  {GN_Q5_K, 0.0350},
                 {GN_Q6_K, 0.0172}, {GN_IQ4_NL, 0.0742}, {GN_IQ4_XS, 0.0748}};
    enum { N = 256 * 512 };
    float *x = malloc(N * sizeof *x);
    normal(x, N);
    for (size_t k = 0; k < sizeof bound / sizeof *bound; k++) {
        const double lost = loss(bound[k].format, x, N);
        printf("    %-6s %.5f\n", gn_format_of(bound[k].format)->name, lost);
        CHECK(lost < bound[k].most);
    }
    free(x);
}

TEST(any_block_of_numbers_can_be_packed) {
    static const float odd[] = {0,        -0.0f,     1e-45f,     -1e-38f, 1e-6f, -65504, 65536,
                                -3.4e38f, HUGE_VALF, -HUGE_VALF, NAN,     1,     -1};
    enum { KINDS = sizeof odd / sizeof *odd };
    float x[256], back[256];
    uint8_t packed[1024];
    for (int f = 0; f < GN_FORMATS; f++)
        for (int k = 0; k < 2 * KINDS; k++) {
            for (int i = 0; i < 256; i++) /* all alike, then one among others */
                x[i] = k < KINDS || i == 77 ? odd[k % KINDS] : (float)(i % 7 - 3) / 50;
            gn_format_of(f)->pack(x, packed, 256);
            gn_format_of(f)->unpack(packed, back, 256);
            if (k == 0)
                CHECK_SAME(back, x, 256);
        }
}

TEST(an_outlier_does_not_drown_the_other_groups) {
    enum { N = 256 };
    float x[N], back[N];
    uint8_t packed[256];
    normal(x, N);
    x[100] = 1.0f;
    for (int f = GN_Q3_K; f <= GN_Q6_K; f++) {
        gn_format_of(f)->pack(x, packed, N);
        gn_format_of(f)->unpack(packed, back, N);
        CHECK(fabsf(back[100] - 1.0f) < 0.05f);
        double lost = 0;
        for (int i = 128; i < N; i++)
            lost += (double)((x[i] - back[i]) * (x[i] - back[i]));
        CHECK(sqrt(lost / 128) < 0.01); /* half of the weights' own 0.02 */
    }
}
