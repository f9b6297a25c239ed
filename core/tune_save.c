/* tune_save.c - what a run has reached, and the checkpoint that comes of it.
 *
 * training-state.safetensors holds everything the next step depends on that the command does
 * not say: the trained numbers, AdamW's two means of each, the losses so far and the step. It
 * also holds a fingerprint of the command, so that another one is refused, not mixed in.
 */
#include "core/tune_work.h"

#include "core/file/safetensors_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char state_name[] = "training-state.safetensors";

static bool join(gn_str *out, const char *folder, const char *name, gn_error *e) {
    gn_str_cut(out, 0);
    gn_path_join(out, gn_slice_of(folder), gn_slice_of(name));
    return gn_str_ok(out, e);
}

/* ---- the state ------------------------------------------------------------ */

static const char *const part_name[3] = {"", ".m", ".v"};

static float *part_of(gn_parameter *p, int part) {
    return part == 0 ? p->value : part == 1 ? p->m : p->v;
}

static void declare(gn_safetensors *s, const gn_parameter *p, const char *suffix) {
    char name[160];
    snprintf(name, sizeof name, "%s%s", p->name, suffix);
    gn_safetensors_tensor(s, gn_slice_of(name), GN_F32, p->dims, p->dim);
}

static bool write_state(gn_tune *t, gn_safetensors *s, gn_error *e) {
    char text[64];
    const int64_t steps = t->step;
    snprintf(text, sizeof text, "%" PRId64, t->step);
    gn_safetensors_note(s, "step", gn_slice_of(text));
    snprintf(text, sizeof text, "%.17g", t->seconds);
    gn_safetensors_note(s, "seconds", gn_slice_of(text));
    gn_safetensors_note(s, "fingerprint", gn_slice_of(t->fingerprint));
    gn_learner *l = t->learner;
    for (int i = 0; i < l->count; i++)
        for (int k = 0; l->parameter[i].trained && k < 3; k++)
            declare(s, &l->parameter[i], part_name[k]);
    gn_safetensors_tensor(s, GN_S("loss"), GN_F32, 1, &steps);
    bool ok = gn_safetensors_begin(s, e);
    for (int i = 0; ok && i < l->count; i++)
        for (int k = 0; ok && l->parameter[i].trained && k < 3; k++)
            ok = gn_safetensors_data(s, part_of(&l->parameter[i], k),
                                     l->parameter[i].count * sizeof(float), e);
    return ok && gn_safetensors_data(s, t->loss, (size_t)t->step * sizeof(float), e);
}

bool gn_tune_save_state(gn_tune *t, gn_error *e) {
    gn_str path = {0};
    gn_safetensors *s =
        join(&path, t->o.out, state_name, e) ? gn_safetensors_new(path.data, e) : NULL;
    bool ok = s != NULL;
    if (ok && !write_state(t, s, e)) {
        gn_safetensors_abort(s);
        ok = false;
    } else if (ok) {
        ok = gn_safetensors_commit(s, e);
    }
    gn_str_release(&path);
    return ok;
}

/* The notes of a safetensors file: gn_tensors does not hand them out. */
static const gn_value *notes_of(gn_arena *a, const char *path, gn_error *e) {
    gn_file f = {0};
    const gn_value *v = NULL;
    if (gn_file_map(&f, path, e)) {
        uint64_t size = 0;
        for (int i = 0; i < 8 && f.size >= 8; i++)
            size |= (uint64_t)f.data[i] << (8 * i);
        if (f.size >= 8 && size <= f.size - 8)
            v = gn_json_parse(a, (gn_slice){(const char *)f.data + 8, (size_t)size}, e);
        else
            gn_fail(e, GN_FORMAT, "it is no safetensors file");
        gn_file_unmap(&f);
    }
    return v ? gn_value_get(v, GN_S("__metadata__")) : NULL;
}

static bool take(const gn_tensors *from, const char *name, float *to, size_t count, gn_error *e) {
    const gn_tensor *one = gn_tensors_find(from, gn_slice_of(name));
    if (!one || one->format != GN_F32 || one->bytes != count * sizeof(float))
        return gn_fail(e, GN_FORMAT, "tensor '%s' is missing or misshapen", name);
    memcpy(to, one->data, one->bytes);
    return true;
}

