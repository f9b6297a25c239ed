/* logprobs.c - what a row of logits says, without a softmax of it.
 *
 * A row is cut into tiles of the vocabulary. Each gives its largest logit and,
 * relative to that, the sums of exp(x) and x exp(x) in f64; joined in order
 * they are the normaliser and the entropy, log Z - E[x]. Which thread took a
 * tile does not show. The likeliest ids are kept in a heap whose root is the
 * least of them, so most logits are looked at once, a vector at a time.
 */
#include "core/cpu/formula.h"

#include <math.h>
#include <stdlib.h>

enum { TILE = 4096, HEAP = 4096 }; /* logits of a tile; most ids that a heap is good for */

typedef struct job {
    const gn_formulas *f;
    gn_logprob *out;
    gn_top *top;
    int k;
    gn_mat logits;
    const int32_t *want;
    int tiles;
    gn_tally *tally; /* [R, tiles] */
    int *above;      /* [R, tiles]: logits of the tile that rank before the wanted one */
    gn_top *sorted;  /* [threads, V], where k is too many for a heap */
} job;

static int smaller(int a, int b) { return a < b ? a : b; }

/* Logits of [first, first + n) that are larger than the wanted, or as large and earlier. */
static int rank(const job *j, const float *x, int first, int n, int32_t want) {
    const float mark = x[want];
    const int before = want <= first ? 0 : smaller(want - first, n);
    return j->f->count(x + first, before, mark, true) +
           j->f->count(x + first + before, n - before, mark, false);
}

static void tally_part(void *arg, int part, int thread) {
    const job *j = arg;
    const int row = part / j->tiles, first = part % j->tiles * TILE;
    const int n = smaller(j->logits.cols - first, TILE), want = j->want[row];
    const float *x = gn_row(j->logits, row);
    (void)thread;
    j->tally[part] = j->f->tally(x + first, n);
    j->above[part] = want < 0 ? 0 : rank(j, x, first, n, want);
}

/* Whether a is less likely than b. */
static bool less(gn_top a, gn_top b) {
    return a.logprob < b.logprob || (a.logprob == b.logprob && a.id > b.id);
}

/* The heap's root is out of place: let it sink. */
static void sink(gn_top *heap, int n, int at) {
    const gn_top moved = heap[at];
    for (int child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && less(heap[child + 1], heap[child]))
            child++;
        if (!less(heap[child], moved))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

/* The k likeliest of n by logit, likeliest first. */
static void best_by_heap(const gn_formulas *f, gn_top *top, int k, const float *x, int n) {
    for (int i = 0; i < k; i++)
        top[i] = (gn_top){i, x[i]};
    for (int i = k / 2 - 1; i >= 0; i--)
        sink(top, k, i);
    for (int i = k; (i = f->find_above(x, i, n, top[0].logprob)) < n; i++) {
        top[0] = (gn_top){i, x[i]};
        sink(top, k, 0);
    }
    for (int left = k - 1; left > 0; left--) {
        const gn_top least = top[0];
        top[0] = top[left];
        top[left] = least;
        sink(top, left, 0);
    }
}

static int likelier_first(const void *a, const void *b) {
    const gn_top *x = a, *y = b;
    return less(*x, *y) - less(*y, *x);
}

static void best_by_sorting(gn_top *top, int k, const float *x, int n, gn_top *all) {
    for (int i = 0; i < n; i++)
        all[i] = (gn_top){i, x[i]};
    qsort(all, (size_t)n, sizeof *all, likelier_first);
    for (int i = 0; i < k; i++)
        top[i] = all[i];
}

/* The tiles of a row joined in order. */
static gn_tally join(const gn_tally *tile, int n) {
    gn_tally t = {.most = -INFINITY};
    for (int i = 0; i < n; i++)
        t.most = fmaxf(t.most, tile[i].most);
    for (int i = 0; i < n; i++) {
        const double down = fmax((double)tile[i].most - (double)t.most, -1000.0);
        t.sum += exp(down) * tile[i].sum;
        t.weighted += exp(down) * (tile[i].weighted + down * tile[i].sum);
    }
    return t;
}

static void row_part(void *arg, int row, int thread) {
    const job *j = arg;
    const int V = j->logits.cols, want = j->want[row];
    const float *x = gn_row(j->logits, row);
    const gn_tally t = join(j->tally + (size_t)row * (size_t)j->tiles, j->tiles);
    const double log_sum = log(t.sum), top = (double)t.most;
    gn_logprob out = {.entropy = (float)(log_sum - t.weighted / t.sum)};
    if (want >= 0) {
        out.logprob = (float)((double)x[want] - top - log_sum);
        for (int i = 0; i < j->tiles; i++)
            out.rank += j->above[row * j->tiles + i];
    }
    j->out[row] = out;
    if (j->k == 0)
        return;
    gn_top *best = j->top + (size_t)row * (size_t)j->k;
    if (j->sorted)
        best_by_sorting(best, j->k, x, V, j->sorted + (size_t)thread * (size_t)V);
    else
        best_by_heap(j->f, best, j->k, x, V);
    for (int i = 0; i < j->k; i++)
        best[i].logprob = (float)((double)best[i].logprob - top - log_sum);
}

/* Logits that are no numbers, or none of them finite, have no softmax, and whoever reads one
 * must hear of it. */
static bool sound(const job *j, gn_error *e) {
    for (int row = 0; row < j->logits.rows; row++) {
        const gn_tally *tile = j->tally + (size_t)row * (size_t)j->tiles;
        bool numbers = true, some = false;
        for (int i = 0; i < j->tiles; i++) {
            numbers = numbers && tile[i].sum >= 0.0 && tile[i].most < INFINITY;
            some = some || tile[i].most > -INFINITY;
        }
        if (!numbers || !some)
            return gn_fail(e, GN_FORMAT,
                           "row %d of the logits holds %s; the model's weights are damaged or do "
                           "not fit its configuration",
                           row, numbers ? "nothing finite" : "a value that is no number");
    }
    return true;
}

bool gn_cpu_logprobs(gn_device *d, gn_logprob *out, gn_top *top, int k, gn_mat logits,
                     const int32_t *want, gn_error *e) {
    gn_cpu *c = gn_cpu_of(d);
    job j = {.f = c->formula,
             .out = out,
             .top = top,
             .k = k,
             .logits = logits,
             .want = want,
             .tiles = (logits.cols + TILE - 1) / TILE};
    const size_t parts = (size_t)logits.rows * (size_t)j.tiles;
    const size_t sorted =
        k > HEAP ? (size_t)c->threads * (size_t)logits.cols * sizeof *j.sorted : 0;
    char *at = gn_cpu_shared(c, parts * (sizeof *j.tally + sizeof *j.above) + sorted);
    for (int i = 0; i < logits.rows; i++)
        assert(want[i] < logits.cols);
    j.tally = (gn_tally *)(void *)at;
    j.sorted = sorted ? (gn_top *)(void *)(at + parts * sizeof *j.tally) : NULL;
    j.above = (int *)(void *)(at + parts * sizeof *j.tally + sorted);
    gn_pool_run(c->pool, (int)parts, tally_part, &j);
    if (!sound(&j, e))
        return false;
    gn_pool_run(c->pool, logits.rows, row_part, &j);
    return true;
}
