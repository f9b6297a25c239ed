/* draw.h - Python's random numbers: the Mersenne Twister, sample() and choices().
 *
 * Few-shot examples and bootstrap standard errors are drawn with CPython's
 * generator, so that the same seed gives the same shots and the same digits.
 * Matsumoto and Nishimura 1998; the methods are those of CPython's random.Random.
 */
#ifndef GN_EVAL_DRAW_H
#define GN_EVAL_DRAW_H

#include "core/gneiss.h"

typedef struct gn_draw {
    uint32_t word[624];
    int at; /* of word: the next to hand out */
} gn_draw;

/* Random(seed). */
void gn_draw_seed(gn_draw *d, int64_t seed);
uint32_t gn_draw_u32(gn_draw *d);
/* getrandbits(bits), 1 <= bits <= 32. */
uint32_t gn_draw_bits(gn_draw *d, int bits);
/* _randbelow(n), 0 < n < 2^32. */
uint32_t gn_draw_below(gn_draw *d, uint32_t n);
/* random(): 53 bits in [0, 1). */
double gn_draw_unit(gn_draw *d);
/* sample(range(n), k) into out [k]; k <= n. False when out of memory. */
bool gn_draw_sample(gn_draw *d, uint32_t n, uint32_t k, uint32_t *out);
/* choices(range(n), k = count) into out [count]. */
void gn_draw_choices(gn_draw *d, uint32_t n, uint32_t count, uint32_t *out);

#endif
