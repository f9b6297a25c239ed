/* attend.c - softmax attention over a cache.
 *
 * The rows a query sees are cut into tiles of GN_TILE, counted from the start
 * of its sequence. Each tile gives a mean of its own, and the means are joined
 * in order, whoever made them; so neither threads nor the length of a step show
 * in a result, and the memory for scores is one tile's.
 *
 * A part of the work is a block of a lane's tokens and the query heads of one
 * kv head, which share what is read of the cache. Where few tokens meet long
 * caches a block is of all heads, so that a row of the cache is read from end
 * to end. Where there are fewer blocks than threads, a block's tiles are spread
 * over parts and joined in a second round.
 */
#include "core/cpu/formula.h"

#include <math.h>
#include <string.h>

enum {
    MOST_ROWS = 192, /* query rows of a block: enough to make a tile's transposing cheap */
    FEW_ROWS = 24,   /* and not less, to have more blocks */
    STORE_ROWS = 32, /* rows of k and v that one thread rounds at a time */
    BYTES = sizeof(float)
};

/* Rows of keys or values: [0, past) in a cache, the lane's own after them. */
typedef struct source {
    const void *past, *own;
    size_t own_row; /* elements from one own row to the next */
} source;

typedef struct block {
    int lane, token, tokens; /* tokens of the lane, counted from its first */
    int head, heads;         /* kv heads */
    int tiles, parts;        /* that its last token sees; parts they are spread over */
    int first_part;          /* of all parts */
    size_t means;            /* parts > 1: where in job.means, in floats */
} block;

typedef struct job {
    gn_cpu *c;
    gn_mat y, q, k, v;
    const gn_lanes *lanes;
    int dims, width, share; /* Dh; padded; query heads of a kv head */
    int nth;
    float scale;
    int block_tokens, block_heads;
    int blocks, parts;
    block *block;      /* [blocks] */
    int *block_of;     /* [parts] */
    float *means;      /* of blocks in parts: tile after tile, o, most and sum of each row */
    uint16_t *rounded; /* [2, T, Hk*Dh]: rows that no cache keeps */
} job;

static size_t element(const job *j) { return j->c->exact ? sizeof(float) : sizeof(uint16_t); }

/* K (which = 0) or V (1) of the nth cache of a memory. */
static char *cache(const job *j, const gn_memory *m, int which) {
    const size_t rows = (size_t)(2 * j->nth + which) * (size_t)m->capacity;
    return (char *)m->kv + rows * (size_t)j->k.cols * element(j);
}

/* One own row of k or v, as the cache has it. */
static void store_row(const job *j, void *to, const float *from) {
    if (j->c->exact)
        memcpy(to, from, (size_t)j->k.cols * BYTES);
    else
        j->c->formula->narrow(to, from, j->k.cols);
}

/* Rows of the lanes, STORE_ROWS a part: into the cache that keeps them, or only rounded. */
static void store_part(void *arg, int part, int thread) {
    const job *j = arg;
    const int begin = part * STORE_ROWS, stop = begin + STORE_ROWS;
    const size_t width = (size_t)j->k.cols;
    (void)thread;
    for (int i = 0; i < j->lanes->n; i++) {
        const gn_lane *lane = &j->lanes->lane[i];
        const int last = lane->first + lane->count, end = last < stop ? last : stop;
        for (int t = lane->first > begin ? lane->first : begin; t < end; t++)
            for (int which = 0; which < 2; which++) {
                const float *from = gn_row(which ? j->v : j->k, t);
                const size_t at = (size_t)(lane->past + t - lane->first) * width;
                if (lane->to.kv)
                    store_row(j, cache(j, &lane->to, which) + at * element(j), from);
                else if (!j->c->exact)
                    store_row(j,
                              j->rounded + ((size_t)which * (size_t)j->k.rows + (size_t)t) * width,
                              from);
            }
    }
}

