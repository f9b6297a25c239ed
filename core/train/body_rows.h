/* body_rows.h - what is done row by row: norms, gates, sums, rotation, entropy, AdamW. */
#ifndef GN_TRAIN_BODY_ROWS_H
#define GN_TRAIN_BODY_ROWS_H

#include "core/train/kernel.h"
#include "core/train/vector.h"

static int rows_of(int rows, int part) {
    const int left = rows - part * GN_ROWS;
    return left < GN_ROWS ? left : GN_ROWS;
}

/* v = x silu(z), or x; and 1 / sqrt(mean(v²) + eps). */
INLINE vec gated(const float *x, const float *z, int n) {
    const vec v = take(x, n);
    if (!z)
        return v;
    const vec g = take(z, n);
    return v * g * sigmoid(g);
}

INLINE float inverse_root(const float *x, const float *z, int n, float eps) {
    vec s = {0};
    for (int i = 0; i < n; i += GN_LANES) {
        const vec v = gated(x + i, z ? z + i : NULL, n - i);
        s += v * v;
    }
    return 1.0f / sqrtf(total(s) / (float)n + eps);
}

static void norm(void *arg, int part, int thread) {
    const gn_norm_job *j = arg;
    const int width = j->cols / j->groups, first = part * GN_ROWS;
    (void)thread;
    for (int t = first; t < first + rows_of(j->rows, part); t++)
        for (int g = 0; g < j->groups; g++) {
            const int at = g * width;
            const float *x = gn_at(j->x, t) + at, *z = j->z.at ? gn_at(j->z, t) + at : NULL;
            float *y = gn_at(j->y, t) + at;
            const vec r = all(inverse_root(x, z, width, j->eps));
            for (int i = 0; i < width; i += GN_LANES) {
                const int n = width - i;
                give(y + i, gated(x + i, z ? z + i : NULL, n) * r * take(j->gain + at + i, n), n);
            }
        }
}

/* With n = v r, r = 1/sqrt(mean(v²) + eps):  dv = r (gain dy - n mean(gain dy n)). */
INLINE void norm_row_back(const gn_norm_job *j, int t, int at, int width, float *dgain) {
    const float *x = gn_at(j->x, t) + at, *z = j->z.at ? gn_at(j->z, t) + at : NULL;
    const float *dy = gn_at(j->dy, t) + at, *gain = j->gain + at;
    float *dx = gn_at(j->dx, t) + at, *dz = z ? gn_at(j->dz, t) + at : NULL;
    const float root = inverse_root(x, z, width, j->eps);
    const vec r = all(root);
    vec s = {0};
    for (int i = 0; i < width; i += GN_LANES) {
        const int n = width - i;
        const vec v = gated(x + i, z ? z + i : NULL, n) * r, g = take(dy + i, n);
        give(dgain + at + i, take(dgain + at + i, n) + g * v, n);
        s += g * take(gain + i, n) * v;
    }
    const vec mean = all(total(s) / (float)width);
    for (int i = 0; i < width; i += GN_LANES) {
        const int n = width - i;
        const vec v = gated(x + i, z ? z + i : NULL, n) * r;
        vec d = r * (take(dy + i, n) * take(gain + i, n) - v * mean);
        if (z) {
            const vec a = take(z + i, n), sig = sigmoid(a);
            give(dz + i, d * take(x + i, n) * sig * (all(1.0f) + a * (all(1.0f) - sig)), n);
            d = d * a * sig;
        }
        if (j->add)
            d += take(dx + i, n);
        give(dx + i, d, n);
    }
}

static void norm_back(void *arg, int part, int thread) {
    const gn_norm_job *j = arg;
    const int width = j->cols / j->groups, first = part * GN_ROWS;
    float *dgain = j->gain_part + (size_t)part * (size_t)j->cols;
    (void)thread;
    memset(dgain, 0, (size_t)j->cols * sizeof *dgain);
    for (int t = first; t < first + rows_of(j->rows, part); t++)
        for (int g = 0; g < j->groups; g++)
            norm_row_back(j, t, g * width, width, dgain);
}

static void swiglu(void *arg, int part, int thread) {
    const gn_swiglu_job *j = arg;
    const int first = part * GN_ROWS;
    (void)thread;
    for (int t = first; t < first + rows_of(j->rows, part); t++) {
        const float *gate = gn_at(j->gate, t), *up = gn_at(j->up, t);
        float *y = gn_at(j->y, t);
        for (int i = 0; i < j->cols; i += GN_LANES) {
            const int n = j->cols - i;
            const vec g = take(gate + i, n);
            give(y + i, g * sigmoid(g) * take(up + i, n), n);
        }
    }
}

