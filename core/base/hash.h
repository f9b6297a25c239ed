/* hash.h - digests. Wraps libcrypto (SHA-256) and xxHash (XXH3). */
#ifndef GN_BASE_HASH_H
#define GN_BASE_HASH_H

#include "core/base/str.h"

enum { GN_SHA256_BYTES = 32, GN_SHA256_HEX = 65 };

/* Streaming; free ends it early. Digests are 32 bytes. */
typedef struct gn_sha256 gn_sha256;
gn_sha256 *gn_sha256_new(void); /* NULL when out of memory */
void gn_sha256_add(gn_sha256 *h, const void *data, size_t len);
void gn_sha256_end(gn_sha256 *h, uint8_t digest[GN_SHA256_BYTES]); /* and frees h */
void gn_sha256_free(gn_sha256 *h);

void gn_sha256_of(const void *data, size_t len, uint8_t digest[GN_SHA256_BYTES]);
/* Lower-case hex with a NUL. */
void gn_hex(const uint8_t *bytes, size_t n, char *out);

uint64_t gn_xxh3(const void *data, size_t len);
/* The same over pieces. */
typedef struct gn_xxh3_sum gn_xxh3_sum;
gn_xxh3_sum *gn_xxh3_new(void); /* NULL when out of memory */
void gn_xxh3_add(gn_xxh3_sum *h, const void *data, size_t len);
uint64_t gn_xxh3_end(gn_xxh3_sum *h); /* and begins anew */
void gn_xxh3_free(gn_xxh3_sum *h);    /* NULL is fine */

/* Standard base64 with padding. */
void gn_base64(gn_str *out, const void *data, size_t len);

#endif
