/* sampler.c - bias, repeat penalty, temperature, top-k, softmax, top-p, min-p, draw.
 *
 * All in f32. Candidates are taken in order of probability, the lower id first
 * on a tie, from a heap: a draw looks at a few dozen of a hundred thousand ids
 * and sorts no more than those.
 */
#include "core/sampler.h"

#include <math.h>

enum { BLOCK = 256 }; /* logits looked at together */

bool gn_sampler_init(gn_sampler *s, const gn_sampling *how, int vocab, gn_error *e) {
    *s = (gn_sampler){.how = *how, .vocab = vocab};
    s->logit = malloc((size_t)vocab * sizeof *s->logit);
    s->order = malloc((size_t)vocab * sizeof *s->order);
    s->keep = malloc((size_t)vocab * sizeof *s->keep);
    s->among = malloc((size_t)vocab * sizeof *s->among);
    s->seen = calloc((size_t)vocab, 1);
    if (s->logit && s->order && s->keep && s->among && s->seen)
        return true;
    gn_sampler_release(s);
    return gn_fail(e, GN_NO_MEMORY, "sampler: out of memory");
}

void gn_sampler_release(gn_sampler *s) {
    free(s->logit);
    free(s->order);
    free(s->keep);
    free(s->among);
    free(s->seen);
    *s = (gn_sampler){0};
}

void gn_sampler_see(gn_sampler *s, const int32_t *id, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (id[i] >= 0 && id[i] < s->vocab)
            s->seen[id[i]] = 1;
}

static bool penalises(const gn_sampler *s) {
    return s->how.repeat_penalty != 0.0f && s->how.repeat_penalty != 1.0f;
}

/* Bias and repeat penalty into s->logit. */
static void adjust(gn_sampler *s, const float *logits) {
    memcpy(s->logit, logits, (size_t)s->vocab * sizeof *logits);
    for (int i = 0; i < s->how.n_bias; i++)
        if (s->how.bias[i].id >= 0 && s->how.bias[i].id < s->vocab)
            s->logit[s->how.bias[i].id] += s->how.bias[i].add;
    for (int i = 0; penalises(s) && i < s->vocab; i++)
        if (s->seen[i])
            s->logit[i] = s->logit[i] > 0.0f ? s->logit[i] / s->how.repeat_penalty
                                             : s->logit[i] * s->how.repeat_penalty;
}

/* The first of the largest. Most blocks hold nothing larger, which is soon seen. */
static int32_t largest(const float *v, int n) {
    int32_t best = 0;
    for (int32_t at = 0; at < n; at += BLOCK) {
        const int32_t end = n - at < BLOCK ? n : at + BLOCK;
        const float most = v[best];
        int larger = 0;
        for (int32_t i = at; i < end; i++)
            larger |= v[i] > most;
        for (int32_t i = at; larger && i < end; i++)
            if (v[i] > v[best])
                best = i;
    }
    return best;
}

static bool before(const float *v, int32_t a, int32_t b) {
    return v[a] > v[b] || (v[a] == v[b] && a < b);
}

static void sift(const float *v, int32_t *heap, int n, int at) {
    for (int child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && before(v, heap[child + 1], heap[child]))
            child++;
        if (!before(v, heap[child], heap[at]))
            return;
        const int32_t t = heap[at];
        heap[at] = heap[child];
        heap[child] = t;
    }
}

/* The ids in order of v, lazily: heapify, then pop. Popped ones gather at the
 * end of the array, the last popped first. */
static void heapify(const float *v, int32_t *heap, int n) {
    for (int32_t i = 0; i < n; i++)
        heap[i] = i;
    for (int i = n / 2 - 1; i >= 0; i--)
        sift(v, heap, n, i);
}

static int32_t pop(const float *v, int32_t *heap, int *n) {
    const int32_t top = heap[0];
    heap[0] = heap[--*n];
    heap[*n] = top;
    sift(v, heap, *n, 0);
    return top;
}

