/* cmd_tune.c - gneiss tune: train a model, padding-free. */
#include "app/cli/command.h"
#include "app/cli/interrupt.h"
#include "app/cli/out.h"
#include "app/commands/tune_eval.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static const gn_option options[] = {
    {0, "data", "FILE", "examples, one a line (text, prompt and completion, messages, ids)",
     GN_TYPE_TEXT, 0, 0, NULL},
    {'o', "output", "DIR", "where it goes; the same command goes on there", GN_TYPE_TEXT, 0, 0,
     NULL},
    {0, "init", "CONFIG.json", "a new model of this shape instead of MODEL", GN_TYPE_TEXT, 0, 0,
     NULL},
    {0, "tokenizer", "DIR", "tokenizer and template, instead of MODEL's", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "steps", "N", "steps in all, instead of --epochs", GN_TYPE_INTEGER, 1, 1e9, NULL},
    {0, "epochs", "N", "times through the data (default 1)", GN_TYPE_NUMBER, 1e-6, 1e6, NULL},
    {0, "lr", "RATE", "the highest learning rate (default 1e-4)", GN_TYPE_NUMBER, 1e-12, 10, NULL},
    {0, "schedule", "NAME", "how it falls after the warmup (default cosine)", GN_TYPE_CHOICE, 0, 0,
     "constant|linear|cosine"},
    {0, "warmup", "N", "steps in which it rises from 0 (default 0)", GN_TYPE_INTEGER, 0, 1e9, NULL},
    {0, "weight-decay", "X", "AdamW's, of matrices alone (default 0.1)", GN_TYPE_NUMBER, 0, 1e3,
     NULL},
    {0, "clip", "X", "largest norm of the gradient (default 1; 0: any)", GN_TYPE_NUMBER, 0, 1e9,
     NULL},
    {0, "batch-tokens", "N", "most tokens in a step's whole examples (default 4096)",
     GN_TYPE_INTEGER, 1, 1 << 20, NULL},
    {0, "seed", "N", "of the order of examples and of new weights (default 0)", GN_TYPE_INTEGER, 0,
     9e15, NULL},
    {0, "lora", "RANK", "train adapters of the linear weights, merged when saved", GN_TYPE_INTEGER,
     1, 4096, NULL},
    {0, "lora-alpha", "X", "their scale times RANK (default 2 RANK)", GN_TYPE_NUMBER, 1e-6, 1e6,
     NULL},
    {0, "save-every", "N", "steps between saves (default 100)", GN_TYPE_INTEGER, 1, 1e9, NULL},
    {0, "snapshots", "N,N", "steps after which a copy is kept in DIR/step-N", GN_TYPE_TEXT, 0, 0,
     NULL},
    {0, "eval", "TASK", "evaluate on it at every save; may be repeated", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "eval-limit", "N", "only so many of its documents; below 1 a share", GN_TYPE_NUMBER, 0,
     1e12, NULL},
    {0, "dtype", "TYPE", "of the numbers saved (default: MODEL's, else f32)", GN_TYPE_CHOICE, 0, 0,
     "f32|bf16"},
    {0, "tape-mem", "SIZE", "bytes for activations; less is slower (default 2G)", GN_TYPE_SIZE, 0,
     0, NULL},
    {0, "threads", "N", "threads that compute; changes no bit", GN_TYPE_INTEGER, 1, 1024, NULL},
    {0, "dry-run", NULL, "show what is counted of each example, token by token", GN_TYPE_FLAG, 0, 0,
     NULL},
    {0, "gradients", "FILE", "the gradient of these examples into the file of -o; nothing else",
     GN_TYPE_TEXT, 0, 0, NULL},
    {0},
};

typedef struct job {
    const gn_args *a;
    gn_tune *t;
    gn_str line;
    bool json, live, quiet, json_progress;
    double told; /* when progress was last shown */
} job;

/* ---- what is asked ------------------------------------------------------------ */

static bool read_snapshots(const gn_args *a, int64_t *out, int most, int *n, gn_error *e) {
    const char *text = gn_args_text(a, "snapshots", "");
    *n = 0;
    while (*text) {
        const size_t len = strcspn(text, ",");
        if (*n == most || !gn_parse_integer((gn_slice){text, len}, &out[*n]) || out[*n] < 1)
            return gn_fail(e, GN_INVALID, "--snapshots: want up to %d steps, as 100,500", most);
        (*n)++;
        text += len + (text[len] == ',');
    }
    return true;
}

static gn_schedule schedule_of(const char *name) {
    return strcmp(name, "linear") == 0     ? GN_LINEAR
           : strcmp(name, "constant") == 0 ? GN_CONSTANT
                                           : GN_COSINE;
}

