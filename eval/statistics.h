/* statistics.h - intervals, and tests of a difference between paired documents. Pure arithmetic. */
#ifndef GN_EVAL_STATISTICS_H
#define GN_EVAL_STATISTICS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct gn_interval {
    double lo, hi;
} gn_interval;

/* P(T <= t) of Student's distribution with df > 0 degrees of freedom, and its inverse. */
double gn_student_cdf(double t, double df);
double gn_student_quantile(double p, double df);

/* 95 %: of a share (Wilson 1927), and of a mean with its standard error. NaN where n or df is 0. */
gn_interval gn_interval_wilson(double share, int64_t n);
gn_interval gn_interval_student(double mean, double error, double df);

/* sd(x) / sqrt(n); NaN for n < 2. */
double gn_error_mean(const double *x, int64_t n);
/* With clusters: sqrt(sum over clusters of (sum of x - mean)^2) / n. cluster [n]: numbers from 0 to
 * clusters - 1. NaN for fewer than two. */
double gn_error_clustered(const double *x, const int64_t *cluster, int64_t n, int64_t clusters);

/* Two-sided exact McNemar: the binomial test of wins against losses. 1 when there are none. */
double gn_test_mcnemar(int64_t wins, int64_t losses);
/* Two-sided sign-flip permutation test of mean 0: of `draws` random sign vectors (and the one seen)
 * the share whose sum is at least as far from 0. NaN when there is no memory. */
double gn_test_signflip(const double *d, int64_t n, int draws, uint64_t seed);

/* A two-sided test at 5 % sees a difference of so many standard errors in 80 of 100 cases. */
#define GN_VISIBLE 2.8

/* Holm 1979: p [n] to adjusted p, in place of adjusted [n]; NaNs take no part and stay. */
bool gn_adjust_holm(const double *p, double *adjusted, int n);

#endif
