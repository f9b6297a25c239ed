/* info.c - what a checkpoint is, as one value: the object of gneiss-json(5), info. */
#include "core/engine.h"

#include <inttypes.h>
#include <stdio.h>

/* Building a tree in an arena that may fill up: every put is tried, `ok` remembers. */
typedef struct tree {
    gn_arena *a;
    bool ok;
} tree;

static void put(tree *t, gn_value *map, const char *key, gn_value *v) {
    t->ok = t->ok && gn_value_set(t->a, map, gn_slice_of(key), v);
}
static void put_int(tree *t, gn_value *map, const char *key, int64_t v) {
    put(t, map, key, gn_value_integer(t->a, v));
}
static void put_num(tree *t, gn_value *map, const char *key, float v) {
    /* Through its shortest text, so that 0.22f is 0.22. */
    char text[32];
    double d;
    snprintf(text, sizeof text, "%.7g", (double)v);
    put(t, map, key, gn_value_number(t->a, gn_parse_number(gn_slice_of(text), &d) ? d : (double)v));
}
static void put_text(tree *t, gn_value *map, const char *key, const char *v) {
    put(t, map, key, gn_value_string(t->a, gn_slice_of(v)));
}

static void put_sha(tree *t, gn_value *map, const uint8_t digest[GN_SHA256_BYTES]) {
    char hex[GN_SHA256_HEX];
    gn_hex(digest, GN_SHA256_BYTES, hex);
    put_text(t, map, "sha", hex);
}

static int64_t elements(const gn_tensor *t) {
    int64_t n = 1;
    for (int d = 0; d < t->dims; d++)
        n *= t->dim[d];
    return n;
}

static gn_value *formats(tree *t, const gn_tensors *ts, int64_t *params) {
    gn_value *map = gn_value_map(t->a);
    int64_t count[GN_FORMATS] = {0};
    *params = 0;
    for (int i = 0; i < gn_tensors_count(ts); i++) {
        count[gn_tensors_at(ts, i)->format]++;
        *params += elements(gn_tensors_at(ts, i));
    }
    for (int f = 0; f < GN_FORMATS; f++)
        if (count[f])
            put_int(t, map, gn_format_of(f)->name, count[f]);
    return map;
}

static gn_value *layers(tree *t, const gn_config *c) {
    gn_value *list = gn_value_list(t->a);
    for (int l = 0; l < c->layers; l++) {
        gn_value *one = gn_value_map(t->a);
        put_text(t, one, "kind", c->mixer[l] == GN_MAMBA ? "mamba" : "attention");
        put(t, one, "moe", gn_value_bool(t->a, c->experts > 0));
        t->ok = t->ok && gn_value_add(t->a, list, one);
    }
    return list;
}

static gn_value *memory(tree *t, const gn_engine *g) {
    gn_value *map = gn_value_map(t->a), *peak = gn_value_map(t->a);
    const gn_layout *l = &g->model.layout;
    const size_t weights = gn_tensors_bytes(g->tensors),
                 plan = gn_plan_bytes(&g->config, g->plan->max_tokens, g->plan->max_rows,
                                      g->plan->max_logits);
    static const int64_t at[] = {4096, 32768, 131072};
    put_int(t, map, "weights", (int64_t)weights);
    put_int(t, map, "state_fixed", (int64_t)(l->recurrent * sizeof(float)));
    put_int(t, map, "state_per_token", (int64_t)(l->kv_per_token * l->kv_element));
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        char key[24];
        if (at[i] > g->context && i > 0)
            break;
        const int64_t tokens = at[i] < g->context ? at[i] : g->context;
        snprintf(key, sizeof key, "%" PRId64, tokens);
        const gn_slice kept = gn_arena_copy(t->a, gn_slice_of(key));
        t->ok = t->ok && kept.data;
        if (t->ok)
            put_int(t, peak, kept.data,
                    (int64_t)(weights + plan + gn_engine_state_bytes(g, tokens)));
    }
    put(t, map, "peak_at_context", peak);
    put_int(t, map, "step", (int64_t)plan);
    return map;
}

static gn_value *multipliers(tree *t, const gn_config *c) {
    gn_value *map = gn_value_map(t->a);
    put_num(t, map, "embedding", c->embedding_multiplier);
    put_num(t, map, "attention", c->attention_multiplier);
    put_num(t, map, "residual", c->residual_multiplier);
    put_num(t, map, "logits", c->logits_scaling);
    return map;
}

