/* when.h - times as people say them: "today 14:02", "yesterday", "Sat", "2026-11-02". */
#ifndef GN_APP_WHEN_H
#define GN_APP_WHEN_H

#include "core/gneiss.h"

#include <time.h>

/* "2026-11-24T09:30:00.000Z" (and what is near it: a space for the T, no fraction, +02:00
 * for the Z) to seconds. False if it is no time. */
bool gn_when_parse(gn_slice utc, time_t *out);
/* How long ago, in the local calendar (what is to come is "just now"); what is no time as it
 * is. now 0: the clock. */
void gn_when_text(const char *utc, time_t now, char out[32]);
/* "2026-11-24 14:02", local. */
void gn_when_exact(const char *utc, char out[32]);
/* To "2026-11-24T09:30:00.000Z". */
void gn_when_utc(time_t t, char out[25]);

#endif
