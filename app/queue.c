/* queue.c - see queue.h. */
#include "app/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct gn_queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int wake[2]; /* holds one byte while there are items */
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
    pthread_cond_init(&q->changed, NULL);
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

/* Locked, and there is room. */
static void append(gn_queue *q, void *item) {
    const char byte = 1;
    q->item[(q->first + q->count++) % q->capacity] = item;
    if (q->count == 1)
        while (write(q->wake[1], &byte, 1) < 0 && errno == EINTR)
            ;
    pthread_cond_broadcast(&q->changed);
}

/* Locked, and there is something. */
static void *remove_first(gn_queue *q) {
    char byte;
    void *item = q->item[q->first];
    q->first = (q->first + 1) % q->capacity;
    if (--q->count == 0)
        while (read(q->wake[0], &byte, 1) < 0 && errno == EINTR)
            ;
    pthread_cond_broadcast(&q->changed);
    return item;
}

bool gn_queue_put(gn_queue *q, void *item) {
    pthread_mutex_lock(&q->lock);
    while (q->count == q->capacity && !q->closed)
        pthread_cond_wait(&q->changed, &q->lock);
    const bool ok = !q->closed;
    if (ok)
        append(q, item);
    pthread_mutex_unlock(&q->lock);
    return ok;
}

bool gn_queue_offer(gn_queue *q, void *item) {
    pthread_mutex_lock(&q->lock);
    const bool ok = !q->closed && q->count < q->capacity;
    if (ok)
        append(q, item);
    pthread_mutex_unlock(&q->lock);
    return ok;
}

void *gn_queue_take(gn_queue *q) {
    pthread_mutex_lock(&q->lock);
    while (q->count == 0 && !q->closed)
        pthread_cond_wait(&q->changed, &q->lock);
    void *item = q->count ? remove_first(q) : NULL;
    pthread_mutex_unlock(&q->lock);
    return item;
}

void *gn_queue_poll(gn_queue *q) {
    pthread_mutex_lock(&q->lock);
    void *item = q->count ? remove_first(q) : NULL;
    pthread_mutex_unlock(&q->lock);
    return item;
}

void gn_queue_close(gn_queue *q) {
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

int gn_queue_fd(const gn_queue *q) { return q->wake[0]; }
