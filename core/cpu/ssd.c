/* ssd.c - the Mamba-2 recurrence, on threads by lane, head and columns of S.
 *
 * A long lane is walked once for each block of columns narrow enough for its
 * part of S to stay in the nearest cache from token to token. A lane of one
 * token reads S where it is and writes it where it stays, in wide rows. Columns
 * of S never meet, so how they are cut changes no bit. */
#include "core/cpu/formula.h"

enum {
    STEPS = 64,    /* tokens whose steps one thread makes */
    NARROW = 32,   /* columns of S in a long lane: 16 KB where N is 128 */
    NARROWEST = 16 /* columns that fill a cache line */
};

typedef struct job {
    gn_cpu *c;
    gn_mat y;
    const gn_ssd_in *in;
    const gn_ssd_params *p;
    const gn_lanes *lanes;
    size_t at;
    int heads, P, N;
    int cols, blocks;  /* columns of a part, parts of a head */
    gn_mat step, keep; /* [T, Hm] */
} job;

static void steps_part(void *arg, int part, int thread) {
    const job *j = arg;
    (void)thread;
    for (int t = part * STEPS; t < (part + 1) * STEPS && t < j->step.rows; t++)
        j->c->formula->steps(gn_row(j->step, t), gn_row(j->keep, t), gn_row(j->in->dt, t), j->p,
                             j->heads);
}

/* Rows of a lane, cols columns from first on. */
static gn_mat part_of(gn_mat m, const gn_lane *lane, int first, int cols) {
    return (gn_mat){gn_row(m, lane->first) + first, lane->count, cols, m.stride};
}

static void scan_part(void *arg, int part, int thread) {
    const job *j = arg;
    const int block = part % j->blocks, h = part / j->blocks % j->heads;
    const gn_lane *lane = &j->lanes->lane[part / j->blocks / j->heads];
    const int first = block * j->cols, left = j->P - first, cols = left < j->cols ? left : j->cols;
    const int group = h * j->p->groups / j->heads;
    const size_t at = j->at + (size_t)h * (size_t)j->N * (size_t)j->P + (size_t)first;
    const float *from = lane->from.recurrent;
    float *to = lane->to.recurrent;
    const gn_scan s = {
        .y = part_of(j->y, lane, h * j->P + first, cols),
        .x = part_of(j->in->x, lane, h * j->P + first, cols),
        .B = part_of(j->in->B, lane, group * j->N, j->N),
        .C = part_of(j->in->C, lane, group * j->N, j->N),
        .step = part_of(j->step, lane, h, 1),
        .keep = part_of(j->keep, lane, h, 1),
        .D = gn_f32(&j->p->D)[h],
        .from = from ? from + at : NULL,
        .to = to ? to + at : NULL,
        .row = (size_t)j->P,
        .between =
            gn_cpu_scratch(j->c, thread, (size_t)j->N * (size_t)gn_pad_to(j->cols) * sizeof(float)),
    };
    j->c->formula->scan(&s);
}

/* Columns of a part: few for a long lane, and so few that every thread has a part. */
static int columns(const gn_cpu *c, const gn_lanes *lanes, int heads, int P) {
    int longest = 0, cols;
    for (int i = 0; i < lanes->n; i++)
        longest = lanes->lane[i].count > longest ? lanes->lane[i].count : longest;
    cols = longest > 1 ? NARROW : GN_SCAN_COLUMNS;
    while (cols > NARROWEST && lanes->n * heads * ((P + cols - 1) / cols) < c->threads)
        cols /= 2;
    return cols < P ? cols : P;
}

void gn_cpu_ssd(gn_device *d, gn_mat y, const gn_ssd_in *in, const gn_ssd_params *p,
                const gn_lanes *lanes, size_t at) {
    gn_cpu *c = gn_cpu_of(d);
    const int T = in->dt.rows, heads = in->dt.cols, P = in->x.cols / heads;
    const size_t size = (size_t)T * (size_t)heads;
    float *steps = gn_cpu_shared(c, 2 * size * sizeof *steps);
    job j = {.c = c,
             .y = y,
             .in = in,
             .p = p,
             .lanes = lanes,
             .at = at,
             .heads = heads,
             .P = P,
             .N = in->B.cols / p->groups,
             .cols = columns(c, lanes, heads, P),
             .step = {steps, T, heads, heads},
             .keep = {steps + size, T, heads, heads}};
    j.blocks = (P + j.cols - 1) / j.cols;
    assert(P <= GN_CPU_MAX_HEAD_DIM);
    gn_pool_run(c->pool, (T + STEPS - 1) / STEPS, steps_part, &j);
    gn_pool_run(c->pool, lanes->n * heads * j.blocks, scan_part, &j);
}
