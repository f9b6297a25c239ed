/* task.c - see task.h. Reading is in the order of gneiss-task(5). */
#include "eval/task.h"

#include "eval/filter.h"
#include "eval/metric.h"
#include "eval/reader.h"

#include <stdio.h>

static const char *const kind_name[] = {"multiple_choice", "loglikelihood", "loglikelihood_rolling",
                                        "generate_until", NULL};

const char *gn_task_kind_name(gn_task_kind k) { return kind_name[k]; }

/* Keys that a task may have; those of the second group are looked at elsewhere or ignored. */
static const char *const known_key[] = {
    "task", "task_alias", "dataset_path", "dataset_name", "dataset_kwargs", "test_split",
    "validation_split", "training_split", "fewshot_split", "output_type", "doc_to_text",
    "doc_to_target", "doc_to_choice", "description", "gen_prefix", "target_delimiter",
    "fewshot_delimiter", "num_fewshot", "fewshot_config", "generation_kwargs", "repeats",
    "filter_list", "metric_list", "metadata",
    /* */
    "tag", "include", "should_decontaminate", "doc_to_decontamination_query", "process_docs",
    "process_results", "class", "custom_dataset", "use_prompt", "doc_to_image", "doc_to_audio",
    "unsafe_code", NULL};

static const char *const code_key[] = {
    "process_docs", "process_results", "class",        "custom_dataset",
    "use_prompt",   "doc_to_image",    "doc_to_audio", NULL};

static const char *const config_key[] = {
    "sampler",           "split",         "samples",         "doc_to_text",
    "doc_to_target",     "doc_to_choice", "gen_prefix",      "target_delimiter",
    "fewshot_delimiter", "process_docs",  "fewshot_indices", NULL};

static const char *const generation_key[] = {
    "until",     "max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens",
    "do_sample", "temperature",  "top_p",          "top_k",      "num_beams",
    NULL};

static const char *const dataset_key[] = {
    "data_files", "field", "trust_remote_code", "streaming", "revision", "features", NULL};

static const char *const gneiss_key[] = {"parity", "sha256", "count", "cluster", "program", NULL};

enum {
    FIELD_TEXT = 1u << GN_INTEGER,
    FIELD_TARGET = 1u << GN_INTEGER | 1u << GN_LIST,
    FIELD_CHOICE = 1u << GN_LIST | 1u << GN_MAP,
};

/* ---- name, data --------------------------------------------------------- */

static bool read_name(gn_reader *r) {
    gn_task *t = r->task;
    const gn_value *v = gn_value_get(r->tree, GN_S("task"));
    if (!gn_value_is(v, GN_STRING) || v->string.len == 0)
        return gn_read_fault(r, v, "task", "want the task's name");
    for (size_t i = 0; i < v->string.len; i++)
        if (!strchr("_.:()+-", v->string.data[i]) || !v->string.data[i]) {
            const char c = v->string.data[i];
            if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
                return gn_read_fault(r, v, "task",
                                     "'%.*s': a name has letters, digits and _.:()+- alone",
                                     (int)v->string.len, v->string.data);
        }
    t->alias = t->name;
    return gn_read_text(r, "task_alias", &t->alias);
}

/* process_docs is no fault with --processed; null is never one. */
static bool read_code_keys(gn_reader *r, bool processed) {
    bool ok = true, unsafe = false;
    for (const char *const *key = code_key; *key; key++) {
        const gn_value *v = gn_value_get(r->tree, gn_slice_of(*key));
        if (!v || v->kind == GN_NULL || (processed && strcmp(*key, "process_docs") == 0))
            continue;
        if (gn_function_in(v).data)
            ok = gn_read_value(r, *key) && ok;
        else
            ok = gn_read_code(r, v, *key, "needs Python, which gneiss does not run");
    }
    if (!gn_read_bool(r, "unsafe_code", &unsafe))
        return false;
    if (unsafe)
        ok = gn_read_code(r, gn_value_get(r->tree, GN_S("unsafe_code")), "unsafe_code",
                          "runs what the model wrote, which gneiss does only through --judge "
                          "(metadata.gneiss.program)");
    return ok;
}

