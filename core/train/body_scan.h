/* body_scan.h - the state-space scan in chunks, and its way back.
 *
 * In a chunk that begins with state S0, with c the running sum of s A, u = s x and
 * M[i,j] = (C_i . B_j) exp(c_i - c_j) for j <= i (Dao & Gu 2024, arXiv:2405.21060, 6):
 *   y_i = sum_j M[i,j] u_j + exp(c_i) S0ᵀ C_i + D x_i
 *   S1  = exp(c_last) S0 + sum_j exp(c_last - c_j) B_j u_jᵀ
 * The way back walks a segment's chunks from its end; the states they begin with are made
 * again, for one segment and head at a time. Of c it uses that everything y_i holds besides
 * D x_i is proportional to exp(c_i), everything u_j gives to exp(-c_j), and S1 to exp(c_last):
 *   dc_i = dy_i . (y_i - D x_i) - u_i . du_i,  and dc_last += <S1, dS1>
 */
#ifndef GN_TRAIN_BODY_SCAN_H
#define GN_TRAIN_BODY_SCAN_H

#include "core/train/kernel.h"
#include "core/train/vector.h"

enum { SQUARE = GN_CHUNK * GN_CHUNK };

INLINE int least(int a, int b) { return a < b ? a : b; }

static float softplus(float v) { return v > 20.0f ? v : log1pf(expf(v)); }

static float step_of(const gn_scan_job *j, float dt, float *slope) {
    const float s = softplus(dt);
    const bool low = s<j->dt_min, high = s> j->dt_max;
    *slope = low || high ? 0.0f : dt > 20.0f ? 1.0f : 1.0f / (1.0f + expf(-dt));
    return low ? j->dt_min : high ? j->dt_max : s;
}

static float *CB_at(const gn_scan_job *j, float *of, int t, int g) {
    return of + ((size_t)t * (size_t)j->groups + (size_t)g) * GN_CHUNK;
}

/* Steps and their sums of one chunk, and C_i . B_j for all its pairs. */
static void scan_prepare(void *arg, int part, int thread) {
    const gn_scan_job *j = arg;
    const gn_segment *k = &j->chunk[part];
    float *turned = j->scratch + (size_t)thread * j->scratch_size;
    for (int h = 0; h < j->heads; h++) {
        const float A = -expf(j->A_log[h]);
        float sum = 0.0f, slope;
        for (int t = k->first; t < k->first + k->count; t++) {
            const size_t at = (size_t)t * (size_t)j->heads + (size_t)h;
            j->step[at] = step_of(j, gn_at(j->dt, t)[h] + j->dt_bias[h], &slope);
            sum += j->step[at] * A;
            j->sum[at] = sum;
        }
    }
    for (int g = 0; g < j->groups; g++) {
        const gn_grid B = gn_from_col(j->B, g * j->N), C = gn_from_col(j->C, g * j->N);
        turn(turned, GN_CHUNK, gn_at(B, k->first), B.stride, k->count, j->N);
        for (int i = 0; i < k->count; i += 4)
            product(CB_at(j, j->CB, k->first + i, g), (size_t)j->groups * GN_CHUNK,
                    gn_at(C, k->first + i), C.stride, 1, turned, GN_CHUNK, least(4, k->count - i),
                    least(i + 4, k->count), j->N, false);
    }
}

/* What one head makes of one chunk before any state comes in. */
typedef struct chunk_view {
    int first, n, head, group;
    float s[GN_CHUNK], c[GN_CHUNK], enter[GN_CHUNK], leave[GN_CHUNK]; /* exp(c), exp(c_last - c) */
    float *u;                                                         /* [n, P] */
    float *decay; /* [n, GN_CHUNK], zero above the diagonal */
    float *M;
} chunk_view;

static void exp_row(float *y, const float *x, int n) {
    for (int i = 0; i < n; i += GN_LANES)
        give(y + i, vexp(take(x + i, n - i)), n - i);
}

static void view_chunk(const gn_scan_job *j, chunk_view *v, int chunk, int head) {
    const gn_segment *k = &j->chunk[chunk];
    const int n = k->count, P = j->P;
    float shifted[GN_CHUNK];
    v->first = k->first;
    v->n = n;
    v->head = head;
    v->group = head / (j->heads / j->groups);
    for (int i = 0; i < n; i++) {
        const size_t at = (size_t)(k->first + i) * (size_t)j->heads + (size_t)head;
        v->s[i] = j->step[at];
        v->c[i] = j->sum[at];
        scaled(v->u + (size_t)i * (size_t)P, v->s[i],
               gn_at(j->x, k->first + i) + (size_t)head * (size_t)P, P);
    }
    for (int i = 0; i < n; i++)
        shifted[i] = v->c[n - 1] - v->c[i];
    exp_row(v->enter, v->c, n);
    exp_row(v->leave, shifted, n);
}

