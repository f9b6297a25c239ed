/* forcing.h - two checkpoints on a thread of their own: one reads what the other answered.
 *
 * The vocabulary is told first, without the weights; the engines are opened when the first
 * answer is to be read. A table of functions, so that a test can read in their place.
 */
#ifndef GN_APP_FORCING_H
#define GN_APP_FORCING_H

#include "app/chat/contrast.h"
#include "app/chat/worker.h"

typedef struct gn_forcing gn_forcing;
struct gn_forcing {
    /* For a screen's loop: GN_EVENT_OPENED with the vocabulary, LOADING and READING while it
     * works, TOLD (answer: the tag) when it is done, FAILED. */
    gn_worker worker;
    /* B reads A's answer to the question of c. False: it is busy. */
    bool (*ask)(gn_forcing *f, int64_t tag, const gn_contrast *c);
    /* What came of it, moved to out; false: nothing. */
    bool (*take)(gn_forcing *f, int64_t tag, gn_forced *out);
};

/* Paths of two checkpoints. The options' strings must outlive it. */
gn_forcing *gn_forcing_open(const char *a, const char *b, const gn_engine_options *o, gn_error *e);

#endif
