/* test_tokenizer.c - what a tokenizer promises, and what it refuses. */
/* floor: gn_text */
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/rng.h"
#include "core/text/bpe.h"
#include "tests/check.h"
#include "tests/fuzz/tokens.h"

#include <dirent.h>
#include <time.h>

/* A tokenizer.json; the parts that a test does not give are these. */
typedef struct parts {
    const char *added, *normalizer, *pre_tokenizer, *post_processor, *decoder, *merges, *options;
} parts;

static const char vocabulary[] =
    "{\"t\":0,\"h\":1,\"e\":2,\"\\u0120\":3,\"th\":4,\"the\":5,\"\\u0120t\":6,\"\\u0120the\":7,"
    "\"he\":8,\"1\":9,\"2\":10,\"12\":11,\".\":12}";

static void write_json(const parts *p, gn_str *out) {
    gn_str_fmt(out,
               "{\"added_tokens\":[%s],\"normalizer\":%s,\"pre_tokenizer\":%s,"
               "\"post_processor\":%s,\"decoder\":%s,\"model\":{\"vocab\":%s,\"merges\":[%s]%s}}",
               p->added ? p->added : "", p->normalizer ? p->normalizer : "null",
               p->pre_tokenizer ? p->pre_tokenizer : "{\"type\":\"ByteLevel\"}",
               p->post_processor ? p->post_processor : "null",
               p->decoder ? p->decoder : "{\"type\":\"ByteLevel\"}", vocabulary,
               p->merges ? p->merges : "\"t h\",\"th e\",\"1 2\",\"\\u0120 the\",\"h e\"",
               p->options ? p->options : "");
}

static gn_tokenizer *make(parts p, const char *config, gn_error *e) {
    gn_arena arena = {0};
    gn_str text = {0};
    write_json(&p, &text);
    const gn_value *json = gn_json_parse(&arena, gn_str_slice(&text), e);
    const gn_value *c = config ? gn_json_parse(&arena, gn_slice_of(config), e) : NULL;
    gn_tokenizer *t = json ? gn_tokenizer_from_json(json, c, e) : NULL;
    gn_arena_release(&arena);
    gn_str_release(&text);
    return t;
}

static void check_ids(gn_tokenizer *t, const char *text, unsigned flags, const char *want) {
    gn_error e = {0};
    gn_ids ids = {0};
    gn_str got = {0};
    CHECK(gn_encode(t, gn_slice_of(text), flags, &ids, &e));
    for (size_t k = 0; k < ids.count; k++)
        gn_str_fmt(&got, "%s%d", k ? " " : "", ids.id[k]);
    CHECK_TEXT(gn_str_text(&got), want);
    gn_ids_release(&ids);
    gn_str_release(&got);
}

static void check_made(parts p, const char *text, const char *want) {
    gn_error e = {0};
    gn_tokenizer *t = make(p, NULL, &e);
    if (!CHECK(t))
        printf("  %s\n", e.message);
    else
        check_ids(t, text, 0, want);
    gn_tokenizer_free(t);
}

/* --- merging --- */

#define BARE "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"

TEST(the_pair_of_lowest_rank_is_merged_first) {
    check_made((parts){.pre_tokenizer = BARE}, "the the the12", "5 7 7 11");
    /* "h e" now comes first, so "t h" finds no h */
    check_made((parts){.pre_tokenizer = BARE, .merges = "\"h e\",\"t h\",\"th e\""}, "the", "0 8");
}

TEST(merges_are_read_as_lines_and_as_pairs) {
    check_made((parts){.pre_tokenizer = BARE, .merges = "[\"t\",\"h\"],[\"th\",\"e\"]"}, "the",
               "5");
}

TEST(with_ignore_merges_a_whole_piece_is_its_token) {
    check_made((parts){.pre_tokenizer = BARE, .merges = ""}, "the", "0 1 2");
    check_made((parts){.pre_tokenizer = BARE, .merges = "", .options = ",\"ignore_merges\":true"},
               "the the.", "5 7 12");
}

