/* from_json.c - a tokenizer from tokenizer.json, as Hugging Face's tokenizers reads it.
 *
 * The file alone decides what text becomes. tokenizer_config.json adds tokens
 * the file lacks and tells which are bos, eos, pad and unk; the class it names
 * is not looked at, since it has been wrong (spec/model.md, trap 26).
 */
#include "core/text/flag.h"
#include "core/text/internal.h"

#include <inttypes.h>
#include <stdio.h>

static bool is_absent(const gn_value *v) { return !v || gn_value_is(v, GN_NULL); }

/* --- the vocabulary --- */

/* Added tokens are gathered first: the vocabulary must have room for their ids. */
typedef struct gathered {
    gn_tokenizer *t;
    size_t room;
    gn_map index; /* content -> place in t->added */
} gathered;

static bool keep(gn_tokenizer *t, gn_slice *text, gn_error *e) {
    *text = gn_arena_copy(&t->arena, *text);
    return text->data || gn_fail(e, GN_NO_MEMORY, "out of memory for the added tokens");
}

/* Add a token unless its content is there; id -1: the plain piece's. */
static bool gather(gathered *g, gn_added token, gn_error *e) {
    gn_tokenizer *t = g->t;
    if (token.content.len == 0 || gn_map_get(&g->index, token.content, NULL))
        return true;
    if (!keep(t, &token.content, e))
        return false;
    if (!gn_vec_reserve(&t->added, &g->room, (size_t)t->n_added + 1, sizeof *t->added) ||
        !gn_map_set(&g->index, token.content, t->n_added))
        return gn_fail(e, GN_NO_MEMORY, "out of memory for the added tokens");
    t->added[t->n_added++] = token;
    return true;
}

static bool gather_one(gathered *g, const gn_value *json, int64_t id, gn_error *e) {
    gn_added token = {.content = gn_value_text(gn_value_get(json, GN_S("content")))};
    if (!gn_value_is(gn_value_get(json, GN_S("content")), GN_STRING) || id < 0 || id > INT32_MAX)
        return gn_fail(e, GN_FORMAT, "added token %d: want a content and an id", g->t->n_added);
    token.id = (int32_t)id;
    return gn_flag(&token.single_word, json, "single_word", false, e) &&
           gn_flag(&token.left, json, "lstrip", false, e) &&
           gn_flag(&token.right, json, "rstrip", false, e) &&
           gn_flag(&token.special, json, "special", false, e) &&
           gn_flag(&token.normalised, json, "normalized", !token.special, e) && gather(g, token, e);
}

/* tokenizer.json's added_tokens, then those of tokenizer_config.json it lacks. */
static bool gather_all(gathered *g, const gn_value *json, const gn_value *config, gn_error *e) {
    const gn_value *list = gn_value_get(json, GN_S("added_tokens"));
    const gn_value *more = gn_value_get(config, GN_S("added_tokens_decoder"));
    for (size_t k = 0; k < gn_value_count(list); k++) {
        const gn_value *token = gn_value_at(list, k);
        int64_t id = -1;
        gn_value_to_integer(gn_value_get(token, GN_S("id")), &id);
        if (!gather_one(g, token, id, e))
            return false;
    }
    for (size_t k = 0; gn_value_is(more, GN_MAP) && k < more->map.count; k++) {
        int64_t id = -1;
        gn_parse_integer(more->map.entry[k].key, &id);
        if (!gather_one(g, more->map.entry[k].value, id, e))
            return false;
    }
    return true;
}

/* The largest id + 1 of model and added tokens, and the bytes of the model's pieces. */
static bool measure(const gn_tokenizer *t, const gn_value *vocab, size_t *size, size_t *bytes,
                    gn_error *e) {
    int64_t most = -1;
    *size = *bytes = 0;
    for (size_t k = 0; k < vocab->map.count; k++) {
        const gn_entry *entry = &vocab->map.entry[k];
        int64_t id;
        if (!gn_value_to_integer(entry->value, &id) || id < 0 || id > INT32_MAX)
            return gn_fail(e, GN_FORMAT, "model.vocab: '%.*s' has no id", (int)entry->key.len,
                           entry->key.data);
        most = id > most ? id : most;
        *bytes += entry->key.len;
    }
    for (int k = 0; k < t->n_added; k++)
        most = t->added[k].id > most ? t->added[k].id : most;
    *size = (size_t)(most + 1);
    /* room is made for every id up to the largest: a small file may not ask for much */
    const size_t count = vocab->map.count + (size_t)t->n_added;
    if (*size > 8 * count + 65536)
        return gn_fail(e, GN_FORMAT, "%zu tokens, and ids up to %" PRId64, count, most);
    return true;
}

