/* test_emu.cpp - the emulator keeps CUDA's promises, and sees them broken. */
#include <emu.h>

#include <vector>

extern "C" {
#include "tests/check.h"
}

static cudaStream_t stream;

static void run(const char *name, unsigned blocks, unsigned threads, std::function<void()> f) {
    if (!stream)
        cudaStreamCreate(&stream);
    emu_launch(name, dim3(blocks), dim3(threads), stream, f);
    cudaStreamSynchronize(stream);
}

TEST(every_thread_of_every_block_runs_once) {
    for (emu.seed = 0; emu.seed < 30; emu.seed++)
        for (unsigned threads : {1u, 32u, 96u, 128u, 192u, 1024u}) {
            std::vector<int> seen(5 * threads);
            int *p = seen.data();
            run("count", 5, threads, [=] { p[blockIdx.x * blockDim.x + threadIdx.x]++; });
            for (int n : seen)
                CHECK(n == 1);
        }
    emu.seed = 0;
}

TEST(threads_have_three_dimensions) {
    std::vector<int> seen(2 * 3 * 4 * 8 * 2);
    int *p = seen.data();
    if (!stream)
        cudaStreamCreate(&stream);
    emu_launch("count", dim3(2, 3, 4), dim3(8, 2), stream, [=] {
        const unsigned b = blockIdx.x + 2 * (blockIdx.y + 3 * blockIdx.z);
        p[b * 16 + threadIdx.x + 8 * threadIdx.y]++;
    });
    cudaStreamSynchronize(stream);
    for (int n : seen)
        CHECK(n == 1);
}

static void turn_around(int *out) {
    GN_SHARED(int, s, 128);
    s[threadIdx.x] = static_cast<int>(threadIdx.x);
    GN_SYNC();
    out[threadIdx.x] = s[127 - threadIdx.x];
}

TEST(a_barrier_holds_whoever_comes_first) {
    int out[128];
    int *p = out;
    for (emu.seed = 0; emu.seed < 16; emu.seed++) {
        memset(out, 0, sizeof out);
        run("turn_around", 1, 128, [=] { turn_around(p); });
        for (int i = 0; i < 128; i++)
            CHECK(out[i] == 127 - i);
    }
    emu.seed = 0;
}

static void turn_around_too_early(int *out) {
    GN_SHARED(int, s, 128);
    s[threadIdx.x] = static_cast<int>(threadIdx.x);
    out[threadIdx.x] = s[127 - threadIdx.x];
}

TEST(without_the_barrier_shared_memory_is_no_number) {
    int out[128], wrong = 0;
    int *p = out;
    run("turn_around_too_early", 1, 128, [=] { turn_around_too_early(p); });
    for (int i = 0; i < 128; i++)
        wrong += out[i] == -1; /* all bits set: as a float, NaN */
    CHECK(wrong >= 32);
}

TEST(shared_memory_is_the_blocks_own) {
    float out[3];
    float *p = out;
    run("poison", 3, 32, [=] {
        GN_SHARED(float, s, 4);
        if (threadIdx.x == 0)
            p[blockIdx.x] = s[1];
        GN_SYNC();
        s[1] = 1.0f;
    });
    for (float v : out)
        CHECK(std::isnan(v));
}

TEST(too_much_shared_memory_is_found) {
    const char *said = emu_complaint([] {
        run("wide", 1, 32, [] {
            GN_SHARED(double, s, 8000);
            (void)s;
        });
    });
    CHECK(strstr(said, "shared memory") != nullptr);
}

TEST(a_barrier_that_some_never_reach_is_found) {
    const char *said = emu_complaint([] {
        run("half", 1, 64, [] {
            if (threadIdx.x < 40)
                GN_SYNC();
        });
    });
    CHECK(strstr(said, "divergent") != nullptr);
    CHECK(strstr(said, "half") != nullptr);
}

TEST(two_barriers_are_not_one) {
    const char *said = emu_complaint([] {
        run("two", 1, 64, [] {
            if (threadIdx.x < 32) {
                GN_SYNC();
            } else {
                GN_SYNC();
            }
        });
    });
    CHECK(strstr(said, "divergent") != nullptr);
}

TEST(a_shuffle_that_lanes_miss_is_found) {
    const char *said = emu_complaint([] {
        run("some", 1, 32, [] {
            if (threadIdx.x != 3)
                GN_SHFL_XOR(1.0f, 1);
        });
    });
    CHECK(strstr(said, "divergent") != nullptr);
}

