/* script_tokens.c - see script_tokens.h. */
#include "app/tui/script_tokens.h"

#include <math.h>
#include <stdio.h>

static const char *const others[] = {" the", " a",    " tram", " train", " bus", " metro", " and",
                                     " of",  " fish", " \n",   " to",    " in",  " walk",  " sea"};
enum { OTHERS = sizeof others / sizeof others[0], MOST = 64 };

gn_vocabulary *gn_script_vocabulary(void) {
    gn_vocabulary *v = gn_vocabulary_new();
    bool ok = v != NULL;
    for (int id = 0; ok && id < GN_SCRIPT_VOCAB; id++) {
        char text[16];
        snprintf(text, sizeof text, "#%d", id);
        ok = gn_vocabulary_add(v, gn_slice_of(id < OTHERS ? others[id] : text),
                               id == GN_SCRIPT_VOCAB - 1);
    }
    if (ok)
        return v;
    gn_vocabulary_free(v);
    return NULL;
}

/* Logits of a vocabulary in which the word's token has one of these probabilities, two
 * others share most of the rest, and what is left is spread. */
static int32_t make_logits(gn_slice word, float *logit) {
    static const double likely[] = {0.97, 0.93, 0.7, 0.62, 0.41, 0.22, 0.06};
    unsigned sum = 0;
    for (size_t i = 0; i < word.len; i++)
        sum += (unsigned char)word.data[i] * (unsigned)(i + 1);
    const int32_t id = OTHERS + (int32_t)(sum % (GN_SCRIPT_VOCAB - OTHERS - 1));
    const double p = likely[sum % 7];
    double rest = 1 - p;
    for (int32_t i = 0; i < GN_SCRIPT_VOCAB; i++)
        logit[i] = -12.0f;
    logit[id] = (float)log(p);
    for (unsigned i = 0; i < 10; i++, rest *= 0.5)
        logit[(sum + 3 * i) % OTHERS] = (float)log(rest * 0.5);
    return id;
}

static gn_logprob score_of(const float *logit, int32_t id) {
    double sum = 0, entropy = 0;
    int32_t rank = 0;
    for (int i = 0; i < GN_SCRIPT_VOCAB; i++) {
        sum += exp((double)logit[i]);
        rank += logit[i] > logit[id] || (logit[i] == logit[id] && i < id);
    }
    for (int i = 0; i < GN_SCRIPT_VOCAB; i++) {
        const double p = exp((double)logit[i]) / sum;
        entropy -= p * log(p);
    }
    return (gn_logprob){(float)((double)logit[id] - log(sum)), rank, (float)entropy};
}

bool gn_script_token(gn_slice word, size_t end, const gn_sampling *how, int k, gn_tokens *out) {
    float logit[GN_SCRIPT_VOCAB];
    gn_candidate candidate[MOST];
    gn_top top[MOST];
    gn_fate after[MOST];
    gn_error e = {0};
    const int32_t id = make_logits(word, logit);
    k = k < MOST ? k : MOST;
    if (gn_sampling_explain(how, logit, GN_SCRIPT_VOCAB, NULL, 0, candidate, k, &e) != k)
        return false;
    for (int i = 0; i < k; i++) {
        top[i] = (gn_top){candidate[i].id, candidate[i].logprob};
        after[i] = (gn_fate){candidate[i].after, candidate[i].cut};
    }
    const gn_token_row row = {id, end, score_of(logit, id), top, after, k};
    return gn_tokens_add(out, &row);
}