/* What a lane has read goes along to where it forks. */
static void fork_past(job *j) {
    for (int i = 0; i < j->lanes->n; i++) {
        const gn_lane *lane = &j->lanes->lane[i];
        const size_t bytes = (size_t)lane->past * (size_t)j->k.cols * element(j);
        assert(!lane->to.kv || lane->past + lane->count <= lane->to.capacity);
        if (lane->to.kv && lane->from.kv && lane->to.kv != lane->from.kv)
            for (int which = 0; which < 2; which++)
                gn_cpu_copy(&j->c->base, cache(j, &lane->to, which), cache(j, &lane->from, which),
                            bytes);
    }
}

static source source_of(const job *j, const gn_lane *lane, int which) {
    const gn_mat own = which ? j->v : j->k;
    source s = {.past = lane->past ? cache(j, &lane->from, which) : NULL};
    if (lane->to.kv) {
        s.past = cache(j, &lane->to, which);
        s.own = (const char *)s.past + (size_t)lane->past * (size_t)j->k.cols * element(j);
        s.own_row = (size_t)j->k.cols;
    } else if (j->c->exact) {
        s.own = gn_row(own, lane->first);
        s.own_row = (size_t)own.stride;
    } else {
        s.own_row = (size_t)j->k.cols;
        s.own = j->rounded + ((size_t)which * (size_t)own.rows + (size_t)lane->first) * s.own_row;
    }
    return s;
}

/* One head's part of row `row` of the sequence. */
static const void *row_at(const job *j, const source *s, int64_t past, int64_t row, int head) {
    const size_t at = (size_t)head * (size_t)j->dims;
    const size_t where =
        row < past ? (size_t)row * (size_t)j->k.cols : (size_t)(row - past) * s->own_row;
    return (const char *)(row < past ? s->past : s->own) + (where + at) * element(j);
}

/* Rows [first, first + n) of one kv head as f32 [n, width], zeros from dims on. */
static void load_rows(const job *j, float *to, const source *s, int64_t past, int64_t first, int n,
                      int head) {
    const size_t bytes = (size_t)j->dims * element(j);
    for (int i = 0; i < n; i++, to += j->width) {
        const void *row = row_at(j, s, past, first + i, head);
        const char *soon = row_at(j, s, past, first + i + GN_AHEAD, head);
        for (size_t k = 0; k < bytes; k += 64) /* too far apart for the processor to foresee */
            __builtin_prefetch(soon + k);
        if (j->c->exact)
            memcpy(to, row, bytes);
        else
            j->c->formula->widen(to, row, j->dims);
        for (int k = j->dims; k < j->width; k++)
            to[k] = 0.0f;
    }
}

/* Scratch of a thread, in this order. */
typedef struct room {
    float *K, *V;        /* [width, GN_TILE_ROW], [GN_TILE, width] */
    float *q;            /* [rows, GN_TILE_ROW], scaled */
    gn_mean whole, part; /* of the block's rows, of GN_TILE_QUERIES */
} room;

static gn_mean mean_in(float **at, int rows, int width) {
    gn_mean m = {.o = *at};
    m.most = m.o + (size_t)rows * (size_t)width;
    m.sum = m.most + rows;
    *at = m.sum + rows;
    return m;
}

static size_t mean_size(int rows, int width) { return (size_t)rows * (size_t)(width + 2); }

static room room_of(const job *j, int thread, int rows) {
    const size_t width = (size_t)j->width, K = width * GN_TILE_ROW, V = width * GN_TILE;
    const size_t Q = (size_t)rows * GN_TILE_ROW;
    const size_t all = K + V + Q + mean_size(rows, j->width) + mean_size(GN_TILE_QUERIES, j->width);
    float *at = gn_cpu_scratch(j->c, thread, all * BYTES);
    room r = {.K = at, .V = at + K, .q = at + K + V};
    at += K + V + Q;
    r.part = mean_in(&at, GN_TILE_QUERIES, j->width);
    r.whole = mean_in(&at, rows, j->width);
    return r;
}

static int rows_of(const job *j, const block *b) { return b->heads * b->tokens * j->share; }

/* Where row `row` of a block is in q or y: kv head after kv head, of each token after token, of
 * each the query heads that share it. */
