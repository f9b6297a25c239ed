/* test_train_ops.c - each way back against finite differences of its formula in double. */
/* floor: gn_train */
#include "core/base/sgemm.h"
#include "core/train/crew.h"
#include "tests/check.h"

/* A formula in double, written as in core/README.md: numbers in x, loss = sum of weight * out. */
enum { MOST = 4096, T = 11, SEGMENTS = 3 };
static const gn_segment segment[SEGMENTS] = {{0, 5}, {5, 1}, {6, 5}};

static const gn_train_kernels *const tables[] = {&gn_train_plain, &gn_train_avx2};
static gn_crew crew;

static float noise(int i) { return 1.3f * sinf((float)(i * i % 1009) + 0.7f * (float)i); }
static void fill(float *x, int n, int from) {
    for (int i = 0; i < n; i++)
        x[i] = noise(i + from);
}

typedef double formula(const double *x);

/* got [n] is the gradient of f at x[first..first+n); all of x [all]. */
static void differences(formula *f, const float *x, int all, int first, int n, const float *got,
                        const char *what) {
    static double d[MOST];
    double largest = 1e-6;
    float *want = malloc((size_t)n * sizeof *want);
    for (int i = 0; i < all; i++)
        d[i] = (double)x[i];
    for (int i = 0; i < n; i++) {
        const double h = 1e-5, kept = d[first + i];
        d[first + i] = kept + h;
        const double above = f(d);
        d[first + i] = kept - h;
        want[i] = (float)((above - f(d)) / (2 * h));
        d[first + i] = kept;
        largest = fmax(largest, fabs((double)want[i]));
    }
    for (int i = 0; i < n; i++)
        if (!CHECK(fabs((double)(got[i] - want[i])) <= 1e-4 * largest)) {
            printf("  %s [%d]: %g, differences say %g\n", what, i, (double)got[i], (double)want[i]);
            break;
        }
    free(want);
}

static double weight_of(int i) { return (double)noise(7 * i + 3); }
static double sigmoid_of(double v) { return 1.0 / (1.0 + exp(-v)); }

static void every_table(void (*test)(const gn_train_kernels *k)) {
    gn_error e = {0};
    crew.pool = gn_pool_new(2, &e);
    for (int i = 0; i < 2; i++)
        if (tables[i] == &gn_train_plain || gn_train_kernels_best() == tables[i]) {
            crew.k = tables[i];
            test(tables[i]);
        }
    gn_pool_free(crew.pool);
}

/* ---- norms: x [T, 12], z [T, 12], gain [12] ---------------------------------- */

enum { NC = 12, NG = 3 };

static double norm_of(const double *x, bool gated, int groups) {
    const double *z = x + T * NC, *gain = z + T * NC;
    const int width = NC / groups;
    double loss = 0;
    for (int t = 0; t < T; t++)
        for (int g = 0; g < groups; g++) {
            double v[NC], sum = 0;
            for (int i = 0; i < width; i++) {
                const int at = t * NC + g * width + i;
                v[i] = gated ? x[at] * z[at] * sigmoid_of(z[at]) : x[at];
                sum += v[i] * v[i] / width;
            }
            for (int i = 0; i < width; i++)
                loss += weight_of(t * NC + g * width + i) * gain[g * width + i] * v[i] /
                        sqrt(sum + 0.01);
        }
    return loss;
}
static double plain_norm(const double *x) { return norm_of(x, false, 1); }
static double gated_norm(const double *x) { return norm_of(x, true, NG); }

