/* from_gguf.c - a tokenizer from a GGUF's tokenizer.ggml keys.
 *
 * A GGUF names its pre-tokeniser instead of spelling it out. The names below
 * are those of llama.cpp for the families of spec/model.md 6.3; what each
 * does is what the tokenizer.json of that family does.
 */
#include "core/text/internal.h"

#include <inttypes.h>
#include <stdio.h>

enum { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED };

typedef struct family {
    const char *name;       /* of a pre-tokeniser, with a space before and behind each */
    const char *expression; /* Split, isolated; then ByteLevel alone */
    bool digits;            /* Digits, each alone; then ByteLevel with GPT-2's expression */
    bool nfc, ignore_merges, add_bos;
} family;

static const family families[] = {
    {.name = " dbrx smaug-bpe chatglm-bpe ", .expression = gn_regex_cl100k},
    {.name = " llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano ",
     .expression = gn_regex_cl100k,
     .ignore_merges = true,
     .add_bos = true},
    {.name = " glm4 glm5 ", .expression = gn_regex_cl100k, .ignore_merges = true},
    {.name = " smollm starcoder refact command-r codeshell exaone minerva-7b mellum2 ",
     .digits = true},
    {.name = " gpt-2 phi-2 olmo mpt jais trillion granite-docling gigachat mellum a.x-4.0 exaone4 "
             "modern-bert jina-es jina-de jina-v2-es jina-v2-de "},
    {.name = " qwen2 deepseek-r1-qwen kormo f2llmv2 megrez ",
     .expression = gn_regex_qwen2,
     .nfc = true},
    {.name = " stablelm2 hunyuan solar-open grok-2 ", .expression = gn_regex_qwen2},
    {.name = " gpt-4o llama4 kanana2 talkie minimax-m2 ", .expression = gn_regex_gpt4o},
    {.name = " tekken ", .expression = gn_regex_tekken, .ignore_merges = true, .add_bos = true},
};

static const gn_value *key(const gn_value *keys, const char *name) {
    char full[64];
    snprintf(full, sizeof full, "tokenizer.ggml.%s", name);
    return gn_value_get(keys, gn_slice_of(full));
}

static const family *family_of(gn_slice pre) {
    char padded[64];
    if (pre.len == 0 || pre.len > 40 || memchr(pre.data, ' ', pre.len))
        return NULL;
    snprintf(padded, sizeof padded, " %.*s ", (int)pre.len, pre.data);
    for (size_t k = 0; k < sizeof families / sizeof *families; k++)
        if (strstr(families[k].name, padded))
            return &families[k];
    return NULL;
}

static bool check_model(const gn_value *keys, gn_error *e) {
    const gn_slice model = gn_value_text(key(keys, "model"));
    if (model.len == 0)
        return gn_fail(e, GN_FORMAT, "no tokenizer.ggml.model");
    if (!gn_slice_is(model, "gpt2"))
        return gn_fail(e, GN_UNSUPPORTED,
                       "tokenizer.ggml.model '%.*s'%s is not supported; byte-level BPE ('gpt2') is",
                       (int)model.len, model.data,
                       gn_slice_is(model, "llama") ? " (SentencePiece)" : "");
    return true;
}

static bool flag(bool *out, const gn_value *keys, const char *name, bool otherwise, gn_error *e) {
    const gn_value *v = key(keys, name);
    *out = otherwise;
    if (!v)
        return true;
    if (!gn_value_is(v, GN_BOOL))
        return gn_fail(e, GN_FORMAT, "tokenizer.ggml.%s: want a boolean, found a %s", name,
                       gn_kind_name(v->kind));
    *out = v->boolean;
    return true;
}

static bool set_pipeline(gn_tokenizer *t, const family *f, gn_error *e) {
    gn_split bytes = {.kind = GN_SPLIT_BYTES, .gpt2 = !f->expression};
    gn_decoder_byte_level(&t->decoder);
    if (f->nfc)
        t->normaliser.step[t->normaliser.count++] = (gn_normal){.kind = GN_NORMAL_NFC};
    if (f->digits &&
        !gn_splitter_add(&t->splitter, (gn_split){.kind = GN_SPLIT_CLASS, .any = GN_CLASS_NUMBER},
                         "digits", e))
        return false;
    if (f->expression) {
        gn_split split = {.kind = GN_SPLIT_PATTERN};
        if (!gn_pattern_expression(&split.pattern, gn_slice_of(f->expression), e) ||
            !gn_splitter_add(&t->splitter, split, "split", e))
            return false;
    }
    return gn_splitter_add(&t->splitter, bytes, "bytelevel", e);
}

