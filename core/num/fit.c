/* fit.c - see fit.h. */
#include "core/num/fit.h"

#include <assert.h>
#include <float.h>

enum { LANES = 4, MOST = 32, ROUNDS = 6, GUESSES = 5, LINE_GUESSES = 4 };

/* The error's sum of squares and what the best scales follow from, over a group. */
typedef struct sums {
    float error, q, xq, qq;
} sums;

/* Four numbers at once, whatever the processor: the compiler makes vector code of it,
 * and every machine the same sums. */
typedef float four __attribute__((vector_size(16)));
typedef int32_t four_masks __attribute__((vector_size(16)));

static inline four all(float v) { return (four){v, v, v, v}; }
static inline four load(const float *p) {
    four v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline float total(four v) { return (v[0] + v[2]) + (v[1] + v[3]); }
static inline four pick(four_masks mask, four yes, four no) {
    return (four)((mask & (four_masks)yes) | (~mask & (four_masks)no));
}

static inline float inverse(float s) { return s != 0.0f ? 1.0f / s : 0.0f; }

static inline four nearest_whole(four v, four low, four high) {
    v = pick(v > low, v, low);
    v = pick(v < high, v, high);
    return (v + all(12582912.0f)) - all(12582912.0f);
}

int gn_nearest_rung(float v, const float *middle) {
    int code = 0;
    for (int k = 0; k < 15; k++)
        code += v > middle[k];
    return code;
}

static inline four nearest_rung(four v, const gn_ladder *ladder) {
    four rung = all(ladder->low);
    for (int r = 0; r < 15; r++)
        rung += (four)((v > all(ladder->middle[r])) & (four_masks)all(ladder->step[r]));
    return rung;
}

/* The best codes for x ~ s rung, and what they leave. */
static sums try_scale(const float *x, int n, float s, const gn_ladder *ladder) {
    const four inv = all(inverse(s)), low = all(ladder->low), high = all(ladder->high);
    four error = all(0), xq = all(0), qq = all(0);
    for (int i = 0; i < n; i += LANES) {
        const four v = load(x + i);
        const four q =
            ladder->middle ? nearest_rung(v * inv, ladder) : nearest_whole(v * inv, low, high);
        const four rest = v - all(s) * q;
        error += rest * rest;
        xq += v * q;
        qq += q * q;
    }
    return (sums){.error = total(error), .xq = total(xq), .qq = total(qq)};
}

/* The best codes for x ~ s q - m, and what they leave. */
static sums try_line(const float *x, int n, int top, float s, float m) {
    const four inv = all(inverse(s)), high = all((float)top);
    four error = all(0), sum_q = all(0), xq = all(0), qq = all(0);
    for (int i = 0; i < n; i += LANES) {
        const four v = load(x + i), q = nearest_whole((v + all(m)) * inv, all(0), high);
        const four rest = v - (all(s) * q - all(m));
        error += rest * rest;
        sum_q += q;
        xq += v * q;
        qq += q * q;
    }
    return (sums){total(error), total(sum_q), total(xq), total(qq)};
}

/* One scale. */

/* From one guess: codes, then the scale that suits them best, while that helps. */
static float descend_scale(const float *x, int n, float s, const gn_ladder *ladder, float *least) {
    float best = FLT_MAX, best_s = s;
    for (int round = 0; round < ROUNDS; round++) {
        const sums sum = try_scale(x, n, s, ladder);
        if (!(sum.error < best))
            break;
        best = sum.error;
        best_s = s;
        s = sum.xq * inverse(sum.qq);
    }
    *least = best;
    return best_s;
}

float gn_fit_scale(const float *x, int n, const gn_ladder *ladder) {
    assert(n % LANES == 0 && n <= MOST);
    float far = 0.0f; /* the number farthest from zero */
    for (int i = 0; i < n; i++)
        if (x[i] * x[i] > far * far)
            far = x[i];

    float best = FLT_MAX, best_s = 0.0f;
    for (int k = 0; k < GUESSES; k++) {
        /* It may stand a little inside the ladder's end or, cut off, outside. */
        const float inside = 1.09f - 0.54f / GUESSES * (float)k;
        for (int end = 0; end < 2; end++) {
            float error, s = far * inside / (end ? ladder->high : ladder->low);
            s = descend_scale(x, n, s, ladder, &error);
            if (error < best) {
                best = error;
                best_s = s;
            }
        }
    }
    return best_s;
}

/* The whole scale of a group, at most one from `near`, that leaves the least; what it leaves. */
static sums choose_scale(const float *x, int size, const gn_ladder *ladder, float d, int least,
                         int most, int *scale) {
    const int near = *scale;
    sums best = {.error = FLT_MAX};
    for (int i = near - 1; i <= near + 1; i++) {
        if (i < least || i > most)
            continue;
        const sums sum = try_scale(x, size, d * (float)i, ladder);
        if (sum.error < best.error) {
            best = sum;
            *scale = i;
        }
    }
    return best;
}

void gn_fit_scaled(const float *x, int size, const gn_ladder *ladder, int least, int most,
                   gn_scaled *out) {
    float s[GN_GROUPS], far = 0.0f;
    const int groups = GN_SUPER / size;
    for (int g = 0; g < groups; g++) {
        s[g] = gn_fit_scale(x + g * size, size, ladder);
        if (s[g] * s[g] > far * far)
            far = s[g];
    }

    gn_scaled f = {.d = gn_half_of(far / (float)least)};
    for (int g = 0; g < groups; g++)
        f.scale[g] = gn_nearest(s[g] * inverse(f.d), (float)least, (float)most);
    float best = FLT_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        float error = 0.0f, above = 0.0f, below = 0.0f;
        for (int g = 0; g < groups; g++) {
            const sums sum =
                choose_scale(x + g * size, size, ladder, f.d, least, most, &f.scale[g]);
            const float scale = (float)f.scale[g];
            error += sum.error;
            above += scale * sum.xq;
            below += scale * scale * sum.qq;
        }
        if (round && !(error < best))
            break;
        best = error;
        *out = f;
        f.d = gn_half_of(above * inverse(below)); /* the d that suits these codes best */
    }
}