TEST(a_missing_symbol_is_dropped_and_its_neighbours_meet) {
    check_made((parts){.pre_tokenizer = BARE}, "tZhe", "5");
    check_made((parts){.pre_tokenizer = BARE, .options = ",\"unk_token\":\".\""}, "tZYhe",
               "0 12 12 8");
    check_made((parts){.pre_tokenizer = BARE, .options = ",\"unk_token\":\".\",\"fuse_unk\":true"},
               "tZYhe", "0 12 8");
}

/* Merging as the definition has it: search all pairs, merge the best, again. */
static size_t merge_slowly(const gn_merge *merge, size_t count, int32_t *id, size_t n) {
    for (;;) {
        size_t best = count, at = 0;
        for (size_t i = 0; i + 1 < n; i++)
            for (size_t rank = 0; rank < best; rank++)
                if (merge[rank].left == id[i] && merge[rank].right == id[i + 1]) {
                    best = rank;
                    at = i;
                }
        if (best == count)
            return n;
        id[at] = merge[best].made;
        memmove(id + at + 1, id + at + 2, (--n - at - 1) * sizeof *id);
    }
}

/* Random merges over a, b and c, each of two tokens that are there. */
typedef struct world {
    gn_vocab vocab;
    gn_arena arena;
    gn_merge merge[60];
    size_t count;
} world;

static void make_world(world *w, uint64_t seed) {
    gn_error e = {0};
    memset(w, 0, sizeof *w);
    CHECK(gn_vocab_init(&w->vocab, 3 + 60, 0, &e));
    if (seed % 200000) /* pieces are found in the table, or without one */
        CHECK(gn_vocab_index(&w->vocab, &e));
    for (int k = 0; k < 3; k++)
        CHECK(gn_vocab_put(&w->vocab, k, (gn_slice){"abc" + k, 1}, GN_PIECE_PLAIN, &e));
    for (int tries = 0; tries < 1000 && w->count < 60; tries++) {
        const int32_t have = 3 + (int32_t)w->count;
        const int32_t left = (int32_t)(gn_splitmix64(seed++) % (uint64_t)have);
        const int32_t right = (int32_t)(gn_splitmix64(seed++) % (uint64_t)have);
        gn_str both = {0};
        gn_str_add(&both, w->vocab.piece[left]);
        gn_str_add(&both, w->vocab.piece[right]);
        if (both.len <= 12 && gn_vocab_plain(&w->vocab, gn_str_slice(&both)) < 0) {
            gn_vocab_put(&w->vocab, have, gn_arena_copy(&w->arena, gn_str_slice(&both)),
                         GN_PIECE_PLAIN, &e);
            w->merge[w->count++] = (gn_merge){left, right, have};
        }
        gn_str_release(&both);
    }
}

TEST(short_and_long_pieces_merge_as_the_definition_has_it) {
    for (uint64_t seed = 0; seed < 40; seed++) {
        world w;
        gn_error e = {0};
        make_world(&w, seed * 100000);
        gn_bpe *b = gn_bpe_new(&w.vocab, w.merge, w.count,
                               (gn_bpe_options){.bytes = true, .unknown = -1}, &e);
        for (size_t n = 1; n < 240; n += 1 + n / 8) {
            char text[240];
            int32_t want[240];
            gn_ids got = {0};
            for (size_t k = 0; k < n; k++) {
                want[k] = (int32_t)(gn_splitmix64(seed * 77777 + n * 1000 + k) % 3);
                text[k] = "abc"[want[k]];
            }
            const size_t left = merge_slowly(w.merge, w.count, want, n);
            for (int again = 0; again < 2; again++) { /* the second time from the cache */
                got.count = 0;
                CHECK(gn_bpe_encode(b, (gn_slice){text, n}, &got, &e));
                CHECK(got.count == left && memcmp(got.id, want, left * sizeof *want) == 0);
            }
            gn_ids_release(&got);
        }
        gn_bpe_free(b);
        gn_vocab_release(&w.vocab);
        gn_arena_release(&w.arena);
    }
}

