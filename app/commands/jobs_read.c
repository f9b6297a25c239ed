/* jobs_read.c - lines of JSON to jobs. A bad line keeps its place and what is wrong with it. */
#include "app/commands/jobs.h"

#include "app/cli/prompt.h"

#include <limits.h>
#include <stdlib.h>

int64_t gn_args_limit(const gn_args *a) {
    const int64_t n = gn_args_integer(a, "n", 0);
    return n > 0 ? n : -1;
}

bool gn_stop_strings(const gn_args *a, gn_slice **stop, int *n, gn_error *e) {
    const char *s;
    *stop = NULL;
    for (*n = 0; (s = gn_args_nth(a, "stop", *n)); ++*n) {
        gn_slice *more = realloc(*stop, (size_t)(*n + 1) * sizeof *more);
        if (!more) {
            free(*stop);
            return gn_fail(e, GN_NO_MEMORY, "out of memory");
        }
        *stop = more;
        more[*n] = gn_slice_of(s);
    }
    return true;
}

/* ---- a line ---------------------------------------------------------------- */

static bool want_number(const gn_value *v, const char *key, double min, double max, double *out,
                        gn_error *e) {
    if (!gn_value_to_number(v, out) || *out < min || *out > max)
        return gn_fail(e, GN_INVALID, "'%s' wants a number in [%g, %g]", key, min, max);
    return true;
}

static bool take_stop(gn_line_job *l, const gn_value *v, gn_error *e) {
    if (!gn_value_is(v, GN_LIST))
        return gn_fail(e, GN_INVALID, "'stop' wants a list of strings");
    l->stop = malloc(v->list.count * sizeof *l->stop + 1);
    if (!l->stop)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < v->list.count; i++) {
        if (!gn_value_is(v->list.item[i], GN_STRING))
            return gn_fail(e, GN_INVALID, "'stop' wants a list of strings");
        l->stop[i] = v->list.item[i]->string;
    }
    l->job.stop = l->stop;
    l->job.n_stop = (int)v->list.count;
    return true;
}

/* {"123": -1.5, ...} */
static bool take_bias(gn_line_job *l, const gn_value *v, gn_error *e) {
    if (!gn_value_is(v, GN_MAP))
        return gn_fail(e, GN_INVALID, "'bias' wants an object of id: number");
    l->bias = malloc(v->map.count * sizeof *l->bias + 1);
    if (!l->bias)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < v->map.count; i++) {
        int64_t id;
        double add;
        if (!gn_parse_integer(v->map.entry[i].key, &id) || id < 0 || id > INT_MAX ||
            !gn_value_to_number(v->map.entry[i].value, &add))
            return gn_fail(e, GN_INVALID, "'bias' wants an object of id: number");
        l->bias[i] = (gn_bias){(int32_t)id, (float)add};
    }
    l->job.sampling.bias = l->bias;
    l->job.sampling.n_bias = (int)v->map.count;
    return true;
}

static bool take_option(gn_line_job *l, gn_slice key, const gn_value *v, bool *known, gn_error *e) {
    gn_sampling *s = &l->job.sampling;
    static const struct {
        const char *key;
        double min, max;
    } number[] = {{"n", 0, 1e9},
                  {"temp", 0, 100},
                  {"top_k", 0, 1e9},
                  {"top_p", 0, 1},
                  {"min_p", 0, 1},
                  {"repeat_penalty", 0, 100},
                  {"seed", 0, 9007199254740992.0}};
    *known = true;
    if (gn_slice_is(key, "stop"))
        return take_stop(l, v, e);
    if (gn_slice_is(key, "bias"))
        return take_bias(l, v, e);
    for (int i = 0; i < 7; i++) {
        double x;
        if (!gn_slice_is(key, number[i].key))
            continue;
        if (!want_number(v, number[i].key, number[i].min, number[i].max, &x, e))
            return false;
        switch (i) {
        case 0:
            l->job.limit = (int64_t)x;
            break;
        case 1:
            s->temp = (float)x;
            break;
        case 2:
            s->top_k = (int)x;
            break;
        case 3:
            s->top_p = (float)x;
            break;
        case 4:
            s->min_p = (float)x;
            break;
        case 5:
            s->repeat_penalty = (float)x;
            break;
        default:
            s->seed = (uint64_t)x;
        }
        return true;
    }
    *known = false;
    return true;
}

