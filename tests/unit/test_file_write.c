/* test_file_write.c - what the writers write, the readers read.
 *
 * With GNEISS_KEEP=DIR both files are left in DIR, for tests/oracle/make_files.py
 * check DIR to read with the Python packages. */
/* floor: gn_file */
#include "core/file/gguf_write.h"
#include "core/file/safetensors_write.h"
#include "tests/check.h"
#include "tests/unit/temporary.h"

/* Where written files go. */
static const char *place(const char *name) {
    static char path[256];
    const char *keep = getenv("GNEISS_KEEP");
    if (!keep)
        return in_folder(name);
    snprintf(path, sizeof path, "%s/%s", keep, name);
    return path;
}

/* The numbers of tests/oracle/make_files.py. */
static void numbers(float *out, int n, int count) {
    for (int i = 0; i < count; i++)
        out[i] = (float)((7 * i + 3 * n) % 23 - 11) / 8;
}

static gn_tensors *opened(const char *path) {
    gn_error e = {0};
    gn_tensors *t = gn_tensors_open(path, &e);
    if (!CHECK(t != NULL))
        printf("    %s\n", e.message);
    return t;
}

static bool holds(const gn_tensors *t, const char *name, int format, const float *want,
                  size_t count) {
    const gn_tensor *one = gn_tensors_find(t, gn_slice_of(name));
    float got[512];
    if (!CHECK(one != NULL) || !CHECK(one->format == format) ||
        !CHECK(one->bytes == gn_row_bytes(format, (int64_t)count)))
        return false;
    gn_format_of(format)->unpack(one->data, got, count);
    return CHECK_SAME(got, want, count);
}

static void put_keys(gn_gguf *g) {
    gn_gguf_text(g, "general.architecture", GN_S("granite"));
    gn_gguf_u32(g, "u32", 7);
    gn_gguf_i32(g, "i32", -7);
    gn_gguf_f32(g, "f32", 0.1f);
    gn_gguf_bool(g, "yes", true);
    gn_gguf_texts(g, "words", (gn_slice[]){GN_S("a"), GN_S(""), GN_S("Ġb")}, 3);
    gn_gguf_i32s(g, "heads", (int32_t[]){0, 4, 0}, 3);
    gn_gguf_f32s(g, "scores", (float[]){0.5f, -1}, 2);
}

/* Data in pieces that keep to no tensor's borders. */
static bool feed(gn_gguf *g, const uint8_t *data, size_t size, gn_error *e) {
    bool ok = true;
    for (size_t at = 0, piece = 1; ok && at < size; at += piece, piece = piece * 3 % 101 + 1) {
        piece = piece < size - at ? piece : size - at;
        ok = gn_gguf_data(g, data + at, piece, e);
    }
    return ok;
}

TEST(a_written_gguf_is_read_back) {
    gn_error e = {0};
    float a[12], b[128], c[512], q8[128], q4[512];
    uint8_t data[sizeof a + 4 * 34 + 2 * 144];
    numbers(a, 0, 12);
    numbers(b, 1, 128);
    numbers(c, 2, 512);
    memcpy(data, a, sizeof a);
    gn_format_of(GN_Q8_0)->pack(b, data + sizeof a, 128);
    gn_format_of(GN_Q8_0)->unpack(data + sizeof a, q8, 128);
    gn_format_of(GN_Q4_K)->pack(c, data + sizeof a + 4 * 34, 512);
    gn_format_of(GN_Q4_K)->unpack(data + sizeof a + 4 * 34, q4, 512);

    gn_gguf *g = gn_gguf_new(place("written.gguf"), &e);
    if (!CHECK(g != NULL))
        return;
    put_keys(g);
    gn_gguf_tensor(g, GN_S("a"), GN_F32, 2, (int64_t[]){3, 4});
    gn_gguf_tensor(g, GN_S("b"), GN_Q8_0, 2, (int64_t[]){2, 64});
    gn_gguf_tensor(g, GN_S("c"), GN_Q4_K, 2, (int64_t[]){2, 256});
    bool ok = gn_gguf_begin(g, &e) && feed(g, data, sizeof data, &e);
    if (!CHECK(gn_gguf_commit(g, &e) && ok))
        printf("    %s\n", e.message);

    gn_tensors *t = opened(place("written.gguf"));
    if (!t)
        return;
    CHECK(gn_tensors_count(t) == 3);
    holds(t, "a", GN_F32, a, 12);
    holds(t, "b", GN_Q8_0, q8, 128);
    holds(t, "c", GN_Q4_K, q4, 512);
    const gn_tensor *one = gn_tensors_find(t, GN_S("b"));
    CHECK(one && one->dims == 2 && one->dim[0] == 2 && one->dim[1] == 64);
    const gn_value *keys = gn_tensors_keys(t);
    int64_t i;
    CHECK(gn_value_count(keys) == 8);
    CHECK(gn_value_to_integer(gn_value_get(keys, GN_S("i32")), &i) && i == -7);
    CHECK(gn_slice_is(gn_value_text(gn_value_at(gn_value_get(keys, GN_S("words")), 2)), "Ġb"));
    gn_tensors_close(t);
}

