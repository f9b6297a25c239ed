/* place.c - weights as the kernels read them.
 *
 * Quantised weights become panels: the 4-byte words of the blocks of sixteen
 * rows laid side by side, word by word in the order in which they are read, so
 * that lane r of a vector holds row r.
 * Where a block has two odd bytes more (a scale, in front or at the end), those
 * of the sixteen rows and of two blocks share a line before the blocks' words.
 * A panel has the size of the rows it came from, is read from its begin to its
 * end, and every row can be found in it again.
 *
 * Memory comes from the system in large, aligned pieces that may use huge
 * pages: reading weights is what decoding does, and 4 KiB pages cost a sixth
 * of the bandwidth. Filling it takes longer than a first token does, so where
 * that is allowed the first step reads the file itself, with the same bits, and
 * each later one places some more.
 */
#include "core/cpu/kernel_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    HUGE_PAGE = 1 << 21,
    ARENA = 1 << 26,
    PACK_ROWS = 256,
    GIVE_PARTS = 32,
    PIECE_BYTES = 1 << 22, /* placed at a time while nobody waits: some milliseconds */
    LATE_BYTES = 1 << 28,  /* placed before a step, and as much again for each */
    LATE_TOKENS = 16       /* tokens of it */
};

typedef struct gn_placed {
    struct gn_placed *next;
    uint8_t *data;
    size_t mapped, used, size;
    uint8_t *map;
} arena;

/* Where a row's block keeps its words and its two odd bytes (-1: it has none). */
typedef struct shape {
    int bytes, words, half, first_word;
} shape;

static shape shape_of(int format) {
    const int bytes = gn_format_of(format)->bytes;
    const bool odd = gn_panel_odd(format), last = format == GN_Q6_K || format == GN_Q3_K;
    return (shape){.bytes = bytes,
                   .words = gn_panel_words(format),
                   .half = !odd   ? -1
                           : last ? bytes - 2
                                  : 0,
                   .first_word = odd && !last ? 2 : 0};
}

size_t gn_panel_bytes(int format, int cols) {
    const size_t blocks = (size_t)(cols / gn_format_of(format)->block);
    const size_t halves = gn_panel_odd(format) ? (blocks + 1) / 2 * 64 : 0;
    return blocks * (size_t)gn_panel_words(format) * 64 + halves;
}

typedef uint32_t four_words __attribute__((vector_size(16)));

static inline four_words load_words(const uint8_t *at) {
    four_words v;
    memcpy(&v, at, sizeof v);
    return v;
}
static inline void store_words(uint8_t *at, four_words v) { memcpy(at, &v, sizeof v); }

/* Four words of four rows that lie step apart, word by word to 64 bytes apart. */
static inline void turn(uint8_t *to, const uint8_t *from, size_t step) {
    const four_words a = load_words(from), b = load_words(from + step);
    const four_words c = load_words(from + 2 * step), d = load_words(from + 3 * step);
    const four_words ab01 = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const four_words ab23 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const four_words cd01 = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const four_words cd23 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    store_words(to, __builtin_shufflevector(ab01, cd01, 0, 1, 4, 5));
    store_words(to + 64, __builtin_shufflevector(ab01, cd01, 2, 3, 6, 7));
    store_words(to + 128, __builtin_shufflevector(ab23, cd23, 0, 1, 4, 5));
    store_words(to + 192, __builtin_shufflevector(ab23, cd23, 2, 3, 6, 7));
}

/* The odd bytes of four rows, side by side. */
static inline void gather_halves(uint8_t *to, const uint8_t *from, size_t step) {
    uint16_t half[4];
    for (int r = 0; r < 4; r++)
        memcpy(&half[r], from + (size_t)r * step, sizeof half[r]);
    memcpy(to, half, sizeof half);
}

/* Sixteen whole rows. The next sixteen are on their way to the second cache meanwhile: the first
 * holds these and the panel. */
static void pack_rows(uint8_t *panel, const uint8_t *data, size_t row_bytes, size_t blocks, shape s,
                      int format) {
    const uint8_t *next = data + GN_PANEL * row_bytes;
    for (size_t b = 0; b < blocks; b++) {
        uint8_t *word = panel + gn_panel_word(b, format), *half = panel + gn_panel_half(b, format);
        const uint8_t *from = data + b * (size_t)s.bytes;
        for (int ahead = 0; ahead < GN_PANEL * s.bytes; ahead += 64, next += 64)
            __builtin_prefetch(next, 0, 2);
        for (int r = 0; r < GN_PANEL; r += 4, from += 4 * row_bytes) {
            const uint8_t *first = from + s.first_word;
            if (s.half >= 0)
                gather_halves(half + 2 * r, from + s.half, row_bytes);
            int i = 0;
            for (; i + 4 <= s.words; i += 4)
                turn(word + 64 * gn_panel_place(i, format) + 4 * r, first + 4 * i, row_bytes);
            if (i < s.words) /* the last four, some of them again */
                turn(word + 64 * (s.words - 4) + 4 * r, first + 4 * (s.words - 4), row_bytes);
        }
    }
}