TEST(a_warp_may_shuffle_while_another_is_gone) {
    int sum = 0;
    int *p = &sum;
    run("alone", 1, 64, [=] {
        if (threadIdx.x >= 32)
            return;
        int v = static_cast<int>(threadIdx.x);
        for (int k = 16; k > 0; k /= 2)
            v += GN_SHFL_XOR(v, k);
        if (threadIdx.x == 7)
            *p = v;
    });
    CHECK(sum == 31 * 16);
}

TEST(a_shuffle_moves_eight_bytes_between_the_lanes_of_a_warp) {
    double out[64];
    double *p = out;
    for (emu.seed = 0; emu.seed < 8; emu.seed++) {
        run("xor", 1, 64, [=] { p[threadIdx.x] = GN_SHFL_XOR(threadIdx.x + 0.5, 5); });
        for (int i = 0; i < 64; i++)
            CHECK(out[i] == (i ^ 5) + 0.5);
        run("from", 1, 64, [=] { p[threadIdx.x] = GN_SHFL(threadIdx.x + 0.5, 3); });
        for (int i = 0; i < 64; i++)
            CHECK(out[i] == (i / 32 * 32 + 3) + 0.5);
    }
    emu.seed = 0;
}

TEST(a_grid_that_cuda_refuses_is_found) {
    CHECK(*emu_complaint([] { run("none", 0, 32, [] {}); }) != 0);
    CHECK(*emu_complaint([] { run("wide", 1, 1025, [] {}); }) != 0);
}

/* ---- kernels that begin early ------------------------------------------------- */

/* What each block does before it waits; 0: nothing. */
static void early(int *d, int before) {
    if (before == 1 && d[threadIdx.x] == 5) /* it reads: none is 5 */
        d[threadIdx.x] = 6;
    if (before == 2 && threadIdx.x == 33)
        d[threadIdx.x] = 1;
    if (before == 3 && threadIdx.x == 7)
        return;
    GN_PREFETCH(d + 1000000);
    GN_WAIT();
    d[threadIdx.x]++;
}

static const char *complaint_of(int before, unsigned blocks) {
    static int *d;
    if (!d)
        cudaMalloc(reinterpret_cast<void **>(&d), 64 * sizeof *d);
    return emu_complaint([=] {
        cudaMemsetAsync(d, 0, 64 * sizeof *d, stream);
        GN_LAUNCH(early, dim3(blocks), dim3(64), stream, d, before);
        cudaStreamSynchronize(stream);
        for (int i = 0; i < 64; i++) /* what was tried ahead has left nothing */
            CHECK(d[i] == static_cast<int>(blocks));
    });
}

TEST(device_memory_touched_before_the_wait_is_found) {
    for (emu.seed = 0; emu.seed < 8; emu.seed++) {
        CHECK(*complaint_of(0, 3) == 0);
#if !defined(__SANITIZE_ADDRESS__)
        CHECK(strstr(complaint_of(1, 3), "before the wait") != nullptr);
        CHECK(strstr(complaint_of(2, 3), "kernel early") != nullptr);
#endif
        CHECK(*complaint_of(0, 2) == 0);
    }
    emu.seed = 0;
}

TEST(a_thread_that_never_waits_is_found) {
    CHECK(strstr(complaint_of(3, 2), "did not wait") != nullptr);
    CHECK(*complaint_of(0, 2) == 0);
}

/* ---- streams, graphs, memory ----------------------------------------------- */

TEST(a_stream_runs_in_order_and_only_when_waited_for) {
    cudaStream_t s;
    int *d, *host;
    cudaStreamCreate(&s);
    cudaMalloc(reinterpret_cast<void **>(&d), sizeof *d);
    cudaMallocHost(reinterpret_cast<void **>(&host), sizeof *host);
    *host = 1;
    int pageable = 5;
    cudaMemcpyAsync(d, host, sizeof *d, cudaMemcpyHostToDevice, s);
    *host = 2; /* pinned: the copy sees this */
    emu_launch("add", dim3(1), dim3(1), s, [=] { *d += 10; });
    cudaMemcpyAsync(host, d, sizeof *d, cudaMemcpyDeviceToHost, s);
    CHECK(*host == 2);
    cudaStreamSynchronize(s);
    CHECK(*host == 12);
    cudaMemcpyAsync(d, &pageable, sizeof *d, cudaMemcpyHostToDevice, s);
    pageable = 6; /* pageable: the copy does not */
    int back = 0;
    cudaMemcpyAsync(&back, d, sizeof back, cudaMemcpyDeviceToHost, s);
    CHECK(back == 5);
    cudaFree(d);
    cudaFreeHost(host);
    cudaStreamDestroy(s);
}

