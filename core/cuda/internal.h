/* internal.h - what the files of the CUDA device share. Nobody else includes it.
 *
 * Inside a step nothing is done when an op is called: it is written down as a command. When the
 * step ends, the lanes, tokens and row numbers go to the GPU in one transfer, and the commands are
 * issued in order; or, if the same list has been seen before, the graph that was captured of it is
 * launched. So nothing that changes from step to step may be in a command: it lies in the table.
 * An op called outside a step is a step of one command.
 */
#ifndef GN_CUDA_INTERNAL_H
#define GN_CUDA_INTERNAL_H

#include "core/cuda/gpu.h"

extern "C" {
#include "core/cuda/cuda.h"
}

#include <string.h>
#include <vector>

/* Copies of device.h's, without holes, so that commands can be compared as bytes. */
struct gn_m {
    float *data;
    int rows, cols, stride, zero;
};
struct gn_w {
    const uint8_t *data;
    int format, n, rows, cols;
    size_t step, row; /* bytes from matrix to matrix, from row to row */
};

enum { GN_CHUNK = 64 }; /* tokens of a lane that the recurrence takes at a time */

/* One lane as kernels see it. */
struct gn_device_lane {
    int first, count;
    int chunk, zero; /* of its first GN_CHUNK tokens, counted over the step */
    int64_t past;
    const float *from;
    float *to;
    const uint8_t *from_kv;
    uint8_t *to_kv;
    int64_t from_capacity, to_capacity;
};

/* Where a step's lanes are: known to kernels by address, to the host by their bounds. */
struct gn_table {
    const gn_device_lane *lane; /* [n] */
    const int *lane_of;         /* [T] a row's lane; -1: none */
    int n, T;
    int longest; /* bounds of lane.count */
    int shortest;
    int deepest; /* bound of past + count, a power of two in steps that may be replayed */
    int forks;   /* whether a lane's kv rows have to be copied */
    int chunks;  /* of all lanes */
    int zero;
};

enum gn_op_code {
    GN_OP_EMBED,
    GN_OP_LINEAR,
    GN_OP_RMSNORM,
    GN_OP_GATED,
    GN_OP_AXPY,
    GN_OP_SCALE,
    GN_OP_SWIGLU,
    GN_OP_ROPE,
    GN_OP_CONV,
    GN_OP_SSD,
    GN_OP_ATTEND,
    GN_OP_ROUTE,
    GN_OP_EXPERTS,
    GN_OP_GATHER,
};

/* Of a product: its x is that of the command before; it is done in f32 whatever the step; or, of
 * many rows, with both factors in two parts of f16. */
enum { GN_LINEAR_SAME = 1, GN_LINEAR_F32 = 2, GN_LINEAR_FINE = 4 };

struct gn_command {
    int code, n; /* n: groups, head_dim, or GN_LINEAR_ */
    float a, b;
    size_t at; /* offset into a lane's memory, or of integers into the table's */
    int32_t *expert;
    gn_m m[5];
    gn_w w[3];
};

struct gn_graph {
    std::vector<char> key;
    cudaGraphExec_t exec; /* NULL: seen once */
    unsigned long used;
};

struct gn_cuda {
    gn_device base; /* first, so that a gn_device * is a gn_cuda * */
    bool exact, pools;
    cudaStream_t stream;
    cublasHandle_t blas;

    cudaError_t fault; /* the first; stays */
    const char *during;

    std::vector<void *> placed;
    size_t weight_bytes;
    uint8_t *scratch;
    size_t scratch_bytes;

    const float *rounded; /* x of the product before, if its f16 rows lie in scratch, */
    int rounded_parts;    /* and in how many parts */

    bool in_step;
    gn_step_kind kind;
    std::vector<gn_command> list;
    std::vector<gn_device_lane> lanes;
    std::vector<int32_t> ints; /* tokens and row numbers of this step */
    int rows;                  /* T */
    gn_table table;

