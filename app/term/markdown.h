/* markdown.h - markdown to blocks and to a mark for each byte.
 *
 * Made for text that is still being written: blocks come one by one, a block says
 * whether more text can still change it, and what is open at the text's end (emphasis, a
 * fence, a table) is taken for what it is becoming. No byte is dropped: marks hide some.
 * Line breaks stay line breaks, since answers of models mean them.
 */
#ifndef GN_TUI_MARKDOWN_H
#define GN_TUI_MARKDOWN_H

#include "core/gneiss.h"

typedef enum gn_block_kind {
    GN_BLOCK_TEXT, /* lines that belong together, blank ones too */
    GN_BLOCK_HEADING,
    GN_BLOCK_ITEM,  /* one line of a list; body: after its mark */
    GN_BLOCK_QUOTE, /* one line; body: after the ">" */
    GN_BLOCK_RULE,
    GN_BLOCK_FENCE, /* the line that opens or closes code */
    GN_BLOCK_CODE,  /* one line of code */
    GN_BLOCK_TABLE,
    GN_BLOCK_CALL, /* <tool_call> ... </tool_call> */
    GN_BLOCK_SPAN, /* a line <think> or </think>: around what can be folded */
} gn_block_kind;

typedef struct gn_block {
    gn_block_kind kind;
    size_t first, end; /* bytes; without the last line break */
    size_t body;
    int number;    /* of code: which block of the text, from 1 */
    bool opens;    /* of FENCE, SPAN */
    bool in_span;  /* between the lines of a SPAN */
    bool complete; /* no text that follows can change it */
} gn_block;

/* Where a text was read up to. Zeroed: its beginning. A value: keep a copy to come back. */
typedef struct gn_markdown {
    size_t at;
    char fence; /* '`' or '~' within code */
    size_t fence_len;
    int blocks; /* of code so far */
    bool in_span;
    char span[16]; /* the name of the one that is open */
} gn_markdown;

/* The next block; open: the text is still being written. False at its end. */
bool gn_markdown_next(gn_markdown *m, gn_slice text, bool open, gn_block *out);

/* Marks of a byte. */
enum {
    GN_MARK_STRONG = 1,
    GN_MARK_EMPHASIS = 2,
    GN_MARK_CODE = 4,
    GN_MARK_HIDDEN = 8, /* not shown, no columns; only of single ASCII bytes */
    GN_MARK_DIM = 16,
    GN_MARK_LINK = 32,
    GN_MARK_STRIKE = 64,
    GN_MARK_BLANK = 128, /* shown as a blank */
};
/* Emphasis, code, links of text[first, end) into mark[first, end), which it overwrites. */
void gn_markdown_inline(gn_slice text, size_t first, size_t end, bool open, uint8_t *mark);

/* A row of a table: the cells of text[first, end), trimmed, at most `most`. */
typedef struct gn_table_cell {
    size_t first, end;
} gn_table_cell;
int gn_markdown_cells(gn_slice text, size_t first, size_t end, gn_table_cell *out, int most);
/* Is that line the one below a table's head? Alignments ('l', 'r', 'c'), at most `most`. */
bool gn_markdown_is_delimiter(gn_slice text, size_t first, size_t end, char *align, int most);

/* The inside of code block `number` (from 1): bytes of text. False: there is none. */
bool gn_markdown_code(gn_slice text, int number, gn_slice *out);
int gn_markdown_count(gn_slice text); /* code blocks */

#endif