TEST(a_captured_graph_runs_when_it_is_launched_with_what_memory_holds_then) {
    cudaStream_t s;
    cudaGraph_t g;
    cudaGraphExec_t x;
    int *d;
    cudaStreamCreate(&s);
    cudaMalloc(reinterpret_cast<void **>(&d), 2 * sizeof *d);
    int in[2] = {3, 0}, out[2];
    cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal);
    emu_launch("add", dim3(1), dim3(1), s, [=] { d[1] += d[0]; });
    CHECK(cudaStreamSynchronize(s) != cudaSuccess); /* not while it captures */
    cudaStreamEndCapture(s, &g);
    cudaGraphInstantiate(&x, g, 0);
    cudaGraphDestroy(g);
    cudaMemcpyAsync(d, in, sizeof in, cudaMemcpyHostToDevice, s);
    cudaGraphLaunch(x, s);
    cudaGraphLaunch(x, s);
    in[0] = 100;
    cudaMemcpyAsync(d, in, sizeof in[0], cudaMemcpyHostToDevice, s);
    cudaGraphLaunch(x, s);
    cudaMemcpyAsync(out, d, sizeof out, cudaMemcpyDeviceToHost, s);
    CHECK(out[1] == 106);
    cudaGraphExecDestroy(x);
    cudaFree(d);
    cudaStreamDestroy(s);
    cudaGetLastError();
}

TEST(device_memory_is_limited_and_begins_as_nonsense) {
    const size_t before = emu_in_use();
    void *p, *q;
    emu.memory = (before >> 10) + 1024;
    CHECK(cudaMalloc(&p, 1 << 19) == cudaSuccess);
    CHECK(std::isnan(*static_cast<float *>(p)));
    CHECK(cudaMalloc(&q, 1 << 20) == cudaErrorMemoryAllocation);
    CHECK(q == nullptr && cudaGetLastError() == cudaErrorMemoryAllocation);
    CHECK(cudaGetLastError() == cudaSuccess); /* that one does not stick */
    cudaFree(p);
    CHECK(emu_in_use() == before);
    emu_reset();
}

TEST(a_copy_past_the_end_of_an_allocation_is_refused) {
    char *p, host[64] = {0};
    cudaMalloc(reinterpret_cast<void **>(&p), 64);
    CHECK(cudaMemcpyAsync(p + 32, host, 32, cudaMemcpyHostToDevice, stream) == cudaSuccess);
    CHECK(cudaMemcpyAsync(p + 33, host, 32, cudaMemcpyHostToDevice, stream) != cudaSuccess);
    CHECK(cudaMemsetAsync(host, 0, 1, stream) != cudaSuccess);
    cudaStreamSynchronize(stream);
    cudaFree(p);
    cudaGetLastError();
}

TEST(a_lost_device_stays_lost) {
    emu_reset();
    emu.lose_device = 0;
    run("last", 1, 32, [] {});
    CHECK(cudaStreamSynchronize(stream) == cudaErrorIllegalAddress);
    CHECK(cudaGetLastError() == cudaErrorIllegalAddress);
    CHECK(cudaGetLastError() == cudaErrorIllegalAddress);
    void *p;
    CHECK(cudaMalloc(&p, 1) == cudaErrorIllegalAddress);
    emu_reset();
}

TEST(what_EMULATED_GPU_says_is_understood_or_refused) {
    emu_reset();
    CHECK(emu_configure("devices=2,driver=12040,memory=77,lose=5"));
    CHECK(emu.devices == 2 && emu.driver == 12040 && emu.memory == 77 && emu.lose_device == 5);
    CHECK(!emu_configure("devises=2"));
    CHECK(!emu_configure("devices"));
    emu_reset();
}

/* ---- products ----------------------------------------------------------------- */

static uint16_t half_of(int i) { /* of small whole numbers */
    if (i == 0)
        return 0;
    const int a = i < 0 ? -i : i;
    int e = 0;
    while (a >> (e + 1))
        e++;
    return static_cast<uint16_t>((i < 0 ? 0x8000 : 0) | (e + 15) << 10 | (a << (10 - e) & 0x3ff));
}

static int pattern(int i, int j) { return (i * 7 + j * 5) % 11 - 5; }

