/* queue.c - see queue.h. */
#include "app/cli/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct gn_queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int wake[2]; /* holds a byte while there are items, or soon */
    int first, count, capacity;
    bool closed;
    void *item[];
};

gn_queue *gn_queue_new(int capacity, gn_error *e) {
    gn_queue *q = calloc(1, sizeof *q + (size_t)capacity * sizeof q->item[0]);
    if (!q) {
        gn_fail(e, GN_NO_MEMORY, "queue: out of memory");
        return NULL;
    }
    if (pipe2(q->wake, O_NONBLOCK | O_CLOEXEC) != 0) {
        gn_fail(e, GN_IO, "queue: no pipe");
        free(q);
        return NULL;
    }
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&q->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    q->capacity = capacity;
    return q;
}

void gn_queue_free(gn_queue *q, void (*drop)(void *item)) {
    if (!q)
        return;
    for (int i = 0; i < q->count; i++)
        drop(q->item[(q->first + i) % q->capacity]);
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->changed);
    close(q->wake[0]);
    close(q->wake[1]);
    free(q);
}

/* Locked, and there is room. True: whoever polls is to be told. */
static bool append(gn_queue *q, void *item) {
    q->item[(q->first + q->count++) % q->capacity] = item;
    pthread_cond_broadcast(&q->changed);
    return q->count == 1;
}

/* Not locked: who is woken runs at once, and would have to wait for the lock. */
static void tell(gn_queue *q) {
    const char byte = 1;
    while (write(q->wake[1], &byte, 1) < 0 && errno == EINTR)
        ;
}

/* Locked, and there is nothing: a byte that comes later wakes for nothing, once. */
static void empty_pipe(gn_queue *q) {
    char bytes[64];
    while (read(q->wake[0], bytes, sizeof bytes) < 0 && errno == EINTR)
        ;
}

/* Locked, and there is something. */
static void *remove_first(gn_queue *q) {
    void *item = q->item[q->first];
    q->first = (q->first + 1) % q->capacity;
    if (--q->count == 0)
        empty_pipe(q);
    pthread_cond_broadcast(&q->changed);
    return item;
}

static bool insert(gn_queue *q, void *item, bool wait) {
    pthread_mutex_lock(&q->lock);
    while (wait && q->count == q->capacity && !q->closed)
        pthread_cond_wait(&q->changed, &q->lock);
    const bool ok = !q->closed && q->count < q->capacity, first = ok && append(q, item);
    pthread_mutex_unlock(&q->lock);
    if (first)
        tell(q);
    return ok;
}

bool gn_queue_put(gn_queue *q, void *item) { return insert(q, item, true); }
bool gn_queue_offer(gn_queue *q, void *item) { return insert(q, item, false); }

void *gn_queue_take(gn_queue *q) {
    pthread_mutex_lock(&q->lock);
    while (q->count == 0 && !q->closed)
        pthread_cond_wait(&q->changed, &q->lock);
    void *item = q->count ? remove_first(q) : NULL;
    pthread_mutex_unlock(&q->lock);
    return item;
}

void *gn_queue_poll(gn_queue *q) {
    void *item = NULL;
    pthread_mutex_lock(&q->lock);
    if (q->count)
        item = remove_first(q);
    else
        empty_pipe(q);
    pthread_mutex_unlock(&q->lock);
    return item;
}

bool gn_queue_soon(gn_queue *q, int ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const long nano = until.tv_nsec + ms % 1000 * 1000000L;
    until.tv_sec += ms / 1000 + nano / 1000000000;
    until.tv_nsec = nano % 1000000000;
    pthread_mutex_lock(&q->lock);
    while (q->count == 0 && !q->closed &&
           pthread_cond_timedwait(&q->changed, &q->lock, &until) == 0)
        ;
    const bool some = q->count > 0;
    pthread_mutex_unlock(&q->lock);
    return some;
}

void gn_queue_close(gn_queue *q) {
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

int gn_queue_fd(const gn_queue *q) { return q->wake[0]; }
