/* bench.cu - what a GPU does with the kernels of core/cuda, in the order that decides most first.
 *
 *   bench [quick]     lines "name value unit"; quick: small shapes, to try the program itself
 *
 * Weights and states are larger than the GPU's second-level cache or taken in turn until they are,
 * so that memory is what is measured. Times are of CUDA events around many calls.
 */
#include "core/cuda/internal.h"
#include "core/cuda/unpack.cuh"

#include <stdio.h>
#include <stdlib.h>

extern "C" gn_device *gn_cuda_module_open(const gn_cuda_options *o, gn_error *e);

static bool quick;
static gn_device *d;
static gn_cuda *c;

static void stop(const char *what, const gn_error *e) {
    fprintf(stderr, "bench: %s: %s\n", what, e->message);
    exit(1);
}

static void settle(void) {
    gn_error e = {GN_OK, "", ""};
    if (!gn_cuda_wait(c, &e))
        stop("the GPU", &e);
}

/* Seconds of one call of f(i), the best of three rounds of `n` calls. */
template <class F> static double seconds(int n, F f) {
    cudaEvent_t from, to;
    float best = 1e30f;
    cudaEventCreate(&from);
    cudaEventCreate(&to);
    for (int round = 0; round < (quick ? 1 : 3); round++) {
        f(0);
        settle();
        cudaEventRecord(from, c->stream);
        for (int i = 0; i < n; i++)
            f(i);
        cudaEventRecord(to, c->stream);
        cudaEventSynchronize(to);
        settle();
        float ms = 0;
        cudaEventElapsedTime(&ms, from, to);
        best = ms < best ? ms : best;
    }
    cudaEventDestroy(from);
    cudaEventDestroy(to);
    return (double)best / 1e3 / n;
}

static void say(const char *name, double value, const char *unit) {
    printf("%-44s %12.2f %s\n", name, value, unit);
    fflush(stdout);
}

static gn_mat floats(int rows, int cols) {
    gn_mat m = {static_cast<float *>(d->op->alloc(d, (size_t)rows * (size_t)cols * 4)), rows, cols,
                cols};
    gn_error e = {GN_NO_MEMORY, "no memory", ""};
    if (!m.data)
        stop("matrices", &e);
    return m;
}

static gn_weight weights(int format, int n, int rows, int cols) {
    const size_t row = (size_t)(cols / gn_shapes[format].block) * (size_t)gn_shapes[format].bytes;
    std::vector<uint8_t> data(row * (size_t)rows * (size_t)n, 1);
    gn_weight w;
    gn_error e = {GN_OK, "", ""};
    memset(&w, 0, sizeof w);
    w.data = data.data();
    w.format = format;
    w.n = n;
    w.rows = rows;
    w.cols = cols;
    w.step = row * (size_t)rows;
    if (!d->op->place(d, &w, false, &e))
        stop("weights", &e);
    return w;
}

/* ---- 1. memory, products, launches --------------------------------------------------- */

GN_KERNEL(32) nothing(int v) {
    (void)v;
    GN_WAIT();
}

static void memory(void) {
    const size_t bytes = (size_t)(quick ? 1 : 1024) << 20;
    void *a = d->op->alloc(d, bytes), *b = d->op->alloc(d, bytes);
    const double s = seconds(quick ? 2 : 10, [&](int) { d->op->copy(d, a, b, bytes); });
    say("copy, read and written", 2 * (double)bytes / s / 1e9, "GB/s");
    d->op->free(d, a);
    d->op->free(d, b);
}