    /* Host and device copies of lanes, lane_of and ints; the host's are read when the copy's
     * turn comes, so there are several. */
    enum { STAGES = 4 };
    uint8_t *stage[STAGES];
    cudaEvent_t staged[STAGES];
    size_t stage_bytes;
    int next_stage;
    uint8_t *on_device;

    std::vector<gn_graph> graphs;
    unsigned long clock;
    long replayed;  /* steps that were a graph */
    bool no_graphs; /* one could not be made: steps are issued, kernel by kernel */
};

static inline gn_cuda *gn_cuda_of(gn_device *d) { return reinterpret_cast<gn_cuda *>(d); }
static inline int gn_blocks(size_t n, int per) {
    return (int)((n + (size_t)per - 1) / (size_t)per);
}

/* Remember the first fault; during: what was being done. */
void gn_cuda_check(gn_cuda *c, cudaError_t e, const char *during);
void gn_cuda_check_blas(gn_cuda *c, cublasStatus_t s);
/* Whether a copy outside steps worked; sets e. */
bool gn_cuda_wait(gn_cuda *c, gn_error *e);

/* Device memory for the command under way: the scratch block, from its begin. What a command
 * takes is what gn_cuda_X_room() said. */
static inline size_t gn_align(size_t bytes) { return (bytes + 255) / 256 * 256; }
bool gn_cuda_reserve(gn_cuda *c, size_t bytes);

static inline bool gn_same(const gn_m &a, const gn_m &b) { return memcmp(&a, &b, sizeof a) == 0; }
static inline const float *gn_floats(const gn_w &w) {
    return reinterpret_cast<const float *>(w.data);
}
GN_FN float *gn_row(const gn_m &m, int r) { return m.data + (size_t)r * (size_t)m.stride; }

/* The formulas, by file. _room: bytes of scratch. */
bool gn_cuda_place(gn_device *d, gn_weight *w, bool keep, gn_error *e); /* linear.cu */
/* What makes a product's x. */
struct gn_lead {
    const gn_command *sum, *norm; /* a sum, and the norm that is taken of it; NULL: none */
};
/* Rows of f16, and the power of two each was divided by: `wide` numbers in a part, filled up with
 * zeros. Three parts: of rounded, rest and rounded numbers, which meet W's rounded, rounded and rest. */
struct gn_halves {
    uint16_t *to;
    float *scale;
    int wide, parts;
};
struct gn_epilogue; /* epilogue.cuh */

size_t gn_cuda_linear_room(const gn_cuda *c, const gn_command &k);
/* The first product of n commands, with those that share its x and a launch, the norm that makes
 * x, and what takes its numbers one by one; how many of the n that was. */
size_t gn_cuda_do_linears(gn_cuda *c, const gn_lead &lead, const gn_command *k, size_t n);
/* Whether a product may share the launch of one before it: they are read alike, and done alike. */
bool gn_cuda_joins(const gn_cuda *c, const gn_command &k, const gn_command &next);
/* The same as do_linears, where nothing is rounded: few.cu. */
size_t gn_cuda_do_few(gn_cuda *c, const gn_lead &lead, const gn_command *k, size_t n);
void gn_cuda_do_embed(gn_cuda *c, const gn_command &k, const int32_t *token);
/* y[i] = x[i / share] W[expert[i]]ᵀ, one row at a time; with up, y = silu(that) * x upᵀ: few.cu,
 * for experts.cu. */
void gn_cuda_few_experts(gn_cuda *c, gn_m y, gn_m x, const gn_w &w, const gn_w *up,
                         const int32_t *expert, int share);

/* y[t] = sum over u of gate[t, u] x[t U + u] W[expert[t, u]]ᵀ. */
void gn_cuda_few_mixed(gn_cuda *c, gn_m y, gn_m x, gn_m gate, const gn_w &w, const int32_t *expert,
                       const gn_epilogue &then);

