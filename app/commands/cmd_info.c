/* cmd_info.c - gneiss info: what a checkpoint is, what it takes, what it is called. */
#include "app/cli/command.h"
#include "app/cli/out.h"

#include <inttypes.h>

static const gn_option options[] = {
    {0, "tensors", NULL, "list every tensor", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "alias", "NAME", "call this checkpoint so from now on", GN_TYPE_TEXT, 0, 0, NULL},
    {0},
};

static double gib(int64_t bytes) { return (double)bytes / (1 << 30); }

static int64_t integer(const gn_value *map, const char *key) {
    int64_t v = 0;
    gn_value_to_integer(gn_value_get(map, gn_slice_of(key)), &v);
    return v;
}
static gn_slice text(const gn_value *map, const char *key) {
    return gn_value_text(gn_value_get(map, gn_slice_of(key)));
}

/* "10 mamba, 2 attention, 12 with experts" */
static void print_layers(const gn_value *info) {
    const gn_value *layers = gn_value_get(info, GN_S("layers"));
    int mamba = 0, attention = 0, moe = 0;
    for (size_t i = 0; i < gn_value_count(layers); i++) {
        const gn_value *l = gn_value_at(layers, i), *m = gn_value_get(l, GN_S("moe"));
        if (gn_slice_is(text(l, "kind"), "mamba"))
            mamba++;
        else
            attention++;
        moe += m && m->boolean;
    }
    printf("layers      %d mamba, %d attention%s\n", mamba, attention, moe ? ", with experts" : "");
}

static void print_sampling(const gn_engine *g) {
    const gn_sampling s = gn_engine_sampling(g);
    if (s.temp <= 0)
        printf("sampling    greedy (temp 0)");
    else
        printf("sampling    temp %g, top-k %d, top-p %g, min-p %g", (double)s.temp, s.top_k,
               (double)s.top_p, (double)s.min_p);
    if (s.repeat_penalty != 1.0f)
        printf(", repeat penalty %g", (double)s.repeat_penalty);
    printf("; order: bias, repeat penalty, temp, top-k, softmax, top-p, min-p, draw\n");
}

static void print(const gn_value *info, gn_engine *g) {
    const gn_value *dtype = gn_value_get(info, GN_S("dtype")),
                   *memory = gn_value_get(info, GN_S("memory")),
                   *peak = gn_value_get(memory, GN_S("peak_at_context")),
                   *tokenizer = gn_value_get(info, GN_S("tokenizer")),
                   *template = gn_value_get(info, GN_S("template")),
                   *warnings = gn_value_get(info, GN_S("warnings"));
    const gn_slice arch = text(info, "arch"), format = text(info, "format"),
                   sha = text(info, "sha");

    printf("path        %s\n", gn_engine_path(g));
    printf("sha         %.*s\n", (int)sha.len, sha.data);
    printf("arch        %.*s (%.*s)\n", (int)arch.len, arch.data, (int)format.len, format.data);
    printf("parameters  %" PRId64 " in %.3f GiB:", integer(info, "params"),
           gib(integer(info, "bytes")));
    for (size_t i = 0; i < gn_value_count(dtype); i++)
        printf(" %" PRId64 " %.*s", dtype->map.entry[i].value->integer,
               (int)dtype->map.entry[i].key.len, dtype->map.entry[i].key.data);
    printf("\n");
    print_layers(info);
    printf("width       %" PRId64 " hidden, %" PRId64 " heads, vocabulary %" PRId64 "\n",
           integer(info, "hidden"), integer(info, "heads"), integer(info, "vocab"));
    printf("context     %" PRId64 " tokens\n", integer(info, "context"));
    if (gn_value_is(tokenizer, GN_MAP))
        printf("tokenizer   %.*s, %.*s\n", (int)text(tokenizer, "kind").len,
               text(tokenizer, "kind").data, (int)text(tokenizer, "pre").len,
               text(tokenizer, "pre").data);
    else
        printf("tokenizer   none: give ids\n");
    if (gn_value_is(template, GN_MAP))
        printf("template    from %.*s\n", (int)text(template, "source").len,
               text(template, "source").data);
    else
        printf("template    none: run reads text as it is\n");
    printf("state       %.1f MiB, and %" PRId64 " bytes a token\n",
           (double)integer(memory, "state_fixed") / (1 << 20), integer(memory, "state_per_token"));
    for (size_t i = 0; i < gn_value_count(peak); i++)
        printf("memory      %.3f GiB at %.*s tokens\n", gib(peak->map.entry[i].value->integer),
               (int)peak->map.entry[i].key.len, peak->map.entry[i].key.data);
    printf("device      %s\n", gn_engine_device(g));
    if (*gn_engine_no_gpu(g))
        printf("no GPU      %s\n", gn_engine_no_gpu(g));
    printf("numerics    %s\n", gn_engine_numerics(g));
    print_sampling(g);
    for (size_t i = 0; i < gn_value_count(warnings); i++)
        printf("warning     %.*s\n", (int)warnings->list.item[i]->string.len,
               warnings->list.item[i]->string.data);
}