static bool read_map(gn_reader *r, const char *key, const gn_value **out) {
    const gn_value *v = gn_read_value(r, key);
    if (v && v->kind != GN_MAP)
        return gn_read_fault(r, v, key, "want a map, not a %s", gn_kind_name(v->kind));
    *out = v;
    return true;
}

/* A reader of the map under key. */
static gn_reader inside(const gn_reader *r, const gn_value *map, const char *key) {
    gn_reader in = *r;
    in.tree = map;
    in.inside = key;
    return in;
}

static bool check_files(gn_reader *r, const gn_value *v) {
    const bool map = v->kind == GN_MAP;
    bool ok = v->kind == GN_STRING || gn_value_count(v) > 0;
    for (size_t i = 0; i < gn_value_count(v); i++) {
        const gn_value *item = map ? v->map.entry[i].value : v->list.item[i];
        ok = ok && (item->kind == GN_STRING || (map && item->kind == GN_LIST));
        for (size_t j = 0; map && j < gn_value_count(item); j++)
            ok = ok && gn_value_is(gn_value_at(item, j), GN_STRING);
    }
    return ok || gn_read_fault(r, v, "data_files",
                               "want a path, a list of paths, or a map from split to these");
}

static bool read_data(gn_reader *r) {
    gn_task *t = r->task;
    bool ok = gn_read_text(r, "dataset_path", &t->dataset_path) &
              gn_read_text(r, "dataset_name", &t->dataset_name) &
              read_map(r, "dataset_kwargs", &t->dataset_kwargs);
    if (t->dataset_kwargs) {
        gn_reader in = inside(r, t->dataset_kwargs, "dataset_kwargs");
        gn_slice field = {NULL, 0};
        const gn_value *files = gn_read_value(&in, "data_files");
        ok = gn_read_known(&in, dataset_key) & gn_read_text(&in, "field", &field) & ok;
        if (files)
            ok = check_files(&in, files) && ok;
    }
    if (ok && t->dataset_path.len == 0)
        ok = gn_read_fault(r, NULL, "dataset_path",
                           "is missing: the name of a data set, or json with "
                           "dataset_kwargs.data_files");
    if (ok && gn_slice_is(t->dataset_path, "json") &&
        !gn_value_get(t->dataset_kwargs, GN_S("data_files")))
        ok = gn_read_fault(r, NULL, "dataset_kwargs", "dataset_path json needs data_files");
    return ok;
}

static bool read_splits(gn_reader *r) {
    gn_task *t = r->task;
    bool ok = gn_read_text(r, "test_split", &t->test_split) &
              gn_read_text(r, "validation_split", &t->validation_split) &
              gn_read_text(r, "training_split", &t->training_split) &
              gn_read_text(r, "fewshot_split", &t->pool_split);
    t->split = t->test_split.data ? t->test_split : t->validation_split;
    if (ok && !t->split.data)
        ok = gn_read_fault(r, NULL, "test_split", "neither it nor validation_split is given");
    return ok;
}

/* ---- prompts ------------------------------------------------------------ */

static bool read_kind(gn_reader *r) {
    const gn_value *v = gn_read_value(r, "output_type");
    r->task->kind = GN_TASK_GENERATE;
    if (!v)
        return true;
    for (int k = 0; kind_name[k]; k++)
        if (gn_slice_is(gn_value_text(v), kind_name[k])) {
            r->task->kind = (gn_task_kind)k;
            return true;
        }
    const gn_slice text = gn_value_text(v);
    return gn_read_fault(r, v, "output_type",
                         "'%.*s': want multiple_choice, loglikelihood, loglikelihood_rolling or "
                         "generate_until",
                         (int)text.len, text.data);
}

static bool check_choice_list(gn_reader *r, const gn_field *f) {
    bool ok = true;
    for (size_t i = 0; f->value && i < gn_value_count(f->value); i++) {
        const gn_value *v =
            f->value->kind == GN_MAP ? f->value->map.entry[i].value : f->value->list.item[i];
        if (v->kind != GN_STRING)
            ok = gn_read_fault(r, v, "doc_to_choice", "choice %zu is a %s, not a string", i,
                               gn_kind_name(v->kind));
    }
    return ok;
}

