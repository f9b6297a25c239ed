/* check.h - tests are sentences: TEST(ssd_may_stop_after_any_token_and_go_on) { CHECK(...); }
 *
 * A test program is one tests/unit/test_*.c; its second line names the libraries it
 * needs (see CMakeLists.txt). Run with a word to run the tests whose name holds it.
 * Closes with "N passed, N failed"; exit 1 when one failed.
 */
#ifndef GN_TESTS_CHECK_H
#define GN_TESTS_CHECK_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check_register(const char *name, void (*run)(void));
#define TEST(name)                                                                                 \
    static void name(void);                                                                        \
    __attribute__((constructor)) static void name##_register(void) {                               \
        check_register(#name, name);                                                               \
    }                                                                                              \
    static void name(void)

/* Each returns whether it held, so a test may stop. */
#define CHECK(cond) check_(cond, __FILE__, __LINE__, #cond)
bool check_(bool ok, const char *file, int line, const char *what);
#define CHECK_TEXT(got, want) check_text_(got, want, __FILE__, __LINE__)
bool check_text_(const char *got, const char *want, const char *file, int line);
/* |a - b| <= tol (1 + |b|) for each of n floats; NaN never holds. */
#define CHECK_NEAR(a, b, n, tol) check_near_(a, b, n, tol, __FILE__, __LINE__, #a " ~ " #b)
bool check_near_(const float *a, const float *b, size_t n, float tol, const char *file, int line,
                 const char *what);
/* Equal bit for bit. */
#define CHECK_SAME(a, b, n) check_near_(a, b, n, 0.0f, __FILE__, __LINE__, #a " = " #b)

/* A fixture of tests/oracle (format: '#' comments, then NAME f32|i32 D0 D1 ... and the
 * numbers, again and again). Aborts the program with a message when it is broken. */
typedef struct check_vec {
    char name[96];
    int dims, dim[4];
    size_t n;
    float *f; /* f32 */
    int *i;   /* i32 */
} check_vec;
typedef struct check_fixture {
    check_vec *vec;
    int count;
} check_fixture;
check_fixture check_load(const char *path);
const check_vec *check_find(const check_fixture *f, const char *name); /* aborts if absent */
void check_release(check_fixture *f);

#endif
