/* test_base_pool.c - threads that share work, sleep and wake. */
/* floor: gn_base */
#include "core/base/pool.h"
#include "core/base/thread.h"

#include "tests/check.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PARTS = 257 };

typedef struct tally {
    int threads;
    int part[PARTS];   /* how often each was done; plain, since each part has one doer */
    int by_thread[64]; /* likewise */
    atomic_int out_of_range;
} tally;

static void count_part(void *arg, int part, int thread) {
    tally *t = arg;
    if (thread < 0 || thread >= t->threads || part < 0 || part >= PARTS) {
        atomic_fetch_add(&t->out_of_range, 1);
        return;
    }
    t->part[part]++;
    t->by_thread[thread]++;
}

static bool each_once(gn_pool *p, int parts) {
    static tally t;
    memset(&t, 0, sizeof t);
    t.threads = gn_pool_threads(p);
    gn_pool_run(p, parts, count_part, &t);
    int sum = 0;
    for (int i = 0; i < t.threads; i++)
        sum += t.by_thread[i];
    bool ok = sum == parts && t.out_of_range == 0;
    for (int i = 0; i < PARTS; i++)
        ok = ok && t.part[i] == (i < parts);
    return ok;
}

TEST(every_part_is_done_exactly_once) {
    gn_error e = {0};
    for (int threads = 1; threads <= 5; threads++) {
        gn_pool *p = gn_pool_new(threads, &e);
        if (!CHECK(p && gn_pool_threads(p) == threads))
            return;
        for (int parts = 0; parts <= PARTS; parts += parts < 10 ? 1 : 13)
            CHECK(each_once(p, parts));
        gn_pool_free(p);
    }
    gn_pool_free(NULL);
}

/* Short pieces one after another, where a worker is always on its way to sleep,
 * and pauses long enough that all of them sleep. */
TEST(no_wake_up_is_lost) {
    gn_error e = {0};
    gn_pool *p = gn_pool_new(4, &e);
    int bad = 0;
    for (int i = 0; i < 20000; i++) {
        bad += !each_once(p, 2 + i % 7);
        if (i % 400 == 0)
            usleep(200);
        else if (i % 7 == 0)
            for (volatile int wait = 0; wait < i % 5000; wait++)
                ;
    }
    CHECK(bad == 0);
    gn_pool_free(p);
}

static void meet(void *arg, int part, int thread) {
    (void)part, (void)thread;
    atomic_int *here = arg;
    atomic_fetch_add(here, 1);
    while (atomic_load(here) < 3)
        sched_yield();
}

/* Three parts that wait for each other: ends only if three threads come. */
TEST(sleeping_threads_do_come) {
    gn_error e = {0};
    gn_pool *p = gn_pool_new(3, &e);
    for (int i = 0; i < 300; i++) {
        atomic_int here = 0;
        gn_pool_run(p, 3, meet, &here);
        CHECK(here == 3);
        if (i % 3 == 0)
            usleep(300);
    }
    gn_pool_free(p);
}

typedef struct hand_over {
    atomic_int begun, done; /* by other threads than the caller's; by all */
} hand_over;

/* The caller's parts wait until somebody else holds one, who then takes his time. */
static void slow_elsewhere(void *arg, int part, int thread) {
    (void)part;
    hand_over *h = arg;
    if (thread != 0) {
        atomic_fetch_add(&h->begun, 1);
        usleep(1000);
    } else
        while (atomic_load(&h->begun) == 0)
            sched_yield();
    atomic_fetch_add(&h->done, 1);
}

TEST(the_caller_sleeps_until_the_last_part_is_done) {
    gn_error e = {0};
    gn_pool *p = gn_pool_new(3, &e);
    for (int i = 0; i < 50; i++) {
        hand_over h = {0};
        gn_pool_run(p, 6, slow_elsewhere, &h);
        CHECK(h.done == 6 && h.begun > 0);
    }
    gn_pool_free(p);
}

