/* metric.c - the metrics a task may name, and each document's rows. */
#include "eval/metric.h"

#include "eval/corpus.h"
#include "eval/fields.h"
#include "eval/ifeval.h"
#include "eval/reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- tables ------------------------------------------------------------- */

enum {
    CHOICE = 1u << GN_TASK_CHOICE,
    TARGET = 1u << GN_TASK_TARGET,
    ROLLING = 1u << GN_TASK_ROLLING,
    GENERATE = 1u << GN_TASK_GENERATE,

    NUMBER = 1u << GN_AGGREGATE_MEAN | 1u << GN_AGGREGATE_NANMEAN | 1u << GN_AGGREGATE_MEDIAN |
             1u << GN_AGGREGATE_PERPLEXITY,
    RATIO = 1u << GN_AGGREGATE_WEIGHTED_PERPLEXITY | 1u << GN_AGGREGATE_BITS_PER_BYTE,
    CLASSES = 1u << GN_AGGREGATE_F1 | 1u << GN_AGGREGATE_MCC,
    CORPUS = 1u << GN_AGGREGATE_BLEU | 1u << GN_AGGREGATE_CHRF | 1u << GN_AGGREGATE_CHRF_WORDS,
};

static const char *const metric_name[] = {"acc",
                                          "acc_norm",
                                          "acc_bytes",
                                          "acc_mutual_info",
                                          "exact_match",
                                          "f1",
                                          "mcc",
                                          "brier_score",
                                          "mc2",
                                          "perplexity",
                                          "word_perplexity",
                                          "byte_perplexity",
                                          "bits_per_byte",
                                          "token_perplexity",
                                          "bleu",
                                          "chrf",
                                          "chrf++",
                                          "ifeval",
                                          "pass_at_1",
                                          NULL};

static const struct {
    unsigned kinds; /* of task */
    gn_aggregation usual;
    unsigned aggregations; /* that make sense of its values */
    bool higher, binary;
} about[GN_METRICS] = {
    [GN_METRIC_ACC] = {CHOICE | TARGET, GN_AGGREGATE_MEAN, NUMBER, true, true},
    [GN_METRIC_ACC_NORM] = {CHOICE, GN_AGGREGATE_MEAN, NUMBER, true, true},
    [GN_METRIC_ACC_BYTES] = {CHOICE, GN_AGGREGATE_MEAN, NUMBER, true, true},
    [GN_METRIC_ACC_MUTUAL_INFO] = {CHOICE, GN_AGGREGATE_MEAN, NUMBER, true, true},
    [GN_METRIC_EXACT_MATCH] = {CHOICE | GENERATE, GN_AGGREGATE_MEAN, NUMBER, true, true},
    [GN_METRIC_F1] = {CHOICE, GN_AGGREGATE_F1, CLASSES, true, false},
    [GN_METRIC_MCC] = {CHOICE, GN_AGGREGATE_MCC, CLASSES, true, false},
    [GN_METRIC_BRIER] = {CHOICE, GN_AGGREGATE_BRIER, 1u << GN_AGGREGATE_BRIER, false, false},
    [GN_METRIC_MC2] = {CHOICE, GN_AGGREGATE_MEAN, NUMBER, true, false},
    [GN_METRIC_PERPLEXITY] = {TARGET, GN_AGGREGATE_PERPLEXITY, NUMBER, false, false},
    [GN_METRIC_WORD_PERPLEXITY] = {ROLLING, GN_AGGREGATE_WEIGHTED_PERPLEXITY, RATIO, false, false},
    [GN_METRIC_BYTE_PERPLEXITY] = {ROLLING, GN_AGGREGATE_WEIGHTED_PERPLEXITY, RATIO, false, false},
    [GN_METRIC_BITS_PER_BYTE] = {ROLLING, GN_AGGREGATE_BITS_PER_BYTE, RATIO, false, false},
    [GN_METRIC_TOKEN_PERPLEXITY] = {ROLLING, GN_AGGREGATE_TOKEN_PERPLEXITY,
                                    RATIO | 1u << GN_AGGREGATE_TOKEN_PERPLEXITY, false, false},
    [GN_METRIC_BLEU] = {GENERATE, GN_AGGREGATE_BLEU, CORPUS, true, false},
    [GN_METRIC_CHRF] = {GENERATE, GN_AGGREGATE_CHRF, CORPUS, true, false},
    [GN_METRIC_CHRF_WORDS] = {GENERATE, GN_AGGREGATE_CHRF_WORDS, CORPUS, true, false},
    [GN_METRIC_IFEVAL] = {GENERATE, GN_AGGREGATE_MEAN, 1u << GN_AGGREGATE_MEAN, true, true},
    [GN_METRIC_PASS] = {GENERATE, GN_AGGREGATE_MEAN, NUMBER, true, true},
};

