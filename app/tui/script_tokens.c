/* script_tokens.c - see script_tokens.h. */
#include "app/tui/script_tokens.h"

#include <math.h>

static const char *const others[] = {" the", " a",    " tram", " train", " bus", " metro", " and",
                                     " of",  " fish", "\n",    " to",    " in",  " walk",  " sea"};
enum { OTHERS = sizeof others / sizeof others[0], MOST = 64 };

static int32_t find(const gn_vocabulary *v, gn_slice word) {
    for (int32_t id = 0; id < v->count; id++)
        if (gn_slice_equal(gn_vocabulary_bytes(v, id), word))
            return id;
    return -1;
}

gn_slice gn_script_word(gn_slice text) {
    size_t n = 1;
    while (n < text.len && text.data[n] != ' ' && text.data[n] != '\n')
        n++;
    return (gn_slice){text.data, n < text.len ? n : text.len};
}

void gn_script_ids(const gn_vocabulary *v, gn_slice text, gn_ids *out) {
    while (text.len) {
        const gn_slice word = gn_script_word(text);
        const int32_t id = find(v, word);
        if (id >= 0)
            gn_ids_add(out, id);
        text = gn_slice_from(text, word.len);
    }
}

gn_vocabulary *gn_script_vocabulary(void) {
    gn_vocabulary *v = gn_vocabulary_new();
    for (int i = 0; v && i < OTHERS; i++)
        if (!gn_vocabulary_add(v, gn_slice_of(others[i]), false)) {
            gn_vocabulary_free(v);
            return NULL;
        }
    return v;
}

bool gn_script_words(gn_vocabulary *v, gn_slice text) {
    while (text.len) {
        const gn_slice word = gn_script_word(text);
        if (find(v, word) < 0 && !gn_vocabulary_add(v, word, false))
            return false;
        text = gn_slice_from(text, word.len);
    }
    return true;
}

/* Logits in which the word has one of these probabilities, others share most of the
 * rest, and what is left is spread. */
static void make_logits(gn_slice word, int32_t id, float *logit, int n) {
    static const double likely[] = {0.97, 0.93, 0.7, 0.62, 0.41, 0.22, 0.06};
    unsigned sum = 0;
    for (size_t i = 0; i < word.len; i++)
        sum += (unsigned char)word.data[i] * (unsigned)(i + 1);
    const double p = likely[sum % 7];
    double rest = 1 - p;
    for (int i = 0; i < n; i++)
        logit[i] = -12.0f;
    for (unsigned i = 0; i < 10; i++, rest *= 0.5)
        logit[(sum + 3 * i) % OTHERS] = (float)log(rest * 0.5);
    logit[id] = (float)log(p);
}

bool gn_script_token(const gn_vocabulary *v, gn_slice word, size_t end, const gn_sampling *how,
                     int k, gn_tokens *out) {
    gn_top top[MOST];
    gn_fate after[MOST];
    gn_error e = {0};
    const int32_t id = find(v, word);
    k = k < MOST ? k : MOST;
    k = k < v->count ? k : v->count;
    float *logit = id < 0 ? NULL : malloc((size_t)v->count * sizeof *logit);
    gn_token_row row = {.id = id, .end = end, .top = top, .after = after, .n_top = k};
    if (!logit)
        return false;
    make_logits(word, id, logit, v->count);
    const bool ok =
        gn_sampling_score(how, logit, v->count, NULL, 0, id, &row.score, top, after, k, &e) &&
        gn_tokens_add(out, &row);
    free(logit);
    return ok;
}
