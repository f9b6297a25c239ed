/* rng.h - SplitMix64, the generator of sampling: a number depends on the seed
 * and its place in the sequence alone. Steele, Lea, Flood 2014. */
#ifndef GN_BASE_RNG_H
#define GN_BASE_RNG_H

#include "core/base/error.h"

#include <stdint.h>

/* SplitMix64's output for one state. */
static inline uint64_t gn_splitmix64(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* u in [0, 1) of token i (0: the first generated): 24 bits. */
static inline float gn_uniform(uint64_t seed, uint64_t i) {
    uint64_t z = gn_splitmix64(seed + (i + 1) * 0x9E3779B97F4A7C15u);
    return (float)(z >> 40) / 16777216.0f;
}

/* n bytes from the operating system. */
bool gn_random_bytes(void *out, int n, gn_error *e);

/* A ULID for now: 26 characters of Crockford base32 that sort by time, and a NUL. */
bool gn_ulid(char out[27], gn_error *e);

#endif
