/* logprobs.cu - what a row of logits says, reduced on the device.
 *
 * A block for each tile of a row makes its largest logit and the sums of exp and x exp in f64; a
 * thread for each row joins them in order. The k likeliest are found by their bits: logit and id
 * make one 64-bit key, no two alike, and the k-th largest is fixed digit by digit.
 */
#include "core/cuda/internal.h"

#include <algorithm>
#include <assert.h>
#include <stdlib.h>

enum { THREADS = 256, TILE = 4096, MOST_K = 1024, DIGITS = 256 };

struct tally {
    double sum, weighted;
    float most;
    int above;
};

struct row_says {
    gn_logprob out;
    float log_sum, most; /* a logit less both is its log-probability */
    int numbers, some;   /* no NaN or infinity; not all of them -infinity */
};

template <class T> GN_FN T block_sum(T v, T *part) {
    for (int k = 16; k > 0; k /= 2)
        v += GN_SHFL_XOR(v, k);
    GN_SYNC();
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = v;
    GN_SYNC();
    T all = part[0];
    for (int k = 1; k < THREADS / 32; k++)
        all += part[k];
    return all;
}

GN_KERNEL(THREADS)
tally_tiles(tally *out, gn_m logits, const int32_t *want) {
    GN_SHARED(float, most_of, THREADS / 32);
    GN_SHARED(double, sums, THREADS / 32);
    GN_SHARED(int, counts, THREADS / 32);
    GN_WAIT();
    const float *x = gn_row(logits, (int)blockIdx.y);
    const int first = (int)blockIdx.x * TILE, wanted = want[blockIdx.y];
    const int end = logits.cols - first < TILE ? logits.cols : first + TILE;
    const float mark = wanted >= 0 ? x[wanted] : 0.0f;
    float most = -INFINITY;
    for (int i = first + (int)threadIdx.x; i < end; i += THREADS)
        most = fmaxf(most, x[i]);
    most = gn_warp_most(most);
    if (threadIdx.x % 32 == 0)
        most_of[threadIdx.x / 32] = most;
    GN_SYNC();
    for (int k = 0; k < THREADS / 32; k++)
        most = fmaxf(most, most_of[k]);
    const float top = most > -INFINITY ? most : 0.0f;
    double sum = 0, weighted = 0;
    int above = 0;
    for (int i = first + (int)threadIdx.x; i < end; i += THREADS) {
        /* fmaxf would make a number of what is none, and nobody would hear of it */
        const float v = x[i] - top, down = v < -1000.0f ? -1000.0f : v, e = expf(down);
        sum += (double)e;
        weighted += (double)(e * down);
        above += wanted >= 0 && (x[i] > mark || (x[i] == mark && i < wanted));
    }
    sum = block_sum(sum, sums);
    weighted = block_sum(weighted, sums);
    above = block_sum(above, counts);
    if (threadIdx.x == 0) {
        tally t;
        t.sum = sum;
        t.weighted = weighted;
        t.most = most;
        t.above = above;
        out[(size_t)blockIdx.y * gridDim.x + blockIdx.x] = t;
    }
}

GN_KERNEL(32)
join_tiles(row_says *out, const tally *tile, int tiles, gn_m logits, const int32_t *want) {
    GN_WAIT();
    const int r = (int)(blockIdx.x * 32 + threadIdx.x);
    if (r >= logits.rows)
        return;
    tile += (size_t)r * (size_t)tiles;
    row_says s;
    s.numbers = 1;
    s.some = 0;
    s.most = -INFINITY;
    s.out.rank = 0;
    s.out.logprob = 0.0f;
    double sum = 0, weighted = 0;
    for (int i = 0; i < tiles; i++) {
        s.numbers = s.numbers && tile[i].sum >= 0.0 && tile[i].most < INFINITY;
        s.some = s.some || tile[i].most > -INFINITY;
        s.most = fmaxf(s.most, tile[i].most);
        s.out.rank += tile[i].above;
    }
    for (int i = 0; i < tiles; i++) {
        const double down = fmax((double)tile[i].most - (double)s.most, -1000.0);
        sum += exp(down) * tile[i].sum;
        weighted += exp(down) * (tile[i].weighted + down * tile[i].sum);
    }
    const double log_sum = log(sum);
    s.log_sum = (float)log_sum;
    s.out.entropy = (float)(log_sum - weighted / sum);
    if (want[r] >= 0)
        s.out.logprob = (float)((double)gn_row(logits, r)[want[r]] - (double)s.most - log_sum);
    out[r] = s;
}

