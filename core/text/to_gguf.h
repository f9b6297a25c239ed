/* to_gguf.h - what a tokenizer from tokenizer.json is called and listed as in a GGUF. */
#ifndef GN_TEXT_TO_GGUF_H
#define GN_TEXT_TO_GGUF_H

#include "core/text/tokenizer.h"

/* The values of the tokenizer.ggml keys. Slices are borrowed from the tokenizer, the
 * json and the arena. */
typedef struct gn_gguf_tokenizer {
    const char *pre;
    gn_slice *token; /* [size], in the byte alphabet */
    int32_t *type;   /* [size] */
    size_t size;
    gn_slice *merge; /* [merges] "A B" */
    size_t merges;
    int32_t bos, eos, eot, pad, unknown; /* -1: none */
    bool add_bos, add_eos;
} gn_gguf_tokenizer;

/* json: the tokenizer.json t was made from. Ids up to vocab without a token are filled
 * with unused ones. GN_UNSUPPORTED names what a GGUF has no word for: a pipeline that
 * is none of the families, an added token with conditions, a template of more than one
 * token before and one after. */
bool gn_tokenizer_to_gguf(const gn_tokenizer *t, const gn_value *json, int vocab, gn_arena *a,
                          gn_gguf_tokenizer *out, gn_error *e);

#endif
