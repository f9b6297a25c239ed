/* engine.c - open a checkpoint: files -> config -> weights on a device; close it.
 *
 * A checkpoint is a Hugging Face folder or a GGUF. What is text in it
 * (tokenizer, template, generation settings) is texts.c's; this file opens the
 * tensors, chooses the device, and checks that all of it fits before anything
 * large is allocated.
 */
#include "core/engine.h"

#include "core/cuda/cuda.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEFAULT_BATCH_CPU = 384,
    DEFAULT_BATCH_CUDA = 2048,
    LOGIT_BLOCK_CPU = 16 << 20,  /* logits are made in blocks of about so many bytes; */
    LOGIT_BLOCK_CUDA = 64 << 20, /* a GPU reads the whole head for each */
    LEAST_LOGIT_ROWS = 16,
    DEFAULT_STATE_MEM = 512 << 20,
    MOST_LANES = 32768, /* sequences of a step and rows of logits: a GPU's grids have an end */
};

static const char *copy_text(gn_slice text, char **to, gn_error *e) {
    *to = gn_strdup_slice(text);
    if (!*to)
        gn_fail(e, GN_NO_MEMORY, "out of memory");
    return *to;
}

/* "m/granite-4.0-h-tiny/" -> "granite-4.0-h-tiny"; "x/y.gguf" -> "y" */
static bool name_of(gn_engine *g, const char *path, gn_error *e) {
    gn_slice p = gn_slice_of(path);
    while (p.len > 1 && p.data[p.len - 1] == '/')
        p.len--;
    gn_slice name = gn_path_name(p);
    if (gn_slice_ends(name, GN_S(".gguf")))
        name.len -= strlen(".gguf");
    return copy_text(name, &g->name, e) != NULL;
}

/* The folder that holds a checkpoint's small files; NULL for a GGUF. */
static bool folder_of(const char *path, gn_container container, gn_str *out) {
    if (container == GN_GGUF)
        return false;
    gn_str_add(out,
               gn_path_is_folder(path) ? gn_slice_of(path) : gn_path_folder(gn_slice_of(path)));
    return true;
}

static bool read_config(gn_engine *g, const char *folder, gn_error *e) {
    if (!folder)
        return gn_config_from_gguf(&g->config, gn_tensors_keys(g->tensors), &g->warnings, e);

    gn_str path = {0}, text = {0};
    gn_path_join(&path, gn_slice_of(folder), GN_S("config.json"));
    const gn_value *json = NULL;
    bool ok = gn_str_ok(&path, e) && gn_file_read(&text, path.data, 64 << 20, e);
    if (ok && !(json = gn_json_parse(&g->arena, gn_str_slice(&text), e)))
        ok = gn_context(e, "config.json");
    ok = ok && gn_config_from_json(&g->config, json, &g->warnings, e);
    if (!ok)
        gn_where(e, "%s", gn_str_text(&path));
    gn_str_release(&path);
    gn_str_release(&text);
    return ok;
}

/* Bytes the system could still give us; SIZE_MAX where it does not say. */
static size_t memory_available(void) {
    FILE *f = fopen("/proc/meminfo", "r");
    char line[128];
    unsigned long long kib = 0;
    size_t out = SIZE_MAX;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
            out = (size_t)kib << 10;
    if (f)
        fclose(f);
    return out;
}

static bool fits(const gn_engine *g, bool mapped, gn_error *e) {
    const size_t need = gn_tensors_bytes(g->tensors), have = memory_available();
    if (mapped || need <= have)
        return true;
    return gn_fail(e, GN_NO_MEMORY,
                   "the weights take %.1f GiB and %.1f GiB of memory are free; --mmap reads them "
                   "from the file as they are needed",
                   (double)need / (1 << 30), (double)have / (1 << 30));
}

static bool open_cpu(gn_engine *g, gn_error *e) {
    g->batch_tokens = g->asked_batch > 0 ? g->asked_batch : DEFAULT_BATCH_CPU;
    return fits(g, g->cpu.mapped, e) && (g->device = gn_cpu_open(&g->cpu, e)) != NULL;
}

/* Rows of logits that are made at a time. */
static int logit_rows(const gn_engine *g, bool gpu) {
    const int64_t block = gpu ? LOGIT_BLOCK_CUDA : LOGIT_BLOCK_CPU,
                  rows = block / (4 * (int64_t)g->config.vocab),
                  most = g->batch_tokens < MOST_LANES ? g->batch_tokens : MOST_LANES;
    return (int)(rows < LEAST_LOGIT_ROWS ? LEAST_LOGIT_ROWS : rows > most ? most : rows);
}

static int larger(int a, int b) { return a > b ? a : b; }