/* What each family is called where a file is written: the first of its names. */
static const char *const first_name[] = {"dbrx",  "llama3",    "glm4",   "smollm", "gpt-2",
                                         "qwen2", "stablelm2", "gpt-4o", "tekken"};
_Static_assert(sizeof first_name / sizeof *first_name == sizeof families / sizeof *families,
               "a name for each family");

const char *gn_gguf_family(const gn_tokenizer *t, bool ignore_merges, gn_error *e) {
    gn_str want = {0}, has = {0};
    const char *name = NULL;
    gn_normaliser_describe(&t->normaliser, &want);
    gn_splitter_describe(&t->splitter, &want);
    for (size_t k = 0; !name && k < sizeof families / sizeof *families; k++) {
        gn_tokenizer *other = gn_tokenizer_new(e);
        if (!other)
            break;
        gn_str_cut(&has, 0);
        if (families[k].ignore_merges == ignore_merges && set_pipeline(other, &families[k], e)) {
            gn_normaliser_describe(&other->normaliser, &has);
            gn_splitter_describe(&other->splitter, &has);
            if (gn_slice_equal(gn_str_slice(&has), gn_str_slice(&want)))
                name = first_name[k];
        }
        gn_tokenizer_free(other);
    }
    if (!name && e->code == GN_OK && gn_str_ok(&want, e) && gn_str_ok(&has, e))
        gn_fail(e, GN_UNSUPPORTED,
                "the pipeline '%s'%s%s is none of the families a GGUF has names for "
                "(dbrx, llama3, smollm, gpt-2, qwen2, stablelm2, gpt-4o, tekken)",
                gn_tokenizer_pre(t), t->normaliser.count ? " behind a normalizer" : "",
                ignore_merges ? " with ignore_merges" : "");
    gn_str_release(&want);
    gn_str_release(&has);
    return name;
}

static unsigned marks_of(int64_t type) {
    switch (type) {
    case NORMAL:
        return GN_PIECE_PLAIN;
    case UNKNOWN:
    case CONTROL:
        return GN_PIECE_ADDED | GN_PIECE_SPECIAL;
    case USER_DEFINED:
        return GN_PIECE_ADDED;
    case UNUSED:
        return GN_PIECE_UNUSED;
    default:
        return 0;
    }
}

/* The marks of every token, and how many of them are added. */
static bool read_types(const gn_value *types, uint8_t *mark, size_t n, int *added, gn_error *e) {
    if (gn_value_count(types) != n)
        return gn_fail(e, GN_FORMAT, "tokenizer.ggml.token_type: %zu types for %zu tokens",
                       gn_value_count(types), n);
    gn_each items = gn_each_of(types);
    for (size_t id = 0; id < n; id++) {
        int64_t type = 0;
        gn_each_integer(&items, &type);
        mark[id] = (uint8_t)marks_of(type);
        if (!mark[id])
            return gn_fail(e, GN_UNSUPPORTED,
                           "token %zu: type %" PRId64 " has no place in a gpt2 vocabulary", id,
                           type);
        *added += (mark[id] & GN_PIECE_ADDED) != 0;
    }
    return true;
}

static bool read_tokens(gn_tokenizer *t, const gn_value *tokens, const uint8_t *mark, int n_added,
                        gn_error *e) {
    const size_t n = gn_value_count(tokens);
    if (!gn_vocab_init(&t->vocab, n, (size_t)n_added, e))
        return false;
    t->added = calloc((size_t)n_added + 1, sizeof *t->added);
    if (!t->added)
        return gn_fail(e, GN_NO_MEMORY, "out of memory for %d added tokens", n_added);
    gn_each items = gn_each_of(tokens);
    for (size_t id = 0; id < n; id++) {
        gn_slice piece;
        if (!gn_each_text(&items, &piece))
            return gn_fail(e, GN_FORMAT, "tokenizer.ggml.tokens: token %zu is no string", id);
        if (!gn_vocab_put(&t->vocab, (int64_t)id, piece, mark[id], e))
            return false;
        if (mark[id] & GN_PIECE_ADDED)
            t->added[t->n_added++] = (gn_added){
                .id = (int32_t)id, .content = piece, .special = mark[id] & GN_PIECE_SPECIAL};
    }
    return true;
}

