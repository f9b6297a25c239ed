/* test_tokenizer_to_gguf.c - a tokenizer written as GGUF keys and read back cuts text as before. */
/* floor: gn_text */
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/rng.h"
#include "core/text/to_gguf.h"
#include "tests/check.h"

static gn_arena arena;

static const gn_value *fixture(void) {
    static const gn_value *v;
    gn_str text = {0};
    gn_error e = {0};
    if (v)
        return v;
    if (gn_file_read(&text, "tests/oracle/tokenizer.json", 0, &e))
        v = gn_json_parse(&arena, gn_str_slice(&text), &e);
    gn_str_release(&text);
    if (!v) {
        printf("%s\n", e.message);
        exit(2);
    }
    return v;
}

/* tokenizer.json of a kind: its pipeline and the vocabulary it shares. */
static const gn_value *json_of(const char *name) {
    const gn_value *kinds = gn_value_get(fixture(), GN_S("kinds"));
    for (size_t i = 0; i < gn_value_count(kinds); i++) {
        const gn_value *kind = gn_value_at(kinds, i);
        if (!gn_slice_is(gn_value_text(gn_value_get(kind, GN_S("name"))), name))
            continue;
        const gn_value *shared = gn_value_get(gn_value_get(fixture(), GN_S("models")),
                                              gn_value_text(gn_value_get(kind, GN_S("model"))));
        const gn_value *json = gn_value_get(kind, GN_S("pipeline"));
        gn_value *model = gn_value_get(json, GN_S("model"));
        gn_value_set(&arena, model, GN_S("vocab"), gn_value_get(shared, GN_S("vocab")));
        gn_value_set(&arena, model, GN_S("merges"), gn_value_get(shared, GN_S("merges")));
        return json;
    }
    printf("no kind '%s'\n", name);
    exit(2);
}

static void set(gn_value *keys, const char *name, gn_value *v) {
    CHECK(gn_value_set(&arena, keys, gn_slice_of(name), v));
}

static gn_value *texts(const gn_slice *s, size_t n) {
    gn_value *list = gn_value_list(&arena);
    for (size_t i = 0; i < n; i++)
        gn_value_add(&arena, list, gn_value_string(&arena, s[i]));
    return list;
}

static gn_tokenizer *read_back(const gn_gguf_tokenizer *t, gn_error *e) {
    gn_value *keys = gn_value_map(&arena), *types = gn_value_list(&arena);
    for (size_t i = 0; i < t->size; i++)
        gn_value_add(&arena, types, gn_value_integer(&arena, t->type[i]));
    set(keys, "tokenizer.ggml.model", gn_value_string(&arena, GN_S("gpt2")));
    set(keys, "tokenizer.ggml.pre", gn_value_string(&arena, gn_slice_of(t->pre)));
    set(keys, "tokenizer.ggml.tokens", texts(t->token, t->size));
    set(keys, "tokenizer.ggml.token_type", types);
    set(keys, "tokenizer.ggml.merges", texts(t->merge, t->merges));
    set(keys, "tokenizer.ggml.add_bos_token", gn_value_bool(&arena, t->add_bos));
    set(keys, "tokenizer.ggml.add_eos_token", gn_value_bool(&arena, t->add_eos));
    if (t->bos >= 0)
        set(keys, "tokenizer.ggml.bos_token_id", gn_value_integer(&arena, t->bos));
    if (t->eos >= 0)
        set(keys, "tokenizer.ggml.eos_token_id", gn_value_integer(&arena, t->eos));
    return gn_tokenizer_from_gguf(keys, e);
}

/* A line of the fixture's fragments. */
static void make_line(uint64_t n, gn_str *out) {
    const gn_value *list = gn_value_get(fixture(), GN_S("fragments"));
    gn_str_cut(out, 0);
    for (uint64_t i = 0; i < 12; i++) {
        const uint64_t at = gn_splitmix64(n * 64 + i) % gn_value_count(list);
        gn_str_add(out, gn_value_text(gn_value_at(list, (size_t)at)));
        if (gn_splitmix64(n * 64 + 32 + i) % 2)
            gn_str_putc(out, ' ');
    }
}