/* Does the checkpoint's config say bfloat16? */
static bool model_is_bf16(const char *model) {
    gn_str path = {0}, text = {0};
    gn_error none = {0};
    bool yes = false;
    gn_path_join(&path, gn_slice_of(model), GN_S("config.json"));
    if (gn_str_ok(&path, &none) && gn_file_read(&text, path.data, 0, &none))
        yes = gn_slice_find(gn_str_slice(&text), GN_S("\"bfloat16\"")) >= 0;
    gn_str_release(&path);
    gn_str_release(&text);
    return yes;
}

static gn_tune_options options_of(const gn_args *a, const char *model) {
    const char *gradients = gn_args_text(a, "gradients", NULL);
    const char *dtype = gn_args_text(a, "dtype", NULL);
    return (gn_tune_options){
        .model = model,
        .init = gn_args_text(a, "init", NULL),
        .tokenizer = gn_args_text(a, "tokenizer", NULL),
        .data = gradients ? gradients : gn_args_text(a, "data", NULL),
        .out = gradients ? NULL : gn_args_text(a, "output", NULL),
        .steps = gn_args_integer(a, "steps", 0),
        .epochs = gn_args_number(a, "epochs", 0),
        .lr = gn_args_number(a, "lr", 0),
        .weight_decay = gn_args_number(a, "weight-decay", 0.1),
        .clip = gn_args_number(a, "clip", 1.0),
        .schedule = schedule_of(gn_args_text(a, "schedule", "cosine")),
        .warmup = gn_args_integer(a, "warmup", 0),
        .batch_tokens = (int)gn_args_integer(a, "batch-tokens", 4096),
        .seed = (uint64_t)gn_args_integer(a, "seed", 0),
        .lora = (int)gn_args_integer(a, "lora", 0),
        .lora_alpha = gn_args_number(a, "lora-alpha", 0),
        .save_every = gn_args_integer(a, "save-every", 100),
        .bf16 = dtype ? strcmp(dtype, "bf16") == 0 : model && model_is_bf16(model),
        .threads = (int)gn_args_integer(a, "threads", 0),
        .tape_mem = gn_args_size(a, "tape-mem", 0),
    };
}

/* ---- --dry-run ------------------------------------------------------------------ */

/* Counted text is bright on a terminal and in brackets elsewhere. */
static bool show_example(job *j, int i, bool color, gn_error *e) {
    const int32_t *id, *label;
    const int n = gn_tune_example(j->t, i, &id, &label);
    gn_str *s = &j->line;
    bool inside = false;
    if (j->json) {
        gn_str_puts(s, "{\"ids\":");
        gn_out_ids(s, id, (size_t)n);
        gn_str_puts(s, ",\"counted\":[");
        for (int k = 0; k < n; k++)
            gn_str_fmt(s, k ? ",%d" : "%d", k > 0 && label[k] >= 0);
        gn_str_puts(s, "]}");
        return gn_out_line(s, e);
    }
    gn_str_fmt(s, "%d: ", i + 1);
    for (int k = 0; k < n; k++) {
        const bool counted = k > 0 && label[k] >= 0;
        gn_str text = {0};
        if (counted != inside)
            gn_str_puts(s, color ? (counted ? "\033[32m" : "\033[0m") : (counted ? "[" : "]"));
        inside = counted;
        const gn_slice bytes = gn_tune_token(j->t, id[k]);
        gn_json_write_string(&text, bytes);
        if (bytes.len)
            gn_str_add(s, (gn_slice){text.data + 1, text.len - 2});
        else
            gn_str_fmt(s, "%d", id[k]);
        gn_str_release(&text);
        if (k + 1 < n)
            gn_str_puts(s, bytes.len ? "|" : " ");
    }
    if (inside)
        gn_str_puts(s, color ? "\033[0m" : "]");
    return gn_out_line(s, e);
}

static bool dry_run(job *j, const gn_tune_options *o, gn_error *e) {
    j->t = gn_tune_open_data(o, e);
    bool ok = j->t != NULL;
    const bool color = gn_args_color(j->a, 1) && isatty(1);
    for (int i = 0; ok && i < gn_tune_examples(j->t); i++)
        ok = show_example(j, i, color, e);
    return ok;
}

/* ---- a run ------------------------------------------------------------------------- */

