/* test_gguf.c - GGUF: files the Python package wrote, and files nobody should. */
/* floor: gn_file */
#include "core/base/clock.h"
#include "core/file/tensors.h"
#include "tests/check.h"
#include "tests/unit/temporary.h"

#define FILES "tests/oracle/files/"

enum { U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 };

/* Bytes put together by hand, so that each can be wrong. */
static gn_str out;

static void u(uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++)
        gn_str_putc(&out, (char)(v >> (8 * i)));
}
static void text(const char *s) {
    u(strlen(s), 8);
    gn_str_puts(&out, s);
}
static void start(uint32_t version, uint64_t tensors, uint64_t keys) {
    gn_str_cut(&out, 0);
    gn_str_puts(&out, "GGUF");
    u(version, 4);
    u(tensors, 8);
    u(keys, 8);
}
static void key(const char *name, uint32_t type, uint64_t value, int bytes) {
    text(name);
    u(type, 4);
    u(value, bytes);
}
static void tensor(const char *name, int dims, const uint64_t *dim, uint32_t type, uint64_t at) {
    text(name);
    u((uint64_t)dims, 4);
    for (int i = 0; i < dims && i < 8; i++)
        u(dim[i], 8);
    u(type, 4);
    u(at, 8);
}
/* Zeros up to the data section, and n bytes of it. */
static void data(size_t align, size_t n) {
    while (out.len % align)
        u(0, 1);
    for (size_t i = 0; i < n; i++)
        u(0, 1);
}

/* Opening what was put together fails with this code and a message that holds `words`. */
static void refused_file(const char *path, gn_code code, const char *words, int line) {
    gn_error e = {0};
    gn_tensors *t = gn_tensors_open(path, &e);
    if (!CHECK(t == NULL) || !CHECK(e.code == code) || !CHECK(strstr(e.message, words) != NULL))
        printf("    line %d: code %d, want '%s'\n    '%s'\n", line, (int)e.code, words, e.message);
    gn_tensors_close(t);
}
static void refused_here(gn_code code, const char *words, int line) {
    put("x.gguf", out.data, out.len);
    refused_file(in_folder("x.gguf"), code, words, line);
}
#define REFUSED(code, words)            refused_here(code, words, __LINE__)
#define REFUSED_FILE(path, code, words) refused_file(path, code, words, __LINE__)

static gn_tensors *opened(const char *path) {
    gn_error e = {0};
    gn_tensors *t = gn_tensors_open(path, &e);
    if (!CHECK(t != NULL))
        printf("    %s\n", e.message);
    return t;
}

static void is_number(const gn_tensors *t, const char *name, int n, int format, int dims,
                      const int64_t *dim) {
    const gn_tensor *one = gn_tensors_find(t, gn_slice_of(name));
    float v[128];
    if (!CHECK(one != NULL) || !CHECK(one->format == format) || !CHECK(one->dims == dims))
        return;
    size_t count = 1;
    for (int i = 0; i < dims; i++) {
        CHECK(one->dim[i] == dim[i]);
        count *= (size_t)one->dim[i];
    }
    gn_format_of(format)->unpack(one->data, v, count);
    for (size_t i = 0; i < count; i++)
        CHECK(fabsf(v[i] - (float)((7 * (int)i + 3 * n) % 23 - 11) / 8) <=
              (format == GN_Q8_0 ? 0.006f : 0));
}

