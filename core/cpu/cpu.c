/* cpu.c - the portable device: what it is, its memory and its threads.
 *
 * Memory is host memory. A block that is large gets pages of its own and asks
 * for huge ones, which alone makes reading weights and states a sixth faster.
 * Each block is preceded by a head that says how to give it back.
 */
#include "core/cpu/cpu.h"

#include "core/base/sgemm.h"
#include "core/cpu/formula.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    MAX_THREADS = 256,
    PAGES_FROM = 1 << 20, /* bytes from which a block is mapped */
    HUGE_PAGE = 1 << 21,
    KEEP_MOST = 1 << 26, /* bytes of a block that is kept for who wants one */
    COPY_PART = 1 << 20, /* bytes of a copy that one thread takes at a time */
    /* counted up when the same isa comes to compute otherwise */
    GENERATION_EXACT = 1,
    GENERATION_FAST = 2
};

/* In front of each block, as wide as its alignment. */
typedef struct head {
    void *base;
    size_t mapped; /* bytes of the mapping; 0: base is from the heap */
} head;

static const char *const isa_name[] = {"plain", "avx2", "avx512", "avx512bf16"};
enum { ISAS = sizeof isa_name / sizeof *isa_name };

/* Whether processor and operating system (the registers it saves) have an isa. */
static bool has(gn_isa isa) {
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                      __builtin_cpu_supports("f16c") && __builtin_cpu_supports("bmi2");
    switch (isa) {
    case GN_ISA_PLAIN:
        return true;
    case GN_ISA_AVX2:
        return avx2;
    case GN_ISA_AVX512:
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512vnni");
    case GN_ISA_AVX512BF16:
        return has(GN_ISA_AVX512) && __builtin_cpu_supports("avx512bf16");
    }
    return false;
}

static gn_isa best(void) {
    gn_isa isa = GN_ISA_AVX512BF16;
    while (!has(isa))
        isa--;
    return isa;
}

static bool choose(gn_cpu *c, const char *name, gn_error *e) {
    __builtin_cpu_init();
    c->isa = best();
    if (!name)
        return true;
    for (int i = 0; i < ISAS; i++) {
        if (strcmp(name, isa_name[i]) != 0)
            continue;
        if (!has((gn_isa)i))
            return gn_fail(e, GN_UNSUPPORTED,
                           "this processor has no %s; its best instruction set is %s", name,
                           isa_name[c->isa]);
        c->isa = (gn_isa)i;
        return true;
    }
    return gn_fail(e, GN_INVALID,
                   "instruction set '%s' is unknown; there are plain, avx2, avx512 and avx512bf16",
                   name);
}

/* The processor as its maker calls it. */
static void name_processor(char *out, size_t size) {
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "re");
    snprintf(out, size, "processor");
    while (f && fgets(line, sizeof line, f)) {
        const char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !value || value[1] != ' ')
            continue;
        snprintf(out, size, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
        break;
    }
    if (f)
        fclose(f);
}

static void *reserve(size_t bytes) {
    if (bytes < PAGES_FROM) {
        const size_t room = (bytes + 2 * GN_CPU_ALIGN - 1) / GN_CPU_ALIGN * GN_CPU_ALIGN;
        char *base = aligned_alloc(GN_CPU_ALIGN, room);
        if (!base)
            return NULL;
        memset(base, 0, room);
        *(head *)base = (head){.base = base};
        return base + GN_CPU_ALIGN;
    }
    if (bytes > SIZE_MAX - 2 * HUGE_PAGE)
        return NULL;
    const size_t mapped = bytes + GN_CPU_ALIGN + HUGE_PAGE;
    char *base = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    char *first = base + (HUGE_PAGE - (uintptr_t)base % HUGE_PAGE) % HUGE_PAGE;
    madvise(first, (size_t)(base + mapped - first), MADV_HUGEPAGE); /* only a wish */
    *(head *)first = (head){.base = base, .mapped = mapped};
    return first + GN_CPU_ALIGN;
}

static head *head_of(void *memory) { return (head *)(void *)((char *)memory - GN_CPU_ALIGN); }

static void give_back(void *memory) {
    if (!memory)
        return;
    const head h = *head_of(memory);
    if (h.mapped)
        munmap(h.base, h.mapped);
    else
        free(h.base);
}

typedef struct transfer {
    char *to;
    const char *from;
    size_t bytes;
} transfer;

static void clear_part(void *arg, int part, int thread) {
    const transfer *x = arg;
    const size_t first = (size_t)part * COPY_PART, left = x->bytes - first;
    (void)thread;
    memset(x->to + first, 0, left < COPY_PART ? left : COPY_PART);
}

/* A block that was given back and has room for so many bytes, not for more than twice as many. */
static void *reuse(gn_cpu *c, size_t bytes) {
    const size_t need = bytes + GN_CPU_ALIGN + HUGE_PAGE;
    for (int i = 0; i < GN_CPU_KEPT && bytes >= PAGES_FROM; i++) {
        void *memory = atomic_exchange(&c->kept[i], NULL), *none = NULL;
        if (memory && head_of(memory)->mapped >= need && head_of(memory)->mapped / 2 <= need) {
            transfer x = {memory, NULL, bytes};
            gn_pool_run(c->pool, (int)((bytes + COPY_PART - 1) / COPY_PART), clear_part, &x);
            return memory;
        }
        if (memory && !atomic_compare_exchange_strong(&c->kept[i], &none, memory))
            give_back(memory);
    }
    return NULL;
}

static void *alloc(gn_device *d, size_t bytes) {
    void *memory = reuse(gn_cpu_of(d), bytes);
    return memory ? memory : reserve(bytes);
}

