/* pool.c - see pool.h.
 *
 * The parts of a piece of work that nobody has taken yet are counted in one
 * word, the ticket, beside the number of the piece. Whoever takes a part off it
 * with a compare-and-swap knows that the piece is still open, because it ends
 * only when every part taken has been reported; so work, arg and parts may be
 * read without a lock. A thread that the system does not let run holds nobody
 * up: it has taken nothing.
 *
 * Sleep is on two words in the kernel's futex queue. `called` grows with every
 * piece; a thread counts itself among the sleepers, looks at `called` once more
 * (the kernel does) and only then sleeps, while the caller counts up first and
 * looks at the sleepers after: one of the two sees the other. `open`, the parts
 * not yet reported, is where the caller sleeps, in the same manner.
 */
#include "core/base/pool.h"

#include "core/base/clock.h"

#include <assert.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How long to look for work before sleeping: longer than what lies between two
 * operations of a step, shorter than anybody notices. */
#define SPIN_SECONDS 40e-6
enum { LOOKS = 64, YIELDS = 4, LINE = 64 };

typedef struct worker {
    struct gn_pool *pool;
    pthread_t thread;
    int number;
} worker;

struct gn_pool {
    int threads;
    bool crowded;   /* more threads than processors: looking for work takes it from others */
    worker *worker; /* threads - 1 of them */

    /* The piece of work: written by the caller before the ticket, read after it. */
    void (*work)(void *arg, int part, int thread);
    void *arg;
    int parts;

    _Alignas(LINE) _Atomic uint64_t ticket; /* piece << 32 | parts not taken */
    _Alignas(LINE) _Atomic uint32_t called; /* pieces so far, and the end */
    _Atomic int sleepers;
    _Atomic bool over, running;
    _Alignas(LINE) _Atomic uint32_t open; /* parts not reported */
    _Atomic bool caller_sleeps;
};

static void futex_wait(_Atomic uint32_t *word, uint32_t seen) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

static void breathe(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Take parts and do them until none is left; how many it did. */
static uint32_t take_parts(gn_pool *p, int thread) {
    uint32_t done = 0;
    uint64_t ticket = atomic_load_explicit(&p->ticket, memory_order_acquire);
    for (uint32_t left; (left = (uint32_t)ticket) > 0;) {
        if (!atomic_compare_exchange_weak_explicit(&p->ticket, &ticket, ticket - 1,
                                                   memory_order_acq_rel, memory_order_acquire))
            continue;
        p->work(p->arg, p->parts - (int)left, thread);
        done++;
        ticket = atomic_load_explicit(&p->ticket, memory_order_acquire);
    }
    return done;
}

/* Look a while whether the wait may end; false if it is time to sleep. */
static bool look(gn_pool *p, bool (*ended)(gn_pool *p)) {
    if (p->crowded) {
        for (int i = 0; i < YIELDS; i++) {
            if (ended(p))
                return true;
            sched_yield();
        }
        return ended(p);
    }
    const double until = gn_seconds() + SPIN_SECONDS;
    do {
        for (int i = 0; i < LOOKS; i++) {
            if (ended(p))
                return true;
            breathe();
        }
    } while (gn_seconds() < until);
    return ended(p);
}

static bool something_to_do(gn_pool *p) {
    return (uint32_t)atomic_load_explicit(&p->ticket, memory_order_acquire) > 0 ||
           atomic_load_explicit(&p->over, memory_order_acquire);
}

static bool all_reported(gn_pool *p) {
    return atomic_load_explicit(&p->open, memory_order_acquire) == 0;
}

static void *serve(void *arg) {
    const worker *me = arg;
    gn_pool *p = me->pool;
    while (!atomic_load_explicit(&p->over, memory_order_acquire)) {
        const uint32_t called = atomic_load(&p->called);
        const uint32_t done = take_parts(p, me->number);
        if (done) {
            if (atomic_fetch_sub(&p->open, done) == done && atomic_load(&p->caller_sleeps))
                futex_wake(&p->open, 1);
            continue;
        }
        if (look(p, something_to_do))
            continue;
        atomic_fetch_add(&p->sleepers, 1);
        futex_wait(&p->called, called);
        atomic_fetch_sub(&p->sleepers, 1);
    }
    return NULL;
}

static void wait_for_reports(gn_pool *p) {
    while (!look(p, all_reported)) {
        atomic_store(&p->caller_sleeps, true);
        const uint32_t open = atomic_load(&p->open);
        if (open)
            futex_wait(&p->open, open);
        atomic_store(&p->caller_sleeps, false);
    }
}

void gn_pool_run(gn_pool *p, int parts, void (*work)(void *arg, int part, int thread), void *arg) {
    if (p->threads == 1 || parts <= 1) {
        for (int part = 0; part < parts; part++)
            work(arg, part, 0);
        return;
    }
    /* One caller at a time, and never from within the work. */
    const bool busy = atomic_exchange_explicit(&p->running, true, memory_order_acquire);
    assert(!busy);
    (void)busy;

    p->work = work;
    p->arg = arg;
    p->parts = parts;
    atomic_store_explicit(&p->open, (uint32_t)parts, memory_order_relaxed);
    const uint64_t piece = (atomic_load_explicit(&p->ticket, memory_order_relaxed) >> 32) + 1;
    atomic_store_explicit(&p->ticket, piece << 32 | (uint32_t)parts, memory_order_release);
    atomic_fetch_add(&p->called, 1);
    if (atomic_load(&p->sleepers) > 0)
        futex_wake(&p->called, parts < p->threads ? parts - 1 : p->threads - 1);

    const uint32_t done = take_parts(p, 0);
    if (atomic_fetch_sub(&p->open, done) != done)
        wait_for_reports(p);
    atomic_store_explicit(&p->running, false, memory_order_release);
}

int gn_pool_threads(const gn_pool *p) { return p->threads; }

/* The workers take no signals: those are for the thread that shows things. */
static bool start(gn_pool *p, gn_error *e) {
    sigset_t all, theirs;
    const int wanted = p->threads;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &theirs);
    int why = 0;
    for (p->threads = 1; p->threads < wanted && !why;) {
        worker *w = &p->worker[p->threads - 1];
        *w = (worker){.pool = p, .number = p->threads};
        why = pthread_create(&w->thread, NULL, serve, w);
        if (!why)
            p->threads++;
    }
    pthread_sigmask(SIG_SETMASK, &theirs, NULL);
    return !why || gn_fail(e, GN_IO, "start thread %d of %d: %s; ask for fewer threads",
                           p->threads + 1, wanted, strerror(why));
}

