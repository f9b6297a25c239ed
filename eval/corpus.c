/* corpus.c - BLEU and chrF of a corpus, with sacrebleu's defaults.
 *
 * Both are ratios of counts summed over sentences, so a sentence is reduced to its
 * counts once and a bootstrap only adds them up again. Papineni et al. 2002
 * (13a tokens, order 4, exponential smoothing), Popović 2015 and 2017 (characters to
 * order 6 without white space, beta 2, words to order 2 for chrF++).
 */
#include "eval/corpus.h"

#include <math.h>
#include <stdlib.h>

enum { BLEU_ORDER = 4, CHAR_ORDER = 6 };

/* ---- n-grams ------------------------------------------------------------ */

/* A text cut into units: words, or characters. */
typedef struct units {
    gn_slice *item;
    size_t count, capacity;
    bool failed;
} units;

static void add_unit(units *u, gn_slice s) {
    if (u->failed || !gn_vec_reserve(&u->item, &u->capacity, u->count + 1, sizeof *u->item))
        u->failed = true;
    else
        u->item[u->count++] = s;
}

static void split_words(units *u, gn_slice text) {
    int32_t cp;
    size_t from = 0, n;
    for (size_t i = 0; (n = gn_utf8_next(text, i, &cp)) > 0; i += n)
        if (cp >= 0 && gn_is_space_python(cp)) {
            if (i > from)
                add_unit(u, (gn_slice){text.data + from, i - from});
            from = i + n;
        }
    if (text.len > from)
        add_unit(u, (gn_slice){text.data + from, text.len - from});
}

static void split_points(units *u, gn_slice text) {
    int32_t cp;
    size_t n;
    for (size_t i = 0; (n = gn_utf8_next(text, i, &cp)) > 0; i += n)
        if (cp < 0 || !gn_is_space_python(cp))
            add_unit(u, (gn_slice){text.data + i, n});
}

/* Grams of one order as text: units with a byte between that stands in none. */
static gn_slice gram(gn_str *into, const units *u, size_t at, int order) {
    gn_str_cut(into, 0);
    for (int k = 0; k < order; k++) {
        gn_str_add(into, u->item[at + (size_t)k]);
        gn_str_putc(into, '\xff');
    }
    return gn_str_slice(into);
}

/* How often each gram of u occurs. Keys live in a. */
static bool count_grams(gn_arena *a, gn_map *map, const units *u, int order) {
    gn_str text = {0};
    bool ok = !u->failed;
    for (size_t i = 0; ok && i + (size_t)order <= u->count; i++) {
        const gn_slice g = gram(&text, u, i, order);
        int64_t n = 0;
        ok = !text.failed;
        if (ok && gn_map_get(map, g, &n)) {
            ok = gn_map_set(map, g, n + 1);
        } else if (ok) {
            const gn_slice kept = gn_arena_copy(a, g);
            ok = kept.data && gn_map_set(map, kept, 1);
        }
    }
    gn_str_release(&text);
    return ok;
}

/* Grams of h that r has too, each as often as the rarer of both. */
static bool count_common(const units *h, const units *r, int order, double *out) {
    gn_arena a = {0};
    gn_map of_r = {0};
    gn_str text = {0};
    bool ok = count_grams(&a, &of_r, r, order) && !h->failed;
    *out = 0;
    for (size_t i = 0; ok && i + (size_t)order <= h->count; i++) {
        const gn_slice g = gram(&text, h, i, order);
        int64_t left = 0;
        ok = !text.failed;
        if (!ok || !gn_map_get(&of_r, g, &left) || left == 0)
            continue;
        /* The map keeps the key it has. */
        ok = gn_map_set(&of_r, g, left - 1);
        *out += 1;
    }
    gn_str_release(&text);
    gn_map_release(&of_r);
    gn_arena_release(&a);
    return ok;
}

static double grams(const units *u, int order) {
    return u->count >= (size_t)order ? (double)(u->count - (size_t)order + 1) : 0;
}

/* ---- 13a ---------------------------------------------------------------- */

