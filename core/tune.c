/* tune.c - see tune.h: opening a run, its batches, its steps. */
#include "core/tune_work.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening ---------------------------------------------------------------- */

static void set_defaults(gn_tune_options *o) {
    o->epochs = o->epochs > 0 ? o->epochs : 1.0;
    o->lr = o->lr > 0 ? o->lr : 1e-4;
    o->batch_tokens = o->batch_tokens > 0 ? o->batch_tokens : 4096;
    o->lora_alpha = o->lora_alpha > 0 ? o->lora_alpha : 2.0 * o->lora;
}

static bool read_config(gn_tune *t, gn_error *e) {
    gn_str path = {0}, text = {0};
    if (t->o.init)
        gn_str_puts(&path, t->o.init);
    else
        gn_path_join(&path, gn_slice_of(t->o.model), GN_S("config.json"));
    bool ok = gn_str_ok(&path, e) && gn_file_read(&text, path.data, 64 << 20, e) &&
              (t->config_json = gn_json_parse(&t->texts.arena, gn_str_slice(&text), e)) &&
              gn_config_from_json(&t->texts.config, t->config_json, &t->texts.warnings, e);
    if (!ok)
        gn_where(e, "%.150s", gn_str_text(&path));
    gn_str_release(&path);
    gn_str_release(&text);
    return ok;
}

static bool read_texts(gn_tune *t, gn_error *e) {
    static const gn_engine_options none = {0};
    const char *folder = t->o.tokenizer ? t->o.tokenizer : t->o.model;
    if (!folder)
        return true;
    if (!gn_path_is_folder(folder))
        return gn_fail(e, GN_IO, "'%s' is no folder", folder);
    snprintf(t->config_folder, sizeof t->config_folder, "%s", folder);
    if (!gn_engine_read_texts(&t->texts, folder, &none, e))
        return false;
    if (t->texts.tokenizer && gn_tokenizer_size(t->texts.tokenizer) > t->texts.config.vocab)
        return gn_fail(e, GN_INVALID, "the tokenizer has %d tokens, the model a vocabulary of %d",
                       gn_tokenizer_size(t->texts.tokenizer), t->texts.config.vocab);
    return true;
}

static bool check_options(const gn_tune_options *o, gn_error *e) {
    if (!o->model == !o->init)
        return gn_fail(e, GN_INVALID, "give a MODEL or --init CONFIG.json, one of the two");
    if (o->init && o->lora)
        return gn_fail(e, GN_INVALID, "--lora adapts a MODEL; with --init all is trained");
    if (o->model && !gn_path_is_folder(o->model))
        return gn_fail(e, gn_path_exists(o->model) ? GN_UNSUPPORTED : GN_IO,
                       "'%s' is no folder; training begins with a Hugging Face folder of "
                       "safetensors",
                       o->model);
    return true;
}

static gn_tune *open_data(const gn_tune_options *o, gn_error *e) {
    gn_tune *t = calloc(1, sizeof *t);
    if (!t) {
        gn_fail(e, GN_NO_MEMORY, "out of memory");
        return NULL;
    }
    t->o = *o;
    set_defaults(&t->o);
    if (!check_options(&t->o, e) || !read_config(t, e) || !read_texts(t, e) ||
        !gn_examples_read(t, e)) {
        gn_tune_close(t);
        return NULL;
    }
    return t;
}

gn_tune *gn_tune_open_data(const gn_tune_options *o, gn_error *e) { return open_data(o, e); }

static double config_number(const gn_tune *t, gn_slice key, double otherwise) {
    double v;
    return gn_value_to_number(gn_value_get(t->config_json, key), &v) ? v : otherwise;
}

static bool make_learner(gn_tune *t, gn_error *e) {
    if (t->o.model && !(t->tensors = gn_tensors_open(t->o.model, e)))
        return false;
    const gn_learn_options l = {
        .tensors = t->tensors,
        .seed = t->o.seed,
        .range = (float)config_number(t, GN_S("initializer_range"), 0.02),
        .dt_low = (float)config_number(t, GN_S("time_step_min"), 0.001),
        .dt_high = (float)config_number(t, GN_S("time_step_max"), 0.1),
        .rank = t->o.lora,
        .alpha = (float)t->o.lora_alpha,
        .optimizer = true,
    };
    t->learner = gn_learner_new(&t->texts.config, &l, e);
    return t->learner != NULL;
}

/* ---- batches ------------------------------------------------------------------ */

