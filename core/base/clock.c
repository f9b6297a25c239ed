/* clock.c - see clock.h. */
#include "core/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

double gn_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void gn_utc(char out[25]) {
    struct timespec now;
    struct tm t;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &t);
    /* The remainders change nothing before the year 10000; they bound what is printed. */
    snprintf(out, 25, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)(t.tm_year + 1900) % 10000u,
             (unsigned)(t.tm_mon + 1) % 100u, (unsigned)t.tm_mday % 100u,
             (unsigned)t.tm_hour % 100u, (unsigned)t.tm_min % 100u, (unsigned)t.tm_sec % 100u,
             (unsigned)(now.tv_nsec / 1000000) % 1000u);
}

size_t gn_local_time(char *out, size_t size, const char *format) {
    const time_t now = time(NULL);
    struct tm t;
    tzset();
    if (!localtime_r(&now, &t))
        return 0;
    return strftime(out, size, format, &t);
}