static bool take_all(gn_tune *t, const gn_tensors *from, gn_error *e) {
    gn_learner *l = t->learner;
    for (int i = 0; i < l->count; i++)
        for (int k = 0; l->parameter[i].trained && k < 3; k++) {
            char name[160];
            snprintf(name, sizeof name, "%s%s", l->parameter[i].name, part_name[k]);
            if (!take(from, name, part_of(&l->parameter[i], k), l->parameter[i].count, e))
                return false;
        }
    return take(from, "loss", t->loss, (size_t)t->step, e);
}

static bool read_state(gn_tune *t, const char *path, gn_error *e) {
    gn_arena a = {0};
    const gn_value *notes = notes_of(&a, path, e);
    double seconds = 0;
    bool ok = notes != NULL;
    if (ok && !gn_slice_is(gn_value_text(gn_value_get(notes, GN_S("fingerprint"))), t->fingerprint))
        ok = gn_fail(e, GN_INVALID,
                     "a run with other data or settings was begun here; give the same command, or "
                     "another -o");
    ok = ok && gn_parse_integer(gn_value_text(gn_value_get(notes, GN_S("step"))), &t->step) &&
         gn_parse_number(gn_value_text(gn_value_get(notes, GN_S("seconds"))), &seconds);
    ok = ok && t->step >= 0 && t->step <= t->steps;
    if (!ok && !e->code)
        gn_fail(e, GN_FORMAT, "its step is not to be read");
    t->seconds = seconds;
    gn_tensors *from = ok ? gn_tensors_open(path, e) : NULL;
    ok = from && take_all(t, from, e);
    gn_tensors_close(from);
    gn_arena_release(&a);
    return ok;
}

/* ---- evaluations --------------------------------------------------------- */

static bool step_of(const gn_value *eval, int64_t *step) {
    return gn_value_to_integer(gn_value_get(eval, GN_S("step")), step);
}

static void add_eval(gn_tune *t, gn_slice object) {
    gn_str_puts(&t->evals, t->evals.len ? "," : "");
    gn_str_add(&t->evals, object);
}

/* Those of the steps that were gone. A story that cannot be read is written anew, without. */
static bool read_evals(gn_tune *t, gn_error *e) {
    gn_arena a = {0};
    gn_str path = {0}, text = {0}, one = {0};
    gn_error none = {0};
    int64_t step;
    bool ok = join(&path, t->o.out, "training.json", e);
    const gn_value *story = NULL;
    if (ok && gn_path_exists(path.data) && gn_file_read(&text, path.data, 1 << 30, &none))
        story = gn_json_parse(&a, gn_str_slice(&text), &none);
    const gn_value *list = gn_value_get(story, GN_S("evals"));
    for (size_t i = 0; i < gn_value_count(list); i++)
        if (step_of(gn_value_at(list, i), &step) && step <= t->step) {
            gn_str_cut(&one, 0);
            gn_json_write(&one, gn_value_at(list, i));
            add_eval(t, gn_str_slice(&one));
        }
    gn_str_release(&path);
    gn_str_release(&text);
    gn_str_release(&one);
    gn_arena_release(&a);
    return ok && gn_str_ok(&t->evals, e);
}

static bool export_story(const gn_tune *t, const char *path, gn_error *e);

bool gn_tune_note_eval(gn_tune *t, gn_slice object, gn_error *e) {
    gn_str path = {0};
    add_eval(t, object);
    const bool ok = gn_str_ok(&t->evals, e) && join(&path, t->o.out, "training.json", e) &&
                    export_story(t, path.data, e);
    gn_str_release(&path);
    return ok;
}

bool gn_tune_has_eval(const gn_tune *t, int64_t step) {
    gn_arena a = {0};
    gn_str list = {0};
    gn_error none = {0};
    int64_t one;
    bool found = false;
    gn_str_fmt(&list, "[%s]", t->evals.len ? gn_str_text(&t->evals) : "");
    const gn_value *v = gn_json_parse(&a, gn_str_slice(&list), &none);
    for (size_t i = 0; !found && i < gn_value_count(v); i++)
        found = step_of(gn_value_at(v, i), &one) && one == step;
    gn_str_release(&list);
    gn_arena_release(&a);
    return found;
}

bool gn_tune_load_state(gn_tune *t, gn_error *e) {
    gn_str path = {0};
    bool ok = join(&path, t->o.out, state_name, e);
    if (ok && gn_path_exists(path.data) && !read_state(t, path.data, e)) {
        gn_context(e, "go on from '%s'", path.data);
        gn_where(e, "%.150s", path.data);
        ok = false;
    }
    ok = ok && read_evals(t, e);
    gn_str_release(&path);
    return ok;
}

