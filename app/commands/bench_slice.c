/* bench_slice.c - one slice: prepare, look at the clock, work, look again.
 *
 * Ids are drawn from the vocabulary, the same ones every time. What is measured goes in
 * by the engine's door as any command does: nothing here is a faster way in.
 */
#include "app/commands/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENDINGS = 4, ENDING = 42, ANSWERS = 4 };

static void draw(const gn_engine *g, int32_t *id, int64_t n, uint64_t from) {
    for (int64_t i = 0; i < n; i++)
        id[i] =
            (int32_t)(gn_splitmix64(from * 1000003 + (uint64_t)i) % (uint64_t)gn_engine_vocab(g));
}

static int32_t *drawn(const gn_engine *g, int64_t n, uint64_t from, gn_error *e) {
    int32_t *id = malloc((size_t)n * sizeof *id + 1);
    if (id)
        draw(g, id, n, from);
    else
        gn_fail(e, GN_NO_MEMORY, "bench: out of memory");
    return id;
}

/* ---- a checkpoint ------------------------------------------------------------------- */

bool gn_bench_open(gn_bench_model *m, gn_error *e) {
    m->engine = gn_engine_open(m->path, &m->options, e);
    if (m->engine)
        m->cost = gn_engine_cost(m->engine);
    return m->engine != NULL;
}

static void forget(gn_bench_model *m) {
    if (m->file[0])
        unlink(m->file);
    m->file[0] = 0;
    gn_session_free(m->base);
    m->base = NULL;
}

void gn_bench_close(gn_bench_model *m) {
    forget(m);
    gn_engine_close(m->engine);
    m->engine = NULL;
}

/* A session of so many tokens, kept until another depth is asked for. */
static bool stand_at(gn_bench_model *m, int depth, gn_error *e) {
    if (m->base && m->depth == depth)
        return true;
    forget(m);
    int32_t *id = drawn(m->engine, depth, 1, e);
    m->base = id ? gn_session_new(m->engine, e) : NULL;
    m->depth = depth;
    const bool ok = m->base && gn_session_feed(m->base, id, depth, GN_READ, NULL, NULL, e);
    free(id);
    if (!ok)
        forget(m);
    return ok;
}

/* ---- slices --------------------------------------------------------------------------- */

static bool prompt(gn_bench_model *m, const gn_bench_test *t, double *seconds, gn_error *e) {
    int32_t *id = drawn(m->engine, t->n_prompt, 2, e);
    gn_session *s = NULL;
    bool ok = id && (t->depth == 0 || stand_at(m, t->depth, e));
    if (ok)
        s = t->depth ? gn_session_fork(m->base, e) : gn_session_new(m->engine, e);
    const double began = gn_seconds();
    ok = s && gn_session_feed(s, id, t->n_prompt, GN_READ, NULL, NULL, e);
    *seconds = gn_seconds() - began;
    gn_session_free(s);
    free(id);
    return ok;
}

/* n_gen tokens in each of `batch` forks of a session; at depth 0 the first token is read. */
static bool generate(gn_bench_model *m, const gn_bench_test *t, int depth, double *seconds,
                     gn_error *e) {
    const size_t n = (size_t)t->batch;
    gn_job *job = calloc(n, sizeof *job), **list = calloc(n, sizeof *list);
    const int32_t first = 0;
    bool ok = (job && list) || gn_fail(e, GN_NO_MEMORY, "bench: out of memory");
    ok = ok && (depth == 0 || stand_at(m, depth, e));
    for (size_t i = 0; ok && i < n; i++) {
        job[i] = (gn_job){.limit = t->n_gen, .ignore_eos = true};
        list[i] = &job[i];
        if (depth)
            ok = (job[i].session = gn_session_fork(m->base, e)) != NULL;
        else {
            job[i].prompt = &first;
            job[i].n_prompt = 1;
        }
    }
    const double began = gn_seconds();
    ok = ok && gn_generate(m->engine, list, t->batch, NULL, e);
    *seconds = gn_seconds() - began;
    for (size_t i = 0; job && i < n; i++) {
        if (ok && job[i].error.code) {
            *e = job[i].error;
            ok = false;
        }
        gn_session_free(job[i].session);
        gn_job_release(&job[i]);
    }
    free(job);
    free(list);
    return ok;
}

/* `batch` documents after a prefix all share, each with n choices. */
static bool score(gn_bench_model *m, int shared, int documents, int context, int n, int length,
                  double *seconds, gn_error *e) {
    const size_t each = (size_t)context + (size_t)n * (size_t)length,
                 all = (size_t)shared + context;
    int32_t *id = drawn(m->engine, (int64_t)(each * (size_t)documents), 3, e),
            *before = drawn(m->engine, (int64_t)(all * (size_t)documents), 4, e);
    gn_score_request *r = calloc((size_t)(documents * n), sizeof *r);
    bool ok = id && before && r;
    for (int d = 0; ok && d < documents; d++) {
        int32_t *own = id + (size_t)d * each, *read = before + (size_t)d * all;
        memcpy(read, before, (size_t)shared * sizeof *read);
        memcpy(read + shared, own, (size_t)context * sizeof *read);
        for (int k = 0; k < n; k++)
            r[d * n + k] = (gn_score_request){.context = read,
                                              .n_context = (int64_t)all,
                                              .token = own + context + k * length,
                                              .n_token = length};
    }
    const double began = gn_seconds();
    if (ok)
        ok = gn_score(m->engine, r, documents * n, true, NULL, NULL, e);
    else if (e->code == GN_OK)
        gn_fail(e, GN_NO_MEMORY, "bench: out of memory");
    *seconds = gn_seconds() - began;
    free(id);
    free(before);
    free(r);
    return ok;
}

