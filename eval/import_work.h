/* import_work.h - what the two files of an import share. */
#ifndef GN_EVAL_IMPORT_WORK_H
#define GN_EVAL_IMPORT_WORK_H

#include "eval/import.h"

typedef struct importing {
    gn_store *store;
    const char *path; /* of the results file */
    const gn_value *results;
    gn_imported *out;
    char run[27], key[GN_SHA256_HEX];
    int64_t checkpoint, build;
    int64_t tasks, samples; /* written so far */
} importing;

/* A task of the results by its name; *there: it has a sample log, which is now in the database. */
bool gn_import_task(importing *m, gn_slice name, bool *there, gn_error *e);

#endif
