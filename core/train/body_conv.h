/* body_conv.h - the causal convolution and its way back, by blocks of channels. */
#ifndef GN_TRAIN_BODY_CONV_H
#define GN_TRAIN_BODY_CONV_H

#include "core/train/kernel.h"
#include "core/train/vector.h"

/* Taps of GN_LANES channels, turned so that channels lie side by side. */
INLINE void taps_of(const gn_conv_job *j, int c, int n, vec *tap, vec *bias) {
    for (int k = 0; k < j->width; k++) {
        float one[GN_LANES] = {0};
        for (int i = 0; i < n && i < GN_LANES; i++)
            one[i] = j->w[(size_t)(c + i) * (size_t)j->width + (size_t)k];
        tap[k] = load(one);
    }
    *bias = j->bias ? take(j->bias + c, n) : (vec){0};
}

/* What the silu is of, at token t of a segment. */
INLINE vec before(const gn_conv_job *j, const gn_segment *s, int t, int c, int n, const vec *tap,
                  vec bias) {
    const int W = j->width, reach = t + 1 < W ? t + 1 : W;
    for (int k = 0; k < reach; k++)
        bias += tap[W - 1 - k] * take(gn_at(j->x, s->first + t - k) + c, n);
    return bias;
}

static void conv_lanes(const gn_conv_job *j, int c, int n) {
    vec tap[GN_TAPS], bias;
    taps_of(j, c, n, tap, &bias);
    for (int l = 0; l < j->segments; l++) {
        const gn_segment *s = &j->segment[l];
        for (int t = 0; t < s->count; t++) {
            const vec u = before(j, s, t, c, n, tap, bias);
            give(gn_at(j->y, s->first + t) + c, u * sigmoid(u), n);
        }
    }
}

static void conv(void *arg, int part, int thread) {
    const gn_conv_job *j = arg;
    const int first = part * GN_CHANNELS, left = j->channels - first;
    (void)thread;
    for (int i = 0; i < GN_CHANNELS && i < left; i += GN_LANES)
        conv_lanes(j, first + i, left - i);
}

/* du = dy silu'(u), dw[k] = sum du[t] x[t-W+1+k], dx[t] = sum w[k] du[t+W-1-k]. */
static void conv_lanes_back(const gn_conv_job *j, int c, int n) {
    const int W = j->width;
    vec tap[GN_TAPS], bias, dtap[GN_TAPS] = {{0}}, dbias = {0};
    taps_of(j, c, n, tap, &bias);
    for (int l = 0; l < j->segments; l++) {
        const gn_segment *s = &j->segment[l];
        for (int t = 0; t < s->count; t++) {
            const vec u = before(j, s, t, c, n, tap, bias), sig = sigmoid(u);
            float *dy = gn_at(j->dy, s->first + t) + c;
            const vec du = take(dy, n) * sig * (all(1.0f) + u * (all(1.0f) - sig));
            const int reach = t + 1 < W ? t + 1 : W;
            give(dy, du, n);
            dbias += du;
            for (int k = 0; k < reach; k++)
                dtap[W - 1 - k] += du * take(gn_at(j->x, s->first + t - k) + c, n);
        }
        for (int t = 0; t < s->count; t++) {
            vec d = {0};
            for (int k = 0; k < W && t + k < s->count; k++)
                d += tap[W - 1 - k] * take(gn_at(j->dy, s->first + t + k) + c, n);
            give(gn_at(j->dx, s->first + t) + c, d, n);
        }
    }
    for (int k = 0; j->dw && k < W; k++) {
        float one[GN_LANES];
        store(one, dtap[k]);
        for (int i = 0; i < n && i < GN_LANES; i++)
            j->dw[(size_t)(c + i) * (size_t)W + (size_t)k] += one[i];
    }
    if (j->dbias)
        give(j->dbias + c, take(j->dbias + c, n) + dbias, n);
}

static void conv_back(void *arg, int part, int thread) {
    const gn_conv_job *j = arg;
    const int first = part * GN_CHANNELS, left = j->channels - first;
    (void)thread;
    for (int i = 0; i < GN_CHANNELS && i < left; i += GN_LANES)
        conv_lanes_back(j, first + i, left - i);
}

#endif
