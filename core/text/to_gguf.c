/* to_gguf.c - see to_gguf.h.
 *
 * A GGUF says three things of a tokenizer: a list of tokens with a type each, a list of
 * merges, and the name of a family that stands for all the rest. What the rest is, the
 * family's row in from_gguf.c tells; a pipeline that differs from every row in any way
 * is refused, since whoever reads the file would cut text differently.
 */
#include "core/text/to_gguf.h"

#include "core/text/alphabet.h"
#include "core/text/internal.h"

#include <stdio.h>

enum { NORMAL = 1, CONTROL = 3, USER_DEFINED = 4, UNUSED = 5 };

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

/* ---- what cannot be said ---------------------------------------------------- */

static bool flag(const gn_value *model, const char *name) {
    const gn_value *v = gn_value_get(model, gn_slice_of(name));
    return gn_value_is(v, GN_BOOL) && v->boolean;
}

/* With every byte's letter in the vocabulary no symbol is ever unknown. */
static bool knows_all_bytes(const gn_tokenizer *t) {
    for (int byte = 0; byte < 256; byte++) {
        char letter[2];
        const size_t n = gn_alphabet_put(letter, (uint8_t)byte);
        if (gn_vocab_plain(&t->vocab, (gn_slice){letter, n}) < 0)
            return false;
    }
    return true;
}

static bool check_model(const gn_tokenizer *t, const gn_value *model, gn_error *e) {
    const gn_value *unknown = gn_value_get(model, GN_S("unk_token"));
    if (flag(model, "byte_fallback"))
        return gn_fail(e, GN_UNSUPPORTED, "model.byte_fallback has no key in a GGUF");
    if (gn_value_is(unknown, GN_STRING) && !knows_all_bytes(t))
        return gn_fail(e, GN_UNSUPPORTED,
                       "model.unk_token has no key in a GGUF, and the vocabulary lacks letters of "
                       "some bytes");
    return true;
}

static bool check_decoder(const gn_tokenizer *t, gn_error *e) {
    return t->decoder.bytes ||
           gn_fail(e, GN_UNSUPPORTED, "a decoder other than ByteLevel has no name in a GGUF");
}

/* An added token is found wherever its text stands; that is all a type can say. */
static bool check_added(const gn_tokenizer *t, gn_error *e) {
    for (int i = 0; i < t->n_added; i++) {
        const gn_added *a = &t->added[i];
        const char *condition = a->single_word                             ? "single_word"
                                : a->left                                  ? "lstrip"
                                : a->right                                 ? "rstrip"
                                : a->normalised && t->normaliser.count > 0 ? "normalized"
                                                                           : NULL;
        if (condition)
            return gn_fail(e, GN_UNSUPPORTED, "added token '%.*s': %s has no word in a GGUF",
                           (int)(a->content.len < 60 ? a->content.len : 60), a->content.data,
                           condition);
    }
    return true;
}

/* ---- lists -------------------------------------------------------------------- */

static bool looks_special(gn_slice text) {
    return text.len > 4 && gn_slice_starts(text, GN_S("<|")) && gn_slice_ends(text, GN_S("|>"));
}

static bool list_tokens(const gn_tokenizer *t, int vocab, gn_arena *a, gn_gguf_tokenizer *out,
                        gn_error *e) {
    if (t->vocab.size > vocab)
        return gn_fail(e, GN_UNSUPPORTED,
                       "ids up to %d for a model of %d tokens; a GGUF lists as many as the model "
                       "has",
                       t->vocab.size - 1, vocab);
    out->size = (size_t)vocab;
    out->token = gn_arena_alloc(a, out->size * sizeof *out->token + 1);
    out->type = gn_arena_alloc(a, out->size * sizeof *out->type + 1);
    if (!out->token || !out->type)
        return no_memory(e);
    for (int id = 0; id < vocab; id++) {
        const unsigned mark = id < t->vocab.size ? t->vocab.mark[id] : 0;
        char filler[32];
        if (mark == 0 || mark & GN_PIECE_UNUSED) {
            const int n = snprintf(filler, sizeof filler, "[PAD%d]", id);
            out->token[id] = gn_arena_copy(a, (gn_slice){filler, (size_t)n});
            if (!out->token[id].data)
                return no_memory(e);
            out->type[id] = UNUSED;
            continue;
        }
        out->token[id] = t->vocab.piece[id];
        out->type[id] = !(mark & GN_PIECE_ADDED) ? NORMAL
                        : mark & GN_PIECE_SPECIAL || looks_special(t->vocab.piece[id])
                            ? CONTROL
                            : USER_DEFINED;
    }
    return true;
}