gn_pool *gn_pool_new(int threads, gn_error *e) {
    assert(threads >= 1);
    gn_pool *p = aligned_alloc(LINE, (sizeof *p + LINE - 1) / LINE * LINE);
    worker *workers = calloc((size_t)threads, sizeof *workers);
    if (!p || !workers) {
        free(p);
        free(workers);
        gn_fail(e, GN_NO_MEMORY, "make a pool of %d threads: out of memory", threads);
        return NULL;
    }
    memset(p, 0, sizeof *p);
    p->worker = workers;
    p->threads = threads;
    p->crowded = threads > gn_processors();
    if (!start(p, e)) {
        gn_pool_free(p);
        return NULL;
    }
    return p;
}

void gn_pool_free(gn_pool *p) {
    if (!p)
        return;
    atomic_store(&p->over, true);
    atomic_fetch_add(&p->called, 1);
    futex_wake(&p->called, p->threads);
    for (int i = 0; i < p->threads - 1; i++)
        pthread_join(p->worker[i].thread, NULL);
    free(p->worker);
    free(p);
}

/* Processors this process may run on. */
static int allowed(void) {
    for (int most = 1024; most <= 1 << 20; most *= 4) {
        cpu_set_t *set = CPU_ALLOC(most);
        const size_t size = CPU_ALLOC_SIZE(most);
        if (!set)
            break;
        const int ok = sched_getaffinity(0, size, set) == 0;
        const int count = ok ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (ok)
            return count;
    }
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

/* The quota of one control group in whole processors, rounded up; `most` if it has none. */
static int quota(const char *group, int most) {
    char path[600];
    long long allowance, period;
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
    FILE *f = fopen(path, "re");
    if (!f)
        return most;
    if (fscanf(f, "%lld %lld", &allowance, &period) == 2 && allowance > 0 && period > 0) {
        const long long whole = (allowance + period - 1) / period;
        most = whole < most ? (int)whole : most;
    }
    fclose(f);
    return most;
}

int gn_processors(void) {
    int count = allowed();
    char line[512], *group = NULL;
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && !group && fgets(line, sizeof line, f))
        if (strncmp(line, "0::/", 4) == 0) {
            line[strcspn(line, "\n")] = '\0';
            group = line + 3;
        }
    if (f)
        fclose(f);
    /* A quota binds all groups below its own: look at ours and at each above. */
    while (group) {
        char *slash = strrchr(group, '/');
        count = quota(strcmp(group, "/") == 0 ? "" : group, count);
        if (!slash || group[0] == '\0')
            break;
        *slash = '\0';
    }
    return count > 0 ? count : 1;
}
