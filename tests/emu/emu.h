/* emu.h - as much of CUDA as core/cuda asks for, on the processor, for tests.
 *
 * The same .cu files are compiled by nvcc for a GPU and by g++ against this header. A block's
 * threads are fibers, taken in an order that a seed permutes; shared memory begins as NaN; a
 * barrier or shuffle that not all threads reach ends the program with a message, and so does what
 * touches device memory before it waited for the kernel before, or never waits; streams are
 * queues that run when somebody waits; a captured graph is the list of what was queued. cuBLAS
 * is OpenBLAS with cuBLAS's meaning of every argument. Faults can be asked for.
 *
 * Only names that core/cuda uses are here, with the meaning NVIDIA's manuals give them.
 */
#ifndef GN_EMU_H
#define GN_EMU_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

/* ---- inside a kernel ------------------------------------------------------ */

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

struct float4 {
    float x, y, z, w;
};
struct uint2 {
    unsigned x, y;
};
struct uint4 {
    unsigned x, y, z, w;
};

#define GN_KERNEL(threads)       static void
#define GN_KERNEL_ROOMY(threads) static void
#define GN_FN                    static inline
#define GN_SHARED(T, name, count)                                                                  \
    T *name = static_cast<T *>(emu_shared(sizeof(T) * static_cast<size_t>(count)))
#define GN_SYNC() emu_barrier(__LINE__)

#define GN_WAIT()      emu_wait()
#define GN_PREFETCH(p) static_cast<void>(p)

void *emu_shared(size_t bytes);
void emu_wait();
void emu_barrier(int where);
void emu_warp(int where); /* every lane of the warp arrives before any goes on */
extern uint64_t emu_lane_word[2][1024];
extern unsigned char emu_turn[1024]; /* of a thread: which of the two its next shuffle uses */
extern int emu_now;
static inline int emu_thread() { return emu_now; } /* this thread's number in its block */

template <class T> static inline T emu_from_lane(T v, int lane, int where) {
    static_assert(sizeof(T) <= sizeof(uint64_t), "a shuffle moves at most 8 bytes");
    const int me = emu_thread(), other = (me & ~31) | (lane & 31);
    /* Nobody comes to the shuffle after the next before all have left this one. */
    uint64_t *word = emu_lane_word[emu_turn[me] ^= 1];
    T out;
    memcpy(&word[me], &v, sizeof v);
    emu_warp(where);
    memcpy(&out, &word[other], sizeof out);
    return out;
}
#define GN_SHFL_XOR(v, mask) emu_from_lane(v, (emu_thread() & 31) ^ (mask), __LINE__)
#define GN_SHFL(v, lane)     emu_from_lane(v, lane, __LINE__)

template <class T> static inline T GN_ATOMIC_ADD(T *p, T v) {
    const T old = *p;
    *p = old + v;
    return old;
}

/* d += a b, 16 x 8 x 16, halves in and f32 out: mma.m16n8k16, the manual's fragments. */
void emu_mma(float d[4], const uint32_t a[4], const uint32_t b[2], int where);
#define GN_MMA(d, a, b) emu_mma(d, a, b, __LINE__)
/* The same of mma.m16n8k8 with tf32. */
void emu_mma_tf32(float d[4], const uint32_t a[4], const uint32_t b[2], int where);
#define GN_MMA_TF32(d, a, b) emu_mma_tf32(d, a, b, __LINE__)

static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }

/* ---- launching ------------------------------------------------------------ */

typedef struct emu_stream *cudaStream_t;

/* early: the kernel may begin before the one before it is done, and every thread of it waits for that.
 * What one block does before is then done once more, ahead, with all device memory locked: it may
 * depend on none of it. Under ASan memory is malloc()'s, and nothing is tried. */
void emu_launch(const char *name, dim3 grid, dim3 block, cudaStream_t s,
                std::function<void()> thread, bool early = false);
#define GN_LAUNCH(kernel, grid, block, stream, ...)                                                \
    emu_launch(                                                                                    \
        #kernel, grid, block, stream, [=] { kernel(__VA_ARGS__); }, true)

/* ---- the runtime ---------------------------------------------------------- */

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInsufficientDriver = 35,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101,
    cudaErrorNoKernelImageForDevice = 209,
    cudaErrorIllegalAddress = 700,
    cudaErrorLaunchOutOfResources = 701,
    cudaErrorStreamCaptureUnsupported = 900,
};
enum cudaMemcpyKind {
    cudaMemcpyHostToDevice = 1,
    cudaMemcpyDeviceToHost = 2,
    cudaMemcpyDeviceToDevice = 3,
};
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
enum cudaMemPoolAttr { cudaMemPoolAttrReleaseThreshold = 4 };
enum cudaDeviceAttr { cudaDevAttrMemoryPoolsSupported = 115 };

struct cudaFuncAttributes {
    int ptxVersion; /* of the generation it was compiled for */
};
struct cudaDeviceProp {
    char name[256];
    size_t totalGlobalMem;
    int major, minor, multiProcessorCount;
};
typedef struct emu_graph *cudaGraph_t;
typedef struct emu_graph_exec *cudaGraphExec_t;
typedef struct emu_pool *cudaMemPool_t;
typedef struct emu_event *cudaEvent_t;