TEST(a_file_of_the_python_package_is_read) {
    gn_tensors *t = opened(FILES "model.gguf");
    if (!t)
        return;
    CHECK(gn_tensors_container(t) == GN_GGUF && gn_tensors_count(t) == 3);
    is_number(t, "a.weight", 0, GN_F32, 2, (int64_t[]){3, 4});
    is_number(t, "b.weight", 1, GN_Q8_0, 2, (int64_t[]){2, 64});
    is_number(t, "c.weight", 2, GN_F16, 3, (int64_t[]){2, 3, 4});

    const gn_value *k = gn_tensors_keys(t);
    int64_t i;
    double d;
    CHECK(
        gn_slice_is(gn_value_text(gn_value_get(k, GN_S("general.architecture"))), "granitehybrid"));
    CHECK(gn_value_to_integer(gn_value_get(k, GN_S("u32")), &i) && i == 4000000000);
    CHECK(gn_value_to_integer(gn_value_get(k, GN_S("i8")), &i) && i == -5);
    CHECK(gn_value_to_integer(gn_value_get(k, GN_S("i64")), &i) && i == -(INT64_C(1) << 62));
    CHECK(!gn_value_to_integer(gn_value_get(k, GN_S("u64")), &i));
    CHECK(gn_value_to_number(gn_value_get(k, GN_S("u64")), &d) && d == 0x1p63);
    CHECK(gn_value_to_number(gn_value_get(k, GN_S("f32")), &d) && d == (double)0.1f);
    CHECK(gn_value_to_number(gn_value_get(k, GN_S("f64")), &d) && d == 0.1);
    CHECK(gn_value_is(gn_value_get(k, GN_S("yes")), GN_BOOL) &&
          gn_value_get(k, GN_S("yes"))->boolean);
    CHECK(gn_slice_is(gn_value_text(gn_value_get(k, GN_S("text"))), "grüße"));

    const gn_value *words = gn_value_get(k, GN_S("words"));
    CHECK(gn_value_count(words) == 3 && gn_slice_is(gn_value_text(gn_value_at(words, 2)), "Ġb") &&
          gn_value_is(gn_value_at(words, 1), GN_STRING) &&
          gn_value_text(gn_value_at(words, 1)).len == 0);
    const gn_value *heads = gn_value_get(k, GN_S("heads"));
    CHECK(gn_value_count(heads) == 3 && gn_value_to_integer(gn_value_at(heads, 1), &i) && i == 4);
    CHECK(gn_value_to_number(gn_value_at(gn_value_get(k, GN_S("scores")), 1), &d) && d == -1);
    gn_tensors_close(t);
}

TEST(a_split_model_is_read_by_its_first_part) {
    gn_tensors *t = opened(FILES "split-00001-of-00002.gguf");
    if (!t)
        return;
    CHECK(gn_tensors_count(t) == 3 && gn_tensors_path(t, 1) && !gn_tensors_path(t, 2));
    is_number(t, "one", 0, GN_F32, 2, (int64_t[]){8, 2});
    is_number(t, "three", 2, GN_F32, 1, (int64_t[]){4});
    CHECK(gn_value_get(gn_tensors_keys(t), GN_S("text")) != NULL);
    gn_tensors_close(t);
    REFUSED_FILE(FILES "split-00002-of-00002.gguf", GN_INVALID,
                 "open the first, '" FILES "split-00001-of-00002.gguf'");
}

static void put_part(const char *name, uint64_t no, uint64_t count, uint64_t total) {
    start(3, 1, 3);
    key("split.no", U16, no, 2);
    key("split.count", U16, count, 2);
    key("split.tensors.count", I32, total, 4);
    tensor(no ? "b" : "a", 1, (uint64_t[]){4}, 0, 0);
    data(32, 16);
    put(name, out.data, out.len);
}

TEST(parts_that_do_not_fit_together_are_refused) {
    put_part("m-00001-of-00002.gguf", 0, 2, 2);
    REFUSED_FILE(in_folder("m-00001-of-00002.gguf"), GN_IO, "part 2 of 2: open '");
    put_part("m-00002-of-00002.gguf", 1, 2, 2);
    gn_tensors_close(opened(in_folder("m-00001-of-00002.gguf")));
    put_part("m-00002-of-00002.gguf", 1, 3, 2);
    REFUSED_FILE(in_folder("m-00001-of-00002.gguf"), GN_FORMAT, "it says it is part 2 of 3");
    put_part("m-00002-of-00002.gguf", 0, 2, 2);
    REFUSED_FILE(in_folder("m-00001-of-00002.gguf"), GN_FORMAT, "two tensors of this name");
    put_part("m-00002-of-00002.gguf", 2, 2, 2);
    REFUSED_FILE(in_folder("m-00001-of-00002.gguf"), GN_FORMAT, "it says it is part 3 of 2");
    put_part("m-00002-of-00002.gguf", 1, 2, 2);
    put_part("m-00001-of-00002.gguf", 0, 2, 3);
    REFUSED_FILE(in_folder("m-00001-of-00002.gguf"), GN_FORMAT,
                 "3 tensors were split, 2 are in the parts");
    put_part("m-00001-of-00002.gguf", 0, 7, 2);
    REFUSED_FILE(in_folder("m-00001-of-00002.gguf"), GN_FORMAT, "name says 2 parts, its keys 7");
    put_part("odd.gguf", 0, 2, 2);
    REFUSED_FILE(in_folder("odd.gguf"), GN_INVALID, "must end in -00001-of-00002.gguf");
    put_part("m-00001-of-00001.gguf", 0, 1, 1);
    gn_tensors_close(opened(in_folder("m-00001-of-00001.gguf")));
}

