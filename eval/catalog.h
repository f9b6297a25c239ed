/* catalog.h - the files an index knows, read and with what they include. Internal to index.c
 * and select.c. */
#ifndef GN_EVAL_CATALOG_H
#define GN_EVAL_CATALOG_H

#include "eval/index.h"

/* One file, read once. */
typedef struct gn_task_file {
    gn_slice path;    /* as it is shown; begins with GN_BUILTIN when it is built in */
    gn_slice folder;  /* what its paths are relative to */
    gn_value *tree;   /* included keys and its own; NULL when it does not load */
    gn_value *origin; /* from keys that were included to their file */
    gn_slice fault;   /* why it does not load */
    bool reading;     /* to find cycles */
} gn_task_file;

typedef enum gn_entry_kind { GN_ENTRY_TASK, GN_ENTRY_GROUP } gn_entry_kind;

/* A name. */
typedef struct gn_named {
    gn_slice name;
    gn_entry_kind kind;
    const gn_task_file *source;
    int layer; /* which folder it came from */
} gn_named;

struct gn_index {
    gn_arena arena;
    gn_task_file **source;
    size_t n_source, source_room;
    gn_map by_path;
    gn_named *named;
    size_t n_named, named_room;
    gn_map by_name;
    int layers;
    bool processed;
    gn_str notes;
};

/* Read a file, or find it read. NULL only when out of memory; a fault is in the source. */
gn_task_file *gn_catalog_load(gn_index *x, gn_slice path, gn_error *e);
/* Every task file below a folder. */
bool gn_catalog_add_folder(gn_index *x, const char *folder, gn_error *e);
gn_named *gn_catalog_find(const gn_index *x, gn_slice name);
/* The name a source stands under, and what it is; false when it is neither task nor group. */
bool gn_task_file_name(const gn_task_file *s, gn_slice *name, gn_entry_kind *kind);
/* Does the task carry the tag? */
bool gn_has_tag(const gn_task_file *s, gn_slice tag);

#endif
