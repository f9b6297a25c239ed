/* decode.h - the decoder: what becomes of tokens' pieces when they are joined again. */
#ifndef GN_TEXT_DECODE_H
#define GN_TEXT_DECODE_H

#include "core/text/pattern.h"

typedef enum gn_decode_kind {
    GN_DECODE_BYTES,    /* ByteLevel: characters of the alphabet are bytes */
    GN_DECODE_REPLACE,  /* in each piece */
    GN_DECODE_FALLBACK, /* <0x..> are bytes */
    GN_DECODE_FUSE,     /* all pieces become one */
    GN_DECODE_STRIP,    /* characters at the ends of each piece */
} gn_decode_kind;

typedef struct gn_decode_step {
    gn_decode_kind kind;
    gn_pattern pattern;
    gn_slice text;       /* a match's replacement; the character stripped */
    int64_t left, right; /* how many of them at most */
} gn_decode_step;

enum { GN_MAX_DECODES = 16 };

typedef struct gn_decoder {
    gn_decode_step step[GN_MAX_DECODES];
    int count;
    bool bytes; /* ByteLevel is the only step */
} gn_decoder;

/* From tokenizer.json's decoder. Keeps what it needs in a. */
bool gn_decoder_parse(gn_decoder *d, const gn_value *json, gn_arena *a, gn_error *e);
void gn_decoder_byte_level(gn_decoder *d);
void gn_decoder_release(gn_decoder *d);

/* Append the bytes a piece stands for wherever it stands: nothing is fused or stripped. */
bool gn_decoder_piece(const gn_decoder *d, gn_slice piece, gn_str *out, gn_error *e);
/* Append the text of pieces [n], all steps done; U+FFFD for what is no UTF-8. */
bool gn_decoder_run(const gn_decoder *d, const gn_slice *piece, size_t n, gn_str *out, gn_error *e);

void gn_decoder_describe(const gn_decoder *d, gn_str *out);

#endif