static bool read_form(gn_reader *r, gn_form *f) {
    const bool ok = gn_read_field(r, "doc_to_text", FIELD_TEXT, &f->text) &
                    gn_read_field(r, "doc_to_target", FIELD_TARGET, &f->target) &
                    gn_read_field(r, "doc_to_choice", FIELD_CHOICE, &f->choice) &
                    gn_read_field(r, "gen_prefix", 0, &f->prefix) &
                    gn_read_text(r, "target_delimiter", &f->target_delimiter) &
                    gn_read_text(r, "fewshot_delimiter", &f->fewshot_delimiter);
    return check_choice_list(r, &f->choice) && ok;
}

/* Is the key code, and told already? Then its absence is no second fault. */
static bool is_function(const gn_reader *r, const char *key) {
    return gn_function_in(gn_value_get(r->tree, gn_slice_of(key))).data != NULL;
}

static bool read_prompt(gn_reader *r) {
    gn_task *t = r->task;
    t->form.target_delimiter = GN_S(" ");
    t->form.fewshot_delimiter = GN_S("\n\n");
    bool ok = read_form(r, &t->form) & gn_read_field(r, "description", 0, &t->description);
    if (!t->form.text.set && t->kind != GN_TASK_ROLLING && !is_function(r, "doc_to_text"))
        ok =
            gn_read_fault(r, NULL, "doc_to_text", "is missing: the prompt, a template or a column");
    if (!t->form.target.set && !is_function(r, "doc_to_target"))
        ok = gn_read_fault(r, NULL, "doc_to_target",
                           "is missing: the answer, a template or a column");
    if (!t->form.choice.set && t->kind == GN_TASK_CHOICE && !is_function(r, "doc_to_choice"))
        ok = gn_read_fault(r, NULL, "doc_to_choice",
                           "is missing: the choices, a template, a column or a list");
    return ok;
}

/* ---- shots -------------------------------------------------------------- */

static bool read_samples(gn_reader *r) {
    const gn_value *v = gn_read_value(r, "samples");
    if (!v)
        return true;
    if (v->kind != GN_LIST || v->list.count == 0)
        return gn_read_fault(r, v, "samples", "want a list of documents");
    for (size_t i = 0; i < v->list.count; i++)
        if (v->list.item[i]->kind != GN_MAP)
            return gn_read_fault(r, v->list.item[i], "samples", "item %zu is no map", i);
    r->task->samples = v;
    return true;
}

static bool read_sampler(gn_reader *r) {
    const gn_value *v = gn_read_value(r, "sampler");
    const gn_slice text = gn_value_text(v);
    if (!v || gn_slice_is(text, "default"))
        return true;
    r->task->first_n = gn_slice_is(text, "first_n");
    return r->task->first_n || gn_read_fault(r, v, "sampler", "'%.*s': want default or first_n",
                                             (int)text.len, text.data);
}

/* What a shot does not say itself it has from the task. The field is parsed again, so
 * that each form owns its own. */
static bool inherit(gn_reader *r, const char *key, const gn_value *config, unsigned kinds,
                    gn_field *out) {
    if (out->set || gn_value_get(config, gn_slice_of(key)))
        return true;
    const gn_value *v = gn_value_get(r->tree, gn_slice_of(key));
    return !v || v->kind == GN_NULL || gn_function_in(v).data ||
           gn_field_set(r, key, v, kinds, out);
}