static double seconds_for_a_word(gn_tokenizer *t, size_t n) {
    char *text = malloc(n);
    gn_error e = {0};
    gn_ids ids = {0};
    for (size_t k = 0; k < n; k++)
        text[k] = "the"[gn_splitmix64(k) % 3];
    const clock_t start = clock();
    CHECK(gn_encode(t, (gn_slice){text, n}, 0, &ids, &e));
    const double spent = (double)(clock() - start) / CLOCKS_PER_SEC;
    CHECK(ids.count < n && ids.count > n / 4);
    gn_ids_release(&ids);
    free(text);
    return spent;
}

TEST(a_word_of_a_megabyte_is_not_quadratic) {
    gn_error e = {0};
    gn_tokenizer *t = make((parts){.pre_tokenizer = BARE}, NULL, &e);
    const double small = seconds_for_a_word(t, 1 << 16), large = seconds_for_a_word(t, 1 << 20);
    /* 16 times the length: quadratic would be 256 times the time */
    if (!CHECK(large < 100 * (small + 1e-4)))
        printf("  %.4f s for 64 KiB, %.4f s for 1 MiB\n", small, large);
    gn_tokenizer_free(t);
}

/* --- there and back --- */

TEST(any_bytes_come_back_repaired_whole_and_streamed) {
    uint64_t n = 0;
    for (int round = 0; round < 150; round++) {
        char text[200];
        const size_t len = gn_splitmix64(n++) % sizeof text;
        for (size_t k = 0; k < len; k++) {
            const uint64_t r = gn_splitmix64(n++);
            text[k] = r % 3 ? (char)(32 + r / 3 % 95) : (char)(r / 3);
        }
        tokens_any_text((gn_slice){text, len});
    }
    tokens_any_text(GN_S("Grüße, 世界! \U0001F468\u200D\U0001F469 it's <|end|> the end\r\n\r\n  "));
    tokens_any_text(GN_S(""));
}

TEST(invalid_utf8_is_one_replacement_for_each_maximal_part) {
    gn_arena arena = {0};
    gn_error e = {0};
    gn_tokenizer *t = gn_tokenizer_from_gguf(tokens_keys(&arena, "dbrx"), &e);
    gn_ids broken = {0}, repaired = {0};
    CHECK(gn_encode(t, GN_S("a\xF0\x9F\x98z\xC3\xFF"), 0, &broken, &e));
    CHECK(gn_encode(t, GN_S("a\uFFFDz\uFFFD\uFFFD"), 0, &repaired, &e));
    CHECK(broken.count == repaired.count && broken.count == 11);
    CHECK(memcmp(broken.id, repaired.id, broken.count * sizeof *broken.id) == 0);
    gn_ids_release(&broken);
    gn_ids_release(&repaired);
    gn_tokenizer_free(t);
    gn_arena_release(&arena);
}

TEST(a_stream_cut_anywhere_gives_the_same_text) {
    const gn_slice text =
        GN_S("a\xC3\xA9\xF0\x9F\x98\x80\xE4\xB8\xAD\xF0\x9Fz\xE4\xB8\xC3\xFF\xF0\x9F\x98");
    gn_str want = {0};
    gn_utf8_repair(&want, text);
    for (size_t a = 0; a <= text.len; a++)
        for (size_t b = a; b <= text.len; b++) {
            gn_text_stream s = {0};
            gn_str got = {0};
            gn_text_stream_add(&s, (gn_slice){text.data, a}, &got);
            gn_text_stream_add(&s, (gn_slice){text.data + a, b - a}, &got);
            gn_text_stream_add(&s, gn_slice_from(text, b), &got);
            gn_text_stream_end(&s, &got);
            CHECK_TEXT(gn_str_text(&got), gn_str_text(&want));
            gn_str_release(&got);
        }
    gn_str_release(&want);
}

TEST(a_stream_holds_back_only_what_is_not_complete) {
    gn_text_stream s = {0};
    gn_str out = {0};
    gn_text_stream_add(&s, GN_S("a\xF0\x9F"), &out);
    CHECK_TEXT(gn_str_text(&out), "a");
    gn_text_stream_add(&s, GN_S("\x98"), &out);
    CHECK_TEXT(gn_str_text(&out), "a");
    gn_text_stream_add(&s, GN_S("\x80!"), &out);
    CHECK_TEXT(gn_str_text(&out), "a\U0001F600!");
    gn_str_release(&out);
}