static void add(void *arg, int part, int thread) {
    (void)thread;
    int *sum = arg;
    sum[part * 16] += part;
}

/* What one piece wrote plainly, the next may read, whoever does it. */
TEST(a_piece_sees_what_the_one_before_wrote) {
    gn_error e = {0};
    gn_pool *p = gn_pool_new(4, &e);
    static int sum[8 * 16];
    for (int i = 0; i < 5000; i++)
        gn_pool_run(p, 8, add, sum);
    for (int i = 0; i < 8; i++)
        CHECK(sum[i * 16] == 5000 * i);
    gn_pool_free(p);
}

static void *own_pool(void *arg) {
    gn_error e = {0};
    gn_pool *p = gn_pool_new(3, &e);
    int *done = arg;
    for (int i = 0; i < 50; i++) {
        hand_over h = {0};
        gn_pool_run(p, 5, slow_elsewhere, &h);
        *done += h.done;
    }
    gn_pool_free(p);
    return NULL;
}

TEST(two_pools_do_not_disturb_each_other) {
    pthread_t a, b;
    int x = 0, y = 0;
    CHECK(pthread_create(&a, NULL, own_pool, &x) == 0);
    CHECK(pthread_create(&b, NULL, own_pool, &y) == 0);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    CHECK(x == 250 && y == 250);
}

TEST(processors_are_those_we_may_use) {
    cpu_set_t old, one;
    const int count = gn_processors();
    if (!CHECK(sched_getaffinity(0, sizeof old, &old) == 0))
        return;
    CHECK(count >= 1 && count <= CPU_COUNT(&old));
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &old))
            CPU_SET(i, &one);
    CHECK(sched_setaffinity(0, sizeof one, &one) == 0 && gn_processors() == 1);
    CHECK(sched_setaffinity(0, sizeof old, &old) == 0 && gn_processors() == count);
}

/* What the kernel gives the calling thread at a time, in nanoseconds; 0 where it does not say. */
static uint64_t slice(void) {
    uint64_t a[7] = {sizeof a};
    return syscall(SYS_sched_getattr, 0, a, sizeof a, 0) == 0 ? a[3] : 0;
}

static void *slice_of_a_child(void *out) {
    *(uint64_t *)out = slice();
    return NULL;
}

static uint64_t slice_of_child(void) {
    uint64_t found = 0;
    pthread_t child;
    if (pthread_create(&child, NULL, slice_of_a_child, &found) == 0)
        pthread_join(child, NULL);
    return found;
}

static void *take_roles(void *out) {
    uint64_t *found = out;
    found[0] = slice();
    gn_thread_shows();
    found[1] = slice();
    found[2] = slice_of_child();
    gn_thread_works();
    found[3] = slice();
    gn_thread_works();
    found[4] = slice();
    return NULL;
}

TEST(who_shows_goes_before_who_computes) {
    uint64_t found[5];
    pthread_t thread;
    if (!CHECK(pthread_create(&thread, NULL, take_roles, found) == 0))
        return;
    pthread_join(thread, NULL);
    CHECK(slice() == found[0]); /* nobody else's */
    if (found[0] == 0)
        return; /* a kernel without slices of one's own */
    CHECK(found[1] < found[0]);
    CHECK(found[2] == found[0]);
    CHECK(found[3] > found[0] && found[3] < found[0] * 5 / 4);
    CHECK(found[4] == found[3]);
}

static void *work_and_start(void *out) {
    gn_thread_works();
    *(uint64_t *)out = slice_of_child();
    return NULL;
}

TEST(threads_of_who_computes_compute) {
    const uint64_t before = slice();
    uint64_t found = 0;
    pthread_t thread;
    if (!CHECK(pthread_create(&thread, NULL, work_and_start, &found) == 0))
        return;
    pthread_join(thread, NULL);
    CHECK(before == 0 || found > before);
}