static void test_norm(const gn_train_kernels *k) {
    for (int gated = 0; gated < 2; gated++) {
        float x[2 * T * NC + NC], dx[T * NC] = {0}, dz[T * NC], dy[T * NC], part[NC];
        fill(x, 2 * T * NC + NC, 0);
        for (int i = 0; i < T * NC; i++)
            dy[i] = (float)weight_of(i);
        gn_norm_job j = {.x = {x, NC},
                         .z = {gated ? x + T * NC : NULL, NC},
                         .gain = x + 2 * T * NC,
                         .rows = T,
                         .cols = NC,
                         .groups = gated ? NG : 1,
                         .eps = 0.01f,
                         .dy = {dy, NC},
                         .dx = {dx, NC},
                         .dz = {dz, NC},
                         .add = true,
                         .gain_part = part};
        gn_crew_run(&crew, k->norm_back, 1, &j);
        formula *f = gated ? gated_norm : plain_norm;
        const int all = 2 * T * NC + NC;
        differences(f, x, all, 0, T * NC, dx, "norm dx");
        differences(f, x, all, 2 * T * NC, NC, part, "norm dgain");
        if (gated)
            differences(f, x, all, T * NC, T * NC, dz, "norm dz");
    }
}
TEST(norms) { every_table(test_norm); }

/* ---- swiglu: gate, up [T, 13] -------------------------------------------------- */

enum { SF = 13 };

static double swiglu_of(const double *x) {
    double loss = 0;
    for (int i = 0; i < T * SF; i++)
        loss += weight_of(i) * x[i] * sigmoid_of(x[i]) * x[T * SF + i];
    return loss;
}

static void test_swiglu(const gn_train_kernels *k) {
    float x[2 * T * SF], d[2 * T * SF], dy[T * SF];
    fill(x, 2 * T * SF, 5);
    for (int i = 0; i < T * SF; i++)
        dy[i] = (float)weight_of(i);
    gn_swiglu_job j = {.gate = {x, SF},
                       .up = {x + T * SF, SF},
                       .rows = T,
                       .cols = SF,
                       .dy = {dy, SF},
                       .dgate = {d, SF},
                       .dup = {d + T * SF, SF}};
    gn_crew_run(&crew, k->swiglu_back, 1, &j);
    differences(swiglu_of, x, 2 * T * SF, 0, 2 * T * SF, d, "swiglu");
}
TEST(swiglu) { every_table(test_swiglu); }

/* ---- convolution: x [T, 10], w [10, 4], bias [10] ------------------------------- */

enum { CC = 10, CW = 4 };

static double conv_of(const double *x) {
    const double *w = x + T * CC, *bias = w + CC * CW;
    double loss = 0;
    for (int s = 0; s < SEGMENTS; s++)
        for (int t = 0; t < segment[s].count; t++)
            for (int c = 0; c < CC; c++) {
                double u = bias[c];
                for (int k = 0; k < CW; k++)
                    if (t - CW + 1 + k >= 0)
                        u += w[c * CW + k] * x[(segment[s].first + t - CW + 1 + k) * CC + c];
                loss += weight_of((segment[s].first + t) * CC + c) * u * sigmoid_of(u);
            }
    return loss;
}

static void test_conv(const gn_train_kernels *k) {
    enum { ALL = T * CC + CC * CW + CC };
    float x[ALL], d[ALL] = {0}, dy[T * CC];
    fill(x, ALL, 11);
    for (int i = 0; i < T * CC; i++)
        dy[i] = (float)weight_of(i);
    gn_conv_job j = {.x = {x, CC},
                     .w = x + T * CC,
                     .bias = x + T * CC + CC * CW,
                     .segment = segment,
                     .segments = SEGMENTS,
                     .channels = CC,
                     .width = CW,
                     .dy = {dy, CC},
                     .dx = {d, CC},
                     .dw = d + T * CC,
                     .dbias = d + T * CC + CC * CW};
    gn_crew_run(&crew, k->conv_back, 1, &j);
    differences(conv_of, x, ALL, 0, ALL, d, "conv");
}
TEST(convolution) { every_table(test_conv); }

/* ---- scan: x [T, Hm*P], B, C [T, G*N], dt [T, Hm], A_log, D, dt_bias [Hm] ---------- */

enum { HM = 4, P = 3, N = 5, G = 2, I = HM * P, GN = G * N, SX = T * I, SB = T * GN, SD = T * HM };
enum { AT_B = SX, AT_C = SX + SB, AT_DT = SX + 2 * SB, AT_V = AT_DT + SD, SCAN = AT_V + 3 * HM };
static const double dt_low = 0.3, dt_high = 2.0;

