/* toy.h - a tiny checkpoint of tests/oracle/models, opened on the CPU and asked. */
#ifndef GN_TESTS_TOY_H
#define GN_TESTS_TOY_H

#include "core/cpu/cpu.h"
#include "core/model/forward.h"

enum { TOY_TOKENS = 464, TOY_LANES = 72, TOY_LOGITS = 19 };

typedef struct toy {
    gn_arena arena;
    gn_str warnings;
    gn_tensors *tensors;
    gn_config config;
    gn_device *device;
    gn_weights *weights;
    gn_model model;
    gn_plan *plan; /* of TOY_TOKENS tokens, all of them wanted, TOY_LANES lanes */
} toy;

/* Exact numerics, two threads. */
extern const gn_cpu_options toy_exact;

/* path: a folder or a .gguf file. False, and e set, as the floors below say. */
bool toy_open(toy *m, const char *path, const gn_cpu_options *o, gn_error *e);
/* On a device of the caller's making; it is closed with the toy, whatever is returned. */
bool toy_open_on(toy *m, const char *path, gn_device *d, gn_error *e);
void toy_close(toy *m); /* one that failed to open, too */

/* config.json of a folder or text, or a GGUF's keys. */
bool toy_config(toy *m, const char *path, gn_error *e);

/* One step; logits of the wanted rows, [n_want, V] into out. A fault ends the program. */
void toy_rows(toy *m, gn_step_kind kind, const gn_feed *feed, int n, const int32_t *want,
              int n_want, float *out);
/* One step of GN_READ; logits of each feed's last token, [n, V] into out. */
void toy_step(toy *m, const gn_feed *feed, int n, float *out);

gn_state *toy_state(toy *m, int64_t capacity); /* an empty one */

#endif
