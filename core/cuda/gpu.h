/* gpu.h - what a kernel is written in: CUDA for nvcc, the tests' emulator for g++.
 *
 * Kernels use these few words and the runtime's own names, nothing else, so that every one of
 * them runs under the emulator (tests/emu), which finds races of barriers, reads of shared memory
 * nobody wrote, device memory touched before the wait, and host memory changed too early.
 * Multiply-adds are written out as fmaf(); nvcc is told not to make any of its own.
 */
#ifndef GN_CUDA_GPU_H
#define GN_CUDA_GPU_H

/* Whether a kernel may begin before the one before it is done: cuda.cu. */
extern bool gn_cuda_early;

#ifdef GN_EMULATED
#include "core/num/half.h"

#include <emu.h>

GN_FN float gn_half(uint16_t h) { return gn_f16_to_f32(h); }
GN_FN uint16_t gn_to_half(float v) { return gn_f32_to_f16(v); }
template <class T> GN_FN T gn_load(const T *p) { return *p; }
#else
#include <cublas_v2.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* threads: the most a block has. */
#define GN_KERNEL(threads)        static __global__ void __launch_bounds__(threads)
/* One that would rather have registers than company. */
#define GN_KERNEL_ROOMY(threads)  static __global__ void __launch_bounds__(threads, 1)
#define GN_FN                     static __device__ __forceinline__
#define GN_SHARED(T, name, count) __shared__ T name[count]
#define GN_SYNC()                 __syncthreads()
#define GN_SHFL_XOR(v, mask)      __shfl_xor_sync(0xffffffffu, v, mask)
#define GN_SHFL(v, lane)          __shfl_sync(0xffffffffu, v, lane)
#define GN_ATOMIC_ADD(p, v)       atomicAdd(p, v)
#define GN_LAUNCH(kernel, grid, block, stream, ...)                                                \
    gn_launch(kernel, grid, block, stream, __VA_ARGS__)

/* A kernel may begin while the one before it in the stream, or in the graph, is still busy
 * (programmatic dependent launch, generation 9.0 and later): so every thread waits, once, before
 * it reads or writes device memory, until all of the one before is done and seen. That one waited
 * too, hence so are all before it. What comes ahead of the wait is asking for weights, which no
 * kernel writes. */
GN_FN void gn_wait() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;");
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
#define GN_WAIT()            gn_wait()
/* Into the second-level cache. */
#define GN_PREFETCH(p)       asm volatile("prefetch.global.L2 [%0];" ::"l"(p))

template <class... P, class... A>
static inline void gn_launch(void (*kernel)(P...), dim3 grid, dim3 block, cudaStream_t stream,
                             A... a) {
    cudaLaunchAttribute early = {};
    cudaLaunchConfig_t how = {};
    early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    early.val.programmaticStreamSerializationAllowed = 1;
    how.gridDim = grid;
    how.blockDim = block;
    how.stream = stream;
    how.attrs = &early;
    how.numAttrs = gn_cuda_early ? 1 : 0;
    cudaLaunchKernelEx(&how, kernel, static_cast<P>(a)...); /* step.cu asks whether it worked */
}

/* d += a b, 16 x 8 x 16 on the tensor cores, by all 32 lanes. */
GN_FN void gn_mma(float d[4], const uint32_t a[4], const uint32_t b[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#define GN_MMA(d, a, b)      gn_mma(d, a, b)

/* d += a b, 16 x 8 x 8, of f32 whose last 13 bits do not count. */
GN_FN void gn_mma_tf32(float d[4], const uint32_t a[4], const uint32_t b[2]) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#define GN_MMA_TF32(d, a, b) gn_mma_tf32(d, a, b)

GN_FN float gn_half(uint16_t h) { return __half2float(__ushort_as_half(h)); }
GN_FN uint16_t gn_to_half(float v) { return __half_as_ushort(__float2half_rn(v)); }
/* Of weights: the compiler may move it ahead of a wait. */
template <class T> GN_FN T gn_load(const T *p) { return __ldg(p); }
#endif

enum { GN_LINE = 128 }; /* bytes a prefetch brings */

GN_FN uint32_t gn_bits(float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}
GN_FN float gn_float(uint32_t bits) {
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

GN_FN float gn_warp_sum(float v) {
    for (int k = 16; k > 0; k /= 2)
        v += GN_SHFL_XOR(v, k);
    return v;
}

GN_FN float gn_warp_most(float v) {
    for (int k = 16; k > 0; k /= 2)
        v = fmaxf(v, GN_SHFL_XOR(v, k));
    return v;
}

GN_FN float gn_silu(float v) { return v / (1.0f + expf(-v)); }

#endif