static float *place(const job *j, const block *b, gn_mat m, int row) {
    const int head = b->head + row / (b->tokens * j->share);
    const int token = b->token + row / j->share % b->tokens;
    const int query = head * j->share + row % j->share;
    return gn_row(m, j->lanes->lane[b->lane].first + token) + query * j->dims;
}

static void load_queries(const job *j, const block *b, float *to) {
    for (int row = 0; row < rows_of(j, b); row++, to += GN_TILE_ROW) {
        const float *q = place(j, b, j->q, row);
        for (int k = 0; k < j->dims; k++)
            to[k] = j->scale * q[k];
    }
}

/* How many rows of the tile at `first` the block's last token sees. */
static int rows_seen(const job *j, const block *b, int64_t first) {
    const int64_t seen = j->lanes->lane[b->lane].past + b->token + b->tokens - first;
    return seen < GN_TILE ? (int)seen : GN_TILE;
}

/* One head's keys and values of a tile that starts at row `first` of the sequence. */
static void load_tile(const job *j, const block *b, const room *r, int64_t first, int head) {
    const gn_lane *lane = &j->lanes->lane[b->lane];
    const source K = source_of(j, lane, 0), V = source_of(j, lane, 1);
    const int n = rows_seen(j, b, first), padded = gn_pad_to(n);
    load_rows(j, r->V, &K, lane->past, first, n, head);
    memset(r->V + (size_t)n * (size_t)j->width, 0, (size_t)(padded - n) * (size_t)j->width * BYTES);
    j->c->formula->transpose(r->K, GN_TILE_ROW, r->V, (size_t)j->width, padded, j->width);
    load_rows(j, r->V, &V, lane->past, first, n, head);
}

/* Where they are, for a block of few queries. Past the last row seen, that row again. */
static void point_at_rows(const job *j, const block *b, gn_strip *s, int64_t first, int head) {
    const gn_lane *lane = &j->lanes->lane[b->lane];
    const source K = source_of(j, lane, 0), V = source_of(j, lane, 1);
    const int64_t end = lane->past + b->token + b->tokens;
    *s = (gn_strip){.half = !j->c->exact, .dims = j->dims};
    s->ahead = head == b->head ? (size_t)(b->heads * j->dims) * element(j) : 0;
    for (int i = 0; i < GN_TILE + 2 * GN_AHEAD; i++) {
        const int64_t row = first + i < end ? first + i : end - 1;
        s->K[i] = row_at(j, &K, lane->past, row, head);
        s->V[i] = row_at(j, &V, lane->past, row, head);
    }
}

static gn_mean rows_from(gn_mean m, int row, int width) {
    return (gn_mean){m.o + (size_t)row * (size_t)width, m.most + row, m.sum + row};
}

/* Rows [row, row + n) of a block, n <= GN_TILE_QUERIES of one head, through the tile at `first`:
 * as it lies in the thread's room, or in the cache where there is a strip. */
static void attend_rows(const job *j, const block *b, const room *r, const gn_strip *strip,
                        int64_t first, gn_mean to, bool joined, int row, int n) {
    const int64_t position = j->lanes->lane[b->lane].past + b->token;
    const gn_tile tile = {r->K, r->V, j->dims};
    const gn_mean own = joined ? r->part : to;
    const float *q = r->q + (size_t)row * GN_TILE_ROW;
    int limit[GN_TILE_QUERIES];
    for (int i = 0; i < n; i++) {
        const int64_t seen = position + (row + i) / j->share % b->tokens + 1 - first;
        limit[i] = seen < 0 ? 0 : seen < GN_TILE ? (int)seen : GN_TILE;
    }
    if (limit[n - 1] == 0 && joined) /* nor do those before it see anything */
        return;
    if (strip)
        j->c->formula->attend_few(&own, strip, q, limit, n);
    else
        j->c->formula->attend(&own, &tile, q, limit, n);
    if (joined)
        j->c->formula->join(&to, &own, j->dims, n);
}

