/* test_cpu_logprobs.c - what a row of logits says, against a softmax in double. */
/* floor: gn_cpu */
#include "tests/unit/cpu_rig.h"

static const int vocabularies[] = {1, 5, 4096, 4097, 10000};
enum { VOCABULARIES = sizeof vocabularies / sizeof *vocabularies, R = 7 };

static gn_mat logits_of(int V) {
    gn_mat x = matrix(R, V, 11);
    for (int r = 0; r < R; r++)
        for (int i = 0; i < V; i++) {
            *at(x, r, i) *= 12;
            if (r == 2)
                *at(x, r, i) = floorf(*at(x, r, i)); /* many equal */
            if (r == 3)
                *at(x, r, i) = 3; /* all equal */
            if (r == 4 && i % 3)
                *at(x, r, i) = -INFINITY; /* masked out */
        }
    return x;
}

static double log_sum(gn_mat x, int r, double *entropy) {
    double most = -INFINITY, sum = 0, weighted = 0;
    for (int i = 0; i < x.cols; i++)
        most = fmax(most, (double)*at(x, r, i));
    for (int i = 0; i < x.cols; i++)
        sum += exp((double)*at(x, r, i) - most);
    const double z = most + log(sum);
    for (int i = 0; i < x.cols; i++) {
        const double p = exp((double)*at(x, r, i) - z);
        weighted -= p > 0 ? p * ((double)*at(x, r, i) - z) : 0;
    }
    *entropy = weighted;
    return z;
}

static bool before(gn_mat x, int r, int a, int b) {
    return *at(x, r, a) > *at(x, r, b) || (*at(x, r, a) == *at(x, r, b) && a < b);
}

TEST(logprob_rank_and_entropy_equal_their_definitions) {
    for (int isa = 0; isa < ISAS; isa++)
        for (int v = 0; v < VOCABULARIES; v++) {
            gn_device *d = open_isa(isa, 2, true);
            if (!d)
                continue;
            const int V = vocabularies[v];
            gn_mat x = logits_of(V);
            gn_error e = {0};
            for (int round = 0; round < 4; round++) {
                gn_logprob got[R];
                int32_t want[R];
                for (int r = 0; r < R; r++)
                    want[r] = round == 0 ? 0 : round == 1 ? V - 1 : (V * (r + round)) / 11 % V;
                CHECK(gn_logprobs(d, got, NULL, 0, x, want, &e));
                for (int r = 0; r < R; r++) {
                    double entropy;
                    const double z = log_sum(x, r, &entropy);
                    const double p = (double)*at(x, r, want[r]) - z;
                    int rank = 0;
                    for (int i = 0; i < V; i++)
                        rank += before(x, r, i, want[r]);
                    CHECK(got[r].rank == rank);
                    CHECK((double)got[r].logprob == p || fabs((double)got[r].logprob - p) < 2e-6);
                    CHECK(fabs((double)got[r].entropy - entropy) < 1e-5);
                }
            }
            free(x.data);
            gn_device_close(d);
        }
}

TEST(top_k_comes_likeliest_first_and_lower_id_first_on_a_tie) {
    for (int isa = 0; isa < ISAS; isa++)
        for (int v = 0; v < VOCABULARIES; v++)
            for (int which = 0; which < 5; which++) {
                const int V = vocabularies[v], ks[] = {1, 3, 40, 4096, V};
                const int k = ks[which] < V ? ks[which] : V;
                gn_device *d = open_isa(isa, 2, true);
                if (!d)
                    continue;
                gn_mat x = logits_of(V);
                gn_logprob got[R];
                gn_top *top = calloc((size_t)(R * k), sizeof *top);
                int32_t want[R];
                gn_error e = {0};
                for (int r = 0; r < R; r++)
                    want[r] = -1;
                CHECK(gn_logprobs(d, got, top, k, x, want, &e));
                for (int r = 0; r < R; r++) {
                    double entropy;
                    const double z = log_sum(x, r, &entropy);
                    const gn_top *t = top + r * k;
                    bool ok = true;
                    for (int i = 0; i < k; i++) {
                        const double p = (double)*at(x, r, t[i].id) - z;
                        ok = ok &&
                             ((double)t[i].logprob == p || fabs((double)t[i].logprob - p) < 2e-6);
                        ok = ok && (i == 0 || before(x, r, t[i - 1].id, t[i].id));
                    }
                    int better = 0; /* than the last of them, in all */
                    for (int i = 0; i < V; i++)
                        better += before(x, r, i, t[k - 1].id);
                    CHECK(ok && better == k - 1);
                    CHECK(fabs((double)got[r].entropy - entropy) < 1e-5);
                }
                free(top);
                free(x.data);
                gn_device_close(d);
            }
}

TEST(threads_and_neighbouring_rows_change_no_bit) {
    const int V = 10000;
    for (int isa = 0; isa < ISAS; isa++) {
        gn_logprob one[R], all[R];
        int32_t want[R];
        gn_error e = {0};
        gn_mat x = logits_of(V);
        for (int r = 0; r < R; r++)
            want[r] = 100 * r + 17;
        for (int threads = 1; threads <= 4; threads++) {
            gn_device *d = open_isa(isa, threads, false);
            if (!d)
                break;
            CHECK(gn_logprobs(d, threads == 1 ? one : all, NULL, 0, x, want, &e));
            if (threads > 1)
                CHECK(memcmp(one, all, sizeof one) == 0);
            for (int r = 0; r < R; r++) {
                CHECK(gn_logprobs(d, all, NULL, 0, rows_of(x, r, 1), want + r, &e));
                CHECK(memcmp(one + r, all, sizeof *one) == 0);
            }
            gn_device_close(d);
        }
        free(x.data);
    }
}

TEST(logits_that_are_no_numbers_are_an_error) {
    for (int isa = 0; isa < ISAS; isa++) {
        gn_device *d = open_isa(isa, 2, true);
        if (!d)
            continue;
        const float bad[] = {NAN, INFINITY, -INFINITY};
        for (int i = 0; i < 3; i++) {
            gn_mat x = logits_of(5000);
            gn_logprob got[R];
            const int32_t want[R] = {0};
            gn_error e = {0};
            *at(x, 5, 4500) = bad[i];
            for (int k = 0; i == 2 && k < 5000; k++)
                *at(x, 5, k) = bad[i];
            CHECK(!gn_logprobs(d, got, NULL, 0, x, want, &e));
            CHECK(e.code == GN_FORMAT && strstr(e.message, "row 5 of the logits"));
            free(x.data);
        }
        gn_device_close(d);
    }
}