void gn_panel_pack(void *panel, const void *data, int format, int cols, int rows) {
    const shape s = shape_of(format);
    const size_t blocks = (size_t)(cols / gn_format_of(format)->block);
    const size_t row_bytes = blocks * (size_t)s.bytes;

    if (rows >= GN_PANEL) {
        pack_rows(panel, data, row_bytes, blocks, s, format);
        return;
    }
    memset(panel, 0, gn_panel_bytes(format, cols));
    for (size_t b = 0; b < blocks; b++) {
        uint8_t *word = (uint8_t *)panel + gn_panel_word(b, format);
        uint8_t *half = (uint8_t *)panel + gn_panel_half(b, format);
        for (int r = 0; r < rows; r++) {
            const uint8_t *from =
                (const uint8_t *)data + (size_t)r * row_bytes + b * (size_t)s.bytes;
            if (s.half >= 0)
                memcpy(half + 2 * r, from + s.half, 2);
            for (int i = 0; i < s.words; i++)
                memcpy(word + 64 * gn_panel_place(i, format) + 4 * r, from + s.first_word + 4 * i,
                       4);
        }
    }
}

void gn_panel_row(void *row, const void *panel, int format, int cols, int r) {
    const shape s = shape_of(format);
    const size_t blocks = (size_t)(cols / gn_format_of(format)->block);
    uint8_t *to = row;

    for (size_t b = 0; b < blocks; b++, to += s.bytes) {
        const uint8_t *word = (const uint8_t *)panel + gn_panel_word(b, format);
        if (s.half >= 0)
            memcpy(to + s.half, (const uint8_t *)panel + gn_panel_half(b, format) + 2 * r, 2);
        for (int i = 0; i < s.words; i++)
            memcpy(to + s.first_word + 4 * i, word + 64 * gn_panel_place(i, format) + 4 * r, 4);
    }
}

/* 64-byte aligned; NULL when the system has no memory. */
static void *take(gn_cpu *c, size_t bytes) {
    bytes = (bytes + 63) / 64 * 64;
    for (arena *a = c->placed; a; a = a->next)
        if (a->size - a->used >= bytes) {
            a->used += bytes;
            return a->data + a->used - bytes;
        }
    arena *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->size = bytes > ARENA ? (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE : ARENA;
    a->mapped = a->size + HUGE_PAGE;
    a->map = mmap(NULL, a->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (a->map == MAP_FAILED) {
        free(a);
        return NULL;
    }
    a->data = a->map + (HUGE_PAGE - (uintptr_t)a->map % HUGE_PAGE) % HUGE_PAGE;
    madvise(a->data, a->size, MADV_HUGEPAGE);
    a->used = bytes;
    a->next = c->placed;
    c->placed = a;
    return a->data;
}

void gn_cpu_unplace(gn_cpu *c) {
    while (c->placed) {
        arena *a = c->placed;
        c->placed = a->next;
        munmap(a->map, a->mapped);
        free(a);
    }
    free(c->late);
    free(c->placing);
}

/* The work of placing one weight, cut by matrix and rows. */
typedef struct gn_placing {
    const gn_weight *w; /* NULL: there is none */
    uint8_t *to;
    size_t step; /* bytes of a matrix in `to` */
    int parts;   /* of a matrix */
    int first;   /* part that the next is counted from */
    bool panels;
} job;

static void move(void *arg, int nth, int thread) {
    const job *j = arg;
    const int part = j->first + nth;
    const gn_weight *w = j->w;
    const size_t row_bytes = gn_row_bytes(w->format, w->cols);
    const int i = part / j->parts, first = part % j->parts * PACK_ROWS;
    const int count = w->rows - first < PACK_ROWS ? w->rows - first : PACK_ROWS;
    const uint8_t *from =
        (const uint8_t *)w->data + (size_t)i * w->step + (size_t)first * row_bytes;
    uint8_t *to = j->to + (size_t)i * j->step;

    (void)thread;
    if (!j->panels) {
        memcpy(to + (size_t)first * row_bytes, from, (size_t)count * row_bytes);
        return;
    }
    const size_t panel = gn_panel_bytes(w->format, w->cols);
    for (int r = 0; r < count; r += GN_PANEL)
        gn_panel_pack(to + (size_t)((first + r) / GN_PANEL) * panel, from + (size_t)r * row_bytes,
                      w->format, w->cols, count - r < GN_PANEL ? count - r : GN_PANEL);
}

/* Pages of the file's that held nothing but what is placed now. The mapping is private and
 * unwritten: they come back if somebody reads them after all. */
static void drop(const void *data, size_t bytes) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)data;
    const uintptr_t begin = (from + page - 1) / page * page, end = (from + bytes) / page * page;
    if (begin < end)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
}

