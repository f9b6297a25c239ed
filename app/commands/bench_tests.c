/* bench_tests.c - which tests there are: from the lists typed to a table. */
#include "app/commands/bench.h"

#include <stdio.h>
#include <string.h>

enum { DOCUMENTS = 24, CONTEXT = 120, ENDINGS = 4, ENDING = 42 };   /* score */
enum { SHARED = 700, QUESTIONS = 20, QUESTION = 105, ANSWERS = 4 }; /* fewshot */
enum { SESSION = 256, BATCH_PROMPT = 64, BATCH_TOKENS = 32 };

int gn_bench_numbers(const char *name, const char *list, int least, int *out, int most,
                     gn_error *e) {
    gn_slice rest = gn_slice_of(list);
    int n = 0;
    for (bool more = true; more; n++) {
        const ptrdiff_t comma = gn_slice_find(rest, GN_S(","));
        const gn_slice piece = {rest.data, comma < 0 ? rest.len : (size_t)comma};
        int64_t v;
        if (!gn_parse_integer(piece, &v) || v < least || v > 1 << 24 || n == most) {
            gn_fail(e, GN_INVALID, "%s wants numbers from %d on with commas between, not '%.60s'",
                    name, least, list);
            return -1;
        }
        out[n] = (int)v;
        more = comma >= 0;
        rest = gn_slice_from(rest, piece.len + 1);
    }
    return n;
}

typedef struct adding {
    gn_bench_test *test;
    int n;
    int64_t context;
    gn_error *e;
} adding;

static bool add(adding *a, gn_bench_test t, int64_t longest, const char *name) {
    snprintf(t.name, sizeof t.name, "%s", name);
    if (longest > a->context)
        return gn_fail(a->e, GN_UNSUPPORTED,
                       "%s needs %lld tokens, the context has %lld; raise --ctx or ask for less",
                       name, (long long)longest, (long long)a->context);
    if (a->n == GN_BENCH_MOST)
        return gn_fail(a->e, GN_INVALID, "more than %d tests at once", GN_BENCH_MOST);
    a->test[a->n++] = t;
    return true;
}

static void at_depth(char name[48], const char *test, int n, int depth) {
    if (depth)
        snprintf(name, 48, "%s%d@d%d", test, n, depth);
    else
        snprintf(name, 48, "%s%d", test, n);
}

static bool add_lengths(adding *a, gn_bench_kind kind, const char *list, const char *depths) {
    const bool prompt = kind == GN_BENCH_PROMPT;
    int length[16], depth[16];
    const int n = gn_bench_numbers(prompt ? "-p" : "-n", list, 0, length, 16, a->e),
              d = gn_bench_numbers("-d", depths, 0, depth, 16, a->e);
    for (int i = 0; i < d; i++)
        for (int k = 0; n > 0 && k < n; k++) {
            char name[48];
            if (length[k] == 0)
                continue;
            at_depth(name, prompt ? "pp" : "tg", length[k], depth[i]);
            const gn_bench_test t = {.kind = kind,
                                     .n_prompt = prompt ? length[k] : 0,
                                     .n_gen = prompt ? 0 : length[k],
                                     .depth = depth[i],
                                     .batch = 1,
                                     .tokens = length[k]};
            if (!add(a, t, (int64_t)depth[i] + length[k] + 1, name))
                return false;
        }
    return n >= 0 && d >= 0;
}

static bool add_batches(adding *a, const char *list) {
    int batch[16];
    const int n = gn_bench_numbers("-b", list, 1, batch, 16, a->e);
    for (int i = 0; i < n; i++) {
        char name[48];
        snprintf(name, sizeof name, "tg%db%d", BATCH_TOKENS, batch[i]);
        const gn_bench_test t = {.kind = GN_BENCH_BATCH,
                                 .n_prompt = BATCH_PROMPT,
                                 .n_gen = BATCH_TOKENS,
                                 .batch = batch[i],
                                 .tokens = (double)BATCH_TOKENS * batch[i]};
        if (!add(a, t, BATCH_PROMPT + BATCH_TOKENS + 1, name))
            return false;
    }
    return n >= 0;
}

static bool add_word(adding *a, const gn_bench_plan *p, const char *word) {
    static const struct {
        const char *word;
        gn_bench_test test;
        int longest;
    } fixed[] = {
        {"score",
         {.kind = GN_BENCH_SCORE,
          .n_prompt = CONTEXT,
          .n_gen = ENDING,
          .batch = DOCUMENTS,
          .tokens = (double)DOCUMENTS * (CONTEXT + ENDINGS * ENDING)},
         CONTEXT + ENDING},
        {"fewshot",
         {.kind = GN_BENCH_FEWSHOT,
          .n_prompt = SHARED,
          .n_gen = QUESTION,
          .batch = QUESTIONS,
          .tokens = SHARED + (double)QUESTIONS * QUESTION},
         SHARED + QUESTION + 1},
        {"load", {.kind = GN_BENCH_LOAD}, 1},
        {"save", {.kind = GN_BENCH_SAVE, .n_prompt = SESSION}, SESSION},
        {"write", {.kind = GN_BENCH_WRITE, .n_prompt = SESSION}, SESSION},
        {"restore", {.kind = GN_BENCH_RESTORE, .n_prompt = SESSION}, SESSION},
        {"fork", {.kind = GN_BENCH_FORK, .n_prompt = SESSION}, SESSION},
    };
    if (strcmp(word, "pp") == 0)
        return add_lengths(a, GN_BENCH_PROMPT, p->prompt, p->depth);
    if (strcmp(word, "tg") == 0)
        return add_lengths(a, GN_BENCH_GENERATE, p->generate, p->depth);
    if (strcmp(word, "batch") == 0)
        return add_batches(a, p->batch);
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strcmp(word, fixed[i].word) == 0)
            return add(a, fixed[i].test, fixed[i].longest, word);
    return gn_fail(a->e, GN_INVALID,
                   "--tests: there is no '%.30s'; there are pp, tg, batch, score, fewshot, load, "
                   "save, write, restore, fork and all",
                   word);
}

int gn_bench_tests(const gn_bench_plan *p, gn_bench_test *test, gn_error *e) {
    const bool all = strcmp(p->tests, "all") == 0;
    adding a = {.test = test, .context = p->context, .e = e};
    gn_slice rest =
        gn_slice_of(all ? "pp,tg,batch,score,fewshot,load,save,write,restore,fork" : p->tests);
    for (bool more = true; more;) {
        const ptrdiff_t comma = gn_slice_find(rest, GN_S(","));
        char word[32];
        snprintf(word, sizeof word, "%.*s", (int)(comma < 0 ? rest.len : (size_t)comma), rest.data);
        if (!add_word(&a, p, word))
            return -1;
        more = comma >= 0;
        rest = gn_slice_from(rest, (size_t)(comma + 1));
    }
    if (a.n == 0)
        gn_fail(e, GN_INVALID, "nothing to measure");
    return a.n ? a.n : -1;
}
