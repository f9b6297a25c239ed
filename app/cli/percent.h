/* percent.h - how far a long piece of work has come, on stderr. */
#ifndef GN_APP_PERCENT_H
#define GN_APP_PERCENT_H

#include "app/cli/command.h"

/* As --progress says: a line that is written over on a terminal, else one every tenth. */
typedef struct gn_percent {
    const char *what;
    bool terminal, lines, json;
    int told; /* per cent; tenths for lines */
} gn_percent;
gn_percent gn_args_percent(const gn_args *a, const char *what);

/* For hooks whose user is a gn_percent: tell, and go on unless it was interrupted. */
bool gn_percent_bytes(void *user, size_t done, size_t all);
bool gn_percent_tokens(void *user, int64_t done, int64_t all);

#endif