static void view_square(const gn_scan_job *j, chunk_view *v) {
    for (int i = 0; i < v->n; i++) {
        float *decay = v->decay + i * GN_CHUNK, *M = v->M + i * GN_CHUNK;
        const float *CB = CB_at(j, j->CB, v->first + i, v->group);
        for (int q = 0; q <= i; q += GN_LANES) {
            const int n = i + 1 - q;
            const vec d = vexp(all(v->c[i]) - take(v->c + q, n));
            give(decay + q, d, n);
            give(M + q, d * take(CB + q, n), n);
        }
        for (int q = i + 1; q < ((i + 4) & ~3); q++)
            decay[q] = M[q] = 0.0f;
    }
}

/* S = exp(c_last) S + sum_j leave_j B_j u_jᵀ; `left` [n, P] is scratch. */
static void advance(const gn_scan_job *j, const chunk_view *v, float *S, float *left) {
    const int P = j->P, N = j->N;
    const gn_grid B = gn_from_col(j->B, v->group * N);
    for (int i = 0; i < v->n; i++)
        scaled(left + (size_t)i * (size_t)P, v->leave[i], v->u + (size_t)i * (size_t)P, P);
    scaled(S, v->enter[v->n - 1], S, N * P);
    product(S, (size_t)P, gn_at(B, v->first), 1, B.stride, left, (size_t)P, N, P, v->n, true);
}

static void scan(void *arg, int part, int thread) {
    const gn_scan_job *j = arg;
    const int segment = part / j->heads, head = part % j->heads, P = j->P, N = j->N;
    float *at = j->scratch + (size_t)thread * j->scratch_size;
    chunk_view v;
    float *left = at + 2 * SQUARE, *S;
    v.decay = at;
    v.M = at + SQUARE;
    v.u = left + (size_t)GN_CHUNK * (size_t)P;
    S = v.u + (size_t)GN_CHUNK * (size_t)P;
    memset(S, 0, (size_t)N * (size_t)P * sizeof *S);

    const gn_grid y = gn_from_col(j->y, head * P), x = gn_from_col(j->x, head * P);
    for (int k = j->first_chunk[segment]; k < j->first_chunk[segment + 1]; k++) {
        view_chunk(j, &v, k, head);
        view_square(j, &v);
        const gn_grid C = gn_from_col(j->C, v.group * N);
        for (int i = 0; i < v.n; i += 4)
            product(gn_at(y, v.first + i), y.stride, v.M + i * GN_CHUNK, GN_CHUNK, 1, v.u,
                    (size_t)P, least(4, v.n - i), P, least(i + 4, v.n), false);
        if (k > j->first_chunk[segment])
            product(left, (size_t)P, gn_at(C, v.first), C.stride, 1, S, (size_t)P, v.n, P, N,
                    false);
        for (int i = 0; i < v.n; i++) {
            if (k > j->first_chunk[segment])
                axpy(gn_at(y, v.first + i), v.enter[i], left + (size_t)i * (size_t)P, P);
            axpy(gn_at(y, v.first + i), j->D[head], gn_at(x, v.first + i), P);
        }
        if (k + 1 < j->first_chunk[segment + 1])
            advance(j, &v, S, left);
    }
}

/* ---- the way back ------------------------------------------------------- */

typedef struct back_room {
    float *dM, *du, *aside, *turned, *dS, *S; /* S [chunks + 1, N, P]: what each begins with */
} back_room;

static void sums_back(const gn_scan_job *j, const chunk_view *v, const back_room *b,
                      const float *S1, float *vector) {
    const int P = j->P, h = v->head;
    const gn_grid x = gn_from_col(j->x, h * P), y = gn_from_col(j->y, h * P);
    const gn_grid dy = gn_from_col(j->dy, h * P), dx = gn_from_col(j->dx, h * P);
    const float A = -expf(j->A_log[h]), D = j->D[h];
    float carry = S1 ? dot(S1, b->dS, j->N * P) : 0.0f, dA = 0.0f, dD = 0.0f, dbias = 0.0f;
    for (int i = v->n - 1; i >= 0; i--) {
        const int t = v->first + i;
        const float *xt = gn_at(x, t), *dyt = gn_at(dy, t), *du = b->du + (size_t)i * (size_t)P;
        const float skip = dot(dyt, xt, P), inner = dot(xt, du, P);
        float slope;
        step_of(j, gn_at(j->dt, t)[h] + j->dt_bias[h], &slope);
        carry += dot(dyt, gn_at(y, t), P) - D * skip - v->s[i] * inner;
        const float ddt = (inner + A * carry) * slope;
        dA += carry * v->s[i];
        dD += skip;
        dbias += ddt;
        gn_at(j->ddt, t)[h] = ddt;
        float *to = gn_at(dx, t);
        scaled(to, v->s[i], du, P);
        axpy(to, D, dyt, P);
    }
    vector[h] += dA * A; /* A = -exp(A_log) */
    vector[j->heads + h] += dD;
    vector[2 * j->heads + h] += dbias;
}

