/* test_linear.c - products with every number format on every instruction set. */
/* floor: gn_cpu */
#include "tests/unit/temporary.h"
#include "tests/unit/weights.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST = 130 };
static const int some_T[] = {1, 2, 3, 4, 5, 7, 8, 16, 33, 64, 65, 130};
enum { SOME_T = sizeof some_T / sizeof *some_T };

/* y [T, rows] of one product, alone in its step. */
static void product(gn_device *d, float *y, const float *x, const gn_weight *w, int T,
                    gn_step_kind kind) {
    const gn_lanes none = {0};
    gn_step_begin(d, kind, &none);
    gn_linear(d, (gn_mat){(float *)x, T, w->cols, w->cols},
              &(gn_product){{y, T, w->rows, w->rows}, w, NULL}, 1);
    gn_step_end(d);
}

/* What a product is, in f64; size: the sum of the terms' magnitudes. */
static void define(double *y, double *size, const float *x, const float *w, int T, int rows,
                   int cols) {
    for (int t = 0; t < T; t++)
        for (int r = 0; r < rows; r++) {
            double sum = 0, magnitude = 0;
            for (int k = 0; k < cols; k++) {
                const double term = (double)x[t * cols + k] * (double)w[r * cols + k];
                sum += term;
                magnitude += fabs(term);
            }
            y[t * rows + r] = sum;
            size[t * rows + r] = magnitude;
        }
}

static bool within(const float *y, const double *want, const double *size, int n, double part) {
    for (int i = 0; i < n; i++)
        if (!(fabs((double)y[i] - want[i]) <= part * size[i] + 1e-30)) {
            printf("  [%d] %.9g, want %.9g of %.3g\n", i, (double)y[i], want[i], size[i]);
            return false;
        }
    return true;
}

/* Columns of a row: of whole blocks, not always of whole vectors. */
static int columns(int format, int i) {
    const int block = gn_format_of(format)->block;
    static const int small[] = {24, 100, 272}, blocks[] = {3, 10, 7}, super[] = {1, 3, 2};
    return block == 1 ? small[i] : block == 32 ? 32 * blocks[i] : 256 * super[i];
}

TEST(linear_exact_equals_f64_and_fast_is_within_rounding_of_activations) {
    static float y[MOST * 70];
    static double want[MOST * 70], size[MOST * 70];
    const int some_rows[] = {1, 37, 67};
    for (int format = 0; format < GN_FORMATS; format++)
        for (int i = 0; i < 3; i++) {
            const int rows = some_rows[i], cols = columns(format, i), T = 9;
            gn_weight w = random_weight(format, 1, rows, cols);
            float *x = random_rows(T, cols), *plain = unpacked(&w, 0);
            define(want, size, x, plain, T, rows, cols);
            for (int s = 0; s < ISAS; s++)
                for (int exact = 0; exact < 2; exact++) {
                    gn_device *d = device(isas[s], exact, false, 2);
                    if (!d)
                        continue;
                    const gn_weight p = placed(d, w);
                    for (int kind = GN_READ; kind <= GN_WRITE; kind++) {
                        product(d, y, x, &p, T, (gn_step_kind)kind);
                        const double part = exact ? 2e-6 : format == GN_Q8_0 ? 1e-4 : 1.2e-2;
                        if (!CHECK(within(y, want, size, T * rows, part)))
                            printf("  %s %s exact %d rows %d cols %d\n", gn_format_of(format)->name,
                                   isas[s], exact, rows, cols);
                    }
                    gn_device_close(d);
                }
            free(x);
            free(plain);
            free((void *)w.data);
        }
}

/* How the bits of a row could depend on what they may not depend on: the number of
 * tokens, the token's place, threads, and whether the file's blocks were repacked. */