/* What a metric is called in tables, one name for each number it gives. */
static const char *const ifeval_name[] = {
    "prompt_level_strict_acc",      "inst_level_strict_acc",         "prompt_level_loose_acc",
    "inst_level_loose_acc",         "prompt_level_strict_acc_exact", "inst_level_strict_acc_exact",
    "prompt_level_loose_acc_exact", "inst_level_loose_acc_exact"};
enum { IFEVAL_MEASURES = 8 };

static const gn_metric_kind usual[4][3] = {
    [GN_TASK_CHOICE] = {GN_METRIC_ACC, GN_METRIC_ACC_NORM, GN_METRICS},
    [GN_TASK_TARGET] = {GN_METRIC_PERPLEXITY, GN_METRIC_ACC, GN_METRICS},
    [GN_TASK_ROLLING] = {GN_METRIC_WORD_PERPLEXITY, GN_METRIC_BYTE_PERPLEXITY,
                         GN_METRIC_BITS_PER_BYTE},
    [GN_TASK_GENERATE] = {GN_METRIC_EXACT_MATCH, GN_METRICS, GN_METRICS},
};

static const char *const aggregation_name[] = {"mean",
                                               "nanmean",
                                               "median",
                                               "perplexity",
                                               "weighted_perplexity",
                                               "bits_per_byte",
                                               "token_perplexity",
                                               "f1",
                                               "matthews_corrcoef",
                                               "brier_score",
                                               "bleu",
                                               "chrf",
                                               "chrf++",
                                               "weighted_mean",
                                               NULL};

const char *gn_aggregation_name(gn_aggregation a) { return aggregation_name[a]; }

/* ---- reading ------------------------------------------------------------ */

static int find(const char *const *names, gn_slice word) {
    for (int i = 0; names[i]; i++)
        if (gn_slice_is(word, names[i]))
            return i;
    return -1;
}

static bool unknown(gn_reader *r, const gn_value *v, const char *key, const char *const *names) {
    const gn_slice word = gn_value_text(v);
    const char *near = gn_nearest_name(word, names);
    gn_str all = {0};
    for (int i = 0; names[i]; i++)
        gn_str_fmt(&all, "%s%s", i ? ", " : "", names[i]);
    /* Known, and not made: its shifts are a search of sacrebleu's own. */
    if (gn_slice_is(word, "ter"))
        gn_read_code(r, v, key, "ter is not computed here; take bleu, chrf or chrf++");
    else
        gn_read_code(r, v, key,
                     near ? "no %s '%.*s'; did you mean %s?" : "no %s '%.*s'; there are %s", key,
                     (int)word.len, word.data, near ? near : gn_str_text(&all));
    gn_str_release(&all);
    return false;
}

static bool read_aggregation(gn_reader *r, gn_metric *m) {
    const gn_value *v = gn_read_value(r, "aggregation");
    m->aggregation = about[m->kind].usual;
    if (!v)
        return !gn_function_in(gn_value_get(r->tree, GN_S("aggregation"))).data;
    const int i = find(aggregation_name, gn_value_text(v));
    if (i < 0 || i == GN_AGGREGATE_WEIGHTED_MEAN)
        return unknown(r, v, "aggregation", aggregation_name);
    m->aggregation = (gn_aggregation)i;
    return (about[m->kind].aggregations >> i & 1) ||
           gn_read_fault(r, v, "aggregation", "%s says nothing of %s; its own is %s",
                         aggregation_name[i], metric_name[m->kind],
                         aggregation_name[about[m->kind].usual]);
}

