/* index.h - which tasks there are: names, groups, tags, includes, files by path.
 *
 * The index holds the tasks built into the program, then those of the user's folder,
 * of each --include, and of the folder of a file named by path; later ones replace
 * earlier ones of the same name. Nothing is checked before it is asked for, so a file
 * that is broken or needs code spoils only its own name.
 */
#ifndef GN_EVAL_INDEX_H
#define GN_EVAL_INDEX_H

#include "eval/task.h"

typedef struct gn_index gn_index;

/* include: [n] folders. Folders that are not there: GN_IO. */
gn_index *gn_index_new(const char *const *include, int n, gn_error *e);
/* --processed: process_docs is no reason to refuse from here on. */
void gn_index_processed(gn_index *x);
void gn_index_free(gn_index *x); /* after the selections made with it */
/* Lines: names that a later folder replaced. */
const char *gn_index_notes(const gn_index *x);

typedef struct gn_group_metric {
    gn_slice metric;
    gn_slice *filter; /* [n_filter]; none: all that occur */
    int n_filter;
    bool by_size; /* weight_by_size */
} gn_group_metric;

typedef struct gn_group {
    gn_slice name, alias, version;
    int *leaf; /* [n_leaf] into the selection's task: all below it, once each */
    int n_leaf;
    int *child; /* [n_child] into the selection's group: nested ones */
    int n_child;
    int *task; /* [n_task] into the selection's task: members that are tasks */
    int n_task;
    gn_group_metric *metric; /* [n_metric]; without, a group has no score */
    int n_metric;
} gn_group;

/* What -t asked for. */
typedef struct gn_selection {
    gn_task **task; /* [n_task], in the order asked, once each */
    int n_task;
    gn_group *group; /* [n_group], an outer one before its children */
    int n_group;
    gn_refusals refusals; /* all of them; when there are any, task is empty */
    gn_arena arena;
} gn_selection;

/* names: comma-separated names, groups, tags, globs and paths. False and e set
 * (GN_INVALID, the nearest name told) for a name that does not exist. When tasks are
 * refused: true, refusals filled, nothing else. Release always. */
bool gn_index_select(gn_index *x, gn_slice names, gn_selection *out, gn_error *e);
void gn_selection_release(gn_selection *s);

/* One name, for `tasks list`. */
typedef struct gn_listed {
    gn_slice name;
    const char *kind;              /* "task", "group", "tag" */
    gn_slice file;                 /* "" for a tag */
    gn_slice version, output_type; /* of a task that runs, else "" */
    bool runs;
    gn_slice why; /* refusals, one a line, "" when it runs */
} gn_listed;
/* Every name that fits the glob (NULL: all), sorted; loads each. False from `each` stops. */
bool gn_index_list(gn_index *x, const char *pattern, bool (*each)(void *user, const gn_listed *l),
                   void *user, gn_error *e);
/* Check the files as they stand: refusals of all of them (empty: all can run). A file's
 * tasks are counted in *good. */
bool gn_index_validate(gn_index *x, const char *path, gn_refusals *out, int *good, gn_error *e);
/* The text of the file a name stands in, as it is; appended. */
bool gn_index_source(gn_index *x, const char *name, gn_str *out, gn_error *e);

#endif
