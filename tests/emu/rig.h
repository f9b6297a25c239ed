/* rig.h - what tests of the CUDA device share: the emulated module, loaded as the real one is, and
 * its faults. */
#ifndef GN_TESTS_EMU_RIG_H
#define GN_TESTS_EMU_RIG_H

#include "core/cuda/cuda.h"

#include <dlfcn.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct emulator {
    bool (*configure)(const char *text); /* tests/emu/emu.h */
    void (*reset)(void);
    size_t (*in_use)(void);
    long (*allocs)(void);
    long (*copies)(void);
    long (*copied_back)(void);
    long (*waits)(void);
    long (*launches)(void);
    long (*graph_launches)(void);
} emulator;

static emulator emu;

static bool no_setup(const char *text) { return text != NULL; }
static void no_reset(void) {}
static size_t nothing_in_use(void) { return 0; }
static long no_count(void) { return 0; }

/* Whether there are faults to ask for and counts to look at. */
static inline bool emulated(void) { return emu.configure != no_setup; }

/* $LIBGNEISS_CUDA names the module beside this program, unless it names another: a real
 * one, for a machine that has a GPU. */
static inline void emu_load(void) {
    char self[1024], path[1100];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    snprintf(path, sizeof path, "%s/libgneiss-cuda-emu.so", dirname(self));
    setenv("LIBGNEISS_CUDA", path, 0);
    unsetenv("EMULATED_GPU");
    unsetenv("CUDA_VISIBLE_DEVICES");
    void *module = dlopen(getenv("LIBGNEISS_CUDA"), RTLD_NOW | RTLD_LOCAL);
    if (!module) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    *(void **)&emu.configure = dlsym(module, "emu_configure");
    *(void **)&emu.reset = dlsym(module, "emu_reset");
    *(void **)&emu.in_use = dlsym(module, "emu_in_use");
    *(void **)&emu.allocs = dlsym(module, "emu_allocs");
    *(void **)&emu.copies = dlsym(module, "emu_copies");
    *(void **)&emu.copied_back = dlsym(module, "emu_copied_back");
    *(void **)&emu.waits = dlsym(module, "emu_waits");
    *(void **)&emu.launches = dlsym(module, "emu_launches");
    *(void **)&emu.graph_launches = dlsym(module, "emu_graph_launches");
    if (!emu.configure)
        emu = (emulator){no_setup, no_reset, nothing_in_use, no_count, no_count,
                         no_count, no_count, no_count,       no_count};
    emu.reset();
    emu.configure("memory=1048576");
}

static inline gn_device *open_cuda(bool exact) {
    gn_error e = {0};
    gn_device *d = gn_cuda_open(&(gn_cuda_options){.exact = exact}, &e);
    if (!d) {
        fprintf(stderr, "%s\n", e.message);
        exit(2);
    }
    return d;
}

__attribute__((constructor)) static void emu_load_first(void) { emu_load(); }

#endif