static bool read_vocab(gn_tokenizer *t, const gn_value *vocab, gn_error *e) {
    size_t size = 0, bytes = 0;
    if (!gn_value_is(vocab, GN_MAP))
        return gn_fail(e, GN_FORMAT, "no model.vocab");
    if (!measure(t, vocab, &size, &bytes, e) ||
        !gn_vocab_init(&t->vocab, size, (size_t)t->n_added + 8, e))
        return false;
    char *text = gn_arena_alloc(&t->arena, bytes + 1);
    if (!text)
        return gn_fail(e, GN_NO_MEMORY, "out of memory for %zu tokens", size);
    for (size_t k = 0; k < vocab->map.count; k++) {
        const gn_entry *entry = &vocab->map.entry[k];
        const gn_slice piece = {text, entry->key.len};
        int64_t id = -1;
        gn_value_to_integer(entry->value, &id);
        if (piece.len)
            memcpy(text, entry->key.data, piece.len);
        text += piece.len;
        if (!gn_vocab_put(&t->vocab, id, piece, GN_PIECE_PLAIN, e))
            return false;
    }
    return gn_vocab_index(&t->vocab, e);
}

static bool put_added(gn_tokenizer *t, const gn_added *a, gn_error *e) {
    const int32_t plain = gn_vocab_plain(&t->vocab, a->content);
    if (plain >= 0 && plain != a->id)
        return gn_fail(e, GN_FORMAT, "added token '%.*s' has id %d, in model.vocab %d",
                       (int)a->content.len, a->content.data, a->id, plain);
    return gn_vocab_put(&t->vocab, a->id, a->content,
                        GN_PIECE_ADDED | (a->special ? GN_PIECE_SPECIAL : 0u), e);
}

/* --- named tokens --- */

/* A name is a string or an added token with its flags. */
static gn_slice named_text(const gn_value *v) {
    return gn_value_text(gn_value_is(v, GN_MAP) ? gn_value_get(v, GN_S("content")) : v);
}

/* A token that the configuration calls special is looked for in text, also where the
 * added tokens lack it. */
static bool make_special(gathered *g, gn_slice content, gn_error *e) {
    gn_tokenizer *t = g->t;
    const int32_t id = gn_vocab_plain(&t->vocab, content);
    const int before = t->n_added;
    if (id < 0)
        return true;
    return gather(g, (gn_added){.id = id, .content = content, .special = true}, e) &&
           (t->n_added == before || put_added(t, &t->added[before], e));
}

static bool read_named(gathered *g, const gn_value *config, gn_error *e) {
    gn_tokenizer *t = g->t;
    const gn_value *extra = gn_value_get(config, GN_S("additional_special_tokens"));
    for (int k = 0; k < GN_NAMED_TOKENS; k++) {
        char name[16];
        snprintf(name, sizeof name, "%s_token", gn_named_token[k]);
        const gn_slice text = named_text(gn_value_get(config, gn_slice_of(name)));
        if (text.len == 0)
            continue;
        if (!make_special(g, text, e))
            return false;
        t->named[k] = gn_token_find(t, text);
    }
    for (size_t k = 0; k < gn_value_count(extra); k++)
        if (!make_special(g, named_text(gn_value_at(extra, k)), e))
            return false;
    return true;
}

static bool read_tokens(gn_tokenizer *t, const gn_value *json, const gn_value *config,
                        gn_error *e) {
    const gn_value *vocab = gn_value_get(gn_value_get(json, GN_S("model")), GN_S("vocab"));
    gathered g = {.t = t};
    bool ok = gather_all(&g, json, config, e) && read_vocab(t, vocab, e);
    for (int k = 0; ok && k < t->n_added; k++)
        ok = put_added(t, &t->added[k], e);
    ok = ok && read_named(&g, config, e);
    gn_map_release(&g.index);
    return ok;
}

/* --- the post-processor --- */

