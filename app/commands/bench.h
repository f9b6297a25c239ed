/* bench.h - what `gneiss bench` measures: one slice of one test on one engine. */
#ifndef GN_APP_BENCH_H
#define GN_APP_BENCH_H

#include "core/gneiss.h"

typedef enum gn_bench_kind {
    GN_BENCH_PROMPT,   /* read n_prompt tokens after depth */
    GN_BENCH_GENERATE, /* n_gen tokens after depth, greedy */
    GN_BENCH_BATCH,    /* n_gen tokens in each of `batch` sequences after n_prompt */
    GN_BENCH_SCORE,    /* documents with four endings each, packed */
    GN_BENCH_FEWSHOT,  /* questions after one shared prefix, four one-token answers each */
    GN_BENCH_LOAD,     /* open the checkpoint again and read one token */
    GN_BENCH_SAVE,     /* a session of n_prompt tokens to a file */
    GN_BENCH_WRITE,   /* of that, what the session waits for: until the disk has it, it may go on */
    GN_BENCH_RESTORE, /* and from it */
    GN_BENCH_FORK,    /* and in memory */
} gn_bench_kind;

typedef struct gn_bench_test {
    gn_bench_kind kind;
    char name[48];
    int n_prompt, n_gen, depth, batch;
    double tokens; /* that the time is divided by; 0: it is the time that counts */
} gn_bench_test;

/* A list of tests, from words: "pp,tg,batch,score,fewshot,load,save,write,restore,fork" or "all",
 * and lists of numbers. Lists with several numbers make several tests. */
typedef struct gn_bench_plan {
    const char *tests, *prompt, *generate, *depth, *batch;
    int64_t context; /* of the smallest checkpoint: what is longer is refused */
} gn_bench_plan;

enum { GN_BENCH_MOST = 64 };
/* Fills test [GN_BENCH_MOST]; how many, -1 with e set. */
int gn_bench_tests(const gn_bench_plan *p, gn_bench_test *test, gn_error *e);

/* "1,2,8" to numbers of at least `least`; how many, -1 with e set. */
int gn_bench_numbers(const char *name, const char *list, int least, int *out, int most,
                     gn_error *e);

/* A checkpoint being measured: its engine and what is kept between slices. */
typedef struct gn_bench_model {
    const char *path;
    gn_engine_options options;
    gn_engine *engine;
    gn_session *base; /* at `depth` tokens */
    int depth;
    char file[64]; /* of a saved session; "" until there is one */
    gn_cost cost;
} gn_bench_model;

bool gn_bench_open(gn_bench_model *m, gn_error *e); /* path and options are set */
void gn_bench_close(gn_bench_model *m);
/* One slice; its seconds, preparations apart. */
bool gn_bench_slice(gn_bench_model *m, const gn_bench_test *t, double *seconds, gn_error *e);
/* The share of the roof that a slice of so many seconds reached: of the read bandwidth when
 * generating, of the arithmetic when reading; negative where there is no such bound. */
double gn_bench_of_roof(const gn_bench_model *m, const gn_bench_test *t, double seconds,
                        gn_roof_now roof);

/* Median and other quantiles of v [n], which is sorted. */
double gn_bench_quantile(double *v, int n, double q);

#endif