static void chunk_back(const gn_scan_job *j, const chunk_view *v, const back_room *b,
                       const float *S0, const float *S1, float *dB, float *dC, float *dCB) {
    const int n = v->n, N = j->N;
    const size_t P = (size_t)j->P, wide = 2 * (size_t)j->groups * (size_t)N;
    const size_t CB_row = (size_t)j->groups * GN_CHUNK;
    const gn_grid dy = gn_from_col(j->dy, v->head * j->P);
    const gn_grid B = gn_from_col(j->B, v->group * N), C = gn_from_col(j->C, v->group * N);
    const float *dy0 = gn_at(dy, v->first);

    for (int q = 0; q < n; q += 4)
        product(b->du + (size_t)q * P, P, v->M + q * GN_CHUNK + q, 1, GN_CHUNK,
                gn_at(dy, v->first + q), dy.stride, least(4, n - q), j->P, n - q, false);

    turn(b->turned, GN_CHUNK, v->u, P, n, j->P);
    for (int i = 0; i < n; i += 4)
        product(b->dM + i * GN_CHUNK, GN_CHUNK, gn_at(dy, v->first + i), dy.stride, 1, b->turned,
                GN_CHUNK, least(4, n - i), least(i + 4, n), j->P, false);
    for (int i = 0; i < n; i++)
        for (int q = 0; q <= i; q += GN_LANES) {
            float *to = dCB + (size_t)i * CB_row + q;
            const float *d = b->dM + i * GN_CHUNK + q, *decay = v->decay + i * GN_CHUNK + q;
            give(to, take(to, i + 1 - q) + take(d, i + 1 - q) * take(decay, i + 1 - q), i + 1 - q);
        }

    if (S1) { /* a later chunk asked for the state this one leaves */
        product(b->aside, P, gn_at(B, v->first), B.stride, 1, b->dS, P, n, j->P, N, false);
        for (int i = 0; i < n; i++)
            axpy(b->du + (size_t)i * P, v->leave[i], b->aside + (size_t)i * P, j->P);
        for (int i = 0; i < n; i++)
            scaled(b->aside + (size_t)i * P, v->leave[i], v->u + (size_t)i * P, j->P);
        turn(b->turned, (size_t)N, b->dS, P, N, j->P);
        product(dB, wide, b->aside, P, 1, b->turned, (size_t)N, n, N, j->P, true);
    }
    if (S0) { /* it read the state an earlier one left */
        for (int i = 0; i < n; i++)
            scaled(b->aside + (size_t)i * P, v->enter[i], dy0 + (size_t)i * dy.stride, j->P);
        turn(b->turned, (size_t)N, S0, P, N, j->P);
        product(dC, wide, b->aside, P, 1, b->turned, (size_t)N, n, N, j->P, true);
    }
    (void)C;
}

/* dS as the chunk before sees it: exp(c_last) dS + sum_i exp(c_i) C_i dy_iᵀ; b->aside holds
 * exp(c_i) dy_i. */
static void retreat(const gn_scan_job *j, const chunk_view *v, const back_room *b) {
    const gn_grid C = gn_from_col(j->C, v->group * j->N);
    scaled(b->dS, v->enter[v->n - 1], b->dS, j->N * j->P);
    product(b->dS, (size_t)j->P, gn_at(C, v->first), 1, C.stride, b->aside, (size_t)j->P, j->N,
            j->P, v->n, true);
}