/* Temperature, top-k and softmax over what is left: s->logit holds probabilities
 * (0 for what top-k cut), s->order a heap of *n of them. */
static void soften(gn_sampler *s, int V, int *n) {
    float *p = s->logit, sum = 0.0f;
    for (int i = 0; i < V; i++)
        p[i] /= s->how.temp;
    *n = V;
    heapify(p, s->order, V);
    const float most = p[s->order[0]];
    if (s->how.top_k > 0 && s->how.top_k < V) {
        int left = V;
        for (int i = 0; i < s->how.top_k; i++)
            pop(p, s->order, &left);
        for (int i = 0; i < left; i++)
            p[s->order[i]] = -INFINITY;
        heapify(p, s->order, V);
        *n = V;
    }
    for (int i = 0; i < V; i++)
        sum += p[i] = expf(p[i] - most);
    for (int i = 0; i < V; i++)
        p[i] /= sum;
}

/* What top-p and min-p keep, in order: fills s->keep and what is said of it. */
static void filter(gn_sampler *s, int *n) {
    const float *p = s->logit, top_p = s->how.top_p, min_p = s->how.min_p;
    const bool by_p = top_p > 0.0f && top_p<1.0f, by_min = min_p> 0.0f;
    s->n_keep = by_p || by_min ? 0 : -1;
    s->kept = 1.0f;
    s->least = by_min ? min_p * p[s->order[0]] : 0.0f;
    if (s->n_keep < 0)
        return;
    float sum = 0.0f;
    while (*n > 0) {
        const int32_t id = pop(p, s->order, n);
        if (p[id] <= 0.0f || (by_min && s->n_keep > 0 && p[id] < s->least))
            break;
        s->keep[s->n_keep++] = id;
        sum += p[id];
        if (by_p && sum >= top_p)
            break;
    }
    s->kept = sum;
}

/* One of the V numbers in s->logit. */
static int32_t draw(gn_sampler *s, int V, uint64_t i) {
    int n;
    if (s->how.temp <= 0.0f)
        return largest(s->logit, V);

    soften(s, V, &n);
    /* Popped ids gather at the end of `order`, out of the heap's way. */
    const float u = gn_uniform(s->how.seed, i);
    float sum = 0.0f;
    int32_t last;
    filter(s, &n);
    if (s->n_keep < 0) {
        do {
            last = pop(s->logit, s->order, &n);
            sum += s->logit[last];
        } while (sum <= u && n > 0 && s->logit[s->order[0]] > 0.0f);
    } else {
        int k = 0;
        do {
            last = s->keep[k];
            sum += s->logit[last] / s->kept;
        } while (sum <= u && ++k < s->n_keep);
    }
    return last;
}

int32_t gn_sampler_draw(gn_sampler *s, const float *logits, uint64_t i) {
    adjust(s, logits);
    s->n_among = 0;
    return s->chosen = draw(s, s->vocab, i);
}

int gn_sampler_wants(const gn_sampler *s, int most) {
    const int k = s->how.temp <= 0.0f ? 1 : s->how.top_k;
    return s->how.n_bias > 0 || penalises(s) || k > most || 2 * k > s->vocab ? 0 : k;
}

