/* fit.h - choosing the scales of a block, for the formats whose packing is a search.
 *
 * All fits make the sum of squared differences small, each weight counting
 * alike: what is least wrong in a matrix product with inputs of which nothing
 * is known. They begin from several guesses, alternate between the best codes
 * for given scales and the best scales for given codes (least squares), and
 * keep what measured best; scales are rounded as they are stored before they
 * are measured.
 */
#ifndef GN_NUM_FIT_H
#define GN_NUM_FIT_H

#include "core/num/block.h"

/* The values a code can stand for, before it is scaled: the whole numbers from
 * low to high, or, where middle is set, sixteen of them, given by the steps
 * between neighbours and the points halfway. */
typedef struct gn_ladder {
    float low, high;
    const float *middle, *step;
} gn_ladder;

enum { GN_GROUPS = 16 }; /* at most, in a super-block */

/* A super-block of groups: value = d scale[g] rung. */
typedef struct gn_scaled {
    float d;
    int scale[GN_GROUPS];
} gn_scaled;

/* A super-block of groups: value = d scale[g] q - dmin min[g], q from 0 on. */
typedef struct gn_lined {
    float d, dmin;
    int scale[GN_GROUPS], min[GN_GROUPS];
} gn_lined;

/* s with x [n] near s rung; n a multiple of 8, at most 32. */
float gn_fit_scale(const float *x, int n, const gn_ladder *ladder);

/* x [256] in groups of `size`; scales from least to most, least < 0. d fits an f16. */
void gn_fit_scaled(const float *x, int size, const gn_ladder *ladder, int least, int most,
                   gn_scaled *out);

/* x [256] in groups of `size`; q up to top, scale and min up to most. d, dmin fit f16s. */
void gn_fit_lined(const float *x, int size, int top, int most, gn_lined *out);

/* The whole number nearest to v that lies in [low, high]; low for what is no number. */
static inline int gn_nearest(float v, float low, float high) {
    v = v > low ? v : low;
    v = v < high ? v : high;
    return (int)((v + 12582912.0f) - 12582912.0f); /* 1.5 2^23: its last place is 1 */
}

/* Which of sixteen values is nearest to v. */
int gn_nearest_rung(float v, const float *middle);

/* v as an f16 will hold it: no infinity. */
static inline float gn_half_of(float v) {
    v = v < 65504.0f ? v : 65504.0f;
    v = v > -65504.0f ? v : -65504.0f;
    return gn_f16_to_f32(gn_f32_to_f16(v));
}

#endif