static void note(gn_reader *r, const char *key) {
    const gn_value *v = gn_value_get(r->tree, gn_slice_of(key));
    if (v)
        gn_str_fmt(&r->task->notes, "%.*s:%d: metric_list: %s is ignored\n", (int)r->task->file.len,
                   r->task->file.data, v->line, key);
}

static bool read_options(gn_reader *r, gn_metric *m) {
    static const char *const keys[] = {"metric",
                                       "aggregation",
                                       "higher_is_better",
                                       "regexes_to_ignore",
                                       "ignore_case",
                                       "ignore_punctuation",
                                       "ignore_numbers",
                                       "hf_evaluate",
                                       "weight_by_size",
                                       "average",
                                       NULL};
    bool hub = false;
    const bool ok = gn_read_known(r, keys) & gn_read_bool(r, "higher_is_better", &m->higher) &
                    gn_read_bool(r, "ignore_case", &m->ignore_case) &
                    gn_read_bool(r, "ignore_punctuation", &m->ignore_punctuation) &
                    gn_read_bool(r, "ignore_numbers", &m->ignore_numbers) &
                    gn_read_bool(r, "hf_evaluate", &hub) &
                    gn_read_patterns(r, "regexes_to_ignore", &m->ignore, &m->n_ignore);
    note(r, "weight_by_size");
    note(r, "average");
    if (hub)
        return gn_read_code(r, gn_value_get(r->tree, GN_S("hf_evaluate")), "hf_evaluate",
                            "loads a metric from elsewhere, which gneiss does not do");
    return ok;
}

static bool read_metric(gn_reader *r, gn_metric *m) {
    const gn_value *v = gn_read_value(r, "metric");
    if (!v)
        return !gn_function_in(gn_value_get(r->tree, GN_S("metric"))).data &&
               gn_read_fault(r, r->tree, "metric", "is missing: the name of a metric");
    const int i = find(metric_name, gn_value_text(v));
    if (i < 0)
        return unknown(r, v, "metric", metric_name);
    m->kind = (gn_metric_kind)i;
    m->name = gn_slice_of(metric_name[i]);
    m->higher = about[i].higher;
    bool ok = read_aggregation(r, m) & read_options(r, m);
    if (!(about[i].kinds >> r->task->kind & 1))
        ok = gn_read_fault(r, v, "metric", "%s is not for %s", metric_name[i],
                           gn_task_kind_name(r->task->kind));
    if (i == GN_METRIC_PASS && !r->task->program.set)
        ok = gn_read_fault(r, v, "metric", "pass_at_1 needs metadata.gneiss.program");
    return ok;
}

static bool usual_metrics(gn_reader *r) {
    gn_task *t = r->task;
    t->metric = calloc(3, sizeof *t->metric);
    if (!t->metric)
        return gn_fail(r->e, GN_NO_MEMORY, "out of memory");
    for (int i = 0; i < 3 && usual[t->kind][i] != GN_METRICS; i++) {
        const gn_metric_kind k = usual[t->kind][i];
        t->metric[t->n_metric++] = (gn_metric){.kind = k,
                                               .name = gn_slice_of(metric_name[k]),
                                               .aggregation = about[k].usual,
                                               .higher = about[k].higher};
    }
    return true;
}

static bool read_list(gn_reader *r, const gn_value *list) {
    gn_task *t = r->task;
    bool ok = true;
    if (list->kind != GN_LIST || list->list.count == 0)
        return gn_function_in(list).data
                   ? gn_read_value(r, "metric_list") != NULL
                   : gn_read_fault(r, list, "metric_list", "want a list of {metric, ...}");
    t->metric = calloc(list->list.count, sizeof *t->metric);
    if (!t->metric)
        return gn_fail(r->e, GN_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < list->list.count; i++) {
        gn_reader in = *r;
        in.tree = list->list.item[i];
        in.inside = "metric_list";
        gn_metric *m = &t->metric[t->n_metric++];
        if (in.tree->kind != GN_MAP)
            ok = gn_read_fault(r, in.tree, "metric_list", "item %zu is no map", i);
        else
            ok = read_metric(&in, m) && ok;
        for (int j = 0; ok && j < t->n_metric - 1; j++)
            if (t->metric[j].kind == m->kind)
                ok = gn_read_fault(&in, in.tree, "metric", "%s is there twice",
                                   metric_name[m->kind]);
    }
    return ok;
}

