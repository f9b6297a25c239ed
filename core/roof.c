/* roof.c - what the machine can do this very second: bytes read from memory, and fused
 * multiply-adds, by so many threads.
 *
 * Shared machines change from one second to the next, so a speed means little without
 * the roof that was there when it was measured. Both loops are as long as they have to
 * be to see past a thread's waking, and no longer: about 40 ms together.
 */
#include "core/engine.h"

#include <stdlib.h>
#include <sys/mman.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { CHUNK = 1 << 20, CHUNKS = 256, ROUNDS = 400000, CHAINS = 12 };

struct gn_roof {
    gn_pool *pool;
    uint64_t *memory; /* [CHUNKS, CHUNK / 8] */
    uint64_t *sum;    /* [CHUNKS], so that nothing is optimised away */
    int threads;
    bool wide; /* 8 numbers an instruction, fused */
};

gn_roof *gn_roof_new(int threads, gn_error *e) {
    const size_t bytes = (size_t)CHUNKS * CHUNK;
    gn_roof *r = calloc(1, sizeof *r);
    if (!r) {
        gn_fail(e, GN_NO_MEMORY, "measuring the machine: out of memory");
        return NULL;
    }
    r->threads = threads > 0 ? threads : gn_processors();
    r->pool = gn_pool_new(r->threads, e);
    r->sum = calloc(CHUNKS, sizeof *r->sum);
    r->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r->memory == MAP_FAILED)
        r->memory = NULL;
    if (!r->pool || !r->memory || !r->sum) {
        if (r->pool)
            gn_fail(e, GN_NO_MEMORY, "measuring the machine: no %d MiB", CHUNKS);
        gn_roof_free(r);
        return NULL;
    }
    madvise(r->memory, bytes, MADV_HUGEPAGE);
    for (size_t i = 0; i < bytes / sizeof *r->memory; i++)
        r->memory[i] = i;
#if defined(__x86_64__)
    r->wide = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return r;
}

void gn_roof_free(gn_roof *r) {
    if (!r)
        return;
    gn_pool_free(r->pool);
    if (r->memory)
        munmap(r->memory, (size_t)CHUNKS * CHUNK);
    free(r->sum);
    free(r);
}

static void read_chunk(void *arg, int part, int thread) {
    gn_roof *r = arg;
    const uint64_t *p = r->memory + (size_t)part * (CHUNK / sizeof *p);
    uint64_t a = 0, b = 0, c = 0, d = 0;
    (void)thread;
    for (size_t i = 0; i < CHUNK / sizeof *p; i += 4) {
        a += p[i];
        b += p[i + 1];
        c += p[i + 2];
        d += p[i + 3];
    }
    r->sum[part] += a + b + c + d;
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static float multiply_wide(void) {
    __m256 x[CHAINS], sum = _mm256_setzero_ps();
    const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
    float out[8];
    for (int k = 0; k < CHAINS; k++)
        x[k] = _mm256_set1_ps((float)k);
    for (int i = 0; i < ROUNDS; i++)
        for (int k = 0; k < CHAINS; k++)
            x[k] = _mm256_fmadd_ps(x[k], a, b);
    for (int k = 0; k < CHAINS; k++)
        sum = _mm256_add_ps(sum, x[k]);
    _mm256_storeu_ps(out, sum);
    return out[0];
}
#else
static float multiply_wide(void) { return 0; }
#endif

static float multiply_plain(void) {
    float x[CHAINS * 8], sum = 0;
    for (int k = 0; k < CHAINS * 8; k++)
        x[k] = (float)k;
    for (int i = 0; i < ROUNDS; i++)
        for (int k = 0; k < CHAINS * 8; k++)
            x[k] = x[k] * 0.999f + 0.001f;
    for (int k = 0; k < CHAINS * 8; k++)
        sum += x[k];
    return sum;
}

static void multiply(void *arg, int part, int thread) {
    gn_roof *r = arg;
    (void)thread;
    r->sum[part] += (uint64_t)(r->wide ? multiply_wide() : multiply_plain());
}

gn_roof_now gn_roof_measure(gn_roof *r) {
    gn_roof_now now;
    double began = gn_seconds();
    gn_pool_run(r->pool, CHUNKS, read_chunk, r);
    now.read_gbs = (double)CHUNKS * CHUNK / (gn_seconds() - began) / 1e9;
    began = gn_seconds();
    gn_pool_run(r->pool, r->threads, multiply, r);
    now.gflops = 2.0 * 8 * CHAINS * ROUNDS * r->threads / (gn_seconds() - began) / 1e9;
    return now;
}

gn_cost gn_engine_cost(const gn_engine *g) {
    const gn_layout *l = &g->model.layout;
    const gn_config *c = &g->config;
    gn_cost cost = {.state = 2.0 * (double)l->recurrent * sizeof(float),
                    .kv = (double)l->kv_per_token * (double)l->kv_element};
    for (int i = 0; i < gn_tensors_count(g->tensors); i++) {
        const gn_tensor *t = gn_tensors_at(g->tensors, i);
        const bool head = gn_slice_is(t->name, "output.weight") ||
                          gn_slice_is(t->name, "lm_head.weight"),
                   embedding = gn_slice_is(t->name, "token_embd.weight") ||
                               gn_slice_is(t->name, "model.embed_tokens.weight");
        double share = 1, numbers = 1;
        for (int d = 0; d < t->dims; d++)
            numbers *= (double)t->dim[d];
        if (t->dims == 3 && c->experts > 0 && t->dim[0] == c->experts)
            share = (double)c->experts_used / c->experts;
        cost.all += (double)t->bytes;
        if (!embedding || c->tied)
            cost.weights += share * (double)t->bytes;
        if (t->dims >= 2 && !head && !embedding)
            cost.flops += 2 * share * numbers;
    }
    return cost;
}
