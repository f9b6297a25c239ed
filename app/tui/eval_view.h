/* eval_view.h - the eval view's own parts: what it knows (view_eval.c), how it looks (eval_draw.c). */
#ifndef GN_TUI_EVAL_VIEW_H
#define GN_TUI_EVAL_VIEW_H

#include "app/term/wrap.h"
#include "app/tui/board.h"
#include "app/tui/view.h"

typedef enum gn_sample_filter {
    GN_SAMPLES_ALL,
    GN_SAMPLES_WRONG,
    GN_SAMPLES_FLIPS,
    GN_SAMPLES_INVALID,
    GN_SAMPLES_FAILED,
    GN_SAMPLE_FILTERS
} gn_sample_filter;
const char *gn_sample_filter_name(gn_sample_filter f);

typedef struct gn_eval_state {
    gn_board *board; /* borrowed; NULL: the run is elsewhere */
    gn_str file;     /* of the database */
    char run[27], baseline[27];
    gn_str model; /* "h-tiny cpu/avx2" */
    double now;   /* seconds since 1970 instead of the clock's; 0: the clock */

    gn_store *store; /* NULL until there is something to read */
    gn_follow follow;
    gn_board_look look;
    gn_error error; /* of the last reading */
    char control[8];

    bool on_tasks;  /* the pane of tasks has the keys */
    int task;       /* shown; -1: the one at work */
    int64_t chosen; /* sample; 0: the newest */
    gn_sample_filter filter;
    bool sample_pane; /* of a screen with room for one: it is the sample */
    int asked;        /* times that q asked whether to stop */
    int height;       /* rows of samples when it was drawn last */

    int64_t told; /* the sample in `text` */
    gn_str text;
    gn_wrap wrap;
    gn_wrap live; /* of the answer that is written */
    int64_t live_doc;
    size_t live_prompt;
} gn_eval_state;

/* The task in view, or NULL. */
gn_followed_task *gn_eval_task(gn_eval_state *v);
bool gn_eval_shows(const gn_eval_state *v, const gn_followed_task *t, const gn_followed_sample *s);
/* The sample in view: the one chosen, else the newest that the filter shows; NULL. */
const gn_followed_sample *gn_eval_sample(gn_eval_state *v);
bool gn_eval_paused(const gn_eval_state *v);
void gn_eval_draw(void *self, gn_tui *t);

#endif
