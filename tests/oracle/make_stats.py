"""Intervals and tests of paired differences, by scipy.

    python tests/oracle/make_stats.py > tests/oracle/stats.txt

Needs scipy 1.17.1, numpy. A line a case: the name of a function, its arguments, its value.
"""
import itertools

import numpy as np
from scipy import stats

draw = np.random.default_rng(7)


def say(name, *numbers):
    print(name, *[repr(float(x)) for x in numbers])


for df in (1, 2, 3, 7.5, 30, 100, 1171, 1e6):
    for t in (-40.0, -3.0, -1.0, -1e-3, 0.0, 0.5, 1.96, 2.8, 12.0):
        say("cdf", t, df, stats.t.cdf(t, df))
    for p in (0.5, 0.9, 0.975, 0.995, 0.025, 1e-4):
        say("quantile", p, df, stats.t.ppf(p, df))
for n in (1, 2, 10, 100, 1319, 10042):
    for k in sorted({0, 1, n // 3, n // 2, n - 1, n}):
        i = stats.binomtest(k, n).proportion_ci(0.95, "wilson")
        say("wilson", k / n, n, i.low, i.high)
for wins, losses in ((0, 0), (1, 0), (0, 5), (5, 5), (10, 22), (12, 17), (300, 240), (1, 60), (4000, 4200)):
    p = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    say("mcnemar", wins, losses, p)
# Every sign vector: what the permutation test estimates.
for n in (3, 6, 10, 12):
    d = np.round(draw.normal(0.4, 1.0, n), 3)
    signs = np.array(list(itertools.product((-1, 1), repeat=n)))
    sums = np.abs(signs @ d)
    say("signflip", n, *d, np.mean(sums >= abs(d.sum()) - 1e-9))
for m in (1, 2, 5, 9):
    p = np.round(draw.uniform(0, 0.2, m), 4)
    order = np.argsort(p)
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * (m - np.arange(m))))
    say("holm", m, *p, *adjusted)
for n in (2, 5, 40):
    x = np.round(draw.normal(2, 3, n), 4)
    i = stats.t.interval(0.95, n - 1, x.mean(), stats.sem(x))
    say("mean", n, *x, stats.sem(x), *i)
for n, clusters in ((6, 3), (40, 9)):
    x = np.round(draw.normal(0, 1, n), 4)
    c = draw.integers(0, clusters, n)
    c[:clusters] = np.arange(clusters)
    sums = np.array([(x[c == k] - x.mean()).sum() for k in range(clusters)])
    say("clustered", n, clusters, *x, *c, np.sqrt((sums**2).sum()) / n)

# Tokens of a text under two models: kl, log p a, log p b, do both find the same likeliest?
for n in (2, 9, 40):
    kl = np.round(draw.exponential(0.3, n), 5)
    a, b = np.round(-draw.exponential(1.5, n), 5), np.round(-draw.exponential(1.7, n), 5)
    same = draw.integers(0, 2, n)
    ratio = np.exp(np.mean(a - b))
    at = np.quantile(kl, [0.5, 0.9, 0.99, 0.999], method="inverted_cdf")
    say("diverge", n, *kl, *a, *b, *same, kl.mean(), stats.sem(kl), *at, kl.max(), same.mean(),
        stats.sem(same), np.sqrt(np.mean((np.exp(b) - np.exp(a)) ** 2)), np.exp(-a.mean()),
        np.exp(-b.mean()), ratio, ratio * stats.sem(a - b))
# The effect that a two-sided 5 % test sees in 80 of 100 cases, in standard errors: the factor 2.8.
say("visible", stats.norm.ppf(0.975) + stats.norm.ppf(0.8))
