/* check.c - see check.h. */
#include "tests/check.h"

#include <ctype.h>

static struct {
    const char *name;
    void (*run)(void);
} tests[1024];
static int n_tests;
static bool ok_so_far;

void check_register(const char *name, void (*run)(void)) {
    tests[n_tests].name = name;
    tests[n_tests++].run = run;
}

bool check_(bool ok, const char *file, int line, const char *what) {
    if (!ok) {
        ok_so_far = false;
        printf("  %s:%d: %s\n", file, line, what);
    }
    return ok;
}

bool check_text_(const char *got, const char *want, const char *file, int line) {
    bool ok = got && want && strcmp(got, want) == 0;
    if (!ok) {
        ok_so_far = false;
        printf("  %s:%d:\n    got  \"%s\"\n    want \"%s\"\n", file, line, got ? got : "(null)",
               want ? want : "(null)");
    }
    return ok;
}

bool check_near_(const float *a, const float *b, size_t n, float tol, const char *file, int line,
                 const char *what) {
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(a[i] - b[i]) <= tol * (1 + fabsf(b[i])))) {
            ok_so_far = false;
            printf("  %s:%d: %s: at %zu of %zu, %.9g against %.9g\n", file, line, what, i, n,
                   (double)a[i], (double)b[i]);
            return false;
        }
    return true;
}

static void broken(const char *path, const char *what) {
    printf("fixture %s: %s\n", path, what);
    exit(2);
}

check_fixture check_load(const char *path) {
    check_fixture out = {0};
    FILE *f = fopen(path, "r");
    char word[96], type[8];
    if (!f)
        broken(path, "cannot be opened");
    for (int c; (c = fgetc(f)) != EOF;) {
        if (isspace(c))
            continue;
        if (c == '#') {
            while ((c = fgetc(f)) != EOF && c != '\n')
                ;
            continue;
        }
        ungetc(c, f);
        if (fscanf(f, "%95s %7s", word, type) != 2)
            broken(path, "expected NAME TYPE");
        out.vec = realloc(out.vec, sizeof *out.vec * (size_t)(out.count + 1));
        check_vec *v = &out.vec[out.count++];
        memset(v, 0, sizeof *v);
        snprintf(v->name, sizeof v->name, "%s", word);
        v->n = 1;
        while ((c = fgetc(f)) != EOF && c != '\n')
            if (isdigit(c)) {
                ungetc(c, f);
                if (v->dims == 4 || fscanf(f, "%d", &v->dim[v->dims]) != 1)
                    broken(path, word);
                v->n *= (size_t)v->dim[v->dims++];
            }
        if (strcmp(type, "f32") == 0)
            v->f = malloc(v->n * sizeof *v->f + 1);
        else
            v->i = malloc(v->n * sizeof *v->i + 1);
        for (size_t k = 0; k < v->n; k++)
            if ((v->f ? fscanf(f, "%f", &v->f[k]) : fscanf(f, "%d", &v->i[k])) != 1)
                broken(path, word);
    }
    fclose(f);
    return out;
}

const check_vec *check_find(const check_fixture *f, const char *name) {
    for (int i = 0; i < f->count; i++)
        if (strcmp(f->vec[i].name, name) == 0)
            return &f->vec[i];
    broken("", name);
    return NULL;
}

void check_release(check_fixture *f) {
    for (int i = 0; i < f->count; i++) {
        free(f->vec[i].f);
        free(f->vec[i].i);
    }
    free(f->vec);
    *f = (check_fixture){0};
}

int main(int argc, char **argv) {
    int passed = 0, failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 0; i < n_tests; i++) {
        if (argc > 1 && !strstr(tests[i].name, argv[1]))
            continue;
        ok_so_far = true;
        tests[i].run();
        printf("%s %s\n", ok_so_far ? "ok  " : "FAIL", tests[i].name);
        if (ok_so_far)
            passed++;
        else
            failed++;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
