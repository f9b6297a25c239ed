/* tokens.h - tokenizers of any making, and any text through sound ones. */
#ifndef GN_TESTS_TOKENS_H
#define GN_TESTS_TOKENS_H

#include "core/base/json.h"
#include "core/base/unicode.h"
#include "core/text/alphabet.h"
#include "core/text/tokenizer.h"

#include <stdlib.h>

static inline void tokens_require(bool ok) {
    if (!ok)
        abort();
}

/* A GGUF's keys: the 256 bytes, a few merges, three added tokens. Lives in a. */
static inline gn_value *tokens_keys(gn_arena *a, const char *pre) {
    static const char *const merges[] = {
        "t h", "\xC4\xA0 t",        "th e", "\xC4\xA0t he",      "h e",
        "i n", "\xC4\xA0 \xC4\xA0", "1 2",  "\xC3\x83 \xC2\xA9", "in g"};
    static const char *const added[] = {"<|begin|>", "<|end|>", "<tag>"};
    gn_value *keys = gn_value_map(a), *tokens = gn_value_list(a), *types = gn_value_list(a);
    gn_value *list = gn_value_list(a);
    for (int byte = 0; byte < 256; byte++) {
        char c[2];
        gn_value_add(a, tokens,
                     gn_value_string(a, (gn_slice){c, gn_alphabet_put(c, (uint8_t)byte)}));
    }
    for (size_t k = 0; k < sizeof merges / sizeof *merges; k++) {
        const gn_slice line = gn_slice_of(merges[k]);
        const ptrdiff_t space = gn_slice_find(line, GN_S(" "));
        char made[16];
        memcpy(made, line.data, (size_t)space);
        memcpy(made + space, line.data + space + 1, line.len - (size_t)space - 1);
        gn_value_add(a, list, gn_value_string(a, line));
        gn_value_add(a, tokens, gn_value_string(a, (gn_slice){made, line.len - 1}));
    }
    for (int k = 0; k < 3; k++)
        gn_value_add(a, tokens, gn_value_string(a, gn_slice_of(added[k])));
    for (size_t k = 0; k < gn_value_count(tokens); k++)
        gn_value_add(a, types,
                     gn_value_integer(a, k + 3 < gn_value_count(tokens)   ? 1
                                         : k + 1 < gn_value_count(tokens) ? 3
                                                                          : 4));
    gn_value_set(a, keys, GN_S("tokenizer.ggml.model"), gn_value_string(a, GN_S("gpt2")));
    gn_value_set(a, keys, GN_S("tokenizer.ggml.pre"), gn_value_string(a, gn_slice_of(pre)));
    gn_value_set(a, keys, GN_S("tokenizer.ggml.tokens"), tokens);
    gn_value_set(a, keys, GN_S("tokenizer.ggml.token_type"), types);
    gn_value_set(a, keys, GN_S("tokenizer.ggml.merges"), list);
    gn_value_set(a, keys, GN_S("tokenizer.ggml.bos_token_id"),
                 gn_value_integer(a, (int64_t)gn_value_count(tokens) - 3));
    gn_value_set(a, keys, GN_S("tokenizer.ggml.eos_token_id"),
                 gn_value_integer(a, (int64_t)gn_value_count(tokens) - 2));
    return keys;
}

/* Is text, repaired, what its tokens say: decoded at once, and streamed token by token? */
static inline bool tokens_round_trip(gn_tokenizer *t, gn_slice text, unsigned flags) {
    gn_error e = {0};
    gn_ids ids = {0};
    gn_str want = {0}, got = {0}, streamed = {0};
    gn_text_stream stream = {0};
    gn_utf8_repair(&want, text);
    bool ok =
        gn_encode(t, text, flags, &ids, &e) && gn_decode(t, ids.id, ids.count, false, &got, &e);
    for (size_t k = 0; ok && k < ids.count; k++)
        gn_text_stream_add(&stream, gn_token_bytes(t, ids.id[k]), &streamed);
    gn_text_stream_end(&stream, &streamed);
    ok = ok && gn_slice_equal(gn_str_slice(&got), gn_str_slice(&want)) &&
         gn_slice_equal(gn_str_slice(&streamed), gn_str_slice(&want));
    gn_ids_release(&ids);
    gn_str_release(&want);
    gn_str_release(&got);
    gn_str_release(&streamed);
    return ok;
}

static const char *const tokens_pre[] = {"gpt-2",  "smollm", "dbrx",     "llama-bpe",
                                         "gpt-4o", "tekken", "stablelm2"};
enum { TOKENS_PRE = sizeof tokens_pre / sizeof *tokens_pre };

/* Any bytes as text, through every pre-tokeniser that changes nothing. The tokenizers are made
 * once and kept, with what they have cached. */
static inline void tokens_any_text(gn_slice text) {
    static gn_arena arena;
    static gn_tokenizer *made[TOKENS_PRE];
    for (int k = 0; k < TOKENS_PRE; k++) {
        gn_error e = {0};
        if (!made[k])
            made[k] = gn_tokenizer_from_gguf(tokens_keys(&arena, tokens_pre[k]), &e);
        tokens_require(made[k] && tokens_round_trip(made[k], text, 0) &&
                       tokens_round_trip(made[k], text, GN_LITERAL));
    }
}

/* Any bytes as tokenizer.json: an error with a sentence, or a tokenizer that works. True for the
 * latter. */
static inline bool tokens_any_json(gn_slice text) {
    static const char probe[] = "It's 12 <|a|> the\xC3\xA9 \xE4\xB8\xAD\xFF\n\n  <s>x";
    gn_arena arena = {.limit = 64 << 20};
    gn_error e = {0};
    gn_ids ids = {0};
    gn_str out = {0};
    const gn_value *json = gn_json_parse(&arena, text, &e);
    gn_tokenizer *t = json ? gn_tokenizer_from_json(json, json, &e) : NULL;
    gn_arena_release(&arena); /* it may go before the tokenizer does */
    const bool made = t;
    tokens_require(t || (e.code != GN_OK && e.message[0]));
    if (t) {
        if (gn_encode(t, (gn_slice){probe, sizeof probe}, GN_ADD_SPECIAL, &ids, &e))
            gn_decode(t, ids.id, ids.count, false, &out, &e);
        for (int32_t id = -1; id <= gn_tokenizer_size(t) && id < 5000; id++) {
            const gn_slice piece = gn_token_piece(t, id), bytes = gn_token_bytes(t, id);
            gn_str_add(&out, piece);
            gn_str_add(&out, bytes);
        }
    }
    gn_tokenizer_free(t);
    gn_ids_release(&ids);
    gn_str_release(&out);
    return made;
}

#endif