TEST(an_id_outside_the_vocabulary_is_named) {
    gn_error e = {0};
    gn_str out = {0};
    gn_tokenizer *t = make((parts){0}, NULL, &e);
    CHECK(gn_tokenizer_size(t) == 13);
    CHECK(!gn_decode(t, (int32_t[]){1, 13}, 2, false, &out, &e));
    CHECK(e.code == GN_INVALID && strstr(e.message, "token 1: id 13"));
    CHECK(!gn_decode(t, (int32_t[]){-1}, 1, false, &out, &e));
    CHECK(gn_token_bytes(t, 13).len == 0 && gn_token_bytes(t, -1).len == 0);
    gn_str_release(&out);
    gn_tokenizer_free(t);
}

/* --- added tokens, names, additions --- */

#define END  "{\"id\":13,\"content\":\"<end>\",\"special\":true,\"normalized\":false}"
#define TOOL "{\"id\":15,\"content\":\"<tool>\",\"special\":false,\"normalized\":false}"

TEST(added_tokens_are_one_id_unless_text_is_literal) {
    gn_error e = {0};
    gn_tokenizer *t = make((parts){.added = END "," TOOL, .pre_tokenizer = BARE}, NULL, &e);
    check_ids(t, "the<end>the<tool>", 0, "5 13 5 15");
    check_ids(t, "the<end>the<tool>", GN_LITERAL, "5 2 5 0"); /* what the vocabulary has of it */
    CHECK(gn_token_is_special(t, 13) && gn_token_is_added(t, 13));
    CHECK(!gn_token_is_special(t, 15) && gn_token_is_added(t, 15));
    CHECK(!gn_token_is_added(t, 5) && !gn_token_is_added(t, 14));
    CHECK(gn_token_find(t, GN_S("<tool>")) == 15 && gn_token_find(t, GN_S("the")) == 5);
    CHECK(gn_token_find(t, GN_S("nowhere")) == -1);
    CHECK(gn_tokenizer_size(t) == 16);
    CHECK(gn_slice_is(gn_token_piece(t, 7), "\xC4\xA0the"));
    CHECK(gn_slice_is(gn_token_bytes(t, 7), " the"));
    CHECK(gn_slice_is(gn_token_bytes(t, 13), "<end>"));
    CHECK(gn_token_piece(t, 14).len == 0);
    gn_tokenizer_free(t);
}

TEST(special_tokens_are_left_out_of_decoding_when_asked) {
    gn_error e = {0};
    gn_str with = {0}, without = {0};
    const int32_t id[] = {13, 5, 15, 14, 7, 13};
    gn_tokenizer *t = make((parts){.added = END "," TOOL}, NULL, &e);
    CHECK(gn_decode(t, id, 6, false, &with, &e) && gn_decode(t, id, 6, true, &without, &e));
    CHECK_TEXT(gn_str_text(&with), "<end>the<tool> the<end>");
    CHECK_TEXT(gn_str_text(&without), "the<tool> the");
    gn_str_release(&with);
    gn_str_release(&without);
    gn_tokenizer_free(t);
}

TEST(the_post_processor_adds_only_when_asked) {
    gn_error e = {0};
    gn_tokenizer *t =
        make((parts){.added = END,
                     .pre_tokenizer = BARE,
                     .post_processor =
                         "{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"},"
                         "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":"
                         "\"<end>\"}},{\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":{\"<end>\":"
                         "{\"ids\":[13]}}}]}"},
             NULL, &e);
    check_ids(t, "the", 0, "5");
    check_ids(t, "the", GN_ADD_SPECIAL, "13 5");
    check_ids(t, "", GN_ADD_SPECIAL, "13");
    CHECK(gn_tokenizer_adds_bos(t));
    gn_tokenizer_free(t);
}