static bool read_config(gn_reader *r, const gn_value *config, bool processed) {
    gn_reader in = inside(r, config, "fewshot_config");
    gn_task *t = r->task;
    bool ok = gn_read_known(&in, config_key) & read_form(&in, &t->shot) & read_samples(&in) &
              read_sampler(&in) & gn_read_text(&in, "split", &t->pool_split);
    const gn_value *code = gn_value_get(config, GN_S("process_docs"));
    if (code && code->kind != GN_NULL && !processed)
        ok = gn_function_in(code).data ? gn_read_value(&in, "process_docs") && ok
                                       : gn_read_code(&in, code, "process_docs",
                                                      "needs Python, which gneiss does not run");
    const gn_value *indices = gn_value_get(config, GN_S("fewshot_indices"));
    if (indices && indices->kind != GN_NULL)
        ok = gn_read_fault(&in, indices, "fewshot_indices",
                           "is not supported; put the documents under samples");
    return ok;
}

static bool read_shots(gn_reader *r, bool processed) {
    gn_task *t = r->task;
    const gn_value *config = NULL, *said = gn_value_get(r->tree, GN_S("num_fewshot"));
    int64_t shots = 0;
    bool ok = gn_read_integer(r, "num_fewshot", 0, &shots) & read_map(r, "fewshot_config", &config);

    t->shots = (int)shots;
    t->shots_fixed = gn_value_is(said, GN_INTEGER) && said->integer == 0;
    t->shot.target_delimiter = t->form.target_delimiter;
    t->shot.fewshot_delimiter = t->form.fewshot_delimiter;
    if (config)
        ok = read_config(r, config, processed) && ok;
    ok = inherit(r, "doc_to_text", config, FIELD_TEXT, &t->shot.text) &
         inherit(r, "doc_to_target", config, FIELD_TARGET, &t->shot.target) &
         inherit(r, "doc_to_choice", config, FIELD_CHOICE, &t->shot.choice) &
         inherit(r, "gen_prefix", config, 0, &t->shot.prefix) & ok;

    /* None equals none: a task with neither test split nor pool of its own drops, too. */
    t->drops_itself = t->pool_split.data && t->test_split.data
                          ? gn_slice_equal(t->pool_split, t->test_split)
                          : !t->pool_split.data && !t->test_split.data;
    if (t->pool_split.data)
        t->samples = NULL;
    else if (!t->samples)
        t->pool_split = t->training_split.data     ? t->training_split
                        : t->validation_split.data ? t->validation_split
                                                   : t->test_split;
    return ok;
}

/* ---- generation --------------------------------------------------------- */

static bool set_until(gn_reader *r, const gn_slice *text, size_t n) {
    gn_generation *g = &r->task->generation;
    g->until = gn_arena_alloc(r->arena, (n ? n : 1) * sizeof *g->until);
    if (!g->until)
        return gn_fail(r->e, GN_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++)
        if (text[i].len)
            g->until[g->n_until++] = text[i];
    return true;
}

static bool read_until(gn_reader *r) {
    const gn_value *v = gn_value_get(r->tree, GN_S("until"));
    if (!v)
        return set_until(r, &r->task->form.fewshot_delimiter, 1);
    v = gn_read_value(r, "until");
    if (!v)
        return set_until(r, NULL, 0);
    if (v->kind == GN_STRING)
        return set_until(r, &v->string, 1);
    if (v->kind != GN_LIST)
        return gn_read_fault(r, v, "until", "want a string or a list of them");
    gn_slice *text = gn_arena_alloc(r->arena, (v->list.count + 1) * sizeof *text);
    if (!text)
        return gn_fail(r->e, GN_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < v->list.count; i++) {
        if (v->list.item[i]->kind != GN_STRING)
            return gn_read_fault(r, v->list.item[i], "until", "item %zu is a %s, not a string", i,
                                 gn_kind_name(v->list.item[i]->kind));
        text[i] = v->list.item[i]->string;
    }
    return set_until(r, text, v->list.count);
}