/* With the overlap that core/cuda asks for where there is one, and without. */
static void launches(void) {
    const int n = quick ? 20 : 1000;
    const bool can = gn_cuda_early;
    for (int early = can; early >= 0; early--) {
        cudaGraph_t graph = NULL;
        cudaGraphExec_t exec = NULL;
        gn_cuda_early = early != 0;
        const double alone = seconds(n, [&](int) {
            const int zero = 0;
            GN_LAUNCH(nothing, dim3(1), 32, c->stream, zero);
        });
        say(early ? "an empty kernel that begins early, launched" : "an empty kernel, launched",
            alone * 1e6, "us");
        cudaStreamBeginCapture(c->stream, cudaStreamCaptureModeThreadLocal);
        for (int i = 0; i < n; i++) {
            const int zero = 0;
            GN_LAUNCH(nothing, dim3(1), 32, c->stream, zero);
        }
        cudaStreamEndCapture(c->stream, &graph);
        cudaGraphInstantiate(&exec, graph, 0);
        cudaGraphDestroy(graph);
        const double node = seconds(3, [&](int) { cudaGraphLaunch(exec, c->stream); }) / n;
        say(early ? "one that begins early, a node of a graph"
                  : "an empty kernel, a node of a graph",
            node * 1e6, "us");
        cudaGraphExecDestroy(exec);
    }
    gn_cuda_early = can;
}

