/* blas.cpp - cuBLAS's products on OpenBLAS: column-major, halves in, f32 sums. */
#include <emu.h>

#include <cblas.h>
#include <vector>

/* runtime.cpp: where a call of the library takes its place in the stream. */
void emu_enqueue(cudaStream_t s, std::function<void()> f);

struct emu_blas {
    cudaStream_t stream = nullptr;
};

static float widened(const void *p, cudaDataType type, size_t i) {
    if (type == CUDA_R_32F)
        return static_cast<const float *>(p)[i];
    const uint32_t h = static_cast<const uint16_t *>(p)[i], rest = h & 0x7fffu;
    float v;
    const uint32_t bits = rest >= 0x7c00u ? (rest << 13) | 0x7f800000u : (rest << 13) + 0x38000000u;
    memcpy(&v, &bits, sizeof v);
    if (rest < 0x400u)
        v = static_cast<float>(rest) * 0x1p-24f;
    return h & 0x8000u ? -v : v;
}

/* Columns of a column-major matrix [rows, cols] as f32, without gaps. */
static std::vector<float> columns(const void *p, cudaDataType type, int rows, int cols, int ld) {
    std::vector<float> out(static_cast<size_t>(rows) * static_cast<size_t>(cols));
    for (int c = 0; c < cols; c++)
        for (int r = 0; r < rows; r++)
            out[static_cast<size_t>(c) * static_cast<size_t>(rows) + static_cast<size_t>(r)] =
                widened(p, type,
                        static_cast<size_t>(c) * static_cast<size_t>(ld) + static_cast<size_t>(r));
    return out;
}

cublasStatus_t cublasCreate(cublasHandle_t *h) {
    *h = new emu_blas;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy(cublasHandle_t h) {
    delete h;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream(cublasHandle_t h, cudaStream_t s) {
    h->stream = s;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace(cublasHandle_t, void *, size_t) { return CUBLAS_STATUS_SUCCESS; }

cublasStatus_t cublasGemmEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m,
                            int n, int k, const void *alpha, const void *A, cudaDataType at,
                            int lda, const void *B, cudaDataType bt, int ldb, const void *beta,
                            void *C, cudaDataType ct, int ldc, cublasComputeType_t compute,
                            cublasGemmAlgo_t) {
    const bool a_turned = ta == CUBLAS_OP_T, b_turned = tb == CUBLAS_OP_T;
    const int ar = a_turned ? k : m, ac = a_turned ? m : k, br = b_turned ? n : k,
              bc = b_turned ? k : n;
    if (m < 0 || n < 0 || k < 0 || lda < ar || ldb < br || ldc < m || ct != CUDA_R_32F ||
        at != bt || compute != CUBLAS_COMPUTE_32F)
        return CUBLAS_STATUS_INVALID_VALUE;
    const float one = *static_cast<const float *>(alpha), keep = *static_cast<const float *>(beta);
    emu_enqueue(h->stream, [=] {
        openblas_set_num_threads(1);
        const std::vector<float> a = columns(A, at, ar, ac, lda), b = columns(B, bt, br, bc, ldb);
        cblas_sgemm(CblasColMajor, a_turned ? CblasTrans : CblasNoTrans,
                    b_turned ? CblasTrans : CblasNoTrans, m, n, k, one, a.data(), ar, b.data(), br,
                    keep, static_cast<float *>(C), ldc);
    });
    return CUBLAS_STATUS_SUCCESS;
}
