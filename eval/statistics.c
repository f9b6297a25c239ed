/* statistics.c - see statistics.h. */
#include "eval/statistics.h"

#include "core/gneiss.h"

#include <math.h>
#include <stdlib.h>

/* ---- Student ---------------------------------------------------------------------- */

static double log_gamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

/* The continued fraction of the incomplete beta function, by Lentz's method
 * (Abramowitz and Stegun 26.5.8): converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x) {
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double f = d;
    for (int m = 1; m < 10000; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double step = 1;
        for (int half = 0; half < 2; half++) {
            const double term = half ? odd : even;
            d = 1 + term * d;
            c = 1 + term / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            step = c * d;
            f *= step;
        }
        if (fabs(step - 1) < 1e-16)
            break;
    }
    return f;
}

/* I_x(a, b), the regularised incomplete beta function; y = 1 - x. */
static double beta_share(double a, double b, double x, double y) {
    if (x <= 0 || y <= 0)
        return x <= 0 ? 0 : 1;
    const double front =
        exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log(y));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                     : 1 - front * beta_fraction(b, a, y) / b;
}

double gn_student_cdf(double t, double df) {
    const double x = df / (df + t * t), tail = beta_share(df / 2, 0.5, x, t * t / (df + t * t)) / 2;
    return t > 0 ? 1 - tail : tail;
}

double gn_student_quantile(double p, double df) {
    double lo = -1, hi = 1;
    if (!(p > 0 && p < 1) || !(df > 0))
        return NAN;
    while (gn_student_cdf(lo, df) > p)
        lo *= 2;
    while (gn_student_cdf(hi, df) < p)
        hi *= 2;
    for (int i = 0; i < 200 && hi - lo > 1e-15 * (1 + fabs(lo)); i++) {
        const double middle = lo + (hi - lo) / 2;
        *(gn_student_cdf(middle, df) < p ? &lo : &hi) = middle;
    }
    return lo + (hi - lo) / 2;
}

/* ---- intervals ----------------------------------------------------------------------- */

gn_interval gn_interval_wilson(double share, int64_t n) {
    const double z = 1.959963984540054, count = (double)n;
    if (n < 1)
        return (gn_interval){NAN, NAN};
    const double middle = (share + z * z / (2 * count)) / (1 + z * z / count);
    const double half =
        z / (1 + z * z / count) * sqrt(share * (1 - share) / count + z * z / (4 * count * count));
    return (gn_interval){middle - half > 0 ? middle - half : 0,
                         middle + half < 1 ? middle + half : 1};
}

gn_interval gn_interval_student(double mean, double error, double df) {
    if (isnan(error) || !(df > 0))
        return (gn_interval){NAN, NAN};
    const double half = gn_student_quantile(0.975, df) * error;
    return (gn_interval){mean - half, mean + half};
}

static double mean_of(const double *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

double gn_error_mean(const double *x, int64_t n) {
    const double mean = mean_of(x, n);
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return n < 2 ? NAN : sqrt(sum / (double)(n - 1)) / sqrt((double)n);
}

double gn_error_clustered(const double *x, const int64_t *cluster, int64_t n, int64_t clusters) {
    const double mean = mean_of(x, n);
    double sum = 0;
    double *of = clusters > 1 ? calloc((size_t)clusters, sizeof *of) : NULL;
    if (!of)
        return NAN;
    for (int64_t i = 0; i < n; i++)
        of[cluster[i]] += x[i] - mean;
    for (int64_t c = 0; c < clusters; c++)
        sum += of[c] * of[c];
    free(of);
    return sqrt(sum) / (double)n;
}

/* ---- tests -------------------------------------------------------------------------- */

double gn_test_mcnemar(int64_t wins, int64_t losses) {
    const int64_t n = wins + losses, few = wins < losses ? wins : losses;
    const double count = (double)n;
    double sum = 0;
    if (2 * few >= n)
        return 1;
    for (int64_t k = 0; k <= few; k++)
        sum += exp(log_gamma(count + 1) - log_gamma((double)k + 1) -
                   log_gamma(count - (double)k + 1) - count * M_LN2);
    return sum * 2 < 1 ? sum * 2 : 1;
}

double gn_test_signflip(const double *d, int64_t n, int draws, uint64_t seed) {
    double seen = 0, all = 0;
    int64_t moved = 0, far = 0;
    double *x = malloc((size_t)n * sizeof *x + 1);
    if (!x)
        return NAN;
    for (int64_t i = 0; i < n; i++)
        if (d[i] != 0) { /* NOLINT: a tie is exactly 0 */
            x[moved++] = d[i];
            seen += d[i];
            all += fabs(d[i]);
        }
    const double reach = fabs(seen) - 1e-12 * all; /* sums in another order still tie */
    uint64_t place = seed;
    for (int k = 0; k < draws; k++) {
        double sum = 0;
        for (int64_t i = 0; i < moved; i += 64) {
            uint64_t sign = gn_splitmix64(place += 0x9E3779B97F4A7C15u);
            const int64_t end = i + 64 < moved ? i + 64 : moved;
            for (int64_t j = i; j < end; j++, sign >>= 1)
                sum += sign & 1 ? x[j] : -x[j];
        }
        far += fabs(sum) >= reach;
    }
    free(x);
    return (double)(far + 1) / ((double)draws + 1);
}

bool gn_adjust_holm(const double *p, double *adjusted, int n) {
    int *order = malloc((size_t)n * sizeof *order + 1), m = 0;
    double least = 0;
    if (!order)
        return false;
    for (int i = 0; i < n; i++) {
        adjusted[i] = NAN;
        if (isnan(p[i]))
            continue;
        int at = m++;
        for (; at > 0 && p[order[at - 1]] > p[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    for (int k = 0; k < m; k++) {
        const double v = p[order[k]] * (m - k);
        least = v > least ? v : least;
        adjusted[order[k]] = least < 1 ? least : 1;
    }
    free(order);
    return true;
}