/* What the GPU has to hold, all of it before any of it is taken. */
static bool fits_gpu(const gn_engine *g, const gn_cuda_card *card, size_t work, gn_error *e) {
    /* Who asks for more states than usual gets what there is. */
    const size_t usual = DEFAULT_STATE_MEM, weights = gn_tensors_bytes(g->tensors),
                 states = g->state_mem < usual ? g->state_mem : usual,
                 plan = gn_plan_bytes(&g->config, g->batch_tokens, g->batch_tokens,
                                      logit_rows(g, true)),
                 need = weights + states + plan + work;
    if (need <= card->free)
        return true;
    return gn_fail(
        e, GN_NO_MEMORY,
        "the model needs %.2f GiB of the GPU (weights %.2f, states %.2f, steps %.2f) and "
        "%.2f of its %.2f GiB are free; a smaller --state-mem or --batch-tokens needs "
        "less%s",
        (double)need / (1 << 30), (double)weights / (1 << 30), (double)states / (1 << 30),
        (double)(plan + work) / (1 << 30), (double)card->free / (1 << 30),
        (double)card->total / (1 << 30),
        card->count > 1 ? ", and CUDA_VISIBLE_DEVICES chooses another GPU" : "");
}

static bool open_cuda(gn_engine *g, const gn_engine_options *o, gn_error *e) {
    const gn_config *c = &g->config;
    gn_cuda_card card;
    if (o->mapped)
        return gn_fail(e, GN_INVALID,
                       "--mmap leaves the weights in the file, out of a GPU's reach");
    if (!gn_cuda_find(&card, e))
        return false;
    if (c->ssm_state > GN_CUDA_MOST_STATE || c->experts > GN_CUDA_MOST_EXPERTS)
        return gn_fail(e, GN_UNSUPPORTED,
                       "the GPU takes states of at most %d rows and %d experts, and the model has "
                       "%d and %d",
                       (int)GN_CUDA_MOST_STATE, (int)GN_CUDA_MOST_EXPERTS, c->ssm_state,
                       c->experts);
    g->batch_tokens = o->batch_tokens > 0 ? o->batch_tokens : DEFAULT_BATCH_CUDA;
    const int row =
        larger(larger(c->hidden, gn_ssm_inner(c)), larger(c->shared_ff, c->q_heads * c->head_dim));
    const size_t work =
        gn_cuda_work_bytes(g->batch_tokens, row, c->experts_used, c->expert_ff, c->hidden);
    return fits_gpu(g, &card, work, e) &&
           (g->device = gn_cuda_open(&(gn_cuda_options){.exact = o->exact, .work = work}, e));
}

/* auto: the GPU if there is one and the model fits, else the processor, and why is remembered. */
static bool open_device(gn_engine *g, const gn_engine_options *o, gn_error *e) {
    const char *backend = o->backend ? o->backend : "auto";
    const bool automatic = strcmp(backend, "auto") == 0;
    if (!automatic && strcmp(backend, "cpu") != 0 && strcmp(backend, "cuda") != 0) {
        gn_fail(e, GN_INVALID, "no backend '%s'; there are auto, cpu and cuda", backend);
        return gn_where(e, "--backend");
    }
    g->cpu = (gn_cpu_options){.threads = o->threads,
                              .exact = o->exact,
                              .mapped = o->mapped,
                              .may_wait = true,
                              .isa = o->isa};
    g->asked_batch = o->batch_tokens;
    g->state_mem = o->state_mem ? o->state_mem : DEFAULT_STATE_MEM;
    g->trust_states = o->trust_states;
    if (strcmp(backend, "cuda") == 0)
        return open_cuda(g, o, e) || gn_context(e, "--backend cuda");
    if (automatic && !o->isa) {
        gn_error why = {0};
        if (open_cuda(g, o, &why))
            return true;
        snprintf(g->no_gpu, sizeof g->no_gpu, "%s", why.message);
    }
    return open_cpu(g, e);
}

static bool make_model(gn_engine *g, gn_error *e) {
    const int T = g->batch_tokens;
    g->model = (gn_model){.device = g->device,
                          .config = &g->config,
                          .weights = g->weights,
                          .layout = gn_layout_of(&g->config, g->device)};
    g->plan = gn_plan_new(g->device, &g->config, T, T < MOST_LANES ? T : MOST_LANES, T,
                          logit_rows(g, !g->device->host), e);
    return g->plan != NULL;
}

/* Weights and working memory on the device that was chosen. */
static bool fill(gn_engine *g, const gn_engine_options *o, gn_error *e) {
    return (g->weights = gn_weights_open(g->device, &g->config, g->tensors, &g->warnings,
                                         o->progress, o->user, e)) != NULL &&
           make_model(g, e);
}

/* A GPU that fills up or fails while a model is put on it was none that could be used: whoever left
 * the choice gets the processor. */
static bool fill_another(gn_engine *g, const gn_engine_options *o, gn_error *e) {
    if ((o->backend && strcmp(o->backend, "auto") != 0) || !gn_engine_lost(g, e))
        return false;
    snprintf(g->no_gpu, sizeof g->no_gpu, "%s", e->message);
    gn_weights_free(g->weights);
    gn_device_close(g->device);
    g->weights = NULL;
    g->device = NULL;
    *e = (gn_error){0};
    return open_cpu(g, e) && fill(g, o, e);
}

