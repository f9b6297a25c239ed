/* hash.c - see hash.h.
 *
 * SHA-256 by the context that lies in our own memory: libcrypto's newer interface
 * allocates on every digest and may fail there, which no caller could do much about.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "core/base/hash.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <xxhash.h>

struct gn_sha256 {
    SHA256_CTX context;
};

gn_sha256 *gn_sha256_new(void) {
    gn_sha256 *h = calloc(1, sizeof *h);
    if (h)
        SHA256_Init(&h->context);
    return h;
}

void gn_sha256_add(gn_sha256 *h, const void *data, size_t len) {
    if (len)
        SHA256_Update(&h->context, data, len);
}

void gn_sha256_end(gn_sha256 *h, uint8_t digest[GN_SHA256_BYTES]) {
    SHA256_Final(digest, &h->context);
    free(h);
}

void gn_sha256_free(gn_sha256 *h) { free(h); }

void gn_sha256_of(const void *data, size_t len, uint8_t digest[GN_SHA256_BYTES]) {
    SHA256_CTX context;
    SHA256_Init(&context);
    if (len)
        SHA256_Update(&context, data, len);
    SHA256_Final(digest, &context);
}

void gn_hex(const uint8_t *bytes, size_t n, char *out) {
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digit[bytes[i] >> 4];
        out[2 * i + 1] = digit[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

uint64_t gn_xxh3(const void *data, size_t len) { return XXH3_64bits(data, len); }

struct gn_xxh3_sum {
    XXH3_state_t *state;
};

gn_xxh3_sum *gn_xxh3_new(void) {
    gn_xxh3_sum *h = malloc(sizeof *h);
    XXH3_state_t *state = XXH3_createState();
    if (!h || !state) {
        free(h);
        XXH3_freeState(state);
        return NULL;
    }
    h->state = state;
    XXH3_64bits_reset(state);
    return h;
}

void gn_xxh3_add(gn_xxh3_sum *h, const void *data, size_t len) {
    if (len)
        XXH3_64bits_update(h->state, data, len);
}

uint64_t gn_xxh3_end(gn_xxh3_sum *h) {
    const uint64_t sum = XXH3_64bits_digest(h->state);
    XXH3_64bits_reset(h->state);
    return sum;
}

void gn_xxh3_free(gn_xxh3_sum *h) {
    if (!h)
        return;
    XXH3_freeState(h->state);
    free(h);
}

void gn_base64(gn_str *out, const void *data, size_t len) {
    static const char letter[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *b = data;
    for (size_t i = 0; i < len; i += 3) {
        const size_t left = len - i < 3 ? len - i : 3;
        const uint32_t v = (uint32_t)b[i] << 16 | (left > 1 ? (uint32_t)b[i + 1] << 8 : 0) |
                           (left > 2 ? b[i + 2] : 0);
        gn_str_putc(out, letter[v >> 18]);
        gn_str_putc(out, letter[v >> 12 & 63]);
        gn_str_putc(out, left > 1 ? letter[v >> 6 & 63] : '=');
        gn_str_putc(out, left > 2 ? letter[v & 63] : '=');
    }
}