static bool make_measures(gn_reader *r) {
    gn_task *t = r->task;
    const size_t most = (size_t)t->n_pipeline * (size_t)t->n_metric * IFEVAL_MEASURES;
    t->measure = calloc(most ? most : 1, sizeof *t->measure);
    if (!t->measure)
        return gn_fail(r->e, GN_NO_MEMORY, "out of memory");
    for (int p = 0; p < t->n_pipeline; p++)
        for (int i = 0; i < t->n_metric; i++) {
            const gn_metric *m = &t->metric[i];
            const bool many = m->kind == GN_METRIC_IFEVAL;
            for (int j = 0; j < (many ? IFEVAL_MEASURES : 1); j++)
                t->measure[t->n_measure++] = (gn_measure){
                    .metric = many                       ? gn_slice_of(ifeval_name[j])
                              : m->kind == GN_METRIC_MC2 ? GN_S("acc")
                                                         : m->name,
                    .filter = t->pipeline[p].name,
                    .aggregation = many && j % 2 ? GN_AGGREGATE_WEIGHTED_MEAN : m->aggregation,
                    .higher = m->higher,
                    .binary = about[m->kind].binary && !(many && j % 2)};
        }
    return true;
}

bool gn_metrics_read(gn_reader *r) {
    const gn_value *list = gn_value_get(r->tree, GN_S("metric_list"));
    const bool none = !list || list->kind == GN_NULL;
    return (none ? usual_metrics(r) : read_list(r, list)) && make_measures(r);
}

void gn_metrics_release(gn_task *t) {
    for (int i = 0; i < t->n_metric; i++)
        gn_patterns_release(t->metric[i].ignore, t->metric[i].n_ignore);
    free(t->metric);
    free(t->measure);
}

/* ---- rows --------------------------------------------------------------- */

typedef struct scoring {
    const gn_task *task;
    const gn_document *doc;
    const gn_answer *answer;
    int n;
    const gn_judge *judge;
    gn_arena *a;
    gn_error *e;
    gn_score_row *row;
    int n_row, measure;
} scoring;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

static void put(scoring *s, int measure, double value, double weight, gn_slice extracted,
                bool invalid) {
    const gn_measure *m = &s->task->measure[measure];
    s->row[s->n_row++] = (gn_score_row){.metric = m->metric,
                                        .filter = m->filter,
                                        .value = value,
                                        .weight = weight,
                                        .extracted = extracted,
                                        .invalid = invalid,
                                        .measure = measure};
}

static bool put_index(scoring *s, double value, double weight, int chosen) {
    char text[16];
    const int n = snprintf(text, sizeof text, "%d", chosen);
    const gn_slice copy = gn_arena_copy(s->a, (gn_slice){text, (size_t)n});
    put(s, s->measure, value, weight, copy, false);
    return copy.data || no_memory(s->e);
}

/* ---- choices ------------------------------------------------------------ */

enum by { BY_SUM, BY_POINTS, BY_BYTES, BY_GAIN };

/* The choice that scores highest; the first of equals. */
static int best_choice(const scoring *s, enum by by) {
    const gn_document *d = s->doc;
    int best = 0;
    double most = 0;
    for (int i = 0; i < d->n_choice; i++) {
        double v = s->answer[i].logprob;
        const size_t length = by == BY_POINTS  ? gn_utf8_count(d->choice[i])
                              : by == BY_BYTES ? d->choice[i].len
                                               : 1;
        if (by == BY_GAIN)
            v -= s->answer[d->n_choice + i].logprob;
        v = length ? v / (double)length : -INFINITY;
        if (i == 0 || v > most) {
            best = i;
            most = v;
        }
    }
    return best;
}