/* One tile for all rows of a block: joined to `whole`, or left in it if it is the tile's own. */
static void attend_tile(const job *j, const block *b, const room *r, int tile, gn_mean whole,
                        bool joined) {
    const int64_t first = (int64_t)tile * GN_TILE;
    const int of_head = b->tokens * j->share;
    const bool few = of_head <= GN_FEW && j->dims % GN_PAD == 0;
    gn_strip strip;
    for (int head = 0; head < b->heads; head++) {
        const int end = (head + 1) * of_head;
        if (few)
            point_at_rows(j, b, &strip, first, b->head + head);
        else
            load_tile(j, b, r, first, b->head + head);
        for (int row = head * of_head; row < end; row += GN_TILE_QUERIES) {
            const int n = end - row < GN_TILE_QUERIES ? end - row : GN_TILE_QUERIES;
            attend_rows(j, b, r, few ? &strip : NULL, first, rows_from(whole, row, j->width),
                        joined, row, n);
        }
    }
}

static void clear(gn_mean m, int rows, int width) {
    memset(m.o, 0, (size_t)rows * (size_t)width * BYTES);
    for (int i = 0; i < rows; i++) {
        m.most[i] = -INFINITY;
        m.sum[i] = 0.0f;
    }
}

/* y = o / sum */
static void finish(const job *j, const block *b, gn_mean m) {
    const float *o = m.o;
    for (int row = 0; row < rows_of(j, b); row++, o += j->width) {
        float *y = place(j, b, j->y, row);
        const float by = 1.0f / m.sum[row];
        for (int k = 0; k < j->dims; k++)
            y[k] = o[k] * by;
    }
}

static void attend_part(void *arg, int part, int thread) {
    const job *j = arg;
    const block *b = &j->block[j->block_of[part]];
    const int rows = rows_of(j, b), nth = part - b->first_part;
    const int first = (int)((int64_t)b->tiles * nth / b->parts);
    const int end = (int)((int64_t)b->tiles * (nth + 1) / b->parts);
    const room r = room_of(j, thread, rows);
    load_queries(j, b, r.q);
    if (b->parts == 1) {
        clear(r.whole, rows, j->width);
        for (int tile = 0; tile < b->tiles; tile++)
            attend_tile(j, b, &r, tile, r.whole, true);
        finish(j, b, r.whole);
        return;
    }
    for (int tile = first; tile < end; tile++) {
        float *at = j->means + b->means + (size_t)tile * mean_size(rows, j->width);
        attend_tile(j, b, &r, tile, mean_in(&at, rows, j->width), false);
    }
}

static void join_block(void *arg, int part, int thread) {
    const job *j = arg;
    const block *b = &j->block[part];
    const int rows = rows_of(j, b);
    if (b->parts == 1)
        return;
    const room r = room_of(j, thread, rows);
    float *at = j->means + b->means;
    clear(r.whole, rows, j->width);
    for (int tile = 0; tile < b->tiles; tile++) {
        const gn_mean own = mean_in(&at, rows, j->width);
        j->c->formula->join(&r.whole, &own, j->dims, rows);
    }
    finish(j, b, r.whole);
}

static int count_blocks(const job *j, int tokens, int heads) {
    int n = 0;
    for (int i = 0; i < j->lanes->n; i++)
        n += (j->lanes->lane[i].count + tokens - 1) / tokens * (j->k.cols / j->dims / heads);
    return n;
}

static int tiles_of(int64_t rows) { return (int)((rows + GN_TILE - 1) / GN_TILE); }

/* Whether blocks are of all heads: they are small then, and all threads have tiles to read. */
static bool few_tokens(const job *j) {
    int longest = 0;
    int64_t tiles = 0;
    for (int i = 0; i < j->lanes->n; i++) {
        const gn_lane *lane = &j->lanes->lane[i];
        longest = lane->count > longest ? lane->count : longest;
        tiles += tiles_of(lane->past + lane->count);
    }
    return (int64_t)longest * (j->q.cols / j->dims) <= MOST_ROWS && tiles >= 2 * j->c->threads;
}

/* Heads and tokens of a block: many, but so few that every thread finds two blocks. */
static void choose_blocks(job *j) {
    const int threads = j->c->threads;
    int rows = MOST_ROWS;
    j->block_heads = few_tokens(j) ? j->k.cols / j->dims : 1;
    do {
        j->block_tokens = rows / (j->share * j->block_heads);
        j->block_tokens = j->block_tokens > 0 ? j->block_tokens : 1;
        j->blocks = count_blocks(j, j->block_tokens, j->block_heads);
        rows /= 2;
    } while (rows >= FEW_ROWS && j->blocks < 2 * threads);
}

