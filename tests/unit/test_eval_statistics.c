/* test_eval_statistics.c - intervals and tests against scipy (tests/oracle/make_stats.py). */
/* floor: gn_eval */
#include "eval/statistics.h"

#include "core/gneiss.h"
#include "tests/check.h"

typedef struct line {
    char name[16];
    double x[256];
    int n;
} line;

static bool read_line(FILE *f, line *l) {
    static char text[8192];
    l->n = 0;
    if (!fgets(text, sizeof text, f))
        return false;
    gn_slice rest = gn_slice_of(text);
    for (int word = 0; rest.len; word++) {
        size_t end = 0;
        while (end < rest.len && rest.data[end] != ' ' && rest.data[end] != '\n')
            end++;
        const gn_slice s = {rest.data, end};
        if (word == 0)
            snprintf(l->name, sizeof l->name, "%.*s", (int)s.len, s.data);
        else if (l->n < 256 && !gn_parse_number(s, &l->x[l->n++]))
            return false;
        rest = gn_slice_from(rest, end + 1);
    }
    return true;
}

/* Runs a check over every line of one name; returns how many there were. */
static int each(const char *name, bool (*holds)(const line *l)) {
    FILE *f = fopen("tests/oracle/stats.txt", "r");
    static line l;
    int n = 0;
    while (f && read_line(f, &l))
        if (strcmp(l.name, name) == 0) {
            n++;
            if (!holds(&l)) {
                printf("  %s %g %g\n", l.name, l.x[0], l.x[1]);
                CHECK(false);
            }
        }
    if (f)
        fclose(f);
    return n;
}

static bool near(double got, double want, double tolerance) {
    const bool ok = fabs(got - want) <= tolerance * (1e-300 + fabs(want));
    if (!ok)
        printf("  got %.17g, want %.17g\n", got, want);
    return ok;
}

static bool cdf(const line *l) { return near(gn_student_cdf(l->x[0], l->x[1]), l->x[2], 1e-9); }
static bool quantile(const line *l) {
    return near(gn_student_quantile(l->x[0], l->x[1]) + 1, l->x[2] + 1, 1e-9);
}
TEST(students_distribution_is_scipys) {
    CHECK(each("cdf", cdf) == 72);
    CHECK(each("quantile", quantile) == 48);
}

static bool wilson(const line *l) {
    const gn_interval i = gn_interval_wilson(l->x[0], (int64_t)l->x[1]);
    return near(i.lo + 1, l->x[2] + 1, 1e-12) && near(i.hi + 1, l->x[3] + 1, 1e-12);
}
static bool mean(const line *l) {
    const int n = (int)l->x[0];
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += l->x[1 + i];
    const double error = gn_error_mean(l->x + 1, n);
    const gn_interval i = gn_interval_student(sum / n, error, n - 1);
    return near(error, l->x[1 + n], 1e-12) && near(i.lo, l->x[2 + n], 1e-9) &&
           near(i.hi, l->x[3 + n], 1e-9);
}
TEST(intervals_are_scipys) {
    CHECK(each("wilson", wilson) == 29);
    CHECK(each("mean", mean) == 3);
}

static bool mcnemar(const line *l) {
    return near(gn_test_mcnemar((int64_t)l->x[0], (int64_t)l->x[1]), l->x[2], 1e-9);
}
TEST(mcnemar_is_the_binomial_test) { CHECK(each("mcnemar", mcnemar) == 9); }

/* 100,000 draws see a share p with a standard error of sqrt(p (1 - p) / 100,000). */
static bool signflip(const line *l) {
    const int n = (int)l->x[0];
    const double want = l->x[1 + n], p = gn_test_signflip(l->x + 1, n, 100000, 1234);
    return fabs(p - want) < 5 * sqrt(want * (1 - want) / 1e5) + 2e-5 &&
           gn_test_signflip(l->x + 1, n, 100000, 1234) == p;
}
TEST(sign_flips_estimate_the_share_of_all_sign_vectors) { CHECK(each("signflip", signflip) == 4); }

static bool holm(const line *l) {
    const int n = (int)l->x[0];
    double adjusted[16];
    bool ok = gn_adjust_holm(l->x + 1, adjusted, n);
    for (int i = 0; ok && i < n; i++)
        ok = near(adjusted[i], l->x[1 + n + i], 1e-12);
    return ok;
}
TEST(holm_is_holms) {
    const double p[] = {0.04, NAN, 0.01};
    double adjusted[3];
    CHECK(each("holm", holm) == 4);
    CHECK(gn_adjust_holm(p, adjusted, 3) && isnan(adjusted[1]) && adjusted[2] == 0.02 &&
          adjusted[0] == 0.04);
}

static bool clustered(const line *l) {
    const int n = (int)l->x[0], clusters = (int)l->x[1];
    int64_t of[64];
    for (int i = 0; i < n; i++)
        of[i] = (int64_t)l->x[2 + n + i];
    return near(gn_error_clustered(l->x + 2, of, n, clusters), l->x[2 + 2 * n], 1e-12);
}
TEST(clusters_widen_the_standard_error_as_the_formula_says) {
    CHECK(each("clustered", clustered) == 2);
}

static bool diverge(const line *l) {
    const int n = (int)l->x[0];
    const double *x = l->x + 1, *want = x + 4 * n;
    static gn_divergence_token token[64];
    gn_divergence d;
    gn_error e = {0};
    for (int i = 0; i < n; i++)
        token[i] = (gn_divergence_token){.kl = x[i],
                                         .lp_a = x[n + i],
                                         .lp_b = x[2 * n + i],
                                         .top_b = x[3 * n + i] == 0}; /* NOLINT: 0 or 1 */
    if (!gn_divergence_of(token, n, &d, &e))
        return false;
    const double got[] = {d.kl_mean, d.kl_error, d.kl_median, d.kl_p90,         d.kl_p99,
                          d.kl_p999, d.kl_max,   d.same_top,  d.same_top_error, d.rms_dp,
                          d.ppl_a,   d.ppl_b,    d.ratio,     d.ratio_error};
    bool ok = l->n == 1 + 4 * n + 14;
    for (int i = 0; ok && i < 14; i++)
        ok = near(got[i], want[i], 1e-11);
    return ok;
}
TEST(divergences_are_summed_up_as_numpy_does) { CHECK(each("diverge", diverge) == 3); }

static bool visible(const line *l) { return near(GN_VISIBLE, l->x[0], 1e-3); }
TEST(the_smallest_visible_effect_is_that_of_80_per_cent_power) {
    CHECK(each("visible", visible) == 1);
}

TEST(nothing_to_tell_is_no_number) {
    CHECK(isnan(gn_interval_wilson(0, 0).lo) && isnan(gn_error_mean((double[]){1}, 1)));
    CHECK(isnan(gn_interval_student(1, NAN, 3).lo) && isnan(gn_interval_student(1, 1, 0).hi));
    CHECK(gn_test_mcnemar(0, 0) == 1 && gn_test_signflip((double[]){0, 0}, 2, 10, 1) == 1);
}