static int by_id(const void *a, const void *b) {
    const gn_top *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

int32_t gn_sampler_draw_top(gn_sampler *s, const gn_top *top, int k, uint64_t i) {
    gn_top *some = (gn_top *)s->keep; /* nobody needs it yet, and it has room for half of V */
    k = gn_sampler_wants(s, k);
    memcpy(some, top, (size_t)k * sizeof *some);
    qsort(some, (size_t)k, sizeof *some, by_id);
    for (int j = 0; j < k; j++) {
        s->among[j] = some[j].id;
        s->logit[j] = some[j].logprob;
    }
    s->n_among = k;
    return s->chosen = s->among[draw(s, k, i)];
}

/* Where an id's number is; -1: it was not among them. */
static int32_t place_of(const gn_sampler *s, int32_t id) {
    if (s->n_among == 0)
        return id;
    for (int i = 0; i < s->n_among; i++)
        if (s->among[i] == id)
            return i;
    return -1;
}

/* ---- what the inspector shows ------------------------------------------- */

gn_fate gn_sampler_tell(const gn_sampler *s, int32_t id) {
    if (s->how.temp <= 0.0f)
        return id == s->chosen ? (gn_fate){1.0f, 0} : (gn_fate){0.0f, 't'};
    id = place_of(s, id);
    const float p = id < 0 ? 0.0f : s->logit[id];
    if (p <= 0.0f)
        return (gn_fate){0.0f, 'k'};
    /* What is kept stands in order, so the last of it tells. */
    if (s->n_keep < 0 || (s->n_keep > 0 && !before(s->logit, s->keep[s->n_keep - 1], id)))
        return (gn_fate){p / s->kept, 0};
    return (gn_fate){0.0f, p < s->least ? 'm' : 'p'};
}

int gn_sampling_explain(const gn_sampling *how, const float *logits, int vocab, const int32_t *seen,
                        int64_t n_seen, gn_candidate *out, int want, gn_error *e) {
    gn_sampler s;
    if (!gn_sampler_init(&s, how, vocab, e))
        return 0;
    gn_sampler_see(&s, seen, n_seen);

    /* The model's own distribution, and its likeliest ids. */
    double sum = 0.0;
    const float most = logits[largest(logits, vocab)];
    for (int i = 0; i < vocab; i++)
        sum += exp((double)logits[i] - (double)most);
    int n = vocab, filled = 0;
    memcpy(s.logit, logits, (size_t)vocab * sizeof *logits);
    heapify(s.logit, s.order, vocab);
    for (; filled < want && filled < vocab; filled++) {
        const int32_t id = pop(s.logit, s.order, &n);
        out[filled] = (gn_candidate){
            .id = id, .logprob = (float)((double)logits[id] - (double)most - log(sum))};
    }

    if (how->temp > 0.0f) {
        adjust(&s, logits);
        soften(&s, vocab, &n);
        filter(&s, &n);
    } else
        gn_sampler_draw(&s, logits, 0);
    for (int i = 0; i < filled; i++) {
        const gn_fate f = gn_sampler_tell(&s, out[i].id);
        out[i].after = f.p;
        out[i].cut = f.cut;
    }
    gn_sampler_release(&s);
    return filled;
}

bool gn_sampling_score(const gn_sampling *how, const float *logits, int vocab, const int32_t *seen,
                       int64_t n_seen, int32_t id, gn_logprob *score, gn_top *top, gn_fate *after,
                       int k, gn_error *e) {
    gn_candidate *c = malloc((size_t)k * sizeof *c + 1);
    const double most = (double)logits[largest(logits, vocab)];
    double sum = 0.0, weighted = 0.0;
    int32_t rank = 0;
    if (!c)
        return gn_fail(e, GN_NO_MEMORY, "sampler: out of memory");
    for (int32_t i = 0; i < vocab; i++) {
        const double x = (double)logits[i] - most, p = exp(x);
        sum += p;
        weighted += p > 0.0 ? p * x : 0.0;
        rank += i != id && before(logits, i, id);
    }
    *score = (gn_logprob){(float)((double)logits[id] - most - log(sum)), rank,
                          (float)(log(sum) - weighted / sum)};
    const bool ok = k == 0 || gn_sampling_explain(how, logits, vocab, seen, n_seen, c, k, e) == k;
    for (int i = 0; ok && i < k; i++) {
        top[i] = (gn_top){c[i].id, c[i].logprob};
        after[i] = (gn_fate){c[i].after, c[i].cut};
    }
    free(c);
    return ok;
}
