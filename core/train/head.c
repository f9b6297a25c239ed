/* head.c - final norm, logits and cross entropy, a block of counted rows at a time. */
#include "core/train/tape.h"

#include <string.h>

/* One block: rows want_row[first..first+n). Leaves dnorm of these rows. */
static double block_run(gn_trainer *t, int first, int n, int counted, bool back) {
    const int D = t->c->hidden, V = t->c->vocab;
    const gn_learn *w = &t->l->head;
    const gn_grid in = gn_rows_of(t->head_in, D), logits = gn_rows_of(t->logits, V);
    double loss = 0.0;
    for (int i = 0; i < n; i++)
        memcpy(gn_at(in, i), t->normed + (size_t)t->want_row[first + i] * (size_t)D,
               (size_t)D * sizeof(float));
    gn_blas_forward(&t->crew, logits, in, w->w, n, V, D, 1.0f, false);
    gn_entropy_job j = {.logits = logits,
                        .want = t->want + first,
                        .rows = n,
                        .cols = V,
                        .divide = t->c->logits_scaling,
                        .scale = (float)(1.0 / counted),
                        .loss = t->row_loss,
                        .back = back};
    gn_crew_run(&t->crew, t->crew.k->entropy, (size_t)n, &j);
    for (int i = 0; i < n; i++)
        loss += t->row_loss[i];
    if (!back)
        return loss;
    const gn_grid dh = gn_rows_of(t->dhead, D);
    gn_blas_back(&t->crew, dh, logits, w->w, n, V, D, 1.0f, false);
    if (w->g)
        gn_blas_weight(&t->crew, w->g, logits, in, n, V, D, 1.0f, true);
    for (int i = 0; i < n; i++)
        memcpy(t->dnorm + (size_t)t->want_row[first + i] * (size_t)D, gn_at(dh, i),
               (size_t)D * sizeof(float));
    return loss;
}

double gn_head_run(gn_trainer *t, bool back) {
    const int D = t->c->hidden, T = t->batch->rows;
    int counted = 0;
    for (int i = 0; i < T; i++)
        if (t->batch->label[i] >= 0) {
            t->want[counted] = t->batch->label[i];
            t->want_row[counted++] = i;
        }
    gn_norm_job j = {.x = gn_rows_of(t->x[t->c->layers], D),
                     .y = gn_rows_of(t->normed, D),
                     .gain = t->l->final_norm.w,
                     .cols = D,
                     .groups = 1,
                     .dy = gn_rows_of(t->dnorm, D),
                     .dx = gn_rows_of(t->dx, D)};
    gn_norm_forward(t, &j);
    memset(t->dnorm, 0, (size_t)T * (size_t)D * sizeof(float));
    double loss = 0.0;
    for (int i = 0; i < counted; i += t->head_rows)
        loss +=
            block_run(t, i, counted - i < t->head_rows ? counted - i : t->head_rows, counted, back);
    if (back)
        gn_norm_back(t, &j, &t->l->final_norm);
    return counted ? loss / counted : 0.0;
}
