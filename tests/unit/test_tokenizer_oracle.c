/* test_tokenizer_oracle.c - text becomes the tokens that Hugging Face's tokenizers makes of it. */
/* floor: gn_file gn_text */
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/base/rng.h"
#include "core/base/unicode.h"
#include "core/file/tensors.h"
#include "core/text/internal.h"
#include "core/text/match.h"
#include "core/text/tokenizer.h"
#include "tests/check.h"

#include <inttypes.h>

enum { BLOCK = 50 };

static gn_arena arena;
static const gn_value *fixture;

static const gn_value *open_fixture(void) {
    gn_error e = {0};
    gn_str text = {0};
    if (fixture)
        return fixture;
    if (gn_file_read(&text, "tests/oracle/tokenizer.json", 0, &e))
        fixture = gn_json_parse(&arena, gn_str_slice(&text), &e);
    gn_str_release(&text);
    if (!fixture) {
        printf("tests/oracle/tokenizer.json: %s\n", e.message);
        exit(2);
    }
    return fixture;
}

__attribute__((destructor)) static void close_fixture(void) { gn_arena_release(&arena); }

static const gn_value *get(const gn_value *v, const char *key) {
    return gn_value_get(v, gn_slice_of(key));
}

static int64_t integer(const gn_value *v) {
    int64_t out = 0;
    return gn_value_to_integer(v, &out) ? out : 0;
}

static const gn_value *kind_named(const char *name) {
    const gn_value *kinds = get(open_fixture(), "kinds");
    for (size_t k = 0; k < gn_value_count(kinds); k++)
        if (gn_slice_is(gn_value_text(get(gn_value_at(kinds, k), "name")), name))
            return gn_value_at(kinds, k);
    return NULL;
}

/* --- the lines, as make_tokenizer.py makes them --- */

static uint64_t below(uint64_t *state, uint64_t n) {
    *state += 0x9E3779B97F4A7C15u;
    return gn_splitmix64(*state) % n;
}

static void make_line(uint64_t n, gn_str *out) {
    const gn_value *fragments = get(open_fixture(), "fragments"), *ranges = get(fixture, "ranges");
    uint64_t state = n;
    const uint64_t count = n % 250 == 249 ? 300 : 1 + below(&state, 10);
    gn_str_cut(out, 0);
    for (uint64_t k = 0; k < count; k++) {
        if (below(&state, 6) == 0) {
            const gn_value *range = gn_value_at(ranges, below(&state, gn_value_count(ranges)));
            const int64_t low = integer(gn_value_at(range, 0)),
                          high = integer(gn_value_at(range, 1));
            char c[4];
            const int32_t cp = (int32_t)(low + (int64_t)below(&state, (uint64_t)(high - low + 1)));
            gn_str_add(out, (gn_slice){c, gn_utf8_put(c, cp)});
        } else {
            const size_t which = below(&state, gn_value_count(fragments));
            gn_str_add(out, gn_value_text(gn_value_at(fragments, which)));
        }
        if (below(&state, 3) == 0)
            gn_str_putc(out, ' ');
    }
}

static void make_ids(uint64_t n, int size, gn_ids *out) {
    uint64_t state = n + ((uint64_t)1 << 32);
    out->count = 0;
    for (uint64_t count = 1 + below(&state, 12); count > 0; count--)
        gn_ids_add(out, (int32_t)below(&state, (uint64_t)size));
}

/* --- blocks of lines against the fixture --- */

typedef struct blocks {
    const char *name; /* what the fixture calls it */
    gn_str text;      /* of the block so far */
} blocks;

static void end_block(blocks *b, const gn_value *kind, size_t block, int *wrong) {
    uint8_t digest[GN_SHA256_BYTES];
    char hex[GN_SHA256_HEX];
    const gn_slice want = gn_value_text(gn_value_at(get(kind, b->name), block));
    gn_sha256_of(b->text.data, b->text.len, digest);
    gn_hex(digest, sizeof digest, hex);
    if (want.len != 16 || memcmp(hex, want.data, 16) != 0) {
        if (*wrong == 0) {
            const gn_slice name = gn_value_text(get(kind, "name"));
            printf("  %.*s: %s of block %zu differ\n", (int)name.len, name.data, b->name, block);
        }
        ++*wrong;
    }
    gn_str_cut(&b->text, 0);
}