/* ---- the checkpoint ---------------------------------------------------------- */

static bool write_weights(const gn_tune *t, gn_safetensors *s, gn_error *e) {
    enum { PIECE = 1 << 16 };
    const gn_learner *l = t->learner;
    const gn_format_info *bf16 = gn_format_of(GN_BF16);
    gn_safetensors_note(s, "format", GN_S("pt"));
    for (int i = 0; i < l->tensors; i++)
        gn_safetensors_tensor(s, gn_slice_of(l->parameter[i].name), t->o.bf16 ? GN_BF16 : GN_F32,
                              l->parameter[i].dims, l->parameter[i].dim);
    if (!gn_safetensors_begin(s, e))
        return false;
    uint16_t *packed = malloc(PIECE * sizeof *packed);
    bool ok = packed || gn_fail(e, GN_NO_MEMORY, "out of memory");
    for (int i = 0; ok && i < l->tensors; i++)
        for (size_t at = 0; ok && at < l->parameter[i].count; at += PIECE) {
            const float *from = l->parameter[i].value + at;
            const size_t left = l->parameter[i].count - at, n = left < PIECE ? left : PIECE;
            if (t->o.bf16)
                bf16->pack(from, packed, n);
            ok = t->o.bf16 ? gn_safetensors_data(s, packed, n * sizeof *packed, e)
                           : gn_safetensors_data(s, from, n * sizeof *from, e);
        }
    free(packed);
    return ok;
}

static bool export_weights(const gn_tune *t, const char *path, gn_error *e) {
    gn_safetensors *s = gn_safetensors_new(path, e);
    if (!s)
        return false;
    if (!write_weights(t, s, e)) {
        gn_safetensors_abort(s);
        return false;
    }
    return gn_safetensors_commit(s, e);
}

/* The config as it came, but for the type of the numbers. */
static bool export_config(gn_tune *t, const char *path, gn_error *e) {
    gn_arena a = {0};
    gn_str text = {0};
    gn_value *v = gn_value_map(&a);
    bool ok = v != NULL;
    for (size_t i = 0; ok && i < t->config_json->map.count; i++) {
        const gn_entry *one = &t->config_json->map.entry[i];
        if (!gn_slice_is(one->key, "torch_dtype") && !gn_slice_is(one->key, "dtype") &&
            !gn_slice_is(one->key, "tie_word_embeddings"))
            ok = gn_value_set(&a, v, one->key, one->value);
    }
    ok = ok &&
         gn_value_set(&a, v, GN_S("tie_word_embeddings"), gn_value_bool(&a, t->learner->tied)) &&
         gn_value_set(&a, v, GN_S("dtype"),
                      gn_value_borrow(&a, t->o.bf16 ? GN_S("bfloat16") : GN_S("float32")));
    if (ok) {
        gn_json_write(&text, v);
        gn_str_putc(&text, '\n');
        ok = gn_str_ok(&text, e) && gn_file_write(path, gn_str_slice(&text), e);
    } else {
        gn_fail(e, GN_NO_MEMORY, "config.json: out of memory");
    }
    gn_str_release(&text);
    gn_arena_release(&a);
    return ok;
}

static bool copy_file(const char *from, const char *to, gn_error *e) {
    gn_str text = {0};
    const bool ok = gn_file_read(&text, from, 0, e) && gn_file_write(to, gn_str_slice(&text), e);
    gn_str_release(&text);
    return ok;
}

/* What is text in the checkpoint, file by file, where it is there. */
static bool export_texts(const gn_tune *t, const char *folder, gn_error *e) {
    static const char *const name[] = {"tokenizer.json",      "tokenizer_config.json",
                                       "vocab.json",          "merges.txt",
                                       "added_tokens.json",   "special_tokens_map.json",
                                       "chat_template.jinja", "generation_config.json"};
    gn_str from = {0}, to = {0};
    bool ok = true;
    for (size_t i = 0; ok && t->config_folder[0] && i < sizeof name / sizeof *name; i++) {
        ok = join(&from, t->config_folder, name[i], e) && join(&to, folder, name[i], e);
        if (ok && gn_path_exists(from.data) && strcmp(from.data, to.data) != 0)
            ok = copy_file(from.data, to.data, e);
    }
    gn_str_release(&from);
    gn_str_release(&to);
    return ok;
}

static const char *schedule_name(gn_schedule s) {
    return s == GN_LINEAR ? "linear" : s == GN_COSINE ? "cosine" : "constant";
}