static void same_ids(gn_tokenizer *a, gn_tokenizer *b, const char *name) {
    gn_str line = {0}, back = {0};
    for (uint64_t n = 0; n < 400; n++) {
        gn_ids x = {0}, y = {0};
        gn_error e = {0};
        make_line(n, &line);
        CHECK(gn_encode(a, gn_str_slice(&line), GN_ADD_SPECIAL, &x, &e) &&
              gn_encode(b, gn_str_slice(&line), GN_ADD_SPECIAL, &y, &e));
        if (!CHECK(x.count == y.count && memcmp(x.id, y.id, x.count * sizeof *x.id) == 0))
            printf("  %s: %s\n", name, gn_str_text(&line));
        gn_str_cut(&back, 0);
        CHECK(gn_decode(b, x.id, x.count, false, &back, &e));
        gn_ids_release(&x);
        gn_ids_release(&y);
    }
    gn_str_release(&line);
    gn_str_release(&back);
}

TEST(every_family_with_a_name_reads_back_as_it_was) {
    static const char *const kind[][2] = {
        {"gpt2", "gpt-2"},   {"smollm", "smollm"}, {"cl100k", "dbrx"},  {"qwen2", "qwen2"},
        {"gpt4o", "gpt-4o"}, {"tekken", "tekken"}, {"llama3", "llama3"}};
    for (size_t k = 0; k < sizeof kind / sizeof *kind; k++) {
        gn_error e = {0};
        const gn_value *json = json_of(kind[k][0]);
        gn_tokenizer *t = gn_tokenizer_from_json(json, NULL, &e), *again = NULL;
        gn_gguf_tokenizer keys;
        if (!CHECK(t && gn_tokenizer_to_gguf(t, json, 4096, &arena, &keys, &e))) {
            printf("  %s: %s\n", kind[k][0], e.message);
            gn_tokenizer_free(t);
            continue;
        }
        CHECK_TEXT(keys.pre, kind[k][1]);
        CHECK(keys.size == 4096 && keys.type[4095] == 5);
        CHECK(gn_slice_is(keys.token[4095], "[PAD4095]"));
        if (CHECK((again = read_back(&keys, &e)) != NULL))
            same_ids(t, again, kind[k][0]);
        else
            printf("  %s: %s\n", kind[k][0], e.message);
        gn_tokenizer_free(t);
        gn_tokenizer_free(again);
    }
}

TEST(what_no_family_does_is_refused) {
    static const char *const kind[][2] = {{"gpt2-space", "families"}, {"lookahead", "families"},
                                          {"digit-runs", "families"}, {"nfd", "families"},
                                          {"whitespace", "families"}, {"llama2", "families"},
                                          {"isolated", "families"}};
    for (size_t k = 0; k < sizeof kind / sizeof *kind; k++) {
        gn_error e = {0};
        const gn_value *json = json_of(kind[k][0]);
        gn_tokenizer *t = gn_tokenizer_from_json(json, NULL, &e);
        gn_gguf_tokenizer keys;
        CHECK(t && !gn_tokenizer_to_gguf(t, json, 4096, &arena, &keys, &e));
        if (!CHECK(e.code == GN_UNSUPPORTED && strstr(e.message, kind[k][1])))
            printf("  %s: %s\n", kind[k][0], e.message);
        gn_tokenizer_free(t);
    }
}

static void refused(gn_value *token, const char *key, const char *why) {
    const gn_value *json = json_of("gpt2");
    gn_error e = {0};
    gn_gguf_tokenizer keys;
    set(token, key, gn_value_bool(&arena, true));
    gn_tokenizer *t = gn_tokenizer_from_json(json, NULL, &e);
    CHECK(t && !gn_tokenizer_to_gguf(t, json, 4096, &arena, &keys, &e) &&
          e.code == GN_UNSUPPORTED && strstr(e.message, why));
    set(token, key, gn_value_bool(&arena, false));
    gn_tokenizer_free(t);
}

TEST(conditions_of_an_added_token_and_too_small_a_model_are_refused) {
    const gn_value *json = json_of("gpt2");
    gn_value *token = gn_value_at(gn_value_get(json, GN_S("added_tokens")), 0);
    gn_error e = {0};
    gn_gguf_tokenizer keys;
    refused(token, "lstrip", "lstrip");
    refused(token, "rstrip", "rstrip");
    refused(token, "single_word", "single_word");
    gn_tokenizer *t = gn_tokenizer_from_json(json, NULL, &e);
    CHECK(!gn_tokenizer_to_gguf(t, json, 100, &arena, &keys, &e) && e.code == GN_UNSUPPORTED);
    gn_tokenizer_free(t);
}