static void add_decoded(blocks *b, const gn_tokenizer *t, const gn_ids *ids, bool skip) {
    gn_error e = {0};
    CHECK(gn_decode(t, ids->id, ids->count, skip, &b->text, &e));
    gn_str_putc(&b->text, '\n');
}

static void show_first(const gn_value *kind, int64_t n, gn_slice text, const gn_ids *ids) {
    const gn_value *want = gn_value_at(get(kind, "first"), (size_t)n);
    bool same = !want || gn_value_count(want) == ids->count;
    for (size_t k = 0; want && same && k < ids->count; k++)
        same = integer(gn_value_at(want, k)) == ids->id[k];
    if (same)
        return;
    printf("  line %" PRId64 ": %.*s\n    got ", n, (int)text.len, text.data);
    for (size_t k = 0; k < ids->count; k++)
        printf(" %d", ids->id[k]);
    printf("\n    want");
    for (size_t k = 0; k < gn_value_count(want); k++)
        printf(" %" PRId64, integer(gn_value_at(want, k)));
    printf("\n");
    CHECK(same);
}

/* Everything the fixture says of one kind. */
static void check_kind(gn_tokenizer *t, const gn_value *kind) {
    blocks b[4] = {{.name = "ids"}, {.name = "kept"}, {.name = "plain"}, {.name = "broken"}};
    const int64_t lines = integer(get(kind, "lines"));
    gn_str text = {0};
    gn_ids ids = {0}, odd = {0};
    int wrong = 0;
    CHECK(lines >= BLOCK && lines % BLOCK == 0);
    for (int64_t n = 0; n < lines; n++) {
        gn_error e = {0};
        make_line((uint64_t)n, &text);
        ids.count = 0;
        if (!CHECK(gn_encode(t, gn_str_slice(&text), GN_ADD_SPECIAL, &ids, &e))) {
            printf("  %s\n", e.message);
            break;
        }
        show_first(kind, n, gn_str_slice(&text), &ids);
        for (size_t k = 0; k < ids.count; k++)
            gn_str_fmt(&b[0].text, "%s%d", k ? " " : "", ids.id[k]);
        gn_str_putc(&b[0].text, '\n');
        add_decoded(&b[1], t, &ids, false);
        add_decoded(&b[2], t, &ids, true);
        make_ids((uint64_t)n, gn_tokenizer_size(t), &odd);
        add_decoded(&b[3], t, &odd, false);
        if (n % BLOCK == BLOCK - 1)
            for (int k = 0; k < 4; k++)
                end_block(&b[k], kind, (size_t)(n / BLOCK), &wrong);
    }
    if (!CHECK(wrong == 0))
        printf("  %d blocks differ\n", wrong);
    for (int k = 0; k < 4; k++)
        gn_str_release(&b[k].text);
    gn_str_release(&text);
    gn_ids_release(&ids);
    gn_ids_release(&odd);
}

/* The kind's tokenizer.json: its pipeline, with the vocabulary that it shares with others. */
static gn_tokenizer *make_kind(const gn_value *kind, gn_error *e) {
    const gn_value *pipeline = get(kind, "pipeline");
    const gn_slice name = gn_value_text(get(kind, "model"));
    const gn_value *shared = gn_value_get(get(open_fixture(), "models"), name);
    gn_value *model = gn_value_get(pipeline, GN_S("model"));
    gn_value_set(&arena, model, GN_S("vocab"), gn_value_get(shared, GN_S("vocab")));
    gn_value_set(&arena, model, GN_S("merges"), gn_value_get(shared, GN_S("merges")));
    return gn_tokenizer_from_json(pipeline, NULL, e);
}

static void check_names(const char *const *name) {
    for (; *name; name++) {
        gn_error e = {0};
        const gn_value *kind = kind_named(*name);
        gn_tokenizer *t = kind ? make_kind(kind, &e) : NULL;
        if (!CHECK(t))
            printf("  %s: %s\n", *name, e.message);
        else
            check_kind(t, kind);
        gn_tokenizer_free(t);
    }
}
#define KINDS(...) check_names((const char *const[]){__VA_ARGS__, NULL})

TEST(pretokenisers_matched_by_hand_cut_as_tokenizers_does) {
    KINDS("gpt2", "smollm", "cl100k", "qwen2", "gpt4o", "tekken", "llama3");
}