static gn_value *warnings(tree *t, const gn_engine *g) {
    gn_value *list = gn_value_list(t->a);
    gn_slice rest = gn_str_slice(&g->warnings);
    while (rest.len > 0) {
        const char *end = memchr(rest.data, '\n', rest.len);
        const size_t n = end ? (size_t)(end - rest.data) : rest.len;
        t->ok = t->ok && gn_value_add(t->a, list, gn_value_string(t->a, (gn_slice){rest.data, n}));
        rest = gn_slice_from(rest, n + (end != NULL));
    }
    return list;
}

/* How far it was trained, from the training.json that `tune` writes beside the weights; null
 * where there is none. */
static gn_value *training(tree *t, const gn_engine *g) {
    gn_str path = {0}, text = {0};
    gn_error none = {0};
    gn_value *out = gn_value_null(t->a);
    int64_t step, tokens = 0;
    gn_str_fmt(&path, "%s/training.json", g->path);
    if (gn_path_is_folder(g->path) && gn_path_exists(gn_str_text(&path)) &&
        gn_file_read(&text, gn_str_text(&path), 64 << 20, &none)) {
        const gn_value *said = gn_json_parse(t->a, gn_str_slice(&text), &none);
        if (gn_value_to_integer(gn_value_get(said, GN_S("step")), &step)) {
            gn_value_to_integer(gn_value_get(said, GN_S("tokens")), &tokens);
            out = gn_value_map(t->a);
            put_int(t, out, "step", step);
            put_int(t, out, "tokens", tokens);
        }
    }
    gn_str_release(&path);
    gn_str_release(&text);
    return out;
}

static gn_value *tensors(tree *t, const gn_tensors *ts) {
    gn_value *list = gn_value_list(t->a);
    for (int i = 0; i < gn_tensors_count(ts); i++) {
        const gn_tensor *one = gn_tensors_at(ts, i);
        gn_value *map = gn_value_map(t->a), *shape = gn_value_list(t->a);
        put(t, map, "name", gn_value_string(t->a, one->name));
        put_text(t, map, "format", gn_format_of(one->format)->name);
        for (int d = 0; d < one->dims; d++)
            t->ok = t->ok && gn_value_add(t->a, shape, gn_value_integer(t->a, one->dim[d]));
        put(t, map, "shape", shape);
        put_int(t, map, "bytes", (int64_t)one->bytes);
        t->ok = t->ok && gn_value_add(t->a, list, map);
    }
    return list;
}

gn_value *gn_engine_info(gn_engine *g, bool with_tensors, gn_arena *a, gn_error *e) {
    tree t = {a, true};
    const gn_config *c = &g->config;
    gn_value *out = gn_value_map(a), *tokenizer = gn_value_map(a), *template = gn_value_map(a);
    uint8_t digest[GN_SHA256_BYTES];
    int64_t params;

    put_text(&t, out, "schema", "gneiss.info/1");
    put_text(&t, out, "path", g->path);
    put(&t, out, "sha", gn_value_null(a));
    put_text(&t, out, "arch", c->arch);
    put_text(&t, out, "format", gn_engine_format(g));
    gn_value *dtype = formats(&t, g->tensors, &params);
    put_int(&t, out, "params", params);
    put_int(&t, out, "bytes", (int64_t)gn_tensors_bytes(g->tensors));
    put(&t, out, "dtype", dtype);
    put_int(&t, out, "vocab", c->vocab);
    put(&t, out, "layers", layers(&t, c));
    put_int(&t, out, "hidden", c->hidden);
    put_int(&t, out, "heads", c->q_heads);
    put_int(&t, out, "context", g->context);
    if (g->tokenizer) {
        put_text(&t, tokenizer, "kind", gn_tokenizer_kind(g->tokenizer));
        if (!gn_tokenizer_sha(g->tokenizer, digest, e))
            return NULL;
        put_sha(&t, tokenizer, digest);
        put_text(&t, tokenizer, "pre", gn_tokenizer_pre(g->tokenizer));
    }
    put(&t, out, "tokenizer", g->tokenizer ? tokenizer : gn_value_null(a));
    if (g->template_source.len) {
        gn_sha256_of(g->template_source.data, g->template_source.len, digest);
        put_sha(&t, template, digest);
        put_text(&t, template, "source", g->template_origin);
    }
    put(&t, out, "template", g->template_source.len ? template : gn_value_null(a));
    put(&t, out, "memory", memory(&t, g));
    put(&t, out, "multipliers", multipliers(&t, c));
    put(&t, out, "training", training(&t, g));
    put_text(&t, out, "numerics", g->device->numerics);
    put(&t, out, "warnings", warnings(&t, g));
    if (with_tensors)
        put(&t, out, "tensors", tensors(&t, g->tensors));
    if (t.ok)
        return out;
    gn_fail(e, GN_NO_MEMORY, "info: out of memory");
    return NULL;
}
