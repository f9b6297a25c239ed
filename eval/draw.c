/* draw.c - see draw.h. Matsumoto and Nishimura's MT19937 with init_by_array, in the
 * order CPython's random module uses its words. */
#include "eval/draw.h"

#include <assert.h>

enum { N = 624, M = 397, FIRST_SEED = 19650218 };

static void begin(gn_draw *d, uint32_t seed) {
    d->word[0] = seed;
    for (uint32_t i = 1; i < N; i++)
        d->word[i] = 1812433253u * (d->word[i - 1] ^ (d->word[i - 1] >> 30)) + i;
    d->at = N;
}

void gn_draw_seed(gn_draw *d, int64_t seed) {
    const uint64_t size = seed < 0 ? 0 - (uint64_t)seed : (uint64_t)seed;
    const uint32_t key[2] = {(uint32_t)size, (uint32_t)(size >> 32)};
    const int length = key[1] ? 2 : 1;
    uint32_t *w = d->word;

    begin(d, FIRST_SEED);
    int i = 1, j = 0;
    for (int k = 0; k < N; k++) {
        w[i] = (w[i] ^ ((w[i - 1] ^ (w[i - 1] >> 30)) * 1664525u)) + key[j] + (uint32_t)j;
        if (++i == N) {
            w[0] = w[N - 1];
            i = 1;
        }
        j = j + 1 == length ? 0 : j + 1;
    }
    for (int k = 1; k < N; k++) {
        w[i] = (w[i] ^ ((w[i - 1] ^ (w[i - 1] >> 30)) * 1566083941u)) - (uint32_t)i;
        if (++i == N) {
            w[0] = w[N - 1];
            i = 1;
        }
    }
    w[0] = 0x80000000u;
}

static void refill(uint32_t *w) {
    for (int i = 0; i < N; i++) {
        const uint32_t y = (w[i] & 0x80000000u) | (w[(i + 1) % N] & 0x7fffffffu);
        w[i] = w[(i + M) % N] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
}

uint32_t gn_draw_u32(gn_draw *d) {
    if (d->at == N) {
        refill(d->word);
        d->at = 0;
    }
    uint32_t y = d->word[d->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

uint32_t gn_draw_bits(gn_draw *d, int bits) {
    assert(bits >= 1 && bits <= 32);
    return gn_draw_u32(d) >> (32 - bits);
}

uint32_t gn_draw_below(gn_draw *d, uint32_t n) {
    assert(n > 0);
    const int bits = 32 - __builtin_clz(n);
    uint32_t r;
    do
        r = gn_draw_bits(d, bits);
    while (r >= n);
    return r;
}

double gn_draw_unit(gn_draw *d) {
    const uint32_t a = gn_draw_u32(d) >> 5, b = gn_draw_u32(d) >> 6;
    return (a * 67108864.0 + b) / 9007199254740992.0;
}

/* The smallest power of four that is at least n: what a set of n would take. */
static uint64_t power_of_four(uint64_t n) {
    uint64_t p = 1;
    while (p < n)
        p *= 4;
    return p;
}

/* A population that is small beside the sample is copied and emptied; of a large one
 * what was taken is remembered. The border is CPython's, since the two consume different numbers. */
bool gn_draw_sample(gn_draw *d, uint32_t n, uint32_t k, uint32_t *out) {
    assert(k <= n);
    const uint64_t border = 21 + (k > 5 ? power_of_four(3 * (uint64_t)k) : 0);

    if (n <= border) {
        uint32_t *pool = malloc((n ? n : 1) * sizeof *pool);
        if (!pool)
            return false;
        for (uint32_t i = 0; i < n; i++)
            pool[i] = i;
        for (uint32_t i = 0; i < k; i++) {
            const uint32_t j = gn_draw_below(d, n - i);
            out[i] = pool[j];
            pool[j] = pool[n - i - 1];
        }
        free(pool);
        return true;
    }

    uint8_t *taken = calloc(n / 8 + 1, 1);
    if (!taken)
        return false;
    for (uint32_t i = 0; i < k; i++) {
        uint32_t j;
        do
            j = gn_draw_below(d, n);
        while (taken[j / 8] >> j % 8 & 1);
        taken[j / 8] |= (uint8_t)(1u << j % 8);
        out[i] = j;
    }
    free(taken);
    return true;
}

void gn_draw_choices(gn_draw *d, uint32_t n, uint32_t count, uint32_t *out) {
    for (uint32_t i = 0; i < count; i++)
        out[i] = (uint32_t)(gn_draw_unit(d) * n);
}