/* Larger keys are likelier: the logit's bits in order, then the lower id. */
GN_FN unsigned long long key_of(float v, int id) {
    const float plus = v + 0.0f; /* one zero */
    uint32_t bits;
    memcpy(&bits, &plus, sizeof bits);
    bits = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return (unsigned long long)bits << 32 | (uint32_t)~id;
}

/* The k likeliest of a row, likeliest first; a block for each row. padded: k up to a power of 2. */
GN_KERNEL(THREADS)
best(gn_top *out, int k, int padded, gn_m logits, const row_says *says) {
    GN_SHARED(unsigned long long, found, MOST_K);
    GN_SHARED(int, count, DIGITS);
    GN_SHARED(int, chosen, 3); /* digit, how many are still to be found, how many are found */
    GN_WAIT();
    const float *x = gn_row(logits, (int)blockIdx.x);
    const int tid = (int)threadIdx.x, V = logits.cols;
    unsigned long long prefix = 0;
    int left = k;
    for (int shift = 56; shift >= 0; shift -= 8) {
        count[tid] = 0;
        GN_SYNC();
        for (int i = tid; i < V; i += THREADS) {
            const unsigned long long key = key_of(x[i], i);
            if (shift == 56 || key >> (shift + 8) == prefix)
                GN_ATOMIC_ADD(&count[(int)(key >> shift & 255u)], 1);
        }
        GN_SYNC();
        if (tid == 0) {
            int digit = DIGITS - 1, rest = left;
            while (count[digit] < rest)
                rest -= count[digit--];
            chosen[0] = digit;
            chosen[1] = rest;
            chosen[2] = 0;
        }
        GN_SYNC();
        prefix = prefix << 8 | (unsigned long long)chosen[0];
        left = chosen[1];
    }
    for (int i = tid; i < padded; i += THREADS)
        found[i] = 0;
    GN_SYNC();
    for (int i = tid; i < V; i += THREADS) {
        const unsigned long long key = key_of(x[i], i);
        if (key >= prefix)
            found[GN_ATOMIC_ADD(&chosen[2], 1)] = key;
    }
    /* Bitonic, falling. */
    for (int size = 2; size <= padded; size *= 2)
        for (int step = size / 2; step > 0; step /= 2) {
            GN_SYNC();
            for (int i = tid; i < padded; i += THREADS) {
                const int j = i ^ step;
                if (j > i && (found[i] < found[j]) == ((i & size) == 0)) {
                    const unsigned long long a = found[i];
                    found[i] = found[j];
                    found[j] = a;
                }
            }
        }
    GN_SYNC();
    const float down = says[blockIdx.x].most;
    const double log_sum = (double)says[blockIdx.x].log_sum;
    for (int i = tid; i < k; i += THREADS) {
        const int id = (int)~(uint32_t)found[i];
        gn_top t;
        t.id = id;
        t.logprob = (float)((double)x[id] - (double)down - log_sum);
        out[(size_t)blockIdx.x * (size_t)k + (size_t)i] = t;
    }
}