static char *contents(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    char *out = malloc(4096);
    *n = f ? fread(out, 1, 4096, f) : 0;
    if (f)
        fclose(f);
    return out;
}

TEST(keys_are_copied_with_the_types_they_had) {
    gn_error e = {0};
    gn_tensors *from = opened("tests/oracle/files/model.gguf");
    gn_gguf *g = gn_gguf_new(in_folder("copy.gguf"), &e);
    if (!CHECK(from && g)) {
        gn_tensors_close(from);
        gn_gguf_abort(g);
        return;
    }
    for (size_t i = 0; i < gn_value_count(gn_tensors_keys(from)); i++)
        gn_gguf_copy(g, from, i);
    for (int i = 0; i < gn_tensors_count(from); i++) {
        const gn_tensor *one = gn_tensors_at(from, i);
        gn_gguf_tensor(g, one->name, one->format, one->dims, one->dim);
    }
    bool ok = gn_gguf_begin(g, &e);
    for (int i = 0; ok && i < gn_tensors_count(from); i++)
        ok = gn_gguf_data(g, gn_tensors_at(from, i)->data, gn_tensors_at(from, i)->bytes, &e);
    CHECK(gn_gguf_commit(g, &e) && ok);
    gn_tensors_close(from);

    size_t n, m;
    char *want = contents("tests/oracle/files/model.gguf", &n);
    char *got = contents(in_folder("copy.gguf"), &m);
    CHECK(n > 800 && n == m && memcmp(want, got, n) == 0);
    free(want);
    free(got);
}

TEST(a_written_safetensors_file_is_read_back) {
    gn_error e = {0};
    float a[12], b[128];
    uint8_t half[256];
    numbers(a, 0, 12);
    numbers(b, 1, 128);
    gn_format_of(GN_F16)->pack(b, half, 128);

    gn_safetensors *s = gn_safetensors_new(place("written.safetensors"), &e);
    if (!CHECK(s != NULL))
        return;
    gn_safetensors_note(s, "format", GN_S("pt"));
    gn_safetensors_note(s, "made \"by\"", GN_S("gneiss"));
    gn_safetensors_tensor(s, GN_S("a"), GN_F32, 2, (int64_t[]){3, 4});
    gn_safetensors_tensor(s, GN_S("b"), GN_F16, 2, (int64_t[]){2, 64});
    bool ok = gn_safetensors_begin(s, &e) && gn_safetensors_data(s, a, sizeof a, &e) &&
              gn_safetensors_data(s, half, 100, &e) &&
              gn_safetensors_data(s, half + 100, sizeof half - 100, &e);
    if (!CHECK(gn_safetensors_commit(s, &e) && ok))
        printf("    %s\n", e.message);

    gn_tensors *t = opened(place("written.safetensors"));
    if (!t)
        return;
    CHECK(gn_tensors_count(t) == 2);
    holds(t, "a", GN_F32, a, 12);
    holds(t, "b", GN_F16, b, 128);
    gn_tensors_close(t);
}

TEST(files_without_tensors_are_files_too) {
    gn_error e = {0};
    gn_safetensors *s = gn_safetensors_new(in_folder("none.safetensors"), &e);
    gn_gguf *g = gn_gguf_new(in_folder("none.gguf"), &e);
    if (!CHECK(s && g))
        return;
    CHECK(gn_safetensors_begin(s, &e));
    CHECK(gn_safetensors_commit(s, &e));
    gn_gguf_tensor(g, GN_S("empty"), GN_F32, 1, (int64_t[]){0});
    CHECK(gn_gguf_begin(g, &e));
    CHECK(gn_gguf_commit(g, &e));
    gn_tensors *t = opened(in_folder("none.safetensors"));
    CHECK(t && gn_tensors_count(t) == 0);
    gn_tensors_close(t);
    t = opened(in_folder("none.gguf"));
    CHECK(t && gn_tensors_count(t) == 1 && gn_tensors_bytes(t) == 0);
    gn_tensors_close(t);
}

TEST(an_aborted_file_was_never_there) {
    gn_error e = {0};
    gn_gguf *g = gn_gguf_new(in_folder("aborted.gguf"), &e);
    gn_gguf_tensor(g, GN_S("a"), GN_F32, 1, (int64_t[]){8});
    CHECK(gn_gguf_begin(g, &e) && gn_gguf_data(g, (float[4]){1}, 16, &e));
    gn_gguf_abort(g);
    gn_gguf_abort(NULL);
    gn_safetensors_abort(gn_safetensors_new(in_folder("aborted.safetensors"), &e));
    gn_safetensors_abort(NULL);
    CHECK(gn_tensors_open(in_folder("aborted.gguf"), &e) == NULL && e.code == GN_IO);
    e = (gn_error){0};
    CHECK(gn_tensors_open(in_folder("aborted.safetensors"), &e) == NULL && e.code == GN_IO);
    CHECK(gn_gguf_new(in_folder("no/such/folder/x.gguf"), &e) == NULL);
}