static bool read_kwargs(gn_reader *r) {
    gn_generation *g = &r->task->generation;
    int64_t top_k = 0, beams = 1;
    double temperature = 0, top_p = 0;
    bool ok = gn_read_known(r, generation_key) & read_until(r) &
              gn_read_integer(r, "max_completion_tokens", 1, &g->max_tokens) &
              gn_read_integer(r, "max_tokens", 1, &g->max_tokens) &
              gn_read_integer(r, "max_new_tokens", 1, &g->max_tokens) &
              gn_read_integer(r, "max_gen_toks", 1, &g->max_tokens) &
              gn_read_number(r, "temperature", 0, &temperature) &
              gn_read_number(r, "top_p", 0, &top_p) & gn_read_integer(r, "top_k", 0, &top_k) &
              gn_read_integer(r, "num_beams", 1, &beams);
    bool sample = temperature > 0;
    ok = gn_read_bool(r, "do_sample", &sample) && ok;
    if (beams != 1)
        ok = gn_read_fault(r, gn_value_get(r->tree, GN_S("num_beams")), "num_beams",
                           "only 1 is supported");
    g->sample = sample && temperature > 0;
    g->temperature = g->sample ? (float)temperature : 0;
    g->top_p = (float)top_p;
    g->top_k = (int)top_k;
    return ok;
}

static bool read_generation(gn_reader *r) {
    const gn_value *kwargs = NULL;
    int64_t repeats = 1;
    bool ok =
        read_map(r, "generation_kwargs", &kwargs) & gn_read_integer(r, "repeats", 1, &repeats);
    r->task->generation.max_tokens = 256;
    r->task->repeats = (int)repeats;
    if (!kwargs)
        return set_until(r, &r->task->form.fewshot_delimiter, 1) && ok;
    gn_reader in = inside(r, kwargs, "generation_kwargs");
    return read_kwargs(&in) && ok;
}

/* ---- metadata ----------------------------------------------------------- */

static bool read_version(gn_reader *r, const gn_value *v) {
    gn_str text = {0};
    if (!v || v->kind == GN_NULL)
        return true;
    gn_print_str(&text, v);
    r->task->version = gn_arena_copy(r->arena, gn_str_slice(&text));
    gn_str_release(&text);
    return r->task->version.data || gn_fail(r->e, GN_NO_MEMORY, "out of memory");
}

static bool read_metadata(gn_reader *r) {
    gn_task *t = r->task;
    const gn_value *metadata = gn_value_get(r->tree, GN_S("metadata"));
    t->version = t->parity = GN_S("");
    if (!gn_value_is(metadata, GN_MAP))
        return true;
    const gn_value *own = gn_value_get(metadata, GN_S("gneiss"));
    if (!read_version(r, gn_value_get(metadata, GN_S("version"))))
        return false;
    if (!own || own->kind == GN_NULL)
        return true;
    if (own->kind != GN_MAP)
        return gn_read_fault(r, own, "metadata.gneiss", "want a map, not a %s",
                             gn_kind_name(own->kind));
    gn_reader in = inside(r, own, "metadata.gneiss");
    return gn_read_known(&in, gneiss_key) & gn_read_text(&in, "parity", &t->parity) &
           gn_read_field(&in, "count", 0, &t->count) &
           gn_read_field(&in, "cluster", 0, &t->cluster) &
           gn_read_field(&in, "program", 0, &t->program) & read_map(&in, "sha256", &t->split_sha);
}

/* ---- the resolved keys -------------------------------------------------- */

static bool put(gn_reader *r, gn_value *map, const char *key, gn_value *v) {
    return gn_value_set(r->arena, map, gn_slice_of(key), v) ||
           gn_fail(r->e, GN_NO_MEMORY, "out of memory");
}

static bool put_slice(gn_reader *r, gn_value *map, const char *key, gn_slice text) {
    return put(r, map, key, text.data ? gn_value_borrow(r->arena, text) : gn_value_null(r->arena));
}

static gn_value *field_value(gn_reader *r, const gn_field *f) {
    if (!f->set)
        return gn_value_null(r->arena);
    if (f->template)
        return gn_value_borrow(r->arena, f->source);
    /* A view of the same tree: nothing writes to either. */
    gn_value *copy = gn_arena_alloc(r->arena, sizeof *copy);
    if (copy)
        *copy = *f->value;
    return copy;
}

