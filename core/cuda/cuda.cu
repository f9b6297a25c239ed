/* cuda.cu - the NVIDIA device: opening it, its memory, its faults.
 *
 * A call that fails leaves its error behind, and the next gn_read() tells it. Such a fault stays:
 * CUDA's own are sticky too, and a device that lost its memory is of no use. Running out of memory
 * in alloc() is no fault: nothing was begun.
 */
#include "core/cuda/internal.h"
#include "core/cuda/step.h"

#include <stdio.h>
#include <stdlib.h>

enum { LEAST_MAJOR = 8, GENERATION = 4, WORKSPACE = GN_CUDA_WORKSPACE };

bool gn_cuda_early;

void gn_cuda_check(gn_cuda *c, cudaError_t e, const char *during) {
    if (e == cudaSuccess || c->fault != cudaSuccess)
        return;
    c->fault = e;
    c->during = during;
}

void gn_cuda_check_blas(gn_cuda *c, cublasStatus_t s) {
    if (s != CUBLAS_STATUS_SUCCESS)
        gn_cuda_check(c, cudaErrorInvalidValue, "a product of cuBLAS");
}

static bool tell(gn_cuda *c, gn_error *e) {
    if (c->fault == cudaSuccess)
        return true;
    if (c->fault == cudaErrorMemoryAllocation)
        return gn_fail(e, GN_NO_MEMORY,
                       "the GPU is out of memory (%s); a smaller --batch-tokens or --state-mem, or "
                       "--backend cpu, needs less of it",
                       c->during);
    return gn_fail(e, GN_DEVICE, "the GPU failed: %s (%s); start again, or use --backend cpu",
                   cudaGetErrorString(c->fault), c->during);
}

bool gn_cuda_wait(gn_cuda *c, gn_error *e) {
    gn_cuda_check(c, cudaStreamSynchronize(c->stream), "waiting for it");
    return tell(c, e);
}

static void *reserve(gn_cuda *c, size_t bytes) {
    void *p = NULL;
    const cudaError_t e = c->pools ? cudaMallocAsync(&p, bytes, c->stream) : cudaMalloc(&p, bytes);
    if (e == cudaSuccess)
        return p;
    cudaGetLastError(); /* not enough memory is an answer, not a fault */
    if (e != cudaErrorMemoryAllocation)
        gn_cuda_check(c, e, "an allocation");
    return NULL;
}

static void give_back(gn_cuda *c, void *p) {
    if (!p)
        return;
    if (c->pools)
        cudaFreeAsync(p, c->stream);
    else
        cudaFree(p);
}

static void *alloc_op(gn_device *d, size_t bytes) {
    gn_cuda *c = gn_cuda_of(d);
    void *p = c->fault == cudaSuccess ? reserve(c, bytes ? bytes : 1) : NULL;
    if (p)
        gn_cuda_check(c, cudaMemsetAsync(p, 0, bytes ? bytes : 1, c->stream), "clearing memory");
    return p;
}

static void free_op(gn_device *d, void *memory) { give_back(gn_cuda_of(d), memory); }

bool gn_cuda_reserve(gn_cuda *c, size_t bytes) {
    if (bytes <= c->scratch_bytes)
        return true;
    gn_cuda_forget_graphs(c); /* they know the old block */
    give_back(c, c->scratch);
    c->scratch_bytes = 0;
    c->scratch = static_cast<uint8_t *>(reserve(c, bytes));
    if (!c->scratch) {
        gn_cuda_check(c, cudaErrorMemoryAllocation, "memory to work in");
        return false;
    }
    c->scratch_bytes = bytes;
    return true;
}

static void write_op(gn_device *d, void *to, const void *from, size_t bytes) {
    gn_cuda *c = gn_cuda_of(d);
    if (bytes && c->fault == cudaSuccess)
        gn_cuda_check(c, cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, c->stream),
                      "a copy to it");
}

static void copy_op(gn_device *d, void *to, const void *from, size_t bytes) {
    gn_cuda *c = gn_cuda_of(d);
    if (bytes && c->fault == cudaSuccess)
        gn_cuda_check(c, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, c->stream),
                      "a copy within it");
}

static bool read_op(gn_device *d, void *to, const void *from, size_t bytes, gn_error *e) {
    gn_cuda *c = gn_cuda_of(d);
    if (bytes && c->fault == cudaSuccess)
        gn_cuda_check(c, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, c->stream),
                      "a copy from it");
    return gn_cuda_wait(c, e);
}

static void close_op(gn_device *d) {
    gn_cuda *c = gn_cuda_of(d);
    cudaStreamSynchronize(c->stream);
    gn_cuda_forget_graphs(c);
    gn_cuda_free_stages(c);
    give_back(c, c->scratch);
    for (void *p : c->placed)
        give_back(c, p);
    cudaStreamSynchronize(c->stream);
    if (c->blas)
        cublasDestroy(c->blas);
    cudaStreamDestroy(c->stream);
    delete c;
}

static const gn_ops *table_of_ops() {
    static gn_ops o;
    o.close = close_op;
    o.alloc = alloc_op;
    o.free = free_op;
    o.write = write_op;
    o.copy = copy_op;
    o.read = read_op;
    o.place = gn_cuda_place;
    o.logprobs = gn_cuda_logprobs;
    gn_cuda_fill_ops(&o);
    return &o;
}

/* ---- finding a GPU --------------------------------------------------------- */