static bool read_vocab(gn_tokenizer *t, const gn_value *keys, gn_error *e) {
    const gn_value *tokens = key(keys, "tokens");
    const size_t n = gn_value_count(tokens);
    if (!gn_value_is(tokens, GN_LIST) || n == 0)
        return gn_fail(e, GN_FORMAT, "no tokenizer.ggml.tokens");
    uint8_t *mark = malloc(n);
    int added = 0;
    if (!mark)
        return gn_fail(e, GN_NO_MEMORY, "out of memory for %zu tokens", n);
    const bool ok = read_types(key(keys, "token_type"), mark, n, &added, e) &&
                    read_tokens(t, tokens, mark, added, e);
    free(mark);
    return ok;
}

static bool read_named(gn_tokenizer *t, const gn_value *keys, gn_error *e) {
    static const char *const name[GN_NAMED_TOKENS] = {
        "bos_token_id", "eos_token_id", "eot_token_id", "padding_token_id", "unknown_token_id"};
    for (int k = 0; k < GN_NAMED_TOKENS; k++) {
        const gn_value *v = key(keys, name[k]);
        int64_t id;
        if (!v)
            continue;
        if (!gn_value_to_integer(v, &id) || id < 0 || id >= t->vocab.size)
            return gn_fail(e, GN_FORMAT, "tokenizer.ggml.%s is no id of the %d tokens", name[k],
                           t->vocab.size);
        t->named[k] = (int32_t)id;
    }
    return true;
}

static bool add_named(const gn_tokenizer *t, const char *name, gn_ids *out, gn_error *e) {
    const int32_t id = gn_tokenizer_named(t, name);
    if (id < 0)
        return gn_fail(e, GN_FORMAT, "tokenizer.ggml.add_%s_token is set and %s_token_id is not",
                       name, name);
    return gn_ids_add(out, id) || gn_fail(e, GN_NO_MEMORY, "out of memory");
}

static bool read_additions(gn_tokenizer *t, const gn_value *keys, const family *f, gn_error *e) {
    bool bos, eos, space;
    if (!flag(&bos, keys, "add_bos_token", f->add_bos, e) ||
        !flag(&eos, keys, "add_eos_token", false, e) ||
        !flag(&space, keys, "add_space_prefix", false, e))
        return false;
    if (space)
        return gn_fail(e, GN_UNSUPPORTED,
                       "tokenizer.ggml.add_space_prefix is not supported for gpt2 vocabularies");
    return (!bos || add_named(t, "bos", &t->before, e)) &&
           (!eos || add_named(t, "eos", &t->after, e));
}

static bool read_merges(gn_tokenizer *t, const gn_value *keys, const family *f, gn_error *e) {
    const gn_value *list = key(keys, "merges");
    const gn_bpe_options options = {
        .bytes = true, .ignore_merges = f->ignore_merges, .unknown = -1};
    if (!gn_value_is(list, GN_LIST))
        return gn_fail(e, GN_FORMAT, "no tokenizer.ggml.merges");
    return gn_tokenizer_finish_later(t, list, options, e);
}

static bool read(gn_tokenizer *t, const gn_value *keys, gn_error *e) {
    const gn_slice pre = gn_value_text(key(keys, "pre"));
    const family *f = family_of(pre);
    if (!check_model(keys, e))
        return false;
    if (pre.len == 0)
        return gn_fail(e, GN_FORMAT, "no tokenizer.ggml.pre: how text is cut is not said");
    if (!f)
        return gn_fail(e, GN_UNSUPPORTED, "tokenizer.ggml.pre '%.*s' is not supported",
                       (int)pre.len, pre.data);
    snprintf(t->pre, sizeof t->pre, "%.*s", (int)pre.len, pre.data);
    return set_pipeline(t, f, e) && read_vocab(t, keys, e) && read_named(t, keys, e) &&
           read_additions(t, keys, f, e) && read_merges(t, keys, f, e);
}

gn_tokenizer *gn_tokenizer_from_gguf(const gn_value *keys, gn_error *e) {
    gn_tokenizer *t = gn_tokenizer_new(e);
    if (t && !read(t, keys, e)) {
        gn_context(e, "tokenizer");
        gn_tokenizer_free(t);
        return NULL;
    }
    return t;
}
