/* texts.c - what is text in a checkpoint: tokenizer, template, generation settings.
 *
 * From a folder's tokenizer.json, tokenizer_config.json, chat_template.jinja and
 * generation_config.json, or from a GGUF's keys. None of them has to be there: a
 * checkpoint without a tokenizer works wherever ids are given.
 */
#include "core/engine.h"

#include <stdlib.h>
#include <string.h>

/* folder/name as a value. NULL with e clear when there is no such file. */
static gn_value *read_json(gn_engine *g, const char *folder, const char *name, gn_error *e) {
    gn_str path = {0}, text = {0};
    gn_value *v = NULL;
    gn_path_join(&path, gn_slice_of(folder), gn_slice_of(name));
    if (gn_str_ok(&path, e) && gn_path_exists(path.data) &&
        gn_file_read(&text, path.data, 256 << 20, e)) {
        v = gn_json_parse(&g->arena, gn_str_slice(&text), e);
        if (!v) {
            gn_context(e, "%s", name);
            gn_where(e, "%s", path.data);
        }
    }
    gn_str_release(&path);
    gn_str_release(&text);
    return v;
}

static void add_eos(gn_engine *g, int64_t id) {
    if (id < 0 || id >= g->config.vocab || g->n_eos == GN_MAX_EOS)
        return;
    for (int i = 0; i < g->n_eos; i++)
        if (g->eos[i] == id)
            return;
    g->eos[g->n_eos++] = (int32_t)id;
}

/* An id or a list of them. */
static void add_eos_value(gn_engine *g, const gn_value *v) {
    int64_t id;
    if (gn_value_to_integer(v, &id))
        add_eos(g, id);
    for (size_t i = 0; gn_value_is(v, GN_LIST) && i < v->list.count; i++)
        if (gn_value_to_integer(v->list.item[i], &id))
            add_eos(g, id);
}

static double number(const gn_value *map, gn_slice key, double otherwise) {
    double v;
    return gn_value_to_number(gn_value_get(map, key), &v) ? v : otherwise;
}

/* generation_config.json. Where it samples, Hugging Face's own defaults stand
 * for what it leaves out (temperature 1, top_k 50). */
static void read_generation(gn_engine *g, const gn_value *v) {
    const gn_value *sample = gn_value_get(v, GN_S("do_sample"));
    if (gn_value_is(sample, GN_BOOL) && sample->boolean) {
        g->sampling.temp = (float)number(v, GN_S("temperature"), 1.0);
        g->sampling.top_k = (int)number(v, GN_S("top_k"), 50);
        g->sampling.top_p = (float)number(v, GN_S("top_p"), 1.0);
        g->sampling.min_p = (float)number(v, GN_S("min_p"), 0.0);
    }
    g->sampling.repeat_penalty = (float)number(v, GN_S("repetition_penalty"), 1.0);
    add_eos_value(g, gn_value_get(v, GN_S("eos_token_id")));
}

/* The template string of tokenizer_config.json: a string, or a list of named ones. */
static gn_slice config_template(const gn_value *config) {
    const gn_value *v = gn_value_get(config, GN_S("chat_template"));
    for (size_t i = 0; gn_value_is(v, GN_LIST) && i < v->list.count; i++) {
        const gn_value *one = v->list.item[i];
        if (gn_slice_is(gn_value_text(gn_value_get(one, GN_S("name"))), "default"))
            return gn_value_text(gn_value_get(one, GN_S("template")));
    }
    return gn_value_text(v);
}

static bool read_folder(gn_engine *g, const char *folder, gn_error *e) {
    gn_error none = {0};
    gn_value *json = read_json(g, folder, "tokenizer.json", &none);
    gn_value *config = none.code ? NULL : read_json(g, folder, "tokenizer_config.json", &none);
    gn_value *generation = none.code ? NULL : read_json(g, folder, "generation_config.json", &none);
    if (none.code) {
        *e = none;
        return false;
    }
    if (json) {
        g->tokenizer = gn_tokenizer_from_json(json, config, e);
        if (!g->tokenizer)
            return gn_context(e, "tokenizer.json");
    }
    if (generation)
        read_generation(g, generation);

    if (g->template_source.len == 0) {
        gn_str path = {0};
        gn_path_join(&path, gn_slice_of(folder), GN_S("chat_template.jinja"));
        bool ok = gn_str_ok(&path, e);
        if (ok && gn_path_exists(path.data)) {
            ok = gn_file_read(&g->template_source, path.data, 16 << 20, e);
            g->template_origin = "chat_template.jinja";
        }
        gn_str_release(&path);
        if (!ok)
            return false;
    }
    if (g->template_source.len == 0) {
        gn_str_add(&g->template_source, config_template(config));
        g->template_origin = "tokenizer_config.json";
    }
    return true;
}

static bool read_gguf(gn_engine *g, gn_error *e) {
    const gn_value *keys = gn_tensors_keys(g->tensors);
    if (gn_value_get(keys, GN_S("tokenizer.ggml.model"))) {
        g->tokenizer = gn_tokenizer_from_gguf(keys, e);
        if (!g->tokenizer)
            return false;
        add_eos(g, gn_tokenizer_named(g->tokenizer, "eos"));
        add_eos(g, gn_tokenizer_named(g->tokenizer, "eot"));
    }
    if (g->template_source.len == 0) {
        gn_str_add(&g->template_source,
                   gn_value_text(gn_value_get(keys, GN_S("tokenizer.chat_template"))));
        g->template_origin = "tokenizer.chat_template";
    }
    return true;
}

bool gn_engine_read_texts(gn_engine *g, const char *folder, const gn_engine_options *o,
                          gn_error *e) {
    g->sampling.repeat_penalty = 1.0f;
    if (o->chat_template) {
        gn_str_puts(&g->template_source, o->chat_template);
        g->template_origin = "option";
    }
    if (folder ? !read_folder(g, folder, e) : !read_gguf(g, e))
        return false;
    for (int i = 0; g->n_eos == 0 && i < g->config.n_eos; i++)
        add_eos(g, g->config.eos[i]);
    /* A text model that brings no bos in its config may have one in its tokenizer. */
    if (g->config.bos < 0 && g->tokenizer)
        g->config.bos = gn_tokenizer_named(g->tokenizer, "bos");
    if (g->template_source.len == 0)
        g->template_origin = "none";
    return gn_str_ok(&g->template_source, e);
}

gn_slice gn_engine_template(const gn_engine *g) { return gn_str_slice(&g->template_source); }