/* The blocks, and how many floats the means of those in parts take. The longest come first,
 * so that no thread is left with one at the end. */
static size_t lay_out(job *j, block *to) {
    const int heads = j->block_heads, all = j->k.cols / j->dims;
    const int wanted = j->c->threads > 1 ? (2 * j->c->threads + j->blocks - 1) / j->blocks : 1;
    size_t means = 0;
    j->parts = 0;
    for (int i = 0; i < j->lanes->n; i++) {
        const gn_lane *lane = &j->lanes->lane[i];
        const int steps = (lane->count + j->block_tokens - 1) / j->block_tokens;
        for (int step = steps - 1; step >= 0; step--)
            for (int head = 0; head < all; head += heads, to++) {
                const int token = step * j->block_tokens, left = lane->count - token;
                *to = (block){.lane = i, .token = token, .head = head, .heads = heads};
                to->tokens = left < j->block_tokens ? left : j->block_tokens;
                to->tiles = tiles_of(lane->past + token + to->tokens);
                to->parts = wanted < to->tiles ? wanted : to->tiles;
                to->first_part = j->parts;
                to->means = means;
                j->parts += to->parts;
                if (to->parts > 1)
                    means += (size_t)to->tiles * mean_size(rows_of(j, to), j->width);
            }
    }
    return means;
}

static bool all_kept(const gn_lanes *lanes) {
    for (int i = 0; i < lanes->n; i++)
        if (!lanes->lane[i].to.kv)
            return false;
    return true;
}

static size_t aligned(size_t bytes) {
    return (bytes + GN_CPU_ALIGN - 1) / GN_CPU_ALIGN * GN_CPU_ALIGN;
}

void gn_cpu_attend(gn_device *d, gn_mat y, gn_mat q, gn_mat k, gn_mat v, int head_dim, float scale,
                   const gn_lanes *lanes, int nth) {
    job j = {.c = gn_cpu_of(d),
             .y = y,
             .q = q,
             .k = k,
             .v = v,
             .lanes = lanes,
             .dims = head_dim,
             .width = gn_pad_to(head_dim),
             .share = q.cols / k.cols,
             .nth = nth,
             .scale = scale};
    if (lanes->n == 0)
        return;
    choose_blocks(&j);

    /* A block is in at most as many parts as would give all threads two. */
    const size_t most_parts = (size_t)j.blocks + 2 * (size_t)j.c->threads;
    const size_t blocks = aligned((size_t)j.blocks * sizeof *j.block);
    const size_t parts = aligned(most_parts * sizeof *j.block_of);
    const size_t rounded = j.c->exact || all_kept(lanes)
                               ? 0
                               : aligned(2 * (size_t)k.rows * (size_t)k.cols * sizeof *j.rounded);
    block *plan = gn_cpu_shared(j.c, blocks);
    const size_t means = lay_out(&j, plan) * BYTES;
    char *at = gn_cpu_shared(j.c, blocks + parts + rounded + means);
    j.block = (block *)(void *)at;
    j.block_of = (int *)(void *)(at + blocks);
    j.rounded = (uint16_t *)(void *)(at + blocks + parts);
    j.means = (float *)(void *)(at + blocks + parts + rounded);
    lay_out(&j, j.block); /* again: the memory may be another */
    assert((size_t)j.parts <= most_parts);
    for (int b = 0; b < j.blocks; b++)
        for (int i = 0; i < j.block[b].parts; i++)
            j.block_of[j.block[b].first_part + i] = b;

    fork_past(&j);
    gn_pool_run(j.c->pool, (k.rows + STORE_ROWS - 1) / STORE_ROWS, store_part, &j);
    gn_pool_run(j.c->pool, j.parts, attend_part, &j);
    if (j.parts > j.blocks)
        gn_pool_run(j.c->pool, j.blocks, join_block, &j);
}