static bool replace(gn_str *s, const char *from, const char *to) {
    gn_str out = {0};
    gn_slice rest = gn_str_slice(s);
    for (ptrdiff_t at; (at = gn_slice_find(rest, gn_slice_of(from))) >= 0;) {
        gn_str_add(&out, (gn_slice){rest.data, (size_t)at});
        gn_str_puts(&out, to);
        rest = gn_slice_from(rest, (size_t)at + strlen(from));
    }
    gn_str_add(&out, rest);
    const bool ok = !out.failed;
    gn_str_release(s);
    *s = out;
    return ok;
}

/* mteval's tokens: marks apart; a point or comma too, unless between digits; a dash after one. */
static const char *const rule[4][2] = {
    {"([{-~\\[-` -&(-+:-@/])", " \\1 "},
    {"([^0-9])([.,])", "\\1 \\2 "},
    {"([.,])([^0-9])", " \\1 \\2"},
    {"([0-9])(-)", "\\1 \\2 "},
};

static bool tokenize(gn_regex *const *re, gn_slice text, gn_str *out, gn_error *e) {
    gn_str s = {0};
    gn_str_putc(&s, ' ');
    gn_str_add(&s, gn_text_strip(text, false, true));
    gn_str_putc(&s, ' ');
    bool ok = replace(&s, "<skipped>", "") && replace(&s, "-\n", "") && replace(&s, "\n", " ");
    if (ok && gn_slice_find(gn_str_slice(&s), GN_S("&")) >= 0)
        ok = replace(&s, "&quot;", "\"") && replace(&s, "&amp;", "&") && replace(&s, "&lt;", "<") &&
             replace(&s, "&gt;", ">");
    for (int i = 0; ok && i < 4; i++) {
        gn_str next = {0};
        ok = gn_regex_sub(re[i], gn_str_slice(&s), gn_slice_of(rule[i][1]), 0, &next, e);
        gn_str_release(&s);
        s = next;
    }
    if (!ok && e->code == GN_OK)
        gn_fail(e, GN_NO_MEMORY, "out of memory");
    *out = s;
    return ok;
}

/* ---- counts of a sentence ----------------------------------------------- */

static bool bleu_counts(gn_regex *const *re, gn_slice answer, gn_slice gold, double *out,
                        gn_error *e) {
    gn_str h = {0}, r = {0};
    units hu = {0}, ru = {0};
    bool ok = tokenize(re, answer, &h, e) && tokenize(re, gold, &r, e);
    if (ok) {
        split_words(&hu, gn_str_slice(&h));
        split_words(&ru, gn_str_slice(&r));
        out[0] = (double)hu.count;
        out[1] = (double)ru.count;
    }
    for (int n = 1; ok && n <= BLEU_ORDER; n++) {
        ok = count_common(&hu, &ru, n, &out[1 + n]);
        out[1 + BLEU_ORDER + n] = grams(&hu, n);
    }
    if (!ok && e->code == GN_OK)
        gn_fail(e, GN_NO_MEMORY, "out of memory");
    free(hu.item);
    free(ru.item);
    gn_str_release(&h);
    gn_str_release(&r);
    return ok;
}

/* chrF++'s words: a mark at the end of a word, else at its beginning, is one of its own. */
static void split_marked(units *u, gn_slice text) {
    units words = {0};
    split_words(&words, text);
    for (size_t i = 0; i < words.count; i++) {
        const gn_slice w = words.item[i];
        const char first = w.data[0], last = w.data[w.len - 1];
        const char *const marks = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
        if (gn_utf8_count(w) == 1) {
            add_unit(u, w);
        } else if (strchr(marks, last)) {
            add_unit(u, (gn_slice){w.data, w.len - 1});
            add_unit(u, (gn_slice){w.data + w.len - 1, 1});
        } else if (strchr(marks, first)) {
            add_unit(u, (gn_slice){w.data, 1});
            add_unit(u, gn_slice_from(w, 1));
        } else {
            add_unit(u, w);
        }
    }
    u->failed |= words.failed;
    free(words.item);
}

static bool triples(const units *h, const units *r, int orders, double *out) {
    bool ok = true;
    for (int n = 1; ok && n <= orders; n++, out += 3) {
        out[1] = grams(r, n);
        out[0] = out[1] > 0 ? grams(h, n) : 0;
        ok = count_common(h, r, n, &out[2]);
    }
    return ok;
}

