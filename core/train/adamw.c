/* adamw.c - the step: norm of the gradient, clipping, AdamW on every trained parameter. */
#include "core/train/tape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static gn_adam_job job_of(gn_parameter *p, double *square) {
    return (gn_adam_job){.value = p->value,
                         .m = p->m,
                         .v = p->v,
                         .grad = p->grad,
                         .count = p->count,
                         .square = square};
}

static double norm_of(gn_trainer *t) {
    double sum = 0.0;
    double part[256];
    for (int i = 0; i < t->l->count; i++) {
        gn_parameter *p = &t->l->parameter[i];
        if (!p->trained)
            continue;
        /* As many parts at a time as there is room for. */
        for (size_t first = 0; first < p->count; first += (size_t)256 * GN_ELEMENTS) {
            gn_adam_job j = job_of(p, part);
            const size_t left = p->count - first;
            j.grad = p->grad + first;
            j.count = left < (size_t)256 * GN_ELEMENTS ? left : (size_t)256 * GN_ELEMENTS;
            const int parts = gn_parts(j.count, GN_ELEMENTS);
            gn_crew_run(&t->crew, t->crew.k->square, (size_t)parts, &j);
            for (int k = 0; k < parts; k++)
                sum += part[k];
        }
    }
    return sqrt(sum);
}

double gn_trainer_update(gn_trainer *t, const gn_adamw *a) {
    const double norm = norm_of(t);
    const double b1 = 1.0 - pow((double)a->beta1, a->step),
                 b2 = 1.0 - pow((double)a->beta2, a->step);
    double clip = a->clip > 0.0f ? (double)a->clip / (norm + 1e-6) : 1.0;
    if (clip > 1.0)
        clip = 1.0;
    for (int i = 0; i < t->l->count; i++) {
        gn_parameter *p = &t->l->parameter[i];
        if (!p->trained)
            continue;
        gn_adam_job j = job_of(p, NULL);
        j.clip = (float)clip;
        j.keep = p->decays ? (float)(1.0 - (double)a->lr * (double)a->decay) : 1.0f;
        j.beta1 = a->beta1;
        j.beta2 = a->beta2;
        j.rate = (float)((double)a->lr / b1);
        j.root = (float)(1.0 / sqrt(b2));
        j.eps = a->eps;
        gn_crew_run(&t->crew, t->crew.k->adam, (size_t)gn_parts(p->count, GN_ELEMENTS), &j);
    }
    gn_learner_merge(t->l, &t->crew);
    gn_learner_zero(t->l);
    return norm;
}
