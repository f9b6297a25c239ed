/* vec_math.h - exp and what is made of it, on whichever vec_*.h was included before.
 *
 * The one exponential of the device: every softmax, gate and step of the
 * formulas goes through it, ends of rows too, so that a value depends on its
 * argument alone. Polynomials are minimax fits of our own.
 */
#ifndef GN_CPU_VEC_MATH_H
#define GN_CPU_VEC_MATH_H

/* exp(v) to 1.5 units in the last place, infinite past 88.7, 0 under -104.
 * v = n ln 2 + r with |r| <= ln 2 / 2, exp(r) = 1 + r + r² q(r). */
static inline vec vec_exp(vec v) {
    v = vec_max(vec_all(-105.0f), vec_min(vec_all(90.0f), v)); /* not a number stays so */
    const vec n = vec_round(vec_mul(v, vec_all(1.44269504f)));
    vec r = vec_fma(n, vec_all(-0.693145752f), v); /* 15 bits of ln 2: exact */
    r = vec_fma(n, vec_all(-1.42860677e-06f), r);
    vec q = vec_all(0.00138145406f);
    q = vec_fma(q, r, vec_all(0.00836874545f));
    q = vec_fma(q, r, vec_all(0.041668389f));
    q = vec_fma(q, r, vec_all(0.166665211f));
    q = vec_fma(q, r, vec_all(0.49999994f));
    const vec e = vec_fma(vec_mul(r, r), q, r);
    return vec_power(vec_add(e, vec_all(1.0f)), n);
}

/* v / (1 + exp(-v)) */
static inline vec vec_silu(vec v) {
    const vec e = vec_exp(vec_sub(vec_all(0.0f), v));
    return vec_div(v, vec_add(vec_all(1.0f), e));
}

/* log(1 + exp(v)) = max(v, 0) + log(1 + u), u = exp(-|v|) in [0, 1], and
 * log(1 + u) = 2 artanh(s), s = u / (2 + u) <= 1/3. */
static inline vec vec_softplus(vec v) {
    const vec zero = vec_all(0.0f), minus = vec_sub(zero, v);
    const vec u = vec_exp(vec_min(minus, v));
    const vec s = vec_div(u, vec_add(vec_all(2.0f), u)), w = vec_mul(s, s);
    vec q = vec_all(0.243082330f);
    q = vec_fma(q, w, vec_all(0.214258775f));
    q = vec_fma(q, w, vec_all(0.286170334f));
    q = vec_fma(q, w, vec_all(0.399988741f));
    q = vec_fma(q, w, vec_all(0.666666746f));
    const vec log = vec_fma(vec_mul(s, w), q, vec_add(s, s));
    return vec_add(vec_max(zero, v), log);
}

#endif