static bool on_step(void *user, const gn_tune_progress *p) {
    job *j = user;
    const double now = gn_seconds();
    const bool last = p->step == p->steps;
    const double left = (double)(p->steps - p->step) * (double)p->tokens / (double)p->step /
                        (p->tokens_per_s > 0 ? p->tokens_per_s : 1.0);
    if (now - j->told < 1.0 && !last)
        return !gn_interrupted();
    j->told = now;
    if (j->json_progress) {
        gn_str s = {0};
        gn_str_fmt(&s, "{\"event\":\"progress\",\"step\":%" PRId64 ",\"steps\":%" PRId64, p->step,
                   p->steps);
        gn_out_number(&s, "loss", p->loss);
        gn_out_number(&s, "lr", p->lr);
        gn_out_number(&s, "grad_norm", p->grad_norm);
        gn_str_fmt(&s, ",\"tokens\":%" PRId64, p->tokens);
        gn_out_number(&s, "tokens_per_s", p->tokens_per_s);
        gn_out_number(&s, "eta_s", left);
        fprintf(stderr, "%s}\n", gn_str_text(&s));
        gn_str_release(&s);
    } else if (j->live) {
        fprintf(stderr,
                "\r\033[Kstep %" PRId64 "/%" PRId64
                "  loss %.4f  lr %.2e  %.0f tokens/s  %dm%02ds left",
                p->step, p->steps, p->loss, p->lr, p->tokens_per_s, (int)left / 60, (int)left % 60);
        if (last)
            fputc('\n', stderr);
    }
    return !gn_interrupted();
}

/* What it is worth, once a step: a save and a snapshot may fall together. */
static bool evaluate(job *j, int64_t step, const char *path, gn_str *eval, gn_error *e) {
    gn_str line = {0};
    if (!gn_args_nth(j->a, "eval", 0) || gn_tune_has_eval(j->t, step) || gn_interrupted())
        return true;
    const bool ok = gn_tune_evaluate(j->a, path, step, eval, &line, e) &&
                    (eval->len == 0 || gn_tune_note_eval(j->t, gn_str_slice(eval), e));
    if (ok && line.len && !j->json && !j->quiet) {
        if (j->live)
            fputs("\r\033[K", stderr);
        fprintf(stderr, "%s\n", gn_str_text(&line));
    }
    gn_str_release(&line);
    return ok;
}

static bool on_saved(void *user, int64_t step, const char *path, gn_error *e) {
    job *j = user;
    gn_str eval = {0};
    bool ok = evaluate(j, step, path, &eval, e);
    if (ok && j->json) {
        const ptrdiff_t list = gn_slice_find(gn_str_slice(&eval), GN_S("\"tasks\":"));
        gn_str_fmt(&j->line, "{\"event\":\"saved\",\"step\":%" PRId64 ",\"path\":", step);
        gn_json_write_string(&j->line, gn_slice_of(path));
        gn_str_puts(&j->line, ",\"eval\":");
        if (list >= 0)
            gn_str_add(&j->line, gn_slice_from(gn_str_slice(&eval), (size_t)list + 8));
        else
            gn_str_puts(&j->line, "[]}");
        ok = gn_out_line(&j->line, e);
    }
    gn_str_release(&eval);
    return ok;
}

static void add_shell_word(gn_str *s, const char *word) {
    gn_str_puts(s, " '");
    for (; *word; word++)
        gn_str_puts(s, *word == '\'' ? "'\\''" : (char[2]){*word, 0});
    gn_str_putc(s, '\'');
}

/* The command again, for who wants to go on. */
static void resume_command(const job *j, const char *model, gn_str *s) {
    const gn_option *o;
    gn_str_puts(s, "gneiss tune");
    if (model)
        add_shell_word(s, model);
    for (int i = 0; (o = gn_command_option(gn_args_command(j->a), i)); i++)
        if (gn_args_given(j->a, o->name) && gn_command_owns(gn_args_command(j->a), o)) {
            gn_str_fmt(s, " --%s", o->name);
            if (o->argument)
                add_shell_word(s, gn_args_text(j->a, o->name, ""));
        }
}

static bool say_start(job *j, const char *model, gn_error *e) {
    size_t trained;
    const size_t all = gn_tune_parameters(j->t, &trained);
    if (!j->json) {
        if (!j->quiet)
            fprintf(stderr,
                    "%zu parameters, %zu trained; %d examples of %" PRId64 " tokens; steps %" PRId64
                    " to %" PRId64 "; %.0f MiB of activations\n",
                    all, trained, gn_tune_examples(j->t), gn_tune_tokens(j->t),
                    gn_tune_step(j->t) + 1, gn_tune_steps(j->t),
                    (double)gn_tune_bytes(j->t) / (1 << 20));
        return true;
    }
    gn_str command = {0};
    resume_command(j, model, &command);
    gn_str_puts(&j->line, "{\"schema\":\"gneiss.tune/1\",\"event\":\"start\",\"model\":");
    gn_json_write_string(&j->line, gn_slice_of(model ? model : gn_args_text(j->a, "init", "")));
    gn_str_fmt(&j->line,
               ",\"params\":%zu,\"trained\":%zu,\"examples\":%d,\"tokens\":%" PRId64
               ",\"steps\":%" PRId64 ",\"from_step\":%" PRId64 ",\"resume\":",
               all, trained, gn_tune_examples(j->t), gn_tune_tokens(j->t), gn_tune_steps(j->t),
               gn_tune_step(j->t));
    gn_json_write_string(&j->line, gn_str_slice(&command));
    gn_str_putc(&j->line, '}');
    gn_str_release(&command);
    return gn_out_line(&j->line, e);
}

