/* detach.h - go on in the background once the beginning has worked. */
#ifndef GN_APP_DETACH_H
#define GN_APP_DETACH_H

#include "core/gneiss.h"

typedef struct gn_detached {
    bool child;    /* this process is the one that goes on */
    int code;      /* of the parent: what to exit with */
    int tell;      /* of the child: what is written here the parent prints on stdout; -1 */
    gn_str log;    /* of the child: where its standard output and error go */
    gn_str folder; /* of the log */
} gn_detached;

/* Fork. The parent returns when the child has called gn_detached_begun(), with code 0, or has
 * ended before, with its code and what it said printed. The child has a session of its own,
 * no standard input, and a log in the state folder. Call it before any thread is made. */
bool gn_detach(gn_detached *d, gn_error *e);
/* The parent prints text on standard output and ends; the log gets its name, eval-NAME.log. */
bool gn_detached_begun(gn_detached *d, const char *name, gn_slice text, gn_error *e);
void gn_detached_release(gn_detached *d);

#endif