static bool load(gn_bench_model *m, double *seconds, gn_error *e) {
    const int32_t first = 0;
    const double began = gn_seconds();
    gn_engine *g = gn_engine_open(m->path, &m->options, e);
    gn_session *s = g ? gn_session_new(g, e) : NULL;
    const bool ok = s && gn_session_feed(s, &first, 1, GN_READ, NULL, NULL, e);
    *seconds = gn_seconds() - began;
    gn_session_free(s);
    gn_engine_close(g);
    return ok;
}

static void name_file(gn_bench_model *m) {
    const char *folder = getenv("TMPDIR");
    if (!m->file[0])
        snprintf(m->file, sizeof m->file, "%.30s/gneiss-bench-%d-%zx",
                 folder && strlen(folder) <= 30 ? folder : "/tmp", (int)getpid(),
                 (size_t)m % 65536);
}

static bool save(gn_bench_model *m, double *seconds, gn_error *e) {
    name_file(m);
    const double began = gn_seconds();
    const bool ok = gn_session_save(m->base, m->file, e);
    *seconds = gn_seconds() - began;
    return ok;
}

/* Saving as far as the session has to stand still for it. */
static bool write_out(gn_bench_model *m, double *seconds, gn_error *e) {
    char path[80];
    name_file(m);
    snprintf(path, sizeof path, "%s.w", m->file);
    const double began = gn_seconds();
    gn_saving *v = gn_session_save_begin(m->base, path, e);
    *seconds = gn_seconds() - began;
    gn_saving_abort(v);
    return v != NULL;
}

static bool restore(gn_bench_model *m, double *seconds, gn_error *e) {
    if (!m->file[0] && !save(m, seconds, e))
        return false;
    const double began = gn_seconds();
    gn_session *s = gn_session_load(m->engine, m->file, e);
    *seconds = gn_seconds() - began;
    gn_session_free(s);
    return s != NULL;
}

static bool fork_one(gn_bench_model *m, double *seconds, gn_error *e) {
    const double began = gn_seconds();
    gn_session *s = gn_session_fork(m->base, e);
    *seconds = gn_seconds() - began;
    gn_session_free(s);
    return s != NULL;
}

bool gn_bench_slice(gn_bench_model *m, const gn_bench_test *t, double *seconds, gn_error *e) {
    switch (t->kind) {
    case GN_BENCH_PROMPT:
        return prompt(m, t, seconds, e);
    case GN_BENCH_GENERATE:
        return generate(m, t, t->depth, seconds, e);
    case GN_BENCH_BATCH:
        return generate(m, t, t->n_prompt, seconds, e);
    case GN_BENCH_SCORE:
        return score(m, 0, t->batch, t->n_prompt, ENDINGS, ENDING, seconds, e);
    case GN_BENCH_FEWSHOT:
        return score(m, t->n_prompt, t->batch, t->n_gen, ANSWERS, 1, seconds, e);
    case GN_BENCH_LOAD:
        return load(m, seconds, e);
    case GN_BENCH_SAVE:
        return stand_at(m, t->n_prompt, e) && save(m, seconds, e);
    case GN_BENCH_WRITE:
        return stand_at(m, t->n_prompt, e) && write_out(m, seconds, e);
    case GN_BENCH_RESTORE:
        return stand_at(m, t->n_prompt, e) && restore(m, seconds, e);
    case GN_BENCH_FORK:
        return stand_at(m, t->n_prompt, e) && fork_one(m, seconds, e);
    }
    return gn_fail(e, GN_INVALID, "bench: no such test");
}

double gn_bench_of_roof(const gn_bench_model *m, const gn_bench_test *t, double seconds,
                        gn_roof_now roof) {
    if (seconds <= 0)
        return -1;
    switch (t->kind) {
    case GN_BENCH_GENERATE: {
        const double depth = t->depth + t->n_gen / 2.0;
        const double bytes = m->cost.weights + m->cost.state + m->cost.kv * depth;
        return t->n_gen * bytes / seconds / 1e9 / roof.read_gbs;
    }
    case GN_BENCH_PROMPT:
        return t->n_prompt * m->cost.flops / seconds / 1e9 / roof.gflops;
    case GN_BENCH_SCORE:
    case GN_BENCH_FEWSHOT:
        return t->tokens * m->cost.flops / seconds / 1e9 / roof.gflops;
    default:
        return -1;
    }
}

static int by_size(const void *va, const void *vb) {
    const double a = *(const double *)va, b = *(const double *)vb;
    return a < b ? -1 : a > b;
}

double gn_bench_quantile(double *v, int n, double q) {
    if (n == 0)
        return 0;
    qsort(v, (size_t)n, sizeof *v, by_size);
    const double at = q * (n - 1);
    const int low = (int)at;
    return low + 1 < n ? v[low] + (at - low) * (v[low + 1] - v[low]) : v[n - 1];
}