static bool is_gold(const gn_document *d, int choice) {
    for (int i = 0; i < d->n_gold; i++)
        if (d->gold[i] == choice)
            return true;
    return false;
}

/* softmax of the sums, in out [n_choice]. */
static double *probabilities(const scoring *s) {
    const int n = s->doc->n_choice;
    double *out = gn_arena_alloc(s->a, (size_t)n * sizeof *out), sum = 0;
    if (!out)
        return NULL;
    const double most = s->answer[best_choice(s, BY_SUM)].logprob;
    for (int i = 0; i < n; i++)
        sum += out[i] = exp(s->answer[i].logprob - most);
    for (int i = 0; i < n; i++)
        out[i] /= sum;
    return out;
}

static bool score_brier(scoring *s) {
    const gn_document *d = s->doc;
    const double *p = probabilities(s);
    double sum = 0;
    if (!p)
        return no_memory(s->e);
    if (d->many || d->n_gold != 1 || d->gold[0] < 0)
        return gn_fail(s->e, GN_INVALID, "brier_score wants one answer that is a choice");
    for (int i = 0; i < d->n_choice; i++) {
        const double miss = p[i] - (i == d->gold[0]);
        sum += miss * miss;
    }
    return put_index(s, sum, d->n_choice, best_choice(s, BY_SUM));
}

static bool score_mass(scoring *s) {
    const double *p = probabilities(s);
    double sum = 0;
    if (!p)
        return no_memory(s->e);
    for (int i = 0; i < s->doc->n_choice; i++)
        sum += is_gold(s->doc, i) ? p[i] : 0;
    return put_index(s, sum, 1, best_choice(s, BY_SUM));
}

static bool score_class(scoring *s, const gn_metric *m) {
    const int pred = best_choice(s, BY_SUM);
    if (s->doc->many)
        return gn_fail(s->e, GN_INVALID, "%.*s wants one answer, not a list", (int)m->name.len,
                       m->name.data);
    return put_index(s, pred, 1, pred);
}

static bool score_greedy(scoring *s) {
    bool any = false;
    for (int i = 0; i < s->doc->n_gold; i++)
        any |= s->doc->gold[i] >= 0 && s->answer[s->doc->gold[i]].greedy;
    return put_index(s, any, 1, best_choice(s, BY_SUM));
}

static bool score_choice(scoring *s, const gn_metric *m) {
    enum by by = BY_SUM;
    switch (m->kind) {
    case GN_METRIC_BRIER:
        return score_brier(s);
    case GN_METRIC_MC2:
        return score_mass(s);
    case GN_METRIC_F1:
    case GN_METRIC_MCC:
        return score_class(s, m);
    case GN_METRIC_EXACT_MATCH:
        return score_greedy(s);
    case GN_METRIC_ACC_NORM:
        by = BY_POINTS;
        break;
    case GN_METRIC_ACC_BYTES:
        by = BY_BYTES;
        break;
    case GN_METRIC_ACC_MUTUAL_INFO:
        if (s->doc->many)
            return gn_fail(s->e, GN_INVALID, "acc_mutual_info wants one answer, not a list");
        by = BY_GAIN;
        break;
    default:
        break;
    }
    const int chosen = best_choice(s, by);
    return put_index(s, is_gold(s->doc, chosen), 1, chosen);
}

/* ---- texts -------------------------------------------------------------- */

