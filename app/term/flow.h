/* flow.h - a text to rows of a screen, as markdown or as it is.
 *
 * A row is made of pieces: bytes of the text at a column, or what stands for bytes
 * that are not shown (a bullet, the frame of a table). So every byte keeps its place, and a
 * style by byte (probabilities, matches) can be laid over. A text that grows keeps the
 * rows of its finished blocks; only the last block is formed again.
 */
#ifndef GN_TUI_FLOW_H
#define GN_TUI_FLOW_H

#include "app/term/markdown.h"
#include "app/term/wrap.h"

typedef struct gn_piece gn_piece;
typedef struct gn_flow_row {
    size_t first, end; /* bytes of the text; rows are in order of first */
    uint32_t piece, n_piece;
} gn_flow_row;

/* What can be folded, and is: a bit each. */
enum { GN_FOLD_SPANS = 1, GN_FOLD_ALL = 2, GN_FOLD_ROWS = 3, GN_FOLD_CODE = 12 };

/* Zeroed it is empty. */
typedef struct gn_flow {
    bool markdown;
    gn_wrap wrap; /* of a text as it is: then nothing below is used */
    int width;
    unsigned fold;
    gn_flow_row *row;
    gn_piece *piece;
    uint8_t *mark;
    size_t count, room, n_piece, piece_room, mark_room;
    gn_str extra; /* text of pieces that is not the text's */
    /* Up to where nothing can change, and what there was then. */
    gn_markdown stable;
    size_t stable_rows, stable_pieces, stable_extra;
    size_t len;    /* of the text, last time */
    bool finished; /* it was not open */
    bool all_in;   /* GN_FOLD_ALL: rows are left out */
} gn_flow;

/* Form rows. A text that is the same or goes on from what was given before, with the same
 * width, markdown and fold, costs what is new. open: more may come. */
void gn_flow_update(gn_flow *f, gn_slice text, int width, bool markdown, bool open, unsigned fold);
void gn_flow_release(gn_flow *f);

size_t gn_flow_count(const gn_flow *f); /* rows, at least 1 once it was formed */
gn_row gn_flow_row_at(const gn_flow *f, size_t i);
/* The row that byte i is in; a byte between two rows belongs to the later one. */
size_t gn_flow_find(const gn_flow *f, size_t i);
/* Is there something that GN_FOLD_SPANS would fold? */
bool gn_flow_has_spans(gn_slice text, bool markdown);

/* Draw row i of the text. code: blocks of code are numbered from there on (1). over [n_over]
 * are styles laid over those of the text, where they are not plain; may be NULL. style: of
 * what has none of its own. */
void gn_flow_draw(const gn_flow *f, size_t i, gn_canvas *c, int y, int col, int end, gn_slice text,
                  int code, const gn_run *over, size_t n_over, gn_style style);
/* Give the cells of text[from, to) in row i a style. */
void gn_flow_paint(const gn_flow *f, size_t i, gn_canvas *c, int y, int col, int end, gn_slice text,
                   size_t from, size_t to, gn_style style);

/* ---- between flow.c and flow_rows.c -------------------------------------- */

typedef enum gn_piece_kind {
    GN_PIECE_TEXT,  /* bytes of the text */
    GN_PIECE_EXTRA, /* bytes of flow.extra */
    GN_PIECE_LINE,  /* a line up to the width */
    GN_PIECE_CODE,  /* the label of code block number `col`; bytes of the text: its language */
} gn_piece_kind;

struct gn_piece {
    size_t first, end;
    uint16_t col, kind;
    uint8_t style; /* of what has no mark of its own; GN_STYLE_PLAIN: the row's */
};

/* flow_rows.c: a block to rows, appended. False when out of memory. */
bool gn_flow_block(gn_flow *f, gn_slice text, const gn_block *b, bool open);
bool gn_flow_row_begin(gn_flow *f, size_t first, size_t end);
bool gn_flow_piece(gn_flow *f, gn_piece_kind kind, int col, size_t first, size_t end,
                   gn_style style);
bool gn_flow_extra(gn_flow *f, int col, const char *text, gn_style style);
/* Where the row that begins at `first` ends, hidden bytes counted as nothing; *next is where the
 * one after begins. hard: between any two clusters, not words. */
size_t gn_flow_break(const gn_flow *f, gn_slice text, size_t first, size_t end, int width,
                     bool hard, size_t *next);
int gn_flow_columns(const gn_flow *f, gn_slice text, size_t first, size_t end);

/* flow_table.c */
bool gn_flow_table(gn_flow *f, gn_slice text, const gn_block *b, bool open);

#endif