static void print_tensors(const gn_value *list) {
    for (size_t i = 0; i < gn_value_count(list); i++) {
        const gn_value *t = gn_value_at(list, i), *shape = gn_value_get(t, GN_S("shape"));
        printf("%-48.*s %-8.*s [", (int)text(t, "name").len, text(t, "name").data,
               (int)text(t, "format").len, text(t, "format").data);
        for (size_t d = 0; d < gn_value_count(shape); d++)
            printf(d ? ", %" PRId64 : "%" PRId64, shape->list.item[d]->integer);
        printf("]\n");
    }
}

/* What it was worth on the way: a line an evaluation, the first number of each task. */
static void print_evals(const gn_value *list) {
    for (size_t i = 0; i < gn_value_count(list); i++) {
        const gn_value *eval = gn_value_at(list, i), *tasks = gn_value_get(eval, GN_S("tasks"));
        int64_t step = 0;
        gn_value_to_integer(gn_value_get(eval, GN_S("step")), &step);
        printf("%s  step %" PRId64 ":", i ? "          " : "evaluated ", step);
        for (size_t k = 0; k < gn_value_count(tasks); k++) {
            const gn_value *t = gn_value_at(tasks, k),
                           *m = gn_value_at(gn_value_get(t, GN_S("metrics")), 0);
            double value = 0;
            if (gn_value_to_number(gn_value_get(m, GN_S("value")), &value))
                printf("%s %.*s %.*s %.4g", k ? "," : "", (int)text(t, "task").len,
                       text(t, "task").data, (int)text(m, "metric").len, text(m, "metric").data,
                       value);
        }
        putchar('\n');
    }
}

/* training.json's losses, of a model that gneiss tune made. One that cannot be read is left out. */
static void print_losses(const gn_engine *g, gn_arena *a) {
    gn_str path = {0}, text = {0}, plot = {0};
    gn_error none = {0};
    const gn_value *story = NULL;
    gn_path_join(&path, gn_slice_of(gn_engine_path(g)), GN_S("training.json"));
    if (gn_str_ok(&path, &none) && gn_path_is_folder(gn_engine_path(g)) &&
        gn_path_exists(path.data) && gn_file_read(&text, path.data, 256 << 20, &none))
        story = gn_json_parse(a, gn_str_slice(&text), &none);
    const gn_value *list = gn_value_get(story, GN_S("loss"));
    const size_t n = gn_value_is(list, GN_LIST) ? gn_value_count(list) : 0;
    float *loss = n ? gn_arena_alloc(a, n * sizeof *loss) : NULL;
    for (size_t i = 0; loss && i < n; i++) {
        double v = 0;
        gn_value_to_number(gn_value_at(list, i), &v);
        loss[i] = (float)v;
    }
    if (loss) {
        gn_tune_plot(&plot, loss, (int64_t)n, 64, 8);
        printf("training    %zu steps, mean loss of a batch:\n%s", n, gn_str_text(&plot));
    }
    print_evals(gn_value_get(story, GN_S("evals")));
    gn_str_release(&plot);
    gn_str_release(&text);
    gn_str_release(&path);
}

