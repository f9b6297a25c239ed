/* model.c - from arguments and settings to an engine and its sampling. */
#include "app/cli/command.h"
#include "app/cli/saved.h"

#include <stdlib.h>
#include <unistd.h>

gn_engine_options gn_args_engine_options(const gn_args *a) {
    return (gn_engine_options){
        .backend = gn_args_text(a, "backend", "auto"),
        .exact = strcmp(gn_args_text(a, "numerics", "fast"), "exact") == 0,
        .threads = (int)gn_args_integer(a, "threads", 0),
        .batch_tokens = (int)gn_args_integer(a, "batch-tokens", 0),
        .ctx = gn_args_integer(a, "ctx", 0),
        .state_mem = gn_args_size(a, "state-mem", 0),
        .mapped = gn_args_flag(a, "mmap"),
        .trust_states = strcmp(gn_args_text(a, "state-verify", "on"), "off") == 0,
    };
}

gn_engine *gn_args_engine(const gn_args *a, const char *model, gn_error *e) {
    gn_engine_options o = gn_args_engine_options(a);
    const char *file = gn_args_text(a, "template", NULL);
    gn_str source = {0};
    model = gn_args_path(a, model, e);
    if (!model)
        return NULL;
    if (file && !gn_saved_template(file, &source, e)) {
        gn_str_release(&source);
        return NULL;
    }
    if (file)
        o.chat_template = gn_str_text(&source);
    gn_engine *g = gn_engine_open(model, &o, e);
    gn_str_release(&source);
    if (g && gn_args_flag(a, "verbose"))
        fprintf(stderr, "%s: %s, %s\n%s%s%s%s", gn_engine_name(g), gn_engine_device(g),
                gn_engine_numerics(g), *gn_engine_no_gpu(g) ? "no GPU: " : "", gn_engine_no_gpu(g),
                *gn_engine_no_gpu(g) ? "\n" : "", gn_engine_warnings(g));
    return g;
}

static bool one_bias(const char *text, int vocab, gn_bias *out, gn_error *e) {
    const char *equal = strchr(text, '=');
    int64_t id;
    double add;
    if (!equal || !gn_parse_integer((gn_slice){text, (size_t)(equal - text)}, &id) ||
        !gn_parse_decimal(gn_slice_of(equal + 1 + (equal[1] == '+')), &add))
        return gn_fail(e, GN_INVALID, "--bias: want ID=NUMBER, not '%.60s'", text);
    if (id < 0 || id >= vocab)
        return gn_fail(e, GN_INVALID, "--bias: id %lld is not in the vocabulary of %d",
                       (long long)id, vocab);
    *out = (gn_bias){(int32_t)id, (float)add};
    return true;
}

void gn_sampling_set(const gn_settings *s, gn_sampling *io) {
    io->temp = (float)gn_settings_number(s, "temp", (double)io->temp);
    io->top_k = (int)gn_settings_integer(s, "top-k", io->top_k);
    io->top_p = (float)gn_settings_number(s, "top-p", (double)io->top_p);
    io->min_p = (float)gn_settings_number(s, "min-p", (double)io->min_p);
    io->repeat_penalty = (float)gn_settings_number(s, "repeat-penalty", (double)io->repeat_penalty);
}

bool gn_args_bias(const gn_args *a, int vocab, gn_bias **out, int *n, gn_error *e) {
    gn_bias *bias = NULL;
    size_t room = 0;
    const char *text;
    *n = 0;
    for (int i = 0; (text = gn_args_nth(a, "bias", i)); i++) {
        if (!gn_vec_reserve(&bias, &room, (size_t)i + 1, sizeof *bias)) {
            free(bias);
            return gn_fail(e, GN_NO_MEMORY, "--bias: out of memory");
        }
        if (!one_bias(text, vocab, &bias[i], e)) {
            free(bias);
            return gn_where(e, "--bias");
        }
        *n = i + 1;
    }
    *out = bias;
    return true;
}

bool gn_args_seed(const gn_args *a, uint64_t *seed, gn_error *e) {
    const int64_t given = gn_args_integer(a, "seed", -1);
    uint32_t drawn = 0;
    if (given < 0 && !gn_random_bytes(&drawn, sizeof drawn, e))
        return false;
    *seed = given < 0 ? drawn : (uint64_t)given;
    return true;
}

bool gn_args_sampling(const gn_args *a, const gn_engine *g, gn_sampling *out, gn_error *e) {
    gn_bias *bias = NULL;
    *out = gn_engine_sampling(g);
    gn_sampling_set(gn_args_settings(a), out);
    if (gn_args_flag(a, "greedy"))
        out->temp = 0;
    if (!gn_args_seed(a, &out->seed, e) ||
        !gn_args_bias(a, gn_engine_vocab(g), &bias, &out->n_bias, e))
        return false;
    out->bias = bias;
    return true;
}

bool gn_args_color(const gn_args *a, int fd) {
    const char *when = gn_args_text(a, "color", "auto"), *no = getenv("NO_COLOR"),
               *term = getenv("TERM");
    if (strcmp(when, "auto") != 0)
        return strcmp(when, "always") == 0;
    return !(no && no[0]) && term && strcmp(term, "dumb") != 0 && isatty(fd);
}