/* Where the rows of a part begin in the file. */
static const uint8_t *source(const job *j, int part) {
    const gn_weight *w = j->w;
    return (const uint8_t *)w->data + (size_t)(part / j->parts) * w->step +
           (size_t)(part % j->parts * PACK_ROWS) * gn_row_bytes(w->format, w->cols);
}

static size_t bytes_of(const gn_weight *w) {
    return (size_t)(w->n - 1) * w->step + (size_t)w->rows * gn_row_bytes(w->format, w->cols);
}

/* False when there is no memory for it. */
static bool begin(gn_cpu *c, const gn_weight *w, job *j) {
    const bool panels = gn_reads_quants(c, w);
    const size_t step =
        panels ? (size_t)((w->rows + GN_PANEL - 1) / GN_PANEL) * gn_panel_bytes(w->format, w->cols)
               : (size_t)w->rows * gn_row_bytes(w->format, w->cols);
    *j = (job){.w = w,
               .to = take(c, step * (size_t)w->n),
               .step = step,
               .parts = (w->rows + PACK_ROWS - 1) / PACK_ROWS,
               .panels = panels};
    return j->to != NULL;
}

/* So many parts more. give: the file's pages back behind them, so that there is never much more than
 * one copy. False: that was the last. */
static bool move_some(gn_cpu *c, job *j, int parts, bool give) {
    const int all = j->w->n * j->parts, part = j->first;
    const int some = all - part < parts ? all - part : parts;
    gn_pool_run(c->pool, some, move, j);
    if (give) {
        const uint8_t *end = (const uint8_t *)j->w->data + bytes_of(j->w);
        const uint8_t *next = part + some < all ? source(j, part + some) : end;
        drop(source(j, part), (size_t)(next - source(j, part)));
    }
    j->first += some;
    return j->first < all;
}

static void end(gn_weight *w, const job *j) {
    w->data = j->to;
    w->step = j->step;
    w->layout = j->panels ? GN_LAYOUT_PANELS : GN_LAYOUT_ROWS;
}

/* Into memory of ours; false, and w as it was, when there is none. */
static bool place_now(gn_cpu *c, gn_weight *w, bool give) {
    job j;
    if (!begin(c, w, &j))
        return false;
    while (move_some(c, &j, GIVE_PARTS, give))
        ;
    end(w, &j);
    return true;
}

/* Leave w in its file for now. The list doubles when it is full. */
static bool leave(gn_cpu *c, gn_weight *w) {
    if ((c->lates & (c->lates - 1)) == 0) {
        gn_weight *more = realloc(c->late, sizeof *more * 2 * (size_t)(c->lates + 1));
        if (!more)
            return false;
        c->late = more;
    }
    c->late[c->lates] = *w;
    w->layout = GN_LAYOUT_LATE + c->lates++;
    return true;
}

const gn_weight *gn_cpu_weight(const gn_cpu *c, const gn_weight *w) {
    return w->layout < GN_LAYOUT_LATE ? w : &c->late[w->layout - GN_LAYOUT_LATE];
}

/* So many parts of the next of those that wait; what was begun is gone on with. */
static void place_some(gn_cpu *c, int parts) {
    gn_weight *w = &c->late[c->next_late];
    job *j = c->placing;
    if (!j->w && !begin(c, w, j)) /* without memory of ours, the file's goes on to serve */
        c->next_late = c->lates;
    else if (!move_some(c, j, parts, true)) {
        end(w, j);
        j->w = NULL;
        c->next_late++;
    }
}

static bool some_wait(gn_cpu *c) {
    if (c->next_late < c->lates && !c->placing)
        c->placing = calloc(1, sizeof *c->placing);
    return c->next_late < c->lates && c->placing;
}

void gn_cpu_place_late(gn_cpu *c, int tokens) {
    size_t left = LATE_BYTES * (size_t)(1 + tokens / LATE_TOKENS);
    while (left && some_wait(c)) {
        const int at = c->next_late;
        const size_t bytes = bytes_of(&c->late[at]);
        while (c->next_late == at)
            place_some(c, GIVE_PARTS);
        left -= bytes < left ? bytes : left;
    }
}

bool gn_cpu_settle(gn_device *d) {
    gn_cpu *c = gn_cpu_of(d);
    if (!some_wait(c))
        return false;
    const gn_weight *w = &c->late[c->next_late];
    const size_t parts = PIECE_BYTES / (gn_row_bytes(w->format, w->cols) * PACK_ROWS);
    place_some(c, parts > 1 ? (int)parts : 1);
    return c->next_late < c->lates;
}

bool gn_cpu_place(gn_device *d, gn_weight *w, bool keep, gn_error *e) {
    gn_cpu *c = gn_cpu_of(d);
    if (keep && c->mapped)
        return true;
    if (keep && c->may_wait && leave(c, w))
        return true;
    return place_now(c, w, false) ||
           gn_fail(e, GN_NO_MEMORY, "no memory for a weight of %zu bytes", bytes_of(w));
}