TEST(pretokenisers_matched_by_regex_cut_as_tokenizers_does) {
    KINDS("tiktoken", "deepseek", "lookahead", "empty-before");
}

TEST(a_space_in_front_and_digits_are_as_tokenizers_does) {
    KINDS("gpt2-space", "space-only", "digit-runs", "digits-space", "no-split");
}

TEST(every_behaviour_of_split_is_as_tokenizers_does) {
    static const char *const behaviour[] = {"isolated", "removed", "merged_with_previous",
                                            "merged_with_next", "contiguous"};
    static const char *const form[] = {"",        "-known",        "-string",
                                       "-invert", "-invert-known", "-invert-string"};
    for (int b = 0; b < 5; b++)
        for (int f = 0; f < 6; f++) {
            char name[64];
            snprintf(name, sizeof name, "%s%s", behaviour[b], form[f]);
            KINDS(name);
        }
}

TEST(words_white_space_and_punctuation_are_cut_as_tokenizers_does) {
    KINDS("whitespace", "whitespace-split", "punctuation", "punctuation-removed");
}

TEST(normalisers_change_text_as_tokenizers_does) {
    KINDS("nfd", "nfkc", "nfkd", "normalizers", "strip-right");
}

TEST(added_tokens_are_found_as_tokenizers_does) { KINDS("added", "added-lower"); }

TEST(missing_symbols_are_as_tokenizers_does) { KINDS("unknown", "unknown-fused"); }

TEST(vocabularies_of_characters_are_as_tokenizers_does) {
    KINDS("llama2", "characters", "characters-fused", "characters-dropped");
}

TEST(every_kind_of_the_fixture_is_tested) {
    /* the KINDS above, the 30 forms of Split, and smollm2 below */
    CHECK(gn_value_count(get(open_fixture(), "kinds")) == 7 + 4 + 5 + 30 + 4 + 5 + 2 + 2 + 4 + 1);
}

/* --- classes of characters --- */

static bool in_class(int32_t cp, const char *name) {
    char c[4];
    size_t len;
    const unsigned found = gn_class_at((gn_slice){c, gn_utf8_put(c, cp)}, 0, &len);
    const unsigned want = strcmp(name, "letter") == 0   ? GN_CLASS_LETTER
                          : strcmp(name, "number") == 0 ? GN_CLASS_NUMBER
                          : strcmp(name, "space") == 0  ? GN_CLASS_SPACE
                          : strcmp(name, "upper") == 0  ? GN_CLASS_UPPER
                                                        : GN_CLASS_LOWER;
    return found & want;
}

/* The n-th code point that is no surrogate. */
static int32_t scalar(int64_t n) { return (int32_t)(n < 0xD800 ? n : n + 0x800); }

TEST(classes_of_characters_are_those_of_tokenizers_expressions) {
    const gn_value *classes = get(open_fixture(), "classes");
    for (size_t k = 0; k < classes->map.count; k++) {
        const gn_value *lengths = classes->map.entry[k].value;
        const char *name = classes->map.entry[k].key.data;
        int64_t at = 0;
        int wrong = 0;
        for (size_t i = 0; i <= gn_value_count(lengths); i++) {
            const int64_t end = i < gn_value_count(lengths) ? at + integer(gn_value_at(lengths, i))
                                                            : 0x110000 - 0x800;
            for (; at < end; at++)
                if (in_class(scalar(at), name) != (i % 2 == 1) && wrong++ < 10)
                    printf("  %s: U+%04X %s\n", name, (unsigned)scalar(at),
                           gn_category(scalar(at)));
        }
        if (!CHECK(wrong == 0))
            printf("  %s: %d characters differ\n", name, wrong);
    }
}

/* --- the same tokenizers from a GGUF's keys --- */

static void set(gn_value *keys, const char *name, gn_value *v) {
    gn_value_set(&arena, keys, gn_arena_copy(&arena, gn_slice_of(name)), v);
}

static void list_token(gn_value *tokens, gn_value *types, int64_t id, gn_slice text, int type) {
    while (gn_value_count(tokens) <= (size_t)id) {
        gn_value_add(&arena, tokens, gn_value_string(&arena, GN_S("[PAD]")));
        gn_value_add(&arena, types, gn_value_integer(&arena, 5));
    }
    tokens->list.item[id]->string = text;
    types->list.item[id]->integer = type;
}

