/* rng.c - see rng.h. */
#include "core/base/rng.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

bool gn_random_bytes(void *out, int n, gn_error *e) {
    for (size_t done = 0, want = n > 0 ? (size_t)n : 0; done < want;) {
        const ssize_t got = getrandom((char *)out + done, want - done, 0);
        if (got < 0 && errno != EINTR)
            return gn_fail(e, GN_IO, "ask the system for %d random bytes: %s", n, strerror(errno));
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* 48 bits of milliseconds since 1970, then 80 random ones, five bits a character
 * from the highest; the first character holds the three left over. */
bool gn_ulid(char out[27], gn_error *e) {
    static const char letter[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint8_t byte[16];
    struct timespec now;
    if (!gn_random_bytes(byte + 6, 10, e))
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    for (int i = 0; i < 6; i++)
        byte[i] = (uint8_t)(ms >> (40 - 8 * i));

    for (int i = 0; i < 26; i++) {
        unsigned five = 0;
        for (int bit = 5 * i - 2; bit < 5 * i + 3; bit++)
            five = five << 1 | (bit < 0 ? 0u : byte[bit / 8] >> (7 - bit % 8) & 1u);
        out[i] = letter[five];
    }
    out[26] = '\0';
    return true;
}
