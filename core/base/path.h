/* path.h - names of files and where a program keeps its own. */
#ifndef GN_BASE_PATH_H
#define GN_BASE_PATH_H

#include "core/base/str.h"

typedef enum gn_dir { GN_DIR_CONFIG, GN_DIR_DATA, GN_DIR_STATE, GN_DIR_CACHE } gn_dir;

/* $XDG_..._HOME/gneiss, or its default below $HOME; without a home GN_IO.
 * Appends to out, no final slash; makes nothing. */
bool gn_path_user(gn_str *out, gn_dir which, gn_error *e);
/* The folder the running program's file is in, links followed; appended to out. */
bool gn_path_program(gn_str *out, gn_error *e);
/* out = a/b; b alone when it is absolute. */
void gn_path_join(gn_str *out, gn_slice a, gn_slice b);
gn_slice gn_path_name(gn_slice path);   /* after the last slash */
gn_slice gn_path_folder(gn_slice path); /* before it; "." if there is none */
bool gn_path_exists(const char *path);
bool gn_path_is_folder(const char *path); /* follows links */
/* mkdir -p with mode 0700 for what it makes. */
bool gn_path_make_folder(const char *path, gn_error *e);

#endif
