/* internal.h - what a tokenizer is made of; for the files of core/text alone. */
#ifndef GN_TEXT_INTERNAL_H
#define GN_TEXT_INTERNAL_H

#include "core/text/added.h"
#include "core/text/bpe.h"
#include "core/text/decode.h"
#include "core/text/normal.h"
#include "core/text/split.h"
#include "core/text/tokenizer.h"
#include "core/text/vocab.h"

enum { GN_NAMED_TOKENS = 5 }; /* bos, eos, eot, pad, unk */
extern const char *const gn_named_token[GN_NAMED_TOKENS];

struct gn_tokenizer {
    gn_arena arena; /* strings of the pipeline and, from JSON, of the vocabulary */
    gn_vocab vocab;
    gn_normaliser normaliser;
    gn_splitter splitter;
    const gn_value *lines; /* merges that have not been read; bpe is NULL until they are */
    gn_bpe_options options;
    gn_bpe *bpe;
    gn_decoder decoder;
    gn_added *added; /* [n_added] */
    int n_added;
    gn_finder raw, normalised; /* which are looked for before, and after, normalising */
    gn_ids before, after;      /* what the post-processor adds */
    int32_t named[GN_NAMED_TOKENS];
    char pre[64];
    bool digested;
    uint8_t sha[32];
    gn_str repaired, normal; /* scratch of gn_encode() */
};

/* An empty one, with no named tokens; NULL when out of memory. */
gn_tokenizer *gn_tokenizer_new(gn_error *e);

/* What a GGUF calls t's pipeline (from_gguf.c); NULL with e set: it has no name for it. */
const char *gn_gguf_family(const gn_tokenizer *t, bool ignore_merges, gn_error *e);

/* Merges while they are gathered: the halves' texts become ids. */
typedef struct gn_merges {
    gn_merge *merge;
    size_t count;
    gn_str joined;  /* scratch */
    bool mixed;     /* the vocabulary does not tell whether an added token is a plain one too */
    int32_t expect; /* vocabularies list what merges make in the order of the merges */
} gn_merges;
bool gn_merges_init(gn_merges *m, size_t count, gn_error *e);
void gn_merges_release(gn_merges *m);
bool gn_merges_add(gn_merges *m, gn_vocab *v, gn_slice left, gn_slice right, gn_error *e);
/* "left right", cut at the first space. */
bool gn_merges_add_line(gn_merges *m, gn_vocab *v, gn_slice line, gn_error *e);

/* Once vocabulary, pipeline, added tokens and names are there: spell the tokens, sort the
 * added ones, build the merge table and the digest. */
bool gn_tokenizer_finish(gn_tokenizer *t, const gn_merges *m, gn_bpe_options options, gn_error *e);
/* The same, but "left right" lines, which must outlive t, are read when text is first encoded or
 * the digest asked for, and what is wrong with them is said then. */
bool gn_tokenizer_finish_later(gn_tokenizer *t, const gn_value *lines, gn_bpe_options options,
                               gn_error *e);

#endif
