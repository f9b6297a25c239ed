/* percent.c - see percent.h. */
#include "app/cli/percent.h"

#include "app/cli/interrupt.h"

#include <unistd.h>

gn_percent gn_args_percent(const gn_args *a, const char *what) {
    const char *how = gn_args_text(a, "progress", "auto");
    const bool quiet = gn_args_flag(a, "quiet") || strcmp(how, "none") == 0;
    gn_percent t = {.what = what, .told = -1};
    if (quiet)
        return t;
    t.json = strcmp(how, "json") == 0;
    t.terminal = strcmp(how, "tty") == 0 || (strcmp(how, "auto") == 0 && isatty(STDERR_FILENO));
    t.lines = strcmp(how, "lines") == 0;
    return t;
}

static void tell(gn_percent *t, double share) {
    const int percent = (int)(100 * share), step = t->terminal ? 1 : 10;
    if (!(t->terminal || t->lines || t->json) || percent / step == t->told)
        return;
    t->told = percent / step;
    if (t->json)
        fprintf(stderr, "{\"event\":\"progress\",\"what\":\"%s\",\"percent\":%d}\n", t->what,
                percent);
    else if (t->lines)
        fprintf(stderr, "%s: %d %%\n", t->what, percent);
    else
        fprintf(stderr, "\r%s: %d %%%s", t->what, percent, percent == 100 ? "\n" : "");
    fflush(stderr);
}

bool gn_percent_bytes(void *user, size_t done, size_t all) {
    tell(user, all ? (double)done / (double)all : 1.0);
    return !gn_interrupted();
}

bool gn_percent_tokens(void *user, int64_t done, int64_t all) {
    tell(user, all ? (double)done / (double)all : 1.0);
    return !gn_interrupted();
}
