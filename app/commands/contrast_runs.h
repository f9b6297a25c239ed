/* contrast_runs.h - the flips of two compared runs, as contrasts, from the database. */
#ifndef GN_APP_CONTRAST_RUNS_H
#define GN_APP_CONTRAST_RUNS_H

#include "app/chat/contrast.h"
#include "eval/eval.h"

typedef struct gn_contrast_runs {
    gn_store *store; /* both borrowed */
    const gn_comparison *comparison;
} gn_contrast_runs;

/* x must outlive what is returned. */
gn_contrasts gn_contrasts_of_runs(gn_contrast_runs *x);

#endif
