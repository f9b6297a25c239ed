/* linear.c - how fast products with a weight are, beside what the machine can do.
 *
 * Prints, for each format, GB/s of weights read at one token and billions of operations (a
 * multiply and an add) a second at several counts of tokens; before them the
 * rate of a plain read loop over the same memory.
 *
 *   linear [ISA [THREADS [K N [FORMAT...]]]]
 *
 * Build beside the libraries of a build folder B:
 *   cc -O2 -I. -o linear tests/bench/rungs/linear.c B/libgn_cpu.a B/libgn_num.a B/libgn_base.a
 *      -ldl -lpthread -lm
 */
#include "core/base/clock.h"
#include "core/base/pool.h"
#include "core/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 160 << 20, ROUNDS = 5 };
static const int tokens[] = {1, 2, 4, 8, 16, 32, 64, 128, 512};

static double best_of(void (*once)(void *), void *arg) {
    double best = 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        const double start = gn_seconds();
        once(arg);
        const double took = gn_seconds() - start;
        best = took < best ? took : best;
    }
    return best;
}

typedef struct bench {
    gn_device *d;
    gn_weight *w;
    int n, T;
    float *x, *y;
} bench;

static void once(void *arg) {
    const bench *b = arg;
    const gn_lanes none = {0};
    gn_step_begin(b->d, b->T > 4 ? GN_READ : GN_WRITE, &none);
    for (int i = 0; i < b->n; i++) {
        const gn_weight *w = &b->w[i];
        gn_linear(b->d, (gn_mat){b->x, b->T, w->cols, w->cols},
                  &(gn_product){{b->y, b->T, w->rows, w->rows}, w, NULL}, 1);
    }
    gn_step_end(b->d);
}

typedef struct reading {
    gn_pool *pool;
    uint64_t *data;
    size_t words;
} reading;

static volatile uint64_t sink;

static void read_part(void *arg, int part, int thread) {
    const reading *r = arg;
    const size_t n = r->words / 64;
    const uint64_t *at = r->data + (size_t)part * n;
    uint64_t sum[8] = {0};
    (void)thread;
    for (size_t i = 0; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++)
            sum[k] += at[i + (size_t)k];
    for (int k = 0; k < 8; k++)
        sink += sum[k];
}

static void read_once(void *arg) { gn_pool_run(((reading *)arg)->pool, 64, read_part, arg); }

int main(int argc, char **argv) {
    gn_error e = {0};
    const char *isa = argc > 1 ? argv[1] : NULL;
    const int threads = argc > 2 ? atoi(argv[2]) : gn_processors();
    const int K = argc > 4 ? atoi(argv[3]) : 768, N = argc > 4 ? atoi(argv[4]) : 4096;
    bench b = {.d = gn_cpu_open(&(gn_cpu_options){.threads = threads, .isa = isa}, &e)};
    if (!b.d) {
        printf("%s\n", e.message);
        return 1;
    }
    printf("%s, %d x %d\n", b.d->describe, N, K);
    for (int f = 0; f < GN_FORMATS; f++) {
        bool wanted = argc <= 5;
        for (int i = 5; i < argc; i++)
            wanted |= !strcmp(argv[i], gn_format_of(f)->name);
        if (!wanted)
            continue;
        const size_t bytes = (size_t)N * gn_row_bytes(f, K);
        b.n = (int)(BYTES / bytes) + 1;
        b.w = calloc((size_t)b.n, sizeof *b.w);
        b.x = malloc(512 * (size_t)K * 4);
        b.y = malloc(512 * (size_t)N * 4);
        uint8_t *data = malloc(bytes);
        for (size_t i = 0; i < bytes; i++)
            data[i] = (uint8_t)((i * 2654435761u) >> 13 & 0x3b);
        for (int i = 0; i < 512 * K; i++)
            b.x[i] = (float)(i % 97 - 48) * 0.02f;
        for (int i = 0; i < b.n; i++) {
            b.w[i] =
                (gn_weight){.data = data, .format = f, .n = 1, .rows = N, .cols = K, .step = bytes};
            if (!gn_place(b.d, &b.w[i], false, &e))
                return 1;
        }
        reading r = {gn_pool_new(threads, &e), (uint64_t *)b.w[b.n - 1].data, 0};
        r.data = malloc(BYTES);
        memset(r.data, 1, BYTES);
        r.words = BYTES / 8;
        printf("%-7s read %5.1f GB/s;", gn_format_of(f)->name,
               BYTES / best_of(read_once, &r) / 1e9);
        for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
            b.T = tokens[i];
            const int all = b.n;
            b.n = b.T >= 64 ? (all + 7) / 8 : all;
            const double t = best_of(once, &b);
            if (i == 0)
                printf(" %5.1f GB/s;", (double)bytes * b.n / t / 1e9);
            printf(" T%d %.0f", b.T, 2.0 * b.T * K * N * b.n / t / 1e9);
            fflush(stdout);
            b.n = all;
        }
        printf("\n");
        gn_pool_free(r.pool);
        free(r.data);
        free(data);
        free(b.w);
        free(b.x);
        free(b.y);
    }
    gn_device_close(b.d);
    return 0;
}