/* Whether a step of so many rows is multiplied in f16. */
bool gn_cuda_many(const gn_cuda *c, int rows);
/* And whether in batch.cu: a batch of answers. */
bool gn_cuda_batched(const gn_cuda *c, int rows);
/* A row of f16 is filled up to so many numbers. */
static inline int gn_wide(int cols) { return (cols + 7) / 8 * 8; }
void gn_cuda_round(gn_cuda *c, const gn_halves &to, gn_m x);

/* A product of the same shape and format beside another. */
struct gn_second {
    const uint8_t *w;
    float *y; /* NULL: only what both make together is wanted */
    const float *bias;
};
/* Pairs of token and expert, sorted by expert on the device. */
struct gn_pairs {
    int *first; /* [E + 1]: where an expert's begin */
    int *pair;  /* expert by expert */
    int *tile;  /* [tiles, 2]: expert, or -1, and the first of up to GN_PAIRS sorted pairs of it */
    int tiles, share; /* share: pairs to a row of x */
};
enum { GN_PAIRS = 64 };

/* y = x Wᵀ + b of rounded rows, in one part: batch.cu. second and pairs may be NULL; with pairs y's
 * rows are theirs. A longer W takes several launches, and what follows it does not go into them. */
enum { GN_BATCH_ROWS = 1 << 19 };
void gn_cuda_batch(gn_cuda *c, gn_m y, const gn_halves &x, const gn_w &w, const float *bias,
                   const gn_second *second, const gn_pairs *pairs, const gn_epilogue &then);

/* Pairs by expert, and their products where they are many: grouped.cu, for experts.cu. */
void gn_cuda_sort_pairs(gn_cuda *c, const gn_pairs &p, const int32_t *expert, int pairs, int E);
void gn_cuda_grouped(gn_cuda *c, gn_m y, const gn_halves &x, const gn_w &w, const gn_pairs &p);

/* With the sum it is taken of, in one kernel; and rounded, if there are halves: norm.cu. */
void gn_cuda_do_norm(gn_cuda *c, const gn_lead &lead, const gn_halves *halves);

void gn_cuda_do_axpy(gn_cuda *c, const gn_command &k); /* rows.cu */
void gn_cuda_do_scale(gn_cuda *c, const gn_command &k);
void gn_cuda_do_swiglu(gn_cuda *c, const gn_command &k);
void gn_cuda_do_rope(gn_cuda *c, const gn_command &k, const gn_table &t);
void gn_cuda_do_gather(gn_cuda *c, const gn_command &k, const int32_t *row);
void gn_cuda_swiglu_rows(gn_cuda *c, gn_m y, gn_m gate, gn_m up);

void gn_cuda_do_conv(gn_cuda *c, const gn_command &k, const gn_table &t); /* conv.cu */
void gn_cuda_do_ssd(gn_cuda *c, const gn_command &k, const gn_table &t);  /* ssd.cu */
bool gn_cuda_chunked(const gn_cuda *c, const gn_table &t);                /* chunks.cu */
size_t gn_cuda_ssd_room(const gn_cuda *c, const gn_command &k, const gn_table &t);
void gn_cuda_do_chunks(gn_cuda *c, const gn_command &k, const gn_table &t);

size_t gn_cuda_attend_room(const gn_cuda *c, const gn_command &k, const gn_table &t);
void gn_cuda_do_attend(gn_cuda *c, const gn_command &k, const gn_table &t); /* attend.cu */

void gn_cuda_do_route(gn_cuda *c, const gn_command &k); /* experts.cu */
size_t gn_cuda_experts_room(const gn_cuda *c, const gn_command &k);
/* The mixture at the head of n commands, and the sums after it; how many of the n that was. */
size_t gn_cuda_do_experts(gn_cuda *c, const gn_command *k, size_t n);

bool gn_cuda_logprobs(gn_device *d, gn_logprob *out, gn_top *top, int k, gn_mat logits,
                      const int32_t *want, gn_error *e); /* logprobs.cu */

#endif