/* The order of an epoch: Fisher and Yates, by the seed and the epoch's number alone. */
static void shuffle(gn_tune *t, int64_t epoch) {
    const int n = t->examples.count;
    const uint64_t seed = gn_splitmix64(t->o.seed * 0x9E3779B97F4A7C15u + (uint64_t)epoch + 1);
    for (int i = 0; i < n; i++)
        t->order[i] = i;
    for (int i = n - 1; i > 0; i--) {
        const uint64_t z = gn_splitmix64(seed + (uint64_t)i * 0x9E3779B97F4A7C15u);
        const int j = (int)(z % (uint64_t)(i + 1));
        const int32_t kept = t->order[i];
        t->order[i] = t->order[j];
        t->order[j] = kept;
    }
    t->epoch = epoch;
    t->at = 0;
}

static int length_of(const gn_tune *t, int place) {
    const int i = t->order[place];
    return (int)(t->examples.first[i + 1] - t->examples.first[i]);
}

/* Examples [at, end) of the order are the next batch: as many as fit, at least one. */
static int batch_end(const gn_tune *t, int *rows) {
    int end = t->at;
    *rows = 0;
    while (end < t->examples.count &&
           (end == t->at || *rows + length_of(t, end) <= t->o.batch_tokens))
        *rows += length_of(t, end++);
    return end;
}

static void pass_batch(gn_tune *t) {
    int rows;
    t->at = batch_end(t, &rows);
    t->tokens += rows;
    if (t->at == t->examples.count)
        shuffle(t, t->epoch + 1);
}

/* How many steps so many epochs take. */
static int64_t count_steps(gn_tune *t) {
    int64_t steps = 0;
    shuffle(t, 0);
    const double whole = floor(t->o.epochs);
    while ((double)t->epoch < whole) {
        pass_batch(t);
        steps++;
    }
    const int part = (int)((t->o.epochs - whole) * t->examples.count);
    while ((double)t->epoch == whole && t->at < part) {
        pass_batch(t);
        steps++;
    }
    return steps ? steps : 1;
}

static gn_batch fill_batch(gn_tune *t) {
    gn_batch b = {.token = t->token, .label = t->row_label, .segment = t->segment};
    int rows;
    const int end = batch_end(t, &rows);
    const gn_examples *x = &t->examples;
    for (int place = t->at; place < end; place++) {
        const size_t first = x->first[t->order[place]];
        const int n = length_of(t, place);
        t->segment[b.segments++] = (gn_segment){b.rows, n};
        for (int k = 0; k < n; k++, b.rows++) {
            const int32_t next = k + 1 < n ? x->label.id[first + (size_t)k + 1] : -1;
            t->token[b.rows] = x->id.id[first + (size_t)k];
            t->row_label[b.rows] = next < 0 ? -1 : next;
        }
    }
    return b;
}

/* ---- a run --------------------------------------------------------------------- */

/* What a step depends on. A path is not in it: data and config are, by content. */
static bool take_fingerprint(gn_tune *t, gn_error *e) {
    const gn_tune_options *o = &t->o;
    gn_str s = {0};
    gn_sha256 *h = gn_sha256_new();
    uint8_t digest[GN_SHA256_BYTES] = {0};
    bool ok = true;
    gn_json_write_canonical(&s, t->config_json);
    gn_str_fmt(&s, "|%s|%" PRId64 "|%.17g|%.17g|%.17g|%d|%" PRId64 "|%d|%" PRIu64 "|%d|%.17g",
               t->data_sha, t->steps, o->lr, o->weight_decay, o->clip, (int)o->schedule, o->warmup,
               o->batch_tokens, o->seed, o->lora, o->lora_alpha);
    if (t->texts.tokenizer) {
        ok = gn_tokenizer_sha(t->texts.tokenizer, digest, e);
        gn_sha256_add(h, digest, sizeof digest);
    }
    gn_sha256_add(h, gn_str_text(&s), s.len);
    for (int i = 0; i < t->learner->tensors && t->tensors; i++) /* what it begins with */
        gn_sha256_add(h, t->learner->parameter[i].value,
                      t->learner->parameter[i].count * sizeof(float));
    gn_sha256_end(h, digest);
    gn_hex(digest, sizeof digest, t->fingerprint);
    gn_str_release(&s);
    return ok;
}

static bool make_trainer(gn_tune *t, int rows, gn_error *e) {
    const gn_trainer_options r = {.threads = t->o.threads, .rows = rows, .memory = t->o.tape_mem};
    t->trainer = gn_trainer_new(t->learner, &r, e);
    t->token = malloc((size_t)rows * sizeof *t->token);
    t->row_label = malloc((size_t)rows * sizeof *t->row_label);
    t->segment = malloc((size_t)rows * sizeof *t->segment);
    t->order = malloc((size_t)t->examples.count * sizeof *t->order);
    if (!t->trainer)
        return false;
    return (t->token && t->row_label && t->segment && t->order) ||
           gn_fail(e, GN_NO_MEMORY, "batches: out of memory");
}