const char *cudaGetErrorString(cudaError_t e);
cudaError_t cudaGetLastError();
cudaError_t cudaDriverGetVersion(int *v);
cudaError_t cudaRuntimeGetVersion(int *v);
cudaError_t cudaGetDeviceCount(int *n);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int device);
cudaError_t cudaDeviceGetAttribute(int *v, cudaDeviceAttr a, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaMemGetInfo(size_t *free, size_t *total);
cudaError_t cudaMalloc(void **p, size_t bytes);
cudaError_t cudaFree(void *p);
cudaError_t cudaMallocAsync(void **p, size_t bytes, cudaStream_t s);
cudaError_t cudaFreeAsync(void *p, cudaStream_t s);
cudaError_t cudaMallocHost(void **p, size_t bytes);
cudaError_t cudaFreeHost(void *p);
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t *p, int device);
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t p, cudaMemPoolAttr a, void *value);
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t p, size_t keep);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t s);
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t s);
cudaError_t cudaStreamCreate(cudaStream_t *s);
cudaError_t cudaStreamDestroy(cudaStream_t s);
cudaError_t cudaStreamSynchronize(cudaStream_t s);
cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode m);
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *g);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *x, cudaGraph_t g, unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t x, cudaStream_t s);
cudaError_t cudaGraphDestroy(cudaGraph_t g);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t x);
cudaError_t cudaEventCreate(cudaEvent_t *v);
cudaError_t cudaEventDestroy(cudaEvent_t v);
cudaError_t cudaEventRecord(cudaEvent_t v, cudaStream_t s);
cudaError_t cudaEventSynchronize(cudaEvent_t v);
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to);

/* ---- cuBLAS --------------------------------------------------------------- */

typedef struct emu_blas *cublasHandle_t;
enum cublasStatus_t { CUBLAS_STATUS_SUCCESS = 0, CUBLAS_STATUS_INVALID_VALUE = 7 };
enum cublasOperation_t { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 };
enum cudaDataType { CUDA_R_32F = 0, CUDA_R_16F = 2 };
enum cublasComputeType_t { CUBLAS_COMPUTE_32F = 68 };
enum cublasGemmAlgo_t { CUBLAS_GEMM_DEFAULT = -1 };

cublasStatus_t cublasCreate(cublasHandle_t *h);
cublasStatus_t cublasDestroy(cublasHandle_t h);
cublasStatus_t cublasSetStream(cublasHandle_t h, cudaStream_t s);
cublasStatus_t cublasSetWorkspace(cublasHandle_t h, void *memory, size_t bytes);
cublasStatus_t cublasGemmEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m,
                            int n, int k, const void *alpha, const void *A, cudaDataType at,
                            int lda, const void *B, cudaDataType bt, int ldb, const void *beta,
                            void *C, cudaDataType ct, int ldc, cublasComputeType_t compute,
                            cublasGemmAlgo_t algo);

/* ---- for tests ------------------------------------------------------------ */

struct emu_setup {
    int devices = 1;          /* 0: none */
    int driver = 13000;       /* CUDA version of the driver; 0: there is no driver */
    int runtime = 13000;      /* of the toolkit this was built with */
    size_t memory = 8u << 20; /* KiB of memory of each device */
    int major = 9, minor = 0;
    int built = 8; /* the oldest generation that kernels were compiled for */
    /* After so many, every one from then on fails: */
    long fail_alloc = -1;   /* allocations of device memory, for want of it */
    long fail_pinned = -1;  /* and of the host's */
    long fail_capture = -1; /* captures */
    long fail_graph = -1;   /* instantiations of graphs, for want of memory */
    long fail_replay = -1;  /* launches of graphs, for the same */
    long fail_launch = -1;  /* one launch is refused; those after it are not */
    long fail_copy = -1;    /* a copy is the device's last */
    long lose_device = -1;  /* a kernel is */
    unsigned seed = 0;      /* order of threads and blocks */
};
extern emu_setup emu;
template <class F> cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *a, F *) {
    a->ptxVersion = 10 * emu.major + emu.minor;
    return emu.major < emu.built ? cudaErrorNoKernelImageForDevice : cudaSuccess;
}
/* "devices=2,memory=65536,lose=100,...": what $EMULATED_GPU holds; false for a word it does not
 * know. Read once, by the first call of the runtime. */
extern "C" {
bool emu_configure(const char *text);
void emu_reset();          /* as if the process had just begun; leaks stay */
size_t emu_in_use();       /* bytes of device memory that are allocated */
long emu_allocs();         /* allocations asked for so far */
long emu_copies();         /* copies */
long emu_copied_back();    /* bytes of those to the host */
long emu_waits();          /* times somebody waited for a stream */
long emu_launches();       /* kernels run so far */
long emu_graph_launches(); /* graphs launched so far */
}
/* Instead of ending the program: run f, and return what it would have said ("" if nothing). */
const char *emu_complaint(const std::function<void()> &f);

#endif
