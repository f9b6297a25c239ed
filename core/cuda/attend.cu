/* attend.cu - softmax attention over kv rows, by tiles: of what is written, of exact numbers and of
 * short texts. Longer ones that are read are flash.cu's.
 *
 * The rows a query sees are cut into tiles of KEYS, counted from the start of its sequence, and
 * tiles into splits of TILES. A block takes some query rows with all query heads of one kv head
 * and walks the tiles; a tile's scores give a mean of its own, means are joined in order, first
 * within a split, then the splits. A step of single tokens gives each split a block of its own and
 * joins them in a second kernel: the same sums in the same order. So what a query gets depends on
 * nothing but its own text.
 *
 * Keys and values before the lane are read from the cache; the lane's own, which are not in the
 * cache when nothing is kept, from k and v, rounded as the cache would.
 */
#include "core/cuda/attend.cuh"

#include <assert.h>

enum {
    THREADS = 128,
    KEYS = 32,  /* rows of a tile */
    TILES = 16, /* tiles of a split */
    SPLIT = KEYS * TILES,
    MOST_ROWS = 16,    /* queries of a block: tokens times heads that share a kv head */
    FLASH_TOKENS = 16, /* fewest tokens of the longest lane that are worth flash.cu */
    COPY = 64,         /* rows of the cache a block copies when a lane forks */
};

/* Rows [row, ...) of K or V of a kv head as f32 in shared memory, `wide` apart; past the last seen
 * row zeros. */
GN_FN void load_tile(float *to, int wide, const attend_in &in, const gn_device_lane &lane,
                     int which, int64_t row, int seen, int head) {
    const gn_m own = which ? in.v : in.k;
    for (int i = (int)threadIdx.x; i < KEYS * in.dims; i += THREADS) {
        const int r = i / in.dims, d = i % in.dims;
        const int64_t at = row + r;
        float v = 0.0f;
        if (r < seen && at < lane.past) {
            const size_t from =
                cache_at(in, lane.from_capacity, which, at) + (size_t)(head * in.dims + d);
            v = in.half ? gn_half(reinterpret_cast<const uint16_t *>(lane.from_kv)[from])
                        : reinterpret_cast<const float *>(lane.from_kv)[from];
        } else if (r < seen) {
            v = rounded(gn_row(own, lane.first + (int)(at - lane.past))[head * in.dims + d],
                        in.half);
        }
        to[r * wide + d] = v;
    }
}

struct running {
    float most, sum;
};

/* exp(a - b) where a may be nothing yet. */
GN_FN float fade(float a, float b) { return a == -INFINITY ? 0.0f : expf(a - b); }

