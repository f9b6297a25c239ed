/* cpu.h - the portable device. */
#ifndef GN_CPU_CPU_H
#define GN_CPU_CPU_H

#include "core/device/device.h"

typedef struct gn_cpu_options {
    int threads;   /* 0: gn_processors() */
    bool exact;    /* weights as f32, activations and kv f32: the definition of right */
    bool mapped;   /* leave weights in the file's own blocks (models larger than memory) */
    bool may_wait; /* weights to be kept lie in a file's private mapping: they may be read there at
                        first, and their pages be given back once they are placed */
    const char *isa; /* "plain", "avx2", "avx512", ...; NULL: the best this processor has */
} gn_cpu_options;

/* NULL, and e set, for an isa that is unknown or that this processor lacks. */
gn_device *gn_cpu_open(const gn_cpu_options *o, gn_error *e);

#endif