/* Sessions come and go, and pages that are new to a process cost more than clearing old ones does,
 * several times more on a virtual machine: the last blocks wait for who wants them. */
static void release(gn_device *d, void *memory) {
    gn_cpu *c = gn_cpu_of(d);
    if (memory && head_of(memory)->mapped && head_of(memory)->mapped <= KEEP_MOST)
        for (int i = 0; i < GN_CPU_KEPT && memory; i++)
            memory = atomic_exchange(&c->kept[i], memory);
    give_back(memory);
}

static void *grow(void **memory, size_t *have, size_t want) {
    if (want > *have) {
        give_back(*memory);
        *have = want + want / 4;
        *memory = reserve(*have);
        if (!*memory) {
            fprintf(stderr, "gneiss: out of memory: no %zu bytes to work in\n", *have);
            exit(EXIT_FAILURE);
        }
    }
    return *memory;
}

void *gn_cpu_scratch(gn_cpu *c, int thread, size_t bytes) {
    return grow(&c->scratch[thread], &c->scratch_bytes[thread], bytes);
}

void *gn_cpu_shared(gn_cpu *c, size_t bytes) { return grow(&c->shared, &c->shared_bytes, bytes); }

static void copy_part(void *arg, int part, int thread) {
    const transfer *x = arg;
    const size_t first = (size_t)part * COPY_PART, left = x->bytes - first;
    (void)thread;
    memcpy(x->to + first, x->from + first, left < COPY_PART ? left : COPY_PART);
}

void gn_cpu_copy(gn_device *d, void *to, const void *from, size_t bytes) {
    transfer x = {to, from, bytes};
    if (bytes)
        gn_pool_run(gn_cpu_of(d)->pool, (int)((bytes + COPY_PART - 1) / COPY_PART), copy_part, &x);
}

static bool read_back(gn_device *d, void *to, const void *from, size_t bytes, gn_error *e) {
    (void)e;
    gn_cpu_copy(d, to, from, bytes);
    return true;
}

static void step_begin(gn_device *d, gn_step_kind kind, const gn_lanes *lanes) {
    gn_cpu *c = gn_cpu_of(d);
    int tokens = 0;
    for (int i = 0; i < lanes->n; i++)
        tokens += lanes->lane[i].count;
    c->kind = kind;
    if (lanes->n > 0 && c->steps++ > 0)
        gn_cpu_place_late(c, tokens);
}

static void close_cpu(gn_device *d) {
    gn_cpu *c = gn_cpu_of(d);
    gn_pool_free(c->pool);
    gn_cpu_unplace(c);
    for (int i = 0; i < GN_CPU_KEPT; i++)
        give_back(c->kept[i]);
    for (int i = 0; i < MAX_THREADS; i++)
        give_back(c->scratch[i]);
    give_back(c->shared);
    free(c);
}

static const gn_ops ops = {
    .close = close_cpu,
    .alloc = alloc,
    .free = release,
    .write = gn_cpu_copy,
    .copy = gn_cpu_copy,
    .read = read_back,
    .place = gn_cpu_place,
    .settle = gn_cpu_settle,
    .step_begin = step_begin,
    .embed = gn_cpu_embed,
    .linear = gn_cpu_linear,
    .rmsnorm = gn_cpu_rmsnorm,
    .gated_rmsnorm = gn_cpu_gated_rmsnorm,
    .axpy = gn_cpu_axpy,
    .scale = gn_cpu_scale,
    .swiglu = gn_cpu_swiglu,
    .rope = gn_cpu_rope,
    .conv = gn_cpu_conv,
    .ssd = gn_cpu_ssd,
    .attend = gn_cpu_attend,
    .route = gn_cpu_route,
    .experts = gn_cpu_experts,
    .gather = gn_cpu_gather,
    .logprobs = gn_cpu_logprobs,
};

gn_device *gn_cpu_open(const gn_cpu_options *o, gn_error *e) {
    const int threads = o->threads ? o->threads : gn_processors();
    char processor[64];
    if (o->threads < 0 || o->threads > MAX_THREADS) {
        gn_fail(e, GN_INVALID, "%d threads: there can be 1 to %d", o->threads, MAX_THREADS);
        return NULL;
    }
    gn_cpu *c = calloc(1, sizeof *c);
    if (!c) {
        gn_fail(e, GN_NO_MEMORY, "open the processor: out of memory");
        return NULL;
    }
    *c = (gn_cpu){.base = {.op = &ops, .name = "cpu", .host = true},
                  .threads = threads < MAX_THREADS ? threads : MAX_THREADS,
                  .exact = o->exact,
                  .mapped = o->mapped,
                  .may_wait = o->may_wait};
    if (!choose(c, o->isa, e) ||
        (c->isa == GN_ISA_PLAIN && !c->exact && !gn_sgemm_ready(e)) || /* linear.c reads by it */
        !(c->pool = gn_pool_new(c->threads, e))) {
        free(c);
        return NULL;
    }
    c->formula = gn_formulas_of(c->isa);
    c->base.kv_format = c->exact ? GN_F32 : GN_F16;
    snprintf(c->base.numerics, sizeof c->base.numerics, "%s/cpu/%s/%d/f32/%s",
             c->exact ? "exact" : "fast", isa_name[c->isa],
             c->exact ? GENERATION_EXACT : GENERATION_FAST, c->exact ? "f32" : "f16");
    name_processor(processor, sizeof processor);
    snprintf(c->base.describe, sizeof c->base.describe, "%s, %d thread%s, %s", processor,
             c->threads, c->threads == 1 ? "" : "s", isa_name[c->isa]);
    return &c->base;
}