static void check_bits(const char *isa, bool exact, int format, gn_step_kind kind) {
    const int rows = 83, cols = columns(format, 1);
    gn_device *first = device(isa, exact, false, 1);
    if (!first)
        return;
    static float want[MOST * 83], y[MOST * 83];
    gn_weight w = random_weight(format, 1, rows, cols);
    float *x = random_rows(MOST, cols);
    const gn_weight p = placed(first, w);
    for (int t = 0; t < MOST; t++)
        product(first, want + t * rows, x + t * cols, &p, 1, kind);

    for (int threads = 1; threads <= 3; threads++)
        for (int mapped = 0; mapped < 2; mapped++) {
            gn_device *d = device(isa, exact, mapped, threads);
            const gn_weight q = placed(d, w);
            for (int i = 0; i < SOME_T; i++) {
                const int at = (MOST - some_T[i]) / 2;
                product(d, y, x + at * cols, &q, some_T[i], kind);
                if (!CHECK(!memcmp(y, want + at * rows, (size_t)(some_T[i] * rows) * sizeof *y)))
                    printf("  %s %s exact %d kind %d T %d threads %d mapped %d\n",
                           gn_format_of(format)->name, isa, exact, (int)kind, some_T[i], threads,
                           mapped);
            }
            gn_device_close(d);
        }
    gn_device_close(first);
    free(x);
    free((void *)w.data);
}

TEST(linear_bits_do_not_depend_on_tokens_place_threads_or_packing) {
    for (int s = 0; s < ISAS; s++)
        for (int format = 0; format < GN_FORMATS; format++)
            for (int kind = GN_READ; kind <= GN_WRITE; kind++)
                check_bits(isas[s], false, format, (gn_step_kind)kind);
}

TEST(linear_exact_bits_do_not_depend_on_the_same) {
    for (int s = 0; s < ISAS; s++)
        for (int format = 0; format < GN_FORMATS; format++)
            check_bits(isas[s], true, format, GN_READ);
}

TEST(linear_exact_reads_and_writes_with_one_arithmetic) {
    static float a[3 * 83], b[3 * 83];
    for (int s = 0; s < ISAS; s++) {
        gn_device *d = device(isas[s], true, false, 2);
        if (!d)
            continue;
        for (int format = 0; format < GN_FORMATS; format++) {
            gn_weight w = random_weight(format, 1, 83, columns(format, 1));
            float *x = random_rows(3, w.cols);
            const gn_weight p = placed(d, w);
            product(d, a, x, &p, 3, GN_READ);
            product(d, b, x, &p, 3, GN_WRITE);
            CHECK_SAME(a, b, 3 * 83);
            free(x);
            free((void *)w.data);
        }
        gn_device_close(d);
    }
}

TEST(linear_takes_products_of_mixed_formats_with_bias_and_strides) {
    const int format[] = {GN_Q4_K, GN_F32, GN_Q8_0, GN_BF16, GN_Q6_K},
              rows[] = {33, 5, 64, 17, 129};
    enum { N = 5, T = 6, COLS = 512, WIDE = 300, APART = 11 };
    for (int s = 0; s < ISAS; s++) {
        gn_device *d = device(isas[s], false, false, 2);
        if (!d)
            continue;
        static float y[T * WIDE], alone[T * WIDE], in[T * (COLS + APART)];
        gn_weight w[N], p[N], bias[N];
        gn_product list[N];
        float *x = random_rows(T, COLS);
        for (int t = 0; t < T; t++)
            memcpy(in + t * (COLS + APART), x + t * COLS, COLS * sizeof *x);
        for (int i = 0, at = 0; i < N; at += rows[i++] + 7) {
            w[i] = random_weight(format[i], 1, rows[i], COLS);
            bias[i] = random_weight(GN_F32, 1, 1, rows[i]);
            p[i] = placed(d, w[i]);
            list[i] = (gn_product){{y + at, T, rows[i], WIDE}, &p[i], i == 1 ? NULL : &bias[i]};
        }
        for (int i = 0; i < T * WIDE; i++)
            y[i] = 777.0f;
        const gn_lanes none = {0};
        gn_step_begin(d, GN_WRITE, &none);
        gn_linear(d, (gn_mat){in, T, COLS, COLS + APART}, list, N);
        gn_step_end(d);
        int touched = 0;
        for (int i = 0; i < N; i++) {
            product(d, alone, x, &p[i], T, GN_WRITE);
            for (int t = 0; t < T; t++)
                for (int r = 0; r < rows[i]; r++, touched++) {
                    const float b = i == 1 ? 0.0f : ((const float *)bias[i].data)[r];
                    CHECK(list[i].y.data[t * WIDE + r] == alone[t * rows[i] + r] + b);
                }
        }
        for (int i = 0; i < T * WIDE; i++)
            touched += y[i] == 777.0f;
        CHECK(touched == T * WIDE);
        for (int i = 0; i < N; i++) {
            free((void *)w[i].data);
            free((void *)bias[i].data);
        }
        free(x);
        gn_device_close(d);
    }
}