static bool add_template_token(gn_tokenizer *t, const gn_value *special, gn_slice name, gn_ids *out,
                               gn_error *e) {
    const gn_value *ids = gn_value_get(gn_value_get(special, name), GN_S("ids"));
    for (size_t k = 0; k < gn_value_count(ids); k++) {
        int64_t id;
        if (!gn_value_to_integer(gn_value_at(ids, k), &id) || !gn_vocab_has(&t->vocab, id))
            return gn_fail(e, GN_FORMAT, "post_processor: '%.*s' is no token", (int)name.len,
                           name.data);
        if (!gn_ids_add(out, (int32_t)id))
            return gn_fail(e, GN_NO_MEMORY, "out of memory");
    }
    return gn_value_count(ids) ||
           gn_fail(e, GN_FORMAT, "post_processor: '%.*s' has no ids", (int)name.len, name.data);
}

/* What a template puts before and behind the text; around what was there. */
static bool read_template(gn_tokenizer *t, const gn_value *json, gn_error *e) {
    const gn_value *single = gn_value_get(json, GN_S("single"));
    const gn_value *special = gn_value_get(json, GN_S("special_tokens"));
    gn_ids before = {0}, after = {0};
    int sequences = 0;
    bool ok = true;
    for (size_t k = 0; ok && k < gn_value_count(single); k++) {
        const gn_value *part = gn_value_at(single, k);
        const gn_value *token = gn_value_get(part, GN_S("SpecialToken"));
        if (gn_value_get(part, GN_S("Sequence")))
            sequences++;
        else if (token)
            ok = add_template_token(t, special, gn_value_text(gn_value_get(token, GN_S("id"))),
                                    sequences ? &after : &before, e);
        else
            ok = gn_fail(e, GN_FORMAT, "post_processor: part %zu of the template is unknown", k);
    }
    if (ok && sequences != 1)
        ok = gn_fail(e, GN_UNSUPPORTED, "post_processor: the text stands %d times in the template",
                     sequences);
    ok = ok && ((gn_ids_append(&before, t->before.id, t->before.count) &&
                 gn_ids_append(&t->after, after.id, after.count)) ||
                gn_fail(e, GN_NO_MEMORY, "out of memory"));
    const gn_ids was = t->before;
    t->before = before;
    before = was;
    gn_ids_release(&before);
    gn_ids_release(&after);
    return ok;
}

static bool read_post_processor(gn_tokenizer *t, const gn_value *json, gn_error *e) {
    if (is_absent(json))
        return true;
    const gn_slice type = gn_value_text(gn_value_get(json, GN_S("type")));
    if (gn_slice_is(type, "ByteLevel"))
        return true; /* it only moves offsets */
    if (gn_slice_is(type, "TemplateProcessing"))
        return read_template(t, json, e);
    if (!gn_slice_is(type, "Sequence"))
        return gn_fail(e, GN_UNSUPPORTED, "post_processor: type '%.*s' is not supported",
                       (int)type.len, type.data);
    const gn_value *list = gn_value_get(json, GN_S("processors"));
    for (size_t k = 0; k < gn_value_count(list); k++)
        if (!read_post_processor(t, gn_value_at(list, k), e))
            return false;
    return true;
}

/* --- the model --- */

static bool check_model(const gn_value *model, gn_error *e) {
    static const char *const known[] = {"type",
                                        "vocab",
                                        "merges",
                                        "dropout",
                                        "unk_token",
                                        "byte_fallback",
                                        "fuse_unk",
                                        "ignore_merges",
                                        "continuing_subword_prefix",
                                        "end_of_word_suffix"};
    const gn_value *type = gn_value_get(model, GN_S("type"));
    const gn_slice name = gn_value_text(type);
    if (!gn_value_is(model, GN_MAP))
        return gn_fail(e, GN_FORMAT, "no model");
    if (type && !gn_slice_is(name, "BPE"))
        return gn_fail(e, GN_UNSUPPORTED, "model: type '%.*s' is not supported; BPE is",
                       (int)name.len, name.data);
    for (size_t k = 0; k < model->map.count; k++) {
        const gn_slice key = model->map.entry[k].key;
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            found |= gn_slice_is(key, known[i]);
        if (!found)
            return gn_fail(e, GN_UNSUPPORTED, "model: '%.*s' is unknown", (int)key.len, key.data);
    }
    return true;
}