TEST(the_configuration_names_tokens_and_adds_missing_ones) {
    gn_error e = {0};
    gn_tokenizer *t = make(
        (parts){.added = END, .pre_tokenizer = BARE},
        "{\"tokenizer_class\":\"GPT2Tokenizer\",\"bos_token\":\"<end>\",\"eos_token\":{\"content\":"
        "\"<end>\"},\"pad_token\":\"12\",\"unk_token\":null,\"added_tokens_decoder\":{\"20\":"
        "{\"content\":\"<more>\",\"special\":false,\"normalized\":false}}}",
        &e);
    CHECK(gn_tokenizer_named(t, "bos") == 13 && gn_tokenizer_named(t, "eos") == 13);
    CHECK(gn_tokenizer_named(t, "pad") == 11 && gn_tokenizer_named(t, "unk") == -1);
    CHECK(gn_tokenizer_named(t, "eot") == -1 && gn_tokenizer_named(t, "nobody") == -1);
    CHECK(gn_token_is_special(t, 11)); /* a plain token that the configuration calls special */
    check_ids(t, "the<more>12", 0, "5 20 11");
    CHECK(!gn_tokenizer_adds_bos(t));
    gn_tokenizer_free(t);
}

TEST(the_class_that_the_configuration_names_changes_nothing) {
    gn_error e = {0};
    const parts split = {.pre_tokenizer = "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
                                          "\"Digits\",\"individual_digits\":true}," BARE "]}"};
    gn_tokenizer *t = make(split, "{\"tokenizer_class\":\"GPT2Tokenizer\"}", &e);
    check_ids(t, "12", 0, "9 10");
    CHECK_TEXT(gn_tokenizer_pre(t), "digits+bytelevel");
    CHECK_TEXT(gn_tokenizer_kind(t), "bpe");
    gn_tokenizer_free(t);
}

static bool same_sha(parts a, parts b) {
    gn_error e = {0};
    uint8_t one[32], two[32];
    gn_tokenizer *s = make(a, NULL, &e), *t = make(b, NULL, &e);
    if (!CHECK(s && t))
        printf("  %s\n", e.message);
    else {
        CHECK(gn_tokenizer_sha(s, one, &e));
        CHECK(gn_tokenizer_sha(t, two, &e));
    }
    const bool same = s && t && memcmp(one, two, 32) == 0;
    gn_tokenizer_free(s);
    gn_tokenizer_free(t);
    return same;
}

TEST(the_digest_tells_what_would_make_other_tokens) {
    const parts plain = {.added = END};
    CHECK(same_sha(plain, plain));
    CHECK(same_sha(plain, (parts){.added = END,
                                  .merges = "[\"t\",\"h\"],[\"th\",\"e\"],[\"1\",\"2\"],"
                                            "[\"\\u0120\",\"the\"],[\"h\",\"e\"]"}));
    CHECK(!same_sha(plain, (parts){.added = TOOL}));
    CHECK(!same_sha(plain, (parts){.added = END, .merges = "\"th e\",\"t h\",\"1 2\""}));
    CHECK(!same_sha(plain, (parts){.added = END, .pre_tokenizer = BARE}));
    CHECK(!same_sha(plain, (parts){.added = END, .normalizer = "{\"type\":\"NFC\"}"}));
    CHECK(!same_sha(plain, (parts){.added = END, .options = ",\"ignore_merges\":true"}));
    CHECK(!same_sha(plain, (parts){.added = "{\"id\":13,\"content\":\"<end>\",\"special\":true,"
                                            "\"normalized\":false,\"lstrip\":true}"}));
}

/* --- what is refused --- */

static void refused(parts p, gn_code code, const char *says) {
    gn_error e = {0};
    gn_tokenizer *t = make(p, NULL, &e);
    if (!CHECK(!t && e.code == code && strstr(e.message, says)))
        printf("  wanted '%s', got %d '%s'\n", says, e.code, e.message);
    gn_tokenizer_free(t);
}

