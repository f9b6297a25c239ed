/* experts.c - the mixture: each token goes through the few experts it chose.
 *
 * Token and expert pairs are sorted by expert, so that an expert's weights are
 * read once for all its tokens. First every expert's gate and up rows, a few
 * columns of F a part, then swiglu, whose result is rounded at once where down
 * reads int8 (of 16 bits when the row is whole). Then down, a few columns of D a part: a part adds the experts in
 * ascending order, so a token's sum does not depend on who shares the step.
 */
#include "core/cpu/formula.h"
#include "core/cpu/kernel.h"

#include <string.h>

enum { ROWS = 64 }; /* of a weight a part takes: columns of F, then of D */

typedef struct job {
    gn_cpu *c;
    const gn_experts_weights *w;
    gn_mat y, gate;
    int used;          /* U */
    int *first;        /* [E + 1] where an expert's pairs begin */
    int *pair;         /* [T U] t * U + u, by expert */
    gn_input in;       /* [T U, D] the input of each pair */
    gn_input hidden;   /* [T U, F] the same after swiglu, as down reads it */
    float *aside;      /* [threads, 2, T, ROWS] */
    size_t aside_size; /* floats of a thread */
    int parts;         /* of an expert's F */
} job;

/* Counting sort; pairs of one expert stay in the order of the tokens. */
static void sort(job *j, const int32_t *expert, int pairs) {
    const int E = j->w->gate.n;
    memset(j->first, 0, (size_t)(E + 1) * sizeof *j->first);
    for (int i = 0; i < pairs; i++)
        j->first[expert[i] + 1]++;
    for (int e = 0; e < E; e++)
        j->first[e + 1] += j->first[e];
    for (int i = 0; i < pairs; i++)
        j->pair[j->first[expert[i]]++] = i;
    for (int e = E; e > 0; e--)
        j->first[e] = j->first[e - 1];
    j->first[0] = 0;
}

static gn_input input_part(const gn_input *in, int first, int count) {
    gn_input out = {0};
    if (in->x.data)
        out.x = (gn_mat){gn_row(in->x, first), count, in->x.cols, in->x.stride};
    for (int i = 0; i < GN_WIDTHS; i++)
        if (in->q[i].code)
            out.q[i] = gn_quants_part(&in->q[i], first, count);
    return out;
}

static void hidden_part(void *arg, int part, int thread) {
    const job *j = arg;
    const int e = part / j->parts, f = part % j->parts * ROWS, F = j->w->gate.rows;
    const int first = j->first[e], count = j->first[e + 1] - first;
    const int rows = F - f < ROWS ? F - f : ROWS;
    if (!count)
        return;

    const gn_kernels *k = gn_kernels_of(j->c);
    const gn_input in = input_part(&j->in, first, count);
    float *gate = j->aside + (size_t)thread * j->aside_size, *up = gate + j->aside_size / 2;
    gn_product_part(j->c, thread, gate, ROWS, &j->w->gate, e, f, rows, &in);
    gn_product_part(j->c, thread, up, ROWS, &j->w->up, e, f, rows, &in);
    for (int t = 0; t < count; t++)
        j->c->formula->swiglu(gate + t * ROWS, gate + t * ROWS, up + t * ROWS, rows);
    if (j->hidden.x.data)
        for (int t = 0; t < count; t++)
            memcpy(gn_row(j->hidden.x, first + t) + f, gate + (size_t)t * ROWS,
                   (size_t)rows * sizeof(float));
    if (j->hidden.q[0].code) {
        gn_quants q = gn_quants_part(&j->hidden.q[0], first, count);
        q = gn_quants_blocks(&q, f / GN_QUANT, rows / GN_QUANT);
        k->quantise[0](&q, (gn_mat){gate, count, rows, ROWS}, 0, count);
    }
}

static void out_part(void *arg, int part, int thread) {
    const job *j = arg;
    const int d = part * ROWS, D = j->w->down.rows;
    const int rows = D - d < ROWS ? D - d : ROWS;
    float *out = j->aside + (size_t)thread * j->aside_size;

    for (int t = 0; t < j->y.rows; t++)
        memset(gn_row(j->y, t) + d, 0, (size_t)rows * sizeof(float));
    for (int e = 0; e < j->w->down.n; e++) {
        const int first = j->first[e], count = j->first[e + 1] - first;
        if (!count)
            continue;
        const gn_input in = input_part(&j->hidden, first, count);
        gn_product_part(j->c, thread, out, ROWS, &j->w->down, e, d, rows, &in);
        for (int i = 0; i < count; i++) {
            const int t = j->pair[first + i] / j->used, u = j->pair[first + i] % j->used;
            const float gate = gn_row(j->gate, t)[u], *from = out + (size_t)i * ROWS;
            float *y = gn_row(j->y, t) + d;
            for (int r = 0; r < rows; r++)
                y[r] += gate * from[r];
        }
    }
}

