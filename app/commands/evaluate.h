/* evaluate.h - what the files of `gneiss eval` share. */
#ifndef GN_APP_EVALUATE_H
#define GN_APP_EVALUATE_H

#include "app/cli/command.h"
#include "eval/eval.h"

/* evals.db, or --db. Read only makes nothing. */
/* Its name, appended. */
bool gn_args_store_file(const gn_args *a, gn_str *out, gn_error *e);
gn_store *gn_args_store(const gn_args *a, bool read_only, gn_error *e);

/* How progress is told: --progress, or what standard error is. */
typedef enum gn_telling { GN_TELL_NONE, GN_TELL_LINES, GN_TELL_TTY, GN_TELL_JSON } gn_telling;
gn_telling gn_args_telling(const gn_args *a);

/* Tells of one run on stderr; zero it and set `how`. */
typedef struct gn_teller {
    gn_telling how;
    double told;    /* seconds, when something was last said */
    bool open_line; /* the terminal's cursor stands behind an unfinished line */
    char task[64];  /* that it was said of */
} gn_teller;
void gn_teller_progress(gn_teller *t, const gn_eval_progress *p);
void gn_teller_end(gn_teller *t); /* end an unfinished line */

/* The command again, with all its options: as a JSON list and as a line for a shell. */
bool gn_args_again(const gn_args *a, gn_str *json, gn_str *line, gn_error *e);

/* The words after `gneiss eval` that are no MODEL. Each returns an exit code. */
int gn_eval_verify(const gn_args *a, gn_error *e);
int gn_eval_watch(const gn_args *a, gn_error *e);
int gn_eval_control(const gn_args *a, gn_error *e); /* pause, resume, stop */
int gn_eval_retry(const gn_args *a, gn_error *e);
/* An evaluation as these arguments have it, in the foreground. */
int gn_eval_again(const gn_args *a, gn_error *e);

/* A run's numbers as -o says, or with --json as one object: appended, or on stdout. */
bool gn_eval_text_of(const gn_args *a, gn_store *s, const char *run, gn_str *out, gn_error *e);
bool gn_eval_print(const gn_args *a, gn_store *s, const char *run, gn_error *e);

#endif
