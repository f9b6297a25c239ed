/* thread.c - see thread.h. */
#include "core/base/thread.h"

#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    ON_FORK = 1,      /* SCHED_FLAG_RESET_ON_FORK: who is started has the system's slice */
    SHOWS_NS = 300000 /* a frame takes about as long */
};

/* As the kernel has it: the C library of Debian 12 does not. */
typedef struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t slice, deadline, period; /* nanoseconds; a slice of 0 is the system's */
} attributes;

/* Real-time threads have none. */
static int read_slice(attributes *a) {
    *a = (attributes){.size = sizeof *a};
    return syscall(SYS_sched_getattr, 0, a, sizeof *a, 0) == 0 &&
           (a->policy == SCHED_OTHER || a->policy == SCHED_BATCH);
}

static void set_slice(attributes *a, uint64_t slice, uint64_t flags) {
    a->size = sizeof *a;
    a->slice = slice;
    a->flags |= flags;
    syscall(SYS_sched_setattr, 0, a, 0);
}

void gn_thread_works(void) {
    attributes a;
    if (!read_slice(&a) || a.slice == 0)
        return;
    set_slice(&a, 0, 0);
    if (read_slice(&a)) /* a little longer than anybody else's is enough, and costs nothing */
        set_slice(&a, a.slice + a.slice / 8, 0);
}

void gn_thread_shows(void) {
    attributes a;
    if (read_slice(&a) && a.slice > SHOWS_NS)
        set_slice(&a, SHOWS_NS, ON_FORK);
}