static bool put_form(gn_reader *r, gn_value *map, const gn_form *f) {
    return put(r, map, "doc_to_text", field_value(r, &f->text)) &&
           put(r, map, "doc_to_target", field_value(r, &f->target)) &&
           put(r, map, "doc_to_choice", field_value(r, &f->choice)) &&
           put(r, map, "gen_prefix", field_value(r, &f->prefix)) &&
           put_slice(r, map, "target_delimiter", f->target_delimiter) &&
           put_slice(r, map, "fewshot_delimiter", f->fewshot_delimiter);
}

/* A key as the file has it; null when it has not. */
static bool put_raw(gn_reader *r, gn_value *map, const char *key) {
    gn_value *v = gn_value_get(r->tree, gn_slice_of(key));
    return put(r, map, key, v ? v : gn_value_null(r->arena));
}

static gn_value *generation_value(gn_reader *r) {
    const gn_generation *g = &r->task->generation;
    gn_value *map = gn_value_map(r->arena), *until = gn_value_list(r->arena);
    bool ok = map && until;
    for (int i = 0; ok && i < g->n_until; i++)
        ok = gn_value_add(r->arena, until, gn_value_borrow(r->arena, g->until[i]));
    ok = ok && put(r, map, "until", until) &&
         put(r, map, "max_gen_toks", gn_value_integer(r->arena, g->max_tokens)) &&
         put(r, map, "do_sample", gn_value_bool(r->arena, g->sample)) &&
         put(r, map, "temperature", gn_value_number(r->arena, (double)g->temperature)) &&
         put(r, map, "top_p", gn_value_number(r->arena, (double)g->top_p)) &&
         put(r, map, "top_k", gn_value_integer(r->arena, g->top_k));
    return ok ? map : NULL;
}

static gn_value *shot_value(gn_reader *r) {
    const gn_task *t = r->task;
    gn_value *map = gn_value_map(r->arena);
    gn_value *samples = NULL;
    if (t->samples && (samples = gn_arena_alloc(r->arena, sizeof *samples)))
        *samples = *t->samples;
    const bool ok = map &&
                    put_slice(r, map, "sampler", t->first_n ? GN_S("first_n") : GN_S("default")) &&
                    put_slice(r, map, "split", t->pool_split) &&
                    put(r, map, "samples", samples ? samples : gn_value_null(r->arena)) &&
                    put_form(r, map, &t->shot);
    return ok ? map : NULL;
}

static bool resolve(gn_reader *r) {
    static const char *const kept[] = {"filter_list", "metric_list", "metadata", NULL};
    gn_task *t = r->task;
    gn_value *c = t->config = gn_value_map(r->arena);
    gn_value *kwargs = gn_arena_alloc(r->arena, sizeof *kwargs);
    if (kwargs && t->dataset_kwargs)
        *kwargs = *t->dataset_kwargs;
    bool ok =
        c && kwargs && put_slice(r, c, "task", t->name) &&
        put_slice(r, c, "dataset_path", t->dataset_path) &&
        put_slice(r, c, "dataset_name", t->dataset_name.len ? t->dataset_name : (gn_slice){0}) &&
        put(r, c, "dataset_kwargs", kwargs) && put_slice(r, c, "test_split", t->test_split) &&
        put_slice(r, c, "validation_split", t->validation_split) &&
        put_slice(r, c, "training_split", t->training_split) &&
        put_slice(r, c, "output_type", gn_slice_of(kind_name[t->kind])) &&
        put_form(r, c, &t->form) && put(r, c, "description", field_value(r, &t->description)) &&
        put(r, c, "num_fewshot", gn_value_integer(r->arena, t->shots)) &&
        put(r, c, "fewshot_config", shot_value(r)) &&
        put(r, c, "repeats", gn_value_integer(r->arena, t->repeats));
    if (ok && t->kind == GN_TASK_GENERATE)
        ok = put(r, c, "generation_kwargs", generation_value(r));
    for (const char *const *key = kept; ok && *key; key++)
        ok = put_raw(r, c, *key);
    return ok || gn_fail(r->e, GN_NO_MEMORY, "out of memory");
}

/* ---- the whole ---------------------------------------------------------- */