static bool open_all(gn_engine *g, const char *path, const gn_engine_options *o, gn_error *e) {
    gn_str folder = {0};
    g->tensors = gn_tensors_open(path, e);
    if (!g->tensors)
        return false;
    const bool has_folder = folder_of(path, gn_tensors_container(g->tensors), &folder);
    const char *dir = has_folder ? gn_str_text(&folder) : NULL;

    bool ok = gn_str_ok(&folder, e) && read_config(g, dir, e) && open_device(g, o, e);
    const size_t said = g->warnings.len;
    if (ok && !fill(g, o, e)) {
        gn_str_cut(&g->warnings, said); /* it is said again */
        ok = fill_another(g, o, e);
    }
    ok = ok && gn_engine_read_texts(g, dir, o, e);
    gn_str_release(&folder);
    g->context = o->ctx > 0 ? o->ctx : g->config.context;
    return ok;
}

gn_engine *gn_engine_open(const char *path, const gn_engine_options *o, gn_error *e) {
    static const gn_engine_options defaults = {0};
    gn_engine *g = calloc(1, sizeof *g);
    if (!g) {
        gn_fail(e, GN_NO_MEMORY, "open '%s': out of memory", path);
        return NULL;
    }
    if (!copy_text(gn_slice_of(path), &g->path, e) || !name_of(g, path, e) ||
        !open_all(g, path, o ? o : &defaults, e)) {
        gn_context(e, "open '%s'", path);
        gn_where(e, "%s", path);
        gn_engine_close(g);
        return NULL;
    }
    return g;
}

void gn_engine_close(gn_engine *g) {
    if (!g)
        return;
    gn_plan_free(g->plan);
    gn_weights_free(g->weights);
    gn_device_close(g->device);
    gn_template_free(g->template);
    gn_tokenizer_free(g->tokenizer);
    gn_tensors_close(g->tensors);
    gn_str_release(&g->template_source);
    gn_str_release(&g->warnings);
    gn_arena_release(&g->arena);
    free(g->path);
    free(g->name);
    free(g);
}

bool gn_engine_settle(gn_engine *g) {
    gn_ids ids = {0};
    gn_error e = {0};                  /* who has a text to read is told */
    if (!g->encoded && g->tokenizer) { /* merges are read with the first text */
        g->encoded = true;
        gn_encode(g->tokenizer, GN_S("a"), 0, &ids, &e);
        gn_ids_release(&ids);
        return true;
    }
    return gn_settle(g->device);
}

/* ---- leaving the GPU ---------------------------------------------------- */

bool gn_engine_lost(const gn_engine *g, const gn_error *e) {
    return !g->device->host && (e->code == GN_DEVICE || e->code == GN_NO_MEMORY);
}

/* The new is there before the old is let go: where it cannot be had nothing has changed. */
bool gn_engine_leave_gpu(gn_engine *g, const gn_error *why,
                         bool (*progress)(void *user, size_t done, size_t all), void *user,
                         gn_error *e) {
    gn_engine old = *g;
    gn_str again = {0}; /* it was told what the files warn of */
    g->device = NULL;
    g->weights = NULL;
    g->plan = NULL;
    const bool ok = open_cpu(g, e) &&
                    (g->weights = gn_weights_open(g->device, &g->config, g->tensors, &again,
                                                  progress, user, e)) != NULL &&
                    make_model(g, e);
    gn_str_release(&again);
    gn_engine *gone = ok ? &old : g;
    gn_plan_free(gone->plan);
    gn_weights_free(gone->weights);
    gn_device_close(gone->device);
    if (!ok) {
        *g = old;
        return gn_context(e, "go on with the processor");
    }
    snprintf(g->no_gpu, sizeof g->no_gpu, "%s", why->message);
    return true;
}

gn_tokenizer *gn_engine_tokenizer(gn_engine *g) { return g->tokenizer; }
const char *gn_engine_path(const gn_engine *g) { return g->path; }
const char *gn_engine_name(const gn_engine *g) { return g->name; }
const char *gn_engine_arch(const gn_engine *g) { return g->config.arch; }
const char *gn_engine_format(const gn_engine *g) {
    return gn_tensors_container(g->tensors) == GN_GGUF ? "gguf" : "safetensors";
}
const char *gn_engine_numerics(const gn_engine *g) { return g->device->numerics; }
const char *gn_engine_device(const gn_engine *g) { return g->device->describe; }
const char *gn_engine_no_gpu(const gn_engine *g) { return g->no_gpu; }
int gn_engine_vocab(const gn_engine *g) { return g->config.vocab; }
int64_t gn_engine_context(const gn_engine *g) { return g->context; }
const char *gn_engine_warnings(const gn_engine *g) { return gn_str_text(&g->warnings); }
gn_sampling gn_engine_sampling(const gn_engine *g) { return g->sampling; }

const int32_t *gn_engine_eos(const gn_engine *g, int *n) {
    *n = g->n_eos;
    return g->eos;
}

int32_t gn_engine_prefix(const gn_engine *g) {
    if (g->config.bos >= 0)
        return g->config.bos;
    return g->n_eos ? g->eos[0] : -1;
}

size_t gn_engine_state_bytes(const gn_engine *g, int64_t tokens) {
    return gn_state_bytes(&g->model.layout, tokens);
}
