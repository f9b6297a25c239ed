/* open.c - find the CUDA module and go through it; the only part of core/cuda in the program. */
#include "core/cuda/cuda.h"

#include "core/base/str.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char FILE_NAME[] = "libgneiss-cuda.so";

/* Where a module may lie, best first; false past the last. The last is the system's to find. */
static bool place(int i, char *out, size_t size) {
    const char *said = getenv("LIBGNEISS_CUDA");
    if (said && *said) {
        snprintf(out, size, "%s", said);
        return i == 0;
    }
    if (i == 2) {
        snprintf(out, size, "%s", FILE_NAME);
        return true;
    }
    char self[1024];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = 0;
    snprintf(out, size, "%.900s%s/%s", slash ? self : ".", i == 0 ? "" : "/../lib/gneiss",
             FILE_NAME);
    return i < 2;
}

/* A module brings large libraries along, so where there is no driver none is loaded. */
static bool driver(gn_error *e) {
    const char *said = getenv("LIBGNEISS_CUDA");
    void *handle = said && *said ? NULL : dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (handle)
        dlclose(handle);
    return handle || (said && *said) ||
           gn_fail(e, GN_DEVICE, "there is no NVIDIA driver on this machine");
}

/* The module's table. A module stays loaded: CUDA does not like to be unloaded. */
static const gn_cuda_module *load(gn_error *e) {
    char path[1100], why[300] = "";
    for (int i = 0; place(i, path, sizeof path); i++) {
        if (strchr(path, '/') && access(path, F_OK) != 0)
            continue;
        void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        const gn_cuda_module *m = handle ? dlsym(handle, GN_CUDA_MODULE) : NULL;
        if (m && m->shape == GN_CUDA_SHAPE)
            return m;
        const char *said = handle ? NULL : dlerror();
        if (strchr(path, '/') || (said && !strstr(said, FILE_NAME)))
            snprintf(why, sizeof why, "%.280s", said ? said : "it belongs to another gneiss");
        if (handle)
            dlclose(handle);
        if (why[0])
            break;
    }
    if (why[0])
        gn_fail(e, GN_DEVICE, "the CUDA module '%.200s' cannot be used: %s", path, why);
    else if (getenv("LIBGNEISS_CUDA") && *getenv("LIBGNEISS_CUDA"))
        gn_fail(e, GN_DEVICE, "there is no CUDA module '%.200s' (LIBGNEISS_CUDA)", path);
    else
        gn_fail(e, GN_DEVICE, "this gneiss was built without CUDA (there is no %s beside it)",
                FILE_NAME);
    return NULL;
}

bool gn_cuda_find(gn_cuda_card *out, gn_error *e) {
    const gn_cuda_module *m = driver(e) ? load(e) : NULL;
    return m && m->find(out, e);
}

gn_device *gn_cuda_open(const gn_cuda_options *o, gn_error *e) {
    const gn_cuda_module *m = driver(e) ? load(e) : NULL;
    return m ? m->open(o, e) : NULL;
}

size_t gn_cuda_work_bytes(int tokens, int longest_row, int pairs, int expert_ff, int hidden) {
    const size_t T = (size_t)tokens, widened = (size_t)64 << 20;
    const size_t linear = T * (6 * (size_t)longest_row + 64) + widened;
    const size_t mixture = T * (size_t)pairs * (10 * (size_t)expert_ff + 4 * (size_t)hidden + 64) +
                           T * (2 * (size_t)hidden + 64);
    return GN_CUDA_WORKSPACE + (linear > mixture ? linear : mixture) + (1 << 20);
}