static void head_back(const gn_scan_job *j, int segment, int block, int head, chunk_view *v,
                      const back_room *b) {
    const int begin = j->first_chunk[segment], end = j->first_chunk[segment + 1];
    const size_t S_size = (size_t)j->N * (size_t)j->P, GN = (size_t)j->groups * (size_t)j->N;
    float *vector = j->vector_part + (size_t)segment * 3 * (size_t)j->heads;

    memset(b->S, 0, S_size * sizeof(float));
    for (int k = begin; k + 1 < end; k++) {
        float *next = b->S + (size_t)(k + 1 - begin) * S_size;
        memcpy(next, b->S + (size_t)(k - begin) * S_size, S_size * sizeof(float));
        view_chunk(j, v, k, head);
        advance(j, v, next, b->aside);
    }
    memset(b->dS, 0, S_size * sizeof(float));
    for (int k = end - 1; k >= begin; k--) {
        const float *S0 = k > begin ? b->S + (size_t)(k - begin) * S_size : NULL;
        const float *S1 = k + 1 < end ? b->S + (size_t)(k + 1 - begin) * S_size : NULL;
        view_chunk(j, v, k, head);
        view_square(j, v);
        const size_t row = (size_t)block * (size_t)j->rows + (size_t)v->first;
        float *dB = j->dBC + row * 2 * GN + (size_t)(v->group * j->N), *dC = dB + GN;
        float *dCB = j->dCB + (row * (size_t)j->groups + (size_t)v->group) * GN_CHUNK;
        chunk_back(j, v, b, S0, S1, dB, dC, dCB);
        sums_back(j, v, b, S1, vector);
        if (S0)
            retreat(j, v, b);
    }
}

static void scan_back(void *arg, int part, int thread) {
    const gn_scan_job *j = arg;
    const int segment = part / j->blocks, block = part % j->blocks;
    const gn_segment *s = &j->segment[segment];
    const size_t P = (size_t)j->P, N = (size_t)j->N, GN = (size_t)j->groups * N;
    const size_t row = (size_t)block * (size_t)j->rows + (size_t)s->first;
    float *at = j->scratch + (size_t)thread * j->scratch_size;
    chunk_view v;
    back_room b;
    v.decay = at;
    v.M = at + SQUARE;
    b.dM = at + 2 * SQUARE;
    v.u = at + 3 * SQUARE;
    b.du = v.u + GN_CHUNK * P;
    b.aside = b.du + GN_CHUNK * P;
    b.turned = b.aside + GN_CHUNK * P; /* [P, GN_CHUNK] or [P, N] */
    b.dS = b.turned + (GN_CHUNK + N) * P;
    b.S = b.dS + N * P;

    memset(j->dBC + row * 2 * GN, 0, (size_t)s->count * 2 * GN * sizeof(float));
    memset(j->dCB + row * (size_t)j->groups * GN_CHUNK, 0,
           (size_t)s->count * (size_t)j->groups * GN_CHUNK * sizeof(float));
    const int begin = block * j->heads / j->blocks, end = (block + 1) * j->heads / j->blocks;
    for (int h = begin; h < end; h++)
        head_back(j, segment, block, h, &v, &b);
}

/* Add what the blocks of heads found for B and C of one chunk, and what M found. */
static void scan_join(void *arg, int part, int thread) {
    const gn_scan_job *j = arg;
    const gn_segment *k = &j->chunk[part];
    const int n = k->count, N = j->N;
    const size_t GN = (size_t)j->groups * (size_t)N, CB_row = (size_t)j->groups * GN_CHUNK;
    (void)thread;
    for (int t = k->first; t < k->first + n; t++) {
        memset(gn_at(j->dB, t), 0, GN * sizeof(float));
        memset(gn_at(j->dC, t), 0, GN * sizeof(float));
        for (int b = 0; b < j->blocks; b++) {
            const size_t row = (size_t)b * (size_t)j->rows + (size_t)t;
            axpy(gn_at(j->dB, t), 1.0f, j->dBC + row * 2 * GN, (int)GN);
            axpy(gn_at(j->dC, t), 1.0f, j->dBC + row * 2 * GN + GN, (int)GN);
            if (b > 0)
                axpy(j->dCB + (size_t)t * CB_row, 1.0f, j->dCB + row * CB_row, (int)CB_row);
        }
    }
    for (int g = 0; g < j->groups; g++) {
        const gn_grid B = gn_from_col(j->B, g * N), C = gn_from_col(j->C, g * N);
        const gn_grid dB = gn_from_col(j->dB, g * N), dC = gn_from_col(j->dC, g * N);
        for (int i = 0; i < n; i += 4) {
            const float *rows = CB_at(j, j->dCB, k->first + i, g);
            product(gn_at(dC, k->first + i), dC.stride, rows, CB_row, 1, gn_at(B, k->first),
                    B.stride, least(4, n - i), N, least(i + 4, n), true);
            product(gn_at(dB, k->first + i), dB.stride, rows + i, 1, CB_row, gn_at(C, k->first + i),
                    C.stride, least(4, n - i), N, n - i, true);
        }
    }
}

#endif