gn_tune *gn_tune_open(const gn_tune_options *o, gn_error *e) {
    gn_tune *t = open_data(o, e);
    if (!t)
        return NULL;
    int rows = t->o.batch_tokens > t->examples.longest ? t->o.batch_tokens : t->examples.longest;
    if (!o->out && t->examples.id.count < (size_t)INT32_MAX) /* gradients: all at once */
        rows = (int)t->examples.id.count;
    bool ok = make_learner(t, e) && make_trainer(t, rows, e);
    if (ok && o->out) {
        t->steps = t->o.steps > 0 ? t->o.steps : count_steps(t);
        t->loss = calloc((size_t)t->steps, sizeof *t->loss);
        ok = t->loss || gn_fail(e, GN_NO_MEMORY, "out of memory");
        ok = ok && take_fingerprint(t, e) && gn_path_make_folder(o->out, e) &&
             gn_tune_load_state(t, e);
        t->tokens = 0;
        shuffle(t, 0);
        for (int64_t s = 0; ok && s < t->step; s++)
            pass_batch(t);
        if (ok)
            gn_learner_merge(t->learner, gn_trainer_crew(t->trainer));
    }
    if (!ok) {
        gn_tune_close(t);
        return NULL;
    }
    return t;
}

void gn_tune_close(gn_tune *t) {
    if (!t)
        return;
    gn_trainer_free(t->trainer);
    gn_learner_free(t->learner);
    gn_tensors_close(t->tensors);
    gn_examples_release(&t->examples);
    gn_template_free(t->texts.template);
    gn_tokenizer_free(t->texts.tokenizer);
    gn_str_release(&t->texts.template_source);
    gn_str_release(&t->texts.warnings);
    gn_arena_release(&t->texts.arena);
    free(t->loss);
    free(t->order);
    free(t->token);
    free(t->row_label);
    free(t->segment);
    gn_str_release(&t->evals);
    free(t);
}

/* Of the step that comes, from 1. */
static double rate_of(const gn_tune *t, int64_t step) {
    const gn_tune_options *o = &t->o;
    if (step <= o->warmup)
        return o->lr * (double)step / (double)o->warmup;
    const double left = (double)(t->steps - o->warmup);
    const double past = left > 0 ? (double)(step - 1 - o->warmup) / left : 0.0;
    return o->schedule == GN_LINEAR   ? o->lr * (1.0 - past)
           : o->schedule == GN_COSINE ? o->lr * 0.5 * (1.0 + cos(M_PI * past))
                                      : o->lr;
}

static bool is_snapshot(const gn_tune *t) {
    for (int i = 0; i < t->o.snapshots; i++)
        if (t->o.snapshot[i] == t->step)
            return true;
    return false;
}

static bool save(gn_tune *t, const gn_tune_hooks *h, gn_error *e) {
    return gn_tune_save_state(t, e) && gn_tune_export(t, t->o.out, e) &&
           (!h->saved || h->saved(h->user, t->step, t->o.out, e));
}

static bool save_snapshot(gn_tune *t, const gn_tune_hooks *h, gn_error *e) {
    gn_str path = {0};
    gn_str_fmt(&path, "%s/step-%" PRId64, t->o.out, t->step);
    const bool ok = gn_str_ok(&path, e) && gn_tune_export(t, path.data, e) &&
                    (!h->saved || h->saved(h->user, t->step, path.data, e));
    gn_str_release(&path);
    return ok;
}

static bool stays_finite(double loss, double norm, int64_t step, gn_error *e) {
    return (isfinite(loss) && isfinite(norm)) ||
           gn_fail(e, GN_INVALID,
                   "step %" PRId64 ": the loss is %g and the gradient's norm %g; a smaller --lr or "
                   "a longer --warmup may help",
                   step, loss, norm);
}