static bool encode(gn_job_list *b, gn_line_job *l, gn_slice text, unsigned flags, gn_error *e) {
    gn_tokenizer *t = gn_engine_tokenizer(b->engine);
    return t ? gn_encode(t, text, flags, &l->prompt, e)
             : gn_fail(e, GN_UNSUPPORTED, "the checkpoint has no tokenizer; give 'ids'");
}

static bool encode_chat(gn_job_list *b, gn_line_job *l, const gn_value *vars, gn_error *e) {
    gn_str text = {0};
    const bool ok =
        gn_chat_render(b->engine, vars, true, &text, e) && encode(b, l, gn_str_slice(&text), 0, e);
    gn_str_release(&text);
    return ok;
}

static bool take_ids(gn_line_job *l, const gn_value *v, gn_error *e) {
    for (size_t i = 0; i < gn_value_count(v); i++) {
        int64_t id;
        if (!gn_value_to_integer(gn_value_at(v, i), &id) || id < 0 || id > INT_MAX)
            return gn_fail(e, GN_INVALID, "'ids' wants a list of token ids");
        if (!gn_ids_add(&l->prompt, (int32_t)id))
            return gn_fail(e, GN_NO_MEMORY, "out of memory");
    }
    return gn_value_is(v, GN_LIST) || gn_fail(e, GN_INVALID, "'ids' wants a list of token ids");
}

/* The first line of the prompt, or of the last message. */
static void note_said(gn_line_job *l, const gn_value *prompt, const gn_value *messages) {
    const size_t n = gn_value_count(messages);
    const gn_value *last = n ? gn_value_at(messages, n - 1) : NULL;
    gn_slice text = gn_value_text(prompt ? prompt : gn_value_get(last, GN_S("content")));
    const char *end = memchr(text.data, '\n', text.len);
    gn_str_add(&l->said, (gn_slice){text.data, end ? (size_t)(end - text.data) : text.len});
}

static bool take_prompt(gn_job_list *b, gn_line_job *l, gn_value *v, gn_error *e) {
    const gn_value *prompt = gn_value_get(v, GN_S("prompt")), *ids = gn_value_get(v, GN_S("ids")),
                   *messages = gn_value_get(v, GN_S("messages")),
                   *raw = gn_value_get(v, GN_S("raw"));
    if ((prompt != NULL) + (ids != NULL) + (messages != NULL) != 1)
        return gn_fail(e, GN_INVALID, "want exactly one of 'prompt', 'ids' and 'messages'");
    note_said(l, prompt, messages);
    if (ids)
        return take_ids(l, ids, e);
    if (messages) {
        const gn_value *vars = gn_chat_vars_of(&l->arena, v, e);
        return vars && encode_chat(b, l, vars, e);
    }
    if (!gn_value_is(prompt, GN_STRING))
        return gn_fail(e, GN_INVALID, "'prompt' wants a string");
    if ((raw && raw->kind == GN_BOOL && raw->boolean) || gn_args_flag(b->args, "raw") ||
        gn_engine_template(b->engine).len == 0)
        return encode(b, l, prompt->string, GN_ADD_SPECIAL, e);
    const gn_value *vars = gn_chat_vars_text(
        &l->arena, gn_slice_of(gn_args_text(b->args, "system", "")), prompt->string, e);
    return vars && encode_chat(b, l, vars, e);
}