static bool say_end(job *j, bool done, double seconds, int64_t tokens, const char *out,
                    gn_error *e) {
    const int64_t n = gn_tune_step(j->t);
    const float *loss = gn_tune_losses(j->t);
    if (j->json) {
        gn_str_fmt(&j->line, "{\"event\":\"done\",\"status\":\"%s\",\"step\":%" PRId64,
                   done ? "done" : "stopped", n);
        gn_str_puts(&j->line, ",\"loss\":");
        gn_json_write_f32(&j->line, n ? loss[n - 1] : NAN);
        gn_str_fmt(&j->line, ",\"tokens\":%" PRId64, tokens);
        gn_out_number(&j->line, "seconds", seconds);
        gn_str_puts(&j->line, ",\"path\":");
        gn_json_write_string(&j->line, gn_slice_of(out));
        gn_str_putc(&j->line, '}');
        return gn_out_line(&j->line, e);
    }
    if (j->quiet)
        return true;
    gn_tune_plot(&j->line, loss, n, 64, 10);
    gn_str_fmt(&j->line, "%s at step %" PRId64 ": %s", done ? "done" : "stopped", n, out);
    return gn_out_line(&j->line, e);
}

static int train(job *j, const gn_tune_options *o, gn_error *e) {
    const gn_tune_hooks hooks = {on_step, on_saved, j};
    bool done = false;
    if (!o->out)
        return gn_fail(e, GN_INVALID, "-o DIR says where the model goes"), GN_FAILED;
    gn_interrupt_catch();
    j->t = gn_tune_open(o, e);
    const double begun = gn_seconds();
    const bool ok = j->t && say_start(j, o->model, e) && gn_tune_run(j->t, &hooks, &done, e) &&
                    say_end(j, done, gn_seconds() - begun, gn_tune_read(j->t), o->out, e);
    return !ok ? GN_FAILED : done ? GN_EXIT_YES : GN_EXIT_INTERRUPTED;
}

static bool gradients(job *j, const gn_tune_options *o, gn_error *e) {
    const char *out = gn_args_text(j->a, "output", NULL);
    double loss;
    if (!out)
        return gn_fail(e, GN_INVALID, "-o FILE.safetensors says where the gradients go");
    j->t = gn_tune_open(o, e);
    if (!j->t || !gn_tune_gradients(j->t, out, &loss, e))
        return false;
    gn_str_puts(&j->line, "{\"loss\":");
    gn_json_write_f64(&j->line, loss);
    gn_str_puts(&j->line, ",\"path\":");
    gn_json_write_string(&j->line, gn_slice_of(out));
    gn_str_putc(&j->line, '}');
    if (!j->json) {
        gn_str_cut(&j->line, 0);
        gn_str_fmt(&j->line, "loss %.6f; gradients in %s", loss, out);
    }
    return gn_out_line(&j->line, e);
}

static int run(const gn_args *a, gn_error *e) {
    int64_t snapshot[64];
    const char *model = NULL, *progress = gn_args_text(a, "progress", "auto");
    int first = 0;
    if (!gn_args_given(a, "init") && !gn_args_model(a, &model, &first, e))
        return GN_FAILED;
    gn_tune_options o = options_of(a, model);
    if (!o.data)
        return gn_fail(e, GN_INVALID, "--data FILE says what is learned"), GN_FAILED;
    if (!read_snapshots(a, snapshot, 64, &o.snapshots, e) || !gn_tune_check_tasks(a, e))
        return GN_FAILED;
    o.snapshot = snapshot;
    job j = {.a = a, .json = gn_args_flag(a, "json"), .quiet = gn_args_flag(a, "quiet")};
    j.json_progress = strcmp(progress, "json") == 0;
    j.live = !j.quiet && isatty(2) && strcmp(progress, "off") != 0;
    int code;
    if (gn_args_flag(a, "dry-run"))
        code = dry_run(&j, &o, e) ? GN_EXIT_YES : GN_FAILED;
    else if (gn_args_given(a, "gradients"))
        code = gradients(&j, &o, e) ? GN_EXIT_YES : GN_FAILED;
    else
        code = train(&j, &o, e);
    gn_tune_close(j.t);
    gn_str_release(&j.line);
    return code;
}

const gn_command gn_cmd_tune = {
    .name = "tune",
    .usage = "MODEL --data FILE -o DIR\n--init CONFIG.json --tokenizer DIR --data FILE -o DIR",
    .summary = "train a model, without padding",
    .about = "Trains all of a small model, or adapters of a larger one, on whole examples packed "
             "end to end. Stop it at any moment; the same command goes on, bit for bit.",
    .option = options,
    .run = run,
};
