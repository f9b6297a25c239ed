/* temporary.h - a folder of a test program's own, gone when it ends. Include once a program. */
#ifndef GN_TESTS_TEMPORARY_H
#define GN_TESTS_TEMPORARY_H

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

static char temporary_folder[64];

/* A path in the folder, good until the next call but three. */
static const char *in_folder(const char *name) {
    static char path[4][256];
    static int next;
    if (!temporary_folder[0]) {
        const char *base = getenv("TMPDIR");
        snprintf(temporary_folder, sizeof temporary_folder, "%.40s/gneiss-test-XXXXXX",
                 base && base[0] ? base : "/tmp");
        if (!mkdtemp(temporary_folder)) {
            printf("no temporary folder\n");
            exit(2);
        }
    }
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", temporary_folder, name);
    return path[next];
}

static inline void put(const char *name, const void *data, size_t size) {
    FILE *f = fopen(in_folder(name), "wb");
    if (!f || (size && fwrite(data, 1, size, f) != size) || fclose(f)) {
        printf("cannot write %s\n", name);
        exit(2);
    }
}

/* How many files of the folder have such a path (glob). */
static inline size_t files_like(const char *pattern) {
    glob_t all;
    const size_t n = glob(in_folder(pattern), 0, NULL, &all) == 0 ? all.gl_pathc : 0;
    if (n)
        globfree(&all);
    return n;
}

__attribute__((destructor)) static void remove_folder(void) {
    char command[96];
    if (temporary_folder[0]) {
        snprintf(command, sizeof command, "rm -r '%s'", temporary_folder);
        if (system(command))
            printf("'%s' stays behind\n", temporary_folder);
    }
}

#endif