static bool export_story(const gn_tune *t, const char *path, gn_error *e) {
    const gn_tune_options *o = &t->o;
    gn_str s = {0};
    gn_str_puts(&s,
                "{\"schema\":\"gneiss.training/1\",\"gneiss\":\"" GNEISS_VERSION "\",\"from\":");
    gn_json_write_string(&s, gn_slice_of(o->model ? o->model : o->init));
    gn_str_puts(&s, ",\"data\":{\"path\":");
    gn_json_write_string(&s, gn_slice_of(o->data));
    gn_str_fmt(&s, ",\"sha256\":\"%s\",\"examples\":%d,\"tokens\":%zu}", t->data_sha,
               t->examples.count, t->examples.id.count);
    gn_str_fmt(&s,
               ",\"settings\":{\"steps\":%" PRId64 ",\"schedule\":\"%s\",\"warmup\":%" PRId64
               ",\"batch_tokens\":%d,\"seed\":%" PRIu64 ",\"lora\":%d",
               t->steps, schedule_name(o->schedule), o->warmup, o->batch_tokens, o->seed, o->lora);
    const double number[] = {o->lr, o->weight_decay, o->clip};
    static const char *const named[] = {"lr", "weight_decay", "clip"};
    for (int i = 0; i < 3; i++) {
        gn_str_fmt(&s, ",\"%s\":", named[i]);
        gn_json_write_f64(&s, number[i]);
    }
    gn_str_fmt(&s, "},\"step\":%" PRId64 ",\"tokens\":%" PRId64 ",\"seconds\":", t->step,
               t->tokens);
    gn_json_write_f64(&s, t->seconds);
    gn_str_puts(&s, ",\"loss\":[");
    for (int64_t i = 0; i < t->step; i++) {
        gn_str_puts(&s, i ? "," : "");
        gn_json_write_f32(&s, t->loss[i]);
    }
    gn_str_puts(&s, "],\"evals\":[");
    gn_str_add(&s, gn_str_slice(&t->evals));
    gn_str_puts(&s, "]}\n");
    const bool ok = gn_str_ok(&s, e) && gn_file_write(path, gn_str_slice(&s), e);
    gn_str_release(&s);
    return ok;
}

bool gn_tune_export(gn_tune *t, const char *folder, gn_error *e) {
    gn_str path = {0};
    const bool ok = gn_path_make_folder(folder, e) && join(&path, folder, "config.json", e) &&
                    export_config(t, path.data, e) && export_texts(t, folder, e) &&
                    join(&path, folder, "model.safetensors", e) &&
                    export_weights(t, path.data, e) && join(&path, folder, "training.json", e) &&
                    export_story(t, path.data, e);
    gn_str_release(&path);
    return ok;
}

/* ---- gradients ------------------------------------------------------------------ */

static bool write_gradients(const gn_learner *l, gn_safetensors *s, gn_error *e) {
    for (int i = 0; i < l->count; i++)
        if (l->parameter[i].trained)
            declare(s, &l->parameter[i], "");
    bool ok = gn_safetensors_begin(s, e);
    for (int i = 0; ok && i < l->count; i++)
        if (l->parameter[i].trained)
            ok = gn_safetensors_data(s, l->parameter[i].grad, l->parameter[i].count * sizeof(float),
                                     e);
    return ok;
}

bool gn_tune_gradients(gn_tune *t, const char *path, double *loss, gn_error *e) {
    gn_batch b = {.token = t->token, .label = t->row_label, .segment = t->segment};
    const gn_examples *x = &t->examples;
    for (int i = 0; i < x->count; i++) {
        const size_t first = x->first[i], n = x->first[i + 1] - first;
        t->segment[b.segments++] = (gn_segment){b.rows, (int)n};
        for (size_t k = 0; k < n; k++, b.rows++) {
            const int32_t next = k + 1 < n ? x->label.id[first + k + 1] : -1;
            t->token[b.rows] = x->id.id[first + k];
            t->row_label[b.rows] = next < 0 ? -1 : next;
        }
    }
    gn_learner_zero(t->learner);
    *loss = gn_trainer_run(t->trainer, &b, true);
    gn_safetensors *s = gn_safetensors_new(path, e);
    if (!s)
        return false;
    if (!write_gradients(t->learner, s, e)) {
        gn_safetensors_abort(s);
        return false;
    }
    return gn_safetensors_commit(s, e);
}
