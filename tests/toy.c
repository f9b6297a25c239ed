/* toy.c - see toy.h. */
#include "tests/toy.h"

#include "core/base/file.h"
#include "core/base/json.h"

#include <stdio.h>
#include <stdlib.h>

const gn_cpu_options toy_exact = {.threads = 2, .exact = true};

static void stop(const char *what, const gn_error *e) {
    printf("%s: %s\n", what, e->message);
    exit(2);
}

bool toy_config(toy *m, const char *path, gn_error *e) {
    if (gn_tensors_container(m->tensors) == GN_GGUF)
        return gn_config_from_gguf(&m->config, gn_tensors_keys(m->tensors), &m->warnings, e);
    char file[512];
    gn_str text = {0};
    snprintf(file, sizeof file, "%s/config.json", path);
    const gn_value *json = NULL;
    if (gn_file_read(&text, file, 1 << 20, e))
        json = gn_json_parse(&m->arena, gn_str_slice(&text), e);
    bool ok = json && gn_config_from_json(&m->config, json, &m->warnings, e);
    gn_str_release(&text);
    return ok;
}

bool toy_open(toy *m, const char *path, const gn_cpu_options *o, gn_error *e) {
    *m = (toy){0};
    gn_device *d = gn_cpu_open(o, e);
    return d && toy_open_on(m, path, d, e);
}

bool toy_open_on(toy *m, const char *path, gn_device *d, gn_error *e) {
    *m = (toy){.device = d};
    m->tensors = gn_tensors_open(path, e);
    if (!m->tensors || !toy_config(m, path, e))
        return false;
    m->weights = gn_weights_open(m->device, &m->config, m->tensors, &m->warnings, NULL, NULL, e);
    if (!m->weights)
        return false;
    /* Few logits at a time, so that a test asks for several helpings. */
    m->plan = gn_plan_new(m->device, &m->config, TOY_TOKENS, TOY_LANES, TOY_TOKENS, TOY_LOGITS, e);
    if (!m->plan)
        return false;
    m->model = (gn_model){.device = m->device,
                          .config = &m->config,
                          .weights = m->weights,
                          .layout = gn_layout_of(&m->config, m->device)};
    return true;
}

void toy_close(toy *m) {
    gn_plan_free(m->plan);
    gn_weights_free(m->weights);
    gn_device_close(m->device);
    gn_tensors_close(m->tensors);
    gn_arena_release(&m->arena);
    gn_str_release(&m->warnings);
    *m = (toy){0};
}

void toy_rows(toy *m, gn_step_kind kind, const gn_feed *feed, int n, const int32_t *want,
              int n_want, float *out) {
    const size_t V = (size_t)m->config.vocab;
    gn_error e = {0};
    gn_forward(&m->model, m->plan, kind, feed, n, want, n_want);
    for (int first = 0; first < n_want; first += m->plan->max_logits) {
        int count = n_want - first < m->plan->max_logits ? n_want - first : m->plan->max_logits;
        gn_mat logits = gn_logits(&m->model, m->plan, first, count);
        if (!gn_read(m->device, out + (size_t)first * V, logits.data,
                     (size_t)count * V * sizeof *out, &e))
            stop("read logits", &e);
    }
}

void toy_step(toy *m, const gn_feed *feed, int n, float *out) {
    int32_t want[TOY_LANES];
    for (int i = 0, at = 0; i < n; i++) {
        at += feed[i].count;
        want[i] = at - 1;
    }
    toy_rows(m, GN_READ, feed, n, want, n, out);
}

gn_state *toy_state(toy *m, int64_t capacity) {
    gn_error e = {0};
    gn_state *s = gn_state_new(m->device, &m->model.layout, capacity, &e);
    if (!s)
        stop("new state", &e);
    return s;
}
