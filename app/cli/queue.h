/* queue.h - a bounded queue of pointers between two threads, with a pipe to poll.
 *
 * One side may wait, the other never does: put() waits while the queue is full
 * (the engine), offer() refuses instead (the screen). The pipe is readable when
 * something is in the queue, and sometimes once more: poll() says what is true.
 */
#ifndef GN_APP_QUEUE_H
#define GN_APP_QUEUE_H

#include "core/gneiss.h"

typedef struct gn_queue gn_queue;

gn_queue *gn_queue_new(int capacity, gn_error *e);
/* Items still inside are given to drop. NULL is fine. */
void gn_queue_free(gn_queue *q, void (*drop)(void *item));

bool gn_queue_put(gn_queue *q, void *item);   /* false: closed */
bool gn_queue_offer(gn_queue *q, void *item); /* false: full or closed */
void *gn_queue_take(gn_queue *q);             /* waits; NULL: closed and empty */
void *gn_queue_poll(gn_queue *q);             /* NULL: nothing there */
void gn_queue_close(gn_queue *q);             /* wakes whoever waits; nothing more goes in */
bool gn_queue_soon(gn_queue *q, int ms);      /* does it hold something within so long? */
int gn_queue_fd(const gn_queue *q);           /* for who polls */

#endif
