/* formula_lanes.h - part of formula_body.h: what runs down a lane, the
 * convolution and the state-space recurrence. */

enum { CONV_TOKENS = 32 }; /* rows of x that stay in the nearest cache from vector to vector */

/* Row t of a lane's x, t < 0: of the window before it. NULL: a row of zeros. */
static const float *row_before(const gn_taps *t, int token) {
    if (token >= 0)
        return gn_row(t->x, token);
    return t->from ? t->from + (size_t)(token + t->W - 1) * t->row : NULL;
}

/* Tokens [first, last) of n <= VEC channels from `at` on: y = silu(bias + sum_k w_k x[t-W+1+k]).
 * The last W rows go through `past`, W a constant where it is inlined. */
static inline __attribute__((always_inline)) void
convolve_vector(const gn_taps *t, int at, int n, int first, int last, const vec *w, const int W) {
    const vec bias = t->bias ? vec_load_n(t->bias + at, n) : vec_all(0.0f);
    vec past[GN_CPU_MAX_CONV];
    for (int k = 0; k < W - 1; k++) {
        const float *row = row_before(t, first + k - (W - 1));
        past[k] = row ? vec_load_n(row + at, n) : vec_all(0.0f);
    }
    for (int i = first; i < last; i++) {
        past[W - 1] = vec_load_n(gn_row(t->x, i) + at, n);
        vec sum = bias;
        for (int k = 0; k < W; k++)
            sum = vec_fma(w[k], past[k], sum);
        vec_store_n(gn_row(t->y, i) + at, vec_silu(sum), n);
        for (int k = 0; k < W - 1; k++)
            past[k] = past[k + 1];
    }
}

/* The taps of n <= VEC channels from `at` on, one vector a tap. */
static inline void load_taps(vec *w, const gn_taps *t, int at, int n) {
    const float *from = t->w + (size_t)at * (size_t)t->W;
    float tap[VEC];
    if (t->W == 4 && n >= VEC) {
        vec_columns4(w, from);
        return;
    }
    for (int k = 0; k < t->W; k++) {
        for (int i = 0; i < VEC; i++)
            tap[i] = i < n ? from[i * t->W + k] : 0.0f;
        w[k] = vec_load(tap);
    }
}

static void convolve(const gn_taps *t) {
    const int tokens = t->x.rows, channels = t->x.cols;
    vec w[GN_CPU_MAX_CONV];
    for (int first = 0; first < tokens; first += CONV_TOKENS) {
        const int last = first + CONV_TOKENS < tokens ? first + CONV_TOKENS : tokens;
        for (int at = 0; at < channels; at += VEC) {
            const int n = channels - at < VEC ? channels - at : VEC;
            load_taps(w, t, at, n);
            if (t->W == 4 && n == VEC)
                convolve_vector(t, at, VEC, first, last, w, 4);
            else
                convolve_vector(t, at, n, first, last, w, t->W);
        }
    }
}

static void steps(float *step, float *keep, const float *dt, const gn_ssd_params *p, int heads) {
    const vec low = vec_all(p->dt_min), high = vec_all(p->dt_max);
    for (int h = 0; h < heads; h += VEC) {
        const int n = heads - h;
        const vec v = vec_add(vec_load_n(dt + h, n), vec_load_n(gn_f32(&p->dt_bias) + h, n));
        const vec s = vec_max(low, vec_min(high, vec_softplus(v)));
        vec_store_n(step + h, s, n);
        vec_store_n(keep + h, vec_exp(vec_mul(s, vec_load_n(gn_f32(&p->A) + h, n))), n);
    }
}

/* S of K vectors of columns, or of n < VEC columns where K is 1. */
typedef struct rows_of {
    float *data;
    size_t row;
} rows_of;

/* One token: S = keep S + B inᵀ, then y = Sᵀ C. Both products run along the columns, so S is
 * walked once, in order, with no sum across a row. K and the two booleans are constants where
 * this is inlined: S begins as zeros, or is not kept. */
