/* blas.c - the wide products of training, through OpenBLAS.
 *
 * A product is cut into parts of fixed size, each one call on one thread, so that neither the
 * cut nor the order of a sum depends on how many threads there are.
 */
#include "core/base/sgemm.h"
#include "core/train/crew.h"

enum { PART_ROWS = 256, LEAST_OUTPUTS = 64, OUTPUT_PARTS = 8 };

static int part_of(const gn_product_job *j, int all, int part, int *first) {
    *first = part * j->rows;
    return all - *first < j->rows ? all - *first : j->rows;
}

static void forward_part(void *arg, int part, int thread) {
    const gn_product_job *j = arg;
    int first;
    const int n = part_of(j, j->T, part, &first);
    (void)thread;
    gn_sgemm(GN_AS_IS, GN_TURNED, n, j->O, j->I, j->a, gn_at(j->x, first), (int)j->x.stride, j->w,
             j->I, j->add ? 1.0f : 0.0f, gn_at(j->y, first), (int)j->y.stride);
}

static void back_part(void *arg, int part, int thread) {
    const gn_product_job *j = arg;
    int first;
    const int n = part_of(j, j->T, part, &first);
    (void)thread;
    gn_sgemm(GN_AS_IS, GN_AS_IS, n, j->I, j->O, j->a, gn_at(j->y, first), (int)j->y.stride, j->w,
             j->I, j->add ? 1.0f : 0.0f, gn_at(j->x, first), (int)j->x.stride);
}

static void weight_part(void *arg, int part, int thread) {
    const gn_product_job *j = arg;
    int first;
    const int n = part_of(j, j->O, part, &first);
    (void)thread;
    gn_sgemm(GN_TURNED, GN_AS_IS, n, j->I, j->T, j->a, j->y.at + first, (int)j->y.stride, j->x.at,
             (int)j->x.stride, j->add ? 1.0f : 0.0f, j->dw + (size_t)first * (size_t)j->I, j->I);
}

void gn_blas_forward(const gn_crew *c, gn_grid y, gn_grid x, const float *w, int T, int O, int I,
                     float a, bool add) {
    gn_product_job j = {
        .y = y, .x = x, .w = w, .T = T, .O = O, .I = I, .a = a, .add = add, .rows = PART_ROWS};
    gn_crew_run(c, forward_part, (size_t)gn_parts((size_t)T, PART_ROWS), &j);
}

void gn_blas_back(const gn_crew *c, gn_grid dx, gn_grid dy, const float *w, int T, int O, int I,
                  float a, bool add) {
    gn_product_job j = {
        .y = dy, .x = dx, .w = w, .T = T, .O = O, .I = I, .a = a, .add = add, .rows = PART_ROWS};
    gn_crew_run(c, back_part, (size_t)gn_parts((size_t)T, PART_ROWS), &j);
}

void gn_blas_weight(const gn_crew *c, float *dw, gn_grid dy, gn_grid x, int T, int O, int I,
                    float a, bool add) {
    const int even = (O + OUTPUT_PARTS - 1) / OUTPUT_PARTS;
    gn_product_job j = {.y = dy, .x = x, .dw = dw, .T = T, .O = O, .I = I, .a = a, .add = add};
    j.rows = even < LEAST_OUTPUTS ? LEAST_OUTPUTS : (even + 15) / 16 * 16;
    gn_crew_run(c, weight_part, (size_t)gn_parts((size_t)O, (size_t)j.rows), &j);
}

void gn_blas_alone_forward(gn_grid y, gn_grid x, const float *w, int T, int O, int I) {
    gn_product_job j = {.y = y, .x = x, .w = w, .T = T, .O = O, .I = I, .a = 1.0f, .rows = T};
    forward_part(&j, 0, 0);
}

void gn_blas_alone_back(gn_grid dx, gn_grid dy, const float *w, int T, int O, int I, bool add) {
    gn_product_job j = {
        .y = dy, .x = dx, .w = w, .T = T, .O = O, .I = I, .a = 1.0f, .add = add, .rows = T};
    back_part(&j, 0, 0);
}

void gn_blas_alone_weight(float *dw, gn_grid dy, gn_grid x, int T, int O, int I) {
    gn_product_job j = {
        .y = dy, .x = x, .dw = dw, .T = T, .O = O, .I = I, .a = 1.0f, .add = true, .rows = O};
    weight_part(&j, 0, 0);
}
