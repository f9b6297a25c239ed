/* formula_rows.h - part of formula_body.h: what is done to a row by itself. */

static void exp_row(float *y, const float *x, int n) {
    for (int i = 0; i < n; i += VEC)
        vec_store_n(y + i, vec_exp(vec_load_n(x + i, n - i)), n - i);
}

static void softplus_row(float *y, const float *x, int n) {
    for (int i = 0; i < n; i += VEC)
        vec_store_n(y + i, vec_softplus(vec_load_n(x + i, n - i)), n - i);
}

/* Sum of squares. */
static float square(const float *x, int n) {
    vec sum[CHAINS];
    for (int k = 0; k < CHAINS; k++)
        sum[k] = vec_all(0.0f);
    int i = 0;
    for (; i + CHAINS * VEC <= n; i += CHAINS * VEC)
        for (int k = 0; k < CHAINS; k++) {
            const vec v = vec_load(x + i + k * VEC);
            sum[k] = vec_fma(v, v, sum[k]);
        }
    for (int k = 0; i < n; i += VEC, k++) {
        const vec v = vec_load_n(x + i, n - i);
        sum[k] = vec_fma(v, v, sum[k]);
    }
    return vec_sum(vec_add(vec_add(sum[0], sum[1]), vec_add(sum[2], sum[3])));
}

static void rmsnorm(float *y, const float *x, const float *gain, int n, float eps) {
    const vec by = vec_all(1.0f / sqrtf(square(x, n) / (float)n + eps));
    for (int i = 0; i < n; i += VEC) {
        const vec v = vec_mul(vec_load_n(x + i, n - i), by);
        vec_store_n(y + i, vec_mul(vec_load_n(gain + i, n - i), v), n - i);
    }
}

static void gated_rmsnorm(float *y, const float *x, const float *z, const float *gain, int n,
                          float eps) {
    for (int i = 0; i < n; i += VEC) {
        const vec gate = vec_silu(vec_load_n(z + i, n - i));
        vec_store_n(y + i, vec_mul(vec_load_n(x + i, n - i), gate), n - i);
    }
    rmsnorm(y, y, gain, n, eps);
}

static void axpy(float *y, float a, const float *x, int n) {
    const vec by = vec_all(a);
    for (int i = 0; i < n; i += VEC) {
        const vec v = vec_fma(by, vec_load_n(x + i, n - i), vec_load_n(y + i, n - i));
        vec_store_n(y + i, v, n - i);
    }
}

static void scale(float *y, float a, int n) {
    const vec by = vec_all(a);
    for (int i = 0; i < n; i += VEC)
        vec_store_n(y + i, vec_mul(by, vec_load_n(y + i, n - i)), n - i);
}

static void swiglu(float *y, const float *gate, const float *up, int n) {
    for (int i = 0; i < n; i += VEC) {
        const vec v = vec_silu(vec_load_n(gate + i, n - i));
        vec_store_n(y + i, vec_mul(v, vec_load_n(up + i, n - i)), n - i);
    }
}

static void rotate(float *x, const float *cosine, const float *sine, int half) {
    for (int i = 0; i < half; i += VEC) {
        const int n = half - i;
        const vec c = vec_load_n(cosine + i, n), s = vec_load_n(sine + i, n);
        const vec a = vec_load_n(x + i, n), b = vec_load_n(x + half + i, n);
        vec_store_n(x + i, vec_sub(vec_mul(a, c), vec_mul(b, s)), n);
        vec_store_n(x + half + i, vec_add(vec_mul(b, c), vec_mul(a, s)), n);
    }
}

static void widen(float *y, const uint16_t *x, int n) {
    int i = 0;
    for (; i + VEC <= n; i += VEC)
        vec_store(y + i, vec_widen(x + i));
    if (i < n) {
        uint16_t end[VEC] = {0};
        memcpy(end, x + i, (size_t)(n - i) * sizeof *x);
        vec_store_n(y + i, vec_widen(end), n - i);
    }
}

static void narrow(uint16_t *y, const float *x, int n) {
    int i = 0;
    for (; i + VEC <= n; i += VEC)
        vec_narrow(y + i, vec_load(x + i));
    if (i < n) {
        uint16_t end[VEC];
        vec_narrow(end, vec_load_n(x + i, n - i));
        memcpy(y + i, end, (size_t)(n - i) * sizeof *y);
    }
}

/* A vector of logits into the sums of a tally; lanes from n on are not counted. */
typedef struct tallies {
    vecd sum, weighted;
} tallies;

static inline void add_logits(tallies *t, vec x, vec top, int n) {
    const vec v = vec_max(vec_all(-1000.0f), vec_sub(x, top));
    vec e = vec_exp(v);
    if (n < VEC)
        e = vec_keep(e, n, vec_all(0.0f));
    t->sum = vecd_add(t->sum, e);
    t->weighted = vecd_add(t->weighted, vec_mul(e, v));
}

static gn_tally tally(const float *x, int n) {
    const int whole = n / VEC * VEC, rest = n - whole;
    vec most = vec_all(-INFINITY);
    for (int i = 0; i < whole; i += VEC)
        most = vec_max(vec_load(x + i), most);
    if (rest)
        most = vec_max(vec_keep(vec_load_n(x + whole, rest), rest, most), most);
    gn_tally t = {.most = vec_most(most)};

    /* Where all are masked out there is nothing to subtract. */
    const vec top = vec_all(t.most > -INFINITY ? t.most : 0.0f);
    tallies all = {vecd_zero(), vecd_zero()};
    for (int i = 0; i < whole; i += VEC)
        add_logits(&all, vec_load(x + i), top, VEC);
    if (rest)
        add_logits(&all, vec_load_n(x + whole, rest), top, rest);
    t.sum = vecd_sum(all.sum);
    t.weighted = vecd_sum(all.weighted);
    return t;
}

static int count(const float *x, int n, float mark, bool equal_too) {
    const vec at = vec_all(mark), never = vec_all(-INFINITY);
    int found = 0, i = 0;
    for (; i + VEC <= n; i += VEC) {
        const vec v = vec_load(x + i);
        found += __builtin_popcount(equal_too ? vec_at_least(v, at) : vec_above(v, at));
    }
    const vec v = vec_keep(vec_load_n(x + i, n - i), n - i, never);
    if (i < n)
        found += __builtin_popcount((equal_too ? vec_at_least(v, at) : vec_above(v, at)) &
                                    ((1u << (n - i)) - 1u));
    return found;
}

static int find_above(const float *x, int first, int n, float mark) {
    const vec at = vec_all(mark);
    int i = first;
    for (; i + VEC <= n; i += VEC) {
        const unsigned above = vec_above(vec_load(x + i), at);
        if (above)
            return i + __builtin_ctz(above);
    }
    for (; i < n && !(x[i] > mark); i++)
        ;
    return i;
}
