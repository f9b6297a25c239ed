/* vector.h - a vector of floats and what the loops of training do with it.
 *
 * Written on GCC's vector types: GN_LANES floats wide, whatever the machine has. The file that
 * includes it is compiled for one instruction set, with contraction to FMA allowed.
 */
#ifndef GN_TRAIN_VECTOR_H
#define GN_TRAIN_VECTOR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#pragma GCC diagnostic ignored "-Wpsabi" /* all of it is inlined: no call passes a vector */

#ifndef GN_LANES
#define GN_LANES 8
#endif

typedef float vec __attribute__((vector_size(GN_LANES * 4)));
typedef int32_t ints __attribute__((vector_size(GN_LANES * 4)));
typedef float loose __attribute__((vector_size(GN_LANES * 4), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE vec all(float v) { return v - (vec){0}; }
INLINE vec load(const float *p) { return *(const loose *)p; }
INLINE void store(float *p, vec v) { *(loose *)p = v; }

/* The first n < GN_LANES numbers; zeros after them. */
INLINE vec load_part(const float *p, int n) {
    float whole[GN_LANES] = {0};
    memcpy(whole, p, (size_t)n * sizeof *p);
    return load(whole);
}
INLINE void store_part(float *p, vec v, int n) {
    float whole[GN_LANES];
    store(whole, v);
    memcpy(p, whole, (size_t)n * sizeof *p);
}
/* n numbers, or as many as fit. */
INLINE vec take(const float *p, int n) { return n >= GN_LANES ? load(p) : load_part(p, n); }
INLINE void give(float *p, vec v, int n) {
    if (n >= GN_LANES)
        store(p, v);
    else
        store_part(p, v, n);
}

INLINE float total(vec v) {
    float lane[GN_LANES];
    store(lane, v);
    for (int half = GN_LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

INLINE vec select_vec(ints mask, vec yes, vec no) {
    return (vec)((mask & (ints)yes) | (~mask & (ints)no));
}

/* exp(v), to 2 units in the last place; exp(-87) below that, exp(88) above it. */
INLINE vec vexp(vec v) {
    const vec low = all(-87.0f), high = all(88.0f), magic = all(12582912.0f);
    v = select_vec(v < low, low, v);
    v = select_vec(v > high, high, v);
    const vec t = v * all(1.44269504f) + magic;
    const vec n = t - magic;
    vec r = v - n * all(0.693145752f);
    r = r - n * all(1.42860677e-06f);
    vec q = all(0.00138145406f);
    q = q * r + all(0.00836874545f);
    q = q * r + all(0.041668389f);
    q = q * r + all(0.166665211f);
    q = q * r + all(0.49999994f);
    const vec e = (q * r) * r + r + all(1.0f);
    return (vec)((ints)e + ((ints)t << 23));
}

INLINE vec sigmoid(vec v) { return all(1.0f) / (all(1.0f) + vexp(-v)); }

INLINE float dot(const float *a, const float *b, int n) {
    vec s = {0}, t = {0};
    int i = 0;
    for (; i + 2 * GN_LANES <= n; i += 2 * GN_LANES) {
        s += load(a + i) * load(b + i);
        t += load(a + i + GN_LANES) * load(b + i + GN_LANES);
    }
    for (; i < n; i += GN_LANES)
        s += take(a + i, n - i) * take(b + i, n - i);
    return total(s + t);
}

/* y += a x */
INLINE void axpy(float *y, float a, const float *x, int n) {
    int i = 0;
    for (; i + GN_LANES <= n; i += GN_LANES)
        store(y + i, load(y + i) + all(a) * load(x + i));
    for (; i < n; i++)
        y[i] += a * x[i];
}

/* y = a x */
INLINE void scaled(float *y, float a, const float *x, int n) {
    int i = 0;
    for (; i + GN_LANES <= n; i += GN_LANES)
        store(y + i, all(a) * load(x + i));
    for (; i < n; i++)
        y[i] = a * x[i];
}

/* A small product: c [m, n] = or += a b, where a's element (i, k) is a[i*ai + k*ak] and b is
 * [k, n] with rows ldb apart. R rows and two vectors of columns at a time stay in registers. */
INLINE void product_rows(const int R, float *c, size_t ldc, const float *a, size_t ai, size_t ak,
                         const float *b, size_t ldb, int n, int k, bool add) {
    int j = 0;
    for (; j + 2 * GN_LANES <= n; j += 2 * GN_LANES) {
        vec s[4] = {{0}}, t[4] = {{0}};
        if (add)
            for (int r = 0; r < R; r++) {
                s[r] = load(c + (size_t)r * ldc + j);
                t[r] = load(c + (size_t)r * ldc + j + GN_LANES);
            }
        for (int q = 0; q < k; q++) {
            const float *row = b + (size_t)q * ldb + j;
            const vec x = load(row), y = load(row + GN_LANES);
            for (int r = 0; r < R; r++) {
                const vec f = all(a[(size_t)r * ai + (size_t)q * ak]);
                s[r] += f * x;
                t[r] += f * y;
            }
        }
        for (int r = 0; r < R; r++) {
            store(c + (size_t)r * ldc + j, s[r]);
            store(c + (size_t)r * ldc + j + GN_LANES, t[r]);
        }
    }
    for (; j < n; j += GN_LANES) {
        const int left = n - j;
        vec s[4] = {{0}};
        if (add)
            for (int r = 0; r < R; r++)
                s[r] = take(c + (size_t)r * ldc + j, left);
        for (int q = 0; q < k; q++) {
            const vec x = take(b + (size_t)q * ldb + j, left);
            for (int r = 0; r < R; r++)
                s[r] += all(a[(size_t)r * ai + (size_t)q * ak]) * x;
        }
        for (int r = 0; r < R; r++)
            give(c + (size_t)r * ldc + j, s[r], left);
    }
}

static void product(float *c, size_t ldc, const float *a, size_t ai, size_t ak, const float *b,
                    size_t ldb, int m, int n, int k, bool add) {
    int i = 0;
    for (; i + 4 <= m; i += 4)
        product_rows(4, c + (size_t)i * ldc, ldc, a + (size_t)i * ai, ai, ak, b, ldb, n, k, add);
    for (; i < m; i++)
        product_rows(1, c + (size_t)i * ldc, ldc, a + (size_t)i * ai, ai, ak, b, ldb, n, k, add);
}

/* to [cols, rows] = from [rows, cols] turned. */
static void turn(float *to, size_t to_row, const float *from, size_t from_row, int rows, int cols) {
    for (int i = 0; i < rows; i += 8)
        for (int j = 0; j < cols; j++)
            for (int r = i; r < i + 8 && r < rows; r++)
                to[(size_t)j * to_row + (size_t)r] = from[(size_t)r * from_row + (size_t)j];
}

#endif