static bool no_gpu(gn_error *e, cudaError_t why, const gn_cuda_card *card) {
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    cudaGetLastError();
    if (card->driver == 0)
        return gn_fail(e, GN_DEVICE, "there is no NVIDIA driver on this machine");
    if (why == cudaErrorInsufficientDriver || card->driver / 1000 < card->toolkit / 1000)
        return gn_fail(e, GN_DEVICE,
                       "the NVIDIA driver knows CUDA up to %d.%d and gneiss was built with %d.%d; "
                       "a newer driver is needed",
                       card->driver / 1000, card->driver % 1000 / 10, card->toolkit / 1000,
                       card->toolkit % 1000 / 10);
    if (visible && (why == cudaErrorNoDevice || why == cudaSuccess))
        return gn_fail(e, GN_DEVICE, "CUDA_VISIBLE_DEVICES='%.40s' shows no GPU", visible);
    if (why == cudaErrorNoDevice || why == cudaSuccess)
        return gn_fail(e, GN_DEVICE, "there is an NVIDIA driver but no GPU on this machine");
    return gn_fail(e, GN_DEVICE, "no GPU can be used: %s", cudaGetErrorString(why));
}

GN_KERNEL(32) nothing(int) { GN_WAIT(); }

extern "C" bool gn_cuda_module_find(gn_cuda_card *out, gn_error *e) {
    cudaDeviceProp p;
    cudaFuncAttributes of_nothing;
    *out = gn_cuda_card();
    cudaDriverGetVersion(&out->driver);
    cudaRuntimeGetVersion(&out->toolkit);
    const cudaError_t counted = cudaGetDeviceCount(&out->count);
    if (counted != cudaSuccess || out->count < 1)
        return no_gpu(e, counted, out);
    cudaError_t err = cudaGetDeviceProperties(&p, 0);
    if (err != cudaSuccess)
        return no_gpu(e, err, out);
    snprintf(out->name, sizeof out->name, "%.100s", p.name);
    out->major = p.major;
    out->minor = p.minor;
    if (p.major < LEAST_MAJOR)
        return gn_fail(e, GN_DEVICE,
                       "the GPU '%s' is of generation %d.%d; %d.0 is the oldest used%s", out->name,
                       p.major, p.minor, (int)LEAST_MAJOR,
                       out->count > 1 ? ", and CUDA_VISIBLE_DEVICES chooses another" : "");
    err = cudaSetDevice(0);
    if (err == cudaSuccess)
        err = cudaMemGetInfo(&out->free, &out->total);
    if (err != cudaSuccess)
        return no_gpu(e, err, out);
    if (cudaFuncGetAttributes(&of_nothing, nothing) != cudaSuccess) {
        cudaGetLastError();
        return gn_fail(e, GN_DEVICE,
                       "this gneiss was not built for the GPU '%s' of generation %d.%d "
                       "(GNEISS_CUDA_ARCHITECTURES)",
                       out->name, p.major, p.minor);
    }
    return true;
}

/* Whether kernels wait for the one before: of those made for an older generation, which a newer GPU
 * runs too, none does. */
static bool waits() {
    cudaFuncAttributes a;
    return cudaFuncGetAttributes(&a, nothing) == cudaSuccess && a.ptxVersion >= 90;
}

static bool start(gn_cuda *c, size_t work, gn_error *e) {
    cudaMemPool_t pool;
    int pools = 0;
    uint64_t keep = UINT64_MAX; /* memory that was freed stays ours: states come and go */
    gn_cuda_check(c, cudaStreamCreate(&c->stream), "opening it");
    if (cudaDeviceGetAttribute(&pools, cudaDevAttrMemoryPoolsSupported, 0) == cudaSuccess &&
        pools && cudaDeviceGetDefaultMemPool(&pool, 0) == cudaSuccess &&
        cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep) == cudaSuccess)
        c->pools = true;
    if (!c->exact) {
        gn_cuda_check_blas(c, cublasCreate(&c->blas));
        void *workspace = c->blas ? reserve(c, WORKSPACE) : NULL;
        if (workspace) {
            c->placed.push_back(workspace);
            gn_cuda_check_blas(c, cublasSetStream(c->blas, c->stream));
            gn_cuda_check_blas(c, cublasSetWorkspace(c->blas, workspace, WORKSPACE));
        } else {
            gn_cuda_check(c, cudaErrorMemoryAllocation, "opening cuBLAS");
        }
    }
    gn_cuda_reserve(c, work > WORKSPACE ? work - WORKSPACE : 0);
    return tell(c, e);
}

extern "C" gn_device *gn_cuda_module_open(const gn_cuda_options *o, gn_error *e) {
    gn_cuda_card card;
    if (!gn_cuda_module_find(&card, e))
        return NULL;
    gn_cuda *c = new gn_cuda();
    gn_cuda_early = waits();
    c->base.op = table_of_ops();
    c->base.name = "cuda";
    c->exact = o->exact;
    c->base.kv_format = o->exact ? GN_F32 : GN_F16;
    /* What cuBLAS sums in which order depends on how many rows it is given. */
    snprintf(c->base.numerics, sizeof c->base.numerics, "%s/cuda/sm_%d%d/%d/%s",
             o->exact ? "exact" : "fast", card.major, card.minor, (int)GENERATION,
             o->exact ? "f32/f32" : "f16/f16+batch");
    snprintf(c->base.describe, sizeof c->base.describe, "%.60s, %.1f GiB%s", card.name,
             (double)card.total / (1 << 30), card.count > 1 ? ", the first of several" : "");
    if (!start(c, o->work, e)) {
        close_op(&c->base);
        return NULL;
    }
    return &c->base;
}

extern "C" {
__attribute__((visibility("default"))) extern const gn_cuda_module gn_cuda_module_table;
const gn_cuda_module gn_cuda_module_table = {GN_CUDA_SHAPE, gn_cuda_module_find,
                                             gn_cuda_module_open};
}