TEST(a_start_that_is_not_ours_is_refused) {
    start(1, 0, 0);
    REFUSED(GN_UNSUPPORTED, "GGUF version 1; convert");
    start(4, 0, 0);
    REFUSED(GN_UNSUPPORTED, "GGUF version 4; versions 2 and 3 are read");
    start(3u << 24, 0, 0);
    REFUSED(GN_UNSUPPORTED, "big-endian");
    start(3, UINT64_MAX, 0);
    REFUSED(GN_FORMAT, "18446744073709551615 tensors do not fit");
    start(3, 0, UINT64_C(1) << 63);
    REFUSED(GN_FORMAT, "do not fit a file of 24 bytes");
    start(3, 1, 0);
    REFUSED(GN_FORMAT, "do not fit");
    start(2, 0, 0);
    put("x.gguf", out.data, out.len);
    gn_tensors *t = opened(in_folder("x.gguf"));
    CHECK(t && gn_tensors_count(t) == 0);
    gn_tensors_close(t);
}

TEST(every_cut_of_a_file_is_refused) {
    FILE *f = fopen(FILES "model.gguf", "rb");
    static char whole[4096];
    size_t n = f ? fread(whole, 1, sizeof whole, f) : 0;
    CHECK(n > 500 && n < sizeof whole);
    for (size_t cut = 0; cut < n; cut++) {
        gn_error e = {0};
        put("cut.gguf", whole, cut);
        gn_tensors *t = gn_tensors_open(in_folder("cut.gguf"), &e);
        /* After the last tensor's 48 bytes comes padding that nobody misses. */
        if (t ? !CHECK(cut >= n - 16) : !CHECK(e.code == GN_FORMAT))
            printf("    %zu of %zu bytes: %s\n", cut, n, e.message);
        gn_tensors_close(t);
    }
    if (f)
        fclose(f);
}

TEST(keys_that_break_the_format_are_refused) {
    start(3, 0, 1);
    key("k", 13, 0, 8);
    REFUSED(GN_FORMAT, "key 'k': value type 13");
    start(3, 0, 1);
    key("k", BOOL, 2, 8);
    REFUSED(GN_FORMAT, "key 'k': a bool of 2");
    start(3, 0, 1);
    key("k", STRING, UINT64_MAX, 8);
    REFUSED(GN_FORMAT, "cut short");
    start(3, 0, 1);
    key("", U64, 0, 8);
    REFUSED(GN_FORMAT, "a key at byte 32 is no readable text");
    start(3, 0, 1);
    key("\xff\xfe", U64, 0, 8);
    REFUSED(GN_FORMAT, "is no readable text");
    start(3, 0, 2);
    key("k", U64, 0, 8);
    key("k", U64, 0, 8);
    REFUSED(GN_FORMAT, "key 'k': the key is there twice");
    start(3, 0, 1);
    key("k", ARRAY, ARRAY, 4);
    u(1, 8);
    REFUSED(GN_UNSUPPORTED, "key 'k': an array of type 9 (array)");
    start(3, 0, 1);
    key("k", ARRAY, 99, 4);
    u(0, 8);
    REFUSED(GN_UNSUPPORTED, "an array of type 99");
    start(3, 0, 1);
    key("k", ARRAY, STRING, 4);
    u(UINT64_C(1) << 62, 8);
    u(0, 8);
    REFUSED(GN_FORMAT, "4611686018427387904 items of type string in the 8 bytes left");
}