static inline __attribute__((always_inline)) void
advance(vec *y, const vec *in, rows_of from, rows_of to, const float *B, const float *C, int N,
        float keep, const int K, int n, const bool zero, const bool kept) {
    const vec by = vec_all(keep);
    for (int k = 0; k < K; k++)
        y[k] = vec_all(0.0f);
    for (int i = 0; i < N; i++) {
        const vec b = vec_all(B[i]), c = vec_all(C[i]);
        const float *s = zero ? NULL : from.data + (size_t)i * from.row;
        float *d = kept ? to.data + (size_t)i * to.row : NULL;
#pragma GCC unroll 8
        for (int k = 0; k < K; k++) {
            const vec old = zero     ? vec_all(0.0f)
                            : K == 1 ? vec_load_n(s, n)
                                     : vec_load(s + k * VEC);
            const vec now = vec_fma(b, in[k], vec_mul(by, old));
            y[k] = vec_fma(c, now, y[k]);
            if (kept && K == 1)
                vec_store_n(d, now, n);
            else if (kept)
                vec_store(d + k * VEC, now);
        }
    }
}

/* All tokens of K vectors of columns from `at` on. S is read where it comes from by the first
 * token and written where it stays by the last; between the two it lies in s->between. */
static inline __attribute__((always_inline)) void scan_columns(const gn_scan *s, int at, int n,
                                                               const int K) {
    const int tokens = s->x.rows, N = s->B.cols;
    const rows_of between = {s->between, (size_t)(K * VEC)};
    const rows_of before = {(float *)(uintptr_t)s->from + (s->from ? at : 0), s->row};
    const rows_of after = {s->to + (s->to ? at : 0), s->row};
    const vec D = vec_all(s->D);

    for (int t = 0; t < tokens; t++) {
        const float *x = gn_row(s->x, t) + at, *B = gn_row(s->B, t), *C = gn_row(s->C, t);
        const float keep = *gn_row(s->keep, t);
        const vec step = vec_all(*gn_row(s->step, t));
        const bool last = t == tokens - 1, zero = t == 0 && !s->from, kept = !last || s->to;
        const rows_of from = t == 0 ? before : between, to = last ? after : between;
        const int width = t == 0 || last ? n : VEC; /* between is padded */
        vec in[8], y[8], own[8];
#pragma GCC unroll 8
        for (int k = 0; k < K; k++) {
            own[k] = K == 1 ? vec_load_n(x, n) : vec_load(x + k * VEC);
            in[k] = vec_mul(step, own[k]);
        }
        if (zero && kept)
            advance(y, in, from, to, B, C, N, keep, K, width, true, true);
        else if (zero)
            advance(y, in, from, to, B, C, N, keep, K, width, true, false);
        else if (kept)
            advance(y, in, from, to, B, C, N, keep, K, width, false, true);
        else
            advance(y, in, from, to, B, C, N, keep, K, width, false, false);
#pragma GCC unroll 8
        for (int k = 0; k < K; k++) {
            const vec out = vec_fma(D, own[k], y[k]);
            if (K == 1)
                vec_store_n(gn_row(s->y, t) + at, out, n);
            else
                vec_store(gn_row(s->y, t) + at + k * VEC, out);
        }
    }
}

static void scan(const gn_scan *s) {
    int at = 0;
    for (int left; (left = s->x.cols - at) > 0;) {
        if (left >= 8 * VEC) {
            scan_columns(s, at, VEC, 8);
            at += 8 * VEC;
        } else if (left >= 4 * VEC) {
            scan_columns(s, at, VEC, 4);
            at += 4 * VEC;
        } else if (left >= 2 * VEC) {
            scan_columns(s, at, VEC, 2);
            at += 2 * VEC;
        } else {
            scan_columns(s, at, left < VEC ? left : VEC, 1);
            at += VEC;
        }
    }
}