TEST(an_unknown_step_is_refused_by_name) {
    refused((parts){.normalizer = "{\"type\":\"StripAccents\"}"}, GN_UNSUPPORTED,
            "normalizer: type 'StripAccents'");
    refused((parts){.pre_tokenizer = "{\"type\":\"Metaspace\"}"}, GN_UNSUPPORTED,
            "pre_tokenizer: type 'Metaspace'");
    refused((parts){.pre_tokenizer = "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
                                     "\"UnicodeScripts\"}]}"},
            GN_UNSUPPORTED, "'UnicodeScripts'");
    refused((parts){.pre_tokenizer = "{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},"
                                     "\"behavior\":\"Sideways\"}"},
            GN_UNSUPPORTED, "'Sideways'");
    refused((parts){.post_processor = "{\"type\":\"BertProcessing\"}"}, GN_UNSUPPORTED,
            "post_processor: type 'BertProcessing'");
    refused((parts){.decoder = "{\"type\":\"WordPiece\"}"}, GN_UNSUPPORTED,
            "decoder: type 'WordPiece'");
    refused((parts){.decoder = "null"}, GN_UNSUPPORTED, "no decoder");
    refused((parts){.options = ",\"type\":\"Unigram\""}, GN_UNSUPPORTED, "'Unigram'");
    refused((parts){.options = ",\"novelty\":1"}, GN_UNSUPPORTED, "'novelty'");
    refused((parts){.options = ",\"dropout\":0.1"}, GN_UNSUPPORTED, "dropout");
    refused((parts){.options = ",\"end_of_word_suffix\":\"</w>\""}, GN_UNSUPPORTED,
            "end_of_word_suffix");
    refused((parts){.options = ",\"continuing_subword_prefix\":\"##\""}, GN_UNSUPPORTED,
            "continuing_subword_prefix");
}

TEST(what_means_nothing_may_be_there) {
    check_made((parts){.pre_tokenizer = BARE,
                       .options = ",\"type\":\"BPE\",\"dropout\":null,\"end_of_word_suffix\":\"\","
                                  "\"continuing_subword_prefix\":null,\"byte_fallback\":false"},
               "the", "5");
    check_made((parts){.pre_tokenizer = BARE, .options = ",\"dropout\":0.0"}, "the", "5");
}

TEST(a_broken_vocabulary_is_refused_with_the_place) {
    refused((parts){.merges = "\"t x\""}, GN_FORMAT, "merge 0, 't' and 'x': the second");
    refused((parts){.merges = "\"t h\",\"t e\""}, GN_FORMAT,
            "merge 1, 't' and 'e': what they make");
    refused((parts){.merges = "\"th\""}, GN_FORMAT, "merge 0, 'th'");
    refused((parts){.added = "{\"id\":2,\"content\":\"<x>\"}"}, GN_FORMAT, "'e' and '<x>'");
    refused((parts){.added = "{\"id\":20,\"content\":\"the\"}"}, GN_FORMAT,
            "'the' has id 20, in model.vocab 5");
    refused((parts){.added = "{\"content\":\"<x>\"}"}, GN_FORMAT, "added token 0");
    refused((parts){.options = ",\"unk_token\":\"?\""}, GN_FORMAT, "unk_token '?'");
}

static void refused_keys(const char *name, gn_value *(*make_value)(gn_arena *), gn_code code,
                         const char *says) {
    gn_arena arena = {0};
    gn_error e = {0};
    gn_value *keys = tokens_keys(&arena, "dbrx");
    gn_value_set(&arena, keys, gn_slice_of(name), make_value(&arena));
    gn_tokenizer *t = gn_tokenizer_from_gguf(keys, &e);
    if (!CHECK(!t && e.code == code && strstr(e.message, says)))
        printf("  wanted '%s', got %d '%s'\n", says, e.code, e.message);
    gn_tokenizer_free(t);
    gn_arena_release(&arena);
}

static gn_value *llama(gn_arena *a) { return gn_value_string(a, GN_S("llama")); }
static gn_value *none(gn_arena *a) { return gn_value_null(a); }
static gn_value *much(gn_arena *a) { return gn_value_integer(a, 1 << 20); }
static gn_value *yes(gn_arena *a) { return gn_value_bool(a, true); }
static gn_value *empty(gn_arena *a) { return gn_value_list(a); }

