/* corpus.h - BLEU and chrF from counts that add up. Internal to metrics. */
#ifndef GN_EVAL_CORPUS_H
#define GN_EVAL_CORPUS_H

#include "core/gneiss.h"

enum { GN_CORPUS_WIDTH = 24 };

typedef enum gn_corpus_kind { GN_CORPUS_BLEU, GN_CORPUS_CHRF, GN_CORPUS_CHRF_WORDS } gn_corpus_kind;

typedef struct gn_corpus {
    gn_corpus_kind kind;
    int width; /* counts a sentence */
    gn_regex *rule[4];
} gn_corpus;

bool gn_corpus_init(gn_corpus *c, gn_corpus_kind kind, gn_error *e);
void gn_corpus_release(gn_corpus *c);
/* A sentence's counts, out [width]. */
bool gn_corpus_counts(gn_corpus *c, gn_slice answer, gn_slice gold, double *out, gn_error *e);
/* The score, 0 to 100, of counts summed. */
double gn_corpus_score(const gn_corpus *c, const double *counts);
/* Of one sentence; e set when it fails. */
double gn_corpus_one(gn_corpus_kind kind, gn_slice answer, gn_slice gold, gn_error *e);

#endif