static bool one_merge(const gn_value *v, gn_arena *a, gn_slice *out, gn_error *e) {
    if (gn_value_is(v, GN_STRING)) {
        *out = v->string;
        return true;
    }
    const gn_slice left = gn_value_text(gn_value_at(v, 0)),
                   right = gn_value_text(gn_value_at(v, 1));
    char *line = gn_arena_alloc(a, left.len + right.len + 1);
    if (!line)
        return no_memory(e);
    if (left.len && memchr(left.data, ' ', left.len))
        return gn_fail(e, GN_UNSUPPORTED, "merge of '%.*s': a GGUF cuts a merge at its first space",
                       (int)left.len, left.data);
    memcpy(line, left.data, left.len);
    line[left.len] = ' ';
    memcpy(line + left.len + 1, right.data, right.len);
    *out = (gn_slice){line, left.len + right.len + 1};
    return true;
}

static bool list_merges(const gn_value *model, gn_arena *a, gn_gguf_tokenizer *out, gn_error *e) {
    const gn_value *list = gn_value_get(model, GN_S("merges"));
    out->merges = gn_value_count(list);
    out->merge = gn_arena_alloc(a, out->merges * sizeof *out->merge + 1);
    if (!out->merge)
        return no_memory(e);
    for (size_t i = 0; i < out->merges; i++)
        if (!one_merge(gn_value_at(list, i), a, &out->merge[i], e))
            return false;
    return true;
}

/* ---- what is added to a text ---------------------------------------------------- */

/* One token at most, and it is the one that is named so, or takes the name. */
static bool one_addition(const gn_ids *added, const char *name, int32_t *id, bool *adds,
                         gn_error *e) {
    *adds = added->count > 0;
    if (!*adds)
        return true;
    if (added->count > 1)
        return gn_fail(e, GN_UNSUPPORTED,
                       "post_processor: %zu tokens where a GGUF can only say whether the %s token "
                       "is added",
                       added->count, name);
    *id = added->id[0];
    return true;
}

bool gn_tokenizer_to_gguf(const gn_tokenizer *t, const gn_value *json, int vocab, gn_arena *a,
                          gn_gguf_tokenizer *out, gn_error *e) {
    const gn_value *model = gn_value_get(json, GN_S("model"));
    *out = (gn_gguf_tokenizer){.bos = gn_tokenizer_named(t, "bos"),
                               .eos = gn_tokenizer_named(t, "eos"),
                               .eot = gn_tokenizer_named(t, "eot"),
                               .pad = gn_tokenizer_named(t, "pad"),
                               .unknown = gn_tokenizer_named(t, "unk")};
    const bool ok = (out->pre = gn_gguf_family(t, flag(model, "ignore_merges"), e)) != NULL &&
                    check_model(t, model, e) && check_decoder(t, e) && check_added(t, e) &&
                    one_addition(&t->before, "bos", &out->bos, &out->add_bos, e) &&
                    one_addition(&t->after, "eos", &out->eos, &out->add_eos, e) &&
                    list_tokens(t, vocab, a, out, e) && list_merges(model, a, out, e);
    return ok || gn_context(e, "tokenizer");
}