TEST(an_alignment_is_a_power_of_two) {
    static const uint64_t bad[] = {0, 1, 4, 24, 33, 0xffffffff};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        start(3, 0, 1);
        key("general.alignment", U32, bad[i], 4);
        REFUSED(GN_FORMAT, "a power of two from 8 on is due");
    }
    start(3, 0, 1);
    key("general.alignment", F32, 0x42000000, 4);
    REFUSED(GN_FORMAT, "key 'general.alignment' is a number, not an integer");

    start(3, 2, 1);
    key("general.alignment", U32, 64, 4);
    tensor("a", 1, (uint64_t[]){4}, 0, 0);
    tensor("b", 1, (uint64_t[]){4}, 0, 64);
    data(64, 80);
    put("x.gguf", out.data, out.len);
    gn_tensors *t = opened(in_folder("x.gguf"));
    if (t)
        CHECK(gn_tensors_at(t, 1)->data - gn_tensors_at(t, 0)->data == 64);
    gn_tensors_close(t);

    start(3, 1, 1); /* the data would begin long past the end */
    key("general.alignment", U32, UINT64_C(1) << 31, 4);
    tensor("a", 1, (uint64_t[]){4}, 0, 0);
    data(32, 64);
    REFUSED(GN_FORMAT, "cut short");
}

TEST(tensors_that_break_the_format_are_refused) {
    const uint64_t four[4] = {4, 1, 1, 1}, huge[4] = {UINT64_C(1) << 40, UINT64_C(1) << 40, 1, 1};
    const uint64_t negative[1] = {UINT64_C(1) << 63}, odd[1] = {33}, k[1] = {128};
    static const struct {
        int dims;
        int shape; /* 0 four, 1 huge, 2 negative, 3 odd, 4 k */
        uint32_t type;
        uint64_t at;
        gn_code code;
        const char *words;
    } bad[] = {
        {5, 0, 0, 0, GN_FORMAT, "tensor 'a': 5 dimensions"},
        {2, 1, 0, 0, GN_FORMAT, "more than any file can"},
        {1, 2, 0, 0, GN_FORMAT, "a dimension of 9223372036854775808"},
        {1, 3, 8, 0, GN_FORMAT, "a row of 33 is not whole blocks of 32, as Q8_0 needs"},
        {1, 4, 12, 0, GN_FORMAT, "a row of 128 is not whole blocks of 256, as Q4_K needs"},
        {1, 0, 16, 0, GN_UNSUPPORTED, "tensor 'a': type IQ2_XXS is not read here; these are: F32,"},
        {1, 0, 26, 0, GN_UNSUPPORTED, "type I32 is not read here"},
        {1, 0, 4, 0, GN_UNSUPPORTED, "type number 4 is unknown"},
        {1, 0, 0xffffffff, 0, GN_UNSUPPORTED, "type number 4294967295 is unknown"},
        {1, 0, 0, 16, GN_FORMAT, "offset 16 is no multiple of the alignment, 32"},
        {1, 0, 0, 64, GN_FORMAT, "pass the end of the data, 64 bytes: the file is cut short"},
        {1, 0, 0, UINT64_MAX - 31, GN_FORMAT, "pass the end of the data"},
    };
    const uint64_t *shape[] = {four, huge, negative, odd, k};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        start(3, 1, 0);
        tensor("a", bad[i].dims, bad[i].shape ? shape[bad[i].shape] : (uint64_t[8]){4, 1, 1, 1, 1},
               bad[i].type, bad[i].at);
        data(32, 64);
        REFUSED(bad[i].code, bad[i].words);
    }
    start(3, 2, 0);
    tensor("a", 1, (uint64_t[]){9}, 0, 0);
    tensor("b", 1, four, 0, 32);
    data(32, 64);
    REFUSED(GN_FORMAT, "tensors 'a' and 'b' overlap");
    start(3, 2, 0);
    tensor("a", 1, four, 0, 0);
    tensor("a", 1, four, 0, 32);
    data(32, 64);
    REFUSED(GN_FORMAT, "tensor 'a': there are two tensors of this name");
}

static double best_of(int times, const char *path) {
    double best = 1e9;
    for (int i = 0; i < times; i++) {
        double begin = gn_seconds();
        gn_tensors_close(opened(path));
        double took = gn_seconds() - begin;
        best = took < best ? took : best;
    }
    return best;
}