static double scan_of(const double *x) {
    double loss = 0;
    for (int s = 0; s < SEGMENTS; s++)
        for (int h = 0; h < HM; h++) {
            double S[N][P] = {{0}};
            const int g = h * G / HM;
            for (int t = segment[s].first; t < segment[s].first + segment[s].count; t++) {
                double step = log1p(exp(x[AT_DT + t * HM + h] + x[AT_V + 2 * HM + h]));
                step = step < dt_low ? dt_low : step > dt_high ? dt_high : step;
                const double keep = exp(-step * exp(x[AT_V + h]));
                for (int p = 0; p < P; p++) {
                    const double in = x[t * I + h * P + p];
                    double y = x[AT_V + HM + h] * in;
                    for (int n = 0; n < N; n++) {
                        S[n][p] = keep * S[n][p] + step * in * x[AT_B + t * GN + g * N + n];
                        y += S[n][p] * x[AT_C + t * GN + g * N + n];
                    }
                    loss += weight_of(t * I + h * P + p) * y;
                }
            }
        }
    return loss;
}

/* In chunks of `rows`, so that states pass between them. */
static void scan_in_chunks(const gn_train_kernels *k, int rows, int blocks) {
    static float x[SCAN], d[SCAN], y[SX], dy[SX], step[SD], sum[SD], CB[T * G * GN_CHUNK],
        dCB[HM * T * G * GN_CHUNK], dBC[HM * T * 2 * GN], part[SEGMENTS * 3 * HM], room[2 * 40000];
    gn_segment chunk[T];
    int first_chunk[SEGMENTS + 1], chunks = 0;
    for (int s = 0; s < SEGMENTS; s++) {
        first_chunk[s] = chunks;
        for (int i = 0; i < segment[s].count; i += rows)
            chunk[chunks++] = (gn_segment){
                segment[s].first + i, segment[s].count - i < rows ? segment[s].count - i : rows};
    }
    first_chunk[SEGMENTS] = chunks;
    fill(x, SCAN, 23);
    for (int i = 0; i < SX; i++)
        dy[i] = (float)weight_of(i);
    memset(part, 0, sizeof part);
    gn_scan_job j = {.x = {x, I},
                     .B = {x + AT_B, GN},
                     .C = {x + AT_C, GN},
                     .dt = {x + AT_DT, HM},
                     .y = {y, I},
                     .A_log = x + AT_V,
                     .D = x + AT_V + HM,
                     .dt_bias = x + AT_V + 2 * HM,
                     .heads = HM,
                     .P = P,
                     .N = N,
                     .groups = G,
                     .dt_min = (float)dt_low,
                     .dt_max = (float)dt_high,
                     .segment = segment,
                     .chunk = chunk,
                     .first_chunk = first_chunk,
                     .segments = SEGMENTS,
                     .chunks = chunks,
                     .chunk_rows = rows,
                     .rows = T,
                     .step = step,
                     .sum = sum,
                     .CB = CB,
                     .scratch = room,
                     .scratch_size = 40000,
                     .dy = {dy, I},
                     .dx = {d, I},
                     .dB = {d + AT_B, GN},
                     .dC = {d + AT_C, GN},
                     .ddt = {d + AT_DT, HM},
                     .blocks = blocks,
                     .dBC = dBC,
                     .dCB = dCB,
                     .vector_part = part};
    gn_crew_run(&crew, k->scan_prepare, (size_t)chunks, &j);
    gn_crew_run(&crew, k->scan, SEGMENTS * HM, &j);
    gn_crew_run(&crew, k->scan_back, (size_t)(SEGMENTS * blocks), &j);
    gn_crew_run(&crew, k->scan_join, (size_t)chunks, &j);
    memset(d + AT_V, 0, 3 * HM * sizeof *d);
    for (int i = 0; i < SEGMENTS * 3 * HM; i++)
        d[AT_V + i % (3 * HM)] += part[i];

    double wide[SCAN], loss = 0;
    for (int i = 0; i < SCAN; i++)
        wide[i] = (double)x[i];
    for (int i = 0; i < SX; i++)
        loss += weight_of(i) * (double)y[i];
    CHECK(fabs(loss - scan_of(wide)) <= 1e-4 * (1 + fabs(loss)));
    static const int at[] = {0, AT_B, AT_C, AT_DT, AT_V, AT_V + HM, AT_V + 2 * HM, SCAN};
    static const char *const name[] = {"dx", "dB", "dC", "ddt", "dA_log", "dD", "ddt_bias"};
    for (int i = 0; i < 7; i++)
        differences(scan_of, x, SCAN, at[i], at[i + 1] - at[i], d + at[i], name[i]);
}

