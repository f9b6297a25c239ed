/* norm.c - root mean square norms, on threads by rows. */
#include "core/cpu/formula.h"

enum { PART = 4096 }; /* numbers that are worth a thread's while */

typedef struct job {
    const gn_formulas *f;
    gn_mat y, x, z;
    const float *gain;
    int groups, rows; /* parts of a row that have a norm of their own; rows a part */
    float eps;
} job;

static void norm_part(void *arg, int part, int thread) {
    const job *j = arg;
    const int first = part * j->rows, end = first + j->rows;
    (void)thread;
    for (int t = first; t < end && t < j->x.rows; t++)
        j->f->rmsnorm(gn_row(j->y, t), gn_row(j->x, t), j->gain, j->x.cols, j->eps);
}

static void gated_part(void *arg, int part, int thread) {
    const job *j = arg;
    const int first = part * j->rows, end = first + j->rows, width = j->x.cols / j->groups;
    (void)thread;
    for (int t = first; t < end && t < j->x.rows; t++)
        for (int at = 0; at < j->x.cols; at += width)
            j->f->gated_rmsnorm(gn_row(j->y, t) + at, gn_row(j->x, t) + at, gn_row(j->z, t) + at,
                                j->gain + at, width, j->eps);
}

static void by_rows(gn_device *d, job j, void (*work)(void *, int, int)) {
    gn_cpu *c = gn_cpu_of(d);
    j.f = c->formula;
    j.rows = PART / j.x.cols + 1;
    gn_pool_run(c->pool, (j.x.rows + j.rows - 1) / j.rows, work, &j);
}

void gn_cpu_rmsnorm(gn_device *d, gn_mat y, gn_mat x, const gn_weight *gain, float eps) {
    by_rows(d, (job){.y = y, .x = x, .gain = gn_f32(gain), .eps = eps}, norm_part);
}

void gn_cpu_gated_rmsnorm(gn_device *d, gn_mat y, gn_mat x, gn_mat z, const gn_weight *gain,
                          int groups, float eps) {
    by_rows(d, (job){.y = y, .x = x, .z = z, .gain = gn_f32(gain), .groups = groups, .eps = eps},
            gated_part);
}