TEST(a_vocabulary_of_a_hundred_thousand_loads_in_a_blink) {
    enum { N = 100352 };
    char word[32];
    start(3, 0, 3);
    for (int list = 0; list < 2; list++) {
        key(list ? "tokenizer.ggml.merges" : "tokenizer.ggml.tokens", ARRAY, STRING, 4);
        u(N, 8);
        for (int i = 0; i < N; i++) {
            snprintf(word, sizeof word, list ? "%x %x" : "%x", i, i * 7);
            text(word);
        }
    }
    key("tokenizer.ggml.token_type", ARRAY, I32, 4);
    u(N, 8);
    for (int i = 0; i < N; i++)
        u(1, 4);
    put("vocabulary.gguf", out.data, out.len);
    gn_str_release(&out);

    double took = best_of(5, in_folder("vocabulary.gguf"));
    printf("    %.2f ms\n", 1e3 * took);
    CHECK(took < 0.25); /* some 5 ms; the bound is for sanitizers and busy machines */
    gn_tensors *t = opened(in_folder("vocabulary.gguf"));
    const gn_value *merges = gn_value_get(gn_tensors_keys(t), GN_S("tokenizer.ggml.merges"));
    gn_each each = gn_each_of(merges);
    gn_slice line = {0};
    for (int i = 0; i < N && CHECK(gn_each_text(&each, &line)); i++) {
        snprintf(word, sizeof word, "%x %x", i, i * 7);
        if (!CHECK(gn_slice_is(line, word)))
            break;
    }
    CHECK(!gn_each_text(&each, &line));
    CHECK(gn_value_count(merges) == N &&
          gn_slice_is(gn_value_text(gn_value_at(merges, N - 1)), "187ff ab7f9"));
    gn_tensors_close(t);
}

/* Long lists are not read before they are asked for; what they say is the same, cut short too. */
TEST(long_lists_of_every_type_hold_what_was_written) {
    enum { N = 3000 };
    static const struct {
        int type, bytes;
    } kind[] = {{U8, 1},  {I8, 1},  {U16, 2},  {I16, 2}, {U32, 4}, {I32, 4},
                {U64, 8}, {I64, 8}, {BOOL, 1}, {F32, 4}, {F64, 8}};
    enum { KINDS = sizeof kind / sizeof *kind };
    start(3, 0, KINDS);
    for (int k = 0; k < KINDS; k++) {
        char name[24];
        snprintf(name, sizeof name, "list.%d", k);
        key(name, ARRAY, (uint64_t)kind[k].type, 4);
        u(N, 8);
        for (int i = 0; i < N; i++)
            u(kind[k].type == BOOL ? (uint64_t)(i % 2) : (uint64_t)(int64_t)(i - 1500),
              kind[k].bytes);
    }
    put("lists.gguf", out.data, out.len);
    gn_tensors *t = opened(in_folder("lists.gguf"));
    for (int k = 0; t && k < KINDS; k++) {
        char name[24];
        snprintf(name, sizeof name, "list.%d", k);
        const gn_value *list = gn_value_get(gn_tensors_keys(t), gn_slice_of(name));
        const int type = kind[k].type, bits = 8 * kind[k].bytes;
        const bool integers = type != BOOL && type != F32 && type != F64;
        const bool is_signed = type == I8 || type == I16 || type == I32 || type == I64;
        gn_each each = gn_each_of(list);
        CHECK(gn_value_count(list) == N);
        for (int i = 0; i < N && integers; i++) {
            const uint64_t all = (uint64_t)(int64_t)(i - 1500) << (64 - bits);
            const int64_t want =
                is_signed ? (int64_t)all >> (64 - bits) : (int64_t)(all >> (64 - bits));
            int64_t v = 0, w = 0;
            if (type == U64 && i < 1500) /* a number, for it fits no integer */
                continue;
            if (type == U64) {
                if (!CHECK(gn_value_to_integer(gn_value_at(list, (size_t)i), &w) && w == want))
                    break;
                continue;
            }
            if (!CHECK(gn_each_integer(&each, &v) && v == want))
                break;
            if (i > N / 2 && /* asked for in the middle of a walk, which goes on */
                !CHECK(gn_value_to_integer(gn_value_at(list, (size_t)i), &w) && w == want))
                break;
        }
    }
    gn_tensors_close(t);
    gn_str_cut(&out, out.len - 1);
    REFUSED(GN_FORMAT, "3000 items of type f64 in the 23999 bytes left");
    start(3, 0, 1);
    key("list", ARRAY, STRING, 4);
    u(1 << 11, 8);
    for (int i = 0; i < (1 << 11) - 1; i++)
        text("word");
    u(1000, 8);
    REFUSED(GN_FORMAT, "cut short");
}