TEST(embed_is_the_unpacked_row_times_the_scale) {
    const int32_t token[] = {0, 36, 17, 16, 36};
    for (int s = 0; s < ISAS; s++)
        for (int mapped = 0; mapped < 2; mapped++) {
            gn_device *d = device(isas[s], false, mapped, 2);
            if (!d)
                continue;
            for (int format = 0; format < GN_FORMATS; format++) {
                gn_weight w = random_weight(format, 1, 37, columns(format, 2));
                float *plain = unpacked(&w, 0), *x = random_rows(5, w.cols);
                const gn_weight p = placed(d, w);
                gn_embed(d, (gn_mat){x, 5, w.cols, w.cols}, &p, token, 12.0f);
                for (int t = 0; t < 5; t++)
                    for (int i = 0; i < w.cols; i++)
                        plain[token[t] * w.cols + i] *= t == 4 ? 1.0f : 12.0f;
                for (int t = 0; t < 5; t++)
                    CHECK_SAME(x + t * w.cols, plain + token[t] * w.cols, (size_t)w.cols);
                free(plain);
                free(x);
                free((void *)w.data);
            }
            gn_device_close(d);
        }
}

/* Its bytes in a file, as a checkpoint's are. */
static gn_weight in_a_file(gn_weight w) {
    const size_t bytes = (size_t)w.rows * gn_row_bytes(w.format, w.cols);
    put("weight", w.data, bytes);
    free((void *)w.data);
    const int fd = open(in_folder("weight"), O_RDONLY);
    w.data = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    CHECK(w.data != MAP_FAILED);
    return w;
}

TEST(weights_move_from_the_file_in_pieces_and_no_bit_changes) {
    enum { ROWS = 6000, COLS = 4096 };
    static float want[ROWS], y[ROWS];
    const gn_lane lane = {.count = 1};
    const gn_lanes one = {1, &lane};
    gn_error e = {0};
    for (int s = 0; s < ISAS; s++) {
        gn_device *d =
            gn_cpu_open(&(gn_cpu_options){.threads = 2, .isa = isas[s], .may_wait = true}, &e);
        if (!d)
            continue;
        const gn_weight own = in_a_file(random_weight(GN_Q8_0, 1, ROWS, COLS));
        gn_weight w = own, next = own, last = own;
        float *x = random_rows(1, COLS);
        CHECK(gn_place(d, &w, true, &e) && gn_place(d, &next, true, &e) &&
              gn_place(d, &last, true, &e));
        product(d, want, x, &w, 1, GN_WRITE);
        int pieces = 0;
        for (bool more = true; more && pieces < 10; pieces++) { /* all of one, some of the other */
            more = gn_settle(d);
            CHECK(more);
            product(d, y, x, pieces < 9 ? &w : &next, 1, GN_WRITE);
            CHECK_SAME(y, want, ROWS);
        }
        gn_step_begin(d, GN_WRITE, &one); /* the first step places nothing, the next goes on */
        gn_step_end(d);
        CHECK(gn_settle(d));
        gn_step_begin(d, GN_WRITE, &one);
        gn_step_end(d);
        CHECK(!gn_settle(d) && !gn_settle(d));
        const gn_weight *const all[] = {&w, &next, &last};
        for (int i = 0; i < 3; i++) {
            product(d, y, x, all[i], 1, GN_WRITE);
            CHECK_SAME(y, want, ROWS);
        }
        free(x);
        gn_device_close(d);
        munmap((void *)own.data, (size_t)ROWS * gn_row_bytes(GN_Q8_0, COLS));
    }
}