/* DIMS: the most head_dim; ROWS: queries of a block. */
template <int DIMS, int ROWS, bool SPLITS> GN_KERNEL(THREADS) attend(attend_in in) {
    constexpr int WIDE = DIMS + 1, OWN = ROWS * DIMS / THREADS;
    GN_SHARED(float, tile, KEYS *WIDE);
    GN_SHARED(float, query, ROWS *DIMS);
    GN_SHARED(float, score, ROWS *KEYS);
    GN_SHARED(float, most, ROWS); /* of the split so far */
    GN_SHARED(float, sum, ROWS);
    GN_SHARED(float, old_by, ROWS); /* what a tile makes of the split's mean, and of itself */
    GN_SHARED(float, new_by, ROWS);
    GN_SHARED(float, all_most, ROWS); /* of the splits before */
    GN_SHARED(float, all_sum, ROWS);
    GN_WAIT();
    const int tid = (int)threadIdx.x, groups = in.share / in.per;
    const int head = (int)blockIdx.y / groups;
    const int leader = (int)blockIdx.y * in.per; /* the block's first query head */
    const int split = SPLITS ? (int)blockIdx.x % in.splits : 0;
    const gn_device_lane lane =
        in.table.lane[SPLITS ? (int)blockIdx.x / in.splits : (int)blockIdx.z];
    const int first = SPLITS ? 0 : (int)blockIdx.x * in.tokens; /* token of the lane */
    if (first >= lane.count)
        return;
    const int tokens = lane.count - first < in.tokens ? lane.count - first : in.tokens;
    const int rows = tokens * in.per;
    const int64_t end = lane.past + first + tokens; /* rows the last token sees */
    const int64_t from = SPLITS ? (int64_t)split * SPLIT : 0;
    const int64_t to = SPLITS && from + SPLIT < end ? from + SPLIT : end;

    if (split == 0)
        keep(in, lane, first, tokens);
    for (int i = tid; i < ROWS * in.dims; i += THREADS) {
        const int r = i / in.dims, d = i % in.dims;
        query[r * DIMS + d] =
            r < rows ? in.scale * gn_row(in.q, lane.first + first +
                                                   r / in.per)[(leader + r % in.per) * in.dims + d]
                     : 0.0f;
    }
    if (tid < ROWS) {
        most[tid] = all_most[tid] = -INFINITY;
        sum[tid] = all_sum[tid] = 0.0f;
    }
    float o[OWN], all[OWN]; /* number j of a thread: row and column of tid + j THREADS */
#pragma unroll
    for (int j = 0; j < OWN; j++)
        o[j] = all[j] = 0.0f;

    for (int64_t key = from; key < to; key += KEYS) {
        const int seen = to - key < KEYS ? (int)(to - key) : KEYS;
        GN_SYNC();
        load_tile(tile, WIDE, in, lane, 0, key, seen, head);
        GN_SYNC();
        for (int i = tid; i < ROWS * KEYS; i += THREADS) {
            const int r = i / KEYS, j = i % KEYS;
            const int64_t limit = lane.past + first + r / in.per; /* the last row it sees */
            float dot = 0.0f;
            for (int d = 0; d < in.dims; d++)
                dot = fmaf(query[r * DIMS + d], tile[j * WIDE + d], dot);
            score[i] = r < rows && key + j <= limit ? dot : -INFINITY;
        }
        GN_SYNC();
        load_tile(tile, WIDE, in, lane, 1, key, seen, head);
        /* A warp for each row's weights: largest, exponentials, sum. */
        for (int r = tid / 32; r < ROWS; r += THREADS / 32) {
            const float s = score[r * KEYS + tid % 32], top = gn_warp_most(s);
            const float p = top == -INFINITY ? 0.0f : expf(s - top), total = gn_warp_sum(p);
            score[r * KEYS + tid % 32] = p;
            if (tid % 32 == 0) {
                const float both = fmaxf(most[r], top);
                old_by[r] = fade(most[r], both);
                new_by[r] = fade(top, both);
                sum[r] = old_by[r] * sum[r] + new_by[r] * total;
                most[r] = both;
            }
        }
        GN_SYNC();
#pragma unroll
        for (int j = 0; j < OWN; j++) {
            const int r = (tid + j * THREADS) / DIMS, d = (tid + j * THREADS) % DIMS;
            float mean = 0.0f;
            if (d < in.dims)
                for (int i = 0; i < KEYS; i++)
                    mean = fmaf(score[r * KEYS + i], tile[i * WIDE + d], mean);
            o[j] = fmaf(new_by[r], mean, old_by[r] * o[j]);
        }
        if (SPLITS || ((key + KEYS) % SPLIT != 0 && key + KEYS < to))
            continue;
        /* A split is over: join it to those before. */
        GN_SYNC();
        if (tid < ROWS) {
            const float both = fmaxf(all_most[tid], most[tid]);
            old_by[tid] = fade(all_most[tid], both);
            new_by[tid] = fade(most[tid], both);
            all_sum[tid] = fmaf(new_by[tid], sum[tid], old_by[tid] * all_sum[tid]);
            all_most[tid] = both;
            most[tid] = -INFINITY;
            sum[tid] = 0.0f;
        }
        GN_SYNC();
#pragma unroll
        for (int j = 0; j < OWN; j++) {
            const int r = (tid + j * THREADS) / DIMS;
            all[j] = fmaf(new_by[r], o[j], old_by[r] * all[j]);
            o[j] = 0.0f;
        }
    }
    GN_SYNC();
#pragma unroll
    for (int j = 0; j < OWN; j++) {
        const int r = (tid + j * THREADS) / DIMS, d = (tid + j * THREADS) % DIMS;
        if (r >= rows || d >= in.dims)
            continue;
        const int t = lane.first + first + r / in.per, q = leader + r % in.per;
        if (SPLITS) {
            float *part = in.part + (((size_t)t * (size_t)(in.heads * in.share) + (size_t)q) *
                                         (size_t)in.splits +
                                     (size_t)split) *
                                        (size_t)(in.dims + 2);
            part[d] = o[j];
            if (d == 0) {
                part[in.dims] = most[r];
                part[in.dims + 1] = sum[r];
            }
        } else {
            gn_row(in.y, t)[q * in.dims + d] = all[j] / all_sum[r];
        }
    }
}

