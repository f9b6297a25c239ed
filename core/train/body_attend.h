/* body_attend.h - attention a block of queries at a time, and its way back.
 *
 * Scores of GN_QUERIES queries against all keys they see are in scratch at once, so memory
 * goes with the length, not its square. The way back makes them again from `lse`.
 */
#ifndef GN_TRAIN_BODY_ATTEND_H
#define GN_TRAIN_BODY_ATTEND_H

#include "core/train/kernel.h"
#include "core/train/vector.h"

/* exp(scale score - shift), zeros from `seen` up to n; returns the sum. */
INLINE float softened(float *p, float scale, float shift, int seen, int n) {
    vec sum = {0};
    float rest = 0.0f;
    int u = 0;
    for (; u + GN_LANES <= seen; u += GN_LANES) {
        const vec e = vexp(load(p + u) * all(scale) - all(shift));
        store(p + u, e);
        sum += e;
    }
    if (u < seen) {
        store_part(p + u, vexp(load_part(p + u, seen - u) * all(scale) - all(shift)), seen - u);
        for (int i = u; i < seen; i++)
            rest += p[i];
    }
    memset(p + seen, 0, (size_t)(n - seen) * sizeof *p);
    return total(sum) + rest;
}

static void attend(void *arg, int part, int thread) {
    const gn_attend_job *j = arg;
    const gn_segment *s = &j->segment[part / j->kv_heads];
    const int kv = part % j->kv_heads, share = j->q_heads / j->kv_heads, d = j->head_dim;
    const size_t n = (size_t)s->count;
    float *turned = j->scratch + (size_t)thread * j->scratch_size, *p = turned + (size_t)d * n;
    const gn_grid k = gn_from_col(j->k, kv * d), v = gn_from_col(j->v, kv * d);

    turn(turned, n, gn_at(k, s->first), k.stride, s->count, d);
    for (int h = kv * share; h < (kv + 1) * share; h++) {
        const gn_grid q = gn_from_col(j->q, h * d), y = gn_from_col(j->y, h * d);
        for (int t = 0; t < s->count; t += GN_QUERIES) {
            const int rows = s->count - t < GN_QUERIES ? s->count - t : GN_QUERIES, see = t + rows;
            product(p, n, gn_at(q, s->first + t), q.stride, 1, turned, n, rows, see, d, false);
            for (int i = 0; i < rows; i++) {
                float *row = p + (size_t)i * n, most = -INFINITY;
                for (int u = 0; u <= t + i; u++)
                    most = j->scale * row[u] > most ? j->scale * row[u] : most;
                const float sum = softened(row, j->scale, most, t + i + 1, see);
                scaled(row, 1.0f / sum, row, see);
                j->lse[(size_t)(s->first + t + i) * (size_t)j->q_heads + (size_t)h] =
                    most + logf(sum);
            }
            product(gn_at(y, s->first + t), y.stride, p, n, 1, gn_at(v, s->first), v.stride, rows,
                    d, see, false);
        }
    }
}

/* dp = dy vᵀ, ds = p (dp - dy.y) scale; dq = ds k, dk += dsᵀ q, dv += pᵀ dy. */
static void attend_back(void *arg, int part, int thread) {
    const gn_attend_job *j = arg;
    const gn_segment *s = &j->segment[part / j->kv_heads];
    const int kv = part % j->kv_heads, share = j->q_heads / j->kv_heads, d = j->head_dim;
    const size_t n = (size_t)s->count;
    float *kT = j->scratch + (size_t)thread * j->scratch_size, *vT = kT + (size_t)d * n;
    float *p = vT + (size_t)d * n, *ds = p + GN_QUERIES * n;
    const gn_grid k = gn_from_col(j->k, kv * d), v = gn_from_col(j->v, kv * d);
    const gn_grid dk = gn_from_col(j->dk, kv * d), dv = gn_from_col(j->dv, kv * d);

    turn(kT, n, gn_at(k, s->first), k.stride, s->count, d);
    turn(vT, n, gn_at(v, s->first), v.stride, s->count, d);
    for (int u = s->first; u < s->first + s->count; u++) {
        memset(gn_at(dk, u), 0, (size_t)d * sizeof(float));
        memset(gn_at(dv, u), 0, (size_t)d * sizeof(float));
    }
    for (int h = kv * share; h < (kv + 1) * share; h++) {
        const gn_grid q = gn_from_col(j->q, h * d), y = gn_from_col(j->y, h * d);
        const gn_grid dy = gn_from_col(j->dy, h * d), dq = gn_from_col(j->dq, h * d);
        for (int t = 0; t < s->count; t += GN_QUERIES) {
            const int rows = s->count - t < GN_QUERIES ? s->count - t : GN_QUERIES, see = t + rows;
            const int at = s->first + t;
            product(p, n, gn_at(q, at), q.stride, 1, kT, n, rows, see, d, false);
            product(ds, n, gn_at(dy, at), dy.stride, 1, vT, n, rows, see, d, false);
            for (int i = 0; i < rows; i++) {
                float *row = p + (size_t)i * n, *to = ds + (size_t)i * n;
                const float lse = j->lse[(size_t)(at + i) * (size_t)j->q_heads + (size_t)h];
                const float mean = dot(gn_at(dy, at + i), gn_at(y, at + i), d);
                softened(row, j->scale, lse, t + i + 1, see);
                for (int u = 0; u < see; u += GN_LANES) {
                    const vec g = take(row + u, see - u) * (take(to + u, see - u) - all(mean));
                    give(to + u, g * all(j->scale), see - u);
                }
            }
            product(gn_at(dq, at), dq.stride, ds, n, 1, gn_at(k, s->first), k.stride, rows, d, see,
                    false);
            product(gn_at(dk, s->first), dk.stride, ds, 1, n, gn_at(q, at), q.stride, see, d, rows,
                    true);
            product(gn_at(dv, s->first), dv.stride, p, 1, n, gn_at(dy, at), dy.stride, see, d, rows,
                    true);
        }
    }
}

#endif