/* A scale and a minimum. */

/* The scale and minimum that suit the codes best, neither of them negative. */
static void refit_line(const sums *sum, float sum_x, int n, float *s, float *m) {
    const float count = (float)n, det = count * sum->qq - sum->q * sum->q;
    float slope = (count * sum->xq - sum->q * sum_x) * inverse(det);
    float low = (slope * sum->q - sum_x) / count;
    if (!(low > 0.0f)) {
        low = 0.0f;
        slope = sum->xq * inverse(sum->qq);
    }
    *s = slope > 0.0f ? slope : 0.0f;
    *m = low;
}

static float descend_line(const float *x, float sum_x, int n, int top, float *s, float *m) {
    float best = FLT_MAX, next_s = *s, next_m = *m;
    for (int round = 0; round < ROUNDS; round++) {
        const sums sum = try_line(x, n, top, next_s, next_m);
        if (!(sum.error < best))
            break;
        best = sum.error;
        *s = next_s;
        *m = next_m;
        refit_line(&sum, sum_x, n, &next_s, &next_m);
    }
    return best;
}

/* s and m; returns the sum of x. */
static float fit_line(const float *x, int n, int top, float *best_s, float *best_m) {
    assert(n % LANES == 0 && n <= MOST);
    float low = 0.0f, high = 0.0f, sum = 0.0f;
    for (int i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
        sum += x[i];
    }
    /* The coarser the steps, the more it pays to cut off both ends. */
    const float cut = 0.3f / (float)(top + 1);
    float best = FLT_MAX;
    *best_s = *best_m = 0.0f;
    for (int k = -1; k < LINE_GUESSES - 1; k++) {
        const float part = 1.0f - cut * (float)k;
        float s = (high - low) * part / (float)top;
        float m = -(low + (high - low) * (1.0f - part) / 2);
        m = m > 0.0f ? m : 0.0f;
        const float error = descend_line(x, sum, n, top, &s, &m);
        if (error < best) {
            best = error;
            *best_s = s;
            *best_m = m;
        }
    }
    return sum;
}

/* The whole scale and minimum of group g, each at most one from where they are. */
static sums choose_line(const float *x, int size, int top, int most, gn_lined *f, int g) {
    const int scale = f->scale[g], min = f->min[g];
    sums best = {.error = FLT_MAX};
    for (int i = scale - 1; i <= scale + 1; i++)
        for (int j = min - 1; j <= min + 1; j++) {
            if (i < 0 || i > most || j < 0 || j > most)
                continue;
            const sums sum = try_line(x, size, top, f->d * (float)i, f->dmin * (float)j);
            if (sum.error < best.error) {
                best = sum;
                f->scale[g] = i;
                f->min[g] = j;
            }
        }
    return best;
}

/* Normal equations of x ~ d u - dmin v over all groups, u = scale q, v = min. */
typedef struct normal {
    float uu, uv, vv, ux, vx;
} normal;

static void solve(const normal *a, float *d, float *dmin) {
    const float det = a->uu * a->vv - a->uv * a->uv;
    if (det > 0.0f) {
        *d = gn_half_of((a->ux * a->vv - a->uv * a->vx) / det);
        *dmin = gn_half_of((a->uv * a->ux - a->uu * a->vx) / det);
    } else if (a->uu > 0.0f)
        *d = gn_half_of((a->ux + *dmin * a->uv) / a->uu);
}

void gn_fit_lined(const float *x, int size, int top, int most, gn_lined *out) {
    float s[GN_GROUPS], m[GN_GROUPS], sum_x[GN_GROUPS], far_s = 0.0f, far_m = 0.0f;
    const int groups = GN_SUPER / size;
    for (int g = 0; g < groups; g++) {
        sum_x[g] = fit_line(x + g * size, size, top, &s[g], &m[g]);
        far_s = s[g] > far_s ? s[g] : far_s;
        far_m = m[g] > far_m ? m[g] : far_m;
    }

    gn_lined f = {.d = gn_half_of(far_s / (float)most), .dmin = gn_half_of(far_m / (float)most)};
    for (int g = 0; g < groups; g++) {
        f.scale[g] = gn_nearest(s[g] * inverse(f.d), 0.0f, (float)most);
        f.min[g] = gn_nearest(m[g] * inverse(f.dmin), 0.0f, (float)most);
    }
    float best = FLT_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        float error = 0.0f;
        normal sum = {0};
        for (int g = 0; g < groups; g++) {
            const sums left = choose_line(x + g * size, size, top, most, &f, g);
            const float a = (float)f.scale[g], b = (float)f.min[g];
            error += left.error;
            sum.uu += a * a * left.qq;
            sum.uv += a * b * left.q;
            sum.vv += b * b * (float)size;
            sum.ux += a * left.xq;
            sum.vx += b * sum_x[g];
        }
        if (round && !(error < best))
            break;
        best = error;
        *out = f;
        solve(&sum, &f.d, &f.dmin);
    }
}
