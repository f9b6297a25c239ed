/* test_safetensors.c - safetensors: files the Python package wrote, and files nobody should. */
/* floor: gn_file */
#include "core/base/file.h"
#include "core/base/path.h"
#include "core/file/tensors.h"
#include "core/num/half.h"
#include "tests/check.h"
#include "tests/unit/temporary.h"

#include <unistd.h>

#define FILES "tests/oracle/files/"

/* A file with this directory, the length it claims for it, and n bytes of data. */
static void put_claim(const char *name, const char *directory, uint64_t claim, size_t n) {
    static char buffer[4096];
    const size_t len = strlen(directory);
    memset(buffer, 0, sizeof buffer);
    for (int i = 0; i < 8; i++)
        buffer[i] = (char)(claim >> (8 * i));
    memcpy(buffer + 8, directory, len);
    put(name, buffer, 8 + len + n);
}

/* The directory padded with spaces to a multiple of 8, as writers do, and n bytes of data. */
static void put_file(const char *name, const char *directory, size_t n) {
    char padded[1024];
    snprintf(padded, sizeof padded, "%-*s", (int)((strlen(directory) + 7) / 8 * 8), directory);
    put_claim(name, padded, strlen(padded), n);
}

/* Opening path fails with this code and a message that holds `words`. */
static void refused(const char *path, gn_code code, const char *words) {
    gn_error e = {0};
    gn_tensors *t = gn_tensors_open(path, &e);
    if (!CHECK(t == NULL) || !CHECK(e.code == code) || !CHECK(strstr(e.message, words) != NULL))
        printf("    code %d, want '%s'\n    '%s'\n", (int)e.code, words, e.message);
    gn_tensors_close(t);
}

static void is_number(const gn_tensors *t, const char *name, int n, int format, int dims,
                      const int64_t *dim) {
    const gn_tensor *one = gn_tensors_find(t, gn_slice_of(name));
    float v[64];
    if (!CHECK(one != NULL) || !CHECK(one->format == format) || !CHECK(one->dims == dims))
        return;
    size_t count = 1;
    for (int i = 0; i < dims; i++) {
        CHECK(one->dim[i] == dim[i]);
        count *= (size_t)one->dim[i];
    }
    gn_format_of(format)->unpack(one->data, v, count);
    for (size_t i = 0; i < count; i++)
        CHECK(v[i] == (float)((7 * (int)i + 3 * n) % 23 - 11) / 8);
}

TEST(a_file_of_the_python_package_is_read) {
    gn_error e = {0};
    gn_tensors *t = gn_tensors_open(FILES "model.safetensors", &e);
    if (!CHECK(t != NULL)) {
        printf("    %s\n", e.message);
        return;
    }
    CHECK(gn_tensors_container(t) == GN_SAFETENSORS && gn_tensors_keys(t) == NULL);
    CHECK(gn_tensors_count(t) == 4 && gn_tensors_at(t, 4) == NULL && gn_tensors_at(t, -1) == NULL);
    is_number(t, "a.weight", 0, GN_F32, 2, (int64_t[]){3, 4});
    is_number(t, "b.bias", 1, GN_F16, 1, (int64_t[]){5});
    is_number(t, "scalar", 2, GN_F32, 0, NULL);
    is_number(t, "deep", 3, GN_F32, 4, (int64_t[]){2, 3, 2, 2});
    CHECK(gn_tensors_bytes(t) == 4 * 12 + 2 * 5 + 4 + 4 * 24);
    CHECK(gn_tensors_find(t, GN_S("c")) == NULL && gn_tensors_find(t, GN_S("")) == NULL);
    CHECK_TEXT(gn_tensors_path(t, 0), FILES "model.safetensors");
    CHECK(gn_tensors_path(t, 1) == NULL && gn_tensors_path(t, -1) == NULL);
    gn_tensors_drop(t, gn_tensors_at(t, 0));
    is_number(t, "a.weight", 0, GN_F32, 2, (int64_t[]){3, 4});
    gn_tensors_close(t);
    gn_tensors_close(NULL);
}

TEST(a_folder_of_shards_is_read_by_its_index) {
    gn_error e = {0};
    gn_tensors *t = gn_tensors_open(FILES "sharded", &e);
    if (!CHECK(t != NULL)) {
        printf("    %s\n", e.message);
        return;
    }
    CHECK(gn_tensors_count(t) == 3 && gn_tensors_path(t, 1) && !gn_tensors_path(t, 2));
    is_number(t, "one", 0, GN_F32, 2, (int64_t[]){8, 2});
    is_number(t, "two", 1, GN_F32, 1, (int64_t[]){4});
    is_number(t, "three", 2, GN_F32, 2, (int64_t[]){2, 2});
    gn_tensors_close(t);
}

