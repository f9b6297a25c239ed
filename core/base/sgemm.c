/* sgemm.c - see sgemm.h. */
#include "core/base/sgemm.h"

#include <assert.h>
#include <cblas.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static __typeof__(cblas_sgemm) *sgemm; /* NULL until loaded */
static char why_not[200];

/* It stays for the life of the process: nothing unloads a library that has threads. */
static void load(void) {
    static const char *const name[] = {"libopenblas.so.0", "libopenblas.so.3", "libopenblas.so"};
    void *library = NULL;
    for (int i = 0; !library && i < 3; i++) {
        library = dlopen(name[i], RTLD_LAZY | RTLD_LOCAL);
        if (!library && i == 0)
            snprintf(why_not, sizeof why_not, "%s", dlerror());
    }
    void (*set_threads)(int) = NULL;
    void *found[2] = {library ? dlsym(library, "openblas_set_num_threads") : NULL,
                      library ? dlsym(library, "cblas_sgemm") : NULL};
    if (!found[0] || !found[1]) {
        if (library)
            snprintf(why_not, sizeof why_not, "it lacks cblas_sgemm");
        return;
    }
    *(void **)&set_threads = found[0];
    set_threads(1);
    *(void **)&sgemm = found[1];
}

bool gn_sgemm_ready(gn_error *e) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return sgemm ||
           gn_fail(e, GN_UNSUPPORTED,
                   "OpenBLAS cannot be loaded (%s); install it: libopenblas0 in Debian", why_not);
}

void gn_sgemm(gn_turned turn_a, gn_turned turn_b, int m, int n, int k, float alpha, const float *a,
              int lda, const float *b, int ldb, float beta, float *c, int ldc) {
    assert(sgemm);
    sgemm(CblasRowMajor, turn_a == GN_TURNED ? CblasTrans : CblasNoTrans,
          turn_b == GN_TURNED ? CblasTrans : CblasNoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c,
          ldc);
}