static bool check_unused(const gn_value *model, gn_error *e) {
    static const char *const affix[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    const gn_value *dropout = gn_value_get(model, GN_S("dropout"));
    double rate = 1;
    if (!is_absent(dropout) && (!gn_value_to_number(dropout, &rate) || rate != 0))
        return gn_fail(e, GN_UNSUPPORTED, "model: dropout is not supported");
    for (int k = 0; k < 2; k++) {
        const gn_value *v = gn_value_get(model, gn_slice_of(affix[k]));
        if (!is_absent(v) && !(gn_value_is(v, GN_STRING) && v->string.len == 0))
            return gn_fail(e, GN_UNSUPPORTED, "model: a %s is not supported", affix[k]);
    }
    return true;
}

static bool read_options(gn_tokenizer *t, const gn_value *model, gn_bpe_options *o, gn_error *e) {
    const gn_value *unknown = gn_value_get(model, GN_S("unk_token"));
    const gn_slice text = gn_value_text(unknown);
    *o = (gn_bpe_options){.bytes = t->splitter.bytes, .unknown = -1};
    if (!gn_flag(&o->ignore_merges, model, "ignore_merges", false, e) ||
        !gn_flag(&o->byte_fallback, model, "byte_fallback", false, e) ||
        !gn_flag(&o->fuse_unknown, model, "fuse_unk", false, e))
        return false;
    if (is_absent(unknown))
        return true;
    o->unknown = gn_vocab_plain(&t->vocab, text);
    if (o->unknown < 0)
        return gn_fail(e, GN_FORMAT, "model: unk_token '%.*s' is not in the vocabulary",
                       (int)text.len, text.data);
    int32_t *named = &t->named[GN_NAMED_TOKENS - 1];
    *named = *named < 0 ? o->unknown : *named;
    return true;
}

static bool add_merge(gn_merges *m, gn_vocab *v, const gn_value *json, gn_error *e) {
    if (gn_value_is(json, GN_STRING))
        return gn_merges_add_line(m, v, json->string, e);
    if (gn_value_count(json) != 2 || !gn_value_is(gn_value_at(json, 1), GN_STRING))
        return gn_fail(e, GN_FORMAT, "merge %zu: want \"A B\" or [\"A\", \"B\"]", m->count);
    return gn_merges_add(m, v, gn_value_text(gn_value_at(json, 0)),
                         gn_value_text(gn_value_at(json, 1)), e);
}

static bool read_model(gn_tokenizer *t, const gn_value *model, gn_error *e) {
    const gn_value *list = gn_value_get(model, GN_S("merges"));
    gn_bpe_options options;
    gn_merges m;
    if (!gn_value_is(list, GN_LIST))
        return gn_fail(e, GN_FORMAT, "no model.merges");
    if (!read_options(t, model, &options, e))
        return false;
    bool ok = gn_merges_init(&m, list->list.count, e);
    for (size_t k = 0; ok && k < list->list.count; k++)
        ok = add_merge(&m, &t->vocab, list->list.item[k], e);
    ok = ok && gn_tokenizer_finish(t, &m, options, e);
    gn_merges_release(&m);
    return ok;
}

static bool read(gn_tokenizer *t, const gn_value *json, const gn_value *config, gn_error *e) {
    const gn_value *model = gn_value_get(json, GN_S("model"));
    const gn_value *decoder = gn_value_get(json, GN_S("decoder"));
    if (!gn_value_is(json, GN_MAP))
        return gn_fail(e, GN_FORMAT, "not a tokenizer.json");
    if (!check_model(model, e) || !check_unused(model, e) ||
        !gn_normaliser_parse(&t->normaliser, gn_value_get(json, GN_S("normalizer")), &t->arena,
                             e) ||
        !gn_splitter_parse(&t->splitter, gn_value_get(json, GN_S("pre_tokenizer")), &t->arena, e))
        return false;
    if (is_absent(decoder))
        return gn_fail(e, GN_UNSUPPORTED, "no decoder: how tokens are joined is not said");
    snprintf(t->pre, sizeof t->pre, "%s", t->splitter.count ? t->splitter.name : "none");
    return gn_decoder_parse(&t->decoder, decoder, &t->arena, e) &&
           read_tokens(t, json, config, e) &&
           read_post_processor(t, gn_value_get(json, GN_S("post_processor")), e) &&
           read_model(t, model, e);
}

gn_tokenizer *gn_tokenizer_from_json(const gn_value *json, const gn_value *config, gn_error *e) {
    gn_tokenizer *t = gn_tokenizer_new(e);
    if (t && !read(t, json, config, e)) {
        gn_context(e, "tokenizer");
        gn_tokenizer_free(t);
        return NULL;
    }
    return t;
}