static bool chrf_counts(gn_slice answer, gn_slice gold, int word_order, double *out, gn_error *e) {
    units hc = {0}, rc = {0}, hw = {0}, rw = {0};
    split_points(&hc, answer);
    split_points(&rc, gold);
    split_marked(&hw, answer);
    split_marked(&rw, gold);
    const bool ok =
        triples(&hc, &rc, CHAR_ORDER, out) && triples(&hw, &rw, word_order, out + 3 * CHAR_ORDER);
    free(hc.item);
    free(rc.item);
    free(hw.item);
    free(rw.item);
    return ok || gn_fail(e, GN_NO_MEMORY, "out of memory");
}

/* ---- a corpus ----------------------------------------------------------- */

bool gn_corpus_init(gn_corpus *c, gn_corpus_kind kind, gn_error *e) {
    *c = (gn_corpus){.kind = kind};
    c->width = kind == GN_CORPUS_BLEU   ? 2 + 2 * BLEU_ORDER
               : kind == GN_CORPUS_CHRF ? 3 * CHAR_ORDER
                                        : 3 * (CHAR_ORDER + 2);
    for (int i = 0; kind == GN_CORPUS_BLEU && i < 4; i++)
        if (!(c->rule[i] = gn_regex_new(gn_slice_of(rule[i][0]), GN_REGEX_PYTHON, false, e))) {
            gn_corpus_release(c);
            return false;
        }
    return true;
}

void gn_corpus_release(gn_corpus *c) {
    for (int i = 0; i < 4; i++)
        gn_regex_free(c->rule[i]);
    *c = (gn_corpus){0};
}

bool gn_corpus_counts(gn_corpus *c, gn_slice answer, gn_slice gold, double *out, gn_error *e) {
    for (int i = 0; i < c->width; i++)
        out[i] = 0;
    if (c->kind == GN_CORPUS_BLEU)
        return bleu_counts(c->rule, answer, gold, out, e);
    return chrf_counts(answer, gold, c->kind == GN_CORPUS_CHRF ? 0 : 2, out, e);
}

static double bleu_score(const double *c) {
    const double *correct = c + 2, *total = c + 2 + BLEU_ORDER;
    double smooth = 1, sum = 0, any = 0;
    for (int n = 0; n < BLEU_ORDER; n++)
        any += correct[n];
    if (any == 0)
        return 0;
    for (int n = 0; n < BLEU_ORDER; n++) {
        double precision = 0;
        if (total[n] > 0 && correct[n] > 0)
            precision = 100.0 * correct[n] / total[n];
        else if (total[n] > 0)
            precision = 100.0 / ((smooth *= 2) * total[n]);
        if (precision == 0)
            return 0; /* an order without grams: its logarithm has no bound */
        sum += log(precision);
    }
    const double brevity = c[0] < c[1] ? exp(1 - c[1] / c[0]) : 1;
    return brevity * exp(sum / BLEU_ORDER);
}

static double chrf_score(const double *c, int orders) {
    double precision = 0, recall = 0;
    int counted = 0;
    for (int i = 0; i < orders; i++, c += 3)
        if (c[0] > 0 && c[1] > 0) {
            precision += c[2] / c[0];
            recall += c[2] / c[1];
            counted++;
        }
    if (!counted || precision + recall == 0)
        return 0;
    precision /= counted;
    recall /= counted;
    return 100 * (5 * precision * recall) / (4 * precision + recall);
}

double gn_corpus_score(const gn_corpus *c, const double *counts) {
    return c->kind == GN_CORPUS_BLEU ? bleu_score(counts) : chrf_score(counts, c->width / 3);
}

double gn_corpus_one(gn_corpus_kind kind, gn_slice answer, gn_slice gold, gn_error *e) {
    gn_corpus c;
    double counts[GN_CORPUS_WIDTH], score = 0;
    if (!gn_corpus_init(&c, kind, e))
        return 0;
    if (gn_corpus_counts(&c, answer, gold, counts, e))
        score = gn_corpus_score(&c, counts);
    gn_corpus_release(&c);
    return score;
}