gn_task *gn_task_new(const gn_task_source *s, gn_refusals *refusals, gn_error *e) {
    gn_task *t = calloc(1, sizeof *t);
    if (!t) {
        gn_fail(e, GN_NO_MEMORY, "out of memory");
        return NULL;
    }
    t->name = gn_value_text(gn_value_get(s->tree, GN_S("task")));
    t->file = gn_arena_copy(&t->arena, s->file);
    t->folder = gn_arena_copy(&t->arena, s->folder);
    gn_reader r = {.task = t,
                   .arena = &t->arena,
                   .tree = s->tree,
                   .origin = s->origin,
                   .inside = "",
                   .refusals = refusals,
                   .e = e};
    bool ok = t->file.data && t->folder.data;
    if (!ok)
        gn_fail(e, GN_NO_MEMORY, "out of memory");
    /* All of them, so that every fault is told. */
    ok = read_name(&r) & gn_read_known(&r, known_key) & read_code_keys(&r, s->processed) &
         read_kind(&r) & ok;
    ok = read_data(&r) & read_splits(&r) & read_prompt(&r) & ok;
    ok = read_shots(&r, s->processed) & read_generation(&r) & read_metadata(&r) & ok;
    ok = gn_pipelines_read(&r) & gn_metrics_read(&r) & ok;
    if (!ok || e->code != GN_OK || !resolve(&r)) {
        gn_task_free(t);
        return NULL;
    }
    return t;
}

static void release_form(gn_form *f) {
    gn_field_release(&f->text);
    gn_field_release(&f->target);
    gn_field_release(&f->choice);
    gn_field_release(&f->prefix);
}

void gn_task_free(gn_task *t) {
    if (!t)
        return;
    release_form(&t->form);
    release_form(&t->shot);
    gn_field_release(&t->description);
    gn_field_release(&t->count);
    gn_field_release(&t->cluster);
    gn_field_release(&t->program);
    gn_pipelines_release(t);
    gn_metrics_release(t);
    gn_str_release(&t->notes);
    gn_arena_release(&t->arena);
    free(t);
}

int gn_task_shots(const gn_task *t, const gn_prompting *p) {
    return p->shots < 0 || t->shots_fixed || t->kind == GN_TASK_ROLLING ? t->shots : p->shots;
}

bool gn_task_identity(const gn_task *t, const gn_prompting *p, const char *dataset_sha,
                      gn_str *json, char sha[GN_SHA256_HEX], gn_error *e) {
    uint8_t digest[GN_SHA256_BYTES];
    gn_arena a = {0};
    gn_value *map = gn_value_map(&a);
    const bool chat = p->chat;
    bool ok =
        map && gn_value_set(&a, map, GN_S("task"), t->config) &&
        gn_value_set(&a, map, GN_S("dataset_sha"), gn_value_string(&a, gn_slice_of(dataset_sha))) &&
        gn_value_set(&a, map, GN_S("shots"), gn_value_integer(&a, gn_task_shots(t, p))) &&
        gn_value_set(&a, map, GN_S("fewshot_seed"),
                     gn_value_integer(&a, gn_task_shots(t, p) ? p->fewshot_seed : 0)) &&
        gn_value_set(&a, map, GN_S("system"), gn_value_string(&a, p->system)) &&
        gn_value_set(&a, map, GN_S("template"),
                     chat ? gn_value_string(&a, p->template_sha) : gn_value_null(&a)) &&
        gn_value_set(&a, map, GN_S("one_turn"), gn_value_bool(&a, chat && p->one_turn)) &&
        gn_value_set(&a, map, GN_S("library"), gn_value_string(&a, GN_S("pcre2/utf8proc 1")));
    const size_t from = json->len;
    if (ok)
        gn_json_write_canonical(json, map);
    ok = (ok && gn_str_ok(json, e)) || gn_fail(e, GN_NO_MEMORY, "out of memory");
    if (ok) {
        gn_sha256_of(json->data + from, json->len - from, digest);
        gn_hex(digest, sizeof digest, sha);
    }
    gn_arena_release(&a);
    return ok;
}