TEST(a_gguf_of_another_kind_is_refused_by_name) {
    refused_keys("tokenizer.ggml.model", llama, GN_UNSUPPORTED, "'llama' (SentencePiece)");
    refused_keys("tokenizer.ggml.model", none, GN_FORMAT, "no tokenizer.ggml.model");
    refused_keys("tokenizer.ggml.pre", llama, GN_UNSUPPORTED, "tokenizer.ggml.pre 'llama'");
    refused_keys("tokenizer.ggml.pre", none, GN_FORMAT, "no tokenizer.ggml.pre");
    refused_keys("tokenizer.ggml.tokens", none, GN_FORMAT, "no tokenizer.ggml.tokens");
    refused_keys("tokenizer.ggml.token_type", empty, GN_FORMAT, "0 types for 269 tokens");
    refused_keys("tokenizer.ggml.merges", none, GN_FORMAT, "no tokenizer.ggml.merges");
    refused_keys("tokenizer.ggml.eos_token_id", much, GN_FORMAT, "eos_token_id is no id");
    refused_keys("tokenizer.ggml.add_bos_token", much, GN_FORMAT, "want a boolean");
    refused_keys("tokenizer.ggml.add_space_prefix", yes, GN_UNSUPPORTED, "add_space_prefix");
}

/* Merges of a GGUF wait for the first text, and so does what is wrong with them. */
TEST(broken_merges_of_a_gguf_are_told_of_when_text_is_encoded_or_the_digest_made) {
    for (int sha = 0; sha < 2; sha++) {
        gn_arena arena = {0};
        gn_error e = {0};
        gn_ids ids = {0};
        gn_str text = {0};
        uint8_t digest[32];
        const int32_t id = 'a';
        gn_value *keys = tokens_keys(&arena, "dbrx"), *list = gn_value_list(&arena);
        gn_value_add(&arena, list, gn_value_string(&arena, GN_S("t \x01")));
        gn_value_set(&arena, keys, GN_S("tokenizer.ggml.merges"), list);
        gn_tokenizer *t = gn_tokenizer_from_gguf(keys, &e);
        CHECK(t && gn_decode(t, &id, 1, false, &text, &e) && text.len > 0);
        CHECK(!(sha ? gn_tokenizer_sha(t, digest, &e) : gn_encode(t, GN_S("the"), 0, &ids, &e)));
        CHECK(e.code == GN_FORMAT && strstr(e.message, "merge 0, 't' and '\x01': the second"));
        CHECK(ids.count == 0);
        gn_tokenizer_free(t);
        gn_ids_release(&ids);
        gn_str_release(&text);
        gn_arena_release(&arena);
    }
}

TEST(the_digest_of_a_gguf_is_the_same_before_and_after_text_was_encoded) {
    gn_arena arena = {0};
    gn_error e = {0};
    gn_ids ids = {0};
    uint8_t one[32], two[32];
    gn_tokenizer *s = gn_tokenizer_from_gguf(tokens_keys(&arena, "dbrx"), &e);
    gn_tokenizer *t = gn_tokenizer_from_gguf(tokens_keys(&arena, "dbrx"), &e);
    CHECK(s && t && gn_encode(t, GN_S("the end"), 0, &ids, &e));
    CHECK(gn_tokenizer_sha(s, one, &e) && gn_tokenizer_sha(t, two, &e) && !memcmp(one, two, 32));
    gn_tokenizer_free(s);
    gn_tokenizer_free(t);
    gn_ids_release(&ids);
    gn_arena_release(&arena);
}

/* --- what a fuzzer is given --- */

TEST(every_file_of_the_fuzzing_corpus_fails_with_a_sentence_or_works) {
    static const char folder[] = "tests/fuzz/corpus/tokenizer";
    DIR *d = opendir(folder);
    int files = 0, made = 0;
    if (!CHECK(d))
        return;
    for (struct dirent *entry; (entry = readdir(d));) {
        char path[512];
        gn_error e = {0};
        gn_str text = {0};
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        CHECK(gn_file_read(&text, path, 0, &e));
        made += tokens_any_json(gn_str_slice(&text));
        tokens_any_text(gn_str_slice(&text));
        gn_str_release(&text);
        files++;
    }
    closedir(d);
    CHECK(files >= 27 && made >= 2 && made < files);
}