/* More than a block can sort: the row comes to the host. */
static bool best_on_host(gn_device *d, gn_top *out, int k, gn_mat logits, const row_says *says,
                         gn_error *e) {
    std::vector<float> x((size_t)logits.cols);
    std::vector<gn_top> all((size_t)logits.cols);
    for (int r = 0; r < logits.rows; r++) {
        if (!d->op->read(d, x.data(), logits.data + (size_t)r * (size_t)logits.stride,
                         x.size() * sizeof(float), e))
            return false;
        for (int i = 0; i < logits.cols; i++) {
            all[(size_t)i].id = i;
            all[(size_t)i].logprob = x[(size_t)i];
        }
        std::partial_sort(all.begin(), all.begin() + k, all.end(), [](gn_top a, gn_top b) {
            return a.logprob > b.logprob || (a.logprob == b.logprob && a.id < b.id);
        });
        for (int i = 0; i < k; i++) {
            out[(size_t)r * (size_t)k + (size_t)i].id = all[(size_t)i].id;
            out[(size_t)r * (size_t)k + (size_t)i].logprob =
                (float)((double)all[(size_t)i].logprob - (double)says[r].most -
                        (double)says[r].log_sum);
        }
    }
    return true;
}

bool gn_cuda_logprobs(gn_device *d, gn_logprob *out, gn_top *top, int k, gn_mat in,
                      const int32_t *want, gn_error *e) {
    gn_cuda *c = gn_cuda_of(d);
    const gn_m logits = {in.data, in.rows, in.cols, in.stride, 0};
    const size_t R = (size_t)in.rows, tiles = (size_t)gn_blocks((size_t)in.cols, TILE);
    const int sorted = k > MOST_K ? 0 : k;
    const size_t bytes[] = {gn_align(R * sizeof(int32_t)), gn_align(R * tiles * sizeof(tally)),
                            gn_align(R * sizeof(row_says)),
                            gn_align(R * (size_t)sorted * sizeof(gn_top))};
    if (R == 0)
        return true;
    for (size_t r = 0; r < R; r++)
        assert(want[r] < in.cols);
    assert(R <= 65535);
    if (!gn_cuda_reserve(c, bytes[0] + bytes[1] + bytes[2] + bytes[3]) || c->fault != cudaSuccess)
        return gn_cuda_wait(c, e);
    int32_t *wanted = reinterpret_cast<int32_t *>(c->scratch);
    tally *tile = reinterpret_cast<tally *>(c->scratch + bytes[0]);
    row_says *row = reinterpret_cast<row_says *>(c->scratch + bytes[0] + bytes[1]);
    gn_top *likely = reinterpret_cast<gn_top *>(c->scratch + bytes[0] + bytes[1] + bytes[2]);
    const int n = (int)tiles;

    d->op->write(d, wanted, want, R * sizeof *want);
    GN_LAUNCH(tally_tiles, dim3((unsigned)tiles, (unsigned)R), THREADS, c->stream, tile, logits,
              wanted);
    GN_LAUNCH(join_tiles, dim3((unsigned)gn_blocks(R, 32)), 32, c->stream, row, tile, n, logits,
              wanted);
    if (sorted) {
        int padded = 2;
        while (padded < k)
            padded *= 2;
        GN_LAUNCH(best, dim3((unsigned)R), THREADS, c->stream, likely, k, padded, logits, row);
    }
    gn_cuda_check(c, cudaGetLastError(), "starting a kernel");
    /* Both in one copy: whoever writes waits for it once a token. */
    std::vector<row_says> says((bytes[2] + bytes[3] + sizeof(row_says) - 1) / sizeof(row_says));
    if (!d->op->read(d, says.data(), row, bytes[2] + R * (size_t)sorted * sizeof *top, e))
        return false;
    for (size_t r = 0; r < R; r++) {
        if (!says[r].numbers || !says[r].some)
            return gn_fail(e, GN_FORMAT,
                           "row %d of the logits holds %s; the model's weights are damaged or do "
                           "not fit its configuration",
                           (int)r,
                           says[r].numbers ? "nothing finite" : "a value that is no number");
        out[r] = says[r].out;
    }
    if (k > MOST_K)
        return best_on_host(d, top, k, in, says.data(), e);
    if (k)
        memcpy(top, reinterpret_cast<uint8_t *>(says.data()) + bytes[2],
               R * (size_t)k * sizeof *top);
    return true;
}
