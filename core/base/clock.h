/* clock.h - time. */
#ifndef GN_BASE_CLOCK_H
#define GN_BASE_CLOCK_H

#include <stddef.h>

double gn_seconds(void);   /* monotonic, from an arbitrary start */
void gn_utc(char out[25]); /* now, as 2026-11-24T09:30:00.000Z */
/* strftime of the local time; returns bytes written, 0 if out is too small. */
size_t gn_local_time(char *out, size_t size, const char *format);

#endif
