/* state.h - everything a sequence remembers.
 *
 * A state is a value: it is made empty, advanced only by gn_forward(), and
 * can be copied, saved and restored at any token. It cannot be rewound. The
 * attention layers could drop their newest rows, but a state-space layer has
 * folded every token into one matrix and keeps no way back. Code that may
 * want to return to a token forks the state there first.
 */
#ifndef GN_MODEL_STATE_H
#define GN_MODEL_STATE_H

#include "core/device/device.h"
#include "core/model/config.h"

/* Where each layer's memory lies; the same for every state of a model. */
typedef struct gn_layout {
    size_t recurrent;             /* floats in a state's recurrent block */
    size_t kv_per_token;          /* elements in its kv block per token of capacity */
    size_t kv_element;            /* bytes of one: 4 or 2, gn_device.kv_format */
    size_t window[GN_MAX_LAYERS]; /* mamba: [W-1, C] last conv inputs, in recurrent */
    size_t ssm[GN_MAX_LAYERS];    /* mamba: [Hm, N, P] state matrices, in recurrent */
    int nth_kv[GN_MAX_LAYERS];    /* attention: which cache, [2, capacity, Hk*Dh], in kv */
    int caches, kv_width;         /* attention layers; Hk*Dh */
} gn_layout;

typedef struct gn_state {
    gn_device *device;
    const gn_layout *layout;
    int64_t tokens;   /* consumed so far */
    int64_t capacity; /* tokens kv has room for */
    float *recurrent;
    void *kv;
} gn_state;

gn_layout gn_layout_of(const gn_config *config, const gn_device *device);

/* Bytes of a state with room for capacity tokens. */
size_t gn_state_bytes(const gn_layout *layout, int64_t capacity);

/* An empty state with room for capacity tokens. NULL, and e set, if the
 * device has no memory for it. Free with gn_state_free(). The layout is kept. */
gn_state *gn_state_new(gn_device *device, const gn_layout *layout, int64_t capacity, gn_error *e);

/* Room for at least `tokens` tokens in all, growing by doubling; what is there is kept. */
bool gn_state_reserve(gn_state *s, int64_t tokens, gn_error *e);

/* An independent copy: the two never share memory. Costs one copy of the recurrent
 * block and of the kv rows that are filled. NULL as above. */
gn_state *gn_state_fork(const gn_state *s, gn_error *e);

void gn_state_free(gn_state *s); /* NULL is fine */

/* Copy out to the host, and in again: the recurrent block, then kv as
 * [caches][K or V][tokens, width]. Sizes by the two functions. */
size_t gn_state_recurrent_bytes(const gn_state *s);
size_t gn_state_kv_bytes(const gn_state *s); /* of the filled rows */
bool gn_state_export(const gn_state *s, void *recurrent, void *kv, gn_error *e);
/* The same bytes in the same order, piece by piece and without a copy where the device's memory
 * is the host's: take() is told which block, 0 recurrent or 1 kv. It may fail, and sets e. */
bool gn_state_walk(const gn_state *s,
                   bool (*take)(void *user, int block, const void *data, size_t n, gn_error *e),
                   void *user, gn_error *e);
/* s has room for tokens. */
void gn_state_import(gn_state *s, int64_t tokens, const void *recurrent, const void *kv);

#endif