static void test_scan(const gn_train_kernels *k) {
    for (int rows = 1; rows <= 5; rows++)
        for (int blocks = 1; blocks <= HM; blocks *= 2)
            scan_in_chunks(k, rows, blocks);
}
TEST(scan_in_any_chunks) { every_table(test_scan); }

/* ---- attention: q [T, 4*5], k, v [T, 2*5] ------------------------------------------- */

enum { HQ = 4, HK = 2, DH = 5, AQ = T * HQ * DH, AK = T * HK * DH, ATTEND = AQ + 2 * AK };

static double attend_of(const double *x) {
    double loss = 0;
    for (int s = 0; s < SEGMENTS; s++)
        for (int h = 0; h < HQ; h++)
            for (int t = 0; t < segment[s].count; t++) {
                const int row = segment[s].first + t, kv = h / (HQ / HK);
                double p[T], sum = 0;
                for (int u = 0; u <= t; u++) {
                    double score = 0;
                    for (int i = 0; i < DH; i++)
                        score += x[row * HQ * DH + h * DH + i] *
                                 x[AQ + (segment[s].first + u) * HK * DH + kv * DH + i];
                    sum += p[u] = exp(0.4 * score);
                }
                for (int u = 0; u <= t; u++)
                    for (int i = 0; i < DH; i++)
                        loss += weight_of(row * HQ * DH + h * DH + i) * p[u] / sum *
                                x[AQ + AK + (segment[s].first + u) * HK * DH + kv * DH + i];
            }
    return loss;
}

static void test_attend(const gn_train_kernels *k) {
    static float x[ATTEND], d[ATTEND], y[AQ], dy[AQ], lse[T * HQ], room[2 * 1024];
    fill(x, ATTEND, 31);
    for (int i = 0; i < AQ; i++)
        dy[i] = (float)weight_of(i);
    gn_attend_job j = {.q = {x, HQ * DH},
                       .k = {x + AQ, HK * DH},
                       .v = {x + AQ + AK, HK * DH},
                       .y = {y, HQ * DH},
                       .q_heads = HQ,
                       .kv_heads = HK,
                       .head_dim = DH,
                       .scale = 0.4f,
                       .segment = segment,
                       .segments = SEGMENTS,
                       .lse = lse,
                       .scratch = room,
                       .scratch_size = 1024,
                       .dy = {dy, HQ * DH},
                       .dq = {d, HQ * DH},
                       .dk = {d + AQ, HK * DH},
                       .dv = {d + AQ + AK, HK * DH}};
    gn_crew_run(&crew, k->attend, SEGMENTS * HK, &j);
    gn_crew_run(&crew, k->attend_back, SEGMENTS * HK, &j);
    differences(attend_of, x, ATTEND, 0, AQ, d, "dq");
    differences(attend_of, x, ATTEND, AQ, AK, d + AQ, "dk");
    differences(attend_of, x, ATTEND, AQ + AK, AK, d + AQ + AK, "dv");
}
TEST(attention) { every_table(test_attend); }

/* ---- cross entropy: logits [T, 19] ---------------------------------------------------- */

enum { EV = 19 };

static double entropy_of(const double *x) {
    double loss = 0;
    for (int t = 0; t < T; t++) {
        double sum = 0;
        for (int i = 0; i < EV; i++)
            sum += exp(x[t * EV + i] / 1.5);
        loss += (log(sum) - x[t * EV + t % EV] / 1.5) / T;
    }
    return loss;
}

