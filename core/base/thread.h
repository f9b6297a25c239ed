/* thread.h - which threads go first where there are fewer processors than work.
 *
 * Linux lets a thread that wakes go before one that computes if it asked for a shorter slice of
 * time (6.12 and later; elsewhere nothing happens). That is no priority: over time every thread
 * has as much of the processor as before. Nobody needs a right for it.
 */
#ifndef GN_BASE_THREAD_H
#define GN_BASE_THREAD_H

/* The calling thread, and every thread it starts from now on, computes: whoever wakes, the
 * terminal too, goes first. */
void gn_thread_works(void);

/* The calling thread alone shows things: it goes first when it wakes. */
void gn_thread_shows(void);

#endif