/* As the cache of Hugging Face keeps a model: names are links to blobs. */
TEST(links_are_followed_to_the_real_files) {
    gn_error e = {0};
    char blob[4096];
    if (!CHECK(realpath(FILES "model.safetensors", blob) != NULL))
        return;
    CHECK(gn_path_make_folder(in_folder("snapshot"), &e));
    CHECK(symlink(blob, in_folder("snapshot/model.safetensors")) == 0);
    CHECK(symlink(in_folder("."), in_folder("link")) == 0);
    gn_tensors *t = gn_tensors_open(in_folder("link/snapshot"), &e);
    if (CHECK(t != NULL))
        is_number(t, "b.bias", 1, GN_F16, 1, (int64_t[]){5});
    gn_tensors_close(t);
}

TEST(a_blob_without_extension_is_told_by_what_it_holds) {
    gn_error e = {0};
    put_file("blob", "{}", 0);
    gn_tensors *t = gn_tensors_open(in_folder("blob"), &e);
    CHECK(t && gn_tensors_container(t) == GN_SAFETENSORS);
    gn_tensors_close(t);
    put("zip", "PK\003\004 and more", 13);
    refused(in_folder("zip"), GN_FORMAT, "neither a GGUF nor a safetensors file");
}

#define X(dtype, shape, offsets)                                                                   \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

typedef struct broken {
    const char *directory;
    size_t data;
    gn_code code;
    const char *words;
} broken;