TEST(mma_multiplies_the_fragments_of_the_manual) {
    float out[32][4];
    float(*p)[4] = out;
    run("mma", 1, 32, [=] {
        const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
        uint32_t a[4], b[2];
        float d[4] = {1, 1, 1, 1};
        for (int r = 0; r < 4; r++) { /* rows g, g + 8; columns 2 t + 0, 1, then 8 more */
            const int row = g + 8 * (r % 2), col = 2 * t + 8 * (r / 2);
            a[r] = half_of(pattern(row, col)) |
                   static_cast<uint32_t>(half_of(pattern(row, col + 1))) << 16;
        }
        for (int r = 0; r < 2; r++) {
            const int row = 2 * t + 8 * r, col = g;
            b[r] = half_of(pattern(row + 3, col)) |
                   static_cast<uint32_t>(half_of(pattern(row + 4, col))) << 16;
        }
        GN_MMA(d, a, b);
        memcpy(p[lane], d, sizeof d);
    });
    for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < 4; i++) {
            const int row = lane / 4 + 8 * (i / 2), col = 2 * (lane % 4) + i % 2;
            int want = 1;
            for (int k = 0; k < 16; k++)
                want += pattern(row, k) * pattern(k + 3, col);
            CHECK(out[lane][i] == static_cast<float>(want));
        }
}

/* a: row g (+ 8), column t (+ 4); b: row t (+ 4), column g; d as ever. */
TEST(mma_of_tf32_multiplies_the_fragments_of_the_manual_and_drops_thirteen_bits) {
    float out[32][4];
    float(*p)[4] = out;
    run("mma_tf32", 1, 32, [=] {
        const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
        uint32_t a[4], b[2];
        float d[4] = {1, 1, 1, 1};
        for (int r = 0; r < 4; r++) {
            const float v = static_cast<float>(pattern(g + 8 * (r % 2), t + 4 * (r / 2)));
            memcpy(&a[r], &v, sizeof v);
            a[r] |= 0x1fffu;
        }
        for (int r = 0; r < 2; r++) {
            const float v = static_cast<float>(pattern(t + 4 * r + 3, g));
            memcpy(&b[r], &v, sizeof v);
            b[r] |= 0x1000u;
        }
        GN_MMA_TF32(d, a, b);
        memcpy(p[lane], d, sizeof d);
    });
    for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < 4; i++) {
            const int row = lane / 4 + 8 * (i / 2), col = 2 * (lane % 4) + i % 2;
            int want = 1;
            for (int k = 0; k < 8; k++)
                want += pattern(row, k) * pattern(k + 3, col);
            CHECK(out[lane][i] == static_cast<float>(want));
        }
}

TEST(gemm_is_column_major_with_both_operands_turned_or_not) {
    enum { M = 5, N = 3, K = 4, LA = 7, LB = 6, LC = 8 };
    cublasHandle_t h;
    cudaStream_t s;
    cudaStreamCreate(&s);
    cublasCreate(&h);
    cublasSetStream(h, s);
    for (int ta = 0; ta < 2; ta++)
        for (int tb = 0; tb < 2; tb++) {
            uint16_t A[LA * LA] = {0}, B[LB * LB] = {0};
            float C[LC * N], one = 1, none = 0;
            for (int i = 0; i < M; i++)
                for (int k = 0; k < K; k++)
                    A[ta ? k + i * LA : i + k * LA] = half_of(pattern(i, k));
            for (int k = 0; k < K; k++)
                for (int j = 0; j < N; j++)
                    B[tb ? j + k * LB : k + j * LB] = half_of(pattern(k, j + 1));
            for (float &v : C)
                v = -99;
            CHECK(cublasGemmEx(h, ta ? CUBLAS_OP_T : CUBLAS_OP_N, tb ? CUBLAS_OP_T : CUBLAS_OP_N, M,
                               N, K, &one, A, CUDA_R_16F, LA, B, CUDA_R_16F, LB, &none, C,
                               CUDA_R_32F, LC, CUBLAS_COMPUTE_32F,
                               CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_SUCCESS);
            CHECK(C[0] == -99); /* its turn has not come */
            cudaStreamSynchronize(s);
            for (int j = 0; j < N; j++)
                for (int i = 0; i < LC; i++) {
                    int want = i < M ? 0 : -99;
                    for (int k = 0; i < M && k < K; k++)
                        want += pattern(i, k) * pattern(k, j + 1);
                    CHECK(C[i + j * LC] == static_cast<float>(want));
                }
        }
    float one = 1;
    CHECK(cublasGemmEx(h, CUBLAS_OP_T, CUBLAS_OP_N, M, N, K, &one, &one, CUDA_R_16F, K - 1, &one,
                       CUDA_R_16F, K, &one, &one, CUDA_R_32F, M, CUBLAS_COMPUTE_32F,
                       CUBLAS_GEMM_DEFAULT) != CUBLAS_STATUS_SUCCESS);
    cublasDestroy(h);
    cudaStreamDestroy(s);
}