static gn_value *make_keys(const char *kind, const char *pre) {
    const gn_value *pipeline = get(kind_named(kind), "pipeline");
    const gn_value *model = get(get(fixture, "models"), "bytes"), *vocab = get(model, "vocab");
    const gn_value *added = get(pipeline, "added_tokens");
    gn_value *keys = gn_value_map(&arena), *tokens = gn_value_list(&arena);
    gn_value *types = gn_value_list(&arena);
    for (size_t k = 0; k < vocab->map.count; k++)
        list_token(tokens, types, integer(vocab->map.entry[k].value), vocab->map.entry[k].key, 1);
    for (size_t k = 0; k < gn_value_count(added); k++) {
        const gn_value *a = gn_value_at(added, k);
        const gn_slice text = gn_value_text(get(a, "content"));
        const int64_t id = integer(get(a, "id"));
        list_token(tokens, types, id, text, get(a, "special")->boolean ? 3 : 4);
        if (gn_slice_is(text, "<|start|>"))
            set(keys, "tokenizer.ggml.bos_token_id", gn_value_integer(&arena, id));
        if (gn_slice_is(text, "<|end|>"))
            set(keys, "tokenizer.ggml.eos_token_id", gn_value_integer(&arena, id));
    }
    set(keys, "tokenizer.ggml.model", gn_value_string(&arena, GN_S("gpt2")));
    set(keys, "tokenizer.ggml.pre", gn_value_string(&arena, gn_slice_of(pre)));
    set(keys, "tokenizer.ggml.tokens", tokens);
    set(keys, "tokenizer.ggml.token_type", types);
    set(keys, "tokenizer.ggml.merges", gn_value_get(model, GN_S("merges")));
    return keys;
}

TEST(a_gguf_names_the_same_tokenizers) {
    static const struct {
        const char *kind, *pre;
        bool bos, eos;
    } known[] = {
        {"gpt2", "gpt-2", false, false},           {"smollm", "smollm", false, false},
        {"smollm", "refact", false, false},        {"cl100k", "dbrx", false, false},
        {"qwen2", "qwen2", false, false},          {"gpt4o", "gpt-4o", false, false},
        {"tekken", "tekken", false, false},        {"llama3", "llama-bpe", true, true},
        {"gpt2", "granite-docling", false, false}, {"cl100k", "smaug-bpe", false, false},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        gn_error e = {0};
        uint8_t from_gguf[32], from_json[32];
        gn_value *keys = make_keys(known[k].kind, known[k].pre);
        set(keys, "tokenizer.ggml.add_bos_token", gn_value_bool(&arena, known[k].bos));
        set(keys, "tokenizer.ggml.add_eos_token", gn_value_bool(&arena, known[k].eos));
        gn_tokenizer *t = gn_tokenizer_from_gguf(keys, &e);
        gn_tokenizer *j = make_kind(kind_named(known[k].kind), &e);
        if (!CHECK(t && j)) {
            printf("  %s: %s\n", known[k].pre, e.message);
        } else {
            check_kind(t, kind_named(known[k].kind));
            CHECK_TEXT(gn_tokenizer_pre(t), known[k].pre);
            CHECK(gn_tokenizer_adds_bos(t) == known[k].bos);
            CHECK(gn_tokenizer_sha(t, from_gguf, &e) && gn_tokenizer_sha(j, from_json, &e));
            CHECK(memcmp(from_gguf, from_json, 32) == 0);
        }
        gn_tokenizer_free(t);
        gn_tokenizer_free(j);
    }
}

/* --- a vocabulary of the world --- */

TEST(the_vocabulary_of_smollm2_is_as_tokenizers_does) {
    const char *path = getenv("SMOLLM2_GGUF");
    gn_error e = {0};
    if (!path) {
        printf("  1 test left out: SMOLLM2_GGUF names no SmolLM2 GGUF\n");
        return;
    }
    gn_tensors *file = gn_tensors_open(path, &e);
    gn_tokenizer *t = file ? gn_tokenizer_from_gguf(gn_tensors_keys(file), &e) : NULL;
    if (CHECK(t))
        check_kind(t, kind_named("smollm2"));
    else
        printf("  %s\n", e.message);
    gn_tokenizer_free(t);
    gn_tensors_close(file);
}