static bool read_line(gn_job_list *b, gn_line_job *l, gn_slice text, int number, gn_error *e) {
    gn_value *v = gn_json_parse(&l->arena, text, e);
    gn_str_fmt(&l->id, "%d", number);
    if (!v)
        return false;
    if (!gn_value_is(v, GN_MAP))
        return gn_fail(e, GN_INVALID, "a line wants an object");
    const gn_value *id = gn_value_get(v, GN_S("id"));
    if (id && id->kind != GN_STRING && id->kind != GN_INTEGER && id->kind != GN_NUMBER)
        return gn_fail(e, GN_INVALID, "'id' wants a string or a number");
    if (id) {
        gn_str_cut(&l->id, 0);
        gn_json_write(&l->id, id);
    }
    for (size_t i = 0; i < v->map.count; i++) {
        static const char *const other[] = {"id",       "prompt", "raw",      "ids",
                                            "messages", "tools",  "documents"};
        const gn_slice key = v->map.entry[i].key;
        bool known;
        if (!take_option(l, key, v->map.entry[i].value, &known, e))
            return false;
        for (size_t k = 0; k < sizeof other / sizeof *other; k++)
            known |= gn_slice_is(key, other[k]);
        if (!known)
            return gn_fail(e, GN_INVALID, "unknown key '%.*s'", (int)key.len, key.data);
    }
    return take_prompt(b, l, v, e);
}

static bool read_lines(gn_job_list *b, gn_slice text, int top, gn_error *e) {
    const int64_t limit =
        gn_args_given(b->args, "n") ? gn_args_integer(b->args, "n", 0) : gn_args_limit(b->args);
    for (int number = 1; text.len > 0; number++) {
        const char *end = memchr(text.data, '\n', text.len);
        const size_t n = end ? (size_t)(end - text.data) : text.len;
        const gn_slice line = gn_text_strip((gn_slice){text.data, n}, true, true);
        text = gn_slice_from(text, n + (end != NULL));
        if (line.len == 0)
            continue;
        if (!gn_vec_reserve(&b->line, &b->capacity, (size_t)b->n + 1, sizeof *b->line))
            return gn_fail(e, GN_NO_MEMORY, "out of memory");
        gn_line_job *l = &b->line[b->n++];
        *l = (gn_line_job){
            .job = {.limit = limit,
                    .ignore_eos = gn_args_flag(b->args, "ignore-eos"),
                    .sampling = b->sampling,
                    .stop = b->stop,
                    .n_stop = b->n_stop,
                    .top = top > gn_engine_vocab(b->engine) ? gn_engine_vocab(b->engine) : top}};
        read_line(b, l, line, number, &l->bad);
    }
    for (int i = 0; i < b->n; i++) {
        gn_line_job *l = &b->line[i];
        l->job.user = l;
        l->job.prompt = l->prompt.id;
        l->job.n_prompt = (int64_t)l->prompt.count;
    }
    return true;
}

bool gn_job_list_read(gn_job_list *b, const gn_args *a, gn_engine *g, const char *path, int top,
                      gn_error *e) {
    gn_str text = {0};
    *b = (gn_job_list){.args = a, .engine = g};
    const bool ok = gn_args_sampling(a, g, &b->sampling, e) &&
                    gn_stop_strings(a, &b->stop, &b->n_stop, e) &&
                    gn_file_read(&text, path, 0, e) && read_lines(b, gn_str_slice(&text), top, e);
    gn_str_release(&text);
    return ok;
}

void gn_job_list_release(gn_job_list *b) {
    for (int i = 0; i < b->n; i++) {
        gn_line_job *l = &b->line[i];
        gn_job_release(&l->job);
        gn_ids_release(&l->prompt);
        gn_str_release(&l->id);
        gn_str_release(&l->said);
        gn_arena_release(&l->arena);
        free(l->stop);
        free(l->bias);
    }
    free(b->line);
    free(b->stop);
    free((gn_bias *)b->sampling.bias);
    *b = (gn_job_list){0};
}