static const broken broken_file[] = {
    {"{\"x\":" X("F32", "[2]", "[0,8]") "} ", 7, GN_FORMAT, "cut short"},
    {"{\"x\":" X("F32", "[2]", "[0,4]") "} ", 8, GN_FORMAT, "needs 8 bytes, it has 4"},
    {"{\"x\":" X("F32", "[2]", "[8,0]") "} ", 8, GN_FORMAT, "[begin, end]"},
    {"{\"x\":" X("F32", "[2]", "[-8,0]") "}", 8, GN_FORMAT, "[begin, end]"},
    {"{\"x\":" X("F32", "[2]", "[0,8.0]") "}   ", 8, GN_FORMAT, "[begin, end]"},
    {"{\"x\":" X("F32", "[2]", "[0]") "}", 8, GN_FORMAT, "[begin, end]"},
    {"{\"x\":" X("F32", "[2]", "[0,9223372036854775807]") "}", 8, GN_FORMAT, "cut short"},
    {"{\"x\":" X("F32", "[2]", "[0,99999999999999999999]") "}", 8, GN_FORMAT, "[begin, end]"},
    {"{\"x\":" X("F32", "[-2]", "[0,8]") "}", 8, GN_FORMAT, "no whole number"},
    {"{\"x\":" X("F32", "[1.5]", "[0,8]") "}", 8, GN_FORMAT, "no whole number"},
    {"{\"x\":" X("F32", "2", "[0,8]") "}", 8, GN_FORMAT, "no 'shape'"},
    {"{\"x\":" X("F32", "[4294967296,4294967296]", "[0,8]") "}", 8, GN_FORMAT, "more than any"},
    {"{\"x\":" X("F32", "[3037000500,3037000500,2]", "[0,8]") "}", 8, GN_FORMAT, "more than any"},
    {"{\"x\":" X("F32", "[1,1,1,1,2]", "[0,8]") "}", 8, GN_UNSUPPORTED, "5 dimensions"},
    {"{\"x\":" X("F8_E4M3", "[8]", "[0,8]") "}", 8, GN_UNSUPPORTED, "type F8_E4M3 is not read"},
    {"{\"x\":" X("I64", "[1]", "[0,8]") "}", 8, GN_UNSUPPORTED, "F32, F16 and BF16 are"},
    {"{\"x\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, GN_FORMAT, "no 'dtype'"},
    {"{\"x\":[]}", 0, GN_FORMAT, "tensor 'x': no object"},
    {"{\"x\":" X("F32", "[2]", "[0,8]") ",\"y\":" X("F32", "[2]", "[4,12]") "}", 12, GN_FORMAT,
     "tensors 'x' and 'y' overlap"},
    {"{\"x\":" X("F32", "[2]", "[0,8]") ",\"y\":" X("F32", "[2]", "[12,20]") "}", 20, GN_FORMAT,
     "no tensor holds the 4 bytes before 'y'"},
    {"{\"x\":" X("F32", "[2]", "[0,8]") "}", 9, GN_FORMAT, "no tensor holds the last 1 bytes"},
    {"{\"x\":" X("F32", "[2]", "[0,8]") ",\"x\":" X("F32", "[2]", "[8,16]") "}", 16, GN_FORMAT,
     "no tensor holds the 8 bytes before 'x'"},
    {"{\"x\":" X("F16", "[1]", "[0,2]") ",\"y\":" X("F32", "[1]", "[2,6]") "}", 6, GN_UNSUPPORTED,
     "not aligned"},
    {"[]", 0, GN_FORMAT, "no JSON object"},
    {"{", 0, GN_FORMAT, "its directory"},
    {"{} x", 0, GN_FORMAT, "its directory"},
};

TEST(what_breaks_the_format_is_refused_in_a_sentence) {
    for (size_t i = 0; i < sizeof broken_file / sizeof *broken_file; i++) {
        const broken *b = &broken_file[i];
        put_file("broken.safetensors", b->directory, b->data);
        refused(in_folder("broken.safetensors"), b->code, b->words);
    }
}

TEST(a_length_past_the_file_is_refused) {
    static const uint64_t claim[] = {3, UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX - 7};
    for (size_t i = 0; i < sizeof claim / sizeof *claim; i++) {
        put_claim("long.safetensors", "{}", claim[i], 0);
        refused(in_folder("long.safetensors"), GN_FORMAT, "in a file of 10");
    }
    put("empty.safetensors", "", 0);
    refused(in_folder("empty.safetensors"), GN_FORMAT, "the file is empty");
    put("short.safetensors", "1234567", 7);
    refused(in_folder("short.safetensors"), GN_FORMAT, "7 bytes is too short");
}

TEST(empty_tensors_and_an_empty_directory_are_fine) {
    gn_error e = {0};
    const char *directory = "{\"x\":" X("F32", "[0,4]", "[0,0]") "}";
    put_file("empty.safetensors", directory, 0);
    gn_tensors *t = gn_tensors_open(in_folder("empty.safetensors"), &e);
    if (CHECK(t != NULL))
        CHECK(gn_tensors_count(t) == 1 && gn_tensors_at(t, 0)->bytes == 0);
    gn_tensors_close(t);
    put_claim("none.safetensors", "{}", 2, 0);
    t = gn_tensors_open(in_folder("none.safetensors"), &e);
    CHECK(t && gn_tensors_count(t) == 0);
    gn_tensors_close(t);
}

TEST(what_is_not_there_is_said) {
    gn_error e = {0};
    CHECK(gn_path_make_folder(in_folder("bare"), &e));
    refused(in_folder("bare"), GN_IO,
            "neither model.safetensors nor model.safetensors.index.json is in this folder");
    refused(in_folder("nowhere.safetensors"), GN_IO, "nowhere.safetensors': No such file");
    refused(FILES "sharded/model-00001-of-00002.safetensors", GN_INVALID,
            "shard 1 of 2 of a checkpoint; open the folder");
    put("lfs.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", 56);
    refused(in_folder("lfs.safetensors"), GN_FORMAT, "Git LFS");
}

TEST(an_index_that_lies_is_refused) {
    static const struct {
        const char *text;
        gn_code code;
        const char *words;
    } index[] = {
        {"{\"weight_map\":{\"x\":\"a.safetensors\",\"y\":\"b.safetensors\"}}", GN_IO,
         "names 'b.safetensors', which is not there"},
        {"{\"weight_map\":{\"x\":\"a.safetensors\",\"y\":\"a.safetensors\"}}", GN_FORMAT,
         "tensor 'y' is in 'a.safetensors'; it is not"},
        {"{\"weight_map\":{\"x\":\"../a.safetensors\"}}", GN_FORMAT,
         "not name a file of this folder"},
        {"{\"weight_map\":{\"x\":7}}", GN_FORMAT, "not name a file of this folder"},
        {"{\"weight_map\":{\"x\":\"a.safetensors\",\"z\":\"c.safetensors\"}}", GN_FORMAT,
         "there are two tensors of this name"},
        {"{\"weight_map\":{}}", GN_FORMAT, "no 'weight_map'"},
        {"{\"weight_map\":[]}", GN_FORMAT, "no 'weight_map'"},
        {"{\"weight_map\"", GN_FORMAT, "model.safetensors.index.json"},
    };
    const char *directory = "{\"x\":" X("F32", "[2]", "[0,8]") "}";
    gn_error e = {0};
    CHECK(gn_path_make_folder(in_folder("index"), &e));
    put_file("index/a.safetensors", directory, 8);
    put_file("index/c.safetensors", directory, 8);
    for (size_t i = 0; i < sizeof index / sizeof *index; i++) {
        put("index/model.safetensors.index.json", index[i].text, strlen(index[i].text));
        refused(in_folder("index"), index[i].code, index[i].words);
    }
}
