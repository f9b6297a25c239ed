/* rows.c - what is done to each row, or each number, by itself.
 *
 * A matrix is cut into pieces of rows and columns; as no number of a result
 * is a sum over columns here, where the cuts are changes nothing. */
#include "core/cpu/formula.h"

#include <math.h>
#include <string.h>

enum { PART = 2048, ROUTED = 64 }; /* numbers of a part; tokens of one */

/* A part of y: rows [row, row + rows), columns [col, col + cols). */
typedef struct piece {
    int row, rows, col, cols;
} piece;

/* y = f(a, x) for pieces of y; b is a second matrix to read. */
typedef struct job {
    const gn_formulas *f;
    gn_mat y, x, b;
    float a;
    int rows, cols; /* of a piece */
} job;

static piece piece_of(const job *j, int part) {
    const int across = (j->y.cols + j->cols - 1) / j->cols;
    piece p = {part / across * j->rows, j->rows, part % across * j->cols, j->cols};
    if (p.rows > j->y.rows - p.row)
        p.rows = j->y.rows - p.row;
    if (p.cols > j->y.cols - p.col)
        p.cols = j->y.cols - p.col;
    return p;
}

static void by_pieces(gn_device *d, job j, void (*work)(void *, int, int)) {
    gn_cpu *c = gn_cpu_of(d);
    if (j.y.rows == 0 || j.y.cols == 0)
        return;
    j.f = c->formula;
    j.cols = j.y.cols < PART ? j.y.cols : PART;
    j.rows = (PART + j.cols - 1) / j.cols;
    const int down = (j.y.rows + j.rows - 1) / j.rows, across = (j.y.cols + j.cols - 1) / j.cols;
    gn_pool_run(c->pool, down * across, work, &j);
}

static void axpy_part(void *arg, int part, int thread) {
    const job *j = arg;
    const piece p = piece_of(j, part);
    (void)thread;
    for (int t = p.row; t < p.row + p.rows; t++)
        j->f->axpy(gn_row(j->y, t) + p.col, j->a, gn_row(j->x, t) + p.col, p.cols);
}

void gn_cpu_axpy(gn_device *d, gn_mat y, float a, gn_mat x) {
    by_pieces(d, (job){.y = y, .x = x, .a = a}, axpy_part);
}

static void scale_part(void *arg, int part, int thread) {
    const job *j = arg;
    const piece p = piece_of(j, part);
    (void)thread;
    for (int t = p.row; t < p.row + p.rows; t++)
        j->f->scale(gn_row(j->y, t) + p.col, j->a, p.cols);
}

void gn_cpu_scale(gn_device *d, gn_mat y, float a) {
    by_pieces(d, (job){.y = y, .a = a}, scale_part);
}

static void swiglu_part(void *arg, int part, int thread) {
    const job *j = arg;
    const piece p = piece_of(j, part);
    (void)thread;
    for (int t = p.row; t < p.row + p.rows; t++)
        j->f->swiglu(gn_row(j->y, t) + p.col, gn_row(j->x, t) + p.col, gn_row(j->b, t) + p.col,
                     p.cols);
}

void gn_cpu_swiglu(gn_device *d, gn_mat y, gn_mat gate, gn_mat up) {
    by_pieces(d, (job){.y = y, .x = gate, .b = up}, swiglu_part);
}

typedef struct gathering {
    gn_mat y, x;
    const int32_t *row;
    int rows; /* a part */
} gathering;

static void gather_part(void *arg, int part, int thread) {
    const gathering *g = arg;
    (void)thread;
    for (int i = part * g->rows; i < (part + 1) * g->rows && i < g->y.rows; i++)
        memcpy(gn_row(g->y, i), gn_row(g->x, g->row[i]), (size_t)g->y.cols * sizeof(float));
}

void gn_cpu_gather(gn_device *d, gn_mat y, gn_mat x, const int32_t *row) {
    gathering g = {y, x, row, 16 * PART / (y.cols + 1) + 1};
    gn_pool_run(gn_cpu_of(d)->pool, (y.rows + g.rows - 1) / g.rows, gather_part, &g);
}

typedef struct rotation {
    gn_cpu *c;
    gn_mat x;
    int head_dim, half, rows; /* rows a part */
    const float *frequency;
    const gn_lanes *lanes;
} rotation;

/* Rows [first, end), the first of them at a position in its sequence. */
static void rotate_rows(const rotation *r, int first, int end, int64_t position, float *angle) {
    float *cosine = angle, *sine = angle + r->half;
    for (int t = first; t < end; t++, position++) {
        for (int i = 0; i < r->half; i++) {
            const float a = (float)position * r->frequency[i];
            cosine[i] = cosf(a);
            sine[i] = sinf(a);
        }
        for (int at = 0; at < r->x.cols; at += r->head_dim)
            r->c->formula->rotate(gn_row(r->x, t) + at, cosine, sine, r->half);
    }
}

static void rope_part(void *arg, int part, int thread) {
    const rotation *r = arg;
    const int begin = part * r->rows, stop = begin + r->rows;
    float *angle = gn_cpu_scratch(r->c, thread, 2 * (size_t)r->half * sizeof *angle);
    for (int i = 0; i < r->lanes->n; i++) {
        const gn_lane *lane = &r->lanes->lane[i];
        const int first = lane->first > begin ? lane->first : begin;
        const int last = lane->first + lane->count, end = last < stop ? last : stop;
        if (first < end)
            rotate_rows(r, first, end, lane->past + first - lane->first, angle);
    }
}

void gn_cpu_rope(gn_device *d, gn_mat x, int head_dim, const gn_weight *frequency,
                 const gn_lanes *lanes) {
    rotation r = {gn_cpu_of(d),      x,    head_dim, frequency->cols, 4096 / (x.cols + 1) + 1,
                  gn_f32(frequency), lanes};
    gn_pool_run(r.c->pool, (x.rows + r.rows - 1) / r.rows, rope_part, &r);
}

typedef struct routing {
    const gn_formulas *f;
    gn_mat gate, logits;
    int32_t *expert;
} routing;

/* The U best of E by repeated search; one that is chosen is not looked at again. */
static void choose(int32_t *expert, float *gate, const float *logit, int U, int E) {
    for (int u = 0; u < U; u++) {
        int best = -1;
        for (int i = 0; i < E; i++) {
            bool taken = false;
            for (int j = 0; j < u; j++)
                taken |= expert[j] == i;
            if (!taken && (best < 0 || logit[i] > logit[best]))
                best = i;
        }
        expert[u] = best;
        gate[u] = logit[best];
    }
}

static void route_part(void *arg, int part, int thread) {
    const routing *r = arg;
    const int U = r->gate.cols;
    (void)thread;
    for (int t = part * ROUTED; t < (part + 1) * ROUTED && t < r->gate.rows; t++) {
        float *gate = gn_row(r->gate, t), sum = 0.0f;
        choose(r->expert + (size_t)t * (size_t)U, gate, gn_row(r->logits, t), U, r->logits.cols);
        const float most = gate[0];
        for (int u = 0; u < U; u++)
            gate[u] -= most;
        r->f->exp(gate, gate, U);
        for (int u = 0; u < U; u++)
            sum += gate[u];
        for (int u = 0; u < U; u++)
            gate[u] /= sum;
    }
}

void gn_cpu_route(gn_device *d, gn_mat gate, int32_t *expert, gn_mat logits) {
    gn_cpu *c = gn_cpu_of(d);
    routing r = {c->formula, gate, logits, expert};
    gn_pool_run(c->pool, (gate.rows + ROUTED - 1) / ROUTED, route_part, &r);
}