static void test_entropy(const gn_train_kernels *k) {
    float x[T * EV], d[T * EV];
    double loss[T], all = 0, wide[T * EV];
    int32_t want[T];
    fill(x, T * EV, 41);
    memcpy(d, x, sizeof d);
    for (int t = 0; t < T; t++)
        want[t] = t % EV;
    gn_entropy_job j = {.logits = {d, EV},
                        .want = want,
                        .rows = T,
                        .cols = EV,
                        .divide = 1.5f,
                        .scale = 1.0f / T,
                        .loss = loss,
                        .back = true};
    gn_crew_run(&crew, k->entropy, T, &j);
    for (int t = 0; t < T; t++)
        all += loss[t] / T;
    for (int i = 0; i < T * EV; i++)
        wide[i] = (double)x[i];
    CHECK(fabs(all - entropy_of(wide)) < 1e-5);
    differences(entropy_of, x, T * EV, 0, T * EV, d, "logits");
}
TEST(cross_entropy) { every_table(test_entropy); }

/* ---- rotation: what is turned and turned back is as before; products of lengths stay ---- */

static void test_rope(const gn_train_kernels *k) {
    enum { DIM = 6, HALF = 2 };
    float x[T * DIM], was[T * DIM], cosine[T * HALF], sine[T * HALF];
    int position[T];
    fill(x, T * DIM, 51);
    memcpy(was, x, sizeof was);
    for (int t = 0; t < T; t++)
        for (int i = 0; i < HALF; i++) {
            position[t] = t;
            cosine[t * HALF + i] = cosf((float)t / (float)(i + 1));
            sine[t * HALF + i] = sinf((float)t / (float)(i + 1));
        }
    gn_rope_job j = {.x = {x, DIM},
                     .rows = T,
                     .heads = 1,
                     .head_dim = DIM,
                     .half = HALF,
                     .position = position,
                     .cosine = cosine,
                     .sine = sine,
                     .sign = 1.0f};
    gn_crew_run(&crew, k->rope, 1, &j);
    for (int t = 1; t < T; t++) {
        const float turned = was[t * DIM] * cosf((float)t) - was[t * DIM + HALF] * sinf((float)t);
        CHECK_NEAR(&x[t * DIM], &turned, 1, 1e-5f);
        CHECK_SAME(&x[t * DIM + 2 * HALF], &was[t * DIM + 2 * HALF], DIM - 2 * HALF);
    }
    j.sign = -1.0f; /* the transpose of a rotation is its inverse */
    gn_crew_run(&crew, k->rope, 1, &j);
    CHECK_NEAR(x, was, T * DIM, 1e-5f);
}
TEST(rotation) { every_table(test_rope); }

/* ---- linear: x [T, 7], w [9, 7] ----------------------------------------------------------- */

enum { LI = 7, LO = 9 };

static double linear_of(const double *x) {
    double loss = 0;
    for (int t = 0; t < T; t++)
        for (int o = 0; o < LO; o++)
            for (int i = 0; i < LI; i++)
                loss += 0.5 * weight_of(t * LO + o) * x[t * LI + i] * x[T * LI + o * LI + i];
    return loss;
}

static void test_linear(const gn_train_kernels *k) {
    enum { ALL = T * LI + LO * LI };
    float x[ALL], d[ALL] = {0}, dy[T * LO];
    (void)k;
    fill(x, ALL, 61);
    for (int i = 0; i < T * LO; i++)
        dy[i] = (float)weight_of(i);
    gn_error e = {0};
    CHECK(gn_sgemm_ready(&e));
    gn_blas_back(&crew, (gn_grid){d, LI}, (gn_grid){dy, LO}, x + T * LI, T, LO, LI, 0.5f, false);
    gn_blas_weight(&crew, d + T * LI, (gn_grid){dy, LO}, (gn_grid){x, LI}, T, LO, LI, 0.5f, true);
    differences(linear_of, x, ALL, 0, ALL, d, "linear");
}
TEST(linear) { every_table(test_linear); }
