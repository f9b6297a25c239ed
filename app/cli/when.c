/* when.c - see when.h. */
#include "app/cli/when.h"

#include <stdio.h>

/* n digits at byte i. */
static bool digits(gn_slice s, size_t i, size_t n, int *out) {
    *out = 0;
    if (i + n > s.len)
        return false;
    for (size_t k = 0; k < n; k++) {
        if (s.data[i + k] < '0' || s.data[i + k] > '9')
            return false;
        *out = *out * 10 + (s.data[i + k] - '0');
    }
    return true;
}

bool gn_when_parse(gn_slice utc, time_t *out) {
    struct tm t = {0};
    if (!digits(utc, 0, 4, &t.tm_year) || !digits(utc, 5, 2, &t.tm_mon) ||
        !digits(utc, 8, 2, &t.tm_mday) || utc.data[4] != '-' || utc.data[7] != '-')
        return false;
    if (utc.len > 10 && (!digits(utc, 11, 2, &t.tm_hour) || !digits(utc, 14, 2, &t.tm_min)))
        return false;
    if (utc.len > 16 && utc.data[16] == ':' && !digits(utc, 17, 2, &t.tm_sec))
        return false;
    if (t.tm_mon < 1 || t.tm_mon > 12 || t.tm_mday < 1 || t.tm_mday > 31 || t.tm_hour > 23 ||
        t.tm_min > 59 || t.tm_sec > 60)
        return false;
    /* What stands behind it: a fraction, and perhaps how far the clock is ahead of UTC. */
    int ahead_h = 0, ahead_m = 0;
    size_t at = 19;
    while (at < utc.len && utc.data[at] != '+' && utc.data[at] != '-')
        at++;
    if (at < utc.len && digits(utc, at + 1, 2, &ahead_h))
        digits(utc, at + 3 + (at + 3 < utc.len && utc.data[at + 3] == ':'), 2, &ahead_m);
    const int ahead = (ahead_h * 60 + ahead_m) * (at < utc.len && utc.data[at] == '-' ? -60 : 60);
    t.tm_year -= 1900;
    t.tm_mon--;
    *out = timegm(&t) - ahead;
    return true;
}

static void as_it_is(const char *text, char out[32]) { snprintf(out, 32, "%.31s", text); }

void gn_when_text(const char *utc, time_t now, char out[32]) {
    time_t then;
    struct tm a, b;
    if (now == 0)
        now = time(NULL);
    if (!gn_when_parse(gn_slice_of(utc), &then) || !localtime_r(&then, &a) ||
        !localtime_r(&now, &b)) {
        as_it_is(utc, out);
        return;
    }
    /* Whole days between the two calendar days, whatever the clock did in between. */
    struct tm day_a = {.tm_year = a.tm_year, .tm_mon = a.tm_mon, .tm_mday = a.tm_mday};
    struct tm day_b = {.tm_year = b.tm_year, .tm_mon = b.tm_mon, .tm_mday = b.tm_mday};
    const long days = (long)((timegm(&day_b) - timegm(&day_a)) / 86400);
    const char *form = then > now             ? "just now" /* clocks differ, too */
                       : days == 0            ? "today %H:%M"
                       : days == 1            ? "yesterday"
                       : days > 1 && days < 7 ? "%a"
                                              : "%Y-%m-%d";
    if (strftime(out, 32, form, &a) == 0)
        as_it_is(utc, out);
}

void gn_when_exact(const char *utc, char out[32]) {
    time_t then;
    struct tm t;
    if (!gn_when_parse(gn_slice_of(utc), &then) || !localtime_r(&then, &t) ||
        strftime(out, 32, "%Y-%m-%d %H:%M", &t) == 0)
        as_it_is(utc, out);
}

void gn_when_utc(time_t when, char out[25]) {
    struct tm t;
    gmtime_r(&when, &t);
    snprintf(out, 25, "%04u-%02u-%02uT%02u:%02u:%02u.000Z", (unsigned)(t.tm_year + 1900) % 10000u,
             (unsigned)(t.tm_mon + 1) % 100u, (unsigned)t.tm_mday % 100u,
             (unsigned)t.tm_hour % 100u, (unsigned)t.tm_min % 100u, (unsigned)t.tm_sec % 100u);
}