static const struct {
    const char *name;
    int rows, cols;
} shapes[] = {
    {"h-350m in", 3376, 768},   {"h-350m out", 768, 1536}, {"h-350m gate", 2048, 768},
    {"h-350m down", 768, 2048}, {"h-tiny in", 6448, 1536}, {"h-small in", 16768, 4096},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void products(void) {
    static const int T[] = {64, 256, 1024, 4096};
    for (int i = 0; i < (quick ? 1 : (int)SHAPES); i++) {
        gn_weight w = weights(GN_Q8_0, 1, quick ? 64 : shapes[i].rows, quick ? 64 : shapes[i].cols);
        for (int k = 0; k < (quick ? 1 : 4); k++) {
            gn_mat x = floats(T[k], w.cols), y = floats(T[k], w.rows);
            gn_product p = {y, &w, NULL};
            char name[80];
            const double s = seconds(quick ? 1 : 20, [&](int) {
                d->op->step_begin(d, GN_READ, NULL);
                d->op->linear(d, x, &p, 1);
                d->op->step_end(d);
            });
            snprintf(name, sizeof name, "q8_0 %s, %d rows", shapes[i].name, T[k]);
            say(name, 2e-12 * T[k] * (double)w.rows * (double)w.cols / s, "TFLOP/s");
            d->op->free(d, x.data);
            d->op->free(d, y.data);
        }
    }
}

/* ---- 2. a few rows --------------------------------------------------------------------- */

static void few(void) {
    static const int formats[] = {GN_F16,  GN_BF16, GN_Q8_0, GN_Q4_0, GN_Q4_1,   GN_Q2_K,
                                  GN_Q3_K, GN_Q4_K, GN_Q5_K, GN_Q6_K, GN_IQ4_NL, GN_IQ4_XS};
    const int rows = quick ? 16 : 4096, cols = quick ? 256 : 4096, copies = quick ? 2 : 16;
    static const int T[] = {1, 8, 64};
    for (int f : formats) {
        gn_weight w = weights(f, copies, rows, cols);
        for (int k = 0; k < (quick ? 1 : 3); k++) {
            gn_mat x = floats(T[k], cols), y = floats(T[k], rows);
            char name[80];
            const double s = seconds(copies * (quick ? 1 : 4), [&](int i) {
                gn_weight one = w;
                one.data = static_cast<const uint8_t *>(w.data) + (size_t)(i % copies) * w.step;
                gn_product p = {y, &one, NULL};
                d->op->step_begin(d, GN_WRITE, NULL);
                d->op->linear(d, x, &p, 1);
                d->op->step_end(d);
            });
            snprintf(name, sizeof name, "%d x %d of format %d, %d rows", rows, cols, f, T[k]);
            say(name, (double)w.step / s / 1e9, "GB/s of weights");
            d->op->free(d, x.data);
            d->op->free(d, y.data);
        }
    }
}

/* ---- 3. the recurrence and attention ----------------------------------------------------- */

static gn_weight ones(int n) {
    std::vector<float> v((size_t)n, 0.5f);
    gn_weight w;
    gn_error e = {GN_OK, "", ""};
    memset(&w, 0, sizeof w);
    w.data = v.data();
    w.format = GN_F32;
    w.n = w.rows = 1;
    w.cols = n;
    w.step = (size_t)n * 4;
    if (!d->op->place(d, &w, false, &e))
        stop("weights", &e);
    return w;
}

static void ssd(const char *name, int heads, int P, int N, int lanes, int tokens) {
    const int T = lanes * tokens;
    gn_mat x = floats(T, heads * P), dt = floats(T, heads), B = floats(T, N), C = floats(T, N),
           y = floats(T, heads * P);
    const size_t state = (size_t)heads * (size_t)P * (size_t)N;
    gn_mat memory_of = floats(lanes, (int)state);
    gn_ssd_params p = {ones(heads), ones(heads), ones(heads), 1, 0.0f, 1e9f};
    gn_ssd_in in = {x, dt, B, C};
    std::vector<gn_lane> lane((size_t)lanes);
    for (int i = 0; i < lanes; i++) {
        memset(&lane[(size_t)i], 0, sizeof(gn_lane));
        lane[(size_t)i].first = i * tokens;
        lane[(size_t)i].count = tokens;
        lane[(size_t)i].past = 1;
        lane[(size_t)i].from.recurrent = lane[(size_t)i].to.recurrent =
            memory_of.data + (size_t)i * state;
    }
    gn_lanes all = {lanes, lane.data()};
    const double s = seconds(quick ? 1 : 10, [&](int) { d->op->ssd(d, y, &in, &p, &all, 0); });
    char text[80];
    snprintf(text, sizeof text, "ssd %s, %d lanes of %d", name, lanes, tokens);
    say(text, T / s / 1e6, "M tokens/s of a layer");
    if (tokens == 1)
        say("  of its states", 8e-9 * (double)lanes * (double)state / s, "GB/s");
    for (gn_mat m : {x, dt, B, C, y, memory_of})
        d->op->free(d, m.data);
}

static void attention(int q, int kv, int dims, int lanes, int tokens, int past) {
    const int T = lanes * tokens, K = kv * dims, room = past + tokens;
    gn_mat Q = floats(T, q * dims), k = floats(T, K), v = floats(T, K), y = floats(T, q * dims);
    gn_mat cache = floats(lanes, 2 * room * K);
    std::vector<gn_lane> lane((size_t)lanes);
    for (int i = 0; i < lanes; i++) {
        memset(&lane[(size_t)i], 0, sizeof(gn_lane));
        lane[(size_t)i].first = i * tokens;
        lane[(size_t)i].count = tokens;
        lane[(size_t)i].past = past;
        lane[(size_t)i].from.kv = lane[(size_t)i].to.kv = cache.data + (size_t)i * 2 * room * K;
        lane[(size_t)i].from.capacity = lane[(size_t)i].to.capacity = room;
    }
    gn_lanes all = {lanes, lane.data()};
    const double s =
        seconds(quick ? 1 : 10, [&](int) { d->op->attend(d, y, Q, k, v, dims, 0.1f, &all, 0); });
    char text[80];
    snprintf(text, sizeof text, "attention, %d lanes of %d after %d", lanes, tokens, past);
    say(text, T / s / 1e6, "M tokens/s of a layer");
    for (gn_mat m : {Q, k, v, y, cache})
        d->op->free(d, m.data);
}

int main(int argc, char **argv) {
    gn_error e = {GN_OK, "", ""};
    gn_cuda_options o = {false, 0};
    quick = argc > 1 && strcmp(argv[1], "quick") == 0;
    d = gn_cuda_module_open(&o, &e);
    if (!d)
        stop("open", &e);
    c = gn_cuda_of(d);
    printf("device %s\nnumerics %s\n", d->describe, d->numerics);
    memory();
    products();
    launches();
    few();
    const int T = quick ? 8 : 2048, L = quick ? 2 : 64, past = quick ? 600 : 8192;
    ssd("h-350m", quick ? 2 : 48, 32, 128, 1, T);
    ssd("h-350m", quick ? 2 : 48, 32, 128, L, 1);
    ssd("h-small", quick ? 2 : 128, 64, 128, 1, T);
    ssd("h-small", quick ? 2 : 128, 64, 128, L, 1);
    attention(12, 4, 64, 1, T, 0);
    attention(12, 4, 64, 1, 1, past);
    attention(12, 4, 64, L, 1, past);
    gn_device_close(d);
    return 0;
}