/* An answer or a gold as exact_match compares it. */
static bool plainer(scoring *s, const gn_metric *m, gn_slice text, gn_slice *out) {
    gn_str now = {0};
    bool ok = true;
    gn_str_add(&now, text);
    for (int i = 0; ok && i < m->n_ignore; i++) {
        gn_str next = {0};
        ok = gn_regex_sub(m->ignore[i], gn_str_slice(&now), GN_S(""), 0, &next, s->e);
        gn_str_release(&now);
        now = next;
    }
    if (m->ignore_case) {
        gn_str lower = {0};
        gn_text_lower(&lower, gn_str_slice(&now));
        gn_str_release(&now);
        now = lower;
    }
    size_t kept = 0;
    for (size_t i = 0; i < now.len; i++) {
        const char c = now.data[i];
        const bool digit = c >= '0' && c <= '9';
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool mark = c > ' ' && c < 127 && !digit && !letter;
        if (!(m->ignore_punctuation && mark) && !(m->ignore_numbers && digit))
            now.data[kept++] = c;
    }
    gn_str_cut(&now, kept);
    *out = gn_arena_copy(s->a, gn_str_slice(&now));
    ok = ok && gn_str_ok(&now, s->e) && (out->data || no_memory(s->e));
    gn_str_release(&now);
    return ok;
}

static bool matches(scoring *s, const gn_metric *m, gn_slice answer, bool *any) {
    gn_slice a, g;
    *any = false;
    if (!plainer(s, m, answer, &a))
        return false;
    for (int i = 0; !*any && i < s->doc->n_gold_text; i++) {
        if (!plainer(s, m, s->doc->gold_text[i], &g))
            return false;
        *any = gn_slice_equal(a, g);
    }
    return true;
}

/* One of several golds is enough; answers that were not taken one of count by their share. */
static bool score_match(scoring *s, const gn_metric *m, const gn_filtered *f, int n, bool taken) {
    int right = 0;
    for (int i = 0; i < n; i++) {
        bool any;
        if (!matches(s, m, f[i].text.data ? f[i].text : GN_S("None"), &any))
            return false;
        right += any;
    }
    double value = (double)right / n;
    if (s->doc->many)
        value = right > 0;
    put(s, s->measure, value, 1, f[0].text, f[0].invalid);
    return taken || n == 1 || s->task->repeats > 1 ||
           gn_fail(s->e, GN_INVALID, "%d answers where one is wanted", n);
}

static bool score_corpus(scoring *s, const gn_metric *m, const gn_filtered *f) {
    const gn_slice answer = f[0].text.data ? f[0].text : GN_S("");
    if (s->doc->n_gold_text != 1 || s->doc->many)
        return gn_fail(s->e, GN_INVALID, "%.*s wants one answer, not a list", (int)m->name.len,
                       m->name.data);
    const gn_corpus_kind kind = m->kind == GN_METRIC_BLEU   ? GN_CORPUS_BLEU
                                : m->kind == GN_METRIC_CHRF ? GN_CORPUS_CHRF
                                                            : GN_CORPUS_CHRF_WORDS;
    const double v = gn_corpus_one(kind, answer, s->doc->gold_text[0], s->e);
    if (s->e->code != GN_OK)
        return false;
    put(s, s->measure, v, 1, answer, f[0].invalid);
    return true;
}

static bool score_ifeval(scoring *s, const gn_filtered *f) {
    gn_ifeval r;
    const gn_slice answer = f[0].text.data ? f[0].text : GN_S("");
    if (!gn_ifeval_check(s->doc->doc, answer, &r, s->e))
        return false;
    for (int i = 0; i < IFEVAL_MEASURES; i++) {
        const int passed = i % 4 < 2 ? r.strict : r.loose;
        if (i >= 4 && r.approximate)
            continue;
        if (i % 2)
            put(s, s->measure + i, r.count ? (double)passed / r.count : 0, r.count, answer, false);
        else
            put(s, s->measure + i, passed == r.count, 1, answer, false);
    }
    return true;
}

static bool score_program(scoring *s, const gn_filtered *f) {
    const gn_slice answer = f[0].text.data ? f[0].text : GN_S("");
    gn_str program = {0};
    bool passed = false;
    gn_value *vars = gn_value_map(s->a);
    const gn_value *doc = s->doc->doc;
    if (!s->judge)
        return gn_fail(s->e, GN_INVALID,
                       "pass_at_1 runs what the model wrote: say by what, with "
                       "--judge CMD");
    bool ok = true;
    for (size_t i = 0; ok && i < doc->map.count; i++)
        ok = gn_value_set(s->a, vars, doc->map.entry[i].key, doc->map.entry[i].value);
    ok = (ok && gn_value_set(s->a, vars, GN_S("completion"), gn_value_borrow(s->a, answer))) ||
         no_memory(s->e);
    ok = ok && gn_template_render(s->task->program.template, vars, &program, s->e) &&
         s->judge->run(s->judge->user, gn_str_slice(&program), &passed, s->e);
    gn_str_release(&program);
    if (ok)
        put(s, s->measure, passed, 1, answer, f[0].invalid);
    return ok;
}