static void swiglu_back(void *arg, int part, int thread) {
    const gn_swiglu_job *j = arg;
    const int first = part * GN_ROWS;
    (void)thread;
    for (int t = first; t < first + rows_of(j->rows, part); t++) {
        const float *gate = gn_at(j->gate, t), *up = gn_at(j->up, t), *dy = gn_at(j->dy, t);
        float *dgate = gn_at(j->dgate, t), *dup = gn_at(j->dup, t);
        for (int i = 0; i < j->cols; i += GN_LANES) {
            const int n = j->cols - i;
            const vec g = take(gate + i, n), u = take(up + i, n), d = take(dy + i, n);
            const vec sig = sigmoid(g);
            give(dup + i, d * g * sig, n);
            give(dgate + i, d * u * sig * (all(1.0f) + g * (all(1.0f) - sig)), n);
        }
    }
}

static void add(void *arg, int part, int thread) {
    const gn_add_job *j = arg;
    const int first = part * GN_ROWS;
    (void)thread;
    for (int t = first; t < first + rows_of(j->rows, part); t++)
        axpy(gn_at(j->y, t), j->a, gn_at(j->x, t), j->cols);
}

static void add_bias(void *arg, int part, int thread) {
    const gn_add_job *j = arg;
    const int first = part * GN_ROWS;
    (void)thread;
    for (int t = first; t < first + rows_of(j->rows, part); t++)
        axpy(gn_at(j->y, t), j->a, j->bias, j->cols);
}

static void columns(void *arg, int part, int thread) {
    const gn_columns_job *j = arg;
    const int first = part * GN_CHANNELS, left = j->cols - first;
    const int n = left < GN_CHANNELS ? left : GN_CHANNELS;
    (void)thread;
    for (int i = 0; i < n; i += GN_LANES) {
        vec s = {0};
        for (int t = 0; t < j->rows; t++)
            s += take(gn_at(j->x, t) + first + i, n - i);
        float *out = j->out + first + i;
        give(out, take(out, n - i) + all(j->scale) * s, n - i);
    }
}

static void rope(void *arg, int part, int thread) {
    const gn_rope_job *j = arg;
    const int first = part * GN_ROWS, half = j->half;
    (void)thread;
    for (int t = first; t < first + rows_of(j->rows, part); t++) {
        const size_t at = (size_t)j->position[t] * (size_t)half;
        const float *cosine = j->cosine + at, *sine = j->sine + at;
        for (int h = 0; h < j->heads; h++) {
            float *x = gn_at(j->x, t) + (size_t)h * (size_t)j->head_dim;
            for (int i = 0; i < half; i++) {
                const float a = x[i], b = x[i + half], s = j->sign * sine[i];
                x[i] = a * cosine[i] - b * s;
                x[i + half] = b * cosine[i] + a * s;
            }
        }
    }
}

/* -log softmax(l / divide)[want], and l = (softmax - 1[want]) scale / divide. */
static void entropy(void *arg, int part, int thread) {
    const gn_entropy_job *j = arg;
    float *l = gn_at(j->logits, part);
    const int n = j->cols, want = j->want[part];
    const float by = 1.0f / j->divide;
    float most = -INFINITY;
    double sum = 0.0;
    (void)thread;
    for (int i = 0; i < n; i++)
        most = l[i] > most ? l[i] : most;
    const double chosen = (double)(l[want] - most) / (double)j->divide;
    for (int i = 0; i < n; i += GN_LANES) {
        const int left = n - i;
        const vec p = vexp((take(l + i, left) - all(most)) * all(by));
        if (left >= GN_LANES) {
            store(l + i, p);
            sum += (double)total(p);
        } else {
            store_part(l + i, p, left);
            for (int k = 0; k < left; k++)
                sum += (double)l[i + k];
        }
    }
    j->loss[part] = log(sum) - chosen;
    if (!j->back)
        return;
    const float f = (float)((double)j->scale * (double)by / sum);
    scaled(l, f, l, n);
    l[want] -= j->scale * by;
}

static size_t span(size_t count, int part, size_t *first) {
    *first = (size_t)part * GN_ELEMENTS;
    return count - *first < GN_ELEMENTS ? count - *first : GN_ELEMENTS;
}

static void square(void *arg, int part, int thread) {
    const gn_adam_job *j = arg;
    size_t first;
    const size_t n = span(j->count, part, &first);
    double sum = 0.0;
    (void)thread;
    for (size_t i = 0; i < n; i += 1024) {
        const int piece = (int)(n - i < 1024 ? n - i : 1024);
        sum += (double)dot(j->grad + first + i, j->grad + first + i, piece);
    }
    j->square[part] = sum;
}

/* AdamW as torch takes it: the decay first, then the step. Loshchilov & Hutter, arXiv:1711.05101. */
static void adam(void *arg, int part, int thread) {
    const gn_adam_job *j = arg;
    size_t first;
    const size_t n = span(j->count, part, &first);
    float *w = j->value + first, *m = j->m + first, *v = j->v + first;
    const float *grad = j->grad + first;
    (void)thread;
    for (size_t i = 0; i < n; i++) {
        const float g = grad[i] * j->clip;
        m[i] = j->beta1 * m[i] + (1.0f - j->beta1) * g;
        v[i] = j->beta2 * v[i] + (1.0f - j->beta2) * (g * g);
        w[i] = w[i] * j->keep - j->rate * m[i] / (sqrtf(v[i]) * j->root + j->eps);
    }
}

#endif
