/* builtin.h - the task files and their data that are built into the program. */
#ifndef GN_EVAL_BUILTIN_H
#define GN_EVAL_BUILTIN_H

#include "core/gneiss.h"

/* eval/tasks, names relative to it. A task's file and folder begin with GN_BUILTIN instead. */
extern const gn_embedded gn_task_files[];
#define GN_BUILTIN "builtin:"

#endif
