/* formula_attend.h - part of formula_body.h: one tile of attention.
 *
 * Scores and weighted sums are the same product, c = a b, made a few rows and
 * vectors at a time in registers. Each number of it is one chain over `depth`,
 * first to last, so the shape of the block changes nothing. */

static void transpose(float *to, size_t to_row, const float *from, size_t from_row, int rows,
                      int cols) {
    for (size_t i = 0; i < (size_t)rows; i += VEC)
        for (size_t j = 0; j < (size_t)cols; j += VEC) {
            vec v[VEC];
#pragma GCC unroll 16
            for (size_t k = 0; k < VEC; k++)
                v[k] = vec_load(from + (i + k) * from_row + j);
            vec_turn(v);
#pragma GCC unroll 16
            for (size_t k = 0; k < VEC; k++)
                vec_store(to + (j + k) * to_row + i, v[k]);
        }
}

/* a's rows are GN_TILE_ROW apart, so that one register leads to all of a block's. */
typedef struct product {
    float *c;
    const float *a, *b;
    size_t c_row, b_row;
    int depth;
} product;

/* R rows and K vectors of columns of it; constants where this is inlined. */
static inline __attribute__((always_inline)) void block(const product *p, int row, int at,
                                                        const int R, const int K) {
    const float *a = p->a + (size_t)row * GN_TILE_ROW, *b = p->b + at;
    float *c = p->c + (size_t)row * p->c_row + at;
    vec sum[24];
#pragma GCC unroll 24
    for (int i = 0; i < R * K; i++)
        sum[i] = vec_all(0.0f);
    for (const float *end = a + p->depth; a < end; a++, b += p->b_row) {
        vec w[8];
#pragma GCC unroll 8
        for (int k = 0; k < K; k++)
            w[k] = vec_load(b + k * VEC);
#pragma GCC unroll 12
        for (int r = 0; r < R; r++) {
            const vec v = vec_all(a[r * GN_TILE_ROW]);
#pragma GCC unroll 8
            for (int k = 0; k < K; k++)
                sum[r * K + k] = vec_fma(v, w[k], sum[r * K + k]);
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int k = 0; k < K; k++)
            vec_store(c + (size_t)r * p->c_row + k * VEC, sum[r * K + k]);
}

/* R rows, all columns: K vectors at a time, then one. */
static inline __attribute__((always_inline)) void band(const product *p, int row, int cols,
                                                       const int R, const int K) {
    int at = 0;
    for (; at + K * VEC <= cols; at += K * VEC)
        block(p, row, at, R, K);
    for (; at < cols; at += VEC)
        block(p, row, at, R, 1);
}

/* rows <= GN_TILE_QUERIES; cols, a multiple of VEC. */
static void multiply(const product *p, int rows, int cols) {
    const bool many = VEC_REGISTERS >= 32;
    for (int row = 0, left; (left = rows - row) > 0;) {
        if (many && left >= 12) {
            band(p, row, cols, 12, 2);
            row += 12;
        } else if (left >= 6) {
            band(p, row, cols, 6, many ? 4 : 2);
            row += 6;
        } else if (left >= 4) {
            band(p, row, cols, 4, many ? 4 : 2);
            row += 4;
        } else if (left == 3) {
            band(p, row, cols, 3, 4);
            row += 3;
        } else if (left == 2) {
            band(p, row, cols, 2, 4);
            row += 2;
        } else {
            band(p, row, cols, 1, 8);
            row += 1;
        }
    }
}

/* score becomes exp(score - most) for the first n of depth rows, 0 for the others. */
static void weigh(float *score, int n, int depth, float *most, float *sum) {
    vec top = vec_all(-INFINITY), total = vec_all(0.0f);
    int i;
    for (i = 0; i < n; i += VEC)
        top = vec_max(top, vec_keep(vec_load(score + i), n - i, top));
    *most = n ? vec_most(top) : -INFINITY;
    top = vec_all(*most);
    for (i = 0; i < n; i += VEC) {
        const vec e = vec_exp(vec_sub(vec_load(score + i), top));
        const vec p = vec_keep(e, n - i, vec_all(0.0f));
        total = vec_add(total, p);
        vec_store(score + i, p);
    }
    for (; i < depth; i += VEC)
        vec_store(score + i, vec_all(0.0f));
    *sum = vec_sum(total);
}

static void attend(const gn_mean *mean, const gn_tile *tile, const float *q, const int *limit,
                   int n) {
    _Alignas(GN_CPU_ALIGN) float score[GN_TILE_QUERIES * GN_TILE_ROW];
    const int width = gn_pad_to(tile->dims);
    int depth = 0;
    for (int i = 0; i < n; i++)
        depth = limit[i] > depth ? limit[i] : depth;

    const product scores = {score, q, tile->K, GN_TILE_ROW, GN_TILE_ROW, tile->dims};
    multiply(&scores, n, (depth + VEC - 1) / VEC * VEC);
    for (int i = 0; i < n; i++)
        weigh(score + i * GN_TILE_ROW, limit[i], depth, &mean->most[i], &mean->sum[i]);
    const product means = {mean->o, score, tile->V, (size_t)width, (size_t)width, depth};
    multiply(&means, n, width);
}

/* The same for so few queries that laying a tile out as f32 first would be most of the work:
 * rows are widened and turned in registers. Each number is the chain that attend() makes. */

static inline __attribute__((always_inline)) vec row_at(const void *row, int at, const bool half) {
    return half ? vec_widen((const uint16_t *)row + at) : vec_load((const float *)row + at);
}

static inline __attribute__((always_inline)) void ask_for(const void *row, size_t bytes) {
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch((const char *)row + i);
}

/* score [R, depth] = q K */
static inline __attribute__((always_inline)) void few_scores(float *score, const gn_strip *s,
                                                             const float *q, int depth, const int R,
                                                             const bool half) {
    for (int u = 0; u < depth; u += VEC) {
        vec sum[GN_FEW];
#pragma GCC unroll 6
        for (int r = 0; r < R; r++)
            sum[r] = vec_all(0.0f);
        for (int k = 0; k < VEC; k++)
            ask_for(s->K[u + GN_AHEAD + k], s->ahead);
        for (int d = 0; d < s->dims; d += VEC) {
            vec v[VEC];
#pragma GCC unroll 16
            for (int k = 0; k < VEC; k++)
                v[k] = row_at(s->K[u + k], d, half);
            vec_turn(v);
#pragma GCC unroll 16
            for (int k = 0; k < VEC; k++)
#pragma GCC unroll 6
                for (int r = 0; r < R; r++)
                    sum[r] = vec_fma(vec_all(q[r * GN_TILE_ROW + d + k]), v[k], sum[r]);
        }
#pragma GCC unroll 6
        for (int r = 0; r < R; r++)
            vec_store(score + r * GN_TILE_ROW + u, sum[r]);
    }
}

/* K vectors of columns of o [R, dims] = score V */
static inline __attribute__((always_inline)) void few_columns(float *o, size_t o_row,
                                                              const gn_strip *s, const float *score,
                                                              int at, int depth, const int R,
                                                              const int K, const bool half) {
    vec sum[GN_FEW * 4];
#pragma GCC unroll 24
    for (int i = 0; i < R * K; i++)
        sum[i] = vec_all(0.0f);
    for (int u = 0; u < depth; u++) {
        vec v[4];
        ask_for(s->V[u + GN_AHEAD], at == 0 ? s->ahead : 0);
#pragma GCC unroll 4
        for (int k = 0; k < K; k++)
            v[k] = row_at(s->V[u], at + k * VEC, half);
#pragma GCC unroll 6
        for (int r = 0; r < R; r++) {
            const vec p = vec_all(score[r * GN_TILE_ROW + u]);
#pragma GCC unroll 4
            for (int k = 0; k < K; k++)
                sum[r * K + k] = vec_fma(p, v[k], sum[r * K + k]);
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int k = 0; k < K; k++)
            vec_store(o + (size_t)r * o_row + at + k * VEC, sum[r * K + k]);
}

static inline __attribute__((always_inline)) void few(const gn_mean *mean, const gn_strip *s,
                                                      const float *q, const int *limit, const int R,
                                                      const bool half) {
    const int K = VEC_REGISTERS >= 32 || R <= 2 ? 4 : 2, width = K * VEC;
    const size_t row = (size_t)gn_pad_to(s->dims);
    float score[GN_FEW * GN_TILE_ROW];
    int depth = 0, at = 0;
    for (int r = 0; r < R; r++)
        depth = limit[r] > depth ? limit[r] : depth;
    few_scores(score, s, q, depth, R, half);
    for (int r = 0; r < R; r++)
        weigh(score + r * GN_TILE_ROW, limit[r], depth, &mean->most[r], &mean->sum[r]);
    for (; at + width <= s->dims; at += width)
        few_columns(mean->o, row, s, score, at, depth, R, K, half);
    for (; at < s->dims; at += VEC)
        few_columns(mean->o, row, s, score, at, depth, R, 1, half);
}

static void attend_few(const gn_mean *mean, const gn_strip *s, const float *q, const int *limit,
                       int n) {
    switch (s->half ? n : n + GN_FEW) {
    case 1:
        few(mean, s, q, limit, 1, true);
        break;
    case 2:
        few(mean, s, q, limit, 2, true);
        break;
    case 3:
        few(mean, s, q, limit, 3, true);
        break;
    case 4:
        few(mean, s, q, limit, 4, true);
        break;
    case 5:
        few(mean, s, q, limit, 5, true);
        break;
    case 6:
        few(mean, s, q, limit, 6, true);
        break;
    case 7:
        few(mean, s, q, limit, 1, false);
        break;
    case 8:
        few(mean, s, q, limit, 2, false);
        break;
    case 9:
        few(mean, s, q, limit, 3, false);
        break;
    case 10:
        few(mean, s, q, limit, 4, false);
        break;
    case 11:
        few(mean, s, q, limit, 5, false);
        break;
    case 12:
        few(mean, s, q, limit, 6, false);
        break;
    }
}

static void join(const gn_mean *whole, const gn_mean *part, int dims, int n) {
    const int width = gn_pad_to(dims);
    for (int i = 0; i < n; i++) {
        const float old = whole->most[i], own = part->most[i], most = old > own ? old : own;
        if (own == -INFINITY) /* it sees none of this tile */
            continue;
        float by[2] = {old - most, own - most};
        exp_row(by, by, 2);
        const vec a = vec_all(by[0]), b = vec_all(by[1]);
        float *o = whole->o + (size_t)i * (size_t)width;
        const float *p = part->o + (size_t)i * (size_t)width;
        for (int k = 0; k < width; k += VEC)
            vec_store(o + k, vec_fma(b, vec_load(p + k), vec_mul(a, vec_load(o + k))));
        whole->sum[i] = by[0] * whole->sum[i] + by[1] * part->sum[i];
        whole->most[i] = most;
    }
}