/* The first paragraph of a folder's README.md, a model card: less its front matter and headings. */
static void print_card(const gn_engine *g) {
    gn_str path = {0}, text = {0};
    gn_error none = {0};
    gn_path_join(&path, gn_slice_of(gn_engine_path(g)), GN_S("README.md"));
    const bool there = gn_str_ok(&path, &none) && gn_path_is_folder(gn_engine_path(g)) &&
                       gn_path_exists(gn_str_text(&path)) &&
                       gn_file_read(&text, gn_str_text(&path), 1 << 20, &none);
    gn_slice rest = there ? gn_str_slice(&text) : GN_S(""), line;
    bool matter = false, begun = false;
    for (int n = 0; gn_slice_line(&rest, &line); n++) {
        if (gn_slice_is(line, "---") && (n == 0 || matter)) {
            matter = !matter;
            continue;
        }
        if (begun && line.len == 0)
            break;
        if (matter || line.len == 0 || line.data[0] == '#')
            continue;
        printf("%s%.*s\n", begun ? "            " : "card        ", (int)line.len, line.data);
        begun = true;
    }
    gn_str_release(&text);
    gn_str_release(&path);
}

/* The alias becomes a row of chats.db, where every command looks. */
static bool call_it(gn_engine *g, const char *alias, gn_error *e) {
    gn_str path = {0};
    if (!alias[0] || strchr(alias, '/') || gn_path_exists(alias)) {
        gn_fail(e, GN_INVALID, "--alias: '%.60s' is a path or empty, and paths go first", alias);
        return gn_where(e, "--alias");
    }
    gn_store *s = gn_store_path(&path, GN_STORE_CHATS, e)
                      ? gn_store_open(gn_str_text(&path), false, e)
                      : NULL;
    const int64_t checkpoint = s ? gn_store_checkpoint(s, g, e) : 0;
    const bool ok = checkpoint && gn_store_alias_set(s, alias, checkpoint, e);
    gn_store_close(s);
    gn_str_release(&path);
    return ok;
}

static bool show(const gn_args *a, gn_engine *g, gn_error *e) {
    char hex[GN_SHA256_HEX];
    gn_arena arena = {0};
    gn_str line = {0};
    const bool tensors = gn_args_flag(a, "tensors");
    gn_value *info =
        gn_engine_sha(g, hex, NULL, NULL, e) ? gn_engine_info(g, tensors, &arena, e) : NULL;
    bool ok =
        info && gn_value_set(&arena, info, GN_S("sha"), gn_value_string(&arena, gn_slice_of(hex)));
    if (ok && gn_args_flag(a, "json")) {
        gn_json_write(&line, info);
        ok = gn_out_line(&line, e);
    } else if (ok) {
        print(info, g);
        print_card(g);
        print_losses(g, &arena);
        print_tensors(gn_value_get(info, GN_S("tensors")));
    }
    gn_str_release(&line);
    gn_arena_release(&arena);
    return ok;
}

static int run(const gn_args *a, gn_error *e) {
    const char *model;
    int first;
    if (!gn_args_model(a, &model, &first, e))
        return GN_FAILED;
    if (gn_args_count(a) > first) {
        gn_fail(e, GN_INVALID, "info takes one MODEL; '%s' is one too many", gn_args_at(a, first));
        return GN_FAILED;
    }
    gn_engine *g = gn_args_engine(a, model, e);
    if (!g)
        return GN_FAILED;
    const char *alias = gn_args_given(a, "alias") ? gn_args_text(a, "alias", "") : NULL;
    const bool ok = (!alias || call_it(g, alias, e)) && show(a, g, e);
    gn_engine_close(g);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

const gn_command gn_cmd_info = {
    .name = "info",
    .usage = "[MODEL] [--tensors] [--ctx N] [--alias NAME]",
    .summary = "geometry, memory and hashes of a checkpoint",
    .takes = GN_TAKES_MODEL | GN_TAKES_DEFAULT,
    .option = options,
    .run = run,
};