/* One step; p tells of it. */
static bool one_step(gn_tune *t, gn_tune_progress *p, gn_error *e) {
    const gn_batch b = fill_batch(t);
    const double lr = rate_of(t, t->step + 1);
    p->loss = gn_trainer_run(t->trainer, &b, true);
    const gn_adamw a = {.lr = (float)lr,
                        .beta1 = 0.9f,
                        .beta2 = 0.95f,
                        .eps = 1e-8f,
                        .decay = (float)t->o.weight_decay,
                        .clip = (float)t->o.clip,
                        .step = (int)(t->step + 1)};
    p->grad_norm = gn_trainer_update(t->trainer, &a);
    if (!stays_finite(p->loss, p->grad_norm, t->step + 1, e))
        return false;
    t->loss[t->step++] = (float)p->loss;
    pass_batch(t);
    p->step = t->step;
    p->lr = lr;
    return true;
}

bool gn_tune_run(gn_tune *t, const gn_tune_hooks *h, bool *done, gn_error *e) {
    const double begun = gn_seconds(), before = t->seconds;
    const int64_t tokens = t->tokens;
    bool go_on = true;
    int64_t saved = -1;
    while (go_on && t->step < t->steps) {
        gn_tune_progress p = {.steps = t->steps};
        if (!one_step(t, &p, e))
            return false;
        p.tokens = t->tokens;
        p.seconds = gn_seconds() - begun;
        p.tokens_per_s = (double)(t->tokens - tokens) / p.seconds;
        t->seconds = before + p.seconds;
        go_on = !h->step || h->step(h->user, &p);
        if (t->o.save_every > 0 && t->step % t->o.save_every == 0) {
            if (!save(t, h, e))
                return false;
            saved = t->step;
        }
        if (is_snapshot(t) && !save_snapshot(t, h, e))
            return false;
    }
    *done = t->step == t->steps;
    return saved == t->step || save(t, h, e);
}

/* ---- what it is ------------------------------------------------------------------ */

int gn_tune_examples(const gn_tune *t) { return t->examples.count; }

int gn_tune_example(const gn_tune *t, int i, const int32_t **id, const int32_t **label) {
    const gn_examples *x = &t->examples;
    *id = x->id.id + x->first[i];
    *label = x->label.id + x->first[i];
    return (int)(x->first[i + 1] - x->first[i]);
}

gn_slice gn_tune_token(const gn_tune *t, int32_t id) {
    return t->texts.tokenizer ? gn_token_bytes(t->texts.tokenizer, id) : (gn_slice){"", 0};
}

int64_t gn_tune_tokens(const gn_tune *t) { return (int64_t)t->examples.id.count; }
size_t gn_tune_bytes(const gn_tune *t) { return gn_trainer_bytes(t->trainer); }
int64_t gn_tune_steps(const gn_tune *t) { return t->steps; }
int64_t gn_tune_step(const gn_tune *t) { return t->step; }
int64_t gn_tune_read(const gn_tune *t) { return t->tokens; }
const float *gn_tune_losses(const gn_tune *t) { return t->loss; }

size_t gn_tune_parameters(const gn_tune *t, size_t *trained) {
    size_t n = 0;
    for (int i = 0; i < t->learner->tensors; i++)
        n += t->learner->parameter[i].count;
    *trained = gn_learner_trained(t->learner);
    return n;
}

/* ---- the plot --------------------------------------------------------------------- */

static double mean_of(const float *loss, int64_t first, int64_t end) {
    double sum = 0.0;
    for (int64_t i = first; i < end; i++)
        sum += (double)loss[i];
    return sum / (double)(end - first);
}

void gn_tune_plot(gn_str *out, const float *loss, int64_t n, int width, int height) {
    enum { MOST = 200 };
    double mean[MOST], low = INFINITY, high = -INFINITY;
    const int cols = (int)(n < width ? n : width < MOST ? width : MOST);
    for (int c = 0; c < cols; c++) {
        mean[c] = mean_of(loss, c * n / cols, (c + 1) * n / cols);
        low = mean[c] < low ? mean[c] : low;
        high = mean[c] > high ? mean[c] : high;
    }
    const double span = high > low ? high - low : 1.0;
    for (int r = 0; r < height && cols; r++) {
        const double value = high - span * r / (height > 1 ? height - 1 : 1);
        gn_str_fmt(out, "%8.3f |", value);
        for (int c = 0; c < cols; c++)
            gn_str_putc(out, (int)lrint((high - mean[c]) / span * (height - 1)) == r ? '*' : ' ');
        while (out->len && out->data[out->len - 1] == ' ')
            gn_str_cut(out, out->len - 1);
        gn_str_putc(out, '\n');
    }
    if (cols)
        gn_str_fmt(
            out, "%8s +%.*s\n%8s  step 1 to %" PRId64 "\n", "", cols,
            "--------------------------------------------------------------------------------"
            "--------------------------------------------------------------------------------"
            "----------------------------------------",
            "", n);
}