/* The rows of x that the pairs read, side by side. */
static void gather_rows(const job *j, gn_mat to, gn_mat x) {
    for (int i = 0; i < to.rows; i++)
        memcpy(gn_row(to, i), gn_row(x, j->pair[i] / j->used), (size_t)x.cols * sizeof(float));
}

static void gather_quants(const job *j, const gn_quants *to, const gn_quants *q) {
    for (int b = 0; b < q->blocks; b++)
        for (int i = 0; i < to->tokens; i++) {
            const size_t at = (size_t)b * (size_t)to->stride + (size_t)i;
            const size_t from = (size_t)b * (size_t)q->stride + (size_t)(j->pair[i] / j->used);
            const size_t size = GN_QUANT * (size_t)q->width;
            memcpy(to->code + at * size, q->code + from * size, size);
            to->offset[at] = q->offset[from];
            if (q->width > 1) {
                to->shift[at] = q->shift[from];
                to->scale[i] = q->scale[j->pair[i] / j->used];
                continue;
            }
            to->scale[at] = q->scale[from];
            to->sum[at] = q->sum[from];
            to->pair[at] = q->pair[from];
            to->half[2 * at] = q->half[2 * from];
            to->half[2 * at + 1] = q->half[2 * from + 1];
        }
}

/* The call's shared memory; without a base it is only measured. */
typedef struct room {
    uint8_t *base;
    size_t used;
} room;

static void *cut(room *r, size_t bytes) {
    void *piece = r->base ? r->base + r->used : NULL;
    r->used += (bytes + 63) / 64 * 64;
    return piece;
}

static gn_mat cut_rows(room *r, int rows, int cols) {
    const int wide = gn_padded(cols);
    gn_mat m = {cut(r, (size_t)rows * (size_t)wide * sizeof(float)), rows, wide, wide};
    for (int t = 0; m.data && wide > cols && t < rows; t++)
        memset(gn_row(m, t) + cols, 0, (size_t)(wide - cols) * sizeof(float));
    return m;
}

static gn_quants cut_quants(room *r, int width, int cols, int tokens) {
    void *memory = cut(r, gn_quants_bytes(width, cols, tokens));
    return memory ? gn_quants_in(memory, width, cols, tokens) : (gn_quants){0};
}

/* Lay out everything that gn_cpu_experts needs. token: the integers of x itself, by width - 1. */
static void lay_out(job *j, gn_quants *token, gn_mat x, room *r) {
    const gn_experts_weights *w = j->w;
    const int T = x.rows, pairs = T * j->used, F = w->gate.rows;
    const int gate = gn_reads_quants(j->c, &w->gate), up = gn_reads_quants(j->c, &w->up);
    const int down = gn_reads_quants(j->c, &w->down);

    j->first = cut(r, (size_t)(w->gate.n + 1) * sizeof *j->first);
    j->pair = cut(r, (size_t)pairs * sizeof *j->pair);
    j->aside_size = 2 * (size_t)T * ROWS;
    j->aside = cut(r, (size_t)j->c->threads * j->aside_size * sizeof(float));
    if (!gate || !up)
        j->in.x = cut_rows(r, pairs, x.cols);
    for (int width = 1; width <= GN_WIDTHS; width++) {
        if (gate != width && up != width)
            continue;
        token[width - 1] = cut_quants(r, width, x.cols, T);
        j->in.q[width - 1] = cut_quants(r, width, x.cols, pairs);
    }
    if (down)
        j->hidden.q[down - 1] = cut_quants(r, down, F, pairs);
    if (down != 1)
        j->hidden.x = cut_rows(r, pairs, F);
}

void gn_cpu_experts(gn_device *d, gn_mat y, gn_mat x, const gn_experts_weights *w, gn_mat gate,
                    const int32_t *expert) {
    gn_cpu *c = gn_cpu_of(d);
    job j = {.c = c, .w = w, .y = y, .gate = gate, .used = gate.cols};
    gn_quants token[GN_WIDTHS] = {{0}};
    room r = {0};
    if (!x.rows)
        return;
    lay_out(&j, token, x, &r);
    r = (room){.base = gn_cpu_shared(c, r.used)};
    lay_out(&j, token, x, &r);

    sort(&j, expert, x.rows * j.used);
    if (j.in.x.data)
        gather_rows(&j, j.in.x, x);
    for (int i = 0; i < GN_WIDTHS; i++) {
        if (!token[i].code)
            continue;
        gn_quantise(c, &token[i], x);
        gather_quants(&j, &j.in.q[i], &token[i]);
    }
    j.parts = (w->gate.rows + ROWS - 1) / ROWS;
    gn_pool_run(c->pool, w->gate.n * j.parts, hidden_part, &j);
    if (j.hidden.q[1].code)
        gn_quantise(c, &j.hidden.q[1], j.hidden.x);
    gn_pool_run(c->pool, (w->down.rows + ROWS - 1) / ROWS, out_part, &j);
}