static bool score_text(scoring *s, const gn_metric *m, const gn_filtered *f, int n, bool taken) {
    switch (m->kind) {
    case GN_METRIC_EXACT_MATCH:
        return score_match(s, m, f, n, taken);
    case GN_METRIC_IFEVAL:
        return score_ifeval(s, f);
    case GN_METRIC_PASS:
        return score_program(s, f);
    default:
        return score_corpus(s, m, f);
    }
}

/* ---- likelihoods -------------------------------------------------------- */

static void score_likelihood(scoring *s, const gn_metric *m) {
    const gn_answer *a = s->answer;
    const gn_slice none = {NULL, 0};
    switch (m->kind) {
    case GN_METRIC_ACC:
        put(s, s->measure, a->greedy, 1, none, false);
        break;
    case GN_METRIC_WORD_PERPLEXITY:
        put(s, s->measure, a->logprob, (double)s->doc->words, none, false);
        break;
    case GN_METRIC_BYTE_PERPLEXITY:
    case GN_METRIC_BITS_PER_BYTE:
        put(s, s->measure, a->logprob, (double)s->doc->bytes, none, false);
        break;
    case GN_METRIC_TOKEN_PERPLEXITY:
        put(s, s->measure, a->logprob, (double)a->tokens, none, false);
        break;
    default:
        put(s, s->measure, a->logprob, 1, none, false);
        break;
    }
}

/* ---- a document --------------------------------------------------------- */

static bool score_pipeline(scoring *s, const gn_pipeline *p) {
    const gn_task *t = s->task;
    gn_filtered *f = NULL;
    int n = 0;
    bool taken = false, ok = true;

    if (t->kind == GN_TASK_GENERATE) {
        gn_slice *text = gn_arena_alloc(s->a, (size_t)s->n * sizeof *text);
        if (!text)
            return no_memory(s->e);
        for (int i = 0; i < s->n; i++)
            text[i] = s->answer[i].text;
        if (!gn_pipeline_run(p, s->doc, text, s->n, s->a, &f, &n, &taken, s->e))
            return false;
    }
    for (int i = 0; ok && i < t->n_metric; i++) {
        if (t->kind == GN_TASK_GENERATE)
            ok = score_text(s, &t->metric[i], f, n, taken);
        else if (t->kind == GN_TASK_CHOICE)
            ok = score_choice(s, &t->metric[i]);
        else
            score_likelihood(s, &t->metric[i]);
        s->measure += t->metric[i].kind == GN_METRIC_IFEVAL ? IFEVAL_MEASURES : 1;
    }
    return ok;
}

bool gn_document_score(const gn_task *t, const gn_document *doc, const gn_answer *answer, int n,
                       const gn_judge *judge, gn_arena *a, gn_score_row **row, int *n_row,
                       gn_error *e) {
    scoring s = {.task = t, .doc = doc, .answer = answer, .n = n, .judge = judge, .a = a, .e = e};
    const int want = t->kind == GN_TASK_GENERATE ? t->repeats : doc->n_request;
    bool ok = n == want || gn_fail(e, GN_INVALID, "%d answers to %d questions", n, want);
    if (ok && !(s.row = gn_arena_alloc(a, (size_t)(t->n_measure + 1) * sizeof *s.row)))
        ok = no_memory(e);
    for (int i = 0; ok && i < t->n_pipeline; i++)
        ok = score_pipeline(&s, &t->pipeline[i]);
    *row = s.row;
    *n_row = s.n_row;
    return ok || gn_context(e, "task '%.*s': document %lld", (int)t->name.len, t->name.data,
                            (long long)doc->ix);
}
