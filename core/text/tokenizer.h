/* tokenizer.h - text <-> tokens: byte-level BPE as Hugging Face's tokenizers does it.
 *
 *   added tokens are cut out of the raw text; what is between is normalised,
 *   cut into pieces by the pre-tokeniser, and each piece merged by rank.
 *
 * Made from tokenizer.json or from a GGUF's keys. A pipeline step we do not
 * know is refused by name: a wrong token is worse than none.
 */
#ifndef GN_TEXT_TOKENIZER_H
#define GN_TEXT_TOKENIZER_H

#include "core/base/value.h"
#include "core/base/vec.h"

typedef struct gn_tokenizer gn_tokenizer;

/* json: tokenizer.json. config: tokenizer_config.json, may be NULL (its added
 * tokens and bos/eos/pad/unk names; never its tokenizer_class). The values may
 * be freed afterwards. Free with gn_tokenizer_free(). */
gn_tokenizer *gn_tokenizer_from_json(const gn_value *json, const gn_value *config, gn_error *e);
/* keys: the tokenizer.ggml.* section, which must outlive it. Its merges are read when text is first
 * encoded: a hundred thousand of them are a noticeable part of the time to a first token. */
gn_tokenizer *gn_tokenizer_from_gguf(const gn_value *keys, gn_error *e);
void gn_tokenizer_free(gn_tokenizer *t);

enum {
    GN_ADD_SPECIAL = 1, /* what the post-processor adds (a BOS where there is one) */
    GN_LITERAL = 2,     /* no added token is recognised in the text: all of it is plain */
};
/* Appends to out. Invalid UTF-8 is read as U+FFFD, one per maximal part. Safe for
 * several threads only with a tokenizer each (it caches pieces). */
bool gn_encode(gn_tokenizer *t, gn_slice text, unsigned flags, gn_ids *out, gn_error *e);

/* The text of ids, U+FFFD where their bytes are no UTF-8. An id outside the
 * vocabulary is GN_INVALID. */
bool gn_decode(const gn_tokenizer *t, const int32_t *id, size_t n, bool skip_special, gn_str *out,
               gn_error *e);

/* The bytes one token stands for; not always whole characters. Empty for an id
 * without a token. Borrowed. */
gn_slice gn_token_bytes(const gn_tokenizer *t, int32_t id);
/* The token as the vocabulary spells it ("Ġthe"), or an added token's content. */
gn_slice gn_token_piece(const gn_tokenizer *t, int32_t id);
bool gn_token_is_special(const gn_tokenizer *t, int32_t id);
bool gn_token_is_added(const gn_tokenizer *t, int32_t id);
/* The id of an added token by its content, or of a plain token by its piece; -1. */
int32_t gn_token_find(const gn_tokenizer *t, gn_slice piece);

int gn_tokenizer_size(const gn_tokenizer *t); /* largest id + 1 */
/* Named tokens, -1 where there is none: "bos", "eos", "eot", "pad", "unk". */
int32_t gn_tokenizer_named(const gn_tokenizer *t, const char *name);
bool gn_tokenizer_adds_bos(const gn_tokenizer *t);
const char *gn_tokenizer_kind(const gn_tokenizer *t); /* "bpe" */
const char *gn_tokenizer_pre(const gn_tokenizer *t);  /* "dbrx", "smollm", "split+bytelevel", ... */
/* Over vocabulary, merges, added tokens and pipeline: equal for equal behaviour. 32 bytes. Fails
 * where encoding would: at broken merges of a GGUF. */
bool gn_tokenizer_sha(gn_tokenizer *t, uint8_t digest[32], gn_error *e);

/* Streaming decode: bytes of tokens in, whole characters out. Zeroed it is empty. */
typedef struct gn_text_stream {
    char held[4];
    int n;
} gn_text_stream;
/* Appends what has become complete; incomplete tails wait, broken ones become U+FFFD. */
void gn_text_stream_add(gn_text_stream *s, gn_slice bytes, gn_str *out);
void gn_text_stream_end(gn_text_stream *s, gn_str *out);

#endif