/* The splits of each query in order; a block for a token and query head. */
GN_KERNEL(THREADS)
join(attend_in in) {
    GN_WAIT();
    const int t = (int)blockIdx.x, q = (int)blockIdx.y, owner = in.table.lane_of[t];
    if (owner < 0)
        return;
    const gn_device_lane &lane = in.table.lane[owner];
    const int64_t sees = lane.past + t - lane.first + 1;
    const int splits = (int)((sees + SPLIT - 1) / SPLIT);
    const float *part = in.part + ((size_t)t * (size_t)(in.heads * in.share) + (size_t)q) *
                                      (size_t)in.splits * (size_t)(in.dims + 2);
    for (int d = (int)threadIdx.x; d < in.dims; d += THREADS) {
        float most = -INFINITY, sum = 0.0f, o = 0.0f;
        for (int s = 0; s < splits; s++) {
            const float *p = part + (size_t)s * (size_t)(in.dims + 2);
            const float both = fmaxf(most, p[in.dims]);
            const float old_by = fade(most, both), new_by = fade(p[in.dims], both);
            sum = fmaf(new_by, p[in.dims + 1], old_by * sum);
            o = fmaf(new_by, p[d], old_by * o);
            most = both;
        }
        gn_row(in.y, t)[q * in.dims + d] = o / sum;
    }
}

/* Rows of the cache a forking lane begins with. */
GN_KERNEL(THREADS)
copy_past(attend_in in) {
    GN_WAIT();
    const gn_device_lane &lane = in.table.lane[blockIdx.y];
    const int64_t first = (int64_t)blockIdx.x * COPY;
    if (!lane.to_kv || !lane.from_kv || lane.to_kv == lane.from_kv || first >= lane.past)
        return;
    const int64_t rows = lane.past - first < COPY ? lane.past - first : (int64_t)COPY;
    const size_t all = (size_t)rows * (size_t)(in.heads * in.dims);
    for (int which = 0; which < 2; which++) {
        const size_t from = cache_at(in, lane.from_capacity, which, first);
        const size_t to = cache_at(in, lane.to_capacity, which, first);
        for (size_t i = threadIdx.x; i < all; i += THREADS) {
            if (in.half)
                reinterpret_cast<uint16_t *>(lane.to_kv)[to + i] =
                    reinterpret_cast<const uint16_t *>(lane.from_kv)[from + i];
            else
                reinterpret_cast<float *>(lane.to_kv)[to + i] =
                    reinterpret_cast<const float *>(lane.from_kv)[from + i];
        }
    }
}

/* Steps of single tokens: a block for each split, as many as the deepest lane may have. */
static bool by_splits(const gn_table &t) { return t.longest == 1 && t.deepest > SPLIT; }
static int splits_of(const gn_table &t) { return (t.deepest + SPLIT - 1) / SPLIT; }

size_t gn_cuda_attend_room(const gn_cuda *c, const gn_command &k, const gn_table &t) {
    (void)c;
    if (!by_splits(t))
        return 0;
    const size_t queries = (size_t)(k.m[1].cols / k.n) * (size_t)k.m[1].rows;
    return queries * (size_t)splits_of(t) * (size_t)(k.n + 2) * sizeof(float);
}

template <int DIMS, int ROWS> static void run(gn_cuda *c, attend_in in) {
    gn_cuda_pack(&in, ROWS);
    const unsigned groups = (unsigned)(in.heads * in.share / in.per);
    const unsigned across = (unsigned)gn_blocks((size_t)in.table.longest, in.tokens);
    const unsigned heads = (unsigned)(in.heads * in.share), lanes = (unsigned)in.table.n;
    if (by_splits(in.table)) {
        GN_LAUNCH((attend<DIMS, ROWS, true>), dim3(lanes * (unsigned)in.splits, groups), THREADS,
                  c->stream, in);
        GN_LAUNCH(join, dim3((unsigned)in.q.rows, heads), THREADS, c->stream, in);
    } else {
        GN_LAUNCH((attend<DIMS, ROWS, false>), dim3(across, groups, lanes), THREADS, c->stream, in);
    }
}

void gn_cuda_do_attend(gn_cuda *c, const gn_command &k, const gn_table &t) {
    attend_in in;
    in.y = k.m[0];
    in.q = k.m[1];
    in.k = k.m[2];
    in.v = k.m[3];
    in.dims = k.n;
    in.heads = k.m[2].cols / k.n;
    in.share = k.m[1].cols / k.m[2].cols;
    in.per = in.tokens = 0;
    in.scale = k.a;
    in.half = !c->exact;
    in.nth = k.at;
    in.table = t;
    in.splits = splits_of(t);
    in.part = reinterpret_cast<float *>(c->scratch);
    assert(in.dims <= 256 && t.n <= 65535);
    if (t.n == 0 || in.q.rows == 0)
        return;
    if (!c->exact && c->kind == GN_READ && t.longest >= FLASH_TOKENS)
        gn_cuda_flash(c, in);
    else if (in.dims <= 64)
        run<64, MOST_ROWS>(c, in);
    else if (in.dims <= 128)
        run<128, MOST_ROWS>(c, in);
    else
        run<256, 8>(c, in);
    if (t.forks)
        GN_LAUNCH(copy_past, dim3((unsigned)gn_blocks((size_t)t.deepest, COPY), (unsigned)t.n),
                  THREADS, c->stream, in);
}
